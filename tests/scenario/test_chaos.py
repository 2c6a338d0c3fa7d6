# SPDX-License-Identifier: BSD-3-Clause
"""Commands and faults by chance, of fixed seeds; `make soak-chaos` runs many more."""

from chaos import Storm
from duetlab import limit


@limit(240)
def test_commands_and_faults_by_chance(lab):
    Storm(lab, 1).run(rounds=2, steps=25)


@limit(240)
def test_commands_and_faults_by_another_chance(lab):
    Storm(lab, 2).run(rounds=2, steps=25)
