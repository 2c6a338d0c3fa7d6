# SPDX-License-Identifier: BSD-3-Clause
"""Keys of others come in through files, and a running zone moves here from BIND, Knot, PowerDNS and OpenDNSSEC while validators ask."""

import json
import os
import re
import sqlite3

import dns.rdatatype

from duetlab import *
from opendnssec import OpenDNSSEC
from peers import Peer
from steady import Steady

ZONE = "example.org"
HOSTS = 300
POLICY = "name: quick\nkeys: %s\ndnskey-ttl: 5s\npropagation: 1s\nmax-ttl-signed: 5m\nrenewal-margin: 1h\n"


def keygen(folder, *args, zone=ZONE):
    os.makedirs(folder, exist_ok=True)
    return run([find_program("dnssec-keygen"), "-q", "-K", folder, *args, zone]).stdout.split()[-1]


def one_signer(lab):
    cluster = Cluster(lab, signers=1, backups=0).init()
    cluster.start()
    lab.write("quick.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n")
    cluster.signer1.ctl("policy", "apply", lab.path("quick.yaml"))
    cluster.add_zone(ZONE, small_zone(ZONE, n=2))
    return cluster.signer1


@limit(60)
def test_files_that_are_no_good_are_refused(lab):
    s1 = one_signer(lab)
    d = lab.folder("keys")
    good = os.path.join(d, keygen(d, "-a", "13", "-f", "KSK"))
    other = os.path.join(d, keygen(d, "-a", "13", zone="example.net"))
    sha1 = os.path.join(d, keygen(d, "-a", "7", "-b", "2048"))
    late = os.path.join(d, keygen(d, "-a", "13", "-A", "+1d"))
    small = lab.path("small.pem")
    run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1000", "-out", small])
    os.chmod(small, 0o600)

    def text(path):
        with open(path, encoding="ascii") as f:
            return f.read()

    def copy(name, key=None, private=None, mode=0o600, ends=".private"):
        """The good pair under another name, changed."""
        lab.write("keys/%s.key" % name, key or text(good + ".key"))
        if private is not False:
            lab.write("keys/%s%s" % (name, ends), private or text(good + ".private"), mode=mode)
        return os.path.join(d, name + ".key")

    def refuse(words, *args):
        p = s1.ctl("key", "import", ZONE, *args, check=False)
        if p.returncode != 1 or words not in p.stderr:
            raise Failed("%s: exit status %d, not refused with \"%s\":\n%s" % (args, p.returncode, words, p.stderr))
    public, private = text(good + ".key"), text(good + ".private")
    cut = re.sub(r"(DNSKEY 257 3 13 .*)[^ ]{8}\n", r"\1\n", public)
    refuse("DNSKEY of another name", other + ".key")
    refuse("algorithm 7, must be", sha1 + ".key")
    refuse("octets, must be 64", copy("short", key=cut))
    refuse("algorithm 99, must be", copy("alg99", key=public.replace("257 3 13 ", "257 3 99 ")))
    refuse("Algorithm is not 13", copy("alg98", private=private.replace("Algorithm: 13", "Algorithm: 98")))
    refuse("do not belong together", copy("shortprivate", private=re.sub(r"PrivateKey: .{8}", "PrivateKey: ", private)))
    refuse("PrivateKey of 38 octets, must be 32",
           copy("longprivate", private=private.replace("PrivateKey: ", "PrivateKey: AAAAAAAA")))
    refuse("public half alone", copy("public", private=False))
    refuse("lets others in", copy("mode", mode=0o640))
    refuse("octets", copy("large", private="x" * 20000))
    refuse("at most", copy("largekey", key="; x\n" * 10000 + public))
    refuse("symbolic link", link(copy("linked", private=False)[:-4] + ".private", good + ".private"))
    refuse("symbolic link", link(os.path.join(d, "linked2.key"), good + ".key"))
    refuse("not a regular file", fifo(os.path.join(d, "fifo.key")))
    refuse("not in use, by its times", late + ".key")
    refuse("two of one use", good + ".key", os.path.join(d, keygen(d, "-a", "13", "-f", "KSK")) + ".key")
    refuse("private", copy("mixed", private=text(other + ".private")))
    refuse("No such file", os.path.join(d, "none.key"))
    refuse("must end in", os.path.join(d, "none.txt"))
    refuse("neither algorithm nor role", small)
    refuse("RSA of", small, "--algorithm", "8", "--role", "ksk")
    refuse("not one of ECDSAP256SHA256", small, "--algorithm", "13", "--role", "ksk")
    refuse("flags 257 are not those of a zsk", good + ".key", "--role", "zsk")
    refuse("keymgr", lab.write("a.json", json.dumps([{"id": "../../etc", "ksk": True, "zone": ZONE + "."}])))
    refuse("key ab is one of other.", lab.write("b.json", json.dumps([{"id": "ab", "ksk": True, "zone": "other."}])))
    refuse("public half", lab.write("c.json", json.dumps([{"id": "ab", "ksk": True, "zone": ZONE + ".", "public-only": True}])))
    refuse(":1:", lab.write("d.json", "{"))
    if json.loads(s1.ctl("key", "list", ZONE, "--json").stdout)["keys"]:
        raise Failed("a key was taken in")
    # And the good one, twice.
    out = json.loads(s1.ctl("key", "import", ZONE, good + ".key", good + ".private", "--json").stdout)
    if [k["role"] for k in out["keys"]] != ["csk"] or out["existing"]:
        raise Failed(out)
    if not json.loads(s1.ctl("key", "import", ZONE, good + ".private", "--json").stdout)["existing"]:
        raise Failed("taken in twice")
    refuse("has a csk already", os.path.join(d, keygen(d, "-a", "13")) + ".key")
    s1.keydist.wait_event("event=key-imported", 5)
    wait_until(lambda: s1.signed(ZONE), 20, "it signs")


def link(path, to):
    os.symlink(to, path)
    return path[:-8] + ".key" if path.endswith(".private") else path


def fifo(path):
    os.mkfifo(path)
    return path


# ---- moves ----

class Move:
    """`old` signs ZONE and NSD has it from there; Unbound trusts its key.  Then the cluster has the keys, and NSD the zone
    from the cluster."""

    def __init__(self, lab, old, policy):
        self.lab, self.old, self.csk = lab, old, policy == "csk"
        self.cluster = cluster = Cluster(lab, signers=2, backups=1).init()
        self.s1 = cluster.signer1
        nsd = self.nsd = NSD(lab, "nsd", [ZONE], [(old.addr, old.port), self.s1.addr, cluster.signer2.addr], addr=old.told)
        cluster.add_secondary(nsd, of=["signer1", "signer2"])
        cluster.write_confs()
        nsd.start()
        wait_until(lambda: nsd.signed(ZONE) and self.whole(), 30, "NSD has the zone from before, all signed", every=0.3)
        self.before, self.keys = nsd.serial(ZONE), self.dnskeys()
        self.resolver = Unbound(lab, "unbound", {ZONE: (nsd.addr, nsd.port)}, old.anchors()).start()
        self.stream = Steady("stream", self.resolver.addr, self.resolver.port, ZONE, HOSTS, rate=40, again=True).start()
        cluster.start()
        lab.write("quick.yaml", POLICY % policy)
        self.s1.ctl("policy", "apply", lab.path("quick.yaml"))

    def whole(self):
        """named signs a zone piece by piece."""
        file = axfr_file(self.lab, self.nsd.addr, ZONE)
        return run([find_program("dnssec-verify"), *(["-z"] if self.csk else []), "-o", ZONE, file], check=False).returncode == 0

    def dnskeys(self):
        answer = self.nsd.query(ZONE + ".", "DNSKEY", tcp=True).answer
        return sorted(rd.to_text() for rrset in answer if rrset.rdtype == dns.rdatatype.DNSKEY for rd in rrset)

    def go(self, *imports):
        """imports: what `key import` is given, each time that it is called."""
        self.more(80)
        self.cluster.add_zone(ZONE, small_zone(ZONE, n=HOSTS, serial=2, ttl=5, minimum=5), policy="quick")
        for args in imports:
            self.s1.ctl("key", "import", ZONE, *args)
        self.cluster.wait_signed(ZONE)
        self.nsd.wait_serial(ZONE, lambda s: s > self.before and s == self.s1.serial(ZONE), 30)
        self.more(80)
        self.old.stop()
        self.more(400)      # longer than anything is cached
        self.stream.stop()
        print(self.stream)
        if self.stream.bogus() or self.dnskeys() != self.keys:
            raise Failed("%s\n%s\n%s" % (self.stream, self.keys, self.dnskeys()))
        if ds_tags(self.cluster.ds(ZONE)) != ds_tags(self.old.anchors()):
            raise Failed("the DS is another one: %s, %s" % (self.cluster.ds(ZONE), self.old.anchors()))

    def more(self, n):
        before = self.stream.answered()
        wait_until(lambda: self.stream.answered() >= before + n, 60, "Unbound answers")


def ds_tags(rows):
    return {re.search(r"\sDS\s+(\d+)\s", row).group(1) for row in rows}


class SigningBind(BindPrimary):
    """named signs it with keys of its own."""

    def __init__(self, lab):
        self.told = lab.addr()
        super().__init__(lab, "named", {ZONE: small_zone(ZONE, n=HOSTS, ttl=5, minimum=5)}, notify=[self.told])

    def config(self):
        return 'dnssec-policy p { keys { ksk lifetime unlimited algorithm 8 2048; zsk lifetime unlimited algorithm 8 2048; };' \
            ' dnskey-ttl 5; };\n' + super().config().replace("check-names ignore;", 'check-names ignore; dnssec-policy p; '
                                                               'inline-signing yes; key-directory "%s";' % self.dir)

    def files(self):
        return sorted(os.path.join(self.dir, f) for f in os.listdir(self.dir) if f.startswith("K") and f.endswith(".key"))

    def anchors(self):
        return [row for f in self.files() for row in
                run([find_program("dnssec-dsfromkey"), "-2", f]).stdout.splitlines() if "257 " in open(f).read()]


@limit(120)
def test_a_zone_moves_here_from_bind(lab):
    old = SigningBind(lab).start()
    wait_until(lambda: old.signed(ZONE), 30, "named signs")
    m = Move(lab, old, "ksk+zsk")
    m.go(old.files())
    # And away again: what comes out is what named's tools take.
    out = lab.folder("out")
    for k in json.loads(m.s1.ctl("key", "list", ZONE, "--json").stdout)["keys"]:
        m.s1.ctl("key", "export", ZONE, k["hash"], "--dir", out)
    lab.write("out/zone", small_zone(ZONE))
    run([find_program("dnssec-signzone"), "-S", "-K", out, "-d", out, "-o", ZONE, "-f", out + "/signed", out + "/zone"])
    run([find_program("dnssec-verify"), "-o", ZONE, out + "/signed"])


class SigningKnot(KnotPrimary):
    """knotd signs it with keys of its own."""

    def __init__(self, lab):
        self.told = lab.addr()
        super().__init__(lab, "knotd", {ZONE: small_zone(ZONE, n=HOSTS, ttl=5, minimum=5)}, notify=[self.told])

    def config(self):
        return super().config().replace("zone:\n", "policy:\n  - id: p\n    ksk-lifetime: 0\n    zsk-lifetime: 0\n"
                                        "    dnskey-ttl: 5\nzone:\n").replace("    acl: any", "    acl: any\n    dnssec-signing: on\n"
                                                                              "    dnssec-policy: p")

    def keymgr(self, *args):
        return run([find_program("keymgr"), "-c", self.conf_path(), *args]).stdout

    def anchors(self):
        return [r.replace(" DS ", " IN DS ") for r in self.keymgr(ZONE, "ds").splitlines() if len(r.split()) > 5 and
                r.split()[4] == "2"]


@limit(120)
def test_a_zone_moves_here_from_knot(lab):
    old = SigningKnot(lab).start()
    wait_until(lambda: old.signed(ZONE), 30, "knotd signs")
    m = Move(lab, old, "ksk+zsk")
    for name in os.listdir(old.dir + "/db/keys/keys"):
        with open(old.dir + "/db/keys/keys/" + name, encoding="ascii") as f:
            lab.write("knotkeys/" + name, f.read(), mode=0o600)
    m.go([lab.write("knotkeys/list.json", old.keymgr("-j", ZONE, "list"))])
    # And away again.
    out, fresh = lab.folder("out"), lab.folder("fresh")
    for k in json.loads(m.s1.ctl("key", "list", ZONE, "--json").stdout)["keys"]:
        m.s1.ctl("key", "export", ZONE, k["hash"], "--dir", out)
    for name in sorted(f for f in os.listdir(out) if f.endswith(".key")):
        run([find_program("keymgr"), "-D", fresh, ZONE, "import-bind", os.path.join(out, name)])
    rows = json.loads(run([find_program("keymgr"), "-D", fresh, "-j", ZONE, "list"]).stdout)
    if {r["tag"] for r in rows} != {r["tag"] for r in json.loads(old.keymgr("-j", ZONE, "list"))} or \
            not all(r["active"] for r in rows):
        raise Failed("keymgr has %s" % rows)


class PowerDNS(Peer):
    """pdns_server signs it as it answers."""
    program = "pdns_server"
    told = None

    def argv(self):
        return ["--config-dir=" + self.dir, "--daemon=no", "--guardian=no"]

    def config(self):
        path = os.path.join(self.dir, "pdns.db")
        if not os.path.exists(path):
            with open("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql", encoding="ascii") as f, \
                    sqlite3.connect(path) as db:
                db.executescript(f.read())
        text = "\n".join(["launch=gsqlite3", "gsqlite3-database=" + path, "gsqlite3-dnssec=yes", "local-address=" + self.addr,
                          "local-port=%d" % self.port, "socket-dir=" + self.dir, "allow-axfr-ips=127.0.0.0/8",
                          "setuid=", "setgid=", "version-string=anonymous", "xfr-cycle-interval=60"]) + "\n"
        self.lab.write(os.path.join(self.dir, "pdns.conf"), text)
        self.util("create-zone", ZONE)
        self.util("load-zone", ZONE, self.lab.write("pdns.zone", small_zone(ZONE, n=HOSTS, ttl=5, minimum=5)))
        self.util("secure-zone", ZONE)
        return text

    def util(self, *args):
        return run([find_program("pdnsutil"), "--config-dir=" + self.dir, *args]).stdout

    def answers(self):
        return self.serial(ZONE)

    def ids(self):
        """Of its keys."""
        rows = [row.split() for row in self.util("list-keys", ZONE).splitlines()]
        head = next(row for row in rows if "ID" in row)
        return [row[head.index("ID")] for row in rows if row[:1] == [ZONE]]

    def anchors(self):
        return [re.sub(r"^DS = |\s*;.*", "", row.strip()) for row in self.util("show-zone", ZONE).splitlines()
                if re.match(r"DS = .* \d+ \d+ 2 ", row.strip())]


@limit(120)
def test_a_zone_moves_here_from_powerdns(lab):
    old = PowerDNS(lab, "pdns").start()
    m = Move(lab, old, "csk")
    for i in old.ids():
        lab.write("pdnskeys/%s.private" % i, old.util("export-zone-key", ZONE, i), mode=0o600)
        lab.write("pdnskeys/%s.key" % i, old.util("export-zone-dnskey", ZONE, i))
    m.go([lab.path("pdnskeys", i + ".key") for i in old.ids()])
    # And away again.
    out = lab.folder("out")
    key, = json.loads(m.s1.ctl("key", "list", ZONE, "--json").stdout)["keys"]
    m.s1.ctl("key", "export", ZONE, key["hash"], "--dir", out)
    private, = [os.path.join(out, f) for f in os.listdir(out) if f.endswith(".private")]
    old.util("create-zone", "example.net")
    old.util("import-zone-key", "example.net", private, "active", "ksk")
    if str(key["tag"]) not in old.util("list-keys", "example.net"):
        raise Failed(old.util("list-keys", "example.net"))


def move_from_opendnssec(lab, alg):
    """Its keys may leave their token: PKCS #8 in PEM, one by one, nothing of which says what they are."""
    old = OpenDNSSEC(lab, ZONE, small_zone(ZONE, n=HOSTS, ttl=5, minimum=5), alg=alg).start()
    m = Move(lab, old, "ksk+zsk")
    keys, folder = old.keys(), lab.folder("odskeys")
    if sorted(role for role, _, _ in keys) != ["ksk", "zsk"]:
        raise Failed("the enforcer has %s" % keys)
    old.export(folder, *[i for _, _, i in keys])
    m.go(*[[os.path.join(folder, i + ".pem"), "--algorithm", str(alg), "--role", role] for role, alg, i in keys])


@limit(180)
def test_a_zone_moves_here_from_opendnssec(lab):
    move_from_opendnssec(lab, (13, 256))


@limit(240)
def test_a_zone_moves_here_from_opendnssec_with_rsa(lab):
    move_from_opendnssec(lab, (8, 2048))
