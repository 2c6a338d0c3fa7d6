/* SPDX-License-Identifier: BSD-3-Clause */
/* submit_api: an operator submits a zone's text, chunk by chunk; acknowledged once it and the fact that names it are durable. */
#include "keydist/api.h"
#include "keydist/submit.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UPLOADS_MAX 8
#define IDLE_MS     600000
#define ID_LEN      16
#define BODY_MAX    (2 * SUBMISSION_CHUNK)
#define SYNC_OCTETS (8u << 20)

struct upload {
	struct upload *next;
	uint8_t id[ID_LEN];
	char *path;
	struct assembly a;
	int64_t used_ms;
};

static void drop(struct keydist *k, struct upload *u)
{
	struct upload **at = &k->uploads;

	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	assembly_close(&u->a);
	unlink(u->path); /* what was kept has another name by now */
	free(u->path);
	free(u);
}

void uploads_tick(struct keydist *k, bool all)
{
	struct upload *u, *next;

	for (u = k->uploads; u != NULL; u = next) {
		next = u->next;
		if (all || clock_mono_ms() - u->used_ms > IDLE_MS)
			drop(k, u);
	}
}

static struct upload *upload_new(struct keydist *k, const uint8_t id[ID_LEN], struct err *e)
{
	char hex[2 * ID_LEN + 1];
	struct upload *u;
	size_t n = 0;
	int fd;

	for (u = k->uploads; u != NULL; u = u->next)
		n++;
	if (n == UPLOADS_MAX) {
		err_set(e, ERR_NOTNOW, "%d submissions are on their way in already", UPLOADS_MAX);
		return NULL;
	}
	u = mem_new(1, sizeof(*u));
	memcpy(u->id, id, ID_LEN);
	sodium_bin2hex(hex, sizeof(hex), id, ID_LEN);
	u->path = mem_printf("%s/submit/up-%s", k->conf->keydist.state_dir, hex);
	if ((fd = submit_open(k, u->path, e)) < 0) {
		free(u->path);
		free(u);
		return NULL;
	}
	assembly_open(&u->a, fd);
	u->next = k->uploads;
	k->uploads = u;
	return u;
}

/* The one that the request names; the first chunk begins it. */
static struct upload *upload_of(struct keydist *k, const json_t *body, struct err *e)
{
	uint8_t id[ID_LEN];
	struct upload *u = k->uploads;

	if (msg_hex(body, "upload", id, sizeof(id), e) != 0)
		return NULL;
	while (u != NULL && memcmp(u->id, id, sizeof(id)) != 0)
		u = u->next;
	if (u == NULL && json_integer_value(json_object_get(body, "offset")) == 0 && json_object_get(body, "data") != NULL)
		u = upload_new(k, id, e);
	else if (u == NULL)
		err_set(e, ERR_NOTFOUND, "this submission was not begun, or keydist was restarted meanwhile: submit it again");
	if (u != NULL)
		u->used_ms = clock_mono_ms();
	return u;
}

static int add(struct keydist *k, struct upload *u, const json_t *body, struct err *e)
{
	const uint64_t most = (uint64_t)k->conf->keydist.submit_max_mib << 20;
	uint64_t offset;
	uint8_t *octets;
	size_t len;
	int rc = -1;

	if (msg_uint(body, "offset", SUBMISSION_SIZE_MAX, &offset, e) != 0 ||
	    (octets = msg_base64(body, "data", SUBMISSION_CHUNK, &len, e)) == NULL)
		return -1;
	if (assembly_add(&u->a, offset, octets, len, most, e) == 0 &&
	    (u->a.at - u->a.synced < SYNC_OCTETS || assembly_sync(&u->a, e) == 0))
		rc = 0;
	free(octets);
	fail_point("submit-chunk");
	return rc == 0 || e->code != ERR_LIMIT
		       ? rc
		       : err_ctx(e, "keydist.submit-max-mib is %lld", (long long)k->conf->keydist.submit_max_mib);
}

/* Above every number that content of the zone is known to have. */
static uint64_t next_rev(struct keydist *k, const struct zone_state *z)
{
	const struct fact_state *s = cluster_state(k->cluster);
	uint64_t rev = z->submission.set ? z->submission.rev : 0;

	for (size_t i = 0; i < s->nodes; i++) {
		json_t *word = cluster_status_get(k->cluster, s->node[i].id, z->text);
		const json_int_t is = json_integer_value(json_object_get(word, "content"));
		const json_int_t taken = json_integer_value(json_object_get(json_object_get(word, "taken"), "content"));

		rev = is > 0 && (uint64_t)is > rev ? (uint64_t)is : rev;
		rev = taken > 0 && (uint64_t)taken > rev ? (uint64_t)taken : rev;
		json_decref(word);
	}
	return rev + 1;
}

static int finish(struct keydist *k, const struct zone_state *z, struct upload *u, const json_t *body, json_t **out, struct err *e)
{
	struct submission s = { .rev = next_rev(k, z), .size = u->a.at };

	if (msg_hex(body, "digest", s.digest, sizeof(s.digest), e) != 0)
		return -1;
	if (!cluster_compared(k->cluster) || cluster_hold(k->cluster) != NULL) /* it keeps until then */
		return err_set(e, ERR_NOTNOW, "this node has not compared its facts with another one since its start, or holds");
	if (s.size == 0)
		return err_set(e, ERR_REFUSED, "nothing was submitted");
	if (assembly_sync(&u->a, e) != 0)
		return -1;
	if (!assembly_is(&u->a, s.digest))
		return err_set(e, ERR_DAMAGE, "digest: what came has another one: submit it again");
	if (submit_keep(k, u->path, s.digest, e) != 0 || keydist_say(k, "submission", z->name, submission_json(&s), e) != 0)
		return -1;
	fail_point("submit-said");
	log_event(LOG_NOTICE, "submitted", "zone=%s rev=%" PRIu64 " octets=%" PRIu64, z->text, s.rev, s.size);
	*out = submission_json(&s);
	return 0;
}

static int on_submit(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], true, e);
	struct upload *u;
	bool end;
	int rc;

	if (z == NULL || http_bool_or(q->body, "end", false, &end, e) != 0)
		return -1;
	if (strcmp(api_zone_member(z, "source"), SUBMIT_SOURCE) != 0)
		return err_set(e, ERR_REFUSED, "%s: its source is %.200s, not submit:", z->text, api_zone_member(z, "source"));
	if ((u = upload_of(k, q->body, e)) == NULL)
		return -1;
	rc = end ? finish(k, z, u, q->body, &a->body, e) : add(k, u, q->body, e);
	if ((end || rc != 0) && (rc == 0 || e->code != ERR_NOTNOW))
		drop(k, u);
	else if (rc == 0)
		a->body = json_pack("{s:I}", "octets", (json_int_t)u->a.at);
	return rc;
}

const struct http_route submit_routes[] = {
	{ "POST", "/v1/zones/{zone}/submit", BODY_MAX, on_submit },
};
const size_t submit_route_count = sizeof(submit_routes) / sizeof(submit_routes[0]);
