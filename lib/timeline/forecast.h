/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TIMELINE_FORECAST_H
#define DUET_TIMELINE_FORECAST_H

#include "timeline/timeline.h"

/*
 * forecast - what is expected of a zone's keys: the rules of timeline, run ahead for a world in which every signer answers
 * at once, every server shows at once what it should, and no operator has to be waited for.  So each instant is the
 * earliest; what waits for an operator's word stays where it is.
 *
 * Pure, as timeline is.
 */
#define FORECAST_MAX 256

/* A record has come into this phase. */
struct forecast_step {
	int64_t at_ms;     /* of running time, from now */
	uint8_t key[32];
	unsigned alg;
	char role[4];
	bool fresh;        /* of a key that is not made yet; its hash is none */
	enum key_record record;
	enum record_phase phase;
};

struct forecast {
	struct forecast_step step[FORECAST_MAX]; /* by time; steps of 0 ms are those that nothing is waited for */
	size_t n;
	bool whole;       /* nothing more follows; false: it was cut off */
	bool needs_word;  /* in the end something waits for `key release` */
};

/* What if these keys were to be rolled now; with rolls 0: as things are. */
struct forecast_roll {
	const uint8_t (*key)[32];
	size_t keys;
	bool now;
	struct key_roll want;
};

/*
 * timeline_forecast - from what is now to where nothing is waited for any more.
 *
 * in, m  as for timeline_tend; neither is changed
 * roll   NULL: none
 */
void timeline_forecast(const struct timeline_in *in, const struct timeline_memory *m, const struct forecast_roll *roll,
		       struct forecast *out);

#endif
