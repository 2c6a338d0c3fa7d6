/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * duet-sign: signs one zone file, offline, by the same code as the daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "clock/clock.h"
#include "key/key.h"
#include "log/log.h"
#include "secret/secret.h"
#include "sign/apexkeys.h"
#include "sign/zonesign.h"
#include "signer/sign_options.h"
#include "signer/sign_rsa.h"

#define KEYS_MAX    64
#define PROGRESS_MS 2000 /* what takes longer says how far it is, on a terminal */
/* Octets that go to the disk together.  A rename over another file waits until all have found their place there, a third
 * of a second at 350 MB, while nothing is left to sign; so they begin before. */
#define BEGIN_OCTETS ((size_t)8 << 20)

/* What there is to say in the end. */
struct figures {
	struct sign_stats sign;
	int64_t begun_ms, read_ms, signed_ms; /* instants */
	int64_t read_us;                      /* processor time */
};

struct output {
	int fd;
	const struct figures *figures;
	bool terminal;  /* progress is shown */
	int64_t said_ms;
	size_t written, begun; /* octets: in all, and those of them that are on their way to the disk */
};

static void progress(struct output *out)
{
	int64_t now = clock_mono_ms();

	if (!out->terminal || now - out->said_ms < PROGRESS_MS / 4 || now - out->figures->begun_ms < PROGRESS_MS)
		return;
	out->said_ms = now;
	fprintf(stderr, "\r%" PRIu64 " records, %" PRIu64 " signatures, %" PRId64 " s ", out->figures->sign.records,
		out->figures->sign.rrsigs, (now - out->figures->begun_ms) / 1000);
}

static int write_text(void *ctx, const uint8_t *text, size_t len, struct err *e)
{
	struct output *out = ctx;

	while (len > 0) {
		ssize_t n = write(out->fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "writing");
		text += n;
		len -= (size_t)n;
		out->written += (size_t)n;
	}
	if (out->written - out->begun >= BEGIN_OCTETS) { /* a pipe has no such thing, and needs none */
		(void)sync_file_range(out->fd, (off_t)out->begun, (off_t)(out->written - out->begun), SYNC_FILE_RANGE_WRITE);
		out->begun = out->written;
	}
	progress(out);
	return 0;
}

/* Memory is shared evenly by the zones that are sorted and the hashes. */
static size_t memory_part(const struct sign_options *o)
{
	return ((size_t)o->memory_mib << 20) / 3;
}

static struct zone_limits limits_of(const struct sign_options *o)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	const size_t octets = memory_part(o);

	limits.without_sum = true;
	limits.sort_dir = o->tmp;
	limits.sort_octets = o->previous != NULL ? octets : 2 * octets;
	return limits;
}

static int write_soa(const struct sign_text *text, const struct version_info *info, struct err *e)
{
	struct rr_lines lines = { 0 };
	int rc;

	rr_lines_add(&lines, &info->soa, 1);
	rr_lines_add(&lines, info->with_soa, info->soa_sig_count);
	rc = text->write(text->ctx, (const uint8_t *)lines.p, lines.len, e);
	free(lines.p);
	return rc;
}

/* The digest of all that was written, which is read back; it goes behind all else. */
static int write_zonemd(const struct sign_options *o, const char *path, const struct sign_text *text, struct arena *arena,
			struct version_info *info, struct err *e)
{
	uint8_t digest[ZONE_HASHES][ZONE_DIGEST_MAX];
	struct zone_limits limits = limits_of(o);
	struct rr_lines lines = { 0 };
	struct zone *signed_zone = NULL;
	int rc = -1;

	limits.with_dnssec = true;
	if (zone_read_file(path, o->zone, &limits, &signed_zone, e) == 0 &&
	    zone_digest_all(signed_zone, o->params.zonemd, digest, e) == 0 &&
	    zone_put_zonemd(&o->params, digest, arena, info, e) == 0) {
		rr_lines_add(&lines, info->with_soa + info->soa_sig_count, info->with_soa_count - info->soa_sig_count);
		rc = text->write(text->ctx, (const uint8_t *)lines.p, lines.len, e);
	}
	free(lines.p);
	zone_free(signed_zone);
	return rc;
}

/* path: where fd leads; NULL: it cannot be read back. */
static int sign(const struct sign_options *o, const struct zone *z, const struct zone *previous, int fd, const char *path,
		struct figures *f, struct err *e)
{
	struct output out = { .fd = fd, .figures = f, .terminal = !o->quiet && isatty(STDERR_FILENO) };
	const struct sign_text text = { .write = write_text, .ctx = &out };
	uint32_t serial = o->serial != SERIAL_NONE ? o->serial : z->serial;
	struct version_info info = { .earliest = INT64_MAX };
	struct arena *arena = arena_new();
	int rc = -1;

	if (zone_sign_soa(&z->soa, &o->params, serial, arena, &info, e) == 0 && write_soa(&text, &info, e) == 0)
		rc = zone_sign_text(z, &o->params, previous, &text, &f->sign, e);
	if (rc == 0 && o->params.zonemd != 0)
		rc = write_zonemd(o, path, &text, arena, &info, e);
	if (out.said_ms != 0)
		fputs("\r\033[K", stderr);
	arena_free(arena);
	return rc;
}

/* To a new file beside it, then renamed: a failure leaves what was there. */
static int sign_to(const struct sign_options *o, const struct zone *z, const struct zone *previous,
		   struct figures *f, struct err *e)
{
	char *temporary;
	int fd, rc;

	if (strcmp(o->out, "-") == 0)
		return sign(o, z, previous, STDOUT_FILENO, NULL, f, e);
	temporary = mem_printf("%s.%ld", o->out, (long)getpid());
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		rc = err_errno(e, "%s", temporary);
	} else {
		rc = sign(o, z, previous, fd, temporary, f, e);
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

static void say_notices(const struct sign_options *o, const struct zone *z)
{
	char zone[DNAME_TEXT_MAX];

	dname_to_text(o->zone, zone);
	for (size_t i = 0; i < z->notice_count && !o->quiet; i++)
		log_event(LOG_NOTICE, "input", "zone=%s msg=%s", zone, z->notices[i]);
}

static void say_figures(const struct sign_options *o, const struct zone *z, const struct figures *f)
{
	static const char text[] =
		"records %" PRIu64 ", of the input %zu; RRSIGs %" PRIu64 ", made %" PRIu64 "; octets %" PRIu64 "\n"
		"read %.3f s, signed %.3f s: names %.3f s, NSEC3 chain %.3f s\n"
		"processor: reading %.3f s, feeding and writing %.3f s, signing %.3f s in %u threads, %.3f s to %.3f s each\n";
	static const char json[] =
		"{\"records\": %" PRIu64 ", \"input\": %zu, \"rrsigs\": %" PRIu64 ", \"made\": %" PRIu64 ", \"octets\": %" PRIu64
		", \"read_s\": %.3f, \"sign_s\": %.3f, \"names_s\": %.3f, \"nsec3_s\": %.3f, \"read_cpu_s\": %.3f"
		", \"feed_cpu_s\": %.3f, \"sign_cpu_s\": %.3f, \"threads\": %u, \"least_cpu_s\": %.3f, \"most_cpu_s\": %.3f}\n";
	const struct sign_times *t = &f->sign.times;
	bool alone = t->threads == 0;

	if (o->stats || o->json)
		fprintf(stderr, o->json ? json : text, f->sign.records, z->records, f->sign.rrsigs, f->sign.made, f->sign.octets,
			(double)(f->read_ms - f->begun_ms) / 1e3, (double)(f->signed_ms - f->read_ms) / 1e3,
			(double)t->names_ms / 1e3, (double)t->hashes_ms / 1e3, (double)f->read_us / 1e6, (double)t->caller_us / 1e6,
			(double)t->jobs_us / 1e6, alone ? 1 : t->threads, (double)(alone ? t->jobs_us : t->least_us) / 1e6,
			(double)(alone ? t->jobs_us : t->most_us) / 1e6);
}

/* *out stays NULL where there is no zone of before, or none whose signatures can be kept. */
static int read_previous(const struct sign_options *o, struct zone_limits limits, struct zone **out, struct err *e)
{
	struct zone *z = NULL;

	limits.with_dnssec = true;
	if (access(o->previous, F_OK) != 0 && errno == ENOENT) {
		log_event(LOG_NOTICE, "previous", "msg=%s is not there; all is signed", o->previous);
		return 0;
	}
	if (zone_read_file(o->previous, o->zone, &limits, &z, e) != 0)
		return -1;
	if (zone_previous_check(z, &o->params, e) == 0) {
		*out = z;
		return 0;
	}
	zone_free(z);
	log_event(LOG_NOTICE, "previous", "msg=%s; all is signed", e->text);
	return 0;
}

static int run(struct sign_options *o, char **argv, struct err *e)
{
	const struct zone_limits limits = limits_of(o);
	struct key *keys[KEYS_MAX];
	struct apex_keys apex = { 0 };
	struct arena *arena = arena_new();
	struct figures f = { .begun_ms = clock_mono_ms() };
	struct zone *z = NULL, *previous = NULL;
	size_t key_count = 0;
	int rc = -1;

	if (key_read_bind(o->keys, o->zone, keys, KEYS_MAX, &key_count, e) != 0)
		goto out;
	if (key_count == 0) {
		err_set(e, ERR_NOTFOUND, "%s: no key files of the zone", o->keys);
		goto out;
	}
	sign_rsa_code(argv, keys, key_count);
	o->params.sort_dir = o->tmp;
	o->params.sort_octets = memory_part(o);
	if (apex_keys_make(o->zone, keys, key_count, o->dnskey_ttl_s, &o->params, arena, &apex, e) != 0 ||
	    zone_read_file(o->input, o->zone, &limits, &z, e) != 0)
		goto out;
	say_notices(o, z);
	if (o->previous != NULL && read_previous(o, limits, &previous, e) != 0)
		goto out;
	f.read_ms = clock_mono_ms();
	f.read_us = clock_thread_us();
	if (sign_to(o, z, previous, &f, e) != 0)
		goto out;
	f.signed_ms = clock_mono_ms();
	say_figures(o, z, &f);
	rc = 0;
out:
	zone_free(previous);
	zone_free(z);
	arena_free(arena);
	for (size_t i = 0; i < key_count; i++)
		key_free(keys[i]);
	return rc;
}

int main(int argc, char **argv)
{
	struct sign_options o = {
		.dnskey_ttl_s = 3600,
		.memory_mib = 150,
		.params = { .validity_s = 1209600, .jitter_s = 86400, .inception_offset_s = 3600, .margin_s = 604800,
			    .threads = (unsigned)get_nprocs() },
	};
	struct err e;
	int rc = sign_options_parse(argc, argv, &o);

	if (rc != 0)
		return rc < 0 ? 0 : rc;
	log_init("duet-sign", LOG_INFO);
	if (secret_init(&e) != 0 || key_random_init(&e) != 0 || clock_init() != 0) {
		fputs("duet-sign: cannot start\n", stderr);
		return 1;
	}
	o.params.now = clock_now_s();
	if (run(&o, argv, &e) != 0) {
		fprintf(stderr, "duet-sign: %s\n", e.text);
		rc = 1;
	}
	return rc;
}
