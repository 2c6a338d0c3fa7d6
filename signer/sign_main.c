/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * duet-sign: signs one zone file, offline, by the same code as the daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "clock/clock.h"
#include "log/log.h"
#include "secret/secret.h"
#include "sign/apexkeys.h"
#include "sign/zonesign.h"

#define KEYS_MAX 64

struct options {
	uint8_t zone[DNAME_MAX];
	const char *keys, *out, *input;
	uint32_t serial; /* SERIAL_NONE: that of the input */
	uint32_t dnskey_ttl_s;
	bool quiet;
	struct sign_params params;
};

static const char usage[] =
	"usage: duet-sign --zone NAME --keys DIR [options] --out FILE INPUT\n"
	"\n"
	"Signs the zone file INPUT with the BIND key pairs of the zone in DIR and writes it to FILE (- is "
	"standard output).\n"
	"Keys with the SEP flag sign the DNSKEY RRset; those without it sign the rest, or all keys where "
	"there is none\n"
	"without it for an algorithm.\n"
	"\n"
	"  --nsec3                 NSEC3 instead of NSEC\n"
	"  --opt-out               NSEC3 with opt-out\n"
	"  --iterations N          extra NSEC3 iterations (0)\n"
	"  --salt HEX              NSEC3 salt (none)\n"
	"  --serial N              SOA serial (that of INPUT)\n"
	"  --dnskey-ttl SECONDS    TTL of the DNSKEY RRset (3600)\n"
	"  --validity SECONDS      life of signatures from now on (1209600)\n"
	"  --jitter SECONDS        random part of it (86400)\n"
	"  --inception-offset SECONDS   how far back signatures begin (3600)\n"
	"  --threads N             how many threads sign (as many as there are processors)\n"
	"  --quiet                 no line about what was done\n"
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
	OPT_SERIAL,
	OPT_DNSKEY_TTL,
	OPT_VALIDITY,
	OPT_JITTER,
	OPT_INCEPTION,
	OPT_THREADS,
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
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "dnskey-ttl", required_argument, NULL, OPT_DNSKEY_TTL },
	{ "validity", required_argument, NULL, OPT_VALIDITY },
	{ "jitter", required_argument, NULL, OPT_JITTER },
	{ "inception-offset", required_argument, NULL, OPT_INCEPTION },
	{ "threads", required_argument, NULL, OPT_THREADS },
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

/* Where an option's number goes, and its limit. */
static int take_number(int opt, const char *text, struct options *o)
{
	unsigned long n, max = opt == OPT_ITERATIONS ? 65535 : opt == OPT_SERIAL ? UINT32_MAX
							  : opt == OPT_THREADS ? 1024 : INT32_MAX;

	if (!number(text, max, &n))
		return -1;
	switch (opt) {
	case OPT_ITERATIONS:
		o->params.nsec3_iterations = (uint16_t)n;
		break;
	case OPT_SERIAL:
		o->serial = (uint32_t)n;
		break;
	case OPT_DNSKEY_TTL:
		o->dnskey_ttl_s = (uint32_t)n;
		break;
	case OPT_VALIDITY:
		o->params.validity_s = (uint32_t)n;
		break;
	case OPT_JITTER:
		o->params.jitter_s = (uint32_t)n;
		break;
	case OPT_INCEPTION:
		o->params.inception_offset_s = (uint32_t)n;
		break;
	default: /* threads */
		o->params.threads = n > 0 ? (unsigned)n : 1;
		break;
	}
	return 0;
}

/* 0: go on; 2: misused; -1: done, exit 0. */
static int parse_options(int argc, char **argv, struct options *o)
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
		case OPT_KEYS:
			o->keys = optarg;
			break;
		case OPT_OUT:
			o->out = optarg;
			break;
		case OPT_NSEC3:
			nsec3 = true;
			break;
		case OPT_OPTOUT:
			nsec3 = optout = true;
			break;
		case OPT_QUIET:
			o->quiet = true;
			break;
		case OPT_SALT:
			if (!salt(optarg, &o->params))
				return misused("--salt is up to 255 octets as hex digits, not", optarg);
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
			if (take_number(c, optarg, o) != 0)
				return misused("not a number in its range", optarg);
		}
	}
	if (zone == NULL || o->keys == NULL || o->out == NULL || optind + 1 != argc)
		return misused("--zone, --keys, --out and one INPUT are needed", NULL);
	if (dname_from_text(zone, o->zone, &e) != 0)
		return misused(zone, e.text);
	o->input = argv[optind];
	o->params.denial = optout ? DENIAL_NSEC3_OPTOUT : nsec3 ? DENIAL_NSEC3 : DENIAL_NSEC;
	return 0;
}

static int write_text(void *ctx, const uint8_t *text, size_t len, struct err *e)
{
	const int *fd = ctx;

	while (len > 0) {
		ssize_t n = write(*fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "writing");
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_rr(const struct sign_text *text, const struct rr *rr, struct err *e)
{
	char *line = rr_text(rr);
	size_t len = strlen(line);
	int rc;

	line[len] = '\n';
	rc = text->write(text->ctx, (const uint8_t *)line, len + 1, e);
	free(line);
	return rc;
}

static int sign(const struct options *o, const struct zone *z, const struct sign_text *text,
		struct sign_stats *stats, struct err *e)
{
	struct arena *arena = arena_new();
	struct version_info info = { .earliest = INT64_MAX };
	int rc = -1;

	if (zone_sign_soa(&z->soa, &o->params, o->serial != SERIAL_NONE ? o->serial : z->serial, arena, &info, e) != 0 ||
	    write_rr(text, &info.soa, e) != 0)
		goto out;
	for (size_t i = 0; i < info.soa_sig_count; i++)
		if (write_rr(text, &info.soa_sigs[i], e) != 0)
			goto out;
	rc = zone_sign_text(z, &o->params, text, stats, e);
out:
	arena_free(arena);
	return rc;
}

/* To a new file beside it, then renamed: a failure leaves what was there. */
static int sign_to(const struct options *o, const struct zone *z, struct sign_stats *stats, struct err *e)
{
	int fd = STDOUT_FILENO, rc;
	const struct sign_text text = { .write = write_text, .ctx = &fd };
	char *temporary;

	if (strcmp(o->out, "-") == 0)
		return sign(o, z, &text, stats, e);
	temporary = mem_printf("%s.%ld", o->out, (long)getpid());
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		rc = err_errno(e, "%s", temporary);
	} else {
		rc = sign(o, z, &text, stats, e);
		if (close(fd) != 0 && rc == 0)
			rc = err_errno(e, "%s", temporary);
		if (rc == 0 && rename(temporary, o->out) != 0)
			rc = err_errno(e, "%s", o->out);
		if (rc != 0)
			unlink(temporary);
	}
	free(temporary);
	return rc;
}

static void say(const struct options *o, const struct zone *z, const struct sign_stats *stats,
		int64_t read_ms, int64_t sign_ms)
{
	char zone[DNAME_TEXT_MAX];

	dname_to_text(o->zone, zone);
	for (size_t i = 0; i < z->notice_count; i++)
		log_event(LOG_NOTICE, "input", "zone=%s msg=%s", zone, z->notices[i]);
	log_event(LOG_NOTICE, "signed",
		  "zone=%s records=%llu rrsigs=%llu pages=%llu octets=%llu read_ms=%lld sign_ms=%lld",
		  zone, (unsigned long long)stats->records, (unsigned long long)stats->rrsigs,
		  (unsigned long long)stats->new_pages, (unsigned long long)stats->octets, (long long)read_ms,
		  (long long)sign_ms);
}

static int run(struct options *o, struct err *e)
{
	struct key *keys[KEYS_MAX];
	struct apex_keys apex = { 0 };
	struct arena *arena = arena_new();
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct sign_stats stats;
	struct zone *z = NULL;
	size_t key_count = 0;
	int64_t start = clock_mono_ms(), read_at;
	int rc = -1;

	if (key_read_bind(o->keys, o->zone, keys, KEYS_MAX, &key_count, e) != 0)
		goto out;
	if (key_count == 0) {
		err_set(e, ERR_NOTFOUND, "%s: no key files of the zone", o->keys);
		goto out;
	}
	if (zone_read_file(o->input, o->zone, &limits, &z, e) != 0)
		goto out;
	read_at = clock_mono_ms();
	if (apex_keys_make(o->zone, keys, key_count, o->dnskey_ttl_s, &o->params, arena, &apex, e) != 0)
		goto out;
	rc = sign_to(o, z, &stats, e);
	if (rc == 0 && !o->quiet)
		say(o, z, &stats, read_at - start, clock_mono_ms() - read_at);
out:
	zone_free(z);
	arena_free(arena);
	for (size_t i = 0; i < key_count; i++)
		key_free(keys[i]);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = {
		.dnskey_ttl_s = 3600,
		.params = { .validity_s = 1209600, .jitter_s = 86400, .inception_offset_s = 3600,
			    .threads = (unsigned)get_nprocs() },
	};
	struct err e;
	int rc = parse_options(argc, argv, &o);

	if (rc != 0)
		return rc < 0 ? 0 : rc;
	log_init("duet-sign", LOG_INFO);
	if (secret_init(&e) != 0 || clock_init() != 0) {
		fputs("duet-sign: cannot start\n", stderr);
		return 1;
	}
	o.params.now = clock_now_s();
	if (run(&o, &e) != 0) {
		fprintf(stderr, "duet-sign: %s\n", e.text);
		rc = 1;
	}
	return rc;
}
