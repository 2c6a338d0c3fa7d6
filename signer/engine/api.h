/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_API_H
#define DUET_API_H

#include "signer/engine/zwork.h"

/* api - the signer's HTTP API (docs/protocol-http.md). */
int api_open(struct engine *e, struct err *err);

/*
 * waiter - requests that are answered when something has happened to a zone: it was published, its secondaries have answered.
 */
enum waiter_kind { WAITER_SIGN, WAITER_SECONDARIES };

struct waiter;
void waiter_add(struct zwork *z, enum waiter_kind kind, struct http_later *later);
/* Something new was published. */
void waiter_published(struct zwork *z);
/* Nothing will be, and why. */
void waiter_failed(struct zwork *z, enum err_code code, const char *why);
/* Answers whose deadline has come, or who waits for nothing any more. */
void waiter_tick(struct zwork *z);

/* export.c: the published version as text, page by page. */
int export_open(struct zwork *z, struct http_answer *a, struct err *e);

#endif
