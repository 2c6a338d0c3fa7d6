/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_HTTP_LISTEN_H
#define DUET_HTTP_LISTEN_H

#include "err/err.h"

/* A listening unix socket of mode 0660.  A socket file on which nobody answers is replaced, else ERR_EXISTS.
 */
int http_listen_unix(const char *path, int backlog, struct err *e);

#endif
