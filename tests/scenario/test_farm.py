# SPDX-License-Identifier: BSD-3-Clause
"""Many zones: what they need together, what nobody must wait for meanwhile, and that nothing of them is lost."""

import json
import os
import re
import threading

from duetlab import Cluster, Failed, is_signed, limit, small_zone, wait_until
from netns import Net


def names(n):
    return ["z%04d.farm.example" % i for i in range(n)]


def list_file(lab, zones, source=""):
    return lab.write("zones.txt", "".join("%s %s\n" % (z, source) for z in zones))


def used_by(pid):
    """Threads, descriptors and mappings of a process."""
    with open("/proc/%d/maps" % pid, encoding="ascii", errors="replace") as f:
        maps = sum(1 for _ in f)
    return {"threads": len(os.listdir("/proc/%d/task" % pid)), "descriptors": len(os.listdir("/proc/%d/fd" % pid)),
            "mappings": maps}


def said(process, words, since=0):
    """How many lines of its log have these words."""
    with open(process.log, "rb") as f:
        f.seek(since)
        return f.read().count(words.encode())


def daemons(cluster):
    for h in cluster.hosts.values():
        for name, p in h.procs.items():
            yield h.name + "/" + name, p.popen.pid
            if name == "signer":
                yield h.name + "/net", p.children()[0]


def check_loops(cluster, most_ms):
    """No keydist was busy with something for so long that others could take it for dead.  Time of its own thread, so that a
    loaded machine does not count."""
    for h in cluster.signers():
        with open(h.keydist.log, encoding="utf-8", errors="replace") as f:
            late = [int(n) for n in re.findall(r"event=loop-late .*busy-ms=(\d+)", f.read())]
        if any(n >= most_ms for n in late):
            raise Failed("%s: keydist was silent and busy for %s ms" % (h.name, max(late)))


@limit(240)
def test_many_zones_share_what_they_need(lab):
    """1000 zones with 2000 keys on the programs as they are released: no thread, descriptor or mapping of a zone's own."""
    zones = names(1000)
    lab.programs = lab.release
    cluster = Cluster(lab, signers=1, backups=1, conf={"signer1": {"node": {"clock": "trust"}}}).init()
    s1 = cluster.signer1
    for z in zones:
        s1.put_zone(z + ".zone", small_zone(z, n=3))
    cluster.start()
    s1.ctl("policy", "apply", lab.write("split.yaml", "name: split\nkeys: ksk+zsk\n"))
    before = dict((name, used_by(pid)) for name, pid in daemons(cluster))
    s1.ctl("zone", "add", "--from", list_file(lab, zones), "--policy", "split", "--key", timeout=200)
    wait_until(lambda: said(s1.signer, "event=serving") >= len(zones), 120, "all are served", every=0.2)
    for z in zones[::100]:
        wait_until(lambda zone=z: is_signed(s1.addr, zone), 10, "%s is served signed" % z)
    for name, pid in daemons(cluster):
        now, then = used_by(pid), before[name]
        for what, most in (("threads", 8), ("descriptors", 20), ("mappings", 100)):
            if now[what] > then[what] + most:
                raise Failed("%s: %d %s, %d before there were zones" % (name, now[what], what, then[what]))
    shown = [z["zone"] for z in json.loads(s1.ctl("--json", "status").stdout)["zones"]]     # in several answers
    if sorted(shown) != [z + "." for z in zones]:
        raise Failed("status shows %d zones, %d different ones" % (len(shown), len(set(shown))))
    check_loops(cluster, 2000)

    s1.stop("signer")       # all of them again, from the store, without a signature
    mark = s1.signer.mark()
    s1.start("signer", timeout=60)
    wait_until(lambda: said(s1.signer, "event=serving", mark) >= len(zones), 60, "all are served again", every=0.05)
    if said(s1.signer, "event=signed", mark) > 0:
        raise Failed("something was signed after a restart")


def facts_of(host, kinds):
    """{(kind, zone, key): origins} as this host knows them."""
    known = {}
    for line in host.ctl("status", "--facts", timeout=120).stdout.splitlines():
        f = json.loads(line)
        if f["kind"] in kinds:
            known.setdefault((f["kind"], f["zone"], f["body"]["key"]), set()).add(f["name"])
    return known


@limit(300)
def test_keys_of_many_zones_survive_a_crash_and_a_partition(lab):
    """500 zones get keys while one signer is killed and the other cut off from it: in the end both hold all, and the backup
    stores them."""
    zones, net = names(500), Net(lab)
    cluster = Cluster(lab, signers=2, backups=1)
    s1, s2 = cluster.signer1, cluster.signer2
    for h in cluster.hosts.values():
        net.host(h.name, h.addr)
    cluster.init()
    cluster.start()
    told = {}

    def command():
        told["keys"] = s1.ctl("--json", "zone", "add", "--from", list_file(lab, zones, "file:absent.zone"), "--key",
                              check=False, timeout=250)

    thread = threading.Thread(target=command, daemon=True)
    thread.start()
    wait_until(lambda: said(s1.keydist, "event=key-created") >= 100, 120, "the first keys are made", every=0.05)
    s2.kill("keydist")
    wait_until(lambda: said(s1.keydist, "event=key-created") >= 300, 120, "more keys are made", every=0.05)
    net.cut("signer1", "signer2")
    s2.start("keydist")
    wait_until(lambda: said(s2.keydist, "event=key-held") >= 350, 120, "signer2 hears of them through the backup", every=0.1)
    net.heal()
    thread.join(250)
    answer = told["keys"]
    if answer.returncode != 0 or json.loads(answer.stdout)["keys_made"] != len(zones):
        raise Failed("zone add: %d %s %s" % (answer.returncode, answer.stdout[-300:], answer.stderr[-300:]))
    for h in (s1, s2):
        known = facts_of(h, ("key.created", "key.held", "key.stored"))
        keys = [k for k in known if k[0] == "key.created"]
        if len(keys) != len(zones):
            raise Failed("%s knows %d keys" % (h.name, len(keys)))
        for _, zone, key in keys:
            held, stored = known.get(("key.held", zone, key), set()), known.get(("key.stored", zone, key), set())
            if held != {"signer1", "signer2"} or stored != {"vault"}:
                raise Failed("%s: the key of %s is held by %s, stored by %s" % (h.name, zone, held, stored))
