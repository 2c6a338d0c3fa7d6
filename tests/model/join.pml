/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two signers join at once: A and B serve and count each other; A admits C, B admits D.
 *
 * Each node's facts are a chain of words: log[n] is what n has said so far, know[n].n[o] how many facts of origin o node n
 * has.  A word is `admitted X` or `counts X` (FOUNDERS: A and B at once).  Facts travel one at a time and at any time; that
 * they may come through a third node allows nothing more.  A signer that learns of an admission, or of somebody's word
 * that counts X, counts X.  X serves when every signer that it knows to be admitted has said that it counts X, and X has
 * said so of each of them (DESIGN section 4, "Who counts"); it does so at once, since nothing here depends on it.
 *
 * Checked: of any two signers that serve, each has said that it counts the other; so no step of the one is taken
 * without the word of the other.  And when all words have arrived, all four serve.
 *
 * BROKEN=1: a joiner serves on its admission alone.  BROKEN=2: a joiner does not wait for the word of other joiners.
 */
#ifndef BROKEN
#define BROKEN 0
#endif

#define A 0
#define B 1
#define C 2
#define D 3
#define ADMITTED 4 /* + node; a word below it is `counts` node */
#define FOUNDERS 8

typedef chain { byte word[3]; byte said };
typedef row { byte n[4] };
chain log[4];
row know[4];
bool serves[4];

/* What follows from the facts that a node has, sets of nodes as bits: the admitted; whom o counts, as far as n knows. */
byte admitted[4];
typedef by { byte bits[4] };
by counted[4];

#define HAS(bits_, x_) (((bits_) >> (x_)) & 1)
#define COUNTS(x_, y_) HAS(counted[x_].bits[x_], y_)

/* Whether `me` may begin to serve: for each other signer that it knows of, both have said counts. */
#define BOTH(me_, x_) (!HAS(admitted[me_], x_) || me_ == x_ || (HAS(counted[me_].bits[x_], me_) && COUNTS(me_, x_)))
#if BROKEN == 1
#define MAY_SERVE(me_) HAS(admitted[me_], me_)
#elif BROKEN == 2
#define MAY_SERVE(me_) (HAS(admitted[me_], me_) && BOTH(me_, A) && BOTH(me_, B))
#else
#define MAY_SERVE(me_) (HAS(admitted[me_], me_) && BOTH(me_, A) && BOTH(me_, B) && BOTH(me_, C) && BOTH(me_, D))
#endif

inline learn(n_, o_, word_) {
	if
	:: word_ == FOUNDERS -> counted[n_].bits[o_] = counted[n_].bits[o_] | 3
	:: word_ >= ADMITTED && word_ < FOUNDERS -> admitted[n_] = admitted[n_] | (1 << (word_ - ADMITTED))
	:: word_ < ADMITTED -> counted[n_].bits[o_] = counted[n_].bits[o_] | (1 << word_);
		admitted[n_] = admitted[n_] | (1 << word_)
	fi
}

inline say(n_, word_) {
	log[n_].word[log[n_].said] = word_;
	log[n_].said++;
	know[n_].n[n_]++;
	learn(n_, n_, word_)
}

#define PAIR(x_, y_) (!(serves[x_] && serves[y_]) || (COUNTS(x_, y_) && COUNTS(y_, x_)))
inline check() {
	serves[C] = serves[C] || MAY_SERVE(C);
	serves[D] = serves[D] || MAY_SERVE(D);
	assert(PAIR(A, C) && PAIR(A, D) && PAIR(B, C) && PAIR(B, D) && PAIR(C, D))
}

/* One more word of another node. */
inline hear(me_, o_) {
	w = log[o_].word[know[me_].n[o_]];
	know[me_].n[o_]++;
	learn(me_, o_, w);
	w = 0
}
#define NEWS(me_, o_) (me_ != o_ && log[o_].said > know[me_].n[o_])

proctype node(byte me; byte joiner; byte other) {
	byte w;
end:	do
	:: atomic { me == A && !HAS(admitted[A], C) -> say(A, ADMITTED + C); check() }
	:: atomic { me == B && !HAS(admitted[B], D) -> say(B, ADMITTED + D); check() }
	:: atomic { me < C && HAS(admitted[me], joiner) && !COUNTS(me, joiner) -> say(me, joiner); check() }
	:: atomic { me < C && HAS(admitted[me], other) && !COUNTS(me, other) -> say(me, other); check() }
	:: atomic { me >= C && HAS(admitted[me], me) && !COUNTS(me, A) -> say(me, FOUNDERS); check() }
	:: atomic { me >= C && HAS(admitted[me], me) && HAS(admitted[me], other) && !COUNTS(me, other) ->
		    say(me, other); check() }
	:: atomic { NEWS(me, A) -> hear(me, A); check() }
	:: atomic { NEWS(me, B) -> hear(me, B); check() }
	/* What the joiners say tells the founders nothing that they have not from each other. */
	:: atomic { me >= C && NEWS(me, other) -> hear(me, other); check() }
	:: atomic { timeout -> assert(serves[C] && serves[D]); break }
	od
}

init {
	atomic {
		/* The founders, as the facts of the first days have it. */
		admitted[A] = 3; admitted[B] = 3; admitted[C] = 3; admitted[D] = 3;
		counted[A].bits[A] = 2; counted[A].bits[B] = 1; counted[B].bits[A] = 2; counted[B].bits[B] = 1;
		counted[C].bits[A] = 2; counted[C].bits[B] = 1; counted[D].bits[A] = 2; counted[D].bits[B] = 1;
		serves[A] = true; serves[B] = true;
		run node(A, C, D); run node(B, D, C); run node(C, C, D); run node(D, D, C)
	}
}
