/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PLAIN_H
#define DUET_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * plain - master file text 16 octets at a time.  Plain text is what most lines are: no escapes, no parentheses, quotes
 * only around whole words.  What is not plain is left to the readers that know everything (zone_lex.h, rdata_text.h),
 * so whoever reads plain text may give up at any octet.
 *
 * PLAIN_PAD octets behind the text can be read, whatever they are, and as many behind an output can be written.
 */
#define PLAIN_PAD 32

static inline bool plain_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A word ends here: blanks, newline, and control characters, which no plain word has. */
static inline bool plain_is_end(char c)
{
	return (uint8_t)c <= ' ';
}

static inline const char *plain_skip(const char *p)
{
	while (plain_is_end(*p) && plain_is_blank(*p))
		p++;
	return p;
}

/* Bit i says that p[i] is no plain octet of a word: white space, control, or one of " ( ) ; \ */
static inline unsigned plain_stops(const char *p)
{
#ifdef __SSE2__
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(' ')), v);
	__m128i round = _mm_cmpeq_epi8(_mm_and_si128(v, _mm_set1_epi8((char)0xfe)), _mm_set1_epi8('('));
	__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	__m128i rest = _mm_cmpeq_epi8(v, _mm_set1_epi8(';'));

	rest = _mm_or_si128(rest, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, round), _mm_or_si128(quote, rest)));
#else
	unsigned mask = 0;

	for (unsigned i = 0; i < 16; i++) {
		char c = p[i];

		if (plain_is_end(c) || c == '"' || c == '(' || c == ')' || c == ';' || c == '\\')
			mask |= 1u << i;
	}
	return mask;
#endif
}

#ifdef __SSE2__
/* Bit i says that p[i] is not q[i]. */
static inline unsigned plain_differs(const char *p, const char *q)
{
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)p), b = _mm_loadu_si128((const __m128i *)(const void *)q);

	return 0xffff ^ (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
}
#endif

/* Bit i says that p[i] is c. */
static inline unsigned plain_equals(const char *p, char c)
{
#ifdef __SSE2__
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c)));
#else
	unsigned mask = 0;

	for (unsigned i = 0; i < 16; i++)
		mask |= (unsigned)(p[i] == c) << i;
	return mask;
#endif
}

static inline unsigned plain_blanks(const char *p)
{
	return plain_equals(p, '\t') | plain_equals(p, ' ') | plain_equals(p, '\r');
}

/* Whether the first len octets of both are the same; PLAIN_PAD octets behind both can be read. */
static inline bool plain_is_same(const char *p, const char *q, size_t len)
{
#ifdef __SSE2__
	for (; len > 16; p += 16, q += 16, len -= 16) {
		if (plain_differs(p, q) != 0)
			return false;
	}
	return len == 0 || plain_differs(p, q) << (32 - len) == 0;
#else
	return memcmp(p, q, len) == 0;
#endif
}

/* Bit i says that p[i] is upper case, 0 or 1: a sort key has it otherwise. */
static inline unsigned plain_odd(const char *p)
{
#ifdef __SSE2__
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p), from_a = _mm_sub_epi8(v, _mm_set1_epi8('A'));
	__m128i upper = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8(25)), from_a);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(1)), v);

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(upper, low));
#else
	unsigned mask = 0;

	for (unsigned i = 0; i < 16; i++)
		mask |= (unsigned)((p[i] >= 'A' && p[i] <= 'Z') || (uint8_t)p[i] <= 1) << i;
	return mask;
#endif
}

/* Copies len octets, and up to 15 behind them. */
static inline void plain_copy(void *to, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i += 16)
		memcpy((uint8_t *)to + i, (const uint8_t *)from + i, 16);
}

/* 16 hexadecimal digits as 8 octets, or false. */
static inline bool plain_hex16(const char *p, uint8_t *out)
{
#ifdef __SSE2__
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i digit = _mm_sub_epi8(v, _mm_set1_epi8('0'));
	__m128i letter = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
	__m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
	__m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);

	if (_mm_movemask_epi8(_mm_or_si128(is_digit, is_letter)) != 0xffff)
		return false;
	v = _mm_or_si128(_mm_and_si128(digit, is_digit),
			 _mm_and_si128(_mm_add_epi8(letter, _mm_set1_epi8(10)), is_letter));
	v = _mm_and_si128(_mm_or_si128(_mm_slli_epi16(v, 4), _mm_srli_epi16(v, 8)), _mm_set1_epi16(0xff));
	_mm_storel_epi64((__m128i *)(void *)out, _mm_packus_epi16(v, v));
	return true;
#else
	(void)p;
	(void)out;
	return false;
#endif
}

/* 16 octets in lower case; true when they were that already, and none was 0 or 1. */
static inline bool plain_lower(const uint8_t *p, uint8_t *out)
{
#ifdef __SSE2__
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p), from_a = _mm_sub_epi8(v, _mm_set1_epi8('A'));
	__m128i upper = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8(25)), from_a);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(1)), v);

	_mm_storeu_si128((__m128i *)(void *)out, _mm_add_epi8(v, _mm_and_si128(upper, _mm_set1_epi8(32))));
	return _mm_movemask_epi8(_mm_or_si128(upper, low)) == 0;
#else
	bool same = true;

	for (unsigned i = 0; i < 16; i++) {
		bool upper = p[i] >= 'A' && p[i] <= 'Z';

		same = same && !upper && p[i] > 1;
		out[i] = upper ? p[i] + 32 : p[i];
	}
	return same;
#endif
}

/* Octets of the word at p. */
static inline size_t plain_len(const char *p)
{
	size_t len = 0;
	unsigned stops;

	while ((stops = plain_stops(p + len)) == 0)
		len += 16;
	return len + (unsigned)__builtin_ctz(stops);
}

#endif
