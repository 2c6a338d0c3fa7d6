/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Competing keys: key 0 signs; during a partition signer A makes key 1 and signer B key 2 to follow it.  Key 1 has the
 * smaller hash.  Both come to be distributed, at each signer at a moment of its own.
 *
 * Among the keys that every signer serves and that it has not declined, a signer uses the one with the smallest hash,
 * after the largest TTL; of the one before it says `stopped` (or `declined`: the same promise).  A key goes when all have
 * said that, after the largest TTL (DESIGN section 5).
 *
 * Time is ticks of one largest TTL.  What is served from one tick on may be cached until the tick after the next;
 * a wait has passed when its node, which may sleep, has counted two ticks since it learned the last word.
 *
 * Checked: every cached or served RRSIG validates with every cached or served DNSKEY RRset; no key is used that the other
 * signer does not serve.
 *
 * BROKEN=1: no wait before a key is used.  BROKEN=2: own word alone lets a key go.  BROKEN=3: no wait before a key goes.
 * BROKEN=4: a key is used without the word of the other signer.
 */
#ifndef BROKEN
#define BROKEN 0
#endif

#define KEYS 3

byte dnskey[2] = 1;      /* keys in the DNSKEY RRset of each signer, as bits */
byte sign[2] = 0;        /* the key that it signs with */
byte serves[2] = 1;      /* its words, as bits */
byte stopped[2];
byte other_serves[2] = 1; /* the other's words that it has */
byte other_stopped[2];
typedef ticks { byte use[3]; byte go[3] };
ticks waited[2];         /* counted since it learned that all serve, or have stopped, the key */

/* What validators may hold: DNSKEY RRsets (bit = set of keys) and keys of RRSIGs, of before the last tick and since. */
byte sets_old = 2, sets_new = 2, sigs_old = 1, sigs_new = 1;

#define HAS(bits_, x_) (((bits_) >> (x_)) & 1)
#define SETS (sets_old | sets_new)
#define SIGS (sigs_old | sigs_new)
/* No DNSKEY RRset without key k may be held anywhere: the sets are numbered by the bits of their keys. */
#define ALL_HAVE(k) ((SETS & ((k) == 0 -> 85 : ((k) == 1 -> 51 : 15))) == 0)

inline check() {
	sets_new = sets_new | (1 << dnskey[0]) | (1 << dnskey[1]);
	sigs_new = sigs_new | (1 << sign[0]) | (1 << sign[1]);
	assert(!HAS(SIGS, 0) || ALL_HAVE(0));
	assert(!HAS(SIGS, 1) || ALL_HAVE(1));
	assert(!HAS(SIGS, 2) || ALL_HAVE(2));
	assert(HAS(dnskey[0], sign[1]) && HAS(dnskey[1], sign[0]))
}

#if BROKEN == 1
#define USE_WAIT 0
#else
#define USE_WAIT 2
#endif
#if BROKEN == 3
#define GO_WAIT 0
#else
#define GO_WAIT 2
#endif
#if BROKEN == 2
#define ALL_STOPPED(me, k) HAS(stopped[me], k)
#else
#define ALL_STOPPED(me, k) (HAS(stopped[me], k) && HAS(other_stopped[me], k))
#endif
#if BROKEN == 4
#define ALL_SERVE(me, k) HAS(serves[me], k)
#else
#define ALL_SERVE(me, k) (HAS(serves[me], k) && HAS(other_serves[me], k))
#endif
#define MAY_USE(me, k) (ALL_SERVE(me, k) && !HAS(stopped[me], k) && waited[me].use[k] >= USE_WAIT)

inline begin_to_use(me, k) {
	stopped[me] = stopped[me] | (1 << sign[me]) | ((k == 1 && HAS(serves[me], 2)) -> 4 : 0);
	sign[me] = k
}

/* The node counts the tick for each wait that has begun. */
inline count_tick(me) {
	k = 0;
	do
	:: k < KEYS ->
		waited[me].use[k] = ((ALL_SERVE(me, k) && waited[me].use[k] < 2) -> waited[me].use[k] + 1 : waited[me].use[k]);
		waited[me].go[k] = ((ALL_STOPPED(me, k) && waited[me].go[k] < 2) -> waited[me].go[k] + 1 : waited[me].go[k]);
		k++
	:: else -> break
	od;
	k = 0
}

active [2] proctype signer() {
	byte me = _pid;
	byte k;
	do
	/* The new keys are distributed, as far as this signer knows; it publishes them and says so. */
	:: atomic { !HAS(serves[me], 1) -> dnskey[me] = dnskey[me] | 2; serves[me] = serves[me] | 2; check() }
	:: atomic { !HAS(serves[me], 2) && !HAS(other_stopped[me], 2) && sign[me] != 1 ->
		    dnskey[me] = dnskey[me] | 4; serves[me] = serves[me] | 4; check() }
	/* Words of the other arrive. */
	:: atomic { other_serves[me] != serves[1 - me] -> other_serves[me] = serves[1 - me] }
	:: atomic { other_stopped[me] != stopped[1 - me] -> other_stopped[me] = stopped[1 - me];
		    other_serves[me] = serves[1 - me] }
	:: atomic { sign[me] != 1 && MAY_USE(me, 1) -> begin_to_use(me, 1); check() }
	:: atomic { sign[me] == 0 && !MAY_USE(me, 1) && MAY_USE(me, 2) -> begin_to_use(me, 2); check() }
	:: atomic { HAS(dnskey[me], 0) && ALL_STOPPED(me, 0) && waited[me].go[0] >= GO_WAIT ->
		    dnskey[me] = dnskey[me] & 6; check() }
	:: atomic { HAS(dnskey[me], 2) && ALL_STOPPED(me, 2) && waited[me].go[2] >= GO_WAIT ->
		    dnskey[me] = dnskey[me] & 3; check() }
	/* A largest TTL passes; each node may have slept through it. */
	:: atomic { me == 0 -> sets_old = sets_new; sigs_old = sigs_new; sets_new = 0; sigs_new = 0;
		    if
		    :: count_tick(0)
		    :: count_tick(1)
		    :: count_tick(0); count_tick(1)
		    :: skip
		    fi;
		    check() }
	od
}
