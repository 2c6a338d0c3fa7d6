# SPDX-License-Identifier: BSD-3-Clause
"""Rollovers beside a real parent, with real secondaries and validators that trust the parent alone."""

from duetlab import Failed, limit
from parentworld import Roll, World, ZONE, set_back


@limit(400)
def test_a_ksk_and_a_zsk_are_rolled_beside_a_real_parent(lab):
    w = World(lab, keys="ksk+zsk", ksk="double-ds").begin()
    w.roll("--role", "zsk", role="zsk")
    w.roll("--role", "ksk", role="ksk")
    w.end(notice=True)


@limit(300)
def test_a_ksk_is_rolled_by_double_signature_and_a_csk_to_another_algorithm(lab):
    """Two zones below the same parent, side by side."""
    w = World(lab, {"ksk.org": dict(keys="ksk+zsk", ksk="double-signature"), "algorithm.org": dict(algorithm=8)}, bind=False).begin()
    ksk, algorithm = Roll("ksk.org", "--role", "ksk", role="ksk"), Roll("algorithm.org", policies=[dict(algorithm=13)])
    w.turn([ksk, algorithm], 0)
    if {k["algorithm"] for k in w.live(w.s2, "algorithm.org")} != {13}:
        raise Failed("algorithm.org has %s" % w.live(w.s2, "algorithm.org"))
    w.end()


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
