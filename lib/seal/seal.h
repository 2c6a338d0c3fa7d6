/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SEAL_H
#define DUET_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "err/err.h"
#include "secret/secret.h"

/*
 * seal - a secret in a box that one X25519 key opens (libsodium crypto_box_seal).
 *
 * Inside the box stand a version, its purpose, the name and the hash that it belongs to, and the key it was
 * made for; all are compared after opening, so a box cannot be passed off for another zone's, another key's
 * or another node's.
 */
#define SEAL_HASH_LEN 32
#define SEAL_PK_LEN   32
#define SEAL_MAX      20000 /* octets of any box */

enum seal_purpose {
	SEAL_SIGNER = 1,      /* a private key for a signer's keydist */
	SEAL_RECOVERY = 2,    /* a private key for the recovery key */
	SEAL_ENGINE = 3,      /* a zone-signing key for the local engine */
	SEAL_TSIG = 4,        /* a TSIG secret for a signer's keydist; name is the TSIG key's */
	SEAL_TSIG_ENGINE = 5, /* a TSIG secret for the local engine */
	SEAL_TSIG_RECOVERY = 6,
};

/* What a box is for.  name is a domain name in wire form, compared without case. */
struct seal_label {
	enum seal_purpose purpose;
	const uint8_t *name;
	const uint8_t *hash; /* SEAL_HASH_LEN octets: of the DNSKEY (key_hash) or of the TSIG secret */
};

/* box: free() it.  what: at most SECRET_MAX - 400 octets. */
int seal_make(const struct seal_label *label, const uint8_t to_pk[SEAL_PK_LEN], struct secret *what,
	      uint8_t **box, size_t *box_len, struct err *e);
/* sk: the receiver's X25519 secret, pk its public half.  ERR_CRYPTO: not for this key, damaged, or a label
 * that differs (which says which part). */
int seal_open(const struct seal_label *label, const uint8_t pk[SEAL_PK_LEN], struct secret *sk,
	      const uint8_t *box, size_t box_len, struct secret **what, struct err *e);

#endif
