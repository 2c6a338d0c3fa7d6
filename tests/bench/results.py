# SPDX-License-Identifier: BSD-3-Clause
"""The file that runs add to: for each part of the benchmark and size of zone the latest figures, and what they were
measured with."""

import datetime
import fcntl
import json
import os
import platform
import re

from benchlib import ROOT
from duetlab import run

FORM = 1
PACKAGES = (("BIND", "bind9"), ("Knot", "knot"), ("NSD", "nsd"), ("ldns", "ldnsutils"), ("OpenSSL", "libssl3"),
            ("libsodium", "libsodium23"))


def version_of(package):
    out = run(["dpkg-query", "-W", "-f", "${Version}", package], check=False).stdout
    return out.split("-")[0].split(":")[-1] or "absent"


def commit():
    """What was measured, "+" behind it where files were changed since."""
    at = run(["git", "-C", ROOT, "rev-parse", "--short=10", "HEAD"], check=False).stdout.strip()
    changed = run(["git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no"], check=False).stdout
    # The document that the figures are for is no part of what they say.
    changed = [line for line in changed.splitlines() if not line.endswith("docs/benchmarks.md")]
    return (at or "unknown") + ("+" if changed else "")


def about():
    """What a reader must know to make sense of figures."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
    with open("/etc/os-release", encoding="utf-8") as f:
        system = re.search(r'^PRETTY_NAME="?([^"\n]*)', f.read(), re.M)
    return {"commit": commit(), "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "cpus": len(os.sched_getaffinity(0)), "processor": cpu.group(1) if cpu else "unknown processor",
            "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
            "system": "%s, Linux %s" % (system.group(1) if system else "unknown system", platform.release().split("-")[0]),
            "load": round(os.getloadavg()[0], 1), "versions": {name: version_of(package) for name, package in PACKAGES}}


def load(path):
    try:
        with open(path, encoding="utf-8") as f:
            got = json.load(f)
    except FileNotFoundError:
        return {"form": FORM, "parts": {}}
    if got.get("form") != FORM:
        raise SystemExit("bench: %s: another form of results; remove it" % path)
    return got


def figures(results):
    """All of them, the latest last."""
    by_date = sorted((got for sizes in results["parts"].values() for got in sizes.values()), key=lambda got: got["about"]["date"])
    return [f for got in by_date for t in got["tables"] for f in t["figures"]]


def add(path, part, names, said, tables):
    """Takes the place of what the file has of this part at this size.  Others may add at the same time."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        got = load(path)
        got["parts"].setdefault(part, {})[str(names)] = {"about": said, "tables": [
            {"title": t.title, "columns": t.columns, "rows": t.rows, "note": t.note, "figures": t.figures} for t in tables]}
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(got, f, indent=1, sort_keys=True)
            f.write("\n")
        os.rename(path + ".new", path)
