/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_PLAN_H
#define DUET_AUDIT_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/limits.h"
#include "err/err.h"

/*
 * plan - what is to be published at this moment, said by somebody other than the signer (JSON,
 * docs/audit.md).
 */

struct plan_rdata {
	uint8_t *rdata;
	size_t len;
};

/* An RRset or a list of keys; given: the plan has the member, if only with nothing in it. */
struct plan_set {
	bool given;
	struct plan_rdata *item;
	size_t n;
};

/* Which content a version has: newer by epoch, then number, then the larger digest. */
struct plan_content {
	bool given;
	int64_t epoch, number;
	char digest[97]; /* in hex (sum.h); "": any */
};
/* Below 0: a is older; 0: the same. */
int plan_content_cmp(const struct plan_content *a, const struct plan_content *b);

/* A version somebody is known to have. */
struct plan_known {
	char who[64];
	uint32_t serial;
	bool served;
	bool self; /* this node, which has forgotten it */
	struct plan_content content;
};

/* A key that other signers publish or published, for a past that is empty. */
struct plan_seed {
	struct plan_rdata key;
	bool visible; /* it stands in the DNSKEY RRset of all of them, long enough */
	bool used, retired; /* it signs zone data; all have ceased to */
};

/* A delegation to a zone that is signed here, too, with the DS that it is to have. */
struct plan_child {
	uint8_t name[255]; /* lower case */
	size_t len;
	struct plan_set ds;
};

struct plan {
	bool unsigned_zone;
	bool observed; /* what others show was looked at: keys wait for TTLs alone */
	bool set_back; /* the past is that of an old copy, and lacks what was published after it */
	struct plan_set dnskey, cds, cdnskey; /* sorted by octets */
	bool ds_given;
	struct plan_set *ds; /* what the parent shows; more than one where its servers differ */
	size_t ds_sets;
	struct plan_set foreign;                  /* keys of another signer, which sign nothing here */
	struct plan_set lost;                     /* keys whose private halves are lost: they may be without signatures */
	struct plan_set csk;                      /* keys with SEP that sign zone data */
	struct plan_set signing;                  /* keys that sign without being in the DNSKEY RRset */
	bool algorithms_given, algorithm[256];
	bool limits_given;
	struct limits limits;
	struct plan_content content;
	bool forced; /* what is published is renewed in need, below or above versions that it ought not to stand beside */
	struct plan_known *known;
	size_t known_count;
	struct plan_seed *seed;
	size_t seeds;
	struct plan_child *child; /* for plan_child */
	size_t children;
};

/* Names what the plan says of children: SHA-256 in hex, "" where it says nothing; returns out. */
#define PLAN_CHILDREN_HEX 65
char *plan_children_hex(const struct plan *p, char out[PLAN_CHILDREN_HEX]);

/* From JSON or its text; ERR_SYNTAX names the member.  NULL on failure. */
struct plan *plan_from_json(const json_t *root, struct err *e);
struct plan *plan_parse(const char *text, size_t len, struct err *e);
struct plan *plan_read(const char *path, struct err *e);
void plan_free(struct plan *p);
/* The child of this name, in lower case; NULL. */
const struct plan_child *plan_child(const struct plan *p, const uint8_t *name, size_t len);
/* Whether the plan (NULL: none) says that a key is another signer's, is lost, is a CSK. */
bool plan_is_foreign(const struct plan *p, const uint8_t *rdata, size_t len);
bool plan_is_lost(const struct plan *p, const uint8_t *rdata, size_t len);
bool plan_is_csk(const struct plan *p, const uint8_t *rdata, size_t len);

/* ---- what plan.c and plan_others.c share ---- */

#define PLAN_ITEMS_MAX 1024
/* Rdata in presentation format, of at least so many octets. */
int plan_read_rdata(const char *type, const char *text, size_t least, struct plan_rdata *out, struct err *e);
int plan_read_content(const json_t *o, struct plan_content *out, struct err *e);
int plan_read_others(const json_t *root, struct plan *p, struct err *e);
void plan_free_others(struct plan *p);

#endif
