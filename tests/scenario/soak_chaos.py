#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""soak_chaos.py --programs DIR [--seed N] [--runs N] [--minutes N] [--rounds N] [--steps N]

Storms of chaos.py, one cluster and one seed after the other; ends with status 1 when one failed.  A failing one says its
seed and its story, and keeps its folder."""

import argparse
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
STORM_LIMIT_S = 900


def storm(seed, rounds, steps):
    sys.path.insert(0, HERE)
    from chaos import Storm
    from duetlab import Lab
    lab = Lab()
    try:
        with lab:
            Storm(lab, seed).run(rounds, steps)
    except BaseException:
        print("kept: " + lab.dir)
        raise


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--programs", default="build/san-address-undefined/test/bin")
    ap.add_argument("--seed", type=int, default=int(time.time()))
    ap.add_argument("--runs", type=int, default=10)
    ap.add_argument("--minutes", type=float, default=1e9, help="no new storm begins after so many")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--steps", type=int, default=40)
    ap.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    a = ap.parse_args()
    if a.one:
        storm(a.seed, a.rounds, a.steps)
        return 0
    env = dict(os.environ, DUET_PROGRAMS=os.path.abspath(a.programs), PYTHONDONTWRITEBYTECODE="1",
               ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99:" + os.environ.get("ASAN_OPTIONS", ""),
               UBSAN_OPTIONS="print_stacktrace=1:" + os.environ.get("UBSAN_OPTIONS", ""))
    began, failed, seed = time.monotonic(), [], a.seed
    while seed < a.seed + a.runs and time.monotonic() - began < a.minutes * 60:
        p = subprocess.Popen(["/usr/bin/python3", __file__, "--one", "--seed", str(seed), "--rounds", str(a.rounds),
                              "--steps", str(a.steps)], env=env)
        try:
            status = p.wait(STORM_LIMIT_S)
        except subprocess.TimeoutExpired:
            p.kill()
            status = "stopped after %d s" % STORM_LIMIT_S
        if status != 0:
            failed.append(seed)
            print("seed %d: FAILED, %s" % (seed, status), flush=True)
        seed += 1
    print("%d storms of %d rounds in %.0f minutes, %d failed%s" % (
        seed - a.seed, a.rounds, (time.monotonic() - began) / 60, len(failed),
        ": seeds " + ", ".join(map(str, failed)) if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
