/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_FACT_STATE_H
#define DUET_FACT_STATE_H

#include <jansson.h>

#include "fact/fact.h"
#include "index/index.h"
#include "key/key.h"

/*
 * fact_state - what a set of facts says.  Applying the same facts in any order gives the same state, and
 * twice is once: all that is kept are sets that only grow and registers of which the largest (rev, hash)
 * counts.  No rule here reads a clock.
 *
 * Kinds and their bodies (JSON).  "deed" and "promise" as in DESIGN section 4; what is not understood says
 * nothing, and so does what its author may not say (members.c: only admitted signers admit and retire, and a
 * backup in one restore).
 *   node.first   {"line","name","role"}            the first signer of the cluster admits itself
 *   admitted     {"line","name","role"}            deed: may take part
 *   counts       {"node","of"?}                    deed: from now on every conjunction that the author
 *                                                  evaluates has it; a restore says it `of` whom it admits
 *   retiring     {"node","dead"?}                  final: that signer is to leave, and counts until it is retired; dead: an
 *                                                  operator's word that it does not run
 *   node.stopped {}                                promise: its author, that is to leave, serves nothing any more, and nothing
 *                                                  of it is cached
 *   retired      {"node","line","why","upto":[[number,randomhex,seq],..]}   final; its facts behind `upto`
 *                                                  say nothing
 *   restored     {"facts":n}                       the n facts before this one in a backup's chain are one
 *                                                  restore: they say nothing without it
 *   zone.add     {"source","policy","rev"}
 *   zone.remove  {"adds":[fact hash,..]}           the additions that its author saw
 *   policy       {"policy":{..},"rev"}
 *   key.created  {"key","dnskey","role","boxes":[{"to","box"}],"recovery":[{"id","box"}],"instead"?,"hold"?}
 *   key.created  {"key","dnskey","role","foreign":true}   the public half of another signer's key, which nobody here has; held
 *                                                  is said of it without a proof, and no backup stores it
 *   key.withdrawn {"key"}                          an operator's word: nobody serves what that signer signed any more
 *   key.boxes    {"key","boxes":[..]}              more boxes of a key, for signers that came later
 *   key.held     {"key","probe","recovery"?:{"id","box"}}    deed, proven by a signature over key_probe_data
 *   key.declined {"key","why"}                     promise
 *   key.stored   {"key","recovery":id}             deed of a backup
 *   key.dropped  {"key","recovery":id}             promise of a backup: it keeps it no longer, and takes it no more
 *   key.serves   {"keys":[..],"signing":[..],"cds":[..],"keyset","unsigned_ttl","largest_ttl","dnskey_ttl",
 *                "ds_ttl"}   deed: published; the TTLs are the largest of what the author published before
 *                without them, or saw at the parent; said again while a DS moves, once that is longer than was said
 *   key.seen     {"key","record"?,"ttl"?}          deed: all serve it, and the author's wait for that has ended
 *   key.stopped  {"key","record","ttl","insecure"?}  promise: no longer published, and never again; insecure: for
 *                                                  the zone is to become that
 *   key.gone     {"key","record","ttl"?}           deed: all have stopped, and the author's wait has ended
 *                                                  (record: "dnskey", without which it is that, "zone", "ds")
 *   key.roll     {"key","now"?,"want"?:{"algorithm","split","ksk_method","algorithm_method","hold"?}}   the key is to be
 *                                                  replaced, by such keys whatever the policy says later
 *   key.release  {"key","record","goes"?}         an operator's word: the record (or "all") of a key that is held back may
 *                                                  come in, or, of the key that it replaces, go
 *   key.ds       {"key","seen","ttl"?,"rev"}     an operator's word: all servers of the parent show its DS, or none
 *   zone.secure  {"secure","rev"}                  whether the zone is to be signed
 *   key.lost     {"key"}
 *   tsig.create  {"name","alg","hash","rev","boxes":[..],"recovery":[..]}
 *   tsig.remove  {"name","hash"}
 *   floor        {"serial","rev"}
 *   epoch        {"epoch","rev"}
 *   override     {"rev","node","serial","digest","reason"}   an operator's word: what was refused of this content is published
 *                                                  by that node, as that version; of several the last one stands here
 *   submission   {"rev","digest","size"}           a zone's text: its SHA-256 and octets (lib/submission)
 */

#define OVERRIDE_REASON_MAX 500 /* octets */

struct id_set {
	uint8_t (*id)[NODE_ID_LEN]; /* sorted */
	size_t n;
};
bool id_set_has(const struct id_set *s, const uint8_t id[NODE_ID_LEN]);

/* The largest (rev, fact hash) wins. */
struct fact_reg {
	bool set;
	uint64_t rev;
	uint8_t hash[FACT_HASH_LEN];
	json_t *body;
};

enum node_role { NODE_SIGNER = 1, NODE_BACKUP = 2 };

/* How far a retired node had spoken in one incarnation. */
struct node_end {
	struct incarnation inc;
	uint64_t seq;
};

/* Derived from all claims about nodes (members.c). */
struct node_state {
	uint8_t id[NODE_ID_LEN];
	bool known;         /* its line is known from facts */
	bool line_admitted; /* from an admission; else only good for reading what the node said */
	struct node_line line;
	uint8_t line_fact[FACT_HASH_LEN]; /* that says so; of several the largest hash */
	struct fact_reg admitted;         /* body: line, name, role; the largest hash counts for the name */
	enum node_role role;
	struct id_set counts; /* whom it says it counts */
	bool leaving; /* a signer that is to be retired; not when none would be left that is not */
	bool dead;    /* and does not run any more, by an operator's word */
	bool left;    /* and has said `node.stopped` */
	bool retired;
	struct fact_reg retired_by;
	struct node_end *end; /* per incarnation the highest of all retirements */
	size_t ends;
};

/* What a fact claims about a node, whether or not its author may. */
struct claim {
	enum { CLAIM_ADMITTED, CLAIM_COUNTS, CLAIM_RETIRING, CLAIM_STOPPED, CLAIM_RETIRED } kind;
	uint8_t by[NODE_ID_LEN];
	struct incarnation inc;
	uint64_t seq;
	uint8_t hash[FACT_HASH_LEN];
	uint8_t subject[NODE_ID_LEN];
	uint8_t of[NODE_ID_LEN]; /* counts: who counts */
	bool first;              /* node.first: of itself */
	bool dead;               /* retiring */
	bool has_line;
	struct node_line line;
	enum node_role role;
	struct node_end *end;
	size_t ends;
	json_t *body;
};

/* The claims that one restore made together: from <= seq < to. */
struct restore_span {
	uint8_t by[NODE_ID_LEN];
	struct incarnation inc;
	uint64_t from, to;
};

struct box_state {
	uint8_t to[NODE_ID_LEN];
	uint8_t by[NODE_ID_LEN];
	char *box; /* base64 */
};

struct held_state {
	uint8_t node[NODE_ID_LEN];
	char *probe; /* base64 */
	int proven;  /* cache: 0 not looked at, 1 yes, -1 no */
};

/* What of a key validators may have in their caches.  The RRSIGs over the DNSKEY RRset come and go with the DNSKEY
 * record of a key that makes them. */
enum key_record {
	RECORD_DNSKEY,
	RECORD_ZONE, /* RRSIGs over the zone's records */
	RECORD_DS,   /* at the parent; what signers do is to name it in CDS and CDNSKEY */
	KEY_RECORDS
};

enum record_word { WORD_SERVES, WORD_SEEN, WORD_STOPPED, WORD_GONE, RECORD_WORDS };

struct record_state {
	struct id_set serves, seen; /* deeds */
	struct id_set stopped;      /* promise */
	bool insecure;              /* some `stopped` was said for the zone to become insecure */
	struct id_set gone;         /* deed */
	uint64_t before_ttl;        /* largest that any `serves` gave of what there was without the record */
	uint64_t ttl;               /* largest that any `stopped` named */
	uint32_t at[RECORD_WORDS];  /* for people: when it was said first, seconds since 1970; 0: not yet */
};

/* How a key comes in; its creator's policy decides, and the `created` says it to all. */
enum key_method {
	METHOD_FIRST,            /* replaces none, or makes the zone secure: everything, then DS */
	METHOD_PREPUBLICATION,   /* DNSKEY, then RRSIGs over the zone (and DS, of a CSK) */
	METHOD_DOUBLE_SIGNATURE, /* DNSKEY, then DS */
	METHOD_DOUBLE_DS,        /* DS, then DNSKEY */
	METHOD_CONSERVATIVE,     /* another algorithm: RRSIGs over the zone, DNSKEY, DS */
	METHOD_LIBERAL,          /* another algorithm: DNSKEY and RRSIGs together, DS */
	KEY_METHODS
};
extern const char *const key_method_names[KEY_METHODS];
extern const char *const key_record_names[KEY_RECORDS];

/* What a new key waits for besides: */
enum key_hold {
	HOLD_NONE,
	HOLD_STEPS,   /* each record comes in, and each of the key before goes, when it is released */
	HOLD_STANDBY, /* all but what comes in first; the key before stays */
	KEY_HOLDS
};
extern const char *const key_hold_names[KEY_HOLDS];
/* Bits of key_state.released: this record may come in; it may go. */
#define RELEASE_IN(record)  (1u << (record))
#define RELEASE_OUT(record) (1u << (KEY_RECORDS + (record)))
#define RELEASE_ALL         ((1u << 2 * KEY_RECORDS) - 1)

#define KEY_REPLACES_MAX 2 /* a CSK takes the place of a KSK and a ZSK */

struct key_state {
	uint8_t hash[32];
	bool created;
	uint8_t creator[NODE_ID_LEN];
	uint8_t created_fact[FACT_HASH_LEN];
	int64_t created_at; /* for people */
	uint8_t *dnskey;
	size_t dnskey_len;
	struct dnskey_tags tags;
	char role[4];        /* csk, ksk, zsk */
	uint8_t instead[32]; /* the declined key that this one replaces; zero: none */
	struct box_state *box;
	size_t boxes;
	struct box_state *recovery; /* `to` is the recovery key's id */
	size_t recoveries;
	struct held_state *held;
	size_t helds;
	uint8_t replaces[KEY_REPLACES_MAX][32]; /* zero: none */
	enum key_method method;
	enum key_hold hold;
	unsigned released;
	bool foreign;        /* of a signer that is none of ours: nobody here has its private half */
	bool withdrawn;      /* a foreign one is to go */
	bool roll, roll_now; /* it is to be replaced */
	struct key_roll {
		bool set;
		uint8_t fact[FACT_HASH_LEN]; /* of several rolls of one key the largest counts */
		unsigned alg;
		bool split;
		enum key_method ksk_method, algorithm_method;
		enum key_hold hold;
	} want; /* by what: as the policy was when the roll was asked for */
	struct fact_reg at_parent; /* an operator's word on its DS */
	struct id_set declined, lost;
	struct record_state record[KEY_RECORDS];
	struct box_state *stored, *dropped; /* by: the backup; to: recovery id */
	size_t storeds, droppeds;
};

struct add_state {
	uint8_t hash[FACT_HASH_LEN]; /* of the zone.add fact */
	bool added, removed;
	uint64_t rev;
	json_t *body;
};

struct zone_state {
	uint8_t *name; /* in lower case */
	char *text;
	struct add_state *add;
	size_t adds;
	struct key_state *key;
	size_t keys;
	uint64_t unsigned_ttl, largest_ttl; /* largest that any `serves` named */
	uint64_t ds_ttl;                    /* largest that any signer has seen at the parent */
	struct fact_reg floor, epoch, secure, submission, override;
	bool submission_tied; /* another digest has the highest rev, too: one of them must be said again */
};

struct policy_state {
	char name[64];
	struct fact_reg reg;
};

struct tsig_state {
	char name[DNAME_TEXT_MAX];
	char hash[65];
	bool removed;
	struct fact_reg created;
};

struct fact_state {
	struct node_state *node;
	size_t nodes;
	struct claim *claim;
	size_t claims;
	struct restore_span *restore;
	size_t restores;
	bool void_retirements; /* some, done or asked for, would leave nobody: they are void, and a person must look */
	struct zone_state *zone;
	size_t zones;
	struct index zone_index; /* by name */
	struct policy_state *policy;
	size_t policies;
	struct tsig_state *tsig;
	size_t tsigs;
};

struct fact_state *fact_state_new(void);
void fact_state_free(struct fact_state *s);

/* Applies one fact.  Returns true when it changes who is retired: then what such a node said behind its end may
 * have been applied already, or left out, and the state is to be made anew by fact_state_load. */
bool fact_state_apply(struct fact_state *s, const struct fact *f);
/* Admissions, counts and retirements: what the standing of nodes is derived from. */
bool fact_is_of_nodes(const struct fact *f);
/* From all facts of a log. */
struct fact_log;
int fact_state_load(struct fact_log *l, struct fact_state **out, struct err *e);

/* Why a fact of this origin is void or to be refused (its origin is retired and it lies behind `upto`); NULL
 * when it is not. */
const char *fact_state_closed(const struct fact_state *s, const struct fact *f);

struct node_state *state_node(const struct fact_state *s, const uint8_t id[NODE_ID_LEN]);
struct zone_state *state_zone(const struct fact_state *s, const uint8_t *name);
struct key_state *zone_key(const struct zone_state *z, const uint8_t hash[32]);
/* The addition that counts: of those not removed the one with the largest (rev, hash); NULL when the zone is
 * not there. */
const struct add_state *zone_addition(const struct zone_state *z);

/* Why what a retired node said under this number is void; NULL when it is not. */
const char *node_said_too_late(const struct node_state *n, const struct incarnation *inc, uint64_t seq);
/* Admitted, a signer, not retired. */
bool node_is_signer(const struct node_state *n);
bool node_is_backup(const struct node_state *n);
/* Signers that `self` counts: itself when it is admitted, and whom it says it counts, without the retired.  A
 * node that is no signer counts whom any signer counts.  ids: room for state.nodes.  Returns their number. */
size_t state_counted(const struct fact_state *s, const uint8_t self[NODE_ID_LEN],
		     uint8_t (*ids)[NODE_ID_LEN]);

/* What a probe signature is made over: no DNSSEC signature covers it, since type 0 does not exist. */
#define KEY_PROBE_MAX 400
size_t key_probe_data(const uint8_t *zone, const uint8_t hash[32], const uint8_t node[NODE_ID_LEN],
		      uint8_t out[KEY_PROBE_MAX]);
/* Whether this backup keeps the key for this recovery key: it has said so, and has not dropped it. */
bool key_stored_by(const struct key_state *k, const uint8_t node[NODE_ID_LEN], const uint8_t recovery[NODE_ID_LEN]);
/* Unretired backups that keep it for a recovery key to which it was sealed. */
size_t key_stored_count(const struct fact_state *s, const struct key_state *k);
/* Whether any backup has dropped it. */
bool key_was_dropped(const struct key_state *k);
/* Whether it was sealed to this signer. */
bool key_has_box(const struct key_state *k, const uint8_t node[NODE_ID_LEN]);
/* Whether node has said `held`, proven or not: its own word needs no proof. */
bool key_said_held(const struct key_state *k, const uint8_t node[NODE_ID_LEN]);
/* Whether node has said `held` with a probe that verifies; of a foreign key, at all. */
bool key_held_by(const struct zone_state *z, struct key_state *k, const uint8_t node[NODE_ID_LEN]);

/* Everything in canonical JSON, for tests and comparison; new reference. */
json_t *fact_state_dump(const struct fact_state *s);

#endif
