# SPDX-License-Identifier: BSD-3-Clause
"""A primary that changes by dynamic update: signers take the differences, sign what they touch, and stay right."""

import re

import dns.query
import dns.zone

from duetlab import *

MODES = ("nsec", "nsec3", "nsec3-optout")
UPDATES = [
    (["new 300 A 192.0.2.77", "deep.down.below 300 TXT hello"], []),
    (["cut 300 NS ns1.cut", "ns1.cut 300 A 192.0.2.9", "*.wild 60 TXT any"], ["host3"]),
    (["cut 300 DS 12345 13 2 " + "ab" * 32, "host4 300 CNAME host5"], ["host4"]),
    (["branch 300 DNAME example.net."], ["new", "deep.down.below"]),
    (["@ 300 TXT apex", "many%d.a.b 300 A 192.0.2.1" % 0] + ["many%d.a.b 300 A 192.0.2.1" % i for i in range(1, 200)], ["cut DS"]),
    ([], ["many%d.a.b" % i for i in range(200)]),
    (["host5 77 A 192.0.2.55"], ["host5", "branch"]),
]


def zone_of(mode):
    return mode + ".example"


def unsigned(addr, zone, port=DNS_PORT):
    """All records but the SOA and what signing adds, as a set."""
    z = dns.zone.from_xfr(dns.query.xfr(addr, zone, port=port, relativize=False), relativize=False)
    added = ("RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "SOA")
    return {(name, rds.ttl, rds.rdtype, rdata.to_wire()) for name, rds in z.iterate_rdatasets() for rdata in rds
            if dns.rdatatype.to_text(rds.rdtype) not in added}


def shows(host, zone, want):
    return unsigned(host.addr, zone) == want


@limit(300)
def test_differences_are_signed_as_the_whole_would_be(lab):
    cluster = Cluster(lab, signers=2, backups=1).init()
    signers = cluster.signers()
    zones = {zone_of(m): small_zone(zone_of(m) + ".", n=400, serial=5, more="".join(
        "host%d A 192.0.2.%d\n" % (i, i % 256) for i in range(300))) for m in MODES}
    bind = BindPrimary(lab, "primary", zones, notify=[Primary(s.addr) for s in signers], dynamic=True).start()
    cluster.start()
    for m in MODES[1:]:
        cluster.signer1.ctl("policy", "apply", lab.write(m + ".yaml", "name: %s\ndenial: %s\n" % (m, m)))
    for m in MODES:
        more = ["--policy", m] if m != "nsec" else []
        cluster.signer1.ctl("zone", "add", zone_of(m), "--source", "primary:%s#%d" % (bind.addr, bind.port), *more)
        cluster.signer2.ctl("key", "create", zone_of(m))
        cluster.wait_signed(zone_of(m))
    for i, (add, delete) in enumerate(UPDATES):
        for zone in zones:
            bind.update(zone, add, delete, tcp=True)
        for zone in zones:
            want = unsigned(bind.addr, zone, bind.port)
            for s in signers:
                wait_until(lambda h=s, z=zone, w=want: shows(h, z, w), 30, "%s shows update %d of %s" % (s.name, i, zone), every=0.1)
                if i % 3 == 2 or i == len(UPDATES) - 1:
                    verify(axfr_file(lab, s.addr, zone), zone)
    for s in signers:
        log = s.signer.tail(100000)
        taken = re.findall(r"event=zone-loaded zone=(\S+) .*kind=difference", log)
        for zone in zones:
            if taken.count(zone + ".") < 3:
                raise Failed("%s took %d differences of %s" % (s.name, taken.count(zone + "."), zone))
        refused = re.findall(r"event=ixfr-refused.*", log)
        if refused:
            raise Failed(refused[0])
    # What came as differences is what comes as a whole: the same digest, so nothing is published.
    s1 = cluster.signer1
    for zone in zones:
        mark = s1.signer.mark()
        s1.ctl("zone", "sign", zone, "--full")
        s1.wait_published(zone, since=mark)
        verify(axfr_file(lab, s1.addr, zone), zone)


@limit(240)
def test_changes_wait_while_the_zone_is_held(lab):
    cluster = Cluster(lab, signers=1, backups=1).init()
    s1, zone = cluster.signer1, "example.org"
    bind = BindPrimary(lab, "primary", {zone: small_zone(zone, n=50, serial=5)}, notify=[Primary(s1.addr)], dynamic=True).start()
    cluster.start()
    s1.ctl("zone", "add", zone, "--source", "primary:%s#%d" % (bind.addr, bind.port))
    s1.ctl("key", "create", zone)
    cluster.wait_signed(zone)
    s1.ctl("zone", "hold", zone, "--reason", "test")
    for i in range(3):
        mark = s1.signer.mark()
        bind.update(zone, ["held%d 300 A 192.0.2.1" % i], ["held%d" % (i - 1)])
        s1.signer.wait_event("event=zone-loaded zone=%s. kind=difference" % zone, 30, mark)
    if "held" in axfr_text(s1.addr, zone):
        raise Failed("a held zone shows a change")
    # Renewed and signed anew from what is published, the difference still waiting.
    mark = s1.signer.mark()
    s1.ctl("zone", "resume", zone)
    s1.signer.wait_event("event=published zone=%s. " % zone, 30, mark)
    want = unsigned(bind.addr, zone, bind.port)
    wait_until(lambda: shows(s1, zone, want), 30, "all three changes", every=0.1)
    verify(axfr_file(lab, s1.addr, zone), zone)
