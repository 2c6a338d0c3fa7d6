/* SPDX-License-Identifier: BSD-3-Clause */
/* cross: which zone is compared with which signer's when, and what came of it. */
#include "signer/engine/cross.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock/clock.h"
#include "log/log.h"
#include "msg/msg.h"
#include "signer/engine/look.h"
#include "signer/engine/netlink.h"

#define FIRST_MS  300000 /* after a start */
#define SECOND_MS 10000  /* a difference is looked at again */
#define NAMED_MS  5000   /* so long a version may be in no status of its signer */
#define RRS_MAX   65535

enum state { IDLE, FETCHING, NAMING, JUDGING, AGAIN };

struct crosses {
	struct engine *engine;
	char *asked[CROSS_ASKED_MAX]; /* zones that a command named, oldest first */
	size_t asked_count;
	size_t next_zone;       /* of the round over all of them */
	int64_t next_ms;

	enum state state;
	char *zone;             /* that is compared */
	size_t peer;            /* with which row of the configuration */
	char *with;             /* its name: the configuration may be another by then */
	bool second;            /* a difference was seen before */
	bool explained;         /* the keys may differ */
	uint64_t query;
	int fd;                 /* FETCHING, NAMING: what was fetched; -1 */
	uint32_t serial;
	uint8_t id[VERSION_ID_LEN];
	int64_t until_ms;       /* NAMING, AGAIN */
};

struct crosses *crosses_new(struct engine *e)
{
	struct crosses *c = mem_new(1, sizeof(*c));

	c->engine = e;
	c->fd = -1;
	c->next_ms = clock_mono_ms() + FIRST_MS;
	return c;
}

static void idle(struct crosses *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->zone);
	free(c->with);
	c->fd = -1;
	c->zone = c->with = NULL;
	c->second = false;
	c->state = IDLE;
}

void crosses_free(struct crosses *c)
{
	if (c == NULL)
		return;
	idle(c);
	while (c->asked_count > 0)
		free(c->asked[--c->asked_count]);
	free(c);
}

/* The peer of a row; NULL: there is no such row any more. */
static const struct conf_peer *peer_of(const struct crosses *c)
{
	const struct conf *conf = c->engine->conf;

	return c->peer < conf->peer_count && cross_serves(&conf->peers[c->peer]) && strcmp(conf->peers[c->peer].name, c->with) == 0
		       ? &conf->peers[c->peer]
		       : NULL;
}

/* ---- what was found ---- */

static void word_set(struct crosses *c, struct zwork *z, const char *result, const char *why)
{
	const struct conf_peer *p = peer_of(c);
	struct cross_word *w;

	if (p == NULL)
		return;
	w = cross_word_of(z, p->name);
	zwork_say(&w->result, "%s", result);
	zwork_say(&w->why, why != NULL ? "%s" : NULL, why);
	w->serial = c->serial;
	w->at = clock_now_s();
	if (strcmp(result, "differs") == 0)
		zwork_say(&w->difference, "version %u of signer %s does not fit ours: %s", w->serial, w->peer, why);
	else if (strcmp(result, "same") == 0)
		zwork_say(&w->difference, NULL);
	zwork_tell(z);
}

/* ---- with whom, and when ---- */

static void fetch(struct crosses *c, struct zwork *z);

/* From this row on. */
static void next_peer(struct crosses *c, struct zwork *z, size_t from)
{
	const struct conf *conf = c->engine->conf;

	for (c->peer = from; c->peer < conf->peer_count; c->peer++)
		if (cross_serves(&conf->peers[c->peer])) {
			zwork_say(&c->with, "%s", conf->peers[c->peer].name);
			fetch(c, z);
			return;
		}
	idle(c);
}

static void go_on(struct crosses *c)
{
	struct zwork *z = engine_zone(c->engine, c->zone, false);

	c->second = false;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	if (z != NULL && !c->engine->stopping)
		next_peer(c, z, c->peer + 1);
	else
		idle(c);
}

static void not_known(struct crosses *c, struct zwork *z, const char *why)
{
	const struct conf_peer *p = peer_of(c);

	log_event(LOG_WARNING, "cross-unknown", "zone=%s peer=%s msg=%s; tried again in the next round", z->name, p != NULL ? p->name : "?",
		  why);
	word_set(c, z, "unknown", why);
	go_on(c);
}

static void fetch(struct crosses *c, struct zwork *z)
{
	const struct conf_peer *p = peer_of(c);
	char address[ADDR_TEXT_LEN];
	int fd;

	c->serial = 0;
	if (z->version == NULL || version_info(z->version)->soa_sig_count == 0) {
		idle(c);
		return;
	}
	if ((c->fd = source_nameless(z)) < 0 || (fd = dup(c->fd)) < 0) {
		not_known(c, z, "no file for what is to be fetched");
		return;
	}
	c->state = FETCHING;
	c->query = netlink_fetch(c->engine->net, z->name, addr_text(&p->dns[0], address), p->dns_key, fd);
	if (c->query == 0)
		not_known(c, z, "net is not ready");
}

static void begin(struct crosses *c, const char *name)
{
	struct zwork *z = engine_zone(c->engine, name, false);

	c->zone = mem_strdup(name);
	if (z != NULL && !z->gone)
		next_peer(c, z, 0);
	else
		idle(c);
}

static bool any_peer(const struct crosses *c)
{
	for (size_t i = 0; i < c->engine->conf->peer_count; i++)
		if (cross_serves(&c->engine->conf->peers[i]))
			return true;
	return false;
}

static void choose(struct crosses *c)
{
	const struct engine *e = c->engine;
	const int64_t interval_ms = e->conf->signer.cross_audit_interval_s * 1000, now = clock_mono_ms();
	char *name;

	if (!e->serving || e->drain_until_ms != 0)
		return;
	if (c->asked_count > 0) {
		name = c->asked[0];
		memmove(c->asked, c->asked + 1, --c->asked_count * sizeof(c->asked[0]));
		begin(c, name);
		free(name);
	} else if (interval_ms > 0 && e->zone_count > 0 && now >= c->next_ms && works_waiting(e->works) == 0 && any_peer(c)) {
		c->next_ms = now + interval_ms / (int64_t)e->zone_count;
		begin(c, e->zone[c->next_zone++ % e->zone_count]->name);
	}
}

int crosses_ask(struct crosses *c, struct zwork *z, size_t *peers, struct err *e)
{
	const struct conf *conf = c->engine->conf;

	*peers = 0;
	for (size_t i = 0; i < conf->peer_count; i++)
		*peers += cross_serves(&conf->peers[i]);
	if (*peers == 0)
		return err_set(e, ERR_REFUSED, "no peer in %s has a dns: where it serves is not known", conf->path);
	for (size_t i = 0; i < c->asked_count; i++)
		if (strcmp(c->asked[i], z->name) == 0)
			return 0;
	if (c->asked_count == CROSS_ASKED_MAX)
		return err_set(e, ERR_NOTNOW, "%d zones wait for it already: ask again later", CROSS_ASKED_MAX);
	c->asked[c->asked_count++] = mem_strdup(z->name);
	return 0;
}

/* ---- the comparison ---- */

static void judged(void *ctx, const json_t *answer, const char *why)
{
	struct crosses *c = ctx;
	struct zwork *z = engine_zone(c->engine, c->zone, false);
	const struct conf_peer *p = peer_of(c);
	char *findings;

	c->fd = -1;
	if (z == NULL || p == NULL) {
		idle(c);
		return;
	}
	if (answer == NULL) {
		not_known(c, z, why);
		return;
	}
	if (strcmp(json_string_value(json_object_get(answer, "result")), "fine") == 0) {
		log_event(LOG_INFO, "cross-audited", "zone=%s peer=%s serial=%u sampled=%" PRId64 " verified=%" PRId64, z->name, p->name,
			  c->serial, (int64_t)json_integer_value(json_object_get(answer, "sampled")),
			  (int64_t)json_integer_value(json_object_get(answer, "verified")));
		word_set(c, z, "same", NULL);
		if (!c->explained)
			cross_word_of(z, p->name)->fits_ms = clock_mono_ms();
		go_on(c);
		return;
	}
	findings = audit_findings(answer);
	if (!c->second) {
		log_event(LOG_INFO, "cross-again", "zone=%s peer=%s serial=%u msg=%s; looked at again", z->name, p->name, c->serial, findings);
		c->second = true;
		c->state = AGAIN;
		c->until_ms = clock_mono_ms() + SECOND_MS;
	} else {
		log_event(LOG_ERROR, "cross-differs", "zone=%s peer=%s serial=%u msg=%s; both versions stay served", z->name, p->name, c->serial,
			  findings);
		word_set(c, z, "differs", findings);
		go_on(c);
	}
	free(findings);
}

static const struct past_version *named(const struct crosses *c, const struct zwork *z)
{
	for (size_t i = 0; i < z->peer_count; i++)
		if (z->peer[i].v.serial == c->serial && memcmp(z->peer[i].v.id, c->id, VERSION_ID_LEN) == 0)
			return &z->peer[i].v;
	return past_find(&z->others, c->serial, c->id);
}

/* Once it is known whose content it is, or has taken too long. */
static void judge(struct crosses *c, struct zwork *z)
{
	const struct past_version *v = named(c, z);
	const struct content_id *mine = &z->kept.mine;
	char step[120] = "the other's version is in no status of its signer";

	if (v == NULL && clock_mono_ms() < c->until_ms)
		return;
	if (z->version == NULL) {
		idle(c);
		return;
	}
	if (v != NULL)
		snprintf(step, sizeof(step), "key steps %" PRIu64 " here, %" PRIu64 " there", mine->steps, v->content.steps);
	c->explained = v == NULL || v->content.steps != mine->steps;
	c->state = JUDGING;
	lseek(c->fd, 0, SEEK_SET);
	crossjob_start(z, v != NULL && v->content.epoch == mine->epoch && v->content.number == mine->number,
		       c->explained ? step : NULL, c->fd, judged, c);
}

void crosses_fetched(struct crosses *c, const json_t *msg)
{
	const char *why = json_string_value(json_object_get(msg, "why"));
	struct zwork *z = c->zone == NULL ? NULL : engine_zone(c->engine, c->zone, false);
	uint8_t *octets;
	uint64_t id;
	size_t len;

	if (c->state != FETCHING || msg_uint(msg, "id", INT64_MAX, &id, NULL) != 0 || id != c->query)
		return;
	if (z == NULL) {
		idle(c);
	} else if (why != NULL) {
		not_known(c, z, why);
	} else if ((octets = msg_base64(msg, "rrs", RRS_MAX, &len, NULL)) == NULL) {
		not_known(c, z, "no SOA came");
	} else {
		bool is_one = secondary_version(z->apex, octets, len, &c->serial, c->id);

		free(octets);
		c->state = NAMING;
		c->until_ms = clock_mono_ms() + NAMED_MS;
		if (is_one)
			judge(c, z);
		else
			not_known(c, z, "no SOA came");
	}
}

void crosses_tick(struct crosses *c)
{
	struct zwork *z = c->zone == NULL ? NULL : engine_zone(c->engine, c->zone, false);

	switch (c->state) {
	case IDLE:
		choose(c);
		break;
	case NAMING:
	case AGAIN:
		if (z == NULL || peer_of(c) == NULL)
			idle(c);
		else if (c->state == NAMING)
			judge(c, z);
		else if (clock_mono_ms() >= c->until_ms)
			fetch(c, z);
		break;
	case FETCHING:
	case JUDGING:
		break;
	}
}
