/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * set_serial: a zone's serial to any other one, also below (RFC 1982): as far up as secondaries follow at a time, each step once
 * all signers publish it and all their secondaries show it.  Each step is a floor, so saying the command again goes on.
 */
#include "ctl/command.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "http/http.h"
#include "serial/serial.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS    500
#define REQUEST_MS 15000

struct setting {
	struct ctl *c;
	char *zone;
	uint32_t want;
	int64_t until_ms, since_ms;
	char behind[200]; /* who does not show the step, "": nobody */
};

static void behind(struct setting *s, const char *what, const char *name, json_int_t serial)
{
	snprintf(s->behind, sizeof(s->behind), "%s %s shows %lld", what, name, (long long)serial);
}

static bool below(json_int_t serial, uint32_t step)
{
	return serial_distance(step, (uint32_t)serial) < 0;
}

static void look_at(struct setting *s, const char *name, const json_t *status, uint32_t step)
{
	const json_t *v;
	size_t i;

	if (below(jint(status, "serial", 0), step))
		behind(s, "signer", name, jint(status, "serial", 0));
	json_array_foreach(jlist(status, "secondaries"), i, v)
	{
		if (!jbool(v, "ok") || below(jint(v, "serial", 0), step))
			behind(s, "secondary", jtext(v, "address"), jint(v, "serial", 0));
	}
}

static int status_of(struct setting *s, json_t **status, struct err *e)
{
	return ctl_try(s->c, CTL_SIGNER, "GET", http_path("/v1/zones/%s/status", s->zone), NULL, CTL_TIMEOUT_MS, status, e);
}

/* Who does not show the step yet, of all signers and what each of them sees. */
static int look(struct setting *s, uint32_t step, struct err *e)
{
	json_t *mine = NULL, *theirs;
	const json_t *peer;
	size_t i;

	s->behind[0] = '\0';
	if (status_of(s, &mine, e) != 0)
		return -1;
	look_at(s, "here", mine, step);
	json_array_foreach(jlist(mine, "peers"), i, peer)
	{
		const char *name = jtext(peer, "name");

		theirs = NULL;
		if (ctl_request(s->c, name, "status", json_pack("{s:s}", "zone", s->zone), REQUEST_MS, &theirs, e) == 0)
			look_at(s, name, theirs, step);
		else
			behind(s, "signer", name, jint(peer, "serial", 0));
		json_decref(theirs);
	}
	json_decref(mine);
	return 0;
}

/* The floor, and until everybody is there. */
static int step_to(struct setting *s, uint32_t step, struct err *e)
{
	json_t *body = json_pack("{s:I}", "serial", (json_int_t)step);
	int rc = ctl_try(s->c, CTL_SIGNER, "POST", http_path("/v1/zones/%s/floor", s->zone), body, CTL_TIMEOUT_MS, NULL, e);

	json_decref(body);
	if (rc != 0)
		return -1;
	for (;;) {
		if (look(s, step, e) != 0)
			return -1;
		if (s->behind[0] == '\0')
			return 0;
		if (clock_mono_ms() >= s->until_ms)
			return err_set(e, ERR_TIMEOUT, "serial %u: %s; say it again to go on", step, s->behind);
		ctl_progress(s->c, clock_mono_ms() - s->since_ms, "on the way to %u, now at %u: %s", s->want, step, s->behind);
		ctl_sleep_ms(LOOK_MS);
	}
}

static int walk(struct setting *s, struct err *e)
{
	const uint32_t today = serial_today((int64_t)time(NULL));
	json_t *status = NULL;
	uint32_t at;

	if (serial_distance(s->want, today) > 0 && serial_distance(s->want, today) <= SERIAL_WINDOW)
		return err_set(e, ERR_REFUSED, "serial %u: the next version would take %u, the date's, all the same", s->want, today);
	if (status_of(s, &status, e) != 0)
		return -1;
	at = (uint32_t)jint(status, "serial", 0);
	json_decref(status);
	if (at == 0)
		return err_set(e, ERR_NOTNOW, "zone %s: nothing is published yet", s->zone);
	while (serial_distance(at, s->want) < 0 || serial_distance(at, s->want) > SERIAL_WINDOW) {
		at = serial_add(at, SERIAL_WINDOW) != 0 ? serial_add(at, SERIAL_WINDOW) : 1;
		if (step_to(s, at, e) != 0)
			return -1;
	}
	return step_to(s, s->want, e);
}

int cmd_zone_set_serial(struct ctl *c)
{
	struct setting s = { .c = c, .since_ms = clock_mono_ms() };
	json_int_t serial;
	struct err e;
	long timeout_s;
	int rc;

	if (ctl_serial(c, 1, &serial) != 0 || ctl_seconds(c, "timeout", 600, &timeout_s) != 0)
		return CTL_MISUSED;
	s.want = (uint32_t)serial;
	s.zone = ctl_zone_name(c->arg[0]);
	s.until_ms = s.since_ms + 1000 * (int64_t)timeout_s;
	rc = walk(&s, &e);
	ctl_progress_end(c);
	if (rc != 0)
		ctl_fail(c, &e);
	else if (!ctl_json_new(c, json_pack("{s:s, s:I}", "zone", s.zone, "serial", serial)))
		printf("%s goes on from serial %u; all signers and secondaries show it\n", s.zone, s.want);
	free(s.zone);
	return rc == 0 ? CTL_DONE : CTL_FAILED;
}
