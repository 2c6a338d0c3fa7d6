# SPDX-License-Identifier: BSD-3-Clause
"""One signer in a cluster: its first version of a big zone, memory, restarts, a changed file until NSD serves it, all
signed anew, and the disk after compaction."""

import os
import re
import statistics
import time

import dns.rdatatype

from benchlib import Table, anonymous_kib, judge_served, progress
from duetlab import DNS_PORT, NSD, Cluster, Failed, query, run, small_zone, wait_until

BIG, SMALL = "bench", "small.example"


LARGE = 4000000         # octets; less is not worth compacting
SETTLE_S = 5            # after which what was freed has gone back to the system
COMPACT_S = 300         # the daemon looks every minute, once nothing was published for ten seconds


def wire_octets(args, host):
    out = run([os.path.join(args.bench, "axfrsink"), "-p", str(DNS_PORT), host.addr, BIG], timeout=300).stdout
    found = re.search(r"\boctets=(\d+)", out)
    if not found:
        raise Failed("axfrsink says no octets:\n" + out)
    return int(found.group(1))


def disk_octets(host):
    folder = os.path.join(host.state, "signer")
    return sum(e.stat().st_size for e in os.scandir(folder) if e.is_file())


def version(host):
    """What names the version that is served: the RRSIGs of its SOA."""
    answer = query(host.addr, BIG, "SOA", rd=False, timeout=0.2).answer
    return sorted(x.to_text() for rrset in answer for x in rrset if rrset.rdtype == dns.rdatatype.RRSIG)


def restart(host, which):
    """Seconds from the start of these daemons until the zone's SOA is answered; nothing is signed for that."""
    before = version(host)
    for name in reversed(which):
        host.stop(name)
    begin = time.monotonic()
    for name in which:
        host.start(name, wait=False)
    after = wait_until(lambda: version(host), 60, "the zone is served again", every=0.002)
    seconds = time.monotonic() - begin
    if after != before:
        raise Failed("a restart made another version")
    return seconds


def disk_after_all_anew(args, host):
    """Signs all anew, so that all that lies there is dead, and waits for compaction; disk and wire octets."""
    serial = host.serial(BIG)
    progress("all signed anew, then compaction")
    host.ctl("zone", "sign", BIG, "--full", check=False, timeout=600)    # its answer may come before a large zone is published
    wait_until(lambda: (host.serial(BIG) or 0) > serial, 600, "all is signed anew", every=0.1)
    wire = wire_octets(args, host)
    least = [disk_octets(host)]

    def small():
        least[0] = min(least[0], disk_octets(host))
        return least[0] <= 1.15 * wire
    try:
        wait_until(small, COMPACT_S if wire > LARGE else 1, "compaction", every=0.5)
    except Failed:
        pass            # the table shows it
    return least[0], wire


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
    total = 0
    time.sleep(SETTLE_S if args.n >= 10000 else 0)
    for name, pid in (("engine", s.signer.popen.pid), ("net", s.signer.children()[0])):
        total += anonymous_kib(pid) / 1024
        table.add("anonymous memory of " + name, anonymous_kib(pid) / 1024, "MiB")
    table.add("anonymous memory of both", total, "MiB")
    table.figure("serve.memory", args.n, [total])
    table.add("disk, of the octets of its AXFR", disk_octets(s) / wire_octets(args, s), "times")
    progress("restarts")
    for name, which in (("signer", ["signer"]), ("keydist and signer", ["keydist", "signer"])):
        times = [restart(s, which) for _ in range(args.runs)]
        table.add("restart of %s until the zone is served, nothing signed" % name, statistics.median(times), "s")
        table.figure("serve.restart" if which == ["signer"] else "serve.restart-both", args.n, times)
    seconds = change_to_secondary(cluster, nsd, BIG, text + "changed.%s. 3600 IN NS ns1.example.net.\n" % BIG)
    table.add("file change until NSD serves it, the big zone", seconds, "s")
    disk, wire = disk_after_all_anew(args, s)
    table.add("disk after all was signed anew and compacted, of the octets of its AXFR", disk / wire, "times")
    table.figure("serve.disk", args.n, [disk / wire])
    judge_served(lab, args, cluster, BIG)
    yield table


PARTS = {"": tables}
