/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fact: the envelope.
 *
 * SHA256_Init and the others are deprecated.  Of every fact at each start: the one-shot call looks for a provider each time,
 * which takes as long as the hash itself, and libsodium's hash three times as long.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "fact/fact.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "wire/wire.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define VERSION     1
#define VERSION_CUT 2
static const char domain[] = "duet fact 1"; /* its NUL is signed too */

int incarnation_cmp(const struct incarnation *a, const struct incarnation *b)
{
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return memcmp(a->random, b->random, sizeof(a->random));
}

static void hash_of(const uint8_t *octets, size_t len, uint8_t out[FACT_HASH_LEN])
{
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, octets, len);
	SHA256_Final(out, &c);
}

static bool kind_is_sane(const char *kind)
{
	for (; *kind != '\0'; kind++)
		if (!(*kind >= 'a' && *kind <= 'z') && *kind != '.' && *kind != '-')
			return false;
	return true;
}

static bool is_of_key(const char *kind)
{
	return strcmp(kind, "key.created") == 0 || strcmp(kind, "key.held") == 0 || strcmp(kind, "key.boxes") == 0;
}

/* A short text behind its length octet. */
static const uint8_t *read_counted(struct rd *r, size_t *len)
{
	*len = rd_u8(r);
	return rd_bytes(r, *len);
}

int fact_read(const uint8_t *octets, size_t len, struct fact *out, struct err *e)
{
	struct rd r = rd_of(octets, len), name;
	const uint8_t *p;
	uint8_t version;
	size_t n;

	memset(out, 0, sizeof(*out));
	if (len > FACT_MAX)
		return err_set(e, ERR_LIMIT, "a fact of %zu octets, at most %d", len, FACT_MAX);
	version = rd_u8(&r);
	if (version != VERSION && version != VERSION_CUT)
		return err_set(e, ERR_SYNTAX, "a fact of another version than %d and %d", VERSION, VERSION_CUT);
	out->cut = version == VERSION_CUT;
	if (out->cut && (p = rd_bytes(&r, FACT_HASH_LEN)) != NULL)
		memcpy(out->hash, p, FACT_HASH_LEN);
	if ((p = rd_bytes(&r, NODE_ID_LEN)) != NULL)
		memcpy(out->origin, p, NODE_ID_LEN);
	out->inc.number = rd_u32(&r);
	if ((p = rd_bytes(&r, sizeof(out->inc.random))) != NULL)
		memcpy(out->inc.random, p, sizeof(out->inc.random));
	out->seq = rd_u64(&r);
	if ((p = rd_bytes(&r, FACT_HASH_LEN)) != NULL)
		memcpy(out->prev, p, FACT_HASH_LEN);
	out->time = (int64_t)rd_u64(&r);
	if ((p = read_counted(&r, &n)) != NULL && n <= FACT_KIND_MAX)
		memcpy(out->kind, p, n);
	if (out->kind[0] == '\0' || !kind_is_sane(out->kind))
		return err_set(e, ERR_SYNTAX, "a fact without a kind");
	if ((p = read_counted(&r, &n)) != NULL && n > 0) {
		name = rd_of(p, n);
		if (dname_read(&name) == NULL || name.at != n)
			return err_set(e, ERR_SYNTAX, "a fact whose zone is no name");
		out->zone_len = dname_lower(p, out->zone);
		if (memcmp(out->zone, p, n) != 0)
			return err_set(e, ERR_SYNTAX, "a fact whose zone is not in lower case");
	}
	out->body_len = rd_u32(&r);
	out->body = (const char *)rd_bytes(&r, out->body_len);
	if (!out->cut)
		rd_bytes(&r, crypto_sign_BYTES);
	else if (!is_of_key(out->kind))
		return err_set(e, ERR_SYNTAX, "a fact without its signature that has no boxes to lose");
	if (r.bad || rd_left(&r) != 0 || out->seq == 0 || out->seq > INT64_MAX || out->inc.number == 0 ||
	    out->body_len > FACT_BODY_MAX)
		return err_set(e, ERR_SYNTAX, "a fact that does not follow its format");
	out->octets = octets;
	out->len = len;
	if (!out->cut)
		hash_of(octets, len, out->hash);
	return 0;
}

static void signed_part(const uint8_t *octets, size_t len, uint8_t **out, size_t *out_len)
{
	*out_len = sizeof(domain) + len;
	*out = mem_new(*out_len, 1);
	memcpy(*out, domain, sizeof(domain));
	memcpy(*out + sizeof(domain), octets, len);
}

int fact_verify(const struct fact *f, const uint8_t sign_pk[PUBLIC_LEN], struct err *e)
{
	const size_t len = f->len - crypto_sign_BYTES;
	uint8_t id[NODE_ID_LEN], *data;
	size_t data_len;
	int rc;

	if (f->cut)
		return err_set(e, ERR_CRYPTO, "the fact was cut and has no signature");
	node_id_of(sign_pk, id);
	if (memcmp(id, f->origin, NODE_ID_LEN) != 0)
		return err_set(e, ERR_CRYPTO, "the fact's origin has another key");
	signed_part(f->octets, len, &data, &data_len);
	rc = crypto_sign_verify_detached(f->octets + len, data, data_len, sign_pk);
	free(data);
	return rc == 0 ? 0 : err_set(e, ERR_CRYPTO, "the fact's signature is wrong");
}

bool fact_has_boxes(const struct fact *f)
{
	return !f->cut && is_of_key(f->kind) && f->zone_len > 0;
}

/* What both versions have between the version and the signature. */
static void write_fact(struct wr *w, const struct fact *f, const uint8_t origin[NODE_ID_LEN], const char *text,
		       size_t text_len)
{
	wr_bytes(w, origin, NODE_ID_LEN);
	wr_u32(w, f->inc.number);
	wr_bytes(w, f->inc.random, sizeof(f->inc.random));
	wr_u64(w, f->seq);
	wr_bytes(w, f->prev, FACT_HASH_LEN);
	wr_u64(w, (uint64_t)f->time);
	wr_u8(w, (uint8_t)strlen(f->kind));
	wr_bytes(w, f->kind, strlen(f->kind));
	wr_u8(w, (uint8_t)f->zone_len);
	wr_bytes(w, f->zone, f->zone_len);
	wr_u32(w, (uint32_t)text_len);
	wr_bytes(w, text, text_len);
}

int fact_cut(const struct fact *f, uint8_t **octets, size_t *len, struct err *e)
{
	json_t *body = fact_body(f);
	struct wr w;
	char *text;

	if (body == NULL || !fact_has_boxes(f)) {
		json_decref(body);
		return err_set(e, ERR_REFUSED, "%s: no boxes to take out", f->kind);
	}
	json_object_del(body, "boxes");
	json_object_del(body, "recovery");
	text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(body);
	*octets = mem_new(FACT_MAX, 1);
	w = wr_of(*octets, FACT_MAX);
	wr_u8(&w, VERSION_CUT);
	wr_bytes(&w, f->hash, FACT_HASH_LEN);
	write_fact(&w, f, f->origin, text, strlen(text));
	free(text);
	*octets = mem_grow(*octets, w.at, 1);
	*len = w.at;
	return 0;
}

int fact_make(const struct fact *head, json_t *body, const struct identity *who, uint8_t **octets,
	      size_t *len, struct err *e)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
	size_t text_len = text == NULL ? 0 : strlen(text), data_len;
	struct wr w;
	uint8_t *data;

	if (text == NULL || text_len > FACT_BODY_MAX) {
		free(text);
		return err_set(e, ERR_LIMIT, "%s: a body of %zu octets, at most %d", head->kind, text_len,
			       FACT_BODY_MAX);
	}
	*octets = mem_grow(NULL, FACT_MAX - FACT_BODY_MAX + text_len, 1);
	w = wr_of(*octets, FACT_MAX - FACT_BODY_MAX + text_len);
	wr_u8(&w, VERSION);
	write_fact(&w, head, who->id, text, text_len);
	free(text);
	signed_part(*octets, w.at, &data, &data_len);
	crypto_sign_detached(wr_room(&w, crypto_sign_BYTES), NULL, data, data_len, secret_open(who->sign_sk));
	secret_close(who->sign_sk);
	free(data);
	*octets = mem_grow(*octets, w.at, 1); /* many are made at a time */
	*len = w.at;
	return 0;
}

json_t *fact_body(const struct fact *f)
{
	json_t *body = json_loadb(f->body, f->body_len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(body))
		return body;
	json_decref(body);
	return NULL;
}

json_t *fact_to_json(const struct fact *f)
{
	char origin[NODE_ID_TEXT], random[17], hash[65], at[CLOCK_TEXT_LEN], zone[DNAME_TEXT_MAX] = "";
	json_t *body = fact_body(f);

	sodium_bin2hex(random, sizeof(random), f->inc.random, sizeof(f->inc.random));
	sodium_bin2hex(hash, sizeof(hash), f->hash, sizeof(f->hash));
	if (f->zone_len > 0)
		dname_to_text(f->zone, zone);
	return json_pack("{s:s,s:I,s:s,s:I,s:s,s:s,s:s,s:s,s:o}", "origin", node_id_text(f->origin, origin),
			 "incarnation", (json_int_t)f->inc.number, "random", random, "seq",
			 (json_int_t)f->seq, "hash", hash, "time", clock_text(f->time, at), "kind", f->kind,
			 "zone", zone, "body", body == NULL ? json_null() : body);
}
