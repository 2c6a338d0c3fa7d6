/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_SUBMIT_H
#define DUET_KEYDIST_SUBMIT_H

#include "keydist/keydist.h"
#include "submission/submission.h"

/*
 * submit - texts that were submitted: in state-dir/submit, each under its digest.
 *
 * A text is durable before the fact that names it, and that before it is acknowledged.  The fact reaches every signer as all
 * facts do; one that lacks the text asks the others for it, chunk after chunk, and goes on where it stopped.  The engine
 * hears of it in the zone's plan once it is here as a whole, and takes it in the same chunks.
 */
#define SUBMIT_SOURCE "submit:"

/* What is to be done for the zone: its text is here, is asked for, or is said again where two have the same rev. */
void submit_zone(struct keydist *k, struct zone_ctx *c, const struct zone_state *z);
/* The source as the engine is to know it; borrowed. */
const char *submit_plan_source(const struct zone_ctx *c, const char *source);
void submit_tick(struct keydist *k);
/* After the cluster is closed. */
void submit_close(struct keydist *k);
/* Another node asks for a chunk. */
void submit_on_request(struct keydist *k, const char *token, const json_t *args);
/* The engine does. */
void submit_on_get(void *ctx, const struct msg_peer *from, json_t *msg);

/* submit_files.c */
/* free() it; part: while it is not whole. */
char *submit_path(const struct keydist *k, const uint8_t digest[SUBMISSION_DIGEST_LEN], bool part);
bool submit_have(const struct keydist *k, const struct submission *s);
/* Opened to be added to; -1. */
int submit_open(const struct keydist *k, const char *path, struct err *e);
/* What was assembled at `from` is durable under its digest. */
int submit_keep(const struct keydist *k, const char *from, const uint8_t digest[SUBMISSION_DIGEST_LEN], struct err *e);
/* Some octets of a text that is here; a new reference, or NULL. */
json_t *submit_chunk(const struct keydist *k, const json_t *wish, struct err *e);
/* Removes what no zone wants any more. */
void submit_sweep(struct keydist *k);

/* submit_api.c */
struct upload;
extern const struct http_route submit_routes[];
extern const size_t submit_route_count;
void uploads_tick(struct keydist *k, bool all);

#endif
