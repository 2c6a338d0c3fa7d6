# SPDX-License-Identifier: BSD-3-Clause
"""A cluster that signs a zone, its parent and its grandparent: the DS go in and out by themselves at each depth, and the zone
files stay as they are."""

import json

import dns.rdatatype

from duetlab import NSD, BindPrimary, Cluster, Failed, Knot, Primary, Unbound, limit, small_zone, wait_until
from dnstools import axfr_file, axfr_text, query, verify
from netns import Net
from steady import Steady, end_all

TOP, MIDDLE, ZONE = "org", "example.org", "sub.example.org"
HOSTS = 400
POLICY = """name: quick
keys: csk
dnskey-ttl: 2s
propagation: 1s
max-ttl-unsigned: 1h
max-ttl-signed: 10s
renewal-margin: 1h
"""


def zone_text(origin, child=None):
    """With a delegation, and there a DS that nobody made."""
    rows = ["$ORIGIN %s." % origin, "$TTL 2", "@ SOA ns h 1 3600 600 86400 1", "@ NS ns", "ns A 127.0.0.1", "host A 192.0.2.1"]
    if child:
        rows += ["%s NS ns.%s" % (child, child), "ns.%s A 127.0.0.1" % child]
    return "\n".join(rows) + "\n"


class World:
    """NSD behind signer1 and Knot behind signer2, each with all three zones, which both signers look at as parents; each of them, and
    the backup, on a host of its own."""

    def __init__(self, lab):
        self.lab, self.net = lab, Net(lab)
        self.cluster = Cluster(lab, signers=2, backups=1, conf={"signer": {"signer": {"transfer": [{"prefix": "10.53.0.0/24"}]}}})
        for h in self.cluster.hosts.values():
            self.net.host(h.name, h.addr)
        self.cluster.init()
        self.s1, self.s2 = self.cluster.signer1, self.cluster.signer2
        zones = [TOP, MIDDLE, ZONE]
        self.servers = [NSD(lab, "nsd", zones, [self.s1.addr]), Knot(lab, "knot", zones, [self.s2.addr])]
        for s in self.servers:
            self.net.host(s.name, s.addr)
        self.cluster.add_secondary(self.servers[0], of=[self.s1])
        self.cluster.add_secondary(self.servers[1], of=[self.s2])
        both = ["%s#%d" % (s.addr, s.port) for s in self.servers]
        for h in (self.s1, self.s2):
            h.conf["signer"].update({"look-interval-s": 1, "parents": [
                {"zone": zone, "servers": both, "validate": False} for zone in (TOP, MIDDLE)]})
        self.cluster.write_confs()
        self.cluster.start()
        for s in self.servers:
            s.start()
        self.streams = []
        lab.write("quick.yaml", POLICY)
        self.s1.ctl("policy", "apply", lab.path("quick.yaml"))
        self.files = {TOP: zone_text(TOP, "example"), MIDDLE: zone_text(MIDDLE, "sub"),
                      ZONE: small_zone(ZONE, n=HOSTS, ttl=2, minimum=1)}
        for zone in zones:
            self.cluster.add_zone(zone, self.files[zone], policy="quick")
        for zone in zones:
            self.s1.ctl("key", "create", zone)
            self.cluster.wait_signed(zone, timeout=60)

    def meanwhile(self):
        """Longer than anything is cached: each resolver has answered so many questions more."""
        before = [s.answered() for s in self.streams]
        self.wait(lambda: all(s.answered() >= b + 60 for s, b in zip(self.streams, before)), "resolvers answer")

    def ds(self, zone):
        """Key tags that each server names."""
        return [{rd.key_tag for rrset in query(s.addr, zone + ".", "DS", port=s.port, timeout=2).answer
                 if rrset.rdtype == dns.rdatatype.DS for rd in rrset} for s in self.servers]

    def tags(self, zone):
        return {k["tag"] for k in self.live(self.s1, zone)}

    def live(self, host, zone):
        return [k for k in json.loads(host.ctl("key", "list", zone, "--json").stdout)["keys"] if not k["gone"]]

    def wait(self, fn, what):
        try:
            wait_until(fn, 120, what, every=0.3)
        except Failed as e:
            raise Failed("%s\n%s" % (e, "\n".join(h.ctl("key", "explain", z, check=False).stdout for h in (self.s1, self.s2)
                                                  for z in (MIDDLE, ZONE)))) from None

    def settle(self, zone):
        self.wait(lambda: all(self.live(h, zone) and all(r["phase"] == "omnipresent" for k in self.live(h, zone)
                                                         for r in k["records"].values()) for h in (self.s1, self.s2)),
                  "all keys of %s are where they should be" % zone)
        if any(d != self.tags(zone) for d in self.ds(zone)):
            raise Failed("%s has keys %s, its parent names %s" % (zone, self.tags(zone), self.ds(zone)))

    def roll(self, *zones):
        """signer2 is killed when the new keys are there; when it is back its keydist stands still for a while, and then nobody reaches
        it and it reaches nobody, not even the parents' servers."""
        old = {zone: self.tags(zone) for zone in zones}
        for zone in zones:
            self.s2.ctl("key", "roll", zone)
        for zone in zones:
            self.wait(lambda z=zone: any(k["tag"] not in old[z] and k["published"] for k in self.live(self.s1, z)),
                      "the new key of %s is published" % zone)
        self.s2.kill()
        self.meanwhile()
        self.s2.start()
        for zone in zones:
            self.wait(lambda z=zone: any(k["cds"] and k["tag"] not in old[z] for k in self.live(self.s1, z)),
                      "CDS of %s names the new key" % zone)
        self.s2.keydist.pause()
        self.meanwhile()
        self.s2.keydist.resume()
        self.net.isolate("signer2")
        self.net.unreachable("signer2", "signer1")
        self.meanwhile()
        for zone in zones:
            if not old[zone] < self.tags(zone):
                raise Failed("%s: without a word of signer2 the old key is gone: %s, %s" % (zone, old[zone], self.tags(zone)))
        self.net.heal()
        for zone in zones:
            self.wait(lambda z=zone: not any(k["tag"] in old[z] for h in (self.s1, self.s2) for k in self.live(h, z)),
                      "the old key of %s is gone" % zone)
            self.settle(zone)

    def lag(self, parent, zone):
        """signer2 holds the parent while the zone's key is rolled: the new DS goes in at signer1, and nothing goes on before both
        have it."""
        old = self.tags(zone)
        self.s2.ctl("zone", "hold", parent, "--reason", "it lags")
        self.s1.ctl("key", "roll", zone)
        self.wait(lambda: self.ds(zone)[0] - old and not self.ds(zone)[1] - old, "the new DS is in at signer1 alone")
        for h in (self.s1, self.s2):
            self.wait(lambda h=h: "parent %s#" % self.servers[1].addr in h.ctl("key", "explain", zone).stdout,
                      "%s waits for what signer2 gives" % h.name)
        self.meanwhile()
        fresh = [k for h in (self.s1, self.s2) for k in self.live(h, zone) if k["tag"] not in old]
        if self.ds(zone)[1] != old or not old < self.tags(zone) or any(k["records"]["ds"]["phase"] == "omnipresent" for k in fresh):
            raise Failed("it went on while signer2 names %s of %s: %s" % (self.ds(zone)[1], self.tags(zone), fresh))
        self.s2.ctl("zone", "resume", parent)
        self.wait(lambda: not any(old & {k["tag"] for k in self.live(h, zone)} for h in (self.s1, self.s2)), "the old key is gone")
        self.settle(zone)


def anchor(server):
    for rrset in query(server.addr, TOP + ".", "DNSKEY", port=server.port, tcp=True).answer:
        for rdata in rrset if rrset.rdtype == dns.rdatatype.DNSKEY else ():
            return "%s. IN DNSKEY %s" % (TOP, rdata)
    raise Failed("org has no key")


@limit(400)
def test_ds_of_zones_in_the_same_cluster_come_and_go_by_themselves(lab):
    w = World(lab)
    w.settle(MIDDLE)
    w.settle(ZONE)
    nsd, knot = w.servers
    streams = w.streams
    for name, s in (("unbound-nsd", nsd), ("unbound-knot", knot)):
        r = Unbound(lab, name, {z: (s.addr, s.port) for z in (TOP, MIDDLE, ZONE)}, [anchor(s)], addr=w.net.here(lab.addr())).start()
        streams.append(Steady(name, r.addr, r.port, ZONE, HOSTS, rate=20, again=True, secure=True).start())
    w.roll(ZONE, MIDDLE)
    w.lag(MIDDLE, ZONE)
    if any(s.bogus() for s in streams):
        raise Failed("\n".join(map(str, streams)))
    for s in streams:
        s.secure = None    # with and without AD, as long as somebody has cached what was
    w.s1.ctl("key", "withdraw", ZONE)
    w.wait(lambda: not any(s.signed(ZONE) for s in w.servers) and not any(w.ds(ZONE)), "the zone is unsigned everywhere")
    end_all(streams, least=100)
    if not all(w.ds(MIDDLE)):
        raise Failed("the DS of %s has gone, too" % MIDDLE)
    for zone, text in w.files.items():
        for h in (w.s1, w.s2):
            with open("%s/%s.zone" % (h.zones, zone), encoding="utf-8") as f:
                if f.read() != text:
                    raise Failed("the file of %s was touched" % zone)


@limit(150)
def test_ds_go_into_a_zone_of_a_primary(lab):
    """Whose serial does not tell of them: both signers agree on what is newer, and the primary's changes come in besides."""
    def text(serial, more=""):
        return zone_text(TOP, "example").replace(" 1 3600", " %d 3600" % serial) + more

    cluster = Cluster(lab, signers=2, backups=1).init()
    signers = cluster.signers()
    primary = BindPrimary(lab, "primary", {TOP: text(7)}, {}, None, notify=[Primary(s.addr) for s in signers])
    for s in signers:
        s.conf["signer"]["transfer"] = [{"prefix": "127.0.0.0/8"}]
    cluster.write_confs()
    primary.start()
    cluster.start()
    s1, s2 = signers
    s1.ctl("policy", "apply", lab.write("quick.yaml", POLICY))
    s1.ctl("zone", "add", TOP, "--source", "primary:%s#%d" % (primary.addr, primary.port), "--policy", "quick")
    s1.ctl("key", "create", TOP)
    cluster.wait_signed(TOP, timeout=60)
    cluster.add_zone(MIDDLE, small_zone(MIDDLE, ttl=2, minimum=1), policy="quick")
    s2.ctl("key", "create", MIDDLE)
    cluster.wait_signed(MIDDLE, timeout=60)

    def has(s, *words):
        return all(w in axfr_text(s.addr, TOP) for w in words)

    for s in signers:
        wait_until(lambda: has(s, " IN DS "), 60, "%s has the DS of the zone below" % s.name, every=0.3)
    primary.set_zone(TOP, text(8, 'changed TXT "yes"\n'))
    primary.reload()
    for s in signers:
        wait_until(lambda: has(s, '"yes"', " IN DS "), 60, "%s has the primary's change and the DS" % s.name, every=0.3)
        verify(axfr_file(lab, s.addr, TOP), TOP)
    for s in signers:
        wait_until(lambda: not [z["alarms"] for z in json.loads(s.ctl("zone", "status", TOP, "--json").stdout).get("zones", [])
                                if z["alarms"]], 20, "no alarm at %s" % s.name)
