/* SPDX-License-Identifier: BSD-3-Clause */
/* duetctl: reads the command line, loads the configuration, runs one command. */
#include "ctl/command.h"

#include "log/log.h"
#include "secret/secret.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct ctl c = { .command = NULL };
	struct err e;
	int rc;

	log_init("duetctl", LOG_ERROR);
	rc = ctl_args(&c, argc, argv);
	if (rc >= 0)
		return rc;
	if (secret_init(&e) != 0)
		return ctl_fail(&c, &e);
	if (ctl_load_conf(&c) != 0 && !ctl_default_conf(&c))
		return CTL_FAILED;
	rc = c.command->run(&c);
	ctl_progress_end(&c);
	conf_free(c.conf);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "duetctl: standard output: cannot write\n");
		return CTL_FAILED;
	}
	return rc;
}
