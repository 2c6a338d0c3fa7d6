/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_WITHHELD_H
#define DUET_WITHHELD_H

#include "signer/engine/zwork.h"

/*
 * withheld - a version that is better not taken: its signatures have ended while this signer was down; or this node was set back,
 * and by its own facts it has published other keys since, on which the others rely.  A secondary without data, or with less, would
 * take it, and give validators what is bogus; so it gets SERVFAIL, by which it asks another signer, or again.  That ends with the
 * next version; or where none comes, WITHHELD_MS later, once no other signer's version is known to be better: secondaries would
 * let go of the zone at SOA expire, whoever does not validate can use it, and the clock may be what is wrong.
 */
#define WITHHELD_MS 600000

/* The zone was opened: z->withheld_ms is set where its version is withheld. */
void withheld_open(struct zwork *z);
/* This node was set back, and what its keys should show is not known yet: until its plan has come. */
void withheld_set_back(struct zwork *z);
/* A plan has come, which says whether what is published is older than what this node published once. */
void withheld_plan(struct zwork *z, bool set_back);
/* Whether nothing better is to come: now_ms monotonic, now by the wall clock. */
bool withheld_ends(const struct zwork *z, int64_t now_ms, int64_t now);
/* Of an old copy, and none has taken its place in time: whoever asks this signer alone has what it has until that ends, so the next
 * version is in need, as if signatures were about to end. */
bool withheld_is_late(const struct zwork *z, int64_t now_ms);
/* Behind each step of the zone: ends it where nothing better is to come. */
void withheld_look(struct zwork *z);
/* For people, whether it is withheld or not: a sentence, free(); NULL: nothing is wrong with it. */
char *withheld_alarm(const struct zwork *z);

#endif
