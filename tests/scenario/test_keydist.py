# SPDX-License-Identifier: BSD-3-Clause
"""The key daemons by themselves: facts go round, keys reach everybody who must have them, strangers get nothing, and what
was acknowledged survives kill -9 at any named place."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from duetlab import Cluster, Failed, Skip, limit, run, small_zone, wait_until

ZONE = "example.org"
DAEMON = {"signer": "keydist", "backup": "backupd"}


def key_daemons(lab, **kw):
    """A cluster of which only keydist and backupd run, with everybody admitted."""
    cluster = Cluster(lab, **kw).init()
    for h in cluster.hosts.values():
        h.start(DAEMON[h.role], wait=False)
    admit(cluster)
    return cluster


def admit(cluster):
    first = cluster.signers()[0]
    first.keydist.wait_event("event=ready", 20)
    for h in cluster.hosts.values():
        if h is not first:
            first.ctl("node", "add", "--name", h.name, "--role", h.role, h.line)
    for h in cluster.signers():
        wait_until(lambda h=h: counted(h) == len(cluster.signers()), 20, "%s counts everybody" % h.name)


def counted(host):
    return sum(n["counted"] for n in json.loads(host.ctl("node", "list", "--json").stdout)["nodes"])


def add_zone(cluster, zone=ZONE):
    cluster.signers()[0].ctl("zone", "add", zone, "--source", "file:%s.zone" % zone)
    for h in cluster.signers():
        wait_until(lambda h=h: zone in h.ctl("zone", "list").stdout, 20, "%s knows the zone" % h.name)


def keys(host, zone=ZONE):
    """The zone's keys; none where the zone is not known yet."""
    return json.loads(host.ctl("key", "list", zone, "--json", check=False).stdout or "{}").get("keys", [])


def facts(host):
    """All facts of a host as objects, in no certain order."""
    rows = host.ctl("status", "--facts").stdout.splitlines()
    return [json.loads(r) for r in rows]


def same_facts(cluster):
    seen = [sorted(f["hash"] for f in facts(h)) for h in cluster.signers()]
    return seen[0] and all(s == seen[0] for s in seen)


def wait_distributed(host, n=1, zone=ZONE, timeout=30):
    """Until n keys of the zone are distributed, as this host sees it; they are returned."""
    def look():
        found = [k for k in keys(host, zone) if k["distributed"]]
        return found if len(found) == n else None
    return wait_until(look, timeout, "%d keys distributed at %s" % (n, host.name))


@limit(90)
def test_key_reaches_everybody(lab):
    cluster = key_daemons(lab)
    add_zone(cluster)
    s1, s2 = cluster.signer1, cluster.signer2
    for alg in ("13", "15", "8", "14", "16", "10"):
        s2.ctl("key", "create", ZONE, "--algorithm", alg)
    for h in (s1, s2):
        found = wait_distributed(h, 6)
        for k in found:
            if sorted(k["held"]) != ["signer1", "signer2"] or k["stored"] != ["vault"]:
                raise Failed("%s: %s" % (h.name, k))
        tags = [k["tag"] for k in found]
        if len(set(tags)) != 6:
            raise Failed("tags are not unique: %s" % tags)
    # Saying it again makes no further key, on whichever host it is said.
    before = {k["hash"] for k in keys(s1)}
    for h in (s1, s2):
        h.ctl("key", "create", ZONE)
    if {k["hash"] for k in keys(s1)} != before:
        raise Failed("asking twice made another key")
    # `key ds` warns: nothing is served yet.
    ds = s1.ctl("key", "ds", ZONE, check=False)
    if ds.returncode != 1 or "not yet safe" not in ds.stderr:
        raise Failed("key ds: %s" % ds)
    # KSK and ZSK where the policy says so.
    lab.write("split.yaml", "name: split\nkeys: ksk+zsk\n")
    s1.ctl("policy", "apply", lab.path("split.yaml"))
    s1.ctl("zone", "add", "split.example", "--source", "file:split.zone", "--policy", "split")
    s1.ctl("key", "create", "split.example")
    if sorted(k["role"] for k in wait_distributed(s1, 2, "split.example")) != ["ksk", "zsk"]:
        raise Failed("roles: %s" % keys(s1, "split.example"))
    # A signer that comes later gets and proves them all.
    s3 = cluster.blank_host("signer3", number=3)
    cluster.write_confs()
    for h in (s1, s2):
        h.ctl("reload", check=False)    # there is no signer to reload
    cluster.vault.ctl("reload")
    s3.start("keydist")
    s1.ctl("node", "add", "--name", "signer3", "--role", "signer", s3.line)
    for zone in (ZONE, "split.example"):
        wait_until(lambda z=zone: all("signer3" in k["held"] for k in keys(s2, z)), 20, "signer3 holds the keys of " + zone)


@limit(60)
def test_commands_wait_for_what_is_on_its_way(lab):
    """What an operator says before the daemons are ready for it, or have heard of it, is done once they are."""
    cluster = Cluster(lab, backups=1).init()
    s1, s2, vault = cluster.signer1, cluster.signer2, cluster.vault
    s1.start("keydist")
    adding = lab.start("adding", s1.ctl_argv("node", "add", "--name", "vault", "--role", "backup", vault.line), env=s1.env())
    adding.expect_failure = True      # it ends by itself
    vault.start("backupd")
    wait_until(lambda: not adding.running(), 20, "node add ends")
    s2.start("keydist")
    s1.ctl("node", "add", "--name", "signer2", "--role", "signer", s2.line)
    for h in (s1, s2):
        wait_until(lambda h=h: counted(h) == 2, 20, "%s counts both" % h.name)
    s2.keydist.pause()
    creating = lab.start("creating", s2.ctl_argv("key", "create", ZONE), env=s2.env())
    creating.expect_failure = True
    s1.ctl("zone", "add", ZONE, "--source", "file:x")
    s2.keydist.resume()
    wait_distributed(s1)
    wait_until(lambda: not creating.running(), 20, "key create ends")
    unknown = s2.ctl("key", "create", "unknown.example", "--timeout", "1", check=False)
    if unknown.returncode != 1 or "not among the zones" not in unknown.stderr:
        raise Failed("an unknown zone: %s" % unknown)


@limit(90)
def test_key_survives_interruption(lab):
    """The one who asks goes away, and a signer and the backup are down: the facts go on by themselves."""
    cluster = key_daemons(lab)
    add_zone(cluster)
    s1, s2, vault = cluster.signer1, cluster.signer2, cluster.vault
    s2.kill("keydist")
    vault.kill("backupd")
    gave_up = s1.ctl("key", "create", ZONE, "--timeout", "1", check=False)
    if gave_up.returncode != 1 or "signer2" not in gave_up.stderr or "backup" not in gave_up.stderr:
        raise Failed("who is missing was not said: %s" % gave_up)
    [made] = keys(s1)
    if made["distributed"]:
        raise Failed("distributed without signer2 and a backup")
    s1.kill("keydist")
    vault.start("backupd")
    s2.start("keydist")
    s1.start("keydist")
    [got] = wait_distributed(s2)
    if got["hash"] != made["hash"]:
        raise Failed("another key: %s, was %s" % (got, made))
    [got] = wait_distributed(s1)


FAIL_POINTS = [   # where a daemon dies by SIGKILL, and on which host it is looked for
    ("fact-before-commit", "signer1"), ("fact-after-commit", "signer1"), ("key-before-created", "signer1"),
    ("key-after-created", "signer1"), ("key-before-held", "signer2"), ("key-after-held", "signer2"),
    ("fact-before-commit", "vault"), ("stored-before", "vault"), ("stored-after", "vault"),
]


@limit(240)
def test_kill_at_fail_points(lab):
    cluster = key_daemons(lab)
    s1, s2 = cluster.signer1, cluster.signer2
    for i, (point, who) in enumerate(FAIL_POINTS):
        zone = "z%d.example" % i
        host = cluster.hosts[who]
        short = DAEMON[host.role]
        add_zone(cluster, zone)
        since = host.procs[short].mark()
        host.stop(short)
        host.start(short, fail=point)
        host.procs[short].expect_failure = True
        wait_until(lambda: not host.procs[short].running() or "compared" in read_since(host.procs[short], since), 20,
                   "%s is back" % who)
        s1.ctl("key", "create", zone, "--timeout", "1", check=False)
        wait_until(lambda: not host.procs[short].running(), 20, "%s dies at %s" % (who, point))
        acknowledged = {k["hash"] for k in keys(s2, zone)} if who != "signer2" else set()
        host.start(short)
        wait_until(lambda: s1.ctl("key", "create", zone, "--timeout", "5", check=False).returncode == 0, 30,
                   "key of %s after %s" % (zone, point))
        [k] = wait_distributed(s1, 1, zone)
        if acknowledged and acknowledged != {k["hash"]}:
            raise Failed("%s: a key was lost: %s" % (point, acknowledged))
    wait_until(lambda: same_facts(cluster), 20, "all hold the same facts")


def read_since(process, offset):
    with open(process.log, "rb") as f:
        f.seek(offset)
        return f.read().decode()


@limit(90)
def test_partition_and_competing_keys(lab):
    """Two signers that do not hear each other each make a key; after it heals both keys are held everywhere, and no key
    that was made is lost."""
    cluster = key_daemons(lab)
    add_zone(cluster)
    s1, s2 = cluster.signer1, cluster.signer2
    vault = cluster.vault
    s2.stop("keydist")
    vault.stop("backupd")
    s1.ctl("key", "create", ZONE, "--timeout", "1", check=False)
    made = {k["hash"] for k in keys(s1)}
    s1.stop("keydist")
    s2.start("keydist")
    # A node that starts among the silent says nothing before it has compared with somebody.
    refused = s2.ctl("key", "create", ZONE, "--timeout", "1", check=False)
    if "compared" not in refused.stderr:
        raise Failed("signer2 spoke before it had compared: %s" % refused)
    since = s2.keydist.mark()
    vault.start("backupd")
    s2.keydist.wait_event("event=compared", 20, since)
    s2.ctl("key", "create", ZONE, "--timeout", "1", check=False)
    made |= {k["hash"] for k in keys(s2)}
    if len(made) != 2:
        raise Failed("two keys were to be made: %s" % made)
    s1.start("keydist")
    for h in (s1, s2):
        found = {k["hash"] for k in wait_distributed(h, 2)}
        if found != made:
            raise Failed("%s has %s, made were %s" % (h.name, found, made))
    signing = [[k["hash"] for k in keys(h) if k["signing"]] for h in (s1, s2)]
    if signing != [[min(made)], [min(made)]]:
        raise Failed("the smallest hash signs: %s of %s" % (signing, made))
    published = [[k["hash"] for k in keys(h) if k["published"]] for h in (s1, s2)]
    if [sorted(p) for p in published] != [sorted(made)] * 2:
        raise Failed("the union is shown: %s" % published)


@limit(60)
def test_relay_through_the_backup(lab):
    """Signers that cannot reach each other exchange facts through the backup."""
    cluster = Cluster(lab).init()
    s1, s2 = cluster.signer1, cluster.signer2
    dead = "tcp://%s:%d" % (lab.addr(99), 5301)     # nobody listens there
    for h, other in ((s1, s2), (s2, s1)):
        for p in h.conf["peers"]:
            if p["name"] == other.name:
                p["endpoint"] = dead
        h.write_conf()
    for h in cluster.hosts.values():
        h.start(DAEMON[h.role], wait=False)
    admit(cluster)
    add_zone(cluster)
    s2.ctl("key", "create", ZONE)
    wait_distributed(s1)


@limit(60)
def test_unknown_key_is_refused_once(lab):
    """A node that nobody lists gets nothing and is told of once, however often it knocks."""
    cluster = key_daemons(lab, signers=1)
    s1 = cluster.signer1
    stranger = Cluster(lab, signers=0, backups=0)
    stranger.recovery_line = cluster.recovery_line
    host = stranger._host("stranger", "backup", 9)
    stranger.init_host(host)
    host.conf["peers"] = [{"name": "signer1", "line": s1.line, "role": "signer", "endpoint": s1.endpoint()}]
    host.write_conf()
    host.start("backupd")
    s1.keydist.wait_event("event=message-refused", 10)
    for _ in range(3):
        host.stop("backupd")
        host.start("backupd")
    since = s1.keydist.mark()
    wait_until(lambda: json.loads(s1.ctl("node", "list", "--json").stdout)["nodes"], 5)
    if s1.keydist.count("event=message-refused") != 1:
        raise Failed("refused %d times" % s1.keydist.count("event=message-refused"))
    if fact_count(host) != 0:
        raise Failed("the stranger has facts")


def fact_count(backup):
    return json.loads(run(["curl", "-s", "--unix-socket", backup.run_dir + "/backupd.sock", "http://duet/v1/status"]).stdout)["facts"]


@limit(90)
def test_old_copy_put_back(lab):
    """An old copy of a signer's state: it notices, holds, catches up, and goes on in a new incarnation."""
    cluster = key_daemons(lab)
    s1, s2 = cluster.signer1, cluster.signer2
    add_zone(cluster, "first.example")
    s1.stop("keydist")
    shutil.copytree(s1.state, s1.state + ".old")
    since = s1.keydist.mark()
    s1.start("keydist")
    s1.keydist.wait_event("event=compared", 20, since)
    add_zone(cluster, "second.example")
    s1.ctl("key", "create", "second.example")
    wait_distributed(s2, 1, "second.example")
    s1.kill("keydist")
    shutil.rmtree(s1.state)
    os.rename(s1.state + ".old", s1.state)
    since = s1.keydist.mark()
    s1.start("keydist")
    s1.keydist.wait_event("event=set-back", 20, since)
    s1.keydist.wait_event("event=caught-up", 20, since)
    s1.ctl("zone", "add", "third.example", "--source", "file:third.zone")
    wait_until(lambda: same_facts(cluster), 20, "both hold the same facts")
    mine = [f for f in facts(s2) if f["name"] == "signer1"]
    incarnations = {f["incarnation"] for f in mine}
    third = [f["incarnation"] for f in mine if f["zone"] == "third.example."]
    if len(incarnations) < 3 or third != [max(incarnations)]:
        raise Failed("incarnations %s, the last word in %s" % (incarnations, third))
    wait_distributed(s1, 1, "second.example")


@limit(90)
def test_nothing_secret_outside(lab):
    """The private key is in no file of the backup and of no keydist, in no log, and not on the wire; the backup's process
    does not have it in its memory either."""
    cluster = key_daemons(lab)
    s1, s2, vault = cluster.signer1, cluster.signer2, cluster.vault
    capture = Capture()
    add_zone(cluster)
    s1.ctl("key", "create", ZONE)
    wait_distributed(s1)
    out = lab.folder("export")
    s1.ctl("key", "export", ZONE, keys(s1)[0]["hash"], "--dir", out, "--format", "pem")
    pem = [os.path.join(out, f) for f in os.listdir(out)][0]
    text = open(pem).read()
    der = base64.b64decode("".join(r for r in text.splitlines() if "-----" not in r))
    # PKCS #8 of an ECDSA key: the scalar is the octet string behind 04 20.
    scalar = der[der.index(b"\x04\x20") + 2:][:32]
    patterns = [scalar, scalar.hex().encode(), base64.b64encode(scalar)[:40], base64.b64encode(der)[60:90]]
    if not found_in([der], patterns[:1]):
        raise Failed("the pattern is no pattern")
    if vault.backupd.running():
        memory = read_memory(vault.backupd.popen.pid)
        if found_in(memory, patterns[:1]):
            raise Failed("the private key is in the memory of backupd")
        if memory and not found_in(memory, [b"example"]):
            raise Failed("memory was not read")
    wire = capture.stop()
    mine = bytes(int(n) for n in s1.addr.split("."))
    if capture.sock is not None and len([p for p in wire if mine in p]) < 20:
        raise Failed("nothing was captured")
    if found_in([p for p in wire if mine in p], patterns + [b"dnskey", b"vector"]):
        raise Failed("on the wire in clear")
    for h in cluster.hosts.values():
        h.stop()
    for h in cluster.hosts.values():
        for top, _, files in os.walk(h.dir):
            for f in files:
                with open(os.path.join(top, f), "rb") as data:
                    if found_in([data.read()], patterns):
                        raise Failed("the private key is in %s" % os.path.join(top, f))
    for top, _, files in os.walk(lab.dir):
        for f in files:
            if f.endswith(".log"):
                with open(os.path.join(top, f), "rb") as data:
                    if found_in([data.read()], patterns):
                        raise Failed("the private key is in %s" % f)


def found_in(blobs, patterns):
    return any(p in b for b in blobs for p in patterns)


def read_memory(pid):
    """All readable memory of a process, in pieces; none where we may not."""
    out = []
    try:
        maps = open("/proc/%d/maps" % pid).read().splitlines()
        mem = open("/proc/%d/mem" % pid, "rb", 0)
    except OSError:
        return out
    for row in maps:
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", row)
        if not m or "[v" in row:
            continue
        a, b = int(m.group(1), 16), int(m.group(2), 16)
        if b - a > 64 << 20:
            continue        # a sanitizer's shadow
        try:
            mem.seek(a)
            out.append(mem.read(b - a))
        except (OSError, ValueError, OverflowError):
            pass
    return out


class Capture(threading.Thread):
    """Everything that goes over loopback, from now on; nothing where raw sockets are not for us."""

    def __init__(self):
        super().__init__(daemon=True)
        self.packets, self.running = [], True
        try:
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
            self.sock.bind(("lo", 0))
            self.sock.settimeout(0.2)
        except OSError:
            self.sock = None
        self.start()

    def run(self):
        while self.running and self.sock is not None:
            try:
                self.packets.append(self.sock.recv(1 << 17))
            except TimeoutError:
                pass

    def stop(self):
        self.running = False
        self.join()
        return self.packets


@limit(120)
def test_restore_on_blank_hosts(lab):
    """Both signers are lost: the same keys come back on new identities, and the backup alone could not have done it."""
    cluster = key_daemons(lab)
    s1, s2, vault = cluster.signer1, cluster.signer2, cluster.vault
    add_zone(cluster)
    s1.ctl("key", "create", ZONE)
    secret = lab.folder("tsig") + "/xfr"
    s1.ctl("tsig", "create", "xfr.example", "--out", secret)
    was = keys(s1)[0]["hash"]
    wait_until(lambda: wait_distributed(s2)[0]["hash"] == was, 20)
    old = [cluster.lose("signer1"), cluster.lose("signer2")]
    new = [cluster.blank_host("signer3", number=3), cluster.blank_host("signer4", number=4)]
    cluster.write_confs()
    vault.ctl("reload")

    def restore(key, fenced, check=True):
        return vault.ctl("backup", "restore", "--recovery-key", key, "--signers", ",".join(h.line for h in new),
                         "--fenced", ",".join(fenced), check=check)
    # Another recovery key opens nothing, and a signer that is not sworn dead stops it; nothing is said then.
    other = lab.path("other.key")
    vault.ctl("recovery", "init", "--out", other)
    before = fact_count(vault)
    if restore(other, [h.name for h in old], check=False).returncode != 1:
        raise Failed("another recovery key restored")
    if restore(cluster.recovery_secret, ["signer1"], check=False).returncode != 1:
        raise Failed("restored with a signer that may live")
    if fact_count(vault) != before:
        raise Failed("a restore that was refused said facts")
    # kill -9 just before the transaction and just after it: all or nothing.
    for point, all_there in (("restore-before", False), ("restore-after", True)):
        vault.stop("backupd")
        vault.start("backupd", fail=point)
        vault.backupd.expect_failure = True
        restore(cluster.recovery_secret, [h.name for h in old], check=False)
        wait_until(lambda: not vault.backupd.running(), 10, "backupd dies at " + point)
        vault.start("backupd")
        if (fact_count(vault) != before) != all_there:
            raise Failed("%s: %d facts, before %d" % (point, fact_count(vault), before))
    said = fact_count(vault)
    restore(cluster.recovery_secret, [h.name for h in old])     # safe to repeat
    if fact_count(vault) != said:
        raise Failed("saying it again said more")
    for h in new:
        h.start("keydist")
    for h in new:
        [k] = wait_distributed(h)
        wait_until(lambda h=h: sorted(keys(h)[0]["held"]) == ["signer3", "signer4"], 20, "both hold it")
        if k["hash"] != was:
            raise Failed("another key: %s, was %s" % (k["hash"], was))
        if "xfr.example." not in h.ctl("tsig", "list").stdout:
            raise Failed("the TSIG key is gone")
    if counted(new[0]) != 2 or counted(new[1]) != 2:
        raise Failed("the new signers do not count each other")
    # The cluster works on: a further zone and key.
    new[1].ctl("zone", "add", "new.example", "--source", "file:new.zone")
    new[1].ctl("key", "create", "new.example")
    wait_until(lambda: "new.example" in new[0].ctl("zone", "list").stdout, 20)
    wait_distributed(new[0], 1, "new.example")


def copied(cluster, host):
    """The host's disk on another machine, which nobody's configuration points to yet."""
    clone = cluster._host("clone", host.role, 4)
    del cluster.hosts["clone"]
    for d in ("etc", "lib", "zones"):
        shutil.rmtree(os.path.join(clone.dir, d))
        shutil.copytree(os.path.join(host.dir, d), os.path.join(clone.dir, d))
    clone.conf["node"]["recovery"] = cluster.recovery_line
    clone.conf["peers"] = host.conf["peers"]
    clone.write_conf()
    return clone


def point(host, name, to):
    """From now on the host takes that one for the peer of this name."""
    for p in host.conf["peers"]:
        if p["name"] == name:
            p["endpoint"] = to.endpoint()
    host.write_conf()
    host.ctl("reload", check=False)     # there may be no signer to reload


@limit(90)
def test_identity_in_use_twice(lab):
    """The same identity runs on two hosts, one of which signer2 takes for signer1, the other the vault: the one that was
    there first notices and holds.  (A copy that nobody's configuration points to hears nothing, and so says nothing.)"""
    cluster = key_daemons(lab)
    s1, s2 = cluster.signer1, cluster.signer2
    s1.stop("keydist")
    clone = copied(cluster, s1)
    s1.start("keydist")
    wait_until(lambda: s1.ctl("zone", "add", "one.example", "--source", "file:one", check=False).returncode == 0, 20)
    clone.start("keydist")
    if clone.ctl("zone", "add", "two.example", "--source", "file:two", check=False).returncode == 0:
        raise Failed("a copy that nobody answers spoke")
    point(s2, "signer1", clone)
    wait_until(lambda: clone.ctl("zone", "add", "two.example", "--source", "file:two", check=False).returncode == 0, 20)
    s1.keydist.wait_event("event=identity-in-use", 20)
    refused = s1.ctl("zone", "add", "three.example", "--source", "file:three", check=False)
    if refused.returncode != 1 or "in use elsewhere" not in refused.stderr:
        raise Failed("it went on: %s" % refused)
    wait_until(lambda: "two.example" in s2.ctl("zone", "list").stdout, 20)


@limit(120)
def test_identity_in_use_twice_and_quiet(lab):
    """Neither of the two has said a fact since its start: by what they say of the zone's version one of them notices and holds."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signer1, cluster.signer2
    cluster.start()
    s1.ctl("policy", "apply", lab.write("policy.yaml", "name: default\npropagation: 0\n"))
    cluster.add_zone(ZONE, small_zone(ZONE))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    for h in cluster.signers():
        h.wait_first_ds(ZONE)
    wait_until(lambda: same_facts(cluster), 20, "all facts are everywhere")
    s1.stop()
    clone, mark = copied(cluster, s1), s1.keydist.mark()
    s1.start()
    s1.keydist.wait_event("event=compared", 20, mark)
    before = len(facts(s2))
    clone.start()
    point(s2, "signer1", clone)
    wait_until(lambda: any(h.keydist.count("event=identity-in-use") for h in (s1, clone)), 60, "one of them notices")
    if len(facts(s2)) != before:
        raise Failed("they were not quiet")
    held = next(h for h in (s1, clone) if h.keydist.count("event=identity-in-use"))
    refused = held.ctl("zone", "add", "two.example", "--source", "file:two", check=False)
    if refused.returncode != 1 or "in use elsewhere" not in refused.stderr:
        raise Failed("it went on: %s" % refused)


@limit(90)
def test_full_disk(lab):
    """No room for facts: what cannot be made durable is refused, nothing dies, and it goes on when there is room again."""
    if os.geteuid() != 0:
        raise Skip("mounting a small file system needs root")
    cluster = Cluster(lab).init()
    s1, s2 = cluster.signer1, cluster.signer2
    small = s1.state + "/keydist"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip("mounting is not allowed here")
    try:
        for h in cluster.hosts.values():
            h.start(DAEMON[h.role], wait=False)
        admit(cluster)
        add_zone(cluster)
        fill = os.path.join(small, "fill")
        with open(fill, "wb", 0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass
        refused = s1.ctl("key", "create", ZONE, "--timeout", "1", check=False)
        if refused.returncode != 1 or keys(s1):
            raise Failed("a key without room: %s %s" % (refused, keys(s1)))
        # What others say does not arrive here, and is not acknowledged here; there it stands.
        s2.ctl("zone", "add", "other.example", "--source", "file:other")
        s1.keydist.wait_event("event=facts-not-stored", 20)
        if not s1.keydist.running():
            raise Failed("keydist died of a full disk")
        os.unlink(fill)
        wait_until(lambda: "other.example" in s1.ctl("zone", "list").stdout, 20, "what was missed comes")
        s1.ctl("key", "create", ZONE)
        s1.kill("keydist")
        s1.start("keydist")
        wait_distributed(s1)
        s1.stop("keydist")
    finally:
        s1.kill()
        subprocess.run(["umount", "-l", small])


@limit(120)
def test_cds_comes_when_it_is_safe(lab):
    """CDS appears, and `key ds` stops warning, when every signer serves the signed zone and old answers have left the
    caches: not while one signer does not serve."""
    cluster = Cluster(lab).init()
    s1, s2 = cluster.signer1, cluster.signer2
    lab.write("quick.yaml", "name: quick\npropagation: 1s\nunsigned: serve\n")
    cluster.start()
    s1.ctl("policy", "apply", lab.path("quick.yaml"))
    cluster.add_zone(ZONE, small_zone(ttl=3, minimum=3), policy="quick")
    for h in (s1, s2):
        wait_until(lambda h=h: h.serial(ZONE), 20, "%s serves unsigned" % h.name)
    s2.stop("signer")
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE, signers=[s1])
    s1.keydist.wait_event("event=key-serves", 20)

    def safe():
        return json.loads(s1.ctl("key", "ds", ZONE, "--json", check=False).stdout)["safe"]

    def cds(h):
        return " CDS " in re.sub(r"\s+", " ", h.ctl("zone", "export", ZONE).stdout)
    wait_until(lambda: "not served by every signer" in s1.ctl("key", "ds", ZONE, check=False).stderr, 10)
    if safe() or cds(s1):
        raise Failed("safe although signer2 does not serve")
    began = time.monotonic()
    s2.start("signer")
    cluster.wait_signed(ZONE)
    s1.keydist.wait_event("event=wait-begun", 20)
    wait_until(lambda: "in caches for" in s1.ctl("key", "ds", ZONE, check=False).stderr, 10, "the wait is told")
    if cds(s1) or cds(s2):
        raise Failed("CDS before the wait")
    wait_until(safe, 30, "key ds is safe")
    if time.monotonic() - began < 4:
        raise Failed("safe after %.1f s, a TTL of 3 s and 1 s of propagation" % (time.monotonic() - began))
    for h in (s1, s2):
        wait_until(lambda h=h: cds(h), 20, "%s shows CDS" % h.name)
    if s1.ctl("key", "ds", ZONE, check=False).returncode != 0:
        raise Failed("key ds still warns")
