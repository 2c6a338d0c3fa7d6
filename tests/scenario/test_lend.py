# SPDX-License-Identifier: BSD-3-Clause
"""A zone's own source lags on one signer, or is dead: it takes the input from the other one, signs it, and rolls keys, until its own
source has caught up."""

import json
import os
import shutil

import dns.flags
import dns.message
import dns.opcode
import dns.query

from duetlab import *
from test_rollover import QUICK

ZONE = "example.org"
DOT = "zone=example.org."
SOON = {"signer": {"signer": {"peer-input-after-s": 1}}}


def text(n, more=""):
    return small_zone(ZONE, n=3, serial=7, ttl=2, minimum=1, more="v%d TXT version\n%s" % (n, more))


def status(host, zone=ZONE):
    return json.loads(host.ctl("--json", "zone", "status", zone).stdout)


def lags(host, zone=ZONE):
    return [a for a in status(host, zone)["alarms"] if "input taken from" in a]


def content(host, zone=ZONE):
    """What is published: its content's number and digest, and the serial."""
    s = status(host, zone)
    return s["content"], s["digest"], s["serial"]


class Site:
    """Two signers and a secondary of each; the policy has times of seconds."""

    def __init__(self, lab, more="", conf=None):
        self.lab = lab
        self.cluster = Cluster(lab, signers=2, backups=1, conf=conf or SOON).init()
        self.s1, self.s2 = self.cluster.signers()
        self.nsd, self.knot = NSD(lab, "nsd", [ZONE], [self.s1.addr]), Knot(lab, "knot", [ZONE], [self.s2.addr])
        self.cluster.add_secondary(self.nsd, of=["signer1"])
        self.cluster.add_secondary(self.knot, of=["signer2"])
        self.cluster.write_confs()
        self.cluster.start()
        self.s1.ctl("policy", "apply", lab.write("quick.yaml", QUICK % ("quick", "ksk+zsk", 13, "double-signature") + more))

    def begin(self, source):
        """Signed everywhere, and no version comes by itself any more."""
        self.s1.ctl("zone", "add", ZONE, "--source", source, "--policy", "quick")
        self.cluster.wait_zone(ZONE)
        self.s1.ctl("key", "create", ZONE)
        self.cluster.wait_signed(ZONE)
        self.nsd.start()
        self.knot.start()
        for s in self.s1, self.s2:
            s.wait_first_ds(ZONE)

    def wait_all(self, n, timeout=60):
        for server in self.s1, self.s2, self.nsd, self.knot:
            wait_until(lambda s=server: shows(s, n), timeout, "%s shows version %d" % (server.name, n), every=0.1)

    def same(self):
        wait_until(lambda: content(self.s1)[:2] == content(self.s2)[:2], 30, "both have one content under one number")
        for s in self.s1, self.s2:
            verify(axfr_file(self.lab, s.addr, ZONE), ZONE)
        return content(self.s1)[0]


def shows(server, n):
    try:
        return "\nv%d.%s." % (n, ZONE) in axfr_text(server.addr, ZONE, server.port if hasattr(server, "port") else DNS_PORT)
    except Exception:                   # pylint: disable=broad-except
        return False


@limit(300)
def test_a_file_that_stays_old(lab):
    site = Site(lab)
    s1, s2 = site.s1, site.s2
    site.cluster.put_zone("a.zone", text(1))
    site.begin("file:a.zone")
    site.wait_all(1)
    number = site.same()
    # One file is replaced: the other signer takes what is in it, under the same number, and says so.
    s1.put_zone("a.zone", text(2))
    told = s2.signer.wait_event("event=peer-input %s peer=signer1" % DOT, 30)
    site.wait_all(2)
    if site.same() != number + 1 or int(told["content"]) != number + 1:
        raise Failed("content %d, %s, after %d" % (content(s1)[0], told["content"], number))
    if "signer1" not in lags(s2)[0] or "file:a.zone" not in lags(s2)[0] or lags(s1):
        raise Failed("alarms: %s, %s" % (lags(s1), lags(s2)))
    # After a start the old file is read again, and is old.
    mark = s2.signer.mark()
    s2.kill("signer")
    s2.start("signer")
    s2.signer.wait_event("event=source-lags " + DOT, 30, mark)
    if site.same() != number + 1 or not lags(s2):
        raise Failed("the old file is taken: %s" % status(s2))
    # A ZSK is rolled to its end meanwhile.
    roll(s1, s2)
    # The file catches up, and nothing is published for that.
    mark = s2.signer.mark()
    s2.put_zone("a.zone", text(2))
    s2.signer.wait_event("event=source-caught-up " + DOT, 30, mark)
    s2.signer.wait_event("event=zone-loaded %s content=%d change=no" % (DOT, number + 1), 30, mark)
    wait_until(lambda: not lags(s2), 20, "the alarm is over")
    mark = s1.signer.mark()
    # Then it is the one with the newest; and what lags gets something that the other had on the way, which is older.
    s2.put_zone("a.zone", text(3))
    s1.signer.wait_event("event=peer-input %s peer=signer2" % DOT, 30, mark)
    site.wait_all(3)
    s2.put_zone("a.zone", text(4))
    site.wait_all(4)
    if site.same() != number + 3:
        raise Failed("content %d after %d and three changes" % (content(s1)[0], number))
    mark = s1.signer.mark()
    s1.put_zone("a.zone", text(3))
    s1.signer.wait_event("event=source-lags " + DOT, 30, mark)
    s1.put_zone("a.zone", text(5))      # never seen: the newest
    s1.signer.wait_event("event=source-caught-up " + DOT, 30, mark)
    site.wait_all(5)
    if site.same() != number + 4 or lags(s1):
        raise Failed("content %d after %d and four changes; %s" % (content(s1)[0], number, lags(s1)))
    # Nothing at all is there on one of them: it begins with the other's.
    s1.put_zone("b.zone", small_zone("only.example", n=3, ttl=2, minimum=1))
    s1.ctl("zone", "add", "only.example", "--source", "file:b.zone", "--policy", "quick")
    s2.ctl("key", "create", "only.example", check=False)
    site.cluster.wait_signed("only.example", 60)
    wait_until(lambda: lags(s2, "only.example"), 20, "signer2 says so")


def roll(s1, s2):
    """A new ZSK in place of the old one, on both."""
    def zsks(host):
        return {k["hash"] for k in json.loads(host.ctl("key", "list", ZONE, "--json").stdout)["keys"]
                if k["role"] == "zsk" and not k["gone"]}
    old = zsks(s1)
    s1.ctl("key", "roll", ZONE, "--role", "zsk")
    wait_until(lambda: all(len(zsks(h)) == 1 and not zsks(h) & old for h in (s1, s2)), 120, "the ZSK is another one", every=0.3)


class CutPrimary(BindPrimary):
    """A primary that does not hear those in `cut`, nor speaks to them."""
    cut = ()

    def config(self):
        return super().config().replace("recursion no;", "recursion no; blackhole { %s };" % "".join(a + "; " for a in self.cut)
                                        if self.cut else "recursion no;")

    def set_cut(self, *hosts):
        self.cut = [h.addr for h in hosts]
        self.lab.write(self.conf_path(), self.config())
        mark = self.process.mark()
        self.reload()
        self.process.wait_event("all zones loaded", 30, mark)


def notify(primary, host):
    """So that it is asked at once, instead of after SOA retry."""
    q = dns.message.make_query(ZONE, "SOA", flags=dns.flags.AA)
    q.set_opcode(dns.opcode.NOTIFY)
    return dns.query.udp(q, host.addr, 5, DNS_PORT, source=primary.addr)


@limit(300)
def test_a_primary_that_is_dead_for_one(lab):
    site = Site(lab)
    s1, s2 = site.s1, site.s2
    primary = CutPrimary(lab, "primary", {ZONE: text(1)}, notify=[Primary(h.addr) for h in (s1, s2)], dynamic=True).start()
    site.begin("primary:%s#%d" % (primary.addr, primary.port))
    site.wait_all(1)
    number = site.same()
    # Signer2 is cut off from it, and has each change from signer1, whose transfer it cannot have.
    primary.set_cut(s2)
    for n in (2, 3):
        mark = s2.signer.mark()
        primary.update(ZONE, ["v%d 2 TXT version" % n], ["v%d" % (n - 1)])
        s2.signer.wait_event("event=peer-input %s peer=signer1" % DOT, 60, mark)
        site.wait_all(n)
        if site.same() != number + n - 1:
            raise Failed("content %d after %d" % (content(s1)[0], number))
    if "primary:" not in lags(s2)[0]:
        raise Failed("alarms: %s" % status(s2)["alarms"])
    # The way is free: the whole zone is looked at once, and is the same; the next change comes from the primary as a difference.
    marks = [s.signer.mark() for s in (s1, s2)]
    primary.set_cut()
    wait_until(lambda: notify(primary, s2) and s2.signer.count("event=source-caught-up " + DOT, marks[1]), 60, "it has caught up", every=0.5)
    if lags(s2) or site.same() != number + 2 or [s.signer.count("event=published " + DOT, m) for s, m in zip((s1, s2), marks)] != [0, 0]:
        raise Failed("a version is made of what is published already: %s" % status(s2))
    primary.update(ZONE, ["v4 2 TXT version"], ["v3"])
    s2.signer.wait_event("event=zone-loaded %s kind=difference" % DOT, 60, marks[1])
    site.wait_all(4)
    if site.same() != number + 3 or s2.signer.count("event=peer-input " + DOT, marks[1]):
        raise Failed("it goes on asking the peer")


def tell(lab, host, other, how):
    """The host gives what is not so, 1: other octets than it names, 2: another zone; 0: no more.  What it wrote once it goes on giving
    until it is started anew."""
    host.kill("signer")
    lab.write(os.path.join(host.dir, "numbers", "lend-spoil"), "%d" % how)
    mark = other.signer.mark()
    host.start("signer")
    return mark


@limit(200)
def test_a_peer_that_lies_is_refused(lab):
    site = Site(lab)
    s1, s2 = site.s1, site.s2
    lab.write(os.path.join(s2.dir, "numbers", "hasten"), "59")    # after a second it is asked again
    site.cluster.put_zone("a.zone", text(1))
    site.begin("file:a.zone")
    number = site.same()
    published = s2.signer.mark()
    s1.stop("signer")
    s1.put_zone("a.zone", text(2))
    for how, words in (1, "SHA-256"), (2, "digest"):
        mark = tell(lab, s1, s2, how)
        s2.signer.wait_event("event=peer-input-refused %s peer=signer1 %s" % (DOT, words), 40, mark)
        wait_until(lambda: "signer1 is asked" in (status(s2)["held"] or ""), 20, "zone status says so")
    if not shows(s2, 1) or s2.signer.count("event=zone-loaded " + DOT, published) or \
       s2.signer.count("event=published " + DOT, published):
        raise Failed("something of it is taken")
    tell(lab, s1, s2, 0)
    site.wait_all(2)
    if site.same() != number + 1 or "nobody has this" in axfr_text(s2.addr, ZONE):
        raise Failed("content %d after %d" % (content(s2)[0], number))


@limit(300)
def test_a_large_one_is_cut_in_the_middle(lab):
    """The peer's keydist dies in the middle: it goes on where it was.  The signer that takes it does: it is taken anew."""
    site = Site(lab)
    s1, s2 = site.s1, site.s2
    large = "".join("large%d TXT%s\n" % (i, (" " + "x" * 250) * 25) for i in range(200))   # 1.2 MiB, and few signatures
    site.cluster.put_zone("a.zone", text(1))
    site.begin("file:a.zone")
    number = site.same()
    s1.keydist.expect_failure = s2.signer.expect_failure = True
    s1.stop("keydist")
    s1.start("keydist", fail="input-asked:4")
    wait_until(lambda: s1.ctl("zone", "list", check=False).returncode == 0, 20, "keydist answers")
    mark = s2.signer.mark()
    s1.put_zone("a.zone", text(2, large))
    wait_until(lambda: not s1.keydist.running(), 60, "the peer's keydist dies in the middle", every=0.05)
    s1.start("keydist")
    s2.signer.wait_event("event=peer-input %s peer=signer1" % DOT, 60, mark)
    begun = [int(e["there"]) for e in s2.signer.events("event=peer-input-wanted " + DOT, mark)]
    if begun[0] != 0 or any(n < 256 * 1024 for n in begun[1:]) or len(begun) < 2:
        raise Failed("it does not go on where it was: %s" % begun)
    site.wait_all(2)
    # The one that takes it dies.
    mark = s2.signer.mark()
    s2.arm("borrow-got-chunk:3")
    s1.put_zone("a.zone", text(3, large))
    s2.wait_death("borrow-got-chunk", mark)
    s2.start("signer")
    s2.signer.wait_event("event=peer-input %s peer=signer1" % DOT, 60, mark)
    site.wait_all(3)
    if site.same() != number + 2:
        raise Failed("content %d after %d" % (content(s2)[0], number))


@limit(240)
def test_the_newest_is_with_the_dead(lab):
    """One signer publishes a text that the other has not, and dies: the other says what it waits for, and goes on by a word."""
    site = Site(lab, conf={"signer": {"signer": {"peer-input-after-s": 600}}})
    s1, s2 = site.s1, site.s2
    site.cluster.put_zone("a.zone", text(1))
    site.begin("file:a.zone")
    site.wait_all(1)
    number = site.same()
    s1.put_zone("a.zone", text(2))
    wait_until(lambda: "signer signer1 has newer content" in (status(s2)["held"] or ""), 60, "the other has heard of it")
    serial = s1.serial(ZONE)
    s1.kill()
    wait_until(lambda: "signer signer1, which is silent," in (status(s2)["held"] or ""), 60, "it says what it waits for")
    assert "duetctl zone accept-serial %s" % ZONE in status(s2)["held"]
    assert content(s2)[0] == number and shows(s2, 1)
    s2.ctl("zone", "accept-serial", ZONE)
    wait_until(lambda: (s2.serial(ZONE) or 0) > serial, 60, "its own content, above what the dead one had")
    assert shows(s2, 1)
    verify(axfr_file(lab, s2.addr, ZONE), ZONE)


@limit(240)
def test_what_one_alone_had_before_it_was_set_back(lab):
    """A whole host goes back to before its last text, which no source has any more: it says that the content is its own, and goes on by a word."""
    site = Site(lab, conf={"signer": {"signer": {"peer-input-after-s": 600}}})
    s1, s2 = site.s1, site.s2
    site.cluster.put_zone("a.zone", text(1))
    site.begin("file:a.zone")
    site.wait_all(1)
    number = site.same()
    s1.stop()
    copy = lab.path("copy")
    shutil.copytree(s1.state, copy)
    s1.start()
    s1.put_zone("a.zone", text(2))
    wait_until(lambda: "signer signer1 has newer content" in (status(s2)["held"] or ""), 60, "the other has heard of it")
    serial = s1.serial(ZONE)
    s1.kill()
    shutil.rmtree(s1.state)
    shutil.copytree(copy, s1.state)
    s1.put_zone("a.zone", text(1))
    s1.start()
    wait_until(lambda: "its version %d, which it has lost, had newer content" % serial in (status(s1)["held"] or ""), 60,
               "it says that it was its own")
    assert "duetctl zone accept-serial %s" % ZONE in status(s1)["held"]
    assert content(s1)[0] == number
    s1.ctl("zone", "accept-serial", ZONE)
    wait_until(lambda: (s1.serial(ZONE) or 0) > serial, 60, "its own content, above what it had lost")
    site.wait_all(1)
    site.same()
