#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""tests/audit/table.py --programs DIR [--all] [--write docs/audit.md] [PATTERN...]

Each fault of faults.py before duet-audit and the tools of others: caught, missed, crashed or hung.  A tool that refuses the
good zone is not asked about the broken one (-).  Without --all each fault is put into one zone, with it into every kind that
it can be put into.  --write replaces the table in a file, between its two marks.  Exit 1 when duet-audit misses one."""

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import auditrun             # noqa: E402
import basezones            # noqa: E402
import faults               # noqa: E402

LIMIT_S = 10
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def plain(text):
    """validns knows neither CDS nor CDNSKEY nor CAA."""
    def generic(m):
        rdata = faults.dns.rdata.from_text(faults.IN, m.group(2), m.group(3))
        wire = rdata.to_digestable()
        return "%sTYPE%d \\# %d %s" % (m.group(1), rdata.rdtype, len(wire), wire.hex())
    text = re.sub(r"(?m)^(\S+ \d+ IN )(CDS|CDNSKEY|CAA) (.*)$", generic, text)
    for word, number in (("CDNSKEY", 60), ("CDS", 59), ("CAA", 257)):       # in RRSIGs and bitmaps
        text = re.sub(r"(?<= )%s\b" % word, "TYPE%d" % number, text)
    return text


# Labels that validns cannot read.
basezones.TEXT = "".join(x for x in basezones.TEXT.splitlines(keepends=True) if not x.startswith(("back", "zero", "host.*")))


def argv_of(tool, zone, setup):
    return {"ldns-verify-zone": ["ldns-verify-zone", "-V0", zone],
            "dnssec-verify": ["dnssec-verify", "-q"] + (["-z"] if setup == "csk" else []) + ["-o", "example", zone],
            "kzonecheck": ["kzonecheck", "-d", "on", "-o", "example", zone],
            "validns": ["validns", "-z", "example.", zone],
            "named-checkzone": ["named-checkzone", "-q", "example", zone]}[tool]


TOOLS = ("ldns-verify-zone", "dnssec-verify", "kzonecheck", "validns", "named-checkzone")


def ask(tool, text, setup, folder):
    zone = auditrun.write(folder, "asked.zone", plain(text) if tool == "validns" else text)
    try:
        code = subprocess.run(argv_of(tool, zone, setup), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=LIMIT_S, check=False).returncode
    except subprocess.TimeoutExpired:
        return "hung"
    return "crashed" if code < 0 or code >= 128 else "caught" if code != 0 else "missed"


def rows_of(args):
    now, folder, good = int(time.time()), tempfile.mkdtemp(prefix="duet-table."), {}
    for i, f in enumerate(faults.FAULTS):
        if args.pattern and not any(p in f.name or p in f.row for p in args.pattern):
            continue
        combos = [(d, s) for d in f.denials for s in f.setups]
        for denial, setup in combos if args.all else [combos[i % len(combos)]]:
            case = faults.Case(denial, setup, now)
            if (denial, setup) not in good:
                good[(denial, setup)] = {t: ask(t, case.z.text(), setup, folder) for t in TOOLS}
            f.make(case)
            r = auditrun.run_case(os.path.join(args.programs, "duet-audit"), case, folder)
            ok = f.row in r.found and set(r.found) <= f.also | {f.row}
            text = case.z.text() if case.text is None else case.text
            yield f, denial, setup, "caught" if ok else "missed", {
                t: ask(t, text, setup, folder) if good[(denial, setup)][t] == "missed" else "-" for t in TOOLS}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--programs", default="build/bin")
    ap.add_argument("--all", action="store_true")
    ap.add_argument("--write")
    ap.add_argument("pattern", nargs="*")
    args = ap.parse_args()
    lines = ["| row | fault | zone | duet-audit | %s |" % " | ".join(TOOLS), "|---" * (len(TOOLS) + 4) + "|"]
    sums, n, missed = collections.defaultdict(collections.Counter), 0, []
    for f, denial, setup, ours, theirs in rows_of(args):
        n += 1
        sums["duet-audit"][ours] += 1
        for t in TOOLS:
            sums[t][theirs[t]] += 1
        if ours != "caught":
            missed.append(f.name)
        lines.append("| %s | %s | %s, %s | %s | %s |" % (f.row, f.name, denial, setup, ours,
                                                       " | ".join(theirs[t] for t in TOOLS)))
    lines.append("")
    for t in ("duet-audit",) + TOOLS:
        lines.append("- %s: %s" % (t, ", ".join("%s %d" % (w, sums[t][w]) for w in ("caught", "missed", "crashed", "hung", "-")
                                                if sums[t][w])))
    text = "\n".join(lines) + "\n"
    if args.write:
        with open(args.write, encoding="utf-8") as f:
            page = f.read()
        before, rest = page.split(BEGIN)
        with open(args.write, "w", encoding="utf-8") as f:
            f.write(before + BEGIN + "\n" + text + END + rest.split(END)[1])
    else:
        print(text, end="")
    print("%d faults, %d missed by duet-audit%s" % (n, len(missed), ": " + ", ".join(missed) if missed else ""),
          file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
