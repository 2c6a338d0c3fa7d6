/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * validator: all validators at once.  Whatever a server shows may be in some cache, for as long as its TTL
 * allows after the last server has ceased to show it; every combination of what may be cached must validate.
 */
#include "tests/sim/sim.h"

#include <string.h>

static uint32_t algs_of(const struct sim *s, uint32_t mask)
{
	uint32_t algs = 0;

	for (int i = 0; i < s->keys; i++)
		if ((mask >> i & 1) != 0)
			algs |= UINT32_C(1) << s->key[i]->alg;
	return algs;
}

/* RFC 6840 section 5.11, as a validator that takes it at its word: every algorithm of the DS RRset, and for
 * the strict also every one of the DNSKEY RRset, must have signed. */
static bool validates(const struct sim *s, uint32_t ds, uint32_t dnskey, uint32_t signed_by, uint32_t zone)
{
	const uint32_t asked = algs_of(s, ds) | (s->strict ? algs_of(s, dnskey) : 0);

	if (ds == 0)
		return true; /* insecure */
	if ((algs_of(s, ds) & ~algs_of(s, signed_by & ds)) != 0)
		return false;
	if (s->strict && (algs_of(s, dnskey) & ~algs_of(s, signed_by)) != 0)
		return false;
	return (asked & ~algs_of(s, zone & dnskey)) == 0;
}

bool validator_may_have(const struct sim *s, const struct content *c)
{
	return c->servers > 0 || c->until > s->now;
}

/* Contents of a kind; the one that is new is the only one of its own kind. */
static size_t collect(const struct sim *s, enum key_record record, const struct content *fresh,
		      const struct content *out[CONTENTS_MAX])
{
	size_t n = 0;

	if (fresh->record == record) {
		out[0] = fresh;
		return 1;
	}
	for (size_t i = 0; i < s->contents; i++)
		if (s->content[i].record == record && validator_may_have(s, &s->content[i]))
			out[n++] = &s->content[i];
	return n;
}

static void check(struct sim *s, const struct content *fresh)
{
	const struct content *ds[CONTENTS_MAX], *dnskey[CONTENTS_MAX], *zone[CONTENTS_MAX];
	const size_t ds_n = collect(s, RECORD_DS, fresh, ds),
		     dnskey_n = collect(s, RECORD_DNSKEY, fresh, dnskey),
		     zone_n = collect(s, RECORD_ZONE, fresh, zone);
	char a[96], b[96], by[96], c[96];

	for (size_t i = 0; i < ds_n; i++)
		for (size_t j = 0; j < dnskey_n; j++)
			for (size_t k = 0; k < zone_n; k++)
				if (!validates(s, ds[i]->mask, dnskey[j]->mask, dnskey[j]->signed_by, zone[k]->mask))
					sim_fail(s, "bogus",
						 "a validator may have DS %s, DNSKEY %s signed by %s, and RRSIGs by %s",
						 mask_text(s, ds[i]->mask, a), mask_text(s, dnskey[j]->mask, b),
						 mask_text(s, dnskey[j]->signed_by, by), mask_text(s, zone[k]->mask, c));
}

void validator_shows(struct sim *s, enum key_record record, uint32_t mask, uint32_t signed_by, int delta, uint32_t ttl)
{
	struct content *c = NULL, *room = NULL;
	bool was;

	for (size_t i = 0; i < s->contents; i++) {
		if (s->content[i].record == record && s->content[i].mask == mask && s->content[i].signed_by == signed_by)
			c = &s->content[i];
		else if (!validator_may_have(s, &s->content[i]))
			room = &s->content[i];
	}
	if (c == NULL) {
		if (room == NULL && s->contents == CONTENTS_MAX)
			sim_fail(s, "limit", "too many different RRsets in caches");
		c = room != NULL ? room : &s->content[s->contents++];
		*c = (struct content){ record, mask, signed_by, 0, 0 };
	}
	was = validator_may_have(s, c);
	c->servers += delta;
	if (c->until < s->now + ttl)
		c->until = s->now + ttl;
	if (was)
		return;
	check(s, c);
	for (int i = 0; i < s->signers; i++)
		truth_of_content(s, &s->node[i], c);
}
