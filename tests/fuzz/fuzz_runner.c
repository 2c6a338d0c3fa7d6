/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_runner: packets of who asks a runner, and of the runner; what is a request is packed as one that says the same. */
#include "fuzz_main.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runner/runner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena *arena = arena_new();
	struct runner_request q, again;
	struct runner_result r;
	uint64_t number, number2;
	bool in, out;
	char *packet;

	if (runner_request_read(data, len, arena, &q, &number, &in, &out, NULL) == 0 &&
	    (packet = runner_request_pack(&q, number, NULL)) != NULL) {
		assert(runner_request_read(packet, strlen(packet), arena, &again, &number2, &in, &out, NULL) == 0);
		assert(number2 == number && strcmp(q.what, again.what) == 0 && q.word_count == again.word_count);
		free(packet);
	}
	if (runner_result_read(data, len, arena, &r, &number, NULL) == 0 &&
	    (packet = runner_result_pack(&r, number)) != NULL) {
		assert(runner_result_read(packet, strlen(packet), arena, &r, &number2, NULL) == 0);
		free(packet);
	}
	arena_free(arena);
	return 0;
}
