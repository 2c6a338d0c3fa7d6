/* SPDX-License-Identifier: BSD-3-Clause */
/* spoil: a version goes out through a socket, and another one comes back. */
#include "signer/engine/spoil.h"

#ifdef DUET_TEST
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "signer/engine/auditjob.h"
#include "store/page_sum.h"

#define ANSWER_MAX (64u << 20)

/* -1: nobody listens. */
static int dial(void)
{
	const char *dir = getenv("DUET_TEST_NUMBERS");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	if (dir == NULL || snprintf(to.sun_path, sizeof(to.sun_path), "%s/spoil", dir) >= (int)sizeof(to.sun_path) ||
	    (fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int tell(struct zwork *z, int fd, struct err *e)
{
	struct table *t;
	int rc;

	if (change_table(z->made->change, &t, e) != 0)
		return -1;
	rc = auditjob_feed(z->engine->store, &z->made->info, t, fd, INT64_MAX, e);
	table_unref(t);
	if (rc == 0 && shutdown(fd, SHUT_WR) != 0)
		rc = err_errno(e, "shutdown");
	return rc;
}

/* All up to the end; free(). */
static uint8_t *answer(int fd, size_t *len, struct err *e)
{
	uint8_t *p = NULL;
	size_t room = 0;
	ssize_t n = 1;

	for (*len = 0; n != 0 && *len < ANSWER_MAX; *len += n > 0 ? (size_t)n : 0) {
		if (room - *len < PAGE_OCTETS_MAX) {
			room = 2 * room + PAGE_OCTETS_MAX;
			p = mem_grow(p, room, 1);
		}
		n = read(fd, p + *len, room - *len);
		if (n < 0 && errno != EINTR) {
			err_errno(e, "the answer");
			free(p);
			return NULL;
		}
	}
	return p;
}

static int take_soa(struct made *m, struct rd *r, struct err *e)
{
	const size_t len = rd_u32(r);
	const uint8_t *octets = rd_bytes(r, len);
	struct rr rr, *with = arena_alloc(m->arena, len / 11 + 1, sizeof(*with)), soa = { .type = 0 };
	struct rd stream = rd_of(octets, octets == NULL ? 0 : len);
	size_t n = 0;
	int rc;

	while ((rc = rr_read(&stream, &rr, e)) == 1) {
		rr.owner = arena_dup(m->arena, rr.owner, dname_len(rr.owner));
		rr.rdata = arena_dup(m->arena, rr.rdata, rr.rdlen);
		if (rr.type == TYPE_SOA)
			soa = rr;
		else
			with[n++] = rr;
	}
	if (rc != 0)
		return -1;
	if (soa.type != TYPE_SOA)
		return err_set(e, ERR_SYNTAX, "no SOA");
	m->info.soa = soa;
	m->info.serial = soa_serial(soa.rdata, soa.rdlen);
	m->info.with_soa = with;
	m->info.with_soa_count = m->info.soa_sig_count = n;
	return 0;
}

/* The row of these octets that the table has, or NULL. */
static const struct page_row *same_page(const struct table *t, const struct page_row *row, const uint8_t *page)
{
	const uint64_t sum = page_sum(page, row->len);

	for (size_t i = 0; t != NULL && i < table_len(t); i++)
		if (page_row_cmp(table_row(t, i), row) == 0 && table_row(t, i)->len == row->len && table_row(t, i)->xxh == sum)
			return table_row(t, i);
	return NULL;
}

static int take_page(struct change *c, const struct table *base, struct rd *r, struct err *e)
{
	struct page_row row = { .chain = rd_u8(r), .records = rd_u32(r) };
	uint8_t key[DNAME_KEY_MAX];
	const uint8_t *page, *owner, *len;
	const struct page_row *same;
	struct rd in;

	row.rrsigs = rd_u32(r);
	row.earliest = (int64_t)rd_u64(r);
	if ((len = rd_bytes(r, 2)) == NULL)
		return err_set(e, ERR_SYNTAX, "cut short");
	r->at -= 2;
	row.len = 2 + ((uint32_t)len[0] << 8 | len[1]);
	page = rd_bytes(r, row.len);
	in = rd_of(page, page == NULL ? 0 : row.len);
	rd_bytes(&in, 14);
	if ((owner = dname_read(&in)) == NULL)
		return err_set(e, ERR_SYNTAX, "a page of %u octets without a first owner", row.len);
	row.key = key;
	row.key_len = (uint16_t)dname_key(owner, key);
	if ((same = same_page(base, &row, page)) != NULL)
		return change_keep(c, same) == 0 ? 0 : err_set(e, ERR_DAMAGE, "a page of the version before cannot be kept");
	return change_put(c, page, row.len, &row, e);
}

static int take(struct zwork *z, const uint8_t *p, size_t len, struct err *e)
{
	struct version *v = store_current(z->engine->store, z->apex);
	struct rd r = rd_of(p, len);
	struct change *c = NULL;
	int rc = take_soa(z->made, &r, e);

	if (rc == 0)
		rc = change_begin(z->engine->store, z->apex, &c, e);
	while (rc == 0 && rd_left(&r) > 0)
		rc = take_page(c, v == NULL ? NULL : version_table(v), &r, e);
	version_unref(v);
	if (rc != 0) {
		change_drop(c);
		return -1;
	}
	change_drop(z->made->change);
	z->made->change = c;
	return 0;
}

int spoil_version(struct zwork *z)
{
	const int fd = z->made->candidate ? -1 : dial();
	uint8_t *p = NULL;
	struct err e;
	size_t len;
	int rc;

	if (fd < 0)
		return 0;
	rc = tell(z, fd, &e);
	if (rc == 0 && (p = answer(fd, &len, &e)) == NULL)
		rc = -1;
	if (rc == 0 && len > 0)
		rc = take(z, p, len, &e);
	close(fd);
	free(p);
	if (rc == 0)
		return 0;
	err_ctx(&e, "spoil");
	pipeline_failed(z, "sign-failed", &e);
	pipeline_drop(z);
	return -1;
}
#else
typedef int spoil_is_empty; /* C wants at least one declaration */
#endif
