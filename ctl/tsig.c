/* SPDX-License-Identifier: BSD-3-Clause */
/* tsig: TSIG keys by name; secrets stay in files that keydist opens. */
#include "ctl/command.h"

#include "arena/arena.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cmd_tsig_create(struct ctl *c)
{
	const char *algorithm = ctl_option(c, "algorithm");
	char *name, *file, *out;
	json_t *body, *answer = NULL;
	int rc;

	if (ctl_option(c, "file") == NULL && ctl_option(c, "out") == NULL)
		return ctl_misuse(c->command, "--out or --file must be given: else nobody could use the key");
	file = ctl_absolute(ctl_option(c, "file"));
	out = ctl_absolute(ctl_option(c, "out"));
	name = ctl_zone_name(c->arg[0]);
	body = json_pack("{s:s, s:s, s:s*, s:s*}", "name", name, "algorithm",
			 algorithm != NULL ? algorithm : "hmac-sha256", "file", file, "out", out);
	rc = ctl_call(c, CTL_KEYDIST, "POST", mem_strdup("/v1/tsig"), body, &answer);
	json_decref(body);
	if (rc == 0 && !ctl_json(c, answer)) {
		printf("TSIG key %s %.16s is made%s%s\n", name, jtext(answer, "hash"),
		       out != NULL ? ", in " : "", out != NULL ? out : "");
		json_decref(answer);
	}
	free(file);
	free(out);
	free(name);
	return rc == 0 ? CTL_DONE : CTL_FAILED;
}

int cmd_tsig_list(struct ctl *c)
{
	struct ctl_table t = { .columns = 4 };
	json_t *answer = NULL;
	const json_t *k;
	size_t i;

	if (ctl_call(c, CTL_KEYDIST, "GET", mem_strdup("/v1/tsig"), NULL, &answer) != 0)
		return CTL_FAILED;
	if (ctl_json(c, answer))
		return CTL_DONE;
	ctl_table_add(&t, "TSIG KEY");
	ctl_table_add(&t, "ALGORITHM");
	ctl_table_add(&t, "HASH");
	ctl_table_add(&t, "USE");
	json_array_foreach(jlist(answer, "keys"), i, k)
	{
		ctl_table_add(&t, "%s", jtext(k, "name"));
		ctl_table_add(&t, "%s", jtext(k, "algorithm"));
		ctl_table_add(&t, "%.8s", jtext(k, "hash"));
		ctl_table_add(&t, "%s", jbool(k, "newest") ? "sign and accept" : "accept");
	}
	ctl_table_print(&t);
	json_decref(answer);
	return CTL_DONE;
}

int cmd_tsig_remove(struct ctl *c)
{
	char *name = ctl_zone_name(c->arg[0]);
	json_t *answer = NULL;
	int rc = ctl_call(c, CTL_KEYDIST, "DELETE", http_path("/v1/tsig/%s", name), NULL, &answer);

	if (rc == 0 && !ctl_json(c, answer)) {
		printf("TSIG key %s is withdrawn\n", name);
		json_decref(answer);
	}
	free(name);
	return rc == 0 ? CTL_DONE : CTL_FAILED;
}
