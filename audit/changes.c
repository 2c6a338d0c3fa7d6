/* SPDX-License-Identifier: BSD-3-Clause */
/* changes: parts of two versions into two sorters; owners that differ are looked at. */
#include "audit/changes.h"

#include <ctype.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena/arena.h"
#include "audit/changes3.h"
#include "audit/convert.h"
#include "audit/signatures.h"
#include "audit/sum.h"

#define PARTS_MAX   (256u << 20)
#define SORT_BUDGET (24u * 1024 * 1024)

struct start {
	uint8_t key[NAME_KEY_MAX];
	size_t len;
};

struct changes {
	struct start *start; /* first owners of runs of names, in order */
	size_t starts, at;
	bool last, closed3;
	struct cut was_cut;
	struct chain_params params; /* of the NSEC3PARAM; len 0: none */
	struct changes3 *nsec3;     /* NULL: no NSEC3PARAM */
	struct sum *delta;          /* of the content, from what it was to what it is */
	bool content_changed;
	bool same_keys; /* the DNSKEY RRset is as it was */
	bool has_sum;
	uint8_t sum[SUM_OCTETS]; /* of the new content, as the input has it */
};

/* ---- reading ---- */

static int read_all(int fd, uint8_t **out, size_t *len, struct err *e)
{
	size_t cap = 256 * 1024;

	*out = mem_grow(NULL, 1, cap);
	for (*len = 0;;) {
		ssize_t n = read(fd, *out + *len, cap - *len);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_errno(e, "reading");
		*len += n > 0 ? (size_t)n : 0;
		if (*len > PARTS_MAX)
			return err_set(e, ERR_LIMIT, "more than %u octets of changes", PARTS_MAX);
		if (*len == cap)
			*out = mem_grow(*out, cap *= 2, 1);
	}
}

/* The first owner of a message behind its length. */
static int first_owner(const uint8_t *m, size_t len, uint8_t wire[NAME_MAX_OCTETS], size_t *wire_len, struct err *e)
{
	ldns_rdf *owner = NULL;
	size_t at = 12;

	if (len < 12 || ldns_wire2dname(&owner, m, len, &at) != LDNS_STATUS_OK || ldns_rdf_size(owner) > NAME_MAX_OCTETS) {
		ldns_rdf_deep_free(owner);
		return err_set(e, ERR_SYNTAX, "a page without an owner");
	}
	*wire_len = ldns_rdf_size(owner);
	memcpy(wire, ldns_rdf_data(owner), *wire_len);
	name_lower(wire, *wire_len);
	ldns_rdf_deep_free(owner);
	return 0;
}

static int note_start(struct audit *a, struct changes *c, char tag, const uint8_t *m, size_t len, struct err *e)
{
	struct owner o = { .place = PLACE_NAME };
	uint8_t hash[NSEC3_HASH];
	struct start *s;

	if (first_owner(m, len, o.wire, &o.wire_len, e) != 0)
		return -1;
	if (tag == 'C' || tag == 'N') {
		c->start = mem_grow(c->start, c->starts + 1, sizeof(*c->start));
		s = &c->start[c->starts++];
		s->len = name_key(o.wire, s->key);
	} else if (c->nsec3 != NULL && nsec3_owner(a, &o, hash)) {
		changes3_start(c->nsec3, hash);
	}
	return 0;
}

struct parts {
	struct converter *converter;
	struct sorter *now, *was; /* the two versions */
	struct facts both, only_now, only_was;
};

static int take_message(struct parts *p, char tag, uint8_t *m, size_t len, struct err *e)
{
	const struct batch b = { .data = m, .len = len };

	switch (tolower((unsigned char)tag)) {
	case 'c':
	case 'k':
		converter_begin(p->converter, p->now, p->was, &p->both);
		break;
	case 'n':
	case 'm':
		converter_begin(p->converter, p->now, NULL, &p->only_now);
		break;
	case 'o':
	case 'p':
		converter_begin(p->converter, p->was, NULL, &p->only_was);
		break;
	default:
		return err_set(e, ERR_SYNTAX, "tag %d is not known", tag);
	}
	return convert_wire(p->converter, &b, e);
}

/* Two SOAs, then a page for each tag. */
static int take_all(struct parts *p, const char *tags, uint8_t *data, size_t len, struct err *e)
{
	size_t count = strlen(tags), at = 0;

	for (size_t i = 0; i < count + 2; i++) {
		size_t n = at + 2 <= len ? (size_t)(data[at] << 8 | data[at + 1]) : 0;

		if (n < 12 || at + 2 + n > len)
			return err_set(e, ERR_SYNTAX, "fewer messages than tags");
		if (take_message(p, i == 0 ? 'n' : i == 1 ? 'o' : tags[i - 2], data + at, 2 + n, e) != 0)
			return -1;
		at += 2 + n;
	}
	return at == len ? 0 : err_set(e, ERR_SYNTAX, "more messages than tags");
}

static int take_starts(struct audit *a, struct changes *c, const char *tags, const uint8_t *data, struct err *e)
{
	size_t at = 0;

	for (size_t i = 0; i < strlen(tags) + 2; i++) {
		size_t n = (size_t)(data[at] << 8 | data[at + 1]);

		if (i >= 2 && isupper((unsigned char)tags[i - 2]) &&
		    note_start(a, c, tags[i - 2], data + at + 2, n, e) != 0)
			return -1;
		at += 2 + n;
	}
	return 0;
}

/* What the whole zone has now, by what it had when it passed. */
static void set_facts(const struct audit *a, const struct parts *p, struct facts *out)
{
	const struct past_version *last = &a->past->last;

	*out = p->both;
	facts_merge(out, &p->only_now);
	out->records = last->records + p->only_now.records - p->only_was.records;
	out->octets = last->octets + p->only_now.octets - p->only_was.octets;
	if (last->largest_ttl > out->largest_ttl)
		out->largest_ttl = last->largest_ttl;
}

/* What stands before the messages; its length, or -1. */
static int take_sum(struct changes *c, const json_t *job, const uint8_t *data, size_t len, struct err *e)
{
	if (!json_is_true(json_object_get(job, "sum")))
		return 0;
	if (len < SUM_OCTETS)
		return err_set(e, ERR_SYNTAX, "no sum of %d octets", SUM_OCTETS);
	memcpy(c->sum, data, SUM_OCTETS);
	c->has_sum = true;
	return SUM_OCTETS;
}

/* Chain parameters stand in the NSEC3PARAM: there may be no NSEC3 among the parts. */
static void take_params(struct changes *c, struct facts *facts)
{
	if (facts->param.len == 0)
		return;
	c->params = facts->param;
	c->nsec3 = changes3_new(&c->params);
	if (facts->chains == 0)
		facts->chain[facts->chains++] = facts->param;
}

/* Where another NSEC3PARAM came, records that are not among the parts ought to have changed with it. */
static int check_params(const struct parts *p, struct err *e)
{
	const struct chain_params *both = &p->both.param;
	const struct chain_params *now = p->only_now.param.len > 0 ? &p->only_now.param : both;
	const struct chain_params *was = p->only_was.param.len > 0 ? &p->only_was.param : both;

	if (now->len == was->len && memcmp(now->octets, was->octets, now->len) == 0)
		return 0;
	return err_set(e, ERR_REFUSED, "the NSEC3PARAM is another: the whole zone is needed");
}

/* Delegations that are not among the parts ought to have changed with what the plan says of them. */
static int check_children(const struct audit *a, struct err *e)
{
	char now[PLAN_CHILDREN_HEX];

	plan_children_hex(a->plan, now);
	if (now[0] == '\0' || strcmp(now, a->past->last.children) == 0)
		return 0;
	return err_set(e, ERR_REFUSED, "the DS of zones that are signed here, too, are others: the whole zone is needed");
}

int changes_read(struct audit *a, const json_t *job, int fd, struct facts *facts, struct err *e)
{
	const char *tags = json_string_value(json_object_get(job, "tags"));
	struct parts *p = mem_new(1, sizeof(*p));
	struct changes *c = a->changes = mem_new(1, sizeof(*c));
	uint8_t *data = NULL;
	int rc = -1, at;
	size_t len;

	c->last = json_is_true(json_object_get(job, "last"));
	c->closed3 = json_is_true(json_object_get(job, "closed3"));
	c->delta = sum_new();
	p->converter = converter_new();
	p->now = a->zone_sorter = sorter_new(SORT_BUDGET, a->spill_dir);
	p->was = a->input_sorter = sorter_new(SORT_BUDGET, a->spill_dir);
	if (tags == NULL || a->past == NULL || !a->past->last.there || a->past->last.content[0] == '\0' || c->delta == NULL) {
		err_set(e, ERR_SYNTAX, "changes need tags, and a version that has passed");
		goto out;
	}
	if (check_children(a, e) != 0 || read_all(fd, &data, &len, e) != 0 || (at = take_sum(c, job, data, len, e)) < 0 ||
	    take_all(p, tags, data + at, len - (size_t)at, e) != 0 || sorter_end(a->zone_sorter, e) != 0 ||
	    sorter_end(a->input_sorter, e) != 0 || check_params(p, e) != 0)
		goto out;
	set_facts(a, p, facts);
	take_params(c, facts);
	rc = take_starts(a, c, tags, data + at, e);
out:
	converter_free(p->converter);
	free(data);
	free(p);
	return rc;
}

void changes_free(struct changes *c)
{
	if (c == NULL)
		return;
	changes3_free(c->nsec3);
	sum_free(c->delta);
	free(c->start);
	free(c);
}

enum denial changes_denial(const struct audit *a)
{
	if (a->changes->nsec3 != NULL)
		return DENIES_NSEC3;
	return a->facts->nsec > 0 ? DENIES_NSEC : DENIES_NOTHING;
}

bool changes_all_optout(const struct audit *a)
{
	return a->past->last.all_optout && a->facts->optout == a->facts->nsec3;
}

/* ---- owners ---- */

static bool same(const struct records *a, const struct records *b)
{
	const struct rrset all = { 0, a->rec, a->n }, other = { 0, b->rec, b->n };

	return rrset_same(&all, &other);
}

static bool same_keys(const struct owner *now, const struct owner *was)
{
	struct rrset is = rrset_of(&now->zone, TYPE_DNSKEY), before = rrset_of(&was->zone, TYPE_DNSKEY);

	return is.n > 0 && rrset_same(&is, &before);
}

/* Content is compared by its sum, where it may have changed at all. */
static void note_content(struct changes *c, const struct owner *now, const struct owner *was)
{
	if (content_same(now, was))
		return;
	c->content_changed = true;
	sum_add(c->delta, now, &now->zone);
	sum_sub(c->delta, was, &was->zone);
}

static bool begins_run(struct changes *c, const struct owner *o)
{
	bool begins = false;

	for (; c->at < c->starts; c->at++) {
		const struct start *s = &c->start[c->at];
		int order = memcmp(o->key, s->key, o->key_len < s->len ? o->key_len : s->len);

		if (order < 0)
			break;
		begins = true;
	}
	return begins;
}

static void denial_of_name(struct audit *a, struct changes *c, const struct owner *o, const struct owner *was, bool passed)
{
	if (begins_run(c, o))
		a->last_nsec.any = false;
	if (a->denial == DENIES_NSEC3) {
		changes3_name(a, c->nsec3, o, was);
		return;
	}
	if (o->zone.n == 0)
		return;
	if (passed)
		nsec_follow(a, o);
	else
		nsec_check(a, o);
}

int changes_owner(struct audit *a, struct owner *o, struct err *e)
{
	struct changes *c = a->changes;
	struct owner was = *o;
	bool passed, hashed;

	if (o->place == PLACE_APEX && rrset_of(&o->zone, TYPE_ZONEMD).n > 0)
		return err_set(e, ERR_REFUSED, "there is a ZONEMD: the whole zone is needed");
	was.zone = o->input;
	was.input = (struct records){ NULL, 0 };
	owner_place(a, &was, &c->was_cut);
	if (was.place == PLACE_BELOW_DNAME && owner_is_hash(a, &was))
		was.place = PLACE_NAME;
	if (o->place == PLACE_APEX) /* the first of all */
		c->same_keys = same_keys(o, &was);
	passed = was.place == o->place && o->place != PLACE_APEX && same(&o->zone, &was.zone);
	hashed = owner_is_hash(a, o) || owner_is_hash(a, &was);
	if (!passed) {
		note_content(c, o, &was);
		if (o->zone.n > 0) {
			content_check(a, o);
			rules_check(a, o);
			signatures_check(a, o, c->same_keys ? &was : NULL);
		}
	}
	if (hashed && a->denial == DENIES_NSEC3)
		changes3_records(a, c->nsec3, o, &was);
	else
		denial_of_name(a, c, o, &was, passed);
	return 0;
}

/* The content that the input has, with the change taken back, must be the one that passed. */
static void check_content(struct audit *a, struct changes *c)
{
	if (!c->has_sum) { /* no new content was to come */
		if (c->content_changed)
			report_add(a->report, CONTENT_DIGEST, 0, "%s: it changed, the input did not", a->zone_text);
		snprintf(a->content_hex, sizeof(a->content_hex), "%s", a->past->last.content);
		return;
	}
	sum_negate(c->delta);
	sum_add_lanes(c->delta, c->sum);
	sum_hex(c->delta, a->content_hex);
	if (strcmp(a->content_hex, a->past->last.content) != 0)
		report_add(a->report, CONTENT_DIGEST, 0, "%s: the records that changed are not those that the input changed",
			   a->zone_text);
	sum_add_lanes(a->sum, c->sum);
	sum_hex(a->sum, a->content_hex);
}

void changes_end(struct audit *a)
{
	struct changes *c = a->changes;

	if (a->denial == DENIES_NSEC3)
		changes3_end(a, c->nsec3, c->closed3);
	else if (c->last)
		nsec_end(a);
	check_content(a, c);
}
