/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * move: a zone moves here from a signer whose private keys do not (docs/migrate.md; RFC 8901 section 2.1.2, model 2).  That signer
 * is none of ours: it says no facts, signs with its own keys, shows ours once its operator has them there, and is asked by all
 * whose secondaries have not changed over.  Our operators do the next step of the manual whenever they look, at any node.
 */
#include "tests/sim/sim.h"

#include "msg/msg.h"

#include <string.h>

bool move_is_planned(const struct sim *s)
{
	return s->seed % 20 == 14;
}

/* ---- the foreign signer ---- */

static uint32_t next_serial(const struct sim *s)
{
	const uint32_t today = serial_today(SIM_EPOCH + s->now);
	const struct version *v = s->move.version;

	if (v == NULL)
		return s->move.serial_of_today ? today : (uint32_t)SIM_EPOCH;
	return s->move.serial_of_today && serial_gt(today, v->word.serial) ? today : v->word.serial + 1;
}

static void foreign_publishes(struct sim *s, uint32_t ours)
{
	struct version *v = arena_alloc(s->arena, 1, sizeof(*v));
	char a[96];

	v->signer = v->who = FOREIGN;
	v->nr = ++s->versions;
	v->at = s->now;
	v->word.serial = next_serial(s);
	v->word.earliest = INT64_MAX;
	memcpy(v->word.id, &v->nr, sizeof(v->nr));
	v->mask[RECORD_DNSKEY] = s->move.keys | ours;
	v->signed_by = keys_seps(s, s->move.keys);
	for (int i = 0; i < s->keys; i++)
		if ((s->move.keys >> i & 1) != 0 && s->key[i]->zone_signing)
			v->mask[RECORD_ZONE] |= UINT32_C(1) << i;
	v->dnskey_ttl = s->move.dnskey_ttl;
	v->zone_ttl = s->move.zone_ttl;
	s->move.version = v;
	sim_say(s, "the foreign signer publishes serial %u: DNSKEY %s", v->word.serial, mask_text(s, v->mask[RECORD_DNSKEY], a));
}

static void on_foreign_poll(struct sim *s, const struct event *ev)
{
	struct secondary *sec = &s->secondary[ev->a];
	const struct version *old = sec->version;

	if (!sec->elsewhere || old == s->move.version)
		return;
	if (s->secondary_off[ev->a] > 0) {
		sim_later(s, chance_between(&s->chance, MINUTE, 2 * HOUR), on_foreign_poll, ev->a, 0, 0, NULL);
		return;
	}
	sec->version = s->move.version;
	sim_say(s, "secondary %d takes serial %u of the foreign signer", ev->a, sec->version->word.serial);
	secondary_shows(s, sec, sec->version, 1);
	secondary_shows(s, sec, old, -1);
}

static void foreign_notifies(struct sim *s)
{
	for (int i = 0; i < s->secondaries; i++)
		if (s->secondary[i].elsewhere)
			sim_later(s, chance_between(&s->chance, 1, chance_of(&s->chance, 50) ? HOUR : DAY), on_foreign_poll, i, 0, 0,
				  NULL);
}

/* It signs anew, or has new content. */
static void on_foreign_tick(struct sim *s, const struct event *ev)
{
	(void)ev;
	if (s->move.withdrawn)
		return;
	foreign_publishes(s, s->move.version->mask[RECORD_DNSKEY] & ~s->move.keys);
	foreign_notifies(s);
	sim_later(s, chance_between(&s->chance, 6 * HOUR, 6 * DAY), on_foreign_tick, 0, 0, 0, NULL);
}

/* Its operator has it show keys of ours. */
static void on_foreign_takes(struct sim *s, const struct event *ev)
{
	foreign_publishes(s, s->move.version->mask[RECORD_DNSKEY] | (uint32_t)ev->value);
	foreign_notifies(s);
}

/* ---- set up ---- */

static void foreign_key(struct sim *s, const char *role)
{
	s->move.keys |= UINT32_C(1) << keys_take(s, &s->node[0], s->policy.algorithm, role);
}

void move_set_up(struct sim *s)
{
	s->move.on = true;
	if (chance_of(&s->chance, 40)) { /* its DNSKEY RRset stays in caches longest */
		s->zone_ttl = (uint32_t)chance_between(&s->chance, 5 * MINUTE, HOUR);
		s->dnskey_ttl = (uint32_t)chance_between(&s->chance, DAY, 2 * DAY);
	}
	s->move.zone_ttl = s->zone_ttl; /* of the content, which both have from one source */
	s->move.dnskey_ttl = chance_of(&s->chance, 50) ? s->dnskey_ttl : (uint32_t)chance_between(&s->chance, 5 * MINUTE, s->dnskey_ttl);
	s->move.serial_of_today = chance_of(&s->chance, 50);
	s->move.hooks = chance_of(&s->chance, 70);
	if (s->move.hooks)
		s->parent_delay = s->policy.parent_delay_s = chance_between(&s->chance, MINUTE, HOUR);
	s->move.slow = chance_of(&s->chance, 50);
	s->move.hasty = chance_of(&s->chance, 50);
	s->move.lossy = chance_of(&s->chance, 50);
	if (chance_of(&s->chance, 50)) {
		foreign_key(s, "csk");
	} else {
		foreign_key(s, "ksk");
		foreign_key(s, "zsk");
	}
	foreign_publishes(s, 0);
}

/* Most secondaries are that signer's; others are new, and ask ours from the beginning. */
void move_set_up_server(struct sim *s, int secondary)
{
	struct secondary *sec = &s->secondary[secondary];

	if (secondary > 0 && chance_of(&s->chance, 40)) {
		sec->unnamed = true;
		return;
	}
	sec->elsewhere = true;
	sec->primaries = sec->watchers = 0;
	sec->version = s->move.version;
	secondary_shows(s, sec, sec->version, 1);
}

/* ---- the parent ---- */

/* As long as no server that the parent asks shows our CDS. */
bool move_tells_parent(const struct sim *s)
{
	return s->move.on && (s->move.hooks || !s->move.begun || (s->parent_ds & ~s->move.keys) == 0);
}

uint32_t move_beside(const struct sim *s)
{
	return s->move.hooks || s->move.withdrawn ? 0 : s->parent_ds & s->move.keys;
}

/* ---- our operators ---- */

static void observe_all(struct sim *s)
{
	for (int i = 0; i < s->signers; i++)
		node_observe(s, &s->node[i]);
}

/* Those who could be asked. */
static int signers_that_serve(const struct sim *s)
{
	int bits = 0;

	for (int i = 0; i < s->signers; i++)
		if (!s->node[i].gone && s->node[i].disk.version != NULL && !node_leaves(&s->node[i]))
			bits |= 1 << i;
	return bits;
}

static int some_of(struct sim *s, int bits)
{
	const int some = bits & (int)chance_below(&s->chance, 1u << s->signers);

	return some != 0 ? some : bits;
}

/* An operator is afraid, and has it from the foreign signer again. */
static void on_back(struct sim *s, const struct event *ev)
{
	struct secondary *sec = &s->secondary[ev->a];
	const struct version *old = sec->version;

	if (s->move.withdrawn || sec->elsewhere)
		return;
	sim_say(s, "secondary %d is given back to the foreign signer", ev->a);
	sec->elsewhere = true;
	sec->primaries = sec->watchers = 0;
	sec->version = s->move.version;
	secondary_shows(s, sec, sec->version, 1);
	secondary_shows(s, sec, old, -1);
	observe_all(s);
}

static void changes_over(struct sim *s, int secondary)
{
	struct secondary *sec = &s->secondary[secondary];
	const int bits = signers_that_serve(s);

	s->changed_over_at = s->now;
	if (sec->unnamed) {
		sim_say(s, "secondary %d is named in the NS RRset", secondary);
		sec->unnamed = false;
		secondary_shows(s, sec, sec->version, 1);
		return;
	}
	if (bits == 0)
		return;
	sim_say(s, "secondary %d changes over from the foreign signer", secondary);
	sec->elsewhere = false;
	sec->primaries = some_of(s, bits);
	sec->watchers = some_of(s, bits);
	sec->well_at = s->now;
	for (int i = 0; i < s->nodes; i++)
		sec->given_at[i] = s->now;
	observe_all(s);
	secondary_notify(s, secondary);
	for (int i = 0; i < s->signers; i++) /* its primaries look */
		if ((sec->primaries >> i & 1) != 0)
			serve_soon(s, i);
	if (chance_of(&s->chance, 25))
		sim_later(s, chance_between(&s->chance, HOUR, 2 * DAY), on_back, secondary, 0, 0, NULL);
}

static void say_foreign(struct sim *s, struct node *n, const struct sim_key *k)
{
	node_say(s, n, "key.created", true,
		 json_pack("{s:o,s:o,s:s,s:b,s:[],s:[]}", "key", msg_json_hex(k->hash, 32), "dnskey", msg_json_base64(k->rdata, k->len),
			   "role", !k->sep ? "zsk" : k->zone_signing ? "csk" : "ksk", "foreign", 1, "boxes", "recovery"));
}

/* `key import --public`, where they are not known. */
static void import(struct sim *s, struct node *n)
{
	for (int i = 0; i < s->keys; i++) {
		const struct key_state *known = zone_key(node_zone(n), s->key[i]->hash);

		if ((s->move.keys >> i & 1) != 0 && (known == NULL || !known->created))
			say_foreign(s, n, s->key[i]);
	}
}

static void on_clock_right(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];

	n->clock_off = 0;
	n->well_at = s->now;
	serve_soon(s, ev->a);
}

/* While the last waits run. */
static void on_clock_jump(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];

	sim_say(s, "node %d's clock jumps", ev->a);
	n->clock_off = chance_between(&s->chance, DAY, 2 * DAY);
	node_wake(s, n);
	sim_later(s, chance_between(&s->chance, MINUTE, 12 * HOUR), on_clock_right, ev->a, 0, 0, NULL);
}

/* `key withdraw`, now and then only of one at first. */
static void withdraw(struct sim *s, struct node *n)
{
	for (int i = 0; i < s->keys; i++) {
		const struct key_state *known = zone_key(node_zone(n), s->key[i]->hash);

		if ((s->move.keys >> i & 1) == 0 || known == NULL || known->withdrawn || chance_of(&s->chance, 30))
			continue;
		node_say(s, n, "key.withdrawn", true, json_pack("{s:o}", "key", msg_json_hex(s->key[i]->hash, 32)));
		if (!s->move.withdrawn && chance_of(&s->chance, 50))
			sim_later(s, chance_between(&s->chance, MINUTE, DAY), on_clock_jump,
				  (int)chance_below(&s->chance, (uint32_t)s->members), 0, 0, NULL);
		s->move.withdrawn = true;
	}
}

/* With the keys known to the others, and its word on the foreign ones not. */
static void on_alone(struct sim *s, const struct event *ev)
{
	node_wake(s, &s->node[ev->a]);
	surprise_alone(s, ev->a, chance_between(&s->chance, MINUTE, DAY));
}

/* A key of ours has this use. */
static bool has_key_for(const struct timeline *t, enum key_record use)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *k = &t->key[i];

		if (!k->foreign && !k->dead && k->key->declined.n == 0 && (use == RECORD_DS ? k->sep : k->zone_signing))
			return true;
	}
	return false;
}

/* `key create`, for a zone that has not all of ours: one may be lost with who made both.  true: the node is about to be cut
 * off. */
static bool create(struct sim *s, struct node *n, const struct timeline *t)
{
	struct timeline_create c = { .method = METHOD_FIRST, .alg = s->policy.algorithm };
	const bool sep = has_key_for(t, RECORD_DS), zone_signing = has_key_for(t, RECORD_ZONE);

	/* it may be that only this node has not heard of it */
	if ((sep && zone_signing) || (s->move.created && !chance_of(&s->chance, 10)))
		return false;
	s->move.created = true;
	c.role = s->policy.split ? "ksk" : "csk";
	if (!sep || !s->policy.split)
		node_create(s, n, &c);
	c.role = "zsk";
	if (s->policy.split && !zone_signing)
		node_create(s, n, &c);
	if (!chance_of(&s->chance, 40))
		return false;
	sim_later(s, 3, on_alone, n->i, 0, 0, NULL);
	return true;
}

/* Bits of our keys that live; 0 as well where one of them, or of the foreign ones, is not where a key in use should be. */
static uint32_t ours_in_use(const struct sim *s, const struct timeline *t)
{
	uint32_t ours = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct timeline_key *k = &t->key[i];

		if (k->dead)
			continue;
		if (k->record[RECORD_DNSKEY].phase != PHASE_OMNIPRESENT)
			return 0;
		if (k->foreign)
			continue;
		if ((k->zone_signing && k->record[RECORD_ZONE].phase != PHASE_OMNIPRESENT) ||
		    (k->sep && k->record[RECORD_DS].phase != PHASE_OMNIPRESENT))
			return 0;
		ours |= UINT32_C(1) << keys_find(s, k->key->hash);
	}
	return ours;
}

/* Each server of the foreign signer shows our keys, and caches have let go of what was before. */
static bool may_change_over(struct sim *s, uint32_t ours)
{
	bool both = ours != 0;

	for (int i = 0; i < s->secondaries; i++)
		both &= !s->secondary[i].elsewhere || (ours & ~s->secondary[i].version->mask[RECORD_DNSKEY]) == 0;
	if (both && (s->move.both_at == 0 || (ours & ~s->move.both) != 0))
		s->move.both_at = s->now;
	s->move.both = both ? ours : 0;
	if (!both)
		s->move.both_at = 0;
	return both && s->now > s->move.both_at + (int64_t)s->move.dnskey_ttl;
}

/* A key of ours is rolled in the midst of it, which has to wait. */
static void on_roll(struct sim *s, const struct event *ev)
{
	(void)ev;
	operator_acts(s, &(struct trouble){ .kind = TROUBLE_ROLL, .a = (int)chance_below(&s->chance, (uint32_t)s->members) });
}

static void change_over(struct sim *s)
{
	const bool all = !s->move.slow && chance_of(&s->chance, 30);

	if (s->move.begun && s->move.slow && !chance_of(&s->chance, 15))
		return;
	if (!s->move.begun && chance_of(&s->chance, 50))
		sim_later(s, chance_between(&s->chance, MINUTE, DAY), on_roll, 0, 0, 0, NULL);
	s->move.begun = true;
	for (int i = 0; i < s->secondaries; i++) {
		if (!s->secondary[i].elsewhere && !s->secondary[i].unnamed)
			continue;
		changes_over(s, i);
		if (!all)
			return;
	}
}

static void have_them_shown(struct sim *s, const struct node *n)
{
	const uint32_t ours = n->disk.version == NULL ? 0 : n->disk.version->mask[RECORD_DNSKEY] & ~s->move.keys;

	if (s->move.begun || (ours & ~s->move.taken) == 0)
		return;
	sim_later(s, chance_between(&s->chance, MINUTE, chance_of(&s->chance, 50) ? DAY : 6 * DAY), on_foreign_takes, 0, 0,
		  ours & ~s->move.taken, NULL);
	s->move.taken |= ours;
}

/* Nobody serves any more what the foreign signer signed. */
static bool is_served(const struct sim *s)
{
	for (int i = 0; i < s->secondaries; i++)
		if (s->secondary[i].elsewhere || (s->secondary[i].version != NULL && s->secondary[i].version->signer == FOREIGN))
			return true;
	return false;
}

/* Not all servers that are asked are ours, or not all of ours are asked. */
static bool is_under_way(const struct sim *s)
{
	for (int i = 0; i < s->secondaries; i++)
		if (s->secondary[i].unnamed)
			return true;
	return is_served(s);
}

/* What comes next, as this node shows it. */
static void next_step(struct sim *s, struct node *n)
{
	const bool served = is_served(s);
	struct timeline_in in;
	const struct timeline *t;

	if (!s->move.withdrawn)
		import(s, n);
	t = node_view(s, n, &in);
	if (create(s, n, t))
		return;
	if (!s->move.withdrawn && served)
		have_them_shown(s, n);
	t = node_view(s, n, &in);
	if (is_under_way(s) && may_change_over(s, ours_in_use(s, t)))
		change_over(s);
	else if (!served)
		withdraw(s, n);
	node_wake(s, n);
}

static void on_operator(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[chance_below(&s->chance, (uint32_t)s->signers)];

	(void)ev;
	if (n->up && !n->gone && n->compared && node_zone(n) != NULL && !node_leaves(n) &&
	    node_is_signer(state_node(n->state, n->id.id)))
		next_step(s, n);
	if (!move_is_over(s))
		sim_later(s, chance_between(&s->chance, 10 * MINUTE, s->move.hasty ? 2 * HOUR : 18 * HOUR), on_operator, 0, 0, 0, NULL);
}

void move_begin(struct sim *s)
{
	sim_later(s, chance_between(&s->chance, MINUTE, 2 * DAY), on_operator, 0, 0, 0, NULL);
	sim_later(s, chance_between(&s->chance, HOUR, 6 * DAY), on_foreign_tick, 0, 0, 0, NULL);
}

/* ---- the end ---- */

static bool has_foreign(const struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].foreign && !t->key[i].dead)
			return true;
	return false;
}

bool move_is_over(struct sim *s)
{
	if (!s->move.on)
		return true;
	if (!s->move.withdrawn || is_under_way(s))
		return false;
	for (int i = 0; i < s->signers; i++) {
		struct node *n = &s->node[i];
		struct timeline_in in;

		if (n->gone || node_zone(n) == NULL || !node_is_signer(state_node(n->state, n->id.id)))
			continue;
		if (n->disk.version == NULL || has_foreign(node_view(s, n, &in)))
			return false;
	}
	return true;
}

void move_tell(struct sim *s)
{
	if (!s->move.on || move_is_over(s))
		return;
	for (int i = 0; i < s->secondaries; i++)
		if (s->secondary[i].elsewhere)
			sim_say(s, "secondary %d still asks the foreign signer", i);
	sim_say(s, "the zone has not moved: keys of the foreign signer are %s", s->move.withdrawn ? "withdrawn" : "not withdrawn yet");
}
