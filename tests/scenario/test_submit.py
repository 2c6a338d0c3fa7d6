# SPDX-License-Identifier: BSD-3-Clause
"""zone submit: given to one signer, signed by all; the last one wins everywhere; what was acknowledged is never lost."""

import json
import os

from duetlab import *
from netns import Net

ZONE = "example.org"
DOT = "zone=example.org."


def text(n, more=""):
    return small_zone(ZONE, n=2, serial=7, more="v%d TXT version\n%s" % (n, more))


def shows(addr, n):
    try:
        return "\nv%d.%s." % (n, ZONE) in axfr_text(addr, ZONE)
    except Exception:                   # pylint: disable=broad-except
        return False


class Site:
    def __init__(self, lab):
        self.lab = lab
        self.cluster = Cluster(lab, signers=2, backups=1).init()
        self.s1, self.s2 = self.cluster.signers()
        self.nsd, self.knot = NSD(lab, "nsd", [ZONE], [self.s1.addr]), Knot(lab, "knot", [ZONE], [self.s2.addr])
        self.cluster.add_secondary(self.nsd, of=["signer1"])
        self.cluster.add_secondary(self.knot, of=["signer2"])
        for h in self.cluster.signers():
            h.conf["keydist"]["submit-max-mib"] = 2
        self.cluster.write_confs()
        self.cluster.start()
        self.s1.ctl("zone", "add", ZONE, "--source", "submit:")
        self.cluster.wait_zone(ZONE)
        self.s1.ctl("key", "create", ZONE)

    def submit(self, host, n, more="", check=True):
        path = self.lab.write("v%d.zone" % n, text(n, more))
        return host.ctl("zone", "submit", ZONE, path, check=check)

    def wait_all(self, n, timeout=40):
        for server in self.s1, self.s2, self.nsd, self.knot:
            wait_until(lambda s=server: shows(s.addr, n), timeout, "%s shows submission %d" % (server.name, n), every=0.2)


@limit(300)
def test_one_signer_is_given_what_all_sign(lab):
    site = Site(lab)
    s1, s2 = site.s1, site.s2
    site.submit(s1, 1)
    site.cluster.wait_signed(ZONE, 40)
    site.nsd.start()
    site.knot.start()
    site.wait_all(1)
    site.submit(s2, 2)                  # the other one, and the input's serial is the same all the time
    site.wait_all(2)
    for h in s1, s2:
        verify(axfr_file(lab, h.addr, ZONE), ZONE)
    # One after the other, on both, each once the other signer has heard of the one before: the last one is what all show.
    for n in range(4, 8):
        site.submit((s1, s2)[n % 2], n)
        wait_until(lambda: said(s1) == said(s2), 20, "both have heard of submission %d" % n)
    site.wait_all(7)
    site.submit(s1, 2)                  # what was there once, and counts again
    site.wait_all(2)
    # What is no zone is acknowledged, and refused by all of them; what is too large, or nothing, is not acknowledged.
    mark = s2.signer.mark()
    s1.ctl("zone", "submit", ZONE, lab.write("bad.zone", "this is no zone\n"))
    s2.signer.wait_event("event=zone-refused %s" % DOT, 30, mark)
    large = lab.write("large.zone", text(8) + ";" + "x" * 60 + "\n" + (";" + "y" * 62 + "\n") * 35000)
    if s1.ctl("zone", "submit", ZONE, large, check=False).returncode != 1:
        raise Failed("more than submit-max-mib is taken")
    if s1.ctl("zone", "submit", ZONE, lab.write("empty.zone", ""), check=False).returncode != 1:
        raise Failed("nothing is taken")
    if not shows(s1.addr, 2):
        raise Failed("something refused is published")
    # While the other signer is away, twice; then it has the last one.
    s2.kill()
    site.submit(s1, 20)
    site.submit(s1, 21)
    s2.start()
    site.wait_all(21, 60)
    facts = [json.loads(row) for row in s2.ctl("status", "--facts", "--zone", ZONE).stdout.splitlines()]
    revs = [f["body"]["rev"] for f in facts if f["kind"] == "submission"]
    if len(revs) != len(set(revs)):
        raise Failed("two submissions have one number: %s" % revs)


@limit(120)
def test_it_is_signed_where_nobody_transfers(lab):
    """One signer, no secondary, no backup: what is submitted is published and seen, then the next one, by standard input."""
    cluster = Cluster(lab, signers=1, backups=0).init()
    host = cluster.signer1
    cluster.start()
    host.ctl("policy", "apply", lab.write("policy.yaml", "name: default\nrequire-backups: 0\n"))
    host.ctl("zone", "add", ZONE, "--source", "submit:")
    host.ctl("key", "create", ZONE)
    host.ctl("zone", "submit", ZONE, lab.write("v1.zone", text(1)))
    wait_until(lambda: shows(host.addr, 1), 40, "the first is published")
    run(host.ctl_argv("zone", "submit", ZONE, "-"), env=host.env(), stdin=text(2))
    wait_until(lambda: shows(host.addr, 2), 40, "the second is published")
    verify(axfr_file(lab, host.addr, ZONE), ZONE)


POINTS = ("submit-chunk", "submit-synced", "submit-kept", "submit-said")


@limit(300)
def test_what_was_acknowledged_is_kept(lab):
    """keydist dies at each step: nothing that was acknowledged is lost, and the rest is as if it had not been; also on a full disk,
    and where a peer dies while a large one is on its way to it."""
    site = Site(lab)
    s1, s2 = site.s1, site.s2
    s1.keydist.expect_failure = s2.keydist.expect_failure = True
    site.submit(s1, 1)
    site.cluster.wait_signed(ZONE, 40)
    for n, point in enumerate(POINTS, 10):
        s1.stop("keydist")
        s1.start("keydist", fail=point)
        wait_until(lambda: "example.org." in s1.ctl("zone", "list", check=False).stdout, 20, "keydist answers")
        done = site.submit(s1, n, check=False).returncode
        wait_until(lambda: not s1.keydist.running(), 20, "%s is reached" % point, every=0.05)
        s1.start("keydist")
        if done == 0:
            raise Failed("%s: acknowledged by who was killed" % point)
        wait_until(lambda: site.submit(s1, 100 + n, check=False).returncode == 0, 30, "it goes on after %s" % point)
        s1.kill("keydist")              # acknowledged: it is there
        s1.start("keydist")
        for h in s1, s2:
            wait_until(lambda host=h: shows(host.addr, 100 + n), 40, "%s: %s has what was acknowledged" % (point, h.name))
    # The disk is full.
    s1.stop("keydist")
    os.environ["DUET_TEST_ERRNO"] = "submit-write:28"
    s1.start("keydist")
    del os.environ["DUET_TEST_ERRNO"]
    p = None

    def refused():
        nonlocal p
        p = site.submit(s1, 30, check=False)
        return "not" not in p.stderr or "space" in p.stderr
    wait_until(refused, 20, "an answer")
    if p.returncode != 1 or "No space left" not in p.stderr:
        raise Failed("a full disk: %s %s" % (p.returncode, p.stderr))
    s1.stop("keydist")
    s1.start("keydist")
    # The other signer dies while a large one comes to it, goes on where it was, and then has it.
    s2.stop("keydist")
    s2.start("keydist", fail="submit-got-chunk:2")
    wait_until(lambda: site.submit(s1, 40, (";" + "w" * 62 + "\n") * 25000, check=False).returncode == 0,
               30, "it is acknowledged")
    wait_until(lambda: not s2.keydist.running(), 30, "signer2 dies in the middle", every=0.05)
    mark = s2.keydist.mark()
    s2.start("keydist")
    there = int(s2.keydist.wait_event("event=submission-wanted %s" % DOT, 30, mark)["there"])
    if there < 256 * 1024:
        raise Failed("it begins anew, at %d" % there)
    for h in s1, s2:
        wait_until(lambda host=h: shows(host.addr, 40), 60, "%s has the large one" % h.name)
        verify(axfr_file(lab, h.addr, ZONE), ZONE)


def said(host):
    """Revs and digests of the submissions that it knows of."""
    facts = [json.loads(row) for row in host.ctl("status", "--facts", "--zone", ZONE).stdout.splitlines()]
    return {(f["body"]["rev"], f["body"]["digest"]) for f in facts if f["kind"] == "submission"}


@limit(300)
def test_submissions_on_both_sides_of_a_cut(lab):
    """Two under one number, one on each side: one of them wins on all nodes.  One that a node hears of and cannot fetch comes when
    the way is free; what is submitted then wins over all before."""
    net = Net(lab)
    reach = {"signer": {"transfer": [{"prefix": "10.53.0.0/24"}]}}
    cluster = Cluster(lab, signers=2, backups=1, conf={"signer": reach})
    for h in cluster.hosts.values():
        net.host(h.name, h.addr)
    cluster.init()
    cluster.write_confs()
    cluster.start()
    s1, s2 = cluster.signers()

    def submit(host, n, more=""):
        host.ctl("zone", "submit", ZONE, lab.write("v%d.zone" % n, text(n, more)))

    def wait_shown(n, *hosts):
        for h in hosts:
            wait_until(lambda host=h: shows(host.addr, n), 60, "%s shows submission %d" % (h.name, n), every=0.2)
    s1.ctl("zone", "add", ZONE, "--source", "submit:")
    cluster.wait_zone(ZONE)
    s1.ctl("key", "create", ZONE)
    submit(s1, 1)
    cluster.wait_signed(ZONE, 60)
    wait_shown(1, s1, s2)
    before = said(s1)
    net.isolate("signer1")
    submit(s1, 10)
    submit(s2, 11)
    wait_shown(10, s1)
    wait_shown(11, s2)
    revs = [{rev for rev, _ in said(h) - before} for h in (s1, s2)]
    if len(revs[0]) != 1 or revs[0] != revs[1]:
        raise Failed("not one number: %s" % revs)
    net.heal()
    wait_until(lambda: said(s1) == said(s2) and len(said(s1) - before) >= 3, 60, "the one that counts is said again")
    wait_until(lambda: any(shows(s1.addr, n) and shows(s2.addr, n) for n in (10, 11)), 60, "both show the same", every=0.2)
    for h in s1, s2:
        verify(axfr_file(lab, h.addr, ZONE), ZONE)
    # Heard of through the backup, and out of reach.
    net.cut("signer1", "signer2")
    mark = s2.keydist.mark()
    submit(s1, 20, (";" + "w" * 62 + "\n") * 10000)
    wait_shown(20, s1)
    s2.keydist.wait_event("event=submission-waits %s" % DOT, 60, mark)
    net.heal()
    wait_shown(20, s2)
    submit(s2, 21)
    wait_shown(21, s1, s2)
    verify(axfr_file(lab, s1.addr, ZONE), ZONE)


@limit(180)
def test_a_peer_that_gives_something_else(lab):
    """Octets of its own in what was submitted: it is refused by its digest, never loaded, and asked for again, also of the other signer
    that has it, whichever of them lies."""
    cluster = Cluster(lab, signers=3, backups=0).init()
    cluster.start()
    s1, s2, s3 = cluster.signers()
    s1.ctl("policy", "apply", lab.write("policy.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n"))
    s1.ctl("zone", "add", ZONE, "--source", "submit:")
    cluster.wait_zone(ZONE)
    s1.ctl("key", "create", ZONE)
    s1.ctl("zone", "submit", ZONE, lab.write("v1.zone", text(1)))
    cluster.wait_signed(ZONE, 60)

    def lies(host, number):
        lab.write(os.path.join(host.dir, "numbers", "submit-lies"), "%d\n" % number)

    def kept():
        """Texts that signer3 has as a whole."""
        return {name for name in os.listdir(os.path.join(s3.state, "keydist", "submit")) if not name.endswith(".part")}

    for n, honest, other in ((10, s1, s2), (11, s2, s1)):
        s3.stop("keydist")
        honest.ctl("zone", "submit", ZONE, lab.write("v%d.zone" % n, text(n, (";" + "w" * 62 + "\n") * 10000)))
        wait_until(lambda: shows(other.addr, n), 40, "%s has it, too" % other.name)
        for host in honest, other:
            lies(host, n)
        before, mark, loads = kept(), s3.keydist.mark(), s3.signer.mark()
        s3.start("keydist")
        for _ in range(2):              # it is asked for again, and comes as before
            s3.keydist.wait_event("event=submission-waits %s msg=what came has another digest; it is asked for again" % DOT, 30, mark)
            mark = s3.keydist.mark()
        if kept() != before or any(s3.signer.count("event=%s %s" % (event, DOT), loads) for event in ("zone-loaded", "zone-refused")):
            raise Failed("something else than what was submitted is kept, or loaded")
        lies(honest, 0)
        wait_until(lambda: shows(s3.addr, n), 40, "signer3 has it from %s, though %s lies" % (honest.name, other.name))
        lies(other, 0)
    verify(axfr_file(lab, s3.addr, ZONE), ZONE)
