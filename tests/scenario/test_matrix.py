# SPDX-License-Identifier: BSD-3-Clause
"""What both signers serve, for every mode of denial, algorithm and kind of input, before the judges of others."""

from duetlab import DNS_PORT, Cluster, Failed, find_program, limit, run, verify
from test_sign import judge, types_zone
import zonegen

KINDS = {"tld": zonegen.tld, "host": zonegen.host, "deep": zonegen.deep, "large": zonegen.large, "types": None}
MODES = ("nsec", "nsec3", "nsec3-optout")


def text_of(kind, origin):
    return types_zone().replace("types.example.", origin) if kind == "types" else KINDS[kind](origin)


def both_sign(lab, algorithms, more="", kinds=tuple(KINDS)):
    cluster = Cluster(lab, signers=2, backups=1).init().start()
    zones = []
    for alg in algorithms:
        for mode in MODES:
            policy = "%s-%d" % (mode, alg)
            cluster.signer1.ctl("policy", "apply", lab.write(policy + ".yaml", "name: %s\ndenial: %s\nalgorithm: %d\n%s" % (
                policy, mode, alg, more)))
            for kind in kinds:
                zone = "%s.%s.example." % (kind, policy)
                cluster.add_zone(zone, text_of(kind, zone), policy=policy)
                zones.append((zone, kind, alg))
    for i, (zone, _, _) in enumerate(zones):   # on either signer in turn
        cluster.signers()[i % 2].ctl("key", "create", zone)
    for zone, kind, alg in zones:
        cluster.wait_signed(zone, 60)
        keys = []
        for h in cluster.signers():
            judge_served(h, zone, kind)
            keys.append(dnskeys(h, zone))
        if keys[0] != keys[1] or {k.split()[2] for k in keys[0]} != {str(alg)}:
            raise Failed("%s: DNSKEY RRsets %s" % (zone, keys))


def fetch(host, zone, client="kdig"):
    """The zone as a client of others transfers and prints it, in a file."""
    more = ["+onesoa", "+noall", "+answer", "+nosplit"] if client == "dig" else ["+noall", "+answer"]
    out = run([find_program(client), "@" + host.addr, "-p", str(DNS_PORT), zone, "AXFR"] + more).stdout
    rows = [row.split(None, 4) for row in out.splitlines() if row and not row.startswith(";")]
    if client == "kdig":
        rows.pop()  # the closing SOA
    return host.lab.write("axfr/%s%s.%s" % (zone, host.name, client),
                          "".join(" ".join(r + [""] * (5 - len(r))) + "\n" for r in rows))


def judge_served(host, zone, kind):
    """Rarer types have a text of their own in each tool: BIND's judge gets the zone from dig, the others from our export."""
    if kind != "types":
        judge(fetch(host, zone), zone, kind)
        return
    fetch(host, zone)
    verify(fetch(host, zone, "dig"), zone, ("dnssec-verify",))
    judge(host.lab.write("axfr/%s%s.export" % (zone, host.name), host.ctl("zone", "export", zone).stdout), zone, kind)


def dnskeys(host, zone):
    """The DNSKEY records among what fetch brought."""
    with open(host.lab.path("axfr/%s%s.kdig" % (zone, host.name)), encoding="utf-8") as f:
        return sorted(row.split(" ", 4)[4].strip() for row in f if row.split(" ")[3] == "DNSKEY")


@limit(240)
def test_rsa(lab):
    both_sign(lab, [8])


@limit(240)
def test_ecdsa(lab):
    both_sign(lab, [13])


@limit(240)
def test_ed25519(lab):
    both_sign(lab, [15])


@limit(240)
def test_other_algorithms_with_separate_keys(lab):
    both_sign(lab, [10, 14, 16], "keys: ksk+zsk\n", ("deep",))
