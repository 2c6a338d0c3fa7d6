# SPDX-License-Identifier: BSD-3-Clause
"""Hosts in network namespaces of their own, on one bridge, with cuts between them (needs root, veth, nftables).

Nothing of it has a name outside the test's processes, so it is gone when they are, however they end."""

import ctypes
import os
import socket
import subprocess
import threading

from lab import MSG_PORT, Failed, Skip, die_with_parent, find_program

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PREFIX, HERE = "10.53.0", 254


def checked(rc, what):
    if rc != 0:
        raise OSError(ctypes.get_errno(), "%s: %s" % (what, os.strerror(ctypes.get_errno())))


def enter(fd):
    checked(LIBC.setns(fd, CLONE_NEWNET), "setns")


def leave_and_die_with_parent():
    die_with_parent()
    checked(LIBC.unshare(CLONE_NEWNET), "unshare")


class Net:
    """A bridge in a namespace that this process moves into; from then on lab.addr() gives addresses on it.  Everything that
    is started under the name of a host ("signer1/keydist" is signer1's) runs in that host's namespace."""

    def __init__(self, lab):
        try:
            checked(LIBC.unshare(CLONE_NEWNET), "unshare")
            self.run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
            self.run("ip", "link", "set", "br0", "up")
            self.run("ip", "link", "set", "lo", "up")
            self.run("nft", "add", "table", "inet", "try")
        except (OSError, subprocess.SubprocessError) as e:
            raise Skip("network namespaces cannot be made here: %s" % e) from None
        lab.prefix = PREFIX
        self.lab, self.addr = lab, {}
        self.here("%s.%d" % (PREFIX, HERE))

    @staticmethod
    def run(*argv, ns=None):
        p = subprocess.run([find_program(argv[0])] + list(argv[1:]), capture_output=True, text=True, check=False, timeout=30,
                           preexec_fn=None if ns is None else lambda: enter(ns))
        if p.returncode != 0:
            raise subprocess.SubprocessError("%s: %s" % (" ".join(argv), p.stderr.strip()))

    def here(self, addr):
        """One more address of this process's own namespace."""
        self.run("ip", "addr", "add", addr + "/24", "dev", "br0")
        return addr

    def host(self, name, addr):
        """The namespace of a host with this address."""
        n = len(self.addr)
        with subprocess.Popen([find_program("sleep"), "infinity"], preexec_fn=leave_and_die_with_parent) as holder:
            ns = os.open("/proc/%d/ns/net" % holder.pid, os.O_RDONLY | os.O_CLOEXEC)
            self.run("ip", "link", "add", "v%d" % n, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
            holder.kill()
        self.run("ip", "link", "set", "v%d" % n, "master", "br0", "up")
        for argv in (("link", "set", "lo", "up"), ("link", "set", "eth0", "up"), ("addr", "add", addr + "/24", "dev", "eth0")):
            self.run("ip", *argv, ns=ns)
        self.lab.namespaces[name], self.addr[name] = ns, addr

    def drop(self, at, rules):
        """nft rules in the namespace of a host, "in" or "out" before each."""
        ns = self.lab.namespaces[at]
        self.run("nft", "add", "table", "inet", "cut", ns=ns)
        for chain, hook in (("in", "input"), ("out", "output")):
            self.run("nft", "add", "chain", "inet", "cut", chain, "{ type filter hook %s priority 0; }" % hook, ns=ns)
        for rule in rules:
            self.run("nft", "add", "rule", "inet", "cut", *rule.split(), ns=ns)

    def cut(self, a, b):
        """Nothing passes between two hosts, either way."""
        self.drop(a, ["in ip saddr %s drop" % self.addr[b], "out ip daddr %s drop" % self.addr[b]])

    def deafen(self, a, b):
        """What b sends does not reach a; what a sends reaches b."""
        self.drop(a, ["in ip saddr %s drop" % self.addr[b]])

    def isolate(self, a):
        """Nobody but this process reaches a host, and it reaches nobody else."""
        me = "%s.%d" % (PREFIX, HERE)
        self.drop(a, ["in iif != lo ip saddr != %s drop" % me, "out oif != lo ip daddr != %s drop" % me])

    def heal(self):
        for ns in self.lab.namespaces.values():
            self.run("nft", "flush", "ruleset", ns=ns)

    def unreachable(self, a, b):
        """Fails when a host still gets through to another's port for its peers."""
        got = []

        def call():                 # a namespace is a thread's
            enter(self.lab.namespaces[a])
            try:
                socket.create_connection((self.addr[b], MSG_PORT), 1).close()
                got.append(True)
            except OSError:
                pass
        t = threading.Thread(target=call)
        t.start()
        t.join()
        if got:
            raise Failed("%s reaches %s" % (a, b))
