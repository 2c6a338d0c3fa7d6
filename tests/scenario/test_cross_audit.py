# SPDX-License-Identifier: BSD-3-Clause
"""Each signer looks at what the other publishes: two that fit are the same to it, one that was broken is found."""

import json
import os

from duetlab import *

ZONE = "example.org"
NAMES = int(os.environ.get("NAMES", "300"))
DOT = "zone=example.org."
KEY = "beside."
SECRET = "c2VjcmV0IG9mIHRoZSB0d28gc2lnbmVycyBiZXNpZGU="


def site(lab, key=False):
    """Two signers that know where the other serves; one that does not look at what it publishes itself."""
    cluster = Cluster(lab).init()
    for h in cluster.signers():
        for p in h.conf["peers"]:
            if p["role"] == "signer":
                p["dns"] = ["%s#%d" % (cluster.hosts[p["name"]].addr, DNS_PORT)]
                if key:
                    p["dns-key"] = KEY
        h.conf["signer"]["transfer"] = [{"prefix": "127.0.0.0/8", "key": KEY} if key else {"prefix": "127.0.0.0/8"}]
        h.write_conf()
    cluster.start()
    return cluster


def status(host):
    return json.loads(host.ctl("--json", "zone", "status", ZONE).stdout)


def word(host):
    """What it found last."""
    words = status(host)["cross_audit"]
    return words[0] if words else None


def compared(host, since, event="cross-audited"):
    return host.signer.wait_event("event=%s %s" % (event, DOT), 60, since)


@limit(180)
def test_two_that_fit_and_one_that_was_broken(lab):
    cluster = site(lab)
    s1, s2 = cluster.signers()
    if s1.ctl("zone", "cross-audit", ZONE, check=False).returncode != 1:
        raise Failed("a zone that is not there")
    policy = lab.write("lax.yaml", "name: lax\naudit: off\n")
    s1.ctl("policy", "apply", policy)
    cluster.add_zone(ZONE, small_zone(ZONE, n=20), policy="lax")
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    for s in (s1, s2):
        mark = s.signer.mark()
        s.ctl("zone", "cross-audit", ZONE)
        compared(s, mark)
        got = word(s)
        if got["result"] != "same" or got["why"] is not None or status(s)["alarms"]:
            raise Failed("%s" % got)

    # The last octet of what signer2 writes is wrong, and no audit of its own stands in the way.
    lab.write(os.path.join(s2.dir, "numbers", "spoil-page"), "1\n")
    cluster.put_zone(ZONE + ".zone", small_zone(ZONE, n=20, serial=2, more="new TXT x\n"))
    for s in (s1, s2):
        wait_until(lambda: "\nnew." in axfr_text(s.addr, ZONE), 30, "%s publishes" % s.name)
    lab.write(os.path.join(s2.dir, "numbers", "spoil-page"), "0\n")
    served = s2.serial(ZONE)
    mark = s1.signer.mark()
    s1.ctl("zone", "cross-audit", ZONE)
    line = compared(s1, mark, "cross-differs")
    if "AUD-" not in line["msg"] or line["peer"] != "signer2":
        raise Failed("%s" % line)
    alarms = status(s1)["alarms"]
    if not any("signer2" in a and "AUD-" in a for a in alarms):
        raise Failed("no alarm: %s" % alarms)
    if s2.serial(ZONE) != served:
        raise Failed("it was published anew")

    # Nobody answers: it stays an alarm.
    s2.stop("signer")
    mark = s1.signer.mark()
    s1.ctl("zone", "cross-audit", ZONE)
    compared(s1, mark, "cross-unknown")
    if not any("signer2" in a and "AUD-" in a for a in status(s1)["alarms"]):
        raise Failed("what differed is forgotten: %s" % status(s1)["alarms"])
    s2.start("signer")

    # Made anew, it fits, and the alarm is over.
    wait_until(lambda: s2.ctl("zone", "sign", "--full", ZONE, check=False).returncode == 0, 40, "signer2 signs")
    s2.wait_served(ZONE)
    mark = s1.signer.mark()
    s1.ctl("zone", "cross-audit", ZONE)
    compared(s1, mark)
    if status(s1)["alarms"]:
        raise Failed("the alarm stays")

    # One that is not there is not known, which is no alarm.
    s2.stop()
    mark = s1.signer.mark()
    s1.ctl("zone", "cross-audit", ZONE)
    compared(s1, mark, "cross-unknown")
    if word(s1)["result"] != "unknown":
        raise Failed("%s" % word(s1))

    # For three rounds it is; a round is a second here.
    if status(s1)["alarms"]:
        raise Failed("an alarm at once")
    s1.stop("signer")
    s1.conf["signer"]["cross-audit-interval-s"] = 1
    s1.write_conf()
    mark = s1.signer.mark()
    s1.start("signer")
    s1.ctl("zone", "cross-audit", ZONE)
    compared(s1, mark, "cross-unknown")
    wait_until(lambda: any("has not been seen to fit" in a for a in status(s1)["alarms"]), 30, "it is an alarm")


@limit(180)
def test_with_a_tsig_key(lab):
    """What the other signer gives away under a key alone is compared, of a zone of many names; without the key nothing is known."""
    cluster = site(lab, key=True)
    s1, s2 = cluster.signers()
    cluster.put_zone(ZONE + ".zone", small_zone(ZONE, n=NAMES))
    s1.ctl("zone", "add", ZONE, "--source", "file:%s.zone" % ZONE)
    cluster.wait_zone(ZONE)
    s1.ctl("key", "create", ZONE)
    for s in (s1, s2):
        s.signer.wait_event("event=published %s" % DOT, 90)
        wait_until(lambda host=s: status(host)["steps"] >= 2 and status(host)["serial"], 60, "%s has its key in use" % s.name)
    mark = s1.signer.mark()
    s1.ctl("zone", "cross-audit", ZONE)
    compared(s1, mark, "cross-unknown")
    s1.ctl("tsig", "create", KEY, "--file", lab.write("beside.secret", SECRET + "\n", mode=0o600))
    for s in (s1, s2):
        wait_until(lambda host=s: KEY in host.ctl("tsig", "list").stdout, 30, "%s has the key" % s.name)

    def same():
        before = s1.signer.mark()
        s1.ctl("zone", "cross-audit", ZONE)
        wait_until(lambda: any(s1.signer.count("event=%s %s" % (e, DOT), before) for e in ("cross-audited", "cross-unknown",
                                                                                          "cross-differs")), 90, "an answer")
        return word(s1)["result"] == "same"
    wait_until(same, 60, "they fit")
