/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FACT_LOG_H
#define DUET_FACT_LOG_H

#include "fact/fact.h"

/*
 * fact_log - every fact that a node holds, in one SQLite file.
 *
 * Invariants: 1. a fact is held only with all before it of its origin and incarnation, each naming the hash
 * of the one before.
 * 2. what is held is durable (synchronous=FULL) and was verified, by its signature or by the fact behind it, whose
 * signature is over its hash.  3. nothing
 * is ever changed or removed but by fact_log_cut.
 */
struct fact_log;

enum fact_result {
	FACT_NEW,     /* held now */
	FACT_HAVE,    /* was held already */
	FACT_GAP,     /* one before it is missing: comes again later */
	FACT_UNKNOWN, /* signed by nobody we know */
	FACT_REFUSED, /* wrong signature, broken chain, or of somebody retired */
	FACT_FORK,    /* another fact under the number of one that we hold: its origin was set back or is used
			 twice */
};

/* Newest of one incarnation. */
struct fact_head {
	uint8_t origin[NODE_ID_LEN];
	struct incarnation inc;
	uint64_t seq;
	uint8_t hash[FACT_HASH_LEN];
};

/* Who may say what.  key_of gives the origin's Ed25519 key, NULL when unknown.  closed: why this fact is
 * refused although its signature may be right (its origin is retired), NULL when it is not. */
struct fact_rules {
	void *ctx;
	const uint8_t *(*key_of)(void *ctx, const uint8_t origin[NODE_ID_LEN]);
	const char *(*closed)(void *ctx, const struct fact *f);
	bool made_here; /* the caller has signed them itself a moment ago */
};

int fact_log_open(const char *path, struct fact_log **out, struct err *e);
void fact_log_close(struct fact_log *l);

/* Adds what may be added, in one transaction, durable on return; verdicts[i] tells about facts[i].  -1: the
 * disk failed, nothing was added. */
struct fact_verdict {
	enum fact_result result;
	char why[160];
};
int fact_log_add(struct fact_log *l, const struct fact_rules *rules, const struct fact *facts, size_t n,
		 struct fact_verdict *verdicts, struct err *e);

/* In the order in which they came (so each after the one before it).  fn's facts are borrowed.  A fn that
 * returns other than 0 ends the walk with that. */
typedef int fact_fn(void *ctx, const struct fact *f);
int fact_log_walk(struct fact_log *l, fact_fn *fn, void *ctx, struct err *e);
/* Facts of one incarnation behind seq `after`, in order. */
int fact_log_walk_from(struct fact_log *l, const uint8_t origin[NODE_ID_LEN], const struct incarnation *inc,
		       uint64_t after, fact_fn *fn, void *ctx, struct err *e);
/* The hash under this number; ERR_NOTFOUND. */
int fact_log_hash(struct fact_log *l, const uint8_t origin[NODE_ID_LEN], const struct incarnation *inc,
		  uint64_t seq, uint8_t hash[FACT_HASH_LEN], struct err *e);

/*
 * fact_log_cut - takes the sealed boxes out of the facts that `which` agrees to, for good: in one transaction, and
 * overwritten on disk.  The newest fact of an incarnation stays whole until there is a further one, since nothing
 * would vouch for it.  *n: how many were cut.
 */
typedef bool fact_which_fn(void *ctx, const struct fact *f);
int fact_log_cut(struct fact_log *l, fact_which_fn *which, void *ctx, size_t *n, struct err *e);

/* The version vector: borrowed until the next addition. */
const struct fact_head *fact_log_heads(const struct fact_log *l, size_t *n);
const struct fact_head *fact_log_head(const struct fact_log *l, const uint8_t origin[NODE_ID_LEN],
				      const struct incarnation *inc);
/* The highest incarnation number of this origin, 0 when there is none. */
uint32_t fact_log_highest(const struct fact_log *l, const uint8_t origin[NODE_ID_LEN]);
size_t fact_log_count(const struct fact_log *l);

#endif
