/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_zone_text: master file text. */
#include <stdio.h>

#include "fuzz_main.h"
#include "fuzz_zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct zone_limits limits = fuzz_limits();
	struct err e = { .code = ERR_NONE };
	struct zone *z;

	if (zone_read_text((const char *)data, len, fuzz_apex, &limits, &z, &e) != 0) {
		assert(e.code != ERR_NONE && e.text[0] != '\0');
		return 0;
	}
	fuzz_zone_round_trip(z);
	zone_free(z);
	return 0;
}
