/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sync: who holds which facts.
 *
 * Each node tells every peer its version vector once a second and, a little later, after changes (`have`; `hello` after
 * a start, which asks for an answer at once).  Who holds more sends `facts` (facts.c); who holds less tells its own
 * vector again.  What is lost on the way comes again some seconds later.
 */
#include "cluster/impl.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define VECTOR_MAX 4096
#define PULL_MS    100
#define HEARS_MS   3000

/* ---- rules ---- */

static const uint8_t *key_of(void *ctx, const uint8_t origin[NODE_ID_LEN])
{
	const struct cluster *c = ctx;
	const struct node_state *n = state_node(c->state, origin);

	if (memcmp(origin, c->self->id, NODE_ID_LEN) == 0)
		return c->self->line.sign_pk;
	for (size_t i = 0; i < c->peers; i++)
		if (memcmp(c->line[i].id, origin, NODE_ID_LEN) == 0)
			return c->line[i].line.sign_pk;
	return n != NULL && n->known ? n->line.sign_pk : NULL;
}

static const char *closed(void *ctx, const struct fact *f)
{
	return fact_state_closed(((struct cluster *)ctx)->state, f);
}

const struct fact_rules *sync_rules(struct cluster *c, struct fact_rules *rules)
{
	*rules = (struct fact_rules){ c, key_of, closed, false };
	return rules;
}

/* ---- telling ---- */

static json_t *vector(const struct cluster *c)
{
	size_t n;
	const struct fact_head *h = fact_log_heads(c->log, &n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *row = json_array();

		json_array_append_new(row, msg_json_hex(h[i].origin, NODE_ID_LEN));
		json_array_append_new(row, json_integer(h[i].inc.number));
		json_array_append_new(row, msg_json_hex(h[i].inc.random, sizeof(h[i].inc.random)));
		json_array_append_new(row, json_integer((json_int_t)h[i].seq));
		json_array_append_new(row, msg_json_hex(h[i].hash, FACT_HASH_LEN));
		json_array_append_new(list, row);
	}
	return list;
}

/* Whom this node hears: what those say need not be passed on to it.  level: and has all of. */
static json_t *hears(const struct cluster *c, bool level)
{
	const int64_t now = clock_mono_ms();
	json_t *list = json_array();

	for (size_t i = 0; i < c->peers; i++) {
		const struct cluster_peer *p = &c->peer[i];

		if (p->heard_ms != 0 && now - p->heard_ms < HEARS_MS && (p->level || !level))
			json_array_append_new(list, msg_json_hex(p->peer.id, NODE_ID_LEN));
	}
	return list;
}

void sync_tell(struct cluster *c, struct cluster_peer *p)
{
	json_t *body = json_pack("{s:s,s:I,s:o,s:o,s:o,s:s,s:o,s:b}", "node", c->self->id_text, "now",
				 (json_int_t)clock_now_s(), "vector", vector(c), "hears", hears(c, false), "level",
				 hears(c, true), "session", c->session, "got", gossip_got_json(p),
				 "compared", cluster_compared(c));

	if (msg_send(c->hub, p->peer.id, p->peer.role, !p->has_told ? "hello" : "have", body, NULL) == 0)
		p->asked_ms = clock_mono_ms();
	json_decref(body);
}

static int read_row(const json_t *row, struct cluster_row *out)
{
	json_t *o = json_pack("{s:O,s:O,s:O,s:O,s:O}", "o", json_array_get(row, 0), "n",
			      json_array_get(row, 1), "r", json_array_get(row, 2), "s",
			      json_array_get(row, 3), "h", json_array_get(row, 4));
	uint64_t number = 0;
	int rc = -1;

	if (o != NULL && msg_hex(o, "o", out->origin, NODE_ID_LEN, NULL) == 0 &&
	    msg_uint(o, "n", UINT32_MAX, &number, NULL) == 0 &&
	    msg_hex(o, "r", out->inc.random, 8, NULL) == 0 &&
	    msg_uint(o, "s", (uint64_t)1 << 53, &out->seq, NULL) == 0 &&
	    msg_hex(o, "h", out->hash, FACT_HASH_LEN, NULL) == 0)
		rc = 0;
	out->inc.number = (uint32_t)number;
	json_decref(o);
	return rc;
}

/* Takes the vector of a message; rows that are none are left out. */
static bool take_vector(struct cluster_peer *p, const json_t *msg)
{
	const json_t *list = json_object_get(msg, "vector");
	json_t *row;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > VECTOR_MAX)
		return false;
	p->row = mem_grow(p->row, json_array_size(list) + 1, sizeof(*p->row));
	p->rows = 0;
	json_array_foreach(list, i, row) if (read_row(row, &p->row[p->rows]) == 0) p->rows++;
	p->has_told = true;
	return true;
}

/* ---- hearing ---- */

static void take_ids(struct cluster_ids *ids, const json_t *list)
{
	json_t *row;
	size_t i;

	ids->n = 0;
	json_array_foreach(list, i, row)
		if (ids->n < CLUSTER_PEERS_MAX && json_is_string(row) &&
		    node_id_parse(json_string_value(row), ids->id[ids->n], NULL) == 0)
			ids->n++;
}

static void take_hears(struct cluster_peer *p, const json_t *msg)
{
	const json_t *list = json_object_get(msg, "hears");

	if (json_array_size(list) < p->hears.n)
		gossip_hears_less(p);
	take_ids(&p->hears, list);
}

static bool has_id(const struct cluster_ids *ids, const uint8_t node[NODE_ID_LEN])
{
	for (size_t i = 0; i < ids->n; i++)
		if (memcmp(ids->id[i], node, NODE_ID_LEN) == 0)
			return true;
	return false;
}

bool sync_peer_hears(const struct cluster_peer *p, const uint8_t node[NODE_ID_LEN])
{
	return has_id(&p->hears, node);
}

bool sync_peer_is_level(const struct cluster_peer *p, const uint8_t node[NODE_ID_LEN])
{
	return has_id(&p->level_with, node);
}

/* Whether the peer holds something that we lack and may take. */
bool sync_peer_has_more(struct cluster *c, const struct cluster_peer *p)
{
	for (size_t i = 0; i < p->rows; i++) {
		const struct cluster_row *v = &p->row[i];
		const struct fact_head *h = fact_log_head(c->log, v->origin, &v->inc);
		struct fact next = { .inc = v->inc, .seq = h == NULL ? 1 : h->seq + 1 };

		memcpy(next.origin, v->origin, NODE_ID_LEN);
		if (v->seq >= next.seq && key_of(c, v->origin) != NULL && closed(c, &next) == NULL)
			return true;
	}
	return false;
}

/* A peer's word about facts of ours: more than we hold, or others than we made? */
static void look_for_own(struct cluster *c, const struct cluster_peer *p)
{
	uint8_t hash[FACT_HASH_LEN];

	for (size_t i = 0; i < p->rows; i++) {
		const struct cluster_row *v = &p->row[i];
		const struct fact_head *h;

		if (memcmp(v->origin, c->self->id, NODE_ID_LEN) != 0)
			continue;
		h = fact_log_head(c->log, v->origin, &v->inc);
		if (h == NULL || v->seq > h->seq)
			start_own_facts(c, &v->inc, p->peer.name);
		else if (fact_log_hash(c->log, v->origin, &v->inc, v->seq, hash, NULL) == 0 &&
			 memcmp(hash, v->hash, FACT_HASH_LEN) != 0)
			start_in_use(c, "another fact is known under a number that this node used");
	}
}

static void heard(struct cluster *c, struct cluster_peer *p, const json_t *msg)
{
	uint64_t now;

	if (p->heard_ms == 0)
		log_event(LOG_INFO, "peer-heard", "peer=%s", p->peer.name);
	p->heard_ms = clock_mono_ms();
	if (msg_uint(msg, "now", INT64_MAX, &now, NULL) == 0)
		p->offset_s = (int64_t)now - clock_now_s();
	take_hears(p, msg);
	gossip_got(c, p, msg);
	if (!take_vector(p, msg))
		return;
	take_ids(&p->level_with, json_object_get(msg, "level"));
	p->has_compared = !json_is_false(json_object_get(msg, "compared")); /* a node of an older version does not say it */
	look_for_own(c, p);
	start_compare(c, p);
	facts_send(c, p);
	if (!sync_peer_has_more(c, p))
		return;
	if (clock_mono_ms() - p->asked_ms > PULL_MS) {
		sync_tell(c, p);
	} else if (!uv_is_active((uv_handle_t *)&c->soon)) {
		c->announce = true;
		sync_later(c, PULL_MS);
	}
}

void sync_on_have(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct cluster_peer *p = cluster_peer_of(ctx, from);

	if (p != NULL)
		heard(ctx, p, msg);
}

void sync_on_hello(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct cluster_peer *p = cluster_peer_of(ctx, from);

	if (p == NULL)
		return;
	heard(ctx, p, msg);
	sync_tell(ctx, p);
	gossip_send(ctx, p);
}

void sync_applied(struct cluster *c, const struct fact *f)
{
	c->rebuild |= fact_state_apply(c->state, f);
	if (fact_is_of_nodes(f))
		gossip_nodes_changed(c);
	if (c->config.on_fact != NULL)
		c->config.on_fact(c->config.ctx, f);
}

int sync_after(struct cluster *c, struct err *e)
{
	struct fact_state *fresh = NULL;

	if (c->rebuild) {
		if (fact_state_load(c->log, &fresh, e) != 0)
			return -1;
		fact_state_free(c->state);
		c->state = fresh;
		c->rebuild = false;
	}
	if (c->state->void_retirements && !c->void_told)
		log_event(LOG_ERROR, "retirements-void",
			  "msg=signers were retired so that none is left; these retirements are void, and all of "
			  "them go on");
	c->void_told = c->state->void_retirements;
	c->announce = c->changed = true;
	for (size_t i = 0; i < c->peers; i++)
		start_compare(c, &c->peer[i]);
	sync_soon(c);
	return 0;
}
