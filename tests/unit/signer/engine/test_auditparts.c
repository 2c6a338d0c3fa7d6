/* SPDX-License-Identifier: BSD-3-Clause */
/* Which pages an auditor gets of a version that shares pages with one that passed. */
#include "tests/unit/lib/store/lab.h"

#include <fcntl.h>

#include "signer/engine/auditjob.h"
#include "store/table.h"

/*
 * A table as text, a word a page: its first owner below the apex, "@" that itself; "#x" of NSEC3 records; "/1" a further part;
 * "-" no RRSIG is in it; "'" it is another page than that of the version before.
 */
#define WORD_MAX 64

static struct volumes volumes;
static uint32_t volume;

static int setup(void **state)
{
	uint64_t offset;

	if (lab_setup(state) != 0)
		return -1;
	volumes_init(&volumes, open(lab_dir, O_RDONLY | O_DIRECTORY));
	return volumes_append(&volumes, "page", 4, &volume, &offset, NULL);
}

static int teardown(void **state)
{
	volumes_fini(&volumes);
	return lab_teardown(state);
}

static void put(struct table_build *b, const char *word, uint64_t place)
{
	char owner[WORD_MAX + 16];
	uint8_t name[DNAME_MAX], key[DNAME_KEY_MAX];
	struct page_row row = { .chain = word[0] == '#' ? CHAIN_NSEC3 : CHAIN_NAMES, .key = key, .volume = volume, .len = 4,
				.records = 1, .rrsigs = strchr(word, '-') == NULL };
	const char *from = word + (word[0] == '#'), *part = strchr(word, '/');
	int len = (int)strcspn(from, "/-'");

	row.offset = place + (strchr(word, '\'') != NULL ? 1000000 : 0);
	row.part = part == NULL ? 0 : (uint16_t)atoi(part + 1);
	row.earliest = row.rrsigs > 0 ? 1000 : INT64_MAX;
	snprintf(owner, sizeof(owner), from[0] == '@' ? "example." : "%.*s.example.", len, from);
	assert_int_equal(dname_from_text(owner, name, NULL), 0);
	row.key_len = (uint16_t)dname_key(name, key);
	assert_int_equal(table_build_put(b, &row, NULL), 0);
}

/* A page lies where its owner says, so that two tables have the same one at the same place. */
static uint64_t place_of(const char *word)
{
	uint64_t place = 0;

	for (; *word != '\0' && *word != '-' && *word != '\''; word++)
		place = (place * 31 + (uint8_t)*word) % 999983;
	return place;
}

static struct table *finish(struct table_build *b)
{
	struct table *t;

	assert_int_equal(table_build_finish(b, &volumes, &t, NULL), 0);
	table_build_free(b);
	return t;
}

static struct table *table_of(const char *text)
{
	struct table_build *b = table_build_new(NULL);
	char *copy = mem_strdup(text), *save = NULL;

	for (const char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		put(b, word, place_of(word));
	free(copy);
	return finish(b);
}

/* The owner as the words have it: a key is its labels from the root on, each ended by a zero. */
static size_t owner_text(const struct page_row *row, char out[WORD_MAX])
{
	char labels[8][WORD_MAX];
	size_t n = 0, len = 0;

	for (size_t at = 0; at < row->key_len && n < 8; n++) {
		size_t end = at;

		while (end < row->key_len && row->key[end] != 0)
			end++;
		snprintf(labels[n], WORD_MAX, "%.*s", (int)(end - at), (const char *)row->key + at);
		at = end + 1;
	}
	if (n <= 1)
		len = (size_t)snprintf(out, WORD_MAX, "@");
	for (size_t i = n; i-- > 1;)
		len += (size_t)snprintf(out + len, WORD_MAX - len, "%s%s", labels[i], i > 1 ? "." : "");
	if (row->part > 0)
		len += (size_t)snprintf(out + len, WORD_MAX - len, "/%u", row->part);
	return len;
}

/* The tags with the owners behind them, and what is said of the ends. */
static char *text_of(const struct auditparts *p)
{
	char *text = mem_new(p->n + 2, WORD_MAX), owner[WORD_MAX];
	size_t len = 0;

	for (size_t i = 0; i < p->n; i++) {
		owner_text(p->row[i], owner);
		len += (size_t)sprintf(text + len, "%s%c:%s", i > 0 ? " " : "", p->tags[i], owner);
	}
	sprintf(text + len, "%s%s", p->last ? " last" : "", p->closed3 ? " closed" : "");
	return text;
}

static void check(const char *was, const char *now, const char *want)
{
	struct table *a = table_of(was), *b = table_of(now);
	struct auditparts parts;
	int rc = auditparts_make(a, b, &parts);
	char *got = rc == 0 ? text_of(&parts) : NULL;

	table_unref(a);
	table_unref(b);
	if (want == NULL && rc != -1)
		fail_msg("%s -> %s: has parts: %s", was, now, got);
	else if (want != NULL && (got == NULL || strcmp(got, want) != 0))
		fail_msg("%s -> %s: %s, not %s", was, now, got == NULL ? "the whole" : got, want);
	free(got);
	auditparts_fini(&parts);
}

struct row {
	const char *was, *now, *want;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(rows[i].was, rows[i].now, rows[i].want);
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void what_changed_comes_with_its_neighbours_and_the_apex(void **state)
{
	static const struct row rows[] = {
		{ "@ a b c d e", "@ a b' c d e", "C:@ c:a n:b c:c o:b" },
		{ "@ a b c d e f", "@ a b c d' e f", "C:@ C:c n:d c:e o:d" },
		{ "@ a b c", "@' a b c", "N:@ c:a o:@" },
		{ "@ a b c d", "@ a b c d'", "C:@ C:c n:d o:d last" },
		{ "@ a c d e", "@ a b c d e", "C:@ c:a n:b c:c" },
		{ "@ a b c d e", "@ a b d e", "C:@ C:b c:d o:c" },
		{ "@ a b", "@ a", "C:@ c:a o:b last" },
		{ "@ a b c d e f", "@ a' b c d e f'", "C:@ n:a c:b C:e n:f o:a o:f last" },
		{ "@ a b", "@ a b", "C:@" },
		{ "@", "@'", "N:@ o:@ last" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void pages_without_signatures_are_passed_over_to_the_next_nsec(void **state)
{
	static const struct row rows[] = {
		/* in the middle: both ways, each up to a page that has an NSEC; no further */
		{ "@ a b c- d- e f- g- h i", "@ a b c- d- e' f- g- h i", "C:@ C:b c:c c:d n:e c:f c:g c:h o:e" },
		/* beside the apex, and up to it */
		{ "@ a- b c d", "@' a- b c d", "N:@ c:a c:b o:@" },
		{ "@ a- b- c d e", "@ a- b- c' d e", "C:@ c:a c:b n:c c:d o:c" },
		/* at the end, and up to it; what changed has none itself */
		{ "@ a b c- d-", "@ a b c- d-'", "C:@ C:b c:c n:d o:d last" },
		{ "@ a b c d- e-", "@ a b c' d- e-", "C:@ C:b n:c c:d c:e o:c last" },
		/* all but the apex */
		{ "@ a- b- c- d- e-", "@ a- b- c-' d- e-", "C:@ c:a c:b n:c c:d c:e o:c last" },
		/* a page that goes, or comes, between them */
		{ "@ a b c- d e- f g", "@ a b c- e- f g", "C:@ C:b c:c c:e c:f o:d" },
		{ "@ a b c- e- f g", "@ a b c- d-' e- f g", "C:@ C:b c:c n:d c:e c:f" },
		{ "@ a b c- d", "@ a b c-", "C:@ C:b c:c o:d last" },
		/* two changes whose stretches meet, and two that do not */
		{ "@ a b c- d- e f g", "@ a' b c- d- e' f g", "C:@ n:a c:b c:c c:d n:e c:f o:a o:e" },
		{ "@ a b- c d e- f g", "@ a' b- c d e- f' g", "C:@ n:a c:b c:c c:d c:e n:f c:g o:a o:f last" },
		/* one that changed is no end of the search: what is beyond it is looked for from there */
		{ "@ a b- c- d e f", "@ a b- c-' d' e f", "C:@ c:a c:b n:c n:d c:e o:c o:d" },
		/* no zone with NSEC: nothing is passed over */
		{ "@- a- b- c- d- e-", "@- a- b- c-' d- e-", "C:@ C:b n:c c:d o:c" },
		{ "@ a- b- c- d- e- #1 #2", "@ a- b- c-' d- e- #1 #2", "C:@ C:b n:c c:d o:c" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void owners_are_whole_and_cuts_above_are_there(void **state)
{
	static const struct row rows[] = {
		{ "@ a a/1 a/2 b c", "@ a a/1 a/2' b c", "C:@ c:a c:a/1 n:a/2 c:b o:a/2" },
		{ "@ a a/1 b b/1 c d", "@ a a/1 b b/1' c d", "C:@ C:b n:b/1 c:c o:b/1" },
		{ "@ a a/1 b c d", "@ a a/1 b' c d", "C:@ c:a c:a/1 n:b c:c o:b" },
		{ "@ a b b/1 b/2 c d", "@ a' b b/1 b/2 c d", "C:@ n:a c:b c:b/1 c:b/2 o:a" },
		/* above q.p.a: the page with p.a, and that with a */
		{ "@ a m.a o.a p.a pa.p.a q.p.a r.p.a b c", "@ a m.a o.a p.a pa.p.a q.p.a r.p.a' b c",
		  "C:@ c:a C:p.a C:q.p.a n:r.p.a c:b o:r.p.a" },
		/* where p.a would be, is another page */
		{ "@ a m.a n.a q.p.a r.p.a s.p.a t.p.a b c", "@ a m.a n.a q.p.a r.p.a s.p.a t.p.a' b c",
		  "C:@ c:a C:n.a C:s.p.a n:t.p.a c:b o:t.p.a" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

static void a_hashed_chain_is_closed_where_an_end_is_looked_at(void **state)
{
	static const struct row rows[] = {
		{ "@ a- #1 #2 #3 #4 #5 #6", "@ a- #1 #2 #3' #4 #5 #6", "C:@ K:2 m:3 k:4 p:3" },
		{ "@ a- #1 #2 #3 #4", "@ a- #1' #2 #3 #4", "C:@ M:1 k:2 K:4 p:1 closed" },
		{ "@ a- #1 #2 #3 #4", "@ a- #1 #2 #3 #4'", "C:@ K:1 K:3 m:4 p:4 closed" },
		{ "@ a- #1 #2 #3 #4", "@ a- #2 #3 #4", "C:@ K:2 K:4 p:1 closed" },
		{ "@ a- #1", "@ a-' #1", "C:@ n:a o:a last" },
	};

	(void)state;
	CHECK_ROWS(rows);
}

/* n rows, of which the first behind the apex are left out, or are others. */
static struct table *many(unsigned n, unsigned without, unsigned changed)
{
	struct table_build *b = table_build_new(NULL);
	char word[WORD_MAX];

	put(b, "@", 0);
	for (unsigned i = 1 + without; i < n; i++) {
		snprintf(word, sizeof(word), "n%05u%s", i, i <= changed ? "'" : "");
		put(b, word, i);
	}
	return finish(b);
}

/* Of n rows so many change, or come; the apex and the row behind them are beside them. */
static int of_many(unsigned n, unsigned changed, unsigned added)
{
	struct table *was = many(n, added, 0), *now = many(n, 0, changed);
	struct auditparts parts;
	int rc = auditparts_make(was, now, &parts);

	if (rc == 0)
		assert_int_equal(parts.n, 2 * (size_t)changed + added + 1 + (changed + added + 1 < n));
	auditparts_fini(&parts);
	table_unref(was);
	table_unref(now);
	return rc;
}

static void much_is_looked_at_as_a_whole(void **state)
{
	(void)state;
	assert_int_equal(of_many(8, 7, 0), 0); /* so few may all change */
	assert_int_equal(of_many(9, 4, 0), 0);
	assert_int_equal(of_many(9, 5, 0), -1); /* more than half */
	assert_int_equal(of_many(6000, 2048, 0), 0);
	assert_int_equal(of_many(6000, 2049, 0), -1);
	assert_int_equal(of_many(6000, 0, 2048), 0);
	assert_int_equal(of_many(6000, 0, 2049), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changed_comes_with_its_neighbours_and_the_apex),
		cmocka_unit_test(pages_without_signatures_are_passed_over_to_the_next_nsec),
		cmocka_unit_test(owners_are_whole_and_cuts_above_are_there),
		cmocka_unit_test(a_hashed_chain_is_closed_where_an_end_is_looked_at),
		cmocka_unit_test(much_is_looked_at_as_a_whole),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
