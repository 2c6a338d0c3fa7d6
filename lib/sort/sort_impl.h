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
#define KEY_PAD    8

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

/* What sorts leave to each other: the octets of records, their entries, for each of two parts; and room to bring entries
 * into order. */
enum area_role { AREA_OCTETS, AREA_OCTETS_2, AREA_ENTRIES, AREA_ENTRIES_2, AREA_SPARE, AREA_ROLES };
struct area {
	uint8_t *p;
	size_t room;
};

/* Room for want octets, of which used are there already; a large area gets whole at least, which is what it can come to.
 * m may be NULL. */
void area_grow(struct area *a, enum area_role role, size_t used, size_t want, size_t whole, struct sort_memory *m);
/* It grows no more: gives back what a small one has beyond used. */
void area_fit(struct area *a, size_t used);
/* The area is empty afterwards. */
void area_end(struct area *a, enum area_role role, struct sort_memory *m);

/* Records in memory. */
struct part {
	struct area octets, entries;
	size_t used;   /* of octets */
	size_t n;      /* entries */
	size_t last;   /* offset of the record before */
	bool in_order; /* the records came in order, or were brought into it */
};
static inline struct entry *part_entries(const struct part *p)
{
	return (struct entry *)(void *)p->entries.p;
}

#define PARTS 2
struct sorted {
	struct part part[PARTS]; /* stay in memory: what came last, in part[newest], and before it the other one's, if any */
	unsigned newest;
	struct sort_memory *memory; /* or NULL */
	int fd; /* of the runs before them; -1: there are none */
	struct run *runs;
	size_t run_count;
	size_t count;
	size_t budget;
};

/* Brings its entries into order. */
void part_sort(struct part *p, struct sort_memory *m);
/* Appends it, which is in order, to the file as a run; it is empty then.  dir: for the file.  ERR_IO. */
int part_spill(struct part *p, struct sorted *out, const char *dir, struct err *e);

/* KEY_PAD octets behind a key can be read. */
static inline uint64_t head_of(const uint8_t *key, size_t len)
{
	uint64_t v;

	memcpy(&v, key, 8);
	return len == 0 ? 0 : be64toh(v) & (len < 8 ? ~(UINT64_MAX >> 8 * len) : UINT64_MAX);
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
