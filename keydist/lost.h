/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_LOST_H
#define DUET_KEYDIST_LOST_H

#include "keydist/keydist.h"

/*
 * lost - private keys that a signer held and cannot open any more: their DNSKEYs and signatures stay, an alarm says how to go
 * on, and a signer that has such a key seals it anew.
 */

/* The node said that it lost the key, and nobody has sealed it to the node anew. */
bool lost_at(const struct key_state *ks, const uint8_t id[NODE_ID_LEN]);
bool lost_here(const struct keydist *k, const struct key_state *ks);

/* Says `lost` for the zone's keys that this node said to hold and cannot open any more. */
void lost_look(struct keydist *k, struct zone_ctx *c, const struct life *l);

/* Who has lost the key, and how to go on; free() it.  NULL: nobody has. */
char *lost_why(struct keydist *k, const struct life *l, const struct timeline_key *key);
/* The same of the zone's keys, as an alarm: c->lost. */
void lost_tell(struct keydist *k, struct zone_ctx *c, const struct life *l);

/* Once a second. */
void lost_tick(struct keydist *k);

#endif
