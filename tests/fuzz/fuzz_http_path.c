/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_http_path: request paths against routes; a word that http_path wrote comes back as it was. */
#include "http/path.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_main.h"

static const struct http_route routes[] = {
	{ "GET", "/v1/status", 0, NULL },
	{ "GET", "/v1/zones/{zone}", 0, NULL },
	{ "POST", "/v1/zones/{zone}/keys/{hash}/export", 10, NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena *arena = arena_new();
	const struct http_route *route = NULL;
	const char *segment[HTTP_SEGMENTS];
	char *text = malloc(len + 1), *path;

	memcpy(text, data, len);
	text[len] = '\0';
	if (path_find(routes, 3, "GET", text, arena, &route, segment) == PATH_YES)
		assert(route != NULL && (route == routes || segment[0] != NULL));
	if (*text != '\0') {
		path = http_path("/v1/zones/%s", text);
		assert(path_find(routes, 3, "GET", path, arena, &route, segment) == PATH_YES);
		assert(strcmp(segment[0], text) == 0);
		free(path);
	}
	free(text);
	arena_free(arena);
	return 0;
}
