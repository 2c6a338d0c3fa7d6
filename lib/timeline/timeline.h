/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TIMELINE_H
#define DUET_TIMELINE_H

#include "fact/state.h"

/*
 * timeline - the life of a zone's keys (DESIGN section 5): from facts, what this node publishes, what it has
 * seen and how long it ran, to what it is to show next, what it may say, and what each key waits for.
 *
 * Pure: no clock, no I/O, no log.  Any thread, one caller per memory.
 *
 * A record of a key (its DNSKEY, its RRSIGs over the zone, its DS) goes one way only:
 *
 *   all may show it -> each `serves` it -> each has `seen` it everywhere, long enough       comes in
 *   nobody needs it -> each has `stopped`  -> each finds it `gone` everywhere, long enough  goes out
 *
 * A foreign key (RFC 8901; RFC 6781 section 4.3.5.1, "cooperating operators") is there for a zone that moves here from a
 * signer whose private keys do not: its DNSKEY is shown beside ours, its DS may be at the parent and its RRSIGs in caches
 * from the first moment on, so these are rumoured before anybody here shows them.  CDS names none of ours without it.  It goes
 * only by an operator's word, and its DS only when what that signer published has left the caches: the DNSKEY RRset there is
 * signed by its keys alone.  No chain of trust is built on it, and no other key is rolled while it is there.
 *
 * Why decisions made alone are safe together:
 *   1. Whoever adds a record needs a deed of every counted signer, this node's included (the table in
 * order.c). So nobody is more than one step ahead: what needs a deed that this node has not said is shown by
 * nobody.
 *   2. Whoever takes one away relies on promises only: what a signer has not `stopped`, it may show or use.
 *   3. What is relied upon is everywhere (omnipresent), and stays so until this node itself says `stopped`.
 */
#define TIMELINE_KEYS_MAX      48
#define TIMELINE_OBSERVERS_MAX 64

/* As the slowest counted signer has it (RFC 7583 section 3.1 has times; these are the states of Schaeffer et
 * al.). */
enum record_phase {
	PHASE_HIDDEN,      /* no validator has it, no signer shows it */
	PHASE_RUMOURED,    /* a validator may have it or not: it comes in */
	PHASE_OMNIPRESENT, /* whatever a validator has, has it */
	PHASE_UNRETENTIVE, /* a validator may have it or not: it goes out */
};

/* Keys by their hashes: what a server shows. */
struct key_set {
	uint8_t hash[TIMELINE_KEYS_MAX][32];
	size_t n;
};
bool key_set_has(const struct key_set *s, const uint8_t hash[32]);
void key_set_add(struct key_set *s, const uint8_t hash[32]);

struct timeline_policy {
	unsigned algorithm;
	bool split;                       /* KSK and ZSK; else CSK */
	enum key_method ksk_method;       /* METHOD_DOUBLE_SIGNATURE or METHOD_DOUBLE_DS */
	enum key_method algorithm_method; /* METHOD_CONSERVATIVE or METHOD_LIBERAL */
	int64_t extra_s;                  /* added to every wait */
	int64_t parent_delay_s;
	size_t require_backups;
	enum key_hold hold; /* of keys that a roll makes */
	bool no_cds; /* neither CDS nor CDNSKEY are published: the parent is told of a DS by people or programs */
	int64_t limit_s;    /* a secondary that gave no answer for so long is not waited for; 0: it is */
};

/* What the node's published version shows; durable with it. */
struct timeline_published {
	bool any;
	struct key_set record[KEY_RECORDS]; /* RECORD_DS: named by CDS */
	bool cds_delete;
	uint32_t dnskey_ttl, zone_ttl; /* largest of all versions that it published, seconds */
};

enum observer_kind { OBSERVER_SECONDARY, OBSERVER_PARENT };
struct timeline_observer {
	uint64_t id; /* of an address, not 0 */
	enum observer_kind kind;
};

/* What one observer showed to one look. */
struct timeline_look {
	uint64_t observer, mark; /* mark: timeline_mark when the question was sent */
	bool explained; /* the version is this node's or in a signer's status; of a parent: validated */
	bool stays;     /* it is the one of a signer that counts and is not to leave */
	struct key_set record[KEY_RECORDS]; /* of a parent only RECORD_DS */
	uint32_t ds_ttl;
};

enum wait_kind { WAIT_IN, WAIT_OUT, WAIT_CREATE, WAIT_LEAVE };
#define WAIT_KINDS (WAIT_LEAVE + 1)
struct timeline_wait {
	uint8_t key[32];        /* WAIT_LEAVE: the node's id, and zero */
	enum key_record record; /* WAIT_CREATE, WAIT_LEAVE: of no meaning */
	enum wait_kind kind;
	uint64_t opened; /* mark */
	uint64_t looked; /* bits of timeline_memory.observer that have shown it since */
	size_t steps;    /* WAIT_LEAVE: of how many records all counted signers had said that they serve it, or stopped */
	bool complete;   /* all have: time counts */
	bool confirmed;  /* RECORD_DS, or doubt: the parent can no longer be at work on an older CDS; all are looked at
			    once more */
	bool doubt;      /* WAIT_LEAVE: of a DS that the leaver has not found gone */
	int64_t ran_ms;  /* this node ran since then */
	int64_t need_ms;
};

/* What is remembered besides facts; kept on disk each minute.  Losing it costs time, not safety. */
struct timeline_memory {
	uint64_t mark;
	uint64_t observer[TIMELINE_OBSERVERS_MAX];
	size_t observers;
	struct timeline_wait *wait;
	size_t waits;
	int64_t silent_ms[TIMELINE_OBSERVERS_MAX]; /* ran since the observer's last answer, while it was asked */
	uint32_t ds_ttl;  /* largest seen at the parent */
	uint64_t parents; /* bits of observers: looked at since a wait for a DS ended, so ds_ttl is that of
			     today */
	bool ds_moves; /* some signer asks for another DS RRset: what the parent shows meanwhile has TTLs that count; not kept */
};
void timeline_memory_fini(struct timeline_memory *m);

/* A signer that is to leave, of which something may be served or cached. */
struct timeline_leaver {
	uint8_t node[NODE_ID_LEN];
	bool known;     /* its last word on the zone is; of this node itself: it serves nothing any more */
	bool published; /* it served the zone, by that word */
	uint32_t ttl;   /* largest of all that it published */
};

struct timeline_in {
	const struct fact_state *facts;
	struct zone_state *zone; /* probes are verified on the way */
	const uint8_t *self;     /* NODE_ID_LEN octets */
	const struct timeline_policy *policy;
	const struct timeline_published *published;
	const struct timeline_memory *memory;
	const struct timeline_published *making;  /* on its way, and not to be stopped; NULL: none */
	const struct timeline_observer *observer; /* this node's secondaries, and the parent's servers */
	size_t observers;
	const struct timeline_leaver *leaver; /* whom timeline_watches names */
	size_t leavers;
	/* What people call a node, for timeline_why; NULL: its id. */
	const char *(*name)(void *ctx, const uint8_t *node);
	void *name_ctx;
	/* The same of an observer; NULL: it is not named. */
#define TIMELINE_SERVER_LEN 96
	void (*server)(void *ctx, uint64_t observer, char out[TIMELINE_SERVER_LEN]);
	void *server_ctx;
};

struct record_view {
	enum record_phase phase;
	bool all_serve, any_serves, all_seen, any_seen, any_stopped, all_stopped, all_gone; /* of the counted */
	bool serves, seen, stopped, gone;                                         /* of this node */
	bool others_gone;                                                         /* of all but this node */
	bool retiring;                                                            /* it is to go */
	bool waits_in, waits_out; /* it may come in, or go, when an operator releases it */
	bool shown; /* by this node's published version */
	bool show;  /* by its next one */
};

struct timeline_key {
	struct key_state *key;
	unsigned alg;
	bool sep, zone_signing;
	bool foreign; /* another signer's: stands in the DNSKEY RRset and in CDS, and signs nothing here */
	bool held, distributed, dead;
	struct record_view record[KEY_RECORDS];
};

/*
 * timeline_hold - what node self is to say of one key.  Of two keys with one tag, in revoked form too, it holds the one that
 * it held first; so of two new ones the second is judged once the first is held.  Of two that it said to hold all the same,
 * since it was set back between, it declines the one of which nobody ever showed a record: if the other is shown, or has the
 * smaller hash.
 */
enum hold_word {
	HOLD_WORD_NOTHING,    /* it was not created, was declined here, or is not sealed to this node */
	HOLD_WORD_SAID,       /* held is said */
	HOLD_WORD_HELD,       /* to be proven and said */
	HOLD_WORD_DECLINED,   /* this node holds another one with its tag */
	HOLD_WORD_MAKE_AGAIN, /* ours, and another signer declined it: one is made `instead` */
};
enum hold_word timeline_hold(const struct zone_state *z, const struct key_state *k, const uint8_t self[NODE_ID_LEN]);

struct timeline_create {
	const char *role; /* csk, ksk, zsk */
	unsigned alg;
	enum key_method method;
	enum key_hold hold;
	uint8_t replaces[KEY_REPLACES_MAX][32];
};

struct timeline {
	struct timeline_key key[TIMELINE_KEYS_MAX]; /* by hash */
	size_t n;
	uint8_t counted[TIMELINE_OBSERVERS_MAX][NODE_ID_LEN];
	size_t counted_n;
	/* Whose words tell what there is: the counted; for the first version after a restore, all of whose signers are
	 * retired, these. */
	uint8_t voter[TIMELINE_OBSERVERS_MAX][NODE_ID_LEN];
	size_t voters;
	bool secure;    /* the zone is to be signed */
	bool strict;    /* validators may ask for every algorithm in the DNSKEY RRset */
	bool may_serve; /* holds all, counts all, is counted by all; or has served, and lost what it published */
	bool revives;   /* the first version after a restore is to be made */
	bool joining;   /* others serve, or did until all of them were lost; this node has not begun */
	bool stale; /* the published version is older than this node's own facts, or lost: it must not be renewed */
	bool cds_delete; /* CDS and CDNSKEY say DELETE (RFC 8078 section 4) */
};

/* What the facts and this node's version come to. */
void timeline_view(const struct timeline_in *in, struct timeline *out);
/* The next version differs from the published one. */
bool timeline_changes(const struct timeline *t, const struct timeline_published *p);
/* The next version as a set, for who publishes. */
void timeline_next(const struct timeline *t, const struct timeline_published *p,
		   struct timeline_published *out);

/* Some signer waits for what a DS, or a CDS, does; whoever has not heard that all have seen it has it so. */
bool timeline_ds_moves(const struct timeline *t);

/*
 * How far the zone's keys have come with the next version: how many records began to be shown, and ceased, and how many
 * signers, whose versions are to be replaced, have gone for good.  Grows with facts, so it is the same on nodes that know
 * the same; a version never counts fewer steps than the one before.
 */
uint64_t timeline_steps(const struct timeline_in *in, const struct timeline *t);

/* Whether every combination of cached DS, DNSKEY and RRSIG validates. */
bool timeline_chain_holds(const struct timeline *t);

/* ---- what may be said ---- */

enum timeline_say_kind { SAY_SERVES, SAY_SEEN, SAY_STOPPED, SAY_GONE, SAY_CREATE };
struct timeline_say {
	enum timeline_say_kind kind;
	const struct timeline_key *key; /* not for SAY_SERVES, SAY_CREATE */
	enum key_record record;
	uint32_t ttl;
	bool insecure;                    /* SAY_STOPPED, for the zone is to become insecure */
	struct timeline_create create[2]; /* together or not at all */
	size_t creates;
};
/* Facts that this node may say now, at most max; returns their number.  SAY_SERVES: of all that is published.
 */
size_t timeline_says(const struct timeline_in *in, const struct timeline *t, const struct timeline_memory *m,
		     struct timeline_say *out, size_t max);

/* ---- waits ---- */

/* Opens and closes waits as facts have it. */
void timeline_tend(const struct timeline_in *in, const struct timeline *t, struct timeline_memory *m);
/* The node ran for so long since the last call. */
void timeline_ran(struct timeline_memory *m, int64_t ms);
/* Milliseconds of running until a wait ends; -1: none runs. */
int64_t timeline_left(const struct timeline_memory *m);
/* To be taken when a question is sent, and given back with the answer. */
uint64_t timeline_mark(const struct timeline_memory *m);
/* True when it tells anything new. */
bool timeline_looked(struct timeline_memory *m, const struct timeline_in *in,
		     const struct timeline_look *look);
/* Whether a look at this kind of observer is of use now. */
bool timeline_wants(const struct timeline_in *in, const struct timeline_memory *m, uint64_t observer);

/* ---- signers that leave (DESIGN section 4) ---- */

/* Whether this node is to wait until nothing of that one is served or cached: of itself, when it is to leave; else of each other
 * one that is and does not run. */
bool timeline_watches(const struct fact_state *s, const uint8_t *self, const struct node_state *n);
/* Whether all servers that this node looks at have shown the zone of signers that stay for as long as caches keep what the leaver
 * published.  Servers are looked at all that time: one that shows something else begins it anew. */
bool timeline_departed(const struct timeline_in *in, const struct timeline_memory *m, const uint8_t *node);
/* What may be said of n.  departed: timeline_departed of every zone, which of another is enough only where it does not run: one
 * that lives and has not heard that it is to leave may be asked again. */
enum leave_word { LEAVE_NOTHING, LEAVE_STOPPED, LEAVE_RETIRED };
enum leave_word timeline_leave(const struct fact_state *s, const uint8_t *self, const struct node_state *n, bool departed);
/* For people: the wait for a leaver; NULL: none runs. */
const struct timeline_wait *timeline_leave_wait(const struct timeline_memory *m, const uint8_t *node);

/* One sentence: what the key waits for.  Returns out. */
#define TIMELINE_WHY_LEN 240
char *timeline_why(const struct timeline_in *in, const struct timeline *t, const struct timeline_memory *m,
		   const struct timeline_key *k, char out[TIMELINE_WHY_LEN]);

#endif
