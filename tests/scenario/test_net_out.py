# SPDX-License-Identifier: BSD-3-Clause
"""What the net process serves: SOA, AXFR and IXFR to NSD, Knot, BIND and dig, with and without TSIG, within its limits."""

import base64
import os
import socket
import struct
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.zone

from duetlab import NSD, Bind, Failed, Knot, Primary, axfr, find_program, run, wait_until
from netdrive import Net, zone_text

ZONE = "example.test."
KEYS = {"k%s.example." % bits: ("hmac-sha" + bits, base64.b64encode(bytes(range(int(bits) // 8))).decode())
        for bits in ("256", "384", "512")}


def expect(what, have, want):
    if have != want:
        raise Failed("%s: %r, expected %r" % (what, have, want))


def zone_of(addr, port, **kw):
    return axfr(addr, ZONE, port, **kw)


def everybody(net):
    net.peers(transfer=[{"prefix": "127.0.0.0/8", "key": None}])


def ask(net, rdtype, tcp=True, serial=None, key=None, name=ZONE, do=False, rdclass="IN"):
    q = dns.message.make_query(name, rdtype, rdclass, want_dnssec=do)
    q.flags &= ~dns.flags.RD
    if serial is not None:
        soa = "%s 0 IN SOA . . %d 0 0 0 0" % (name, serial)
        q.authority.append(dns.rrset.from_text(*soa.split(" ", 4)))
    if key:
        ring = dns.tsigkeyring.from_text({key[0]: key[2]})
        q.use_tsig(ring, key[0], algorithm=key[1])
    f = dns.query.tcp if tcp else dns.query.udp
    return f(q, net.addr, port=net.port, timeout=5)


def test_secondaries_transfer_without_and_with_tsig(lab):
    net = Net(lab)
    net.tsig(KEYS)
    plain = Primary(net.addr)
    secret = {"k256.example": KEYS["k256.example."][1]}
    signed = Primary(net.addr, key="k256.example")
    peers = []
    for i, kind in enumerate((NSD, Knot, Bind)):
        for p, keys in ((plain, {}), (signed, secret)):
            peers.append((kind(lab, "%s%s" % (kind.__name__.lower(), "-tsig" if keys else ""), [ZONE], [p], keys), p.key))
    net.peers(secondaries=[{"address": "%s#%d" % (s.addr, s.port), "key": k and k + ".", "zones": ["*"], "notify": True}
                           for s, k in peers])
    net.publish(zone_text(ZONE, 1))
    for s, _ in peers:
        s.start()
    want = dns.zone.from_text(zone_text(ZONE, 1), relativize=False)
    for s, _ in peers:
        s.wait_serial(ZONE, 1)
        if axfr(s.addr, ZONE, s.port) != want:
            raise Failed("%s has another zone" % s.name)
    began = time.monotonic()
    net.publish(zone_text(ZONE, 2, hosts=10))
    for s, _ in peers:
        net.wait("notified", zone=ZONE, serial=2, address="%s#%d" % (s.addr, s.port), result="ok")
        net.seen = 0
    for s, _ in peers:
        s.wait_serial(ZONE, 2)
    print("six secondaries in step %.1f s after the change" % (time.monotonic() - began))


def test_all_algorithms_with_dig(lab):
    net = Net(lab)
    net.tsig(KEYS)
    net.publish(zone_text(ZONE, 7))
    net.peers(transfer=[{"prefix": "127.0.0.0/8", "key": k} for k in KEYS])
    for name, (algorithm, secret) in KEYS.items():
        for rdtype in ("SOA", "AXFR", "IXFR=3", "IXFR=7"):
            p = run([find_program("dig"), "+tcp", "+nocookie", "-b", lab.addr(9), "@" + net.addr, "-p", str(net.port), "-y",
                     "%s:%s:%s" % (algorithm, name, secret), ZONE, "-t", rdtype])
            text = p.stdout
            if "Couldn't verify signature" in text or "NOERROR" not in text and "XFR size" not in text:
                raise Failed("dig %s %s: %s" % (algorithm, rdtype, text))
            records = sum(1 for row in text.splitlines() if row and row[0] != ";" and "TSIG" not in row)
            expect("records of %s" % rdtype, records, {"SOA": 1, "AXFR": 608, "IXFR=3": 608, "IXFR=7": 1}[rdtype])
    key = ("k512.example.",) + KEYS["k512.example."]
    for tcp in (True, False):
        r = ask(net, "SOA", tcp, key=key)
        expect("signed", r.had_tsig and r.answer[0][0].serial, 7)
    asked = net.wait("asked", zone=ZONE, serial=3)
    expect("authenticated", asked["authenticated"], True)


def test_wrong_keys_are_told_so(lab):
    net = Net(lab)
    net.tsig(KEYS)
    net.publish(zone_text(ZONE, 7))
    net.peers(transfer=[{"prefix": "127.0.0.0/8", "key": "k256.example."}])
    algorithm, secret = KEYS["k256.example."]
    wrong = base64.b64encode(b"x" * 32).decode()

    def tsig_error(key):
        """RCODE and TSIG error of the answer, read without judging it."""
        q = dns.message.make_query(ZONE, "AXFR")
        q.use_tsig(dns.tsigkeyring.from_text({key[0]: key[2]}), key[0], algorithm=key[1])
        return raw_answer(net, q.to_wire())

    expect("unknown key", tsig_error(("nobody.example.", algorithm, secret)), (dns.rcode.NOTAUTH, 17, 0))
    expect("known key, other algorithm", tsig_error(("k256.example.", "hmac-sha512", secret)), (dns.rcode.NOTAUTH, 17, 0))
    expect("wrong secret", tsig_error(("k256.example.", algorithm, wrong)), (dns.rcode.NOTAUTH, 16, 0))
    expect("right key", ask(net, "SOA", key=("k256.example.", algorithm, secret)).rcode(), dns.rcode.NOERROR)
    expect("other key than the one named", ask(net, "SOA", key=("k384.example.",) + KEYS["k384.example."]).rcode(),
           dns.rcode.REFUSED)
    expect("no key", ask(net, "SOA").rcode(), dns.rcode.REFUSED)
    p = run([find_program("dig"), "+tcp", "@" + net.addr, "-p", str(net.port), "-y", "hmac-sha256:nobody.example:" + secret,
             ZONE, "SOA"], check=False)
    if "BADKEY" not in p.stdout or "NOTAUTH" not in p.stdout:
        raise Failed("dig with an unknown key: " + p.stdout)

    # BADTIME is signed and tells our time
    real = time.time
    try:
        time.time = lambda: real() - 1000
        q = dns.message.make_query(ZONE, "SOA")
        q.use_tsig(dns.tsigkeyring.from_text({"k256.example.": secret}), "k256.example.", algorithm=algorithm)
        wire = q.to_wire()
    finally:
        time.time = real
    expect("late query", raw_answer(net, wire), (dns.rcode.NOTAUTH, 18, 32))
    # A MAC cut to 16 octets is allowed by RFC 8945 and not by us; one cut to 8 is malformed.
    q = dns.message.make_query(ZONE, "SOA")
    q.use_tsig(dns.tsigkeyring.from_text({"k256.example.": secret}), "k256.example.", algorithm=algorithm)
    wire = q.to_wire()
    expect("MAC of 16 octets", raw_answer(net, cut_mac(wire, 32, 16)), (dns.rcode.NOTAUTH, 22, 32))
    expect("MAC of 8 octets", raw_answer(net, cut_mac(wire, 32, 8)), (dns.rcode.FORMERR, None, None))


def cut_mac(wire, have, want):
    """The same query with its MAC cut short (the last record; no other data behind it)."""
    mac = len(wire) - 6 - have
    head = bytearray(wire[:mac])
    head[-2:] = struct.pack("!H", want)
    rdlen = mac - 2 - 8 - len(b"\x0bhmac-sha256\0") - 2
    head[rdlen:rdlen + 2] = struct.pack("!H", struct.unpack("!H", head[rdlen:rdlen + 2])[0] - have + want)
    return bytes(head) + wire[mac:mac + want] + wire[mac + have:]


def raw_answer(net, wire):
    """(rcode, TSIG error, MAC length) of the answer to these octets; the TSIG is the last record."""
    with socket.create_connection((net.addr, net.port), timeout=5) as s:
        s.sendall(struct.pack("!H", len(wire)) + wire)
        f = s.makefile("rb")
        answer = f.read(struct.unpack("!H", f.read(2))[0])
    if struct.unpack("!H", answer[10:12])[0] == 0 or b"\x0bhmac-sha" not in answer:
        return answer[3] & 15, None, None
    at = answer.rindex(b"\x0bhmac-sha") + 13 + 8
    mac = struct.unpack("!H", answer[at:at + 2])[0]
    return answer[3] & 15, struct.unpack("!H", answer[at + 4 + mac:at + 6 + mac])[0], mac


def test_rules_of_soa_and_ixfr(lab):
    net = Net(lab)
    everybody(net)
    expect("unknown zone", ask(net, "SOA").rcode(), dns.rcode.REFUSED)
    net.send("zone", zone=ZONE, source=None, refresh=False, have=None)
    wait_until(lambda: ask(net, "SOA").rcode() == dns.rcode.SERVFAIL, 5, "SERVFAIL for a zone that is not loaded")
    net.publish(zone_text(ZONE, 7))
    wait_until(lambda: ask(net, "SOA").rcode() == dns.rcode.NOERROR, 5, "the SOA")
    for tcp in (True, False):
        r = ask(net, "SOA", tcp)
        expect("serial", r.answer[0][0].serial, 7)
        expect("flags", bool(r.flags & dns.flags.AA), True)
    expect("IXFR over UDP", len(ask(net, "IXFR", False, 3).answer), 1)
    expect("IXFR from our serial", len(ask(net, "IXFR", True, 7).answer), 1)
    expect("IXFR from above", len(ask(net, "IXFR", True, 9).answer), 1)
    expect("IXFR without serial", ask(net, "IXFR").rcode(), dns.rcode.FORMERR)
    expect("AXFR over UDP", ask(net, "AXFR", False).rcode(), dns.rcode.FORMERR)
    expect("A", ask(net, "A").rcode(), dns.rcode.REFUSED)
    expect("CH", ask(net, "SOA", rdclass="CH").rcode(), dns.rcode.REFUSED)
    expect("below the zone", ask(net, "SOA", name="host1." + ZONE).rcode(), dns.rcode.REFUSED)
    expect("other case", ask(net, "SOA", name="eXample.TEST.").answer[0][0].serial, 7)
    for opcode, want in ((dns.opcode.UPDATE, dns.rcode.NOTIMP), (dns.opcode.STATUS, dns.rcode.NOTIMP),
                         (dns.opcode.NOTIFY, dns.rcode.REFUSED)):
        q = dns.message.make_query(ZONE, "SOA")
        q.set_opcode(opcode)
        expect("opcode %d" % opcode, raw_answer(net, q.to_wire())[0], want)
    q = dns.message.make_query("another.test.", "SOA")
    q.set_opcode(dns.opcode.NOTIFY)
    expect("NOTIFY for no zone of ours", raw_answer(net, q.to_wire())[0], dns.rcode.NOTAUTH)
    wire = dns.message.make_query(ZONE, "SOA").to_wire()
    expect("cut off", raw_answer(net, wire[:-3])[0], dns.rcode.FORMERR)
    expect("two questions", raw_answer(net, wire[:4] + b"\0\2" + wire[6:] + wire[12:])[0], dns.rcode.FORMERR)
    q = dns.message.make_query(ZONE, "SOA", use_edns=True)
    q.ednsflags |= 1 << 16
    r = dns.query.tcp(q, net.addr, port=net.port, timeout=5)
    expect("EDNS version 1", r.rcode(), dns.rcode.BADVERS)
    net.send("hold-serve", on=True)
    wait_until(lambda: ask(net, "SOA").rcode() == dns.rcode.SERVFAIL, 5, "SERVFAIL while holding")
    expect("AXFR while holding", ask(net, "AXFR").rcode(), dns.rcode.SERVFAIL)
    net.send("hold-serve", on=False)
    wait_until(lambda: ask(net, "SOA").rcode() == dns.rcode.NOERROR, 5, "the SOA again")
    net.send("unserve", zone=ZONE, for_now=True)
    wait_until(lambda: ask(net, "SOA").rcode() == dns.rcode.SERVFAIL, 5, "SERVFAIL before the next version")
    expect("AXFR then", ask(net, "AXFR").rcode(), dns.rcode.SERVFAIL)
    net.publish(zone_text(ZONE, 8))
    wait_until(lambda: ask(net, "SOA").rcode() == dns.rcode.NOERROR, 5, "the SOA of the next version")
    net.send("unserve", zone=ZONE)
    wait_until(lambda: ask(net, "SOA").rcode() == dns.rcode.REFUSED, 5, "REFUSED once unserved")


def test_drain_is_silence_that_ends_by_itself(lab):
    net = Net(lab)
    everybody(net)
    net.publish(zone_text(ZONE, 7))
    idle = socket.create_connection((net.addr, net.port), timeout=5)
    ask(net, "SOA")
    net.send("drain", for_ms=1500)
    net.process.wait_event("event=drained")
    expect("open connection", idle.recv(1), b"")
    try:
        ask_quick(net)
        raise Failed("answers UDP while drained")
    except dns.exception.Timeout:
        pass
    with socket.create_connection((net.addr, net.port), timeout=5) as s:
        expect("new connection", s.recv(1), b"")
    wait_until(lambda: ask_quick(net).rcode() == dns.rcode.NOERROR, 5, "serving again")
    net.send("drain", for_ms=60000)
    net.process.wait_event("event=drained for_ms=60000")
    net.send("drain", for_ms=0)
    wait_until(lambda: ask_quick(net).rcode() == dns.rcode.NOERROR, 5, "serving again when told")


def ask_quick(net):
    return dns.query.udp(dns.message.make_query(ZONE, "SOA"), net.addr, port=net.port, timeout=0.3)


def test_pipelined_queries_are_all_answered_in_order(lab):
    net = Net(lab)
    everybody(net)
    net.publish(zone_text(ZONE, 7))
    wires = []
    for i in range(50):
        q = dns.message.make_query(ZONE, "AXFR" if i % 10 == 5 else "SOA")
        q.id = 1000 + i
        w = q.to_wire()
        wires.append(struct.pack("!H", len(w)) + w)
    with socket.create_connection((net.addr, net.port), timeout=10) as s:
        s.sendall(b"".join(wires))
        s.shutdown(socket.SHUT_WR)
        f, ids, soas = s.makefile("rb"), [], 0
        while True:
            head = f.read(2)
            if not head:
                break
            m = dns.message.from_wire(f.read(struct.unpack("!H", head)[0]), xfr=True, one_rr_per_rrset=True)
            ids.append(m.id) if m.id not in ids[-1:] else None
            soas += sum(r.rdtype == dns.rdatatype.SOA for r in m.answer)
    expect("order", ids, list(range(1000, 1050)))
    expect("SOA records", soas, 45 + 2 * 5)


def read_transfer(s):
    """(serials of the SOA records, records) of the transfer that comes."""
    f, serials, records = s.makefile("rb"), [], 0
    while len(serials) < 2:
        m = f.read(struct.unpack("!H", f.read(2))[0])
        count = struct.unpack("!H", m[6:8])[0]
        records += count
        if count == 1:
            serials += [r[0].serial for r in dns.message.from_wire(m, xfr=True).answer]
    return serials, records


def test_a_transfer_keeps_its_version(lab):
    """A second version takes over most pages of the first, one of them is still on its way."""
    net = Net(lab)
    everybody(net)
    path, table = net.publish(zone_text(ZONE, 1), more=1000)
    q = dns.message.make_query(ZONE, "AXFR")
    w = q.to_wire()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    s.settimeout(20)
    s.connect((net.addr, net.port))
    s.sendall(struct.pack("!H", len(w)) + w)
    net.process.wait_event("event=transfer-begins")
    net.publish(zone_text(ZONE, 2, hosts=10), instead_of=len(table) // 24 - 1000)
    net.send("volume-gone", volume=1)
    os.unlink(path)
    wait_until(lambda: ask(net, "SOA").answer[0][0].serial == 2, 5, "the new version")
    expect("first", read_transfer(s), ([1, 1], 2 + 6 + 600 + 60000))
    net.wait("transferred", zone=ZONE, serial=1)
    s.sendall(struct.pack("!H", len(w)) + w)
    expect("second", read_transfer(s), ([2, 2], 2 + 6 + 20 + 60000))


def test_a_damaged_page_is_not_sent(lab):
    net = Net(lab)
    everybody(net)
    path, table = net.publish(zone_text(ZONE, 7))
    expect("whole", len(zone_of(net.addr, net.port).nodes), 304)
    offset = struct.unpack("!Q", table[24 * 3:24 * 3 + 8])[0]
    with open(path, "r+b") as f:
        f.seek(offset + 200)
        octet = f.read(1)
        f.seek(offset + 200)
        f.write(bytes([octet[0] ^ 1]))
    try:
        zone_of(net.addr, net.port)
        raise Failed("a damaged page was sent")
    except (dns.exception.DNSException, OSError, EOFError):
        pass
    expect("told", net.wait("damaged", zone=ZONE)["offset"], offset)
    expect("SOA", ask(net, "SOA").answer[0][0].serial, 7)


def test_slow_readers_delay_nobody_and_are_cut(lab):
    net = Net(lab, env={"NET_IDLE_S": "8", "NET_MAX_TRANSFERS": "60", "NET_MAX_TRANSFERS_PER_ADDRESS": "60"})
    everybody(net)
    net.publish(zone_text(ZONE, 1), more=1500)
    w = dns.message.make_query(ZONE, "AXFR").to_wire()
    slow = []
    for _ in range(50):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect((net.addr, net.port))
        s.sendall(struct.pack("!H", len(w)) + w)
        slow.append(s)
    wait_until(lambda: net.process.count("event=transfer-begins") == 50, 20, "50 transfers begin")

    def fast():
        began = time.monotonic()
        with socket.create_connection((net.addr, net.port), timeout=30) as s:
            s.sendall(struct.pack("!H", len(w)) + w)
            f, octets = s.makefile("rb", 1 << 20), 0
            while True:
                n = struct.unpack("!H", f.read(2))[0]
                m = f.read(n)
                octets += n + 2
                if octets > n + 2 and m[6:8] == b"\0\1" and m[-20:-16] == struct.pack("!I", 1):
                    return time.monotonic() - began, octets
    seconds, octets = fast()
    print("fast reader beside 50 slow ones: %d octets in %.2f s" % (octets, seconds))
    if net.process.count("event=transfer-cut"):
        raise Failed("the fast reader took %.2f s: it had to wait until slow ones were cut" % seconds)
    wait_until(lambda: net.process.count("event=transfer-cut") == 50, 30, "the slow ones are cut")
    fast()
    for s in slow:
        s.close()


def slow_transfer(net, source):
    """A connection from this address with a transfer on it that is not read."""
    w = dns.message.make_query(ZONE, "AXFR").to_wire()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(20)
    s.bind((source, 0))
    s.connect((net.addr, net.port))
    s.sendall(struct.pack("!H", len(w)) + w)
    return s


def rcode_of_axfr(net, source):
    """What a transfer for this address begins with."""
    with slow_transfer(net, source) as s:
        head = s.makefile("rb").read(6)
    return head[5] & 15


def test_one_address_leaves_transfers_to_others(lab):
    """Half of them, unless it is configured otherwise; who has too many is told so, and may come again."""
    net = Net(lab, env={"NET_MAX_TRANSFERS": "5", "NET_IDLE_S": "60"})
    everybody(net)
    net.publish(zone_text(ZONE, 1), more=1500)
    one, other = lab.addr(7), lab.addr(8)
    held = [slow_transfer(net, one) for _ in range(2)]
    wait_until(lambda: net.process.count("event=transfer-begins") == 2, 20, "two transfers begin")
    expect("a third for the same address", rcode_of_axfr(net, one), dns.rcode.SERVFAIL)
    refused = net.process.wait_event("event=transfer-refused zone=%s" % ZONE)
    expect("who is refused", refused["address"].split("#")[0], one)
    expect("one for another address", rcode_of_axfr(net, other), dns.rcode.NOERROR)
    held.pop().close()
    wait_until(lambda: rcode_of_axfr(net, one) == dns.rcode.NOERROR, 20, "the address has room again")
    for s in held:
        s.close()


def test_limits_on_connections(lab):
    net = Net(lab, env={"NET_IDLE_S": "2", "NET_MAX_TCP_PER_ADDRESS": "5", "NET_MAX_TRANSFERS": "0"})
    everybody(net)
    net.publish(zone_text(ZONE, 1))
    expect("no transfer is free", ask(net, "AXFR").rcode(), dns.rcode.SERVFAIL)
    held = [socket.create_connection((net.addr, net.port), source_address=(lab.addr(7), 0), timeout=10) for _ in range(5)]
    ok = [socket.create_connection((net.addr, net.port), source_address=(lab.addr(8), 0), timeout=10)]
    with socket.create_connection((net.addr, net.port), source_address=(lab.addr(7), 0), timeout=10) as s:
        expect("sixth of one address", s.recv(1), b"")
    wire = dns.message.make_query(ZONE, "SOA").to_wire()
    ok[0].sendall(struct.pack("!H", len(wire)) + wire)
    if not ok[0].recv(10):
        raise Failed("another address is kept out")
    # Half a query is no progress, however often another octet of it comes.
    held[0].setblocking(False)
    octets = iter(b"\2\0" + bytes(500))

    def closed():
        try:
            held[0].send(bytes([next(octets)]))
            return held[0].recv(1) == b""
        except BlockingIOError:
            return False
        except (ConnectionResetError, BrokenPipeError):
            return True
    wait_until(closed, 10, "who sends half a query is cut off", every=0.1)
    for s in held[1:]:
        expect("idle", s.recv(1), b"")


def test_ipv6_and_all_addresses(lab):
    six, any_port = lab.port("127.0.0.1"), lab.port("127.0.0.1")
    net = Net(lab, more=["::1#%d" % six, "0.0.0.0#%d" % any_port])
    net.peers(transfer=[{"prefix": "127.0.0.0/8", "key": None}, {"prefix": "::1", "key": None}])
    net.publish(zone_text(ZONE, 7))
    net.process.wait_event("event=serving zone=" + ZONE)
    q = dns.message.make_query(ZONE, "SOA")
    for f in (dns.query.udp, dns.query.tcp):
        expect("IPv6", f(q, "::1", port=six, timeout=5).answer[0][0].serial, 7)
        # dnspython takes an answer only from the address that it asked
        expect("all addresses", f(q, lab.addr(), port=any_port, timeout=5).answer[0][0].serial, 7)
    expect("AXFR over IPv6", len(axfr("::1", ZONE, six).nodes), 304)


def test_a_zone_that_is_its_soa_alone(lab):
    net = Net(lab)
    everybody(net)
    net.publish("$ORIGIN %s\n@ 300 SOA . . 1 2 3 4 5\n" % ZONE)
    net.process.wait_event("event=serving zone=%s serial=1 pages=0" % ZONE)
    expect("SOA records", [m.answer[0][0].serial for m in dns.query.xfr(net.addr, ZONE, port=net.port, relativize=False,
                                                                        lifetime=10)], [1, 1])


def test_a_zone_in_scattered_pages(lab):
    net = Net(lab)
    everybody(net)
    net.publish(zone_text(ZONE, 7, hosts=800), per_page=3, gap=100)
    net.process.wait_event("event=serving zone=" + ZONE)
    if axfr(net.addr, ZONE, net.port) != dns.zone.from_text(zone_text(ZONE, 7, hosts=800), relativize=False):
        raise Failed("another zone")


def test_a_slow_but_steady_reader_is_not_cut(lab):
    """The kernel buffers megabytes: that nothing more fits for seconds does not mean that the client has stopped."""
    net = Net(lab, env={"NET_IDLE_S": "3"})
    everybody(net)
    net.publish(zone_text(ZONE, 1), more=1000)
    w = dns.message.make_query(ZONE, "AXFR").to_wire()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.settimeout(5)
        s.connect((net.addr, net.port))
        s.sendall(struct.pack("!H", len(w)) + w)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if len(s.recv(32768)) == 0:
                raise Failed("cut off")
            time.sleep(0.2)
        if net.process.count("event=transfer-cut"):
            raise Failed("cut off")
        net.process.wait_event("event=transfer-cut", 30)    # now it has stopped
