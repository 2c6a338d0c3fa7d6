# SPDX-License-Identifier: BSD-3-Clause
"""A day's worth of versions, every tenth broken: in its file, or by the signers that sign it.

All the time everybody is looked at: what a signer or a secondary shows is, whole, one of the good versions, and never an older
one than it has shown before."""

import os
import random
import threading

import dns.exception
import dns.rdatatype
import dns.zone

from duetlab import *

ZONE = "example.org"
DOT = "zone=example.org."
MADE = {dns.rdatatype.from_text(t) for t in ("SOA", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY")}
VERSIONS = int(os.environ.get("VERSIONS", "20"))

# What a file is broken by.  Some lines more, at a place chosen by chance; {} is a number.
LINES = ["x{} A 192.0.2.256\n", "x{} CNAME a\nx{} TXT \"beside\"\n", "x{} CNAME a\nx{} CNAME b\n", "x{} TXT ( \"open\n\n", "x{} AAAA\n",
         "x{}.elsewhere.example. A 192.0.2.1\n", "x{} NS ns1\nx{} DNAME b\n", "x{} DS 1 13 2 " + "ab" * 32 + "\n", "x{} NOSUCHTYPE a\n",
         "@ SOA ns1 hostmaster {} 3600 600 604800 60\n", "$INCLUDE absent{}\n", "*.x{} NS ns1\n", "x{} CH TXT a\n",
         "x{} TYPE65280 \\# 4 00\n", "a" * 64 + "{} A 192.0.2.1\n", "@ ZONEMD {} 1 1 " + "cd" * 48 + "\n"]


def broken_file(chance, text):
    """The text with one mistake."""
    kind = chance.randrange(len(LINES) + 3)
    rows = text.splitlines(True)
    if kind == len(LINES):          # cut within a line
        return text[:text.index("mail")] + "mail A 192."
    if kind == len(LINES) + 1:      # no SOA
        return "".join(row for row in rows if " SOA " not in row)
    if kind == len(LINES) + 2:      # octets of something else
        at = chance.randrange(200, len(text) - 50)
        return text[:at] + "\0\1\2" + text[at:]
    more = LINES[kind].replace("{}", str(chance.randrange(1, 1000)))
    if "ZONEMD" in more:            # one of the right serial, for it to count
        more = more.replace(more.split()[2], [w for row in rows if " SOA " in row for w in row.split()][4])
    at = chance.randrange(4, len(rows))
    return "".join(rows[:at]) + more + "".join(rows[at:])


class Content:
    """The zone's names, changed again and again."""

    def __init__(self, chance):
        self.chance, self.rows = chance, {}

    def change(self):
        for _ in range(self.chance.randrange(1, 6)):
            name = "n%d" % self.chance.randrange(60)
            if self.chance.random() < 0.1:
                name = "*." + name + ".wild"
            elif self.chance.random() < 0.2:
                name += ".deep.er"
            self.rows[name] = self.chance.choice((
                "", "%s A 192.0.2.%d\n" % (name, self.chance.randrange(256)), "%s TXT \"%d\"\n" % (name, self.chance.randrange(1 << 40)),
                "%s CNAME host%d\n" % (name, self.chance.randrange(20)),
                "%s MX %d mail\n%s AAAA 2001:db8::%x\n" % (name, self.chance.randrange(100), name, self.chance.randrange(1 << 16))))

    def text(self, i, word="good", rows=None):
        return small_zone(ZONE, serial=10 + i, more="v%d TXT %s\n" % (i, word) + "".join((rows or self.rows).values()))


def records(zone):
    """All but what signing makes, and the SOA."""
    return {(str(name).lower(), ttl, r.rdtype, r.to_digestable(zone.origin)) for name, ttl, r in zone.iterate_rdatas()
            if r.rdtype not in MADE}


def parsed(text):
    return records(dns.zone.from_text(text, origin=ZONE + ".", relativize=False, check_origin=False))


class Watcher(threading.Thread):
    """Fetches the zone from one server whenever it shows another serial, and keeps what is wrong."""

    def __init__(self, lab, name, addr, port, good):
        super().__init__(daemon=True, name=name)
        self.lab, self.addr, self.port, self.good = lab, addr, port, good
        self.done, self.wrong, self.seen, self.serial = threading.Event(), None, [], None

    def look(self):
        serial = serial_of(self.addr, ZONE, self.port)
        if serial is None or serial == self.serial:
            return
        zone = axfr(self.addr, ZONE, self.port)
        got = records(zone)
        version = {str(n).split(".")[0] for n, _, t, _ in got if t == dns.rdatatype.TXT and str(n).startswith("v")}
        version = int(version.pop()[1:]) if len(version) == 1 else -1
        if got != self.good.get(version):
            self.wrong = "serial %d shows %s, version %d" % (serial, sorted(got ^ self.good.get(version, set()))[:3], version)
        elif self.seen and version < self.seen[-1]:
            self.wrong = "version %d after %d" % (version, self.seen[-1])
        else:
            if version % 7 == 0:    # the judges of others
                verify(axfr_file(self.lab, self.addr, ZONE, "seen/%s-%d.zone" % (self.name, version), self.port), ZONE)
            self.seen.append(version)
            self.serial = serial

    def run(self):
        while not self.done.is_set() and self.wrong is None:
            try:
                self.look()
            except (OSError, EOFError, dns.exception.DNSException):
                pass                # asked again
            except Exception as e:  # told by the test
                self.wrong = str(e)
            self.done.wait(0.02)


def site(lab):
    """Two signers, NSD behind one, Knot behind the other, BIND behind both."""
    cluster = Cluster(lab).init()
    s1, s2 = cluster.signer1, cluster.signer2
    peers = {"nsd": NSD(lab, "nsd", [ZONE], [s1.addr]), "knot": Knot(lab, "knot", [ZONE], [s2.addr]),
             "bind": Bind(lab, "bind", [ZONE], [s1.addr, s2.addr])}
    cluster.add_secondary(peers["nsd"], of=[s1])
    cluster.add_secondary(peers["knot"], of=[s2])
    cluster.add_secondary(peers["bind"], of=[s1, s2])
    cluster.write_confs()
    cluster.start()
    return cluster, peers


def all_have(watchers, version, timeout=60):
    def look():
        for w in watchers:
            if w.wrong:
                raise Failed("%s: %s" % (w.name, w.wrong))
        return all(w.seen and w.seen[-1] == version for w in watchers)
    wait_until(look, timeout, "version %d is everywhere; now %s" % (version, {w.name: w.seen[-1:] for w in watchers}), every=0.02)


@limit(120)
def test_a_days_worth_of_versions(lab):
    chance = random.Random(int(os.environ.get("SEED", "5")))
    cluster, peers = site(lab)
    content, good = Content(chance), {}
    good[0] = parsed(content.text(0))
    cluster.add_zone(ZONE, content.text(0))
    cluster.signer1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    for p in peers.values():
        p.start()
    watchers = [Watcher(lab, s.name, s.addr, DNS_PORT, good) for s in cluster.signers()]
    watchers += [Watcher(lab, n, p.addr, p.port, good) for n, p in peers.items()]
    for w in watchers:
        w.start()
    all_have(watchers, 0)
    refused, last = {"file": 0, "signed": 0}, 0
    for i in range(1, VERSIONS + 1):
        marks = [s.signer.mark() for s in cluster.signers()]
        if i % 10 == 0:
            kept = dict(content.rows)
            content.change()
            how = ("file", "signed")[(i // 10) % 2]
            refused[how] += 1
            number = chance.choice((1, 2, 3, 4)) if chance.random() < 0.25 else chance.randrange(8, 1 << 24)
            text = content.text(i, "bad") if how == "signed" else broken_file(chance, content.text(i, "bad"))
            for s in cluster.signers():
                if how == "signed":
                    lab.write(os.path.join(s.dir, "numbers", "spoil-page"), "%d\n" % number)
                s.put_zone(ZONE + ".zone", text)
            for s, mark in zip(cluster.signers(), marks):
                what = "event=zone-refused " if how == "file" else "event=audit-refused "
                s.signer.wait_event(what + DOT, 30, mark)
            # What was refused would be tried again, and pass: the file of before is back before signers sign rightly again.
            marks = [s.signer.mark() for s in cluster.signers()]
            cluster.put_zone(ZONE + ".zone", content.text(last, rows=kept))
            for s, mark in zip(cluster.signers(), marks):
                s.signer.wait_event("event=zone-loaded " + DOT, 30, mark)
                lab.write(os.path.join(s.dir, "numbers", "spoil-page"), "0\n")
            content.rows = kept
            continue
        content.change()
        good[i] = parsed(content.text(i))
        cluster.put_zone(ZONE + ".zone", content.text(i))
        for s, w in zip(cluster.signers(), watchers):
            wait_until(lambda: w.wrong or (w.seen and w.seen[-1] == i), 60, "%s shows version %d" % (s.name, i))
        last = i
    all_have(watchers, last)
    for w in watchers:
        w.done.set()
        w.join()
        missed = set(good) - set(w.seen)
        if w.name.startswith("signer") and missed:
            raise Failed("%s never showed %s" % (w.name, sorted(missed)))
        if w.wrong:
            raise Failed("%s: %s" % (w.name, w.wrong))
    for w in watchers:
        verify(axfr_file(lab, w.addr, ZONE, "last/%s.zone" % w.name, w.port), ZONE)
    if min(refused.values()) != VERSIONS // 20:
        raise Failed("refused: %s" % refused)
