/* SPDX-License-Identifier: BSD-3-Clause */
/* look_ask: questions through net, and the answers to whoever asked. */
#include "signer/engine/look_impl.h"

#include "msg/msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 65535

void look_ask(struct engine *e, const struct netlink_question *q, look_answer_fn *fn, void *ctx)
{
	struct lookers *l = e->looks;
	const uint64_t id = netlink_ask(e->net, q);

	if (id == 0) {
		fn(ctx, NULL);
		return;
	}
	if (l->questions == l->question_cap) {
		l->question_cap = 2 * l->question_cap + 16;
		l->question = mem_grow(l->question, l->question_cap, sizeof(*l->question));
	}
	l->question[l->questions++] = (struct looker_question){ id, fn, ctx };
}

void look_ask_forget(struct engine *e, const void *ctx)
{
	struct lookers *l = e->looks;

	for (size_t i = 0; i < l->questions;)
		if (l->question[i].ctx == ctx)
			l->question[i] = l->question[--l->questions];
		else
			i++;
}

bool look_answer(struct engine *e, const json_t *msg)
{
	struct lookers *l = e->looks;
	uint64_t id;

	if (msg_uint(msg, "id", INT64_MAX, &id, NULL) != 0)
		return false;
	for (size_t i = 0; i < l->questions; i++)
		if (l->question[i].id == id) {
			const struct looker_question q = l->question[i];

			l->question[i] = l->question[--l->questions];
			q.fn(q.ctx, msg);
			return true;
		}
	return false;
}

void lookers_end(struct engine *e)
{
	struct lookers *l = e->looks;

	while (l != NULL && l->questions > 0) {
		const struct looker_question q = l->question[--l->questions];

		q.fn(q.ctx, NULL);
	}
}

uint8_t *look_octets(const json_t *msg, const char *field, size_t *len)
{
	uint8_t *octets = msg_base64(msg, field, ANSWER_MAX, len, NULL);

	if (octets != NULL)
		return octets;
	*len = 0;
	return mem_new(1, 1);
}

enum observed_outcome look_failed(const json_t *msg, char *why, size_t cap)
{
	const char *result = json_string_value(json_object_get(msg, "result"));
	const char *text = json_string_value(json_object_get(msg, "why"));

	why[0] = '\0';
	if (result != NULL && strcmp(result, "ok") == 0)
		return OBSERVED_ANSWERED;
	snprintf(why, cap, "%.100s", text == NULL ? "it could not be asked" : text);
	for (char *p = why; *p != '\0'; p++) /* it goes into a look */
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	if (result != NULL && strcmp(result, "bad") == 0)
		return OBSERVED_MALFORMED;
	return OBSERVED_TIMEOUT;
}

bool look_answered(const json_t *msg)
{
	const json_int_t rcode = json_integer_value(json_object_get(msg, "rcode"));
	char why[128];

	return look_failed(msg, why, sizeof(why)) == OBSERVED_ANSWERED && (rcode == 0 || rcode == 3);
}

bool look_address(const struct rr *rr, struct addr *out)
{
	memset(out, 0, sizeof(*out));
	if (rr->type == TYPE_A && rr->rdlen == 4) {
		out->in4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(53) };
		memcpy(&out->in4.sin_addr, rr->rdata, 4);
	} else if (rr->type == TYPE_AAAA && rr->rdlen == 16) {
		out->in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(53) };
		memcpy(&out->in6.sin6_addr, rr->rdata, 16);
	} else {
		return false;
	}
	return true;
}

bool look_family_here(const struct engine *e, sa_family_t family)
{
	const struct conf_signer *c = &e->conf->signer;

	for (size_t i = 0; i < c->listen_count; i++)
		if (c->listen[i].sa.sa_family == family)
			return true;
	return false;
}
