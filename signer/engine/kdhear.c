/* SPDX-License-Identifier: BSD-3-Clause */
/* kdhear: what keydist says is taken field by field. */
#include "signer/engine/kdlink_impl.h"

#include <string.h>

#include "clock/clock.h"
#include "log/log.h"
#include "msg/word.h"
#include "seal/seal.h"
#include "signer/engine/borrow.h"
#include "signer/engine/netlink.h"
#include "signer/engine/submit.h"
#include "signer/engine/withheld.h"

#define TSIG_MAX 256
#define LIST_MAX 1024 /* words in one message */

struct zwork *kdhear_zone(struct engine *engine, const json_t *msg, bool make)
{
	uint8_t name[DNAME_MAX];
	char text[DNAME_TEXT_MAX];
	struct err e;

	if (msg_name(msg, "zone", name, &e) != 0) {
		log_event(LOG_WARNING, "keydist-message", "msg=%s", e.text);
		return NULL;
	}
	dname_lower(name, name);
	return engine_zone(engine, dname_to_text(name, text), make);
}

static void on_plans(struct kdlink *k, const json_t *msg)
{
	plans_take(k->engine, (json_t *)(uintptr_t)msg); /* which it refers to for a while */
}

static void on_peers(struct kdlink *k, const json_t *msg)
{
	struct engine *e = k->engine;
	const json_t *clock = json_object_get(msg, "clock");
	const char *why = json_string_value(json_object_get(clock, "why"));
	json_t *o;
	size_t i;

	e->node_count = 0;
	json_array_foreach(json_object_get(msg, "nodes"), i, o) {
		struct engine_node *n = &e->node[e->node_count];
		const char *id = json_string_value(json_object_get(o, "node"));
		const char *name = json_string_value(json_object_get(o, "name"));
		const char *role = json_string_value(json_object_get(o, "role"));
		const json_t *heard = json_object_get(o, "heard_ms");

		if (e->node_count == ENGINE_NODES_MAX || id == NULL || name == NULL || role == NULL)
			continue;
		snprintf(n->id, sizeof(n->id), "%s", id);
		snprintf(n->name, sizeof(n->name), "%s", name);
		snprintf(n->role, sizeof(n->role), "%s", role);
		n->self = json_is_true(json_object_get(o, "self"));
		n->counted = json_is_true(json_object_get(o, "counted"));
		n->heard_ms = json_is_integer(heard) ? json_integer_value(heard) : -1;
		e->node_count++;
	}
	e->nodes_mono_ms = clock_mono_ms();
	e->clock.keydist_mono_ms = e->nodes_mono_ms;
	e->clock.keydist_vouched = json_is_true(json_object_get(clock, "vouched"));
	snprintf(e->clock.keydist_why, sizeof(e->clock.keydist_why), "%s", why == NULL ? "keydist does not vouch" : why);
	if (json_is_true(json_object_get(msg, "compared")) && !e->compared) {
		e->compared = true;
		log_event(LOG_NOTICE, "compared", "msg=facts and status were compared with another node");
		engine_poke_all(e);
	}
	engine_clock_tick(e);
}

static void leave(struct engine *e, bool leaving)
{
	if (leaving == e->leaving)
		return;
	e->leaving = leaving;
	log_event(LOG_NOTICE, "leaving", "on=%s msg=%s", leaving ? "yes" : "no",
		  leaving ? "this signer is to leave the cluster: it answers no query, and makes no version" : "serving again");
	netlink_hold_serve(e->net, !e->serving || leaving);
}

static void on_synced(struct kdlink *k, const json_t *msg)
{
	struct engine *e = k->engine;
	const char *hold = json_string_value(json_object_get(msg, "hold"));

	if (json_is_true(json_object_get(msg, "compared")) && !e->compared)
		log_event(LOG_NOTICE, "compared", "msg=facts and status were compared with another node");
	e->compared = e->compared || json_is_true(json_object_get(msg, "compared"));
	e->sure = e->sure || json_is_true(json_object_get(msg, "sure"));
	/* "alone" there only says that nobody was heard yet; going on without them is the operator's word (zone resume --alone),
	 * which keydist then tells as compared. */
	if (json_is_true(json_object_get(msg, "set_back")) && !e->set_back)
		log_event(LOG_ERROR, "set-back", "msg=this node was set back to an old copy: it catches up before it makes a version");
	e->set_back = json_is_true(json_object_get(msg, "set_back"));
	for (size_t i = 0; i < e->zone_count && e->set_back; i++)
		if (e->zone[i]->plan == NULL)
			withheld_set_back(e->zone[i]);
	if (hold != NULL && (e->hold == NULL || strcmp(hold, e->hold) != 0))
		log_event(LOG_ERROR, "held", "msg=%s", hold);
	leave(e, json_is_true(json_object_get(msg, "leaving")));
	if (hold == NULL)
		zwork_say(&e->hold, NULL);
	else
		zwork_say(&e->hold, "%s", hold);
	engine_poke_all(e);
}

static void take_word(struct kdlink *k, const struct msg_word *w)
{
	json_t *status = json_loadb(w->status, w->status_len, JSON_REJECT_DUPLICATES, NULL);
	uint8_t name[DNAME_MAX];
	char id[NODE_ID_TEXT], zone[DNAME_TEXT_MAX];
	struct zwork *z = NULL;

	if (dname_from_text(w->zone, name, NULL) == 0) {
		dname_lower(name, name);
		z = engine_zone(k->engine, dname_to_text(name, zone), false);
	}
	if (z != NULL && json_is_object(status))
		zwork_word(z, node_id_text(w->node, id), w->name[0] == '\0' ? id : w->name, status);
	json_decref(status);
}

static void on_status(struct kdlink *k, const json_t *msg)
{
	size_t len;
	const uint8_t *tail = msg_tail(msg, &len);
	struct rd r = rd_of(tail, len);
	struct msg_word w;

	for (size_t i = 0; i < LIST_MAX && msg_word_read(&r, &w); i++)
		take_word(k, &w);
}

static struct tsig_key *tsig_read(struct kdlink *k, const json_t *o, struct err *e)
{
	const struct engine_identity *id = &k->engine->identity;
	uint8_t name[DNAME_MAX], hash[SEAL_HASH_LEN], *box;
	const struct seal_label label = { .purpose = SEAL_TSIG_ENGINE, .name = name, .hash = hash };
	const char *alg_text = msg_text(o, "alg", 32, e);
	enum tsig_alg alg = alg_text == NULL ? 0 : tsig_alg_from_text(alg_text);
	struct secret *secret = NULL;
	size_t box_len;
	int rc;

	if (msg_name(o, "name", name, e) != 0 || msg_hex(o, "hash", hash, sizeof(hash), e) != 0)
		return NULL;
	if (alg == 0) {
		err_set(e, ERR_REFUSED, "algorithm %s", alg_text == NULL ? "?" : alg_text);
		return NULL;
	}
	if ((box = msg_base64(o, "box", SEAL_MAX, &box_len, e)) == NULL)
		return NULL;
	dname_lower(name, name);
	rc = seal_open(&label, id->box_pk, id->box_sk, box, box_len, &secret, e);
	free(box);
	return rc != 0 ? NULL : tsig_key_new(name, alg, secret);
}

static void on_tsig(struct kdlink *k, const json_t *msg)
{
	struct tsig_key *keys[TSIG_MAX];
	bool newest[TSIG_MAX];
	size_t n = 0, i;
	struct err e;
	json_t *o;

	json_array_foreach(json_object_get(msg, "keys"), i, o) {
		if (n == TSIG_MAX)
			break;
		if ((keys[n] = tsig_read(k, o, &e)) == NULL) {
			log_event(LOG_ERROR, "tsig-refused", "key=%s msg=%s",
				  json_string_value(json_object_get(o, "name")) == NULL ? "?" :
				  json_string_value(json_object_get(o, "name")), e.text);
			continue;
		}
		newest[n++] = json_is_true(json_object_get(o, "newest"));
	}
	log_event(LOG_INFO, "tsig", "keys=%zu", n);
	netlink_tsig(k->engine->net, keys, newest, n);
}

static void on_submitted(struct kdlink *k, const json_t *msg)
{
	struct zwork *z = kdhear_zone(k->engine, msg, false);

	if (z != NULL)
		submit_hear(z, msg);
}

static void on_input(struct kdlink *k, const json_t *msg)
{
	struct zwork *z = kdhear_zone(k->engine, msg, false);

	if (z != NULL)
		borrow_hear(z, msg);
}

static const struct {
	const char *type;
	void (*take)(struct kdlink *k, const json_t *msg);
} rows[] = {
	{ "plans", on_plans },   { "peers", on_peers }, { "synced", on_synced },
	{ "status", on_status }, { "tsig", on_tsig },   { "request", kdask },
	{ "submitted", on_submitted }, { "input", on_input },
};

void kdhear(struct kdlink *k, const char *type, const json_t *msg)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].type, type) == 0) {
			rows[i].take(k, msg);
			return;
		}
}
