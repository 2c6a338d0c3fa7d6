/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ENGINE_LEND_H
#define DUET_ENGINE_LEND_H

#include "signer/engine/api.h"

/*
 * lend - what this node publishes of a zone, given to a peer whose own source does not give it (borrow.h): without what signing
 * added, as text.  It is written once, into a file without a name, and given in chunks from there for as long as somebody asks,
 * whatever is published meanwhile.  A few at once.  Loop thread only.
 */
struct lends;
struct lends *lends_new(void);
/* Whoever waits is told no; nothing is asked afterwards. */
void lends_end(struct lends *ls);
/* Nothing may run in the pool.  NULL does nothing. */
void lends_free(struct lends *ls);
/* Once a second: what nobody asks for any more is dropped. */
void lends_tick(struct lends *ls);
/* args: an input_wish (submission.h).  0: fn gets the answer, now or later; -1: it is not called. */
int lend_ask(struct engine *e, const json_t *args, waiter_fn *fn, void *ctx, struct err *err);

#endif
