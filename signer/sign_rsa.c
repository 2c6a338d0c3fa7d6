/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sign_rsa: the faster of OpenSSL's two codes for RSA.
 *
 * OpenSSL takes the one for ADX wherever a processor has that, and the one for AVX2 elsewhere.  On AMD's
 * Zen 3 the latter makes 15 to 28 % more signatures of 2048 bits.  The library chooses when it is loaded,
 * and its environment is all that it listens to.
 */
#include "signer/sign_rsa.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define VARIABLE    "OPENSSL_ia32cap"
#define WITHOUT_ADX ":~0x80000" /* OPENSSL_ia32cap(3): bit 64 + 19 */

/* Measured on no other processor. */
static bool avx2_is_faster(void)
{
#ifdef __x86_64__
	__builtin_cpu_init();
	return __builtin_cpu_is("znver3");
#else
	return false;
#endif
}

void sign_rsa_code(char **argv, struct key *const *keys, size_t n)
{
	bool rsa = n > 0;

	for (size_t i = 0; i < n; i++)
		rsa = rsa && (key_alg(keys[i]) == ALG_RSASHA256 || key_alg(keys[i]) == ALG_RSASHA512);
	if (!rsa || getenv(VARIABLE) != NULL || !avx2_is_faster() || setenv(VARIABLE, WITHOUT_ADX, 1) != 0)
		return;
	execv("/proc/self/exe", argv); /* without it all goes on, slower */
}
