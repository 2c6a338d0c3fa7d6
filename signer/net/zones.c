/* SPDX-License-Identifier: BSD-3-Clause */
/* zones: the table of zones, and the versions that they serve. */
#include "signer/net/state.h"

#include "arena/arena.h"
#include "signer/net/block.h"
#include "signer/net/notify.h"
#include "signer/net/primary.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a over the lower-case name. */
static size_t bucket(const uint8_t *apex)
{
	uint32_t h = 2166136261u;
	size_t len = dname_len(apex);

	for (size_t i = 0; i < len; i++)
		h = (h ^ apex[i]) * 16777619u;
	return h % ZONE_BUCKETS;
}

struct net_zone *net_zone_find(struct net *net, const uint8_t *apex)
{
	uint8_t name[DNAME_MAX];
	size_t len = dname_lower(apex, name);

	for (struct net_zone *z = net->zones[bucket(name)]; z != NULL; z = z->next)
		if (dname_len(z->apex) == len && memcmp(z->apex, name, len) == 0)
			return z;
	return NULL;
}

struct net_zone *net_zone_get(struct net *net, const uint8_t *apex)
{
	struct net_zone *z = net_zone_find(net, apex);
	char text[DNAME_TEXT_MAX];
	size_t at;

	if (z != NULL)
		return z;
	z = mem_new(1, sizeof(*z));
	dname_lower(apex, z->apex);
	z->text = mem_strdup(dname_to_text(z->apex, text));
	at = bucket(z->apex);
	z->next = net->zones[at];
	net->zones[at] = z;
	net->zone_count++;
	return z;
}

void net_zone_forget(struct net *net, struct net_zone *zone)
{
	struct net_zone **at = &net->zones[bucket(zone->apex)];

	while (*at != zone)
		at = &(*at)->next;
	*at = zone->next;
	net->zone_count--;
	notify_cancel(zone);
	primary_free(zone->primary);
	served_unref(net, zone->now);
	for (int i = 0; i < NET_SHOWS; i++)
		served_unref(net, zone->candidate[i]);
	free(zone->text);
	free(zone);
}

struct served *served_new(struct net *net, const uint8_t *apex, uint32_t serial, const uint8_t *soa,
			  size_t soa_len, struct pages *pages, struct err *e)
{
	struct served *v = mem_new(1, sizeof(*v));
	struct rd r = rd_of(soa, soa_len);
	char text[DNAME_TEXT_MAX];
	struct rr rr;

	v->refs = 1;
	dname_lower(apex, v->apex);
	v->zone = mem_strdup(dname_to_text(v->apex, text));
	v->serial = serial;
	v->soa = mem_dup(soa, soa_len);
	v->soa_len = soa_len;
	v->pages = pages;
	if (rr_read(&r, &rr, e) == 1 && rr.type == TYPE_SOA && dname_equal(rr.owner, apex))
		return v;
	served_unref(net, v);
	err_set(e, ERR_SYNTAX, "version %u of %s does not begin with its SOA", serial, text);
	return NULL;
}

struct served *served_ref(struct served *v)
{
	v->refs++;
	return v;
}

void served_unref(struct net *net, struct served *v)
{
	if (v == NULL || --v->refs > 0)
		return;
	blocks_forget(net, v->pages);
	pages_unref(net, v->pages);
	free(v->soa);
	free(v->zone);
	free(v);
}
