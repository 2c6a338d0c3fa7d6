# SPDX-License-Identifier: BSD-3-Clause
"""duetctl as an operator meets it: help, JSON everywhere, exit codes, waiting, drills."""

import json
import os
import re
import signal
import subprocess

from duetlab import NSD, Cluster, Failed, Knot, limit, run, small_zone, wait_until

ZONE = "example.org"


def words(lab, *begun):
    """What completion offers behind these words."""
    return run([lab.program("duetctl"), "--complete", *begun, ""]).stdout.split()


def commands(lab):
    """Every command: [noun] or [noun, verb]."""
    for noun in words(lab):
        verbs = words(lab, noun)
        for verb in verbs or [None]:
            yield [noun] + ([verb] if verb else [])


def expect(p, code, what):
    if p.returncode != code:
        raise Failed("%s: exit status %d, not %d\n%s%s" % (what, p.returncode, code, p.stdout, p.stderr))
    return p


def test_help_and_misuse(lab):
    """Every command has help with examples; every misuse exits 2 and says what is wrong; nothing needs a daemon for that."""
    duetctl = lab.program("duetctl")
    seen = 0
    for command in commands(lab):
        p = expect(run([duetctl, *command, "--help"], check=False), 0, " ".join(command))
        if "Examples:\n  duetctl " + " ".join(command) not in p.stdout:
            raise Failed("no example in the help of " + " ".join(command))
        p = expect(run([duetctl, *command, "--no-such-option"], check=False), 2, " ".join(command))
        if "unknown option --no-such-option" not in p.stderr or p.stdout:
            raise Failed("%s: %s" % (command, p.stderr))
        expect(run([duetctl, *command] + ["word"] * 40, check=False), 2, " ".join(command))
        seen += 1
    if seen < 28:
        raise Failed("only %d commands" % seen)
    for line in ("", "nonsense", "zone", "zone nonsense", "zone add x.", "zone floor x. -1", "zone floor x. 4294967296",
                 "key create x. --algorithm 5", "key create x. --role xx", "key roll x. --role xx", "key create x. --timeout soon", "key export x. ab", "node add duet1x",
                 "node init --role king", "node init --first --role backup", "drill failover", "backup restore",
                 "tsig create x.", "status --socket"):
        p = expect(run([duetctl, *line.split()], check=False), 2, line)
        if not p.stderr or p.stdout:
            raise Failed("%s: %r" % (line, p.stdout))


def test_nobody_answers(lab):
    """Without daemons: exit 1, one sentence, or one JSON object, that names the socket."""
    conf = lab.write("empty.yaml", "keydist:\n  listen: tcp://127.0.0.1:1\n  socket: %s\n" % lab.path("nobody.sock"))
    p = expect(run([lab.program("duetctl"), "-c", conf, "status"], check=False), 1, "status")
    if lab.path("nobody.sock") not in p.stderr or p.stdout:
        raise Failed(p.stderr)
    p = expect(run([lab.program("duetctl"), "-c", conf, "--json", "zone", "list"], check=False), 1, "zone list")
    if json.loads(p.stderr)["error"] != "not-now":
        raise Failed(p.stderr)
    conf = lab.write("wrong.yaml", "node:\n  nam: x\nkeydist:\n  listen: here\n")
    p = expect(run([lab.program("duetctl"), "-c", conf, "status"], check=False), 1, "wrong configuration")
    for part in ("wrong.yaml:2: node.nam: unknown option", 'wrong.yaml:4: keydist.listen: "here" is not allowed'):
        if part not in p.stderr:
            raise Failed("not said: %s\n%s" % (part, p.stderr))
    p = expect(run([lab.program("duetctl"), "-c", conf, "--socket", "/nowhere", "status"], check=False), 1, "--socket")
    if "/nowhere" not in p.stderr:
        raise Failed(p.stderr)
    expect(run([lab.program("duetctl"), "-c", conf, "recovery", "init"], check=False), 0, "recovery init")


@limit(180)
def test_every_command(lab):
    """Each command once as people see it and, where it may be said twice, once as JSON."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2, vault = cluster.signer1, cluster.signer2, cluster.vault
    knot = Knot(lab, "knot", [ZONE], [s1.addr, s2.addr])
    cluster.add_secondary(knot, of=[s1, s2])
    cluster.write_confs()
    cluster.start()
    policy = lab.write("policy.yaml", "name: fast\nnsec3-salt-len: 4\ndenial: nsec3\nvalidity: 30d\n"
                       "renewal-margin: 10d\npropagation: 1s\n")
    wrong = lab.write("wrong.yaml", "name: bad\nvalidity: 1d\nalgorithm: 5\n")
    cluster.put_zone(ZONE + ".zone", small_zone(ZONE))

    def both(host, *args, code=0):
        p = expect(host.ctl(*args, check=False), code, "duetctl " + " ".join(args))
        q = expect(host.ctl("--json", *args, check=False), code, "duetctl --json " + " ".join(args))
        try:
            return p.stdout, json.loads(q.stdout)
        except ValueError as e:
            raise Failed("duetctl --json %s: %s\n%s" % (" ".join(args), e, q.stdout)) from None

    text, j = both(s1, "node", "list")
    if {n["name"]: n["role"] for n in j["nodes"]} != {"signer1": "signer", "signer2": "signer", "vault": "backup"}:
        raise Failed(j)
    text, j = both(s1, "policy", "apply", policy)
    p = expect(s1.ctl("policy", "apply", wrong, check=False), 1, "wrong policy")
    q = expect(s1.ctl("--json", "policy", "apply", wrong, check=False), 1, "wrong policy")
    for part in ("wrong.yaml:3: algorithm:", "renewal-margin: 7d does not fit"):
        if part not in p.stderr or not any(part in row for row in json.loads(q.stderr)["mistakes"]):
            raise Failed("not said: %s\n%s\n%s" % (part, p.stderr, q.stderr))
    # Times that contradict each other, with the inequality; nothing of it is applied.
    for more, part in (("keys: ksk+zsk\nzsk-lifetime: 28h\n", "zsk-lifetime: 28h is too short: a roll takes dnskey-ttl 1h"),
                       ("dnskey-ttl: 2d\n", "dnskey-ttl: 2d is more than max-ttl-signed, must be at most 1d"),
                       ("renewal-margin: 1d\n", "renewal-margin: 1d is too short")):
        p = expect(s1.ctl("policy", "apply", lab.write("wrong.yaml", "name: bad\n" + more), check=False), 1, "wrong policy")
        if part not in p.stderr or "bad" in s1.ctl("policy", "list").stdout:
            raise Failed("not said: %s\n%s" % (part, p.stderr))
    text, j = both(s2, "policy", "list")
    wait_until(lambda: "fast" in s2.ctl("policy", "list").stdout, 10, "the policy reaches signer2")
    text, j = both(s1, "policy", "show", "fast")
    if "validity: 30d" not in text or j["renewal_margin_s"] != 864000:
        raise Failed("%s %s" % (text, j))
    again = lab.write("again.yaml", text)
    both(s1, "policy", "apply", "--check", again)
    both(s1, "policy", "show")

    both(s1, "zone", "add", ZONE, "--source", "file:%s.zone" % ZONE, "--policy", "fast")
    text, j = both(s2, "zone", "list")
    wait_until(lambda: ZONE in s2.ctl("zone", "list").stdout, 10, "the zone reaches signer2")
    both(s2, "key", "create", ZONE)
    cluster.wait_signed(ZONE)
    text, j = both(s1, "key", "list")
    text, j = both(s1, "key", "list", ZONE)
    rows = [row.split() for row in text.splitlines()]
    if rows[0][:5] != ["TAG/ALG", "ROLE", "HASH", "RECORD", "STATE"] or set(rows[0][5:]) != {"signer1", "signer2"} or \
            [row[-4] for row in rows[1:4] if len(row) > 3][0] != "dnskey" or not rows[4][0].endswith(":"):
        raise Failed(text)
    if len(j["keys"]) != 1 or j["keys"][0]["held"] != ["signer1", "signer2"] or j["keys"][0]["stored"] != ["vault"]:
        raise Failed(j)
    key = j["keys"][0]["hash"]
    knot.start()    # a secondary that shows nothing holds every key back
    wait_until(lambda: s1.ctl("key", "ds", ZONE, check=False).returncode == 0, 30, "the DS is safe")
    text, j = both(s1, "key", "ds", ZONE)
    if not re.match(r"example\.org\.\s.*\sDS\s", text):
        raise Failed(text)
    for form in ("bind", "pem"):
        folder = lab.folder("exported-" + form)
        j = json.loads(s1.ctl("--json", "key", "export", ZONE, key[:8], "--dir", folder, "--format", form).stdout)
        if not j["files"] or any(os.stat(f).st_mode & 0o077 for f in j["files"] if not f.endswith(".key")):
            raise Failed(j)
    # A secondary expires after 7 days: signatures that are renewed 6 days before their end may have ended by then.
    text = open(policy).read()
    short = lab.write("policy.yaml", text.replace("10d", "6d"))
    p = expect(s2.ctl("policy", "apply", short, check=False), 1, "a margin below the SOA expire")
    if "renewal-margin 6d is below the SOA expire 7d of example.org.:" not in p.stderr or "--force" not in p.stderr or \
            json.loads(s2.ctl("policy", "show", "fast", "--json").stdout)["renewal_margin_s"] != 864000:
        raise Failed(p.stderr)
    s2.ctl("policy", "apply", short, "--force")
    wait_until(lambda: "WARNING: example.org.: renewal-margin 6d is below the SOA expire 7d" in s1.ctl("status").stdout, 10,
               "status warns")
    p = s1.ctl("policy", "apply", lab.write("policy.yaml", text.replace("10d", "8d")))
    if "WARNING" in s1.ctl("status").stdout:
        raise Failed("status warns still")
    if "example.org.: renewal-margin 8d 0h < propagation + max-ttl-signed 24h 0m + SOA expire 7d 0h" not in p.stderr:
        raise Failed(p.stderr)
    text, j = both(s2, "zone", "status", ZONE)
    if j["state"] != "served" or "served" not in text:
        raise Failed(j)
    both(s2, "zone", "sign", ZONE)
    both(s2, "zone", "sign", "--full", ZONE)
    both(s2, "zone", "hold", ZONE, "--reason", "because")
    if "because" not in s2.ctl("zone", "status", ZONE).stdout:
        raise Failed("the reason of a hold is not shown")
    expect(s2.ctl("zone", "sign", ZONE, check=False), 1, "sign while held")
    both(s2, "zone", "resume", ZONE)
    both(s2, "zone", "accept-serial", ZONE)
    serial = s2.serial(ZONE)
    both(s2, "zone", "floor", ZONE, str(serial + 50))
    wait_until(lambda: s2.serial(ZONE) >= serial + 50, 20, "the floor is kept")
    out = lab.path("export.zone")
    s2.ctl("zone", "export", ZONE, "--out", out)
    text, j = both(s2, "zone", "export", ZONE)
    if "RRSIG" not in text or "RRSIG" not in j["text"] or "RRSIG" not in open(out).read():
        raise Failed("no signed zone is exported")
    expect(s1.ctl("tsig", "create", "xfr.example.", "--out", lab.path("xfr.key"), check=False), 0, "tsig create")
    if os.stat(lab.path("xfr.key")).st_mode & 0o077:
        raise Failed("others may read a TSIG secret")
    os.chmod(lab.write("secret", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IDMyIG9jdA==\n"), 0o600)
    expect(s1.ctl("tsig", "create", "given.example", "--algorithm", "hmac-sha512", "--file", lab.path("secret"), check=False), 0,
           "tsig create --file")
    text, j = both(s1, "tsig", "list")
    if {k["name"]: k["algorithm"] for k in j["keys"]} != {"xfr.example.": "hmac-sha256", "given.example.": "hmac-sha512"}:
        raise Failed(j)
    for begun, offered in ((("tsig", "remove", "xf"), ["xfr.example."]), (("policy", "show", ""), ["default", "fast"]),
                           (("zone", "add", "x.", "--policy", "f"), ["fast"]), (("zone", "sign", "ex"), [ZONE + "."]),
                           (("drill", "failover", "--node", "signer"), ["signer1", "signer2"])):
        got = run([lab.program("duetctl"), "--complete", "-c", s1.yaml, *begun]).stdout.split()
        if sorted(got) != offered:
            raise Failed("completion of %s: %s" % (begun, got))
    expect(s1.ctl("--json", "tsig", "remove", "xfr.example.", check=False), 0, "tsig remove")
    both(s1, "backup", "list")
    text, j = both(vault, "backup", "list")
    if j["zones"][0]["keys"][0]["hash"] != key:
        raise Failed(j)
    knot.wait_serial(ZONE, lambda n: n is not None)
    wait_until(lambda: s1.serial(ZONE) == s2.serial(ZONE), 30, "the signers agree")
    for host in (s1, s2, vault):
        both(host, "status")
    both(s1, "status", "--zone", ZONE)
    facts = [json.loads(row) for row in s1.ctl("status", "--facts").stdout.splitlines()]
    of_zone = [json.loads(row) for row in s1.ctl("status", "--facts", "--zone", ZONE).stdout.splitlines()]
    if not 0 < len(of_zone) < len(facts) or {f["zone"] for f in of_zone} != {ZONE + "."}:
        raise Failed("%d facts, %d of the zone" % (len(facts), len(of_zone)))
    wait_until(lambda: s1.ctl("drill", "readiness", check=False).returncode == 0, 30, "ready")
    text, j = both(s1, "drill", "readiness")
    if not j["ready"] or "signer1 could die now" not in text:
        raise Failed(text)
    both(s1, "reload")
    both(vault, "reload")
    expect(s1.ctl("--json", "zone", "remove", ZONE, check=False), 0, "zone remove")
    for args in (("zone", "status", "nowhere.example"), ("key", "create", "nowhere.example", "--timeout", "1"),
                 ("policy", "show", "nothing"), ("zone", "add", "b.example", "--source", "ftp:x"),
                 ("zone", "add", "b..example", "--source", "file:x"), ("status", "--zone", "nowhere.example")):
        p = expect(s1.ctl(*args, check=False), 1, " ".join(args))
        if p.stdout or not p.stderr.startswith("duetctl: "):
            raise Failed(p.stdout + p.stderr)


@limit(120)
def test_key_create_says_who_is_missing(lab):
    """Without the backup the key is made and waits; the command says for whom; later it is distributed by itself."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    cluster.start()
    s1 = cluster.signer1
    cluster.add_zone(ZONE, small_zone(ZONE))
    cluster.vault.stop()
    p = expect(s1.ctl("key", "create", ZONE, "--timeout", "4s", check=False), 1, "key create")
    if not re.search(r"missing .*(vault|backup)", p.stderr) or "signer" in p.stderr.split("missing")[1]:
        raise Failed(p.stderr)
    if "waiting for" not in p.stderr:
        raise Failed("no progress after two seconds:\n" + p.stderr)
    key = json.loads(s1.ctl("--json", "key", "list", ZONE).stdout)["keys"][0]
    if key["distributed"] or cluster.signer1.signed(ZONE):
        raise Failed("used before it is stored: %s" % key)
    # Interrupted: the facts go on.
    waiting = subprocess.Popen([lab.program("duetctl"), "-c", s1.yaml, "key", "create", ZONE], env=dict(os.environ, **s1.env()),
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    wait_until(lambda: "waiting for" in waiting.stdout.readline(), 10, "it waits")
    waiting.send_signal(signal.SIGINT)
    waiting.communicate()
    cluster.vault.start()
    cluster.wait_signed(ZONE)
    after = json.loads(s1.ctl("--json", "key", "list", ZONE).stdout)["keys"]
    if [k["hash"] for k in after] != [key["hash"]] or not after[0]["distributed"]:
        raise Failed(after)


@limit(180)
def test_drills(lab):
    """signer1 falls silent; Knot, which asks both, follows signer2; NSD, which asks signer1 alone, keeps its version."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    s1, s2 = cluster.signer1, cluster.signer2
    nsd = NSD(lab, "nsd", [ZONE], [s1.addr])
    knot = Knot(lab, "knot", [ZONE], [s1.addr, s2.addr])
    cluster.add_secondary(nsd, of=[s1])
    cluster.add_secondary(knot, of=[s1, s2])
    cluster.write_confs()
    cluster.start()
    cluster.add_zone(ZONE, small_zone(ZONE))
    p = expect(s2.ctl("drill", "readiness", check=False), 0, "readiness of a zone that nobody serves yet")
    s2.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    for s in (nsd, knot):
        s.start()
        wait_until(lambda server=s: server.signed(ZONE), 30, "%s serves the signed zone" % s.name)
    wait_until(lambda: s1.serial(ZONE) == s2.serial(ZONE), 30, "the signers agree")
    wait_until(lambda: s2.ctl("drill", "readiness", "--node", "signer1", check=False).returncode == 0, 30, "ready")
    text = s2.ctl("drill", "readiness", "--node", "signer1").stdout
    if not re.search(r"warning\s+secondaries\s+%s#\d+ asks signer1 alone: .*SOA expires \(7d 0h\)" % re.escape(nsd.addr), text):
        raise Failed(text)

    # From the other host, and from its own.
    for host in (s2, s1):
        old = nsd.serial(ZONE)
        p = host.ctl("--json", "drill", "failover", "--node", "signer1", "--timeout", "50s", check=False, timeout=90)
        report = json.loads(p.stdout)
        zone = report["zones"][0]
        if p.returncode != 0 or not report["ok"] or zone["taken_over_by"] != "signer2":
            raise Failed(p.stdout + p.stderr)
        seconds = {s["address"].split("#")[0]: s for s in zone["secondaries"]}
        if list(seconds) != [knot.addr] or not seconds[knot.addr]["ok"] or zone["left_out"][0].split("#")[0] != nsd.addr:
            raise Failed(p.stdout)
        if knot.serial(ZONE) < zone["serial"] or zone["serial"] <= old:
            raise Failed("serials: %s, %s, %s" % (old, knot.serial(ZONE), zone["serial"]))
        # undone: signer1 serves again, NSD follows
        wait_until(lambda: s1.serial(ZONE) is not None, 10, "signer1 answers again")

    # Interrupted at once, the silence still ends by itself.
    drill = subprocess.Popen([lab.program("duetctl"), "-c", s2.yaml, "drill", "failover", "--node", "signer1", "--timeout", "6s"],
                             env=dict(os.environ, **s2.env()), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    s1.signer.wait_event("event=drained on=yes", 10)
    drill.kill()
    drill.wait()
    wait_until(lambda: s1.serial(ZONE) is not None, 20, "signer1 answers again by itself")

    # --kill is for its own host; there the process goes, and whoever watches it starts it again.
    p = expect(s2.ctl("drill", "failover", "--node", "signer1", "--kill", check=False), 1, "--kill from afar")
    if "own host only" not in p.stderr or not s1.signer.running():
        raise Failed(p.stderr)
    s1.signer.expect_failure = True
    drill = subprocess.Popen([lab.program("duetctl"), "-c", s1.yaml, "--json", "drill", "failover", "--node", "signer1", "--kill"],
                             env=dict(os.environ, **s1.env()), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: not s1.signer.running(), 10, "signer1's signer is killed")
    s1.start("signer")
    out, err = drill.communicate(timeout=100)
    if drill.returncode != 0 or not json.loads(out)["ok"]:
        raise Failed(out + err)


@limit(60)
def test_readiness_of_a_lonely_signer(lab):
    """With the other signer stopped, readiness fails and exits 1."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    cluster.start()
    cluster.add_zone(ZONE, small_zone(ZONE))
    cluster.signer1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    cluster.signer2.stop()
    readiness = lambda: cluster.signer1.ctl("drill", "readiness", "--node", "signer1", check=False)
    wait_until(lambda: "no other signer that is heard" in readiness().stdout, 30, "signer2 is not heard")
    p = expect(readiness(), 1, "readiness")
    if "must not die now" not in p.stdout:
        raise Failed(p.stdout)


@limit(120)
def test_a_signer_that_nobody_answers_waits_for_the_operator(lab):
    """After a start without the others: the last version is served, no new one is made until zone resume --alone."""
    cluster = Cluster(lab, signers=2, backups=1, conf={"*": {"node": {"clock": "trust"}}}).init()
    cluster.start()
    s1 = cluster.signer1
    cluster.add_zone(ZONE, small_zone(ZONE))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    wait_until(lambda: s1.serial(ZONE) == cluster.signer2.serial(ZONE), 30, "the signers agree")
    for host in cluster.hosts.values():
        host.stop()
    s1.start()
    old = wait_until(lambda: s1.serial(ZONE), 20, "the last version is served")
    s1.put_zone(ZONE + ".zone", small_zone(ZONE, more="more TXT \"text\"\n"))
    wait_until(lambda: "not yet compared" in s1.ctl("zone", "status", ZONE).stdout, 20, "it says what it waits for")
    if s1.serial(ZONE) != old:
        raise Failed("a new version without comparison: %s after %s" % (s1.serial(ZONE), old))
    expect(s1.ctl("zone", "resume", ZONE, "--alone", check=False), 0, "resume --alone")
    wait_until(lambda: s1.serial(ZONE) != old, 20, "the change is published")


@limit(90)
def test_reload_is_all_or_nothing(lab):
    """A file with a mistake changes nothing and every mistake is said; SIGHUP and duetctl reload take a right one."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    cluster.start()
    s1 = cluster.signer1
    cluster.add_zone(ZONE, small_zone(ZONE))
    s1.ctl("key", "create", ZONE)
    cluster.wait_signed(ZONE)
    good = open(s1.yaml).read()
    knot = Knot(lab, "knot", [ZONE], [s1.addr])

    def secondaries():
        return [s["address"].split("#")[0] for s in json.loads(s1.ctl("--json", "zone", "status", ZONE).stdout)["secondaries"]]

    lab.write(s1.yaml, good.replace("listen:", "listens:").replace('role: "backup"', 'role: "king"'))
    p = expect(run(["curl", "-s", "--unix-socket", s1.conf["signer"]["socket"], "-X", "POST", "http://duet/v1/reload"]), 0, "reload")
    if json.loads(p.stdout)["error"] != "syntax":
        raise Failed(p.stdout)
    for word in ("signer.listens:", "peers[1].role:"):
        if not any(word in row and "event=config-wrong" in row for row in open(s1.signer.log)):
            raise Failed("not in the log: %s\n%s" % (word, s1.signer.tail()))
    marks = [(d, d.mark()) for d in (s1.signer, s1.keydist)]
    for d, _ in marks:
        d.popen.send_signal(signal.SIGHUP)
    for d, mark in marks:
        d.wait_event("event=config-wrong", 10, mark)
    lab.write(s1.yaml, good)
    if not s1.signed(ZONE) or secondaries():
        raise Failed("the wrong configuration was taken")
    cluster.add_secondary(knot, of=[s1])
    cluster.write_confs()
    expect(s1.ctl("reload", check=False), 0, "reload")
    wait_until(lambda: secondaries() == [knot.addr], 10, "the new secondary is known")
    s1.conf["signer"]["secondaries"] = []
    cluster.write_confs()
    s1.signer.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: secondaries() == [], 10, "SIGHUP is a reload")


def test_daemons_check_and_print_their_configuration(lab):
    """--check names every mistake and exits 1; --print-config prints a file that reads the same; a missing section is said."""
    cluster = Cluster(lab, signers=1, backups=1).init()
    s1, vault = cluster.signer1, cluster.vault
    for host, programs in ((s1, ("duet-signer", "duet-keydist")), (vault, ("duet-backupd",))):
        for program in programs:
            argv = [lab.program(program), "-c", host.yaml]
            expect(run(argv + ["--check"], check=False), 0, program)
            first = expect(run(argv + ["--print-config"], check=False), 0, program).stdout
            again = lab.write("again.yaml", first)
            if run([lab.program(program), "-c", again, "--print-config"]).stdout != first or "clock:" not in first:
                raise Failed(first)
            expect(run(argv + ["--nonsense"], check=False), 2, program)
            expect(run([lab.program(program), "--help"], check=False), 0, program)
    p = expect(run([lab.program("duet-backupd"), "-c", s1.yaml, "--check"], check=False), 1, "no section")
    if "backupd: this section must be there" not in p.stderr:
        raise Failed(p.stderr)
    wrong = lab.write("wrong.yaml", "node: {name: '?'}\nsigner: {listen: [x], max-tcp: -1}\n")
    p = expect(run([lab.program("duet-signer"), "-c", wrong, "--check"], check=False), 1, "mistakes")
    if len(re.findall(r"^\S+wrong\.yaml:\d+: \S+: ", p.stderr, re.M)) != 4:
        raise Failed(p.stderr)


@limit(120)
def test_many_zones_from_a_file(lab):
    """Zones and keys by the list: all are distributed and served signed; what is wrong in the list is said before or beside."""
    cluster = Cluster(lab, signers=2, backups=1).init()
    cluster.start()
    s1, s2 = cluster.signer1, cluster.signer2
    names = ["z%d.example" % i for i in range(300)]
    for name in names[:5]:
        cluster.put_zone(name + ".zone", small_zone(name, n=3))
    lab.write("bad.txt", "a.example\nb..example\n")
    p = expect(s1.ctl("zone", "add", "--from", lab.path("bad.txt"), check=False), 1, "bad list")
    if "bad.txt:2:" not in p.stderr or "a.example" in s1.ctl("zone", "list").stdout:
        raise Failed("a bad list: %s" % p)
    lab.write("zones.txt", "# all of them\n\n" + "\n".join(names) + "\nodd.example ftp:x\n")
    p = expect(s1.ctl("zone", "add", "--from", lab.path("zones.txt"), "--key", "--json", check=False), 1, "add --from")
    got = json.loads(p.stdout)
    if (got["added"], got["keys_made"], len(got["refused"])) != (300, 300, 2) or not got["distributed"]:
        raise Failed("add --from: %s" % p.stdout)
    again = json.loads(s2.ctl("key", "create", "--all", "--json").stdout)
    if again["keys_made"] != 0:
        raise Failed("a second key for a zone: %s" % again)
    for name in names[:5]:
        cluster.wait_signed(name)
    listed = json.loads(s2.ctl("zone", "list", "--json").stdout)["zones"]
    if len(listed) != 300 or any(z["keys"] != 1 for z in listed):
        raise Failed("%d zones, keys %s" % (len(listed), {z["keys"] for z in listed}))
    expect(s1.ctl("zone", "add", "x.example", "--from", "zones.txt", check=False), 2, "ZONE and --from")
    lab.write("keyless.txt", "".join("k%d.example\n" % i for i in range(200)))     # whose plans are put off, once
    mark = s1.signer.mark()
    s1.ctl("zone", "add", "--from", lab.path("keyless.txt"))
    wait_until(lambda: s1.signer.count("event=plan state=held", mark) >= 200, 30, "the signer has all without a key")
