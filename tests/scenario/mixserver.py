# SPDX-License-Identifier: BSD-3-Clause
"""An authoritative server that answers each RRset at random from one of several signed versions of a zone.

It is what a validator sees in the worst case: caches and secondaries mix the answers of all signers.  The versions
must have the same names; serials, signatures and NSEC3 salts may differ.  Within one answer, and within one proof of
denial, every RRset (with its own RRSIGs) is drawn anew."""

import base64
import bisect
import collections
import hashlib
import random
import selectors
import socket
import struct
import threading

import dns.name
import dns.rdataclass
import dns.rdatatype

from lab import DNS_PORT

A, NS, CNAME, SOA, DS, RRSIG, NSEC, NSEC3, NSEC3PARAM = 1, 2, 5, 6, 43, 46, 47, 50, 51
NOERROR, NXDOMAIN, REFUSED = 0, 3, 5
B32HEX = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHIJKLMNOPQRSTUV")


def reversed_labels(name):
    """Canonical order (RFC 4034 section 6.1) as a sort key; name: tuple of labels without the root's."""
    return tuple(reversed(name))


class Version:
    """One signed version, ready to be answered from."""

    def __init__(self, zone, origin):
        self.origin = origin
        self.wire = {}          # (owner labels, type) -> (count, RRset in wire form, with its RRSIGs behind it)
        self.types = {}         # owner labels -> set of types
        self.names = set()      # owners and empty non-terminals
        self.nsec3 = None       # (salt, iterations)
        self.broken = None
        sigs, sets = {}, {}
        for name, ttl, rdata in zone.iterate_rdatas():
            owner = tuple(label.lower() for label in name.labels[:-1])
            head = name.to_wire() + struct.pack("!HHI", rdata.rdtype, dns.rdataclass.IN, ttl)
            data = rdata.to_wire()
            kind = rdata.rdtype
            into = sets
            if kind == RRSIG:
                kind, into = int(rdata.type_covered), sigs
            into.setdefault((owner, kind), []).append(head + struct.pack("!H", len(data)) + data)
            if rdata.rdtype == NSEC3PARAM:
                self.nsec3 = (rdata.salt, rdata.iterations)
            if rdata.rdtype != RRSIG:
                self.types.setdefault(owner, set()).add(int(rdata.rdtype))
        for key, rrs in sets.items():
            rows = rrs + sigs.get(key, [])
            self.wire[key] = (len(rows), b"".join(rows))
        self.sigs = sigs
        for owner, types in self.types.items():
            if types == {NSEC3}:
                continue
            while len(owner) >= len(origin):
                self.names.add(owner)
                owner = owner[1:]
        self.nsec_owners = sorted((reversed_labels(o), o) for o, t in self.types.items() if NSEC in t)
        self.nsec3_owners = sorted((o[0].upper(), o) for o, t in self.types.items() if NSEC3 in t)

    def break_signature(self, owner, kind):
        """Turns one bit of an RRSIG over (owner, kind)."""
        count, wire = self.wire[(owner, kind)]
        bad = bytearray(wire)
        bad[-1] ^= 1
        self.wire[(owner, kind)] = (count, bytes(bad))

    def hash(self, name):
        salt, iterations = self.nsec3
        wire = b"".join(bytes([len(label)]) + label for label in name) + b"\0"
        digest = hashlib.sha1(wire + salt).digest()
        for _ in range(iterations):
            digest = hashlib.sha1(digest + salt).digest()
        return base64.b32encode(digest).translate(B32HEX)

    def nsec3_match(self, name):
        """Owner of the NSEC3 record of this name, None when it has none (opted out)."""
        want = self.hash(name)
        i = bisect.bisect_left(self.nsec3_owners, (want, ()))
        if i < len(self.nsec3_owners) and self.nsec3_owners[i][0] == want:
            return self.nsec3_owners[i][1]
        return None

    def nsec3_cover(self, name):
        i = bisect.bisect_left(self.nsec3_owners, (self.hash(name), ())) - 1
        return self.nsec3_owners[i][1]

    def nsec_at_or_before(self, name):
        i = bisect.bisect_right(self.nsec_owners, (reversed_labels(name), (b"\xff" * 64,))) - 1
        return self.nsec_owners[i][1]


class MixServer:
    """Serves on addr, UDP and TCP.  zones: {origin text: [dns.zone.Zone, ...]}."""

    def __init__(self, addr, zones, seed=1, port=DNS_PORT):
        self.addr, self.port, self.random = addr, port, random.Random(seed)
        self.zones = {}
        for text, versions in zones.items():
            origin = labels(text)
            self.zones[origin] = [Version(z, origin) for z in versions]
        self.answers = self.mixed = 0
        self.asked = collections.Counter()      # (name, type): a validator that finds an answer bogus asks again
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.udp.bind((addr, port))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((addr, port))
        self.tcp.listen(64)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.loop, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def close(self):
        self.stopping.set()
        self.thread.join(5)
        self.udp.close()
        self.tcp.close()

    def loop(self):
        sel = selectors.DefaultSelector()
        sel.register(self.udp, selectors.EVENT_READ, None)
        sel.register(self.tcp, selectors.EVENT_READ, None)
        while not self.stopping.is_set():
            for key, _ in sel.select(0.2):
                if key.fileobj is self.udp:
                    q, peer = self.udp.recvfrom(4096)
                    a = self.respond(q, udp=True)
                    if a:
                        self.udp.sendto(a, peer)
                elif key.fileobj is self.tcp:
                    conn, _ = self.tcp.accept()
                    conn.settimeout(2)
                    sel.register(conn, selectors.EVENT_READ, "conn")
                else:
                    self.serve_tcp(sel, key.fileobj)

    def serve_tcp(self, sel, conn):
        try:
            head = conn.recv(2, socket.MSG_WAITALL)
            if len(head) == 2:
                q = conn.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
                a = self.respond(q, udp=False)
                conn.sendall(struct.pack("!H", len(a)) + a)
                return
        except OSError:
            pass
        sel.unregister(conn)
        conn.close()

    def respond(self, q, udp):
        if len(q) < 17 or q[2] & 0x80:
            return b""
        at, name = 12, []
        while q[at]:
            name.append(q[at + 1:at + 1 + q[at]])
            at += 1 + q[at]
        kind = struct.unpack("!H", q[at + 1:at + 3])[0]
        question = q[12:at + 5]
        asked = tuple(name)
        name = tuple(label.lower() for label in name)
        self.asked[(name, kind)] += 1
        answer = Answer(self, asked, name)
        rcode = answer.make(kind)
        opt = b"\0" + struct.pack("!HHIH", 41, 4096, 0x8000, 0)
        body = b"".join(answer.answer) + b"".join(answer.authority)
        size = payload_of(q, at + 5)
        flags = 0x8400 | (q[2] & 1) << 8 | rcode
        if udp and 12 + len(question) + len(body) + len(opt) > size:
            return q[:2] + struct.pack("!HHHHH", flags | 0x200, 1, 0, 0, 1) + question + opt
        self.answers += 1
        self.mixed += len(answer.used) > 1
        return (q[:2] + struct.pack("!HHHHH", flags, 1, answer.counts[0], answer.counts[1], 1) + question + body + opt)


class Answer:
    """One answer, put together RRset by RRset, each from a version drawn at random."""

    def __init__(self, server, asked, name):
        self.server, self.asked, self.name = server, asked, name
        self.answer, self.authority, self.counts, self.used = [], [], [0, 0], set()
        self.seen = set()

    def draw(self):
        v = self.server.random.choice(self.versions)
        self.used.add(id(v))
        return v

    def put(self, section, version, owner, kind, rename=None):
        if (section, owner, kind) in self.seen:
            return
        self.seen.add((section, owner, kind))
        count, wire = version.wire[(owner, kind)]
        if rename is not None:
            wire = renamed(wire, count, rename)
        (self.answer, self.authority)[section].append(wire)
        self.counts[section] += count

    def make(self, kind):
        origin = self.name
        while origin not in self.server.zones:
            if not origin:
                return REFUSED
            origin = origin[1:]
        self.versions = self.server.zones[origin]
        v = self.versions[0]
        cut = self.cut_above(v, origin, kind)
        if cut:
            return self.referral(cut)
        if self.name in v.types and v.types[self.name] != {NSEC3}:
            return self.exact(v, kind)
        if self.name in v.names:
            return self.no_data(self.name)
        return self.no_name(v, kind)

    def cut_above(self, v, origin, kind):
        for i in range(len(self.name) - len(origin)):
            owner = self.name[i:]
            if NS in v.types.get(owner, ()) and not (i == 0 and kind == DS):
                found = owner
                break
        else:
            return None
        return found

    def referral(self, cut):
        v = self.draw()
        self.put(1, v, cut, NS)
        if DS in v.types[cut]:
            self.put(1, self.draw(), cut, DS)
        else:
            self.deny(cut)
        return NOERROR

    def exact(self, v, kind):
        types = v.types[self.name]
        if kind in types:
            self.put(0, self.draw(), self.name, kind)
            return NOERROR
        if CNAME in types:
            self.put(0, self.draw(), self.name, CNAME)
            return NOERROR
        return self.no_data(self.name)

    def soa(self):
        v = self.draw()
        self.put(1, v, v.origin, SOA)

    def no_data(self, name):
        self.soa()
        self.deny(name)
        return NOERROR

    def deny(self, name):
        """That this name, which exists, lacks the type: its NSEC or NSEC3, or the proof that it is opted out."""
        v = self.draw()
        if v.nsec3 is None:
            self.put(1, v, v.nsec_at_or_before(name), NSEC)
            return
        match = v.nsec3_match(name)
        if match is not None:
            self.put(1, v, match, NSEC3)
            return
        encloser = name[1:]
        while v.nsec3_match(encloser) is None:
            name, encloser = encloser, encloser[1:]
        self.match(encloser)
        self.cover(name)

    def match(self, name):
        v = self.draw()
        self.put(1, v, v.nsec3_match(name), NSEC3)

    def cover(self, name):
        v = self.draw()
        if v.nsec3 is None:
            self.put(1, v, v.nsec_at_or_before(name), NSEC)
        else:
            self.put(1, v, v.nsec3_cover(name), NSEC3)

    def no_name(self, v, kind):
        encloser, closer = self.name, self.name
        while encloser not in v.names:
            closer, encloser = encloser, encloser[1:]
        star = (b"*",) + encloser
        if star in v.types:
            if kind in v.types[star]:
                self.put(0, self.draw(), star, kind, rename=self.asked)
                self.cover(closer if v.nsec3 is not None else self.name)
                return NOERROR
            self.soa()
            self.cover(closer if v.nsec3 is not None else self.name)
            if v.nsec3 is not None:
                self.match(encloser)
                self.match(star)
            else:
                w = self.draw()
                self.put(1, w, star, NSEC)
            return NOERROR
        self.soa()
        if v.nsec3 is not None:
            self.match(encloser)
            self.cover(closer)
            self.cover(star)
        else:
            self.cover(self.name)
            self.cover(star)
        return NXDOMAIN


def labels(text):
    return tuple(label.lower() for label in dns.name.from_text(text).labels[:-1])


def renamed(wire, count, name):
    """The same records under another owner name."""
    new, out, at = b"".join(bytes([len(x)]) + x for x in name) + b"\0", [], 0
    for _ in range(count):
        while wire[at]:
            at += 1 + wire[at]
        at += 1
        size = 10 + struct.unpack("!H", wire[at + 8:at + 10])[0]
        out.append(new + wire[at:at + size])
        at += size
    return b"".join(out)


def payload_of(q, at):
    """What the OPT record says the asker can take over UDP."""
    if len(q) >= at + 11 and q[at] == 0 and q[at + 1:at + 3] == b"\0\x29":
        return max(512, struct.unpack("!H", q[at + 3:at + 5])[0])
    return 512
