/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_zone_text: master file text; plain lines in one pass give what tokens give, errors too. */
#include <stdio.h>

#include "fuzz_main.h"
#include "fuzz_zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct zone_limits limits = fuzz_limits();
	struct err e = { .code = ERR_NONE }, by_tokens = { .code = ERR_NONE };
	struct zone *z, *same;
	int rc = zone_read_text((const char *)data, len, fuzz_apex, &limits, &z, &e);

	assert(zone_read_tokens((const char *)data, len, fuzz_apex, &limits, &same, &by_tokens) == rc);
	if (rc != 0) {
		assert(e.code != ERR_NONE && e.text[0] != '\0');
		assert(e.code == by_tokens.code && strcmp(e.text, by_tokens.text) == 0);
		return 0;
	}
	assert_same_zone(z, same);
	assert(z->notice_count == same->notice_count && z->dropped == same->dropped);
	zone_free(same);
	fuzz_zone_round_trip(z);
	zone_free(z);
	return 0;
}
