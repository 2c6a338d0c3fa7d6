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
    argv = [tool(lab, program), "example.", path] + (["signed"] if program == "zone_lines" else [])
    for row in run(argv, env={"ASAN_OPTIONS": "detect_leaks=%d" % (program == "zone_lines")}).stdout.splitlines():
        number, word, rest = row.split(" ", 2)
        if word == "differs":
            raise Failed("%s: plain and by tokens: %s" % (lines[int(number) - 1], rest))
        found[int(number) - 1] = tuple(rest.split(" ")[:3]) if word == "ok" else rest
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
        for m in re.finditer(r"bind\.zone:(\d+): (?!old style DNSSEC|signature has expired)(.*)", p.stdout + p.stderr):
            at = int(m.group(1)) - 4
            if at < len(kept):     # behind it is what it says of the whole
                refused[kept[at]] = m.group(2)
    else:
        raise Failed("named-compilezone does not come to an end: %s" % (p.stdout + p.stderr)[-2000:])
    found = dict(refused)
    for owner, ttl, kind, rdata in binds(lab, "example.", path, left_out=()):
        if len(owner) > 2:
            found[int(owner[0][1:])] = (str(ttl), str(kind), rdata)
    return found


# What differs on purpose: (who takes it, words of the line, words of the refusal), and why.
KNOWN = [
    ("bind", r"EUI(48|64) ", r"pairs of hexadecimal"),     # BIND looks at the beginning of the word only
    ("bind", r"(TXT|TYPE16) +\\#", r"length"),     # in BIND that is a text then
    ("bind", r"APL ", r"address prefix"),     # families as 02
    ("we", r"(CLA|IPN) ", r"unknown RR type"),     # younger than this BIND
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
    ("we", r" NSEC ", r"FORMERR"),     # without a list of types; only signed zones have it
    ("we", r" RRSIG ", r"out of range"),     # fewer labels than its signer has; likewise
    ("we", r" ZONEMD ", r"unexpected end|bad hex"),     # a digest of another length cannot be checked, and is left out with that word
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


def without_place(lines, refusals):
    """Lines whose refusal does not say where in the line it is wrong, and what is."""
    wrong = []
    for i, why in refusals.items():
        m = re.match(r"text:4:(\d+): \S", why) if isinstance(why, str) else None
        if isinstance(why, str) and not (m and 1 <= int(m.group(1)) <= len(lines[i]) and lines[i][int(m.group(1)) - 1] not in " \t"):
            wrong.append("%s\n  refused without its place: %s" % (lines[i], why))
    return wrong


def test_records_by_chance_are_as_bind_reads_them(lab):
    right, damaged = lines_by_chance(RECORDS // 2, SEED, 0), lines_by_chance(RECORDS // 2, SEED + 1, 1)
    wrong, taken = compare(lab, right)
    if len(taken) < RECORDS // 2 * 3 // 4:
        wrong.append("only %d of %d were taken" % (len(taken), RECORDS // 2))
    missing = set(TYPES) - NOT_BIND - {kind_of(right[i]) for i in taken}
    if missing:
        wrong.append("none was taken of %s" % sorted(missing))
    more, _ = compare(lab, damaged)
    more += without_place(damaged, ours(lab, damaged))
    if wrong or more:
        raise Failed("%d differ:\n%s" % (len(wrong + more), "\n".join((wrong + more)[:SHOW])))


NOT_BIND = {"CLA", "IPN", "MD", "MF"}     # younger than BIND 9.18, or obsolete for it


def kind_of(line):
    """As TYPES has it."""
    words = line.split(" ")[1:]
    return next((w for w in words if w in TYPES), "CLASS1 TYPE16" if "TYPE16" in words else None)


def types_of(lab, program):
    """{number: mnemonic} of the types that a tool knows."""
    return {int(row.split(" ")[0]): row.split(" ")[1] for row in run([tool(lab, program), "--types"]).stdout.splitlines()}


def types_of_bind(lab):
    """The same of named-compilezone: it takes one octet for the rdata of a type that it does not know, and writes that as TYPEn."""
    known, left = {}, list(range(1, 65536))
    for _ in range(3):
        text = HEAD + "".join("t%d TYPE%d \\# 1 01\n" % (n, n) for n in left)
        p = subprocess.run([find_program("named-compilezone"), "-i", "none", "-k", "ignore", "-F", "text", "-o", lab.path("types"),
                            "example.", lab.write("types.zone", text)], capture_output=True, text=True, check=False)
        refused = {left[int(m) - 4] for m in re.findall(r"types\.zone:(\d+): ", p.stdout + p.stderr) if int(m) - 4 < len(left)}
        known.update((n, None) for n in refused)
        left = [n for n in left if n not in refused]
        if p.returncode == 0:
            break
    with open(lab.path("types"), encoding="ascii") as f:
        written = re.findall(r"^t(\d+)\.example\.\s+\d+\s+IN\s+(\S+)", f.read(), re.M)
    if len(written) < 60000:
        raise Failed("named-compilezone wrote %d types" % len(written))
    known.update((int(n), word) for n, word in written if not word.startswith("TYPE"))
    return known


def is_meta(number):
    return number == 41 or 128 <= number <= 255


def test_every_type_that_they_know_is_ours_and_is_compared(lab):
    we, bind, ldns = types_of(lab, "zone_lines"), types_of_bind(lab), types_of(lab, "ldns_lines")
    if len(bind) < 80 or len(ldns) < 70:
        raise Failed("BIND knows %d types, ldns %d" % (len(bind), len(ldns)))
    unknown = {n: (bind.get(n), ldns.get(n)) for n in set(bind) | set(ldns) if n not in we and not is_meta(n)}
    if unknown:
        raise Failed("they know, and we do not: %s" % unknown)
    other = {n: (we[n], ldns[n]) for n in ldns if n in we and we[n] != ldns[n]}
    if other:
        raise Failed("another mnemonic: %s" % other)
    compared = set(TYPES) | {"SOA"}
    missing = [word for n, word in we.items() if word not in compared and not is_meta(n)]
    if missing:
        raise Failed("not compared: %s" % missing)


def test_soas_by_chance_are_as_bind_reads_them(lab):
    """One zone each."""
    chance, wrong, same = random.Random(SEED + 3), [], 0
    for i in range(RECORDS // 100):
        t = Text(chance)
        rdata = "%s %s %s" % (t.name(), t.name(), " ".join([t.u32] + [t.ttl() for _ in range(4)]))
        if i % 2:
            rdata = mutate(rdata, chance)
        if not is_one_line("x " + rdata) or "(" in rdata or ")" in rdata:
            continue
        path = lab.write("soa.zone", "@ 60 IN SOA %s\n@ 60 NS .\n" % rdata)
        p = run([tool(lab, "zone_dump"), "example.", path], check=False)
        we = {tuple(row.split(" ")[1:]) for row in p.stdout.splitlines()} if p.returncode == 0 else None
        q = subprocess.run([find_program("named-compilezone"), "-q", "-i", "none", "-k", "ignore", "-F", "raw", "-o", lab.path("raw"), "example.", path],
                           capture_output=True, text=True, errors="replace", check=False)
        they = {(str(ttl), str(kind), octets) for _, ttl, kind, octets in binds(lab, "example.", path)} if q.returncode == 0 else None
        same += we == they and we is not None
        if we != they:
            wrong.append("%s\n  BIND: %s %s\n  we:   %s %s" % (rdata, they, q.stderr, we, p.stderr))
    if wrong or same < RECORDS // 400:
        raise Failed("%d differ, %d are the same and right:\n%s" % (len(wrong), same, "\n".join(wrong[:SHOW])))


# Types that ldns 1.8.3 does not know in text, or makes other octets of than BIND and we do; and what else it takes amiss.
NOT_LDNS = {"A6", "AMTRELAY", "ATMA", "AVC", "BRID", "CLA", "DOA", "DSYNC", "GID", "HHIT", "IPN", "IPSECKEY", "KEY", "LOC", "NINFO", "NSAP-PTR",
            "NXT", "RESINFO", "RKEY", "SINK", "TA", "UID", "UINFO", "UNSPEC", "WALLET", "WKS"}
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
