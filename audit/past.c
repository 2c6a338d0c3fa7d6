/* SPDX-License-Identifier: BSD-3-Clause */
/* past: one JSON file a zone, replaced as a whole. */
#include "audit/past.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/arena.h"

#define FORMAT 2 /* 1: of versions octets of all; no content_records, content_octets, signed_ttl, ends, terms */

/* ---- reading ---- */

static int number(const json_t *j, const char *member, uint64_t most, int64_t *out, struct err *e)
{
	const json_t *v = json_object_get(j, member);

	if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > most)
		return err_set(e, ERR_DAMAGE, "%s is no number in its range", member);
	*out = json_integer_value(v);
	return 0;
}

static int read_version(const json_t *j, struct past_version *v, struct err *e)
{
	const char *content = json_string_value(json_object_get(j, "content"));
	const char *children = json_string_value(json_object_get(j, "children"));
	const char *chain = json_string_value(json_object_get(j, "chain"));
	const char *terms = json_string_value(json_object_get(j, "terms"));
	const json_t *ends = json_object_get(j, "ends");
	int64_t serial, records, ttl, dnskey_ttl;

	if (j == NULL || json_is_null(j))
		return 0;
	if (number(j, "serial", UINT32_MAX, &serial, e) != 0 || number(j, "at", INT64_MAX, &v->at, e) != 0 ||
	    number(j, "earliest_expiration", INT64_MAX, &v->earliest_expiration, e) != 0 ||
	    number(j, "records", INT64_MAX, &records, e) != 0 ||
	    number(j, "largest_ttl", UINT32_MAX, &ttl, e) != 0 ||
	    number(j, "dnskey_ttl", UINT32_MAX, &dnskey_ttl, e) != 0)
		return -1;
	v->there = true;
	v->serial = (uint32_t)serial;
	v->records = (uint64_t)records;
	v->content_records = (uint64_t)json_integer_value(json_object_get(j, "content_records"));
	v->content_octets = (uint64_t)json_integer_value(json_object_get(j, "content_octets"));
	v->largest_ttl = v->signed_ttl = (uint32_t)ttl;
	if (json_is_integer(json_object_get(j, "signed_ttl")))
		v->signed_ttl = (uint32_t)json_integer_value(json_object_get(j, "signed_ttl"));
	v->ends = json_is_array(ends) ? json_deep_copy(ends) : NULL;
	snprintf(v->terms, sizeof(v->terms), "%s", terms != NULL ? terms : "");
	v->dnskey_ttl = (uint32_t)dnskey_ttl;
	snprintf(v->content, sizeof(v->content), "%s", content != NULL ? content : "");
	snprintf(v->children, sizeof(v->children), "%s", children != NULL ? children : "");
	snprintf(v->chain, sizeof(v->chain), "%s", chain != NULL ? chain : "");
	v->lean = json_is_true(json_object_get(j, "lean"));
	v->all_optout = json_is_true(json_object_get(j, "all_optout"));
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_key(const json_t *j, struct past_key *k, struct err *e)
{
	const char *hex = json_string_value(json_object_get(j, "rdata"));
	size_t len = hex != NULL ? strlen(hex) : 0;
	int64_t tag;

	if (len < 10 || len % 2 != 0 || len > 2 * 65535)
		return err_set(e, ERR_DAMAGE, "rdata of a key is no hex text");
	k->rdata = mem_new(1, len / 2);
	k->len = len / 2;
	for (size_t i = 0; i < k->len; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return err_set(e, ERR_DAMAGE, "rdata of a key is no hex text");
		k->rdata[i] = (uint8_t)(high << 4 | low);
	}
	if (number(j, "tag", 65535, &tag, e) != 0 ||
	    number(j, "published_from", INT64_MAX, &k->published_from, e) != 0 ||
	    number(j, "published_to", INT64_MAX, &k->published_to, e) != 0 ||
	    number(j, "used_from", INT64_MAX, &k->used_from, e) != 0 ||
	    number(j, "used_to", INT64_MAX, &k->used_to, e) != 0)
		return -1;
	k->tag = (uint16_t)tag;
	return 0;
}

static int read_keys(const json_t *list, struct past_key **out, size_t *n, struct err *e)
{
	size_t all = json_array_size(list);

	if (!json_is_array(list))
		return err_set(e, ERR_DAMAGE, "keys is no list");
	*out = mem_new(all + 1, sizeof(**out));
	for (size_t i = 0; i < all; i++) {
		*n = i + 1;
		if (read_key(json_array_get(list, i), &(*out)[i], e) != 0)
			return -1;
	}
	return 0;
}

static int read_all(const json_t *root, struct past *p, struct err *e)
{
	int64_t format, ttl, dnskey_ttl;

	if (number(root, "version", INT64_MAX, &format, e) != 0)
		return -1;
	if (format > FORMAT)
		return err_set(e, ERR_REFUSED, "written by a newer version (%lld)", (long long)format);
	if (number(root, "first_at", INT64_MAX, &p->first_at, e) != 0 ||
	    number(root, "largest_ttl", UINT32_MAX, &ttl, e) != 0 ||
	    number(root, "largest_dnskey_ttl", UINT32_MAX, &dnskey_ttl, e) != 0)
		return -1;
	p->largest_ttl = (uint32_t)ttl;
	p->largest_dnskey_ttl = (uint32_t)dnskey_ttl;
	if (read_version(json_object_get(root, "published"), &p->last, e) != 0 ||
	    read_version(json_object_get(root, "candidate"), &p->candidate, e) != 0 ||
	    read_keys(json_object_get(root, "keys"), &p->key, &p->keys, e) != 0 ||
	    read_keys(json_object_get(root, "candidate_keys"), &p->candidate_key, &p->candidate_keys, e) != 0)
		return -1;
	return 0;
}

struct past *past_empty(void)
{
	return mem_new(1, sizeof(struct past));
}

struct past *past_parse(const char *text, size_t len, struct err *e)
{
	json_error_t why;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	struct past *p = mem_new(1, sizeof(*p));
	int rc = -1;

	if (root == NULL)
		err_set(e, ERR_DAMAGE, "line %d: %s", why.line, why.text);
	else
		rc = read_all(root, p, e);
	json_decref(root);
	if (rc == 0)
		return p;
	past_free(p);
	return NULL;
}

/* A zone's name as a file name: letters, digits, '-', '_' and '.' stay, others are %XX; the root is "root".
 */
static char *file_name(const char *dir, const char *zone_text)
{
	char name[3 * 1024 + 1], *to = name;

	if (strcmp(zone_text, ".") == 0)
		return mem_printf("%s/@root.json", dir);
	for (const char *c = zone_text; *c != '\0'; c++) {
		if ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("-_.", *c) != NULL)
			*to++ = *c;
		else
			to += sprintf(to, "%%%02X", (unsigned char)*c);
	}
	*to = '\0';
	return mem_printf("%s/%sjson", dir, name); /* the name ends with a dot */
}

struct past *past_open(const char *dir, const char *zone_text, struct err *e)
{
	char *path = file_name(dir, zone_text), *text = NULL;
	struct past *p = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		p = past_empty();
	} else if (fd < 0 || fstat(fd, &st) != 0) {
		err_errno(e, "%s", path);
	} else if (st.st_size > PAST_OCTETS_MAX) {
		err_set(e, ERR_LIMIT, "%s: larger than %d octets", path, PAST_OCTETS_MAX);
	} else {
		text = mem_new(1, (size_t)st.st_size + 1);
		if (read(fd, text, (size_t)st.st_size) != st.st_size)
			err_errno(e, "%s", path);
		else if ((p = past_parse(text, (size_t)st.st_size, e)) == NULL)
			err_ctx(e, "%s", path);
	}
	if (fd >= 0)
		close(fd);
	free(text);
	if (p != NULL)
		p->path = path;
	else
		free(path);
	return p;
}

static void free_keys(struct past_key *k, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(k[i].rdata);
	free(k);
}

void past_free(struct past *p)
{
	if (p == NULL)
		return;
	free_keys(p->key, p->keys);
	free_keys(p->candidate_key, p->candidate_keys);
	json_decref(p->last.ends);
	json_decref(p->candidate.ends);
	free(p->path);
	free(p);
}

/* ---- keys ---- */

void past_forget_keys(struct past *p)
{
	free_keys(p->key, p->keys);
	p->key = NULL;
	p->keys = 0;
	p->first_at = 0;
}

#define REVOKE 0x80 /* in the second octet of the flags */

static bool same_key(const struct past_key *k, const uint8_t *rdata, size_t len)
{
	return k->len == len && k->rdata[0] == rdata[0] && k->rdata[1] == (rdata[1] & ~REVOKE) &&
	       memcmp(k->rdata + 2, rdata + 2, len - 2) == 0;
}

static struct past_key *find(const struct past *p, const uint8_t *rdata, size_t len)
{
	for (size_t i = 0; i < p->keys; i++)
		if (same_key(&p->key[i], rdata, len))
			return &p->key[i];
	return NULL;
}

const struct past_key *past_find(const struct past *p, const uint8_t *rdata, size_t len)
{
	return find(p, rdata, len);
}

void past_candidate(struct past *p, const struct past_version *v)
{
	json_decref(p->candidate.ends);
	p->candidate = *v;
	free_keys(p->candidate_key, p->candidate_keys);
	p->candidate_key = NULL;
	p->candidate_keys = 0;
}

static void add_key(struct past_key **list, size_t *n, const uint8_t *rdata, size_t len, uint16_t tag)
{
	*list = mem_grow(*list, *n + 1, sizeof(**list));
	(*list)[*n] = (struct past_key){ .rdata = mem_dup(rdata, len), .len = len, .tag = tag };
	(*list)[(*n)++].rdata[1] &= (uint8_t)~REVOKE;
}

void past_candidate_key(struct past *p, const uint8_t *rdata, size_t len, uint16_t tag, bool published, bool used)
{
	add_key(&p->candidate_key, &p->candidate_keys, rdata, len, tag);
	p->candidate_key[p->candidate_keys - 1].published_to = !published;
	p->candidate_key[p->candidate_keys - 1].used_from = used;
}

void past_seed(struct past *p, const uint8_t *rdata, size_t len, uint16_t tag, const struct plan_seed *s, int64_t now)
{
	struct past_key *k;

	if (find(p, rdata, len) != NULL)
		return;
	add_key(&p->key, &p->keys, rdata, len, tag);
	k = &p->key[p->keys - 1];
	k->published_from = s->visible ? PAST_LONG_AGO : now + 1;
	k->used_from = s->used ? PAST_LONG_AGO : 0;
	k->used_to = s->retired ? PAST_LONG_AGO : 0;
	p->first_at = PAST_LONG_AGO;
}

static const struct past_key *in_candidate(const struct past *p, const struct past_key *k)
{
	for (size_t i = 0; i < p->candidate_keys; i++)
		if (same_key(&p->candidate_key[i], k->rdata, k->len))
			return &p->candidate_key[i];
	return NULL;
}

static void merge_keys(struct past *p, int64_t at)
{
	for (size_t i = 0; i < p->candidate_keys; i++) {
		const struct past_key *c = &p->candidate_key[i];
		struct past_key *k = find(p, c->rdata, c->len);

		if (k == NULL) {
			add_key(&p->key, &p->keys, c->rdata, c->len, c->tag);
			k = &p->key[p->keys - 1];
			k->published_from = at;
			k->published_to = c->published_to != 0 ? at : 0;
		} else if (k->published_to != 0 && c->published_to == 0) { /* it was away: caches forgot it */
			k->published_from = at;
			k->published_to = 0;
		}
		if (c->used_from != 0 && k->used_from == 0)
			k->used_from = at;
	}
	for (size_t i = 0; i < p->keys; i++) {
		struct past_key *k = &p->key[i];
		const struct past_key *c = in_candidate(p, k);

		if ((c == NULL || c->published_to != 0) && k->published_to == 0)
			k->published_to = at;
		if (k->used_from != 0 && k->used_to == 0 && (c == NULL || c->used_from == 0))
			k->used_to = at;
	}
}

int past_published(struct past *p, uint32_t serial, int64_t at, struct err *e)
{
	if (!p->candidate.there || p->candidate.serial != serial)
		return err_set(e, ERR_NOTFOUND, "no version with serial %u passed", serial);
	merge_keys(p, at);
	json_decref(p->last.ends);
	p->last = p->candidate;
	p->candidate.ends = NULL;
	p->last.at = at;
	if (p->first_at == 0)
		p->first_at = at;
	if (p->last.largest_ttl > p->largest_ttl)
		p->largest_ttl = p->last.largest_ttl;
	if (p->last.dnskey_ttl > p->largest_dnskey_ttl)
		p->largest_dnskey_ttl = p->last.dnskey_ttl;
	past_candidate(p, &(struct past_version){ .there = false });
	return 0;
}

/* ---- writing ---- */

static json_t *version_json(const struct past_version *v)
{
	if (!v->there)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O?, s:s, s:s, s:s, s:s, s:b, s:b}", "serial",
			 (json_int_t)v->serial, "at", (json_int_t)v->at, "earliest_expiration", (json_int_t)v->earliest_expiration, "records", (json_int_t)v->records, "content_records",
			 (json_int_t)v->content_records, "content_octets", (json_int_t)v->content_octets, "largest_ttl",
			 (json_int_t)v->largest_ttl, "signed_ttl", (json_int_t)v->signed_ttl, "dnskey_ttl",
			 (json_int_t)v->dnskey_ttl, "ends", v->ends, "content", v->content, "children", v->children, "chain", v->chain,
			 "terms", v->terms, "all_optout", (int)v->all_optout, "lean", (int)v->lean);
}

static json_t *keys_json(const struct past_key *k, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		char *hex = mem_new(2 * k[i].len + 1, 1);

		for (size_t at = 0; at < k[i].len; at++)
			sprintf(hex + 2 * at, "%02x", k[i].rdata[at]);
		json_array_append_new(
			list, json_pack("{s:s, s:i, s:I, s:I, s:I, s:I}", "rdata", hex, "tag", (int)k[i].tag,
					"published_from", (json_int_t)k[i].published_from, "published_to",
					(json_int_t)k[i].published_to, "used_from",
					(json_int_t)k[i].used_from, "used_to", (json_int_t)k[i].used_to));
		free(hex);
	}
	return list;
}

static int sync_folder(const char *path, struct err *e)
{
	char *dir = mem_strdup(path);
	int fd;

	*strrchr(dir, '/') = '\0';
	fd = open(*dir != '\0' ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0 || fsync(fd) != 0) {
		err_errno(e, "%s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

static json_t *past_json(const struct past *p)
{
	return json_pack("{s:i, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "version", FORMAT, "first_at",
			 (json_int_t)p->first_at, "largest_ttl", (json_int_t)p->largest_ttl, "largest_dnskey_ttl",
			 (json_int_t)p->largest_dnskey_ttl, "published", version_json(&p->last), "candidate",
			 version_json(&p->candidate), "keys", keys_json(p->key, p->keys), "candidate_keys",
			 keys_json(p->candidate_key, p->candidate_keys));
}

char *past_text(const struct past *p)
{
	json_t *root = past_json(p);
	char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(root);
	return text;
}

int past_save(const struct past *p, struct err *e)
{
	json_t *root = past_json(p);
	char *temporary = mem_printf("%s.new", p->path);
	FILE *f = fopen(temporary, "we");
	int rc = -1;

	if (f == NULL || json_dumpf(root, f, JSON_INDENT(1) | JSON_SORT_KEYS) != 0 || fputc('\n', f) == EOF ||
	    fflush(f) != 0 || fsync(fileno(f)) != 0 || rename(temporary, p->path) != 0)
		err_errno(e, "%s", p->path);
	else
		rc = sync_folder(p->path, e);
	if (f != NULL)
		fclose(f);
	json_decref(root);
	free(temporary);
	return rc;
}
