/* SPDX-License-Identifier: BSD-3-Clause */
/* many: zones out of a file, and keys for many zones, by the batch. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "dname/dname.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH       250
#define BATCH_MS    120000
#define POLL_MS     200
#define LINE_OCTETS 2048

struct many {
	struct ctl *c;
	int64_t began_ms;
	json_int_t zones, added, existing, made;
	json_t *refused;
};

static json_t *rows_of(json_t *all, size_t from)
{
	json_t *batch = json_array();

	for (size_t i = from; i < from + BATCH && i < json_array_size(all); i++)
		json_array_append(batch, json_array_get(all, i));
	return batch;
}

static int post(struct many *m, const char *path, json_t *batch, json_t **answer, struct err *e)
{
	json_t *body = json_pack("{s:O}", "zones", batch);
	int rc = ctl_patient_for(m->c, path, body, BATCH_MS, answer, e);

	json_decref(body);
	return rc;
}

/* ---- the file ---- */

/* "ZONE [SOURCE [POLICY]]"; without SOURCE it is file:ZONE.zone. */
static int read_line(const char *line, const char *policy, json_t **out, struct err *e)
{
	char zone[LINE_OCTETS], source[LINE_OCTETS], own[LINE_OCTETS], rest[2], text[DNAME_TEXT_MAX];
	uint8_t name[DNAME_MAX];
	int n = sscanf(line, "%2047s %2047s %2047s %1s", zone, source, own, rest);

	*out = NULL;
	if (n < 1 || zone[0] == '#')
		return 0;
	if (n > 3)
		return err_set(e, ERR_SYNTAX, "more than ZONE SOURCE POLICY");
	if (dname_from_text(zone, name, e) != 0)
		return -1;
	dname_to_text(name, text);
	if (n == 1)
		snprintf(source, sizeof(source), "file:%s%.1000szone", name[0] == 0 ? "root" : "", text);
	*out = json_pack("{s:s,s:s,s:s*}", "zone", text, "source", source, "policy", n == 3 ? own : policy);
	return 0;
}

static json_t *read_file(const char *path, const char *policy, struct err *e)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char line[LINE_OCTETS];
	json_t *all, *row;
	size_t number = 0;
	int rc = 0;

	if (f == NULL) {
		err_errno(e, "%s", path);
		return NULL;
	}
	all = json_array();
	while (rc == 0 && fgets(line, sizeof(line), f) != NULL) {
		number++;
		if (strlen(line) == sizeof(line) - 1)
			rc = err_set(e, ERR_LIMIT, "a line of more than %zu octets", sizeof(line) - 2);
		else if ((rc = read_line(line, policy, &row, e)) == 0 && row != NULL)
			json_array_append_new(all, row);
	}
	if (f != stdin)
		fclose(f);
	if (rc == 0)
		return all;
	err_ctx(e, "%s:%zu", path, number);
	json_decref(all);
	return NULL;
}

/* ---- zones and keys ---- */

static int add_zones(struct many *m, json_t *all, struct err *e)
{
	for (size_t i = 0; i < json_array_size(all); i += BATCH) {
		json_t *batch = rows_of(all, i), *answer = NULL;
		int rc = post(m, "/v1/many/zones", batch, &answer, e);

		json_decref(batch);
		if (rc != 0)
			return -1;
		m->added += jint(answer, "added", 0);
		m->existing += jint(answer, "existing", 0);
		json_array_extend(m->refused, json_object_get(answer, "refused"));
		json_decref(answer);
		ctl_progress(m->c, clock_mono_ms() - m->began_ms, "%lld of %zu zones added",
			     (long long)(m->added + m->existing), json_array_size(all));
	}
	return 0;
}

static int make_keys(struct many *m, json_t *names, struct err *e)
{
	for (size_t i = 0; i < json_array_size(names); i += BATCH) {
		json_t *batch = rows_of(names, i), *answer = NULL;
		int rc = post(m, "/v1/many/keys", batch, &answer, e);

		json_decref(batch);
		if (rc != 0)
			return -1;
		m->made += jint(answer, "made", 0);
		json_array_extend(m->refused, json_object_get(answer, "refused"));
		json_decref(answer);
		ctl_progress(m->c, clock_mono_ms() - m->began_ms, "%lld keys made for %zu zones", (long long)m->made,
			     json_array_size(names));
	}
	return 0;
}

static int progress(struct many *m, json_int_t *waiting, json_t **answer, struct err *e)
{
	if (ctl_try(m->c, CTL_KEYDIST, "GET", mem_strdup("/v1/many/progress"), NULL, CTL_TIMEOUT_MS, answer, e) != 0)
		return -1;
	*waiting = jint(*answer, "keys", 0) - jint(*answer, "distributed", 0);
	return 0;
}

/* Until no more keys wait than did before. */
static int wait_distributed(struct many *m, json_int_t before, long timeout_s, struct err *e)
{
	for (;;) {
		const int64_t waited_ms = clock_mono_ms() - m->began_ms;
		json_t *answer = NULL;
		json_int_t waiting = 0;
		char *missing;
		int rc;

		if (progress(m, &waiting, &answer, e) != 0)
			return -1;
		if (!jbool(answer, "busy") && waiting <= before) {
			json_decref(answer);
			return 0;
		}
		missing = jjoin(jlist(answer, "missing"), ", ");
		rc = waited_ms < timeout_s * 1000
			     ? 0
			     : err_set(e, ERR_TIMEOUT,
				       "%lld keys are made and not yet distributed after %ld s: missing %s; nothing is "
				       "lost, the rest goes on by itself",
				       (long long)waiting, timeout_s, missing);
		ctl_progress(m->c, waited_ms, "%lld of %lld keys are distributed; waiting for %s",
			     (long long)jint(answer, "distributed", 0), (long long)jint(answer, "keys", 0),
			     *missing != '\0' ? missing : "keydist");
		free(missing);
		json_decref(answer);
		if (rc != 0)
			return -1;
		ctl_sleep_ms(POLL_MS);
	}
}

static void say_refused(const json_t *refused)
{
	const json_t *r;
	size_t i;

	json_array_foreach(refused, i, r)
		fprintf(stderr, "duetctl: %s: %s\n", jtext(r, "zone"), jtext(r, "message"));
}

/* The result, as JSON or for people; the exit code. */
static int finish(struct many *m, bool keys, bool distributed)
{
	const double seconds = (double)(clock_mono_ms() - m->began_ms) / 1000;
	const size_t refused = json_array_size(m->refused);

	ctl_progress_end(m->c);
	if (!ctl_json_new(m->c, json_pack("{s:I,s:I,s:I,s:I,s:b,s:O,s:f}", "zones", m->zones, "added", m->added,
					  "existing", m->existing, "keys_made", m->made, "distributed", distributed,
					  "refused", m->refused, "seconds", seconds))) {
		say_refused(m->refused);
		if (m->added + m->existing > 0)
			printf("%lld zones added, %lld were there already\n", (long long)m->added,
			       (long long)m->existing);
		if (keys)
			printf("%lld keys made%s in %.1f s\n", (long long)m->made,
			       distributed ? " and distributed" : "", seconds);
	}
	return refused > 0 ? CTL_FAILED : CTL_DONE;
}

/* Makes the keys of these zones and waits for them. */
static int keys_of(struct many *m, json_t *names, struct err *e)
{
	json_int_t before = 0;
	json_t *answer = NULL;
	long timeout_s = 600;

	if (ctl_seconds(m->c, "timeout", 600, &timeout_s) != 0)
		return err_set(e, ERR_SYNTAX, "--timeout");
	if (progress(m, &before, &answer, e) != 0)
		return -1;
	json_decref(answer);
	if (make_keys(m, names, e) != 0)
		return -1;
	return ctl_flag(m->c, "no-wait") ? 0 : wait_distributed(m, before, timeout_s, e);
}

static int run(struct many *m, json_t *rows, bool add, bool keys)
{
	json_t *names = json_array(), *row;
	struct err e;
	size_t i;
	int rc = 0;

	m->began_ms = clock_mono_ms();
	m->zones = (json_int_t)json_array_size(rows);
	m->refused = json_array();
	json_array_foreach(rows, i, row)
		json_array_append(names, json_object_get(row, "zone"));
	if (add)
		rc = add_zones(m, rows, &e);
	if (rc == 0 && keys)
		rc = keys_of(m, names, &e);
	rc = rc == 0 ? finish(m, keys, keys && !ctl_flag(m->c, "no-wait")) : ctl_fail(m->c, &e);
	json_decref(m->refused);
	json_decref(names);
	return rc;
}

int ctl_zone_add_from(struct ctl *c, const char *path)
{
	struct many m = { .c = c };
	struct err e;
	json_t *rows = read_file(path, ctl_option(c, "policy"), &e);
	int rc;

	if (rows == NULL)
		return ctl_fail(c, &e);
	rc = run(&m, rows, true, ctl_flag(c, "key"));
	json_decref(rows);
	return rc;
}

int ctl_key_create_all(struct ctl *c)
{
	struct many m = { .c = c };
	json_t *answer = NULL, *rows;
	const json_t *z;
	size_t i;
	int rc;

	if (ctl_call(c, CTL_KEYDIST, "GET", mem_strdup("/v1/zones"), NULL, &answer) != 0)
		return CTL_FAILED;
	rows = json_array();
	json_array_foreach(jlist(answer, "zones"), i, z)
		if (jint(z, "keys", 0) == 0)
			json_array_append_new(rows, json_pack("{s:O}", "zone", json_object_get(z, "zone")));
	json_decref(answer);
	rc = run(&m, rows, false, true);
	json_decref(rows);
	return rc;
}
