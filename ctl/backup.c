/* SPDX-License-Identifier: BSD-3-Clause */
/* backup: what the backups hold, and the way back after every signer was lost. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "http/http.h"
#include "identity/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESTORE_TIMEOUT_MS 300000
#define ALONE_MS           5000  /* nobody heard for so long: there is nobody */

/* How long a key is kept. */
static void print_kept_for(struct ctl_table *t, const json_t *z, const json_t *k, char when[CTL_WHEN_LEN])
{
	const json_int_t left = jint(z, "dropped_in_s", -1);

	if (jbool(k, "dropped"))
		ctl_table_add(t, "dropped");
	else if (left >= 0)
		ctl_table_add(t, "for %s", ctl_span(left, when));
	else
		ctl_table_add(t, "for good");
}

/* On a backup host: its keys. */
static void print_kept(const json_t *answer)
{
	struct ctl_table t = { .columns = 7 };
	json_int_t now = (json_int_t)time(NULL);
	const json_t *z, *k;
	size_t i, n;

	ctl_table_add(&t, "ZONE");
	ctl_table_add(&t, "TAG/ALG");
	ctl_table_add(&t, "ROLE");
	ctl_table_add(&t, "HASH");
	ctl_table_add(&t, "STORED");
	ctl_table_add(&t, "RECOVERY KEY");
	ctl_table_add(&t, "KEPT");
	json_array_foreach(jlist(answer, "zones"), i, z)
	{
		json_array_foreach(jlist(z, "keys"), n, k)
		{
			char *recovery = jjoin(jlist(k, "recovery"), ","), when[CTL_WHEN_LEN];

			ctl_table_add(&t, "%s%s", jtext(z, "zone"), jbool(z, "removed") ? " (removed)" : "");
			ctl_table_add(&t, "%lld/%lld", (long long)jint(k, "tag", 0),
				      (long long)jint(k, "algorithm", 0));
			ctl_table_add(&t, "%s", jtext(k, "role"));
			ctl_table_add(&t, "%.8s", jtext(k, "hash"));
			ctl_table_add(&t, "%s", ctl_when(jint(k, "stored_at", 0), now, when));
			ctl_table_add(&t, "%s", recovery);
			print_kept_for(&t, z, k, when);
			free(recovery);
		}
	}
	ctl_table_print(&t);
}

/* On a signer host: how complete each backup is. */
static void print_backups(const json_t *answer)
{
	struct ctl_table t = { .columns = 4 };
	const json_t *b, *z;
	size_t i, n;

	ctl_table_add(&t, "BACKUP");
	ctl_table_add(&t, "HEARD");
	ctl_table_add(&t, "ZONE");
	ctl_table_add(&t, "KEYS STORED");
	json_array_foreach(jlist(answer, "backups"), i, b)
	{
		json_int_t heard = jint(b, "heard_ms", -1);

		if (json_array_size(jlist(b, "zones")) == 0) {
			ctl_table_add(&t, "%s", jtext(b, "name"));
			ctl_table_add(&t, heard < 0 ? "never" : "%lld s ago", (long long)heard / 1000);
			ctl_table_add(&t, "-");
			ctl_table_add(&t, "-");
		}
		json_array_foreach(jlist(b, "zones"), n, z)
		{
			ctl_table_add(&t, "%s", jtext(b, "name"));
			ctl_table_add(&t, heard < 0 ? "never" : "%lld s ago", (long long)heard / 1000);
			ctl_table_add(&t, "%s", jtext(z, "zone"));
			ctl_table_add(&t, "%lld of %lld", (long long)jint(z, "stored", 0),
				      (long long)jint(z, "keys", 0));
		}
	}
	ctl_table_print(&t);
}

int cmd_backup_list(struct ctl *c)
{
	bool here = c->conf->backupd.present ||
		    (c->socket[CTL_BACKUPD] != NULL && c->socket[CTL_KEYDIST] == NULL);
	json_t *answer = NULL;

	if (ctl_call(c, here ? CTL_BACKUPD : CTL_KEYDIST, "GET", mem_strdup("/v1/backups"), NULL, &answer) !=
	    0)
		return CTL_FAILED;
	if (ctl_json(c, answer))
		return CTL_DONE;
	if (json_object_get(answer, "backups") != NULL)
		print_backups(answer);
	else
		print_kept(answer);
	json_decref(answer);
	return CTL_DONE;
}

/* "a,b,c" as an array; empty words are left out. */
static json_t *split(const char *text)
{
	json_t *list = json_array();

	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, ",");

		if (len > 0)
			json_array_append_new(list, json_stringn(text, len));
		text += len + (text[len] == ',');
	}
	return list;
}

/* Nobody was heard since the start of the backup. */
static bool is_alone(struct ctl *c)
{
	json_t *status = NULL;
	struct err e;
	bool alone = ctl_try(c, CTL_BACKUPD, "GET", mem_strdup("/v1/status"), NULL, CTL_TIMEOUT_MS, &status, &e) ==
			     0 &&
		     jbool(status, "alone");

	json_decref(status);
	return alone;
}

/* Waits until the backup has compared its facts with a new signer; where nobody answers, it goes alone. */
static int restore(struct ctl *c, json_t *body, json_t **answer, struct err *e)
{
	const int64_t began_ms = clock_mono_ms();

	for (;;) {
		const int64_t waited_ms = clock_mono_ms() - began_ms;
		int rc = ctl_try(c, CTL_BACKUPD, "POST", mem_strdup("/v1/restore"), body, RESTORE_TIMEOUT_MS, answer,
				 e);

		if (rc == 0 || e->code != ERR_NOTNOW || waited_ms > RESTORE_TIMEOUT_MS || jbool(body, "alone"))
			return rc;
		if (waited_ms > ALONE_MS && is_alone(c)) {
			fprintf(stderr, "duetctl: no other node answers; going on without comparing facts\n");
			json_object_set_new(body, "alone", json_true());
			continue;
		}
		ctl_progress(c, waited_ms, "waiting until this backup has compared its facts with another node");
		ctl_sleep_ms(500);
	}
}

int cmd_backup_restore(struct ctl *c)
{
	char *file;
	json_t *signers = split(ctl_option(c, "signers")), *body, *answer = NULL;
	struct node_line line;
	const json_t *s;
	struct err e;
	size_t i;
	int rc;

	if (ctl_option(c, "recovery-key") == NULL || json_array_size(signers) == 0) {
		json_decref(signers);
		return ctl_misuse(c->command, "--recovery-key and --signers must be given");
	}
	json_array_foreach(signers, i, s)
	{
		if (json_string_value(s) == NULL || node_line_parse(json_string_value(s), &line, &e) != 0) {
			json_decref(signers);
			err_ctx(&e, "--signers");
			return ctl_fail(c, &e);
		}
	}
	file = ctl_absolute(ctl_option(c, "recovery-key"));
	body = json_pack("{s:s, s:o, s:o}", "recovery_key_file", file, "signers", signers, "fenced",
			 split(ctl_option(c, "fenced")));
	rc = restore(c, body, &answer, &e);
	ctl_progress_end(c);
	json_decref(body);
	free(file);
	if (rc != 0)
		return ctl_fail(c, &e);
	if (!ctl_json(c, answer)) {
		printf("restored: %lld zones, %lld keys\n", (long long)jint(answer, "zones", 0),
		       (long long)jint(answer, "keys", 0));
		json_decref(answer);
	}
	return CTL_DONE;
}
