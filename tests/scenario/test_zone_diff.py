# SPDX-License-Identifier: BSD-3-Clause
"""
Records by chance, right ones and damaged ones: BIND's named-compilezone and our parser take and refuse the same and make
the same rdata of them; so does ldns, for the types that it knows.  ZONE_DIFF_RECORDS and ZONE_DIFF_SEED make it longer.
"""

import os
import random
import re
import subprocess

from duetlab import Failed, find_program, run
from rrtext import TYPES, Text, head, is_one_line, mutate
from test_zone_text import binds, expect_same

RECORDS = int(os.environ.get("ZONE_DIFF_RECORDS", "3000"))
SHOW = int(os.environ.get("ZONE_DIFF_SHOW", "40"))
SEED = int(os.environ.get("ZONE_DIFF_SEED", "1"))
HEAD = "$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS .\n"


def tool(lab, name):
    return os.path.join(os.path.dirname(lab.programs.rstrip("/")), "tool", name)


def lines_by_chance(n, seed, damage, heads=True):
    chance, found = random.Random(seed), []
    kinds = sorted(TYPES)
    while len(found) < n:
        kind = kinds[len(found) % len(kinds)] if len(found) < 3 * len(kinds) else chance.choice(kinds)
        t = Text(chance)
        rdata = TYPES[kind](t)
        line = "%s%s %s" % (head(t) if heads else "", kind, rdata)
        if chance.random() < damage:
            line = "%s%s %s" % (head(t), kind, mutate(rdata, chance)) if chance.random() < 0.8 else mutate(line, chance)
        if damage and ("(" in line or ")" in line):     # BIND reads on within quotes behind a mistake
            continue
        if is_one_line(line):
            found.append("r%d %s" % (len(found), line))
    return found


def ours(lab, lines, program="zone_lines"):
    """{line: (TTL, type, rdata) or the refusal}"""
    path = lab.write("lines", "".join(line + "\n" for line in lines))
    found = {}
    for row in run([tool(lab, program), "example.", path], env={"ASAN_OPTIONS": "detect_leaks=%d" % (program == "zone_lines")}).stdout.splitlines():
        number, word, rest = row.split(" ", 2)
        if word == "differs":
            raise Failed("%s: plain and by tokens: %s" % (lines[int(number) - 1], rest))
        found[int(number) - 1] = tuple(rest.split(" ")) if word == "ok" else rest
    return found


def theirs(lab, lines):
    """The same of BIND: the lines it refuses in a first run, and what the others give in a second."""
    refused = {}
    for _ in range(3):     # a refused line can hide another
        kept = [i for i in range(len(lines)) if i not in refused]
        path = lab.write("bind.zone", HEAD + "".join(lines[i] + "\n" for i in kept))
        p = subprocess.run([find_program("named-compilezone"), "-i", "none", "-k", "ignore", "-F", "raw", "-o", lab.path("raw"),
                            "example.", path], capture_output=True, text=True, errors="replace", check=False)
        if p.returncode == 0:
            break
        for m in re.finditer(r"bind\.zone:(\d+): (?!old style DNSSEC)(.*)", p.stdout + p.stderr):
            at = int(m.group(1)) - 4
            if at < len(kept):     # behind it is what it says of the whole
                refused[kept[at]] = m.group(2)
    else:
        raise Failed("named-compilezone does not come to an end: %s" % (p.stdout + p.stderr)[-2000:])
    found = dict(refused)
    for owner, ttl, kind, rdata in binds(lab, "example.", path):
        if len(owner) > 2:
            found[int(owner[0][1:])] = (str(ttl), str(kind), rdata)
    return found


# What differs on purpose: (who takes it, words of the line, words of the refusal), and why.
KNOWN = [
    ("bind", r"EUI(48|64) ", r"pairs of hexadecimal"),     # BIND looks at the beginning of the word only
    ("bind", r"(TXT|TYPE16) +\\#", r"length"),     # in BIND that is a text then
    ("bind", r"APL ", r"address prefix"),     # families as 02
    ("we", r"CLA ", r"unknown RR type"),     # younger than this BIND
    ("we", r"CAA \S+ +\S*[\\\"]", r"syntax error|unexpected token"),     # escapes or quotes in the tag
    ("we", r"NAPTR ", r"syntax error"),     # BIND looks further into the regular expression
    ("bind", r"TYPE0 |CLASS0 ", r"TYPE0|CLASS0"),     # no type, no class
    ("bind", r"SSHFP ", r"not of the form of type SSHFP"),     # without a fingerprint
    ("bind", r"(NID|L64) ", r"four groups"),     # with a colon behind
    ("bind", r"WKS ", r"a service|a protocol"),     # -0, and what /etc/services and protocols have
    ("bind", r"ATMA ", r"E.164"),     # with dots
    ("bind", r"NXT ", r"in this list"),     # types as bare numbers
    ("bind", r"LOC ", r"in an angle"),     # -0
    ("we", r"SIG ", r"syntax error"),     # times in seconds (RFC 4034 section 3.2)
    ("we", r"ATMA ", r"unexpected end"),     # a dot at the end
    ("we", r"URI ", r"syntax error"),     # a target without quotes
    ("we", r"IPSECKEY \S+ +\S+ +0 ", r"unexpected end"),     # algorithm 0 is "no key" (RFC 4025 section 2.4)
    ("we", r"(MD|MF) ", r"obsolete"),     # obsolete, but a transfer may bring them, and named takes them from one
]


def is_known(line, a, b):
    who, refusal = ("we", a) if isinstance(a, str) else ("bind", b)
    return any(k[0] == who and re.search(k[1], line) and re.search(k[2], refusal) for k in KNOWN)


def compare(lab, lines):
    bind, we = theirs(lab, lines), ours(lab, lines)
    wrong = []
    for i, line in enumerate(lines):
        a, b = bind.get(i, "nothing"), we.get(i, "nothing")
        if isinstance(a, str) and isinstance(b, str):
            continue
        if a != b and not ((isinstance(a, str) or isinstance(b, str)) and is_known(line, a, b)):
            wrong.append("%s\n  BIND: %s\n  we:   %s" % (line, a, b))
    return wrong, [i for i in range(len(lines)) if bind.get(i) == we.get(i)]


def test_records_by_chance_are_as_bind_reads_them(lab):
    wrong, taken = compare(lab, lines_by_chance(RECORDS // 2, SEED, 0))
    if len(taken) < RECORDS // 2 * 3 // 4:
        wrong.append("only %d of %d were taken" % (len(taken), RECORDS // 2))
    more, _ = compare(lab, lines_by_chance(RECORDS // 2, SEED + 1, 1))
    if wrong or more:
        raise Failed("%d differ:\n%s" % (len(wrong + more), "\n".join((wrong + more)[:SHOW])))


# Types that ldns 1.8.3 does not know in text, or makes other octets of than BIND and we do; and what else it takes amiss.
NOT_LDNS = {"A6", "AMTRELAY", "ATMA", "AVC", "BRID", "CLA", "DOA", "DSYNC", "HHIT", "IPSECKEY", "KEY", "LOC", "NINFO", "NSAP-PTR",
            "NXT", "RESINFO", "RKEY", "SINK", "TA", "WALLET", "WKS"}
AMISS = re.compile(r"\\@|CSYNC \d+ \d+ *$|CAA \d+ \w+ [^\"]|CERT (0|URI) ")     # \@ as a label is no origin


def test_records_by_chance_are_as_ldns_reads_them(lab):
    lines = [line.split(" ", 1)[0] + " 60 IN " + line.split(" ", 1)[1] for line in lines_by_chance(RECORDS // 2, SEED + 2, 0, heads=False)]
    we, they = ours(lab, lines), ours(lab, lines, "ldns_lines")
    wrong, compared = [], set()
    for i, line in enumerate(lines):
        kind = line.split(" ")[3]
        if isinstance(we[i], str) or kind in NOT_LDNS or AMISS.search(line):
            continue
        compared.add(kind)
        if they[i] != we[i]:
            wrong.append("%s\n  ldns: %s\n  we:   %s" % (line, they[i], we[i]))
    if wrong:
        raise Failed("%d differ:\n%s" % (len(wrong), "\n".join(wrong[:SHOW])))
    if len(compared) < 40:
        raise Failed("only %d types were compared" % len(compared))
