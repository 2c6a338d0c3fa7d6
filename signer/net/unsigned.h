/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_UNSIGNED_H
#define DUET_NET_UNSIGNED_H

#include <stddef.h>
#include <stdint.h>

#include "err/err.h"

/*
 * unsigned_pages - pages that lie behind each other, in place, without records of rr_type_is_signing.
 *
 * octets  that the pages have been checked in
 * left    pages that still have a record; they lie at the beginning
 *
 * -1 with ERR_DAMAGE, ERR_LIMIT.  Any thread.
 */
int unsigned_pages(uint8_t *octets, size_t count, size_t *left, struct err *e);

#endif
