# SPDX-License-Identifier: BSD-3-Clause
"""A zone from several primaries, BIND and Knot: the first is dead, lags behind, is first again, sends garbage; in the end all are silent."""

import json
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


@limit(300)
def test_primaries_in_order(lab):
    cluster = Cluster(lab, signers=1, backups=0, conf={"signer1": {"node": {"clock": "trust"}}}).init()
    host = cluster.signer1
    cluster.start()
    log = host.signer
    host.ctl("policy", "apply", lab.write("policy.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n"))
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
