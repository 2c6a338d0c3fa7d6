/* SPDX-License-Identifier: BSD-3-Clause */
/* changes: the parts of two versions, read into two sorters. */
#include <ctype.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena/arena.h"
#include "audit/borders.h"
#include "audit/changes_state.h"
#include "audit/convert.h"

#define PARTS_MAX    (256u << 20)
#define SORT_BUDGET  (24u * 1024 * 1024)
#define WHOLE_BUDGET (80u * 1024 * 1024)

/* At most so many octets; what follows is left. */
static int read_all(int fd, size_t most, uint8_t **out, size_t *len, struct err *e)
{
	size_t cap = 256 * 1024;

	*out = mem_grow(NULL, 1, cap);
	for (*len = 0;;) {
		const size_t room = cap < most ? cap - *len : most - *len;
		ssize_t n = room == 0 ? 0 : read(fd, *out + *len, room);

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

/* Of what comes before the whole zone. */
static int read_length(int fd, size_t *out, struct err *e)
{
	uint8_t *octets = NULL;
	size_t len;
	int rc = read_all(fd, 4, &octets, &len, e);

	if (rc == 0 && len < 4)
		rc = err_set(e, ERR_SYNTAX, "no length");
	if (rc == 0)
		*out = get32(octets);
	free(octets);
	return rc;
}

/* The owner that stands at an octet of a message. */
static int owner_at(const uint8_t *m, size_t len, size_t at, uint8_t wire[NAME_MAX_OCTETS], size_t *wire_len, struct err *e)
{
	ldns_rdf *owner = NULL;

	if (len < at || ldns_wire2dname(&owner, m, len, &at) != LDNS_STATUS_OK || ldns_rdf_size(owner) > NAME_MAX_OCTETS) {
		ldns_rdf_deep_free(owner);
		return err_set(e, ERR_SYNTAX, "a page without an owner");
	}
	*wire_len = ldns_rdf_size(owner);
	memcpy(wire, ldns_rdf_data(owner), *wire_len);
	name_lower(wire, *wire_len);
	ldns_rdf_deep_free(owner);
	return 0;
}

/* What stands at the octet begins a run. */
static int note_start(struct audit *a, struct changes *c, char tag, const uint8_t *m, size_t len, size_t at, struct err *e)
{
	struct owner o = { .place = PLACE_NAME };
	uint8_t hash[NSEC3_HASH];
	struct start *s;

	if (owner_at(m, len, at, o.wire, &o.wire_len, e) != 0)
		return -1;
	if (tolower((unsigned char)tag) == 'c' || tag == 'N') {
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
	unsigned labels; /* of the apex */
	size_t *gap;     /* for each tag: the octet of its message that a run begins at, too; 0: none */
};

/* Of a page of names that both versions have, its borders. */
static int take_borders(struct parts *p, const uint8_t *m, size_t len, size_t *gap, struct err *e)
{
	struct stretch s[2];
	size_t n = borders_find(m, len, p->labels, s);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = convert_records(p->converter, m, len, s[i].from, s[i].to, e);
	*gap = n == 2 ? s[1].from : 0;
	return rc;
}

static int take_message(struct parts *p, char tag, uint8_t *m, size_t len, size_t *gap, struct err *e)
{
	const struct batch b = { .data = m, .len = len };

	switch (tolower((unsigned char)tag)) {
	case 'c':
		converter_begin(p->converter, p->now, p->was, &p->both);
		return take_borders(p, m + 2, len - 2, gap, e);
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

	p->gap = mem_new(count + 2, sizeof(*p->gap));
	for (size_t i = 0; i < count + 2; i++) {
		size_t n = at + 2 <= len ? (size_t)(data[at] << 8 | data[at + 1]) : 0;

		if (n < 12 || at + 2 + n > len)
			return err_set(e, ERR_SYNTAX, "fewer messages than tags");
		if (take_message(p, i == 0 ? 'n' : i == 1 ? 'o' : tags[i - 2], data + at, 2 + n, &p->gap[i], e) != 0)
			return -1;
		at += 2 + n;
	}
	return at == len ? 0 : err_set(e, ERR_SYNTAX, "more messages than tags");
}

static int take_starts(struct audit *a, struct changes *c, const char *tags, const size_t *gap, const uint8_t *data,
		       struct err *e)
{
	size_t at = 0;

	for (size_t i = 0; i < strlen(tags) + 2; i++) {
		size_t n = (size_t)(data[at] << 8 | data[at + 1]);
		char tag = i < 2 ? 'n' : tags[i - 2];

		if ((isupper((unsigned char)tag) && note_start(a, c, tag, data + at + 2, n, 12, e) != 0) ||
		    (gap[i] > 0 && note_start(a, c, tag, data + at + 2, n, gap[i], e) != 0))
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
	out->content = last->content_records + p->only_now.content - p->only_was.content;
	out->content_octets = last->content_octets + p->only_now.content_octets - p->only_was.content_octets;
	if (last->largest_ttl > out->largest_ttl)
		out->largest_ttl = last->largest_ttl;
	if (last->signed_ttl > out->signed_ttl)
		out->signed_ttl = last->signed_ttl;
	out->ends = a->ends;
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

/* All messages, as AXFR has them: for a digest of the zone. */
static int read_whole(struct audit *a, int fd, struct err *e)
{
	struct zone_source all = { .label = "the whole zone", .fd = fd, .form = FORM_WIRE, .to_its_end = true };

	all.sorter = a->digest_sorter = sorter_new(WHOLE_BUDGET, a->spill_dir);
	if (reading_run(&all, 1, a->zone, a->threads, e) != 0)
		return -1;
	return all.incomplete[0] == '\0' ? 0 : err_set(e, ERR_SYNTAX, "%s: %s", all.label, all.incomplete);
}

int changes_read(struct audit *a, const json_t *job, int fd, struct facts *facts, struct err *e)
{
	const char *tags = json_string_value(json_object_get(job, "tags"));
	size_t most = SIZE_MAX;
	struct parts *p = mem_new(1, sizeof(*p));
	struct changes *c = a->changes = mem_new(1, sizeof(*c));
	uint8_t *data = NULL;
	int rc = -1, at;
	size_t len;

	c->last = json_is_true(json_object_get(job, "last"));
	c->closed3 = json_is_true(json_object_get(job, "closed3"));
	c->digested = json_is_true(json_object_get(job, "digested"));
	c->delta = sum_new();
	p->converter = converter_new();
	p->labels = name_labels(a->zone);
	p->only_now.ends = a->ends = ends_new(a->now);
	p->only_was.ends = ends_new(a->now);
	p->now = a->zone_sorter = sorter_new(SORT_BUDGET, a->spill_dir);
	p->was = a->input_sorter = sorter_new(SORT_BUDGET, a->spill_dir);
	if (tags == NULL || a->past == NULL || !a->past->last.there || a->past->last.content[0] == '\0' || c->delta == NULL) {
		err_set(e, ERR_SYNTAX, "changes need tags, and a version that has passed");
		goto out;
	}
	if (check_children(a, e) != 0 || (c->digested && read_length(fd, &most, e) != 0) || read_all(fd, most, &data, &len, e) != 0 ||
	     (at = take_sum(c, job, data, len, e)) < 0 ||
	    take_all(p, tags, data + at, len - (size_t)at, e) != 0 || sorter_end(a->zone_sorter, e) != 0 ||
	    sorter_end(a->input_sorter, e) != 0 || check_params(p, e) != 0 ||
	    ends_carry(a->ends, a->past->last.ends, p->only_was.ends, e) != 0)
		goto out;
	set_facts(a, p, facts);
	take_params(c, facts);
	rc = take_starts(a, c, tags, p->gap, data + at, e);
	if (rc == 0 && c->digested)
		rc = read_whole(a, fd, e);
out:
	converter_free(p->converter);
	ends_free(p->only_was.ends);
	free(data);
	free(p->gap);
	free(p);
	return rc;
}
