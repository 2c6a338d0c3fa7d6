/* SPDX-License-Identifier: BSD-3-Clause */
/* Differences of page tables from engine's side through to net's. */
#include "tests/unit/lib/store/lab.h"

#include "tests/unit/lib/store/gen.h"

#include "signer/engine/netdiff.h"
#include "signer/net/state.h"
#include "signer/netpages.h"

static struct net net;

/* All volumes that net is told of are the same empty file here: nothing is read. */
static void volumes_to_net(const struct netdiff *d)
{
	for (size_t i = 0; i < d->volume_count; i++)
		if (net_volume_find(&net, d->volumes[i]) == NULL)
			assert_int_equal(net_volume_add(&net, d->volumes[i], dup(0), NULL), 0);
}

static void check_equal(const struct table *t, const struct pages *p)
{
	size_t behind;

	assert_int_equal(pages_count(p), table_len(t));
	for (size_t i = 0; i < table_len(t); i++) {
		const struct page_row *row = table_row(t, i);
		const struct page *page = pages_at(p, i, &behind);

		assert_true(page->offset == row->offset && page->xxh == row->xxh && page->len == row->len &&
			    page->volume->number == row->volume);
		assert_in_range(behind, 1, table_len(t) - i);
	}
}

/* Net's next table, checked to be engine's; octets that travelled. */
static size_t step(const struct table *old, const struct table *new, struct pages **have)
{
	struct netdiff d;
	struct pages *next;
	struct err e = { 0 };
	size_t len;

	netdiff_make(old, new, &d);
	volumes_to_net(&d);
	next = pages_splice(&net, d.whole ? NULL : *have, d.octets, d.len, table_len(new), &e);
	if (next == NULL)
		fail_msg("%s", e.text);
	check_equal(new, next);
	assert_true(d.len <= NETPAGES_SPLICE + NETPAGES_PAGE * table_len(new));
	pages_unref(&net, *have);
	*have = next;
	len = d.len;
	netdiff_fini(&d);
	return len;
}

static void end(struct store *s, struct pages *have)
{
	pages_unref(&net, have);
	while (net.volumes != NULL)
		net_volume_gone(&net, net.volumes->number);
	store_close(s);
}

static struct version *publish(struct store *s, const struct model *old, const struct model *new)
{
	struct version *v;

	assert_int_equal(lab_publish(s, old, new, NULL), 0);
	v = store_current(s, lab_apex);
	assert_non_null(v);
	return v;
}

static void random_changes_arrive(void **state)
{
	struct gen g = { .state = 7 };
	struct model *m = lab_model(1, 1000, 1);
	struct store *s = lab_open();
	struct version *v = publish(s, NULL, m);
	struct pages *have = NULL;

	(void)state;
	step(NULL, version_table(v), &have);
	for (unsigned round = 0; round < 120; round++) {
		struct model *next = lab_next(m);
		unsigned many = gen_below(&g, 4) == 0 ? 1 + gen_below(&g, 900) : 1 + gen_below(&g, 6);
		unsigned at = gen_below(&g, LAB_PAGES);
		bool side_by_side = gen_below(&g, 2) == 0;
		struct version *w;

		for (unsigned k = 0; k < many; k++)
			next->mark[side_by_side ? (at + k) % LAB_PAGES : gen_below(&g, LAB_PAGES)] =
				gen_below(&g, 3) == 0 ? 0 : next->version;
		w = publish(s, m, next);
		step(version_table(v), version_table(w), &have);
		version_unref(v);
		v = w;
		free(m);
		m = next;
	}
	version_unref(v);
	free(m);
	end(s, have);
}

static void a_small_change_travels_small_and_shares_the_rest(void **state)
{
	struct model *m = lab_model(1, 2600, 1);
	struct store *s = lab_open();
	struct version *v = publish(s, NULL, m);
	struct pages *have = NULL;

	(void)state;
	assert_int_equal(step(NULL, version_table(v), &have), NETPAGES_SPLICE + 2600 * NETPAGES_PAGE);
	for (unsigned at = 3; at < 2600; at += 519) {
		struct model *next = lab_next(m);
		struct pages *before = pages_ref(have);
		struct version *w;
		size_t shared = 0, behind;

		next->mark[at] = next->version;
		w = publish(s, m, next);
		assert_int_equal(step(version_table(v), version_table(w), &have), NETPAGES_SPLICE + NETPAGES_PAGE);
		for (size_t i = 0; i < 2600; i++)
			shared += pages_at(before, i, &behind) == pages_at(have, i, &behind);
		assert_in_range(shared, 2600 - 256, 2599);
		check_equal(version_table(v), before); /* a transfer in progress keeps its own */
		pages_unref(&net, before);
		version_unref(v);
		v = w;
		free(m);
		m = next;
	}
	assert_int_equal(step(version_table(v), version_table(v), &have), 0);
	version_unref(v);
	free(m);
	end(s, have);
}

static void a_change_of_everything_travels_whole(void **state)
{
	struct model *m = lab_model(1, 900, 1), *all = lab_next(m), *none = lab_next(all);
	struct store *s = lab_open();
	struct version *v = publish(s, NULL, m), *w, *x;
	struct pages *have = NULL;
	struct netdiff d;

	(void)state;
	for (unsigned i = 0; i < 900; i++) {
		all->mark[i] = 2;
		none->mark[i] = 0;
	}
	w = publish(s, m, all);
	x = publish(s, all, none);
	netdiff_make(version_table(v), version_table(w), &d);
	assert_true(d.whole);
	assert_int_equal(d.len, NETPAGES_SPLICE + 900 * NETPAGES_PAGE);
	netdiff_fini(&d);
	step(NULL, version_table(v), &have);
	step(version_table(v), version_table(w), &have);
	step(version_table(w), version_table(x), &have);
	assert_int_equal(pages_count(have), 0);
	step(version_table(x), version_table(v), &have);
	version_unref(v);
	version_unref(w);
	version_unref(x);
	free(m);
	free(all);
	free(none);
	end(s, have);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_changes_arrive, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(a_small_change_travels_small_and_shares_the_rest, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(a_change_of_everything_travels_whole, lab_setup, lab_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
