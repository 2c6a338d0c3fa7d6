# SPDX-License-Identifier: BSD-3-Clause
"""Versions as text: export of each stage, what leads from one to another; and a serial that is set, up and down."""

import json
import time

import dns.zone

from duetlab import *
from test_review import DOT, ZONE, Site, text


def lines(out, sign):
    """What a difference has, without the DNSSEC records and the SOA."""
    rows = (row[1:].split() for row in out.splitlines() if row.startswith(sign))
    return sorted(row[0] + " " + row[3] for row in rows if row[3] not in ("RRSIG", "NSEC", "SOA"))


def content(zone_text):
    z = dns.zone.from_text(zone_text, origin=ZONE + ".", relativize=False)
    return {(name, rds.ttl, rdata.to_text()) for name, rds in z.iterate_rdatasets() for rdata in rds}


@limit(120)
def test_each_stage_as_text(lab):
    site = Site(lab, "load-review: manual\nsign-review: manual\n")
    host, log = site.host, site.log
    for stage in "load", "sign":
        site.verb("approve", {"serial": site.candidate(stage)})
    site.wait_first_ds()
    mark = log.mark()
    site.put(2)
    site.candidate("load", since=mark)
    unsigned = host.ctl("zone", "export", ZONE, "--stage", "unsigned").stdout
    if content(unsigned) != content(text(2)):
        raise Failed("the unsigned stage is not the input:\n" + unsigned)
    out = host.ctl("zone", "diff", ZONE, "published", "loaded").stdout
    if lines(out, "-") != ["v1.%s. TXT" % ZONE] or lines(out, "+") != ["v2.%s. TXT" % ZONE] or "RRSIG" in out:
        raise Failed("published to loaded:\n" + out)
    site.verb("approve", {"serial": 2})
    serial = site.candidate("sign", since=mark)
    out = host.ctl("zone", "diff", ZONE, str(host.serial(ZONE)), str(serial)).stdout
    if lines(out, "-") != ["v1.%s. TXT" % ZONE] or lines(out, "+") != ["v2.%s. TXT" % ZONE] or "+v2.%s. " % ZONE not in out \
            or "RRSIG\tTXT" not in out.replace(" ", "\t"):
        raise Failed("by serials:\n" + out)
    said = json.loads(host.ctl("--json", "zone", "diff", ZONE, "signed", "published").stdout)["text"]
    if lines(said, "+") != ["v1.%s. TXT" % ZONE]:
        raise Failed("the other way round:\n" + said)
    if host.ctl("zone", "diff", ZONE, "published", "published").stdout:
        raise Failed("a version differs from itself")
    path = lab.path("signed.zone")
    host.ctl("zone", "export", ZONE, "--serial", str(serial), "--out", path)
    verify(path, ZONE)
    names = [row.split()[0].lower() for row in open(path) if "RRSIG" not in row]
    key = [dns.name.from_text(n) for n in names]
    if key != sorted(key):
        raise Failed("not in canonical order")
    published = host.ctl("zone", "export", ZONE).stdout
    if "v1." not in published or "v2." in published:
        raise Failed("the candidate is taken for published")
    for words in (("diff", "published", "99"), ("diff", "nonsense", "signed"), ("export", "--serial", "99")):
        if host.ctl("zone", words[0], ZONE, *words[1:], check=False).returncode != 1:
            raise Failed("taken: %s" % (words,))


@limit(240)
def test_a_serial_is_set(lab):
    """Up in one step; down around in several, each shown by all secondaries of both signers before the next."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signers()
    nsd, knot = NSD(lab, "nsd", [ZONE], [s1.addr]), Knot(lab, "knot", [ZONE], [s2.addr])
    cluster.add_secondary(nsd, of=["signer1"])
    cluster.add_secondary(knot, of=["signer2"])
    cluster.write_confs()
    cluster.start()
    cluster.add_zone(ZONE, text(1))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    nsd.start()
    knot.start()
    today = s1.serial(ZONE) // 100 * 100        # it may be another day in a moment
    if s1.ctl("zone", "set-serial", ZONE, str(today - 5), check=False).returncode != 1:
        raise Failed("a serial below that of the date is taken")
    for serial in today + 100000000, today + 7:
        said = json.loads(s1.ctl("--json", "zone", "set-serial", ZONE, str(serial), "--timeout", "3m", timeout=200).stdout)
        if said["serial"] != serial:
            raise Failed(said)
        for server in s1, s2, nsd, knot:
            if server.serial(ZONE) not in range(serial, serial + 5):
                raise Failed("%s shows %s, not %d" % (server.name, server.serial(ZONE), serial))
    cluster.put_zone(ZONE + ".zone", text(2))
    for server in nsd, knot:
        wait_until(lambda s=server: "v2." in axfr_text(s.addr, ZONE), 60, "%s goes on from there" % server.name, every=0.3)
    if nsd.serial(ZONE) > int(time.strftime("%Y%m%d00", time.gmtime())) + 20:
        raise Failed("the next serial is %d" % nsd.serial(ZONE))
