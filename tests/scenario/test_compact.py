# SPDX-License-Identifier: BSD-3-Clause
"""Volumes are compacted while zones change: nothing is lost, secondaries notice nothing, the disk stays small."""

import os

from duetlab import *

BIG, SMALL = "big.example", "small.example"
NAMES = 4500            # of which all signed anew are more dead octets than the daemon leaves


def begin(lab):
    """A signer that looks for something to compact all the time, with two zones, and NSD behind it."""
    os.environ["DUET_TEST_ERRNO"] = "engine-upkeep:1"
    cluster = Cluster(lab, signers=1, backups=1).init()
    s = cluster.signer1
    nsd = NSD(lab, "nsd", [BIG, SMALL], [s.addr])
    cluster.add_secondary(nsd, of=[s])
    cluster.write_confs()
    cluster.start()
    for zone, n in ((BIG, NAMES), (SMALL, 10)):
        cluster.add_zone(zone, small_zone(zone, n=n))
        s.ctl("key", "create", zone)
    cluster.wait_signed(BIG, 60)
    cluster.wait_signed(SMALL)
    nsd.start()
    return cluster, s, nsd


def sign_anew(s):
    """All of the big zone is signed again: what it had is dead octets."""
    before = s.serial(BIG)
    s.ctl("zone", "sign", BIG, "--full")
    wait_until(lambda: s.serial(BIG) != before, 60, "the big zone is signed anew")


def change_small(s, i):
    s.put_zone(SMALL + ".zone", small_zone(SMALL, serial=i, more="change%d TXT \"yes\"\n" % i))


def has_change(server, i):
    return "change%d.%s." % (i, SMALL) in axfr_text(server.addr, SMALL, getattr(server, "port", DNS_PORT))


def volumes(s):
    folder = os.path.join(s.state, "signer")
    return sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder) if f.startswith("vol-"))


def held_though_deleted(s):
    """Volumes without a name that engine or net still has open: they take room on the disk all the same."""
    held = []
    for pid in [s.signer.popen.pid] + s.signer.children():
        for fd in os.scandir("/proc/%d/fd" % pid):
            target = os.readlink(fd.path)
            if "/vol-" in target and target.endswith("(deleted)"):
                held.append("%d %s" % (pid, target))
    return held


def judge(lab, s, nsd):
    """What is served verifies, has all names, and NSD has the same version."""
    for zone, n in ((BIG, NAMES), (SMALL, 10)):
        nsd.wait_serial(zone, s.serial(zone), 60)
        text = axfr_text(s.addr, zone)
        for i in (0, n // 2, n - 1):
            if "host%d.%s." % (i, zone) not in text:
                raise Failed("host%d is not in %s" % (i, zone))
        verify(lab.write("axfr/" + zone, text), zone, tools=("kzonecheck",) if zone == BIG else ("ldns-verify-zone",))


@limit(240)
def test_compaction_beside_changes(lab):
    _, s, nsd = begin(lab)
    for i in range(2, 5):
        since = s.signer.mark()
        sign_anew(s)
        change_small(s, i)
        s.signer.wait_event("event=compacted", 60, since)
        wait_until(lambda: has_change(nsd, i), 60, "change %d at NSD" % i)
    judge(lab, s, nsd)
    done = s.signer.wait_event("event=transfer-done zone=%s." % BIG, 10)
    wire = int(done["octets"])
    wait_until(lambda: volumes(s) <= 1.15 * wire + (1 << 20), 30, "the volumes are small again")
    try:
        wait_until(lambda: not held_though_deleted(s), 30)
    except Failed:
        raise Failed("held though deleted: %s" % held_though_deleted(s)) from None
    before = s.serial(BIG)
    s.stop("signer")
    s.start("signer")
    wait_until(lambda: s.serial(BIG) == before, 30, "the zone is served as before")


@limit(240)
def test_a_crash_in_compaction_loses_nothing(lab):
    _, s, nsd = begin(lab)
    for i, point in ((2, "store-compact-before-commit"), (3, "store-compact-after-commit")):
        known, since = {zone: s.serial(zone) for zone in (BIG, SMALL)}, s.signer.mark()
        s.dies_at(point, lambda n=i: change_small(s, n))
        s.ctl("zone", "sign", BIG, "--full", check=False)       # it may die before it says so
        s.wait_death(point, since)
        s.start("signer")
        wait_until(lambda: has_change(s, i), 60, "change %d after the crash" % i)
        for zone, serial in known.items():
            if s.serial(zone) < serial:
                raise Failed("%s: serial %s after %s" % (zone, s.serial(zone), serial))
    judge(lab, s, nsd)
