/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_WEBHOOK_H
#define DUET_WEBHOOK_H

#include "err/err.h"

/*
 * webhook_sign - the header that shows who made a webhook's body: "X-Duet-Signature: t=SECONDS,sha256=HEX", the HMAC-SHA256
 * over "SECONDS." and the body.
 *
 * path  file with the secret; line ends behind it do not count
 */
#define WEBHOOK_HEADER 192
int webhook_sign(const char *path, const char *body, char header[WEBHOOK_HEADER], struct err *e);

#endif
