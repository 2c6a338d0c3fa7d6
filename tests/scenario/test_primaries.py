# SPDX-License-Identifier: BSD-3-Clause
"""A zone from several primaries, BIND and Knot: the first is dead, lags behind, is first again, sends garbage; in the end all are silent."""

import json
import os
import signal
import socket
import threading

from duetlab import *

ZONE = "example.org"
DOT = "zone=example.org."


def text(n):
    """SOA expire is 20 s, refresh an hour: what comes sooner came by NOTIFY or since it was asked for."""
    return small_zone(ZONE, n=3, serial=n, more="v%d TXT version\n" % n).replace("604800", "20")


class Garbage(threading.Thread):
    """Answers every query over UDP and TCP with octets that are no DNS message but for the ID."""

    def __init__(self, addr, port):
        super().__init__(daemon=True)
        self.udp, self.tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        for s in (self.udp, self.tcp):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((addr, port))
        self.tcp.listen()
        threading.Thread(target=self.streams, daemon=True).start()

    def run(self):
        try:
            while True:
                q, peer = self.udp.recvfrom(4096)
                self.udp.sendto(q[:2] + b"\x84\x00" + b"\xff" * 40, peer)
        except OSError:
            pass        # closed

    def streams(self):
        try:
            while True:
                c, _ = self.tcp.accept()
                with c:
                    q = c.recv(4096)
                    c.sendall(b"\0\x2c" + q[2:4] + b"\x84\x00" + b"\xff" * 40)
        except OSError:
            pass

    def close(self):
        self.udp.close()
        self.tcp.close()


def status(host):
    return json.loads(host.ctl("--json", "zone", "status", ZONE).stdout)


def alone(lab):
    """One signer that no other vouches for, and waits for none."""
    cluster = Cluster(lab, signers=1, backups=0, conf={"signer1": {"node": {"clock": "trust"}}}).init()
    cluster.start()
    cluster.signer1.ctl("policy", "apply", lab.write("policy.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n"))
    return cluster.signer1


@limit(300)
def test_primaries_in_order(lab):
    host = alone(lab)
    log = host.signer
    first = BindPrimary(lab, "first", {ZONE: text(1)}, notify=[Primary(host.addr)])
    second = BindPrimary(lab, "second", {ZONE: text(1)}, notify=[Primary(host.addr)]).start()
    third = KnotPrimary(lab, "third", {ZONE: text(4)})
    at = ["%s#%d" % (p.addr, p.port) for p in (first, second, third)]

    def shows(n, timeout=60):
        wait_until(lambda: "v%d." % n in axfr_text(host.addr, ZONE), timeout, "version %d is published" % n, every=0.1)

    def look():
        """The primaries are asked now, as after each start."""
        host.stop("signer")
        host.start("signer")

    # The first is dead: the second gives the zone, and NOTIFY from it is heard.
    host.ctl("zone", "add", ZONE, "--source", "primary:" + ",".join(at))
    host.ctl("key", "create", ZONE)
    host.signer.wait_event("event=primary-failed %s primary=%s" % (DOT, at[0]), 60)
    host.signer.wait_event("event=input %s serial=1 primary=%s" % (DOT, at[1]), 60)
    wait_until(lambda: host.signed(ZONE), 60, "the zone is served signed")
    second.set_zone(ZONE, text(2))
    second.reload()
    shows(2)
    # The first is back, and lags behind: nobody believes it.
    first.start()
    mark = log.mark()
    look()
    wait_until(lambda: status(host)["error"] is None and host.signed(ZONE), 60, "the signer is back")
    log.wait_event("event=primary-failed %s primary=%s msg=primary's serial 1 lies below 2" % (DOT, at[0]), 60, mark)
    shows(2)
    # It has caught up, and is first again.
    mark = log.mark()
    first.set_zone(ZONE, text(3))
    first.reload()
    log.wait_event("event=input %s serial=3 primary=%s" % (DOT, at[0]), 60, mark)
    shows(3)
    # It answers with what is no DNS, the second is dead: the third has the newest.
    first.kill()
    second.kill()
    garbage = Garbage(first.addr, first.port)
    garbage.start()
    mark = log.mark()
    third.start()
    look()
    log.wait_event("event=primary-failed %s primary=%s" % (DOT, at[0]), 60, mark)
    log.wait_event("event=primary-failed %s primary=%s" % (DOT, at[1]), 60, mark)
    log.wait_event("event=input %s serial=4 primary=%s" % (DOT, at[2]), 60, mark)
    shows(4)
    # Nobody is left: what is published stays, fresh, and after SOA expire an alarm says so.
    third.kill()
    garbage.close()
    mark = log.mark()
    look()
    log.wait_event("event=input-failed " + DOT, 60, mark)
    log.wait_event("event=source-expired " + DOT, 90, mark)
    shows(4)
    host.ctl("zone", "sign", ZONE, "--full")
    verify(axfr_file(lab, host.addr, ZONE), ZONE)
    # The last of them is back.
    mark = log.mark()
    second.set_zone(ZONE, text(9))
    second.start()
    log.wait_event("event=input %s serial=9 primary=%s" % (DOT, at[1]), 60, mark)
    shows(9)
    verify(axfr_file(lab, host.addr, ZONE), ZONE)


class NSDPrimary(Peer):
    """zones: {name: text}; give() rewrites one and has it read."""
    program = "nsd"

    def __init__(self, lab, name, zones, notify=()):
        super().__init__(lab, name)
        self.zones, self.notify = list(zones), [Primary(a) for a in notify]
        for zone, text in zones.items():
            lab.write(os.path.join(self.dir, zone + ".zone"), text)

    def argv(self):
        return ["-d", "-c", self.conf_path()]

    def config(self):
        out = nsd_server(self)
        for zone in self.zones:
            out += ["zone:", '\tname: "%s"' % zone, '\tzonefile: "%s.zone"' % zone, "\toutgoing-interface: " + self.source,
                    "\tprovide-xfr: 127.0.0.0/8 NOKEY"] + ["\tnotify: %s@%d NOKEY" % (m.addr, m.port) for m in self.notify]
        return "\n".join(out) + "\n"

    def give(self, zone, text):
        path = os.path.join(self.dir, zone + ".zone")
        with open(path + ".new", "w") as f:
            f.write(text)
        os.rename(path + ".new", path)
        self.process.send(signal.SIGHUP)


class Closed(BindPrimary):
    """Answers REFUSED: to everything, or to transfers alone."""
    closed = "query"

    def config(self):
        out = super().config().replace("allow-transfer { any; }", "allow-transfer { none; }")
        return out.replace("allow-query { any; }", "allow-query { none; }") if self.closed == "query" else out


@limit(200)
def test_primaries_that_refuse_and_nsd(lab):
    """The first refuses every question, the second every transfer: NSD, the third, gives the zone and its changes; then the second opens."""
    host = alone(lab)
    log = host.signer
    deaf, shut = Closed(lab, "deaf", {ZONE: text(8)}), Closed(lab, "shut", {ZONE: text(9)}, notify=[Primary(host.addr)])
    shut.closed = "transfer"
    nsd = NSDPrimary(lab, "nsd", {ZONE: text(1)}, notify=[host.addr])
    for peer in deaf, shut, nsd:
        peer.start()
    at = ["%s#%d" % (p.addr, p.port) for p in (deaf, shut, nsd)]

    def shows(n):
        wait_until(lambda: "v%d." % n in axfr_text(host.addr, ZONE), 60, "version %d is published" % n, every=0.1)

    host.ctl("zone", "add", ZONE, "--source", "primary:" + ",".join(at))
    host.ctl("key", "create", ZONE)
    log.wait_event("event=primary-failed %s primary=%s msg=primary answers REFUSED to a SOA query;" % (DOT, at[0]), 60)
    said = log.wait_event("event=primary-failed %s primary=%s" % (DOT, at[1]), 60)
    if "REFUSED" not in said["msg"]:
        raise Failed("the second failed otherwise: %s" % said)
    log.wait_event("event=input %s serial=1 primary=%s" % (DOT, at[2]), 60)
    wait_until(lambda: host.signed(ZONE), 60, "the zone is served signed")
    # NSD keeps no differences: asked for one it gives the whole, by its word or once it is asked for that.
    mark = log.mark()
    nsd.give(ZONE, text(2))
    log.wait_event("event=input %s serial=2 primary=%s" % (DOT, at[2]), 60, mark)
    shows(2)
    # Both refuse still; who has the newest is told, and nothing is lost.
    st = status(host)
    if st["error"] is not None:
        raise Failed("a zone that one primary gives is in trouble: %s" % st["error"])
    shut.kill()
    last = BindPrimary(lab, "open", {ZONE: text(9)}, notify=[Primary(host.addr)])
    last.port = shut.port
    mark = log.mark()
    last.start()
    log.wait_event("event=input %s serial=9 primary=%s" % (DOT, at[1]), 60, mark)
    shows(9)
    verify(axfr_file(lab, host.addr, ZONE), ZONE)
