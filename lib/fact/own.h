/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FACT_OWN_H
#define DUET_FACT_OWN_H

#include "fact/fact.h"

/*
 * own - what a node makes of words of its own that others bring (DESIGN section 4, "Set back").  Pure.
 *
 * Who has said nothing since it started may be an old copy of itself: it catches up, and goes on in an incarnation above all
 * that it found.  Who has spoken, or compared, and then meets a word of its own from as high an incarnation, is in use elsewhere as well: it holds
 * until a person has looked and restarted it.
 */
enum own_word {
	OWN_LACKED,    /* set back, or only late */
	OWN_ELSEWHERE, /* in use elsewhere, or an old copy ran in between */
};

/* A fact of this node's own came that it lacked.  now: its incarnation; number 0: it has said nothing since its start. */
enum own_word own_fact(const struct incarnation *now, const struct incarnation *heard);
/*
 * A status of this node's own came, from a start that it has not counted.  compared: with the peer that brings it, since this
 * start: what it had then is known, so somebody has spoken since, though this node may have said no fact.
 */
enum own_word own_status(const struct incarnation *now, bool compared);
/* Number of the next fact's incarnation.  highest: of all its own that it holds. */
uint32_t own_number(const struct incarnation *now, uint32_t highest);
/* Whether it may say anything: it has compared with one of its peers since it started, or was told to go on alone. */
bool own_may_speak(size_t peers, size_t compared, bool alone);
/*
 * Whether it has all that signers rely upon: since its start it has met each other one and a backup: what these had is here,
 * through others or from them.  A backup alone may not have heard what this node said before it was set back, and
 * signers may have been set back, too.
 * Others that are not retired, and run as far as operators know; met: how many of them.
 */
struct own_others {
	size_t signers, signers_met, backups, backups_met;
};
bool own_is_sure(const struct own_others *others, bool alone);

#endif
