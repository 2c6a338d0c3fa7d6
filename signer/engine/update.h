/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_UPDATE_H
#define DUET_UPDATE_H

#include "signer/engine/engine.h"

/*
 * update - replaces the DS RRset of a zone at its parent by a DNS UPDATE (RFC 2136) over TCP, for keydist.
 *
 * args: {"zone","parent","address","key":TSIG name or null,"ttl","ds":[base64 of rdata,...]}.  The DS RRset is deleted and
 * its records are added in one message, so that nobody sees the zone without.  done is called once, with NULL when the
 * server has said NOERROR; -1 with *e when args are none, and then it is not.
 */
typedef void update_done_fn(void *ctx, const struct err *why);
int update_start(struct engine *e, const json_t *args, update_done_fn *done, void *ctx, struct err *err);

#endif
