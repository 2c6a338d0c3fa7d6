/* SPDX-License-Identifier: BSD-3-Clause */
/* nettell: what engine asks of net, apart from what is to be served. */
#include "signer/engine/netlink_impl.h"

#include <unistd.h>

#include "zone/zone.h"

void netlink_zone(struct netlink *n, const struct zwork *z, bool refresh)
{
	const struct source *s = &z->source;
	bool have = s->have_serial && s->kind == SOURCE_PRIMARY;
	json_t *o;

	if (!n->ready)
		return;
	o = json_pack("{s:s,s:s?,s:b,s:o,s:b}", "zone", z->name, "source", s->primaries, "refresh", (int)refresh, "have",
		      have ? json_integer(s->input_serial) : json_null(), "ixfr", (int)source_takes_diffs(z));
	if (have && z->version != NULL) {
		const struct rr *soa = &version_info(z->version)->soa; /* its timers are those of the source */
		struct soa_timers timers = soa_timers(soa->rdata, soa->rdlen);

		json_object_set_new(o, "retry_s", json_integer(timers.retry_s));
		json_object_set_new(o, "expire_s", json_integer(timers.expire_s));
	}
	netlink_send(n, "zone", o, -1);
}

void netlink_zone_gone(struct netlink *n, const char *zone)
{
	if (n->ready)
		netlink_send(n, "zone-gone", json_pack("{s:s}", "zone", zone), -1);
}

static json_t *transfer_rows(const struct conf_transfer *rows, size_t n)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s,s:s?}", "prefix", prefix_text(&rows[i].prefix, text), "key",
						      rows[i].key));
	return list;
}

void netlink_peers(struct netlink *n)
{
	const struct conf_signer *c = &n->engine->conf->signer;
	json_t *secondaries = json_array(), *transfer = transfer_rows(c->transfer, c->transfer_count);
	char text[ADDR_TEXT_LEN];

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
	netlink_send(n, "peers", json_pack("{s:o,s:o,s:o}", "secondaries", secondaries, "transfer", transfer, "review",
					   transfer_rows(c->review.transfer, c->review.transfer_count)), -1);
}

uint64_t netlink_ask(struct netlink *n, const struct netlink_question *q)
{
	if (!n->ready)
		return 0;
	netlink_send(n, "query", json_pack("{s:I,s:s,s:s,s:s,s:s?,s:s,s:b,s:b,s:i,s:O?,s:i}", "id", (json_int_t)++n->next_query, "zone",
					q->zone, "name", q->name == NULL ? q->zone : q->name, "address", q->address, "key", q->key,
					"what", q->what, "tcp", (int)q->tcp, "recursion", (int)q->recursion, "timeout_ms",
					(int)q->timeout_ms, "update", q->update, "count", (int)q->update_count), -1);
	return n->next_query;
}

uint64_t netlink_query(struct netlink *n, const struct zwork *z, const char *address, const char *key, const char *what,
		       unsigned timeout_ms)
{
	return netlink_ask(n, &(struct netlink_question){ .zone = z->name, .address = address, .key = key, .what = what,
							  .timeout_ms = timeout_ms });
}

uint64_t netlink_fetch(struct netlink *n, const char *zone, const char *address, const char *key, int fd)
{
	if (!n->ready) {
		close(fd);
		return 0;
	}
	netlink_send(n, "fetch", json_pack("{s:I,s:s,s:s,s:s?}", "id", (json_int_t)++n->next_query, "zone", zone, "address", address,
					   "key", key), fd);
	return n->next_query;
}

void netlink_notify(struct netlink *n, const char *zone, const char *address)
{
	if (n->ready)
		netlink_send(n, "notify", json_pack("{s:s,s:s}", "zone", zone, "address", address), -1);
}

void netlink_drain(struct netlink *n, int64_t for_ms)
{
	if (n->ready)
		netlink_send(n, "drain", json_pack("{s:I}", "for_ms", (json_int_t)for_ms), -1);
}

void netlink_hold_serve(struct netlink *n, bool on)
{
	if (n->ready)
		netlink_send(n, "hold-serve", json_pack("{s:b}", "on", (int)on), -1);
}

void netlink_tsig(struct netlink *n, struct tsig_key **keys, const bool *newest, size_t count)
{
	const struct tsig_key *const *list = (const struct tsig_key *const *)keys;
	size_t at = 0;

	do {
		netlink_send_secret(n, netmsg_tsig_pack(list, newest, count, &at));
	} while (at < count);
	for (size_t i = 0; i < count; i++)
		tsig_key_unref(keys[i]);
}
