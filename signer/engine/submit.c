/* SPDX-License-Identifier: BSD-3-Clause */
/* submit: takes a submitted text from keydist. */
#include "signer/engine/submit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/zwork.h"
#include "submission/submission.h"

#define ASK_MS 5000 /* an answer may be lost */

struct submit {
	bool any;          /* something was submitted */
	struct submission s;
	struct assembly a; /* fd -1: nothing was asked for yet */
	bool ready;        /* it is whole */
	bool taken;        /* it was loaded, or is what is published */
	int64_t asked_ms;  /* 0: no answer is waited for */
};

void submit_start(struct zwork *z)
{
	struct submit *s = mem_new(1, sizeof(*s));

	s->a.fd = -1;
	s->any = submission_of_source(z->source.text, &s->s);
	z->source.submit = s;
	z->source.size = (int64_t)s->s.size;
}

void submit_stop(struct source *source)
{
	if (source->submit == NULL)
		return;
	assembly_close(&source->submit->a);
	free(source->submit);
	source->submit = NULL;
}

static void begin(struct submit *s, int fd)
{
	assembly_close(&s->a);
	assembly_open(&s->a, fd);
	s->ready = false;
	s->asked_ms = 0;
}

void submit_again(struct zwork *z)
{
	struct submit *s = z->source.submit;

	begin(s, -1);
	s->taken = false;
	zwork_poke(z);
}

static void ask(struct zwork *z)
{
	struct submit *s = z->source.submit;

	s->asked_ms = clock_mono_ms();
	kdlink_submission(z->engine->keydist, z->name, chunk_wish(s->s.digest, s->a.at));
}

static bool is_published(const struct zwork *z)
{
	return z->version != NULL && z->damage == NULL && z->kept.mine.epoch == z->plan->epoch &&
	       z->kept.mine.number == z->source.submit->s.rev;
}

static void failed(struct zwork *z, const char *why)
{
	begin(z->source.submit, -1);
	z->source.submit->asked_ms = clock_mono_ms(); /* then again */
	source_failed(z, why, ASK_MS / 1000);
}

void submit_step(struct zwork *z)
{
	struct submit *s = z->source.submit;
	int fd;

	if (!s->any || s->taken || s->ready)
		return;
	if (is_published(z) && s->a.fd < 0) {
		s->taken = true;
		return;
	}
	if (s->asked_ms == 0 || clock_mono_ms() >= s->asked_ms + ASK_MS) {
		if (s->a.fd < 0) {
			if ((fd = source_nameless(z)) < 0) {
				failed(z, strerror(errno));
				return;
			}
			begin(s, fd);
		}
		ask(z);
	}
	if (s->asked_ms + ASK_MS < z->look_ms)
		z->look_ms = s->asked_ms + ASK_MS;
}

void submit_hear(struct zwork *z, const json_t *msg)
{
	struct submit *s = z->source.submit;
	struct chunk chunk;
	struct err e;

	if (z->source.kind != SOURCE_SUBMIT || s->a.fd < 0 || s->ready || chunk_read(msg, &chunk, NULL) != 0)
		return;
	if (memcmp(chunk.digest, s->s.digest, sizeof(chunk.digest)) != 0 || chunk.offset != s->a.at) {
		free(chunk.octets); /* of another submission, or said twice */
		return;
	}
	if (assembly_add(&s->a, chunk.offset, chunk.octets, chunk.len, s->s.size, &e) != 0)
		failed(z, e.text);
	else if (s->a.at < s->s.size)
		ask(z);
	else if (!assembly_is(&s->a, s->s.digest))
		failed(z, "what keydist gave has another digest");
	else
		s->ready = true;
	free(chunk.octets);
	fail_point("submit-heard");
	zwork_poke(z);
}

bool submit_has_text(const struct zwork *z)
{
	return z->source.submit->ready;
}

int submit_take(struct zwork *z, uint64_t *rev)
{
	struct submit *s = z->source.submit;
	const int fd = s->a.fd;

	*rev = s->s.rev;
	s->a.fd = -1;
	s->ready = false;
	s->taken = true;
	lseek(fd, 0, SEEK_SET);
	return fd;
}

bool submit_is_current(const struct zwork *z)
{
	return (z->source.submit->taken || !z->source.submit->any) && kdlink_up(z->engine->keydist);
}
