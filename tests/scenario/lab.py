# SPDX-License-Identifier: BSD-3-Clause
"""Waiting, processes and the lab: one run with a folder and a network of its own."""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import dns.exception

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SKIPPED = 77
DNS_PORT = 5300         # of everything that has an address of its own
MSG_PORT = 5301         # CURVE endpoints
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
# Machines differ; a sanitized build on a busy one needs patience.  Only failures take this long.
PATIENCE = float(os.environ.get("DUET_PATIENCE", "1"))


class Skip(Exception):
    """This scenario cannot run here; the text says what is missing."""


class Failed(AssertionError):
    """What a scenario expected did not come about."""


def limit(_seconds):
    """@limit(300): this scenario may take so long."""
    return lambda f: f


def serial(f):
    """@serial: runs when no other test does (it measures, or needs the machine)."""
    return f


def optional(_why):
    """@optional("why"): a skip does not count as failed in CI."""
    return lambda f: f


def wait_until(fn, timeout=10.0, what=None, every=0.02):
    """Calls fn until it returns something true, which is returned; Failed after timeout seconds.
    An OSError, an early end of a connection or a DNS exception counts as "not yet"."""
    end = time.monotonic() + timeout * PATIENCE
    last = None
    while True:
        try:
            value = fn()
            if value:
                return value
        except (OSError, EOFError, dns.exception.DNSException) as e:
            last = e
        if time.monotonic() > end:
            name = what or getattr(fn, "__name__", "condition")
            raise Failed("not within %.0f s: %s%s" % (timeout * PATIENCE, name, " (%s)" % last if last else ""))
        time.sleep(every)


def fields(line):
    """The key=value words of a log line; msg= takes the rest; when: the time that it begins with, as text."""
    head, sep, msg = line.partition(" msg=")
    out = dict(w.split("=", 1) for w in head.split() if "=" in w)
    out["when"] = line.split(" ", 1)[0].rpartition(">")[2]
    if sep:
        out["msg"] = msg.strip()
    return out


def find_event(log, words, since=0):
    """The first complete line from offset `since` on that has all words; (fields, offset behind it) or None."""
    want = words.split()
    try:
        with open(log, "rb") as f:
            f.seek(since)
            data = f.read()
    except FileNotFoundError:
        return None
    at = since
    for raw in data.split(b"\n")[:-1]:
        at += len(raw) + 1
        line = raw.decode("utf-8", "replace")
        have = line.split()
        if all(w in have for w in want):
            return fields(line), at
    return None


def wait_event(log, words, timeout=10.0, since=0):
    """Waits for a log line that has all these words ("event=published zone=example."); returns its fields.
    log is a Process or a path.  since: an offset by mark(), so that an older line does not count."""
    path = log.log if isinstance(log, Process) else log

    def look():
        found = find_event(path, words, since)
        if found is None and isinstance(log, Process) and not log.running():
            raise Failed("%s has ended while waiting for: %s\n%s" % (log.name, words, log.tail()))
        return found
    try:
        return wait_until(look, timeout, words)[0]
    except Failed as e:
        raise Failed("%s in %s\n%s" % (e, path, tail(path))) from None


def mark(log):
    path = log.log if isinstance(log, Process) else log
    return os.path.getsize(path) if os.path.exists(path) else 0


def tail(path, lines=15):
    try:
        with open(path, "r", encoding="utf-8", errors="replace") as f:
            return "".join("    " + row for row in f.readlines()[-lines:])
    except OSError as e:
        return str(e)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def thread_states(pid):
    """What each thread does: runnable (R) and not run is another matter than asleep (S) for something that never comes."""
    for tid in sorted(os.listdir("/proc/%d/task" % pid)):
        try:
            with open("/proc/%d/task/%s/stat" % (pid, tid), encoding="utf-8") as f:
                name, rest = f.read().rsplit(")", 1)
            with open("/proc/%d/task/%s/wchan" % (pid, tid), encoding="utf-8") as f:
                wchan = f.read()
            word = rest.split()
            yield "    thread %s) %s in %s, user %s system %s ticks" % (name, word[0], wchan, word[11], word[12])
        except OSError:
            pass    # it has ended meanwhile


def thread_rows(pid):
    """The state of each thread, and what follows in its line of /proc."""
    for tid in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/stat" % (pid, tid), encoding="utf-8") as f:
                yield f.read().rsplit(")", 1)[1]
        except OSError:
            pass


class Process:
    """A started program; its output goes to one log file, appended to over restarts."""

    def __init__(self, lab, name, argv, env=None, cwd=None):
        self.lab, self.name, self.argv = lab, name, argv
        self.env, self.cwd = env, cwd
        self.log = lab.path("log", name.replace("/", ".") + ".log")
        self.namespace = None       # of the network, a descriptor: see netns.py
        self.popen = None
        self.expect_failure = False

    def start(self):
        """Once all is gone that its last run had started: a net whose engine was killed needs a moment to see it, and holds
        its port until then."""
        assert not self.running(), "%s runs already" % self.name
        self.wait_gone()
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          env=dict(os.environ, **(self.env or {})), cwd=self.cwd or self.lab.dir,
                                          preexec_fn=self.before_exec)
        return self

    def before_exec(self):
        die_with_parent()
        os.setpgid(0, 0)
        if self.namespace is not None and LIBC.setns(self.namespace, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def mark(self):
        return mark(self.log)

    def tail(self, lines=15):
        return tail(self.log, lines)

    def wait_event(self, words, timeout=10.0, since=0):
        return wait_event(self, words, timeout, since)

    def events(self, words, since=0):
        """The fields of each log line that has all these words."""
        while (found := find_event(self.log, words, since)) is not None:
            yield found[0]
            since = found[1]

    def count(self, words, since=0):
        """How many log lines have all these words."""
        return sum(1 for _ in self.events(words, since))

    def last(self, words, since=0):
        """The fields of the last of them, None where there is none."""
        found = None
        for found in self.events(words, since):
            pass
        return found

    def send(self, sig):
        self.popen.send_signal(sig)

    def stop(self, timeout=60.0):
        """SIGTERM, then wait; SIGKILL and Failed when it does not end.  Returns the exit status."""
        if self.popen is None:
            return None
        if self.running():
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            try:
                self.popen.wait(timeout * PATIENCE)
            except subprocess.TimeoutExpired:
                threads = "\n".join(thread_states(self.popen.pid))
                self.kill()
                raise Failed("%s did not end within %.0f s of SIGTERM; load %s\n%s\n%s" % (
                    self.name, timeout * PATIENCE, os.getloadavg()[0], threads, self.tail())) from None
        return self.popen.returncode

    def kill(self):
        """kill -9; its children end by themselves (net has no life without engine), and that is waited for."""
        if self.running():
            self.send(signal.SIGKILL)
            self.popen.wait()
            self.wait_gone()

    def wait_gone(self):
        """Waits until nobody is alive in the process group of its last run."""
        if self.popen is None:
            return
        wait_until(lambda: not [resumed(pid) for pid in alive_in(self.popen.pid)], 60, "what %s had started is gone" % self.name,
                   every=0.005)

    def pause(self):
        """It stands still when this returns; its children do not."""
        self.send(signal.SIGSTOP)
        wait_until(lambda: not self.running() or all(row.split()[0] == "T" for row in thread_rows(self.popen.pid)), 10,
                   "%s stands still" % self.name)

    def resume(self):
        self.send(signal.SIGCONT)

    def children(self):
        """Process ids of its children."""
        try:
            with open("/proc/%d/task/%d/children" % (self.popen.pid, self.popen.pid), encoding="ascii") as f:
                return [int(w) for w in f.read().split()]
        except OSError:
            return []


def resumed(pid):
    """It may have been paused.  Only then: SIGCONT takes the stop away by which a sanitizer attaches to a process at its end,
    and that would wait for ever."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            if f.read().rsplit(")", 1)[1].split()[0] == "T":
                os.kill(pid, signal.SIGCONT)
    except OSError:
        pass
    return pid


def alive_in(group):
    """The processes of a group that may still hold their sockets; those that wait to be reaped do not, once the last of their
    threads has ended."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid, encoding="ascii", errors="replace") as f:
                row = f.read().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        state, its_group, threads = row[0], int(row[2]), int(row[17])
        if its_group == group and (state not in "ZX" or threads > 1):
            found.append(int(pid))
    return found


def run(argv, timeout=60, check=True, env=None, cwd=None, stdin=None):
    """Runs to the end; CompletedProcess with text output (stderr in .stderr).  check: Failed on exit status != 0."""
    try:
        p = subprocess.run(argv, timeout=timeout * PATIENCE, env=dict(os.environ, **(env or {})), cwd=cwd,
                           input=stdin, capture_output=True, text=True, errors="replace", check=False,
                           preexec_fn=die_with_parent)
    except subprocess.TimeoutExpired:
        raise Failed("%s: not done after %.0f s" % (" ".join(argv), timeout * PATIENCE)) from None
    if check and p.returncode != 0:
        raise Failed("%s: exit status %d\n%s%s" % (" ".join(argv), p.returncode, p.stdout[-3000:], p.stderr[-3000:]))
    return p


def find_program(name):
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/usr/bin", "/sbin"]:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise Skip("%s is not installed (sh deploy/setup test)" % name)


class Lab:
    """One run.  Use as a context manager: processes end with it; the folder goes when all went well."""

    def __init__(self, folder=None, programs=None, release=None):
        self.made = folder is None
        self.dir = folder or tempfile.mkdtemp(prefix="duet-lab.")
        os.chmod(self.dir, 0o755)
        self.programs = programs or os.environ.get("DUET_PROGRAMS", os.path.join(ROOT, "build", "bin"))
        self.release = release or os.environ.get("DUET_RELEASE", os.path.join(ROOT, "build", "bin"))
        os.makedirs(self.path("log"), exist_ok=True)
        self.processes = []
        self.closers = []
        self.namespaces = {}    # host name: where what it starts runs
        self.held = []          # sockets that keep a port for us
        self.prefix = self._take_net()
        self.next_host = 10     # below: for the cluster's hosts

    def _take_net(self):
        """A /24 nobody uses: whoever holds UDP port 61999 of its .254 has it."""
        start = os.getpid()
        for i in range(64 * 250):
            n = (start + i * 7) % (64 * 250)
            prefix = "127.%d.%d" % (64 + n // 250, 1 + n % 250)
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                s.bind((prefix + ".254", 61999))
            except OSError:
                s.close()
                continue
            self.held.append(s)
            return prefix
        raise Failed("no free loopback network")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        problems = self.close()
        if kind is None and problems:
            raise Failed("\n".join(problems))
        if kind is None:
            self.remove()
        return False

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def close(self):
        """Ends everything that runs; returns what sanitizers and unexpected ends have to say."""
        problems = []
        for c in reversed(self.closers):
            c()
        for p in reversed(self.processes):
            ours = p.argv[0].startswith(self.programs)
            try:
                died = not p.running() and p.popen is not None and p.popen.returncode not in (0, -signal.SIGKILL)
                if ours and died and not p.expect_failure:
                    problems.append("%s ended by itself, status %d\n%s" % (p.name, p.popen.returncode, p.tail()))
                if ours:
                    p.stop()
                else:
                    p.kill()
            except Failed as e:
                problems.append(str(e))
        for p in self.processes:
            text = ""
            if os.path.exists(p.log):
                with open(p.log, "r", encoding="utf-8", errors="replace") as f:
                    text = f.read()
            found = re.search(r"ERROR: \w+Sanitizer|runtime error:|Assertion .* failed", text)
            if found:
                problems.append("%s: %s" % (p.name, text[max(0, found.start() - 200):found.start() + 3000]))
        self.processes = []
        for s in self.held:
            s.close()
        return problems

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def folder(self, *parts):
        p = self.path(*parts)
        os.makedirs(p, exist_ok=True)
        return p

    def write(self, name, text, mode=0o644):
        """Writes a file below the folder, all at once (rename); returns its path."""
        path = name if os.path.isabs(name) else self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        new = "%s.%d.new" % (path, threading.get_ident())   # several threads may write the same file
        with open(new, "w" if isinstance(text, str) else "wb") as f:
            f.write(text)
        os.chmod(new, mode)
        os.rename(new, path)
        return path

    def addr(self, n=None):
        """Address n of this run's network; without n the next free one."""
        if n is None:
            n = self.next_host
            self.next_host += 1
        return "%s.%d" % (self.prefix, n)

    def port(self, addr="127.0.0.1"):
        """A port free for UDP and TCP; needed only where the address is not this run's own."""
        for _ in range(200):
            t, u = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                t.bind((addr, 0))
                port = t.getsockname()[1]
                u.bind((addr, port))
                return port
            except OSError:
                continue
            finally:
                t.close()
                u.close()
        raise Failed("no free port on " + addr)

    def start(self, name, argv, env=None, cwd=None):
        p = Process(self, name, argv, env, cwd)
        p.namespace = self.namespaces.get(name.split("/")[0])
        self.processes.append(p)
        return p.start()

    def program(self, name):
        """Path of one of Duet's programs under test; Skip when it was not built."""
        path = os.path.join(self.programs, name)
        if not os.access(path, os.X_OK):
            raise Failed("%s is not built" % path)
        return path

    def copy_of(self, name, folder):
        """A copy of an installed program in folder, out of reach of AppArmor profiles, which go by path."""
        src, dst = find_program(name), os.path.join(folder, name)
        if not os.path.exists(dst):
            shutil.copy2(src, dst)
        return dst
