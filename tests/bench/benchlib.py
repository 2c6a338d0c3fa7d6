# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks share: runs in alternation, beside a yardstick, medians, memory that is not page cache, tables for
people and figures for programs."""

import os
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "scenario"))
sys.dont_write_bytecode = True

from duetlab import DNS_PORT, verify, wait_until    # noqa: E402

MIB = 1024
JUDGED = 100000     # names: outputs of this size are verified by programs of others


class Run:
    """One run of a program: wall clock and CPU in seconds, memory in MiB, what the yardstick said meanwhile; or the medians of
    several, with `each`."""

    def __init__(self, wall_s, cpu_s, anon_mib, out, rates=None, each=None):
        self.wall_s, self.cpu_s, self.anon_mib, self.out, self.rates = wall_s, cpu_s, anon_mib, out, rates or []
        self.each = each or [self]

    def walls(self):
        return [r.wall_s for r in self.each]


class TooSlow(Exception):
    """A program that was not done within its time."""


class Stopping:
    """SIGINT or SIGTERM: what runs now is ended, and what was measured counts; the second one ends all at once."""
    asked = False

    @classmethod
    def watch(cls):
        def on_signal(number, _):
            if cls.asked:
                sys.exit(128 + number)
            cls.asked = True
            progress("stopping once each program has run; once more to stop at once")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)


def memory_kib(pid, what):
    try:
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            for line in f:
                if line.startswith(what + ":"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def anonymous_kib(pid):
    return memory_kib(pid, "RssAnon")


def resident_kib(pid):
    return memory_kib(pid, "VmRSS")


class MemoryWatch(threading.Thread):
    """The largest anonymous, or other, memory that processes have had together, looked at so often."""

    def __init__(self, *pids, of=anonymous_kib, every=0.01):
        super().__init__(daemon=True)
        self.pids, self.of, self.every, self.most_kib, self.ended = pids, of, every, 0, threading.Event()

    def run(self):
        while not self.ended.is_set():
            self.most_kib = max(self.most_kib, sum(self.of(p) for p in self.pids))
            self.ended.wait(self.every)


# Two of OpenSSL's, of which it takes the first one where both are possible: with ADX, and with AVX2.
RSA_CODES = ({"OPENSSL_ia32cap": ":~0x0"}, {"OPENSSL_ia32cap": ":~0x80000"})


class GrowingLog:
    """What a process has logged since an offset, each part read once: that takes its time beside what is measured."""

    def __init__(self, process, since=0):
        self.path, self.at = process.log, since

    def news(self):
        """Whole lines that were not given before."""
        with open(self.path, "rb") as f:
            f.seek(self.at)
            text = f.read()
        text = text[:text.rfind(b"\n") + 1]
        self.at += len(text)
        return text


class Yardstick:
    """How many signatures, or verifications, a second the machine does when it does nothing else, in as many threads, by the
    fastest of the public calls: rawrate.  A processor that is shared with others changes its speed within seconds, by as much
    as a half; so the program that is measured is stopped now and then, and a slice of this is taken meanwhile.  What the
    program took is then said in units of what the machine could do in those very seconds."""

    def __init__(self, args, alg, names, verify=False):
        slice_s, self.every_s = (0.02, 0.2) if args.smoke else (0.15, 1 if names <= JUDGED else 3)
        argv = [os.path.join(args.bench, "rawrate"), "-t", str(args.threads), "-s", str(slice_s), "-i"]
        self.process, self.best, self.ways = None, None, {}
        for env in RSA_CODES if alg in (8, 10) and not args.smoke else [{}]:
            self.try_out(argv + (["-v"] if verify else []) + [str(alg)], env)

    def try_out(self, argv, env):
        """Becomes the yardstick when its best call is better than what there was."""
        before = self.process, self.best, self.ways
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
                                        env={**os.environ, **env})
        self.best, self.ways = None, {}     # a second: of each call; of which the best is said once more
        while self.best is None:
            way, rate = self.read()
            way += " ".join([""] + ["%s=%s" % e for e in env.items()])
            self.best = way if way in self.ways else None
            self.ways[way] = rate
        worse = before
        if before[0] and before[2][before[1]] > self.ways[self.best]:
            worse, (self.process, self.best, _) = (self.process, self.best, self.ways), before
        self.ways = {**before[2], **self.ways}
        if worse[0]:
            worse[0].kill()
            worse[0].wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def said(self):
        return "the best of " + ", ".join("%s %.0f" % w for w in sorted(self.ways.items(), key=lambda w: -w[1]))

    def read(self):
        found = re.search(r"way=(\S+) .*_s=([\d.]+) cpu_us", self.process.stdout.readline())
        if not found:
            sys.exit("bench: rawrate has ended")
        return found.group(1), float(found.group(2))

    def slice(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.read()[1]


UNSTEADY = 0.1


def unsteady(*runs):
    """Whether the middle half of the yardstick's slices during these runs, or the medians of two of them, lie further apart
    than 10 %."""
    runs = [one for r in runs if r for one in r.each if one.rates]
    slices, medians = [x for r in runs for x in r.rates], [statistics.median(r.rates) for r in runs]
    if len(slices) < 2:
        return False
    low, middle, high = statistics.quantiles(slices, n=4)
    return high - low > UNSTEADY * middle or max(medians) - min(medians) > UNSTEADY * middle


def wait_sliced(p, yardstick, limit_s, rates):
    """Waits for the end of p; seconds that it was stopped for slices of the yardstick, whose rates are added."""
    begin, stopped = time.monotonic(), 0
    ended, fd = select.poll(), os.pidfd_open(p.pid)
    ended.register(fd, select.POLLIN)
    try:
        while not ended.poll(1000 * (yardstick.every_s if yardstick else limit_s)):
            if time.monotonic() - begin - stopped > limit_s:
                raise TooSlow()
            if yardstick is None:
                continue
            os.killpg(p.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, p.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            since = time.monotonic()
            rates.append(yardstick.slice())
            os.killpg(p.pid, signal.SIGCONT)
            stopped += time.monotonic() - since
    finally:
        os.close(fd)
    return stopped


def timed(argv, cwd=None, env=None, stdout=None, yardstick=None, limit_s=3600, pass_fds=()):
    """Runs to the end; Run, without the time that slices of a yardstick took.  Exits with what the program said when it
    fails; TooSlow past the limit."""
    rates = [yardstick.slice()] if yardstick else []
    with tempfile.TemporaryFile() as said:
        begin = time.monotonic()
        with subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=stdout or said, stderr=said,
                              start_new_session=True, pass_fds=pass_fds) as p:
            watch = MemoryWatch(p.pid)
            watch.start()
            try:
                stopped = wait_sliced(p, yardstick, limit_s, rates)
                wall = time.monotonic() - begin - stopped
                _, status, usage = os.wait4(p.pid, 0)
                p.returncode = os.waitstatus_to_exitcode(status)
            finally:
                if p.returncode is None:
                    os.killpg(p.pid, signal.SIGKILL)
                watch.ended.set()
                watch.join()
        said.seek(0)
        out = said.read().decode("utf-8", "replace")
    if p.returncode != 0:
        sys.exit("bench: %s: exit status %d\n%s" % (" ".join(argv), p.returncode, out[-2000:]))
    if yardstick:
        rates.append(yardstick.slice())
    return Run(wall, usage.ru_utime + usage.ru_stime, watch.most_kib / MIB, out, rates)


def alternate(programs, runs):
    """programs: {name: function that returns a Run, or (function, runs)}.  One run of each in turn, so that a busy
    moment hits all alike; {name: Run of medians}, without those that were too slow."""
    got = {name: [] for name in programs}
    plan = {name: p if isinstance(p, tuple) else (p, runs) for name, p in programs.items()}
    for i in range(max(n for _, n in plan.values())):
        for name, (fn, n) in list(plan.items()):
            if i >= n or (Stopping.asked and i > 0):
                continue
            try:
                got[name].append(fn())
                progress("%s: run %d of %d, %.2f s" % (name, i + 1, n, got[name][-1].wall_s))
            except TooSlow:
                progress("%s: run %d of %d was ended, too slow" % (name, i + 1, n))
                del plan[name]
    return {name: Run(statistics.median(r.wall_s for r in all_), statistics.median(r.cpu_s for r in all_),
                      max(r.anon_mib for r in all_), all_[-1].out, [x for r in all_ for x in r.rates], all_)
            for name, all_ in got.items() if all_}


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
