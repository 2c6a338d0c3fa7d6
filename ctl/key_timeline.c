/* SPDX-License-Identifier: BSD-3-Clause */
/* key_timeline: a chart of a zone's keys: one row per record, one column per instant at which something changed or will. */
#include "ctl/command.h"

#include "clock/clock.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 26 /* they are called by letters */
#define INSTANTS_MAX 4096
#define LABEL       26

struct chart {
	json_int_t now;
	json_int_t at[INSTANTS_MAX]; /* ascending, each once; now is one of them */
	size_t n, first;             /* first: the column that is drawn first */
};

static const char *const records[] = { "dnskey", "zone", "ds" };
#define RECORDS (sizeof(records) / sizeof(records[0]))

/* ---- instants ---- */

static void add_instant(struct chart *c, json_int_t at)
{
	size_t i = c->n;

	while (i > 0 && c->at[i - 1] > at)
		i--;
	if (c->n == INSTANTS_MAX || (i > 0 && c->at[i - 1] == at))
		return;
	memmove(c->at + i + 1, c->at + i, (c->n - i) * sizeof(c->at[0]));
	c->at[i] = at;
	c->n++;
}

static void read_instants(struct chart *c, const json_t *keys)
{
	const json_t *k, *step;
	size_t i, j;

	add_instant(c, c->now);
	json_array_foreach(keys, i, k)
		for (size_t r = 0; r < RECORDS; r++)
			json_array_foreach(jlist(json_object_get(k, "records"), records[r]), j, step)
				add_instant(c, jint(step, "at", 0));
	/* What is long past makes room. */
	for (i = 0; c->at[i] != c->now; i++)
		;
	c->first = c->n <= COLUMNS_MAX ? 0 : c->n - COLUMNS_MAX < i ? c->n - COLUMNS_MAX : i;
	if (c->n > c->first + COLUMNS_MAX)
		c->n = c->first + COLUMNS_MAX;
}

/* Letters, but for the instant that is now. */
static char letter(const struct chart *c, size_t column)
{
	size_t before = column - c->first;

	if (c->at[column] == c->now)
		return '|';
	if (c->at[column] > c->now)
		before--;
	return (char)('a' + before);
}

/* ---- rows ---- */

static char glyph(const char *phase)
{
	return strcmp(phase, "rumoured") == 0      ? '/'
	       : strcmp(phase, "omnipresent") == 0 ? '#'
	       : strcmp(phase, "unretentive") == 0 ? '\\'
						   : '.';
}

static char glyph_at(const json_t *steps, json_int_t at)
{
	char shown = '.';
	const json_t *step;
	size_t i;

	json_array_foreach(steps, i, step)
		if (jint(step, "at", 0) <= at)
			shown = glyph(jtext(step, "phase"));
	return shown;
}

static void key_name(const json_t *k, char out[LABEL + 1])
{
	if (jbool(k, "new"))
		snprintf(out, LABEL + 1, "new %.4s/%lld", jtext(k, "role"), (long long)jint(k, "algorithm", 0));
	else
		snprintf(out, LABEL + 1, "%lld/%lld %.4s", (long long)jint(k, "tag", 0), (long long)jint(k, "algorithm", 0),
			 jtext(k, "role"));
}

static void print_key(const struct chart *c, const json_t *k)
{
	char name[LABEL + 1];
	bool first = true;

	key_name(k, name);
	for (size_t r = 0; r < RECORDS; r++) {
		const json_t *steps = json_object_get(json_object_get(k, "records"), records[r]);

		if (steps == NULL)
			continue;
		printf("%-16s %-7s ", first ? name : "", records[r]);
		for (size_t i = c->first; i < c->n; i++) {
			const char g = glyph_at(steps, c->at[i]);

			printf("%c%c%c", c->at[i] == c->now ? '|' : g, g, g);
		}
		putchar('\n');
		first = false;
	}
}

/* ---- what the letters mean ---- */

static void print_changes(const json_t *keys, json_int_t at)
{
	const json_t *k, *step;
	const char *between = "";
	size_t i, j;

	json_array_foreach(keys, i, k)
		for (size_t r = 0; r < RECORDS; r++)
			json_array_foreach(jlist(json_object_get(k, "records"), records[r]), j, step)
			{
				char name[LABEL + 1];

				if (jint(step, "at", 0) != at)
					continue;
				key_name(k, name);
				printf("%s%s: %s %s", between, name, records[r], jtext(step, "phase"));
				between = "; ";
			}
}

static void print_legend(const struct chart *c, const json_t *keys)
{
	for (size_t i = c->first; i < c->n; i++) {
		char text[CLOCK_TEXT_LEN], when[CTL_WHEN_LEN];

		printf("%c  %s  %-12s ", letter(c, i), clock_text(c->at[i], text),
		       c->at[i] == c->now ? "now" : ctl_when(c->at[i], c->now, when));
		print_changes(keys, c->at[i]);
		putchar('\n');
	}
}

void ctl_print_timeline(const json_t *answer)
{
	static struct chart c;
	const json_t *keys = jlist(answer, "keys"), *k;
	size_t i;

	c = (struct chart){ .now = jint(answer, "now", 0) };
	read_instants(&c, keys);
	printf("%-24s ", "");
	for (i = c.first; i < c.n; i++)
		printf("%c  ", letter(&c, i));
	putchar('\n');
	json_array_foreach(keys, i, k) print_key(&c, k);
	printf("\n/ comes in   # everywhere   \\ goes out   . not there   (left of | seen, right of it expected at the earliest)\n");
	print_legend(&c, keys);
	if (jbool(answer, "needs_word"))
		printf("then a step waits for your word: duetctl key release\n");
	else if (!jbool(answer, "whole"))
		printf("and more follows\n");
}

int cmd_key_timeline(struct ctl *c)
{
	char *zone = ctl_zone_name(c->arg[0]);
	json_t *answer = NULL;
	int rc;

	rc = ctl_call(c, CTL_KEYDIST, "GET", http_path("/v1/zones/%s/timeline", zone), NULL, &answer);
	free(zone);
	if (rc != 0)
		return CTL_FAILED;
	if (!ctl_json(c, answer)) {
		ctl_print_timeline(answer);
		json_decref(answer);
	}
	return CTL_DONE;
}
