# SPDX-License-Identifier: BSD-3-Clause
"""Very many zones with three keys each: a pass of the key engine over all of them, what their facts take on disk, two nodes that
meet again after a week, a new signer until it has proven every key.  Keydist alone: no zone is signed here."""

import json
import os
import re
import shutil
import signal
import time

from benchlib import MIB, GrowingLog, MemoryWatch, Table, progress, timed
from duetlab import Cluster, run, wait_until
from farm_bench import used_s

PATIENT_S = 3600
KEYS = 100000       # proven by the one who joins; it is not waited for more


def zones_of(args):
    """A tenth of the names that other sections have in one zone."""
    return 20 if args.smoke else max(args.n // 10, 1)


def values(text):
    """{name: [values]} of name=value lines."""
    got = {}
    for name, value in re.findall(r"^(\w+)=(\S+)$", text, re.M):
        got.setdefault(name, []).append(value)
    return got


def make_facts(lab, args, cluster, zones):
    """What scalefacts says of the facts that it has made: as they are now in facts.db, as they were in facts.db.before."""
    identities = [h.conf["node"]["identity"] for h in (cluster.signer1, cluster.signer2, cluster.vault)]
    progress("facts of %d zones are made" % zones)
    out = timed([os.path.join(args.bench, "scalefacts"), "-n", str(zones), "-t", str(args.threads), *identities,
                 cluster.recovery_line, lab.path("facts.db")], limit_s=PATIENT_S).out
    return {name: v[0] for name, v in values(out).items()}


def engine(lab, args, made, zones):
    table = Table("The key engine, %s zones with 3 keys each" % format(zones, ","), ["what", "figure"],
                  "CPU seconds of one thread. Of 23 of 30 zones the third key is published and about to sign, of 7 it has just been "
                  "made. After a start the facts are read once; a pass over all zones is what a new policy or another node brings.")
    runs = [timed([os.path.join(args.bench, "scalepass"), lab.path("facts.db"), made["node"]], limit_s=PATIENT_S)
            for _ in range(1 if args.smoke or args.big else args.runs)]
    got = [values(r.out) for r in runs]
    passes = [float(p) for g in got for p in g["pass_s"]]
    table.add("one pass over all zones, s", sum(passes) / len(passes))
    table.figure("scale.pass", zones, passes)
    table.add("the first pass, which proves keys, s", float(got[0]["first_s"][0]))
    table.add("facts read into memory, s", min(float(g["load_s"][0]) for g in got))
    table.add("memory with all facts, bytes for each zone", "%.0f" % (runs[0].anon_mib * MIB * 1024 / zones))
    table.add("facts for each zone", "%.1f" % (int(made["facts"]) / zones))
    octets = int(made["octets"]) / zones
    table.add("facts on disk, bytes for each zone", "%.0f" % octets)
    table.figure("scale.disk", zones, [octets])
    return table


# ---- keydists ----

def place(host, path):
    """The host's fact log, before it ever ran."""
    part = "backupd" if host.role == "backup" else "keydist"
    shutil.copyfile(path, os.path.join(host.state, part, "facts.db"))


def received(addr):
    """Octets that a node's sockets to its peers have received."""
    rows = run(["ss", "-tinO", "state", "established", "( src %s )" % addr]).stdout.splitlines()
    return sum(int(m.group(1)) for row in rows for m in [re.search(r"bytes_received:(\d+)", row)] if m)


def holds(host, zone, tag, name):
    """Whether the host knows that a node of this name holds the key."""
    return any(k["tag"] == tag and name in k["held"] for k in json.loads(host.ctl("key", "list", zone, "--json").stdout)["keys"])


class Counted:
    """How many keys a keydist has logged to hold; the last of them."""

    def __init__(self, host):
        self.log, self.n, self.last = GrowingLog(host.keydist), 0, None

    def count(self):
        for zone, tag in re.findall(rb" event=key-held zone=(\S+) key=(\d+)/", self.log.news()):
            self.n, self.last = self.n + 1, (zone.decode(), int(tag))
        return self.n


def a_week_apart(table, cluster, made, zones):
    """signer2 has what there was before the week; until it has all, and until both know that it holds the new keys."""
    s1, s2 = cluster.signer1, cluster.signer2
    new = int(made["facts"]) - int(made["before_facts"])
    cluster.vault.start(timeout=600)
    s1.start("keydist", timeout=600)
    s1.keydist.wait_event("event=compared", PATIENT_S)     # with the backup, which is not there for the rest
    cluster.vault.stop()
    begin = time.monotonic()
    s2.start("keydist", timeout=600)
    table.add("a start of keydist until it is ready, s", time.monotonic() - begin)
    progress("a week apart: %d facts" % new)
    begin, used = time.monotonic(), [used_s(h.keydist.popen.pid) for h in (s1, s2)]
    s2.keydist.wait_event("event=compared", PATIENT_S)
    caught_up = time.monotonic() - begin
    octets = received(s2.addr)
    held = Counted(s2)
    wait_until(lambda: held.count() >= int(made["week_keys"]), PATIENT_S, "signer2 has proven the week's keys", every=0.1)
    wait_until(lambda: holds(s1, *held.last, s2.name), PATIENT_S, "signer1 knows", every=0.1)     # they come in order
    table.add("a week apart, %s new facts: until all are there, s" % format(new, ","), caught_up)
    table.add("the same: octets received", format(octets, ","))
    table.add("the same: octets for each new fact", "%.0f" % (octets / new))
    table.add("until the other knows that the week's %s new keys are proven, s" % format(int(made["week_keys"]), ","),
              time.monotonic() - begin)
    table.add("CPU meanwhile, one; the other, s", "%.2f; %.2f" % tuple(
        used_s(h.keydist.popen.pid) - u for h, u in zip((s1, s2), used)))
    table.figure("scale.week", zones, [caught_up])
    table.figure("scale.week-octets", zones, [octets])


def a_signer_joins(table, cluster, made, zones):
    s1, s2 = cluster.signer1, cluster.signer2
    s3 = cluster.blank_host("signer3", number=3)
    cluster.write_confs()
    for h in (s1, s2):
        h.keydist.send(signal.SIGHUP)
    s3.start("keydist", timeout=600)
    held, keys = Counted(s3), int(made["keys"])
    watch = MemoryWatch(s3.keydist.popen.pid)
    watch.start()
    progress("a signer joins")
    begin, used = time.monotonic(), [used_s(h.keydist.popen.pid) for h in (s1, s2, s3)]
    s1.ctl("node", "add", "--name", "signer3", "--role", "signer", s3.line)
    first = wait_until(lambda: held.count() and time.monotonic() - begin, PATIENT_S, "signer3 has proven a key")
    some = min(KEYS, keys)
    wait_until(lambda: held.count() >= some, PATIENT_S, "signer3 has proven %d keys" % some, every=0.1)
    proven, n = time.monotonic() - begin, held.count()
    table.add("a signer joins: until it has proven the first key, s", first)
    table.add("until it has proven %s of %s keys, s" % (format(some, ","), format(keys, ",")), proven)
    table.add("the same for each 1,000 keys, ms", "%.0f" % (proven / n * 1e6))
    table.add("from the first key on, for each 1,000, ms", "%.0f" % ((proven - first) / n * 1e6))
    table.add("CPU meanwhile, the two that were there; the new one, s", "%.1f, %.1f; %.1f" % tuple(
        used_s(h.keydist.popen.pid) - u for h, u in zip((s1, s2, s3), used)))
    watch.ended.set()
    watch.join()
    table.add("most anonymous memory of the new one, MiB", "%.0f" % (watch.most_kib / MIB))
    table.figure("scale.join", zones, [proven])


def part(lab, args):
    zones = zones_of(args)
    cluster = Cluster(lab, signers=2, backups=1).init()
    made = make_facts(lab, args, cluster, zones)
    yield engine(lab, args, made, zones)
    for host in (cluster.signer1, cluster.vault):
        place(host, lab.path("facts.db"))
    place(cluster.signer2, lab.path("facts.db.before"))
    os.remove(lab.path("facts.db"))
    os.remove(lab.path("facts.db.before"))
    table = Table("Nodes of a cluster with %s zones, %s keys, over loopback" % (format(zones, ","), format(int(made["keys"]), ",")),
                  ["what", "figure"], "A week without each other: what one has done of its part of 7 of 30 zones' ZSK rolls.")
    a_week_apart(table, cluster, made, zones)
    a_signer_joins(table, cluster, made, zones)
    yield table
    for host in cluster.signers():
        host.stop()


PARTS = {"": part}
