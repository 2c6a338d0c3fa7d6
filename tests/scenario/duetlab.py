#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""duetlab - the laboratory of the scenario tests and of the demo.

A Lab is one run: a folder, a /24 of loopback addresses of its own (127.A.B.0), processes that end with it.  Peers are
the name servers and resolvers of others (NSD, Knot, Bind, BindResolver, Unbound, KnotResolver), each a copy of the
program in its own folder, since AppArmor profiles go by path.  A Cluster is signers and backup hosts of Duet.

Nothing here waits for a number of seconds: wait_until and wait_event look until something is so, or a deadline passes.
docs/testing.md shows how a scenario is written."""

import ctypes
import importlib.util
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.zone

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


# ---- marks, read by tests/run without running the file ----------------------------------------------------------

def limit(_seconds):
    """@limit(300): this scenario may take so long."""
    return lambda f: f


def serial(f):
    """@serial: runs when no other test does (it measures, or needs the machine)."""
    return f


def optional(_why):
    """@optional("why"): a skip does not count as failed in CI."""
    return lambda f: f


# ---- waiting ----------------------------------------------------------------------------------------------------

def wait_until(fn, timeout=10.0, what=None, every=0.02):
    """Calls fn until it returns something true, which is returned; Failed after timeout seconds.
    An OSError or DNS exception counts as "not yet"."""
    end = time.monotonic() + timeout * PATIENCE
    last = None
    while True:
        try:
            value = fn()
            if value:
                return value
        except (OSError, dns.exception.DNSException) as e:
            last = e
        if time.monotonic() > end:
            name = what or getattr(fn, "__name__", "condition")
            raise Failed("not within %.0f s: %s%s" % (timeout * PATIENCE, name, " (%s)" % last if last else ""))
        time.sleep(every)


def fields(line):
    """The key=value words of a log line; msg= takes the rest."""
    head, sep, msg = line.partition(" msg=")
    out = dict(w.split("=", 1) for w in head.split() if "=" in w)
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


# ---- processes --------------------------------------------------------------------------------------------------

def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


class Process:
    """A started program; its output goes to one log file, appended to over restarts."""

    def __init__(self, lab, name, argv, env=None, cwd=None):
        self.lab, self.name, self.argv = lab, name, argv
        self.env, self.cwd = env, cwd
        self.log = lab.path("log", name.replace("/", ".") + ".log")
        self.popen = None
        self.expect_failure = False

    def start(self):
        assert not self.running(), "%s runs already" % self.name
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          env=dict(os.environ, **(self.env or {})), cwd=self.cwd or self.lab.dir,
                                          preexec_fn=die_with_parent)
        return self

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def mark(self):
        return mark(self.log)

    def tail(self, lines=15):
        return tail(self.log, lines)

    def wait_event(self, words, timeout=10.0, since=0):
        return wait_event(self, words, timeout, since)

    def count(self, words, since=0):
        """How many log lines have all these words."""
        n = 0
        while True:
            found = find_event(self.log, words, since)
            if found is None:
                return n
            n, since = n + 1, found[1]

    def send(self, sig):
        self.popen.send_signal(sig)

    def stop(self, timeout=10.0):
        """SIGTERM, then wait; SIGKILL and Failed when it does not end.  Returns the exit status."""
        if self.popen is None:
            return None
        if self.running():
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            try:
                self.popen.wait(timeout * PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                raise Failed("%s did not end within %.0f s of SIGTERM\n%s" % (self.name, timeout, self.tail())) from None
        return self.popen.returncode

    def kill(self):
        """kill -9, and its children with it (net has no life without engine)."""
        if self.running():
            self.send(signal.SIGKILL)
            self.popen.wait()

    def pause(self):
        self.send(signal.SIGSTOP)

    def resume(self):
        self.send(signal.SIGCONT)

    def children(self):
        """Process ids of its children."""
        try:
            with open("/proc/%d/task/%d/children" % (self.popen.pid, self.popen.pid), encoding="ascii") as f:
                return [int(w) for w in f.read().split()]
        except OSError:
            return []


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


# ---- the lab ----------------------------------------------------------------------------------------------------

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
        with open(path + ".new", "w" if isinstance(text, str) else "wb") as f:
            f.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
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


# ---- DNS --------------------------------------------------------------------------------------------------------

def query(addr, name, rdtype="SOA", port=DNS_PORT, tcp=False, dnssec=True, timeout=3.0, source=None, cd=False,
          rd=True, keyring=None, keyname=None):
    """One query; the answer as dns.message.Message.  Falls back to TCP when truncated."""
    q = dns.message.make_query(name, rdtype, want_dnssec=dnssec, payload=1232)
    q.flags |= dns.flags.AD
    if cd:
        q.flags |= dns.flags.CD
    if not rd:
        q.flags &= ~dns.flags.RD
    if keyring:
        q.use_tsig(keyring, keyname)
    if tcp:
        return dns.query.tcp(q, addr, timeout=timeout, port=port, source=source)
    return dns.query.udp_with_fallback(q, addr, timeout=timeout, port=port, source=source)[0]


def serial_of(addr, zone, port=DNS_PORT, timeout=2.0):
    """The serial that a server shows for the zone, None when it shows none."""
    try:
        r = query(addr, zone, "SOA", port, timeout=timeout, rd=False)
    except (OSError, dns.exception.DNSException):
        return None
    for rrset in r.answer:
        if rrset.rdtype == dns.rdatatype.SOA:
            return rrset[0].serial
    return None


def is_signed(addr, zone, port=DNS_PORT):
    """Whether the SOA answer has an RRSIG."""
    try:
        r = query(addr, zone, "SOA", port, timeout=2.0, rd=False)
    except (OSError, dns.exception.DNSException):
        return False
    return any(x.rdtype == dns.rdatatype.RRSIG for x in r.answer)


def axfr(addr, zone, port=DNS_PORT, keyring=None, keyname=None, source=None, timeout=20.0, algorithm=None):
    """The zone by AXFR as dns.zone.Zone; dns.exception or OSError when refused.  keyring: {name: secret}."""
    kw = {}
    if keyring:
        kw = {"keyring": dns.tsigkeyring.from_text(keyring), "keyname": keyname,
              "keyalgorithm": algorithm or dns.tsig.HMAC_SHA256}
    messages = dns.query.xfr(addr, zone, port=port, lifetime=timeout * PATIENCE, source=source, relativize=False, **kw)
    return dns.zone.from_xfr(messages, relativize=False, check_origin=False)


def axfr_text(addr, zone, port=DNS_PORT, **kw):
    """The same as text, one record a line."""
    z = axfr(addr, zone, port, **kw)
    return "".join("%s %d IN %s %s\n" % (name, ttl, dns.rdatatype.to_text(r.rdtype), r.to_text(origin=None, relativize=False))
                   for name, ttl, r in z.iterate_rdatas())


def axfr_file(lab, addr, zone, name=None, port=DNS_PORT, **kw):
    """AXFR into a file of the lab; its path."""
    return lab.write(name or "axfr/%s.%s.zone" % (zone.strip(".") or "root", addr),
                     axfr_text(addr, zone, port, **kw))


def verify(path, zone, tools=("dnssec-verify", "ldns-verify-zone", "kzonecheck"), at=None):
    """The judges of others over a signed zone file; Failed with the words of the first that refuses it.
    at: the time to judge by, seconds since 1970; dnssec-verify has no such option and is left out then."""
    zone = zone.rstrip(".") or "."
    when = time.strftime("%Y%m%d%H%M%S", time.gmtime(at)) if at else None
    for tool in tools:
        exe = find_program(tool)
        if tool == "dnssec-verify":
            if at:
                continue
            argv = [exe, "-q", "-o", zone, path]
        elif tool == "ldns-verify-zone":
            argv = [exe, "-V1"] + (["-t", when] if at else []) + [path]
        else:
            argv = [exe, "-o", zone, "-d", "on"] + (["-t", str(int(at))] if at else []) + [path]
        run(argv, timeout=60)


def rcode(r):
    return dns.rcode.to_text(r.rcode())


def has_ad(r):
    return bool(r.flags & dns.flags.AD)


# ---- peers ------------------------------------------------------------------------------------------------------

class Primary:
    """Where a secondary fetches: address, port, TSIG key name or None."""

    def __init__(self, addr, port=DNS_PORT, key=None):
        self.addr, self.port, self.key = addr, port, key


def primaries(masters):
    return [m if isinstance(m, Primary) else Primary(*m) if isinstance(m, tuple) else Primary(m) for m in masters]


class Peer:
    """Common part of the programs of others.  start() returns when it answers."""
    program = None

    def __init__(self, lab, name, addr=None):
        self.lab, self.name = lab, name
        self.dir = lab.folder(name)
        self.addr, self.port = addr or lab.addr(), DNS_PORT
        self.source = self.addr         # where its queries come from
        self.process = None

    def argv(self):
        raise NotImplementedError

    def config(self):
        raise NotImplementedError

    def start(self):
        self.lab.write(os.path.join(self.dir, self.name + ".conf"), self.config())
        exe = self.lab.copy_of(self.program, self.dir)
        if self.process is None:
            self.process = self.lab.start(self.name, [exe] + self.argv(), cwd=self.dir)
        else:
            self.process.start()
        wait_until(self.answers, 20, "%s answers on %s port %d\n%s" % (self.name, self.addr, self.port, self.process.log))
        return self

    def answers(self):
        if not self.process.running():
            raise Failed("%s has ended\n%s" % (self.name, self.process.tail()))
        q = dns.message.make_query("version.bind.", "TXT", "CH")
        dns.query.udp(q, self.addr, timeout=0.5, port=self.port)
        return True

    def stop(self):
        self.process.stop()

    def kill(self):
        self.process.kill()

    def conf_path(self):
        return os.path.join(self.dir, self.name + ".conf")

    # what a secondary shows
    def serial(self, zone):
        return serial_of(self.addr, zone, self.port)

    def signed(self, zone):
        return is_signed(self.addr, zone, self.port)

    def query(self, name, rdtype="A", **kw):
        return query(self.addr, name, rdtype, port=self.port, **kw)

    def wait_serial(self, zone, want, timeout=15):
        """Until this server shows serial `want` (or what want(serial) accepts)."""
        ok = want if callable(want) else (lambda s: s == want)
        return wait_until(lambda: (lambda s: s if s is not None and ok(s) else None)(self.serial(zone)), timeout,
                          "%s shows serial %s of %s (shows %s)" % (self.name, want, zone, self.serial(zone)), every=0.05)


class Secondary(Peer):
    """zones: names; masters: of all zones, in order; keys: {name: base64 secret} (hmac-sha256)."""

    def __init__(self, lab, name, zones, masters, keys=None, addr=None):
        super().__init__(lab, name, addr)
        self.zones = [z.rstrip(".") or "." for z in zones]
        self.masters = primaries(masters)
        self.keys = keys or {}


class NSD(Secondary):
    program = "nsd"

    def argv(self):
        return ["-d", "-c", self.conf_path()]

    def config(self):
        os.makedirs(os.path.join(self.dir, "xfr"), exist_ok=True)
        out = ["server:", "\tip-address: %s@%d" % (self.addr, self.port), '\tusername: ""', '\tchroot: ""',
               '\tzonesdir: "%s"' % self.dir, '\tdatabase: ""', '\tpidfile: "%s/nsd.pid"' % self.dir,
               '\txfrdfile: "%s/xfrd.state"' % self.dir, '\tzonelistfile: "%s/zone.list"' % self.dir,
               '\txfrdir: "%s/xfr"' % self.dir, "\tserver-count: 1", "\tverbosity: 2", "\txfrd-reload-timeout: 0",
               "\tzonefiles-write: 5",
               "remote-control:", "\tcontrol-enable: no"]
        for key, secret in self.keys.items():
            out += ["key:", '\tname: "%s"' % key.rstrip("."), "\talgorithm: hmac-sha256", '\tsecret: "%s"' % secret]
        for zone in self.zones:
            out += ["zone:", '\tname: "%s"' % zone, '\tzonefile: "%s.zone"' % (zone.strip(".") or "root"),
                    "\tmin-refresh-time: 1", "\tmin-retry-time: 1", "\tmax-retry-time: 2",
                    "\toutgoing-interface: " + self.source, "\tprovide-xfr: 127.0.0.0/8 NOKEY"]
            for m in self.masters:
                key = m.key.rstrip(".") if m.key else "NOKEY"
                out += ["\trequest-xfr: AXFR %s@%d %s" % (m.addr, m.port, key), "\tallow-notify: %s %s" % (m.addr, key)]
        return "\n".join(out) + "\n"


class Knot(Secondary):
    program = "knotd"

    def argv(self):
        return ["-c", self.conf_path()]

    def config(self):
        os.makedirs(os.path.join(self.dir, "run"), exist_ok=True)
        out = ["server:", "  rundir: %s/run" % self.dir, "  listen: %s@%d" % (self.addr, self.port), "  udp-workers: 1",
               "  tcp-workers: 1", "  background-workers: 1",
               "log:", "  - target: stderr", "    any: info",
               "database:", "  storage: %s/db" % self.dir, "  journal-db-max-size: 64M", "  kasp-db-max-size: 16M",
               "  timer-db-max-size: 4M",
               "control:", "  listen: %s/run/knot.sock" % self.dir]
        if self.keys:
            out += ["key:"]
            for key, secret in self.keys.items():
                out += ["  - id: %s" % key, "    algorithm: hmac-sha256", "    secret: %s" % secret]
        out += ["remote:"]
        for i, m in enumerate(self.masters):
            out += ["  - id: m%d" % i, "    address: %s@%d" % (m.addr, m.port), "    via: " + self.source]
            out += ["    key: " + m.key] if m.key else []
        out += ["acl:"]
        for i, m in enumerate(self.masters):
            out += ["  - id: n%d" % i, "    address: " + m.addr, "    action: notify"]
            out += ["    key: " + m.key] if m.key else []
        out += ["  - id: out", "    address: 127.0.0.0/8", "    action: transfer", "zone:"]
        for zone in self.zones:
            masters = ", ".join("m%d" % i for i in range(len(self.masters)))
            acls = ", ".join(["n%d" % i for i in range(len(self.masters))] + ["out"])
            out += ["  - domain: %s" % zone, "    storage: " + self.dir, "    file: %s.zone" % (zone.strip(".") or "root"),
                    "    master: [%s]" % masters, "    acl: [%s]" % acls, "    retry-max-interval: 2",
                    "    semantic-checks: off"]
        return "\n".join(out) + "\n"


def bind_keys(keys):
    return "".join('key "%s" { algorithm hmac-sha256; secret "%s"; };\n' % (k.rstrip("."), s) for k, s in keys.items())


class BindBase(Peer):
    """named binds only addresses that an interface has, hence 127.0.0.1 with a port of its own."""
    program = "named"

    def __init__(self, lab, name, addr=None):
        super().__init__(lab, name, addr)
        self.addr, self.port = "127.0.0.1", lab.port()

    def argv(self):
        return ["-g", "-n", "1", "-c", self.conf_path()]

    def options(self, more):
        return ('options {\n\tdirectory "%s";\n\tpid-file "%s/named.pid";\n\tsession-keyfile "%s/session.key";\n'
                '\tmanaged-keys-directory "%s";\n\tlisten-on port %d { 127.0.0.1; };\n\tlisten-on-v6 { none; };\n'
                '\tquery-source address %s;\n\tallow-query { any; };\n\tmax-cache-size 32M;\n%s};\ncontrols { };\n'
                % (self.dir, self.dir, self.dir, self.dir, self.port, self.source,
                   "".join("\t%s;\n" % m for m in more)))


class Bind(BindBase):
    def __init__(self, lab, name, zones, masters, keys=None):
        BindBase.__init__(self, lab, name)
        self.zones = [z.rstrip(".") or "." for z in zones]
        self.masters, self.keys = primaries(masters), keys or {}

    def config(self):
        out = self.options(["recursion no", "dnssec-validation no", "notify no", "allow-transfer { any; }",
                            "transfer-source " + self.source, "min-retry-time 1", "min-refresh-time 1",
                            "max-retry-time 2", "masterfile-format text"]) + bind_keys(self.keys)
        ms = " ".join("%s port %d%s;" % (m.addr, m.port, ' key "%s"' % m.key.rstrip(".") if m.key else "")
                      for m in self.masters)
        for zone in self.zones:
            out += 'zone "%s" { type secondary; file "%s.zone"; primaries { %s }; };\n' % (
                zone, zone.strip(".") or "root", ms)
        return out


class BindPrimary(BindBase):
    """A hidden primary; zones: {name: zone text}.  reload() after rewriting a file with set_zone()."""

    def __init__(self, lab, name, zones, keys=None, transfer_key=None, notify=()):
        super().__init__(lab, name)
        self.zones, self.keys, self.transfer_key, self.notify = {}, keys or {}, transfer_key, primaries(notify)
        for zone, text in zones.items():
            self.set_zone(zone, text)

    def set_zone(self, zone, text):
        zone = zone.rstrip(".") or "."
        self.zones[zone] = self.lab.write(os.path.join(self.dir, (zone.strip(".") or "root") + ".zone"), text)

    def reload(self):
        self.process.send(signal.SIGHUP)

    def config(self):
        allow = 'key "%s"' % self.transfer_key.rstrip(".") if self.transfer_key else "any"
        out = self.options(["recursion no", "dnssec-validation no", "notify explicit", "notify-delay 0",
                            "allow-transfer { %s; }" % allow, "notify-source " + self.source,
                            "also-notify { %s }" % " ".join("%s port %d;" % (m.addr, m.port) for m in self.notify)])
        out += bind_keys(self.keys)
        for zone, path in self.zones.items():
            out += 'zone "%s" { type primary; file "%s"; check-names ignore; };\n' % (zone, path)
        return out


class Resolver(Peer):
    """Validates.  stubs: {zone: (addr, port)}; anchors: DS lines "example. IN DS 12345 13 2 ABCD..."; at: override date."""

    def __init__(self, lab, name, stubs, anchors=(), at=None, addr=None):
        super().__init__(lab, name, addr)
        self.stubs = {z.rstrip(".") + ".": (p if isinstance(p, tuple) else (p, DNS_PORT)) for z, p in stubs.items()}
        self.anchors, self.at = list(anchors), at


class Unbound(Resolver):
    program = "unbound"

    def argv(self):
        return ["-d", "-p", "-c", self.conf_path()]

    def config(self):
        out = ["server:", "  interface: " + self.addr, "  port: %d" % self.port, "  do-daemonize: no", '  username: ""',
               '  chroot: ""', '  directory: "%s"' % self.dir, "  use-syslog: no", '  logfile: ""', "  verbosity: 1",
               "  val-log-level: 2", "  log-servfail: yes", "  num-threads: 1", "  do-not-query-localhost: no",
               '  module-config: "validator iterator"', "  aggressive-nsec: no", "  qname-minimisation: no",
               "  access-control: 127.0.0.0/8 allow", '  target-fetch-policy: "0 0 0 0 0"',
               "  outgoing-interface: " + self.source, "  do-ip6: no", "  msg-cache-size: 4m", "  rrset-cache-size: 4m",
               "  infra-cache-numhosts: 100", "  unwanted-reply-threshold: 0"]
        if self.at:
            out += ['  val-override-date: "%s"' % time.strftime("%Y%m%d%H%M%S", time.gmtime(self.at))]
        for zone in self.stubs:
            out += ['  local-zone: "%s" nodefault' % zone]
            top = zone.rstrip(".").split(".")[-1] + "."
            if top != zone and top in ("test.", "invalid.", "localhost.", "onion."):
                out += ['  local-zone: "%s" nodefault' % top]
        out += ['  trust-anchor: "%s"' % a for a in self.anchors]
        out += ["remote-control:", "  control-enable: yes", "  control-use-cert: no",
                '  control-interface: "%s/control.sock"' % self.dir]
        for zone, (addr, port) in self.stubs.items():
            out += ["stub-zone:", '  name: "%s"' % zone, "  stub-addr: %s@%d" % (addr, port), "  stub-prime: no"]
        return "\n".join(out) + "\n"

    def control(self, *args):
        return run([find_program("unbound-control"), "-c", self.conf_path()] + list(args)).stdout


class BindResolver(BindBase):
    """named as validator; asks its stub as a forwarder, since static-stub knows no port."""

    def __init__(self, lab, name, stubs, anchors=()):
        super().__init__(lab, name)
        self.stubs = {z.rstrip(".") or ".": (p if isinstance(p, tuple) else (p, DNS_PORT)) for z, p in stubs.items()}
        self.anchors = list(anchors)

    def config(self):
        out = self.options(["recursion yes", "dnssec-validation yes", "synth-from-dnssec no", "empty-zones-enable no",
                            "qname-minimization off"])
        out += "trust-anchors {\n"
        for a in self.anchors:
            words = a.split()
            tag, alg, kind = words[words.index("DS") + 1:words.index("DS") + 4]
            digest = "".join(words[words.index("DS") + 4:])
            out += '\t"%s" static-ds %s %s %s "%s";\n' % (words[0], tag, alg, kind, digest)
        out += "};\n"
        for zone, (addr, port) in self.stubs.items():
            out += 'zone "%s" { type forward; forward only; forwarders { %s port %d; }; };\n' % (zone, addr, port)
        return out


class KnotResolver(Resolver):
    program = "kresd"

    def answers(self):
        if not self.process.running():
            raise Failed("%s has ended\n%s" % (self.name, self.process.tail()))
        query(self.addr, "localhost.", "A", self.port, timeout=0.5)
        return True

    def argv(self):
        return ["-n", "-c", self.conf_path(), self.dir]

    def config(self):
        out = ["net.listen('%s', %d, { kind = 'dns' })" % (self.addr, self.port), "net.ipv6 = false",
               "net.outgoing_v4('%s')" % self.source, "cache.open(10 * MB, 'lmdb://%s/cache')" % self.dir,
               "log_level('notice')", "modules.unload('priming')", "modules.unload('ta_update')",
               "modules.unload('ta_signal_query')", "modules.unload('ta_sentinel')", "modules.load('policy')",
               # kresd always uses NSEC aggressively; without a cache each answer is asked for.
               "policy.add(policy.all(policy.FLAGS({'NO_CACHE', 'NO_0X20'})))"]
        out += ["trust_anchors.remove('.')"]
        out += ["trust_anchors.add([[%s]])" % a for a in self.anchors]
        for zone, (addr, port) in self.stubs.items():
            out += ["policy.add(policy.suffix(policy.FORWARD({'%s@%d'}), {todname('%s')}))" % (addr, port, zone)]
        return "\n".join(out) + "\n"


# ---- Duet's own hosts -------------------------------------------------------------------------------------------

def yaml(value, indent=0):
    """Enough YAML for our configuration files."""
    pad = "  " * indent
    if isinstance(value, dict):
        if not value:
            return " {}\n"
        return ("\n" if indent else "") + "".join("%s%s:%s" % (pad, k, yaml(v, indent + 1)) for k, v in value.items())
    if isinstance(value, list):
        if not value:
            return " []\n"
        if all(not isinstance(v, (dict, list)) for v in value):
            return " [%s]\n" % ", ".join(scalar(v) for v in value)
        rows = ""
        for v in value:
            body = yaml(v, indent + 1).lstrip("\n")
            rows += pad + "- " + body[len("  " * (indent + 1)):]
        return "\n" + rows
    return " %s\n" % scalar(value)


def scalar(v):
    if v is None:
        return "null"
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, int):
        return str(v)
    return '"%s"' % v.replace("\\", "\\\\").replace('"', '\\"')


def deep_update(into, more):
    for k, v in more.items():
        if isinstance(v, dict) and isinstance(into.get(k), dict):
            deep_update(into[k], v)
        else:
            into[k] = v
    return into


class Host:
    """One machine of the cluster: a folder in place of /etc, /var/lib and /run, an address, a clock of its own."""

    def __init__(self, cluster, name, role, number):
        lab = cluster.lab
        self.cluster, self.lab, self.name, self.role = cluster, lab, name, role
        self.addr, self.dir = lab.addr(number), lab.folder(name)
        self.etc, self.zones, self.run_dir = lab.folder(name, "etc"), lab.folder(name, "zones"), lab.folder(name, "run")
        self.state = lab.folder(name, "lib")
        self.yaml = os.path.join(self.etc, "duet.yaml")
        self.clock = os.path.join(self.dir, "clock")
        self.line = None
        self.procs = {}
        self.set_clock(0)
        self.conf = {
            "node": {"name": name, "identity": self.etc + "/identity", "clock": "trust"},
            "peers": [],
        }
        if role == "signer":
            self.conf["node"]["engine-identity"] = self.etc + "/identity.signer"
            self.conf["keydist"] = {
                "listen": self.endpoint(), "socket": self.run_dir + "/keydist.sock",
                "state-dir": self.state + "/keydist", "wrap-key": "file:%s/identity.wrap" % self.etc}
            self.conf["signer"] = {
                "listen": ["%s#%d" % (self.addr, DNS_PORT)], "socket": self.run_dir + "/signer.sock",
                "state-dir": self.state + "/signer", "zones-dir": self.zones,
                "secondaries": [], "transfer": [{"prefix": "127.0.0.0/8"}]}
            os.makedirs(self.state + "/keydist", exist_ok=True)
            os.makedirs(self.state + "/signer", exist_ok=True)
        else:
            self.conf["backupd"] = {"listen": self.endpoint(), "socket": self.run_dir + "/backupd.sock",
                                    "state-dir": self.state + "/backupd"}
            os.makedirs(self.state + "/backupd", exist_ok=True)

    def endpoint(self):
        return "tcp://%s:%d" % (self.addr, MSG_PORT)

    def set_clock(self, offset_s):
        """Moves this host's clock (test builds only): seconds added to the real time."""
        mode = "r+b" if os.path.exists(self.clock) else "w+b"
        with open(self.clock, mode) as f:
            f.write(struct.pack("=q", int(offset_s)))

    def now(self):
        with open(self.clock, "rb") as f:
            return time.time() + struct.unpack("=q", f.read(8))[0]

    def write_conf(self):
        self.lab.write(self.yaml, yaml(self.conf).lstrip("\n"))

    def env(self, fail=None):
        e = {"DUET_TEST_CLOCK": self.clock}
        if fail:
            e["DUET_TEST_FAIL"] = fail
        return e

    # daemons
    DAEMONS = {"signer": ("duet-keydist", "duet-signer"), "backup": ("duet-backupd",)}

    def start(self, which=None, fail=None, wait=True, timeout=20):
        """Starts the daemons of this host, or one of them ("signer", "keydist", "backupd"); waits for event=ready."""
        for program in self.DAEMONS[self.role]:
            short = program[len("duet-"):]
            if which not in (None, short):
                continue
            argv = [self.lab.program(program), "-c", self.yaml]
            p = self.procs.get(short)
            if p is None:
                p = self.procs[short] = self.lab.start("%s/%s" % (self.name, short), argv, env=self.env(fail))
                since = 0
            else:
                since, p.env = p.mark(), self.env(fail)
                p.start()
            if wait:
                p.wait_event("event=ready", timeout, since)
        return self

    def __getattr__(self, name):
        procs = self.__dict__.get("procs", {})
        if name in procs:
            return procs[name]
        raise AttributeError(name)

    def stop(self, which=None):
        for short, p in reversed(list(self.procs.items())):
            if which in (None, short):
                p.stop()

    def kill(self, which=None):
        """kill -9 of all daemons at once, or of one."""
        for short, p in self.procs.items():
            if which in (None, short):
                p.kill()

    def ctl(self, *args, check=True, timeout=60):
        """duetctl on this host; CompletedProcess."""
        return run([self.lab.program("duetctl"), "-c", self.yaml] + list(args), timeout=timeout, check=check, env=self.env())

    def put_zone(self, file, text):
        """Puts a zone file into this host's zones-dir, all at once."""
        return self.lab.write(os.path.join(self.zones, file), text)

    def serial(self, zone):
        return serial_of(self.addr, zone)

    def signed(self, zone):
        return is_signed(self.addr, zone)


class Cluster:
    """Signers signer1..N and backup hosts vault (vault2, ...), with identities, configuration and a recovery key.

    conf: {host name or "*": overrides of its configuration}.  Secondaries are named by add_secondary before start()."""

    def __init__(self, lab, signers=2, backups=1, conf=None):
        self.lab, self.hosts, self.recovery_line = lab, {}, None
        for i in range(signers):
            self._host("signer%d" % (i + 1), "signer", i + 1)
        for i in range(backups):
            self._host("vault%s" % (i + 1 if i else ""), "backup", 6 + i)
        for who, more in (conf or {}).items():
            for h in self.hosts.values():
                if who in ("*", h.name, h.role):
                    deep_update(h.conf, more)

    def _host(self, name, role, number):
        h = self.hosts[name] = Host(self, name, role, number)
        setattr(self, name, h)
        return h

    def signers(self):
        return [h for h in self.hosts.values() if h.role == "signer"]

    def backups(self):
        return [h for h in self.hosts.values() if h.role == "backup"]

    def init(self):
        """Identities and the recovery key, as an operator makes them; then every host's peers."""
        self.recovery_secret = self.lab.path("recovery.secret")
        out = run([self.lab.program("duetctl"), "recovery", "init"]).stdout
        self.recovery_line = re.search(r"\bduetR1(?!SECRET)\S+", out).group(0)
        self.lab.write(self.recovery_secret, re.search(r"\bduetR1SECRET\S+", out).group(0) + "\n", 0o600)
        for h in self.hosts.values():
            h.conf["node"]["recovery"] = self.recovery_line
            h.write_conf()
        for i, h in enumerate(self.hosts.values()):
            first = ["--first"] if i == 0 else []
            h.line = re.search(r"\bduet1\S+", h.ctl("node", "init", *first).stdout).group(0)
        self.write_confs()
        return self

    def write_confs(self):
        for h in self.hosts.values():
            h.conf["peers"] = [{"name": p.name, "line": p.line, "role": p.role, "endpoint": p.endpoint()}
                               for p in self.hosts.values() if p is not h and p.line]
            h.write_conf()

    def add_secondary(self, peer, of, key=None, zones=None):
        """Names a secondary in the configuration of the signers `of` (names or hosts)."""
        for h in of:
            h = self.hosts[h] if isinstance(h, str) else h
            entry = {"address": "%s#%d" % (peer.source if peer.addr == "127.0.0.1" else peer.addr, peer.port)}
            if peer.addr == "127.0.0.1":
                entry["address"] = "127.0.0.1#%d" % peer.port
            if key:
                entry["key"] = key
            if zones:
                entry["zones"] = zones
            h.conf["signer"]["secondaries"].append(entry)

    def start(self, timeout=30):
        """Starts all daemons and, where a second signer is there, admits it."""
        for h in self.hosts.values():
            h.start(wait=False)
        for h in self.hosts.values():
            for p in h.procs.values():
                p.wait_event("event=ready", timeout)
        first = self.signers()[0]
        for h in list(self.hosts.values()):
            if h is not first:
                first.ctl("node", "add", h.name)
        return self

    def put_zone(self, file, text):
        for h in self.signers():
            h.put_zone(file, text)

    def add_zone(self, zone, text, policy=None, on=None):
        """The zone's file on every signer, then `zone add` on one of them."""
        file = (zone.strip(".") or "root") + ".zone"
        self.put_zone(file, text)
        args = ["zone", "add", zone, "--source", "file:" + file] + (["--policy", policy] if policy else [])
        (on or self.signers()[0]).ctl(*args)

    def ds(self, zone, on=None):
        """The DS lines of the zone as duetctl shows them."""
        out = (on or self.signers()[0]).ctl("key", "ds", zone, check=False).stdout
        return [row for row in out.splitlines() if re.search(r"\sDS\s+\d+\s", row)]

    def wait_signed(self, zone, timeout=30, signers=None):
        for h in signers or self.signers():
            wait_until(lambda host=h: host.signed(zone), timeout, "%s serves %s signed" % (h.name, zone), every=0.05)


def small_zone(origin="example.org.", n=20, serial=1, ttl=300, minimum=60, more=""):
    """A zone with hosts, a wildcard, an empty non-terminal, a delegation with glue, a DS and a long TXT."""
    origin = origin.rstrip(".") + "."
    rows = ["$ORIGIN %s" % origin, "$TTL %d" % ttl,
            "@ SOA ns1 hostmaster %d 3600 600 604800 %d" % (serial, minimum),
            "@ NS ns1", "@ NS ns2", "@ MX 10 mail", "ns1 A 192.0.2.1", "ns2 A 192.0.2.2", "ns2 AAAA 2001:db8::2",
            "mail A 192.0.2.3", "*.wild TXT \"any\"", "a.b.c.deep A 192.0.2.4", "www CNAME host0",
            "sub NS ns.sub", "ns.sub A 192.0.2.5", "secure NS ns2",
            "secure DS 12345 13 2 " + "AB" * 32]
    rows += ["host%d A 198.51.100.%d" % (i, i % 256) for i in range(n)]
    return "\n".join(rows) + "\n" + more


# ---- running one scenario ---------------------------------------------------------------------------------------

def main(argv):
    """duetlab.py FILE FUNCTION: runs one scenario; exit status 0, 1 or 77 (skipped)."""
    path, name = argv[1], argv[2]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.modules["duetlab"] = sys.modules["__main__"]
    spec = importlib.util.spec_from_file_location("scenario", path)
    module = importlib.util.module_from_spec(spec)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    lab = Lab(os.environ.get("DUET_LAB_DIR"))
    try:
        with lab:
            spec.loader.exec_module(module)
            getattr(module, name)(lab)
    except Skip as e:
        lab.remove()
        print("skipped: %s" % e)
        return SKIPPED
    except Exception:   # the report of a test is its traceback
        traceback.print_exc()
        if "DUET_LAB_DIR" not in os.environ:
            print("kept: " + lab.dir)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
