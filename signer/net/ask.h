/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_ASK_H
#define DUET_NET_ASK_H

#include <jansson.h>

#include "signer/net/state.h"

/* ask - engine's `query`: asks a server for SOA or DNSKEY and says `answer`.  ERR_SYNTAX for a message
 * without form. */
int ask_start(struct net *net, const json_t *query, struct err *e);

#endif
