/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xfrout: messages out of blocks of pages, each behind a header of ours.
 *
 * Invariants: 1. iov[iov_at..iov_count) is what the socket has not taken, and points into block, head, soa or tsigs.
 * 2. the block is shared and stays as it is: ID, TSIG and length that are ours are in head.  3. the version stays as it
 * is, whatever engine publishes.
 */
#include "signer/net/xfrout.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"
#include "signer/net/block.h"
#include "signer/net/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define HEAD         14                /* of a message: length octets and header */
#define MESSAGES_MAX (BLOCK_PAGES + 2) /* in one filling: the SOA's before and behind */

enum stage { STAGE_HEAD, STAGE_PAGES, STAGE_END };

struct xfrout {
	struct net *net;
	struct served *v;
	struct tsig *tsig;
	struct addr to;
	uint16_t id, flags, qtype;
	uint8_t qname[DNAME_MAX];
	enum stage stage;
	size_t next;         /* page */
	struct block *block; /* that iov points into, or NULL */
	uint8_t *soa[2];     /* the messages before and behind the pages */
	size_t messages;     /* in this filling */
	uint8_t head[MESSAGES_MAX][HEAD];
	uint8_t (*tsigs)[TSIG_RR_MAX]; /* MESSAGES_MAX of them, when signing */
	struct iovec iov[3 * MESSAGES_MAX];
	size_t iov_count, iov_at;
	uint64_t sent;
	int64_t began_ms;
};

struct xfrout *xfrout_new(struct net *net, struct answer *a, const struct addr *to)
{
	char text[ADDR_TEXT_LEN];
	struct xfrout *x;

	if (net->transfers >= net->config->max_transfers)
		return NULL;
	net->transfers++;
	x = mem_new(1, sizeof(*x));
	x->net = net;
	x->v = a->version;
	x->tsig = a->tsig;
	x->to = *to;
	x->id = a->id;
	x->flags = a->flags;
	x->qtype = a->qtype;
	memcpy(x->qname, a->qname, sizeof(x->qname));
	if (x->tsig != NULL)
		x->tsigs = mem_new(MESSAGES_MAX, TSIG_RR_MAX);
	x->began_ms = clock_mono_ms();
	log_event(LOG_INFO, "transfer-begins", "zone=%s serial=%u address=%s type=%s", x->v->zone,
		  x->v->serial, addr_text(to, text), x->qtype == TYPE_IXFR ? "IXFR" : "AXFR");
	return x;
}

void xfrout_free(struct xfrout *x)
{
	if (x == NULL)
		return;
	block_unref(x->block);
	if (--x->net->transfers == 0)
		blocks_idle(x->net);
	served_unref(x->net, x->v);
	tsig_free(x->tsig);
	free(x->soa[0]);
	free(x->soa[1]);
	free(x->tsigs);
	free(x);
}

static void put(struct xfrout *x, const void *p, size_t len)
{
	x->iov[x->iov_count++] = (struct iovec){ .iov_base = (void *)(uintptr_t)p, .iov_len = len };
}

static void put_u16(uint8_t *p, size_t n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
}

/* One message with its length octets, but with our ID, and with a TSIG. */
static bool put_message(struct xfrout *x, const uint8_t *p, size_t len)
{
	uint8_t *head = memcpy(x->head[x->messages], p, HEAD), *record;
	size_t tsig_len, total;

	put_u16(head + 2, x->id);
	put(x, head, HEAD);
	put(x, p + HEAD, len - HEAD);
	if (x->tsig != NULL) {
		record = x->tsigs[x->messages];
		tsig_len = tsig_sign_parts(x->tsig, head + 2, HEAD - 2, p + HEAD, len - HEAD, clock_now_s(),
					   TSIG_NOERROR, record);
		total = len - 2 + tsig_len;
		if (tsig_len == 0 || total > DNS_MESSAGE_MAX)
			return false;
		put_u16(head, total);
		head[13] = 1; /* ARCOUNT: pages have none */
		put(x, record, tsig_len);
	}
	x->messages++;
	return true;
}

/* A message of our own: question, SOA and its RRSIGs at the beginning, the SOA alone at the end. */
static bool put_soa(struct xfrout *x, bool first)
{
	size_t cap = HEAD + DNAME_MAX + 4 + x->v->soa_len;
	uint8_t *p = x->soa[!first] = mem_new(1, 2 + cap);
	struct wr w = wr_of(p + 2, cap < DNS_MESSAGE_MAX - TSIG_RR_MAX ? cap : DNS_MESSAGE_MAX - TSIG_RR_MAX);
	struct rd r = rd_of(x->v->soa, x->v->soa_len);
	struct rr rr;

	dns_build_header(&w, x->id, (uint16_t)(DNS_QR | DNS_AA | (x->flags & DNS_RD)), DNS_QUERY,
			 RCODE_NOERROR);
	if (first)
		dns_build_question(&w, x->qname, x->qtype, CLASS_IN);
	while (rr_read(&r, &rr, NULL) == 1) {
		dns_build_rr(&w, DNS_ANSWER, &rr);
		if (!first)
			break;
	}
	put_u16(p, w.at);
	return !w.bad && put_message(x, p, w.at + 2);
}

static bool damaged(struct xfrout *x, const struct page *p, const char *what)
{
	log_event(LOG_ERROR, "page-damaged",
		  "zone=%s serial=%u volume=%u offset=%ju msg=%s; the transfer is cut", x->v->zone,
		  x->v->serial, p->volume->number, (uintmax_t)p->offset, what);
	link_send(x->net, "damaged",
		  json_pack("{s:s, s:I, s:I}", "zone", x->v->zone, "volume", (json_int_t)p->volume->number, "offset",
			    (json_int_t)p->offset),
		  -1, true);
	return false;
}

/* The next pages, as many as a block has. */
static bool put_pages(struct xfrout *x)
{
	const struct page *bad = NULL;
	const uint8_t *p;
	struct err e;

	if ((x->block = block_get(x->net, x->v->pages, x->next, &bad, &e)) == NULL)
		return damaged(x, bad, e.text);
	p = x->block->octets;
	for (size_t i = 0; i < x->block->count; i++) {
		size_t len = 2 + ((size_t)p[0] << 8 | p[1]);

		if (!put_message(x, p, len))
			return false;
		p += len;
	}
	x->next += x->block->count;
	if (x->v->front < x->next)
		x->v->front = x->next;
	return true;
}

/* Prepares the next piece of the transfer. */
static bool fill(struct xfrout *x)
{
	size_t count = pages_count(x->v->pages);

	x->iov_count = x->iov_at = x->messages = 0;
	block_unref(x->block);
	x->block = NULL;
	if (x->stage == STAGE_HEAD) {
		if (!put_soa(x, true))
			return false;
		x->stage = STAGE_PAGES;
	}
	if (x->next < count && !put_pages(x))
		return false;
	if (x->next < count)
		return true;
	x->stage = STAGE_END;
	return put_soa(x, false);
}

bool xfrout_behind(const struct xfrout *x)
{
	return x->next < x->v->front;
}

static void ended(struct xfrout *x)
{
	int64_t ms = clock_mono_ms() - x->began_ms;
	char text[ADDR_TEXT_LEN];

	log_event(LOG_INFO, "transfer-done", "zone=%s serial=%u address=%s octets=%ju ms=%jd", x->v->zone,
		  x->v->serial, addr_text(&x->to, text), (uintmax_t)x->sent, (intmax_t)ms);
	link_send(x->net, "transferred",
		  json_pack("{s:s, s:s, s:I, s:I, s:I}", "zone", x->v->zone, "address", text, "serial",
			    (json_int_t)x->v->serial, "octets", (json_int_t)x->sent, "ms", (json_int_t)ms),
		  -1, true);
}

/* The socket took n octets. */
static void taken(struct xfrout *x, size_t n)
{
	x->sent += n;
	while (n > 0) {
		struct iovec *v = &x->iov[x->iov_at];
		size_t part = n < v->iov_len ? n : v->iov_len;

		v->iov_base = (uint8_t *)v->iov_base + part;
		v->iov_len -= part;
		n -= part;
		if (v->iov_len == 0)
			x->iov_at++;
	}
}

enum xfrout_step xfrout_step(struct xfrout *x, int fd)
{
	ssize_t n;

	if (x->iov_at == x->iov_count && !fill(x))
		return XFROUT_CUT;
	n = writev(fd, x->iov + x->iov_at, (int)(x->iov_count - x->iov_at));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? XFROUT_WAIT : XFROUT_CUT;
	taken(x, (size_t)n);
	if (x->iov_at < x->iov_count)
		return XFROUT_WAIT;
	if (x->stage != STAGE_END)
		return XFROUT_MORE;
	ended(x);
	return XFROUT_DONE;
}
