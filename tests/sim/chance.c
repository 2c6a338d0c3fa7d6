/* SPDX-License-Identifier: BSD-3-Clause */
/* chance: splitmix64. */
#include "tests/sim/chance.h"

uint64_t chance_u64(struct chance *c)
{
	uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t chance_below(struct chance *c, uint32_t n)
{
	return (uint32_t)(chance_u64(c) % n);
}

int64_t chance_between(struct chance *c, int64_t least, int64_t most)
{
	return least + (int64_t)(chance_u64(c) % (uint64_t)(most - least + 1));
}

bool chance_of(struct chance *c, uint32_t percent)
{
	return chance_below(c, 100) < percent;
}
