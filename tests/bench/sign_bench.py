# SPDX-License-Identifier: BSD-3-Clause
"""duet-sign beside ldns-signzone, dnssec-signzone and kzonesign, file to file, in alternation.

dnssec-verify and one more verifier judge the output at 100,000 names, or less where the run is smaller.  The raw rate is
that of signatures alone by OpenSSL's EVP_PKEY_sign, or libsodium's Ed25519, in as many threads on the same cores; it is taken
right before and after each run of duet-sign."""

import glob
import os
import re
import shutil
import statistics

from benchlib import JUDGED, Table, alternate, progress, timed, zone_text
from duetlab import find_program, run, verify

MODES = {"NSEC": ([], [], []), "NSEC3": (["--nsec3"], ["-n"], ["-3", "-", "-H", "0"]),
         "NSEC3 opt-out": (["--nsec3", "--opt-out"], ["-n", "-p"], ["-3", "-", "-H", "0", "-A"])}
LARGEST_BESIDE = 1000000    # names; beyond them the others would take an hour and all of the memory
ALG_TEXT = {8: "rsasha256", 13: "ecdsap256sha256", 15: "ed25519"}


# RSA by OpenSSL's AVX2 code, which it takes only where there is no ADX: faster on some processors (duet-sign(1)).
WITHOUT_ADX, NO_ADX = "duet-sign, OpenSSL without ADX", {"OPENSSL_ia32cap": ":~0x80000"}


class Signers:
    """One input and one key for all; each writes its own output."""

    def __init__(self, lab, zone, text_file, alg, threads):
        self.lab, self.zone, self.input, self.alg, self.threads = lab, zone, text_file, alg, threads
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

    def duet(self, mode, threads, env=None):
        return timed([self.lab.program("duet-sign"), "--zone", self.zone, "--keys", self.keys, "--threads",
                      str(threads)] + MODES[mode][0] + ["--out", self.out("duet-sign"), self.input], env=env)

    def ldns(self, mode):
        return timed(["ldns-signzone"] + MODES[mode][1] + ["-o", self.zone, "-f", self.out("ldns-signzone"), self.input,
                                                           self.key])

    def bind(self, mode):
        return timed([find_program("dnssec-signzone"), "-P", "-z", "-n", "1"] + MODES[mode][2] +
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
        return timed(["kzonesign", "-c", conf, "-o", out, self.zone])

    def verify(self, mode):
        """Judges duet-sign's last output by two programs of others."""
        # ldns-verify-zone complains about delegations that are opted out.
        other = "kzonecheck" if "opt-out" in mode else "ldns-verify-zone"
        verify(self.out("duet-sign"), self.zone, tools=("dnssec-verify", other), timeout=1200)


def count_rrsigs(name):
    n = 0
    with open(name, "rb") as f:
        for line in f:
            n += b"RRSIG" in line and re.search(rb"\sRRSIG\s", line) is not None
    return n


class RawRate:
    """Signatures a second, all threads together, before and after each run of duet-sign: a machine has fast and slow minutes,
    and a run is measured by those around it."""

    def __init__(self, args, alg):
        self.argv = [os.path.join(args.bench, "rawrate"), "-t", str(args.threads), "-s", "0.1" if args.smoke else "3", str(alg)]
        self.rates = []

    def run(self):
        r = timed(self.argv)
        self.rates.append(float(re.search(r"signatures_s=([\d.]+)", r.out).group(1)))
        return r

    def floors(self, rrsigs):
        """Seconds that the signatures alone take, for each run of duet-sign."""
        return [rrsigs / statistics.mean(self.rates[i:i + 2]) for i in range(0, len(self.rates), 2)]


def signers_of(lab, args, kind, n, alg):
    return Signers(lab, "bench" if kind == "tld" else "hosts.example",
                   zone_text(args, lab.path("%s-%d.zone" % (kind, n)), kind, n), alg, args.threads)


def judge(lab, args, kind, n, alg, mode, signers):
    """Signs a zone that is small enough to be verified, if this one is not."""
    if n > JUDGED:
        signers = signers_of(lab, args, kind, JUDGED, alg)
        signers.duet(mode, args.threads)
    progress("verified by others")
    signers.verify(mode)


def one_table(lab, args, kind, n, alg, mode):
    table = Table("Signing: %s of %d names, algorithm %d (%s), %s" % (kind, n, alg, ALG_TEXT[alg], mode),
                  ["program", "threads", "wall s", "CPU s", "anonymous MiB", "times the best peer's speed", "of the raw rate"],
                  "File to file.  Of the raw rate: RRSIGs a second of wall clock, reading and writing included, divided by the "
                  "rate at which %d threads make such signatures alone, for 3 s before and 3 s after each run of duet-sign." %
                  args.threads)
    signers, two = signers_of(lab, args, kind, n, alg), args.threads
    progress("%s %d, algorithm %d, %s" % (kind, n, alg, mode))
    slow = 1 if args.big else args.runs
    programs, raw = {"duet-sign": (lambda: signers.duet(mode, two), args.runs)}, RawRate(args, alg)
    around = {"raw rate": raw.run, **programs, "raw rate again": raw.run}
    if alg == 8:
        programs[WITHOUT_ADX] = (lambda: signers.duet(mode, two, {**os.environ, **NO_ADX}), args.runs)
    if n <= LARGEST_BESIDE:
        programs["kzonesign"] = (lambda: signers.knot(mode, two), args.runs)
    if n <= LARGEST_BESIDE and not args.best_only:
        programs["dnssec-signzone"] = (lambda: signers.bind(mode), slow)
        programs["ldns-signzone"] = (lambda: signers.ldns(mode), slow)
    got = alternate({**around, **programs}, args.runs)
    rrsigs = count_rrsigs(signers.out("duet-sign"))
    judge(lab, args, kind, n, alg, mode, signers)
    floors, peers = raw.floors(rrsigs), [who for who in programs if not who.startswith("duet-sign")]
    floor = statistics.median(floors)
    rate = {who: floor / got[who].wall_s for who in programs}
    rate["duet-sign"] = statistics.median(f / wall for f, wall in zip(floors, got["duet-sign"].walls()))
    best = min(peers, key=lambda who: got[who].wall_s, default=None)
    small = min(peers, key=lambda who: got[who].anon_mib, default=None)
    for who in programs:
        r = got[who]
        table.add(who, str(1 if who in ("dnssec-signzone", "ldns-signzone") else two), r.wall_s, r.cpu_s, r.anon_mib,
                  got[best].wall_s / r.wall_s if best else None, rate[who])
    table.figure("sign.%s.%d.%s" % (kind, alg, mode.lower().replace("nsec3 ", "")), n, got["duet-sign"].walls(), best,
                 got[best].walls() if best else None, floor_s=floor, rrsigs=rrsigs, raw_rates=raw.rates, mib=got["duet-sign"].anon_mib,
                 small_peer=small, small_mib=got[small].anon_mib if small else None)
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
