/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_CROSS_H
#define DUET_CROSS_H

#include "signer/engine/zwork.h"

/*
 * cross - what the other signers publish of our zones is fetched now and then, by AXFR, and compared by the auditor with what we
 * publish (audit/cross.h).  What differs is said, and nothing else happens.
 *
 * One zone at a time and spread over signer.cross-audit-interval-s, the first some minutes after a start; a zone that a command
 * names comes first.  A difference counts when it is seen twice, some seconds apart: facts take their time from node to node.
 */
struct crosses;

struct crosses *crosses_new(struct engine *e);
/* The pool is empty.  NULL does nothing. */
void crosses_free(struct crosses *c);
/* Each second. */
void crosses_tick(struct crosses *c);
#define CROSS_ASKED_MAX 1024
/* The zone is compared next, with each signer of which it is known where it serves: how many these are.
 * One that waits for it already waits once.  ERR_REFUSED: none, ERR_NOTNOW: CROSS_ASKED_MAX zones wait for it. */
int crosses_ask(struct crosses *c, struct zwork *z, size_t *peers, struct err *e);
/* net's `fetched`. */
void crosses_fetched(struct crosses *c, const json_t *msg);

/* What was found with one peer last. */
struct cross_word {
	char *peer;
	char *result; /* "same", "differs", "unknown" */
	char *why;    /* NULL: same */
	char *difference; /* the last one, until the two are the same; NULL: none */
	uint32_t serial; /* of the other's version */
	int64_t at;
	int64_t fits_ms; /* monotonic: when they last were the same with no step of a rollover between; at first: when first compared */
};
/* The peer's word; made where there is none yet. */
struct cross_word *cross_word_of(struct zwork *z, const char *peer);
/* Whether it is known where the peer serves. */
bool cross_serves(const struct conf_peer *p);
/* New list, null when it was never compared. */
json_t *cross_status(const struct zwork *z);
/* Appends what differed last, and who of those that still are in the configuration has not been seen to fit for three intervals, whatever the reason. */
void cross_alarms(const struct zwork *z, json_t *list);
void cross_forget(struct zwork *z);

/*
 * crossjob - the comparison itself, in the pool.
 *
 * step  why the keys may differ; NULL: nothing explains that
 * fd    the other's messages; taken
 * done  answer: the auditor's, borrowed; NULL: nothing is known, and why
 */
typedef void crossjob_done_fn(void *ctx, const json_t *answer, const char *why);
void crossjob_start(struct zwork *z, bool same, const char *step, int fd, crossjob_done_fn *done, void *ctx);

#endif
