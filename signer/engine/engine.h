/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ENGINE_H
#define DUET_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "conf/conf.h"
#include "http/http.h"
#include "identity/identity.h"
#include "store/store.h"

/*
 * engine - the process that holds the zone-signing keys and runs each zone's pipeline: sources, checks, signing, the serial
 * rule, publication, status.  One thread runs the loop and owns all state; loading, signing and commits run in the pool.
 */
struct zwork;
struct netlink;
struct kdlink;

/*
 * A task uses the store.  Tasks run one at a time, in order: work in the pool, then done in the loop.  done may use the store
 * too, and so may the loop while no task runs; nobody else.
 */
struct task {
	struct task *next;
	void (*work)(struct task *t); /* may be NULL */
	void (*done)(struct task *t); /* owns t from then on */
};

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
	struct http_server *api;
	struct engine_clock clock;

	struct zwork **zone; /* in order of name */
	size_t zone_count, zone_cap;

	struct task *task_first, **task_end;
	bool task_running;
	uv_work_t task_work;

	uv_timer_t tick, soon;
	uv_signal_t signal[3];
	uv_fs_event_t folder; /* zones-dir */
	int64_t started_mono_ms;

	struct engine_node node[ENGINE_NODES_MAX];
	size_t node_count;
	int64_t nodes_mono_ms;  /* when keydist last said who is there; 0: never */
	bool compared;          /* the comparison after a start (DESIGN section 4) is done */
	bool alone;             /* the operator said: without it */
	bool set_back;
	char *hold;             /* keydist holds this node, and why */
	bool serving;           /* net answers transfers */
	int64_t upkeep_ms;      /* monotonic: next upkeep of the store */
	bool upkeep_on;
	int64_t drain_until_ms; /* monotonic; 0: not draining */
	bool stopping;
	int exit_code;
};

/* Runs until a signal ends it or net is gone.  Takes over conf and sock. Returns the exit code. */
int engine_main(struct conf *conf, int sock, pid_t net_pid);

/* The zone, or NULL; with make, a new one. name as dname_to_text writes it, in lower case. */
struct zwork *engine_zone(struct engine *e, const char *name, bool make);
/* Takes the zone out of the list and frees it. */
void engine_zone_drop(struct engine *e, struct zwork *z);
/* Queues a task. */
void engine_task(struct engine *e, struct task *t);
/* Has all poked zones stepped soon. */
void engine_soon(struct engine *e);
/* upkeep.c: folds in and compacts the store when it is time and nothing else uses it. */
void engine_upkeep(struct engine *e);
/* Answers nothing for so long; 0: serves again. */
void engine_drain(struct engine *e, int64_t for_ms);
/* Reads the configuration again, all or nothing. */
int engine_reload(struct engine *e, struct err *err);
/* Ends the loop. */
void engine_stop(struct engine *e, int exit_code);
/* The comparison is done, or waived: new versions may be made. */
bool engine_may_make(const struct engine *e);

/* clock.c: once a second, after keydist's word. */
void engine_clock_tick(struct engine *e);
/* Whether this node may sign now; late: a version is within half its margin.  why: static or e's. */
bool engine_clock_ok(struct engine *e, bool within_half, const char **why);

#endif
