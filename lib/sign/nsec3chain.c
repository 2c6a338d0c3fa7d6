/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nsec3chain: which names get an NSEC3 record, and the chain of them in hash order (RFC 5155 section 7.1).
 *
 * With opt-out, insecure delegations get none, nor do empty non-terminals that exist only because of them.
 */
#include "sign/lay.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static int push(struct signing *s, size_t *room, struct nsec3_hasher *h, const uint8_t *name, uint32_t owner,
		struct err *e)
{
	struct nsec3_entry *entry;

	if (s->nsec3_count == *room) {
		*room = *room * 2 + 1024;
		s->nsec3 = mem_grow(s->nsec3, *room, sizeof(*s->nsec3));
	}
	entry = &s->nsec3[s->nsec3_count++];
	entry->owner = owner;
	return nsec3_hash(h, name, entry->hash, e);
}

static unsigned shared_labels(const uint8_t *a, const uint8_t *b)
{
	unsigned n = dname_labels(a), m = dname_labels(b);

	for (n = n < m ? n : m; n > 0; n--)
		if (dname_equal(dname_suffix(a, n), dname_suffix(b, n)))
			return n;
	return 0;
}

static bool has_nsec3(const struct signing *s, const struct owner *o)
{
	if (o->kind == OWNER_DELEGATION)
		return o->secure || s->p->denial != DENIAL_NSEC3_OPTOUT;
	return o->kind == OWNER_AUTHORITATIVE;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(a, b, NSEC3_HASH_LEN);
}

static int refuse_collision(const struct signing *s, struct err *e)
{
	for (size_t i = 1; i < s->nsec3_count; i++)
		if (memcmp(s->nsec3[i].hash, s->nsec3[i - 1].hash, NSEC3_HASH_LEN) == 0)
			return err_set(
				e, ERR_CRYPTO,
				"two names have one NSEC3 hash: take another salt (RFC 5155 section 7.1)");
	return 0;
}

/* The entry is the first octets of itself for by_hash. */
_Static_assert(offsetof(struct nsec3_entry, hash) == 0, "by_hash compares entries at their hash");

int nsec3_find(struct signing *s, struct err *e)
{
	struct nsec3_hasher *h = NULL;
	const uint8_t *before = NULL;
	size_t room = 0;
	int rc = -1;

	if (s->apex_len + 1 + NSEC3_LABEL_LEN > DNAME_MAX)
		return err_set(e, ERR_LIMIT, "a zone name of %zu octets leaves no room for NSEC3 names",
			       s->apex_len);
	if (nsec3_hasher_new(&s->nsec3_params, &h, e) != 0)
		return -1;
	for (size_t i = 0; i < s->owner_count; i++) {
		const uint8_t *name = owner_name(s, i);
		unsigned labels;

		if (!has_nsec3(s, &s->owners[i]))
			continue;
		if (push(s, &room, h, name, (uint32_t)i, e) != 0)
			goto out;
		/* Ancestors that the name before does not have, and that are no owners, since they would come
		 * between. */
		labels = before == NULL ? dname_labels(name) : shared_labels(before, name) + 1;
		for (; labels < dname_labels(name); labels++)
			if (push(s, &room, h, dname_suffix(name, labels), NSEC3_ENT, e) != 0)
				goto out;
		before = name;
	}
	qsort(s->nsec3, s->nsec3_count, sizeof(*s->nsec3), by_hash);
	rc = refuse_collision(s, e);
out:
	nsec3_hasher_free(h);
	return rc;
}

static void entry_name(const struct signing *s, size_t i, uint8_t out[DNAME_MAX])
{
	out[0] = NSEC3_LABEL_LEN;
	nsec3_label(s->nsec3[i].hash, out + 1);
	memcpy(out + 1 + NSEC3_LABEL_LEN, s->z->apex, s->apex_len);
}

static size_t entry_types(const struct signing *s, size_t i, struct arena *arena, uint16_t **types)
{
	*types = NULL;
	return s->nsec3[i].owner == NSEC3_ENT ? 0 : owner_types(s, s->nsec3[i].owner, arena, types);
}

static size_t nsec3_size(const struct signing *s, size_t i)
{
	uint16_t *types;
	size_t n;

	arena_reset(s->scratch);
	n = entry_types(s, i, s->scratch, &types);
	return 1 + NSEC3_LABEL_LEN + 2 + 10 + 6 + s->nsec3_params.salt_len + NSEC3_HASH_LEN +
	       bitmap_bound(types, n) + s->rrsig_octets;
}

static size_t nsec3_key(const struct signing *s, size_t i, uint8_t out[DNAME_KEY_MAX])
{
	uint8_t name[DNAME_MAX];

	entry_name(s, i, name);
	return dname_key(name, out);
}

/* base32hex keeps the order of hashes, so the label that ends the key is enough. */
static size_t nsec3_find_key(const struct signing *s, const uint8_t *key, size_t len)
{
	size_t low = 0, high = s->nsec3_count;
	uint8_t hash[NSEC3_HASH_LEN];

	if (len < NSEC3_LABEL_LEN + 1 || nsec3_unlabel(key + len - 1 - NSEC3_LABEL_LEN, hash) != 0)
		return high;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(s->nsec3[mid].hash, hash, sizeof(hash)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void nsec3_digest(const struct signing *s, size_t a, size_t b, uint8_t out[16])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, 16);
	for (size_t i = a; i < b; i++) {
		uint8_t bitmap[2 + BITMAP_MAX];
		uint16_t *types;
		size_t n, len;

		arena_reset(s->scratch);
		n = entry_types(s, i, s->scratch, &types);
		len = bitmap_write(types, n, bitmap + 2);
		bitmap[0] = (uint8_t)(len >> 8);
		bitmap[1] = (uint8_t)len;
		crypto_generichash_update(&st, s->nsec3[i].hash, NSEC3_HASH_LEN);
		crypto_generichash_update(&st, bitmap, len + 2);
	}
	crypto_generichash_update(&st, s->nsec3[b % s->nsec3_count].hash, NSEC3_HASH_LEN);
	crypto_generichash_final(&st, out, 16);
}

static int nsec3_emit(struct pager *pg, size_t i, struct err *e)
{
	const struct signing *s = pg->s;
	struct rr rr = { .ttl = s->denial_ttl };
	uint8_t *name = arena_bytes(s->arena, DNAME_MAX);
	uint16_t *types;
	size_t n = entry_types(s, i, s->arena, &types);

	entry_name(s, i, name);
	rr.owner = name;
	nsec3_rdata(&s->nsec3_params, s->nsec3_flags, s->nsec3[(i + 1) % s->nsec3_count].hash, types, n,
		    s->arena, &rr);
	return pager_add_signed(pg, &rr, 1, e);
}

const struct chain chain_nsec3 = {
	.id = CHAIN_NSEC3,
	.size = nsec3_size,
	.key = nsec3_key,
	.find = nsec3_find_key,
	.digest = nsec3_digest,
	.emit = nsec3_emit,
};
