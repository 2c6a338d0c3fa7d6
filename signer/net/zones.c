/* SPDX-License-Identifier: BSD-3-Clause */
/* zones: the tables of zones and volumes, and the reference counts between versions and volumes. */
#include "signer/net/state.h"

#include "arena/arena.h"
#include "signer/net/notify.h"
#include "signer/net/primary.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	notify_cancel(net, zone->apex);
	primary_free(zone->primary);
	served_unref(net, zone->now);
	free(zone->text);
	free(zone);
}

static void volume_unref(struct net *net, struct volume *v)
{
	struct volume **at = &net->volumes;

	if (--v->refs > 0)
		return;
	while (*at != NULL && *at != v)
		at = &(*at)->next;
	if (*at == v)
		*at = v->next;
	close(v->fd);
	free(v);
}

static struct volume *volume_find(const struct net *net, uint32_t number)
{
	for (struct volume *v = net->volumes; v != NULL; v = v->next)
		if (v->number == number)
			return v;
	return NULL;
}

int net_volume_add(struct net *net, uint32_t number, int fd, struct err *e)
{
	struct volume *v = volume_find(net, number);

	if (fd < 0)
		return err_set(e, ERR_SYNTAX, "volume %u without a descriptor", number);
	if (v != NULL) {
		close(fd);
		return err_set(e, ERR_EXISTS, "volume %u is here already", number);
	}
	v = mem_new(1, sizeof(*v));
	v->number = number;
	v->fd = fd;
	v->refs = 1;
	v->next = net->volumes;
	net->volumes = v;
	return 0;
}

void net_volume_gone(struct net *net, uint32_t number)
{
	struct volume **at = &net->volumes;

	/* Out of the table at once: the number is free again, and versions keep the descriptor that they
	 * know. */
	for (; *at != NULL; at = &(*at)->next) {
		struct volume *v = *at;

		if (v->number != number)
			continue;
		*at = v->next;
		volume_unref(net, v);
		return;
	}
}

struct volume *served_volume(const struct served *v, uint32_t number)
{
	for (size_t i = 0; i < v->volume_count; i++)
		if (v->volumes[i]->number == number)
			return v->volumes[i];
	return NULL;
}

#define PAGE_LEN_MIN (2 + DNS_HEADER_LEN)
#define PAGE_LEN_MAX (2 + DNS_MESSAGE_MAX)

/* Checks every page and collects the volumes. */
static int collect(struct net *net, struct served *v, struct err *e)
{
	uint32_t last = 0;
	bool have = false;

	for (size_t i = 0; i < v->page_count; i++) {
		const struct netmsg_page *p = &v->pages[i];
		struct volume *volume;

		if (p->len < PAGE_LEN_MIN || p->len > PAGE_LEN_MAX ||
		    p->offset > (uint64_t)INT64_MAX - p->len)
			return err_set(e, ERR_LIMIT, "page %zu: %u octets at %ju", i, p->len,
				       (uintmax_t)p->offset);
		if ((have && p->volume == last) || served_volume(v, p->volume) != NULL)
			continue;
		if ((volume = volume_find(net, p->volume)) == NULL)
			return err_set(e, ERR_NOTFOUND, "page %zu is in volume %u, which is not here", i,
				       p->volume);
		volume->refs++;
		v->volumes = mem_grow(v->volumes, v->volume_count + 1, sizeof(struct volume *));
		v->volumes[v->volume_count++] = volume;
		last = p->volume;
		have = true;
	}
	return 0;
}

struct served *served_new(struct net *net, const uint8_t *apex, uint32_t serial, const uint8_t *soa,
			  size_t soa_len, int memfd, size_t pages, struct err *e)
{
	struct served *v = mem_new(1, sizeof(*v));
	struct rd r = rd_of(soa, soa_len);
	char text[DNAME_TEXT_MAX];
	const void *map = NULL;
	struct rr rr;

	v->refs = 1;
	dname_lower(apex, v->apex);
	v->zone = mem_strdup(dname_to_text(v->apex, text));
	v->serial = serial;
	v->soa = mem_dup(soa, soa_len);
	v->soa_len = soa_len;
	if (rr_read(&r, &rr, e) != 1 || rr.type != TYPE_SOA || !dname_equal(rr.owner, apex)) {
		err_set(e, ERR_SYNTAX, "version does not begin with the SOA of its zone");
		goto fail;
	}
	if (memfd < 0 || netmsg_map(memfd, &map, &v->map_len, e) != 0)
		goto fail;
	v->pages = map;
	if (v->map_len != pages * sizeof(struct netmsg_page)) {
		err_set(e, ERR_SYNTAX, "page table of %zu octets for %zu pages", v->map_len, pages);
		goto fail;
	}
	v->page_count = pages;
	if (collect(net, v, e) != 0)
		goto fail;
	close(memfd);
	return v;
fail:
	if (memfd >= 0)
		close(memfd);
	served_unref(net, v);
	err_ctx(e, "version %u of %s", serial, text);
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
	for (size_t i = 0; i < v->volume_count; i++)
		volume_unref(net, v->volumes[i]);
	netmsg_unmap(v->pages, v->map_len);
	free(v->volumes);
	free(v->soa);
	free(v->zone);
	free(v);
}
