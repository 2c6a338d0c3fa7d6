# SPDX-License-Identifier: BSD-3-Clause
"""The auditor in the pipeline: what it passes is published, by changes where that will do; what it refuses never is."""

import json
import os
import re
import signal

from duetlab import *

ZONE = "example.org"
PARENT = "$ORIGIN org.\n@ 60 SOA ns.org. h.org. 1 3600 600 86400 30\n@ 60 NS ns\nns 60 A 127.0.0.1\nexample 60 NS ns.example\n" \
         "ns.example 60 A 127.0.0.1\n"
DS = "example 60 DS 4711 13 2 " + "AB" * 32
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


@limit(120)
def test_a_policy_says_what_refuses(lab):
    """A warning that it raises refuses, an error that it lowers does not; what cannot be lowered, or is not there, is no policy."""
    cluster = Cluster(lab, signers=1, backups=0).init()
    s = cluster.signer1
    cluster.start()

    def policy(severity, check=True):
        return s.ctl("policy", "apply", lab.write("policy.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n"
                                                  "severity: %s\n" % severity), check=check)

    def put(n):
        s.put_zone(ZONE + ".zone", small_zone(ZONE, serial=n, more="v%d TXT x\nhidden%d.sub TXT occluded\n" % (n, n)))
        return s.signer.mark()

    for severity, words in (("AUD-RRSIG-01=warning", "AUD-RRSIG-01 cannot be lowered"), ("AUD-NONE-01=error", "there is no row AUD-NONE-01")):
        p = policy(severity, check=False)
        if p.returncode != 1 or words not in p.stderr:
            raise Failed("%s: %d %s" % (severity, p.returncode, p.stderr))
    policy('""')
    cluster.add_zone(ZONE, small_zone(ZONE, serial=1, more="hidden.sub TXT occluded\n"))
    s.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    for n, severity in ((2, "AUD-CONTENT-05=error"), (4, "AUD-KEY-02=warning aud-content-05=error")):
        policy(severity)
        wait_until(lambda: "AUD-CONTENT-05=error" in s.ctl("policy", "show", "default").stdout.replace("aud-content", "AUD-CONTENT"), 20)
        refused_for(s, "AUD-CONTENT-05", put(n))
        if "v%d." % n in axfr_text(s.addr, ZONE):
            raise Failed("published under %s" % severity)
        policy('""')
        put(n + 1)
        wait_until(lambda: "v%d." % (n + 1) in axfr_text(s.addr, ZONE), 30, "as a warning it is published")
        wait_until(lambda: any("AUD-CONTENT-05" in x for x in status(s)["notices"]), 10, "zone status has the warning")
    s.signer.wait_event("event=audit-warns zone=%s. " % ZONE, 5)
    if not s.signer.count("event=audit-whole-needed zone=%s. " % ZONE):
        raise Failed("another policy, and the whole was not asked for")


SUBMITTED = "example.net"
BOTH = (ZONE, SUBMITTED)


def give(s, n, name, rdata):
    """A change of each: one in its file, one submitted, which is acknowledged."""
    more = "%s TXT %s\n" % (name, rdata)
    s.put_zone(ZONE + ".zone", small_zone(ZONE, serial=n, more=more))
    s.ctl("zone", "submit", SUBMITTED, s.lab.write("submitted.zone", small_zone(SUBMITTED, serial=n, more=more)))


def of_both(what, s):
    return {z: what(s, z) for z in BOTH}


def shown(s, zone):
    return axfr_text(s.addr, zone)


def unpassed(s, zone):
    """Serials that its history says were published without having passed an audit before."""
    passed, bad = set(), []
    for w in reversed(json.loads(s.ctl("--json", "zone", "history", zone).stdout)["history"]):
        if (w["step"], w["result"]) == ("audit", "passed"):
            passed.add(w["serial"])
        elif (w["step"], w["result"]) == ("publish", "done") and w["serial"] not in passed:
            bad.append(w["serial"])
    return bad


def refused_for(host, row, mark):
    """The next version is refused, for this."""
    found = host.signer.wait_event("event=audit-refused zone=%s. result=refused" % ZONE, 30, mark)
    if row not in found["msg"]:
        raise Failed("not for %s: %s" % (row, found))
    return found


@limit(180)
def test_serials_are_held_against_what_the_peers_have(lab):
    """Wrong serials, and a peer whose content is newer, by test controls: AUD-SERIAL-02 to 04, and what follows is published."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signers()
    for host in cluster.hosts.values():
        host.past_midnight()
    cluster.start()
    cluster.add_zone(ZONE, small_zone(ZONE, serial=1))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    wait_until(lambda: s1.serial(ZONE) == s2.serial(ZONE), 30, "one serial")

    def control(name, number):
        lab.write(os.path.join(s1.dir, "numbers", name), "%d\n" % number)

    def knows(serial):
        wait_until(lambda: [p["serial"] for p in status(s1)["peers"]] == [serial], 20, "signer1 knows what signer2 has")

    def put(host, n):
        host.put_zone(ZONE + ".zone", small_zone(ZONE, serial=n, more="v%d TXT x\n" % n))

    # signer2 publishes the same content again and again.
    for _ in range(2):
        s2.ctl("zone", "sign", ZONE)
    s2.wait_served(ZONE)
    knows(s2.serial(ZONE))
    control("serial-back", 1)
    mark = s1.signer.mark()
    s1.ctl("zone", "sign", ZONE, check=False)
    refused_for(s1, "AUD-SERIAL-03", mark)
    # signer1 alone gets new content.
    mark = s1.signer.mark()
    s2.ctl("zone", "hold", ZONE, "--reason", "test")
    put(s1, 2)
    refused_for(s1, "AUD-SERIAL-02", mark)
    # That is tried again in 20 s, its third time.
    found = s1.signer.wait_event("event=audit-refused zone=%s. result=refused msg=AUD-SERIAL-03" % ZONE, 30, mark)
    again = re.search(r"next try at (\S+?)Z", found["msg"]).group(1)
    control("serial-back", 0)
    control("peer-ahead", 9)
    mark = s1.signer.mark()
    put(s1, 3)
    refused_at = refused_for(s1, "AUD-SERIAL-04", mark)["when"]
    if refused_at > again:
        raise Failed("new content waited for what was refused before: %s, %s" % (refused_at, again))
    control("peer-ahead", 0)
    mark = s1.signer.mark()
    put(s1, 4)
    s1.signer.wait_event("event=published zone=%s." % ZONE, 30, mark)
    put(s2, 4)
    s2.ctl("zone", "resume", ZONE)
    for s in s1, s2:
        wait_until(lambda: "v4." in axfr_text(s.addr, ZONE), 30, "%s publishes" % s.name)


@limit(150)
def test_a_node_that_begins_knows_what_others_published(lab):
    """Its first version is held against their facts: by a test control they say that they have ceased to use the key."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signers()
    cluster.start()
    s2.stop("signer")
    lab.write(os.path.join(s2.dir, "numbers", "seed-retired"), "1\n")
    s1.put_zone(ZONE + ".zone", small_zone(ZONE))
    s2.put_zone(ZONE + ".zone", small_zone(ZONE))
    s1.ctl("zone", "add", ZONE, "--source", "file:%s.zone" % ZONE)
    s1.ctl("key", "create", ZONE)
    wait_until(lambda: s1.signed(ZONE), 60, "signer1 publishes")
    mark = s2.signer.mark()
    s2.start("signer")
    refused_for(s2, "AUD-HIST-03", mark)
    lab.write(os.path.join(s2.dir, "numbers", "seed-retired"), "0\n")
    s2.stop()
    s2.start()
    wait_until(lambda: s2.signed(ZONE), 60, "signer2 publishes")
    verify(axfr_file(lab, s2.addr, ZONE), ZONE)


@limit(150)
def test_a_chain_that_the_parent_does_not_name_is_not_published(lab):
    """A DS of a key that is not ours: the first version is refused, and passes when the DS has gone; what is published is renewed
    and changed whatever the parent shows."""
    parent = KnotPrimary(lab, "parent", {"org": PARENT}).start()
    parent.update("org", add=[DS])
    cluster = Cluster(lab, signers=1, backups=0).init()
    s = cluster.signer1
    s.conf["signer"].update({"parents": [{"zone": "org", "servers": ["%s#%d" % (parent.addr, parent.port)], "validate": False}],
                             "look-interval-s": 1})
    cluster.write_confs()
    cluster.start()
    s.ctl("policy", "apply", lab.write("policy.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n"))
    mark = s.signer.mark()
    cluster.add_zone(ZONE, small_zone(ZONE))
    s.ctl("key", "create", ZONE)
    refused_for(s, "AUD-KEY-06", mark)
    if s.signer.count("event=published zone=%s." % ZONE):
        raise Failed("published under a DS that names another key")
    parent.update("org", delete=[DS])
    cluster.wait_signed(ZONE)
    s.wait_first_ds(ZONE)
    parent.update("org", add=[DS])
    s.keydist.wait_event("event=ds-unknown zone=%s." % ZONE, 30)
    mark = s.signer.mark()
    s.ctl("zone", "sign", ZONE, "--full")
    s.put_zone(ZONE + ".zone", small_zone(ZONE, serial=2, more="v2 TXT x\n"))
    wait_until(lambda: "v2." in axfr_text(s.addr, ZONE), 30, "what is no worse is published")
    if s.signer.count("event=audit-refused zone=%s." % ZONE, mark):
        raise Failed("what is no worse than what is published was refused")


def publishes_after(s, n, point, spoiled=0):
    """The signer dies at the fail-point while two changes are on their way, and after a restart goes on by itself."""
    name = "%s%d" % (point.replace("-", ""), n)
    served, serial = of_both(shown, s), of_both(Host.serial, s)
    spoil(s, spoiled)
    mark = s.signer.mark()
    s.dies_at(point, lambda: give(s, 100 + n, name, "x"))
    s.wait_death(point, mark)
    mark = s.signer.mark()
    s.start("signer")
    for z, now in of_both(shown, s).items():
        if now != served[z] and (spoiled or name not in now):
            raise Failed("%s: something else is served than before, or than what was to come" % point)
        if s.serial(z) < serial[z]:
            raise Failed("%s: the serial went back" % point)
    if spoiled:
        for z in BOTH:
            s.signer.wait_event("event=audit-refused zone=%s. result=refused" % z, 30, mark)
        if of_both(shown, s) != served:
            raise Failed("%s: what was refused is served" % point)
        spoil(s, 0)
        give(s, 200 + n, name, "y")
    for z in BOTH:
        wait_until(lambda zone=z: name in shown(s, zone), 30, "%s: %s goes on by itself" % (point, z), every=0.05)
        if s.serial(z) <= serial[z]:
            raise Failed("%s: the serial did not go up" % point)
        if unpassed(s, z):
            raise Failed("%s: published without an audit: %s" % (point, unpassed(s, z)))


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
    s.ctl("zone", "add", SUBMITTED, "--source", "submit:")
    s.ctl("key", "create", SUBMITTED)
    s.ctl("zone", "submit", SUBMITTED, lab.write("submitted.zone", small_zone(SUBMITTED)))
    wait_until(lambda: s.signed(SUBMITTED) and status(s, SUBMITTED)["steps"] >= 2, 60, "%s has its key in use" % SUBMITTED)
    points = ("engine-loaded", "engine-taken", "engine-sign", "store-after-append", "engine-signed", "engine-soa", "engine-audit",
              "auditor-taken", "audit-sent", "audit-answered", "engine-passed", "engine-publish", "store-before-sync",
              "store-after-sync", "store-before-commit", "store-after-commit", "engine-published", "engine-told")
    for turn in range(int(os.environ.get("ROUNDS", "1"))):
        for n, point in enumerate(points):
            publishes_after(s, 300 * turn + n, point)
        for n, point in enumerate(("engine-refused", "engine-save")):
            publishes_after(s, 300 * turn + 50 + n, point, spoiled=1)
    for z in BOTH:
        verify(axfr_file(lab, s.addr, z), z)


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


def auditors(s):
    """The processes that audit for this signer."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().split(b"\0")
            with open("/proc/%s/environ" % pid, "rb") as f:
                ours = b"DUET_TEST_CLOCK=" + s.clock.encode() in f.read().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"duet-audit", b"--worker"] and ours:
            found.append(int(pid))
    return found


@limit(150)
def test_an_auditor_that_hangs_refuses(lab):
    """Within, or stopped, so that not even its own limit ends it, with more to read than a pipe holds: the version is refused at its
    time limit, as history and status say, and the next one passes."""
    s = one_signer(lab)

    def control(name, number):
        lab.write(os.path.join(s.dir, "numbers", name), "%d\n" % number)

    control("audit-limit", 1)
    for n, (how, hosts) in enumerate((("within", 3), ("stopped", 3), ("stopped", 4000))):
        served, serial, mark, stopped = axfr_text(s.addr, ZONE), s.serial(ZONE), s.signer.mark(), []
        if how == "within":
            control("worker-hangs", 1)
        else:                           # the one that waits; where the changes are not passed, another one is asked about the whole
            if n == 1:
                s.ctl("policy", "apply", lab.write("policy.yaml", "name: default\naudit: whole\n"))
                s.signer.wait_event("event=plan zone=%s." % ZONE, 20, mark)
            stopped = auditors(s)
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
        text = small_zone(ZONE, n=hosts, serial=10 + n, more="hangs%d TXT x\n" % n)
        s.put_zone(ZONE + ".zone", text)
        found = s.signer.wait_event("event=audit-refused zone=%s. result=unknown" % ZONE, 60, mark)
        if "was not done in its time limit of 1 s" not in found["msg"]:
            raise Failed("%s: %s" % (how, found))
        if axfr_text(s.addr, ZONE) != served or s.serial(ZONE) != serial:
            raise Failed("%s: published without an audit" % how)
        now = status(s)
        if now["audit"]["result"] != "unknown" or "time limit of 1 s" not in now["audit"]["why"] or "time limit of 1 s" not in s.ctl(
                "zone", "status", ZONE).stdout:
            raise Failed("%s: the status does not say so: %s" % (how, now["audit"]))
        control("worker-hangs", 0)
        control("audit-limit", 0)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)    # which sees that nobody waits for it any more
        wait_until(lambda: not set(stopped) & set(auditors(s)), 20, "who hung has ended")
        s.put_zone(ZONE + ".zone", text + "goes-on%d TXT x\n" % n)
        wait_until(lambda: "goes-on%d." % n in axfr_text(s.addr, ZONE), 60, "%s: the next version passes" % how)
        told = [w for w in json.loads(s.ctl("--json", "zone", "history", ZONE).stdout)["history"] if w["result"] == "unknown"]
        if len(told) < n + 1 or "time limit" not in told[0]["reason"]:
            raise Failed("%s: the history does not say so: %s" % (how, told))
        control("audit-limit", 1)
    verify(axfr_file(lab, s.addr, ZONE), ZONE)
