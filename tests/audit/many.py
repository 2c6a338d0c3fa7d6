#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""tests/audit/many.py --programs DIR [SIGNER...]

Good zones of all signers, kinds, ways of denial and algorithms before duet-audit.  Zones that a signer does not make are
counted.  The last line is "N good zones, M false alarms"; exit 1 when there is one, or fewer zones than --least."""

import argparse
import os
import shutil
import socket
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import auditrun             # noqa: E402
import goodzones            # noqa: E402

ALLOWED = {"AUD-RRSIG-13"}      # the policies of others do not cover SOA expire


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def combos():
    for signer in goodzones.SIGNERS:
        for kind in goodzones.KINDS:
            for denial in goodzones.DENIALS:
                yield signer, kind, denial, 13, False
        for algorithm in (8, 14, 15):
            for denial in goodzones.DENIALS:
                yield signer, "base", denial, algorithm, False
        yield signer, "base", "nsec", 13, True
        yield signer, "deep", "optout", 13, True


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--programs", default="build/bin")
    ap.add_argument("--least", type=int, default=0)
    ap.add_argument("signer", nargs="*")
    args = ap.parse_args()
    n, alarms, not_made = 0, 0, []
    for signer, kind, denial, algorithm, csk in combos():
        if args.signer and signer not in args.signer:
            continue
        folder = tempfile.mkdtemp(prefix="duet-many.")
        os.chmod(folder, 0o755)
        what = "%s %s %s %d%s" % (signer, kind, denial, algorithm, " csk" if csk else "")
        good = goodzones.make(signer, folder, kind, denial, algorithm, csk, args.programs, free_port())
        if good is None:
            not_made.append(what)
        else:
            try:
                r = auditrun.audit(os.path.join(args.programs, "duet-audit"), good.origin, good.operands, good.options)
            finally:
                good.stop()
            n += 1
            if r.code != 0 or set(r.found) - ALLOWED:
                alarms += 1
                print("false alarm: %s: %d %s %s" % (what, r.code, r.out.get("findings"), r.stderr.strip()))
        shutil.rmtree(folder, ignore_errors=True)
    print("not made: " + ", ".join(not_made))
    print("%d good zones, %d false alarms" % (n, alarms))
    return 1 if alarms or n < args.least else 0


if __name__ == "__main__":
    sys.exit(main())
