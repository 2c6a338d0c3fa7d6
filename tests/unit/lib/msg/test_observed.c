/* SPDX-License-Identifier: BSD-3-Clause */
#include "msg/observed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t ds1[] = { 0x12, 0x34, 13, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
			       17,   18,   19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };
static uint8_t ds2[sizeof(ds1)];

static void look_init(struct observed *o, enum observed_role role)
{
	memset(o, 0, sizeof(*o));
	assert_int_equal(dname_from_text("example.org.", o->zone, NULL), 0);
	assert_int_equal(addr_parse("2001:db8::1#5300", 0, &o->server, NULL), 0);
	o->role = role;
	o->outcome = OBSERVED_ANSWERED;
	o->trust = role == OBSERVED_PARENT ? OBSERVED_SECURE : OBSERVED_UNCHECKED;
	o->asked_ms = 12345;
}

static void add_ds(struct observed *o, struct arena *arena)
{
	struct rr rr[3] = { { .type = TYPE_DS, .rdata = ds2, .rdlen = sizeof(ds2) },
			    { .type = TYPE_DS, .rdata = ds1, .rdlen = sizeof(ds1) },
			    { .type = TYPE_DS, .rdata = ds2, .rdlen = sizeof(ds2) } };

	memcpy(ds2, ds1, sizeof(ds1));
	ds2[0] = 0x20;
	assert_int_equal(observed_add(o, TYPE_DS, 300, rr, 3, arena, NULL), 0);
}

static void a_look_survives_the_way(void **state)
{
	struct arena *arena = arena_new();
	struct observed o, back;
	json_t *packed;
	struct err e;

	(void)state;
	look_init(&o, OBSERVED_PARENT);
	add_ds(&o, arena);
	assert_non_null(packed = observed_pack(&o, &e));
	assert_int_equal(observed_unpack(packed, arena, &back, &e), 0);
	json_decref(packed);
	assert_true(dname_equal(back.zone, o.zone));
	assert_true(addr_equal(&back.server, &o.server));
	assert_int_equal(back.asked_ms, 12345);
	assert_int_equal(back.trust, OBSERVED_SECURE);
	assert_null(observed_set(&back, TYPE_DNSKEY));
	assert_int_equal(observed_set(&back, TYPE_DS)->ttl, 300);
	assert_int_equal(observed_set(&back, TYPE_DS)->n, 2); /* one was there twice */
	assert_memory_equal(observed_set(&back, TYPE_DS)->rr[0].rdata, ds1, sizeof(ds1));
	assert_true(observed_counts(&back));
	arena_free(arena);
}

static void what_is_cut_off_or_changed_is_refused(void **state)
{
	struct arena *arena = arena_new();
	uint8_t octets[4096];
	struct observed o, back;
	size_t len;

	(void)state;
	look_init(&o, OBSERVED_PARENT);
	add_ds(&o, arena);
	len = observed_write(&o, octets, sizeof(octets));
	assert_true(len > 0);
	assert_int_equal(observed_write(&o, octets, len - 1), 0);
	assert_int_equal(observed_write(&o, octets, sizeof(octets)), len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(observed_read(octets, i, arena, &back, NULL), -1);
	octets[len] = 0;
	assert_int_equal(observed_read(octets, len + 1, arena, &back, NULL), -1);
	octets[0] = 9;
	assert_int_equal(observed_read(octets, len, arena, &back, NULL), -1);
	arena_free(arena);
}

/* Only an answer holds anything, and a parent has no version. */
static void contradictions_are_refused(void **state)
{
	struct arena *arena = arena_new();
	uint8_t octets[4096];
	struct observed o, back;

	(void)state;
	look_init(&o, OBSERVED_PARENT);
	add_ds(&o, arena);
	o.outcome = OBSERVED_TIMEOUT;
	assert_int_equal(observed_read(octets, observed_write(&o, octets, sizeof(octets)), arena, &back, NULL), -1);
	look_init(&o, OBSERVED_PARENT);
	o.has_version = true;
	assert_int_equal(observed_read(octets, observed_write(&o, octets, sizeof(octets)), arena, &back, NULL), -1);
	look_init(&o, OBSERVED_NS);
	o.explained = true;
	assert_int_equal(observed_read(octets, observed_write(&o, octets, sizeof(octets)), arena, &back, NULL), -1);
	look_init(&o, OBSERVED_NS);
	snprintf(o.why, sizeof(o.why), "two\nlines");
	assert_int_equal(observed_read(octets, observed_write(&o, octets, sizeof(octets)), arena, &back, NULL), -1);
	arena_free(arena);
}

static void what_counts(void **state)
{
	struct observed o;

	(void)state;
	look_init(&o, OBSERVED_PARENT);
	o.trust = OBSERVED_INSECURE;
	assert_true(observed_counts(&o));
	o.trust = OBSERVED_UNCHECKED;
	assert_false(observed_counts(&o));
	look_init(&o, OBSERVED_SECONDARY);
	assert_false(observed_counts(&o));
	o.has_version = true;
	assert_true(observed_counts(&o));
	for (int i = OBSERVED_TIMEOUT; i <= OBSERVED_CHANGING; i++) {
		o.outcome = (enum observed_outcome)i;
		assert_false(observed_counts(&o));
	}
}

static void a_list_of_servers_survives_the_way(void **state)
{
	struct observed_servers s = { .children_whole = true, .n = 2, .why = "the NS of org. are not known", .name_servers = true,
				      .missing = "ns9.example.net.", .children_why = "it does not exist" }, back;
	uint8_t digest[OBSERVED_ID_LEN], other[OBSERVED_ID_LEN];
	json_t *o;
	struct err e;

	(void)state;
	dname_from_text("example.org.", s.zone, NULL);
	addr_parse("192.0.2.1#53", 0, &s.server[0].addr, NULL);
	s.server[0].role = OBSERVED_SECONDARY;
	addr_parse("192.0.2.1#53", 0, &s.server[1].addr, NULL);
	s.server[1].role = OBSERVED_PARENT;
	s.server[0].name = "ns1.example.org.";
	o = observed_servers_pack(&s);
	assert_int_equal(observed_servers_unpack(o, &back, &e), 0);
	assert_int_equal(back.n, 2);
	assert_int_equal(back.server[1].role, OBSERVED_PARENT);
	assert_true(back.children_whole);
	assert_false(back.parents_whole);
	assert_true(back.name_servers);
	assert_string_equal(back.why, s.why);
	assert_string_equal(back.missing, s.missing);
	assert_string_equal(back.children_why, s.children_why);
	assert_string_equal(back.server[0].name, s.server[0].name);
	assert_null(back.server[1].name);
	observed_servers_digest(&s, digest);
	observed_servers_digest(&back, other);
	assert_memory_equal(digest, other, sizeof(digest));
	back.server[0].name = NULL;
	observed_servers_digest(&back, other);
	assert_memory_not_equal(digest, other, sizeof(digest));
	json_object_set_new(o, "parents_whole", json_string("yes"));
	assert_int_equal(observed_servers_unpack(o, &back, &e), -1);
	json_decref(o);
	/* the same address on both sides of the cut is two observers */
	assert_int_not_equal(observed_server_id(&s.server[0].addr, OBSERVED_SECONDARY),
			     observed_server_id(&s.server[1].addr, OBSERVED_PARENT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_survives_the_way),
		cmocka_unit_test(what_is_cut_off_or_changed_is_refused),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(what_counts),
		cmocka_unit_test(a_list_of_servers_survives_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
