/* SPDX-License-Identifier: BSD-3-Clause */
/* token: numbers, times, names and strings from one token of master file text. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "dname/dname.h"
#include "rrset/rdata_text.h"

bool token_is(const struct token *t, const char *word)
{
	return !t->quoted && strlen(word) == t->len && strncasecmp(t->text, word, t->len) == 0;
}

bool token_number(const struct token *t, uint64_t most, uint64_t *out)
{
	uint64_t v = 0;

	if (t->quoted || t->len == 0 || t->len > 18)
		return false;
	for (uint32_t i = 0; i < t->len; i++) {
		if (t->text[i] < '0' || t->text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(t->text[i] - '0');
	}
	*out = v;
	return v <= most;
}

static uint64_t unit_seconds(char c)
{
	switch (c) {
	case 'w':
	case 'W':
		return 604800;
	case 'd':
	case 'D':
		return 86400;
	case 'h':
	case 'H':
		return 3600;
	case 'm':
	case 'M':
		return 60;
	case 's':
	case 'S':
		return 1;
	default:
		return 0;
	}
}

bool token_ttl(const struct token *t, uint32_t *out)
{
	uint64_t sum = 0, part = 0;
	bool digits = false;

	if (token_number(t, UINT32_MAX, &sum)) {
		*out = (uint32_t)sum;
		return true;
	}
	sum = 0;
	if (t->quoted || t->len == 0 || t->len > 64)
		return false;
	for (uint32_t i = 0; i < t->len; i++) {
		char c = t->text[i];

		if (c >= '0' && c <= '9') {
			part = part * 10 + (uint64_t)(c - '0');
			digits = true;
		} else if (digits && unit_seconds(c) != 0) {
			sum += part * unit_seconds(c);
			part = 0;
			digits = false;
		} else {
			return false;
		}
		if (part > UINT32_MAX || sum > UINT32_MAX)
			return false;
	}
	*out = (uint32_t)sum;
	return !digits; /* a number behind the last unit has none */
}

int token_name(const struct token *t, const uint8_t *origin, uint8_t *out, struct err *e)
{
	if (t->quoted)
		return rdata_bad(t, "a name without quotes", e);
	if (t->len == 1 && t->text[0] == '@') {
		memcpy(out, origin, dname_len(origin));
		return 0;
	}
	return dname_from_text_at(t->text, t->len, origin, out, e);
}

bool token_copy(const struct token *t, char *out, size_t room)
{
	if (t->len >= room)
		return false;
	memcpy(out, t->text, t->len);
	out[t->len] = '\0';
	return true;
}

bool token_octets(const struct token *t, uint8_t *out, size_t room, size_t *len)
{
	size_t n = 0;

	for (uint32_t i = 0; i < t->len; i++) {
		uint8_t c = (uint8_t)t->text[i];

		if (c == '\\') {
			if (++i == t->len)
				return false;
			c = (uint8_t)t->text[i];
			if (isdigit(c)) {
				unsigned v;

				if (t->len - i < 3 || !isdigit((unsigned char)t->text[i + 1]) ||
				    !isdigit((unsigned char)t->text[i + 2]))
					return false;
				v = (unsigned)(c - '0') * 100 + (unsigned)(t->text[i + 1] - '0') * 10 +
				    (unsigned)(t->text[i + 2] - '0');
				if (v > 255)
					return false;
				c = (uint8_t)v;
				i += 2;
			}
		}
		if (n == room)
			return false;
		out[n++] = c;
	}
	*len = n;
	return true;
}

const struct token *rdata_next(struct rdata_text *t, const char *what, struct err *e)
{
	if (t->at == t->n) {
		err_set(e, ERR_SYNTAX, "rdata ends where %s is expected", what);
		return NULL;
	}
	return &t->tokens[t->at++];
}

int rdata_bad(const struct token *t, const char *what, struct err *e)
{
	int shown = t->len > 60 ? 60 : (int)t->len;

	return err_set(e, ERR_SYNTAX, "\"%.*s%s\" is not %s", shown, t->text, t->len > 60 ? "..." : "", what);
}
