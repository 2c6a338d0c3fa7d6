/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sign/apexkeys.h"
#include "sign/version_zone.h"
#include "sign/zonesign.h"
#include "store/store.h"

#define NOW      1700000000
#define DAY      86400
#define NAMES    600
#define KEYS_MAX 4

static char dir[] = "/tmp/duet-test-zonesign-XXXXXX";
static uint8_t apex[DNAME_MAX];

/* One signer: a store, keys, and the version that it published last. */
struct signer {
	struct store *store;
	struct version *current;
	struct key *keys[KEYS_MAX];
	size_t key_count;
	struct sign_params p;
	struct arena *arena;
	struct apex_keys made;
	struct sign_stats stats;
	char path[128];
};

static void empty_folder(const char *path)
{
	const struct dirent *entry;
	DIR *d = opendir(path);

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
}

static void signer_open(struct signer *s, const char *name, enum denial denial, const unsigned *algs,
			size_t n)
{
	struct err e;

	memset(s, 0, sizeof(*s));
	snprintf(s->path, sizeof(s->path), "%s/%s-XXXXXX", dir, name);
	assert_non_null(mkdtemp(s->path));
	if (store_open(s->path, &s->store, &e) != 0)
		fail_msg("%s", e.text);
	s->arena = arena_new();
	s->p = (struct sign_params){ .denial = denial,
				     .now = NOW,
				     .inception_offset_s = 3600,
				     .validity_s = 14 * DAY,
				     .jitter_s = DAY,
				     .margin_s = 7 * DAY,
				     .threads = 3,
				     .batch_octets = 12000 };
	for (size_t i = 0; i < n; i++)
		assert_int_equal(key_generate(algs[i], 257, 0, &s->keys[i], &e), 0);
	s->key_count = n;
	assert_int_equal(apex_keys_make(apex, s->keys, n, 3600, &s->p, s->arena, &s->made, &e), 0);
	if (n == 0)
		s->p.ready_count = 0;
}

static void signer_close(struct signer *s)
{
	version_unref(s->current);
	store_close(s->store);
	for (size_t i = 0; i < s->key_count; i++)
		key_free(s->keys[i]);
	arena_free(s->arena);
	empty_folder(s->path);
	rmdir(s->path);
}

static struct zone *zone_of_text(const char *text)
{
	const struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	char *path = mem_printf("%s/input.zone", dir);
	struct zone *z = NULL;
	struct err e;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_not_equal(fputs(text, f), EOF);
	fclose(f);
	if (zone_read_file(path, apex, &limits, &z, &e) != 0)
		fail_msg("%s", e.text);
	free(path);
	return z;
}

static void publish(struct signer *s, const struct zone *z, uint32_t serial)
{
	struct version_info info = { .input_serial = z->serial, .published_at = s->p.now };
	struct arena *a = arena_new();
	struct change *c = NULL;
	struct version *v = NULL;
	struct err e;

	assert_int_equal(change_begin(s->store, apex, &c, &e), 0);
	if (zone_sign(z, &s->p, s->store, s->current, c, &info, &s->stats, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(zone_sign_soa(&z->soa, &s->p, serial, a, &info, &e), 0);
	if (change_publish(c, &info, NULL, &v, &e) != 0)
		fail_msg("%s", e.text);
	version_unref(s->current);
	s->current = v;
	arena_free(a);
}

/* Every record of a version. */
struct content {
	struct arena *arena;
	struct rr *rr;
	size_t n, room, rrsigs;
};

static int collect(void *ctx, const struct rr *rr)
{
	struct content *c = ctx;

	if (c->n == c->room) {
		c->room = c->room * 2 + 256;
		c->rr = mem_grow(c->rr, c->room, sizeof(*c->rr));
	}
	c->rr[c->n] = *rr;
	c->rr[c->n].owner = arena_dup(c->arena, rr->owner, dname_len(rr->owner));
	c->rr[c->n].rdata = arena_dup(c->arena, rr->rdata, rr->rdlen);
	c->n++;
	c->rrsigs += rr->type == TYPE_RRSIG;
	return 0;
}

static int by_rr(const void *a, const void *b)
{
	return rr_cmp(a, b);
}

static struct content content_of(const struct signer *s)
{
	struct content c = { .arena = arena_new() };
	struct err e;

	if (store_walk(s->store, s->current, collect, &c, &e) != 0)
		fail_msg("%s", e.text);
	qsort(c.rr, c.n, sizeof(*c.rr), by_rr);
	return c;
}

static void content_free(struct content *c)
{
	arena_free(c->arena);
	free(c->rr);
}

static void verify_one(const struct signer *s, const struct content *c, size_t sig)
{
	struct rd r = rd_of(c->rr[sig].rdata, c->rr[sig].rdlen);
	uint16_t covered = rd_u16(&r), tag;
	uint32_t ttl;
	size_t first = sig, n = 0;
	struct err e;

	rd_bytes(&r, 2);
	ttl = rd_u32(&r);
	rd_bytes(&r, 8);
	tag = rd_u16(&r);
	while (first > 0 && dname_equal(c->rr[first - 1].owner, c->rr[sig].owner))
		first--;
	while (first < c->n && c->rr[first].type != covered)
		first++;
	while (first + n < c->n && c->rr[first + n].type == covered &&
	       dname_equal(c->rr[first + n].owner, c->rr[sig].owner))
		n++;
	assert_true(n > 0);
	assert_int_equal(c->rr[sig].ttl, c->rr[first].ttl);
	assert_int_equal(ttl, c->rr[first].ttl);
	for (size_t i = 0; i < s->key_count; i++)
		if (key_tag(s->keys[i]) == tag &&
		    rrsig_verify(c->rr + first, n, &c->rr[sig], apex, s->keys[i], &e) == 0)
			return;
	fail_msg("an RRSIG over type %u by key %u is wrong", covered, tag);
}

/* Each NSEC names the next one's owner, the last one the apex. */
static void nsec_chain_closes(const struct content *c)
{
	const uint8_t *next = NULL;

	for (size_t i = 0; i < c->n; i++) {
		if (c->rr[i].type != TYPE_NSEC)
			continue;
		assert_true(dname_equal(c->rr[i].owner, next == NULL ? apex : next));
		next = c->rr[i].rdata;
	}
	assert_true(next == NULL || dname_equal(next, apex));
}

static void every_signature_verifies(const struct signer *s)
{
	struct content c = content_of(s);

	nsec_chain_closes(&c);
	for (size_t i = 0; i < c.n; i++)
		if (c.rr[i].type == TYPE_RRSIG)
			verify_one(s, &c, i);
	content_free(&c);
}

static size_t next_other(const struct content *c, size_t i)
{
	while (i < c->n && c->rr[i].type == TYPE_RRSIG)
		i++;
	return i;
}

/* The same records, RRSIGs apart, of which there are as many. */
static void same_content(const struct signer *x, const struct signer *y)
{
	struct content a = content_of(x), b = content_of(y);
	size_t i = 0, k = 0;

	assert_int_equal(a.n, b.n);
	assert_int_equal(a.rrsigs, b.rrsigs);
	for (; (i = next_other(&a, i)) < a.n && (k = next_other(&b, k)) < b.n; i++, k++) {
		if (a.rr[i].type == TYPE_SOA)
			continue;
		assert_int_equal(rr_cmp(&a.rr[i], &b.rr[k]), 0);
		assert_int_equal(a.rr[i].ttl, b.rr[k].ttl);
	}
	assert_int_equal(next_other(&a, i), a.n);
	assert_int_equal(next_other(&b, k), b.n);
	content_free(&a);
	content_free(&b);
}

/* All RRSIGs made in a page end together, and the row knows when. */
struct ends {
	int64_t earliest;
	size_t different;
	bool apex;
};

static int note_end(void *ctx, const struct rr *rr)
{
	struct ends *ends = ctx;
	struct rd r = rd_of(rr->rdata, rr->rdlen);
	int64_t end;

	if (rr->type != TYPE_RRSIG || rd_u16(&r) == TYPE_DNSKEY)
		return 0;
	rd_bytes(&r, 6);
	end = rd_u32(&r);
	if (ends->earliest != INT64_MAX && ends->earliest != end)
		ends->different++;
	ends->earliest = end;
	return 0;
}

static int check_page(void *ctx, const struct page_row *row, const uint8_t *page)
{
	struct ends ends = { .earliest = INT64_MAX };
	struct err e;

	(void)ctx;
	assert_int_equal(page_walk(page, row->len, note_end, &ends, &e), 0);
	assert_int_equal(ends.different, 0);
	assert_true(row->earliest == ends.earliest || row->rrsigs > 0);
	assert_true(row->earliest <= ends.earliest);
	assert_true(row->len <= PAGE_MSG_MAX + 2);
	return 0;
}

static void pages_are_well_formed(const struct signer *s)
{
	struct err e;

	assert_int_equal(store_each_page(s->store, version_table(s->current), check_page, NULL, &e), 0);
	assert_true(version_info(s->current)->earliest <= table_earliest(version_table(s->current)));
}

static const char head[] =
	"$ORIGIN example.org.\n$TTL 300\n"
	"@ SOA ns1 host 1 3600 900 604800 600\n@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.1\n";

/* Lines that can be there or not, one name or delegation each. */
static char *line_text(size_t i, unsigned variant)
{
	switch (i % 8) {
	case 0:
		if (variant == 2)
			return mem_printf("h%03zu A 192.0.2.1\nh%03zu A 192.0.2.2\n", i, i);
		return mem_printf("h%03zu %u A 192.0.2.1\n", i, variant == 3 ? 77u : 300u);
	case 1:
		return mem_printf("d%03zu NS ns%u.example.net.\n", i, variant);
	case 2:
		return mem_printf("d%03zu NS ns.d%03zu\nns.d%03zu A 192.0.2.%u\n", i, i, i, variant);
	case 3:
		return mem_printf("s%03zu NS ns.example.net.\ns%03zu DS %u 13 2 "
				  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
				  i, i, variant);
	case 4:
		return mem_printf("a.b.e%03zu TXT \"%u\"\n", i / 16, variant);
	case 5:
		return mem_printf("*.w%03zu MX %u mail\nx%zu.y.s%03zu A 192.0.2.5\n", i, variant, i, i - 2);
	case 6:
		return mem_printf("o.p%03zu NS ns.example.net.\nq.o.p%03zu AAAA 2001:db8::%u\n", i / 16,
				  i / 16, variant);
	default:
		return mem_printf("z%03zu DNAME d%u.example.net.\nbelow.z%03zu A 192.0.2.7\n", i, variant, i);
	}
}

/* variant[i] == 0: the line is not there. */
static struct zone *zone_of_lines(const unsigned *variant, size_t n)
{
	size_t room = sizeof(head) + n * 200, at;
	char *text = mem_new(room, 1), *line;
	struct zone *z;

	at = (size_t)snprintf(text, room, "%s", head);
	for (size_t i = 0; i < n; i++) {
		if (variant[i] == 0)
			continue;
		line = line_text(i, variant[i]);
		at += (size_t)snprintf(text + at, room - at, "%s", line);
		free(line);
	}
	z = zone_of_text(text);
	free(text);
	return z;
}

static struct zone *all_lines(unsigned variant[NAMES])
{
	for (size_t i = 0; i < NAMES; i++)
		variant[i] = 1;
	return zone_of_lines(variant, NAMES);
}

static const unsigned one_alg[] = { ALG_ECDSAP256SHA256 };

static void one_record_changes_one_page(void **state)
{
	static unsigned variant[NAMES];
	struct zone *z = all_lines(variant), *changed;
	struct signer s;
	uint64_t pages;

	(void)state;
	signer_open(&s, "one", DENIAL_NSEC, one_alg, 1);
	publish(&s, z, 1);
	pages = s.stats.new_pages;
	assert_true(pages > 6);
	assert_int_equal(s.stats.kept_pages, 0);
	publish(&s, z, 2); /* nothing but the serial */
	assert_int_equal(s.stats.new_pages, 0);
	assert_int_equal(s.stats.kept_pages, pages);
	assert_int_equal(s.stats.made, 0);
	variant[320] = 2; /* an address */
	changed = zone_of_lines(variant, NAMES);
	publish(&s, changed, 3);
	assert_int_equal(s.stats.new_pages, 1);
	assert_int_equal(s.stats.kept_pages, pages - 1);
	assert_int_equal(s.stats.made, 1);
	every_signature_verifies(&s);
	zone_free(changed);
	variant[321] = 0; /* a name goes: its page, and the page before if it was the first in it */
	changed = zone_of_lines(variant, NAMES);
	publish(&s, changed, 4);
	assert_in_range(s.stats.new_pages, 1, 2);
	assert_in_range(s.stats.kept_pages, pages - 2, pages - 1);
	assert_int_equal(s.stats.made, 1); /* the NSEC of the name before */
	every_signature_verifies(&s);
	pages_are_well_formed(&s);
	zone_free(changed);
	zone_free(z);
	signer_close(&s);
}

static void what_pages_depend_on_makes_them_new(void **state)
{
	static unsigned variant[NAMES];
	struct zone *z = all_lines(variant);
	struct key *more[2];
	struct signer s;
	struct err e;
	uint64_t pages;

	(void)state;
	signer_open(&s, "ctx", DENIAL_NSEC3, one_alg, 1);
	publish(&s, z, 1);
	pages = s.stats.new_pages;
	s.p.nsec3_salt_len = 1;
	s.p.nsec3_salt[0] = 7;
	publish(&s, z, 2);
	assert_int_equal(s.stats.kept_pages, 0);
	publish(&s, z, 3);
	assert_int_equal(s.stats.new_pages, 0);
	s.p.denial = DENIAL_NSEC3_OPTOUT;
	publish(&s, z, 4);
	assert_int_equal(s.stats.kept_pages, 0);
	s.p.denial = DENIAL_NSEC;
	publish(&s, z, 5);
	assert_int_equal(s.stats.kept_pages, 0);
	assert_true(s.stats.new_pages < pages);
	s.p.full = true;
	publish(&s, z, 6);
	assert_int_equal(s.stats.kept_pages, 0);
	s.p.full = false;
	/* Another DNSKEY that does not sign yet: the apex page alone. */
	assert_int_equal(key_generate(ALG_ED25519, 256, 0, &more[1], &e), 0);
	more[0] = s.keys[0];
	pages = table_len(version_table(s.current));
	assert_int_equal(apex_keys_make(apex, more, 2, 3600, &s.p, s.arena, &s.made, &e), 0);
	s.p.keys = s.keys;
	s.p.key_count = 1;
	publish(&s, z, 7);
	assert_int_equal(s.stats.new_pages, 1);
	assert_int_equal(s.stats.kept_pages, pages - 1);
	/* And now it signs. */
	s.p.keys = more;
	s.p.key_count = 2;
	publish(&s, z, 8);
	assert_int_equal(s.stats.kept_pages, 0);
	s.p.keys = s.keys;
	s.p.key_count = 0; /* unsigned */
	publish(&s, z, 9);
	assert_int_equal(s.stats.rrsigs, 0);
	assert_int_equal(s.stats.records, z->records - 1);
	assert_true(version_info(s.current)->earliest == INT64_MAX);
	key_free(more[1]);
	zone_free(z);
	signer_close(&s);
}

static void only_pages_that_are_due_are_renewed(void **state)
{
	static unsigned variant[NAMES];
	struct zone *z = all_lines(variant);
	const struct table *t;
	struct signer s;
	int64_t first = INT64_MAX, last = 0;
	uint64_t due = 0, total;

	(void)state;
	signer_open(&s, "due", DENIAL_NSEC3, one_alg, 1);
	s.p.jitter_s = 4 * DAY;
	publish(&s, z, 1);
	t = version_table(s.current);
	for (size_t i = 0; i < table_len(t); i++) {
		first = table_row(t, i)->earliest < first ? table_row(t, i)->earliest : first;
		last = table_row(t, i)->earliest > last ? table_row(t, i)->earliest : last;
	}
	s.p.now = (first + last) / 2 - s.p.margin_s; /* ends lie 10 to 14 days from the start: some pages are due, some are not */
	for (size_t i = 0; i < table_len(t); i++)
		due += table_row(t, i)->earliest <= s.p.now + s.p.margin_s;
	total = table_len(t);
	assert_in_range(due, 1, total - 1);
	publish(&s, z, 2);
	/* a small one that is due takes its neighbour with it */
	assert_in_range(s.stats.new_pages, due - 1, due);
	assert_in_range(s.stats.kept_pages, total - due - 1, total - due);
	assert_true(version_info(s.current)->earliest > s.p.now + s.p.margin_s);
	every_signature_verifies(&s);
	pages_are_well_formed(&s);
	publish(&s, z, 3);
	assert_int_equal(s.stats.new_pages, 0);
	s.p.validity_s = 9 * DAY; /* a shorter life by policy: what was renewed outlives it */
	s.p.jitter_s = DAY;
	publish(&s, z, 4);
	assert_in_range(s.stats.new_pages, 1, total);
	t = version_table(s.current);
	for (size_t i = 0; i < table_len(t); i++)
		assert_true(table_row(t, i)->earliest <= s.p.now + 9 * DAY);
	assert_true(version_info(s.current)->earliest <= s.p.now + 9 * DAY);
	zone_free(z);
	signer_close(&s);
}

static void changes_lead_to_what_signing_all_gives(void **state)
{
	static const enum denial modes[] = { DENIAL_NSEC, DENIAL_NSEC3, DENIAL_NSEC3_OPTOUT };
	static unsigned variant[NAMES];
	unsigned seed = 1;

	(void)state;
	for (size_t m = 0; m < 3; m++) {
		struct signer s, whole;
		uint64_t kept = 0;

		signer_open(&s, "step", modes[m], one_alg, 1);
		signer_open(&whole, "whole", modes[m], NULL, 0);
		whole.p = s.p;
		whole.p.full = true;
		whole.p.threads = whole.p.batch_octets = 0; /* one thread, one batch */
		for (size_t i = 0; i < NAMES; i++)
			variant[i] = rand_r(&seed) % 4 != 0;
		for (uint32_t round = 1; round <= 14; round++) {
			struct zone *z = zone_of_lines(variant, NAMES);

			publish(&s, z, round);
			kept += s.stats.kept_pages;
			publish(&whole, z, round);
			same_content(&s, &whole);
			pages_are_well_formed(&s);
			if (round % 3 == 0)
				every_signature_verifies(&s);
			zone_free(z);
			for (unsigned i = rand_r(&seed) % 8; i > 0; i--) {
				size_t at = (size_t)rand_r(&seed) % NAMES,
				       n = rand_r(&seed) % 4 == 0 ? 40 : 1;

				for (size_t k = at; k < NAMES && k < at + n; k++)
					variant[k] = n > 1 ? variant[at] == 0 : (unsigned)rand_r(&seed) % 4;
			}
		}
		assert_true(kept > 14);
		signer_close(&s);
		signer_close(&whole);
	}
}

#define FLAT 400

/* FLAT hosts below d, without the one of number `without`; a delegation at d if asked for. */
static struct zone *flat_zone(size_t without, bool cut)
{
	size_t room = sizeof(head) + (FLAT + 1) * 40, at;
	char *text = mem_new(room, 1);
	struct zone *z;

	at = (size_t)snprintf(text, room, "%s%s", head, cut ? "d NS ns.example.net.\n" : "");
	for (size_t i = 0; i < FLAT; i++)
		if (i != without)
			at += (size_t)snprintf(text + at, room - at, "h%03zu.d A 192.0.2.1\n", i);
	z = zone_of_text(text);
	free(text);
	return z;
}

static int first_host(void *ctx, const struct rr *rr)
{
	size_t *number = ctx;

	*number = rr->owner[1] == 'h' ? (size_t)strtoul((const char *)rr->owner + 2, NULL, 10) : FLAT;
	return 1;
}

/* Delegations to the same long names, which take little room in a page. */
static struct zone *delegations(size_t n, size_t more)
{
	size_t room = sizeof(head) + (n + more) * 200, at;
	char *text = mem_new(room, 1);
	struct zone *z;

	at = (size_t)snprintf(text, room, "%s", head);
	for (size_t i = 0; i < n + more; i++)
		at += (size_t)snprintf(text + at, room - at,
				       "d%03zu%s NS a.name-server-of-a-provider.example.net.\n"
				       "d%03zu%s NS b.name-server-of-a-provider.example.net.\n",
				       i < n ? i : n / 2, i < n ? "" : "x", i < n ? i : n / 2,
				       i < n ? "" : "x");
	z = zone_of_text(text);
	free(text);
	return z;
}

static void pages_fill_to_their_real_size(void **state)
{
	struct zone *z = delegations(900, 0), *more = delegations(900, 1);
	struct signer s;
	size_t pages;

	(void)state;
	signer_open(&s, "fill", DENIAL_NSEC, one_alg, 1);
	s.p.batch_octets = 0;
	publish(&s, z, 1);
	pages = table_len(version_table(s.current));
	assert_true(pages > 8);
	assert_in_range(s.stats.octets / pages, 12800, 15000);
	publish(&s, more, 2); /* grows a page, and does not split it */
	assert_int_equal(s.stats.new_pages, 1);
	assert_int_equal(table_len(version_table(s.current)), pages);
	pages_are_well_formed(&s);
	every_signature_verifies(&s);
	zone_free(z);
	zone_free(more);
	signer_close(&s);
}

/* The last NSEC of a page names the first name of the next page. */
static void nsec_across_a_page_border_follows(void **state)
{
	uint8_t *page = mem_new(PAGE_OCTETS_MAX, 1);
	struct zone *z = flat_zone(FLAT, false);
	struct signer s, whole;
	size_t borders = 0;
	struct err e;

	(void)state;
	signer_open(&s, "border", DENIAL_NSEC, one_alg, 1);
	signer_open(&whole, "whole", DENIAL_NSEC, NULL, 0);
	whole.p = s.p;
	whole.p.full = true;
	for (size_t i = 1; i < 6; i++) {
		struct zone *less;
		size_t host;

		publish(&s, z, 1);
		assert_true(table_len(version_table(s.current)) > 6);
		assert_int_equal(store_read(s.store, table_row(version_table(s.current), i), page, &e), 0);
		page_walk(page, table_row(version_table(s.current), i)->len, first_host, &host, &e);
		if (host == FLAT)
			continue;
		borders++;
		less = flat_zone(host, false);
		publish(&s, less, 2);
		assert_int_equal(s.stats.new_pages, 2);
		assert_int_equal(s.stats.made, 1);
		publish(&whole, less, 2);
		same_content(&s, &whole);
		zone_free(less);
	}
	assert_true(borders >= 4);
	free(page);
	zone_free(z);
	signer_close(&s);
	signer_close(&whole);
}

/* Names on other pages than the new delegation are no longer authoritative, and are again when it goes. */
static void a_delegation_hides_names_on_other_pages(void **state)
{
	static const enum denial modes[] = { DENIAL_NSEC, DENIAL_NSEC3 };
	struct zone *open = flat_zone(FLAT, false), *cut = flat_zone(FLAT, true);

	(void)state;
	for (size_t m = 0; m < 2; m++) {
		struct signer s, whole;

		signer_open(&s, "cut", modes[m], one_alg, 1);
		signer_open(&whole, "whole", modes[m], NULL, 0);
		whole.p = s.p;
		whole.p.full = true;
		for (uint32_t i = 1; i <= 3; i++) {
			publish(&s, i == 2 ? cut : open, i);
			publish(&whole, i == 2 ? cut : open, i);
			same_content(&s, &whole);
		}
		every_signature_verifies(&s);
		signer_close(&s);
		signer_close(&whole);
	}
	zone_free(open);
	zone_free(cut);
}

static void large_rrset_spans_pages(void **state)
{
	char *text = mem_new(200000, 1), *more;
	size_t at = (size_t)snprintf(text, 200000, "%s", head);
	struct zone *z, *changed;
	struct signer s;
	size_t parts = 0;
	const struct table *t;

	(void)state;
	for (int i = 0; i < 100; i++) {
		at += (size_t)snprintf(text + at, 200000 - at, "big TXT \"%03d%0200d\" \"%0200d\"\n", i, i,
				       i);
	}
	z = zone_of_text(text);
	signer_open(&s, "large", DENIAL_NSEC, one_alg, 1);
	publish(&s, z, 1);
	t = version_table(s.current);
	for (size_t i = 0; i < table_len(t); i++)
		parts += table_row(t, i)->part > 0;
	assert_in_range(parts, 2, 3);
	every_signature_verifies(&s);
	pages_are_well_formed(&s);
	publish(&s, z, 2);
	assert_int_equal(s.stats.new_pages, 0);
	more = mem_printf("%snew TXT \"x\"\n", text);
	changed = zone_of_text(more);
	publish(&s, changed, 3);
	every_signature_verifies(&s);
	pages_are_well_formed(&s);
	publish(&s, z, 4);
	every_signature_verifies(&s);
	free(more);
	free(text);
	zone_free(changed);
	zone_free(z);
	signer_close(&s);
}

static void every_key_signs(void **state)
{
	static const unsigned algs[] = { 8, 10, 13, 16 };
	static unsigned variant[NAMES];
	struct signer s;
	struct zone *z;

	(void)state;
	for (size_t i = 0; i < 40; i++)
		variant[i] = 1;
	z = zone_of_lines(variant, 40);
	signer_open(&s, "keys", DENIAL_NSEC3, algs, 4);
	publish(&s, z, 1);
	assert_int_equal(s.stats.rrsigs % 4, 0);
	assert_int_equal(version_info(s.current)->soa_sig_count, 4);
	every_signature_verifies(&s);
	pages_are_well_formed(&s);
	zone_free(z);
	signer_close(&s);
}

static void a_version_gives_its_content_back(void **state)
{
	static unsigned variant[NAMES];
	struct zone *z = all_lines(variant), *back = NULL;
	struct signer s;
	struct err e;

	(void)state;
	signer_open(&s, "back", DENIAL_NSEC3_OPTOUT, one_alg, 1);
	publish(&s, z, 77);
	assert_memory_equal(version_info(s.current)->content_digest, z->digest, 48);
	if (version_zone(s.store, s.current, NULL, &back, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(back->records, z->records);
	assert_int_equal(back->serial, 1);
	assert_memory_equal(back->digest, z->digest, 48);
	zone_free(back);
	zone_free(z);
	signer_close(&s);
}

static void what_cannot_be_signed_is_refused(void **state)
{
	struct zone *z = zone_of_text(head);
	struct version_info info = { 0 };
	struct sign_stats stats;
	struct change *c = NULL;
	struct signer s;
	struct key *public = NULL;
	const uint8_t *rdata;
	size_t len;
	struct err e;

	(void)state;
	signer_open(&s, "refused", DENIAL_NSEC, one_alg, 1);
	rdata = key_rdata(s.keys[0], &len);
	assert_int_equal(key_from_dnskey(rdata, len, &public, &e), 0);
	assert_int_equal(change_begin(s.store, apex, &c, &e), 0);
	s.p.keys = &public;
	assert_int_equal(zone_sign(z, &s.p, s.store, NULL, c, &info, &stats, &e), -1);
	assert_int_equal(e.code, ERR_CRYPTO);
	s.p.keys = s.keys;
	s.p.validity_s = UINT32_MAX;
	assert_int_equal(zone_sign(z, &s.p, s.store, NULL, c, &info, &stats, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	change_drop(c);
	key_free(public);
	zone_free(z);
	signer_close(&s);
}

int main(void)
{
	struct err e;
	int rc;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_record_changes_one_page),
		cmocka_unit_test(what_pages_depend_on_makes_them_new),
		cmocka_unit_test(only_pages_that_are_due_are_renewed),
		cmocka_unit_test(changes_lead_to_what_signing_all_gives),
		cmocka_unit_test(pages_fill_to_their_real_size),
		cmocka_unit_test(nsec_across_a_page_border_follows),
		cmocka_unit_test(a_delegation_hides_names_on_other_pages),
		cmocka_unit_test(large_rrset_spans_pages),
		cmocka_unit_test(every_key_signs),
		cmocka_unit_test(a_version_gives_its_content_back),
		cmocka_unit_test(what_cannot_be_signed_is_refused),
	};

	if (secret_init(&e) != 0 || mkdtemp(dir) == NULL || dname_from_text("example.org.", apex, &e) != 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	empty_folder(dir);
	rmdir(dir);
	return rc;
}
