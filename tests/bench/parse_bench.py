# SPDX-License-Identifier: BSD-3-Clause
"""Reading master file text into a checked zone in canonical order, beside the checkers of others."""

import os
import re
import statistics

from benchlib import Table, alternate, timed, zone_text
from duetlab import find_program

CHECKERS = {"kzonecheck": lambda zone, f: ["kzonecheck", "-d", "off", "-o", zone, f],
            "nsd-checkzone": lambda zone, f: ["nsd-checkzone", zone, f],
            "ldns-read-zone": lambda zone, f: ["ldns-read-zone", f],
            "named-checkzone": lambda zone, f: ["named-checkzone", "-i", "none", zone, f]}


class Ours:
    """parse_bench, one round that counts in each run."""

    def __init__(self, args, zone, text):
        self.argv = [os.path.join(args.bench, "parse_bench"), zone, text, "2"]
        self.rates = {}         # word: MB/s of each run

    def run(self):
        r = timed(self.argv)
        for word, rate in re.findall(r"^(\w+) ([\d.]+) MB/s", r.out, re.M):
            self.rates.setdefault(word, []).append(float(rate))
        return r

    def median(self, word):
        return statistics.median(self.rates[word])


def checker(argv):
    return lambda: timed([find_program(argv[0])] + argv[1:], stdout=open(os.devnull, "wb"))


def read_by_all(lab, args, kind, zone, said):
    text = zone_text(args, lab.path(kind + ".zone"), kind, args.n)
    megabytes = os.path.getsize(text) / 1e6
    ours = Ours(args, zone, text)
    peers = {who: (checker(argv(zone, text)), 1 if args.big and who != "kzonecheck" else args.runs)
             for who, argv in CHECKERS.items() if not args.best_only or who == "kzonecheck"}
    got = alternate({"duet": ours.run, **peers}, args.runs)
    best = min(got[who].cpu_s for who in peers)
    table = Table("Reading %.0f MB of text, %s" % (megabytes, said),
                  ["program", "CPU s", "MB/s", "anonymous MiB", "times the best of the others"],
                  "One thread, memory for records as it was left by the round before, 128 MiB of it.  `lex` is text to wire "
                  "form, `order` with sorting and all checks, `sum` with the digest of the content too.  memcpy in this "
                  "run: %.0f MB/s." % ours.median("memcpy"))
    for word in ("lex", "order", "sum"):
        rate = ours.median(word)
        table.add("duet, " + word, megabytes / rate, rate, "-", best / (megabytes / rate))
        table.figure("parse.%s.%s" % (kind, word), args.n, ours.rates[word], "kzonecheck",
                     [megabytes / r.cpu_s for r in got["kzonecheck"].each])
    for who in peers:
        r = got[who]
        table.add(who, r.cpu_s, megabytes / r.cpu_s, r.anon_mib, best / r.cpu_s)
    return table


def tld(lab, args):
    yield read_by_all(lab, args, "tld", "bench", "%d delegations in no order" % args.n)


def host(lab, args):
    yield read_by_all(lab, args, "host", "hosts.example", "%d hosts of many types" % args.n)


PARTS = {"tld": tld, "host": host}
