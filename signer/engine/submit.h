/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ENGINE_SUBMIT_H
#define DUET_ENGINE_SUBMIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * submit - a zone's text that was submitted to some signer: keydist has it as a whole, and gives it chunk by chunk into a file
 * of ours without a name.  Its rev is the number of its content, so all nodes have one order.  Loop thread only.
 */
struct source;
struct zwork;
/* z's source has this text. */
void submit_start(struct zwork *z);
/* NULL does nothing. */
void submit_stop(struct source *s);
/* Asks for the next chunk if it is time. */
void submit_step(struct zwork *z);
/* A chunk came. */
void submit_hear(struct zwork *z, const json_t *msg);
/* All of it again. */
void submit_again(struct zwork *z);
bool submit_has_text(const struct zwork *z);
/* It, as a descriptor that is the caller's now, and its rev. */
int submit_take(struct zwork *z, uint64_t *rev);
/* Nothing newer than what was taken is known. */
bool submit_is_current(const struct zwork *z);

#endif
