# SPDX-License-Identifier: BSD-3-Clause
"""A zone whose text comes from a web server: fetched once, asked about after that, never trusted unverified."""

import gzip
import hashlib
import http.server
import json
import ssl
import threading

from duetlab import *

ZONE = "example.org"
DOT = "zone=example.org."


class Texts(http.server.BaseHTTPRequestHandler):
    """Serves server.text, packed, with an ETag or, where server.dated is set, a date alone; server.status in its place."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with self.server.lock:
            self.answer()

    def answer(self):
        s, etag = self.server, '"%s"' % hashlib.sha256(self.server.text).hexdigest()
        same = self.headers.get("If-Modified-Since") == s.dated if s.dated else self.headers.get("If-None-Match") == etag
        status = s.status or (304 if same else 200)
        body = gzip.compress(s.text) if status == 200 else b""
        self.send_response(status)
        self.send_header("Last-Modified" if s.dated else "ETag", s.dated or etag)
        if status == 200:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        s.answered.append(status)

    def log_message(self, *args):
        pass


def certificate(lab, name):
    cert, key = lab.path(name + ".crt"), lab.path(name + ".key")
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert])
    return cert, key


def web_server(cert, key, text, port=0):
    web = http.server.ThreadingHTTPServer(("127.0.0.1", port), Texts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    web.text, web.status, web.dated, web.answered, web.lock = text, 0, None, [], threading.Lock()
    threading.Thread(target=web.serve_forever, daemon=True).start()
    return web


def stop(web):
    web.shutdown()
    web.server_close()


def refused(host, url, words):
    p = host.ctl("zone", "add", "example.net", "--source", url, check=False)
    if p.returncode == 0 or words not in p.stderr:
        raise Failed("%s: %d, %s" % (url, p.returncode, p.stderr))


@limit(120)
def test_a_zone_from_a_web_server(lab):
    cluster = Cluster(lab, signers=1, backups=0).init()
    s1 = cluster.signer1
    cert, key = certificate(lab, "right")
    s1.conf["fetch"] = {"socket": s1.run_dir + "/fetch.sock", "ca-file": cert}
    s1.conf["signer"].update({"fetch-interval-s": 1, "fetch-max-mib": 1})
    cluster.write_confs()
    lab.start("duet-fetch", [lab.program("duet-fetch"), "-c", s1.yaml]).wait_event("event=ready", 20)
    cluster.start()
    log = s1.signer
    lab.write("fast.yaml", "name: default\nrequire-backups: 0\npropagation: 0\n")
    s1.ctl("policy", "apply", lab.path("fast.yaml"))
    refused(s1, "https://user:word@127.0.0.1/x", "no user or password")
    refused(s1, "https://127.0.0.1", "https://HOST/PATH")
    refused(s1, "http://127.0.0.1/x", "must be")

    text = small_zone(ZONE, n=2)
    web = web_server(cert, key, text.encode())
    url = "https://127.0.0.1:%d/zones/%s" % (web.server_port, ZONE)
    s1.ctl("zone", "add", ZONE, "--source", url)
    s1.ctl("key", "create", ZONE)
    first = cluster.wait_signed(ZONE)
    # What has not changed is not sent again.
    wait_until(lambda: web.answered.count(304) >= 2, 20)
    if web.answered.count(200) != 1:
        raise Failed("the text was sent %s" % web.answered)
    # A new text is a new version.
    web.text += b"added 60 TXT \"from the web\"\n"
    wait_until(lambda: "from the web" in axfr_text(s1.addr, ZONE), 30, "the new record is served")
    verify(axfr_file(lab, s1.addr, ZONE), ZONE)
    # One that is wrong is refused, once, by its place, and stays refused while the server says that it is the same.
    mark, good = log.mark(), web.text
    web.text = text.encode() + b"bad 60 A 999.1.1.1\n$INCLUDE /etc/passwd\n"
    why = log.wait_event("event=zone-refused %s" % DOT, 20, mark)["msg"]
    if not why.startswith("20:10: "):
        raise Failed("the refusal does not begin with its place: %s" % why)
    before = web.answered.count(304)
    wait_until(lambda: web.answered.count(304) >= before + 2, 20)
    if log.count("event=zone-refused %s" % DOT, mark) != 1:
        raise Failed("one text was refused more than once")
    # No file of this host is read.
    mark = log.mark()
    web.text = text.encode() + b"$INCLUDE /etc/passwd\n"
    log.wait_event("event=zone-refused %s $INCLUDE is not allowed" % DOT, 20, mark)
    # A server in trouble says nothing about the text: the refusal is found again afterwards.
    mark = log.mark()
    web.status = 503
    log.wait_event("event=zone-refused %s status 503," % DOT, 20, mark)
    web.status = 0
    log.wait_event("event=zone-refused %s $INCLUDE is not allowed" % DOT, 40, mark)
    # Too large, unpacked.
    mark = log.mark()
    web.text = good + b"; padding\n" * 120000
    log.wait_event("event=zone-refused %s signer.fetch-max-mib, 1 MiB," % DOT, 20, mark)
    # Another's certificate.
    port = web.server_port
    stop(web)
    mark = log.mark()
    web = web_server(*certificate(lab, "wrong"), good, port)
    log.wait_event("event=zone-refused %s certificate" % DOT, 40, mark)
    stop(web)
    # Well again.
    mark = log.mark()
    web = web_server(cert, key, text.encode() + b"last 60 TXT \"well again\"\n", port)
    log.wait_event("event=published %s" % DOT, 40, mark)
    status = json.loads(s1.ctl("zone", "status", ZONE, "--json").stdout)
    if status.get("error"):
        raise Failed("still in trouble: %s" % status["error"])
    # A server that has dates and no ETags is asked by these.
    mark = log.mark()
    with web.lock:      # at once, or the text of before is sent once more
        web.dated, before = "Sat, 01 Nov 2025 10:00:00 GMT", len(web.answered)
        web.text += b"dated 60 TXT \"by date\"\n"
    log.wait_event("event=published %s" % DOT, 40, mark)
    wait_until(lambda: web.answered[before:].count(304) >= 2, 20)
    if web.answered[before:].count(200) != 1:
        raise Failed("the text was sent %s" % web.answered[before:])
    # Silent for longer than SOA expire: an alarm, and what is published stays, until it answers again.
    mark, web.dated = log.mark(), None
    web.text = text.replace(" 604800 ", " 2 ").encode()
    log.wait_event("event=published %s" % DOT, 40, mark)
    stop(web)
    log.wait_event("event=source-expired %s" % DOT, 40, mark)

    def alarms():
        return [a for a in json.loads(s1.ctl("zone", "status", ZONE, "--json").stdout)["alarms"] if "SOA expire" in a]
    if not alarms() or not s1.signed(ZONE):
        raise Failed("no alarm, or nothing is served: %s" % alarms())
    web = web_server(cert, key, web.text, port)
    wait_until(lambda: not alarms(), 40, "the server answers again")
    stop(web)
