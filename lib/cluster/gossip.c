/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gossip: the newest status of every node on every zone goes round.
 *
 * Each change of the table gets a revision.  A peer is sent what has changed since the revision up to which it was
 * sent everything, as a run of messages; with its vector it tells (`got`) up to where it has whole runs, and what was
 * lost is sent again from there.  What it told us itself is left out, and, of what is new, what is said by nodes that it
 * hears itself; when it hears one no more it gets everything again.  The first word of each start of a node goes to all: of two hosts
 * of one identity we may hear one and tell the other.  Words of nodes that the receiver does not
 * know yet are dropped by it, and it asks for everything anew once it knows more nodes.
 */
#include "cluster/impl.h"

#include "arena/arena.h"
#include "clock/clock.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX    256
#define BATCH_OCTETS (1u << 20)
#define AGAIN_MS     3000 /* a run that was not acknowledged by then was lost */

/* ---- out ---- */

struct run {
	struct cluster *c;
	struct cluster_peer *p;
	struct msg_words words;
	unsigned part;
};

static int send_part(struct run *r, bool last)
{
	json_t *body = json_pack("{s:s,s:I,s:i,s:I}", "session", r->c->session, "run", (json_int_t)r->p->run, "part",
				 (int)r->part, "since", (json_int_t)r->p->status_sent);
	int rc;

	msg_set_tail(body, r->words.octets, r->words.len);
	if (last)
		json_object_set_new(body, "upto", json_integer((json_int_t)r->c->status_revision));
	rc = msg_send(r->c->hub, r->p->peer.id, r->p->peer.role, "status", body, NULL);
	json_decref(body);
	msg_words_clear(&r->words);
	r->part++;
	return rc;
}

static void add_entry(struct msg_words *words, const struct status_entry *s)
{
	struct msg_word w = { .start = s->start.number, .counter = s->counter, .status = s->status,
			      .status_len = strlen(s->status) };

	memcpy(w.node, s->node, NODE_ID_LEN);
	memcpy(w.random, s->start.random, sizeof(w.random));
	snprintf(w.zone, sizeof(w.zone), "%s", s->zone);
	msg_words_add(words, &w);
}

/* This process of the peer has said it, or told us of it. */
static bool is_from(const struct status_entry *s, const struct cluster_peer *p)
{
	char random[SESSION_TEXT];

	if (memcmp(s->from, p->peer.id, NODE_ID_LEN) == 0)
		return true;
	sodium_bin2hex(random, sizeof(random), s->start.random, sizeof(s->start.random));
	return memcmp(s->node, p->peer.id, NODE_ID_LEN) == 0 && strcmp(random, p->session) == 0;
}

/* The peer hears of it from its author. */
static bool is_heard(const struct cluster *c, const struct status_entry *s, const struct cluster_peer *p)
{
	return memcmp(s->node, c->self->id, NODE_ID_LEN) != 0 && sync_peer_hears(p, s->node);
}

static void send_run(struct cluster *c, struct cluster_peer *p)
{
	struct run r = { .c = c, .p = p };
	const int64_t now = clock_mono_ms();
	bool sent = true;

	p->run++;
	for (uint32_t at = status_changed(c, p->status_sent); at != STATUS_NONE && sent; at = c->status[at].newer) {
		const struct status_entry *s = &c->status[at];

		if (!s->voice && (is_from(s, p) || (p->status_sent > 0 && is_heard(c, s, p))))
			continue;
		add_entry(&r.words, s);
		if (r.words.n == BATCH_MAX || r.words.len > BATCH_OCTETS)
			sent = send_part(&r, false) == 0;
	}
	/* When its queue is full, or it is not there: all of it again with the next second. */
	if (sent && send_part(&r, true) == 0) {
		p->status_sent = c->status_revision;
		if (!p->run_pending)
			p->run_ms = now;
		p->run_pending = true;
	}
	msg_words_fini(&r.words);
}

void gossip_send(struct cluster *c, struct cluster_peer *p)
{
	if (p->run_pending && clock_mono_ms() - p->run_ms > AGAIN_MS) {
		p->status_sent = p->status_acked;
		p->run_pending = false;
	}
	if (p->all_again) {
		p->all_again = false;
		p->status_sent = 0;
		send_run(c, p);
	} else if (p->run_pending ? p->status_sent < c->status_revision
			   : !p->acked || p->status_acked < c->status_revision)
		send_run(c, p);
}

/* A new process over there: whatever the one before knew may be lost. */
static void new_session(struct cluster *c, struct cluster_peer *p, const char *session)
{
	strcpy(p->session, session);
	p->sents = 0;
	p->status_sent = p->status_acked = p->got_upto = p->in_run = 0;
	p->got_any = p->hole = p->ask_again = p->acked = p->run_pending = false;
	for (size_t i = 0; i < c->statuses; i++)
		if (memcmp(c->status[i].from, p->peer.id, NODE_ID_LEN) == 0)
			memset(c->status[i].from, 0, NODE_ID_LEN);
}

void gossip_hears_less(struct cluster_peer *p)
{
	p->status_sent = 0;
	p->all_again = true;
}

void gossip_got(struct cluster *c, struct cluster_peer *p, const json_t *msg)
{
	const char *session = msg_text(msg, "session", SESSION_TEXT - 1, NULL);
	const json_t *got = json_object_get(msg, "got"), *upto = json_array_get(got, 1);
	const char *of = json_string_value(json_array_get(got, 0));
	uint64_t before = p->status_acked;
	bool again = json_is_true(json_array_get(got, 2));

	if (session == NULL)
		return;
	if (strcmp(session, p->session) != 0) {
		new_session(c, p, session);
		again = true;
	}
	p->acked = of != NULL && strcmp(of, c->session) == 0 && json_is_integer(upto) && json_integer_value(upto) >= 0;
	p->status_acked = p->acked ? (uint64_t)json_integer_value(upto) : 0;
	if (p->status_acked > c->status_revision)
		p->status_acked = 0;
	if (p->status_acked > before)
		p->run_ms = clock_mono_ms();
	if (p->acked && p->status_acked >= p->status_sent)
		p->run_pending = false;
	if (again && !p->acked) {
		p->status_sent = p->status_acked = 0;
		p->run_pending = false;
		send_run(c, p);
	}
}

json_t *gossip_got_json(struct cluster_peer *p)
{
	json_t *got = json_pack("[s,I,b]", p->session, p->got_any ? (json_int_t)p->got_upto : (json_int_t)-1,
				p->ask_again);

	p->ask_again = false;
	return got;
}

void gossip_nodes_changed(struct cluster *c)
{
	for (size_t i = 0; i < c->peers; i++) {
		struct cluster_peer *p = &c->peer[i];

		if (!p->hole)
			continue;
		p->ask_again = true;
		p->hole = p->got_any = false;
		p->got_upto = 0;
		p->words_due_ms = clock_mono_ms();
		sync_soon(c);
	}
}

/* ---- in ---- */

static bool is_object(const char *text, size_t len)
{
	json_t *o = len > STATUS_MAX ? NULL : json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const bool is = json_is_object(o);

	json_decref(o);
	return is;
}

/* Takes one word.  Returns whether its node is known. */
static bool take(struct cluster *c, const struct msg_peer *from, const struct msg_word *w)
{
	struct status_start start = { .number = w->start };
	uint8_t name[DNAME_MAX];
	struct fact_rules rules;
	bool own;

	if (dname_from_text(w->zone, name, NULL) != 0)
		return true;
	if (sync_rules(c, &rules)->key_of(c, w->node) == NULL)
		return false;
	memcpy(start.random, w->random, sizeof(start.random));
	own = memcmp(w->node, c->self->id, NODE_ID_LEN) == 0;
	if (own && incarnation_cmp(&start, &c->start) == 0 && w->counter <= c->status_counter)
		return true; /* our own word of this run comes back */
	if ((!own && !status_is_newer(c, w->node, w->zone, &start, w->counter)) || !is_object(w->status, w->status_len))
		return true;
	/* A later start, or a word under this start's number that this run has not said: an old copy counts starts
	 * anew. */
	if (own && start.number >= c->start.number)
		start_own_status(c, cluster_peer_of(c, from), start.number);
	if (own && !status_is_newer(c, w->node, w->zone, &start, w->counter))
		return true;
	if (status_take(c, w, &start, from->id) && c->config.on_status != NULL)
		c->config.on_status(c->config.ctx);
	return true;
}

void gossip_on_status(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct cluster *c = ctx;
	struct cluster_peer *p = cluster_peer_of(c, from);
	size_t len;
	const uint8_t *tail = msg_tail(msg, &len);
	struct rd r = rd_of(tail, len);
	const char *session = msg_text(msg, "session", SESSION_TEXT - 1, NULL);
	uint64_t run, part, since, upto;
	struct msg_word w;

	if (p == NULL || session == NULL ||
	    msg_uint(msg, "run", INT64_MAX, &run, NULL) != 0 || msg_uint(msg, "part", INT32_MAX, &part, NULL) != 0 ||
	    msg_uint(msg, "since", INT64_MAX, &since, NULL) != 0)
		return;
	if (strcmp(session, p->session) != 0) /* its vector was not heard yet */
		new_session(c, p, session);
	if (part == 0) {
		p->in_run = run;
		p->in_part = 0;
	}
	for (size_t i = 0; i < BATCH_MAX && msg_word_read(&r, &w); i++)
		p->hole |= !take(c, from, &w);
	if (run != p->in_run || part != p->in_part++) {
		p->in_run = 0; /* something between was lost */
		return;
	}
	/* The last one: everything up to there, if nothing is missing before its beginning. */
	if (msg_uint(msg, "upto", INT64_MAX, &upto, NULL) != 0 || since > p->got_upto)
		return;
	p->got_upto = upto;
	p->got_any = true;
	if (!p->hole)
		p->words_due_ms = 0;
	start_compare(c, p);
}
