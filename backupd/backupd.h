/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_BACKUPD_H
#define DUET_BACKUPD_H

#include <uv.h>

#include "cluster/cluster.h"
#include "conf/conf.h"
#include "http/http.h"
#include "identity/identity.h"
#include "sql/sql.h"

/*
 * backupd - what the files of this program share.  It keeps every fact, and with them every key as a box for
 * the recovery key, which it does not have: no key of any kind but its own identity is in its memory, apart
 * from the time of one restore.
 */
struct backupd {
	uv_loop_t loop;
	struct conf *conf;
	struct identity self;
	uint8_t recovery_pk[PUBLIC_LEN];
	bool recovery_known;
	uint8_t recovery_id[NODE_ID_LEN];
	char recovery_text[RECOVERY_ID_TEXT];
	struct cluster *cluster;
	struct http_server *http;
	uv_signal_t term, intr, hup;
	char trouble[256];
	uint8_t (*fresh)[DNAME_MAX]; /* zones of which facts came */
	size_t fresh_count;
	struct removed *removed; /* retain.c */
	size_t removeds;
	sqlite3 *db;
	int64_t counted_ms, saved_ms, dropped_ms; /* running time was last counted, and saved; keys were dropped */
	bool look_at_all, could; /* all zones are to be looked at; facts could be said when it was last looked */
};

/* keep.c: says `stored` for each key that it keeps for the recovery key, once it is durable here. */
void keep_step(struct backupd *b);
void keep_on_fact(void *ctx, const struct fact *f);
json_t *keep_list(struct backupd *b); /* GET /v1/backups */
size_t keep_keys(const struct backupd *b);

/*
 * retain.c: drops the keys of zones that were removed longer ago than retention-days, of time that this backup ran.
 * It says `dropped`, and then takes their boxes out of the facts, for good.  Never of a zone that is there.
 */
struct removed {
	char *zone;
	int64_t ran_ms;
};
int retain_open(struct backupd *b, struct err *e);
void retain_close(struct backupd *b);
void retain_tick(struct backupd *b);
/* Seconds until the zone's keys are dropped; null when they are not. */
json_t *retain_left(const struct backupd *b, const struct zone_state *z);

/*
 * restore.c: onto new identities.  file: the recovery secret; signers: duet1 lines, which the configuration
 * must list; fenced: names or ids, which must be all signers there were.  One transaction retires the old,
 * admits and counts the new, and seals every key and TSIG secret to each.  ERR_NOTNOW until this backup has compared
 * its facts with another node, unless alone says that there is none.
 */
int restore_run(struct backupd *b, const char *file, const json_t *signers, const json_t *fenced, bool alone,
		json_t **out, struct err *e);

int api_open(struct backupd *b, struct err *e);
int backupd_reload(struct backupd *b, struct err *e);

#endif
