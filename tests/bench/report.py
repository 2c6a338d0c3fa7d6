# SPDX-License-Identifier: BSD-3-Clause
"""docs/benchmarks.md out of the results file."""

import os

from benchlib import Table, number
from goals import GOALS, Figures
from results import figures as figures_of

# limits.md has what the figures are limited by; it is written by hand, from profiles.
REPEAT = """## How to repeat it

    sh deploy/setup build test                the programs that are compared, of the distribution
    make bench                                100,000 names, three runs of each: about half an hour
    make bench BIG=1                          1,000,000 names, the slow peers once, and 10,000,000 names for Duet alone: hours
    make bench BIG=1 ONLY="axfr serve"        some parts; `tests/bench/run --list` names them
    make bench N=20000 ONLY=sign.nsec         any size
    make bench-docs                           writes this file from what was measured so far

Every part adds its figures to `build/bench-results.json`, in the place of those that it had for this size of zone, so the
parts may run one after another, at different times; how long they take is said from what they took the last time. A program of
others that hangs is left out. After the first interrupt nothing is repeated any more, and what was measured counts.

A machine that does nothing else, and no frequency scaling, is what makes figures worth keeping: the load before each part is in
the table above. Programs that are compared run in turn, `--runs` times each (`ARGS="--runs 5"`), and the median counts;
`ARGS=--best-only` leaves out all peers but the best. The zones are made by `zonegen` and the same for all: *delegations* are as in
a registry, *hosts* are of every type, in no order. What was signed and transferred is verified by two programs of others during
the run, at the size of 100,000 names or less; the run fails if one of them refuses it."""


def parts_of(results):
    for part in sorted(results["parts"]):
        for names in sorted(results["parts"][part], key=int):
            yield part, int(names), results["parts"][part][names]


def spread(goal, runs):
    if len(runs) < 2:
        return "one run"
    return "%s to %s, %d runs" % (number(min(runs)), number(max(runs)), len(runs))


def goal_row(goal, shown):
    names = format(goal.names, ",")
    if shown is None:
        return [goal.what, names, "%s %s" % (goal.bound(), goal.unit), "not measured", "-", "-", "-", "-"]
    reached = "yes" if goal.reached(shown) else "**no**"
    if shown.unsteady:
        reached += ", unsteady"
    if shown.names != goal.names:
        reached = "at %s names: %s" % (format(shown.names, ","), reached)
    return [goal.what, names, "%s %s" % (goal.bound(), goal.unit), "%s %s" % (number(shown.value), goal.unit),
            spread(goal, shown.runs), shown.beside or "-", "-" if shown.ratio is None else "%.2f x" % shown.ratio, reached]


def goals_table(measured):
    figures = Figures(figures_of(measured))
    table = Table("What is promised", ["what", "names", "bound", "measured", "spread", "beside it", "ratio", "reached"],
                  "Medians. `x`: a ratio. The ratio to a peer, `beside it`, is above 1 where Duet is better. `alone`: what the "
                  "signatures or verifications take when nothing else is done, measured in slices of the same seconds. `unsteady`: "
                  "those slices lay more than 10 % apart.")
    for goal in GOALS:
        table.add(*goal_row(goal, goal.of(figures)))
    return table


def when_table(results):
    table = Table("When and on what", ["part", "names", "date", "commit", "cores", "load before"])
    for part, names, got in parts_of(results):
        a = got["about"]
        table.add(part, format(names, ","), a["date"], a["commit"], str(a["cpus"]), "%.1f" % a["load"])
    return table


def machines(results):
    """One line for each machine and set of versions that figures come from."""
    lines = []
    for _, _, got in parts_of(results):
        a = got["about"]
        line = "%s, %d cores, %d GiB; %s; %s." % (a["processor"], a["cpus"], a["memory_gib"], a["system"],
                                          ", ".join("%s %s" % v for v in sorted(a["versions"].items())))
        if line not in lines:
            lines.append(line)
    return "\n\n".join(lines)


def limits():
    """What the figures are limited by, by profile, in words."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "limits.md"), encoding="utf-8") as f:
        return f.read()


def markdown(results):
    blocks = ["# Benchmarks\n\nMade by `make bench`, which runs Duet beside the programs that operators know, on one machine, over "
              "loopback.\n\n%s\n" % machines(results), goals_table(results).markdown(), limits(), when_table(results).markdown(), REPEAT + "\n"]
    for _, _, got in parts_of(results):
        for t in got["tables"]:
            table = Table(t["title"], t["columns"], t["note"])
            table.rows = t["rows"]
            blocks.append(table.markdown())
    return "\n".join(blocks)
