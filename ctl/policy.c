/* SPDX-License-Identifier: BSD-3-Clause */
/* policy: policies are checked here before keydist sees them, with every mistake by line. */
#include "policy/policy.h"

#include "arena/arena.h"
#include "ctl/command.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cmd_policy_list(struct ctl *c)
{
	struct ctl_table t = { .columns = 7 };
	char validity[CTL_WHEN_LEN], margin[CTL_WHEN_LEN];
	json_t *answer = NULL;
	const json_t *p;
	size_t i;

	if (ctl_call(c, CTL_KEYDIST, "GET", mem_strdup("/v1/policies"), NULL, &answer) != 0)
		return CTL_FAILED;
	if (ctl_json(c, answer))
		return CTL_DONE;
	ctl_table_add(&t, "POLICY");
	ctl_table_add(&t, "REV");
	ctl_table_add(&t, "ALGORITHM");
	ctl_table_add(&t, "KEYS");
	ctl_table_add(&t, "DENIAL");
	ctl_table_add(&t, "VALIDITY");
	ctl_table_add(&t, "RENEWAL");
	json_array_foreach(jlist(answer, "policies"), i, p)
	{
		ctl_table_add(&t, "%s", jtext(p, "name"));
		ctl_table_add(&t, "%lld", (long long)jint(p, "rev", 0));
		ctl_table_add(&t, "%lld", (long long)jint(p, "algorithm", 0));
		ctl_table_add(&t, "%s", jtext(p, "keys"));
		ctl_table_add(&t, "%s", jtext(p, "denial"));
		ctl_table_add(&t, "%s", ctl_span(jint(p, "validity_s", 0), validity));
		ctl_table_add(&t, "%s before", ctl_span(jint(p, "renewal_margin_s", 0), margin));
	}
	ctl_table_print(&t);
	json_decref(answer);
	return CTL_DONE;
}

int cmd_policy_show(struct ctl *c)
{
	const char *name = c->args > 0 ? c->arg[0] : "default";
	struct policy p;
	json_t *answer = NULL;
	struct err e;

	if (ctl_call(c, CTL_KEYDIST, "GET", http_path("/v1/policies/%s", name), NULL, &answer) != 0)
		return CTL_FAILED;
	if (ctl_json(c, answer))
		return CTL_DONE;
	if (policy_from_json(answer, &p, &e) != 0) {
		json_decref(answer);
		return ctl_fail(c, &e);
	}
	json_decref(answer);
	printf("# rev %lld; give it another name to make another policy\n", (long long)p.rev);
	policy_print(&p, stdout);
	return CTL_DONE;
}

static void say_lines(const struct conf_errors *lines, const char *before)
{
	for (size_t i = 0; i < lines->n; i++)
		fprintf(stderr, "%s%s\n", before, lines->line[i]);
}

/* A secondary that hears no signer serves its version until its SOA expires; its RRSIGs should last as long.
 */
static void warn_of_expire(struct ctl *c, const struct policy *p)
{
	json_t *status = NULL;
	const json_t *z, *n;
	struct err e;
	size_t i, k;

	if (ctl_status(c, CTL_KEYDIST, NULL, &status, &e) != 0)
		return;
	json_array_foreach(jlist(status, "zones"), i, z)
	{
		json_int_t expire = 0, bound = p->propagation_s + p->max_ttl_signed_s;
		char a[CTL_WHEN_LEN], b[CTL_WHEN_LEN], d[CTL_WHEN_LEN];

		json_array_foreach(jlist(z, "nodes"), k,
				   n) if (jint(json_object_get(n, "status"), "soa_expire", 0) > expire)
			expire = jint(json_object_get(n, "status"), "soa_expire", 0);
		if (strcmp(jtext(z, "policy"), p->name) == 0 && p->renewal_margin_s < bound + expire)
			fprintf(stderr,
				"warning: %s: renewal-margin %s < propagation + max-ttl-signed %s + SOA "
				"expire %s: a secondary that "
				"hears no signer may serve RRSIGs that have ended before its zone expires\n",
				jtext(z, "zone"), ctl_span(p->renewal_margin_s, a), ctl_span(bound, b),
				ctl_span(expire, d));
	}
	json_decref(status);
}

/* Each by itself, or, as JSON, all in a list. */
static int say_mistakes(struct ctl *c, const struct conf_errors *errors)
{
	json_t *j;

	if (!c->json) {
		say_lines(errors, "duetctl: ");
		return CTL_FAILED;
	}
	j = json_pack("{s:s, s:s, s:[]}", "error", "syntax", "message", errors->n > 0 ? errors->line[0] : "", "mistakes");
	for (size_t i = 0; i < errors->n; i++)
		json_array_append_new(json_object_get(j, "mistakes"), json_string(errors->line[i]));
	json_dumpf(j, stderr, JSON_INDENT(2));
	fputc('\n', stderr);
	json_decref(j);
	return CTL_FAILED;
}

int cmd_policy_apply(struct ctl *c)
{
	struct conf_errors errors, warnings;
	json_t *body, *answer = NULL;
	struct policy p;
	int rc = policy_read_file(c->arg[0], &p, &errors, &warnings);

	if (rc != 0)
		rc = say_mistakes(c, &errors);
	if (rc == 0 || !c->json)
		say_lines(&warnings, "warning: ");
	conf_errors_free(&errors);
	conf_errors_free(&warnings);
	if (rc != 0)
		return rc;
	if (ctl_flag(c, "check")) {
		if (!ctl_json_new(c, json_pack("{s:s, s:b}", "name", p.name, "right", 1)))
			printf("policy %s is right\n", p.name);
		return CTL_DONE;
	}
	body = policy_to_json(&p);
	json_object_del(body, "rev");
	if (ctl_flag(c, "force"))
		json_object_set_new(body, "force", json_true());
	rc = ctl_call(c, CTL_KEYDIST, "PUT", http_path("/v1/policies/%s", p.name), body, &answer);
	json_decref(body);
	if (rc != 0)
		return CTL_FAILED;
	warn_of_expire(c, &p);
	if (!ctl_json(c, answer)) {
		printf("policy %s has rev %lld now\n", p.name, (long long)jint(answer, "rev", 0));
		json_decref(answer);
	}
	return CTL_DONE;
}
