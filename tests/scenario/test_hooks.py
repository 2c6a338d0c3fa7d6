# SPDX-License-Identifier: BSD-3-Clause
"""What a hook is and gets: its user, its words, its files; answers with a token; webhooks that fail; signatures that are forced."""

import datetime
import http.server
import json
import os
import re
import signal
import threading

from duetlab import *
from test_review import DOT, LOAD_PORT, SIGN_PORT, ZONE, Site, read, seen

OTHER = 65534  # nobody: neither the user of the signer nor root


class OtherUser(Site):
    """duet-hook runs as somebody else, as deploy/units has it: the folders are set up as by duet.tmpfiles."""

    def start_hook(self):
        review = self.lab.folder("review")
        os.chown(review, 0, OTHER)
        os.chmod(review, 0o2750)
        os.chmod(self.host.run_dir, 0o777)
        way = review
        while way not in ("/", "/tmp"):        # to the files, as in /var/lib
            way = os.path.dirname(way)
            os.chmod(way, os.stat(way).st_mode | 0o011)
        conf = os.path.join(self.host.run_dir, "hook.yaml")
        with open(self.host.yaml) as f, open(conf, "w") as to:
            to.write(f.read())
        return self.lab.start("duet-hook", ["setpriv", "--reuid=%d" % OTHER, "--regid=%d" % OTHER, "--clear-groups",
                                            self.lab.program("duet-hook"), "-c", conf])


# Says what it got and who it is; approves or, where it is told to, refuses.
TELLS = """#!/bin/sh
{ env; echo "ME=$(id -u) $(id -g)"; echo "ARGS=$*"; echo "GROUP=$(ps -o pgid= -p $$ | tr -d ' ') $$"; } >%(to)s.$DUET_STAGE.new
mkdir -p %(to)s.files
cp $DUET_ZONE_FILE %(to)s.files/$DUET_STAGE.zone && cp $DUET_DIFF_FILE %(to)s.files/$DUET_STAGE.diff || exit 9
mv %(to)s.$DUET_STAGE.new %(to)s.$DUET_STAGE
echo "spoken to the log by $DUET_STAGE"
[ ! -e %(to)s.refuse.$DUET_STAGE ]
"""


def words(path):
    return dict(row.split("=", 1) for row in read(path).splitlines() if "=" in row)


def refuse(path, stage, on):
    if on:
        open("%s.refuse.%s" % (path, stage), "w").close()
    else:
        os.unlink("%s.refuse.%s" % (path, stage))


def published_when_asked(log, stage):
    """The serial of what was published when the last question of this stage was asked: the key's first DS may have made
    another version of the same content since one looked."""
    serial = None
    for row in read(log.log).splitlines():
        if "event=published " + DOT in row:
            serial = fields(row)["serial"]
        elif "event=review-asked " + DOT in row and "stage=" + stage in row:
            found = serial
    return found


@limit(150)
def test_a_hook_gets_all_that_is_promised(lab):
    """As a user of its own: zone, serials, stage, server, files, the reason of the refusal before; and Cascade's names."""
    told = os.path.join(lab.folder("told"), "got")
    os.chmod(os.path.dirname(told), 0o777)
    site = OtherUser(lab, "load-review: hook unsigned  two\nsign-review: hook\n", {"hook": TELLS % {"to": told}})
    host, log = site.host, site.log
    if "review-limit: 5m" not in host.ctl("policy", "show", "default").stdout:
        raise Failed("the time limit is not 300 s unless told")
    site.wait_shown(1, 60)
    first = words(told + ".load")
    if "DUET_PUBLISHED_SERIAL" in first or "DUET_REFUSED" in first:
        raise Failed("of a zone that was never published: %s" % first)
    for stage in "load", "sign":
        refuse(told, stage, True)
        mark = log.mark()
        site.put(7 if stage == "load" else 8)
        log.wait_event("event=review-refused %s stage=%s" % (DOT, stage), 40, mark)
        refuse(told, stage, False)
        serial = log.wait_event("event=review-passed %s stage=%s by=hook" % (DOT, stage), 40, mark)["serial"]
        got, port = words("%s.%s" % (told, stage)), {"load": LOAD_PORT, "sign": SIGN_PORT}[stage]
        want = {
            "CASCADE_ZONE": ZONE, "CASCADE_SERIAL": serial, "CASCADE_SERVER": "%s:%d" % (host.addr, port),
            "CASCADE_SERVER_IP": host.addr, "CASCADE_SERVER_PORT": str(port), "DUET_SERVER": "%s#%d" % (host.addr, port),
            "DUET_ZONE": ZONE + ".", "DUET_STAGE": stage, "DUET_SERIAL": serial,
            "DUET_INPUT_SERIAL": "7" if stage == "load" else "8", "DUET_PUBLISHED_SERIAL": published_when_asked(log, stage),
            "DUET_REFUSED": "%s-review: the hook ended with exit code 1" % stage,
            "ME": "%d %d" % (OTHER, OTHER), "ARGS": "unsigned two" if stage == "load" else "",
            "DUET_REVIEW_SOCKET": host.run_dir + "/review.sock"}
        if {name: got.get(name) for name in want} != want or not re.fullmatch("[0-9a-f]{64}", got.get("DUET_TOKEN", "")):
            raise Failed("%s: got %s\nnot %s" % (stage, {name: got.get(name) for name in want}, want))
        if len(set(got["GROUP"].split())) != 1:
            raise Failed("the hook leads no process group of its own")
        diff = read("%s.files/%s.diff" % (told, stage)).splitlines()
        if any(row[0] not in "+-" for row in diff) or not any(row.startswith("+v%s." % want["DUET_INPUT_SERIAL"]) for row in diff):
            raise Failed("%s: the difference:\n%s" % (stage, "\n".join(diff)))
        site.hook.wait_event("event=hook-output %s hook=%s-review" % (DOT, stage), 10)
        site.wait_shown(int(want["DUET_INPUT_SERIAL"]))
    verify(told + ".files/sign.zone", ZONE)


@limit(120)
def test_a_token_rejects_too(lab):
    """Over HTTP, once, with a reason, whatever the exit code would have been; the next one is asked anew and has another token."""
    told = lab.path("told")
    site = Site(lab, "sign-review: hook\n", {"hook": "echo $DUET_TOKEN >>%s\n"
                "curl -s -f --unix-socket $DUET_REVIEW_SOCKET -X POST -H 'Content-Type: application/json'"
                " -d '{\"reason\":\"not today\"}' http://localhost/v1/review/$DUET_TOKEN/reject\nexit 0\n" % told})
    site.log.wait_event("event=review-refused %s stage=sign msg=not today;" % DOT, 40)
    wait_until(lambda: len(read(told).split()) >= 2, 40, "it is tried again")
    if len(set(read(told).split())) != len(read(told).split()) or seen(site.host.addr, ZONE):
        raise Failed("a token twice, or something is published: %s" % read(told))
    if site.verb("", {}, path="/v1/review/%s/approve" % read(told).split()[0], sock="review.sock") != 404:
        raise Failed("the token of a question that is answered approves")
    site.script("hook", "exit 0\n")
    site.wait_shown(1, 60)


@limit(120)
def test_a_webhook_that_is_not_there_refuses(lab):
    """Nothing listens, then an error of the server: refused each time, and nothing is published."""
    class Broken(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    port = lab.port()
    site = Site(lab, "load-review: http://127.0.0.1:%d/review\nreview-limit: 5\n" % port)
    lab.start("duet-fetch", [lab.program("duet-fetch"), "-c", site.host.yaml]).wait_event("event=ready", 20)
    site.log.wait_event("event=review-refused %s stage=load msg=not-started:" % DOT, 60)
    mark = site.log.mark()
    web = http.server.ThreadingHTTPServer(("127.0.0.1", port), Broken)
    web.status = 500
    threading.Thread(target=web.serve_forever, daemon=True).start()
    site.put(2)
    site.log.wait_event("event=review-refused %s stage=load msg=the webhook says HTTP status 500;" % DOT, 60, mark)
    if seen(site.host.addr, ZONE):
        raise Failed("published without a word")
    web.status = 204
    site.put(3)
    site.wait_shown(3, 60)


def signatures(host):
    """{(owner, type covered): rdata} of what is published."""
    rows = [row.split(None, 5) for row in host.ctl("zone", "export", ZONE).stdout.splitlines() if "\tRRSIG\t" in row or " RRSIG " in row]
    return {(r[0].lower(), r[4]): r[5] for r in rows}


@limit(120)
def test_signatures_of_one_rrset_are_forced(lab):
    """zone sign --rrset makes those of one page anew and keeps the others; what has none, or is not there, is refused."""
    site = Site(lab, "denial: nsec\n", first=small_zone(ZONE, n=1000, serial=1, more="v1 TXT version\n"))
    host, log = site.host, site.log
    site.wait_first_ds()
    for args in (("nowhere." + ZONE, "A"), ("host1." + ZONE, "MX"), ("sub." + ZONE, "NS"), ("ns.sub." + ZONE, "A"), (ZONE, "DNSKEY"),
                 ("host1.example.net", "A"), ("host1." + ZONE, "NONSENSE")):
        if host.ctl("zone", "sign", ZONE, "--rrset", *args, check=False).returncode != 1:
            raise Failed("%s is signed anew" % (args,))
    for args in ("--rrset",), ("host1." + ZONE, "A"), ("--rrset", "host1." + ZONE):
        if host.ctl("zone", "sign", ZONE, *args, check=False).returncode != 2:
            raise Failed("%s is no misuse" % (args,))
    for denial in "nsec", "nsec3":
        if denial != "nsec":
            mark = log.mark()
            site.next_policy("denial: %s\n" % denial)
            host.wait_published(ZONE, timeout=60, since=mark)
        was = signatures(host)
        mark = log.mark()
        host.ctl("zone", "sign", ZONE, "--rrset", "host500." + ZONE, "A")
        made = log.wait_event("event=signed %s" % DOT, 10, mark)
        now = signatures(host)
        new = {k for k in now if now[k] != was.get(k)}
        if ("host500.%s." % ZONE, "A") not in new or not 1 < len(new) < len(now) / 4 or set(was) != set(now):
            raise Failed("%s: of %d signatures %d are new" % (denial, len(now), len(new)))
        if int(made["new-pages"]) > 3 or log.count("event=signed %s" % DOT, mark) != 1:
            raise Failed("%s: %s" % (denial, made))
        verify(lab.write("published.zone", host.ctl("zone", "export", ZONE).stdout), ZONE)


@limit(120)
def test_a_wish_is_not_fulfilled_by_a_version_that_was_made_before(lab):
    """zone sign --full while a change is with the auditor, which stands still: what is answered is a version signed anew."""
    site = Site(lab, "", first=small_zone(ZONE, n=1000, serial=1, more="v1 TXT version\n"))
    host, log = site.host, site.log
    site.wait_first_ds()
    was, mark = signatures(host), log.mark()
    auditor, = [pid for pid in alive_in(host.signer.popen.pid) if "duet-audit" in read("/proc/%d/cmdline" % pid)]
    os.kill(auditor, signal.SIGSTOP)
    host.put_zone(ZONE + ".zone", small_zone(ZONE, n=1000, serial=2, more="v2 TXT version\n"))
    log.wait_event("event=signed %s" % DOT, 30, mark)
    wish = site.asked("sign", {"full": True})
    site.status()                   # asked after it, and so answered after it was heard
    os.kill(auditor, signal.SIGCONT)
    if wish.getresponse().status != 200:
        raise Failed("not signed")
    now = signatures(host)
    kept = [k for k in was if k[1] in ("A", "MX", "NSEC") and now.get(k) == was[k]]     # keydist's are of keydist
    if kept or len(was) < 1000 or "v2 " not in host.ctl("zone", "export", ZONE).stdout.replace(".%s." % ZONE, " "):
        raise Failed("of %d signatures %d were kept: %s" % (len(was), len(kept), kept[:5]))
    host.wait_served(ZONE)
    verify(axfr_file(lab, host.addr, ZONE), ZONE)


def tries(log, event, mark):
    """Of each refusal since: when it was logged, and the seconds until the next try that it announces, which began in this second or
    in the one before."""
    out = []
    with open(log.log, encoding="utf-8") as f:
        f.seek(mark)
        for row in f:
            if event in row and DOT in row and row.endswith("\n"):
                at = datetime.datetime.fromisoformat(row.split()[0].split(">")[1].replace("Z", "+00:00"))
                next_at = datetime.datetime.fromisoformat(re.search(r"next try at (\S+?)Z", row)[1] + "+00:00")
                out.append((at.timestamp(), round((next_at - at.replace(microsecond=0)).total_seconds())))
    return out


@limit(150)
def test_refusals_wait_longer_and_burn_no_serial(lab):
    """Twice as long each time, from 5 s to 10 min, whoever refuses, whatever is renewed meanwhile; the next one takes the next serial."""
    more = "".join("more%d A 192.0.2.1\n" % i for i in range(30))
    site = Site(lab, "sign-review: hook\nchange-refuse: 20\n", {"hook": "exit 0\n"}, first=small_zone(ZONE, n=2, serial=1, more="v1 TXT x\n" + more))
    host, log = site.host, site.log
    host.past_midnight()
    site.wait_first_ds()
    host.ctl("zone", "sign", ZONE)
    host.wait_served(ZONE)
    slow, fast = 50, 2000      # times; the renewal is to come between two tries

    def hasten(times):
        lab.write(os.path.join(host.dir, "numbers", "hasten"), "%d\n" % (times - 1))

    for event, n in ("event=review-refused", 10), ("event=audit-refused", 20):
        serial, mark = host.serial(ZONE), log.mark()
        hasten(slow)
        if n == 10:
            site.script("hook", "exit 1\n")
        site.put(n, more if n == 10 else "")
        wait_until(lambda: len(tries(log, event, mark)) >= 4, 30, "it is tried again")
        host.ctl("zone", "sign", ZONE, check=False)     # it may be told of the next refusal
        wait_until(lambda: host.serial(ZONE) == serial + 1, 30, "what is published is signed anew, and reviewed by nobody")
        if len(tries(log, event, mark)) > 8:
            raise Failed("%s: all waits were over before the renewal" % event)
        hasten(fast)
        wait_until(lambda: len(tries(log, event, mark)) >= 10, 60, "tried ten times")
        hasten(1)
        site.script("hook", "exit 0\n")
        told = tries(log, event, mark)[:10]
        if [want - wait in (0, 1) for (_, wait), want in zip(told, (5, 10, 20, 40, 80, 160, 320, 600, 600, 600))] != [True] * 10:
            raise Failed("%s: waits of %s" % (event, told))
        for (at, wait), (then, _) in zip(told, told[1:]):
            if then - at < (wait - 1) / fast:
                raise Failed("%s: tried again after %.3f s of %d" % (event, then - at, wait))
        if host.serial(ZONE) != serial + 1:
            raise Failed("refusals took serials, or the renewal none: %d after %d" % (host.serial(ZONE), serial))
        site.put(n + 1, more)
        site.wait_shown(n + 1)
        if host.serial(ZONE) != serial + 2:
            raise Failed("%s: serial %d after %d" % (event, host.serial(ZONE), serial + 1))


@limit(120)
def test_an_answer_behind_the_limit_is_none(lab):
    """A hook that says yes once it is to end, and its token after that; a webhook that was to answer later, and does too late."""
    told = lab.path("tokens")
    site = Site(lab, "sign-review: hook\n", {"hook": "exit 0\n"})
    log, port = site.log, lab.port()
    lab.write(os.path.join(site.host.dir, "numbers", "hasten"), "9\n")     # asked again ten times as soon

    def too_late(n, tokens):
        wait_until(lambda: len(read(tokens).split()) >= 2, 30, "it is asked again: the first question is over")
        if site.verb("", {}, path="/v1/review/%s/approve" % read(tokens).split()[0], sock="review.sock") != 404 or site.shown(n):
            raise Failed("approved behind the limit")

    site.wait_first_ds()
    site.next_policy("sign-review: hook\nreview-limit: 1\n")
    site.script("hook", "trap 'exit 0' TERM\necho $DUET_TOKEN >>%s\nsleep 1000 &\nwait\n" % told)
    mark = log.mark()
    site.put(2)
    log.wait_event("event=review-refused %s stage=sign msg=timeout:" % DOT, 30, mark)
    too_late(2, told)

    class Later(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with open(told + ".web", "a") as f:
                f.write(body["token"] + "\n")
            self.send_response(202)
            self.end_headers()

        def log_message(self, *args):
            pass

    threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", port), Later).serve_forever, daemon=True).start()
    lab.start("duet-fetch", [lab.program("duet-fetch"), "-c", site.host.yaml]).wait_event("event=ready", 20)
    mark = log.mark()
    site.next_policy("load-review: http://127.0.0.1:%d/review\nreview-limit: 1\n" % port)
    site.put(3)
    log.wait_event("event=review-later %s" % DOT, 30, mark)
    log.wait_event("event=review-refused %s stage=load" % DOT, 30, mark)
    too_late(3, told + ".web")
    site.next_policy("load-review: off\n")
    site.put(4)
    site.wait_shown(4)
