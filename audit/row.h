/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_ROW_H
#define DUET_AUDIT_ROW_H

#include <stdbool.h>
#include <stddef.h>

/*
 * row - everything that the auditor looks for, one row each: identifier, severity, whether a policy may lower
 * it, the sentence and why.  `duet-audit --explain` prints it, docs/audit.md is made from it.
 */
enum severity { SEVERITY_WARNING, SEVERITY_ERROR };
enum lower { FIXED, LOWERABLE };

enum row_id {
#define ROW(id, text, severity, lower, sentence, why) id,
#include "policy/rows.h"
#undef ROW
	ROW_COUNT
};

struct row {
	const char *id; /* AUD-RRSIG-01 */
	enum severity severity;
	enum lower lower;
	const char *sentence; /* what is wrong */
	const char *why;
};

extern const struct row rows[ROW_COUNT];

/* By identifier; ROW_COUNT when there is none. */
enum row_id row_find(const char *id);

#endif
