/* SPDX-License-Identifier: BSD-3-Clause */
/* fields: cuts a line at its blanks; what ldns read of a short field is kept in a table by its text. */
#include "audit/fields.h"

#include <assert.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arena/arena.h"
#include "audit/convert.h"

#define MEMOS     256 /* a power of two */
#define MEMO_TEXT 62
#define MEMO_WIRE 64
#define TEXT_MAX  8192 /* of a field that is not short */

struct memo {
	ldns_rdf_type type; /* NONE: free */
	uint8_t text_len, wire_len;
	char text[MEMO_TEXT];
	uint8_t wire[MEMO_WIRE];
};

struct fields {
	struct memo memo[MEMOS];
	char text[TEXT_MAX], joined[TEXT_MAX];
	uint8_t wire[FIELDS_RDATA];
};

/* Where one stands in the line. */
struct word {
	const char *p;
	size_t len;
};

struct fields *fields_new(void)
{
	static_assert(LDNS_RDF_TYPE_NONE == 0, "a new table is free");
	return mem_new(1, sizeof(struct fields));
}

void fields_free(struct fields *f)
{
	free(f);
}

static struct memo *memo_of(struct fields *f, ldns_rdf_type type, const struct word *w)
{
	uint64_t first = 0, last = 0;
	size_t n = w->len < 8 ? w->len : 8;

	memcpy(&first, w->p, n);
	memcpy(&last, w->p + w->len - n, n);
	first = (first ^ (uint64_t)type << 56 ^ w->len) * 0x9e3779b97f4a7c15u;
	return &f->memo[((first ^ last) * 0x9e3779b97f4a7c15u) >> 32 & (MEMOS - 1)];
}

/* The field as ldns reads it; *len 0 where it refuses it.  It lives until the next one is read. */
static const uint8_t *read_field(struct fields *f, ldns_rdf_type type, const struct word *w, size_t *len)
{
	const bool is_short = w->len > 0 && w->len <= MEMO_TEXT && type != LDNS_RDF_TYPE_B64;
	struct memo *m = is_short ? memo_of(f, type, w) : NULL;
	ldns_rdf *rdf;

	*len = 0;
	if (m != NULL && m->type == type && m->text_len == w->len && memcmp(m->text, w->p, w->len) == 0) {
		*len = m->wire_len;
		return m->wire;
	}
	if (w->len == 0 || w->len >= sizeof(f->text))
		return f->wire;
	memcpy(f->text, w->p, w->len);
	f->text[w->len] = '\0';
	if ((rdf = ldns_rdf_new_frm_str(type, f->text)) == NULL)
		return f->wire;
	if (ldns_rdf_size(rdf) <= sizeof(f->wire))
		memcpy(f->wire, ldns_rdf_data(rdf), *len = ldns_rdf_size(rdf));
	ldns_rdf_deep_free(rdf);
	if (m != NULL && *len <= MEMO_WIRE) {
		m->type = type;
		m->text_len = (uint8_t)w->len;
		m->wire_len = (uint8_t)*len;
		memcpy(m->text, w->p, w->len);
		memcpy(m->wire, f->wire, *len);
	}
	return f->wire;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next word, and *p behind it; nothing at the end. */
static struct word next_word(const char **p, const char *end)
{
	const char *from = *p, *to;

	while (from < end && is_blank(*from))
		from++;
	for (to = from; to < end && !is_blank(*to);)
		to++;
	*p = to;
	return (struct word){ from, (size_t)(to - from) };
}

/* A name that does not depend on $ORIGIN; ldns takes a first label @ for it, too. */
static bool is_absolute(const struct word *w)
{
	return w->len > 0 && w->p[w->len - 1] == '.' && *w->p != '@';
}

/* Types whose fields all stand in the descriptor of ldns, in the order of the rdata, and that zones have many of. */
static bool is_plain(uint16_t type)
{
	switch (type) {
	case LDNS_RR_TYPE_A:
	case LDNS_RR_TYPE_NS:
	case LDNS_RR_TYPE_CNAME:
	case LDNS_RR_TYPE_PTR:
	case LDNS_RR_TYPE_MX:
	case LDNS_RR_TYPE_AAAA:
	case LDNS_RR_TYPE_SRV:
	case LDNS_RR_TYPE_DS:
	case LDNS_RR_TYPE_RRSIG:
	case LDNS_RR_TYPE_NSEC:
	case LDNS_RR_TYPE_NSEC3:
		return true;
	default:
		return false;
	}
}

/* Fields that take the rest of the line, blanks included. */
static bool takes_rest(ldns_rdf_type type)
{
	return type == LDNS_RDF_TYPE_B64 || type == LDNS_RDF_TYPE_HEX || type == LDNS_RDF_TYPE_NSEC;
}

/* What such a field has; blanks mean nothing but in a list of types.  False where ldns would look at half of it. */
static bool join_rest(struct fields *f, ldns_rdf_type type, struct word *w, const char *end)
{
	size_t n = 0;

	w->len = (size_t)(end - w->p);
	if (type == LDNS_RDF_TYPE_NSEC)
		return memchr(w->p, '\t', w->len) == NULL;
	if (w->len > sizeof(f->joined))
		return false;
	for (const char *p = w->p; p < end; p++)
		if (!is_blank(*p))
			f->joined[n++] = *p;
	*w = (struct word){ f->joined, n };
	return true;
}

static bool read_rdata(struct fields *f, const char *p, const char *end, struct fields_record *r)
{
	const ldns_rr_descriptor *d = ldns_rr_descript(r->type);
	const size_t n = ldns_rr_descriptor_maximum(d);

	r->rdlen = 0;
	for (size_t i = 0; i < n; i++) {
		const ldns_rdf_type type = ldns_rr_descriptor_field_type(d, i);
		struct word w = next_word(&p, end);
		const uint8_t *wire;
		size_t len;

		if (takes_rest(type)) {
			p = end;
			if (!join_rest(f, type, &w, end))
				return false;
		}
		if (type == LDNS_RDF_TYPE_DNAME && !is_absolute(&w))
			return false;
		wire = read_field(f, type, &w, &len);
		if (len == 0 || r->rdlen + len > sizeof(r->rdata))
			return false;
		memcpy(r->rdata + r->rdlen, wire, len);
		if (type == LDNS_RDF_TYPE_DNAME && convert_lowers(r->type))
			name_lower(r->rdata + r->rdlen, len);
		r->rdlen += len;
	}
	return p == end;
}

/* Up to nine digits, so that nothing overflows. */
static bool read_ttl(const struct word *w, uint32_t *ttl)
{
	*ttl = 0;
	for (size_t i = 0; i < w->len; i++) {
		if (w->p[i] < '0' || w->p[i] > '9' || i == 9)
			return false;
		*ttl = *ttl * 10 + (uint32_t)(w->p[i] - '0');
	}
	return true;
}

bool fields_read(struct fields *f, const char *line, size_t len, struct fields_record *r)
{
	const char *p = line, *const end = line + len;
	const bool named = len > 0 && !is_blank(*line);
	uint8_t owner[NAME_MAX_OCTETS];
	const uint8_t *wire;
	size_t owner_len = 0, n;
	struct word w;

	if (named) {
		w = next_word(&p, end);
		wire = is_absolute(&w) ? read_field(f, LDNS_RDF_TYPE_DNAME, &w, &owner_len) : NULL;
		if (owner_len == 0 || owner_len > sizeof(owner))
			return false;
		memcpy(owner, wire, owner_len);
	}
	w = next_word(&p, end);
	r->ttl = TTL_UNKNOWN;
	if (w.len > 0 && *w.p >= '0' && *w.p <= '9') {
		if (!read_ttl(&w, &r->ttl))
			return false;
		w = next_word(&p, end);
	}
	if (w.len == 2 && strncasecmp(w.p, "IN", 2) == 0)
		w = next_word(&p, end);
	wire = read_field(f, LDNS_RDF_TYPE_TYPE, &w, &n);
	if (n != 2)
		return false;
	r->type = (uint16_t)(wire[0] << 8 | wire[1]);
	if (!is_plain(r->type) || !read_rdata(f, p, end, r))
		return false;
	if (named)
		memcpy(r->owner, owner, r->owner_len = owner_len);
	return true;
}
