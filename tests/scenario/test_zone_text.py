# SPDX-License-Identifier: BSD-3-Clause
"""Master files: every record as BIND's named-compilezone reads it, and every kind of bad file refused with its place."""

import os
import re
import struct
import subprocess
import threading

import dns.name

from duetlab import Failed, find_program, run, verify

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
SIGNING = {46, 47, 48, 50, 51, 59, 60, 63}      # left out by us, as signing makes them
HEAD = "$TTL 60\n@ SOA ns root 1 2 3 4 5\n@ NS ns\n"    # three lines


def dumper(lab):
    path = os.path.join(os.path.dirname(lab.programs.rstrip("/")), "tool", "zone_dump")
    if not os.access(path, os.X_OK):
        raise Failed("%s is not built (make tests)" % path)
    return path


def ours(lab, origin, path, text=False):
    """{(owner in lower case, TTL, type, rdata in hexadecimal)}; with text the lines of rr_text."""
    p = run([dumper(lab), origin, path, DATA, "0"] + (["text"] if text else []))
    if text:
        return p.stdout
    rows = (row.split(" ") for row in p.stdout.splitlines())
    return {(dns.name.from_text(r[0]).canonicalize(), int(r[1]), int(r[2]), r[3]) for r in rows}


def binds(lab, origin, path, left_out=SIGNING):
    """The same from named-compilezone's raw format: a header of 24 octets, then one block for each RRset."""
    out = lab.path("raw")
    run([find_program("named-compilezone"), "-q", "-i", "none", "-k", "ignore", "-F", "raw", "-o", out, origin, path])
    with open(out, "rb") as f:
        raw = f.read()
    if struct.unpack(">II", raw[:8]) != (2, 1):
        raise Failed("raw format %s is not the one that is known here" % (struct.unpack(">II", raw[:8]),))
    at, found = 24, set()
    while at < len(raw):
        total, _, rdtype, _, ttl, count, name_len = struct.unpack(">IHHHIIH", raw[at:at + 20])
        p = at + 20
        owner = dns.name.from_wire(raw[p:p + name_len], 0)[0].canonicalize()
        p += name_len
        for _ in range(count):
            n, = struct.unpack(">H", raw[p:p + 2])
            if rdtype not in left_out:
                found.add((owner, ttl, rdtype, raw[p + 2:p + 2 + n].hex()))
            p += 2 + n
        if p != at + total:
            raise Failed("raw format: block at %d is not understood" % at)
        at = p
    return found


def expect_same(what, a, b):
    if a != b:
        raise Failed("%s: only BIND has %s, only we have %s" % (what, sorted(a - b)[:5], sorted(b - a)[:5]))


def zones_of_data():
    for name in sorted(os.listdir(DATA)):
        if name.endswith(".zone"):
            with open(os.path.join(DATA, name), encoding="utf-8") as f:
                yield re.match(r"; Origin: (\S+)", f.readline()).group(1), os.path.join(DATA, name)


def test_every_record_is_as_bind_reads_it(lab):
    seen = set()
    for origin, path in zones_of_data():
        a, b = binds(lab, origin, path), ours(lab, origin, path)
        expect_same(path, a, b)
        seen |= {r[2] for r in b}
        # what we write as text is the same zone for BIND and for us
        written = lab.write("written.zone", ours(lab, origin, path, text=True))
        expect_same(path + " written", binds(lab, origin, written), b)
        expect_same(path + " written and read", b, ours(lab, origin, written))
    if len(seen) < 70:
        raise Failed("only %d types were compared" % len(seen))


def test_bind_compares_what_it_should(lab):
    """One octet of difference is seen, so that the test above can fail."""
    a = lab.write("a.zone", HEAD + "x TXT a\n")
    b = lab.write("b.zone", HEAD + "x TXT b\n")
    try:
        expect_same("a", binds(lab, "example.", a), ours(lab, "example.", b))
    except Failed:
        return
    raise Failed("a difference was not seen")


BIG = "".join("x TXT \"%0250d\"\n" % i for i in range(260))
BAD = {     # name: (text, exit word, line and column, words)
    "syntax error": (HEAD + "x A 1.2.3\n", "syntax", "4:5", "IPv4"),
    "outside the zone": (HEAD + "x.other. A 1.2.3.4\n", "refused", "4:1", "outside the zone"),
    "a missing final newline": (HEAD + "x A 192.0.2.1\ny A 192.0.2.2", "syntax", "5:14", "no newline"),
    "a comment that is cut short": (HEAD + "x A 192.0.2.1\n; the fi", "syntax", "5:9", "no newline"),
    "two SOAs": (HEAD + "@ SOA ns root 2 2 3 4 5\n", "refused", "4:1", "second SOA"),
    "no NS at the apex": ("$TTL 60\n@ SOA ns root 1 2 3 4 5\nx A 192.0.2.1\n", "refused", None, "no NS"),
    "no SOA": ("$TTL 60\n@ NS ns\n", "refused", None, "no SOA"),
    "CNAME beside data": (HEAD + "x CNAME y\nx TXT a\n", "refused", "4:1", "CNAME and other data"),
    "two CNAMEs": (HEAD + "x CNAME y\nx CNAME z\n", "refused", "5:1", "2 CNAMEs"),
    "two DNAMEs": (HEAD + "x DNAME y\nx DNAME z\n", "refused", "5:1", "2 DNAMEs"),
    "DS at the apex": (HEAD + "@ DS 1 13 99 aa\n", "refused", "4:1", "DS at the apex"),
    "DS without NS": (HEAD + "x DS 1 13 99 aa\n", "refused", "4:1", "DS without NS"),
    "wildcard NS": (HEAD + "*.x NS ns\n", "refused", "4:1", "wildcard with NS"),
    "NS and DNAME": (HEAD + "x NS ns\nx DNAME y\n", "refused", "5:1", "NS and DNAME"),
    "TTL above the maximum": (HEAD + "x 3601 A 1.2.3.4\n", "limit", "4:1", "TTL 3601"),
    "RRset above 65,000 octets": (HEAD + BIG, "limit", "242:1", "65000 octets"),
    "RDATA overflow": (HEAD + "x TXT" + " \"%0250d\"" % 1 * 270 + "\n", "limit", "4:68064", "above 65535"),
    "RDATA overflow in RFC 3597 form": (HEAD + "x TYPE65280 \\# 70000 " + "00" * 70000 + "\n", "syntax", "4:16", "65535"),
    "$INCLUDE outside": (HEAD + "$INCLUDE /etc/passwd\n", "refused", "4:10", "outside"),
    "$INCLUDE above": (HEAD + "$INCLUDE ../../../../../../../../../etc/passwd\n", "refused", "4:10", "outside"),
    "$INCLUDE through a link": (HEAD + "$INCLUDE link/passwd\n", "refused", "4:10", "outside"),
    "$INCLUDE of nothing": (HEAD + "$INCLUDE absent\n", "io", "4:10", "absent"),
    "$INCLUDE of itself": (HEAD + "$INCLUDE zone\n", "refused", "4:1", "includes itself"),
    "no text form": (HEAD + "x ATMA nonsense\n", "syntax", "4:8", "hexadecimal"),
    "type without text form": (HEAD + "x UINFO a\n", "refused", "4:3", "\\#"),
    "unknown type as text": (HEAD + "x TYPE65280 a\n", "refused", "4:3", "\\#"),
    "octet 0": (HEAD + "x TXT a\0b\n", "syntax", "4:8", "octet 0"),
    "unclosed parenthesis": (HEAD + "x TXT ( a\n\n", "syntax", "4:7", "not closed"),
    "class CH": (HEAD + "x CH TXT a\n", "syntax", "4:3", "class IN"),
}


def test_bad_files_are_refused_with_their_place(lab):
    folder = lab.folder("zones")
    os.symlink("/etc", os.path.join(folder, "link"))
    failed = []
    for what, (text, word, line, words) in BAD.items():
        path = lab.write("zones/zone", text)
        p = run([dumper(lab), "example.", path, folder, "3600"], check=False)
        place = path + (": " if line is None else ":%s: " % line)
        if p.returncode != 1 or not p.stderr.startswith("%s: %s" % (word, place)) or words not in p.stderr:
            failed.append("%s: wanted %s: %s... %s, got %d %s" % (what, word, place, words, p.returncode, p.stderr))
    if failed:
        raise Failed("\n".join(failed))


def test_includes(lab):
    folder = lab.folder("zones")
    lab.write("zones/sub/part", "a A 192.0.2.1\n$ORIGIN deeper\nb A 192.0.2.2\n$INCLUDE other c.example.\n$TTL 7\nd A 192.0.2.4\n")
    lab.write("zones/sub/other", "\tTXT \"owner of the line before\"\n@ A 192.0.2.3\n")
    path = lab.write("zones/zone", HEAD + "own TXT a\n$INCLUDE sub/part sub\n TXT b\nlast TXT c\n")
    for p in (path, lab.path("zones", "sub", "..", "zone")):
        out = run([dumper(lab), "example.", p, folder]).stdout
        rows = {(r.split(" ")[0], int(r.split(" ")[1]), int(r.split(" ")[2])) for r in out.splitlines()}
        want = {("a.sub.example.", 60, 1), ("b.deeper.sub.example.", 60, 1), ("b.deeper.sub.example.", 60, 16),
                ("c.example.", 60, 1), ("d.deeper.sub.example.", 7, 1), ("last.example.", 7, 16)}
        if not want <= rows or "own.example. 7 16 0161\nown.example. 7 16 0162" not in out:
            raise Failed("wanted %s, got %s" % (want, out))
    deep = [lab.write("zones/n%d" % i, "$INCLUDE n%d\n" % (i + 1)) for i in range(12)]
    lab.write("zones/n12", "x A 192.0.2.1\n")
    for start, good in ((3, True), (0, False)):
        p = run([dumper(lab), "example.", lab.write("zones/zone", HEAD + "$INCLUDE %s\n" % deep[start]), folder], check=False)
        if (p.returncode == 0) != good or (not good and "nested deeper" not in p.stderr):
            raise Failed("nesting from n%d: %d %s" % (start, p.returncode, p.stderr))


def test_warnings_do_not_refuse(lab):
    text = HEAD + "$GENERATE 1-101 x A 10.0.0.$\n@ DNSKEY 257 3 13 AA==\nsub NS ns.sub\nns.sub A 192.0.2.1\nsub TXT hidden\n"
    p = run([dumper(lab), "example.", lab.write("zone", text)])
    for words in ("more than 100 records", "DNSSEC records of the input left out", "occluded"):
        if words not in p.stderr:
            raise Failed("no notice of \"%s\": %s" % (words, p.stderr))


def test_a_file_that_changes_meanwhile_is_not_taken(lab):
    path = lab.write("zone", HEAD + "$GENERATE 1-200000 x$ A 192.0.2.1\n")
    done = threading.Event()

    def touch():
        n = 1
        while not done.wait(0.002):
            os.utime(path, ns=(n, n))
            n += 1

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        p = subprocess.run([dumper(lab), "example.", path], capture_output=True, text=True, timeout=60, check=False)
    finally:
        done.set()
        thread.join()
    if p.returncode != 1 or not p.stderr.startswith("not-now: %s: changed while it was read" % path):
        raise Failed("%d %s" % (p.returncode, p.stderr))
