/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SIM_CHANCE_H
#define DUET_SIM_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

/* chance - numbers that follow from a seed: splitmix64. */
struct chance {
	uint64_t state;
};
uint64_t chance_u64(struct chance *c);
uint32_t chance_below(struct chance *c, uint32_t n); /* 0 .. n - 1 */
int64_t chance_between(struct chance *c, int64_t least, int64_t most);
bool chance_of(struct chance *c, uint32_t percent);

#endif
