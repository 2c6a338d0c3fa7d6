/* SPDX-License-Identifier: BSD-3-Clause */
/* status: the cluster on one screen; the facts as JSON lines; reload of this host's daemons. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- facts ---- */

static int print_octets(void *ctx, const char *octets, size_t len)
{
	(void)ctx;
	return fwrite(octets, 1, len, stdout) == len ? 0 : -1;
}

static int print_facts(struct ctl *c, const char *zone)
{
	char *path = zone != NULL ? http_path("/v1/facts?zone=%s", zone) : mem_strdup("/v1/facts");
	struct err e;
	int rc = http_fetch(ctl_socket(c, CTL_KEYDIST), path, CTL_TIMEOUT_MS, print_octets, NULL, &e);

	free(path);
	return rc == 0 ? CTL_DONE : ctl_fail(c, &e);
}

/* ---- the screen ---- */

static void print_here(const json_t *s)
{
	const json_t *node = json_object_get(s, "node"), *clock = json_object_get(s, "clock"), *a;
	size_t i;

	printf("%s (%s)", jtext(node, "name"), jtext(node, "role"));
	if (clock != NULL)
		printf(", clock %s: %s", jbool(clock, "vouched") ? "vouched for" : "NOT vouched for",
		       jtext(clock, "why"));
	putchar('\n');
	if (jbool(s, "set_back"))
		printf("SET BACK: this node was set back to an old copy of its data\n");
	if (*jtext(s, "hold") != '\0')
		printf("HOLD: %s\n", jtext(s, "hold"));
	if (json_object_get(s, "compared") != NULL && !jbool(s, "compared"))
		printf("NOT COMPARED: no other node has answered since the start; duetctl zone resume ZONE "
		       "--alone\n");
	json_array_foreach(jlist(s, "alarms"), i, a)
		printf("ALARM: %s%s%s\n", jtext(a, "zone"), *jtext(a, "zone") != '\0' ? ": " : "",
		       jtext(a, "message"));
	json_array_foreach(jlist(s, "zones"), i, a)
		if (*jtext(a, "warning") != '\0')
			printf("WARNING: %s: %s\n", jtext(a, "zone"), jtext(a, "warning"));
	putchar('\n');
}

static void zone_rows(struct ctl_table *t, const json_t *z, json_int_t now)
{
	const json_t *n;
	size_t i;

	json_array_foreach(jlist(z, "nodes"), i, n)
	{
		const json_t *w = json_object_get(n, "status");
		json_int_t heard = jint(n, "heard_ms", -1);
		char when[CTL_WHEN_LEN];

		ctl_table_add(t, "%s", i == 0 ? jtext(z, "zone") : "");
		ctl_table_add(t, "%s%s", jtext(n, "name"),
			      !jbool(n, "self") && (heard < 0 || heard > 10000) ? " (not heard)" : "");
		ctl_table_add(t, "%s", *jtext(w, "state") != '\0' ? jtext(w, "state") : jtext(z, "state"));
		ctl_table_add(t, "%lld", (long long)jint(w, "serial", 0));
		ctl_table_add(t, "%lld", (long long)jint(w, "content", 0));
		ctl_table_add(t, "%.8s",
			      *jtext(w, "keyset") != '\0' ? jtext(w, "keyset")
			      : jint(w, "serial", 0) > 0  ? "unsigned"
							  : "-");
		if (*jtext(w, "keyset") == '\0')
			ctl_table_add(t, "-");
		else
			ctl_table_add(t, "%s", ctl_when(jint(w, "earliest", 0), now, when));
		ctl_table_add(t, "%s", jtext(w, "error"));
	}
	if (json_array_size(jlist(z, "nodes")) == 0) {
		ctl_table_add(t, "%s", jtext(z, "zone"));
		ctl_table_add(t, "-");
		ctl_table_add(t, "%s", jtext(z, "state"));
		for (int k = 0; k < 5; k++)
			ctl_table_add(t, "-");
	}
}

static void print_zones(const json_t *zones, json_int_t now)
{
	static const char *const heads[] = { "ZONE",    "SIGNER",  "STATE",           "SERIAL",
					     "CONTENT", "KEY SET", "FIRST RRSIG END", "NOTE" };
	struct ctl_table t = { .columns = 8 };
	const json_t *z;
	size_t i;

	for (i = 0; i < t.columns; i++)
		ctl_table_add(&t, "%s", heads[i]);
	json_array_foreach(zones, i, z) zone_rows(&t, z, now);
	ctl_table_print(&t);
}

static void print_keys(const json_t *zones)
{
	struct ctl_table t = { .columns = 0 };
	const json_t *z;
	size_t i;

	ctl_key_table(&t);
	json_array_foreach(zones, i, z) ctl_key_rows(&t, jtext(z, "zone"), jlist(z, "keys"));
	ctl_table_print(&t);
}

static void print_all_secondaries(const json_t *zones, json_int_t now)
{
	const json_t *z, *n;
	size_t i, k;

	json_array_foreach(zones, i, z)
	{
		json_array_foreach(jlist(z, "nodes"), k, n)
		{
			const json_t *list = jlist(json_object_get(n, "status"), "secondaries");

			if (json_array_size(list) == 0)
				continue;
			printf("\nsecondaries of %s at %s\n", jtext(z, "zone"), jtext(n, "name"));
			ctl_print_servers("SECONDARY", list, now);
		}
	}
}

/* The zones of the answer, or the one that was asked for; a new reference. */
static json_t *chosen_zones(const json_t *s, const char *zone)
{
	json_t *zones = json_array(), *z;
	size_t i;

	json_array_foreach(jlist(s, "zones"), i, z) if (zone == NULL || strcmp(jtext(z, "zone"), zone) == 0)
		json_array_append(zones, z);
	return zones;
}

static int print_status(struct ctl *c, enum ctl_daemon d, const char *zone)
{
	json_t *s = NULL, *zones;
	json_int_t now;
	struct err e;

	if (ctl_status(c, d, zone, &s, &e) != 0)
		return ctl_fail(c, &e);
	zones = chosen_zones(s, zone);
	if (zone != NULL && json_array_size(zones) == 0) {
		json_decref(zones);
		json_decref(s);
		return ctl_fail_text(c, "%s: no such zone", zone);
	}
	if (zone != NULL && json_object_get(s, "zones") != NULL)
		json_object_set(s, "zones", zones);
	if (c->json) {
		ctl_json(c, s);
		json_decref(zones);
		return CTL_DONE;
	}
	now = jint(s, "now", (json_int_t)time(NULL));
	print_here(s);
	ctl_print_nodes(jlist(s, "nodes"));
	if (json_array_size(zones) > 0) {
		putchar('\n');
		print_zones(zones, now);
		putchar('\n');
		print_keys(zones);
		print_all_secondaries(zones, now);
	}
	json_decref(zones);
	json_decref(s);
	return CTL_DONE;
}

int cmd_status(struct ctl *c)
{
	const char *text = ctl_option(c, "zone");
	char *zone = text != NULL ? ctl_zone_name(text) : NULL;
	bool backup = (c->conf->backupd.present && !c->conf->keydist.present) ||
		      (c->socket[CTL_BACKUPD] != NULL && c->socket[CTL_KEYDIST] == NULL);
	int rc;

	if (ctl_flag(c, "facts"))
		rc = print_facts(c, zone);
	else
		rc = print_status(c, backup ? CTL_BACKUPD : CTL_KEYDIST, zone);
	free(zone);
	return rc;
}

/* ---- reload ---- */

int cmd_reload(struct ctl *c)
{
	const struct {
		const char *name;
		bool here;
		enum ctl_daemon daemon;
	} daemons[] = {
		{ "keydist", c->conf->keydist.present || c->socket[CTL_KEYDIST] != NULL, CTL_KEYDIST },
		{ "signer", c->conf->signer.present || c->socket[CTL_SIGNER] != NULL, CTL_SIGNER },
		{ "backupd", c->conf->backupd.present || c->socket[CTL_BACKUPD] != NULL, CTL_BACKUPD },
	};
	json_t *done = json_array();
	int rc = CTL_DONE, asked = 0;

	for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++) {
		struct err e;

		if (!daemons[i].here)
			continue;
		asked++;
		if (ctl_try(c, daemons[i].daemon, "POST", mem_strdup("/v1/reload"), NULL, CTL_TIMEOUT_MS,
			    NULL, &e) == 0) {
			json_array_append_new(done, json_string(daemons[i].name));
			if (!c->json)
				printf("%s has the new configuration\n", daemons[i].name);
		} else {
			err_ctx(&e, "%s keeps the old configuration", daemons[i].name);
			rc = ctl_fail(c, &e);
		}
	}
	if (asked == 0)
		rc = ctl_fail_text(c, "%s has no section of a daemon", c->conf->path);
	ctl_json_new(c, json_pack("{s:O}", "reloaded", done));
	json_decref(done);
	return rc;
}
