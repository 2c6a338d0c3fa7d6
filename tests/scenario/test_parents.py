# SPDX-License-Identifier: BSD-3-Clause
"""The parent: its DS counts when all its servers show it, and it is told which DS a zone wants, by hook, webhook and UPDATE."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import select
import socket
import threading

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from duetlab import *

ZONE = "example.org"
DOT = "zone=example.org."
PARENT = "@ 60 SOA ns.org. h.org. 1 3600 600 86400 30\n@ 60 NS ns\nns 60 A 127.0.0.1\nexample 60 NS ns.example\n" \
         "ns.example 60 A 127.0.0.1\n"
DS = "example 60 DS %d 13 2 " + "AB" * 32


def parent_text():
    return "$ORIGIN org.\n" + PARENT


def one_signer(lab, signer=None, keydist=None, more=None):
    """One node without backups that signs ZONE at once."""
    cluster = Cluster(lab, signers=1, backups=0).init()
    host = cluster.signer1
    host.conf["signer"].update(signer or {})
    host.conf["keydist"].update(keydist or {})
    host.conf.update(more or {})
    cluster.write_confs()
    cluster.start()
    lab.write("fast.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n")
    host.ctl("policy", "apply", lab.path("fast.yaml"))
    cluster.add_zone(ZONE, small_zone(ZONE, n=2))
    host.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    return cluster, host


def row(*servers, **more):
    return dict({"zone": "org", "servers": ["%s#%d" % (p.addr, p.port) for p in servers], "validate": False}, **more)


def at(server):
    return "address=%s#%d" % (server.addr, server.port)


def ds_lines(host):
    out = host.ctl("key", "ds", ZONE, check=False).stdout
    return [" ".join(line.split()) for line in out.splitlines() if " DS " in " ".join(line.split())]


@limit(120)
def test_a_ds_counts_when_all_servers_of_the_parent_show_it(lab):
    bind = BindPrimary(lab, "bind", {"org": parent_text()}, dynamic=True).start()
    knot = KnotPrimary(lab, "knot", {"org": parent_text()}).start()
    cluster, s1 = one_signer(lab, {"parents": [row(bind, knot)], "look-interval-s": 1})
    log = s1.keydist
    log.wait_event("event=parent-agrees %s ds=0" % DOT, 20)
    # Of one server only: it does not count.
    mark = log.mark()
    bind.update("org", add=[DS % 4711])
    log.wait_event("event=parent-shows %s %s ds=1" % (DOT, at(bind)), 20, mark)
    # It names no key: an alarm.
    log.wait_event("event=ds-unknown %s tag 4711," % DOT, 20, mark)
    again = log.mark()
    knot.stop()
    log.wait_event("event=look-failed %s %s outcome=timeout" % (DOT, at(knot)), 20, mark)
    if log.count("event=parent-agrees %s" % DOT, mark):
        raise Failed("one server of two was enough")
    knot.start()
    log.wait_event("event=parent-shows %s %s ds=0" % (DOT, at(knot)), 20, 0)
    knot.update("org", add=[DS % 4711])
    log.wait_event("event=parent-agrees %s ds=1" % DOT, 20, again)
    # So many that UDP truncates them.
    mark = log.mark()
    for p in bind, knot:
        p.update("org", add=[DS % i for i in range(1, 31)])
    log.wait_event("event=parent-agrees %s ds=31" % DOT, 20, mark)
    # A server that is not the parent's.
    mark = log.mark()
    s1.conf["signer"]["parents"] = [row(bind, s1_as_server(s1))]
    s1.write_conf()
    s1.ctl("reload")
    log.wait_event("event=look-failed %s %s" % (DOT, at(s1_as_server(s1))), 20, mark)
    if log.count("event=parent-agrees", mark):
        raise Failed("a child's own server was taken for the parent's")


def s1_as_server(host):
    class Own:
        addr, port = host.addr, DNS_PORT
    return Own


class Receiver(http.server.BaseHTTPRequestHandler):
    """A webhook's other end: refuses the first, takes the second when it is late, and remembers all."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers, body))
        if len(self.server.got) == 2:
            self.server.late.wait()
        self.send_response(500 if len(self.server.got) == 1 else 204)
        self.end_headers()

    def log_message(self, *args):
        pass


def runners(lab, host):
    """duet-hook and duet-fetch of a host, with a folder for hooks."""
    hooks = lab.folder("hooks")
    host.conf["hook"] = {"socket": host.run_dir + "/hook.sock", "dir": hooks}
    host.conf["fetch"] = {"socket": host.run_dir + "/fetch.sock"}
    return hooks


def start_runners(lab, host):
    for name in "duet-hook", "duet-fetch":
        lab.start(name, [lab.program(name), "-c", host.yaml]).wait_event("event=ready", 20)


def script(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)


@limit(120)
def test_the_parent_is_told_until_it_has_understood(lab):
    """A hook that fails, then hangs and will not end, then says yes once its time is over, then is well; a webhook that answers 500, then too late; an UPDATE with TSIG to
    BIND."""
    secret = base64.b64encode(b"k" * 32).decode()
    bind = BindPrimary(lab, "bind", {"org": parent_text()}, keys={"up": secret}, update_key="up").start()
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    web.got, web.late = [], threading.Event()
    threading.Thread(target=web.serve_forever, daemon=True).start()
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1 = cluster.signer1
    hooks = runners(lab, s1)
    out = lab.path("told")
    script(hooks, "ds", "n=$(cat %s.n 2>/dev/null || echo 0); echo $((n+1)) >%s.n\n[ $n = 0 ] && exit 1\n"
           "[ $n = 1 ] && trap '' TERM && sleep 1000\n"
           "[ $n = 2 ] && { trap 'exit 0' TERM; sleep 1000 & wait; }\n(echo $DUET_ZONE $DUET_PARENT $DUET_DS_COUNT; cat) >%s\n" % (out, out, out))
    lab.write("secret", "hush\n", mode=0o600)
    s1.conf["signer"].update({"parents": [row(bind)], "look-interval-s": 1})
    s1.conf["keydist"]["tell-parents"] = [{
        "zone": "org", "hook": "ds", "limit-s": 4, "webhook": "http://127.0.0.1:%d/ds?token=x" % web.server_port,
        "webhook-secret": lab.path("secret"), "update": ["%s#%d" % (bind.addr, bind.port)], "update-key": "up"}]
    cluster.write_confs()
    start_runners(lab, s1)
    cluster.start()
    lab.write("wrong", base64.b64encode(b"w" * 32).decode(), mode=0o600)
    lab.write("right", secret + "\n", mode=0o600)
    s1.ctl("tsig", "create", "up", "--file", lab.path("wrong"))
    lab.write("fast.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n")
    s1.ctl("policy", "apply", lab.path("fast.yaml"))
    cluster.add_zone(ZONE, small_zone(ZONE, n=2))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    log = s1.keydist
    log.wait_event("event=parent-wanted %s ds=1" % DOT, 20)
    # UPDATE: refused under a wrong key, taken under the right one; then the look shows what was put there.
    log.wait_event("event=parent-not-told %s by=update" % DOT, 20)
    s1.ctl("tsig", "create", "up", "--file", lab.path("right"))
    log.wait_event("event=parent-told %s by=update" % DOT, 30)
    log.wait_event("event=parent-agrees %s ds=1" % DOT, 30)
    if log.count("event=ds-unknown"):
        raise Failed("the DS that was put there is not known")
    # The hook.
    log.wait_event("event=parent-not-told %s by=hook msg=exit code" % DOT, 20)
    wait_until(lambda: log.count("event=parent-not-told %s by=hook msg=timeout:" % DOT) == 2, 30, "two that take too long are refused")
    log.wait_event("event=parent-told %s by=hook" % DOT, 30)
    if log.count("event=parent-told %s by=hook" % DOT) != 1:
        raise Failed("an answer that came too late counted")
    with open(out) as f:
        first, *lines = f.read().splitlines()
    want = ds_lines(s1)
    if first != "example.org. org. 1" or len(lines) != 1 or lines[0].split()[-1] != want[0].split()[-1]:
        raise Failed("the hook got %s %s, want %s" % (first, lines, want))
    # The webhook, signed.
    log.wait_event("event=parent-not-told %s by=webhook msg=HTTP status" % DOT, 20)
    log.wait_event("event=parent-not-told %s by=webhook msg=timeout:" % DOT, 20)
    web.late.set()
    log.wait_event("event=parent-told %s by=webhook" % DOT, 30)
    if log.count("event=parent-told %s by=webhook" % DOT) != 1 or len(web.got) != 3:
        raise Failed("an answer that came too late counted: %d were posted" % len(web.got))
    for headers, body in web.got:
        t, mac = (w.split("=", 1)[1] for w in headers["X-Duet-Signature"].split(","))
        if hmac.new(b"hush", t.encode() + b"." + body, hashlib.sha256).hexdigest() != mac:
            raise Failed("a webhook's signature is wrong")
    word = json.loads(web.got[-1][1])
    if word["zone"] != "example.org." or word["ds"].split()[-1] != want[0].split()[-1]:
        raise Failed("the webhook got %s" % word)
    # Who has understood is told no more after a restart; a webhook that is another one has understood nothing yet.
    got, mark = len(web.got), log.mark()
    s1.stop("keydist")
    s1.conf["keydist"]["tell-parents"][0]["webhook"] += "y"
    cluster.write_confs()
    s1.start("keydist")
    s1.keydist.wait_event("event=parent-told %s by=webhook" % DOT, 30, since=mark)
    with open(out + ".n") as f:
        hooks_run = int(f.read())
    if len(web.got) != got + 1 or hooks_run != 4 or s1.keydist.count("event=parent-told %s by=update" % DOT, mark):
        raise Failed("the parent was told again after a restart: %d hooks, %d webhooks" % (hooks_run, len(web.got) - got))


class FoundThrough(threading.Thread):
    """A resolver that knows `names` name servers of org, each with an address of its own in this lab, which answers too."""

    def __init__(self, lab, names):
        super().__init__(daemon=True)
        self.names, self.addr, self.port = names, lab.addr(), 5300
        self.servers = [lab.addr() for _ in range(min(names, 3))]
        self.mangle = False
        self.sockets = []
        for addr, port in [(self.addr, self.port)] + [(s, 53) for s in self.servers]:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind((addr, port))
            self.sockets.append(s)

    def run(self):
        while True:
            for s in select.select(self.sockets, [], [])[0]:
                wire, peer = s.recvfrom(4096)
                s.sendto(self.answer(dns.message.from_wire(wire), s is self.sockets[0]), peer)

    def answer(self, q, resolver):
        r, asked = dns.message.make_response(q), q.question[0]
        name, kind = asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype)
        rows = []
        if resolver and kind == "NS" and name == "org.":
            rows = ["ns%d.org." % i for i in range(self.names)]
        elif resolver and kind == "A" and name.startswith("ns"):
            rows = [self.servers[int(name[2:].split(".")[0]) % len(self.servers)]]
        if resolver:
            r.flags |= dns.flags.RA
        else:
            r.flags |= dns.flags.AA
            r.authority.append(dns.rrset.from_text("org.", 2, "IN", "SOA", "ns.org. h.org. 1 3600 600 86400 2"))
        if rows:
            r.answer.append(dns.rrset.from_text(name, 2, "IN", kind, *rows))
        wire = r.to_wire()
        # The last address has three octets.
        return wire[:-6] + b"\0\3" + wire[-4:-1] if self.mangle and kind == "A" and rows else wire


@limit(90)
def test_parents_are_found_through_a_resolver_whole_or_not_at_all(lab):
    """All servers that the resolver names count; with a record that is none, or with more servers than are looked at, nothing
    does."""
    for names, mangle in (2, False), (2, True), (40, False):
        through = FoundThrough(lab, names)
        through.mangle = mangle
        through.start()
        folder = Lab(lab.folder("with%d%s" % (names, "x" if mangle else "")))
        with folder:
            cluster, s1 = one_signer(folder, {"parents": [{"zone": "org", "validate": False}], "look-interval-s": 1,
                                                "resolvers": ["%s#5300" % through.addr]})
            if names == 2 and not mangle:
                s1.signer.wait_event("event=parent parent=org. servers=2 whole=yes", 20)
                s1.keydist.wait_event("event=parent-agrees %s ds=0" % DOT, 20)
                continue
            s1.signer.wait_event("event=parent parent=org. whole=no", 20)
            if not mangle:      # those that it does look at have all shown the same
                wait_until(lambda: s1.keydist.count("event=parent-shows") == 3, 20, "three servers were looked at")
            if s1.keydist.count("event=parent-agrees") or s1.signer.count("whole=yes"):
                raise Failed("%d servers, mangled %s: counted as all of the parent" % (names, mangle))
