# SPDX-License-Identifier: BSD-3-Clause
"""One signer in a cluster: its first version of a big zone, AXFR out, memory, a changed file until NSD serves it."""

import os
import re
import time

from benchlib import Table, anonymous_kib, progress
from duetlab import DNS_PORT, NSD, Cluster, Failed, run, small_zone, wait_until

BIG, SMALL = "bench", "small.example"


def axfr_rates(args, host):
    out = run([os.path.join(args.bench, "axfrsink"), "-p", str(DNS_PORT), "-r", "5", host.addr, BIG], timeout=300).stdout
    rates = [float(x) for x in re.findall(r"MB/s=([\d.]+)", out)]
    if not rates:
        raise Failed("axfrsink says no MB/s:\n" + out)
    return rates


def change_to_secondary(cluster, nsd, zone, text):
    """A new delegation in the zone's file; seconds until NSD refers to it."""
    wait_until(lambda: nsd.signed(zone), 600, "NSD serves %s" % zone)

    def changed():
        r = nsd.query("changed.%s." % zone, "NS", rd=False)
        return any(x.name.to_text().startswith("changed.") for x in r.authority)
    begin = time.monotonic()
    cluster.put_zone(zone + ".zone", text)
    wait_until(changed, 600, "the change of %s at NSD" % zone, every=0.01)
    return time.monotonic() - begin


def tables(lab, args):
    table = Table("A signer with one zone of %d delegations" % args.n, ["what", "figure", "unit"])
    text = run([os.path.join(args.bench, "zonegen"), "tld", "-n", str(args.n)], timeout=300).stdout
    cluster = Cluster(lab, signers=1, backups=1).init()
    s = cluster.signer1
    nsd = NSD(lab, "nsd", [BIG, SMALL], [s.addr])
    cluster.add_secondary(nsd, of=[s])
    cluster.write_confs()
    cluster.start()
    nsd.start()
    for zone, content in ((SMALL, small_zone(SMALL, n=100)), (BIG, text)):
        since = s.signer.mark()
        cluster.add_zone(zone, content)
        s.ctl("key", "create", zone)
        begin = time.monotonic()
        s.signer.wait_event("event=published zone=%s." % zone, 600, since)
        if zone == BIG:
            table.add("first version, from the key on", time.monotonic() - begin, "s")
        else:
            seconds = change_to_secondary(cluster, nsd, SMALL, small_zone(SMALL, n=100, serial=2, more="changed NS ns1\n"))
            table.add("file change until NSD serves it, a zone of 100 names", seconds, "s")
    wait_until(lambda: s.signed(BIG), 60)
    progress("AXFR out")
    table.add("AXFR out over loopback, best of 5", max(axfr_rates(args, s)), "MB/s")
    for name, pid in (("engine", s.signer.popen.pid), ("net", s.signer.children()[0])):
        table.add("anonymous memory of " + name, anonymous_kib(pid) / 1024, "MiB")
    seconds = change_to_secondary(cluster, nsd, BIG, text + "changed.%s. 3600 IN NS ns1.%s.\n" % (BIG, BIG))
    table.add("file change until NSD serves it, the big zone", seconds, "s")
    yield table
