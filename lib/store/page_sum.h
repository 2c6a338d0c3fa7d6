/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PAGE_SUM_H
#define DUET_PAGE_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>
#if defined(__x86_64__)
#include <xxh_x86dispatch.h> /* XXH3_64bits becomes the fastest for this processor */
#endif

/* page_sum - xxh3-64 of a page, by which damage shows (DESIGN section 7): twice as fast with AVX2 as xxhash.h alone. */
static inline uint64_t page_sum(const uint8_t *page, size_t len)
{
	return XXH3_64bits(page, len);
}

#endif
