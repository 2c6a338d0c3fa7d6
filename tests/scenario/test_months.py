# SPDX-License-Identifier: BSD-3-Clause
"""A signer comes back after months: what it has stored has expired, and keys were rolled meanwhile.  It publishes and serves nothing
of that, learns, and takes part again by itself; validators notice nothing."""

import threading
import time

import dns.exception
import dns.rcode
import dns.rdatatype

from duetlab import DNS_PORT, NSD, Cluster, Failed, axfr_file, fields, limit, query, small_zone, verify, wait_until
from parentworld import TTL, Roll, World, ZONE, set_back
from test_engine_publish import status

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
    """Asks a server all the time for the zone's SOA.  Nothing with signatures that have expired may ever be seen."""

    def __init__(self, lab, server, port=DNS_PORT, now=time.time):
        super().__init__(daemon=True)
        self.server, self.port, self.now, self.seen, self.ending = server, port, now, [], threading.Event()
        lab.closers.append(self.ending.set)

    def run(self):
        while not self.ending.wait(0.02):
            try:
                answer = query(self.server.addr, ZONE + ".", "SOA", port=self.port, tcp=True, timeout=1).answer
            except (OSError, EOFError, dns.exception.DNSException):
                continue
            if answer:
                serial = next(rd.serial for rrset in answer if rrset.rdtype == dns.rdatatype.SOA for rd in rrset)
                self.seen.append((serial, has_expired(answer, self.now())))

    def end(self):
        self.ending.set()
        self.join()
        if not self.seen or any(expired for _, expired in self.seen):
            raise Failed("%s said %s" % (self.server.name, sorted(set(self.seen))))


def has_expired(answer, now):
    ends = [rd.expiration for rrset in answer if rrset.rdtype == dns.rdatatype.RRSIG for rd in rrset]
    return not ends or min(ends) < now


def comes_back(w, start):
    """It takes part again by itself, and publishes nothing below what the other one has."""
    watch, mark = Watch(w.lab, w.s2), w.s2.signer.mark()
    highest = w.s1.serial(ZONE)
    watch.start()
    start()
    w.wait(lambda: watch.seen and watch.seen[-1][0] >= highest, 90,
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
    w.wait(lambda: not has_expired(query(w.s1.addr, ZONE + ".", "SOA", tcp=True).answer, time.time()), 60, "signer1 signs anew")
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


@limit(120)
def test_an_expired_version_is_given_to_no_secondary(lab):
    """A signer alone, and a secondary that has no data.  Where nothing better can come, what has expired is served in the end."""
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1 = cluster.signer1
    nsd = NSD(lab, "nsd", [ZONE], [s1.addr])
    cluster.add_secondary(nsd, of=[s1])
    cluster.write_confs()
    s1.set_clock(-MONTHS)
    cluster.start()
    s1.ctl("policy", "apply", lab.write("alone.yaml", "name: alone\nrequire-backups: 0\n"))
    cluster.add_zone(ZONE, small_zone(ZONE), policy="alone")
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    s1.stop()
    s1.set_clock(0)
    nsd.start()
    watches = [Watch(lab, s1), Watch(lab, nsd, nsd.port)]
    for w in watches:
        w.start()
    s1.start()
    for w in watches:
        wait_until(lambda w=w: w.seen, 60, "%s shows the zone" % w.server.name)
    for w in watches:
        w.end()
    s1.signer.wait_event("event=withheld zone=%s." % ZONE, 1)
    verify(axfr_file(lab, nsd.addr, ZONE, port=nsd.port), ZONE)
    wait_until(lambda: status(s1, ZONE)["state"] == "served" and not status(s1, ZONE)["alarms"], 30, "no alarm stays")
    # Nothing renews it: its keydist does not run.
    s1.stop()
    s1.set_clock(MONTHS)
    s1.start("signer")
    wait_until(lambda: query(s1.addr, ZONE + ".", "SOA").rcode() == dns.rcode.SERVFAIL and status(s1, ZONE)["state"] == "expired", 30,
               "signer1 withholds it")
    if not any("it is not served" in a for a in status(s1, ZONE)["alarms"]):
        raise Failed("no alarm: %s" % status(s1, ZONE)["alarms"])
    lab.write(s1.dir + "/numbers/withheld-ends", "1")   # ten minutes are over
    s1.ctl("reload", check=False)       # the zone is looked at
    s1.signer.wait_event("event=expired-served zone=%s." % ZONE, 60)
    wait_until(lambda: has_expired(query(s1.addr, ZONE + ".", "SOA").answer, s1.now()), 30, "it is served all the same")
    if not any("served all the same" in a for a in status(s1, ZONE)["alarms"]):
        raise Failed("no alarm: %s" % status(s1, ZONE)["alarms"])
    s1.start("keydist")
    wait_until(lambda: not has_expired(query(s1.addr, ZONE + ".", "SOA").answer, s1.now()), 60, "it is renewed")
