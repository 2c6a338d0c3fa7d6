/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "arena/arena.h"
#include "zone/zone_diff.h"

static const uint8_t apex[] = "\007example\003org";

/* A stream is made of words: "=5" the SOA of serial 5, "a1" an A record of host a, 192.0.2.1, "A1" the same with TTL 600,
 * "x" an RRSIG, "o" a record outside the zone. */
static size_t write_word(const char *word, uint8_t *at, size_t room)
{
	uint8_t soa[] = "\0\0\0\0\0\0\0\0\016\020\0\0\003\204\0\011\072\200\0\0\001\054", owner[DNAME_MAX] = "\001a";
	uint8_t ip[4] = { 192, 0, 2, (uint8_t)(word[1] - '0') };
	struct rr rr = { .owner = owner, .type = TYPE_A, .ttl = 300, .rdata = ip, .rdlen = 4 };
	struct wr w = wr_of(at, room);

	memcpy(owner + 2, apex, sizeof(apex));
	if (word[0] == '=') {
		soa_set_serial(soa, sizeof(soa) - 1, (uint32_t)(word[1] - '0'));
		rr = (struct rr){ .owner = apex, .type = TYPE_SOA, .ttl = 300, .rdata = soa, .rdlen = sizeof(soa) - 1 };
	} else if (word[0] == 'x') {
		rr.type = TYPE_NSEC3PARAM;
		rr.rdata = (const uint8_t *)"\001\0\0\0\0";
		rr.rdlen = 5;
	} else if (word[0] == 'o') {
		rr.owner = (const uint8_t *)"\003net";
	} else {
		owner[1] = (uint8_t)(word[0] | 0x20);
		rr.ttl = word[0] < 'a' ? 600 : 300;
	}
	rr_write(&w, &rr);
	assert_false(w.bad);
	return w.at;
}

static int read_words(const char *words, struct zone_diff **out, struct err *e)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	uint8_t stream[4096];
	size_t len = 0;

	for (const char *p = words; *p != '\0'; p += strcspn(p, " "), p += *p == ' ')
		len += write_word(p, stream + len, sizeof(stream) - len);
	return zone_diff_read(stream, len, apex, &limits, out, e);
}

static void several_differences_become_one(void **state)
{
	static const struct {
		const char *stream, *what; /* "-a1 +b2" in canonical order */
	} rows[] = {
		{ "=1 a1 =2 b2", "-a1 +b2" },
		{ "=1 =2", "" },
		{ "=1 a1 =2 b2 =2 b2 =3 c3", "-a1 +c3" },
		{ "=1 a1 =2 =2 =3 a1", "" },
		{ "=1 a1 =2 =2 =3 A1", "-a1 +A1" },
		{ "=1 a1 =2 A1", "-a1 +A1" },
		{ "=1 =2 a1 =2 a1 =3 =3 =4 a1", "+a1" },
		{ "=1 x =2 x a1", "+a1" },
		{ "=1 a2 a1 =2 b1 a3", "-a1 -a2 +a3 +b1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct zone_diff *d = NULL;
		char text[256] = "";
		struct err e;

		if (read_words(rows[i].stream, &d, &e) != 0)
			fail_msg("%s: %s", rows[i].stream, e.text);
		for (size_t k = 0; k < d->n; k++) {
			const struct rr *rr = &d->rr[k].rr;
			char word[8];

			snprintf(word, sizeof(word), "%s%c%c%c", k == 0 ? "" : " ", d->rr[k].add ? '+' : '-',
				 rr->ttl == 600 ? rr->owner[1] & ~0x20 : rr->owner[1], '0' + rr->rdata[3]);
			strcat(text, word);
		}
		assert_string_equal(text, rows[i].what);
		assert_int_equal(d->from, 1);
		zone_diff_free(d);
	}
}

static void what_is_no_difference_is_refused(void **state)
{
	static const char *const rows[] = { "", "a1 =1 =2", "=1", "=1 a1", "=2 =1", "=1 =1", "=1 =2 =3 =4", "=1 a1 a1 =2",
					    "=1 =2 a1 A1", "=1 o =2", "=1 a1 =2 =2 a1 =3" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct zone_diff *d = NULL;
		struct err e;

		if (read_words(rows[i], &d, &e) == 0)
			fail_msg("%s is taken", rows[i]);
	}
}

static void the_lowest_ttl_of_an_rrset_is_taken(void **state)
{
	struct arena *a = arena_new();
	struct zone_diff *d = NULL;
	uint8_t ip[4] = { 192, 0, 2, 1 }, owner[DNAME_MAX] = "\001a";
	struct rr rr = { .owner = owner, .type = TYPE_A, .ttl = 900, .rdata = ip, .rdlen = 4 };
	struct zone_owner was = { .name = owner, .rr = &rr, .n = 1 }, is;
	struct err e;

	(void)state;
	memcpy(owner + 2, apex, sizeof(apex));
	assert_int_equal(read_words("=1 =2 A2 a3", &d, &e), 0);
	assert_int_equal(d->owner_count, 1);
	assert_int_equal(zone_diff_apply(d, &d->owner[0], &was, a, &is, &e), 0);
	assert_int_equal(is.n, 3);
	for (size_t i = 0; i < is.n; i++)
		assert_int_equal(is.rr[i].ttl, 300);
	zone_diff_free(d);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_differences_become_one),
		cmocka_unit_test(what_is_no_difference_is_refused),
		cmocka_unit_test(the_lowest_ttl_of_an_rrset_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
