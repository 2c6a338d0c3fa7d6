# SPDX-License-Identifier: BSD-3-Clause
"""Rolls whose steps an operator releases, a key that stands by, rolls that begin by age, and one in a hurry."""

import json

from duetlab import Cluster, Failed, limit, small_zone, wait_until

ZONE = "example.org"
POLICY = "name: default\nkeys: ksk+zsk\nrequire-backups: 0\npropagation: 0\ndnskey-ttl: 1s\nmax-ttl-signed: 2s\nmax-ttl-unsigned: 1h\n"


class World:
    def __init__(self, lab):
        self.lab = lab
        cluster = Cluster(lab, signers=1, backups=0).init()
        self.s1 = cluster.signer1
        cluster.write_confs()
        cluster.start()
        self.policy()
        cluster.add_zone(ZONE, small_zone(ZONE, n=2, ttl=1, minimum=1))
        self.s1.ctl("key", "create", ZONE)
        cluster.wait_signed(ZONE)
        self.settled()

    def policy(self, more=""):
        self.s1.ctl("policy", "apply", self.lab.write("policy.yaml", POLICY + more))

    def zsks(self):
        keys = json.loads(self.s1.ctl("key", "list", ZONE, "--json").stdout)["keys"]
        return {k["hash"]: k for k in keys if k["role"] == "zsk" and not k["gone"]}

    def settled(self, but=()):
        """One ZSK, which is none of these, is where a key in use should be; returns its hash."""
        def look():
            zsks = self.zsks()
            return len(zsks) == 1 and not set(zsks) & set(but) and all(
                r["phase"] == "omnipresent" for k in zsks.values() for r in k["records"].values())
        wait_until(look, 60, "one ZSK is in use", every=0.1)
        return list(self.zsks())[0]

    def fresh(self, old):
        wait_until(lambda: len(self.zsks()) == 2, 30, "there is a new ZSK", every=0.1)
        return next(h for h in self.zsks() if h != old)

    def asks_for_a_word(self):
        wait_until(lambda: "wait for your word: duetctl key release" in self.explain() or
                   "waits for your word: duetctl key release" in self.explain(), 30, "key explain asks for a word", every=0.1)

    def explain(self):
        return self.s1.ctl("key", "explain", ZONE).stdout

    def release(self, text):
        """What is released is this step and no other, and a dry run does nothing."""
        for args, end in (["--dry-run"], " (when released)"), ([], ""):
            said = self.s1.ctl("key", "release", ZONE, *args).stdout.splitlines()
            if len(said) != 1 or not said[0].endswith(": " + text + end):
                raise Failed("key release %s: %s, not \"%s\"" % (args, said, text))


@limit(150)
def test_steps_wait_for_a_word_and_rolls_begin_by_age(lab):
    w = World(lab)
    # Each step by hand.
    old = w.settled()
    w.policy("roll-steps: manual\n")
    w.s1.ctl("key", "roll", ZONE, "--role", "zsk")
    new = w.fresh(old)
    for step, done in (("its DNSKEY is published", lambda k: k[new]["published"]),
                       ("it signs the zone", lambda k: k[new]["signing"] and not k[old]["signing"]),
                       ("its DNSKEY goes", lambda k: old not in k)):
        w.asks_for_a_word()
        if done(w.zsks()):
            raise Failed("\"%s\" is done without a word: %s" % (step, w.zsks()))
        w.release(step)
        wait_until(lambda d=done: d(w.zsks()), 30, step, every=0.1)
    w.settled(but=[old])
    p = w.s1.ctl("key", "release", ZONE, check=False)
    if p.returncode != 1 or "no step waits for a word" not in p.stderr:
        raise Failed(p.stderr)
    # A key that stands by is published, and signs once it is released.
    old = new
    w.policy()
    w.s1.ctl("key", "roll", ZONE, "--role", "zsk", "--standby")
    new = w.fresh(old)
    wait_until(lambda: w.zsks()[new]["records"]["dnskey"]["phase"] == "omnipresent", 30, "its DNSKEY is everywhere", every=0.1)
    p = w.s1.ctl("key", "roll", ZONE, "--role", "zsk", check=False)
    if p.returncode != 1 or "has a standby key" not in p.stderr or w.zsks()[new]["signing"]:
        raise Failed("%s, %s" % (p, w.zsks()))
    w.release("the standby key takes its place, step by step")
    w.settled(but=[old])
    # By age: 5 s, where a roll takes 4.
    old = new
    w.policy("zsk-lifetime: 5s\n")
    new = w.fresh(old)
    w.policy()
    old = w.settled(but=[old])
    # In a hurry, which is told as what it is.
    said = w.s1.ctl("key", "roll", ZONE, "--role", "zsk", "--now").stdout
    if "this is as fast as is safe; anything faster breaks:" not in said or "whoever has the old private key can forge" not in said:
        raise Failed(said)
    w.settled(but=[old])
