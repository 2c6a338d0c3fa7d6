#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""duetlab - the laboratory of the scenario tests and of the demo.

A Lab is one run: a folder, a /24 of loopback addresses of its own (127.A.B.0), processes that end with it.  Peers are
the name servers and resolvers of others (NSD, Knot, Bind, BindResolver, Unbound, KnotResolver), each a copy of the
program in its own folder, since AppArmor profiles go by path.  A Cluster is signers and backup hosts of Duet.

Nothing here waits for a number of seconds: wait_until and wait_event look until something is so, or a deadline passes.
docs/testing.md shows how a scenario is written."""

import importlib.util
import os
import signal
import sys
import traceback

from dnstools import *
from hosts import *
from lab import *
from peers import *


def main(argv):
    """duetlab.py FILE FUNCTION: runs one scenario; exit status 0, 1 or 77 (skipped)."""
    path, name = argv[1], argv[2]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.modules["duetlab"] = sys.modules["__main__"]
    spec = importlib.util.spec_from_file_location("scenario", path)
    module = importlib.util.module_from_spec(spec)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    lab = Lab(os.environ.get("DUET_LAB_DIR"))
    try:
        with lab:
            spec.loader.exec_module(module)
            getattr(module, name)(lab)
    except Skip as e:
        lab.remove()
        print("skipped: %s" % e)
        return SKIPPED
    except Exception:   # the report of a test is its traceback
        traceback.print_exc()
        if "DUET_LAB_DIR" not in os.environ:
            print("kept: " + lab.dir)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
