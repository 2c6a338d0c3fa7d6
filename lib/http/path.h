/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_HTTP_PATH_H
#define DUET_HTTP_PATH_H

#include "http/http.h"

/* path - request paths against route patterns; percent-decoding.  Used by the server and its fuzz harness. */

enum path_match { PATH_NO, PATH_OTHER_METHOD, PATH_YES };

/* Decodes %XX; NULL for a broken escape or a NUL octet. */
char *path_decode(struct arena *arena, const char *text, size_t len);
/* Looks a request up.  PATH_YES: *route and segment[] are set.  PATH_OTHER_METHOD: the path is known, the
 * method is not. */
enum path_match path_find(const struct http_route *routes, size_t n, const char *method, const char *path,
			  struct arena *arena, const struct http_route **route,
			  const char *segment[HTTP_SEGMENTS]);

#endif
