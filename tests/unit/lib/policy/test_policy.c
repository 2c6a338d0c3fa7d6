/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int read_yaml(const char *text, struct policy *p, struct conf_errors *errors,
		     struct conf_errors *warnings)
{
	return policy_read_text("p.yaml", text, strlen(text), p, errors, warnings);
}

static bool has(const struct conf_errors *list, const char *part)
{
	for (size_t i = 0; i < list->n; i++)
		if (strstr(list->line[i], part) != NULL)
			return true;
	return false;
}

static void the_default_is_what_the_design_says(void **state)
{
	struct policy p = policy_default();
	struct conf_errors errors = { .line = NULL }, warnings = { .line = NULL };

	(void)state;
	assert_string_equal(p.name, "default");
	assert_int_equal(p.algorithm, 13);
	assert_int_equal(p.keys, POLICY_CSK);
	assert_int_equal(p.denial, POLICY_NSEC);
	assert_int_equal(p.validity_s, 14 * 86400);
	assert_int_equal(p.renewal_margin_s, 7 * 86400);
	assert_int_equal(p.jitter_s, 86400);
	assert_int_equal(p.inception_offset_s, 3600);
	assert_int_equal(p.dnskey_ttl_s, 3600);
	assert_int_equal(p.max_ttl_unsigned_s, 7 * 86400);
	assert_int_equal(p.max_ttl_signed_s, 86400);
	assert_int_equal(p.require_backups, 1);
	assert_true(p.cds);
	assert_int_equal(p.name_servers, POLICY_LOOK);
	policy_check(&p, &errors, &warnings);
	assert_int_equal(errors.n + warnings.n, 0);
}

static void yaml_and_json_carry_the_same(void **state)
{
	static const char text[] =
		"name: fast\nalgorithm: ED25519\nkeys: ksk+zsk\ndenial: nsec3-optout\nnsec3-salt-len: 8\n"
		"unsigned: serve\nvalidity: 3d\nrenewal-margin-s: 36h\njitter: 6h\ncds: no\n"
		"max-ttl-signed: 3600\ninput-order: serial\nname-servers: ignore\nseverity: AUD-RRSIG-13=error\n";
	struct conf_errors errors, warnings;
	struct policy p, q;
	json_t *j;
	struct err e;
	char *printed = NULL;
	size_t len;
	FILE *f;

	(void)state;
	assert_int_equal(read_yaml(text, &p, &errors, &warnings), 0);
	assert_int_equal(p.algorithm, 15);
	assert_int_equal(p.validity_s, 259200);
	assert_int_equal(p.renewal_margin_s, 129600);
	assert_false(p.cds);
	assert_true(has(&warnings, "nsec3-salt-len: 8: a salt is of no use"));
	conf_errors_free(&warnings);
	p.rev = 7;
	j = policy_to_json(&p);
	assert_int_equal(json_integer_value(json_object_get(j, "renewal_margin_s")), 129600);
	assert_string_equal(json_string_value(json_object_get(j, "denial")), "nsec3-optout");
	assert_int_equal(json_integer_value(json_object_get(j, "algorithm")), 15);
	assert_string_equal(json_string_value(json_object_get(j, "name_servers")), "ignore");
	json_object_set_new(j, "from-the-future", json_true());
	assert_int_equal(policy_from_json(j, &q, &e), 0);
	assert_memory_equal(&p, &q, sizeof(p));
	json_object_set_new(j, "severity", json_string("AUD-FUTURE-01=error"));
	assert_int_equal(policy_from_json(j, &q, &e), 0);
	assert_string_equal(q.severity, "AUD-FUTURE-01=error");
	json_decref(j);
	f = open_memstream(&printed, &len);
	policy_print(&p, f);
	fclose(f);
	assert_int_equal(read_yaml(printed, &q, &errors, &warnings), 0);
	q.rev = 7;
	assert_memory_equal(&p, &q, sizeof(p));
	conf_errors_free(&warnings);
	free(printed);
}

static void all_mistakes_of_a_file_are_told(void **state)
{
	static const char text[] =
		"name: x\nalgorithm: 5\nkeys: three\nvalidity: 1y\nnsec3-iterations: 500\nzsk_bits: 2048\n"
		"require-backups: -1\n";
	static const char *const wanted[] = {
		"p.yaml:2: algorithm: \"5\" is not allowed, must be 8, 10, 13",
		"p.yaml:3: keys: \"three\" is not allowed, must be csk or ksk+zsk",
		"p.yaml:4: validity: \"1y\" is not allowed, must be 10s to 400d",
		"p.yaml:5: nsec3-iterations: \"500\" is not allowed, must be 0 to 50",
		"p.yaml:6: zsk_bits: unknown option",
		"p.yaml:7: require-backups: ",
	};
	struct conf_errors errors, warnings;
	struct policy p;

	(void)state;
	assert_int_equal(read_yaml(text, &p, &errors, &warnings), -1);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!has(&errors, wanted[i]))
			print_error("missing: %s\n", wanted[i]);
		assert_true(has(&errors, wanted[i]));
	}
	assert_int_equal(errors.n, 6);
	conf_errors_free(&errors);
	conf_errors_free(&warnings);
}

static void rules_bind_validity_margin_and_ttl(void **state)
{
	static const struct {
		const char *text, *error, *warning;
	} cases[] = {
		{ "name: a\n", NULL, NULL },
		{ "name: a\nvalidity: 8d\n", "renewal-margin: 7d does not fit", NULL },
		{ "name: a\nvalidity: 192h\njitter: 23h\n", NULL, NULL },
		{ "name: a\nrenewal-margin: 1d\n", "renewal-margin: 1d is too short", NULL },
		{ "name: a\nrenewal-margin: 2d\n", NULL, "renewal-margin: half of 2d" },
		{ "name: a\ndnskey-ttl: 2d\n",
		  "dnskey-ttl: 2d is more than max-ttl-signed, must be at most 1d", NULL },
		{ "name: a\njitter: 20d\n", "a new RRSIG lasts at least validity - jitter = 0s", NULL },
		{ "name: a\nksk-bits: 2049\n", "must be multiples of 8", NULL },
		{ "name: a\ninception-offset: 14d\n", "inception-offset: 14d is not below validity = 14d", NULL },
		{ "name: a\nkeys: ksk+zsk\nzsk-lifetime: 28h\n",
		  "zsk-lifetime: 28h is too short: a roll takes dnskey-ttl 1h + propagation 1h + max-ttl-signed 1d + "
		  "propagation 1h + dnskey-ttl 1h + propagation 1h = 29h or more", NULL },
		{ "name: a\nkeys: ksk+zsk\nzsk-lifetime: 29h\n", "zsk-lifetime: 29h is too short", NULL },
		{ "name: a\nkeys: ksk+zsk\nzsk-lifetime: 30h\n", NULL, NULL },
		{ "name: a\nkeys: ksk+zsk\nksk-lifetime: 6h\n", "twice propagation 2h + dnskey-ttl 1h + propagation 1h = 6h", NULL },
		{ "name: a\nkeys: ksk+zsk\nksk-lifetime: 7h\n", NULL, NULL },
		{ "name: a\nksk-lifetime: 30d\nparent-delay: 20d\n", "twice parent-delay 40d", NULL },
		{ "name: a\nzsk-lifetime: 30d\n", "with one key its lifetime is ksk-lifetime", NULL },
		{ "name: a\nksk-lifetime: 30d\nkey-lifetime: 30d\n", "key-lifetime: 30d is too short", NULL },
		{ "name: a\nksk-lifetime: 30d\nkey-lifetime: 60d\n", NULL, NULL },
		{ "name: a\nksk-lifetime: 30d\nroll-steps: manual\n", NULL, "wait for duetctl key release" },
		{ "name: a\nobservation-limit: 3h\n", "observation-limit: 3h is too short", NULL },
		{ "name: a\nobservation-limit: 20d\n", NULL, NULL },
		{ "name: a\nrequire-backups: 0\n", NULL, "a key may be used that no backup has" },
		{ "name: a\nalgorithm: 10\n", NULL, "not recommended" },
		{ "name: a\nseverity: AUD-RRSIG-13=error aud-key-02=warning  AUD-RRSIG-01=error\n", NULL, NULL },
		{ "name: a\nseverity: AUD-RRSIG-01=warning\n", "severity: AUD-RRSIG-01 cannot be lowered", NULL },
		{ "name: a\nseverity: AUD-RRSIG-13=error AUD-RRSIG-99=error\n", "severity: there is no row AUD-RRSIG-99", NULL },
		{ "name: a\nseverity: AUD-RRSIG-13\n", "severity: \"AUD-RRSIG-13\" must be ROW=error or ROW=warning", NULL },
		{ "name: a\nseverity: AUD-RRSIG-13=fatal\n", "severity: \"AUD-RRSIG-13=fatal\" must be", NULL },
		{ "{}", "name: must be given", NULL },
		{ "name: ../x\n", "p.yaml:1: name: ", NULL },
		{ "[]", "must be options", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_errors errors, warnings;
		struct policy p;
		int rc = read_yaml(cases[i].text, &p, &errors, &warnings);

		if ((rc != 0) != (cases[i].error != NULL))
			print_error("%s: %s\n", cases[i].text, errors.n > 0 ? errors.line[0] : "accepted");
		assert_int_equal(rc != 0, cases[i].error != NULL);
		if (cases[i].error != NULL)
			assert_true(has(&errors, cases[i].error));
		if (cases[i].warning != NULL)
			assert_true(has(&warnings, cases[i].warning));
		else if (rc == 0)
			assert_int_equal(warnings.n, 0);
		conf_errors_free(&errors);
		conf_errors_free(&warnings);
	}
}

static void wrong_json_is_refused_by_member(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "{}", "name: must be a name" },
		{ "[]", "must be an object" },
		{ "{\"name\":\"a\",\"algorithm\":\"13\"}", "algorithm: must be 8, 10" },
		{ "{\"name\":\"a\",\"algorithm\":5}", "algorithm: must be" },
		{ "{\"name\":\"a\",\"validity_s\":\"14d\",\"cds\":1}",
		  "validity_s: must be 10s to 400d; cds: must be yes or no" },
		{ "{\"name\":\"a\",\"denial\":null}", "denial: must be nsec, nsec3 or nsec3-optout" },
		{ "{\"name\":\"a\",\"rev\":-1}", "rev: must be a number" },
		{ "{\"name\":\"a\",\"renewal_margin_s\":3600}", "is too short" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *j = json_loads(cases[i].text, 0, NULL);
		struct policy p;
		struct err e;

		assert_int_equal(policy_from_json(j, &p, &e), -1);
		if (strstr(e.text, cases[i].part) == NULL)
			print_error("%s\n", e.text);
		assert_non_null(strstr(e.text, cases[i].part));
		json_decref(j);
	}
}

static void order_of_input_follows_the_source(void **state)
{
	struct policy p = policy_default();

	(void)state;
	assert_int_equal(policy_order(&p, "file:example.org.zone"), POLICY_ORDER_SEEN);
	assert_int_equal(policy_order(&p, "primary:192.0.2.1#53"), POLICY_ORDER_SERIAL);
	p.input_order = POLICY_ORDER_SERIAL;
	assert_int_equal(policy_order(&p, "file:example.org.zone"), POLICY_ORDER_SERIAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_is_what_the_design_says),
		cmocka_unit_test(yaml_and_json_carry_the_same),
		cmocka_unit_test(all_mistakes_of_a_file_are_told),
		cmocka_unit_test(rules_bind_validity_margin_and_ttl),
		cmocka_unit_test(wrong_json_is_refused_by_member),
		cmocka_unit_test(order_of_input_follows_the_source),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
