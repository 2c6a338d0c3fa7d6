/* SPDX-License-Identifier: BSD-3-Clause */
/* body: members of a request's JSON object, with refusals that name the member. */
#include "http/http.h"

int http_text(const json_t *body, const char *name, const char **out, struct err *e)
{
	const json_t *v = json_object_get(body, name);

	if (v == NULL || json_is_null(v))
		return err_set(e, ERR_SYNTAX, "\"%s\" must be given", name);
	if (!json_is_string(v))
		return err_set(e, ERR_SYNTAX, "\"%s\" must be text", name);
	*out = json_string_value(v);
	return 0;
}

int http_text_or(const json_t *body, const char *name, const char *fallback, const char **out, struct err *e)
{
	const json_t *v = json_object_get(body, name);

	if (v != NULL && !json_is_null(v))
		return http_text(body, name, out, e);
	*out = fallback;
	return 0;
}

int http_bool_or(const json_t *body, const char *name, bool fallback, bool *out, struct err *e)
{
	const json_t *v = json_object_get(body, name);

	if (v != NULL && !json_is_null(v) && !json_is_boolean(v))
		return err_set(e, ERR_SYNTAX, "\"%s\" must be true or false", name);
	*out = v == NULL || json_is_null(v) ? fallback : json_is_true(v);
	return 0;
}

int http_int_or(const json_t *body, const char *name, json_int_t fallback, json_int_t least, json_int_t most,
		json_int_t *out, struct err *e)
{
	const json_t *v = json_object_get(body, name);

	if (v == NULL || json_is_null(v)) {
		*out = fallback;
		return 0;
	}
	if (!json_is_integer(v) || json_integer_value(v) < least || json_integer_value(v) > most)
		return err_set(e, ERR_SYNTAX, "\"%s\" must be a number from %lld to %lld", name,
			       (long long)least, (long long)most);
	*out = json_integer_value(v);
	return 0;
}
