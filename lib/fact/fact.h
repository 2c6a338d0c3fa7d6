/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FACT_H
#define DUET_FACT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname/dname.h"
#include "err/err.h"
#include "identity/identity.h"

/*
 * fact - one signed word of one node (DESIGN section 4), as octets that never change.
 *
 * Version 1, numbers in network order: version (1) | origin (8) | incarnation number (4) | its random (8) |
 * seq (8, from 1) | SHA-256 of the origin's fact before it in this incarnation, zeroes for the first (32) |
 * time (8) | kind (1 + n) | zone in lower case (1 + n, length 0: none) | body, JSON (4 + n) | Ed25519
 * signature (64) over "duet fact 1" and NUL and everything before it.  The fact's own hash is SHA-256 over
 * all octets.
 *
 * Version 2 is a fact whose sealed boxes were taken out for good (a backup's retention): version (2) | the hash of
 * the whole fact (32) | the rest as above, without boxes in the body and without signature.  Only the fact behind it
 * vouches for it, which names its hash.
 */
#define FACT_MAX      65536
#define FACT_BODY_MAX 60000
#define FACT_HASH_LEN 32
#define FACT_KIND_MAX 23

struct incarnation {
	uint32_t number; /* one above the highest that the node found of itself */
	uint8_t random[8];
};

struct fact {
	uint8_t origin[NODE_ID_LEN];
	struct incarnation inc;
	uint64_t seq;
	uint8_t prev[FACT_HASH_LEN];
	int64_t time; /* seconds since 1970, for people */
	char kind[FACT_KIND_MAX + 1];
	uint8_t zone[DNAME_MAX];
	size_t zone_len;  /* 0: of no zone */
	const char *body; /* not terminated; borrowed, as octets are */
	size_t body_len;
	const uint8_t *octets;
	size_t len;
	uint8_t hash[FACT_HASH_LEN];
	bool cut; /* version 2 */
};

/* Reads the envelope; borrows octets.  The signature is not looked at.  ERR_SYNTAX or ERR_LIMIT. */
int fact_read(const uint8_t *octets, size_t len, struct fact *out, struct err *e);
/* ERR_CRYPTO unless the signature is pk's, and pk is the origin's. */
int fact_verify(const struct fact *f, const uint8_t sign_pk[PUBLIC_LEN], struct err *e);
/*
 * fact_make - signs a fact.
 *
 * head    inc, seq, prev, time, kind, zone and zone_len are taken from it; origin from who
 * body    an object; written compactly with sorted keys
 * octets  free() them
 */
int fact_make(const struct fact *head, json_t *body, const struct identity *who, uint8_t **octets,
	      size_t *len, struct err *e);
/* Whether this fact has sealed boxes of a zone's key to take out. */
bool fact_has_boxes(const struct fact *f);
/* The same without them, as version 2; free() octets. */
int fact_cut(const struct fact *f, uint8_t **octets, size_t *len, struct err *e);
/* The body as a new reference; NULL when it is no JSON object (such a fact says nothing). */
json_t *fact_body(const struct fact *f);
/* For people and `status --facts`: everything in one object, new reference. */
json_t *fact_to_json(const struct fact *f);

int incarnation_cmp(const struct incarnation *a, const struct incarnation *b);

#endif
