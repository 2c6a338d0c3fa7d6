/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TEST_STORE_GEN_H
#define DUET_TEST_STORE_GEN_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "rrset/rr.h"

/* gen - records for the tests of lib/store: the same seed gives the same records. */
struct gen {
	uint64_t state;
	struct arena *arena; /* owns the records */
};

static inline uint32_t gen_below(struct gen *g, uint32_t n)
{
	uint64_t x = g->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((x ^ (x >> 31)) >> 16) % n;
}

/* A name that shares labels with others, in mixed case: 0 to 6 labels, now and then one of the longest there
 * are. */
static inline const uint8_t *gen_name(struct gen *g)
{
	static const char *const pool[] = { "a",   "A",   "example", "Example", "EXAMPLE",
					    "org", "www", "ns1",     "*",       "\x01\xff" };
	uint8_t *name = arena_bytes(g->arena, DNAME_MAX), *at = name;
	unsigned labels = gen_below(g, 50) == 0 ? 127 : gen_below(g, 7);

	for (unsigned i = 0; i < labels && at - name < DNAME_MAX - 34; i++) {
		char label[40];
		size_t len;

		if (gen_below(g, 3) == 0)
			snprintf(label, sizeof(label), "x%x", (unsigned)gen_below(g, 1u << 20));
		else
			strcpy(label, pool[gen_below(g, sizeof(pool) / sizeof(pool[0]))]);
		len = strlen(label);
		*at++ = (uint8_t)len;
		memcpy(at, label, len);
		at += len;
	}
	*at = 0;
	return name;
}

static inline size_t gen_put_name(struct gen *g, uint8_t *to)
{
	const uint8_t *name = gen_name(g);
	size_t len = dname_len(name);

	memcpy(to, name, len);
	return len;
}

/* A record of one of the types whose names are compressed, of one with names that are not, or of octets. */
static inline struct rr gen_rr(struct gen *g, const uint8_t *owner)
{
	static const uint16_t types[] = { TYPE_A, TYPE_NS,  3,  4,       TYPE_CNAME, TYPE_SOA, 7,    8,
					  9,      TYPE_PTR, 14, TYPE_MX, 33,         65280,    65281 };
	struct rr rr = { .owner = owner, .ttl = gen_below(g, INT32_MAX), .type = types[gen_below(g, 15)] };
	uint8_t *rdata;
	size_t len = 0, fixed = 0, names = 1, behind = 0;

	switch (rr.type) {
	case TYPE_A:
		fixed = 4;
		names = 0;
		break;
	case TYPE_SOA:
		names = 2;
		behind = 20;
		break;
	case 14:
		names = 2;
		break;
	case TYPE_MX:
		fixed = 2;
		break;
	case 33:
		fixed = 6;
		break;
	case 65280:
	case 65281:
		fixed = gen_below(g, 40) == 0 ? gen_below(g, 3000) : gen_below(g, 60);
		names = 0;
		break;
	default:
		break;
	}
	rdata = arena_bytes(g->arena, fixed + 2 * DNAME_MAX + behind);
	for (; len < fixed; len++)
		rdata[len] = (uint8_t)gen_below(g, 256);
	while (names-- > 0)
		len += gen_put_name(g, rdata + len);
	for (; behind > 0; behind--)
		rdata[len++] = (uint8_t)gen_below(g, 256);
	rr.rdata = rdata;
	rr.rdlen = (uint16_t)len;
	return rr;
}

#endif
