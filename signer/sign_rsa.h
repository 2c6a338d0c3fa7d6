/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SIGN_RSA_H
#define DUET_SIGN_RSA_H

#include "key/key.h"

/*
 * sign_rsa_code - where all keys are RSA's and the processor is known to be faster with another of
 * OpenSSL's RSA codes than the one that OpenSSL takes by itself, starts this program once more with
 * OPENSSL_ia32cap in the environment.
 *
 * argv  of main
 * keys  that sign
 *
 * Returns when nothing is to be changed, among other reasons since OPENSSL_ia32cap is set.  Before threads
 * are begun and before anything is read that could not be read again.
 */
void sign_rsa_code(char **argv, struct key *const *keys, size_t n);

#endif
