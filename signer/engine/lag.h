/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ENGINE_LAG_H
#define DUET_ENGINE_LAG_H

#include <jansson.h>
#include <stdint.h>

#include "serial/serial.h"

/*
 * lag - a zone's own source that lags behind content which was taken from a peer (borrow.h), until it gives the same or newer.  What
 * it gave before, and what is known to be older, is not taken (input.c), whatever number a new text would get.  It is kept with the
 * zone, since after a start the source is read again.
 */
struct zwork;
struct lag {
	struct content_id id;            /* what was taken last */
	uint8_t own[CONTENT_DIGEST_LEN]; /* what the own source has given last; zero: nothing */
	uint8_t given[32];               /* of the plan then: which DS of zones below were put in (plan.h) */
	char from[64];                   /* the peer, for people */
	int64_t since;
};

/* own: what the own source gave last, NULL: nothing; of a source that lags already it is known.  Where that is just what the peer
 * has now, it lags no more. */
void lag_begin(struct zwork *z, const struct content_id *there, const char *from, const uint8_t *own);
/* The own source has given what is older, and does not count. */
void lag_goes_on(struct zwork *z, const uint8_t *digest);
/* It has caught up. */
void lag_over(struct zwork *z);
/* Nothing is published any more: what the own source gives counts, whatever it is. */
void lag_forget(struct zwork *z);
/* As it is kept; NULL: the source does not lag. */
json_t *lag_json(const struct zwork *z);
void lag_read(struct zwork *z, const json_t *o);
/* For people: a sentence, free(); NULL: it does not lag. */
char *lag_alarm(const struct zwork *z);

#endif
