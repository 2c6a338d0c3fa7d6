/* SPDX-License-Identifier: BSD-3-Clause */
/* netlink: packets to net wait in a queue until the socket takes them; what net says is checked field by field. */
#include "signer/engine/netlink.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock/clock.h"
#include "log/log.h"
#include "msg/msg.h"
#include "signer/netmsg.h"
#include "store/page.h"

struct packet {
	struct packet *next;
	char *text;             /* JSON, or */
	struct secret *secret;  /* TSIG keys */
	int fd;                 /* closed when sent; -1: none */
};

struct netlink {
	struct engine *engine;
	int sock;
	uv_poll_t poll;
	bool ready;
	struct packet *first, **end;
	uint64_t next_query;
	uint32_t *volume;       /* that net has */
	size_t volume_count;
	uint8_t *buf;
};

/* ---- out ---- */

static void packet_free(struct packet *p)
{
	if (p->fd >= 0)
		close(p->fd);
	secret_free(p->secret);
	free(p->text);
	free(p);
}

static int packet_send(struct netlink *n, struct packet *p, struct err *e)
{
	size_t fds = p->fd >= 0 ? 1 : 0;
	int rc;

	if (p->secret == NULL)
		return netmsg_send(n->sock, p->text, strlen(p->text), &p->fd, fds, e);
	rc = netmsg_send(n->sock, secret_open(p->secret), secret_len(p->secret), NULL, 0, e);
	secret_close(p->secret);
	return rc;
}

static void on_socket(uv_poll_t *poll, int status, int events);

static void flush(struct netlink *n)
{
	struct err e;

	while (n->first != NULL) {
		struct packet *p = n->first;

		if (packet_send(n, p, &e) != 0) {
			if (e.code == ERR_NOTNOW)
				break;
			log_event(LOG_ERROR, "net-gone", "msg=%s", e.text);
			engine_stop(n->engine, 1);
			return;
		}
		if ((n->first = p->next) == NULL)
			n->end = &n->first;
		packet_free(p);
	}
	uv_poll_start(&n->poll, UV_READABLE | (n->first != NULL ? UV_WRITABLE : 0), on_socket);
}

static void queue(struct netlink *n, struct packet *p)
{
	*n->end = p;
	n->end = &p->next;
	flush(n);
}

static void send_json(struct netlink *n, const char *type, json_t *o, int fd)
{
	struct packet *p = mem_new(1, sizeof(*p));

	json_object_set_new(o, "v", json_integer(1));
	json_object_set_new(o, "t", json_string(type));
	p->text = json_dumps(o, JSON_COMPACT);
	p->fd = fd;
	json_decref(o);
	if (p->text == NULL || strlen(p->text) > NETMSG_MAX) {
		log_event(LOG_ERROR, "net-packet", "type=%s msg=too large to be sent", type);
		packet_free(p);
		return;
	}
	queue(n, p);
}

static bool has_volume(const struct netlink *n, uint32_t volume)
{
	for (size_t i = 0; i < n->volume_count; i++)
		if (n->volume[i] == volume)
			return true;
	return false;
}

static int send_volume(struct netlink *n, uint32_t volume)
{
	int fd;

	if (has_volume(n, volume))
		return 0;
	if ((fd = store_volume_fd(n->engine->store, volume)) < 0 || (fd = dup(fd)) < 0)
		return -1;
	n->volume = mem_grow(n->volume, n->volume_count + 1, sizeof(*n->volume));
	n->volume[n->volume_count++] = volume;
	send_json(n, "volume", json_pack("{s:I}", "volume", (json_int_t)volume), fd);
	return 0;
}

void netlink_volumes(struct netlink *n)
{
	for (size_t i = 0; i < n->volume_count;) {
		uint32_t volume = n->volume[i];

		if (store_volume_fd(n->engine->store, volume) >= 0) {
			i++;
			continue;
		}
		n->volume[i] = n->volume[--n->volume_count];
		send_json(n, "volume-gone", json_pack("{s:I}", "volume", (json_int_t)volume), -1);
	}
}

static json_t *soa_stream(const struct version_info *info)
{
	size_t len = rr_wire_len(&info->soa);
	struct wr w;
	uint8_t *octets;
	json_t *j;

	for (size_t i = 0; i < info->soa_sig_count; i++)
		len += rr_wire_len(&info->soa_sigs[i]);
	octets = mem_new(1, len);
	w = wr_of(octets, len);
	rr_write(&w, &info->soa);
	for (size_t i = 0; i < info->soa_sig_count; i++)
		rr_write(&w, &info->soa_sigs[i]);
	j = msg_json_base64(octets, w.at);
	free(octets);
	return j;
}

/* The page table as net wants it, in a sealed memfd. */
static int table_memfd(struct netlink *n, const struct zwork *z, const struct table *t)
{
	size_t count = table_len(t);
	struct netmsg_page *pages = mem_new(count + 1, sizeof(*pages));
	struct err e;
	int fd;

	for (size_t i = 0; i < count; i++) {
		const struct page_row *row = table_row(t, i);

		if (send_volume(n, row->volume) != 0) {
			log_event(LOG_ERROR, "store", "zone=%s msg=volume %" PRIu32 " cannot be opened", z->name, row->volume);
			free(pages);
			return -1;
		}
		pages[i] = (struct netmsg_page){ .offset = row->offset, .xxh = row->xxh, .volume = row->volume,
						 .len = row->len };
	}
	if ((fd = netmsg_memfd("pages", pages, count * sizeof(*pages), &e)) < 0)
		log_event(LOG_ERROR, "net-packet", "zone=%s msg=%s", z->name, e.text);
	free(pages);
	return fd;
}

void netlink_version(struct netlink *n, const struct zwork *z)
{
	const struct version_info *info;
	const struct table *t;
	int fd;

	if (!n->ready || z->version == NULL)
		return; /* all is said again when net is ready */
	info = version_info(z->version);
	t = version_table(z->version);
	if ((fd = table_memfd(n, z, t)) < 0)
		return;
	send_json(n, "version",
		  json_pack("{s:s,s:I,s:o,s:o,s:I,s:I}", "zone", z->name, "serial", (json_int_t)info->serial, "id",
			    msg_json_hex(info->id, sizeof(info->id)), "soa", soa_stream(info), "pages",
			    (json_int_t)table_len(t), "octets", (json_int_t)table_octets(t)), fd);
}

void netlink_unserve(struct netlink *n, const char *zone)
{
	if (n->ready)
		send_json(n, "unserve", json_pack("{s:s}", "zone", zone), -1);
}

void netlink_zone(struct netlink *n, const struct zwork *z, bool refresh)
{
	const struct source *s = &z->source;
	json_t *source;

	if (!n->ready)
		return;
	source = s->kind != SOURCE_PRIMARY ? json_null()
					   : json_pack("{s:s,s:s?}", "primary", s->primary, "key", s->key);
	send_json(n, "zone",
		  json_pack("{s:s,s:o,s:b,s:o}", "zone", z->name, "source", source, "refresh", (int)refresh, "have",
			    s->have_serial && s->kind == SOURCE_PRIMARY ? json_integer(s->input_serial) : json_null()), -1);
}

void netlink_zone_gone(struct netlink *n, const char *zone)
{
	if (n->ready)
		send_json(n, "zone-gone", json_pack("{s:s}", "zone", zone), -1);
}

void netlink_peers(struct netlink *n)
{
	const struct conf_signer *c = &n->engine->conf->signer;
	json_t *secondaries = json_array(), *transfer = json_array();
	char text[ADDR_TEXT_LEN + PREFIX_TEXT_LEN];

	if (!n->ready) {
		json_decref(secondaries);
		json_decref(transfer);
		return;
	}
	for (size_t i = 0; i < c->secondary_count; i++) {
		const struct conf_secondary *s = &c->secondaries[i];
		json_t *zones = json_array();

		for (size_t k = 0; k < s->zone_count; k++)
			json_array_append_new(zones, json_string(s->zones[k]));
		json_array_append_new(secondaries, json_pack("{s:s,s:s?,s:o,s:b}", "address", addr_text(&s->address, text),
							     "key", s->key, "zones", zones, "notify", (int)s->notify));
	}
	for (size_t i = 0; i < c->transfer_count; i++)
		json_array_append_new(transfer, json_pack("{s:s,s:s?}", "prefix", prefix_text(&c->transfer[i].prefix, text),
							  "key", c->transfer[i].key));
	send_json(n, "peers", json_pack("{s:o,s:o}", "secondaries", secondaries, "transfer", transfer), -1);
}

uint64_t netlink_query(struct netlink *n, const struct zwork *z, const char *address, const char *key, const char *what,
		       unsigned timeout_ms)
{
	if (!n->ready)
		return 0;
	send_json(n, "query", json_pack("{s:I,s:s,s:s,s:s?,s:s,s:i}", "id", (json_int_t)++n->next_query, "zone", z->name,
					"address", address, "key", key, "what", what, "timeout_ms", (int)timeout_ms), -1);
	return n->next_query;
}

void netlink_notify(struct netlink *n, const char *zone, const char *address)
{
	if (n->ready)
		send_json(n, "notify", json_pack("{s:s,s:s}", "zone", zone, "address", address), -1);
}

void netlink_drain(struct netlink *n, int64_t for_ms)
{
	if (n->ready)
		send_json(n, "drain", json_pack("{s:I}", "for_ms", (json_int_t)for_ms), -1);
}

void netlink_hold_serve(struct netlink *n, bool on)
{
	if (n->ready)
		send_json(n, "hold-serve", json_pack("{s:b}", "on", (int)on), -1);
}

void netlink_tsig(struct netlink *n, struct tsig_key **keys, const bool *newest, size_t count)
{
	const struct tsig_key *const *list = (const struct tsig_key *const *)keys;
	size_t at = 0;

	do {
		struct packet *p = mem_new(1, sizeof(*p));

		p->fd = -1;
		p->secret = netmsg_tsig_pack(list, newest, count, &at);
		queue(n, p);
	} while (at < count);
	for (size_t i = 0; i < count; i++)
		tsig_key_unref(keys[i]);
}

/* ---- in ---- */

struct again {
	struct task task;
	struct netlink *n;
};

/* It reads the store's descriptors, so it is a task. */
static void all_again(struct task *t)
{
	struct again *a = (struct again *)t;
	struct netlink *n = a->n;
	struct engine *e = n->engine;

	free(a);
	n->ready = true;
	log_event(LOG_NOTICE, "net-ready", "zones=%zu", e->zone_count);

	netlink_hold_serve(n, !e->serving);
	netlink_peers(n);
	for (size_t i = 0; i < e->zone_count; i++) {
		netlink_version(n, e->zone[i]);
		if (e->zone[i]->source.kind == SOURCE_PRIMARY)
			netlink_zone(n, e->zone[i], e->zone[i]->version == NULL);
	}
}

static void on_ready(struct netlink *n)
{
	struct again *a = mem_new(1, sizeof(*a));

	a->n = n;
	a->task.done = all_again;
	engine_task(n->engine, &a->task);
}

static void on_input(struct zwork *z, const json_t *msg, int fd)
{
	const void *octets;
	uint8_t *copy;
	uint64_t serial;
	size_t len;
	struct err e;

	if (fd < 0 || msg_uint(msg, "serial", UINT32_MAX, &serial, &e) != 0 || netmsg_map(fd, &octets, &len, &e) != 0) {
		log_event(LOG_WARNING, "net-packet", "zone=%s msg=input: %s", z->name, fd < 0 ? "no descriptor" : e.text);
		return;
	}
	if ((copy = malloc(len + 1)) == NULL) {
		netmsg_unmap(octets, len);
		source_failed(z, "not enough memory for the transfer", 300);
		return;
	}
	memcpy(copy, octets, len);
	netmsg_unmap(octets, len);
	source_stream(z, (uint32_t)serial, copy, len);
}

static void on_zone(struct zwork *z, const char *type, const json_t *msg, int fd)
{
	const char *why = json_string_value(json_object_get(msg, "why"));
	uint64_t n;

	if (strcmp(type, "input") == 0)
		on_input(z, msg, fd);
	else if (strcmp(type, "input-same") == 0 && msg_uint(msg, "serial", UINT32_MAX, &n, NULL) == 0)
		source_same(z, (uint32_t)n);
	else if (strcmp(type, "input-failed") == 0 && why != NULL && msg_uint(msg, "retry_s", 1u << 30, &n, NULL) == 0)
		source_failed(z, why, (int64_t)n);
	else if (strcmp(type, "input-expired") == 0 && msg_uint(msg, "expire_s", UINT32_MAX, &n, NULL) == 0)
		source_expired(z, (int64_t)n);
	else if (strcmp(type, "asked") == 0)
		secondary_asked(z, msg);
	else if (strcmp(type, "transferred") == 0)
		secondary_transferred(z, msg);
	else if (strcmp(type, "notified") == 0)
		secondary_notified(z, msg);
	else if (strcmp(type, "damaged") == 0) {
		log_event(LOG_ERROR, "damaged", "zone=%s msg=a page is not what was written: the zone is signed anew", z->name);
		z->forced = true;
		z->full = true;
		zwork_poke(z);
	}
}

static void on_packet(struct netlink *n, size_t len, int fd)
{
	struct engine *e = n->engine;
	const char *type, *name;
	struct zwork *z;
	struct err err;
	json_t *msg = msg_parse(n->buf, len, &type, &err);

	if (msg == NULL) {
		log_event(LOG_WARNING, "net-packet", "msg=%s", err.text);
		return;
	}
	if (strcmp(type, "ready") == 0) {
		on_ready(n);
	} else if (strcmp(type, "answer") == 0) {
		for (size_t i = 0; i < e->zone_count; i++)
			secondary_answer(e->zone[i], msg);
	} else if ((name = json_string_value(json_object_get(msg, "zone"))) != NULL &&
		   (z = engine_zone(e, name, false)) != NULL) {
		on_zone(z, type, msg, fd);
	}
	json_decref(msg);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct netlink *n = poll->data;
	struct err e;
	long len;

	(void)status;
	if ((events & UV_WRITABLE) != 0)
		flush(n);
	for (int i = 0; i < 64; i++) {
		int fds[NETMSG_FDS];
		size_t fd_count = 0;

		if ((len = netmsg_recv(n->sock, n->buf, NETMSG_MAX, fds, &fd_count, &e)) < 0) {
			if (e.code == ERR_NOTNOW)
				return;
			log_event(LOG_WARNING, "net-packet", "msg=%s", e.text);
			continue;
		}
		if (len == 0) {
			uv_poll_stop(&n->poll);
			if (!n->engine->stopping)
				log_event(LOG_ERROR, "net-gone", "msg=the net process has ended; ending too, to be started again");
			engine_stop(n->engine, 1);
			return;
		}
		on_packet(n, (size_t)len, fd_count > 0 ? fds[0] : -1);
		for (size_t k = 0; k < fd_count; k++)
			close(fds[k]);
	}
}

int netlink_open(struct engine *e, int sock, struct netlink **out, struct err *err)
{
	struct netlink *n = mem_new(1, sizeof(*n));

	n->engine = e;
	n->sock = sock;
	n->end = &n->first;
	n->buf = mem_new(1, NETMSG_MAX + 1);
	if (uv_poll_init(&e->loop, &n->poll, sock) != 0) {
		free(n->buf);
		free(n);
		return err_set(err, ERR_IO, "the socket to net cannot be watched");
	}
	n->poll.data = n;
	uv_poll_start(&n->poll, UV_READABLE, on_socket);
	*out = n;
	return 0;
}

bool netlink_ready(const struct netlink *n)
{
	return n->ready;
}

static void closed(uv_handle_t *h)
{
	struct netlink *n = h->data;

	close(n->sock);
	free(n->volume);
	free(n->buf);
	free(n);
}

void netlink_close(struct netlink *n)
{
	if (n == NULL)
		return;
	while (n->first != NULL) {
		struct packet *p = n->first;

		n->first = p->next;
		packet_free(p);
	}
	n->ready = false;
	uv_close((uv_handle_t *)&n->poll, closed);
}
