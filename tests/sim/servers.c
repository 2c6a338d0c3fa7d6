/* SPDX-License-Identifier: BSD-3-Clause */
/* servers: secondaries that copy versions, the parent that reads CDS, and looks at both. */
#include "tests/sim/sim.h"

#include <string.h>

/* ---- secondaries ---- */

void secondary_shows(struct sim *s, const struct secondary *sec, const struct version *v, int delta)
{
	if (v == NULL || sec->unnamed)
		return;
	validator_shows(s, RECORD_DNSKEY, v->mask[RECORD_DNSKEY], v->signed_by, delta, v->dnskey_ttl);
	validator_shows(s, RECORD_ZONE, v->mask[RECORD_ZONE], 0, delta, v->zone_ttl);
}

static bool newer(const struct version *v, const struct secondary *than)
{
	return than->version == NULL ||
	       serial_gt(v->word.serial, than->claim != 0 ? than->claim : than->version->word.serial);
}

/* It was set back, and knows it: by its own facts it has published other keys since. */
static bool withholds(struct sim *s, struct node *n)
{
	struct timeline_in in;

	return n->set_back && node_zone(n) != NULL && node_view(s, n, &in)->stale;
}

static void on_poll(struct sim *s, const struct event *ev)
{
	struct secondary *sec = &s->secondary[ev->a];
	bool again = false;

	sec->busy = false;
	if (sec->elsewhere)
		return;
	for (int i = 0; i < s->nodes; i++) {
		const struct node *n = &s->node[i];
		const struct version *v = n->disk.version, *old = sec->version;

		if ((sec->primaries >> i & 1) == 0 || n->gone || node_leaves(n) || v == NULL || !newer(v, sec))
			continue;
		if (!n->up || s->secondary_off[ev->a] > 0 || withholds(s, &s->node[i])) {
			again = true;
			continue;
		}
		sec->version = v;
		sec->had |= 1 << n->who;
		sec->claim = 0;
		if (s->now < s->healed_at + 20 * DAY)
			sim_say(s, "secondary %d takes serial %u of signer %d", ev->a, v->word.serial, i);
		secondary_shows(s, sec, v, 1);
		secondary_shows(s, sec, old, -1);
		serials_shown(s, ev->a);
	}
	if (again)
		secondary_notify(s, ev->a);
}

void secondary_notify(struct sim *s, int secondary)
{
	struct secondary *sec = &s->secondary[secondary];
	const int64_t most = chance_of(&s->chance, 70) ? 5 * MINUTE : sec->refresh;

	if (sec->busy)
		return;
	sec->busy = true;
	sim_later(s, chance_between(&s->chance, 1, most), on_poll, secondary, 0, 0, NULL);
}

/* Its serial was raised by hand there, or it had the zone from somewhere else. */
void secondary_claims(struct sim *s, int secondary, uint32_t above)
{
	s->secondary[secondary].claim = serial_add(s->top_serial, above);
	sim_say(s, "secondary %d claims serial %u", secondary, s->secondary[secondary].claim);
	for (int i = 0; i < s->signers; i++)
		if ((s->secondary[secondary].primaries >> i & 1) != 0)
			serve_soon(s, i);
}

void secondary_relents(struct sim *s, int secondary)
{
	if (s->secondary[secondary].claim == 0)
		return;
	sim_say(s, "secondary %d shows its serial %u again", secondary, s->secondary[secondary].version->word.serial);
	s->secondary[secondary].claim = 0;
	secondary_notify(s, secondary); /* what came meanwhile lies below the claim */
}

/* ---- the parent ---- */

/* A signer would look at it, and knows of no TTL that is as long; or all are dead, and who is restored will. */
static bool some_want_to_look(struct sim *s, int parent)
{
	bool wanted = false, any = false;
	struct timeline_in in;

	for (int i = 0; i < s->signers; i++) {
		struct node *n = &s->node[i];

		any |= !n->gone && n->disk.version != NULL;
		if (n->gone || node_zone(n) == NULL || node_leaves(n))
			continue;
		node_in(s, n, &in);
		wanted |= timeline_wants(&in, &n->disk.memory, (uint64_t)(SECONDARIES_MAX + parent + 1)) &&
			  s->parent[parent].ttl > n->disk.memory.ds_ttl && s->parent[parent].ttl > in.zone->ds_ttl;
	}
	return wanted || !any;
}

/*
 * A TTL that is longer for less time than lies between two looks nobody can know, so here a parent keeps one until it is seen
 * by those who look.
 */
static bool has_unseen_ttl(struct sim *s, int parent)
{
	const struct parent_server *p = &s->parent[parent];

	return !p->looked && p->ds != 0 && p->rev != 0 && some_want_to_look(s, parent);
}

static void on_parent_server(struct sim *s, const struct event *ev)
{
	struct parent_server *p = &s->parent[ev->a];
	const uint32_t old = p->ds, old_ttl = p->ttl;
	char text[96];

	if (s->parent_server_off[ev->a] > 0 || /* it does not hear its primary either, and then the newest */
	    has_unseen_ttl(s, ev->a)) {
		sim_later(s, chance_between(&s->chance, HOUR, 6 * HOUR), on_parent_server, ev->a, (int)s->parent_ttl,
			  (uint64_t)s->parent_rev << 32 | s->parent_ds, NULL);
		return;
	}
	if (ev->value >> 32 <= p->rev && p->rev != 0)
		return;
	p->rev = (uint32_t)(ev->value >> 32);
	p->ds = (uint32_t)ev->value;
	p->ttl = (uint32_t)ev->b;
	if (p->ds == old)
		return;
	p->looked = false;
	sim_say(s, "parent server %d shows DS %s", ev->a, mask_text(s, p->ds, text));
	validator_shows(s, RECORD_DS, p->ds, 0, 1, p->ttl);
	validator_shows(s, RECORD_DS, old, 0, -1, old_ttl);
}

/* What the parent is asked for, and the keys that signed that, or the zone's DNSKEY RRset. */
struct wish {
	bool any, none; /* none: no DS at all */
	uint32_t ds, dnskey;
};

static struct wish cds_of(const struct version *v)
{
	return (struct wish){ v != NULL && v->cds, v != NULL && v->published.cds_delete, v == NULL ? 0 : v->mask[RECORD_DS],
			      v == NULL ? 0 : v->signed_by };
}

/* Where there is no CDS, an operator tells the parent what `key ds` prints at the signer that has come furthest. */
static struct wish told_by_hand(struct sim *s)
{
	struct wish wish = { .any = false };
	uint64_t best = 0;

	for (int i = 0; i < s->signers; i++) {
		struct node *n = &s->node[i];
		const struct timeline *t;
		struct timeline_in in;

		if (!n->up || !n->compared || n->gone || n->disk.version == NULL || node_zone(n) == NULL)
			continue;
		t = node_view(s, n, &in);
		if (timeline_steps(&in, t) <= best)
			continue;
		best = timeline_steps(&in, t);
		wish = (struct wish){ .any = true, .none = t->cds_delete };
		for (size_t k = 0; k < t->n; k++) {
			const uint32_t bit = UINT32_C(1) << keys_find(s, t->key[k].key->hash);

			wish.ds |= t->key[k].record[RECORD_DS].show ? bit : 0;
			wish.dnskey |= t->key[k].record[RECORD_DNSKEY].shown ? bit : 0;
		}
	}
	if (wish.ds != 0)
		wish.ds |= move_beside(s);
	return wish;
}

/* As RFC 7344 section 4.1 and RFC 8078 section 4 allow it. */
static bool accepts(const struct sim *s, struct wish *w)
{
	if (w->none)
		w->ds = 0;
	if (!w->any || (!w->none && w->ds == 0))
		return false; /* no wish */
	if (s->parent_ds != 0 && (s->parent_ds & w->dnskey) == 0)
		return false; /* not signed by what the parent trusts */
	if (w->ds != 0 && (w->ds & w->dnskey) == 0)
		return false; /* would break the delegation */
	return w->ds != s->parent_ds;
}

static void on_parent_reads(struct sim *s, const struct event *ev)
{
	const int from = (int)chance_below(&s->chance, (uint32_t)s->secondaries);
	const bool by_hand = s->cds_when == CDS_NEVER || move_tells_parent(s);
	struct wish wish = by_hand ? told_by_hand(s) : cds_of(s->secondary[from].unnamed ? NULL : s->secondary[from].version);
	char text[96];

	(void)ev;
	if (!s->parent_off && accepts(s, &wish)) {
		const int64_t think = chance_between(&s->chance, 1, s->parent_delay / 2);

		s->parent_ds = wish.ds;
		s->parent_rev++;
		if (by_hand)
			sim_say(s, "the parent is told of DS %s by hand", mask_text(s, wish.ds, text));
		else
			sim_say(s, "the parent reads CDS %s from secondary %d", mask_text(s, wish.ds, text), from);
		for (int i = 0; i < s->parents; i++)
			sim_later(s, think + chance_between(&s->chance, 1, s->parent_delay / 2),
				  on_parent_server, i, (int)s->parent_ttl, (uint64_t)s->parent_rev << 32 | wish.ds,
				  NULL);
	}
	sim_later(s, s->move.hooks ? chance_between(&s->chance, 1, HOUR / 3) : chance_between(&s->chance, HOUR / 3, DAY / 2),
		  on_parent_reads, 0, 0, 0, NULL);
}

void parent_begin(struct sim *s)
{
	for (int i = 0; i < s->parents; i++) {
		s->parent[i] = (struct parent_server){ s->parent_ds, 0, s->parent_ttl, false };
		validator_shows(s, RECORD_DS, s->parent_ds, 0, 1, s->parent_ttl);
	}
	sim_later(s, chance_between(&s->chance, HOUR, DAY), on_parent_reads, 0, 0, 0, NULL);
}

/* ---- looks ---- */

static void set_of(const struct sim *s, uint32_t mask, struct key_set *out)
{
	out->n = 0;
	for (int i = 0; i < s->keys; i++)
		if ((mask >> i & 1) != 0)
			key_set_add(out, s->key[i]->hash);
}

static void parent_is_seen(struct sim *s, const struct timeline_look *look)
{
	struct parent_server *p = &s->parent[look->observer - 1 - SECONDARIES_MAX];

	p->looked |= look->ds_ttl == p->ttl;
}

static void on_look_ends(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];
	const struct timeline_look *look = ev->what;
	struct timeline_in in;

	if (!n->up || n->gone || n->boot != ev->b >> 8)
		return; /* whoever asked is no more */
	n->looking &= ~(UINT64_C(1) << (ev->b & 255));
	if (look != NULL && node_zone(n) != NULL) {
		node_count_time(s, n);
		node_in(s, n, &in);
		if (look->observer > SECONDARIES_MAX)
			parent_is_seen(s, look);
		if (!timeline_looked(&n->disk.memory, &in, look)) {
			if (timeline_wants(&in, &n->disk.memory, n->observer[ev->b & 255].id))
				look_begin(s, n, (size_t)(ev->b & 255));
			return;
		}
	}
	node_wake(s, n);
}

static void fill_secondary(struct sim *s, const struct node *n, int i, struct timeline_look *look)
{
	const struct version *v = s->secondary[i].version;

	if (v == NULL)
		return;
	look->explained = learn_explains(s, n, &s->secondary[i]);
	look->stays = leave_stays(s, n, v);
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		set_of(s, r != RECORD_DS || v->cds ? v->mask[r] : 0, &look->record[r]);
}

/* The server's answer is made at once or a little later; it may be long on its way. */
static void on_look_answered(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];
	const int i = (int)n->observer[ev->b & 255].id - 1;
	const bool parent = i >= SECONDARIES_MAX;
	const bool off = parent ? s->parent_server_off[i - SECONDARIES_MAX] > 0 : s->secondary_off[i] > 0;
	const int64_t way = chance_of(&s->chance, 85) ? chance_between(&s->chance, 0, 5)
						      : chance_between(&s->chance, 0, 12 * HOUR);
	struct timeline_look *look = NULL;

	if (n->boot != ev->b >> 8)
		return;
	if (!off && n->up) {
		look = &n->look[ev->b & 255];
		look->explained = look->stays = false;
		look->ds_ttl = 0;
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			look->record[r].n = 0;
		look->observer = n->observer[ev->b & 255].id;
		look->mark = ev->value;
		if (parent) {
			look->explained = true;
			look->ds_ttl = s->parent[i - SECONDARIES_MAX].ttl;
			set_of(s, s->parent[i - SECONDARIES_MAX].ds, &look->record[RECORD_DS]);
		} else {
			fill_secondary(s, n, i, look);
		}
	}
	sim_later(s, way, on_look_ends, ev->a, ev->b, 0, look);
}

void look_begin(struct sim *s, struct node *n, size_t observer)
{
	const uint64_t bit = UINT64_C(1) << observer;
	/* again and again, but not each minute of a year */
	const int64_t delay = chance_of(&s->chance, 30) ? chance_between(&s->chance, 1, 10 * MINUTE)
							: chance_between(&s->chance, 10 * MINUTE, 10 * HOUR);

	if ((n->looking & bit) != 0)
		return;
	n->looking |= bit;
	sim_later(s, delay, on_look_answered, n->i, (int)observer | n->boot << 8,
		  timeline_mark(&n->disk.memory), NULL);
}
