/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * filling: puts headers of ours in front of messages that others share, and TSIGs behind them.
 *
 * Invariant: what iov points to, in the block and in the filling, stays as it is until the filling is cleared.
 */
#include "signer/net/filling.h"

#include "arena/arena.h"

#include <stdlib.h>
#include <string.h>

static void put_u16(uint8_t *p, size_t n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
}

void filling_add(struct filling *f, const uint8_t *octets, size_t len, uint16_t id)
{
	struct filling_message *m = &f->message[f->count++];

	*m = (struct filling_message){ .octets = octets, .len = len };
	memcpy(m->head, octets, FILLING_HEAD);
	put_u16(m->head + 2, id);
}

void filling_add_block(struct filling *f, uint16_t id)
{
	const uint8_t *p = f->block->octets;

	for (size_t i = 0; i < f->block->messages; i++) {
		size_t len = 2 + ((size_t)p[0] << 8 | p[1]);

		filling_add(f, p, len, id);
		p += len;
	}
}

static bool sign(struct filling_message *m, struct tsig *tsig, int64_t now_s)
{
	size_t total;

	m->tsig_len = tsig_sign_parts(tsig, m->head + 2, FILLING_HEAD - 2, m->octets + FILLING_HEAD,
				      m->len - FILLING_HEAD, now_s, TSIG_NOERROR, m->tsig);
	total = m->len - 2 + m->tsig_len;
	if (m->tsig_len == 0 || total > DNS_MESSAGE_MAX)
		return false;
	put_u16(m->head, total);
	m->head[13] = 1; /* ARCOUNT: pages have none */
	return true;
}

void filling_sign(struct filling *f, struct tsig *tsig, int64_t now_s)
{
	if (f->tsigs == NULL)
		f->tsigs = mem_new(FILLING_MESSAGES, TSIG_RR_MAX);
	for (size_t i = 0; i < f->count && !f->failed; i++) {
		f->message[i].tsig = f->tsigs + i * TSIG_RR_MAX;
		f->failed = !sign(&f->message[i], tsig, now_s);
	}
}

static void put(struct filling *f, const void *p, size_t len)
{
	f->iov[f->iov_count++] = (struct iovec){ .iov_base = (void *)(uintptr_t)p, .iov_len = len };
}

void filling_seal(struct filling *f)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct filling_message *m = &f->message[i];

		put(f, m->head, FILLING_HEAD);
		put(f, m->octets + FILLING_HEAD, m->len - FILLING_HEAD);
		if (m->tsig_len > 0)
			put(f, m->tsig, m->tsig_len);
	}
}

void filling_taken(struct filling *f, size_t n)
{
	while (n > 0) {
		struct iovec *v = &f->iov[f->iov_at];
		size_t part = n < v->iov_len ? n : v->iov_len;

		v->iov_base = (uint8_t *)v->iov_base + part;
		v->iov_len -= part;
		n -= part;
		if (v->iov_len == 0)
			f->iov_at++;
	}
}

void filling_clear(struct filling *f)
{
	block_unref(f->block);
	f->block = NULL;
	f->count = f->iov_count = f->iov_at = 0;
	f->failed = false;
}

void filling_fini(struct filling *f)
{
	filling_clear(f);
	free(f->tsigs);
	f->tsigs = NULL;
}
