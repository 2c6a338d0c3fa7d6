/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * engine_out: what the local signer's engine gets: plans, other nodes' words on its zones, TSIG keys, who is there.
 * Plans and words travel many to a message.  What could not be sent is tried again with the next second.
 * Plans are made as the engine takes those before: what waits there takes ten times the memory of what waits here.
 */
#include "keydist/leave.h"

#include "arena/arena.h"
#include "log/log.h"
#include "msg/word.h"

#include <stdlib.h>
#include <string.h>

#define LIST_MAX    64 /* the engine takes a message at once, and opens keys meanwhile */
#define LIST_OCTETS (256u << 10)
#define WORDS_MAX   256
#define WINDOW      256 /* plans that the engine has not taken */

/* A plan on its way out. */
struct plan_out {
	struct zone_ctx *c;
	uint8_t digest[16];
	bool first;
};

int engine_send(struct keydist *k, const char *type, json_t *body)
{
	return k->engine_up ? msg_send(cluster_hub(k->cluster), k->self.id, MSG_ENGINE, type, body, NULL) : -1;
}

/* ---- words of other nodes ---- */

struct word_list {
	struct keydist *k;
	struct msg_words words;
	int rc;
};

static int send_words(struct word_list *l)
{
	json_t *body = json_object();

	msg_set_tail(body, l->words.octets, l->words.len);
	if (l->words.n > 0)
		l->rc = engine_send(l->k, "status", body);
	json_decref(body);
	msg_words_clear(&l->words);
	return l->rc;
}

static int add_word(struct word_list *l, const uint8_t node[NODE_ID_LEN], const char *zone, const char *status)
{
	struct msg_word w = { .status = status, .status_len = strlen(status) };

	memcpy(w.node, node, NODE_ID_LEN);
	snprintf(w.name, sizeof(w.name), "%s", cluster_name(l->k->cluster, node));
	snprintf(w.zone, sizeof(w.zone), "%s", zone);
	msg_words_add(&l->words, &w);
	return l->words.n < WORDS_MAX ? 0 : send_words(l);
}

static int on_word(void *ctx, const uint8_t node[NODE_ID_LEN], const char *zone, const char *status)
{
	struct word_list *l = ctx;
	const struct zone_ctx *c = zone_ctx_text(l->k, zone, false);

	/* The engine does not know the zone yet: all words come behind its first plan. */
	if (c == NULL || !c->has_sent)
		return 0;
	return add_word(l, node, zone, status);
}

static void send_news(struct keydist *k)
{
	struct word_list l = { .k = k };
	const uint64_t upto = cluster_status_since(k->cluster, k->status_rev, on_word, &l);

	if (upto != k->status_rev && send_words(&l) == 0)
		k->status_rev = upto;
	msg_words_fini(&l.words);
}

/* What every node has said of a zone that the engine hears of for the first time. */
static void add_all_words(struct word_list *l, const struct zone_ctx *c)
{
	const struct fact_state *s = cluster_state(l->k->cluster);

	for (size_t i = 0; i < s->nodes && l->rc == 0; i++) {
		const char *status = cluster_status_text(l->k->cluster, s->node[i].id, c->text);

		if (status != NULL)
			add_word(l, s->node[i].id, c->text, status);
	}
}

/* ---- plans, in a window ---- */

static size_t window_room(const struct keydist *k)
{
	const uint64_t out = k->plan_rev - k->plan_taken;

	return out < WINDOW ? WINDOW - (size_t)out : 0;
}

static void set_waits(struct keydist *k, struct zone_ctx *c, bool waits)
{
	k->plans_waiting += (size_t)waits - (size_t)c->plan_waits;
	c->plan_waits = waits;
}

bool engine_plan_waits(struct keydist *k, struct zone_ctx *c)
{
	set_waits(k, c, window_room(k) == 0);
	return c->plan_waits;
}

void engine_more(struct keydist *k)
{
	const size_t room = window_room(k);

	while (zones_waiting(k) < room && k->plans_waiting > 0) {
		struct zone_ctx *c = k->zone[k->plan_next++ % k->zones];

		if (c->plan_waits)
			zones_touch(k, c);
		set_waits(k, c, false);
	}
}

void engine_took(struct keydist *k, uint64_t rev)
{
	if (rev <= k->plan_taken || rev > k->plan_rev)
		return; /* of a keydist before this one */
	k->plan_taken = rev;
	engine_more(k);
}

/* What it has had for a second counts as taken: an engine that says nothing of it, an older one as well, gets all by and by. */
static void look_whether_taken(struct keydist *k)
{
	if (k->plan_taken < k->plan_ticked)
		k->plan_taken = k->plan_ticked;
	k->plan_ticked = k->plan_rev;
	engine_more(k);
}

/* ---- plans ---- */

static void drop_plans(struct keydist *k)
{
	json_decref(k->plans);
	json_decref(k->plan_policies);
	k->plans = k->plan_policies = NULL;
	k->plan_outs = k->plan_octets = 0;
}

/* The policy is named by its place in the message's list, as most plans of a message have the same. */
static void name_policy(struct keydist *k, json_t *plan)
{
	json_t *policy = json_object_get(plan, "policy");
	size_t i = 0;

	if (policy == NULL)
		return;
	while (i < json_array_size(k->plan_policies) && json_array_get(k->plan_policies, i) != policy)
		i++;
	if (i == json_array_size(k->plan_policies))
		json_array_append(k->plan_policies, policy);
	json_object_set_new(plan, "policy", json_integer((json_int_t)i));
}

void engine_plan(struct keydist *k, struct zone_ctx *c, json_t *plan, const uint8_t digest[16], size_t octets)
{
	struct plan_out *o;

	if (!k->engine_up || k->stopping) {
		json_decref(plan);
		return; /* all are made anew when it comes */
	}
	if (k->plans == NULL) {
		k->plans = json_array();
		k->plan_policies = json_array();
	}
	name_policy(k, plan);
	json_object_set_new(plan, "rev", json_integer((json_int_t)++k->plan_rev));
	json_array_append_new(k->plans, plan);
	k->plan_out = mem_grow(k->plan_out, k->plan_outs + 1, sizeof(*k->plan_out));
	o = &k->plan_out[k->plan_outs++];
	o->c = c;
	o->first = !c->has_sent;
	memcpy(o->digest, digest, sizeof(o->digest));
	k->plan_octets += octets;
	if (k->plan_outs >= LIST_MAX || k->plan_octets >= LIST_OCTETS)
		engine_send_plans(k);
}

void engine_send_plans(struct keydist *k)
{
	struct word_list l = { .k = k };
	json_t *body;
	struct err e;
	int rc;

	if (k->plan_outs == 0)
		return;
	if (store_commit(k, &e) != 0)
		log_event(LOG_ERROR, "signatures-not-kept", "msg=%s", e.text);
	body = json_pack("{s:O,s:O,s:I}", "list", k->plans, "policies", k->plan_policies, "rev", (json_int_t)k->plan_rev);
	rc = engine_send(k, "plans", body);
	json_decref(body);
	for (size_t i = 0; i < k->plan_outs; i++) {
		struct plan_out *o = &k->plan_out[i];

		if (rc != 0) {
			k->plan_rev--; /* nobody will take it */
			o->c->retry = true;
			continue;
		}
		o->c->has_sent = true;
		memcpy(o->c->sent, o->digest, sizeof(o->digest));
		if (o->first)
			add_all_words(&l, o->c);
	}
	send_words(&l);
	msg_words_fini(&l.words);
	drop_plans(k);
}

/* ---- the rest ---- */

static json_t *synced(struct keydist *k)
{
	return json_pack("{s:b,s:b,s:b,s:b,s:s?,s:b}", "compared", cluster_compared(k->cluster), "sure",
			 cluster_sure(k->cluster), "alone",
			 cluster_alone(k->cluster), "set_back", cluster_set_back(k->cluster), "hold",
			 cluster_hold(k->cluster), "leaving", (int)leave_serves_nothing(k));
}

/* Sends body when it differs from what was sent before; takes over the reference. */
static void send_changed(struct keydist *k, const char *type, json_t *body, json_t **sent)
{
	if ((*sent != NULL && json_equal(*sent, body)) || engine_send(k, type, body) != 0) {
		json_decref(body);
		return;
	}
	json_decref(*sent);
	*sent = body;
}

static void on_flush(uv_timer_t *timer)
{
	struct keydist *k = timer->data;

	if (!k->engine_up)
		return;
	send_changed(k, "synced", synced(k), &k->synced_sent);
	send_changed(k, "tsig", tsig_for_engine(k), &k->tsig_sent);
	send_news(k);
}

void engine_flush_soon(struct keydist *k)
{
	if (k->engine_up && !k->stopping && !uv_is_active((uv_handle_t *)&k->flush))
		uv_timer_start(&k->flush, on_flush, 1, 0);
}

void engine_on_status(void *ctx)
{
	engine_flush_soon(ctx);
}

static json_t *node_json(struct keydist *k, const uint8_t id[NODE_ID_LEN], bool self,
			 const struct cluster_peer *p)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const struct node_state *me = state_node(s, k->self.id), *n = state_node(s, id);
	const bool counted = node_is_signer(n) && (self || (me != NULL && id_set_has(&me->counts, id)));
	char hex[NODE_ID_TEXT];
	const char *role = self || (p != NULL && p->peer.role == MSG_SIGNER) ? "signer" : "backup";

	return json_pack("{s:s,s:s,s:s,s:b,s:b,s:o}", "node", node_id_text(id, hex), "name",
			 cluster_name(k->cluster, id), "role", role, "self", self, "counted", counted,
			 "heard_ms", cluster_heard_json(k->cluster, id));
}

static void send_peers(struct keydist *k)
{
	json_t *nodes = json_array(), *body;
	const struct cluster_peer *p;
	size_t n;

	/* First: by the word that it has compared, the engine may begin to serve. */
	send_changed(k, "synced", synced(k), &k->synced_sent);
	p = cluster_peers(k->cluster, &n);
	json_array_append_new(nodes, node_json(k, k->self.id, true, NULL));
	for (size_t i = 0; i < n; i++)
		json_array_append_new(nodes, node_json(k, p[i].peer.id, false, &p[i]));
	body = json_pack("{s:{s:b,s:s},s:o,s:b}", "clock", "vouched", k->clock_good, "why", k->clock_why,
			 "nodes", nodes, "compared", cluster_compared(k->cluster));
	engine_send(k, "peers", body);
	json_decref(body);
}

void engine_greet(struct keydist *k)
{
	const struct fact_state *s = cluster_state(k->cluster);

	k->engine_up = true;
	leave_on_silent(k, false);
	shown_begin(k);
	for (size_t i = 0; i < k->zones; i++)
		k->zone[i]->has_sent = false;
	drop_plans(k);
	k->plan_taken = k->plan_rev;
	json_decref(k->tsig_sent);
	json_decref(k->synced_sent);
	k->tsig_sent = k->synced_sent = NULL;
	send_peers(k);
	on_flush(&k->flush);
	for (size_t i = 0; i < s->zones; i++)
		set_waits(k, zone_ctx(k, s->zone[i].name, true), true);
	engine_more(k);
	keydist_turn(k);
}

void engine_tick(struct keydist *k)
{
	engine_expire(k, false);
	if (!k->engine_up)
		return;
	look_whether_taken(k);
	send_peers(k);
	engine_flush_soon(k);
}

void engine_close(struct keydist *k)
{
	k->engine_up = false;
	engine_expire(k, true);
	drop_plans(k);
	free(k->plan_out);
	k->plan_out = NULL;
}
