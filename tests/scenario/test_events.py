# SPDX-License-Identifier: BSD-3-Clause
"""Each step of a key, and each alarm, is posted to a webhook until it was taken: in order, over restarts, none left out."""

import hashlib
import hmac
import http.server
import json
import threading

from duetlab import BindPrimary, Cluster, Failed, limit, small_zone, wait_until

ZONE = "example.org"
POLICY = "name: default\nkeys: ksk+zsk\nrequire-backups: 0\npropagation: 0\ndnskey-ttl: 1s\nmax-ttl-signed: 2s\n" \
         "max-ttl-unsigned: 1h\nrenewal-margin: 1h\n"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Refuses what the server is told to refuse, and remembers what it took."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        t, mac = (w.split("=", 1)[1] for w in self.headers["X-Duet-Signature"].split(","))
        good = hmac.new(b"hush", t.encode() + b"." + body, hashlib.sha256).hexdigest() == mac
        self.server.forged += not good
        if self.server.refuses:
            self.server.refused += 1
        else:
            self.server.got.append(json.loads(body))
        self.send_response(503 if self.server.refuses else 204)
        self.end_headers()

    def log_message(self, *args):
        pass


def receiver():
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    web.got, web.refuses, web.refused, web.forged = [], False, 0, 0
    threading.Thread(target=web.serve_forever, daemon=True).start()
    return web


def steps(web, role):
    """Of each key of the role, in order."""
    out = {}
    for word in web.got:
        if word["event"] == "key" and word["role"] == role:
            out.setdefault(word["hash"], []).append(word["step"])
    return list(out.values())


def posting(lab, web):
    """One signer, whose events go there."""
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1 = cluster.signer1
    s1.conf["fetch"] = {"socket": s1.run_dir + "/fetch.sock"}
    s1.conf["keydist"]["events"] = [{"webhook": "http://127.0.0.1:%d/events" % web.server_port,
                                     "webhook-secret": lab.write("secret", "hush\n", mode=0o600)}]
    cluster.write_confs()
    lab.start("duet-fetch", [lab.program("duet-fetch"), "-c", s1.yaml]).wait_event("event=ready", 20)
    return cluster, s1


def check_numbers(web, kills):
    """All was signed, something was refused, and none is left out: each follows the one before, but that after a kill of keydist
    those come once more of which it had not yet written down that they were taken."""
    numbers = [word["number"] for word in web.got]
    again = [(a, b) for a, b in zip([0] + numbers, numbers) if b != a + 1]
    if web.forged or not web.refused or any(b > a for a, b in again) or len(again) > kills:
        raise Failed("%d forged, %d refused, numbers %s" % (web.forged, web.refused, numbers))


@limit(150)
def test_steps_of_keys_are_posted(lab):
    web = receiver()
    web.refuses = True
    cluster, s1 = posting(lab, web)
    cluster.start()
    s1.ctl("policy", "apply", lab.write("fast.yaml", POLICY))
    cluster.add_zone(ZONE, small_zone(ZONE, n=2, ttl=1, minimum=1))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    # Refused at first, and keydist dies before anything was taken.
    s1.keydist.wait_event("event=event-not-told number=1 msg=HTTP status", 30)
    s1.kill("keydist")
    web.refuses = False
    s1.start("keydist")
    wait_until(lambda: steps(web, "zsk") == [["created", "published", "active"]], 60, "the ZSK's steps are posted", every=0.2)
    wait_until(lambda: s1.ctl("key", "ds", ZONE, check=False).returncode == 0, 60, "the DS may go to the parent", every=0.3)
    s1.ctl("key", "ds-seen", ZONE, "--ttl", "1s")
    wait_until(lambda: steps(web, "ksk") == [["created", "published", "active", "ds-seen"]], 60, "the KSK's steps are posted",
               every=0.2)
    s1.ctl("key", "roll", ZONE, "--role", "zsk")
    wait_until(lambda: steps(web, "zsk") == [["created", "published", "active", "retired", "removed"],
                                             ["created", "published", "active"]], 60, "the roll's steps are posted", every=0.2)
    check_numbers(web, 1)


def org(ds, serial=None):
    """The zone above, and there the DS of that key tag."""
    return small_zone("org", more="example NS ns.example\nns.example A 127.0.0.1\n" +
                      ("example DS %d 13 2 %s\n" % (ds, "ab" * 32) if ds else ""), serial=serial or ds or 9999)


@limit(150)
def test_alarms_are_posted_until_they_are_over(lab):
    """A DS at the parent that names no key: told again and again until it is taken, over a crash, and then no more, over another;
    another DS; and its end, which comes while nobody looks.  Of the parent's two servers one never answers."""
    web = receiver()
    web.refuses = True
    cluster, s1 = posting(lab, web)
    parent = BindPrimary(lab, "parent", {"org": org(None, 1)}).start()
    s1.conf["signer"].update({"look-interval-s": 1, "parents": [
        {"zone": "org", "servers": ["%s#%d" % (addr, parent.port) for addr in (parent.addr, lab.addr())], "validate": False}]})
    cluster.write_confs()
    cluster.start()
    s1.ctl("policy", "apply", lab.write("fast.yaml", POLICY))
    cluster.add_zone(ZONE, small_zone(ZONE, n=2, ttl=1, minimum=1))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    parent.set_zone("org", org(4711))
    parent.reload()

    def alarms():
        return [(w["event"], w["zone"]) for w in web.got if w["event"].startswith("alarm") and w["zone"]
                and "names no key" in w["message"]]

    def told(tag):
        return any(w["event"] == "alarm" and "key tag %d," % tag in w["message"] for w in web.got)

    s1.keydist.wait_event("event=ds-unknown zone=example.org. tag 4711,", 30)
    wait_until(lambda: web.refused > 2, 30, "it is told again")
    s1.kill("keydist")
    web.refuses = False
    s1.start("keydist")
    wait_until(lambda: told(4711), 60, "the alarm is posted", every=0.2)
    s1.keydist.wait_event("event=event-told", 10)
    s1.kill("keydist")
    mark = s1.keydist.mark()
    s1.start("keydist")
    s1.keydist.wait_event("event=ds-unknown zone=example.org. tag 4711,", 30, mark)
    parent.set_zone("org", org(4712))
    parent.reload()
    wait_until(lambda: told(4712), 60, "the alarm is another one", every=0.2)
    if ("alarm-over", ZONE + ".") in alarms():
        raise Failed("over, and it is not: %s" % web.got)
    s1.kill("keydist")
    parent.set_zone("org", org(None))
    parent.reload()
    wait_until(lambda: not parent.query(ZONE, "DS").answer, 20, "the DS is gone", every=0.2)
    s1.start("keydist")
    wait_until(lambda: alarms()[-1] == ("alarm-over", ZONE + "."), 60, "it is over", every=0.2)
    check_numbers(web, 3)
    # What is posted twice has the number that it had.
    once = {w["number"]: w["event"] for w in web.got if w["event"].startswith("alarm") and w["zone"]}
    if sorted(once.values()) != ["alarm", "alarm", "alarm-over"]:
        raise Failed("%s" % [w for w in web.got if w["event"].startswith("alarm")])


@limit(120)
def test_alarms_of_the_signer_are_posted(lab):
    """A version that the signer refuses to publish is an alarm, over a kill of keydist too, until another one is published."""
    web = receiver()
    cluster, s1 = posting(lab, web)
    cluster.start()
    s1.ctl("policy", "apply", lab.write("fast.yaml", POLICY + "change-refuse: 20\n"))
    cluster.add_zone(ZONE, small_zone(ZONE, n=100, ttl=1, minimum=1))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    mark = s1.signer.mark()
    s1.put_zone(ZONE + ".zone", small_zone(ZONE, n=2, serial=2, ttl=1, minimum=1))
    s1.signer.wait_event("event=audit-refused zone=%s." % ZONE, 30, mark)

    def posted():
        return [(w["event"], w["zone"]) for w in web.got if w["event"].startswith("alarm") and w["zone"]
                and "is not published" in w["message"]]

    wait_until(lambda: posted() == [("alarm", ZONE + ".")], 60, "the alarm is posted", every=0.2)
    s1.kill("keydist")
    mark = s1.keydist.mark()
    s1.start("keydist")
    s1.keydist.wait_event("event=engine-up", 30, mark)
    s1.put_zone(ZONE + ".zone", small_zone(ZONE, n=99, serial=3, ttl=1, minimum=1))
    wait_until(lambda: posted() == [("alarm", ZONE + "."), ("alarm-over", ZONE + ".")], 60, "it is over, and was told once",
               every=0.2)
