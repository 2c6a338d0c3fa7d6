/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * storebench - what the store costs without signing.
 *
 *   storebench [-n DELEGATIONS] [-c CHANGES] FOLDER
 *
 * Builds the pages of a zone of delegations (2 NS each, a DS with an RRSIG for a third of them, an NSEC with
 * its RRSIG), publishes it in a store in FOLDER, which must not exist, changes one page at a time, opens the
 * store again and reads everything.  Prints name=value lines; the folder is left for a look.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arena/arena.h"
#include "store/store.h"

static const uint8_t apex[] = "\5bench";

static double clock_seconds(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(void)
{
	return clock_seconds(CLOCK_MONOTONIC);
}

static double cpu_seconds(void)
{
	return clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

static void die(const struct err *e)
{
	fprintf(stderr, "storebench: %s\n", e->text);
	exit(1);
}

/* Octets that look random, at little cost; len is a multiple of 4. */
static void noise(uint8_t *to, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i += 4) {
		uint32_t high;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		high = (uint32_t)(seed >> 32);
		memcpy(to + i, &high, 4);
	}
}

struct builder {
	struct change *change;
	struct page_build *page;
	struct page_row row;
	uint8_t key[DNAME_KEY_MAX];
	uint64_t salt; /* another one: other octets */
	uint64_t pages, records, octets;
};

static void finish_page(struct builder *b)
{
	struct err e;
	const uint8_t *page;
	size_t len;

	if (page_build_count(b->page) == 0)
		return;
	page = page_build_octets(b->page, &len);
	b->row.key = b->key;
	b->row.records = (uint32_t)page_build_count(b->page);
	b->pages++;
	b->records += b->row.records;
	b->octets += len;
	if (b->change != NULL && change_put(b->change, page, len, &b->row, &e) != 0)
		die(&e);
	page_build_reset(b->page);
	b->row = (struct page_row){ .earliest = 1 };
}

static void add(struct builder *b, const uint8_t *owner, uint16_t type, const uint8_t *rdata, size_t len)
{
	const struct rr rr = {
		.owner = owner, .ttl = 86400, .type = type, .rdata = rdata, .rdlen = (uint16_t)len
	};
	struct err e;

	if (page_build_count(b->page) == 0)
		b->row.key_len = (uint16_t)dname_key(owner, b->key);
	if (page_build_add(b->page, &rr, &e) != 0)
		die(&(struct err){ .text = "a record did not fit" });
	b->row.rrsigs += type == TYPE_RRSIG;
}

static void add_rrsig(struct builder *b, const uint8_t *owner, uint16_t covers, uint64_t seed)
{
	uint8_t rdata[18 + sizeof(apex) + 64] = {
		(uint8_t)(covers >> 8), (uint8_t)covers, 13, 2, 0, 1, 81, 128
	};

	memset(rdata + 8, 0x66, 8); /* the same times throughout a page */
	rdata[16] = 0x12;
	rdata[17] = 0x34;
	memcpy(rdata + 18, apex, sizeof(apex));
	noise(rdata + 18 + sizeof(apex), 64, seed ^ b->salt);
	add(b, owner, TYPE_RRSIG, rdata, sizeof(rdata));
}

static size_t owner_of(uint64_t i, uint8_t *out)
{
	out[0] = 9;
	snprintf((char *)out + 1, 16, "%09" PRIu64, i * 7);
	memcpy(out + 10, apex, sizeof(apex));
	return 10 + sizeof(apex);
}

static void add_delegation(struct builder *b, uint64_t i)
{
	uint8_t owner[DNAME_MAX], rdata[DNAME_MAX + 64];

	owner_of(i, owner);
	for (unsigned k = 1; k <= 2; k++) {
		/* A hundred providers */
		int n = snprintf((char *)rdata + 1, 64, "ns%u.provider%02u.net.", k,
				 (unsigned)(i * 31 % 100));

		rdata[0] = 3;
		rdata[4] = (uint8_t)(n - 4 - 5);
		rdata[n - 4] = 3;
		rdata[n] = 0;
		add(b, owner, TYPE_NS, rdata, (size_t)n + 1);
	}
	if (i % 3 == 0) {
		noise(rdata, 36, i);
		rdata[2] = 13;
		rdata[3] = 2;
		add(b, owner, TYPE_DS, rdata, 36);
		add_rrsig(b, owner, TYPE_DS, i);
	}
	size_t n = owner_of(i + 1, rdata);
	memcpy(rdata + n, "\0\6\x20\0\0\0\0\3", 8);
	add(b, owner, TYPE_NSEC, rdata, n + 8);
	add_rrsig(b, owner, TYPE_NSEC, i + 1);
	/* No owner is split: the next one needs some 600 octets. */
	size_t len;
	page_build_octets(b->page, &len);
	if (len > PAGE_FILL)
		finish_page(b);
}

static void publish(struct store *s, struct change *c, uint32_t serial)
{
	static const char soa[] = "\1m\0\1h\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
	struct version_info info = { .serial = serial, .earliest = 1 };
	struct version *v;
	struct err e;

	(void)s;
	info.soa = (struct rr){
		.owner = apex, .type = TYPE_SOA, .rdata = (const uint8_t *)soa, .rdlen = sizeof(soa) - 1
	};
	if (change_publish(c, &info, "{}", &v, &e) != 0)
		die(&e);
	version_unref(v);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* One page is read, put again with other octets, and published; every other page is kept. */
static void change_one(struct store *s, uint32_t serial, size_t which)
{
	static uint8_t page[PAGE_OCTETS_MAX];
	struct version *v = store_current(s, apex);
	const struct table *t = version_table(v);
	struct change *c;
	struct err e;

	change_begin(s, apex, &c, &e);
	for (size_t i = 0; i < table_len(t); i++) {
		struct page_row row = *table_row(t, i);

		if (i != which) {
			change_keep(c, table_row(t, i));
			continue;
		}
		if (store_read(s, table_row(t, i), page, &e) != 0)
			die(&e);
		page[row.len - 1] ^= 1;
		if (change_put(c, page, row.len, &row, &e) != 0)
			die(&e);
	}
	version_unref(v);
	publish(s, c, serial);
}

static void time_changes(struct store *s, unsigned n)
{
	double *took = mem_new(n, sizeof(*took));
	struct version *v = store_current(s, apex);
	size_t pages = table_len(version_table(v));

	version_unref(v);
	for (unsigned i = 0; i < n; i++) {
		double start = seconds();

		change_one(s, i + 2, (size_t)i * 7919 % pages);
		took[i] = (seconds() - start) * 1e3;
	}
	qsort(took, n, sizeof(*took), by_size);
	printf("change_ms_median=%.3f change_ms_p90=%.3f change_ms_most=%.3f\n", took[n / 2],
	       took[n * 9 / 10], took[n - 1]);
	free(took);
}

static int count_record(void *ctx, const struct rr *rr)
{
	(void)rr;
	++*(uint64_t *)ctx;
	return 0;
}

static int count_page(void *ctx, const struct page_row *row, const uint8_t *page)
{
	(void)page;
	*(uint64_t *)ctx += row->len;
	return 0;
}

static void time_reading(struct store *s)
{
	struct version *v = store_current(s, apex);
	uint64_t records = 0, octets = 0;
	double start = cpu_seconds();
	struct err e;

	if (store_each_page(s, version_table(v), count_page, &octets, &e) != 0)
		die(&e);
	printf("read_MB/s=%.0f ", (double)octets / 1e6 / (cpu_seconds() - start));
	start = cpu_seconds();
	if (store_walk(s, v, count_record, &records, &e) != 0)
		die(&e);
	printf("walk_MB/s=%.0f walk_records/s=%.0f\n", (double)octets / 1e6 / (cpu_seconds() - start),
	       (double)records / (cpu_seconds() - start));
	version_unref(v);
}

static struct store *open_store(const char *dir)
{
	struct store *s;
	struct err e;

	if (store_open(dir, &s, &e) != 0)
		die(&e);
	return s;
}

static void time_open(const char *dir)
{
	double start = seconds();
	struct store *s = open_store(dir);

	printf("open_ms=%.2f ", (seconds() - start) * 1e3);
	time_reading(s);
	store_close(s);
}

int main(int argc, char **argv)
{
	uint64_t delegations = 100000;
	unsigned changes = 100;
	struct builder b = { .page = page_build_new() };
	struct store *s;
	struct err e;
	double start;
	int option;

	while ((option = getopt(argc, argv, "n:c:")) != -1) {
		if (option == 'n')
			delegations = strtoull(optarg, NULL, 10);
		else if (option == 'c')
			changes = (unsigned)strtoul(optarg, NULL, 10);
	}
	if (optind + 1 != argc || delegations == 0 || delegations > 100000000 || changes == 0) {
		fputs("usage: storebench [-n DELEGATIONS] [-c CHANGES] FOLDER\n", stderr);
		return 2;
	}
	start = cpu_seconds();
	for (uint64_t i = 0; i < delegations; i++)
		add_delegation(&b, i);
	finish_page(&b);
	printf("build_MB/s=%.0f build_records/s=%.0f\n", (double)b.octets / 1e6 / (cpu_seconds() - start),
	       (double)b.records / (cpu_seconds() - start));
	b = (struct builder){ .page = b.page };
	s = open_store(argv[optind]);
	start = seconds();
	if (change_begin(s, apex, &b.change, &e) != 0)
		die(&e);
	for (uint64_t i = 0; i < delegations; i++)
		add_delegation(&b, i);
	finish_page(&b);
	publish(s, b.change, 1);
	printf("pages=%" PRIu64 " records=%" PRIu64 " octets=%" PRIu64 " publish_all_s=%.3f\n", b.pages,
	       b.records, b.octets, seconds() - start);
	time_changes(s, changes);
	start = seconds();
	store_close(s);
	printf("close_ms=%.2f\n", (seconds() - start) * 1e3);
	time_open(argv[optind]);
	time_open(argv[optind]);
	page_build_free(b.page);
	return 0;
}
