# SPDX-License-Identifier: BSD-3-Clause
"""Name servers of a zone that no signer has configured: each address of the NS RRset is looked at, and waited for."""

import json
import os
import socket
import time

import dns.dnssec
import dns.rdatatype

from dnstools import query
from duetlab import NSD, BindPrimary, Cluster, Failed, Knot, Skip, Unbound, find_program, limit, primaries, run, wait_until

ZONE = "example.org"
POLICY = "name: default\nkeys: ksk+zsk\nroll-steps: manual\nrequire-backups: 0\npropagation: 0\ndnskey-ttl: 1s\nmax-ttl-signed: 1s\n" \
         "max-ttl-unsigned: 1h\nname-servers: %s\n"
ORG = "$ORIGIN org.\n$TTL 2\n@ SOA ns h 1 3600 600 86400 2\n@ NS ns\nns A 127.0.0.1\nexample NS ns1.example\n" \
      "ns1.example A 127.0.0.1\n"
NET = "$ORIGIN net.\n$TTL 2\n@ SOA ns h 1 3600 600 86400 2\n@ NS ns\nns A 127.0.0.1\nns2.example A %s\nalias.example CNAME ns\n"


def public(kind, lab, name, masters):
    """A secondary where the world asks: on port 53."""
    peer = kind(lab, name, [ZONE], masters)
    peer.port = 53
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((peer.addr, peer.port))
    except OSError as e:
        raise Skip("port 53 cannot be had here: %s" % e) from None
    return peer


def zone_text(servers, glue, serial=1):
    """Secondaries ask for it every second: who is not told has it soon."""
    rows = ["$ORIGIN %s." % ZONE, "$TTL 1", "@ SOA ns1 hostmaster %d 1 1 604800 1" % serial, "host A 192.0.2.1"]
    return "\n".join(rows + ["@ NS %s" % s for s in servers] + ["%s A %s" % g for g in glue.items()]) + "\n"


def dnskeys(server):
    """Tags that it shows, and those of the keys that signed its SOA."""
    def of(rdtype, want, tag):
        answer = query(server.addr, ZONE + ".", rdtype, port=server.port, tcp=True, timeout=5, dnssec=True)
        return {tag(rd) for rrset in answer.answer if rrset.rdtype == want for rd in rrset}
    return (of("DNSKEY", dns.rdatatype.DNSKEY, dns.dnssec.key_id),
            of("SOA", dns.rdatatype.RRSIG, lambda rd: rd.key_tag))


def longer_than_caches():
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 3, 10, "longer than anything is cached")


class World:
    """One signer, NSD that it knows, and behind that Knot and NSD at the addresses of the NS RRset, one name of which lies in
    another zone."""

    def __init__(self, lab, servers):
        self.lab = lab
        cluster = Cluster(lab, signers=1, backups=0).init()
        self.s1 = cluster.signer1
        self.dist = NSD(lab, "dist", [ZONE], [self.s1.addr])
        self.knot = public(Knot, lab, "knot", [(self.dist.addr, self.dist.port)])
        self.nsd = public(NSD, lab, "nsd", [(self.dist.addr, self.dist.port)])
        self.above = BindPrimary(lab, "above", {"org": ORG, "net": NET % self.nsd.addr}).start()
        self.resolver = resolver = Unbound(lab, "resolver", {z: (self.above.addr, self.above.port) for z in ("org", "net")}).start()
        cluster.add_secondary(self.dist, of=[self.s1])
        self.s1.conf["signer"].update({
            "resolvers": ["%s#%d" % (resolver.addr, resolver.port)], "look-interval-s": 1,
            "parents": [{"zone": "org", "servers": ["%s#%d" % (self.above.addr, self.above.port)], "validate": False}]})
        cluster.write_confs()
        cluster.start()
        self.policy("look")
        cluster.add_zone(ZONE, self.text(servers), None)
        self.s1.ctl("key", "create", ZONE)
        cluster.wait_signed(ZONE)
        for p in (self.dist, self.knot, self.nsd):
            p.start()
        for p in (self.dist, self.knot, self.nsd):
            wait_until(lambda p=p: p.signed(ZONE), 30, "%s shows the zone" % p.name)

    def policy(self, name_servers):
        self.s1.ctl("policy", "apply", self.lab.write("policy.yaml", POLICY % name_servers))

    def text(self, servers, serial=1):
        return zone_text(servers, {"ns1": self.knot.addr}, serial)

    def ctl(self, *args):
        return self.s1.ctl(*args, check=False).stdout

    def waits(self, *words):
        """Until key explain has all of this."""
        wait_until(lambda: all(w in self.ctl("key", "explain", ZONE) for w in words), 60, "key explain says: %s" % (words,), every=0.1)

    def zsks(self):
        keys = json.loads(self.ctl("key", "list", ZONE, "--json"))["keys"]
        return {k["tag"]: k["records"] for k in keys if k["role"] == "zsk" and not k["gone"]}

    def phase(self, tag, record, want, timeout=60):
        try:
            wait_until(lambda: self.zsks()[tag][record]["phase"] == want, timeout, "the %s of %d is %s" % (record, tag, want), every=0.1)
        except Failed as e:
            raise Failed("%s\n%s" % (e, self.ctl("key", "explain", ZONE))) from None

    def release(self, text):
        self.waits("your word: duetctl key release")
        said = self.ctl("key", "release", ZONE)
        if text not in said:
            raise Failed("released: %s, not %s" % (said, text))

    def begin_roll(self):
        """Both tags, once the new key may come in."""
        old, = self.zsks()
        self.s1.ctl("key", "roll", ZONE, "--role", "zsk")
        wait_until(lambda: len(self.zsks()) == 2, 30, "there is a new ZSK", every=0.1)
        return old, next(t for t in self.zsks() if t != old)

    def freeze(self, on=True):
        """From here on Knot answers with what it has."""
        run([find_program("knotc"), "-b", "-s", os.path.join(self.knot.dir, "run", "knot.sock"), "zone-freeze" if on else "zone-thaw", ZONE])


@limit(200)
def test_a_roll_waits_for_every_name_server(lab):
    absent = "ns7.example.net."
    w = World(lab, ["ns1", "ns2.example.net.", absent])

    # A name that does not exist: the first keys wait, and it is said which, and what to do.
    w.waits("name server %s, whose addresses are not known, has not yet shown" % absent,
            "name server %s: it does not exist (NXDOMAIN): mend the NS RRset, or the name's addresses" % absent)
    said = [w.ctl("key", "list", ZONE), w.ctl("zone", "status", ZONE), w.s1.ctl("key", "ds", ZONE, check=False).stderr]
    if any("%s: it does not exist (NXDOMAIN)" % absent not in s for s in said):
        raise Failed("key list, zone status, key ds:\n%s" % "\n".join(said))
    # One that has no addresses of its own.
    w.s1.put_zone(ZONE + ".zone", w.text(["ns1", "ns2.example.net.", "alias.example.net."], serial=2))
    w.waits("name server alias.example.net.: it is an alias (CNAME)")
    w.s1.put_zone(ZONE + ".zone", w.text(["ns1", "ns2.example.net."], serial=3))
    old, = w.zsks()
    for record in ("dnskey", "zone"):
        w.phase(old, record, "omnipresent")
    if "whose addresses" in w.ctl("key", "explain", ZONE):
        raise Failed(w.ctl("key", "explain", ZONE))

    # The new key comes in, and one server behind the secondary does not show it.
    w.freeze()
    old, new = w.begin_roll()
    w.release("its DNSKEY is published")
    for p in (w.dist, w.nsd):
        wait_until(lambda p=p: new in dnskeys(p)[0], 30, "%s shows the new key" % p.name)
    w.waits("name server ns1.%s. %s#53 has not yet shown a version with the DNSKEY; seen 2 of 3" % (ZONE, w.knot.addr))
    for name, peer in (("ns1.%s." % ZONE, w.knot), ("ns2.example.net.", w.nsd)):
        if "  %s %s#53 " % (name, peer.addr) not in w.ctl("zone", "status", ZONE):
            raise Failed(w.ctl("zone", "status", ZONE))
    longer_than_caches()
    w.phase(new, "dnskey", "rumoured", 0)
    w.freeze(False)
    w.phase(new, "dnskey", "omnipresent")

    # The old one's signatures are shown by one server still: its DNSKEY stays.  The resolver is away: what it said stays true.
    w.resolver.stop()
    w.freeze()
    w.release("it signs the zone")
    for p in (w.dist, w.nsd):
        wait_until(lambda p=p: dnskeys(p)[1] == {new}, 30, "%s shows what the new key has signed" % p.name)
    w.waits("name server ns1.%s. %s#53 has not yet shown a version with" % (ZONE, w.knot.addr))
    longer_than_caches()
    if not all({old, new} <= dnskeys(p)[0] for p in (w.dist, w.knot, w.nsd)):
        raise Failed("the old key went while a server shows what it has signed")
    w.freeze(False)
    w.release("its DNSKEY goes")
    wait_until(lambda: list(w.zsks()) == [new], 60, "the old key is gone", every=0.1)

    # The policy leaves them out.
    w.freeze()
    old, new = w.begin_roll()
    w.release("its DNSKEY is published")
    w.waits("name server ns1.%s. %s#53 has not yet shown" % (ZONE, w.knot.addr))
    w.policy("ignore")
    w.phase(new, "dnskey", "omnipresent")
    if new in dnskeys(w.knot)[0]:
        raise Failed("Knot was to show the version before")


def standing(host, name):
    nodes = json.loads(host.ctl("node", "list", "--json").stdout)["nodes"]
    return next(n for n in nodes if n["name"] == name)


@limit(200)
def test_a_dead_signer_is_in_the_cluster_until_name_servers_show_others(lab):
    """Its secondary shows the other's version, and a server that nobody has configured its own still."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signer1, cluster.signer2
    knot, nsd = Knot(lab, "knot", [ZONE], [s1.addr]), public(NSD, lab, "nsd", [s1.addr])
    text = lambda more: zone_text(["ns1"], {"ns1": nsd.addr, **more})
    cluster.add_secondary(knot, of=[s1])
    cluster.write_confs()
    cluster.start()
    s1.ctl("policy", "apply", lab.write("quick.yaml", "name: quick\ndnskey-ttl: 1s\npropagation: 0\nname-servers: look\n"))
    cluster.add_zone(ZONE, text({}), "quick")
    s2.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    for p in (knot, nsd):
        p.start()
        wait_until(lambda p=p: p.signed(ZONE), 30, "%s shows the zone" % p.name)
    s1.kill()
    for p in s1.procs.values():
        p.expect_failure = True
    wait_until(lambda: standing(s2, "signer1")["heard_ms"] > 10000, 30, "signer1 is silent")
    s2.ctl("node", "retire", "signer1", "--dead")
    knot.stop()
    knot.masters = primaries([s2.addr])
    cluster.add_secondary(knot, of=[s2])
    cluster.write_confs()
    s2.ctl("reload")
    knot.start()
    s2.put_zone(ZONE + ".zone", text({"new": "192.0.2.77"}))
    wait_until(lambda: knot.query("new." + ZONE, "A").answer, 60, "a change reaches %s by signer2" % knot.name)
    wait_until(lambda: "not every name server of the zone" in standing(s2, "signer1").get("waits", ""), 30, "node list says it")
    longer_than_caches()
    if standing(s2, "signer1")["retired"] or s2.keydist.count("event=node-retired"):
        raise Failed("signer1 is retired, and a name server shows its version")
    nsd.stop()
    nsd.masters = primaries([s2.addr])
    nsd.start()
    s2.keydist.wait_event("event=node-retired node=signer1 why=observed", 60)
