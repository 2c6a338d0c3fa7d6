/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sign_options: the command line of duet-sign.
 */
#include "signer/sign_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: duet-sign --zone NAME --keys DIR [options] --out FILE INPUT\n"
	"\n"
	"Signs the zone file INPUT with the keys of the zone in DIR and writes it to FILE (- is standard output).\n"
	"Keys are BIND's pairs, K*.key with K*.private, or with the private half as PKCS #8 in K*.pem.  Those with the SEP\n"
	"flag sign the DNSKEY RRset; those without it sign the rest, or all keys where an algorithm has none without it.\n"
	"\n"
	"  --nsec3                 NSEC3 instead of NSEC\n"
	"  --opt-out               NSEC3 with opt-out\n"
	"  --iterations N          extra NSEC3 iterations (0)\n"
	"  --salt HEX              NSEC3 salt (none)\n"
	"  --zonemd HASH           a digest of the zone (RFC 8976): sha384, sha512 or both; the output is read back for it\n"
	"  --serial N              SOA serial (that of INPUT)\n"
	"  --dnskey-ttl SECONDS    TTL of the DNSKEY RRset (3600)\n"
	"  --validity SECONDS      life of signatures from now on (1209600)\n"
	"  --jitter SECONDS        random part of it (86400)\n"
	"  --inception-offset SECONDS   how far back signatures begin (3600)\n"
	"  --previous FILE         keep the signatures of this zone, signed before, where they are still right\n"
	"  --renewal-margin SECONDS     and last longer than this (604800)\n"
	"  --threads N             how many threads sign (as many as there are processors)\n"
	"  --memory MIB            memory for what is being sorted (150); what is above goes to a file\n"
	"  --tmp DIR               where that file is made (TMPDIR, or /var/tmp)\n"
	"  --stats, --json         say in figures what was done, on standard error\n"
	"  --quiet                 say nothing about the input\n"
	"\n"
	"Example: duet-sign --zone example.org --keys keys --out example.org.signed example.org.zone\n"
	"\n"
	"Exit: 0 done, 1 refused or failed, 2 misused.\n";

enum {
	OPT_ZONE = 256,
	OPT_KEYS,
	OPT_NSEC3,
	OPT_OPTOUT,
	OPT_ITERATIONS,
	OPT_SALT,
	OPT_ZONEMD,
	OPT_SERIAL,
	OPT_DNSKEY_TTL,
	OPT_VALIDITY,
	OPT_JITTER,
	OPT_INCEPTION,
	OPT_THREADS,
	OPT_PREVIOUS,
	OPT_MARGIN,
	OPT_MEMORY,
	OPT_TMP,
	OPT_STATS,
	OPT_JSON,
	OPT_OUT,
	OPT_QUIET,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{ "zone", required_argument, NULL, OPT_ZONE },
	{ "keys", required_argument, NULL, OPT_KEYS },
	{ "nsec3", no_argument, NULL, OPT_NSEC3 },
	{ "opt-out", no_argument, NULL, OPT_OPTOUT },
	{ "iterations", required_argument, NULL, OPT_ITERATIONS },
	{ "salt", required_argument, NULL, OPT_SALT },
	{ "zonemd", required_argument, NULL, OPT_ZONEMD },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "dnskey-ttl", required_argument, NULL, OPT_DNSKEY_TTL },
	{ "validity", required_argument, NULL, OPT_VALIDITY },
	{ "jitter", required_argument, NULL, OPT_JITTER },
	{ "inception-offset", required_argument, NULL, OPT_INCEPTION },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "previous", required_argument, NULL, OPT_PREVIOUS },
	{ "renewal-margin", required_argument, NULL, OPT_MARGIN },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "tmp", required_argument, NULL, OPT_TMP },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "out", required_argument, NULL, OPT_OUT },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int misused(const char *what, const char *value)
{
	fprintf(stderr, "duet-sign: %s%s%s\n%s", what, value != NULL ? ": " : "", value != NULL ? value : "",
		"try duet-sign --help\n");
	return 2;
}

static bool number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*out = strtoul(text, &end, 10);
	return *end == '\0' && *out <= max;
}

static bool salt(const char *hex, struct sign_params *p)
{
	size_t len = strlen(hex);
	char pair[3] = "";

	if (len % 2 != 0 || len / 2 > sizeof(p->nsec3_salt) ||
	    hex[strspn(hex, "0123456789abcdefABCDEF")] != '\0')
		return false;
	for (size_t i = 0; i < len / 2; i++) {
		memcpy(pair, hex + 2 * i, 2);
		p->nsec3_salt[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	p->nsec3_salt_len = (uint8_t)(len / 2);
	return true;
}

static bool zonemd(const char *word, struct sign_params *p)
{
	if (strcmp(word, "sha384") != 0)
		p->zonemd |= 1 << 2;
	if (strcmp(word, "sha512") != 0)
		p->zonemd |= 1 << 1;
	return strcmp(word, "both") == 0 || p->zonemd != (1 << 1 | 1 << 2);
}

/* Where an option's number goes, and its limits. */
static int take_number(int opt, const char *text, struct sign_options *o)
{
	struct sign_params *p = &o->params;
	const struct {
		int opt;
		unsigned long least, most;
		uint32_t *to;
	} numbers[] = {
		{ OPT_SERIAL, 0, UINT32_MAX, &o->serial },
		{ OPT_DNSKEY_TTL, 0, INT32_MAX, &o->dnskey_ttl_s },
		{ OPT_VALIDITY, 0, INT32_MAX, &p->validity_s },
		{ OPT_JITTER, 0, INT32_MAX, &p->jitter_s },
		{ OPT_INCEPTION, 0, INT32_MAX, &p->inception_offset_s },
		{ OPT_MARGIN, 0, INT32_MAX, &p->margin_s },
		{ OPT_THREADS, 1, 1024, &p->threads },
		{ OPT_MEMORY, 1, 1 << 20, &o->memory_mib },
	};
	unsigned long n;

	if (opt == OPT_ITERATIONS) {
		if (!number(text, UINT16_MAX, &n))
			return -1;
		p->nsec3_iterations = (uint16_t)n;
		return 0;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].opt == opt) {
			if (!number(text, numbers[i].most, &n) || n < numbers[i].least)
				return -1;
			*numbers[i].to = (uint32_t)n;
		}
	return 0;
}

/* Where the others go; 1 for what is none of them. */
static int take_word(int opt, struct sign_options *o)
{
	switch (opt) {
	case OPT_KEYS:
		o->keys = optarg;
		return 0;
	case OPT_OUT:
		o->out = optarg;
		return 0;
	case OPT_PREVIOUS:
		o->previous = optarg;
		return 0;
	case OPT_TMP:
		o->tmp = optarg;
		return 0;
	case OPT_QUIET:
		o->quiet = true;
		return 0;
	case OPT_STATS:
		o->stats = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		return 1;
	}
}

int sign_options_parse(int argc, char **argv, struct sign_options *o)
{
	const char *zone = NULL;
	bool nsec3 = false, optout = false;
	struct err e;
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_ZONE:
			zone = optarg;
			break;
		case OPT_NSEC3:
			nsec3 = true;
			break;
		case OPT_OPTOUT:
			nsec3 = optout = true;
			break;
		case OPT_SALT:
			if (!salt(optarg, &o->params))
				return misused("--salt is up to 255 octets as hex digits, not", optarg);
			break;
		case OPT_ZONEMD:
			if (!zonemd(optarg, &o->params))
				return misused("--zonemd is sha384, sha512 or both, not", optarg);
			break;
		case OPT_HELP:
			fputs(usage, stdout);
			return -1;
		case OPT_VERSION:
			puts("duet-sign " DUET_VERSION);
			return -1;
		case '?':
			return misused("options", NULL);
		default:
			if (take_word(c, o) == 1 && take_number(c, optarg, o) != 0)
				return misused("not a number in its range", optarg);
		}
	}
	if (zone == NULL || o->keys == NULL || o->out == NULL || optind + 1 != argc)
		return misused("--zone, --keys, --out and one INPUT are needed", NULL);
	if (o->params.zonemd != 0 && strcmp(o->out, "-") == 0)
		return misused("--zonemd reads the output back, so --out cannot be standard output", NULL);
	if (dname_from_text(zone, o->zone, &e) != 0)
		return misused(zone, e.text);
	o->input = argv[optind];
	o->params.denial = optout ? DENIAL_NSEC3_OPTOUT : nsec3 ? DENIAL_NSEC3 : DENIAL_NSEC;
	return 0;
}
