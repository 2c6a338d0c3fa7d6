/* SPDX-License-Identifier: BSD-3-Clause */
/* limits: what is a policy for `duetctl policy apply` is one for the auditor, whatever its options say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/limits.h"
#include "policy/policy.h"

static void both_take(const struct policy *p)
{
	char path[] = "/tmp/test_limits.XXXXXX";
	struct conf_errors errors = { 0 }, warnings = { 0 };
	struct policy read;
	struct limits l;
	FILE *f = fdopen(mkstemp(path), "w");

	assert_non_null(f);
	policy_print(p, f);
	fclose(f);
	if (policy_read_file(path, &read, &errors, &warnings) != 0 || limits_read_file(path, &l, &errors) != 0)
		fail_msg("%s", errors.line[0]);
	unlink(path);
	assert_int_equal(l.algorithm, p->algorithm);
	assert_int_equal(l.validity_s, p->validity_s);
	assert_int_equal(l.zonemd, p->zonemd);
	assert_string_equal(l.load_review, p->load_review);
	limits_free(&l);
	conf_errors_free(&errors);
	conf_errors_free(&warnings);
}

static void the_default_is_taken(void **state)
{
	const struct policy p = policy_default();

	(void)state;
	both_take(&p);
}

/* Every option says something else than the default. */
static void a_policy_of_all_options_is_taken(void **state)
{
	struct policy p = policy_default();

	(void)state;
	p.algorithm = 8;
	p.keys = POLICY_KSK_ZSK;
	p.ksk_rollover = POLICY_DOUBLE_DS;
	p.algorithm_rollover = POLICY_LIBERAL;
	p.ksk_lifetime_s = 365 * 86400;
	p.zsk_lifetime_s = 30 * 86400;
	p.roll_steps = POLICY_MANUAL;
	p.observation_limit_s = 400 * 86400;
	p.name_servers = POLICY_IGNORE;
	p.ksk_bits = p.zsk_bits = 4096;
	p.denial = POLICY_NSEC3_OPTOUT;
	p.nsec3_iterations = 1;
	p.nsec3_salt_len = 8;
	p.unsigned_zone = POLICY_SERVE;
	p.jitter_s = 3600;
	p.cds = false;
	p.parent_delay_s = 90 * 86400;
	p.input_order = POLICY_ORDER_SERIAL;
	p.audit = POLICY_AUDIT_WHOLE;
	p.audit_whole_every_s = 400 * 86400;
	p.zonemd = 1 << 1 | 1 << 2;
	p.change_warn = 1;
	p.change_refuse = 50;
	p.together = 7;
	p.key_lifetime_s = INT64_C(36500) * 86400;
	strcpy(p.severity, "AUD-RRSIG-13=error AUD-KEY-02=warning");
	strcpy(p.load_review, "check.sh unsigned");
	strcpy(p.sign_review, "https://[2001:db8::1]/review");
	p.review_limit_s = 86400;
	p.load_refused = p.audit_refused = p.sign_refused = POLICY_HARD;
	both_take(&p);
}

static uint64_t errors_of(const char *severity, enum row_id row)
{
	struct report *r = report_new();
	struct limits l;
	struct err e;
	json_t *j = json_pack("{s:s}", "severity", severity);
	uint64_t n;

	assert_int_equal(limits_from_json(j, &l, &e), 0);
	limits_severities(&l, r);
	report_add(r, row, 0, "found");
	n = report_errors(r);
	assert_int_equal(n + report_warnings(r), 1);
	report_free(r);
	limits_free(&l);
	json_decref(j);
	return n;
}

/* As the facts of the cluster have it: a newer node may know rows that are not known here. */
static void any_row_is_raised_and_marked_ones_are_lowered(void **state)
{
	(void)state;
	assert_int_equal(errors_of("", RRSIG_EXPIRE), 0);
	assert_int_equal(errors_of("AUD-FUTURE-01=error AUD-RRSIG-13=error", RRSIG_EXPIRE), 1);
	assert_int_equal(errors_of("", KEY_CHANGED), 1);
	assert_int_equal(errors_of("aud-key-02=warning\tnonsense", KEY_CHANGED), 0);
	assert_int_equal(errors_of("AUD-RRSIG-01=warning", RRSIG_BOGUS), 1);
	assert_int_equal(errors_of("AUD-KEY-05=error", KEY_TAG_USED), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_is_taken),
		cmocka_unit_test(a_policy_of_all_options_is_taken),
		cmocka_unit_test(any_row_is_raised_and_marked_ones_are_lowered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
