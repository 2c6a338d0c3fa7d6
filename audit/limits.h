/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_LIMITS_H
#define DUET_AUDIT_LIMITS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "audit/report.h"
#include "audit/row.h"
#include "conf/conf.h"
#include "err/err.h"

/*
 * limits - what a policy says about a signed zone: the file of `duetctl policy apply`, read by the auditor's
 * own table, and its own options besides.  Without a policy nothing is limited but what every zone needs.
 */
enum limits_keys { LIMITS_KEYS_ANY, LIMITS_CSK, LIMITS_KSK_ZSK };
enum limits_denial { LIMITS_DENIAL_ANY, LIMITS_NSEC, LIMITS_NSEC3, LIMITS_OPTOUT };

/* -1: no limit. */
struct limits {
	int algorithm; /* 0: any */
	int keys;      /* enum limits_keys */
	int denial;    /* enum limits_denial */
	int64_t ksk_bits, zsk_bits;
	int64_t nsec3_iterations, nsec3_salt_len;
	int64_t validity_s, jitter_s, inception_offset_s, propagation_s;
	int64_t max_ttl_signed_s, max_ttl_unsigned_s;
	int64_t change_warn, change_refuse; /* per cent */
	int64_t together;                   /* per cent of the RRSIGs within one hour */
	int64_t key_lifetime_s;
	int zonemd; /* hashes that must be there, as bits 1 << hash; LIMITS_ZONEMD_ANY: of either; 0: none must */
#define LIMITS_ZONEMD_ANY 1
	uint8_t severity[ROW_COUNT]; /* of rows with another than their own: 1 + enum severity; 0: their own */
	char *severity_text;
	/* Read and not looked at. */
	char *name, *load_review, *sign_review;
	int ignored_word;
	int64_t ignored;
	bool ignored_bool;
};

void limits_none(struct limits *out);
/* Every mistake in errors, which the caller frees in any case. */
int limits_read_file(const char *path, struct limits *out, struct conf_errors *errors);
/* Members as the facts of the cluster have them (seconds, '_'); what is absent is not limited. */
int limits_from_json(const json_t *j, struct limits *out, struct err *e);
void limits_free(struct limits *l);
/* Rows that have another severity by these. */
void limits_severities(const struct limits *l, struct report *r);
/* The options as mdoc list items. */
void limits_manual(FILE *out);

#endif
