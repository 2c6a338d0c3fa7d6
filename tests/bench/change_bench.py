# SPDX-License-Identifier: BSD-3-Clause
"""One record changed at a primary by dynamic update: from the NOTIFY to the published serial, step by step."""

import datetime
import os
import re
import statistics
import time

from benchlib import Table, progress
from duetlab import BindPrimary, Cluster, Primary, run, wait_until

ZONE = "bench"
STEPS = [("notify-in", None), ("input", "NOTIFY until the IXFR is whole"), ("zone-loaded", "checked, applied, digest"),
         ("signed", "decided, signed"), ("published", "serial, SOA, sync and commit"), ("serving", "net serves it")]
APART_S = 1.1       # a primary without a key is asked once a second at most


def stamps(log, since):
    """When each step's event of the zone was said behind the offset, each the first one behind the step before."""
    at = []
    with open(log, "rb") as f:
        f.seek(since)
        for raw in f:
            line = raw.decode("utf-8", "replace")
            m = re.search(r"(\d{4}-\d\d-\d\dT[\d:.]+)Z .*event=(\S+) zone=%s\. " % ZONE, line)
            if m and len(at) < len(STEPS) and m.group(2) == STEPS[len(at)][0]:
                at.append(datetime.datetime.fromisoformat(m.group(1)).timestamp() * 1000)
    return at if len(at) == len(STEPS) else None


def one_change(bind, signer, i):
    """Milliseconds of each step."""
    since = signer.mark()
    bind.update(ZONE, ["changed%d 3600 NS ns1.example.net." % i], [], tcp=True)
    at = wait_until(lambda: stamps(signer.log, since), 60, "change %d is served" % i, every=0.02)
    return [b - a for a, b in zip(at, at[1:])] + [at[4] - at[0]]


def tables(lab, args):
    changes = 3 if args.smoke else 21
    text = run([os.path.join(args.bench, "zonegen"), "tld", "-n", str(args.n)], timeout=300).stdout
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1 = cluster.signer1
    bind = BindPrimary(lab, "primary", {ZONE: text}, notify=[Primary(s.addr) for s in cluster.signers()], dynamic=True).start()
    cluster.start()
    for denial in ("nsec", "nsec3-optout"):
        s1.ctl("policy", "apply", lab.write(denial + ".yaml", "name: %s\ndenial: %s\n" % (denial, denial)))
    table = Table("One record changed by IXFR in a signed zone of %d delegations, peers up, median of %d, ms" % (args.n, changes),
                  ["step", "NSEC", "NSEC3 opt-out"])
    columns = []
    for denial in ("nsec", "nsec3-optout"):
        since = s1.signer.mark()
        s1.ctl("zone", "add", ZONE, "--policy", denial, "--source", "primary:%s#%d" % (bind.addr, bind.port))
        cluster.wait_zone(ZONE)
        s1.ctl("key", "create", ZONE)
        s1.signer.wait_event("event=published zone=%s." % ZONE, 900, since)
        wait_until(lambda: all(s.signed(ZONE) for s in cluster.signers()), 900, "both have signed")
        progress("%d changes, %s" % (changes, denial))
        rows = []
        for i in range(changes + 2):        # the first two warm up
            rows.append(one_change(bind, s1.signer, len(columns) * 1000 + i))
            time.sleep(APART_S)
        columns.append([statistics.median(r[k] for r in rows[2:]) for k in range(len(STEPS))])
        cluster.signer1.ctl("zone", "remove", ZONE)
        wait_until(lambda: not any(s.signed(ZONE) for s in cluster.signers()), 60, "the zone is gone")
    for k, what in enumerate([t for _, t in STEPS[1:]] + ["NOTIFY until published"]):
        table.add(what, columns[0][k], columns[1][k])
    yield table
