/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What zone_patch makes of a version and a difference is what zone_sign makes of the whole content: proven over random
 * zones and differences in every mode of denial, record by record, each RRSIG verified, each page's digest.
 */
#include "patch_model.h"

static const struct { enum denial denial; bool keys; } modes[] = {
	{ DENIAL_NSEC, true }, { DENIAL_NSEC3, true }, { DENIAL_NSEC3_OPTOUT, true }, { DENIAL_NSEC, false },
};

static void generate(bool want, struct key **keys)
{
	struct err e;

	keys[0] = keys[1] = NULL;
	if (want)
		assert_int_equal(key_generate(15, 257, 0, &keys[0], &e), 0);
}

static struct model before, now;

/* The patched version is that of a whole signing of `now`, which in turn keeps all its pages. */
static void is_what_whole_is(struct signer *s, enum denial denial, struct key **keys)
{
	struct zone *z = zone_of(&now);
	struct signer whole;

	signer_open(&whole, denial, keys);
	sign_whole(&whole, z, now.serial);
	same_records(s, &whole);
	whole_keeps_all(s, z, now.serial);
	zone_free(z);
	signer_close(&whole);
}

/* Steps of growing and shrinking, small and large. */
static void change_model(unsigned step)
{
	unsigned count = step % 5 == 4 ? 200 : 1 + draw(6), growth = step / 10 % 2 == 0 ? 40 : 85;

	before = now;
	now.serial++;
	if (draw(6) == 0)
		now.apex = draw(100);
	for (unsigned i = 0; i < count; i++)
		mutate(&now, &now.node[draw(NODES)], growth);
}

static void same_diff(const struct zone_diff *a, const struct zone_diff *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		const struct rr *x = &a->rr[i].rr, *y = &b->rr[i].rr;
		char text[DNAME_TEXT_MAX];

		if (a->rr[i].add != b->rr[i].add || rr_cmp(x, y) != 0 || x->ttl != y->ttl)
			fail_msg("%zu: %s type %u", i, dname_to_text(x->owner, text), x->type);
	}
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->owner_count, b->owner_count);
	assert_int_equal(a->serial, b->serial);
	assert_int_equal(a->soa.rdlen, b->soa.rdlen);
	assert_memory_equal(a->soa.rdata, b->soa.rdata, a->soa.rdlen);
}

static int find(const struct signer *s, const struct zone *z, unsigned threads, size_t most, struct zone_diff **out,
		struct err *e)
{
	struct patch_since *since = patch_since_new(s->store, s->current, z->apex, threads, most);
	struct zone_cursor *c = NULL;
	struct zone_owner o;
	int rc;

	assert_int_equal(zone_cursor_open(z, &c, e), 0);
	while ((rc = zone_cursor_next(c, &o, e)) == 1)
		patch_since_owner(since, &o);
	zone_cursor_close(c);
	assert_int_equal(rc, 0);
	rc = patch_since_end(since, z, out, e);
	patch_since_free(since);
	return rc;
}

/* What a whole zone changes of the version is found to be d. */
static void is_found(const struct signer *s, const struct zone *z, const struct zone_diff *d)
{
	struct zone_diff *since = NULL;
	struct err e;

	if (find(s, z, 2, d->n, &since, &e) != 0)
		fail_msg("%s", e.text);
	assert_non_null(since);
	same_diff(since, d);
	zone_diff_free(since);
	if (d->n == 0)
		return;
	assert_int_equal(find(s, z, 1, d->n - 1, &since, &e), 0);
	assert_null(since);
}

static void patched_is_what_whole_is(void **state)
{
	const char *rounds = getenv("PATCH_STEPS");
	unsigned steps = rounds != NULL ? (unsigned)atoi(rounds) : 6;

	(void)state;
	if (getenv("PATCH_SEED") != NULL)
		seed = (unsigned)atoi(getenv("PATCH_SEED"));
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
		struct signer patched, whole;
		struct key *keys[KEYS];
		struct zone *z;

		generate(modes[m].keys, keys);
		signer_open(&patched, modes[m].denial, keys);
		model_init(&now, 80);
		z = zone_of(&now);
		sign_whole(&patched, z, 1);
		zone_free(z);
		for (unsigned step = 0; step < steps; step++) {
			struct zone_diff *d;

			change_model(step);
			d = diff_of(&before, &now);
			z = zone_of(&now);
			is_found(&patched, z, d);
			sign_patch(&patched, d, now.serial);
			zone_diff_free(d);
			signer_open(&whole, modes[m].denial, keys);
			sign_whole(&whole, z, now.serial);
			same_records(&patched, &whole);
			same_info(&patched, z);
			if (step % 3 == 0)
				whole_keeps_all(&patched, z, now.serial);
			signer_close(&whole);
			zone_free(z);
		}
		signer_close(&patched);
		key_free(keys[0]);
	}
}

/* A zone of its own for each of the tests below, signed at NOW. */
static void open_signed(struct signer *s, enum denial denial, struct key **keys)
{
	struct zone *z;

	generate(true, keys);
	signer_open(s, denial, keys);
	model_init(&now, 80);
	z = zone_of(&now);
	sign_whole(s, z, 1);
	zone_free(z);
}

static void one_change_touches_few_pages(void **state)
{
	for (size_t m = 0; m < 3; m++) {
		struct key *keys[KEYS];
		struct signer s;

		(void)state;
		open_signed(&s, modes[m].denial, keys);
		assert_true(table_len(version_table(s.current)) > 20);
		for (unsigned step = 0; step < NODES / 6; step++) {
			struct zone_diff *d;
			size_t before_len = table_len(version_table(s.current));

			before = now;
			now.serial++;
			/* A host that nothing lies below changes, comes or goes. */
			now.node[6 * step].profile = step % 3 == 0 ? NONE : HOST;
			now.node[6 * step].variant = step;
						d = diff_of(&before, &now);
			sign_patch(&s, d, now.serial);
			zone_diff_free(d);
			/* Its own page and the one before; with NSEC3 two more, which split or join with a neighbour. */
			assert_true(s.stats.new_pages <= 20);
			assert_true(s.stats.kept_pages + 20 >= before_len);
			assert_true(s.stats.made <= 400);
		}
		is_what_whole_is(&s, modes[m].denial, keys);
		signer_close(&s);
		key_free(keys[0]);
	}
}

/* The sort key of the name in one of the chains. */
static size_t key_in(enum page_chain chain, const uint8_t *name, uint8_t out[DNAME_KEY_MAX])
{
	struct nsec3_params params = { .iterations = 0 };
	uint8_t hashed[DNAME_MAX], hash[NSEC3_HASH_LEN];

	if (chain == CHAIN_NAMES)
		return dname_key(name, out);
	nsec3_hash(&params, name, hash);
	hashed[0] = NSEC3_LABEL_LEN;
	nsec3_label(hash, hashed + 1);
	memcpy(hashed + 1 + NSEC3_LABEL_LEN, apex, sizeof(apex));
	return dname_key(hashed, out);
}

static bool begins_page(const struct signer *s, enum page_chain chain, const uint8_t *name)
{
	const struct table *t = version_table(s->current);
	uint8_t key[DNAME_KEY_MAX];
	size_t len = key_in(chain, name, key);

	for (size_t i = 0; i < table_len(t); i++) {
		const struct page_row *row = table_row(t, i);

		if (row->chain == chain && row->key_len == len && memcmp(row->key, key, len) == 0)
			return true;
	}
	return false;
}

static void replace(struct signer *s, struct node *n, enum profile profile)
{
	struct zone_diff *d;

	before = now;
	now.serial++;
	n->profile = profile;
	d = diff_of(&before, &now);
	sign_patch(s, d, now.serial);
	zone_diff_free(d);
}

static void the_first_of_a_page_goes_and_comes(void **state)
{
	(void)state;
	for (size_t m = 0; m < 3; m++) {
		enum page_chain chain = m == 0 ? CHAIN_NAMES : CHAIN_NSEC3;
		struct key *keys[KEYS];
		struct signer s;
		size_t gone = 0;

		open_signed(&s, modes[m].denial, keys);
		for (size_t i = 0; i < NODES; i++) {
			enum profile was = now.node[i].profile;

			if (was == NONE || was == CUT || was == SECURE || was == BRANCH || !begins_page(&s, chain, now.node[i].name))
				continue;
			replace(&s, &now.node[i], NONE);
			if (gone++ % 2 == 0)
				replace(&s, &now.node[i], was);
		}
		is_what_whole_is(&s, modes[m].denial, keys);
		signer_close(&s);
		key_free(keys[0]);
	}
}

static void due_pages_are_renewed(void **state)
{
	(void)state;
	for (size_t m = 0; m < 3; m++) {
		struct key *keys[KEYS];
		struct signer s, whole;
		struct zone *z;
		size_t pages, due = 0;

		open_signed(&s, modes[m].denial, keys);
		pages = table_len(version_table(s.current));
		s.p.now = NOW + 13 * DAY / 2;
		for (size_t i = 0; i < pages; i++)
			due += table_row(version_table(s.current), i)->earliest <= s.p.now + s.p.margin_s;
		assert_true(due > 0 && due < pages);
		sign_patch(&s, NULL, 2);
		assert_true(s.stats.new_pages >= due && s.stats.new_pages < pages);
		assert_true(version_info(s.current)->earliest > s.p.now + s.p.margin_s);
		sign_patch(&s, NULL, 3);
		assert_int_equal(s.stats.made, 0);
		assert_int_equal(s.stats.kept_pages, table_len(version_table(s.current)));
		z = zone_of(&now);
		signer_open(&whole, modes[m].denial, keys);
		sign_whole(&whole, z, 2);
		same_records(&s, &whole);
		same_info(&s, z);
		/* A policy of shorter signatures makes all of them due that have any. */
		pages = table_len(version_table(s.current));
		for (size_t i = due = 0; i < pages; i++)
			due += table_row(version_table(s.current), i)->rrsigs > 0;
		s.p.validity_s = 7 * DAY;
		s.p.margin_s = DAY;
		sign_patch(&s, NULL, 4);
		assert_true(s.stats.kept_pages <= pages - due);
		zone_free(z);
		signer_close(&whole);
		signer_close(&s);
		key_free(keys[0]);
	}
}

static void a_renewal_comes_between(void **state)
{
	(void)state;
	for (size_t m = 0; m < 3; m++) {
		struct patch_content content;
		struct key *keys[KEYS];
		struct zone_diff *d;
		struct signer s;

		open_signed(&s, modes[m].denial, keys);
		change_model(4);
		d = diff_of(&before, &now);
		apply(&s, d, &content);
		s.p.now = NOW + 13 * DAY / 2;
		sign_patch(&s, NULL, 2);
		sign_content(&s, d, &content, 3);
		assert_true(version_info(s.current)->earliest > s.p.now + s.p.margin_s);
		is_what_whole_is(&s, modes[m].denial, keys);
		zone_diff_free(d);
		signer_close(&s);
		key_free(keys[0]);
	}
}

static void a_new_dnskey_rrset_touches_the_apex(void **state)
{
	struct key *keys[KEYS];
	struct apex_keys more;
	struct sign_params p;
	struct signer s;
	struct err e;

	(void)state;
	open_signed(&s, DENIAL_NSEC3, keys);
	assert_int_equal(key_generate(15, 257, 0, &s.keys[1], &e), 0);
	p = s.p;
	assert_int_equal(apex_keys_make(apex, s.keys, 2, 3600, &p, s.arena, &more, &e), 0);
	s.p.ready = &more.ready;
	sign_patch(&s, NULL, 2);
	/* A small page takes its neighbour's names with it, which are signed again. */
	assert_true(s.stats.new_pages >= 1 && s.stats.new_pages <= 3);
	assert_true(s.stats.made < 100);
	signer_close(&s);
	key_free(s.keys[0]);
	key_free(s.keys[1]);
}

static void another_context_is_not_patched(void **state)
{
	struct key *keys[KEYS], *other = NULL;
	struct sign_params p;
	struct signer s;
	struct rr soa;
	uint8_t rdata[256];
	struct err e;

	(void)state;
	open_signed(&s, DENIAL_NSEC, keys);
	soa = version_info(s.current)->soa;
	assert_true(patch_is_possible(s.current, &soa, &s.p));
	memcpy(rdata, soa.rdata, soa.rdlen);
	soa.rdata = rdata;
	rdata[soa.rdlen - 1] ^= 1; /* SOA minimum */
	assert_false(patch_is_possible(s.current, &soa, &s.p));
	rdata[soa.rdlen - 1] ^= 1;
	soa.ttl = 10;
	assert_false(patch_is_possible(s.current, &soa, &s.p));
	soa.ttl = 3600;
	p = s.p;
	p.denial = DENIAL_NSEC3;
	assert_false(patch_is_possible(s.current, &soa, &p));
	p = s.p;
	p.full = true;
	assert_false(patch_is_possible(s.current, &soa, &p));
	p = s.p;
	assert_int_equal(key_generate(15, 257, 0, &other, &e), 0);
	p.keys = &other;
	assert_false(patch_is_possible(s.current, &soa, &p));
	signer_close(&s);
	key_free(other);
	key_free(keys[0]);
}

/* A difference by hand: records taken out, then records put in. */
static struct zone_diff *diff_by_hand(const struct records *out, const struct records *in)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	uint8_t *stream = mem_new(100, 70000), *at = stream;
	struct model a = now, b = now;
	struct zone_diff *d = NULL;
	struct records soas;
	struct rr soa;
	struct err e;

	records_init(&soas);
	b.serial++;
	soa = soa_of(&a, &soas);
	write_rr(&soas, &at, &soa);
	for (size_t i = 0; i < out->n; i++)
		write_rr(&soas, &at, &out->rr[i]);
	soa = soa_of(&b, &soas);
	write_rr(&soas, &at, &soa);
	for (size_t i = 0; i < in->n; i++)
		write_rr(&soas, &at, &in->rr[i]);
	if (zone_diff_read(stream, (size_t)(at - stream), apex, &limits, &d, &e) != 0)
		fail_msg("%s", e.text);
	records_fini(&soas);
	free(stream);
	return d;
}

static void what_does_not_fit_is_refused(void **state)
{
	static const char *const words[] = { "is not there", "is there already", "CNAME and other data", "DS without NS",
					     "wildcard with NS", "2 CNAMEs", "at the apex", "NS and DNAME" };
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct key *keys[KEYS];
	struct signer s;

	(void)state;
	open_signed(&s, DENIAL_NSEC, keys);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct patch_content content;
		struct records out, in;
		struct zone_diff *d;
		uint8_t name[DNAME_MAX], star[DNAME_MAX];
		struct err e;

		records_init(&out);
		records_init(&in);
		assert_int_equal(dname_from_text("quite.new.example.org.", name, NULL), 0);
		assert_int_equal(dname_from_text("*.quite.new.example.org.", star, NULL), 0);
		switch (i) {
		case 0: add_a(&out, name, 300, 1); break;
		case 1: add_name(&in, apex, TYPE_NS, 1); break;
		case 2: add_name(&in, name, TYPE_CNAME, 1), add_a(&in, name, 300, 1); break;
		case 3: add_ds(&in, name, 1); break;
		case 4: add_name(&in, star, TYPE_NS, 1); break;
		case 5: add_name(&in, name, TYPE_CNAME, 1), add_name(&in, name, TYPE_CNAME, 2); break;
		case 6: add_ds(&in, apex, 1); break;
		default: add_name(&in, name, TYPE_NS, 1), add_name(&in, name, TYPE_DNAME, 2); break;
		}
		d = diff_by_hand(&out, &in);
		assert_int_equal(patch_content(s.store, s.current, &s.sum, d, &limits, &content, &e), -1);
		assert_int_equal(e.code, ERR_REFUSED);
		if (strstr(e.text, words[i]) == NULL)
			fail_msg("%s: %s", words[i], e.text);
		zone_diff_free(d);
		records_fini(&out);
		records_fini(&in);
	}
	signer_close(&s);
	key_free(keys[0]);
}

static void a_version_and_a_difference_give_the_whole(void **state)
{
	struct zone *z, *back = NULL;
	struct key *keys[KEYS];
	struct zone_diff *d;
	struct signer s;
	struct err e;

	(void)state;
	open_signed(&s, DENIAL_NSEC3, keys);
	change_model(4);
	d = diff_of(&before, &now);
	if (version_zone(s.store, s.current, d, &back, &e) != 0)
		fail_msg("%s", e.text);
	z = zone_of(&now);
	assert_memory_equal(back->digest, z->digest, sizeof(z->digest));
	assert_int_equal(back->serial, z->serial);
	assert_int_equal(soa_serial(back->soa.rdata, back->soa.rdlen), now.serial);
	zone_free(back);
	zone_free(z);
	zone_diff_free(d);
	signer_close(&s);
	key_free(keys[0]);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "%s/duet-patch-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	return sodium_init() < 0 || mkdtemp(dir) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patched_is_what_whole_is),
		cmocka_unit_test(one_change_touches_few_pages),
		cmocka_unit_test(the_first_of_a_page_goes_and_comes),
		cmocka_unit_test(due_pages_are_renewed),
		cmocka_unit_test(a_renewal_comes_between),
		cmocka_unit_test(a_new_dnskey_rrset_touches_the_apex),
		cmocka_unit_test(another_context_is_not_patched),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(a_version_and_a_difference_give_the_whole),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
