/* SPDX-License-Identifier: BSD-3-Clause */
/* keyring: the TSIG keys that engine gave, several per name while one replaces another. */
#include "signer/net/state.h"

#include "arena/arena.h"

#include <stdlib.h>
#include <string.h>

void keyring_free(struct keyring *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		tsig_key_unref(keys->keys[i]);
	free(keys->keys);
	free(keys->newest);
	memset(keys, 0, sizeof(*keys));
}

static void add_key(void *ctx, struct tsig_key *key, bool newest)
{
	struct keyring *ring = ctx;

	ring->keys = mem_grow(ring->keys, ring->n + 1, sizeof(struct tsig_key *));
	ring->newest = mem_grow(ring->newest, ring->n + 1, sizeof(bool));
	ring->keys[ring->n] = key;
	ring->newest[ring->n++] = newest;
}

int keyring_packet(struct net *net, const void *packet, size_t len, struct err *e)
{
	struct keyring got = { 0 };
	bool first, last;

	if (netmsg_tsig_read(packet, len, add_key, &got, &first, &last, e) != 0) {
		keyring_free(&got);
		return -1;
	}
	if (first)
		keyring_free(&net->incoming_keys);
	for (size_t i = 0; i < got.n; i++)
		add_key(&net->incoming_keys, tsig_key_ref(got.keys[i]), got.newest[i]);
	keyring_free(&got);
	if (last) {
		keyring_free(&net->keys);
		net->keys = net->incoming_keys;
		memset(&net->incoming_keys, 0, sizeof(net->incoming_keys));
	}
	return 0;
}

struct tsig_key *keyring_newest(const struct net *net, const uint8_t *name)
{
	struct tsig_key *found = NULL;

	for (size_t i = 0; i < net->keys.n; i++) {
		if (!dname_equal(net->keys.keys[i]->name, name))
			continue;
		if (net->keys.newest[i])
			return net->keys.keys[i];
		found = net->keys.keys[i];
	}
	return found;
}
