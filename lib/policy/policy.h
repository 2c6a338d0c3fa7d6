/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_POLICY_H
#define DUET_POLICY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "err/err.h"

/*
 * policy - how a zone is signed: keys, denial of existence, validity, waits.  A plain value without pointers:
 * copy it freely.
 *
 * People write it as YAML (durations as 14d, names with '-'); facts, plans and the API carry it as JSON
 * (seconds, names with
 * '_' and '_s').  Both are checked by the same table and rules.
 */
#define POLICY_NAME_MAX 63

enum policy_keys { POLICY_CSK, POLICY_KSK_ZSK };
enum policy_ksk_rollover { POLICY_DOUBLE_SIGNATURE, POLICY_DOUBLE_DS };
enum policy_algorithm_rollover { POLICY_CONSERVATIVE, POLICY_LIBERAL };
enum policy_steps { POLICY_AUTOMATIC, POLICY_MANUAL };
enum policy_name_servers { POLICY_LOOK, POLICY_IGNORE };
enum policy_denial { POLICY_NSEC, POLICY_NSEC3, POLICY_NSEC3_OPTOUT };
enum policy_unsigned { POLICY_HOLD, POLICY_SERVE };
enum policy_cds { POLICY_CDS_ALWAYS, POLICY_CDS_ROLLOVERS };
enum policy_ds { POLICY_DS_SHA256 = 1, POLICY_DS_SHA384 = 2 };
enum policy_order {
	POLICY_ORDER_AUTO,
	POLICY_ORDER_SEEN,
	POLICY_ORDER_SERIAL
}; /* auto: seen for files, serial for primaries */

/* What a refusal does: the next version may pass, or the zone stops until it is resumed. */
enum policy_refusal { POLICY_SOFT, POLICY_HARD };
#define POLICY_REVIEW_MAX 127 /* octets of what reviews a version */
#define POLICY_SEVERITY_MAX 1023 /* octets of all rows with another severity */

enum policy_audit { POLICY_AUDIT_WHOLE, POLICY_AUDIT_CHANGES, POLICY_AUDIT_OFF };

struct policy {
	char name[POLICY_NAME_MAX + 1];
	int64_t rev;
	int algorithm;    /* 8, 10, 13, 14, 15, 16 */
	int keys;         /* enum policy_keys */
	int ksk_rollover;       /* enum policy_ksk_rollover */
	int algorithm_rollover; /* enum policy_algorithm_rollover */
	int64_t ksk_lifetime_s, zsk_lifetime_s; /* after which a key is rolled by itself; 0: never */
	int roll_steps;                         /* enum policy_steps */
	int64_t observation_limit_s;            /* a secondary or name server silent for so long is not waited for; 0: it is */
	int name_servers;                       /* enum policy_name_servers */
	int64_t ksk_bits; /* RSA only */
	int64_t zsk_bits;
	int denial; /* enum policy_denial */
	int64_t nsec3_iterations;
	int64_t nsec3_salt_len; /* octets; each node draws its own salt */
	int unsigned_zone;      /* enum policy_unsigned; "unsigned" outside */
	int64_t validity_s;
	int64_t renewal_margin_s;
	int64_t jitter_s;
	int64_t inception_offset_s;
	int64_t dnskey_ttl_s;
	int64_t propagation_s;
	int64_t max_ttl_unsigned_s;
	int64_t max_ttl_signed_s;
	int64_t require_backups;
	bool cds;
	int cds_when;  /* enum policy_cds */
	int ds_digest; /* bits of enum policy_ds */
	int64_t parent_delay_s;
	int input_order; /* enum policy_order */
	int audit;       /* enum policy_audit */
	/* What the auditor holds a version against, besides; 0: nothing. */
	int64_t change_warn, change_refuse; /* per cent of the records */
	int64_t together;                   /* per cent of the RRSIGs within one hour */
	int64_t key_lifetime_s;
	char severity[POLICY_SEVERITY_MAX + 1]; /* "AUD-RRSIG-13=error ..."; "": each row has its own */
	/* "off", "manual", a program of hook.dir with its arguments, or the URL of a webhook. */
	char load_review[POLICY_REVIEW_MAX + 1], sign_review[POLICY_REVIEW_MAX + 1];
	int64_t review_limit_s;
	int load_refused, audit_refused, sign_refused; /* enum policy_refusal */
	int zonemd;                                    /* hashes of the ZONEMD that is made, as bits 1 << hash; 0: none is */
	int64_t audit_whole_every_s;                   /* 0: not by time */
};

/* The built-in policy `default`, rev 0. */
struct policy policy_default(void);

/* policy_read_file - a YAML file as people write it: every mistake in errors, with warnings (sentences that
 * refuse nothing) in warnings; both are freed by the caller with conf_errors_free.  Options that are not
 * given have the built-in default. */
int policy_read_file(const char *path, struct policy *out, struct conf_errors *errors,
		     struct conf_errors *warnings);
int policy_read_text(const char *path, const char *text, size_t len, struct policy *out,
		     struct conf_errors *errors, struct conf_errors *warnings);

/* From JSON, unknown members ignored (a newer node may have more); all mistakes in one sentence of e,
 * ERR_SYNTAX or ERR_REFUSED. */
int policy_from_json(const json_t *j, struct policy *out, struct err *e);
/* A new object; all members. */
json_t *policy_to_json(const struct policy *p);

/* YAML as people write it, with all defaults; the options as mdoc list items. */
void policy_print(const struct policy *p, FILE *out);
void policy_print_manual(FILE *out);

/* The rules that bind several options; mistakes and warnings are added.  warnings NULL: it comes from a node that may be newer,
 * so rows of the auditor that are not known here are no mistake. */
void policy_check(const struct policy *p, struct conf_errors *errors, struct conf_errors *warnings);

/* input_order with auto resolved by the zone's source ("file:..." or "primary:..."): POLICY_ORDER_SEEN or
 * _SERIAL. */
int policy_order(const struct policy *p, const char *source);

#endif
