/* SPDX-License-Identifier: BSD-3-Clause */
/* view: nodes and facts as people see them. */
#include "cluster/impl.h"

#include "arena/arena.h"
#include "clock/clock.h"

#include <stdlib.h>
#include <string.h>

int64_t cluster_heard_ms(const struct cluster *c, const uint8_t id[NODE_ID_LEN])
{
	for (size_t i = 0; i < c->peers; i++)
		if (memcmp(c->peer[i].peer.id, id, NODE_ID_LEN) == 0 && c->peer[i].heard_ms != 0)
			return clock_mono_ms() - c->peer[i].heard_ms;
	return -1;
}

json_t *cluster_heard_json(const struct cluster *c, const uint8_t id[NODE_ID_LEN])
{
	int64_t ms = memcmp(id, c->self->id, NODE_ID_LEN) == 0 ? 0 : cluster_heard_ms(c, id);

	return ms < 0 ? json_null() : json_integer(ms);
}

json_t *cluster_retirement(const struct cluster *c, const struct node_state *n, const char *why)
{
	char id[NODE_ID_TEXT], line[NODE_LINE_TEXT];
	json_t *upto = json_array();
	size_t heads;
	const struct fact_head *h = fact_log_heads(c->log, &heads);

	for (size_t i = 0; i < heads; i++)
		if (memcmp(h[i].origin, n->id, NODE_ID_LEN) == 0)
			json_array_append_new(upto, json_pack("[I,o,I]", (json_int_t)h[i].inc.number,
							      msg_json_hex(h[i].inc.random, sizeof(h[i].inc.random)),
							      (json_int_t)h[i].seq));
	return json_pack("{s:s,s:s,s:s,s:o}", "node", node_id_text(n->id, id), "line", node_line_text(&n->line, line), "why", why,
			 "upto", upto);
}

static json_t *one_node(const struct cluster *c, const uint8_t id[NODE_ID_LEN], const struct cluster_peer *p)
{
	const struct node_state *n = state_node(c->state, id), *me = state_node(c->state, c->self->id);
	const bool self = memcmp(id, c->self->id, NODE_ID_LEN) == 0;
	bool counted = false, backup;
	char hex[NODE_ID_TEXT];

	if (node_is_signer(n) && node_is_signer(me))
		counted = self || id_set_has(&me->counts, id);
	else if (node_is_signer(n)) /* a backup shows whom any signer counts */
		for (size_t i = 0; i < c->state->nodes && !counted; i++)
			counted = node_is_signer(&c->state->node[i]) &&
				  (&c->state->node[i] == n || id_set_has(&c->state->node[i].counts, id));
	backup = self        ? c->config.role == NODE_BACKUP
		 : p != NULL ? p->peer.role == MSG_BACKUP
			     : n->role == NODE_BACKUP;
	return json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:b,s:b,s:b,s:o,s:I}", "name", cluster_name(c, id), "id",
			 node_id_text(id, hex), "role", backup ? "backup" : "signer", "self", self,
			 "configured", self || p != NULL, "admitted", n != NULL && n->admitted.set, "counted",
			 counted, "leaving", n != NULL && n->leaving, "retired", n != NULL && n->retired, "heard_ms", cluster_heard_json(c, id),
			 "offset_s", (json_int_t)(p == NULL ? 0 : p->offset_s));
}

json_t *cluster_nodes_json(const struct cluster *c)
{
	json_t *list = json_array();

	json_array_append_new(list, one_node(c, c->self->id, NULL));
	for (size_t i = 0; i < c->peers; i++)
		json_array_append_new(list, one_node(c, c->peer[i].peer.id, &c->peer[i]));
	for (size_t i = 0; i < c->state->nodes; i++) {
		const struct node_state *n = &c->state->node[i];
		bool shown =
			memcmp(n->id, c->self->id, NODE_ID_LEN) == 0 || (!n->admitted.set && !n->retired);

		for (size_t j = 0; j < c->peers && !shown; j++)
			shown = memcmp(n->id, c->peer[j].peer.id, NODE_ID_LEN) == 0;
		if (!shown)
			json_array_append_new(list, one_node(c, n->id, NULL));
	}
	return list;
}

/* ---- facts as a stream ---- */

#define PART 64 /* facts turned into text at a time */

struct stream {
	struct cluster *c;
	uint8_t zone[DNAME_MAX];
	bool of_zone;
	size_t head;    /* which incarnation */
	uint64_t after; /* seq within it */
	char *text;
	size_t len, at;
	size_t part;
};

static int add_line(void *ctx, const struct fact *f)
{
	struct stream *s = ctx;
	json_t *o;
	char *line;
	size_t len;

	s->after = f->seq;
	if (!s->of_zone || (f->zone_len > 0 && dname_equal(f->zone, s->zone))) {
		o = fact_to_json(f);
		json_object_set_new(o, "name", json_string(cluster_name(s->c, f->origin)));
		line = json_dumps(o, JSON_COMPACT);
		json_decref(o);
		len = strlen(line);
		s->text = mem_grow(s->text, s->len + len + 1, 1);
		memcpy(s->text + s->len, line, len);
		s->text[s->len + len] = '\n';
		s->len += len + 1;
		free(line);
	}
	return ++s->part == PART ? 1 : 0;
}

/* Makes the next piece of text; false at the end. */
static bool refill(struct stream *s)
{
	size_t n;

	s->len = s->at = 0;
	while (s->len == 0) {
		const struct fact_head *h = fact_log_heads(s->c->log, &n);

		if (s->head >= n)
			return false;
		s->part = 0;
		if (s->after >= h[s->head].seq ||
		    fact_log_walk_from(s->c->log, h[s->head].origin, &h[s->head].inc, s->after, add_line, s,
				       NULL) < 0) {
			s->head++;
			s->after = 0;
		}
	}
	return true;
}

static ssize_t on_read(void *stream, char *buf, size_t cap)
{
	struct stream *s = stream;
	size_t n;

	if (s->at == s->len && !refill(s))
		return 0;
	n = s->len - s->at < cap ? s->len - s->at : cap;
	memcpy(buf, s->text + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

static void on_done(void *stream)
{
	struct stream *s = stream;

	free(s->text);
	free(s);
}

int cluster_facts_answer(struct cluster *c, const struct http_request *q, struct http_answer *a,
			 struct err *e)
{
	const char *zone = http_query(q, "zone");
	struct stream *s = mem_new(1, sizeof(*s));

	s->c = c;
	s->of_zone = zone != NULL;
	if (zone != NULL && dname_from_text(zone, s->zone, e) != 0) {
		free(s);
		return -1;
	}
	*a = (struct http_answer){
		.read = on_read, .done = on_done, .stream = s, .content_type = "application/x-ndjson"
	};
	return 0;
}
