/* SPDX-License-Identifier: BSD-3-Clause */
/* version: one published version of a zone, immutable and reference counted. */
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "store/state.h"

/* Copies the record behind *at and moves on. */
static struct rr copy_rr(const struct rr *rr, uint8_t **at)
{
	struct rr copy = *rr;
	size_t owner_len = dname_len(rr->owner);

	copy.owner = memcpy(*at, rr->owner, owner_len);
	*at += owner_len;
	copy.rdata = *at;
	if (rr->rdlen > 0)
		memcpy(*at, rr->rdata, rr->rdlen);
	*at += rr->rdlen;
	return copy;
}

struct version *version_new(const struct version_info *info, struct table *table)
{
	struct version *v = mem_new(1, sizeof(*v));
	size_t n = info->with_soa_count, len = n * sizeof(struct rr) + rr_wire_len(&info->soa);
	uint8_t *at;

	for (size_t i = 0; i < n; i++)
		len += rr_wire_len(&info->with_soa[i]);
	v->refs = 1;
	v->info = *info;
	v->info.sum = NULL;
	v->table = table;
	v->memory = mem_new(1, len);
	v->info.with_soa = (struct rr *)(void *)v->memory;
	at = v->memory + n * sizeof(struct rr);
	v->info.soa = copy_rr(&info->soa, &at);
	for (size_t i = 0; i < n; i++)
		v->info.with_soa[i] = copy_rr(&info->with_soa[i], &at);
	return v;
}

struct version *version_ref(struct version *v)
{
	v->refs++;
	return v;
}

void version_unref(struct version *v)
{
	if (v == NULL || --v->refs > 0)
		return;
	table_unref(v->table);
	free(v->memory);
	free(v);
}

const struct version_info *version_info(const struct version *v)
{
	return &v->info;
}

struct table *version_table(const struct version *v)
{
	return v->table;
}
