/* SPDX-License-Identifier: BSD-3-Clause */
/* relay: requests to other nodes and their answers, through a third node where there is no direct way; and
 * the clocks. */
#include "cluster/impl.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "serial/serial.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#define FRESH_MS 5000
#define HOUR_MS  3600000
#define HOPS_MAX 2

/* Sends towards `to`: directly when it was heard lately, else through anybody who was, else directly in hope.
 */
static int forward(struct cluster *c, const uint8_t to[NODE_ID_LEN], const uint8_t not_via[NODE_ID_LEN],
		   const char *type, json_t *body)
{
	const int64_t now = clock_mono_ms();
	struct cluster_peer *direct = NULL;

	for (size_t i = 0; i < c->peers; i++)
		if (memcmp(c->peer[i].peer.id, to, NODE_ID_LEN) == 0)
			direct = &c->peer[i];
	if (direct != NULL && direct->heard_ms != 0 && now - direct->heard_ms < FRESH_MS &&
	    msg_send(c->hub, to, direct->peer.role, type, body, NULL) == 0)
		return 0;
	for (size_t i = 0; i < c->peers; i++) {
		struct cluster_peer *p = &c->peer[i];

		if (p == direct || memcmp(p->peer.id, not_via, NODE_ID_LEN) == 0 || p->heard_ms == 0 ||
		    now - p->heard_ms >= FRESH_MS)
			continue;
		if (msg_send(c->hub, p->peer.id, p->peer.role, type, body, NULL) == 0)
			return 0;
	}
	return direct == NULL ? -1 : msg_send(c->hub, to, direct->peer.role, type, body, NULL);
}

/* Passes a message on that is for somebody else.  Returns whether it was. */
static bool passed_on(struct cluster *c, const struct msg_peer *from, const char *type, json_t *msg)
{
	uint8_t to[NODE_ID_LEN];
	uint64_t hops;

	if (msg_hex(msg, "to", to, NODE_ID_LEN, NULL) != 0 ||
	    msg_uint(msg, "hops", HOPS_MAX, &hops, NULL) != 0)
		return true; /* nobody's */
	if (memcmp(to, c->self->id, NODE_ID_LEN) == 0)
		return false;
	if (hops < HOPS_MAX) {
		json_object_set_new(msg, "hops", json_integer((json_int_t)hops + 1));
		forward(c, to, from->id, type, msg);
	}
	return true;
}

void relay_on_request(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct cluster *c = ctx;
	const char *id, *who, *what;
	char token[NODE_ID_TEXT + 34];

	if (passed_on(c, from, "request", msg))
		return;
	id = msg_text(msg, "id", 32, NULL);
	who = msg_text(msg, "from", NODE_ID_TEXT - 1, NULL);
	what = msg_text(msg, "what", 32, NULL);
	if (id == NULL || who == NULL || what == NULL || c->config.on_request == NULL)
		return;
	snprintf(token, sizeof(token), "%s/%s", who, id);
	c->config.on_request(c->config.ctx, token, what, json_object_get(msg, "args"));
}

void cluster_answer(struct cluster *c, const char *token, json_t *result, const struct err *why)
{
	static const uint8_t nobody[NODE_ID_LEN];
	char who[NODE_ID_TEXT] = "";
	uint8_t to[NODE_ID_LEN];
	json_t *body;

	snprintf(who, sizeof(who), "%s", token);
	if (strlen(token) < NODE_ID_TEXT || node_id_parse(who, to, NULL) != 0)
		return;
	body = json_pack("{s:s,s:s,s:i,s:b,s:O?,s:s,s:s}", "to", who, "id", token + NODE_ID_TEXT, "hops", 0,
			 "ok", why == NULL, "result", result, "error", why == NULL ? "" : err_word(why->code),
			 "message", why == NULL ? "" : why->text);
	forward(c, to, nobody, "reply", body);
	json_decref(body);
}

void cluster_request(struct cluster *c, const uint8_t to[NODE_ID_LEN], const char *what, json_t *args,
		     unsigned timeout_ms, cluster_reply_fn *fn, void *ctx)
{
	static const uint8_t nobody[NODE_ID_LEN];
	struct pending *p = mem_new(1, sizeof(*p));
	char hex[NODE_ID_TEXT];
	uint8_t random[16];
	json_t *body;

	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(p->id, sizeof(p->id), random, sizeof(random));
	p->until_ms = clock_mono_ms() + timeout_ms;
	p->fn = fn;
	p->ctx = ctx;
	p->next = c->pending;
	c->pending = p;
	body = json_pack("{s:s,s:s,s:s,s:i,s:s,s:O?}", "id", p->id, "from", c->self->id_text, "to",
			 node_id_text(to, hex), "hops", 0, "what", what, "args", args);
	if (forward(c, to, nobody, "request", body) != 0)
		p->until_ms = 0; /* told with the next tick, never before this returns */
	json_decref(body);
}

void relay_on_reply(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct cluster *c = ctx;
	const char *id, *message;
	struct pending *p;
	struct err why;
	bool ok = false;

	if (passed_on(c, from, "reply", msg) || (id = msg_text(msg, "id", 32, NULL)) == NULL ||
	    msg_bool(msg, "ok", &ok, NULL) != 0)
		return;
	for (struct pending **at = &c->pending; (p = *at) != NULL; at = &p->next) {
		if (strcmp(p->id, id) != 0)
			continue;
		*at = p->next;
		message = msg_text(msg, "message", 900, NULL);
		err_set(&why, ERR_REFUSED, "%s", message == NULL ? "the other node refused" : message);
		p->fn(p->ctx, ok ? json_object_get(msg, "result") : NULL, ok ? NULL : &why);
		free(p);
		return;
	}
}

void relay_tick(struct cluster *c, bool all)
{
	const int64_t now = clock_mono_ms();
	struct pending **at = &c->pending, *p;
	struct err why;

	while ((p = *at) != NULL) {
		if (!all && now < p->until_ms) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		err_set(&why, ERR_TIMEOUT, "the other node did not answer, directly or through a third one");
		p->fn(p->ctx, NULL, &why);
		free(p);
		at = &c->pending; /* fn may have asked anew */
	}
}

void cluster_give_up(struct cluster *c)
{
	relay_tick(c, true);
}

/* ---- clocks ---- */

static bool kernel_says_synchronised(void)
{
	struct timex t = { 0 };

	/* ProtectClock hides adjtimex, so timesyncd's mark is looked at too. */
	return (adjtimex(&t) >= 0 && (t.status & STA_UNSYNC) == 0) ||
	       access("/run/systemd/timesync/synchronized", F_OK) == 0;
}

bool cluster_clock(const struct cluster *c, char why[160])
{
	struct clock_view v = { .trust = c->config.conf->node.clock == CONF_CLOCK_TRUST,
				.now = clock_now_s() };
	int64_t heard[CLUSTER_PEERS_MAX];
	const int64_t now = clock_mono_ms();
	const char *text = "";
	enum clock_verdict verdict;

	for (size_t i = 0; i < c->peers; i++)
		if (c->peer[i].heard_ms != 0 && now - c->peer[i].heard_ms < HOUR_MS)
			heard[v.heard_count++] = v.now + c->peer[i].offset_s;
	v.heard = heard;
	v.kernel = kernel_says_synchronised();
	verdict = clock_vouched(&v, &text);
	snprintf(why, 160, "%s", text);
	return verdict == CLOCK_VOUCHED;
}
