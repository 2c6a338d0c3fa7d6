# SPDX-License-Identifier: BSD-3-Clause
"""Steady queries to a resolver, each a name never asked before, while something happens elsewhere."""

import collections
import itertools
import selectors
import socket
import struct
import threading
import time

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from flood import make_query


# DNSKEY or signatures that are missing, expired, not yet valid, or plainly wrong, and so on.
BOGUS = {1, 2, 5, 6, 7, 8, 9, 10, 11, 12}


def extended_errors(answer):
    """{code: text} of RFC 8914; None: the answer cannot be read."""
    try:
        m = dns.message.from_wire(answer)
    except dns.exception.DNSException:
        return None
    said = [o.to_wire() for o in m.options if o.otype == 15]
    return {int.from_bytes(o[:2], "big"): o[2:].decode("utf-8", "replace") for o in said}


class Steady:
    """rate queries a second to (addr, port) from start() to stop(): in turn an existing name host<N>.zone A, a name that
    does not exist, and a type that does not exist.  counts by rcode ("NOERROR", ..., "lost", "no-ad").

    A resolver that says (RFC 8914) that what it got is bogus counts as "bogus", SERVFAIL for other reasons as "SERVFAIL": each of
    these and of the lost ones is in `failures`, as (asked at, ended at by time.monotonic, in words).
    again: as a fourth, a name that was asked a moment ago, and names begin anew when all were asked.
    secure: whether AD has to be there; None: either (may be set at any time)."""

    def __init__(self, name, addr, port, zone, hosts, rate=100, timeout=10.0, again=False, secure=True):
        self.name, self.zone, self.rate, self.timeout = name, zone, rate, timeout
        self.hosts, self.again, self.secure = hosts, again, secure
        self.counts, self.samples, self.failures, self.sent = collections.Counter(), [], [], 0
        self.slowest = 0.0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect((addr, port))
        self.sock.setblocking(False)
        self.stopping = threading.Event()
        self.trouble = None         # what ended the stream before its time
        self.thread = threading.Thread(target=self.run, daemon=True)

    def question(self, i):
        turn, n = (i % 4, i // 4) if self.again else (i % 3, i // 3)
        if self.again:
            n %= self.hosts
        if turn == 3:
            return "host%d.%s" % (max(n - 1, 0), self.zone), "A", "NOERROR"
        if turn == 0:
            if n >= self.hosts:
                raise AssertionError("the zone has too few names for so long a test")
            return "host%d.%s" % (n, self.zone), "A", "NOERROR"
        if turn == 1:
            return "never%d-%s.%s" % (i, self.name, self.zone), "A", "NXDOMAIN"
        return "host%d.%s" % (n, self.zone), "TXT", "NOERROR"

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        """Ends the stream, waits for what is still under way.  A stream that had ended by itself saw nothing of the rest."""
        self.stopping.set()
        self.thread.join(self.timeout + 5)
        self.sock.close()
        if self.trouble is not None:
            raise AssertionError("%s ended after %d questions" % (self.name, self.sent)) from self.trouble
        return self.counts

    def answered(self):
        return sum(n for what, n in self.counts.items() if what != "lost")

    def run(self):
        try:
            self.loop()
        except Exception as e:
            self.trouble = e

    def loop(self):
        sel = selectors.DefaultSelector()
        sel.register(self.sock, selectors.EVENT_READ)
        pending, begin = {}, time.monotonic()
        numbers = itertools.count()
        due = begin
        while not self.stopping.is_set() or pending:
            now = time.monotonic()
            while due <= now and not self.stopping.is_set():
                i = next(numbers)
                name, kind, want = self.question(i)
                self.sock.send(make_query(i & 0xffff, name, dns.rdatatype.from_text(kind)))
                pending[i & 0xffff] = (name, kind, want, now)
                self.sent += 1
                due += 1.0 / self.rate
            sel.select(max(0.001, min(0.05, due - time.monotonic())))
            self.receive(pending)
            for ident in [k for k, v in pending.items() if v[3] + self.timeout < now]:
                self.note("lost", pending.pop(ident))

    def receive(self, pending):
        while True:
            try:
                a = self.sock.recv(65535)
            except (BlockingIOError, ConnectionRefusedError):
                return
            ident, flags = struct.unpack("!HH", a[:4])
            if ident not in pending:
                continue
            asked = pending.pop(ident)
            rcode = dns.rcode.to_text(dns.rcode.Rcode(flags & 15))
            self.slowest = max(self.slowest, time.monotonic() - asked[3])
            if flags & 0x200:   # whoever asks by UDP alone must not get this: kresd's rcode is SERVFAIL then
                self.note("truncated", asked)
            elif rcode == "SERVFAIL":
                said = extended_errors(a)
                self.note("bogus" if said is None or BOGUS & set(said) else rcode, asked, said)
            elif rcode != asked[2]:
                self.note(rcode + "-wrong", asked)
            elif self.secure is not None and bool(flags & 0x20) != self.secure:
                self.note("no-ad" if self.secure else "ad", asked)
            else:
                self.counts[rcode] += 1

    def note(self, what, asked, said=None):
        self.counts[what] += 1
        if what in ("SERVFAIL", "lost"):
            self.failures.append((asked[3], time.monotonic(), "%s: %s %s: %s, %.2f s, %s %s" % (
                self.name, asked[0], asked[1], what, time.monotonic() - asked[3], time.strftime("%H:%M:%S"), said or "")))
        if len(self.samples) < 10:
            self.samples.append("%s: %s %s" % (what, asked[0], asked[1]))

    def bogus(self):
        """Answers that are worse than none: those of a resolver that could not reach anybody are left out."""
        return sum(n for what, n in self.counts.items() if what not in ("NOERROR", "NXDOMAIN", "SERVFAIL", "lost"))

    def bad(self):
        return sum(n for what, n in self.counts.items() if what not in ("NOERROR", "NXDOMAIN"))

    def __str__(self):
        return "%s: %d sent, %s, slowest answer %.2f s%s" % (
            self.name, self.sent, ", ".join("%d %s" % (n, w) for w, n in sorted(self.counts.items())), self.slowest,
            "".join("\n    " + s for s in self.samples))


def end_all(streams, wrong=Steady.bogus, least=0):
    """Stops all of them and tells what they saw.  AssertionError where one saw what is wrong, or fewer than so many answers.  How fast
    answers come on a busy machine is no matter to `bogus`; `bad` has what was lost, too."""
    for s in streams:
        s.stop()
        print(s)
    told = [str(s) for s in streams if wrong(s) or s.answered() < least]
    if told:
        raise AssertionError("\n".join(told))
