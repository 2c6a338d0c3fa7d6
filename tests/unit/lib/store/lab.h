/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TEST_STORE_LAB_H
#define DUET_TEST_STORE_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena/arena.h"
#include "store/store.h"

/*
 * lab - a zone as the tests see it: numbered pages, each with one mark.  Publishing a model after another one
 * writes the pages whose marks differ and keeps the others, as the signer does; checking reads every record
 * back.
 */
#define LAB_PAGES 3000
#define LAB_PAD   500 /* octets of a page's TXT-like filler */

static const uint8_t lab_apex[] = "\x07"
				  "Example";

struct model {
	uint32_t version;         /* serial and what is kept beside it */
	uint32_t mark[LAB_PAGES]; /* 0: there is no such page */
};

static char lab_dir[128];

static inline void lab_remove(const char *dir)
{
	char path[512];
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d != NULL && (entry = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

static inline int lab_setup(void **state)
{
	(void)state;
	snprintf(lab_dir, sizeof(lab_dir), "%s/duet-store-XXXXXX",
		 getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(lab_dir) == NULL ? -1 : 0;
}

static inline int lab_teardown(void **state)
{
	(void)state;
	lab_remove(lab_dir);
	return 0;
}

static inline struct store *lab_open(void)
{
	struct store *s = NULL;
	struct err e = { 0 };

	if (store_open(lab_dir, &s, &e) != 0)
		fail_msg("%s", e.text);
	return s;
}

static inline void lab_owner(unsigned i, uint8_t out[DNAME_MAX])
{
	char text[32];

	snprintf(text, sizeof(text), "n%05u.eXample.", i);
	assert_int_equal(dname_from_text(text, out, NULL), 0);
}

/* The two records of page i: the number with its mark, and a filler made from both. */
static inline void lab_records(unsigned i, uint32_t mark, uint8_t *owner, uint8_t rdata[8],
			       uint8_t filler[LAB_PAD], struct rr rr[2])
{
	lab_owner(i, owner);
	for (unsigned k = 0; k < 4; k++) {
		rdata[k] = (uint8_t)(i >> 8 * k);
		rdata[4 + k] = (uint8_t)(mark >> 8 * k);
	}
	memset(filler, (int)(i * 31 + mark * 7), LAB_PAD);
	rr[0] = (struct rr){ .owner = owner, .ttl = 60, .type = 65280, .rdata = rdata, .rdlen = 8 };
	rr[1] = (struct rr){ .owner = owner, .ttl = 60, .type = 65281, .rdata = filler, .rdlen = LAB_PAD };
}

static inline int lab_put(struct change *c, struct page_build *b, unsigned i, uint32_t mark, struct err *e)
{
	uint8_t owner[DNAME_MAX], rdata[8], filler[LAB_PAD], key[DNAME_KEY_MAX];
	struct page_row row = {
		.chain = CHAIN_NAMES, .earliest = 1000 + (int64_t)mark, .records = 2, .key = key
	};
	const uint8_t *page;
	struct rr rr[2];
	size_t len;

	lab_records(i, mark, owner, rdata, filler, rr);
	page_build_reset(b);
	assert_int_equal(page_build_add(b, &rr[0], NULL), 0);
	assert_int_equal(page_build_add(b, &rr[1], NULL), 0);
	page = page_build_octets(b, &len);
	row.key_len = (uint16_t)dname_key(owner, key);
	memset(row.digest, (int)mark, sizeof(row.digest));
	return change_put(c, page, len, &row, e);
}

static inline void lab_info(uint32_t version, struct version_info *info, uint8_t rdata[64], struct rr *sig)
{
	static const char soa[] = "\1m\0\1h\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
	static const uint8_t rrsig[] = "\0\6\15\1\0\0\0\74\0\0\0\2\0\0\0\1\0\1\7eXample\0signature";

	memset(info, 0, sizeof(*info));
	info->serial = version;
	info->input_serial = version + 1;
	info->content = UINT64_MAX - version;
	info->epoch = version;
	info->steps = 3;
	memset(info->content_digest, (int)version, sizeof(info->content_digest));
	memset(info->keyset, (int)version + 1, sizeof(info->keyset));
	memset(info->id, (int)version + 2, sizeof(info->id));
	memset(info->sign_ctx, (int)version + 3, sizeof(info->sign_ctx));
	info->largest_ttl = 86400;
	info->earliest = 1000;
	info->published_at = 2000 + version;
	memcpy(rdata, soa, sizeof(soa) - 1);
	info->soa = (struct rr){
		.owner = lab_apex, .ttl = 900, .type = TYPE_SOA, .rdata = rdata, .rdlen = sizeof(soa) - 1
	};
	*sig = (struct rr){
		.owner = lab_apex, .ttl = 900, .type = TYPE_RRSIG, .rdata = rrsig, .rdlen = sizeof(rrsig) - 1
	};
	info->with_soa = sig;
	info->with_soa_count = 1;
	info->soa_sig_count = 1;
}

/* Puts what differs and keeps the rest.  -1 when the store says no to a page. */
static inline int lab_fill(struct change *c, const struct table *base, const struct model *old,
			   const struct model *new, struct err *e)
{
	struct page_build *b = page_build_new();
	size_t at = 0;
	int rc = 0;

	for (unsigned i = 0; i < LAB_PAGES && rc == 0; i++) {
		const struct page_row *row = old != NULL && old->mark[i] != 0 ? table_row(base, at++) : NULL;

		if (new->mark[i] == 0)
			continue;
		rc = row != NULL && old->mark[i] == new->mark[i] ? change_keep(c, row)
								 : lab_put(c, b, i, new->mark[i], e);
	}
	page_build_free(b);
	return rc;
}

/* Publishes `new` over `old` (NULL: over nothing). */
static inline int lab_publish(struct store *s, const struct model *old, const struct model *new,
			      struct err *e)
{
	struct version *base = store_current(s, lab_apex), *made = NULL;
	struct version_info info;
	struct change *c = NULL;
	uint8_t rdata[64];
	char keep[64];
	struct rr sig;
	int rc;

	lab_info(new->version, &info, rdata, &sig);
	snprintf(keep, sizeof(keep), "{\"version\":%" PRIu32 "}", new->version);
	assert_int_equal(change_begin(s, lab_apex, &c, e), 0);
	if ((rc = lab_fill(c, base == NULL ? NULL : version_table(base), old, new, e)) != 0)
		change_drop(c);
	else
		rc = change_publish(c, &info, keep, &made, e);
	version_unref(made);
	version_unref(base);
	return rc;
}

struct lab_seen {
	const struct model *model;
	unsigned page, in_page;
	unsigned head; /* SOA and its RRSIG */
};

static inline int lab_see(void *ctx, const struct rr *rr)
{
	struct lab_seen *x = ctx;
	uint8_t owner[DNAME_MAX], rdata[8], filler[LAB_PAD];
	struct rr want[2];

	if (x->head < 2) {
		assert_int_equal(rr->type, x->head++ == 0 ? TYPE_SOA : TYPE_RRSIG);
		assert_memory_equal(rr->owner, lab_apex, sizeof(lab_apex));
		return 0;
	}
	if (x->in_page == 0)
		while (x->page < LAB_PAGES && x->model->mark[x->page] == 0)
			x->page++;
	assert_true(x->page < LAB_PAGES);
	lab_records(x->page, x->model->mark[x->page], owner, rdata, filler, want);
	assert_memory_equal(rr->owner, owner, dname_len(owner));
	assert_int_equal(rr->type, want[x->in_page].type);
	assert_int_equal(rr->rdlen, want[x->in_page].rdlen);
	assert_memory_equal(rr->rdata, want[x->in_page].rdata, rr->rdlen);
	if (++x->in_page == 2) {
		x->in_page = 0;
		x->page++;
	}
	return 0;
}

/* The version is the model, whole and nothing else. */
static inline void lab_check_version(struct store *s, const struct version *v, const struct model *m)
{
	struct lab_seen x = { .model = m };
	struct err e = { 0 };

	assert_int_equal(version_info(v)->serial, m->version);
	if (store_walk(s, v, lab_see, &x, &e) != 0)
		fail_msg("%s", e.text);
	while (x.page < LAB_PAGES && m->mark[x.page] == 0)
		x.page++;
	assert_int_equal(x.page, LAB_PAGES);
	assert_int_equal(x.head, 2);
}

/* What is current, and what is kept beside it, is the model. */
static inline void lab_check(struct store *s, const struct model *m)
{
	struct version *v = store_current(s, lab_apex);
	char want[64], *keep = store_keep_get(s, lab_apex);

	assert_non_null(v);
	lab_check_version(s, v, m);
	snprintf(want, sizeof(want), "{\"version\":%" PRIu32 "}", m->version);
	assert_non_null(keep);
	assert_string_equal(keep, want);
	free(keep);
	version_unref(v);
}

/* As long as there are volumes that are more dead than live; those that are damaged are passed over. */
static inline int lab_compact(struct store *s, struct err *e)
{
	const struct compact_rule rule = { .dead_min = 1, .dead_percent = 51 };
	struct err mine = { 0 };
	int rc, damaged = 0;

	while ((rc = store_compact(s, &rule, &mine)) == 1 || (rc == -1 && mine.code == ERR_DAMAGE))
		if (rc == -1) {
			damaged = -1;
			if (e != NULL)
				*e = mine;
		}
	return rc == 0 ? damaged : rc;
}

static inline uint32_t lab_serial(struct store *s)
{
	struct version *v = store_current(s, lab_apex);
	uint32_t serial = v == NULL ? 0 : version_info(v)->serial;

	version_unref(v);
	return serial;
}

static inline struct model *lab_model(uint32_t version, unsigned pages, uint32_t mark)
{
	struct model *m = mem_new(1, sizeof(*m));

	m->version = version;
	for (unsigned i = 0; i < pages; i++)
		m->mark[i] = mark;
	return m;
}

/* A copy under the next version, for changing. */
static inline struct model *lab_next(const struct model *m)
{
	struct model *next = mem_dup(m, sizeof(*m));

	next->version++;
	return next;
}

/* Octets of the volume files, and how many there are. */
static inline uint64_t lab_volumes(unsigned *count)
{
	char path[512];
	struct dirent *entry;
	uint64_t sum = 0;
	DIR *d = opendir(lab_dir);
	struct stat st;

	*count = 0;
	while ((entry = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", lab_dir, entry->d_name);
		if (strncmp(entry->d_name, "vol-", 4) != 0 || stat(path, &st) != 0)
			continue;
		sum += (uint64_t)st.st_size;
		++*count;
	}
	closedir(d);
	return sum;
}

/* Runs fn in a child and gives its wait status; cmocka's failures end the child with 1. */
static inline int lab_child(void (*fn)(void *ctx), void *ctx)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fn(ctx);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#endif
