/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_AUDIT_H
#define DUET_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/dnskey.h"
#include "audit/limits.h"
#include "audit/name.h"
#include "audit/past.h"
#include "audit/plan.h"
#include "audit/reading.h"
#include "audit/report.h"
#include "audit/sorter.h"

/*
 * audit - one signed zone, its input, and what was found.
 *
 * The zone passes once, owner by owner in canonical order, input and signed zone side by side; the checks are
 * functions that see one owner.  Signatures are verified by a pool (signatures.h).  Single-threaded but for
 * that.
 */
#define TYPE_A          1
#define TYPE_NS         2
#define TYPE_CNAME      5
#define TYPE_SOA        6
#define TYPE_SIG        24
#define TYPE_KEY        25
#define TYPE_AAAA       28
#define TYPE_NXT        30
#define TYPE_DNAME      39
#define TYPE_DS         43
#define TYPE_RRSIG      46
#define TYPE_NSEC       47
#define TYPE_DNSKEY     48
#define TYPE_NSEC3      50
#define TYPE_NSEC3PARAM 51
#define TYPE_CDS        59
#define TYPE_CDNSKEY    60
#define TYPE_ZONEMD     63

enum place { PLACE_OUTSIDE, PLACE_APEX, PLACE_NAME, PLACE_CUT, PLACE_BELOW_CUT, PLACE_BELOW_DNAME };
enum denial { DENIES_NOTHING, DENIES_NSEC, DENIES_NSEC3 };

/* Records of one owner, in order, without duplicates. */
struct records {
	const struct rec **rec;
	size_t n;
};

struct owner {
	uint64_t at; /* number in canonical order, from 1 */
	const uint8_t *key;
	size_t key_len;
	uint8_t wire[NAME_MAX_OCTETS]; /* lowercase */
	size_t wire_len;
	enum place place; /* by the signed zone */
	struct records input, zone;
};

struct signatures;
struct nsec3;
struct zonemd;
struct sum;
struct changes;
struct cross;

struct audit {
	/* given */
	uint8_t zone[NAME_MAX_OCTETS]; /* lowercase */
	size_t zone_len;
	char zone_text[NAME_TEXT_MAX];
	int64_t now; /* seconds since 1970 UTC */
	bool with_input;
	unsigned threads;
	const char *spill_dir;
	struct limits limits;
	struct plan *plan; /* NULL: none */
	struct past *past; /* NULL: none */
	struct changes *changes; /* NULL: the zone is whole; else only parts of it are there, and of what it was before */
	struct cross *cross; /* NULL: the input is that of the zone; else it is our version, and the zone another signer's (cross.h) */
	struct report *report;

	/* known before the pass */
	bool again; /* it is what was published last */
	bool expiring; /* what is published is about to end, by the word of who asks */
	const struct facts *facts, *input_facts;
	struct sorter *zone_sorter, *input_sorter; /* input: NULL without one */
	struct ends *ends; /* of the zone's RRSIGs */
	struct sorter *digest_sorter; /* of changes: the whole zone, for its ZONEMD alone; NULL without one */
	uint8_t zone_key[NAME_KEY_MAX];
	size_t zone_key_len;
	enum denial denial;

	/* known after it */
	bool insecure_hashed; /* a name that opt-out may leave out has an NSEC3 record */

	/* known from the apex on */
	bool has_soa, has_input_soa;
	uint32_t serial, input_serial, soa_ttl, soa_minimum, soa_expire;
	struct dnskeys keys; /* of the DNSKEY RRset, then those of the plan that sign without being in it */
	size_t published_keys;
	uint32_t dnskey_ttl;
	bool has_algorithm[256];  /* in the DNSKEY RRset */
	bool need_algorithm[256]; /* of every RRset; of the DNSKEY RRset those that it has */
	struct records cds, cdnskey; /* copies */

	/* parts */
	struct signatures *signatures;
	struct nsec3 *nsec3;
	struct zonemd *zonemd;
	struct {
		bool any, broken;
		uint64_t at;
		uint8_t owner[NAME_MAX_OCTETS], next[NAME_MAX_OCTETS];
	} last_nsec;

	/* results */
	struct sum *sum; /* of the content */
	char content_hex[97];
	uint64_t verified;
	int64_t earliest_expiration; /* 0: no RRSIG */
	char earliest_owner[NAME_TEXT_MAX + 16];
};

/* audit_run - the whole pass.  0 whatever was found, -1 when it could not be made. */
int audit_run(struct audit *a, struct err *e);

/* whole.c: reads the zone, source[0], and with n 2 its input, and makes the pass.  As audit_run. */
int audit_whole(struct audit *a, struct zone_source *source, size_t n, struct err *e);
/* The exit code of a pass that was made. */
#define EXIT_UNKNOWN 1
#define EXIT_REFUSED 3
int audit_code(const struct audit *a);
/* The version that passed is the past's candidate; its keys with what they signed. */
void audit_candidate(struct audit *a);
/* A new object; code as audit_code. */
json_t *audit_json(const struct audit *a, int code);
/* The same for parts of it (changes.h), which are read already. */
int audit_changes(struct audit *a, struct facts *facts, struct err *e);
/* What audit_whole made, plan, past and report. */
void audit_fini(struct audit *a);

/* What is below a cut or a DNAME, on the way through the owners. */
struct cut {
	uint8_t key[NAME_KEY_MAX];
	size_t len; /* 0: none */
	enum place below;
};
/* Sets o->place by its records. */
void owner_place(const struct audit *a, struct owner *o, struct cut *cut);
/* Whether it is where an NSEC3 stands. */
bool owner_is_hash(const struct audit *a, const struct owner *o);

/* ---- the checks; each sees every owner of the zone ---- */

/* An RRset of the owner's: records of one type. */
struct rrset {
	uint16_t type;
	const struct rec *const *rec;
	size_t n;
};
/* The RRset that begins at *i, which moves behind it; false at the end. */
bool rrset_next(const struct records *r, size_t *i, struct rrset *out);
/* Whether two RRsets are the same records with the same TTLs. */
bool rrset_same(const struct rrset *a, const struct rrset *b);
/* The RRset of a type; n is 0 when there is none. */
struct rrset rrset_of(const struct records *r, uint16_t type);
/* Whether the zone answers for it and signs it. */
bool is_authoritative(const struct owner *o, uint16_t type);
/* Whether the owner has data that denial must show. */
bool has_denial_data(const struct owner *o);
/* "www.example. A" for messages; returns out. */
#define LABEL_MAX (NAME_TEXT_MAX + 24)
char *owner_text(const struct owner *o, int type, char out[LABEL_MAX]);
char *type_text(uint16_t type, char out[24]);
static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

void apex_begin(struct audit *a, const struct owner *o);
/* After the pass, when it is known what each key signed. */
void apex_end(struct audit *a);
/* Names the keys that sign the DNSKEY RRset, once that is known; returns out. */
char *apex_chain(const struct audit *a, char out[PAST_CHAIN_HEX]);
void content_check(struct audit *a, const struct owner *o);
/* Types that signing adds at an owner. */
bool content_is_added(const struct owner *o, uint16_t type);
/* Whether two versions of an owner differ at most in what signing adds. */
bool content_same(const struct owner *a, const struct owner *b);
/* After the pass. */
void content_end(struct audit *a);
void rules_check(struct audit *a, const struct owner *o);
void nsec_check(struct audit *a, const struct owner *o);
/* An owner that was checked before: it only stands in the chain. */
void nsec_follow(struct audit *a, const struct owner *o);
void nsec_end(struct audit *a);
void serial_check(struct audit *a);
void history_check(struct audit *a);
void cds_check(struct audit *a);
void cds_fini(struct audit *a);

/* Types present at an owner, for a bitmap: RFC 4034 section 4.1.2. */
#define BITMAP_MAX (256 * 34)
size_t bitmap_make(const struct owner *o, uint8_t out[BITMAP_MAX]);

#endif
