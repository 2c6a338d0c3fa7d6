/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYRING_H
#define DUET_KEYRING_H

#include "identity/identity.h"
#include "key/key.h"

/*
 * keyring - zone-signing keys of this process: sealed always, open while somebody uses them, and a few thousand that wait
 * for their use or were used lately (an open key takes ten times the memory of a closed one).  Any thread may call.
 */
struct ring_key;

#define RING_OPEN_MAX 2048 /* that nobody uses */

/*
 * ring_key_new - opens a sealed key for the first time, and checks that it is the one that hash names and signs zones.
 *
 * id  borrowed, and lives longer than the key
 */
int ring_key_new(const uint8_t *apex, const uint8_t hash[KEY_HASH_LEN], const uint8_t *rdata, size_t rdata_len,
		 const uint8_t *box, size_t len, const struct engine_identity *id, struct ring_key **out, struct err *e);
struct ring_key *ring_key_ref(struct ring_key *k);
void ring_key_unref(struct ring_key *k);
/* The same hash and the same box. */
bool ring_key_is(const struct ring_key *k, const uint8_t hash[KEY_HASH_LEN], const uint8_t *box, size_t len);
/* Borrowed; signs and verifies only between ring_key_use and ring_key_done. */
struct key *ring_key(const struct ring_key *k);
int ring_key_use(struct ring_key *k, struct err *e);
void ring_key_done(struct ring_key *k);
/* How many are open, used or not. */
size_t ring_open(void);

#endif
