/* SPDX-License-Identifier: BSD-3-Clause */
/* dump: a state as canonical JSON, so that two are equal exactly when their dumps are. */
#include "fact/state.h"

#include "msg/msg.h"

#include <stdlib.h>
#include <string.h>

static json_t *hex(const void *p, size_t len)
{
	return msg_json_hex(p, len);
}

static json_t *ids(const struct id_set *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(list, hex(s->id[i], NODE_ID_LEN));
	return list;
}

static json_t *reg(const struct fact_reg *r)
{
	if (!r->set)
		return json_null();
	return json_pack("{s:I,s:o,s:O}", "rev", (json_int_t)r->rev, "hash", hex(r->hash, FACT_HASH_LEN),
			 "body", r->body);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A set has no order: sorted by its text.  Takes over the reference. */
static json_t *sorted(json_t *list)
{
	const size_t n = json_array_size(list);
	char **text = calloc(n + 1, sizeof(*text));
	json_t *out = json_array();

	for (size_t i = 0; i < n; i++)
		text[i] =
			json_dumps(json_array_get(list, i), JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	qsort(text, n, sizeof(*text), by_text);
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(out, json_loads(text[i], JSON_DECODE_ANY, NULL));
		free(text[i]);
	}
	free(text);
	json_decref(list);
	return out;
}

static json_t *boxes(const struct box_state *box, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("[o,o,s]", hex(box[i].to, NODE_ID_LEN),
						      hex(box[i].by, NODE_ID_LEN), box[i].box));
	return sorted(list);
}

static json_t *records(const struct key_state *k)
{
	json_t *list = json_array();

	for (size_t i = 0; i < KEY_RECORDS; i++) {
		const struct record_state *r = &k->record[i];

		json_array_append_new(list,
				      json_pack("{s:o,s:o,s:o,s:o,s:I,s:I,s:b}", "serves", ids(&r->serves), "seen",
						ids(&r->seen), "stopped", ids(&r->stopped), "gone",
						ids(&r->gone), "before_ttl", (json_int_t)r->before_ttl, "ttl",
						(json_int_t)r->ttl, "insecure", r->insecure));
	}
	return list;
}

static json_t *key(const struct key_state *k)
{
	json_t *held = json_array();

	for (size_t i = 0; i < k->helds; i++)
		json_array_append_new(
			held, json_pack("[o,s]", hex(k->held[i].node, NODE_ID_LEN), k->held[i].probe));
	return json_pack("{s:o,s:b,s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:[o,o],s:s,s:b,s:b,s:o,s:o,s:o,s:s,s:I,s:b,s:b}", "hash",
			 hex(k->hash, 32), "created", k->created, "creator", hex(k->creator, NODE_ID_LEN),
			 "dnskey", hex(k->dnskey, k->dnskey_len), "role", k->role, "instead",
			 hex(k->instead, 32), "boxes", boxes(k->box, k->boxes), "recovery",
			 boxes(k->recovery, k->recoveries), "held", sorted(held), "declined",
			 ids(&k->declined), "records", records(k), "lost", ids(&k->lost), "stored",
			 boxes(k->stored, k->storeds), "replaces", hex(k->replaces[0], 32),
			 hex(k->replaces[1], 32), "method", key_method_names[k->method], "roll", k->roll,
			 "roll_now", k->roll_now, "want",
			 k->want.set ? hex(k->want.fact, sizeof(k->want.fact)) : json_null(), "at_parent",
			 k->at_parent.set ? hex(k->at_parent.hash, sizeof(k->at_parent.hash)) : json_null(), "dropped",
			 boxes(k->dropped, k->droppeds), "hold", key_hold_names[k->hold], "released",
			 (json_int_t)k->released, "foreign", k->foreign, "withdrawn", k->withdrawn);
}

static json_t *zone(const struct zone_state *z)
{
	json_t *adds = json_array(), *keys = json_array();

	for (size_t i = 0; i < z->adds; i++)
		json_array_append_new(adds,
				      json_pack("{s:o,s:b,s:b,s:O?}", "hash",
						hex(z->add[i].hash, FACT_HASH_LEN), "added", z->add[i].added,
						"removed", z->add[i].removed, "body", z->add[i].body));
	for (size_t i = 0; i < z->keys; i++)
		json_array_append_new(keys, key(&z->key[i]));
	return json_pack("{s:s,s:o,s:o,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:b,s:o}", "zone", z->text, "adds", sorted(adds), "keys",
			 sorted(keys), "unsigned_ttl", (json_int_t)z->unsigned_ttl, "largest_ttl",
			 (json_int_t)z->largest_ttl, "ds_ttl", (json_int_t)z->ds_ttl, "floor", reg(&z->floor),
			 "epoch", reg(&z->epoch), "secure", reg(&z->secure), "submission", reg(&z->submission), "submission_tied", z->submission_tied,
			 "override", reg(&z->override));
}

static json_t *node(const struct node_state *n)
{
	json_t *ends = json_array();

	for (size_t i = 0; i < n->ends; i++)
		json_array_append_new(ends, json_pack("[I,o,I]", (json_int_t)n->end[i].inc.number,
						      hex(n->end[i].inc.random, 8),
						      (json_int_t)n->end[i].seq));
	return json_pack("{s:o,s:b,s:o,s:o,s:o,s:b,s:b,s:b,s:b,s:o,s:o}", "id", hex(n->id, NODE_ID_LEN), "known", n->known,
			 "box_pk", hex(n->line.box_pk, PUBLIC_LEN), "admitted", reg(&n->admitted), "counts",
			 ids(&n->counts), "leaving", n->leaving, "dead", n->dead, "left", n->left, "retired", n->retired, "retired_by", reg(&n->retired_by), "ends",
			 sorted(ends));
}

json_t *fact_state_dump(const struct fact_state *s)
{
	json_t *nodes = json_array(), *zones = json_array(), *policies = json_array(), *tsigs = json_array();

	for (size_t i = 0; i < s->nodes; i++)
		json_array_append_new(nodes, node(&s->node[i]));
	for (size_t i = 0; i < s->zones; i++)
		json_array_append_new(zones, zone(&s->zone[i]));
	for (size_t i = 0; i < s->policies; i++)
		json_array_append_new(policies,
				      json_pack("[s,o]", s->policy[i].name, reg(&s->policy[i].reg)));
	for (size_t i = 0; i < s->tsigs; i++)
		json_array_append_new(tsigs, json_pack("[s,s,b,o]", s->tsig[i].name, s->tsig[i].hash,
						       s->tsig[i].removed, reg(&s->tsig[i].created)));
	return json_pack("{s:b,s:o,s:o,s:o,s:o}", "void_retirements", s->void_retirements, "nodes",
			 sorted(nodes), "zones", sorted(zones), "policies",
			 sorted(policies), "tsig", sorted(tsigs));
}
