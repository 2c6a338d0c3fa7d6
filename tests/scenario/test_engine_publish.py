# SPDX-License-Identifier: BSD-3-Clause
"""The signer's engine: from source to publication, what a restart does, what is refused, what is shown."""

import json
import os

from duetlab import *

ZONE = "example.org"
DOT = "zone=example.org."


def pair(lab, n=20, secondaries=True):
    """Two signers and a vault that sign ZONE; NSD is a secondary of signer1."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    nsd = NSD(lab, "nsd", [ZONE], [cluster.signer1.addr])
    if secondaries:
        cluster.add_secondary(nsd, of=["signer1"])
    cluster.write_confs()
    cluster.start()
    cluster.add_zone(ZONE, small_zone(ZONE, n=n))
    cluster.signer1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    if secondaries:
        nsd.start()
    quiet(cluster)
    return cluster, nsd


def quiet(cluster):
    """Until both signers know that both serve the key (the next step is an hour away), and show one serial."""
    def settled():
        words = [status(h) for h in cluster.signers()]
        return all(w["steps"] >= 2 for w in words) and len({w["serial"] for w in words}) == 1
    wait_until(settled, 30, "both signers know that both serve", every=0.2)


def status(host, zone=ZONE):
    """What `zone status` says on that host."""
    return json.loads(host.ctl("--json", "zone", "status", zone).stdout)


def change(cluster, serial, more="", on=None):
    for h in on or cluster.signers():
        h.put_zone(ZONE + ".zone", small_zone(ZONE, serial=serial, more=more))


@limit(240)
def test_a_zone_does_not_wait_for_its_own_room(lab):
    """There is room for one zone between being read and being published: it changes again and again while it is on its way."""
    cluster, nsd = pair(lab, secondaries=False)
    s1 = cluster.signer1
    lab.write(s1.dir + "/numbers/way-max", "1")
    for n in range(2, 40):
        mark = s1.signer.mark()
        change(cluster, n, "change%d TXT \"x\"\n" % n, on=[s1])
        s1.signer.wait_event("event=zone-loaded " + DOT, 30, mark)      # and is being signed now
    wait_until(lambda: "change39.%s." % ZONE in axfr_text(s1.addr, ZONE), 30, "what was written last is served")


@limit(240)
def test_both_sign_and_settle_on_one_serial(lab):
    cluster, nsd = pair(lab)
    s1, s2 = cluster.signer1, cluster.signer2
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    for host in (s1, s2):
        verify(axfr_file(lab, host.addr, ZONE), ZONE)
    for i in range(2, 6):
        change(cluster, i, "change%d TXT \"yes\"\n" % i)
        for host in (s1, s2):
            wait_until(lambda h=host: query(h.addr, "change%d.%s." % (i, ZONE), "SOA") is not None and
                       "change%d" % i in axfr_text(h.addr, ZONE), 20, "%s has change %d" % (host.name, i), every=0.2)
        wait_until(lambda: s1.serial(ZONE) == s2.serial(ZONE), 20, "one serial on both after change %d" % i)
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    # Every publication went up, on both.
    for host in (s1, s2):
        serials = events(host.signer, "event=published " + DOT, "serial")
        if any(int(b) <= int(a) for a, b in zip(serials, serials[1:])):
            raise Failed("serials of %s: %s" % (host.name, serials))


def events(process, words, field):
    """The values of one field in all log lines with these words."""
    out = []
    with open(process.log, encoding="utf-8", errors="replace") as f:
        for line in f:
            if all(w in line.split() for w in words.split()):
                out.append(dict(w.split("=", 1) for w in line.split() if "=" in w).get(field))
    return out


@limit(240)
def test_a_restart_makes_no_signature(lab):
    cluster, nsd = pair(lab)
    s1 = cluster.signer1
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    before = axfr_text(s1.addr, ZONE)
    for way in ("stop", "kill"):
        mark = s1.signer.mark()
        getattr(s1, way)("signer")
        s1.start("signer")
        s1.signer.wait_event("event=zone-loaded " + DOT + " change=no", 20, mark)
        if axfr_text(s1.addr, ZONE) != before:
            raise Failed("another version after " + way)
        if s1.signer.count("event=signed", mark) or s1.signer.count("event=published", mark):
            raise Failed("signed after " + way)
    # Also with keydist down: served once the wait is over, nothing made.
    s1.kill()
    mark = s1.signer.mark()
    s1.start("signer")
    if axfr_text(s1.addr, ZONE) != before or s1.signer.count("event=signed", mark):
        raise Failed("another version while keydist is down")
    s1.start("keydist")
    change(cluster, 2, "later TXT \"x\"\n")
    wait_until(lambda: "later" in axfr_text(s1.addr, ZONE), 20, "signs again")


@limit(240)
def test_bad_input_keeps_the_version(lab):
    cluster, nsd = pair(lab, secondaries=False)
    s1 = cluster.signer1
    good = small_zone(ZONE, serial=1)
    before = axfr_text(s1.addr, ZONE)
    lines = good.count("\n")
    cases = [
        ("syntax error", good + "bad A 1.2.3\n", "example.org.zone:%d" % (lines + 1)),
        ("outside the zone", good + "www.example.net. A 192.0.2.1\n", "example.org.zone:%d" % (lines + 1)),
        ("two SOAs", good + "@ SOA ns1 other 1 2 3 4 5\n", "SOA"),
        ("no SOA", "\n".join(r for r in good.splitlines() if " SOA " not in r) + "\n", "SOA"),
        ("CNAME beside data", good + "host1 CNAME host2\n", "CNAME"),
        ("TTL above the maximum", good + "long 99999999 A 192.0.2.1\n", "TTL"),
        ("include outside", good + "$INCLUDE /etc/hostname\n", "INCLUDE"),
    ]
    for what, text, words in cases:
        mark = s1.signer.mark()
        s1.put_zone(ZONE + ".zone", text)
        said = s1.signer.wait_event("event=zone-refused " + DOT, 15, mark)
        shown = status(s1)
        if words not in said["msg"] or words not in (shown["error"] or ""):
            raise Failed("%s: %s, status %s" % (what, said, shown["error"]))
        if not shown.get("next"):
            raise Failed("%s: status does not say what happens next" % what)
        if axfr_text(s1.addr, ZONE) != before:
            raise Failed("%s: another version is served" % what)
    os.unlink(os.path.join(s1.zones, ZONE + ".zone"))
    wait_until(lambda: "not there" in (status(s1)["error"] or ""), 10, "the missing file is shown")
    mark = s1.signer.mark()
    s1.put_zone(ZONE + ".zone", good)
    s1.signer.wait_event("event=zone-loaded " + DOT, 15, mark)
    wait_until(lambda: status(s1)["error"] is None, 10, "the error is gone")
    if axfr_text(s1.addr, ZONE) != before:
        raise Failed("the same file made another version")


@limit(180)
def test_an_include_below_is_mended(lab):
    cluster, nsd = pair(lab, secondaries=False)
    s1 = cluster.signer1
    below = lab.folder("signer1", "zones", "parts")
    lab.write(os.path.join(below, "a.part"), "wrong A 1.2.3\n")
    mark = s1.signer.mark()
    s1.put_zone(ZONE + ".zone", small_zone(ZONE, serial=2, more="$INCLUDE parts/a.part\n$INCLUDE parts/b.part\n"))
    s1.signer.wait_event("event=zone-refused " + DOT, 15, mark)
    # What is mended is the only thing that changes, and lies where nothing tells of it.
    mark = s1.signer.mark()
    lab.write(os.path.join(below, "a.part"), "first A 192.0.2.1\n")
    said = s1.signer.wait_event("event=zone-refused " + DOT, 15, mark)
    if "b.part" not in said["msg"]:
        raise Failed("refused for another reason: %s" % said)
    lab.write(os.path.join(below, "b.part"), "second A 192.0.2.1\n")
    wait_until(lambda: "second" in axfr_text(s1.addr, ZONE), 15, "both parts are taken")


@limit(180)
def test_file_replaced_by_rename_and_by_symlink(lab):
    cluster, nsd = pair(lab, secondaries=False)
    s1 = cluster.signer1
    path = os.path.join(s1.zones, ZONE + ".zone")
    change(cluster, 2, "renamed TXT \"x\"\n", on=[s1])
    wait_until(lambda: "renamed" in axfr_text(s1.addr, ZONE), 15, "the renamed file is taken")
    releases = lab.folder("signer1", "zones", "releases")
    for n in (3, 4):
        target = lab.write(os.path.join(releases, "%d.zone" % n), small_zone(ZONE, serial=n, more="link%d TXT \"x\"\n" % n))
        os.symlink(target, path + ".new")
        os.rename(path + ".new", path)
        wait_until(lambda: "link%d" % n in axfr_text(s1.addr, ZONE), 15, "link %d is taken" % n)
    with open(path, "a", encoding="ascii") as f:    # in place, behind the link
        f.write("appended TXT \"x\"\n")
    wait_until(lambda: "appended" in axfr_text(s1.addr, ZONE), 15, "the file that grew is taken")
    # A release is a folder, and the link to it is swapped.
    other = "example.net"

    def release(n):
        lab.write(os.path.join(lab.folder("signer1", "zones", "release%d" % n), "net.zone"), small_zone(other, serial=n, more="r%d TXT x\n" % n))
        os.symlink("release%d" % n, os.path.join(s1.zones, "current.new"))
        os.rename(os.path.join(s1.zones, "current.new"), os.path.join(s1.zones, "current"))
    release(1)
    s1.ctl("zone", "add", other, "--source", "file:current/net.zone")
    s1.ctl("key", "create", other)
    wait_until(lambda: s1.signed(other), 30, "the zone of the first release is signed")
    release(2)
    wait_until(lambda: "r2." in axfr_text(s1.addr, other), 15, "the second release is taken")


@limit(180)
def test_hold_drain_sign_floor(lab):
    cluster, nsd = pair(lab, secondaries=False)
    s1, s2 = cluster.signer1, cluster.signer2
    s1.stop("signer")
    s1.start("signer", fail="engine-save")
    if s1.ctl("zone", "hold", ZONE, "--reason", "never written", check=False).returncode == 0:
        raise Failed("a hold was acknowledged before it was written")
    wait_until(lambda: not s1.signer.running(), 10, "signer1 has died")
    s1.start("signer")
    if status(s1)["hold"] is not None:
        raise Failed("on hold: %s" % status(s1))
    s1.ctl("zone", "hold", ZONE, "--reason", "someone looks at it")
    before = s1.serial(ZONE)
    change(cluster, 2, "held TXT \"x\"\n")
    wait_until(lambda: "held" in axfr_text(s2.addr, ZONE), 20, "signer2 takes the change")
    if s1.serial(ZONE) != before or status(s1)["hold"] != "someone looks at it":
        raise Failed("the held zone moved: %s" % status(s1))
    s1.kill("signer")               # the hold survives
    s1.start("signer")
    wait_until(lambda: status(s1)["hold"] == "someone looks at it", 20, "still held")
    s1.ctl("zone", "resume", ZONE)
    wait_until(lambda: "held" in axfr_text(s1.addr, ZONE), 20, "the change after resume")
    signatures = status(s1)["signatures"]
    s1.ctl("zone", "sign", ZONE, "--full")
    if status(s1)["signatures"] < signatures or status(s1)["signatures"] < 10:
        raise Failed("not signed anew: %s" % status(s1))
    wanted = s1.serial(ZONE) + 5000
    s2.ctl("zone", "floor", ZONE, str(wanted))
    for host in (s1, s2):
        wait_until(lambda h=host: h.serial(ZONE) >= wanted, 20, "%s is above the floor" % host.name)
    s1.ctl("zone", "export", ZONE)


@limit(180)
def test_zone_removed_while_the_signer_is_down(lab):
    cluster, nsd = pair(lab, secondaries=False)
    s1, s2 = cluster.signer1, cluster.signer2
    last = s1.serial(ZONE)
    s1.kill("signer")
    s2.ctl("zone", "remove", ZONE)
    wait_until(lambda: s2.serial(ZONE) is None, 20, "signer2 serves it no more")
    s1.start("signer")
    wait_until(lambda: s1.serial(ZONE) is None, 20, "signer1 serves it no more")
    # The same name again: its serials go on, its keys are still there.
    cluster.add_zone(ZONE, small_zone(ZONE, serial=9))
    cluster.wait_signed(ZONE)
    for h in (s1, s2):
        wait_until(lambda host=h: (host.serial(ZONE) or 0) > last, 20, "%s goes on above %d" % (h.name, last))


@limit(180)
def test_reload_is_all_or_nothing(lab):
    cluster, nsd = pair(lab, secondaries=False)
    s1 = cluster.signer1
    nsd.start()
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    good = s1.conf["signer"]["secondaries"]
    s1.conf["signer"]["secondaries"] = [{"address": "not an address"}]
    s1.write_conf()
    mark = s1.signer.mark()
    s1.signer.send(1)               # SIGHUP
    s1.signer.wait_event("event=config-wrong", 20, mark)
    s1.conf["signer"]["secondaries"] = good + [{"address": "%s#%d" % (nsd.addr, nsd.port)}]
    s1.write_conf()
    s1.signer.send(1)
    s1.signer.wait_event("event=reloaded", 20, mark)
    wait_until(lambda: [s["in_step"] for s in status(s1)["secondaries"]] == [True], 30, "the new secondary is looked at",
               every=0.2)
    mark = s1.signer.mark()
    change(cluster, 2, "reloaded TXT \"x\"\n")
    s1.signer.wait_event("event=notify %s result=ok" % DOT, 30, mark)
    nsd.wait_serial(ZONE, s1.serial(ZONE))


@limit(180)
def test_an_unsigned_zone_is_held_or_served_by_policy(lab):
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signer1, cluster.signer2
    cluster.start()
    open_policy = lab.write("open.yaml", "name: open\nunsigned: serve\n")
    s1.ctl("policy", "apply", open_policy)
    cluster.add_zone(ZONE, small_zone(ZONE))
    cluster.add_zone("open.example", small_zone("open.example"), policy="open")
    for h in (s1, s2):
        wait_until(lambda host=h: host.serial("open.example") is not None, 20, "%s serves the unsigned zone" % h.name)
        wait_until(lambda host=h: status(host)["state"] == "held", 20, "%s holds the other" % h.name)
        if h.serial(ZONE) is not None or h.signed("open.example"):
            raise Failed("%s serves what it should hold, or signs without a key" % h.name)
    unsigned = s1.serial("open.example")
    s2.ctl("key", "create", "open.example")
    cluster.wait_signed("open.example")
    for h in (s1, s2):
        if h.serial("open.example") <= unsigned:
            raise Failed("the signed version is not above the unsigned one")
        verify(axfr_file(lab, h.addr, "open.example"), "open.example")
