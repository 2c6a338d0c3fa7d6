/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * local: zones whose parent this cluster signs, too.  The parent's plan names the DS of each, so that they come and go there by
 * themselves.
 *
 * A DS is to be there from the first signer's word that it names the key in CDS until the first one's promise not to: whoever
 * says that has found that the chain of trust holds either way.  So it comes once and goes once, and all who know the same
 * facts want the same.
 */
#include "keydist/local.h"

#include "arena/arena.h"

#include <string.h>


/* ---- who is below whom ---- */

static bool is_live(const struct keydist *k, const uint8_t *name)
{
	const struct zone_state *z = state_zone(cluster_state(k->cluster), name);

	return z != NULL && zone_addition(z) != NULL;
}

/* The nearest zone above; NULL: none. */
static struct zone_ctx *nearest(struct keydist *k, const uint8_t *name)
{
	while (*name != 0) {
		name += *name + 1;
		if (is_live(k, name))
			return zone_ctx(k, name, true);
	}
	return NULL;
}

void local_on_fact(struct keydist *k, const struct fact *f, struct zone_ctx *c)
{
	if (strcmp(f->kind, "zone.add") == 0 || strcmp(f->kind, "zone.remove") == 0)
		k->local_stale = true;
	else if (c->above != NULL && (strcmp(f->kind, "key.serves") == 0 || strcmp(f->kind, "key.stopped") == 0))
		zones_touch(k, c->above);
}

void local_tend(struct keydist *k)
{
	const struct fact_state *s = cluster_state(k->cluster);

	if (!k->local_stale)
		return;
	k->local_stale = false;
	for (size_t i = 0; i < k->zones; i++)
		k->zone[i]->belows = 0;
	for (size_t i = 0; i < s->zones; i++) {
		struct zone_ctx *c = zone_ctx(k, s->zone[i].name, true);
		struct zone_ctx *above = zone_addition(&s->zone[i]) == NULL ? NULL : nearest(k, c->name);

		if (c->above != above) {
			if (c->above != NULL)
				zones_touch(k, c->above);
			if (above != NULL)
				zones_touch(k, above);
			c->above = above;
		}
		if (above == NULL)
			continue;
		above->below = mem_grow(above->below, above->belows + 1, sizeof(struct zone_ctx *));
		above->below[above->belows++] = c;
	}
}

/* ---- their DS ---- */

/* Somebody who takes part says so; where all who did are gone, what they said stands. */
static bool said(const struct fact_state *s, const struct id_set *set, bool all_gone)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct node_state *n = state_node(s, set->id[i]);

		if (all_gone || (n != NULL && node_is_signer(n)))
			return true;
	}
	return false;
}

/* The DS that are to be at the parent; NULL: the zone has never had one, and what its parent's input has is no matter of
 * ours. */
static json_t *ds_of(struct keydist *k, const struct zone_state *z)
{
	const struct policy p = zone_policy(k, z);
	const struct fact_state *s = cluster_state(k->cluster);
	bool ever = false, living = false;
	json_t *list;

	for (size_t i = 0; i < z->keys; i++) {
		ever |= z->key[i].record[RECORD_DS].serves.n > 0;
		living |= said(s, &z->key[i].record[RECORD_DS].serves, false);
	}
	if (!ever)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < z->keys; i++) {
		const struct key_state *ks = &z->key[i];
		uint8_t rdata[4 + 48];

		if (!ks->created || !said(s, &ks->record[RECORD_DS].serves, !living) ||
		    said(s, &ks->record[RECORD_DS].stopped, !living))
			continue;
		for (unsigned d = 0; d < DS_DIGESTS; d++) {
			const size_t len = dnskey_ds_by(&p, z, ks, d, rdata);

			if (len > 0)
				json_array_append_new(list, msg_json_base64(rdata, len));
		}
	}
	return list;
}

json_t *local_children(struct keydist *k, struct zone_ctx *c)
{
	json_t *list = NULL;

	for (size_t i = 0; i < c->belows; i++) {
		const struct zone_state *z = state_zone(cluster_state(k->cluster), c->below[i]->name);
		json_t *ds = z == NULL ? NULL : ds_of(k, z);

		if (ds == NULL)
			continue;
		if (list == NULL)
			list = json_array();
		json_array_append_new(list, json_pack("{s:s,s:I,s:o}", "zone", z->text, "ttl",
						      (json_int_t)zone_policy(k, z).dnskey_ttl_s, "ds", ds));
	}
	return list;
}
