# SPDX-License-Identifier: BSD-3-Clause
"""A small DNSSEC signer for tests: dnspython for names and rdata, python3-cryptography for signatures, nothing of Duet's.

A Signed is a zone that can be taken apart: records may be changed, RRsets signed again one by one, the denial chain made
anew, so that a test breaks exactly one thing."""

import base64
import copy
import hashlib
import struct

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.RRSIG
import dns.zone
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

IN = dns.rdataclass.IN
T = dns.rdatatype
DAY = 86400
MADE = (T.RRSIG, T.NSEC, T.NSEC3, T.NSEC3PARAM, T.DNSKEY, T.CDS, T.CDNSKEY)     # by signing


def number(n, size):
    return n.to_bytes(size, "big")


class Key:
    """A key pair; flags 257, 256, or what a test wants."""

    def __init__(self, algorithm, flags, bits=2048):
        self.algorithm, self.flags, self.protocol = algorithm, flags, 3
        if algorithm in (8, 10):
            self.private = rsa.generate_private_key(65537, bits)
            n = self.private.public_key().public_numbers().n
            self.public = b"\x03\x01\x00\x01" + number(n, (n.bit_length() + 7) // 8)
        elif algorithm in (13, 14):
            self.private = ec.generate_private_key(ec.SECP256R1() if algorithm == 13 else ec.SECP384R1())
            n = self.private.public_key().public_numbers()
            size = 32 if algorithm == 13 else 48
            self.public = number(n.x, size) + number(n.y, size)
        else:
            self.private = (ed25519.Ed25519PrivateKey if algorithm == 15 else ed448.Ed448PrivateKey).generate()
            self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def wire(self):
        return struct.pack("!HBB", self.flags, self.protocol, self.algorithm) + self.public

    def rdata(self):
        wire = self.wire()
        return dns.rdata.from_wire(IN, T.DNSKEY, wire, 0, len(wire))

    def cdnskey(self):
        wire = self.wire()
        return dns.rdata.from_wire(IN, T.CDNSKEY, wire, 0, len(wire))

    def ds(self, origin, rdtype=T.DS):
        digest = hashlib.sha256(origin.canonicalize().to_wire() + self.wire()).digest()
        wire = struct.pack("!HBB", self.tag(), self.algorithm, 2) + digest
        return dns.rdata.from_wire(IN, rdtype, wire, 0, len(wire))

    def tag(self):
        wire = self.wire()
        total = sum(b if i & 1 else b << 8 for i, b in enumerate(wire))
        return (total + (total >> 16)) & 0xffff

    def sep(self):
        return bool(self.flags & 1)

    def revoked(self):
        other = copy.copy(self)
        other.flags |= 0x80
        return other

    def private_text(self):
        """As BIND keeps it in a file K*.private."""
        n = self.private.private_numbers()
        if self.algorithm in (8, 10):
            fields = (("Modulus", n.public_numbers.n), ("PublicExponent", n.public_numbers.e), ("PrivateExponent", n.d),
                      ("Prime1", n.p), ("Prime2", n.q), ("Exponent1", n.dmp1), ("Exponent2", n.dmq1), ("Coefficient", n.iqmp))
            fields = [(name, number(v, (v.bit_length() + 7) // 8)) for name, v in fields]
        else:
            fields = [("PrivateKey", number(n.private_value, 32 if self.algorithm == 13 else 48))]
        return "Private-key-format: v1.3\nAlgorithm: %d (%s)\n" % (self.algorithm, dns.dnssec.algorithm_to_text(self.algorithm)) + \
            "".join("%s: %s\n" % (name, base64.b64encode(octets).decode()) for name, octets in fields)

    def sign(self, data):
        if self.algorithm in (8, 10):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256() if self.algorithm == 8 else hashes.SHA512())
        if self.algorithm in (13, 14):
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(
                hashes.SHA256() if self.algorithm == 13 else hashes.SHA384())))
            size = 32 if self.algorithm == 13 else 48
            return number(r, size) + number(s, size)
        return self.private.sign(data)


def types_bitmap(types):
    windows = {}
    for t in types:
        windows.setdefault(t >> 8, set()).add(t & 255)
    out = []
    for w in sorted(windows):
        octets = bytearray(max(windows[w]) // 8 + 1)
        for bit in windows[w]:
            octets[bit // 8] |= 0x80 >> (bit % 8)
        out.append((w, bytes(octets)))
    return tuple(out)


def bitmap_wire(types):
    return b"".join(bytes([w, len(o)]) + o for w, o in types_bitmap(types))


def base32hex(digest):
    return base64.b32encode(digest).decode().translate(
        str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHIJKLMNOPQRSTUV")).lower()


class Signed:
    """records: {(owner, type): [ttl, [rdata]]}; the TTL of an RRSIG is its original TTL, or what sig_ttl says."""

    def __init__(self, text, origin, keys, denial="nsec", now=0, salt=b"", iterations=0, validity=21 * DAY):
        self.origin = dns.name.from_text(origin)
        self.keys, self.denial, self.now, self.salt, self.iterations = list(keys), denial, now, salt, iterations
        self.inception, self.expiration = now - 3600, now - 3600 + validity
        zone = dns.zone.from_text(text, self.origin, relativize=False, check_origin=False)
        self.records, self.sig_ttl, self.generic = {}, {}, set()
        self.more = self.more_input = ""        # lines of text besides
        for name, node in zone.items():
            for rdataset in node:
                self.records[(name, rdataset.rdtype)] = [rdataset.ttl, list(rdataset)]
        self.input = {k: [v[0], list(v[1])] for k, v in self.records.items()}
        self.put_keys(cds=True)
        if denial != "nsec":
            wire = bytes([1, 0]) + struct.pack("!HB", iterations, len(salt)) + salt
            self.put(self.origin, T.NSEC3PARAM, 0, [dns.rdata.from_wire(IN, T.NSEC3PARAM, wire, 0, len(wire))])
        self.chain()
        self.sign_all()

    @classmethod
    def signed_by_others(cls, origin, records, sig_ttl, keys, denial, now):
        """A zone that is signed already: new signatures begin and end with that of its SOA."""
        z = cls.__new__(cls)
        z.origin, z.records, z.sig_ttl, z.keys, z.denial, z.now = origin, records, sig_ttl, list(keys), denial, now
        z.generic, z.more, z.more_input = set(), "", ""
        z.input = {k: [v[0], list(v[1])] for k, v in records.items() if k[1] not in MADE}
        param = z.get(origin, T.NSEC3PARAM)
        z.salt, z.iterations = (param[0].salt, param[0].iterations) if param else (b"", 0)
        soa = [s for s in z.get(origin, T.RRSIG) if s.type_covered == T.SOA][0]
        z.inception, z.expiration = soa.inception, soa.expiration
        return z

    def clone(self):
        other = copy.copy(self)
        other.keys, other.sig_ttl, other.generic = list(self.keys), dict(self.sig_ttl), set(self.generic)
        other.records = {k: [v[0], list(v[1])] for k, v in self.records.items()}
        other.input = {k: [v[0], list(v[1])] for k, v in self.input.items()}
        return other

    # ---- records ----

    def name(self, text):
        return dns.name.from_text(text, self.origin) if text != "@" else self.origin

    def put(self, name, rdtype, ttl, rdatas):
        self.records[(name, rdtype)] = [ttl, list(rdatas)]

    def get(self, name, rdtype):
        return self.records.get((name, rdtype), [0, []])[1]

    def ttl(self, name, rdtype):
        return self.records[(name, rdtype)][0]

    def drop(self, name, rdtype, unsign=True):
        self.records.pop((name, rdtype), None)
        if unsign:
            self.unsign(name, rdtype)

    def put_keys(self, cds=False):
        ttl = 3600
        self.put(self.origin, T.DNSKEY, ttl, [k.rdata() for k in self.keys])
        if cds:
            seps = [k for k in self.keys if k.sep() and not k.flags & 0x80]
            self.put(self.origin, T.CDS, ttl, [k.ds(self.origin, T.CDS) for k in seps])
            self.put(self.origin, T.CDNSKEY, ttl, [k.cdnskey() for k in seps])

    # ---- what is authoritative ----

    def names(self):
        return sorted({n for n, t in self.records})

    def is_cut(self, name):
        return name != self.origin and (name, T.NS) in self.records

    def below(self, name):
        """NS or DNAME of an ancestor that hides the name, or None."""
        parent = name
        while parent != self.origin and parent.is_subdomain(self.origin):
            parent = parent.parent()
            if self.is_cut(parent):
                return T.NS
            if (parent, T.DNAME) in self.records:
                return T.DNAME
        return None

    def is_hash(self, name):
        return (name, T.NSEC3) in self.records

    def authoritative(self, name, rdtype):
        if rdtype == T.RRSIG or not name.is_subdomain(self.origin):
            return False
        if rdtype == T.NSEC3:
            return True
        if self.below(name):
            return False
        return not self.is_cut(name) or rdtype in (T.DS, T.NSEC)

    def owners(self):
        """Names that have data which denial shows."""
        return [n for n in self.names() if n.is_subdomain(self.origin) and not self.below(n) and
                any((n, t) in self.records for t in self.types(n) if t not in (T.RRSIG, T.NSEC, T.NSEC3))]

    def types(self, name):
        return {t for n, t in self.records if n == name}

    # ---- signatures ----

    def signers(self, rdtype):
        """Keys for an RRset: by algorithm SEP keys for the keys, the others for data; all where there is one kind."""
        chosen = []
        for algorithm in sorted({k.algorithm for k in self.keys}):
            mine = [k for k in self.keys if k.algorithm == algorithm and not (k.flags & 0x80 and rdtype != T.DNSKEY)]
            wanted = [k for k in mine if k.sep() == (rdtype == T.DNSKEY)]
            chosen += mine if rdtype in (T.CDS, T.CDNSKEY) else wanted or mine
        return chosen

    def unsign(self, name, rdtype):
        entry = self.records.get((name, T.RRSIG))
        if entry:
            entry[1] = [s for s in entry[1] if s.type_covered != rdtype]
            if not entry[1]:
                del self.records[(name, T.RRSIG)]

    def rrsig(self, name, rdtype, key, **field):
        """field: labels, original_ttl, expiration, inception, key_tag, signer, algorithm, type_covered, records_name: what is
        written, and signed; mangle: changes the signature."""
        ttl, rdatas = self.records.get((name, rdtype), [3600, []])
        f = dict(type_covered=rdtype, algorithm=key.algorithm,
                 labels=len(name.labels) - 1 - (1 if name.is_wild() else 0), original_ttl=ttl, expiration=self.expiration,
                 inception=self.inception, key_tag=key.tag(), signer=self.origin)
        mangle = field.pop("mangle", lambda s: s)
        over = field.pop("over", None)
        f.update(field)
        head = struct.pack("!HBBIIIH", f["type_covered"], f["algorithm"], f["labels"], f["original_ttl"],
                           f["expiration"] & 0xffffffff, f["inception"] & 0xffffffff, f["key_tag"])
        head += f["signer"].canonicalize().to_wire()
        data = head
        for wire in sorted(r.to_digestable(self.origin) for r in (rdatas if over is None else over)):
            data += name.canonicalize().to_wire() + struct.pack("!HHIH", rdtype, IN, f["original_ttl"], len(wire)) + wire
        wire = head + mangle(key.sign(data))
        return dns.rdata.from_wire(IN, T.RRSIG, wire, 0, len(wire))

    def add_sig(self, name, sig):
        self.records.setdefault((name, T.RRSIG), [0, []])[1].append(sig)

    def sign(self, name, rdtype, keys=None, **field):
        self.unsign(name, rdtype)
        for key in keys if keys is not None else self.signers(rdtype):
            self.add_sig(name, self.rrsig(name, rdtype, key, **field))

    def sign_all(self):
        for name, rdtype in list(self.records):
            if self.authoritative(name, rdtype):
                self.sign(name, rdtype)

    # ---- denial ----

    def bitmap_types(self, name):
        if self.is_cut(name):
            types = {t for t in self.types(name) if t in (T.NS, T.DS)}
            signed = T.DS in types or self.denial == "nsec"
        else:
            types = {t for t in self.types(name) if t not in (T.RRSIG, T.NSEC, T.NSEC3)}
            signed = bool(types)
        if signed:
            types.add(T.RRSIG)
        if self.denial == "nsec":
            types.add(T.NSEC)
        return types

    def denial_ttl(self):
        entry = self.records[(self.origin, T.SOA)]
        return min(entry[0], entry[1][0].minimum)

    def put_nsec(self, name, following, types=None):
        wire = following.to_wire() + bitmap_wire(self.bitmap_types(name) if types is None else types)
        self.put(name, T.NSEC, self.denial_ttl(), [dns.rdata.from_wire(IN, T.NSEC, wire, 0, len(wire))])

    def hash(self, name, salt=None, iterations=None):
        salt = self.salt if salt is None else salt
        digest = hashlib.sha1(name.canonicalize().to_wire() + salt).digest()
        for _ in range(self.iterations if iterations is None else iterations):
            digest = hashlib.sha1(digest + salt).digest()
        return digest

    def hash_name(self, name):
        return dns.name.from_text(base32hex(self.hash(name)), self.origin)

    def put_nsec3(self, digest, following, types, flags=None, salt=None, iterations=None, algorithm=1):
        flags = (1 if self.denial == "optout" else 0) if flags is None else flags
        salt = self.salt if salt is None else salt
        iterations = self.iterations if iterations is None else iterations
        wire = struct.pack("!BBHB", algorithm, flags, iterations, len(salt)) + salt + bytes([len(following)]) + following
        wire += bitmap_wire(types)
        owner = dns.name.from_text(base32hex(digest), self.origin)
        self.put(owner, T.NSEC3, self.denial_ttl(), [dns.rdata.from_wire(IN, T.NSEC3, wire, 0, len(wire))])
        return owner

    def hashed(self):
        """{hash: (name, types)} of all names and empty non-terminals that have an NSEC3."""
        out, secure = {}, set()
        for name in self.owners():
            insecure = self.is_cut(name) and (name, T.DS) not in self.records
            if insecure and self.denial == "optout":
                continue
            out[self.hash(name)] = (name, self.bitmap_types(name))
            secure.add(name)
        for name in list(secure):
            parent = name
            while parent != self.origin:
                parent = parent.parent()
                out.setdefault(self.hash(parent), (parent, set()))
        return out

    def clear_chain(self):
        for name, rdtype in list(self.records):
            if rdtype in (T.NSEC, T.NSEC3):
                self.drop(name, rdtype)

    def chain(self):
        self.clear_chain()
        if self.denial == "nsec":
            owners = self.owners()
            for i, name in enumerate(owners):
                self.put_nsec(name, owners[(i + 1) % len(owners)])
            return
        all_hashes = self.hashed()
        digests = sorted(all_hashes)
        for i, digest in enumerate(digests):
            self.put_nsec3(digest, digests[(i + 1) % len(digests)], all_hashes[digest][1])

    def rechain(self):
        """Data has changed: the chain anew.  What of it is as before keeps its signatures, as a signer does."""
        types = (T.NSEC, T.NSEC3)
        before = {k: v for k, v in self.records.items() if k[1] in types}
        sigs = {k: [s for s in self.get(k[0], T.RRSIG) if s.type_covered == k[1]] for k in before}
        self.chain()
        for name, rdtype in [k for k in self.records if k[1] in types]:
            if before.get((name, rdtype)) == self.records[(name, rdtype)] and sigs[(name, rdtype)]:
                for sig in sigs[(name, rdtype)]:
                    self.add_sig(name, sig)
            else:
                self.sign(name, rdtype)

    # ---- output ----

    @staticmethod
    def text_of(records, sig_ttl, generic):
        lines = []
        for (name, rdtype), (ttl, rdatas) in sorted(records.items(), key=lambda x: (x[0][0], x[0][1])):
            for r in rdatas:
                if rdtype == T.RRSIG:
                    ttl = sig_ttl.get((name, r.type_covered), r.original_ttl)
                if (name, rdtype) in generic:       # as in RFC 3597, where text loses something
                    wire = r.to_digestable()
                    lines.append("%s %d IN TYPE%d \\# %d %s\n" % (name.to_text(), ttl, rdtype, len(wire), wire.hex()))
                else:
                    lines.append("%s %d IN %s %s\n" % (name.to_text(), ttl, T.to_text(rdtype), r.to_text()))
        return "".join(lines)

    def text(self):
        soa = {k: v for k, v in self.records.items() if k == (self.origin, T.SOA)}
        rest = {k: v for k, v in self.records.items() if k not in soa}
        return self.text_of(soa, self.sig_ttl, self.generic) + self.text_of(rest, self.sig_ttl, self.generic) + self.more

    def input_text(self):
        return self.text_of(self.input, {}, ()) + self.more_input
