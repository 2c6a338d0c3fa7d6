/* SPDX-License-Identifier: BSD-3-Clause */
/* review_api: approve, reject and override over HTTP: by operators on the signer's socket, by hooks with their token. */
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "log/log.h"
#include "signer/engine/api.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/zwork.h"

#define REASON_MAX 500 /* OVERRIDE_REASON_MAX of fact/state.h, which is keydist's */

static int serial_of(const struct http_request *q, uint32_t *serial, struct err *e)
{
	json_int_t n;

	if (http_int_or(q->body, "serial", -1, 0, UINT32_MAX, &n, e) != 0)
		return -1;
	if (n < 0)
		return err_set(e, ERR_SYNTAX, "serial: must be given");
	*serial = (uint32_t)n;
	return 0;
}

/* The candidate that waits under this serial. */
static int waits(const struct zwork *z, uint32_t serial, struct err *e)
{
	const struct review *r = &z->review;

	if (r->stage == REVIEW_NONE)
		return err_set(e, ERR_NOTFOUND, "zone %s: nothing waits for a review", z->name);
	if (version_info(r->version)->serial != serial)
		return err_set(e, ERR_NOTFOUND, "zone %s: version %u waits for its review, not %u", z->name,
			       version_info(r->version)->serial, serial);
	if (r->passed)
		return err_set(e, ERR_REFUSED, "zone %s: version %u has passed already", z->name, serial);
	return 0;
}

int review_api_approve(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = api_zone(ctx, q->segment[0], e);
	uint32_t serial;

	(void)a;
	if (z == NULL || serial_of(q, &serial, e) != 0 || waits(z, serial, e) != 0)
		return -1;
	review_passed(z, "operator");
	return api_when_saved(z, q);
}

int review_api_reject(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = api_zone(ctx, q->segment[0], e);
	const char *why;
	uint32_t serial;

	(void)a;
	if (z == NULL || serial_of(q, &serial, e) != 0 || http_text_or(q->body, "reason", "rejected by an operator", &why, e) != 0 ||
	    waits(z, serial, e) != 0)
		return -1;
	review_refused(z, true, why);
	return api_when_saved(z, q);
}

int review_api_override(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = api_zone(ctx, q->segment[0], e);
	const uint8_t *digest;
	const char *why;
	uint32_t serial;

	(void)a;
	if (z == NULL || serial_of(q, &serial, e) != 0 || http_text_or(q->body, "reason", "", &why, e) != 0)
		return -1;
	if (*why == '\0' || strlen(why) > REASON_MAX)
		return err_set(e, ERR_SYNTAX, "reason: must be given, of at most %d octets", REASON_MAX);
	if ((digest = review_overridable(z, serial, e)) == NULL)
		return -1;
	if (z->plan == NULL)
		return err_set(e, ERR_NOTNOW, "zone %s: keydist has not given a plan yet", z->name);
	/* It counts from the plan on that names it, which comes from a durable fact. */
	if (kdlink_override(z->engine->keydist, z->name, serial, digest, why, e) != 0)
		return -1;
	waiter_add(z, WAITER_OVERRIDE, z->plan->override.rev + 1, api_answer, http_later(q));
	return HTTP_LATER;
}

/* ---- with a token ---- */

static struct zwork *by_token(const struct engine *e, const char *token, struct err *err)
{
	const size_t len = sizeof(e->zone[0]->review.token) - 1;

	for (size_t i = 0; i < e->zone_count && strlen(token) == len; i++) {
		const struct review *r = &e->zone[i]->review;

		if (r->stage != REVIEW_NONE && !r->passed && r->token[0] != '\0' && sodium_memcmp(r->token, token, len) == 0)
			return e->zone[i];
	}
	err_set(err, ERR_NOTFOUND, "nothing waits for an answer with this token");
	return NULL;
}

static int on_approve(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = by_token(ctx, q->segment[0], e);

	(void)a;
	if (z == NULL)
		return -1;
	review_passed(z, "token");
	return api_when_saved(z, q);
}

static int on_reject(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct zwork *z = by_token(ctx, q->segment[0], e);
	const char *why;

	(void)a;
	if (z == NULL || http_text_or(q->body, "reason", "rejected with the token", &why, e) != 0)
		return -1;
	review_refused(z, false, why);
	return api_when_saved(z, q);
}

static const struct http_route routes[] = {
	{ "POST", "/v1/review/{token}/approve", HTTP_BODY_SMALL, on_approve },
	{ "POST", "/v1/review/{token}/reject", HTTP_BODY_SMALL, on_reject },
};

void review_socket_open(struct engine *e)
{
	const char *path = e->conf->signer.review.socket;
	struct err err;

	if (e->review_api != NULL)
		return;
	if (http_server_open(&e->loop, path, routes, sizeof(routes) / sizeof(routes[0]), e, &e->review_api, &err) != 0)
		log_event(LOG_WARNING, "review-socket", "msg=%s; hooks answer by their exit code alone", err.text);
	else
		chmod(path, 0666); /* hooks run under a user of their own; the token says who may */
}
