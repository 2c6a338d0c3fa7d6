/* SPDX-License-Identifier: BSD-3-Clause */
/* cut_text: a zone file (RFC 1035 section 5) cut where an owner is stated, with what $ORIGIN and $TTL say there.  Nowhere else:
 * behind a directive a record may have the owner of the one before. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena/arena.h"
#include "audit/directives.h"
#include "audit/reading.h"

/* A record, or the whole of what stands before a cut. */
#define LINE_MAX_OCTETS (1024u * 1024)

struct cutting {
	struct reading *r;
	struct zone_source *source;
	struct directives said;
	size_t line;     /* number of the line at which the batch begins */
	size_t now_line; /* number of the line that is looked at */
	struct batch *b; /* being filled */
	bool quoted;
	size_t depth;
};

static void begin(struct cutting *c)
{
	c->b = batch_new(c->source, BATCH_OCTETS + LINE_MAX_OCTETS);
	c->b->said = c->said;
	c->b->line = c->now_line;
}

static int push(struct cutting *c)
{
	struct batch *b = c->b;

	c->b = NULL;
	if (b->len == 0) {
		batch_free(b);
		begin(c);
		return 0;
	}
	if (reading_push(c->r, b) != 0)
		return -1;
	begin(c);
	return 0;
}

/* Whether a line states its TTL, so that it does not need the record before: a number follows the owner, or
 * IN. */
static bool states_ttl(const uint8_t *p, size_t len)
{
	size_t at = 0;

	for (int word = 0; word < 3; word++) {
		if (word > 0 && at < len && p[at] >= '0' && p[at] <= '9')
			return true;
		while (at < len && p[at] != ' ' && p[at] != '\t')
			at++;
		while (at < len && (p[at] == ' ' || p[at] == '\t'))
			at++;
	}
	return false;
}

size_t text_run(const uint8_t *p, size_t len)
{
	static const bool ends[256] = { ['\\'] = true, ['"'] = true,  [';'] = true,  ['('] = true,
					[')'] = true,  ['\n'] = true, ['\r'] = true, ['\0'] = true };
	size_t n = 0;

	while (n < len && !ends[p[n]])
		n++;
	return n;
}

/* One physical line, newline included.  Only where no parenthesis or quote is open does a record begin. */
static int take_line(struct cutting *c, const uint8_t *p, size_t len, struct err *e)
{
	bool begins = c->depth == 0 && !c->quoted;

	const bool said = begins && directives_is(p, len);

	if (begins && !said && c->b->len >= BATCH_OCTETS && strchr(" \t\r\n;", *p) == NULL &&
	    (c->said.ttl != TTL_UNKNOWN || states_ttl(p, len)) && push(c) != 0)
		return -1;
	if (said && directives_take(&c->said, p, len, c->now_line, e) != 0)
		return -1;
	if (c->b->len + len > BATCH_OCTETS + LINE_MAX_OCTETS)
		return err_set(e, ERR_LIMIT,
			       "line %zu: a record or the records of an owner are longer than %u octets",
			       c->b->line, LINE_MAX_OCTETS);
	memcpy(c->b->data + c->b->len, p, len);
	c->b->len += len;
	c->now_line++;
	if (said)
		return 0;
	for (size_t i = text_run(p, len); i < len; i += 1 + text_run(p + i + 1, len - i - 1)) {
		if (p[i] == '\\')
			i++;
		else if (p[i] == '"')
			c->quoted = !c->quoted;
		else if (!c->quoted && p[i] == ';')
			break;
		else if (!c->quoted && p[i] == '(')
			c->depth++;
		else if (!c->quoted && p[i] == ')' && c->depth > 0)
			c->depth--;
	}
	return 0;
}

/* Whole lines of what was read; the number of octets used, or -1. */
static ssize_t take_lines(struct cutting *c, const uint8_t *p, size_t len, struct err *e)
{
	size_t at = 0;

	while (at < len) {
		const uint8_t *end = memchr(p + at, '\n', len - at);

		if (end == NULL)
			break;
		if (take_line(c, p + at, (size_t)(end - p) - at + 1, e) != 0)
			return -1;
		at = (size_t)(end - p) + 1;
	}
	return (ssize_t)at;
}

int cut_text(struct reading *r, struct zone_source *source, const uint8_t *zone, struct err *e)
{
	struct cutting c = { .r = r, .source = source, .said.ttl = TTL_UNKNOWN, .now_line = 1 };
	uint8_t *buf = mem_new(1, LINE_MAX_OCTETS);
	size_t used = 0, total = 0;
	ssize_t n, took = 0;

	memcpy(c.said.origin, zone, name_length(zone, NAME_MAX_OCTETS));
	begin(&c);
	while ((n = read(source->fd, buf + used, LINE_MAX_OCTETS - used)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			took = err_errno(e, "reading");
			break;
		}
		total += (size_t)n;
		used += (size_t)n;
		if ((took = take_lines(&c, buf, used, e)) < 0)
			break;
		memmove(buf, buf + took, used -= (size_t)took);
		if (used == LINE_MAX_OCTETS) {
			took = err_set(e, ERR_LIMIT, "line %zu is longer than %u octets", c.now_line,
				       LINE_MAX_OCTETS);
			break;
		}
	}
	if (took >= 0 && push(&c) != 0)
		took = -1;
	batch_free(c.b);
	free(buf);
	if (took >= 0 && (total == 0 || used > 0 || c.depth > 0 || c.quoted))
		snprintf(source->incomplete, sizeof(source->incomplete), "%s",
			 total == 0 ? "it is empty"
			 : used > 0 ? "the last line has no newline"
				    : "a parenthesis or quote is open at the end");
	return took < 0 ? -1 : 0;
}
