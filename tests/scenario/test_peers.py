# SPDX-License-Identifier: BSD-3-Clause
"""The lab itself: a zone signed by BIND's tools goes through every peer, so that a fault elsewhere is not the lab's."""

import glob
import os

from duetlab import (NSD, Bind, BindPrimary, BindResolver, Failed, Knot, KnotResolver, Unbound, axfr_file,
                     find_program, has_ad, rcode, run, small_zone, verify)


def signed_zone(lab, zone):
    """Signs small_zone with dnssec-signzone; (text, DS lines)."""
    folder = lab.folder("keys")
    run([find_program("dnssec-keygen"), "-q", "-K", folder, "-a", "13", "-f", "KSK", zone])
    run([find_program("dnssec-keygen"), "-q", "-K", folder, "-a", "13", zone])
    path = lab.write("keys/zone", small_zone(zone))
    run([find_program("dnssec-signzone"), "-q", "-S", "-K", folder, "-d", folder, "-o", zone, "-f", path + ".signed", path])
    ds = [row for f in glob.glob(os.path.join(folder, "dsset-*")) for row in open(f, encoding="ascii").read().splitlines()]
    with open(path + ".signed", encoding="ascii") as f:
        return f.read(), ds


def test_peers(lab):
    zone = "example.test"
    text, ds = signed_zone(lab, zone)
    primary = BindPrimary(lab, "primary", {zone: text}).start()
    key = {"xfr.example": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYzE="}
    of = [(primary.addr, primary.port)]
    secondaries = [NSD(lab, "nsd", [zone], of, key), Knot(lab, "knot", [zone], of, key), Bind(lab, "bind", [zone], of, key)]
    for s in secondaries:
        s.start()
    for s in secondaries:
        s.wait_serial(zone, 1)
        verify(axfr_file(lab, s.addr, zone, port=s.port, name=s.name + ".axfr"), zone)
    for i, s in enumerate(secondaries):
        stub = {zone: (s.addr, s.port)}
        kinds = [Unbound, BindResolver, KnotResolver]
        r = kinds[i](lab, "resolver%d" % i, stub, ds).start()
        for name, rdtype, want in (("host1", "A", "NOERROR"), ("nothing", "A", "NXDOMAIN"), ("host2", "TXT", "NOERROR"),
                                   ("x.wild", "TXT", "NOERROR")):
            a = r.query("%s.%s" % (name, zone), rdtype)
            if rcode(a) != want or not has_ad(a):
                raise Failed("%s through %s: %s %s\n%s\n%s" % (name, r.name, rcode(a), a, r.process.log, r.process.tail()))
