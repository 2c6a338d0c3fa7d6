# SPDX-License-Identifier: BSD-3-Clause
"""The runner and the lab must not call a failure a success."""

import os

from duetlab import ROOT, Failed, run

TESTS = '''
import os
from duetlab import *

def test_good(lab):
    lab.start("idle", [find_program("cat"), "/dev/zero"])

def test_bad(lab):
    raise Failed("as it should")

@limit(1)
def test_hangs(lab):
    lab.start("idle", [find_program("tail"), "-f", "/dev/null"])
    wait_until(lambda: False, 60)

@optional("shows what a skip is")
def test_optional(lab):
    raise Skip("no moon")

def test_required(lab):
    raise Skip("no sun")

def test_daemon_dies(lab):
    lab.programs = "/bin"
    p = lab.start("daemon", ["/bin/sh", "-c", "exit 3"])
    wait_until(lambda: not p.running(), 5)

def test_sanitizer(lab):
    p = lab.start("daemon", ["/bin/sh", "-c", "echo x.c:1: runtime error: shift"])
    wait_until(lambda: not p.running(), 5)
'''


def outcome(lab, patterns, ci):
    folder = lab.folder("tests")
    lab.write("tests/test_x.py", TESTS)
    p = run([os.path.join(ROOT, "tests", "run"), "--scenarios", folder] + patterns, check=False,
            env={"CI": ci, "TMPDIR": lab.dir, "DUET_LAB_DIR": ""})
    return p.stdout.strip().splitlines()[-1], p.returncode, p.stdout


def test_runner(lab):
    for patterns, ci, want, status in (
            (["test_good"], "true", "1 passed, 0 failed", 0),
            (["test_good", "test_bad"], "", "1 passed, 1 failed", 1),
            (["test_hangs"], "", "0 passed, 1 failed", 1),
            (["test_optional", "test_good"], "true", "1 passed, 0 failed", 0),
            (["test_required", "test_good"], "true", "1 passed, 1 failed", 1),
            (["test_required", "test_good"], "", "1 passed, 0 failed", 0),
            (["test_daemon_dies"], "", "0 passed, 1 failed", 1),
            (["test_sanitizer"], "", "0 passed, 1 failed", 1),
            (["no-such-test"], "", "0 passed, 0 failed", 1)):
        last, got, text = outcome(lab, patterns, ci)
        if last != want or got != status:
            raise Failed("%s, CI=%s: %s, status %d\n%s" % (patterns, ci, last, got, text))
