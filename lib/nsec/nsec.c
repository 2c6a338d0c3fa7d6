/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nsec: type bitmaps and NSEC rdata.
 */
#include "nsec/nsec.h"

#include <string.h>

size_t bitmap_write(const uint16_t *types, size_t n, uint8_t out[BITMAP_MAX])
{
	size_t at = 0;

	for (size_t i = 0; i < n;) {
		unsigned window = types[i] >> 8;
		uint8_t *bits = out + at + 2;
		unsigned last = 0;

		memset(bits, 0, 32);
		for (; i < n && types[i] >> 8 == window; i++) {
			last = (types[i] & 255) / 8;
			bits[last] |= (uint8_t)(0x80 >> (types[i] & 7));
		}
		out[at] = (uint8_t)window;
		out[at + 1] = (uint8_t)(last + 1);
		at += 2 + last + 1;
	}
	return at;
}

void nsec_rdata(const uint8_t *next, const uint8_t *bitmap, size_t bitmap_len, struct arena *arena,
		struct rr *out)
{
	uint8_t *rdata = arena_bytes(arena, dname_len(next) + bitmap_len);
	size_t len = dname_lower(next, rdata);

	memcpy(rdata + len, bitmap, bitmap_len);
	out->type = TYPE_NSEC;
	out->rdlen = (uint16_t)(len + bitmap_len);
	out->rdata = rdata;
}
