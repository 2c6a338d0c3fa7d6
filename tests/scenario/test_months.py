# SPDX-License-Identifier: BSD-3-Clause
"""A signer comes back after months: what it has stored has expired, and keys were rolled meanwhile.  It publishes nothing of that,
learns, and takes part again by itself; validators notice nothing."""

import threading
import time

import dns.exception
import dns.rdatatype

from duetlab import Failed, fields, limit, query, small_zone, wait_until
from parentworld import TTL, Roll, World, ZONE, set_back

MONTHS = 60 * 86400     # its signatures last 14 days


class After(World):
    """The hosts begin that long ago."""

    def configure(self):
        super().configure()
        for h in self.cluster.hosts.values():
            h.set_clock(-MONTHS)

    def today(self):
        """All but signer2, which is off, are today."""
        for h in self.cluster.hosts.values():
            h.stop()
            h.set_clock(0)
        self.cluster.vault.start()
        self.s1.start()


class Watch(threading.Thread):
    """Asks a signer all the time for its SOA.  What it has stored may be seen until it has learned; then never again, and nothing
    else with signatures that have expired."""

    def __init__(self, w):
        super().__init__(daemon=True)
        self.host, self.seen, self.ending = w.s2, [], threading.Event()
        w.lab.closers.append(self.ending.set)

    def run(self):
        while not self.ending.wait(0.02):
            try:
                answer = query(self.host.addr, ZONE + ".", "SOA", tcp=True, timeout=1).answer
            except (OSError, EOFError, dns.exception.DNSException):
                continue
            if answer:
                serial = next(rd.serial for rrset in answer if rrset.rdtype == dns.rdatatype.SOA for rd in rrset)
                self.seen.append((serial, has_expired(answer)))

    def end(self):
        self.ending.set()
        self.join()
        was = [expired for _, expired in self.seen]
        old = {serial for serial, expired in self.seen if expired}
        if not self.seen or was != sorted(was, reverse=True) or len(old) > 1 or was[-1]:
            raise Failed("%s said %s" % (self.host.name, self.seen))


def has_expired(answer):
    ends = [rd.expiration for rrset in answer if rrset.rdtype == dns.rdatatype.RRSIG for rd in rrset]
    return not ends or min(ends) < time.time()


def comes_back(w, start):
    """It takes part again by itself, and publishes nothing below what the other one has."""
    watch, mark = Watch(w), w.s2.signer.mark()
    highest = w.s1.serial(ZONE)
    watch.start()
    start()
    w.wait(lambda: watch.seen and watch.seen[-1][0] >= highest and not watch.seen[-1][1], 90,
           "signer2 serves a version as new as signer1's")
    watch.end()
    with open(w.s2.signer.log) as f:
        f.seek(mark)
        serials = [int(fields(row)["serial"]) for row in f if "event=published zone=%s." % ZONE in row]
    if any(serial < highest for serial in serials):
        raise Failed("signer2 published %s, and signer1 had %d" % (serials, highest))


def change(w, n):
    for h in w.hosts():
        h.put_zone(ZONE + ".zone", small_zone(ZONE, n=400, serial=n, ttl=TTL, minimum=1, more="new%d A 192.0.2.77\n" % n))
    for s in w.secondaries:
        w.wait(lambda s=s: s.query("new%d.%s" % (n, ZONE), "A").answer, 60, "change %d reaches %s" % (n, s.name))


@limit(400)
def test_a_signer_comes_back_after_months(lab):
    w = After(lab, keys="csk", bind=False)
    w.policy(ZONE, **w.policies[ZONE])
    w.cluster.add_zone(ZONE, small_zone(ZONE, n=400, ttl=TTL, minimum=1), policy="example")
    w.s1.ctl("key", "create", ZONE)
    w.cluster.wait_signed(ZONE)
    for s in w.secondaries:
        wait_until(lambda s=s: s.signed(ZONE), 30, "%s serves the zone" % s.name)
    w.take_copy()
    w.cluster.wait_signed(ZONE)
    w.today()
    # signer1 goes on alone with the keys it has; a roll waits for who is silent.
    first = w.ids()
    w.wait(lambda: not has_expired(query(w.s1.addr, ZONE + ".", "SOA", tcp=True).answer), 60, "signer1 signs anew")
    w.s1.ctl("key", "roll", ZONE)
    w.wait(lambda: "signer2 has not" in w.s1.ctl("key", "list", ZONE, "--json").stdout, 60, "the roll waits for signer2")
    if w.ids() & first != first:
        raise Failed("a key went without signer2")
    comes_back(w, w.s2.start)
    w.wait(lambda: w.settled() and all(w.ds()) and not w.ids() & first, 240, "the roll is over")
    w.ask()
    change(w, 2)
    w.roll()
    w.judge()
    # And with a disk that is older than two rolls of all keys.
    old = w.ids()
    w.s2.stop()
    comes_back(w, lambda: set_back(w))
    w.longer_than_caches()
    if w.ids() != old:
        raise Failed("keys that were gone are back: %s, were %s" % (w.ids(), old))
    change(w, 3)
    w.roll()
    w.end(notice=True)
