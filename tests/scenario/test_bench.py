# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark runs; its figures are for people."""

import json
import os

from duetlab import ROOT, Failed, run


def test_bench(lab):
    out = lab.path("figures.json")
    run([os.path.join(ROOT, "tests", "bench", "run"), "--programs", lab.release, "-n", "500", "--json", out],
        timeout=100, env={"DUET_LAB_DIR": lab.folder("bench")})
    with open(out, encoding="ascii") as f:
        figures = json.load(f)
    if len(figures) < 9:
        raise Failed("only these figures: %s" % sorted(figures))
