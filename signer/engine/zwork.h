/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZWORK_H
#define DUET_ZWORK_H

#include "addr/addr.h"
#include "signer/engine/borrow.h"
#include "signer/engine/content.h"
#include "signer/engine/engine.h"
#include "signer/engine/history.h"
#include "signer/engine/known.h"
#include "signer/engine/lag.h"
#include "signer/engine/plan.h"
#include "signer/engine/review.h"
#include "sign/zonesign.h"
#include "zone/zone.h"

/*
 * zwork - the work on one zone: where its input comes from, what is published, what comes next.
 *
 * Invariants: 1. version and kept change only when a publication has been committed (or at start, from the store).
 * 2. input is newer than kept.mine, or there is no version, or damage is set.  3. while made is set, no other change is open for
 * the zone.  4. input is replaced only while busy is false.  5. a zone is
 * freed only when loading and busy are false.
 */

/* What one secondary shows (secondary.c). */
struct shown {
	char address[ADDR_TEXT_LEN];
	char *key;              /* TSIG name, or NULL */
	bool notify;
	bool configured;        /* still in the configuration */
	uint64_t query;         /* running query to net, 0: none */
	struct known_shown now;
	int64_t seen_at;        /* wall clock, for people; 0: never */
	int64_t seen_mono_ms;
	int64_t poll_mono_ms;   /* next poll */
	int64_t told_ms;        /* when it was last told again */
	unsigned tries;         /* polls since the last publication */
	bool in_step;
	uint64_t key_query;     /* running query for its DNSKEY RRset, 0: none */
	uint32_t key_serial;    /* version at which its DNSKEY RRset was looked at; 0: never */
	uint8_t keyset[32];     /* of the DNSKEY RRset that it shows (key_set_hash); zero: none */
	char error[80];
};
#define SHOWN_MAX 64

/* Newest word of one signer on the zone. */
struct peer_word {
	char node[NODE_ID_TEXT];
	char name[64];
	struct past_version v; /* serial 0: publishes nothing */
	struct content_id taken; /* input that it has taken, maybe not yet published */
	bool silent; /* was silent when last looked */
	int64_t bar_ms; /* monotonic: before that it is not asked for its input, since what it gave was not what it says */
	unsigned bars;  /* how often that was so */
};
#define PEER_WORDS_MAX 16

#define SOURCE_QUIET_MS 150 /* a file must not change for so long before what was read of it counts */
#define SOURCE_SOON_MS  10  /* and for so long before it is read at all, once */
enum source_kind { SOURCE_NONE, SOURCE_FILE, SOURCE_PRIMARY, SOURCE_HTTPS, SOURCE_SUBMIT };

/* Where the zone comes from (source.c). */
struct source {
	char *text;             /* as in the plan */
	enum source_kind kind;
	char *path;             /* file: absolute */
	char *primaries;        /* primary: as primaries.h has them */
	char **files;           /* file: path and what it included when it was loaded last; NULL: path alone */
	size_t file_count;
	uint64_t loaded, seen;  /* hash of their time stamps, sizes and places: when loaded last, when last looked */
	bool exists;
	int64_t size;           /* file, https: octets */
	struct https *https;    /* https.h */
	struct submit *submit;  /* submit.h */
	int64_t changed_mono_ms; /* when seen changed */
	bool hasty;             /* it was read before it had been quiet, and that was in vain */
	bool want_load;         /* load also if nothing seems changed */
	uint8_t *stream;        /* primary: transferred, not yet loaded */
	size_t stream_len;
	bool diff;              /* it is a difference, from one serial to another */
	uint32_t diff_from, diff_to;
	bool want_whole;        /* a difference could not be applied */
	bool look_again;        /* a transfer was thrown away that came too early */
	int64_t confirmed_mono_ms; /* when the source last said that what we have is current; 0: never */
	uint32_t input_serial;  /* of the input taken last */
	bool have_serial;
	char *error;            /* why the newest input was refused; NULL: it was not */
	int64_t error_at;
	char *next;             /* what happens next */
	char *expired;          /* all primaries, or the web server, are silent for longer than SOA expire */
};

/* A signed change that waits to be published. */
struct made {
	struct change *change;
	struct version_info info;
	struct sign_stats stats;
	struct plan *plan;
	bool keys_open;         /* the plan's keys are in use, for the SOA to come */
	struct content *content; /* what was signed: the zone's input; NULL: what the version has, or */
	bool candidate;         /* what waited for its review */
	struct version *base;   /* that it was made from, or NULL */
	struct sign_params params;
	uint8_t salt[255];
	uint8_t *again;         /* the zone's, as it was then; params has it */
	struct arena *arena;    /* of the SOA and its RRSIGs in info; NULL: they are not made */
	bool passed;            /* the auditor has nothing against it, with info's SOA */
	bool whole;             /* its changes alone did not pass */
	bool forced;            /* a renewal in need, where the serial rule would not have it otherwise */
	int64_t whole_at;       /* passed: when all of it, or of a version that it stands on, was looked at last */
	char *past;             /* then: what the auditor is to remember once it is published */
	json_t *outside;        /* then, where a review comes first: what it was held against (auditjob.h); else NULL */
};

/* Which keys the version shows, and how long caches keep what was published. */
struct shows {
	char *text;             /* as the plan had it (plan.h); NULL: nothing was published yet */
	uint32_t dnskey_ttl, zone_ttl;       /* largest of all versions */
	uint32_t dnskey_before, zone_before; /* largest of those before the text became this */
};

/* What is written with each publication, and outlives the zone. */
struct kept {
	struct content_id mine; /* content that is published */
	uint32_t last;          /* last serial */
	uint8_t plan_hash[32];  /* of the plan that the version was made by */
	struct shows shows;
	struct past own;
	char *audit;            /* what the auditor remembers of what was published; NULL: nothing */
	int64_t whole_at;       /* when it last looked at all of a version */
	bool reviewed;          /* new content is published with it: what was said of that is not kept */
};

/* What the auditor said last (audit.c). */
struct verdict {
	char *result;           /* "fine", "refused", "unknown"; NULL: nothing yet */
	char *why;              /* the first findings, or why it could not tell; NULL: fine */
	char *warnings;         /* rows that warn of what passed last, or of what it shares with one before; NULL: none */
	uint32_t serial;
	int64_t at;
	unsigned refusals;      /* since something passed */
	int64_t input_until_ms; /* monotonic: the input that waits is not tried again before; 0: it is not refused */
};

struct waiter;
struct look_zone;

struct zwork {
	struct engine *engine;
	char *name;             /* as dname_to_text writes it, lower case */
	uint8_t apex[DNAME_MAX];

	struct plan *plan;      /* NULL: none heard in this run */
	char *plan_error;       /* why keydist's newest plan was refused */
	bool gone;
	struct source source;

	/* input: content that is checked and not published yet */
	struct content *input;
	struct content_id input_id;
	struct borrow *borrow;  /* borrow.h; NULL: no peer has newer content */
	struct lag *lag;       /* the own source lags behind what was taken from a peer; NULL: it does not */
	bool loading;
	size_t way;             /* octets of what was loaded that are on their way (work.h) */
	struct content *loaded; /* loaded, not looked at yet: the pipeline may still use the input before */

	/* what is published */
	struct version *version; /* NULL: nothing */
	struct version *told;   /* the one that net has, NULL: none; netlink's, as is its number */
	uint64_t told_number;
	int64_t withheld_ms;    /* monotonic: version has expired, and net is not given it, at least until then (withheld.h); 0: it is */
	bool withheld_old, withheld_told; /* for it is of an old copy that was put back; a plan has said so, once */
	struct kept kept;
	struct past others;     /* versions that were in a peer's status */
	char *hold;             /* operator's reason; changes wait, renewal goes on */
	uint8_t *salt;          /* NSEC3 salt of this node */
	size_t salt_len;

	/* what others say */
	struct peer_word *peer; /* at most PEER_WORDS_MAX */
	size_t peer_count;
	uint32_t self_serial;   /* a version of our own that others remember, and we lack, above all that we know; 0: none */
	struct content_id self_content;
	bool set_back;
	struct shown *shown;    /* at most SHOWN_MAX */
	size_t shown_count;
	struct look_zone *looks; /* look.c; NULL: keydist asks for none */

	/* the pipeline */
	bool poked;             /* is on engine's list */
	TAILQ_ENTRY(zwork) poked_entry, telling_entry;
	struct agenda_item due_mono, due_wall;
	struct zwork *file_next; /* another whose file's name has the same hash */
	bool busy;              /* signing, or waiting for the writer */
	uint64_t save_wanted;   /* counts what is to be kept; everything up to `saved` is durable */
	uint64_t saved;
	struct made *made;
	bool forced, full;      /* an operator or a new plan wants a new version */
	uint8_t *again;         /* name whose signatures an operator wants made anew; NULL: none */
	char *damage;           /* what of the published version is not what was written; NULL: nothing that is known */
	bool stale;             /* made may have kept what is damaged */
	int64_t ask_until_ms;   /* asking for fresh word until; 0: not asking */
	int64_t asked_ms;       /* when word was last asked for */
	int64_t retry_ms;       /* after a failure: not before; 0: no failure */
	int64_t look_s;         /* wall clock: step then; INT64_MAX: no instant */
	int64_t look_ms;        /* monotonic, the same */
	int64_t renewed_ms;     /* when a renewal was last published */
	char *error;            /* why the pipeline does not go on; NULL: it does */
	char *next;             /* what happens next */
	int64_t error_at;
	struct verdict verdict;
	struct {
		int64_t at;            /* the published version was audited whole last, in this run; 0: not yet */
		int64_t not_before_ms; /* monotonic */
		bool wanted;           /* by an operator */
		char *failed;          /* what was found then; NULL: nothing */
	} whole;                /* whole.h */
	char *disagrees;        /* another signer has other content under the same number (agree.c); NULL: none has */
	struct review review;
	struct history history; /* that no commit has taken yet */
	char *held_shown;       /* what event=held said last */
	bool held_quiet;        /* whoever ends that pokes the zone */
	unsigned alarms;        /* enum serial_alarm */

	/* overtaking and catching up */
	struct serial_watch watch;
	int64_t catch_up_ms;    /* the source was last asked */

	/* status to keydist */
	bool status_due, status_now; /* keydist is to hear of it; at once */
	bool served_due;             /* it is to hear which keys are published */
	enum { TELL_NONE, TELL_LATER, TELL_NOW } telling; /* engine's list that it is on */
	int64_t status_ms;
	struct waiter *waiters; /* open requests (api.h) */
	char **notices;         /* of the input loaded last */
	size_t notice_count;
	struct cross_word *cross; /* cross.h; one for each peer */
	size_t cross_count;
	uint64_t signatures;    /* made for the version that is published */
};

/* zwork.c */
struct zwork *zwork_new(struct engine *e, const char *name);
/* Frees; the store keeps its version.  Not while loading or busy. */
void zwork_free(struct zwork *z);
/* Opens what the store has of it. */
void zwork_open(struct zwork *z);
/* rounds.c.  Steps soon: whoever changes something about the zone says so. */
void zwork_poke(struct zwork *z);
/* keydist and the peers are told its status.  What is due goes with the next tick; at once; nothing is due any more. */
void zwork_tell(struct zwork *z);
void zwork_tell_later(struct zwork *z);
void zwork_tell_now(struct zwork *z);
void zwork_told(struct zwork *z);
/* What was loaded of it waits for somebody, or has come to its end. */
void zwork_rests(struct zwork *z);
/* Takes it off all lists. */
void zwork_forget(struct zwork *z);
/* keydist's newest plan, which is taken over; NULL: it was refused, and why. */
void zwork_plan(struct zwork *z, struct plan *p, const struct err *why);
/* A peer's word on the zone, or our own as others remember it. */
void zwork_word(struct zwork *z, const char *node, const char *name, const json_t *status);
/* The JSON that is kept with each publication. */
char *zwork_keep(const struct zwork *z, const struct kept *kept);
/* Has it saved as soon as no task of the zone runs (hold, resume); WAITER_SAVED waits for z->save_wanted as it is then. */
void zwork_save(struct zwork *z);
/* Whether keydist hears the node now. */
bool zwork_hears(const struct engine *e, const char *node);
/* Begins the save that is wanted; false when none is. */
bool zwork_save_step(struct zwork *z);
/* Replaces *slot by a printed sentence; fmt NULL: by nothing. */
void zwork_say(char **slot, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* source.c */
void source_set(struct zwork *z, const char *text);
void source_free(struct source *s);
/* Looks whether there is something new, starts loading. */
void source_step(struct zwork *z);
/* Whether what was loaded may count: its file has been quiet.  Otherwise it is looked at again in time. */
bool source_settled(struct zwork *z);
/* The file changes while it is read, or is wrong and was not quiet: true, it is read again; false: that is all there is. */
bool source_unsettled(struct zwork *z);
/* The source is to be asked again now. */
void source_refresh(struct zwork *z);
/* What was refused or taken is to be loaded again: another epoch may take it. */
void source_again(struct zwork *z);
/* The source has confirmed that what we have is current, since the monotonic instant. */
bool source_confirmed(const struct zwork *z, int64_t since_ms);
void source_stream(struct zwork *z, uint32_t serial, uint8_t *stream, size_t len); /* takes over stream */
void source_diff(struct zwork *z, uint32_t from, uint32_t serial, uint8_t *stream, size_t len); /* takes over stream */
/* Whether differences from what was taken last could be applied. */
bool source_takes_diffs(const struct zwork *z);
/* What was published is a whole zone: from now on differences may be. */
void source_published(struct zwork *z);
/* What was given does not lead from what there is: it is to be given again. */
void source_misfit(struct zwork *z);
void source_same(struct zwork *z, uint32_t serial);
void source_failed(struct zwork *z, const char *why, int64_t retry_s);
void source_expired(struct zwork *z, int64_t expire_s);
/* A file without a name, in the state folder; -1: errno. */
int source_nameless(const struct zwork *z);
/* load.c: loads what the source has, in the pool. */
void load_start(struct zwork *z);
/* source.c, for it: the outcome. */
void source_refused(struct zwork *z, const char *next, const char *why);
void source_accepted(struct zwork *z);
void source_files(struct zwork *z, const struct zone_files *read);
/* folder.c: the zone has a file for its source; it has it no more. */
void folder_add(struct zwork *z);
void folder_remove(struct zwork *z);

/* input.c: content that was loaded and checked; takes over content. */
void input_taken(struct zwork *z, struct content *content);
/* What was noticed of a whole zone stands as long as differences follow it. */
void input_notices(struct zwork *z, const struct zone *zone);
/* Numbers of content that somebody else may have given meanwhile. */
void input_renumber(struct zwork *z);
void notices_free(struct zwork *z);

/* decide.c: does what is to be done now. */
void zwork_step(struct zwork *z);
/* The sentence of one enum serial_alarm. */
const char *decide_alarm_text(unsigned alarm);

/* agree.c: sees to z->disagrees. */
void agree_look(struct zwork *z);

/* damage.c */
/* Something of the published version is damaged: it is made again from the source. */
void zwork_damaged(struct zwork *z, const char *what);
/* A page at this place is not what was written, if the version has one there. */
void zwork_page_damaged(struct zwork *z, uint32_t volume, uint64_t offset);
/* The store has found damage, nobody knows whose. */
void zwork_look_for_damage(struct zwork *z);
/* A version was published: what was damaged is made again, unless it has that, too. */
void zwork_repaired(struct zwork *z);

/* audit.c */
/* Whether the change may be published with this serial, as far as the auditor goes. */
bool audit_passed(const struct made *m, uint32_t serial);
/* Has the auditor look at z->made with this serial. */
void audit_start(struct zwork *z, uint32_t serial);
/* The first errors of an answer of the auditor, as one text; free(). */
char *audit_findings(const json_t *answer);
/* Keeps the rows of an answer that warn, and says what they found where they are others than before. */
void audit_warnings(struct zwork *z, const json_t *answer, uint32_t serial, bool whole);
/* New input: it is tried soon, whatever was refused before. */
void audit_new_input(struct zwork *z);
/* The input that waits was refused, and its time has not come. */
bool audit_input_waits(const struct zwork *z);

/* For people. */
json_t *audit_status(const struct zwork *z);

/* pipeline.c */
void pipeline_sign(struct zwork *z);
/* Makes the SOA with its RRSIGs for what z->made is; -1: they could not be made, and z->made is gone. */
int pipeline_soa(struct zwork *z, uint32_t serial);
/* Makes z->made of the candidate, which has passed. */
void pipeline_candidate(struct zwork *z);
/* The content that it will publish; whether that is new. */
const struct content_id *made_content(const struct zwork *z, const struct made *m);
bool made_is_new(const struct made *m);
/* It is tried again, soon. */
void pipeline_failed(struct zwork *z, const char *what, const struct err *e);
/* New content was refused: it is tried again, each time later. */
void pipeline_back_off(struct zwork *z);
/* Frees it; NULL does nothing. */
void made_free(struct made *m);
void pipeline_drop(struct zwork *z);
void pipeline_remove(struct zwork *z);

/* publish.c: z->made as its SOA is. */
void pipeline_publish(struct zwork *z, int why);

/* secondary.c */
void secondary_configure(struct zwork *z);
void secondary_tick(struct zwork *z);
/* The next poll, monotonic; INT64_MAX: none. */
int64_t secondary_next(const struct zwork *z);
/* All are polled again, soon. */
void secondary_published(struct zwork *z);
void secondary_ask(struct zwork *z);
/* All that can answer have done so since the monotonic instant. */
bool secondary_fresh(const struct zwork *z, int64_t since_ms);
void secondary_answer(struct zwork *z, const json_t *msg);
void secondary_notified(struct zwork *z, const json_t *msg);
void secondary_asked(struct zwork *z, const json_t *msg);
void secondary_transferred(struct zwork *z, const json_t *msg);
/* Reads an SOA with its RRSIGs from a record stream; id is zero without RRSIGs.  False when there is no SOA. */
bool secondary_version(const uint8_t *apex, const uint8_t *octets, size_t len, uint32_t *serial,
		       uint8_t id[VERSION_ID_LEN]);
/* Its DNSKEY RRset was looked at with what it shows, and is that of our version. */
bool secondary_has_our_keys(const struct zwork *z, const struct shown *s);
/* What explains it: our own past or a status. */
const struct past_version *secondary_explained(const struct zwork *z, const struct shown *s);

/* status.c */
json_t *status_word(const struct zwork *z);    /* for keydist and the peers */
json_t *status_alarms(const struct zwork *z);  /* sentences, for people */
json_t *status_zone(const struct zwork *z);    /* for people */
json_t *status_engine(const struct engine *e);
/* One of "held", "unsigned", "signed", "waiting", "halted", ... */
const char *status_state(const struct zwork *z);

#endif
