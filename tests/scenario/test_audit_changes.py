# SPDX-License-Identifier: BSD-3-Clause
"""The audit by changes says what the audit of the whole says: over good changes, and over every fault that a change can bring."""

import hashlib
import os
import struct
import sys
import time

import dns.rdatatype
import dns.zone

from duetlab import Failed, limit

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "audit"))

import basezones            # noqa: E402
import changes              # noqa: E402
import faults               # noqa: E402
from pysign import DAY, T   # noqa: E402


ZONEMD = dns.rdatatype.ZONEMD


def gone(c, name, *types):
    for t in types:
        c.z.drop(c.name(name), t)
        del c.z.input[(c.name(name), t)]
    c.z.rechain()


def added(c, name, rdtype, ttl, *texts):
    c.both(name, rdtype, ttl, texts)
    c.changed(name, rdtype)


def like_hash(c):
    """A name that the zone's NSEC3 of www has, or would have."""
    return str(c.z.hash_name(c.name("www")).labels[0], "ascii")


def hash_without_nsec3(c):
    """A name that is the hash of another has none of its own."""
    name = c.name(like_hash(c))
    c.both(like_hash(c), T.TXT, 300, ['"text"'])
    c.changed(like_hash(c), T.TXT)
    c.z.drop(c.z.hash_name(name), T.NSEC3)
    before = max([d for d in (c.z.hash(n) for n, _ in c.z.hashed().values()) if d < c.z.hash(name)] or [max(c.z.hashed())])
    following = min([d for d in c.z.hashed() if d > c.z.hash(name)] or [min(c.z.hashed())])
    owner, types = c.z.hashed()[before]
    c.z.put_nsec3(before, following, types)
    c.z.sign(c.z.hash_name(owner), T.NSEC3)


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
    ("a delegation becomes a name", lambda c: (gone(c, "sub", T.NS), added(c, "sub", T.TXT, 60, '"text"'), c.changed("ns.sub", T.A),
                                              c.changed("ns.sub", T.AAAA))),
    ("a delegation becomes secure", lambda c: added(c, "x.empty", T.DS, 3600, "12345 13 2 " + "ab" * 32)),
    ("a delegation becomes insecure", lambda c: gone(c, "sec", T.DS)),
    ("a name that is the hash of another", lambda c: added(c, like_hash(c), T.TXT, 300, '"text"')),
    ("a delegation that is the hash of another", lambda c: added(c, like_hash(c), T.NS, 3600, "ns.elsewhere.test.")),
    ("a secure delegation that is the hash of another", lambda c: (added(c, like_hash(c), T.NS, 3600, "ns.elsewhere.test."),
                                                                  added(c, like_hash(c), T.DS, 3600, "12345 13 2 " + "ab" * 32))),
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


def with_record(c):
    """An insecure delegation may have an NSEC3 in a zone with opt-out, too (RFC 5155 section 6)."""
    hashed, digest = c.z.hashed(), c.z.hash(c.name("sub"))
    before = max([d for d in hashed if d < digest] or hashed)
    following = min([d for d in hashed if d > digest] or hashed)
    for d, to, types in ((before, digest, hashed[before][1]), (digest, following, {T.NS})):
        c.z.sign(c.z.put_nsec3(d, to, types), T.NSEC3)
    return c


def its_delegation_goes(c):
    for name, types in ("sub", (T.NS,)), ("ns.sub", (T.A, T.AAAA)):
        for t in types:
            c.z.records.pop((c.name(name), t), None)
            c.z.input.pop((c.name(name), t), None)


def its_delegation_becomes_secure(c):
    c.both("sub", T.DS, 3600, ["12345 13 2 " + "ab" * 32])
    c.z.sign(c.name("sub"), T.DS)


BAD_HASHED = [("a name that is the hash of another has no NSEC3", hash_without_nsec3)]
BAD_OPTOUT = [("a span over an insecure delegation loses its flag with a change of its name", span_without_flag)]
# What stands in parts that both versions have cannot be a change; these break what is not in the signed zone's pages, or all of it.
NOT_BY_PAGES = {"AUD-FRAME-01", "AUD-FRAME-02", "AUD-FRAME-03", "AUD-FRAME-04", "AUD-FRAME-06"}


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
    stream = lanes + stream
    if c.z.get(c.z.origin, ZONEMD):
        job["changes"]["digested"] = True
        stream = struct.pack("!I", len(stream)) + stream + now.whole()
    return whole, worker.run(job, stream), sum(tag in "CN" for tag in job["changes"]["tags"]) > 1


def passed(worker, z, now, plan=None):
    answer = worker.run(job_of(plan, now, "", changes.lanes(z)), changes.Pages(z).whole())
    if answer.get("result") != "fine":
        raise Failed("the zone before: %s" % answer)
    return answer["past"]


def beside_each_other(worker, base, c):
    """What is wrong with them as two signers' versions: of different content numbers they fit, under one content differs alone."""
    was, new = changes.Pages(base).whole(), changes.Pages(c.z).whole()
    for ours, other, same in (was, new, False), (new, was, False), (new, was, True):
        got = worker.run({"zone": "example", "now": c.at, "threads": 1, "timeout_s": 60, "cross": {"same": same, "sample": 0}}, ours, other)
        if got["result"] == "unknown" or rows(got) - ({"AUD-CROSS-01"} if same else set()):
            yield "%s is ours, %s: %s" % ("the new one" if ours is new else "the old one", "one number" if same else "two numbers", got)


@limit(300)
def test_changes_are_judged_as_the_whole_is(lab):
    now, wrong, told, refused, gaps = int(time.time()), [], 0, 0, 0
    with changes.Worker(lab.program("duet-audit")) as worker:
        for denial in basezones.DENIALS:
            base = basezones.zone(denial, "csk", now)
            past = passed(worker, base, now)
            for name, make in GOOD:
                c = case_of(denial, now, make)
                whole, parts, gap = both_ways(worker, base, past, c)
                told, gaps = told + 1, gaps + gap
                wrong += ["beside each other, %s: %s: %s" % (denial, name, w) for w in beside_each_other(worker, base, c)]
                if (whole["result"], parts["result"]) != ("fine", "fine"):
                    wrong.append("good, %s: %s: %s %s" % (denial, name, whole, parts))
                elif (whole["records"], whole["content"], whole["serial"]) != (parts["records"], parts["content"], parts["serial"]):
                    wrong.append("%s: %s: %s is not %s" % (denial, name, whole, parts))
            for name, make in BAD + (BAD_HASHED if denial != "nsec" else []) + (BAD_OPTOUT if denial == "optout" else []):
                whole, parts, gap = both_ways(worker, base, past, case_of(denial, now, make))
                if (whole["result"], parts["result"]) != ("refused", "refused"):
                    wrong.append("bad, %s: %s: %s %s" % (denial, name, whole, parts))
            for f in faults.FAULTS:
                if denial not in f.denials or "csk" not in f.setups or f.row in NOT_BY_PAGES:
                    continue
                c = case_of(denial, now, f.make)
                if c.ours is not None or c.before or c.text is not None or c.input_text is not None or c.policy is not None or c.z.more or c.z.more_input:
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


@limit(60)
def test_a_record_that_opt_out_could_do_without_is_not_forgotten(lab):
    """It stays while its delegation goes, or is another: in parts, which do not have it, nothing is to be seen of it."""
    now = int(time.time())
    with changes.Worker(lab.program("duet-audit")) as worker:
        base = with_record(faults.Case("optout", "csk", now)).z
        past = passed(worker, base, now)
        for make in its_delegation_goes, its_delegation_becomes_secure:
            c = faults.Case("optout", "csk", now)
            c.z = base.clone()
            make(c)
            c.serial(c.get_serial() + 1)
            whole, parts, _ = both_ways(worker, base, past, c)
            if whole["result"] != "refused" or parts["result"] == "fine":
                raise Failed("%s: %s %s" % (make.__name__, whole, parts))


def time_goes_by(c):
    """What is signed now lasts; what was signed before ends soon."""
    c.at = c.z.expiration - 3000
    c.z.inception, c.z.expiration = c.at - 3600, c.at + 20 * DAY
    for t in sorted({t for n, t in c.z.records if n == c.z.origin and t != T.RRSIG}):
        c.z.sign(c.z.origin, t)
    added(c, "new", T.A, 300, "192.0.2.99")


def denial_ttl_stays(c):
    soa = c.z.get(c.z.origin, T.SOA)[0]
    c.z.put(c.z.origin, T.SOA, 3600, [soa.replace(minimum=200)])
    c.z.input[(c.z.origin, T.SOA)] = [3600, [soa.replace(minimum=200)]]
    for t in (T.NSEC, T.NSEC3):
        for name in [n for n, rdtype in c.z.records if rdtype == t]:
            if name == c.z.origin or t == T.NSEC3:
                c.z.records[(name, t)][0] = 200
                c.z.sign(name, t)
    if c.denial != "nsec":
        name = c.z.hash_name(c.name("www"))
        c.z.records[(name, T.NSEC3)][0] = 300
        c.z.sign(name, T.NSEC3)


def policy_of(**words):
    return lambda c: (c.good_plan(), c.plan.update(policy=words), added(c, "new", T.A, 300, "192.0.2.99"))


# What is the same in both versions is good no more, since something else is another: the row that says so of the whole, and how.
OUTDATED = [
    ("signatures end soon", "AUD-RRSIG-11", time_goes_by),
    ("caches may keep them for longer", "AUD-RRSIG-11", lambda c: added(c, "new", T.A, 25 * DAY, "192.0.2.99")),
    ("the TTL of denial is another", "AUD-TTL-04", denial_ttl_stays),
    ("TTLs may be less", "AUD-TTL-01", policy_of(max_ttl_signed_s=1000)),
    ("signatures may last less", "AUD-RRSIG-12", policy_of(validity_s=DAY, jitter_s=0)),
    ("data needs another algorithm", "AUD-RRSIG-02", lambda c: (added(c, "new", T.A, 300, "192.0.2.99"), c.good_plan().update(algorithms=[13, 15]))),
    ("no key with SEP may sign", "AUD-RRSIG-09", lambda c: (added(c, "new", T.A, 300, "192.0.2.99"), c.good_plan().update(csk=[]))),
    ("a warning refuses now", "AUD-RRSIG-14", policy_of(together=20, severity="AUD-RRSIG-14=error")),
]


@limit(120)
def test_what_did_not_change_is_not_good_for_ever(lab):
    """Time, policy, and what stands at the apex judge all of a zone; by changes it is known, or the whole is asked for."""
    now, wrong = int(time.time()), []
    with changes.Worker(lab.program("duet-audit")) as worker:
        for denial in basezones.DENIALS:
            base = basezones.zone(denial, "csk", now)
            past = passed(worker, base, now)
            for name, row, make in OUTDATED:
                whole, parts, _ = both_ways(worker, base, past, case_of(denial, now, make))
                if row not in rows(whole) or parts["result"] == "fine":
                    wrong.append("%s, %s: %s\n%s" % (denial, name, whole, parts))
            # Signatures that all end at one time, and soon, are warned of by changes as well.
            c = case_of(denial, now, policy_of(together=20))
            c.at += 15 * DAY
            past = passed(worker, base, now, c.plan)
            for answer in both_ways(worker, base, past, c)[:2]:
                if answer["result"] != "fine" or {f["row"] for f in answer["findings"]} != {"AUD-RRSIG-13", "AUD-RRSIG-14"}:
                    wrong.append("%s, together: %s" % (denial, answer))
    if wrong:
        raise Failed("\n".join(wrong))


def digested(c, spoil=False):
    """With the digest of what it is, or of one that has another octet."""
    z, origin = c.z, c.z.origin
    z.put(origin, ZONEMD, 3600, [c.wire(ZONEMD, struct.pack("!IBB", c.get_serial(), 1, 1) + bytes(48))])
    c.changed(origin, ZONEMD)
    whole = dns.zone.from_text(z.text(), origin=origin, relativize=False)
    digest = bytearray(whole.compute_digest(1).digest)
    digest[-1] ^= spoil
    z.put(origin, ZONEMD, 3600, [c.wire(ZONEMD, struct.pack("!IBB", c.get_serial(), 1, 1) + digest)])
    z.sign(origin, ZONEMD)
    return c


@limit(120)
def test_a_digest_is_held_against_all_messages(lab):
    """With a ZONEMD a change verifies what changed, and digests all; what is wrong anywhere in the messages is found."""
    now = int(time.time())
    with changes.Worker(lab.program("duet-audit")) as worker:
        for denial in faults.ALL:
            base = digested(faults.Case(denial, "csk", now)).z
            past = passed(worker, base, now)
            c = digested(case_of(denial, now, GOOD[1][1]))
            whole, parts, _ = both_ways(worker, base, past, c)
            if whole["result"] != "fine" or parts["result"] != "fine" or parts["verified"] >= whole["verified"] / 2:
                raise Failed("%s: %s\n%s" % (denial, whole, parts))
            if parts["past"] != whole["past"]:
                raise Failed("%s: another past\n%s\n%s" % (denial, parts["past"], whole["past"]))
            for answer in both_ways(worker, base, past, digested(case_of(denial, now, GOOD[1][1]), spoil=True))[:2]:
                if rows(answer) != {"AUD-ZONEMD-01"}:
                    raise Failed("%s: a wrong digest: %s" % (denial, answer))
            # Messages that lack a page which has not changed; that are of another version; that are not there.
            lanes, was = changes.lanes(c.z), changes.Pages(base)
            is_now, job = changes.Pages(c.z, was), job_of(c.plan, c.at, past, lanes)
            job["changes"], stream = changes.changes_of(is_now, was, base.origin)
            job["changes"].update(sum=True, digested=True)
            head = struct.pack("!I", len(lanes + stream)) + lanes + stream
            lacks = b"".join(is_now.pages[k][0] for k in is_now.order[:-1])
            for name, more in (("a page", is_now.soa + lacks + is_now.closing), ("this version", was.whole()), ("anything", b"")):
                if worker.run(job, head + more)["result"] == "fine":
                    raise Failed("%s: all messages are without %s" % (denial, name))
