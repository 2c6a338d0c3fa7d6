/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FAIL_H
#define DUET_FAIL_H

/*
 * fail - named places where tests end the process or make the system say no.  Builds without DUET_TEST have none of it.
 *
 * fail_point   ends the process by SIGKILL when the environment says DUET_TEST_FAIL=NAME, or NAME:N at its N-th hit; without
 *              the variable the file `fail-point` says so, in the folder that DUET_TEST_NUMBERS names.  Tells it on stderr
 * fail_errno   the errno to act on as if the call at this place had given it, else 0; by DUET_TEST_ERRNO=NAME:ERRNO
 *              (a number), at every hit
 *
 * fail_number  what the file NAME says, in the folder that DUET_TEST_NUMBERS names, else 0; a test may write it at any time
 *
 * The environment is read at every hit, so a test may change it while it runs.
 */
#ifdef DUET_TEST
void fail_point(const char *name);
int fail_errno(const char *name);
long fail_number(const char *name);
#else
#define fail_point(name) ((void)0)
#define fail_errno(name) 0
#define fail_number(name) 0L
#endif

#endif
