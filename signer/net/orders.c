/* SPDX-License-Identifier: BSD-3-Clause */
/* orders: the table of what engine may say, and what net does then. */
#include "signer/net/link.h"

#include "arena/arena.h"
#include "log/log.h"
#include "signer/net/ask.h"
#include "signer/net/beside.h"
#include "signer/net/notify.h"
#include "signer/net/primary.h"
#include "signer/net/serve.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One message with its descriptor.  The handler sets fd to -1 when it took it. */
struct order {
	struct net *net;
	const json_t *json;
	int fd;
};

static int get_u32(const struct order *o, const char *field, uint32_t *out, struct err *e)
{
	const json_t *v = json_object_get(o->json, field);

	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
		return err_set(e, ERR_SYNTAX, "%s is no number of 32 bits", field);
	*out = (uint32_t)json_integer_value(v);
	return 0;
}

static int get_zone(const struct order *o, uint8_t apex[DNAME_MAX], struct err *e)
{
	const char *text = json_string_value(json_object_get(o->json, "zone"));

	if (text == NULL)
		return err_set(e, ERR_SYNTAX, "zone is missing");
	return dname_from_text(text, apex, e);
}

static int on_volume(struct order *o, struct err *e)
{
	uint32_t number;
	int fd = o->fd;

	if (get_u32(o, "volume", &number, e) != 0)
		return -1;
	o->fd = -1;
	return net_volume_add(o->net, number, fd, e);
}

static int on_volume_gone(struct order *o, struct err *e)
{
	uint32_t number;

	if (get_u32(o, "volume", &number, e) != 0)
		return -1;
	net_volume_gone(o->net, number);
	return 0;
}

/* Base64 of the packet, to be freed; NULL when it is none. */
static uint8_t *get_octets(const struct order *o, const char *field, size_t *len, struct err *e)
{
	const char *base64 = json_string_value(json_object_get(o->json, field));
	size_t cap = base64 == NULL ? 0 : strlen(base64);
	uint8_t *octets;

	if (base64 == NULL) {
		err_set(e, ERR_SYNTAX, "%s is missing", field);
		return NULL;
	}
	octets = mem_new(1, cap);
	if (sodium_base642bin(octets, cap, base64, cap, NULL, len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0)
		return octets;
	free(octets);
	err_set(e, ERR_SYNTAX, "%s is no base64", field);
	return NULL;
}

/* The version's page table: splices of the packet or of its memfd, into the table that they name. */
static struct pages *get_pages(const struct order *o, const struct served *now, struct err *e)
{
	const json_t *from = json_object_get(o->json, "from");
	struct pages *pages = NULL;
	const struct pages *old = NULL;
	const void *map;
	uint8_t *octets;
	uint32_t count;
	size_t len;

	if (get_u32(o, "pages", &count, e) != 0)
		return NULL;
	if (from != NULL) {
		if (now == NULL || !json_is_integer(from) || (uint64_t)json_integer_value(from) != now->number) {
			err_set(e, ERR_SYNTAX, "it begins with a version that is not here");
			return NULL;
		}
		old = now->pages;
	}
	if (o->fd >= 0) {
		if (netmsg_map(o->fd, &map, &len, e) != 0)
			return NULL;
		pages = pages_splice(o->net, old, map, len, count, e);
		netmsg_unmap(map, len);
	} else if ((octets = get_octets(o, "splices", &len, e)) != NULL) {
		pages = pages_splice(o->net, old, octets, len, count, e);
		free(octets);
	}
	return pages;
}

static int on_version(struct order *o, struct err *e)
{
	const json_t *number = json_object_get(o->json, "number");
	struct served *v = NULL;
	struct net_zone *zone;
	struct pages *pages;
	uint8_t apex[DNAME_MAX], *soa;
	uint32_t serial;
	size_t len = 0;

	if (get_zone(o, apex, e) != 0 || get_u32(o, "serial", &serial, e) != 0)
		return -1;
	if (!json_is_integer(number))
		return err_set(e, ERR_SYNTAX, "number is missing");
	if ((soa = get_octets(o, "soa", &len, e)) == NULL)
		return -1;
	zone = net_zone_get(o->net, apex);
	if ((pages = get_pages(o, zone->now, e)) != NULL)
		v = served_new(o->net, apex, serial, soa, len, pages, e);
	free(soa);
	if (v == NULL)
		return err_ctx(e, "version %u of %s", serial, zone->text);
	v->number = (uint64_t)json_integer_value(number);
	served_unref(o->net, zone->now);
	zone->now = v;
	zone->refused = false;
	log_event(LOG_INFO, "serving", "zone=%s serial=%u pages=%zu", zone->text, serial, pages_count(v->pages));
	notify_zone(o->net, zone);
	return 0;
}

/* What waits for a review: as a version, from the published one. */
static int get_shows(const struct order *o, enum net_shows *out, struct err *e)
{
	const char *stage = json_string_value(json_object_get(o->json, "stage"));

	if (stage == NULL || (strcmp(stage, "load") != 0 && strcmp(stage, "sign") != 0))
		return err_set(e, ERR_SYNTAX, "stage is neither load nor sign");
	*out = strcmp(stage, "load") == 0 ? NET_UNSIGNED : NET_SIGNED;
	return 0;
}

static int on_candidate(struct order *o, struct err *e)
{
	struct served *v = NULL;
	struct net_zone *zone;
	struct pages *pages;
	uint8_t apex[DNAME_MAX], *soa;
	enum net_shows shows;
	uint32_t serial;
	size_t len = 0;

	if (get_zone(o, apex, e) != 0 || get_u32(o, "serial", &serial, e) != 0 || get_shows(o, &shows, e) != 0 ||
	    (soa = get_octets(o, "soa", &len, e)) == NULL)
		return -1;
	zone = net_zone_get(o->net, apex);
	if ((pages = get_pages(o, zone->now, e)) != NULL) {
		if (json_is_true(json_object_get(o->json, "unsigned")))
			pages_set_unsigned(pages);
		v = served_new(o->net, apex, serial, soa, len, pages, e);
	}
	free(soa);
	if (v == NULL)
		return err_ctx(e, "candidate %u of %s", serial, zone->text);
	v->waits = true;
	served_unref(o->net, zone->candidate[shows]);
	zone->candidate[shows] = v;
	log_event(LOG_INFO, "showing", "zone=%s serial=%u stage=%s pages=%zu", zone->text, serial,
		  json_string_value(json_object_get(o->json, "stage")), pages_count(v->pages));
	return 0;
}

static int on_candidate_gone(struct order *o, struct err *e)
{
	uint8_t apex[DNAME_MAX];
	struct net_zone *zone;

	if (get_zone(o, apex, e) != 0)
		return -1;
	zone = net_zone_get(o->net, apex);
	for (int i = 0; i < NET_SHOWS; i++) {
		served_unref(o->net, zone->candidate[i]);
		zone->candidate[i] = NULL;
	}
	return 0;
}

static int on_unserve(struct order *o, struct err *e)
{
	uint8_t apex[DNAME_MAX];
	struct net_zone *zone;

	if (get_zone(o, apex, e) != 0)
		return -1;
	zone = net_zone_get(o->net, apex);
	notify_cancel(zone);
	served_unref(o->net, zone->now);
	zone->now = NULL;
	zone->refused = !json_is_true(json_object_get(o->json, "for_now"));
	return 0;
}

static int on_zone(struct order *o, struct err *e)
{
	const json_t *source = json_object_get(o->json, "source"), *have = json_object_get(o->json, "have");
	struct primaries from = { .n = 0 };
	struct primary_have known = { .known = json_is_integer(have), .diff = json_is_true(json_object_get(o->json, "ixfr")) };
	uint8_t apex[DNAME_MAX];
	struct net_zone *zone;

	if (get_zone(o, apex, e) != 0)
		return -1;
	if (known.known && get_u32(o, "have", &known.serial, e) != 0)
		return -1;
	known.timers = json_object_get(o->json, "expire_s") != NULL;
	if (known.timers && (get_u32(o, "retry_s", &known.retry_s, e) != 0 || get_u32(o, "expire_s", &known.expire_s, e) != 0))
		return -1;
	if (!json_is_null(source) && !json_is_string(source))
		return err_set(e, ERR_SYNTAX, "source is neither null nor a list of primaries");
	if (json_is_string(source) && primaries_parse(json_string_value(source), &from, e) != 0)
		return -1;
	zone = net_zone_get(o->net, apex);
	zone->configured = true;
	if (from.n > 0) {
		primary_set(o->net, zone, &from, json_is_true(json_object_get(o->json, "refresh")), known);
	} else {
		primary_free(zone->primary);
		zone->primary = NULL;
	}
	return 0;
}

static int on_zone_gone(struct order *o, struct err *e)
{
	uint8_t apex[DNAME_MAX];
	struct net_zone *zone;

	if (get_zone(o, apex, e) != 0)
		return -1;
	zone = net_zone_find(o->net, apex);
	if (zone != NULL)
		net_zone_forget(o->net, zone);
	return 0;
}

static int on_peers(struct order *o, struct err *e)
{
	return access_set(o->net, o->json, e);
}

static int on_query(struct order *o, struct err *e)
{
	return ask_start(o->net, o->json, e);
}

static int on_fetch(struct order *o, struct err *e)
{
	int fd = o->fd;

	o->fd = -1;
	return beside_start(o->net, o->json, fd, e);
}

static void drain_ends(void *ctx)
{
	struct net *net = ctx;

	net->drained = false;
	log_event(LOG_NOTICE, "drain-over", "msg=serving again");
	notify_all(net);
}

static int on_drain(struct order *o, struct err *e)
{
	struct net *net = o->net;
	uint32_t for_ms;

	if (get_u32(o, "for_ms", &for_ms, e) != 0)
		return -1;
	if (for_ms == 0 && !net->drained)
		return 0;
	if (net->drain_timer == NULL)
		net->drain_timer = io_new(&net->loop, -1, net, NULL, drain_ends);
	if (for_ms == 0) {
		io_timer(net->drain_timer, -1);
		drain_ends(net);
		return 0;
	}
	net->drained = true;
	io_timer(net->drain_timer, for_ms);
	notify_cancel_all(net);
	tcp_cut_all(net);
	log_event(LOG_NOTICE, "drained", "for_ms=%u", for_ms);
	return 0;
}

static int on_hold_serve(struct order *o, struct err *e)
{
	const json_t *on = json_object_get(o->json, "on");
	bool before = o->net->holding;

	if (!json_is_boolean(on))
		return err_set(e, ERR_SYNTAX, "on is neither true nor false");
	o->net->holding = json_is_true(on);
	log_event(LOG_INFO, "answering", "on=%s", o->net->holding ? "no" : "yes");
	if (before && !o->net->holding) {
		notify_all(o->net);
	} else if (!before && o->net->holding) {
		notify_cancel_all(o->net);
		tcp_cut_all(o->net);
	}
	return 0;
}

static int on_notify(struct order *o, struct err *e)
{
	const char *text = json_string_value(json_object_get(o->json, "address"));
	uint8_t apex[DNAME_MAX];
	struct net_zone *zone;
	struct addr to;

	if (get_zone(o, apex, e) != 0)
		return -1;
	if (text == NULL)
		return err_set(e, ERR_SYNTAX, "address is no text");
	if (addr_parse(text, 0, &to, e) != 0)
		return -1;
	if ((zone = net_zone_find(o->net, apex)) != NULL)
		notify_again(o->net, zone, &to);
	return 0;
}

static const struct {
	const char *type;
	int (*handler)(struct order *o, struct err *e);
} orders[] = {
	{ "volume", on_volume },
	{ "volume-gone", on_volume_gone },
	{ "version", on_version },
	{ "candidate", on_candidate },
	{ "candidate-gone", on_candidate_gone },
	{ "unserve", on_unserve },
	{ "zone", on_zone },
	{ "zone-gone", on_zone_gone },
	{ "peers", on_peers },
	{ "query", on_query },
	{ "fetch", on_fetch },
	{ "drain", on_drain },
	{ "hold-serve", on_hold_serve },
	{ "notify", on_notify },
};

static int dispatch(struct order *o, struct err *e)
{
	const char *type = json_string_value(json_object_get(o->json, "t"));

	if (json_integer_value(json_object_get(o->json, "v")) != 1 || type == NULL)
		return err_set(e, ERR_SYNTAX, "packet of engine is not of version 1");
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (strcmp(orders[i].type, type) == 0)
			return orders[i].handler(o, e) == 0 ? 0 : err_ctx(e, "%s", type);
	return err_set(e, ERR_SYNTAX, "engine says %s, which net does not know", type);
}

int orders_do(struct net *net, uint8_t *packet, size_t len, const int *fds, size_t fd_count, struct err *e)
{
	struct order o = { .net = net, .fd = fd_count > 0 ? fds[0] : -1 };
	json_error_t why;
	json_t *json;
	int rc;

	for (size_t i = 1; i < fd_count; i++)
		close(fds[i]);
	if (netmsg_tsig_is(packet, len)) {
		rc = keyring_packet(net, packet, len, e);
		sodium_memzero(packet, len);
	} else if ((json = json_loadb((const char *)packet, len, 0, &why)) == NULL) {
		rc = err_set(e, ERR_SYNTAX, "packet of engine is no JSON: %s", why.text);
	} else {
		o.json = json;
		rc = dispatch(&o, e);
		json_decref(json);
	}
	if (o.fd >= 0)
		close(o.fd);
	return rc;
}
