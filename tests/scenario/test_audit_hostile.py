# SPDX-License-Identifier: BSD-3-Clause
"""duet-audit before streams that are made to hurt it: it ends soon, and passes none of them."""

import os
import resource
import struct
import subprocess
import sys
import time

from duetlab import Failed, limit

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "audit"))

import basezones            # noqa: E402
import changes              # noqa: E402
from pysign import T, Signed    # noqa: E402

WWW = b"\x03www\x07example\x00"


def raw(owner, rdtype, ttl, rdata, length=None):
    return owner + struct.pack("!HHIH", rdtype, 1, ttl, len(rdata) if length is None else length) + rdata


def messages(records, room=16000):
    out, batch, octets = [], [], 0
    for r in records:
        if octets + len(r) > room and batch:
            out.append(changes.message(batch))
            batch, octets = [], 0
        batch.append(r)
        octets += len(r)
    return b"".join(out + [changes.message(batch)])


def between(z, more):
    """The zone with more messages in it."""
    p = changes.Pages(z)
    return p.soa + b"".join(p.pages[k][0] for k in p.order) + more + p.closing


def body(octets):
    """One message of any octets behind its header, with one record as it says."""
    m = struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0) + octets
    return struct.pack("!H", len(m)) + m


def pointer(at):
    return struct.pack("!H", 0xc000 | at)


def chain_of_pointers(rdtype, before):
    """Owners, or names in rdata behind some octets, that each lead through thousands of pointers."""
    begins, links = 12 + 1 + 10, 8000       # behind the header and the first record's owner and lengths
    at = [begins] + [begins + 1 + 2 * i for i in range(links)]
    chain = b"\x00" + b"".join(pointer(i) for i in at[:-1])
    records = [raw(b"\x00", 65400, 0, chain)] + [
        raw(WWW, rdtype, 0, before + pointer(at[-1 - i])) if rdtype else raw(pointer(at[-1 - i]), 65400, 0, b"") for i in range(1500)]
    m = struct.pack("!HHHHHH", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)
    return struct.pack("!H", len(m)) + m


def rrsig(z, n, tag, covered=T.A):
    return struct.pack("!HBBIIIH", covered, 13, 2, 300, z.expiration, z.inception, tag) + z.origin.to_wire() + struct.pack("!Q", n) * 8


def one_tag(z, n):
    """DNSKEYs of one tag: two words of each change places (RFC 4034 appendix B)."""
    keys = []
    for i in range(n):
        k = basezones.Key(15, 256)      # any 32 octets are a key
        k.public = struct.pack("!HH", i, 0xffff - i) + bytes(28)
        keys.append(k.wire())
    return keys


def signed_by_one_tag(z, n):
    """n DNSKEYs of one tag, and signatures that each of them may have made."""
    keys = one_tag(z, n)
    total = sum(b if i & 1 else b << 8 for i, b in enumerate(keys[0]))
    head = struct.pack("!HBBIIIH", T.A, 15, 2, 300, z.expiration, z.inception, (total + (total >> 16)) & 0xffff) + z.origin.to_wire()
    return between(z, messages(
        [raw(z.origin.to_wire(), T.DNSKEY, 3600, k) for k in keys] +
        [raw(b"\x04%04d" % (i // 20) + z.origin.to_wire(), T.RRSIG, 300, head + os.urandom(64)) for i in range(10000)] +
        [raw(b"\x04%04d" % i + z.origin.to_wire(), T.A, 300, b"1234") for i in range(500)]))


def streams(z):
    www = [raw(WWW, T.TXT, 300, b"\x08%08d" % i) for i in range(65536)]
    sigs = [raw(WWW, T.RRSIG, 300, rrsig(z, i, 4711)) for i in range(40000)]
    yield "a record that is longer than its message", between(z, body(raw(WWW, T.TXT, 300, b"\x01x", 60000)))
    yield "more records than there are", between(z, struct.pack("!H", 12) + struct.pack("!HHHHHH", 0, 0x8400, 0, 65535, 0, 0))
    yield "a message of 5 octets", between(z, struct.pack("!H", 5) + b"12345")
    yield "a name that leads to itself", between(z, body(raw(pointer(12), T.A, 300, b"1234")))
    yield "rdata that leads to itself", between(z, body(raw(WWW, T.MX, 300, b"\x00\x01" + pointer(12 + len(WWW) + 12))))
    for rdtype, before in (0, b""), (T.MX, bytes(2)), (T.SRV, bytes(6)), (T.NAPTR, bytes(7)), (T.RP, b"\x00"), (T.NS, b""):
        yield "a chain of pointers, type %d" % rdtype, between(z, chain_of_pointers(rdtype, before))
    yield "65,536 records at one name", between(z, messages(www))
    yield "40,000 signatures at one name", between(z, messages(www[:100] + sigs))
    yield "each type at one name", between(z, messages([raw(WWW, t, 300, b"x") for t in range(300, 65000)] +
                                                       [raw(WWW, T.RRSIG, 300, rrsig(z, t, 4711, t)) for t in range(300, 65000)]))
    yield "100 MiB at one name", between(z, messages([raw(WWW, 65400, 300, struct.pack("!I", i) + bytes(15000)) for i in range(7000)]))


BAD_RDATA = [(T.A, b"12345"), (T.A, b""), (T.AAAA, bytes(15)), (T.TXT, b"\x05abc"), (T.TXT, b""), (T.HINFO, b"\x01a"), (T.CAA, b"\x00\x09a"),
             (T.DS, b"\x00\x01\x0d\x02" + bytes(31)), (T.DNSKEY, b"\x01\x00\x03"), (65, b"\x00\x01\x00\x00\x03\x00\x00\x00\x01\x00\x00"),
             (257, b"\x00"), (T.LOC, bytes(15)), (T.MX, b"\x00"), (T.SOA, bytes(21)), (T.NSEC3PARAM, b"\x01\x00\x00\x00\x04\x00")]


def used():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def judged(program, octets, folder):
    """Exit code, seconds of processor time, and what was said."""
    path = os.path.join(folder, "hostile.wire")
    with open(path, "wb") as f:
        f.write(octets)
    began = used()
    with open(path, "rb") as f:
        p = subprocess.run([program, "--zone", "example", "--json", "--threads", "1", "fd:%d" % f.fileno()], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=[f.fileno()], timeout=60, check=False)
    return p.returncode, used() - began, p.stderr.decode("utf-8", "replace")[:200]


@limit(240)
def test_what_is_made_to_hurt_is_refused_soon(lab):
    program, z = lab.program("duet-audit"), basezones.zone("nsec", "csk", int(time.time()))
    if judged(program, between(z, b""), lab.dir)[0] != 0:
        raise Failed("the good zone")
    for name, octets in streams(z):
        code, seconds, said = judged(program, octets, lab.dir)
        print("%-45s %8d KiB: %d, %.1f s, %s" % (name, len(octets) >> 10, code, seconds, said.strip()))
        if code not in (1, 3) or any(
                w in name and why not in said for w, why in (("100 MiB", "the records of one name"), ("pointers", "pointers"))):
            raise Failed("%s: exit %d: %s" % (name, code, said))


@limit(240)
def test_keys_of_one_tag_cost_no_more_than_a_few(lab):
    """CVE-2023-50387: each signature would be tried with each key."""
    program, z, took = lab.program("duet-audit"), basezones.zone("nsec", "csk", int(time.time())), {}
    for n in (8, 100, 8, 100):
        code, seconds, said = judged(program, signed_by_one_tag(z, n), lab.dir)
        if code != 3:
            raise Failed("%d keys: exit %d: %s" % (n, code, said))
        took[n] = min(seconds, took.get(n, seconds))
    print("8 keys %.1f s, 100 keys %.1f s" % (took[8], took[100]))
    if took[100] > 4 * took[8] + 1:
        raise Failed("8 keys took %.1f s, 100 took %.1f s" % (took[8], took[100]))


def test_rdata_that_its_type_cannot_have_is_refused(lab):
    """Other name servers refuse the whole transfer for it."""
    program, z = lab.program("duet-audit"), basezones.zone("nsec", "csk", int(time.time()))
    for rdtype, rdata in BAD_RDATA:
        code, _, said = judged(program, between(z, body(raw(b"\x03sub" + z.origin.to_wire(), rdtype, 300, rdata))), lab.dir)
        if code != 1 or ("rdata" not in said and "octets" not in said):
            raise Failed("type %d of %d octets: exit %d: %s" % (rdtype, len(rdata), code, said))
