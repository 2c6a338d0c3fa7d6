/* SPDX-License-Identifier: BSD-3-Clause */
/* borders: where records stand is found by their lengths alone; names are read, by ldns, from both ends until one differs. */
#include "audit/borders.h"

#include <ldns/ldns.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "audit/name.h"

#define HEADER 12

struct page {
	const uint8_t *m;
	size_t len, n;
	size_t *at; /* where record i begins; behind the last one: the end */
	unsigned labels;
};

/* Moves behind a name as it stands there; false where it has no end. */
static bool skip_name(const uint8_t *m, size_t len, size_t *at)
{
	while (*at < len && m[*at] != 0 && m[*at] < 0xc0)
		*at += 1u + m[*at];
	*at += *at < len && m[*at] != 0 ? 2 : 1;
	return *at <= len;
}

static bool find_records(struct page *p)
{
	size_t at = HEADER;

	for (size_t i = 0; i < p->n; i++) {
		p->at[i] = at;
		if (!skip_name(p->m, p->len, &at) || at + 10 > p->len)
			return false;
		at += 10u + (size_t)(p->m[at + 8] << 8 | p->m[at + 9]);
	}
	p->at[p->n] = at;
	return at == p->len;
}

/* The last labels of record i's owner, all or one below the apex's, in lowercase; their length, 0 where they cannot be read. */
static size_t owner_of(const struct page *p, size_t i, bool all, uint8_t out[NAME_MAX_OCTETS])
{
	ldns_rdf *owner = NULL;
	size_t at = p->at[i], len = 0;

	if (ldns_wire2dname(&owner, p->m, p->len, &at) == LDNS_STATUS_OK && ldns_rdf_size(owner) <= NAME_MAX_OCTETS) {
		const uint8_t *wire = ldns_rdf_data(owner), *from = wire;

		for (unsigned n = name_labels(wire); !all && n > p->labels + 1; n--)
			from += 1 + *from;
		len = ldns_rdf_size(owner) - (size_t)(from - wire);
		memcpy(out, from, len);
		name_lower(out, len);
	}
	ldns_rdf_deep_free(owner);
	return len;
}

/* From record i on, in steps of 1 or -1: the first one with another owner, or, unless all is set, with other labels below the
 * apex; p->n or SIZE_MAX at an end. */
static size_t other(const struct page *p, size_t i, size_t step, bool all)
{
	uint8_t is[NAME_MAX_OCTETS], next[NAME_MAX_OCTETS];
	size_t len = owner_of(p, i, all, is);

	for (i += step; len > 0 && i < p->n; i += step)
		if (owner_of(p, i, all, next) != len || memcmp(is, next, len) != 0)
			break;
	return i;
}

size_t borders_find(const uint8_t *m, size_t len, unsigned labels, struct stretch out[2])
{
	struct page p = { .m = m, .len = len, .labels = labels };
	size_t first, last, found = 1;

	out[0] = (struct stretch){ HEADER, len };
	if (len < HEADER || m[4] != 0 || m[5] != 0 || (p.n = (size_t)(m[6] << 8 | m[7])) == 0)
		return 1;
	p.at = mem_grow(NULL, p.n + 1, sizeof(*p.at));
	if (find_records(&p) && (first = other(&p, 0, 1, false)) < p.n && (first = other(&p, first, 1, true)) < p.n) {
		last = other(&p, p.n - 1, SIZE_MAX, false) + 1;
		if (last > first) {
			out[0].to = p.at[first];
			out[1] = (struct stretch){ p.at[last], len };
			found = 2;
		}
	}
	free(p.at);
	return found;
}
