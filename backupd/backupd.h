/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_BACKUPD_H
#define DUET_BACKUPD_H

#include <uv.h>

#include "cluster/cluster.h"
#include "conf/conf.h"
#include "http/http.h"
#include "identity/identity.h"

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
	bool look_at_all, could; /* all zones are to be looked at; facts could be said when it was last looked */
};

/* keep.c: says `stored` for each key that it keeps for the recovery key, once it is durable here. */
void keep_step(struct backupd *b);
void keep_on_fact(void *ctx, const struct fact *f);
json_t *keep_list(struct backupd *b); /* GET /v1/backups */
size_t keep_keys(const struct backupd *b);

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
