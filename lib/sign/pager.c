/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pager: fills pages and puts them into the change.
 */
#include "sign/pager.h"

#include <sodium.h>
#include <string.h>

#include "sign/oldsigs.h"

void pager_begin(struct pager *pg, struct signing *s, enum page_chain chain, const uint8_t *key,
		 size_t key_len, const uint8_t digest[16])
{
	const struct sign_params *p = s->p;

	pg->s = s;
	pg->measure = pg->full = false;
	pg->window.inception = p->now - p->inception_offset_s;
	pg->window.expiration = p->now + p->validity_s;
	if (s->old != NULL)
		pg->window.expiration = oldsigs_end(s->old);
	else if (p->jitter_s > 0)
		pg->window.expiration -= randombytes_uniform(p->jitter_s);
	memcpy(pg->key, key, key_len);
	pg->row = (struct page_row){ .chain = (uint8_t)chain,
				     .key_len = (uint16_t)key_len,
				     .earliest = INT64_MAX };
	memcpy(pg->row.digest, digest, sizeof(pg->row.digest));
	page_build_reset(s->build);
	arena_reset(s->arena);
}

void pager_measure(struct pager *pg, struct signing *s)
{
	*pg = (struct pager){ .s = s, .measure = true };
	page_build_reset(s->build);
	arena_reset(s->arena);
}

static int put(struct pager *pg, struct err *e)
{
	struct signing *s = pg->s;
	struct page_row row = pg->row; /* the change fills in the rest */
	size_t len;
	const uint8_t *page = page_build_octets(s->build, &len);

	row.key = pg->key;
	if (change_put(s->change, page, len, &row, e) != 0)
		return -1;
	s->stats->records += row.records;
	s->stats->rrsigs += row.rrsigs;
	s->stats->octets += len;
	s->stats->new_pages++;
	if (row.earliest < s->earliest)
		s->earliest = row.earliest;
	return 0;
}

/* RRSIG expiration as an instant near now (RFC 4034 section 3.1.5). */
static int64_t expiration(const struct rr *rr, int64_t now)
{
	struct rd r = rd_of(rr->rdata, rr->rdlen);

	rd_bytes(&r, 8);
	return now + (int32_t)(rd_u32(&r) - (uint32_t)now);
}

int pager_add(struct pager *pg, const struct rr *rr, struct err *e)
{
	int rc = page_build_add(pg->s->build, rr, e);
	int64_t ends;

	if (pg->measure) {
		pg->full |= rc == 1;
		return rc < 0 ? -1 : 0;
	}
	if (rc == 1) {
		if (put(pg, e) != 0)
			return -1;
		if (pg->row.part == UINT16_MAX)
			return err_set(e, ERR_LIMIT, "an owner of more than %u pages", UINT16_MAX);
		pg->row.part++;
		pg->row.records = 0;
		pg->row.rrsigs = 0;
		pg->row.earliest = INT64_MAX;
		page_build_reset(pg->s->build);
		rc = page_build_add(pg->s->build, rr, e);
	}
	if (rc != 0)
		return rc > 0 ? err_set(e, ERR_INTERNAL, "a record does not fit an empty page") : -1;
	pg->row.records++;
	if (rr->type == TYPE_RRSIG) {
		pg->row.rrsigs++;
		ends = expiration(rr, pg->s->p->now);
		if (ends < pg->row.earliest)
			pg->row.earliest = ends;
	}
	return 0;
}

/* As many octets as the RRSIGs would take. */
static int add_blanks(struct pager *pg, const uint8_t *owner, struct err *e)
{
	static const uint8_t zeroes[18 + DNAME_MAX + KEY_SIG_MAX];
	const struct sign_params *p = pg->s->p;

	for (size_t i = 0; i < p->key_count; i++) {
		struct rr blank = { .owner = owner, .rdata = zeroes, .type = TYPE_RRSIG };

		blank.rdlen = (uint16_t)(18 + pg->s->apex_len + key_sig_len(p->keys[i]));
		if (pager_add(pg, &blank, e) != 0)
			return -1;
	}
	return 0;
}

int pager_add_signed(struct pager *pg, const struct rr *rrs, size_t n, struct err *e)
{
	const struct sign_params *p = pg->s->p;
	const struct rr *old;
	struct rr sig;

	for (size_t i = 0; i < n; i++)
		if (pager_add(pg, &rrs[i], e) != 0)
			return -1;
	if (pg->measure)
		return add_blanks(pg, rrs[0].owner, e);
	for (size_t i = 0; i < p->key_count; i++) {
		old = pg->s->old == NULL ? NULL : oldsigs_find(pg->s->old, rrs, n, p->keys[i]);
		if (old != NULL) {
			if (pager_add(pg, old, e) != 0)
				return -1;
			continue;
		}
		if (rrsig_make(rrs, n, pg->s->z->apex, p->keys[i], pg->window, pg->s->arena, &sig, e) != 0 ||
		    pager_add(pg, &sig, e) != 0)
			return -1;
		pg->s->stats->made++;
	}
	return 0;
}

int pager_end(struct pager *pg, struct err *e)
{
	return page_build_count(pg->s->build) > 0 ? put(pg, e) : 0;
}
