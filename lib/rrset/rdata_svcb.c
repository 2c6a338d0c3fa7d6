/* SPDX-License-Identifier: BSD-3-Clause */
/* rdata_svcb: text of SVCB and HTTPS (RFC 9460 section 2.1 and appendix A).  Parameters come in any order and
 * are written in order of their keys. */
#include <arpa/inet.h>
#include <string.h>

#include "dname/dname.h"
#include "rrset/rdata_text.h"

#define PARAMS_MAX 256

static int mandatory(struct token v, struct wr *w, struct err *e);
static int alpn(struct token v, struct wr *w, struct err *e);
static int nothing(struct token v, struct wr *w, struct err *e);
static int port(struct token v, struct wr *w, struct err *e);
static int hint4(struct token v, struct wr *w, struct err *e);
static int hint6(struct token v, struct wr *w, struct err *e);
static int ech(struct token v, struct wr *w, struct err *e);
static int octets(struct token v, struct wr *w, struct err *e);

/* The index is the number of the key. */
static const struct {
	const char *name;
	int (*read)(struct token v, struct wr *w, struct err *e);
} keys[] = {
	{ "mandatory", mandatory }, { "alpn", alpn },      { "no-default-alpn", nothing },
	{ "port", port },           { "ipv4hint", hint4 }, { "ech", ech },
	{ "ipv6hint", hint6 },      { "dohpath", octets }, { "ohttp", nothing },
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

struct param {
	uint16_t key;
	bool by_name;
	bool has_value;
	struct token value;
	const struct token *at;
};

/* A name of the table, or keyN without leading zeroes. */
static bool key_of(struct token k, uint16_t *out, bool *by_name)
{
	struct token digits = { .text = k.text + 3, .len = k.len > 3 ? k.len - 3 : 0 };
	uint64_t n;

	for (size_t i = 0; i < KEYS; i++) {
		if (token_is(&k, keys[i].name)) {
			*out = (uint16_t)i;
			*by_name = true;
			return true;
		}
	}
	*by_name = false;
	k.len = k.len > 3 ? 3 : k.len;
	if (!token_is(&k, "key") || !token_number(&digits, UINT16_MAX, &n) ||
	    (digits.len > 1 && digits.text[0] == '0'))
		return false;
	*out = (uint16_t)n;
	return true;
}

/* The next part of a list without escapes, between commas; false behind the last. */
static bool list_next(struct token *list, struct token *part)
{
	const char *comma;

	if (list->text == NULL)
		return false;
	comma = memchr(list->text, ',', list->len);
	*part = *list;
	part->quoted = false;
	if (comma == NULL) {
		list->text = NULL;
		return true;
	}
	part->len = (uint32_t)(comma - list->text);
	list->len -= part->len + 1;
	list->text = comma + 1;
	return true;
}

static int mandatory(struct token v, struct wr *w, struct err *e)
{
	uint16_t listed[PARAMS_MAX];
	struct token part;
	size_t n = 0, i;
	bool by_name;

	while (list_next(&v, &part)) {
		uint16_t key;

		if (n == PARAMS_MAX || !key_of(part, &key, &by_name))
			return rdata_bad(&part, "a key in mandatory (RFC 9460 section 8)", e);
		for (i = n++; i > 0 && listed[i - 1] > key; i--)
			listed[i] = listed[i - 1];
		listed[i] = key;
	}
	for (i = 0; i < n; i++)
		wr_u16(w, listed[i]);
	return 0;
}

/* A list within a string: what the string's escapes leave is escaped once more for "," and "\" (appendix
 * A.1). */
static int alpn(struct token v, struct wr *w, struct err *e)
{
	uint8_t list[4096], id[255];
	size_t len, n = 0;

	if (!token_octets(&v, list, sizeof(list), &len))
		return rdata_bad(&v, "a list of protocols (RFC 9460 section 7.1.1)", e);
	for (size_t i = 0; i <= len; i++) {
		if (i == len || list[i] == ',') {
			if (n == 0)
				return rdata_bad(
					&v, "a list of protocols without empty ones (RFC 9460 section 7.1.1)",
					e);
			wr_u8(w, (uint8_t)n);
			wr_bytes(w, id, n);
			n = 0;
			continue;
		}
		if (list[i] == '\\' && (++i == len || (list[i] != ',' && list[i] != '\\')))
			return rdata_bad(
				&v, "a list with \"\\\" before \",\" and \"\\\" only (RFC 9460 appendix A.1)",
				e);
		if (n == sizeof(id))
			return rdata_bad(&v, "a list of protocols of at most 255 octets each", e);
		id[n++] = list[i];
	}
	return 0;
}

static int nothing(struct token v, struct wr *w, struct err *e)
{
	(void)w;
	return v.len == 0 ? 0 : rdata_bad(&v, "right for a key that has no value", e);
}

static int port(struct token v, struct wr *w, struct err *e)
{
	uint64_t n;

	v.quoted = false;
	if (!token_number(&v, UINT16_MAX, &n))
		return rdata_bad(&v, "a port", e);
	wr_u16(w, (uint16_t)n);
	return 0;
}

static int hints(struct token v, int family, struct wr *w, struct err *e)
{
	struct token part;
	uint8_t address[16];
	char text[64];

	while (list_next(&v, &part)) {
		if (!token_copy(&part, text, sizeof(text)) || inet_pton(family, text, address) != 1)
			return rdata_bad(&part, family == AF_INET ? "an IPv4 address" : "an IPv6 address", e);
		wr_bytes(w, address, family == AF_INET ? 4 : 16);
	}
	return 0;
}

static int hint4(struct token v, struct wr *w, struct err *e)
{
	return hints(v, AF_INET, w, e);
}

static int hint6(struct token v, struct wr *w, struct err *e)
{
	return hints(v, AF_INET6, w, e);
}

static int ech(struct token v, struct wr *w, struct err *e)
{
	struct rdata_text inner = { .tokens = &v, .n = 1, .w = *w };

	v.quoted = false;
	if (v.len == 0 || rdata_field(F_B64, &inner, e) != 0)
		return rdata_bad(&v, "an ECHConfigList in base 64 (RFC 9848)", e);
	*w = inner.w;
	return 0;
}

static int octets(struct token v, struct wr *w, struct err *e)
{
	size_t len;

	if (w->bad || !token_octets(&v, w->p + w->at, w->cap - w->at, &len))
		return rdata_bad(&v, "a value that fits, with right escapes (RFC 1035 section 5.1)", e);
	wr_room(w, len);
	return 0;
}

/* KEY, KEY=VALUE or KEY="VALUE", the last as two tokens */
static int read_param(struct rdata_text *t, struct param *p, struct err *e)
{
	const struct token *k = rdata_next(t, "a parameter", e);
	struct token key;
	const char *equals;

	if (k == NULL)
		return -1;
	key = *k;
	equals = memchr(k->text, '=', k->len);
	p->at = k;
	p->has_value = equals != NULL;
	p->value = (struct token){ .text = "", .len = 0 };
	if (equals != NULL) {
		key.len = (uint32_t)(equals - k->text);
		p->value = (struct token){ .text = equals + 1, .len = k->len - key.len - 1 };
		if (p->value.len == 0 && t->at < t->n && t->tokens[t->at].joined && t->tokens[t->at].quoted)
			p->value = t->tokens[t->at++];
	}
	if (k->quoted || k->joined || (t->at < t->n && t->tokens[t->at].joined))
		return rdata_bad(k, "a parameter of its own, as KEY=VALUE (RFC 9460 section 2.1)", e);
	if (!key_of(key, &p->key, &p->by_name))
		return rdata_bad(&key, "a key of a parameter; write it as keyN (RFC 9460 section 2.1)", e);
	return 0;
}

static int write_param(struct rdata_text *t, const struct param *p, struct err *e)
{
	uint8_t *len;
	size_t start;
	int rc;

	wr_u16(&t->w, p->key);
	len = wr_room(&t->w, 2);
	start = t->w.at;
	rc = p->by_name ? keys[p->key].read(p->value, &t->w, e) : octets(p->value, &t->w, e);
	if (rc != 0 || t->w.bad || len == NULL)
		return rc;
	len[0] = (uint8_t)((t->w.at - start) >> 8);
	len[1] = (uint8_t)(t->w.at - start);
	return 0;
}

int rdata_svcb(struct rdata_text *t, struct err *e)
{
	struct param params[PARAMS_MAX], p;
	size_t n = 0, i;

	if (rdata_field(F_U16, t, e) != 0 || rdata_field(F_NAME, t, e) != 0)
		return -1;
	while (t->at < t->n) {
		if (read_param(t, &p, e) != 0)
			return -1;
		if (n == PARAMS_MAX)
			return err_set(e, ERR_LIMIT, "more than %d parameters", PARAMS_MAX);
		for (i = n++; i > 0 && params[i - 1].key >= p.key; i--) {
			if (params[i - 1].key == p.key)
				return rdata_bad(p.at,
						 "right: this key has come before (RFC 9460 section 2.1)", e);
			params[i] = params[i - 1];
		}
		params[i] = p;
	}
	for (i = 0; i < n; i++) {
		if (write_param(t, &params[i], e) != 0)
			return -1;
	}
	return 0;
}
