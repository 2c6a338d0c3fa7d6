/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SORT_IMPL_H
#define DUET_SORT_IMPL_H

#include <endian.h>
#include <string.h>
#include <sys/types.h>

#include "sort/sort.h"

/*
 * sort_impl - for the files of lib/sort.  In memory and in the file a record is the length of its data (4 octets), of its
 * key (2 octets), the key, the data; numbers as the machine has them, since the file does not outlive the process.
 */
#define HEADER_LEN 6

/* One record in memory. */
struct entry {
	uint64_t head; /* 8 octets of the key as a number, zeroes behind its end */
	uint64_t at;   /* offset of the record; rises in the order of adding */
};

/* One sorted part of the file. */
struct run {
	off_t at;
	uint64_t len;
};

struct sorted {
	uint8_t *octets; /* the last run, which stays in memory */
	struct entry *entries;
	size_t entry_count;
	int fd; /* of the runs before it; -1: there are none */
	struct run *runs;
	size_t run_count;
	size_t count;
	size_t budget;
};

static inline uint64_t head_of(const uint8_t *key, size_t len)
{
	uint64_t v = 0;

	memcpy(&v, key, len < 8 ? len : 8);
	return be64toh(v);
}

static inline struct sort_record record_at(const uint8_t *p)
{
	struct sort_record r = { .key = p + HEADER_LEN };
	uint32_t len;
	uint16_t key_len;

	memcpy(&len, p, 4);
	memcpy(&key_len, p + 4, 2);
	r.len = len;
	r.key_len = key_len;
	r.data = r.key + key_len;
	return r;
}

static inline int key_cmp(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	size_t len = alen < blen ? alen : blen;
	int d = len == 0 ? 0 : memcmp(a, b, len);

	return d != 0 ? d : (alen > blen) - (alen < blen);
}

/* Brings entries with the heads of their keys into order, stable; spare has room for as many.  Heads are not what they
 * were afterwards. */
void entries_sort(struct entry *entries, struct entry *spare, size_t n, const uint8_t *octets);

#endif
