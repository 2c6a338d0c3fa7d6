# SPDX-License-Identifier: BSD-3-Clause
"""What must be shown: one row for each promise about speed and size, made of the figures that the sections measured."""

import statistics

MILLION, HUGE, MEDIUM, FARM = 1000000, 10000000, 100000, 10000
BATTERY = ("nsec", "nsec3", "opt-out")


class Figures:
    """The figures of all runs, by name and size of zone.  Where the size that is asked for was not measured, the one that
    is nearest stands in, and is said."""

    def __init__(self, figures):
        self.by_name = {}
        for f in figures:
            self.by_name.setdefault(f["name"], {})[f["names"]] = f

    def get(self, name, names):
        sizes = self.by_name.get(name, {})
        return sizes.get(min(sizes, key=lambda n: abs(n - names))) if sizes else None

    def exactly(self, name, names):
        return self.by_name.get(name, {}).get(names)


class Shown:
    """runs: the measure of each run; beside: what a peer or another size had, in words; unsteady: the machine's speed changed."""

    def __init__(self, runs, names, beside="", ratio=None, value=None, unsteady=False):
        self.runs, self.names, self.beside, self.ratio, self.unsteady = runs, names, beside, ratio, unsteady
        self.value = statistics.median(runs) if value is None else value


class Goal:
    """One row.  least or most: the bound, in `unit`; names: of the zone that the promise is about; of: Figures to Shown
    or None."""

    def __init__(self, what, unit, names, of, least=None, most=None):
        self.what, self.unit, self.names, self.of, self.least, self.most = what, unit, names, of, least, most

    def bound(self):
        return "≥ %g" % self.least if self.least is not None else "≤ %g" % self.most

    def reached(self, shown):
        return shown.value >= self.least if self.least is not None else shown.value <= self.most


def pairs(f, up):
    """How many times as good as the peer, run by run; the peer's median where it had other runs than we."""
    theirs = f["theirs"] if len(f["theirs"]) == len(f["runs"]) else [statistics.median(f["theirs"])] * len(f["runs"])
    return [o / t if up else t / o for o, t in zip(f["runs"], theirs)]


def beside(f, unit):
    return "%s %.3g %s" % (f["peer"], statistics.median(f["theirs"]), unit) if f["theirs"] else ""


def ratio(f, up):
    """Of the medians; None without a peer."""
    if not f["theirs"]:
        return None
    ours, theirs = statistics.median(f["runs"]), statistics.median(f["theirs"])
    return ours / theirs if up else theirs / ours


def plain(name, names, unit, up=False):
    """The figure as it was measured.  up: more is better."""
    def of(figures):
        f = figures.get(name, names)
        return f and Shown(f["runs"], f["names"], beside(f, unit), ratio(f, up))
    return of


def at_equal_speed(f):
    """How many times as fast as the peer in units of the yardstick that was read during either."""
    ours, theirs = ([wall / floor for wall, floor in zip(f[runs], f[floors])] for runs, floors in
                    (("runs", "floors"), ("theirs", "their_floors")))
    return statistics.median(theirs) / statistics.median(ours)


def times_peer(name, names, unit, up=False):
    """As many times as fast as the best peer.  up: more is better."""
    def of(figures):
        f = figures.get(name, names)
        if f is None or not f["theirs"]:
            return None
        words = beside(f, unit)
        if f.get("their_floors"):
            words += "; in units of the yardstick %.2f x" % at_equal_speed(f)
        return Shown(pairs(f, up), f["names"], words, ratio(f, up), ratio(f, up), f.get("unsteady_beside"))
    return of


def of_floor(name, names, inverse=False):
    """Wall clock in units of what the signatures, or verifications, alone take in those very seconds; inverse: the fraction of
    the raw rate."""
    def of(figures):
        f = figures.get(name, names)
        if f is None:
            return None
        shown = [floor / wall if inverse else wall / floor for wall, floor in zip(f["runs"], f["floors"])]
        return Shown(shown, f["names"], "alone %.3g s" % statistics.median(f["floors"]), unsteady=f["unsteady"])
    return of


def anonymous(name, names):
    def of(figures):
        f = figures.get(name, names)
        return f and Shown([f["mib"]], f["names"])
    return of


def memory(names):
    """The most of all ways of denial."""
    def of(figures):
        got = [f for f in (figures.get("sign.tld.13." + mode, names) for mode in BATTERY) if f]
        if not got:
            return None
        most = max(got, key=lambda f: f["mib"])
        theirs = "%s %.0f MiB" % (most["small_peer"], most["small_mib"]) if most["small_peer"] else ""
        return Shown([f["mib"] for f in got], most["names"], theirs,
                     most["small_mib"] / most["mib"] if most["small_peer"] else None, most["mib"])
    return of


def growth(name, large, small, field):
    """The large zone's figure in units of the small one's."""
    def of(figures):
        a, b = figures.exactly(name, large), figures.exactly(name, small)
        if a is None or b is None:
            return None
        if field == "runs":
            base = statistics.median(b["runs"])
            return Shown([r / base for r in a["runs"]], large, "%s names: %.3g" % (format(small, ","), base))
        return Shown([a[field] / b[field]], large, "%s names: %.3g" % (format(small, ","), b[field]))
    return of


def by_ixfr(denial, names):
    """At a signer whose peer, on the same machine, does its own part behind it; beside it: at the same instant."""
    def of(figures):
        f, both = (figures.get("change.%s.%s" % (name, denial), names) for name in ("ixfr", "at-once"))
        words = "both signers at once, on these cores: %.3g ms" % statistics.median(both["runs"]) if both else ""
        return f and Shown(f["runs"], f["names"], words)
    return of


def rewriting(name, names):
    """Run by run: from the file in place until published, in units of reading it."""
    def of(figures):
        f = figures.get(name, names)
        if f is None:
            return None
        return Shown([o / t for o, t in zip(f["runs"], f["reading_s"])], f["names"],
                     "reading alone %.3g s" % statistics.median(f["reading_s"]))
    return of


def signing(zone, kind, mode, title):
    name = "sign.%s.13.%s" % (kind, mode)
    rows = [Goal("%s, %s: wall clock in units of the signatures alone" % (zone, title), "x", MILLION, of_floor(name, MILLION),
                 most=1.25)]
    rows.append(Goal("%s, %s: beside the best signer" % (zone, title), "x", MILLION, times_peer(name, MILLION, "s"), least=3.5))
    return rows if mode != "opt-out" else rows[1:]


TLD, HOST = "duet-sign, delegations", "duet-sign, hosts of every type"
GOALS = signing(TLD, "tld", "nsec", "NSEC") + signing(TLD, "tld", "nsec3", "NSEC3") + signing(TLD, "tld", "opt-out", "opt-out") + [
    Goal("%s, algorithm 15: beside the best signer" % TLD, "x", MEDIUM, times_peer("sign.tld.15.nsec", MEDIUM, "s"), least=3),
    Goal("%s, algorithm 8: beside the best signer" % TLD, "x", MEDIUM, times_peer("sign.tld.8.nsec", MEDIUM, "s"), least=3),
    Goal("%s, algorithm 8: of the raw rate" % TLD, "x", MEDIUM, of_floor("sign.tld.8.nsec", MEDIUM, inverse=True), least=0.95),
    Goal("duet-sign: anonymous memory, the most of the three", "MiB", MILLION, memory(MILLION), most=250),
    Goal("the same at ten times the size, NSEC3", "x", HUGE, growth("sign.tld.13.nsec3", HUGE, MILLION, "mib"), most=1.1),
    Goal("parser: text to wire form", "MB/s", MILLION, plain("parse.tld.lex", MILLION, "MB/s", up=True), least=600),
    Goal("parser: into canonical order, all checks", "MB/s", MILLION, plain("parse.tld.order", MILLION, "MB/s", up=True), least=300),
    Goal("parser: beside kzonecheck", "x", MILLION, times_peer("parse.tld.order", MILLION, "MB/s", up=True), least=12),
] + signing(HOST, "host", "nsec", "NSEC") + signing(HOST, "host", "nsec3", "NSEC3") + [
    Goal("one record by IXFR until published, NSEC", "ms", MILLION, by_ixfr("nsec", MILLION), most=5),
    Goal("one record by IXFR until published, opt-out", "ms", MILLION, by_ixfr("nsec3-optout", MILLION), most=5),
    Goal("the same, ten million beside a hundred thousand names, opt-out, one signer", "x", HUGE,
         growth("change.one-signer.nsec3-optout", HUGE, MEDIUM, "runs"), most=1.3),
    Goal("the file rewritten, in units of reading it, NSEC", "x", MILLION, rewriting("change.file.nsec", MILLION), most=1.5),
    Goal("the file rewritten, in units of reading it, opt-out", "x", MILLION, rewriting("change.file.nsec3-optout", MILLION),
         most=1.5),
    Goal("AXFR, one secondary", "MB/s", MILLION, plain("axfr.one", MILLION, "MB/s", up=True), least=2000),
    Goal("AXFR, eight secondaries at once", "MB/s", MILLION, plain("axfr.eight", MILLION, "MB/s", up=True), least=2500),
    Goal("AXFR, one secondary, beside the best server", "x", MILLION, times_peer("axfr.one", MILLION, "MB/s", up=True), least=8),
    Goal("AXFR, eight at once, beside the best server", "x", MILLION, times_peer("axfr.eight", MILLION, "MB/s", up=True), least=8),
    Goal("AXFR, one secondary, TSIG hmac-sha256", "MB/s", MILLION, plain("axfr.tsig", MILLION, "MB/s", up=True), least=900),
    Goal("engine and net, signed and idle: anonymous memory", "MiB", MILLION, plain("serve.memory", MILLION, "MiB"), most=120),
    Goal("disk after compaction, of the wire size", "x", MILLION, plain("serve.disk", MILLION, "x"), most=1.15),
    Goal("restart until served, nothing signed", "s", MILLION, plain("serve.restart", MILLION, "s"), most=1),
    Goal("many zones of 20 records, one signer: from one command until all are served", "s", FARM, plain("farm.served", FARM, "s"), most=20),
    Goal("many zones: engine and net, resident, the most while they are added", "MiB", FARM, plain("farm.adding", FARM, "MiB"), most=150),
    Goal("many zones: engine and net, resident, at rest, after that and after a restart, the larger", "MiB", FARM,
         plain("farm.rest", FARM, "MiB"), most=150),
    Goal("many zones: engine and net, resident, the most while they start", "MiB", FARM, plain("farm.starting", FARM, "MiB"), most=150),
    Goal("many zones: restart until all are served", "s", FARM, plain("farm.restart", FARM, "s"), most=2),
    Goal("key engine: one pass over all zones, 3 keys each, CPU", "s", MEDIUM, plain("scale.pass", MEDIUM, "s"), most=2),
    Goal("whole audit of a signed zone, from AXFR messages: in units of the verifications alone", "x", MILLION,
         of_floor("audit.messages.nsec", MILLION), most=1.15),
    Goal("whole audit, from the signed file alone, as the others: beside the best verifier", "x", MILLION,
         times_peer("audit.file.nsec", MILLION, "s"), least=2),
    Goal("whole audit, from the signed file and its input, which the others do not compare: beside the best verifier", "x", MILLION,
         times_peer("audit.files.nsec", MILLION, "s"), least=2),
    Goal("whole audit: anonymous memory", "MiB", MILLION, anonymous("audit.messages.nsec", MILLION), most=300),
    Goal("audit by changes after one record, its serial and SOA included, NSEC", "ms", MILLION,
         plain("change.audit.nsec", MILLION, "ms"), most=20),
]
