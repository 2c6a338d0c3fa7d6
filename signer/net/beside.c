/* SPDX-License-Identifier: BSD-3-Clause */
/* beside: one transfer from another signer, whose messages go to a file as they are. */
#include "signer/net/beside.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena/arena.h"
#include "signer/net/fetch.h"
#include "signer/net/link.h"

struct beside {
	struct net *net;
	json_int_t id;
	char zone[DNAME_TEXT_MAX];
	struct fetch *fetch;
	int fd;
};

static void end(struct beside *b)
{
	b->net->beside = NULL;
	close(b->fd);
	free(b);
}

static void say_failed(struct net *net, const char *zone, json_int_t id, const char *why)
{
	link_send(net, "fetched", json_pack("{s:s,s:I,s:s}", "zone", zone, "id", id, "why", why), -1, false);
}

static void done(void *ctx, const struct fetch_result *r)
{
	struct beside *b = ctx;
	char *rrs;

	if (r->why != NULL) {
		say_failed(b->net, b->zone, b->id, r->why);
	} else {
		const size_t cap = sodium_base64_ENCODED_LEN(r->version_len, sodium_base64_VARIANT_ORIGINAL);

		rrs = sodium_bin2base64(mem_new(1, cap), cap, r->version, r->version_len, sodium_base64_VARIANT_ORIGINAL);
		link_send(b->net, "fetched", json_pack("{s:s,s:I,s:s,s:I}", "zone", b->zone, "id", b->id, "rrs", rrs, "octets",
						       (json_int_t)r->octets), -1, false);
		free(rrs);
	}
	end(b);
}

static int source_of(const json_t *order, struct primary_source *out, struct err *e)
{
	const char *address = json_string_value(json_object_get(order, "address"));
	const char *key = json_string_value(json_object_get(order, "key"));

	*out = (struct primary_source){ .has_key = key != NULL };
	if (address == NULL)
		return err_set(e, ERR_SYNTAX, "address is missing");
	if (addr_parse(address, 53, &out->addr, e) != 0)
		return -1;
	return key != NULL ? dname_from_text(key, out->key, e) : 0;
}

int beside_start(struct net *net, const json_t *order, int fd, struct err *e)
{
	const char *zone = json_string_value(json_object_get(order, "zone"));
	const json_t *id = json_object_get(order, "id");
	struct primary_source source;
	uint8_t apex[DNAME_MAX];
	struct beside *b;
	struct err why;

	if (fd < 0 || zone == NULL || !json_is_integer(id) || source_of(order, &source, e) != 0 ||
	    dname_from_text(zone, apex, e) != 0) {
		if (fd >= 0)
			close(fd);
		return err_set(e, ERR_SYNTAX, "fetch needs id, zone, address and a file");
	}
	b = mem_new(1, sizeof(*b));
	*b = (struct beside){ .net = net, .id = json_integer_value(id), .fd = fd };
	dname_lower(apex, apex);
	dname_to_text(apex, b->zone);
	if (net->beside == NULL) {
		b->fetch = fetch_start(net, apex, &source, NULL, fd, done, b, &why);
	} else {
		err_set(&why, ERR_NOTNOW, "another one runs");
	}
	if (b->fetch != NULL) {
		net->beside = b;
		return 0;
	}
	say_failed(net, b->zone, b->id, why.text);
	close(fd);
	free(b);
	return 0;
}

void beside_cancel(struct net *net)
{
	if (net->beside == NULL)
		return;
	fetch_cancel(net->beside->fetch);
	end(net->beside);
}
