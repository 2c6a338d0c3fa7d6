/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_submission: chunks, wishes, facts and sources of submissions, and of what peers lend; what is read is written as the same. */
#include "fuzz_main.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "submission/submission.h"

static void source(const uint8_t *data, size_t len)
{
	struct submission s, again;
	char text[200], *back;

	if (len >= sizeof(text))
		return;
	memcpy(text, data, len);
	text[len] = '\0';
	if (!submission_of_source(text, &s))
		return;
	back = submission_source(&s);
	assert(submission_of_source(back, &again) && again.rev == s.rev && again.size == s.size &&
	       memcmp(again.digest, s.digest, sizeof(s.digest)) == 0);
	free(back);
}

static void input(const json_t *o)
{
	struct input_wish w, same;
	struct chunk c, again;
	json_t *back;
	bool wait;

	if (input_wish_read(o, &w, NULL) == 0) {
		back = input_wish_json(&w);
		assert(input_wish_read(back, &same, NULL) == 0 && dname_equal(w.zone, same.zone) && w.offset == same.offset &&
		       memcmp(w.content, same.content, sizeof(w.content)) == 0);
		json_decref(back);
	}
	if (input_answer_read(o, &wait, &c, NULL) != 0 || wait)
		return;
	assert(c.len > 0 && c.len <= SUBMISSION_CHUNK && c.offset + c.len <= c.size);
	back = input_chunk(&c);
	assert(input_answer_read(back, &wait, &again, NULL) == 0 && !wait && again.size == c.size && again.len == c.len);
	json_decref(back);
	free(again.octets);
	free(c.octets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	json_t *o = json_loadb((const char *)data, len, 0, NULL), *back;
	struct submission s;
	struct chunk c, again;

	source(data, len);
	input(o);
	if (chunk_read(o, &c, NULL) == 0) {
		assert(c.len > 0 && c.len <= SUBMISSION_CHUNK);
		back = chunk_json(c.digest, c.offset, c.octets, c.len);
		assert(chunk_read(back, &again, NULL) == 0 && again.len == c.len && memcmp(again.octets, c.octets, c.len) == 0);
		json_decref(back);
		free(again.octets);
		free(c.octets);
	}
	if (submission_read(o, &s, NULL) == 0)
		assert(s.size <= SUBMISSION_SIZE_MAX);
	json_decref(o);
	return 0;
}
