/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_TERMS_H
#define DUET_AUDIT_TERMS_H

#include "audit/audit.h"

/*
 * terms - what records are held against that is not theirs: the policy, the algorithms of each RRset, which keys with SEP sign
 * data, the TTL of denial.  What has passed under some terms has passed under them alone.
 */

/* Names them, once the apex is known: hexadecimal digits; returns out. */
char *terms_hex(const struct audit *a, char out[PAST_TERMS_HEX]);
/* By changes: those of the version before, and each key that signed data in it is still there; else ERR_REFUSED. */
int terms_check(const struct audit *a, struct err *e);
/* By changes: a key that signed data in the version before does so in parts that both have. */
void terms_note_use(struct audit *a);

#endif
