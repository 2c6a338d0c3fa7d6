# SPDX-License-Identifier: BSD-3-Clause
"""Two signers, secondaries of others, a signed parent of others, and validators that trust the parent's key alone."""

import base64
import json
import os
import shutil
import threading
import time

import dns.dnssec
import dns.exception
import dns.name
import dns.rdatatype

from duetlab import (NSD, Bind, BindPrimary, Cluster, Failed, Knot, KnotPrimary, KnotResolver, Unbound, find_program, run,
                     small_zone, wait_until)
from dnstools import query
from netns import Net
from steady import Steady
from witness import Witness

ZONE, PARENT = "example.org", "org"
HOSTS = 400
TTL = 2
POLICY = """name: %s
keys: %s
algorithm: %d
ksk-rollover: %s
algorithm-rollover: %s
dnskey-ttl: 2s
propagation: 1s
max-ttl-unsigned: 1h
max-ttl-signed: 10s
renewal-margin: 7d
"""
SECRET = base64.b64encode(b"k" * 32).decode()


def parent_text(addr, zones):
    rows = ["$ORIGIN org.", "$TTL %d" % TTL, "@ SOA ns h 1 3600 600 86400 %d" % TTL, "@ NS ns", "ns A %s" % addr,
            "host A 192.0.2.1"]
    for label in map(label_of, zones):
        rows += ["%s NS ns.%s" % (label, label), "ns.%s A 127.0.0.1" % label]
    return "\n".join(rows) + "\n"


def label_of(zone):
    """As the parent has it."""
    return zone.split(".")[0]


class KnotParent(KnotPrimary):
    """knotd signs it."""

    def __init__(self, lab, name, notify, zones, addr=None):
        super().__init__(lab, name, {}, notify, addr)
        self.zones = [PARENT]
        lab.write(os.path.join(self.dir, PARENT + ".zone"), parent_text(self.addr, zones))

    def config(self):
        text = super().config().replace("zone:\n", "policy:\n  - id: p\n    single-type-signing: on\n    ksk-lifetime: 0\n"
                                        "    dnskey-ttl: %d\n    zone-max-ttl: %d\n    propagation-delay: 0\n"
                                        "    nsec3: on\n    nsec3-iterations: 0\nzone:\n" % (TTL, TTL))
        text = text.replace("remote:\n", "key:\n  - id: up\n    algorithm: hmac-sha256\n    secret: %s\nremote:\n" % SECRET)
        text = text.replace("acl:\n", "acl:\n  - id: keyed\n    key: up\n    action: update\n")
        return text.replace("    acl: any", "    acl: [any, keyed]\n    dnssec-signing: on\n    dnssec-policy: p")


class BindParent(BindPrimary):
    """named signs it."""

    def __init__(self, lab, name, notify, zones, addr=None):
        super().__init__(lab, name, {}, keys={"up": SECRET}, notify=notify, update_key="up", addr=addr)
        self.set_zone(PARENT, parent_text(self.addr, zones))

    def config(self):
        return 'dnssec-policy p { keys { csk lifetime unlimited algorithm 13; }; dnskey-ttl %d; max-zone-ttl %d; };\n' % (
            TTL, TTL) + super().config().replace("check-names ignore;", "check-names ignore; dnssec-policy p; "
                                                 "inline-signing yes;")


class CdsReader(threading.Thread):
    """A registry that reads CDS at all of the child's servers: BIND's dnssec-cds judges it, an UPDATE carries it out.  The
    first DS is taken as the CDS say it (RFC 8078 section 3), DELETE is obeyed (section 4)."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.w, self.stopping = world, threading.Event()

    def run(self):
        while not self.stopping.wait(0.5):
            for zone in self.w.zones:
                try:
                    self.look(zone)
                except (OSError, EOFError, dns.exception.DNSException, Failed, IndexError):
                    pass    # the next look is near

    def rows(self, server, zone, rdtype):
        answer = query(server.addr, zone + ".", rdtype, port=server.port, tcp=True, timeout=2, dnssec=True)
        return sorted(line for rrset in answer.answer for line in rrset.to_text().splitlines())

    def tell(self, zone, wanted):
        name = label_of(zone)
        self.w.parent.update(PARENT, delete=[name + " DS"], add=["%s %d DS %s" % (name, TTL, d) for d in wanted])

    def look(self, zone):
        child = [self.rows(s, zone, t) for s in self.w.secondaries for t in ("CDS", "CDNSKEY", "DNSKEY")]
        cds = [[line for line in rows if " IN CDS " in line] for rows in child[::3]]
        if not cds[0] or any(c != cds[0] for c in cds):
            return
        there = [line.split(" ", 1)[1] for line in self.rows(self.w.parent, zone, "DS") if " IN DS " in line]
        wanted = [line.split(" CDS ")[1] for line in cds[0]]
        if not there or wanted[0].startswith("0 0 0"):
            if there or not wanted[0].startswith("0 0 0"):
                self.tell(zone, [d for d in wanted if not d.startswith("0 0 0")])
            return
        ds = self.w.lab.write("dsset", "".join("%s. %s\n" % (zone, d) for d in there))
        file = self.w.lab.write("child", "".join(line + "\n" for rows in child[:3] for line in rows))
        script = run([find_program("dnssec-cds"), "-u", "-s", "-2h", "-T", str(TTL), "-d", ds, "-f", file, zone]).stdout
        if "update" in script:
            self.tell(zone, wanted)


class World:
    """Zones signed by two signers, NSD behind the first, Knot behind the second, BIND behind both; the parent org at Knot or
    BIND, with NSD and Knot as its secondaries; resolvers that trust org's key."""

    def __init__(self, lab, zones=None, parent=KnotParent, tell="update", rate=20, bind=True, apart=False, **policy):
        """zones: {name: its policy}, else ZONE with `policy`; rate: questions a second to each resolver; apart: each on a host of
        its own, so that they can be cut off."""
        self.policies = zones or {ZONE: policy}
        self.lab, self.rate, self.tell, self.zones = lab, rate, tell, list(self.policies)
        self.net = Net(lab) if apart else None
        self.cluster = cluster = Cluster(lab, signers=2, backups=1, conf={
            "signer": {"signer": {"transfer": [{"prefix": "10.53.0.0/24"}]}}} if apart else None)
        for h in cluster.hosts.values():
            self.host(h.name, h.addr)
        cluster.init()
        self.s1, self.s2 = cluster.signer1, cluster.signer2
        nsd_addr, knot_addr = lab.addr(), lab.addr()
        self.parent = parent(lab, "parent", [(nsd_addr, 5300), (knot_addr, 5300)], self.zones, lab.addr() if apart else None)
        above = {PARENT: [(self.parent.addr, self.parent.port)]}
        self.nsd = NSD(lab, "nsd", self.zones, [self.s1.addr], addr=nsd_addr, others=above)
        self.knot = Knot(lab, "knot", self.zones, [self.s2.addr], addr=knot_addr, others=above)
        self.bind = Bind(lab, "bind", self.zones, [self.s1.addr, self.s2.addr], addr=lab.addr() if apart else None) if bind else None
        self.secondaries = [self.nsd, self.knot] + ([self.bind] if bind else [])
        for s in [self.parent] + self.secondaries:
            self.host(s.name, s.addr)
        cluster.add_secondary(self.nsd, of=[self.s1])
        cluster.add_secondary(self.knot, of=[self.s2])
        if bind:
            cluster.add_secondary(self.bind, of=[self.s1, self.s2])
        for s in [self.parent] + self.secondaries:
            s.start()
        wait_until(lambda: all(s.signed(PARENT) for s in (self.parent, self.nsd, self.knot)), 20, "the parent is signed")
        self.anchors = [self.anchor()]
        self.above = Unbound(lab, "above", {PARENT: (self.parent.addr, self.parent.port)}, self.anchors, addr=self.here()).start()
        self.configure()
        cluster.write_confs()
        cluster.start()
        for h in (self.s1, self.s2):    # of the parent's primary, so that updates are taken
            self.key(h)
        self.streams, self.witness = [], None
        self.reader = CdsReader(self) if tell == "cds" else None
        if self.reader is not None:
            lab.closers.append(self.reader.stopping.set)
            self.reader.start()

    def host(self, name, addr):
        if self.net is not None:
            self.net.host(name, addr)

    def here(self):
        """An address for who is on no host; None: any."""
        return None if self.net is None else self.net.here(self.lab.addr())

    def configure(self):
        for h in (self.s1, self.s2):
            h.conf["signer"].update({
                "resolvers": ["%s#%d" % (self.above.addr, self.above.port)], "look-interval-s": 1,
                "parents": [{"zone": PARENT, "servers": ["%s#%d" % (p.addr, p.port)
                                                         for p in (self.parent, self.nsd, self.knot)]}]})
            if self.tell == "update":
                h.conf["keydist"]["tell-parents"] = [{
                    "zone": PARENT, "update": ["%s#%d" % (self.parent.addr, self.parent.port)], "update-key": "up",
                    "ds-ttl-s": TTL}]

    def key(self, host):
        if self.tell == "update" and host is self.s1:
            host.ctl("tsig", "create", "up", "--file", self.lab.write("up.secret", SECRET + "\n", mode=0o600))

    def anchor(self):
        """DS of the parent's key, as a line."""
        answer = self.parent.query(PARENT + ".", "DNSKEY", tcp=True)
        for rrset in answer.answer:
            for rdata in rrset if rrset.rdtype == dns.rdatatype.DNSKEY else ():
                if rdata.flags & 1:
                    return "%s. IN DS %s" % (PARENT, dns.dnssec.make_ds(dns.name.from_text(PARENT + "."), rdata, "SHA256"))
        raise Failed("the parent has no key")

    def policy(self, zone, keys="csk", algorithm=13, ksk="double-signature", alg="liberal"):
        name = label_of(zone)
        self.s1.ctl("policy", "apply", self.lab.write(name + ".yaml", POLICY % (name, keys, algorithm, ksk, alg)))

    # ---- the zone, and who asks for it ----

    def begin(self):
        """Until the zones are signed, named by their parent, and asked for."""
        for zone, policy in self.policies.items():
            self.policy(zone, **policy)
            self.cluster.add_zone(zone, small_zone(zone, n=HOSTS, ttl=TTL, minimum=1), policy=label_of(zone))
            self.s1.ctl("key", "create", zone)
        for zone in self.zones:
            self.wait(lambda z=zone: self.settled(z), 180, "all keys of %s are where they should be" % zone, zone)
        self.ask()
        return self

    def ask(self):
        def stubs(parent, child):
            return {PARENT: self.at(parent), **{zone: self.at(child) for zone in self.zones}}
        where = [("unbound-nsd", Unbound, stubs(self.parent, self.nsd)),
                 ("kresd-knot", CachingKnotResolver, {PARENT: self.at(self.knot)})]
        if self.bind is not None:
            where += [("unbound-bind", Unbound, stubs(self.nsd, self.bind))]
        self.witness = Witness([(s.name, *self.at(s), PARENT) for s in [self.parent, self.nsd, self.knot]] +
                               [(s.name, *self.at(s), self.zones[0]) for s in self.secondaries[2:]])
        self.lab.closers.append(self.witness.stopping.set)
        self.witness.start()
        for name, kind, at in where:
            r = kind(self.lab, name, at, self.anchors, addr=self.here()).start()
            for zone in self.zones:
                self.streams.append(Steady(name + "-" + label_of(zone), r.addr, r.port, zone, HOSTS,
                                           rate=self.rate / len(self.zones), again=True).start())
        self.more(60 // len(self.zones))

    @staticmethod
    def at(server):
        return server.addr, server.port

    def more(self, n, timeout=300):
        """Until each stream has got n answers more."""
        before = [s.answered() for s in self.streams]
        wait_until(lambda: all(s.answered() >= b + n for s, b in zip(self.streams, before)), timeout, "resolvers answer")

    def hosts(self):
        return [self.s1, self.s2]

    def keys(self, host, zone=ZONE):
        return json.loads(host.ctl("key", "list", zone, "--json").stdout)["keys"]

    def live(self, host, zone=ZONE):
        return [k for k in self.keys(host, zone) if not k["gone"]]

    def ids(self, role=None, zone=ZONE):
        return {k["hash"] for k in self.live(self.s1, zone) if role in (None, k["role"])}

    def settled(self, zone=ZONE):
        return all(keys and all(r["phase"] == "omnipresent" for k in keys for r in k["records"].values())
                   for keys in (self.live(h, zone) for h in self.hosts()))

    def explain(self, zones=(ZONE,)):
        return "\n".join(h.ctl("key", "explain", zone, check=False).stdout for h in self.hosts() for zone in zones)

    def wait(self, fn, timeout, what, zone=ZONE):
        try:
            return wait_until(fn, timeout, what, every=0.3)
        except Failed as e:
            raise Failed("%s\n%s\n%s" % (e, self.explain([zone]), "\n".join(str(s) for s in self.streams)))

    def ds(self, zone=ZONE):
        """Key tags that the parent names, by server."""
        out = []
        for s in (self.parent, self.nsd, self.knot):
            answer = query(s.addr, zone + ".", "DS", port=s.port, timeout=2)
            out.append({rd.key_tag for rrset in answer.answer if rrset.rdtype == dns.rdatatype.DS for rd in rrset})
        return out

    # ---- what is done, and what goes wrong meanwhile ----

    def roll(self, *args, role=None, trouble=None):
        self.turn([Roll(ZONE, *args, role=role)], 0, trouble)

    def turn(self, courses, number, trouble=None, timeout=240):
        """All courses take their turn side by side; trouble(world) happens when each has begun."""
        began = time.monotonic()
        if trouble is set_back:
            self.take_copy()
        for c in courses:
            c.begin(self, number)
        for c in courses:
            self.wait(lambda c=c: c.begun(self), 120, "%s has begun" % c, c.zone)
        if trouble is not None:
            trouble(self)
        for c in courses:
            self.wait(lambda c=c: c.over(self), timeout, "%s is over" % c, c.zone)
        self.longer_than_caches()
        for c in courses:
            c.after(self)
        self.more(40 // len(self.zones))
        self.judge()
        print("%-20s %5.1f s: %s" % (trouble.__name__ if trouble else "no trouble", time.monotonic() - began,
                                     ", ".join(map(str, courses))), flush=True)

    def judge(self):
        bad = [str(s) for s in self.streams if s.bogus()] + self.unexplained()
        if bad:
            raise Failed("\n".join(bad) + "\n" + self.explain(self.zones))

    def unexplained(self):
        """SERVFAIL and lost answers while every authoritative server answered a question of ours."""
        if self.witness is None:
            return []
        return ["while all servers answered: " + words for s in self.streams for asked, ended, words in s.failures
                if not self.witness.explains(asked, ended)]

    def end(self, notice=False):
        self.judge()
        for s in self.streams:
            print(s)
        if self.witness is not None:
            print("stood still: %s" % (", ".join("%s %.1f s" % w for w in self.witness.seconds().items()) or "nobody"))
            self.witness.stop()
        if notice:
            self.notice()
        for s in self.streams:
            s.stop()

    def notice(self):
        """A DS that names no key: every validator has to call that bogus, else it would notice nothing."""
        for s in self.streams:
            s.secure = None
        # The signers say again and again what they want; not from here on.
        for h in self.hosts():
            h.stop("keydist")
        if self.reader is not None:
            self.reader.stopping.set()
            self.reader.join()
        for name in map(label_of, self.zones):
            self.parent.update(PARENT, delete=[name + " DS"], add=["%s %d DS 4711 13 2 %s" % (name, TTL, "AB" * 32)])
        wait_until(lambda: all(s.counts["bogus"] > 5 for s in self.streams), 30, "validators see that it is bogus")

    def take_copy(self):
        """signer2's state, copied while it is down."""
        self.copy = self.lab.path("copy")
        self.s2.stop()
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.s2.state, self.copy)
        self.s2.start()

    def longer_than_caches(self):
        self.more(self.rate * 3 * TTL // len(self.zones))


class CachingKnotResolver(KnotResolver):
    """Asks one server, which has the parent and the child."""

    def config(self):
        return super().config().replace("policy.FLAGS({'NO_CACHE', 'NO_0X20'})", "policy.FLAGS({'NO_0X20'})") + \
            "cache.min_ttl(0)\n"


# ---- what a zone goes through, turn by turn ----

class Roll:
    """Its key, or that of a role, is rolled; where policies are given, to what the next of them says."""

    def __init__(self, zone, *args, role=None, policies=()):
        self.zone, self.args, self.role, self.policies = zone, args, role, policies

    def __str__(self):
        return self.zone

    def begin(self, w, number):
        self.old = w.ids(self.role, self.zone)
        if self.policies:
            w.policy(self.zone, **self.policies[number % len(self.policies)])
        (w.s1 if self.policies else w.s2).ctl("key", "roll", self.zone, *self.args)

    def begun(self, w):
        return any(k["hash"] not in self.old and (k["published"] or k["cds"] or k["signing"]) for k in w.live(w.s1, self.zone))

    def over(self, w):
        if any({k["hash"] for k in w.live(h, self.zone)} & self.old for h in w.hosts()) or not w.settled(self.zone):
            return False
        tags = {k["tag"] for k in w.live(w.s1, self.zone) if k["role"] != "zsk"}
        return all(d == tags for d in w.ds(self.zone))

    def after(self, w):
        pass


class InAndOut:
    """The zone becomes insecure in even turns, secure in odd ones, or the other way round."""

    def __init__(self, zone, first=0):
        self.zone, self.first = zone, first

    def __str__(self):
        return "%s (%s)" % (self.zone, "secure" if self.secure else "insecure")

    def streams(self, w):
        return [s for s in w.streams if s.zone == self.zone]

    def begin(self, w, number):
        self.secure = (number + self.first) % 2 == 1
        for s in self.streams(w):
            s.secure = None     # with and without AD, as long as somebody has cached what was
        if self.secure and number > 0:      # it begins so
            wait_until(lambda: w.s2.ctl("key", "create", self.zone, check=False).returncode == 0, 120,
                       "key create " + self.zone, every=0.5)
        elif not self.secure:
            w.s1.ctl("key", "withdraw", self.zone)

    def begun(self, w):
        return not self.secure or any(k["published"] for k in w.live(w.s1, self.zone))

    def over(self, w):
        if self.secure:
            return w.settled(self.zone) and all(w.ds(self.zone))
        return not any(s.signed(self.zone) for s in w.secondaries) and not any(w.ds(self.zone))

    def after(self, w):
        for s in self.streams(w):
            s.secure = self.secure


# ---- trouble in the middle ----

def cut_off(w):
    """signer2 reaches nobody, and nobody reaches it."""
    w.net.isolate("signer2")
    w.net.unreachable("signer2", "signer1")
    w.longer_than_caches()
    w.net.heal()


def parent_cut_off(w):
    """The signers do not get through to the parent's primary, to look or to tell; all others do."""
    for h in w.hosts():
        w.net.cut("parent", h.name)
    w.longer_than_caches()
    w.net.heal()


def stands_still(w):
    """signer2's keydist says and hears nothing, while what its signer serves goes on."""
    w.s2.keydist.pause()
    w.longer_than_caches()
    w.s2.keydist.resume()


def killed(w):
    w.s2.kill()
    w.longer_than_caches()
    w.s2.start()


def clock_off_by_a_day(w):
    w.s2.set_clock(86400)
    w.longer_than_caches()
    w.s2.set_clock(0)


def set_back(w):
    """signer2's disk as it was before: all its daemons begin with that."""
    w.s2.kill()
    shutil.rmtree(w.s2.state)
    shutil.copytree(w.copy, w.s2.state)
    w.s2.start()
