/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * failover: drill failover, step by step.
 *
 * 1. X is drained (with a deadline, after which it serves again by itself) or killed.  2. Another signer Y
 * publishes a new version of each zone.  3. The other signers ask their secondaries until each shows that
 * version or the deadline has come; a query that gets no answer is a lost answer.  4. The drain is ended, and
 * X catches up.
 */
#include "ctl/command.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "ctl/readiness.h"
#include "http/http.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS        250
#define REQUEST_MS     10000
#define SIGN_MS        120000
#define COME_BACK_S    60
#define STARTS_ANEW_MS 500

/* One secondary that some other signer lists. */
struct second {
	char *address;
	double seconds; /* below 0: not there yet */
	json_int_t serial;
	long asked, lost; /* probes, and those without an answer */
};

struct drill {
	struct ctl *c;
	const char *node; /* X */
	char *zone;
	char *other;       /* Y */
	json_int_t serial; /* of the new version */
	json_int_t before; /* X's serial before */
	struct second *second;
	size_t seconds;
	int64_t began_ms;
	json_t *left_out; /* texts: secondaries that ask X alone */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static int get_status(struct ctl *c, json_t **status, struct err *e)
{
	return ctl_status(c, CTL_KEYDIST, NULL, status, e);
}

static const json_t *zone_of(const json_t *status, const char *zone)
{
	const json_t *z;
	size_t i;

	json_array_foreach(jlist(status, "zones"), i, z) if (strcmp(jtext(z, "zone"), zone) == 0) return z;
	return NULL;
}

static const json_t *word_of(const json_t *status, const char *zone, const char *node)
{
	return json_object_get(readiness_entry(zone_of(status, zone), node), "status");
}

static bool serial_at_least(json_int_t a, json_int_t b)
{
	return (uint32_t)a - (uint32_t)b < 0x80000000u;
}

/* ---- secondaries ---- */

static struct second *second_find(struct drill *d, const char *address)
{
	for (size_t i = 0; i < d->seconds; i++)
		if (strcmp(d->second[i].address, address) == 0)
			return &d->second[i];
	d->second = mem_grow(d->second, d->seconds + 1, sizeof(*d->second));
	d->second[d->seconds] = (struct second){ .address = mem_strdup(address), .seconds = -1 };
	return &d->second[d->seconds++];
}

/* What one look at a secondary showed. */
static void look(struct drill *d, const json_t *seen)
{
	struct second *s = second_find(d, jtext(seen, "address"));

	if (s->seconds >= 0)
		return;
	s->asked++;
	if (!jbool(seen, "ok")) {
		s->lost++;
		return;
	}
	s->serial = jint(seen, "serial", 0);
	if (serial_at_least(s->serial, d->serial))
		s->seconds = (double)(clock_mono_ms() - d->began_ms) / 1000.0;
}

/* Every other living signer asks its secondaries now. */
static void probe(struct drill *d, const json_t *status)
{
	const json_t *n;
	size_t i, k;

	json_array_foreach(jlist(status, "nodes"), i, n)
	{
		const char *name = jtext(n, "name");
		json_t *answer = NULL;
		const json_t *seen;
		struct err e;

		if (strcmp(name, d->node) == 0 || !readiness_lives(status, name))
			continue;
		if (ctl_request(d->c, name, "probe-secondaries", json_pack("{s:s}", "zone", d->zone),
				REQUEST_MS, &answer, &e) != 0)
			continue;
		json_array_foreach(jlist(answer, "secondaries"), k, seen) look(d, seen);
		json_decref(answer);
	}
}

static size_t waiting(const struct drill *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->seconds; i++)
		n += d->second[i].seconds < 0;
	return n;
}

/* Fills the list of those that can follow, and of those that cannot. */
static void list_secondaries(struct drill *d, const json_t *status)
{
	const json_t *z = zone_of(status, d->zone), *n, *s;
	size_t i, k;

	json_array_foreach(jlist(z, "nodes"), i, n)
	{
		if (strcmp(jtext(n, "name"), d->node) == 0 || !readiness_lives(status, jtext(n, "name")))
			continue;
		json_array_foreach(jlist(json_object_get(n, "status"), "secondaries"), k, s)
			second_find(d, jtext(s, "address"));
	}
	json_array_foreach(jlist(word_of(status, d->zone, d->node), "secondaries"), k, s)
	{
		bool known = false;

		for (i = 0; i < d->seconds; i++)
			known |= strcmp(d->second[i].address, jtext(s, "address")) == 0;
		if (!known)
			json_array_append_new(d->left_out, json_string(jtext(s, "address")));
	}
}

/* ---- steps ---- */

/* Step 1. */
static int silence(struct drill *d, long for_s, struct err *e)
{
	json_t *status = NULL;
	pid_t pid;
	int rc;

	if (!ctl_flag(d->c, "kill"))
		return ctl_request(d->c, d->node, "drain",
				   json_pack("{s:I}", "for_ms", (json_int_t)for_s * 1000), REQUEST_MS, NULL,
				   e);
	if (ctl_try(d->c, CTL_SIGNER, "GET", mem_strdup("/v1/status"), NULL, CTL_TIMEOUT_MS, &status, e) != 0)
		return -1;
	pid = (pid_t)jint(status, "pid", 0);
	rc = pid > 1 && kill(pid, SIGKILL) == 0 ? 0 : err_errno(e, "cannot kill process %ld", (long)pid);
	json_decref(status);
	return rc;
}

/* Step 2: the first other signer that does it becomes Y. */
static int change(struct drill *d, const json_t *status, struct err *e)
{
	const json_t *n;
	size_t i;

	err_set(e, ERR_NOTNOW, "no other signer of %s is heard", d->zone);
	json_array_foreach(jlist(zone_of(status, d->zone), "nodes"), i, n)
	{
		const char *name = jtext(n, "name");
		json_t *answer = NULL;

		if (strcmp(name, d->node) == 0 || !readiness_lives(status, name))
			continue;
		if (ctl_request(d->c, name, "sign", json_pack("{s:s}", "zone", d->zone), SIGN_MS, &answer,
				e) != 0)
			continue;
		d->serial = jint(answer, "serial", 0);
		d->other = mem_strdup(name);
		json_decref(answer);
		return 0;
	}
	return -1;
}

/* Step 3.  Returns whether all came in time. */
static bool watch(struct drill *d, long for_s)
{
	for (;;) {
		int64_t waited_ms = clock_mono_ms() - d->began_ms;
		json_t *status = NULL;
		struct err e;

		if (get_status(d->c, &status, &e) == 0)
			probe(d, status);
		json_decref(status);
		if (waiting(d) == 0)
			return true;
		if (waited_ms >= for_s * 1000 || interrupted)
			return false;
		ctl_progress(d->c, waited_ms, "%s: %zu of %zu secondaries have serial %lld of %s", d->zone,
			     d->seconds - waiting(d), d->seconds, (long long)d->serial, d->other);
		ctl_sleep_ms(POLL_MS);
	}
}

/* Step 4: X answers again, and has the new version or a later one.  Returns seconds, or -1. */
static double bring_back(struct drill *d)
{
	int64_t began_ms = clock_mono_ms();
	struct err e;

	if (!ctl_flag(d->c, "kill"))
		ctl_request(d->c, d->node, "drain", json_pack("{s:i}", "for_ms", 0), REQUEST_MS, NULL, &e);
	else
		ctl_sleep_ms(STARTS_ANEW_MS);
	while (!interrupted && clock_mono_ms() - began_ms < COME_BACK_S * 1000) {
		json_t *answer = NULL;
		bool back = ctl_request(d->c, d->node, "status", json_pack("{s:s}", "zone", d->zone),
					REQUEST_MS, &answer, &e) == 0 &&
			    jint(answer, "content", 0) > 0 && jint(answer, "serial", 0) > 0;

		back = back && serial_at_least(jint(answer, "serial", 0), d->before);
		json_decref(answer);
		if (back)
			return (double)(clock_mono_ms() - began_ms) / 1000.0;
		ctl_progress(d->c, clock_mono_ms() - began_ms, "%s: waiting for %s to come back", d->zone,
			     d->node);
		ctl_sleep_ms(POLL_MS);
	}
	return -1;
}

/* ---- one zone ---- */

static json_t *report(const struct drill *d, bool all, double back_s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->seconds; i++) {
		const struct second *s = &d->second[i];

		json_array_append_new(list, json_pack("{s:s, s:b, s:o, s:I, s:I, s:I}", "address", s->address,
						      "ok", s->seconds >= 0, "seconds",
						      s->seconds >= 0 ? json_real(s->seconds) : json_null(),
						      "serial", s->serial, "probes", (json_int_t)s->asked, "lost",
						      (json_int_t)s->lost));
	}
	return json_pack("{s:s, s:s, s:s, s:I, s:b, s:o, s:O, s:o}", "zone", d->zone, "node", d->node,
			 "taken_over_by", d->other != NULL ? d->other : "", "serial", d->serial, "ok",
			 all && back_s >= 0, "secondaries", list, "left_out", d->left_out, "back_s",
			 back_s >= 0 ? json_real(back_s) : json_null());
}

static void print_report(const struct drill *d, double back_s)
{
	printf("%s: %s was silent, %s published serial %lld, which stays\n", d->zone, d->node, d->other,
	       (long long)d->serial);
	for (size_t i = 0; i < d->seconds; i++) {
		const struct second *s = &d->second[i];

		if (s->seconds >= 0)
			printf("  %-24s has serial %lld after %.1f s, %ld of %ld probes lost\n", s->address,
			       (long long)s->serial, s->seconds, s->lost, s->asked);
		else
			printf("  %-24s DID NOT FOLLOW: serial %lld, %ld of %ld probes lost\n", s->address,
			       (long long)s->serial, s->lost, s->asked);
	}
	for (size_t i = 0; i < json_array_size(d->left_out); i++)
		printf("  %-24s asks %s alone: kept its version\n",
		       json_string_value(json_array_get(d->left_out, i)), d->node);
	if (d->seconds == 0)
		printf("  no secondary asks another signer\n");
	if (back_s >= 0)
		printf("  %s is back after %.1f s\n", d->node, back_s);
	else
		printf("  %s IS NOT BACK\n", d->node);
}

static int drill_zone(struct drill *d, long for_s, json_t **out, struct err *e)
{
	json_t *status = NULL;
	double back_s;
	bool all;

	if (get_status(d->c, &status, e) != 0)
		return -1;
	d->before = jint(word_of(status, d->zone, d->node), "serial", 0);
	list_secondaries(d, status);
	if (silence(d, for_s, e) != 0) {
		json_decref(status);
		return err_ctx(e, "%s", d->node);
	}
	d->began_ms = clock_mono_ms();
	if (change(d, status, e) != 0) {
		bring_back(d);
		json_decref(status);
		return err_ctx(e, "%s", d->zone);
	}
	json_decref(status);
	all = watch(d, for_s);
	ctl_progress_end(d->c);
	back_s = bring_back(d);
	ctl_progress_end(d->c);
	if (!d->c->json)
		print_report(d, back_s);
	*out = report(d, all && d->seconds > 0, back_s);
	return 0;
}

static void drill_free(struct drill *d)
{
	for (size_t i = 0; i < d->seconds; i++)
		free(d->second[i].address);
	free(d->second);
	free(d->zone);
	free(d->other);
	json_decref(d->left_out);
}

/* ---- the command ---- */

/* Whether X may be drilled; the zones that it serves. */
static int prepare(struct ctl *c, const char *node, const char *zone, json_t **zones, struct err *e)
{
	json_t *status = NULL;
	const json_t *z;
	size_t i;
	int rc = 0;

	*zones = json_array();
	if (get_status(c, &status, e) != 0)
		return -1;
	if (!readiness_lives(status, node))
		rc = err_set(e, ERR_NOTFOUND, "%s: no signer of this name counts and is heard", node);
	else if (ctl_flag(c, "kill") && strcmp(jtext(json_object_get(status, "node"), "name"), node) != 0)
		rc = err_set(e, ERR_REFUSED,
			     "--kill works on %s's own host only; without it, %s falls silent for a while",
			     node, node);
	json_array_foreach(jlist(status, "zones"), i,
			   z) if ((zone == NULL || strcmp(jtext(z, "zone"), zone) == 0) &&
				  jint(word_of(status, jtext(z, "zone"), node), "serial", 0) > 0)
		json_array_append_new(*zones, json_string(jtext(z, "zone")));
	if (rc == 0 && json_array_size(*zones) == 0)
		rc = err_set(e, ERR_NOTFOUND, "%s: %s serves no such zone", zone != NULL ? zone : "zones",
			     node);
	json_decref(status);
	return rc;
}

int cmd_drill_failover(struct ctl *c)
{
	const char *node = ctl_option(c, "node"), *text = ctl_option(c, "zone");
	char *zone = text != NULL ? ctl_zone_name(text) : NULL;
	json_t *zones = NULL, *results = json_array();
	const json_t *z;
	struct err e;
	bool ok = true;
	long for_s = 0;
	size_t i;
	int rc = CTL_MISUSED;

	if (node == NULL) {
		ctl_misuse(c->command, "--node must be given");
		goto out;
	}
	if (ctl_seconds(c, "timeout", 60, &for_s) != 0)
		goto out;
	rc = CTL_FAILED;
	if (prepare(c, node, zone, &zones, &e) != 0) {
		ctl_fail(c, &e);
		goto out;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	json_array_foreach(zones, i, z)
	{
		struct drill d = { .c = c,
				   .node = node,
				   .zone = mem_strdup(json_string_value(z)),
				   .left_out = json_array() };
		json_t *result = NULL;

		if (drill_zone(&d, for_s, &result, &e) == 0) {
			ok &= jbool(result, "ok");
			json_array_append_new(results, result);
		} else {
			ok = false;
			ctl_fail(c, &e);
		}
		drill_free(&d);
		if (interrupted)
			break;
	}
	ctl_json_new(c, json_pack("{s:b, s:O}", "ok", ok && !interrupted, "zones", results));
	rc = ok && !interrupted ? CTL_DONE : CTL_FAILED;
out:
	json_decref(results);
	json_decref(zones);
	free(zone);
	return rc;
}
