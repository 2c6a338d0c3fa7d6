# SPDX-License-Identifier: BSD-3-Clause
"""duet-sign's zones before the judges of others: dnssec-verify, ldns-verify-zone and kzonecheck, for every mode of denial,
algorithm and kind of input; and that the judges do see a broken signature and a missing denial record."""

import base64
import os
import re

import dns.zone
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

import zonegen
from duetlab import Failed, find_program, limit, run, verify

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
MODES = {"nsec": [], "nsec3": ["--nsec3"], "nsec3-salted": ["--nsec3", "--iterations", "3", "--salt", "0badcafe"],
         "opt-out": ["--opt-out"]}
KEY_BITS = {8: ["-b", "2048"], 10: ["-b", "2048"]}


def types_zone():
    with open(os.path.join(DATA, "types.zone"), encoding="utf-8") as f:
        return f.read()


INPUTS = {"tld": ("tld.", zonegen.tld), "host": ("hosts.example.", zonegen.host), "types": ("types.example.", types_zone),
          "deep": ("deep.example.", zonegen.deep), "large": ("large.example.", zonegen.large),
          "octets": ("octets.example.", zonegen.octets), "tiny": ("one.example.", zonegen.tiny), "root": (".", zonegen.root)}


def make_keys(lab, origin, algorithms, csk=False):
    """BIND key pairs, a KSK and a ZSK for each algorithm, or a CSK; the folder."""
    folder = lab.folder("keys-%s-%s%s" % (origin.strip(".") or "root", "-".join(map(str, algorithms)), "-csk" if csk else ""))
    if not os.listdir(folder):
        for alg in algorithms:
            argv = [find_program("dnssec-keygen"), "-q", "-K", folder, "-a", str(alg)] + KEY_BITS.get(alg, [])
            run(argv + ["-f", "KSK", origin])
            if not csk:
                run(argv + [origin])
    return folder


def sign(lab, origin, keys, text, options, name="zone"):
    """Signs the text; the path of the signed zone."""
    source, out = lab.write(name, text), lab.path(name + ".signed")
    run([lab.program("duet-sign"), "--zone", origin, "--keys", keys] + options + ["--out", out, source])
    return out


def records(path):
    with open(path, encoding="utf-8") as f:
        return f.read().splitlines(keepends=True)


def ldns_but(path, tolerated):
    """ldns-verify-zone, with complaints about owners in tolerated allowed: ldns gets the canonical form of these wrong."""
    p = run([find_program("ldns-verify-zone"), "-V1", path], check=False)
    wrong = [x for x in (p.stdout + p.stderr).splitlines() if x and not x.startswith("There were errors") and
             not any(re.search(r"\b%s\." % t, x) for t in tolerated)]
    if wrong:
        raise Failed("ldns-verify-zone %s: %s" % (path, wrong))


def check_fields(path, denial_ttl):
    """What no judge looks at: label counts of wildcards, TTLs of RRSIG and of denial records (RFC 9077)."""
    for line in records(path):
        owner, ttl, _, rdtype, rdata = line.split(" ", 4)
        labels = [x for x in re.split(r"(?<!\\)\.", owner) if x]
        if rdtype == "RRSIG":
            _, _, count, original = rdata.split(" ")[:4]
            if int(count) != len(labels) - (labels[:1] == ["*"]) or original != ttl:
                raise Failed("%s: labels or TTLs are wrong in %s" % (path, line))
        elif rdtype in ("NSEC", "NSEC3") and int(ttl) != denial_ttl:
            raise Failed("%s: TTL %s, not %d, in %s" % (path, ttl, denial_ttl, line))


DENIAL_TTL = {"tld": 900, "host": 600, "types": 300, "deep": 60, "large": 300, "octets": 300, "tiny": 60, "root": 86400}


def judge(path, origin, kind):
    check_fields(path, DENIAL_TTL[kind])
    if kind == "types":     # BIND and Knot agree with us on these two types
        verify(path, origin, ("dnssec-verify", "kzonecheck"))
        ldns_but(path, ("nsap-ptr", "sink", "sink2"))
    else:
        verify(path, origin)


def sign_and_judge(lab, mode, algorithms, kinds):
    for kind in kinds:
        origin, make = INPUTS[kind]
        keys = make_keys(lab, origin, algorithms)
        name = "%s-%s-%s" % (kind, mode, "-".join(map(str, algorithms)))
        judge(sign(lab, origin, keys, make(), MODES[mode], name), origin, kind)


MAIN = ("tld", "host", "types", "deep", "large")


@limit(240)
def test_nsec(lab):
    for alg in (8, 13, 15):
        sign_and_judge(lab, "nsec", [alg], MAIN)


@limit(240)
def test_nsec3(lab):
    for alg in (8, 13, 15):
        sign_and_judge(lab, "nsec3", [alg], MAIN)


@limit(240)
def test_nsec3_optout(lab):
    for alg in (8, 13, 15):
        sign_and_judge(lab, "opt-out", [alg], MAIN)


@limit(240)
def test_other_algorithms_and_mixtures(lab):
    for algorithms in ([10], [14], [16], [8, 13]):
        for mode in MODES:
            sign_and_judge(lab, mode, algorithms, ("deep",))
    for mode in MODES:      # a CSK
        origin, make = INPUTS["deep"]
        judge(sign(lab, origin, make_keys(lab, origin, [13], csk=True), make(), MODES[mode], "csk-" + mode), origin, "deep")


def test_edges(lab):
    for mode in MODES:
        sign_and_judge(lab, mode, [13], ("octets", "tiny", "root"))


def refused_by(path, origin):
    """Which judges refuse the zone."""
    names = []
    for tool in ("dnssec-verify", "ldns-verify-zone", "kzonecheck"):
        try:
            verify(path, origin, (tool,))
        except Failed:
            names.append(tool)
    return names


def expect_refused(lab, name, lines, origin, tools):
    path = lab.write(name, "".join(lines))
    got = refused_by(path, origin)
    if not set(tools) <= set(got):
        raise Failed("%s: refused by %s only, not by all of %s" % (path, got, tools))


def break_signature(line):
    head, sig = line.rstrip("\n").rsplit(" ", 1)
    raw = bytearray(base64.b64decode(sig))
    raw[len(raw) // 2] ^= 1
    return "%s %s\n" % (head, base64.b64encode(raw).decode())


def test_the_judges_see_faults(lab):
    """So that the tests above can fail: one broken signature, one missing denial record, one missing RRset."""
    origin, make = INPUTS["deep"]
    keys = make_keys(lab, origin, [13])
    everyone = ("dnssec-verify", "ldns-verify-zone", "kzonecheck")
    for mode in ("nsec", "nsec3"):
        path = sign(lab, origin, keys, make(), MODES[mode], "good-" + mode)
        lines = records(path)
        if refused_by(path, origin):
            raise Failed("the good zone is refused")
        at = next(i for i, x in enumerate(lines) if " RRSIG TXT " in x)
        expect_refused(lab, mode + "-signature", lines[:at] + [break_signature(lines[at])] + lines[at + 1:], origin, everyone)
        kind = " IN NSEC3 " if mode == "nsec3" else " IN NSEC "
        at = [i for i, x in enumerate(lines) if kind in x][3]
        owner = lines[at].split(" ")[0]
        gone = [x for x in lines if not (x.startswith(owner + " ") and (kind in x or " RRSIG %s " % kind.split()[1] in x))]
        if len(gone) != len(lines) - 2:
            raise Failed("%d lines went, not 2" % (len(lines) - len(gone)))
        expect_refused(lab, mode + "-denial", gone, origin, everyone)
        expect_refused(lab, mode + "-rrset", [x for x in lines if not x.startswith("z.f.g.h.i.j.%s " % origin)], origin,
                       everyone if mode == "nsec" else everyone[:2])


def signed_types(lines):
    """(owner, type) of every RRset and of every RRSIG, lower case."""
    rrsets, sigs = set(), set()
    for line in lines:
        owner, _, _, rdtype, rdata = line.rstrip("\n").split(" ", 4)
        if rdtype == "RRSIG":
            sigs.add((owner.lower(), rdata.split(" ")[0]))
        else:
            rrsets.add((owner.lower(), rdtype))
    return rrsets, sigs


def test_what_is_signed_and_what_is_not(lab):
    """Glue, delegations, occluded names; opted-out names and their empty non-terminals have no NSEC3."""
    origin, make = INPUTS["tld"]
    keys = make_keys(lab, origin, [13])
    more = "dn DNAME example.net.\nbelow.dn TXT \"occluded\"\n"
    rrsets, sigs = signed_types(records(sign(lab, origin, keys, make() + more, MODES["nsec"], "what")))
    for owner, rdtype, want in (("ns1.tld.", "A", True), ("tld.", "NS", True), ("tld.", "SOA", True), ("tld.", "DNSKEY", True),
                                ("d.secure-ent.tld.", "NS", False), ("d.secure-ent.tld.", "DS", True),
                                ("d.secure-ent.tld.", "NSEC", True), ("a.insecure-ent.tld.", "NSEC", True),
                                ("dn.tld.", "DNAME", True), ("below.dn.tld.", "TXT", False)):
        if (owner, rdtype) not in rrsets:
            raise Failed("%s %s is not in the zone" % (owner, rdtype))
        if ((owner, rdtype) in sigs) != want:
            raise Failed("%s %s: signed is not %s" % (owner, rdtype, want))
    if ("below.dn.tld.", "NSEC") in rrsets or ("secure-ent.tld.", "NSEC") in rrsets:
        raise Failed("NSEC at an occluded name or an empty non-terminal")
    counts = {}
    for mode in ("nsec3", "opt-out"):
        lines = records(sign(lab, origin, keys, make(), MODES[mode], "count-" + mode))
        counts[mode] = sum(" IN NSEC3 " in x for x in lines)
        flags = {x.split(" ")[5] for x in lines if " IN NSEC3 " in x}
        param = [x.split(" ")[1:8] for x in lines if " IN NSEC3PARAM " in x]
        if flags != {"1" if mode == "opt-out" else "0"} or param != [["0", "IN", "NSEC3PARAM", "1", "0", "0", "-\n"]]:
            raise Failed("%s: flags %s, NSEC3PARAM %s" % (mode, flags, param))
    text = make()
    ds = set(re.findall(r"^(\S+) DS ", text, re.M))
    cuts = set(re.findall(r"^(\S+) NS ", text, re.M)) - {"@"}
    # apex, ns1, ns2; secure-ent, and without opt-out insecure-ent and c.insecure-ent
    want = {"opt-out": 3 + len(ds) + 1, "nsec3": 3 + len(cuts) + 3}
    if counts != want:
        raise Failed("NSEC3 records: %s, not %s" % (counts, want))


RFC_5155_ZONE = """$ORIGIN example.
$TTL 3600
@ SOA ns1 bugs.x.w 1 3600 300 3600000 3600
@ NS ns1
@ NS ns2
@ MX 1 xx
2t7b4g4vsa5smi47k61mv5bv1a22bojr A 192.0.2.127
a NS ns1.a
a NS ns2.a
a DS 58470 5 1 3079F1593EBAD6DC121E202A8B766A6A4837206C
ns1.a A 192.0.2.5
ns2.a A 192.0.2.6
ai A 192.0.2.9
ai HINFO "KLH-10" "ITS"
ai AAAA 2001:db8:0:0:0:0:f00:baa9
c NS ns1.c
c NS ns2.c
ns1.c A 192.0.2.7
ns2.c A 192.0.2.8
ns1 A 192.0.2.1
ns2 A 192.0.2.2
*.w MX 1 ai
x.w MX 1 xx
x.y.w MX 1 xx
xx A 192.0.2.10
xx HINFO "KLH-10" "TOPS-20"
xx AAAA 2001:db8:0:0:0:0:f00:baaa
"""
RFC_5155_CHAIN = """0p9mhaveqvm6t7vbl5lop2u3t2rp3tom NS SOA MX RRSIG DNSKEY NSEC3PARAM
2t7b4g4vsa5smi47k61mv5bv1a22bojr A RRSIG
2vptu5timamqttgl4luu9kg21e0aor3s MX RRSIG
35mthgpgcu1qg68fab165klnsnk3dpvl NS DS RRSIG
b4um86eghhds6nea196smvmlo4ors995 MX RRSIG
gjeqe526plbf1g8mklp59enfd789njgi A HINFO AAAA RRSIG
ji6neoaepv8b5o6k4ev33abha8ht9fgc
k8udemvp1j2f7eg6jebps17vp3n8i58h
kohar7mbb8dc2ce8a9qvl8hon4k53uhi A RRSIG
q04jkcevqvmu85r014c7dkba38o0ji5r A RRSIG
r53bq7cc2uvmubfu5ocmm6pers9tk9en MX RRSIG
t644ebqk9bibcna874givr6joj62mlhv A HINFO AAAA RRSIG
"""


def test_zone_of_rfc_5155(lab):
    """The NSEC3 chain of RFC 5155 appendix A: c.example is opted out, y.w and w are empty non-terminals."""
    keys = make_keys(lab, "example.", [13])
    path = sign(lab, "example.", keys, RFC_5155_ZONE, ["--opt-out", "--iterations", "12", "--salt", "aabbccdd"])
    rows = [x.split(" ", 1) if " " in x else [x, ""] for x in RFC_5155_CHAIN.splitlines()]
    want = ["%s.example. 3600 IN NSEC3 1 1 12 aabbccdd %s %s" % (rows[i][0], rows[(i + 1) % len(rows)][0], rows[i][1])
            for i in range(len(rows))]
    got = [x.rstrip() for x in records(path) if " IN NSEC3 " in x]
    if got != [x.rstrip() for x in want]:
        raise Failed("the chain is\n%s" % "\n".join(got))


def denial_records(path, origin):
    """NSEC, NSEC3 and NSEC3PARAM records as dnspython reads them, names in lower case."""
    zone = dns.zone.from_file(path, origin, relativize=False)
    return {(name.canonicalize().to_text(), ttl, rdata.to_text().lower()) for kind in ("NSEC", "NSEC3", "NSEC3PARAM")
            for name, ttl, rdata in zone.iterate_rdatas(kind)}


def test_denial_is_what_bind_makes(lab):
    """NSEC and NSEC3 records are the same as dnssec-signzone's, record by record."""
    for kind in ("tld", "host", "deep", "octets", "tiny"):
        origin, make = INPUTS[kind]
        keys = make_keys(lab, origin, [13])
        for mode, options in (("nsec", []), ("nsec3", ["-3", "-", "-H", "0"]), ("opt-out", ["-3", "-", "-H", "0", "-A"])):
            if kind == "octets" and mode != "nsec":
                continue    # dnssec-signzone gives up: "*." in front of a name of 255 octets
            name = "%s-%s" % (kind, mode)
            ours = sign(lab, origin, keys, make(), MODES[mode], name)
            theirs = lab.path(name + ".bind")
            run([find_program("dnssec-signzone"), "-q", "-S", "-K", keys, "-d", lab.dir, "-o", origin, "-O", "full", "-P"] +
                options + ["-f", theirs, lab.path(name)], cwd=lab.dir)
            a, b = denial_records(ours, origin), denial_records(theirs, origin)
            if a != b:
                raise Failed("%s: only ours %s\nonly BIND's %s" % (name, sorted(a - b)[:5], sorted(b - a)[:5]))


def test_refusals(lab):
    """No keys, a private half that others can read, a zone with errors: exit status 1 and nothing written."""
    origin, make = INPUTS["tiny"]
    program, source, out = lab.program("duet-sign"), lab.write("tiny", make()), lab.path("out")
    keys = make_keys(lab, origin, [13], csk=True)

    def refused(argv, status, word):
        p = run([program] + argv, check=False)
        if p.returncode != status or word not in p.stderr or os.path.exists(out):
            raise Failed("%s: exit status %d, %s" % (argv, p.returncode, p.stderr))

    refused(["--zone", origin, "--keys", lab.folder("empty"), "--out", out, source], 1, "no key files")
    refused(["--zone", origin, "--keys", keys, source], 2, "--out")
    refused(["--zone", origin, "--keys", keys, "--out", out, "--salt", "abc", source], 2, "--salt")
    refused(["--zone", origin, "--keys", keys, "--out", out, lab.write("bad", make() + "x A 192.0.2.300\n")], 1, "bad:4:")
    private = [os.path.join(keys, x) for x in os.listdir(keys) if x.endswith(".private")][0]
    os.chmod(private, 0o644)
    refused(["--zone", origin, "--keys", keys, "--out", out, source], 1, "others")
    os.chmod(private, 0o600)
    run([program, "--zone", origin, "--keys", keys, "--out", out, source])


def to_pem(folder):
    """The private halves as PKCS #8 in PEM, by another program, instead of BIND's own files."""
    for name in [x for x in os.listdir(folder) if x.endswith(".private")]:
        with open(os.path.join(folder, name), encoding="ascii") as f:
            fields = dict(line.rstrip("\n").split(": ", 1) for line in f if ": " in line)
        scalar = base64.b64decode(fields["PrivateKey"])
        if fields["Algorithm"].startswith("13 "):
            key = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
        else:
            key = ed25519.Ed25519PrivateKey.from_private_bytes(scalar)
        path = os.path.join(folder, name[:-len("private")] + "pem")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
            f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        os.unlink(os.path.join(folder, name))


def test_keys_in_pem(lab):
    """They sign as BIND's files do: the signatures of before are their own, and a new one is right."""
    origin, make = INPUTS["deep"]
    for alg in (13, 15):
        keys = make_keys(lab, origin, [alg])
        first = sign(lab, origin, keys, make(), [], "bind-%d" % alg)
        to_pem(keys)
        again = sign(lab, origin, keys, make() + "pem TXT new\n", ["--previous", first], "pem-%d" % alg)
        judge(again, origin, "deep")
        if not 2 <= len(rrsigs(again) - rrsigs(first)) <= 8:
            raise Failed("%d signatures are new" % len(rrsigs(again) - rrsigs(first)))
        private = [os.path.join(keys, x) for x in os.listdir(keys) if x.endswith(".pem")][0]
        os.chmod(private, 0o640)
        p = run([lab.program("duet-sign"), "--zone", origin, "--keys", keys, "--out", lab.path("no"), first], check=False)
        if p.returncode != 1 or "others" not in p.stderr or os.path.exists(lab.path("no")):
            raise Failed("a PEM file that others can read is taken: %s" % p.stderr)


def rrsigs(path):
    return {x for x in records(path) if " IN RRSIG " in x and " IN RRSIG SOA " not in x and " IN RRSIG DNSKEY " not in x}


def test_previous(lab):
    """Signatures of the signed zone before stay where the RRset, the key and the time allow it, and nowhere else."""
    for mode, mode_options in MODES.items():
        for kind in ("tld", "deep", "types"):
            origin, make = INPUTS[kind]
            keys, name = make_keys(lab, origin, [13]), "previous-%s-%s" % (kind, mode)
            first = sign(lab, origin, keys, make(), mode_options, name)
            old, options = rrsigs(first), mode_options + ["--previous", first]
            again = rrsigs(sign(lab, origin, keys, make(), options, name + ".again"))
            if again != old:
                raise Failed("%s: %d signatures are new, none should be" % (name, len(again - old)))
            more = sign(lab, origin, keys, make() + "previous.%s 60 IN TXT \"new\"\n" % origin, options, name + ".more")
            judge(more, origin, kind)
            if not 2 <= len(rrsigs(more) - old) <= 8:
                raise Failed("%s: a new name changes %d signatures" % (name, len(rrsigs(more) - old)))
            late = rrsigs(sign(lab, origin, keys, make(), options + ["--renewal-margin", "1209600"], name + ".late"))
            if late & old:
                raise Failed("%s: %d signatures within the margin stay" % (name, len(late & old)))
            short = rrsigs(sign(lab, origin, keys, make(), options + ["--validity", "900000", "--jitter", "0"], name + ".short"))
            if short & old:
                raise Failed("%s: %d signatures stay longer than allowed" % (name, len(short & old)))
    origin, make = INPUTS["deep"]
    first = sign(lab, origin, make_keys(lab, origin, [13]), make(), [], "previous-key")
    other = sign(lab, origin, make_keys(lab, origin, [13], csk=True), make(), ["--previous", first], "previous-key.other")
    judge(other, origin, "deep")
    if rrsigs(first) & rrsigs(other):
        raise Failed("signatures of another key stay")
    sign(lab, origin, make_keys(lab, origin, [13]), make(), ["--previous", lab.path("nowhere")], "previous-none")


@limit(240)
def test_threads_and_memory(lab):
    """Batches of several threads meet without a seam, also when all that is sorted goes through a file."""
    text = zonegen.tld(n=9000)
    origin, _ = INPUTS["tld"]
    keys, found = make_keys(lab, origin, [15]), {}
    for mode, options in MODES.items():
        for threads in (1, 4):
            more = ["--threads", str(threads)] + (["--memory", "1", "--tmp", lab.folder("tmp")] if threads > 1 else [])
            out = sign(lab, origin, keys, text, options + more, "threads-%s-%d" % (mode, threads))
            if threads > 1 and mode == "nsec3":
                verify(out, origin, ("ldns-verify-zone",))
            found[threads] = {x for x in records(out) if " IN RRSIG " not in x}
        if found[1] != found[4]:
            raise Failed("%s: one thread and four differ: %s" % (mode, sorted(found[1] ^ found[4])[:4]))
