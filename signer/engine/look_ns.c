/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * look_ns: the name servers of a zone, as the NS RRset of its published version has them.  Their addresses are those of that
 * version, glue below a cut too; of all other names a resolver says them.
 */
#include "signer/engine/look_impl.h"

#include "log/log.h"
#include "sign/version_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 64

void look_ns_fini(struct zone_ns *ns)
{
	for (size_t i = 0; i < ns->names; i++) {
		free(ns->name[i].name);
		free(ns->name[i].text);
		free(ns->name[i].addr);
	}
	free(ns->name);
	memset(ns, 0, sizeof(*ns));
}

/* ---- what the version has ---- */

static int read_addresses(struct look_zone *lz, struct zone_ns_name *n, struct arena *arena, struct err *e)
{
	struct engine *engine = lz->z->engine;
	const struct rr *rr;
	size_t records;

	if (version_name(engine->store, lz->z->version, n->name, arena, &rr, &records, e) != 0)
		return -1;
	for (size_t i = 0; i < records; i++) {
		struct addr a;

		if (!look_address(&rr[i], &a) || !look_family_here(engine, a.sa.sa_family))
			continue;
		n->addr = mem_grow(n->addr, n->addrs + 1, sizeof(*n->addr));
		n->addr[n->addrs++] = a;
	}
	return 0;
}

static int read_names(struct look_zone *lz, struct arena *arena, struct err *e)
{
	struct zone_ns *ns = &lz->name_servers;
	char text[DNAME_TEXT_MAX];
	const struct rr *rr;
	size_t records;

	if (version_name(lz->z->engine->store, lz->z->version, lz->z->apex, arena, &rr, &records, e) != 0)
		return -1;
	for (size_t i = 0; i < records; i++) {
		struct zone_ns_name *n;

		if (rr[i].type != TYPE_NS)
			continue;
		if (ns->names == NAMES_MAX) {
			ns->trouble = "the NS RRset has more than 64 names";
			return 0;
		}
		ns->name = mem_grow(ns->name, ns->names + 1, sizeof(*ns->name));
		n = &ns->name[ns->names++];
		*n = (struct zone_ns_name){ .name = mem_dup(rr[i].rdata, dname_len(rr[i].rdata)),
					    .text = mem_strdup(dname_to_text(rr[i].rdata, text)) };
		if (dname_is_within(n->name, lz->z->apex) && read_addresses(lz, n, arena, e) != 0)
			return -1;
	}
	return 0;
}

static void read_version(struct look_zone *lz)
{
	struct zone_ns *ns = &lz->name_servers;
	struct arena *arena = arena_new();
	struct err e;

	look_ns_fini(ns);
	ns->read = true;
	ns->serial = version_info(lz->z->version)->serial;
	if (read_names(lz, arena, &e) != 0) {
		log_event(LOG_WARNING, "name-servers", "zone=%s msg=%s", lz->z->name, e.text);
		ns->trouble = "the published version could not be read";
	}
	arena_free(arena);
}

/* ---- the list ---- */

/* The first that is missing is the one that is told. */
static void missing(struct observed_servers *out, const char *name, const char *why, const char *remedy)
{
	out->children_whole = false;
	if (out->children_why[0] != '\0')
		return;
	snprintf(out->missing, sizeof(out->missing), "%s", name);
	snprintf(out->children_why, sizeof(out->children_why), "%.90s%s", why, remedy);
}

static void add(struct observed_servers *out, const char *name, const struct addr *a)
{
	for (size_t i = 0; i < out->n; i++)
		if (!observed_of_parent(out->server[i].role) && addr_equal(&out->server[i].addr, a))
			return;
	if (out->n == OBSERVED_SERVERS_MAX)
		missing(out, name, "one server more than can be looked at", ": shorten the NS RRset");
	else
		out->server[out->n++] = (struct observed_server){ .addr = *a, .role = OBSERVED_NS, .name = name };
}

#define MEND ": mend the NS RRset, or the name's addresses"

bool look_ns_add(struct look_zone *lz, struct observed_servers *out)
{
	struct engine *e = lz->z->engine;
	struct zone_ns *ns = &lz->name_servers;
	bool settled = true;

	out->name_servers = true;
	if (lz->z->version == NULL) {
		missing(out, "", "nothing is published here, so its name servers are not known", "");
		return true;
	}
	if (!ns->read || ns->serial != version_info(lz->z->version)->serial)
		read_version(lz);
	if (ns->trouble != NULL)
		missing(out, "", ns->trouble, "");
	for (size_t i = 0; i < ns->names; i++) {
		const struct zone_ns_name *n = &ns->name[i];
		const struct addr *a = n->addr;
		size_t addrs = n->addrs;

		if (addrs == 0 && e->conf->signer.resolver_count > 0) {
			const struct server_name *found = names_of(e, n->name);

			if (found->state != NAME_FOUND)
				missing(out, n->text, found->why, found->state == NAME_NONE ? MEND : "");
			settled &= found->state != NAME_ASKED;
			a = found->addr;
			addrs = found->addrs;
		} else if (addrs == 0) {
			missing(out, n->text, "its addresses are not in the zone", ": signer.resolvers find them");
		}
		for (size_t j = 0; j < addrs; j++)
			add(out, n->text, &a[j]);
	}
	return settled;
}
