/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_SHAPE_H
#define DUET_AUDIT_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * shape - whether rdata has a form that its type can have.
 *
 * Types that have names in forms that are compressed are read by ldns; the rdata of the others is taken from messages as it
 * stands.  Name servers refuse a transfer with rdata of a wrong length, all of it.
 *
 * rdata: uncompressed.  True for types that are not known here, and for those that other checks read field by field.
 */
bool shape_is_good(uint16_t type, const uint8_t *rdata, size_t len);

#endif
