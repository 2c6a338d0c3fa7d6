/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_XFROUT_H
#define DUET_NET_XFROUT_H

#include "signer/net/answer.h"
#include "signer/net/state.h"

/*
 * xfrout - one AXFR on its way out (RFC 5936): question and SOA with its RRSIGs, the pages as they lie in the
 * volumes, SOA.  Messages get the query's ID and, when it was signed, a TSIG each.
 */
struct xfrout;

/* Takes a's version and tsig.  ready: called with ctx when a transfer that was PENDING can go on.  NULL when as many as
 * allowed run already; then they are still the caller's. */
struct xfrout *xfrout_new(struct net *net, struct answer *a, const struct addr *to, void (*ready)(void *ctx), void *ctx);
/* ready is not called any more.  NULL does nothing. */
void xfrout_free(struct xfrout *x);

enum xfrout_step { XFROUT_MORE, XFROUT_WAIT, XFROUT_PENDING, XFROUT_DONE, XFROUT_CUT };
/* Writes once to the socket.  MORE: at once again; WAIT: once it is writable; PENDING: what comes next is still being read
 * or signed; CUT: close the connection. */
enum xfrout_step xfrout_step(struct xfrout *x, int fd);
/* Whether another transfer of the version that runs is further. */
bool xfrout_behind(const struct xfrout *x);

#endif
