/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab.h"

#include <fcntl.h>
#include <sqlite3.h>

#include "gen.h"

static void published_version_is_read_back_also_after_restart(void **state)
{
	struct model *one = lab_model(1, 300, 5), *two = lab_next(one);
	struct store *s = lab_open();
	struct version *v;
	const struct version_info *info;

	(void)state;
	assert_null(store_current(s, lab_apex));
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	lab_check(s, one);
	two->mark[0] = 0; /* the first goes, one in the middle changes, two come behind */
	two->mark[150] = 6;
	two->mark[700] = two->mark[701] = 7;
	assert_int_equal(lab_publish(s, one, two, NULL), 0);
	lab_check(s, two);
	store_close(s);

	s = lab_open();
	lab_check(s, two);
	v = store_current(s, (const uint8_t *)"\7eXaMPLE");
	info = version_info(v);
	assert_int_equal(info->serial, 2);
	assert_int_equal(info->input_serial, 3);
	assert_true(info->content == UINT64_MAX - 2);
	assert_int_equal(info->epoch, 2);
	assert_int_equal(info->steps, 3);
	assert_int_equal(info->content_digest[47], 2);
	assert_int_equal(info->keyset[31], 3);
	assert_int_equal(info->id[31], 4);
	assert_int_equal(info->sign_ctx[31], 5);
	assert_int_equal(info->largest_ttl, 86400);
	assert_int_equal(info->earliest, 1000);
	assert_int_equal(info->published_at, 2002);
	assert_int_equal(table_len(version_table(v)), 301);
	assert_int_equal(table_earliest(version_table(v)), 1005);
	version_unref(v);
	store_close(s);
	free(one);
	free(two);
}

static void older_version_stays_readable_while_it_is_held(void **state)
{
	struct model *m[3] = { lab_model(1, 600, 1) };
	struct store *s = lab_open();
	struct version *held[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		if (i > 0) {
			m[i] = lab_next(m[i - 1]);
			m[i]->mark[i * 100] = 9;
			m[i]->mark[i] = 0;
		}
		assert_int_equal(lab_publish(s, i > 0 ? m[i - 1] : NULL, m[i], NULL), 0);
		held[i] = store_current(s, lab_apex);
	}
	for (unsigned i = 0; i < 3; i++) {
		lab_check_version(s, held[i], m[i]);
		version_unref(held[i]);
		free(m[i]);
	}
	store_close(s);
}

static void dropped_change_leaves_no_octets(void **state)
{
	struct model *one = lab_model(1, 10, 1), *two = lab_model(2, 500, 2);
	struct store *s = lab_open();
	struct version *base;
	struct change *c;
	unsigned count;
	uint64_t before;

	(void)state;
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	before = lab_volumes(&count);
	base = store_current(s, lab_apex);
	assert_int_equal(change_begin(s, lab_apex, &c, NULL), 0);
	assert_int_equal(lab_fill(c, version_table(base), one, two, NULL), 0);
	assert_true(lab_volumes(&count) > before);
	change_drop(c);
	assert_true(lab_volumes(&count) == before);
	lab_check(s, one);
	version_unref(base);
	store_close(s);
	free(one);
	free(two);
}

static void first_of_two_changes_wins(void **state)
{
	struct model *one = lab_model(1, 10, 1), *two = lab_next(one), *three = lab_next(two);
	struct store *s = lab_open();
	struct version *base, *made;
	struct version_info info;
	struct change *late;
	struct err e = { 0 };
	uint8_t rdata[64];
	struct rr sig;

	(void)state;
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	base = store_current(s, lab_apex);
	two->mark[3] = 2;
	three->mark[4] = 3;
	assert_int_equal(change_begin(s, lab_apex, &late, NULL), 0);
	assert_int_equal(lab_fill(late, version_table(base), one, three, NULL), 0);
	assert_int_equal(lab_publish(s, one, two, NULL), 0);
	lab_info(3, &info, rdata, &sig);
	assert_int_equal(change_publish(late, &info, NULL, &made, &e), -1);
	assert_int_equal(e.code, ERR_NOTNOW);
	lab_check(s, two);
	version_unref(base);
	store_close(s);
	s = lab_open();
	lab_check(s, two);
	store_close(s);
	free(one);
	free(two);
	free(three);
}

static int count_zone(void *ctx, const uint8_t *apex, const char *damage)
{
	(void)apex;
	assert_null(damage);
	++*(unsigned *)ctx;
	return 0;
}

static void removed_zone_is_gone_and_its_state_stays(void **state)
{
	static const uint8_t other[] = "\5other";
	struct model *one = lab_model(1, 10, 1), *again = lab_model(7, 3, 2);
	struct store *s = lab_open();
	struct version *held;
	unsigned zones = 0;
	char *keep;

	(void)state;
	assert_null(store_keep_get(s, other));
	assert_int_equal(store_keep_put(s, other, "{}", NULL), 0);
	assert_int_equal(store_keep_put(s, other, "{\"serial\":5}", NULL), 0);
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	held = store_current(s, lab_apex);
	assert_int_equal(store_zones(s, count_zone, &zones), 0);
	assert_int_equal(zones, 1);
	assert_int_equal(store_remove(s, lab_apex, NULL), 0);
	assert_int_equal(store_remove(s, lab_apex, NULL), 0);
	assert_null(store_current(s, lab_apex));
	lab_check_version(s, held, one);
	version_unref(held);
	store_close(s);

	s = lab_open();
	assert_null(store_current(s, lab_apex));
	keep = store_keep_get(s, lab_apex);
	assert_string_equal(keep, "{\"version\":1}");
	free(keep);
	keep = store_keep_get(s, (const uint8_t *)"\5OTHER");
	assert_string_equal(keep, "{\"serial\":5}");
	free(keep);
	assert_int_equal(lab_publish(s, NULL, again, NULL), 0);
	lab_check(s, again);
	store_close(s);
	free(one);
	free(again);
}

static void full_volume_is_followed_by_a_new_one(void **state)
{
	struct model *one = lab_model(1, 400, 1), *two = lab_model(2, 400, 2);
	struct store *s = lab_open();
	unsigned count;
	struct version *v;

	(void)state;
	store_set_volume_max(s, 50000);
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	assert_int_equal(lab_publish(s, one, two, NULL), 0);
	lab_volumes(&count);
	assert_in_range(count, 8, 12);
	lab_check(s, two);
	v = store_current(s, lab_apex);
	for (size_t i = 0; i < table_len(version_table(v)); i++) {
		const struct page_row *row = table_row(version_table(v), i);
		int fd = store_volume_fd(s, row->volume);

		assert_true(fd >= 0);
		assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
		assert_true(row->offset + row->len <= 50000);
	}
	version_unref(v);
	store_close(s);
	s = lab_open();
	lab_check(s, two);
	store_close(s);
	free(one);
	free(two);
}

static void pages_out_of_order_are_not_published(void **state)
{
	struct model *one = lab_model(1, 10, 1);
	struct store *s = lab_open();
	struct page_build *b = page_build_new();
	struct version_info info;
	struct version *v;
	struct change *c;
	struct err e = { 0 };
	uint8_t rdata[64];
	struct rr sig;

	(void)state;
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	v = store_current(s, lab_apex);
	lab_info(2, &info, rdata, &sig);

	assert_int_equal(change_begin(s, lab_apex, &c, NULL), 0);
	assert_int_equal(change_keep(c, table_row(version_table(v), 3)), 0);
	assert_int_equal(change_keep(c, table_row(version_table(v), 3)), -1);
	version_unref(v);
	assert_int_equal(change_publish(c, &info, NULL, &v, &e), -1);
	assert_int_equal(e.code, ERR_INTERNAL);

	assert_int_equal(change_begin(s, lab_apex, &c, NULL), 0);
	assert_int_equal(lab_put(c, b, 9, 1, NULL), 0);
	assert_int_equal(lab_put(c, b, 8, 1, &e), -1);
	assert_int_equal(e.code, ERR_INTERNAL);
	change_drop(c);
	lab_check(s, one);
	page_build_free(b);
	store_close(s);
	free(one);
}

/* A change of the second octet of a page in the only volume. */
static void flip(uint64_t offset)
{
	char path[256];
	uint8_t octet;
	int fd;

	snprintf(path, sizeof(path), "%s/vol-1", lab_dir);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &octet, 1, (off_t)offset), 1);
	octet ^= 0x20;
	assert_int_equal(pwrite(fd, &octet, 1, (off_t)offset), 1);
	close(fd);
}

static void flipped_octet_is_damage_that_names_the_place(void **state)
{
	struct model *one = lab_model(1, 100, 1);
	struct store *s = lab_open();
	struct lab_seen x = { .model = one };
	uint8_t buf[PAGE_OCTETS_MAX];
	const struct page_row *row;
	struct version *v;
	struct err e = { 0 };
	char offset[64];

	(void)state;
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	v = store_current(s, lab_apex);
	row = table_row(version_table(v), 42);
	assert_int_equal(store_read(s, row, buf, &e), 0);
	flip(row->offset + row->len - 1);
	assert_int_equal(store_read(s, row, buf, &e), -1);
	assert_int_equal(e.code, ERR_DAMAGE);
	snprintf(offset, sizeof(offset), "at %" PRIu64, row->offset);
	assert_non_null(strstr(e.text, offset));
	assert_non_null(strstr(e.text, "vol-1"));
	assert_int_equal(store_walk(s, v, lab_see, &x, &e), -1);
	assert_int_equal(e.code, ERR_DAMAGE);
	assert_int_equal(x.page, 42); /* the pages before it are good */
	assert_int_equal(store_read(s, table_row(version_table(v), 43), buf, &e), 0);
	version_unref(v);
	store_close(s);
	free(one);
}

/* Opens and reads after something happened to the only volume; the store must still take a new version. */
static void damage_is_survived(const struct model *one)
{
	struct store *s = lab_open();
	struct lab_seen x = { .model = one };
	struct version *v = store_current(s, lab_apex);
	struct model *two = lab_model(2, 100, 2);
	struct err e = { 0 };

	assert_int_equal(store_walk(s, v, lab_see, &x, &e), -1);
	assert_int_equal(e.code, ERR_DAMAGE);
	version_unref(v);
	assert_int_equal(lab_publish(s, one, two, NULL), 0);
	lab_check(s, two);
	store_close(s);
	s = lab_open();
	lab_check(s, two);
	store_close(s);
	free(two);
}

static void short_or_missing_volume_is_damage_not_the_end(void **state)
{
	struct model *one = lab_model(1, 100, 1), *first = lab_model(1, 100, 1);
	char path[256];

	(void)state;
	for (unsigned missing = 0; missing < 2; missing++) {
		struct store *s = lab_open();

		assert_int_equal(store_remove(s, lab_apex, NULL), 0);
		assert_int_equal(lab_publish(s, NULL, first, NULL), 0);
		store_close(s);
		for (unsigned i = 1; i < 5; i++) {
			snprintf(path, sizeof(path), "%s/vol-%u", lab_dir, i);
			if (missing)
				unlink(path);
			else if (access(path, F_OK) == 0)
				assert_int_equal(truncate(path, 20000), 0);
		}
		damage_is_survived(one);
	}
	free(one);
	free(first);
}

static void second_open_says_who_has_it(void **state)
{
	struct store *s = lab_open(), *t = NULL;
	struct err e = { 0 };
	char who[64];

	(void)state;
	assert_int_equal(store_open(lab_dir, &t, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	snprintf(who, sizeof(who), "in use by process %ld (test_store)", (long)getpid());
	assert_non_null(strstr(e.text, who));
	assert_non_null(strstr(e.text, lab_dir));
	store_close(s);
	s = lab_open();
	store_close(s);
}

static void exec_sql(const char *text)
{
	char path[256];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/store.db", lab_dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void refused_with(enum err_code code, const char *text)
{
	struct store *s = NULL;
	struct err e = { 0 };

	assert_int_equal(store_open(lab_dir, &s, &e), -1);
	assert_int_equal(e.code, code);
	assert_non_null(strstr(e.text, text));
}

static void foreign_newer_and_broken_databases_are_refused(void **state)
{
	char path[256];
	FILE *f;

	(void)state;
	exec_sql("CREATE TABLE bookmark (id INTEGER)");
	refused_with(ERR_REFUSED, "not a store of Duet");
	exec_sql("PRAGMA user_version = 99; PRAGMA application_id = 1148544372");
	refused_with(ERR_REFUSED, "made by a newer program (schema 99");
	snprintf(path, sizeof(path), "%s/store.db", lab_dir);
	f = fopen(path, "w");
	for (unsigned i = 0; i < 5000; i++)
		fputc((int)(i * 7 % 251), f);
	fclose(f);
	refused_with(ERR_DAMAGE, "store.db: the file is damaged");
	refused_with(ERR_DAMAGE, "move its folder aside");
}

static void interrupted_changes_are_cleaned_up_at_open(void **state)
{
	struct model *one = lab_model(1, 10, 1);
	struct store *s = lab_open();
	char path[256];
	unsigned count;
	uint64_t octets;
	FILE *f;

	(void)state;
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	store_close(s);
	octets = lab_volumes(&count);
	snprintf(path, sizeof(path), "%s/vol-1", lab_dir);
	f = fopen(path, "a");
	fputs("half a page", f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/vol-2", lab_dir);
	f = fopen(path, "w");
	fputs("a page", f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/vol-notes.txt", lab_dir); /* not ours */
	f = fopen(path, "w");
	fclose(f);
	s = lab_open();
	assert_true(lab_volumes(&count) == octets);
	assert_int_equal(count, 2);
	lab_check(s, one);
	store_close(s);
	free(one);
}

static void compaction_keeps_content_and_frees_octets(void **state)
{
	struct model *m = lab_model(1, 300, 1), *next;
	struct store *s = lab_open();
	struct version *held;
	struct model *old;
	unsigned before, after;
	uint64_t octets;
	struct gen g = { .state = 4 };

	(void)state;
	store_set_volume_max(s, 40000);
	assert_int_equal(lab_publish(s, NULL, m, NULL), 0);
	held = store_current(s, lab_apex);
	old = mem_dup(m, sizeof(*m));
	for (unsigned round = 0; round < 40; round++) {
		next = lab_next(m);
		for (unsigned k = 0; k < 15; k++)
			next->mark[gen_below(&g, 300)] = 100 + round;
		assert_int_equal(lab_publish(s, m, next, NULL), 0);
		free(m);
		m = next;
	}
	octets = lab_volumes(&before);
	assert_int_equal(lab_compact(s, NULL), 0);
	assert_true(lab_volumes(&after) < octets * 2 / 3);
	lab_check(s, m);
	lab_check_version(s, held, old); /* the deleted volumes are open as long as it is held */
	version_unref(held);
	next = lab_next(m);
	next->mark[7] = 1000;
	assert_int_equal(lab_publish(s, m, next, NULL), 0);
	store_close(s);
	s = lab_open();
	lab_check(s, next);
	store_close(s);
	free(old);
	free(m);
	free(next);
}

static void copy_file(const char *from_dir, const char *name)
{
	static uint8_t octets[1 << 20];
	char path[512];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", from_dir, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(octets, 1, sizeof(octets), f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/%s", lab_dir, name);
	f = fopen(path, "wb");
	assert_int_equal(fwrite(octets, 1, n, f), n);
	fclose(f);
}

/* A store of the first schema, which goes through every migration since: serial 6, then 7. */
static void old_stores_are_read_and_go_on(void **state)
{
	static const char *const old[] = { "tests/unit/lib/store/old/schema-1" };
	struct model *one = lab_model(7, 5, 3), *two;

	(void)state;
	one->mark[1] = 0;
	one->mark[3] = 4;
	one->mark[9] = 5;
	two = lab_next(one);
	two->mark[0] = 9;
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		struct store *s;

		copy_file(old[i], "store.db");
		copy_file(old[i], "vol-1");
		s = lab_open();
		lab_check(s, one);
		assert_int_equal(lab_publish(s, one, two, NULL), 0);
		store_close(s);
		s = lab_open();
		lab_check(s, two);
		store_close(s);
	}
	free(one);
	free(two);
}

static bool volume_exists(uint32_t id)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/vol-%" PRIu32, lab_dir, id);
	return access(path, F_OK) == 0;
}

static void compaction_leaves_out_what_is_damaged(void **state)
{
	struct model *one = lab_model(1, 90, 1), *two = lab_model(2, 90, 2);
	struct store *s = lab_open();
	struct page_row broken, good;
	struct err e = { 0 };
	struct version *v;

	(void)state;
	store_set_volume_max(s, 20000);
	assert_int_equal(lab_publish(s, NULL, one, NULL), 0);
	v = store_current(s, lab_apex);
	broken = *table_row(version_table(v), 0);
	good = *table_row(version_table(v), 50);
	version_unref(v);
	flip(broken.offset + 30);
	two->mark[0] = two->mark[50] = 1; /* one live page in each of two volumes */
	assert_int_equal(lab_publish(s, one, two, NULL), 0);
	assert_true(broken.volume != good.volume && volume_exists(good.volume));
	assert_int_equal(lab_compact(s, &e), -1);
	assert_int_equal(e.code, ERR_DAMAGE);
	assert_true(volume_exists(broken.volume));
	assert_false(volume_exists(good.volume));
	two->mark[0] = 2; /* made again: now it can go */
	one->mark[50] = 1;
	for (unsigned i = 1; i < 90; i++)
		one->mark[i] = two->mark[i];
	two->version = 3;
	assert_int_equal(lab_publish(s, one, two, NULL), 0);
	assert_int_equal(lab_compact(s, &e), 0);
	assert_false(volume_exists(broken.volume));
	lab_check(s, two);
	store_close(s);
	s = lab_open();
	lab_check(s, two);
	store_close(s);
	free(one);
	free(two);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(published_version_is_read_back_also_after_restart),
		TEST(older_version_stays_readable_while_it_is_held),
		TEST(dropped_change_leaves_no_octets),
		TEST(first_of_two_changes_wins),
		TEST(removed_zone_is_gone_and_its_state_stays),
		TEST(full_volume_is_followed_by_a_new_one),
		TEST(pages_out_of_order_are_not_published),
		TEST(flipped_octet_is_damage_that_names_the_place),
		TEST(short_or_missing_volume_is_damage_not_the_end),
		TEST(second_open_says_who_has_it),
		TEST(foreign_newer_and_broken_databases_are_refused),
		TEST(interrupted_changes_are_cleaned_up_at_open),
		TEST(old_stores_are_read_and_go_on),
		TEST(compaction_keeps_content_and_frees_octets),
		TEST(compaction_leaves_out_what_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
