/* SPDX-License-Identifier: BSD-3-Clause */
/* zwork: a zone's state from start to end, and what is kept of it with each publication. */
#include "signer/engine/cross.h"
#include "signer/engine/look.h"
#include "signer/engine/zwork.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "signer/engine/api.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/netlink.h"
#include "signer/engine/whole.h"
#include "signer/engine/withheld.h"
#include "fail/fail.h"
#include "log/log.h"
#include "msg/msg.h"

void zwork_say(char **slot, const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	free(*slot);
	*slot = NULL;
	if (fmt == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*slot = mem_strdup(text);
}

struct zwork *zwork_new(struct engine *e, const char *name)
{
	struct zwork *z = mem_new(1, sizeof(*z));
	uint8_t apex[DNAME_MAX];

	z->engine = e;
	z->due_mono.of = z->due_wall.of = z;
	z->name = mem_strdup(name);
	if (dname_from_text(name, apex, NULL) == 0)
		dname_lower(apex, z->apex);
	z->look_s = INT64_MAX;
	z->look_ms = INT64_MAX;
	serial_watch_init(&z->watch);
	secondary_configure(z);
	return z;
}

void zwork_free(struct zwork *z)
{
	if (z == NULL)
		return;
	zwork_rests(z);
	zwork_forget(z);
	look_forget(z);
	review_free(z);
	if (z->source.kind == SOURCE_FILE)
		folder_remove(z);
	pipeline_drop(z);
	plan_unref(z->plan);
	version_unref(z->version);
	version_unref(z->told);
	content_free(z->input);
	content_free(z->loaded);
	borrow_end(z);
	lag_forget(z);
	source_free(&z->source);
	for (size_t i = 0; i < z->shown_count; i++)
		free(z->shown[i].key);
	cross_forget(z);
	notices_free(z);
	free(z->shown);
	free(z->peer);
	free(z->name);
	past_fini(&z->kept.own);
	free(z->kept.shows.text);
	past_fini(&z->others);
	free(z->plan_error);
	free(z->damage);
	free(z->hold);
	free(z->salt);
	free(z->again);
	free(z->error);
	free(z->next);
	free(z->kept.audit);
	history_fini(&z->history);
	free(z->verdict.result);
	free(z->verdict.why);
	free(z->verdict.warnings);
	free(z->held_shown);
	free(z->disagrees);
	whole_forget(z);
	free(z);
}

static void shows_read(struct shows *s, const json_t *o)
{
	if (!json_is_string(json_object_get(o, "text")))
		return;
	s->text = mem_strdup(json_string_value(json_object_get(o, "text")));
	s->dnskey_ttl = (uint32_t)json_integer_value(json_object_get(o, "dnskey_ttl"));
	s->zone_ttl = (uint32_t)json_integer_value(json_object_get(o, "zone_ttl"));
	s->dnskey_before = (uint32_t)json_integer_value(json_object_get(o, "dnskey_before"));
	s->zone_before = (uint32_t)json_integer_value(json_object_get(o, "zone_before"));
}

static json_t *shows_json(const struct shows *s)
{
	return json_pack("{s:s?,s:I,s:I,s:I,s:I}", "text", s->text, "dnskey_ttl", (json_int_t)s->dnskey_ttl, "zone_ttl",
			 (json_int_t)s->zone_ttl, "dnskey_before", (json_int_t)s->dnskey_before, "zone_before",
			 (json_int_t)s->zone_before);
}

static void keep_read(struct zwork *z, const char *text)
{
	json_t *o = json_loads(text, 0, NULL), *j;

	if (o == NULL)
		return;
	z->kept.last = (uint32_t)json_integer_value(json_object_get(o, "last"));
	shows_read(&z->kept.shows, json_object_get(o, "shows"));
	review_keep_read(z, o);
	z->kept.whole_at = json_integer_value(json_object_get(o, "audit_whole"));
	content_from_json(&z->kept.mine, json_object_get(o, "mine"));
	z->self_serial = (uint32_t)json_integer_value(json_object_get(o, "self_serial"));
	content_from_json(&z->self_content, json_object_get(o, "self"));
	past_from_json(&z->kept.own, json_object_get(o, "own"));
	past_from_json(&z->others, json_object_get(o, "others"));
	hex_read(json_string_value(json_object_get(o, "plan")), z->kept.plan_hash, sizeof(z->kept.plan_hash));
	if (json_is_string(j = json_object_get(o, "audit")))
		z->kept.audit = mem_strdup(json_string_value(j));
	if (json_is_string(j = json_object_get(o, "hold")))
		zwork_say(&z->hold, "%s", json_string_value(j));
	lag_read(z, json_object_get(o, "lag"));
	if (json_is_string(j = json_object_get(o, "salt")) && json_string_length(j) / 2 <= 255) {
		z->salt_len = json_string_length(j) / 2;
		z->salt = mem_new(z->salt_len + 1, 1);
		if (!hex_read(json_string_value(j), z->salt, z->salt_len))
			z->salt_len = 0;
	}
	json_decref(o);
}

char *zwork_keep(const struct zwork *z, const struct kept *kept)
{
	char *own = past_text(&kept->own), *others = past_text(&z->others), *rest, *text;
	json_t *o = json_object();

	json_object_set_new(o, "v", json_integer(1));
	json_object_set_new(o, "last", json_integer(kept->last));
	json_object_set_new(o, "shows", shows_json(&kept->shows));
	json_object_set_new(o, "mine", content_to_json(&kept->mine));
	if (z->self_serial != 0 && serial_gt(z->self_serial, kept->last)) {
		json_object_set_new(o, "self_serial", json_integer(z->self_serial));
		json_object_set_new(o, "self", content_to_json(&z->self_content));
	}
	json_object_set_new(o, "plan", msg_json_hex(kept->plan_hash, sizeof(kept->plan_hash)));
	if (kept->audit != NULL)
		json_object_set_new(o, "audit", json_string(kept->audit));
	json_object_set_new(o, "audit_whole", json_integer(kept->whole_at));
	if (z->review.override_rev > 0) /* heard is heard, whatever was published since */
		json_object_set_new(o, "override_rev", json_integer((json_int_t)z->review.override_rev));
	if (!kept->reviewed)
		review_keep(z, o);
	if (z->hold != NULL)
		json_object_set_new(o, "hold", json_string(z->hold));
	if (z->salt_len > 0)
		json_object_set_new(o, "salt", msg_json_hex(z->salt, z->salt_len));
	if (z->lag != NULL)
		json_object_set_new(o, "lag", lag_json(z));
	rest = json_dumps(o, JSON_COMPACT);
	text = mem_printf("{\"own\":%s,\"others\":%s,%s", own, others, rest + 1);
	json_decref(o);
	free(rest);
	free(own);
	free(others);
	return text;
}

struct save {
	struct writing writing;
	struct zwork *z;
	uint64_t wanted; /* what z wanted kept when this was begun */
	char *keep, *candidate;
	struct history history;
};

static void save_done(struct writing *w)
{
	struct save *s = (struct save *)w;
	struct zwork *z = s->z;

	if (w->write.rc != 0)
		log_event(LOG_ERROR, "store", "zone=%s msg=%s", z->name, w->write.err.text);
	z->saved = s->wanted;
	if (w->write.candidate != NULL)
		fail_point("review-saved");
	if (w->write.rc == 0 && w->write.candidate_ends)
		z->review.ends_due = false;
	history_written(z, &s->history, w->write.rc == 0);
	z->busy = false;
	waiter_saved(z, w->write.rc == 0 ? NULL : &w->write.err);
	zwork_poke(z);
	free(s->keep);
	free(s->candidate);
	free(s);
}

void zwork_save(struct zwork *z)
{
	z->save_wanted++;
	zwork_poke(z);
}

bool zwork_save_step(struct zwork *z)
{
	struct save *s;

	if (z->saved == z->save_wanted)
		return false;
	s = mem_new(1, sizeof(*s));
	s->z = z;
	s->wanted = z->save_wanted;
	s->keep = zwork_keep(z, &z->kept);
	s->writing.write = (struct store_write){ .what = STORE_KEEP, .apex = z->apex, .keep = s->keep };
	s->candidate = review_words(z, &s->writing.write);
	s->writing.done = save_done;
	history_take(z, &s->history, &s->writing.write);
	z->busy = true;
	writer_queue(z->engine->writer, &s->writing);
	return true;
}

void zwork_open(struct zwork *z)
{
	char *keep = store_keep_get(z->engine->store, z->apex);
	const struct version_info *info;

	if (keep != NULL)
		keep_read(z, keep);
	free(keep);
	review_open(z);
	if ((z->version = store_current(z->engine->store, z->apex)) == NULL) {
		lag_forget(z);
		return;
	}
	info = version_info(z->version);
	z->kept.last = info->serial;
	if (keep == NULL || z->kept.mine.number == 0) {
		z->kept.mine = (struct content_id){ .epoch = info->epoch, .number = info->content, .steps = info->steps };
		memcpy(z->kept.mine.digest, info->content_digest, sizeof(z->kept.mine.digest));
	}
	z->source.input_serial = info->input_serial;
	z->source.have_serial = true;
	withheld_open(z);
}

static void take_plan(struct zwork *z, struct plan *p)
{
	bool again;

	if (p->state == PLAN_KEEP && z->plan != NULL && z->plan->state != PLAN_KEEP) {
		plan_unref(p); /* nothing new is known: the plan before stands */
		return;
	}
	again = z->plan != NULL ? z->plan->epoch != p->epoch : z->version != NULL && z->kept.mine.epoch != p->epoch;
	if (z->plan != NULL && p->ready_until > z->plan->ready_until)
		z->renewed_ms = 0; /* a renewal that could not help may do so now */
	plan_unref(z->plan);
	z->plan = p;
	source_set(z, p->source);
	if (again)
		source_again(z);
	if (p->state != PLAN_KEEP && z->version != NULL && memcmp(p->hash, z->kept.plan_hash, sizeof(p->hash)) != 0)
		z->forced = true;
	else if (!z->busy)
		kdlink_served(z->engine->keydist, z); /* it is published already */
}

void zwork_plan(struct zwork *z, struct plan *p, const struct err *why)
{
	bool first = z->plan == NULL;

	if (p == NULL) {
		if (z->plan_error == NULL || strcmp(z->plan_error, why->text) != 0)
			log_event(LOG_ERROR, "plan-refused", "zone=%s msg=%s; the plan before stands", z->name, why->text);
		zwork_say(&z->plan_error, "%s", why->text);
		zwork_tell(z);
		return;
	}
	zwork_say(&z->plan_error, NULL);
	if (p->gone) {
		z->gone = true;
		look_forget(z);
		plan_unref(p);
		zwork_poke(z);
		return;
	}
	z->gone = false;
	if (first || z->plan->rev != p->rev || z->plan->state != p->state || z->plan->steps != p->steps)
		log_event(LOG_NOTICE, "plan", "zone=%s state=%s rev=%" PRIu64 " steps=%" PRIu64 " keys=%zu source=%s", z->name,
			  plan_state_text(p->state), p->rev, p->steps, p->key_count, p->source);
	if (!first && memcmp(z->plan->given_hash, p->given_hash, sizeof(p->given_hash)) != 0) {
		log_event(LOG_NOTICE, "children", "zone=%s with-ds=%zu msg=the DS of zones below that are signed here have changed: the "
			  "source is read again", z->name, p->given_count);
		source_again(z);
	}
	withheld_plan(z, p->set_back);
	take_plan(z, p);
	look_plan(z);
	zwork_tell(z);
	zwork_poke(z);
}

static void word_read(const json_t *status, struct past_version *v, struct content_id *taken)
{
	const json_t *earliest = json_object_get(status, "earliest");

	*v = (struct past_version){ .serial = (uint32_t)json_integer_value(json_object_get(status, "serial")) };
	content_from_json(&v->content, status);
	v->earliest = json_is_integer(earliest) ? json_integer_value(earliest) : INT64_MAX;
	hex_read(json_string_value(json_object_get(status, "id")), v->id, sizeof(v->id));
	*taken = v->content;
	if (json_is_object(json_object_get(status, "taken")))
		content_from_json(taken, json_object_get(status, "taken"));
}

static uint32_t ttl_of(const json_t *status, const char *field)
{
	const json_int_t ttl = json_integer_value(json_object_get(status, field));

	return ttl > 0 && ttl <= INT32_MAX ? (uint32_t)ttl : 0;
}

/* What this node published before an old copy was put back is still in caches. */
static void ttls_of_self(struct zwork *z, const json_t *status)
{
	const uint32_t dnskey = ttl_of(status, "dnskey_ttl"), zone = ttl_of(status, "zone_ttl");
	struct shows *s = &z->kept.shows;

	if (dnskey <= s->dnskey_ttl && zone <= s->zone_ttl)
		return;
	s->dnskey_ttl = dnskey > s->dnskey_ttl ? dnskey : s->dnskey_ttl;
	s->zone_ttl = zone > s->zone_ttl ? zone : s->zone_ttl;
	if (z->version != NULL && !z->busy)
		kdlink_served(z->engine->keydist, z);
}

static void word_of_self(struct zwork *z, const struct past_version *v)
{
	if (!known_set_back(&z->kept.own, z->kept.last, v))
		return;
	if (!z->set_back)
		log_event(LOG_ERROR, "set-back", "zone=%s serial=%u known=%u msg=others remember a version of ours that "
			  "we lack: an old copy was put back; its serial is not used again", z->name, z->kept.last, v->serial);
	z->set_back = true;
	past_add(&z->others, v);
	if (z->self_serial != 0 && !serial_gt(v->serial, z->self_serial))
		return;
	z->self_serial = v->serial;
	z->self_content = v->content;
	zwork_save(z); /* whoever remembers it may be away after the next start */
}

void zwork_word(struct zwork *z, const char *node, const char *name, const json_t *status)
{
	struct past_version v;
	struct content_id taken;
	struct peer_word *w = NULL;

	word_read(status, &v, &taken);
	if (strcmp(node, z->engine->identity.node_id_text) == 0) {
		ttls_of_self(z, status);
		word_of_self(z, &v);
		zwork_poke(z);
		return;
	}
	for (size_t i = 0; i < z->peer_count; i++)
		if (strcmp(z->peer[i].node, node) == 0)
			w = &z->peer[i];
	if (w == NULL && z->peer_count == PEER_WORDS_MAX)
		return;
	if (w == NULL) {
		z->peer = mem_grow(z->peer, z->peer_count + 1, sizeof(*z->peer));
		w = &z->peer[z->peer_count++];
		*w = (struct peer_word){ .silent = false };
	}
	snprintf(w->node, sizeof(w->node), "%s", node);
	snprintf(w->name, sizeof(w->name), "%s", name);
	w->v = v;
	w->taken = taken;
	if (v.serial != 0)
		past_add(&z->others, &v);
	zwork_poke(z);
}
