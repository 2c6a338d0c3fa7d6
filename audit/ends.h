/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_ENDS_H
#define DUET_AUDIT_ENDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * ends - when the signatures of a zone end: the number of RRSIGs in each half hour.
 *
 * It goes with what is remembered of a version, so that by changes it is known of all signatures, too: those of the version
 * before, without those of its pages that are gone, with those of the new ones.
 */
#define ENDS_STEP_S 1800

struct ends;

/* now: seconds since 1970 UTC; RRSIGs have the instants nearest to it (RFC 4034 section 3.1.5). */
struct ends *ends_new(int64_t now);
void ends_free(struct ends *e);
/* Counts an RRSIG by its rdata; any thread.  What is too short for one is none. */
void ends_note(struct ends *e, const uint8_t *rdata, size_t len);
/* Adds what the version before had (ends_json), less what is gone; ERR_REFUSED where that does not fit together. */
int ends_carry(struct ends *e, const json_t *before, const struct ends *gone, struct err *err);
/* When the half hour of the first end begins; false: there is no RRSIG. */
bool ends_first(const struct ends *e, int64_t *begins);
/* All of them, and the most that end within one hour that begins with a half hour. */
void ends_sum(const struct ends *e, uint64_t *all, uint64_t *most);
/* A list: number of a half hour since 1970, its RRSIGs, and so on. */
json_t *ends_json(const struct ends *e);

#endif
