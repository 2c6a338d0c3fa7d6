/* SPDX-License-Identifier: BSD-3-Clause */
/* A good status, then one thing broken at a time. */
#include "ctl/readiness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1790000000

/* signer1 and signer2 serve the same; .53 asks signer1, .54 both, .55 signer2. */
static const char good[] =
	"{'now':1790000000,'node':{'name':'signer2'},'nodes':["
	"{'name':'signer1','role':'signer','self':false,'admitted':true,'counted':true,'retired':false,'"
	"heard_ms':500},"
	"{'name':'signer2','role':'signer','self':true,'admitted':true,'counted':true,'retired':false,'heard_"
	"ms':0},"
	"{'name':'vault','role':'backup','self':false,'admitted':true,'counted':true,'retired':false,'heard_"
	"ms':700}],"
	"'zones':[{'zone':'example.org.','state':'signed','require_backups':1,'renewal_margin_s':604800,"
	"'keys':[{'hash':'aa','tag':1,'algorithm':13,'declined':false,'stored':['vault']}],'nodes':["
	"{'name':'signer1','status':{'serial':2026112101,'content':7,'epoch':0,'digest':'dd','steps':1,'"
	"keyset':'ee',"
	"'earliest':1790900000,'soa_expire':604800,'secondaries':[{'address':'192.0.2.53#53','ok':true},"
	"{'address':'192.0.2.54#53','ok':true}]}},"
	"{'name':'signer2','status':{'serial':2026112101,'content':7,'epoch':0,'digest':'dd','steps':1,'"
	"keyset':'ee',"
	"'earliest':1790900000,'soa_expire':604800,'secondaries':[{'address':'192.0.2.55#53','ok':true},"
	"{'address':'192.0.2.54#53','ok':true}]}}]}]}";

static json_t *status_of(const char *text)
{
	char copy[4096];
	json_error_t why;
	json_t *j;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	j = json_loads(copy, 0, &why);
	if (j == NULL)
		print_error("%s\n", why.text);
	assert_non_null(j);
	return j;
}

static json_t *zone_node(json_t *status, size_t i)
{
	return json_object_get(
		json_array_get(json_object_get(json_array_get(json_object_get(status, "zones"), 0), "nodes"),
			       i),
		"status");
}

/* The worst result of a check in the answer; *said: whether one of its messages has this part. */
static const char *worst(const json_t *answer, const char *check, const char *part, bool *said)
{
	json_t *checks = json_object_get(json_array_get(json_object_get(answer, "zones"), 0), "checks"), *c;
	const char *found = "none";
	size_t i;

	*said = false;
	json_array_foreach(checks, i, c)
	{
		const char *result = json_string_value(json_object_get(c, "result"));

		if (strcmp(json_string_value(json_object_get(c, "check")), check) != 0)
			continue;
		*said |= strstr(json_string_value(json_object_get(c, "message")), part) != NULL;
		if (strcmp(found, "none") == 0 || strcmp(result, "failed") == 0 ||
		    (strcmp(result, "warning") == 0 && strcmp(found, "ok") == 0))
			found = result;
	}
	return found;
}

static void expect(json_t *status, const char *node, bool ready, const char *check, const char *result,
		   const char *part)
{
	json_t *answer = readiness_of(status, node, NULL);
	bool said;
	const char *got = worst(answer, check, part, &said);

	if (strcmp(got, result) != 0 || !said)
		json_dumpf(answer, stderr, JSON_INDENT(1));
	assert_string_equal(got, result);
	assert_true(said);
	assert_int_equal(json_is_true(json_object_get(answer, "ready")), ready);
	json_decref(answer);
	json_decref(status);
}

static void a_good_cluster_can_lose_either(void **state)
{
	(void)state;
	expect(status_of(good), "signer1", true, "content", "ok", "content 7");
	expect(status_of(good), "signer2", true, "backups", "ok", "every key (1)");
	expect(status_of(good), "signer2", true, "signatures", "ok", "ends in 10d");
}

static void a_secondary_that_asks_it_alone_is_a_warning_with_its_times(void **state)
{
	json_t *s;

	(void)state;
	expect(status_of(good), "signer1", true, "secondaries", "warning",
	       "192.0.2.53#53 asks signer1 alone: it would serve its version until its SOA expires (7d 0h) "
	       "or the first RRSIG ends "
	       "(10d 10h)");
	/* but when no other secondary is left, it is a failure */
	s = status_of(good);
	json_object_set_new(zone_node(s, 1), "secondaries", json_array());
	expect(s, "signer1", false, "secondaries", "failed", "no secondary that answers asks another signer");
}

static void what_the_other_lacks_is_told(void **state)
{
	static const struct {
		const char *member;
		json_int_t number;
		const char *text, *check, *result, *part;
	} cases[] = {
		{ "content", 6, NULL, "content", "failed",
		  "signer2 has older content (number 6 with 1 key steps, signer1 has 7 with 1)" },
		{ "content", 8, NULL, "content", "ok", "" },
		{ "epoch", -1, NULL, "content", "failed", "older content" },
		{ "steps", 0, NULL, "content", "failed", "older content" },
		{ "digest", 0, "xx", "content", "failed", "other content" },
		{ "keyset", 0, "ff", "keys", "failed", "another set of keys" },
		{ "serial", 2026112100, NULL, "serials", "warning", "below 2026112101" },
		{ "serial", 2026112102, NULL, "serials", "ok", "" },
		{ "earliest", NOW + 302400, NULL, "signatures", "failed", "half the renewal margin is 3d" },
		{ "earliest", NOW + 302401, NULL, "signatures", "ok", "" },
		{ "earliest", NOW - 5, NULL, "signatures", "failed", "no time" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *s = status_of(good);

		json_object_set_new(zone_node(s, 1), cases[i].member,
				    cases[i].text != NULL ? json_string(cases[i].text)
							  : json_integer(cases[i].number));
		expect(s, "signer1", strcmp(cases[i].result, "failed") != 0, cases[i].check, cases[i].result,
		       cases[i].part);
	}
}

static void a_serial_is_compared_around_the_end(void **state)
{
	json_t *s = status_of(good);

	(void)state;
	json_object_set_new(zone_node(s, 0), "serial", json_integer(4294967295));
	json_object_set_new(zone_node(s, 1), "serial", json_integer(1));
	expect(s, "signer1", true, "serials", "ok", "");
}

static void a_key_without_backup_fails(void **state)
{
	json_t *s = status_of(good), *zone = json_array_get(json_object_get(s, "zones"), 0),
	       *key = json_array_get(json_object_get(zone, "keys"), 0);

	(void)state;
	json_object_set_new(key, "stored", json_array());
	json_incref(s);
	expect(s, "signer1", false, "backups", "failed",
	       "key 1/13 is stored by 0 backups, the policy wants 1");
	json_object_set_new(zone, "require_backups", json_integer(0));
	json_incref(s);
	expect(s, "signer1", true, "backups", "warning", "stored by 0");
	json_object_set_new(key, "declined", json_true());
	expect(s, "signer1", true, "backups", "ok", "(0)");
}

static void the_other_must_be_heard_counted_and_serving(void **state)
{
	json_t *s = status_of(good);

	(void)state;
	json_object_set_new(json_array_get(json_object_get(s, "nodes"), 0), "heard_ms", json_integer(20000));
	json_incref(s);
	expect(s, "signer2", false, "signers", "failed", "no other signer that is heard");
	json_object_set_new(json_array_get(json_object_get(s, "nodes"), 0), "heard_ms", json_null());
	expect(s, "signer2", false, "signers", "failed", "no other signer that is heard");
	s = status_of(good);
	json_object_set_new(json_array_get(json_object_get(s, "nodes"), 0), "retired", json_true());
	expect(s, "signer2", false, "signers", "failed", "no other signer");
	s = status_of(good);
	json_object_set_new(zone_node(s, 0), "serial", json_integer(0));
	expect(s, "signer2", false, "signers", "failed", "no other signer");
}

static void a_secondary_that_does_not_answer_the_other_is_told(void **state)
{
	json_t *s = status_of(good), *list = json_object_get(zone_node(s, 1), "secondaries");

	(void)state;
	json_object_set_new(json_array_get(list, 1), "ok", json_false());
	json_incref(s);
	expect(s, "signer1", true, "secondaries", "warning", "192.0.2.54#53 does not answer");
	json_object_set_new(json_array_get(list, 0), "ok", json_false());
	expect(s, "signer1", false, "secondaries", "failed", "192.0.2.54#53 does not answer");
}

static void odd_answers_do_no_harm(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{'zones':5}",
		"{'zones':[{}],'nodes':[{}]}",
		"{'zones':[5,null,{'nodes':[7,{'name':'x','status':[]}]}]}",
		"{'nodes':[{'name':'x','role':'signer','counted':true,'heard_ms':'soon'}],'zones':[{'zone':'"
		"z.','nodes':[{'name':"
		"'x','status':{'serial':1,'secondaries':[1,{}]}}],'keys':[1]}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *s = status_of(texts[i]), *answer = readiness_of(s, "x", NULL);

		assert_true(json_is_object(answer));
		json_decref(answer);
		json_decref(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_cluster_can_lose_either),
		cmocka_unit_test(a_secondary_that_asks_it_alone_is_a_warning_with_its_times),
		cmocka_unit_test(what_the_other_lacks_is_told),
		cmocka_unit_test(a_serial_is_compared_around_the_end),
		cmocka_unit_test(a_key_without_backup_fails),
		cmocka_unit_test(the_other_must_be_heard_counted_and_serving),
		cmocka_unit_test(a_secondary_that_does_not_answer_the_other_is_told),
		cmocka_unit_test(odd_answers_do_no_harm),
	};

	return cmocka_run_group_tests_name("readiness", tests, NULL, NULL);
}
