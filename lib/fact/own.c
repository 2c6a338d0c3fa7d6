/* SPDX-License-Identifier: BSD-3-Clause */
/* own: set back, or in use elsewhere. */
#include "fact/own.h"

#include "fail/fault.h"

enum own_word own_fact(const struct incarnation *now, const struct incarnation *heard)
{
	return now->number != 0 && heard->number >= now->number && !FAULT(CLONE_ACCEPTED) ? OWN_ELSEWHERE : OWN_LACKED;
}

enum own_word own_status(const struct incarnation *now, bool compared)
{
	return now->number != 0 || (compared && !FAULT(QUIET_CLONE_ACCEPTED)) ? OWN_ELSEWHERE : OWN_LACKED;
}

uint32_t own_number(const struct incarnation *now, uint32_t highest)
{
	if (now->number != 0)
		return now->number;
	return FAULT(SAME_INCARNATION) && highest > 0 ? highest : highest + 1;
}

bool own_is_sure(const struct own_others *o, bool alone)
{
	return alone || (o->signers_met == o->signers && (o->backups == 0 || o->backups_met > 0));
}

bool own_may_speak(size_t peers, size_t compared, bool alone)
{
	return peers == 0 || alone || compared > 0 || FAULT(NO_HOLD_AFTER_START);
}
