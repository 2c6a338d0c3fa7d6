# SPDX-License-Identifier: BSD-3-Clause
"""What waits to be signed shares its pages with what is published: a change costs its pages, and shows nothing that is signed."""

import os
import time

import dns.exception

from duetlab import *
from test_review import DOT, LOAD_PORT, SIGN_PORT, ZONE, Site, read, seen
from test_zonemd import judge

NAMES = 1000
KEY, SECRET = "review.example", "c2VjcmV0IG9mIHRob3NlIHdobyByZXZpZXcgaXQu"
DAY_S, HOURS_S = 86400, 3 * 3600
PAGE = 16386  # octets of the largest, one record that needs more apart
ADDED = {"RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "ZONEMD"}


def zone(serial, without=(), more=""):
    rows = small_zone(ZONE, n=0, serial=serial).splitlines()
    rows += ["n%05d A 192.0.2.7\nn%05d TXT \"%s\"" % (i, i, "x" * 40) for i in range(NAMES) if "n%05d" % i not in without]
    return "\n".join(rows) + "\n" + more


def octets(host):
    """Of all volumes: what was ever written to them, since nothing is dropped below the threshold of compaction."""
    return sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(host.dir) for f in files if f.startswith("vol-"))


def records(text):
    """Without the SOA, in one form, whoever wrote it."""
    rows = [row.split(None, 4) for row in text.splitlines() if row.strip() and row[0] != ";"]
    return {(r[0].lower(), r[1], r[3], r[4].lower().replace(" ", "")) for r in rows if r[3] != "SOA"}


def without_signing(text):
    return {r for r in records(text) if r[2] not in ADDED}


def shown_unsigned(host):
    """By dig, which reads many records faster than dnspython."""
    return run(["dig", "@" + host.addr, "-p", str(LOAD_PORT), "+noall", "+answer", "+onesoa", ZONE, "AXFR"], check=False).stdout


@limit(120)
def test_a_candidate_costs_its_pages(lab):
    """One name goes, one comes, one becomes a delegation: with NSEC, NSEC3 and opt-out, through a renewal and kill -9."""
    site = Site(lab, "load-review: manual\n", first=zone(1))
    host, log = site.host, site.log
    published = lambda: host.ctl("zone", "export", ZONE, "--stage", "published").stdout
    site.verb("approve", {"serial": site.candidate("load")})
    site.wait_first_ds()
    serial, without, more = 1, [], ""
    for denial in "nsec", "nsec3", "nsec3-optout":
        mark = log.mark()
        site.policy("load-review: manual\ndenial: %s\n" % denial)
        if denial != "nsec":
            log.wait_event("event=published %s" % DOT, 60, mark)
        serial += 1
        gone, cut = "n%05d" % (200 * serial), "n%05d" % (200 * serial + 100)
        without += [gone, cut]
        more += "new%d TXT new\n%s NS ns1\nunder.%s A 192.0.2.9\n" % (serial, cut, cut)
        before, mark = octets(host), log.mark()
        host.put_zone(ZONE + ".zone", zone(serial, without, more))
        if site.candidate("load", since=mark) != serial:
            raise Failed("another one waits")
        made = log.wait_event("event=unsigned %s" % DOT, 10, mark)
        kept, new, cost = (int(made[w]) for w in ("kept-pages", "new-pages", "octets"))
        # The apex, the two names, their neighbour at most; the page that a small one is joined with.
        if new > 6 or kept < 15 or cost > new * PAGE or not 0 < octets(host) - before <= cost:
            raise Failed("%s: it costs %s pages of %d, %d octets; %d were written" %
                         (denial, new, kept + new, cost, octets(host) - before))
        shown = shown_unsigned(host)
        told = records(shown)
        if any(r[2] in ADDED for r in told):
            raise Failed("%s: what is to be signed has records of signing" % denial)
        want = ["new%d" % serial, cut, "under." + cut]
        if not all(any(r[0] == "%s.%s." % (w, ZONE) for r in told) for w in want) or any(r[0] == "%s.%s." % (gone, ZONE) for r in told):
            raise Failed("%s: the change is not shown" % denial)
        # All else is what is published, unless it was changed.
        old = without_signing(published())
        if len(old - told) != 4 or len(told - old) != 3:
            raise Failed("%s: -%s +%s" % (denial, old - told, told - old))
        if without_signing(host.ctl("zone", "export", ZONE, "--stage", "unsigned").stdout) != told:
            raise Failed("%s: exported is something else" % denial)
        # What is published is signed anew, and the signer killed: the candidate stays what it is.
        mark = log.mark()
        host.ctl("zone", "sign", ZONE, "--full")
        log.wait_event("event=published %s" % DOT, 60, mark)
        host.kill("signer")
        mark = log.mark()
        host.start("signer")
        log.wait_event("event=review-waits %s serial=%d stage=load" % (DOT, serial), 30, mark)
        wait_until(lambda: shown_unsigned(host) == shown, 20, "it is shown again, the same", every=0.2)
        site.verb("approve", {"serial": serial})
        log.wait_event("event=published %s" % DOT, 60, mark)
        verify(lab.write("published.zone", published()), ZONE)
        if without_signing(published()) != told:
            raise Failed("%s: what is published is not what was approved" % denial)


@limit(120)
def test_files_of_a_hook_are_without_what_signing_adds(lab):
    """The hook of the unsigned review gets the whole zone and the difference, as lines of the input."""
    got = lab.path("got")
    keep = "cp $DUET_ZONE_FILE %s.zone; cp $DUET_DIFF_FILE %s.diff\n" % (got, got)
    site = Site(lab, "load-review: keep\ndenial: nsec3\n", {"keep": keep})
    site.wait_shown(1)
    site.put(2)
    site.wait_shown(2)
    whole, diff = read(got + ".zone"), read(got + ".diff").splitlines()
    if without_signing(whole) != records(whole) or without_signing(seen(site.host.addr, ZONE)) != records(whole):
        raise Failed("the zone's file:\n" + whole)
    if sorted(row[:10] for row in diff if " SOA " not in row.replace("\t", " ")) != ["+v2.exampl", "-v1.exampl"] or len(diff) != 4:
        raise Failed("the difference:\n%s" % "\n".join(diff))


@limit(150)
def test_a_candidate_that_passed_is_not_audited_twice(lab):
    """Approved hours later, it is published as it was audited; with another serial, or
    after a restart it is audited again.  Each has its ZONEMD."""
    site = Site(lab, "sign-review: manual\nzonemd: sha384\n")
    host, log = site.host, site.log

    def waits(n):
        mark = log.mark()
        site.put(n)
        serial = site.candidate("sign", since=mark)
        if log.count("event=audited %s" % DOT, mark) < 1:
            raise Failed("it waits without an audit")
        judged = lab.write("candidate.%d" % n, seen(host.addr, ZONE, SIGN_PORT))
        judge(judged, ZONE, {1}, at=host.now())
        return serial

    def approved(n, serial, audits, moved=False):
        mark = log.mark()
        if site.verb("approve", {"serial": serial}) != 200:
            raise Failed("not approved")
        site.wait_shown(n)
        if log.count("event=audited %s" % DOT, mark) != audits or (host.serial(ZONE) == serial) == moved:
            raise Failed("version %d: audited %d times, serial %d after %d" %
                         (n, log.count("event=audited %s" % DOT, mark), host.serial(ZONE), serial))
        judge(axfr_file(lab, host.addr, ZONE), ZONE, {1}, at=host.now())

    # All of it is on one day, since serials have its date.
    today_s = time.time() % DAY_S
    ahead = 0 if today_s < DAY_S - HOURS_S - 1800 else DAY_S - today_s + 60
    host.set_clock(ahead)
    site.verb("approve", {"serial": site.candidate("sign")})
    site.wait_first_ds()
    serial = waits(2)
    host.set_clock(ahead + HOURS_S)
    approved(2, serial, 0)
    # What is published is renewed meanwhile: another serial, another SOA, another digest.
    serial = waits(3)
    host.ctl("zone", "sign", ZONE)
    host.wait_served(ZONE)
    approved(3, serial, 1, moved=True)
    # After a restart nobody remembers that it has passed.
    serial = waits(4)
    host.kill("signer")
    mark = log.mark()
    host.start("signer")
    log.wait_event("event=review-waits %s serial=%d stage=sign" % (DOT, serial), 30, mark)
    approved(4, serial, 1)


@limit(120)
def test_what_is_taken_out_is_signed_over(lab):
    """Under a TSIG key, of pages that lost their signatures on the way: each message verifies, and without the key there is none."""
    site = Site(lab, "load-review: manual\ndenial: nsec\n", first=zone(1), key=KEY)
    host, log = site.host, site.log
    host.ctl("tsig", "create", KEY, "--file", lab.write("review.secret", SECRET + "\n", mode=0o600))
    site.verb("approve", {"serial": site.candidate("load")})
    site.wait_first_ds()
    mark = log.mark()
    host.put_zone(ZONE + ".zone", zone(2, more="new TXT new\n"))
    site.candidate("load", since=mark)
    if int(log.wait_event("event=unsigned %s" % DOT, 10, mark)["kept-pages"]) < 10:
        raise Failed("its pages are not those of what is published")
    key = {"port": LOAD_PORT, "keyring": {KEY: SECRET}, "keyname": KEY}
    wait_until(lambda: "new." in axfr_text(host.addr, ZONE, **key), 20, "it is shown to who has the key", every=0.2)
    told = records(axfr_text(host.addr, ZONE, **key))
    if told != records(host.ctl("zone", "export", ZONE, "--stage", "unsigned").stdout) or any(r[2] in ADDED for r in told):
        raise Failed("another zone, or one that is signed: %s" % sorted(told)[:20])
    wrong = dict(key, keyring={KEY: "d3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldA=="})
    if seen(host.addr, ZONE, LOAD_PORT):
        raise Failed("shown without a key")
    try:
        axfr_text(host.addr, ZONE, **wrong)
        raise Failed("shown under another secret")
    except (OSError, EOFError, dns.exception.DNSException):
        pass
