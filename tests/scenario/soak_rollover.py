#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""soak_rollover.py --programs DIR [PATTERN]

Every rollover beside a real parent, each with signer2 cut off in the middle, both signers cut off from the parent, signer2's keydist
stopped, signer2 killed, with its clock off by a day, and restored from an older copy; ends with status 1 when one failed.  All zones of a world roll side by side through the same
trouble.  PATTERN: only zones whose name has it."""

import argparse
import collections
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WORLDS = ["update", "cds"]      # how the parent hears of the DS
RATE = 50


def both_ways(zone, a, b):
    """Two zones: one goes from a to b while the other comes back."""
    from parentworld import Roll
    return [(Roll(zone + "-there.org", policies=(b, a)), a), (Roll(zone + "-back.org", policies=(a, b)), b)]


def courses(world):
    """(what the zone goes through, the policy it begins with)."""
    from parentworld import InAndOut, Roll
    split = dict(keys="ksk+zsk")
    if world == "update":       # at knotd
        return [(Roll("zsk.org", "--role", "zsk", role="zsk"), split),
                (Roll("ksk-ds.org", "--role", "ksk", role="ksk"), dict(split, ksk="double-ds")),
                *both_ways("a8-13", dict(algorithm=8), dict(algorithm=13)),
                *both_ways("a13-15", dict(algorithm=13), dict(algorithm=15)),
                (InAndOut("out.org"), {}), (InAndOut("in.org", first=1), {})]
    # named, told by its own dnssec-cds
    return [(Roll("csk.org"), {}), (Roll("csk-ds.org"), dict(ksk="double-ds")),
            (Roll("ksk.org", "--role", "ksk", role="ksk"), split),
            *both_ways("split", {}, split),
            *both_ways("conservative", dict(algorithm=8, alg="conservative"), dict(algorithm=13, alg="conservative")),
            (InAndOut("cds-out.org"), {})]


def through_all_trouble(world, pattern):
    from duetlab import Lab
    from parentworld import (BindParent, KnotParent, World, clock_off_by_a_day, cut_off, killed, parent_cut_off, set_back,
                             stands_still)
    chosen = [(c, policy) for c, policy in courses(world) if pattern in c.zone]
    if not chosen:
        return
    lab = Lab()
    try:
        with lab:
            w = World(lab, {c.zone: policy for c, policy in chosen}, rate=RATE, tell=world,
                      parent=KnotParent if world == "update" else BindParent, apart=True).begin()
            for number, trouble in enumerate([None, cut_off, parent_cut_off, stands_still, killed, clock_off_by_a_day, set_back]):
                w.turn([c for c, _ in chosen], number, trouble)
            counts = sum((s.counts for s in w.streams), collections.Counter())
            print("%s: %s" % (world, ", ".join("%d %s" % (n, what) for what, n in sorted(counts.items()))))
            w.end(notice=True)
    except BaseException:
        print("kept: " + lab.dir)
        raise


def main():
    sys.path.insert(0, HERE)
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--programs", default="build/san-address-undefined/test/bin")
    ap.add_argument("--one", help=argparse.SUPPRESS)
    ap.add_argument("pattern", nargs="?", default="")
    a = ap.parse_args()
    if a.one:
        through_all_trouble(a.one, a.pattern)
        return 0
    env = dict(os.environ, DUET_PROGRAMS=os.path.abspath(a.programs), PYTHONDONTWRITEBYTECODE="1",
               ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99:" + os.environ.get("ASAN_OPTIONS", ""),
               UBSAN_OPTIONS="print_stacktrace=1:" + os.environ.get("UBSAN_OPTIONS", ""))
    began = time.monotonic()
    running = [subprocess.Popen(["/usr/bin/python3", __file__, "--one", world, a.pattern], env=env) for world in WORLDS]
    failed = [world for world, p in zip(WORLDS, running) if p.wait() != 0]
    print("every rollover in %.0f s%s" % (time.monotonic() - began, ", FAILED: " + " ".join(failed) if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
