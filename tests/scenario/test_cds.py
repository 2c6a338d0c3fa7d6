# SPDX-License-Identifier: BSD-3-Clause
"""CDS and CDNSKEY around rollovers alone, with the digests that the policy wants; duetctl key ds prints the same."""

from duetlab import Cluster, Failed, limit, small_zone, wait_until
from dnstools import axfr, axfr_file, verify

ZONE = "example.org"
POLICY = "name: default\nkeys: ksk+zsk\nrequire-backups: 0\npropagation: 0\ndnskey-ttl: 1s\nmax-ttl-signed: 2s\n" \
         "max-ttl-unsigned: 1h\nrenewal-margin: 7d\ncds-when: rollovers\nds-digest: %s\n"


def served(host, rdtype):
    """What the signer publishes at the apex."""
    z = axfr(host.addr, ZONE)
    rdataset = z.get_rdataset(z.origin, rdtype)
    return sorted(str(r) for r in rdataset) if rdataset else []


def printed(host, *args):
    """The data of the records that key ds prints, without blanks, which people put into digests."""
    rows = [line.split() for line in host.ctl("key", "ds", ZONE, *args, check=False).stdout.splitlines()]
    return sorted("".join(row[4:]).lower() for row in rows)


def same(host, rdtype, *args):
    return printed(host, *args) == sorted("".join(r.split()).lower() for r in served(host, rdtype))


@limit(150)
def test_cds_come_around_rollovers(lab):
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1 = cluster.signer1
    cluster.write_confs()
    cluster.start()
    s1.ctl("policy", "apply", lab.write("both.yaml", POLICY % "both"))
    cluster.add_zone(ZONE, small_zone(ZONE, n=2, ttl=1, minimum=1))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    wait_until(lambda: s1.ctl("key", "ds", ZONE, check=False).returncode == 0, 60, "the DS may go to the parent", every=0.3)
    wait_until(lambda: served(s1, "CDS"), 30, "CDS of the first key", every=0.1)    # which come with the next version
    cds = served(s1, "CDS")
    if sorted(r.split()[2] for r in cds) != ["2", "4"] or len(served(s1, "CDNSKEY")) != 1:
        raise Failed("a DS is to come: CDS %s, CDNSKEY %s" % (cds, served(s1, "CDNSKEY")))
    if not same(s1, "CDS", "--cds") or not same(s1, "CDNSKEY", "--cdnskey") or printed(s1) != printed(s1, "--cds"):
        raise Failed("key ds prints %s and %s" % (printed(s1), printed(s1, "--cds", "--cdnskey")))
    verify(axfr_file(lab, s1.addr, ZONE), ZONE)
    s1.ctl("key", "ds-seen", ZONE, "--ttl", "1s")
    wait_until(lambda: not served(s1, "CDS") and not served(s1, "CDNSKEY"), 60, "the DS is there: no CDS", every=0.3)
    if printed(s1, "--cds") or len(printed(s1)) != 2:
        raise Failed("key ds prints %s" % printed(s1))
    # A roll, with the other digest alone.
    s1.ctl("policy", "apply", lab.write("one.yaml", POLICY % "sha384"))
    s1.ctl("key", "roll", ZONE, "--role", "ksk")
    wait_until(lambda: served(s1, "CDS"), 60, "CDS of the new key", every=0.3)
    if {r.split()[2] for r in served(s1, "CDS")} != {"4"}:
        raise Failed("CDS: %s" % served(s1, "CDS"))
