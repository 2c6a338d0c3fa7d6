/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_API_H
#define DUET_API_H

#include "signer/engine/zwork.h"

/* api - the signer's HTTP API (docs/protocol-http.md). */
int api_open(struct engine *e, struct err *err);

/*
 * waiter - requests that are answered when something has happened to a zone: it was published, its secondaries have answered,
 * keydist has a durable fact of a floor (value: the serial), of an epoch (value: the least one) or of an override (value: its least rev), what it wanted kept is
 * durable (value: save_wanted), what is published was audited whole.
 */
enum waiter_kind { WAITER_SIGN, WAITER_SECONDARIES, WAITER_FLOOR, WAITER_EPOCH, WAITER_OVERRIDE, WAITER_SAVED, WAITER_AUDIT };

struct waiter;
/* Who waits is called once: with the answer (its reference is taken over), or with the reason. */
typedef void waiter_fn(void *ctx, json_t *body, const struct err *why);
void waiter_add(struct zwork *z, enum waiter_kind kind, uint64_t value, waiter_fn *fn, void *ctx);
/* Something new was published. */
void waiter_published(struct zwork *z);
/* Nothing will be, and why. */
void waiter_failed(struct zwork *z, enum err_code code, const char *why);
/* All that was wanted is durable; why: it could not be written. */
void waiter_saved(struct zwork *z, const struct err *why);
/* What is published was audited whole: the answer, which is taken over, or why nothing is known. */
void waiter_audited(struct zwork *z, json_t *body, const struct err *why);
/* The engine ends, or the zone does: all are refused. */
void waiter_end(struct zwork *z, enum err_code code, const char *why);
/* Answers whose deadline has come, or who waits for nothing any more. */
void waiter_tick(struct zwork *z);
/* The next deadline, monotonic; INT64_MAX: none. */
int64_t waiter_next(const struct zwork *z);

/* What both the API and keydist's requests ask for; fn as of a waiter.  -1: refused at once, fn is not called. */
struct zwork *api_zone(struct engine *e, const char *name, struct err *err);
int api_sign(struct zwork *z, bool full, waiter_fn *fn, void *ctx, struct err *e);
void api_ask_secondaries(struct zwork *z, waiter_fn *fn, void *ctx);

/* A waiter's fn that answers the request q; ctx: http_later(q). */
void api_answer(void *ctx, json_t *body, const struct err *why);
/* Answers once what the zone wants kept is durable: what was acknowledged outlives a crash. */
int api_when_saved(struct zwork *z, const struct http_request *q);

/* review_api.c: rows of the API, and the socket on which hooks answer with their token, opened with the first question. */
int review_api_approve(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e);
int review_api_reject(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e);
int review_api_override(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e);
void review_socket_open(struct engine *e);

/* export.c: a version (stage.h) as text, page by page; what leads from one to another. */
int export_open(struct zwork *z, const char *stage, struct http_answer *a, struct err *e);
/* What is published, without what signing added. */
int export_input(const struct zwork *z, struct http_answer *a, struct err *e);
int export_diff(struct zwork *z, const char *from, const char *to, struct http_answer *a, struct err *e);

#endif
