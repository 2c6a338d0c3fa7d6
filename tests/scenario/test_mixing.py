# SPDX-License-Identifier: BSD-3-Clause
"""A validator may mix the records of both signers, at any moment, and must never see the difference."""

import dns.rdatatype

from duetlab import (BindResolver, Cluster, Failed, KnotResolver, Unbound, axfr, limit, small_zone, wait_until)
from flood import ask_all
from mixserver import SOA, MixServer, labels

ZONES = {                       # zone: policy
    "nsec.mix": "denial: nsec\n",
    "nsec3.mix": "denial: nsec3\nnsec3-salt-len: 8\n",
    "optout.mix": "denial: nsec3-optout\nnsec3-salt-len: 8\n",
}
VALIDATORS = (Unbound, BindResolver, KnotResolver)
HOSTS = 300
ASKED = 1120                    # times nine makes ten thousand


def questions(zone, count):
    """Fresh names of every kind of answer.  Where opted-out spans deny, a validator must not set AD (RFC 5155
    section 9.2)."""
    ad = not zone.startswith("optout")
    out = []
    for i in range(count):
        out.append((
            ("host%d" % (i // 8 % HOSTS), "A", "NOERROR", True),
            ("host%d" % (i // 8 % HOSTS), "AAAA", "NOERROR", True),         # NODATA
            ("no%d" % i, "A", "NXDOMAIN", ad),
            ("x%d.a.b.c.deep" % i, "A", "NXDOMAIN", ad),
            ("y%d.wild" % i, "TXT", "NOERROR", ad),                         # from a wildcard
            ("z%d.wild" % i, "A", "NOERROR", ad),                           # NODATA at a wildcard
            ("c.deep", "TYPE%d" % (300 + i), "NOERROR", True),              # NODATA at an empty non-terminal
            (("plain%d" % i, "DS", "NOERROR", ad), ("signed%d" % i, "DS", "NOERROR", True))[i // 8 % 2],
        )[i % 8])
    return [("%s.%s" % (name, zone), kind, rcode, want) for name, kind, rcode, want in out]


def content(zone):
    rows = ["plain%d NS ns2" % i for i in range(7, ASKED, 16)]
    rows += ["signed%d NS ns2\nsigned%d DS 12345 13 2 %s" % (i, i, "AB" * 32) for i in range(15, ASKED, 16)]
    return small_zone(zone, n=HOSTS, more="\n".join(rows) + "\n")


def two_versions(lab):
    """Both signers' versions of all zones, as a stranger gets them, and the DS lines."""
    cluster = Cluster(lab, signers=2, backups=1).init().start()
    for zone, policy in ZONES.items():
        name = zone.split(".", maxsplit=1)[0] + "-mix"
        cluster.signer1.ctl("policy", "apply", lab.write(name + ".yaml", "name: %s\n%s" % (name, policy)))
        cluster.add_zone(zone, content(zone), policy=name)
    anchors = []
    for zone in ZONES:
        cluster.signer2.ctl("key", "create", zone)
        cluster.wait_signed(zone)
        anchors += cluster.ds(zone)
    # One signer signs everything once more, so that serials and RRSIG times differ too.
    for zone in ZONES:
        before = cluster.signer2.serial(zone)
        cluster.signer2.ctl("zone", "sign", zone, "--full")
        wait_until(lambda z=zone, s=before: cluster.signer2.serial(z) != s, 15, "signer2 signs %s anew" % zone)
    versions = {z: [axfr(s.addr, z) for s in cluster.signers()] for z in ZONES}
    for h in cluster.hosts.values():
        h.stop()
    return versions, anchors


def differ(server):
    """The versions must really differ, or mixing them shows nothing."""
    for origin, (a, b) in server.zones.items():
        same = [k for k in a.sigs if k in b.sigs and a.sigs[k] == b.sigs[k] and k[1] != 48]
        if same:
            raise Failed("both signers have the same RRSIG at %s" % (same[:3],))
        if a.nsec3 is not None and a.nsec3 == b.nsec3:
            raise Failed("both signers chose the same salt in %s" % (origin,))


def repeats(server, asked):
    """The questions that a resolver asked more than once, as it does when it finds an answer bogus."""
    mine = {(labels(name), dns.rdatatype.from_text(kind)) for name, kind, _, _ in asked}
    return [q for q, n in server.asked.items() if n > 1 and q in mine]


@limit(240)
def test_mixing(lab):
    versions, anchors = two_versions(lab)
    server = MixServer(lab.addr(), versions, seed=7).start()
    lab.closers.append(server.close)
    differ(server)
    stubs = {z: (server.addr, server.port) for z in ZONES}
    resolvers = [kind(lab, kind.__name__.lower(), stubs, anchors).start() for kind in VALIDATORS]
    total = 0
    for r in resolvers:
        for zone in ZONES:
            asked = questions(zone, ASKED)
            server.asked.clear()
            got = ask_all(r.addr, r.port, asked)
            again = repeats(server, asked)
            print("%s, %s: %s; asked for again: %d" % (r.name, zone, got, len(again)))
            # A lost datagram may be asked for again, a bogus answer would be time and again.
            if got.good != len(asked) or len(again) > len(asked) // 100:
                raise Failed("%s, %s: %s; asked for again: %s" % (r.name, zone, got, again[:10]))
            total += got.good
    if server.mixed < total // 4:
        raise Failed("only %d of %d answers were mixed" % (server.mixed, server.answers))
    print("%d answers, none bogus; %d were mixed within themselves" % (total, server.mixed))

    # And this would have been seen: one signature broken in one of the versions.
    broken = MixServer(lab.addr(), versions, seed=8)
    for zone in ZONES:
        broken.zones[labels(zone)][1].break_signature(labels(zone), SOA)
    broken.start()
    lab.closers.append(broken.close)
    stubs = {z: (broken.addr, broken.port) for z in ZONES}
    for kind in VALIDATORS:
        r = kind(lab, "broken-" + kind.__name__.lower(), stubs, anchors).start()
        for zone in ZONES:
            asked = questions(zone, 80)
            got = ask_all(r.addr, r.port, asked)
            # Unbound and kresd say SERVFAIL; named answers without AD where it can.
            if got.good == len(asked):
                raise Failed("%s did not notice a broken signature in %s: %s" % (r.name, zone, got))
