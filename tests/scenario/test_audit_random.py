# SPDX-License-Identifier: BSD-3-Clause
"""Random versions, one after the other, good and broken: the audit by changes and the audit of the whole say the same, and name
the same rows.

SEED begins elsewhere, CASES makes it longer."""

import hashlib
import json
import os
import random
import sys
import time

from duetlab import Failed, limit

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "audit"))

import changes              # noqa: E402
import faults               # noqa: E402
import randomly             # noqa: E402
from pysign import DAY, T   # noqa: E402

SEED = int(os.environ.get("SEED", "5"))
CASES = int(os.environ.get("CASES", "70"))      # for each kind of denial
OWNERS = (2, 6)     # of a page: few names, so that much is beside a change, or enough that what is beside it is read in part
DENIALS = {"nsec": "nsec", "nsec3": "nsec3", "optout": "nsec3-optout"}
# Which spans cover what is not known from parts, nor all that is below an empty non-terminal: with opt-out there may be more to
# say, after which the signer has the whole looked at.
MORE = {"AUD-NSEC3-05", "AUD-NSEC3-10"}
POLICY = {"algorithm": 13, "keys": "csk", "nsec3_iterations": 10, "nsec3_salt_len": 8, "validity": 30 * DAY,
          "max_ttl_signed": 7 * DAY, "max_ttl_unsigned": 7 * DAY}


class Judge:
    def __init__(self, worker, denial, now, more=""):
        self.worker, self.denial, self.now, self.seen, self.whole, self.verified = worker, denial, now, [], [], []
        self.zone, self.past = randomly.zone(denial, now, more), ""
        self.past = self.ask(self.zone, self.job(self.zone, {}), changes.Pages(self.zone).whole())["past"]

    def job(self, z, plan):
        return {"zone": "example", "now": self.now, "threads": 1, "timeout_s": 60, "past": self.past,
                "plan": dict(plan or {}, digest=hashlib.sha384(changes.lanes(z)).hexdigest(),
                             policy=dict(POLICY, denial=DENIALS[self.denial]))}

    def ask(self, z, job, stream):
        answer = self.worker.run(job, stream)
        if not self.past and answer["result"] != "fine":
            raise Failed("the zone before: %s" % answer)
        return answer

    def look(self, c):
        """What is wrong with how this version is judged, or None."""
        was = changes.Pages(self.zone)
        now, job = changes.Pages(c.z, was), self.job(c.z, c.plan)
        whole = self.ask(c.z, job, now.whole())
        job["changes"], stream = changes.changes_of(now, was, c.z.origin)
        job["changes"]["sum"] = True
        parts = self.ask(c.z, job, changes.lanes(c.z) + stream)
        self.seen.append(parts["result"])
        self.whole.append(whole["result"])
        self.verified.append(parts.get("verified"))
        wrong = self.compare(whole, parts)
        if whole["result"] == "fine":
            self.zone, self.past = c.z, whole["past"]
        return wrong

    def rows(self, answer):
        found = {f["row"] for f in answer["findings"] if f["severity"] == "error"}
        # Whether a secure delegation was opted out or forgotten is the flag of a span.
        return {r.replace("NSEC3-11", "NSEC3-05") for r in found} if self.denial == "optout" else found

    def compare(self, whole, parts):
        if parts["result"] == "unknown":        # it says so, and the whole is looked at
            return None if "the whole zone is needed" in parts["why"] else parts["why"]
        of_whole, of_parts = self.rows(whole), self.rows(parts)
        if not of_whole <= of_parts or of_parts - of_whole - (MORE if self.denial == "optout" else set()):
            return "the whole: %s %s, by changes: %s %s" % (whole["result"], sorted(of_whole), parts["result"], sorted(of_parts))
        if whole["result"] != "fine" or parts["result"] != "fine":
            return None
        one, other = (json.loads(a["past"]) for a in (whole, parts))
        if other["published"].pop("earliest_expiration") > one["published"].pop("earliest_expiration"):
            return "by changes signatures end later"
        if other["published"].pop("all_optout") and not one["published"]["all_optout"]:
            return "by changes all is opt-out"
        if other["published"].pop("lean") and not one["published"]["lean"]:
            return "by changes no NSEC3 is there that opt-out could do without"
        del one["published"]["all_optout"], one["published"]["lean"]
        return None if one == other else "remembered: %s, by changes: %s" % (one, other)


@limit(300)
def test_random_versions_are_judged_alike(lab):
    now, wrong, seen = int(time.time()), [], []
    print("seed %d" % SEED)
    with changes.Worker(lab.program("duet-audit")) as worker:
        for denial in DENIALS:
            rng, judge = random.Random("%d %s" % (SEED, denial)), Judge(worker, denial, now)
            for n in range(CASES):
                changes.OWNERS = OWNERS[n % len(OWNERS)]
                c, story = randomly.version(rng, judge.zone, denial, now)
                why = judge.look(c) if c else None
                if why:
                    wrong.append("SEED=%d %s %d (%s): %s" % (SEED, denial, n, ", ".join(story), why))
            seen += judge.seen
    if wrong:
        raise Failed("\n".join(wrong))
    if seen.count("refused") < CASES / 2 or seen.count("fine") < CASES / 2:
        raise Failed("%d refused, %d fine of %d" % (seen.count("refused"), seen.count("fine"), 3 * CASES))


@limit(60)
def test_signatures_are_looked_at_again_under_another_key(lab):
    """The key goes from the DNSKEY RRset and signatures that it made stay: they have not passed, though nothing else of their
    owners is another."""
    now = int(time.time())
    with changes.Worker(lab.program("duet-audit")) as worker:
        for denial in DENIALS:
            judge = Judge(worker, denial, now)
            c = randomly.Case(judge.zone, denial, now)
            old = c.data_key()
            c.new_keys([c.extra_key(13, 257)])
            c.z.sign_all()
            name = c.name("www")
            randomly.put(c, name, T.TXT, 300, ['"a change of its owner"'])      # which looks at all that it has
            c.changed(name, T.TXT)
            c.z.sign(name, T.A, keys=[old])
            c.z.records[(name, T.RRSIG)][1] = [s for s in c.z.get(name, T.RRSIG) if s.type_covered != T.A] + [
                s for s in judge.zone.get(name, T.RRSIG) if s.type_covered == T.A]
            c.serial(c.get_serial() + 1)
            wrong = judge.look(c)
            if wrong or judge.seen != ["unknown"] or judge.whole != ["refused"]:
                raise Failed("%s: %s %s %s" % (denial, wrong, judge.seen, judge.whole))


@limit(60)
def test_a_chain_goes_on_behind_pages_without_one(lab):
    """Glue fills the pages beside a delegation, so that what its NSEC has to lead to is not among the parts."""
    now, glue = int(time.time()), "".join("%s.sub 3600 A 192.0.2.31\n" % g for g in ("a", "b", "c", "d", "e"))
    with changes.Worker(lab.program("duet-audit")) as worker:
        for behind in (False, True):
            judge = Judge(worker, "nsec", now, glue)
            c = randomly.Case(judge.zone, "nsec", now)
            sub, new = c.name("sub"), c.name("t")
            if not behind:
                c.z.put_nsec(sub, c.name("alias"))
                c.z.sign(sub, T.NSEC)
            else:       # a name behind the glue; what is before the glue does not lead to it
                randomly.put(c, new, T.TXT, 300, ['"new"'])
                c.changed(new, T.TXT)
                for t in (T.NSEC, T.RRSIG):
                    c.z.records[(sub, t)] = judge.zone.records[(sub, t)]
            c.serial(c.get_serial() + 1)
            wrong = judge.look(c)
            if wrong or judge.seen != ["unknown"]:
                raise Failed("%s: %s %s" % (behind, wrong, judge.seen))


@limit(60)
def test_the_dnskey_rrset_is_verified_where_it_is_another(lab):
    """With the RRSIG that it had, it has passed; another RRSIG over it is looked at, whether it is good or not."""
    now = int(time.time())
    with changes.Worker(lab.program("duet-audit")) as worker:
        judge, verified = Judge(worker, "nsec", now), []
        for again, good in ((False, True), (True, True), (True, False)):
            c = randomly.Case(judge.zone, "nsec", now)
            if again:
                c.z.sign(c.z.origin, T.DNSKEY, mangle=(lambda s: s) if good else faults.flip(9))
            c.serial(c.get_serial() + 1)
            wrong = judge.look(c)
            verified.append(judge.verified[-1])
            if wrong or (judge.seen[-1] == "fine") != good:
                raise Failed("%s %s: %s %s" % (again, good, wrong, judge.seen))
    if verified[1:] != [verified[0] + 1] * 2:
        raise Failed("verified: %s" % verified)


@limit(60)
def test_the_end_of_signatures_is_held_against_what_is_remembered(lab):
    """Where a signer says that what is published is about to end, signatures that end too soon are warned of only if that is so by
    what the auditor remembers, and if they end no sooner."""
    now = int(time.time())
    with changes.Worker(lab.program("duet-audit")) as worker:
        judge = Judge(worker, "nsec", now)
        end = judge.zone.expiration
        for later, ends, expiring, wanted in ((0, now - 10, True, "refused"), (0, now + 60, True, "refused"), (0, end, False, "fine"),
                                              (end - now - 60, end, True, "fine"), (end - now - 60, end, False, "refused"),
                                              (end - now - 60, end - 1, True, "refused")):
            c = randomly.Case(judge.zone, "nsec", now)
            c.z.sign(c.name("www"), T.A, expiration=ends)
            c.serial(c.get_serial() + 1)
            judge.now = now + later
            answer = judge.ask(c.z, dict(judge.job(c.z, {}), expiring=expiring), changes.Pages(c.z).whole())
            if answer["result"] != wanted or (wanted == "refused" and judge.rows(answer) != {"AUD-RRSIG-11"}):
                raise Failed("%d s later, ends at %+d, %s: %s" % (later, ends - now, expiring, answer))
