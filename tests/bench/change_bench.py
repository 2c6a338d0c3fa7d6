# SPDX-License-Identifier: BSD-3-Clause
"""One record changed in a signed zone: by IXFR at several sizes, step by step; by rewriting the file; at named and knotd."""

import datetime
import os
import re
import signal
import statistics
import time

from benchlib import JUDGED, Table, judge, progress, zone_text
from duetlab import Cluster, Failed, query, run, wait_until

ZONE = "bench"
DENIALS = ("nsec", "nsec3-optout")
# Policies by name: a digest of all records is made anew for each version.
POLICIES = {**{d: {"denial": d} for d in DENIALS},
            **{"%s, ZONEMD" % d: {"denial": d, "zonemd": "sha384"} for d in ("nsec", "nsec3")}}
DIGESTED = tuple(name for name, p in POLICIES.items() if "zonemd" in p)
STEPS = [("notify-in", None), ("input", "NOTIFY until the IXFR is whole"), ("zone-loaded", "checked, applied, digest"),
         ("signed", "decided, signed"), ("audited", "serial, SOA, audited by changes"), ("published", "sync and commit"), ("serving", "net serves it")]
PUBLISHED = ("published", "sync and commit")
AUDITED = [event for event, _ in STEPS[1:]].index("audited")
TOTAL = "NOTIFY until published"
# When the other signer hears of the change.  A signer has a host of its own: "behind" is what it takes there, though
# the other one, which is up, is on the same two cores here; "at once" has both do the same work in the same instant.
BEHIND, AT_ONCE = "the other signer told behind it", "both signers told at once"
APART_S = 1.1       # a primary without a key is asked once a second at most
LONG_S = 3600


def stamps(log, since, steps):
    """When each step's event of the zone was said behind the offset, each the first one behind the step before; ms."""
    at = []
    with open(log, "rb") as f:
        f.seek(since)
        for raw in f:
            line = raw.decode("utf-8", "replace")
            m = re.search(r"(\d{4}-\d\d-\d\dT[\d:.]+)Z .*event=(\S+) zone=%s\. " % ZONE, line)
            if m and len(at) < len(steps) and m.group(2) == steps[len(at)]:
                stamp = datetime.datetime.fromisoformat(m.group(1)).replace(tzinfo=datetime.timezone.utc)
                at.append(stamp.timestamp() * 1000)
    return at if len(at) == len(steps) else None


def zone_file(lab, args, n):
    return zone_text(args, lab.path("tld-%d.zone" % n), "tld", n)


def cluster_of(lab, signers):
    cluster = Cluster(lab, signers=signers, backups=1).init()
    cluster.start()
    for name, options in POLICIES.items():
        lines = ["name: " + policy(name)] + ["%s: %s" % o for o in options.items()]
        cluster.signer1.ctl("policy", "apply", lab.write(policy(name) + ".yaml", "\n".join(lines) + "\n"))
    return cluster


def policy(name):
    """As a policy is named."""
    return name.lower().replace(", ", "-")


def sign_first(cluster, denial, source):
    s1 = cluster.signer1
    marks = [(s.signer, s.signer.mark()) for s in cluster.signers()]
    s1.ctl("zone", "add", ZONE, "--policy", policy(denial), "--source", source)
    cluster.wait_zone(ZONE)
    s1.ctl("key", "create", ZONE)
    for process, since in marks:
        process.wait_event("event=published zone=%s." % ZONE, LONG_S, since)
    wait_until(lambda: all(s.signed(ZONE) for s in cluster.signers()), LONG_S, "all have signed")


def remove(cluster, zone=ZONE):
    cluster.signer1.ctl("zone", "remove", zone)
    wait_until(lambda: not any(s.signed(zone) for s in cluster.signers()), 60, "the zone is gone")


def one_change(cluster, source, told):
    """What it took, in milliseconds: the steps, and all."""
    s1, *others = [(s.signer, s.signer.mark()) for s in cluster.signers()]
    source.send(signal.SIGUSR1 if told == AT_ONCE else signal.SIGUSR2)
    at = wait_until(lambda: stamps(s1[0].log, s1[1], [s for s, _ in STEPS]), 60, "a change is served", every=0.02)
    if told == BEHIND:
        source.send(signal.SIGUSR2)
    for signer, since in others:
        signer.wait_event("event=published zone=%s." % ZONE, 60, since)
    return [b - a for a, b in zip(at, at[1:])] + [at[STEPS.index(PUBLISHED)] - at[0]]


def changes_by_ixfr(lab, args, cluster, n, denial, count):
    """One row for each change, by when the other signer is told."""
    s1, port = cluster.signer1, lab.port()
    path = zone_file(lab, args, n)
    source = lab.start("ixfrsource-%d-%s" % (n, policy(denial)), [os.path.join(args.bench, "ixfrsource"), "127.0.0.1", str(port), ZONE, path] +
                       [s.addr for s in cluster.signers()])

    def answers():
        if not source.running():
            raise Failed("ixfrsource has ended\n" + source.tail())
        return query("127.0.0.1", ZONE, "SOA", port=port)
    wait_until(answers, LONG_S, "ixfrsource answers")
    sign_first(cluster, denial, "primary:127.0.0.1#%d" % port)
    progress("%d changes, %d delegations, %s" % (count, n, denial))
    rows = {}
    for told in (BEHIND, AT_ONCE) if len(cluster.signers()) > 1 else (BEHIND,):
        for i in range(count + 2):        # the first two warm up
            time.sleep(APART_S)
            rows.setdefault(told, []).append(one_change(cluster, source, told))
    if n <= JUDGED:
        judge(lab, s1.addr, ZONE)
    remove(cluster)
    source.stop()
    return {told: of[2:] for told, of in rows.items()}


def table_ixfr(lab, args, sizes, signers=2, denials=DENIALS):
    count = 3 if args.smoke else 21
    cluster = cluster_of(lab, signers)
    got = {(n, d): changes_by_ixfr(lab, args, cluster, n, d, count) for n in sizes for d in denials}
    for told in (BEHIND, AT_ONCE) if signers > 1 else (BEHIND,):
        columns = {at: [statistics.median(r[k] for r in rows[told]) for k in range(len(STEPS))] for at, rows in got.items()}
        table = Table("One record changed by IXFR in a signed zone, %s, median of %d, ms" % (
            "two signers on this machine, " + told if signers > 1 else "one signer", count), ["step"] + ["%d, %s" % at for at in got])
        for k, what in enumerate([t for _, t in STEPS[1:]] + [TOTAL]):
            table.add(what, *[column[k] for column in columns.values()])
        table.add("times the smallest zone", *[column[-1] / columns[sizes[0], d][-1] for (_, d), column in columns.items()])
        for (n, d), rows in got.items():
            name = "one-signer" if signers == 1 else "ixfr" if told == BEHIND else "at-once"
            table.figure("change.%s.%s" % (name, policy(d)), n, [r[-1] for r in rows[told]])
            if told == BEHIND and (signers > 1 or d in DIGESTED):
                table.figure("change.audit." + policy(d), n, [r[AUDITED] for r in rows[told]])
        yield table


def read_seconds(args, path):
    """One thread reading, checking and sorting the file, without a sum of the content."""
    out = run([os.path.join(args.bench, "parse_bench"), ZONE, path, "3"], timeout=LONG_S).stdout
    return os.path.getsize(path) / 1e6 / float(re.search(r"^order ([\d.]+) MB/s", out, re.M).group(1))


def judge_rewritten(lab, args, cluster, denial):
    """What a rewriting leads to: of this zone or, where that is too large to be verified, of another one under the same policy."""
    s1, zone = cluster.signer1, ZONE
    if args.n > JUDGED:
        zone = "judged"
        with open(zone_text(args, lab.path("judged.zone"), "tld", JUDGED, origin=zone), encoding="ascii") as f:
            text = f.read()
        s1.put_zone("judged.zone", text)
        s1.ctl("zone", "add", zone, "--policy", policy(denial), "--source", "file:judged.zone")
        s1.ctl("key", "create", zone)
        wait_until(lambda: s1.signed(zone), LONG_S, "%s is signed" % zone)
        since = s1.signer.mark()
        s1.put_zone("judged.zone", text + "changed.judged. 3600 IN NS ns1.example.net.\n")
        s1.signer.wait_event("event=zone-loaded zone=%s. " % zone, LONG_S, since)
        s1.wait_published(zone, timeout=LONG_S, since=since)
    judge(lab, s1.addr, zone)
    if zone != ZONE:
        remove(cluster, zone)


def table_file(lab, args):
    count = 2 if args.smoke else 5
    path = zone_file(lab, args, args.n)
    table = Table("One record changed by rewriting the file of %d delegations, median of %d" % (args.n, count),
                  ["policy", "read and sorted alone, s", "file in place until published, s", "times reading it"])
    cluster = cluster_of(lab, signers=1)
    s1 = cluster.signer1
    with open(path, encoding="ascii") as f:
        text = f.read()
    for denial in DENIALS:
        s1.put_zone("bench.zone", text)
        sign_first(cluster, denial, "file:bench.zone")
        progress("%d rewritings, %s" % (count, denial))
        reading, rewriting = [], []
        for i in range(count + 1):      # the first one warms up
            reading.append(read_seconds(args, path))
            lab.write("next.zone", text + "changed%d.%s. 3600 IN NS ns1.example.net.\n" % (i, ZONE))
            since, begin = s1.signer.mark(), time.time() * 1000
            os.rename(lab.path("next.zone"), os.path.join(s1.zones, "bench.zone"))
            at = wait_until(lambda: stamps(s1.signer.log, since, ["zone-loaded", "published"]), LONG_S, "change %d" % i, every=0.02)
            rewriting.append((at[1] - begin) / 1000)
        judge_rewritten(lab, args, cluster, denial)
        remove(cluster)
        table.figure("change.file." + denial, args.n, rewriting[1:], reading_s=reading[1:])
        got = statistics.median(rewriting[1:]), statistics.median(reading[1:])
        table.add(denial, got[1], got[0], got[0] / got[1])
    return table


def by_ixfr(lab, args):
    yield from table_ixfr(lab, args, [args.n // 10, args.n] if args.n >= 10000 else [args.n])


def huge(lab, args):
    """With a zone that is a hundredth of it in the same run, for the ratio.  One signer and opt-out: two with a signature for
    each name take three times as long to get there."""
    if args.big:
        yield from table_ixfr(lab, args, [args.n // 10, args.n * 10], signers=1, denials=["nsec3-optout"])


def digested(lab, args):
    """Signer and auditor go over all records for the ZONEMD of each version."""
    sizes = [args.n] if args.n <= JUDGED else [JUDGED, args.n]      # the smaller one for others to verify
    yield from table_ixfr(lab, args, sizes, signers=1, denials=DIGESTED[-1:] if args.smoke else DIGESTED)


def by_file(lab, args):
    yield table_file(lab, args)


PARTS = {"ixfr": by_ixfr, "file": by_file, "huge": huge, "zonemd": digested}
