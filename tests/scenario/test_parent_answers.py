# SPDX-License-Identifier: BSD-3-Clause
"""Answers for DS that cannot be believed: wrong signatures, halves, and a DS that nobody knows."""

import json
import os
import select
import socket
import threading

import dns.exception
import dns.flags
import dns.message
import dns.query

from duetlab import BindPrimary, Failed, Unbound, find_program, limit, run, wait_until
from test_parents import DOT, ZONE, at, ds_lines, one_signer, parent_text


class Between(threading.Thread):
    """A server of the parent before the real one: it gives that one's answers, or (truncates) says over UDP and TCP that they are
    truncated, or (deaf) over UDP, and closes each connection."""

    def __init__(self, lab, real):
        super().__init__(daemon=True)
        self.real, self.mode = (real.addr, real.port), None
        self.addr, self.port = lab.addr(), 5300
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((self.addr, self.port))
        self.tcp = socket.create_server((self.addr, self.port))

    def run(self):
        while True:
            for s in select.select([self.udp, self.tcp], [], [])[0]:
                try:
                    self.serve(s)
                except (OSError, EOFError, dns.exception.DNSException):
                    pass    # who asked has gone, or the real one is slow: it asks again

    def serve(self, s):
        if s is self.udp:
            wire, peer = s.recvfrom(4096)
            s.sendto(self.answer(wire, self.mode is not None), peer)
            return
        with s.accept()[0] as c:
            c.settimeout(5)
            wire = dns.query.receive_tcp(c)[0].to_wire()
            if self.mode != "deaf":
                answer = self.answer(wire, self.mode == "truncates")
                c.sendall(len(answer).to_bytes(2, "big") + answer)

    def answer(self, wire, truncated):
        q = dns.message.from_wire(wire)
        answer = dns.query.tcp(q, self.real[0], timeout=2, port=self.real[1])
        if truncated:
            answer.answer, answer.authority = [], []
            answer.flags |= dns.flags.TC
        return answer.to_wire()


class SignedParent:
    """org, signed by BIND's tools with one key, at named."""

    def __init__(self, lab):
        self.lab, self.serial, self.keys = lab, 1, lab.folder("orgkeys")
        self.key = run([find_program("dnssec-keygen"), "-q", "-K", self.keys, "-a", "13", "-f", "KSK", "org"]).stdout.strip()
        self.server = BindPrimary(lab, "parent", {"org": self.signed()}).start()

    def anchor(self):
        return run([find_program("dnssec-dsfromkey"), "-2", os.path.join(self.keys, self.key)]).stdout.strip()

    def signed(self, ds=(), spoil=None):
        """With these DS; spoil: of this name and type the signature is wrong."""
        self.serial += 1
        text = parent_text().replace(" 1 3600", " %d 3600" % self.serial).replace("@ 60", "@ 1").replace("example 60", "example 1")
        text = self.lab.write("org.unsigned", text + "".join("example 1 DS %s\n" % d for d in ds))
        out = self.lab.path("org.signed")
        run([find_program("dnssec-signzone"), "-S", "-z", "-K", self.keys, "-d", self.keys, "-O", "full", "-o", "org", "-f", out, text])
        with open(out, encoding="ascii") as f:
            rows = f.read().splitlines()
        wrong = 0
        for i, row in enumerate(rows):
            if spoil and row.startswith(spoil[0]) and "RRSIG\t%s " % spoil[1] in row:
                end = row.rstrip("=")
                rows[i] = end[:-8] + ("A" if end[-8] != "A" else "B") + end[-7:] + row[len(end):]
                wrong += 1
        if spoil and wrong != 1:
            raise Failed("%d signatures of %s were spoilt" % (wrong, spoil))
        return "\n".join(rows) + "\n"

    def show(self, **what):
        """Until named serves it."""
        self.server.set_zone("org", self.signed(**what))
        self.server.reload()
        self.server.wait_serial("org.", self.serial)


def ds_of(host):
    """How far the DS of the one key is, and what `key explain` says of it."""
    key, = json.loads(host.ctl("key", "list", ZONE, "--json").stdout)["keys"]
    return key["records"]["ds"]["phase"], host.ctl("key", "explain", ZONE).stdout


def ds_waits(host, *words):
    def says():
        phase, text = ds_of(host)
        return phase == "rumoured" and all(w in text for w in words)
    try:
        wait_until(says, 30, "key explain says %s" % (words,), every=0.2)
    except Failed as e:
        raise Failed("%s, not %s" % (e, ds_of(host))) from None


@limit(150)
def test_answers_for_ds_that_cannot_be_believed_do_not_count(lab):
    """A real parent whose signatures are wrong, judged by its keys as a real resolver has validated them; truncated answers; a DS
    that nobody knows; and the resolver in place of the parent's servers."""
    parent = SignedParent(lab)
    between = Between(lab, parent.server)
    between.start()
    through = Unbound(lab, "unbound", {"org": (parent.server.addr, parent.server.port)}, [parent.anchor()]).start()
    _, s1 = one_signer(lab, {"parents": [{"zone": "org", "servers": [at(parent.server)[8:], at(between)[8:]]}],
                             "resolvers": ["%s#%d" % (through.addr, through.port)], "look-interval-s": 1})
    log = s1.keydist
    log.wait_event("event=parent-agrees %s ds=0" % DOT, 20)
    log.wait_event("event=key-serves %s cds=1" % DOT, 20)
    want = [" ".join(row.split(" DS ")[1:]) for row in ds_lines(s1)]

    def fails(server, outcome, mark):
        log.wait_event("event=look-failed %s %s role=parent outcome=%s" % (DOT, at(server), outcome), 20, mark)

    def shows(server, ds, mark):
        log.wait_event("event=parent-shows %s %s ds=%d" % (DOT, at(server), ds), 20, mark)

    # That there is none, and what is there, with signatures that are wrong.
    mark = log.mark()
    parent.show(spoil=("example.org.", "NSEC"))
    fails(parent.server, "bogus msg=that there is no DS", mark)
    mark = log.mark()
    parent.show(ds=want, spoil=("example.org.", "DS"))
    fails(parent.server, "bogus msg=no RRSIG of the DS RRset", mark)
    ds_waits(s1, "has not yet shown a DS RRset with its DS; seen 0 of 2; no time limit")
    # Half an answer is none.
    mark = log.mark()
    between.mode = "truncates"
    parent.show(ds=want)
    shows(parent.server, 1, mark)
    fails(between, "malformed msg=the answer is truncated, over", mark)
    ds_waits(s1, "parent %s has not yet shown" % at(between)[8:], "seen 1 of 2")
    mark = log.mark()
    between.mode = "deaf"
    fails(between, "malformed msg=server closed the", mark)
    ds_waits(s1, "seen 1 of 2")
    if log.count("event=parent-agrees", mark):
        raise Failed("a server that shows nothing agrees")
    between.mode = None
    log.wait_event("event=parent-agrees %s ds=1" % DOT, 20, mark)
    wait_until(lambda: ds_of(s1)[0] == "omnipresent", 20, "the DS is everywhere", every=0.2)
    # One that nobody knows, at both servers: one alarm of each, and its end.
    mark = log.mark()
    parent.show(ds=want + ["4711 13 2 " + "AB" * 32])
    for server in parent.server, between:
        log.wait_event("event=ds-unknown %s msg=%s" % (DOT, at(server)[8:]), 20, mark)
    log.wait_event("event=parent-agrees %s ds=2" % DOT, 20, mark)
    unknown = [a["message"] for a in json.loads(s1.ctl("status", "--json").stdout)["alarms"] if a["what"] == "parent"]
    if len(unknown) != 1 or "key tag 4711" not in unknown[0] or ds_of(s1)[0] != "omnipresent":
        raise Failed("alarms %s, the DS of the key is %s" % (unknown, ds_of(s1)))
    parent.show(ds=want)
    for server in parent.server, between:
        log.wait_event("event=ds-known %s %s" % (DOT, at(server)), 20, mark)
    if log.count("event=ds-unknown", mark) != 2 or json.loads(s1.ctl("status", "--json").stdout)["alarms"]:
        raise Failed("the alarm came %d times" % log.count("event=ds-unknown", mark))
    # The resolver itself says SERVFAIL.
    mark = log.mark()
    parent.show(ds=want, spoil=("example.org.", "DS"))
    s1.conf["signer"]["parents"] = [{"zone": "org", "resolver": True}]
    s1.write_conf()
    s1.ctl("reload")
    log.wait_event("event=look-failed %s %s role=resolver outcome=refused msg=RCODE" % (DOT, at(through)), 20, mark)
