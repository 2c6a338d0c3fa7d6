# SPDX-License-Identifier: BSD-3-Clause
"""Duet's own hosts: signers and backups, each with a folder in place of /etc, /var/lib and /run."""

import os
import re
import shutil
import struct
import time

from dnstools import is_signed, shown_serial
from lab import DNS_PORT, MSG_PORT, Failed, find_event, run, wait_until


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
            "node": {"name": name, "identity": self.etc + "/identity"},
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

    def past_midnight(self):
        """Where midnight (UTC) is near, it is over from now on: serials have the date, and a test counts them."""
        left_s = 86400 - time.time() % 86400
        if left_s < 480:
            self.set_clock(left_s + 60)     # less than what other nodes' clocks may be off by

    def now(self):
        with open(self.clock, "rb") as f:
            return time.time() + struct.unpack("=q", f.read(8))[0]

    def write_conf(self):
        self.lab.write(self.yaml, yaml(self.conf).lstrip("\n"))

    def env(self, fail=None):
        e = {"DUET_TEST_CLOCK": self.clock, "DUET_TEST_NUMBERS": os.path.join(os.path.dirname(self.clock), "numbers")}
        if fail:
            e["DUET_TEST_FAIL"] = fail
        return e

    def arm(self, point=None):
        """From now on a daemon of the host dies at the fail-point; None: at none."""
        path = os.path.join(self.dir, "numbers", "fail-point")
        if point is None:
            os.unlink(path)
        else:
            self.lab.write(path + ".new", point)
            os.rename(path + ".new", path)

    def dies_at(self, point, change=lambda: None):
        """From the moment of the change on the signer dies at the fail-point: both come while it stands still, so that nothing
        of its own gets there in between."""
        self.signer.expect_failure = True
        self.signer.pause()
        self.arm(point)
        change()
        self.signer.resume()

    def wait_death(self, point, since):
        """It has died there; from now on it does no more."""
        wait_until(lambda: not self.signer.running(), 30, "%s is reached" % point, every=0.05)
        if self.signer.count("event=fail-point name=%s" % point, since) != 1:
            raise Failed("%s: it ended elsewhere\n%s" % (point, self.signer.tail()))
        self.arm(None)

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
            if wait and fail:       # which may be on its way to being ready
                wait_until(lambda q=p, at=since: not q.running() or self.is_up(q, at), timeout, "%s is up" % short)
            elif wait:
                self.wait_ready(p, timeout, since)
        return self

    @staticmethod
    def is_up(p, since=0):
        """A daemon has said that it is ready, and a signer's net, which is told later than the service manager, that it answers; the
        first time it says that it does not yet."""
        signer = p.name.endswith("/signer")
        return find_event(p.log, "event=ready", since) and (not signer or p.count("event=answering", since) >= 2)

    def wait_ready(self, p, timeout=20, since=0):
        p.wait_event("event=ready", timeout, since)
        wait_until(lambda: not p.running() or self.is_up(p, since), timeout, "%s answers" % p.name)

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
        if args[:2] == ("policy", "apply"):
            for path in args[2:]:
                self.ignore_name_servers(path)
        return run(self.ctl_argv(*args), timeout=timeout, check=check, env=self.env())

    @staticmethod
    def ignore_name_servers(path):
        """Zones here have name servers with made-up addresses, which nobody can look at: a policy that does not say what becomes
        of them leaves them out."""
        if not os.path.isfile(path):
            return
        with open(path, "r+", encoding="utf-8") as f:
            if "name-servers:" not in f.read():
                f.write("\nname-servers: ignore\n")

    def ctl_argv(self, *args):
        return [self.lab.program("duetctl"), "-c", self.yaml] + list(args)

    def put_zone(self, file, text):
        """Puts a zone file into this host's zones-dir, all at once."""
        return self.lab.write(os.path.join(self.zones, file), text)

    def serial(self, zone):
        return shown_serial(self.addr, zone)

    def wait_served(self, zone, timeout=30):
        """Until net has the version that the log told of last: that line, and duetctl's answer, come before it is told."""
        name = "zone=%s. " % zone.rstrip(".")
        told = self.signer.last("event=published " + name)
        if told is not None:
            self.signer.wait_event("event=serving %s serial=%s" % (name, told["serial"]), timeout)

    def wait_first_ds(self, zone, timeout=60):
        """Once what is published is seen, where a policy waits for nothing more, its content is published again with CDS: from here on
        no version comes by itself."""
        wait_until(lambda: re.search(r"\sCDS\s", self.ctl("zone", "export", zone, check=False).stdout), timeout,
                   "%s asks for the first DS of %s" % (self.name, zone), every=0.1)
        self.wait_served(zone)

    def wait_published(self, zone, words="", timeout=30, since=0):
        """A version is published, for the reason that the words give, and net has it, or a later one; the fields of the line."""
        told = self.signer.wait_event("event=published zone=%s. %s" % (zone.rstrip("."), words), timeout, since)
        self.wait_served(zone, timeout)
        return told

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
        if len(self.hosts) == 1:        # nobody is there to vouch for its clock
            self.hosts["signer1"].conf["node"]["clock"] = "trust"
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
        self.recovery_secret = self.lab.path("recovery.key")
        out = run([self.lab.program("duetctl"), "recovery", "init", "--out", self.recovery_secret]).stdout
        self.recovery_line = re.search(r"\bduetR1(?!SECRET)\S+", out).group(0)
        for i, h in enumerate(self.hosts.values()):
            self.init_host(h, first=i == 0)
        self.write_confs()
        return self

    def init_host(self, h, first=False):
        """The identity of one host."""
        h.conf["node"]["recovery"] = self.recovery_line
        h.write_conf()
        out = h.ctl("node", "init", "--dir", h.etc, *(["--first"] if first else [])).stdout
        h.line = re.search(r"\bduet1\S+", out).group(0)

    def blank_host(self, name, role="signer", number=None):
        """One more machine, with an identity of its own; write_confs() tells the others."""
        h = self._host(name, role, number or len(self.hosts) + 1)
        self.init_host(h)
        return h

    def lose(self, name):
        """A machine burns: its processes, its disk, its place in the others' configuration."""
        h = self.hosts.pop(name)
        h.kill()
        for p in h.procs.values():
            p.expect_failure = True
        shutil.rmtree(h.dir)
        return h

    def write_confs(self):
        for h in self.hosts.values():
            h.conf["peers"] = [{"name": p.name, "line": p.line, "role": p.role, "endpoint": p.endpoint()}
                               for p in self.hosts.values() if p is not h and p.line]
            h.write_conf()

    def add_secondary(self, peer, of, key=None, zones=None):
        """Names a secondary in the configuration of the signers `of` (names or hosts)."""
        for h in of:
            h = self.hosts[h] if isinstance(h, str) else h
            entry = {"address": "%s#%d" % (peer.addr, peer.port)}
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
                h.wait_ready(p, timeout)
        first = self.signers()[0]
        if len(self.hosts) > 1:         # the first signer says so once it has compared with another node
            first.keydist.wait_event("event=node-first", timeout)
        for h in list(self.hosts.values()):
            if h is not first:
                # The first node is admitted by itself, once it has looked at the others.
                args = ("node", "add", "--name", h.name, "--role", h.role, h.line)
                wait_until(lambda: first.ctl(*args, check=False).returncode == 0, timeout, "duetctl node add " + h.name,
                           every=0.2)
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
        self.wait_zone(zone)

    def wait_zone(self, zone):
        """Until every signer that runs has heard of the zone."""
        name = zone.rstrip(".") + "."
        for h in self.signers():
            if "keydist" in h.procs and h.keydist.running():
                wait_until(lambda host=h: name in host.ctl("zone", "list").stdout, 10, "%s knows %s" % (h.name, zone))

    def ds(self, zone, on=None):
        """The DS lines of the zone as duetctl shows them."""
        out = (on or self.signers()[0]).ctl("key", "ds", zone, check=False).stdout
        return [row for row in out.splitlines() if re.search(r"\sDS\s+\d+\s", row)]

    def wait_signed(self, zone, timeout=90, signers=None):
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
