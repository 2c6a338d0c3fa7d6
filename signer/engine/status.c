/* SPDX-License-Identifier: BSD-3-Clause */
/* status: what a zone says of itself, to keydist and the peers, and to people. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock/clock.h"
#include "signer/engine/cross.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/look.h"
#include "signer/engine/netlink.h"
#include "signer/engine/withheld.h"
#include "msg/msg.h"

const char *status_state(const struct zwork *z)
{
	if (z->damage != NULL)
		return "damaged";
	if (z->error != NULL)
		return "stopped";
	if (z->withheld_ms != 0)
		return z->withheld_old ? "set-back" : "expired";
	if (z->version != NULL)
		return version_info(z->version)->soa_sig_count == 0 ? "unsigned" : "served";
	return z->plan != NULL && z->plan->state == PLAN_HELD ? "held" : "waiting";
}

static void set_time(json_t *o, const char *name, int64_t at)
{
	json_object_set_new(o, name, at == 0 || at == INT64_MAX ? json_null() : json_integer(at));
}

static json_t *secondaries(const struct zwork *z)
{
	json_t *list = json_array();

	for (size_t i = 0; i < z->shown_count; i++) {
		const struct shown *s = &z->shown[i];
		json_t *o;

		if (!s->configured)
			continue;
		o = json_pack("{s:s,s:b,s:b,s:b,s:s?}", "address", s->address, "ok", (int)s->now.ok, "in_step", (int)s->in_step,
			      "notify", (int)s->notify, "error", s->error[0] == '\0' ? NULL : s->error);
		if (s->seen_at != 0) {
			json_object_set_new(o, "serial", json_integer(s->now.serial));
			json_object_set_new(o, "id", msg_json_hex(s->now.id, sizeof(s->now.id)));
			json_object_set_new(o, "seen_at", json_integer(s->seen_at));
			if (s->key_serial != 0)
				json_object_set_new(o, "dnskey", msg_json_hex(s->keyset, sizeof(s->keyset)));
			json_object_set_new(o, "explained", json_boolean(secondary_explained(z, s) != NULL));
		}
		json_array_append_new(list, o);
	}
	return list;
}

static const char *why_not(const struct zwork *z)
{
	return z->error != NULL ? z->error : z->source.error != NULL ? z->source.error : z->held_shown;
}

json_t *status_word(const struct zwork *z)
{
	const struct version_info *info = z->version == NULL ? NULL : version_info(z->version);
	json_t *o = content_to_json(&z->kept.mine);

	json_object_set_new(o, "serial", json_integer(info == NULL ? 0 : info->serial));
	if (info != NULL) {
		json_object_set_new(o, "id", msg_json_hex(info->id, sizeof(info->id)));
		json_object_set_new(o, "keyset", msg_json_hex(info->keyset, sizeof(info->keyset)));
		if (info->earliest != INT64_MAX)
			json_object_set_new(o, "earliest", json_integer(info->earliest));
		json_object_set_new(o, "largest_ttl", json_integer(info->largest_ttl));
		json_object_set_new(o, "dnskey_ttl", json_integer(z->kept.shows.dnskey_ttl));
		json_object_set_new(o, "zone_ttl", json_integer(z->kept.shows.zone_ttl));
		json_object_set_new(o, "soa_refresh", json_integer(soa_timers(info->soa.rdata, info->soa.rdlen).refresh_s));
		json_object_set_new(o, "soa_expire", json_integer(soa_timers(info->soa.rdata, info->soa.rdlen).expire_s));
		json_object_set_new(o, "input_serial", json_integer(info->input_serial));
		json_object_set_new(o, "published_at", json_integer(info->published_at));
		json_object_set_new(o, "octets", json_integer((json_int_t)table_octets(version_table(z->version))));
	}
	if (z->input != NULL)
		json_object_set_new(o, "taken", content_to_json(&z->input_id));
	json_object_set_new(o, "state", json_string(status_state(z)));
	json_object_set_new(o, "error", why_not(z) == NULL ? json_null() : json_string(why_not(z)));
	json_object_set_new(o, "secondaries", secondaries(z));
	return o;
}

json_t *status_alarms(const struct zwork *z)
{
	json_t *list = json_array();
	char *expired = withheld_alarm(z), *lags = lag_alarm(z);

	if (expired != NULL)
		json_array_append_new(list, json_string(expired));
	free(expired);
	for (unsigned bit = 1; bit <= SERIAL_ALARM_UNSURE; bit <<= 1)
		if ((z->alarms & bit) != 0)
			json_array_append_new(list, json_string(decide_alarm_text(bit)));
	if (z->set_back)
		json_array_append_new(list, json_string("an old copy of this node was put back: others remember later versions"));
	if (z->plan_error != NULL)
		json_array_append_new(list, json_sprintf("keydist's plan was refused: %s", z->plan_error));
	if (z->damage != NULL)
		json_array_append_new(list, json_sprintf("damaged: %s; it is made again from the source: %s", z->damage,
							 z->source.text == NULL ? "none is known yet" : z->source.text));
	if (z->disagrees != NULL)
		json_array_append_new(list, json_string(z->disagrees));
	if (z->whole.failed != NULL)
		json_array_append_new(list, json_sprintf("what is published did not pass a whole audit: %s", z->whole.failed));
	if (z->review.halt != NULL)
		json_array_append_new(list, json_sprintf("halted: %s: duetctl zone resume", z->review.halt));
	if (z->review.refusal != NULL)
		json_array_append_new(list, json_sprintf("version %u was refused: %s", z->review.refused_serial, z->review.refusal));
	if (z->verdict.refusals > 0 && z->verdict.why != NULL)
		json_array_append_new(list, json_sprintf("version %u is not published: %s", z->verdict.serial, z->verdict.why));
	if (z->source.expired != NULL)
		json_array_append_new(list, json_string(z->source.expired));
	if (lags != NULL)
		json_array_append_new(list, json_string(lags));
	free(lags);
	cross_alarms(z, list);
	return list;
}

static json_t *heard(const struct engine *e, const char *node)
{
	for (size_t i = 0; i < e->node_count; i++)
		if (strcmp(e->node[i].id, node) == 0 && e->node[i].heard_ms >= 0)
			return json_integer(e->node[i].heard_ms + clock_mono_ms() - e->nodes_mono_ms);
	return json_null();
}

static json_t *notices(const struct zwork *z)
{
	json_t *list = json_array();

	for (size_t i = 0; i < z->notice_count; i++)
		json_array_append_new(list, json_string(z->notices[i]));
	if (z->verdict.warnings != NULL)
		json_array_append_new(list, json_sprintf("duet-audit warns: %s", z->verdict.warnings));
	return list;
}

static json_t *peers(const struct zwork *z)
{
	json_t *list = json_array();

	for (size_t i = 0; i < z->peer_count; i++) {
		json_t *o = content_to_json(&z->peer[i].v.content);

		json_object_set_new(o, "name", json_string(z->peer[i].name));
		json_object_set_new(o, "heard_ms", heard(z->engine, z->peer[i].node));
		json_object_set_new(o, "serial", json_integer(z->peer[i].v.serial));
		set_time(o, "earliest", z->peer[i].v.earliest);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *source(const struct zwork *z)
{
	const struct source *s = &z->source;
	json_t *o = json_pack("{s:s?,s:s?,s:b}", "error", s->error, "next", s->next, "loading",
			      (int)z->loading);

	set_time(o, "error_at", s->error == NULL ? 0 : s->error_at);
	if (s->have_serial)
		json_object_set_new(o, "serial", json_integer(s->input_serial));
	if (z->input != NULL)
		json_object_set_new(o, "waiting", content_to_json(&z->input_id));
	json_object_set_new(o, "lag", z->lag == NULL ? json_null() : lag_json(z));
	return o;
}

json_t *status_zone(const struct zwork *z)
{
	const struct version_info *info = z->version == NULL ? NULL : version_info(z->version);
	json_t *o = status_word(z);

	json_object_set_new(o, "zone", json_string(z->name));
	json_object_set_new(o, "source", z->source.text == NULL ? json_null() : json_string(z->source.text));
	json_object_set_new(o, "input", source(z));
	json_object_set_new(o, "notices", notices(z));
	json_object_set_new(o, "peers", peers(z));
	json_object_set_new(o, "alarms", status_alarms(z));
	json_object_set_new(o, "plan", z->plan == NULL ? json_null() : json_string(plan_state_text(z->plan->state)));
	json_object_set_new(o, "name_servers", look_name_servers(z));
	json_object_set_new(o, "policy", z->plan == NULL ? json_null() : json_string(z->plan->policy->name));
	json_object_set_new(o, "hold", z->hold == NULL ? json_null() : json_string(z->hold));
	json_object_set_new(o, "review", review_status(z));
	json_object_set_new(o, "override", review_last_override(z));
	json_object_set_new(o, "held", z->held_shown == NULL ? json_null() : json_string(z->held_shown));
	json_object_set_new(o, "next", z->next != NULL ? json_string(z->next) :
			    z->source.error != NULL && z->source.next != NULL ? json_string(z->source.next) : json_null());
	json_object_set_new(o, "audit", z->verdict.result == NULL ? json_null() : audit_status(z));
	json_object_set_new(o, "cross_audit", cross_status(z));
	json_object_set_new(o, "last_serial", json_integer(z->kept.last));
	json_object_set_new(o, "signatures", json_integer((json_int_t)z->signatures));
	json_object_set_new(o, "busy", json_boolean(z->busy));
	if (info != NULL) {
		if (z->plan != NULL && info->earliest != INT64_MAX)
			set_time(o, "renewal_at", info->earliest - z->plan->policy->renewal_margin_s);
	}
	return o;
}

json_t *status_engine(const struct engine *e)
{
	json_t *o = json_object(), *zones = json_array();

	json_object_set_new(o, "node", json_string(e->conf->node.name));
	json_object_set_new(o, "id", json_string(e->identity.node_id_text));
	json_object_set_new(o, "version", json_string(DUET_VERSION));
	json_object_set_new(o, "now", json_integer(clock_now_s()));
	json_object_set_new(o, "keydist", json_boolean(kdlink_up(e->keydist)));
	json_object_set_new(o, "net", json_string(netlink_ready(e->net) ? "up" : "starting"));
	json_object_set_new(o, "pid", json_integer(getpid()));
	json_object_set_new(o, "net_pid", json_integer(e->net_pid));
	json_object_set_new(o, "compared", json_boolean(e->compared));
	json_object_set_new(o, "sure", json_boolean(e->sure));
	json_object_set_new(o, "alone", json_boolean(e->alone));
	json_object_set_new(o, "set_back", json_boolean(e->set_back));
	json_object_set_new(o, "hold", e->hold == NULL ? json_null() : json_string(e->hold));
	json_object_set_new(o, "serving", json_boolean(e->serving && !e->leaving && e->drain_until_ms == 0));
	json_object_set_new(o, "draining_ms", json_integer(e->drain_until_ms == 0 ? 0 :
							    (json_int_t)(e->drain_until_ms - clock_mono_ms())));
	json_object_set_new(o, "clock", json_pack("{s:b,s:s}", "vouched", (int)e->clock.vouched, "why", e->clock.why));
	for (size_t i = 0; i < e->zone_count; i++)
		json_array_append_new(zones, status_zone(e->zone[i]));
	json_object_set_new(o, "zones", zones);
	return o;
}
