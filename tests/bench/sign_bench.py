# SPDX-License-Identifier: BSD-3-Clause
"""duet-sign beside ldns-signzone, dnssec-signzone and kzonesign, file to file, in alternation.

Every output of a run at up to 100,000 names is judged by dnssec-verify and one more verifier.  The raw rate is that of
signatures alone by OpenSSL's EVP_PKEY_sign, or libsodium's Ed25519, in as many threads on the same cores; it is taken in
turn with the programs."""

import glob
import os
import re
import shutil
import statistics

from benchlib import Table, alternate, progress, timed
from duetlab import find_program, run

MODES = {"NSEC": ([], [], []), "NSEC3": (["--nsec3"], ["-n"], ["-3", "-", "-H", "0"]),
         "NSEC3 opt-out": (["--nsec3", "--opt-out"], ["-n", "-p"], ["-3", "-", "-H", "0", "-A"])}
ALG_TEXT = {8: "rsasha256", 13: "ecdsap256sha256", 15: "ed25519"}


class Signers:
    """One input and one key for all; each writes its own output."""

    def __init__(self, lab, zone, text_file, alg, threads):
        self.lab, self.zone, self.input, self.alg, self.threads = lab, zone, text_file, alg, threads
        self.dir = lab.folder("sign-%s-%d" % (zone, alg))
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

    def duet(self, mode, threads):
        return timed([self.lab.program("duet-sign"), "--zone", self.zone, "--keys", self.keys, "--threads",
                      str(threads)] + MODES[mode][0] + ["--out", self.out("duet-sign"), self.input])

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
        run([find_program("dnssec-verify"), "-z", "-o", self.zone, self.out("duet-sign")], timeout=1200)
        if "opt-out" in mode:       # ldns-verify-zone complains about delegations that are opted out
            run(["kzonecheck", "-d", "on", "-o", self.zone, self.out("duet-sign")], timeout=1200)
        else:
            run(["ldns-verify-zone", self.out("duet-sign")], timeout=1200)


def count_rrsigs(name):
    n = 0
    with open(name, "rb") as f:
        for line in f:
            n += b"RRSIG" in line and re.search(rb"\sRRSIG\s", line) is not None
    return n


class RawRate:
    """Signatures a second, all threads together; the median of the runs."""

    def __init__(self, args, alg):
        self.argv = [os.path.join(args.bench, "rawrate"), "-t", str(args.threads), "-s", "1", str(alg)]
        self.rates = []

    def run(self):
        r = timed(self.argv)
        self.rates.append(float(re.search(r"signatures_s=([\d.]+)", r.out).group(1)))
        return r

    def median(self):
        return statistics.median(self.rates)


def one_table(lab, args, kind, n, alg, modes):
    zone = "bench" if kind == "tld" else "hosts.example"
    text = lab.path("%s-%d.zone" % (kind, n))
    if not os.path.exists(text):
        with open(text, "wb") as f:
            timed([os.path.join(args.bench, "zonegen"), kind, "-n", str(n)], stdout=f)
    table = Table("Signing: %s of %d names, algorithm %d (%s)" % (kind, n, alg, ALG_TEXT[alg]),
                  ["program", "denial", "threads", "wall s", "CPU s", "anonymous MiB", "times the best peer's speed",
                   "of the raw rate"],
                  "File to file.  Of the raw rate: RRSIGs a second of wall clock, reading and writing included, divided by the "
                  "rate at which %d threads make such signatures alone, in this run." % args.threads)
    signers = Signers(lab, zone, text, alg, args.threads)
    two = args.threads
    for mode in modes:
        progress("%s %d, algorithm %d, %s" % (kind, n, alg, mode))
        slow = 1 if args.big else args.runs
        programs = {"duet-sign": (lambda m=mode: signers.duet(m, two), args.runs),
                    "kzonesign": (lambda m=mode: signers.knot(m, two), args.runs)}
        if not args.best_only:
            programs["dnssec-signzone"] = (lambda m=mode: signers.bind(m), slow)
            programs["ldns-signzone"] = (lambda m=mode: signers.ldns(m), slow)
        raw = RawRate(args, alg)
        got = alternate({"raw rate": raw.run, **programs, "raw rate again": raw.run}, args.runs)
        if n <= 100000:
            signers.verify(mode)
        floor = count_rrsigs(signers.out("duet-sign")) / raw.median()
        best = min(got[who].wall_s for who in programs if who != "duet-sign")
        for who in programs:
            r = got[who]
            threads = two if who in ("duet-sign", "kzonesign") else 1
            table.add(who, mode, str(threads), r.wall_s, r.cpu_s, r.anon_mib, best / r.wall_s, floor / r.wall_s)
    return table


def tables(lab, args):
    yield one_table(lab, args, "tld", args.n, 13, list(MODES))
    small = min(args.n, 100000)
    yield one_table(lab, args, "tld", small, 15, ["NSEC"])
    # RSA is a fifth of that, lest ldns-signzone and dnssec-signzone, with their one thread, take minutes a run.
    yield one_table(lab, args, "tld", max(small // 5, 50), 8, ["NSEC"])
    yield one_table(lab, args, "host", args.n, 13, ["NSEC", "NSEC3"])
