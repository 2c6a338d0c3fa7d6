/* SPDX-License-Identifier: BSD-3-Clause */
/* plan: JSON to RRsets; rdata is text, which ldns reads. */
#include "audit/plan.h"

#include <ldns/ldns.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "audit/name.h"

static int by_octets(const void *a, const void *b)
{
	const struct plan_rdata *x = a, *y = b;
	int c = memcmp(x->rdata, y->rdata, x->len < y->len ? x->len : y->len);

	return c != 0 ? c : x->len < y->len ? -1 : x->len > y->len;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As a signer writes it: "\# LENGTH HEX" (RFC 3597 section 5) in one piece and lower case; false for any other form. */
static bool read_octets(const char *text, struct plan_rdata *out)
{
	char *hex;
	unsigned long len;

	if (strncmp(text, "\\# ", 3) != 0 || text[3] < '1' || text[3] > '9')
		return false;
	len = strtoul(text + 3, &hex, 10);
	if (len > 65535 || *hex != ' ' || strlen(++hex) != 2 * len)
		return false;
	out->rdata = mem_new(1, len);
	for (out->len = 0; out->len < len; out->len++, hex += 2) {
		int high = hex_digit(hex[0]), low = hex_digit(hex[1]);

		if (high < 0 || low < 0)
			break;
		out->rdata[out->len] = (uint8_t)(high << 4 | low);
	}
	if (out->len == len)
		return true;
	free(out->rdata);
	*out = (struct plan_rdata){ .len = 0 };
	return false;
}

/* Any other form. */
static int read_text(const char *type, const char *text, struct plan_rdata *out, struct err *e)
{
	char *line = mem_printf(". 0 IN %s %s", type, text);
	ldns_rr *rr = NULL;
	ldns_status s = ldns_rr_new_frm_str(&rr, line, 0, NULL, NULL);
	int rc = 0;

	free(line);
	if (s != LDNS_STATUS_OK)
		return err_set(e, ERR_SYNTAX, "%s %.80s: %s", type, text, ldns_get_errorstr_by_id(s));
	out->rdata = mem_new(1, 65535);
	for (size_t i = 0; i < ldns_rr_rd_count(rr) && rc == 0; i++) {
		size_t n = ldns_rdf_size(ldns_rr_rdf(rr, i));

		if (out->len + n > 65535)
			rc = err_set(e, ERR_LIMIT, "%s: rdata too long", type);
		else
			memcpy(out->rdata + out->len, ldns_rdf_data(ldns_rr_rdf(rr, i)), n);
		out->len += rc == 0 ? n : 0;
	}
	ldns_rr_free(rr);
	return rc;
}

int plan_read_rdata(const char *type, const char *text, size_t least, struct plan_rdata *out, struct err *e)
{
	if (!read_octets(text, out) && read_text(type, text, out, e) != 0)
		return -1;
	return out->len < least ? err_set(e, ERR_SYNTAX, "%s %.80s: too short", type, text) : 0;
}

static int read_set(const json_t *root, const char *member, const char *type, struct plan_set *out,
		    struct err *e)
{
	const json_t *list = json_object_get(root, member);
	size_t kept = 0;

	if (list == NULL)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > PLAN_ITEMS_MAX)
		return err_set(e, ERR_SYNTAX, "%s must be a list of at most %d texts", member, PLAN_ITEMS_MAX);
	out->given = true;
	out->item = mem_new(json_array_size(list) + 1, sizeof(*out->item));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL)
			return err_set(e, ERR_SYNTAX, "%s must be a list of texts", member);
		out->n++;
		if (plan_read_rdata(type, text, 5, &out->item[i], e) != 0)
			return err_ctx(e, "%s", member);
	}
	qsort(out->item, out->n, sizeof(*out->item), by_octets);
	for (size_t i = 0; i < out->n; i++) { /* an RRset has no duplicates */
		if (kept > 0 && by_octets(&out->item[kept - 1], &out->item[i]) == 0)
			free(out->item[i].rdata);
		else
			out->item[kept++] = out->item[i];
	}
	out->n = kept;
	return 0;
}

static int read_algorithms(const json_t *root, struct plan *p, struct err *e)
{
	const json_t *list = json_object_get(root, "algorithms");

	if (list == NULL)
		return 0;
	if (!json_is_array(list))
		return err_set(e, ERR_SYNTAX, "algorithms must be a list of numbers");
	p->algorithms_given = true;
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_int_t n = json_integer_value(json_array_get(list, i));

		if (n < 1 || n > 255)
			return err_set(e, ERR_SYNTAX, "algorithms: %lld is none", (long long)n);
		p->algorithm[n] = true;
	}
	return 0;
}

/* The DS RRset, or a list of such where the parent's servers differ. */
static int read_ds(const json_t *root, struct plan *p, struct err *e)
{
	const json_t *list = json_object_get(root, "ds");
	const bool many = json_is_array(json_array_get(list, 0));

	if (list == NULL)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > PLAN_ITEMS_MAX)
		return err_set(e, ERR_SYNTAX, "ds must be a list of at most %d texts or lists", PLAN_ITEMS_MAX);
	p->ds_given = true;
	p->ds = mem_new(json_array_size(list) + 1, sizeof(*p->ds));
	if (!many)
		return read_set(root, "ds", "DS", &p->ds[p->ds_sets++], e);
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *one = json_pack("{s:O}", "ds", json_array_get(list, i));
		int rc = read_set(one, "ds", "DS", &p->ds[p->ds_sets++], e);

		json_decref(one);
		if (rc != 0)
			return -1;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct plan_child *x = a, *y = b;

	return x->len != y->len ? (x->len < y->len ? -1 : 1) : memcmp(x->name, y->name, x->len);
}

const struct plan_child *plan_child(const struct plan *p, const uint8_t *name, size_t len)
{
	struct plan_child key = { .len = len };

	if (p == NULL || p->children == 0)
		return NULL;
	memcpy(key.name, name, len);
	return bsearch(&key, p->child, p->children, sizeof(*p->child), by_name);
}

char *plan_children_hex(const struct plan *p, char out[PLAN_CHILDREN_HEX])
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state s;

	out[0] = '\0';
	if (p == NULL || p->children == 0)
		return out;
	crypto_hash_sha256_init(&s);
	for (size_t i = 0; i < p->children; i++) {
		const struct plan_set *ds = &p->child[i].ds;

		crypto_hash_sha256_update(&s, p->child[i].name, p->child[i].len);
		crypto_hash_sha256_update(&s, (const uint8_t *)&ds->n, sizeof(ds->n));
		for (size_t k = 0; k < ds->n; k++) {
			crypto_hash_sha256_update(&s, (const uint8_t *)&ds->item[k].len, sizeof(ds->item[k].len));
			crypto_hash_sha256_update(&s, ds->item[k].rdata, ds->item[k].len);
		}
	}
	crypto_hash_sha256_final(&s, digest);
	return sodium_bin2hex(out, PLAN_CHILDREN_HEX, digest, sizeof(digest));
}

static int read_child(const json_t *o, struct plan_child *out, struct err *e)
{
	const char *text = json_string_value(json_object_get(o, "zone"));
	ldns_rdf *name = text == NULL ? NULL : ldns_dname_new_frm_str(text);

	if (name == NULL || ldns_rdf_size(name) > sizeof(out->name)) {
		ldns_rdf_deep_free(name);
		return err_set(e, ERR_SYNTAX, "children: zone must be a name");
	}
	out->len = ldns_rdf_size(name);
	memcpy(out->name, ldns_rdf_data(name), out->len);
	ldns_rdf_deep_free(name);
	name_lower(out->name, out->len);
	if (read_set(o, "ds", "DS", &out->ds, e) != 0)
		return err_ctx(e, "child %.200s", text);
	return out->ds.given ? 0 : err_set(e, ERR_SYNTAX, "children: %.200s has no ds", text);
}

static int read_children(const json_t *root, struct plan *p, struct err *e)
{
	const json_t *list = json_object_get(root, "children"), *o;
	size_t i;

	if (list == NULL)
		return 0;
	if (!json_is_array(list))
		return err_set(e, ERR_SYNTAX, "children must be a list");
	p->child = mem_new(json_array_size(list) + 1, sizeof(*p->child));
	json_array_foreach(list, i, o)
		if (read_child(o, &p->child[p->children++], e) != 0)
			return -1;
	qsort(p->child, p->children, sizeof(*p->child), by_name);
	return 0;
}

static int read_rest(const json_t *root, struct plan *p, struct err *e)
{
	const json_t *policy = json_object_get(root, "policy");

	if (plan_read_content(root, &p->content, e) != 0)
		return -1;
	p->forced = json_is_true(json_object_get(root, "forced"));
	p->observed = json_is_true(json_object_get(root, "observed"));
	p->set_back = json_is_true(json_object_get(root, "set_back"));
	p->unsigned_zone = json_is_true(json_object_get(root, "unsigned"));
	p->limits_given = policy != NULL;
	return policy != NULL ? limits_from_json(policy, &p->limits, e) : 0;
}

struct plan *plan_from_json(const json_t *root, struct err *e)
{
	struct plan *p = mem_new(1, sizeof(*p));
	int rc = -1;

	if (!json_is_object(root))
		err_set(e, ERR_SYNTAX, "must be an object");
	else if (read_set(root, "dnskey", "DNSKEY", &p->dnskey, e) == 0 &&
		 read_set(root, "csk", "DNSKEY", &p->csk, e) == 0 &&
		 read_set(root, "foreign", "DNSKEY", &p->foreign, e) == 0 &&
		 read_set(root, "lost", "DNSKEY", &p->lost, e) == 0 &&
		 read_set(root, "signing", "DNSKEY", &p->signing, e) == 0 &&
		 read_set(root, "cds", "CDS", &p->cds, e) == 0 &&
		 read_set(root, "cdnskey", "CDNSKEY", &p->cdnskey, e) == 0 &&
		 read_ds(root, p, e) == 0 && read_algorithms(root, p, e) == 0 &&
		 plan_read_others(root, p, e) == 0 && read_children(root, p, e) == 0 && read_rest(root, p, e) == 0)
		rc = 0;
	if (rc == 0)
		return p;
	plan_free(p);
	return NULL;
}

struct plan *plan_parse(const char *text, size_t len, struct err *e)
{
	json_error_t why;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	struct plan *p = NULL;

	if (root == NULL)
		err_set(e, ERR_SYNTAX, "line %d: %s", why.line, why.text);
	else
		p = plan_from_json(root, e);
	json_decref(root);
	return p;
}

struct plan *plan_read(const char *path, struct err *e)
{
	struct conf_errors errors = { NULL, 0 };
	struct plan *p = NULL;
	size_t len;
	char *text = conf_read_file(path, &len, &errors);

	if (text == NULL)
		err_set(e, ERR_IO, "%s", errors.n > 0 ? errors.line[0] : path);
	else if ((p = plan_parse(text, len, e)) == NULL)
		err_ctx(e, "%s", path);
	free(text);
	conf_errors_free(&errors);
	return p;
}

static bool set_has(const struct plan_set *s, const uint8_t *rdata, size_t len)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->item[i].len == len && memcmp(s->item[i].rdata, rdata, len) == 0)
			return true;
	return false;
}

bool plan_is_csk(const struct plan *p, const uint8_t *rdata, size_t len)
{
	return p != NULL && set_has(&p->csk, rdata, len);
}

bool plan_is_foreign(const struct plan *p, const uint8_t *rdata, size_t len)
{
	return p != NULL && set_has(&p->foreign, rdata, len);
}

bool plan_is_lost(const struct plan *p, const uint8_t *rdata, size_t len)
{
	return p != NULL && set_has(&p->lost, rdata, len);
}

static void set_fini(struct plan_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->item[i].rdata);
	free(s->item);
}

void plan_free(struct plan *p)
{
	if (p == NULL)
		return;
	set_fini(&p->dnskey);
	set_fini(&p->csk);
	set_fini(&p->foreign);
	set_fini(&p->lost);
	set_fini(&p->signing);
	set_fini(&p->cds);
	set_fini(&p->cdnskey);
	for (size_t i = 0; i < p->ds_sets; i++)
		set_fini(&p->ds[i]);
	free(p->ds);
	plan_free_others(p);
	for (size_t i = 0; i < p->children; i++)
		set_fini(&p->child[i].ds);
	free(p->child);
	if (p->limits_given)
		limits_free(&p->limits);
	free(p);
}
