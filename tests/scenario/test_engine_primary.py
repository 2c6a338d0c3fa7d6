# SPDX-License-Identifier: BSD-3-Clause
"""A zone that comes from a hidden primary with TSIG: followed, refused when it goes back, outlived when it is gone."""

import re

from duetlab import *
from test_engine_publish import status

ZONE = "example.net"
DOT = "zone=example.net."
KEY = "xfr.example."


@limit(300)
def test_zone_from_a_hidden_primary(lab):
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signer1, cluster.signer2
    cluster.start()
    out = lab.path("xfr.key")
    s1.ctl("tsig", "create", KEY, "--out", out)
    with open(out, encoding="ascii") as f:
        secret = re.search(r'secret\s+"?([A-Za-z0-9+/=]+)"?', f.read()).group(1)
    bind = BindPrimary(lab, "primary", {ZONE: small_zone(ZONE, serial=500)}, keys={KEY: secret}, transfer_key=KEY,
                       notify=[Primary(s1.addr), Primary(s2.addr)]).start()
    s2.ctl("zone", "add", ZONE, "--source", "primary:%s#%d,%s" % (bind.addr, bind.port, KEY))
    s2.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)

    def both_have(text):
        for h in (s1, s2):
            wait_until(lambda host=h: text in axfr_text(host.addr, ZONE), 40, "%s has %s" % (h.name, text), every=0.2)

    for h in (s1, s2):
        wait_until(lambda host=h: status(host, ZONE)["content"] == 500, 10, "content number is the primary's serial")
    bind.set_zone(ZONE, small_zone(ZONE, serial=501, more="first TXT \"x\"\n"))
    bind.reload()
    both_have("first")
    wait_until(lambda: s1.serial(ZONE) == s2.serial(ZONE), 20, "one serial on both")
    for h in (s1, s2):
        verify(axfr_file(lab, h.addr, ZONE), ZONE)

    # The primary's serial goes back: refused, shown, the old version stays, until an operator accepts it.
    before = axfr_text(s1.addr, ZONE)
    bind.stop()
    bind.set_zone(ZONE, small_zone(ZONE, serial=400, more="back TXT \"x\"\n"))
    mark = s1.signer.mark()
    bind.start()
    bind.reload()
    s1.signer.wait_event("event=zone-refused " + DOT, 60, mark)
    shown = status(s1, ZONE)
    if "400" not in (shown["error"] or "") or not shown["next"]:
        raise Failed("status: %s, next %s" % (shown["error"], shown["next"]))
    if axfr_text(s1.addr, ZONE) != before:
        raise Failed("another version is served")
    s1.ctl("zone", "accept-serial", ZONE)
    both_have("back")
    wait_until(lambda: s1.serial(ZONE) == s2.serial(ZONE), 20, "one serial on both")
    for h in (s1, s2):
        if (status(h, ZONE)["epoch"], status(h, ZONE)["content"]) != (1, 400):
            raise Failed("content of %s: %s" % (h.name, status(h, ZONE)))

    # Gone for good: what is published stays, a restart serves it, and it is signed anew without the primary.
    bind.stop()
    serial = s1.serial(ZONE)
    s1.kill("signer")
    s1.start("signer")
    if s1.serial(ZONE) != serial:
        raise Failed("a restart changed the serial")
    s1.ctl("zone", "sign", ZONE, "--full")
    s1.wait_served(ZONE)
    if s1.serial(ZONE) <= serial:
        raise Failed("not signed anew")
    verify(axfr_file(lab, s1.addr, ZONE), ZONE)
