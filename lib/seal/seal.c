/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * seal: boxes with their label inside.
 *
 * Inside a box: "duetbox" and version 1 | purpose (1) | the receiver's key (32) | hash (32) | name length (1)
 * | name in lower case | the secret.  What is inside passes through the stack, which is wiped: each change of what
 * may be done with a struct secret's memory interrupts every core.
 */
#include "seal/seal.h"

#include "arena/arena.h"
#include "dname/dname.h"
#include "wire/wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t magic[8] = { 'd', 'u', 'e', 't', 'b', 'o', 'x', 1 };
#define LABEL_MAX (sizeof(magic) + 1 + SEAL_PK_LEN + SEAL_HASH_LEN + 1 + DNAME_MAX)

static size_t write_label(const struct seal_label *label, const uint8_t pk[SEAL_PK_LEN],
			  uint8_t out[LABEL_MAX])
{
	struct wr w = wr_of(out, LABEL_MAX);
	uint8_t name[DNAME_MAX];
	size_t len = dname_lower(label->name, name);

	wr_bytes(&w, magic, sizeof(magic));
	wr_u8(&w, (uint8_t)label->purpose);
	wr_bytes(&w, pk, SEAL_PK_LEN);
	wr_bytes(&w, label->hash, SEAL_HASH_LEN);
	wr_u8(&w, (uint8_t)len);
	wr_bytes(&w, name, len);
	return w.at;
}

int seal_make(const struct seal_label *label, const uint8_t to_pk[SEAL_PK_LEN], struct secret *what,
	      uint8_t **box, size_t *box_len, struct err *e)
{
	uint8_t plain[LABEL_MAX + SECRET_MAX];
	const size_t head_len = write_label(label, to_pk, plain), len = head_len + secret_len(what);
	int rc;

	if (len > SECRET_MAX)
		return err_set(e, ERR_LIMIT, "a secret of %zu octets is too large for a box",
			       secret_len(what));
	memcpy(plain + head_len, secret_open(what), secret_len(what));
	secret_close(what);
	*box_len = len + crypto_box_SEALBYTES;
	*box = mem_new(*box_len, 1);
	rc = crypto_box_seal(*box, plain, len, to_pk);
	sodium_memzero(plain, len);
	if (rc != 0) {
		free(*box);
		*box = NULL;
		return err_set(e, ERR_CRYPTO, "a box cannot be sealed to this public key");
	}
	return 0;
}

/* Which part of the label inside differs from what it must be; NULL when none does. */
static const char *label_differs(const uint8_t *p, size_t len, const uint8_t *want, size_t want_len)
{
	const size_t at_pk = sizeof(magic) + 1, at_hash = at_pk + SEAL_PK_LEN,
		     at_name = at_hash + SEAL_HASH_LEN;

	if (len < want_len || memcmp(p, want, sizeof(magic)) != 0)
		return "form";
	if (p[sizeof(magic)] != want[sizeof(magic)])
		return "purpose";
	if (memcmp(p + at_pk, want + at_pk, SEAL_PK_LEN) != 0)
		return "receiver";
	if (memcmp(p + at_hash, want + at_hash, SEAL_HASH_LEN) != 0)
		return "key hash";
	if (memcmp(p + at_name, want + at_name, want_len - at_name) != 0)
		return "zone";
	return len == want_len ? "length" : NULL;
}

int seal_open(const struct seal_label *label, const uint8_t pk[SEAL_PK_LEN], struct secret *sk,
	      const uint8_t *box, size_t box_len, struct secret **what, struct err *e)
{
	uint8_t want[LABEL_MAX], plain[SECRET_MAX];
	const size_t want_len = write_label(label, pk, want);
	const char *differs;
	size_t len;
	int rc;

	if (box_len <= crypto_box_SEALBYTES || box_len > SEAL_MAX ||
	    box_len - crypto_box_SEALBYTES > SECRET_MAX)
		return err_set(e, ERR_CRYPTO, "a sealed box of %zu octets is none", box_len);
	len = box_len - crypto_box_SEALBYTES;
	rc = crypto_box_seal_open(plain, box, box_len, pk, secret_open(sk));
	secret_close(sk);
	differs = rc == 0 ? label_differs(plain, len, want, want_len) : NULL;
	if (rc == 0 && differs == NULL)
		*what = secret_from(plain + want_len, len - want_len);
	sodium_memzero(plain, len);
	if (rc != 0)
		return err_set(e, ERR_CRYPTO, "a sealed box is damaged or was made for another node");
	if (differs != NULL)
		return err_set(e, ERR_CRYPTO, "a sealed box names another %s inside", differs);
	return 0;
}
