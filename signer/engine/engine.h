/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ENGINE_H
#define DUET_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <uv.h>

#include "conf/conf.h"
#include "http/http.h"
#include "identity/identity.h"
#include "agenda/agenda.h"
#include "signer/engine/work.h"
#include "signer/engine/writer.h"
#include "store/store.h"

/*
 * engine - the process that holds the zone-signing keys and runs each zone's pipeline: sources, checks, signing, the serial
 * rule, publication, status.  One thread runs the loop and owns all state; loading and signing run in the pool, zones side by
 * side; one thread writes to the store.
 */
struct zwork;
struct netlink;
struct kdlink;
struct auditor;
struct lookers;
struct runner;

/* A node, as keydist said last. */
struct engine_node {
	char id[NODE_ID_TEXT];
	char name[64];
	char role[16];
	bool self, counted;
	int64_t heard_ms; /* how long ago; -1: never */
};
#define ENGINE_NODES_MAX 64

struct engine_clock {
	bool vouched;           /* keydist's word, while it is fresh, or the kernel's */
	bool ever;
	int64_t vouched_now_s;  /* wall and monotonic clock when it was last vouched for */
	int64_t vouched_mono_ms;
	int64_t jump_mono_ms;   /* when wall and monotonic clock were first seen to disagree since then; 0: they agree */
	bool doubt_shown;
	char why[160];
	bool keydist_vouched;   /* keydist's last word and when it came */
	int64_t keydist_mono_ms;
	char keydist_why[160];
};

struct engine {
	uv_loop_t loop;
	struct conf *conf;
	struct engine_identity identity;
	pid_t net_pid;
	struct store *store;
	struct netlink *net;
	struct kdlink *keydist;
	struct lookers *looks; /* look.h */
	struct crosses *crosses; /* cross.h */
	struct http_server *api;
	struct auditor *auditor;
	struct wholes *wholes; /* whole.h */
	struct lends *lends; /* lend.h */
	size_t borrows;      /* texts that are on their way here (borrow.h) */
	struct runner *web; /* duet-fetch; NULL: nothing was asked of it yet */
	struct runner *hooks; /* duet-hook, the same */
	struct http_server *review_api; /* NULL: nobody has a token */
	struct engine_clock clock;

	struct zwork **zone; /* in order of name */
	size_t zone_count, zone_cap;

	struct works *works;
	struct sort_memory *sort_memory; /* of zones that are read: touching memory for the first time is dear */
	TAILQ_HEAD(plan_list, reading) plans; /* being read (plans.c) */
	struct writer *writer;

	/* Which zones are looked at, so that a round costs what has changed, not what there is (rounds.c). */
	TAILQ_HEAD(poked_list, zwork) poked;     /* something happened to them */
	TAILQ_HEAD(telling_list, zwork) telling_later, telling_now; /* keydist does not have their newest status */
	struct agenda by_mono, by_wall;
	size_t sweep_at;             /* files are looked at in turn */

	uv_timer_t tick, quick, soon;
	uv_signal_t signal[3];
	uv_fs_event_t folder; /* zones-dir */
	struct zwork **files; /* by file name (folder.c) */
	bool other_file;      /* something happened to a file that is no zone's own: one may include it */
	int64_t started_mono_ms;

	struct engine_node node[ENGINE_NODES_MAX];
	size_t node_count;
	int64_t nodes_mono_ms;  /* when keydist last said who is there; 0: never */
	bool compared;          /* the comparison after a start (DESIGN section 4) is done */
	bool sure;              /* all other signers and a backup were met since the start (fact/own.h) */
	bool alone;             /* the operator said: without it */
	bool set_back;
	char *hold;             /* keydist holds this node, and why */
	bool serving;           /* net answers transfers */
	bool leaving;           /* keydist says that this signer is to leave the cluster: net answers nothing */
	int64_t upkeep_ms;      /* monotonic: next upkeep of the store */
	int64_t wrote_ms;       /* monotonic: something was published last */
	int64_t grew_ms;        /* monotonic: memory was last taken for many zones: a publication, plans */
	int64_t trimmed_ms;     /* grew_ms when memory was given back last */
	size_t untrimmed;       /* publications and plans since then */
	bool upkeep_on;
	int64_t drain_until_ms; /* monotonic; 0: not draining */
	bool stopping;
	int exit_code;
};

/* Runs until a signal ends it or net is gone.  Takes over conf, sock, and starter (starter.h).  Returns the exit code. */
int engine_main(struct conf *conf, int sock, pid_t net_pid, int starter);

/* The zone, or NULL; with make, a new one. name as dname_to_text writes it, in lower case. */
struct zwork *engine_zone(struct engine *e, const char *name, bool make);
/* Takes the zone out of the list and frees it. */
void engine_zone_drop(struct engine *e, struct zwork *z);
/* zones.c: what the store has, at start. */
void engine_zones_open(struct engine *e);
void engine_zones_close(struct engine *e);
/* rounds.c */
void rounds_start(struct engine *e);
void rounds_end(struct engine *e);
/* Something happened to all of them. */
void engine_poke_all(struct engine *e);
/* folder.c: notice of files that change in zones-dir. */
void folder_watch(struct engine *e);
void folder_other(struct engine *e);
void folder_end(struct engine *e);
/* upkeep.c: compacts the store when it is time and no change is open. */
void engine_upkeep(struct engine *e);
/* Transfers are answered after the comparison, or when it has taken too long. */
void engine_serve_when_due(struct engine *e);
/* Answers nothing for so long; 0: serves again. */
void engine_drain(struct engine *e, int64_t for_ms);
/* Reads the configuration again, all or nothing. */
int engine_reload(struct engine *e, struct err *err);
/* Ends the loop. */
void engine_stop(struct engine *e, int exit_code);
/* The comparison is done, or waived: new versions may be made. */
bool engine_may_make(const struct engine *e);
/* It may have been set back, and nobody was met who could tell. */
bool engine_unsure(const struct engine *e);

/* clock.c: once a second, after keydist's word. */
void engine_clock_tick(struct engine *e);
/* Whether this node may sign now; late: a version is within half its margin.  why: static or e's. */
bool engine_clock_ok(struct engine *e, bool within_half, const char **why);

#endif
