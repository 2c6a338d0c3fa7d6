/* SPDX-License-Identifier: BSD-3-Clause */
/* node: identities and the list of nodes; node init and recovery init work without a daemon. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "http/http.h"
#include "identity/identity.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As root, gives a file to the daemon's user where packaging made one.  Returns whether it did. */
static bool give(const char *path, const char *user)
{
	const struct passwd *pw = geteuid() == 0 ? getpwnam(user) : NULL;

	return pw != NULL && chown(path, pw->pw_uid, pw->pw_gid) == 0;
}

struct init_paths {
	char *identity, *engine, *wrap;
};

static int init_paths(struct ctl *c, bool backup, struct init_paths *p)
{
	const char *dir = ctl_option(c, "dir"), *wrap = c->conf->keydist.wrap_key;

	if (dir != NULL) {
		p->identity = mem_printf("%s/identity", dir);
		p->engine = mem_printf("%s/identity.signer", dir);
		p->wrap = mem_printf("%s/identity.wrap", dir);
	} else {
		p->identity = mem_strdup(c->conf->node.identity);
		p->engine = mem_strdup(c->conf->node.engine_identity);
		p->wrap = strncmp(wrap, "file:", 5) == 0 ? mem_strdup(wrap + 5)
							 : mem_printf("%s.wrap", p->identity);
	}
	if (backup) {
		free(p->engine);
		p->engine = NULL;
	}
	return 0;
}

static void own(const struct init_paths *p, bool backup)
{
	const char *user = backup ? "duet-backupd" : "duet-keydist";

	if (!give(p->identity, user) || !give(p->wrap, user))
		return;
	if (p->engine != NULL)
		give(p->engine, "duet-signer");
}

int cmd_node_init(struct ctl *c)
{
	const char *role = ctl_option(c, "role");
	bool backup = role != NULL ? strcmp(role, "backup") == 0
				   : c->conf->backupd.present && !c->conf->signer.present;
	struct init_paths p = { .identity = NULL };
	char line[NODE_LINE_TEXT];
	struct err e;
	int rc = CTL_FAILED;

	if (role != NULL && !backup && strcmp(role, "signer") != 0)
		return ctl_misuse(c->command, "--role %s: must be signer or backup", role);
	if (backup && ctl_flag(c, "first"))
		return ctl_misuse(c->command, "--first: the first node must be a signer");
	init_paths(c, backup, &p);
	if (identity_create(p.identity, p.engine, p.wrap, ctl_flag(c, "first"), line, &e) != 0) {
		ctl_fail(c, &e);
		goto out;
	}
	own(&p, backup);
	rc = CTL_DONE;
	if (ctl_json_new(c, json_pack("{s:s, s:s, s:s, s:s*}", "line", line, "identity", p.identity,
				      "wrap_key", p.wrap, "engine_identity", p.engine)))
		goto out;
	printf("%s\n", line);
	fprintf(stderr,
		"This is the public line of this node; put it among the peers of every other one.  Secret, "
		"mode 0600:\n"
		"  %s\n  %s   (keep a systemd credential instead, or beside it)\n",
		p.identity, p.wrap);
	if (p.engine != NULL)
		fprintf(stderr, "  %s   (for the user of duet-signer)\n", p.engine);
out:
	free(p.identity);
	free(p.engine);
	free(p.wrap);
	return rc;
}

int cmd_recovery_init(struct ctl *c)
{
	const char *file = ctl_option(c, "out");
	char line[RECOVERY_LINE_TEXT];
	struct secret *secret = NULL;
	int rc = CTL_FAILED;
	struct err e;

	if (recovery_create(&secret, line, &e) != 0 ||
	    (file != NULL && secret_write(file, secret, &e) != 0)) {
		ctl_fail(c, &e);
	} else if (file != NULL) {
		rc = CTL_DONE;
		if (!ctl_json_new(c, json_pack("{s:s, s:s}", "line", line, "file", file))) {
			printf("%s\n", line);
			fprintf(stderr,
				"Public line: node.recovery in every configuration.  %s opens every backup: "
				"keep it offline.\n",
				file);
		}
	} else {
		/* The one place where a secret is shown: the operator asked for it, and it is nowhere else.
		 */
		const char *text = (const char *)secret_open(secret);
		int len = (int)secret_len(secret);

		rc = CTL_DONE;
		if (c->json)
			printf("{\n  \"line\": \"%s\",\n  \"secret\": \"%.*s\"\n}\n", line, len, text);
		else
			printf("public  %s\nsecret  %.*s\n", line, len, text);
		secret_close(secret);
		if (!c->json)
			fprintf(stderr, "Shown once.  Public: node.recovery in every configuration.  Secret: "
					"on paper or offline; it opens "
					"every backup.\n");
	}
	secret_free(secret);
	return rc;
}

int cmd_node_add(struct ctl *c)
{
	const char *name = ctl_option(c, "name"), *role = ctl_option(c, "role");
	json_t *body, *answer = NULL;
	struct node_line line;
	struct err e;
	int rc;

	if (name == NULL || role == NULL)
		return ctl_misuse(c->command, "--name and --role must be given");
	if (strcmp(role, "signer") != 0 && strcmp(role, "backup") != 0)
		return ctl_misuse(c->command, "--role %s: must be signer or backup", role);
	if (node_line_parse(c->arg[0], &line, &e) != 0)
		return ctl_fail(c, &e);
	body = json_pack("{s:s, s:s, s:s}", "line", c->arg[0], "name", name, "role", role);
	rc = ctl_call(c, CTL_KEYDIST, "POST", mem_strdup("/v1/nodes"), body, &answer);
	json_decref(body);
	if (rc != 0)
		return CTL_FAILED;
	if (!ctl_json(c, answer)) {
		printf("%s is admitted as %s\n", name, role);
		json_decref(answer);
	}
	return CTL_DONE;
}

int cmd_node_retire(struct ctl *c)
{
	json_t *body = json_pack("{s:b,s:b}", "fenced", ctl_flag(c, "fenced"), "dead", ctl_flag(c, "dead")), *answer = NULL;
	int rc = ctl_call(c, CTL_KEYDIST, "POST", mem_printf("/v1/nodes/%s/retire", c->arg[0]), body, &answer);

	json_decref(body);
	if (rc != 0)
		return CTL_FAILED;
	if (!ctl_json(c, answer)) {
		printf(jbool(answer, "leaves")
			       ? "%s leaves: it is retired once nothing of it is served or cached (duetctl node list); its identity "
				 "never returns\n"
			       : "%s is retired; its identity never returns\n",
		       c->arg[0]);
		json_decref(answer);
	}
	return CTL_DONE;
}

static const char *standing(const json_t *n)
{
	if (jbool(n, "retired"))
		return "retired";
	if (jbool(n, "leaving"))
		return "leaving";
	if (jbool(n, "counted"))
		return "counted";
	return jbool(n, "admitted") ? "admitted" : "not admitted";
}

void ctl_print_nodes(const json_t *nodes)
{
	struct ctl_table t = { .columns = 6 };
	const json_t *n;
	size_t i;

	ctl_table_add(&t, "NODE");
	ctl_table_add(&t, "ROLE");
	ctl_table_add(&t, "STANDING");
	ctl_table_add(&t, "HEARD");
	ctl_table_add(&t, "CLOCK");
	ctl_table_add(&t, "ID");
	json_array_foreach(nodes, i, n)
	{
		json_int_t heard = jint(n, "heard_ms", -1), offset = jint(n, "offset_s", 0);

		ctl_table_add(&t, "%s", jtext(n, "name"));
		ctl_table_add(&t, "%s", jtext(n, "role"));
		ctl_table_add(&t, "%s%s", standing(n),
			      jbool(n, "self") || jbool(n, "configured") ? "" : ", not configured");
		if (jbool(n, "self"))
			ctl_table_add(&t, "self");
		else if (heard < 0)
			ctl_table_add(&t, "never");
		else
			ctl_table_add(&t, "%lld.%lld s ago", (long long)heard / 1000,
				      (long long)heard % 1000 / 100);
		if (jbool(n, "self") || heard < 0)
			ctl_table_add(&t, "-");
		else
			ctl_table_add(&t, "%+lld s", (long long)offset);
		ctl_table_add(&t, "%s", jtext(n, "id"));
	}
	ctl_table_print(&t);
	json_array_foreach(nodes, i, n)
		if (json_is_string(json_object_get(n, "waits")))
			printf("%s leaves: %s\n", jtext(n, "name"), jtext(n, "waits"));
}

int cmd_node_list(struct ctl *c)
{
	json_t *answer = NULL;

	if (ctl_call(c, CTL_KEYDIST, "GET", mem_strdup("/v1/nodes"), NULL, &answer) != 0)
		return CTL_FAILED;
	if (!ctl_json(c, answer)) {
		ctl_print_nodes(jlist(answer, "nodes"));
		json_decref(answer);
	}
	return CTL_DONE;
}
