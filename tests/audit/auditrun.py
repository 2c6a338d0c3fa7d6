# SPDX-License-Identifier: BSD-3-Clause
"""Runs duet-audit over a case of faults.py, and says what it found."""

import json
import os
import subprocess


class Result:
    def __init__(self, code, found, stderr, out):
        self.code, self.found, self.stderr, self.out = code, found, stderr, out     # found: {row: severity}


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def audit(program, zone, operands, options=(), timeout=120):
    """Operands that end with .wire are streams, given as descriptors."""
    opened = {x: open(x, "rb") for x in operands if x.endswith(".wire")}
    fds = [f.fileno() for f in opened.values()]
    operands = ["fd:%d" % opened[x].fileno() if x in opened else x for x in operands]
    try:
        p = subprocess.run([program, "--zone", zone, "--json"] + list(options) + operands, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False, pass_fds=fds)
    finally:
        for f in opened.values():
            f.close()
    out = json.loads(p.stdout) if p.stdout else {}
    found = {f["row"]: f["severity"] for f in out.get("findings", [])}
    return Result(p.returncode, found, p.stderr.decode("utf-8", "replace"), out)


def files(case, folder):
    """(input, signed) of a case."""
    return (write(folder, "input.zone", case.z.input_text() if case.input_text is None else case.input_text),
            write(folder, "signed.zone", case.z.text() if case.text is None else case.text))


def run_case(program, case, folder):
    """A case through the auditor, after the versions before it."""
    options = ["--time", str(case.at), "--threads", "1"]
    if case.plan is not None:
        options += ["--plan", write(folder, "plan.json", json.dumps(case.plan))]
    if case.policy is not None:
        options += ["--policy", write(folder, "policy.yaml", case.policy)]
    if case.before or case.remembers:
        state = os.path.join(folder, "state")
        for f in (os.listdir(state) if os.path.isdir(state) else ()):
            os.unlink(os.path.join(state, f))
        os.makedirs(state, exist_ok=True)
        for old, ago in case.before:
            before = write(folder, "before.zone", old.text())
            # A step that is wrong in itself (a key that appears) was somebody's decision: a plan says so.
            plan = write(folder, "before.json", json.dumps(
                {"dnskey": [r.to_text() for r in old.get(old.origin, 48)]}))
            r = audit(program, "example", [before], ["--state", state, "--remember", "--plan", plan, "--time",
                                                     str(case.now - ago), "--threads", "1"])
            if r.code != 0:
                raise AssertionError("the version before: %d %s %s" % (r.code, r.found, r.stderr))
        options += ["--state", state]
    if case.ours is not None:
        return audit(program, "example", [write(folder, "ours.zone", case.ours.text())],
                     options + ["--cross", files(case, folder)[1]])
    return audit(program, "example", files(case, folder), options)
