/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_REPORT_H
#define DUET_AUDIT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "audit/row.h"

/*
 * report - what was found.  The findings kept per row are the first ones of the zone in canonical order,
 * whichever thread found them; the rest is counted.  Severity is not bounded: one error refuses.
 */
#define REPORT_KEPT 10

struct report;

struct report *report_new(void);
void report_free(struct report *r);
/* Severity from a policy; before anything is found. */
void report_set_severity(struct report *r, enum row_id row, enum severity severity);

/* place: of the owner in the zone, 0 for the zone as a whole.  Any thread. */
void report_add(struct report *r, enum row_id row, uint64_t place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* As report_add, an error in any case. */
void report_error(struct report *r, enum row_id row, uint64_t place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* As report_add, a warning in any case: an error of the same row elsewhere stays one. */
void report_warn(struct report *r, enum row_id row, uint64_t place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A check that was not made, and why. */
void report_skip(struct report *r, const char *rows_text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

uint64_t report_errors(const struct report *r);
uint64_t report_warnings(const struct report *r);
/* One line a finding: "error AUD-RRSIG-01 www.example. A: ..." */
void report_print(const struct report *r, FILE *out);
/* Adds "findings" and "skipped" to an object. */
void report_json(const struct report *r, json_t *to);

#endif
