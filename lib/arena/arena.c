/* SPDX-License-Identifier: BSD-3-Clause */
/* arena: a list of blocks, filled from the front; blocks survive a reset. */
#include "arena/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_FIRST (1u << 10) /* many arenas hold little and live long */
#define BLOCK_LEN   (64u << 10)

struct block {
	struct block *next;
	size_t cap;
	size_t used;
	alignas(max_align_t) uint8_t data[];
};

struct arena {
	struct block *first;
	struct block *now;
};

static void *alive(void *p)
{
	if (p == NULL) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

void *mem_new(size_t n, size_t size)
{
	return alive(calloc(n == 0 ? 1 : n, size == 0 ? 1 : size));
}

void *mem_grow(void *p, size_t n, size_t size)
{
	return alive(reallocarray(p, n == 0 ? 1 : n, size == 0 ? 1 : size));
}

char *mem_strdup(const char *s)
{
	return alive(strdup(s));
}

void *mem_dup(const void *p, size_t len)
{
	void *copy = mem_new(1, len);

	if (len > 0)
		memcpy(copy, p, len);
	return copy;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return alive(n < 0 ? NULL : s);
}

struct arena *arena_new(void)
{
	return mem_new(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	struct block *next;

	if (a == NULL)
		return;
	for (struct block *b = a->first; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

void arena_reset(struct arena *a)
{
	for (struct block *b = a->first; b != NULL; b = b->next)
		b->used = 0;
	a->now = a->first;
}

/* Room for len octets at an offset that is a multiple of align. */
static void *take(struct arena *a, size_t len, size_t align)
{
	for (struct block *b = a->now; b != NULL; b = b->next) {
		size_t at = (b->used + align - 1) & ~(align - 1);

		if (at <= b->cap && b->cap - at >= len) {
			b->used = at + len;
			a->now = b;
			return b->data + at;
		}
		if (b->next == NULL)
			break;
	}

	size_t usual = a->now == NULL ? BLOCK_FIRST : a->now->cap < BLOCK_LEN / 4 ? 4 * a->now->cap : BLOCK_LEN;
	size_t cap = len > usual / 4 ? len : usual;
	struct block *b = alive(malloc(sizeof(*b) + cap));

	b->cap = cap;
	b->used = len;
	if (a->now == NULL) {
		b->next = a->first;
		a->first = b;
	} else {
		b->next = a->now->next;
		a->now->next = b;
	}
	/* A large block is full at once; small requests go on in the block before it, or in one to come. */
	if (cap == usual)
		a->now = b;
	return b->data;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	size_t len;
	bool overflow = __builtin_mul_overflow(n, size, &len);

	assert(!overflow);
	return memset(take(a, len, alignof(max_align_t)), 0, len);
}

uint8_t *arena_bytes(struct arena *a, size_t len)
{
	return take(a, len, 1);
}

void *arena_dup(struct arena *a, const void *p, size_t len)
{
	uint8_t *copy = take(a, len, alignof(max_align_t));

	if (len > 0)
		memcpy(copy, p, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t len = strlen(s) + 1;

	return memcpy(take(a, len, 1), s, len);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	s = take(a, (size_t)n + 1, 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

size_t arena_size(const struct arena *a)
{
	size_t sum = 0;

	for (const struct block *b = a->first; b != NULL; b = b->next)
		sum += sizeof(*b) + b->cap;
	return sum;
}
