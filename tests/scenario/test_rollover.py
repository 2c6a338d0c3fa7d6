# SPDX-License-Identifier: BSD-3-Clause
"""Keys are rolled while a validator asks all the time for fresh and cached names; nothing is bogus."""

import json
import re
import threading
import time

from duetlab import NSD, Cluster, Failed, Knot, Unbound, limit, small_zone, wait_until
from steady import Steady, end_all

ZONE = "example.org"
HOSTS = 300
QUICK = """name: %s
keys: %s
algorithm: %d
ksk-rollover: %s
dnskey-ttl: 2s
propagation: 1s
max-ttl-unsigned: 1h
max-ttl-signed: 10s
renewal-margin: 1h
"""


def keys(host):
    return json.loads(host.ctl("key", "list", ZONE, "--json").stdout)["keys"]


def live(host):
    return [k for k in keys(host) if not k["gone"]]


class World:
    """Two signers, NSD behind one and Knot behind the other, Unbound at both."""

    def __init__(self, lab, split, algorithm=13, ksk="double-signature"):
        self.cluster = cluster = Cluster(lab, signers=2, backups=1).init()
        self.s1, self.s2 = cluster.signer1, cluster.signer2
        nsd = NSD(lab, "nsd", [ZONE], [self.s1.addr])
        knot = Knot(lab, "knot", [ZONE], [self.s2.addr])
        cluster.add_secondary(nsd, of=[self.s1])
        cluster.add_secondary(knot, of=[self.s2])
        self.secondaries = [nsd, knot]
        cluster.write_confs()
        cluster.start()
        for s in (nsd, knot):
            s.start()
        lab.write("quick.yaml", QUICK % ("quick", "ksk+zsk" if split else "csk", algorithm, ksk))
        self.s1.ctl("policy", "apply", lab.path("quick.yaml"))
        cluster.add_zone(ZONE, small_zone(ZONE, n=HOSTS, ttl=2, minimum=1), policy="quick")
        self.s1.ctl("key", "create", ZONE)
        cluster.wait_signed(ZONE)
        for s in (nsd, knot):
            wait_until(lambda s=s: s.signed(ZONE), 30, "%s serves the signed zone" % s.name)
        wait_until(lambda: self.s1.ctl("key", "ds", ZONE, check=False).returncode == 0, 60, "the DS may go to the parent")
        self.parent(True)
        anchors = [row for row in cluster.ds(ZONE)]
        resolvers = [Unbound(lab, "unbound-" + s.name, {ZONE: (s.addr, s.port)}, anchors).start() for s in (nsd, knot)]
        self.streams = [Steady(s.name, r.addr, r.port, ZONE, HOSTS, rate=20, again=True).start()
                        for s, r in zip((nsd, knot), resolvers)]
        wait_until(lambda: all(s.answered() > 100 for s in self.streams), 20, "resolvers answer")
        wait_until(self.settled, 60, "the first keys are in use everywhere")

    def parent(self, seen):
        """An operator's word on the DS."""
        self.s2.ctl("key", "ds-seen" if seen else "ds-gone", ZONE, "--ttl", "2s", check=False)

    def settled(self):
        return all(r["phase"] == "omnipresent" for h in (self.s1, self.s2) for k in live(h) for r in k["records"].values())

    def rolled(self, old, timeout=120):
        """Until none of the old keys is left, on either node."""
        def over():
            return all(not {k["hash"] for k in live(h)} & old for h in (self.s1, self.s2)) and self.settled()
        try:
            wait_until(over, timeout, "the roll is over", every=0.3)
        except Failed as e:
            raise Failed("%s\n%s\n%s" % (e, self.s1.ctl("key", "explain", ZONE).stdout, self.s2.ctl("key", "explain", ZONE).stdout))

    def end(self):
        end_all(self.streams, wrong=Steady.bad)


def zsk_calendar(tag):
    """dnskey-ttl, and then the TTL of the zone, with propagation: 3 s each."""
    old, new = "zsk %d/13: " % tag, "the new zsk: "
    return [(0, "the new key is made, proven by every signer and stored by the backups"), (0, new + "its DNSKEY is published"),
            (3, new + "its DNSKEY is everywhere"), (3, new + "it signs the zone"), (3, old + "it signs the zone no more"),
            (6, new + "its RRSIGs over the zone are everywhere"), (6, old + "no cache has its RRSIGs any more"),
            (6, old + "its DNSKEY goes"), (9, old + "no cache has its DNSKEY any more"), (9, "the roll is over")]


def check_chart(host, old):
    """`key timeline` of a roll that is over has what its calendar said, in this order, and nothing of it earlier; and it is drawn."""
    chart = json.loads(host.ctl("key", "timeline", ZONE, "--json").stdout)
    fresh, = [k["records"] for k in chart["keys"] if k["role"] == "zsk" and k["hash"] not in old]
    gone, = [k["records"] for k in chart["keys"] if k["hash"] in old]

    def at(records, record, phase):
        return next(s["at"] for s in records[record] if s["phase"] == phase and not s["expected"])
    turns = [at(fresh, "dnskey", "rumoured"), at(fresh, "dnskey", "omnipresent"), at(fresh, "zone", "rumoured"),
             at(gone, "zone", "hidden"), at(gone, "dnskey", "unretentive"), at(gone, "dnskey", "hidden")]
    if turns != sorted(turns) or any(b - a < 2 for a, b in ((turns[0], turns[2]), (turns[2], turns[4]), (turns[4], turns[5]))):
        raise Failed("key timeline: %s" % chart)
    wait_until(lambda: host.now() > turns[-1] + 1, 10, "the last turn has a column of its own before that of now")
    rows = host.ctl("key", "timeline", ZONE).stdout.splitlines()
    drawn = [row for row in rows if re.search(r" (dnskey|zone|ds) ", row) and "|" in row]
    old_rows = [row for i, row in enumerate(drawn) if re.search(r"dnskey .*#\\\\.*\.\|\.", row)]
    if len(drawn) != 6 or len(old_rows) != 1 or not any("zone  unretentive" in re.sub(" +", "  ", row) for row in rows):
        raise Failed("key timeline draws\n%s" % "\n".join(rows))


@limit(240)
def test_zsk_roll(lab):
    """The ZSK is rolled on both nodes at once, and signer2 is cut off in the middle."""
    w = World(lab, split=True)
    old = {k["hash"] for k in live(w.s1) if k["role"] == "zsk"}
    plan, = json.loads(w.s1.ctl("key", "roll", ZONE, "--role", "zsk", "--dry-run", "--json").stdout)["keys"]
    if [(s["after_s"], s["what"]) for s in plan["calendar"]] != zsk_calendar(plan["tag"]) or any(k["roll"] for k in live(w.s1)):
        raise Failed("--dry-run: %s" % plan)
    for row in w.s1.ctl("key", "roll", ZONE, "--role", "zsk", "--dry-run").stdout.splitlines()[2:]:
        if not re.fullmatch(r"  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  in [0369]s {9}\S.*", row):
            raise Failed("--dry-run prints %s" % row)
    chart = json.loads(w.s1.ctl("key", "timeline", ZONE, "--json").stdout)
    if {k["hash"] for k in chart["keys"]} != {k["hash"] for k in live(w.s1)} or any(
            not r or any(s["expected"] for s in r) for k in chart["keys"] for r in k["records"].values()):
        raise Failed("key timeline of a zone at rest: %s" % chart)
    # Two operators, at the same time.
    asked = [threading.Thread(target=h.ctl, args=("key", "roll", ZONE, "--role", "zsk")) for h in (w.s1, w.s2)]
    for a in asked:
        a.start()
    for a in asked:
        a.join()
    wait_until(lambda: len([k for k in live(w.s1) if k["role"] == "zsk" and k["published"]]) == 2, 60,
               "the new key is published")
    again, = json.loads(w.s2.ctl("key", "roll", ZONE, "--role", "zsk", "--json").stdout)["keys"]
    if not again["existing"] or again["hash"] not in old:
        raise Failed("asked again, it is another roll: %s" % again)
    w.s2.kill("keydist")
    began = time.monotonic()
    before = [s.answered() for s in w.streams]
    wait_until(lambda: time.monotonic() - began > 6 and all(s.answered() > b + 100 for s, b in zip(w.streams, before)), 30,
               "longer than anything is cached")
    if not old & {k["hash"] for k in live(w.s1)}:
        raise Failed("the old key went without a promise of signer2")
    w.s2.start("keydist")
    w.rolled(old)
    if len([k for k in keys(w.s1) if k["role"] == "zsk" and not k["gone"]]) != 1:
        raise Failed("two nodes that were asked made two keys: %s" % keys(w.s1))
    for h in (w.s1, w.s2):
        check_chart(h, old)
    w.end()


@limit(180)
def test_a_new_policy_waits_for_the_roll_that_runs(lab):
    """Another algorithm is asked for while the ZSK is rolled: that roll ends as it began, and then the other begins."""
    w = World(lab, split=True)
    old = {k["hash"] for k in live(w.s1) if k["role"] == "zsk"}
    w.s1.ctl("key", "roll", ZONE, "--role", "zsk")
    wait_until(lambda: len([k for k in live(w.s1) if k["role"] == "zsk" and k["published"]]) == 2, 60, "the new key is published")
    w.s2.kill("keydist")    # without which it does not end
    w.s1.ctl("policy", "apply", "--force", w.cluster.lab.write("quick.yaml", QUICK % ("quick", "ksk+zsk", 15, "double-signature")))
    w.s1.ctl("key", "roll", ZONE)
    w.s2.start("keydist")
    wait_until(lambda: any(k["algorithm"] == 15 and k["published"] for k in live(w.s1)), 120, "the other algorithm is published",
               every=0.3)
    w.end()
    chart = json.loads(w.s1.ctl("key", "timeline", ZONE, "--json").stdout)["keys"]
    began = min(s["at"] for k in chart if k["algorithm"] == 15 for s in k["records"]["dnskey"] if s["phase"] == "rumoured")
    ended = [s["at"] for k in chart if k["hash"] in old for s in k["records"]["dnskey"]
             if s["phase"] == "hidden" and not s["expected"]]
    if not ended or began < max(ended):
        raise Failed("the other algorithm came at %d, and the old key went at %s: %s" % (began, ended, chart))


def bare(w):
    """No secondary has a signature."""
    return not any(s.signed(ZONE) for s in w.secondaries)


def swear(w, old, timeout=120):
    """The parent follows CDS at once, and the operator says so, until the old keys are gone."""
    def over():
        w.parent(True)
        w.parent(False)
        return all(not {k["hash"] for k in live(h)} & old for h in (w.s1, w.s2)) and w.settled()
    try:
        wait_until(over, timeout, "the roll is over", every=1)
    except Failed as e:
        raise Failed("%s\n%s\n%s" % (e, w.s1.ctl("key", "explain", ZONE).stdout, w.s2.ctl("key", "explain", ZONE).stdout))


@limit(240)
def test_csk_roll(lab):
    """The CSK is rolled, then the zone becomes insecure, and secure again; an operator says what the parent shows."""
    w = World(lab, split=False)
    old = {k["hash"] for k in live(w.s1)}
    w.s2.ctl("key", "roll", ZONE)
    wait_until(lambda: any(k["cds"] and k["hash"] not in old for k in live(w.s1)), 60, "CDS names the new key")
    w.end()     # their trust anchor is the old key's: from here on it is the parent's business
    swear(w, old)
    old = {k["hash"] for k in live(w.s1)}
    w.s1.ctl("key", "withdraw", ZONE)
    wait_until(lambda: bare(w) or w.parent(False), 90, "the zone is unsigned everywhere", every=1)
    w.s2.ctl("key", "create", ZONE)
    wait_until(lambda: all(s.signed(ZONE) for s in w.secondaries), 60, "the zone is signed again")
    if old & {k["hash"] for k in live(w.s1)}:
        raise Failed("a key that was withdrawn is used again: %s" % keys(w.s1))
