/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_msg: messages of a peer, from their octets to what the cluster does with them. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/impl.h"
#include "fuzz_main.h"

static uv_loop_t loop;
static struct cluster *cluster;
static struct msg_peer peer;

static void on_nothing(void *ctx)
{
	(void)ctx;
}

static int on_word(void *ctx, const uint8_t node[NODE_ID_LEN], const char *zone, const char *status)
{
	json_t *o = cluster_status_get(cluster, node, zone);

	(void)ctx;
	assert(status[0] == '{' && json_is_object(o));
	json_decref(o);
	return 0;
}

static void on_status(void *ctx)
{
	(void)ctx;
	cluster_status_since(cluster, 0, on_word, NULL);
}

static void on_request(void *ctx, const char *token, const char *what, json_t *args)
{
	struct err why;

	(void)ctx;
	(void)args;
	assert(what != NULL);
	err_set(&why, ERR_REFUSED, "no");
	cluster_answer(cluster, token, NULL, &why);
}

static void remove_dir(void)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd), "rm -rf /tmp/duet-fuzz-msg-%d", (int)getpid());
	if (system(cmd) != 0)
		perror(cmd);
}

/* One node that knows one peer, which is never there. */
static void open_once(void)
{
	static char dir[100], listen[160], endpoint[160];
	static char name[] = "self", peer_name[] = "peer";
	static struct identity self;
	static struct conf_peer peers[1];
	static struct conf conf;
	static char self_line[NODE_LINE_TEXT], peer_line[NODE_LINE_TEXT];
	struct cluster_config config = { .loop = &loop,
					 .conf = &conf,
					 .identity = &self,
					 .role = NODE_SIGNER,
					 .dir = dir,
					 .listen = listen,
					 .on_facts = on_nothing,
					 .on_status = on_status,
					 .on_request = on_request,
					 .on_tick = on_nothing };
	char path[200], other[200];
	struct err e;

	assert(secret_init(&e) == 0);
	snprintf(dir, sizeof(dir), "/tmp/duet-fuzz-msg-%d", (int)getpid());
	snprintf(path, sizeof(path), "mkdir -p %s", dir);
	assert(system(path) == 0);
	atexit(remove_dir);
	snprintf(listen, sizeof(listen), "ipc://%s/self", dir);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/peer", dir);
	snprintf(path, sizeof(path), "%s/identity", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	assert(identity_create(path, NULL, NULL, true, self_line, &e) == 0);
	assert(identity_create(other, NULL, NULL, true, peer_line, &e) == 0);
	assert(identity_load(path, NULL, &self, &e) == 0);
	peers[0] = (struct conf_peer){ .name = peer_name, .line = peer_line, .role = CONF_SIGNER, .endpoint = endpoint };
	conf.node.name = name;
	conf.peers = peers;
	conf.peer_count = 1;
	uv_loop_init(&loop);
	assert(cluster_open(&config, &cluster, &e) == 0);
	peer = cluster->peer[0].peer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *type = NULL;
	json_t *msg;

	if (cluster == NULL)
		open_once();
	if ((msg = msg_parse(data, len, &type, NULL)) == NULL)
		return 0;
	for (const struct msg_row *row = cluster->rows; row->type != NULL; row++)
		if (strcmp(row->type, type) == 0)
			row->handler(cluster, &peer, msg);
	json_decref(msg);
	uv_run(&loop, UV_RUN_NOWAIT);
	return 0;
}
