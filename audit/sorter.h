/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_SORTER_H
#define DUET_AUDIT_SORTER_H

#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * sorter - puts records in order with bounded memory: full buffers are sorted and written to an unlinked
 * file, and merged when read.
 *
 * A record is a header and its octets: a key that is not the start of another key (name.h), the type in two
 * octets, the rdata.  The order is that of the octets.  What came in order is not sorted.
 */
struct rec {
	uint32_t size; /* with this header, a multiple of 8 */
	uint32_t ttl;
	uint16_t key_len;
	uint16_t rdlen;
	uint16_t type;
	uint16_t rclass;
	uint8_t octets[];
};
#define REC_MAX (sizeof(struct rec) + 512 + 2 + 65535 + 8)

static inline const uint8_t *rec_rdata(const struct rec *r)
{
	return r->octets + r->key_len + 2;
}
/* Octets of a record with such a key and rdata, a multiple of 8. */
size_t rec_size(size_t key_len, size_t rdlen);
/* Fills in a record at `at`, which has rec_size() octets. */
void rec_put(struct rec *at, const uint8_t *key, size_t key_len, uint16_t type, uint16_t rclass, uint32_t ttl,
	     const uint8_t *rdata, size_t rdlen);
/* Order of two records; 0 for equal octets. */
int rec_cmp(const struct rec *a, const struct rec *b);

struct sorter;

/* budget: octets of memory; dir: where files go, borrowed for the call. */
struct sorter *sorter_new(size_t budget, const char *dir);
void sorter_free(struct sorter *s);
/* Adds n octets of whole records, one behind the other; any thread.  ERR_IO when spilling fails. */
int sorter_add(struct sorter *s, const void *records, size_t n, struct err *e);
/* Nothing more comes. */
int sorter_end(struct sorter *s, struct err *e);

/* Reads in order, once.  The record lives until the next call; *out is NULL at the end. */
int sorter_next(struct sorter *s, const struct rec **out, struct err *e);

#endif
