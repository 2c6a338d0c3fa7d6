# SPDX-License-Identifier: BSD-3-Clause
"""Reviews: what waits is shown on addresses of its own, and nothing is published that was not approved."""

import hashlib
import hmac
import http.client
import http.server
import json
import os
import socket
import threading

import dns.exception
import dns.message
import dns.query
import dns.rcode

from duetlab import *

ZONE = "example.org"
DOT = "zone=example.org."
LOAD_PORT, SIGN_PORT = 5310, 5311

# As the documentation of Cascade shows it.
CASCADE = """#!/usr/bin/env sh
set -e
tmp_zone=$(mktemp /tmp/cascade_zone.XXXXXXXXXX)
trap "rm -f ${tmp_zone}; exit 1" 1 2 3 15
trap "rm -f ${tmp_zone}" EXIT
dig @${CASCADE_SERVER_IP} -p ${CASCADE_SERVER_PORT} "${CASCADE_ZONE}" AXFR > ${tmp_zone}
if [ "$1" = "unsigned" ]; then
    validns -z "${CASCADE_ZONE}" -p all ${tmp_zone}
else
    dnssec-verify -q -o "${CASCADE_ZONE}" ${tmp_zone}
fi
"""


def text(n, more=""):
    return small_zone(ZONE, n=2, serial=n, more="v%d TXT version\n%s" % (n, more))


class Site:
    """One signer with reviews, and a folder of hooks.  source(host): where the zone comes from, if not from a file;
    first: its text; key: of TSIG, without which nobody sees a candidate; signer: more of its configuration."""

    def __init__(self, lab, policy, hooks=None, secret=None, source=None, first=None, key=None, signer=None):
        self.lab = lab
        self.cluster = Cluster(lab, signers=1, backups=0).init()
        self.host = self.cluster.signer1
        self.dir = lab.folder("hooks")
        self.env = lab.path("env")
        self.host.conf["hook"] = {"socket": self.host.run_dir + "/hook.sock", "dir": self.dir}
        self.host.conf["fetch"] = {"socket": self.host.run_dir + "/fetch.sock"}
        self.host.conf["signer"]["review"] = {
            "load": ["%s#%d" % (self.host.addr, LOAD_PORT)], "sign": ["%s#%d" % (self.host.addr, SIGN_PORT)],
            "transfer": [{"prefix": self.host.addr + "/32"}, {"prefix": "127.0.0.1/32"}], "dir": lab.path("review"),
            "socket": self.host.run_dir + "/review.sock"}
        if key:
            self.host.conf["signer"]["review"]["transfer"] = [{"prefix": "127.0.0.0/8", "key": key}]
        if secret:
            self.host.conf["signer"]["review"]["webhook-secret"] = secret
        self.host.conf["signer"].update(signer or {})
        self.cluster.write_confs()
        for name, body in (hooks or {}).items():
            self.script(name, body)
        if hooks:
            self.hook = self.start_hook()
            self.hook.wait_event("event=ready", 20)
        self.cluster.start()
        self.policy(policy)
        self.host.put_zone(ZONE + ".zone", first or text(1))
        self.host.ctl("zone", "add", ZONE, "--source", source(self.host) if source else "file:" + ZONE + ".zone")
        self.host.ctl("key", "create", ZONE)
        self.log = self.host.signer

    def start_hook(self):
        return self.lab.start("duet-hook", [self.lab.program("duet-hook"), "-c", self.host.yaml])

    def policy(self, more):
        self.lab.write("policy.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n" + more)
        self.host.ctl("policy", "apply", self.lab.path("policy.yaml"))

    def next_policy(self, more):
        """One that is another, of a zone that is there: from here on the signer goes by it."""
        mark = self.log.mark()
        self.policy(more)
        self.log.wait_event("event=plan " + DOT, 30, mark)

    def script(self, name, body):
        path = os.path.join(self.dir, name)
        with open(path + ".new", "w") as f:
            f.write(body if body.startswith("#!") else "#!/bin/sh\n" + body)
        os.chmod(path + ".new", 0o755)
        os.rename(path + ".new", path)

    def put(self, n, more=""):
        self.host.put_zone(ZONE + ".zone", text(n, more))

    def wait_shown(self, n, timeout=30):
        wait_until(lambda: "v%d." % n in seen(self.host.addr, ZONE), timeout, "version %d is published" % n)

    def wait_first_ds(self):
        self.host.wait_first_ds(ZONE)

    def shown(self, n):
        return "v%d." % n in seen(self.host.addr, ZONE)

    def candidate(self, stage, timeout=30, since=0):
        """The serial of one that waits, once net has it."""
        serial = int(self.log.wait_event("event=candidate %s stage=%s" % (DOT, stage), timeout, since)["serial"])
        self.log.wait_event("event=showing %s serial=%d stage=%s" % (DOT, serial, stage), timeout, since)
        return serial

    def status(self):
        return json.loads(self.host.ctl("zone", "status", ZONE, "--json").stdout)

    def asked(self, verb, body, path=None, sock="signer.sock"):
        """A request that is sent; getresponse() waits for its answer."""
        class Unix(http.client.HTTPConnection):
            def connect(conn):
                conn.sock = socket.socket(socket.AF_UNIX)
                conn.sock.connect(os.path.join(self.host.run_dir, sock))
        c = Unix("localhost")
        c.request("POST", path or "/v1/zones/%s./%s" % (ZONE, verb), json.dumps(body))
        return c

    def verb(self, verb, body, **where):
        return self.asked(verb, body, **where).getresponse().status


def seen(addr, zone, port=DNS_PORT):
    """The zone as text; nothing where it is refused."""
    try:
        return axfr_text(addr, zone, port)
    except (OSError, EOFError, dns.exception.DNSException):
        return ""


def rcode_from(source, addr, port):
    q = dns.message.make_query(ZONE, "SOA")
    return dns.query.udp(q, addr, timeout=5, port=port, source=source).rcode()


@limit(120)
def test_an_operator_reviews_both(lab):
    """Manual: what waits is shown where it is reviewed and nowhere else; rejected input does not come back by itself."""
    site = Site(lab, "load-review: manual\nsign-review: manual\n")
    host, log = site.host, site.log
    serial = site.candidate("load")
    shown = seen(host.addr, ZONE, LOAD_PORT)
    if serial != 1 or "v1." not in shown or "RRSIG" in shown or "DNSKEY" in shown:
        raise Failed("the unsigned candidate, serial %d:\n%s" % (serial, shown))
    if seen(host.addr, ZONE) or seen(host.addr, ZONE, SIGN_PORT):
        raise Failed("it is shown where nothing was approved")
    if rcode_from("127.0.0.2", host.addr, LOAD_PORT) != dns.rcode.REFUSED:
        raise Failed("a stranger is answered on the review server")
    if site.verb("approve", {"serial": 77}) != 404 or site.verb("approve", {"serial": 1}) != 200:
        raise Failed("approving what is not there, or what is, went wrong")
    serial = site.candidate("sign")
    signed = axfr_file(lab, host.addr, ZONE, port=SIGN_PORT)
    verify(signed, ZONE)
    if seen(host.addr, ZONE):
        raise Failed("it is published before it was approved")
    words = " ".join(host.ctl("zone", "status", ZONE).stdout.split())
    if "review sign-review of serial %d (input 1) by an operator" % serial not in words:
        raise Failed("zone status does not say who waits: %s" % words)
    if site.verb("approve", {"serial": serial}) != 200:
        raise Failed("not approved")
    site.wait_shown(1)
    wait_until(lambda: not seen(host.addr, ZONE, SIGN_PORT), 10, "nothing waits any more")
    site.wait_first_ds()
    # The next one is rejected once it is signed, and is not tried again; then there is another.
    mark = log.mark()
    site.put(2)
    site.verb("approve", {"serial": site.candidate("load", since=mark)})
    serial = site.candidate("sign", since=mark)
    if site.verb("reject", {"serial": serial, "reason": "not on a friday"}) != 200:
        raise Failed("not rejected")
    host.ctl("zone", "sign", ZONE)
    host.wait_served(ZONE)
    if site.shown(2) or not site.shown(1):
        raise Failed("what was rejected is published")
    mark = log.mark()
    site.put(3)
    site.verb("approve", {"serial": site.candidate("load", since=mark)})
    # Restarted in the middle: it waits again, under the same serial, and what is published is renewed meanwhile.
    serial = site.candidate("sign", since=mark)
    host.kill("signer")
    mark = log.mark()
    host.start("signer")
    log.wait_event("event=review-waits %s serial=%d stage=sign" % (DOT, serial), 30, mark)
    host.ctl("zone", "sign", ZONE, "--full")
    host.wait_served(ZONE)
    if site.shown(3) or not site.shown(1):
        raise Failed("published without a word")
    verify(axfr_file(lab, host.addr, ZONE), ZONE)
    before = host.serial(ZONE)
    if site.verb("approve", {"serial": serial}) != 200:
        raise Failed("not approved")
    host.kill("signer")                 # acknowledged: it counts
    host.start("signer")
    site.wait_shown(3)
    if host.serial(ZONE) <= before:
        raise Failed("the candidate took a serial that was used")
    verify(axfr_file(lab, host.addr, ZONE), ZONE)


@limit(150)
def test_scripts_of_cascade(lab):
    """Its documentation's example, by AXFR from the review servers: it finds names with one name server; then they have two."""
    site = Site(lab, "keys: ksk+zsk\nload-review: cascade.sh unsigned\nsign-review: cascade.sh\n", {"cascade.sh": CASCADE})
    site.log.wait_event("event=review-refused %s stage=load" % DOT, 30)
    site.hook.wait_event("event=hook-output %s hook=load-review" % DOT, 10)
    more = "sub NS ns2\nsecure NS ns1\n"
    site.put(1, more)
    site.wait_shown(1)
    verify(axfr_file(lab, site.host.addr, ZONE), ZONE)
    mark = site.log.mark()
    site.put(2, more)
    site.wait_shown(2)
    site.log.wait_event("event=review-passed %s stage=load by=hook" % DOT, 10, mark)
    site.log.wait_event("event=review-passed %s stage=sign by=hook" % DOT, 10, mark)


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


@limit(180)
def test_hooks_that_fail(lab):
    """One that refuses twice, hangs, is killed, cannot start: nothing is published but what was approved."""
    told = lab.path("told")
    refuses = "echo \"$DUET_STAGE $DUET_REFUSED\" >>%s\n[ $(wc -l <%s) -gt 2 ]\n" % (told, told)
    site = Site(lab, "sign-review: hook\n", {"hook": refuses})
    log = site.log
    site.wait_shown(1, 60)
    site.wait_first_ds()
    if read(told).splitlines() != ["sign "] + 2 * ["sign sign-review: the hook ended with exit code 1"]:
        raise Failed("the hook was told: %s" % read(told))
    pid = lab.path("pid")
    for n, (why, script) in enumerate((("killed:", "kill -9 $$\n"), ("not-started:", None), ("the hook ended with exit code 3;", "exit 3\n"),
                                       ("timeout:", "sleep 1000 &\necho $! >%s\nwait\n" % pid))):
        if script is None:
            os.unlink(os.path.join(site.dir, "hook"))
        else:
            site.script("hook", script)
        if why == "timeout:":
            site.next_policy("sign-review: hook\nreview-limit: 2\n")
        mark = log.mark()
        site.put(10 + n)
        log.wait_event("event=review-refused %s stage=sign msg=%s" % (DOT, why), 30, mark)
        if site.shown(10 + n):
            raise Failed("%s: published" % why)
    site.script("hook", "exit 4\n")
    site.next_policy("sign-review: hook\n")
    wait_until(lambda: read(pid).strip() and not os.path.exists("/proc/" + read(pid).strip()), 30, "what a hook left behind is ended")
    # One that answers with its token, before it ends; the token is good once.  It can read both files.
    files = lab.path("files")
    site.script("hook", "cat $DUET_DIFF_FILE >%s.diff; cat $DUET_ZONE_FILE >%s.zone; echo $DUET_TOKEN >%s.token\n"
                "curl -s -f --unix-socket $DUET_REVIEW_SOCKET -X POST -H 'Content-Type: application/json' -d '{}'"
                " http://localhost/v1/review/$DUET_TOKEN/approve || exit 1\nsleep 1000\n" % (files, files, files))
    site.put(20)
    site.wait_shown(20)
    if site.verb("", {}, path="/v1/review/%s/approve" % read(files + ".token").strip(), sock="review.sock") != 404:
        raise Failed("a token is good once")
    diff = [row.split()[0:4:3] for row in read(files + ".diff").splitlines() if "RRSIG" not in row and "NSEC" not in row]
    if ["+v20.example.org.", "TXT"] not in diff or ["-v1.example.org.", "TXT"] not in diff or len(diff) != 4:
        raise Failed("the difference:\n%s" % read(files + ".diff"))
    verify(files + ".zone", ZONE)


@limit(120)
def test_a_hard_refusal_stops_the_zone(lab):
    """Until it is resumed; what is published is renewed; an operator's override is for one version."""
    site = Site(lab, "load-review: hook\nload-refused: hard\n", {"hook": "exit 0\n"})
    host, log = site.host, site.log
    site.wait_shown(1)
    site.script("hook", "exit 1\n")
    mark = log.mark()
    site.put(2)
    log.wait_event("event=halted %s" % DOT, 30, mark)
    site.script("hook", "exit 0\n")
    mark = log.mark()
    site.put(3)
    log.wait_event("event=zone-loaded %s" % DOT, 30, mark)
    before = host.serial(ZONE)
    host.ctl("zone", "sign", ZONE, "--full")
    restart = log.mark()
    host.stop("signer")
    host.start("signer")
    log.wait_event("event=zone-loaded %s" % DOT, 30, restart)
    if host.serial(ZONE) <= before or site.shown(3) or log.count("event=review-asked", mark):
        raise Failed("a zone that is stopped takes new content, or does not renew")
    host.ctl("zone", "resume", ZONE)
    site.wait_shown(3)
    site.script("hook", "exit 1\n")
    mark = log.mark()
    site.put(4)
    serial = log.wait_event("event=review-refused %s stage=load" % DOT, 30, mark)["serial"]
    if host.ctl("zone", "override", ZONE, "99", "--reason", "x", check=False).returncode != 1:
        raise Failed("a serial that nobody refused is overridden")
    host.ctl("zone", "override", ZONE, serial, "--reason", "the parent waits for it")
    site.wait_shown(4)
    if "the parent waits for it" not in host.ctl("zone", "history", ZONE).stdout:
        raise Failed("the override is not in the history")
    mark = log.mark()
    site.put(5)
    log.wait_event("event=zone-loaded %s" % DOT, 30, mark)
    host.ctl("zone", "sign", ZONE)
    host.wait_served(ZONE)
    if site.shown(5):
        raise Failed("an override is for one version")


class Receiver(http.server.BaseHTTPRequestHandler):
    """The other end of a webhook: refuses the first, later answers the second by its token, approves the others."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers, body))
        status, say = ((200, b'{"result":"refused","reason":"too early"}'), (202, b""), (204, b""))[min(len(self.server.got), 3) - 1]
        self.send_response(status)
        self.send_header("Content-Length", str(len(say)))
        self.end_headers()
        self.wfile.write(say)

    def log_message(self, *args):
        pass


@limit(120)
def test_a_webhook_reviews(lab):
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    web.got = []
    threading.Thread(target=web.serve_forever, daemon=True).start()
    lab.write("secret", "hush\n", mode=0o600)
    site = Site(lab, "sign-review: http://127.0.0.1:%d/review\n" % web.server_port, secret=lab.path("secret"))
    lab.start("duet-fetch", [lab.program("duet-fetch"), "-c", site.host.yaml]).wait_event("event=ready", 20)
    site.log.wait_event("event=review-refused %s stage=sign msg=the webhook says HTTP status 200: too early;" % DOT, 40)
    site.log.wait_event("event=review-later %s" % DOT, 40)
    if seen(site.host.addr, ZONE):
        raise Failed("published without a word")
    word = json.loads(web.got[-1][1])
    if word["zone"] != "example.org." or word["stage"] != "sign" or "too early" not in word["refused"]:
        raise Failed("the webhook got %s" % word)
    if site.verb("approve", {"token": 1}, path="/v1/review/%s/approve" % word["token"], sock="review.sock") != 200:
        raise Failed("the token is not taken")
    site.wait_shown(1)
    site.put(2)
    site.wait_shown(2)
    for headers, body in web.got:
        t, mac = (w.split("=", 1)[1] for w in headers["X-Duet-Signature"].split(","))
        if hmac.new(b"hush", t.encode() + b"." + body, hashlib.sha256).hexdigest() != mac:
            raise Failed("a webhook's signature is wrong")


# In the order of the way; refused: the hook refuses once.
POINTS = ("review-unsigned", "review-made", "review-store", "store-before-sync", "store-before-commit", "store-after-commit",
          "review-stored", "review-text", "review-asked", "review-answered", "review-passed", "engine-save", "review-saved",
          "review-publish", "engine-publish", "engine-published")


@limit(300)
def test_killed_at_each_step_of_a_review(lab):
    """Nothing is published that was not approved at both stages, and each goes on by itself."""
    approved = lab.path("approved")
    ok = "cat $DUET_ZONE_FILE | grep -o '^k[0-9]*[.]' >>%s.$DUET_STAGE\nexit 0\n" % approved
    site = Site(lab, "load-review: hook\nsign-review: hook\n", {"hook": ok})
    host = site.host
    site.wait_shown(1)
    site.wait_first_ds()
    n = 0
    for _ in range(int(os.environ.get("ROUNDS", "1"))):
        for point in POINTS + ("review-refused",):
            n += 1
            name = "k%d." % n
            if point == "review-refused":
                site.script("hook", "exit 1\n")
            served, mark = seen(host.addr, ZONE), host.signer.mark()
            host.dies_at(point, lambda n=n: host.put_zone(ZONE + ".zone", text(100 + n, "k%d TXT x\n" % n)))
            host.wait_death(point, mark)
            site.script("hook", ok)
            host.start("signer")
            now = seen(host.addr, ZONE)
            if now != served and name not in now:
                raise Failed("%s: something else is served" % point)
            wait_until(lambda: name in seen(host.addr, ZONE), 40, "%s: goes on by itself" % point, every=0.05)
            for stage in "load", "sign":
                if name not in read("%s.%s" % (approved, stage)).split():
                    raise Failed("%s: published without the review %s" % (point, stage))
    verify(axfr_file(lab, host.addr, ZONE), ZONE)
