/* SPDX-License-Identifier: BSD-3-Clause */
/* duet-backupd: keeps every fact and every sealed key for good, and passes facts on between signers. */
#include "backupd/backupd.h"

#include "clock/clock.h"
#include "log/log.h"
#include "service/service.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void on_facts(void *ctx)
{
	keep_step(ctx);
}

static void on_tick(void *ctx)
{
	keep_step(ctx);
	retain_tick(ctx);
}

static int read_recovery(struct backupd *b, struct err *e)
{
	b->recovery_known = b->conf->node.recovery != NULL;
	if (!b->recovery_known)
		return 0;
	if (recovery_line_parse(b->conf->node.recovery, b->recovery_pk, e) != 0)
		return err_ctx(e, "node.recovery");
	return node_id_parse(recovery_id_text(b->recovery_pk, b->recovery_text), b->recovery_id, e);
}

int backupd_reload(struct backupd *b, struct err *e)
{
	struct conf *fresh = NULL, *old = b->conf;

	if (conf_reload(b->conf, "backupd", &fresh, e) != 0)
		return -1;
	b->conf = fresh;
	if (read_recovery(b, e) != 0 || cluster_reload(b->cluster, fresh, e) != 0) {
		b->conf = old;
		read_recovery(b, NULL);
		cluster_reload(b->cluster, old, NULL);
		conf_free(fresh);
		return -1;
	}
	conf_free(old);
	log_event(LOG_NOTICE, "reloaded", "peers=%zu", b->conf->peer_count);
	return 0;
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct backupd *b = handle->data;
	struct err e;

	if (number != SIGHUP)
		uv_stop(&b->loop);
	else if (backupd_reload(b, &e) != 0)
		log_event(LOG_ERROR, "reload-refused", "msg=%s; the old configuration stays", e.text);
}

static void watch_signal(struct backupd *b, uv_signal_t *handle, int number)
{
	uv_signal_init(&b->loop, handle);
	handle->data = b;
	uv_signal_start(handle, on_signal, number);
}

static int start(struct backupd *b, struct err *e)
{
	struct cluster_config config = {
		.loop = &b->loop,
		.conf = b->conf,
		.identity = &b->self,
		.role = NODE_BACKUP,
		.dir = b->conf->backupd.state_dir,
		.listen = b->conf->backupd.listen,
		.ctx = b,
		.on_facts = on_facts,
		.on_fact = keep_on_fact,
		.on_tick = on_tick,
	};

	if (mkdir(config.dir, 0700) != 0 && errno != EEXIST)
		return err_errno(e, "%s", config.dir);
	/* without the wrap key: nothing is sealed to a backup, so its X25519 secret is not even opened */
	if (identity_load(b->conf->node.identity, NULL, &b->self, e) != 0 || read_recovery(b, e) != 0 ||
	    retain_open(b, e) != 0 || cluster_open(&config, &b->cluster, e) != 0)
		return -1;
	return api_open(b, e);
}

static void stop(struct backupd *b)
{
	http_server_close(b->http);
	cluster_close(b->cluster);
	uv_close((uv_handle_t *)&b->term, NULL);
	uv_close((uv_handle_t *)&b->intr, NULL);
	uv_close((uv_handle_t *)&b->hup, NULL);
	while (uv_run(&b->loop, UV_RUN_DEFAULT) != 0)
		;
	uv_loop_close(&b->loop);
	retain_close(b);
	free(b->fresh);
	identity_fini(&b->self);
	conf_free(b->conf);
}

int main(int argc, char **argv)
{
	struct backupd b;
	struct err e;
	int rc;

	memset(&b, 0, sizeof(b));
	log_init("duet-backupd", LOG_INFO);
	if (clock_init() != 0 || secret_init(&e) != 0) {
		log_event(LOG_ERROR, "start-failed", "msg=clock or secrets");
		return 1;
	}
	if ((rc = conf_start(argc, argv, "duet-backupd", "backupd", &b.conf)) >= 0)
		return rc;
	uv_loop_init(&b.loop);
	watch_signal(&b, &b.term, SIGTERM);
	watch_signal(&b, &b.intr, SIGINT);
	watch_signal(&b, &b.hup, SIGHUP);
	rc = start(&b, &e);
	if (rc == 0) {
		log_event(LOG_NOTICE, "ready", "node=%s id=%s facts=%zu", b.conf->node.name, b.self.id_text,
			  fact_log_count(cluster_log(b.cluster)));
		service_tell("READY=1");
		uv_run(&b.loop, UV_RUN_DEFAULT);
		service_tell("STOPPING=1");
		log_event(LOG_NOTICE, "stopped", "node=%s", b.conf->node.name);
	} else {
		log_event(LOG_ERROR, "start-failed", "msg=%s", e.text);
	}
	stop(&b);
	return rc == 0 ? 0 : 1;
}
