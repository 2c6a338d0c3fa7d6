/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xfrout: fillings of messages go round: read, composed, signed, sent.
 *
 * Invariants: 1. sent <= made <= composed <= begun <= sent + DEPTH, counts of fillings; filling i lies in ring[i % DEPTH].
 * [sent, made) can be sent, [made, composed) is being signed, in order, and the crew's while `signing`, blocks of
 * [composed, begun) are being read.  2. the version stays as it is, whatever engine publishes.  3. `last` once the end of
 * the transfer is composed.
 */
#include "signer/net/xfrout.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"
#include "signer/net/filling.h"
#include "signer/net/link.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 2
#define SMALL 6 /* messages, whose TSIGs the loop makes: to hand them to a thread would take longer */

/* A filling in the ring. */
struct turn {
	struct filling f;
	struct xfrout *x;
	uint64_t number;
	struct job job; /* signs it */
	bool followed;  /* and then the next one at once */
};

struct xfrout {
	struct net *net;
	struct served *v;
	struct xfrout *beside, **at; /* the others of the version */
	struct tsig *tsig;
	struct addr to;
	uint16_t id, flags, qtype;
	uint8_t qname[DNAME_MAX];
	size_t next;       /* page behind those of the last filling */
	uint8_t *soa[2];   /* the messages before and behind the pages, once composed */
	struct turn ring[DEPTH];
	uint64_t sent, made, begun;
	_Atomic uint64_t composed;
	bool last;
	struct block_waiter waiter;
	struct block *waits; /* for this block, or NULL */
	bool signing;
	int64_t sign_s;
	bool cut;            /* it cannot go on */
	bool pending;        /* ready is to be called */
	bool gone;           /* freed, once the crew has done with it */
	void (*ready)(void *ctx);
	void *ctx;
	uint64_t octets;     /* sent */
	int64_t began_ms;
};

static void link_to_others(struct xfrout *x)
{
	x->beside = x->v->out;
	x->at = &x->v->out;
	if (x->beside != NULL)
		x->beside->at = &x->beside;
	x->v->out = x;
}

static void unlink_from_others(struct xfrout *x)
{
	*x->at = x->beside;
	if (x->beside != NULL)
		x->beside->at = x->at;
}

static void block_came(struct block_waiter *w);
static struct job *sign(struct job *job);
static void signed_one(struct job *job);
struct xfrout *xfrout_new(struct net *net, struct answer *a, const struct addr *to, void (*ready)(void *ctx), void *ctx)
{
	char text[ADDR_TEXT_LEN];
	struct xfrout *x;

	if (net->transfers >= net->config->max_transfers)
		return NULL;
	net->transfers++;
	x = mem_new(1, sizeof(*x));
	x->net = net;
	x->v = a->version;
	link_to_others(x);
	x->tsig = a->tsig;
	x->to = *to;
	x->id = a->id;
	x->flags = a->flags;
	x->qtype = a->qtype;
	memcpy(x->qname, a->qname, sizeof(x->qname));
	x->ready = ready;
	x->ctx = ctx;
	x->waiter.ready = block_came;
	for (size_t i = 0; i < DEPTH; i++)
		x->ring[i] = (struct turn){ .x = x, .job = { .run = sign, .done = signed_one } };
	x->began_ms = clock_mono_ms();
	log_event(LOG_INFO, "transfer-begins", "zone=%s serial=%u address=%s type=%s", x->v->zone,
		  x->v->serial, addr_text(to, text), x->qtype == TYPE_IXFR ? "IXFR" : "AXFR");
	return x;
}

static void destroy(struct xfrout *x)
{
	for (size_t i = 0; i < DEPTH; i++)
		filling_fini(&x->ring[i].f);
	if (--x->net->transfers == 0)
		blocks_idle(x->net);
	served_unref(x->net, x->v);
	tsig_free(x->tsig);
	free(x->soa[0]);
	free(x->soa[1]);
	free(x);
}

void xfrout_free(struct xfrout *x)
{
	if (x == NULL)
		return;
	if (x->waits != NULL)
		block_unwait(x->waits, &x->waiter);
	unlink_from_others(x);
	x->gone = true;
	if (!x->signing)
		destroy(x);
}

/* A message of our own: question, SOA and its RRSIGs at the beginning, the SOA alone at the end. */
static bool add_soa(struct xfrout *x, struct filling *f, bool first)
{
	size_t cap = FILLING_HEAD + DNAME_MAX + 4 + x->v->soa_len;
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
	p[0] = (uint8_t)(w.at >> 8);
	p[1] = (uint8_t)w.at;
	filling_add(f, p, 2 + w.at, x->id);
	return !w.bad;
}

static bool damaged(struct xfrout *x, const struct block *b)
{
	const struct page *p = b->bad;

	log_event(LOG_ERROR, "page-damaged",
		  "zone=%s serial=%u volume=%u offset=%ju msg=%s; the transfer is cut", x->v->zone,
		  x->v->serial, p->volume->number, (uintmax_t)p->offset, b->err.text);
	link_send(x->net, "damaged",
		  json_pack("{s:s, s:I, s:I}", "zone", x->v->zone, "volume", (json_int_t)p->volume->number, "offset",
			    (json_int_t)p->offset),
		  -1, true);
	return false;
}

static struct filling *filling(struct xfrout *x, uint64_t number)
{
	return &x->ring[number % DEPTH].f;
}

/* Has blocks read: as far ahead as is allowed, when MACs are made meanwhile or a disk is waited for, else until there is
 * something to send.  A zone without pages has one filling without a block. */
static void begin_fillings(struct xfrout *x)
{
	size_t pages = pages_count(x->v->pages);

	while (x->begun < x->sent + DEPTH && (x->next < pages || x->begun == 0)) {
		struct turn *t = &x->ring[x->begun % DEPTH];

		t->number = x->begun++;
		if (pages == 0)
			return;
		t->f.block = block_get(x->net, x->v->pages, x->next);
		x->next += t->f.block->count;
		if (x->tsig == NULL && block_ready(t->f.block))
			return;
	}
}

/* The messages of a block that was read, and those of our own before and behind the pages. */
static bool compose(struct xfrout *x, struct filling *f)
{
	if (x->soa[0] == NULL && !add_soa(x, f, true))
		return false;
	if (f->block != NULL && f->block->bad != NULL)
		return damaged(x, f->block);
	if (f->block != NULL)
		filling_add_block(f, x->id);
	x->last = x->next == pages_count(x->v->pages) && x->composed + 1 == x->begun;
	if (x->last && !add_soa(x, f, false))
		return false;
	x->composed++; /* here the crew may find it */
	return true;
}

static struct turn *turn_of(struct job *job)
{
	return (struct turn *)((uint8_t *)job - offsetof(struct turn, job));
}

/* In a thread.  Each TSIG covers the one before, so the next filling follows at once if it is composed. */
static struct job *sign(struct job *job)
{
	struct turn *t = turn_of(job);
	struct xfrout *x = t->x;

	filling_sign(&t->f, x->tsig, x->sign_s);
	t->followed = !t->f.failed && t->number + 1 < x->composed;
	return t->followed ? &x->ring[(t->number + 1) % DEPTH].job : NULL;
}

static bool sign_small(struct xfrout *x)
{
	filling_sign(filling(x, 0), x->tsig, x->sign_s);
	x->made = 1;
	return !filling(x, 0)->failed;
}

/* Does what can be done now for what is sent next; false when the transfer cannot go on. */
static bool advance(struct xfrout *x)
{
	begin_fillings(x);
	while (x->composed < x->begun && x->waits == NULL) {
		struct filling *f = filling(x, x->composed);

		if (f->block != NULL && !block_ready(f->block))
			block_wait(x->waits = f->block, &x->waiter);
		else if (!compose(x, f))
			return false;
	}
	if (x->tsig == NULL) {
		x->made = x->composed;
	} else if (!x->signing && x->made < x->composed) {
		x->sign_s = clock_now_s();
		if (x->last && x->composed == 1 && filling(x, 0)->count <= SMALL)
			return sign_small(x);
		x->signing = true;
		crew_queue(x->net->crew, &x->ring[x->made % DEPTH].job);
	}
	return true;
}

/* Something that the transfer waited for has come.  It may be gone afterwards. */
static void go_on(struct xfrout *x)
{
	x->cut = x->cut || !advance(x);
	if (!x->pending || (!x->cut && x->sent == x->made))
		return;
	x->pending = false;
	x->ready(x->ctx);
}

static void block_came(struct block_waiter *w)
{
	struct xfrout *x = (struct xfrout *)((uint8_t *)w - offsetof(struct xfrout, waiter));

	x->waits = NULL;
	go_on(x);
}

static void signed_one(struct job *job)
{
	struct turn *t = turn_of(job);
	struct xfrout *x = t->x;

	x->made++;
	x->signing = t->followed;
	x->cut = x->cut || t->f.failed;
	if (!x->gone)
		go_on(x);
	else if (!x->signing)
		destroy(x);
}

bool xfrout_behind(const struct xfrout *x)
{
	const struct xfrout *other = x->v->out;

	while (other != NULL && other->next <= x->next)
		other = other->beside;
	return other != NULL;
}

static void ended(struct xfrout *x)
{
	int64_t ms = clock_mono_ms() - x->began_ms;
	char text[ADDR_TEXT_LEN];

	log_event(LOG_INFO, "transfer-done", "zone=%s serial=%u address=%s octets=%ju ms=%jd", x->v->zone,
		  x->v->serial, addr_text(&x->to, text), (uintmax_t)x->octets, (intmax_t)ms);
	if (x->v->waits)
		return;
	link_send(x->net, "transferred",
		  json_pack("{s:s, s:s, s:I, s:I, s:I}", "zone", x->v->zone, "address", text, "serial",
			    (json_int_t)x->v->serial, "octets", (json_int_t)x->octets, "ms", (json_int_t)ms),
		  -1, true);
}

enum xfrout_step xfrout_step(struct xfrout *x, int fd)
{
	struct filling *f = filling(x, x->sent);
	ssize_t n;

	if (x->sent == x->made)
		x->cut = x->cut || !advance(x);
	if (x->cut)
		return XFROUT_CUT;
	x->pending = x->sent == x->made;
	if (x->pending)
		return XFROUT_PENDING;
	if (f->iov_count == 0)
		filling_seal(f);
	n = writev(fd, f->iov + f->iov_at, (int)(f->iov_count - f->iov_at));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? XFROUT_WAIT : XFROUT_CUT;
	filling_taken(f, (size_t)n);
	x->octets += (uint64_t)n;
	if (!filling_sent(f))
		return XFROUT_WAIT;
	filling_clear(f);
	x->sent++;
	if (x->last && x->sent == x->composed) {
		ended(x);
		return XFROUT_DONE;
	}
	if (x->tsig != NULL) /* the crew is to go on meanwhile; else what is read next is sent at once */
		x->cut = !advance(x);
	return x->cut ? XFROUT_CUT : XFROUT_MORE;
}
