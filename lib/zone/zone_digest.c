/* SPDX-License-Identifier: BSD-3-Clause */
/* zone_digest: the digest of RFC 8976, record by record in canonical form. */
#include <assert.h>
#include <stdlib.h>

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

static bool digest_owner(EVP_MD_CTX *ctx, const struct zone_owner *o, uint8_t *buffer)
{
	struct wr w = wr_of(buffer, 2 * RECORD_MAX);

	for (size_t i = 0; i < o->n; i++) {
		canonical_write(&w, &o->rr[i]);
		if (w.at > RECORD_MAX || i + 1 == o->n) {
			if (EVP_DigestUpdate(ctx, buffer, w.at) != 1)
				return false;
			w.at = 0;
		}
	}
	return true;
}

int zone_digest_simple(const struct zone *z, uint8_t hash, uint8_t out[ZONE_DIGEST_MAX], struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t *buffer = mem_new(2, RECORD_MAX);
	struct zone_cursor *c = NULL;
	struct zone_owner owner;
	int rc = -1;

	if (ctx == NULL || EVP_DigestInit_ex(ctx, hash == 2 ? EVP_sha512() : EVP_sha384(), NULL) != 1) {
		err_set(e, ERR_CRYPTO, "SHA-384 or SHA-512 is not available");
		goto out;
	}
	if (zone_cursor_open(z, &c, e) != 0)
		goto out;
	while ((rc = zone_cursor_next(c, &owner, e)) == 1) {
		if (!digest_owner(ctx, &owner, buffer)) {
			rc = err_set(e, ERR_CRYPTO, "the digest of the zone failed");
			goto out;
		}
	}
	if (rc == 0 && EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		rc = err_set(e, ERR_CRYPTO, "the digest of the zone failed");
out:
	zone_cursor_close(c);
	EVP_MD_CTX_free(ctx);
	free(buffer);
	return rc;
}
