/* SPDX-License-Identifier: BSD-3-Clause */
/* call: the daemons of this host, found through the configuration. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "http/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE     "/v1/status?limit=500"
#define AGAIN_MS 200

int ctl_load_conf(struct ctl *c)
{
	const char *path = c->conf_path != NULL ? c->conf_path : CONF_PATH;
	struct conf_errors errors;
	int rc;

	if (c->conf_path == NULL && access(path, F_OK) != 0 && errno == ENOENT)
		rc = conf_parse(path, "", 0, &c->conf, &errors);
	else
		rc = conf_load(path, &c->conf, &errors);
	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", errors.line[i]);
	conf_errors_free(&errors);
	return rc;
}

bool ctl_default_conf(struct ctl *c)
{
	struct conf_errors errors;
	bool init = c->command->run == cmd_recovery_init ||
		    (c->command->run == cmd_node_init && ctl_option(c, "dir") != NULL);

	if (!init && (c->command->daemon == CTL_NONE || c->socket[c->command->daemon] == NULL))
		return false;
	fprintf(stderr, "duetctl: the configuration is not right; going on without it\n");
	conf_parse(CONF_PATH, "", 0, &c->conf, &errors);
	conf_errors_free(&errors);
	return true;
}

const char *ctl_socket(const struct ctl *c, enum ctl_daemon d)
{
	if (c->socket[d] != NULL)
		return c->socket[d];
	switch (d) {
	case CTL_SIGNER:
		return c->conf->signer.socket;
	case CTL_BACKUPD:
		return c->conf->backupd.socket;
	case CTL_NONE:
	case CTL_KEYDIST:
		break;
	}
	return c->conf->keydist.socket;
}

static void on_waiting(void *ctx, int64_t waited_ms)
{
	ctl_progress(ctx, waited_ms, "waiting for the answer");
}

int ctl_try(struct ctl *c, enum ctl_daemon d, const char *method, char *path, json_t *body,
	    unsigned timeout_ms, json_t **out, struct err *e)
{
	int rc = http_call_watched(ctl_socket(c, d), method, path, body, timeout_ms, on_waiting, c, out, e);

	ctl_progress_end(c);
	free(path);
	return rc;
}

/* The path of the zones behind those that are in *all, which is NULL before the first. */
static char *status_path(const char *zone, const json_t *all)
{
	const json_t *zones = jlist(all, "zones");
	const size_t n = json_array_size(zones);

	if (zone != NULL)
		return http_path("/v1/status?zone=%s", zone);
	return n == 0 ? mem_strdup(PAGE)
		      : http_path(PAGE "&after=%s", jtext(json_array_get(zones, n - 1), "zone"));
}

int ctl_status(struct ctl *c, enum ctl_daemon d, const char *zone, json_t **out, struct err *e)
{
	json_t *all = NULL;
	bool more = true;

	while (more) {
		json_t *page = NULL;

		if (ctl_try(c, d, "GET", status_path(zone, all), NULL, CTL_TIMEOUT_MS, &page, e) != 0) {
			json_decref(all);
			return -1;
		}
		more = jbool(page, "more") && json_array_size(jlist(page, "zones")) > 0;
		if (all == NULL) {
			all = page;
			continue;
		}
		json_array_extend(json_object_get(all, "zones"), json_object_get(page, "zones"));
		json_decref(page);
	}
	json_object_del(all, "more");
	*out = all;
	return 0;
}

/* Whether keydist answers at all: then "not now" may be over soon. */
static bool answers(struct ctl *c)
{
	json_t *answer = NULL;
	struct err e;
	bool yes = ctl_try(c, CTL_KEYDIST, "GET", mem_strdup("/v1/nodes"), NULL, CTL_TIMEOUT_MS, &answer, &e) == 0;

	json_decref(answer);
	return yes;
}

static int patient(struct ctl *c, const char *method, const char *path, json_t *body, bool may_appear, unsigned wait_ms,
		   unsigned timeout_ms, json_t **out, struct err *e)
{
	const int64_t began_ms = clock_mono_ms();
	int rc;

	for (;;) {
		const int64_t waited_ms = clock_mono_ms() - began_ms;

		rc = ctl_try(c, CTL_KEYDIST, method, mem_strdup(path), body, timeout_ms, out, e);
		if (rc == 0 || waited_ms >= wait_ms ||
		    (e->code != ERR_NOTNOW && !(may_appear && e->code == ERR_NOTFOUND)) || !answers(c))
			break;
		ctl_progress(c, waited_ms, "waiting: %s", e->text);
		ctl_sleep_ms(AGAIN_MS);
	}
	ctl_progress_end(c);
	return rc;
}

int ctl_patient(struct ctl *c, const char *method, char *path, json_t *body, bool may_appear, unsigned wait_ms,
		json_t **out, struct err *e)
{
	int rc = patient(c, method, path, body, may_appear, wait_ms, CTL_TIMEOUT_MS, out, e);

	free(path);
	return rc;
}

int ctl_patient_for(struct ctl *c, const char *path, json_t *body, unsigned timeout_ms, json_t **out, struct err *e)
{
	return patient(c, "POST", path, body, false, CTL_PATIENCE_MS, timeout_ms, out, e);
}

int ctl_call(struct ctl *c, enum ctl_daemon d, const char *method, char *path, json_t *body, json_t **out)
{
	const bool patient = d == CTL_KEYDIST && strcmp(method, "GET") != 0;
	struct err e;

	if ((patient ? ctl_patient(c, method, path, body, false, CTL_PATIENCE_MS, out, &e)
		     : ctl_try(c, d, method, path, body, CTL_TIMEOUT_MS, out, &e)) == 0)
		return 0;
	ctl_fail(c, &e);
	return -1;
}

int ctl_request(struct ctl *c, const char *node, const char *what, json_t *args, unsigned timeout_ms,
		json_t **out, struct err *e)
{
	json_t *body =
		json_pack("{s:s, s:o, s:i}", "what", what, "args", args, "timeout_ms", (int)timeout_ms);
	int rc = ctl_try(c, CTL_KEYDIST, "POST", http_path("/v1/nodes/%s/request", node), body,
			 timeout_ms + 5000, out, e);

	json_decref(body);
	return rc;
}
