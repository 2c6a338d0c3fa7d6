# SPDX-License-Identifier: BSD-3-Clause
"""A witness of servers that stand still: it asks authoritative servers itself, a few times a second, so that an answer which a
resolver did not get can be told from one that it should have got."""

import selectors
import socket
import struct
import threading
import time

import dns.rdatatype

from flood import make_query

EVERY_S = 0.2
LATE_S = 0.5        # an answer over loopback takes a millisecond
AFTER_S = 12.0      # resolvers leave alone for a while whom they found dead, and what they asked ends that late


class Witness(threading.Thread):
    """servers: [(name, addr, port, zone)].  still: [(from, until, who)] by time.monotonic: no answer came meanwhile, or this thread
    itself did not run."""

    def __init__(self, servers):
        super().__init__(daemon=True)
        self.servers, self.still, self.asked = servers, [], 0
        self.stopping = threading.Event()

    def stop(self):
        self.stopping.set()
        self.join()

    def run(self):
        sel = selectors.DefaultSelector()
        self.socks = []
        for name, addr, port, _ in self.servers:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.connect((addr, port))
            s.setblocking(False)
            sel.register(s, selectors.EVENT_READ, name)
            self.socks.append(s)
        self.since = {name: {} for name, _, _, _ in self.servers}     # id: when it was asked
        due = time.monotonic()
        while not self.stopping.is_set():
            now = time.monotonic()
            if now - due > LATE_S:
                self.still.append((due, now, "this machine"))
            self.ask(now)
            due = now + EVERY_S
            while time.monotonic() < due and not self.stopping.is_set():
                for key, _ in sel.select(max(0, due - time.monotonic())):
                    self.hear(key.fileobj, key.data)
        for s in self.socks:
            s.close()

    def ask(self, now):
        for s, (name, _, _, zone) in zip(self.socks, self.servers):
            pending = self.since[name]
            if pending and now - min(pending.values()) > LATE_S:
                self.still.append((min(pending.values()), now, name))
                for ident in [i for i, at in pending.items() if now - at > LATE_S]:
                    del pending[ident]
            try:
                s.send(make_query(self.asked & 0xffff, zone, dns.rdatatype.SOA))
            except OSError:     # it was refused the time before: still nobody is there
                pass
            pending[self.asked & 0xffff] = now
            self.asked += 1

    def hear(self, s, name):
        try:
            ident = struct.unpack("!H", s.recv(65535)[:2])[0]
        except OSError:
            return
        at = self.since[name].pop(ident, None)
        if at is not None and time.monotonic() - at > LATE_S:
            self.still.append((at, time.monotonic(), name))

    def explains(self, asked, ended):
        """Whether somebody stood still while a question was under way, or shortly before."""
        return any(begin < ended and asked < end + AFTER_S for begin, end, _ in self.still)

    def seconds(self):
        """{who: how long in all}."""
        out = {}
        for begin, end, who in self.still:
            out[who] = out.get(who, 0) + end - begin
        return out
