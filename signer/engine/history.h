/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_HISTORY_H
#define DUET_HISTORY_H

#include <jansson.h>

#include "store/store.h"

/*
 * history - what was done with each version of a zone: loaded, signed, audited, published, and how that ended.  It becomes
 * durable with the next commit of the zone: the one that publishes the version, or that of a refusal.
 */
struct zwork;
struct made;

struct history {
	char **text; /* JSON objects */
	int64_t *at;
	size_t n;
};

/* m: the version, or NULL: the input alone.  reason: NULL: none. */
void history_note(struct zwork *z, const struct made *m, const char *step, const char *result, const char *reason);
/* The same of the candidate. */
void history_note_candidate(struct zwork *z, const char *result, const char *reason);
/* What is not durable yet goes with the write; it is moved into h, to which the write then leads. */
void history_take(struct zwork *z, struct history *h, struct store_write *w);
/* It was written, or not: then it goes with the next one, before what was noted since. */
void history_written(struct zwork *z, struct history *h, bool written);
/* The same of a write whose last note says what the write itself does: that is not true where it was not written. */
void history_acted(struct zwork *z, struct history *h, bool written);
void history_fini(struct history *h);
/* {"history":[newest first]} */
int history_read(struct zwork *z, size_t most, json_t **out, struct err *e);

#endif
