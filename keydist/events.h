/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_EVENTS_H
#define DUET_KEYDIST_EVENTS_H

#include "keydist/keydist.h"

/*
 * events - the steps of keys and alarms, posted to webhooks (keydist.events): each to each of them, in order, again and
 * again with back-off until it answers with 2xx, over restarts, too.  What was posted may come twice.
 *
 * The steps are those of all signers together, as this node knows them; a key's steps so far are posted when a webhook is
 * configured for the first time.
 */

/* Looks which steps the zone's keys have taken since it was looked at last. */
void events_look(struct keydist *k, struct zone_ctx *c, const struct life *l);
/* What was looked at so far is not on disk, or its zone goes: all is looked at anew. */
void events_forget(struct zone_ctx *c);
/* Once a second: alarms, too. */
void events_tick(struct keydist *k);
void events_close(struct keydist *k);

/* Which of the steps a key has taken, as bits. */
enum key_step { STEP_CREATED, STEP_PUBLISHED, STEP_ACTIVE, STEP_DS_SEEN, STEP_RETIRED, STEP_REMOVED, KEY_STEPS };
extern const char *const key_step_names[KEY_STEPS];
unsigned events_steps(const struct timeline_key *key);

#endif
