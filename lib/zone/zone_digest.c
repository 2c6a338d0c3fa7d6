/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_digest: the digest of RFC 8976, record by record in canonical form. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "arena/arena.h"
#include "zone/zone.h"

#define RECORD_MAX (DNAME_MAX + 10 + UINT16_MAX)

size_t zone_digest_len(uint8_t hash)
{
	return hash == 1 ? 48 : hash == 2 ? 64 : 0;
}

/* The record in canonical form (RFC 4034 section 6.2) behind w. */
static void canonical_write(struct wr *w, const struct rr *rr)
{
	struct rr canonical = *rr;
	uint8_t owner[DNAME_MAX];
	uint8_t *rdata;

	dname_lower(rr->owner, owner);
	canonical.owner = owner;
	rr_write(w, &canonical);
	assert(!w->bad);
	rdata = w->p + w->at - rr->rdlen;
	rdata_canonical(rr->type, rr->rdata, rr->rdlen, rdata);
}

struct zone_digester {
	EVP_MD_CTX *ctx[ZONE_HASHES]; /* NULL: not asked for */
	uint8_t *buffer;
};

static int failed(struct err *e)
{
	return err_set(e, ERR_CRYPTO, "SHA-384 or SHA-512 failed");
}

int zone_digester_new(unsigned hashes, struct zone_digester **out, struct err *e)
{
	struct zone_digester *d = mem_new(1, sizeof(*d));

	d->buffer = mem_new(2, RECORD_MAX);
	for (uint8_t h = 1; h < ZONE_HASHES; h++) {
		if ((hashes & 1u << h) == 0)
			continue;
		d->ctx[h] = EVP_MD_CTX_new();
		if (d->ctx[h] == NULL || EVP_DigestInit_ex(d->ctx[h], h == 2 ? EVP_sha512() : EVP_sha384(), NULL) != 1) {
			zone_digester_free(d);
			return failed(e);
		}
	}
	*out = d;
	return 0;
}

static int update(struct zone_digester *d, size_t len, struct err *e)
{
	for (size_t h = 1; h < ZONE_HASHES; h++)
		if (d->ctx[h] != NULL && EVP_DigestUpdate(d->ctx[h], d->buffer, len) != 1)
			return failed(e);
	return 0;
}

int zone_digester_add(struct zone_digester *d, const struct rr *rr, size_t n, struct err *e)
{
	struct wr w = wr_of(d->buffer, 2 * RECORD_MAX);

	for (size_t i = 0; i < n; i++) {
		canonical_write(&w, &rr[i]);
		if (w.at > RECORD_MAX || i + 1 == n) {
			if (update(d, w.at, e) != 0)
				return -1;
			w.at = 0;
		}
	}
	return 0;
}

int zone_digester_end(struct zone_digester *d, uint8_t out[ZONE_HASHES][ZONE_DIGEST_MAX], struct err *e)
{
	for (size_t h = 1; h < ZONE_HASHES; h++)
		if (d->ctx[h] != NULL && EVP_DigestFinal_ex(d->ctx[h], out[h], NULL) != 1)
			return failed(e);
	return 0;
}

void zone_digester_free(struct zone_digester *d)
{
	if (d == NULL)
		return;
	for (size_t h = 1; h < ZONE_HASHES; h++)
		EVP_MD_CTX_free(d->ctx[h]);
	free(d->buffer);
	free(d);
}

int zone_digest_all(const struct zone *z, unsigned hashes, uint8_t out[ZONE_HASHES][ZONE_DIGEST_MAX], struct err *e)
{
	struct zone_digester *d = NULL;
	struct zone_cursor *c = NULL;
	struct zone_owner owner;
	int rc = -1;

	if (zone_digester_new(hashes, &d, e) == 0 && zone_cursor_open(z, &c, e) == 0)
		while ((rc = zone_cursor_next(c, &owner, e)) == 1 && zone_digester_add(d, owner.rr, owner.n, e) == 0)
			;
	rc = rc == 0 ? zone_digester_end(d, out, e) : -1;
	zone_cursor_close(c);
	zone_digester_free(d);
	return rc;
}

int zone_digest_simple(const struct zone *z, uint8_t hash, uint8_t out[ZONE_DIGEST_MAX], struct err *e)
{
	uint8_t digest[ZONE_HASHES][ZONE_DIGEST_MAX];

	if (zone_digest_all(z, 1u << hash, digest, e) != 0)
		return -1;
	memcpy(out, digest[hash], ZONE_DIGEST_MAX);
	return 0;
}
