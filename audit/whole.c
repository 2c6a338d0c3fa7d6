/* SPDX-License-Identifier: BSD-3-Clause */
/* whole: a zone from its descriptors to what is said of it; for the command and for the worker. */
#include <stdio.h>

#include "audit/audit.h"
#include "audit/changes.h"
#include "audit/cross.h"
#include "audit/terms.h"
#include "clock/clock.h"

#define SORT_BUDGET (80u * 1024 * 1024)

static void note_incomplete(struct audit *a, const struct zone_source *s)
{
	if (s->incomplete[0] != '\0')
		report_add(a->report, FRAME_READ, 0, "%s: %s", s->label, s->incomplete);
}

int audit_whole(struct audit *a, struct zone_source *source, size_t n, struct err *e)
{
	source[0].sorter = a->zone_sorter = sorter_new(SORT_BUDGET, a->spill_dir);
	if (n == 2)
		source[1].sorter = a->input_sorter = sorter_new(SORT_BUDGET, a->spill_dir);
	source[0].facts.ends = a->ends = ends_new(a->now);
	a->facts = &source[0].facts;
	a->input_facts = n == 2 ? &source[1].facts : NULL;
	if (reading_run(source, n, a->zone, a->threads, e) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		note_incomplete(a, &source[i]);
	return audit_run(a, e);
}

int audit_changes(struct audit *a, struct facts *facts, struct err *e)
{
	a->facts = facts;
	return audit_run(a, e);
}

int audit_code(const struct audit *a)
{
	return report_errors(a->report) > 0 ? EXIT_REFUSED : 0;
}

void audit_candidate(struct audit *a)
{
	struct past_version v = { .there = true,
				  .serial = a->serial,
				  .at = a->now,
				  .earliest_expiration = a->earliest_expiration,
				  .records = a->facts->records,
				  .content_records = a->facts->content,
				  .content_octets = a->facts->content_octets,
				  .largest_ttl = a->facts->largest_ttl,
				  .signed_ttl = a->facts->signed_ttl,
				  .ends = ends_json(a->ends),
				  .dnskey_ttl = a->dnskey_ttl };

	snprintf(v.content, sizeof(v.content), "%s", a->content_hex);
	plan_children_hex(a->plan, v.children);
	apex_chain(a, v.chain);
	terms_hex(a, v.terms);
	v.all_optout = a->changes != NULL ? changes_all_optout(a) : a->facts->nsec3 > 0 && a->facts->optout == a->facts->nsec3;
	v.lean = !a->insecure_hashed && (a->changes == NULL || a->past->last.lean);
	past_candidate(a->past, &v);
	for (size_t i = 0; i < a->keys.n; i++) {
		const struct dnskey *k = &a->keys.key[i];
		const bool signs = atomic_load(&k->signs_data);

		if (i < a->published_keys || signs)
			past_candidate_key(a->past, k->rdata, k->rdlen, k->tag, i < a->published_keys, signs);
	}
}

json_t *audit_json(const struct audit *a, int code)
{
	json_t *root = json_object();
	char t[CLOCK_TEXT_LEN];

	json_object_set_new(root, "zone", json_string(a->zone_text));
	json_object_set_new(root, "result",
			    json_string(code == 0              ? "fine"
					: code == EXIT_REFUSED ? "refused"
							       : "unknown"));
	json_object_set_new(root, "serial", json_integer(a->serial));
	json_object_set_new(root, "records", json_integer((json_int_t)a->facts->records));
	json_object_set_new(root, "rrsigs", json_integer((json_int_t)a->facts->rrsigs));
	json_object_set_new(root, "content", json_string(a->content_hex));
	if (a->cross != NULL)
		json_object_set_new(root, "sampled", json_integer((json_int_t)cross_sampled(a->cross)));
	if (a->earliest_expiration != 0) {
		json_object_set_new(root, "earliest_expiration",
				    json_string(clock_text(a->earliest_expiration, t)));
		json_object_set_new(root, "earliest_owner", json_string(a->earliest_owner));
	}
	report_json(a->report, root);
	return root;
}

void audit_fini(struct audit *a)
{
	sorter_free(a->zone_sorter);
	sorter_free(a->input_sorter);
	sorter_free(a->digest_sorter);
	dnskeys_fini(&a->keys);
	cds_fini(a);
	cross_free(a->cross);
	plan_free(a->plan);
	past_free(a->past);
	ends_free(a->ends);
	report_free(a->report);
}
