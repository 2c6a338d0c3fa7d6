# SPDX-License-Identifier: BSD-3-Clause
"""Both signers burn; the backup host and the recovery key bring every key back, on blank hosts with new identities."""

import json

from duetlab import (NSD, Cluster, Failed, Unbound, axfr_file, has_ad, limit, primaries, rcode, small_zone, verify,
                     wait_until)

ZONES = ("example.org", "second.example")


def key_hashes(host, zone):
    """Hashes of the zone's keys as duetctl knows them."""
    found = json.loads(host.ctl("key", "list", zone, "--json").stdout)
    return sorted(k["hash"] for k in found["keys"])


def check_answers(lab, name, server, anchors):
    """The zone validates against the DS that the parent has."""
    r = Unbound(lab, name, {z: (server.addr, server.port) for z in ZONES}, anchors).start()
    for zone in ZONES:
        for host, rdtype, want in (("host3", "A", "NOERROR"), ("nothing", "A", "NXDOMAIN"), ("host3", "MX", "NOERROR")):
            a = r.query("%s.%s" % (host, zone), rdtype)
            if rcode(a) != want or not has_ad(a):
                raise Failed("%s: %s %s.%s: %s\n%s" % (name, rdtype, host, zone, rcode(a), a))


@limit(180)
def test_restore(lab):
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2, vault = cluster.signer1, cluster.signer2, cluster.vault
    nsd = NSD(lab, "nsd", list(ZONES), [s1.addr, s2.addr])
    cluster.add_secondary(nsd, of=[s1, s2])
    cluster.write_confs()
    cluster.start()
    nsd.start()
    hashes, anchors, serials, ttls = {}, [], {}, {}
    for zone in ZONES:
        cluster.add_zone(zone, small_zone(zone))
        s2.ctl("key", "create", zone)
        cluster.wait_signed(zone)
        wait_until(lambda z=zone: nsd.signed(z), 20, "NSD serves %s signed" % zone)
        hashes[zone], serials[zone] = key_hashes(s1, zone), nsd.serial(zone)
        ttls[zone] = longest(s1, zone)
        anchors += cluster.ds(zone)
    check_answers(lab, "unbound-before", nsd, anchors)

    old = [cluster.lose("signer1"), cluster.lose("signer2")]
    new = [cluster.blank_host("signer3", number=3), cluster.blank_host("signer4", number=4)]
    command = ["backup", "restore", "--recovery-key", cluster.recovery_secret,
               "--signers", ",".join(h.line for h in new), "--fenced", ",".join(h.name for h in old)]
    # The backup host does not know the new signers yet, and says so.
    refused = vault.ctl(*command, check=False)
    if refused.returncode != 1 or "configuration" not in refused.stderr:
        raise Failed("restore for signers that the vault does not list: %s" % refused)

    for h in new:
        cluster.add_secondary(nsd, of=[h])
        for zone in ZONES:
            h.put_zone(zone + ".zone", small_zone(zone, ttl=30, minimum=30))
    cluster.write_confs()
    nsd.stop()
    nsd.masters = primaries([h.addr for h in new])
    nsd.start()
    vault.stop()
    vault.start()
    for h in new:
        h.start()
    vault.ctl(*command)     # waits until the vault has compared with one of them
    for zone in ZONES:
        cluster.wait_signed(zone, 60)
        for h in new:
            if key_hashes(h, zone) != hashes[zone]:
                raise Failed("%s: keys of %s are %s, were %s" % (h.name, zone, key_hashes(h, zone), hashes[zone]))
            verify(axfr_file(lab, h.addr, zone), zone)
            # The backup kept the last word of the dead, so nobody's serial goes back, whatever the secondaries show.
            wait_until(lambda z=zone, host=h: said_serves(host, z), 30, "%s says what it serves" % h.name, every=0.2)
            if said_serves(h, zone) != ttls[zone]:
                raise Failed("%s waits for TTLs %s, caches have %s of the dead" % (h.name, said_serves(h, zone), ttls[zone]))
            if not above(h.serial(zone), serials[zone]):
                raise Failed("%s serves serial %s, %s was served before" % (h.name, h.serial(zone), serials[zone]))
    for zone in ZONES:
        nsd.wait_serial(zone, lambda s, z=zone: above(s, serials[z]), 30)
    check_answers(lab, "unbound-after", nsd, anchors)
    for h in new:
        check_answers(lab, "unbound-" + h.name, behind(h), anchors)


def longest(host, zone):
    """TTLs that caches may have, of the DNSKEY RRset and of the zone."""
    o = json.loads(host.ctl("zone", "status", zone, "--json").stdout)
    return o["dnskey_ttl"], o["zone_ttl"]


def said_serves(host, zone):
    """The TTLs that there were before, by its first word on what it serves."""
    said = [f["body"] for f in map(json.loads, host.ctl("status", "--facts").stdout.splitlines())
            if f["kind"] == "key.serves" and f["name"] == host.name and f["zone"] == zone.rstrip(".") + "."]
    return (said[0]["dnskey_ttl"], said[0]["largest_ttl"]) if said else None


def above(serial, than):
    return 0 < (serial - than) & 0xffffffff < 2 ** 31


def behind(host):
    """A secondary of this signer alone, since a signer answers transfers and SOA only."""
    server = NSD(host.lab, "nsd-" + host.name, list(ZONES), [host.addr]).start()
    for zone in ZONES:
        wait_until(lambda z=zone: server.signed(z), 20, "NSD behind %s serves %s" % (host.name, zone))
    return server
