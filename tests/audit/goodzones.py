# SPDX-License-Identifier: BSD-3-Clause
"""Good zones made by six signers: Duet, ldns-signzone, dnssec-signzone, kzonesign, named (inline signing) and PowerDNS.

make(signer, folder, kind, denial, algorithm, csk) gives a Good, or None where the signer refuses the zone or cannot do what
is asked."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "scenario"))

import dns.message                          # noqa: E402
import dns.name                             # noqa: E402
import dns.rdatatype                        # noqa: E402

import basezones                            # noqa: E402
import zonegen                              # noqa: E402

SIGNERS = ("duet", "ldns", "bind", "knot", "named", "pdns")
DENIALS = ("nsec", "nsec3", "optout")


def types_zone():
    with open(os.path.join(HERE, "..", "data", "types.zone"), encoding="utf-8") as f:
        return f.read()


def only_delegations(origin="tlds.example."):
    """Nothing but insecure delegations: with opt-out one NSEC3 in all, or few."""
    return zonegen.head(origin, 3600, 900) + "".join("d%d NS ns.d%d\nns.d%d A 192.0.2.%d\n" % (i, i, i, i) for i in range(50))


KINDS = {"base": ("example.", lambda: basezones.TEXT), "tld": ("tld.", lambda: zonegen.tld(n=120)),
         "host": ("hosts.example.", lambda: zonegen.host(n=120)), "deep": ("deep.example.", zonegen.deep),
         "large": ("large.example.", zonegen.large), "octets": ("octets.example.", zonegen.octets),
         "tiny": ("one.example.", zonegen.tiny), "root": (".", zonegen.root), "types": ("types.example.", types_zone),
         "delegations": ("tlds.example.", only_delegations)}
SECURE_KINDS = tuple(KINDS)


class Good:
    """A signed zone: operands and options of duet-audit.  stop() ends the server where there is one."""

    def __init__(self, origin, operands, options=(), process=None):
        self.origin, self.operands, self.options, self.process = origin, operands, list(options), process

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def run(argv, **kw):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          timeout=60, **kw)


def bind_keys(folder, origin, algorithm, csk):
    """BIND key pairs; paths without suffix."""
    bits = ["-b", "2048"] if algorithm in (8, 10) else []
    for flags in ([["-f", "KSK"]] if csk else [["-f", "KSK"], []]):
        run(["dnssec-keygen", "-q", "-K", folder, "-a", str(algorithm)] + bits + flags + [origin])
    return [os.path.join(folder, n[:-4]) for n in sorted(os.listdir(folder)) if n.endswith(".key")]


def sign_duet(p, programs):
    bind_keys(p.folder, p.origin, p.algorithm, p.csk)
    denial = {"nsec": [], "nsec3": ["--nsec3"], "optout": ["--opt-out"]}[p.denial]
    return run([os.path.join(programs, "duet-sign"), "--zone", p.origin, "--keys", p.folder, "--quiet"] + denial +
               ["--out", p.out, p.source])


def sign_ldns(p, _programs):
    if p.origin == "octets.example.":       # it writes a quote in a label so that nobody can read it, ldns neither
        return None
    keys = bind_keys(p.folder, p.origin, p.algorithm, p.csk)
    denial = {"nsec": [], "nsec3": ["-n"], "optout": ["-n", "-p"]}[p.denial]
    return run(["ldns-signzone", "-o", p.origin, "-f", p.out] + denial + [p.source] + keys)


def sign_bind(p, _programs):
    bind_keys(p.folder, p.origin, p.algorithm, p.csk)
    denial = {"nsec": [], "nsec3": ["-3", "-"], "optout": ["-3", "-", "-A"]}[p.denial]
    return run(["dnssec-signzone", "-S", "-K", p.folder, "-d", p.folder, "-o", p.origin, "-f", p.out] +
               (["-z"] if p.csk else []) + denial + [p.source])


ALGORITHM_NAMES = {8: "rsasha256", 10: "rsasha512", 13: "ecdsap256sha256", 14: "ecdsap384sha384", 15: "ed25519", 16: "ed448"}


def sign_knot(p, _programs):
    name = p.origin.rstrip(".") or "."
    text = ["server:", "  rundir: " + p.folder, "database:", "  storage: %s/db" % p.folder, "  kasp-db-max-size: 16M",
            "  journal-db-max-size: 16M", "  timer-db-max-size: 4M",
            "policy:", "  - id: p", "    algorithm: " + ALGORITHM_NAMES[p.algorithm],
            "    single-type-signing: " + ("on" if p.csk else "off"),
            "    nsec3: " + ("off" if p.denial == "nsec" else "on"),
            "    nsec3-opt-out: " + ("on" if p.denial == "optout" else "off"), "    nsec3-iterations: 0",
            "    nsec3-salt-length: 0", "    rrsig-lifetime: 20d",
            "zone:", "  - domain: \"%s\"" % name, "    file: " + p.source, "    storage: " + p.folder,
            "    dnssec-signing: on", "    dnssec-policy: p"]
    conf = os.path.join(p.folder, "knot.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write("\n".join(text) + "\n")
    out = os.path.join(p.folder, "out")
    os.makedirs(out)
    os.makedirs(os.path.join(p.folder, "db"))
    for flags in (["ksk=yes", "zsk=yes"],) if p.csk else (["ksk=yes", "zsk=no"], ["ksk=no", "zsk=yes"]):
        run(["keymgr", "-c", conf, name, "generate", "algorithm=" + ALGORITHM_NAMES[p.algorithm]] + flags)
    result = run(["kzonesign", "-c", conf, "-o", out, name])
    for n in os.listdir(out):
        shutil.move(os.path.join(out, n), p.out)
    return result


def wait_for(fn, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fn():
            return True
        time.sleep(0.05)
    return False


def answers_signed(addr, port, origin):
    """Signed, and with a denial record at the end of the transfer, so that signing is done."""
    out = run(["kdig", "@" + addr, "-p", str(port), "+tcp", "+dnssec", "+retry=0", "+time=1", origin, "SOA"]).stdout
    return b"RRSIG" in out


def serve_named(p, _programs):
    conf = ["options { directory \"%s\"; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none;" %
            (p.folder, p.port), "session-keyfile none; allow-transfer { any; }; recursion no; notify no; dnssec-validation no;",
            "check-names primary ignore; check-mx ignore; check-srv-cname ignore; check-mx-cname ignore; check-sibling no; };",
            "controls { };", "dnssec-policy p { keys { %s }; %s};" %
            ("csk lifetime unlimited algorithm %d;" % p.algorithm if p.csk else
             "ksk lifetime unlimited algorithm %d; zsk lifetime unlimited algorithm %d;" % (p.algorithm, p.algorithm),
             "" if p.denial == "nsec" else "nsec3param iterations 0 optout %s salt-length 0; " %
             ("yes" if p.denial == "optout" else "no")),
            "zone \"%s\" { type primary; file \"%s\"; dnssec-policy p; inline-signing yes; zone-statistics none; };" %
            (p.origin, p.source)]
    path = os.path.join(p.folder, "named.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(conf) + "\n")
    exe = shutil.copy2(shutil.which("named") or "/usr/sbin/named", p.folder)
    with open(os.path.join(p.folder, "named.log"), "wb") as log:
        return subprocess.Popen([exe, "-g", "-n", "1", "-c", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def serve_pdns(p, _programs):
    name = p.origin.rstrip(".") or "."
    path = os.path.join(p.folder, "pdns.conf")
    with open(os.path.join(p.folder, "named.conf"), "w", encoding="utf-8") as f:
        f.write("zone \"%s\" { type master; file \"%s\"; };\n" % (name, p.source))
    with open(path, "w", encoding="utf-8") as f:
        f.write("launch=bind\nbind-config=%s/named.conf\nbind-dnssec-db=%s/dnssec.db\nlocal-address=127.0.0.1\nlocal-port=%d\n"
                "socket-dir=%s\ndaemon=no\nguardian=no\nallow-axfr-ips=127.0.0.0/8\nsetuid=\nsetgid=\nwebserver=no\n"
                "consistent-backends=yes\n" % (p.folder, p.folder, p.port, p.folder))
    tool = ["pdnsutil", "--config-dir=" + p.folder]
    run(tool + ["create-bind-db", p.folder + "/dnssec.db"])
    for argv in ([["add-zone-key", name, "ksk", "active", "published", ALGORITHM_NAMES[p.algorithm]]] if p.csk else
                 [["add-zone-key", name, "ksk", "active", "published", ALGORITHM_NAMES[p.algorithm]],
                  ["add-zone-key", name, "zsk", "active", "published", ALGORITHM_NAMES[p.algorithm]]]):
        if argv[5 - 0] in ("rsasha256", "rsasha512"):
            argv = argv[:3] + ["2048"] + argv[3:]
        run(tool + argv)
    if p.denial != "nsec":
        run(tool + ["set-nsec3", name, "1 %d 0 -" % (p.denial == "optout")])
    run(tool + ["rectify-zone", name])
    with open(os.path.join(p.folder, "pdns.log"), "wb") as log:
        return subprocess.Popen(["/usr/sbin/pdns_server", "--config-dir=" + p.folder], stdin=subprocess.DEVNULL, stdout=log,
                                stderr=log)


SIGN = {"duet": sign_duet, "ldns": sign_ldns, "bind": sign_bind, "knot": sign_knot}
SERVE = {"named": serve_named, "pdns": serve_pdns}


class Params:
    pass


def transfers(p, wanted):
    """Whether the server gives the zone with its denial; named says by a record of its own when all is signed."""
    out = run(["kdig", "@127.0.0.1", "-p", str(p.port), "+tcp", "+retry=0", "+time=2", p.origin, "AXFR"]).stdout
    done = all(x.endswith(b"01") for x in re.findall(br"TYPE65534\s+\\# 5 (\w+)", out))
    return done and re.search(wanted, out) is not None


def wire_of(path, origin, folder, port, name, transfer_format="many-answers"):
    """The zone of a file as the stream of an AXFR, made by named; the path."""
    sub = os.path.join(folder, "wire-" + name)
    os.makedirs(sub)
    conf = os.path.join(sub, "named.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write("options { directory \"%s\"; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none; "
                "session-keyfile none; allow-transfer { any; }; recursion no; notify no; check-names primary ignore; "
                "check-mx ignore; check-srv-cname ignore; check-mx-cname ignore; check-sibling no; "
                "transfer-format %s; };\ncontrols { };\nzone \"%s\" { type primary; file \"%s\"; };\n" % (sub, port, transfer_format, origin, path))
    exe = shutil.copy2(shutil.which("named") or "/usr/sbin/named", sub)
    with open(os.path.join(sub, "log"), "wb") as log:
        good = Good(origin, [], (), subprocess.Popen([exe, "-g", "-n", "1", "-c", conf], stdin=subprocess.DEVNULL, stdout=log,
                                                     stderr=log))
    out = os.path.join(folder, name + ".wire")
    try:
        if not wait_for(lambda: b"SOA" in run(["kdig", "@127.0.0.1", "-p", str(port), "+tcp", "+retry=0", "+time=1", origin,
                                               "SOA"]).stdout.split(b"ANSWER SECTION")[-1]):
            return None
        save_stream(port, origin, out)
    finally:
        good.stop()
    return out


def save_stream(port, origin, path):
    """Asks 127.0.0.1 for the zone and keeps the messages as they come, until the closing SOA."""
    name = dns.name.from_text(origin)
    query = dns.message.make_query(name, "AXFR", use_edns=False).to_wire()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s, open(path, "wb") as out:
        s.sendall(len(query).to_bytes(2, "big") + query)
        stream, soas = s.makefile("rb"), 0
        while soas < 2:
            head = stream.read(2)
            message = stream.read(int.from_bytes(head, "big"))
            out.write(head + message)
            parsed = dns.message.from_wire(message, xfr=True, one_rr_per_rrset=True, origin=name)
            soas += sum(1 for r in parsed.answer if r.rdtype == dns.rdatatype.SOA)


def make(signer, folder, kind, denial, algorithm=13, csk=False, programs="build/bin", port=5399):
    """A Good, or None."""
    p = Params()
    p.origin, text = KINDS[kind][0], KINDS[kind][1]()
    p.folder, p.denial, p.algorithm, p.csk, p.port = folder, denial, algorithm, csk, port
    p.source, p.out = os.path.join(folder, "source.zone"), os.path.join(folder, "signed.zone")
    with open(p.source, "w", encoding="utf-8") as f:
        f.write(text)
    if signer in SIGN:
        SIGN[signer](p, programs)
        if not os.path.exists(p.out) or os.path.getsize(p.out) == 0:
            return None
        if kind != "types":
            return Good(p.origin, [p.source, p.out])
        # ldns does not know the text of all types; on the wire it does not need to.
        streams = [wire_of(p.source, p.origin, folder, port, "source"), wire_of(p.out, p.origin, folder, port, "signed")]
        return Good(p.origin, streams) if None not in streams else None
    source = p.source if kind != "types" else wire_of(p.source, p.origin, folder, port, "source")
    good = Good(p.origin, [source], ["--server", "127.0.0.1#%d" % port], SERVE[signer](p, programs))
    if not wait_for(lambda: good.process.poll() is not None or answers_signed("127.0.0.1", port, p.origin)) or \
            good.process.poll() is not None or \
            not wait_for(lambda: transfers(p, br"\sNSEC\s" if denial == "nsec" else br"\sNSEC3\s")):
        good.stop()
        return None
    return good
