/* SPDX-License-Identifier: BSD-3-Clause */
/* nsec3: notes hashes of names and NSEC3 records, in two sorters. */
#include "audit/nsec3.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arena/arena.h"
#include "audit/nsec3_state.h"

#define BUDGET     (24u * 1024 * 1024)
#define PARAMS_FIX 4 /* algorithm, iterations, salt length */

struct nsec3 *nsec3_new(struct audit *a)
{
	struct nsec3 *n = mem_new(1, sizeof(*n));

	n->names = sorter_new(BUDGET, a->spill_dir);
	n->records = sorter_new(BUDGET, a->spill_dir);
	n->ctx = EVP_MD_CTX_new();
	n->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	n->path[0].len = a->zone_key_len - 1;
	for (size_t i = 0; i < a->facts->chains; i++)
		if (n->params == NULL || a->facts->chain[i].count > n->params->count)
			n->params = &a->facts->chain[i];
	if (n->ctx != NULL && n->sha1 != NULL && n->params != NULL)
		return n;
	nsec3_free(n);
	return NULL;
}

void nsec3_free(struct nsec3 *n)
{
	if (n == NULL)
		return;
	sorter_free(n->names);
	sorter_free(n->records);
	EVP_MD_CTX_free(n->ctx);
	EVP_MD_free(n->sha1);
	free(n);
}

bool nsec3_hash(EVP_MD_CTX *ctx, const EVP_MD *sha1, const uint8_t *wire, size_t len,
		const struct chain_params *params, uint8_t out[NSEC3_HASH])
{
	unsigned iterations = get16(params->octets + 1), got = 0;
	const uint8_t *salt = params->octets + PARAMS_FIX;
	size_t salt_len = params->octets[3];

	/* Each round is real work; what no validator accepts is not worth it (RFC 9276 section 3.2). */
	if (iterations > 2500)
		return false;
	for (unsigned i = 0; i <= iterations; i++) {
		if (EVP_DigestInit_ex(ctx, sha1, NULL) != 1 ||
		    EVP_DigestUpdate(ctx, i == 0 ? wire : out, i == 0 ? len : NSEC3_HASH) != 1 ||
		    EVP_DigestUpdate(ctx, salt, salt_len) != 1 || EVP_DigestFinal_ex(ctx, out, &got) != 1)
			return false;
	}
	return got == NSEC3_HASH;
}

int nsec3_note_hash(struct nsec3 *n, const uint8_t hash[NSEC3_HASH], const uint8_t *key, size_t key_len,
		    bool may_be_opted_out, bool secure_delegation, const uint8_t *bitmap, size_t bitmap_len,
		    struct err *e)
{
	uint8_t data[NAME_KEY_MAX + BITMAP_MAX];
	uint16_t kind =
		(uint16_t)((may_be_opted_out ? NAME_INSECURE : 0) | (secure_delegation ? NAME_SECURE : 0));
	struct rec *r = (struct rec *)n->scratch;

	memcpy(data, key, key_len);
	if (bitmap_len > 0)
		memcpy(data + key_len, bitmap, bitmap_len);
	/* The length of the key travels as the TTL. */
	rec_put(r, hash, NSEC3_HASH, kind, 0, (uint32_t)key_len, data, key_len + bitmap_len);
	return sorter_add(n->names, r, r->size, e);
}

static int note_name(struct audit *a, const uint8_t *key, size_t key_len, const uint8_t *wire,
		     size_t wire_len, uint16_t kind, const uint8_t *bitmap, size_t bitmap_len, struct err *e)
{
	uint8_t hash[NSEC3_HASH];
	struct nsec3 *n = a->nsec3;

	if (!nsec3_hash(n->ctx, n->sha1, wire, wire_len, n->params, hash))
		return 0; /* reported with the parameters */
	return nsec3_note_hash(n, hash, key, key_len, (kind & NAME_INSECURE) != 0, (kind & NAME_SECURE) != 0,
			       bitmap, bitmap_len, e);
}

/* Leaves the innermost name of the path; an empty non-terminal is noted now that all below it is known. */
static int leave(struct audit *a, struct err *e)
{
	struct nsec3 *n = a->nsec3;
	struct step *s = &n->path[n->depth--];
	uint8_t wire[NAME_MAX_OCTETS], key[NAME_KEY_MAX];
	size_t len;

	if (!s->insecure_only)
		n->path[n->depth].insecure_only = false;
	if (!s->empty)
		return 0;
	memcpy(key, n->path_key, s->len);
	key[s->len] = 0;
	len = name_from_key(key, s->len + 1, wire);
	return note_name(a, key, s->len + 1, wire, len, s->insecure_only ? NAME_INSECURE : 0, NULL, 0, e);
}

/* Follows the path of labels from the apex to a name. */
static int enter(struct audit *a, const uint8_t *key, size_t key_len, bool insecure, struct err *e)
{
	struct nsec3 *n = a->nsec3;
	size_t full = key_len - 1;

	while (n->depth > 0 &&
	       (n->path[n->depth].len > full || memcmp(n->path_key, key, n->path[n->depth].len) != 0))
		if (leave(a, e) != 0)
			return -1;
	for (size_t at = n->path[n->depth].len; at < full;) {
		while (key[at] != 0)
			at++;
		at++;
		n->path[++n->depth] = (struct step){ .len = at, .empty = at < full, .insecure_only = true };
	}
	memcpy(n->path_key, key, key_len);
	if (!insecure)
		n->path[n->depth].insecure_only = false;
	return 0;
}

static bool is_chain(const struct nsec3 *n, const uint8_t *rdata, size_t len)
{
	return len >= 5u + n->params->octets[3] && rdata[0] == n->params->octets[0] &&
	       memcmp(rdata + 2, n->params->octets + 1, n->params->len - 1) == 0;
}

bool nsec3_owner(const struct audit *a, const struct owner *o, uint8_t hash[NSEC3_HASH])
{
	char label[33];

	if (o->wire[0] != 32 || o->place == PLACE_BELOW_CUT ||
	    name_labels(o->wire) != name_labels(a->zone) + 1)
		return false;
	memcpy(label, o->wire + 1, 32);
	label[32] = '\0';
	return ldns_b32_pton_extended_hex(label, 32, hash, NSEC3_HASH) == NSEC3_HASH;
}

static int note_records(struct audit *a, const struct owner *o, const struct rrset *set, struct err *e)
{
	struct nsec3 *n = a->nsec3;
	struct rec *to = (struct rec *)n->scratch;
	uint8_t hash[NSEC3_HASH], data[65536];
	char text[LABEL_MAX];

	for (size_t i = 0; i < set->n; i++) {
		const uint8_t *rdata = rec_rdata(set->rec[i]);
		size_t len = set->rec[i]->rdlen, fixed = len >= 5 ? 5u + rdata[4] : len;

		owner_text(o, -1, text);
		if (!nsec3_owner(a, o, hash)) {
			report_add(a->report, NSEC3_NOTHING, o->at, "%s: the owner is no hash below the apex",
				   text);
			continue;
		}
		if (!is_chain(n, rdata, len)) {
			report_add(a->report, NSEC3_FIELDS, o->at, "%s: other parameters than the chain",
				   text);
			continue;
		}
		if ((rdata[1] & ~1) != 0)
			report_add(a->report, NSEC3_FIELDS, o->at, "%s: flags %u", text, rdata[1]);
		if (fixed + 1 + NSEC3_HASH > len || rdata[fixed] != NSEC3_HASH) {
			report_add(a->report, NSEC3_CHAIN, o->at, "%s: no next hash of 20 octets", text);
			continue;
		}
		n->flags_seen |= rdata[1];
		if ((rdata[1] & 1) != 0 &&
		    (a->limits.denial == LIMITS_NSEC3 || a->limits.denial == LIMITS_NSEC))
			report_add(a->report, NSEC3_OPTOUT, o->at, "%s", text);
		/* flags, next hash, bitmap; the place in the zone travels as the TTL */
		data[0] = rdata[1];
		memcpy(data + 1, rdata + fixed + 1, len - fixed - 1);
		rec_put(to, hash, NSEC3_HASH, 0, 0, (uint32_t)o->at, data, len - fixed);
		if (sorter_add(n->records, to, to->size, e) != 0)
			return -1;
	}
	return 0;
}

int nsec3_note(struct audit *a, const struct owner *o, struct err *e)
{
	struct rrset set = rrset_of(&o->zone, TYPE_NSEC3);
	bool ns = o->place == PLACE_CUT, ds = ns && rrset_of(&o->zone, TYPE_DS).n > 0;
	uint8_t bitmap[BITMAP_MAX];
	size_t len;

	if (set.n > 0 && note_records(a, o, &set, e) != 0)
		return -1;
	if (!has_denial_data(o))
		return 0;
	if (enter(a, o->key, o->key_len, ns && !ds, e) != 0)
		return -1;
	len = bitmap_make(o, bitmap);
	return note_name(a, o->key, o->key_len, o->wire, o->wire_len,
			 (uint16_t)((ns && !ds ? NAME_INSECURE : 0) | (ds ? NAME_SECURE : 0)), bitmap, len,
			 e);
}

int nsec3_end(struct audit *a, struct err *e)
{
	struct nsec3 *n = a->nsec3;

	while (n->depth > 0)
		if (leave(a, e) != 0)
			return -1;
	if (sorter_end(n->names, e) != 0 || sorter_end(n->records, e) != 0)
		return -1;
	if (get16(n->params->octets + 1) > 2500) {
		report_add(a->report, NSEC3_VALUES, 0, "%s: %u iterations, the chain is not checked",
			   a->zone_text, get16(n->params->octets + 1));
		return 0;
	}
	return nsec3_compare(a, e);
}
