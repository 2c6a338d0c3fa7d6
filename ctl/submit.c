/* SPDX-License-Identifier: BSD-3-Clause */
/* submit: a zone's text to keydist, chunk by chunk as it is read, with its digest at the end. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "http/http.h"
#include "msg/msg.h"
#include "submission/submission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define END_TIMEOUT_MS 600000 /* a disk may be slow */

struct submitting {
	struct ctl *c;
	char *path; /* of the API */
	uint8_t upload[16];
	uint64_t at;
	int64_t since_ms;
	crypto_hash_sha256_state hash;
};

static int post(struct submitting *s, json_t *body, unsigned timeout_ms, json_t **answer, struct err *e)
{
	int rc;

	json_object_set_new(body, "upload", msg_json_hex(s->upload, sizeof(s->upload)));
	rc = ctl_patient_for(s->c, s->path, body, timeout_ms, answer, e);
	json_decref(body);
	return rc;
}

static int give(struct submitting *s, FILE *in, const char *name, struct err *e)
{
	uint8_t *buf = mem_new(SUBMISSION_CHUNK, 1);
	int rc = 0;
	size_t n;

	while (rc == 0 && (n = fread(buf, 1, SUBMISSION_CHUNK, in)) > 0) {
		crypto_hash_sha256_update(&s->hash, buf, n);
		rc = post(s, json_pack("{s:I,s:o}", "offset", (json_int_t)s->at, "data", msg_json_base64(buf, n)), CTL_TIMEOUT_MS,
			  NULL, e);
		s->at += n;
		ctl_progress(s->c, clock_mono_ms() - s->since_ms, "%llu MiB given", (unsigned long long)s->at >> 20);
	}
	if (rc == 0 && ferror(in))
		rc = err_errno(e, "%s", name);
	free(buf);
	return rc;
}

static int finish(struct submitting *s, json_t **answer, struct err *e)
{
	uint8_t digest[SUBMISSION_DIGEST_LEN];

	if (s->at == 0)
		return err_set(e, ERR_REFUSED, "nothing was submitted");
	crypto_hash_sha256_final(&s->hash, digest);
	return post(s, json_pack("{s:b,s:o}", "end", 1, "digest", msg_json_hex(digest, sizeof(digest))), END_TIMEOUT_MS, answer, e);
}

int cmd_zone_submit(struct ctl *c)
{
	const char *name = c->arg[1];
	char *zone = ctl_zone_name(c->arg[0]);
	struct submitting s = { .c = c, .path = http_path("/v1/zones/%s/submit", zone), .since_ms = clock_mono_ms() };
	FILE *in = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	json_t *answer = NULL;
	struct err e;
	int rc;

	randombytes_buf(s.upload, sizeof(s.upload));
	crypto_hash_sha256_init(&s.hash);
	rc = in == NULL ? err_errno(&e, "%s", name) : give(&s, in, name, &e);
	if (rc == 0)
		rc = finish(&s, &answer, &e);
	ctl_progress_end(c);
	if (rc != 0)
		ctl_fail(c, &e);
	else if (!ctl_json(c, answer))
		printf("%s is submitted, %llu octets, as number %lld; zone status says what becomes of it\n", zone,
		       (unsigned long long)s.at, (long long)jint(answer, "rev", 0));
	if (rc == 0 && !c->json)
		json_decref(answer);
	if (in != NULL && in != stdin)
		fclose(in);
	free(s.path);
	free(zone);
	return rc == 0 ? CTL_DONE : CTL_FAILED;
}
