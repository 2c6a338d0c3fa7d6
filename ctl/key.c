/* SPDX-License-Identifier: BSD-3-Clause */
/* key: making keys and waiting until they are distributed; their DS. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "http/http.h"
#include "key/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 200

/* ---- create ---- */

/* Asks for each key's state; *all is whether every one is distributed; missing names whom they wait for
 * (free() it). */
static int ask(struct ctl *c, const char *zone, const json_t *keys, bool *all, char **missing,
	       json_t **states, struct err *e)
{
	const json_t *k;
	size_t i;

	*all = true;
	json_array_foreach(keys, i, k)
	{
		json_t *state = NULL;

		if (ctl_try(c, CTL_KEYDIST, "GET", http_path("/v1/zones/%s/keys/%s", zone, jtext(k, "hash")),
			    NULL, CTL_TIMEOUT_MS, &state, e) != 0)
			return -1;
		json_array_append_new(*states, state);
		if (!jbool(state, "distributed")) {
			*all = false;
			free(*missing);
			*missing = jjoin(jlist(state, "missing"), ", ");
		}
	}
	return 0;
}

/* Returns the exit code; states gets the last word on each key. */
static int wait_distributed(struct ctl *c, const char *zone, const json_t *keys, long timeout_s,
			    json_t **states)
{
	int64_t began_ms = clock_mono_ms();
	char *missing = mem_strdup("");
	int rc = CTL_FAILED;
	struct err e;

	for (;;) {
		int64_t waited_ms = clock_mono_ms() - began_ms;
		bool all = false;

		json_decref(*states);
		*states = json_array();
		if (ask(c, zone, keys, &all, &missing, states, &e) != 0 && e.code != ERR_NOTNOW &&
		    e.code != ERR_TIMEOUT) {
			ctl_fail(c, &e); /* keydist that starts again is waited for */
			break;
		}
		if (all && json_array_size(*states) == json_array_size(keys)) {
			rc = CTL_DONE;
			break;
		}
		if (waited_ms >= timeout_s * 1000) {
			ctl_fail_text(c,
				      "%s: the key is made and not yet distributed after %ld s: missing %s; "
				      "nothing is lost, the rest "
				      "goes on by itself, see duetctl key list",
				      zone, timeout_s, *missing != '\0' ? missing : "an answer of keydist");
			break;
		}
		ctl_progress(c, waited_ms, "%s: waiting for %s", zone,
			     *missing != '\0' ? missing : "keydist");
		ctl_sleep_ms(POLL_MS);
	}
	ctl_progress_end(c);
	free(missing);
	return rc;
}

static void say_keys(const json_t *keys, const char *what)
{
	const json_t *k;
	size_t i;

	json_array_foreach(keys, i, k)
	{
		char *held = jjoin(jlist(k, "held"), ", "), *stored = jjoin(jlist(k, "stored"), ", ");

		printf("key %lld/%lld %s %.16s %s", (long long)jint(k, "tag", 0),
		       (long long)jint(k, "algorithm", 0), jtext(k, "role"), jtext(k, "hash"), what);
		if (*held != '\0')
			printf("; held by %s; stored by %s", held, *stored != '\0' ? stored : "no backup");
		putchar('\n');
		free(held);
		free(stored);
	}
}

int ctl_key_made(struct ctl *c, const char *zone, const json_t *answer, long timeout_s, const char *how)
{
	json_t *states = NULL;
	const json_t *keys;
	char what[64];
	int rc = CTL_DONE;

	if (!ctl_flag(c, "no-wait"))
		rc = wait_distributed(c, zone, jlist(answer, "keys"), timeout_s, &states);
	if (rc == CTL_DONE) {
		keys = states != NULL ? states : jlist(answer, "keys");
		snprintf(what, sizeof(what), jbool(answer, "existing") ? "was there already"
					     : states != NULL          ? "is distributed"
								       : "is %s", how);
		if (!ctl_json_new(c, json_pack("{s:s, s:b, s:O, s:b, s:O*}", "zone", zone, "distributed", states != NULL, "keys",
					       keys, "existing", jbool(answer, "existing"), "check", json_object_get(answer, "check")))) {
			say_keys(keys, what);
			if (*jtext(answer, "check") != '\0')
				printf("see to it: %s\n", jtext(answer, "check"));
		}
	}
	json_decref(states);
	return rc;
}

int ctl_key_kind(struct ctl *c, json_t *body)
{
	const char *algorithm = ctl_option(c, "algorithm"), *role = ctl_option(c, "role");

	if (algorithm != NULL && key_algorithm_from_text(algorithm) == 0)
		return ctl_misuse(c->command, "--algorithm %s: must be 8, 10, 13, 14, 15 or 16, or a mnemonic", algorithm);
	if (role != NULL && strcmp(role, "csk") != 0 && strcmp(role, "ksk") != 0 && strcmp(role, "zsk") != 0)
		return ctl_misuse(c->command, "--role %s: must be csk, ksk or zsk", role);
	if (algorithm != NULL)
		json_object_set_new(body, "algorithm", json_integer(key_algorithm_from_text(algorithm)));
	if (role != NULL)
		json_object_set_new(body, "role", json_string(role));
	return 0;
}

int cmd_key_create(struct ctl *c)
{
	char *zone;
	json_t *body = json_object(), *answer = NULL;
	unsigned patience_ms;
	long timeout_s;
	struct err e;
	int rc;

	if (ctl_flag(c, "all") == (c->args > 0)) {
		json_decref(body);
		return ctl_misuse(c->command, "a ZONE, or --all, must be given");
	}
	if (ctl_flag(c, "all")) {
		json_decref(body);
		if (ctl_option(c, "algorithm") != NULL || ctl_option(c, "role") != NULL)
			return ctl_misuse(c->command, "--all makes what the policy of each zone wants");
		return ctl_key_create_all(c);
	}
	if (ctl_seconds(c, "timeout", 120, &timeout_s) != 0 || ctl_key_kind(c, body) != 0) {
		json_decref(body);
		return CTL_MISUSED;
	}
	zone = ctl_zone_name(c->arg[0]);
	patience_ms = timeout_s * 1000 < CTL_PATIENCE_MS ? (unsigned)timeout_s * 1000 : CTL_PATIENCE_MS;
	if ((rc = ctl_patient(c, "POST", http_path("/v1/zones/%s/keys", zone), body, true, patience_ms, &answer,
			      &e)) != 0)
		ctl_fail(c, &e);
	json_decref(body);
	if (rc == 0)
		rc = ctl_key_made(c, zone, answer, timeout_s, "made");
	json_decref(answer);
	free(zone);
	return rc == 0 ? CTL_DONE : CTL_FAILED;
}

/* ---- ds ---- */

int cmd_key_ds(struct ctl *c)
{
	static const char *const kinds[] = { "ds", "dnskey", "cds", "cdnskey" };
	bool any = false;
	char *zone = ctl_zone_name(c->arg[0]);
	json_t *answer = NULL;
	const json_t *row;
	bool safe;
	size_t i;

	if (ctl_call(c, CTL_KEYDIST, "GET", http_path("/v1/zones/%s/ds", zone), NULL, &answer) != 0) {
		free(zone);
		return CTL_FAILED;
	}
	safe = jbool(answer, "safe");
	if (c->json) {
		ctl_json(c, json_incref(answer));
	} else {
		for (size_t k = 1; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			any |= ctl_flag(c, kinds[k]);
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			json_array_foreach(jlist(answer, kinds[k]), i, row)
				if (k == 0 ? !any : ctl_flag(c, kinds[k]))
					puts(json_string_value(row) != NULL ? json_string_value(row) : "");
		if (!safe)
			fprintf(stderr, "duetctl: %s: not yet safe: do not give this to the parent: %s\n",
				zone,
				*jtext(answer, "why") != '\0' ? jtext(answer, "why")
							      : "it is not served everywhere");
		if (!safe && *jtext(answer, "missing_server") != '\0')
			fprintf(stderr, "%s\n", jtext(answer, "missing_server"));
	}
	json_decref(answer);
	free(zone);
	return safe ? CTL_DONE : CTL_FAILED;
}
