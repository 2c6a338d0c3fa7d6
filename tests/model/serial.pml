/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The serial rule: signers 0 and 1 decide by serial_decide of lib/serial, the code that the daemon runs; what they see of
 * each other and of a secondary that lists both comes late, or not at all.
 *
 * In any order, within the bounds below: the source changes; a signer takes the change (its input lags); status passes;
 * a signer looks at the secondary; time passes; a signer dies, or comes back; the secondary
 * asks a signer and takes what is above its serial; a signer decides.  Then all that lives hears each other again,
 * and after some rounds everything must be in step.
 *
 * Checked: a signer's serial always rises (RFC 1982), and does not bring older content than a peer's while there is time; after
 * the healing the secondary has the newest content of any live signer, with signatures that have more than half the margin left.
 *
 * BROKEN=1: nothing is learned from the secondary.  BROKEN=2: no overtaking.  BROKEN=3: whatever stands at the signer's
 * own serial is taken for its own, since the version id is not looked at.  BROKEN=4: renewal goes by the signer's own
 * signatures and has no regard for when those end that others have.  BROKEN=5: a signer whose input lags puts its older
 * content on top of newer.
 */
#ifndef BROKEN
#define BROKEN 0
#endif
#ifndef CHANGES
#define CHANGES 1
#endif
#ifndef AGES
#if BROKEN == 4
#define AGES 2 /* from fresh to within half the margin */
#else
#define AGES 1
#endif
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef MOST
#define MOST 4 /* serials of the day */
#endif

c_decl {
\#include "serial/serial.h"
}

/* Serials are counted from below the first of the day; 0: none.  End of signatures: 3 far, 2 within the margin, 1 within half of it. */
typedef version { byte serial; byte content; byte until };
version mine[2];        /* published */
byte want[2];           /* content that it has taken from the source */
version peer[2];        /* the other's last status */
short heard[2];         /* serials of the other that were in a status, as bits */
version shown;          /* what the secondary has, and whose it is */
byte whose;
version seen[2];        /* what the signer knows that the secondary shows; serial 0: nothing */
byte seen_whose[2];
bool dead[2];
byte source = 1;
byte changes, ages, deaths;
bool bad;               /* a serial that does not rise */

c_code {
#define FIRST UINT32_C(2026030099)
#define NOW   INT64_C(1772366400)
#define DAY   86400

static int64_t until(int left)
{
	return NOW + (left == 3 ? 13 : left == 2 ? 6 : 3) * (int64_t)DAY;
}

static struct serial_version known(enum serial_from from, const struct version *v, int explained)
{
	return (struct serial_version){ .from = from, .serial = FIRST + v->serial, .explained = explained,
		.content = { .epoch = 1, .number = explained ? v->content : 0, .digest = { v->content } },
		.earliest = explained ? until(v->until) : INT64_MAX };
}

/* Signer s decides, with the source in reach or not, and the back-off of overtaking over or not. */
static void decide(int s, int confirmed, int overtake)
{
	struct serial_version all[2];
	struct serial_decision d;
	struct serial_view v = { .now = NOW, .margin_s = 7 * DAY, .fresh = true, .confirmed = confirmed, .known = all,
		.overtake_at = overtake && BROKEN != 2 ? NOW : INT64_MAX,
		.want = { .epoch = 1, .number = now.want[s], .digest = { now.want[s] } } };
	int own = now.seen_whose[s] == s, explained = own || ((now.heard[s] >> now.seen[s].serial) & 1);

	if (BROKEN == 3 && now.seen[s].serial == now.mine[s].serial)
		explained = own = 1;
	v.serving = now.mine[s].serial != 0;
	if (v.serving) {
		v.last = FIRST + now.mine[s].serial;
		v.mine = (struct content_id){ .epoch = 1, .number = now.mine[s].content, .digest = { now.mine[s].content } };
		v.mine_earliest = until(now.mine[s].until);
	} else {
		v.mine_earliest = INT64_MAX;
	}
	if (now.peer[s].serial != 0)
		all[v.known_count++] = known(SERIAL_FROM_SIGNER, &now.peer[s], 1);
	if (now.seen[s].serial != 0 && BROKEN != 1)
		all[v.known_count++] = BROKEN == 3 && own ? known(SERIAL_FROM_SECONDARY, &now.mine[s], 1)
							   : known(SERIAL_FROM_SECONDARY, &now.seen[s], explained);
	for (unsigned i = 0; i < v.known_count && BROKEN == 4; i++)
		all[i].earliest = INT64_MAX;
	for (unsigned i = 0; i < v.known_count && BROKEN == 5; i++)
		if (all[i].content.number > v.want.number)
			all[i].content = v.want;
	serial_decide(&v, &d);
	if (d.act != SERIAL_PUBLISH)
		return;
	if (v.serving && !serial_gt(d.serial, v.last))
		now.bad = 1;
	/* Newer content that it knows of is caught up with first, as long as its own signatures allow. */
	if (now.peer[s].serial != 0 && now.peer[s].content > now.want[s] && !(v.serving && now.mine[s].until == 1))
		now.bad = 1;
	now.mine[s].serial = (unsigned char)(d.serial - FIRST);
	now.mine[s].content = now.want[s];
	now.mine[s].until = 3;
	now.seen[s].serial = 0; /* what was learned then is not remembered */
}
}

inline gossip(from) {
	if
	:: mine[from].serial != 0 ->
		peer[1 - from].serial = mine[from].serial; peer[1 - from].content = mine[from].content;
		peer[1 - from].until = mine[from].until;
		heard[1 - from] = heard[1 - from] | (1 << mine[from].serial)
	:: else
	fi
}

inline look(s) {
	seen[s].serial = shown.serial; seen[s].content = shown.content; seen[s].until = shown.until; seen_whose[s] = whose
}

inline transfer(s) {
	if
	:: mine[s].serial > shown.serial ->
		shown.serial = mine[s].serial; shown.content = mine[s].content; shown.until = mine[s].until; whose = s
	:: else
	fi
}

/* Time passes for all signatures alike. */
inline older(v) {
	v.until = (v.until > 1 -> v.until - 1 : v.until)
}

/* Serials stay small, so that the state space does. */
#define SMALL (mine[0].serial < MOST && mine[1].serial < MOST)

inline settle(s) {
	if
	:: !dead[s] -> want[s] = source; look(s); c_code { decide(Pmain->turn, 1, 1); }; transfer(s);
		if
		:: !dead[1 - s] -> gossip(s)
		:: else
		fi
	:: else
	fi
}

active proctype main() {
	byte turn, rounds;
	want[0] = 1; want[1] = 1;
	do
	:: atomic { changes < CHANGES && SMALL -> changes++; source++ }
	:: atomic { !dead[0] && want[0] < source -> want[0] = source }
	:: atomic { !dead[1] && want[1] < source -> want[1] = source }
	:: atomic { !dead[0] && !dead[1] && peer[1].serial != mine[0].serial -> gossip(0) }
	:: atomic { !dead[0] && !dead[1] && peer[0].serial != mine[1].serial -> gossip(1) }
	:: atomic { !dead[0] && shown.serial != 0 -> look(0) }
	:: atomic { !dead[1] && shown.serial != 0 -> look(1) }
	:: atomic { !dead[0] -> transfer(0) }
	:: atomic { !dead[1] -> transfer(1) }
	:: atomic { ages < AGES -> ages++; older(mine[0]); older(mine[1]); older(peer[0]); older(peer[1]); older(shown);
		    older(seen[0]); older(seen[1]) }
	:: atomic { deaths < DEATHS && !dead[0] && !dead[1] -> deaths++; if :: dead[0] = true :: dead[1] = true fi }
	:: atomic { dead[0] || dead[1] -> dead[0] = false; dead[1] = false }
	:: d_step { !dead[0] && SMALL -> c_code { decide(0, 1, 0); }; assert(!bad) }
	:: d_step { !dead[1] && SMALL -> c_code { decide(1, 1, 0); }; assert(!bad) }
	:: d_step { !dead[0] && SMALL -> c_code { decide(0, 0, 0); }; assert(!bad) }
	:: d_step { !dead[1] && SMALL -> c_code { decide(1, 0, 0); }; assert(!bad) }
	:: break
	od;
	skip; /* Healing. */
	d_step {
		do
		:: rounds < 8 -> turn = 0; settle(0); turn = 1; settle(1); rounds++
		:: else -> break
		od;
		turn = 0;
		assert(!bad);
		assert(shown.content == source);
		assert(shown.until > 1)
	}
}
