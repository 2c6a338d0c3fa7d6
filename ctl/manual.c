/* SPDX-License-Identifier: BSD-3-Clause */
/* manual: the commands as they stand in duetctl(1), from their table. */
#include "ctl/command.h"

#include <string.h>

/* Text as mdoc wants it: one sentence after the other, no line that begins with a dot or quote. */
static void paragraph(const char *text, FILE *out)
{
	for (; *text != '\0'; text++)
		fputs(*text == '\\' ? "\\e" : (const char[]){ *text, '\0' }, out);
	fputc('\n', out);
}

static void examples(const char *text, FILE *out)
{
	fprintf(out, ".Bd -literal -offset indent -compact\n");
	paragraph(text, out);
	fprintf(out, ".Ed\n");
}

void ctl_manual(FILE *out)
{
	for (const struct ctl_command *cmd = ctl_commands; cmd->noun != NULL; cmd++) {
		fprintf(out, ".It Cm %s%s%s%s%s%s\n", cmd->noun, cmd->verb != NULL ? " " : "",
			cmd->verb != NULL ? cmd->verb : "",
			cmd->options[0].name != NULL ? " Oo Ar option ... Oc" : "",
			*cmd->args != '\0' ? " Ar " : "", cmd->args);
		fprintf(out, "%c%s.\n", (char)(cmd->summary[0] - 'a' + 'A'), cmd->summary + 1);
		if (cmd->more != NULL)
			paragraph(cmd->more, out);
		if (cmd->options[0].name != NULL)
			fprintf(out, ".Bl -tag -width Ds -compact\n");
		for (const struct ctl_option *o = cmd->options; o->name != NULL; o++) {
			fprintf(out, ".It Fl -%s%s%s\n", o->name, o->arg != NULL ? " Ar " : "",
				o->arg != NULL ? o->arg : "");
			paragraph(o->help, out);
		}
		if (cmd->options[0].name != NULL)
			fprintf(out, ".El\n");
		examples(cmd->examples, out);
	}
}
