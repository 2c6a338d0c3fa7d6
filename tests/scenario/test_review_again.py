# SPDX-License-Identifier: BSD-3-Clause
"""A candidate passed its audit and waits for its review: what changes around it until it is approved is judged again."""

import json

from duetlab import *
from test_review import DOT, SIGN_PORT, ZONE, Site

PARENT = "$ORIGIN org.\n@ 60 SOA ns.org. h.org. 1 3600 600 86400 30\n@ 60 NS ns\nns 60 A 127.0.0.1\nexample 60 NS ns.example\n" \
         "ns.example 60 A 127.0.0.1\n"
DAY = 86400
DS = "example 60 DS 4711 13 2 " + "AB" * 32


@limit(150)
def test_what_changes_while_a_candidate_waits_is_judged_again(lab):
    """The parent's DS, and the policy: what passed before they changed is refused after all, and the log says why."""
    parent = KnotPrimary(lab, "parent", {"org": PARENT}).start()
    site = Site(lab, "sign-review: manual\n",
                signer={"parents": [{"zone": "org", "servers": ["%s#%d" % (parent.addr, parent.port)], "validate": False}],
                        "look-interval-s": 1})
    host, log = site.host, site.log

    def approve(serial):
        if site.verb("approve", {"serial": serial}) != 200:
            raise Failed("not approved")

    def refused_after_all(serial, why, row, mark):
        approve(serial)
        log.wait_event("event=audit-again %s serial=%d msg=it has passed, but since then: %s" % (DOT, serial, why), 20, mark)
        found = log.wait_event("event=audit-refused %s serial=%d result=refused" % (DOT, serial), 20, mark)["msg"]
        if row not in found:
            raise Failed("not for %s: %s" % (row, found))
        log.wait_event("event=candidate-dropped %s serial=%d stage=sign" % (DOT, serial), 5, mark)

    # The first version: a DS comes that names another key, and goes again.
    serial = site.candidate("sign")
    mark = log.mark()
    parent.update("org", add=[DS])
    host.keydist.wait_event("event=parent-shows %s address=%s#%d ds=1" % (DOT, parent.addr, parent.port), 20)
    refused_after_all(serial, "the parent's DS have changed", "AUD-KEY-06", mark)
    if log.count("event=published %s" % DOT):
        raise Failed("published under a DS that names another key")
    looked = host.keydist.mark()
    parent.update("org", delete=[DS])
    host.keydist.wait_event("event=parent-shows %s address=%s#%d ds=0" % (DOT, parent.addr, parent.port), 20, looked)
    approve(site.candidate("sign", since=mark))
    site.wait_shown(1)
    site.wait_first_ds()
    # A policy comes that forbids what waits; the keys are the same.
    mark = log.mark()
    site.put(2, "long 7200 TXT long\n")
    serial = site.candidate("sign", since=mark)
    mark, plans = log.mark(), log.count("event=plan %s" % DOT)
    site.policy("sign-review: manual\nmax-ttl-signed: 1h\n")
    wait_until(lambda: log.count("event=plan %s" % DOT) > plans, 20, "the policy has come")
    refused_after_all(serial, "the policy has changed", "AUD-TTL-01", mark)
    if site.shown(2) or not site.shown(1):
        raise Failed("published against the policy")
    mark = log.mark()
    site.put(3)
    approve(site.candidate("sign", since=mark))
    site.wait_shown(3)
    if log.count("event=audit-again %s" % DOT, mark):
        raise Failed("audited again, though nothing has changed")


@limit(120)
def test_each_stage_stops_the_zone_where_its_refusal_is_hard(lab):
    """duet-audit's, and that of what is signed: no newer content comes until the zone is resumed; renewals do, audited."""
    site = Site(lab, "sign-review: hook\nsign-refused: hard\naudit-refused: hard\nchange-refuse: 50\n", {"hook": "exit 0\n"})
    host, log = site.host, site.log
    site.wait_shown(1)
    site.wait_first_ds()
    for n, why in ((2, "audit-refused: version"), (5, "sign-review-refused: version")):
        if n == 5:
            site.script("hook", "exit 1\n")
        mark = log.mark()
        site.put(n, "".join("more%d A 192.0.2.1\n" % i for i in range(60)) if n == 2 else "")
        log.wait_event("event=halted %s msg=%s" % (DOT, why), 30, mark)
        site.script("hook", "exit 0\n")
        mark = log.mark()
        site.put(n + 1)
        log.wait_event("event=zone-loaded %s" % DOT, 30, mark)
        before = host.serial(ZONE)
        host.ctl("zone", "sign", ZONE)
        serial = host.serial(ZONE)
        if serial <= before or site.shown(n) or site.shown(n + 1) or log.count("event=review-asked", mark):
            raise Failed("a zone that is stopped takes new content, or does not renew: %d after %d" % (serial, before))
        log.wait_event("event=audited %s serial=%d" % (DOT, serial), 5, mark)
        host.ctl("zone", "resume", ZONE)
        site.wait_shown(n + 1)
    if not any(w["result"] == "refused" and w["step"] == "sign-review" for w in
               json.loads(host.ctl("--json", "zone", "history", ZONE).stdout)["history"]):
        raise Failed("the refusal is not in the history")


@limit(150)
def test_signatures_that_end_while_a_candidate_waits(lab):
    """Due for renewal when it is approved: it is judged again, published, and renewed.  Over by then: refused after all, signed anew
    and reviewed again, and never published as it was."""
    site = Site(lab, "sign-review: manual\n")
    host, log = site.host, site.log

    def waits(mark=0):
        return site.candidate("sign", since=mark)

    def approve_late(serial):
        mark = log.mark()
        if site.verb("approve", {"serial": serial}) != 200:
            raise Failed("not approved")
        log.wait_event("event=audit-again %s serial=%d msg=it has passed, but since then: its signatures have become due for renewal" %
                       (DOT, serial), 20, mark)
        return mark

    def renewed(days):
        """What is published has signatures for days from now on."""
        wait_until(lambda: site.status()["earliest"] > host.now() + days * DAY, 60, "what is published is renewed")
        host.wait_served(ZONE)
        verify(axfr_file(lab, host.addr, ZONE), ZONE, at=host.now())

    site.verb("approve", {"serial": waits()})
    site.wait_shown(1)
    site.wait_first_ds()
    # Signatures last for 13 or 14 days, and are renewed 7 days before their end.
    mark = log.mark()
    site.put(2)
    serial = waits(mark)
    host.set_clock(8 * DAY)
    renewed(8)
    if site.shown(2):
        raise Failed("published without a word")
    mark = approve_late(serial)
    log.wait_event("event=published %s why=change" % DOT, 20, mark)
    site.wait_shown(2)
    renewed(8)
    mark = log.mark()
    site.put(3)
    serial = waits(mark)
    for days in (16, 23):
        host.set_clock(days * DAY)
        renewed(8)
    mark = approve_late(serial)
    found = log.wait_event("event=audit-refused %s result=refused" % DOT, 20, mark)["msg"]
    if "AUD-RRSIG-11" not in found:
        raise Failed("not for its signatures: %s" % found)
    log.wait_event("event=candidate-dropped %s serial=%d stage=sign" % (DOT, serial), 5, mark)
    serial = waits(mark)
    if site.shown(3):
        raise Failed("published with signatures that have ended")
    verify(axfr_file(lab, host.addr, ZONE, "anew.zone", port=SIGN_PORT), ZONE, at=host.now())
    mark = log.mark()
    site.verb("approve", {"serial": serial})
    site.wait_shown(3)
    renewed(8)
    if log.count("event=audit-again %s" % DOT, mark):
        raise Failed("audited again, though it was signed just now")
