/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_LOCAL_H
#define DUET_KEYDIST_LOCAL_H

#include "keydist/keydist.h"

/* local - zones whose parent this cluster signs, too. */

/* A fact of the zone came. */
void local_on_fact(struct keydist *k, const struct fact *f, struct zone_ctx *c);
/* Finds out anew who is below whom, where zones came or went. */
void local_tend(struct keydist *k);
/* For the plan of a zone: its children in this cluster that have, or had, a DS; NULL: none.
 * [{"zone","ttl","ds":[base64 of rdata]}], a new reference. */
json_t *local_children(struct keydist *k, struct zone_ctx *c);

#endif
