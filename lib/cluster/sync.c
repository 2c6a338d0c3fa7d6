/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sync: facts go to who lacks them.
 *
 * Each node tells every peer its version vector once a second and after each change (`have`; `hello` after a
 * start, which asks for an answer at once).  Who holds more sends `facts`, also those of others; who holds
 * less tells its own vector again. What is lost on the way comes with the next second.
 */
#include "cluster/impl.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_OCTETS (512u << 10) /* of facts in one message */
#define BATCH_FACTS  256
#define CUT_FACTS    64 /* room for a row of cut facts at the end of a batch */
#define VECTOR_MAX   4096
#define PULL_MS      100
#define PUSH_FACTS   32

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

void sync_tell(struct cluster *c, struct cluster_peer *p)
{
	json_t *body = json_pack("{s:s,s:I,s:o,s:s,s:o}", "node", c->self->id_text, "now",
				 (json_int_t)clock_now_s(), "vector", vector(c), "session", c->session, "got",
				 gossip_got_json(p));

	if (msg_send(c->hub, p->peer.id, p->peer.role, !p->has_told ? "hello" : "have", body, NULL) == 0)
		p->asked_ms = clock_mono_ms();
	json_decref(body);
}

struct batch {
	json_t *list;
	size_t octets;
	const struct cluster *c;
	bool cut; /* the newest one is */
};

static int add_to_batch(void *ctx, const struct fact *f)
{
	struct batch *b = ctx;

	/* A cut fact goes with the one that vouches for it. */
	if ((b->octets >= BATCH_OCTETS || json_array_size(b->list) >= BATCH_FACTS - CUT_FACTS) &&
	    (!b->cut || json_array_size(b->list) >= BATCH_FACTS))
		return 1;
	if (fact_state_closed(b->c->state, f) != NULL)
		return 1; /* nobody wants what is void */
	json_array_append_new(b->list, msg_json_base64(f->octets, f->len));
	b->octets += f->len;
	b->cut = f->cut;
	return 0;
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

/* How far the peer holds one incarnation: 0 when not at all. */
static uint64_t seq_at_peer(const struct cluster_peer *p, const struct fact_head *h)
{
	for (size_t i = 0; i < p->rows; i++)
		if (memcmp(p->row[i].origin, h->origin, NODE_ID_LEN) == 0 &&
		    incarnation_cmp(&p->row[i].inc, &h->inc) == 0)
			return p->row[i].seq;
	return 0;
}

/* Sends what the peer lacks, its own first and ours next, so that who is admitted is known before it speaks.
 */
static void send_missing(struct cluster *c, struct cluster_peer *p)
{
	struct batch b = { json_array(), 0, c, false };
	size_t n;
	const struct fact_head *h = fact_log_heads(c->log, &n);
	json_t *body;

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < n; i++) {
			const bool own = memcmp(h[i].origin, c->self->id, NODE_ID_LEN) == 0;
			uint64_t seq;

			if (own != (round == 0))
				continue;
			seq = seq_at_peer(p, &h[i]);
			if (seq < h[i].seq)
				fact_log_walk_from(c->log, h[i].origin, &h[i].inc, seq, add_to_batch, &b,
						   NULL);
		}
	body = json_pack("{s:o}", "facts", b.list);
	if (json_array_size(b.list) > 0)
		msg_send(c->hub, p->peer.id, p->peer.role, "facts", body, NULL);
	json_decref(body);
}

/* The few facts that came just now go to everybody at once; of many, the vectors tell. */
void sync_push(struct cluster *c)
{
	const size_t n = json_array_size(c->fresh);
	json_t *body;

	if (n > 0 && n < PUSH_FACTS) {
		body = json_pack("{s:O}", "facts", c->fresh);
		for (size_t i = 0; i < c->peers; i++)
			msg_send(c->hub, c->peer[i].peer.id, c->peer[i].peer.role, "facts", body, NULL);
		json_decref(body);
	}
	json_array_clear(c->fresh);
}

/* ---- hearing ---- */

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
	gossip_got(c, p, msg);
	if (!take_vector(p, msg))
		return;
	look_for_own(c, p);
	start_compare(c, p);
	send_missing(c, p);
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

static void refused(struct cluster *c, const struct msg_peer *from, const struct fact *f,
		    const struct fact_verdict *v)
{
	char origin[NODE_ID_TEXT], what[300];

	node_id_text(f->origin, origin);
	snprintf(what, sizeof(what), "%s/%u/%s", origin, f->inc.number, v->why);
	if (!cluster_tell_once(c, what))
		return;
	log_event(v->result == FACT_FORK ? LOG_ERROR : LOG_WARNING,
		  v->result == FACT_FORK ? "fact-fork" : "fact-refused",
		  "peer=%s origin=%s incarnation=%u seq=%llu kind=%s msg=%s", from->name, origin,
		  f->inc.number, (unsigned long long)f->seq, f->kind, v->why);
	if (v->result == FACT_FORK && memcmp(f->origin, c->self->id, NODE_ID_LEN) == 0)
		start_in_use(c, "another fact is known under a number that this node used");
}

void sync_applied(struct cluster *c, const struct fact *f)
{
	c->rebuild |= fact_state_apply(c->state, f);
	if (fact_is_of_nodes(f))
		gossip_nodes_changed(c);
	if (json_array_size(c->fresh) < PUSH_FACTS)
		json_array_append_new(c->fresh, msg_json_base64(f->octets, f->len));
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

/* Adds facts; those of unknown origin are looked at once more when others of the same message were taken,
 * which may have said who that is. */
static void take_facts(struct cluster *c, const struct msg_peer *from, struct fact *facts, size_t n)
{
	struct fact_verdict *v = mem_new(n, sizeof(*v));
	struct fact_rules rules;
	bool again = true, any = false;
	struct err e;

	sync_rules(c, &rules);
	while (again && n > 0) {
		size_t kept = 0, taken = 0;

		if (fact_log_add(c->log, &rules, facts, n, v, &e) != 0) {
			if (cluster_tell_once(c, e.text))
				log_event(LOG_ERROR, "facts-not-stored",
					  "msg=%s; they are asked for again every second", e.text);
			break;
		}
		for (size_t i = 0; i < n; i++)
			if (v[i].result == FACT_NEW) {
				if (memcmp(facts[i].origin, c->self->id, NODE_ID_LEN) == 0)
					start_own_facts(c, &facts[i].inc, from->name);
				sync_applied(c, &facts[i]);
				taken++;
			}
		any |= taken > 0;
		again = taken > 0;
		for (size_t i = 0; i < n; i++) {
			if (v[i].result == FACT_UNKNOWN && again)
				facts[kept++] = facts[i];
			else if (v[i].result == FACT_UNKNOWN || v[i].result == FACT_REFUSED ||
				 v[i].result == FACT_FORK)
				refused(c, from, &facts[i], &v[i]);
		}
		n = kept;
	}
	free(v);
	if (any && sync_after(c, &e) != 0)
		log_event(LOG_ERROR, "state-not-made", "msg=%s", e.text);
}

void sync_on_facts(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct cluster *c = ctx;
	const json_t *list = json_object_get(msg, "facts");
	size_t count = json_array_size(list), n = 0, i;
	struct fact *facts;
	uint8_t **octets;
	json_t *row;
	struct err e;

	if (count == 0 || count > BATCH_FACTS)
		return;
	facts = mem_new(count, sizeof(*facts));
	octets = mem_new(count, sizeof(*octets));
	json_array_foreach(list, i, row)
	{
		json_t *o = json_pack("{s:O}", "fact", row);
		size_t len = 0;

		octets[n] = msg_base64(o, "fact", FACT_MAX, &len, &e);
		json_decref(o);
		if (octets[n] == NULL || fact_read(octets[n], len, &facts[n], &e) != 0) {
			free(octets[n]);
			if (cluster_tell_once(c, e.text))
				log_event(LOG_WARNING, "fact-refused", "peer=%s msg=%s", from->name, e.text);
			continue;
		}
		n++;
	}
	if (n > 0)
		take_facts(c, from, facts, n);
	for (i = 0; i < n; i++)
		free(octets[i]);
	free(octets);
	free(facts);
}
