/* SPDX-License-Identifier: BSD-3-Clause */
/* cluster: opening, the list of peers, the second's tick. */
#include "cluster/impl.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS   1000
#define GREET_MS  250
#define TELL_MS   50 /* between two vectors that changes are told by */
#define GREETINGS 40
#define NODES   (MSG_SIGNER | MSG_BACKUP)

static const char *const migrations[] = {
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
	"CREATE TABLE status (node TEXT NOT NULL, zone TEXT NOT NULL, start INTEGER NOT NULL, counter "
	"INTEGER NOT NULL,"
	" status TEXT NOT NULL, PRIMARY KEY (node, zone)) STRICT",
	"ALTER TABLE status ADD COLUMN random BLOB NOT NULL DEFAULT x'0000000000000000'",
};

static const struct msg_row own_rows[] = {
	{ "hello", NODES, 1u << 20, sync_on_hello },      { "have", NODES, 1u << 20, sync_on_have },
	{ "facts", NODES, MSG_MAX, sync_on_facts },       { "status", NODES, MSG_MAX, gossip_on_status },
	{ "request", NODES, 1u << 16, relay_on_request }, { "reply", NODES, 1u << 20, relay_on_reply },
};

static void on_refused(void *ctx, const char *who, const char *why)
{
	(void)ctx;
	log_event(LOG_WARNING, "message-refused", "peer=%s msg=%s", who, why);
}

bool cluster_tell_once(struct cluster *c, const char *what)
{
	uint8_t sum[16];

	crypto_generichash(sum, sizeof(sum), (const uint8_t *)what, strlen(what), NULL, 0);
	for (size_t i = 0; i < c->told_count; i++)
		if (memcmp(c->told[i], sum, sizeof(sum)) == 0)
			return false;
	if (c->told_count == 1024)
		return false;
	c->told = mem_grow(c->told, c->told_count + 1, sizeof(*c->told));
	memcpy(c->told[c->told_count++], sum, sizeof(sum));
	return true;
}

/* ---- peers ---- */

static int read_peer(const struct conf_peer *from, struct cluster_peer *p, struct known_line *line,
		     struct err *e)
{
	memset(p, 0, sizeof(*p));
	if (node_line_parse(from->line, &line->line, e) != 0)
		return err_ctx(e, "peer %s", from->name);
	node_id_of(line->line.sign_pk, line->id);
	memcpy(p->peer.id, line->id, NODE_ID_LEN);
	memcpy(p->peer.curve_pk, line->line.curve_pk, PUBLIC_LEN);
	p->peer.role = from->role == CONF_BACKUP ? MSG_BACKUP : MSG_SIGNER;
	snprintf(p->peer.name, sizeof(p->peer.name), "%s", from->name);
	snprintf(p->peer.endpoint, sizeof(p->peer.endpoint), "%s", from->endpoint);
	return 0;
}

static bool engine_peer(const struct cluster *c, struct msg_peer *p)
{
	static const uint8_t none[PUBLIC_LEN];

	if (c->config.role != NODE_SIGNER || memcmp(c->self->engine_curve_pk, none, PUBLIC_LEN) == 0)
		return false;
	memset(p, 0, sizeof(*p));
	strcpy(p->name, "engine");
	memcpy(p->id, c->self->id, NODE_ID_LEN);
	memcpy(p->curve_pk, c->self->engine_curve_pk, PUBLIC_LEN);
	p->role = MSG_ENGINE;
	return true;
}

static void peer_fini(struct cluster_peer *p)
{
	free(p->row);
	free(p->sent);
}

int cluster_reload(struct cluster *c, const struct conf *conf, struct err *e)
{
	struct msg_peer list[CLUSTER_PEERS_MAX + 1];
	struct cluster_peer *fresh;
	struct known_line *lines;
	size_t n = 0;
	int rc = 0;

	if (conf->peer_count > CLUSTER_PEERS_MAX)
		return err_set(e, ERR_LIMIT, "%zu peers, at most %d", conf->peer_count, CLUSTER_PEERS_MAX);
	fresh = mem_new(conf->peer_count + 1, sizeof(*fresh));
	lines = mem_new(conf->peer_count + 1, sizeof(*lines));
	for (size_t i = 0; i < conf->peer_count && rc == 0; i++) {
		rc = read_peer(&conf->peers[i], &fresh[n], &lines[n], e);
		if (rc == 0 && memcmp(fresh[n].peer.id, c->self->id, NODE_ID_LEN) == 0)
			continue; /* the same list on every host is fine */
		list[n] = fresh[n].peer;
		n++;
	}
	if (rc != 0) {
		free(fresh);
		free(lines);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < c->peers; j++)
			if (memcmp(fresh[i].peer.id, c->peer[j].peer.id, NODE_ID_LEN) == 0) {
				struct msg_peer keep = fresh[i].peer;

				fresh[i] = c->peer[j];
				fresh[i].peer = keep;
				c->peer[j].row = NULL;
				c->peer[j].sent = NULL;
			}
	for (size_t j = 0; j < c->peers; j++)
		peer_fini(&c->peer[j]);
	free(c->peer);
	free(c->line);
	c->peer = fresh;
	c->line = lines;
	c->peers = n;
	c->config.conf = conf;
	c->told_count = 0;
	if (engine_peer(c, &list[n]))
		n++;
	return msg_hub_peers(c->hub, list, n, e);
}

struct cluster_peer *cluster_peer_of(struct cluster *c, const struct msg_peer *from)
{
	for (size_t i = 0; i < c->peers; i++)
		if (memcmp(c->peer[i].peer.id, from->id, NODE_ID_LEN) == 0)
			return &c->peer[i];
	return NULL;
}

/* ---- ticks ---- */

static void on_tick(uv_timer_t *timer)
{
	struct cluster *c = timer->data;

	for (size_t i = 0; i < c->peers; i++) {
		sync_tell(c, &c->peer[i]);
		gossip_send(c, &c->peer[i]);
	}
	relay_tick(c, false);
	status_save(c);
	c->config.on_tick(c->config.ctx);
}

/* After a start: says hello again soon to who has not answered, since its way back to us may only just be open. */
static void on_greet(uv_timer_t *timer)
{
	struct cluster *c = timer->data;

	for (size_t i = 0; i < c->peers; i++)
		if (!c->peer[i].has_told)
			sync_tell(c, &c->peer[i]);
	if (++c->greeted == GREETINGS || cluster_compared(c))
		uv_timer_stop(timer);
}

/* What is new goes to everybody at once, the vector that tells of it a little later, with what follows. */
static void announce(struct cluster *c)
{
	const int64_t now = clock_mono_ms();
	int64_t left_ms = 0;

	for (size_t i = 0; i < c->peers; i++) {
		struct cluster_peer *p = &c->peer[i];

		facts_send(c, p);
		if (now - p->asked_ms >= TELL_MS)
			sync_tell(c, p);
		else if (p->asked_ms + TELL_MS - now > left_ms)
			left_ms = p->asked_ms + TELL_MS - now;
	}
	c->announce = left_ms > 0;
	if (c->announce)
		sync_later(c, (unsigned)left_ms);
}

static void on_soon(uv_timer_t *timer)
{
	struct cluster *c = timer->data;

	if (c->announce)
		announce(c);
	if (c->changed) {
		c->changed = false;
		c->config.on_facts(c->config.ctx);
	}
}

void sync_later(struct cluster *c, unsigned ms)
{
	if (uv_is_active((uv_handle_t *)&c->soon) && uv_timer_get_due_in(&c->soon) <= ms)
		return; /* never put off */
	uv_timer_start(&c->soon, on_soon, ms, 0);
}

void sync_soon(struct cluster *c)
{
	sync_later(c, 2);
}

/* ---- open, close ---- */

static int count_start(struct cluster *c, struct err *e)
{
	sqlite3_stmt *st;

	if (sql_exec(c->db,
		     "INSERT INTO meta (name, value) VALUES ('starts', 1) ON CONFLICT (name) DO UPDATE SET "
		     "value = value + 1",
		     e) != 0 ||
	    sql_prepare(c->db, "SELECT value FROM meta WHERE name = 'starts'", &st, e) != 0)
		return -1;
	if (sql_step(st, e) == 1)
		c->start.number = (uint32_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	randombytes_buf(c->start.random, sizeof(c->start.random));
	sodium_bin2hex(c->session, sizeof(c->session), c->start.random, sizeof(c->start.random));
	return 0;
}

static int open_files(struct cluster *c, struct err *e)
{
	char *facts = mem_printf("%s/facts.db", c->config.dir),
	     *rest = mem_printf("%s/cluster.db", c->config.dir);
	int rc = -1;

	if (fact_log_open(facts, &c->log, e) == 0 && fact_state_load(c->log, &c->state, e) == 0 &&
	    sql_open(rest, migrations, sizeof(migrations) / sizeof(migrations[0]), &c->db, e) == 0 &&
	    count_start(c, e) == 0 && status_load(c, e) == 0)
		rc = 0;
	free(facts);
	free(rest);
	return rc;
}

static void make_rows(struct cluster *c)
{
	const size_t own = sizeof(own_rows) / sizeof(own_rows[0]);
	size_t more = 0;

	while (c->config.rows != NULL && c->config.rows[more].type != NULL)
		more++;
	c->rows = mem_new(own + more + 1, sizeof(*c->rows));
	memcpy(c->rows, own_rows, sizeof(own_rows));
	for (size_t i = 0; i < more; i++)
		c->rows[own + i] = c->config.rows[i];
}

int cluster_open(const struct cluster_config *config, struct cluster **out, struct err *e)
{
	struct cluster *c = mem_new(1, sizeof(*c));
	struct msg_hub_config hub;

	c->config = *config;
	c->self = config->identity;
	c->status_newest = STATUS_NONE;
	uv_timer_init(config->loop, &c->tick);
	uv_timer_init(config->loop, &c->soon);
	uv_timer_init(config->loop, &c->greet);
	c->tick.data = c->soon.data = c->greet.data = c;
	make_rows(c);
	hub = (struct msg_hub_config){ config->listen, c->self->line.curve_pk, c->self->curve_sk, c->rows, c,
				       on_refused };
	if (open_files(c, e) != 0 || msg_hub_open(config->loop, &hub, &c->hub, e) != 0 ||
	    cluster_reload(c, config->conf, e) != 0) {
		cluster_close(c);
		return -1;
	}
	uv_timer_start(&c->tick, on_tick, 100, TICK_MS);
	uv_timer_start(&c->greet, on_greet, GREET_MS, GREET_MS);
	*out = c;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void cluster_close(struct cluster *c)
{
	if (c == NULL)
		return;
	if (c->db != NULL) {
		c->saved_ms = 0;
		status_save(c);
	}
	relay_tick(c, true);
	msg_hub_close(c->hub);
	for (size_t i = 0; i < c->peers; i++)
		peer_fini(&c->peer[i]);
	status_fini(c);
	free(c->peer);
	free(c->line);
	free(c->rows);
	free(c->told);
	fact_state_free(c->state);
	fact_log_close(c->log);
	sql_close(c->db);
	uv_close((uv_handle_t *)&c->soon, NULL);
	uv_close((uv_handle_t *)&c->greet, NULL);
	uv_close((uv_handle_t *)&c->tick, on_closed);
}

/* ---- what others ask ---- */

void *cluster_context(const struct cluster *c)
{
	return c->config.ctx;
}

struct fact_state *cluster_state(const struct cluster *c)
{
	return c->state;
}

struct fact_log *cluster_log(const struct cluster *c)
{
	return c->log;
}

struct msg_hub *cluster_hub(const struct cluster *c)
{
	return c->hub;
}

const struct identity *cluster_self(const struct cluster *c)
{
	return c->self;
}

const struct cluster_peer *cluster_peers(const struct cluster *c, size_t *n)
{
	*n = c->peers;
	return c->peer;
}

const char *cluster_name(const struct cluster *c, const uint8_t id[NODE_ID_LEN])
{
	static char text[4][NODE_ID_TEXT];
	static unsigned at;
	const struct node_state *n = state_node(c->state, id);

	if (memcmp(id, c->self->id, NODE_ID_LEN) == 0)
		return c->config.conf->node.name;
	for (size_t i = 0; i < c->peers; i++)
		if (memcmp(c->peer[i].peer.id, id, NODE_ID_LEN) == 0)
			return c->peer[i].peer.name;
	if (n != NULL && n->admitted.set)
		return json_string_value(json_object_get(n->admitted.body, "name"));
	at = (at + 1) % 4;
	return node_id_text(id, text[at]);
}

int cluster_find(const struct cluster *c, const char *name, uint8_t id[NODE_ID_LEN], struct err *e)
{
	if (node_id_parse(name, id, NULL) == 0)
		return 0;
	if (strcmp(name, c->config.conf->node.name) == 0) {
		memcpy(id, c->self->id, NODE_ID_LEN);
		return 0;
	}
	for (size_t i = 0; i < c->peers; i++)
		if (strcmp(c->peer[i].peer.name, name) == 0) {
			memcpy(id, c->peer[i].peer.id, NODE_ID_LEN);
			return 0;
		}
	for (size_t i = 0; i < c->state->nodes; i++) {
		const struct node_state *n = &c->state->node[i];

		if (n->admitted.set &&
		    strcmp(json_string_value(json_object_get(n->admitted.body, "name")), name) == 0) {
			memcpy(id, n->id, NODE_ID_LEN);
			return 0;
		}
	}
	return err_set(e, ERR_NOTFOUND, "no node is called %s", name);
}
