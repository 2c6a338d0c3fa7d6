# SPDX-License-Identifier: BSD-3-Clause
"""Signers join and leave: keys, TSIG secrets, zones, secondaries, and validators asking."""

import datetime
import json
import time

from dnstools import axfr
from duetlab import NSD, Cluster, Failed, Knot, Unbound, limit, primaries, small_zone, wait_until
from steady import Steady, end_all

ZONE, SPLIT = "example.org", "split.example"
LATER = ["later%d.example" % i for i in range(6)]   # of some of their keys the dead signer was to make the second recovery box
HOSTS = 200


def standing(host, name):
    """As `node list` has it, read on this host."""
    nodes = json.loads(host.ctl("node", "list", "--json").stdout)["nodes"]
    return next((n for n in nodes if n["name"] == name), {})


def keys(host, zone):
    return {k["hash"]: k for k in json.loads(host.ctl("key", "list", zone, "--json").stdout)["keys"]}


def dnskeys(host, zone):
    z = axfr(host.addr, zone)
    return sorted(str(x) for x in z.find_rdataset(z.origin, "DNSKEY"))


def reload(cluster):
    """What an operator does on each host after its configuration was written anew."""
    cluster.write_confs()
    for h in cluster.hosts.values():
        for short in h.procs:
            if h.procs[short].running():
                h.ctl("reload")
                break


def refused(host, want, *args):
    r = host.ctl(*args, check=False)
    if r.returncode != 1 or want not in r.stderr:
        raise Failed("duetctl %s: status %d, %s" % (" ".join(args), r.returncode, r.stderr))


@limit(240)
def test_a_signer_joins_and_another_retires(lab):
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2, vault = cluster.signer1, cluster.signer2, cluster.vault
    nsd, knot = NSD(lab, "nsd", [ZONE, SPLIT], [s1.addr]), Knot(lab, "knot", [ZONE, SPLIT], [s2.addr])
    cluster.add_secondary(nsd, of=[s1])
    cluster.add_secondary(knot, of=[s2])
    cluster.write_confs()
    cluster.start()
    s1.ctl("policy", "apply", lab.write("split.yaml", "name: split\nkeys: ksk+zsk\ndenial: nsec3\n"))
    s1.ctl("tsig", "create", "t.example.", "--out", lab.path("t.key"))
    anchors = []
    for zone, policy in ((ZONE, None), (SPLIT, "split")):
        cluster.add_zone(zone, small_zone(zone, n=HOSTS, ttl=5, minimum=5), policy)
        s2.ctl("key", "create", zone)
        cluster.wait_signed(zone)
        anchors += cluster.ds(zone)
    for peer in (nsd, knot):
        peer.start()
        for zone in (ZONE, SPLIT):
            wait_until(lambda: peer.signed(zone), 30, "%s serves %s" % (peer.name, zone))
    # The resolver mixes answers of both secondaries all the time.
    resolver = Unbound(lab, "unbound", {z: [(p.addr, p.port) for p in (nsd, knot)] for z in (ZONE, SPLIT)}, anchors).start()
    streams = [Steady(z, resolver.addr, resolver.port, z, HOSTS, rate=30, again=True).start() for z in (ZONE, SPLIT)]

    # ---- joining
    before = {z: (keys(s1, z), dnskeys(s1, z)) for z in (ZONE, SPLIT)}
    s3 = cluster.blank_host("signer3", number=3)
    for zone in (ZONE, SPLIT):
        s3.put_zone(zone + ".zone", small_zone(zone, n=HOSTS, ttl=5, minimum=5))
    cluster.add_secondary(nsd, of=[s3])
    reload(cluster)
    s3.start()
    s1.ctl("node", "add", "--name", "signer3", "--role", "signer", s3.line)
    cluster.wait_signed(ZONE, 60)
    cluster.wait_signed(SPLIT, 60)
    for zone in (ZONE, SPLIT):
        if dnskeys(s3, zone) != before[zone][1] or set(keys(s3, zone)) != set(before[zone][0]):
            raise Failed("signer3 shows %s, the others %s" % (dnskeys(s3, zone), before[zone][1]))
        for k in keys(s1, zone).values():
            wait_until(lambda: "signer3" in keys(s1, zone)[k["hash"]]["serves"], 30, "signer3 serves %s" % k["hash"], every=0.2)
    for h in (s1, s2, s3):
        for n in ("signer1", "signer2", "signer3"):
            wait_until(lambda: standing(h, n).get("counted"), 10, "%s counts %s" % (h.name, n))
    wait_until(lambda: s3.signer.count("event=tsig keys=1") > 0, 10, "signer3 has the TSIG secret")
    nsd.stop()
    nsd.masters = primaries([s3.addr])
    nsd.start()
    for h in cluster.signers():
        h.put_zone(ZONE + ".zone", small_zone(ZONE, n=HOSTS, serial=2, ttl=5, minimum=5, more="new A 192.0.2.77\n"))
    wait_until(lambda: nsd.query("new." + ZONE, "A").answer, 30, "a change reaches NSD by signer3")

    # ---- retiring
    refused(s2, "was heard", "node", "retire", "signer1", "--fenced")
    refused(s2, "no backup but", "node", "retire", "vault")
    refused(s2, "is this node", "node", "retire", "signer2", "--fenced")
    refused(s2, "was heard", "node", "retire", "signer1", "--dead")
    s1.kill()
    for p in s1.procs.values():
        p.expect_failure = True
    for zone in LATER:
        for h in (s2, s3):
            h.put_zone(zone + ".zone", small_zone(zone))
        s2.ctl("zone", "add", zone, "--source", "file:%s.zone" % zone)
        r = s2.ctl("key", "create", zone, "--timeout", "1", check=False)
        if r.returncode == 0 or "signer1 has not said that it holds it" not in r.stderr + r.stdout:
            raise Failed("a key was distributed without signer1: %s" % r)
        if s2.signed(zone) or s3.signed(zone):
            raise Failed("a key is used that signer1 does not hold")
    wait_until(lambda: standing(s2, "signer1")["heard_ms"] > 10000, 20, "signer1 is silent")
    s2.ctl("node", "retire", "signer1", "--fenced")
    for zone in LATER:
        cluster.wait_signed(zone, 30, (s2, s3))
    refused(s3, "retired already", "node", "retire", "signer1", "--fenced")
    for h in (s2, s3):
        h.put_zone(SPLIT + ".zone", small_zone(SPLIT, n=HOSTS, serial=2, ttl=5, minimum=5, more="new A 192.0.2.78\n"))
    for peer in (nsd, knot):
        wait_until(lambda: peer.query("new." + SPLIT, "A").answer, 30, "a change reaches %s" % peer.name)

    # ---- the dead one comes back, and hears of it
    s1.start()
    wait_until(lambda: standing(s1, "signer1").get("retired"), 30, "signer1 knows that it is retired")
    wait_until(lambda: s1.serial(ZONE) is None, 30, "signer1 stops serving")
    end_all(streams, wrong=lambda s: s.bad() or s.counts["NOERROR"] < 100)


# Waits of seconds, not of days.
QUICK = "name: quick\ndnskey-ttl: 3s\npropagation: 1s\n"


def leaving_pair(lab):
    """Two signers, of which signer1 has a secondary of its own, that shows the zone."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    knot = Knot(lab, "knot", [ZONE], [cluster.signer1.addr])
    cluster.add_secondary(knot, of=[cluster.signer1])
    cluster.write_confs()
    cluster.start()
    cluster.signer1.ctl("policy", "apply", lab.write("quick.yaml", QUICK))
    cluster.add_zone(ZONE, small_zone(ZONE, ttl=5, minimum=5), "quick")
    cluster.signer2.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    knot.start()
    wait_until(lambda: knot.signed(ZONE), 30, "%s serves %s" % (knot.name, ZONE))
    wait_until(lambda: knot.addr in named_by(cluster.signer2, "signer1"), 30, "signer2 knows the secondary that signer1 names")
    return cluster, knot


def named_by(host, name):
    """Addresses of the secondaries that another node's last word names, as the host has it."""
    rows = [n for z in json.loads(host.ctl("status", "--json").stdout)["zones"] for n in z["nodes"] if n["name"] == name]
    return [s["address"].split("#")[0] for n in rows for s in (n["status"] or {}).get("secondaries", []) if s.get("seen_at")]


def waits(host, name, text):
    wait_until(lambda: text in standing(host, name).get("waits", ""), 60, '%s: %s waits: "%s"' % (host.name, name, text), every=0.2)


def give_over(cluster, knot, to, *others):
    """The secondary is another signer's from now on, and takes the next version from it."""
    knot.stop()
    knot.masters = primaries([to.addr])
    cluster.add_secondary(knot, of=[to])
    cluster.write_confs()
    to.ctl("reload")
    knot.start()
    for h in (to, *others):
        h.put_zone(ZONE + ".zone", small_zone(ZONE, serial=2, ttl=5, minimum=5, more="new A 192.0.2.77\n"))
    wait_until(lambda: knot.query("new." + ZONE, "A").answer, 60, "a change reaches %s by %s" % (knot.name, to.name))


def signs_alone(cluster, host):
    """A key is distributed without the one that has left."""
    cluster.add_zone(LATER[0], small_zone(LATER[0]), on=host)
    host.ctl("key", "create", LATER[0])
    cluster.wait_signed(LATER[0], 30, (host,))


@limit(200)
def test_a_signer_leaves_and_says_when_it_has(lab):
    """It serves nothing from the first moment on, and is retired once its secondary shows another's version and caches are empty."""
    cluster, knot = leaving_pair(lab)
    s1, s2 = cluster.signer1, cluster.signer2
    s2.ctl("node", "retire", "signer1")
    refused(s2, "is to leave already", "node", "retire", "signer1")
    refused(s2, "no signer would be left", "node", "retire", "signer2")
    refused(s1, "no signer would be left", "node", "retire", "signer2", "--fenced")
    wait_until(lambda: s1.serial(ZONE) is None, 30, "signer1 answers nobody")
    waits(s1, "signer1", "not every server")
    waits(s2, "signer1", "waited until it says")
    if not standing(s2, "signer1")["counted"] or standing(s2, "signer1")["retired"]:
        raise Failed("signer1 has left although its secondary shows its version")
    # Both daemons are killed meanwhile: what comes back serves nothing, and knows that it is to leave.
    s1.kill()
    since = s1.signer.mark()
    s1.start()
    waits(s1, "signer1", "not every server")
    if s1.serial(ZONE) is not None:
        raise Failed("signer1 serves again")
    # From here on signer2 may be an old copy, which lacks what signer1 said last and the backup knows: it retires nobody.
    cluster.vault.kill()
    s2.kill("keydist")
    # signer1 has all that the backup has, and says so, as long as it hears it.
    wait_until(lambda: standing(s1, "vault")["heard_ms"] > 10000, 30, "signer1 does not hear the backup")
    mark = s2.keydist.mark()
    s2.start("keydist")
    s2.keydist.wait_event("event=compared", 30, since=mark)
    began = time.time()
    give_over(cluster, knot, s2, s1)
    said = s1.keydist.wait_event("event=node-stopped", 60)["when"]
    waited = datetime.datetime.fromisoformat(said.replace("Z", "+00:00")).timestamp() - began
    if waited < 5:
        raise Failed("stopped %.1f s after its secondary could show another's version: caches have it for 5 s" % waited)
    waits(s2, "signer1", "has not met all others and a backup")
    silent = standing(s1, "vault")["heard_ms"]
    wait_until(lambda: standing(s1, "vault")["heard_ms"] > silent + 5000, 30, "five seconds, in which signer2 could have said it")
    if standing(s2, "signer1")["retired"] or s2.keydist.count("event=node-retired"):
        raise Failed("signer2 retired signer1, and has not met the backup since its start")
    cluster.vault.start()
    s2.keydist.wait_event("event=node-retired node=signer1 why=stopped", 30)
    wait_until(lambda: standing(s1, "signer1").get("retired"), 30, "signer1 knows that it is retired")
    s1.signer.wait_event("event=zone-removed zone=%s." % ZONE, 30, since)
    if s1.signer.count("event=answering on=yes", since):
        raise Failed("it answered again while its zones were removed")
    signs_alone(cluster, s2)
    refused(s2, "retired already", "node", "retire", "signer1")


@limit(200)
def test_a_dead_signer_leaves_when_its_secondaries_show_others(lab):
    """Nobody swears to what is cached: the one that lives looks at the secondary that the dead one named."""
    cluster, knot = leaving_pair(lab)
    s1, s2 = cluster.signer1, cluster.signer2
    s1.kill()
    for p in s1.procs.values():
        p.expect_failure = True
    wait_until(lambda: standing(s2, "signer1")["heard_ms"] > 10000, 30, "signer1 is silent")
    refused(s2, "--dead", "node", "retire", "signer1")
    s2.ctl("node", "retire", "signer1", "--dead")
    waits(s2, "signer1", "not every server")
    s2.kill("keydist")
    s2.start("keydist")
    waits(s2, "signer1", "not every server")
    give_over(cluster, knot, s2)
    s2.keydist.wait_event("event=node-retired node=signer1 why=observed", 90)
    signs_alone(cluster, s2)


@limit(120)
def test_who_may_lack_the_last_words_retires_nobody(lab):
    """A signer that has met no backup since its start may be an old copy: what the dead one said last, and the backup knows, would be void."""
    cluster = Cluster(lab, signers=3, backups=1).init()
    s1, s2, vault = cluster.signer1, cluster.signer2, cluster.vault
    cluster.write_confs()
    cluster.start()
    cluster.add_zone(ZONE, small_zone(ZONE))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    s1.kill()
    vault.kill()
    s2.kill()
    # signer3 has all that the backup has, and says so, as long as it hears it.
    wait_until(lambda: standing(cluster.signers()[2], "vault")["heard_ms"] > 10000, 30, "signer3 does not hear the backup")
    mark = s2.keydist.mark()
    s2.start()
    s2.keydist.wait_event("event=compared", 30, since=mark)
    refused(s2, "has not met all others and a backup", "node", "retire", "signer1", "--fenced")
    vault.start()
    wait_until(lambda: s2.ctl("node", "retire", "signer1", "--fenced", check=False).returncode == 0, 30, "signer1 is retired", every=0.3)
    wait_until(lambda: standing(s2, "signer1").get("retired"), 10, "signer2 knows that")


@limit(200)
def test_two_signers_that_retire_each_other_both_stay(lab):
    """Each is told, while it hears nobody, that the other is dead: no signer would be left, so neither counts, and both say so."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2, vault = cluster.signer1, cluster.signer2, cluster.vault
    cluster.write_confs()
    cluster.start()
    cluster.add_zone(ZONE, small_zone(ZONE))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    vault.kill()
    s2.kill()
    wait_until(lambda: standing(s1, "signer2")["heard_ms"] > 10000, 20, "signer2 is silent")
    s1.ctl("node", "retire", "signer2", "--fenced")
    s1.kill()
    s2.start()
    s2.ctl("zone", "resume", ZONE, "--alone")
    wait_until(lambda: s2.ctl("node", "retire", "signer1", "--fenced", check=False).returncode == 0, 30, "signer1 is retired",
               every=0.3)
    s1.start()
    vault.start()
    for h in (s1, s2):
        wait_until(lambda: any(a["what"] == "retired" for a in json.loads(h.ctl("status", "--json").stdout)["alarms"]), 60,
                   "%s raises an alarm" % h.name, every=0.3)
        for n in ("signer1", "signer2"):
            wait_until(lambda: standing(h, n).get("counted") and not standing(h, n).get("retired"), 30,
                       "%s counts %s" % (h.name, n), every=0.3)
        h.put_zone(ZONE + ".zone", small_zone(ZONE, serial=2, more="new A 192.0.2.77\n"))
    for h in (s1, s2):
        wait_until(lambda: axfr(h.addr, ZONE).get_rdataset("new", "A"), 60, "%s serves a change" % h.name, every=0.3)
