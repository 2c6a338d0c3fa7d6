/* SPDX-License-Identifier: BSD-3-Clause */
/* patch_signs: whether there is an RRset whose signatures zone_patch makes. */
#include "sign/patch.h"

#include "sign/patching.h"

static bool holds(const struct owner *o, uint16_t type)
{
	for (uint32_t i = 0; i < o->n; i++)
		if (o->rr[i].type == type)
			return true;
	return false;
}

/* The owner of this name with what it is; NULL: there is none. */
static int find(struct view *v, const uint8_t *name, const struct owner **out, struct err *e)
{
	uint8_t key[DNAME_KEY_MAX];
	struct leaf *l;
	size_t i;

	*out = NULL;
	if (view_leaf(v, view_at(v, key, dname_key(name, key)), &l, e) != 0 || view_kinds(v, l, WAS, e) != 0)
		return -1;
	i = leaf_find(l, WAS, name);
	if (i < l->n[WAS] && dname_equal(l->owner[WAS][i].name, name))
		*out = &l->kind[WAS][i];
	return 0;
}

int patch_signs(struct store *s, const struct version *version, const uint8_t *name, uint16_t type, struct err *e)
{
	char text[DNAME_TEXT_MAX], word[16];
	const struct owner *o;
	struct view v;
	int rc;

	dname_to_text(name, text);
	rr_type_text(type, word);
	view_init(&v, s, version, NULL);
	rc = find(&v, name, &o, e);
	if (rc == 0 && rr_type_is_signing(type))
		rc = err_set(e, ERR_REFUSED, "%s %s: of what signing adds, signatures are made with the version or by keydist", text,
			     word);
	else if (rc == 0 && (o == NULL || !holds(o, type)))
		rc = err_set(e, ERR_NOTFOUND, "there is no %s %s in what is published", text, word);
	else if (rc == 0 && (o->kind == OWNER_OCCLUDED || (o->kind == OWNER_DELEGATION && type != TYPE_DS)))
		rc = err_set(e, ERR_REFUSED, "%s %s is not signed: it lies at or below a delegation (RFC 4035 section 2.2)", text,
			     word);
	else if (rc == 0 && version_info(version)->soa_sig_count == 0)
		rc = err_set(e, ERR_REFUSED, "what is published is not signed");
	view_fini(&v);
	return rc;
}
