# SPDX-License-Identifier: BSD-3-Clause
"""What a change costs: a rewritten file, a difference, a step of a key, a renewal, each makes anew the pages that it concerns, and
keeps all others with their signatures, also right after a start."""

import time

from duetlab import *

HOSTS = 1000
FEW = 4         # pages: of the name, of the one before it in the chain, of the apex, and one that was joined or split
DAY = 86400


def cost(host, zone, change):
    """(pages made, pages kept, signatures made) of the version that a change leads to."""
    mark = host.signer.mark()
    change()
    signed = host.signer.wait_event("event=signed zone=%s. " % zone, 60, mark)
    host.wait_published(zone, timeout=60, since=mark)
    return int(signed["new-pages"]), int(signed["kept-pages"]), int(signed["signatures"])


def expect_few(what, got, all_pages):
    new, kept, signatures = got
    if not 0 < new <= FEW or new + kept < all_pages - FEW or signatures > 4 + new * 2:
        raise Failed("%s: of %d pages %d were made anew, %d kept; %d signatures" % (what, all_pages, new, kept, signatures))


def text_of(zone, serial, more=""):
    return small_zone(zone, n=HOSTS, serial=serial, more=more)


@limit(240)
def test_a_change_touches_the_pages_concerned(lab):
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1, by_file, by_ixfr = cluster.signer1, "file.example", "ixfr.example"
    bind = BindPrimary(lab, "primary", {by_ixfr: text_of(by_ixfr, 1)}, notify=[Primary(s1.addr)], dynamic=True).start()
    cluster.start()
    for denial in ("nsec", "nsec3"):
        s1.ctl("policy", "apply", lab.write(denial + ".yaml", "name: %s\ndenial: %s\nkeys: ksk+zsk\nrequire-backups: 0\n"
                                              "propagation: 0\n" % (denial, denial)))
    s1.put_zone("file.zone", text_of(by_file, 1))
    pages = {}
    for zone, source, denial in ((by_file, "file:file.zone", "nsec"), (by_ixfr, "primary:%s#%d" % (bind.addr, bind.port), "nsec3")):
        s1.ctl("zone", "add", zone, "--source", source, "--policy", denial)
        new, _, signatures = cost(s1, zone, lambda z=zone: s1.ctl("key", "create", z))
        s1.wait_first_ds(zone)
        pages[zone] = new
        if new < 15 or signatures < 2 * HOSTS:
            raise Failed("%s has %d pages and %d signatures: too small for this" % (zone, new, signatures))

    def rewrite(n):
        return lambda: s1.put_zone("file.zone", text_of(by_file, n, "new%d A 192.0.2.1\n" % n))

    expect_few("a rewritten file", cost(s1, by_file, rewrite(2)), pages[by_file])
    expect_few("a difference", cost(s1, by_ixfr, lambda: bind.update(by_ixfr, ["new 300 A 192.0.2.1"], ["host7"], tcp=True)), pages[by_ixfr])
    for zone in pages:
        s1.ctl("key", "ds-seen", zone, "--ttl", "1s")
        expect_few("a step of a key", cost(s1, zone, lambda z=zone: s1.ctl("key", "roll", z, "--role", "zsk")), pages[zone])
    s1.stop("signer")
    s1.start("signer")
    expect_few("a rewritten file after a start", cost(s1, by_file, rewrite(3)), pages[by_file])
    expect_few("a difference after a start", cost(s1, by_ixfr, lambda: bind.update(by_ixfr, ["later 300 A 192.0.2.1"], [], tcp=True)),
               pages[by_ixfr])
    # Pages end at random within a day, and are renewed seven days before.
    marks = {zone: s1.signer.mark() for zone in pages}
    s1.set_clock(6.5 * DAY)
    for zone in pages:
        made = s1.signer.wait_event("event=renewed zone=%s. " % zone, 90, marks[zone])
        if not pages[zone] // 8 <= int(made["kept-pages"]) <= pages[zone] * 7 // 8:
            raise Failed("%s: a renewal keeps %s of %d pages" % (zone, made["kept-pages"], pages[zone]))
        s1.wait_served(zone)
        verify(axfr_file(lab, s1.addr, zone), zone, at=time.time() + 6.5 * DAY)
