/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_NOTIFY_H
#define DUET_NET_NOTIFY_H

#include "signer/net/state.h"

/*
 * notify - NOTIFY to secondaries (RFC 1996): sent again after 1, 2, 4, 8 and 16 s, then given up; the end is
 * told to engine as `notified`.  A new version cancels what still runs for an older one.
 */
void notify_zone(struct net *net, struct net_zone *zone);
/* One secondary again: engine saw that it lacks the version. Nothing happens while one is still under way. */
void notify_again(struct net *net, struct net_zone *zone, const struct addr *to);
void notify_cancel(struct net_zone *zone);
/* All zones that have a version: after a drain. */
void notify_all(struct net *net);
void notify_cancel_all(struct net *net);

#endif
