/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tsig: RFC 8945 over OpenSSL's EVP_MAC.
 *
 * Invariants of a transaction: 1. `prior` is the MAC that the next one covers: the query's, then that of the
 * last message that had one.  2. once `open`, the context has taken the key, prior, and every message
 * since.  3. `messages` counts those after the query; the first is signed with all variables, later ones with
 * the timers only.
 */
#include "dns/tsig_impl.h"

#include "arena/arena.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#define UNSIGNED_MAX 99 /* RFC 8945 section 5.3.1 */

struct tsig {
	struct tsig_key *key;
	EVP_MAC_CTX *mac;
	bool open;
	bool queried; /* the query has been signed or verified */
	uint8_t prior[TSIG_MAC_MAX];
	size_t prior_len;
	unsigned messages;
	unsigned unsigned_run;
	uint64_t query_signed_at;
};

/* A context keyed with the secret.  OpenSSL keeps the key on its secure heap and the two hash states that
 * come of it on the plain one until the context is freed, which wipes both. */
static EVP_MAC_CTX *keyed(struct tsig_key *key)
{
	OSSL_PARAM params[2];
	char digest[8];
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
	int ok;

	EVP_MAC_free(hmac);
	if (ctx == NULL)
		return NULL;
	memcpy(digest, tsig_algs[key->alg].digest, sizeof(digest));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	ok = EVP_MAC_init(ctx, secret_open(key->secret), secret_len(key->secret), params);
	secret_close(key->secret);
	if (ok == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

struct tsig *tsig_new(struct tsig_key *key)
{
	struct tsig *t = mem_new(1, sizeof(*t));

	t->key = tsig_key_ref(key);
	t->mac = keyed(key);
	if (t->mac != NULL)
		return t;
	tsig_free(t);
	return NULL;
}

void tsig_free(struct tsig *t)
{
	if (t == NULL)
		return;
	EVP_MAC_CTX_free(t->mac);
	tsig_key_unref(t->key);
	free(t);
}

struct tsig_key *tsig_used_key(const struct tsig *t)
{
	return t->key;
}

static bool update(struct tsig *t, const void *p, size_t len)
{
	return EVP_MAC_update(t->mac, p, len) == 1;
}

/* Starts a MAC if none is under way: the one before goes first. */
static bool begin(struct tsig *t)
{
	const uint8_t len[2] = { (uint8_t)(t->prior_len >> 8), (uint8_t)t->prior_len };

	if (t->open)
		return true;
	t->open = EVP_MAC_init(t->mac, NULL, 0, NULL) == 1;
	if (!t->open)
		return false;
	return t->prior_len == 0 || (update(t, len, sizeof(len)) && update(t, t->prior, t->prior_len));
}

/* The TSIG variables that a MAC covers behind the message (RFC 8945 sections 4.3.3 and 5.3.1). */
struct variables {
	uint64_t signed_at;
	uint16_t fudge_s;
	uint16_t error;
	const uint8_t *other;
	uint16_t other_len;
};

static bool add_variables(struct tsig *t, const struct variables *v, bool timers_only)
{
	uint8_t buf[DNAME_MAX + 64];
	struct wr w = wr_of(buf, sizeof(buf));

	if (!timers_only) {
		wr_bytes(&w, t->key->name, dname_len(t->key->name));
		wr_u16(&w, CLASS_ANY);
		wr_u32(&w, 0);
		wr_bytes(&w, tsig_algs[t->key->alg].name, tsig_algs[t->key->alg].name_len);
	}
	wr_u16(&w, (uint16_t)(v->signed_at >> 32));
	wr_u32(&w, (uint32_t)v->signed_at);
	wr_u16(&w, v->fudge_s);
	if (!timers_only) {
		wr_u16(&w, v->error);
		wr_u16(&w, v->other_len);
	}
	return !w.bad && update(t, buf, w.at) &&
	       (timers_only || v->other_len == 0 || update(t, v->other, v->other_len));
}

/* Ends the MAC into out; its octets are what the next one covers, unless it was cut on the way. */
static bool finish(struct tsig *t, uint8_t out[TSIG_MAC_MAX])
{
	size_t len = 0;

	t->open = false;
	return EVP_MAC_final(t->mac, out, &len, TSIG_MAC_MAX) == 1 && len == tsig_algs[t->key->alg].mac_len;
}

static void set_prior(struct tsig *t, const uint8_t *mac, size_t len)
{
	memcpy(t->prior, mac, len);
	t->prior_len = len;
}

/* name, class ANY, ttl 0, and the rdata of a TSIG record. */
static size_t write_rr(uint8_t *out, size_t cap, const uint8_t *name, const uint8_t *alg,
		       const struct variables *v, const uint8_t *mac, size_t mac_len, uint16_t id)
{
	struct wr w = wr_of(out, cap);
	size_t alg_len = dname_len(alg);

	wr_bytes(&w, name, dname_len(name));
	wr_u16(&w, TYPE_TSIG);
	wr_u16(&w, CLASS_ANY);
	wr_u32(&w, 0);
	wr_u16(&w, (uint16_t)(alg_len + 16 + mac_len + v->other_len));
	wr_bytes(&w, alg, alg_len);
	wr_u16(&w, (uint16_t)(v->signed_at >> 32));
	wr_u32(&w, (uint32_t)v->signed_at);
	wr_u16(&w, v->fudge_s);
	wr_u16(&w, (uint16_t)mac_len);
	wr_bytes(&w, mac, mac_len);
	wr_u16(&w, id);
	wr_u16(&w, v->error);
	wr_u16(&w, v->other_len);
	wr_bytes(&w, v->other, v->other_len);
	assert(!w.bad);
	return w.at;
}

size_t tsig_sign(struct tsig *t, const uint8_t *message, size_t len, int64_t now_s, enum tsig_error error,
		 uint8_t out[TSIG_RR_MAX])
{
	return tsig_sign_parts(t, message, len, NULL, 0, now_s, error, out);
}

size_t tsig_sign_parts(struct tsig *t, const uint8_t *head, size_t head_len, const uint8_t *rest, size_t rest_len,
		       int64_t now_s, enum tsig_error error, uint8_t out[TSIG_RR_MAX])
{
	struct variables v = { .signed_at = (uint64_t)now_s,
			       .fudge_s = TSIG_FUDGE_S,
			       .error = (uint16_t)error };
	uint8_t mac[TSIG_MAC_MAX], now[6];
	struct wr w = wr_of(now, sizeof(now));

	assert(head_len >= DNS_HEADER_LEN);
	if (error == TSIG_BADTIME) { /* RFC 8945 section 5.2.3 */
		wr_u16(&w, (uint16_t)((uint64_t)now_s >> 32));
		wr_u32(&w, (uint32_t)now_s);
		v.signed_at = t->query_signed_at;
		v.other = now;
		v.other_len = sizeof(now);
	}
	if (!begin(t) || !update(t, head, head_len) || (rest_len > 0 && !update(t, rest, rest_len)) ||
	    !add_variables(t, &v, t->messages > 0) || !finish(t, mac))
		return 0;
	set_prior(t, mac, tsig_algs[t->key->alg].mac_len);
	if (t->queried)
		t->messages++;
	t->queried = true;
	return write_rr(out, TSIG_RR_MAX, t->key->name, tsig_algs[t->key->alg].name, &v, mac,
			tsig_algs[t->key->alg].mac_len, (uint16_t)(head[0] << 8 | head[1]));
}

/* The message as it was before its TSIG was appended. */
static bool update_received(struct tsig *t, const struct dns_msg *m)
{
	uint8_t header[DNS_HEADER_LEN];
	size_t end = m->len;

	memcpy(header, m->p, sizeof(header));
	if (m->tsig.present) {
		unsigned n = m->arcount - 1u;

		end = m->tsig.at;
		header[0] = (uint8_t)(m->tsig.original_id >> 8);
		header[1] = (uint8_t)m->tsig.original_id;
		header[10] = (uint8_t)(n >> 8);
		header[11] = (uint8_t)n;
	}
	return update(t, header, sizeof(header)) && update(t, m->p + sizeof(header), end - sizeof(header));
}

/* Whether the MAC of a received TSIG is right, as far as it goes. */
static bool mac_fits(struct tsig *t, const struct dns_msg *m)
{
	const struct dns_tsig *s = &m->tsig;
	const struct variables v = { .signed_at = s->signed_at,
				     .fudge_s = s->fudge_s,
				     .error = s->error,
				     .other = s->other,
				     .other_len = s->other_len };
	uint8_t mac[TSIG_MAC_MAX];

	if (!begin(t) || !update_received(t, m) || !add_variables(t, &v, t->messages > 0) || !finish(t, mac))
		return false;
	return s->mac_len <= tsig_algs[t->key->alg].mac_len && CRYPTO_memcmp(mac, s->mac, s->mac_len) == 0;
}

static bool mac_len_allowed(enum tsig_alg alg, size_t len)
{
	size_t full = tsig_algs[alg].mac_len;

	return len <= full && len >= 10 && len >= full / 2; /* RFC 8945 section 5.2.2.1 */
}

static bool time_fits(const struct dns_tsig *s, int64_t now_s)
{
	int64_t apart = now_s - (int64_t)s->signed_at;

	return apart <= s->fudge_s && apart >= -(int64_t)s->fudge_s;
}

static bool key_fits(const struct tsig_key *key, const struct dns_tsig *s)
{
	return dname_equal(key->name, s->name) && dname_equal(tsig_algs[key->alg].name, s->alg);
}

enum tsig_error tsig_verify_query(const struct dns_msg *m, struct tsig_key *const *keys, size_t n,
				  int64_t now_s, struct tsig **out, bool *formerr)
{
	const struct dns_tsig *s = &m->tsig;
	enum tsig_error error = TSIG_BADKEY;

	*out = NULL;
	*formerr = false;
	for (size_t i = 0; i < n && *out == NULL; i++) {
		struct tsig *t;

		if (!key_fits(keys[i], s))
			continue;
		if (!mac_len_allowed(keys[i]->alg, s->mac_len)) {
			*formerr = true;
			return TSIG_BADSIG;
		}
		error = TSIG_BADSIG;
		t = tsig_new(keys[i]);
		if (t != NULL && mac_fits(t, m))
			*out = t;
		else
			tsig_free(t);
	}
	if (*out == NULL)
		return error;
	set_prior(*out, s->mac, s->mac_len);
	(*out)->queried = true;
	(*out)->query_signed_at = s->signed_at;
	if (!time_fits(s, now_s))
		return TSIG_BADTIME;
	return s->mac_len < tsig_algs[(*out)->key->alg].mac_len ? TSIG_BADTRUNC
							   : TSIG_NOERROR; /* we take whole MACs only */
}

size_t tsig_error_rr(const struct dns_msg *query, enum tsig_error error, int64_t now_s,
		     uint8_t out[TSIG_RR_MAX * 2])
{
	const struct variables v = { .signed_at = (uint64_t)now_s,
				     .fudge_s = TSIG_FUDGE_S,
				     .error = (uint16_t)error };

	return write_rr(out, TSIG_RR_MAX * 2, query->tsig.name, query->tsig.alg, &v, NULL, 0, query->id);
}

static const char *error_text(unsigned error)
{
	switch (error) {
	case TSIG_BADSIG:
		return "BADSIG";
	case TSIG_BADKEY:
		return "BADKEY";
	case TSIG_BADTIME:
		return "BADTIME";
	case TSIG_BADTRUNC:
		return "BADTRUNC";
	default:
		return "another";
	}
}

static int verify_unsigned(struct tsig *t, const struct dns_msg *m, struct err *e)
{
	if (t->messages == 0)
		return err_set(e, ERR_CRYPTO, "answer has no TSIG");
	if (++t->unsigned_run > UNSIGNED_MAX)
		return err_set(e, ERR_CRYPTO,
			       "more than %d messages in a row without TSIG (RFC 8945 section 5.3.1)",
			       UNSIGNED_MAX);
	t->messages++;
	return begin(t) && update_received(t, m) ? 0 : err_set(e, ERR_CRYPTO, "HMAC fails");
}

int tsig_verify(struct tsig *t, const struct dns_msg *m, int64_t now_s, struct err *e)
{
	const struct dns_tsig *s = &m->tsig;

	if (!s->present)
		return verify_unsigned(t, m, e);
	if (s->mac_len == 0 && s->error != 0)
		return err_set(e, ERR_CRYPTO, "server answers TSIG error %u (%s)", s->error,
			       error_text(s->error));
	if (!key_fits(t->key, s))
		return err_set(e, ERR_CRYPTO, "answer is signed with another TSIG key");
	if (s->mac_len != tsig_algs[t->key->alg].mac_len)
		return err_set(e, ERR_CRYPTO, "TSIG MAC of %u octets, must be %u", s->mac_len,
			       tsig_algs[t->key->alg].mac_len);
	if (!mac_fits(t, m))
		return err_set(e, ERR_CRYPTO, "TSIG does not verify (BADSIG)");
	if (s->error != 0)
		return err_set(e, ERR_CRYPTO, "server answers TSIG error %u (%s)", s->error,
			       error_text(s->error));
	if (!time_fits(s, now_s))
		return err_set(e, ERR_CRYPTO,
			       "TSIG time is %lld s away from ours, at most %u s are allowed (BADTIME)",
			       (long long)(now_s - (int64_t)s->signed_at), s->fudge_s);
	set_prior(t, s->mac, s->mac_len);
	t->messages++;
	t->unsigned_run = 0;
	return 0;
}

int tsig_verify_end(const struct tsig *t, struct err *e)
{
	if (t->messages > 0 && t->unsigned_run == 0)
		return 0;
	return err_set(e, ERR_CRYPTO, "last message has no TSIG (RFC 8945 section 5.3.1)");
}
