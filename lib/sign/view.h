/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_VIEW_H
#define DUET_VIEW_H

#include "sign/range.h"
#include "zone/zone_diff.h"

/*
 * view - for the files of lib/sign only: the unsigned content of a version as it was and as a difference makes it,
 * read leaf by leaf where somebody looks.
 *
 * A leaf is the range of names that one page of CHAIN_NAMES stands for, or all parts with one key: from its first name
 * to the next page's, the first leaf from the apex on.  It is named by its first row.
 */
enum side { WAS, IS };

struct leaf {
	size_t first, end; /* rows */
	struct arena *arena;
	struct zone_owner *owner[2]; /* one a side, in canonical order; the apex with its SOA */
	size_t n[2];
	struct owner *kind[2]; /* the same, classified; NULL: not yet */
	bool write;            /* its pages are to be made anew */
};

struct view {
	struct store *store;
	const struct table *t;
	const struct zone_diff *d; /* NULL: no difference */
	const uint8_t *apex;
	const struct rr *soa[2];
	size_t names;       /* rows of CHAIN_NAMES */
	struct leaf **leaf; /* that were read, in order */
	size_t leaf_count, leaf_room;
	uint8_t *page;
	struct arena *names_of_keys;
};

/* All is borrowed. */
void view_init(struct view *v, struct store *store, const struct version *version, const struct zone_diff *d);
void view_fini(struct view *v);

/* Leaves by their rows: that of a name, the one behind (view_end behind the last), the one before. */
size_t view_at(const struct view *v, const uint8_t *key, size_t len);
size_t view_behind(const struct view *v, size_t row);
size_t view_before(const struct view *v, size_t row);
size_t view_end(const struct view *v);

/* Reads it unless it was read; lives as long as the view, or until view_drop. -1 with ERR_REFUSED where the difference
 * does not fit, ERR_DAMAGE, ERR_IO. */
int view_leaf(struct view *v, size_t row, struct leaf **out, struct err *e);
bool view_is_read(const struct view *v, size_t row);
void view_drop(struct view *v, size_t row);
/* Sees to l->kind[side]. */
int view_kinds(struct view *v, struct leaf *l, enum side side, struct err *e);
/* The owner of this name, or NULL. */
int view_owner(struct view *v, enum side side, const uint8_t *name, const struct zone_owner **out, struct err *e);

/* A leaf of the rows from the first to end - 1, as the view has it, which keeps it; or NULL. */
struct leaf *view_leaf_new(const struct view *v, size_t row, size_t end, struct err *e);
/* NULL does nothing. */
void view_leaf_free(struct leaf *l);
/* Index of the first name of the leaf that is not below this one in order. */
size_t leaf_find(const struct leaf *l, enum side side, const uint8_t *name);
/* The first name at or behind the leaf that is not occluded; the apex behind the last. */
int view_next(struct view *v, enum side side, size_t row, const uint8_t **name, struct err *e);
/* The first leaf at or behind the row that is to be written, or view_end. */
size_t view_next_written(const struct view *v, size_t row);
/* Whether an owner ends the zone for what is below it. */
bool owner_is_cut(const struct zone_owner *o, const uint8_t *apex);

#endif
