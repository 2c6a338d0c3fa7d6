/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * api_import: keys that others made come in, and ours go out, through files of this host that the request names.
 *
 * A zone that is signed elsewhere moves here with the keys that it is signed with: they are distributed as new ones are,
 * and published all at once.  So they have to be all that its signatures and its DS need, and nothing half-way: a key that
 * is published there and not in use belongs to a rollover, which is to be ended there.
 */
#include "keydist/api.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX   16
#define LISTING_MAX 262144
#define BITS_LEAST  1024 /* of RSA: with fewer it is worth nothing */

struct file_key {
	struct key *key;
	char role[4]; /* "": by its flags and by what comes with it */
	struct key_times times;
	bool times_rule; /* no `activate` says: not in use */
};

struct import {
	struct keydist *k;
	const struct zone_state *z;
	const char *role; /* of all; NULL */
	unsigned alg;     /* of PEM; 0 */
	struct file_key key[FILES_MAX];
	size_t n;
};

static bool ends_in(const char *path, const char *end)
{
	const size_t len = strlen(path), n = strlen(end);

	return len > n && strcmp(path + len - n, end) == 0;
}

/* ---- keymgr's listing (Knot DNS, keymgr -j ZONE list) ---- */

static json_t *read_listing(const char *path, struct err *e)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	json_t *list = NULL;
	json_error_t why;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		err_errno(e, "%s", path);
	else if (!S_ISREG(st.st_mode) || st.st_size > LISTING_MAX)
		err_set(e, ERR_LIMIT, "%s: must be a regular file of at most %d octets", path, LISTING_MAX);
	else if ((list = json_loadfd(fd, JSON_REJECT_DUPLICATES, &why)) == NULL)
		err_set(e, ERR_SYNTAX, "%s:%d: %s", path, why.line, why.text);
	else if (!json_is_array(list)) {
		err_set(e, ERR_SYNTAX, "%s: not what keymgr -j ZONE list prints", path);
		json_decref(list);
		list = NULL;
	}
	if (fd >= 0)
		close(fd);
	return list;
}

static int64_t at(const json_t *row, const char *name)
{
	return json_integer_value(json_object_get(row, name));
}

/* ID.pem beside the listing, or in keys/ there; free() it. */
static char *pem_of(const char *listing, const char *id)
{
	const char *slash = strrchr(listing, '/');
	const int dir = slash == NULL ? 0 : (int)(slash - listing);
	char *path = mem_printf("%.*s/%s.pem", dir, listing, id);

	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return mem_printf("%.*s/keys/%s.pem", dir, listing, id);
}

static int take_row(struct import *im, const char *listing, const json_t *row, struct err *e)
{
	const char *id = json_string_value(json_object_get(row, "id")), *zone = json_string_value(json_object_get(row, "zone"));
	const bool ksk = json_is_true(json_object_get(row, "ksk")), zsk = json_is_true(json_object_get(row, "zsk"));
	struct file_key *f = &im->key[im->n];
	uint8_t name[DNAME_MAX];
	char *path;
	int rc;

	if (id == NULL || zone == NULL || strlen(id) > 64 || strspn(id, "0123456789abcdef") != strlen(id) || (!ksk && !zsk))
		return err_set(e, ERR_SYNTAX, "%s: not what keymgr -j ZONE list prints", listing);
	if (dname_from_text(zone, name, e) != 0 || !dname_equal(name, im->z->name))
		return err_set(e, ERR_REFUSED, "%s: key %s is one of %s", listing, id, zone);
	if (at(row, "remove") > 0 && at(row, "remove") <= clock_now_s())
		return 0;
	if (json_is_true(json_object_get(row, "public-only")))
		return err_set(e, ERR_REFUSED, "%s: of key %s there is only the public half, which signs nothing", listing, id);
	if (im->n == FILES_MAX)
		return err_set(e, ERR_LIMIT, "%s: more than %d keys", listing, FILES_MAX);
	path = pem_of(listing, id);
	rc = key_import_pem(path, (unsigned)at(row, "algorithm"), ksk ? 257 : 256, &f->key, e);
	free(path);
	if (rc != 0)
		return -1;
	im->n++;
	strcpy(f->role, ksk && zsk ? "csk" : ksk ? "ksk" : "zsk");
	/* A KSK signs from when it is ready; it becomes active when its DS has been seen. */
	f->times = (struct key_times){ .publish = at(row, "publish"),
				       .activate = at(row, "active") > 0 || !ksk ? at(row, "active") : at(row, "ready"),
				       .inactive = at(row, "retire"), .removed = at(row, "remove") };
	f->times_rule = true;
	if (key_tag(f->key) != at(row, "tag"))
		return err_set(e, ERR_REFUSED, "%s: key %s has tag %u, and is listed with %lld", listing, id, key_tag(f->key),
			       (long long)at(row, "tag"));
	return 0;
}

static int take_listing(struct import *im, const char *path, struct err *e)
{
	json_t *list = read_listing(path, e), *row;
	size_t i;
	int rc = list == NULL ? -1 : 0;

	json_array_foreach(list, i, row)
	{
		if (rc == 0)
			rc = take_row(im, path, row, e);
	}
	json_decref(list);
	return rc;
}

/* ---- files ---- */

/* The last one, unless it was named before: K*.key and K*.private are one key. */
static void keep(struct import *im)
{
	struct file_key *f = &im->key[im->n];

	for (size_t i = 0; i < im->n; i++)
		if (memcmp(key_hash(im->key[i].key), key_hash(f->key), KEY_HASH_LEN) == 0) {
			key_free(f->key);
			*f = (struct file_key){ .key = NULL };
			return;
		}
	im->n++;
}

static int take_file(struct import *im, const char *path, struct err *e)
{
	struct file_key *f = &im->key[im->n];

	if (path[0] != '/')
		return err_set(e, ERR_SYNTAX, "%s: must be an absolute path", path);
	if (ends_in(path, ".json"))
		return take_listing(im, path, e);
	if (im->n == FILES_MAX)
		return err_set(e, ERR_LIMIT, "files: more than %d keys", FILES_MAX);
	if (!ends_in(path, ".pem")) {
		if (!ends_in(path, ".key") && !ends_in(path, ".private"))
			return err_set(e, ERR_SYNTAX, "%s: must end in .key, .private, .pem or .json", path);
		if (key_import_bind(path, im->z->name, &f->key, &f->times, e) != 0)
			return -1;
		/* Where nothing at all is said of times, it is in use; dnssec-keygen's files of before had none. */
		f->times_rule = f->times.publish != 0 || f->times.activate != 0;
	} else {
		if (im->role == NULL || im->alg == 0)
			return err_set(e, ERR_SYNTAX, "%s: PEM says neither algorithm nor role: both must be given", path);
		if (key_import_pem(path, im->alg, strcmp(im->role, "zsk") == 0 ? 256 : 257, &f->key, e) != 0)
			return -1;
	}
	keep(im);
	return 0;
}

/* ---- what they are ---- */

static bool has_zsk(const struct import *im)
{
	for (size_t i = 0; i < im->n; i++)
		if ((key_flags(im->key[i].key) & DNSKEY_FLAG_SEP) == 0)
			return true;
	return false;
}

static int check_key(const struct import *im, struct file_key *f, struct err *e)
{
	const uint16_t flags = key_flags(f->key);
	const unsigned tag = key_tag(f->key), alg = key_alg(f->key);
	const size_t bits = 8 * key_sig_len(f->key);
	const int64_t now = clock_now_s();

	if (flags != 256 && flags != 257)
		return err_set(e, ERR_REFUSED, "key %u/%u: flags %u, must be 256 or 257", tag, alg, flags);
	if (f->role[0] == '\0')
		strcpy(f->role, im->role != NULL ? im->role : flags == 256 ? "zsk" : has_zsk(im) ? "ksk" : "csk");
	if ((flags == 256) != (strcmp(f->role, "zsk") == 0))
		return err_set(e, ERR_REFUSED, "key %u/%u: flags %u are not those of a %s", tag, alg, flags, f->role);
	if ((alg == ALG_RSASHA256 || alg == ALG_RSASHA512) && bits < BITS_LEAST)
		return err_set(e, ERR_REFUSED, "key %u/%u: RSA of %zu bits, must be %d to 4096", tag, alg, bits, BITS_LEAST);
	if (f->times_rule && (f->times.activate == 0 || f->times.activate > now ||
			      (f->times.inactive > 0 && f->times.inactive <= now) ||
			      (f->times.removed > 0 && f->times.removed <= now)))
		return err_set(e, ERR_REFUSED,
			       "key %u/%u is not in use, by its times: end the rollover there first, or leave out what has gone "
			       "from the zone", tag, alg);
	return 0;
}

static bool uses(const char *role, enum key_record record)
{
	return strcmp(role, "csk") == 0 || strcmp(role, record == RECORD_DS ? "ksk" : "zsk") == 0;
}

static bool both_use(const char *a, const char *b)
{
	return (uses(a, RECORD_DS) && uses(b, RECORD_DS)) || (uses(a, RECORD_ZONE) && uses(b, RECORD_ZONE));
}

/* No key stands where another one is in use, here or among them. */
static int check_places(const struct import *im, const struct file_key *f, const struct life *l, struct err *e)
{
	for (const struct file_key *o = im->key; o < f; o++)
		if (both_use(o->role, f->role))
			return err_set(e, ERR_REFUSED, "keys %u/%u and %u/%u: two of one use; end the rollover there first",
				       key_tag(o->key), key_alg(o->key), key_tag(f->key), key_alg(f->key));
	for (size_t i = 0; i < l->t.n; i++) {
		const struct timeline_key *k = &l->t.key[i];

		if (!k->dead && !k->foreign && k->key->declined.n == 0 && memcmp(k->key->hash, key_hash(f->key), 32) != 0 &&
		    both_use(k->key->role, f->role))
			return err_set(e, ERR_EXISTS, "%s has a %s already, key %u/%u: duetctl key roll replaces it", im->z->text,
				       k->key->role, dnskey_tag(k->key->dnskey, k->key->dnskey_len), k->alg);
	}
	return 0;
}

static int read_all(struct import *im, const struct http_request *q, const struct life *l, struct err *e)
{
	const json_t *files = json_object_get(q->body, "files"), *path;
	json_int_t alg;
	size_t i;

	if (http_text_or(q->body, "role", NULL, &im->role, e) != 0 ||
	    http_int_or(q->body, "algorithm", 0, 0, 255, &alg, e) != 0)
		return -1;
	if (im->role != NULL && strcmp(im->role, "csk") != 0 && strcmp(im->role, "ksk") != 0 && strcmp(im->role, "zsk") != 0)
		return err_set(e, ERR_SYNTAX, "role: %s, must be csk, ksk or zsk", im->role);
	im->alg = (unsigned)alg;
	if (!json_is_array(files) || json_array_size(files) == 0)
		return err_set(e, ERR_SYNTAX, "files: must be a list of paths");
	json_array_foreach(files, i, path)
	{
		if (!json_is_string(path))
			return err_set(e, ERR_SYNTAX, "files: must be a list of paths");
		if (take_file(im, json_string_value(path), e) != 0)
			return -1;
	}
	if (im->n == 0)
		return err_set(e, ERR_NOTFOUND, "the files have no key of %s", im->z->text);
	for (i = 0; i < im->n; i++)
		if (check_key(im, &im->key[i], e) != 0)
			return -1;
	for (i = 0; i < im->n; i++)
		if (check_places(im, &im->key[i], l, e) != 0)
			return -1;
	return 0;
}

/* Those that are not there yet. */
static size_t to_make(struct import *im, struct wanted_key *list, json_t *keys)
{
	size_t n = 0;

	for (size_t i = 0; i < im->n; i++) {
		struct file_key *f = &im->key[i];
		const struct key_state *ks = zone_key(im->z, key_hash(f->key));

		if (ks != NULL && ks->created && ks->declined.n == 0 && ks->record[RECORD_DNSKEY].stopped.n == 0) {
			json_array_append_new(keys, api_key_brief(ks));
			continue;
		}
		list[n] = (struct wanted_key){ .c = zone_ctx(im->k, im->z->name, true), .alg = key_alg(f->key), .given = f->key };
		strcpy(list[n].role, f->role);
		f->key = NULL;
		n++;
	}
	return n;
}

/* POST /v1/zones/{zone}/keys/import {"files":[PATH,..],"role"?,"algorithm"?}: all of them, or none. */
static int on_import(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], true, e);
	struct import im = { .k = k, .z = z };
	struct wanted_key list[FILES_MAX];
	json_t *keys;
	struct life l;
	size_t n;
	int rc;

	(void)a;
	if (z == NULL)
		return -1;
	life_view(k, zone_ctx(k, z->name, true), state_zone(cluster_state(k->cluster), z->name), &l);
	if ((rc = read_all(&im, q, &l, e)) == 0) {
		keys = json_array();
		n = to_make(&im, list, keys);
		rc = api_keys_order(k, q, z, list, n, keys, e);
		for (size_t i = 0; i < n && rc != HTTP_LATER; i++)
			key_free(list[i].given);
	}
	for (size_t i = 0; i < im.n; i++)
		key_free(im.key[i].key);
	return rc;
}

/* ---- export ---- */

/* In use from the instant when it was made, as far as others care. */
static struct key_times times_of(const struct timeline_key *k)
{
	const int64_t made = k->key->created_at;
	const bool in_use = k->record[RECORD_ZONE].show || (k->sep && k->record[RECORD_DNSKEY].show);

	return (struct key_times){ .created = made, .publish = k->record[RECORD_DNSKEY].show ? made : 0,
				   .activate = in_use ? made : 0 };
}

static int write_files(const struct zone_state *z, const struct timeline_key *tk, struct key *key, const char *dir, bool pem,
		       uint32_t ttl, json_t *files, struct err *e)
{
	char *base = mem_printf("%s/K%s+%03u+%05u", dir, z->text, tk->alg, (unsigned)key_tag(key));
	const struct key_times times = times_of(tk);
	int rc;

	if (pem) {
		char *path = mem_printf("%s.pem", base);

		rc = key_write_pem(key, path, e);
		json_array_append_new(files, json_string(path));
		free(path);
	} else {
		rc = key_write_bind(key, z->name, ttl, &times, dir, e);
		json_array_append_new(files, json_sprintf("%s.key", base));
		json_array_append_new(files, json_sprintf("%s.private", base));
	}
	free(base);
	return rc;
}

/* POST /v1/zones/{zone}/keys/{key}/export {"dir","format"?} */
static int on_export(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	struct keydist *k = ctx;
	const struct zone_state *z = api_zone(k, q->segment[0], false, e);
	const char *dir, *format;
	const struct timeline_key *tk;
	struct key *key = NULL;
	struct life l;
	json_t *files;

	if (z == NULL)
		return -1;
	life_view(k, zone_ctx(k, z->name, true), state_zone(cluster_state(k->cluster), z->name), &l);
	if ((tk = api_find_key(&l, q->segment[1], e)) == NULL || http_text(q->body, "dir", &dir, e) != 0 ||
	    http_text_or(q->body, "format", "bind", &format, e) != 0)
		return -1;
	if (dir[0] != '/')
		return err_set(e, ERR_SYNTAX, "dir: must be an absolute path");
	if (strcmp(format, "bind") != 0 && strcmp(format, "pem") != 0)
		return err_set(e, ERR_SYNTAX, "format: %s, must be bind or pem", format);
	if (keys_open(k, z, tk->key, &key, e) != 0)
		return -1;
	files = json_array();
	if (write_files(z, tk, key, dir, strcmp(format, "pem") == 0, (uint32_t)l.p.dnskey_ttl_s, files, e) != 0) {
		json_decref(files);
		return -1;
	}
	log_event(LOG_NOTICE, "key-exported", "zone=%s key=%u/%u uid=%u dir=%s", z->text, (unsigned)key_tag(key), tk->alg,
		  (unsigned)q->uid, dir);
	a->body = json_pack("{s:o}", "files", files);
	return 0;
}

const struct http_route import_routes[] = {
	{ "POST", "/v1/zones/{zone}/keys/import", HTTP_BODY_SMALL, on_import },
	{ "POST", "/v1/zones/{zone}/keys/{key}/export", HTTP_BODY_SMALL, on_export },
};
const size_t import_route_count = sizeof(import_routes) / sizeof(import_routes[0]);
