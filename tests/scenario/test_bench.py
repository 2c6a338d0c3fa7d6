# SPDX-License-Identifier: BSD-3-Clause
"""Every section of the benchmark runs, on small zones; its figures are for people."""

import json
import os

from duetlab import ROOT, Failed, run


def smoke(lab, section, least_rows):
    """The section, and the document that is made of its figures."""
    out, docs = lab.path("results.json"), lab.path("benchmarks.md")
    run([os.path.join(ROOT, "tests", "bench", "run"), "--programs", lab.release, "--smoke", "--only", section,
         "--results", out, "--docs", docs], timeout=100, env={"DUET_LAB_DIR": lab.folder("bench")})
    with open(out, encoding="utf-8") as f:
        tables = [t for sizes in json.load(f)["parts"].values() for got in sizes.values() for t in got["tables"]]
    rows = sum(len(t["rows"]) for t in tables)
    if rows < least_rows:
        raise Failed("section %s has only %d rows" % (section, rows))
    with open(docs, encoding="utf-8") as f:
        text = f.read()
    for t in tables:
        if "## " + t["title"] not in text:
            raise Failed("the document lacks " + t["title"])
        for figure in t["figures"]:
            if not figure["runs"] or min(figure["runs"]) <= 0:
                raise Failed("%s: nothing was measured" % figure["name"])
    promised(text, PROMISED[section])


def promised(text, count):
    """So many of the promises have a figure."""
    rows = [line for line in text.split("## When and on what")[0].splitlines() if "names: " in line]
    if len(rows) < count:
        raise Failed("%d promises have a figure, of %d" % (len(rows), count))


# The two that need ten million names, and nothing else, stay without one.
PROMISED = {"serve": 3, "parse": 3, "sign": 13, "change": 5, "axfr": 5, "farm": 5, "scale": 1, "audit": 4}


def test_bench_serve(lab):
    smoke(lab, "serve", 6)


def test_bench_parse(lab):
    smoke(lab, "parse", 7)


def test_bench_sign(lab):
    smoke(lab, "sign", 28)


def test_bench_change(lab):
    smoke(lab, "change", 6)


def test_bench_axfr(lab):
    smoke(lab, "axfr", 11)


def test_bench_farm(lab):
    smoke(lab, "farm", 8)


def test_bench_scale(lab):
    smoke(lab, "scale", 14)


def test_bench_audit(lab):
    smoke(lab, "audit", 12)
