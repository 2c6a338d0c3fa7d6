# SPDX-License-Identifier: BSD-3-Clause
"""The name servers and resolvers of others, each run as a copy of the program in its own folder."""

import os
import signal
import time

import dns.message
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

from dnstools import is_signed, query, serial_of, shown_serial
from lab import DNS_PORT, Failed, find_program, run, wait_until


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

    def start(self, timeout=20):
        self.lab.write(os.path.join(self.dir, self.name + ".conf"), self.config())
        exe = self.lab.copy_of(self.program, self.dir)
        if self.process is None:
            self.process = self.lab.start(self.name, [exe] + self.argv(), cwd=self.dir)
        else:
            self.process.start()
        wait_until(self.answers, timeout, "%s answers on %s port %d\n%s" % (self.name, self.addr, self.port, self.process.log))
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
        return shown_serial(self.addr, zone, self.port)

    def signed(self, zone):
        return is_signed(self.addr, zone, self.port)

    def query(self, name, rdtype="A", **kw):
        return query(self.addr, name, rdtype, port=self.port, **kw)

    def wait_serial(self, zone, want, timeout=15):
        """Until this server shows serial `want` (or what want(serial) accepts)."""
        ok = want if callable(want) else (lambda s: s == want)
        look = lambda: serial_of(self.addr, zone, self.port)
        return wait_until(lambda: (lambda s: s if s is not None and ok(s) else None)(look()), timeout,
                          "%s shows serial %s of %s (shows %s)" % (self.name, want, zone, look()), every=0.05)


class Secondary(Peer):
    """zones: names; masters: of all zones but those of `others` ({name: masters}), in order; keys: {name: base64 secret}
    (hmac-sha256)."""

    def __init__(self, lab, name, zones, masters, keys=None, addr=None, others=None):
        super().__init__(lab, name, addr)
        self.masters = primaries(masters)
        self.others = {z: primaries(m) for z, m in (others or {}).items()}
        self.zones = [z.rstrip(".") or "." for z in zones] + list(self.others)
        self.keys = keys or {}

    def masters_of(self, zone):
        return self.others.get(zone, self.masters)


def nsd_server(peer):
    """Lines of a configuration, up to what else its server: has."""
    os.makedirs(os.path.join(peer.dir, "xfr"), exist_ok=True)
    return ["remote-control:", "\tcontrol-enable: no",
            "server:", "\tip-address: %s@%d" % (peer.addr, peer.port), '\tusername: ""', '\tchroot: ""',
            '\tzonesdir: "%s"' % peer.dir, '\tdatabase: ""', '\tpidfile: "%s/nsd.pid"' % peer.dir,
            '\txfrdfile: "%s/xfrd.state"' % peer.dir, '\tzonelistfile: "%s/zone.list"' % peer.dir,
            '\txfrdir: "%s/xfr"' % peer.dir, "\tserver-count: 1", "\tverbosity: 2", "\txfrd-reload-timeout: 0"]


class NSD(Secondary):
    program = "nsd"

    def argv(self):
        return ["-d", "-c", self.conf_path()]

    def config(self):
        out = nsd_server(self) + ["\tzonefiles-write: 5"]
        for key, secret in self.keys.items():
            out += ["key:", '\tname: "%s"' % key.rstrip("."), "\talgorithm: hmac-sha256", '\tsecret: "%s"' % secret]
        for zone in self.zones:
            out += ["zone:", '\tname: "%s"' % zone, '\tzonefile: "%s.zone"' % (zone.strip(".") or "root"),
                    "\tmin-refresh-time: 1", "\tmin-retry-time: 1", "\tmax-retry-time: 2",
                    "\toutgoing-interface: " + self.source, "\tprovide-xfr: 127.0.0.0/8 NOKEY",
                    "\tprovide-xfr: 10.53.0.0/24 NOKEY"]
            for m in self.masters_of(zone):
                key = m.key.rstrip(".") if m.key else "NOKEY"
                out += ["\trequest-xfr: AXFR %s@%d %s" % (m.addr, m.port, key), "\tallow-notify: %s %s" % (m.addr, key)]
        return "\n".join(out) + "\n"

    def forget(self):
        """What it has on the disk: with a zone and timers there it may wait for its next refresh before it asks anybody."""
        for name in ["xfrd.state"] + ["%s.zone" % (zone.strip(".") or "root") for zone in self.zones]:
            if os.path.exists(os.path.join(self.dir, name)):
                os.unlink(os.path.join(self.dir, name))


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
        every = list({id(m): m for zone in self.zones for m in self.masters_of(zone)}.values())
        out += ["remote:"]
        for i, m in enumerate(every):
            out += ["  - id: m%d" % i, "    address: %s@%d" % (m.addr, m.port), "    via: " + self.source]
            out += ["    key: " + m.key] if m.key else []
        out += ["acl:"]
        for i, m in enumerate(every):
            out += ["  - id: n%d" % i, "    address: " + m.addr, "    action: notify"]
            out += ["    key: " + m.key] if m.key else []
        out += ["  - id: out", "    address: [127.0.0.0/8, 10.53.0.0/24]", "    action: transfer", "zone:"]
        for zone in self.zones:
            of = [every.index(m) for m in self.masters_of(zone)]
            masters = ", ".join("m%d" % i for i in of)
            acls = ", ".join(["n%d" % i for i in of] + ["out"])
            out += ["  - domain: %s" % zone, "    storage: " + self.dir, "    file: %s.zone" % (zone.strip(".") or "root"),
                    "    master: [%s]" % masters, "    acl: [%s]" % acls, "    retry-max-interval: 2",
                    "    semantic-checks: off"]
        return "\n".join(out) + "\n"


class DynamicUpdate:
    """A primary whose zones change by dynamic update (RFC 2136), with the TSIG key update_key, where it is set."""
    update_key = None

    @property
    def update_keys(self):
        return dns.tsigkeyring.from_text({self.update_key: self.keys[self.update_key]}) if self.update_key else None

    def update(self, zone, add=(), delete=(), tcp=False):
        """add, delete: "NAME TTL TYPE RDATA", or "NAME", "NAME TYPE" to delete; names relative to the zone."""
        u = dns.update.UpdateMessage(zone, keyring=self.update_keys, keyname=self.update_key)
        for text in delete:
            words = text.split(" ", 3)
            u.delete(*(words[:1] + words[2:]) if len(words) > 2 else words)
        for text in add:
            name, ttl, rdtype, rdata = text.split(" ", 3)
            u.add(name, int(ttl), rdtype, rdata)
        ask = dns.query.tcp if tcp else dns.query.udp
        rcode = ask(u, self.addr, port=self.port, timeout=10).rcode()
        if rcode != dns.rcode.NOERROR:
            raise Failed("%s: update of %s: %s" % (self.name, zone, dns.rcode.to_text(rcode)))


class KnotPrimary(DynamicUpdate, Peer):
    """zones: {name: zone text}; notify: who is told."""
    program = "knotd"

    def __init__(self, lab, name, zones, notify=(), addr=None):
        super().__init__(lab, name, addr)
        self.zones, self.notify = list(zones), primaries(notify)
        for zone, text in zones.items():
            lab.write(os.path.join(self.dir, zone.strip(".") + ".zone"), text)

    def argv(self):
        return ["-c", self.conf_path()]

    def config(self):
        for folder in "run", "db":
            os.makedirs(os.path.join(self.dir, folder), exist_ok=True)
        out = ["server:", "  rundir: %s/run" % self.dir, "  listen: %s@%d" % (self.addr, self.port), "  udp-workers: 1",
               "  tcp-workers: 1", "  background-workers: 1", "log:", "  - target: stderr", "    any: info",
               "database:", "  storage: %s/db" % self.dir, "  journal-db-max-size: 64M", "  kasp-db-max-size: 16M",
               "  timer-db-max-size: 4M", "control:", "  listen: %s/run/knot.sock" % self.dir, "remote:"]
        out += ["  - id: n%d\n    address: %s@%d\n    via: %s" % (i, m.addr, m.port, self.source)
                for i, m in enumerate(self.notify)]
        out += ["acl:", "  - id: any", "    address: [127.0.0.0/8, 10.53.0.0/24]", "    action: [transfer, update]", "zone:"]
        for zone in self.zones:
            out += ["  - domain: %s" % zone, "    storage: " + self.dir, "    file: %s.zone" % zone.strip("."),
                    *(["    notify: [%s]" % ", ".join("n%d" % i for i in range(len(self.notify)))] if self.notify else []),
                    "    acl: any",
                    "    semantic-checks: off"]
        return "\n".join(out) + "\n"


def bind_keys(keys):
    return "".join('key "%s" { algorithm hmac-sha256; secret "%s"; };\n' % (k.rstrip("."), s) for k, s in keys.items())


class BindBase(Peer):
    """named binds only addresses that an interface has, hence 127.0.0.1 with a port of its own."""
    program = "named"

    def __init__(self, lab, name, addr=None):
        super().__init__(lab, name, addr or "127.0.0.1")
        if addr is None:
            self.port = lab.port()

    def argv(self):
        return ["-g", "-n", "1", "-c", self.conf_path()]

    def options(self, more):
        return ('options {\n\tdirectory "%s";\n\tpid-file "%s/named.pid";\n\tsession-keyfile "%s/session.key";\n'
                '\tmanaged-keys-directory "%s";\n\tlisten-on port %d { %s; };\n\tlisten-on-v6 { none; };\n'
                '\tquery-source address %s;\n\tallow-query { any; };\n\tmax-cache-size 32M;\n%s};\ncontrols { };\n'
                % (self.dir, self.dir, self.dir, self.dir, self.port, self.addr, self.source,
                   "".join("\t%s;\n" % m for m in more)))


class Bind(BindBase):
    def __init__(self, lab, name, zones, masters, keys=None, addr=None):
        BindBase.__init__(self, lab, name, addr)
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


class BindPrimary(DynamicUpdate, BindBase):
    """A hidden primary; zones: {name: zone text}.  reload() after rewriting a file with set_zone(), or update() where
    dynamic is set."""

    def __init__(self, lab, name, zones, keys=None, transfer_key=None, notify=(), dynamic=False,
                 update_key=None, addr=None):
        super().__init__(lab, name, addr)
        self.dynamic, self.update_key = dynamic, update_key
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
            out += 'zone "%s" { type primary; file "%s"; check-names ignore; %s};\n' % (
                zone, path, 'allow-update { key "%s"; }; ' % self.update_key.rstrip(".") if self.update_key else
                "allow-update { any; }; " if self.dynamic else "")
        return out


class Resolver(Peer):
    """Validates.  stubs: {zone: (addr, port)}; anchors: DS lines "example. IN DS 12345 13 2 ABCD..."; at: override date."""

    def __init__(self, lab, name, stubs, anchors=(), at=None, addr=None):
        super().__init__(lab, name, addr)
        self.stubs = {z.rstrip(".") + ".": (p if isinstance(p, (tuple, list)) else (p, DNS_PORT)) for z, p in stubs.items()}
        self.anchors, self.at = list(anchors), at


class Unbound(Resolver):
    program = "unbound"

    def argv(self):
        return ["-d", "-p", "-c", self.conf_path()]

    def config(self):
        out = ["server:", "  interface: " + self.addr, "  port: %d" % self.port, "  do-daemonize: no", '  username: ""',
               '  chroot: ""', '  directory: "%s"' % self.dir, "  use-syslog: no", '  logfile: ""', "  verbosity: 1",
               "  val-log-level: 2", "  ede: yes", "  val-max-restart: 0", "  log-servfail: yes", "  num-threads: 1", "  do-not-query-localhost: no",
               '  module-config: "validator iterator"', "  aggressive-nsec: no", "  qname-minimisation: no",
               "  access-control: 127.0.0.0/8 allow", "  access-control: 10.53.0.0/24 allow", '  target-fetch-policy: "0 0 0 0 0"',
               "  outgoing-interface: " + self.source, "  do-ip6: no", "  msg-cache-size: 4m", "  rrset-cache-size: 4m",
               "  infra-cache-numhosts: 100", "  unwanted-reply-threshold: 0", "  max-udp-size: 4096"]
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
        for zone, servers in self.stubs.items():
            out += ["stub-zone:", '  name: "%s"' % zone, "  stub-prime: no"]
            out += ["  stub-addr: %s@%d" % s for s in (servers if isinstance(servers, list) else [servers])]
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
               "net.outgoing_v4('%s')" % self.source, "net.bufsize(4096, 4096)", "cache.open(10 * MB, 'lmdb://%s/cache')" % self.dir,
               "log_level('notice')", "modules.unload('priming')", "modules.unload('ta_update')",
               "modules.unload('ta_signal_query')", "modules.unload('ta_sentinel')", "modules.load('policy')",
               # kresd always uses NSEC aggressively; without a cache each answer is asked for.
               "policy.add(policy.all(policy.FLAGS({'NO_CACHE', 'NO_0X20'})))"]
        # What went before a SERVFAIL is in the log.
        out += ["policy.add(policy.all(policy.DEBUG_IF(function (req) return req.answer ~= nil and req.answer:rcode() == "
                "kres.rcode.SERVFAIL end)))", "trust_anchors.remove('.')"]
        out += ["trust_anchors.add([[%s]])" % a for a in self.anchors]
        for zone, (addr, port) in self.stubs.items():
            out += ["policy.add(policy.suffix(policy.FORWARD({'%s@%d'}), {todname('%s')}))" % (addr, port, zone)]
        return "\n".join(out) + "\n"
