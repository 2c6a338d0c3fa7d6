/* SPDX-License-Identifier: BSD-3-Clause */
/* folder: one watcher for the folder of all zone files; what happens to a file is told to the zones that are read from it. */
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "signer/engine/zwork.h"

#define BUCKETS 4096

/* FNV-1a over the name, or the folder that it begins with. */
static size_t bucket(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name != '\0' && *name != '/'; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h % BUCKETS;
}

static struct zwork **slot(struct zwork *z)
{
	if (z->engine->files == NULL)
		z->engine->files = mem_new(BUCKETS, sizeof(struct zwork *));
	return &z->engine->files[bucket(z->source.text + strlen("file:"))];
}

void folder_add(struct zwork *z)
{
	struct zwork **at = slot(z);

	z->file_next = *at;
	*at = z;
}

void folder_remove(struct zwork *z)
{
	for (struct zwork **at = slot(z); *at != NULL; at = &(*at)->file_next)
		if (*at == z) {
			*at = z->file_next;
			return;
		}
}

static void on_folder(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct engine *e = event->data;
	struct zwork *z = name == NULL || e->files == NULL ? NULL : e->files[bucket(name)];
	bool known = false;

	(void)events;
	(void)status;
	for (; z != NULL; z = z->file_next) /* a look too many does no harm */
		if (strncmp(z->source.text + strlen("file:"), name, strlen(name)) == 0) {
			known = true;
			zwork_poke(z);
		}
	e->other_file = e->other_file || !known;
}

void folder_other(struct engine *e)
{
	if (!e->other_file)
		return;
	e->other_file = false;
	for (size_t i = 0; i < e->zone_count; i++) {
		const struct source *s = &e->zone[i]->source;

		if (s->kind == SOURCE_FILE && s->file_count > 1)
			zwork_poke(e->zone[i]);
	}
}

void folder_watch(struct engine *e)
{
	if (uv_fs_event_init(&e->loop, &e->folder) != 0)
		return; /* files are looked at in turn anyway */
	e->folder.data = e;
	if (uv_fs_event_start(&e->folder, on_folder, e->conf->signer.zones_dir, 0) != 0)
		log_event(LOG_WARNING, "watch", "folder=%s msg=no notice of changes: files are looked at in turn",
			  e->conf->signer.zones_dir);
}

void folder_end(struct engine *e)
{
	free(e->files);
	e->files = NULL;
}
