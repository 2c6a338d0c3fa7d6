/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_REFRESH_H
#define DUET_NET_REFRESH_H

#include "agenda/agenda.h"
#include "signer/net/state.h"

/*
 * refresh - which zone's primaries are asked when: one timer for all zones.  An item lies in what it is about and names it in
 * `of`, with which fn is called, from the loop, when it is due; it is off the agenda then.
 */
typedef void refresh_fn(void *of);

void refresh_start(struct net *net, refresh_fn *fn);
/* No item is used any more. */
void refresh_stop(struct net *net);
/* Due in so many ms, in place of what was set before. */
void refresh_set(struct net *net, struct agenda_item *item, int64_t in_ms);
void refresh_drop(struct net *net, struct agenda_item *item);

#endif
