# SPDX-License-Identifier: BSD-3-Clause
"""Zones to sign: the same arguments give the same text.  Origins and what each zone is good for stand at its function."""

import random

HEAD = "$ORIGIN {origin}\n$TTL {ttl}\n@ SOA ns1 hostmaster 1 3600 900 604800 {minimum}\n@ NS ns1\n@ NS ns2\n" \
       "ns1 A 192.0.2.1\nns2 A 192.0.2.2\nns2 AAAA 2001:db8::2\n"


def head(origin, ttl=3600, minimum=600):
    return HEAD.format(origin=origin, ttl=ttl, minimum=minimum)


def label(rnd, least=3, most=12):
    return "".join(rnd.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(rnd.randint(least, most)))


def tld(origin="tld.", n=300, seed=1):
    """Delegations in no order: most to other zones' servers, some with glue of their own or the zone's servers, a third with DS."""
    rnd = random.Random(seed)
    names = ["%s%d" % (label(rnd), i) for i in range(n)]
    rnd.shuffle(names)
    out = [head(origin, 86400, 900)]
    for name in names:
        kind = rnd.random()
        for k in range(rnd.randint(2, 4)):
            if kind < 0.8:
                out.append("%s NS ns%d.provider%d.example.\n" % (name, k, rnd.randint(1, 20)))
            elif kind < 0.9:
                out.append("%s NS ns%d.%s\nns%d.%s A 192.0.2.%d\n" % (name, k, name, k, name, rnd.randint(1, 254)))
            else:
                out.append("%s NS ns%d\n" % (name, rnd.randint(1, 2)))
        if rnd.random() < 0.3:
            out.append("%s DS %d 13 2 %064x\n" % (name, rnd.randint(0, 65535), rnd.getrandbits(256)))
    # Delegations below empty non-terminals that exist only because of them, insecure and secure.
    out.append("a.insecure-ent NS ns.example.\nb.c.insecure-ent NS ns.example.\nd.secure-ent NS ns.example.\n"
               "d.secure-ent DS 1 13 2 %064x\n" % 7)
    return "".join(out)


def host(origin="hosts.example.", n=300, seed=1):
    """A flat zone of hosts."""
    rnd = random.Random(seed)
    out = [head(origin)]
    for i in range(n):
        name = "%s%d" % (label(rnd), i)
        if rnd.random() < 0.1:
            out.append("%s CNAME ns%d\n" % (name, rnd.randint(1, 2)))
            continue
        for _ in range(rnd.choice((1, 1, 1, 2, 3))):
            out.append("%s A 192.0.2.%d\n" % (name, rnd.randint(0, 255)))
        if rnd.random() < 0.4:
            out.append("%s AAAA 2001:db8::%x\n" % (name, rnd.getrandbits(16)))
        if rnd.random() < 0.15:
            out.append("%s MX %d %s.Mail.Example.\n" % (name, rnd.randint(0, 99), label(rnd)))
        if rnd.random() < 0.15:
            out.append("%s TXT \"%s\" \"\\\"\\%03d\"\n" % (name, label(rnd), rnd.randint(0, 255)))
        if rnd.random() < 0.05:
            out.append("_sip._tcp.%s SRV 0 5 5060 %s\n" % (name, name))
    return "".join(out)


def deep(origin="deep.example."):
    """Empty non-terminals at many depths, wildcards in odd places, delegations and a DNAME among them."""
    out = [head(origin, 300, 60)]
    out += ["a.b.c.d.e.f.g.h.i.j TXT \"deep\"\n", "x.b.c.d.e.f.g.h.i.j A 192.0.2.3\n", "z.f.g.h.i.j A 192.0.2.4\n",
            "* TXT \"apex wildcard\"\n", "*.w A 192.0.2.5\n", "*.a.w MX 10 ns1\n", "b.*.v TXT \"star inside\"\n",
            "*.*.u A 192.0.2.6\n", "*.sub.x.y.z AAAA 2001:db8::7\n", "q.*.sub.x.y.z AAAA 2001:db8::8\n",
            "cut.m.n.o NS ns.cut.m.n.o\nns.cut.m.n.o A 192.0.2.8\n*.cut.m.n.o A 192.0.2.9\n",
            "safe.m.n.o NS ns.example.\nsafe.m.n.o DS 5 8 2 %064x\n" % 5, "only.p.q NS ns.example.\n",
            "alias.r.s.t DNAME example.net.\n", "k.alias2.r.s.t TXT \"beside, not below\"\n",
            "UPPER.Case A 192.0.2.10\n", "lower.UPPER.Case TXT \"Mixed\"\n"]
    out += ["%s A 192.0.2.11\n" % ".".join("l%d" % k for k in range(i, 0, -1)) for i in (40, 20, 39)]
    return "".join(out)


def large(origin="large.example.", records=100, octets=400):
    """One RRset of some 40 KiB in at most 100 records (BIND takes no more), among small ones."""
    out = [head(origin, 300, 300)]
    for i in range(records):
        text = "%03d" % i + "x" * (octets - 3)
        out.append("big TXT \"%s\" \"%s\"\n" % (text[:200], text[200:]))
    out += ["%s A 192.0.2.1\n" % n for n in ("a", "bif", "bih", "big.big", "zz")]
    return "".join(out)


def octets(origin="octets.example."):
    """Names of 255 octets and labels with any octet."""
    out = [head(origin, 300, 300)]
    # ldns takes a label "@" inside rdata for the origin, however it is written.
    out += ["\\%03d.any A 192.0.2.1\n" % i for i in range(256) if i != ord("@")] + ["\\064\\064.any A 192.0.2.1\n"]
    out += ["\\000\\255\\.x\\000.any TXT \"x\"\n", "a\\.b.any TXT \"a dot\"\n"]
    room = 255 - sum(len(x) + 1 for x in origin.rstrip(".").split(".")) - 1
    labels = []
    while room > 1:
        n = min(63, room - 1)
        labels.append(n)
        room -= n + 1
    for c in "ab":
        out.append(".".join(c * n for n in labels) + " TXT \"255 octets\"\n")
    return "".join(out)


def tiny(origin="one.example."):
    """A zone with one name."""
    return "$ORIGIN %s\n@ 300 SOA ns.example. hostmaster.example. 1 3600 900 604800 60\n@ 300 NS ns.example.\n" % origin


def root():
    """The root zone as owner."""
    return ". 86400 SOA a.root. nstld. 1 1800 900 604800 86400\n. 518400 NS a.root.\na.root. 518400 A 192.0.2.3\n" \
           "org. 172800 NS ns.org.\nns.org. 172800 A 192.0.2.1\norg. 86400 DS 1 8 2 %064x\ncom. 172800 NS ns.org.\n" % 1
