# SPDX-License-Identifier: BSD-3-Clause
"""A zone moves here from a signer whose private keys do not: each signer shows the other's DNSKEYs, the parent names both, and
validators that ask now this one, now that one, never notice (RFC 8901; docs/migrate.md)."""

import os

import dns.dnssec
import dns.name
import dns.rdatatype

from dnstools import query
from duetlab import Failed, Knot, KnotPrimary, Unbound, find_program, limit, run, small_zone, wait_until
from opendnssec import OpenDNSSEC
from parentworld import HOSTS, PARENT, TTL, ZONE, World, label_of
from steady import Steady


class KnotSigner(KnotPrimary):
    """knotd signs ZONE with a KSK and a ZSK of its own, which it keeps."""

    def config(self):
        text = super().config().replace("zone:\n", "policy:\n  - id: p\n    ksk-lifetime: 0\n    zsk-lifetime: 0\n"
                                        "    dnskey-ttl: %d\n    zone-max-ttl: %d\n    propagation-delay: 0\n"
                                        "    cds-cdnskey-publish: none\nzone:\n" % (TTL, TTL), 1)
        return text.replace("    acl: any", "    acl: any\n    dnssec-signing: on\n    dnssec-policy: p")

    def tool(self, name, *args):
        return run([find_program(name), "-c", self.conf_path(), *args]).stdout


def dnskeys(server):
    """{tag: record} that a server shows."""
    answer = query(server.addr, ZONE + ".", "DNSKEY", port=server.port, tcp=True, timeout=5)
    return {dns.dnssec.key_id(rd): rd for rrset in answer.answer if rrset.rdtype == dns.rdatatype.DNSKEY for rd in rrset}


def take_in(lab, w, keys, ttl="%d " % TTL):
    """What an operator does with the other signer's DNSKEYs."""
    rows = ["%s. %sIN DNSKEY %s" % (ZONE, ttl, rd) for rd in keys.values()]
    return w.s1.ctl("key", "import", ZONE, "--public", lab.write("theirs", "\n".join(rows) + "\n"), check=False)


def refused(r, want):
    if r.returncode != 1 or want not in r.stderr:
        raise Failed("status %d, %s%s" % (r.returncode, r.stdout, r.stderr))


def moves(lab, w, theirs, show):
    """theirs: a server of the other signer, which runs; show(ours): has it show these DNSKEYs, too."""
    wait_until(lambda: theirs.signed(ZONE), 20, "the zone is signed elsewhere")
    old = dnskeys(theirs)
    w.parent.update(PARENT, add=["%s %d DS %s" % (label_of(ZONE), TTL, dns.dnssec.make_ds(dns.name.from_text(ZONE + "."), rd, 2))
                                 for rd in old.values() if rd.flags & 1])

    # Each has the other's keys.
    w.policy(ZONE, algorithm=8, keys="ksk+zsk")
    w.cluster.add_zone(ZONE, small_zone(ZONE, n=HOSTS, ttl=TTL, minimum=1), policy=label_of(ZONE))
    refused(take_in(lab, w, old), "ours are of algorithm 8")
    w.policy(ZONE, algorithm=13, keys="ksk+zsk")
    refused(take_in(lab, w, old, "%d " % (TTL + 1)), "Raise dnskey-ttl to %d s or more" % (TTL + 1))
    for ttl, said in (("", "the records name no TTL"), ("%d " % TTL, "see to it: lower no TTL")):   # the second time nothing is new
        r = take_in(lab, w, old, ttl)
        if r.returncode != 0 or said not in r.stdout:
            raise Failed("key import --public: %s" % r)
    if any(s.serial(ZONE) for s in w.secondaries):
        raise Failed("a zone without a key of ours is served")
    w.s2.ctl("key", "create", ZONE)
    for s in w.secondaries:
        wait_until(lambda s=s: set(old) < set(dnskeys(s)), 60, "%s shows the keys of both" % s.name, every=0.3)
    refused(w.s1.ctl("key", "roll", ZONE, "--role", "zsk", check=False), "has a key of another signer")
    ours = {tag: rd for tag, rd in dnskeys(w.nsd).items() if tag not in old}
    show(ours)
    wait_until(lambda: set(dnskeys(theirs)) == set(old) | set(ours), 60, "the other signer shows the keys of both")

    # The parent names both; from here on it does not matter whom a validator asks.
    seps = {tag for tag, rd in {**old, **ours}.items() if rd.flags & 1}
    w.wait(lambda: all(d == seps for d in w.ds()), 60, "the parent names both")
    own = lambda h: [k for k in w.live(h) if not k["foreign"]]
    w.wait(lambda: all(own(h) and all(r["phase"] == "omnipresent" for k in own(h) for r in k["records"].values())
                       for h in w.hosts()), 60, "our keys are everywhere")
    for name, servers in (("unbound-theirs", [theirs]), ("unbound-both", [theirs, w.nsd, w.knot]), ("unbound-ours", [w.knot])):
        r = Unbound(lab, name, {PARENT: w.at(w.parent), ZONE: [w.at(s) for s in servers]}, w.anchors).start()
        w.streams.append(Steady(name, r.addr, r.port, ZONE, HOSTS, rate=20, again=True).start())
    w.more(100)
    w.judge()

    # Nobody asks the other signer any more, and its keys go: not before caches have let go of what it signed.
    gone = w.streams.pop(0)
    gone.stop()
    theirs.stop()
    refused(w.s1.ctl("key", "withdraw", ZONE, str(next(iter(ours))), check=False), "is one of ours")
    for tag in old:
        w.s1.ctl("key", "withdraw", ZONE, str(tag))
    w.wait(lambda: not any(set(old) & set(dnskeys(s)) for s in w.secondaries) and w.settled(), 120, "their keys are gone")
    if any(d != {tag for tag, rd in ours.items() if rd.flags & 1} for d in w.ds()):
        raise Failed("the parent names %s" % w.ds())
    refused(take_in(lab, w, old), "was withdrawn, which is final")
    w.more(60)
    w.end()
    print(gone)
    if gone.bogus():
        raise Failed(str(gone))


@limit(300)
def test_a_zone_moves_from_a_signer_whose_keys_stay_there(lab):
    w = World(lab, keys="ksk+zsk", bind=False)
    theirs = KnotSigner(lab, "theirs-knot", {ZONE: small_zone(ZONE, n=HOSTS, ttl=TTL, minimum=1)})

    def show(ours):
        for tag, rd in ours.items():
            path = lab.write("K%d.key" % tag, "%s. %d IN DNSKEY %s\n" % (ZONE, TTL, rd))
            theirs.tool("keymgr", ZONE, "import-pub", path)
        theirs.tool("knotc", "-s", os.path.join(theirs.dir, "run", "knot.sock"), "zone-sign", ZONE)
    moves(lab, w, theirs.start(), show)


@limit(300)
def test_a_zone_moves_from_opendnssec_whose_keys_stay_there(lab):
    """SoftHSM gives no key away; Knot has the zone from OpenDNSSEC, which answers transfers alone."""
    w = World(lab, keys="ksk+zsk", bind=False)
    text = small_zone(ZONE, n=HOSTS, ttl=TTL, minimum=1)
    ods = OpenDNSSEC(lab, ZONE, text, ttl=TTL, extraction=False).start()
    r = ods.export(lab.folder("odskeys"), ods.keys()[0][2], check=False)
    if r.returncode != 1 or "may not leave the token" not in r.stderr:
        raise Failed("status %d, %s%s" % (r.returncode, r.stdout, r.stderr))

    def show(ours):
        ods.set_text(text + "".join("@ %d DNSKEY %s\n" % (TTL, rd) for rd in ours.values()))
        ods.sign_again()
        wait_until(lambda: all(" DNSKEY %s\n" % rd in ods.served() for rd in ours.values()), 60, "OpenDNSSEC shows them", every=0.3)
        # Its NOTIFY may name the serial of the version before.
        run([find_program("knotc"), "-s", os.path.join(knot.dir, "run", "knot.sock"), "zone-refresh", ZONE])
    knot = Knot(lab, "theirs-knot", [ZONE], [(ods.addr, ods.port)], addr=ods.told)
    moves(lab, w, knot.start(), show)
