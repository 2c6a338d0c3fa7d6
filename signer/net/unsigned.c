/* SPDX-License-Identifier: BSD-3-Clause */
/* unsigned: pages of a signed version become those of what was signed, for who reviews what is to be signed next. */
#include "signer/net/unsigned.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "store/page.h"

struct stripping {
	struct page_build *build;
	size_t dropped;
	struct err *e;
};

static int add(void *ctx, const struct rr *rr)
{
	struct stripping *s = ctx;
	int rc;

	if (rr_type_is_signing(rr->type)) {
		s->dropped++;
		return 0;
	}
	rc = page_build_add(s->build, rr, s->e);
	return rc > 0 ? err_set(s->e, ERR_LIMIT, "a page grows when records are taken out of it") : rc;
}

/* *page becomes what is left; NULL: nothing. */
static int strip(struct stripping *s, const uint8_t **page, size_t *len)
{
	page_build_reset(s->build);
	s->dropped = 0;
	if (page_walk(*page, *len, add, s, s->e) != 0)
		return -1;
	if (page_build_count(s->build) == 0)
		*page = NULL;
	else if (s->dropped > 0)
		*page = page_build_octets(s->build, len);
	return 0;
}

int unsigned_pages(uint8_t *octets, size_t count, size_t *left, struct err *e)
{
	struct stripping s = { .build = page_build_new(), .e = e };
	uint8_t *from = octets, *to = octets;
	int rc = 0;

	*left = 0;
	for (size_t i = 0; i < count && rc == 0; i++) {
		size_t len = 2 + ((size_t)from[0] << 8 | from[1]);
		const uint8_t *page = from;

		from += len;
		rc = strip(&s, &page, &len);
		if (rc == 0 && page != NULL && len > (size_t)(from - to))
			rc = err_set(e, ERR_LIMIT, "a page has grown to %zu octets", len);
		if (rc != 0 || page == NULL)
			continue;
		memmove(to, page, len);
		to += len;
		(*left)++;
	}
	page_build_free(s.build);
	return rc;
}
