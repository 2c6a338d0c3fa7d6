# SPDX-License-Identifier: BSD-3-Clause
"""A zone whose source is a hidden primary: BIND, with TSIG on every transfer, in and out, and what happens when it misbehaves."""

import json
import os

from duetlab import *

ZONE = "example.org"
DOT = "zone=example.org."
KEY, SECRET = "xfr.example.", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def status(host):
    return json.loads(host.ctl("--json", "zone", "status", ZONE).stdout)


def text(serial, more=""):
    """refresh 3600 s, so that a change that comes earlier came by NOTIFY."""
    return small_zone(ZONE, serial=serial, more=more)


@limit(240)
def test_a_hidden_primary_with_tsig_in_and_out(lab):
    cluster = Cluster(lab).init()
    s1, s2 = cluster.signer1, cluster.signer2
    primary = BindPrimary(lab, "primary", {ZONE: text(2026010101)}, {KEY: SECRET}, KEY,
                          notify=[Primary(s.addr) for s in (s1, s2)])
    nsd = NSD(lab, "nsd", [ZONE], [Primary(s1.addr, key=KEY)], {KEY: SECRET})
    knot = Knot(lab, "knot", [ZONE], [Primary(s2.addr, key=KEY)], {KEY: SECRET})
    cluster.add_secondary(nsd, of=["signer1"], key=KEY)
    cluster.add_secondary(knot, of=["signer2"], key=KEY)
    for s in (s1, s2):
        s.conf["signer"]["transfer"] = [{"prefix": "127.0.0.0/8", "key": KEY}]
    cluster.write_confs()
    primary.start()
    cluster.start()
    secret = lab.write("xfr.secret", SECRET + "\n", mode=0o600)
    s1.ctl("tsig", "create", KEY, "--file", secret)
    s2.ctl("zone", "add", ZONE, "--source", "primary:%s#%d,%s" % (primary.addr, primary.port, KEY))
    s1.ctl("key", "create", ZONE)
    signed = {"keyring": {KEY: SECRET}, "keyname": KEY}
    for s in (s1, s2):
        s.signer.wait_event("event=published " + DOT, 30)
        wait_until(lambda h=s: "RRSIG" in axfr_text(h.addr, ZONE, **signed), 30, "%s serves the zone signed" % s.name, every=0.2)
        verify(axfr_file(lab, s.addr, ZONE, **signed), ZONE)
        if rcode(query(s.addr, ZONE, "SOA")) != "REFUSED":
            raise Failed("%s answers without the key" % s.name)
    for s in (nsd, knot):
        s.start()
        wait_until(lambda p=s: p.signed(ZONE), 20, "%s serves the zone signed" % s.name)

    # A change: NOTIFY, transfer, signing, NOTIFY, transfer.
    primary.set_zone(ZONE, text(2026010102, 'changed TXT "yes"\n'))
    primary.reload()
    for s in (nsd, knot):
        wait_until(lambda p=s: rcode(p.query("changed." + ZONE, "TXT")) == "NOERROR", 20, "the change at " + s.name)

    # The primary's serial goes back: refused, shown, the version stays; `accept-serial` takes it.
    before = nsd.serial(ZONE)
    primary.kill()
    primary.set_zone(ZONE, text(2025010101, 'restored TXT "yes"\n'))
    since = {s: s.signer.mark() for s in (s1, s2)}
    primary.start()
    primary.reload()
    for s in (s1, s2):
        why = s.signer.wait_event("event=input-failed " + DOT, 20, since[s])
        if "lies below" not in why["msg"]:
            raise Failed(str(why))
        wait_until(lambda h=s: "lies below" in json.dumps(status(h)), 10, "%s shows it" % s.name)
    if nsd.serial(ZONE) != before:
        raise Failed("the served version went away")
    s1.ctl("zone", "accept-serial", ZONE)
    for s in (nsd, knot):
        wait_until(lambda p=s: rcode(p.query("restored." + ZONE, "TXT")) == "NOERROR", 30, "the restored content at " + s.name)
    verify(axfr_file(lab, nsd.addr, ZONE), ZONE)
