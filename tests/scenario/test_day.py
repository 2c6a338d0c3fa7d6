# SPDX-License-Identifier: BSD-3-Clause
"""A day's worth of versions of three zones, every tenth broken by a fault of tests/audit/faults.py, once it is signed; and
others in their file, or by a signer that writes a bit elsewhere.

All the time everybody is looked at: what a signer or a secondary shows is, whole, one of the good versions, and never an older
one than it has shown before."""

import os
import random
import re
import sys
import threading
import time

import dns.exception
import dns.rdatatype
import dns.zone

from duetlab import *

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "audit"))

import basezones            # noqa: E402
import faults               # noqa: E402
import living               # noqa: E402
from pysign import MADE, T, Signed  # noqa: E402

BASE = "$TTL 300\n" + basezones.TEXT
SETUPS = {"csk": [(13, 257)], "split": [(8, 257), (8, 256)]}      # those of basezones that a signer keeps: a roll ends
# Rows that warn, and are errors by the policy of these zones.
RAISED = ("AUD-CONTENT-05", "AUD-SERIAL-05", "AUD-KEY-10", "AUD-RRSIG-13")
VERSIONS, SEED = int(os.environ.get("VERSIONS", "20")), int(os.environ.get("SEED", "5"))
FAULT = os.environ.get("FAULT", "")     # in the name or the row of those that are drawn

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
        more = more.replace(more.split()[2], [w for row in rows if " SOA " in row for w in row.split()][6], 1)
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


def records(zone):
    """All but what signing makes, and the SOA."""
    return {(str(name).lower(), ttl, r.rdtype, r.to_digestable(zone.origin)) for name, ttl, r in zone.iterate_rdatas()
            if r.rdtype not in MADE and r.rdtype != T.SOA}


def parsed(zone, text):
    return records(dns.zone.from_text(text, origin=zone.name + ".", relativize=False, check_origin=False))


class Zone:
    """One of the zones, what it had in all versions, and, for living.py, what it is under."""

    def __init__(self, denial, setup, errors, seed):
        self.denial, self.setup, self.keys, self.errors = denial, setup, [], errors
        for algorithm, flags in SETUPS[setup]:
            self.keys.append(basezones.distinct(algorithm, flags, self.keys))
        self.name = denial + ".example"
        self.dot = "zone=%s." % self.name
        self.policy = {"validity": "30d", "max_ttl_signed": 3600, "max_ttl_unsigned": 3600, "inception_offset": 3600}
        self.chance = random.Random("%s %s" % (seed, denial))
        self.content, self.good, self.order = Content(random.Random("%s, names of %s" % (seed, denial))), {}, []
        self.kept, self.last = {}, 0        # the content of the last good version, and its number

    def text(self, i, word="good"):
        return BASE.replace("2026010101", str(10 + i)).replace("example.", self.name + ".", 1) + \
            "v%d TXT %s\n" % (i, word) + "".join(self.content.rows.values())

    def policy_file(self):
        return "name: %s\nrequire-backups: 0\npropagation: 0\nkeys: %s\nalgorithm: %d\ndenial: %s\nvalidity: 30d\nmax-ttl-signed: 1h\n" \
            "max-ttl-unsigned: 1h\ninception-offset: 1h\nseverity: %s\n" % (
                self.denial, {"csk": "csk", "split": "ksk+zsk"}[self.setup], self.keys[0].algorithm,
                {"optout": "nsec3-optout"}.get(self.denial, self.denial), " ".join(r + "=error" for r in RAISED))

    def next_fault(self):
        """Each in its turn, in an order of chance."""
        if not self.order:
            fit = [f for f in faults.FAULTS if self.denial in f.denials and self.setup in f.setups and f.row in self.errors]
            self.order = [f for f in fit if FAULT in f.name or FAULT in f.row] or fit
            self.chance.shuffle(self.order)
        return self.order.pop()


def zones_of_the_day(errors, seed):
    """One of each kind of denial; both setups are there."""
    chance, setups = random.Random(seed), list(SETUPS)
    setups.append(chance.choice(setups))
    chance.shuffle(setups)
    return [Zone(d, s, errors, seed) for d, s in zip(basezones.DENIALS, setups)]


def errors_of(lab):
    """The rows that refuse, in the order in which they are told."""
    rows = re.findall(r"(?m)^(AUD-\S+) (\w+)", run([lab.program("duet-audit"), "--rows"]).stdout)
    return [row for row, severity in rows if severity == "error" or row in RAISED]


class Breaker:
    """Takes what one signer has signed, and gives another version for it: broken, or signed anew by somebody else."""

    def __init__(self, host, zones):
        self.host, self.zones = host, {z.name: z for z in zones}
        self.planned, self.answers, self.did, self.passed_over = {}, {}, {}, {}
        self.spoiler = living.Spoiler(os.path.join(host.dir, "numbers"), self.choose)

    def choose(self, version):
        zone = self.zones[version.origin.to_text(omit_final_dot=True)]
        key = (zone.name, version_of((n, t) for p in version.pages for n, t, _, _ in p.records))
        if key not in self.planned:
            return None
        if key not in self.answers:     # it is asked again where it was refused by its changes, and later
            self.answers[key] = self.planned[key](version, zone)
        return self.answers[key]

    def broken(self, version, zone):
        published = serial_of(self.host.addr, zone.name)
        while True:
            fault = zone.next_fault()
            try:
                answer = living.broken(version, zone, fault, int(time.time()), published)
            except living.NotDrawn as e:
                self.passed_over[fault.name] = str(e)
                continue
            self.did[(zone.name, version_of((n, t) for p in version.pages for n, t, _, _ in p.records))] = fault
            return answer

    @staticmethod
    def signed_anew(version, zone):
        """By the generator, which breaks nothing: what it is itself does not refuse a version."""
        c = living.Case(version, zone, int(time.time()))
        c.z.rechain()
        for name, rdtype in [k for k in c.z.records if k[1] != T.SOA and c.z.authoritative(*k)]:
            c.z.sign(name, rdtype)
        return version.answer(c.z)


def version_of(records):
    """The number of the version that has these owners and types; -1: not one."""
    found = {str(n).split(".", maxsplit=1)[0] for n, t in records if t == T.TXT and re.match(r"v\d+\.", str(n))}
    return int(found.pop()[1:]) if len(found) == 1 else -1


class Watcher(threading.Thread):
    """Fetches each zone from one server whenever it shows another serial, and keeps what is wrong."""

    def __init__(self, lab, name, addr, port, zones):
        super().__init__(daemon=True, name=name)
        self.lab, self.addr, self.port, self.zones = lab, addr, port, zones
        self.done, self.wrong = threading.Event(), None
        self.seen, self.serial = {z.name: [] for z in zones}, {}

    def look(self, z):
        serial, seen = serial_of(self.addr, z.name, self.port), self.seen[z.name]
        if serial is None or serial == self.serial.get(z.name):
            return
        zone = axfr(self.addr, z.name, self.port)
        got = records(zone)
        version = version_of((n, t) for n, _, t, _ in got)
        if got != z.good.get(version):
            self.wrong = "%s: serial %d shows %s, version %d" % (z.name, serial, sorted(got ^ z.good.get(version, set()))[:3], version)
        elif seen and version < seen[-1]:
            self.wrong = "%s: version %d after %d" % (z.name, version, seen[-1])
        else:
            if version % 21 == 7 * self.zones.index(z):     # the judges of others
                verify(axfr_file(self.lab, self.addr, z.name, "seen/%s-%s-%d.zone" % (self.name, z.name, version), self.port), z.name)
            seen.append(version)
            self.serial[z.name] = serial

    def run(self):
        while not self.done.is_set() and self.wrong is None:
            for z in self.zones:
                try:
                    self.look(z)
                except (OSError, EOFError, dns.exception.DNSException):
                    pass                # asked again
                except Exception as e:  # pylint: disable=broad-except
                    self.wrong = str(e)     # told by the test
            self.done.wait(0.05)

    def shows(self, version):
        if self.wrong:
            raise Failed("%s: %s" % (self.name, self.wrong))
        return all(seen and seen[-1] == version for seen in self.seen.values())


def site(lab, zones):
    """Two signers, NSD behind one, Knot behind the other, BIND behind both; the zones have keys that others made."""
    names = [z.name for z in zones]
    cluster = Cluster(lab).init()
    s1, s2 = cluster.signers()
    peers = {"nsd": NSD(lab, "nsd", names, [s1.addr]), "knot": Knot(lab, "knot", names, [s2.addr]),
             "bind": Bind(lab, "bind", names, [s1.addr, s2.addr])}
    cluster.add_secondary(peers["nsd"], of=[s1])
    cluster.add_secondary(peers["knot"], of=[s2])
    cluster.add_secondary(peers["bind"], of=[s1, s2])
    cluster.write_confs()
    cluster.start()
    for z in zones:
        z.good[0] = parsed(z, z.text(0))
        s1.ctl("policy", "apply", lab.write("policy-%s.yaml" % z.denial, z.policy_file()))
        cluster.add_zone(z.name, z.text(0), policy=z.denial)
        files = []
        for i, k in enumerate(z.keys):
            path = "keys/%s-%d" % (z.name, i)
            lab.write(path + ".private", k.private_text(), mode=0o600)
            files.append(lab.write(path + ".key", "%s. IN DNSKEY %s\n" % (z.name, k.rdata().to_text())))
        s1.ctl("key", "import", z.name, *files)
    for z in zones:
        cluster.wait_signed(z.name)
    for p in peers.values():
        p.start()
    for s in cluster.signers():
        for z in zones:
            s.wait_first_ds(z.name)
    return cluster, peers


def put_all(cluster, zones, text):
    for z in zones:
        cluster.put_zone(z.name + ".zone", text(z))


def told_by_all(cluster, zones, event, change):
    """What each signer says of each zone once the change was made: signer, zone, and the fields of this event."""
    marks = {s.name: s.signer.mark() for s in cluster.signers()}
    change()
    return [(s, z, s.signer.wait_event("%s %s" % (event, z.dot), 60, marks[s.name])) for s in cluster.signers() for z in zones]


def break_all(cluster, zones, breakers, i):
    """A version that the generator breaks, on each signer by a fault of its own; what each is refused for names it."""
    for b in breakers.values():
        for z in zones:
            b.planned[(z.name, i)] = b.broken
    for s, z, told in told_by_all(cluster, zones, "event=audit-refused", lambda: put_all(cluster, zones, lambda z: z.text(i, "bad"))):
        fault = breakers[s.name].did.get((z.name, i))
        if fault is None:
            raise Failed("%s: version %d of %s was refused before it was broken: %s" % (s.name, i, z.name, told))
        if told["result"] != "refused" or not living.named(fault, told["msg"], z.errors):
            raise Failed("%s: %s, not for %s (%s): %s" % (s.name, z.name, fault.row, fault.name, told))


def spoil_one(cluster, z, i, chance):
    """A broken file, or a signer that writes a bit elsewhere than it should; the file of before is back before it writes rightly
    again, since what was refused is tried again, and would pass."""
    if i % 20 < 10:
        text = broken_file(chance, z.text(i, "bad"))
        told_by_all(cluster, [z], "event=zone-refused", lambda: cluster.put_zone(z.name + ".zone", text))
        return
    number = chance.choice((1, 2, 3, 4)) if chance.random() < 0.25 else chance.randrange(8, 1 << 24)
    for s in cluster.signers():
        cluster.lab.write(os.path.join(s.dir, "numbers", "spoil-page"), "%d\n" % number)
    told_by_all(cluster, [z], "event=audit-refused", lambda: cluster.put_zone(z.name + ".zone", z.text(i, "bad")))
    z.content.rows = z.kept
    told_by_all(cluster, [z], "event=zone-loaded", lambda: cluster.put_zone(z.name + ".zone", z.text(z.last)))
    for s in cluster.signers():
        cluster.lab.write(os.path.join(s.dir, "numbers", "spoil-page"), "0\n")


@limit(400)
def test_a_days_worth_of_versions(lab):
    chance = random.Random(SEED)
    zones = zones_of_the_day(errors_of(lab), SEED)
    cluster, peers = site(lab, zones)
    breakers = {s.name: Breaker(s, zones) for s in cluster.signers()}
    watchers = [Watcher(lab, s.name, s.addr, DNS_PORT, zones) for s in cluster.signers()]
    watchers += [Watcher(lab, n, p.addr, p.port, zones) for n, p in peers.items()]
    for w in watchers:
        w.start()
    wait_until(lambda: all(w.shows(0) for w in watchers), 60, "everybody shows the first version")
    last = 0
    for i in range(1, VERSIONS + 1):
        for z in zones:
            z.kept, z.last = dict(z.content.rows), last
            z.content.change()
        if i % 5 == 0:
            if i % 10 == 0:
                break_all(cluster, zones, breakers, i)
            else:
                spoil_one(cluster, chance.choice(zones), i, chance)
            for z in zones:
                z.content.rows = z.kept
        else:
            for z in zones:
                z.good[i] = parsed(z, z.text(i))
                for b in breakers.values():
                    if i % 10 == 8:
                        b.planned[(z.name, i)] = b.signed_anew
            put_all(cluster, zones, lambda z, i=i: z.text(i))
            for w in watchers[:len(cluster.signers())]:
                wait_until(lambda w=w, i=i: w.shows(i), 60, "%s shows version %d" % (w.name, i))
            last = i
        for b in breakers.values():
            if b.spoiler.error is not None:
                raise Failed("%s: the generator: %r" % (b.host.name, b.spoiler.error))
    wait_until(lambda: all(w.shows(last) for w in watchers), 60, "everybody shows the last version")
    for w in watchers:
        w.done.set()
        w.join()
        for z in zones:
            if w.name.startswith("signer") and set(z.good) - set(w.seen[z.name]):
                raise Failed("%s never showed %s of %s" % (w.name, sorted(set(z.good) - set(w.seen[z.name])), z.name))
            verify(axfr_file(lab, w.addr, z.name, "last/%s-%s.zone" % (w.name, z.name), w.port), z.name)
    drawn = [f for b in breakers.values() for f in b.did.values()]
    print("%d versions were broken by the generator, in %d ways:" % (len(drawn), len({f.name for f in drawn})))
    for f in sorted({"%s %s" % (f.row, f.name) for f in drawn}):
        print("  " + f)
    anew = [key for b in breakers.values() for key in b.answers if key[1] % 10 == 8]
    if len(drawn) != 6 * (VERSIONS // 10) or len(anew) != 6 * ((VERSIONS + 2) // 10):
        raise Failed("%d versions were broken, %d signed anew by the generator" % (len(drawn), len(anew)))


# Rows of which no fault makes a version wrong by itself, and where they are met in a pipeline, or why not.
HELD_AGAINST = {
    "AUD-FRAME-03": "the pipeline writes the stream itself: an auditor that dies or hangs, test_audit_pipeline",
    "AUD-FRAME-04": "needs a limit of the policy: test_review_again", "AUD-FRAME-06": "no page holds what fits into no message",
    "AUD-CONTENT-04": "is of the input, and warns", "AUD-CONTENT-12": "is of the input, and warns",
    "AUD-CONTENT-13": "is what AUD-CONTENT-01 to 03 come to without the input", "AUD-CONTENT-14": "another plan: test_local_parent",
    "AUD-SERIAL-02": "others' versions: test_audit_pipeline", "AUD-SERIAL-03": "others' versions: test_audit_pipeline",
    "AUD-SERIAL-04": "others' versions: test_audit_pipeline",
    "AUD-KEY-01": "another plan; comes beside each fault of a DNSKEY", "AUD-CDS-01": "another plan; comes beside each fault of a CDS",
    "AUD-KEY-05": "another past, and warns", "AUD-KEY-06": "another DS at the parent: test_audit_pipeline, test_review_again",
    "AUD-HIST-02": "another past", "AUD-HIST-03": "another past: test_audit_pipeline", "AUD-HIST-04": "another past, and warns",
    "AUD-RRSIG-14": "needs a limit of the policy, and warns", "AUD-NSEC3-09": "another policy",
    "AUD-ZONEMD-02": "another policy", "AUD-CROSS-01": "between two signers: test_cross_audit",
    "AUD-CROSS-02": "between two signers: test_cross_audit", "AUD-CROSS-03": "between two signers: test_cross_audit",
    "AUD-CROSS-04": "between two signers: test_cross_audit",
}


@limit(120)
def test_what_a_day_can_draw(lab):
    """Each row has a fault that a day can draw, or it is no matter of the version alone; zones signed by the generator."""
    errors, now, can, why = errors_of(lab), int(time.time()), set(), {}
    for setup in SETUPS:
        for denial in basezones.DENIALS:
            z = Zone(denial, setup, errors, SEED)
            good = Signed(basezones.TEXT, basezones.ORIGIN, z.keys, denial, now)
            version = living.Version(living.stream_of(good))
            for f in faults.FAULTS:
                if f in can:
                    continue
                try:
                    living.broken(version, z, f, now, 7)
                    can.add(f)
                except living.NotDrawn as e:
                    why.setdefault(f, set()).add(str(e))
            if living.Version(living.stream_of(version.signed(z.keys, denial, now))).records() != version.records():
                raise Failed("%s %s: what is taken apart does not come together again" % (denial, setup))
    rows = {f.row for f in faults.FAULTS} - {f.row for f in can}
    print("%d of %d faults can be drawn; these cannot:" % (len(can), len(faults.FAULTS)))
    for f in faults.FAULTS:
        if f not in can:
            print("  %s %s: %s" % (f.row, f.name, "; ".join(sorted(why[f]))))
    if rows != set(HELD_AGAINST):
        raise Failed("cannot be drawn and is not said to be: %s, and the other way round: %s" % (
            sorted(rows - set(HELD_AGAINST)), sorted(set(HELD_AGAINST) - rows)))
