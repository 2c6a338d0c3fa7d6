/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STORE_H
#define DUET_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"
#include "store/page.h"

/*
 * store - the signed zones of one signer: pages in append-only volume files, and an SQLite database whose commit is
 * the publication (DESIGN section 7).
 *
 * Order of a change: pages are appended, the volume is fdatasynced, one commit with synchronous=FULL, then the new
 * version is given out.  Octets of a volume behind the last committed page are cut off at open.
 *
 * One process.  Of its threads one writes: it alone calls store_write (and what is made of it: change_publish,
 * store_remove, store_keep_put), store_sync, store_checkpoint, store_compact, store_close.  Any thread may read, and make changes up to
 * publication, each by one thread at a time, while that one writes.  Table and version objects are immutable and reference
 * counted, and may be read while newer ones are made.
 */
struct store;

enum page_chain {
	CHAIN_NAMES = 0, /* owner names in canonical order, NSEC records with them */
	CHAIN_NSEC3 = 1, /* hashed owner names in hash order */
};

/* One page's row. */
struct page_row {
	uint8_t chain;          /* enum page_chain */
	uint16_t part;          /* 0, or counts the pages of an RRset or owner that spans several */
	uint16_t key_len;
	const uint8_t *key;     /* dname_key of the first owner; owned by the table */
	uint32_t volume;
	uint32_t len;           /* length octets included */
	uint64_t offset;
	uint64_t xxh;           /* xxh3-64 of the page's octets */
	uint8_t digest[16];     /* of what the page was signed from: see zone_sign */
	int64_t earliest;       /* earliest RRSIG expiration in it, INT64_MAX without RRSIG */
	uint32_t records;
	uint32_t rrsigs;
};

/* The pages of one version in the order of transfer: CHAIN_NAMES by key and part, then CHAIN_NSEC3. */
struct table;
struct table *table_ref(struct table *t);
void table_unref(struct table *t);
size_t table_len(const struct table *t);
const struct page_row *table_row(const struct table *t, size_t i);
uint64_t table_octets(const struct table *t);
int64_t table_earliest(const struct table *t);
/* The first row at or behind `from` that ends at `before` or earlier, or has RRSIGs and ends later than `after`; table_len
 * when there is none.  Steps over chunks that have none. */
size_t table_due(const struct table *t, size_t from, int64_t before, int64_t after);

/* Order of rows: chain, key, part. */
int page_row_cmp(const struct page_row *a, const struct page_row *b);
/* Calls fn in order for each row that only one of the tables has (the other is NULL) or that lies elsewhere in the new
 * one.  Chunks that the tables share are stepped over: the cost is the change's, not the zone's.  Either table may be
 * NULL: empty.  fn's non-zero return ends it and is returned. */
int table_diff(const struct table *old, const struct table *new,
	       int (*fn)(void *ctx, const struct page_row *was, const struct page_row *is), void *ctx);

/* What a version says about itself besides its pages. */
#define SERIAL_NONE 0
struct zone_sum;
struct version_info {
	uint32_t serial;
	uint32_t input_serial;
	uint64_t content;          /* content number (DESIGN section 6) */
	uint64_t epoch;            /* of content numbers; raised by accept-serial */
	uint64_t steps;            /* key steps */
	uint8_t content_digest[48];
	uint8_t keyset[32];        /* hash over the sorted key hashes of the DNSKEY RRset; zero: unsigned */
	uint8_t id[32];            /* version id: SHA-256 of the RRSIG rdata of the SOA in canonical order; zero: unsigned */
	uint32_t largest_ttl;      /* of any record, seconds */
	int64_t earliest;          /* earliest expiration over all RRSIGs, the SOA's included */
	int64_t published_at;
	uint8_t sign_ctx[32];      /* what all pages were signed under (keys, denial mode): a page is reusable only then */
	const struct zone_sum *sum; /* of the content; used when it is published, NULL in a version */
	struct rr soa;             /* owned by the version */
	struct rr *with_soa;       /* made with it: its RRSIGs, then ZONEMD and its RRSIGs; owned by the version */
	size_t with_soa_count;
	size_t soa_sig_count;      /* RRSIGs of the SOA among them; 0: the zone is unsigned */
};

struct version;
struct version *version_ref(struct version *v);
void version_unref(struct version *v);
const struct version_info *version_info(const struct version *v);
struct table *version_table(const struct version *v); /* borrowed */

/*
 * store_open - opens or makes dir/store.db and its volumes; refuses a database newer than the program; takes an exclusive
 * lock; removes what an interrupted change left behind.  Zones whose rows are damaged are there without a version; a file
 * that SQLite cannot read is ERR_DAMAGE, with a remedy.
 */
int store_open(const char *dir, struct store **out, struct err *e);
void store_close(struct store *s);
/* A new volume is begun where one would grow above this; 64 MiB unless told. */
void store_set_volume_max(struct store *s, uint64_t octets);
/* Writes to the disk what changes have appended so far, so that their publication finds it done, and has the part of the log
 * that it will write in memory.  Thread of store_write; what fails here refuses those changes. */
int store_sync(struct store *s, struct err *e);
/* Moves recent commits from SQLite's log into its file, if they take this many pages there; best while nothing waits. */
int store_checkpoint(struct store *s, unsigned least_log_pages, struct err *e);

/* Calls fn for the apex of each zone, before anything is written.  damage: NULL, or what is wrong with its rows: then it
 * has no version until it is published anew. */
int store_zones(struct store *s, int (*fn)(void *ctx, const uint8_t *apex, const char *damage), void *ctx);
/* How many zones were found at open in rows too damaged to tell their name; they are gone. */
size_t store_unnamed_damage(const struct store *s);
/* The published version, with a reference for the caller; NULL when there is none. */
struct version *store_current(struct store *s, const uint8_t *apex);
/* The volume's read-only descriptor, borrowed; the same for as long as a version names the volume.  -1 when there is
 * none. */
int store_volume_fd(struct store *s, uint32_t volume);
/* Small state per zone that outlives it (last serial, content number, ...): JSON text, NULL when there is none (free()).
 * This and store_sum_get wait for a commit that is under way. */
char *store_keep_get(struct store *s, const uint8_t *apex);
/* What writes said of the zone's history, the newest first; the last 200 words and half a year are kept.  Waits as
 * store_keep_get does. */
int store_history(struct store *s, const uint8_t *apex, size_t most, int (*fn)(void *ctx, const char *json), void *ctx,
		  struct err *e);
/* The sum that the content of the published version v was published with.  ERR_NOTFOUND: without one. */
int store_sum_get(struct store *s, const uint8_t *apex, const struct version *v, struct zone_sum *sum, struct err *e);

/*
 * A change: begin, then in the order of transfer put new pages or keep old rows, then publish or drop.  Several may be
 * open at a time, also of one zone; then the first that is published wins and the others get ERR_NOTNOW.  After any
 * failure the change can only be dropped, the version before stays current, and the store goes on.
 */
struct change;
/* ERR_NOTNOW while the store is compacted. */
int change_begin(struct store *s, const uint8_t *apex, struct change **out, struct err *e);
/* row: chain, part, key, digest, earliest, records, rrsigs filled by the caller; the rest is set. */
int change_put(struct change *c, const uint8_t *page, size_t len, struct page_row *row, struct err *e);
/* Keeps a page of the version that was current at change_begin: a row of its table.  -1 when it is out of order, or
 * known to be damaged. */
int change_keep(struct change *c, const struct page_row *row);
/* The same for n rows from this index on; the cost is that of the chunks they lie in. */
int change_keep_rows(struct change *c, size_t from, size_t n);
/* All is put: the pages as the version will have them, readable before it is published.  With a reference. */
int change_table(struct change *c, struct table **out, struct err *e);
/* Earliest RRSIG expiration over all pages that were put or kept so far, INT64_MAX without any. */
int64_t change_earliest(const struct change *c);
/* Syncs, commits, and gives the new current version with a reference.  `keep` (JSON, may be NULL) is written by the same
 * commit, as store_keep_put.  The change is gone in any case. */
int change_publish(struct change *c, const struct version_info *info, const char *keep, struct version **out,
		   struct err *e);
/* Forgets the change; its pages are dead octets. */
void change_drop(struct change *c);

/*
 * store_write - what waits to be written, with one sync and one commit for all.  Each entry's success is its own: rc and err
 * are set for each.  An apex occurs once in the list.
 */
enum store_what {
	STORE_PUBLISH, /* change, info; keep may be NULL; version is set, with a reference */
	STORE_KEEP,    /* apex, keep */
	STORE_REMOVE,  /* apex: the zone's pages and version go; what DESIGN says outlives a zone stays kept */
	STORE_CANDIDATE, /* apex, candidate; with a change and info: in place of the one before, without: its words alone */
};

struct store_write {
	enum store_what what;
	const uint8_t *apex;
	struct change *change; /* gone afterwards, in any case */
	const struct version_info *info;
	const char *keep;
	char *const *history;      /* JSON texts and their instants, oldest first, in any write; NULL: none */
	const int64_t *history_at;
	size_t history_count;
	const char *candidate;     /* what is said of it: JSON */
	bool candidate_ends;       /* in any write: the zone has no candidate any more */
	struct version *version;
	int rc;
	struct err err;
};
void store_write(struct store *s, struct store_write *const *list, size_t n);

/*
 * A candidate is a version of the zone that waits to be published, one at most.  It is durable: rows of the pages that the
 * published version has not.  Whatever is published meanwhile, and after any crash, it has the same pages.
 *
 * store_candidate  with a reference, and its words (free()); NULL when there is none
 * change_of_candidate  a change that publishes it; nothing may be put into it.  ERR_NOTFOUND, ERR_NOTNOW
 */
struct version *store_candidate(struct store *s, const uint8_t *apex, char **text);
int change_of_candidate(struct store *s, const uint8_t *apex, struct change **out, struct err *e);
int store_remove(struct store *s, const uint8_t *apex, struct err *e);
int store_keep_put(struct store *s, const uint8_t *apex, const char *json, struct err *e);

/* Whether the page is known to be damaged: it was read so, or said to be, or its volume is missing. */
bool store_damaged(struct store *s, const struct page_row *row);
/* Somebody else read a page at this place that is not what was written. */
void store_mark_damaged(struct store *s, uint32_t volume, uint64_t offset);

/* Reads one page and checks its xxh3; buf has 65,537 octets. ERR_DAMAGE names volume and offset. */
int store_read(struct store *s, const struct page_row *row, uint8_t *buf, struct err *e);

/* Reads all pages of the version; those that are damaged are known from then on (store_damaged).  Returns how many. */
size_t store_verify(struct store *s, const struct version *v);

/* Reads and checks all pages of a table in order, neighbours at once.  fn's non-zero return ends it and is returned. */
int store_each_page(struct store *s, const struct table *t,
		    int (*fn)(void *ctx, const struct page_row *row, const uint8_t *page), void *ctx, struct err *e);

/* Every record of a version in order of transfer, SOA and its RRSIGs first. fn as in page_walk. */
int store_walk(struct store *s, const struct version *v, int (*fn)(void *ctx, const struct rr *rr), void *ctx,
	       struct err *e);

/* Which volume is worth compacting: one with so many dead octets, and so large a part of it. */
struct compact_rule {
	uint64_t dead_min;
	unsigned dead_percent;
};

/* Copies the live pages of the volume with the most dead octets elsewhere and deletes it, if the rule says so; one commit.
 * Versions held by others keep its descriptor until they are unreferenced; zones whose pages moved have a new
 * current version with the same info.  Returns 1 when it did, so that there may be more to do, or 0; -1 with ERR_NOTNOW while
 * a change is open; ERR_DAMAGE: the volume has a damaged page, and is passed over until that was made again. */
int store_compact(struct store *s, const struct compact_rule *rule, struct err *e);

#endif
