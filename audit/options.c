/* SPDX-License-Identifier: BSD-3-Clause */
/* options: reads the command line; --explain and --rows are answered here. */
#include "audit/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/limits.h"
#include "audit/row.h"

#define MISUSED     2
#define THREADS_MAX 256

static const char usage[] =
	"usage: duet-audit --zone NAME [options] [UNSIGNED] SIGNED\n"
	"       duet-audit --zone NAME [options] --server ADDRESS[#PORT] [UNSIGNED]\n"
	"       duet-audit --zone NAME --cross OTHER SIGNED\n"
	"       duet-audit --zone NAME --state DIR --published SERIAL\n"
	"       duet-audit --explain ROW | --rows | --policy-manual\n"
	"       duet-audit --worker\n"
	"\n"
	"Says whether a signed zone may be published.  UNSIGNED and SIGNED are zone files, or fd:N, a "
	"descriptor "
	"with the\n"
	"messages of an AXFR, each behind its length in two octets.  Without UNSIGNED content is not "
	"compared.\n"
	"\n"
	"  --policy FILE        YAML, as duetctl policy apply has it\n"
	"  --plan FILE          JSON: keys, CDS, DS, what others publish\n"
	"  --state DIR          remembers what was published, one file a zone\n"
	"  --remember           with --state: a version that passes counts as published\n"
	"  --published SERIAL   with --state: the version that passed last was published\n"
	"  --server ADDRESS     the signed zone by AXFR from any name server\n"
	"  --cross OTHER        another signer's version of the same content: compares the two, tries all signatures of the one by\n"
	"                       the keys of the other, and looks at the denial of OTHER\n"
	"  --time INSTANT       instead of now: seconds since 1970, or 2026-03-01T04:05:00Z\n"
	"  --threads N          as many as there are processors\n"
	"  --json               the result as JSON\n"
	"  --explain ROW        what a row such as AUD-RRSIG-01 looks for, and why\n"
	"  --rows               all rows\n"
	"  --policy-manual      the options of a policy, for the manual page\n"
	"  --worker             takes one zone after the other from a signer, on the socket that is standard input\n"
	"\n"
	"Exit: 0 fine, warnings allowed; 1 could not tell; 2 misused; 3 must not be published.\n";

enum {
	OPT_ZONE = 256,
	OPT_POLICY,
	OPT_PLAN,
	OPT_STATE,
	OPT_REMEMBER,
	OPT_PUBLISHED,
	OPT_SERVER,
	OPT_CROSS,
	OPT_TIME,
	OPT_THREADS,
	OPT_JSON,
	OPT_EXPLAIN,
	OPT_ROWS,
	OPT_MANUAL,
	OPT_WORKER,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{ "zone", required_argument, NULL, OPT_ZONE },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "plan", required_argument, NULL, OPT_PLAN },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "remember", no_argument, NULL, OPT_REMEMBER },
	{ "published", required_argument, NULL, OPT_PUBLISHED },
	{ "server", required_argument, NULL, OPT_SERVER },
	{ "cross", required_argument, NULL, OPT_CROSS },
	{ "time", required_argument, NULL, OPT_TIME },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "explain", required_argument, NULL, OPT_EXPLAIN },
	{ "rows", no_argument, NULL, OPT_ROWS },
	{ "policy-manual", no_argument, NULL, OPT_MANUAL },
	{ "worker", no_argument, NULL, OPT_WORKER },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int misused(const char *what, const char *value)
{
	fprintf(stderr, "duet-audit: %s%s%s\ntry duet-audit --help\n", what, value != NULL ? ": " : "",
		value != NULL ? value : "");
	return MISUSED;
}

static bool number(const char *text, unsigned long long most, unsigned long long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*out = strtoull(text, &end, 10);
	return *end == '\0' && *out <= most;
}

static bool instant(const char *text, int64_t *out)
{
	struct tm tm = { 0 };
	unsigned long long n;
	const char *end;

	if (number(text, INT32_MAX * 4ull, &n)) {
		*out = (int64_t)n;
		return true;
	}
	end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (end == NULL || *end != '\0')
		return false;
	*out = timegm(&tm);
	return true;
}

static void print_row(const struct row *r)
{
	printf("%s %s%s: %s\n    %s\n", r->id, r->severity == SEVERITY_ERROR ? "error" : "warning",
	       r->lower == LOWERABLE ? ", may be lowered" : "", r->sentence, r->why);
}

static int explain(const char *id)
{
	enum row_id row = row_find(id);

	if (row == ROW_COUNT)
		return misused("there is no row", id);
	print_row(&rows[row]);
	return 0;
}

static int take_value(int opt, const char *text, struct options *o)
{
	unsigned long long n;

	switch (opt) {
	case OPT_PUBLISHED:
		if (!number(text, UINT32_MAX, &n))
			return misused("--published is a serial, not", text);
		o->has_published = true;
		o->published = (uint32_t)n;
		return -1;
	case OPT_THREADS:
		if (!number(text, THREADS_MAX, &n) || n == 0)
			return misused("--threads is 1 to 256, not", text);
		o->threads = (unsigned)n;
		return -1;
	case OPT_TIME:
		if (!instant(text, &o->now))
			return misused("--time is an instant such as 2026-03-01T04:05:00Z, not", text);
		o->has_now = true;
		return -1;
	default:
		return misused("options", NULL);
	}
}

static int take_answered(int opt, const char *text)
{
	switch (opt) {
	case OPT_EXPLAIN:
		return explain(text);
	case OPT_ROWS:
		for (size_t i = 0; i < ROW_COUNT; i++)
			print_row(&rows[i]);
		return 0;
	case OPT_MANUAL:
		limits_manual(stdout);
		return 0;
	case OPT_HELP:
		fputs(usage, stdout);
		return 0;
	case OPT_VERSION:
		puts("duet-audit " DUET_VERSION);
		return 0;
	default:
		return -1;
	}
}

static int take(int opt, const char *text, struct options *o, const char **zone)
{
	switch (opt) {
	case OPT_ZONE:
		*zone = text;
		return -1;
	case OPT_POLICY:
		o->policy = text;
		return -1;
	case OPT_PLAN:
		o->plan = text;
		return -1;
	case OPT_STATE:
		o->state = text;
		return -1;
	case OPT_SERVER:
		o->server = text;
		return -1;
	case OPT_CROSS:
		o->cross = text;
		return -1;
	case OPT_REMEMBER:
		o->remember = true;
		return -1;
	case OPT_JSON:
		o->json = true;
		return -1;
	case OPT_WORKER:
		o->worker = true;
		return -1;
	default:
		return take_value(opt, text, o);
	}
}

static int take_operands(int argc, char **argv, struct options *o)
{
	int n = argc - optind;

	if (o->has_published)
		return n == 0 && o->state != NULL ? -1
						  : misused("--published needs --state and no operand", NULL);
	if (o->remember && o->state == NULL)
		return misused("--remember needs --state", NULL);
	if (o->cross != NULL && (n != 1 || o->server != NULL || o->state != NULL || o->plan != NULL))
		return misused("--cross needs one signed zone, and goes without --server, --state and --plan", NULL);
	if (o->server != NULL) {
		o->input = n == 1 ? argv[optind] : NULL;
		return n <= 1 ? -1 : misused("with --server there is one operand at most", NULL);
	}
	if (n < 1 || n > 2)
		return misused("one signed zone is needed, and its input before it", NULL);
	o->input = n == 2 ? argv[optind] : NULL;
	o->signed_zone = argv[argc - 1];
	return -1;
}

int options_parse(int argc, char **argv, struct options *o)
{
	const char *zone = NULL;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct err e;
	int c, rc;

	*o = (struct options){ .threads = processors > 0 && processors <= THREADS_MAX ? (unsigned)processors
										      : 1 };
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if ((rc = take_answered(c, optarg)) >= 0 || (rc = take(c, optarg, o, &zone)) >= 0)
			return rc;
	}
	if (o->worker)
		return zone == NULL && argc == 2 ? -1 : misused("--worker stands alone", NULL);
	if (zone == NULL)
		return misused("--zone is needed", NULL);
	if ((o->zone_len = name_from_text(zone, o->zone, &e)) == 0)
		return misused(e.text, NULL);
	name_lower(o->zone, o->zone_len);
	return take_operands(argc, argv, o);
}
