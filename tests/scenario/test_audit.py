# SPDX-License-Identifier: BSD-3-Clause
"""duet-audit: every fault is named, good zones of six signers pass, and nothing of the signer is in it.

tests/audit/table.py puts all faults in all zones before the tools of others, tests/audit/many.py makes 200 good zones."""

import collections
import concurrent.futures
import glob
import os
import re
import socket
import subprocess
import sys
import threading
import time

from duetlab import Failed, limit, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "audit"))

import auditrun             # noqa: E402
import basezones            # noqa: E402
import faults               # noqa: E402
import goodzones            # noqa: E402

UNIT_TESTED = {"AUD-NSEC3-12"}      # nobody has two names with one SHA-1


def expect(condition, text):
    if not condition:
        raise Failed(text)


@limit(240)
def test_every_fault_is_named(lab):
    program, now, rows = lab.program("duet-audit"), int(time.time()), set()
    judged = collections.deque()        # cases are made here, while others are judged

    def judge(i, case):
        return auditrun.run_case(program, case, lab.folder("case%d" % i))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for i, f in enumerate(faults.FAULTS):
            combos = [(d, s) for d in f.denials for s in f.setups]
            denial, setup = combos[i % len(combos)]
            case = faults.Case(denial, setup, now)
            f.make(case)
            judged.append((f, denial, setup, pool.submit(judge, i, case)))
    for f, denial, setup, result in judged:
        r = result.result()
        where = "%s (%s, %s)" % (f.name, denial, setup)
        expect(f.row in r.found, "%s: not %s, but %d %s %s" % (where, f.row, r.code, r.found, r.stderr))
        expect(set(r.found) <= f.also | {f.row}, "%s: also %s" % (where, sorted(set(r.found) - f.also - {f.row})))
        expect(r.code == (3 if "error" in r.found.values() else 0), "%s: exit %d" % (where, r.code))
        rows.add(f.row)
    listed = {line.split()[0] for line in run([program, "--rows"]).stdout.splitlines() if line.startswith("AUD-")}
    expect(listed - rows == UNIT_TESTED, "no fault for %s" % sorted(listed - rows - UNIT_TESTED))


def check_good(lab, signer, kind, denial, algorithm=13, csk=False):
    folder = lab.folder("-".join((signer, kind, denial, str(algorithm))))
    good = goodzones.make(signer, folder, kind, denial, algorithm, csk, os.path.dirname(lab.program("duet-sign")), lab.port())
    expect(good is not None, "%s makes no zone of %s with %s" % (signer, kind, denial))
    try:
        r = auditrun.audit(lab.program("duet-audit"), good.origin, good.operands, good.options)
    finally:
        good.stop()
    expect(r.code == 0 and set(r.found) <= {"AUD-RRSIG-13"}, "%s %s %s: %d %s %s" %
           (signer, kind, denial, r.code, r.out.get("findings"), r.stderr))


@limit(240)
def test_good_zones_pass(lab):
    for i, kind in enumerate(goodzones.KINDS):
        check_good(lab, "duet", kind, goodzones.DENIALS[i % 3], (13, 15, 8, 14, 16, 10)[i % 6])
    for i, signer in enumerate(("ldns", "bind", "knot", "named", "pdns")):
        check_good(lab, signer, ("deep", "octets", "tld", "base", "host")[i], goodzones.DENIALS[(i + 1) % 3 if i != 1 else 0])
    check_good(lab, "pdns", "tiny", "nsec", csk=True)


def test_a_zone_in_an_algorithm_roll_needs_what_the_plan_says(lab):
    """Before its DNSKEY is published, the new algorithm signs already (conservative roll)."""
    now, program = int(time.time()), lab.program("duet-audit")
    case = faults.Case("nsec", "roll", now)
    z = case.z
    old = [k for k in z.keys if k.algorithm == 8]
    z.put(z.origin, faults.T.DNSKEY, 3600, [k.rdata() for k in old])
    z.sign(z.origin, faults.T.DNSKEY, old[:1])
    z.put(z.origin, faults.T.CDS, 3600, [old[0].ds(z.origin, faults.T.CDS)])
    z.put(z.origin, faults.T.CDNSKEY, 3600, [old[0].cdnskey()])
    z.sign(z.origin, faults.T.CDS)
    z.sign(z.origin, faults.T.CDNSKEY)
    r = auditrun.run_case(program, case, lab.dir)
    expect(set(r.found) == {"AUD-RRSIG-07"}, "without a plan: %s" % r.found)
    case.plan = {"dnskey": [k.rdata().to_text() for k in old], "algorithms": [8],
                 "signing": [k.rdata().to_text() for k in z.keys if k.algorithm == 13]}
    r = auditrun.run_case(program, case, lab.dir)
    expect(r.code == 0 and not r.found, "with the plan: %d %s %s" % (r.code, r.found, r.stderr))


def test_ttls_of_what_is_not_signed_are_no_reason_for_longer_signatures(lab):
    """Glue and delegations may have 7 d, as a policy has it, where signatures are renewed 7 d before their end."""
    case = faults.Case("nsec", "csk", int(time.time()))
    for name, rdtype, text in (("ns.sub", faults.T.A, "192.0.2.30"), ("sub", faults.T.NS, "ns.sub")):
        case.both(name, rdtype, 30 * faults.DAY, [text])
    r = auditrun.run_case(lab.program("duet-audit"), case, lab.dir)
    expect(r.code == 0 and not r.found, "%d %s" % (r.code, r.found))


def test_signatures_of_a_longer_policy_may_end(lab):
    """They were made under it, and have less time left than those that are made now."""
    program, now = lab.program("duet-audit"), int(time.time())
    for left, code in ((9, 0), (11, 3)):
        case = faults.Case("nsec", "csk", now)
        case.policy_text(validity="10d", jitter="0", inception_offset="1h")
        case.z.inception, case.z.expiration = now - 3600, now + 10 * faults.DAY
        case.z.sign_all()
        case.z.sign(case.name("www"), faults.T.A, inception=now - 20 * faults.DAY, expiration=now + left * faults.DAY)
        r = auditrun.run_case(program, case, lab.dir)
        expect(r.found == {"AUD-RRSIG-12": "error" if code else "warning"} and r.code == code, "%d d: %d %s" % (left, r.code, r.found))


def test_what_is_no_worse_than_before_is_a_warning(lab):
    """A DS that names no key, and a renewal in need: held back, what is published would run out for nothing."""
    now, program = int(time.time()), lab.program("duet-audit")

    def judged(change, row, code, published=True):
        case = faults.Case("nsec", "csk", now)
        if published:
            case.published()
        case.good_plan()
        change(case)
        r = auditrun.run_case(program, case, lab.dir)
        expect(r.found == ({row: "error" if code else "warning"} if row else {}) and r.code == code,
               "%s: %d %s %s" % (row, r.code, r.found, r.stderr))

    def another_ds(case):
        case.plan["ds"] = [[case.extra_key(13, 257).ds(case.z.origin).to_text()], case.plan["ds"]]

    def in_need(case, content):
        case.plan.update({"content": 8, "forced": True, "known": [
            {"who": "signer2", "serial": case.get_serial() + (1 if content == 8 else 0), "content": content, "served": True}]})

    judged(another_ds, "AUD-KEY-06", 0)
    judged(another_ds, "AUD-KEY-06", 3, published=False)
    for content, row in ((7, "AUD-SERIAL-02"), (8, "AUD-SERIAL-03"), (9, "AUD-SERIAL-04")):
        judged(lambda case, c=content: in_need(case, c), row, 0)
        judged(lambda case, c=content: (in_need(case, c), case.plan.pop("forced")), row, 3)
    # Others began just as this node does; and they go on with what it has.
    case = faults.Case("nsec", "csk", now)
    case.seeded()
    r = auditrun.run_case(program, case, lab.dir)
    expect(r.code == 0 and not r.found, "as others have it: %s" % r.found)


def frames(lab, name, text, origin):
    """Text -> a stream of messages, as named sends it, one record in each."""
    path = goodzones.wire_of(lab.write(name + ".zone", text), origin, lab.folder("named-" + name), lab.port(), name,
                             "one-answer")
    with open(path, "rb") as f:
        return f.read()


def serve_once(octets):
    """A name server that answers one query with these octets, and keeps the connection."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer():
        with listening, listening.accept()[0] as s:
            s.recv(512)
            s.sendall(octets)
            s.recv(512)
    threading.Thread(target=answer, daemon=True).start()
    return "127.0.0.1#%d" % listening.getsockname()[1]


def test_streams_and_servers(lab):
    program, z = lab.program("duet-audit"), basezones.zone("nsec", "csk", int(time.time()))
    whole = frames(lab, "whole", z.text(), "example.")
    source = lab.write("source.zone", z.input_text())

    def stream(name, octets):
        path = lab.path(name + ".wire")
        with open(path, "wb") as f:
            f.write(octets)
        return auditrun.audit(program, "example", [source, path])

    expect(stream("good", whole).code == 0, "a whole stream")
    first = int.from_bytes(whole[:2], "big") + 2
    expect(len(whole) > first, "more than one message is wanted here")
    for name, octets in (("no-end", whole[:first]), ("cut", whole[:-3]), ("nothing", b""), ("trailing", whole + whole[:first]),
                         ("no-start", whole[first:])):
        r = stream(name, octets)
        expect(r.code == 3 and r.found.get("AUD-FRAME-03") == "error", "%s: %d %s %s" % (name, r.code, r.found, r.stderr))
    damaged = bytearray(whole)
    damaged[2 + 12] = 0xff      # a name in the question that points nowhere
    expect(stream("damaged", bytes(damaged)).code in (1, 3), "a damaged stream")
    r = auditrun.audit(program, "example", [source], ["--server", serve_once(whole)])
    expect(r.code == 0, "by AXFR: %d %s %s" % (r.code, r.found, r.stderr))
    refused = whole[:2] + whole[2:5] + b"\x05" + whole[6:first]
    r = auditrun.audit(program, "example", [source], ["--server", serve_once(refused)])
    expect(r.code == 3 and "AUD-FRAME-03" in r.found, "a server that refuses: %d %s" % (r.code, r.found))


def test_who_cannot_tell_says_so(lab):
    program, z = lab.program("duet-audit"), basezones.zone("nsec", "csk", int(time.time()))
    source, signed = lab.write("source.zone", z.input_text()), lab.write("signed.zone", z.text())
    odd = lab.write("odd.zone", z.input_text() + "odd.example. 300 IN NEWTYPE 1 2 3\n")
    lines = z.input_text().count("\n") + 1

    def code(*argv):
        return subprocess.run([program] + list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, timeout=60)
    p = code("--zone", "example", odd, signed)
    expect(p.returncode == 1 and b"line %d: type NEWTYPE" % lines in p.stderr and b"\\#" in p.stderr, "an unknown type: %s" % p.stderr)
    expect(code("--zone", "example", source, lab.path("absent")).returncode == 1, "a file that is not there")
    expect(code("--zone", "example", "--plan", source, source, signed).returncode == 1, "a plan that is none")
    expect(code("--zone", "example", "--policy", source, source, signed).returncode == 1, "a policy that is none")
    lowered = lab.write("lowered.yaml", "severity: AUD-RRSIG-01=warning\n")
    expect(code("--zone", "example", "--policy", lowered, source, signed).returncode == 1, "a row that cannot be lowered")
    expect(code(source, signed).returncode == 2 and code("--zone", "example").returncode == 2, "misused")
    expect(b"slack.com" in code("--explain", "aud-nsec-04").stdout, "--explain")
    said = code("--rows").stdout.splitlines()
    heads, why = said[::2], said[1::2]
    expect(len(heads) == len(why) > 80 and all(re.match(rb"AUD-[A-Z0-9]+-\d\d (error|warning)(, may be lowered)?: \S+ \S+", h) for h in heads)
           and all(w.startswith(b"    ") and len(w.split()) > 2 for w in why), "--rows")
    for i in 0, 40, len(heads) - 1:
        expect(code("--explain", heads[i].split()[0].decode()).stdout.splitlines() == [heads[i], why[i]], "--explain %s" % heads[i])
    expect(code("--explain", "AUD-NONE-01").returncode == 2, "--explain of a row that is not there")
    full = subprocess.run([program, "--zone", "example", source, signed], stdin=subprocess.DEVNULL, check=False,
                          stdout=open("/dev/full", "wb"), stderr=subprocess.PIPE, timeout=60)
    expect(full.returncode == 1, "a result that nobody gets")


def test_findings_are_the_same_with_any_threads(lab):
    program, z = lab.program("duet-audit"), basezones.zone("nsec3", "roll", int(time.time()))
    for name, rdtype in list(z.records):
        if rdtype == faults.T.TXT:
            z.sign(name, rdtype, mangle=faults.flip(4))
    for name in list({n for n, t in z.records if t == faults.T.A and z.authoritative(n, t)}):
        z.unsign(name, faults.T.A)
    signed, outs = lab.write("signed.zone", z.text()), set()
    for threads in ("1", "2", "7"):
        outs.add(run([program, "--zone", "example", "--threads", threads, signed], check=False).stdout)
    expect(len(outs) == 1, "different findings")


def defined(*paths):
    """Global functions and data that files define."""
    out = run(["nm", "--defined-only", "--extern-only"] + list(paths)).stdout
    return {line.split()[-1] for line in out.splitlines() if len(line.split()) == 3}


def undefined(path):
    """What a program takes from shared libraries."""
    return {line.split()[-1].split("@")[0] for line in run(["nm", "--dynamic", "--undefined-only", path]).stdout.splitlines()}


# Options and their file, errors, instants, memory, frames between processes; identities, which configurations have.
SHARED = {"addr", "arena", "clock", "conf", "err", "fail", "frame", "identity", "log", "yaml"}


def test_nothing_of_the_signer_is_in_it(lab):
    program = lab.program("duet-audit")
    root = os.path.dirname(os.path.dirname(program))
    mine, lib = defined(program), os.path.join(root, "lib")
    own = defined(*glob.glob(os.path.join(root, "audit", "*.o")))
    expect("audit_run" in mine and own, "the symbols can be seen")
    parts = {os.path.basename(d) for d in glob.glob(os.path.join(lib, "*"))}
    expect({"sign", "nsec", "zone", "rrset", "key", "dname", "dns", "store", "secret"} <= parts, "the signer's parts are known: %s" % parts)
    for part in sorted(parts - SHARED):
        theirs = defined(*glob.glob(os.path.join(lib, part, "*.o"))) - own
        expect(theirs, "lib/%s was looked at" % part)
        expect(not mine & theirs, "lib/%s is in it: %s" % (part, sorted(mine & theirs)[:5]))
    # Signatures of algorithm 15 are made by libsodium and verified by OpenSSL.
    taken, signers = (undefined(lab.program(name)) for name in ("duet-audit", "duet-signer"))
    expect("EVP_DigestVerify" in taken and not any(name.startswith("crypto_sign") for name in taken), "libsodium verifies: %s" % taken)
    expect("crypto_sign_ed25519_detached" in signers, "libsodium does not sign")
