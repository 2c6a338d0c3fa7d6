/* SPDX-License-Identifier: BSD-3-Clause */
/* load: what the source has is read and checked, in the pool. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "signer/engine/https.h"
#include "signer/engine/netlink.h"
#include "signer/engine/submit.h"
#include "signer/engine/zwork.h"

#define RETRY_MS        1000  /* a file that changed while it was read */
#define RETRY_IO_MS     30000 /* one that may not be read, or what is sorted finds no room on the disk */
#define GIVE_BACK_LEAST 10000 /* records of a zone that is not given back at once */

struct load {
	struct work work;
	struct zwork *z;
	char *path;            /* file, or */
	int fd;                /* https, submit, a peer: what path leads to; -1: none */
	uint64_t rev;          /* submit */
	bool of_peer;          /* a peer gave it, as this: */
	struct content_id there;
	uint8_t *stream;       /* transfer: */
	size_t stream_len;
	struct plan *plan;     /* as it was when the load began */
	struct version *base;  /* NULL, or what a difference leads from and a whole is compared with */
	bool diff;
	char *root;
	struct zone_limits limits;
	struct zone_files files; /* file: what was read */
	struct zone *zone;     /* as it was read; the content's where that is whole */
	struct content *content;
	struct err err;
	int rc;
};

static void load_work(struct work *w)
{
	struct load *l = (struct load *)w;
	struct store *store = l->z->engine->store;
	struct patch_since *since;

	if (l->diff && l->plan->given_count > 0) {
		l->rc = err_set(&l->err, ERR_NOTNOW, "DS of zones below that are signed here are put into whole zones");
		return;
	}
	if (l->diff) {
		l->rc = content_of_diff(store, l->base, l->stream, l->stream_len, &l->limits, &l->content, &l->err);
		l->stream = NULL;
		return;
	}
	l->limits.without_sum = l->base != NULL;
	since = content_since(store, l->base, l->z->apex, &l->limits);
	if (l->path != NULL)
		l->rc = zone_read_file(l->path, l->z->apex, &l->limits, &l->zone, &l->err);
	else
		l->rc = zone_read_stream(l->stream, l->stream_len, l->z->apex, &l->limits, &l->zone, &l->err);
	if (l->rc == 0)
		l->rc = content_of_zone(store, l->base, since, l->zone, &l->limits, &l->content, &l->err);
	patch_since_free(since);
}

/* What is wrong with a fetched text, without the file that it was read from. */
static const char *text_of(const struct load *l)
{
	const size_t len = strlen(l->path);

	return strncmp(l->err.text, l->path, len) == 0 && l->err.text[len] == ':' ? l->err.text + len + 1 : l->err.text;
}

static void load_failed(struct load *l)
{
	struct zwork *z = l->z;

	if (l->diff) {
		log_event(LOG_NOTICE, "ixfr-refused", "zone=%s msg=%s; asking for the whole zone", z->name, l->err.text);
		z->source.want_whole = true;
		source_misfit(z);
	} else if (l->of_peer) {
		borrow_refused(z, l->err.code, text_of(l));
	} else if (l->fd >= 0) {
		source_refused(z, l->rev != 0 ? "submit another text" : "fetched again when the server has another text", text_of(l));
	} else if (l->path != NULL && source_unsettled(z)) {
		return;
	} else if (l->path != NULL && l->err.code == ERR_NOTNOW) { /* it goes on changing */
		z->source.want_load = true;
		z->source.changed_mono_ms = clock_mono_ms() + RETRY_MS - SOURCE_QUIET_MS;
	} else if (l->path != NULL && l->err.code == ERR_IO) { /* it may be right, and what is wrong does not show in the file */
		source_refused(z, "read again after half a minute, or when the file changes", l->err.text);
		z->source.want_load = true;
		z->source.changed_mono_ms = clock_mono_ms() + RETRY_IO_MS / (1 + fail_number("hasten")) - SOURCE_QUIET_MS;
	} else {
		source_refused(z, l->path != NULL ? "read again when the file changes"
						  : "transferred again when the primary has another serial", l->err.text);
	}
}

/* A large zone takes a while to be given back, which neither the loop nor what comes of the zone waits for. */
struct giving_back {
	uv_work_t uv;
	struct zone *zone;
};

static void give_back_work(uv_work_t *uv)
{
	struct giving_back *g = uv->data;

	zone_free(g->zone);
}

static void give_back_done(uv_work_t *uv, int status)
{
	(void)status;
	free(uv->data);
}

static void give_back(struct engine *e, struct zone *z)
{
	struct giving_back *g;

	if (z->records < GIVE_BACK_LEAST) {
		zone_free(z);
		return;
	}
	g = mem_new(1, sizeof(*g));
	g->uv.data = g;
	g->zone = z;
	if (uv_queue_work(&e->loop, &g->uv, give_back_work, give_back_done) != 0)
		abort();
}

static void load_done(struct work *w)
{
	struct load *l = (struct load *)w;
	struct zwork *z = l->z;

	z->loading = false;
	z->engine->trimmed_ms = 0; /* whether it leads to a publication or not */
	fail_point("engine-loaded");
	if (l->files.n > 0 && z->source.kind == SOURCE_FILE) /* of those that failed, too: mending one of them is a change */
		source_files(z, &l->files);
	z->way += w->cancelled ? 0 : w->way;
	if (w->cancelled) {
		z->source.want_load = z->source.want_load || !l->of_peer;
	} else if (l->rc != 0) {
		load_failed(l);
	} else {
		if (!l->of_peer)
			source_accepted(z);
		if (l->zone != NULL)
			input_notices(z, l->zone);
		z->loaded = l->content;
		z->loaded->plan = l->plan->given_count > 0 ? plan_ref(l->plan) : NULL;
		z->loaded->rev = l->rev;
		z->loaded->of_peer = l->of_peer;
		z->loaded->there = l->there;
	}
	if (l->zone != NULL && (l->content == NULL || l->content->zone != l->zone))
		give_back(z->engine, l->zone);
	zwork_poke(z);
	version_unref(l->base);
	plan_unref(l->plan);
	zone_files_fini(&l->files);
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	free(l->stream);
	free(l->root);
	free(l);
}

/* The difference that waits already, and the one that came now, as one. */
static void take_stream(struct load *l)
{
	struct source *s = &l->z->source;
	const struct content *waiting = s->diff ? l->z->input : NULL;

	l->stream = s->stream;
	l->stream_len = s->stream_len;
	s->stream = NULL;
	l->diff = s->diff;
	if (waiting == NULL)
		return;
	l->stream = mem_grow(l->stream, waiting->stream_len + l->stream_len, 1);
	memmove(l->stream + waiting->stream_len, l->stream, l->stream_len);
	memcpy(l->stream, waiting->stream, waiting->stream_len);
	l->stream_len += waiting->stream_len;
}

static uint64_t octets_of(const struct load *l)
{
	struct stat st;

	if (l->path == NULL)
		return l->stream_len;
	return l->of_peer && fstat(l->fd, &st) == 0 ? (uint64_t)st.st_size : (uint64_t)l->z->source.size;
}

void load_start(struct zwork *z)
{
	struct source *s = &z->source;
	struct load *l = mem_new(1, sizeof(*l));
	int64_t max_ttl = z->plan->policy->max_ttl_unsigned_s;

	l->z = z;
	l->fd = -1;
	l->plan = plan_ref(z->plan);
	l->limits = ZONE_LIMITS_DEFAULT;
	l->limits.given = l->plan->given;
	l->limits.given_count = l->plan->given_count;
	l->limits.sort_octets = (size_t)z->engine->conf->signer.sort_memory_mib << 20;
	l->limits.sort_memory = z->engine->sort_memory;
	l->limits.threads = works_threads(z->engine->works);
	l->limits.max_ttl_s = max_ttl > 0 && max_ttl < UINT32_MAX ? (uint32_t)max_ttl : 0;
	if (borrow_has_text(z)) {
		l->of_peer = true;
		l->fd = borrow_take(z, &l->there);
		l->path = mem_printf("/proc/self/fd/%d", l->fd);
	} else if (s->kind == SOURCE_FILE) {
		l->path = mem_strdup(s->path);
		l->root = mem_strdup(z->engine->conf->signer.zones_dir);
		l->limits.include_root = l->root;
		l->limits.files = &l->files;
	} else if (s->kind == SOURCE_HTTPS || s->kind == SOURCE_SUBMIT) {
		l->fd = s->kind == SOURCE_HTTPS ? https_take(z) : submit_take(z, &l->rev);
		l->path = mem_printf("/proc/self/fd/%d", l->fd);
	} else {
		take_stream(l);
	}
	if (z->version != NULL && (z->damage == NULL || l->diff)) /* what is damaged cannot be compared with */
		l->base = version_ref(z->version);
	s->want_load = s->want_load && l->of_peer;
	zwork_rests(z); /* what was loaded before does not wait for room that it has itself */
	z->loading = true;
	l->work.large = octets_of(l) > WORK_LARGE;
	l->work.way = l->work.large ? 0 : WORK_WAY_LEAST + (size_t)octets_of(l);
	l->work.run = load_work;
	l->work.done = load_done;
	works_queue(z->engine->works, WORK_LOAD, &l->work);
}
