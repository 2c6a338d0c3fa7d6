/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netserve: what net is to serve: versions, and the volumes that they lie in.
 *
 * Invariant: z->told is the version that net has of the zone, once it has read all that is queued.
 */
#include "signer/engine/netlink_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"
#include "signer/engine/netdiff.h"

#define INLINE_MAX 24000 /* octets of a difference that travel in the packet itself */

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
	return netlink_send(n, "volume", json_pack("{s:I}", "volume", (json_int_t)volume), fd);
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
		netlink_send(n, "volume-gone", json_pack("{s:I}", "volume", (json_int_t)volume), -1);
	}
}

static json_t *soa_stream(const struct version_info *info)
{
	size_t len = rr_wire_len(&info->soa);
	struct wr w;
	uint8_t *octets;
	json_t *j;

	for (size_t i = 0; i < info->with_soa_count; i++)
		len += rr_wire_len(&info->with_soa[i]);
	octets = mem_new(1, len);
	w = wr_of(octets, len);
	rr_write(&w, &info->soa);
	for (size_t i = 0; i < info->with_soa_count; i++)
		rr_write(&w, &info->with_soa[i]);
	j = msg_json_base64(octets, w.at);
	free(octets);
	return j;
}

static void untold(struct zwork *z)
{
	version_unref(z->told);
	z->told = NULL;
}

/* A version with its difference to the one that net has; -1 when net does not get it. */
static int send_version(struct netlink *n, struct zwork *z, struct version *v, const char *type, json_t *o)
{
	const struct version_info *info = version_info(v);
	struct netdiff d;
	struct err e;
	int fd = -1, rc = -1;

	netdiff_make(z->told == NULL ? NULL : version_table(z->told), version_table(v), &d);
	json_object_set_new(o, "zone", json_string(z->name));
	json_object_set_new(o, "serial", json_integer(info->serial));
	json_object_set_new(o, "soa", soa_stream(info));
	json_object_set_new(o, "pages", json_integer((json_int_t)table_len(version_table(v))));
	if (!d.whole)
		json_object_set_new(o, "from", json_integer((json_int_t)z->told_number));
	for (size_t i = 0; i < d.volume_count; i++)
		if (send_volume(n, d.volumes[i]) != 0) {
			zwork_damaged(z, "a volume file is missing");
			goto out;
		}
	if (d.len <= INLINE_MAX) {
		json_object_set_new(o, "splices", msg_json_base64(d.octets, d.len));
	} else if ((fd = netmsg_memfd("pages", d.octets, d.len, &e)) < 0) {
		log_event(LOG_ERROR, "net-packet", "zone=%s msg=%s", z->name, e.text);
		goto out;
	}
	rc = netlink_send(n, type, json_incref(o), fd);
out:
	json_decref(o);
	netdiff_fini(&d);
	return rc;
}

static void unserve(struct netlink *n, struct zwork *z, bool for_now)
{
	untold(z);
	if (n->ready)
		netlink_send(n, "unserve", json_pack("{s:s,s:b}", "zone", z->name, "for_now", (int)for_now), -1);
}

void netlink_version(struct netlink *n, struct zwork *z)
{
	if (!n->ready || z->version == NULL)
		return; /* all is said again when net is ready */
	if (z->withheld_ms != 0) {
		unserve(n, z, true);
		return;
	}
	if (send_version(n, z, z->version, "version", json_pack("{s:I}", "number", (json_int_t)(n->versions + 1))) != 0)
		return;
	untold(z);
	z->told = version_ref(z->version);
	z->told_number = ++n->versions;
}

void netlink_candidate(struct netlink *n, struct zwork *z)
{
	const struct review *r = &z->review;

	if (!n->ready)
		return;
	if (r->stage == REVIEW_NONE)
		netlink_send(n, "candidate-gone", json_pack("{s:s}", "zone", z->name), -1);
	else
		/* What is to be signed may lie in pages of the signed version. */
		send_version(n, z, r->version, "candidate",
			     json_pack("{s:s,s:b}", "stage", review_stage_text(r->stage), "unsigned", r->stage == REVIEW_LOAD &&
				       table_earliest(version_table(r->version)) != INT64_MAX));
}

void netlink_unserve(struct netlink *n, struct zwork *z)
{
	unserve(n, z, false);
}
