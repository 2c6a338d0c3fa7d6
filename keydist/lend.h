/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_LEND_H
#define DUET_KEYDIST_LEND_H

#include "keydist/keydist.h"

/*
 * lend - input of zones on its way from one signer's engine to another's (submission.h): asked for where a zone's own source does
 * not give it.  Nothing of it is kept here; who asks begins and goes on as it likes.
 */
/* The engine asks a peer for a chunk: { "node", "zone", "content", "offset" }; a handler. */
void lend_on_wish(void *ctx, const struct msg_peer *from, json_t *msg);
/* Whether the node that asks (cluster.h) is a signer of the cluster: nobody else gets what is in zones. */
bool lend_may(const struct keydist *k, const char *token);

#endif
