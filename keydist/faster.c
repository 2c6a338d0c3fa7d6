/* SPDX-License-Identifier: BSD-3-Clause */
/* faster: what an operator who cannot wait would break, and until when: which caches may hold what. */
#include "keydist/keydist.h"

#include "clock/clock.h"

static void warn(json_t *list, int64_t after_s, const char *what, const char *why)
{
	char at[CLOCK_TEXT_LEN];

	json_array_append_new(list, json_sprintf("until %s, %lld s from now: %s; %s",
						 clock_text(clock_now_s() + after_s, at), (long long)after_s, what, why));
}

json_t *faster_breaks(const struct life *l, const struct zone_ctx *c, const struct timeline_key *key)
{
	const int64_t dnskey = c->shown.dnskey_ttl > 0 ? c->shown.dnskey_ttl : l->p.dnskey_ttl_s;
	const int64_t zone = c->shown.zone_ttl > 0 ? c->shown.zone_ttl : l->p.max_ttl_signed_s;
	const int64_t ds = (int64_t)(l->in.zone->ds_ttl > l->in.memory->ds_ttl ? l->in.zone->ds_ttl : l->in.memory->ds_ttl);
	json_t *list = json_array();

	warn(list, dnskey, "caches may hold the DNSKEY RRset without the new key",
	     key->zone_signing ? "what only the new key has signed is bogus to them" : "a DS of the new key alone is bogus to them");
	if (key->zone_signing)
		warn(list, dnskey + zone, "caches may hold records with signatures of the old key alone",
		     "without its DNSKEY they are bogus");
	if (key->sep)
		warn(list, dnskey + l->policy.parent_delay_s + ds, "caches may hold the DS RRset with the old key alone",
		     "without its DNSKEY and its signature over the DNSKEY RRset the whole zone is bogus to them");
	json_array_append_new(list, json_string("whoever has the old private key can forge for as long as its DNSKEY or its DS is "
						"in caches or at the parent; the times above begin when every server shows the step "
						"before, so a dead secondary or signer makes them longer: duetctl key explain"));
	return list;
}
