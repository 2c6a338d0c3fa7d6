/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_DNSKEY_H
#define DUET_AUDIT_DNSKEY_H

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * dnskey - the DNSKEYs of a zone: the public half for OpenSSL, and what each of them was seen to sign.
 */
#define DNSKEY_MAX    128
#define FLAG_ZONE     0x0100
#define FLAG_REVOKE   0x0080
#define FLAG_SEP      0x0001
#define ALG_RSASHA256 8
#define ALG_RSASHA512 10
#define ALG_ECDSAP256 13
#define ALG_ECDSAP384 14
#define ALG_ED25519   15
#define ALG_ED448     16

struct dnskey {
	uint8_t *rdata; /* owned */
	size_t rdlen;
	uint16_t flags, tag;
	uint8_t protocol, algorithm;
	unsigned bits;
	EVP_PKEY *pkey; /* NULL: algorithm not known, or the key is no key */
	atomic_bool signs_dnskey, signs_data;
};

struct dnskeys {
	struct dnskey key[DNSKEY_MAX];
	size_t n;
};

/* RFC 4034 appendix B. */
uint16_t dnskey_tag(const uint8_t *rdata, size_t len);
/* Adds one; false when there are too many or the rdata is shorter than 4 octets. */
bool dnskeys_add(struct dnskeys *keys, const uint8_t *rdata, size_t len);
void dnskeys_fini(struct dnskeys *keys);
bool algorithm_known(uint8_t algorithm);
/* "12345/13"; returns out. */
char *dnskey_name(const struct dnskey *k, char out[24]);

/* Whether this is a digest type that validators know: 1, 2 or 4. */
bool ds_digest_known(uint8_t digest);
/* Whether a DS or CDS rdata names the key (owner: wire name in lowercase); false with other digest types. */
bool dnskey_matches_ds(const struct dnskey *k, const uint8_t *owner, size_t owner_len, const uint8_t *ds,
		       size_t ds_len);

/*
 * verifier - contexts of one thread, kept for all keys of a zone.
 */
struct verifier;
struct verifier *verifier_new(const struct dnskeys *keys);
void verifier_free(struct verifier *v);
/* Whether key i made the signature over the octets of both parts, one behind the other (RFC 4034
 * section 3.1.8.1). */
bool verifier_check(struct verifier *v, size_t i, const uint8_t *head, size_t head_len, const uint8_t *body,
		    size_t body_len, const uint8_t *sig, size_t sig_len);

#endif
