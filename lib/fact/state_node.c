/* SPDX-License-Identifier: BSD-3-Clause */
/* state_node: what facts claim about nodes, and who counts by what was derived from it. */
#include "fact/state_parts.h"

#include "arena/arena.h"
#include "msg/msg.h"

#include <stdlib.h>
#include <string.h>

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

/* A new claim of this fact about that node; NULL when it was made already. */
static struct claim *new_claim(struct fact_state *s, const struct fact *f, const uint8_t subject[NODE_ID_LEN])
{
	struct claim *c;

	for (size_t i = 0; i < s->claims; i++)
		if (memcmp(s->claim[i].hash, f->hash, FACT_HASH_LEN) == 0)
			return NULL;
	need_node(s, f->origin);
	need_node(s, subject);
	s->claim = mem_grow(s->claim, s->claims + 1, sizeof(*s->claim));
	c = &s->claim[s->claims++];
	memset(c, 0, sizeof(*c));
	memcpy(c->by, f->origin, NODE_ID_LEN);
	c->inc = f->inc;
	c->seq = f->seq;
	memcpy(c->hash, f->hash, FACT_HASH_LEN);
	memcpy(c->subject, subject, NODE_ID_LEN);
	return c;
}

static void admission(struct fact_state *s, const struct fact *f, json_t *body, bool first)
{
	const char *text = msg_text(body, "line", NODE_LINE_TEXT, NULL);
	const char *role = msg_text(body, "role", 16, NULL);
	uint8_t id[NODE_ID_LEN];
	struct node_line line;
	struct claim *c;

	if (text == NULL || role == NULL || msg_text(body, "name", 63, NULL) == NULL ||
	    node_line_parse(text, &line, NULL) != 0)
		return;
	node_id_of(line.sign_pk, id);
	if ((first && memcmp(id, f->origin, NODE_ID_LEN) != 0) || (c = new_claim(s, f, id)) == NULL)
		return;
	c->kind = CLAIM_ADMITTED;
	c->first = first;
	c->has_line = true;
	c->line = line;
	c->role = strcmp(role, "backup") == 0 ? NODE_BACKUP : NODE_SIGNER;
	c->body = json_incref(body);
}

void node_on_admitted(struct fact_state *s, const struct fact *f, json_t *body)
{
	admission(s, f, body, false);
}

void node_on_first(struct fact_state *s, const struct fact *f, json_t *body)
{
	admission(s, f, body, true);
}

void node_on_counts(struct fact_state *s, const struct fact *f, json_t *body)
{
	uint8_t id[NODE_ID_LEN], of[NODE_ID_LEN];
	struct claim *c;

	/* A restore says it for the signers that it admits, so that they count each other from their first
	 * moment on. */
	if (json_object_get(body, "of") == NULL)
		memcpy(of, f->origin, NODE_ID_LEN);
	else if (msg_hex(body, "of", of, NODE_ID_LEN, NULL) != 0)
		return;
	if (msg_hex(body, "node", id, NODE_ID_LEN, NULL) != 0 || (c = new_claim(s, f, id)) == NULL)
		return;
	need_node(s, of);
	c->kind = CLAIM_COUNTS;
	memcpy(c->of, of, NODE_ID_LEN);
}

static bool read_end(const json_t *row, struct node_end *end)
{
	json_t *o = json_pack("{s:O,s:O,s:O}", "n", json_array_get(row, 0), "r", json_array_get(row, 1), "s",
			      json_array_get(row, 2));
	uint64_t number = 0;
	bool good;

	if (o == NULL)
		return false;
	good = msg_uint(o, "n", UINT32_MAX, &number, NULL) == 0 &&
	       msg_hex(o, "r", end->inc.random, 8, NULL) == 0 &&
	       msg_uint(o, "s", REV_MAX, &end->seq, NULL) == 0;
	end->inc.number = (uint32_t)number;
	json_decref(o);
	return good;
}

void node_on_retiring(struct fact_state *s, const struct fact *f, json_t *body)
{
	uint8_t id[NODE_ID_LEN];
	struct claim *c;

	if (msg_hex(body, "node", id, NODE_ID_LEN, NULL) == 0 && (c = new_claim(s, f, id)) != NULL) {
		c->kind = CLAIM_RETIRING;
		c->dead = json_is_true(json_object_get(body, "dead"));
	}
}

void node_on_stopped(struct fact_state *s, const struct fact *f, json_t *body)
{
	struct claim *c = new_claim(s, f, f->origin);

	(void)body;
	if (c != NULL)
		c->kind = CLAIM_STOPPED;
}

void node_on_retired(struct fact_state *s, const struct fact *f, json_t *body)
{
	const char *text = msg_text(body, "line", NODE_LINE_TEXT, NULL);
	const json_t *upto = json_object_get(body, "upto");
	uint8_t id[NODE_ID_LEN], line_id[NODE_ID_LEN];
	struct claim *c;
	json_t *row;
	size_t i;

	if (msg_hex(body, "node", id, NODE_ID_LEN, NULL) != 0 || (c = new_claim(s, f, id)) == NULL)
		return;
	c->kind = CLAIM_RETIRED;
	c->body = json_incref(body);
	if (text != NULL && node_line_parse(text, &c->line, NULL) == 0) {
		node_id_of(c->line.sign_pk, line_id);
		c->has_line = memcmp(id, line_id, NODE_ID_LEN) == 0;
	}
	c->end = mem_new(json_array_size(upto) + 1, sizeof(*c->end));
	json_array_foreach(upto, i, row)
		if (read_end(row, &c->end[c->ends]))
			c->ends++;
}

void node_on_restored(struct fact_state *s, const struct fact *f, json_t *body)
{
	struct restore_span *r;
	uint64_t n, from;

	if (msg_uint(body, "facts", REV_MAX, &n, NULL) != 0 || n >= f->seq)
		return;
	from = f->seq - n;
	for (size_t i = 0; i < s->restores; i++) {
		r = &s->restore[i];
		if (memcmp(r->by, f->origin, NODE_ID_LEN) == 0 && incarnation_cmp(&r->inc, &f->inc) == 0 &&
		    r->from == from && r->to == f->seq)
			return;
	}
	need_node(s, f->origin);
	s->restore = mem_grow(s->restore, s->restores + 1, sizeof(*s->restore));
	r = &s->restore[s->restores++];
	memcpy(r->by, f->origin, NODE_ID_LEN);
	r->inc = f->inc;
	r->from = from;
	r->to = f->seq;
}

void nodes_fini(struct fact_state *s)
{
	for (size_t i = 0; i < s->nodes; i++) {
		json_decref(s->node[i].admitted.body);
		json_decref(s->node[i].retired_by.body);
		free(s->node[i].end);
		free(s->node[i].counts.id);
	}
	for (size_t i = 0; i < s->claims; i++) {
		json_decref(s->claim[i].body);
		free(s->claim[i].end);
	}
	free(s->node);
	free(s->claim);
	free(s->restore);
}

const char *node_said_too_late(const struct node_state *n, const struct incarnation *inc, uint64_t seq)
{
	if (n == NULL || !n->retired)
		return NULL;
	for (size_t i = 0; i < n->ends; i++)
		if (incarnation_cmp(&n->end[i].inc, inc) == 0)
			return seq > n->end[i].seq ? "its origin is retired and had not said it then" : NULL;
	return "its origin is retired and had not this incarnation then";
}

const char *fact_state_closed(const struct fact_state *s, const struct fact *f)
{
	/* A retirement is heard from anybody, and judged with all others. */
	if (strcmp(f->kind, "retired") == 0)
		return NULL;
	return node_said_too_late(state_node(s, f->origin), &f->inc, f->seq);
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
