/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * damage: what to do when something stored is not what was written.  A damaged page is neither served (net cuts the transfer)
 * nor signed over (the store does not keep it): the content is taken from the zone's source again, also when nothing changed
 * there, and the page's range is signed anew from that.  Until the source gives it, no new version is made.  What only a
 * candidate has is the candidate's loss: it is made again from the input, and what is published goes on.
 */
#include "log/log.h"
#include "signer/engine/zwork.h"

static bool has_damage(const struct zwork *z, const struct version *v)
{
	const struct table *t = v == NULL ? NULL : version_table(v);

	for (size_t i = 0; t != NULL && i < table_len(t); i++)
		if (store_damaged(z->engine->store, table_row(t, i)))
			return true;
	return false;
}

static void candidate_damaged(struct zwork *z, const char *what)
{
	char why[200];

	snprintf(why, sizeof(why), "damaged: %.150s; it is made again", what);
	review_drop(z, why);
	if (z->input == NULL && !z->loading && z->loaded == NULL)
		source_again(z);
	zwork_poke(z);
}

void zwork_damaged(struct zwork *z, const char *what)
{
	if (z->review.stage != REVIEW_NONE && !has_damage(z, z->version) && has_damage(z, z->review.version)) {
		candidate_damaged(z, what);
		return;
	}
	if (z->damage == NULL || strcmp(z->damage, what) != 0) {
		log_event(LOG_ERROR, "damaged", "zone=%s msg=%s; the zone is made again from its source%s", z->name, what,
			  z->version != NULL ? "; what secondaries have stays valid" : "");
		z->stale = true; /* told again, as each transfer does, it is known to what is being made */
	}
	zwork_say(&z->damage, "%s", what);
	z->forced = true;
	if (z->input != NULL && z->input->diff != NULL && !z->busy) { /* it would lead from what is damaged */
		pipeline_drop(z);
		content_free(z->input);
		z->input = NULL;
	}
	zwork_tell(z);
	if (z->input == NULL && !z->loading && z->loaded == NULL)
		source_again(z);
	zwork_poke(z);
}

static const struct page_row *row_at(const struct version *v, uint32_t volume, uint64_t offset)
{
	const struct table *t = v == NULL ? NULL : version_table(v);

	for (size_t i = 0; t != NULL && i < table_len(t); i++)
		if (table_row(t, i)->volume == volume && table_row(t, i)->offset == offset)
			return table_row(t, i);
	return NULL;
}

/* net read it; of an older version it matters no more. */
void zwork_page_damaged(struct zwork *z, uint32_t volume, uint64_t offset)
{
	const struct page_row *row = row_at(z->version, volume, offset);
	char what[160];

	store_mark_damaged(z->engine->store, volume, offset);
	if (row == NULL)
		row = row_at(z->review.version, volume, offset);
	if (row == NULL)
		return;
	snprintf(what, sizeof(what), "vol-%u: page of %u octets at %llu: its octets are not what was written", volume, row->len,
		 (unsigned long long)offset);
	zwork_damaged(z, what);
}

void zwork_look_for_damage(struct zwork *z)
{
	const struct table *t = z->version == NULL ? NULL : version_table(z->version);

	for (size_t i = 0; t != NULL && i < table_len(t); i++)
		if (store_damaged(z->engine->store, table_row(t, i))) {
			zwork_page_damaged(z, table_row(t, i)->volume, table_row(t, i)->offset);
			return;
		}
}

void zwork_repaired(struct zwork *z)
{
	if (z->damage == NULL)
		return;
	if (has_damage(z, z->version)) { /* it was made before that was known, and has kept it */
		z->forced = true;
		if (z->input == NULL && !z->loading && z->loaded == NULL)
			source_again(z);
		return;
	}
	log_event(LOG_NOTICE, "repaired", "zone=%s serial=%u msg=what was damaged is made again", z->name, z->kept.last);
	zwork_say(&z->damage, NULL);
}
