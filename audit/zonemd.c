/* SPDX-License-Identifier: BSD-3-Clause */
/* zonemd: SHA-384 and SHA-512 over all records in canonical order, the apex ZONEMD and its RRSIG apart. */
#include "audit/zonemd.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

#define ZONEMD_KEPT   16
#define SCHEME_SIMPLE 1
#define DIGEST_LEAST  12 /* octets (RFC 8976 section 2.2.4) */
#define HASHES        2 /* SHA-384 is 1, SHA-512 is 2 */

struct zonemd {
	struct {
		uint8_t rdata[6 + EVP_MAX_MD_SIZE];
		size_t len;
	} at_apex[ZONEMD_KEPT];
	size_t n, there; /* there: with those of a wrong length, and those that are too many */
	EVP_MD_CTX *ctx[HASHES]; /* NULL: nobody asks for it */
};

struct zonemd *zonemd_new(void)
{
	return mem_new(1, sizeof(struct zonemd));
}

void zonemd_free(struct zonemd *z)
{
	if (z == NULL)
		return;
	for (size_t i = 0; i < HASHES; i++)
		EVP_MD_CTX_free(z->ctx[i]);
	free(z);
}

static bool is_supported(const uint8_t *rdata)
{
	return rdata[4] == SCHEME_SIMPLE && rdata[5] >= 1 && rdata[5] <= HASHES;
}

static void begin(struct zonemd *z, const struct owner *apex)
{
	struct rrset set = rrset_of(&apex->zone, TYPE_ZONEMD);

	for (size_t i = 0; i < set.n && z->n < ZONEMD_KEPT; i++) {
		const uint8_t *rdata = rec_rdata(set.rec[i]);
		size_t len = set.rec[i]->rdlen;

		if (len > sizeof(z->at_apex[0].rdata) && !is_supported(rdata))
			continue;
		z->there++;
		if (len < 6 + DIGEST_LEAST || len > sizeof(z->at_apex[0].rdata))
			continue;
		memcpy(z->at_apex[z->n].rdata, rdata, len);
		z->at_apex[z->n++].len = len;
		if (!is_supported(rdata) || z->ctx[rdata[5] - 1] != NULL)
			continue;
		z->ctx[rdata[5] - 1] = EVP_MD_CTX_new();
		EVP_DigestInit_ex(z->ctx[rdata[5] - 1], rdata[5] == 1 ? EVP_sha384() : EVP_sha512(), NULL);
	}
}

bool zonemd_same(const struct zonemd *z, const struct owner *apex)
{
	const struct rrset set = rrset_of(&apex->zone, TYPE_ZONEMD);

	for (size_t i = 0; i < set.n && set.n == z->n; i++)
		if (set.rec[i]->rdlen != z->at_apex[i].len || memcmp(rec_rdata(set.rec[i]), z->at_apex[i].rdata, z->at_apex[i].len) != 0)
			return false;
	return set.n == z->n;
}

static bool left_out(const struct owner *o, const struct rec *r)
{
	if (o->place != PLACE_APEX)
		return false;
	return r->type == TYPE_ZONEMD ||
	       (r->type == TYPE_RRSIG && r->rdlen >= 2 && get16(rec_rdata(r)) == TYPE_ZONEMD);
}

void zonemd_note(struct zonemd *z, const struct owner *o)
{
	if (o->place == PLACE_APEX)
		begin(z, o);
	for (size_t h = 0; h < HASHES; h++)
		for (size_t i = 0; z->ctx[h] != NULL && i < o->zone.n; i++) {
			const struct rec *r = o->zone.rec[i];
			uint8_t fixed[10] = { (uint8_t)(r->type >> 8),   (uint8_t)r->type,
					      (uint8_t)(r->rclass >> 8), (uint8_t)r->rclass,
					      (uint8_t)(r->ttl >> 24),   (uint8_t)(r->ttl >> 16),
					      (uint8_t)(r->ttl >> 8),    (uint8_t)r->ttl,
					      (uint8_t)(r->rdlen >> 8),  (uint8_t)r->rdlen };

			if (left_out(o, r))
				continue;
			EVP_DigestUpdate(z->ctx[h], o->wire, o->wire_len);
			EVP_DigestUpdate(z->ctx[h], fixed, sizeof(fixed));
			EVP_DigestUpdate(z->ctx[h], rec_rdata(r), r->rdlen);
		}
}

void zonemd_end(struct audit *a)
{
	struct zonemd *z = a->zonemd;
	uint8_t digest[HASHES][EVP_MAX_MD_SIZE];
	unsigned len[HASHES] = { 0 };
	int supported = 0;

	if (z->there != z->n)
		report_add(a->report, ZONEMD_WRONG, 0, "%s: %zu of %zu ZONEMD have a length that can be, and are among the first %d",
			   a->zone_text, z->n, z->there, ZONEMD_KEPT);
	for (size_t h = 0; h < HASHES; h++)
		if (z->ctx[h] != NULL)
			EVP_DigestFinal_ex(z->ctx[h], digest[h], &len[h]);
	for (size_t i = 0; i < z->n; i++) {
		const uint8_t *rdata = z->at_apex[i].rdata;
		unsigned h = rdata[5] - 1u;

		if (rdata[4] != SCHEME_SIMPLE || h >= HASHES)
			continue;
		supported |= 1 << rdata[5] | LIMITS_ZONEMD_ANY;
		if (get32(rdata) != a->serial)
			report_add(a->report, ZONEMD_WRONG, 0, "%s ZONEMD: serial %u, that of the SOA is %u",
				   a->zone_text, get32(rdata), a->serial);
		else if (z->at_apex[i].len != 6 + len[h] || memcmp(rdata + 6, digest[h], len[h]) != 0)
			report_add(a->report, ZONEMD_WRONG, 0, "%s ZONEMD: the digest is another",
				   a->zone_text);
		for (size_t k = 0; k < i; k++)
			if (z->at_apex[k].rdata[4] == rdata[4] && z->at_apex[k].rdata[5] == rdata[5])
				report_add(a->report, ZONEMD_WRONG, 0, "%s ZONEMD: scheme and hash twice",
					   a->zone_text);
	}
	if ((a->limits.zonemd & ~supported) != 0)
		report_add(a->report, ZONEMD_MISSING, 0, "%s: none with scheme 1 and hash %s", a->zone_text,
			   (a->limits.zonemd & ~supported & 1 << 1) != 0 ? "1" : (a->limits.zonemd & 1 << 2) != 0 ? "2" : "1 or 2");
}
