# SPDX-License-Identifier: BSD-3-Clause
"""The example configurations are read by the programs that they are for."""

import os
import re

from duetlab import ROOT, Failed, find_program, run

EXAMPLES = os.path.join(ROOT, "deploy", "examples")
SERVER = {"nsd": "server:\n    ip-address: 127.0.0.1\n", "knot": "server:\n    listen: 127.0.0.1@53\n", "named": ""}
CHECK = {"nsd": ["nsd-checkconf"], "knot": ["knotc", "-c"], "named": ["named-checkconf"]}


def test_secondaries(lab):
    seen = 0
    for name in sorted(os.listdir(EXAMPLES)):
        kind = name.split("-")[0]
        if kind not in CHECK:
            continue
        with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
            path = lab.write(name, SERVER[kind] + f.read())
        argv = [find_program(CHECK[kind][0])] + CHECK[kind][1:] + [path] + (["conf-check"] if kind == "knot" else [])
        run(argv)
        seen += 1
    if seen != 6:
        raise Failed("%d examples of secondaries" % seen)


def test_hosts(lab):
    """signer1, signer2 and vault, with real identities in place of the dots."""
    names = ("signer1", "signer2", "vault")
    out = run([lab.program("duetctl"), "recovery", "init", "--out", lab.path("recovery.key")]).stdout
    recovery = re.search(r"\bduetR1\S+", out).group(0)
    lines = {}
    for name in names:
        out = run([lab.program("duetctl"), "node", "init", "--dir", lab.folder(name)]).stdout
        lines[name] = re.search(r"\bduet1\S+", out).group(0)
    for name in names:
        with open(os.path.join(EXAMPLES, name + ".yaml"), encoding="utf-8") as f:
            text = f.read().replace("duetR1...", recovery)
        peers = [n for n in names if n != name]
        for peer in peers:
            text = text.replace("duet1...", lines[peer], 1)
        path = lab.write(name + ".yaml", text)
        for program in ("duet-backupd",) if name == "vault" else ("duet-keydist", "duet-signer"):
            run([lab.program(program), "-c", path, "--check"])
