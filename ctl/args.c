/* SPDX-License-Identifier: BSD-3-Clause */
/* args: the command line.  Options may stand before, between and behind the words of a command. */
#include "ctl/command.h"

#include "conf/option.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const struct ctl_command *ctl_find(const char *noun, const char *verb)
{
	for (const struct ctl_command *cmd = ctl_commands; cmd->noun != NULL; cmd++)
		if (strcmp(cmd->noun, noun) == 0 &&
		    (cmd->verb == NULL ? verb == NULL : verb != NULL && strcmp(cmd->verb, verb) == 0))
			return cmd;
	return NULL;
}

static bool noun_known(const char *noun)
{
	for (const struct ctl_command *cmd = ctl_commands; cmd->noun != NULL; cmd++)
		if (strcmp(cmd->noun, noun) == 0)
			return true;
	return false;
}

static int option_index(const struct ctl_command *cmd, const char *name, size_t len)
{
	for (int i = 0; cmd->options[i].name != NULL; i++)
		if (strlen(cmd->options[i].name) == len && strncmp(cmd->options[i].name, name, len) == 0)
			return i;
	return -1;
}

const char *ctl_option(const struct ctl *c, const char *name)
{
	int i = option_index(c->command, name, strlen(name));

	assert(i >= 0);
	return c->value[i];
}

bool ctl_flag(const struct ctl *c, const char *name)
{
	return ctl_option(c, name) != NULL;
}

int ctl_seconds(const struct ctl *c, const char *name, long fallback, long *out)
{
	const char *text = ctl_option(c, name);
	int64_t s = fallback;

	if (text != NULL && (!option_duration(text, 1, &s) || s < 1 || s > 86400)) {
		ctl_misuse(c->command, "--%s %s: must be 1s to 24h", name, text);
		return -1;
	}
	*out = (long)s;
	return 0;
}

/* PATH, or signer:PATH and so on. */
static void socket_option(struct ctl *c, const char *text)
{
	static const char *const names[] = { "none:", "keydist:", "signer:", "backupd:" };

	for (int d = CTL_KEYDIST; d <= CTL_BACKUPD; d++) {
		if (strncmp(text, names[d], strlen(names[d])) == 0) {
			c->socket[d] = text + strlen(names[d]);
			return;
		}
	}
	c->socket[CTL_NONE] = text; /* of the command's own daemon, which is known later */
}

/* Options that every command has.  Returns how many arguments were taken, 0 when it is none, -1 when its
 * value is missing. */
static int global_option(struct ctl *c, const char *a, const char *next, bool *help)
{
	static const char *const with_value[] = { "-c", "--config", "--socket" };

	if (strcmp(a, "--json") == 0) {
		c->json = true;
		return 1;
	}
	if (strcmp(a, "-h") == 0 || strcmp(a, "--help") == 0) {
		*help = true;
		return 1;
	}
	for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i++) {
		size_t len = strlen(with_value[i]);
		const char *value = NULL;
		int taken = 1;

		if (strcmp(a, with_value[i]) == 0) {
			value = next;
			taken = 2;
		} else if (len > 2 && strncmp(a, with_value[i], len) == 0 && a[len] == '=') {
			value = a + len + 1;
		} else {
			continue;
		}
		if (value == NULL)
			return -1;
		if (strcmp(with_value[i], "--socket") == 0)
			socket_option(c, value);
		else
			c->conf_path = value;
		return taken;
	}
	return 0;
}

/* An option of the command itself.  As global_option. */
static int own_option(struct ctl *c, const char *a, const char *next)
{
	const char *name = a + 2, *equals = strchr(name, '=');
	size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
	int i = option_index(c->command, name, len);

	if (i < 0)
		return 0;
	if (c->command->options[i].arg == NULL) {
		if (equals != NULL)
			return 0;
		c->value[i] = "";
		return 1;
	}
	c->value[i] = equals != NULL ? equals + 1 : next;
	return c->value[i] == NULL ? -1 : equals != NULL ? 1 : 2;
}

/* The first words that are no options name the command.  Returns -1 to go on, else an exit code. */
static int find_command(struct ctl *c, int argc, char **argv)
{
	const char *word[2] = { NULL, NULL };
	bool help = false;
	int n = 0;

	for (int i = 1; i < argc && n < 2;) {
		int taken = global_option(c, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &help);

		if (taken < 0)
			return ctl_misuse(NULL, "%s needs a value", argv[i]);
		if (taken == 0 && argv[i][0] != '-')
			word[n++] = argv[i];
		i += taken > 0 ? taken : 1;
	}
	if (n == 0) {
		ctl_help(help ? stdout : stderr);
		return help ? CTL_DONE : CTL_MISUSED;
	}
	c->command = ctl_find(word[0], NULL);
	if (c->command == NULL && word[1] != NULL)
		c->command = ctl_find(word[0], word[1]);
	if (c->command != NULL)
		return -1;
	if (!noun_known(word[0]))
		return ctl_misuse(NULL, "unknown command \"%s\"", word[0]);
	if (help && word[1] == NULL) {
		ctl_help_noun(word[0], stdout);
		return CTL_DONE;
	}
	if (word[1] == NULL)
		fprintf(stderr, "duetctl: %s: what about it?\n", word[0]);
	else
		fprintf(stderr, "duetctl: unknown command \"%s %s\"\n", word[0], word[1]);
	ctl_help_noun(word[0], stderr);
	return CTL_MISUSED;
}

/* Everything behind the command's name.  Returns -1 to go on, else an exit code. */
static int read_rest(struct ctl *c, int argc, char **argv)
{
	int words = c->command->verb != NULL ? 2 : 1;
	bool only_words = false, help = false;

	for (int i = 1; i < argc;) {
		const char *a = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		int taken = 0;

		if (!only_words && strcmp(a, "--") == 0) {
			only_words = true;
			i++;
			continue;
		}
		if (!only_words && a[0] == '-' && a[1] != '\0') {
			taken = global_option(c, a, next, &help);
			if (taken == 0 && a[1] == '-')
				taken = own_option(c, a, next);
			if (taken == 0)
				return ctl_misuse(c->command, "unknown option %s", a);
			if (taken < 0)
				return ctl_misuse(c->command, "%s needs a value", a);
			i += taken;
			continue;
		}
		i++;
		if (words > 0) {
			words--;
		} else if (words == 0) {
			if (c->args == CTL_ARGS)
				return ctl_misuse(c->command, "too many words");
			c->arg[c->args++] = a;
		}
	}
	if (help) {
		ctl_help_command(c->command, stdout);
		return CTL_DONE;
	}
	if (c->args < c->command->args_least)
		return ctl_misuse(c->command, "%.*s is missing", c->args == 0 ? (int)strcspn(c->command->args, " ") : 9,
				  c->args == 0 ? c->command->args : "something");
	if (c->args > c->command->args_most)
		return ctl_misuse(c->command, "\"%s\" is too much", c->arg[c->command->args_most]);
	return -1;
}

int ctl_args(struct ctl *c, int argc, char **argv)
{
	static char help_option[] = "--help";
	int rc;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--version") == 0) {
			printf("duetctl %s\n", DUET_VERSION);
			return CTL_DONE;
		}
		if (strcmp(argv[i], "--complete") == 0) {
			ctl_complete(c, argc - i - 1, argv + i + 1);
			return CTL_DONE;
		}
	}
	if (argc > 1 && strcmp(argv[1], "help") == 0) { /* help NOUN VERB is NOUN VERB --help */
		for (int i = 1; i + 1 < argc; i++)
			argv[i] = argv[i + 1];
		argv[argc - 1] = help_option;
	}
	rc = find_command(c, argc, argv);
	if (rc >= 0)
		return rc;
	rc = read_rest(c, argc, argv);
	if (rc >= 0)
		return rc;
	if (c->socket[CTL_NONE] != NULL && c->socket[c->command->daemon] == NULL)
		c->socket[c->command->daemon] = c->socket[CTL_NONE];
	return -1;
}
