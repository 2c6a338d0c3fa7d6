# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks share: runs in alternation, medians, memory that is not page cache, tables for people and figures
for programs."""

import os
import statistics
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "scenario"))
sys.dont_write_bytecode = True

from duetlab import DNS_PORT, verify, wait_until    # noqa: E402

MIB = 1024
JUDGED = 100000     # names: outputs of this size are verified by programs of others


class Run:
    """One run of a program: wall clock and CPU in seconds, memory in MiB; or the medians of several, with `each`."""

    def __init__(self, wall_s, cpu_s, anon_mib, out, each=None):
        self.wall_s, self.cpu_s, self.anon_mib, self.out = wall_s, cpu_s, anon_mib, out
        self.each = each or [self]

    def walls(self):
        return [r.wall_s for r in self.each]


def anonymous_kib(pid):
    try:
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


class MemoryWatch(threading.Thread):
    """The largest anonymous memory that a process has had, looked at every 10 ms."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most_kib, self.ended = pid, 0, threading.Event()

    def run(self):
        while not self.ended.is_set():
            self.most_kib = max(self.most_kib, anonymous_kib(self.pid))
            self.ended.wait(0.01)


def timed(argv, cwd=None, env=None, stdout=None):
    """Runs to the end; Run, or exits with what the program said."""
    begin = time.monotonic()
    with subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=stdout or subprocess.PIPE,
                          stderr=subprocess.STDOUT if stdout is None else subprocess.PIPE) as p:
        watch = MemoryWatch(p.pid)
        watch.start()
        out = (p.stdout or p.stderr).read().decode("utf-8", "replace")
        _, status, usage = os.wait4(p.pid, 0)
        wall = time.monotonic() - begin
        p.returncode = os.waitstatus_to_exitcode(status)
        watch.ended.set()
        watch.join()
    if p.returncode != 0:
        sys.exit("bench: %s: exit status %d\n%s" % (" ".join(argv), p.returncode, out[-2000:]))
    return Run(wall, usage.ru_utime + usage.ru_stime, watch.most_kib / MIB, out)


def alternate(programs, runs):
    """programs: {name: function that returns a Run, or (function, runs)}.  One run of each in turn, so that a busy
    moment hits all alike; {name: Run of medians}."""
    got = {name: [] for name in programs}
    plan = {name: p if isinstance(p, tuple) else (p, runs) for name, p in programs.items()}
    for i in range(max(n for _, n in plan.values())):
        for name, (fn, n) in plan.items():
            if i < n:
                got[name].append(fn())
                progress("%s: run %d of %d, %.2f s" % (name, i + 1, n, got[name][-1].wall_s))
    return {name: Run(statistics.median(r.wall_s for r in all_), statistics.median(r.cpu_s for r in all_),
                      max(r.anon_mib for r in all_), all_[-1].out, all_) for name, all_ in got.items()}


def zone_text(args, path, kind, names, origin=None):
    """The file with zonegen's zone of so many names, made when it is not there."""
    if not os.path.exists(path):
        with open(path, "wb") as out:
            timed([os.path.join(args.bench, "zonegen"), kind, "-n", str(names)] + (["-o", origin] if origin else []), stdout=out)
    return path


def judge(lab, addr, zone):
    """What a server has of a zone of at most JUDGED names, before two programs of others; Failed when one refuses it."""
    progress("%s at %s is verified by others" % (zone, addr))
    path = lab.path("judged-%s-%s" % (zone, addr))
    with open(path, "wb") as out:
        timed(["dig", "@" + addr, "-p", str(DNS_PORT), zone, "AXFR", "+onesoa", "+nocomments", "+nocmd", "+nostats"], stdout=out)
    verify(path, zone, tools=("dnssec-verify", "kzonecheck"), timeout=1200)


def judge_served(lab, args, cluster, zone):
    """What the first signer serves; where that zone is too large to be verified another one is signed."""
    host = cluster.signer1
    if args.n > JUDGED:
        zone = "judged"
        with open(zone_text(args, lab.path("judged.zone"), "tld", JUDGED, origin=zone), encoding="ascii") as f:
            cluster.add_zone(zone, f.read())
        host.ctl("key", "create", zone)
        wait_until(lambda: host.signed(zone), 600, "%s is signed" % zone)
    judge(lab, host.addr, zone)


def progress(text):
    print("  " + text, file=sys.stderr, flush=True)


def number(x):
    return "-" if x is None else "%.0f" % x if abs(x) >= 100 else "%.1f" % x if abs(x) >= 10 else \
        "%.2f" % x if abs(x) >= 0.1 or x == 0 else "%.2g" % x


class Table:
    """Rows for people and for docs/benchmarks.md; figures for programs and for what must be shown (goals.py)."""

    def __init__(self, title, columns, note=""):
        self.title, self.columns, self.note, self.rows, self.figures = title, columns, note, [], []

    def add(self, *cells):
        assert len(cells) == len(self.columns), cells
        self.rows.append([c if isinstance(c, str) else number(c) for c in cells])

    def figure(self, name, names, runs, peer=None, theirs=None, **more):
        """What goals.py knows as `name`, for a zone of so many names: what each run measured, and what the best peer did."""
        self.figures.append({"name": name, "names": names, "runs": list(runs), "peer": peer, "theirs": list(theirs or []), **more})

    def markdown(self):
        lines = ["## " + self.title, ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("|---" + "|---:" * (len(self.columns) - 1) + "|")
        lines += ["| " + " | ".join(r) + " |" for r in self.rows]
        return "\n".join(lines + (["", self.note] if self.note else []) + [""])
