/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KDLINK_IMPL_H
#define DUET_KDLINK_IMPL_H

#include "msg/msg.h"
#include "signer/engine/kdlink.h"

/* For kd*.c only. */
struct kdlink {
	struct engine *engine;
	struct msg_client *client;
	uv_timer_t soon; /* says what is due */
	bool up;
	int64_t heard_ms;
};

/* kdlink.c: sends; takes body over.  e may be NULL. */
int kdlink_say(struct kdlink *k, const char *type, json_t *body, struct err *e);
/* kdhear.c: a message of keydist. */
void kdhear(struct kdlink *k, const char *type, const json_t *msg);
/* The zone that a message names; NULL when it names none, or there is none and none is to be made. */
struct zwork *kdhear_zone(struct engine *engine, const json_t *msg, bool make);
/* plans.c: a list of plans, at most PLANS_MAX. */
#define PLANS_MAX 1024
void plans_take(struct engine *e, json_t *msg);
/* kdask.c: a request of keydist, and its answer. */
void kdask(struct kdlink *k, const json_t *msg);

#endif
