/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_BATCH_H
#define DUET_BATCH_H

#include "sign/pool.h"
#include "sign/range.h"

/*
 * batch - for the files of lib/sign only: as many consecutive names of a chain as one thread works on at a time, copied
 * from where they came, and what becomes of them.
 */

/* One page of the version before, or all parts with one key. */
struct group {
	size_t first, end; /* rows */
};

/* Names of the batch that lie in one group's range; the group's own only where the whole range is in the batch. */
struct span {
	size_t a, b;
	struct group g;
	bool whole;
};

/* What is done with names a to b - 1, in order. */
struct step {
	bool keep; /* the pages of g stay */
	bool reuse; /* signatures of g stay where they are right */
	struct group g;
	size_t a, b;
	size_t page_end; /* of its pages, which begin where those of the step before end */
};

struct octets {
	uint8_t *p;
	size_t len, room;
};

/* What all batches of a run share; it does not change meanwhile. */
struct batch_common {
	struct signing s;
	struct store *store;
	const struct table *old; /* to keep pages of, or NULL */
	bool text;               /* what comes out is text, no pages */
	void (*run)(struct pool_job *job, void *tool); /* what is done with a batch; NULL: batch_run */
};

struct batch {
	struct pool_job job;
	const struct batch_common *common;
	/* What goes in. */
	struct arena *arena;
	struct owner *owners;
	struct hashed *hashed;
	size_t n, owners_room, hashed_room;
	size_t octets;             /* of names and records */
	uint8_t next[DNAME_MAX];   /* behind the batch: a name, or a hash */
	uint8_t before[DNAME_MAX]; /* the last name with NSEC3 before the batch */
	bool has_before;
	bool last; /* of its chain */
	enum page_chain chain;
	struct span *spans; /* none without `old` */
	size_t span_count, spans_room;
	struct oldsigs *previous; /* signatures that did not come from pages, or NULL; owned */
	/* What comes out. */
	struct step *steps;
	size_t step_count, steps_room;
	struct pages pages;
	struct octets hashes; /* of the names: hash, length of the bitmap in two octets, bitmap */
	struct octets found;  /* by a run that is not batch_run */
	struct lines lines;
	int rc;
	struct err err;
};

struct batch *batch_new(const struct batch_common *common);
void batch_free(struct batch *b);
/* Empty, for names of this chain; memory stays. */
void batch_reset(struct batch *b, enum page_chain chain);
/* Copies a name with all that belongs to it. */
void batch_add_owner(struct batch *b, const struct owner *o);
void batch_add_hash(struct batch *b, const uint8_t hash[NSEC3_HASH_LEN], const uint8_t *bitmap, size_t len);
/* The names from here on lie in another group. */
void batch_add_span(struct batch *b, struct group g, bool whole);
/* Whether the span's names are what its group was made from. */
bool batch_is_same(const struct batch *b, const struct range_maker *m, const struct span *span);
/* Room for n more octets. */
uint8_t *octets_room(struct octets *o, size_t n);
/* Makes what comes out; tool is a struct range_maker. */
void batch_run(struct pool_job *job, void *tool);

#endif
