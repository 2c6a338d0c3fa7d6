/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_WHOLE_H
#define DUET_WHOLE_H

#include "signer/engine/zwork.h"

/*
 * whole - what is published, audited as a whole: each zone once after a start, again as often as the policy says, and when it
 * is asked for.
 *
 * One at a time, nicer than all other work and beside it: nothing waits for it.  It takes a tenth of a core at most, over
 * time, what is asked for apart.  A version that fails is signed anew in full, once, and is an alarm until another one, or
 * the same, has passed.
 */
struct wholes;
struct wholes *wholes_new(void);
/* None runs any more.  NULL does nothing. */
void wholes_free(struct wholes *w);
/* Once a second. */
void wholes_tick(struct engine *e);
bool wholes_running(const struct engine *e);
/* Soon, before others.  -1, and why not. */
int whole_wanted(struct zwork *z, struct err *e);
/* Another version is published, which has passed as a whole or stands on one that has. */
void whole_published(struct zwork *z, bool whole);
/* Frees what the zone has of it. */
void whole_forget(struct zwork *z);

#endif
