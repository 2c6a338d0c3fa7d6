/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONE_BUILD_H
#define DUET_ZONE_BUILD_H

#include "dname/plain.h"
#include "rrset/rdata_plain.h"
#include "sort/sort.h"
#include "zone/zone.h"

/*
 * zone_build - the way from records in any order to a checked zone; for the files of lib/zone, and for who has
 * records that were checked before.
 *
 * Records that come one after the other and have the same owner are one entry of the sort: its key is the owner's
 * (dname.h) without the part that is the apex.
 */
struct place {
	const char *file; /* NULL: no place */
	uint32_t line, column;
};

/* The data of an entry is a head, the owner where it is not the key's, and records, each with its rdata behind it. */
struct entry_head {
	uint16_t file;     /* index of the file's name, or ENTRY_NO_FILE */
	uint8_t owner_len; /* 0: the owner is the key in lower case, and the apex behind it */
};
#define ENTRY_HEAD_LEN 3
#define ENTRY_NO_FILE  UINT16_MAX
struct entry_rr {
	uint16_t type, rdlen;
	uint32_t ttl, line;
};

/* One sentence for the log; of each kind only the first few are kept, then their number. */
enum notice { NOTICE_DROPPED, NOTICE_TTL, NOTICE_DUPLICATE, NOTICE_LARGE, NOTICE_TYPES, NOTICE_OCCLUDED, NOTICE_ZONEMD,
	      NOTICE_KINDS };

struct zone_build {
	struct zone *z;
	struct zone_limits limits;
	struct sorter *sorter;
	size_t left; /* records that may still come, duplicates among them */
	size_t apex_len;
	/* the owner of what is added next */
	uint8_t owner[DNAME_MAX + PLAIN_PAD];
	size_t owner_len;
	uint8_t key[DNAME_KEY_MAX + PLAIN_PAD];
	size_t key_len;
	bool within;     /* the apex */
	bool as_key;     /* the key tells its case, too */
	/* the entry that has begun, in the memory of the sort: its key, what is behind its records, and behind its room */
	uint8_t *entry, *at, *end; /* all NULL: none */
	uint32_t ttl_most;
	char **files;    /* names of files, as places have them */
	size_t file_count;
	uint16_t file;   /* of what is added next */
	bool soa_twice;  /* the same SOA once more is no error: a transfer ends with it */
	bool soa_seen;
	bool *given_cut; /* by place in limits.given: the input delegates it; NULL: nothing is given, or it is being put in */
	size_t more_notices[NOTICE_KINDS]; /* by kind: how many there were */
};

struct zone_build *zone_build_new(const uint8_t *apex, const struct zone_limits *limits);
void zone_build_free(struct zone_build *b);

/* What follows has its place in this file (NULL: none). */
int zone_build_file(struct zone_build *b, const char *name, struct err *e);
/* What follows has this owner. */
void zone_build_owner(struct zone_build *b, const uint8_t *owner, size_t len);
/* The same for one label in front of the apex, PLAIN_PAD octets behind which can be read; false, and nothing done, unless
 * it is 1 to 31 octets, none of them below 2 or upper case. */
bool zone_build_child(struct zone_build *b, const char *label, size_t len);

/*
 * A record of the owner in two steps: room for its rdata (RDATA_PLAIN_ROOM octets, until the next call), and the record
 * itself, unless the room was not used after all.  Not for types that are left out.  -1: ERR_IO, ERR_REFUSED, ERR_LIMIT.
 */
#define ENTRY_ROOM (sizeof(struct entry_rr) + RDATA_PLAIN_ROOM)
int zone_build_more(struct zone_build *b, struct err *e); /* begins an entry where there is none, makes room in it */
static inline uint8_t *zone_build_room(struct zone_build *b, struct err *e)
{
	if ((size_t)(b->end - b->at) < ENTRY_ROOM && zone_build_more(b, e) != 0)
		return NULL;
	return b->at + sizeof(struct entry_rr);
}

/* The record in the room, if it may be: 0, 1 if it is left out, -1. */
int zone_build_verdict(struct zone_build *b, uint16_t type, uint32_t ttl, size_t rdlen, uint32_t line, struct err *e);
static inline int zone_build_put(struct zone_build *b, uint16_t type, uint32_t ttl, size_t rdlen, uint32_t line,
				 struct err *e)
{
	struct entry_rr head = { .type = type, .rdlen = (uint16_t)rdlen, .ttl = ttl, .line = line };
	int verdict;

	if (type == TYPE_SOA || ttl > b->ttl_most || b->left == 0 || !b->within ||
	    (b->given_cut != NULL && (type == TYPE_NS || type == TYPE_DS))) {
		if ((verdict = zone_build_verdict(b, type, ttl, rdlen, line, e)) != 0)
			return verdict < 0 ? -1 : 0;
	}
	memcpy(b->at, &head, sizeof(head));
	b->at += sizeof(head) + rdlen;
	b->left--;
	return 0;
}
/* A record of the owner whose rdata has been checked, copied; rr->owner is not looked at. */
int zone_build_add(struct zone_build *b, const struct rr *rr, uint32_t line, struct err *e);
/* One that is left out. */
int zone_build_drop(struct zone_build *b, uint32_t line, struct err *e);

/* Sorts, checks, sums up.  Frees b, also on failure; *out belongs to the caller. */
int zone_build_end(struct zone_build *b, struct zone **out, struct err *e);

void zone_build_notice(struct zone_build *b, enum notice kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- whether a record may be there, besides zone_build_verdict (zone_verdict.c); these refuse one of the owner ---- */

int zone_build_outside(const struct zone_build *b, uint32_t line, struct err *e);
int zone_build_too_many(const struct zone_build *b, uint32_t line, struct err *e);
/* Puts in what limits.given has for delegations that have come. */
int zone_build_put_given(struct zone_build *b, struct err *e);
/* Of a line that is added. */
struct place zone_build_place(const struct zone_build *b, uint32_t line);

/* ---- owners out of entries (zone_cursor.c) ---- */

struct owner_item {
	struct rr rr;
	struct place place;
	size_t seq;
};

struct zone_cursor {
	const struct zone *z;
	struct zone_build *b; /* in the pass that checks: has notices and places; else NULL */
	size_t apex_len;
	struct sorted_cursor *sorted;
	struct sort_record next;
	int has_next;         /* as sorted_cursor_next returned */
	bool copies;          /* entries do not stay where they are */
	struct arena *arena;  /* of the owner, when they do not */
	uint8_t key[DNAME_KEY_MAX];
	size_t key_len;
	uint8_t name[DNAME_MAX];
	struct rr *rr;
	struct place *places; /* of rr[] */
	size_t n, room;
	struct owner_item *items;
	size_t item_room;
};

/* ---- what may stand together (zone_check.c) ---- */

/* The delegation or DNAME that the owner may be below. */
struct zone_cut {
	bool there, delegation;
	uint8_t key[DNAME_KEY_MAX];
	size_t key_len;
	uint8_t name[DNAME_MAX];
};

/* The owner that c gave last. */
int zone_check(struct zone_build *b, const struct zone_cursor *c, struct zone_cut *cut, struct err *e);

/* ---- the input's own digests, once all is there (zone_zonemd.c); ERR_REFUSED ---- */

int zone_zonemd_check(struct zone_build *b, struct err *e);

/* ---- the walk over all owners (zone_pass.c) ---- */

int zone_pass(struct zone_build *b, struct err *e);

/* err_set with "FILE:LINE:COLUMN: " in front. */
int place_err(struct err *e, enum err_code code, struct place place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Puts the place in front of an error that has none. */
int place_ctx(struct err *e, struct place place);

#endif
