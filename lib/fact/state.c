/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state: what facts say about nodes, zones, policies and TSIG keys.  Keys are in state_key.c.
 *
 * Every change here is commutative and idempotent: a member joins a set, or a register takes the larger (rev, hash).
 */
#include "fact/state.h"

#include "arena/arena.h"
#include "fact/log.h"
#include "fact/state_key.h"
#include "msg/msg.h"

#include <stdlib.h>
#include <string.h>

#define REV_MAX ((uint64_t)1 << 53)

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
	for (size_t i = 0; i < s->nodes; i++) {
		json_decref(s->node[i].admitted.body);
		json_decref(s->node[i].retired_by.body);
		json_decref(s->node[i].upto);
		free(s->node[i].counts.id);
	}
	for (size_t i = 0; i < s->zones; i++) {
		struct zone_state *z = &s->zone[i];

		for (size_t j = 0; j < z->adds; j++)
			json_decref(z->add[j].body);
		for (size_t j = 0; j < z->keys; j++)
			key_state_fini(&z->key[j]);
		free(z->add);
		free(z->key);
		json_decref(z->floor.body);
		json_decref(z->epoch.body);
	}
	for (size_t i = 0; i < s->policies; i++)
		json_decref(s->policy[i].reg.body);
	for (size_t i = 0; i < s->tsigs; i++)
		json_decref(s->tsig[i].created.body);
	free(s->node);
	free(s->zone);
	free(s->policy);
	free(s->tsig);
	free(s);
}

struct node_state *state_node(const struct fact_state *s, const uint8_t id[NODE_ID_LEN])
{
	for (size_t i = 0; i < s->nodes; i++)
		if (memcmp(s->node[i].id, id, NODE_ID_LEN) == 0)
			return &s->node[i];
	return NULL;
}

static struct node_state *need_node(struct fact_state *s, const uint8_t id[NODE_ID_LEN])
{
	struct node_state *n = state_node(s, id);

	if (n != NULL)
		return n;
	s->node = mem_grow(s->node, s->nodes + 1, sizeof(*s->node));
	n = &s->node[s->nodes++];
	memset(n, 0, sizeof(*n));
	memcpy(n->id, id, NODE_ID_LEN);
	return n;
}

struct zone_state *state_zone(const struct fact_state *s, const uint8_t *name)
{
	for (size_t i = 0; i < s->zones; i++)
		if (dname_equal(s->zone[i].name, name))
			return &s->zone[i];
	return NULL;
}

static struct zone_state *need_zone(struct fact_state *s, const uint8_t *name)
{
	struct zone_state *z = state_zone(s, name);

	if (z != NULL)
		return z;
	s->zone = mem_grow(s->zone, s->zones + 1, sizeof(*s->zone));
	z = &s->zone[s->zones++];
	memset(z, 0, sizeof(*z));
	dname_lower(name, z->name);
	dname_to_text(z->name, z->text);
	return z;
}

/* ---- nodes ---- */

static void take_line(struct node_state *n, const struct node_line *line, const struct fact *f)
{
	if (n->known && memcmp(n->line_fact, f->hash, FACT_HASH_LEN) >= 0)
		return;
	memcpy(n->line_fact, f->hash, FACT_HASH_LEN);
	n->known = true;
	n->line = *line;
}

static void on_admitted(struct fact_state *s, const struct fact *f, json_t *body)
{
	const char *text = msg_text(body, "line", NODE_LINE_TEXT, NULL);
	const char *role = msg_text(body, "role", 16, NULL);
	uint8_t id[NODE_ID_LEN];
	struct node_line line;
	struct node_state *n;

	if (text == NULL || role == NULL || msg_text(body, "name", 63, NULL) == NULL ||
	    node_line_parse(text, &line, NULL) != 0)
		return;
	node_id_of(line.sign_pk, id);
	n = need_node(s, id);
	take_line(n, &line, f);
	reg_take(&n->admitted, 0, f->hash, body);
	role = json_string_value(json_object_get(n->admitted.body, "role"));
	n->role = strcmp(role, "backup") == 0 ? NODE_BACKUP : NODE_SIGNER;
}

static void on_first(struct fact_state *s, const struct fact *f, json_t *body)
{
	const char *text = msg_text(body, "line", NODE_LINE_TEXT, NULL);
	uint8_t id[NODE_ID_LEN];
	struct node_line line;

	if (text == NULL || node_line_parse(text, &line, NULL) != 0)
		return;
	node_id_of(line.sign_pk, id);
	if (memcmp(id, f->origin, NODE_ID_LEN) == 0)
		on_admitted(s, f, body);
}

static void on_counts(struct fact_state *s, const struct fact *f, json_t *body)
{
	uint8_t id[NODE_ID_LEN], of[NODE_ID_LEN];

	/* A restore says it for the signers that it admits, so that they count each other from their first moment on. */
	if (json_object_get(body, "of") == NULL)
		memcpy(of, f->origin, NODE_ID_LEN);
	else if (msg_hex(body, "of", of, NODE_ID_LEN, NULL) != 0)
		return;
	if (msg_hex(body, "node", id, NODE_ID_LEN, NULL) == 0)
		id_set_add(&need_node(s, of)->counts, id);
}

static bool read_upto(const json_t *row, struct incarnation *inc, uint64_t *seq)
{
	const json_t *random = json_array_get(row, 1);
	json_t *o = json_pack("{s:O,s:O,s:O}", "n", json_array_get(row, 0), "r", random, "s", json_array_get(row, 2));
	uint64_t number = 0;
	bool good;

	if (o == NULL)
		return false;
	good = msg_uint(o, "n", UINT32_MAX, &number, NULL) == 0 && msg_hex(o, "r", inc->random, 8, NULL) == 0 &&
	       msg_uint(o, "s", REV_MAX, seq, NULL) == 0;
	inc->number = (uint32_t)number;
	json_decref(o);
	return good;
}

static bool upto_of(const json_t *upto, const struct incarnation *inc, uint64_t *seq)
{
	struct incarnation other;
	bool found = false;
	uint64_t at;
	json_t *row;
	size_t i;

	*seq = 0;
	json_array_foreach(upto, i, row) {
		if (!read_upto(row, &other, &at) || incarnation_cmp(&other, inc) != 0)
			continue;
		if (at > *seq)
			*seq = at;
		found = true;
	}
	return found;
}

static void on_retired(struct fact_state *s, const struct fact *f, json_t *body)
{
	const char *text = msg_text(body, "line", NODE_LINE_TEXT, NULL);
	const json_t *upto = json_object_get(body, "upto");
	uint8_t id[NODE_ID_LEN], line_id[NODE_ID_LEN];
	struct node_line line;
	struct node_state *n;
	json_t *row;
	size_t i;

	if (msg_hex(body, "node", id, NODE_ID_LEN, NULL) != 0)
		return;
	n = need_node(s, id);
	if (text != NULL && node_line_parse(text, &line, NULL) == 0) {
		node_id_of(line.sign_pk, line_id);
		if (memcmp(id, line_id, NODE_ID_LEN) == 0)
			take_line(n, &line, f);
	}
	if (n->upto == NULL)
		n->upto = json_array();
	if (!n->retired_by.set || memcmp(n->retired_by.hash, f->hash, FACT_HASH_LEN) != 0)
		json_array_foreach(upto, i, row) {
			struct incarnation inc;
			uint64_t seq, known;

			if (read_upto(row, &inc, &seq) && (!upto_of(n->upto, &inc, &known) || known < seq))
				json_array_append(n->upto, row);
		}
	n->retired = true;
	reg_take(&n->retired_by, 0, f->hash, body);
}

const char *fact_state_closed(const struct fact_state *s, const struct fact *f)
{
	const struct node_state *n = state_node(s, f->origin);
	uint64_t seq;

	if (n == NULL || !n->retired || strcmp(f->kind, "retired") == 0)
		return NULL;
	if (!upto_of(n->upto, &f->inc, &seq))
		return "its origin is retired and had not this incarnation then";
	return f->seq > seq ? "its origin is retired and had not said it then" : NULL;
}

bool node_is_signer(const struct node_state *n)
{
	return n != NULL && n->admitted.set && !n->retired && n->role == NODE_SIGNER;
}

bool node_is_backup(const struct node_state *n)
{
	return n != NULL && n->admitted.set && !n->retired && n->role == NODE_BACKUP;
}

static bool counted_by_any(const struct fact_state *s, const uint8_t id[NODE_ID_LEN])
{
	for (size_t i = 0; i < s->nodes; i++)
		if (node_is_signer(&s->node[i]) &&
		    (memcmp(s->node[i].id, id, NODE_ID_LEN) == 0 || id_set_has(&s->node[i].counts, id)))
			return true;
	return false;
}

size_t state_counted(const struct fact_state *s, const uint8_t self[NODE_ID_LEN], uint8_t (*ids)[NODE_ID_LEN])
{
	const struct node_state *me = state_node(s, self);
	const bool signer = node_is_signer(me);
	size_t n = 0;

	for (size_t i = 0; i < s->nodes; i++) {
		const struct node_state *o = &s->node[i];

		if (!node_is_signer(o))
			continue;
		if (signer ? o == me || id_set_has(&me->counts, o->id) : counted_by_any(s, o->id))
			memcpy(ids[n++], o->id, NODE_ID_LEN);
	}
	return n;
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

	json_array_foreach(json_object_get(body, "adds"), i, row) {
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
	reg_take(&p->reg, rev, f->hash, body);
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

	if (msg_uint(body, "serial", UINT32_MAX, &serial, NULL) == 0 && msg_uint(body, "rev", REV_MAX, &rev, NULL) == 0)
		reg_take(&need_zone(s, f->zone)->floor, rev, f->hash, body);
}

static void on_epoch(struct fact_state *s, const struct fact *f, json_t *body)
{
	uint64_t epoch;

	/* the epoch is its own rev: raising it twice to the same is once */
	if (msg_uint(body, "epoch", REV_MAX, &epoch, NULL) == 0)
		reg_take(&need_zone(s, f->zone)->epoch, epoch, f->hash, body);
}

/* ---- all of it ---- */

static void on_key(struct fact_state *s, const struct fact *f, json_t *body)
{
	key_fact(need_zone(s, f->zone), f, body);
}

static const struct {
	const char *kind;
	bool of_zone;
	void (*apply)(struct fact_state *s, const struct fact *f, json_t *body);
} kinds[] = {
	{ "node.first", false, on_first },      { "admitted", false, on_admitted },
	{ "counts", false, on_counts },         { "retired", false, on_retired },
	{ "zone.add", true, on_zone_add },      { "zone.remove", true, on_zone_remove },
	{ "policy", false, on_policy },         { "key.created", true, on_key },
	{ "key.boxes", true, on_key },          { "key.held", true, on_key },
	{ "key.declined", true, on_key },       { "key.stored", true, on_key },
	{ "key.serves", true, on_key },         { "key.seen", true, on_key },
	{ "key.lost", true, on_key },           { "tsig.create", false, on_tsig_create },
	{ "tsig.remove", false, on_tsig_remove }, { "floor", true, on_floor },
	{ "epoch", true, on_epoch },
};

bool fact_state_apply(struct fact_state *s, const struct fact *f)
{
	json_t *body;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].kind, f->kind) != 0)
			continue;
		if (kinds[i].of_zone != (f->zone_len > 0) || fact_state_closed(s, f) != NULL)
			return false;
		if ((body = fact_body(f)) == NULL)
			return false;
		kinds[i].apply(s, f, body);
		json_decref(body);
		return strcmp(f->kind, "retired") == 0;
	}
	return false;
}

static int load_retired(void *ctx, const struct fact *f)
{
	if (strcmp(f->kind, "retired") == 0)
		fact_state_apply(ctx, f);
	return 0;
}

static int load_any(void *ctx, const struct fact *f)
{
	if (strcmp(f->kind, "retired") != 0)
		fact_state_apply(ctx, f);
	return 0;
}

int fact_state_load(struct fact_log *l, struct fact_state **out, struct err *e)
{
	struct fact_state *s = fact_state_new();

	if (fact_log_walk(l, load_retired, s, e) != 0 || fact_log_walk(l, load_any, s, e) != 0) {
		fact_state_free(s);
		return -1;
	}
	*out = s;
	return 0;
}
