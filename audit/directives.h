/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_DIRECTIVES_H
#define DUET_AUDIT_DIRECTIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/name.h"
#include "err/err.h"

/* directives - what the lines of a zone file that are no records say of those behind them. */
struct directives {
	uint8_t origin[NAME_MAX_OCTETS]; /* wire */
	uint32_t ttl;                    /* TTL_UNKNOWN when none was stated yet */
};
#define TTL_UNKNOWN UINT32_MAX

/* Whether a line, which begins where a record would, is a directive. */
bool directives_is(const uint8_t *p, size_t len);
/* Takes such a line, of that number; $INCLUDE and $GENERATE are refused. */
int directives_take(struct directives *d, const uint8_t *p, size_t len, size_t line, struct err *e);

#endif
