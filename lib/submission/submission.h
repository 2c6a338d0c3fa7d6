/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SUBMISSION_H
#define DUET_SUBMISSION_H

#include <jansson.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

#include "dname/dname.h"
#include "err/err.h"

/*
 * submission - a zone's text that was given to one signer and reaches all.
 *
 * A fact says which one counts: the one with the highest rev, known by the SHA-256 of its octets.  The octets follow in chunks,
 * from whoever has them, into a file: in order, so that it goes on where it stopped, and counting only once the whole has the
 * digest.
 */
#define SUBMISSION_CHUNK      (256u * 1024)
#define SUBMISSION_DIGEST_LEN 32
#define SUBMISSION_HEX        (2 * SUBMISSION_DIGEST_LEN + 1)
#define SUBMISSION_SIZE_MAX   (1ull << 40)

struct submission {
	uint64_t rev;
	uint8_t digest[SUBMISSION_DIGEST_LEN];
	uint64_t size;
};

/* The body of the fact; a new reference.  ERR_SYNTAX, ERR_LIMIT. */
json_t *submission_json(const struct submission *s);
int submission_read(const json_t *o, struct submission *out, struct err *e);
/* As the source in a plan names it: "submit:REV/DIGEST/SIZE"; free().  False: the text names none. */
char *submission_source(const struct submission *s);
bool submission_of_source(const char *source, struct submission *out);

/* Some octets of one. */
struct chunk {
	uint8_t digest[SUBMISSION_DIGEST_LEN];
	uint64_t offset;
	uint64_t size;   /* of the whole; 0: not said, since whoever asked knows it */
	uint8_t *octets; /* free() */
	size_t len;      /* 1 to SUBMISSION_CHUNK */
};
json_t *chunk_json(const uint8_t digest[SUBMISSION_DIGEST_LEN], uint64_t offset, const uint8_t *octets, size_t len);
int chunk_read(const json_t *o, struct chunk *out, struct err *e);
/* What is asked for: digest and offset. */
json_t *chunk_wish(const uint8_t digest[SUBMISSION_DIGEST_LEN], uint64_t offset);
int chunk_wish_read(const json_t *o, uint8_t digest[SUBMISSION_DIGEST_LEN], uint64_t *offset, struct err *e);

/*
 * input - what a peer publishes of a zone, as a text in the same chunks.  It is asked for by the digest of its content (zone_sum.h),
 * since nobody has its text before somebody asks; whose SHA-256 and size that then has, each chunk says.
 */
#define INPUT_CONTENT_LEN 48
struct input_wish {
	uint8_t zone[DNAME_MAX]; /* as it was written */
	uint8_t content[INPUT_CONTENT_LEN];
	uint64_t offset;
};
json_t *input_wish_json(const struct input_wish *w);
int input_wish_read(const json_t *o, struct input_wish *out, struct err *e);
/* Its text is being written: it is asked for again. */
json_t *input_wait(void);
json_t *input_chunk(const struct chunk *c);
/* What a peer answers; *wait: no chunk yet. */
int input_answer_read(const json_t *o, bool *wait, struct chunk *out, struct err *e);

/*
 * assembly - the file that grows.  One thread.
 *
 * assembly_open  takes fd over, which may have octets of before a restart: assembly_catch_up reads them, at most a MiB at a time
 * assembly_add   at must be `at`; ERR_LIMIT above most, ERR_IO
 * assembly_sync  durable, up to `at`
 */
struct assembly {
	int fd;
	uint64_t there;  /* octets in the file when it was opened */
	uint64_t at;     /* octets that are counted */
	uint64_t synced;
	crypto_hash_sha256_state hash;
};
void assembly_open(struct assembly *a, int fd);
/* 1: there is more to read, 0, or -1. */
int assembly_catch_up(struct assembly *a, struct err *e);
int assembly_add(struct assembly *a, uint64_t at, const uint8_t *octets, size_t len, uint64_t most, struct err *e);
int assembly_sync(struct assembly *a, struct err *e);
/* The digest of the octets, or whether it is this one; nothing can be added any more. */
void assembly_digest(struct assembly *a, uint8_t out[SUBMISSION_DIGEST_LEN]);
bool assembly_is(struct assembly *a, const uint8_t digest[SUBMISSION_DIGEST_LEN]);
void assembly_close(struct assembly *a);

#endif
