# SPDX-License-Identifier: BSD-3-Clause
"""Many small zones, on one signer and on two with a backup: from one command until all are served, what that cost each daemon,
memory, a restart, a change to one of them."""

import os
import re
import statistics
import time

from benchlib import MIB, GrowingLog, MemoryWatch, Table, anonymous_kib, judge, progress, resident_kib
from duetlab import DNS_PORT, Cluster, Lab, axfr, query, run, wait_until

KNOWN = 20          # of all zones, looked at by name
SETTLED_S = 5       # the engine gives memory back after three without a change
JUDGED_ZONES = 10   # of all, verified by programs of others


def resident_mib(pid):
    return resident_kib(pid) / MIB


class Served:
    """How many zones a host's net process has said to serve since an offset of its log."""

    def __init__(self, host, since):
        self.log, self.names = GrowingLog(host.signer, since), set()

    def count(self):
        self.names.update(re.findall(rb"event=serving zone=(\S+)", self.log.news()))
        return len(self.names)


def wait_served(host, names, timeout):
    served = Served(host, host.since)
    wait_until(lambda: served.count() >= len(names), timeout, "all are served by %s" % host.name, every=0.05)
    wait_until(lambda: all(answers(host, n) for n in names[:: max(1, len(names) // KNOWN)]), 20, "they answer")


def answers(host, zone):
    r = query(host.addr, zone, "SOA", timeout=1)
    return r is not None and len(r.answer) > 0


def used_s(pid):
    """CPU seconds of a process."""
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def programs(lab):
    """{pid: program} of all that this lab runs: auditors are nobody's children."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as f, open("/proc/%s/comm" % pid, encoding="utf-8") as c:
                name = c.read().strip()
                if name.startswith("duet-") and os.fsencode(lab.dir) in f.read():
                    found[int(pid)] = name
        except OSError:
            pass        # it has ended
    return found


def cpu_ms(lab, count):
    """Milliseconds of CPU for each zone, by program, all nodes together."""
    used = {}
    for pid, name in programs(lab).items():
        used[name] = used.get(name, 0) + used_s(pid)
    return ", ".join("%s %.2f" % (name[len("duet-"):], s * 1000 / count) for name, s in sorted(used.items()))


def settle(pids, for_s):
    """What was needed for a moment goes back within seconds: until it has not changed by a MiB for so long."""
    before, since = 0, time.monotonic()
    while time.monotonic() - since < for_s:
        now = sum(resident_mib(p) for p in pids)
        if abs(now - before) > 1:
            before, since = now, time.monotonic()
        time.sleep(0.2)


def engine_and_net(host):
    return host.signer.popen.pid, host.signer.children()[0]


def watch(*pids):
    """Looks at what they have resident from now on; it takes its time beside what is measured."""
    w = MemoryWatch(*pids, of=resident_kib, every=0.05)
    w.start()
    return w


def most_mib(w):
    w.ended.set()
    w.join()
    return w.most_kib / MIB


def memory(table, host, when, args):
    """Engine and net together, resident, MiB, once they are at rest."""
    engine, net = engine_and_net(host)
    settle((engine, net), 0 if args.smoke else SETTLED_S)
    resident, anonymous = [resident_mib(p) for p in (engine, net)], [anonymous_kib(p) / 1024 for p in (engine, net)]
    table.add("engine + net, at rest %s, resident (anonymous), MiB" % when,
              "%.0f + %.0f (%.0f + %.0f)" % (*resident, *anonymous))
    return sum(resident)


def change_one(host, zone, text, i):
    """Milliseconds from the changed file to the new version."""
    mark = host.signer.mark()
    begin = time.monotonic()
    host.put_zone(zone + ".zone", re.sub(r"(SOA\s+\S+\s+\S+\s+)\d+", r"\g<1>%d" % (3000000000 + i), text, count=1) +
                  "changed%d.%s. 300 IN TXT \"x\"\n" % (i, zone))
    host.signer.wait_event("event=serving zone=%s." % zone, 30, mark)
    return (time.monotonic() - begin) * 1000


def farm(lab, table, args, folder, names, signers):
    """One set-up from its start to its end."""
    one, what = signers == 1, "farm." if signers == 1 else "farm.cluster_"
    cluster = Cluster(lab, signers=signers, backups=0 if one else 1,
                      conf={"signer1": {"node": {"clock": "trust"}}} if one else None).init()
    s1 = cluster.signer1
    for host in cluster.signers():
        os.rmdir(host.zones)
        os.symlink(folder, host.zones)
    cluster.start()
    if one:
        s1.ctl("policy", "apply", lab.write("policy.yaml", "name: default\nrequire-backups: 0\n"))
    for host in cluster.signers():
        host.since = host.signer.mark()
    both, alone = watch(*engine_and_net(s1)), watch(s1.keydist.popen.pid)
    progress("adding %d zones to %d signers" % (len(names), signers))
    begin = time.monotonic()
    s1.ctl("zone", "add", "--from", os.path.join(folder, "zones.txt"), "--key", timeout=600)
    told = time.monotonic()
    for host in cluster.signers():
        wait_served(host, names, 600)
    served_s = time.monotonic() - begin
    table.add("from one command until all are served, s", "%.1f" % served_s)
    table.figure(what + "served", len(names), [served_s])
    table.add("until the command had ended, s", "%.1f" % (told - begin))
    table.add("CPU for each zone, ms", cpu_ms(lab, len(names)))
    most = most_mib(both)
    table.add("engine + net, the most at any moment meanwhile, resident, MiB", "%.0f" % most)
    table.add("keydist, the same", "%.0f" % most_mib(alone))
    loaded = memory(table, s1, "after that", args)
    zone = names[len(names) // 2]
    with open(os.path.join(folder, zone + ".zone"), encoding="ascii") as f:
        text = f.read()
    took = [change_one(s1, zone, text, i) for i in range(3 if args.smoke else 11)]
    table.add("a change of one zone's file until it is served, median, ms", "%.0f" % statistics.median(took))
    progress("restart")
    s1.stop("signer")
    s1.since = s1.signer.mark()
    begin = time.monotonic()
    s1.start("signer", timeout=120)
    both = watch(*engine_and_net(s1))
    wait_served(s1, names, 120)
    restart_s = time.monotonic() - begin
    table.add("restart until all are served, s", "%.2f" % restart_s)
    table.figure(what + "restart", len(names), [restart_s])
    table.figure(what + "adding", len(names), [most])
    table.figure(what + "rest", len(names), [max(loaded, memory(table, s1, "after a restart", args))])
    most = most_mib(both)
    table.add("engine + net, the most at any moment after it, resident, MiB", "%.0f" % most)
    table.figure(what + "starting", len(names), [most])
    for name in names[:: max(1, len(names) // JUDGED_ZONES)]:
        judge(lab, s1.addr, name)
    if len(list(axfr(s1.addr, names[-1], DNS_PORT).nodes)) < 6:
        raise SystemExit("the last zone is not whole")
    for host in cluster.hosts.values():
        host.stop()


def part(signers, title):
    def tables(lab, args):
        count = 100 if args.smoke else 10000 if args.big else 1000
        folder = lab.folder("farm")
        run([os.path.join(args.bench, "zonegen"), "farm", "-n", str(count), "-D", folder], timeout=300)
        with open(os.path.join(folder, "zones.txt"), encoding="ascii") as f:
            names = [line.strip().rstrip(".") for line in f]
        table = Table("%d zones of 20 records, %s, all on this machine" % (count, title), ["what", "figure"])
        with Lab(None, programs=args.programs) as own:
            farm(own, table, args, folder, names, signers)
        yield table
    return tables


PARTS = {"one": part(1, "one signer, no backup"), "cluster": part(2, "two signers and a backup")}
