#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""deploy/demo.py [--programs DIR] [--keep]

Shows Duet's main job on this machine, on loopback addresses, with the name servers of others: two signers and a backup
host are set up, a zone is added on one and gets its key on the other, NSD, Knot and BIND serve it, Unbound validates,
and then a signer dies.  Nothing outside a temporary folder is touched; --keep leaves everything running."""

import argparse
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "scenario"))
sys.dont_write_bytecode = True

from duetlab import (NSD, Bind, Cluster, Failed, Knot, Lab, Skip, Unbound, has_ad, rcode,
                     small_zone, wait_until)    # noqa: E402

ZONE = "example.org"
PICTURE = r"""
        zone file                          zone file
            |                                  |
      +-----v-----+     signed facts     +-----v-----+
      |  signer1  |<--- sealed keys ---->|  signer2  |
      +--+-----+--+         |            +--+-----+--+
         |     |       +----v----+          |     |
         |     |       |  vault  |          |     |
         |     |       +---------+          |     |
         v     +-----------> BIND <---------+     v
        NSD                                      Knot
"""
TTY = sys.stdout.isatty()
started = time.monotonic()


def bold(text):
    return "\033[1m%s\033[0m" % text if TTY else text


def step(text):
    print("\n%s %s" % (bold("%4.1f s" % (time.monotonic() - started)), bold(text)), flush=True)


def show(text):
    for row in text.rstrip().splitlines():
        print("       " + row)
    sys.stdout.flush()


def ctl(host, *args):
    """Runs duetctl on a host; shows the command and, as it comes, what it says."""
    show("%s$ duetctl %s" % (host.name, " ".join(args)))
    with subprocess.Popen(host.ctl_argv(*args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
        for row in p.stdout:
            show("  " + row.rstrip())
    if p.returncode != 0:
        raise Failed("duetctl %s: exit status %d" % (" ".join(args), p.returncode))


def set_up(lab):
    step("three identities and a recovery key")
    cluster = Cluster(lab, signers=2, backups=1).init()
    for h in cluster.hosts.values():
        show("%-8s %s  %s" % (h.name, h.addr, h.line))
    show("%-8s %s" % ("recovery", cluster.recovery_line))
    s1, s2 = cluster.signer1, cluster.signer2
    secondaries = [NSD(lab, "nsd", [ZONE], [s1.addr]), Knot(lab, "knot", [ZONE], [s2.addr]),
                   Bind(lab, "bind", [ZONE], [s1.addr, s2.addr])]
    nsd, knot, bind = secondaries
    cluster.add_secondary(nsd, of=[s1])
    cluster.add_secondary(knot, of=[s2])
    cluster.add_secondary(bind, of=[s1, s2])
    cluster.write_confs()

    step("keydist and signer on signer1 and signer2, backupd on vault; NSD of signer1, Knot of signer2, BIND of both")
    cluster.start()
    for s in secondaries:
        s.start()
    ctl(s1, "node", "list")
    return cluster, secondaries


def sign(cluster, secondaries):
    s1, s2 = cluster.signer1, cluster.signer2
    text = small_zone(ZONE, n=250, ttl=60, minimum=5)
    cluster.put_zone(ZONE + ".zone", text)
    step("a zone of %d records is added on signer1" % (len(text.splitlines()) - 2))
    ctl(s1, "zone", "add", ZONE, "--source", "file:%s.zone" % ZONE)
    cluster.wait_zone(ZONE)
    step("its key is made on signer2: sealed, sent, proven by both signers, stored by the backup")
    ctl(s2, "key", "create", ZONE)
    cluster.wait_signed(ZONE)
    step("both signers sign; the secondaries fetch")
    for s in secondaries:
        wait_until(lambda server=s: server.signed(ZONE), 20, "%s serves %s signed" % (s.name, ZONE))
        show("%-8s serves serial %s, signed" % (s.name, s.serial(ZONE)))
    wait_until(lambda: ready(s1), 30, "the signers know of each other and of their secondaries", every=0.2)
    ctl(s1, "status")


def ready(host):
    """Whether any signer could die now."""
    return host.ctl("drill", "readiness", check=False).returncode == 0


def validate(lab, cluster, secondaries):
    step("Unbound validates with the zone's DS, one resolver in front of each secondary")
    anchors = cluster.ds(ZONE)
    show(anchors[0])
    resolvers = [Unbound(lab, "unbound-" + s.name, {ZONE: (s.addr, s.port)}, anchors).start() for s in secondaries]
    for r, s in zip(resolvers, secondaries):
        show("dig @unbound, which asks only %s:" % s.name)
        for name, rdtype, what in (("host7", "A", "an address"), ("any.wild", "TXT", "from a wildcard"),
                                   ("no-such-name", "A", "a name that does not exist"),
                                   ("host7", "MX", "a type that does not exist")):
            answer = r.query("%s.%s." % (name, ZONE), rdtype)
            if not has_ad(answer):
                raise Failed("%s %s through %s is not validated: %s" % (name, rdtype, s.name, answer))
            data = [str(x[0]) for x in answer.answer[:1]]
            show("  %-13s %-4s %-9s flags: %-12s %-18s ; %s" % (
                name, rdtype, rcode(answer), flags(answer), " ".join(data) or "(no data)", what))
    return resolvers


def flags(answer):
    words = [w for w in ("qr", "rd", "ra", "ad") if answer.flags & {"qr": 0x8000, "rd": 0x100, "ra": 0x80, "ad": 0x20}[w]]
    return " ".join(words)


class Supervisor:
    """What systemd does on a real host: starts a daemon again."""

    def __init__(self, host):
        self.host = host

    def check(self):
        for short, p in self.host.procs.items():
            if not p.running():
                p.start()
                show("(supervisor: %s of %s starts again)" % (short, self.host.name))


def drill(cluster):
    step("failover drill: signer1 stops answering, a change is made, who gets it?")
    ctl(cluster.signer2, "drill", "readiness")
    show("(BIND asks signer1 first and gives it 30 s before it turns to signer2; a dead host's silence costs as much)")
    ctl(cluster.signer2, "drill", "failover", "--node", "signer1")


def crash(cluster, secondaries, resolvers):
    """kill -9 of a whole signer host while the zone changes."""
    s1, s2 = cluster.signer1, cluster.signer2
    nsd, knot, bind = secondaries
    step("now for real: kill -9 of everything on signer1, and the zone changes")
    before = s2.serial(ZONE)
    s1.kill()
    text = small_zone(ZONE, n=250, ttl=60, minimum=5, more="drill TXT \"made while signer1 was dead\"\n")
    changed = time.monotonic()
    cluster.put_zone(ZONE + ".zone", text)
    for s in (knot, bind):
        serial = s.wait_serial(ZONE, lambda now: now != before, 20)
        show("%-8s has the change, serial %s, after %.1f s" % (s.name, serial, time.monotonic() - changed))
    for r, s in zip(resolvers[1:], (knot, bind)):
        answer = r.query("drill.%s." % ZONE, "TXT")
        show("%-8s through Unbound: %s, flags: %s" % (s.name, answer.answer[0][0], flags(answer)))
    answer = resolvers[0].query("host99.%s." % ZONE, "A")
    show("%-8s knows only signer1, has serial %s, still valid: flags: %s" % (nsd.name, nsd.serial(ZONE), flags(answer)))
    step("signer1 comes back")
    back = time.monotonic()
    Supervisor(s1).check()
    wait_until(lambda: nsd.query("drill.%s." % ZONE, "TXT").answer, 30, "NSD has the change")
    show("%-8s has the change, serial %s, %.1f s after the start" % (nsd.name, nsd.serial(ZONE), time.monotonic() - back))
    wait_until(lambda: s1.serial(ZONE) and s1.serial(ZONE) == s2.serial(ZONE), 30, "the signers agree again")
    ctl(s1, "status")


def try_next(lab, cluster, keep):
    step("what to try next" if not keep else "all of it goes on running; stop it with Ctrl-C")
    show("""sh deploy/demo --keep       leaves the two signers and all name servers running, to look around:
  duetctl -c %s/signer1/etc/duet.yaml status --facts
  edit the zone files in signer1/zones and signer2/zones, and watch log/
sh deploy/check             every test, with sanitizers
docs/deploy.md              two signer hosts and a backup host from bare Debian
docs/secondaries.md         which secondary asks which signer, and what a failover means for it""" % (
        lab.dir if keep else "FOLDER"))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--programs", default=os.path.join(ROOT, "build", "bin"))
    ap.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    args = ap.parse_args()
    print(bold("Duet") + ": two signers, one set of keys, nobody leads.")
    print(PICTURE)
    lab = Lab(programs=os.path.abspath(args.programs))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with lab:
            cluster, secondaries = set_up(lab)
            sign(cluster, secondaries)
            resolvers = validate(lab, cluster, secondaries)
            drill(cluster)
            crash(cluster, secondaries, resolvers)
            try_next(lab, cluster, args.keep)
            if args.keep:
                show("folder: " + lab.dir)
                signal.pause()
    except KeyboardInterrupt:
        lab.remove()
    except (Failed, Skip) as e:
        print("\ndemo: %s\ndemo: logs are kept in %s" % (e, lab.dir), file=sys.stderr)
        return 1
    print("\ndone in %.0f s; nothing is left behind" % (time.monotonic() - started))
    return 0


if __name__ == "__main__":
    sys.exit(main())
