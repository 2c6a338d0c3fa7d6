/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_text: zones and their differences as text, passed on as they come from the signer. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "http/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the text goes, and how much has come. */
struct taking {
	struct ctl *c;
	FILE *out;
	bool quiet; /* whoever waits sees it come */
	int64_t since_ms;
	unsigned long long octets;
};

static int take(void *ctx, const char *octets, size_t len)
{
	struct taking *t = ctx;

	t->octets += len;
	if (!t->quiet)
		ctl_progress(t->c, clock_mono_ms() - t->since_ms, "%llu MiB have come", t->octets >> 20);
	return fwrite(octets, 1, len, t->out) == len ? 0 : -1;
}

static int fetch(struct ctl *c, const char *path, FILE *out, struct err *e)
{
	struct taking t = { .c = c, .out = out, .quiet = out == stdout && isatty(STDOUT_FILENO), .since_ms = clock_mono_ms() };
	int rc = http_fetch(ctl_socket(c, CTL_SIGNER), path, CTL_TIMEOUT_MS, take, &t, e);

	ctl_progress_end(c);
	return rc;
}

/* To a file: written beside it and renamed, so that nobody reads half of it. */
static int fetch_file(struct ctl *c, const char *path, const char *file, struct err *e)
{
	char *part = mem_printf("%s.part", file);
	FILE *out = fopen(part, "we");
	int rc;

	if (out == NULL) {
		err_errno(e, "%s", part);
		free(part);
		return -1;
	}
	rc = fetch(c, path, out, e);
	if (fclose(out) != 0 && rc == 0)
		rc = err_errno(e, "%s", part);
	if (rc == 0 && rename(part, file) != 0)
		rc = err_errno(e, "%s", file);
	if (rc != 0)
		unlink(part);
	free(part);
	return rc;
}

static int fetch_json(struct ctl *c, const char *zone, const char *path, struct err *e)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int rc = fetch(c, path, out, e);

	fclose(out);
	if (rc == 0)
		ctl_json_new(c, json_pack("{s:s, s:s%}", "zone", zone, "text", text, len));
	free(text);
	return rc;
}

/* path is freed. */
static int give(struct ctl *c, const char *zone, char *path)
{
	const char *file = ctl_option(c, "out");
	struct err e;
	int rc;

	if (file != NULL)
		rc = fetch_file(c, path, file, &e);
	else if (c->json)
		rc = fetch_json(c, zone, path, &e);
	else
		rc = fetch(c, path, stdout, &e);
	if (rc != 0)
		ctl_fail(c, &e);
	else if (file != NULL && c->json)
		ctl_json_new(c, json_pack("{s:s, s:s}", "zone", zone, "file", file));
	free(path);
	return rc == 0 ? CTL_DONE : CTL_FAILED;
}

int cmd_zone_export(struct ctl *c)
{
	const char *stage = ctl_option(c, "stage"), *serial = ctl_option(c, "serial");
	char *zone, *path;
	int rc;

	if (stage != NULL && serial != NULL)
		return ctl_misuse(c->command, "--stage or --serial, not both");
	zone = ctl_zone_name(c->arg[0]);
	path = stage != NULL    ? http_path("/v1/zones/%s/export?stage=%s", zone, stage)
	       : serial != NULL ? http_path("/v1/zones/%s/export?serial=%s", zone, serial)
				: http_path("/v1/zones/%s/export", zone);
	rc = give(c, zone, path);
	free(zone);
	return rc;
}

int cmd_zone_diff(struct ctl *c)
{
	char *zone = ctl_zone_name(c->arg[0]);
	int rc = give(c, zone, http_path("/v1/zones/%s/diff?from=%s&to=%s", zone, c->arg[1], c->arg[2]));

	free(zone);
	return rc;
}
