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
    nsd.start()
    nsd.wait_serial(ZONE, mine + 7, 30)
    s1.ctl("--json", "zone", "status", ZONE)
    wait_until(lambda: shown(s1)[nsd.addr].get("serial") == mine + 7, 330, "signer1 sees it", every=0.5)
    if shown(s1)[nsd.addr]["explained"]:
        raise Failed("explained: %s" % shown(s1))
    if s1.serial(ZONE) != mine:
        raise Failed("overtaken at once")
    mark = s1.signer.mark()
    for h in cluster.hosts.values():    # ten minutes later
        h.set_clock(601)
    s1.signer.wait_event("event=published %s why=overtaking" % DOT, 30, mark)
    if s1.serial(ZONE) != mine + 8:
        raise Failed("serial %s, not one above %d" % (s1.serial(ZONE), mine + 7))
