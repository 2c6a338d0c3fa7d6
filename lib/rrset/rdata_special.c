/* SPDX-License-Identifier: BSD-3-Clause */
/* rdata_special: text of the types whose later fields depend on earlier ones. */
#include <arpa/inet.h>
#include <string.h>

#include "dname/dname.h"
#include "rrset/rdata_text.h"

/* Kind 0 is written as ".", others as an address or a name. */
static int gateway(struct rdata_text *t, unsigned kind, struct err *e)
{
	const struct token *k;

	switch (kind) {
	case 0:
		if ((k = rdata_next(t, "a \".\"", e)) == NULL)
			return -1;
		return token_is(k, ".") ? 0 : rdata_bad(k, "\".\", as its type 0 asks", e);
	case 1:
		return rdata_field(F_IP4, t, e);
	case 2:
		return rdata_field(F_IP6, t, e);
	case 3:
		return rdata_field(F_NAME, t, e);
	default:
		return err_set(e, ERR_SYNTAX, "type %u of gateway or relay, must be 0 to 3", kind);
	}
}

/* RFC 4025 section 3.1: precedence, gateway type, algorithm, gateway, public key */
static int ipseckey(struct rdata_text *t, struct err *e)
{
	size_t start = t->w.at;

	for (int i = 0; i < 3; i++) {
		if (rdata_field(F_U8, t, e) != 0)
			return -1;
	}
	if (t->w.bad || gateway(t, t->w.p[start + 1], e) != 0)
		return -1;
	return rdata_field(F_B64_ANY, t, e);
}

/* RFC 8777 section 4.3: precedence, D-bit, type, relay */
static int amtrelay(struct rdata_text *t, struct err *e)
{
	const struct token *k;
	uint64_t discovery, kind;

	if (rdata_field(F_U8, t, e) != 0)
		return -1;
	if ((k = rdata_next(t, "the D-bit", e)) == NULL)
		return -1;
	if (!token_number(k, 1, &discovery))
		return rdata_bad(k, "a D-bit, 0 or 1", e);
	if ((k = rdata_next(t, "the type of relay", e)) == NULL)
		return -1;
	if (!token_number(k, 127, &kind))
		return rdata_bad(k, "a type of relay", e);
	wr_u8(&t->w, (uint8_t)(discovery << 7 | kind));
	return gateway(t, (unsigned)kind, e);
}

/* RFC 8005 section 6: algorithm, HIT in base 16, public key in base 64 without blanks; servers are the next
 * field */
static int hip(struct rdata_text *t, struct err *e)
{
	uint8_t *head = wr_room(&t->w, 4);
	struct rdata_text part = *t;
	const struct token *k = rdata_next(t, "the algorithm of the public key", e);
	uint64_t algorithm;
	size_t at, hit, key;

	if (k == NULL || head == NULL)
		return -1;
	if (!token_number(k, UINT8_MAX, &algorithm))
		return rdata_bad(k, "an algorithm from 0 to 255", e);
	if (rdata_next(t, "a HIT", e) == NULL)
		return -1;
	part.w = t->w;
	part.at = t->at - 1;
	part.n = t->at;
	at = part.w.at;
	if (rdata_field(F_HEX, &part, e) != 0)
		return -1;
	hit = part.w.at - at;
	if (rdata_next(t, "a public key", e) == NULL)
		return -1;
	part.at = t->at - 1;
	part.n = t->at;
	at = part.w.at;
	if (rdata_field(F_B64, &part, e) != 0)
		return -1;
	key = part.w.at - at;
	t->w = part.w;
	if (t->w.bad)
		return 0; /* the caller says so */
	if (hit > UINT8_MAX)
		return err_set(e, ERR_SYNTAX, "HIT of %zu octets, at most 255 (RFC 8005 section 5.1)", hit);
	head[0] = (uint8_t)hit;
	head[1] = (uint8_t)algorithm;
	head[2] = (uint8_t)(key >> 8);
	head[3] = (uint8_t)key;
	return 0;
}

/* RFC 2874 section 3.2: prefix length, the octets of the suffix; the name is the next field */
static int a6(struct rdata_text *t, struct err *e)
{
	const struct token *k = rdata_next(t, "a prefix length", e);
	uint8_t octets[16] = { 0 };
	uint64_t prefix;
	char text[64];
	size_t skip;

	if (k == NULL)
		return -1;
	if (!token_number(k, 128, &prefix))
		return rdata_bad(k, "a prefix length from 0 to 128", e);
	wr_u8(&t->w, (uint8_t)prefix);
	if (prefix == 128)
		return 0;
	if ((k = rdata_next(t, "an IPv6 address", e)) == NULL)
		return -1;
	if (!token_copy(k, text, sizeof(text)) || inet_pton(AF_INET6, text, octets) != 1)
		return rdata_bad(k, "an IPv6 address", e);
	skip = prefix / 8;
	octets[skip] &= (uint8_t)(0xff >> prefix % 8);
	wr_bytes(&t->w, octets + skip, 16 - skip);
	return 0;
}

/* RFC 1706 section 6: "0x" and hexadecimal digits, with dots anywhere; ATMA the same without "0x", or "+" and
 * digits */
static int dotted_hex(struct rdata_text *t, bool nsap, struct err *e)
{
	const struct token *k = rdata_next(t, "an address", e);
	struct token part = { .len = 0 };
	struct rdata_text inner = { .tokens = &part, .n = 1, .w = t->w };
	char text[1024];

	if (k == NULL)
		return -1;
	if (!nsap)
		wr_u8(&inner.w, k->len > 0 && k->text[0] == '+'); /* format: 1 is E.164, 0 AESA */
	if (!nsap && k->len > 1 && k->text[0] == '+') {
		for (uint32_t i = 1; i < k->len; i++) {
			if (k->text[i] < '0' || k->text[i] > '9')
				return rdata_bad(k, "an E.164 address", e);
		}
		wr_bytes(&inner.w, k->text + 1, k->len - 1);
		t->w = inner.w;
		return 0;
	}
	if (k->len >= sizeof(text) || (nsap && (k->len < 2 || strncasecmp(k->text, "0x", 2) != 0)))
		return rdata_bad(k, nsap ? "an NSAP address (0x...)" : "an ATM address", e);
	for (uint32_t i = nsap ? 2 : 0; i < k->len; i++) {
		if (k->text[i] != '.')
			text[part.len++] = k->text[i];
	}
	part.text = text;
	if (part.len == 0 || rdata_field(F_HEX, &inner, e) != 0)
		return rdata_bad(k, "an address in hexadecimal", e);
	t->w = inner.w;
	return 0;
}

int rdata_special(enum field f, struct rdata_text *t, struct err *e)
{
	if (f == F_IPSECKEY)
		return ipseckey(t, e);
	if (f == F_AMTRELAY)
		return amtrelay(t, e);
	if (f == F_HIP)
		return hip(t, e);
	if (f == F_A6)
		return a6(t, e);
	return dotted_hex(t, f == F_NSAP, e);
}
