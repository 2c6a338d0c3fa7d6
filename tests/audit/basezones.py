# SPDX-License-Identifier: BSD-3-Clause
"""The zones that faults are put into, and keys for them."""

from pysign import Key, Signed

ORIGIN = "example."
TEXT = """$ORIGIN example.
@ 3600 IN SOA ns1 hostmaster 2026010101 7200 900 604800 300
@ 3600 NS ns1
@ 3600 NS ns2.Sub2
@ 3600 NS ns.elsewhere.test.
@ 3600 A 192.0.2.1
@ 3600 MX 10 Mail
@ 3600 TXT "v=spf1 -all"
ns1 3600 A 192.0.2.2
ns1 3600 AAAA 2001:db8::2
www 300 A 192.0.2.10
www 300 A 192.0.2.11
www 300 AAAA 2001:db8::10
Mail 3600 A 192.0.2.12
alias 3600 CNAME WWW
*.wild 3600 A 192.0.2.20
*.wild 3600 TXT "wild"
host.*.wild 3600 TXT "below a wildcard"
a.b.c.deep 3600 TXT "deep"
x.c.deep 3600 TXT "deep, too"
_sip._tcp 3600 SRV 0 5 5060 mail
dn 3600 DNAME other.test.
dn 3600 TXT "beside a DNAME"
sub 3600 NS ns.sub
ns.sub 3600 A 192.0.2.30
ns.sub 3600 AAAA 2001:db8::30
sub2 3600 NS ns2.sub2
ns2.sub2 3600 A 192.0.2.31
x.empty 3600 NS ns.elsewhere.test.
sec 3600 NS ns.sec
sec 3600 DS 12345 13 2 0102030405060708091011121314151617181920212223242526272829303132
ns.sec 3600 A 192.0.2.32
sec2.two 3600 NS ns.elsewhere.test.
sec2.two 3600 DS 54321 13 2 0202030405060708091011121314151617181920212223242526272829303132
UPPER 3600 TXT "Upper"
back\\092slash\\.dot 3600 TXT "octets"
zero\\000octet 3600 TXT "zero"
caa 3600 CAA 0 issue "ca.test"
unknown 3600 TYPE65400 \\# 4 DEADBEEF
"""
SETUPS = ("csk", "split", "roll")
DENIALS = ("nsec", "nsec3", "optout")
_keys = {}


def distinct(algorithm, flags, others):
    """A key whose tag no other has, in revoked form either."""
    while True:
        key = Key(algorithm, flags)
        tags = {k.tag() for k in others} | {k.revoked().tag() for k in others}
        if key.tag() not in tags and key.revoked().tag() not in tags:
            return key


def keys(setup):
    if setup not in _keys:
        made = []
        for algorithm, flags in {"csk": [(13, 257)], "split": [(8, 257), (8, 256)],
                                 "roll": [(8, 257), (8, 256), (13, 257), (13, 256)]}[setup]:
            made.append(distinct(algorithm, flags, made))
        _keys[setup] = made
    return _keys[setup]


_zones = {}


def zone(denial, setup, now):
    if (denial, setup) not in _zones:
        _zones[(denial, setup)] = Signed(TEXT, ORIGIN, keys(setup), denial, now,
                                         salt=b"\xab\xcd" if denial == "optout" else b"",
                                         iterations=2 if denial == "optout" else 0)
    return _zones[(denial, setup)].clone()
