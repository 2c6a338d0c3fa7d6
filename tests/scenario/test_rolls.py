# SPDX-License-Identifier: BSD-3-Clause
"""Rollovers beside a real parent, with real secondaries and validators that trust the parent alone."""

from duetlab import limit
from parentworld import World


@limit(400)
def test_a_ksk_and_a_zsk_are_rolled_beside_a_real_parent(lab):
    w = World(lab, keys="ksk+zsk", ksk="double-ds").begin()
    w.roll("--role", "zsk", role="zsk")
    w.roll("--role", "ksk", role="ksk")
    w.end(notice=True)
