# SPDX-License-Identifier: BSD-3-Clause
"""What goes on beside a candidate that waits: differences, renewal, other keys, kill -9, damage, and the other signer."""

import json
import os
import sqlite3

from duetlab import *
from test_review import DOT, LOAD_PORT, SIGN_PORT, ZONE, Site, seen, text

DAY = 86400
MANUAL = "load-review: manual\nsign-review: manual\n"


class Fed(Site):
    """A site whose zone comes from BIND, which changes by dynamic update."""

    def __init__(self, lab, policy):
        self.bind = None
        super().__init__(lab, policy, source=self.primary)

    def primary(self, host):
        self.bind = BindPrimary(self.lab, "primary", {ZONE: text(1)}, notify=[Primary(host.addr)], dynamic=True).start()
        return "primary:%s#%d" % (self.bind.addr, self.bind.port)

    def update(self, name):
        self.bind.update(ZONE, ["%s 300 TXT here" % name], [], tcp=True)

    def approve(self, serial):
        if self.verb("approve", {"serial": serial}) != 200:
            raise Failed("version %d is not approved: %s" % (serial, self.status()["review"]))

    def approve_both(self, mark=0):
        self.approve(self.candidate("load", since=mark))
        self.approve(self.candidate("sign", since=mark))

    def has(self, *names, port=DNS_PORT):
        shown = seen(self.host.addr, ZONE, port)
        return bool(shown) and all(("\n%s.%s." % (n, ZONE)) in "\n" + shown for n in names)

    def wait_has(self, *names, port=DNS_PORT, timeout=40):
        wait_until(lambda: self.has(*names, port=port), timeout, "%s at port %d" % (" ".join(names), port))

    def approve_waiting(self):
        """Whichever waits: one that a new plan has made anew has another serial."""
        wait_until(lambda: self.verb("approve", {"serial": (self.status()["review"] or {}).get("serial", 0)}) == 200, 30,
                   "what waits is approved")

    def wait_renewed(self):
        """Everything is signed at the time to which the clock was moved, whether renewal was first, or a plan with fresh signatures of
        the DNSKEY RRset."""
        wait_until(lambda: self.status()["earliest"] > self.host.now() + 8 * DAY, 40, "what is published is renewed")

    def verify_now(self):
        self.host.wait_served(ZONE)
        verify(axfr_file(self.lab, self.host.addr, ZONE), ZONE, at=self.host.now())

    def restart(self):
        self.host.kill("signer")
        mark = self.log.mark()
        self.host.start("signer")
        return mark


@limit(240)
def test_differences_come_while_a_candidate_waits(lab):
    """Each takes the place of the one that waits; what is published is renewed, signed by the new policy, and nothing more."""
    site = Fed(lab, MANUAL)
    host, log = site.host, site.log
    site.approve_both()
    site.wait_shown(1)
    for n in 1, 2:                      # two in a row: the second candidate has both
        mark = log.mark()
        site.update("k%d" % n)
        log.wait_event("event=zone-loaded %s kind=difference" % DOT, 30, mark)
        site.candidate("load", since=mark)
        site.wait_has(*["k%d" % i for i in range(1, n + 1)], port=LOAD_PORT)
    # Renewal is due: of what is published, without the candidate, which goes on waiting.
    mark = log.mark()
    host.set_clock(8 * DAY)
    site.wait_renewed()
    if site.has("k1") or log.count("event=candidate", mark):
        raise Failed("a renewal beside a candidate published or touched it")
    site.verify_now()
    # Killed, and there is the next difference: it leads from what is published, and the candidate has all three.
    mark = site.restart()
    site.update("k3")
    log.wait_event("event=zone-loaded %s kind=difference" % DOT, 30, mark)
    site.wait_has("k1", "k2", "k3", port=LOAD_PORT)
    if site.has("k1"):
        raise Failed("published without a word")
    mark = log.mark()
    site.approve_waiting()
    site.candidate("sign", since=mark)
    site.wait_has("k1", "k2", "k3", port=SIGN_PORT)
    # Other denial while it waits: published for the content of before, and the candidate is signed anew.
    mark = log.mark()
    site.policy(MANUAL + "denial: nsec3\n")
    host.wait_published(ZONE, timeout=40, since=mark)
    site.candidate("sign", since=mark)
    shown = seen(host.addr, ZONE)
    if "NSEC3PARAM" not in shown or "\nk1." in shown:
        raise Failed("beside the candidate the policy is not followed:\n%s" % shown)
    # Renewal beside the signed one, kill -9, and one more difference in the end.
    host.set_clock(16 * DAY)
    site.wait_renewed()
    site.verify_now()
    mark = site.restart()
    site.wait_has("k1", "k2", "k3", port=SIGN_PORT)
    site.approve_waiting()
    site.wait_has("k1", "k2", "k3")
    site.verify_now()
    mark = log.mark()
    site.update("k4")
    site.approve_both(mark)
    site.wait_has("k1", "k2", "k3", "k4")
    site.verify_now()
    if log.count("event=ixfr-refused"):
        raise Failed("a difference was refused")


def flip(host, label):
    """Flips a bit behind this label in the newest volume that has it."""
    folder = os.path.join(host.state, "signer")
    want = bytes([len(label)]) + label.encode()
    for path in sorted((os.path.join(folder, f) for f in os.listdir(folder) if f.startswith("vol-")), reverse=True):
        with open(path, "r+b") as f:
            at = f.read().rfind(want)
            if at < 0:
                continue
            f.seek(at + len(want) + 4)
            octet = f.read(1)[0]
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([octet ^ 1]))
            return
    raise Failed("no volume has " + label)


@limit(240)
def test_damage_of_a_candidate_is_its_own(lab):
    """It is made again from the input, at once or once the source gives it; what is published is not concerned and is renewed."""
    site = Fed(lab, MANUAL)
    host, log = site.host, site.log
    site.approve_both()
    site.wait_shown(1)
    for stage, port in ("load", LOAD_PORT), ("sign", SIGN_PORT):
        if stage == "load":
            mark = log.mark()
            site.update("dmg")
            site.candidate("load", since=mark)
        else:
            site.approve_waiting()
            site.candidate("sign", since=mark)
        flip(host, "dmg")
        mark = log.mark()
        seen(host.addr, ZONE, port)     # finds it
        log.wait_event("event=candidate-dropped %s stage=%s" % (DOT, stage), 30, mark)
        site.candidate(stage, since=mark)
        site.wait_has("dmg", port=port)
        if log.count("event=damaged", mark):
            raise Failed("what is published is taken for damaged")
    # Found after a start, while the source is away: renewal goes on; the source brings it back.
    site.bind.stop()
    flip(host, "dmg")
    mark = site.restart()
    log.wait_event("event=review-waits", 30, mark)
    seen(host.addr, ZONE, SIGN_PORT)
    log.wait_event("event=candidate-dropped %s" % DOT, 30, mark)
    host.set_clock(8 * DAY)
    site.wait_renewed()
    site.verify_now()
    site.bind.start()
    site.candidate("sign", since=mark)  # the input had passed its review already
    # Rows of it that are not what was written: there is none, and it is made again.
    host.kill("signer")
    db = sqlite3.connect(os.path.join(host.state, "signer", "store.db"))
    db.execute("UPDATE candidate_page SET octets = zeroblob(length(octets))")
    db.commit()
    db.close()
    mark = log.mark()
    host.start("signer")
    serial = site.candidate("sign", since=mark)
    site.wait_has("dmg", port=SIGN_PORT)
    if site.has("dmg"):
        raise Failed("published without a word")
    site.approve(serial)
    site.wait_has("dmg")
    site.verify_now()


@limit(200)
def test_each_signer_reviews_for_itself(lab):
    """Approved on one, it is published there; the other waits for its own word, and is renewed meanwhile."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signers()
    for h in cluster.signers():
        h.conf["signer"]["review"] = {"sign": ["%s#%d" % (h.addr, SIGN_PORT)],
                                      "transfer": [{"prefix": "127.0.0.0/8"}], "dir": lab.path("review-" + h.name),
                                      "socket": h.run_dir + "/review.sock"}
    knot = Knot(lab, "knot", [ZONE], [s1.addr, s2.addr])
    cluster.add_secondary(knot, of=["signer1", "signer2"])
    cluster.write_confs()
    cluster.start()
    knot.start()
    cluster.add_zone(ZONE, text(1))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    s1.ctl("policy", "apply", lab.write("manual.yaml", "name: default\nsign-review: manual\n"))
    wait_until(lambda: "manual" in s2.ctl("policy", "show", "default").stdout, 20, "signer2 has the policy")
    marks = [h.signer.mark() for h in cluster.signers()]
    cluster.put_zone(ZONE + ".zone", text(2))
    serial = [int(h.signer.wait_event("event=candidate %s stage=sign" % DOT, 40, m)["serial"])
              for h, m in zip(cluster.signers(), marks)]
    s1.ctl("zone", "approve", ZONE, str(serial[0]))
    wait_until(lambda: "v2." in seen(s1.addr, ZONE), 30, "signer1 publishes it")
    knot.wait_serial(ZONE, s1.serial(ZONE))
    s2.signer.wait_event("event=showing %s serial=%d stage=sign" % (DOT, serial[1]), 20, marks[1])
    if "v2." in seen(s2.addr, ZONE) or "v2." not in seen(s2.addr, ZONE, SIGN_PORT):
        raise Failed("signer2 does not wait for its own review")
    # A signature of what is served ends soon: renewed although another signer has newer content.
    mark = s2.signer.mark()
    for h in cluster.hosts.values():
        h.set_clock(11 * DAY)
    why = s2.wait_published(ZONE, timeout=60, since=mark)["why"]
    if not why.startswith("renewal"): # below the other's new version, where that was heard of before
        raise Failed("published for " + why)
    if "v2." in seen(s2.addr, ZONE):
        raise Failed("published without a word")
    verify(axfr_file(lab, s2.addr, ZONE), ZONE, at=s2.now())
    # Whichever waits: one that a new plan has made anew has another serial.
    wait_until(lambda: s2.ctl("zone", "approve", ZONE, str((json_status(s2)["review"] or {}).get("serial", 0)), check=False).returncode == 0,
               30, "what waits is approved")
    wait_until(lambda: "v2." in seen(s2.addr, ZONE), 30, "signer2 publishes it")
    wait_until(lambda: knot.serial(ZONE) == max(s1.serial(ZONE), s2.serial(ZONE)), 60, "the secondary shows the newest", every=0.3)
    if "v2." not in seen(knot.addr, ZONE):
        raise Failed("the secondary has the content of before")
    for h in s1, s2:
        verify(axfr_file(lab, h.addr, ZONE), ZONE, at=h.now())


def json_status(host):
    return json.loads(host.ctl("--json", "zone", "status", ZONE).stdout)
