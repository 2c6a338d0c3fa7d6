# SPDX-License-Identifier: BSD-3-Clause
"""Every section of the benchmark runs, on small zones; its figures are for people."""

import json
import os

from duetlab import ROOT, Failed, run


def smoke(lab, section, least_rows):
    out = lab.path("figures.json")
    run([os.path.join(ROOT, "tests", "bench", "run"), "--programs", lab.release, "--smoke", "--only", section,
         "--json", out], timeout=100, env={"DUET_LAB_DIR": lab.folder("bench")})
    with open(out, encoding="utf-8") as f:
        rows = sum(len(t["rows"]) for t in json.load(f))
    if rows < least_rows:
        raise Failed("section %s has only %d rows" % (section, rows))


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
