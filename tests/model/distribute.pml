/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Distribution before use: signers A and B, backup V, one new key, made by A.
 *
 * Each origin's facts are a chain, and a node holds a prefix of each: know[x].n[o] facts of origin o.  What the facts are
 * is fixed by their place, see below.  Facts travel one at a time between any two nodes, in any order of links, or not at
 * all.  Hosts of signers are lost for good, together with their disks, at any moment; an old copy of B's disk is put
 * back once, and B then catches up before it makes a fact (DESIGN section 4).
 *
 * Checked: whoever publishes the key, every signer that is left and the backup hold it.
 *
 * BROKEN=1: the backup is not waited for.  BROKEN=2: the other signer is not.
 */
#ifndef BROKEN
#define BROKEN 0
#endif

#define A 0
#define B 1
#define V 2
#define NODES 3

/* A: 1 created (the sealed boxes are in it), 2 held, 3 serves.  B: 1 held, 2 serves.  V: 1 stored. */
#define CREATED(x) (know[x].n[A] >= 1)
#define HELD_A(x)  (know[x].n[A] >= 2)
#define HELD_B(x)  (know[x].n[B] >= 1)
#define STORED(x)  (know[x].n[V] >= 1)

typedef row { byte n[NODES] };
row know[NODES], copy;
bool lost[NODES], copied, put_back, published[NODES];

#if BROKEN == 1
#define DISTRIBUTED(x) (HELD_A(x) && HELD_B(x))
#elif BROKEN == 2
#define DISTRIBUTED(x) (CREATED(x) && STORED(x) && (x == A -> HELD_A(x) : HELD_B(x)))
#else
#define DISTRIBUTED(x) (HELD_A(x) && HELD_B(x) && STORED(x))
#endif

/* B has an old copy on its disk and has not compared with anybody yet. */
bool holds;

inline check() {
	assert(!(published[A] || published[B]) || (CREATED(V) && STORED(V)));
	/* After an old copy was put back B may lack the key until it has met A, but the backup has B's box. */
	assert(!published[A] || lost[B] || CREATED(B) || (put_back && CREATED(V)));
	assert(!published[B] || lost[A] || CREATED(A));
}

proctype signer(byte me) {
	byte from, o;
	do
	:: atomic { !lost[me] && me == A && know[A].n[A] == 0 -> know[A].n[A] = 1; check() }
	:: atomic { !lost[me] && me == A && know[A].n[A] == 1 -> know[A].n[A] = 2; check() }
	:: atomic { !lost[me] && me == B && !holds && CREATED(B) && know[B].n[B] == 0 -> know[B].n[B] = 1; check() }
	:: atomic { !lost[me] && !holds && !published[me] && DISTRIBUTED(me) -> published[me] = true;
		    know[me].n[me] = (me == A -> 3 : 2); check() }
	/* One fact from any node, of any origin; after an old copy was put back, a whole comparison. */
	:: atomic { !lost[me] -> select(from : 0 .. 2); select(o : 0 .. 2);
		if
		:: !lost[from] && from != me && !(from == B && holds) && know[from].n[o] > know[me].n[o] ->
			know[me].n[o]++
		:: else
		fi;
		if
		:: me == B && holds && from != me && !lost[from] &&
		   know[B].n[A] >= know[from].n[A] && know[B].n[B] >= know[from].n[B] &&
		   know[B].n[V] >= know[from].n[V] -> holds = false
		:: else
		fi;
		from = 0; o = 0; check() }
	:: atomic { lost[me] -> break }
	od
}

proctype backup() {
	byte from, o;
	do
	:: atomic { CREATED(V) && know[V].n[V] == 0 -> know[V].n[V] = 1; check() }
	:: atomic { select(from : 0 .. 1); select(o : 0 .. 1);
		if
		:: !lost[from] && know[from].n[o] > know[V].n[o] -> know[V].n[o]++
		:: else
		fi;
		from = 0; o = 0; check() }
	od
}

active proctype fate() {
	do
	:: atomic { !lost[A] && !lost[B] -> lost[A] = true }
	:: atomic { !lost[A] && !lost[B] -> lost[B] = true }
	:: atomic { !copied -> copied = true; copy.n[A] = know[B].n[A]; copy.n[B] = know[B].n[B];
		    copy.n[V] = know[B].n[V] }
	:: atomic { copied && !put_back && !lost[B] -> put_back = true; holds = true; know[B].n[A] = copy.n[A];
		    know[B].n[B] = copy.n[B]; know[B].n[V] = copy.n[V];
		    published[B] = published[B] && copy.n[B] == 2; check() }
	od
}

init { atomic { run signer(A); run signer(B); run backup() } }
