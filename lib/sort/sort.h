/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SORT_H
#define DUET_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * sort - records of key and data in the order of their keys, in bounded memory.
 *
 * Order is memcmp of the keys, the shorter first where one begins the other, then the order of adding.  What does not
 * fit the budget goes as sorted runs into an unlinked file, and comes back merged.  Nothing is sorted that came in order.
 */
#define SORT_BUDGET_DEFAULT ((size_t)128 << 20)
#define SORT_KEY_MAX        65535

struct sort_record {
	const uint8_t *key;
	const uint8_t *data;
	size_t key_len;
	size_t len;
};

/*
 * Memory that large sorts leave to those after them, so that its pages are asked of the system once: as much as one sort
 * has.  Any thread.  sort_memory_trim gives back what lies idle; sorts that have it end before sort_memory_free.
 */
struct sort_memory;
struct sort_memory *sort_memory_new(void);
void sort_memory_trim(struct sort_memory *m);
/* NULL does nothing. */
void sort_memory_free(struct sort_memory *m);

/* budget in octets, index included; dir for what does not fit (NULL: TMPDIR, or /var/tmp); memory may be NULL. */
struct sorter;
struct sorter *sorter_new(size_t budget, const char *dir, struct sort_memory *memory);
/* What fills half of the budget is sorted, and spilled, by another thread, while the other half is filled.  Before the
 * first record. */
void sorter_beside(struct sorter *s);
/* NULL does nothing. */
void sorter_free(struct sorter *s);

/* Copies one record.  -1 with ERR_IO when it cannot be spilled. */
int sorter_add(struct sorter *s, const void *key, size_t key_len, const void *data, size_t len, struct err *e);

/*
 * The same in steps, for records that are made where they will lie: begin, any number of times more, commit.
 *
 * Begin gives memory for at least room octets, where the key is to be written and the data right behind it; NULL with
 * ERR_IO.  More asks for room octets behind the used ones, and gives the memory anew, which may have moved.  A record that
 * is not committed is none.  A record is held in memory as a whole, whatever the budget.
 */
uint8_t *sorter_begin(struct sorter *s, size_t room, struct err *e);
uint8_t *sorter_more(struct sorter *s, size_t used, size_t room);
void sorter_commit(struct sorter *s, size_t key_len, size_t len);

/* All records in order.  Frees s, also on failure. */
struct sorted;
int sorter_end(struct sorter *s, struct sorted **out, struct err *e);
/* NULL does nothing.  No cursor may be open. */
void sorted_free(struct sorted *s);
size_t sorted_count(const struct sorted *s);
/* Nothing was spilled: what records point to lives as long as s. */
bool sorted_in_memory(const struct sorted *s);

/* Any number of cursors at a time, each in one thread. */
struct sorted_cursor;
int sorted_cursor_open(const struct sorted *s, struct sorted_cursor **out, struct err *e);
/* 1 and a record, whose memory lives until the next call; 0 behind the last; -1 with ERR_IO. */
int sorted_cursor_next(struct sorted_cursor *c, struct sort_record *out, struct err *e);
/* NULL does nothing. */
void sorted_cursor_close(struct sorted_cursor *c);

#endif
