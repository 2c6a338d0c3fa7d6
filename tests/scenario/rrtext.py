# SPDX-License-Identifier: BSD-3-Clause
"""Records by chance, in text: one function a type; and what happens to text on its way through people's hands."""

import base64
import string

LABEL = string.ascii_letters + string.digits + "-_"


class Text:
    """Words of rdata from a source of chance."""

    def __init__(self, chance):
        self.c = chance

    def one(self, *words):
        return self.c.choice(words)

    def num(self, most, least=0):
        return str(self.c.choice([least, most, self.c.randint(least, most), self.c.randint(least, min(most, 300))]))

    u8 = property(lambda self: self.num(255))
    u16 = property(lambda self: self.num(65535))
    u32 = property(lambda self: self.num(4294967295))

    def ttl(self):
        return self.one(self.u32, "1h30m", "2w", "1d", "60s", "0", "1W2D3h4M5S")

    def label(self):
        n = self.c.choice([1, 3, 8, 20, 63])
        return "".join(self.c.choice(LABEL) for _ in range(n))

    def name(self):
        labels = [self.label() for _ in range(self.c.randint(1, 3))]
        if self.c.random() < 0.2:
            labels[0] = self.one("\\046a", "a\\.b", "\\000", "x\\032y", "\\\\", "*", "A\\;", "\\@", "\\255\\065")
        return self.one(".".join(labels), ".".join(labels) + ".", ".", "@", labels[0])

    def string(self, room=255):
        n = self.c.choice([0, 1, 5, 30, 200, 255])
        plain = "".join(self.c.choice(LABEL + ".:/=+!") for _ in range(max(1, min(n, room))))
        rich = "".join(self.c.choice(["a", "B", " ", "\\\"", "\\\\", "\\065", "\\255", "\\000", ";", "(", ")", "\t", "\\;", "@", "$"])
                       for _ in range(min(n, room)))
        return self.one(plain, '"%s"' % plain, '"%s"' % rich)

    def strings(self, most=4):
        return " ".join(self.string() for _ in range(self.c.randint(1, most)))

    def octets(self, n=None):
        return bytes(self.c.randrange(256) for _ in range(self.c.choice([1, 2, 20, 32, 48, 64]) if n is None else n))

    def hex(self, n=None):
        text = self.octets(n).hex()
        text = self.one(text, text.upper())
        return self.one(text, text, text[:4] + " " + text[4:] if len(text) > 4 else text)

    def b64(self, n=None, blanks=True):
        text = base64.b64encode(self.octets(n)).decode()
        return self.one(text, text[:8] + " " + text[8:]) if blanks and len(text) > 8 else text

    def ip4(self):
        return ".".join(self.u8 for _ in range(4))

    def ip6(self):
        g = ["%x" % self.c.choice([0, 1, 0xffff, self.c.randrange(65536)]) for _ in range(8)]
        return self.one(":".join(g), ":".join(x.zfill(4) for x in g), "::", "::1", ":".join(g[:3]) + "::" + g[7], g[0] + "::",
                        "::ffff:192.0.2.1", ":".join(g[:7]) + "::", ":".join(g[:6]) + ":10.0.0.1", ":".join(g).upper())

    def type(self):
        return self.one("A", "ns", "MX", "TYPE65280", "AAAA", "CAA", "TYPE1", "RRSIG", "NSEC", "HTTPS")

    def types(self):
        return " ".join(self.type() for _ in range(self.c.randint(0, 5)))

    def alg(self):
        return self.one("8", "13", "RSASHA256", "ECDSAP256SHA256", "ed25519", "253", "0", "255", "RSASHA1")

    def metres(self):
        return self.one("%d" % self.c.randint(0, 90000), "%d.%02dm" % (self.c.randint(0, 90000), self.c.randint(0, 99)), "0m", "1m",
                        "%d.%dm" % (self.c.randint(0, 9), self.c.randint(0, 9)), "90000000m")

    def angle(self, most, letters):
        d = self.c.randint(0, most - 1)
        return "%s %s" % (self.one("%d" % d, "%d %d" % (d, self.c.randint(0, 59)),
                                   "%d %d %d.%03d" % (d, self.c.randint(0, 59), self.c.randint(0, 59), self.c.randint(0, 999)),
                                   "%d %02d %02d" % (d, self.c.randint(0, 59), self.c.randint(0, 59))), self.c.choice(letters))

    def prefix(self):
        return self.one("", "!") + self.one("1:%s/%d" % (self.ip4(), self.c.randint(0, 32)),
                                            "2:%s/%d" % (self.ip6(), self.c.randint(0, 128)))

    def ds(self):
        kind, n = self.c.choice([(1, 20), (2, 32), (4, 48), (9, 7)])
        return "%s %s %d %s" % (self.u16, self.alg(), kind, self.hex(n))

    def salt(self):
        return self.one("-", self.octets(self.c.choice([1, 4, 8])).hex(), self.octets(4).hex().upper())

    def hash32(self):
        return base64.b32hexencode(self.octets(20)).decode().lower()

    def generic(self):
        n = self.c.choice([1, 4, 60])
        return join("\\#", str(n), self.hex(n))

    def gateway(self):
        return self.c.choice([("0", "."), ("1", self.ip4()), ("2", self.ip6()), ("3", self.name())])

    def param(self):
        return self.one("alpn=h2,h3", 'alpn="h2"', "port=" + self.u16, "no-default-alpn", "ipv4hint=" + self.ip4(),
                        "ipv6hint=2001:db8::1,2001:db8::2", "key%d=%s" % (self.c.randint(9, 65534), self.label()), "key%s" % self.u16,
                        'key667="hello\\210qoo"', "ech=AEP+DQA/", "dohpath=/q{?dns}", "mandatory=alpn", "mandatory=port,alpn",
                        'ipv4hint="192.0.2.1,192.0.2.2"', "ipv6hint=::ffff:1.2.3.4", "key7=/a{?dns}")

    def svcb(self):
        return " ".join([self.one("0", self.u16, "1"), self.name()] + [self.param() for _ in range(self.c.randint(0, 4))])

    def eui(self, n):
        return "-".join("%02x" % self.c.randrange(256) for _ in range(n))

    def ilnp(self):
        return ":".join(self.one("%x", "%04x", "%04X") % self.c.randrange(65536) for _ in range(4))


def join(*words):
    return " ".join(words)


TYPES = {
    "A": lambda t: t.ip4(),
    "NS": lambda t: t.name(),
    "MD": lambda t: t.name(),
    "MF": lambda t: t.name(),
    "CNAME": lambda t: t.name(),
    "MB": lambda t: t.name(),
    "MG": lambda t: t.name(),
    "MR": lambda t: t.name(),
    "PTR": lambda t: t.name(),
    "WKS": lambda t: join(t.ip4(), t.one("6", "17", "TCP", "udp", t.u8), t.one("25", "53 80 443", "", "0", "65535", "domain")),
    "HINFO": lambda t: join(t.string(), t.string()),
    "MINFO": lambda t: join(t.name(), t.name()),
    "MX": lambda t: join(t.u16, t.name()),
    "TXT": lambda t: t.strings(),
    "RP": lambda t: join(t.name(), t.name()),
    "AFSDB": lambda t: join(t.u16, t.name()),
    "X25": lambda t: t.one("1234", "311061700956", '"31106170"'),
    "ISDN": lambda t: t.one(t.string(), join(t.string(), t.string())),
    "RT": lambda t: join(t.u16, t.name()),
    "NSAP": lambda t: "0x" + t.one(t.octets().hex(), ".".join([t.octets().hex(), t.octets().hex()])),
    "NSAP-PTR": lambda t: t.name(),
    "SIG": lambda t: join(t.type(), t.alg(), t.u8, t.u32, "20240101000000", "20230101000000", t.u16, t.name(), t.b64()),
    "KEY": lambda t: join(t.one("0", "256", "512", "257"), t.u8, t.alg(), t.b64()),
    "PX": lambda t: join(t.u16, t.name(), t.name()),
    "GPOS": lambda t: join("-22.6882", "116.8652", t.one("250.0", '"10.0"')),
    "AAAA": lambda t: t.ip6(),
    "LOC": lambda t: join(t.angle(90, "NS"), t.angle(180, "EW"), t.one("", "-") + t.metres(),
                          " ".join(t.metres() for _ in range(t.c.randint(0, 3)))),
    "NXT": lambda t: join(t.name(), t.one("A", "A NS", "NXT", "A MX TXT AAAA", "TYPE127")),
    "EID": lambda t: t.hex(),
    "NIMLOC": lambda t: t.hex(),
    "SRV": lambda t: join(t.u16, t.u16, t.u16, t.name()),
    "ATMA": lambda t: t.one("+61200000000", t.octets().hex()),
    "NAPTR": lambda t: join(t.u16, t.u16, t.one('"s"', "u", '""', '"A1"'), t.string(), t.one('""', '"!^.*$!sip:x@y!"'), t.name()),
    "KX": lambda t: join(t.u16, t.name()),
    "CERT": lambda t: join(t.one("PKIX", "1", "PGP", "65534", "URI", t.u16), t.u16, t.alg(), t.b64()),
    "A6": lambda t: t.one(join("0", t.ip6()), join("128", t.name()), join("64", "::" + "ffff", t.name())),
    "DNAME": lambda t: t.name(),
    "SINK": lambda t: join(t.u8, t.u8, t.u8, t.one("", t.b64())),
    "APL": lambda t: " ".join(t.prefix() for _ in range(t.c.randint(0, 4))),
    "SSHFP": lambda t: t.one(join(t.u8, "1", t.hex(20)), join(t.u8, "2", t.hex(32)), join(t.u8, "9", t.hex())),
    "IPSECKEY": lambda t: (lambda g: join(t.u8, g[0], t.u8, g[1], t.b64()))(t.gateway()),
    "DHCID": lambda t: t.b64(),
    "TLSA": lambda t: join(t.u8, t.u8, t.u8, t.hex()),
    "SMIMEA": lambda t: join(t.u8, t.u8, t.u8, t.hex()),
    "HIP": lambda t: join(t.u8, t.octets(16).hex(), t.b64(blanks=False), " ".join(t.name() for _ in range(t.c.randint(0, 2)))),
    "NINFO": lambda t: t.strings(),
    "RKEY": lambda t: join("0", t.u8, t.alg(), t.b64()),
    "TALINK": lambda t: join(t.name(), t.name()),
    "OPENPGPKEY": lambda t: t.b64(),
    "CSYNC": lambda t: join(t.u32, t.u16, t.types()),
    "SVCB": lambda t: t.svcb(),
    "HTTPS": lambda t: t.svcb(),
    "DSYNC": lambda t: join(t.type(), t.one("NOTIFY", "1", t.u8), t.u16, t.name()),
    "HHIT": lambda t: t.b64(),
    "BRID": lambda t: t.b64(),
    "SPF": lambda t: t.strings(),
    "NID": lambda t: join(t.u16, t.ilnp()),
    "L32": lambda t: join(t.u16, t.ip4()),
    "L64": lambda t: join(t.u16, t.ilnp()),
    "LP": lambda t: join(t.u16, t.name()),
    "EUI48": lambda t: t.eui(6),
    "EUI64": lambda t: t.eui(8),
    "URI": lambda t: join(t.u16, t.u16, t.one('"https://example/"', '"a b;c"', '"\\255"')),
    "CAA": lambda t: join(t.one("0", "128", t.u8), t.one("issue", "IODEF", "tbs", "x1"), t.string()),
    "AVC": lambda t: t.strings(),
    "DOA": lambda t: join(t.u32, t.u32, t.u8, t.string(), t.one("-", t.b64())),
    "AMTRELAY": lambda t: (lambda g: join(t.u8, t.one("0", "1"), g[0], g[1]))(t.gateway()),
    "RESINFO": lambda t: t.strings(),
    "WALLET": lambda t: t.strings(),
    "TA": lambda t: t.ds(),
    "DLV": lambda t: t.ds(),
    "DS": lambda t: t.ds(),
    "CDS": lambda t: t.one(t.ds(), "0 0 0 00"),
    "DNSKEY": lambda t: join(t.one("256", "257", "385", "0"), "3", t.alg(), t.b64()),
    "CDNSKEY": lambda t: t.one(join(t.one("256", "257", "0"), "3", t.alg(), t.b64()), "0 3 0 AA=="),
    "RRSIG": lambda t: join(t.type(), t.alg(), t.u8, t.u32, t.one("20400101000000", "2208988800", "20991231235959"),
                            t.one("20230101000000", "1672531200"), t.u16, t.name(), t.b64()),
    "NSEC": lambda t: join(t.name(), t.types()),
    "NSEC3": lambda t: join(t.one("1", t.u8), t.one("0", "1", t.u8), t.u16, t.salt(), t.hash32(), t.types()),
    "NSEC3PARAM": lambda t: join(t.one("1", t.u8), t.one("0", t.u8), t.u16, t.salt()),
    "ZONEMD": lambda t: join(t.u32, t.one("1", t.u8), t.one("1 " + t.hex(48), "2 " + t.hex(64), "240 " + t.hex(20))),
    "CLA": lambda t: t.strings(),
    "NULL": lambda t: t.generic(),
    "UINFO": lambda t: t.generic(),
    "UID": lambda t: t.generic(),
    "GID": lambda t: t.generic(),
    "UNSPEC": lambda t: t.generic(),
    "IPN": lambda t: t.generic(),
    "TYPE65280": lambda t: t.generic(),
    "TYPE1": lambda t: join("\\# 4", t.hex(4)),
    "CLASS1 TYPE16": lambda t: "\\# 4 03616263",
}


def head(t):
    """TTL, class, in any order, or none."""
    return t.one("", "", "", "IN ", "60 ", "1h IN ", "IN 7 ", "in ", "2147483647 ", "CLASS1 5 ")


def mutate(text, c):
    """One to three small accidents; never in the way lines end."""
    pieces = list(text)
    for _ in range(c.randint(1, 3)):
        i = c.randrange(len(pieces) + 1)
        what = c.randrange(6)
        if what == 0 and pieces:
            del pieces[min(i, len(pieces) - 1)]
        elif what == 1:
            pieces.insert(i, c.choice(list("0189afzAZ.-_/:=+\\ @*$!#,") + ["\\0", "\\2", " ", " x", "99999", "\t"]))
        elif what == 2 and pieces:
            pieces[min(i, len(pieces) - 1)] = c.choice("0aZ.:-= \\")
        elif what == 3:
            words = "".join(pieces).split(" ")
            del words[c.randrange(len(words))]
            pieces = list(" ".join(words))
        elif what == 4:
            words = "".join(pieces).split(" ")
            words.insert(c.randrange(len(words) + 1), c.choice(["0", "-1", "65536", "256", "4294967296", ".", "@", '""', "\\#", "a" * 64]))
            pieces = list(" ".join(words))
        elif what == 5 and len(pieces) > 1:
            j = min(i, len(pieces) - 2)
            pieces[j], pieces[j + 1] = pieces[j + 1], pieces[j]
    return "".join(pieces)


def is_one_line(text):
    """Quotes are closed and stand around words, parentheses are quoted: so the lines around it are what they were."""
    quoted, i = False, 0
    while i < len(text):
        if text[i] == "\\":
            i += 1
        elif text[i] == '"':
            if not quoted and text[i - 1] not in " \t=" or quoted and text[i + 1:i + 2] not in ("", " ", "\t"):
                return False
            quoted = not quoted
        elif text[i] in "();" and not quoted:
            return False
        i += 1
    return not quoted and i == len(text)
