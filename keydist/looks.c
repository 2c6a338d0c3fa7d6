/* SPDX-License-Identifier: BSD-3-Clause */
/* looks: what servers showed, per zone. */
#include "keydist/looks_impl.h"
#include "keydist/leave.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "keydist/parent.h"
#include "log/log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1024 /* in one message */
#define SHOWS_DS " shows a DS with key tag " /* behind the server's address, in an alarm */

static struct seen *find(const struct zone_looks *l, const struct addr *addr, enum observed_role role)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->seen[i].server.role == role && addr_equal(&l->seen[i].server.addr, addr))
			return &l->seen[i];
	return NULL;
}

static void seen_fini(struct seen *s)
{
	free(s->name);
	free(s->unknown_ds);
	free(s->fresh);
}

static void text_set(char **slot, const char *text)
{
	free(*slot);
	*slot = text == NULL || text[0] == '\0' ? NULL : mem_strdup(text);
}

/* True: who is waited for is another than before. */
static bool take_servers(struct zone_ctx *c, const struct observed_servers *s)
{
	struct zone_looks *l = c->looks;
	bool changed;
	size_t kept = 0;

	if (l == NULL)
		l = c->looks = mem_new(1, sizeof(*l));
	changed = l->name_servers != s->name_servers || l->children_whole != s->children_whole ||
		  l->parents_whole != s->parents_whole;
	l->name_servers = s->name_servers;
	l->children_whole = s->children_whole;
	text_set(&l->missing, s->missing);
	text_set(&l->children_why, s->children_why);
	l->parents_whole = s->parents_whole;
	snprintf(l->why, sizeof(l->why), "%s", s->why);
	for (size_t i = 0; i < l->n; i++)
		l->seen[i].there = false;
	for (size_t i = 0; i < s->n; i++) {
		struct seen *seen = find(l, &s->server[i].addr, s->server[i].role);

		if (seen == NULL) {
			l->seen = mem_grow(l->seen, l->n + 1, sizeof(*l->seen));
			seen = &l->seen[l->n++];
			changed = true;
			*seen = (struct seen){ .server = { .addr = s->server[i].addr, .role = s->server[i].role } };
		}
		text_set(&seen->name, s->server[i].name);
		seen->there = true;
	}
	for (size_t i = 0; i < l->n; i++)
		if (l->seen[i].there)
			l->seen[kept++] = l->seen[i];
		else
			seen_fini(&l->seen[i]);
	changed |= l->n != kept;
	l->n = kept;
	return changed;
}

/* ---- DS ---- */

/* The key that it names, of all that were ever made for the zone; NULL. */
static const struct key_state *named_key(const struct zone_state *z, const struct rr *ds)
{
	const unsigned tag = (unsigned)(ds->rdata[0] << 8 | ds->rdata[1]);

	for (size_t i = 0; i < z->keys; i++) {
		uint8_t rdata[4 + 48];
		struct key *key;
		size_t len = 0;

		if (z->key[i].dnskey == NULL || key_from_dnskey(z->key[i].dnskey, z->key[i].dnskey_len, &key, NULL) != 0)
			continue;
		/* Of a digest that is not made here tag and algorithm have to do. */
		if (ds->rdata[3] != 2 && ds->rdata[3] != 4)
			len = key_tag(key) == tag && key_alg(key) == ds->rdata[2] ? ds->rdlen : 0;
		else if ((len = key_ds(key, z->name, ds->rdata[3], rdata)) != ds->rdlen ||
			 memcmp(rdata, ds->rdata, len) != 0)
			len = 0;
		key_free(key);
		if (len > 0)
			return &z->key[i];
	}
	return NULL;
}

static void look_for_unknown(const struct zone_ctx *c, const struct zone_state *z, struct seen *s, const struct observed *o)
{
	const struct observed_set *set = observed_set(o, TYPE_DS);
	char address[ADDR_TEXT_LEN], *found = NULL;

	for (size_t i = 0; i < set->n && found == NULL; i++)
		if (named_key(z, &set->rr[i]) == NULL)
			found = mem_printf("%s" SHOWS_DS "%u, algorithm %u, that names no key of the zone",
					   addr_text(&o->server, address), (unsigned)(set->rr[i].rdata[0] << 8 | set->rr[i].rdata[1]),
					   (unsigned)set->rr[i].rdata[2]);
	if (found != NULL && (s->unknown_ds == NULL || strcmp(found, s->unknown_ds) != 0))
		log_event(LOG_ERROR, "ds-unknown", "zone=%s msg=%s; validators may find the zone bogus, ask the parent to take "
			  "it out", c->text, found);
	else if (found == NULL && s->unknown_ds != NULL)
		log_event(LOG_NOTICE, "ds-known", "zone=%s address=%s msg=every DS names a key again", c->text,
			  addr_text(&o->server, address));
	free(s->unknown_ds);
	s->unknown_ds = found;
}

/* Once every server of the parent shows the same, and all are known. */
static void look_whether_all_agree(struct zone_ctx *c)
{
	struct zone_looks *l = c->looks;
	const struct seen *first = NULL;
	bool agree = l->parents_whole;

	for (size_t i = 0; i < l->n && agree; i++) {
		const struct seen *s = &l->seen[i];

		if (!observed_of_parent(s->server.role))
			continue;
		if (first == NULL)
			first = s;
		agree = s->answered && s->outcome == OBSERVED_ANSWERED && s->trust != OBSERVED_UNCHECKED &&
			memcmp(s->shows, first->shows, sizeof(s->shows)) == 0;
	}
	agree = agree && first != NULL;
	if (agree && !l->agreed)
		log_event(LOG_NOTICE, "parent-agrees", "zone=%s ds=%zu msg=all servers of the parent show the same", c->text,
			  first->ds);
	l->agreed = agree;
}

static void take_parent(struct zone_ctx *c, const struct zone_state *z, struct seen *s, const struct observed *o)
{
	const struct observed_set *set = observed_set(o, TYPE_DS);
	char address[ADDR_TEXT_LEN];
	crypto_hash_sha256_state st;
	uint8_t shows[32];

	if (set == NULL)
		return;
	crypto_hash_sha256_init(&st);
	for (size_t i = 0; i < set->n; i++)
		crypto_hash_sha256_update(&st, set->rr[i].rdata, set->rr[i].rdlen);
	crypto_hash_sha256_final(&st, shows);
	if (!s->answered || memcmp(shows, s->shows, sizeof(shows)) != 0) {
		log_event(LOG_NOTICE, "parent-shows", "zone=%s address=%s ds=%zu ttl=%u trust=%s", c->text,
			  addr_text(&o->server, address), set->n, set->ttl,
			  o->trust == OBSERVED_SECURE ? "secure" : o->trust == OBSERVED_INSECURE ? "insecure" : "unchecked");
		c->looks->agreed = false;
	}
	memcpy(s->shows, shows, sizeof(shows));
	s->ds = set->n;
	s->ttl = set->ttl;
	s->answered = true;
	look_for_unknown(c, z, s, o);
}

/* ---- for lib/timeline ---- */

static void take_dnskeys(const struct zone_state *z, const struct observed *o, struct key_set *out)
{
	const struct observed_set *set = observed_set(o, TYPE_DNSKEY);

	for (size_t i = 0; set != NULL && i < set->n; i++)
		for (size_t j = 0; j < z->keys; j++)
			if (z->key[j].dnskey_len == set->rr[i].rdlen &&
			    memcmp(z->key[j].dnskey, set->rr[i].rdata, set->rr[i].rdlen) == 0)
				key_set_add(out, z->key[j].hash);
}

/* The keys that signed its SOA; tags are unique for the zone. */
static void take_signers(const struct zone_state *z, const struct observed *o, struct key_set *out)
{
	const struct observed_set *set = observed_set(o, TYPE_RRSIG);

	for (size_t i = 0; set != NULL && i < set->n; i++)
		for (size_t j = 0; j < z->keys; j++)
			if (z->key[j].dnskey_len > 4 && z->key[j].dnskey[3] == set->rr[i].rdata[2] &&
			    dnskey_tag(z->key[j].dnskey, z->key[j].dnskey_len) ==
				    (set->rr[i].rdata[16] << 8 | set->rr[i].rdata[17]))
				key_set_add(out, z->key[j].hash);
}

static void look_make(struct keydist *k, const struct zone_ctx *c, const struct zone_state *z, const struct observed *o,
		      struct timeline_look *out)
{
	const struct observed_set *ds = observed_set(o, observed_of_parent(o->role) ? TYPE_DS : TYPE_CDS);

	memset(out, 0, sizeof(*out));
	out->observer = observed_server_id(&o->server, o->role);
	out->mark = (uint64_t)o->asked_ms;
	out->explained = observed_of_parent(o->role) || o->explained;
	out->stays = !observed_of_parent(o->role) && leave_stays(k, c, o);
	take_dnskeys(z, o, &out->record[RECORD_DNSKEY]);
	take_signers(z, o, &out->record[RECORD_ZONE]);
	for (size_t i = 0; ds != NULL && i < ds->n; i++) {
		const struct key_state *ks = named_key(z, &ds->rr[i]);

		if (ks != NULL)
			key_set_add(&out->record[RECORD_DS], ks->hash);
	}
	if (observed_of_parent(o->role) && ds != NULL && ds->n > 0)
		out->ds_ttl = ds->ttl;
}

/* Servers that signers named which are to leave, whether the engine knows of them already or not. */
static size_t add_watched(struct keydist *k, const struct zone_ctx *c, struct timeline_observer *out, size_t n)
{
	json_t *list = c == NULL ? NULL : leave_watch(k, c), *o;
	size_t i;

	json_array_foreach(list, i, o) {
		struct addr addr;
		uint64_t id;
		size_t at = 0;

		if (addr_parse(json_string_value(o), 53, &addr, NULL) != 0)
			continue;
		id = observed_server_id(&addr, OBSERVED_SECONDARY);
		while (at < n && out[at].id != id)
			at++;
		if (at < n)
			continue;
		if (n == TIMELINE_OBSERVERS_MAX - 3)
			id = LOOKS_UNKNOWN;
		out[n++] = (struct timeline_observer){ id, OBSERVER_SECONDARY };
		if (id == LOOKS_UNKNOWN)
			break;
	}
	json_decref(list);
	return n;
}

bool looks_at_name_servers(const struct zone_state *z, const struct policy *p)
{
	for (size_t i = 0; i < z->keys; i++)
		if (z->key[i].foreign && !z->key[i].withdrawn)
			return false;
	return p->name_servers == POLICY_LOOK;
}

size_t looks_observers(struct keydist *k, const struct zone_ctx *c, bool name_servers,
		       struct timeline_observer out[TIMELINE_OBSERVERS_MAX])
{
	const struct conf_signer *s = &k->conf->signer;
	const struct zone_looks *l = c == NULL ? NULL : c->looks;
	bool parent = false, children = l != NULL && l->children_whole && (l->name_servers || !name_servers);
	size_t n = 0;

	for (size_t i = 0; l != NULL && i < l->n && n < TIMELINE_OBSERVERS_MAX - 3; i++) {
		const struct observed_server *server = &l->seen[i].server;

		if (server->role == OBSERVED_NS && !name_servers)
			continue;
		out[n].id = observed_server_id(&server->addr, server->role);
		out[n++].kind = observed_of_parent(server->role) ? OBSERVER_PARENT : OBSERVER_SECONDARY;
		parent |= observed_of_parent(server->role);
	}
	n = add_watched(k, c, out, n);
	/* Where no server of the parent is looked at, or not all are known, the operator's word is asked for. */
	if (!parent || !l->parents_whole)
		out[n++] = (struct timeline_observer){ LOOKS_OPERATOR, OBSERVER_PARENT };
	if (!children && s->present && (name_servers || s->secondary_count + s->resolver_count > 0))
		out[n++] = (struct timeline_observer){ LOOKS_UNKNOWN, OBSERVER_SECONDARY };
	return n;
}

void looks_apply(struct zone_ctx *c, const struct life *l)
{
	for (size_t i = 0; c->looks != NULL && i < c->looks->n; i++) {
		struct seen *s = &c->looks->seen[i];

		if (s->fresh == NULL)
			continue;
		c->memory_changed |= timeline_looked(c->memory, &l->in, s->fresh);
		free(s->fresh);
		s->fresh = NULL;
	}
}

static void take_look(struct keydist *k, struct zone_ctx *c, const struct zone_state *z, const struct observed *o)
{
	struct seen *s = c->looks == NULL ? NULL : find(c->looks, &o->server, o->role);
	char address[ADDR_TEXT_LEN];
	bool news;

	if (s == NULL)
		return; /* no longer looked at */
	news = !s->looked || s->outcome != o->outcome || strncmp(s->why, o->why, sizeof(s->why) - 1) != 0;
	s->looked = true;
	s->outcome = o->outcome;
	s->trust = o->trust;
	s->serial = o->serial;
	s->at = clock_now_s();
	snprintf(s->why, sizeof(s->why), "%.63s", o->why);
	s->keys = observed_set(o, TYPE_DNSKEY) == NULL ? 0 : observed_set(o, TYPE_DNSKEY)->n;
	if (o->outcome != OBSERVED_ANSWERED && news)
		log_event(LOG_WARNING, "look-failed", "zone=%s address=%s role=%s outcome=%s msg=%s; it does not count, and is "
			  "looked at again", c->text, addr_text(&o->server, address), observed_role_text(o->role),
			  observed_outcome_text(o->outcome), o->why);
	if (observed_of_parent(o->role) && o->outcome == OBSERVED_ANSWERED)
		take_parent(c, z, s, o);
	if (observed_of_parent(o->role))
		look_whether_all_agree(c);
	if (!observed_counts(o))
		return;
	if (s->fresh == NULL)
		s->fresh = mem_new(1, sizeof(*s->fresh));
	look_make(k, c, z, o, s->fresh);
	zones_touch(k, c);
}

void looks_on_observed(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	struct arena *arena = arena_new();
	const json_t *row;
	struct err e;
	size_t i;

	(void)from;
	json_array_foreach(json_object_get(msg, "servers"), i, row)
	{
		struct observed_servers s;
		struct zone_ctx *c;

		if (i < LIST_MAX && observed_servers_unpack(row, &s, &e) == 0 && (c = zone_ctx(k, s.zone, false)) != NULL &&
		    take_servers(c, &s))
			zones_touch(k, c); /* all that are left may have shown what is waited for */
	}
	json_array_foreach(json_object_get(msg, "looks"), i, row)
	{
		const struct zone_state *z;
		struct observed o;
		struct zone_ctx *c;

		if (i < LIST_MAX && observed_unpack(row, arena, &o, &e) == 0 &&
		    (z = state_zone(cluster_state(k->cluster), o.zone)) != NULL && (c = zone_ctx(k, o.zone, false)) != NULL)
			take_look(k, c, z, &o);
		arena_reset(arena);
	}
	arena_free(arena);
}

/* ---- what is wanted ---- */

json_t *looks_wanted(struct keydist *k, const struct zone_ctx *c, const struct life *l)
{
	const struct conf_signer *s = &k->conf->signer;
	json_t *o, *watch = leave_watch(k, c);
	bool children = false;

	for (size_t i = 0; i < l->in.observers && !children; i++)
		children = l->in.observer[i].kind == OBSERVER_SECONDARY &&
			   timeline_wants(&l->in, l->in.memory, l->in.observer[i].id);
	/* The parent is looked at as long as there are keys: what it shows may change by a slip of somebody's hand. */
	/* Name servers stay on the list while a wait runs, when all have shown what it is for, too: one more may come. */
	o = json_pack("{s:b,s:b,s:b}", "dnskey", (int)children, "ds",
		      (int)(l->t.n > 0 && s->parent_count + s->resolver_count > 0), "ns",
		      (int)(l->in.memory->waits > 0 && looks_at_name_servers(l->in.zone, &l->p)));
	if (watch != NULL)
		json_object_set_new(o, "watch", watch);
	return o;
}

bool looks_since(const struct keydist *k, const struct zone_ctx *c, const char *alarm)
{
	const struct zone_looks *l = c->looks;
	const char *words = alarm == NULL ? NULL : strstr(alarm, SHOWS_DS);
	char address[ADDR_TEXT_LEN];

	if (words == NULL || k->conf->signer.parent_count + k->conf->signer.resolver_count == 0)
		return true;
	for (size_t i = 0; l != NULL && i < l->n; i++) {
		const struct seen *s = &l->seen[i];

		addr_text(&s->server.addr, address);
		if (observed_of_parent(s->server.role) && strlen(address) == (size_t)(words - alarm) &&
		    strncmp(alarm, address, strlen(address)) == 0)
			return s->answered;
	}
	return l != NULL && l->parents_whole; /* it is looked at no more */
}

void looks_free(struct zone_ctx *c)
{
	if (c->looks == NULL)
		return;
	for (size_t i = 0; i < c->looks->n; i++)
		seen_fini(&c->looks->seen[i]);
	free(c->looks->seen);
	free(c->looks->missing);
	free(c->looks->children_why);
	free(c->looks);
	c->looks = NULL;
}
