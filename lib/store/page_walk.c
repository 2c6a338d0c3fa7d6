/* SPDX-License-Identifier: BSD-3-Clause */
/* page_walk: reads a page back, record by record, names expanded. */
#include "store/page.h"

#include "wire/wire.h"

/* Where the names lie in the rdata of the types that RFC 1035 lets be compressed. */
static const struct layout {
	uint16_t type;
	uint8_t before; /* octets before the names */
	uint8_t names;
	uint8_t behind; /* octets behind them */
} layouts[] = {
	/* clang-format off */
	{ TYPE_NS, 0, 1, 0 },
	{ 3, 0, 1, 0 },  /* MD */
	{ 4, 0, 1, 0 },  /* MF */
	{ TYPE_CNAME, 0, 1, 0 },
	{ TYPE_SOA, 0, 2, 20 },
	{ 7, 0, 1, 0 },  /* MB */
	{ 8, 0, 1, 0 },  /* MG */
	{ 9, 0, 1, 0 },  /* MR */
	{ TYPE_PTR, 0, 1, 0 },
	{ 14, 0, 2, 0 }, /* MINFO */
	{ TYPE_MX, 2, 1, 0 },
	/* clang-format on */
};

static const struct layout *layout_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].type == type)
			return &layouts[i];
	return NULL;
}

#define EXPANDED_MAX (2 * DNAME_MAX + 20)

static void copy_octets(struct rd *r, size_t n, struct wr *w)
{
	const uint8_t *p = rd_bytes(r, n);

	if (p != NULL)
		wr_bytes(w, p, n);
}

/* Reads rdlen octets of rdata at r->at, names expanded into `out`. */
static void read_expanded(struct rd *r, const struct layout *l, size_t rdlen, uint8_t out[EXPANDED_MAX],
			  struct rr *rr)
{
	size_t end = r->at + rdlen;
	struct wr w = wr_of(out, EXPANDED_MAX);

	if (rdlen > rd_left(r)) {
		r->bad = true;
		return;
	}
	copy_octets(r, l->before, &w);
	for (unsigned i = 0; i < l->names && !r->bad; i++) {
		uint8_t name[DNAME_MAX];
		size_t len = dname_read_compressed(r, name);

		wr_bytes(&w, name, len);
	}
	copy_octets(r, l->behind, &w);
	if (w.bad || r->at != end)
		r->bad = true;
	rr->rdata = out;
	rr->rdlen = (uint16_t)w.at;
}

struct walk {
	struct rd r;
	size_t owner_at; /* where the name in `owner` began, 0: nowhere yet */
	uint8_t owner[DNAME_MAX];
	uint8_t rdata[EXPANDED_MAX];
};

static void read_owner(struct walk *w)
{
	struct rd *r = &w->r;
	size_t at = r->at, pointer = 0;

	if (rd_left(r) >= 2 && r->p[at] >= 0xc0)
		pointer = (size_t)(r->p[at] & 0x3f) << 8 | r->p[at + 1];
	/* Most records have the owner of the record before. */
	if (pointer != 0 && pointer == w->owner_at) {
		r->at += 2;
		return;
	}
	if (dname_read_compressed(r, w->owner) == 0)
		r->bad = true;
	w->owner_at = pointer != 0 ? pointer : at;
}

/* Reads one record; false when it is not well formed. */
static bool read_record(struct walk *w, struct rr *rr)
{
	const struct layout *l;
	struct rd *r = &w->r;
	uint16_t class;

	read_owner(w);
	rr->owner = w->owner;
	rr->type = rd_u16(r);
	class = rd_u16(r);
	rr->ttl = rd_u32(r);
	rr->rdlen = rd_u16(r);
	if (r->bad || class != CLASS_IN || rr->ttl > INT32_MAX)
		return false;
	if ((l = layout_of(rr->type)) != NULL)
		read_expanded(r, l, rr->rdlen, w->rdata, rr);
	else
		rr->rdata = rd_bytes(r, rr->rdlen);
	return !r->bad && rdata_check(rr->type, rr->rdata, rr->rdlen, NULL) == 0;
}

static bool read_header(struct rd *r, size_t *count)
{
	uint16_t id = rd_u16(r), flags = rd_u16(r), questions = rd_u16(r), answers = rd_u16(r);
	uint16_t authority = rd_u16(r), additional = rd_u16(r);

	*count = answers;
	return !r->bad && id == 0 && flags == PAGE_FLAGS && questions == 0 && authority == 0 && additional == 0;
}

int page_walk(const uint8_t *page, size_t len, int (*fn)(void *ctx, const struct rr *rr), void *ctx,
	      struct err *e)
{
	struct walk w;
	size_t count, i;
	int rc;

	if (len < 2 || len - 2 != ((size_t)page[0] << 8 | page[1]))
		return err_set(e, ERR_DAMAGE, "a page whose length octets do not say %zu", len);
	w.r = rd_of(page + 2, len - 2);
	w.owner_at = 0;
	if (!read_header(&w.r, &count))
		return err_set(e, ERR_DAMAGE, "a page without the header of a page");
	for (i = 0; i < count; i++) {
		struct rr rr;

		if (!read_record(&w, &rr))
			return err_set(e, ERR_DAMAGE,
				       "record %zu of a page, before offset %zu, is not well formed", i,
				       w.r.at);
		if ((rc = fn(ctx, &rr)) != 0)
			return rc;
	}
	if (rd_left(&w.r) != 0)
		return err_set(e, ERR_DAMAGE, "a page with %zu octets behind its last record", rd_left(&w.r));
	return 0;
}
