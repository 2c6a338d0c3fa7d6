# SPDX-License-Identifier: BSD-3-Clause
"""Reviews: what waits is shown on addresses of its own, and nothing is published that was not approved."""

import http.client
import json
import os
import socket

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
    """One signer with reviews, and a folder of hooks."""

    def __init__(self, lab, policy, hooks=None):
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
        self.cluster.write_confs()
        for name, body in (hooks or {}).items():
            self.script(name, body)
        if hooks:
            self.hook = lab.start("duet-hook", [lab.program("duet-hook"), "-c", self.host.yaml])
            self.hook.wait_event("event=ready", 20)
        self.cluster.start()
        self.policy(policy)
        self.put(1)
        self.host.ctl("zone", "add", ZONE, "--source", "file:" + ZONE + ".zone")
        self.host.ctl("key", "create", ZONE)
        self.log = self.host.signer

    def policy(self, more):
        self.lab.write("policy.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n" + more)
        self.host.ctl("policy", "apply", self.lab.path("policy.yaml"))

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

    def shown(self, n):
        return "v%d." % n in seen(self.host.addr, ZONE)

    def candidate(self, stage, timeout=30, since=0):
        return int(self.log.wait_event("event=candidate %s stage=%s" % (DOT, stage), timeout, since)["serial"])

    def status(self):
        return json.loads(self.host.ctl("zone", "status", ZONE, "--json").stdout)

    def verb(self, verb, body):
        class Unix(http.client.HTTPConnection):
            def connect(conn):
                conn.sock = socket.socket(socket.AF_UNIX)
                conn.sock.connect(self.host.run_dir + "/signer.sock")
        c = Unix("localhost")
        c.request("POST", "/v1/zones/%s./%s" % (ZONE, verb), json.dumps(body))
        return c.getresponse().status


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
    if site.verb("approve", {"serial": serial}) != 200:
        raise Failed("not approved")
    site.wait_shown(1)
    wait_until(lambda: not seen(host.addr, ZONE, SIGN_PORT), 10, "nothing waits any more")
    # The next one is rejected once it is signed, and is not tried again; then there is another.
    mark = log.mark()
    site.put(2)
    site.verb("approve", {"serial": site.candidate("load", since=mark)})
    serial = site.candidate("sign", since=mark)
    if site.verb("reject", {"serial": serial, "reason": "not on a friday"}) != 200:
        raise Failed("not rejected")
    host.ctl("zone", "sign", ZONE)
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
    if site.shown(3) or not site.shown(1):
        raise Failed("published without a word")
    verify(axfr_file(lab, host.addr, ZONE), ZONE)
    before = host.serial(ZONE)
    site.verb("approve", {"serial": serial})
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
