/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tcp: connections that others open.
 *
 * A connection reads while it has nothing to send, answers one query after the other in order (RFC 7766
 * section 6.2.1.1), and holds one query, one answer and at most one transfer.  A query must be whole, and
 * what we send be taken, within the idle time, twice that for a transfer; a reader that takes less than
 * SLOW_OCTETS in SLOW_MS is cut even if it takes a little now and then.
 */
#include "signer/net/serve.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"
#include "signer/net/answer.h"
#include "signer/net/tcpinfo.h"
#include "signer/net/xfrout.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOW_MS     60000
#define SLOW_OCTETS 65536
#define ACCEPTS     32   /* per turn */
#define STEPS       4    /* writes of a transfer per turn, 1 for the one that is furthest of its version */
#define QUERY_MAX   4096 /* the largest query: more is no SOA, AXFR, IXFR or NOTIFY */

struct conn {
	struct net *net;
	struct conn *next, **at;
	struct io *io;
	struct addr from;
	enum net_shows shows;
	bool eof; /* the other side sends no more */
	size_t in_len;
	uint8_t in[2 + QUERY_MAX];
	uint8_t *out; /* an answer with its length octets, or NULL */
	size_t out_len, out_at;
	struct xfrout *xfr;
	uint64_t acked;        /* of the transfer, when on_idle last looked */
	int64_t window_ms;     /* when the slow-reader window began */
	uint64_t window_acked; /* at that time */
};

struct tcp {
	struct listener *listeners;
	struct conn *conns;
	unsigned count;
};

static void conn_close(struct conn *c)
{
	c->net->tcp->count--;
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	io_close(c->io);
	xfrout_free(c->xfr);
	free(c->out);
	free(c);
}

static void idle_again(struct conn *c)
{
	io_timer(c->io, (int64_t)c->net->config->tcp_idle_timeout_s * 1000);
}

/* Whether a transfer moves: something within the idle time, and SLOW_OCTETS within SLOW_MS.  What counts is
 * what the client's kernel has taken, since ours buffers megabytes. */
static bool moving(struct conn *c)
{
	int64_t now = clock_mono_ms();
	uint64_t octets = tcpinfo_acked(io_fd(c->io));

	if (octets == c->acked)
		return false;
	c->acked = octets;
	if (now - c->window_ms < SLOW_MS)
		return true;
	if (octets - c->window_acked < SLOW_OCTETS)
		return false;
	c->window_ms = now;
	c->window_acked = octets;
	return true;
}

static void on_idle(void *ctx)
{
	struct conn *c = ctx;
	char text[ADDR_TEXT_LEN];

	if (c->xfr != NULL && moving(c)) {
		idle_again(c);
		return;
	}
	if (c->xfr != NULL)
		log_event(LOG_WARNING, "transfer-cut", "address=%s octets=%ju msg=the client does not read",
			  addr_text(&c->from, text), (uintmax_t)c->acked);
	conn_close(c);
}

/* Goes on with the transfer; false when the connection is closed.  The idle timer runs on: on_idle looks at
 * what has moved. */
static bool send_transfer(struct conn *c, bool *blocked, int *want)
{
	for (int i = 0; i < STEPS; i++) {
		enum xfrout_step step = xfrout_step(c->xfr, io_fd(c->io));

		if (step == XFROUT_CUT) {
			conn_close(c);
			return false;
		}
		if (step == XFROUT_DONE) {
			xfrout_free(c->xfr);
			c->xfr = NULL;
			idle_again(c);
			return true;
		}
		if (step == XFROUT_PENDING)
			*want = 0; /* on_ready */
		/* Who is behind takes more, so that those of one version come together and share what is read. */
		if (step != XFROUT_MORE || !xfrout_behind(c->xfr))
			break;
	}
	*blocked = true; /* others have their turn before more of this one */
	return true;
}

/* Sends what is left of an answer; false when the connection is closed. */
static bool send_answer(struct conn *c, bool *blocked)
{
	ssize_t n = send(io_fd(c->io), c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		conn_close(c);
		return false;
	}
	if (n > 0)
		c->out_at += (size_t)n;
	if (c->out_at < c->out_len) {
		*blocked = true;
		return true;
	}
	free(c->out);
	c->out = NULL;
	idle_again(c);
	return true;
}

static void answer_servfail(struct answer *a)
{
	uint8_t record[TSIG_RR_MAX];
	size_t len = 0;

	dns_build_header(&a->w, a->id, DNS_QR, DNS_QUERY, RCODE_SERVFAIL);
	dns_build_question(&a->w, a->qname, a->qtype, CLASS_IN);
	if (a->tsig != NULL)
		len = tsig_sign(a->tsig, a->w.p, a->w.at, clock_now_s(), TSIG_NOERROR, record);
	if (len > 0)
		dns_build_raw(&a->w, record, len);
}

static void go_on(struct conn *c);

/* What the transfer waited for has come. */
static void on_ready(void *ctx)
{
	go_on(ctx);
}

/* Whether its address has not as many transfers yet as one may have: one whose programs read slowly, or that has many zones,
 * must not keep all others out. */
static bool may_transfer(const struct conn *c)
{
	const struct net_config *config = c->net->config;
	const unsigned most = config->max_transfers_per_address != 0 ? config->max_transfers_per_address :
			      config->max_transfers > 1		     ? config->max_transfers / 2 :
								       1;
	unsigned n = 0;

	for (const struct conn *other = c->net->tcp->conns; other != NULL; other = other->next)
		n += other->xfr != NULL && addr_same_host(&other->from, &c->from) ? 1 : 0;
	return n < most;
}

static void say_too_many(const struct conn *c, const struct answer *a)
{
	char text[ADDR_TEXT_LEN];

	log_event(LOG_INFO, "transfer-refused", "zone=%s address=%s msg=as many transfers run as are allowed (max-transfers, "
		  "max-transfers-per-address)", a->version->zone, addr_text(&c->from, text));
}

/* Takes the first query out of the input; false when the connection is closed. */
static bool answer_first(struct conn *c, size_t len)
{
	uint8_t *out = mem_new(1, 2 + DNS_MESSAGE_MAX);
	struct answer a = { .w = wr_of(out + 2, DNS_MESSAGE_MAX), .shows = c->shows };
	enum answer_kind kind = answer_query(c->net, c->in + 2, len, &c->from, true, &a);

	c->in_len -= 2 + len;
	memmove(c->in, c->in + 2 + len, c->in_len);
	if (kind == ANSWER_TRANSFER) {
		if (may_transfer(c))
			c->xfr = xfrout_new(c->net, &a, &c->from, on_ready, c);
		if (c->xfr == NULL) {
			say_too_many(c, &a);
			answer_servfail(&a);
			served_unref(c->net, a.version);
			tsig_free(a.tsig);
		}
		c->acked = c->window_acked = tcpinfo_acked(io_fd(c->io));
		c->window_ms = clock_mono_ms();
		idle_again(c);
	}
	if (c->xfr != NULL || kind == ANSWER_NONE || a.w.bad || a.w.at == 0) {
		free(out);
		if (c->xfr == NULL)
			conn_close(c); /* what we do not answer is no DNS */
		return c->xfr != NULL;
	}
	c->out = mem_grow(out, 2 + a.w.at, 1);
	c->out[0] = (uint8_t)(a.w.at >> 8);
	c->out[1] = (uint8_t)a.w.at;
	c->out_len = 2 + a.w.at;
	c->out_at = 0;
	return true;
}

/* Does all that can be done now. */
static void go_on(struct conn *c)
{
	bool blocked = false;
	int want = UV_WRITABLE;

	while (!blocked) {
		size_t len = c->in_len < 2 ? SIZE_MAX : (size_t)(c->in[0] << 8 | c->in[1]);

		if (c->xfr != NULL) {
			if (!send_transfer(c, &blocked, &want))
				return;
		} else if (c->out != NULL) {
			if (!send_answer(c, &blocked))
				return;
		} else if (len != SIZE_MAX && (len > QUERY_MAX || len < DNS_HEADER_LEN)) {
			conn_close(c);
			return;
		} else if (len != SIZE_MAX && c->in_len >= 2 + len) {
			if (!answer_first(c, len))
				return;
		} else {
			break;
		}
	}
	if (!blocked && c->eof) {
		conn_close(c);
		return;
	}
	io_want(c->io, blocked ? want : UV_READABLE);
}

static void on_event(void *ctx, int events)
{
	struct conn *c = ctx;

	if ((events & UV_READABLE) != 0 && c->xfr == NULL && c->out == NULL && c->in_len < sizeof(c->in)) {
		ssize_t n = recv(io_fd(c->io), c->in + c->in_len, sizeof(c->in) - c->in_len, 0);

		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			conn_close(c);
			return;
		}
		if (n == 0)
			c->eof = true;
		if (n > 0)
			c->in_len += (size_t)n;
	}
	go_on(c);
}

static unsigned count_of(const struct tcp *t, const struct addr *from)
{
	unsigned n = 0;

	for (const struct conn *c = t->conns; c != NULL; c = c->next)
		n += addr_same_host(&c->from, from) ? 1 : 0;
	return n;
}

static void conn_new(struct net *net, int fd, const struct addr *from, enum net_shows shows)
{
	struct tcp *t = net->tcp;
	struct conn *c = mem_new(1, sizeof(*c));
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->net = net;
	c->from = *from;
	c->shows = shows;
	c->io = io_new(&net->loop, fd, c, on_event, on_idle);
	c->next = t->conns;
	c->at = &t->conns;
	if (t->conns != NULL)
		t->conns->at = &c->next;
	t->conns = c;
	t->count++;
	io_want(c->io, UV_READABLE);
	idle_again(c);
}

/* Takes one connection; false when there is none. */
static bool accept_one(struct listener *l)
{
	const struct net_config *config = l->net->config;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	struct addr from;
	int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED;
	/* Who is above a limit is closed at once: waiting in the backlog would keep others out. */
	if (l->net->drained || l->net->tcp->count >= config->max_tcp ||
	    !addr_from_sockaddr((struct sockaddr *)&peer, &from) ||
	    count_of(l->net->tcp, &from) >= config->max_tcp_per_address)
		close(fd);
	else
		conn_new(l->net, fd, &from, l->shows);
	return true;
}

static void on_accept(void *ctx, int events)
{
	struct listener *l = ctx;

	(void)events;
	for (int i = 0; i < ACCEPTS && accept_one(l); i++)
		;
}

void tcp_start(struct net *net)
{
	net->tcp = mem_new(1, sizeof(*net->tcp));
	net->tcp->listeners = listeners_start(net, true, on_accept);
}

void tcp_cut_all(struct net *net)
{
	while (net->tcp->conns != NULL)
		conn_close(net->tcp->conns);
}

void tcp_stop(struct net *net)
{
	struct tcp *t = net->tcp;

	tcp_cut_all(net);
	listeners_stop(net, t->listeners);
	free(t);
	net->tcp = NULL;
}
