# SPDX-License-Identifier: BSD-3-Clause
"""The net process alone, with the engine played from here: real descriptors, real pages (signer/netmsg.h)."""

import array
import base64
import ctypes
import io
import itertools
import json
import os
import socket
import struct
import subprocess
import threading

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.renderer
import dns.zone

from lab import DNS_PORT, PATIENCE, Failed, Process, Skip, die_with_parent, wait_until

XXH = ctypes.CDLL("libxxhash.so.0")
XXH.XXH3_64bits.restype = ctypes.c_uint64
XXH.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
LIBC = ctypes.CDLL(None, use_errno=True)
F_ADD_SEALS, SEALS = 1033, 1 | 2 | 4 | 8
ALGORITHMS = {"hmac-sha256": 1, "hmac-sha384": 2, "hmac-sha512": 3}


def memfd(octets):
    fd = os.memfd_create("test", os.MFD_CLOEXEC | 2)
    os.write(fd, octets)
    if LIBC.fcntl(fd, F_ADD_SEALS, SEALS) != 0:
        raise OSError(ctypes.get_errno(), "seal")
    return fd


def record(name, ttl, rdata):
    """One record of a record stream (rr.h)."""
    wire = rdata.to_wire()
    return name.to_wire() + struct.pack("!HHIH", rdata.rdtype, 1, ttl, len(wire)) + wire


def stream_records(octets):
    """A record stream as (name, type, ttl, rdata wire) tuples."""
    out, at = [], 0
    while at < len(octets):
        end = at
        while octets[end]:
            end += 1 + octets[end]
        end += 1
        rdtype, _, ttl, rdlen = struct.unpack("!HHIH", octets[end:end + 10])
        name = dns.name.from_wire(octets[at:end], 0)[0]
        out.append((name, dns.rdatatype.to_text(rdtype), ttl, octets[end + 10:end + 10 + rdlen]))
        at = end + 10 + rdlen
    return out


def pages_of(zone, per_page=40):
    """All RRsets of a dns.zone.Zone but the apex SOA, as pages (page.h)."""
    rrsets = []
    for name in sorted(zone.nodes):
        for rds in zone.nodes[name]:
            if rds.rdtype == dns.rdatatype.SOA or rds.covers == dns.rdatatype.SOA:
                continue
            rrsets.append((name, rds))
    for i in range(0, len(rrsets), per_page):
        r = dns.renderer.Renderer(id=0, flags=dns.flags.QR | dns.flags.AA, max_size=65535)
        for name, rds in rrsets[i:i + per_page]:
            r.add_rdataset(dns.renderer.ANSWER, name, rds)
        r.write_header()
        wire = r.get_wire()
        yield struct.pack("!H", len(wire)) + wire


def filled_pages(origin, count, records=60):
    """count pages of about 14 KiB with TXT records, made by hand because that is quick."""
    suffix = dns.name.from_text(origin).to_wire()
    for i in range(count):
        out = struct.pack("!HHHHHH", 0, dns.flags.QR | dns.flags.AA, 0, records, 0, 0)
        for k in range(records):
            label = b"t%07d" % (i * records + k)
            out += bytes([len(label)]) + label
            out += suffix if k == 0 else struct.pack("!H", 0xc000 | 12 + 1 + len(label))
            out += struct.pack("!HHIH", 16, 1, 300, 221) + b"\xdc" + b"%0220d" % k
        yield struct.pack("!H", len(out)) + out


class Net:
    """The net process.  events: what it said, oldest first, as dicts ("fd" where one came)."""

    def __init__(self, lab, name="net", addr=None, port=DNS_PORT, env=None, more=()):
        """more: further addresses to serve on, "ADDRESS#PORT"."""
        self.lab, self.addr, self.port = lab, addr or lab.addr(), port
        exe = os.path.join(os.path.dirname(lab.programs.rstrip("/")), "unit", "signer", "net", "test_net")
        if not os.access(exe, os.X_OK):
            raise Skip("%s is not built" % exe)
        self.process = Process(lab, name, [exe])
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with open(self.process.log, "ab") as out:
            self.process.popen = subprocess.Popen(
                [exe, "drive", str(theirs.fileno()), "%s#%d" % (self.addr, self.port), *more], stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, pass_fds=[theirs.fileno()], preexec_fn=die_with_parent,
                env=dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0", **(env or {})))
        theirs.close()
        self.events, self.seen, self.volumes, self.versions, self.told = [], 0, 0, 0, {}
        self.lock = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        lab.closers.append(self.close)
        self.wait("ready")

    def _read(self):
        while True:
            fds = array.array("i")
            try:
                data, control, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(16))
            except OSError:
                return
            if not data:
                return
            for level, kind, octets in control:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(octets[:len(octets) - len(octets) % fds.itemsize])
            event = json.loads(data)
            if fds:
                event["fd"] = fds[0]
            with self.lock:
                self.events.append(event)
                self.lock.notify_all()

    def wait(self, kind, timeout=10, **fields):
        """The next event of this kind with these fields, from where the last wait ended."""
        def look():
            with self.lock:
                for i in range(self.seen, len(self.events)):
                    e = self.events[i]
                    if e["t"] == kind and all(e.get(k) == v for k, v in fields.items()):
                        self.seen = i + 1
                        return e
            if not self.process.running():
                raise Failed("net has ended\n" + self.process.tail())
            return None
        return wait_until(look, timeout, "%s %s; there are %s" % (kind, fields, self.events[self.seen:]))

    def send(self, kind, fd=None, **fields):
        data = json.dumps(dict(fields, v=1, t=kind)).encode()
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.sock.sendmsg([data], control)
        if fd is not None:
            os.close(fd)

    def tsig(self, keys):
        """keys: {name: (algorithm, base64 secret)}"""
        out = struct.pack("!IB", 0x54534731, 3)
        for name, (algorithm, secret) in keys.items():
            octets = base64.b64decode(secret)
            out += dns.name.from_text(name).to_wire() + struct.pack("!BBH", ALGORITHMS[algorithm], 1, len(octets)) + octets
        self.sock.send(out)

    def publish(self, zone, per_page=40, gap=0, more=0, instead_of=None):
        """zone: a dns.zone.Zone or text with $ORIGIN.  gap: dead octets between pages; more: further pages of 60 records.
        instead_of: so many pages of the version before are replaced, the others stay.  Returns volume path and table."""
        if isinstance(zone, str):
            zone = dns.zone.from_text(zone, relativize=False, check_origin=False)
        self.volumes += 1
        path = self.lab.path("%s.volume%d" % (self.process.name, self.volumes))
        table, at = b"", 0
        with open(path, "wb") as f:
            for page in itertools.chain(pages_of(zone, per_page), filled_pages(zone.origin.to_text(), more)):
                f.write(page + b"\0" * gap)
                table += struct.pack("!QQII", at, XXH.XXH3_64bits(page, len(page)), self.volumes, len(page))
                at += len(page) + gap
        return self.publish_raw(zone, path, table, instead_of)

    def publish_raw(self, zone, path, table, instead_of=None):
        soa = b""
        for rds in sorted(zone.nodes[zone.origin], key=lambda r: r.rdtype != dns.rdatatype.SOA):
            if rds.rdtype == dns.rdatatype.SOA or rds.covers == dns.rdatatype.SOA:
                for rdata in rds:
                    soa += record(zone.origin, rds.ttl, rdata)
        serial = zone.get_rdataset(zone.origin, "SOA")[0].serial
        self.send("volume", fd=os.open(path, os.O_RDONLY), volume=self.volumes)
        self.versions += 1
        origin, added, fields = zone.origin.to_text(), len(table) // 24, {}
        pages = added
        if instead_of is not None:
            before, had = self.told[origin]
            pages, fields = had - instead_of + added, {"from": before}
        self.told[origin] = self.versions, pages
        self.send("version", fd=memfd(struct.pack("!III", 0, instead_of or 0, added) + table), zone=origin,
                  number=self.versions, serial=serial, soa=base64.b64encode(soa).decode(), pages=pages, **fields)
        return path, table

    def peers(self, secondaries=(), transfer=()):
        self.send("peers", secondaries=list(secondaries), transfer=list(transfer))

    def close(self):
        # What net still says is taken first: closing over it would be a reset to net, not an end.
        self.sock.shutdown(socket.SHUT_WR)
        self.sock.settimeout(10 * PATIENCE)
        try:
            while self.sock.recv(65536):
                pass
        except OSError:
            pass
        self.sock.close()
        try:
            code = self.process.popen.wait(10 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.popen.kill()
            raise Failed("net does not end with engine\n" + self.process.tail()) from None
        if code != 0:
            raise Failed("net ended with %d\n%s" % (code, self.process.tail(60)))


def zone_text(name="example.test.", serial=1, hosts=300, extra=""):
    out = io.StringIO()
    out.write("$ORIGIN %s\n$TTL 300\n@ SOA ns1 hostmaster %d 3600 600 86400 300\n@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\n"
              "ns2 AAAA 2001:db8::2\n@ MX 10 mail\nmail A 192.0.2.3\n" % (name, serial))
    for i in range(hosts):
        out.write("host%d A 192.0.2.%d\nhost%d TXT \"host number %d of the zone\"\n" % (i, i % 256, i, i))
    out.write(extra)
    return out.getvalue()
