# SPDX-License-Identifier: BSD-3-Clause
"""Random versions of a small zone: good changes, one after the other, and things that break it.

Labels are few, so that names meet: what was an empty non-terminal becomes a name, a name a delegation with others below it."""

import dns.exception
import dns.rdatatype

import basezones
import faults
from pysign import DAY, T, Signed

TEXT = """$ORIGIN example.
@ 3600 IN SOA ns1 hostmaster 2026010101 7200 900 604800 300
@ 3600 NS ns1
@ 3600 NS ns.elsewhere.test.
@ 3600 A 192.0.2.1
ns1 3600 A 192.0.2.2
www 300 A 192.0.2.10
www 300 A 192.0.2.11
www 300 AAAA 2001:db8::10
alias 3600 CNAME WWW
*.wild 3600 TXT "wild"
a.b.c.deep 3600 TXT "deep"
x.c.deep 3600 TXT "deep, too"
dn 3600 DNAME other.test.
sub 3600 NS ns.sub
ns.sub 3600 A 192.0.2.30
x.empty 3600 NS ns.elsewhere.test.
sec 3600 NS ns.elsewhere.test.
sec 3600 DS 12345 13 2 0102030405060708091011121314151617181920212223242526272829303132
caa 3600 CAA 0 issue "ca.test"
unknown 3600 TYPE65400 \\# 4 DEADBEEF
"""
LABELS = ("a", "b", "c", "deep", "empty", "m-", "x")
CHAIN = (T.NSEC, T.NSEC3)
KEYS = (T.SOA, T.DNSKEY, T.CDS, T.CDNSKEY, T.NSEC3PARAM)
MADE = CHAIN + (T.RRSIG,)


class Case(faults.Case):
    """A version after another one, for the faults of faults.py, too."""

    def __init__(self, was, denial, now):
        # pylint: disable=super-init-not-called
        self.denial, self.setup, self.now, self.at = denial, "csk", now, now
        self.z = was.clone()
        self.plan = self.policy = self.ours = self.text = self.input_text = None
        self.before = []


def zone(denial, now, more=""):
    salted = denial == "optout"
    return Signed(TEXT + more, basezones.ORIGIN, basezones.keys("csk"), denial, now, salt=b"\xab\xcd" if salted else b"",
                  iterations=2 if salted else 0)


def a_name(rng, c):
    if rng.random() < 0.4:
        return rng.choice(sorted({n for n, t in c.z.records if t not in MADE and n != c.z.origin}))
    labels = [rng.choice(LABELS) for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
    if rng.random() < 0.1:
        labels[0] = "*"
    return c.z.name(".".join(labels))


def put(c, name, rdtype, ttl, texts):
    rdatas = [c.rdata(rdtype, t) for t in texts]
    c.z.put(name, rdtype, ttl, rdatas)
    c.z.input[(name, rdtype)] = [ttl, list(rdatas)]


def gone(c, name, rdtype):
    for t in (rdtype, T.DS) if rdtype == T.NS else (rdtype,):
        c.z.drop(name, t)
        c.z.input.pop((name, t), None)


def some(rng, c, of=lambda name, rdtype: True):
    """An RRset of the input, not one of the apex that has to be there; None: there is none."""
    found = sorted(k for k in c.z.input if k[1] not in KEYS and k != (c.z.origin, T.NS) and of(*k))
    return rng.choice(found) if found else None


# ---- good changes ----

def data_comes(rng, c):
    name = a_name(rng, c)
    if c.z.types(name) & {T.CNAME, T.NS}:
        return
    rdtype, text = rng.choice([(T.A, "192.0.2.%d"), (T.AAAA, "2001:db8::%d"), (T.TXT, '"%d"'), (T.MX, "%d www"),
                               (dns.rdatatype.from_text("TYPE65400"), "\\# 1 %02d")])
    put(c, name, rdtype, rng.choice((300, 3600)), [text % rng.randrange(100) for _ in range(rng.choice((1, 1, 2)))][:1])


def glue_comes(rng, c):
    cut = some(rng, c, lambda n, t: t == T.NS)
    if cut:
        put(c, c.z.name("ns." + cut[0].relativize(c.z.origin).to_text()), T.A, 300, ["192.0.2.%d" % rng.randrange(250)])


def data_goes(rng, c):
    k = some(rng, c)
    if k:
        gone(c, *k)


def name_goes(rng, c):
    k = some(rng, c)
    for t in [t for n, t in list(c.z.input) if k and n == k[0] and t not in KEYS and (n, t) != (c.z.origin, T.NS)]:
        gone(c, k[0], t)


def ttl_changes(rng, c):
    k = some(rng, c)
    if k:
        c.z.records[k][0] = c.z.input[k][0] = rng.choice((60, 300, 3600))


def delegation_comes(rng, c):
    name = a_name(rng, c)
    if name.is_wild() or c.z.types(name) & {T.DNAME, T.CNAME}:
        return
    put(c, name, T.NS, 3600, ["ns.elsewhere.test."])
    if rng.random() < 0.4:
        put(c, name, T.DS, 3600, ["%d 13 2 %064x" % (rng.randrange(60000), rng.randrange(1 << 200))])


def ds_comes_or_goes(rng, c):
    cut = some(rng, c, lambda n, t: t == T.NS)
    if cut and (cut[0], T.DS) in c.z.input:
        gone(c, cut[0], T.DS)
    elif cut:
        put(c, cut[0], T.DS, 3600, ["%d 13 2 %064x" % (rng.randrange(60000), rng.randrange(1 << 200))])


def dname_comes(rng, c):
    name = a_name(rng, c)
    if not name.is_wild() and not c.z.types(name) & {T.NS, T.CNAME}:
        put(c, name, T.DNAME, 300, ["other.test."])


def signature_is_renewed(rng, c):
    k = some(rng, c, c.z.authoritative)
    if k:
        c.z.sign(*k, inception=c.now - 1800, expiration=c.now + 14 * DAY)


GOOD = (data_comes, data_comes, data_comes, glue_comes, data_goes, data_goes, name_goes, ttl_changes, delegation_comes, ds_comes_or_goes,
        ds_comes_or_goes, dname_comes, signature_is_renewed)


def settle(c, was, chain=True):
    """Signatures and the chain as a signer has them after such changes."""
    z = c.z
    for name, rdtype in list(z.records):
        if rdtype == T.RRSIG:
            for s in list(z.get(name, T.RRSIG)):
                if (name, s.type_covered) not in z.records or not z.authoritative(name, s.type_covered):
                    z.unsign(name, s.type_covered)
        elif rdtype not in MADE and z.authoritative(name, rdtype):
            signed = any(s.type_covered == rdtype for s in z.get(name, T.RRSIG))
            if not signed or was.records.get((name, rdtype)) != z.records[(name, rdtype)]:
                z.sign(name, rdtype)
    if chain:
        z.rechain()


# ---- what breaks it ----

def pick(rng, c, *types):
    found = sorted(k for k in c.z.records if k[1] in types) if types else sorted(k for k in c.z.records if k[1] not in KEYS)
    return rng.choice(found)


def signature_flipped(rng, c, _was):
    name, _ = pick(rng, c, T.RRSIG)
    sigs = c.z.get(name, T.RRSIG)
    i = rng.randrange(len(sigs))
    wire = bytearray(sigs[i].to_digestable())
    wire[rng.choice((2, 3, 4, 8, 12, 16, len(wire) - 5))] ^= 1 << rng.randrange(8)
    sigs[i] = c.wire(T.RRSIG, bytes(wire))


def signature_dropped(rng, c, _was):
    name, _ = pick(rng, c, T.RRSIG)
    c.z.unsign(name, rng.choice(c.z.get(name, T.RRSIG)).type_covered)


def signature_expires(rng, c, _was):
    k = pick(rng, c)
    if c.z.authoritative(*k):
        c.z.sign(*k, expiration=c.now + rng.choice((-60, 60, DAY)))


def signature_over_nothing(rng, c, _was):
    k = pick(rng, c)
    c.z.add_sig(k[0], c.z.rrsig(k[0], rng.choice((k[1], T.HINFO)), c.data_key()))


def rrset_dropped(rng, c, _was):
    c.z.drop(*pick(rng, c), unsign=rng.random() < 0.5)


def record_dropped(rng, c, _was):
    k = pick(rng, c)
    if len(c.z.get(*k)) > 1:
        c.z.get(*k).pop()
        if c.z.authoritative(*k):
            c.z.sign(*k)


def data_unsigned(rng, c, _was):
    put(c, a_name(rng, c), T.TXT, 300, ['"unsigned"'])


def data_only_signed(rng, c, _was):
    name = a_name(rng, c)
    put(c, name, T.TXT, 300, ['"in no chain"'])
    c.z.sign(name, T.TXT)


def chain_stays(rng, c, was):
    rng.choice(GOOD)(rng, c)
    settle(c, was, chain=False)


def chain_record_stays(rng, c, was):
    """One NSEC or NSEC3, or its lack, is as it was."""
    rng.choice(GOOD)(rng, c)
    settle(c, was)
    k = rng.choice(sorted({k for v in (c.z, was) for k in v.records if k[1] in CHAIN}))
    c.z.drop(*k)
    if k in was.records:
        c.z.put(*k, *was.records[k])
        c.z.sign(*k)


def chain_record_dropped(rng, c, _was):
    c.z.drop(*pick(rng, c, *CHAIN))


def chain_record_without(rng, c, _was):
    """One is left out, and the chain is closed over it."""
    if c.denial != "nsec":
        faults.without(c, rng.choice(sorted(c.z.hashed())))


def chain_leads_elsewhere(rng, c, _was):
    if c.denial == "nsec":
        owners = c.z.owners()
        name = rng.choice(owners)
        c.z.put_nsec(name, rng.choice(owners))
        c.z.sign(name, T.NSEC)
    else:
        faults.nsec3_next(c, {rng.randrange(50): rng.randrange(50)})


def bitmap_differs(rng, c, _was):
    t = rng.choice((T.A, T.NS, T.DS, T.RRSIG, T.HINFO))
    name = rng.choice(c.z.owners())
    if c.denial == "nsec":
        faults.nsec_types(c, name.to_text(), lambda types: types ^ {t})
    elif c.z.hash(name) in c.z.hashed():
        faults.nsec3_types(c, name.to_text(), lambda types: types ^ {t})


def flags_differ(rng, c, _was):
    if c.denial != "nsec":
        c.edit_wire(pick(rng, c, T.NSEC3)[0], T.NSEC3, lambda w: w[:1] + bytes([w[1] ^ rng.choice((1, 1, 1, 2))]) + w[2:])


def owners_stay(rng, c, was):
    """Some names have all of what they had, as if a page had not been written."""
    rng.choice(GOOD)(rng, c)
    settle(c, was)
    names = sorted({n for v in (c.z, was) for n, _ in v.records if n != c.z.origin})
    for name in rng.sample(names, min(3, len(names))):
        for v in [k for k in c.z.records if k[0] == name]:
            del c.z.records[v]
        for k in [k for k in was.records if k[0] == name]:
            c.z.records[k] = [was.records[k][0], list(was.records[k][1])]


BREAKS = (signature_flipped, signature_dropped, signature_expires, signature_over_nothing, rrset_dropped, record_dropped, data_unsigned,
          data_only_signed, chain_stays, chain_record_stays, chain_record_dropped, chain_record_without, chain_leads_elsewhere,
          bitmap_differs, flags_differ, owners_stay)


def generated(rng, c, _was):
    """One of faults.py."""
    known = [f for f in faults.FAULTS if c.denial in f.denials and "csk" in f.setups and not f.row.startswith("AUD-FRAME")]
    f = rng.choice(known)
    f.make(c)
    return "%s, %s" % (f.name, f.row)


def version(rng, was, denial, now):
    """A version after another, and its story; None: this fault does not fit this zone."""
    c, story = Case(was, denial, now), []
    for _ in range(rng.choice((0, 1, 1, 2, 3, 6))):
        change = rng.choice(GOOD)
        change(rng, c)
        story.append(change.__name__)
    settle(c, was)
    if rng.random() < 0.6:
        fault = rng.choice(BREAKS + (generated,) * 6)
        try:
            story.append(fault(rng, c, was) or fault.__name__)
        except (KeyError, IndexError, ValueError, AssertionError, StopIteration, dns.exception.DNSException):
            return None, story
    if len(c.z.get(c.z.origin, T.SOA)) == 1:
        c.serial(c.get_serial() + 1)
    if c.ours is not None or c.before or c.text is not None or c.input_text is not None or c.policy is not None or c.z.more or c.z.more_input:
        return None, story
    return c, story
