/* SPDX-License-Identifier: BSD-3-Clause */
/* Which name servers of a zone are put on the list, and what is said of those that cannot be. */
#include "signer/engine/look_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sign/zonesign.h"
#include "zone/zone_text.h"

#define NOW 1700000000

static char dir[64];
static struct conf conf;
static struct addr listens[2], resolver;
static struct engine engine;
static struct zwork zone;
static struct look_zone lz;
static struct observed_servers list;

static int setup(void **state)
{
	struct err e;

	(void)state;
	strcpy(dir, "/tmp/duet-test-ns-XXXXXX");
	assert_non_null(mkdtemp(dir));
	memset(&engine, 0, sizeof(engine));
	memset(&conf, 0, sizeof(conf));
	memset(&zone, 0, sizeof(zone));
	memset(&lz, 0, sizeof(lz));
	assert_int_equal(store_open(dir, &engine.store, &e), 0);
	assert_int_equal(addr_parse("127.0.0.1", 53, &listens[0], &e) | addr_parse("::1", 53, &listens[1], &e) |
				 addr_parse("127.0.0.2", 53, &resolver, &e),
			 0);
	conf.signer.listen = listens;
	conf.signer.listen_count = 1;
	conf.signer.resolvers = &resolver;
	conf.signer.resolver_count = 1;
	engine.conf = &conf;
	engine.looks = mem_new(1, sizeof(*engine.looks));
	zone.engine = &engine;
	zone.name = (char *)"example.org.";
	dname_from_text(zone.name, zone.apex, NULL);
	lz.z = &zone;
	lz.ns = true;
	return 0;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	version_unref(zone.version);
	look_ns_fini(&lz.name_servers);
	names_free(&engine);
	free(engine.looks);
	store_close(engine.store);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* The zone has this content from now on, unsigned. */
static void publish(const char *records, uint32_t serial)
{
	struct sign_params p = { .denial = DENIAL_NSEC, .now = NOW, .inception_offset_s = 3600, .validity_s = 14 * 86400, .threads = 1 };
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct version_info info = { .published_at = NOW };
	struct arena *arena = arena_new();
	struct sign_stats stats;
	struct zone *z = NULL;
	struct change *c = NULL;
	struct err e;
	char *text = mem_printf("$ORIGIN example.org.\n$TTL 60\n@ SOA ns1 h 1 2 3 4 5\n%s", records);

	if (zone_read_text(text, strlen(text), zone.apex, &limits, &z, &e) != 0 ||
	    change_begin(engine.store, zone.apex, &c, &e) != 0 ||
	    zone_sign(z, &p, engine.store, zone.version, c, &info, &stats, &e) != 0 ||
	    zone_sign_soa(&z->soa, &p, serial, arena, &info, &e) != 0)
		fail_msg("%s", e.text);
	version_unref(zone.version);
	zone.version = NULL;
	if (change_publish(c, &info, NULL, &zone.version, &e) != 0)
		fail_msg("%s", e.text);
	zone_free(z);
	arena_free(arena);
	free(text);
}

/* What look.c makes before name servers are put there. */
static bool made(size_t secondaries)
{
	memset(&list, 0, sizeof(list));
	list.children_whole = true;
	for (size_t i = 0; i < secondaries; i++) {
		char text[32];

		snprintf(text, sizeof(text), "198.51.100.%zu", i + 1);
		list.server[list.n].role = OBSERVED_SECONDARY;
		assert_int_equal(addr_parse(text, 53, &list.server[list.n++].addr, NULL), 0);
	}
	return look_ns_add(&lz, &list);
}

static void is(size_t i, const char *name, const char *address)
{
	char text[ADDR_TEXT_LEN];

	assert_true(i < list.n);
	assert_int_equal(list.server[i].role, OBSERVED_NS);
	assert_string_equal(list.server[i].name, name);
	assert_string_equal(addr_text(&list.server[i].addr, text), address);
}

static void is_missing(const char *name, const char *why)
{
	assert_false(list.children_whole);
	assert_string_equal(list.missing, name);
	if (strstr(list.children_why, why) == NULL)
		fail_msg("%s, not %s", list.children_why, why);
}

/* The resolver has answered. */
static struct server_name *found(const char *text, enum name_state as, const char *address)
{
	uint8_t name[DNAME_MAX];
	struct server_name *n;

	dname_from_text(text, name, NULL);
	n = (struct server_name *)names_of(&engine, name);
	n->state = as;
	n->addrs = 0;
	if (address != NULL) {
		n->addr = mem_grow(n->addr, 1, sizeof(*n->addr));
		assert_int_equal(addr_parse(address, 53, &n->addr[n->addrs++], NULL), 0);
	}
	return n;
}

static void names_of_the_zone_have_the_addresses_that_it_has(void **state)
{
	(void)state;
	publish("@ NS ns1\n@ NS ns2.sub\nns1 A 192.0.2.1\nns1 A 192.0.2.2\nns1 AAAA 2001:db8::1\nns1 TXT x\n"
		"sub NS ns.example.net.\nns2.sub A 192.0.2.3\n", 1);
	assert_true(made(0));
	assert_true(list.name_servers && list.children_whole);
	assert_int_equal(list.n, 3);
	is(0, "ns1.example.org.", "192.0.2.1#53");
	is(1, "ns1.example.org.", "192.0.2.2#53");
	is(2, "ns2.sub.example.org.", "192.0.2.3#53"); /* below a cut */
	conf.signer.listen_count = 2; /* of the other family, too, once it is read again */
	look_ns_fini(&lz.name_servers);
	assert_true(made(0));
	assert_int_equal(list.n, 4);
	/* The next version has others. */
	publish("@ NS ns3\nns3 A 192.0.2.9\n", 2);
	assert_true(made(0));
	assert_int_equal(list.n, 1);
	is(0, "ns3.example.org.", "192.0.2.9#53");
}

static void what_is_a_secondary_or_stands_twice_is_there_once(void **state)
{
	(void)state;
	publish("@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.1\nns2 A 198.51.100.2\n", 1);
	assert_true(made(2));
	assert_true(list.children_whole);
	assert_int_equal(list.n, 3);
	is(2, "ns1.example.org.", "192.0.2.1#53");
	assert_int_equal(list.server[1].role, OBSERVED_SECONDARY);
}

static void other_names_are_found_by_a_resolver(void **state)
{
	(void)state;
	publish("@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.1\n", 1);
	assert_false(made(0)); /* not settled */
	assert_int_equal(list.n, 1);
	is_missing("ns2.example.net.", "being looked for");
	found("ns2.example.net.", NAME_FOUND, "192.0.2.53");
	assert_true(made(0));
	assert_true(list.children_whole);
	assert_int_equal(list.n, 2);
	is(1, "ns2.example.net.", "192.0.2.53#53");
	snprintf(found("NS2.example.net.", NAME_NONE, NULL)->why, 96, "it does not exist (NXDOMAIN)");
	assert_true(made(0));
	is_missing("ns2.example.net.", "(NXDOMAIN): mend the NS RRset");
	assert_int_equal(list.n, 1);
	assert_int_equal(engine.looks->names.n, 1);
	conf.signer.resolver_count = 0;
	assert_true(made(0));
	is_missing("ns2.example.net.", "signer.resolvers");
}

static void a_name_of_the_zone_without_address_may_be_elsewhere(void **state)
{
	(void)state;
	publish("@ NS ns.sub\nsub NS ns.example.net.\n", 1);
	made(0);
	is_missing("ns.sub.example.org.", "being looked for");
	found("ns.sub.example.org.", NAME_FOUND, "192.0.2.7");
	assert_true(made(0));
	is(0, "ns.sub.example.org.", "192.0.2.7#53");
}

static void more_than_can_be_looked_at_is_said(void **state)
{
	char *records = mem_strdup("@ NS ns1\n");

	(void)state;
	for (int i = 0; i < OBSERVED_SERVERS_MAX; i++) {
		char *longer = mem_printf("%sns1 A 192.0.2.%d\n", records, i + 1);

		free(records);
		records = longer;
	}
	publish(records, 1);
	assert_true(made(0));
	assert_int_equal(list.n, OBSERVED_SERVERS_MAX);
	assert_true(list.children_whole);
	assert_true(made(1));
	assert_int_equal(list.n, OBSERVED_SERVERS_MAX);
	is_missing("ns1.example.org.", "one server more than can be looked at");
	free(records);
}

static void nothing_is_known_of_what_is_not_published(void **state)
{
	(void)state;
	assert_true(made(0));
	is_missing("", "nothing is published here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_of_the_zone_have_the_addresses_that_it_has, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_a_secondary_or_stands_twice_is_there_once, setup, teardown),
		cmocka_unit_test_setup_teardown(other_names_are_found_by_a_resolver, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_of_the_zone_without_address_may_be_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_can_be_looked_at_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_known_of_what_is_not_published, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
