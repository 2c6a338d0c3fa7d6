/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lines: from names to master file text, with no page between.
 */
#include "sign/maker.h"

static int add_lines(struct lines *out, const struct rr *rrs, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (page_rr_check(&rrs[i], e) != 0)
			return -1;
		out->rrsigs += rrs[i].type == TYPE_RRSIG;
	}
	rr_lines_add(&out->text, rrs, n);
	out->records += n;
	return 0;
}

int range_lines(struct range_maker *m, const struct range *r, struct lines *out, struct err *e)
{
	const struct chain *c = chain_of(r);
	size_t size = 0;

	m->made = 0;
	for (size_t i = 0; i < r->n; i++) {
		size += c->size(m, r, i);
		if (i == 0 || size > PAGE_FILL) {
			maker_begin(m, r->old);
			size = 0;
		}
		m->rr_count = 0;
		if (c->sign(m, r, i, e) != 0 || add_lines(out, m->rrs, m->rr_count, e) != 0)
			return -1;
	}
	out->made += m->made;
	return 0;
}
