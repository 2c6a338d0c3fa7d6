/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_dname: names in wire form, compressed names, names as text; order and sort keys agree. */
#include <assert.h>
#include <string.h>

#include "dname/dname.h"
#include "fuzz_main.h"

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void text_round_trip(const uint8_t *name)
{
	char text[DNAME_TEXT_MAX];
	uint8_t again[DNAME_MAX];

	assert(dname_from_text(dname_to_text(name, text), again, NULL) == 0);
	assert(dname_len(again) == dname_len(name) && memcmp(again, name, dname_len(name)) == 0);
}

static void order_agrees(const uint8_t *a, const uint8_t *b)
{
	uint8_t ak[DNAME_KEY_MAX], bk[DNAME_KEY_MAX];
	size_t an = dname_key(a, ak), bn = dname_key(b, bk), n = an < bn ? an : bn;
	int by_key = n == 0 ? 0 : memcmp(ak, bk, n);

	if (by_key == 0)
		by_key = (an > bn) - (an < bn);
	assert(sign(dname_cmp(a, b)) == sign(by_key));
	assert(sign(dname_cmp(b, a)) == -sign(by_key));
	assert(dname_equal(a, b) == (by_key == 0));
	assert(dname_is_within(a, b) == (an >= bn && (bn == 0 || memcmp(ak, bk, bn) == 0)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rd r = rd_of(data, len);
	const uint8_t *a = dname_read(&r), *b = a == NULL ? NULL : dname_read(&r);
	uint8_t out[DNAME_MAX];
	size_t n;

	if (a != NULL)
		text_round_trip(a);
	if (b != NULL)
		order_agrees(a, b);
	if (len > 0) { /* the first octet says where in the message the name begins */
		r = rd_of(data, len);
		r.at = data[0] % len;
		n = dname_read_compressed(&r, out);
		assert((n == 0) == r.bad);
		if (n > 0) {
			assert(dname_len(out) == n);
			text_round_trip(out);
		}
	}
	if (dname_from_text_at((const char *)data, len, (const uint8_t *)"\7example", out, NULL) == 0) {
		r = rd_of(out, sizeof(out));
		assert(dname_read(&r) == out);
		text_round_trip(out);
	}
	return 0;
}
