/* SPDX-License-Identifier: BSD-3-Clause */
/* path: finds a request's row.  Paths are split before they are decoded: a zone's name may hold a slash (RFC
 * 2317). */
#include "http/path.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *path_decode(struct arena *arena, const char *text, size_t len)
{
	char *out = arena_alloc(arena, len + 1, 1), *to = out;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%') {
			int high = -1, low = -1;

			if (len - i >= 3) {
				high = hex_value(text[i + 1]);
				low = hex_value(text[i + 2]);
			}
			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return NULL;
			*to++ = (char)(high << 4 | low);
			i += 2;
		} else {
			*to++ = text[i];
		}
	}
	*to = '\0';
	return out;
}

static bool match(const char *pattern, const char *path, struct arena *arena,
		  const char *segment[HTTP_SEGMENTS])
{
	size_t n = 0;

	while (*pattern == '/' && *path == '/') {
		size_t plen = strcspn(++pattern, "/"), len = strcspn(++path, "/");

		if (pattern[0] == '{') {
			const char *text =
				len > 0 && n < HTTP_SEGMENTS ? path_decode(arena, path, len) : NULL;

			if (text == NULL)
				return false;
			segment[n++] = text;
		} else if (plen != len || strncmp(pattern, path, len) != 0) {
			return false;
		}
		pattern += plen;
		path += len;
	}
	return *pattern == '\0' && *path == '\0';
}

enum path_match path_find(const struct http_route *routes, size_t n, const char *method, const char *path,
			  struct arena *arena, const struct http_route **route,
			  const char *segment[HTTP_SEGMENTS])
{
	enum path_match found = PATH_NO;

	for (size_t i = 0; i < n; i++) {
		memset(segment, 0, HTTP_SEGMENTS * sizeof(*segment));
		if (!match(routes[i].pattern, path, arena, segment))
			continue;
		if (strcmp(routes[i].method, method) == 0) {
			*route = &routes[i];
			return PATH_YES;
		}
		found = PATH_OTHER_METHOD;
	}
	return found;
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

char *http_path(const char *fmt, ...)
{
	size_t len = strlen(fmt) + 1;
	char *out, *to;
	va_list ap;

	va_start(ap, fmt);
	for (const char *p = strstr(fmt, "%s"); p != NULL; p = strstr(p + 2, "%s"))
		len += 3 * strlen(va_arg(ap, const char *));
	va_end(ap);
	out = to = mem_new(len, 1);
	va_start(ap, fmt);
	for (const char *p = fmt; *p != '\0'; p++) {
		if (p[0] != '%' || p[1] != 's') {
			*to++ = *p;
			continue;
		}
		for (const char *word = va_arg(ap, const char *); *word != '\0'; word++) {
			static const char hex[] = "0123456789ABCDEF";

			if (is_unreserved(*word)) {
				*to++ = *word;
			} else {
				*to++ = '%';
				*to++ = hex[(unsigned char)*word >> 4];
				*to++ = hex[(unsigned char)*word & 15];
			}
		}
		p++;
	}
	va_end(ap);
	*to = '\0';
	return out;
}
