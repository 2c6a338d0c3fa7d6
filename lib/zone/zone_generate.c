/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zone_generate: $GENERATE START-STOP[/STEP] OWNER [TTL] [class] TYPE RDATA, as BIND has it: "$" in owner and
 * rdata is the number, ${OFFSET[,WIDTH[,BASE]]} the number moved and formatted (d o x X, n N for nibbles),
 * "$$" and "\$" a dollar.  An offset holds for each "$" behind it in the same owner or rdata, as in BIND, which does not say
 * so.  RDATA of several words stands in quotes, or as it is.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "zone/zone_text.h"

#define WIDTH_MAX 255
#define LINE_ROOM ((size_t)UINT16_MAX) /* of a line that is made */

struct range {
	int start, stop, step;
};

static bool read_range(const struct token *k, struct range *r)
{
	char text[64];
	int end = 0;

	r->step = 1;
	if (k->quoted || !token_copy(k, text, sizeof(text)) || text[strspn(text, "0123456789-/")] != '\0')
		return false;
	if (sscanf(text, "%9d-%9d/%9d%n", &r->start, &r->stop, &r->step, &end) != 3 &&
	    sscanf(text, "%9d-%9d%n", &r->start, &r->stop, &end) != 2)
		return false;
	return (size_t)end == strlen(text) && r->start >= 0 && r->stop >= r->start && r->step >= 1;
}

/* Hexadecimal digits from the lowest up, with dots between; width counts the dots. */
static void put_nibbles(struct wr *w, unsigned value, unsigned width, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	do {
		wr_u8(w, (uint8_t)digits[value & 15]);
		value >>= 4;
		width -= width > 0;
		if (width > 0 || value != 0) {
			wr_u8(w, '.');
			width -= width > 0;
		}
	} while (value != 0 || width > 0);
}

static void put_number(struct wr *w, int value, unsigned width, char base)
{
	char text[WIDTH_MAX + 32];
	int len;

	switch (base) {
	case 'o':
		len = snprintf(text, sizeof(text), "%0*o", (int)width, (unsigned)value);
		break;
	case 'x':
		len = snprintf(text, sizeof(text), "%0*x", (int)width, (unsigned)value);
		break;
	case 'X':
		len = snprintf(text, sizeof(text), "%0*X", (int)width, (unsigned)value);
		break;
	default:
		len = snprintf(text, sizeof(text), "%0*d", (int)width, value);
		break;
	}
	wr_bytes(w, text, (size_t)len);
}

static bool is_number(int value, int offset)
{
	return (int64_t)value + offset >= 0 && (int64_t)value + offset <= INT_MAX;
}

/* {OFFSET[,WIDTH[,BASE]]} at text; returns its length, 0 when it is wrong. */
static size_t put_formatted(struct wr *w, const char *text, size_t len, int value, int *offset)
{
	char copy[64], base = 'd';
	const char *close = memchr(text, '}', len);
	int end = 0;
	unsigned width = 0;
	size_t n;

	if (close == NULL || (n = (size_t)(close - text) + 1) >= sizeof(copy))
		return 0;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if ((sscanf(copy, "{%9d}%n", offset, &end) != 1 || end == 0) &&
	    (sscanf(copy, "{%9d,%9u}%n", offset, &width, &end) != 2 || end == 0) &&
	    (sscanf(copy, "{%9d,%9u,%1[doxXnN]}%n", offset, &width, (char[2]){ 0 }, &end) != 3 || end == 0))
		return 0;
	if (width > WIDTH_MAX || !is_number(value, *offset))
		return 0;
	if (strchr(copy, ',') != NULL && strchr(copy, ',') != strrchr(copy, ','))
		base = strrchr(copy, ',')[1];
	if (base == 'n' || base == 'N')
		put_nibbles(w, (unsigned)(value + *offset), width, base == 'N');
	else
		put_number(w, value + *offset, width, base);
	return n;
}

/* Puts text with the number in place of each "$". */
static int put_filled(struct wr *w, const char *text, size_t len, int value, struct err *e)
{
	int offset = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\' && i + 1 < len) {
			wr_bytes(w, text + i++, 2);
		} else if (text[i] != '$') {
			wr_u8(w, (uint8_t)text[i]);
		} else if (i + 1 < len && text[i + 1] == '$') {
			wr_u8(w, '$');
			i++;
		} else if (i + 1 < len && text[i + 1] == '{') {
			size_t took = put_formatted(w, text + i + 1, len - i - 1, value, &offset);

			if (took == 0)
				return err_set(e, ERR_SYNTAX,
					       "$GENERATE: wrong ${OFFSET,WIDTH,BASE}, or a number below 0");
			i += took;
		} else {
			put_number(w, value + offset, 0, 'd'); /* is_number, or the offset would have been refused */
		}
	}
	return w->bad ? err_set(e, ERR_LIMIT, "$GENERATE: line too long") : 0;
}

/* Everything behind the owner as text: TTL, class and type as they are, rdata out of its quotes when it is
 * one quoted token. */
static char *rest_of(const struct lexer *l, size_t from)
{
	size_t room = 1;
	char *rest, *p;

	for (size_t i = from; i < l->n; i++)
		room += l->tokens[i].len + 3;
	p = rest = mem_new(1, room);
	for (size_t i = from; i < l->n; i++) {
		const struct token *k = &l->tokens[i];
		bool single = k->quoted && i + 1 == l->n && !l->tokens[i - 1].quoted && l->n - from <= 4;

		if (!k->joined)
			*p++ = ' ';
		if (k->quoted && !single)
			*p++ = '"';
		for (uint32_t c = 0; c < k->len; c++) {
			if (single && k->text[c] == '\\' && c + 1 < k->len && k->text[c + 1] == '"')
				c++; /* an escaped quote becomes a quote, since the text is read once more */
			*p++ = k->text[c];
		}
		if (k->quoted && !single)
			*p++ = '"';
	}
	*p = '\0';
	return rest;
}

static int generate_one(struct zone_text *t, const struct token *owner, const char *rest, int value,
			uint32_t column, uint8_t *line, struct err *e)
{
	struct lexer l = { .all = true, .line = t->line, .column = column };
	struct wr w = wr_of(line, LINE_ROOM);
	const char *p = (const char *)line;
	int rc;

	if (put_filled(&w, owner->text, owner->len, value, e) != 0)
		return -1;
	wr_u8(&w, ' ');
	if (put_filled(&w, rest, strlen(rest), value, e) != 0)
		return -1;
	wr_u8(&w, '\n');
	if (w.bad)
		return err_set(e, ERR_LIMIT, "$GENERATE: makes a line that is too long");
	if (line[0] != '\n' && memchr(line, '\n', w.at - 1) == NULL && (rc = zone_text_plain(t, &p, e)) != 0) {
		t->line = l.line;
		return rc < 0 ? -1 : 0;
	}
	l.p = (const char *)line;
	l.end = l.p + w.at;
	rc = -1;
	if (lexer_next(&l, e) != 1 || l.p != l.end)
		err_set(e, ERR_SYNTAX, "$GENERATE: makes no single line");
	else if (l.n < 2)
		err_set(e, ERR_SYNTAX, "$GENERATE takes a range, an owner, a type and rdata");
	else
		rc = zone_text_record(t, &l, e);
	lexer_fini(&l);
	return rc;
}

int zone_text_generate(struct zone_text *t, const struct lexer *l, struct err *e)
{
	struct place place = zone_text_place(t, l, &l->tokens[0]);
	struct text_saved saved;
	uint32_t line = t->line;
	struct range r;
	uint8_t *room;
	char *rest;
	int rc = 0;

	if (l->n < 5)
		return place_err(e, ERR_SYNTAX, place, "$GENERATE takes a range, an owner, a type and rdata");
	if (!read_range(&l->tokens[1], &r))
		return place_err(e, ERR_SYNTAX, zone_text_place(t, l, &l->tokens[1]),
				 "$GENERATE: range must be START-STOP or START-STOP/STEP");
	if ((r.stop - r.start) / r.step >= GENERATE_MAX)
		return place_err(e, ERR_LIMIT, zone_text_place(t, l, &l->tokens[1]), "$GENERATE makes more than %d records",
				 GENERATE_MAX);
	zone_text_save(t, &saved);
	rest = rest_of(l, 3);
	room = mem_new(1, LINE_ROOM + INPUT_PAD);
	t->line = place.line; /* the records have the place of the directive */
	for (int i = 0; rc == 0 && i <= (r.stop - r.start) / r.step; i++)
		rc = generate_one(t, &l->tokens[2], rest, r.start + i * r.step, place.column, room, e);
	free(room);
	free(rest);
	t->line = line;
	zone_text_restore(t, &saved);
	if (rc != 0 && e != NULL && strstr(e->text, "$GENERATE") == e->text)
		place_ctx(e, place);
	return rc;
}
