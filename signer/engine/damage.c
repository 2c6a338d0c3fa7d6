/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * damage: what to do when something stored is not what was written.  A damaged page is neither served (net cuts the transfer)
 * nor signed over (the store does not keep it): the content is taken from the zone's source again, also when nothing changed
 * there, and the page's range is signed anew from that.  Until the source gives it, no new version is made.
 */
#include "log/log.h"
#include "signer/engine/zwork.h"

void zwork_damaged(struct zwork *z, const char *what)
{
	if (z->damage == NULL || strcmp(z->damage, what) != 0)
		log_event(LOG_ERROR, "damaged", "zone=%s msg=%s; the zone is made again from its source%s", z->name, what,
			  z->version != NULL ? "; what secondaries have stays valid" : "");
	zwork_say(&z->damage, "%s", what);
	z->forced = true;
	z->stale = true;
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

/* net read it; of an older version it matters no more. */
void zwork_page_damaged(struct zwork *z, uint32_t volume, uint64_t offset)
{
	const struct table *t = z->version == NULL ? NULL : version_table(z->version);
	char what[160];

	store_mark_damaged(z->engine->store, volume, offset);
	for (size_t i = 0; t != NULL && i < table_len(t); i++) {
		const struct page_row *row = table_row(t, i);

		if (row->volume != volume || row->offset != offset)
			continue;
		snprintf(what, sizeof(what), "vol-%u: page of %u octets at %llu: its octets are not what was written", volume,
			 row->len, (unsigned long long)offset);
		zwork_damaged(z, what);
		return;
	}
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
	log_event(LOG_NOTICE, "repaired", "zone=%s serial=%u msg=what was damaged is made again", z->name, z->kept.last);
	zwork_say(&z->damage, NULL);
}
