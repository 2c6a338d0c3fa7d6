# SPDX-License-Identifier: BSD-3-Clause
"""What is published goes before the auditor again; an operator's override is a fact; sources that are not the same."""

import json
import os

from duetlab import *
from test_audit_pipeline import spoil

ZONE = "example.org"
DOT = "zone=example.org. "


def policy(host, lab, more):
    host.ctl("policy", "apply", lab.write("policy.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n" + more))


def status(host):
    return json.loads(host.ctl("zone", "status", ZONE, "--json").stdout)


def alarms(host, word):
    return [a for a in status(host)["alarms"] if word in a]


def signed(lab, signers, rules, text):
    """A cluster with the zone, signed; its key is from the last of the signers."""
    cluster = Cluster(lab, signers=signers, backups=0).init()
    cluster.write_confs()
    cluster.start()
    policy(cluster.signer1, lab, rules)
    cluster.add_zone(ZONE, text)
    cluster.signers()[-1].ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    for host in cluster.signers():
        host.wait_first_ds(ZONE)
    return cluster


@limit(120)
def test_what_is_published_is_audited_again(lab):
    """After a start, on demand; what fails is an alarm and is signed anew, and then it passes."""
    os.environ["DUET_TEST_ERRNO"] = "engine-whole:1"    # without waiting for a quiet moment
    s1 = signed(lab, 1, "", small_zone(ZONE)).signer1
    said = s1.ctl("zone", "audit", ZONE).stdout
    if "is fine" not in said or "signatures verified" not in said:
        raise Failed("zone audit: " + said)
    mark = s1.signer.mark()
    s1.kill("signer")
    s1.start("signer")
    s1.signer.wait_event("event=whole-audit " + DOT, 40, mark)
    # Published unaudited, and wrong: one bit of a page.
    mark = s1.signer.mark()
    policy(s1, lab, "audit: off\n")
    s1.signer.wait_event("event=plan " + DOT, 30, mark)
    s1.ctl("zone", "sign", ZONE)
    mark = s1.signer.mark()
    spoil(s1, 1)
    s1.ctl("zone", "sign", ZONE, "--full")
    spoil(s1, 0)
    said = s1.ctl("zone", "audit", ZONE, check=False)
    if said.returncode != 1 or "AUD-" not in said.stderr:
        raise Failed("a broken version passes: %s %s" % (said.stdout, said.stderr))
    s1.signer.wait_event("event=whole-audit-refused " + DOT, 10, mark)
    wait_until(lambda: s1.ctl("zone", "audit", ZONE, check=False).returncode == 0, 30, "it is signed anew, and passes")
    verify(axfr_file(lab, s1.addr, ZONE), ZONE)
    if alarms(s1, "whole audit"):
        raise Failed("an alarm stays: %s" % status(s1)["alarms"])
    if "AUD-" not in s1.ctl("zone", "history", ZONE).stdout:
        raise Failed("the history does not tell of it")


@limit(150)
def test_after_some_days_all_of_it_is_audited(lab):
    """Before the next publication, or where none comes by itself; until then changes are audited by their pages."""
    s1 = signed(lab, 1, "audit-whole-every: 2d\n", small_zone(ZONE)).signer1
    log = s1.signer

    def restart():
        s1.stop("signer")
        s1.start("signer")

    def change(n, by):
        mark = log.mark()
        s1.put_zone(ZONE + ".zone", small_zone(ZONE, serial=n, more="v%d TXT x\n" % n))
        wait_until(lambda: "v%d." % n in axfr_text(s1.addr, ZONE), 30, "version %d is published" % n)
        how = log.wait_event("event=audited " + DOT, 5, mark)["by"]
        if how != by:
            raise Failed("version %d was audited by=%s, not by=%s" % (n, how, by))

    wait_until(lambda: status(s1)["steps"] >= 2, 30, "the key's first DS is asked for")
    restart()               # half a minute of quiet follows, in which nothing is audited but what is published
    change(2, "changes")
    s1.set_clock(3 * 86400)
    restart()
    change(3, "whole")
    change(4, "changes")
    os.environ["DUET_TEST_ERRNO"] = "engine-whole:1"    # no quiet
    mark = log.mark()
    restart()
    log.wait_event("event=whole-audit " + DOT, 40, mark)
    mark = log.mark()
    s1.set_clock(6 * 86400)
    log.wait_event("event=whole-audit " + DOT, 40, mark)


@limit(120)
def test_an_override_is_a_fact(lab):
    """duet-audit refuses on both signers; a word on one of them counts there, once, and is shown on both."""
    cluster = signed(lab, 2, "change-refuse: 20\n", small_zone(ZONE, n=40))
    s1, s2 = cluster.signers()
    marks = [s.signer.mark() for s in (s1, s2)]
    cluster.put_zone(ZONE + ".zone", small_zone(ZONE, n=10))
    serials = [s.signer.wait_event("event=audit-refused " + DOT, 40, m)["serial"] for s, m in zip((s1, s2), marks)]
    before = s2.serial(ZONE)
    s1.ctl("zone", "override", ZONE, serials[0], "--reason", "thirty hosts were sold")
    wait_until(lambda: "host9." in axfr_text(s1.addr, ZONE) and "host39." not in axfr_text(s1.addr, ZONE), 30, "it is published")
    wait_until(lambda: (status(s2)["override"] or {}).get("reason") == "thirty hosts were sold", 20, "the other signer knows")
    told = status(s2)["override"]
    if told["node"] != "signer1" or str(told["serial"]) != str(serials[0]):
        raise Failed("who said it, of which version: %s" % told)
    for s in s1, s2:
        wait_until(lambda: "thirty hosts were sold" in s.ctl("zone", "history", ZONE).stdout, 20, "%s has it in its history" % s.name)
        if "thirty hosts were sold" not in s.ctl("zone", "status", ZONE).stdout:
            raise Failed("%s does not show it" % s.name)
    if s2.serial(ZONE) != before:
        raise Failed("a word on signer1 counts on signer2")
    # It is durable, and it was for one version.
    s1.kill("signer")
    s1.kill("keydist")
    mark = s1.signer.mark()
    s1.start()
    wait_until(lambda: (status(s1)["override"] or {}).get("serial") == told["serial"], 30, "it outlives a crash")
    s1.put_zone(ZONE + ".zone", small_zone(ZONE, n=100))
    s1.signer.wait_event("event=audit-refused " + DOT, 40, mark)
    if s1.signer.count("event=overridden", mark):
        raise Failed("after a start the word counts again")


@limit(120)
def test_sources_that_are_not_the_same(lab):
    """One serial, two contents: an alarm on both signers, until it is mended."""
    s1, s2 = signed(lab, 2, "input-order: serial\n", small_zone(ZONE, serial=5)).signers()
    s1.put_zone(ZONE + ".zone", small_zone(ZONE, serial=6, more="here TXT one\n"))
    s2.put_zone(ZONE + ".zone", small_zone(ZONE, serial=6, more="here TXT two\n"))
    for s in s1, s2:
        wait_until(lambda: alarms(s, "other content under the same number"), 40, "%s says so" % s.name)
    for s in s1, s2:
        s.put_zone(ZONE + ".zone", small_zone(ZONE, serial=7, more="here TXT three\n"))
    for s in s1, s2:
        wait_until(lambda: not alarms(s, "other content"), 40, "%s says it no more" % s.name)
        wait_until(lambda: "three" in axfr_text(s.addr, ZONE), 40, "%s has the newest" % s.name)
