/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_LEAVE_H
#define DUET_KEYDIST_LEAVE_H

#include "keydist/keydist.h"
#include "msg/observed.h"

/*
 * leave - signers that are to be retired: this node, which says that it has stopped once nothing of it is served or cached;
 * and others, which this node says are retired once they have stopped, or, of those that do not run, once the servers that they
 * named have shown the versions of others for long enough.
 */
/* This node is to leave: it acts no more. */
bool leave_self(const struct keydist *k);
/* That, or it has left: its engine is to answer nobody, also while its zones are removed one by one. */
bool leave_serves_nothing(const struct keydist *k);
/* The engine's word on whether it serves anything; good for some seconds. */
void leave_on_silent(struct keydist *k, bool silent);
/* Whom this node waits for, as far as this zone goes; returns their number. */
size_t leave_list(struct keydist *k, const struct zone_ctx *c, struct timeline_leaver out[LEAVERS_MAX]);
/* The addresses of servers that others named and that are to be looked at here, a new array; NULL: nobody is waited for. */
json_t *leave_watch(struct keydist *k, const struct zone_ctx *c);
/* What was seen is what a signer publishes that stays. */
bool leave_stays(struct keydist *k, const struct zone_ctx *c, const struct observed *o);
/* Once a second: says what may be said. */
void leave_tick(struct keydist *k);
/* Adds "waits", a sentence, to the rows of those that are to leave. */
void leave_tell(struct keydist *k, json_t *nodes);

#endif
