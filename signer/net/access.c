/* SPDX-License-Identifier: BSD-3-Clause */
/* access: who may ask.  What no row allows is refused. */
#include "signer/net/state.h"

#include "arena/arena.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void peers_free(struct peer *peers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(peers[i].zones);
	free(peers);
}

void access_free(struct net *net)
{
	peers_free(net->peers, net->peer_count);
	peers_free(net->reviewers, net->reviewer_count);
	net->peers = net->reviewers = NULL;
	net->peer_count = net->reviewer_count = 0;
}

static int read_key(const json_t *item, struct peer *p, struct err *e)
{
	const json_t *key = json_object_get(item, "key");

	if (key == NULL || json_is_null(key))
		return 0;
	p->has_key = true;
	if (!json_is_string(key))
		return err_set(e, ERR_SYNTAX, "key is no name");
	return dname_from_text(json_string_value(key), p->key, e);
}

static int read_zones(const json_t *item, struct peer *p, struct err *e)
{
	const json_t *zones = json_object_get(item, "zones"), *zone;
	size_t i;

	if (zones == NULL) {
		p->all_zones = true;
		return 0;
	}
	if (!json_is_array(zones))
		return err_set(e, ERR_SYNTAX, "zones is no list");
	p->zones = mem_new(json_array_size(zones), DNAME_MAX);
	json_array_foreach(zones, i, zone)
	{
		const char *text = json_string_value(zone);

		if (text == NULL)
			return err_set(e, ERR_SYNTAX, "zones holds no names");
		if (strcmp(text, "*") == 0)
			p->all_zones = true;
		else if (dname_from_text(text, p->zones[p->zone_count++], e) != 0)
			return -1;
	}
	return 0;
}

static int read_secondary(const json_t *item, struct peer *p, struct err *e)
{
	const char *address = json_string_value(json_object_get(item, "address"));

	p->secondary = true;
	p->notify = json_is_true(json_object_get(item, "notify"));
	if (address == NULL)
		return err_set(e, ERR_SYNTAX, "secondary without address");
	if (addr_parse(address, 53, &p->addr, e) != 0 || read_key(item, p, e) != 0)
		return -1;
	return read_zones(item, p, e);
}

static int read_transfer(const json_t *item, struct peer *p, struct err *e)
{
	const char *prefix = json_string_value(json_object_get(item, "prefix"));

	p->all_zones = true;
	if (prefix == NULL)
		return err_set(e, ERR_SYNTAX, "transfer without prefix");
	return prefix_parse(prefix, &p->prefix, e) != 0 ? -1 : read_key(item, p, e);
}

int access_set(struct net *net, const struct json_t *message, struct err *e)
{
	const json_t *secondaries = json_object_get(message, "secondaries");
	const json_t *transfer = json_object_get(message, "transfer"), *review = json_object_get(message, "review"), *item;
	size_t count = json_array_size(secondaries) + json_array_size(transfer), n = 0, reviewers_n = 0, i;
	struct peer *peers = mem_new(count, sizeof(*peers)), *reviewers = mem_new(json_array_size(review), sizeof(*peers));

	json_array_foreach(secondaries, i, item) if (read_secondary(item, &peers[n++], e) != 0) goto fail;
	json_array_foreach(transfer, i, item) if (read_transfer(item, &peers[n++], e) != 0) goto fail;
	json_array_foreach(review, i, item) if (read_transfer(item, &reviewers[reviewers_n++], e) != 0) goto fail;
	access_free(net);
	net->peers = peers;
	net->peer_count = n;
	net->reviewers = reviewers;
	net->reviewer_count = reviewers_n;
	return 0;
fail:
	peers_free(reviewers, reviewers_n);
	peers_free(peers, n);
	return err_ctx(e, "peers");
}

bool peer_has_zone(const struct peer *peer, const uint8_t *apex)
{
	for (size_t i = 0; i < peer->zone_count && !peer->all_zones; i++)
		if (dname_equal(peer->zones[i], apex))
			return true;
	return peer->all_zones;
}

bool access_reviews(const struct net *net, const struct addr *from, const struct tsig_key *key)
{
	for (size_t i = 0; i < net->reviewer_count; i++) {
		const struct peer *p = &net->reviewers[i];

		if (prefix_match(&p->prefix, from) && (!p->has_key || (key != NULL && dname_equal(p->key, key->name))))
			return true;
	}
	return false;
}

bool access_allows(const struct net *net, const uint8_t *apex, const struct addr *from,
		   const struct tsig_key *key)
{
	for (size_t i = 0; i < net->peer_count; i++) {
		const struct peer *p = &net->peers[i];

		if (!(p->secondary ? addr_same_host(&p->addr, from) : prefix_match(&p->prefix, from)))
			continue;
		if (p->has_key && (key == NULL || !dname_equal(p->key, key->name)))
			continue;
		if (peer_has_zone(p, apex))
			return true;
	}
	return false;
}
