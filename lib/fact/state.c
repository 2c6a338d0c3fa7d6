/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state: what facts say about zones, policies and TSIG keys.  Nodes are in state_node.c, keys in state_key.c.
 *
 * Every change here is commutative and idempotent: a member joins a set, or a register takes the larger (rev,
 * hash).
 */
#include "fact/state.h"

#include "arena/arena.h"
#include "fail/fault.h"
#include "fact/log.h"
#include "fact/state_parts.h"
#include "msg/msg.h"

#include <stdlib.h>
#include <string.h>

bool id_set_has(const struct id_set *s, const uint8_t id[NODE_ID_LEN])
{
	for (size_t i = 0; i < s->n; i++)
		if (memcmp(s->id[i], id, NODE_ID_LEN) == 0)
			return true;
	return false;
}

void id_set_add(struct id_set *s, const uint8_t id[NODE_ID_LEN])
{
	size_t at = s->n;

	if (id_set_has(s, id))
		return;
	s->id = mem_grow(s->id, s->n + 1, sizeof(*s->id));
	for (; at > 0 && memcmp(s->id[at - 1], id, NODE_ID_LEN) > 0; at--)
		memcpy(s->id[at], s->id[at - 1], NODE_ID_LEN);
	memcpy(s->id[at], id, NODE_ID_LEN);
	s->n++;
}

void reg_take(struct fact_reg *r, uint64_t rev, const uint8_t hash[FACT_HASH_LEN], json_t *body)
{
	if (r->set && (r->rev > rev || (r->rev == rev && memcmp(r->hash, hash, FACT_HASH_LEN) >= 0)))
		return;
	json_decref(r->body);
	r->body = json_incref(body);
	r->rev = rev;
	memcpy(r->hash, hash, FACT_HASH_LEN);
	r->set = true;
}

struct fact_state *fact_state_new(void)
{
	return mem_new(1, sizeof(struct fact_state));
}

void fact_state_free(struct fact_state *s)
{
	if (s == NULL)
		return;
	nodes_fini(s);
	for (size_t i = 0; i < s->zones; i++) {
		struct zone_state *z = &s->zone[i];

		for (size_t j = 0; j < z->adds; j++)
			json_decref(z->add[j].body);
		for (size_t j = 0; j < z->keys; j++)
			key_state_fini(&z->key[j]);
		free(z->add);
		free(z->key);
		free(z->name);
		free(z->text);
		json_decref(z->floor.body);
		json_decref(z->epoch.body);
		json_decref(z->secure.body);
		json_decref(z->submission.body);
		json_decref(z->override.body);
	}
	for (size_t i = 0; i < s->policies; i++)
		json_decref(s->policy[i].reg.body);
	for (size_t i = 0; i < s->tsigs; i++)
		json_decref(s->tsig[i].created.body);
	free(s->zone);
	index_fini(&s->zone_index);
	free(s->policy);
	free(s->tsig);
	free(s);
}

struct zone_name {
	const struct fact_state *s;
	uint8_t name[DNAME_MAX]; /* in lower case */
	size_t len;
};

static bool same_zone(const void *ctx, size_t at)
{
	const struct zone_name *n = ctx;

	return dname_len(n->s->zone[at].name) == n->len && memcmp(n->s->zone[at].name, n->name, n->len) == 0;
}

struct zone_state *state_zone(const struct fact_state *s, const uint8_t *name)
{
	struct zone_name n = { .s = s };
	size_t at;

	n.len = dname_lower(name, n.name);
	at = index_find(&s->zone_index, index_hash(n.name, n.len, 0), same_zone, &n);
	return at == INDEX_NONE ? NULL : &s->zone[at];
}

static struct zone_state *need_zone(struct fact_state *s, const uint8_t *name)
{
	struct zone_state *z = state_zone(s, name);
	char text[DNAME_TEXT_MAX];
	size_t len;

	if (z != NULL)
		return z;
	if ((s->zones & (s->zones - 1)) == 0) /* a power of two: full */
		s->zone = mem_grow(s->zone, s->zones == 0 ? 1 : 2 * s->zones, sizeof(*s->zone));
	z = &s->zone[s->zones++];
	memset(z, 0, sizeof(*z));
	z->name = mem_dup(name, dname_len(name));
	len = dname_lower(name, z->name);
	z->text = mem_strdup(dname_to_text(z->name, text));
	index_add(&s->zone_index, index_hash(z->name, len, 0), s->zones - 1);
	return z;
}

/* ---- zones, policies, TSIG ---- */

static struct add_state *need_add(struct zone_state *z, const uint8_t hash[FACT_HASH_LEN])
{
	for (size_t i = 0; i < z->adds; i++)
		if (memcmp(z->add[i].hash, hash, FACT_HASH_LEN) == 0)
			return &z->add[i];
	z->add = mem_grow(z->add, z->adds + 1, sizeof(*z->add));
	memset(&z->add[z->adds], 0, sizeof(*z->add));
	memcpy(z->add[z->adds].hash, hash, FACT_HASH_LEN);
	return &z->add[z->adds++];
}

static void on_zone_add(struct fact_state *s, const struct fact *f, json_t *body)
{
	struct add_state *a;
	uint64_t rev;

	if (msg_text(body, "source", 512, NULL) == NULL || msg_text(body, "policy", 63, NULL) == NULL ||
	    msg_uint(body, "rev", REV_MAX, &rev, NULL) != 0)
		return;
	a = need_add(need_zone(s, f->zone), f->hash);
	if (a->added)
		return;
	a->added = true;
	a->rev = rev;
	a->body = json_incref(body);
}

static void on_zone_remove(struct fact_state *s, const struct fact *f, json_t *body)
{
	json_t *row, *o;
	size_t i;

	json_array_foreach(json_object_get(body, "adds"), i, row)
	{
		uint8_t hash[FACT_HASH_LEN];

		o = json_pack("{s:O}", "h", row);
		if (msg_hex(o, "h", hash, sizeof(hash), NULL) == 0)
			need_add(need_zone(s, f->zone), hash)->removed = true;
		json_decref(o);
	}
}

const struct add_state *zone_addition(const struct zone_state *z)
{
	const struct add_state *best = NULL;

	for (size_t i = 0; i < z->adds; i++) {
		const struct add_state *a = &z->add[i];

		if (a->added && !a->removed &&
		    (best == NULL || a->rev > best->rev ||
		     (a->rev == best->rev && memcmp(a->hash, best->hash, FACT_HASH_LEN) > 0)))
			best = a;
	}
	return best;
}

static void on_policy(struct fact_state *s, const struct fact *f, json_t *body)
{
	const char *name = msg_text(json_object_get(body, "policy"), "name", 63, NULL);
	struct policy_state *p = NULL;
	uint64_t rev;

	if (name == NULL || msg_uint(body, "rev", REV_MAX, &rev, NULL) != 0)
		return;
	for (size_t i = 0; i < s->policies && p == NULL; i++)
		if (strcmp(s->policy[i].name, name) == 0)
			p = &s->policy[i];
	if (p == NULL) {
		s->policy = mem_grow(s->policy, s->policies + 1, sizeof(*s->policy));
		p = &s->policy[s->policies++];
		memset(p, 0, sizeof(*p));
		strcpy(p->name, name);
	}
	reg_take(&p->reg, FAULT(ORDER_BY_TIME) ? (uint64_t)f->time : rev, f->hash, body);
}

static struct tsig_state *need_tsig(struct fact_state *s, const json_t *body)
{
	const char *name = msg_text(body, "name", DNAME_TEXT_MAX - 1, NULL);
	const char *hash = msg_text(body, "hash", 64, NULL);
	struct tsig_state *t;

	if (name == NULL || hash == NULL)
		return NULL;
	for (size_t i = 0; i < s->tsigs; i++)
		if (strcmp(s->tsig[i].name, name) == 0 && strcmp(s->tsig[i].hash, hash) == 0)
			return &s->tsig[i];
	s->tsig = mem_grow(s->tsig, s->tsigs + 1, sizeof(*s->tsig));
	t = &s->tsig[s->tsigs++];
	memset(t, 0, sizeof(*t));
	strcpy(t->name, name);
	strcpy(t->hash, hash);
	return t;
}

static void on_tsig_create(struct fact_state *s, const struct fact *f, json_t *body)
{
	struct tsig_state *t;
	uint64_t rev;

	if (msg_text(body, "alg", 32, NULL) == NULL || msg_uint(body, "rev", REV_MAX, &rev, NULL) != 0)
		return;
	if ((t = need_tsig(s, body)) != NULL)
		reg_take(&t->created, rev, f->hash, body);
}

static void on_tsig_remove(struct fact_state *s, const struct fact *f, json_t *body)
{
	struct tsig_state *t = need_tsig(s, body);

	(void)f;
	if (t != NULL)
		t->removed = true;
}

static void on_floor(struct fact_state *s, const struct fact *f, json_t *body)
{
	uint64_t serial, rev;

	if (msg_uint(body, "serial", UINT32_MAX, &serial, NULL) == 0 &&
	    msg_uint(body, "rev", REV_MAX, &rev, NULL) == 0)
		reg_take(&need_zone(s, f->zone)->floor, rev, f->hash, body);
}

static void on_epoch(struct fact_state *s, const struct fact *f, json_t *body)
{
	uint64_t epoch;

	/* the epoch is its own rev: raising it twice to the same is once */
	if (msg_uint(body, "epoch", REV_MAX, &epoch, NULL) == 0)
		reg_take(&need_zone(s, f->zone)->epoch, epoch, f->hash, body);
}

static void on_secure(struct fact_state *s, const struct fact *f, json_t *body)
{
	uint64_t rev;

	if (json_is_boolean(json_object_get(body, "secure")) && msg_uint(body, "rev", REV_MAX, &rev, NULL) == 0)
		reg_take(&need_zone(s, f->zone)->secure, FAULT(ORDER_BY_TIME) ? (uint64_t)f->time : rev, f->hash, body);
}

static void on_submission(struct fact_state *s, const struct fact *f, json_t *body)
{
	const char *digest = msg_text(body, "digest", 64, NULL);
	struct fact_reg *r;
	uint64_t rev, size;

	if (digest == NULL || strlen(digest) != 64 || msg_uint(body, "rev", REV_MAX, &rev, NULL) != 0 ||
	    msg_uint(body, "size", REV_MAX, &size, NULL) != 0)
		return;
	r = &need_zone(s, f->zone)->submission;
	if (!r->set || rev > r->rev)
		need_zone(s, f->zone)->submission_tied = false;
	else if (rev == r->rev && strcmp(digest, json_string_value(json_object_get(r->body, "digest"))) != 0)
		need_zone(s, f->zone)->submission_tied = true;
	reg_take(r, rev, f->hash, body);
}

static void on_override(struct fact_state *s, const struct fact *f, json_t *body)
{
	const char *digest = msg_text(body, "digest", 96, NULL);
	uint64_t rev, serial;

	if (digest != NULL && strlen(digest) == 96 && msg_text(body, "node", NODE_ID_TEXT, NULL) != NULL &&
	    msg_text(body, "reason", OVERRIDE_REASON_MAX, NULL) != NULL && msg_uint(body, "rev", REV_MAX, &rev, NULL) == 0 &&
	    msg_uint(body, "serial", UINT32_MAX, &serial, NULL) == 0)
		reg_take(&need_zone(s, f->zone)->override, rev, f->hash, body);
}

/* ---- all of it ---- */

static void on_key(struct fact_state *s, const struct fact *f, json_t *body)
{
	key_fact(need_zone(s, f->zone), f, body);
}

enum scope { OF_NODES, OF_CLUSTER, OF_ZONE };

static const struct {
	const char *kind;
	enum scope scope;
	void (*apply)(struct fact_state *s, const struct fact *f, json_t *body);
} kinds[] = {
	{ "node.first", OF_NODES, node_on_first },
	{ "admitted", OF_NODES, node_on_admitted },
	{ "counts", OF_NODES, node_on_counts },
	{ "retiring", OF_NODES, node_on_retiring },
	{ "node.stopped", OF_NODES, node_on_stopped },
	{ "retired", OF_NODES, node_on_retired },
	{ "restored", OF_NODES, node_on_restored },
	{ "zone.add", OF_ZONE, on_zone_add },
	{ "zone.remove", OF_ZONE, on_zone_remove },
	{ "policy", OF_CLUSTER, on_policy },
	{ "key.created", OF_ZONE, on_key },
	{ "key.boxes", OF_ZONE, on_key },
	{ "key.held", OF_ZONE, on_key },
	{ "key.declined", OF_ZONE, on_key },
	{ "key.stored", OF_ZONE, on_key },
	{ "key.dropped", OF_ZONE, on_key },
	{ "key.serves", OF_ZONE, on_key },
	{ "key.seen", OF_ZONE, on_key },
	{ "key.stopped", OF_ZONE, on_key },
	{ "key.gone", OF_ZONE, on_key },
	{ "key.roll", OF_ZONE, on_key },
	{ "key.release", OF_ZONE, on_key },
	{ "key.ds", OF_ZONE, on_key },
	{ "zone.secure", OF_ZONE, on_secure },
	{ "key.lost", OF_ZONE, on_key },
	{ "key.withdrawn", OF_ZONE, on_key },
	{ "tsig.create", OF_CLUSTER, on_tsig_create },
	{ "tsig.remove", OF_CLUSTER, on_tsig_remove },
	{ "floor", OF_ZONE, on_floor },
	{ "epoch", OF_ZONE, on_epoch },
	{ "submission", OF_ZONE, on_submission },
	{ "override", OF_ZONE, on_override },
};

bool fact_state_apply(struct fact_state *s, const struct fact *f)
{
	json_t *body;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].kind, f->kind) != 0)
			continue;
		/* Claims about nodes are kept also when they are void now: what makes them so may fall. */
		if ((kinds[i].scope == OF_ZONE) != (f->zone_len > 0) ||
		    (kinds[i].scope != OF_NODES && fact_state_closed(s, f) != NULL) ||
		    (body = fact_body(f)) == NULL)
			return false;
		kinds[i].apply(s, f, body);
		json_decref(body);
		return kinds[i].scope == OF_NODES && members_derive(s);
	}
	return false;
}

bool fact_is_of_nodes(const struct fact *f)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].kind, f->kind) == 0)
			return kinds[i].scope == OF_NODES;
	return false;
}

struct loading {
	struct fact_state *s;
	bool nodes; /* only facts about nodes, or only the others */
	bool anew;
};

static int load(void *ctx, const struct fact *f)
{
	struct loading *l = ctx;

	if (fact_is_of_nodes(f) == l->nodes)
		l->anew |= fact_state_apply(l->s, f);
	return 0;
}

static int load_any(void *ctx, const struct fact *f)
{
	struct loading *l = ctx;

	l->anew |= fact_state_apply(l->s, f);
	return 0;
}

int fact_state_load(struct fact_log *l, struct fact_state **out, struct err *e)
{
	struct loading at = { .s = fact_state_new() };
	int rc = fact_log_walk(l, load_any, &at, e);

	/* Where somebody was retired, everything about nodes must stand before the rest is judged. */
	if (rc == 0 && at.anew) {
		fact_state_free(at.s);
		at = (struct loading){ .s = fact_state_new(), .nodes = true };
		rc = fact_log_walk(l, load, &at, e);
		at.nodes = false;
		if (rc == 0)
			rc = fact_log_walk(l, load, &at, e);
	}
	if (rc != 0) {
		fact_state_free(at.s);
		return -1;
	}
	*out = at.s;
	return 0;
}
