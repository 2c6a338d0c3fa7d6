/* SPDX-License-Identifier: BSD-3-Clause */
/* audit: the pass over input and signed zone, owner by owner. */
#include "audit/audit.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "audit/changes.h"
#include "audit/cross.h"
#include "audit/nsec3.h"
#include "audit/signatures.h"
#include "audit/sum.h"
#include "audit/zonemd.h"

#define OWNER_OCTETS (64u * 1024 * 1024) /* of all its records */

/* The records of one owner out of a sorter. */
struct side {
	struct sorter *sorter; /* NULL: nothing comes */
	const struct rec *ahead;
	uint8_t *buf; /* copies, offsets in at[] */
	size_t used, cap;
	size_t *at, n, at_cap;
	const struct rec **rec;
};

static int keep(struct side *s, const struct rec *r, struct err *e)
{
	if (s->used + r->size > OWNER_OCTETS)
		return err_set(e, ERR_LIMIT, "the records of one name are longer than %u octets", OWNER_OCTETS);
	if (s->used + r->size > s->cap) {
		s->cap = 2 * (s->used + r->size);
		s->buf = mem_grow(s->buf, s->cap, 1);
	}
	if (s->n == s->at_cap) {
		s->at_cap = s->at_cap != 0 ? 2 * s->at_cap : 64;
		s->at = mem_grow(s->at, s->at_cap, sizeof(*s->at));
		s->rec = mem_grow(s->rec, s->at_cap, sizeof(*s->rec));
	}
	memcpy(s->buf + s->used, r, r->size);
	s->at[s->n++] = s->used;
	s->used += r->size;
	return 0;
}

static bool same_key(const struct rec *r, const uint8_t *key, size_t len)
{
	return r->key_len == len && memcmp(r->octets, key, len) == 0;
}

/* All records of a key.  *mixed: one was there twice with different TTLs. */
static int gather(struct side *s, const uint8_t *key, size_t len, struct records *out, bool *mixed,
		  struct err *e)
{
	s->used = s->n = 0;
	*mixed = false;
	while (s->ahead != NULL && same_key(s->ahead, key, len)) {
		const struct rec *last = s->n > 0 ? (const struct rec *)(s->buf + s->at[s->n - 1]) : NULL;

		if (last != NULL && rec_cmp(last, s->ahead) == 0)
			*mixed = *mixed || last->ttl != s->ahead->ttl;
		else if (keep(s, s->ahead, e) != 0)
			return -1;
		if (sorter_next(s->sorter, &s->ahead, e) != 0)
			return -1;
	}
	for (size_t i = 0; i < s->n; i++)
		s->rec[i] = (const struct rec *)(s->buf + s->at[i]);
	*out = (struct records){ s->rec, s->n };
	return 0;
}

bool rrset_next(const struct records *r, size_t *i, struct rrset *out)
{
	size_t from = *i;

	if (from == r->n)
		return false;
	while (*i < r->n && r->rec[*i]->type == r->rec[from]->type)
		(*i)++;
	*out = (struct rrset){ r->rec[from]->type, r->rec + from, *i - from };
	return true;
}

bool rrset_same(const struct rrset *a, const struct rrset *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (rec_cmp(a->rec[i], b->rec[i]) != 0 || a->rec[i]->ttl != b->rec[i]->ttl)
			return false;
	return true;
}

struct rrset rrset_of(const struct records *r, uint16_t type)
{
	size_t low = 0, high = r->n;
	struct rrset set;

	while (low < high) { /* the first one whose type is not below */
		const size_t mid = low + (high - low) / 2;

		if (r->rec[mid]->type < type)
			low = mid + 1;
		else
			high = mid;
	}
	if (rrset_next(r, &low, &set) && set.type == type)
		return set;
	return (struct rrset){ type, NULL, 0 };
}

bool is_authoritative(const struct owner *o, uint16_t type)
{
	switch (o->place) {
	case PLACE_APEX:
	case PLACE_NAME:
		return type != TYPE_RRSIG;
	case PLACE_CUT: /* a delegation may have the name that is the hash of another, or of its own */
		return type == TYPE_DS || type == TYPE_NSEC || type == TYPE_NSEC3;
	case PLACE_BELOW_CUT:
	case PLACE_BELOW_DNAME:
	case PLACE_OUTSIDE:
		return false;
	}
	return false;
}

bool has_denial_data(const struct owner *o)
{
	if (o->place != PLACE_APEX && o->place != PLACE_NAME && o->place != PLACE_CUT)
		return false;
	for (size_t i = 0; i < o->zone.n; i++) {
		uint16_t type = o->zone.rec[i]->type;

		if (type != TYPE_RRSIG && type != TYPE_NSEC && type != TYPE_NSEC3)
			return true;
	}
	return false;
}

char *type_text(uint16_t type, char out[24])
{
	const ldns_rr_descriptor *d = ldns_rr_descript(type);

	if (d != NULL && d->_name != NULL && d->_type == type)
		snprintf(out, 24, "%s", d->_name);
	else
		snprintf(out, 24, "TYPE%u", type);
	return out;
}

char *owner_text(const struct owner *o, int type, char out[LABEL_MAX])
{
	char word[24];
	size_t len;

	name_text(o->wire, out);
	len = strlen(out);
	if (type >= 0)
		snprintf(out + len, LABEL_MAX - len, " %s", type_text((uint16_t)type, word));
	return out;
}

static bool has_type(const struct records *r, uint16_t type)
{
	return rrset_of(r, type).n > 0;
}

bool owner_is_hash(const struct audit *a, const struct owner *o)
{
	return has_type(&o->zone, TYPE_NSEC3) && name_labels(o->wire) == name_labels(a->zone) + 1;
}

/* Where an owner stands, and what is below it. */
void owner_place(const struct audit *a, struct owner *o, struct cut *cut)
{
	const struct records *by = o->zone.n > 0 || a->changes != NULL ? &o->zone : &o->input;

	if (!name_at_or_below(o->key, o->key_len, a->zone_key, a->zone_key_len)) {
		o->place = PLACE_OUTSIDE;
		return;
	}
	if (cut->len > 0 && name_at_or_below(o->key, o->key_len, cut->key, cut->len)) {
		/* The NSEC3s of a zone with a DNAME at its apex stand below it (RFC 5155 section 1.3). */
		o->place = cut->below == PLACE_BELOW_DNAME && owner_is_hash(a, o) ? PLACE_NAME : cut->below;
		return;
	}
	o->place = o->key_len == a->zone_key_len ? PLACE_APEX
		   : has_type(by, TYPE_NS)       ? PLACE_CUT
						 : PLACE_NAME;
	cut->len = 0;
	if (o->place == PLACE_CUT || has_type(by, TYPE_DNAME)) {
		memcpy(cut->key, o->key, o->key_len);
		cut->len = o->key_len;
		cut->below = o->place == PLACE_CUT ? PLACE_BELOW_CUT : PLACE_BELOW_DNAME;
	}
}

static int check_owner(struct audit *a, struct owner *o, bool mixed, struct err *e)
{
	char text[LABEL_MAX];

	if (mixed)
		report_add(a->report, TTL_RRSET, o->at, "%s: one record with two TTLs",
			   owner_text(o, -1, text));
	if (a->cross != NULL)
		return cross_owner(a, o, e);
	if (o->place == PLACE_APEX)
		apex_begin(a, o);
	if (a->changes == NULL || o->place == PLACE_OUTSIDE)
		content_check(a, o);
	if (o->place == PLACE_OUTSIDE || (o->zone.n == 0 && a->changes == NULL))
		return 0;
	if (a->signatures == NULL && (a->signatures = signatures_new(a)) == NULL)
		return err_set(e, ERR_LIMIT, "no threads");
	if (a->changes != NULL)
		return changes_owner(a, o, e);
	rules_check(a, o);
	signatures_check(a, o, NULL);
	if (a->denial != DENIES_NSEC3)
		nsec_check(a, o);
	if (a->denial == DENIES_NSEC3 && nsec3_note(a, o, e) != 0)
		return -1;
	zonemd_note(a->zonemd, o);
	return 0;
}

static int pass(struct audit *a, struct side *input, struct side *zone, struct err *e)
{
	struct cut cut = { .len = 0 };
	struct owner o = { .at = 0 };
	uint8_t key[NAME_KEY_MAX];

	while (input->ahead != NULL || zone->ahead != NULL) {
		const struct rec *first = zone->ahead;
		bool mixed, ignored;

		if (first == NULL || (input->ahead != NULL &&
				      memcmp(input->ahead->octets, first->octets,
					     input->ahead->key_len < first->key_len ? input->ahead->key_len
										    : first->key_len) < 0))
			first = input->ahead;
		o.at++;
		o.key_len = first->key_len;
		memcpy(key, first->octets, o.key_len);
		o.key = key;
		o.wire_len = name_from_key(key, o.key_len, o.wire);
		if (gather(input, key, o.key_len, &o.input, &ignored, e) != 0 ||
		    gather(zone, key, o.key_len, &o.zone, &mixed, e) != 0)
			return -1;
		owner_place(a, &o, &cut);
		if (check_owner(a, &o, mixed, e) != 0)
			return -1;
	}
	return 0;
}

static int side_open(struct side *s, struct sorter *sorter, struct err *e)
{
	s->sorter = sorter;
	return sorter != NULL ? sorter_next(sorter, &s->ahead, e) : 0;
}

static void side_close(struct side *s)
{
	free(s->buf);
	free(s->at);
	free(s->rec);
}

/* The digest of all that is to be published, whose apex is first. */
static int digest_pass(struct audit *a, struct err *e)
{
	struct side all = { .sorter = NULL };
	struct owner o = { .at = 0 };
	uint8_t key[NAME_KEY_MAX];
	int rc = side_open(&all, a->digest_sorter, e);
	bool mixed;

	while (rc == 0 && all.ahead != NULL) {
		o.at++;
		o.key_len = all.ahead->key_len;
		memcpy(key, all.ahead->octets, o.key_len);
		o.key = key;
		o.wire_len = name_from_key(key, o.key_len, o.wire);
		o.place = o.key_len == a->zone_key_len && memcmp(key, a->zone_key, o.key_len) == 0 ? PLACE_APEX : PLACE_NAME;
		if ((rc = gather(&all, key, o.key_len, &o.zone, &mixed, e)) == 0)
			zonemd_note(a->zonemd, &o);
	}
	side_close(&all);
	return rc;
}

static void set_denial(struct audit *a)
{
	const struct facts *f = a->facts;

	if (a->changes != NULL)
		a->denial = changes_denial(a);
	else
		a->denial = f->nsec3 > f->nsec ? DENIES_NSEC3 : f->nsec > 0 ? DENIES_NSEC : DENIES_NOTHING;
	/* Among the parts there may be none of the kind that the zone has. */
	if ((f->nsec3 > 0 && f->nsec > 0) || (a->changes != NULL && a->denial == DENIES_NSEC3 && f->nsec > 0))
		report_add(a->report, NSEC_BOTH, 0, "%s: %llu NSEC and %llu NSEC3", a->zone_text,
			   (unsigned long long)f->nsec, (unsigned long long)f->nsec3);
}

static int finish(struct audit *a, struct err *e)
{
	if (a->cross != NULL) {
		cross_end(a);
		return 0;
	}
	signatures_end(a);
	if (a->changes != NULL && changes_check_ends(a, e) != 0)
		return -1;
	apex_end(a);
	cds_check(a);
	content_end(a); /* before what asks which content it is */
	serial_check(a);
	history_check(a);
	zonemd_end(a);
	return 0;
}

int audit_run(struct audit *a, struct err *e)
{
	struct side input = { .sorter = NULL }, zone = { .sorter = NULL };
	int rc = -1;

	a->zone_key_len = name_key(a->zone, a->zone_key);
	set_denial(a);
	a->zonemd = zonemd_new();
	if ((a->sum = sum_new()) == NULL) {
		err_set(e, ERR_CRYPTO, "no AES-256-CTR");
		goto out;
	}
	if (a->denial == DENIES_NSEC3 && a->changes == NULL && (a->nsec3 = nsec3_new(a)) == NULL) {
		err_set(e, ERR_LIMIT, "no memory");
		goto out;
	}
	if (a->cross != NULL && cross_begin(a, e) != 0)
		goto out;
	if (a->digest_sorter != NULL && digest_pass(a, e) != 0)
		goto out;
	if (side_open(&input, a->input_sorter, e) != 0 || side_open(&zone, a->zone_sorter, e) != 0 ||
	    pass(a, &input, &zone, e) != 0)
		goto out;
	if (a->changes != NULL && changes_end(a, e) != 0)
		goto out;
	if (a->changes == NULL && a->denial != DENIES_NSEC3)
		nsec_end(a);
	if (a->changes == NULL && a->denial == DENIES_NSEC3 && nsec3_end(a, e) != 0)
		goto out;
	rc = finish(a, e);
out:
	side_close(&input);
	side_close(&zone);
	signatures_free(a->signatures);
	nsec3_free(a->nsec3);
	zonemd_free(a->zonemd);
	sum_free(a->sum);
	return rc;
}
