# SPDX-License-Identifier: BSD-3-Clause
"""Signers that cannot hear each other, for a while: both go on, nothing is bogus, and afterwards they are in step."""

import threading

from duetlab import NSD, Bind, Cluster, Failed, Knot, Unbound, axfr_file, limit, serial_of, small_zone, verify, wait_until
from netns import Net
from steady import Steady, end_all

ZONE, HOSTS, RATE = "example.org", 1000, 20


def content(serial, word):
    return small_zone(ZONE, n=HOSTS, serial=serial, ttl=3, minimum=1, more='word TXT "%s"\n' % word)


def word_of(server):
    r = server.query("word.%s." % ZONE, "TXT", rd=False)
    return r.answer[0][0].strings[0].decode() if r.answer else None


class Serials:
    """Looks at all servers all the time: none may ever show a lower serial than before (RFC 1982)."""

    def __init__(self, servers):
        self.servers, self.last, self.wrong = servers, {}, []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def loop(self):
        while not self.stopping.wait(0.1):
            for name, addr, port in self.servers:
                serial, before = serial_of(addr, ZONE, port, timeout=0.5), self.last.get(name)
                if serial is None:
                    continue
                if before is not None and (serial - before) % (1 << 32) >= 1 << 31:
                    self.wrong.append("%s went from %d to %d" % (name, before, serial))
                self.last[name] = serial

    def stop(self):
        self.stopping.set()
        self.thread.join(30)
        if self.wrong:
            raise Failed("; ".join(self.wrong))


class World:
    """Two signers, a backup, three secondaries in namespaces of their own; a validator for each secondary here."""

    def __init__(self, lab):
        self.lab, self.net = lab, Net(lab)
        reach = {"signer": {"transfer": [{"prefix": "10.53.0.0/24"}]}}
        self.cluster = cluster = Cluster(lab, signers=2, backups=1, conf={"signer": reach})
        for h in cluster.hosts.values():
            self.net.host(h.name, h.addr)
        cluster.init()
        self.s1, self.s2 = cluster.signer1, cluster.signer2
        self.nsd = NSD(lab, "nsd", [ZONE], [self.s1.addr])
        self.knot = Knot(lab, "knot", [ZONE], [self.s2.addr])
        self.bind = Bind(lab, "bind", [ZONE], [self.s1.addr, self.s2.addr], addr=lab.addr())
        self.secondaries = [self.nsd, self.knot, self.bind]
        for peer, of in ((self.nsd, [self.s1]), (self.knot, [self.s2]), (self.bind, [self.s1, self.s2])):
            self.net.host(peer.name, peer.addr)
            cluster.add_secondary(peer, of=of)
        cluster.write_confs()
        cluster.start()

    def serve(self):
        """The zone, signed, at all secondaries; validators that are asked from now on."""
        self.cluster.add_zone(ZONE, content(1, "first"))
        self.s2.ctl("key", "create", ZONE)
        self.cluster.wait_signed(ZONE)
        for s in self.secondaries:
            s.start()
        for s in self.secondaries:
            wait_until(lambda server=s: server.signed(ZONE), 30, "%s serves the signed zone" % s.name)
        anchors = self.cluster.ds(ZONE)
        resolvers = []
        for s in self.secondaries:
            addr = self.net.here(self.lab.addr())
            resolvers.append(Unbound(self.lab, "unbound-" + s.name, {ZONE: (s.addr, s.port)}, anchors, addr=addr).start())
        self.streams = [Steady(s.name, r.addr, r.port, ZONE, HOSTS, RATE).start() for s, r in zip(self.secondaries, resolvers)]
        self.serials = Serials([(x.name, x.addr, getattr(x, "port", 5300)) for x in [self.s1, self.s2] + self.secondaries])
        wait_until(lambda: all(s.answered() > RATE for s in self.streams), 20, "resolvers answer")

    def wait_word(self, servers, word, timeout=30):
        for s in servers:
            wait_until(lambda server=s: word_of(server) == word, timeout, "%s serves %s" % (s.name, word), every=0.05)

    def wait_in_step(self, word):
        """All secondaries serve the newest content, under a serial that a signer has for it.  The signers' own serials
        may differ for the same content: nobody publishes again for the sake of a number."""
        self.wait_word(self.secondaries, word, 60)
        for s in self.secondaries:
            s.wait_serial(ZONE, lambda n: n in (self.s1.serial(ZONE), self.s2.serial(ZONE)), 60)

    def end(self):
        for s in self.secondaries:      # NSD closes connections when it reloads
            path = wait_until(lambda server=s: axfr_file(self.lab, server.addr, ZONE, port=server.port), 30, "AXFR of " + s.name)
            verify(path, ZONE)
        before = [s.answered() for s in self.streams]
        wait_until(lambda: all(s.answered() > b + RATE for s, b in zip(self.streams, before)), 20, "queries go on")
        end_all(self.streams, wrong=Steady.bad)
        self.serials.stop()


@limit(180)
def test_partitions_heal(lab):
    w = World(lab)
    w.serve()
    net, cluster, s1, s2 = w.net, w.cluster, w.s1, w.s2

    # The signers cannot hear each other: what one is told, the other learns through the backup.
    net.cut("signer1", "signer2")
    net.unreachable("signer1", "signer2")
    s1.ctl("zone", "add", "told-one.example", "--source", "file:absent.zone")
    wait_until(lambda: "told-one.example." in s2.ctl("zone", "list").stdout, 20, "signer2 hears through the backup")
    cluster.put_zone(ZONE + ".zone", content(2, "cut"))
    w.wait_in_step("cut")
    net.heal()

    # What signer2 sends does not reach signer1.
    net.deafen("signer1", "signer2")
    s2.ctl("zone", "add", "told-two.example", "--source", "file:absent.zone")
    wait_until(lambda: "told-two.example." in s1.ctl("zone", "list").stdout, 20, "signer1 hears through the backup")
    cluster.put_zone(ZONE + ".zone", content(3, "deaf"))
    w.wait_in_step("deaf")
    net.heal()

    # signer2 hears nobody, nor do its secondaries hear it; both signers' files change, each in its own way.
    net.isolate("signer2")
    net.unreachable("signer2", "vault")
    s1.put_zone(ZONE + ".zone", content(4, "here"))
    s2.put_zone(ZONE + ".zone", content(4, "there"))
    w.wait_word([w.nsd], "here")            # BIND may wait half a minute for what it has asked signer2
    if word_of(w.knot) != "deaf":
        raise Failed("Knot has %s, which nobody can have given it" % word_of(w.knot))
    cluster.put_zone(ZONE + ".zone", content(5, "whole"))
    w.wait_word([w.nsd], "whole")
    net.heal()
    w.wait_in_step("whole")
    w.end()
