# SPDX-License-Identifier: BSD-3-Clause
"""AXFR out of one signed zone over loopback: Duet, then NSD, Knot and BIND that have it from Duet, and how fast the same
client takes what needs no server (axfrsource)."""

import base64
import os
import re
import statistics
import subprocess
import time

from benchlib import Stopping, Table, anonymous_kib, judge_served, progress
from duetlab import DNS_PORT, NSD, Bind, Cluster, Failed, Knot, run, wait_until

ZONE, KEY = "bench", "sink."
AT_ONCE = 8
LIMIT_S = 240


class Server:
    def __init__(self, name, addr, port, sink, key=None):
        self.name, self.addr, self.port = name, addr, port
        self.argv = [sink, "-q", "-p", str(port)] + (["-y", key] if key else []) + [addr, ZONE]

    def answers(self):
        try:
            return self.rate() > 0
        except Failed:
            return False

    def rate(self, clients=1):
        """MB/s of all clients together, from the start of the first to the end of the last transfer."""
        begin = time.monotonic()
        running = [subprocess.Popen(self.argv, stdout=subprocess.PIPE, text=True) for _ in range(clients)]
        try:
            out = [p.communicate(timeout=max(1, begin + LIMIT_S - time.monotonic()))[0] for p in running]
        except subprocess.TimeoutExpired:
            for p in running:
                p.kill()
                p.communicate()
            raise Failed("%s took more than %d s" % (self.name, LIMIT_S)) from None
        wall = time.monotonic() - begin
        found = [re.search(r"octets=(\d+).*MB/s=([\d.]+)", o) for o in out]
        if not all(found) or any(p.returncode for p in running):
            raise Failed("no transfer from %s" % self.name)
        return float(found[0].group(2)) if clients == 1 else sum(int(f.group(1)) for f in found) / 1e6 / wall


def rates(ours, others, runs, clients, once):
    """What each did in each run, in turn.  once: of the others only the best runs more than once.  One that fails or takes too
    long is left out."""
    got = {}
    for i in range(runs):
        best = max((s.name for s in others if s.name in got), key=lambda name: got[name][0], default=None)
        for s in ours + [s for s in others if i == 0 or s.name == best or (not once and s.name in got)]:
            if Stopping.asked and i > 0:
                continue
            try:
                rate = s.rate(clients)
            except Failed as e:
                if s in ours:
                    raise
                progress("%s is left out: %s" % (s.name, e))
                got.pop(s.name, None)
                continue
            got.setdefault(s.name, []).append(rate)
            progress("%s, %d at once: %.0f MB/s" % (s.name, clients, rate))
    return got


def signed_everywhere(lab, args):
    """(cluster, secret, secondaries) once all have the signed zone."""
    text = run([os.path.join(args.bench, "zonegen"), "tld", "-n", str(args.n)], timeout=300).stdout
    cluster = Cluster(lab, signers=1, backups=1).init()
    s = cluster.signer1
    peers = [NSD(lab, "nsd", [ZONE], [s.addr]), Knot(lab, "knot", [ZONE], [s.addr]), Bind(lab, "bind", [ZONE], [s.addr])]
    for p in peers:
        cluster.add_secondary(p, of=[s])
    cluster.write_confs()
    cluster.start()
    secret = base64.b64encode(os.urandom(32)).decode()
    s.ctl("tsig", "create", KEY, "--file", lab.write("secret", secret + "\n", 0o600))
    cluster.add_zone(ZONE, text)
    s.ctl("key", "create", ZONE)
    wait_until(lambda: s.signed(ZONE), 900, "the zone is signed")
    for p in peers:
        p.start()
        wait_until(lambda peer=p: peer.signed(ZONE), 900, "%s has the zone" % p.name, every=0.2)
    return cluster, secret, peers


def tables(lab, args):
    sink = os.path.join(args.bench, "axfrsink")
    cluster, secret, peers = signed_everywhere(lab, args)
    s = cluster.signer1
    ours = Server("Duet", s.addr, DNS_PORT, sink)
    octets = int(re.search(r"octets=(\d+)", run([sink, "-p", str(DNS_PORT), s.addr, ZONE], timeout=300).stdout).group(1))
    raw_addr = lab.addr()
    lab.start("axfrsource", [os.path.join(args.bench, "axfrsource"), "-n", str(max(2, octets // 1000000)), raw_addr,
                             str(DNS_PORT), ZONE])
    raw = Server("sending alone", raw_addr, DNS_PORT, sink)
    wait_until(raw.answers, 10, "axfrsource answers")
    others = [Server(p.name, p.addr, p.port, sink) for p in peers]
    with_tsig = Server("Duet with TSIG", s.addr, DNS_PORT, sink, KEY + ":" + secret)
    table = Table("AXFR out of a signed zone of %d delegations, %.1f MB" % (args.n, octets / 1e6),
                  ["server", "clients", "MB/s", "Duet is so many times as fast", "of sending alone"],
                  "Medians, over loopback; client and server share the machine.  TSIG is hmac-sha256, of every message.")
    for clients, named in ((1, "axfr.one"), (AT_ONCE, "axfr.eight")):
        got = rates([raw, ours, with_tsig], others, args.runs, clients, args.big)
        median = {name: statistics.median(r) for name, r in got.items()}
        best = max((o.name for o in others if o.name in got), key=lambda name: median[name], default=None)
        for name, rate in median.items():
            table.add(name + (", the best of the others" if name == best else ""), str(clients), rate, median["Duet"] / rate,
                      rate / median["sending alone"])
        table.figure(named, args.n, got["Duet"], best, got.get(best), alone=got["sending alone"])
        table.figure("axfr.tsig" if clients == 1 else "axfr.eight-tsig", args.n, got[with_tsig.name])
    judge_served(lab, args, cluster, ZONE)
    yield table
    memory = Table("Anonymous memory of a signer that serves the zone, afterwards", ["process", "MiB"])
    mib = [anonymous_kib(pid) / 1024 for pid in (s.signer.popen.pid, s.signer.children()[0])]
    for name, figure in zip(("engine", "net", "both"), mib + [sum(mib)]):
        memory.add(name, figure)
    yield memory


PARTS = {"": tables}
