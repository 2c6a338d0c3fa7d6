/* SPDX-License-Identifier: BSD-3-Clause */
/* start: what every daemon does with its command line, and on reload. */
#include "conf/conf.h"
#include "conf/conf_table.h"

#include "arena/arena.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

static bool has_section(const struct conf *c, const char *section)
{
	if (strcmp(section, "signer") == 0)
		return c->signer.present;
	if (strcmp(section, "keydist") == 0)
		return c->keydist.present;
	if (strcmp(section, "backupd") == 0)
		return c->backupd.present;
	return true; /* made of defaults where it is not given */
}

static int load_with_section(const char *path, const char *section, struct conf **out,
			     struct conf_errors *errors)
{
	if (conf_load(path, out, errors) != 0)
		return -1;
	if (has_section(*out, section))
		return 0;
	option_mistake_add(errors, mem_printf("%s:1: %s: this section must be there", path, section));
	conf_free(*out);
	*out = NULL;
	return -1;
}

/* Sections that are not in the file are left out: their required options have no default to print. */
void conf_print(const struct conf *c, FILE *out)
{
	for (const struct option *o = conf_table; o->name != NULL; o++) {
		if (o->present_offset == 0 || *(const bool *)((const char *)c + o->present_offset)) {
			struct option one[2] = { *o, { .name = NULL } };

			option_print(one, c, 0, out);
		}
	}
}

static void usage(const char *program, FILE *out)
{
	fprintf(out,
		"usage: %s [-c FILE] [--check | --print-config]\n\n"
		"  -c, --config FILE   configuration (default %s)\n"
		"      --check         check the configuration, say what is wrong, and end\n"
		"      --print-config  print the configuration with all defaults, and end\n"
		"      --version       print the version, and end\n"
		"  -h, --help          print this, and end\n\n"
		"Runs in the foreground and logs to standard error.  SIGHUP: read the configuration again, "
		"all or nothing.\n"
		"SIGTERM: stop.  See %s(8) and duet.yaml(5).\n",
		program, CONF_PATH, program);
}

int conf_start(int argc, char **argv, const char *program, const char *section, struct conf **out)
{
	const char *path = CONF_PATH;
	bool check = false, print = false;
	struct conf_errors errors;
	struct conf *c = NULL;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if ((strcmp(a, "-c") == 0 || strcmp(a, "--config") == 0) && i + 1 < argc) {
			path = argv[++i];
		} else if (strncmp(a, "--config=", 9) == 0) {
			path = a + 9;
		} else if (strcmp(a, "--check") == 0) {
			check = true;
		} else if (strcmp(a, "--print-config") == 0) {
			print = true;
		} else if (strcmp(a, "--version") == 0) {
			printf("%s %s\n", program, DUET_VERSION);
			return 0;
		} else if (strcmp(a, "-h") == 0 || strcmp(a, "--help") == 0) {
			usage(program, stdout);
			return 0;
		} else {
			fprintf(stderr, "%s: unknown or incomplete option %s\n", program, a);
			usage(program, stderr);
			return 2;
		}
	}
	if (load_with_section(path, section, &c, &errors) != 0) {
		for (size_t k = 0; k < errors.n; k++)
			fprintf(stderr, "%s\n", errors.line[k]);
		conf_errors_free(&errors);
		return 1;
	}
	conf_errors_free(&errors);
	if (print)
		conf_print(c, stdout);
	if (print || check) {
		conf_free(c);
		return 0;
	}
	*out = c;
	return -1;
}

int conf_reload(const struct conf *old, const char *section, struct conf **out, struct err *e)
{
	struct conf_errors errors;
	int rc = load_with_section(old->path, section, out, &errors);

	if (rc != 0) {
		for (size_t i = 0; i < errors.n; i++)
			log_event(LOG_ERROR, "config-wrong", "msg=%s; the old configuration stays",
				  errors.line[i]);
		err_set(e, ERR_SYNTAX, "%s%s", errors.line[0], errors.n > 1 ? " (and more)" : "");
	}
	conf_errors_free(&errors);
	return rc;
}
