# SPDX-License-Identifier: BSD-3-Clause
"""The auditor in the pipeline: what it passes is published, by changes where that will do; what it refuses never is."""

import json
import os

from duetlab import *

ZONE = "example.org"
MODES = ("nsec", "nsec3", "nsec3-optout")

# Each is the zone from then on; the one before is taken back.
CHANGES = [
    "new A 192.0.2.77\ndeep.down.below TXT hello\n",
    "new A 192.0.2.78\ncut NS ns1.cut\nns1.cut A 192.0.2.9\n*.other TXT any\n",
    "cut NS ns1.cut\nns1.cut A 192.0.2.9\ncut DS 12345 13 2 " + "ab" * 32 + "\nbranch DNAME example.net.\n",
    "@ TXT apex\n" + "".join("many%d.a.b A 192.0.2.1\n" % i for i in range(12)),
    "many7.a.b NS ns.elsewhere.\n",
    "",
    "host5 77 TXT x\n",
]


def status(host, zone=ZONE):
    return json.loads(host.ctl("--json", "zone", "status", zone).stdout)


def verdict(host, zone=ZONE):
    return status(host, zone)["audit"]


def spoil(host, kind):
    """From now on the signer writes pages that are wrong (lib/store/change.c), with 0 good ones."""
    host.lab.write(os.path.join(host.dir, "numbers", "spoil-page"), "%d\n" % kind)


@limit(300)
def test_changes_are_audited_by_their_pages(lab):
    cluster = Cluster(lab, signers=1, backups=1).init()
    s = cluster.signer1
    cluster.start()
    hosts = "".join("host%d A 192.0.2.%d\nhost%d TXT \"%s\"\n" % (i, i % 256, i, "x" * 120) for i in range(600))

    def text(zone, i, more):
        return small_zone(zone, n=0, serial=i, more=hosts + more)
    for m in MODES:
        s.ctl("policy", "apply", lab.write(m + ".yaml", "name: %s\ndenial: %s\n" % (m, m)))
        cluster.add_zone(m + ".example", text(m + ".example", 1, ""), policy=m)
        s.ctl("key", "create", m + ".example")
    for m in MODES:
        cluster.wait_signed(m + ".example")
    for i, more in enumerate(CHANGES):
        mark, serial = s.signer.mark(), {m: s.serial(m + ".example") for m in MODES}
        for m in MODES:
            s.put_zone(m + ".example.zone", text(m + ".example", i + 2, more))
        for m in MODES:
            wait_until(lambda: s.serial(m + ".example") > serial[m], 30, "%s: change %d" % (m, i), every=0.05)
            s.signer.wait_event("event=audited zone=%s.example. by=changes" % m, 5, mark)
        if s.signer.count("event=audit-changes-refused", mark):
            raise Failed("change %d: refused by its pages, passed as a whole" % i)
    for m in MODES:
        verify(axfr_file(lab, s.addr, m + ".example"), m + ".example")


@limit(300)
def test_what_the_auditor_refuses_is_not_published(lab):
    cluster = Cluster(lab, signers=1, backups=1).init()
    s = cluster.signer1
    cluster.start()
    cluster.add_zone(ZONE, small_zone(ZONE))
    s.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    wait_until(lambda: status(s)["steps"] >= 2, 30, "the next step of the key is an hour away")
    for kind in (1, 2, 3, 4):
        served, serial, mark = axfr_text(s.addr, ZONE), s.serial(ZONE), s.signer.mark()
        spoil(s, kind)
        s.put_zone(ZONE + ".zone", small_zone(ZONE, serial=10 + kind, more="change%d TXT x\n" % kind))
        s.signer.wait_event("event=audit-refused zone=%s. result=refused" % ZONE, 20, mark)
        v = verdict(s)
        if v["result"] == "fine" or not v["why"]:
            raise Failed("kind %d: the verdict is %r" % (kind, v))
        if axfr_text(s.addr, ZONE) != served or s.serial(ZONE) != serial:
            raise Failed("kind %d: a version that was refused is served" % kind)
        spoil(s, 0)
        s.put_zone(ZONE + ".zone", small_zone(ZONE, serial=20 + kind, more="good%d TXT x\n" % kind))
        wait_until(lambda: "good%d" % kind in axfr_text(s.addr, ZONE), 20, "kind %d: the next version passes" % kind)
        if verdict(s)["result"] != "fine":
            raise Failed("kind %d: the verdict is not fine once something has passed" % kind)
        verify(axfr_file(lab, s.addr, ZONE), ZONE)
    s.stop("signer")
    s.start("signer")
    told = [(w["step"], w["result"]) for w in json.loads(s.ctl("--json", "zone", "history", ZONE).stdout)["history"]]
    for word, least in (("load taken", 9), ("audit refused", 4), ("audit passed", 5), ("publish done", 5)):
        if told.count(tuple(word.split())) < least:
            raise Failed("history lacks %s: %s" % (word, told))


def publishes_after(s, n, point, spoiled=0):
    """The signer dies at the fail-point while a change is on its way, and after a restart goes on by itself."""
    name = "%s%d" % (point.replace("-", ""), n)
    served, serial = axfr_text(s.addr, ZONE), s.serial(ZONE)
    s.stop("signer")
    spoil(s, spoiled)
    s.start("signer", fail=point)
    s.signer.expect_failure = True
    s.put_zone(ZONE + ".zone", small_zone(ZONE, serial=100 + n, more="%s TXT x\n" % name))
    wait_until(lambda: not s.signer.running(), 30, "%s is reached" % point, every=0.05)
    s.start("signer")
    now = axfr_text(s.addr, ZONE)
    if now != served and (spoiled or name not in now):
        raise Failed("%s: something else is served than before, or than what was to come" % point)
    if s.serial(ZONE) < serial:
        raise Failed("%s: the serial went back" % point)
    if spoiled:
        s.signer.wait_event("event=audit-refused zone=%s. result=refused" % ZONE, 30)
        spoil(s, 0)
        s.put_zone(ZONE + ".zone", small_zone(ZONE, serial=200 + n, more="%s TXT y\n" % name))
    wait_until(lambda: name in axfr_text(s.addr, ZONE), 30, "%s: goes on by itself" % point, every=0.05)
    if s.serial(ZONE) <= serial:
        raise Failed("%s: the serial did not go up" % point)


def one_signer(lab):
    cluster = Cluster(lab, signers=1, backups=1).init()
    cluster.start()
    cluster.add_zone(ZONE, small_zone(ZONE))
    s = cluster.signer1
    s.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    wait_until(lambda: status(s)["steps"] >= 2, 30, "the next step of the key is an hour away")
    return s


@limit(400)
def test_killed_at_each_step(lab):
    s = one_signer(lab)
    points = ("engine-loaded", "engine-taken", "engine-sign", "store-after-append", "engine-signed", "engine-soa", "engine-audit",
              "auditor-taken", "audit-sent", "audit-answered", "engine-passed", "engine-publish", "store-before-sync",
              "store-after-sync", "store-before-commit", "store-after-commit", "engine-published", "engine-told")
    for turn in range(int(os.environ.get("ROUNDS", "1"))):
        for n, point in enumerate(points):
            publishes_after(s, 300 * turn + n, point)
        for n, point in enumerate(("engine-refused", "engine-save")):
            publishes_after(s, 300 * turn + 50 + n, point, spoiled=1)
    verify(axfr_file(lab, s.addr, ZONE), ZONE)


@limit(120)
def test_an_auditor_that_dies_refuses(lab):
    s = one_signer(lab)
    for n, point in enumerate(("worker-job", "worker-done")):
        s.stop("signer")
        s.start("signer", fail=point)
        served, mark = axfr_text(s.addr, ZONE), s.signer.mark()
        s.put_zone(ZONE + ".zone", small_zone(ZONE, serial=10 + n, more="%s TXT x\n" % point))
        s.signer.wait_event("event=audit-refused zone=%s. result=unknown" % ZONE, 30, mark)
        if axfr_text(s.addr, ZONE) != served:
            raise Failed("%s: published without an audit" % point)
        s.stop("signer")
        s.start("signer")
        wait_until(lambda: point in axfr_text(s.addr, ZONE), 30, "%s: goes on with another auditor" % point)
