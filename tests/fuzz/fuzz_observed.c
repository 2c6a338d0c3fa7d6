/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_observed: what is read as a look is written as the same octets. */
#include "fuzz_main.h"

#include <assert.h>
#include <string.h>

#include "msg/observed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t out[OBSERVED_OCTETS_MAX];
	struct arena *arena = arena_new();
	struct observed o, again;
	size_t n;

	if (observed_read(data, len, arena, &o, NULL) == 0 && (n = observed_write(&o, out, sizeof(out))) > 0) {
		assert(observed_read(out, n, arena, &again, NULL) == 0);
		assert(again.sets == o.sets && again.asked_ms == o.asked_ms);
		for (size_t i = 0; i < o.sets; i++)
			assert(again.set[i].n == o.set[i].n);
		(void)observed_counts(&again);
	}
	arena_free(arena);
	return 0;
}
