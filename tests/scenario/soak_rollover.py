#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""soak_rollover.py --programs DIR [PATTERN]

Every rollover beside a real parent, each with signer2 cut off in the middle, killed, with its clock off by a day, and
restored from an older copy; ends with status 1 when one failed.  PATTERN: only cases whose name has it."""

import argparse
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CASE_LIMIT_S = 600


def troubles():
    from parentworld import clock_off_by_a_day, cut_off, killed, set_back
    return [None, cut_off, killed, clock_off_by_a_day, set_back]


def zsk(w):
    for t in troubles():
        w.roll("--role", "zsk", role="zsk", trouble=t)


def ksk(w):
    for t in troubles():
        w.roll("--role", "ksk", role="ksk", trouble=t)


def csk(w):
    for t in troubles():
        w.roll(trouble=t)


def split_and_combined(w):
    for t in troubles():
        w.policy(keys="ksk+zsk")
        w.roll(trouble=t)
        w.policy(keys="csk")
        w.roll(trouble=t)


def algorithms(w, pairs, **more):
    for t, (a, b) in zip(troubles(), pairs):
        w.policy(algorithm=b, **more)
        w.roll(trouble=t)


def insecure(w):
    for t in troubles():
        w.withdraw(trouble=t)
        w.secure(trouble=t)


def cases():
    from parentworld import BindParent, KnotParent
    back = [(13, 15), (15, 13)] * 3
    return {
        "zsk": (dict(keys="ksk+zsk"), zsk),
        "ksk-double-signature": (dict(keys="ksk+zsk", parent=BindParent), ksk),
        "ksk-double-ds": (dict(keys="ksk+zsk", ksk="double-ds"), ksk),
        "csk": (dict(parent=BindParent), csk),
        "csk-told-by-cds": (dict(tell="cds"), csk),
        "split": (dict(), split_and_combined),
        "algorithm-13-15": (dict(), lambda w: algorithms(w, back)),
        "algorithm-8-13": (dict(algorithm=8), lambda w: algorithms(w, [(8, 13), (13, 8)] * 3)),
        "algorithm-8-13-conservative": (dict(algorithm=8, alg="conservative", parent=BindParent),
                                        lambda w: algorithms(w, [(8, 13), (13, 8)] * 3, alg="conservative")),
        "insecure": (dict(), insecure),
    }


def case(name):
    from duetlab import Lab
    from parentworld import World
    how, story = cases()[name]
    lab = Lab()
    try:
        with lab:
            w = World(lab, **how).begin()
            story(w)
            w.end(notice=True)
    except BaseException:
        print("kept: " + lab.dir)
        raise


def main():
    sys.path.insert(0, HERE)
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--programs", default="build/san-address-undefined/test/bin")
    ap.add_argument("--at-once", type=int, default=4)
    ap.add_argument("--one", help=argparse.SUPPRESS)
    ap.add_argument("pattern", nargs="?", default="")
    a = ap.parse_args()
    if a.one:
        case(a.one)
        return 0
    env = dict(os.environ, DUET_PROGRAMS=os.path.abspath(a.programs), PYTHONDONTWRITEBYTECODE="1",
               ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99:" + os.environ.get("ASAN_OPTIONS", ""),
               UBSAN_OPTIONS="print_stacktrace=1:" + os.environ.get("UBSAN_OPTIONS", ""))
    todo, running, failed, began = [n for n in cases() if a.pattern in n], {}, [], time.monotonic()
    done = len(todo)
    while todo or running:
        while todo and len(running) < a.at_once:
            name = todo.pop(0)
            running[name] = subprocess.Popen(["/usr/bin/python3", __file__, "--one", name], env=env, text=True,
                                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT), time.monotonic()
        name, (p, since) = next(iter(running.items()))
        try:
            out, _ = p.communicate(timeout=max(1, since + CASE_LIMIT_S - time.monotonic()))
        except subprocess.TimeoutExpired:
            p.kill()
            out = (p.communicate()[0] or "") + "\nstopped after %d s\n" % CASE_LIMIT_S
        del running[name]
        print("---- %s: %s, %.0f s\n%s" % (name, "ok" if p.returncode == 0 else "FAILED", time.monotonic() - since, out),
              flush=True)
        if p.returncode != 0:
            failed.append(name)
    print("%d rollover stories in %.0f s, %d failed%s" % (done, time.monotonic() - began, len(failed),
                                                         ": " + " ".join(failed) if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
