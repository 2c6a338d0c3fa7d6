/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_BESIDE_H
#define DUET_NET_BESIDE_H

#include <jansson.h>

#include "signer/net/state.h"

/*
 * beside - engine's `fetch`: what another signer publishes of a zone, by AXFR into a file of engine's, and `fetched` when that has
 * ended.  One at a time; a second one fails at once.
 */
/* ERR_SYNTAX for a message without form.  fd: taken in any case. */
int beside_start(struct net *net, const json_t *order, int fd, struct err *e);
/* Gives up the one that runs, without a word. */
void beside_cancel(struct net *net);

#endif
