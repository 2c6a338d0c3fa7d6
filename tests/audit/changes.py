# SPDX-License-Identifier: BSD-3-Clause
"""Jobs for duet-audit --worker, as a signer gives them: a whole version, or the pages of two versions in which they differ.

Pages have a few owners each, so that a change has neighbours, gaps and names above it elsewhere."""

import bisect
import functools
import hashlib
import json
import os
import socket
import struct
import subprocess
import threading

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from pysign import T

OWNERS = 2      # of a page
LANES = 1024


class Worker:
    def __init__(self, program):
        self.sock, other = socket.socketpair()
        self.process = subprocess.Popen([program, "--worker"], stdin=other)
        other.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()
        self.process.wait(20)

    def run(self, job, stream, other=None):
        """The answer, an object.  other: a stream besides, of another signer."""
        text = json.dumps(job).encode()
        out, into = os.pipe()

        def feed():
            try:
                with os.fdopen(into, "wb") as f:
                    f.write(stream)
            except BrokenPipeError:     # it has seen enough
                pass
        feeder = threading.Thread(target=feed)
        feeder.start()
        fds = [out]
        if other is not None:
            fds.append(os.memfd_create("other"))
            os.pwrite(fds[1], other, 0)
        socket.send_fds(self.sock, [struct.pack("!I", len(text))], fds)
        for fd in fds:
            os.close(fd)
        self.sock.sendall(text)
        length = struct.unpack("!I", self.read(4))[0]
        feeder.join()
        return json.loads(self.read(length))

    def read(self, n):
        got = b""
        while len(got) < n:
            more = self.sock.recv(n - len(got))
            if not more:
                raise AssertionError("the auditor has ended")
            got += more
        return got


# ---- the content's sum (audit/sum.h) ----

@functools.lru_cache(None)
def owner_lanes(key):
    stream = Cipher(algorithms.AES(key[:16]), modes.CTR(key[16:])).encryptor().update(bytes(2 * LANES))
    return struct.unpack("<%dH" % LANES, stream)


def lanes(z):
    """Of a zone's input."""
    total, owners = [0] * LANES, {}
    for (name, rdtype), (ttl, rdatas) in z.input.items():
        owners.setdefault(name.canonicalize(), []).extend((rdtype, ttl, r.to_digestable(z.origin)) for r in rdatas)
    for name, records in owners.items():
        sha = hashlib.sha256(name.to_wire())
        for rdtype, ttl, wire in sorted(records, key=lambda r: (r[0], r[2])):
            if rdtype == T.SOA:
                wire = wire[:-20] + bytes(4) + wire[-16:]
            sha.update(struct.pack("!HIH", rdtype, ttl, len(wire)) + wire)
        total = map(int.__add__, total, owner_lanes(sha.digest()))
    return struct.pack("<%dH" % LANES, *(t & 0xffff for t in total))


# ---- pages ----

def record(name, rdtype, ttl, rdata):
    wire = rdata.to_wire()
    return name.to_wire() + struct.pack("!HHIH", rdtype, 1, ttl, len(wire)) + wire


def message(records):
    body = struct.pack("!HHHHHH", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)
    return struct.pack("!H", len(body)) + body


def records_of(z):
    """(owner, chain, octets) of all records, those of the SOA apart from the others."""
    soa, rest = [], []
    for (name, rdtype), (ttl, rdatas) in sorted(z.records.items(), key=lambda x: x[0]):
        for r in rdatas:
            covers = r.type_covered if rdtype == T.RRSIG else rdtype
            its_ttl = z.sig_ttl.get((name, covers), r.original_ttl) if rdtype == T.RRSIG else ttl
            (soa if name == z.origin and covers == T.SOA else rest).append((name, int(covers == T.NSEC3), record(name, rdtype, its_ttl, r)))
    return soa, rest


class Pages:
    """A version's pages; which owners go together is as in the version before."""

    def __init__(self, z, like=None):
        soa, rest = records_of(z)
        names, hashes = (sorted({n for n, c, _ in rest if c == chain}) for chain in (0, 1))
        self.starts = like.starts if like else (names[::OWNERS], hashes[::OWNERS])
        self.soa, self.closing = message([w for *_, w in soa]), message([w for *_, w in soa[:1]])
        found = {}
        for name, chain, wire in rest:
            found.setdefault((chain, self.place(chain, name)), []).append((name, wire))
        self.pages = {k: (message([w for _, w in v]), v[0][0]) for k, v in found.items()}     # octets, first owner
        self.order = sorted(self.pages)

    def place(self, chain, name):
        return max(0, bisect.bisect_right(self.starts[chain], name) - 1)

    def whole(self):
        return self.soa + b"".join(self.pages[k][0] for k in self.order) + self.closing


def chosen(now, was, origin):
    """Keys of the new version's pages that are new, and of those that are context."""
    new = {k for k in now.order if k not in was.pages or was.pages[k][0] != now.pages[k][0]}
    old = [k for k in was.order if k not in now.pages or was.pages[k][0] != now.pages[k][0]]
    context = {now.order[0]}
    for k in new | set(old):
        i = bisect.bisect_left(now.order, k)
        context |= {now.order[j] for j in (i - 1, i + (k in now.pages)) if 0 <= j < len(now.order) and now.order[j][0] == k[0]}
    hashed = [k for k in now.order if k[0] == 1]
    if hashed and ({hashed[0], hashed[-1]} & (new | context)):
        context |= {hashed[0], hashed[-1]}
    todo = [k for k in new | context if k[0] == 0]
    while todo:
        name = now.pages[todo.pop()][1]
        while name != origin:
            name = name.parent()
            k = (0, now.place(0, name))
            while k not in now.pages:
                k = (0, k[1] - 1)
            if k not in new | context:
                context.add(k)
                todo.append(k)
    return new, context - new, old


def changes_of(now, was, origin):
    """What a job says of changes, and the stream."""
    new, context, old = chosen(now, was, origin)
    tags, stream = "", now.soa + was.soa
    for i, k in enumerate(now.order):
        if k not in new | context:
            continue
        tag = ("nm" if k in new else "ck")[k[0]]
        gap = i == 0 or now.order[i - 1] not in new | context or now.order[i - 1][0] != k[0]
        tags += tag.upper() if gap else tag
        stream += now.pages[k][0]
    for k in old:
        tags += "op"[k[0]]
        stream += was.pages[k][0]
    names, hashed = [k for k in now.order if k[0] == 0], [k for k in now.order if k[0] == 1]
    return {"tags": tags, "last": names[-1] in new | context,
            "closed3": bool(hashed) and {hashed[0], hashed[-1]} <= new | context}, stream
