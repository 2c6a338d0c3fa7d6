/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ARENA_H
#define DUET_ARENA_H

#include <stddef.h>
#include <stdint.h>

/*
 * mem_new - zeroed heap memory for n objects of the given size; free() gives it back.
 *
 * Ends the process when there is none: small allocations only, state is safe on disk.  A size that comes from
 * outside is bounded by the caller first.
 */
void *mem_new(size_t n, size_t size);
/* Grows to n objects of the given size (new part not zeroed); ends the process when there is no memory. */
void *mem_grow(void *p, size_t n, size_t size);
char *mem_strdup(const char *s);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *mem_dup(const void *p, size_t len);

/*
 * arena - memory that is freed all at once.  One batch or one request lives in an arena.
 * Not for secrets (struct secret) and not shared between threads.
 */
struct arena;

struct arena *arena_new(void);
/* Frees the arena and all that it gave.  NULL does nothing. */
void arena_free(struct arena *a);
/* Forgets all that the arena gave; keeps its memory for the next round. */
void arena_reset(struct arena *a);
/* Zeroed, aligned for any type; never NULL.  n * size must not overflow (asserted). */
void *arena_alloc(struct arena *a, size_t n, size_t size);
/* Not zeroed and not aligned: for octets. */
uint8_t *arena_bytes(struct arena *a, size_t len);
void *arena_dup(struct arena *a, const void *p, size_t len);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Octets taken from the system, in use or kept. */
size_t arena_size(const struct arena *a);

#endif
