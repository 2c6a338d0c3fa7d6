/* SPDX-License-Identifier: BSD-3-Clause */
/* lend: passes on what one signer's engine asks of another's, and its answer. */
#include "keydist/lend.h"

#include "arena/arena.h"
#include "submission/submission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS 5000

/* One question; outlives what it is for. */
struct question {
	struct keydist *k;
	json_t *wish;
};

static void answer(struct question *q, json_t *result, const char *why)
{
	json_t *body = json_pack("{s:O,s:O,s:s?,s:O?}", "zone", json_object_get(q->wish, "zone"), "content",
				 json_object_get(q->wish, "content"), "error", why, "result", result);

	engine_send(q->k, "input", body); /* lost: it asks again */
	json_decref(body);
	json_decref(q->wish);
	free(q);
}

static void on_answer(void *ctx, json_t *result, const struct err *why)
{
	answer(ctx, result, why == NULL ? NULL : why->text);
}

void lend_on_wish(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct keydist *k = cluster_context(ctx);
	uint8_t node[NODE_ID_LEN];
	struct input_wish w;
	struct question *q;

	(void)from;
	if (msg_hex(msg, "node", node, sizeof(node), NULL) != 0 || input_wish_read(msg, &w, NULL) != 0)
		return;
	q = mem_new(1, sizeof(*q));
	q->k = k;
	q->wish = input_wish_json(&w);
	if (memcmp(node, k->self.id, NODE_ID_LEN) != 0 && node_is_signer(state_node(cluster_state(k->cluster), node)))
		cluster_request(k->cluster, node, "input", q->wish, ASK_MS, on_answer, q);
	else
		answer(q, NULL, "it is no signer of the cluster");
}

bool lend_may(const struct keydist *k, const char *token)
{
	char who[NODE_ID_TEXT];
	uint8_t id[NODE_ID_LEN];

	snprintf(who, sizeof(who), "%s", token);
	return node_id_parse(who, id, NULL) == 0 && node_is_signer(state_node(cluster_state(k->cluster), id));
}
