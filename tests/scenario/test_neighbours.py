# SPDX-License-Identifier: BSD-3-Clause
"""One zone's trouble is its own: beside one whose hook hangs, one that is refused for ever and a large one that is written again and
again, all others go on.

ZONES, RECORDS and ROUNDS make it larger; with ROUNDS, how long a change takes with and without the trouble is told."""

import os
import re
import statistics
import threading
import time

from duetlab import *

ZONES = int(os.environ.get("ZONES", "100"))
RECORDS = int(os.environ.get("RECORDS", "20000"))
ROUNDS = int(os.environ.get("ROUNDS", "0"))
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
        self.version = 1
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
        self.wait_serving(self.zones + [n + ".example" for n in ("hangs", "refused", "large")], begun)
        self.policy("hangs", "sign-review: hangs\nreview-limit: 1h\n")
        self.policy("refused", "load-review: refuses\n")

    def policy(self, name, more):
        self.lab.write("policy.yaml", "name: %s\nrequire-backups: 0\npropagation: 0\n%s" % (name, more))
        self.host.ctl("policy", "apply", self.lab.path("policy.yaml"))

    def wait_serving(self, zones, since):
        missing = set(zones)
        with open(self.log.log, encoding="utf-8") as f:
            f.seek(since)

            def look():
                missing.difference_update(re.findall(r"event=serving zone=(\S+)\.", f.read()))
                return not missing
            wait_until(look, PATIENTLY, "%d zones are served" % len(zones), every=0.1)

    def put(self, zone, n):
        self.host.put_zone(zone + ".zone", text(zone, n))

    def shows(self, zone, n):
        return "v%d." % n in axfr_text(self.host.addr, zone)

    def delays(self, zones):
        """Seconds from each zone's changed file to its new version, one after the other."""
        took = []
        self.version += 1
        for z in zones:
            mark, begin = self.log.mark(), time.monotonic()
            self.put(z, self.version)
            self.log.wait_event("event=serving zone=%s." % z, PATIENTLY, mark)
            took.append(time.monotonic() - begin)
        return took


class Writer(threading.Thread):
    """Has a version of the large zone on its way all the time."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.site, self.ended, self.done, self.wrong = site, threading.Event(), 0, None
        self.texts = [large_text("large.example", n) for n in (2, 3)]

    def run(self):
        n = 3
        while not self.ended.is_set():
            n += 1
            mark = self.site.log.mark()
            self.site.host.put_zone("large.example.zone", re.sub(r"hostmaster \d+", "hostmaster %d" % n, self.texts[n % 2], count=1))
            try:
                self.site.log.wait_event("event=serving zone=large.example.", PATIENTLY, mark)
                self.done += 1
            except Failed as e:
                self.wrong = e
                return


def trouble(site):
    """Begins it, but for the large zone."""
    since = site.log.mark()
    for z in ("hangs.example", "refused.example"):
        site.put(z, 2)
    site.log.wait_event("event=review-asked zone=hangs.example.", 30, since)
    site.log.wait_event("event=review-refused zone=refused.example.", 30, since)


def measured(site):
    """The same zones in turn without and with the large one's trouble; the others' has begun."""
    zones = site.zones[::max(1, ZONES // 40)]
    took = {False: [], True: []}
    for i in range(2 * ROUNDS):
        busy = i % 2 == 1
        writer = Writer(site) if busy else None
        if busy:
            writer.start()
        took[busy] += site.delays(zones)
        if busy:
            writer.ended.set()
            writer.join()
    for what, pick in (("median", statistics.median), ("9 of 10", lambda v: sorted(v)[len(v) * 9 // 10]), ("all", max)):
        a, b = pick(took[False]) * 1000, pick(took[True]) * 1000
        print("change to publication, %s: %.0f ms, beside the large zone %.0f ms, %.2f x" % (what, a, b, b / a))


@limit(300)
def test_the_others_go_on(lab):
    site = Site(lab)
    before = site.delays(site.zones[::max(1, ZONES // 40)]) if ROUNDS else []
    trouble(site)
    writer = Writer(site)
    writer.start()
    mark, site.version = site.log.mark(), site.version + 1
    for z in site.zones:
        site.put(z, site.version)
    site.wait_serving(site.zones, mark)
    writer.ended.set()
    writer.join()
    if writer.wrong or writer.done == 0:
        raise Failed("the large zone does not go on: %s" % writer.wrong)
    for z in site.zones[::max(1, ZONES // 4)]:
        if not site.shows(z, site.version):
            raise Failed("%s does not show its new version" % z)
        verify(axfr_file(lab, site.host.addr, z), z)
    for z in ("hangs.example", "refused.example"):
        if site.shows(z, 2) or not site.shows(z, 1):
            raise Failed("%s shows what nobody approved" % z)
    if ROUNDS:
        print("before all trouble, median: %.0f ms" % (statistics.median(before) * 1000))
        measured(site)
