# SPDX-License-Identifier: BSD-3-Clause
"""Single ways to break a good zone, at least one for each row of the auditor.

A fault gets a Case whose zone is good, and breaks it in one way; what the break needs besides (the chain, the signatures of
the RRset that changed) is made good again, so that nothing but the fault is there to be found."""

import hashlib

import dns.name
import dns.rdata
import dns.rdatatype

import basezones
from pysign import DAY, IN, T, Key, Signed

NSEC_ONLY, NSEC3_ONLY, OPTOUT_ONLY, HASHED = ("nsec",), ("nsec3",), ("optout",), ("nsec3", "optout")
ALL = ("nsec", "nsec3", "optout")
FAULTS = []


class Case:
    """A zone, its input, and what the auditor is told besides."""

    def __init__(self, denial, setup, now):
        self.denial, self.setup, self.now = denial, setup, now
        self.z = basezones.zone(denial, setup, now)
        self.plan, self.policy = None, None
        self.before = []        # (Signed, seconds ago): versions published before
        self.ours = None        # Signed: what our signer publishes, where the zone is another's
        self.text = None        # of the signed zone, where it is not that of z
        self.input_text = None  # the same of the input
        self.at = now
        self.remembers = False  # a folder for the past, if with nothing in it

    # ---- shorthands ----

    def name(self, text):
        return self.z.name(text)

    def rdata(self, rdtype, text):
        return dns.rdata.from_text(IN, rdtype, text, origin=self.z.origin, relativize=False)

    def both(self, name, rdtype, ttl, texts):
        """Into input and zone."""
        rdatas = [self.rdata(rdtype, t) for t in texts]
        self.z.put(self.name(name), rdtype, ttl, rdatas)
        self.z.input[(self.name(name), rdtype)] = [ttl, list(rdatas)]

    def changed(self, name, rdtype):
        """After a change of an RRset: its signatures and the chain."""
        name = self.name(name) if isinstance(name, str) else name
        self.z.unsign(name, rdtype)
        if (name, rdtype) in self.z.records and self.z.authoritative(name, rdtype):
            self.z.sign(name, rdtype)
        self.z.rechain()

    def wire(self, rdtype, wire):
        return dns.rdata.from_wire(IN, rdtype, wire, 0, len(wire))

    def edit_wire(self, name, rdtype, change, which=0):
        """Changes the rdata's octets and signs again."""
        name = self.name(name) if isinstance(name, str) else name
        rdatas = self.z.records[(name, rdtype)][1]
        rdatas[which] = self.wire(rdtype, change(rdatas[which].to_digestable(self.z.origin)))
        self.z.sign(name, rdtype)

    def policy_text(self, **options):
        base = {"max-ttl-signed": "7d", "nsec3-iterations": 10, "nsec3-salt-len": 8, "validity": "30d", "keys": "ksk+zsk",
                "denial": {"nsec": "nsec", "nsec3": "nsec3", "optout": "nsec3-optout"}[self.denial],
                "algorithm": 8 if self.setup == "split" else 13}
        if self.setup == "csk":
            base["keys"] = "csk"
        base.update({k.replace("_", "-"): v for k, v in options.items()})
        self.policy = "".join("%s: %s\n" % item for item in base.items())

    def published(self, seconds_ago=10 * DAY, change=None, **soa):
        """This zone as it is now was published before; the zone gets a higher serial."""
        old = self.z.clone()
        old.now = self.now - seconds_ago
        old.inception, old.expiration = old.now - 3600, old.now + 20 * DAY
        if change:
            change(old)
        old.sign_all()
        self.before.append((old, seconds_ago))
        self.serial(self.get_serial() + 1)

    def seeded(self, **words):
        """Nothing was published here; others publish its keys."""
        self.remembers = True
        seeds = [{"dnskey": k.rdata().to_text(), "visible": True, "used": True, "retired": False} for k in self.z.keys]
        for seed in seeds:
            seed.update(words)
        self.good_plan()["seeds"] = seeds

    def get_serial(self):
        return self.z.get(self.z.origin, T.SOA)[0].serial

    def serial(self, serial):
        soa = self.z.get(self.z.origin, T.SOA)[0]
        self.z.put(self.z.origin, T.SOA, self.z.ttl(self.z.origin, T.SOA), [soa.replace(serial=serial)])
        self.z.sign(self.z.origin, T.SOA)

    def good_plan(self):
        """What is there is what was planned."""
        self.plan = {"dnskey": [k.rdata().to_text() for k in self.z.keys],
                     "cds": [r.to_text() for r in self.z.get(self.z.origin, T.CDS)],
                     "cdnskey": [r.to_text() for r in self.z.get(self.z.origin, T.CDNSKEY)],
                     "ds": [k.ds(self.z.origin).to_text() for k in self.z.keys if k.sep()]}
        return self.plan

    def new_keys(self, keys):
        self.z.keys = list(keys)
        self.z.put_keys(cds=True)
        for t in (T.DNSKEY, T.CDS, T.CDNSKEY):
            self.z.sign(self.z.origin, t)

    def extra_key(self, algorithm, flags):
        return basezones.distinct(algorithm, flags, self.z.keys)

    def data_key(self):
        return self.z.signers(T.A)[0]


class Fault:
    def __init__(self, row, also, denials, setups, make):
        self.row, self.also, self.denials, self.setups, self.make = row, set(also), denials, setups, make
        self.name = make.__name__.replace("_", " ")
        self.title = make.__doc__ or self.name


def fault(row, also=(), denials=ALL, setups=basezones.SETUPS):
    def add(make):
        FAULTS.append(Fault("AUD-" + row, ["AUD-" + a for a in also], denials, setups, make))
        return make
    return add


def swap_words(public):
    """Another key of the same tag: two 16-bit words of the modulus change places (RFC 4034 appendix B adds them)."""
    a, b = 40, 60
    assert public[a:a + 2] != public[b:b + 2]
    return public[:a] + public[b:b + 2] + public[a + 2:b] + public[a:a + 2] + public[b + 2:]


# ---- frame ----

@fault("FRAME-01", ("CONTENT-01", "NSEC-04", "NSEC3-07"))
def no_soa(c):
    c.z.drop(c.z.origin, T.SOA)


@fault("FRAME-01", ("CONTENT-02",))
def two_soas(c):
    soa = c.z.get(c.z.origin, T.SOA)[0]
    c.z.put(c.z.origin, T.SOA, 3600, [soa, soa.replace(serial=soa.serial + 1)])
    c.z.sign(c.z.origin, T.SOA)


@fault("FRAME-02")
def soa_below_the_apex(c):
    c.both("www", T.SOA, 300, ["ns1 hostmaster 1 7200 900 604800 300"])
    c.changed("www", T.SOA)


@fault("FRAME-03", ("FRAME-01", "CONTENT-01", "KEY-09", "NSEC-01"))
def empty_file(c):
    c.text = ""


@fault("FRAME-03", ("CONTENT-01", "NSEC-06", "NSEC-01", "RRSIG-02", "NSEC3-08", "NSEC3-05", "RRSIG-04", "RRSIG-01", "NSEC-05",
                    "NSEC-04", "NSEC3-07", "NSEC-02", "NSEC3-06", "NSEC3-10", "NSEC3-11"))
def cut_in_the_middle_of_a_line(c):
    text = c.z.text()
    c.text = text[:len(text) * 3 // 4].rstrip("\n")


@fault("FRAME-01", ("CONTENT-06", "CONTENT-01", "CONTENT-02", "NSEC-04", "NSEC3-07"), setups=("csk", "split"))
def soa_of_another_zone(c):
    soa = c.z.get(c.z.origin, T.SOA)[0].to_text()
    c.z.drop(c.z.origin, T.SOA)
    c.z.more = "elsewhere.test. 3600 IN SOA %s\n" % soa


@fault("FRAME-03", ("CONTENT-02",), setups=("csk",))
def empty_input(c):
    c.input_text = ""


@fault("FRAME-03", ("CONTENT-02", "CONTENT-04", "CONTENT-12"), setups=("csk", "split"))
def input_cut_in_the_middle_of_a_line(c):
    text = c.z.input_text()
    c.input_text = text[:len(text) * 3 // 4].rstrip("\n")


@fault("FRAME-04", setups=("csk",))
def half_of_the_records_gone_since_the_last_version(c):
    c.policy_text(change_warn=10)

    def more(old):
        for i in range(80):
            old.put(old.name("more%d" % i), T.TXT, 300, [c.rdata(T.TXT, '"x"')])
            old.input[(old.name("more%d" % i), T.TXT)] = old.records[(old.name("more%d" % i), T.TXT)]
        old.chain()
    c.published(change=more)


@fault("FRAME-04", setups=("csk", "split"))
def texts_are_half_as_long_as_in_the_last_version(c):
    """as many records as before"""
    c.policy_text(change_warn=10)

    def longer(old):
        name = old.name("caa")
        old.put(name, T.CAA, 3600, [c.rdata(T.CAA, '0 issue "%s.test"' % ("x" * 200))])
        old.input[(name, T.CAA)] = old.records[(name, T.CAA)]
    for i in range(4):
        c.both("long%d" % i, T.TXT, 300, ['"x"'])
        c.changed("long%d" % i, T.TXT)
    c.published(change=lambda old: [longer(old)] + [old.put(old.name("long%d" % i), T.TXT, 300, [c.rdata(T.TXT, '"%s"' % ("x" * 200))])
                                                    for i in range(4)])


@fault("FRAME-04", setups=("csk",))
def more_records_gone_than_policy_allows(c):
    half_of_the_records_gone_since_the_last_version(c)
    c.policy_text(change_refuse=30)


@fault("FRAME-05")
def no_ns_at_the_apex(c):
    c.z.drop(c.z.origin, T.NS)
    del c.z.input[(c.z.origin, T.NS)]
    c.z.rechain()


@fault("FRAME-06", setups=("csk", "split"))
def rrset_that_fits_into_no_message(c):
    c.both("big", T.TXT, 300, ['"%s" "%04d"' % ("x" * 250, i) for i in range(260)])
    c.changed("big", T.TXT)


@fault("FRAME-06", ("FRAME-04",), setups=("csk",))
def glue_that_fits_into_no_message(c):
    c.both("ns.sub", T.A, 300, ["10.0.%d.%d" % (i // 250, i % 250) for i in range(4200)])


@fault("FRAME-06", setups=("csk",))
def signatures_that_fit_into_no_message(c):
    for i in range(700):
        c.z.add_sig(c.name("www"), c.z.rrsig(c.name("www"), T.A, c.data_key(), inception=c.z.inception - i - 1))


# ---- content ----

@fault("CONTENT-01")
def name_dropped(c):
    c.z.drop(c.name("caa"), T.CAA)
    c.z.rechain()


@fault("CONTENT-01")
def one_address_of_two_dropped(c):
    c.z.get(c.name("www"), T.A).pop()
    c.changed("www", T.A)


@fault("CONTENT-01")
def rrset_dropped(c):
    c.z.drop(c.name("www"), T.AAAA)
    c.z.rechain()


@fault("CONTENT-01")
def glue_dropped(c):
    c.z.drop(c.name("ns.sub"), T.AAAA)


@fault("CONTENT-01", setups=("split",))
def delegation_dropped(c):
    c.z.drop(c.name("x.empty"), T.NS)
    c.z.rechain()


@fault("CONTENT-01", setups=("split",))
def ds_dropped(c):
    c.z.drop(c.name("sec"), T.DS)
    c.z.rechain()


@fault("CONTENT-02")
def name_added(c):
    c.z.put(c.name("evil"), T.A, 300, [c.rdata(T.A, "192.0.2.66")])
    c.changed("evil", T.A)


@fault("CONTENT-02")
def address_added(c):
    c.z.get(c.name("www"), T.A).append(c.rdata(T.A, "192.0.2.66"))
    c.changed("www", T.A)


@fault("CONTENT-02")
def glue_added(c):
    c.z.put(c.name("ns.sub"), T.A, 3600, [c.rdata(T.A, "192.0.2.30"), c.rdata(T.A, "192.0.2.66")])


@fault("CONTENT-01", ("CONTENT-02",))
def address_changed(c):
    c.z.put(c.name("Mail"), T.A, 3600, [c.rdata(T.A, "192.0.2.66")])
    c.changed("Mail", T.A)


@fault("CONTENT-01", ("CONTENT-02",))
def one_bit_of_a_type_that_nobody_knows(c):
    name = c.name("unknown")
    c.z.put(name, dns.rdatatype.from_text("TYPE65400"), 3600, [c.wire(dns.rdatatype.from_text("TYPE65400"), b"\xde\xad\xbe\xee")])
    c.changed(name, dns.rdatatype.from_text("TYPE65400"))


@fault("CONTENT-01", ("CONTENT-02",), setups=("split",))
def letter_case_of_a_text_changed(c):
    c.z.put(c.name("UPPER"), T.TXT, 3600, [c.rdata(T.TXT, '"upper"')])
    c.changed("UPPER", T.TXT)


@fault("CONTENT-03")
def ttl_of_signed_data_changed(c):
    c.z.records[(c.name("caa"), T.CAA)][0] = 1800
    c.changed("caa", T.CAA)


@fault("CONTENT-03", setups=("split",))
def ttl_of_a_delegation_changed(c):
    c.z.records[(c.name("sub"), T.NS)][0] = 1800


@fault("CONTENT-04", setups=("csk",))
def input_was_signed_before(c):
    c.z.more_input = "www.example. 300 IN NSEC example. A NSEC\n"


@fault("CONTENT-13")
def content_of_another_digest(c):
    c.good_plan()["digest"] = "ab" * 48


@fault("CONTENT-14")
def ds_of_a_zone_signed_here_is_missing(c):
    c.good_plan()["children"] = [{"zone": "Sub.example.", "ds": [c.extra_key(13, 257).ds(c.name("sub")).to_text()]}]


@fault("CONTENT-14")
def ds_of_a_zone_signed_here_has_stayed(c):
    c.good_plan()["children"] = [{"zone": "sec.example.", "ds": []}]


@fault("CONTENT-05", setups=("csk",))
def text_below_a_delegation(c):
    c.both("x.sub", T.TXT, 300, ['"occluded"'])


@fault("CONTENT-05", setups=("csk",))
def address_below_a_dname(c):
    c.both("x.dn", T.A, 300, ["192.0.2.66"])


@fault("CONTENT-05", setups=("csk",))
def occluded_text_dropped(c):
    c.z.more_input = "x.sub.example. 300 IN TXT \"occluded\"\n"


@fault("CONTENT-06", setups=("csk",))
def record_outside_of_the_zone(c):
    c.z.more = c.z.more_input = "www.elsewhere.test. 300 IN A 192.0.2.66\n"


@fault("CONTENT-12", setups=("csk",))
def record_of_the_input_outside_of_the_zone(c):
    c.z.more_input = "www.elsewhere.test. 300 IN A 192.0.2.66\n"


@fault("CONTENT-07", setups=("csk", "split"))
def cname_beside_data(c):
    c.both("alias", T.TXT, 3600, ['"beside"'])
    c.changed("alias", T.TXT)


@fault("CONTENT-08", setups=("csk",))
def two_cnames(c):
    c.both("alias", T.CNAME, 3600, ["www", "mail"])
    c.changed("alias", T.CNAME)


@fault("CONTENT-08", setups=("csk",))
def two_dnames(c):
    c.both("dn", T.DNAME, 3600, ["a.test.", "b.test."])
    c.changed("dn", T.DNAME)


DS = "12345 13 2 0102030405060708091011121314151617181920212223242526272829303132"


@fault("CONTENT-09", setups=("csk",))
def ds_without_ns(c):
    c.both("caa", T.DS, 3600, [DS])
    c.changed("caa", T.DS)


@fault("CONTENT-09", setups=("csk",))
def ds_at_the_apex(c):
    c.both("@", T.DS, 3600, [DS])
    c.changed("@", T.DS)


@fault("CONTENT-10", ("CONTENT-05",), setups=("csk",))
def ns_and_dname(c):
    c.both("x.empty", T.DNAME, 3600, ["other.test."])


@fault("CONTENT-11", setups=("csk",))
def wildcard_delegation(c):
    c.both("*.wildns", T.NS, 3600, ["ns.elsewhere.test."])
    c.z.rechain()


# ---- TTL ----

@fault("TTL-01", setups=("split",))
def ttl_above_the_policy(c):
    c.policy_text(max_ttl_signed=3600)
    c.both("caa", T.CAA, 7200, ['0 issue "ca.test"'])
    c.changed("caa", T.CAA)


@fault("TTL-01", setups=("split",))
def ttl_of_glue_above_the_policy(c):
    c.policy_text(max_ttl_unsigned=3600)
    c.both("ns.sub", T.A, 7200, ["192.0.2.30"])


@fault("TTL-02", ("CONTENT-03",), setups=("csk",))
def two_ttls_in_an_rrset(c):
    c.z.get(c.name("www"), T.A).pop()
    c.z.more = "www.example. 200 IN A 192.0.2.11\n"


@fault("TTL-02")
def two_ttls_of_a_delegation(c):
    c.z.more = c.z.more_input = "sub.example. 1800 IN NS ns.other.test.\n"


@fault("TTL-02", setups=("csk", "split"))
def two_ttls_of_glue(c):
    c.z.more = c.z.more_input = "ns.sub.example. 1800 IN A 192.0.2.99\n"


@fault("TTL-03")
def ttl_of_an_rrsig_differs(c):
    c.z.sig_ttl[(c.name("www"), T.A)] = 3600


@fault("TTL-03")
def original_ttl_differs(c):
    c.z.sign(c.name("www"), T.A, original_ttl=60)
    c.z.sig_ttl[(c.name("www"), T.A)] = 300


@fault("TTL-04")
def ttl_of_denial_differs(c):
    rdtype = T.NSEC if c.denial == "nsec" else T.NSEC3
    name = c.name("www") if c.denial == "nsec" else c.z.hash_name(c.name("www"))
    c.z.records[(name, rdtype)][0] = 3600
    c.z.sign(name, rdtype)


# ---- serials ----

@fault("SERIAL-01", setups=("csk",))
def serial_of_the_published_version(c):
    c.published()
    c.serial(c.get_serial() - 1)


@fault("SERIAL-01", setups=("csk",))
def serial_below_the_published_version(c):
    c.published()
    c.serial(c.get_serial() - 2)


def known(c, own, serial, content, served=False):
    c.good_plan()
    c.plan["content"] = own
    c.plan["known"] = [{"who": "signer2", "serial": c.get_serial() + serial, "content": content, "served": served}]


@fault("SERIAL-02", setups=("csk",))
def serial_not_above_older_content(c):
    known(c, 8, 0, 7)


@fault("SERIAL-03", setups=("csk",))
def serial_below_the_same_content(c):
    known(c, 8, 1, 8)


@fault("SERIAL-04", setups=("csk",))
def content_older_than_what_a_peer_serves(c):
    known(c, 8, -1, 9, True)


@fault("SERIAL-02", setups=("csk",))
def serial_not_above_content_of_the_epoch_before(c):
    known(c, 8, 0, 9)
    c.plan["epoch"] = 1


@fault("SERIAL-01", setups=("csk",))
def serial_that_this_node_forgot(c):
    known(c, 8, 0, 8)
    c.plan["known"][0]["self"] = True


@fault("SERIAL-02", setups=("csk",))
def new_content_that_says_it_is_a_renewal_in_need(c):
    c.published()
    c.both("new", T.TXT, 3600, ['"content"'])
    c.changed("new", T.TXT)
    known(c, 8, 0, 7)
    c.plan["forced"] = True


@fault("SERIAL-05", setups=("csk",))
def serial_years_ahead(c):
    c.serial(2099010100)


# ---- keys ----

@fault("KEY-01")
def plan_has_another_key(c):
    c.good_plan()["dnskey"].append(c.extra_key(13, 256).rdata().to_text())


@fault("KEY-01", setups=("split",))
def plan_has_a_key_of_the_same_tag(c):
    other = Key(8, 256)
    other.public = swap_words(c.z.keys[1].public)
    c.good_plan()["dnskey"][1] = other.rdata().to_text()


@fault("KEY-02", setups=("csk",))
def key_appeared(c):
    c.published()
    c.new_keys(c.z.keys + [c.extra_key(13, 256)])


@fault("KEY-02", ("HIST-02",), setups=("split",))
def key_vanished(c):
    keys = list(c.z.keys)
    spare = c.extra_key(8, 256)
    c.new_keys(keys + [spare])
    for t in (T.A, T.TXT):      # the spare key signs nothing
        assert c.z.signers(t)
    c.z.keys = keys + [spare]
    c.published(change=lambda old: setattr(old, "keys", keys + [spare]))
    c.new_keys(keys)
    c.z.sign_all()


@fault("KEY-03", ("RRSIG-07", "RRSIG-01"), setups=("csk",))
def protocol_of_a_key(c):
    extra = c.extra_key(13, 256)
    extra.protocol = 2
    c.new_keys(c.z.keys + [extra])
    c.z.sign(c.z.origin, T.DNSKEY)


def add_silent_key(c, key):
    """Into the DNSKEY RRset; it signs nothing."""
    c.z.put(c.z.origin, T.DNSKEY, 3600, [k.rdata() for k in c.z.keys] + [key.rdata()])
    c.z.sign(c.z.origin, T.DNSKEY)


@fault("KEY-03")
def unknown_flag_of_a_key(c):
    add_silent_key(c, c.extra_key(13 if c.setup != "split" else 8, 256 | 0x0200))


@fault("KEY-03")
def key_without_zone_flag(c):
    add_silent_key(c, c.extra_key(13, 0))


@fault("KEY-03", ("RRSIG-02",), setups=("csk", "split"))
def algorithm_that_nobody_knows(c):
    key = c.extra_key(13, 256)
    key.algorithm = 200
    add_silent_key(c, key)


@fault("KEY-03", ("RRSIG-02",), setups=("csk", "split"))
def key_of_a_wrong_length(c):
    key = c.extra_key(14, 256)
    key.public = key.public[:-1]
    add_silent_key(c, key)


@fault("KEY-03", setups=("split",))
def rsa_key_too_short(c):
    c.policy_text()
    key = Key(8, 256, bits=1024)
    while key.tag() in [k.tag() for k in c.z.keys]:
        key = Key(8, 256, bits=1024)
    add_silent_key(c, key)


@fault("KEY-03", setups=("split",))
def rsa_key_that_is_too_short_under_any_policy(c):
    key = Key(8, 256, bits=768)
    while key.tag() in [k.tag() for k in c.z.keys]:
        key = Key(8, 256, bits=768)
    add_silent_key(c, key)


@fault("KEY-03", ("KEY-10",), setups=("split",))
def rsa_key_too_long(c):
    key = c.extra_key(8, 256)
    key.public = key.public[:4] + bytes([0x81]) * 600 + key.public[-1:]
    add_silent_key(c, key)


@fault("KEY-03", setups=("csk",))
def algorithm_is_not_the_policys(c):
    c.policy_text(algorithm=15)


@fault("KEY-04", setups=("split",))
def two_keys_with_one_tag(c):
    key = Key(8, 256)
    key.public = swap_words(c.z.keys[1].public)
    add_silent_key(c, key)


@fault("KEY-04", setups=("split",))
def key_that_signs_before_it_is_published_with_the_tag_of_another(c):
    key = Key(8, 256)
    key.public = swap_words(c.z.keys[1].public)
    c.good_plan()["signing"] = [key.rdata().to_text()]


@fault("KEY-05", ("KEY-02",), setups=("split",))
def tag_of_an_earlier_key(c):
    key = Key(8, 256)
    key.public = swap_words(c.z.keys[1].public)
    good = c.z.clone()
    gone = basezones.distinct(8, 256, c.z.keys)
    twin = Key(8, 256)
    twin.public = swap_words(gone.public)
    add_silent_key(c, gone)
    c.published(seconds_ago=40 * DAY)
    c.z.put(c.z.origin, T.DNSKEY, 3600, good.get(c.z.origin, T.DNSKEY))
    c.z.sign(c.z.origin, T.DNSKEY)
    c.published(seconds_ago=20 * DAY)
    add_silent_key(c, twin)
    c.policy = None
    c.policy_text(severity="AUD-KEY-02=warning")


@fault("KEY-06")
def ds_names_another_key(c):
    ds = [k.ds(c.z.origin).to_text() for k in c.z.keys if k.sep()]
    other = c.extra_key(c.z.keys[0].algorithm, 257)
    c.good_plan()["ds"] = ds[1:] + [other.ds(c.z.origin).to_text()]


@fault("KEY-06", setups=("csk", "split"))
def ds_of_a_second_algorithm(c):
    other = c.extra_key(15, 257)
    c.good_plan()["ds"].append(other.ds(c.z.origin).to_text())


@fault("KEY-06", setups=("csk",))
def ds_with_a_wrong_digest(c):
    ds = c.good_plan()["ds"][0]
    c.plan["ds"] = [ds[:-1] + ("0" if ds[-1] != "0" else "1")]


@fault("KEY-06", setups=("csk", "split"))
def ds_of_one_of_the_parents_servers_names_another_key(c):
    ds = c.good_plan()["ds"]
    other = c.extra_key(c.z.keys[0].algorithm, 257)
    c.plan["ds"] = [ds, [other.ds(c.z.origin).to_text()]]


@fault("KEY-06", setups=("csk",))
def ds_of_a_digest_that_nobody_knows_beside_another_keys(c):
    ds = c.good_plan()["ds"]
    other = c.extra_key(c.z.keys[0].algorithm, 257)
    c.plan["ds"] = [ds[0].replace(" 2 ", " 3 ", 1), other.ds(c.z.origin).to_text()]


def ds_by(key, origin, digest):
    """DS with SHA-1, SHA-256 or SHA-384."""
    hashed = {1: hashlib.sha1, 2: hashlib.sha256, 4: hashlib.sha384}[digest](origin.canonicalize().to_wire() + key.wire())
    return "%d %d %d %s" % (key.tag(), key.algorithm, digest, hashed.hexdigest())


@fault("KEY-06", setups=("csk", "split"))
def ds_with_sha1_beside_another_keys_with_sha256(c):
    """RFC 4509 section 3: validators leave SHA-1 alone then"""
    other = c.extra_key(c.z.keys[0].algorithm, 257)
    c.good_plan()["ds"] = [ds_by(c.z.keys[0], c.z.origin, 1), ds_by(other, c.z.origin, 2)]


@fault("KEY-06", setups=("csk", "split"))
def ds_with_sha256_beside_another_keys_with_sha384(c):
    """Unbound looks at the highest digest type alone"""
    other = c.extra_key(c.z.keys[0].algorithm, 257)
    c.good_plan()["ds"] = [ds_by(c.z.keys[0], c.z.origin, 2), ds_by(other, c.z.origin, 4)]


@fault("KEY-06", ("KEY-10",), setups=("split",))
def ds_of_the_revoked_form_of_a_key(c):
    old, zsk = c.z.keys
    c.new_keys([c.extra_key(8, 257), zsk, old.revoked()])
    c.good_plan()["ds"] = [old.revoked().ds(c.z.origin).to_text()]


@fault("KEY-06", setups=("csk",))
def unsigned_while_the_parent_has_a_ds(c):
    ds = c.good_plan()["ds"]
    c.plan = {"unsigned": True, "ds": ds}
    c.z.records = dict(c.z.input)


@fault("KEY-07", ("CDS-02", "CDS-03"), setups=("split", "roll"))
def dnskey_signed_by_zsks_alone(c):
    c.z.sign(c.z.origin, T.DNSKEY, [k for k in c.z.keys if not k.sep()])


@fault("KEY-08", setups=("split",))
def revoked_key_that_does_not_sign(c):
    add_silent_key(c, c.extra_key(8, 257).revoked())


@fault("KEY-09", ("RRSIG-07", "NSEC-04", "NSEC3-07", "CDS-02", "CDS-03"))
def no_dnskey(c):
    c.z.drop(c.z.origin, T.DNSKEY)


@fault("KEY-09", setups=("csk",))
def dnssec_records_where_none_should_be(c):
    c.plan = {"unsigned": True}


@fault("KEY-10", setups=("split",))
def dnskey_answer_too_large(c):
    keys = [k.rdata() for k in c.z.keys]
    for _ in range(3):
        keys.append(c.extra_key(8, 256).rdata())
    c.z.put(c.z.origin, T.DNSKEY, 3600, keys)
    c.z.sign(c.z.origin, T.DNSKEY)


@fault("CDS-01", setups=("csk", "split"))
def cds_is_not_the_plans(c):
    c.good_plan()["cds"] = [c.extra_key(13, 257).ds(c.z.origin).to_text()]


@fault("CDS-01", setups=("csk", "split"))
def cdnskey_is_not_the_plans(c):
    c.good_plan()["cdnskey"] = []


def put_cds(c, cds, cdnskey=None):
    c.z.put(c.z.origin, T.CDS, 3600, cds)
    c.z.sign(c.z.origin, T.CDS)
    if cdnskey is not None:
        c.z.put(c.z.origin, T.CDNSKEY, 3600, cdnskey)
        c.z.sign(c.z.origin, T.CDNSKEY)


@fault("CDS-02", setups=("csk", "split"))
def cds_of_a_key_that_is_not_there(c):
    other = c.extra_key(c.z.keys[0].algorithm, 257)
    put_cds(c, [c.z.keys[0].ds(c.z.origin, T.CDS), other.ds(c.z.origin, T.CDS)],
            [c.z.keys[0].cdnskey(), other.cdnskey()])


@fault("CDS-02", setups=("split",))
def cds_of_a_key_that_does_not_sign_the_keys(c):
    put_cds(c, [k.ds(c.z.origin, T.CDS) for k in c.z.keys], [k.cdnskey() for k in c.z.keys])


@fault("CDS-02", ("CDS-03",), setups=("csk", "split"))
def cds_with_a_wrong_digest(c):
    wire = bytearray(c.z.keys[0].ds(c.z.origin, T.CDS).to_digestable())
    wire[-1] ^= 1
    put_cds(c, [c.wire(T.CDS, bytes(wire))])


@fault("CDS-03", setups=("roll",))
def cds_and_cdnskey_differ(c):
    put_cds(c, c.z.get(c.z.origin, T.CDS)[:1])


@fault("CDS-03", setups=("csk", "split"))
def cds_of_digest_types_that_nobody_knows(c):
    """a DS RRset of them makes the zone insecure"""
    c.z.drop(c.z.origin, T.CDNSKEY)
    c.z.put(c.z.origin, T.CDS, 3600, [c.wire(T.CDS, c.z.keys[0].ds(c.z.origin).to_digestable()[:3] + bytes([99]) + bytes(20))])
    c.changed("@", T.CDS)


@fault("CDS-03", setups=("csk", "split"))
def delete_beside_other_cds(c):
    put_cds(c, c.z.get(c.z.origin, T.CDS) + [c.rdata(T.CDS, "0 0 0 00")])


# ---- history ----

@fault("HIST-01", ("KEY-02",), setups=("split",))
def zsk_signs_at_once(c):
    new = c.extra_key(8, 256)
    c.published()
    c.new_keys([c.z.keys[0], c.z.keys[1], new])
    c.z.keys = [c.z.keys[0], new]
    c.z.sign_all()
    c.z.keys.insert(1, basezones.keys("split")[1])


@fault("HIST-01", setups=("csk", "split"))
def key_signs_that_others_have_only_begun_to_publish(c):
    c.seeded(visible=False, used=False)
    other = c.extra_key(c.z.keys[0].algorithm, c.z.keys[0].flags)
    c.plan["seeds"].append({"dnskey": other.rdata().to_text(), "visible": True, "used": True, "retired": True})


@fault("HIST-02", ("KEY-02",), setups=("split",))
def zsk_removed_while_its_signatures_are_cached(c):
    new = c.extra_key(8, 256)
    old_zsk = c.z.keys[1]
    c.new_keys([c.z.keys[0], old_zsk, new])
    c.z.keys = [c.z.keys[0], old_zsk]
    c.z.sign_all()
    add_silent_key(c, new)
    c.published(seconds_ago=10 * DAY)                           # new is published, old signs
    c.z.keys = [c.z.keys[0], new]
    c.z.put(c.z.origin, T.DNSKEY, 3600, [k.rdata() for k in c.z.keys])
    c.z.sign_all()


@fault("HIST-02", setups=("csk", "split"))
def key_that_others_sign_with_is_not_there(c):
    c.seeded()
    other = c.extra_key(c.z.keys[0].algorithm, 256)
    c.plan["seeds"].append({"dnskey": other.rdata().to_text(), "visible": True, "used": True, "retired": False})


@fault("HIST-03", setups=("csk", "split"))
def key_that_others_have_retired_signs(c):
    c.seeded(retired=True)


def one_zsk_behind_another(c, days):
    """Published so many days ago, signed by the ZSK that the zone has; then, 20 days ago, by another one."""
    ksk, one = c.z.keys
    two = c.extra_key(8, 256)
    dnskeys = [k.rdata() for k in (ksk, one, two)]
    for ago, signing in ((days, one), (20, two)):
        c.z.keys = [ksk, signing]
        c.z.put(c.z.origin, T.DNSKEY, 3600, dnskeys)
        c.z.sign_all()
        c.published(seconds_ago=ago * DAY)
    return ksk, one


@fault("HIST-03", ("KEY-02",), setups=("split",))
def retired_zsk_is_back(c):
    c.z.keys = list(one_zsk_behind_another(c, 30))
    c.z.sign_all()


@fault("HIST-04", setups=("split",))
def key_past_its_lifetime(c):
    c.policy_text(key_lifetime="30d")
    c.published(seconds_ago=40 * DAY)


@fault("HIST-04", setups=("split",))
def ksk_past_its_lifetime(c):
    c.policy_text(key_lifetime="30d")
    one_zsk_behind_another(c, 40)


# ---- signatures ----

def flip(at):
    def change(sig):
        out = bytearray(sig)
        out[at] ^= 1
        return bytes(out)
    return change


@fault("RRSIG-01")
def one_bit_of_a_signature(c):
    c.z.sign(c.name("www"), T.A, mangle=flip(-1))


@fault("RRSIG-01")
def one_bit_of_the_soas_signature(c):
    c.z.sign(c.z.origin, T.SOA, mangle=flip(5))


@fault("RRSIG-01", setups=("split",))
def one_bit_of_the_dnskeys_signature(c):
    c.z.add_sig(c.z.origin, c.z.rrsig(c.z.origin, T.DNSKEY, c.z.keys[1], mangle=flip(9)))


@fault("RRSIG-01")
def signature_over_other_data(c):
    c.z.sign(c.name("www"), T.A, over=[c.rdata(T.A, "192.0.2.66")])


@fault("RRSIG-01")
def second_signature_is_wrong(c):
    c.z.add_sig(c.name("www"), c.z.rrsig(c.name("www"), T.A, c.data_key(), inception=c.z.inception - 1, mangle=flip(3)))


@fault("RRSIG-01")
def signature_cut_short(c):
    c.z.sign(c.name("www"), T.A, mangle=lambda s: s[:-1])


@fault("RRSIG-01", setups=("csk",))
def signature_of_zeros(c):
    c.z.sign(c.name("www"), T.A, mangle=lambda s: bytes(len(s)))


@fault("RRSIG-01")
def signature_by_another_key_under_this_tag(c):
    key = c.data_key()
    c.z.sign(c.name("www"), T.A, [c.extra_key(key.algorithm, key.flags)] + c.z.signers(T.A)[1:])
    sigs = c.z.get(c.name("www"), T.RRSIG)
    for i, s in enumerate(sigs):
        if s.type_covered == T.A and s.algorithm == key.algorithm:
            sigs[i] = s.replace(key_tag=key.tag())


@fault("RRSIG-01", setups=("split",))
def signature_of_a_denial_record(c):
    rdtype = T.NSEC if c.denial == "nsec" else T.NSEC3
    name = c.name("www") if c.denial == "nsec" else c.z.hash_name(c.name("www"))
    c.z.sign(name, rdtype, mangle=flip(7))


@fault("RRSIG-02")
def rrset_without_rrsig(c):
    c.z.unsign(c.name("www"), T.A)


@fault("RRSIG-02")
def denial_record_without_rrsig(c):
    rdtype = T.NSEC if c.denial == "nsec" else T.NSEC3
    name = c.name("www") if c.denial == "nsec" else c.z.hash_name(c.name("www"))
    c.z.unsign(name, rdtype)


@fault("RRSIG-02", ("NSEC3-07",), setups=("split",))
def ds_without_rrsig(c):
    c.z.unsign(c.name("sec"), T.DS)


@fault("RRSIG-02", ("KEY-07", "CDS-02", "CDS-03"))
def dnskey_without_rrsig(c):
    c.z.unsign(c.z.origin, T.DNSKEY)


@fault("RRSIG-02", setups=("roll",))
def one_rrset_lacks_the_new_algorithm(c):
    c.z.sign(c.name("www"), T.A, [k for k in c.z.signers(T.A) if k.algorithm == 8])


@fault("RRSIG-02", setups=("roll",))
def new_algorithm_signs_nothing(c):
    for name, rdtype in list(c.z.records):
        if rdtype != T.DNSKEY and c.z.authoritative(name, rdtype):
            c.z.sign(name, rdtype, [k for k in c.z.signers(rdtype) if k.algorithm == 8])


@fault("RRSIG-03")
def glue_signed(c):
    c.z.sign(c.name("ns.sub"), T.A, c.z.signers(T.A))


@fault("RRSIG-03")
def delegation_ns_signed(c):
    c.z.sign(c.name("sub"), T.NS, c.z.signers(T.A))


@fault("RRSIG-04")
def rrsig_over_nothing(c):
    c.z.put(c.name("www"), T.MX, 300, [c.rdata(T.MX, "0 .")])
    c.z.sign(c.name("www"), T.MX)
    c.z.drop(c.name("www"), T.MX, unsign=False)


@fault("RRSIG-04", setups=("csk",))
def rrsig_at_a_name_without_data(c):
    c.z.put(c.name("gone"), T.A, 300, [c.rdata(T.A, "192.0.2.66")])
    c.z.sign(c.name("gone"), T.A)
    c.z.drop(c.name("gone"), T.A, unsign=False)


@fault("RRSIG-05")
def signer_is_the_parent(c):
    c.z.sign(c.name("www"), T.A, signer=dns.name.root)


@fault("RRSIG-05", setups=("csk",))
def signer_is_a_name_below(c):
    c.z.sign(c.name("www"), T.A, signer=c.name("www"))


@fault("RRSIG-06", ("RRSIG-01",))
def labels_too_many(c):
    c.z.sign(c.name("www"), T.A, labels=len(c.z.origin.labels) + 1)


@fault("RRSIG-06", ("RRSIG-01",))
def labels_too_few(c):
    c.z.sign(c.name("www"), T.A, labels=len(c.z.origin.labels) - 1)


@fault("RRSIG-06", ("RRSIG-01",))
def labels_of_a_wildcard_with_the_asterisk(c):
    c.z.sign(c.name("*.wild"), T.A, labels=len(c.z.origin.labels) + 1)


@fault("RRSIG-07")
def key_that_is_not_published(c):
    key = c.extra_key(c.data_key().algorithm, 256)
    c.z.add_sig(c.name("www"), c.z.rrsig(c.name("www"), T.A, key))


@fault("RRSIG-07", ("RRSIG-02",), setups=("csk",))
def algorithm_field_of_an_rrsig(c):
    c.z.sign(c.name("www"), T.A, algorithm=14)


@fault("RRSIG-08", ("KEY-03",), setups=("csk",))
def key_without_zone_flag_signs(c):
    key = c.extra_key(13, 0)
    add_silent_key(c, key)
    c.z.add_sig(c.name("www"), c.z.rrsig(c.name("www"), T.A, key))


@fault("RRSIG-08", setups=("csk",))
def revoked_key_signs_data(c):
    key = c.extra_key(13, 257).revoked()
    c.z.put(c.z.origin, T.DNSKEY, 3600, [k.rdata() for k in c.z.keys] + [key.rdata()])
    c.z.sign(c.z.origin, T.DNSKEY, [c.z.keys[0], key])
    c.z.add_sig(c.name("www"), c.z.rrsig(c.name("www"), T.A, key))


@fault("RRSIG-09", setups=("split", "roll"))
def ksk_signs_data(c):
    c.z.sign(c.name("www"), T.A, c.z.signers(T.A) + [c.z.keys[0]])


@fault("RRSIG-09", setups=("split",))
def ksk_signs_data_under_a_policy_with_one_key(c):
    """the plan knows which keys with SEP sign data, the policy which ones are made"""
    c.policy_text(keys="csk")
    c.good_plan()["csk"] = []
    c.z.sign(c.name("www"), T.A, c.z.signers(T.A) + [c.z.keys[0]])


@fault("RRSIG-10")
def inception_in_the_future(c):
    c.z.sign(c.name("www"), T.A, inception=c.now + 7200)


@fault("RRSIG-10", setups=("split",))
def inception_less_than_the_offset_ago(c):
    c.policy_text(inception_offset=3600)
    c.z.sign(c.name("www"), T.A, inception=c.now - 60)


@fault("RRSIG-11")
def signature_expired(c):
    c.z.sign(c.name("www"), T.A, inception=c.now - 20 * DAY, expiration=c.now - 3600)


@fault("RRSIG-11")
def signature_expires_within_the_largest_ttl(c):
    c.z.sign(c.name("www"), T.A, expiration=c.now + 3000)


@fault("RRSIG-11", setups=("csk", "split"))
def ttl_is_longer_than_signatures_live(c):
    c.both("caa", T.CAA, 30 * DAY, ['0 issue "ca.test"'])
    c.changed("caa", T.CAA)


@fault("RRSIG-12", setups=("split",))
def signature_lives_too_long(c):
    c.policy_text(validity="30d")
    c.z.sign(c.name("www"), T.A, expiration=c.now + 60 * DAY)


@fault("RRSIG-12", ("RRSIG-11",), setups=("csk",))
def expiration_before_inception(c):
    c.z.sign(c.name("www"), T.A, inception=c.now - 3600, expiration=c.now - 7200)


@fault("RRSIG-13")
def signature_expires_within_soa_expire(c):
    c.z.sign(c.name("www"), T.A, expiration=c.now + 3 * DAY)


@fault("RRSIG-14", setups=("csk",))
def all_signatures_expire_together(c):
    c.policy_text(together=50)


# ---- NSEC ----

@fault("NSEC-01", ("NSEC-05",), NSEC_ONLY)
def name_without_nsec(c):
    c.z.drop(c.name("www"), T.NSEC)


@fault("NSEC-01", ("NSEC-05", "NSEC-06"), NSEC_ONLY, ("split",))
def delegation_without_nsec(c):
    c.z.drop(c.name("sub"), T.NSEC)


@fault("NSEC-01", (), NSEC_ONLY, ("csk",))
def no_nsec_at_all(c):
    c.z.clear_chain()


def add_nsec(c, at, following, types=(T.NSEC, T.RRSIG)):
    c.z.put_nsec(c.name(at), c.name(following), set(types))
    c.z.add_sig(c.name(at), c.z.rrsig(c.name(at), T.NSEC, c.data_key()))


@fault("NSEC-02", (), NSEC_ONLY, ("csk", "split"))
def nsec_at_an_empty_non_terminal(c):
    add_nsec(c, "b.c.deep", "a.b.c.deep")


@fault("NSEC-02", (), NSEC_ONLY, ("csk", "split"))
def nsec_at_a_name_without_data(c):
    add_nsec(c, "gone", "mail")


@fault("NSEC-03", ("RRSIG-03",), NSEC_ONLY, ("csk", "split"))
def nsec_at_glue(c):
    add_nsec(c, "ns.sub", "sub2", (T.A, T.AAAA, T.NSEC, T.RRSIG))


@fault("NSEC-03", ("RRSIG-03",), NSEC_ONLY, ("csk",))
def nsec_below_a_dname(c):
    add_nsec(c, "x.dn", "back\\092slash\\.dot")


def nsec_types(c, name, change):
    name = c.name(name)
    following = c.z.get(name, T.NSEC)[0].next
    c.z.put_nsec(name, following, change(c.z.bitmap_types(name)))
    c.z.sign(name, T.NSEC)


@fault("NSEC-04", (), NSEC_ONLY)
def nsec_bitmap_lacks_a_type(c):
    nsec_types(c, "www", lambda t: t - {T.AAAA})


@fault("NSEC-04", (), NSEC_ONLY)
def nsec_bitmap_has_a_type_too_many(c):
    nsec_types(c, "www", lambda t: t | {T.MX})


@fault("NSEC-04", (), NSEC_ONLY)
def nsec_bitmap_of_a_wildcard_lacks_a_type(c):
    nsec_types(c, "*.wild", lambda t: t - {T.TXT})


@fault("NSEC-04", (), NSEC_ONLY, ("split",))
def nsec_bitmap_of_a_delegation_lacks_ds(c):
    nsec_types(c, "sec", lambda t: t - {T.DS})


@fault("NSEC-04", (), NSEC_ONLY, ("split",))
def nsec_bitmap_lacks_nsec(c):
    nsec_types(c, "caa", lambda t: t - {T.NSEC})


@fault("NSEC-04", (), NSEC_ONLY, ("split",))
def nsec_bitmap_lacks_a_type_of_a_high_window(c):
    nsec_types(c, "unknown", lambda t: t - {65400})


@fault("NSEC-04", (), NSEC_ONLY, ("csk",))
def nsec_bitmap_ends_with_a_zero_octet(c):
    def longer(wire):
        at = wire.index(b"\x00\x06", 2)         # window 0, 6 octets
        return wire[:at] + b"\x00\x07" + wire[at + 2:at + 8] + b"\x00" + wire[at + 8:]
    c.edit_wire("www", T.NSEC, longer)
    c.z.generic.add((c.name("www"), T.NSEC))


def nsec_next(c, name, following):
    c.z.put_nsec(c.name(name), c.name(following))
    c.z.sign(c.name(name), T.NSEC)


@fault("NSEC-05", (), NSEC_ONLY)
def nsec_skips_a_name(c):
    owners = c.z.owners()
    i = owners.index(c.name("caa"))
    c.z.put_nsec(owners[i], owners[i + 2])
    c.z.sign(owners[i], T.NSEC)


@fault("NSEC-05", (), NSEC_ONLY, ("csk", "split"))
def nsec_leads_to_a_name_that_is_not_there(c):
    nsec_next(c, "caa", "cab")


@fault("NSEC-05", (), NSEC_ONLY, ("csk",))
def nsec_leads_to_itself(c):
    nsec_next(c, "caa", "caa")


@fault("NSEC-05", (), NSEC_ONLY, ("csk",))
def nsec_leads_to_glue(c):
    nsec_next(c, "sub", "ns.sub")


@fault("NSEC-05", (), NSEC_ONLY, ("csk",))
def nsec_leads_back(c):
    nsec_next(c, "unknown", "alias")


@fault("NSEC-06", (), NSEC_ONLY)
def nsec_chain_does_not_close(c):
    owners = c.z.owners()
    c.z.put_nsec(owners[-1], owners[1])
    c.z.sign(owners[-1], T.NSEC)


@fault("NSEC-06", (), NSEC_ONLY)
def nsec_leads_to_the_apex_too_early(c):
    nsec_next(c, "caa", "@")


@fault("NSEC-06", ("NSEC-05",), NSEC_ONLY, ("csk", "split"))
def two_nsec_cycles(c):
    owners = c.z.owners()
    i = len(owners) // 2
    c.z.put_nsec(owners[i], c.z.origin)
    c.z.put_nsec(owners[-1], owners[i + 1])
    for n in (owners[i], owners[-1]):
        c.z.sign(n, T.NSEC)


@fault("NSEC-07", ("RRSIG-02",), NSEC_ONLY, ("csk", "split"))
def nsec3_in_an_nsec_zone(c):
    digest = c.z.hash(c.name("www"))
    name = c.z.put_nsec3(digest, digest, {T.A, T.RRSIG})
    c.z.sign(name, T.NSEC3)


@fault("NSEC-07", ("NSEC3-07", "RRSIG-02"), HASHED, ("csk", "split"))
def nsec_in_an_nsec3_zone(c):
    add_nsec(c, "www", "@", (T.A, T.AAAA, T.NSEC, T.RRSIG))


@fault("NSEC-08", ("NSEC-05", "NSEC-06"), NSEC_ONLY, ("csk",))
def two_nsecs_at_a_name(c):
    first = c.z.get(c.name("www"), T.NSEC)[0]
    c.z.put_nsec(c.name("www"), c.name("zzz"))
    c.z.get(c.name("www"), T.NSEC).append(first)
    c.z.sign(c.name("www"), T.NSEC)


# ---- NSEC3 ----

def put_param(c, *wires):
    c.z.put(c.z.origin, T.NSEC3PARAM, 0, [c.wire(T.NSEC3PARAM, w) for w in wires])
    c.z.sign(c.z.origin, T.NSEC3PARAM)


def param(c, flags=0, salt=None, iterations=None, algorithm=1):
    salt = c.z.salt if salt is None else salt
    iterations = c.z.iterations if iterations is None else iterations
    return bytes([algorithm, flags, iterations >> 8, iterations & 255, len(salt)]) + salt


@fault("NSEC3-01", (), HASHED)
def no_nsec3param(c):
    c.z.drop(c.z.origin, T.NSEC3PARAM)
    c.z.rechain()


@fault("NSEC3-01", (), HASHED, ("csk", "split"))
def two_nsec3params(c):
    put_param(c, param(c), param(c, salt=b"\x01"))


@fault("NSEC3-01", (), HASHED)
def nsec3param_with_another_salt(c):
    put_param(c, param(c, salt=b"\x01"))


@fault("NSEC3-01", (), HASHED, ("csk",))
def nsec3param_with_other_iterations(c):
    put_param(c, param(c, iterations=7))


@fault("NSEC3-01", (), NSEC_ONLY, ("csk",))
def nsec3param_in_an_nsec_zone(c):
    put_param(c, param(c))
    c.z.rechain()


@fault("NSEC3-02", (), HASHED)
def nsec3param_with_flags(c):
    put_param(c, param(c, flags=1))


@fault("NSEC3-03", ("CONTENT-02",), HASHED, ("csk", "split"))
def nsec3param_below_the_apex(c):
    c.z.put(c.name("www"), T.NSEC3PARAM, 300, [c.wire(T.NSEC3PARAM, param(c))])
    c.changed("www", T.NSEC3PARAM)


@fault("NSEC3-04", (), HASHED, ("csk",))
def iterations_above_the_policy(c):
    c.z.iterations = 20
    c.z.rechain()
    put_param(c, param(c))
    c.policy_text()


@fault("NSEC3-04", (), HASHED, ("csk",))
def salt_above_the_policy(c):
    c.z.salt = b"0123456789abcdef"
    c.z.rechain()
    put_param(c, param(c))
    c.policy_text()


@fault("NSEC3-04", (), HASHED, ("csk",))
def hash_algorithm_that_nobody_knows(c):
    for name, rdtype in list(c.z.records):
        if rdtype == T.NSEC3:
            c.edit_wire(name, T.NSEC3, lambda w: b"\x02" + w[1:])
    put_param(c, param(c, algorithm=2))


def without(c, digest):
    """The chain without one of its NSEC3s, closed again."""
    hashed = c.z.hashed()
    del hashed[digest]
    c.z.clear_chain()
    digests = sorted(hashed)
    for i, d in enumerate(digests):
        c.z.sign(c.z.put_nsec3(d, digests[(i + 1) % len(digests)], hashed[d][1]), T.NSEC3)


@fault("NSEC3-05", (), HASHED)
def name_without_nsec3(c):
    without(c, c.z.hash(c.name("www")))


@fault("NSEC3-05", (), HASHED, ("csk", "split"))
def empty_non_terminal_without_nsec3(c):
    without(c, c.z.hash(c.name("b.c.deep")))


@fault("NSEC3-05", (), HASHED, ("csk",))
def apex_without_nsec3(c):
    without(c, c.z.hash(c.z.origin))


@fault("NSEC3-05", (), NSEC3_ONLY, ("csk", "split"))
def insecure_delegation_without_nsec3(c):
    without(c, c.z.hash(c.name("sub")))


@fault("NSEC3-05", (), NSEC3_ONLY, ("csk",))
def secure_delegation_without_nsec3(c):
    without(c, c.z.hash(c.name("sec")))


@fault("NSEC3-06", (), HASHED)
def nsec3_of_no_name(c):
    hashed = c.z.hashed()
    hashed[c.z.hash(c.name("gone"))] = (None, {T.A, T.RRSIG})
    c.z.clear_chain()
    digests = sorted(hashed)
    for i, d in enumerate(digests):
        c.z.sign(c.z.put_nsec3(d, digests[(i + 1) % len(digests)], hashed[d][1]), T.NSEC3)


@fault("NSEC3-06", (), HASHED, ("csk",))
def nsec3_at_an_owner_that_is_no_hash(c):
    owner = c.z.put_nsec3(c.z.hash(c.name("gone")), c.z.hash(c.z.origin), {T.A})
    wire = c.z.get(owner, T.NSEC3)
    c.z.drop(owner, T.NSEC3)
    c.z.put(c.name("nothash"), T.NSEC3, 300, wire)
    c.z.sign(c.name("nothash"), T.NSEC3)


def nsec3_types(c, name, change):
    name = c.name(name)
    hashed = c.z.hashed()
    digests = sorted(hashed)
    d = c.z.hash(name)
    following = digests[(digests.index(d) + 1) % len(digests)]
    c.z.sign(c.z.put_nsec3(d, following, change(hashed[d][1])), T.NSEC3)


@fault("NSEC3-07", (), HASHED)
def nsec3_bitmap_lacks_a_type(c):
    nsec3_types(c, "www", lambda t: t - {T.AAAA})


@fault("NSEC3-07", (), HASHED)
def nsec3_bitmap_has_a_type_too_many(c):
    nsec3_types(c, "www", lambda t: t | {T.MX})


@fault("NSEC3-07", (), HASHED, ("csk", "split"))
def nsec3_bitmap_of_an_empty_non_terminal(c):
    nsec3_types(c, "b.c.deep", lambda t: {T.A, T.RRSIG})


@fault("NSEC3-07", (), NSEC3_ONLY, ("csk", "split"))
def nsec3_bitmap_of_an_insecure_delegation_has_rrsig(c):
    nsec3_types(c, "sub", lambda t: t | {T.RRSIG})


@fault("NSEC3-07", (), HASHED, ("csk",))
def nsec3_bitmap_of_a_secure_delegation_lacks_ds(c):
    nsec3_types(c, "sec", lambda t: t - {T.DS})


def nsec3_next(c, links):
    """links: {position: position} by which the chain leads elsewhere."""
    hashed = c.z.hashed()
    digests = sorted(hashed)
    for i, k in links.items():
        i, k = i % len(digests), k % len(digests)
        c.z.sign(c.z.put_nsec3(digests[i], digests[k], hashed[digests[i]][1]), T.NSEC3)


@fault("NSEC3-08", (), HASHED)
def nsec3_skips_a_hash(c):
    nsec3_next(c, {3: 5})


@fault("NSEC3-08", (), HASHED)
def nsec3_chain_does_not_close(c):
    nsec3_next(c, {-1: 1})


@fault("NSEC3-08", (), HASHED, ("csk", "split"))
def two_nsec3_cycles(c):
    nsec3_next(c, {4: 0, -1: 5})


@fault("NSEC3-08", (), HASHED, ("csk",))
def nsec3_leads_to_itself(c):
    nsec3_next(c, {4: 4})


@fault("NSEC3-08", ("NSEC3-05", "NSEC3-07", "RRSIG-01"), HASHED, ("csk",))
def next_hash_of_a_wrong_length(c):
    name = c.z.hash_name(c.name("www"))

    def shorter(wire):
        at = 5 + len(c.z.salt)
        return wire[:at] + bytes([19]) + wire[at + 2:]
    c.edit_wire(name, T.NSEC3, shorter)


@fault("NSEC3-09", (), OPTOUT_ONLY, ("csk", "split"))
def opt_out_where_policy_says_no(c):
    c.policy_text(denial="nsec3")


@fault("NSEC3-10", (), OPTOUT_ONLY)
def span_over_an_insecure_delegation_without_opt_out(c):
    digests = sorted(c.z.hashed())
    hidden = c.z.hash(c.name("sub"))
    before = [d for d in digests if d < hidden]
    name = dns.name.from_text(__import__("pysign").base32hex(before[-1] if before else digests[-1]), c.z.origin)
    c.edit_wire(name, T.NSEC3, lambda w: w[:1] + b"\x00" + w[2:])


@fault("NSEC3-11", (), OPTOUT_ONLY)
def secure_delegation_opted_out(c):
    without(c, c.z.hash(c.name("sec")))


@fault("NSEC3-13", (), HASHED)
def nsec3_with_unknown_flags(c):
    c.edit_wire(c.z.hash_name(c.name("www")), T.NSEC3, lambda w: w[:1] + bytes([w[1] | 0x80]) + w[2:])


@fault("NSEC3-13", ("NSEC3-05", "NSEC3-08"), HASHED, ("csk", "split"))
def nsec3_with_another_salt(c):
    name = c.z.hash_name(c.name("www"))
    c.edit_wire(name, T.NSEC3, lambda w: w[:4] + b"\x01\x99" + w[5 + w[4]:])


# ---- between signers: the zone is the other's, ours is good ----

def beside(c):
    """Both have the same, each with signatures of its own; from here on the zone is the other's."""
    c.ours = c.z.clone()
    c.ours.sign_all()


@fault("CROSS-01")
def other_content_under_the_same_number(c):
    beside(c)
    c.both("www", T.TXT, 300, ['"what nobody else has"'])
    c.changed("www", T.TXT)


@fault("CROSS-01")
def another_ttl_under_the_same_number(c):
    beside(c)
    name = c.name("www")
    c.z.put(name, T.A, c.z.ttl(name, T.A) + 1, c.z.get(name, T.A))
    c.changed("www", T.A)


@fault("CROSS-01")
def name_that_only_the_other_has(c):
    beside(c)
    c.both("nowhere.else", T.TXT, 300, ['"x"'])
    c.changed("nowhere.else", T.TXT)


@fault("CROSS-01")
def name_that_only_we_have(c):
    beside(c)
    c.ours.put(c.name("nowhere.else"), T.TXT, 300, [c.rdata(T.TXT, '"x"')])
    c.ours.sign(c.name("nowhere.else"), T.TXT)
    c.ours.rechain()


@fault("CROSS-02")
def key_that_only_the_other_publishes(c):
    beside(c)
    k = c.data_key()
    c.z.put(c.z.origin, T.DNSKEY, 3600, c.z.get(c.z.origin, T.DNSKEY) + [c.extra_key(k.algorithm, 256).rdata()])
    c.z.sign(c.z.origin, T.DNSKEY)


@fault("CROSS-02")
def another_ttl_of_the_dnskeys(c):
    beside(c)
    c.z.put(c.z.origin, T.DNSKEY, 7200, c.z.get(c.z.origin, T.DNSKEY))
    c.z.sign(c.z.origin, T.DNSKEY)


@fault("CROSS-03")
def cds_that_the_other_lacks(c):
    beside(c)
    for t in (T.CDS, T.CDNSKEY):
        c.z.drop(c.z.origin, t)
    c.changed(c.z.origin, T.CDS)


@fault("CROSS-03")
def cds_for_the_delete_of_the_ds_at_one_signer(c):
    beside(c)
    c.z.put(c.z.origin, T.CDS, 3600, [c.rdata(T.CDS, "0 0 0 00")])
    c.z.sign(c.z.origin, T.CDS)


@fault("CROSS-04")
def wrong_signature_of_the_other(c):
    """none of its signatures validates, by whosever DNSKEY RRset"""
    beside(c)
    c.z.unsign(c.name("www"), T.A)
    c.z.sign(c.name("www"), T.A, mangle=flip(4))


@fault("CROSS-04")
def expired_signature_of_the_other(c):
    beside(c)
    c.z.sign(c.name("www"), T.A, expiration=c.now - 10)


@fault("CROSS-04")
def labels_of_a_signature_of_the_other(c):
    """validators make a wildcard of the name, and the signature is over the name"""
    beside(c)
    c.z.sign(c.name("www"), T.A, labels=1)


def signed_by_a_key_that_nobody_uses(c, flags, protocol=3):
    k = c.extra_key(c.data_key().algorithm, flags)
    k.protocol = protocol
    c.z.put(c.z.origin, T.DNSKEY, 3600, c.z.get(c.z.origin, T.DNSKEY) + [k.rdata()])
    c.z.sign(c.z.origin, T.DNSKEY, c.z.signers(T.DNSKEY) + [k])
    beside(c)
    c.z.sign(c.name("www"), T.A, [k])


@fault("CROSS-04", setups=("csk", "split"))
def revoked_key_that_signs_data_at_the_other(c):
    signed_by_a_key_that_nobody_uses(c, 0x181)


@fault("CROSS-04", setups=("csk", "split"))
def key_of_another_protocol_that_signs_data_at_the_other(c):
    signed_by_a_key_that_nobody_uses(c, 256, protocol=2)


@fault("FRAME-01", ("CROSS-01",))
def two_soas_at_the_other(c):
    beside(c)
    two_soas(c)


@fault("CROSS-04", ("CROSS-02", "CROSS-03"), setups=("csk", "split"))
def other_keys_at_the_other(c):
    """each zone is valid by itself; a mix is bogus"""
    beside(c)
    new = []
    for k in c.z.keys:
        new.append(basezones.distinct(k.algorithm, k.flags, c.z.keys + new))
    c.new_keys(new)
    c.z.sign_all()


@fault("NSEC-05", denials=NSEC_ONLY)
def chain_of_the_other_that_leads_past_a_name(c):
    beside(c)
    names = sorted(n for n, t in c.z.records if t == T.NSEC)
    c.z.put_nsec(names[1], names[3])
    c.z.sign(names[1], T.NSEC)


@fault("NSEC3-08", denials=HASHED)
def chain_of_the_other_that_leads_to_itself(c):
    beside(c)
    nsec3_next(c, {4: 4})


# ---- ZONEMD ----

def put_zonemd(c, digest, serial=None, more=()):
    serial = c.get_serial() if serial is None else serial
    wires = [serial.to_bytes(4, "big") + b"\x01\x01" + d for d in (digest,) + tuple(more)]
    c.z.put(c.z.origin, dns.rdatatype.ZONEMD, 3600, [c.wire(dns.rdatatype.ZONEMD, w) for w in wires])
    c.changed("@", dns.rdatatype.ZONEMD)


@fault("ZONEMD-01", (), ALL, ("csk", "split"))
def zonemd_with_a_wrong_digest(c):
    put_zonemd(c, bytes(48))


@fault("ZONEMD-01", (), ALL, ("csk",))
def zonemd_of_another_serial(c):
    put_zonemd(c, bytes(48), serial=7)


@fault("ZONEMD-01", (), ALL, ("csk",))
def two_zonemds_of_one_kind(c):
    put_zonemd(c, bytes(48), more=(bytes([1]) * 48,))


@fault("ZONEMD-01", (), ALL, ("csk", "split"))
def zonemd_too_short(c):
    zonemd = dns.rdatatype.ZONEMD
    wire = c.get_serial().to_bytes(4, "big") + b"\x01\x01" + bytes(4)
    c.z.put(c.z.origin, zonemd, 3600, [dns.rdata.GenericRdata(IN, zonemd, wire)])
    c.z.generic.add((c.z.origin, zonemd))
    c.changed("@", zonemd)


@fault("ZONEMD-02", (), ALL, ("csk",))
def no_zonemd_where_policy_wants_it(c):
    c.policy_text(zonemd="yes")
