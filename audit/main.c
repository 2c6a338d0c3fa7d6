/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * duet-audit: says whether a signed zone may be published.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/cross.h"
#include "audit/fetch.h"
#include "audit/options.h"
#include "audit/worker.h"
#include "clock/clock.h"

/* An operand: fd:N, or the path of a zone file. */
static int open_source(const char *operand, struct zone_source *s, struct err *e)
{
	s->label = operand;
	if (strncmp(operand, "fd:", 3) == 0) {
		char *end;
		long fd = strtol(operand + 3, &end, 10);

		if (end == operand + 3 || *end != '\0' || fd < 0 || fd > INT32_MAX)
			return err_set(e, ERR_SYNTAX, "%s: no descriptor", operand);
		s->fd = (int)fd;
		s->form = FORM_WIRE;
		s->to_its_end = true;
		return 0;
	}
	s->form = FORM_TEXT;
	if ((s->fd = open(operand, O_RDONLY | O_CLOEXEC)) < 0)
		return err_errno(e, "%s", operand);
	return 0;
}

/* The other's version is the zone, ours what it is compared with. */
static int open_cross(struct audit *a, const struct options *o, struct zone_source source[2], struct err *e)
{
	a->cross = cross_new(&(struct cross_terms){ .same = true });
	return open_source(o->cross, &source[0], e) != 0 || open_source(o->signed_zone, &source[1], e) != 0 ? -1 : 0;
}

static int open_signed(const struct options *o, struct zone_source *s, struct err *e)
{
	if (o->server == NULL)
		return open_source(o->signed_zone, s, e);
	s->label = o->server;
	s->form = FORM_WIRE;
	s->fd = fetch_axfr(o->server, o->zone, o->zone_len, e);
	return s->fd >= 0 ? 0 : -1;
}

/* Policy file, else the plan's, else none. */
static int set_limits(struct audit *a, const struct options *o, struct err *e)
{
	struct conf_errors errors = { NULL, 0 };
	int rc = 0;

	limits_none(&a->limits);
	if (o->policy != NULL) {
		rc = limits_read_file(o->policy, &a->limits, &errors);
		for (size_t i = 0; i < errors.n; i++)
			fprintf(stderr, "duet-audit: %s\n", errors.line[i]);
		if (rc != 0)
			err_set(e, ERR_SYNTAX, "%s: the policy is wrong", o->policy);
		conf_errors_free(&errors);
	} else if (a->plan != NULL && a->plan->limits_given) {
		a->limits = a->plan->limits;
	}
	if (rc == 0)
		limits_severities(&a->limits, a->report);
	return rc;
}

static int prepare(struct audit *a, const struct options *o, struct err *e)
{
	const char *base = getenv("TMPDIR");

	memcpy(a->zone, o->zone, o->zone_len);
	a->zone_len = o->zone_len;
	name_text(a->zone, a->zone_text);
	a->now = o->has_now ? o->now : clock_now_s();
	a->threads = o->threads;
	a->with_input = o->input != NULL;
	a->spill_dir = base != NULL && *base != '\0' ? base : "/tmp";
	a->report = report_new();
	if (o->plan != NULL && (a->plan = plan_read(o->plan, e)) == NULL)
		return -1;
	if (o->state != NULL && (a->past = past_open(o->state, a->zone_text, e)) == NULL)
		return -1;
	return set_limits(a, o, e);
}

static void print_json(const struct audit *a, int code)
{
	json_t *root = audit_json(a, code);

	json_dumpf(root, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(root);
}

static void print_text(const struct audit *a, int code)
{
	char t[CLOCK_TEXT_LEN];

	report_print(a->report, stdout);
	printf("%s zone=%s serial=%u records=%llu rrsigs=%llu", code == 0 ? "fine" : "refused", a->zone_text,
	       a->serial, (unsigned long long)a->facts->records, (unsigned long long)a->facts->rrsigs);
	if (a->earliest_expiration != 0)
		printf(" earliest_expiration=%s at=\"%s\"", clock_text(a->earliest_expiration, t),
		       a->earliest_owner);
	printf(" errors=%llu warnings=%llu\n", (unsigned long long)report_errors(a->report),
	       (unsigned long long)report_warnings(a->report));
}

static int remember(struct audit *a, const struct options *o, struct err *e)
{
	audit_candidate(a);
	if (o->remember && past_published(a->past, a->serial, a->now, e) != 0)
		return -1;
	return past_save(a->past, e);
}

/* 0 and the exit code, or -1: could not tell. */
static int check(struct audit *a, const struct options *o, struct zone_source source[2], int *code,
		 struct err *e)
{
	size_t n = a->with_input || o->cross != NULL ? 2 : 1;

	if (o->cross != NULL ? open_cross(a, o, source, e) != 0
			     : open_signed(o, &source[0], e) != 0 || (n == 2 && open_source(o->input, &source[1], e) != 0))
		return -1;
	if (audit_whole(a, source, n, e) != 0)
		return -1;
	*code = audit_code(a);
	if (o->json)
		print_json(a, *code);
	else
		print_text(a, *code);
	return *code == 0 && a->past != NULL ? remember(a, o, e) : 0;
}

int main(int argc, char **argv)
{
	struct audit a = { .now = 0 };
	struct zone_source source[2] = { { .fd = -1 }, { .fd = -1 } };
	struct options o;
	struct err e = { 0 };
	int code = EXIT_UNKNOWN, rc = options_parse(argc, argv, &o);

	if (rc >= 0)
		return rc;
	if (clock_init() != 0) {
		fprintf(stderr, "duet-audit: no clock\n");
		return EXIT_UNKNOWN;
	}
	if (o.worker)
		return worker_main(STDIN_FILENO, o.threads);
	rc = prepare(&a, &o, &e);
	if (rc == 0 && o.has_published) {
		rc = past_published(a.past, o.published, a.now, &e) == 0 ? past_save(a.past, &e) : -1;
		code = 0;
	} else if (rc == 0) {
		rc = check(&a, &o, source, &code, &e);
	}
	if (fflush(stdout) != 0 && rc == 0)
		rc = err_errno(&e, "writing the result");
	if (rc != 0) {
		fprintf(stderr, "duet-audit: %s\n", e.text);
		code = EXIT_UNKNOWN;
	}
	if (o.policy != NULL)
		limits_free(&a.limits);
	audit_fini(&a);
	for (size_t i = 0; i < 2; i++)
		if (source[i].fd > 2)
			close(source[i].fd);
	return code;
}
