/* SPDX-License-Identifier: BSD-3-Clause */
/* plan: the trouble that a history will meet, of several kinds of history. */
#include "tests/sim/sim.h"

#include <string.h>

static const struct {
	const char *text;
	unsigned weight;
} kinds[TROUBLES] = {
	[TROUBLE_CUT] = { "node %d cannot reach node %d", 14 },
	[TROUBLE_SPLIT] = { "nodes %d and %d do not hear each other", 24 },
	[TROUBLE_CRASH] = { "node %d is down", 12 },
	[TROUBLE_RESTORE] = { "node %d is copied, and put back at the end", 6 },
	[TROUBLE_FREEZE] = { "node %d stands still", 4 },
	[TROUBLE_HALT] = { "signer %d holds its new versions back", 8 },
	[TROUBLE_SECONDARY] = { "(%d) secondary %d is cut off", 10 },
	[TROUBLE_PARENT] = { "(%d) parent server %d does not answer", 4 },
	[TROUBLE_PARENT_OFF] = { "the parent reads no CDS", 3 },
	[TROUBLE_TTL] = { "the zone's TTLs change", 6 },
	[TROUBLE_CLOCK] = { "node %d's clock jumps", 10 },
	[TROUBLE_ROLL] = { "an operator at node %d rolls a key", 4 },
	[TROUBLE_POLICY] = { "an operator at node %d changes the policy", 2 },
	[TROUBLE_INSECURE] = { "an operator at node %d makes the zone insecure", 1 },
	[TROUBLE_SECURE] = { "an operator at node %d makes the zone secure", 1 },
	[TROUBLE_JOIN] = { "an operator at node %d admits the newcomer", 3 },
	[TROUBLE_RETIRE] = { "an operator at node %d retires node %d, which is dead", 8 },
	[TROUBLE_DISASTER] = { "all signers are gone, and a new one is restored from the backup", 3 },
	/* planned beside all else */
	[TROUBLE_CONTENT] = { "the source changes", 0 },
	[TROUBLE_SOURCE] = { "signer %d does not reach the source", 0 },
	[TROUBLE_CLAIM] = { "(%d) secondary %d shows a serial that no signer gave", 0 },
	[TROUBLE_CLONE] = { "node %d is copied, and the copy is started at the end", 0 },
	[TROUBLE_SURPRISE] = { "an operator at node %d admits the newcomer in the middle of a roll, while node %d is cut off", 0 },
};

const char *trouble_text(const struct trouble *t, char out[128])
{
	size_t at;

	/* the texts have at most two numbers */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	at = (size_t)snprintf(out, 128, kinds[t->kind].text, t->a, t->b);
#pragma GCC diagnostic pop
	snprintf(out + at, 128 - at, ", day %.1f to %.1f", (double)t->from / DAY, (double)t->to / DAY);
	return out;
}

/* Trouble that leads up to another, of at most so long. */
static void plan_before(struct sim *s, enum trouble_kind kind, int a, int64_t at, int64_t most)
{
	const int64_t ill = chance_between(&s->chance, 0, most);

	s->trouble[s->troubles++] = (struct trouble){ .kind = kind, .a = a, .from = at > ill ? at - ill : 0, .to = at };
}

static void plan_one(struct sim *s, enum trouble_kind kind, int64_t from, int64_t length)
{
	struct trouble *t = &s->trouble[s->troubles++];

	t->kind = kind;
	t->from = from;
	t->to = from + length;
	t->a = (int)chance_below(&s->chance, (uint32_t)(kind >= TROUBLE_RESTORE ? s->members : s->nodes));
	t->b = (int)chance_below(&s->chance, (uint32_t)s->nodes);
	if (kind == TROUBLE_SECONDARY || kind == TROUBLE_CLAIM)
		t->b = (int)chance_below(&s->chance, (uint32_t)s->secondaries);
	if (kind == TROUBLE_RETIRE)
		t->b = (int)chance_below(&s->chance, (uint32_t)s->members);
	if (kind == TROUBLE_PARENT)
		t->b = (int)chance_below(&s->chance, (uint32_t)s->parents);
	t->value = chance_between(&s->chance, 0, 1000000);
	if (kind >= TROUBLE_ROLL && kind < TROUBLE_SOURCE)
		t->to = t->from;
	t->off = (kind == TROUBLE_CUT || kind == TROUBLE_SPLIT) && t->a == t->b;
	if (kind == TROUBLE_RETIRE && chance_of(&s->chance, 60)) /* what dies was often ill before */
		plan_before(s, TROUBLE_HALT, t->b, from, 6 * DAY);
	if (kind == TROUBLE_DISASTER && chance_of(&s->chance, 75))
		plan_before(s, TROUBLE_TTL, 0, from, DAY);
}

static enum trouble_kind draw_kind(struct sim *s)
{
	const size_t last = s->rare ? TROUBLES : TROUBLE_DISASTER;
	unsigned sum = 0, at;

	for (size_t i = 0; i < last; i++)
		sum += kinds[i].weight;
	at = chance_below(&s->chance, sum);
	for (enum trouble_kind k = 0; k < last; k++) {
		if (at < kinds[k].weight)
			return k;
		at -= kinds[k].weight;
	}
	return TROUBLE_CUT;
}

static void plan_some(struct sim *s, enum trouble_kind kind, size_t n, int64_t span, int64_t most)
{
	for (size_t i = 0; i < n; i++)
		plan_one(s, kind, chance_between(&s->chance, 0, span), chance_between(&s->chance, HOUR, most));
}

bool plan_is_of_deaths(const struct sim *s)
{
	return s->seed % 10 == 7 || s->seed % 20 == 1;
}

/* Changes of the source, often close together, and signers that do not get them. */
static void plan_content(struct sim *s, size_t changes, int64_t span)
{
	int64_t at = chance_between(&s->chance, 0, span);

	for (size_t i = 0; i < changes; i++) {
		if (chance_of(&s->chance, 50))
			at = chance_between(&s->chance, 0, span);
		else
			at += chance_between(&s->chance, 0, 6 * HOUR);
		plan_one(s, TROUBLE_CONTENT, at, 0);
	}
}

/* Of minutes, or of days. */
static void plan_claims(struct sim *s, size_t n, int64_t span)
{
	for (size_t i = 0; i < n; i++)
		plan_some(s, TROUBLE_CLAIM, 1, span, chance_of(&s->chance, 50) ? HOUR : 2 * DAY);
}

/* A year without a change of content, in which signers are cut off and dead for long; then one change. */
static void plan_year(struct sim *s)
{
	static const enum trouble_kind kinds_of_year[] = { TROUBLE_SPLIT, TROUBLE_SPLIT,     TROUBLE_CRASH,  TROUBLE_CRASH,
							   TROUBLE_HALT,  TROUBLE_SECONDARY, TROUBLE_SOURCE, TROUBLE_CLOCK,
							   TROUBLE_RESTORE };

	for (size_t i = 0; i < 20; i++)
		plan_some(s, kinds_of_year[chance_below(&s->chance, sizeof(kinds_of_year) / sizeof(kinds_of_year[0]))], 1,
			  360 * (int64_t)DAY, chance_of(&s->chance, 70) ? 30 * DAY : 2 * DAY);
	plan_one(s, TROUBLE_CONTENT, 410 * (int64_t)DAY, 0);
}

/* Signers that do not hear each other, of which some have old content. */
static void plan_torn(struct sim *s)
{
	const int64_t span = 30 * (int64_t)DAY;

	plan_content(s, 6, span);
	plan_claims(s, chance_below(&s->chance, 4), span);
	plan_some(s, TROUBLE_SOURCE, 6, span, 12 * DAY);
	plan_some(s, TROUBLE_SPLIT, 12, span, 12 * DAY);
	plan_some(s, TROUBLE_SECONDARY, 3, span, 3 * DAY);
	plan_some(s, TROUBLE_ROLL, 3, span, HOUR);
	plan_some(s, TROUBLE_JOIN, chance_below(&s->chance, 2), span, HOUR);
	plan_some(s, TROUBLE_RESTORE, chance_below(&s->chance, 4), span, 12 * DAY);
}

static void plan_usual(struct sim *s)
{
	static const enum trouble_kind first[] = { TROUBLE_ROLL,   TROUBLE_ROLL,    TROUBLE_ROLL,
						   TROUBLE_ROLL,   TROUBLE_ROLL,    TROUBLE_POLICY,
						   TROUBLE_POLICY, TROUBLE_INSECURE };
	const int64_t span = chance_between(&s->chance, 4, 25) * DAY;
	const size_t n = 3 + chance_below(&s->chance, 14);

	/* Most trouble of a history is of few kinds, so that they meet. */
	const enum trouble_kind theme[3] = { draw_kind(s), draw_kind(s), draw_kind(s) };

	plan_one(s, first[chance_below(&s->chance, sizeof(first) / sizeof(first[0]))],
		 chance_between(&s->chance, HOUR, DAY), 0);
	if (chance_of(&s->chance, 40)) /* the same on another node, or another key */
		plan_one(s, s->trouble[0].kind, s->trouble[0].from + chance_between(&s->chance, 0, 2 * DAY),
			 0);
	for (size_t i = 0; i < n; i++) {
		const int64_t length = chance_of(&s->chance, 50) ? chance_between(&s->chance, MINUTE, DAY)
								 : chance_between(&s->chance, HOUR, 10 * DAY);

		plan_one(s, chance_of(&s->chance, 60) ? theme[chance_below(&s->chance, 3)] : draw_kind(s),
			 chance_between(&s->chance, 0, span), length);
	}
	plan_content(s, chance_below(&s->chance, 5), span);
	plan_claims(s, chance_below(&s->chance, 3), span);
	plan_some(s, TROUBLE_SOURCE, chance_below(&s->chance, 3), span, 10 * DAY);
}

/* Signers that die in the middle of a roll, while secondaries have what they published. */
static void plan_deaths(struct sim *s)
{
	plan_some(s, TROUBLE_ROLL, 2, 2 * DAY, HOUR);
	plan_some(s, TROUBLE_SECONDARY, 3, 6 * DAY, 12 * DAY);
	plan_some(s, TROUBLE_RETIRE, 2, 8 * DAY, HOUR);
	plan_some(s, TROUBLE_JOIN, 1, 6 * DAY, HOUR);
	plan_some(s, TROUBLE_HALT, chance_below(&s->chance, 3), 6 * DAY, 6 * DAY);
	plan_some(s, TROUBLE_SPLIT, chance_below(&s->chance, 3), 6 * DAY, 6 * DAY);
	plan_some(s, TROUBLE_TTL, chance_below(&s->chance, 2), 6 * DAY, HOUR);
}

static void later(struct sim *s, enum trouble_kind kind, int a, int b, int64_t from, int64_t to, int64_t value)
{
	s->trouble[s->troubles++] = (struct trouble){ kind, false, a, b, from < 0 ? 0 : from, to, value };
}

static void roll_at(struct sim *s, int a, int64_t at)
{
	later(s, TROUBLE_ROLL, a, 0, at, at, 0);
}

/* Others roll, and wait for one signer that holds its versions back, or has a server that does not take them; then it leaves, or is
 * dead. */
static void plan_leaver(struct sim *s)
{
	const int x = (int)chance_below(&s->chance, (uint32_t)s->members);
	const int a = (x + 1 + (int)chance_below(&s->chance, (uint32_t)s->members - 1)) % s->members;
	const int64_t at = chance_between(&s->chance, HOUR, 2 * DAY), leaves = at + chance_between(&s->chance, DAY, 6 * DAY);

	roll_at(s, a, at);
	if (chance_of(&s->chance, 30))
		later(s, TROUBLE_HALT, x, 0, at - chance_between(&s->chance, 0, HOUR), leaves, 0);
	else
		later(s, TROUBLE_SECONDARY, 0, (int)chance_below(&s->chance, (uint32_t)s->secondaries),
		      at - chance_between(&s->chance, 0, HOUR), leaves - chance_between(&s->chance, 0, 6 * HOUR), 0);
	later(s, TROUBLE_RETIRE, a, x, leaves, leaves, 2 + (int64_t)chance_below(&s->chance, 2) + 4 * (int64_t)chance_below(&s->chance, 2));
	plan_some(s, TROUBLE_TTL, chance_below(&s->chance, 3), 2 * DAY, HOUR);
	plan_some(s, TROUBLE_SECONDARY, chance_below(&s->chance, 2), 6 * DAY, 3 * DAY);
	plan_some(s, TROUBLE_SPLIT, chance_below(&s->chance, 3), 8 * DAY, 2 * DAY);
	plan_some(s, TROUBLE_ROLL, chance_below(&s->chance, 2), 6 * DAY, HOUR);
}

/* An old copy comes back where only one other hears it, who lacks the last words of the node: it does not learn at once that it
 * was set back. */
static void plan_copies(struct sim *s)
{
	const int64_t span = 12 * DAY;

	plan_some(s, TROUBLE_ROLL, 3, span / 2, HOUR);
	plan_content(s, chance_below(&s->chance, 4), span);
	for (int i = 0; i < 2; i++) {
		const int a = (int)chance_below(&s->chance, (uint32_t)s->members);
		const int b = (a + 1 + (int)chance_below(&s->chance, (uint32_t)s->members - 1)) % s->members;
		const int64_t at = chance_between(&s->chance, DAY, span);
		const int64_t copied = at - chance_between(&s->chance, HOUR, DAY);

		later(s, TROUBLE_RESTORE, a, 0, copied, at, 0);
		later(s, TROUBLE_SPLIT, a, b, copied - chance_between(&s->chance, 0, HOUR), at, 0);
		roll_at(s, a, chance_between(&s->chance, copied + 1, at)); /* lost here, and given again */
		roll_at(s, a, at + chance_between(&s->chance, MINUTE, HOUR));
		for (int c = 0; c < s->nodes; c++)
			if (c != a && c != b)
				later(s, TROUBLE_SPLIT, c, a, at - MINUTE, at + chance_between(&s->chance, HOUR, 2 * DAY), 0);
	}
	plan_some(s, TROUBLE_CLOCK, chance_below(&s->chance, 2), span, DAY);
	plan_some(s, TROUBLE_SECONDARY, chance_below(&s->chance, 3), span, 2 * DAY);
}

/* A signer whose clock is wrong holds the new key and does not publish it; once it is right, it publishes new content first, still
 * without, which the others do not hear of, and secondaries have that for long. */
static void plan_slow(struct sim *s)
{
	const int64_t span = 8 * DAY;

	for (int i = 0; i < 2; i++) {
		const int slow = (int)chance_below(&s->chance, (uint32_t)s->members);
		const int64_t at = chance_between(&s->chance, HOUR, span), well = at + chance_between(&s->chance, DAY, 3 * DAY);

		later(s, TROUBLE_CLOCK, slow, 0, at - chance_between(&s->chance, 0, HOUR), well,
		      chance_between(&s->chance, 25 * HOUR, 47 * HOUR));
		plan_one(s, TROUBLE_ROLL, at, 0);
		for (int c = 0; c < 3; c++)
			plan_one(s, TROUBLE_CONTENT, well + chance_between(&s->chance, -MINUTE, 6 * MINUTE), 0);
		for (int b = 0; b < s->nodes; b++)
			if (b != slow)
				later(s, TROUBLE_SPLIT, slow, b, well - HOUR, well + chance_between(&s->chance, 10 * MINUTE, 6 * HOUR), 0);
		for (int b = 0; b < s->secondaries; b++) {
			const int64_t off = well + chance_between(&s->chance, 6 * MINUTE, 20 * MINUTE);

			later(s, TROUBLE_SECONDARY, 0, b, off, off + chance_between(&s->chance, HOUR, 3 * DAY), 0);
		}
	}
	plan_some(s, TROUBLE_TTL, chance_below(&s->chance, 2), span, HOUR);
}

/* Signers that do not hear each other, each with an operator who has the same rolled. */
static void plan_rivals(struct sim *s)
{
	int64_t at = chance_between(&s->chance, HOUR, 3 * DAY);

	/* nobody relays */
	for (int round = 0; round < 2; round++) {
		const int64_t end = at + chance_between(&s->chance, 2 * HOUR, 2 * DAY);

		const enum trouble_kind roll = chance_of(&s->chance, 50) ? TROUBLE_ROLL : TROUBLE_POLICY;
		const int64_t value = chance_between(&s->chance, 0, 100);

		for (int a = 0; a < s->nodes; a++)
			for (int b = 0; b < a; b++)
				later(s, TROUBLE_SPLIT, a, b, at, end, 0);
		for (int a = 0; a < s->members; a++) {
			const int64_t then = at + chance_between(&s->chance, 0, HOUR);

			later(s, roll, a, 0, then, then, value);
		}
		at = end + chance_between(&s->chance, 0, 8 * DAY);
	}
	plan_some(s, TROUBLE_POLICY, chance_below(&s->chance, 2), 4 * DAY, HOUR);
	plan_some(s, TROUBLE_CRASH, chance_below(&s->chance, 3), 12 * DAY, 2 * DAY);
	plan_some(s, TROUBLE_SPLIT, chance_below(&s->chance, 3), 12 * DAY, 2 * DAY);
	plan_some(s, TROUBLE_JOIN, chance_below(&s->chance, 2), 12 * DAY, HOUR);
	plan_content(s, chance_below(&s->chance, 3), 12 * DAY);
}

/*
 * One of two hosts of an identity hears few for a time around then.  One node hears it and is heard: where nobody is, what the other
 * host says counts for both, and no rule can help against that.
 */
static void plan_cuts_around(struct sim *s, int node, int of, int64_t at)
{
	const int keeps = (of + 1 + (int)chance_below(&s->chance, (uint32_t)s->members)) % (s->members + 1);
	const int stays = keeps == s->members ? s->nodes - 1 : keeps; /* the host between is no peer */

	for (int b = 0; b < s->nodes; b++)
		if (b != node && b != stays && chance_of(&s->chance, 80))
			later(s, chance_of(&s->chance, 50) ? TROUBLE_SPLIT : TROUBLE_CUT, node, b, at - chance_between(&s->chance, 0, DAY),
			      at + chance_between(&s->chance, MINUTE, 2 * DAY), 0);
}

/* A copy of a node that runs; one of the two, or both, may not be heard by everybody. */
static void plan_clones(struct sim *s)
{
	const int64_t span = 10 * DAY;
	const int a = (int)chance_below(&s->chance, (uint32_t)s->members);
	const int64_t at = chance_between(&s->chance, DAY, span);
	const int64_t copied = at - chance_between(&s->chance, 0, DAY);

	later(s, TROUBLE_CLONE, a, 0, copied, at, 0);
	if (chance_of(&s->chance, 50) && copied > 2 * HOUR) /* it has said nothing since */
		later(s, TROUBLE_CRASH, a, 0, copied - 2 * HOUR, copied - HOUR, 0);
	for (size_t i = chance_below(&s->chance, 5); i > 0; i--) /* none: two quiet hosts */
		roll_at(s, (int)chance_below(&s->chance, (uint32_t)s->members), chance_between(&s->chance, 0, span + DAY));
	if (chance_of(&s->chance, 50))
		plan_cuts_around(s, a, a, at);
	if (chance_of(&s->chance, 30))
		plan_cuts_around(s, s->members, a, at);
	plan_content(s, chance_below(&s->chance, 6), span);
	plan_some(s, TROUBLE_SECONDARY, chance_below(&s->chance, 3), span, 2 * DAY);
	plan_some(s, TROUBLE_TTL, chance_below(&s->chance, 2), span, HOUR);
}

/* Another algorithm, and a newcomer at a moment at which a signer that does not hear of it is about to take the next step. */
static void plan_joiners(struct sim *s)
{
	const int a = (int)chance_below(&s->chance, (uint32_t)s->members);
	const int b = (a + 1 + (int)chance_below(&s->chance, (uint32_t)s->members - 1)) % s->members;
	const int64_t at = chance_between(&s->chance, HOUR, DAY);

	later(s, TROUBLE_POLICY, a, 0, at, at, 1 + (int64_t)chance_below(&s->chance, 2));
	later(s, TROUBLE_SURPRISE, a, b, at, at + 30 * DAY, chance_between(&s->chance, 1, 5));
	plan_content(s, chance_below(&s->chance, 4), 30 * DAY);
	plan_some(s, TROUBLE_SECONDARY, chance_below(&s->chance, 3), 12 * DAY, 2 * DAY);
}

/* A zone moves here from a foreign signer, with trouble of every kind. */
static void plan_move(struct sim *s)
{
	static const enum trouble_kind kinds_of_move[] = {
		TROUBLE_CUT,       TROUBLE_SPLIT,     TROUBLE_SPLIT,  TROUBLE_CRASH,	   TROUBLE_CRASH, TROUBLE_RESTORE, TROUBLE_RESTORE,
		TROUBLE_FREEZE,	   TROUBLE_HALT,      TROUBLE_HALT,   TROUBLE_SECONDARY,   TROUBLE_SECONDARY,
		TROUBLE_PARENT,	   TROUBLE_PARENT_OFF, TROUBLE_TTL,    TROUBLE_CLOCK,	   TROUBLE_POLICY, TROUBLE_JOIN,    TROUBLE_RETIRE,
	};
	const int64_t span = chance_between(&s->chance, 5, 30) * DAY;
	const size_t n = chance_below(&s->chance, 16);

	for (size_t i = 0; i < n; i++)
		plan_some(s, kinds_of_move[chance_below(&s->chance, sizeof(kinds_of_move) / sizeof(kinds_of_move[0]))], 1, span,
			  chance_of(&s->chance, 50) ? DAY : 8 * DAY);
	if (chance_of(&s->chance, 50)) { /* the policy is changed where the clock is ahead, then elsewhere */
		const int a = (int)chance_below(&s->chance, (uint32_t)s->members);
		const int64_t at = chance_between(&s->chance, HOUR, span), then = at + chance_between(&s->chance, MINUTE, DAY);

		later(s, TROUBLE_CLOCK, a, 0, at - HOUR, at + HOUR, chance_between(&s->chance, 73 * HOUR, 95 * HOUR));
		later(s, TROUBLE_POLICY, a, 0, at, at, chance_between(&s->chance, 0, 100));
		later(s, TROUBLE_POLICY, (a + 1) % s->members, 0, then, then, chance_between(&s->chance, 0, 100));
	}
	plan_some(s, TROUBLE_ROLL, 1 + chance_below(&s->chance, 4), span, HOUR);
	plan_content(s, chance_below(&s->chance, 5), span);
	plan_some(s, TROUBLE_SOURCE, chance_below(&s->chance, 2), span, 6 * DAY);
}

void sim_plan(struct sim *s)
{
	s->troubles = 0;
	if (s->seed % 20 == 0)
		plan_year(s);
	else if (s->seed % 10 == 5)
		plan_torn(s);
	else if (s->seed % 20 == 1)
		plan_leaver(s);
	else if (plan_is_of_deaths(s))
		plan_deaths(s);
	else if (s->seed % 20 == 13)
		plan_copies(s);
	else if (s->seed % 20 == 3)
		plan_slow(s);
	else if (s->seed % 20 == 9)
		plan_rivals(s);
	else if (s->seed % 20 == 11)
		plan_joiners(s);
	else if (s->seed % 20 == 19)
		plan_clones(s);
	else if (move_is_planned(s))
		plan_move(s);
	else
		plan_usual(s);
	s->healed_at = 0;
	for (size_t i = 0; i < s->troubles; i++)
		if (s->trouble[i].to > s->healed_at)
			s->healed_at = s->trouble[i].to;
}
