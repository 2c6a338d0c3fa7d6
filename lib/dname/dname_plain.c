/* SPDX-License-Identifier: BSD-3-Clause */
/* dname_plain: names from plain words.  The text is copied one octet behind its place, so that each dot becomes the length
 * of the label behind it. */
#include "dname/dname.h"
#include "dname/plain.h"

#define LABEL_MAX 63

/* Copies the word and puts lengths in place of its dots.  Returns its length, and where the last label's length belongs;
 * 0 for an empty label, one that is too long, or a name that is. */
static size_t copy_labels(const char *text, uint8_t *out, size_t *last)
{
	size_t at = 0, label = 0;
	unsigned stops, dots;

	do {
		stops = plain_stops(text + at);
		dots = plain_equals(text + at, '.');
		memcpy(out + at + 1, text + at, 16);
		if (stops != 0)
			dots &= (stops & -stops) - 1;
		for (; dots != 0; dots &= dots - 1) {
			size_t dot = at + (unsigned)__builtin_ctz(dots), len = dot - label;

			if (len - 1 >= LABEL_MAX)
				return 0;
			out[label] = (uint8_t)len;
			label = dot + 1;
		}
		at += stops != 0 ? (unsigned)__builtin_ctz(stops) : 16;
	} while (stops == 0 && at < DNAME_MAX);
	*last = label;
	return at < DNAME_MAX && plain_is_end(text[at]) ? at : 0;
}

/* The same for a word of up to 31 octets; 0 also where it is longer. */
static inline size_t copy_short(const char *text, uint8_t *out, size_t *last)
{
	uint32_t stops = plain_stops(text) | plain_stops(text + 16) << 16, before = (stops & -stops) - 1;
	uint32_t dots = (plain_equals(text, '.') | plain_equals(text + 16, '.') << 16) & before;
	unsigned at, label = 0, dot;

	if (stops == 0)
		return 0;
	memcpy(out + 1, text, 32);
	at = (unsigned)__builtin_ctz(stops);
	for (; dots != 0; dots &= dots - 1) {
		dot = (unsigned)__builtin_ctz(dots);
		if (dot == label)
			return 0;
		out[label] = (uint8_t)(dot - label);
		label = dot + 1;
	}
	*last = label;
	return plain_is_end(text[at]) ? at : 0;
}

size_t dname_from_plain(const char *text, const uint8_t *origin, size_t origin_len, uint8_t *out, size_t *out_len)
{
	size_t last, len;

	if (plain_is_end(text[1]) && (text[0] == '.' || text[0] == '@')) {
		out[0] = 0;
		*out_len = 1;
		if (text[0] == '@') {
			memcpy(out, origin, origin_len);
			*out_len = origin_len;
		}
		return 1;
	}
	if ((len = copy_short(text, out, &last)) == 0 && (len = copy_labels(text, out, &last)) == 0)
		return 0;
	if (last == len) { /* it ends with a dot */
		out[last] = 0;
		*out_len = len + 1;
		return len;
	}
	if (len - last > LABEL_MAX || len + 1 + origin_len > DNAME_MAX)
		return 0;
	out[last] = (uint8_t)(len - last);
	memcpy(out + len + 1, origin, origin_len);
	*out_len = len + 1 + origin_len;
	return len;
}
