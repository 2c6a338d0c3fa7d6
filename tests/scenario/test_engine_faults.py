# SPDX-License-Identifier: BSD-3-Clause
"""Faults under the engine: moved clocks, SIGKILL at every step, a full disk, an old copy put back."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading

import dns.exception
import dns.xfr

from duetlab import *
from test_engine_publish import DOT, ZONE, change, events, pair, quiet, status
from test_rollover import QUICK

DAY = 86400


def move(cluster, seconds):
    for h in cluster.hosts.values():
        h.set_clock(seconds)


@limit(240)
def test_renewal_under_a_moved_clock(lab):
    """A week later everything is near its end: both renew, nothing else changes, and the judges agree on that day."""
    cluster, nsd = pair(lab)
    s1, s2 = cluster.signer1, cluster.signer2
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    first = {h.name: status(h)["earliest"] for h in (s1, s2)}
    marks = {h.name: h.signer.mark() for h in (s1, s2)}
    for days in (4, 8):             # not at once: a jump is doubted
        move(cluster, days * DAY)
    for h in (s1, s2):
        wait_until(lambda host=h: status(host)["earliest"] > first[host.name] + 5 * DAY, 60, "%s renews" % h.name, every=0.3)
    wait_until(lambda: s1.serial(ZONE) == s2.serial(ZONE), 30, "one serial")
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)
    for h in (s1, s2):
        if h.signer.count("event=renewed " + DOT, marks[h.name]) < 1 and h.signer.count("event=published " + DOT, marks[h.name]) < 1:
            raise Failed("%s did not say that it renewed" % h.name)
        verify(axfr_file(lab, h.addr, ZONE), ZONE, at=h.now())


@limit(240)
def test_a_year_jump_stops_signing_and_nothing_else(lab):
    cluster, nsd = pair(lab)
    s1, s2 = cluster.signer1, cluster.signer2
    before = axfr_text(s1.addr, ZONE)
    mark = s1.signer.mark()
    s1.set_clock(365 * DAY)
    s1.signer.wait_event("event=clock-doubt", 20, mark)
    change(cluster, 2, "year TXT \"x\"\n")
    wait_until(lambda: "year" in axfr_text(s2.addr, ZONE), 30, "signer2 goes on")
    wait_until(lambda: s1.signer.count("event=zone-loaded " + DOT, mark) > 0, 20, "signer1 has read the change")
    wait_until(lambda: (status(s1)["held"] or "") != "", 20, "status says why")
    if axfr_text(s1.addr, ZONE) != before or s1.signer.count("event=signed", mark):
        raise Failed("signer1 signed with a clock of next year")
    back = s1.signer.mark()
    s1.set_clock(0)
    s1.signer.wait_event("event=clock-vouched", 20, back)
    wait_until(lambda: "year" in axfr_text(s1.addr, ZONE), 30, "signer1 goes on once its clock is right")


@limit(300)
def test_kill_at_every_step_of_a_publication(lab):
    cluster, nsd = pair(lab)
    s1 = cluster.signer1
    n = 1
    for point in ("engine-sign", "engine-publish", "store-after-append", "store-before-sync", "store-after-sync", "store-before-commit",
                  "store-after-commit", "engine-published"):
        for host in cluster.signers():
            host.signer.wait_event("event=ready", 20)
        before, served = s1.serial(ZONE), axfr_text(s1.addr, ZONE)
        s1.stop("signer")
        s1.start("signer")
        if s1.serial(ZONE) != before or axfr_text(s1.addr, ZONE) != served:
            raise Failed("%s: a restart changed what is served" % point)
        n += 1
        mark = s1.signer.mark()
        s1.dies_at(point, lambda: change(cluster, n, "kill%d TXT \"x\"\n" % n))
        s1.wait_death(point, mark)
        mark = s1.signer.mark()
        s1.start("signer")
        if s1.serial(ZONE) < before:
            raise Failed("%s: the serial went back" % point)
        wait_until(lambda: "kill%d" % n in axfr_text(s1.addr, ZONE), 30, "%s: the change is published after all" % point)
        if s1.serial(ZONE) <= before:
            raise Failed("%s: the serial did not go up" % point)
        verify(axfr_file(lab, s1.addr, ZONE), ZONE)
        nsd.wait_serial(ZONE, s1.serial(ZONE), 30)
        if s1.signer.count("event=set-back", mark):
            raise Failed("%s: taken for an old copy" % point)


def mount_tmpfs(lab, folder, kilobytes):
    argv = ["mount", "-t", "tmpfs", "-o", "size=%dk" % kilobytes, "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        raise Skip("a tmpfs cannot be mounted here")
    lab.closers.append(lambda: subprocess.run(["umount", "-l", folder], check=False))


@limit(240)
def test_a_full_disk_keeps_the_version(lab):
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signer1, cluster.signer2
    folder = lab.folder("signer1", "lib", "signer")
    mount_tmpfs(lab, folder, 1500)
    cluster.start()
    cluster.add_zone(ZONE, small_zone(ZONE))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    quiet(cluster)
    before = axfr_text(s1.addr, ZONE)

    def fill():
        with open(os.path.join(folder, "ballast"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass
    fill()
    change(cluster, 2, "full TXT \"x\"\n")
    wait_until(lambda: "full" in axfr_text(s2.addr, ZONE), 30, "signer2 takes the change")
    wait_until(lambda: status(s1)["state"] == "stopped", 30, "status shows the full disk", every=0.2)
    shown = status(s1)
    if "space" not in shown["error"] or not shown["next"]:
        raise Failed("status: %s, next %s" % (shown["error"], shown["next"]))
    if axfr_text(s1.addr, ZONE) != before:
        raise Failed("the version changed")
    s1.kill("signer")               # a start with a full disk serves too
    s1.start("signer")
    if axfr_text(s1.addr, ZONE) != before:
        raise Failed("after a start with a full disk: another version")
    os.unlink(os.path.join(folder, "ballast"))
    wait_until(lambda: "full" in axfr_text(s1.addr, ZONE), 60, "it goes on when there is room", every=0.2)
    wait_until(lambda: status(s1)["error"] is None, 20, "the error is gone")
    # What failed is in the history, once for each content, as soon as there is room for it.
    fill()
    mark = s1.signer.mark()
    for n, fails in ((3, 2), (4, 3)):       # the first is tried again; new content does not wait for that
        change(cluster, n, "more%d TXT \"x\"\n" % n)
        wait_until(lambda: s1.signer.count("event=sign-failed " + DOT, mark) >= fails, 20, "content %d has failed" % n)
    os.unlink(os.path.join(folder, "ballast"))
    change(cluster, 5, "last TXT \"x\"\n")
    wait_until(lambda: "last" in axfr_text(s1.addr, ZONE), 60, "it goes on again", every=0.2)
    told = [w for w in json.loads(s1.ctl("--json", "zone", "history", ZONE).stdout)["history"] if w["result"] == "failed"]
    if [(w["step"], w["content"]) for w in told if w["content"] > 2] != [("sign", 4), ("sign", 3)] or "space" not in told[0]["reason"]:
        raise Failed("the history says of it: %s" % told)


@limit(240)
def test_an_old_copy_put_back(lab):
    """An old copy of the signer's state: it never publishes a serial again that it used, and ends above all."""
    cluster, nsd = pair(lab)
    s1, s2 = cluster.signer1, cluster.signer2
    s1.stop("signer")
    copy = lab.path("copy")
    shutil.copytree(os.path.join(s1.state, "signer"), copy)
    s1.start("signer")
    for n in (2, 3, 4):
        change(cluster, n, "new%d TXT \"x\"\n" % n)
        for h in (s1, s2):
            wait_until(lambda host=h: "new%d" % n in axfr_text(host.addr, ZONE), 30, "%s has change %d" % (h.name, n), every=0.1)
    s1.ctl("zone", "sign", ZONE)    # one that only signer1 made
    s1.wait_served(ZONE)
    highest = s1.serial(ZONE)
    wait_until(lambda: any(p["serial"] == highest for p in status(s2)["peers"]), 20, "signer2 knows signer1's serial")
    nsd.wait_serial(ZONE, highest, 30)
    s1.kill("signer")
    shutil.rmtree(os.path.join(s1.state, "signer"))
    shutil.copytree(copy, os.path.join(s1.state, "signer"))
    mark = s1.signer.mark()
    s1.start("signer")
    s1.signer.wait_event("event=set-back", 30, mark)
    wait_until(lambda: s1.serial(ZONE) > highest and "new4" in axfr_text(s1.addr, ZONE), 60, "signer1 is above its own past", every=0.2)
    serials = events(s1.signer, "event=published " + DOT, "serial")
    if len(set(serials)) != len(serials):
        raise Failed("a serial was published twice: %s" % serials)
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)
    if not status(s1)["alarms"]:
        raise Failed("no alarm")


@limit(240)
def test_a_whole_host_put_back(lab):
    """The whole disk of signer1 as it was some changes ago, keydist's facts too."""
    cluster, nsd = pair(lab)
    s1, s2 = cluster.signer1, cluster.signer2
    s1.stop()
    copy = lab.path("copy")
    shutil.copytree(s1.state, copy)
    s1.start()
    for n in (2, 3):
        change(cluster, n, "new%d TXT \"x\"\n" % n)
        for h in (s1, s2):
            wait_until(lambda host=h: "new%d" % n in axfr_text(host.addr, ZONE), 30, "%s has change %d" % (h.name, n), every=0.1)
    s1.ctl("zone", "sign", ZONE)
    s1.wait_served(ZONE)
    highest = s1.serial(ZONE)
    wait_until(lambda: any(p["serial"] == highest for p in status(s2)["peers"]), 20, "signer2 knows signer1's serial")
    s1.kill()
    shutil.rmtree(s1.state)
    shutil.copytree(copy, s1.state)
    mark = s1.signer.mark()
    s1.start()
    s1.signer.wait_event("event=set-back", 30, mark)
    wait_until(lambda: (s1.serial(ZONE) or 0) > highest and "new3" in axfr_text(s1.addr, ZONE), 60, "signer1 is above its own past", every=0.2)
    serials = events(s1.signer, "event=published " + DOT, "serial")
    if len(set(serials)) != len(serials):
        raise Failed("a serial was published twice: %s" % serials)
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)


def zsks(host):
    return {k["tag"]: k["records"]["zone"]["phase"] for k in json.loads(host.ctl("key", "list", ZONE, "--json").stdout)["keys"]
            if k["role"] == "zsk" and not k["gone"]}


def quick_zsk(lab, more=""):
    """Two signers, a backup, NSD behind signer1, and the tag of the ZSK, which is in use everywhere."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    nsd = NSD(lab, "nsd", [ZONE], [cluster.signer1.addr])
    cluster.add_secondary(nsd, of=["signer1"])
    cluster.write_confs()
    cluster.start()
    s1 = cluster.signer1
    lab.write("quick.yaml", QUICK % ("quick", "ksk+zsk", 13, "double-signature") + more)
    s1.ctl("policy", "apply", lab.path("quick.yaml"))
    cluster.add_zone(ZONE, small_zone(ZONE, ttl=2, minimum=1), policy="quick")
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    nsd.start()
    wait_until(lambda: set(zsks(s1).values()) == {"omnipresent"}, 60, "the ZSK is in use everywhere", every=0.3)
    (old,) = zsks(s1)
    return cluster, nsd, old


def put_back_to_before_a_roll(lab, *names):
    """The same with copies of these hosts' disks; since then the ZSK was rolled, and all hosts are down."""
    cluster, nsd, old = quick_zsk(lab)
    s1, s2 = cluster.signers()
    copies = {cluster.hosts[name]: lab.path("copy-" + name) for name in names}
    for h, copy in copies.items():
        h.stop()
        shutil.copytree(h.state, copy)
        h.start()
    s1.ctl("key", "roll", ZONE, "--role", "zsk")
    wait_until(lambda: len(zsks(s1)) == 1 and old not in zsks(s1), 120, "the ZSK is rolled", every=0.3)
    wait_until(lambda: s1.serial(ZONE) == s2.serial(ZONE), 30, "one serial")
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)
    for h in cluster.hosts.values():
        h.kill()
    for h, copy in copies.items():
        shutil.rmtree(h.state)
        shutil.copytree(copy, h.state)
    return cluster, nsd, old


@limit(240)
def test_a_lost_store_in_the_midst_of_a_roll(lab):
    """The ZSK is to go once the next step is released; signer1, which has lost what it published, signs with it until then."""
    cluster, nsd, old = quick_zsk(lab, "roll-steps: manual\n")
    s1 = cluster.signer1
    s1.ctl("key", "roll", ZONE, "--role", "zsk")
    for h in cluster.signers():
        wait_until(lambda host=h: len(zsks(host)) == 2, 30, "%s knows the new ZSK" % h.name, every=0.2)
    s1.stop()
    shutil.rmtree(os.path.join(s1.state, "signer"))
    s1.start()
    cluster.wait_signed(ZONE, 60, [s1])
    if "RRSIG" not in axfr_text(s1.addr, ZONE) or " %d %s" % (old, ZONE) not in axfr_text(s1.addr, ZONE):
        raise Failed("signer1 does not sign with the ZSK that is in use")
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)


@limit(240)
def test_a_version_of_before_a_roll_is_not_served(lab):
    """signer1 is put back, and hears of it before anybody gets the version that it has: its DNSKEY RRset is one on which the others
    rely no more."""
    cluster, nsd, old = put_back_to_before_a_roll(lab, "signer1")
    s1, s2 = cluster.signers()
    for h in (s2, *cluster.backups()):
        h.start()
    mark = s1.signer.mark()
    given, end = [], threading.Event()

    def ask():
        while not end.is_set():
            try:
                given.append(axfr_text(s1.addr, ZONE))
            except (OSError, EOFError, dns.exception.DNSException, dns.xfr.TransferError):
                pass                    # it is down, or answers nothing of the zone

    asks = threading.Thread(target=ask)
    asks.start()
    try:
        s1.start()
        s1.signer.wait_event("event=withheld " + DOT, 30, mark)
        wait_until(lambda: given, 60, "signer1 serves again")
    finally:
        end.set()
        asks.join()
    signed_by_old = re.compile(r"\sRRSIG\s+A\s.* %d %s" % (old, re.escape(DOT.split("=")[1])))
    if any(signed_by_old.search(row) for text in given for row in text.splitlines()):
        raise Failed("signer1 gave the version that it had before the roll")
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)


@limit(240)
def test_an_old_copy_that_meets_nobody_who_knows(lab):
    """signer1 and the backup are put back to before the ZSK was rolled, and signer2 is away: what the secondary shows nobody
    explains, it has other keys, and signer1 goes above it by an operator's word alone."""
    cluster, nsd, old = put_back_to_before_a_roll(lab, "signer1", "vault")
    s1, s2, (vault,) = cluster.signer1, cluster.signer2, cluster.backups()
    mark = s1.signer.mark()
    vault.start()
    s1.start()
    s1.signer.wait_event("event=compared", 30, mark)
    shown = nsd.serial(ZONE)
    s1.put_zone(ZONE + ".zone", small_zone(ZONE, serial=9, more="fresh TXT \"x\"\n", ttl=2, minimum=1))
    s1.signer.wait_event("event=zone-loaded " + DOT, 30, mark)
    wait_until(lambda: any("nobody explains" in a and "--alone" in a for a in status(s1)["alarms"]), 30, "an alarm says why and what to do")
    if s1.serial(ZONE) >= shown or "fresh" in axfr_text(s1.addr, ZONE):
        raise Failed("signer1, which was set back, went above what it does not know")
    s1.ctl("zone", "resume", ZONE, "--alone")
    wait_until(lambda: "fresh" in axfr_text(s1.addr, ZONE) and s1.serial(ZONE) > shown, 60, "by an operator's word it goes above")
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)
    s2.start()
    wait_until(lambda: s1.serial(ZONE) == s2.serial(ZONE) and len(zsks(s1)) == 1 and old not in zsks(s1), 60,
               "by what signer2 knows all is as it was", every=0.3)


@limit(180)
def test_engine_and_net_live_and_die_together(lab):
    cluster, nsd = pair(lab)
    s1 = cluster.signer1
    before = axfr_text(s1.addr, ZONE)
    s1.signer.expect_failure = True
    (net,) = s1.signer.children()
    os.kill(net, 9)
    wait_until(lambda: not s1.signer.running(), 20, "engine ends when net has ended")
    if s1.signer.popen.returncode != 1:
        raise Failed("exit status %s" % s1.signer.popen.returncode)
    s1.start("signer")
    if axfr_text(s1.addr, ZONE) != before:
        raise Failed("another version after that")
    (net,) = s1.signer.children()
    s1.signer.kill()
    wait_until(lambda: not os.path.exists("/proc/%d" % net), 20, "net ends when engine is killed")
    s1.start("signer")
    (net,) = s1.signer.children()
    os.kill(net, signal.SIGSTOP)
    s1.signer.stop()                # a net that is stuck does not keep the engine
    wait_until(lambda: not os.path.exists("/proc/%d" % net), 20, "nothing is left of net")


@limit(240)
def test_a_floor_is_acknowledged_only_when_it_is_durable(lab):
    """keydist dies with the wish on its way: whoever was told "done" finds the floor afterwards."""
    cluster, _ = pair(lab, secondaries=False)
    s1 = cluster.signer1
    wanted = s1.serial(ZONE) + 500
    s1.keydist.pause()
    told = s1.ctl("zone", "floor", ZONE, str(wanted), check=False)
    epoch = s1.ctl("zone", "accept-serial", ZONE, check=False)
    s1.kill("keydist")
    if told.returncode == 0 or epoch.returncode == 0:
        raise Failed("acknowledged by nobody: %s, %s" % (told, epoch))
    s1.start("keydist")
    wait_until(lambda: s1.ctl("zone", "floor", ZONE, str(wanted), check=False).returncode == 0, 30, "said again", every=0.3)
    if not any(json.loads(f)["kind"] == "floor" for f in s1.ctl("status", "--facts").stdout.splitlines()):
        raise Failed("acknowledged, and no fact")
    s1.ctl("zone", "floor", ZONE, str(wanted))      # said twice
    for h in cluster.signers():
        wait_until(lambda host=h: host.serial(ZONE) >= wanted, 20, "%s is above the floor" % h.name)
