/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FIELD_SVCB_H
#define DUET_FIELD_SVCB_H

#include <stddef.h>
#include <stdint.h>

/* field_len of F_SVCB. */
size_t field_svcb_len(const uint8_t *p, size_t left);

#endif
