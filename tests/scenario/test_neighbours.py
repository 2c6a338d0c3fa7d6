# SPDX-License-Identifier: BSD-3-Clause
"""One zone's trouble is its own: beside one whose hook hangs, one that is refused for ever and a large one that is written again and
again, all others go on.

ZONES, RECORDS and ROUNDS make it larger; with ROUNDS, how long a change takes with and without the trouble is told."""

import collections
import datetime
import itertools
import multiprocessing
import os
import re
import statistics
import time

from duetlab import *

ZONES = int(os.environ.get("ZONES", "100"))
RECORDS = int(os.environ.get("RECORDS", "20000"))
ROUNDS = int(os.environ.get("ROUNDS", "0"))
SAMPLES = int(os.environ.get("SAMPLES", "300"))     # of a round, with the large zone idle
PATIENTLY = 120 if ROUNDS == 0 else 600


def text(zone, n):
    return small_zone(zone, n=3, serial=n, more="v%d TXT version\n" % n)


def large_text(zone, n):
    """Half of the names are delegations, every fourth is secure; another version changes a hundredth of them."""
    rows = [small_zone(zone, n=0, serial=n, more="v%d TXT version\n" % n)]
    for i in range(RECORDS // 2):
        value = n if i % 100 == n % 100 else 0
        rows.append("h%07d A 10.%d.%d.%d\nd%07d NS ns%d.example.net.\n" % (i, value % 256, i // 256 % 256, i % 256, i, i % 7))
        if i % 4 == 0:
            rows.append("d%07d DS %d 13 2 %064x\n" % (i, i % 65536, i + value))
    return "".join(rows)


class Site:
    def __init__(self, lab):
        self.lab = lab
        lab.programs = lab.release
        self.cluster = Cluster(lab, signers=1, backups=0, conf={"signer1": {"node": {"clock": "trust"}}}).init()
        self.host = s = self.cluster.signer1
        hooks = lab.folder("hooks")
        s.conf["hook"] = {"socket": s.run_dir + "/hook.sock", "dir": hooks}
        s.conf["signer"]["review"] = {"dir": lab.path("review"), "socket": s.run_dir + "/review.sock"}
        self.cluster.write_confs()
        lab.write("hooks/hangs", "#!/bin/sh\nexec sleep 10000\n", mode=0o755)
        lab.write("hooks/refuses", "#!/bin/sh\nexit 1\n", mode=0o755)
        lab.start("duet-hook", [lab.program("duet-hook"), "-c", s.yaml]).wait_event("event=ready", 20)
        self.zones = ["z%04d.farm.example" % i for i in range(ZONES)]
        self.version, self.writers = 1, 0
        for z in self.zones + ["hangs.example", "refused.example"]:
            s.put_zone(z + ".zone", text(z, 1))
        s.put_zone("large.example.zone", large_text("large.example", 1))
        self.cluster.start()
        self.log = s.signer
        for name, more in (("default", ""), ("hangs", ""), ("refused", "")):
            self.policy(name, more)
        begun = self.log.mark()
        s.ctl("zone", "add", "--from", lab.write("zones.txt", "".join(z + "\n" for z in self.zones)), "--key", timeout=200)
        for name in ("hangs", "refused", "large"):
            s.ctl("zone", "add", name + ".example", "--source", "file:%s.example.zone" % name, "--policy",
                  "default" if name == "large" else name)
            s.ctl("key", "create", name + ".example")
        # The second time with CDS, once the first was seen: from then on no version comes by itself.
        self.wait_serving(self.zones + [n + ".example" for n in ("hangs", "refused", "large")], begun, 2)
        for name, more in (("hangs", "sign-review: hangs\nreview-limit: 1h\n"), ("refused", "load-review: refuses\n")):
            mark = self.log.mark()
            self.policy(name, more)
            self.log.wait_event("event=plan zone=%s.example." % name, PATIENTLY, mark)

    def policy(self, name, more):
        self.lab.write("policy.yaml", "name: %s\nrequire-backups: 0\npropagation: 0\n%s" % (name, more))
        self.host.ctl("policy", "apply", self.lab.path("policy.yaml"))

    def wait_serving(self, zones, since, times=1):
        """Until net has had so many new versions of each."""
        def look():
            with open(self.log.log, encoding="utf-8") as f:
                f.seek(since)
                had = collections.Counter(re.findall(r"event=serving zone=(\S+)\. .*\n", f.read()))
            return all(had[z] >= times for z in zones)
        wait_until(look, PATIENTLY, "%d zones are served" % len(zones), every=0.2)

    def put(self, zone, n):
        self.host.put_zone(zone + ".zone", text(zone, n))

    def shows(self, zone, n):
        return "v%d." % n in axfr_text(self.host.addr, zone)

    def delay(self, zone):
        """When the zone's file changed, the seconds until its new version, by the clock of the log, and until each step."""
        mark = self.log.mark()
        self.put(zone, self.version)
        begin = time.time()
        self.log.wait_event("event=serving zone=%s." % zone, PATIENTLY, mark)
        steps = [(t - begin, event) for t, event in self.steps(zone, mark)]
        return begin, steps[-1][0], steps

    def steps(self, zone, since):
        """[(time, event)] of a zone in the log."""
        with open(self.log.log, encoding="utf-8") as f:
            f.seek(since)
            found = [re.match(r"<\d>(\S+)Z .* event=(zone-loaded|signed|audited|serving) zone=%s\. " % zone, row) for row in f]
        return [(datetime.datetime.fromisoformat(m.group(1) + "+00:00").timestamp(), m.group(2)) for m in found if m]


class Writer:
    """A process that has a version of the large zone on its way all the time, until it is told to end."""

    def __init__(self, site):
        site.writers += 1
        self.site, self.number, self.since, self.ended = site, site.writers, site.log.mark(), multiprocessing.Event()
        self.process = multiprocessing.Process(target=self.run, daemon=True)
        self.process.start()

    def run(self):
        path = os.path.join(self.site.host.zones, "large.example.zone")
        texts = [large_text("large.example", n).partition("hostmaster %d" % n) for n in (2 * self.number, 2 * self.number + 1)]
        for n in itertools.count(1):
            mark = self.site.log.mark()
            with open(path + ".new", "w", encoding="utf-8") as f:
                f.write(texts[n % 2][0] + "hostmaster %d" % n)
                f.write(texts[n % 2][2])
            os.rename(path + ".new", path)
            wait_until(lambda since=mark: find_event(self.site.log.log, "event=serving zone=large.example.", since), PATIENTLY, every=0.5)
            if self.ended.is_set():
                return

    def steps(self):
        return self.site.steps("large.example", self.since)

    def published(self):
        return any(e == "serving" for _, e in self.steps())

    def runs(self):
        return self.process.is_alive()

    def end(self):
        self.ended.set()
        self.process.join()
        if self.process.exitcode != 0 or not self.published():
            raise Failed("the large zone does not go on: %s" % self.steps())


def trouble(site):
    """Begins it, but for the large zone."""
    since = site.log.mark()
    for z in ("hangs.example", "refused.example"):
        site.put(z, 2)
    site.log.wait_event("event=review-asked zone=hangs.example.", 30, since)
    site.log.wait_event("event=review-refused zone=refused.example.", 30, since)


def told(what, idle, busy):
    for name, pick in (("median", statistics.median), ("mean", statistics.mean), ("9 of 10", lambda v: sorted(v)[len(v) * 9 // 10])):
        a, b = pick(idle) * 1000, pick(busy) * 1000
        print("%-18s %-8s %7.1f ms, beside the large zone %7.1f ms of %d: %.3f x" % (what, name, a, b, len(busy), b / a))


def measured(site):
    """How long a change takes, zone after zone, in turns without the large one's trouble and with it: a version of it that is
    loaded, signed, audited and published.  All other trouble is there all the time."""
    idle, busy, slow, zones = [], {}, [], itertools.cycle(site.zones)

    def some():
        site.version += 1
        return [site.delay(next(zones)) for _ in range(10)]
    for _ in range(ROUNDS):
        for _ in range(SAMPLES // 10):
            idle += [d for _, d, _ in some()]
        writer, seen = Writer(site), []
        writer.ended.set()
        while writer.runs():
            seen += some()
        writer.end()
        steps = writer.steps()
        slow += sorted(seen, key=lambda s: -s[1])[:5]
        for begin, d, _ in seen:
            following = [e for t, e in steps if t > begin]
            if following:
                busy.setdefault(following[0], []).append(d)
    for step in "zone-loaded", "signed", "audited", "serving":
        if step in busy:
            told("until " + step, idle, busy[step])
    told("all", idle, [d for v in busy.values() for d in v])
    for _, _, steps in slow:
        print("among the slowest: " + ", ".join("%s at %.0f ms" % (event, t * 1000) for t, event in steps))


@serial         # the large zone yields to whoever wants the processors, and may have to wait for minutes
@limit(300)
def test_the_others_go_on(lab):
    site = Site(lab)
    trouble(site)
    writer = Writer(site)
    mark, site.version = site.log.mark(), site.version + 1
    for z in site.zones:
        site.put(z, site.version)
    site.wait_serving(site.zones, mark)
    writer.end()
    for z in site.zones[::max(1, ZONES // 4)]:
        if not site.shows(z, site.version):
            raise Failed("%s does not show its new version" % z)
        verify(axfr_file(lab, site.host.addr, z), z)
    for z in ("hangs.example", "refused.example"):
        if site.shows(z, 2) or not site.shows(z, 1):
            raise Failed("%s shows what nobody approved" % z)
    if ROUNDS:
        measured(site)
