/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keyring: open keys that nobody uses stand in two lists.  Those that were used go first, the one used longest ago before the
 * others; then those that wait for their first use, the newest first, since zones are signed in the order in which their plans
 * came.
 */
#include "signer/engine/keyring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "arena/arena.h"
#include "dname/dname.h"
#include "seal/seal.h"

struct ring_key {
	TAILQ_ENTRY(ring_key) entry; /* in `used` or `waiting`: open, and users is 0 */
	atomic_uint refs;
	unsigned users;
	bool open, used;
	const struct engine_identity *id;
	struct key *key;
	uint8_t *apex;
	size_t box_len;
	uint8_t box[];
};

static struct {
	TAILQ_HEAD(ring_list, ring_key) used, waiting;
	size_t idles, open;
	pthread_mutex_t lock; /* guards these, and entry, users, open and used of every key */
} ring = { .used = TAILQ_HEAD_INITIALIZER(ring.used), .waiting = TAILQ_HEAD_INITIALIZER(ring.waiting), .lock = PTHREAD_MUTEX_INITIALIZER };

static struct ring_list *list_of(const struct ring_key *k)
{
	return k->used ? &ring.used : &ring.waiting;
}

static void leave(struct ring_key *k)
{
	TAILQ_REMOVE(list_of(k), k, entry);
	ring.idles--;
}

static void close_key(struct ring_key *k)
{
	key_close(k->key);
	k->open = false;
	ring.open--;
}

/* With the lock held: puts an open key that nobody uses into its list, and closes one too many. */
static void enter(struct ring_key *k)
{
	TAILQ_INSERT_TAIL(list_of(k), k, entry);
	if (++ring.idles <= RING_OPEN_MAX)
		return;
	if ((k = TAILQ_FIRST(&ring.used)) == NULL)
		k = TAILQ_LAST(&ring.waiting, ring_list);
	leave(k);
	close_key(k);
}

static int open_box(const struct ring_key *k, const uint8_t hash[KEY_HASH_LEN], struct secret **der, struct err *e)
{
	const struct seal_label label = { .purpose = SEAL_ENGINE, .name = k->apex, .hash = hash };

	return seal_open(&label, k->id->box_pk, k->id->box_sk, k->box, k->box_len, der, e);
}

static void free_key(struct ring_key *k)
{
	key_free(k->key);
	free(k->apex);
	free(k);
}

int ring_key_new(const uint8_t *apex, const uint8_t hash[KEY_HASH_LEN], const uint8_t *rdata, size_t rdata_len,
		 const uint8_t *box, size_t len, const struct engine_identity *id, struct ring_key **out, struct err *e)
{
	struct ring_key *k = mem_new(1, sizeof(*k) + len);
	struct secret *der = NULL;
	int rc = -1;

	k->refs = 1;
	k->id = id;
	k->apex = mem_dup(apex, dname_len(apex));
	k->box_len = len;
	memcpy(k->box, box, len);
	if (open_box(k, hash, &der, e) != 0 || key_from_pkcs8(rdata, rdata_len, der, &k->key, e) != 0)
		goto out;
	if (memcmp(key_hash(k->key), hash, KEY_HASH_LEN) != 0 || (key_flags(k->key) & DNSKEY_FLAG_ZONE) == 0) {
		err_set(e, ERR_REFUSED, "a signing key is not the one that its hash names, or no zone key");
		goto out;
	}
	pthread_mutex_lock(&ring.lock);
	k->open = true;
	ring.open++;
	enter(k);
	pthread_mutex_unlock(&ring.lock);
	*out = k;
	rc = 0;
out:
	secret_free(der);
	if (rc != 0)
		free_key(k);
	return rc;
}

struct ring_key *ring_key_ref(struct ring_key *k)
{
	atomic_fetch_add(&k->refs, 1);
	return k;
}

void ring_key_unref(struct ring_key *k)
{
	if (atomic_fetch_sub(&k->refs, 1) > 1)
		return;
	pthread_mutex_lock(&ring.lock);
	if (k->open) {
		leave(k);
		ring.open--;
	}
	pthread_mutex_unlock(&ring.lock);
	free_key(k);
}

bool ring_key_is(const struct ring_key *k, const uint8_t hash[KEY_HASH_LEN], const uint8_t *box, size_t len)
{
	return memcmp(key_hash(k->key), hash, KEY_HASH_LEN) == 0 && k->box_len == len && memcmp(k->box, box, len) == 0;
}

struct key *ring_key(const struct ring_key *k)
{
	return k->key;
}

/* With the lock held: whoever asks for the same key meanwhile waits for it. */
static int reopen(struct ring_key *k, struct err *e)
{
	struct secret *der = NULL;
	int rc = open_box(k, key_hash(k->key), &der, e);

	if (rc == 0)
		rc = key_reopen(k->key, der, e);
	secret_free(der);
	k->open = rc == 0;
	ring.open += k->open;
	return rc;
}

int ring_key_use(struct ring_key *k, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&ring.lock);
	if (k->open && k->users == 0)
		leave(k);
	else if (!k->open)
		rc = reopen(k, e);
	if (rc == 0) {
		k->users++;
		k->used = true;
	}
	pthread_mutex_unlock(&ring.lock);
	return rc;
}

void ring_key_done(struct ring_key *k)
{
	pthread_mutex_lock(&ring.lock);
	if (--k->users == 0)
		enter(k);
	pthread_mutex_unlock(&ring.lock);
}

size_t ring_open(void)
{
	size_t n;

	pthread_mutex_lock(&ring.lock);
	n = ring.open;
	pthread_mutex_unlock(&ring.lock);
	return n;
}
