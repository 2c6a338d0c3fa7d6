# SPDX-License-Identifier: BSD-3-Clause
"""Chaos: a seeded stream of an operator's commands mixed with faults, and what must hold once it has healed.

One Storm is one cluster.  Everything that is chosen is chosen by its seed; when something happens in the daemons is not,
so a seed gives the same story, though not always the same end."""

import http.client
import json
import queue
import os
import random
import signal
import socket
import subprocess
import threading
import time

import dns.exception
import dns.message
import dns.rdatatype

from duetlab import *

MAIN, SECOND, AGAIN = "chaos.example", "second.example", "again.example"
FAIL_POINTS = {
    "keydist": ["fact-before-commit", "fact-after-commit", "key-before-created", "key-after-created", "key-before-held",
                "key-after-held", "serves-before"],
    "signer": ["engine-sign", "engine-publish", "engine-published", "store-after-append", "store-before-commit",
               "store-before-sync", "store-after-sync", "store-after-commit"],
    "backupd": ["stored-before", "stored-after", "fact-before-commit", "fact-after-commit"],
}
SOCKET_OF = {"signer": "keydist.sock", "backup": "backupd.sock"}


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("duet", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def get(host, path):
    """The text that the key daemon of a host answers; OSError when it does not."""
    c = UnixHTTP(os.path.join(host.run_dir, SOCKET_OF[host.role]))
    try:
        c.request("GET", path)
        r = c.getresponse()
        text = r.read().decode()
    except http.client.HTTPException as e:
        raise OSError(str(e)) from None
    finally:
        c.close()
    if r.status != 200:
        raise OSError("%s: %d %s" % (path, r.status, text[:200]))
    return text


def facts(host):
    return [json.loads(row) for row in get(host, "/v1/facts").splitlines()]


def above(a, b):
    """RFC 1982: a is above b."""
    return 0 < (a - b) % 2**32 < 2**31


class Poller(threading.Thread):
    """Asks one signer for the SOA of each zone every 100 ms and keeps every change.  The RRSIG of the SOA names the version."""

    def __init__(self, host, zones):
        super().__init__(daemon=True)
        self.host, self.seen, self.bad, self.asked, self.over = host, {z: [] for z in zones}, [], 0, False
        self.wires = {}
        for z in zones:
            q = dns.message.make_query(z, "SOA", want_dnssec=True, payload=4096)
            q.flags = 0
            self.wires[z] = (q.id, q.to_wire())

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((self.host.addr, DNS_PORT))
            s.settimeout(0.3)
            while not self.over:
                for zone, (number, wire) in self.wires.items():
                    try:
                        s.send(wire)
                        answer = s.recv(4096)
                        while answer[:2] != number.to_bytes(2, "big"):
                            answer = s.recv(4096)
                        self.note(zone, dns.message.from_wire(answer))
                    except (OSError, dns.exception.DNSException):
                        pass
                time.sleep(0.1)

    def note(self, zone, r):
        soa = [x[0].serial for x in r.answer if x.rdtype == dns.rdatatype.SOA]
        version = sorted(str(y) for x in r.answer if x.rdtype == dns.rdatatype.RRSIG for y in x)
        if not soa or not version:
            return
        self.asked += 1
        seen = self.seen[zone]
        if seen and seen[-1][1:] == (soa[0], version):
            return
        if seen and not above(soa[0], seen[-1][1]):
            self.bad.append("%s: %s showed serial %d of %s after %d%s" % (
                when(), self.host.name, soa[0], zone, seen[-1][1], ", with other content" if soa[0] == seen[-1][1] else ""))
        seen.append((time.time(), soa[0], version))


def when():
    t = time.time()
    return time.strftime("%H:%M:%S", time.gmtime(t)) + ".%03d" % (t % 1 * 1000)


class Operator(threading.Thread):
    """Gives commands one after the other, on whichever host he was told to."""

    def __init__(self, storm):
        super().__init__(daemon=True)
        self.storm, self.todo = storm, queue.Queue()

    def run(self):
        while True:
            job = self.todo.get()
            try:
                job()
            except Exception as e:  # told by the storm
                self.storm.problem("the operator: %r" % e)
            finally:
                self.todo.task_done()


class Storm:
    def __init__(self, lab, seed):
        self.lab, self.seed, self.rng = lab, seed, random.Random(seed)
        self.lock = threading.Lock()
        self.story, self.problems = [], []
        self.changes, self.names = 1, 0         # of zone files; of small zones, TSIG keys
        self.added, self.removed = {}, {}       # zone: [whether acknowledged, of each attempt]
        self.key_hashes = {}                    # zone: hashes that `key create` called distributed
        # acknowledged: (name, rev, validity), (name, hash), (zone, serial), (host, zone, serial), epochs of MAIN
        self.policies, self.tsigs, self.floors, self.signs, self.epochs = [], [], [], [], []
        self.done = self.refused = 0
        self.kills = {}                         # daemon: how often it died by us
        self.again = {}                         # daemon: when it is started again, and its fail-point
        self.resumes = []                       # (when, function)

    # ---- what is told

    def tell(self, text):
        with self.lock:
            self.story.append("%s  %s" % (when(), text))

    def problem(self, text):
        self.tell("PROBLEM " + text)
        self.problems.append(text)

    # ---- the cluster

    def build(self):
        lab = self.lab
        c = self.cluster = Cluster(lab, signers=2, backups=1).init()
        s1, s2 = c.signer1, c.signer2
        zones = [MAIN, SECOND]
        self.secondaries = [NSD(lab, "nsd", zones, [s1.addr]), Knot(lab, "knot", zones, [s2.addr]),
                            Bind(lab, "bind", zones, [s1.addr, s2.addr])]
        self.masters = {"nsd": [s1], "knot": [s2], "bind": [s1, s2]}
        for peer in self.secondaries:
            of = self.masters[peer.name]
            c.add_secondary(peer, of=of)
        c.write_confs()
        c.start(60)
        lab.write("nsec3.yaml", "name: nsec3\ndenial: nsec3\n")
        s1.ctl("policy", "apply", lab.path("nsec3.yaml"))
        for zone, policy in ((MAIN, None), (SECOND, "nsec3")):
            c.add_zone(zone, small_zone(zone, serial=1), policy)
            s1.ctl("key", "create", zone)
            c.wait_signed(zone, 60)
        for peer in self.secondaries:
            peer.start()
            for zone in zones:
                wait_until(lambda: peer.signed(zone), 60, "%s serves %s" % (peer.name, zone), every=0.1)
        self.pollers = [Poller(h, [MAIN, SECOND, AGAIN]) for h in c.signers()]
        self.operators = [Operator(self) for _ in range(2)]
        for t in self.pollers + self.operators:
            t.start()
        for h in c.hosts.values():
            for short, p in h.procs.items():
                self.kills[(h.name, short)] = 0
                p.expect_failure = True         # how each one ended is looked at here
        return self

    def daemons(self):
        return [(h, short, p) for h in self.cluster.hosts.values() for short, p in h.procs.items()]

    # ---- what an operator does; each runs in his thread

    def command(self, host, *args):
        """Whether it was done, and its JSON."""
        began = time.monotonic()
        try:
            p = subprocess.run(host.ctl_argv("--json", *args), env=dict(os.environ, **host.env()), capture_output=True,
                               text=True, timeout=100, check=False)
        except subprocess.TimeoutExpired:
            self.problem("duetctl %s on %s does not end" % (" ".join(args), host.name))
            return False, {}
        ok = p.returncode == 0
        said = "done" if ok else " ".join(p.stderr.split())[:200]
        self.tell("  %s: duetctl %s: %s (%.1f s)" % (host.name, " ".join(args), said, time.monotonic() - began))
        if ok:
            self.done += 1
        elif p.returncode in (1, 2):
            self.refused += 1
        if p.returncode not in (0, 1):
            self.problem("duetctl %s ended with %d: %s" % (" ".join(args), p.returncode, p.stderr[-2000:]))
        return ok, json.loads(p.stdout) if ok and p.stdout.strip().startswith("{") else {}

    def change(self, zone, delay=0.0):
        with self.lock:
            self.changes += 1
            n = self.changes
        text = small_zone(zone, serial=n, more="state TXT \"%d\"\nonly%d A 192.0.2.9\n" % (n, n))
        for h in self.cluster.signers():
            h.put_zone(zone + ".zone", text)
            time.sleep(delay)
        self.tell("  %s is changed, %d" % (zone, n))
        return n

    def do_change(self, rng, _host):
        zone, delay = rng.choice([MAIN, MAIN, SECOND]), rng.choice([0, 0, 0.2, 0.7])
        return lambda: self.change(zone, delay)

    def do_add(self, rng, host):
        if rng.random() < 0.3:
            zone = AGAIN
        else:
            self.names += 1
            zone = "small%d.example" % self.names

        def go():
            self.cluster.put_zone(zone + ".zone", small_zone(zone, n=2))
            with self.lock:
                at = len(self.added.setdefault(zone, []))
                self.added[zone].append(False)
            self.added[zone][at] = self.command(host, "zone", "add", zone, "--source", "file:%s.zone" % zone)[0]
        return go

    def small(self, rng):
        """A zone that was added."""
        zones = sorted(z for z, tries in self.added.items() if any(tries))
        return rng.choice(zones) if zones else AGAIN

    def do_remove(self, rng, host):
        number = rng.random()

        def go():
            zone = self.small(random.Random(number))
            with self.lock:
                at = len(self.removed.setdefault(zone, []))
                self.removed[zone].append(False)
            self.removed[zone][at] = self.command(host, "zone", "remove", zone)[0]
        return go

    def do_key(self, rng, host):
        number = rng.random()

        def go():
            zone = self.small(random.Random(number))
            ok, said = self.command(host, "key", "create", zone, "--timeout", "8")
            if ok:
                with self.lock:
                    self.key_hashes.setdefault(zone, set()).update(k["hash"] for k in said["keys"])
        return go

    def do_policy(self, rng, host):
        name, days = "p%d" % rng.randrange(3), rng.randrange(10, 40)

        def go():
            path = self.lab.write("policy-%s-%d.yaml" % (name, days), "name: %s\nvalidity: %dd\n" % (name, days))
            ok, said = self.command(host, "policy", "apply", path)
            if ok:
                self.policies.append((name, said["rev"], days * 86400))
        return go

    def do_tsig(self, _rng, host):
        self.names += 1
        name = "t%d.example." % self.names

        def go():
            ok, said = self.command(host, "tsig", "create", name, "--out", self.lab.path(name + "key"))
            if ok:
                self.tsigs.append((name, said["hash"]))
        return go

    def do_floor(self, rng, host):
        more = rng.randrange(5, 50)

        def go():
            shown = [serial_of(h.addr, MAIN) or 0 for h in self.cluster.signers()]
            last = max(shown + [s for _, s in self.floors])
            if self.command(host, "zone", "floor", MAIN, str(last + more))[0]:
                self.floors.append((MAIN, last + more))
        return go

    def do_sign(self, rng, host):
        full = ["--full"] if rng.random() < 0.5 else []

        def go():
            ok, said = self.command(host, "zone", "sign", MAIN, *full)
            if ok:
                self.signs.append((host, MAIN, said["serial"]))
        return go

    def do_accept(self, _rng, host):
        def go():
            ok, said = self.command(host, "zone", "accept-serial", MAIN)
            if ok:
                self.epochs.append(said["epoch"])
        return go

    COMMANDS = [(do_change, 8), (do_add, 4), (do_key, 4), (do_remove, 2), (do_policy, 2), (do_tsig, 2), (do_floor, 2),
                (do_sign, 1), (do_accept, 1)]

    # ---- faults; all in the main thread, since what a thread starts ends with it

    def back_at(self, rng, host, short, fail=None):
        self.again[(host.name, short)] = (time.monotonic() + rng.choice([0, 0.1, 0.5, 1.5, 3]), fail)

    def kill(self, rng, host, short, p, fail=None):
        self.tell("kill -9 %s%s" % (p.name, ", back with fail-point " + fail if fail else ""))
        if p.running():
            self.kills[(host.name, short)] += 1
            p.kill()
        self.back_at(rng, host, short, fail)

    def kill_net(self, p):
        for pid in p.children() if p.running() else []:
            self.tell("kill -9 net of %s" % p.name)
            p.net_killed = True
            os.kill(pid, signal.SIGKILL)

    def stop(self, rng, host, short, p):
        self.tell("stop %s" % p.name)
        self.kills[(host.name, short)] += 1
        status = p.stop(20)
        if status not in (0, -signal.SIGKILL, -signal.SIGTERM) and not getattr(p, "net_killed", False):
            self.problem("%s ends with status %s when stopped\n%s" % (p.name, status, p.tail()))
        self.back_at(rng, host, short)

    def pause_and_kill(self, rng, host, short, p):
        """What is on its way to it is lost: it is taken by the socket, and read by nobody."""
        self.tell("SIGSTOP %s, and its end soon" % p.name)
        p.pause()
        self.resumes.append((time.monotonic() + rng.choice([0.3, 0.6]), lambda: self.kill(rng, host, short, p)))

    def pause(self, rng, p, pids):
        seconds = rng.choice([0.3, 1, 2])
        self.tell("SIGSTOP %s for %.1f s%s" % (p.name, seconds, "" if p.popen.pid in pids else " (net)"))

        def each(sig):
            for pid in pids:
                try:
                    os.kill(pid, sig)
                except ProcessLookupError:
                    pass
        each(signal.SIGSTOP)
        self.resumes.append((time.monotonic() + seconds, lambda: each(signal.SIGCONT)))

    def fault(self, rng):
        host, short, p = rng.choice(self.daemons())
        kind = rng.choice(["kill", "kill", "point", "point", "pause", "pause-kill", "net", "all", "stop"])
        if kind == "point":
            self.kill(rng, host, short, p, rng.choice(FAIL_POINTS[short]))
        elif kind == "all":
            for s, q in list(host.procs.items()):
                self.kill(rng, host, s, q)
        elif kind == "pause" and p.running():
            self.pause(rng, p, rng.choice([[p.popen.pid], p.children() or [p.popen.pid]]))
        elif kind == "pause-kill" and p.running():
            self.pause_and_kill(rng, host, short, p)
        elif kind == "stop" and p.running():
            self.stop(rng, host, short, p)
        elif kind == "net" and short == "signer":
            self.kill_net(p)
        else:
            self.kill(rng, host, short, p)

    def look_after(self):
        """What a service manager does: who has ended is started again.  Ends that we did not bring about are problems."""
        now = time.monotonic()
        for due in [r for r in self.resumes if r[0] <= now]:
            self.resumes.remove(due)
            due[1]()
        for host, short, p in self.daemons():
            if p.running():
                continue
            key = (host.name, short)
            if key not in self.again:
                fail = (p.env or {}).get("DUET_TEST_FAIL")
                status = p.popen.returncode
                if status == -signal.SIGKILL and fail:
                    self.tell("%s died at %s" % (p.name, fail))
                    self.kills[key] += 1
                elif status == 1 and getattr(p, "net_killed", False):
                    self.tell("%s ended after its net" % p.name)
                else:
                    self.problem("%s ended by itself, status %s\n%s" % (p.name, status, p.tail()))
                self.again[key] = (now + 0.3, None)
            if self.again[key][0] <= now:
                fail = self.again.pop(key)[1]
                p.net_killed = False
                host.start(short, fail=fail, wait=False)

    # ---- one round

    def rage(self, steps):
        """So many steps, commands and faults."""
        rng = self.rng
        for _ in range(steps):
            if rng.random() < 0.35:
                self.fault(rng)
            else:
                make = rng.choices([c for c, _ in self.COMMANDS], [w for _, w in self.COMMANDS])[0]
                host = rng.choice(self.cluster.signers())
                rng.choice(self.operators).todo.put(make(self, rng, host))
            until = time.monotonic() + rng.choice([0, 0.05, 0.2, 0.5, 1.0])
            while True:
                self.look_after()
                if time.monotonic() >= until:
                    break
                time.sleep(0.02)

    def wait(self, fn, timeout, what):
        """wait_until, while daemons are looked after."""
        def look():
            self.look_after()
            return fn()
        return wait_until(look, timeout, what, every=0.1)

    def heal(self):
        self.wait(lambda: all(o.todo.unfinished_tasks == 0 for o in self.operators) and not self.resumes, 200,
                  "the operators are done")
        self.tell("it heals")
        for host, short, p in self.daemons():   # no fail-point stays
            if p.running() and (p.env or {}).get("DUET_TEST_FAIL"):
                self.kills[(host.name, short)] += 1
                p.kill()
                self.again[(host.name, short)] = (0, None)
        self.again = {key: (0, None) for key in self.again}
        self.wait(lambda: all(p.running() for _, _, p in self.daemons()), 20, "all daemons run")

    def check(self):
        c = self.cluster
        s1, s2 = c.signers()
        newest = {zone: self.change(zone) for zone in (MAIN, SECOND)}
        for zone, n in newest.items():
            for server in [s1, s2] + self.secondaries:
                self.wait(lambda: shown_state(server, zone) == n, 60, "%s shows change %d of %s" % (server.name, n, zone))
        self.wait(lambda: self.same_facts(), 30, "all nodes hold the same facts")
        self.wait(lambda: self.views(s1) == self.views(s2), 30, "both signers say the same of zones, keys, policies, TSIG")
        self.acknowledged()
        for zone in (MAIN, SECOND):
            self.wait(lambda: len({str(dnskeys(h, zone)) for h in (s1, s2)}) == 1, 30, "one DNSKEY RRset of " + zone)
            # One content may have two serials where a signer was deaf when it published; each secondary shows one of them.
            for p in self.secondaries:
                self.wait(lambda: p.serial(zone) in [h.serial(zone) for h in self.masters[p.name]], 30,
                          "%s shows a serial of %s that its signers show" % (p.name, zone))
            for h in (s1, s2):
                verify(axfr_file(self.lab, h.addr, zone), zone, ("dnssec-verify", "ldns-verify-zone"))
        for z in json.loads(get(s1, "/v1/zones"))["zones"]:
            zone = z["zone"]
            if z["state"] != "signed" or zone.rstrip(".") in (MAIN, SECOND):
                continue
            self.wait(lambda: all(h.signed(zone) for h in (s1, s2)), 30, "both serve " + zone)
            self.wait(lambda: len({str(dnskeys(h, zone)) for h in (s1, s2)}) == 1, 30, "one DNSKEY RRset of " + zone)
        for p in self.pollers:
            for text in p.bad:
                self.problem(text)
        if self.problems:
            raise Failed("\n".join(self.problems))

    def same_facts(self):
        seen = [sorted(f["hash"] for f in facts(h)) for h in self.cluster.hosts.values()]
        return all(s == seen[0] for s in seen)

    def views(self, host):
        """Everything that commands change, as this host's keydist tells it; what it waits for itself aside."""
        zones = sorted(json.loads(get(host, "/v1/zones"))["zones"], key=lambda z: z["zone"])
        keys = {z["zone"]: sorted((dict(k, held=sorted(k["held"]), serves=sorted(k["serves"]), seen=sorted(k["seen"]), why=None, next_s=None)
                                   for k in json.loads(get(host, "/v1/zones/%s/keys" % z["zone"]))["keys"]),
                                  key=lambda k: k["hash"]) for z in zones}
        tsig = sorted(json.loads(get(host, "/v1/tsig"))["keys"], key=lambda k: (k["name"], k["hash"]))
        policies = sorted(json.loads(get(host, "/v1/policies"))["policies"], key=lambda p: p["name"])
        return {"zones": zones, "keys": keys, "tsig": tsig, "policies": policies}

    def acknowledged(self):
        """Whatever duetctl called done is among the facts of every node, and in what the signers tell."""
        view = self.views(self.cluster.signer1)
        there = {z["zone"].rstrip(".") for z in view["zones"]}
        everywhere = [facts(h) for h in self.cluster.hosts.values()]

        def fact(kind, zone="", **want):
            def is_it(f):
                body = f["body"]["policy"] if kind == "policy" else f["body"]
                return f["zone"] == zone and want.items() <= body.items()
            return all(any(f["kind"] == kind and is_it(f) for f in each) for each in everywhere)

        for zone, tries in self.added.items():
            if any(tries) and not fact("zone.add", zone=zone + "."):
                self.problem("zone add %s was acknowledged, and is lost" % zone)
            removals = self.removed.get(zone, [])
            if any(tries) and not removals and zone not in there:
                self.problem("zone %s was added, and is not there" % zone)
            if len(tries) == 1 and any(removals) and zone in there:
                self.problem("zone %s was removed, and is there" % zone)
        for zone, hashes in self.key_hashes.items():
            for h in hashes:
                if not all(any(f["kind"] == "key.created" and h in json.dumps(f["body"]) for f in each) for each in everywhere):
                    self.problem("key %s of %s was acknowledged, and is lost" % (h, zone))
            rows = {k["hash"]: k for k in view["keys"].get(zone + ".", [])}
            if zone in there and not hashes <= set(rows):
                self.problem("keys of %s: %s, acknowledged were %s" % (zone, sorted(rows), sorted(hashes)))
            for h in hashes & set(rows):
                k = rows[h]
                if not k["distributed"] or sorted(k["held"]) != ["signer1", "signer2"] or k["stored"] != ["vault"]:
                    self.problem("a key that was called distributed: %s" % k)
        for name, rev, validity in self.policies:
            if not fact("policy", name=name, rev=rev, validity_s=validity):
                self.problem("policy %s rev %d was acknowledged, and is lost" % (name, rev))
        for name, h in self.tsigs:
            if not any(k["name"] == name and k["hash"] == h for k in view["tsig"]):
                self.problem("TSIG key %s %s was acknowledged, and is lost" % (name, h))
        for zone, serial in self.floors:
            if not fact("floor", zone=zone + ".", serial=serial):
                self.problem("floor %d of %s was acknowledged, and is lost" % (serial, zone))
            for h in self.cluster.signers():
                if above(serial, h.serial(zone)):
                    self.problem("%s serves serial %d of %s below its floor %d" % (h.name, h.serial(zone), zone, serial))

        for host, zone, serial in self.signs:
            if above(serial, host.serial(zone)):
                self.problem("%s published serial %d of %s, and shows %d" % (host.name, serial, zone, host.serial(zone)))
        for epoch in self.epochs:
            if not all(any(f["kind"] == "epoch" and f["body"]["epoch"] >= epoch for f in each) for each in everywhere):
                self.problem("epoch %d was acknowledged, and is lost" % epoch)

    def run(self, rounds, steps):
        self.build()
        try:
            for r in range(rounds):
                self.tell("round %d" % (r + 1))
                self.rage(steps)
                self.heal()
                self.check()
        except BaseException as e:
            print("seed %d fails: %s\nIts story:" % (self.seed, e))
            print("\n".join(self.story))
            raise
        finally:
            for p in self.pollers:
                p.over = True
        for p in self.pollers:
            p.join()
        if not all(p.asked for p in self.pollers):
            raise Failed("the pollers saw nothing")
        if os.environ.get("CHAOS_STORY"):
            print("\n".join(self.story))
        print("seed %d: %d rounds, %d commands done, %d refused, %d deaths, serials seen %s" % (
            self.seed, rounds, self.done, self.refused, sum(self.kills.values()),
            [{z: len(s) for z, s in p.seen.items()} for p in self.pollers]))


def shown_state(server, zone):
    """The number of the last change that a server shows."""
    r = query(server.addr, "state." + zone, "TXT", getattr(server, "port", DNS_PORT), timeout=2.0) \
        if not hasattr(server, "conf") else None
    if r is None:       # a signer answers SOA and transfers only
        for name, rdataset in axfr(server.addr, zone, timeout=5.0).nodes.items():
            found = rdataset.get_rdataset(dns.rdataclass.IN, dns.rdatatype.TXT)
            if found and str(name).startswith("state."):
                return int(found[0].strings[0])
        return None
    texts = [x[0].strings[0] for x in r.answer if x.rdtype == dns.rdatatype.TXT]
    return int(texts[0]) if texts else None


def dnskeys(host, zone):
    """Its DNSKEY RRset by transfer."""
    z = axfr(host.addr, zone, timeout=5.0)
    found = z.find_rdataset(z.origin, dns.rdatatype.DNSKEY)
    return found.ttl, sorted(str(x) for x in found)
