/* SPDX-License-Identifier: BSD-3-Clause */
/* directives: $ORIGIN and $TTL (RFC 1035 section 5.1, RFC 2308 section 4). */
#include "audit/directives.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Some signers write a label that begins with $ without a backslash. */
bool directives_is(const uint8_t *p, size_t len)
{
	static const char *const words[] = { "$ORIGIN", "$TTL", "$INCLUDE", "$GENERATE" };

	if (len == 0 || *p != '$')
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);

		if (len > n && strncasecmp((const char *)p, words[i], n) == 0 && strchr(" \t", p[n]) != NULL)
			return true;
	}
	return false;
}

int directives_take(struct directives *d, const uint8_t *p, size_t len, size_t line, struct err *e)
{
	char text[2048], *save = NULL, *word, *value;

	snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)p);
	word = strtok_r(text, " \t\r\n;", &save);
	value = strtok_r(NULL, " \t\r\n;", &save);
	if (word != NULL && value != NULL && strcasecmp(word, "$TTL") == 0) {
		const char *end;

		d->ttl = ldns_str2period(value, &end);
		return *end == '\0' ? 0 : err_set(e, ERR_SYNTAX, "line %zu: $TTL %s", line, value);
	}
	if (word != NULL && value != NULL && strcasecmp(word, "$ORIGIN") == 0) {
		uint8_t name[NAME_MAX_OCTETS];
		size_t n = name_from_text(value, name, e), own = name_length(d->origin, sizeof(d->origin));
		bool absolute = value[strlen(value) - 1] == '.';

		if (n == 0 || (!absolute && n - 1 + own > NAME_MAX_OCTETS))
			return err_set(e, ERR_SYNTAX, "line %zu: $ORIGIN %s", line, value);
		if (!absolute) {
			memcpy(name + n - 1, d->origin, own);
			n += own - 1;
		}
		memcpy(d->origin, name, n);
		return 0;
	}
	return err_set(e, ERR_SYNTAX, "line %zu: %.20s is not supported", line,
		       word != NULL ? word : "$");
}
