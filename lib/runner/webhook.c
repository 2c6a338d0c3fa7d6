/* SPDX-License-Identifier: BSD-3-Clause */
/* webhook: HMAC over a body and the time. */
#include "runner/webhook.h"

#include <openssl/hmac.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "clock/clock.h"
#include "secret/secret.h"

#define SECRET_MAX_OCTETS 1024

int webhook_sign(const char *path, const char *body, char header[WEBHOOK_HEADER], struct err *e)
{
	struct secret *secret = secret_read(path, SECRET_MAX_OCTETS, e);
	char *text, hex[65];
	unsigned char mac[32];
	unsigned len = 0;
	size_t key_len;

	if (secret == NULL)
		return -1;
	text = mem_printf("%lld.%s", (long long)clock_now_s(), body);
	key_len = secret_len(secret);
	{
		const char *key = (const char *)secret_open(secret);

		while (key_len > 0 && (key[key_len - 1] == '\n' || key[key_len - 1] == '\r'))
			key_len--;
		HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), mac, &len);
	}
	secret_close(secret);
	secret_free(secret);
	if (len == sizeof(mac)) {
		sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
		snprintf(header, WEBHOOK_HEADER, "X-Duet-Signature: t=%.*s,sha256=%s", (int)strcspn(text, "."), text, hex);
	}
	free(text);
	return len == sizeof(mac) ? 0 : err_set(e, ERR_CRYPTO, "HMAC fails");
}
