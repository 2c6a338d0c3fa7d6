/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ENGINE_BORROW_H
#define DUET_ENGINE_BORROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "err/err.h"
#include "serial/serial.h"

/*
 * borrow - input from a peer, where a zone's own source does not give what the peer publishes (DESIGN section 6, "Catch up").
 *
 * The own source is waited for first, signer.peer-input-after-s, while it is asked again and again.  What a peer gives is named by
 * the content digest in its status, comes in chunks through keydist (lend.h), and is taken under the number that it has there, through
 * the whole pipeline, once it has that digest.  Who gives something else is passed over for a while.  One text at a time for each
 * zone, BORROWS_MAX for all.  A submission comes to every signer by itself (submit.h), and is none of this.
 * From then on the own source lags (lag.h).  Loop thread only.
 */
#define BORROWS_MAX 4

struct zwork;
struct content;
struct borrow;

/* Sees whether a peer has something newer, and asks for it when it is time. */
void borrow_step(struct zwork *z);
/* What comes is not wanted any more; frees. */
void borrow_end(struct zwork *z);
/* A chunk came, or why none does. */
void borrow_hear(struct zwork *z, const json_t *msg);
bool borrow_has_text(const struct zwork *z);
/* It, as a descriptor that is the caller's now, and what it is to be. */
int borrow_take(struct zwork *z, struct content_id *there);
/* What was taken is no zone, or cannot be read here (ERR_IO). */
void borrow_refused(struct zwork *z, enum err_code code, const char *why);
/* Whether what was loaded is what was asked for, and wanted still; otherwise it says so. */
bool borrow_fits(struct zwork *z, const struct content *c);
/* It is the zone's input from now on; own: what the own source has given, NULL: nothing. */
void borrow_taken(struct zwork *z, const struct content_id *there, const uint8_t *own);

/* What is done so that newer content comes; borrowed; NULL: the own source is waited for. */
const char *borrow_says(const struct zwork *z);

#endif
