/* SPDX-License-Identifier: BSD-3-Clause */
/* primaries: reads the list at its commas. */
#include "primaries/primaries.h"

#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

#define PART_MAX 1100 /* a name of 255 octets, each of them escaped */

void primaries_fini(struct primaries *p)
{
	free(p->v);
	*p = (struct primaries){ .n = 0 };
}

static int take_part(struct primaries *p, const char *part, bool first, bool after_address, struct err *e)
{
	struct primary_source *s;

	if (strchr(part, '#') == NULL && !first) {
		if (!after_address)
			return err_set(e, ERR_SYNTAX, "%.100s follows another key: neither ADDRESS#PORT nor its only KEY", part);
		s = &p->v[p->n - 1];
		s->has_key = true;
		return dname_from_text(part, s->key, e) == 0 ? 0 : err_ctx(e, "name of the TSIG key");
	}
	if (p->n == PRIMARIES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d primaries", PRIMARIES_MAX);
	return addr_parse(part, 0, &p->v[p->n++].addr, e);
}

int primaries_parse(const char *text, struct primaries *out, struct err *e)
{
	struct primaries p = { .v = mem_new(PRIMARIES_MAX, sizeof(*p.v)) };
	char part[PART_MAX];
	bool after_address = false;
	int rc = 0;

	for (const char *at = text; rc == 0; at++) {
		size_t len = strcspn(at, ",");

		if (len >= sizeof(part)) {
			rc = err_set(e, ERR_SYNTAX, "neither ADDRESS#PORT nor the name of a key: %.100s", at);
			break;
		}
		memcpy(part, at, len);
		part[len] = '\0';
		rc = take_part(&p, part, at == text, after_address, e);
		after_address = strchr(part, '#') != NULL;
		at += len;
		if (*at == '\0')
			break;
	}
	if (rc != 0) {
		primaries_fini(&p);
		return -1;
	}
	*out = (struct primaries){ .v = mem_grow(p.v, p.n, sizeof(*p.v)), .n = p.n };
	return 0;
}

bool primaries_equal(const struct primaries *a, const struct primaries *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = addr_equal(&a->v[i].addr, &b->v[i].addr) && a->v[i].has_key == b->v[i].has_key &&
		       (!a->v[i].has_key || dname_equal(a->v[i].key, b->v[i].key));
	return same;
}
