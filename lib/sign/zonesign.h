/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONESIGN_H
#define DUET_ZONESIGN_H

#include "err/err.h"
#include "sign/rrsig.h"
#include "store/store.h"
#include "zone/zone.h"

/*
 * zonesign - unsigned content and keys in, pages of a signed version out.
 */
enum denial { DENIAL_NSEC, DENIAL_NSEC3, DENIAL_NSEC3_OPTOUT };

/* An RRset at the apex that comes signed from keydist: DNSKEY, CDS, CDNSKEY. */
struct ready_rrset {
	struct rr *rrs; /* in canonical order */
	size_t n;
	struct rr *sigs;
	size_t sig_count;
};

struct sign_params {
	struct key **keys; /* zone-signing keys, each signs every authoritative RRset; 0 keys: the zone stays
			      unsigned */
	size_t key_count;
	const struct ready_rrset *ready;
	size_t ready_count;
	enum denial denial;
	uint16_t nsec3_iterations;
	uint8_t nsec3_salt_len;
	uint8_t nsec3_salt[255];
	int64_t now;
	uint32_t inception_offset_s;
	uint32_t validity_s;
	uint32_t jitter_s; /* a page's signatures end together at now + validity - random(jitter) */
	uint32_t margin_s; /* pages of `previous` that expire within it are signed anew */
	unsigned zonemd;   /* hashes of the ZONEMD that the version is to have, as bits: 1 << 1 SHA-384, 1 << 2 SHA-512 */
	bool full;         /* reuse nothing */
	const uint8_t *again; /* name whose page is signed anew by zone_patch (patch_signs); NULL: none */
	unsigned threads;     /* that sign, besides the caller, who feeds them; 0 and 1: the caller alone */
	size_t batch_octets;  /* of records that a thread takes at a time; 0: 384 KiB */
	size_t sort_octets;   /* memory for NSEC3 hashes; 0: 64 MiB */
	const char *sort_dir; /* for those beyond it; NULL: TMPDIR, or /var/tmp */
};

/* Where the time went.  What the threads have less than the two chains took, they waited for the caller. */
struct sign_times {
	int64_t names_ms, hashes_ms;          /* the chains, one after the other */
	int64_t caller_us;                    /* processor time to feed the threads, and to write what they made */
	int64_t jobs_us, least_us, most_us;   /* of signing: all, in the thread that had least, that had most */
	unsigned threads;                     /* that were begun; 0: the caller signed */
};

struct sign_stats {
	uint64_t records, rrsigs, made, kept_pages, new_pages, octets;
	struct sign_times times;
};

/*
 * zone_sign - puts the pages of the signed zone into `change` (not published).
 *
 * z         checked content; borrowed
 * previous  version to reuse pages from, or NULL: a page whose range of names has the same unsigned records,
 * chain neighbours and sign_ctx, and that ends between now + margin and now + validity, is kept; of one whose
 * records changed, the signatures over the same RRsets are kept, and new ones end with them info      on
 * success sign_ctx, earliest, largest_ttl, keyset and content_digest are set; serial, SOA and its RRSIGs are
 * not: they are made at publication by zone_sign_soa
 *
 * TTL of NSEC and NSEC3 is min(SOA TTL, SOA MINIMUM) (RFC 9077).  Occluded names and glue are not signed.
 * Returns 0 or -1 with ERR_CRYPTO, ERR_LIMIT, ERR_IO.
 */
int zone_sign(const struct zone *z, const struct sign_params *p, struct store *s, struct version *previous,
	      struct change *change, struct version_info *info, struct sign_stats *stats, struct err *e);

/* Where text goes, in order, many lines at a time. */
struct sign_text {
	int (*write)(void *ctx, const uint8_t *text, size_t len, struct err *e);
	void *ctx;
};

/*
 * zone_sign_text - the same records as master file text: all but the SOA and its RRSIGs; no pages are made.
 *
 * previous  the zone as it was signed before, read with its DNSSEC records (limits.with_dnssec), or NULL: signatures of
 * RRsets that are the same are kept where they end between now + margin and now + validity.  It has passed
 * zone_previous_check.
 */
int zone_sign_text(const struct zone *z, const struct sign_params *p, const struct zone *previous,
		   const struct sign_text *text, struct sign_stats *stats, struct err *e);

/* Whether the RRSIGs of a signed zone can be told to be by the keys that sign: ERR_REFUSED where its DNSKEY RRset lacks
 * one, or has another one of the same algorithm and tag. */
int zone_previous_check(const struct zone *previous, const struct sign_params *p, struct err *e);

/* When a signature that is made now begins, and ends: with jitter of its own. */
struct window sign_window(const struct sign_params *p);

/* soa: the content's.  Makes info->soa with the serial, its RRSIGs and the version id; memory from arena, which must live until
 * change_publish has copied it. */
int zone_sign_soa(const struct rr *soa, const struct sign_params *p, uint32_t serial, struct arena *arena,
		  struct version_info *info, struct err *e);

/*
 * zone_sign_zonemd - the ZONEMD of a version (RFC 8976, scheme SIMPLE), and its RRSIGs, behind the SOA and its own.
 *
 * t     all pages of the version; they are read, each record goes through the hashes: the cost is the zone's, not the
 *       change's, and one thread's
 * p     zonemd says which; none: nothing is done
 * info  of zone_sign_soa, which must have been called last; memory from arena
 *
 * Returns 0, or -1 with ERR_DAMAGE, ERR_IO, ERR_CRYPTO.
 */
int zone_sign_zonemd(struct store *s, const struct table *t, const struct sign_params *p, struct arena *arena,
		     struct version_info *info, struct err *e);

/* The same with digests that are known: digest[h] by hash h. */
int zone_put_zonemd(const struct sign_params *p, uint8_t digest[ZONE_HASHES][ZONE_DIGEST_MAX], struct arena *arena,
		    struct version_info *info, struct err *e);

#endif
