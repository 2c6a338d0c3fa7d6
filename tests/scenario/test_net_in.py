# SPDX-License-Identifier: BSD-3-Clause
"""What the net process takes: BIND as hidden primary with TSIG and NOTIFY, SOA timers, and primaries that lie."""

import base64
import os
import socket
import struct
import threading
import time

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.query
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.renderer
import dns.rrset
import dns.tsig
import dns.tsigkeyring

from duetlab import BindPrimary, Failed, Primary, wait_until
from netdrive import Net, stream_records, zone_text

ZONE = "example.test."
SO_TIMESTAMPNS = 35     # asm-generic/socket.h; Python has no name for it
KEY = {"k256.example.": ("hmac-sha256", base64.b64encode(b"0123456789abcdef0123456789abcdef").decode())}
RING = dns.tsigkeyring.from_text(KEY)


def expect(what, have, want):
    if have != want:
        raise Failed("%s: %r, expected %r" % (what, have, want))


def records_of(event):
    with os.fdopen(event["fd"], "rb") as f:
        f.seek(0)
        return stream_records(f.read())


def test_bind_is_primary_with_tsig_and_notify(lab):
    net = Net(lab)
    net.tsig(KEY)
    secret = {"k256.example.": KEY["k256.example."][1]}
    primary = BindPrimary(lab, "primary", {ZONE: zone_text(ZONE, 5)}, secret, "k256.example.",
                          notify=[Primary(net.addr, net.port, "k256.example.")]).start()
    at = "%s#%d" % (primary.addr, primary.port)
    net.send("zone", zone=ZONE, source=at + ",k256.example.", refresh=True, have=None)
    first = net.wait("input", zone=ZONE, serial=5, primary=at)
    have = records_of(first)
    expect("records", len(have), 607)
    expect("first record", have[0][1], "SOA")
    expect("a record that BIND compresses", have[0][3][:5], b"\x03ns1\x07")
    net.send("zone", zone=ZONE, source=at + ",k256.example.", refresh=True, have=5)
    net.wait("input-same", zone=ZONE, serial=5)
    primary.set_zone(ZONE, zone_text(ZONE, 6, hosts=20))
    began = time.monotonic()
    primary.reload()
    second = net.wait("input", zone=ZONE, serial=6)
    print("input %.2f s after the primary's reload" % (time.monotonic() - began))
    expect("records", len(records_of(second)), 47)
    net.process.wait_event("event=notify-in zone=" + ZONE)
    # back: refused, told, tried again
    primary.set_zone(ZONE, zone_text(ZONE, 3))
    primary.kill()
    primary.start()
    net.send("zone", zone=ZONE, source=at + ",k256.example.", refresh=True, have=6)
    why = net.wait("input-failed", zone=ZONE)
    if "lies below" not in why["why"] or why["retry_s"] < 1:
        raise Failed(str(why))
    # accepted: engine says that it has none
    net.send("zone", zone=ZONE, source=at + ",k256.example.", refresh=True, have=None)
    net.wait("input", zone=ZONE, serial=3)
    # the wrong key
    net.tsig({"k256.example.": ("hmac-sha256", base64.b64encode(b"x" * 32).decode())})
    net.send("zone", zone=ZONE, source=at + ",k256.example.", refresh=True, have=3)
    why = net.wait("input-failed", zone=ZONE)
    if "BADSIG" not in why["why"]:
        raise Failed(str(why))
    net.tsig({})
    net.send("zone", zone=ZONE, source=at + ",k256.example.", refresh=True, have=3)
    if "not known here" not in net.wait("input-failed", zone=ZONE)["why"]:
        raise Failed("a key that is not there")


class Liar:
    """A primary whose every message is made by hand: answer(query) gives the list of wire messages, or None to say nothing."""

    def __init__(self, lab, answer, port=5300, udp=True):
        self.addr, self.port, self.answer, self.axfrs = lab.addr(), port, answer, 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((self.addr, port))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((self.addr, port))
        self.tcp.listen(10)
        for f in (self._udp, self._tcp) if udp else (self._tcp,):
            threading.Thread(target=f, daemon=True).start()

    def _udp(self):
        while True:
            wire, peer = self.udp.recvfrom(4096)
            for m in self.answer(dns.message.from_wire(wire, keyring=RING)) or []:
                self.udp.sendto(m, peer)

    def _tcp(self):
        while True:
            s, _ = self.tcp.accept()
            f = s.makefile("rb")
            n = f.read(2)
            if not n:
                continue
            self.axfrs += 1
            query = dns.message.from_wire(f.read(struct.unpack("!H", n)[0]), keyring=RING)
            try:
                for m in self.answer(query) or []:
                    s.sendall(struct.pack("!H", len(m)) + m)
            except OSError:
                pass
            f.close()
            s.close()


def reply(q, *texts, **kw):
    """An answer with these records ("owner ttl class type rdata"), without compression tricks."""
    r = dns.message.make_response(q)
    r.flags |= dns.flags.AA
    if kw.get("id") is not None:
        r.id = kw["id"]
    if kw.get("question"):
        r.question = [dns.rrset.from_text(kw["question"], 0, "IN", "AXFR")]
        r.question[0].clear()
    for t in texts:
        owner, ttl, rdclass, rdtype, rdata = t.split(" ", 4)
        r.answer.append(dns.rrset.from_text(owner, int(ttl), rdclass, rdtype, rdata))
    if kw.get("rcode"):
        r.set_rcode(kw["rcode"])
    return r.to_wire(max_size=65535)


def soa(serial, minimum=300):
    return "%s 300 IN SOA ns1.%s hostmaster.%s %d 3600 1 60 %d" % (ZONE, ZONE, ZONE, serial, minimum)


NS = "%s 300 IN NS ns1.%s" % (ZONE, ZONE)
A = "ns1.%s 300 IN A 192.0.2.1" % ZONE

# What the primary does, and what the sentence says.
LIES = [
    ("cut off", lambda q: [reply(q, soa(9), NS)], "cut off"),
    ("nothing at all", lambda q: [], "cut off"),
    ("last SOA differs", lambda q: [reply(q, soa(9), NS, A), reply(q, soa(10))], "ends with another SOA"),
    ("last SOA's minimum differs", lambda q: [reply(q, soa(9), NS, A), reply(q, soa(9, 301))], "ends with another SOA"),
    ("no SOA first", lambda q: [reply(q, NS, A, soa(9))], "not with the zone's SOA"),
    ("records behind the end", lambda q: [reply(q, soa(9), NS) + b"", reply_twice(q)], "follow the last SOA"),
    ("another class", lambda q: [reply(q, soa(9), NS, "x.%s 300 CH TXT hello" % ZONE, A), reply(q, soa(9))], "class 3"),
    ("outside the zone", lambda q: [reply(q, soa(9), NS, "other.test. 300 IN A 192.0.2.1"), reply(q, soa(9))],
     "outside the zone"),
    ("wrong ID", lambda q: [reply(q, soa(9), NS, A, id=(q.id + 1) & 65535)], "ID"),
    ("another question", lambda q: [reply(q, soa(9), NS, A, question="other.test.")], "another question"),
    ("REFUSED", lambda q: [reply(q, rcode=dns.rcode.REFUSED)], "REFUSED"),
    ("garbage", lambda q: [struct.pack("!H", q.id) + b"\xff" * 500], "questions in one message"),
    ("a header alone", lambda q: [reply(q, soa(9), NS)[:12]], "malformed"),
    ("serial went back", lambda q: [reply(q, soa(4), NS, A), reply(q, soa(4))], "lies below"),
    ("an rdata that is none", lambda q: [reply(q, soa(9), NS, "x.%s 300 IN TYPE1 \\# 4 c0000201" % ZONE).replace(
        b"\0\4\xc0\0\2\1", b"\0\3\xc0\0\2")], "malformed"),
    ("an endless zone", lambda q: ([reply(q, soa(9), NS)] + [reply(q, *["x%d.%s 300 IN TXT %s" % (i, ZONE, "y" * 200)
                                                                     for i in range(50)])] * 100), "above 500000 octets"),
]


def reply_twice(q):
    return reply_list(q, [soa(9), A])


def reply_list(q, texts):
    """As reply, but every record stands where it is named: dnspython would sort nothing, yet joins equal owners."""
    r = dns.renderer.Renderer(id=q.id, flags=dns.flags.QR | dns.flags.AA)
    r.add_question(q.question[0].name, q.question[0].rdtype)
    for t in texts:
        owner, ttl, rdclass, rdtype, rdata = t.split(" ", 4)
        r.add_rrset(dns.renderer.ANSWER, dns.rrset.from_text(owner, int(ttl), rdclass, rdtype, rdata))
    r.write_header()
    return r.get_wire()


def test_primaries_that_lie(lab):
    net = Net(lab, env={"NET_MAX_INPUT": "500000"})
    lie = [None]

    def answer(q):
        if q.question[0].rdtype == dns.rdatatype.SOA:
            return [reply(q, soa(9))]
        return lie[0](q)
    liar = Liar(lab, answer)
    at = "%s#%d" % (liar.addr, liar.port)
    for what, lie[0], word in LIES:
        net.send("zone", zone=ZONE, source=at, refresh=True, have=5)
        why = net.wait("input-failed", timeout=15, zone=ZONE)
        print("%-28s %s" % (what, why["why"]))
        if word not in why["why"]:
            raise Failed("%s: %s" % (what, why["why"]))
        net.send("zone-gone", zone=ZONE)
    # It comes to its senses: the retry takes the zone without another word from engine.
    lie[0] = LIES[0][1]
    net.send("zone", zone=ZONE, source=at, refresh=True, have=5)
    net.wait("input-failed", zone=ZONE)
    lie[0] = lambda q: [reply(q, soa(9), NS, A), reply(q, soa(9))]
    expect("records", len(records_of(net.wait("input", timeout=15, zone=ZONE, serial=9))), 3)
    # An input ends the failures; expire passes when the primary falls silent (SOA expire is 60 s here, so not waited for).
    expect("process", net.process.running(), True)


def signed(q, messages, first_unsigned=False, skip=(), wrong=()):
    """The answer's messages with TSIG: skip: numbers that go without, wrong: numbers whose MAC is broken."""
    out, ctx = [], None
    key = RING[dns.name.from_text("k256.example.")]
    for i, wire in enumerate(messages):
        rdata = dns.rdtypes.ANY.TSIG.TSIG(dns.rdataclass.ANY, dns.rdatatype.TSIG, key.algorithm, int(time.time()), 300, b"\0" * 32,
                                          q.id, 0, b"")
        if i in skip:
            out.append(wire)
            if ctx is not None:
                ctx.update(wire)
            continue
        rdata, ctx = dns.tsig.sign(wire, key, rdata, int(time.time()), q.mac if i == 0 else b"", ctx, True)
        mac = bytes([rdata.mac[0] ^ 1]) + rdata.mac[1:] if i in wrong else rdata.mac
        body = rdata.replace(mac=mac).to_wire()
        record = key.name.to_wire() + struct.pack("!HHIH", 250, 255, 0, len(body)) + body
        out.append(wire[:10] + struct.pack("!H", 1) + wire[12:] + record)
    return out


def test_tsig_of_a_stream(lab):
    net = Net(lab)
    net.tsig(KEY)
    how = [None]

    def answer(q):
        if q.question[0].rdtype == dns.rdatatype.SOA:
            return signed(q, [reply_list(q, [soa(9)])])
        body = [reply_list(q, ["h%d.%s 300 IN A 192.0.2.1" % (i, ZONE)]) for i in range(150)]
        return how[0](q, [reply_list(q, [soa(9), NS])] + body + [reply_list(q, [soa(9)])])
    liar = Liar(lab, answer)
    at = "%s#%d" % (liar.addr, liar.port)
    unsigned_most = set(range(1, 100))
    rows = [
        ("every message signed", lambda q, m: signed(q, m), None),
        ("99 unsigned in a row", lambda q, m: signed(q, m, skip=unsigned_most), None),
        ("100 unsigned in a row", lambda q, m: signed(q, m, skip=set(range(1, 101))), "without TSIG"),
        ("the first unsigned", lambda q, m: signed(q, m, skip={0}), "no TSIG"),
        ("the last unsigned", lambda q, m: signed(q, m, skip={151}), "last message has no TSIG"),
        ("one MAC broken", lambda q, m: signed(q, m, wrong={70}), "BADSIG"),
        ("one message left out", lambda q, m: (lambda s: s[:70] + s[71:])(signed(q, m)), "BADSIG"),
        ("two messages changed places", lambda q, m: (lambda s: s[:70] + [s[71], s[70]] + s[72:])(signed(q, m)), "BADSIG"),
        ("an unsigned message slipped in", lambda q, m: (lambda s: s[:70] + [m[70]] + s[70:])(signed(q, m)), "BADSIG"),
        ("no TSIG at all", lambda q, m: m, "no TSIG"),
    ]
    for what, how[0], word in rows:
        net.send("zone", zone=ZONE, source=at + ",k256.example.", refresh=True, have=5)
        if word is None:
            expect(what, len(records_of(net.wait("input", zone=ZONE))), 152)
        else:
            why = net.wait("input-failed", zone=ZONE)
            print("%-32s %s" % (what, why["why"]))
            if word not in why["why"]:
                raise Failed("%s: %s" % (what, why["why"]))
        net.send("zone-gone", zone=ZONE)


def test_a_primary_that_hangs_leaves_transfers_to_others(lab):
    """More zones than transfers at a time have a primary that answers none of them: a zone of another one comes all the same."""
    net = Net(lab)
    count, asked, hangs = 48, set(), threading.Event()

    def hanging(q):
        if q.question[0].rdtype != dns.rdatatype.SOA:
            hangs.wait()        # one connection; the others wait to be accepted
            return None
        asked.add(q.question[0].name)
        name = q.question[0].name.to_text()
        return [reply(q, soa(9).replace(ZONE, name))]
    bad, good = Liar(lab, hanging), Liar(lab, lambda q: [reply(q, soa(9))] if q.question[0].rdtype == dns.rdatatype.SOA else
                                         [reply(q, soa(9), NS, A), reply(q, soa(9))], port=5310)
    bad.tcp.listen(100)
    for i in range(count):
        net.send("zone", zone="z%d.test." % i, source="%s#%d" % (bad.addr, bad.port), refresh=True, have=5)
    wait_until(lambda: len(asked) == count, 20, "the primary is asked for all of its zones")
    net.send("zone", zone=ZONE, source="%s#%d" % (good.addr, good.port), refresh=True, have=5)
    expect("records", len(records_of(net.wait("input", zone=ZONE, serial=9))), 3)
    ended = [e["zone"] for e in net.events if e["t"] == "input-failed"]
    hangs.set()
    if ended:
        raise Failed("it waited until transfers from the other one had failed: %s" % ended)


def test_refresh_retry_and_expire(lab):
    net = Net(lab)
    serial, alive = [1], [True]

    def answer(q):
        if not alive[0]:
            return None
        s = "%s 300 IN SOA ns1.%s hostmaster.%s %d 1 1 3 300" % (ZONE, ZONE, ZONE, serial[0])
        if q.question[0].rdtype == dns.rdatatype.SOA:
            return [reply(q, s)]
        return [reply(q, s, NS, A), reply(q, s)]
    liar = Liar(lab, answer)
    at = "%s#%d" % (liar.addr, liar.port)
    net.send("zone", zone=ZONE, source=at, refresh=False, have=None)
    net.wait("input", zone=ZONE, serial=1)
    net.wait("input-same", zone=ZONE, serial=1)     # refresh, by itself
    serial[0] = 2
    net.wait("input", zone=ZONE, serial=2)
    alive[0] = False
    failed = net.wait("input-failed", zone=ZONE, timeout=20)
    expect("retry", failed["retry_s"], 1)
    expect("expire", net.wait("input-expired", zone=ZONE, timeout=30)["expire_s"], 3)
    alive[0] = True
    net.wait("input-same", zone=ZONE, serial=2, timeout=20)


def test_who_may_notify(lab):
    net = Net(lab)
    keys = dict(KEY, **{"other.example.": KEY["k256.example."]})
    ring = dns.tsigkeyring.from_text(keys)
    net.tsig(keys)
    asked = []

    def answer(q):
        asked.append(q)
        return [reply(q, soa(5))] if not q.had_tsig else signed(q, [reply_list(q, [soa(5)])])
    liar = Liar(lab, answer)
    at = "%s#%d" % (liar.addr, liar.port)

    def notify(source, key=None):
        q = dns.message.make_query(ZONE, "SOA")
        q.set_opcode(dns.opcode.NOTIFY)
        q.flags = q.flags & ~dns.flags.RD | dns.flags.AA
        if key:
            q.use_tsig(ring, key)
        return dns.query.udp(q, net.addr, port=net.port, timeout=5, source=source).rcode()
    net.send("zone", zone=ZONE, source=at + ",k256.example.", refresh=False, have=5)
    net.wait("input-same", zone=ZONE)
    count = len(asked)
    expect("a stranger", notify(lab.addr()), dns.rcode.REFUSED)
    expect("a stranger with the key", notify(lab.addr(), "k256.example."), dns.rcode.REFUSED)
    expect("the primary with another key", notify(liar.addr, "other.example."), dns.rcode.REFUSED)
    expect("queries", len(asked), count)
    for key in ("k256.example.", None):     # a NOTIFY is a hint: what it leads to is signed
        expect("the primary", notify(liar.addr, key), dns.rcode.NOERROR)
        net.wait("input-same", zone=ZONE)
    for _ in range(200):
        notify(liar.addr)
    net.wait("input-same", zone=ZONE)
    if len(asked) - count > 6:
        raise Failed("%d queries after 200 NOTIFY" % (len(asked) - count))


def test_queries_for_engine(lab):
    net = Net(lab)
    text = zone_text(ZONE, 5, hosts=3, extra="@ DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n")
    primary = BindPrimary(lab, "server", {ZONE: text}).start()
    at = "%s#%d" % (primary.addr, primary.port)
    net.send("query", id=1, zone=ZONE, address=at, key=None, what="soa", timeout_ms=2000)
    a = net.wait("answer", id=1)
    expect("soa", (a["result"], a["rcode"], a["serial"]), ("ok", 0, 5))
    net.send("query", id=2, zone=ZONE, address=at, key=None, what="dnskey", timeout_ms=2000)
    a = net.wait("answer", id=2)
    rrs = stream_records(base64.b64decode(a["rrs"]))
    expect("dnskey", (a["result"], [r[1] for r in rrs], rrs[0][3][:4]), ("ok", ["DNSKEY"], b"\x01\x01\x03\x0d"))
    net.send("query", id=3, zone="unknown.test.", address=at, key=None, what="soa", timeout_ms=2000)
    expect("refused", net.wait("answer", id=3)["rcode"], dns.rcode.REFUSED)
    net.send("query", id=4, zone=ZONE, address=lab.addr() + "#5300", key=None, what="soa", timeout_ms=700)
    expect("no server, UDP", net.wait("answer", id=4)["result"], "timeout")
    net.send("query", id=5, zone=ZONE, address=lab.addr() + "#5300", key=None, what="dnskey", timeout_ms=700)
    expect("no server, TCP", net.wait("answer", id=5)["result"], "refused")


def test_notify_is_repeated_and_given_up(lab):
    net = Net(lab)
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind((lab.addr(), 5300))
    silent.settimeout(20)
    at = "%s#%d" % silent.getsockname()
    net.peers(secondaries=[{"address": at, "key": None, "zones": ["*"], "notify": True}])
    silent.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def heard():
        """A message, who sent it, and when it arrived by the kernel's clock: who reads it may be late."""
        wire, more, _, peer = silent.recvmsg(4096, 128)
        seconds, nanoseconds = struct.unpack("=qq", next(data for _, kind, data in more if kind == SO_TIMESTAMPNS))
        return dns.message.from_wire(wire), peer, seconds + nanoseconds / 1e9

    def copies(serial, n):
        """The first n copies of the message about this serial; of older ones none comes once there was one."""
        found = [heard()]
        while found[0][0].answer[0][0].serial != serial:
            found = [heard()]
        while len(found) < n:
            found.append(heard())
        for m, peer, _ in found:
            expect("the same message", (m.id, m.opcode(), m.answer[0][0].serial, peer[0]), (found[0][0].id, dns.opcode.NOTIFY, serial, net.addr))
        return found
    gaps = []
    for serial in 1, 2, 3:              # each cancels the one before
        net.publish(zone_text(ZONE, serial))
        times = [at for _, _, at in copies(serial, 3)]
        gaps.append([b - a for a, b in zip(times, times[1:])])
    # Never sooner; later only where the machine was busy.
    least = [min(g) for g in zip(*gaps)]
    if not (0.9 < least[0] < 1.6 and 1.9 < least[1] < 2.6):
        raise Failed("back-off %s" % gaps)
    net.publish(zone_text(ZONE, 4))
    m, peer, _ = copies(4, 4)[-1]       # at 0, 1, 3 and 7 s; the older one would have come at 4 s from here
    r = dns.message.make_response(m)
    silent.sendto(r.to_wire(), peer)
    net.wait("notified", zone=ZONE, serial=4, result="ok", address=at)


def test_a_primary_that_answers_over_tcp_alone(lab):
    net = Net(lab)

    def answer(q):
        if q.question[0].rdtype == dns.rdatatype.SOA:
            return [reply(q, soa(9))]
        return [reply(q, soa(9), NS, A), reply(q, soa(9))]
    liar = Liar(lab, answer, udp=False)
    net.send("zone", zone=ZONE, source="%s#%d" % (liar.addr, liar.port), refresh=True, have=None)
    net.wait("input", zone=ZONE, serial=9, timeout=20)


def test_a_silent_secondary_holds_nobody_up(lab):
    net = Net(lab)
    silent, quick = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for s in (silent, quick):
        s.bind((lab.addr(), 5300))
    net.peers(secondaries=[{"address": "%s#%d" % s.getsockname(), "key": None, "zones": ["*"], "notify": True}
                           for s in (silent, quick)])
    quick.settimeout(10)
    began = time.monotonic()
    for i in range(400):
        net.publish(zone_text("z%d.test." % i, 1, hosts=1))
    told = set()
    while len(told) < 400:
        wire, peer = quick.recvfrom(4096)
        m = dns.message.from_wire(wire)
        told.add(m.question[0].name)
        quick.sendto(dns.message.make_response(m).to_wire(), peer)
    print("400 zones told in %.2f s beside a silent secondary" % (time.monotonic() - began))


def unreachable_sent():
    """How often this machine has said by ICMP that nobody listens."""
    with open("/proc/net/snmp", encoding="ascii") as f:
        names, values = [row.split() for row in f if row.startswith("Icmp:")]
    return int(values[names.index("OutDestUnreachs")])


def test_a_secondary_that_comes_up_a_little_late_is_told(lab):
    net = Net(lab)
    before = unreachable_sent()
    addr = lab.addr()
    net.peers(secondaries=[{"address": addr + "#5300", "key": None, "zones": ["*"], "notify": True}])
    net.publish(zone_text(ZONE, 1))
    net.process.wait_event("event=serving zone=%s serial=1" % ZONE)
    wait_until(lambda: unreachable_sent() > before, 5, "the first NOTIFY meets a closed port, ICMP says so")
    late = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    late.bind((addr, 5300))
    late.settimeout(10)
    wire, peer = late.recvfrom(4096)
    late.sendto(dns.message.make_response(dns.message.from_wire(wire)).to_wire(), peer)
    net.wait("notified", timeout=3, zone=ZONE, serial=1, result="ok")
