/* SPDX-License-Identifier: BSD-3-Clause */
/* rr: rdata by its fields - check, canonical form, compression, order - and the record stream. */
#include "rrset/rr.h"

#include <string.h>

#include "rrset/types.h"

/* A walk over the fields of an rdata. */
struct walk {
	const struct type_info *info;
	struct rd r;
	unsigned i;
};

static struct walk walk_of(uint16_t type, const uint8_t *rdata, size_t len)
{
	return (struct walk){ .info = type_info(type), .r = rd_of(rdata, len) };
}

/* The next field with its octets; F_END behind the last one or where a field is wrong (then r.bad). */
static enum field walk_next(struct walk *w, const uint8_t **p, size_t *len)
{
	enum field f = w->info == NULL ? F_END : (enum field)w->info->fields[w->i];

	if (f == F_END || w->r.bad)
		return F_END;
	*len = field_len(f, w->r.p + w->r.at, w->r.len - w->r.at);
	if (*len == SIZE_MAX)
		w->r.bad = true;
	if ((*p = rd_bytes(&w->r, *len)) == NULL)
		return F_END;
	w->i++;
	return f;
}

int rdata_check(uint16_t type, const uint8_t *rdata, size_t len, struct err *e)
{
	struct walk w = walk_of(type, rdata, len);
	const uint8_t *p;
	size_t n;
	char text[16];

	if (len > UINT16_MAX)
		return err_set(e, ERR_SYNTAX, "rdata of %zu octets, at most 65535 (RFC 1035 section 3.2.1)",
			       len);
	if (w.info == NULL)
		return 0;
	while (walk_next(&w, &p, &n) != F_END)
		;
	if (w.r.bad)
		return err_set(e, ERR_SYNTAX, "rdata is not of the form of type %s (field %u)",
			       rr_type_text(type, text), w.i + 1);
	if (rd_left(&w.r) > 0)
		return err_set(e, ERR_SYNTAX, "%zu octets too many in the rdata of type %s", rd_left(&w.r),
			       rr_type_text(type, text));

	const char *rule = type_rule_broken(type, rdata, len);

	return rule == NULL ? 0
			    : err_set(e, ERR_SYNTAX, "rdata of type %s: %s", rr_type_text(type, text), rule);
}

static bool is_lowered(enum field f)
{
	return f == F_NAME_PACK || f == F_NAME_LOWER || f == F_NAME_LOWER_OPT;
}

/* The whole rdata is one name in lower case: most of all NS. */
static bool is_one_name(const struct type_info *info)
{
	return info != NULL && is_lowered((enum field)info->fields[0]) && info->fields[1] == F_END;
}

static bool has_case(const struct type_info *info)
{
	for (unsigned i = 0; info != NULL && info->fields[i] != F_END; i++) {
		if (is_lowered((enum field)info->fields[i]))
			return true;
	}
	return false;
}

bool rr_type_has_case(uint16_t type)
{
	return has_case(type_info(type));
}

void rdata_canonical(uint16_t type, const uint8_t *rdata, size_t len, uint8_t *out)
{
	struct walk w = walk_of(type, rdata, len);
	const uint8_t *p;
	enum field f;
	size_t n;

	if (is_one_name(w.info)) {
		dname_lower(rdata, out);
		return;
	}
	if (len > 0)
		memmove(out, rdata, len);
	if (!has_case(w.info))
		return;
	/* The walk reads what is still to come of rdata, and lower case changes no lengths: out may be rdata.
	 */
	while ((f = walk_next(&w, &p, &n)) != F_END) {
		if (is_lowered(f) && n > 0)
			dname_lower(p, out + (p - rdata));
	}
}

void rdata_compressible(uint16_t type, const uint8_t *rdata, size_t len,
			void (*fn)(void *ctx, size_t offset, const uint8_t *name), void *ctx)
{
	struct walk w = walk_of(type, rdata, len);
	const uint8_t *p;
	enum field f;
	size_t n;

	while ((f = walk_next(&w, &p, &n)) != F_END) {
		if (f == F_NAME_PACK)
			fn(ctx, (size_t)(p - rdata), p);
	}
}

static int octets_cmp(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	size_t len = alen < blen ? alen : blen;
	int d = len == 0 ? 0 : memcmp(a, b, len);

	return d != 0 ? d : alen < blen ? -1 : alen > blen;
}

static int lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static int lowered_cmp(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int d = lower(a[i]) - lower(b[i]);

		if (d != 0)
			return d;
	}
	return 0;
}

/* As long as both are equal their fields lie alike, so the fields of a tell where names are, in both. */
int rdata_cmp(uint16_t type, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	struct walk w = walk_of(type, a, alen);
	size_t at = 0, n;
	const uint8_t *p;
	enum field f;

	if (is_one_name(w.info)) {
		int d = lowered_cmp(a, b, alen < blen ? alen : blen);

		return d != 0 ? d : (alen > blen) - (alen < blen);
	}
	if (!has_case(w.info))
		return octets_cmp(a, alen, b, blen);
	while ((f = walk_next(&w, &p, &n)) != F_END) {
		if (!is_lowered(f))
			continue;

		size_t from = (size_t)(p - a), to = from + n;
		int d = octets_cmp(a + at, from - at, b + at, (blen < from ? blen : from) - at);

		if (d == 0)
			d = lowered_cmp(a + from, b + from, (blen < to ? blen : to) - from);
		if (d != 0)
			return d;
		if (blen < to)
			return 1;
		at = to;
	}
	return octets_cmp(a + at, alen - at, b + at, blen - at);
}

int rr_cmp(const struct rr *a, const struct rr *b)
{
	int d = dname_cmp(a->owner, b->owner);

	if (d != 0)
		return d;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return rdata_cmp(a->type, a->rdata, a->rdlen, b->rdata, b->rdlen);
}

bool rr_is_same(const struct rr *a, const struct rr *b)
{
	return a->ttl == b->ttl && a->rdlen == b->rdlen && (a->rdlen == 0 || memcmp(a->rdata, b->rdata, a->rdlen) == 0) &&
	       memcmp(a->owner, b->owner, dname_len(a->owner)) == 0;
}

int rr_read(struct rd *r, struct rr *out, struct err *e)
{
	size_t start = r->at;
	char name[DNAME_TEXT_MAX], type[16];
	uint16_t class;

	if (rd_left(r) == 0 && !r->bad)
		return 0;
	out->owner = dname_read(r);
	out->type = rd_u16(r);
	class = rd_u16(r);
	out->ttl = rd_u32(r);
	out->rdlen = rd_u16(r);
	out->rdata = rd_bytes(r, out->rdlen);
	if (r->bad)
		return err_set(e, ERR_SYNTAX, "record at octet %zu of the stream is cut short", start);
	if (class != CLASS_IN)
		return err_set(e, ERR_SYNTAX, "record at octet %zu of the stream has class %u, must be 1",
			       start, class);
	if (out->ttl > INT32_MAX)
		return err_set(e, ERR_SYNTAX,
			       "record at octet %zu of the stream has TTL %u (RFC 2181 section 8)", start,
			       out->ttl);
	if (rdata_check(out->type, out->rdata, out->rdlen, e) != 0)
		return err_ctx(e, "%s %s", dname_to_text(out->owner, name), rr_type_text(out->type, type));
	return 1;
}

void rr_write(struct wr *w, const struct rr *rr)
{
	wr_bytes(w, rr->owner, dname_len(rr->owner));
	wr_u16(w, rr->type);
	wr_u16(w, CLASS_IN);
	wr_u32(w, rr->ttl);
	wr_u16(w, rr->rdlen);
	wr_bytes(w, rr->rdata, rr->rdlen);
}
