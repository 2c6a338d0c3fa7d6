/* SPDX-License-Identifier: BSD-3-Clause */
/* nethear: what net says is checked field by field and given to its zone. */
#include "signer/engine/netlink_impl.h"

#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "signer/engine/cross.h"
#include "signer/engine/look.h"

static void on_ready(struct netlink *n)
{
	struct engine *e = n->engine;

	n->ready = true;
	log_event(LOG_NOTICE, "net-ready", "zones=%zu", e->zone_count);
	netlink_hold_serve(n, !e->serving || e->leaving);
	netlink_peers(n);
	for (size_t i = 0; i < e->zone_count; i++) {
		netlink_version(n, e->zone[i]);
		if (e->zone[i]->review.stage != REVIEW_NONE)
			netlink_candidate(n, e->zone[i]);
		if (e->zone[i]->source.kind == SOURCE_PRIMARY)
			netlink_zone(n, e->zone[i], e->zone[i]->version == NULL);
	}
}

static void on_input(struct zwork *z, const json_t *msg, int fd)
{
	const void *octets;
	const char *kind = json_string_value(json_object_get(msg, "kind"));
	bool diff = kind != NULL && strcmp(kind, "ixfr") == 0;
	uint64_t serial, from = 0;
	uint8_t *copy;
	size_t len;
	struct err e;

	if (diff && msg_uint(msg, "from", UINT32_MAX, &from, &e) != 0) {
		log_event(LOG_WARNING, "net-packet", "zone=%s msg=input: %s", z->name, e.text);
		return;
	}
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
	if (diff)
		source_diff(z, (uint32_t)from, (uint32_t)serial, copy, len);
	else
		source_stream(z, (uint32_t)serial, copy, len);
}

static void on_damaged(struct zwork *z, const json_t *msg)
{
	uint64_t volume, offset;

	if (msg_uint(msg, "volume", UINT32_MAX, &volume, NULL) == 0 && msg_uint(msg, "offset", INT64_MAX, &offset, NULL) == 0)
		zwork_page_damaged(z, (uint32_t)volume, offset);
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
	else if (strcmp(type, "answer") == 0)
		secondary_answer(z, msg);
	else if (strcmp(type, "asked") == 0)
		secondary_asked(z, msg);
	else if (strcmp(type, "transferred") == 0)
		secondary_transferred(z, msg);
	else if (strcmp(type, "notified") == 0)
		secondary_notified(z, msg);
	else if (strcmp(type, "damaged") == 0)
		on_damaged(z, msg);
}

void netlink_hear(struct netlink *n, const uint8_t *packet, size_t len, int fd)
{
	struct engine *e = n->engine;
	const char *type, *name;
	struct zwork *z;
	struct err err;
	json_t *msg = msg_parse(packet, len, &type, &err);

	if (msg == NULL) {
		log_event(LOG_WARNING, "net-packet", "msg=%s", err.text);
		return;
	}
	if (strcmp(type, "ready") == 0) {
		on_ready(n);
	} else if (strcmp(type, "answer") == 0 && look_answer(e, msg)) {
		; /* whoever asked has it */
	} else if (strcmp(type, "fetched") == 0) {
		crosses_fetched(e->crosses, msg);
	} else if ((name = json_string_value(json_object_get(msg, "zone"))) != NULL &&
		   (z = engine_zone(e, name, false)) != NULL) {
		on_zone(z, type, msg, fd);
	}
	json_decref(msg);
}
