/* SPDX-License-Identifier: BSD-3-Clause */
/* key_files: private keys out of and into files, which the daemon opens. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cmd_key_export(struct ctl *c)
{
	const char *format = ctl_option(c, "format");
	json_t *body, *answer = NULL;
	const json_t *file;
	char *zone, *dir;
	size_t i;
	int rc;

	if (ctl_option(c, "dir") == NULL)
		return ctl_misuse(c->command, "--dir must be given; the daemon writes there");
	if (format != NULL && strcmp(format, "bind") != 0 && strcmp(format, "pem") != 0)
		return ctl_misuse(c->command, "--format %s: must be bind or pem", format);
	zone = ctl_zone_name(c->arg[0]);
	dir = ctl_absolute(ctl_option(c, "dir"));
	body = json_pack("{s:s, s:s}", "dir", dir, "format", format != NULL ? format : "bind");
	rc = ctl_call(c, CTL_KEYDIST, "POST", http_path("/v1/zones/%s/keys/%s/export", zone, c->arg[1]), body,
		      &answer);
	json_decref(body);
	free(zone);
	free(dir);
	if (rc != 0)
		return CTL_FAILED;
	if (!ctl_json(c, answer)) {
		json_array_foreach(jlist(answer, "files"), i, file)
			puts(json_string_value(file) != NULL ? json_string_value(file) : "");
		json_decref(answer);
	}
	return CTL_DONE;
}

int cmd_key_import(struct ctl *c)
{
	json_t *body, *files, *answer = NULL;
	long timeout_s;
	char *zone;
	int rc;

	if (ctl_seconds(c, "timeout", 120, &timeout_s) != 0)
		return CTL_MISUSED;
	if (ctl_flag(c, "public") && (ctl_option(c, "algorithm") != NULL || ctl_option(c, "role") != NULL))
		return ctl_misuse(c->command, "--public: algorithm and role are in the records");
	body = json_object();
	if (ctl_key_kind(c, body) != 0) {
		json_decref(body);
		return CTL_MISUSED;
	}
	files = json_array();
	for (int i = 1; i < c->args; i++) {
		char *path = ctl_absolute(c->arg[i]);

		json_array_append_new(files, json_string(path));
		free(path);
	}
	json_object_set_new(body, "files", files);
	zone = ctl_zone_name(c->arg[0]);
	rc = ctl_call(c, CTL_KEYDIST, "POST",
		      http_path("/v1/zones/%s/keys/%s", zone, ctl_flag(c, "public") ? "public" : "import"), body, &answer);
	json_decref(body);
	rc = rc != 0 ? CTL_FAILED : ctl_key_made(c, zone, answer, timeout_s, "taken in");
	json_decref(answer);
	free(zone);
	return rc;
}
