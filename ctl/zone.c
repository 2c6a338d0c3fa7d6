/* SPDX-License-Identifier: BSD-3-Clause */
/* zone: zones of the cluster (through keydist) and what this host's signer does with them. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "http/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIGN_TIMEOUT_MS 600000 /* a large zone signs for minutes */
#define AUDIT_TIMEOUT_MS 3610000 /* the signer gives up before */

/* Gives the answer as JSON, or says the sentence. */
static int say(struct ctl *c, json_t *answer, const char *fmt, const char *zone)
{
	if (ctl_json(c, answer))
		return CTL_DONE;
	json_decref(answer);
	printf("%s ", zone);
	puts(fmt);
	return CTL_DONE;
}

/* A call that names the zone in its path. */
static int zone_call(struct ctl *c, enum ctl_daemon d, const char *method, const char *verb, json_t *body,
		     unsigned timeout_ms, json_t **answer)
{
	char *zone = ctl_zone_name(c->arg[0]), *base = http_path("/v1/zones/%s", zone);
	char *path = mem_printf("%s%s%s", base, *verb != '\0' ? "/" : "", verb);
	struct err e;
	int rc = ctl_try(c, d, method, path, body, timeout_ms, answer, &e);

	if (rc != 0)
		ctl_fail(c, &e);
	json_decref(body);
	free(base);
	free(zone);
	return rc;
}

static int zone_do(struct ctl *c, enum ctl_daemon d, const char *method, const char *verb, json_t *body,
		   const char *done)
{
	char *zone = ctl_zone_name(c->arg[0]);
	json_t *answer = NULL;
	int rc = CTL_FAILED;

	if (zone_call(c, d, method, verb, body, CTL_TIMEOUT_MS, &answer) == 0)
		rc = say(c, answer, done, zone);
	free(zone);
	return rc;
}

int cmd_zone_add(struct ctl *c)
{
	const char *source = ctl_option(c, "source"), *policy = ctl_option(c, "policy"), *from = ctl_option(c, "from");
	json_t *body, *answer = NULL;
	int rc = CTL_FAILED;
	char *zone;

	if ((from != NULL) == (c->args > 0) || (from != NULL && source != NULL))
		return ctl_misuse(c->command, "ZONE and --source, or --from FILE alone, must be given");
	if (from != NULL)
		return ctl_zone_add_from(c, from);
	if (source == NULL)
		return ctl_misuse(c->command, "--source must be given");
	if (ctl_flag(c, "key"))
		return ctl_misuse(c->command, "--key goes with --from; for one zone say key create");
	zone = ctl_zone_name(c->arg[0]);
	body = json_pack("{s:s, s:s, s:s*}", "zone", zone, "source", source, "policy", policy);
	if (ctl_call(c, CTL_KEYDIST, "POST", mem_strdup("/v1/zones"), body, &answer) == 0)
		rc = say(c, answer, "is added; duetctl key create makes its key", zone);
	json_decref(body);
	free(zone);
	return rc;
}

int cmd_zone_remove(struct ctl *c)
{
	return zone_do(c, CTL_KEYDIST, "DELETE", "", NULL, "is removed; its keys stay in the backups");
}

int cmd_zone_list(struct ctl *c)
{
	struct ctl_table t = { .columns = 5 };
	json_t *answer = NULL;
	const json_t *z;
	size_t i;

	if (ctl_call(c, CTL_KEYDIST, "GET", mem_strdup("/v1/zones"), NULL, &answer) != 0)
		return CTL_FAILED;
	if (ctl_json(c, answer))
		return CTL_DONE;
	ctl_table_add(&t, "ZONE");
	ctl_table_add(&t, "STATE");
	ctl_table_add(&t, "KEYS");
	ctl_table_add(&t, "POLICY");
	ctl_table_add(&t, "SOURCE");
	json_array_foreach(jlist(answer, "zones"), i, z)
	{
		const json_t *keys = json_object_get(z, "keys");

		ctl_table_add(&t, "%s", jtext(z, "zone"));
		ctl_table_add(&t, "%s", jtext(z, "state"));
		ctl_table_add(&t, "%lld",
			      json_is_array(keys) ? (long long)json_array_size(keys)
						  : (long long)json_integer_value(keys));
		ctl_table_add(&t, "%s", jtext(z, "policy"));
		ctl_table_add(&t, "%s", jtext(z, "source"));
	}
	ctl_table_print(&t);
	json_decref(answer);
	return CTL_DONE;
}

void ctl_print_servers(const char *what, const json_t *list, json_int_t now)
{
	struct ctl_table t = { .columns = 5 };
	char when[CTL_WHEN_LEN];
	const json_t *s;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	ctl_table_add(&t, "  %s", what);
	ctl_table_add(&t, "SERIAL");
	ctl_table_add(&t, "ANSWERS");
	ctl_table_add(&t, "VERSION");
	ctl_table_add(&t, "SEEN");
	json_array_foreach(list, i, s)
	{
		bool seen = jint(s, "seen_at", 0) > 0;

		ctl_table_add(&t, "  %s%s%s", jtext(s, "name"), *jtext(s, "name") == '\0' ? "" : " ", jtext(s, "address"));
		if (seen)
			ctl_table_add(&t, "%lld", (long long)jint(s, "serial", 0));
		else
			ctl_table_add(&t, "-");
		ctl_table_add(&t, "%s",
			      jbool(s, "ok")                       ? "yes"
			      : seen || *jtext(s, "error") != '\0' ? "no"
								   : "not asked yet");
		ctl_table_add(&t, "%s", !seen ? "-" : jbool(s, "explained") ? "known" : "of nobody known");
		ctl_table_add(&t, "%s", ctl_when(jint(s, "seen_at", 0), now, when));
	}
	ctl_table_print(&t);
}

static void line(const char *what, const char *text)
{
	if (*text != '\0')
		printf("%-14s %s\n", what, text);
}

static void print_times(const json_t *z, json_int_t now)
{
	char when[CTL_WHEN_LEN];

	if (jint(z, "published_at", 0) > 0)
		line("published", ctl_when(jint(z, "published_at", 0), now, when));
	if (jint(z, "earliest", 0) > 0 && jint(z, "earliest", 0) < now + 20 * 365 * 86400LL)
		line("first RRSIG end", ctl_when(jint(z, "earliest", 0), now, when));
	if (jint(z, "renewal_at", 0) > 0)
		line("renewal", ctl_when(jint(z, "renewal_at", 0), now, when));
}

/* What waits for a review, or was refused by one. */
static void print_review(const json_t *review, json_int_t now)
{
	const char *by = jtext(review, "by");
	char when[CTL_WHEN_LEN];

	if (jint(review, "serial", 0) > 0)
		printf("%-14s %s-review of serial %lld (input %lld) by %s, since %s%s\n", "review", jtext(review, "stage"),
		       (long long)jint(review, "serial", 0), (long long)jint(review, "input_serial", 0),
		       strcmp(by, "manual") == 0 ? "an operator: zone approve or reject" : by,
		       ctl_when(jint(review, "since", 0), now, when),
		       json_is_true(json_object_get(review, "passed")) ? "; it has passed" : "");
	line("halted", jtext(review, "halt"));
	line("refused", jtext(review, "refusal"));
	line("overridden", jtext(review, "override"));
}

int cmd_zone_status(struct ctl *c)
{
	json_t *z = NULL;
	const json_t *v;
	json_int_t now = (json_int_t)time(NULL);
	size_t i;

	if (zone_call(c, CTL_SIGNER, "GET", "status", NULL, CTL_TIMEOUT_MS, &z) != 0)
		return CTL_FAILED;
	if (ctl_json(c, z))
		return CTL_DONE;
	line("zone", jtext(z, "zone"));
	line("state", jtext(z, "state"));
	line("error", jtext(z, "error"));
	line("hold", jtext(z, "hold"));
	line("waits for", jtext(z, "held"));
	line("next", jtext(z, "next"));
	print_review(json_object_get(z, "review"), now);
	v = json_object_get(z, "override");
	if (json_is_object(v))
		printf("%-14s serial %lld at %s: %s\n", "last override", (long long)jint(v, "serial", 0), jtext(v, "node"), jtext(v, "reason"));
	line("source", jtext(z, "source"));
	line("policy", jtext(z, "policy"));
	printf("%-14s %lld", "serial", (long long)jint(z, "serial", 0));
	printf("   (input %lld, content %lld)\n", (long long)jint(z, "input_serial", 0),
	       (long long)jint(z, "content", 0));
	print_times(z, now);
	line("version", jtext(z, "id"));
	line("key set", jtext(z, "keyset"));
	json_array_foreach(jlist(z, "alarms"), i, v)
		line("ALARM", json_string_value(v) != NULL ? json_string_value(v) : "");
	json_array_foreach(jlist(z, "notices"), i, v)
		line("notice", json_string_value(v) != NULL ? json_string_value(v) : "");
	json_array_foreach(jlist(z, "peers"), i, v)
		printf("%-14s %s has serial %lld, content %lld\n", "peer", jtext(v, "name"),
		       (long long)jint(v, "serial", 0), (long long)jint(v, "content", 0));
	ctl_print_servers("SECONDARY", jlist(z, "secondaries"), now);
	ctl_print_servers("NAME SERVER", jlist(json_object_get(z, "name_servers"), "servers"), now);
	line("name server", jtext(json_object_get(z, "name_servers"), "missing"));
	json_decref(z);
	return CTL_DONE;
}

int cmd_zone_history(struct ctl *c)
{
	json_int_t now = (json_int_t)time(NULL);
	char when[CTL_WHEN_LEN];
	json_t *answer = NULL;
	const json_t *v;
	size_t i;

	if (zone_call(c, CTL_SIGNER, "GET", "history", NULL, CTL_TIMEOUT_MS, &answer) != 0)
		return CTL_FAILED;
	if (ctl_json(c, answer))
		return CTL_DONE;
	json_array_foreach(jlist(answer, "history"), i, v)
		printf("%s  %-8s %-8s serial %lld, input %lld, content %lld  %s\n", ctl_when(jint(v, "at", 0), now, when),
		       jtext(v, "step"), jtext(v, "result"), (long long)jint(v, "serial", 0),
		       (long long)jint(v, "input_serial", 0), (long long)jint(v, "content", 0), jtext(v, "reason"));
	json_decref(answer);
	return CTL_DONE;
}

int cmd_zone_sign(struct ctl *c)
{
	const bool rrset = ctl_flag(c, "rrset");
	json_t *body, *answer = NULL;

	if (c->args != (rrset ? 3 : 1))
		return ctl_misuse(c->command, "%s", rrset ? "--rrset wants ZONE NAME TYPE" : "NAME and TYPE go with --rrset");
	body = json_pack("{s:b,s:s*,s:s*}", "full", ctl_flag(c, "full"), "name", rrset ? c->arg[1] : NULL, "type",
			 rrset ? c->arg[2] : NULL);
	if (zone_call(c, CTL_SIGNER, "POST", "sign", body, SIGN_TIMEOUT_MS, &answer) != 0)
		return CTL_FAILED;
	if (ctl_json(c, answer))
		return CTL_DONE;
	printf("%s is published with serial %lld\n", c->arg[0], (long long)jint(answer, "serial", 0));
	json_decref(answer);
	return CTL_DONE;
}

int cmd_zone_audit(struct ctl *c)
{
	json_t *answer = NULL;
	int rc;

	if (zone_call(c, CTL_SIGNER, "POST", "audit", json_object(), AUDIT_TIMEOUT_MS, &answer) != 0)
		return CTL_FAILED;
	rc = strcmp(jtext(answer, "result"), "fine") == 0 ? CTL_DONE : CTL_FAILED;
	if (ctl_json(c, answer))
		return rc;
	if (rc == CTL_DONE)
		printf("%s serial %lld is fine: %lld records, %lld signatures verified\n", c->arg[0], (long long)jint(answer, "serial", 0),
		       (long long)jint(answer, "records", 0), (long long)jint(answer, "verified", 0));
	else
		fprintf(stderr, "duetctl: %s serial %lld did not pass: %s\n", c->arg[0], (long long)jint(answer, "serial", 0),
			jtext(answer, "why"));
	json_decref(answer);
	return rc;
}

int cmd_zone_hold(struct ctl *c)
{
	const char *reason = ctl_option(c, "reason");

	return zone_do(c, CTL_SIGNER, "POST", "hold",
		       json_pack("{s:s}", "reason", reason != NULL ? reason : "held by hand"),
		       "is held on this signer; what is served stays fresh");
}

int cmd_zone_resume(struct ctl *c)
{
	return zone_do(c, CTL_SIGNER, "POST", "resume", json_pack("{s:b}", "alone", ctl_flag(c, "alone")),
		       "goes on");
}

int cmd_zone_cross_audit(struct ctl *c)
{
	return zone_do(c, CTL_SIGNER, "POST", "cross-audit", json_object(), "is compared; what comes of it, zone status says");
}

int cmd_zone_accept_serial(struct ctl *c)
{
	return zone_do(c, CTL_SIGNER, "POST", "accept-serial", json_object(),
		       "takes its source's serial as it is");
}

int ctl_serial(struct ctl *c, unsigned long long least, json_int_t *serial)
{
	const char *text = c->arg[1];
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n < least || n > UINT32_MAX)
		return ctl_misuse(c->command, "%s: a serial is a number from %llu to 4294967295", text, least);
	*serial = (json_int_t)n;
	return 0;
}

int cmd_zone_floor(struct ctl *c)
{
	json_int_t serial;

	if (ctl_serial(c, 1, &serial) != 0)
		return CTL_MISUSED;
	return zone_do(c, CTL_SIGNER, "POST", "floor", json_pack("{s:I}", "serial", serial), "has a new floor for its serial");
}

int cmd_zone_approve(struct ctl *c)
{
	json_int_t serial;

	if (ctl_serial(c, 0, &serial) != 0)
		return CTL_MISUSED;
	return zone_do(c, CTL_SIGNER, "POST", "approve", json_pack("{s:I}", "serial", serial), "goes on: it is approved");
}

int cmd_zone_reject(struct ctl *c)
{
	const char *reason = ctl_option(c, "reason");
	json_int_t serial;

	if (ctl_serial(c, 0, &serial) != 0)
		return CTL_MISUSED;
	return zone_do(c, CTL_SIGNER, "POST", "reject", json_pack("{s:I,s:s*}", "serial", serial, "reason", reason),
		       "stays as it is published: the candidate is rejected");
}

int cmd_zone_override(struct ctl *c)
{
	const char *reason = ctl_option(c, "reason");
	json_int_t serial;

	if (ctl_serial(c, 0, &serial) != 0)
		return CTL_MISUSED;
	if (reason == NULL)
		return ctl_misuse(c->command, "--reason must be given");
	return zone_do(c, CTL_SIGNER, "POST", "override", json_pack("{s:I,s:s}", "serial", serial, "reason", reason),
		       "publishes this content whatever was said against it");
}
