/* SPDX-License-Identifier: BSD-3-Clause */
/* life: the keys of a zone as lib/timeline has them, and what this node says of them. */
#include "keydist/leave.h"
#include "keydist/looks.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <string.h>

#define SAYS_MAX 64

static const struct timeline_memory nothing;

static struct timeline_policy policy_of(const struct policy *p)
{
	const bool ds_first = p->ksk_rollover == POLICY_DOUBLE_DS, liberal = p->algorithm_rollover == POLICY_LIBERAL;

	return (struct timeline_policy){ .algorithm = (unsigned)p->algorithm,
					 .split = p->keys == POLICY_KSK_ZSK,
					 .ksk_method = ds_first ? METHOD_DOUBLE_DS : METHOD_DOUBLE_SIGNATURE,
					 .algorithm_method = liberal ? METHOD_LIBERAL : METHOD_CONSERVATIVE,
					 .extra_s = p->propagation_s,
					 .parent_delay_s = p->parent_delay_s,
					 .require_backups = (size_t)p->require_backups,
					 .hold = p->roll_steps == POLICY_MANUAL ? HOLD_STEPS : HOLD_NONE,
					 .no_cds = !p->cds,
					 .limit_s = p->observation_limit_s };
}

static const char *name_of(void *ctx, const uint8_t *node)
{
	return cluster_name(ctx, node);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

void life_view(struct keydist *k, struct zone_ctx *c, struct zone_state *z, struct life *l)
{
	uint32_t dnskey, zone;

	l->p = zone_policy(k, z);
	l->policy = policy_of(&l->p);
	shown_get(c, &l->published);
	shown_lost(k, c, &dnskey, &zone);
	l->published.dnskey_ttl = larger(l->published.dnskey_ttl, dnskey);
	l->published.zone_ttl = larger(l->published.zone_ttl, zone);
	l->in = (struct timeline_in){ .facts = cluster_state(k->cluster),
				      .zone = z,
				      .self = k->self.id,
				      .policy = &l->policy,
				      .published = &l->published,
				      .memory = c->memory == NULL ? &nothing : c->memory,
				      .observer = l->observer,
				      .observers = observe_list(k, z, &l->p, l->observer),
				      .leaver = l->leaver,
				      .leavers = leave_list(k, c, l->leaver),
				      .name = name_of,
				      .name_ctx = k->cluster,
				      .server = looks_server,
				      .server_ctx = c };
	timeline_view(&l->in, &l->t);
}

/* ---- what is said ---- */

static json_t *hashes(const struct key_set *set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < set->n; i++)
		json_array_append_new(list, msg_json_hex(set->hash[i], 32));
	return list;
}

static void say_serves(struct keydist *k, struct zone_ctx *c, const struct life *l)
{
	const struct timeline_published *p = &l->published;
	uint32_t dnskey, zone;

	shown_lost(k, c, &dnskey, &zone);
	words_add(k, c, "key.serves",
		  json_pack("{s:o,s:o,s:o,s:I,s:I,s:I}", "keys", hashes(&p->record[RECORD_DNSKEY]), "signing",
			    hashes(&p->record[RECORD_ZONE]), "cds", hashes(&p->record[RECORD_DS]), "dnskey_ttl",
			    (json_int_t)larger(c->shown.dnskey_before, dnskey), "largest_ttl",
			    (json_int_t)larger(c->shown.zone_before, zone), "ds_ttl",
			    (json_int_t)l->in.memory->ds_ttl),
		  "key-serves", "zone=%s keys=%zu signing=%zu cds=%zu", c->text, p->record[RECORD_DNSKEY].n,
		  p->record[RECORD_ZONE].n, p->record[RECORD_DS].n);
}

static void say_record(struct keydist *k, struct zone_ctx *c, const struct timeline_say *w)
{
	static const struct {
		const char *kind, *event;
	} kinds[] = {
		[SAY_SEEN] = { "key.seen", "key-seen" },
		[SAY_STOPPED] = { "key.stopped", "key-stopped" },
		[SAY_GONE] = { "key.gone", "key-gone" },
	};
	const struct key_state *ks = w->key->key;

	words_add(k, c, kinds[w->kind].kind,
		  json_pack("{s:o,s:s,s:I,s:b}", "key", msg_json_hex(ks->hash, 32), "record", key_record_names[w->record],
			    "ttl", (json_int_t)w->ttl, "insecure", w->insecure),
		  kinds[w->kind].event, "zone=%s key=%u/%u record=%s", c->text, dnskey_tag(ks->dnskey, ks->dnskey_len),
		  w->key->alg, key_record_names[w->record]);
}

/* Keys in the place of one that is to be rolled. */
static void create(struct keydist *k, struct zone_ctx *c, const struct timeline_say *w)
{
	struct wanted_key want[2];
	struct err e;

	if (c->making)
		return;
	for (size_t i = 0; i < w->creates; i++) {
		want[i] = (struct wanted_key){ .c = c, .alg = w->create[i].alg, .method = w->create[i].method,
						.hold = w->create[i].hold };
		strcpy(want[i].role, w->create[i].role);
		memcpy(want[i].replaces, w->create[i].replaces, sizeof(want[i].replaces));
	}
	if (keys_make(k, want, w->creates, NULL, NULL, &e) == 0)
		log_event(LOG_NOTICE, "key-rolls", "zone=%s key=%u/%u msg=a %s takes its place, by %s", c->text,
			  dnskey_tag(w->key->key->dnskey, w->key->key->dnskey_len), w->key->alg, want[0].role,
			  key_method_names[want[0].method]);
	else
		log_event(LOG_ERROR, "key-trouble", "zone=%s msg=%s", c->text, e.text);
}

void life_step(struct keydist *k, struct zone_ctx *c, struct life *l)
{
	struct timeline_say says[SAYS_MAX];
	struct timeline_memory *m = running_memory(c);
	const size_t waits = m->waits;
	size_t n;

	if ((int64_t)m->mark < clock_mono_ms())
		m->mark = (uint64_t)clock_mono_ms(); /* looks are marked with the time when they were asked for */
	l->in.memory = m;
	running_count(c); /* what begins now did not run before */
	running_forget(m, l->in.observer, l->in.observers);
	timeline_tend(&l->in, &l->t, m);
	c->memory_changed |= m->waits != waits;
	if (m->waits > waits)
		log_event(LOG_INFO, "wait-begun", "zone=%s waits=%zu msg=servers are looked at, and old answers must leave the "
			  "caches", c->text, m->waits);
	looks_apply(c, l);
	if (!k->acting)
		return; /* it leaves */
	lifetime_step(k, c, l);
	observe_operator(c, l);
	n = timeline_says(&l->in, &l->t, m, says, SAYS_MAX);
	for (size_t i = 0; i < n; i++)
		switch (says[i].kind) {
		case SAY_SERVES:
			say_serves(k, c, l);
			break;
		case SAY_CREATE:
			create(k, c, &says[i]);
			break;
		case SAY_STOPPED:
			if (shown_settled(c))
				say_record(k, c, &says[i]);
			break;
		case SAY_SEEN:
		case SAY_GONE:
			say_record(k, c, &says[i]);
			break;
		}
}

/* ---- distribution, for people ---- */

json_t *life_missing(struct keydist *k, const struct life *l, const struct timeline_key *key)
{
	const size_t stored = key_stored_count(l->in.facts, key->key);
	json_t *list = json_array();

	if (key->distributed)
		return list;
	for (size_t i = 0; i < l->t.counted_n; i++) {
		const uint8_t *id = l->t.counted[i];

		if (id_set_has(&key->key->declined, id))
			json_array_append_new(list, json_sprintf("%s has declined it", cluster_name(k->cluster, id)));
		else if (!key_held_by(l->in.zone, key->key, id))
			json_array_append_new(list, json_sprintf("%s has not said that it holds it",
								 cluster_name(k->cluster, id)));
	}
	if (!key->foreign && stored < l->policy.require_backups)
		json_array_append_new(list, json_sprintf("%zu of %zu backups have said that they store it", stored,
							 l->policy.require_backups));
	if (json_array_size(list) == 0)
		json_array_append_new(list, json_string("not all signers count each other yet"));
	return list;
}
