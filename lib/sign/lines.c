/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lines: from names to master file text, with no page between.
 */
#include "sign/maker.h"

static int add_line(struct lines *out, const struct rr *rr, struct err *e)
{
	if (page_rr_check(rr, e) != 0)
		return -1;
	rr_lines_add(&out->text, rr);
	out->records++;
	out->rrsigs += rr->type == TYPE_RRSIG;
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
		if (c->sign(m, r, i, e) != 0)
			return -1;
		for (size_t k = 0; k < m->rr_count; k++)
			if (add_line(out, &m->rrs[k], e) != 0)
				return -1;
	}
	out->made += m->made;
	return 0;
}
