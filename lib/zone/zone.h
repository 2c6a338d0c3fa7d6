/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONE_H
#define DUET_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"
#include "rrset/rr.h"
#include "sort/sort.h"
#include "zone/zone_sum.h"

/* A file that was read, $INCLUDE among them, or that an $INCLUDE names and is not there: all but its path is 0 then. */
struct zone_file {
	char *path;      /* as it was opened */
	int64_t size;
	int64_t mtime_ns;
	uint64_t dev, ino;
};
struct zone_files {
	struct zone_file *file;
	size_t n;
};
/* Frees what it leads to. */
void zone_files_fini(struct zone_files *files);

/*
 * zone - the unsigned content of one zone, checked, in canonical order; in memory as far as the budget for it goes,
 * beyond that in an unlinked file.  Its owners come out of a cursor.
 *
 * Invariants: 1. owners are within the apex, and come in canonical order (RFC 4034 section 6.1).  2. exactly one SOA, at
 * the apex, is soa; the apex has NS.  3. no record of a type of rr_type_is_signing.  4. every rdata has passed
 * rdata_check.  5. no CNAME beside other data, one CNAME and one DNAME at an owner at most.  6. within an RRset all TTLs
 * are equal (the lowest is taken with a notice where they differ, RFC 2181 section 5.2).
 */
struct zone {
	uint8_t apex[DNAME_MAX];
	struct sorted *entries;  /* zone_build.h */
	struct rr soa;
	size_t records, owners;
	uint32_t serial;         /* of the input's SOA */
	uint32_t largest_ttl;    /* of all records, SOA MINIMUM included */
	struct zone_sum sum;     /* over all owners */
	uint8_t digest[48];      /* of the sum: names the content, whatever the SOA's serial */
	size_t dropped;          /* DNSSEC and ZONEMD records of the input that were left out */
	struct rr *zonemd;       /* those of the apex, which were checked where they could be; at most ZONE_ZONEMD_MAX */
	size_t zonemd_count;
	char **notices;          /* sentences for the log: dropped records, large RRsets, occluded names */
	size_t notice_count;
	struct arena *arena;     /* owns all of the above */
};

#define ZONE_ZONEMD_MAX 16

/* The DS RRset that an owner is to have, whatever the input says, where the input delegates it; n 0: none. */
struct zone_given {
	const uint8_t *owner;
	const struct rr *rr;
	size_t n;
};

struct zone_limits {
	uint32_t max_ttl_s;        /* a TTL above it refuses the zone; 0: no limit */
	size_t max_rrset_octets;   /* 65000 */
	size_t warn_rrset_records; /* 100, above which BIND refuses a transfer */
	size_t max_records;        /* bound on memory */
	struct zone_files *files;  /* gets what was read, also when that fails; NULL: not wanted */
	const char *include_root;  /* $INCLUDE must stay inside this folder (after symlinks); NULL: none allowed */
	size_t sort_octets;        /* memory for records; what is above goes into a file */
	const char *sort_dir;      /* for that file; NULL: TMPDIR, or /var/tmp */
	struct sort_memory *sort_memory; /* of zones before, and for zones after; NULL: none */
	unsigned threads;          /* for a large zone: its sum; with more than one, its order beside the reading, too */
	bool without_sum;          /* leaves sum and digest 0: for who needs neither */
	const struct zone_given *given; /* by dname_cmp, each owner once; ZONEMD of the input are not checked then */
	size_t given_count;
	/* Sees each owner that has passed, in canonical order, while the zone is read; it has no SOA and no digest yet.  NULL:
	 * nobody.  What is read may be refused afterwards. */
	void (*seen)(void *ctx, const struct zone_owner *o);
	void *seen_ctx;
	bool with_dnssec;          /* a signed zone: keeps what signing made, does not check what may stand together */
};
#define ZONE_LIMITS_DEFAULT \
	((struct zone_limits){ .max_ttl_s = 0, .max_rrset_octets = 65000, .warn_rrset_records = 100, \
			       .max_records = 200000000, .sort_octets = SORT_BUDGET_DEFAULT, .threads = 1 })

/*
 * zone_read_file - reads master file text (RFC 1035 section 5, RFC 2308 $TTL, $ORIGIN, $INCLUDE, $GENERATE, RFC 3597).
 * apex in wire form.  On failure nothing is given and e says "FILE:LINE:COLUMN: what is wrong (rule)", ERR_SYNTAX,
 * ERR_LIMIT, ERR_REFUSED or ERR_IO; what is wrong between records of an owner has column 1.  The file may change while it is read: a size or time stamp that differs after reading is
 * ERR_NOTNOW, try again.
 */
int zone_read_file(const char *path, const uint8_t *apex, const struct zone_limits *limits, struct zone **out,
		   struct err *e);

/* zone_read_stream - the same from a record stream (rr.h), as a transfer brings it, in any order. */
int zone_read_stream(const uint8_t *stream, size_t len, const uint8_t *apex, const struct zone_limits *limits,
		     struct zone **out, struct err *e);

/* Sets sum and digest of a zone that was read without_sum, by so many threads. */
int zone_sum_up(struct zone *z, unsigned threads, struct err *e);

/* NULL does nothing. */
void zone_free(struct zone *z);

/*
 * zone_cursor - the owners of a zone in canonical order, the apex first.  Any number at a time, each for one thread;
 * the zone outlives them.
 */
struct zone_owner {
	const uint8_t *name;
	const struct rr *rr; /* all its records, in rr_cmp order, no duplicates, TTLs equal within an RRset */
	size_t n;            /* at least 1 */
};
struct zone_cursor;

int zone_cursor_open(const struct zone *z, struct zone_cursor **out, struct err *e);
/* 1 and an owner, 0 behind the last, -1 with ERR_IO or ERR_DAMAGE.  What *out leads to lives until the next call. */
int zone_cursor_next(struct zone_cursor *c, struct zone_owner *out, struct err *e);
/* NULL does nothing. */
void zone_cursor_close(struct zone_cursor *c);

/* The digest of RFC 8976 section 3.3.1 (SIMPLE) over all records.  hash: as in ZONEMD, 1 SHA-384, 2 SHA-512; ERR_CRYPTO. */
#define ZONE_DIGEST_MAX 64
int zone_digest_simple(const struct zone *z, uint8_t hash, uint8_t out[ZONE_DIGEST_MAX], struct err *e);
/* By several hashes, as bits 1 << hash: out[hash]. */
#define ZONE_HASHES 3 /* hash 0 is none */
int zone_digest_all(const struct zone *z, unsigned hashes, uint8_t out[ZONE_HASHES][ZONE_DIGEST_MAX], struct err *e);
/* Octets of the digest by this hash; 0: it is not known. */
size_t zone_digest_len(uint8_t hash);

/* The same of owners that come one by one, in canonical order, by several hashes at once; what is to stay out of the
 * digest does not come. */
struct zone_digester;
/* hashes: bits, 1 << hash. */
int zone_digester_new(unsigned hashes, struct zone_digester **out, struct err *e);
/* Records in rr_cmp order. */
int zone_digester_add(struct zone_digester *d, const struct rr *rr, size_t n, struct err *e);
/* Of hashes that were not asked for nothing is set. */
int zone_digester_end(struct zone_digester *d, uint8_t out[ZONE_HASHES][ZONE_DIGEST_MAX], struct err *e);
/* NULL does nothing. */
void zone_digester_free(struct zone_digester *d);

/* Of the ZONEMD records of a zone with this serial: hashes, as bits 1 << hash, of those that can be checked (RFC 8976 section 4);
 * and whether one of these says this digest: ERR_REFUSED where none does. */
unsigned zonemd_hashes(const struct rr *md, size_t n, uint32_t serial);
int zonemd_check(const struct rr *md, size_t n, uint32_t serial, uint8_t digest[ZONE_HASHES][ZONE_DIGEST_MAX], struct err *e);

/* SOA rdata helpers: the 5 numbers lie behind the two names. */
uint32_t soa_serial(const uint8_t *rdata, size_t len);
void soa_set_serial(uint8_t *rdata, size_t len, uint32_t serial);
struct soa_timers {
	uint32_t refresh_s, retry_s, expire_s, minimum_s;
};
struct soa_timers soa_timers(const uint8_t *rdata, size_t len);

#endif
