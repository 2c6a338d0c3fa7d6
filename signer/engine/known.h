/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KNOWN_H
#define DUET_KNOWN_H

#include "signer/engine/past.h"

/*
 * known - what a signer knows of a zone's versions, in the words of the serial rule.  Pure: any thread.
 */

/* What one secondary shows: its last answer.  That it showed a higher serial once is not remembered (DESIGN section 6). */
struct known_shown {
	bool ok; /* the last answer was one */
	uint32_t serial;
	uint8_t id[VERSION_ID_LEN];
};
/* It has answered; true when that is another version than before. */
bool known_answer(struct known_shown *s, uint32_t serial, const uint8_t id[VERSION_ID_LEN]);
/* Whose version it shows, of our own and of those that were in a status; NULL: not explained. */
const struct past_version *known_explains(const struct past *own, const struct past *others, const struct known_shown *s);

/* The newest status of another signer; it is silent when it is not heard now. */
struct serial_version known_signer(const struct past_version *word, bool silent);
/* A version of our own that others remember, and we do not. */
struct serial_version known_self(uint32_t serial, const struct content_id *content);
/* What a secondary shows now; why NULL: nobody explains it. same_keys: its DNSKEY RRset is that of our version, or of the
 * next one. */
struct serial_version known_secondary(const struct known_shown *s, const struct past_version *why, bool same_keys);

/* Another node's word of a version of our own means that an old copy of us was put back; last: the last serial that we know of. */
bool known_set_back(const struct past *own, uint32_t last, const struct past_version *word);

#endif
