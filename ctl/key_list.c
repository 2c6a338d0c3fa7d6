/* SPDX-License-Identifier: BSD-3-Clause */
/* key_list: keys in tables. */
#include "ctl/command.h"

#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- of all zones: one row a key ---- */

static void key_row(struct ctl_table *t, const char *zone, const json_t *k)
{
	char *held = jjoin(jlist(k, "held"), ","), *stored = jjoin(jlist(k, "stored"), ","),
	     *serves = jjoin(jlist(k, "serves"), ","), *missing = jjoin(jlist(k, "missing"), ",");

	ctl_table_add(t, "%s", zone);
	ctl_table_add(t, "%lld/%lld", (long long)jint(k, "tag", 0), (long long)jint(k, "algorithm", 0));
	ctl_table_add(t, "%s", jtext(k, "role"));
	ctl_table_add(t, "%.8s", jtext(k, "hash"));
	if (jbool(k, "declined"))
		ctl_table_add(t, "declined");
	else if (jbool(k, "distributed"))
		ctl_table_add(t, "distributed");
	else
		ctl_table_add(t, "waits for %s", missing);
	ctl_table_add(t, "%s", *held != '\0' ? held : "-");
	ctl_table_add(t, "%s", *stored != '\0' ? stored : "-");
	ctl_table_add(t, "%s", *serves != '\0' ? serves : "-");
	free(held);
	free(stored);
	free(serves);
	free(missing);
}

static const char *const key_heads[] = { "ZONE",  "TAG/ALG", "ROLE",      "HASH",
					 "STATE", "HELD BY", "STORED BY", "SERVED BY" };

void ctl_key_table(struct ctl_table *t)
{
	t->columns = sizeof(key_heads) / sizeof(key_heads[0]);
	for (size_t i = 0; i < t->columns; i++)
		ctl_table_add(t, "%s", key_heads[i]);
}

void ctl_key_rows(struct ctl_table *t, const char *zone, const json_t *keys)
{
	const json_t *k;
	size_t i;

	json_array_foreach(keys, i, k) key_row(t, zone, k);
}

static json_t *keys_by_zone(const json_t *status)
{
	json_t *all = json_array();
	const json_t *z;
	size_t i;

	json_array_foreach(jlist(status, "zones"), i, z)
	{
		json_t *keys = json_object_get(z, "keys");

		json_array_append_new(all, json_pack("{s:s, s:o}", "zone", jtext(z, "zone"), "keys",
						     json_is_array(keys) ? json_incref(keys) : json_array()));
	}
	return json_pack("{s:o}", "zones", all);
}

static int list_all(struct ctl *c)
{
	struct ctl_table t = { .columns = 0 };
	json_t *answer = NULL;
	const json_t *z;
	size_t i;
	struct err e;

	if (ctl_status(c, CTL_KEYDIST, NULL, &answer, &e) != 0)
		return ctl_fail(c, &e);
	if (!ctl_json_new(c, keys_by_zone(answer))) {
		ctl_key_table(&t);
		json_array_foreach(jlist(answer, "zones"), i, z)
			ctl_key_rows(&t, jtext(z, "zone"), jlist(z, "keys"));
		ctl_table_print(&t);
	}
	json_decref(answer);
	return CTL_DONE;
}

/* ---- of one zone: one row a record, one column a signer ---- */

static const char *const records[] = { "dnskey", "zone", "ds" };
#define RECORDS (sizeof(records) / sizeof(records[0]))

/* The signers that any record names; all records name all that count. */
static const json_t *signers_of(const json_t *keys)
{
	return json_object_get(json_object_get(json_object_get(json_array_get(keys, 0), "records"), "dnskey"), "signers");
}

static void add_record(struct ctl_table *t, const json_t *k, const json_t *all, size_t i, bool first)
{
	json_t *r = json_object_get(json_object_get(k, "records"), records[i]), *word;
	const char *name;

	if (first)
		ctl_table_add(t, "%lld/%lld", (long long)jint(k, "tag", 0), (long long)jint(k, "algorithm", 0));
	else
		ctl_table_add(t, "%s", "");
	ctl_table_add(t, "%s", first ? jtext(k, "role") : "");
	ctl_table_add(t, "%.8s", first ? jtext(k, "hash") : "");
	ctl_table_add(t, "%s", records[i]);
	ctl_table_add(t, "%s%s", jtext(r, "phase"), jbool(r, "goes") ? ", goes" : "");
	json_object_foreach((json_t *)all, name, word)
		ctl_table_add(t, "%s", jtext(json_object_get(r, "signers"), name));
}

void ctl_key_trouble(const json_t *key)
{
	const char *text = json_string_value(json_object_get(key, "trouble"));

	if (text != NULL)
		printf("  %s\n", text);
}

static void print_next(const json_t *keys)
{
	const json_t *k;
	size_t i;

	json_array_foreach(keys, i, k)
	{
		const int64_t next_s = jint(k, "next_s", -1);
		char when[CTL_WHEN_LEN];

		printf("%lld/%lld: %s", (long long)jint(k, "tag", 0), (long long)jint(k, "algorithm", 0), jtext(k, "why"));
		if (next_s >= 0)
			printf("; next step here at the earliest in %s", ctl_span(next_s, when));
		putchar('\n');
		ctl_key_trouble(k);
	}
}

void ctl_key_missing_server(const json_t *answer)
{
	if (*jtext(answer, "missing_server") != '\0')
		printf("%s\n", jtext(answer, "missing_server"));
}

static void print_zone(const json_t *keys)
{
	const json_t *all = signers_of(keys), *k;
	struct ctl_table t = { .columns = 5 + json_object_size(all) };
	const char *name;
	json_t *word;
	size_t i;

	ctl_table_add(&t, "TAG/ALG");
	ctl_table_add(&t, "ROLE");
	ctl_table_add(&t, "HASH");
	ctl_table_add(&t, "RECORD");
	ctl_table_add(&t, "STATE");
	json_object_foreach((json_t *)all, name, word) ctl_table_add(&t, "%s", name);
	json_array_foreach(keys, i, k)
	{
		bool first = true;

		for (size_t j = 0; j < RECORDS; j++)
			if (json_object_get(json_object_get(k, "records"), records[j]) != NULL) {
				add_record(&t, k, all, j, first);
				first = false;
			}
	}
	ctl_table_print(&t);
	print_next(keys);
}

int cmd_key_list(struct ctl *c)
{
	json_t *answer = NULL;
	char *zone;
	int rc;

	if (c->args == 0)
		return list_all(c);
	zone = ctl_zone_name(c->arg[0]);
	rc = ctl_call(c, CTL_KEYDIST, "GET", http_path("/v1/zones/%s/keys", zone), NULL, &answer);
	free(zone);
	if (rc != 0)
		return CTL_FAILED;
	if (!ctl_json(c, answer)) {
		print_zone(jlist(answer, "keys"));
		ctl_key_missing_server(answer);
		json_decref(answer);
	}
	return CTL_DONE;
}
