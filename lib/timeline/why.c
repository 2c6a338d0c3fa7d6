/* SPDX-License-Identifier: BSD-3-Clause */
/* why: one sentence for people, what a key waits for. */
#include "timeline/order.h"

#include "identity/identity.h"

#include <stdio.h>
#include <string.h>

static const char *const what[KEY_RECORDS] = {
	[RECORD_DNSKEY] = "the DNSKEY",
	[RECORD_ZONE] = "RRSIGs made with it",
	[RECORD_DS] = "the DS",
};

/* How many have said it; the first of the others, by name. */
static size_t count(const struct timeline_in *in, const struct timeline *t, const struct id_set *set, char missing[64])
{
	char id[NODE_ID_TEXT];
	size_t n = 0;

	missing[0] = '\0';
	for (size_t i = 0; i < t->counted_n; i++) {
		if (id_set_has(set, t->counted[i]))
			n++;
		else if (missing[0] == '\0')
			snprintf(missing, 64, "%s", in->name != NULL ? in->name(in->name_ctx, t->counted[i])
								     : node_id_text(t->counted[i], id));
	}
	return n;
}

/* Which server has not shown it. */
static void of_server(const struct timeline_in *in, const struct wait_shown *shown, enum key_record r, bool comes,
		      char out[TIMELINE_WHY_LEN])
{
	static const char *const versions[2][2] = { { "a version without", "a version with" },
						    { "a DS RRset without", "a DS RRset with" } };
	const bool secondary = shown->missing != NULL && shown->missing->kind == OBSERVER_SECONDARY;
	char server[TIMELINE_SERVER_LEN] = "a server", limit[64] = "no time limit";

	if (in->server != NULL && shown->missing != NULL)
		in->server(in->server_ctx, shown->missing->id, server);
	if (secondary && in->policy->limit_s > 0)
		snprintf(limit, sizeof(limit), "not waited for after %lld days without an answer",
			 (long long)(in->policy->limit_s / 86400));
	snprintf(out, TIMELINE_WHY_LEN, "%s has not yet shown %s %s; seen %zu of %zu; %s", server,
		 versions[r == RECORD_DS && !secondary][comes], r == RECORD_DS ? (secondary ? "CDS of it" : "its DS") : what[r],
		 shown->seen, shown->of, limit);
}

/* A wait of this node: what is still to be shown, or how long it lasts. */
static bool of_wait(const struct timeline_in *in, const struct timeline_memory *m,
		    const struct timeline_key *k, enum key_record r, char out[TIMELINE_WHY_LEN])
{
	const struct timeline_wait *w = timeline_wait_find(m, k->key->hash, r, WAIT_IN);
	struct wait_shown shown;

	if (w == NULL)
		w = timeline_wait_find(m, k->key->hash, r, WAIT_OUT);
	if (w == NULL)
		return false;
	shown = wait_shown(in, m, w);
	if (w->complete)
		snprintf(out, TIMELINE_WHY_LEN, "%s %s: answers from before may be in caches for %lld s more", what[r],
			 w->kind == WAIT_IN ? "is everywhere" : "is gone",
			 (long long)((w->need_ms > w->ran_ms ? w->need_ms - w->ran_ms : 0) + 999) / 1000);
	else
		of_server(in, &shown, r, w->kind == WAIT_IN, out);
	return true;
}

static bool of_record(const struct timeline_in *in, const struct timeline *t, const struct timeline_key *k,
		      enum key_record r, char out[TIMELINE_WHY_LEN])
{
	const struct record_view *v = &k->record[r];
	const struct record_state *s = &k->key->record[r];
	const struct {
		bool on;
		const struct id_set *set;
		const char *word;
	} rows[] = {
		{ v->any_serves && !v->any_stopped && !v->all_serve, &s->serves,
		  r == RECORD_DS ? "asked for by every signer" : "served by every signer" },
		{ v->all_serve && !v->any_stopped && !v->all_seen, &s->seen, "seen everywhere by every signer" },
		{ v->any_stopped && !v->all_stopped, &s->stopped, "given up by every signer" },
		{ v->all_stopped && !v->all_gone, &s->gone, "gone everywhere in every signer's eyes" },
	};
	char missing[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].on)
			continue;
		const size_t n = count(in, t, rows[i].set, missing);

		snprintf(out, TIMELINE_WHY_LEN, "%s %s not %s yet: %zu of %zu have said so, %s has not", what[r],
			 r == RECORD_ZONE ? "are" : "is", rows[i].word, n, t->counted_n, missing);
		return true;
	}
	return false;
}

char *timeline_why(const struct timeline_in *in, const struct timeline *t, const struct timeline_memory *m,
		   const struct timeline_key *k, char out[TIMELINE_WHY_LEN])
{
	if (k->dead) {
		snprintf(out, TIMELINE_WHY_LEN, "nothing: it is gone everywhere");
		return out;
	}
	if (!k->distributed) {
		snprintf(out, TIMELINE_WHY_LEN,
			 "it is not distributed: not every signer has proven that it holds it, or no backup stores it");
		return out;
	}
	if (!k->foreign && !k->record[RECORD_DNSKEY].retiring && !show_alg_complete(t, k->alg)) {
		snprintf(out, TIMELINE_WHY_LEN, "no key that signs the %s is there of its algorithm, or none that is distributed: "
			 "duetctl key create makes what is missing", k->sep ? "zone" : "DNSKEY RRset");
		return out;
	}
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		if (k->record[r].waits_in || k->record[r].waits_out) {
			snprintf(out, TIMELINE_WHY_LEN, "%s may %s, and %s your word: duetctl key release", what[r],
				 k->record[r].waits_in ? "come in" : "go", r == RECORD_ZONE ? "wait for" : "waits for");
			return out;
		}
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		if (order_has(k, r) && (of_wait(in, m, k, r, out) || of_record(in, t, k, r, out)))
			return out;
	if (k->foreign && !k->key->withdrawn) {
		snprintf(out, TIMELINE_WHY_LEN,
			 "nothing: it is another signer's; duetctl key withdraw once nobody serves what that signed");
		return out;
	}
	for (enum key_record r = 0; r < KEY_RECORDS; r++) {
		if (!order_has(k, r) || k->record[r].phase == PHASE_OMNIPRESENT || k->record[r].retiring)
			continue;
		if (r == RECORD_DS && order_all_ready(t, k, r) && !parents_known(in, m))
			snprintf(out, TIMELINE_WHY_LEN,
				 "the DS is asked for once every server of the parent has shown what it has now");
		else
			snprintf(out, TIMELINE_WHY_LEN,
				 "%s may come in once what must be there before it is everywhere", what[r]);
		return out;
	}
	snprintf(out, TIMELINE_WHY_LEN, "nothing: %s",
		 k->record[RECORD_DNSKEY].retiring
			 ? "its place is taken by another key, once that is everywhere"
			 : "it is in use");
	return out;
}
