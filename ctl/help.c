/* SPDX-License-Identifier: BSD-3-Clause */
/* help: what duetctl says of itself, and the words for a shell's completion; all from the table of commands.
 */
#include "ctl/command.h"

#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char global_help[] =
	"  -c, --config FILE          configuration (default " CONF_PATH ")\n"
	"      --socket [NAME:]PATH   socket of the daemon (NAME: keydist, signer or backupd)\n"
	"      --json                 print the result as JSON\n"
	"  -h, --help                 print help\n"
	"      --version              print the version\n";

static void one_line(const struct ctl_command *cmd, FILE *out)
{
	char name[80];

	snprintf(name, sizeof(name), "%s%s%s%s%s", cmd->noun, cmd->verb != NULL ? " " : "",
		 cmd->verb != NULL ? cmd->verb : "", *cmd->args != '\0' ? " " : "", cmd->args);
	fprintf(out, "  %-26s %s\n", name, cmd->summary);
}

void ctl_help(FILE *out)
{
	fprintf(out, "usage: duetctl [OPTION...] NOUN VERB [WORD...]\n\n"
		     "Commands a Duet cluster, through the daemons of this host.\n\n");
	for (const struct ctl_command *cmd = ctl_commands; cmd->noun != NULL; cmd++)
		one_line(cmd, out);
	fprintf(out,
		"\n%s\nExit code: 0 done, 1 refused or failed, 2 misused.  duetctl NOUN VERB --help has "
		"examples.\n",
		global_help);
}

void ctl_help_noun(const char *noun, FILE *out)
{
	fprintf(out, "usage: duetctl %s VERB [WORD...]\n\n", noun);
	for (const struct ctl_command *cmd = ctl_commands; cmd->noun != NULL; cmd++)
		if (strcmp(cmd->noun, noun) == 0)
			one_line(cmd, out);
}

static void indented(const char *text, FILE *out)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		fprintf(out, "  %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

void ctl_help_command(const struct ctl_command *cmd, FILE *out)
{
	fprintf(out, "usage: duetctl %s%s%s%s%s%s\n\nduetctl %s%s%s: %s.\n", cmd->noun,
		cmd->verb != NULL ? " " : "", cmd->verb != NULL ? cmd->verb : "",
		cmd->options[0].name != NULL ? " [OPTION...]" : "", *cmd->args != '\0' ? " " : "", cmd->args,
		cmd->noun, cmd->verb != NULL ? " " : "", cmd->verb != NULL ? cmd->verb : "", cmd->summary);
	if (cmd->more != NULL)
		fprintf(out, "%s\n", cmd->more);
	if (cmd->options[0].name != NULL)
		fprintf(out, "\nOptions:\n");
	for (const struct ctl_option *o = cmd->options; o->name != NULL; o++) {
		char name[60];

		snprintf(name, sizeof(name), "--%s%s%s", o->name, o->arg != NULL ? " " : "",
			 o->arg != NULL ? o->arg : "");
		fprintf(out, "      %-22s %s\n", name, o->help);
	}
	fprintf(out, "\nEvery command:\n%s\nExamples:\n", global_help);
	indented(cmd->examples, out);
}

/* ---- completion ---- */

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void offer(const char *word, const char *begun)
{
	if (starts(word, begun))
		puts(word);
}

/* Names that a daemon knows; nothing when it does not answer at once. */
static void offer_names(struct ctl *c, const char *path, const char *list, const char *member,
			const char *begun)
{
	json_t *answer = NULL;
	const json_t *item;
	struct err e;
	size_t i;

	if (c->conf == NULL && ctl_load_conf(c) != 0)
		return;
	if (http_call(ctl_socket(c, CTL_KEYDIST), "GET", path, NULL, 500, &answer, &e) != 0)
		return;
	json_array_foreach(jlist(answer, list), i, item) offer(jtext(item, member), begun);
	json_decref(answer);
}

/* Which names a word NAME of a command, or of its option, may be. */
static const struct {
	const char *about, *path, *list, *member;
} names[] = {
	{ "policy", "/v1/policies", "policies", "name" },
	{ "tsig", "/v1/tsig", "keys", "name" },
	{ "node", "/v1/nodes", "nodes", "name" },
	{ "fenced", "/v1/nodes", "nodes", "name" },
};

static const struct {
	const char *arg, *word;
} fixed[] = {
	{ "ROLE", "signer" }, { "ROLE", "backup" }, { "ROLE", "csk" },   { "ROLE", "ksk" },
	{ "ROLE", "zsk" },    { "FORMAT", "bind" }, { "FORMAT", "pem" },
};

/* about: the option that wants the value, without its dashes, or the noun. */
static void offer_value(struct ctl *c, const char *about, const char *arg, const char *begun)
{
	if (starts(arg, "ZONE"))
		offer_names(c, "/v1/zones", "zones", "zone", begun);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(fixed[i].arg, arg) == 0)
			offer(fixed[i].word, begun);
	for (size_t i = 0; starts(arg, "NAME") && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].about, about) == 0)
			offer_names(c, names[i].path, names[i].list, names[i].member, begun);
}

static void offer_options(const struct ctl_command *cmd, const char *begun)
{
	static const char *const global[] = { "--config", "--socket", "--json", "--help" };

	for (const struct ctl_option *o = cmd != NULL ? cmd->options : NULL; o != NULL && o->name != NULL;
	     o++) {
		char name[60];

		snprintf(name, sizeof(name), "--%s", o->name);
		offer(name, begun);
	}
	for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++)
		offer(global[i], begun);
}

/* The argument's name that an option wants, NULL when it is a flag or unknown. */
static const char *wants(const struct ctl_command *cmd, const char *word)
{
	if (strcmp(word, "-c") == 0 || strcmp(word, "--config") == 0 || strcmp(word, "--socket") == 0)
		return "FILE";
	for (const struct ctl_option *o = cmd != NULL ? cmd->options : NULL; o != NULL && o->name != NULL;
	     o++)
		if (starts(word, "--") && strcmp(word + 2, o->name) == 0)
			return o->arg;
	return NULL;
}

static void offer_words(const char *noun, const char *begun)
{
	for (const struct ctl_command *cmd = ctl_commands; cmd->noun != NULL; cmd++) {
		if (noun == NULL && (cmd == ctl_commands || strcmp(cmd[-1].noun, cmd->noun) != 0))
			offer(cmd->noun, begun);
		else if (noun != NULL && strcmp(cmd->noun, noun) == 0 && cmd->verb != NULL)
			offer(cmd->verb, begun);
	}
}

/* word[]: the words behind duetctl up to the one that is being typed. */
void ctl_complete(struct ctl *c, int words, char **word)
{
	const char *plain[3] = { NULL, NULL, NULL }, *begun = words > 0 ? word[words - 1] : "", *value = NULL;
	const struct ctl_command *cmd = NULL;
	int n = 0;

	for (int i = 0; i + 1 < words; i++) {
		if (value != NULL) {
			if (strcmp(word[i - 1], "-c") == 0 || strcmp(word[i - 1], "--config") == 0)
				c->conf_path = word[i];
			value = NULL;
		} else if (word[i][0] == '-') {
			value = wants(cmd, word[i]);
		} else {
			plain[n < 2 ? n : 2] = word[i];
			n++;
			if (n <= 2 && cmd == NULL)
				cmd = ctl_find(plain[0], n == 2 ? plain[1] : NULL);
		}
	}
	if (value != NULL)
		offer_value(c, word[words - 2] + strspn(word[words - 2], "-"), value, begun);
	else if (*begun == '-')
		offer_options(cmd, begun);
	else if (cmd != NULL && n - (cmd->verb != NULL ? 2 : 1) < cmd->args_most)
		offer_value(c, cmd->noun, cmd->args[0] == '[' ? cmd->args + 1 : cmd->args, begun);
	else if (cmd == NULL && n < 2)
		offer_words(n == 0 ? NULL : plain[0], begun);
	conf_free(c->conf);
	c->conf = NULL;
}
