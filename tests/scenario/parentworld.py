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
from steady import Steady

ZONE, PARENT = "example.org", "org"
HOSTS = 400
TTL = 2
POLICY = """name: quick
keys: %s
algorithm: %d
ksk-rollover: %s
algorithm-rollover: %s
dnskey-ttl: 2s
propagation: 1s
max-ttl-unsigned: 1h
max-ttl-signed: 10s
renewal-margin: 1h
"""
SECRET = base64.b64encode(b"k" * 32).decode()


def parent_text(addr):
    return "\n".join(["$ORIGIN org.", "$TTL %d" % TTL, "@ SOA ns h 1 3600 600 86400 %d" % TTL, "@ NS ns", "ns A %s" % addr,
                      "example NS ns.example", "ns.example A 127.0.0.1", "host A 192.0.2.1"]) + "\n"


class KnotParent(KnotPrimary):
    """knotd signs it."""

    def __init__(self, lab, name, notify):
        super().__init__(lab, name, {}, notify)
        self.zones = [PARENT]
        lab.write(os.path.join(self.dir, PARENT + ".zone"), parent_text(self.addr))

    def config(self):
        text = super().config().replace("zone:\n", "policy:\n  - id: p\n    single-type-signing: on\n    ksk-lifetime: 0\n"
                                        "    dnskey-ttl: %d\n    zone-max-ttl: %d\n    propagation-delay: 0\n"
                                        "    nsec3: on\n    nsec3-iterations: 0\nzone:\n" % (TTL, TTL))
        text = text.replace("remote:\n", "key:\n  - id: up\n    algorithm: hmac-sha256\n    secret: %s\nremote:\n" % SECRET)
        text = text.replace("acl:\n", "acl:\n  - id: keyed\n    key: up\n    action: update\n")
        return text.replace("    acl: any", "    acl: [any, keyed]\n    dnssec-signing: on\n    dnssec-policy: p")


class BindParent(BindPrimary):
    """named signs it."""

    def __init__(self, lab, name, notify):
        super().__init__(lab, name, {}, keys={"up": SECRET}, notify=notify, update_key="up")
        self.set_zone(PARENT, parent_text("127.0.0.1"))

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
            try:
                self.look()
            except (OSError, EOFError, dns.exception.DNSException, Failed, IndexError):
                pass    # the next look is near

    def rows(self, server, rdtype):
        answer = query(server.addr, ZONE + ".", rdtype, port=server.port, tcp=True, timeout=2, dnssec=True)
        return sorted(line for rrset in answer.answer for line in rrset.to_text().splitlines())

    def look(self):
        child = [self.rows(s, t) for s in self.w.secondaries for t in ("CDS", "CDNSKEY", "DNSKEY")]
        cds = [[line for line in rows if " IN CDS " in line] for rows in child[::3]]
        if not cds[0] or any(c != cds[0] for c in cds):
            return
        there = [line.split(" ", 1)[1] for line in self.rows(self.w.parent, "DS") if " IN DS " in line]
        wanted = [line.split(" CDS ")[1] for line in cds[0]]
        if not there or wanted[0].startswith("0 0 0"):
            if there or not wanted[0].startswith("0 0 0"):
                self.w.parent.update(PARENT, delete=["example DS"], add=["example %d DS %s" % (TTL, d) for d in wanted
                                                                         if not d.startswith("0 0 0")])
            return
        ds = self.w.lab.write("dsset", "".join("%s. %s\n" % (ZONE, d) for d in there))
        file = self.w.lab.write("child", "".join(line + "\n" for rows in child[:3] for line in rows))
        script = run([find_program("dnssec-cds"), "-u", "-s", "-2h", "-T", str(TTL), "-d", ds, "-f", file, ZONE]).stdout
        if "update" in script:
            self.w.parent.update(PARENT, delete=["example DS"], add=["example %d DS %s" % (TTL, d) for d in wanted])


class World:
    """ZONE signed by two signers, NSD behind the first, Knot behind the second, BIND behind both; the parent org at Knot or
    BIND, with NSD and Knot as its secondaries; resolvers that trust org's key."""

    def __init__(self, lab, keys="csk", algorithm=13, ksk="double-signature", alg="liberal", parent=KnotParent, tell="update",
                 rate=20, bind=True):
        self.lab, self.rate, self.tell = lab, rate, tell
        self.cluster = cluster = Cluster(lab, signers=2, backups=1).init()
        self.s1, self.s2 = cluster.signer1, cluster.signer2
        nsd_addr, knot_addr = lab.addr(), lab.addr()
        self.parent = parent(lab, "parent", [(nsd_addr, 5300), (knot_addr, 5300)])
        above = {PARENT: [(self.parent.addr, self.parent.port)]}
        self.nsd = NSD(lab, "nsd", [ZONE], [self.s1.addr], addr=nsd_addr, others=above)
        self.knot = Knot(lab, "knot", [ZONE], [self.s2.addr], addr=knot_addr, others=above)
        self.bind = Bind(lab, "bind", [ZONE], [self.s1.addr, self.s2.addr]) if bind else None
        self.secondaries = [self.nsd, self.knot] + ([self.bind] if bind else [])
        cluster.add_secondary(self.nsd, of=[self.s1])
        cluster.add_secondary(self.knot, of=[self.s2])
        if bind:
            cluster.add_secondary(self.bind, of=[self.s1, self.s2])
        for s in [self.parent] + self.secondaries:
            s.start()
        wait_until(lambda: all(s.signed(PARENT) for s in (self.parent, self.nsd, self.knot)), 20, "the parent is signed")
        self.anchors = [self.anchor()]
        self.above = Unbound(lab, "above", {PARENT: (self.parent.addr, self.parent.port)}, self.anchors).start()
        self.configure()
        cluster.write_confs()
        cluster.start()
        for h in (self.s1, self.s2):    # of the parent's primary, so that updates are taken
            self.key(h)
        self.policy(keys, algorithm, ksk, alg)
        self.streams = []
        self.reader = CdsReader(self) if tell == "cds" else None
        if self.reader is not None:
            lab.closers.append(self.reader.stopping.set)
            self.reader.start()

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

    def policy(self, keys="csk", algorithm=13, ksk="double-signature", alg="liberal"):
        self.lab.write("quick.yaml", POLICY % (keys, algorithm, ksk, alg))
        self.s1.ctl("policy", "apply", self.lab.path("quick.yaml"))

    # ---- the zone, and who asks for it ----

    def begin(self, create=True):
        """Until the zone is signed, named by its parent, and asked for."""
        self.cluster.add_zone(ZONE, small_zone(ZONE, n=HOSTS, ttl=TTL, minimum=1), policy="quick")
        if create:
            self.s1.ctl("key", "create", ZONE)
            self.settle()
        self.ask()
        return self

    def ask(self, secure=True):
        where = [("unbound-nsd", Unbound, {PARENT: self.at(self.parent), ZONE: self.at(self.nsd)}),
                 ("kresd-knot", CachingKnotResolver, {PARENT: self.at(self.knot)})]
        if self.bind is not None:
            where += [("unbound-bind", Unbound, {PARENT: self.at(self.nsd), ZONE: self.at(self.bind)})]
        for name, kind, stubs in where:
            r = kind(self.lab, name, stubs, self.anchors).start()
            self.streams.append(Steady(name, r.addr, r.port, ZONE, HOSTS, rate=self.rate, again=True, secure=secure).start())
        self.more(60)

    @staticmethod
    def at(server):
        return server.addr, server.port

    def more(self, n, timeout=120):
        """Until each stream has got n answers more."""
        before = [s.answered() for s in self.streams]
        wait_until(lambda: all(s.answered() >= b + n for s, b in zip(self.streams, before)), timeout, "resolvers answer")

    def hosts(self):
        return [self.s1, self.s2]

    def keys(self, host):
        return json.loads(host.ctl("key", "list", ZONE, "--json").stdout)["keys"]

    def live(self, host):
        return [k for k in self.keys(host) if not k["gone"]]

    def ids(self, role=None):
        return {k["hash"] for k in self.live(self.s1) if role in (None, k["role"])}

    def settled(self):
        return all(self.live(h) and all(r["phase"] == "omnipresent" for k in self.live(h) for r in k["records"].values())
                   for h in self.hosts())

    def explain(self):
        return "\n".join(h.ctl("key", "explain", ZONE, check=False).stdout for h in self.hosts())

    def wait(self, fn, timeout, what):
        try:
            return wait_until(fn, timeout, what, every=0.3)
        except Failed as e:
            raise Failed("%s\n%s\n%s" % (e, self.explain(), "\n".join(str(s) for s in self.streams)))

    def settle(self, timeout=180):
        self.wait(self.settled, timeout, "all keys are where they should be")

    def ds(self):
        """Key tags that the parent names, by server."""
        out = []
        for s in (self.parent, self.nsd, self.knot):
            answer = query(s.addr, ZONE + ".", "DS", port=s.port, timeout=2)
            out.append({rd.key_tag for rrset in answer.answer if rrset.rdtype == dns.rdatatype.DS for rd in rrset})
        return out

    # ---- what is done, and what goes wrong meanwhile ----

    def roll(self, *args, role=None, trouble=None, timeout=240):
        """A roll from the command until the old keys are gone; trouble(world) happens when the new key is published."""
        old = self.ids(role)
        began = time.monotonic()
        if trouble is set_back:
            self.take_copy()
        self.s2.ctl("key", "roll", ZONE, *args)
        self.wait(lambda: self.ids() - old and any(
            k["hash"] not in old and (k["published"] or k["cds"] or k["signing"]) for k in self.live(self.s1)), 120,
            "a new key is shown")
        if trouble is not None:
            trouble(self)
        self.wait(lambda: all(not {k["hash"] for k in self.live(h)} & old for h in self.hosts()) and self.settled(),
                  timeout, "the roll is over")
        tags = {k["tag"] for k in self.live(self.s1) if k["role"] != "zsk"}
        wait_until(lambda: all(d == tags for d in self.ds()), 20, "the parent names %s" % tags)
        self.more(40)
        self.judge()
        print("%-44s %5.1f s" % (" ".join(args) + (" " + trouble.__name__ if trouble else ""), time.monotonic() - began),
              flush=True)

    def withdraw(self, trouble=None, timeout=240):
        """The zone becomes insecure, until it is unsigned everywhere."""
        began = time.monotonic()
        for s in self.streams:
            s.secure = None     # with and without AD, as long as somebody has cached what was
        if trouble is set_back:
            self.take_copy()
        self.s1.ctl("key", "withdraw", ZONE)
        if trouble is not None:
            trouble(self)
        self.wait(lambda: not any(s.signed(ZONE) for s in self.secondaries) and not any(self.ds()), timeout,
                  "the zone is unsigned everywhere")
        self.more(40)
        self.judge()
        print("%-44s %5.1f s" % ("withdraw" + (" " + trouble.__name__ if trouble else ""), time.monotonic() - began), flush=True)

    def secure(self, trouble=None):
        began = time.monotonic()
        if trouble is set_back:
            self.take_copy()
        wait_until(lambda: self.s2.ctl("key", "create", ZONE, check=False).returncode == 0, 30, "key create", every=0.5)
        if trouble is not None:
            trouble(self)
        self.settle()
        wait_until(lambda: all(self.ds()), 20, "the parent has a DS everywhere")
        self.more(20 * (2 * TTL + 1))    # what was cached as insecure has left
        for s in self.streams:
            s.secure = True
        self.more(40)
        self.judge()
        print("%-44s %5.1f s" % ("secure" + (" " + trouble.__name__ if trouble else ""), time.monotonic() - began), flush=True)

    def judge(self):
        bad = [str(s) for s in self.streams if s.bogus()]
        if bad:
            raise Failed("\n".join(bad) + "\n" + self.explain())

    def end(self, notice=False):
        self.judge()
        for s in self.streams:
            print(s)
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
        self.parent.update(PARENT, delete=["example DS"], add=["example %d DS 4711 13 2 %s" % (TTL, "AB" * 32)])
        wait_until(lambda: all(s.counts["bogus"] > 5 for s in self.streams), 30, "validators see that it is bogus")

    def take_copy(self):
        """signer2's state, copied while it is down."""
        self.copy = self.lab.path("copy")
        self.s2.stop()
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.s2.state, self.copy)
        self.s2.start()

    def longer_than_caches(self):
        self.more(self.rate * 3 * TTL)


class CachingKnotResolver(KnotResolver):
    """Asks one server, which has the parent and the child."""

    def config(self):
        return super().config().replace("policy.FLAGS({'NO_CACHE', 'NO_0X20'})", "policy.FLAGS({'NO_0X20'})") + \
            "cache.min_ttl(0)\n"


# ---- trouble in the middle ----

def cut_off(w):
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
