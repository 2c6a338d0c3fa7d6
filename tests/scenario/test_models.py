# SPDX-License-Identifier: BSD-3-Clause
"""The models of tests/model, searched whole by spin; of each, twins that are broken on purpose, in which spin must find it."""

import glob
import os
import re

from duetlab import ROOT, Failed, find_program, run

MODELS = os.path.join(ROOT, "tests", "model")


def search(lab, model, defines, optimise="-O1"):
    """Builds and runs the verifier; (errors, states)."""
    folder = lab.folder("-".join([model] + defines).replace("=", ""))
    flags = ["-D" + d for d in defines]
    run([find_program("spin"), "-a"] + flags + [os.path.join(MODELS, model + ".pml")], cwd=folder)
    library = os.path.join(ROOT, "build", "libduet.a")
    run(["gcc", optimise, "-w", "-DSAFETY", "-I" + os.path.join(ROOT, "lib"), "-o", "pan", "pan.c", library], cwd=folder)
    out = run(["./pan", "-m100000"], cwd=folder, timeout=280).stdout
    found = re.search(r"errors: (\d+)", out)
    if not found or "max search depth too small" in out or "Search not completed" in out and found.group(1) == "0":
        raise Failed("%s %s: not searched whole:\n%s" % (model, defines, out[-2000:]))
    states = int(re.search(r"(\d+) states, stored", out).group(1))
    print("%s %s: %s errors, %d states" % (model, " ".join(defines), found.group(1), states))
    return int(found.group(1)), states


def whole(lab, model, defines, least_states):
    errors, states = search(lab, model, defines)
    if errors or states < least_states:
        raise Failed("%s %s: %d errors in %d states" % (model, defines, errors, states))


def twins(lab, model):
    """Every BROKEN=n that the model's text names."""
    with open(os.path.join(MODELS, model + ".pml"), encoding="ascii") as f:
        numbers = sorted(set(re.findall(r"BROKEN=(\d)", f.read())))
    if not numbers:
        raise Failed("%s names no broken twin" % model)
    for n in numbers:
        if search(lab, model, ["BROKEN=" + n], "-O0")[0] == 0:
            raise Failed("%s: spin finds nothing wrong with BROKEN=%s" % (model, n))


def test_every_model_is_searched(_lab):
    have = {os.path.basename(f)[:-4] for f in glob.glob(MODELS + "/*.pml")}
    if have != {"compete", "distribute", "join", "serial"}:
        raise Failed("models: %s" % sorted(have))


def test_model_distribute(lab):
    whole(lab, "distribute", [], 40000)
    twins(lab, "distribute")


def test_model_compete(lab):
    whole(lab, "compete", [], 20000)
    twins(lab, "compete")


def test_model_join(lab):
    whole(lab, "join", [], 2000000)
    twins(lab, "join")


def test_model_serial(lab):
    whole(lab, "serial", ["MOST=3"], 3000000)
    whole(lab, "serial", ["MOST=4", "AGES=0"], 300000)
    whole(lab, "serial", ["MOST=3", "AGES=2", "CHANGES=0"], 200000)
    twins(lab, "serial")
