# SPDX-License-Identifier: BSD-3-Clause
"""One signer dies by SIGKILL while its zone changes and resolvers ask; nobody notices."""

import time

from duetlab import NSD, Bind, Cluster, Failed, Knot, Unbound, limit, small_zone, wait_until
from steady import Steady, end_all

ZONE = "example.org"
HOSTS = 4000


def content(serial, more=""):
    """TTLs of 1 to 5 s, so that caches hide nothing."""
    rows = "".join("short%d %d A 192.0.2.%d\n" % (i, 1 + i % 5, i) for i in range(20))
    return small_zone(ZONE, n=HOSTS, serial=serial, ttl=3, minimum=1, more=rows + more)


def has_change(server):
    return bool(server.query("change.%s." % ZONE, "TXT").answer)


@limit(180)
def test_failover(lab):
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signer1, cluster.signer2
    nsd = NSD(lab, "nsd", [ZONE], [s1.addr])
    knot = Knot(lab, "knot", [ZONE], [s2.addr])
    bind = Bind(lab, "bind", [ZONE], [s1.addr, s2.addr])
    cluster.add_secondary(nsd, of=[s1])
    cluster.add_secondary(knot, of=[s2])
    cluster.add_secondary(bind, of=[s1, s2])
    cluster.write_confs()
    cluster.start()
    cluster.add_zone(ZONE, content(1))
    s2.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    secondaries = [nsd, knot, bind]
    for s in secondaries:
        s.start()
    for s in secondaries:
        wait_until(lambda server=s: server.signed(ZONE), 30, "%s serves the signed zone" % s.name)
    anchors = cluster.ds(ZONE)
    resolvers = [Unbound(lab, "unbound-" + s.name, {ZONE: (s.addr, s.port)}, anchors).start() for s in secondaries]
    streams = [Steady(s.name, r.addr, r.port, ZONE, HOSTS).start() for s, r in zip(secondaries, resolvers)]
    wait_until(lambda: all(s.answered() > 200 for s in streams), 20, "resolvers answer")

    # The change reaches both hosts, and signer1 dies before it can do anything with it.
    old = nsd.serial(ZONE)
    s1.kill()
    cluster.put_zone(ZONE + ".zone", content(2, "change TXT \"made while signer1 was dead\"\n"))
    changed = time.monotonic()
    times = {}

    def arrived():
        for s in (knot, bind):
            if s.name not in times and has_change(s):
                times[s.name] = time.monotonic() - changed
        return len(times) == 2
    wait_until(arrived, 30, "Knot and BIND have the change", every=0.05)
    before = [s.answered() for s in streams]
    wait_until(lambda: all(s.answered() > b + 300 for s, b in zip(streams, before)), 20, "queries go on")
    if has_change(nsd) or nsd.serial(ZONE) != old:
        raise Failed("NSD has a change that nobody can have given it")

    restarted = time.monotonic()
    s1.start()
    wait_until(lambda: has_change(nsd), 30, "NSD has the change", every=0.05)
    times["nsd, after signer1's start"] = time.monotonic() - restarted
    before = [s.answered() for s in streams]
    wait_until(lambda: all(s.answered() > b + 200 for s, b in zip(streams, before)), 20, "queries go on")
    for name, seconds in times.items():
        print("the change after %.1f s: %s" % (seconds, name))
    end_all(streams, wrong=Steady.bad)
    wait_until(lambda: s1.serial(ZONE) == s2.serial(ZONE), 30, "both signers show one serial again")
