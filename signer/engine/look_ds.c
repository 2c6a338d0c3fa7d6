/* SPDX-License-Identifier: BSD-3-Clause */
/* look_ds: what each server of the parent showed last, for whoever holds a version against it. */
#include <stdlib.h>

#include "clock/clock.h"
#include "signer/engine/auditjob.h"
#include "signer/engine/look.h"

#define LOOKS 3 /* what was shown is known for as long as so many looks may be apart */

struct ds_shown {
	struct addr server;
	json_t *set; /* rdata as text */
	int64_t at_ms;
};

static struct ds_shown *row_of(struct ds_list *l, const struct addr *server)
{
	for (size_t i = 0; i < l->n; i++)
		if (addr_equal(&l->row[i].server, server))
			return &l->row[i];
	l->row = mem_grow(l->row, l->n + 1, sizeof(*l->row));
	l->row[l->n] = (struct ds_shown){ .server = *server };
	return &l->row[l->n++];
}

void ds_list_take(struct ds_list *l, const struct observed *look)
{
	const struct observed_set *set = observed_set(look, TYPE_DS);
	struct ds_shown *s;

	if (!observed_counts(look) || set == NULL)
		return; /* what it showed before is what is known, for a while */
	s = row_of(l, &look->server);
	json_decref(s->set);
	s->set = json_array();
	s->at_ms = clock_mono_ms();
	for (size_t i = 0; i < set->n; i++)
		json_array_append_new(s->set, auditjob_rdata(set->rr[i].rdata, set->rr[i].rdlen));
}

static bool listed(const json_t *list, const json_t *set)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_equal(json_array_get(list, i), set))
			return true;
	return false;
}

json_t *ds_list_known(const struct ds_list *l, int64_t interval_s)
{
	const int64_t since = clock_mono_ms() - LOOKS * (1000 * interval_s + LOOK_TIMEOUT_MS);
	json_t *list = NULL;

	for (size_t i = 0; i < l->n; i++) {
		if (l->row[i].at_ms < since)
			continue;
		list = list == NULL ? json_array() : list;
		if (!listed(list, l->row[i].set))
			json_array_append(list, l->row[i].set);
	}
	return list;
}

void ds_list_fini(struct ds_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		json_decref(l->row[i].set);
	free(l->row);
	*l = (struct ds_list){ .n = 0 };
}
