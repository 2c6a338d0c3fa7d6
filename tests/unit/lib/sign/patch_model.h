/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TEST_PATCH_MODEL_H
#define DUET_TEST_PATCH_MODEL_H

/*
 * patch_model - for test_patch: a zone as a model that changes by chance, the zone and the difference that follow from two
 * of its states, a signer with a store of its own, and the comparison of two signed versions record by record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "arena/arena.h"
#include "nsec/nsec.h"
#include "sign/apexkeys.h"
#include "sign/patch.h"
#include "sign/version_zone.h"

#define NOW  1700000000
#define DAY  86400
#define KEYS 2

static const uint8_t apex[] = "\007example\003org";
static char dir[128];
static unsigned seed = 1;

static unsigned draw(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* ---- the zone as the test knows it ---- */

enum profile { NONE, HOST, MORE, ALIAS, CUT, SECURE, GLUE, BRANCH, WILD, LARGE, PROFILES };

struct node {
	uint8_t name[DNAME_MAX];
	enum profile profile;
	unsigned variant;
	uint32_t ttl;
};

#define NODES 900
struct model {
	struct node node[NODES];
	unsigned apex; /* variant of what the apex has */
	uint32_t serial;
};

struct records {
	struct arena *arena;
	struct rr *rr;
	size_t n, room;
};

static void records_init(struct records *r)
{
	*r = (struct records){ .arena = arena_new() };
}

static void records_fini(struct records *r)
{
	arena_free(r->arena);
	free(r->rr);
}

static void add(struct records *r, const uint8_t *owner, uint16_t type, uint32_t ttl, const void *rdata, size_t len)
{
	if (r->n == r->room) {
		r->room = r->room * 2 + 64;
		r->rr = mem_grow(r->rr, r->room, sizeof(*r->rr));
	}
	r->rr[r->n++] = (struct rr){ .owner = owner,
				     .type = type,
				     .ttl = ttl,
				     .rdata = arena_dup(r->arena, rdata, len),
				     .rdlen = (uint16_t)len };
}

static int by_rr(const void *a, const void *b)
{
	return rr_cmp(a, b);
}

static void add_a(struct records *r, const uint8_t *owner, uint32_t ttl, unsigned x)
{
	const uint8_t ip[4] = { 192, 0, 2, (uint8_t)x };

	add(r, owner, TYPE_A, ttl, ip, 4);
}

static void add_name(struct records *r, const uint8_t *owner, uint16_t type, unsigned x)
{
	uint8_t name[DNAME_MAX];
	char text[32];

	snprintf(text, sizeof(text), "N%u.example.net.", x);
	assert_int_equal(dname_from_text(text, name, NULL), 0);
	add(r, owner, type, 300, name, dname_len(name));
}

static void add_text(struct records *r, const uint8_t *owner, uint32_t ttl, unsigned x, size_t len)
{
	uint8_t text[256];

	memset(text, 'a' + (int)(x % 26), sizeof(text));
	text[0] = (uint8_t)len;
	text[1] = (uint8_t)(x >> 8);
	text[2] = (uint8_t)x;
	add(r, owner, TYPE_TXT, ttl, text, len + 1);
}

static void add_ds(struct records *r, const uint8_t *owner, unsigned x)
{
	uint8_t ds[4 + 32] = { (uint8_t)(x >> 8), (uint8_t)x, 13, 2, (uint8_t)x };

	add(r, owner, TYPE_DS, 300, ds, sizeof(ds));
}

static void node_records(const struct node *n, struct records *r)
{
	const uint32_t ttl = n->ttl;
	const unsigned v = n->variant;

	switch (n->profile) {
	case HOST:
		add_a(r, n->name, ttl, v);
		break;
	case MORE:
		for (unsigned i = 0; i <= v % 3; i++)
			add_a(r, n->name, ttl, v + i);
		add_text(r, n->name, 300, v / 3, 100);
		break;
	case ALIAS:
		add_name(r, n->name, TYPE_CNAME, v);
		break;
	case CUT:
	case SECURE:
		for (unsigned i = 0; i <= v % 2; i++)
			add_name(r, n->name, TYPE_NS, v + i);
		if (n->profile == SECURE)
			add_ds(r, n->name, v);
		if (v % 3 == 0)
			add_a(r, n->name, 300, v);
		break;
	case GLUE:
		add_a(r, n->name, 300, v);
		break;
	case BRANCH:
		add_name(r, n->name, TYPE_DNAME, v);
		if (v % 2 == 0)
			add_text(r, n->name, 300, v, 20);
		break;
	case WILD:
		add_text(r, n->name, ttl, v, 30);
		break;
	case LARGE:
		for (unsigned i = 0; i < 90; i++)
			add_text(r, n->name, ttl, v + i, 250);
		break;
	case NONE:
	case PROFILES:
		break;
	}
}

static void apex_records(const struct model *m, struct records *r)
{
	add_name(r, apex, TYPE_NS, 1);
	if (m->apex % 2 == 1)
		add_text(r, apex, 300, m->apex, 10);
	if (m->apex % 7 == 3)
		add_name(r, apex, TYPE_DNAME, m->apex);
}

static struct rr soa_of(const struct model *m, struct records *r)
{
	uint8_t rdata[] = "\002ns\000\004host\000\0\0\0\0\0\0\016\020\0\0\003\204\0\011\072\200\0\0\001\054";
	size_t len = sizeof(rdata) - 1;

	rdata[1] = (uint8_t)('a' + m->apex % 26); /* another name server now and then */
	soa_set_serial(rdata, len, m->serial);
	return (struct rr){ .owner = apex,
			    .type = TYPE_SOA,
			    .ttl = 3600,
			    .rdata = arena_dup(r->arena, rdata, len),
			    .rdlen = (uint16_t)len };
}

/* A name of few labels to choose from, so that names often lie below one another. */
static void draw_name(unsigned i, uint8_t out[DNAME_MAX])
{
	char text[128];

	switch (i % 6) {
	case 0:
	case 1:
		snprintf(text, sizeof(text), "h%u.example.org.", i);
		break;
	case 2:
		snprintf(text, sizeof(text), "Ns.h%u.example.org.", i - 2);
		break;
	case 3:
		snprintf(text, sizeof(text), "x%u.e%u.f%u.example.org.", i, i / 60, i / 120);
		break;
	case 4:
		snprintf(text, sizeof(text), "e%u.f%u.example.org.", i / 60, i / 120);
		break;
	default:
		snprintf(text, sizeof(text), "*.g%u.h%u.example.org.", i % 4, i - 5 + (i / 6) % 2);
		break;
	}
	assert_int_equal(dname_from_text(text, out, NULL), 0);
}

static void mutate(struct model *m, struct node *n, unsigned growth)
{
	unsigned x = draw(100);

	(void)m;
	if (n->profile != NONE && draw(5) == 0) {
		n->ttl = 377 - n->ttl; /* and nothing else */
		return;
	}
	n->variant = draw(400);
	n->ttl = draw(5) == 0 ? 77 : 300;
	if (x >= growth) {
		n->profile = NONE;
		return;
	}
	n->profile = (enum profile)(1 + draw(PROFILES - 1));
	if (n->profile == LARGE && draw(4) != 0)
		n->profile = HOST;
	if (dname_is_wildcard(n->name) && (n->profile == CUT || n->profile == SECURE))
		n->profile = WILD;
}

static bool same_name_before(const struct model *m, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (dname_equal(m->node[k].name, m->node[i].name))
			return true;
	return false;
}

static void model_init(struct model *m, unsigned growth)
{
	memset(m, 0, sizeof(*m));
	m->serial = 1;
	for (unsigned i = 0; i < NODES; i++) {
		draw_name(i, m->node[i].name);
		if (same_name_before(m, i))
			draw_name(6 * NODES + i / 6 * 6, m->node[i].name);
		mutate(m, &m->node[i], growth);
	}
}

static void write_rr(struct records *out, uint8_t **at, const struct rr *rr)
{
	struct wr w = wr_of(*at, 70000);

	(void)out;
	rr_write(&w, rr);
	assert_false(w.bad);
	*at += w.at;
}

/* The whole content as a stream. */
static struct zone *zone_of(const struct model *m)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct records r;
	struct zone *z = NULL;
	struct err e;
	struct rr soa;
	uint8_t *stream, *at;

	records_init(&r);
	apex_records(m, &r);
	for (size_t i = 0; i < NODES; i++)
		node_records(&m->node[i], &r);
	soa = soa_of(m, &r);
	at = stream = mem_new(r.n + 2, 600);
	write_rr(&r, &at, &soa);
	for (size_t i = 0; i < r.n; i++)
		write_rr(&r, &at, &r.rr[i]);
	if (zone_read_stream(stream, (size_t)(at - stream), apex, &limits, &z, &e) != 0)
		fail_msg("%s", e.text);
	free(stream);
	records_fini(&r);
	return z;
}

static bool has(const struct records *r, const struct rr *rr)
{
	for (size_t i = 0; i < r->n; i++)
		if (rr_cmp(&r->rr[i], rr) == 0 && r->rr[i].ttl == rr->ttl)
			return true;
	return false;
}

/* Records of one name on both sides; what only the first has goes to the stream. */
static void write_lost(struct records *a, struct records *b, uint8_t **at)
{
	for (size_t i = 0; i < a->n; i++)
		if (!has(b, &a->rr[i]))
			write_rr(a, at, &a->rr[i]);
}

static void pair_of(const struct model *a, const struct model *b, size_t i, struct records *x, struct records *y)
{
	records_init(x);
	records_init(y);
	if (i == NODES) {
		apex_records(a, x);
		apex_records(b, y);
	} else {
		node_records(&a->node[i], x);
		node_records(&b->node[i], y);
	}
}

/* What the second model has no more. */
static void write_all_lost(const struct model *a, const struct model *b, uint8_t **at)
{
	struct records x, y;

	for (size_t i = 0; i <= NODES; i++) {
		if (i < NODES && memcmp(&a->node[i], &b->node[i], sizeof(a->node[i])) == 0)
			continue;
		pair_of(a, b, i, &x, &y);
		write_lost(&x, &y, at);
		records_fini(&x);
		records_fini(&y);
	}
}

/* From one model to the other, in the form that net hands over. */
static struct zone_diff *diff_of(const struct model *a, const struct model *b)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct zone_diff *d = NULL;
	uint8_t *stream = mem_new(NODES + 100, 70000), *at = stream;
	struct records soas;
	struct rr soa;
	struct err e;

	records_init(&soas);
	soa = soa_of(a, &soas);
	write_rr(&soas, &at, &soa);
	write_all_lost(a, b, &at);
	soa = soa_of(b, &soas);
	write_rr(&soas, &at, &soa);
	write_all_lost(b, a, &at);
	if (zone_diff_read(stream, (size_t)(at - stream), apex, &limits, &d, &e) != 0)
		fail_msg("%s", e.text);
	records_fini(&soas);
	free(stream);
	return d;
}

/* ---- signers ---- */

struct signer {
	struct store *store;
	struct version *current;
	struct zone_sum sum;
	struct key *keys[KEYS];
	struct sign_params p;
	struct arena *arena;
	struct apex_keys made;
	struct sign_stats stats;
	char path[160];
};

static void signer_open(struct signer *s, enum denial denial, struct key **keys)
{
	struct err e;

	memset(s, 0, sizeof(*s));
	snprintf(s->path, sizeof(s->path), "%s/store-XXXXXX", dir);
	assert_non_null(mkdtemp(s->path));
	if (store_open(s->path, &s->store, &e) != 0)
		fail_msg("%s", e.text);
	s->arena = arena_new();
	s->p = (struct sign_params){ .denial = denial,
				     .now = NOW,
				     .inception_offset_s = 3600,
				     .validity_s = 14 * DAY,
				     .jitter_s = DAY,
				     .margin_s = 7 * DAY };
	s->p.threads = denial == DENIAL_NSEC3 ? 1 : 3;
	memcpy(s->keys, keys, sizeof(s->keys));
	if (keys[0] != NULL)
		assert_int_equal(apex_keys_make(apex, s->keys, 1, 3600, &s->p, s->arena, &s->made, &e), 0);
}

static void signer_close(struct signer *s)
{
	const struct dirent *entry;
	DIR *d;

	version_unref(s->current);
	store_close(s->store);
	arena_free(s->arena);
	d = opendir(s->path);
	assert_non_null(d);
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
	rmdir(s->path);
}

static void publish(struct signer *s, struct change *c, struct version_info *info, const struct rr *soa, uint32_t serial)
{
	struct arena *a = arena_new();
	struct version *v = NULL;
	struct err e;

	assert_int_equal(zone_sign_soa(soa, &s->p, serial, a, info, &e), 0);
	if (change_publish(c, info, NULL, &v, &e) != 0)
		fail_msg("%s", e.text);
	version_unref(s->current);
	s->current = v;
	arena_free(a);
}

static void sign_whole(struct signer *s, const struct zone *z, uint32_t serial)
{
	struct version_info info = { .input_serial = z->serial, .published_at = s->p.now };
	struct change *c = NULL;
	struct err e;

	assert_int_equal(change_begin(s->store, apex, &c, &e), 0);
	if (zone_sign(z, &s->p, s->store, s->current, c, &info, &s->stats, &e) != 0)
		fail_msg("%s", e.text);
	publish(s, c, &info, &z->soa, serial);
	s->sum = z->sum;
}

/* c of d, or both NULL. */
static void sign_content(struct signer *s, const struct zone_diff *d, struct patch_content *c, uint32_t serial)
{
	struct version_info info = { .published_at = s->p.now };
	struct change *change = NULL;
	struct rr soa;
	struct err e;

	soa = d != NULL ? d->soa : version_info(s->current)->soa;
	assert_true(patch_is_possible(s->current, &soa, &s->p));
	assert_int_equal(change_begin(s->store, apex, &change, &e), 0);
	if (zone_patch(s->store, s->current, d, c, &s->p, change, &info, &s->stats, &e) != 0)
		fail_msg("%s", e.text);
	publish(s, change, &info, &soa, serial);
	if (c == NULL)
		return;
	s->sum = c->sum;
	patch_content_unread(c);
}

static void apply(struct signer *s, const struct zone_diff *d, struct patch_content *c)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct err e;

	if (patch_content(s->store, s->current, &s->sum, d, &limits, c, &e) != 0)
		fail_msg("%s", e.text);
}

static void sign_patch(struct signer *s, const struct zone_diff *d, uint32_t serial)
{
	struct patch_content content;

	if (d != NULL)
		apply(s, d, &content);
	if (d != NULL && serial % 2 == 0) /* as where it waits for long */
		patch_content_unread(&content);
	sign_content(s, d, d != NULL ? &content : NULL, serial);
}

/* ---- comparing ---- */

static int collect(void *ctx, const struct rr *rr)
{
	struct records *r = ctx;

	add(r, arena_dup(r->arena, rr->owner, dname_len(rr->owner)), rr->type, rr->ttl, rr->rdata, rr->rdlen);
	return 0;
}

static struct records records_of(const struct signer *s)
{
	struct records r;
	struct err e;

	records_init(&r);
	if (store_walk(s->store, s->current, collect, &r, &e) != 0)
		fail_msg("%s", e.text);
	qsort(r.rr, r.n, sizeof(*r.rr), by_rr);
	return r;
}

/* Signatures that were verified before, with what they sign. */
#define SEEN (1u << 18)
static uint64_t seen[SEEN];

static bool is_seen(const struct records *r, size_t first, size_t n, const struct rr *sig)
{
	XXH3_state_t *st = XXH3_createState();
	uint64_t h;
	size_t at;

	XXH3_64bits_reset(st);
	XXH3_64bits_update(st, sig->owner, dname_len(sig->owner));
	XXH3_64bits_update(st, sig->rdata, sig->rdlen);
	for (size_t i = first; i < first + n; i++) {
		XXH3_64bits_update(st, &r->rr[i].ttl, sizeof(r->rr[i].ttl));
		XXH3_64bits_update(st, r->rr[i].rdata, r->rr[i].rdlen);
	}
	h = XXH3_64bits_digest(st) | 1;
	XXH3_freeState(st);
	for (at = h % SEEN; seen[at] != 0; at = (at + 1) % SEEN)
		if (seen[at] == h)
			return true;
	seen[at] = h;
	return false;
}

static void verify(const struct signer *s, const struct records *c, size_t sig)
{
	struct rd r = rd_of(c->rr[sig].rdata, c->rr[sig].rdlen);
	uint16_t covered = rd_u16(&r);
	size_t first = sig, n = 0;
	struct err e;

	while (first > 0 && dname_equal(c->rr[first - 1].owner, c->rr[sig].owner))
		first--;
	while (first < c->n && c->rr[first].type != covered)
		first++;
	while (first + n < c->n && c->rr[first + n].type == covered &&
	       dname_equal(c->rr[first + n].owner, c->rr[sig].owner))
		n++;
	assert_true(n > 0);
	assert_int_equal(c->rr[sig].ttl, c->rr[first].ttl);
	if (!is_seen(c, first, n, &c->rr[sig]) &&
	    rrsig_verify(c->rr + first, n, &c->rr[sig], apex, s->keys[0], &e) != 0)
		fail_msg("type %u: %s", covered, e.text);
}

static uint16_t covers(const struct rr *rr)
{
	struct rd r = rd_of(rr->rdata, rr->rdlen);

	return rr->type == TYPE_RRSIG ? rd_u16(&r) : 0;
}

static void same_records(const struct signer *patched, const struct signer *whole)
{
	struct records a = records_of(patched), b = records_of(whole);
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < n; i++) {
		const struct rr *x = &a.rr[i], *y = &b.rr[i];
		char text[DNAME_TEXT_MAX], other[DNAME_TEXT_MAX];
		bool same = dname_equal(x->owner, y->owner) && x->type == y->type && x->ttl == y->ttl;

		if (same && x->type == TYPE_RRSIG)
			same = covers(x) == covers(y);
		else if (same && x->type != TYPE_SOA)
			same = x->rdlen == y->rdlen && memcmp(x->rdata, y->rdata, x->rdlen) == 0;
		if (!same)
			fail_msg("%s type %u ttl %u; whole: %s type %u ttl %u", dname_to_text(x->owner, text), x->type,
				 x->ttl, dname_to_text(y->owner, other), y->type, y->ttl);
	}
	assert_int_equal(a.n, b.n);
	for (size_t i = 0; i < a.n; i++)
		if (a.rr[i].type == TYPE_RRSIG)
			verify(patched, &a, i);
	records_fini(&a);
	records_fini(&b);
}

static void same_info(const struct signer *patched, const struct zone *z)
{
	const struct version_info *info = version_info(patched->current);
	int64_t earliest = table_earliest(version_table(patched->current));

	assert_memory_equal(info->content_digest, z->digest, sizeof(z->digest));
	assert_memory_equal(&patched->sum, &z->sum, sizeof(z->sum));
	assert_true(info->largest_ttl >= z->largest_ttl);
	assert_true(info->earliest <= earliest);
}

/* Pages of a patched version are those that signing the whole would keep: every row says what it was made from. */
static void whole_keeps_all(struct signer *s, const struct zone *z, uint32_t serial)
{
	size_t pages = table_len(version_table(s->current));

	sign_whole(s, z, serial);
	assert_int_equal(s->stats.made, 0);
	assert_int_equal(s->stats.new_pages, 0);
	assert_int_equal(s->stats.kept_pages, pages);
}

#endif
