/* SPDX-License-Identifier: BSD-3-Clause */
/* state_node: what facts say about nodes: who is admitted, who counts whom, who is retired. */
#include "fact/state_parts.h"

#include "arena/arena.h"
#include "msg/msg.h"

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

static void take_line(struct node_state *n, const struct node_line *line, const struct fact *f)
{
	if (n->known && memcmp(n->line_fact, f->hash, FACT_HASH_LEN) >= 0)
		return;
	memcpy(n->line_fact, f->hash, FACT_HASH_LEN);
	n->known = true;
	n->line = *line;
}

void node_on_admitted(struct fact_state *s, const struct fact *f, json_t *body)
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

void node_on_first(struct fact_state *s, const struct fact *f, json_t *body)
{
	const char *text = msg_text(body, "line", NODE_LINE_TEXT, NULL);
	uint8_t id[NODE_ID_LEN];
	struct node_line line;

	if (text == NULL || node_line_parse(text, &line, NULL) != 0)
		return;
	node_id_of(line.sign_pk, id);
	if (memcmp(id, f->origin, NODE_ID_LEN) == 0)
		node_on_admitted(s, f, body);
}

void node_on_counts(struct fact_state *s, const struct fact *f, json_t *body)
{
	uint8_t id[NODE_ID_LEN], of[NODE_ID_LEN];

	/* A restore says it for the signers that it admits, so that they count each other from their first
	 * moment on. */
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
	json_t *o = json_pack("{s:O,s:O,s:O}", "n", json_array_get(row, 0), "r", random, "s",
			      json_array_get(row, 2));
	uint64_t number = 0;
	bool good;

	if (o == NULL)
		return false;
	good = msg_uint(o, "n", UINT32_MAX, &number, NULL) == 0 &&
	       msg_hex(o, "r", inc->random, 8, NULL) == 0 && msg_uint(o, "s", REV_MAX, seq, NULL) == 0;
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
	json_array_foreach(upto, i, row)
	{
		if (!read_upto(row, &other, &at) || incarnation_cmp(&other, inc) != 0)
			continue;
		if (at > *seq)
			*seq = at;
		found = true;
	}
	return found;
}

void node_on_retired(struct fact_state *s, const struct fact *f, json_t *body)
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
		json_array_foreach(upto, i, row)
		{
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
