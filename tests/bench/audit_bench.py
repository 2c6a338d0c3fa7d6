# SPDX-License-Identifier: BSD-3-Clause
"""duet-audit over a whole signed zone beside the verifiers of others, in alternation.

In the pipeline duet-audit has the zone, and the one it was made of, as messages of AXFRs; by hand it reads files.  The first is
measured against the rate of verifications alone, in slices during each run (benchlib.Yardstick).  Beside the others it reads
what they read, the signed file and nothing else; with the file it was made of, which no other can compare, it is measured, too."""

import glob
import os
import socket
import statistics
import struct

import results
from benchlib import Table, Yardstick, alternate, timed, unsteady, zone_text
from duetlab import NSD, Failed, find_program, run, wait_until
from goals import Figures
from sign_bench import MODES, count_rrsigs

ZONE = "bench"
LIMIT_S = 600       # at a million names; what takes longer is left out
QUESTION = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\5bench\0" + struct.pack("!HH", 252, 1)


def messages(lab, args, text):
    """The file's zone as messages of an AXFR, by NSD, each behind its length; the path."""
    path, nsd = text + ".axfr", NSD(lab, "nsd-" + os.path.basename(text), [ZONE], [])
    os.makedirs(nsd.dir, exist_ok=True)
    os.symlink(text, os.path.join(nsd.dir, ZONE + ".zone"))
    nsd.start(LIMIT_S)
    wait_until(lambda: nsd.serial(ZONE) is not None, LIMIT_S, "NSD has read %s" % text)
    with socket.create_connection((nsd.addr, nsd.port)) as s, s.makefile("rb") as stream, open(path, "wb") as out:
        s.sendall(struct.pack("!H", len(QUESTION)) + QUESTION)
        numbers = None      # serial to minimum of the SOA that begins; the last message ends with them
        while True:
            length = stream.read(2)
            message = stream.read(struct.unpack("!H", length)[0]) if len(length) == 2 else b""
            if not message:
                raise Failed("the AXFR of %s is not whole" % text)
            out.write(length + message)
            if numbers is not None and message.endswith(numbers):
                break
            if numbers is None:
                numbers = first_soa(message)
    nsd.stop()
    return path


def first_soa(message):
    """The last 20 octets of the first record, which is a SOA without a compressed owner's pointer in its numbers."""
    at = 12
    for _ in range(struct.unpack("!H", message[4:6])[0]):
        at = behind_name(message, at) + 4
    at = behind_name(message, at)
    end = at + 10 + struct.unpack("!H", message[at + 8:at + 10])[0]
    return message[end - 20:end]


def behind_name(message, at):
    while message[at] != 0:
        if message[at] >= 0xc0:
            return at + 2
        at += 1 + message[at]
    return at + 1


class Verifiers:
    """One zone, signed, as file and as messages."""

    def __init__(self, lab, args, mode):
        self.lab, self.args = lab, args
        folder = lab.folder("audit-" + mode.replace(" ", "-"))
        keys = os.path.join(folder, "keys")
        os.makedirs(keys)
        run([find_program("dnssec-keygen"), "-q", "-K", keys, "-a", "13", "-f", "KSK", ZONE])
        self.key = glob.glob(keys + "/*.key")[0]
        self.unsigned = zone_text(args, lab.path("tld-%d.zone" % args.n), "tld", args.n)
        self.signed = os.path.join(folder, "signed.zone")
        timed([lab.program("duet-sign"), "--zone", ZONE, "--keys", keys, "--quiet"] + MODES[mode][0] +
              ["--out", self.signed, self.unsigned])
        self.limit_s = max(60, LIMIT_S * args.n / 1000000)
        self.yardstick = None

    def ours(self, files, fds=()):
        return timed([self.lab.program("duet-audit"), "--zone", ZONE, "--threads", str(self.args.threads)] + files,
                     yardstick=self.yardstick, pass_fds=fds)

    def from_messages(self):
        with open(self.unsigned + ".axfr", "rb") as u, open(self.signed + ".axfr", "rb") as s:
            fds = u.fileno(), s.fileno()
            return self.ours(["fd:%d" % fd for fd in fds], fds)

    def from_file(self):
        return self.ours([self.signed])

    def from_both(self):
        return self.ours([self.unsigned, self.signed])

    def other(self, argv):
        return timed([find_program(argv[0])] + argv[1:] + [self.signed], yardstick=self.yardstick, limit_s=self.limit_s)


# How duet-audit gets the zone, and the figure that says so.
MESSAGES, ALONE, BOTH = "duet-audit, AXFR messages of zone and input", "duet-audit, signed file", "duet-audit, files of zone and input"
FIGURES = ((MESSAGES, "audit.messages."), (ALONE, "audit.file."), (BOTH, "audit.files."))
OTHERS = {"kzonecheck": ["kzonecheck", "-o", ZONE, "-d", "on"], "dnssec-verify": ["dnssec-verify", "-q", "-z", "-o", ZONE],
          "ldns-verify-zone": ["ldns-verify-zone", "-V1"]}


def whole(mode):
    def tables(lab, args):
        yield one_table(lab, args, mode)
    return tables


def best_so_far(args, figure):
    """Who was the best at the size that was measured before and is nearest; dnssec-verify if none was."""
    found = Figures(results.figures(results.load(args.results))).get(figure, args.n)
    return found["peer"] if found else "dnssec-verify"


def one_table(lab, args, mode):
    v = Verifiers(lab, args, mode)
    rrsigs = count_rrsigs(v.signed)
    for text in (v.unsigned, v.signed):
        messages(lab, args, text)
    name = mode.lower().replace(" ", "-")
    best = best_so_far(args, "audit.file." + name)
    others = {who: argv for who, argv in OTHERS.items() if not args.best_only or who == best}
    with Yardstick(args, 13, args.n, verify=True) as v.yardstick:
        got = alternate({MESSAGES: (v.from_messages, args.runs), ALONE: (v.from_file, args.runs), BOTH: (v.from_both, args.runs),
                         **{who: ((lambda argv=argv: v.other(argv)), 1 if args.big and who != best else args.runs)
                            for who, argv in others.items()}},
                        args.runs)
    table = Table("Verifying the whole of a signed zone: tld of %d names, algorithm 13, %s" % (args.n, mode),
                  ["program", "wall s", "CPU s", "anonymous MiB", "raw rate meanwhile", "of the raw rate",
                   "times the wall clock of duet-audit, signed file"],
                  "%d RRSIGs. Raw rate: verifications a second alone, %d threads: %s. The others read the signed file alone, as "
                  "duet-audit does in the row of that name; where it has the input of the zone, it compares. The promise beside the "
                  "others is held against both of its rows from files." % (rrsigs, args.threads, v.yardstick.said()))
    peers = [who for who in others if who in got]
    best = min(peers, key=lambda who: got[who].wall_s, default=None)
    floors = {who: [rrsigs / statistics.mean(r.rates) for r in got[who].each] for who in got}
    for who, r in got.items():
        table.add(who, r.wall_s, r.cpu_s, r.anon_mib, statistics.median(r.rates),
                  statistics.median(f / wall for f, wall in zip(floors[who], r.walls())), r.wall_s / got[ALONE].wall_s)
    for who, figure in FIGURES:
        beside = best if who != MESSAGES else None
        table.figure(figure + name, args.n, got[who].walls(), beside, got[beside].walls() if beside else None,
                     floors=floors[who], their_floors=floors[beside] if beside else [], rrsigs=rrsigs, rates=got[who].rates,
                     unsteady=unsteady(got[who]), unsteady_beside=unsteady(got[who], got.get(beside)), mib=got[who].anon_mib)
    return table


PARTS = {"nsec": whole("NSEC"), "opt-out": whole("NSEC3 opt-out")}
