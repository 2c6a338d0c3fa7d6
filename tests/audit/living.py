# SPDX-License-Identifier: BSD-3-Clause
"""The faults of faults.py, put into what a signer has just signed: a server for its `spoil` socket (signer/engine/spoil.h).

What is drawn is what makes a version wrong by itself, under the plan and the policy that the zone has: NotDrawn says why not."""

import os
import socket
import struct
import threading

import dns.exception
import dns.message
import dns.name
import dns.rdata

import basezones
import faults
from pysign import IN, T, Signed

ORIGIN = dns.name.from_text(basezones.ORIGIN)
NEVER = (1 << 63) - 1
REFUSED_FOR = 3     # rows that a refusal names at most
# A signer's auditor has the digest of the input, not the input; a stream, which a second SOA ends; and a plan of the keys, by its facts.
INSTEAD = {"AUD-CONTENT-01": "AUD-CONTENT-13", "AUD-CONTENT-02": "AUD-CONTENT-13", "AUD-CONTENT-03": "AUD-CONTENT-13",
           "AUD-FRAME-01": "AUD-FRAME-03", "AUD-FRAME-02": "AUD-FRAME-03", "AUD-KEY-02": "AUD-KEY-01", "AUD-KEY-03": "AUD-KEY-01"}


class NotDrawn(Exception):
    """This fault does not fit; the text says why."""


class Page:
    def __init__(self, octets):
        self.octets = octets
        m = dns.message.from_wire(octets[2:], one_rr_per_rrset=True, ignore_trailing=False)
        self.records = [(r.name, r.rdtype, r.ttl, r[0]) for r in m.answer]
        self.first = self.records[0][0]
        self.hashed = all(t == T.NSEC3 or (t == T.RRSIG and r.type_covered == T.NSEC3) for _, t, _, r in self.records)


class Version:
    """What a signer gives through its socket: AXFR, the SOA and its RRSIGs in a message of their own."""

    def __init__(self, stream):
        pages, at = [], 0
        while at < len(stream):
            size = 2 + int.from_bytes(stream[at:at + 2], "big")
            pages.append(Page(stream[at:at + size]))
            at += size
        self.soa, self.pages = pages[0].records, pages[1:-1]
        self.origin = self.soa[0][0]

    def records(self):
        return sorted(record(r) for r in self.soa + [r for p in self.pages for r in p.records])

    def signed(self, keys, denial, now):
        """As a zone that faults can be put into."""
        records, sig_ttl = {}, {}
        for name, rdtype, ttl, rdata in self.soa + [r for p in self.pages for r in p.records]:
            records.setdefault((name, rdtype), [ttl, []])[1].append(rdata)
            if rdtype == T.RRSIG:
                sig_ttl[(name, rdata.type_covered)] = ttl
        return Signed.signed_by_others(self.origin, records, sig_ttl, keys, denial, now)

    def page_of(self, name, hashed):
        """The page where a record of this owner belongs, by its number."""
        at = [i for i, p in enumerate(self.pages) if p.hashed == hashed]
        if not at:
            return self.page_of(name, False)
        return max([i for i in at if not name < self.pages[i].first], default=at[0])

    def answer(self, z):
        """The zone in place of this version, page for page; what is as it was keeps its octets."""
        soa, rows = [], [[] for _ in self.pages]
        for line in z.more.splitlines():
            row = self.read(line)
            rows[self.page_of(row[0], False)].append(row)
        for (name, rdtype), (ttl, rdatas) in z.records.items():
            for rdata in rdatas:
                if rdtype == T.RRSIG:
                    ttl = z.sig_ttl.get((name, rdata.type_covered), rdata.original_ttl)
                covered = rdata.type_covered if rdtype == T.RRSIG else rdtype
                row = (name, rdtype, ttl, rdata)
                if name == z.origin and covered == T.SOA and (rdtype == T.RRSIG or not any(t == T.SOA for _, t, _, _ in soa)):
                    soa.append(row)     # a second one lies among the others
                else:
                    rows[self.page_of(name, covered == T.NSEC3)].append(row)
        if not any(t == T.SOA for _, t, _, _ in soa):
            raise NotDrawn("a signer writes no version without SOA")
        head = b"".join(record(r) for r in soa)
        return struct.pack("!I", len(head)) + head + b"".join(self.page(p, r) for p, r in zip(self.pages, rows) if r)

    def read(self, line):
        """A record of Signed.more, whose zone has another name."""
        name, ttl, _, rdtype, rdata = line.split(" ", 4)
        name = dns.name.from_text(name)
        if name.is_subdomain(ORIGIN):
            name = name.relativize(ORIGIN).derelativize(self.origin)
        return name, T.from_text(rdtype), int(ttl), dns.rdata.from_text(IN, rdtype, rdata)

    @staticmethod
    def page(was, rows):
        sigs = [r.expiration for _, t, _, r in rows if t == T.RRSIG]
        head = struct.pack("!BIIQ", was.hashed, len(rows), len(sigs), min(sigs, default=NEVER))
        if sorted(map(record, rows)) == sorted(map(record, was.records)):
            return head + was.octets
        rows.sort(key=lambda r: (r[0], r[1]))
        return head + message(rows)


def stream_of(z, owners=10):
    """A zone as a signer gives it; owners: of a page."""
    def rows(hashed):
        out = {}
        for (name, rdtype), (ttl, rdatas) in sorted(z.records.items(), key=lambda x: x[0]):
            for r in rdatas:
                covered = r.type_covered if rdtype == T.RRSIG else rdtype
                if (covered == T.NSEC3) == hashed and (name, covered) != (z.origin, T.SOA):
                    out.setdefault(name, []).append((name, rdtype, r.original_ttl if rdtype == T.RRSIG else ttl, r))
        names = list(out)
        return [[r for n in names[i:i + owners] for r in out[n]] for i in range(0, len(names), owners)]
    soa = [(z.origin, T.SOA, z.ttl(z.origin, T.SOA), z.get(z.origin, T.SOA)[0])]
    sigs = [(z.origin, T.RRSIG, r.original_ttl, r) for r in z.get(z.origin, T.RRSIG) if r.type_covered == T.SOA]
    return b"".join(message(m) for m in [soa + sigs] + rows(False) + rows(True) + [soa])


def message(rows):
    octets = struct.pack("!HHHHHH", 0, 0x8400, 0, len(rows), 0, 0) + b"".join(record(r) for r in rows)
    if len(octets) > 0xffff:
        raise NotDrawn("no page is that large")
    return struct.pack("!H", len(octets)) + octets


def record(row):
    name, rdtype, ttl, rdata = row
    wire = rdata.to_wire()
    return name.to_wire() + struct.pack("!HHIH", rdtype, IN, ttl, len(wire)) + wire


class Case(faults.Case):
    """zone: its denial, setup, keys and errors (the rows that refuse), and its policy in the words of policy_text; published: the
    serial of the version before."""

    def __init__(self, version, zone, now, published=0):
        # pylint: disable=super-init-not-called
        self.denial, self.setup, self.now, self.at = zone.denial, zone.setup, now, now
        self.z = version.signed(zone.keys, zone.denial, now)
        self.plan = self.ours = self.text = self.input_text = None
        self.zone, self.before, self.remembers = zone, [], False
        self.good, self.serial_before = self.z.clone(), published

    def policy_text(self, **options):
        for word, value in options.items():
            if self.zone.policy.get(word) != value:
                raise NotDrawn("the zone's policy has no %s %s" % (word, value))

    def published(self, seconds_ago=0, change=None, **soa):
        """The version before this one is what was published."""
        if change is not None or self.z.records != self.good.records:
            raise NotDrawn("another version was published before")
        self.serial(self.serial_before + 1)

    def seeded(self, **words):
        raise NotDrawn("it is what others say of keys")

    def good_plan(self):
        raise NotDrawn("it is another plan, not another version")


def broken(version, zone, fault, now, published=0):
    """The answer that has the fault in this version."""
    if zone.denial not in fault.denials or zone.setup not in fault.setups:
        raise NotDrawn("it is for other zones")
    if fault.row not in zone.errors:
        raise NotDrawn("it warns, and no policy of the day's says more")
    c = Case(version, zone, now, published)
    try:
        fault.make(c)
    except (KeyError, IndexError, ValueError, AssertionError, StopIteration, dns.exception.DNSException) as e:
        raise NotDrawn("the zone lacks what it takes: %r" % e) from e
    if c.text is not None or c.input_text is not None:
        raise NotDrawn("it is in the text of a file")
    if c.z.more_input and not c.z.more:
        raise NotDrawn("it is in the input")
    if c.ours is not None:
        raise NotDrawn("it is between the versions of two signers")
    out = version.answer(c.z)
    if out == version.answer(c.good):
        raise NotDrawn("it is in what the version is held against")
    return out


def named(fault, found, order):
    """Whether a refusal is for this fault: it names it, or as many as it names at most, which come before it in this order."""
    rows = [w for w in found.replace(",", " ").split() if w.startswith("AUD-")]
    if fault.row in rows or INSTEAD.get(fault.row) in rows:
        return True
    return len(rows) >= REFUSED_FOR and order.index(fault.row) > max(map(order.index, rows))


class Spoiler(threading.Thread):
    """Answers a signer.  choose(version): what stands in its place, None: itself."""

    def __init__(self, folder, choose):
        super().__init__(daemon=True)
        os.makedirs(folder, exist_ok=True)
        self.choose, self.error = choose, None
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(os.path.join(folder, "spoil"))
        self.socket.listen(16)
        self.start()

    def run(self):
        while self.error is None:
            with self.socket.accept()[0] as s:
                stream = b""
                while octets := s.recv(1 << 20):
                    stream += octets
                try:
                    version = Version(stream)
                except (dns.exception.DNSException, ValueError, IndexError):
                    continue                # broken otherwise, so that it is no message: it stays as it is
                try:
                    s.sendall(self.choose(version) or b"")
                except Exception as e:      # pylint: disable=broad-except
                    self.error = e
        self.socket.close()
