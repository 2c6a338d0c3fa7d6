/* SPDX-License-Identifier: BSD-3-Clause */
/* drill: readiness printed; failover done (failover.c). */
#include "ctl/command.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "ctl/readiness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_MS     5000
#define PROBED_ZONES 50 /* with more, what the signers saw last must do */

static void print_zone(const json_t *z)
{
	struct ctl_table t = { .columns = 3 };
	const json_t *check;
	size_t i;

	printf("  %s: %s\n", jtext(z, "zone"), jbool(z, "ready") ? "ready" : "NOT READY");
	json_array_foreach(jlist(z, "checks"), i, check)
	{
		ctl_table_add(&t, "    %s", jtext(check, "result"));
		ctl_table_add(&t, "%s", jtext(check, "check"));
		ctl_table_add(&t, "%s", jtext(check, "message"));
	}
	ctl_table_print(&t);
}

static void print_node(const json_t *r)
{
	const json_t *z;
	size_t i;

	if (json_array_size(jlist(r, "zones")) == 0)
		printf("%s: there is no zone\n", jtext(r, "node"));
	else if (jbool(r, "ready"))
		printf("%s could die now\n", jtext(r, "node"));
	else
		printf("%s must not die now\n", jtext(r, "node"));
	json_array_foreach(jlist(r, "zones"), i, z) print_zone(z);
}

static bool zone_known(const json_t *status, const char *zone)
{
	const json_t *z;
	size_t i;

	json_array_foreach(jlist(status, "zones"), i, z) if (strcmp(jtext(z, "zone"), zone) == 0) return true;
	return false;
}

/* One signer asks the zone's secondaries now; what they show takes the place of what its status remembers. */
static void ask_secondaries(struct ctl *c, const char *zone, json_t *entry)
{
	json_t *word = json_object_get(entry, "status"), *answer = NULL;
	struct err e;

	if (json_array_size(jlist(word, "secondaries")) == 0)
		return;
	if (ctl_request(c, jtext(entry, "name"), "probe-secondaries", json_pack("{s:s}", "zone", zone),
			PROBE_MS, &answer, &e) == 0 &&
	    jlist(answer, "secondaries") != NULL)
		json_object_set(word, "secondaries", json_object_get(answer, "secondaries"));
	json_decref(answer);
}

/* Every living signer asks its secondaries now, where that is not too much at once. */
static void refresh(struct ctl *c, json_t *status, const char *zone)
{
	int64_t began_ms = clock_mono_ms();
	json_t *zones = json_object_get(status, "zones"), *z, *entry;
	size_t i, k;

	if (zone == NULL && json_array_size(zones) > PROBED_ZONES)
		return;
	json_array_foreach(zones, i, z)
	{
		if (zone != NULL && strcmp(jtext(z, "zone"), zone) != 0)
			continue;
		ctl_progress(c, clock_mono_ms() - began_ms, "%s: asking its secondaries", jtext(z, "zone"));
		json_array_foreach(json_object_get(z, "nodes"), k,
				   entry) if (readiness_lives(status, jtext(entry, "name")))
			ask_secondaries(c, jtext(z, "zone"), entry);
	}
	ctl_progress_end(c);
}

/* The rule for one signer, or for each that counts. */
static json_t *judge(const json_t *status, const char *node, const char *zone)
{
	json_t *results = json_array();
	const json_t *n;
	size_t i;

	json_array_foreach(jlist(status, "nodes"), i, n)
	{
		const char *name = jtext(n, "name");

		if (strcmp(jtext(n, "role"), "signer") != 0 || (node != NULL && strcmp(name, node) != 0))
			continue;
		if (node != NULL || (jbool(n, "counted") && !jbool(n, "retired")))
			json_array_append_new(results, readiness_of(status, name, zone));
	}
	return results;
}

int cmd_drill_readiness(struct ctl *c)
{
	const char *node = ctl_option(c, "node"), *text = ctl_option(c, "zone");
	char *zone = text != NULL ? ctl_zone_name(text) : NULL;
	json_t *status = NULL, *results = NULL;
	const json_t *r;
	bool ready = true;
	size_t i;
	int rc = CTL_FAILED;
	struct err e;

	if (ctl_status(c, CTL_KEYDIST, zone, &status, &e) != 0) {
		ctl_fail(c, &e);
		goto out;
	}
	if (zone != NULL && !zone_known(status, zone)) {
		ctl_fail_text(c, "%s: no such zone", zone);
		goto out;
	}
	refresh(c, status, zone);
	results = judge(status, node, zone);
	if (json_array_size(results) == 0) {
		ctl_fail_text(c, "%s: no such signer", node != NULL ? node : "the cluster");
		goto out;
	}
	json_array_foreach(results, i, r)
	{
		ready &= jbool(r, "ready");
		if (!c->json)
			print_node(r);
	}
	ctl_json_new(c, json_pack("{s:b, s:O}", "ready", ready, "nodes", results));
	rc = ready ? CTL_DONE : CTL_FAILED;
out:
	json_decref(results);
	json_decref(status);
	free(zone);
	return rc;
}
