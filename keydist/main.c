/* SPDX-License-Identifier: BSD-3-Clause */
/* duet-keydist: holds the facts and all private keys of the cluster, sealed, and plans each zone. */
#include "keydist/events.h"
#include "keydist/lend.h"
#include "keydist/local.h"
#include "keydist/parent.h"
#include "keydist/submit.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "service/service.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void on_facts(void *ctx)
{
	keydist_turn_soon(ctx);
}

static void on_tick(void *ctx)
{
	keydist_tick(ctx);
}

/* Another node asks for something of our signer. */
struct foreign {
	struct keydist *k;
	char token[64];
};

static void on_engine_reply(void *ctx, json_t *result, const struct err *why)
{
	struct foreign *f = ctx;

	cluster_answer(f->k->cluster, f->token, result, why);
	free(f);
}

static void on_request(void *ctx, const char *token, const char *what, json_t *args)
{
	const bool content = strcmp(what, "submission") == 0 || strcmp(what, "input") == 0;
	struct foreign *f;
	struct err why;

	if (content && !lend_may(ctx, token)) {
		err_set(&why, ERR_REFUSED, "what is in zones is given to signers of the cluster only");
		cluster_answer(((struct keydist *)ctx)->cluster, token, NULL, &why);
		return;
	}
	if (strcmp(what, "submission") == 0) {
		submit_on_request(ctx, token, args);
		return;
	}
	if (content)
		fail_point("input-asked");
	f = mem_new(1, sizeof(*f));
	f->k = ctx;
	snprintf(f->token, sizeof(f->token), "%s", token);
	if (strcmp(what, "kill") == 0) {
		err_set(&why, ERR_REFUSED, "a signer is killed on its own host only");
		on_engine_reply(f, NULL, &why);
		return;
	}
	engine_ask(f->k, what, args, 60000, on_engine_reply, f);
}

static int read_recovery(struct keydist *k, struct err *e)
{
	k->recovery_known = k->conf->node.recovery != NULL;
	if (!k->recovery_known)
		return 0;
	if (recovery_line_parse(k->conf->node.recovery, k->recovery_pk, e) != 0)
		return err_ctx(e, "node.recovery");
	recovery_id_text(k->recovery_pk, k->recovery_id);
	return 0;
}

int keydist_reload(struct keydist *k, struct err *e)
{
	struct conf *fresh = NULL, *old = k->conf;

	if (conf_reload(k->conf, "keydist", &fresh, e) != 0)
		return -1;
	k->conf = fresh;
	if (read_recovery(k, e) != 0 || cluster_reload(k->cluster, fresh, e) != 0) {
		k->conf = old;
		read_recovery(k, NULL);
		cluster_reload(k->cluster, old, NULL);
		conf_free(fresh);
		return -1;
	}
	parent_close(k); /* what is not done is told as it is now configured */
	events_close(k);
	zones_touch_all(k);
	conf_free(old);
	log_event(LOG_NOTICE, "reloaded", "peers=%zu", k->conf->peer_count);
	return 0;
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct keydist *k = handle->data;
	struct err e;

	if (number != SIGHUP) {
		uv_stop(&k->loop);
	} else if (keydist_reload(k, &e) != 0) {
		log_event(LOG_ERROR, "reload-refused", "msg=%s; the old configuration stays", e.text);
	}
}

static void watch_signal(struct keydist *k, uv_signal_t *handle, int number)
{
	uv_signal_init(&k->loop, handle);
	handle->data = k;
	uv_signal_start(handle, on_signal, number);
}

static int load_identity(struct keydist *k, struct err *e)
{
	struct secret *wrap = wrap_key_load(k->conf->keydist.wrap_key, e);
	int rc;

	if (wrap == NULL)
		return -1;
	rc = identity_load(k->conf->node.identity, wrap, &k->self, e);
	secret_free(wrap);
	return rc;
}

static int start(struct keydist *k, struct err *e)
{
	struct cluster_config config = {
		.loop = &k->loop,
		.conf = k->conf,
		.identity = &k->self,
		.role = NODE_SIGNER,
		.dir = k->conf->keydist.state_dir,
		.listen = k->conf->keydist.listen,
		.rows = engine_rows,
		.ctx = k,
		.on_facts = on_facts,
		.on_fact = keydist_on_fact,
		.on_status = engine_on_status,
		.on_request = on_request,
		.on_tick = on_tick,
	};

	if (mkdir(config.dir, 0700) != 0 && errno != EEXIST)
		return err_errno(e, "%s", config.dir);
	if (load_identity(k, e) != 0 || read_recovery(k, e) != 0 || store_db_open(k, e) != 0 ||
	    cluster_open(&config, &k->cluster, e) != 0)
		return -1;
	k->clock_good = cluster_clock(k->cluster, k->clock_why);
	k->local_stale = true;
	local_tend(k);
	zones_touch_all(k);
	return api_open(k, e);
}

static void stop(struct keydist *k)
{
	struct err e;

	if (k->db != NULL && store_memory_save(k, &e) != 0)
		log_event(LOG_ERROR, "waits-not-kept", "msg=%s", e.text);
	/* Whoever waits for keys, an engine or another node is answered before the server goes; nobody waits anew.
	 */
	k->stopping = true;
	while (k->makings > 0)
		uv_run(&k->loop, UV_RUN_ONCE);
	engine_close(k);
	parent_close(k);
	events_close(k);
	if (k->cluster != NULL)
		cluster_give_up(k->cluster);
	submit_close(k);
	http_server_close(k->http);
	cluster_close(k->cluster);
	uv_close((uv_handle_t *)&k->flush, NULL);
	uv_close((uv_handle_t *)&k->turn, NULL);
	uv_close((uv_handle_t *)&k->term, NULL);
	uv_close((uv_handle_t *)&k->intr, NULL);
	uv_close((uv_handle_t *)&k->hup, NULL);
	while (uv_run(&k->loop, UV_RUN_DEFAULT) != 0)
		;
	uv_loop_close(&k->loop);
	keydist_free(k);
	conf_free(k->conf);
}

int main(int argc, char **argv)
{
	struct keydist k;
	struct err e;
	int rc;

	memset(&k, 0, sizeof(k));
	log_init("duet-keydist", LOG_INFO);
	if (clock_init() != 0 || secret_init(&e) != 0) {
		log_event(LOG_ERROR, "start-failed", "msg=clock or secrets");
		return 1;
	}
	if ((rc = conf_start(argc, argv, "duet-keydist", "keydist", &k.conf)) >= 0)
		return rc;
	uv_loop_init(&k.loop);
	uv_timer_init(&k.loop, &k.flush);
	uv_timer_init(&k.loop, &k.turn);
	k.flush.data = k.turn.data = &k;
	watch_signal(&k, &k.term, SIGTERM);
	watch_signal(&k, &k.intr, SIGINT);
	watch_signal(&k, &k.hup, SIGHUP);
	rc = start(&k, &e);
	if (rc == 0) {
		log_event(LOG_NOTICE, "ready", "node=%s id=%s facts=%zu", k.conf->node.name, k.self.id_text,
			  fact_log_count(cluster_log(k.cluster)));
		service_tell("READY=1");
		uv_run(&k.loop, UV_RUN_DEFAULT);
		service_tell("STOPPING=1");
		log_event(LOG_NOTICE, "stopped", "node=%s", k.conf->node.name);
	} else {
		log_event(LOG_ERROR, "start-failed", "msg=%s", e.text);
	}
	stop(&k);
	return rc == 0 ? 0 : 1;
}
