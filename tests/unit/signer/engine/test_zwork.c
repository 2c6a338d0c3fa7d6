/* SPDX-License-Identifier: BSD-3-Clause */
/* What others remember of this node's own versions. */
#include "signer/engine/zwork.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SELF  "00000000000000aa"
#define OTHER "00000000000000bb"

static struct engine engine;
static struct zwork zone;

static int setup(void **state)
{
	(void)state;
	memset(&engine, 0, sizeof(engine));
	memset(&zone, 0, sizeof(zone));
	snprintf(engine.identity.node_id_text, sizeof(engine.identity.node_id_text), SELF);
	zone.engine = &engine;
	TAILQ_INIT(&engine.poked);
	engine.stopping = true; /* nothing is to be done about it */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(zone.peer);
	past_fini(&zone.others);
	return 0;
}

static void hear(const char *node, json_int_t dnskey_ttl, json_int_t zone_ttl)
{
	json_t *status = json_pack("{s:I,s:I}", "dnskey_ttl", dnskey_ttl, "zone_ttl", zone_ttl);

	zwork_word(&zone, node, "signer", status);
	json_decref(status);
}

/* An old copy was put back that knows of smaller TTLs: what was published with the larger ones is in caches still. */
static void the_largest_ttls_of_its_own_come_back(void **state)
{
	(void)state;
	zone.kept.shows.dnskey_ttl = 300;
	zone.kept.shows.zone_ttl = 600;
	hear(OTHER, 7200, 7200); /* another signer's are its own matter */
	assert_int_equal(zone.kept.shows.dnskey_ttl, 300);
	hear(SELF, 3600, 60);
	assert_int_equal(zone.kept.shows.dnskey_ttl, 3600);
	assert_int_equal(zone.kept.shows.zone_ttl, 600);
	hear(SELF, 60, 86400);
	assert_int_equal(zone.kept.shows.dnskey_ttl, 3600);
	assert_int_equal(zone.kept.shows.zone_ttl, 86400);
	hear(SELF, -1, (json_int_t)INT32_MAX + 1); /* no TTL (RFC 2181 section 8) */
	assert_int_equal(zone.kept.shows.dnskey_ttl, 3600);
	assert_int_equal(zone.kept.shows.zone_ttl, 86400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_largest_ttls_of_its_own_come_back, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
