/* SPDX-License-Identifier: BSD-3-Clause */
/* tsig_key: TSIG keys and their algorithms (RFC 8945 section 6). */
#include "dns/tsig_impl.h"

#include "arena/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct tsig_alg_row tsig_algs[] = {
	[TSIG_HMAC_SHA256] = { "hmac-sha256", "SHA256", "\013hmac-sha256", 13, 32 },
	[TSIG_HMAC_SHA384] = { "hmac-sha384", "SHA384", "\013hmac-sha384", 13, 48 },
	[TSIG_HMAC_SHA512] = { "hmac-sha512", "SHA512", "\013hmac-sha512", 13, 64 },
};

struct tsig_key *tsig_key_new(const uint8_t *name, enum tsig_alg alg, struct secret *secret)
{
	struct tsig_key *key = mem_new(1, sizeof(*key));

	assert(alg >= TSIG_HMAC_SHA256 && alg <= TSIG_HMAC_SHA512);
	dname_lower(name, key->name);
	key->alg = alg;
	key->secret = secret;
	key->refs = 1;
	return key;
}

struct tsig_key *tsig_key_ref(struct tsig_key *key)
{
	key->refs++;
	return key;
}

void tsig_key_unref(struct tsig_key *key)
{
	if (key == NULL || --key->refs > 0)
		return;
	secret_free(key->secret);
	free(key);
}

enum tsig_alg tsig_alg_from_text(const char *text)
{
	for (enum tsig_alg a = TSIG_HMAC_SHA256; a <= TSIG_HMAC_SHA512; a++) {
		size_t len = strlen(tsig_algs[a].text);

		if (strncasecmp(text, tsig_algs[a].text, len) == 0 &&
		    (text[len] == '\0' || (text[len] == '.' && text[len + 1] == '\0')))
			return a;
	}
	return (enum tsig_alg)0;
}

const char *tsig_alg_text(enum tsig_alg alg)
{
	return tsig_algs[alg].text;
}

size_t tsig_mac_len(enum tsig_alg alg)
{
	return tsig_algs[alg].mac_len;
}
