/* SPDX-License-Identifier: BSD-3-Clause */
/* plan_others: what other signers have, serve and served. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "audit/plan.h"

int plan_content_cmp(const struct plan_content *a, const struct plan_content *b)
{
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->digest[0] == '\0' || b->digest[0] == '\0' ? 0 : strcmp(a->digest, b->digest);
}

int plan_read_content(const json_t *root, struct plan_content *out, struct err *e)
{
	const json_t *number = json_object_get(root, "content"), *epoch = json_object_get(root, "epoch");
	const char *digest = json_string_value(json_object_get(root, "digest"));

	if ((number != NULL && !json_is_integer(number)) || (epoch != NULL && !json_is_integer(epoch)))
		return err_set(e, ERR_SYNTAX, "content and epoch must be numbers");
	if (digest != NULL && strlen(digest) != sizeof(out->digest) - 1)
		return err_set(e, ERR_SYNTAX, "digest must be %zu digits", sizeof(out->digest) - 1);
	out->given = number != NULL;
	out->number = json_integer_value(number);
	out->epoch = json_integer_value(epoch);
	snprintf(out->digest, sizeof(out->digest), "%s", digest != NULL ? digest : "");
	return 0;
}

static int read_seeds(const json_t *root, struct plan *p, struct err *e)
{
	const json_t *list = json_object_get(root, "seeds"), *o;
	size_t i;

	if (list == NULL)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > PLAN_ITEMS_MAX)
		return err_set(e, ERR_SYNTAX, "seeds must be a list of at most %d keys", PLAN_ITEMS_MAX);
	p->seed = mem_new(json_array_size(list) + 1, sizeof(*p->seed));
	json_array_foreach(list, i, o) {
		const char *text = json_string_value(json_object_get(o, "dnskey"));
		struct plan_seed *s = &p->seed[p->seeds++];

		if (text == NULL)
			return err_set(e, ERR_SYNTAX, "seeds: dnskey must be a text");
		if (plan_read_rdata("DNSKEY", text, 5, &s->key, e) != 0)
			return err_ctx(e, "seeds");
		s->visible = json_is_true(json_object_get(o, "visible"));
		s->used = json_is_true(json_object_get(o, "used"));
		s->retired = json_is_true(json_object_get(o, "retired"));
	}
	return 0;
}

static int read_known(const json_t *root, struct plan *p, struct err *e)
{
	const json_t *list = json_object_get(root, "known");

	if (list == NULL)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > PLAN_ITEMS_MAX)
		return err_set(e, ERR_SYNTAX, "known must be a list of at most %d versions", PLAN_ITEMS_MAX);
	p->known = mem_new(json_array_size(list) + 1, sizeof(*p->known));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *j = json_array_get(list, i);
		const char *who = json_string_value(json_object_get(j, "who"));
		json_int_t serial = json_integer_value(json_object_get(j, "serial"));
		struct plan_known *k = &p->known[p->known_count++];

		if (!json_is_integer(json_object_get(j, "serial")) || serial < 0 || serial > UINT32_MAX)
			return err_set(e, ERR_SYNTAX, "known: serial must be a number of 32 bits");
		if (plan_read_content(j, &k->content, e) != 0)
			return err_ctx(e, "known");
		snprintf(k->who, sizeof(k->who), "%s", who != NULL ? who : "somebody");
		k->serial = (uint32_t)serial;
		k->served = json_is_true(json_object_get(j, "served"));
		k->self = json_is_true(json_object_get(j, "self"));
	}
	return 0;
}

int plan_read_others(const json_t *root, struct plan *p, struct err *e)
{
	return read_known(root, p, e) != 0 ? -1 : read_seeds(root, p, e);
}

void plan_free_others(struct plan *p)
{
	for (size_t i = 0; i < p->seeds; i++)
		free(p->seed[i].key.rdata);
	free(p->seed);
	free(p->known);
}
