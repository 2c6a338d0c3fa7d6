/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source: where a zone's input comes from.  A file is looked at once a second and whenever something happens in its folder,
 * and is read once it has been quiet for a moment; a primary is net's business, which hands over whole transfers.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clock/clock.h"
#include "signer/engine/netlink.h"
#include "log/log.h"

#define QUIET_MS      150   /* a file must not change for so long before it is read */
#define RETRY_MS      1000  /* a file that changed while it was read */
#define REFRESH_S     60    /* between two questions to a primary on our own account */

struct load {
	uv_work_t work;
	struct zwork *z;
	char *path;             /* file, or */
	uint8_t *stream;        /* transfer */
	size_t stream_len;
	char *root;
	struct zone_limits limits;
	struct zone *zone;
	struct err err;
	int rc;
};

void source_free(struct source *s)
{
	free(s->text);
	free(s->path);
	free(s->primary);
	free(s->key);
	free(s->stream);
	free(s->error);
	free(s->next);
	free(s->expired);
	*s = (struct source){ .kind = SOURCE_NONE };
}

static bool name_is_tame(const char *name)
{
	if (name[0] == '/' || name[0] == '\0')
		return false;
	for (const char *p = name; p != NULL; p = strchr(p, '/')) {
		p += *p == '/';
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
			return false;
	}
	return true;
}

static void refuse(struct zwork *z, const char *next, const char *why)
{
	struct source *s = &z->source;

	if (s->error == NULL || strcmp(s->error, why) != 0)
		log_event(LOG_WARNING, "zone-refused", "zone=%s source=%s msg=%s; %s%s", z->name, s->text, why, next,
			  z->version != NULL ? "; the version before stays served" : "");
	zwork_say(&s->error, "%s", why);
	zwork_say(&s->next, "%s", next);
	s->error_at = clock_now_s();
	z->status_due = true;
}

static void accepted(struct zwork *z)
{
	zwork_say(&z->source.error, NULL);
	zwork_say(&z->source.next, NULL);
	z->status_due = true;
}

void source_set(struct zwork *z, const char *text)
{
	struct source *s = &z->source;
	uint32_t input_serial = s->input_serial;
	bool have_serial = s->have_serial;
	char *hash, *comma;

	if (s->text != NULL && strcmp(s->text, text) == 0)
		return;
	source_free(s);
	s->text = mem_strdup(text);
	s->input_serial = input_serial;
	if (strncmp(text, "file:", 5) == 0 && name_is_tame(text + 5)) {
		s->kind = SOURCE_FILE;
		s->path = mem_printf("%s/%s", z->engine->conf->signer.zones_dir, text + 5);
		s->want_load = true;
	} else if (strncmp(text, "primary:", 8) == 0 && (hash = strchr(text + 8, '#')) != NULL) {
		s->kind = SOURCE_PRIMARY;
		s->have_serial = have_serial;
		comma = strchr(hash, ',');
		s->primary = comma == NULL ? mem_strdup(text + 8)
					   : mem_printf("%.*s", (int)(comma - text - 8), text + 8);
		s->key = comma == NULL ? NULL : mem_strdup(comma + 1);
	} else {
		refuse(z, "change the zone's source", "source: neither file:NAME within zones-dir nor primary:ADDRESS#PORT[,KEY]");
	}
	netlink_zone(z->engine->net, z, z->version == NULL);
}

static void load_work(uv_work_t *w)
{
	struct load *l = (struct load *)w;

	if (l->path != NULL)
		l->rc = zone_read_file(l->path, l->z->apex, &l->limits, &l->zone, &l->err);
	else
		l->rc = zone_read_stream(l->stream, l->stream_len, l->z->apex, &l->limits, &l->zone, &l->err);
}

static void load_failed(struct load *l)
{
	struct zwork *z = l->z;

	if (l->path != NULL && l->err.code == ERR_NOTNOW) { /* it changed under us */
		z->source.want_load = true;
		z->source.changed_mono_ms = clock_mono_ms() + RETRY_MS - QUIET_MS;
		return;
	}
	if (l->path != NULL) {
		refuse(z, "read again when the file changes", l->err.text);
		return;
	}
	refuse(z, "transferred again when the primary has another serial", l->err.text);
}

static void load_done(uv_work_t *w, int status)
{
	struct load *l = (struct load *)w;
	struct zwork *z = l->z;

	(void)status;
	z->loading = false;
	if (l->rc != 0) {
		load_failed(l);
	} else {
		accepted(z);
		z->loaded = l->zone;
	}
	zwork_poke(z);
	free(l->path);
	free(l->stream);
	free(l->root);
	free(l);
}

static void load_start(struct zwork *z)
{
	struct source *s = &z->source;
	struct load *l = mem_new(1, sizeof(*l));
	int64_t max_ttl = z->plan->policy.max_ttl_unsigned_s;

	l->z = z;
	l->limits = ZONE_LIMITS_DEFAULT;
	l->limits.max_ttl_s = max_ttl > 0 && max_ttl < UINT32_MAX ? (uint32_t)max_ttl : 0;
	if (s->kind == SOURCE_FILE) {
		l->path = mem_strdup(s->path);
		l->root = mem_strdup(z->engine->conf->signer.zones_dir);
		l->limits.include_root = l->root;
		s->loaded.mtime_ns = s->seen.mtime_ns;
		s->loaded.size = s->seen.size;
		s->loaded.ino = s->seen.ino;
		s->loaded.dev = s->seen.dev;
	} else {
		l->stream = s->stream;
		l->stream_len = s->stream_len;
		s->stream = NULL;
	}
	s->want_load = false;
	z->loading = true;
	if (uv_queue_work(&z->engine->loop, &l->work, load_work, load_done) != 0)
		abort();
}

/* Follows symbolic links: swapping one is a change too. */
static void look(struct zwork *z)
{
	struct source *s = &z->source;
	struct stat st;
	int64_t mtime_ns;

	if (stat(s->path, &st) != 0) {
		if (s->exists || s->want_load)
			refuse(z, "read when the file is there", errno == ENOENT ? "the zone's file is not there" : strerror(errno));
		s->exists = false;
		s->want_load = false;
		s->seen.ino = 0;
		return;
	}
	mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	if (!s->exists || s->seen.mtime_ns != mtime_ns || s->seen.size != st.st_size || s->seen.ino != st.st_ino ||
	    s->seen.dev != st.st_dev)
		s->changed_mono_ms = clock_mono_ms();
	s->exists = true;
	s->seen.mtime_ns = mtime_ns;
	s->seen.size = st.st_size;
	s->seen.ino = st.st_ino;
	s->seen.dev = st.st_dev;
}

static bool differs(const struct source *s)
{
	return s->loaded.mtime_ns != s->seen.mtime_ns || s->loaded.size != s->seen.size || s->loaded.ino != s->seen.ino ||
	       s->loaded.dev != s->seen.dev;
}

static void file_step(struct zwork *z)
{
	struct source *s = &z->source;
	int64_t now = clock_mono_ms();

	look(z);
	if (!s->exists || (!differs(s) && !s->want_load)) {
		if (s->exists && s->error == NULL)
			s->confirmed_mono_ms = now;
		return;
	}
	if (now - s->changed_mono_ms < QUIET_MS) {
		int64_t at = s->changed_mono_ms + QUIET_MS;

		z->look_ms = at < z->look_ms ? at : z->look_ms;
		return;
	}
	load_start(z);
}

void source_step(struct zwork *z)
{
	if (z->loading || z->loaded != NULL || z->plan == NULL || z->gone)
		return;
	if (z->source.kind == SOURCE_FILE)
		file_step(z);
	else if (z->source.kind == SOURCE_PRIMARY && z->source.stream != NULL)
		load_start(z);
}

void source_refresh(struct zwork *z)
{
	struct source *s = &z->source;

	if (s->kind == SOURCE_PRIMARY)
		netlink_zone(z->engine->net, z, true);
	else if (s->kind == SOURCE_FILE && z->input == NULL && !z->loading)
		source_step(z);
}

void source_again(struct zwork *z)
{
	z->source.want_load = true;
	z->source.have_serial = false;
	if (z->source.kind == SOURCE_PRIMARY)
		netlink_zone(z->engine->net, z, true);
}

bool source_confirmed(const struct zwork *z, int64_t since_ms)
{
	return z->source.confirmed_mono_ms != 0 && z->source.confirmed_mono_ms >= since_ms;
}

void source_stream(struct zwork *z, uint32_t serial, uint8_t *stream, size_t len)
{
	(void)serial; /* the SOA inside counts */
	free(z->source.stream);
	z->source.stream = stream;
	z->source.stream_len = len;
	z->source.confirmed_mono_ms = clock_mono_ms();
	zwork_say(&z->source.expired, NULL);
	zwork_poke(z);
}

void source_same(struct zwork *z, uint32_t serial)
{
	if (z->source.have_serial && z->source.input_serial == serial) {
		z->source.confirmed_mono_ms = clock_mono_ms();
		if (z->source.error != NULL)
			accepted(z);
	}
	zwork_say(&z->source.expired, NULL);
	zwork_poke(z);
}

void source_failed(struct zwork *z, const char *why, int64_t retry_s)
{
	char at[CLOCK_TEXT_LEN], next[64];

	snprintf(next, sizeof(next), "next try at %s", clock_text(clock_now_s() + retry_s, at));
	refuse(z, next, why);
}

void source_expired(struct zwork *z, int64_t expire_s)
{
	zwork_say(&z->source.expired, "the primary has not confirmed the zone for %" PRId64 " s (SOA expire)", expire_s);
	log_event(LOG_ERROR, "source-expired", "zone=%s source=%s msg=%s; the version before stays served and fresh", z->name,
		  z->source.text, z->source.expired);
	z->status_due = true;
}

/* ---- the folder ---- */

static void on_folder(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct engine *e = event->data;

	(void)name;
	(void)events;
	(void)status;
	for (size_t i = 0; i < e->zone_count; i++)
		if (e->zone[i]->source.kind == SOURCE_FILE)
			zwork_poke(e->zone[i]);
}

void source_watch(struct engine *e)
{
	if (uv_fs_event_init(&e->loop, &e->folder) != 0)
		return; /* files are looked at once a second anyway */
	e->folder.data = e;
	if (uv_fs_event_start(&e->folder, on_folder, e->conf->signer.zones_dir, 0) != 0)
		log_event(LOG_WARNING, "watch", "folder=%s msg=no notice of changes: files are looked at once a second",
			  e->conf->signer.zones_dir);
}
