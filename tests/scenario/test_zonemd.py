# SPDX-License-Identifier: BSD-3-Clause
"""The digest of a zone (RFC 8976): made by policy, judged by ldns and Knot, checked where an input brings one."""

import json
import os
import re
import time

import dns.zone

import zonegen
from duetlab import *
from test_ixfr_change import zone_of
from test_sign import INPUTS, MODES, make_keys, sign

POLICIES = {"nsec": ("nsec", "both", {1, 2}), "nsec3": ("nsec3", "sha384", {1}), "nsec3-optout": ("nsec3-optout", "sha512", {2})}


class Checking(Knot):
    """A secondary that takes no zone whose digest is another."""

    def config(self):
        return super().config().replace("    semantic-checks: off", "    semantic-checks: off\n    zonemd-verify: on")


def shows(addr, zone, name):
    return "\n%s.%s." % (name, zone) in "\n" + axfr_text(addr, zone).lower()


def apex_zonemd(path, zone):
    """{hash: digest} of the file, and its serial in all of them."""
    z = dns.zone.from_file(path, origin=zone + ".", relativize=False)
    serial = z.find_rdataset(zone + ".", "SOA")[0].serial
    found = z.get_rdataset(zone + ".", "ZONEMD") or []
    if any(md.serial != serial or md.scheme != 1 for md in found):
        raise Failed("a ZONEMD of another serial or scheme: %s" % found)
    return {int(md.hash_algorithm): md.digest for md in found}


def ldns_zonemd(path, at=None):
    when = ["-t", time.strftime("%Y%m%d%H%M%S", time.gmtime(at))] if at else []
    return run([find_program("ldns-verify-zone"), "-V1", "-ZZ"] + when + [path], check=False, timeout=60)


def judge(path, zone, hashes, at=None):
    verify(path, zone, at=at)
    p = ldns_zonemd(path, at)
    if p.returncode != 0:
        raise Failed("ldns-verify-zone -ZZ %s: %s%s" % (path, p.stdout, p.stderr))
    found = apex_zonemd(path, zone)
    if set(found) != hashes:
        raise Failed("%s has ZONEMD by %s, not %s" % (path, set(found), hashes))
    return found


def status(host, zone):
    return json.loads(host.ctl("--json", "zone", "status", zone).stdout)


def policy(host, lab, name, denial, zonemd, more=""):
    host.ctl("policy", "apply", lab.write(name + ".yaml", "name: %s\nrequire-backups: 0\npropagation: 0\ndenial: %s\nzonemd: %s\n%s"
                                          % (name, denial, zonemd, more)))


@limit(300)
def test_each_version_has_its_digest(lab):
    """Two signers, all ways of denial: after differences, a renewal, another policy; Knot takes only what is right."""
    cluster = Cluster(lab, signers=2, backups=0).init()
    s1, s2 = cluster.signers()
    zones = {zone_of(m): small_zone(zone_of(m) + ".", n=60, serial=5, more="cut NS ns.cut\nns.cut A 192.0.2.1\nMixed A 192.0.2.2\n"
                                    "SRV SRV 1 1 1 MiXed\n") for m in POLICIES}
    bind = BindPrimary(lab, "primary", zones, notify=[Primary(s.addr) for s in (s1, s2)], dynamic=True).start()
    knots = [Checking(lab, "knot%d" % i, list(zones), [s.addr]) for i, s in enumerate((s1, s2))]
    for k, s in zip(knots, (s1, s2)):
        cluster.add_secondary(k, of=[s.name])
    cluster.write_confs()
    cluster.start()
    for m, (denial, zonemd, _) in POLICIES.items():
        policy(s1, lab, m, denial, zonemd)
        s1.ctl("zone", "add", zone_of(m), "--source", "primary:%s#%d" % (bind.addr, bind.port), "--policy", m)
        s2.ctl("key", "create", zone_of(m))
        cluster.wait_signed(zone_of(m))
    for k in knots:
        k.start()
    for s in (s1, s2):
        for m in POLICIES:
            s.wait_first_ds(zone_of(m))

    def all_have(name, round_name):
        for m, (_, _, hashes) in POLICIES.items():
            digests = []
            for s, k in zip((s1, s2), knots):
                zone = zone_of(m)
                wait_until(lambda: shows(s.addr, zone, name), 40, "%s shows %s of %s" % (s.name, name, zone))
                path = axfr_file(lab, s.addr, zone)
                digests.append(judge(path, zone, hashes))
                wait_until(lambda: shows(k.addr, zone, name), 40, "%s takes %s of %s" % (k.name, name, zone))
            if digests[0] == digests[1]:
                raise Failed("%s: two signers, with signatures of their own, have one digest (%s)" % (m, round_name))

    all_have("mixed", "first")
    for i in range(2):
        for zone in zones:
            bind.update(zone, ["new%d 300 TXT here" % i, "deep.er.new%d 300 A 192.0.2.1" % i], ["host%d" % i], tcp=True)
        all_have("new%d" % i, "update %d" % i)
    log = s1.signer.tail(100000)
    if len(re.findall(r"event=zone-loaded zone=\S+ .*kind=difference", log)) < 3:
        raise Failed("no differences were taken")
    by = [(int(n), int(of)) for n, of in re.findall(r"event=audited zone=\S+ serial=\d+ by=changes records=(\d+) verified=(\d+)", log)]
    if len(by) < 3 or any(verified > records / 4 for records, verified in by) or "event=audit-changes-refused" in log:
        raise Failed("versions with a ZONEMD are not audited by their changes: %s" % by)
    # What the signer gets wrong is not published.
    mark, last = s1.signer.mark(), zone_of("nsec")
    s1.lab.write(os.path.join(s1.dir, "numbers", "spoil-zonemd"), "1\n")
    bind.update(last, ["wrong 300 TXT x"], tcp=True)
    found = s1.signer.wait_event("event=audit-refused zone=%s. result=refused" % last, 40, mark)["msg"]
    if "AUD-ZONEMD-01" not in found or shows(s1.addr, last, "wrong"):
        raise Failed("a wrong digest: %s" % found)
    s1.lab.write(os.path.join(s1.dir, "numbers", "spoil-zonemd"), "0\n")
    # Off again: it is gone, from the bitmap too.
    mark = s1.signer.mark()
    policy(s1, lab, "nsec3", "nsec3", "off")
    zone = zone_of("nsec3")
    s1.wait_published(zone, timeout=40, since=mark)
    path = axfr_file(lab, s1.addr, zone)
    verify(path, zone)
    if apex_zonemd(path, zone):
        raise Failed("policy says off, and there is a ZONEMD")


@limit(120)
def test_a_renewal_and_a_start_keep_it(lab):
    """Renewed, audited or not, killed and started: the digest is that of what is served.  Unsigned zones have one, too."""
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1 = cluster.signer1
    cluster.write_confs()
    cluster.start()
    zone, plain = "example.org", "plain.example"
    policy(s1, lab, "default", "nsec3", "both", "audit: off\n")
    policy(s1, lab, "plain", "nsec", "sha384", "unsigned: serve\n")
    cluster.add_zone(zone, small_zone(zone))
    s1.ctl("key", "create", zone)
    cluster.wait_signed(zone)
    judge(axfr_file(lab, s1.addr, zone), zone, {1, 2})
    s1.put_zone(plain + ".zone", small_zone(plain))
    s1.ctl("zone", "add", plain, "--source", "file:%s.zone" % plain, "--policy", "plain")
    s1.wait_published(plain, timeout=40)
    path = axfr_file(lab, s1.addr, plain)
    run([find_program("ldns-verify-zone"), "-V1", "-Z", path])
    if set(apex_zonemd(path, plain)) != {1}:
        raise Failed("the unsigned zone has no ZONEMD")
    s1.set_clock(9 * 86400)
    wait_until(lambda: status(s1, zone)["earliest"] > s1.now() + 8 * 86400, 40, "it is renewed, or follows a plan of that day")
    s1.wait_served(zone)
    judge(axfr_file(lab, s1.addr, zone), zone, {1, 2}, at=s1.now())
    before, mark = s1.signer.last("event=published zone=%s. " % zone), s1.signer.mark()
    s1.kill("signer")
    s1.start("signer")
    # The same one again, or that of a plan with signatures of the DNSKEY RRset that keydist made since the clock was moved: content and
    # keys are those of before.
    wait_until(lambda: s1.serial(zone) == int(s1.signer.last("event=published zone=%s. " % zone)["serial"]), 30, "it is served again")
    came = list(s1.signer.events("event=published zone=%s. " % zone, mark))
    if len(came) > 1 or any(v["content"] != before["content"] or v["why"] not in ("change", "renewal") for v in came):
        raise Failed("after a start: %s, before: %s" % (came, before))
    judge(axfr_file(lab, s1.addr, zone), zone, {1, 2}, at=s1.now())


@limit(120)
def test_inputs_that_bring_one(lab):
    """A digest that is wrong refuses the input, and says why and what to do; a right one is replaced."""
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1, zone = cluster.signer1, "example.org"
    cluster.write_confs()
    cluster.start()
    policy(s1, lab, "default", "nsec", "sha384")
    text = small_zone(zone)
    cluster.add_zone(zone, text)
    s1.ctl("key", "create", zone)
    cluster.wait_signed(zone)
    serial = dns.zone.from_text(text, origin=zone + ".", relativize=False).find_rdataset(zone + ".", "SOA")[0].serial
    wrong = "@ ZONEMD %d 1 1 %s\n" % (serial, "ab" * 48)
    mark = s1.signer.mark()
    s1.put_zone(zone + ".zone", text + "more TXT here\n" + wrong)
    said = s1.signer.wait_event("event=zone-refused zone=%s. " % zone, 30, mark)
    for words in "RFC 8976", "ZONEMD", "leave ZONEMD out", zone + ".zone":
        if words not in str(said):
            raise Failed("the refusal lacks %r: %s" % (words, said))
    if "more." in axfr_text(s1.addr, zone):
        raise Failed("it was published")
    judge(axfr_file(lab, s1.addr, zone), zone, {1})


@limit(240)
def test_duet_sign_makes_it(lab):
    """Every kind of zone; and ldns notices what is changed afterwards."""
    for kind in "octets", "tiny", "root", "deep":
        origin, make = INPUTS[kind]
        keys = make_keys(lab, origin, [13])
        for mode, hashes in (("nsec", "sha384"), ("nsec3-salted", "both"), ("opt-out", "sha512")):
            if (kind, mode) == ("root", "opt-out"):  # ldns-verify-zone 1.8.3 does not end there
                continue
            path = sign(lab, origin, keys, make(), MODES[mode] + ["--zonemd", hashes], name="%s-%s" % (kind, mode))
            verify(path, origin)
            p = ldns_zonemd(path)
            if p.returncode != 0:
                raise Failed("ldns-verify-zone -ZZ, %s %s: %s%s" % (kind, mode, p.stdout, p.stderr))
    with open(path) as f:
        rows = f.read().splitlines(keepends=True)
    at = next(i for i, row in enumerate(rows) if re.search(r"\s(A|AAAA)\s", row) and "RRSIG" not in row)
    with open(path + ".less", "w") as f:
        f.writelines(rows[:at] + rows[at + 1:])
    if ldns_zonemd(path + ".less").returncode == 0:
        raise Failed("a record less, and ldns says nothing")
    keys = make_keys(lab, "tiny.example.", [13])
    p = run([lab.program("duet-sign"), "--zone", "tiny.example.", "--keys", keys, "--zonemd", "sha384", "--out", "-",
             lab.write("t.zone", zonegen.tiny())], check=False)
    if p.returncode != 2:
        raise Failed("--zonemd to standard output is not refused")


@limit(150)
def test_a_key_roll_keeps_it(lab):
    """Whatever keys the versions of a ZSK's roll have and are signed by, each that is seen has its digests, signed."""
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1, zone = cluster.signer1, "example.org"
    cluster.write_confs()
    cluster.start()
    policy(s1, lab, "default", "nsec3", "both", "keys: ksk+zsk\ndnskey-ttl: 2s\nmax-ttl-unsigned: 1h\nmax-ttl-signed: 10s\nrenewal-margin: 7d\n")
    cluster.add_zone(zone, small_zone(zone, ttl=2, minimum=1))
    s1.ctl("key", "create", zone)
    cluster.wait_signed(zone)

    def keys():
        return [k for k in json.loads(s1.ctl("key", "list", zone, "--json").stdout)["keys"] if not k["gone"] and k["role"] == "zsk"]

    old, judged = {k["hash"] for k in keys()}, set()

    def over():
        serial = s1.serial(zone)
        if serial not in judged:
            path = axfr_file(lab, s1.addr, zone)
            judge(path, zone, {1, 2})
            with open(path) as f:
                by = [row.split()[10] for row in f if "RRSIG ZONEMD" in row]
            if not by:
                raise Failed("a ZONEMD RRset without RRSIG")
            judged.add(serial)
            signers.update(by)
        return keys() and not {k["hash"] for k in keys()} & old

    signers = set()
    over()
    s1.ctl("key", "roll", zone, "--role", "zsk")
    wait_until(over, 90, "the roll is over", every=0.3)
    if len(judged) < 3 or len(signers) != 2:
        raise Failed("%d versions were seen, signed by %s" % (len(judged), signers))


class WithDigest(KnotPrimary):
    """Puts a ZONEMD into each version that it makes."""

    def config(self):
        return super().config().replace("    semantic-checks: off", "    semantic-checks: off\n    zonemd-generate: zonemd-sha384")


@limit(150)
def test_differences_that_bring_one(lab):
    """Knot's digest comes with each of its differences and is right; one that BIND was told, and is wrong, refuses the
    difference, and then the whole, until it is mended."""
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1 = cluster.signer1
    cluster.write_confs()
    cluster.start()
    policy(s1, lab, "default", "nsec3", "sha384")
    knot = WithDigest(lab, "knot", {"knot.example": small_zone("knot.example", serial=5)}, notify=[Primary(s1.addr)]).start()
    bind = BindPrimary(lab, "bind", {"bind.example": small_zone("bind.example", serial=5)}, notify=[Primary(s1.addr)], dynamic=True).start()
    for zone, primary in ("knot.example", knot), ("bind.example", bind):
        s1.ctl("zone", "add", zone, "--source", "primary:%s#%d" % (primary.addr, primary.port))
        s1.ctl("key", "create", zone)
        cluster.wait_signed(zone)
    log = s1.signer
    for n in range(2):
        mark = log.mark()
        knot.update("knot.example", ["new%d.knot.example. 300 TXT here" % n], [], tcp=True)
        log.wait_event("event=zone-loaded zone=knot.example. kind=difference", 30, mark)
        wait_until(lambda: shows(s1.addr, "knot.example", "new%d" % n), 30, "the difference is published")
        judge(axfr_file(lab, s1.addr, "knot.example"), "knot.example", {1})
    if "ZONEMD" not in axfr_text(knot.addr, "knot.example", knot.port) or log.count("event=ixfr-refused zone=knot.example."):
        raise Failed("Knot gives no digest, or it was refused")
    # BIND's next serial is 6.
    mark = log.mark()
    wrong = "bind.example. 300 ZONEMD 6 1 1 " + "ab" * 48
    bind.update("bind.example", ["new.bind.example. 300 TXT here", wrong], [], tcp=True)
    said = log.wait_event("event=ixfr-refused zone=bind.example.", 30, mark)
    log.wait_event("event=zone-refused zone=bind.example.", 30, mark)
    if "RFC 8976" not in str(said) or shows(s1.addr, "bind.example", "new"):
        raise Failed("refused for something else, or published: %s" % said)
    # What it is at serial 7 without it, as dnspython has it.
    right = dns.zone.from_text("".join(row for row in axfr_text(bind.addr, "bind.example", bind.port).replace(" 6 3600 ", " 7 3600 ")
                                       .splitlines(True) if "ZONEMD" not in row), origin="bind.example.", relativize=False)
    mark = log.mark()
    bind.update("bind.example", ["bind.example. 300 ZONEMD 7 1 1 " + right.compute_digest(1).digest.hex()], [wrong], tcp=True)
    log.wait_event("event=zone-loaded zone=bind.example. serial=7", 30, mark)
    wait_until(lambda: shows(s1.addr, "bind.example", "new"), 30, "it is published")
    judge(axfr_file(lab, s1.addr, "bind.example"), "bind.example", {1})
