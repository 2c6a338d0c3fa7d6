# SPDX-License-Identifier: BSD-3-Clause
"""IXFR in (RFC 1995): BIND and Knot as primaries that change by dynamic update, and primaries that answer wrongly."""

import os
import re

import dns.flags
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.zone

from duetlab import BindPrimary, Failed, KnotPrimary, Primary
from netdrive import Net, stream_records, zone_text
from test_net_in import KEY, NS, ZONE, A, Liar, expect, records_of, reply, reply_list, signed, soa


def apply(content, stream):
    """Applies the differences of one input to a set of (name, type, rdata), as engine is to."""
    serial, adding = None, True
    for name, rdtype, _, rdata in stream:
        if rdtype == "SOA":
            adding = not adding
            if adding is False and serial not in (None, rdata[-20:-16]):
                raise Failed("a difference does not begin where the one before ended")
            serial = rdata[-20:-16]
            continue
        key = (name, rdtype, rdata)
        if adding == (key in content):
            raise Failed("%s %s %s" % ("adds" if adding else "removes", name, rdtype))
        (content.add if adding else content.remove)(key)
    if not adding:
        raise Failed("half a difference")
    return int.from_bytes(serial, "big")


def content_of(primary):
    """What the primary gives by AXFR."""
    z = dns.zone.from_xfr(dns.query.xfr(primary.addr, ZONE, port=primary.port, relativize=False), relativize=False)
    return {(name, dns.rdatatype.to_text(rds.rdtype), rdata.to_wire()) for name, rds in z.iterate_rdatasets()
            for rdata in rds if rds.rdtype != dns.rdatatype.SOA}, z.get_rdataset(z.origin, "SOA")[0].serial


def follow(lab, primary, net):
    """What a primary's updates bring is what it has in the end."""
    at = "%s#%d" % (primary.addr, primary.port)
    source = at
    net.send("zone", zone=ZONE, source=source, refresh=True, have=None, ixfr=True)
    first = net.wait("input", zone=ZONE)
    expect("kind", first["kind"], "axfr")
    have = {(n, t, r) for n, t, _, r in records_of(first) if t != "SOA"}
    serial = first["serial"]
    # nobody has said yet that differences can be taken from the newest
    net.send("zone", zone=ZONE, source=source, refresh=False, have=serial, ixfr=True)
    steps = [
        (["new 300 A 192.0.2.77"], []),
        (["new 300 A 192.0.2.78", "deep.down.below 300 TXT hello"], ["host1"]),
        (["cut 300 NS ns1.cut", "ns1.cut 300 A 192.0.2.9"], ["new A"]),
        (["big%d 300 TXT %s" % (i, "x" * 200) for i in range(200)], []),
        ([], ["host%d" % i for i in range(2, 150)]),
    ]
    for add, delete in steps:
        primary.update(ZONE, add, delete, tcp=True)
        event = net.wait("input", zone=ZONE)
        expect("kind", (event["kind"], event["from"]), ("ixfr", serial))
        octets = records_of(event)
        serial = apply(have, octets)
        expect("serial", serial, event["serial"])
        print("%d to %d: %d records, %d octets" % (event["from"], serial, len(octets), event["octets"]))
        net.send("zone", zone=ZONE, source=source, refresh=False, have=serial, ixfr=True)
    # several at once, as one answer
    for i in range(5):
        primary.update(ZONE, ["many%d 300 A 192.0.2.%d" % (i, i)], ["many%d" % (i - 1)])
    want, last = content_of(primary)
    while serial != last:
        event = net.wait("input", zone=ZONE)
        expect("kind", event["kind"], "ixfr")
        serial = apply(have, records_of(event))
        net.send("zone", zone=ZONE, source=source, refresh=False, have=serial, ixfr=True)
    expect("content", have, want)
    # from a serial that it does not remember: the whole zone, in one go
    net.send("zone", zone=ZONE, source=source, refresh=True, have=(serial - 1000) % 2 ** 32, ixfr=True)
    event = net.wait("input", zone=ZONE)
    expect("kind", (event["kind"], event["serial"]), ("axfr", serial))
    expect("content", {(n, t, r) for n, t, _, r in records_of(event) if t != "SOA"}, want)
    if net.process.count("event=ixfr-failed"):
        raise Failed("IXFR failed\n" + net.process.tail())


def test_bind_gives_differences(lab):
    net = Net(lab)
    primary = BindPrimary(lab, "primary", {ZONE: zone_text(ZONE, 5)}, notify=[Primary(net.addr, net.port)], dynamic=True)
    follow(lab, primary.start(), net)


def test_knot_gives_differences(lab):
    net = Net(lab)
    primary = KnotPrimary(lab, "primary", {ZONE: zone_text(ZONE, 5)}, notify=[Primary(net.addr, net.port)])
    follow(lab, primary.start(), net)


NEW = "new.%s 300 IN A 192.0.2.7" % ZONE
OLD = "old.%s 300 IN A 192.0.2.8" % ZONE
GOOD = [soa(9), soa(5), OLD, soa(9), NEW, soa(9)]

# What the primary answers to IXFR from 5, and how it ends: the kind of input, and a word of the log.
ANSWERS = [
    ("one difference", [GOOD], "ixfr", None),
    ("a record a message", [[r] for r in GOOD], "ixfr", None),
    ("two differences", [[soa(9), soa(5), soa(7), NEW], [soa(7), NEW, soa(9), soa(9)]], "ixfr", None),
    ("nothing removed or added", [[soa(9), soa(5), soa(9), soa(9)]], "ixfr", None),
    ("the whole zone", [[soa(9), NS, A], [soa(9)]], "axfr", None),
    ("the whole zone is one SOA", [[soa(9), soa(9)]], "axfr", None),
    ("current", [[soa(5)]], "same", None),
    ("NOTIMP", dns.rcode.NOTIMP, "axfr", "NOTIMP"),
    ("REFUSED", dns.rcode.REFUSED, "axfr", "REFUSED"),
    ("FORMERR", dns.rcode.FORMERR, "axfr", "FORMERR"),
    ("one SOA, then nothing", [[soa(9)]], "axfr", "cut off"),
    ("cut off within", [GOOD[:5]], "axfr", "cut off"),
    ("cut off before the last SOA", [GOOD[:4]], "axfr", "cut off"),
    ("from another serial", [[soa(9), soa(4), OLD, soa(9), NEW, soa(9)]], "axfr", "begin at serial 4, not at 5"),
    ("a gap", [[soa(9), soa(5), soa(6), NEW, soa(7), OLD, soa(9), soa(9)]], "axfr", "begins at serial 7, the one before ends at 6"),
    ("backwards", [[soa(9), soa(5), soa(4), NEW, soa(9)]], "axfr", "from serial 5 to 4"),
    ("in place", [[soa(9), soa(5), soa(5), NEW, soa(9)]], "axfr", "from serial 5 to 5"),
    ("beyond the newest", [[soa(9), soa(5), soa(10), NEW, soa(10)]], "axfr", "from serial 5 to 10"),
    ("the newest SOA differs", [[soa(9), soa(5), soa(9, 301), NEW, soa(9)]], "axfr", "another SOA"),
    ("the last SOA differs", [[soa(9), soa(5), soa(9), NEW, soa(9, 301)]], "axfr", "another SOA"),
    ("records behind the end", [GOOD + [NEW]], "axfr", "follow the last SOA"),
    ("the serial went back", [[soa(4)]], "axfr", "lies below"),
    ("outside the zone", [[soa(9), soa(5), "other.test. 300 IN A 192.0.2.1", soa(9), soa(9)]], "axfr", "outside the zone"),
    ("no SOA first", [[NS, soa(9)]], "axfr", "not with the zone's SOA"),
    ("an endless difference", [GOOD[:2]] + [["x%d.%s 300 IN TXT %s" % (i, ZONE, "y" * 200)] for i in range(400)], "axfr",
     "above 50000 octets"),
]


def test_answers_to_ixfr(lab):
    net = Net(lab, env={"NET_MAX_INPUT": "50000"})
    how, asked = [None], []

    def answer(q):
        rdtype = q.question[0].rdtype
        if rdtype == dns.rdatatype.SOA:
            return [reply(q, soa(9))]
        asked.append(rdtype)
        if rdtype == dns.rdatatype.AXFR:
            return [reply_list(q, [soa(9), NS, A, soa(9)])]
        expect("serial asked from", q.authority[0][0].serial, 5)
        if not isinstance(how[0], list):
            return [reply(q, rcode=how[0])]
        return [reply_list(q, m) for m in how[0]]
    liar = Liar(lab, answer)
    source = "%s#%d" % (liar.addr, liar.port)
    for what, how[0], kind, word in ANSWERS:
        del asked[:]
        failed = net.process.count("event=ixfr-failed")
        net.send("zone", zone=ZONE, source=source, refresh=True, have=5, ixfr=True)
        if kind == "same":
            net.wait("input-same", zone=ZONE, serial=5)
        else:
            event = net.wait("input", zone=ZONE, serial=9)
            expect(what, event["kind"], kind)
            octets = records_of(event)
            if kind == "ixfr":
                expect(what, (event["from"], octets[0][1]), (5, "SOA"))
                expect(what, len(octets), sum(len(m) for m in how[0]) - 2)
        expect(what, [dns.rdatatype.to_text(t) for t in asked], ["IXFR"] + (["AXFR"] if word else []))
        expect(what, net.process.count("event=ixfr-failed") - failed, 1 if word else 0)
        if word:
            line = re.findall("event=ixfr-failed .*", net.process.tail(200))[-1]
            if word not in line:
                raise Failed("%s: %s" % (what, line))
        net.send("zone-gone", zone=ZONE)
    # engine has nothing, or cannot apply differences: AXFR
    for have, ixfr in (None, True), (5, False):
        del asked[:]
        net.send("zone", zone=ZONE, source=source, refresh=True, have=have, ixfr=ixfr)
        expect("kind", net.wait("input", zone=ZONE, serial=9)["kind"], "axfr")
        expect("asked", asked, [dns.rdatatype.AXFR])
        net.send("zone-gone", zone=ZONE)


def test_tsig_of_a_difference(lab):
    net = Net(lab)
    net.tsig(KEY)
    how = [None]

    def answer(q):
        if q.question[0].rdtype == dns.rdatatype.SOA:
            return signed(q, [reply_list(q, [soa(9)])])
        if q.question[0].rdtype == dns.rdatatype.AXFR:
            return signed(q, [reply_list(q, [soa(9), NS, A, soa(9)])])
        return signed(q, [reply_list(q, GOOD[:3]), reply_list(q, GOOD[3:])], **how[0])
    liar = Liar(lab, answer)
    source = "%s#%d,k256.example." % (liar.addr, liar.port)
    for what, how[0], kind in (("right", {}, "ixfr"), ("a MAC broken", {"wrong": {1}}, "axfr"),
                               ("the last unsigned", {"skip": {1}}, "axfr")):
        net.send("zone", zone=ZONE, source=source, refresh=True, have=5, ixfr=True)
        expect(what, net.wait("input", zone=ZONE, serial=9)["kind"], kind)
        net.send("zone-gone", zone=ZONE)
