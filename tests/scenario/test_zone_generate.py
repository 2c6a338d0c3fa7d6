# SPDX-License-Identifier: BSD-3-Clause
"""$GENERATE by chance, right and damaged: the records are those that BIND's named-compilezone makes of it."""

import os
import random
import re
import subprocess

import dns.name

from duetlab import Failed, find_program, run
from test_zone_diff import HEAD, SHOW, tool
from test_zone_text import binds

COUNT = int(os.environ.get("ZONE_GENERATE_COUNT", "600"))
SEED = int(os.environ.get("ZONE_GENERATE_SEED", "1"))


class Form:
    """The parts of a $GENERATE from a source of chance."""

    def __init__(self, chance):
        self.c = chance

    def one(self, *words):
        return self.c.choice(words)

    def range(self):
        start = self.c.choice([0, 1, 7, 98, 255, 4094])
        text = "%d-%d" % (start, start + self.c.choice([0, 1, 3, 12]))
        return text + self.one("", "", "", "/1", "/2", "/5", "/100")

    def number(self):
        """One way to write the number."""
        offset = self.c.choice([0, 0, 1, 5, 1000, -1 if self.c.random() < 0.2 else 2])
        width = self.c.choice([0, 1, 2, 3, 8])
        return self.one("$", "$", "${%d}" % offset, "${%d,%d}" % (offset, width), "${%d,%d,%s}" % (offset, width, self.one(*"doxXnN")),
                        "${0,%d,%s}" % (self.one(1, 3, 4, 7, 16), self.one(*"nN")))

    def name(self):
        return self.one("h" + self.number(), self.number(), "a%s.b%s" % (self.number(), self.number()), "x-%s-y" % self.number(),
                        "s$$" + self.number(), "s\\$" + self.number(), "\\%03d%s" % (self.c.randint(33, 126), self.number()), "fixed")

    def head(self):
        return self.one("", "", "60 ", "IN ", "60 IN ", "1h IN ", "5 ")

    def record(self):
        return self.one(lambda: "A 192.0.2.%s" % self.one("$", "${0}", "${-7}" if self.c.random() < 0.2 else "1", "${0,0,d}"),
                        lambda: "AAAA 2001:db8::%s" % self.one("${0,0,x}", "${1,4,x}", "${0,0,X}"),
                        lambda: "PTR " + self.name(), lambda: "CNAME " + self.name() + self.one("", ".example.", ".other."),
                        lambda: "NS " + self.name(), lambda: "DNAME " + self.name(),
                        lambda: 'TXT "%s text %s"' % (self.number(), self.number()), lambda: "TXT t" + self.number(),
                        lambda: 'TXT "\\"%s\\" \\"b\\""' % self.number(),
                        lambda: 'MX "%s mail%s"' % (self.one("10", "$"), self.number()),
                        lambda: 'SRV "0 $ 53 srv%s.example.net."' % self.number(),
                        lambda: 'CAA "0 issue ca%s"' % self.number(),
                        lambda: "TYPE65280 \"\\# 2 ${0,4,x}\"", lambda: 'TLSA "%s 1 1 aabb"' % self.one("3", "$"))()

    def line(self, i):
        return "$GENERATE %s %s.g%d %s%s" % (self.range(), self.name(), i, self.head(), self.record())


def damaged(line, chance):
    """One small accident, behind the directive."""
    at = chance.randrange(10, len(line) + 1)
    return chance.choice([line[:at] + line[at + 1:], line[:at] + chance.choice("0189-/{},$.xn \\") + line[at:],
                          line.replace("-", chance.choice(["--", "", "/", "-0"]), 1), line.replace("{", "{ ", 1), line.replace("}", "", 1),
                          line.replace("/", "/-", 1), line.replace(" ", "  ", 1), line + " x"])


def lines_by_chance(n, damage):
    chance = random.Random(SEED + damage)
    found = []
    while len(found) < n:
        line = Form(chance).line(len(found))
        line = damaged(line, chance) if damage else line
        if line.replace("\\\"", "").count('"') % 2 == 0 and re.search(r"\.g%d\b" % len(found), line) and ";" not in line:
            found.append(line)
    return found


def group_of(owner):
    """The number of the line that made it."""
    m = re.search(rb"^g(\d+)$", owner[-3].lower()) if len(owner) > 2 else None
    return int(m.group(1)) if m else None


def grouped(rows):
    found = {}
    for owner, ttl, kind, rdata in rows:
        found.setdefault(group_of(owner), set()).add((owner, ttl, kind, rdata))
    return found


def ours(lab, lines):
    """{line: its records, or the refusal}"""
    path, rows, refused = lab.write("lines", "".join(line + "\n" for line in lines)), [], {}
    for row in run([tool(lab, "zone_lines"), "example.", path]).stdout.splitlines():
        number, word, rest = row.split(" ", 2)
        if word == "ok":
            ttl, kind, rdata, owner = rest.split(" ", 3)
            rows.append((dns.name.from_text(owner).canonicalize(), int(ttl), int(kind), rdata))
        else:
            refused[int(number) - 1] = word + " " + rest
    return {**grouped(rows), **refused}


def theirs(lab, lines):
    refused = {}
    for _ in range(len(lines)):
        kept = [i for i in range(len(lines)) if i not in refused]
        path = lab.write("bind.zone", HEAD + "".join(lines[i] + "\n" for i in kept))
        p = subprocess.run([find_program("named-compilezone"), "-i", "none", "-k", "ignore", "-F", "raw", "-o", lab.path("raw"),
                            "example.", path], capture_output=True, text=True, errors="replace", check=False)
        if p.returncode == 0:
            return {**grouped(binds(lab, "example.", path)), **refused}
        found = {kept[int(m.group(1)) - 4]: m.group(2) for m in re.finditer(r"bind\.zone:(\d+): (.*)", p.stdout + p.stderr)
                 if 0 <= int(m.group(1)) - 4 < len(kept)}
        if not found:
            break
        refused.update(found)
    raise Failed("named-compilezone does not come to an end: %s" % (p.stdout + p.stderr)[-2000:])


# What differs on purpose: (who takes it, words of the line, words of the refusal), and why; of right lines the first alone.
KNOWN = [
    ("bind", r"\$\{-", r"a number below 0"),     # BIND writes it with its sign
    ("we", r"", r"extra input text"),     # rdata of several words without quotes, and blanks within braces
    ("we", r"CAA ", r"syntax error"),     # escapes in the tag
    ("bind", r'[A-Z0-9]"', r"is not a type"),     # a quote that is glued to the type
    ("bind", r"", r"range must be"),     # BIND does not look at what is behind the range,
    ("bind", r"\$\{", r"wrong \$\{OFFSET"),     # nor at what is behind the base
]


def compare(lab, lines, known):
    bind, we, wrong, same = theirs(lab, lines), ours(lab, lines), [], 0
    for i, line in enumerate(lines):
        a, b = bind.get(i, "nothing"), we.get(i, "nothing")
        same += a == b
        if a == b or (isinstance(a, str) and isinstance(b, str)):
            continue
        who, refusal = ("bind", b) if isinstance(b, str) else ("we", a)
        if not any(k[0] == who and re.search(k[1], line) and isinstance(refusal, str) and re.search(k[2], refusal) for k in known):
            wrong.append("%s\n  BIND: %s\n  we:   %s" % (line, a, b))
    return wrong, same


def test_what_is_generated_is_as_bind_has_it(lab):
    wrong, same = compare(lab, lines_by_chance(COUNT, 0), KNOWN[:1])
    if same < COUNT * 3 // 4:
        wrong.append("only %d of %d were the same" % (same, COUNT))
    more, _ = compare(lab, lines_by_chance(COUNT, 1), KNOWN)
    if wrong or more:
        raise Failed("%d differ:\n%s" % (len(wrong + more), "\n".join((wrong + more)[:SHOW])))
