# SPDX-License-Identifier: BSD-3-Clause
"""Many queries to a resolver, a window of them at a time, each judged by rcode and AD."""

import selectors
import socket
import struct
import time

import dns.name
import dns.rcode
import dns.rdatatype


class Outcome:
    """good: validated as expected; bogus: SERVFAIL; wrong: another rcode, or AD missing; lost: no answer."""

    def __init__(self):
        self.good = self.bogus = self.wrong = self.lost = 0
        self.samples = []

    def note(self, text):
        if len(self.samples) < 10:
            self.samples.append(text)

    def __str__(self):
        return "%d good, %d bogus, %d wrong, %d lost%s" % (self.good, self.bogus, self.wrong, self.lost,
                                                           "".join("\n    " + s for s in self.samples))


def make_query(ident, name, kind):
    return struct.pack("!HHHHHH", ident, 0x0120, 1, 0, 0, 1) + dns.name.from_text(name).to_wire() + \
        struct.pack("!HH", kind, 1) + b"\0" + struct.pack("!HHIH", 41, 4096, 0x8000, 0)


def ask_all(addr, port, questions, window=24, timeout=8.0):
    """questions: list of (name, type as text, wanted rcode as text, whether AD is wanted); each is sent once.
    Returns an Outcome."""
    out, pending, started = Outcome(), {}, iter(enumerate(questions))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.connect((addr, port))
    s.setblocking(False)
    sel = selectors.DefaultSelector()
    sel.register(s, selectors.EVENT_READ)
    more = True
    while more or pending:
        while more and len(pending) < window:
            try:
                i, (name, kind, want, ad) = next(started)
            except StopIteration:
                more = False
                break
            s.send(make_query(i & 0xffff, name, dns.rdatatype.from_text(kind)))
            pending[i & 0xffff] = (name, kind, want, ad, time.monotonic() + timeout)
        sel.select(0.1)
        while True:
            try:
                a = s.recv(65535)
            except (BlockingIOError, ConnectionRefusedError):
                break
            judge(out, pending, a)
        now = time.monotonic()
        for ident in [k for k, v in pending.items() if v[4] < now]:
            name, kind = pending.pop(ident)[:2]
            out.lost += 1
            out.note("%s %s: no answer" % (name, kind))
    s.close()
    return out


def judge(out, pending, a):
    ident, flags = struct.unpack("!HH", a[:4])
    if ident not in pending:
        return
    name, kind, want, ad, _ = pending.pop(ident)
    rcode = dns.rcode.to_text(dns.rcode.Rcode(flags & 15))
    if rcode == "SERVFAIL":
        out.bogus += 1
        out.note("%s %s: SERVFAIL" % (name, kind))
    elif rcode != want or (ad and not flags & 0x20):
        out.wrong += 1
        out.note("%s %s: %s, wanted %s, AD %s" % (name, kind, rcode, want, bool(flags & 0x20)))
    else:
        out.good += 1
