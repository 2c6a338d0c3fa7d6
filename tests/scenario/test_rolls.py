# SPDX-License-Identifier: BSD-3-Clause
"""Rollovers beside a real parent, with real secondaries and validators that trust the parent alone."""

from duetlab import limit
from parentworld import Roll, World, ZONE, set_back


@limit(400)
def test_a_ksk_and_a_zsk_are_rolled_beside_a_real_parent(lab):
    w = World(lab, keys="ksk+zsk", ksk="double-ds").begin()
    w.roll("--role", "zsk", role="zsk")
    w.roll("--role", "ksk", role="ksk")
    w.end(notice=True)


@limit(300)
def test_a_signer_is_set_back_behind_keys_that_are_gone(lab):
    """The copy has keys that took no part for long, and knows nothing of those in use: what the auditor remembers is as old."""
    w = World(lab, keys="ksk+zsk", bind=False).begin()
    w.take_copy()
    roll = Roll(ZONE, "--role", "zsk", role="zsk")
    roll.begin(w, 0)
    w.wait(lambda: roll.over(w), 120, "the ZSK is rolled")
    set_back(w)
    w.wait(lambda: w.s2.signed(ZONE), 60, "signer2 serves again")
    w.roll("--role", "zsk", role="zsk")
    w.end()
