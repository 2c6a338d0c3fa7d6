/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_REVIEW_H
#define DUET_REVIEW_H

#include <jansson.h>

#include "serial/serial.h"
#include "store/store.h"

/*
 * review - the candidate of a zone: what waits until somebody has approved it, before it is signed (load) or before it is
 * published (sign).
 *
 * It is durable before anybody is asked, and so is the answer before it is acted on.  What is refused is dropped; the same
 * input is tried again later, or, after an operator's word, not before it changes.  The published version stays served and
 * fresh meanwhile, and takes the serials that it needs: the candidate gets its own when it is published.
 */
struct zwork;
struct made;
struct writing;
struct http_server;
struct asking;

enum review_stage { REVIEW_NONE, REVIEW_LOAD, REVIEW_SIGN };
const char *review_stage_text(enum review_stage stage); /* "load", "sign" */

struct review {
	/* the candidate */
	enum review_stage stage;   /* REVIEW_NONE: there is none */
	struct version *version;   /* its pages; its serial is the one that it is known by */
	struct content_id content; /* of its input */
	uint8_t plan_hash[32];     /* sign: that it was signed by */
	bool passed;
	char *past;                /* sign: what the auditor is to remember of it, said in this run; NULL: it is asked again */
	int64_t past_at, whole_at; /* when it said so; of struct made */
	json_t *outside;           /* what it was held against then (auditjob.h) */
	bool ends_due;             /* the store is to forget it, with the next write */
	/* the question */
	bool asked;
	struct asking *asking;     /* who is busy with it; NULL: nobody */
	int64_t until_ms;          /* monotonic: refused then; 0: no limit */
	int64_t since;             /* for people */
	char token[65];            /* with which it may be answered; "": none */
	/* kept with the zone */
	uint8_t load_passed[CONTENT_DIGEST_LEN]; /* zero: none */
	uint8_t rejected[CONTENT_DIGEST_LEN];    /* by an operator: not tried again; zero: none */
	uint8_t overridden[CONTENT_DIGEST_LEN];  /* by an operator: nobody is asked; zero: none */
	char *override_why;
	uint64_t override_rev;     /* of the last word of that kind, of any node, that was heard */
	char *halt;                /* the zone stops until it is resumed, and why; NULL: it does not */
	/* of what was refused last */
	char *refusal;             /* NULL: nothing was */
	uint32_t refused_serial;
	uint8_t refused[CONTENT_DIGEST_LEN];
};

/* ---- what there is (review.c) ---- */

/* Reads what the store has: the candidate, and what was kept of the zone. */
void review_open(struct zwork *z);
void review_free(struct zwork *z);
/* Has the write say of the candidate what is true now; free() the words after it. */
char *review_words(const struct zwork *z, struct store_write *w);
void review_keep(const struct zwork *z, json_t *keep);
void review_keep_read(struct zwork *z, const json_t *keep);
/* New content may be signed, or what was signed of it be published; and which that is. */
bool review_lets(const struct zwork *z);
const struct content_id *review_content(const struct zwork *z);
/* The candidate has passed and is to be published. */
bool review_publishes(const struct zwork *z);
/* What was signed has to be reviewed before it is published. */
bool review_wanted(const struct zwork *z, const struct made *m);
/* An operator has this content published whatever is said against it. */
bool review_overridden(const struct zwork *z, const struct made *m);
/* Does what is to be done about reviews; true when that takes the zone. */
bool review_step(struct zwork *z);
/* The candidate is forgotten, with the next write. */
void review_drop(struct zwork *z, const char *why);
/* Input that is taken: what was said of other input does not count. */
void review_new_input(struct zwork *z);
/* The candidate was published, or its content in another way. */
void review_published(struct zwork *z);
/* The zone stops until it is resumed. */
void review_halt(struct zwork *z, const char *why);

/* ---- into the store (review_store.c) ---- */

/* z->made becomes the candidate of its review; the input does, unsigned. */
void review_candidate(struct zwork *z);
void review_unsigned(struct zwork *z);
/* The candidate as its row says it; free(). */
char *review_words_of(const struct review *r);

/* ---- answers (review_answer.c) ---- */

/* by: who says so, for people. */
void review_passed(struct zwork *z, const char *by);
/* operator: it is not tried again before the input changes. */
void review_refused(struct zwork *z, bool operator, const char *why);
/* The content of the version of this serial, which waits or was refused; NULL and ERR_NOTFOUND: there is none. */
const uint8_t *review_overridable(const struct zwork *z, uint32_t serial, struct err *e);
/* A plan may bring an operator's word on a version: of this node it counts, of others it is remembered. */
void review_plan(struct zwork *z);
/* zone resume. */
void review_resume(struct zwork *z);
json_t *review_status(const struct zwork *z);
/* The last override of the zone at any node; null: there was none. */
json_t *review_last_override(const struct zwork *z);

/* ---- asking (review_ask.c) ---- */

/* Asks whom the policy names; nobody: an operator does it. */
void review_ask(struct zwork *z);
/* Whoever is still busy with it is ended. */
void review_ask_end(struct zwork *z);
struct engine;
void review_ask_close(struct engine *e);

/* review_text.c: the candidate and its difference to what is published, as text; in the pool.  Paths are free()d by the
 * caller. */
int review_text(struct store *s, const char *dir, const char *zone, enum review_stage stage, struct version *published,
		struct version *candidate, char **whole, char **diff, struct err *e);
void review_text_remove(const char *dir, const char *zone);

#endif
