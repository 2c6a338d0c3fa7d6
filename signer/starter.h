/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STARTER_H
#define DUET_STARTER_H

#include <sys/types.h>

#include "err/err.h"

/*
 * starter - a process that starts auditors (duet-audit --worker) for engine, which starts none itself.  It is begun before
 * there are keys, DNS sockets and a sandbox, so an auditor inherits none of them; it ends with the socket.
 *
 * The program stands in the folder of this one.
 */

/* Begins it; the socket to ask it on, or -1. */
int starter_begin(struct err *e);
/* The socket of a new auditor (blocking, frames), or -1.  One caller at a time. */
int starter_auditor(int starter, struct err *e);

#endif
