/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_LOOKS_H
#define DUET_KEYDIST_LOOKS_H

#include "keydist/keydist.h"
#include "msg/observed.h"

#define LOOKS_OPERATOR 1 /* ids of addresses are hashes */
#define LOOKS_UNKNOWN  2 /* stands for servers that are not known, and shows nothing */

/*
 * looks - what the engine's looks at secondaries, name servers and parents showed: the newest of each server is kept, changes at the parent
 * become events, a DS that names no key of the zone an alarm, and each look an observation of lib/timeline, which decides what
 * it means for keys.
 */

/* msg_row: the engine's `observed`. */
void looks_on_observed(void *ctx, const struct msg_peer *from, json_t *msg);
/* For the plan: what is to be looked at; a new reference. */
json_t *looks_wanted(struct keydist *k, const struct zone_ctx *c, const struct life *l);
/*
 * Whether the zone's name servers are looked at: the policy says so, and no other signer's keys are there to stay.  While a zone
 * moves here its name servers show what that signer signed, which nobody here can explain, and must until its DS is in
 * (docs/migrate.md).
 */
bool looks_at_name_servers(const struct zone_state *z, const struct policy *p);
/* Who looks, for lib/timeline: the servers that the engine named, name servers among them where they are asked for, and who
 * stands for those that are not known. */
size_t looks_observers(struct keydist *k, const struct zone_ctx *c, bool name_servers,
		       struct timeline_observer out[TIMELINE_OBSERVERS_MAX]);
/* What people call one of them: struct timeline_in.server; ctx is the zone's struct zone_ctx, or NULL. */
void looks_server(void *ctx, uint64_t observer, char out[TIMELINE_SERVER_LEN]);
/* What was seen since the last call goes into the zone's memory. */
void looks_apply(struct zone_ctx *c, const struct life *l);
/* For people: a name server of which not all addresses are known, and what to do about it, where somebody waits for it; free() it;
 * NULL: there is none. */
char *looks_missing(const struct zone_ctx *c, const struct life *l);
/* For people: servers, what each showed last, alarms, and what the parent was told; a new reference. */
json_t *looks_status(const struct zone_ctx *c);
/* A DS at the parent that names no key of the zone, as a sentence, borrowed; NULL: none is known. */
const char *looks_alarm(const struct zone_ctx *c);
/* An alarm that may have been told before the start would be seen again by now, if it is one of looks_alarm's: the server that
 * shows that DS has answered, whether others have or not.  alarm NULL: none. */
bool looks_since(const struct keydist *k, const struct zone_ctx *c, const char *alarm);
void looks_free(struct zone_ctx *c);

#endif
