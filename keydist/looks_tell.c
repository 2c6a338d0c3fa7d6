/* SPDX-License-Identifier: BSD-3-Clause */
/* looks_tell: who is looked at and what was shown, for people. */
#include "keydist/looks_impl.h"

#include "arena/arena.h"
#include "keydist/parent.h"

#include <stdio.h>
#include <string.h>

void looks_server(void *ctx, uint64_t observer, char out[TIMELINE_SERVER_LEN])
{
	const struct zone_ctx *c = ctx;
	const struct zone_looks *l = c == NULL ? NULL : c->looks;
	char address[ADDR_TEXT_LEN];

	snprintf(out, TIMELINE_SERVER_LEN, "%s", observer == LOOKS_OPERATOR ? "an operator, by duetctl key ds-seen or ds-gone,"
						 : observer == LOOKS_UNKNOWN ? "a secondary or name server that is not known" : "a server");
	if (observer == LOOKS_UNKNOWN && l != NULL && l->missing != NULL)
		snprintf(out, TIMELINE_SERVER_LEN, "name server %.50s, whose addresses are not known,", l->missing);
	for (size_t i = 0; l != NULL && i < l->n; i++) {
		const struct seen *s = &l->seen[i];

		if (observed_server_id(&s->server.addr, s->server.role) != observer)
			continue;
		addr_text(&s->server.addr, address);
		if (s->name != NULL)
			snprintf(out, TIMELINE_SERVER_LEN, "name server %.*s %s", TIMELINE_SERVER_LEN - 14 - (int)strlen(address), s->name,
				 address);
		else
			snprintf(out, TIMELINE_SERVER_LEN, "%s %s", observed_role_text(s->server.role), address);
	}
}

char *looks_missing(const struct zone_ctx *c, const struct life *l)
{
	const struct zone_looks *looks = c->looks;

	if (looks == NULL || looks->children_why == NULL)
		return NULL;
	for (size_t i = 0; i < l->in.observers; i++)
		if (l->in.observer[i].id == LOOKS_UNKNOWN && timeline_wants(&l->in, l->in.memory, LOOKS_UNKNOWN))
			return mem_printf("name server%s%s: %s; the policy's name-servers: ignore waits for none",
					  looks->missing == NULL ? "s" : " ", looks->missing == NULL ? "" : looks->missing,
					  looks->children_why);
	return NULL;
}

json_t *looks_status(const struct zone_ctx *c)
{
	const struct zone_looks *l = c->looks;
	json_t *list = json_array(), *told = parent_status(c);
	char address[ADDR_TEXT_LEN];

	for (size_t i = 0; l != NULL && i < l->n; i++) {
		const struct seen *s = &l->seen[i];

		json_array_append_new(
			list, json_pack("{s:s,s:s,s:s*,s:s,s:b,s:I,s:i,s:i,s:I,s:I,s:s}", "address",
					addr_text(&s->server.addr, address), "role", observed_role_text(s->server.role), "name", s->name,
					"outcome", s->looked ? observed_outcome_text(s->outcome) : "not looked at yet",
					"validated", (int)(s->trust == OBSERVED_SECURE), "serial", (json_int_t)s->serial, "ds",
					(int)s->ds, "dnskey", (int)s->keys, "ttl", (json_int_t)s->ttl, "at", (json_int_t)s->at,
					"why", s->why));
	}
	return json_pack("{s:s,s:o,s:b,s:b,s:b,s:s?,s:s?,s:b,s:s,s:s?,s:o}", "zone", c->text, "servers", list, "parents_whole",
			 (int)(l != NULL && l->parents_whole), "name_servers", (int)(l != NULL && l->name_servers),
			 "children_whole", (int)(l != NULL && l->children_whole), "missing", l == NULL ? NULL : l->missing,
			 "children_why", l == NULL ? NULL : l->children_why, "agreed",
			 (int)(l != NULL && l->agreed), "why", l == NULL ? "nothing is looked at" : l->why, "alarm",
			 looks_alarm(c), "told", told == NULL ? json_array() : told);
}

const char *looks_alarm(const struct zone_ctx *c)
{
	const struct zone_looks *l = c->looks;

	for (size_t i = 0; l != NULL && i < l->n; i++)
		if (l->seen[i].unknown_ds != NULL)
			return l->seen[i].unknown_ds;
	return NULL;
}
