/* SPDX-License-Identifier: BSD-3-Clause */
/* notify: tells secondaries of new versions; one job per zone and secondary. */
#include "signer/net/notify.h"

#include "arena/arena.h"
#include "log/log.h"
#include "signer/net/exchange.h"
#include "signer/net/link.h"

#include <stdlib.h>
#include <string.h>

#define TRIES         5 /* at 0, 1, 3, 7 and 15 s; given up after 31 */
#define FIRST_WAIT_MS 1000

struct notify {
	struct net *net;
	struct net_zone *zone; /* cancels before it goes */
	struct notify *next;
	uint32_t serial;
	struct addr to;
	struct exchange *exchange;
};

static void forget(struct notify *n)
{
	struct notify **at = &n->zone->notifies;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	free(n);
}

static const char *result_text(enum exchange_result result, const struct dns_msg *reply)
{
	switch (result) {
	case EXCHANGE_OK:
		return reply->rcode == RCODE_NOERROR ? "ok" : "rcode";
	case EXCHANGE_BAD:
		return "bad";
	case EXCHANGE_TIMEOUT:
	case EXCHANGE_REFUSED:
		break;
	}
	return "timeout";
}

static void done(void *ctx, enum exchange_result result, const struct dns_msg *reply, const char *why)
{
	struct notify *n = ctx;
	const char *text = result_text(result, reply);
	const char *zone = n->zone->text;
	char to[ADDR_TEXT_LEN], rcode[16];
	unsigned code = reply == NULL ? 0 : reply->rcode;

	addr_text(&n->to, to);
	if (strcmp(text, "ok") == 0)
		log_event(LOG_INFO, "notified", "zone=%s serial=%u address=%s", zone, n->serial, to);
	else
		log_event(LOG_WARNING, "notify-failed", "zone=%s serial=%u address=%s result=%s msg=%s", zone,
			  n->serial, to, text, reply == NULL ? why : dns_rcode_text(code, rcode));
	link_send(n->net, "notified",
		  json_pack("{s:s, s:s, s:I, s:s, s:I}", "zone", zone, "address", to, "serial",
			    (json_int_t)n->serial, "result", text, "rcode", (json_int_t)code),
		  -1, true);
	forget(n);
}

static void notify_one(struct net *net, struct net_zone *zone, const struct peer *peer)
{
	struct notify *n = mem_new(1, sizeof(*n));
	struct rd r = rd_of(zone->now->soa, zone->now->soa_len);
	struct rr soa;
	struct exchange_spec spec = { .to = peer->addr,
				      .name = zone->apex,
				      .type = TYPE_SOA,
				      .opcode = DNS_NOTIFY,
				      .has_key = peer->has_key,
				      .key = peer->key,
				      .tries = TRIES,
				      .wait_ms = FIRST_WAIT_MS };

	n->net = net;
	n->zone = zone;
	n->serial = zone->now->serial;
	n->to = peer->addr;
	if (rr_read(&r, &soa, NULL) == 1)
		spec.answer = &soa; /* the new SOA as a hint, RFC 1996 section 3.7 */
	n->next = zone->notifies;
	zone->notifies = n;
	n->exchange = exchange_start(net, &spec, done, n);
}

void notify_zone(struct net *net, struct net_zone *zone)
{
	notify_cancel(zone);
	if (net->drained || net->holding || zone->now == NULL)
		return;
	for (size_t i = 0; i < net->peer_count; i++)
		if (net->peers[i].notify && peer_has_zone(&net->peers[i], zone->apex))
			notify_one(net, zone, &net->peers[i]);
}

void notify_again(struct net *net, struct net_zone *zone, const struct addr *to)
{
	if (net->drained || net->holding || zone->now == NULL)
		return;
	for (const struct notify *n = zone->notifies; n != NULL; n = n->next)
		if (addr_equal(&n->to, to))
			return;
	for (size_t i = 0; i < net->peer_count; i++)
		if (net->peers[i].notify && addr_equal(&net->peers[i].addr, to) && peer_has_zone(&net->peers[i], zone->apex))
			notify_one(net, zone, &net->peers[i]);
}

void notify_cancel(struct net_zone *zone)
{
	while (zone->notifies != NULL) {
		exchange_cancel(zone->notifies->exchange);
		forget(zone->notifies);
	}
}

void notify_cancel_all(struct net *net)
{
	for (size_t i = 0; i < ZONE_BUCKETS; i++)
		for (struct net_zone *z = net->zones[i]; z != NULL; z = z->next)
			notify_cancel(z);
}

void notify_all(struct net *net)
{
	for (size_t i = 0; i < ZONE_BUCKETS; i++)
		for (struct net_zone *z = net->zones[i]; z != NULL; z = z->next)
			notify_zone(net, z);
}
