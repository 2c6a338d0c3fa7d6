/* SPDX-License-Identifier: BSD-3-Clause */
/* observed: looks and lists of servers on their way from engine to keydist; whatever comes in is checked whole. */
#include "msg/observed.h"

#include "msg/msg.h"
#include "wire/wire.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1

enum flag { FLAG_VERSION = 1, FLAG_EXPLAINED = 2 };

static const char *const role_text[] = {
	[OBSERVED_SECONDARY] = "secondary",
	[OBSERVED_NS] = "ns",
	[OBSERVED_PARENT] = "parent",
	[OBSERVED_RESOLVER] = "resolver",
};

static const char *const outcome_text[] = {
	[OBSERVED_ANSWERED] = "answered", [OBSERVED_TIMEOUT] = "timeout",     [OBSERVED_REFUSED] = "refused",
	[OBSERVED_LAME] = "lame",         [OBSERVED_MALFORMED] = "malformed", [OBSERVED_BOGUS] = "bogus",
	[OBSERVED_CHANGING] = "changing",
};

const char *observed_role_text(enum observed_role role)
{
	return role_text[role];
}

const char *observed_outcome_text(enum observed_outcome outcome)
{
	return outcome_text[outcome];
}

bool observed_of_parent(enum observed_role role)
{
	return role == OBSERVED_PARENT || role == OBSERVED_RESOLVER;
}

bool observed_counts(const struct observed *o)
{
	return o->outcome == OBSERVED_ANSWERED &&
	       (observed_of_parent(o->role) ? o->trust != OBSERVED_UNCHECKED : o->has_version);
}

const struct observed_set *observed_set(const struct observed *o, uint16_t type)
{
	for (size_t i = 0; i < o->sets; i++)
		if (o->set[i].type == type)
			return &o->set[i];
	return NULL;
}

static int by_rdata(const void *a, const void *b)
{
	const struct rr *x = a, *y = b;

	return rdata_cmp(x->type, x->rdata, x->rdlen, y->rdata, y->rdlen);
}

int observed_add(struct observed *o, uint16_t type, uint32_t ttl, const struct rr *rr, size_t n, struct arena *arena,
		 struct err *e)
{
	struct observed_set *s = &o->set[o->sets];

	if (o->sets == OBSERVED_SETS_MAX || n > OBSERVED_RECORDS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d RRsets or %d records in one", OBSERVED_SETS_MAX,
			       OBSERVED_RECORDS_MAX);
	*s = (struct observed_set){ .type = type, .ttl = ttl, .rr = arena_alloc(arena, n + 1, sizeof(*s->rr)) };
	for (size_t i = 0; i < n; i++) {
		s->rr[i] = (struct rr){ .owner = o->zone, .ttl = ttl, .type = type, .rdlen = rr[i].rdlen };
		s->rr[i].rdata = arena_dup(arena, rr[i].rdata, rr[i].rdlen);
	}
	qsort(s->rr, n, sizeof(*s->rr), by_rdata);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || by_rdata(&s->rr[s->n - 1], &s->rr[i]) != 0)
			s->rr[s->n++] = s->rr[i];
	o->sets++;
	return 0;
}

/* ---- octets ---- */

static void put_text(struct wr *w, const char *text)
{
	const size_t len = strlen(text);

	wr_u8(w, (uint8_t)len);
	wr_bytes(w, text, len);
}

static void put_addr(struct wr *w, const struct addr *a)
{
	char text[ADDR_TEXT_LEN];

	put_text(w, addr_text(a, text));
}

size_t observed_write(const struct observed *o, uint8_t *out, size_t cap)
{
	struct wr w = wr_of(out, cap);

	wr_u8(&w, VERSION);
	wr_bytes(&w, o->zone, dname_len(o->zone));
	put_addr(&w, &o->server);
	wr_u8(&w, (uint8_t)o->role);
	wr_u8(&w, (uint8_t)o->outcome);
	wr_u8(&w, (uint8_t)o->trust);
	wr_u64(&w, (uint64_t)o->asked_ms);
	wr_u8(&w, (uint8_t)((o->has_version ? FLAG_VERSION : 0) | (o->explained ? FLAG_EXPLAINED : 0)));
	if (o->has_version) {
		wr_u32(&w, o->serial);
		wr_bytes(&w, o->id, sizeof(o->id));
	}
	put_text(&w, o->why);
	wr_u8(&w, (uint8_t)o->sets);
	for (size_t i = 0; i < o->sets; i++) {
		const struct observed_set *s = &o->set[i];

		wr_u16(&w, s->type);
		wr_u32(&w, s->ttl);
		wr_u8(&w, (uint8_t)s->n);
		for (size_t j = 0; j < s->n; j++) {
			wr_u16(&w, s->rr[j].rdlen);
			wr_bytes(&w, s->rr[j].rdata, s->rr[j].rdlen);
		}
	}
	return w.bad ? 0 : w.at;
}

/* Text of fewer than cap octets that can be printed and logged. */
static int get_text(struct rd *r, char *out, size_t cap, struct err *e)
{
	const size_t len = rd_u8(r);
	const uint8_t *p = rd_bytes(r, len);

	if (p == NULL || len >= cap)
		return err_set(e, ERR_SYNTAX, "a text of a look is cut off or too long");
	for (size_t i = 0; i < len; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return err_set(e, ERR_SYNTAX, "a text of a look has other characters than printable ones");
	memcpy(out, p, len);
	out[len] = '\0';
	return 0;
}

static int get_addr(struct rd *r, struct addr *out, struct err *e)
{
	char text[ADDR_TEXT_LEN];

	return get_text(r, text, sizeof(text), e) != 0 ? -1 : addr_parse(text, 0, out, e);
}

static int get_set(struct rd *r, struct observed *o, struct arena *arena, struct err *e)
{
	struct rr rr[OBSERVED_RECORDS_MAX];
	const uint16_t type = rd_u16(r);
	const uint32_t ttl = rd_u32(r);
	const size_t n = rd_u8(r), before = o->sets;

	if (r->bad || n > OBSERVED_RECORDS_MAX || ttl > INT32_MAX || observed_set(o, type) != NULL ||
	    (type != TYPE_DNSKEY && type != TYPE_CDS && type != TYPE_DS && type != TYPE_RRSIG))
		return err_set(e, ERR_SYNTAX, "an RRset of a look is none that looks have");
	for (size_t i = 0; i < n; i++) {
		rr[i] = (struct rr){ .owner = o->zone, .type = type, .ttl = ttl, .rdlen = rd_u16(r) };
		rr[i].rdata = rd_bytes(r, rr[i].rdlen);
		if (rr[i].rdata == NULL)
			return err_set(e, ERR_SYNTAX, "a look is cut off");
		if (rdata_check(type, rr[i].rdata, rr[i].rdlen, e) != 0)
			return -1;
	}
	if (observed_add(o, type, ttl, rr, n, arena, e) != 0)
		return -1;
	return o->set[before].n == n ? 0 : err_set(e, ERR_SYNTAX, "a look has a record twice");
}

static int get_words(struct rd *r, struct observed *o, struct err *e)
{
	unsigned flags;

	o->role = (enum observed_role)rd_u8(r);
	o->outcome = (enum observed_outcome)rd_u8(r);
	o->trust = (enum observed_trust)rd_u8(r);
	o->asked_ms = (int64_t)rd_u64(r);
	flags = rd_u8(r);
	if (r->bad || o->role < OBSERVED_SECONDARY || o->role > OBSERVED_RESOLVER || o->outcome < OBSERVED_ANSWERED ||
	    o->outcome > OBSERVED_CHANGING || o->trust < OBSERVED_UNCHECKED || o->trust > OBSERVED_SECURE ||
	    o->asked_ms < 0 || flags > (FLAG_VERSION | FLAG_EXPLAINED))
		return err_set(e, ERR_SYNTAX, "a look has words that do not exist");
	o->has_version = (flags & FLAG_VERSION) != 0;
	o->explained = (flags & FLAG_EXPLAINED) != 0;
	if (o->has_version) {
		const uint8_t *id;

		o->serial = rd_u32(r);
		if ((id = rd_bytes(r, sizeof(o->id))) != NULL)
			memcpy(o->id, id, sizeof(o->id));
	}
	if ((o->explained && !o->has_version) || (observed_of_parent(o->role) && o->has_version))
		return err_set(e, ERR_SYNTAX, "a look has a version where there is none");
	return get_text(r, o->why, sizeof(o->why), e);
}

int observed_read(const uint8_t *octets, size_t len, struct arena *arena, struct observed *out, struct err *e)
{
	struct rd r = rd_of(octets, len);
	const uint8_t version = rd_u8(&r), *name = dname_read(&r);
	size_t sets;

	memset(out, 0, sizeof(*out));
	if (version != VERSION || name == NULL)
		return err_set(e, ERR_SYNTAX, "no look of version %d", VERSION);
	dname_lower(name, out->zone);
	if (get_addr(&r, &out->server, e) != 0 || get_words(&r, out, e) != 0)
		return -1;
	sets = rd_u8(&r);
	if (sets > OBSERVED_SETS_MAX || (sets > 0 && out->outcome != OBSERVED_ANSWERED))
		return err_set(e, ERR_SYNTAX, "a look holds more than it can have seen");
	for (size_t i = 0; i < sets; i++)
		if (get_set(&r, out, arena, e) != 0)
			return -1;
	return r.bad || rd_left(&r) > 0 ? err_set(e, ERR_SYNTAX, "a look is cut off, or something follows it") : 0;
}

json_t *observed_pack(const struct observed *o, struct err *e)
{
	uint8_t *octets = mem_new(1, OBSERVED_OCTETS_MAX);
	const size_t len = observed_write(o, octets, OBSERVED_OCTETS_MAX);
	json_t *packed = NULL;

	if (len == 0)
		err_set(e, ERR_LIMIT, "a look is larger than %u octets", OBSERVED_OCTETS_MAX);
	else
		packed = msg_json_base64(octets, len);
	free(octets);
	return packed;
}

int observed_unpack(const json_t *packed, struct arena *arena, struct observed *out, struct err *e)
{
	json_t *o = json_pack("{s:O}", "look", packed);
	uint8_t *octets;
	size_t len;
	int rc;

	if (o == NULL || (octets = msg_base64(o, "look", OBSERVED_OCTETS_MAX, &len, e)) == NULL) {
		json_decref(o);
		return o == NULL ? err_set(e, ERR_SYNTAX, "no look") : -1;
	}
	rc = observed_read(octets, len, arena, out, e);
	free(octets);
	json_decref(o);
	return rc;
}

/* ---- who is to be looked at ---- */

json_t *observed_servers_pack(const struct observed_servers *s)
{
	char name[DNAME_TEXT_MAX], text[ADDR_TEXT_LEN];
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(list, json_pack("{s:s,s:s,s:s*}", "address", addr_text(&s->server[i].addr, text),
						      "role", role_text[s->server[i].role], "name", s->server[i].name));
	return json_pack("{s:s,s:b,s:b,s:b,s:s,s:s,s:s,s:o}", "zone", dname_to_text(s->zone, name), "name_servers",
			 (int)s->name_servers, "children_whole", (int)s->children_whole, "parents_whole", (int)s->parents_whole,
			 "why", s->why, "missing", s->missing, "children_why", s->children_why, "servers", list);
}

void observed_servers_digest(const struct observed_servers *s, uint8_t out[OBSERVED_ID_LEN])
{
	const uint8_t flags[] = { s->name_servers, s->children_whole, s->parents_whole, (uint8_t)s->n };
	const char *const texts[] = { s->why, s->missing, s->children_why };
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, flags, sizeof(flags));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		crypto_hash_sha256_update(&st, (const uint8_t *)texts[i], strlen(texts[i]) + 1);
	for (size_t i = 0; i < s->n; i++) {
		const char *name = s->server[i].name == NULL ? "" : s->server[i].name;
		const uint8_t role = (uint8_t)s->server[i].role;
		char text[ADDR_TEXT_LEN];

		addr_text(&s->server[i].addr, text);
		crypto_hash_sha256_update(&st, &role, 1);
		crypto_hash_sha256_update(&st, (const uint8_t *)text, strlen(text) + 1);
		crypto_hash_sha256_update(&st, (const uint8_t *)name, strlen(name) + 1);
	}
	crypto_hash_sha256_final(&st, out);
}

static int get_server(const json_t *row, struct observed_servers *out, struct err *e)
{
	const char *address = msg_text(row, "address", ADDR_TEXT_LEN - 1, e);
	const char *role = address == NULL ? NULL : msg_text(row, "role", 16, e);
	struct observed_server *s = &out->server[out->n];

	if (role == NULL || addr_parse(address, 0, &s->addr, e) != 0)
		return -1;
	s->name = NULL;
	if (json_object_get(row, "name") != NULL && (s->name = msg_text(row, "name", DNAME_TEXT_MAX - 1, e)) == NULL)
		return -1;
	for (int i = OBSERVED_SECONDARY; i <= OBSERVED_RESOLVER; i++)
		if (strcmp(role, role_text[i]) == 0) {
			s->role = (enum observed_role)i;
			out->n++;
			return 0;
		}
	return err_set(e, ERR_SYNTAX, "role %s", role);
}

int observed_servers_unpack(const json_t *o, struct observed_servers *out, struct err *e)
{
	const json_t *list = json_object_get(o, "servers");
	const char *why = msg_text(o, "why", sizeof(out->why) - 1, e);
	const char *missing = why == NULL ? NULL : msg_text(o, "missing", sizeof(out->missing) - 1, e);
	const char *children_why = missing == NULL ? NULL : msg_text(o, "children_why", sizeof(out->children_why) - 1, e);
	uint8_t name[DNAME_MAX];

	memset(out, 0, sizeof(*out));
	if (children_why == NULL || msg_name(o, "zone", name, e) != 0 ||
	    msg_bool(o, "name_servers", &out->name_servers, e) != 0 ||
	    msg_bool(o, "children_whole", &out->children_whole, e) != 0 ||
	    msg_bool(o, "parents_whole", &out->parents_whole, e) != 0)
		return -1;
	dname_lower(name, out->zone);
	snprintf(out->why, sizeof(out->why), "%s", why);
	snprintf(out->missing, sizeof(out->missing), "%s", missing);
	snprintf(out->children_why, sizeof(out->children_why), "%s", children_why);
	if (!json_is_array(list) || json_array_size(list) > OBSERVED_SERVERS_MAX)
		return err_set(e, ERR_SYNTAX, "servers: a list of at most %d", OBSERVED_SERVERS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (get_server(json_array_get(list, i), out, e) != 0)
			return -1;
	return 0;
}

uint64_t observed_server_id(const struct addr *addr, enum observed_role role)
{
	const uint8_t side = observed_of_parent(role);
	char text[ADDR_TEXT_LEN];
	crypto_hash_sha256_state st;
	uint8_t sum[32];
	struct rd r = rd_of(sum, sizeof(sum));
	uint64_t id;

	addr_text(addr, text);
	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, &side, 1);
	crypto_hash_sha256_update(&st, (const uint8_t *)text, strlen(text));
	crypto_hash_sha256_final(&st, sum);
	id = rd_u64(&r);
	return id == 0 ? 1 : id;
}
