# SPDX-License-Identifier: BSD-3-Clause
"""duet-sign beside ldns-signzone, dnssec-signzone and kzonesign, file to file, in alternation.

dnssec-verify and kzonecheck judge the output at 100,000 names, or less where the run is smaller.  The raw rate is
that of signatures alone, in as many threads on the same cores, in slices during each run (benchlib.Yardstick)."""

import glob
import os
import re
import shutil
import statistics
import sys

from benchlib import JUDGED, RSA_CODES, Table, Yardstick, alternate, progress, timed, unsteady, zone_text
from duetlab import find_program, run, verify

MODES = {"NSEC": ([], [], []), "NSEC3": (["--nsec3"], ["-n"], ["-3", "-", "-H", "0"]),
         "NSEC3 opt-out": (["--nsec3", "--opt-out"], ["-n", "-p"], ["-3", "-", "-H", "0", "-A"])}
LARGEST_BESIDE = 1000000    # names; beyond them the others would take an hour and all of the memory
LIMIT_S = 900
ALG_TEXT = {8: "rsasha256", 13: "ecdsap256sha256", 15: "ed25519"}


# RSA by the code that OpenSSL takes by itself: on some processors duet-sign has it take another one (duet-sign(1)).
AS_IT_IS = "duet-sign, RSA code of OpenSSL's choice"


class Signers:
    """One input and one key for all; each writes its own output."""

    def __init__(self, lab, zone, text_file, alg):
        self.lab, self.zone, self.input, self.alg, self.yardstick = lab, zone, text_file, alg, None
        self.dir = lab.folder("sign-%s-%d" % (os.path.basename(text_file), alg))
        self.keys = os.path.join(self.dir, "keys")
        os.makedirs(self.keys)
        size = ["-b", "2048"] if alg == 8 else []
        run([find_program("dnssec-keygen"), "-q", "-K", self.keys, "-a", str(alg), "-f", "KSK"] + size + [zone])
        self.key = glob.glob(self.keys + "/*.key")[0][:-4]
        # dnssec-signzone and ldns-signzone want the DNSKEY RRset in the zone or beside it.
        self.with_key = os.path.join(self.dir, "with-key.zone")
        with open(self.with_key, "wb") as out:
            for name in (self.input, self.key + ".key"):
                with open(name, "rb") as f:
                    shutil.copyfileobj(f, out)

    def out(self, who):
        return os.path.join(self.dir, who.replace(" ", "-") + ".signed")

    def timed(self, argv, **how):
        return timed(argv, yardstick=self.yardstick, limit_s=LIMIT_S, **how)

    def duet(self, mode, threads, env=None):
        return self.timed([self.lab.program("duet-sign"), "--zone", self.zone, "--keys", self.keys, "--threads",
                      str(threads), "--stats", "--json"] + MODES[mode][0] + ["--out", self.out("duet-sign"), self.input], env=env)

    def ldns(self, mode):
        return self.timed(["ldns-signzone"] + MODES[mode][1] + ["-o", self.zone, "-f", self.out("ldns-signzone"), self.input,
                                                           self.key])

    def bind(self, mode):
        return self.timed([find_program("dnssec-signzone"), "-P", "-z", "-n", "1"] + MODES[mode][2] +
                     ["-o", self.zone, "-f", self.out("dnssec-signzone"), self.with_key, self.key], cwd=self.dir)

    def knot(self, mode, threads):
        db = os.path.join(self.dir, "kasp")
        shutil.rmtree(db, ignore_errors=True)
        os.makedirs(db)
        conf = os.path.join(self.dir, "knot.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write("""server:
    rundir: "%s"
database:
    storage: "%s"
policy:
  - id: p
    algorithm: %s
    ksk-size: %d
    single-type-signing: on
    signing-threads: %d
    nsec3: %s
    nsec3-iterations: 0
    nsec3-salt-length: 0
    nsec3-opt-out: %s
template:
  - id: default
    dnssec-signing: on
    dnssec-policy: p
    storage: "%s"
zone:
  - domain: %s
    file: "%s"
""" % (db, db, ALG_TEXT[self.alg], 2048 if self.alg == 8 else 256, threads, "on" if "NSEC3" in mode else "off",
                "on" if "opt-out" in mode else "off", self.dir, self.zone, self.input))
        out = os.path.join(self.dir, "knot-out")
        os.makedirs(out, exist_ok=True)
        return self.timed(["kzonesign", "-c", conf, "-o", out, self.zone])

    def verify(self):
        """Judges duet-sign's last output by two programs of others."""
        verify(self.out("duet-sign"), self.zone, tools=("dnssec-verify", "kzonecheck"), timeout=1200)


def count_rrsigs(name, made=None):
    """In a file with one record a line and nothing left out.  RRSIG stands in type bitmaps, too.  made: how many the signer says."""
    with open(name, "rb") as f:
        n = sum(line.split(None, 4)[3] == b"RRSIG" for line in f if b" RRSIG " in line)
    if made is not None and not made <= n <= made + 8:
        sys.exit("bench: %s has %d RRSIGs, and its signer made %d" % (name, n, made))
    return n


def signers_of(lab, args, kind, n, alg):
    return Signers(lab, "bench" if kind == "tld" else "hosts.example",
                   zone_text(args, lab.path("%s-%d.zone" % (kind, n)), kind, n), alg)


def judge(lab, args, kind, n, alg, mode, signers):
    """Signs a zone that is small enough to be verified, if this one is not."""
    if n > JUDGED:
        signers = signers_of(lab, args, kind, JUDGED, alg)
        signers.duet(mode, args.threads)
    progress("verified by others")
    signers.verify()


def programs_of(args, signers, n, mode):
    """What runs in turn: {name: (function that returns a Run, how often)}."""
    two, slow = args.threads, 1 if args.big else args.runs
    programs = {"duet-sign": (lambda: signers.duet(mode, two), args.runs)}
    if signers.alg == 8:
        programs[AS_IT_IS] = (lambda: signers.duet(mode, two, {**os.environ, **RSA_CODES[0]}), args.runs)
    if n <= LARGEST_BESIDE:
        programs["kzonesign"] = (lambda: signers.knot(mode, two), args.runs)
    if n <= LARGEST_BESIDE and not args.best_only:
        programs["dnssec-signzone"] = (lambda: signers.bind(mode), slow)
        programs["ldns-signzone"] = (lambda: signers.ldns(mode), slow)
    return programs


def one_table(lab, args, kind, n, alg, mode):
    progress("%s %d, algorithm %d, %s" % (kind, n, alg, mode))
    signers = signers_of(lab, args, kind, n, alg)
    with Yardstick(args, alg, n) as signers.yardstick:
        programs = programs_of(args, signers, n, mode)
        got = alternate(programs, args.runs)
    table = Table("Signing: %s of %d names, algorithm %d (%s), %s" % (kind, n, alg, ALG_TEXT[alg], mode),
                  ["program", "threads", "wall s", "CPU s", "anonymous MiB", "raw rate meanwhile", "of the raw rate",
                   "times the best peer's speed"],
                  "File to file. Raw rate: signatures a second alone, %d threads: %s. Of the raw rate: RRSIGs a second of wall "
                  "clock, reading and writing included." % (args.threads, signers.yardstick.said()))
    rrsigs = count_rrsigs(signers.out("duet-sign"), int(re.search(r'"made": (\d+)', got["duet-sign"].out).group(1)))
    signers.yardstick = None
    judge(lab, args, kind, n, alg, mode, signers)
    ours, peers = got["duet-sign"], [who for who in programs if who in got and not who.startswith("duet-sign")]
    best = min(peers, key=lambda who: got[who].wall_s, default=None)
    small = min(peers, key=lambda who: got[who].anon_mib, default=None)
    floors = {who: [rrsigs / statistics.mean(r.rates) for r in got[who].each] for who in got}
    for who in got:
        r, of_raw = got[who], statistics.median(f / wall for f, wall in zip(floors[who], got[who].walls()))
        table.add(who, str(1 if who in ("dnssec-signzone", "ldns-signzone") else args.threads), r.wall_s, r.cpu_s, r.anon_mib,
                  statistics.median(r.rates), of_raw, got[best].wall_s / r.wall_s if best else None)
    table.figure("sign.%s.%d.%s" % (kind, alg, mode.lower().replace("nsec3 ", "")), n, ours.walls(), best,
                 got[best].walls() if best else None, floors=floors["duet-sign"], their_floors=floors[best] if best else [],
                 rrsigs=rrsigs, rates=ours.rates, unsteady=unsteady(ours), unsteady_beside=unsteady(ours, got.get(best)),
                 mib=ours.anon_mib, small_peer=small, small_mib=got[small].anon_mib if small else None)
    return table


def part(kind, alg, mode, at_most=None, times=1):
    """A part of the benchmark: one table."""
    def tables(lab, args):
        if times == 1 or args.big:
            yield one_table(lab, args, kind, min(args.n, at_most or args.n) * times, alg, mode)
    return tables


PARTS = {"nsec": part("tld", 13, "NSEC"), "nsec3": part("tld", 13, "NSEC3"), "opt-out": part("tld", 13, "NSEC3 opt-out"),
         "alg15": part("tld", 15, "NSEC", at_most=JUDGED), "alg8": part("tld", 8, "NSEC", at_most=JUDGED),
         "host-nsec": part("host", 13, "NSEC"), "host-nsec3": part("host", 13, "NSEC3"),
         # Ours alone: what memory does at ten times the size.
         "huge": part("tld", 13, "NSEC3", times=10)}
