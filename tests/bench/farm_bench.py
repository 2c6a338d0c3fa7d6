# SPDX-License-Identifier: BSD-3-Clause
"""Many small zones on two signers: from one command until all are served, memory, a restart, a change to one of them."""

import os
import re
import statistics
import time

from benchlib import Table, anonymous_kib, judge, progress
from duetlab import DNS_PORT, Cluster, axfr, query, run, wait_until

KNOWN = 20          # of all zones, looked at by name
JUDGED_ZONES = 10   # of all, verified by programs of others


def resident_mib(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M).group(1)) / 1024


def served(host, names):
    """How many of the zones the host's net process has said to serve."""
    with open(host.signer.log, "rb") as f:
        f.seek(host.since)
        text = f.read()
    return len(set(re.findall(rb"event=serving zone=(\S+)", text)))


def wait_served(host, names, timeout):
    wait_until(lambda: served(host, names) >= len(names), timeout, "all are served by %s" % host.name, every=0.05)
    wait_until(lambda: all(answers(host, n) for n in names[:: max(1, len(names) // KNOWN)]), 20, "they answer")


def answers(host, zone):
    r = query(host.addr, zone, "SOA", timeout=1)
    return r is not None and len(r.answer) > 0


def memory(table, host, when):
    """Engine and net together, resident, MiB."""
    engine, net = host.signer.popen.pid, host.signer.children()[0]
    table.add("memory of engine + net, %s, resident, MiB" % when,
               "%.0f + %.0f = %.0f" % (resident_mib(engine), resident_mib(net), resident_mib(engine) + resident_mib(net)))
    table.add("of that anonymous, MiB", "%.0f + %.0f" % (anonymous_kib(engine) / 1024, anonymous_kib(net) / 1024))
    return resident_mib(engine) + resident_mib(net)


def change_one(host, zone, text, i):
    """Milliseconds from the changed file to the new version."""
    mark = host.signer.mark()
    begin = time.monotonic()
    host.put_zone(zone + ".zone", re.sub(r"(SOA\s+\S+\s+\S+\s+)\d+", r"\g<1>%d" % (3000000000 + i), text, count=1) +
                  "changed%d.%s. 300 IN TXT \"x\"\n" % (i, zone))
    host.signer.wait_event("event=serving zone=%s." % zone, 30, mark)
    return (time.monotonic() - begin) * 1000


def tables(lab, args):
    count = 100 if args.smoke else 10000 if args.big else 1000
    folder = lab.folder("farm")
    run([os.path.join(args.bench, "zonegen"), "farm", "-n", str(count), "-D", folder], timeout=300)
    with open(os.path.join(folder, "zones.txt"), encoding="ascii") as f:
        names = [line.strip().rstrip(".") for line in f]
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signers()
    for host in cluster.signers():
        os.rmdir(host.zones)
        os.symlink(folder, host.zones)
    cluster.start()
    table = Table("%d zones of 20 records, two signers and a backup on this machine" % count, ["what", "figure"])
    begin = time.monotonic()
    for host in cluster.signers():
        host.since = host.signer.mark()
    progress("adding %d zones" % count)
    s1.ctl("zone", "add", "--from", os.path.join(folder, "zones.txt"), "--key", timeout=600)
    told = time.monotonic()
    for host in cluster.signers():
        wait_served(host, names, 600)
    served_s = time.monotonic() - begin
    table.add("from one command until all are served by both, s", "%.1f" % served_s)
    table.figure("farm.served", count, [served_s])
    table.add("until the command had ended, s", "%.1f" % (told - begin))
    loaded = memory(table, s1, "after that")
    took = [change_one(s1, names[count // 2], open(os.path.join(folder, names[count // 2] + ".zone"), encoding="ascii").read(), i)
            for i in range(3 if args.smoke else 11)]
    table.add("a change of one zone's file until it is served, median, ms", "%.0f" % statistics.median(took))
    progress("restart")
    s1.stop("signer")
    s1.since = s1.signer.mark()
    begin = time.monotonic()
    s1.start("signer", timeout=120)
    wait_served(s1, names, 120)
    restart_s = time.monotonic() - begin
    table.add("restart until all are served, s", "%.2f" % restart_s)
    table.figure("farm.restart", count, [restart_s])
    table.figure("farm.memory", count, [max(loaded, memory(table, s1, "after a restart"))])
    for name in names[:: max(1, count // JUDGED_ZONES)]:
        judge(lab, s1.addr, name)
    if len(list(axfr(s1.addr, names[-1], DNS_PORT).nodes)) < 6:
        raise SystemExit("the last zone is not whole")
    return [table]


PARTS = {"": tables}
