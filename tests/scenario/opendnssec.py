# SPDX-License-Identifier: BSD-3-Clause
"""OpenDNSSEC over SoftHSM: its enforcer and its signer, with folders of the lab in place of /etc/opendnssec and /run."""

import os
import re

from dnstools import axfr_text
from duetlab import ROOT, Skip, find_program, run, wait_until
from peers import Peer

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
TOKEN, PIN = "OpenDNSSEC", "1234"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
CONF = HEAD + """<Configuration>
<RepositoryList><Repository name="SoftHSM"><Module>%(module)s</Module><TokenLabel>%(token)s</TokenLabel><PIN>%(pin)s</PIN>
<SkipPublicKey/>%(extraction)s</Repository></RepositoryList>
<Common><Logging><Verbosity>3</Verbosity></Logging><PolicyFile>%(dir)s/etc/kasp.xml</PolicyFile>
<ZoneListFile>%(dir)s/etc/zonelist.xml</ZoneListFile></Common>
<Enforcer><Datastore><SQLite>%(dir)s/kasp.db</SQLite></Datastore><AutomaticKeyGenerationPeriod>P1D</AutomaticKeyGenerationPeriod>
<WorkingDirectory>%(dir)s/enforcer</WorkingDirectory></Enforcer>
<Signer><WorkingDirectory>%(dir)s/signer</WorkingDirectory><WorkerThreads>1</WorkerThreads><SignerThreads>1</SignerThreads>
<Listener><Interface><Address>%(addr)s</Address><Port>%(port)d</Port></Interface></Listener></Signer>
</Configuration>
"""
KEY = '<Algorithm length="%d">%d</Algorithm><Lifetime>P300D</Lifetime><Repository>SoftHSM</Repository>'
KASP = HEAD + """<KASP><Policy name="p"><Description>p</Description>
<Signatures><Resign>PT10M</Resign><Refresh>P1D</Refresh><Validity><Default>P14D</Default><Denial>P14D</Denial></Validity>
<Jitter>PT1M</Jitter><InceptionOffset>PT3600S</InceptionOffset><MaxZoneTTL>PT300S</MaxZoneTTL></Signatures>
<Denial><NSEC/></Denial>
<Keys><TTL>PT%(ttl)dS</TTL><RetireSafety>PT1S</RetireSafety><PublishSafety>PT1S</PublishSafety>
<KSK>%(key)s</KSK><ZSK>%(key)s</ZSK></Keys>
<Zone><PropagationDelay>PT1S</PropagationDelay><SOA><TTL>PT%(ttl)dS</TTL><Minimum>PT%(ttl)dS</Minimum><Serial>counter</Serial></SOA></Zone>
<Parent><PropagationDelay>PT1S</PropagationDelay><DS><TTL>PT5S</TTL></DS><SOA><TTL>PT5S</TTL><Minimum>PT5S</Minimum></SOA></Parent>
</Policy></KASP>
"""
ADAPTER = HEAD + """<Adapter><DNS><Outbound><ProvideTransfer><Peer><Prefix>127.0.0.0/8</Prefix></Peer></ProvideTransfer>
<Notify><Remote><Address>%s</Address><Port>5300</Port></Remote></Notify></Outbound></DNS></Adapter>
"""


class OpenDNSSEC(Peer):
    """Signs one zone of this text with a KSK and a ZSK in a SoftHSM token of its own, from which they may come or not."""

    def __init__(self, lab, zone, text, ttl=5, alg=(13, 256), extraction=True):
        super().__init__(lab, "ods")    # the paths of its sockets have to fit 107 octets
        self.zone, self.told, self.extraction = zone, lab.addr(), extraction
        for folder in "etc", "run/opendnssec", "tokens", "enforcer", "signer":
            os.makedirs(os.path.join(self.dir, folder))
        self.env = {"SOFTHSM2_CONF": self.put("softhsm2.conf", "directories.tokendir = %s/tokens\nobjectstore.backend = file\n"
                                              "log.level = ERROR\n" % self.dir)}
        self.put("etc/conf.xml", CONF % dict(module=MODULE, token=TOKEN, pin=PIN, dir=self.dir, addr=self.addr, port=self.port,
                                             extraction="<AllowExtraction/>" if extraction else ""))
        self.put("etc/kasp.xml", KASP % dict(key=KEY % (alg[1], alg[0]), ttl=ttl))
        self.put("etc/zonelist.xml", HEAD + "<ZoneList></ZoneList>\n")
        self.put("etc/addns.xml", ADAPTER % self.told)
        self.set_text(text)

    def put(self, name, text):
        return self.lab.write(os.path.join(self.dir, name), text)

    def set_text(self, text):
        """The zone as it is before it is signed."""
        self.put("zone", text)

    def tool(self, name, *args):
        return run([find_program(name), *args], env=self.env).stdout

    def enforcer(self, *args):
        return self.tool("ods-enforcer", "-s", self.dir + "/run/opendnssec/enforcer.sock", *args)

    def apart(self, program, *args):
        """A command line that has the lab's folders where the program looks for its own."""
        script = 'mount --bind "$1/run" /run && mount --bind "$1/etc" /etc/opendnssec && shift && exec "$@"'
        return [find_program("unshare"), "--mount", "--propagation", "private", "sh", "-c", script, "sh", self.dir,
                find_program(program), *args]

    def start(self, timeout=60):
        if run(self.apart("true"), check=False).returncode != 0:
            raise Skip("mount namespaces cannot be made here")
        self.tool("softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", PIN)
        run(self.apart("ods-enforcer-db-setup", "-f"), env=self.env)
        daemon = self.lab.start("ods-enforcerd", self.apart("ods-enforcerd", "-d", "-v"), env=self.env)
        wait_until(lambda: os.path.exists(self.dir + "/run/opendnssec/enforcer.sock"), timeout, "the enforcer listens")
        self.process = self.lab.start("ods-signerd", self.apart("ods-signerd", "-d", "-v"), env=self.env)
        wait_until(lambda: os.path.exists(self.dir + "/run/opendnssec/engine.sock"), timeout, "the signer listens")
        self.daemons = [daemon, self.process]
        self.enforcer("policy", "import")
        self.enforcer("zone", "add", "-z", self.zone, "-p", "p", "-j", "File", "-i", self.dir + "/zone", "-q", "DNS", "-o",
                      self.dir + "/etc/addns.xml")
        wait_until(lambda: self.signed(self.zone), timeout, "OpenDNSSEC signs", every=0.3)
        rows = [row for row in self.served().splitlines() if " DNSKEY 257 " in row]
        self.ds = run([find_program("dnssec-dsfromkey"), "-2", "-f", self.put("keyset", "\n".join(rows) + "\n"),
                       self.zone]).stdout.splitlines()
        return self

    def stop(self):
        for p in self.daemons:
            p.kill()

    def served(self):
        return axfr_text(self.addr, self.zone, self.port)

    def signed(self, zone):
        return " RRSIG SOA " in self.served()

    def sign_again(self):
        self.tool("nsenter", "--mount", "--root", "--target", str(self.process.popen.pid), "ods-signer", "sign", self.zone)

    def keys(self):
        """[(role, algorithm, CKA_ID)] of those in use."""
        rows = self.enforcer("key", "list", "-v").splitlines()
        return [(m.group(1).lower(), int(m.group(2)), m.group(3)) for row in rows for m in
                [re.match(re.escape(self.zone) + r"\s+(KSK|ZSK)\s.*\s(\d+)\s+([0-9a-f]{32})\s", row)] if m]

    def export(self, folder, *ids, check=True):
        """By deploy/pkcs11-export."""
        return run(["/usr/bin/python3", os.path.join(ROOT, "deploy", "pkcs11-export"),
                    "--token", TOKEN, "--pin-file", self.put("pin", PIN + "\n"), "--dir", folder, *ids], env=self.env, check=check)

    def anchors(self):
        """DS of its KSK."""
        return self.ds
