/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_FETCH_H
#define DUET_AUDIT_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/* fetch_axfr - asks a server for a zone (RFC 5936): ADDRESS[#PORT].  A connected socket from which the
 * messages can be read, with a time limit on each read; or -1. */
int fetch_axfr(const char *server, const uint8_t *zone, size_t zone_len, struct err *e);

#endif
