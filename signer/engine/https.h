/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ENGINE_HTTPS_H
#define DUET_ENGINE_HTTPS_H

#include <stdbool.h>
#include <stdint.h>

struct source;
struct zwork;

/*
 * https - a zone's text from a web server.  duet-fetch speaks to it, verifies it, and writes the text into a file of ours without
 * a name.  The server is asked every signer.fetch-interval-s whether the text is still the one read last (RFC 9110 section 13:
 * ETag, Last-Modified).  Loop thread only.
 */
/* Asks soon.  z's source has this URL as its text. */
void https_start(struct zwork *z);
/* What runs is ended; NULL does nothing. */
void https_stop(struct source *s);
/* Asks if it is time. */
void https_step(struct zwork *z);
/* Asks now; whole: for the text, whatever was read before. */
void https_refresh(struct zwork *z, bool whole);
/* Monotonic ms when https_step is due; INT64_MAX: nothing is. */
int64_t https_next(const struct zwork *z);
/* A text came and was not taken yet. */
bool https_has_text(const struct zwork *z);
/* It, as a descriptor that is the caller's now. */
int https_take(struct zwork *z);

#endif
