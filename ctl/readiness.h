/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_CTL_READINESS_H
#define DUET_CTL_READINESS_H

#include <jansson.h>
#include <stdbool.h>

/*
 * readiness - could signer X die now, and nothing would be lost?
 *
 * A pure function of what GET /v1/status of keydist answered (docs/protocol-http.md); its `now` is the
 * instant.
 *
 * node  name of X
 * zone  only this zone (with final dot), or NULL
 *
 * Returns a new object:
 *   {"node":X,"ready":bool,"zones":[{"zone":Z,"ready":bool,"checks":[CHECK...]}]}
 *   CHECK {"check":WORD,"result":RESULT,"message":TEXT}
 * RESULT is ok, warning or failed; a zone is ready when nothing failed.  WORD: signers, content, keys,
 * backups, serials, secondaries, signatures.
 */
json_t *readiness_of(const json_t *status, const char *node, const char *zone);

/* Whether a signer speaks now: counted, not retired, heard within 10 s or this node itself. */
bool readiness_lives(const json_t *status, const char *node);

/* The zone's entry of a signer in a status; NULL when there is none. */
const json_t *readiness_entry(const json_t *zone, const char *node);

#endif
