/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_PARENT_H
#define DUET_KEYDIST_PARENT_H

#include "keydist/keydist.h"
#include "timeline/timeline.h"

/*
 * parent - tells the parent which DS a zone wants, by a hook, a webhook and DNS UPDATE, as configured for the zone above
 * (keydist.tell-parents).  Each is told the whole set, again and again with back-off until it says that it is done, and
 * anew when the set is another.  Who has said so is remembered over a restart; what is told may come twice all the same, and
 * must be taken as a whole.
 */

/* What the published CDS RRset says now: the keys that it names, or (none) DELETE.  Nothing happens while neither holds. */
void parent_tell(struct keydist *k, struct zone_ctx *c, const struct zone_state *z, const struct key_set *named, bool none);
/* Once a second. */
void parent_tick(struct keydist *k);
void parent_forget(struct keydist *k, struct zone_ctx *c);
void parent_close(struct keydist *k);
/* For people: an array of channels with what became of them; NULL: none is configured. */
json_t *parent_status(const struct zone_ctx *c);

#endif
