/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xfrout: fills a buffer with runs of neighbouring pages and writes it to the socket.
 *
 * Invariants: 1. iov[iov_at..iov_count) is what the socket has not taken, and points into buf, tsigs or head.
 * 2. a page is written only if its xxh3-64 and its length octets are right.  3. the version stays as it is,
 * whatever engine publishes.
 */
#include "signer/net/xfrout.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"
#include "signer/net/link.h"
#include "store/page_sum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define BUFFER_LEN (1u << 20)
#define SCATTERED  8   /* a shorter run of neighbours asks for a hint */
#define PAGES_MAX  400 /* messages in one filling; two iovecs each, below IOV_MAX */

enum stage { STAGE_HEAD, STAGE_PAGES, STAGE_TAIL, STAGE_END };

struct xfrout {
	struct net *net;
	struct served *v;
	struct tsig *tsig;
	struct addr to;
	uint16_t id, flags, qtype;
	uint8_t qname[DNAME_MAX];
	enum stage stage;
	size_t next;   /* page */
	size_t hinted; /* pages before this one have had their readahead hint */
	uint8_t *buf;
	uint8_t (*tsigs)[TSIG_RR_MAX]; /* PAGES_MAX of them, when signing */
	struct iovec iov[2 * PAGES_MAX];
	size_t iov_count, iov_at;
	uint64_t sent;
	int64_t began_ms;
};

static uint8_t *buffer_take(struct net *net)
{
	for (size_t i = 0; i < SPARE_BUFFERS; i++) {
		void *p = net->spare[i];

		if (p != NULL) {
			net->spare[i] = NULL;
			return p;
		}
	}
	return mem_new(1, BUFFER_LEN);
}

static void buffer_give(struct net *net, void *p)
{
	for (size_t i = 0; i < SPARE_BUFFERS && p != NULL; i++)
		if (net->spare[i] == NULL) {
			net->spare[i] = p;
			return;
		}
	free(p);
}

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
	x->buf = buffer_take(net);
	if (x->tsig != NULL)
		x->tsigs = mem_new(PAGES_MAX, TSIG_RR_MAX);
	x->began_ms = clock_mono_ms();
	log_event(LOG_INFO, "transfer-begins", "zone=%s serial=%u address=%s type=%s", x->v->zone,
		  x->v->serial, addr_text(to, text), x->qtype == TYPE_IXFR ? "IXFR" : "AXFR");
	return x;
}

void xfrout_free(struct xfrout *x)
{
	if (x == NULL)
		return;
	x->net->transfers--;
	served_unref(x->net, x->v);
	tsig_free(x->tsig);
	buffer_give(x->net, x->buf);
	free(x->tsigs);
	free(x);
}

/* Appends octets to what is to be sent, joined with the piece before when they follow it. */
static void put(struct xfrout *x, uint8_t *p, size_t len)
{
	struct iovec *last = x->iov_count == 0 ? NULL : &x->iov[x->iov_count - 1];

	if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == p)
		last->iov_len += len;
	else
		x->iov[x->iov_count++] = (struct iovec){ .iov_base = p, .iov_len = len };
}

/* One message with its length octets: sets the ID, appends the TSIG as record nth of this filling. */
static bool put_message(struct xfrout *x, uint8_t *p, size_t len, size_t nth)
{
	size_t tsig_len, total;

	p[2] = (uint8_t)(x->id >> 8);
	p[3] = (uint8_t)x->id;
	if (x->tsig == NULL) {
		put(x, p, len);
		return true;
	}
	tsig_len = tsig_sign(x->tsig, p + 2, len - 2, clock_now_s(), TSIG_NOERROR, x->tsigs[nth]);
	total = len - 2 + tsig_len;
	if (tsig_len == 0 || total > DNS_MESSAGE_MAX)
		return false;
	p[0] = (uint8_t)(total >> 8);
	p[1] = (uint8_t)total;
	p[13] = 1; /* ARCOUNT: pages have none */
	put(x, p, len);
	put(x, x->tsigs[nth], tsig_len);
	return true;
}

/* A message of our own: question, SOA and its RRSIGs at the beginning, the SOA alone at the end. */
static bool put_soa(struct xfrout *x, size_t *at, bool first, size_t nth)
{
	struct wr w = wr_of(x->buf + *at + 2, DNS_MESSAGE_MAX - TSIG_RR_MAX);
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
	if (w.bad)
		return false;
	x->buf[*at] = (uint8_t)(w.at >> 8);
	x->buf[*at + 1] = (uint8_t)w.at;
	if (!put_message(x, x->buf + *at, w.at + 2, nth))
		return false;
	*at += w.at + 2;
	return true;
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

static const struct page *page_at(const struct xfrout *x, size_t i)
{
	size_t behind;

	return pages_at(x->v->pages, i, &behind);
}

/* How many pages from the next on lie behind each other in one volume, within room octets and count pages. */
static size_t run_of(const struct xfrout *x, size_t room, size_t count, size_t *octets)
{
	size_t left = pages_count(x->v->pages) - x->next, n = 0;
	const struct page *first = page_at(x, x->next);

	*octets = 0;
	while (n < left && n < count) {
		const struct page *p = page_at(x, x->next + n);

		if (p->len > room - *octets || p->volume != first->volume || p->offset != first->offset + *octets)
			break;
		*octets += p->len;
		n++;
	}
	return n;
}

/* Pages that small changes have scattered: the kernel reads them together while we send those before. */
static void hint(const struct xfrout *x)
{
	size_t count = pages_count(x->v->pages), end = count - x->next < PAGES_MAX ? count : x->next + PAGES_MAX;

	for (size_t i = x->next; i < end; i++) {
		const struct page *p = page_at(x, i);

		posix_fadvise(p->volume->fd, (off_t)p->offset, p->len, POSIX_FADV_WILLNEED);
	}
}

static bool read_run(struct xfrout *x, uint8_t *to, size_t octets)
{
	const struct page *p = page_at(x, x->next);
	size_t got = 0;

	while (got < octets) {
		ssize_t n = pread(p->volume->fd, to + got, octets - got, (off_t)(p->offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return damaged(x, p, n < 0 ? strerror(errno) : "volume ends before its page");
		got += (size_t)n;
	}
	return true;
}

/* Reads one run of pages behind *at and puts its messages; false when the transfer cannot go on. */
static bool put_run(struct xfrout *x, size_t *at, size_t *nth, size_t count, size_t octets)
{
	if (!read_run(x, x->buf + *at, octets))
		return false;
	for (size_t i = 0; i < count; i++, x->next++) {
		const struct page *p = page_at(x, x->next);
		uint8_t *page = x->buf + *at;

		if (page_sum(page, p->len) != p->xxh)
			return damaged(x, p, "xxh3-64 differs");
		if ((size_t)(page[0] << 8 | page[1]) != p->len - 2)
			return damaged(x, p, "length octets differ");
		if (!put_message(x, page, p->len, (*nth)++))
			return damaged(x, p, "no room for a TSIG");
		*at += p->len;
	}
	return true;
}

/* Prepares the next piece of the transfer. */
static bool fill(struct xfrout *x)
{
	size_t at = 0, nth = 0;

	x->iov_count = x->iov_at = 0;
	if (x->stage == STAGE_HEAD) {
		if (!put_soa(x, &at, true, nth++))
			return false;
		x->stage = STAGE_PAGES;
	}
	while (x->stage == STAGE_PAGES) {
		size_t octets, count;

		if (x->next == pages_count(x->v->pages)) {
			x->stage = STAGE_TAIL;
			break;
		}
		count = run_of(x, BUFFER_LEN - at, PAGES_MAX - nth, &octets);
		if (count == 0)
			return true;
		if (count < SCATTERED && x->next >= x->hinted) {
			hint(x);
			x->hinted = x->next + PAGES_MAX;
		}
		if (!put_run(x, &at, &nth, count, octets))
			return false;
	}
	if (nth == PAGES_MAX || BUFFER_LEN - at < DNS_MESSAGE_MAX + 2)
		return true;
	x->stage = STAGE_END;
	return put_soa(x, &at, false, nth);
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
