/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PATCHING_H
#define DUET_PATCHING_H

#include "sign/patch.h"
#include "sign/view.h"

/*
 * patching - for the files of lib/sign only: one run of zone_patch.
 */

/* One page of NSEC3 records, or all parts with one key: hashes from the first one to the next page's; the first leaf
 * also those below. */
struct hash_leaf {
	size_t first, end; /* rows */
	struct arena *arena;
	struct hashed *hashed[2]; /* one a side */
	size_t n[2];
	bool write;
};

/* What an NSEC3 record becomes. */
struct hash_op {
	uint8_t hash[NSEC3_HASH_LEN];
	bool put; /* false: it goes, if it is there */
	uint16_t bitmap_len;
	const uint8_t *bitmap;
};

struct patching {
	struct view v;
	struct signing s;
	struct range_maker *m;
	struct arena *arena; /* of the run */
	struct hash_op *op;  /* in order of hashes */
	size_t op_count;
	struct hash_leaf **hash; /* that were read, in order */
	size_t hash_count, hash_room;
	struct change *change;
	struct sign_stats *stats;
	int64_t earliest; /* over all pages so far */
	size_t again;     /* row of the leaf that is signed anew whatever it holds; SIZE_MAX: none */
};

/* patch_hashes.c: from leaves whose content changes to NSEC3 records that change, and the leaves that hold them. */
int hashes_plan(struct patching *p, struct err *e);

/* patch_leaves.c */
void hashes_free(struct patching *p);
/* The leaf that a hash lies in; the one before, in a circle. */
size_t hash_leaf_of(const struct patching *p, const uint8_t hash[NSEC3_HASH_LEN]);
size_t hash_leaf_before(const struct patching *p, size_t row);
/* The leaf; reads it where nobody has. */
int hash_leaf_at(struct patching *p, size_t row, struct hash_leaf **out, struct err *e);
void hash_leaf_drop(struct patching *p, size_t row);
/* The first leaf at or behind the row that is to be written: its row, or how many rows there are. */
size_t hash_leaf_next(const struct patching *p, size_t row);
size_t hash_leaf_behind(const struct patching *p, size_t row);
/* The first hash at or behind the row; the first of all behind the last. */
int hash_next(struct patching *p, size_t row, uint8_t out[NSEC3_HASH_LEN], struct err *e);

/* patch_write.c: rows that stay and pages that are made anew, in order. */
int patch_write(struct patching *p, struct err *e);

#endif
