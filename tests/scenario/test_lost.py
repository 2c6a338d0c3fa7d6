# SPDX-License-Identifier: BSD-3-Clause
"""Private keys that are lost: rotten octets where a sealed box is, on one signer or on every disk of the cluster.  The DNSKEY
stays, an alarm says how to go on, and that way works; validators notice nothing."""

import json
import os
import re
import sqlite3
import string

from duetlab import Failed, limit, small_zone, wait_until
from parentworld import World as BesideParent
from steady import end_all
from test_rollover import HOSTS, ZONE, World, live


DIGITS = string.ascii_letters + string.digits + "+/"
OTHER = bytes.maketrans(DIGITS.encode(), DIGITS[::-1].encode())


def facts(host):
    return os.path.join(host.state, "keydist" if host.role == "signer" else "backupd", "facts.db")


def rot(host, roles, but=()):
    """Each sealed box of the zone's keys of these roles, but for some, in what the host has stored: one octet in the middle is
    another; as it was when this is done twice."""
    db, keys, spoilt = sqlite3.connect(facts(host)), set(), 0
    rows = db.execute("SELECT id, octets FROM fact ORDER BY id").fetchall()
    for _, octets in rows:
        made = re.search(rb'"role":"(\w+)"', octets)
        if b"key.created" in octets and made and made[1].decode() in roles:
            keys.add(re.search(rb'"key":"([0-9a-f]{64})"', octets)[1])
    for row, octets in rows:
        named = re.search(rb'"key":"([0-9a-f]{64})"', octets)
        if not named or named[1] not in keys or named[1].decode() in but:
            continue
        worse, n = re.subn(rb'("box":"[^"]{100})(.)', lambda m: m[1] + m[2].translate(OTHER), octets)
        if n:
            db.execute("UPDATE fact SET octets = ? WHERE id = ?", (worse, row))
        spoilt += n
    db.commit()
    db.close()
    if not spoilt:
        raise Failed("%s has no box to spoil" % host.name)


def lost(host):
    return {k["role"]: sorted(k["lost"]) for k in live(host)}


def alarms(host):
    return [a["message"] for a in json.loads(host.ctl("status", "--json").stdout)["alarms"] if a["what"] == "lost"]


def dnskeys(host):
    return sorted(k["hash"] for k in live(host) if k["published"])


@limit(300)
def test_a_key_that_one_signer_lost_is_sealed_to_it_anew(lab):
    w = World(lab, split=True)
    s1, s2 = w.s1, w.s2
    before = dnskeys(s1)
    s2.stop("keydist")
    rot(s2, ("ksk", "zsk"))
    # The other one is away, too: nobody can help, and nothing is taken away.
    s1.kill("keydist")
    mark = s2.keydist.mark()
    s2.start("keydist")
    for k in live(s2):
        s2.keydist.wait_event("event=key-lost zone=%s. key=%d/13" % (ZONE, k["tag"]), 30, mark)
    wait_until(lambda: lost(s2) == {"ksk": ["signer2"], "zsk": ["signer2"]}, 20, "key list says who lost them", every=0.2)
    for word in "list", "explain":
        shown = s2.ctl("key", word, ZONE).stdout
        if shown.count("signer2 has lost its private key: its DNSKEY and signatures stay") != 2:
            raise Failed("key %s:\n%s" % (word, shown))
    wait_until(lambda: len(alarms(s2)) == 1 and "signer2 has lost" in alarms(s2)[0], 20, "there is an alarm")
    if dnskeys(s2) != before or not all(s.signed(ZONE) for s in w.secondaries):
        raise Failed("a DNSKEY went with its private key")
    answered = [s.answered() for s in w.streams]
    wait_until(lambda: all(s.answered() > a + 100 for s, a in zip(w.streams, answered)), 30, "longer than anything is cached")
    # signer1 has them.
    s1.start("keydist")
    s1.keydist.wait_event("event=key-shared zone=%s." % ZONE, 60)
    wait_until(lambda: not alarms(s1) and not alarms(s2) and not any(lost(s2).values()), 30, "the alarm is over", every=0.2)
    for h in (s1, s2):
        h.put_zone(ZONE + ".zone", small_zone(ZONE, n=HOSTS, serial=2, ttl=2, minimum=1, more="new A 192.0.2.77\n"))
    for s in w.secondaries:
        wait_until(lambda s=s: s.query("new." + ZONE, "A").answer, 60, "a change reaches %s" % s.name)
    old = {k["hash"] for k in live(s1) if k["role"] == "zsk"}
    s2.ctl("key", "roll", ZONE, "--role", "zsk")
    w.rolled(old)
    # After another start it still has them, though what it said and what is rotten stays.
    s2.stop("keydist")
    mark = s2.keydist.mark()
    s2.start("keydist")
    s2.signer.wait_event("event=plan zone=%s. state=signed" % ZONE, 30, 0)
    wait_until(lambda: not alarms(s2), 20, "there is no alarm")
    if s2.keydist.count("event=key-lost", mark) or s2.keydist.count("event=plan-trouble", mark):
        raise Failed("signer2 lost a key once more")
    end_all(w.streams)


@limit(400)
def test_a_ksk_that_all_have_lost_is_replaced_by_the_new_ds_first(lab):
    w = BesideParent(lab, keys="ksk+zsk", ksk="double-ds", bind=False).begin()
    old = w.ids("ksk")
    for h in (w.s1, w.s2, w.cluster.vault):
        h.stop("backupd" if h is w.cluster.vault else "keydist")
        rot(h, ("ksk",))
    w.cluster.vault.start("backupd")
    for h in w.hosts():
        h.start("keydist")
    for h in w.hosts():
        h.keydist.wait_event("event=key-lost zone=%s." % ZONE, 30)
        w.wait(lambda h=h: lost(h) == {"ksk": ["signer1", "signer2"], "zsk": []}, 30, "all know who lost it")
        w.wait(lambda h=h: any("ksk-rollover: double-ds" in a for a in alarms(h)), 30, "%s says how to go on" % h.name)
    w.longer_than_caches()
    w.judge()
    if w.ids("ksk") != old:
        raise Failed("the DNSKEY went with its private key")
    # Another way to roll needs a signature by the old key: what is served stays, and the roll waits.
    for h in w.hosts():
        h.put_zone(ZONE + ".zone", small_zone(ZONE, n=400, serial=2, ttl=2, minimum=1, more="new A 192.0.2.77\n"))
    for s in w.secondaries:
        w.wait(lambda s=s: s.query("new." + ZONE, "A").answer, 60, "a change reaches %s" % s.name)
    w.roll("--role", "ksk", role="ksk")
    w.wait(lambda: not alarms(w.s1) and not alarms(w.s2), 30, "the alarm is over")
    w.end(notice=True)


@limit(300)
def test_a_csk_that_all_have_lost_takes_nothing_away(lab):
    """Nothing new can be signed: what is published stays as it is, over a start of all daemons, until the key is back."""
    w = World(lab, split=False)
    was, hosts = dnskeys(w.s1), (w.s1, w.s2)
    serials = [s.query(ZONE, "SOA").answer for s in w.secondaries]
    for h in hosts:
        h.stop()
        rot(h, ("csk",))
    for h in hosts:
        h.start()
    for h in hosts:
        wait_until(lambda h=h: lost(h) == {"csk": ["signer1", "signer2"]}, 30, "all know who lost it", every=0.2)
        wait_until(lambda h=h: any("every signer has lost its private key" in a for a in alarms(h)), 30, "%s says so" % h.name)
        h.put_zone(ZONE + ".zone", small_zone(ZONE, n=HOSTS, serial=2, ttl=2, minimum=1, more="new A 192.0.2.77\n"))
        h.signer.wait_event("event=plan zone=%s. state=keep" % ZONE, 30)
    w.s1.ctl("key", "roll", ZONE)
    answered = [s.answered() for s in w.streams]
    wait_until(lambda: all(s.answered() > a + 200 for s, a in zip(w.streams, answered)), 60, "longer than anything is cached")
    if not set(was) <= set(dnskeys(w.s1)) or [s.query(ZONE, "SOA").answer for s in w.secondaries] != serials:
        raise Failed("something was published without the key")
    fresh = {k["hash"] for k in live(w.s1)} - set(was)
    for h in hosts:
        h.stop("keydist")
        rot(h, ("csk",), but=fresh)
    for h in hosts:
        h.start("keydist")
    for s in w.secondaries:
        wait_until(lambda s=s: s.query("new." + ZONE, "A").answer, 60, "a change reaches %s" % s.name)
    wait_until(lambda: not alarms(w.s1) and not alarms(w.s2), 60, "the alarm is over", every=0.2)
    end_all(w.streams)
