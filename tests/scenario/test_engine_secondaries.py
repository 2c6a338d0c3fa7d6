# SPDX-License-Identifier: BSD-3-Clause
"""What secondaries show: they are looked at, told again, and what nobody explains is overtaken in time."""

from duetlab import *
from test_engine_publish import DOT, ZONE, change, pair, quiet, status


def shown(host):
    return {s["address"].split("#")[0]: s for s in status(host)["secondaries"]}


@limit(240)
def test_secondaries_are_looked_at_and_told_again(lab):
    cluster, nsd = pair(lab)
    s1 = cluster.signer1
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    wait_until(lambda: shown(s1)[nsd.addr]["in_step"], 30, "status shows NSD in step", every=0.2)
    word = shown(s1)[nsd.addr]
    if not word["explained"] or word["id"] != status(s1)["id"]:
        raise Failed("NSD's version is not known as ours: %s" % word)
    wait_until(lambda: shown(s1)[nsd.addr].get("dnskey") == status(s1)["keyset"], 30, "NSD's keys are known", every=0.2)
    # Away while the zone changes, longer than NOTIFY is tried again; back with an old version and a long refresh.
    nsd.stop()
    change(cluster, 2, "away TXT \"x\"\n")
    wait_until(lambda: "away" in axfr_text(s1.addr, ZONE), 20, "the change is published")
    wait_until(lambda: not shown(s1)[nsd.addr]["ok"], 30, "status shows that NSD is away", every=0.2)
    s1.signer.wait_event("event=notify %s result=timeout" % DOT, 60)
    nsd.start()
    wait_until(lambda: shown(s1)[nsd.addr]["in_step"], 90, "NSD is told again", every=0.5)


@limit(240)
def test_a_version_that_nobody_explains_is_let_be_and_then_overtaken(lab):
    """A third server feeds the secondary a version of its own with a higher serial."""
    cluster, nsd = pair(lab)
    s1 = cluster.signer1
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    mine = s1.serial(ZONE)
    nsd.stop()
    other = BindPrimary(lab, "other", {ZONE: small_zone(ZONE, serial=mine + 7)}).start()
    nsd.masters = [Primary(other.addr, other.port)]
    nsd.forget()
    nsd.start()
    nsd.wait_serial(ZONE, mine + 7, 30)
    s1.ctl("drill", "readiness", check=False)   # asks the secondaries now, not in their turn
    wait_until(lambda: shown(s1)[nsd.addr].get("serial") == mine + 7, 30, "signer1 sees it", every=0.5)
    if shown(s1)[nsd.addr]["explained"]:
        raise Failed("explained: %s" % shown(s1))
    if s1.serial(ZONE) != mine:
        raise Failed("overtaken at once")
    mark = s1.signer.mark()
    for h in cluster.hosts.values():    # ten minutes later
        h.set_clock(601)
    s1.wait_published(ZONE, "why=overtaking", since=mark)
    if s1.serial(ZONE) != mine + 8:
        raise Failed("serial %s, not one above %d" % (s1.serial(ZONE), mine + 7))


@limit(300)
def test_signers_that_cannot_hear_each_other_do_not_race(lab):
    """Both keydists are down; the secondary that lists both shows each signer a version that the other cannot explain."""
    cluster = Cluster(lab, signers=2, backups=1, conf={"signer": {"node": {"clock": "trust"}}}).init()
    s1, s2 = cluster.signer1, cluster.signer2
    knot = Knot(lab, "knot", [ZONE], [s1.addr, s2.addr])
    cluster.add_secondary(knot, of=[s1, s2])
    cluster.write_confs()
    cluster.start()
    cluster.add_zone(ZONE, small_zone(ZONE))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    quiet(cluster)
    knot.start()
    knot.wait_serial(ZONE, s1.serial(ZONE), 30)
    for h in (s1, s2):
        h.keydist.expect_failure = True
        h.kill("keydist")
        h.signer.wait_event("event=keydist-down", 20)
    begun = [h.signer.mark() for h in (s1, s2)]
    change(cluster, 2, "deaf TXT \"x\"\n")
    for h in (s1, s2):
        wait_until(lambda host=h: "deaf" in axfr_text(host.addr, ZONE), 30, "%s publishes without the other" % h.name)
    wait_until(lambda: bool(query(knot.addr, "deaf.%s." % ZONE, "TXT", port=knot.port).answer), 30, "Knot has the change")
    # With the step that follows this line the ten minutes begin, so the clock must not be moved before it.
    wait_until(lambda: any(h.signer.count("event=secondary " + DOT + " explained=no", m) for h, m in zip((s1, s2), begun)), 30,
               "one of them sees what it cannot explain")
    for h in (s1, s2, s1, s2):      # who has answered twice has made that step
        status(h)
    marks = [h.signer.mark() for h in (s1, s2)]
    both = lambda: sum(h.signer.count("event=published " + DOT, m) for h, m in zip((s1, s2), marks))
    if both():
        raise Failed("published without a reason")
    for h in (s1, s2):
        h.set_clock(620)
    wait_until(lambda: both() >= 1, 30, "ten minutes later it is overtaken")
    for h in (s1, s2):
        if h.signer.count("event=published %s why=overtaking" % DOT) > 1:
            raise Failed("%s races" % h.name)
    for h in (s1, s2):
        h.set_clock(0)
        h.start("keydist")
        h.signer.wait_event("event=keydist-up", 20, marks[h is s2])
    wait_until(lambda: all(p["heard_ms"] is not None and p["heard_ms"] < 3000 for h in (s1, s2) for p in status(h)["peers"]), 30,
               "they hear each other again", every=0.2)
    # The same content at two serials needs nothing; changes that both hear of bring them to one again.
    for n in range(3, 9):
        change(cluster, n, "again%d TXT \"x\"\n" % n)
        wait_until(lambda: bool(query(knot.addr, "again%d.%s." % (n, ZONE), "TXT", port=knot.port).answer), 30, "Knot has it")
        for h in (s1, s2):
            wait_until(lambda host=h: "again%d" % n in axfr_text(host.addr, ZONE), 30, "%s has it" % h.name, every=0.1)
        if s1.serial(ZONE) == s2.serial(ZONE) == knot.serial(ZONE):
            return
    raise Failed("serials drift apart: %s, %s" % (s1.serial(ZONE), s2.serial(ZONE)))
