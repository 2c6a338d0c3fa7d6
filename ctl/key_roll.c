/* SPDX-License-Identifier: BSD-3-Clause */
/* key_roll: rolling and withdrawing keys, an operator's word on the parent, and what keys wait for. */
#include "ctl/command.h"

#include "clock/clock.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- roll ---- */

static void print_roll(const json_t *answer, bool dry)
{
	const int64_t now = clock_now_s();
	const json_t *k, *s;
	size_t i, j;

	json_array_foreach(jlist(answer, "keys"), i, k)
	{
		printf("key %lld/%lld %s %s\n", (long long)jint(k, "tag", 0), (long long)jint(k, "algorithm", 0),
		       jtext(k, "role"),
		       dry                    ? "would be rolled"
		       : jbool(k, "existing") ? "is rolled already"
					      : "is rolled");
		if (json_array_size(jlist(k, "calendar")) > 0)
			printf("  at the earliest, when every signer and server answers at once:\n");
		json_array_foreach(jlist(k, "calendar"), j, s)
		{
			char when[CTL_WHEN_LEN], text[CLOCK_TEXT_LEN];

			printf("  %s  in %-10s %s\n", clock_text(now + jint(s, "after_s", 0), text),
			       ctl_span(jint(s, "after_s", 0), when), jtext(s, "what"));
		}
		if (jlist(k, "faster") != NULL)
			printf("  this is as fast as is safe; anything faster breaks:\n");
		json_array_foreach(jlist(k, "faster"), j, s) printf("    %s\n", json_string_value(s));
	}
}

int cmd_key_roll(struct ctl *c)
{
	const bool dry = ctl_flag(c, "dry-run");
	json_t *body, *answer = NULL;
	char *zone;
	int rc;

	body = json_pack("{s:b,s:b,s:b}", "now", ctl_flag(c, "now"), "dry_run", dry, "standby", ctl_flag(c, "standby"));
	if (ctl_key_kind(c, body) != 0) {
		json_decref(body);
		return CTL_MISUSED;
	}
	zone = ctl_zone_name(c->arg[0]);
	rc = ctl_call(c, CTL_KEYDIST, "POST", http_path("/v1/zones/%s/roll", zone), body, &answer);
	json_decref(body);
	free(zone);
	if (rc != 0)
		return CTL_FAILED;
	if (!ctl_json(c, answer)) {
		print_roll(answer, dry);
		json_decref(answer);
	}
	return CTL_DONE;
}

/* ---- steps by hand ---- */

int cmd_key_release(struct ctl *c)
{
	static const struct {
		const char *record, *comes, *goes;
	} texts[] = {
		{ "dnskey", "its DNSKEY is published", "its DNSKEY goes" },
		{ "zone", "it signs the zone", "its signatures go" },
		{ "ds", "CDS names it; the parent is to publish its DS", "CDS ceases to name it; the parent is to take its DS out" },
		{ "all", "the standby key takes its place, step by step", "" },
	};
	char *zone = ctl_zone_name(c->arg[0]);
	json_t *body = json_pack("{s:b}", "dry_run", ctl_flag(c, "dry-run")), *answer = NULL;
	const json_t *step;
	size_t i;
	int rc;

	if (c->args > 1)
		json_object_set_new(body, "key", json_string(c->arg[1]));
	rc = ctl_call(c, CTL_KEYDIST, "POST", http_path("/v1/zones/%s/release", zone), body, &answer);
	json_decref(body);
	free(zone);
	if (rc != 0)
		return CTL_FAILED;
	if (!ctl_json(c, answer)) {
		json_array_foreach(jlist(answer, "steps"), i, step)
			for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++)
				if (strcmp(texts[t].record, jtext(step, "record")) == 0)
					printf("key %lld/%lld %s: %s%s\n", (long long)jint(step, "tag", 0),
					       (long long)jint(step, "algorithm", 0), jtext(step, "role"),
					       jbool(step, "goes") ? texts[t].goes : texts[t].comes,
					       ctl_flag(c, "dry-run") ? " (when released)" : "");
		json_decref(answer);
	}
	return CTL_DONE;
}

static int withdraw_foreign(struct ctl *c)
{
	char *zone = ctl_zone_name(c->arg[0]);
	json_t *body = json_object(), *answer = NULL;
	const int rc = ctl_call(c, CTL_KEYDIST, "POST", http_path("/v1/zones/%s/keys/%s/withdraw", zone, c->arg[1]), body, &answer);

	json_decref(body);
	if (rc == 0 && !ctl_json(c, answer)) {
		printf("key %lld/%lld goes: first its DS, then its DNSKEY; see duetctl key explain\n", (long long)jint(answer, "tag", 0),
		       (long long)jint(answer, "algorithm", 0));
		json_decref(answer);
	}
	free(zone);
	return rc == 0 ? CTL_DONE : CTL_FAILED;
}

int cmd_key_withdraw(struct ctl *c)
{
	if (c->args == 2)
		return withdraw_foreign(c);

	char *zone = ctl_zone_name(c->arg[0]);
	json_t *body = json_object(), *answer = NULL;
	int rc = ctl_call(c, CTL_KEYDIST, "POST", http_path("/v1/zones/%s/withdraw", zone), body, &answer);

	json_decref(body);
	json_decref(answer);
	if (rc == 0 && !ctl_json_new(c, json_pack("{s:s,s:b}", "zone", zone, "secure", 0)))
		printf("%s becomes insecure: CDS says DELETE once no signer names a key, and the signatures stay until the DS is "
		       "gone; see duetctl key explain\n",
		       zone);
	free(zone);
	return rc == 0 ? CTL_DONE : CTL_FAILED;
}

/* ---- the parent ---- */

static int word_on_parent(struct ctl *c, bool seen)
{
	json_t *body = json_pack("{s:b}", "seen", seen), *answer = NULL;
	char *zone;
	const json_t *k;
	long ttl = 0;
	size_t i;
	int rc;

	if (ctl_seconds(c, "ttl", 86400, &ttl) != 0) {
		json_decref(body);
		return CTL_MISUSED;
	}
	json_object_set_new(body, "ttl", json_integer(ttl));
	if (c->args > 1)
		json_object_set_new(body, "key", json_string(c->arg[1]));
	zone = ctl_zone_name(c->arg[0]);
	rc = ctl_call(c, CTL_KEYDIST, "POST", http_path("/v1/zones/%s/parent", zone), body, &answer);
	json_decref(body);
	if (rc == 0 && !ctl_json(c, answer)) {
		json_array_foreach(jlist(answer, "keys"), i, k)
			printf("%s: every server of the parent shows %s DS of key %lld: so you say\n", zone, seen ? "the" : "no",
			       (long long)jint(k, "tag", 0));
		json_decref(answer);
	}
	free(zone);
	return rc == 0 ? CTL_DONE : CTL_FAILED;
}

int cmd_key_ds_seen(struct ctl *c)
{
	return word_on_parent(c, true);
}

int cmd_key_ds_gone(struct ctl *c)
{
	return word_on_parent(c, false);
}

/* ---- explain ---- */

static void explain(const json_t *k)
{
	static const char *const records[] = { "dnskey", "zone", "ds" };
	const json_t *all = json_object_get(k, "records");

	printf("key %lld/%lld %s %.8s: %s\n", (long long)jint(k, "tag", 0), (long long)jint(k, "algorithm", 0),
	       jtext(k, "role"), jtext(k, "hash"), jtext(k, "why"));
	ctl_key_trouble(k);
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		json_t *r = json_object_get(all, records[i]), *word;
		const char *name;

		if (r == NULL)
			continue;
		printf("  %-7s %-12s%s", records[i], jtext(r, "phase"), jbool(r, "goes") ? " goes" : "");
		json_object_foreach(json_object_get(r, "signers"), name, word)
			printf("  %s: %s", name, json_string_value(word));
		putchar('\n');
	}
}

int cmd_key_explain(struct ctl *c)
{
	char *zone = ctl_zone_name(c->arg[0]);
	json_t *answer = NULL;
	const json_t *k;
	size_t i;
	int rc;

	rc = ctl_call(c, CTL_KEYDIST, "GET",
		      c->args > 1 ? http_path("/v1/zones/%s/keys/%s", zone, c->arg[1]) : http_path("/v1/zones/%s/keys", zone),
		      NULL, &answer);
	free(zone);
	if (rc != 0)
		return CTL_FAILED;
	if (!ctl_json(c, answer)) {
		if (c->args > 1)
			explain(answer);
		else
			json_array_foreach(jlist(answer, "keys"), i, k) explain(k);
		ctl_key_missing_server(answer);
		json_decref(answer);
	}
	return CTL_DONE;
}
