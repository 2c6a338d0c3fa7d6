/* SPDX-License-Identifier: BSD-3-Clause */
/* convert: text and messages to records in canonical form (RFC 4034 section 6.2), by ldns. */
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arena/arena.h"
#include "audit/reading.h"

#define SCRATCH_OCTETS (128u * 1024)
#define TYPE_NSAP_PTR  23
#define TYPE_A6        38
#define TYPE_SINK      40

/* Records of one batch on their way to the sorter. */
struct converter {
	struct sorter *sorter;
	struct facts *facts;
	uint8_t *scratch; /* SCRATCH_OCTETS + REC_MAX */
	size_t used;
	uint8_t owner[NAME_MAX_OCTETS];
	uint8_t key[NAME_KEY_MAX];
	size_t owner_len, key_len;
};

/* RFC 4034 section 6.2 with RFC 6840 section 5.1: names in the rdata of these are in lowercase; not in NSEC.
 */
static bool names_are_lowered(ldns_rr_type type)
{
	switch ((int)type) {
	case LDNS_RR_TYPE_NS:
	case LDNS_RR_TYPE_MD:
	case LDNS_RR_TYPE_MF:
	case LDNS_RR_TYPE_CNAME:
	case LDNS_RR_TYPE_SOA:
	case LDNS_RR_TYPE_MB:
	case LDNS_RR_TYPE_MG:
	case LDNS_RR_TYPE_MR:
	case LDNS_RR_TYPE_PTR:
	case LDNS_RR_TYPE_MINFO:
	case LDNS_RR_TYPE_MX:
	case LDNS_RR_TYPE_RP:
	case LDNS_RR_TYPE_AFSDB:
	case LDNS_RR_TYPE_RT:
	case LDNS_RR_TYPE_SIG:
	case LDNS_RR_TYPE_PX:
	case LDNS_RR_TYPE_NXT:
	case LDNS_RR_TYPE_NAPTR:
	case LDNS_RR_TYPE_KX:
	case LDNS_RR_TYPE_SRV:
	case LDNS_RR_TYPE_DNAME:
	case LDNS_RR_TYPE_RRSIG:
		return true;
	default:
		return false;
	}
}

static void count_chain(struct facts *f, const uint8_t *rdata, size_t len)
{
	uint8_t octets[CHAIN_MAX];
	size_t n, i = 0;

	if (len < 5 || 5u + rdata[4] > len)
		return;
	octets[0] = rdata[0];
	memcpy(octets + 1, rdata + 2, 3u + rdata[4]);
	n = 4u + rdata[4];
	while (i < f->chains && (f->chain[i].len != n || memcmp(f->chain[i].octets, octets, n) != 0))
		i++;
	if (i == CHAINS_KEPT)
		return;
	if (i == f->chains) {
		memcpy(f->chain[i].octets, octets, n);
		f->chain[i].len = n;
		f->chains++;
	}
	f->chain[i].count++;
}

static void note_param(struct facts *f, const uint8_t *rdata, size_t len)
{
	if (len < 5 || len != 5u + rdata[4])
		return;
	f->param.octets[0] = rdata[0];
	memcpy(f->param.octets + 1, rdata + 2, len - 2);
	f->param.len = len - 1;
}

static void count(struct facts *f, uint16_t type, uint32_t ttl, size_t owner_len, const uint8_t *rdata,
		  size_t len)
{
	f->records++;
	f->octets += owner_len + 10 + len;
	if (ttl > f->largest_ttl)
		f->largest_ttl = ttl;
	f->rrsigs += type == LDNS_RR_TYPE_RRSIG;
	f->nsec += type == LDNS_RR_TYPE_NSEC;
	f->dnskey += type == LDNS_RR_TYPE_DNSKEY;
	if (type == LDNS_RR_TYPE_NSEC3PARAM)
		note_param(f, rdata, len);
	if (type == LDNS_RR_TYPE_NSEC3) {
		f->nsec3++;
		count_chain(f, rdata, len);
	}
}

static int flush(struct converter *c, struct err *e)
{
	size_t used = c->used;

	c->used = 0;
	return used > 0 ? sorter_add(c->sorter, c->scratch, used, e) : 0;
}

/* ldns has A6 as a type without form: prefix length, address, name (RFC 2874 section 3.1). */
static void lower_a6(uint16_t type, uint8_t *rdata, size_t len)
{
	if (type == TYPE_A6 && len > 1 && rdata[0] <= 128 && 17u - rdata[0] / 8u < len)
		name_lower(rdata + 17 - rdata[0] / 8, len - (17u - rdata[0] / 8u));
}

static int rdata_of(const ldns_rr *rr, uint8_t *out, size_t *len, struct err *e)
{
	bool lowered = names_are_lowered(ldns_rr_get_type(rr));

	*len = 0;
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
		size_t n = rdf != NULL ? ldns_rdf_size(rdf) : 0;

		if (*len + n > 65535)
			return err_set(e, ERR_LIMIT, "rdata longer than 65535 octets");
		if (n > 0)
			memcpy(out + *len, ldns_rdf_data(rdf), n);
		if (lowered && n > 0 && ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_DNAME)
			name_lower(out + *len, n);
		*len += n;
	}
	lower_a6((uint16_t)ldns_rr_get_type(rr), out, *len);
	return 0;
}

static void set_owner(struct converter *c, const uint8_t *owner, size_t len)
{
	if (c->owner_len == len && memcmp(c->owner, owner, len) == 0)
		return;
	c->owner_len = len;
	memcpy(c->owner, owner, len);
	c->key_len = name_key(c->owner, c->key);
}

/* A record of the owner set before. */
static int put(struct converter *c, uint16_t type, uint16_t rclass, uint32_t ttl, const uint8_t *rdata,
	       size_t len, struct err *e)
{
	if (rclass != LDNS_RR_CLASS_IN)
		return err_set(e, ERR_SYNTAX, "class %u, must be IN", rclass);
	rec_put((struct rec *)(c->scratch + c->used), c->key, c->key_len, type, rclass, ttl, rdata, len);
	c->used += rec_size(c->key_len, len);
	count(c->facts, type, ttl, c->owner_len, rdata, len);
	return c->used >= SCRATCH_OCTETS ? flush(c, e) : 0;
}

static int take(struct converter *c, const ldns_rr *rr, struct err *e)
{
	const ldns_rdf *owner = ldns_rr_owner(rr);
	uint8_t rdata[65536];
	size_t len;

	if (ldns_rdf_size(owner) > NAME_MAX_OCTETS)
		return err_set(e, ERR_SYNTAX, "name longer than 255 octets");
	if (rdata_of(rr, rdata, &len, e) != 0)
		return -1;
	set_owner(c, ldns_rdf_data(owner), ldns_rdf_size(owner));
	return put(c, (uint16_t)ldns_rr_get_type(rr), (uint16_t)ldns_rr_get_class(rr), ldns_rr_ttl(rr), rdata,
		   len, e);
}

/* ---- messages ---- */

/* A record whose rdata holds no compressed names stands in the message as it is compared and signed; ldns
 * gets the length of some of these types wrong (NSAP-PTR), so that only its name goes through ldns. */
static int take_plain(struct converter *c, const ldns_rdf *owner, const uint8_t *fixed, struct err *e)
{
	uint16_t type = (uint16_t)(fixed[0] << 8 | fixed[1]), rclass = (uint16_t)(fixed[2] << 8 | fixed[3]);
	uint32_t ttl =
		(uint32_t)fixed[4] << 24 | (uint32_t)fixed[5] << 16 | (uint32_t)fixed[6] << 8 | fixed[7];
	size_t len = (size_t)(fixed[8] << 8 | fixed[9]);
	uint8_t a6[65536];

	set_owner(c, ldns_rdf_data(owner), ldns_rdf_size(owner));
	if (type != TYPE_A6)
		return put(c, type, rclass, ttl, fixed + 10, len, e);
	memcpy(a6, fixed + 10, len);
	lower_a6(type, a6, len);
	return put(c, type, rclass, ttl, a6, len, e);
}

/* One record at *at, which moves behind it. */
static int convert_record(struct converter *c, const uint8_t *m, size_t len, size_t *at, struct err *e)
{
	size_t start = *at, end;
	ldns_rdf *owner = NULL;
	ldns_rr *rr = NULL;
	ldns_status s = ldns_wire2dname(&owner, m, len, at);
	int rc = -1;

	if (s != LDNS_STATUS_OK || *at + 10 > len ||
	    (end = *at + 10 + (size_t)(m[*at + 8] << 8 | m[*at + 9])) > len) {
		err_set(e, ERR_SYNTAX, "%s", s != LDNS_STATUS_OK ? ldns_get_errorstr_by_id(s) : "cut short");
	} else if (!names_are_lowered((ldns_rr_type)(m[*at] << 8 | m[*at + 1]))) {
		rc = take_plain(c, owner, m + *at, e);
		*at = end;
	} else if ((s = ldns_wire2rr(&rr, m, len, &start, LDNS_SECTION_ANSWER)) != LDNS_STATUS_OK ||
		   start != end) {
		err_set(e, ERR_SYNTAX, "%s",
			s != LDNS_STATUS_OK ? ldns_get_errorstr_by_id(s) : "rdata of a wrong length");
	} else {
		rc = take(c, rr, e);
		*at = end;
	}
	ldns_rdf_deep_free(owner);
	ldns_rr_free(rr);
	return rc;
}

static int convert_message(struct converter *c, const uint8_t *m, size_t len, struct err *e)
{
	size_t at = 12, questions = (size_t)(m[4] << 8 | m[5]), answers = (size_t)(m[6] << 8 | m[7]);

	for (size_t i = 0; i < questions; i++) {
		ldns_rr *rr = NULL;
		ldns_status s = ldns_wire2rr(&rr, m, len, &at, LDNS_SECTION_QUESTION);

		ldns_rr_free(rr);
		if (s != LDNS_STATUS_OK)
			return err_set(e, ERR_SYNTAX, "question: %s", ldns_get_errorstr_by_id(s));
	}
	for (size_t i = 0; i < answers; i++)
		if (convert_record(c, m, len, &at, e) != 0)
			return err_ctx(e, "record %zu of a message of %zu octets", i, len);
	return 0;
}

int convert_wire(const struct batch *b, struct facts *facts, struct err *e)
{
	struct converter c = { .sorter = b->source->sorter, .facts = facts };
	int rc = 0;

	c.scratch = mem_new(1, SCRATCH_OCTETS + REC_MAX);
	for (size_t at = 0; rc == 0 && at < b->len;) {
		size_t len = (size_t)(b->data[at] << 8 | b->data[at + 1]);

		rc = convert_message(&c, b->data + at + 2, len, e);
		at += 2 + len;
	}
	if (rc == 0)
		rc = flush(&c, e);
	free(c.scratch);
	return rc;
}

/* ---- text ---- */

/* Names the type where that is what ldns does not know. */
static int not_understood(const char *line, size_t number, ldns_status s, struct err *e)
{
	static const char *const words[] = { "IN", "CH", "HS", "NONE", "ANY" };
	char copy[512], *save = NULL, *word;
	bool first = *line != ' ' && *line != '\t';

	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " \t", &save); word != NULL; word = strtok_r(NULL, " \t", &save)) {
		bool skip = first || (*word >= '0' && *word <= '9');

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			skip = skip || strcasecmp(word, words[i]) == 0;
		first = false;
		if (!skip)
			break;
	}
	if (word != NULL && strncasecmp(word, "TYPE", 4) != 0 && ldns_get_rr_type_by_name(word) == 0)
		return err_set(e, ERR_SYNTAX,
			       "line %zu: type %.40s is unknown here; write it as TYPEnnn \\# LENGTH HEX",
			       number, word);
	return err_set(e, ERR_SYNTAX, "line %zu: %s%s%.40s", number, ldns_get_errorstr_by_id(s),
		       word != NULL ? ", type " : "", word != NULL ? word : "");
}

/* One logical line without comments, parentheses and newlines in `line`; the number of lines it took. */
static size_t next_line(const uint8_t *p, size_t len, size_t *at, char *line)
{
	bool quoted = false;
	size_t depth = 0, newlines = 0, n = 0, i = *at;

	for (; i < len; i++) {
		char c = (char)p[i];

		if (c == '\\' && i + 1 < len) {
			line[n++] = c;
			line[n++] = (char)p[++i];
			continue;
		}
		if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == ';')
			while (i + 1 < len && p[i + 1] != '\n')
				i++;
		if (c == '\n') {
			newlines++;
			if (depth == 0 && !quoted) {
				i++;
				break;
			}
		} else if (!quoted && c == '(') {
			depth++;
		} else if (!quoted && c == ')' && depth > 0) {
			depth--;
		}
		if (!quoted && strchr("()\n\r;", c) != NULL)
			c = ' ';
		line[n++] = c;
	}
	/* ldns takes a blank behind the last quote for one more field. */
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t') && (n < 2 || line[n - 2] != '\\'))
		n--;
	line[n] = '\0';
	*at = i;
	return newlines > 0 ? newlines : 1;
}

struct text_state {
	ldns_rdf *origin, *prev;
	uint32_t ttl;
	bool ttl_stated; /* by $TTL */
};

/* ldns takes these for one text. */
static bool is_misread(const ldns_rr *rr)
{
	return (int)ldns_rr_get_type(rr) == TYPE_NSAP_PTR || (int)ldns_rr_get_type(rr) == TYPE_SINK;
}

static int convert_line(struct converter *c, struct text_state *t, const char *line, size_t number,
			struct err *e)
{
	ldns_rr *rr = NULL;
	ldns_status s;
	int rc;

	/* ldns takes 0 for "no default", so the default is put in here. */
	s = ldns_rr_new_frm_str(&rr, line, TTL_UNKNOWN, t->origin, &t->prev);
	if (s != LDNS_STATUS_OK)
		return not_understood(line, number, s, e);
	if (ldns_rr_ttl(rr) == TTL_UNKNOWN)
		ldns_rr_set_ttl(rr, t->ttl);
	if (is_misread(rr) && strstr(line, "\\#") == NULL)
		rc = err_set(e, ERR_SYNTAX,
			     "line %zu: text of type %u is misread here; write it as TYPE%u \\# LENGTH HEX",
			     number, (unsigned)ldns_rr_get_type(rr), (unsigned)ldns_rr_get_type(rr));
	else if (ldns_rr_ttl(rr) == TTL_UNKNOWN)
		rc = err_set(e, ERR_SYNTAX, "line %zu: no TTL, and none before it", number);
	else
		rc = take(c, rr, e);
	if (!t->ttl_stated) /* RFC 1035 section 5.1: that of the record before */
		t->ttl = ldns_rr_ttl(rr);
	ldns_rr_free(rr);
	return rc;
}

int convert_text(const struct batch *b, struct facts *facts, struct err *e)
{
	struct converter c = { .sorter = b->source->sorter, .facts = facts };
	struct text_state t = { .ttl = b->ttl, .ttl_stated = b->ttl != TTL_UNKNOWN };
	char *line = mem_new(1, b->len + 2);
	size_t number = b->line, origin_len = name_length(b->origin, sizeof(b->origin));
	int rc = 0;

	c.scratch = mem_new(1, SCRATCH_OCTETS + REC_MAX);
	t.origin = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin_len, b->origin);
	t.prev = ldns_rdf_clone(t.origin);
	for (size_t at = 0; rc == 0 && at < b->len;) {
		size_t lines = next_line(b->data, b->len, &at, line);

		if (line[strspn(line, " \t")] != '\0')
			rc = convert_line(&c, &t, line, number, e);
		number += lines;
	}
	if (rc == 0)
		rc = flush(&c, e);
	ldns_rdf_deep_free(t.origin);
	ldns_rdf_deep_free(t.prev);
	free(c.scratch);
	free(line);
	return rc;
}
