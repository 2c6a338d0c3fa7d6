/* SPDX-License-Identifier: BSD-3-Clause */
/* terms: a hash of what one version is judged by, and the keys that go on from one to the next. */
#include "audit/terms.h"

#include <sodium.h>
#include <string.h>

static void put(crypto_hash_sha256_state *s, const void *p, size_t len)
{
	crypto_hash_sha256_update(s, p, len);
}

static void put_number(crypto_hash_sha256_state *s, int64_t n)
{
	put(s, &n, sizeof(n));
}

/* What limits one record or signature; the rest is looked at in each version. */
static void put_limits(crypto_hash_sha256_state *s, const struct limits *l)
{
	put_number(s, l->keys);
	put_number(s, l->denial);
	put_number(s, l->nsec3_iterations);
	put_number(s, l->nsec3_salt_len);
	put_number(s, l->validity_s);
	put_number(s, l->jitter_s);
	put_number(s, l->max_ttl_signed_s);
	put_number(s, l->max_ttl_unsigned_s);
	put(s, l->severity, sizeof(l->severity));
}

char *terms_hex(const struct audit *a, char out[PAST_TERMS_HEX])
{
	const struct plan_set *csk = a->plan != NULL && a->plan->csk.given ? &a->plan->csk : NULL;
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	put_limits(&s, &a->limits);
	put(&s, a->need_algorithm, sizeof(a->need_algorithm));
	put_number(&s, a->soa_ttl < a->soa_minimum ? a->soa_ttl : a->soa_minimum);
	put_number(&s, a->plan != NULL && a->plan->unsigned_zone);
	put_number(&s, csk != NULL ? (int64_t)csk->n : -1);
	for (size_t i = 0; csk != NULL && i < csk->n; i++)
		put(&s, csk->item[i].rdata, csk->item[i].len);
	crypto_hash_sha256_final(&s, digest);
	return sodium_bin2hex(out, PAST_TERMS_HEX, digest, (PAST_TERMS_HEX - 1) / 2);
}

static bool in_use(const struct past_key *k)
{
	return k->used_from != 0 && k->used_to == 0;
}

static struct dnskey *find(struct dnskeys *keys, const struct past_key *k)
{
	for (size_t i = 0; i < keys->n; i++)
		if (keys->key[i].rdlen == k->len && memcmp(keys->key[i].rdata, k->rdata, k->len) == 0)
			return &keys->key[i];
	return NULL;
}

int terms_check(const struct audit *a, struct err *e)
{
	char hex[PAST_TERMS_HEX];

	if (strcmp(terms_hex(a, hex), a->past->last.terms) != 0)
		return err_set(e, ERR_REFUSED, "policy, algorithms or the TTL of denial are others: the whole zone is needed");
	for (size_t i = 0; i < a->past->keys; i++)
		if (in_use(&a->past->key[i]) && find((struct dnskeys *)(uintptr_t)&a->keys, &a->past->key[i]) == NULL)
			return err_set(e, ERR_REFUSED, "a key that signs data is gone: the whole zone is needed");
	return 0;
}

void terms_note_use(struct audit *a)
{
	for (size_t i = 0; i < a->past->keys; i++) {
		struct dnskey *k = in_use(&a->past->key[i]) ? find(&a->keys, &a->past->key[i]) : NULL;

		if (k != NULL)
			atomic_store(&k->signs_data, true);
	}
}
