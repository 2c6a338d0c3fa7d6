# SPDX-License-Identifier: BSD-3-Clause
"""What is stored is not what was written: it is neither served nor signed over, but made again from the source."""

import os
import shutil
import sqlite3

from duetlab import *
from test_engine_publish import DOT, ZONE, events, pair, status

OTHER = "other.example"


def store(host, *parts):
    return os.path.join(host.state, "signer", *parts)


def flip_in_page(host, name):
    """Flips one bit where the newest page that begins a name with this label has it, in whichever volume compaction has put it."""
    label = bytes([len(name)]) + name.encode()
    for volume in sorted((int(f[4:]) for f in os.listdir(store(host)) if f.startswith("vol-")), reverse=True):
        with open(store(host, "vol-%d" % volume), "r+b") as f:
            octets = f.read()
            at = octets.rfind(label) + len(label)
            if at >= len(label):
                f.seek(at + 5)
                f.write(bytes([octets[at + 5] ^ 4]))
                return
    raise Failed("%s is in no page" % name)


def sql(host, text):
    db = sqlite3.connect(store(host, "store.db"))
    db.execute(text)
    db.commit()
    db.close()


def alarm(host, zone=ZONE):
    """The alarm about damage, which names what is done about it."""
    found = [a for a in status(host, zone)["alarms"] if a.startswith("damaged: ")]
    return found[0] if found else None


@limit(180)
def test_a_damaged_page_is_made_again(lab):
    cluster, nsd = pair(lab, n=400)
    s1 = cluster.signer1
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    before, signatures = s1.serial(ZONE), s1.signer.mark()
    flip_in_page(s1, "host200")
    knot = Knot(lab, "knot", [ZONE], [s1.addr])
    knot.start()                    # its transfer is what finds it
    s1.signer.wait_event("event=page-damaged " + DOT, 30, signatures)
    s1.signer.wait_event("event=damaged " + DOT, 10, signatures)
    s1.signer.wait_event("event=repaired " + DOT, 30, signatures)
    wait_until(lambda: s1.serial(ZONE) > before, 10, "the serial went up")
    knot.wait_serial(ZONE, s1.serial(ZONE), 60)
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)
    for server in (s1, knot):
        text = axfr_text(server.addr, ZONE)
        if "host200." not in text or "host399." not in text:
            raise Failed("%s has not the whole zone" % server.addr)
        verify(lab.write("judged.zone", text), ZONE)
    kept = [int(k) for k in events(s1.signer, "event=signed " + DOT, "kept-pages")]
    if not kept[-1]:
        raise Failed("more than the page's range was signed anew: %s" % kept)
    if alarm(s1) is not None:
        raise Failed("the alarm stays: %s" % alarm(s1))


@limit(180)
def test_a_version_that_was_made_before_repairs_nothing(lab):
    """It waits for its commit when damage is found in a page that it has kept: the zone is damaged until it is made again."""
    cluster, nsd = pair(lab, n=400)
    s1 = cluster.signer1
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    flip_in_page(s1, "host200")
    lab.write(os.path.join(s1.dir, "numbers", "publish-waits"), "1\n")
    mark = s1.signer.mark()
    s1.put_zone(ZONE + ".zone", small_zone(ZONE, n=400, serial=77, more="zz TXT new\n"))
    made = s1.signer.wait_event("event=audited %s by=changes" % DOT, 30, mark)["serial"]
    if can_transfer(s1):
        raise Failed("a damaged page was served")
    s1.signer.wait_event("event=damaged " + DOT, 10, mark)
    lab.write(os.path.join(s1.dir, "numbers", "publish-waits"), "0\n")
    s1.signer.wait_event("event=published %s serial=%s" % (DOT, made), 30, mark)
    repaired = s1.signer.wait_event("event=repaired " + DOT, 30, mark)["serial"]
    if int(repaired) <= int(made):
        raise Failed("version %s, which has the damaged page, is said to be whole" % made)
    wait_until(lambda: can_transfer(s1), 30, "the zone is whole again", every=0.3)
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)
    text = axfr_text(nsd.addr, ZONE)
    if "zz." not in text or "host200." not in text:
        raise Failed("the secondary lacks what was made again, or what is new")
    verify(lab.write("judged.zone", text), ZONE)
    if alarm(s1) is not None:
        raise Failed("the alarm stays: %s" % alarm(s1))


@limit(180)
def test_a_damaged_page_without_its_source(lab):
    """The source is away: the alarm says so, the damaged page is not served, and nothing new is published."""
    cluster, nsd = pair(lab, n=400)
    s1 = cluster.signer1
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    before = s1.serial(ZONE)
    os.rename(os.path.join(s1.zones, ZONE + ".zone"), os.path.join(s1.zones, "away"))
    flip_in_page(s1, "host200")
    mark = s1.signer.mark()
    try:
        axfr_text(s1.addr, ZONE)
        raise Failed("a damaged page was served")
    except Exception as e:          # whatever a cut transfer looks like to the library
        if isinstance(e, Failed):
            raise
    s1.signer.wait_event("event=damaged " + DOT, 10, mark)
    wait_until(lambda: alarm(s1), 10, "an alarm")
    shown = status(s1)
    if shown["state"] != "damaged" or ("file:%s.zone" % ZONE) not in alarm(s1):
        raise Failed("status: %s, %s" % (shown["state"], alarm(s1)))
    if s1.signer.count("event=published " + DOT, mark) or s1.serial(ZONE) != before:
        raise Failed("something was published")
    r = nsd.query("host200.%s." % ZONE, "A", rd=False)
    if not r.answer:
        raise Failed("the secondary lost what it has")
    s1.kill("signer")               # what was not repaired is found again
    s1.start("signer")
    os.rename(os.path.join(s1.zones, "away"), os.path.join(s1.zones, ZONE + ".zone"))
    wait_until(lambda: can_transfer(s1), 60, "the zone is whole again", every=0.3)
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)


def can_transfer(host):
    try:
        return "host200." in axfr_text(host.addr, ZONE)
    except Exception:               # pylint: disable=broad-except
        return False


@limit(180)
def test_a_damaged_row_is_one_zones_matter(lab):
    cluster, nsd = pair(lab)
    s1 = cluster.signer1
    cluster.add_zone(OTHER, small_zone(OTHER))
    s1.ctl("key", "create", OTHER)
    cluster.wait_signed(OTHER)
    nsd.wait_serial(ZONE, s1.serial(ZONE))
    before = s1.serial(ZONE)
    wait_until(lambda: status(s1, OTHER)["steps"] >= 2, 30, "the other zone is quiet")
    other = axfr_text(s1.addr, OTHER)
    s1.stop("signer")
    apex = b"".join(bytes([len(x)]) + x.encode() for x in ZONE.split(".")) + b"\0"
    sql(s1, "UPDATE page SET earliest = earliest + 65536 WHERE zone = (SELECT id FROM zone WHERE apex = x'%s')" % apex.hex())
    os.rename(os.path.join(s1.zones, ZONE + ".zone"), os.path.join(s1.zones, "away"))
    mark = s1.signer.mark()
    s1.start("signer")
    s1.signer.wait_event("event=damaged " + DOT, 10, mark)
    if axfr_text(s1.addr, OTHER) != other:
        raise Failed("the other zone is not served as before")
    wait_until(lambda: alarm(s1), 10, "an alarm")
    if "store.db" not in alarm(s1) or ("file:%s.zone" % ZONE) not in alarm(s1):
        raise Failed("alarm: %s" % alarm(s1))
    if s1.signer.count("event=published " + DOT, mark):
        raise Failed("published without the source")
    os.rename(os.path.join(s1.zones, "away"), os.path.join(s1.zones, ZONE + ".zone"))
    s1.signer.wait_event("event=repaired " + DOT, 30, mark)
    s1.wait_served(ZONE)
    if s1.serial(ZONE) <= before:
        raise Failed("serial %d after %d" % (s1.serial(ZONE), before))
    nsd.wait_serial(ZONE, s1.serial(ZONE), 30)
    verify(axfr_file(lab, nsd.addr, ZONE), ZONE)
    if s1.signer.count("event=signed zone=%s." % OTHER, mark):
        raise Failed("the other zone was signed")


@limit(120)
def test_a_broken_database_says_what_to_do(lab):
    cluster, nsd = pair(lab, secondaries=False)
    s1 = cluster.signer1
    before = s1.serial(ZONE)
    s1.stop("signer")
    with open(store(s1, "store.db"), "r+b") as f:
        f.seek(0)
        f.write(b"this is not a database" * 40)
    mark = s1.signer.mark()
    s1.signer.expect_failure = True
    s1.start("signer", wait=False)
    wait_until(lambda: not s1.signer.running(), 20, "it does not start")
    if "move its folder aside" not in s1.signer.tail(30):
        raise Failed("no remedy:\n" + s1.signer.tail(30))
    shutil.move(store(s1), store(s1) + ".aside")     # as it says
    s1.start("signer")
    s1.signer.wait_event("event=published " + DOT, 60, mark)
    wait_until(lambda: (s1.serial(ZONE) or 0) > before, 30, "above what it had published")
