# SPDX-License-Identifier: BSD-3-Clause
"""The audit by changes says what the audit of the whole says: over good changes, and over every fault that a change can bring."""

import hashlib
import os
import sys
import time

from duetlab import Failed, limit

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "audit"))

import basezones            # noqa: E402
import changes              # noqa: E402
import faults               # noqa: E402
from pysign import T        # noqa: E402


def gone(c, name, *types):
    for t in types:
        c.z.drop(c.name(name), t)
        del c.z.input[(c.name(name), t)]
    c.z.rechain()


def added(c, name, rdtype, ttl, *texts):
    c.both(name, rdtype, ttl, texts)
    c.changed(name, rdtype)


GOOD = [
    ("nothing", lambda c: None),
    ("a name", lambda c: added(c, "new", T.A, 300, "192.0.2.99")),
    ("a name before all others", lambda c: added(c, "-", T.A, 300, "192.0.2.99")),
    ("a name behind all others", lambda c: added(c, "zzz", T.TXT, 300, '"last"')),
    ("a type", lambda c: added(c, "www", T.TXT, 300, '"text"')),
    ("a TTL", lambda c: added(c, "www", T.AAAA, 200, "2001:db8::10")),
    ("an address", lambda c: added(c, "www", T.A, 300, "192.0.2.10", "192.0.2.12")),
    ("glue", lambda c: added(c, "ns.sub", T.A, 3600, "192.0.2.77")),
    ("a name goes", lambda c: gone(c, "www", T.A, T.AAAA)),
    ("an empty non-terminal goes", lambda c: gone(c, "a.b.c.deep", T.TXT)),
    ("an empty non-terminal comes", lambda c: added(c, "one.two.three", T.A, 60, "192.0.2.3")),
    ("a delegation", lambda c: added(c, "cut", T.NS, 3600, "ns.elsewhere.test.")),
    ("a name becomes a delegation", lambda c: (added(c, "c.deep", T.NS, 3600, "ns.elsewhere.test."), c.z.unsign(c.name("a.b.c.deep"), T.TXT),
                                               c.z.unsign(c.name("x.c.deep"), T.TXT))),
    ("a delegation goes", lambda c: gone(c, "x.empty", T.NS)),
    ("a delegation becomes secure", lambda c: added(c, "x.empty", T.DS, 3600, "12345 13 2 " + "ab" * 32)),
    ("a delegation becomes insecure", lambda c: gone(c, "sec", T.DS)),
]
# Faults of the change itself: what it leaves as it was counts otherwise now.
BAD = [
    ("a delegation goes, its glue stays unsigned", lambda c: gone(c, "sub", T.NS)),
    ("a delegation comes, what is below stays signed", lambda c: added(c, "c.deep", T.NS, 3600, "ns.elsewhere.test.")),
]


def span_without_flag(c):
    """The record of a name that changes covers an insecure delegation, and has no opt-out flag any more."""
    hashed, hidden = c.z.hashed(), c.z.hash(c.name("sub"))
    name = hashed[max([d for d in hashed if d < hidden] or hashed)][0]
    c.z.put(name, T.TXT, 300, [c.rdata(T.TXT, '"new"')])
    c.z.input[(name, T.TXT)] = [300, [c.rdata(T.TXT, '"new"')]]
    c.changed(name, T.TXT)
    c.edit_wire(c.z.hash_name(name), T.NSEC3, lambda w: w[:1] + b"\x00" + w[2:])


BAD_OPTOUT = [("a span over an insecure delegation loses its flag with a change of its name", span_without_flag)]
# What stands in parts that both versions have cannot be a change; these break what is not in the signed zone's pages, or all of it.
NOT_BY_PAGES = {"AUD-FRAME-01", "AUD-FRAME-02", "AUD-FRAME-03", "AUD-FRAME-04"}


def case_of(denial, now, make):
    """A version after the good one, with the next serial, and what its input is then."""
    c = faults.Case(denial, "csk", now)
    make(c)
    if (c.z.origin, T.SOA) in c.z.records and len(c.z.get(c.z.origin, T.SOA)) == 1:
        c.serial(c.get_serial() + 1)
    return c


def job_of(plan, at, past, lanes):
    return {"zone": "example", "now": at, "threads": 1, "timeout_s": 60, "past": past,
            "plan": dict(plan or {}, digest=hashlib.sha384(lanes).hexdigest())}


def rows(answer):
    return {f["row"] for f in answer.get("findings", []) if f["severity"] == "error"}


def both_ways(worker, base, past, c):
    """Answers of the whole and by changes; whether there is a gap in what the latter are told of names."""
    lanes = changes.lanes(c.z)
    was, job = changes.Pages(base), job_of(c.plan, c.at, past, lanes)
    now = changes.Pages(c.z, was)
    whole = worker.run(job, now.whole())
    job["changes"], stream = changes.changes_of(now, was, base.origin)
    job["changes"]["sum"] = True
    return whole, worker.run(job, lanes + stream), sum(tag in "CN" for tag in job["changes"]["tags"]) > 1


def passed(worker, z, now):
    answer = worker.run(job_of(None, now, "", changes.lanes(z)), changes.Pages(z).whole())
    if answer.get("result") != "fine":
        raise Failed("the zone before: %s" % answer)
    return answer["past"]


@limit(300)
def test_changes_are_judged_as_the_whole_is(lab):
    now, wrong, told, refused, gaps = int(time.time()), [], 0, 0, 0
    with changes.Worker(lab.program("duet-audit")) as worker:
        for denial in basezones.DENIALS:
            base = basezones.zone(denial, "csk", now)
            past = passed(worker, base, now)
            for name, make in GOOD:
                whole, parts, gap = both_ways(worker, base, past, case_of(denial, now, make))
                told, gaps = told + 1, gaps + gap
                if (whole["result"], parts["result"]) != ("fine", "fine"):
                    wrong.append("good, %s: %s: %s %s" % (denial, name, whole, parts))
                elif (whole["records"], whole["content"], whole["serial"]) != (parts["records"], parts["content"], parts["serial"]):
                    wrong.append("%s: %s: %s is not %s" % (denial, name, whole, parts))
            for name, make in BAD + (BAD_OPTOUT if denial == "optout" else []):
                whole, parts, gap = both_ways(worker, base, past, case_of(denial, now, make))
                if (whole["result"], parts["result"]) != ("refused", "refused"):
                    wrong.append("bad, %s: %s: %s %s" % (denial, name, whole, parts))
            for f in faults.FAULTS:
                if denial not in f.denials or "csk" not in f.setups or f.row in NOT_BY_PAGES:
                    continue
                c = case_of(denial, now, f.make)
                if c.ours is not None or c.before or c.text is not None or c.policy is not None or c.z.more or c.z.more_input:
                    continue
                whole, parts, gap = both_ways(worker, base, past, c)
                told, refused = told + 1, refused + bool(rows(whole))
                if parts["result"] not in (whole["result"], "unknown"):     # "unknown" has the whole looked at
                    wrong.append("%s, %s (%s): %s %s, not %s %s" % (f.name, f.row, denial, parts["result"], sorted(rows(parts)),
                                                                  whole["result"], sorted(rows(whole))))
    if wrong:
        raise Failed("\n".join(wrong))
    if told < 100 or refused < 60 or gaps < 20:
        raise Failed("only %d versions, %d of them refused; %d good ones with a gap" % (told, refused, gaps))
