# SPDX-License-Identifier: BSD-3-Clause
"""Reading master file text into a checked zone in canonical order, beside the checkers of others."""

import os
import re

from benchlib import Table, alternate, timed
from duetlab import find_program, run

CHECKERS = {"kzonecheck": lambda zone, f: ["kzonecheck", "-d", "off", "-o", zone, f],
            "nsd-checkzone": lambda zone, f: ["nsd-checkzone", zone, f],
            "ldns-read-zone": lambda zone, f: ["ldns-read-zone", f],
            "named-checkzone": lambda zone, f: ["named-checkzone", "-i", "none", zone, f]}


def read_by_all(lab, args, kind, zone, said):
    text = lab.path(kind + ".zone")
    with open(text, "wb") as f:
        timed([os.path.join(args.bench, "zonegen"), kind, "-n", str(args.n)], stdout=f)
    megabytes = os.path.getsize(text) / 1e6
    peers = {k: v for k, v in CHECKERS.items() if not args.best_only or k == "kzonecheck"}
    bench = os.path.join(args.bench, "parse_bench")
    got = alternate({who: ((lambda a=argv: timed([find_program(a(zone, text)[0])] + a(zone, text)[1:],
                                                 stdout=open(os.devnull, "wb"))), 1 if args.big else args.runs)
                     for who, argv in peers.items()}, args.runs)
    out = run([bench, zone, text, str(args.runs + 1)], timeout=600).stdout
    ours = {word: float(rate) for word, rate in re.findall(r"^(\w+) ([\d.]+) MB/s", out, re.M)}
    best = min(r.cpu_s for r in got.values())
    table = Table("Reading %.0f MB of text, %s" % (megabytes, said),
                  ["program", "CPU s", "MB/s", "anonymous MiB", "times the best of the others"],
                  "One thread, memory for records as it was left by the round before, 128 MiB of it.  `lex` is text to wire "
                  "form, `order` with sorting and all checks, `sum` with the digest of the content too.  memcpy in this "
                  "run: %.0f MB/s." % ours.get("memcpy", 0))
    for word in ("lex", "order", "sum"):
        table.add("duet, " + word, megabytes / ours[word], ours[word], "-", best / (megabytes / ours[word]))
    for who, r in got.items():
        table.add(who, r.cpu_s, megabytes / r.cpu_s, r.anon_mib, best / r.cpu_s)
    os.unlink(text)
    return table


def tables(lab, args):
    yield read_by_all(lab, args, "tld", "bench", "%d delegations in no order" % args.n)
    yield read_by_all(lab, args, "host", "hosts.example", "%d hosts of many types" % args.n)
