/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEY_H
#define DUET_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname/dname.h"
#include "err/err.h"
#include "rrset/rr.h"
#include "secret/secret.h"

/*
 * key - one DNSSEC key: its DNSKEY rdata, and its private half where this process has it.
 *
 * A key is named by the SHA-256 of its DNSKEY rdata with the REVOKE bit clear (key hash), never by its tag.
 * All cryptography is OpenSSL's (Ed25519 signing may be libsodium's).  A private half is always stored and
 * loaded together with the public one and proven to fit it (OpenSSL takes mismatched halves): ECDSA's public half is
 * computed from it, others make a probe signature.
 */
#define KEY_HASH_LEN  32
#define KEY_RDATA_MAX 1032 /* DNSKEY rdata of RSA-4096 with a long exponent fits */
#define KEY_SIG_MAX   512  /* RSA-4096 */

enum key_algorithm {
	ALG_RSASHA256 = 8,
	ALG_RSASHA512 = 10,
	ALG_ECDSAP256SHA256 = 13,
	ALG_ECDSAP384SHA384 = 14,
	ALG_ED25519 = 15,
	ALG_ED448 = 16,
};
#define DNSKEY_FLAG_ZONE   0x0100
#define DNSKEY_FLAG_REVOKE 0x0080
#define DNSKEY_FLAG_SEP    0x0001

struct key; /* opaque; immutable once made: any number of threads may use it */

bool key_algorithm_known(unsigned alg);
/* "ECDSAP256SHA256"; number as text when unknown. */
const char *key_algorithm_text(unsigned alg);
/* Mnemonic or number; 0 when it is none of ours. */
unsigned key_algorithm_from_text(const char *text);
/* Octets of a signature for RSA of the key's size or fixed per algorithm. */
size_t key_sig_len(const struct key *k);

/* Makes a new key.  flags: 256 (ZSK) or 257 (KSK, CSK).  bits: for RSA 2048..4096 (0: 2048), else 0. */
int key_generate(unsigned alg, uint16_t flags, unsigned bits, struct key **out, struct err *e);
/* A key without private half, from DNSKEY rdata (protocol 3, known algorithm, sane public key). */
int key_from_dnskey(const uint8_t *rdata, size_t len, struct key **out, struct err *e);
/* Joins DNSKEY rdata and PKCS #8 DER (borrowed); refused unless they are proven to fit. */
int key_from_pkcs8(const uint8_t *rdata, size_t len, struct secret *der, struct key **out, struct err *e);
/* NULL does nothing. */
void key_free(struct key *k);

const uint8_t *key_rdata(const struct key *k, size_t *len);
unsigned key_alg(const struct key *k);
uint16_t key_flags(const struct key *k);
uint16_t key_tag(const struct key *k);        /* RFC 4034 appendix B */
const uint8_t *key_hash(const struct key *k); /* KEY_HASH_LEN octets */
bool key_has_private(const struct key *k);
/* Lets go of what OpenSSL has of it: until key_reopen it has rdata, hash, tag and algorithm, and neither signs nor verifies. */
void key_close(struct key *k);
/* With its private half in PKCS #8, as key_from_pkcs8; -1: it stays closed. */
int key_reopen(struct key *k, struct secret *der, struct err *e);
/* Whether key_from_dnskey takes it, without the work of making a key. */
int dnskey_check(const uint8_t *rdata, size_t len, struct err *e);
/* Tag of any DNSKEY rdata. */
uint16_t dnskey_tag(const uint8_t *rdata, size_t len);
/* The tag as it is, and with the REVOKE bit (RFC 5011).  Two keys of a zone may not have one in common. */
struct dnskey_tags {
	uint16_t tag, revoked;
};
struct dnskey_tags dnskey_tags(const uint8_t *rdata, size_t len); /* of at least four octets */
bool dnskey_tags_clash(struct dnskey_tags a, struct dnskey_tags b);

/* Hash of a key set: SHA-256 over the sorted key hashes of a DNSKEY RRset's records, whatever their
 * algorithm. */
int key_set_hash(const struct rr *dnskeys, size_t n, uint8_t out[KEY_HASH_LEN], struct err *e);
/* The key hash of any DNSKEY rdata of at least four octets. */
void dnskey_hash(const uint8_t *rdata, size_t len, uint8_t out[KEY_HASH_LEN]);

/* The private half as PKCS #8 DER; the key must have it. */
int key_pkcs8(const struct key *k, struct secret **out, struct err *e);

/* Signature in DNSSEC's form (RFC 3110/5702, 6605, 8080) over data.  sig has KEY_SIG_MAX octets. */
int key_sign(const struct key *k, const uint8_t *data, size_t len, uint8_t *sig, size_t *sig_len,
	     struct err *e);

/*
 * key_signer - signs many times with one key, for one thread: what key_sign makes anew each time is made once.
 * An Ed25519 signer holds a copy of the private half in sodium_malloc's memory, so one lives only as long as
 * there is something to sign.  The key is borrowed and must have its private half (ERR_CRYPTO).
 */
struct key_signer;
int key_signer_new(const struct key *k, struct key_signer **out, struct err *e);
/* NULL does nothing. */
void key_signer_free(struct key_signer *s);
int key_signer_sign(struct key_signer *s, const uint8_t *data, size_t len, uint8_t *sig, size_t *sig_len,
		    struct err *e);
const struct key *key_signer_key(const struct key_signer *s);

/*
 * key_random_init - all random octets that OpenSSL takes in this process, those of ECDSA nonces among them, come from the
 * kernel by libsodium from now on.  For programs that sign much; before threads are begun, after secret_init.
 */
int key_random_init(struct err *e);

/* 0 when the signature is right, else -1 with ERR_CRYPTO. */
int key_verify(const struct key *k, const uint8_t *data, size_t len, const uint8_t *sig, size_t sig_len,
	       struct err *e);

/* DS rdata (RFC 4034 section 5.1) for digest type 2 (SHA-256) or 4 (SHA-384); CDS has the same.  Returns its
 * length. */
size_t key_ds(const struct key *k, const uint8_t *zone, unsigned digest_type, uint8_t out[4 + 48]);
/* The same of DNSKEY rdata that is no key yet; at most KEY_RDATA_MAX octets. */
size_t dnskey_ds(const uint8_t *rdata, size_t len, const uint8_t *zone, unsigned digest_type, uint8_t out[4 + 48]);

/* When a key is used, as those who keep keys in files say it: instants, 0 where nothing is said. */
struct key_times {
	int64_t created, publish, activate, inactive, removed;
};

/* BIND key files K<zone>+<alg>+<tag>.key and .private.  Reading finds every key of the zone in dir, sorted by
 * hash; one without its .private file takes PKCS #8 from a .pem file
 * of the same name, or comes without private half. Neither writes over a file (ERR_EXISTS). */
int key_write_bind(const struct key *k, const uint8_t *zone, uint32_t ttl, const struct key_times *times, const char *dir,
		   struct err *e);
int key_read_bind(const char *dir, const uint8_t *zone, struct key **keys, size_t max, size_t *n,
		  struct err *e);
/* PKCS #8 PEM file of mode 0600. */
int key_write_pem(const struct key *k, const char *path, struct err *e);

/*
 * Keys that others made, one file at a time.  A file that is a symbolic link, no regular file, too large, or has a
 * private half and a mode that lets others in is refused.
 */
/* path ends in .key or .private: the .key file of the zone, and the .private or .pem file beside it, which must be there.
 * times: as the .private file has them. */
int key_import_bind(const char *path, const uint8_t *zone, struct key **out, struct key_times *times, struct err *e);
/* PKCS #8 in PEM; the public half is made from it.  flags: 256 or 257. */
int key_import_pem(const char *path, unsigned alg, uint16_t flags, struct key **out, struct err *e);
/* Public halves alone: every DNSKEY record of the zone in the file, one a line (a .key file, or what dig prints); other
 * lines that are no comments are refused.  They come behind the *n that are there, at most max; the caller frees all.
 * ttl: raised to the largest that a line has, in seconds; a line need not have one. */
int key_public_list(const char *path, const uint8_t *zone, struct key **out, size_t max, size_t *n, uint32_t *ttl, struct err *e);

#endif
