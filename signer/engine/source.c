/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source: where a zone's input comes from.  A file is looked at every few seconds and whenever something happens in its folder,
 * and is read soon; what was read counts once the file has been quiet for a moment, which with a large one it has been by then.
 * A primary is net's business, which hands over whole zones or differences; a web server that of https.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "clock/clock.h"
#include "signer/engine/https.h"
#include "log/log.h"
#include "primaries/primaries.h"
#include "signer/engine/netlink.h"
#include "signer/engine/submit.h"

static void files_free(struct source *s)
{
	for (size_t i = 0; i < s->file_count; i++)
		free(s->files[i]);
	free(s->files);
	s->files = NULL;
	s->file_count = 0;
}

void source_free(struct source *s)
{
	free(s->text);
	free(s->path);
	free(s->primaries);
	free(s->stream);
	files_free(s);
	free(s->error);
	free(s->next);
	free(s->expired);
	https_stop(s);
	submit_stop(s);
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

void source_refused(struct zwork *z, const char *next, const char *why)
{
	struct source *s = &z->source;

	if (s->error == NULL || strcmp(s->error, why) != 0)
		log_event(LOG_WARNING, "zone-refused", "zone=%s source=%s msg=%s; %s%s", z->name, s->text, why, next,
			  z->version != NULL ? "; the version before stays served" : "");
	zwork_say(&s->error, "%s", why);
	zwork_say(&s->next, "%s", next);
	s->error_at = clock_now_s();
	zwork_tell(z);
}

void source_accepted(struct zwork *z)
{
	zwork_say(&z->source.error, NULL);
	zwork_say(&z->source.next, NULL);
	zwork_tell(z);
}

void source_set(struct zwork *z, const char *text)
{
	struct source *s = &z->source;
	uint32_t input_serial = s->input_serial;
	bool have_serial = s->have_serial;
	struct primaries primaries;

	if (s->text != NULL && strcmp(s->text, text) == 0)
		return;
	if (s->kind == SOURCE_FILE)
		folder_remove(z);
	source_free(s);
	s->text = mem_strdup(text);
	s->input_serial = input_serial;
	if (strncmp(text, "file:", 5) == 0 && name_is_tame(text + 5)) {
		s->kind = SOURCE_FILE;
		folder_add(z);
		s->path = mem_printf("%s/%s", z->engine->conf->signer.zones_dir, text + 5);
		s->want_load = true;
	} else if (strncmp(text, "primary:", 8) == 0 && primaries_parse(text + 8, &primaries, NULL) == 0) {
		primaries_fini(&primaries);
		s->kind = SOURCE_PRIMARY;
		s->have_serial = have_serial;
		s->primaries = mem_strdup(text + 8);
	} else if (strncmp(text, "https://", 8) == 0) {
		s->kind = SOURCE_HTTPS;
		https_start(z);
	} else if (strncmp(text, "submit:", 7) == 0) {
		s->kind = SOURCE_SUBMIT;
		submit_start(z);
	} else {
		source_refused(z, "change the zone's source", "source: neither file:NAME within zones-dir, "
			       "primary:ADDRESS#PORT[,KEY],..., https://HOST/PATH nor submit:");
	}
	netlink_zone(z->engine->net, z, z->version == NULL);
}

int source_nameless(const struct zwork *z)
{
	char *path = mem_printf("%s/fetched-XXXXXX", z->engine->conf->signer.state_dir);
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

/* ---- files ---- */

struct stamp {
	int64_t mtime_ns, size;
	uint64_t dev, ino;
};

/* Follows symbolic links: swapping one is a change too.  A file that is not there has a stamp of zeroes. */
static int stamp_of(const char *path, struct stamp *out)
{
	struct stat st;

	*out = (struct stamp){ .size = 0 };
	if (stat(path, &st) != 0)
		return -1;
	*out = (struct stamp){ .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
			       .size = st.st_size, .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

static uint64_t add_stamp(uint64_t hash, const struct stamp *s)
{
	return XXH3_64bits_withSeed(s, sizeof(*s), hash);
}

/* All that was read, or is missing: its names, and its stamps as they were then. */
void source_files(struct zwork *z, const struct zone_files *read)
{
	struct source *s = &z->source;

	files_free(s);
	if (read->n > 1)
		s->files = mem_new(read->n, sizeof(*s->files));
	s->loaded = 0;
	for (size_t i = 0; i < read->n; i++) {
		const struct zone_file *f = &read->file[i];
		const struct stamp stamp = { .mtime_ns = f->mtime_ns, .size = f->size, .dev = f->dev, .ino = f->ino };

		if (read->n > 1)
			s->files[s->file_count++] = mem_strdup(f->path);
		s->loaded = add_stamp(s->loaded, &stamp);
	}
	s->seen = s->loaded;
}

static void look(struct zwork *z)
{
	struct source *s = &z->source;
	struct stamp stamp;
	uint64_t seen = 0;
	int64_t size = 0;

	if (stamp_of(s->path, &stamp) != 0) {
		if (s->exists || s->want_load)
			source_refused(z, "read when the file is there",
				       errno == ENOENT ? "the zone's file is not there" : strerror(errno));
		s->exists = false;
		s->want_load = false;
		s->seen = 0;
		return;
	}
	size = stamp.size;
	seen = add_stamp(0, &stamp); /* the first of all that is read */
	for (size_t i = 1; i < s->file_count; i++) {
		stamp_of(s->files[i], &stamp);
		seen = add_stamp(seen, &stamp);
	}
	if (!s->exists || s->seen != seen)
		s->changed_mono_ms = clock_mono_ms();
	s->exists = true;
	s->seen = seen;
	s->size = size;
}

/* Whether the file has not changed for so long; otherwise it is looked at again then. */
static bool is_quiet(struct zwork *z, int64_t for_ms)
{
	int64_t at = z->source.changed_mono_ms + for_ms;

	if (clock_mono_ms() >= at)
		return true;
	z->look_ms = at < z->look_ms ? at : z->look_ms;
	return false;
}

static void file_step(struct zwork *z)
{
	struct source *s = &z->source;

	look(z);
	if (!s->exists || (s->loaded == s->seen && !s->want_load)) {
		if (s->exists && s->error == NULL)
			s->confirmed_mono_ms = clock_mono_ms();
		return;
	}
	if (!is_quiet(z, s->hasty ? SOURCE_QUIET_MS : SOURCE_SOON_MS))
		return;
	s->loaded = s->seen;
	load_start(z);
}

bool source_settled(struct zwork *z)
{
	struct source *s = &z->source;

	if (s->kind != SOURCE_FILE)
		return true;
	look(z);
	if (s->exists && s->loaded != s->seen) {
		s->hasty = true;
		content_free(z->loaded);
		z->loaded = NULL;
		zwork_poke(z);
		return false;
	}
	if (!is_quiet(z, SOURCE_QUIET_MS))
		return false;
	s->hasty = false;
	return true;
}

bool source_unsettled(struct zwork *z)
{
	struct source *s = &z->source;

	look(z);
	s->hasty = !s->hasty && (s->loaded != s->seen || !is_quiet(z, SOURCE_QUIET_MS));
	s->want_load = s->want_load || s->hasty;
	return s->hasty;
}

/* ---- a primary ---- */

bool source_takes_diffs(const struct zwork *z)
{
	const struct source *s = &z->source;

	return s->kind == SOURCE_PRIMARY && s->have_serial && !s->want_whole && z->version != NULL && z->damage == NULL &&
	       (z->input == NULL || !content_is_whole(z->input));
}

static void drop_stream(struct source *s)
{
	free(s->stream);
	s->stream = NULL;
}

static void https_source_step(struct zwork *z)
{
	if (z->source.want_load)
		https_refresh(z, true);
	z->source.want_load = false;
	if (https_has_text(z))
		load_start(z);
	else
		https_step(z);
}

static void submit_source_step(struct zwork *z)
{
	if (z->source.want_load)
		submit_again(z);
	z->source.want_load = false;
	if (submit_has_text(z))
		load_start(z);
	else
		submit_step(z);
}

static void primary_step(struct zwork *z)
{
	struct source *s = &z->source;

	if (s->stream == NULL)
		return;
	if (s->diff && (!source_takes_diffs(z) || s->diff_from != s->input_serial))
		source_misfit(z);
	else
		load_start(z);
}

void source_misfit(struct zwork *z)
{
	drop_stream(&z->source);
	if (z->source.kind == SOURCE_FILE)
		z->source.want_load = true;
	else if (z->source.kind == SOURCE_HTTPS)
		https_refresh(z, true);
	else if (z->source.kind == SOURCE_SUBMIT)
		submit_again(z);
	else
		netlink_zone(z->engine->net, z, true);
	zwork_poke(z);
}

void source_published(struct zwork *z)
{
	if (z->source.kind == SOURCE_PRIMARY)
		netlink_zone(z->engine->net, z, false);
}

void source_step(struct zwork *z)
{
	if (z->loading || z->loaded != NULL || z->plan == NULL || z->gone)
		return;
	if (borrow_has_text(z))
		load_start(z);
	else if (z->source.kind == SOURCE_FILE)
		file_step(z);
	else if (z->source.kind == SOURCE_PRIMARY)
		primary_step(z);
	else if (z->source.kind == SOURCE_HTTPS)
		https_source_step(z);
	else if (z->source.kind == SOURCE_SUBMIT)
		submit_source_step(z);
}

void source_refresh(struct zwork *z)
{
	struct source *s = &z->source;

	if (s->kind == SOURCE_PRIMARY)
		netlink_zone(z->engine->net, z, true);
	else if (s->kind == SOURCE_FILE && z->input == NULL && !z->loading)
		source_step(z);
	else if (s->kind == SOURCE_HTTPS)
		https_refresh(z, false);
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
	if (z->source.kind == SOURCE_SUBMIT)
		return submit_is_current(z);
	if (z->lag != NULL)
		return false; /* it has not given what we have */
	return z->source.confirmed_mono_ms != 0 && z->source.confirmed_mono_ms >= since_ms;
}

static void given(struct zwork *z)
{
	z->source.confirmed_mono_ms = clock_mono_ms();
	zwork_say(&z->source.expired, NULL);
	zwork_poke(z);
}

void source_stream(struct zwork *z, uint32_t serial, uint8_t *stream, size_t len)
{
	struct source *s = &z->source;

	(void)serial; /* the SOA inside counts */
	drop_stream(s);
	s->stream = stream;
	s->stream_len = len;
	s->diff = false;
	s->want_whole = false;
	given(z);
}

/* Differences that follow on one another are one stream (zone_diff.h). */
void source_diff(struct zwork *z, uint32_t from, uint32_t serial, uint8_t *stream, size_t len)
{
	struct source *s = &z->source;

	if (s->stream == NULL) {
		s->stream = stream;
		s->stream_len = len;
		s->diff = true;
		s->diff_from = from;
		s->diff_to = serial;
	} else if (s->diff && s->diff_to == from) {
		s->stream = mem_grow(s->stream, s->stream_len + len, 1);
		memcpy(s->stream + s->stream_len, stream, len);
		s->stream_len += len;
		s->diff_to = serial;
		free(stream);
	} else {
		s->look_again = true;
		free(stream);
	}
	given(z);
}

void source_same(struct zwork *z, uint32_t serial)
{
	if (z->source.have_serial && z->source.input_serial == serial) {
		z->source.confirmed_mono_ms = clock_mono_ms();
		if (z->source.error != NULL)
			source_accepted(z);
	}
	zwork_say(&z->source.expired, NULL);
	if (z->lag != NULL && z->source.have_serial && z->source.input_serial == serial)
		source_again(z); /* it has caught up, if what it has under this serial is the same */
	zwork_poke(z);
}

void source_failed(struct zwork *z, const char *why, int64_t retry_s)
{
	char at[CLOCK_TEXT_LEN], next[64];

	snprintf(next, sizeof(next), "next try at %s", clock_text(clock_now_s() + retry_s, at));
	source_refused(z, next, why);
}

void source_expired(struct zwork *z, int64_t expire_s)
{
	zwork_say(&z->source.expired, "no primary has confirmed the zone for %" PRId64 " s (SOA expire)", expire_s);
	log_event(LOG_ERROR, "source-expired", "zone=%s source=%s msg=%s; the version before stays served and fresh", z->name,
		  z->source.text, z->source.expired);
	zwork_tell(z);
}
