/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exchange: our own queries.
 *
 * Each has a socket and an ID of its own.  Over UDP what does not fit is ignored and waited on, since anybody
 * can send it; the sentence says what came last.  Over TCP it ends the exchange.
 */
#include "signer/net/exchange.h"

#include "arena/arena.h"
#include "clock/clock.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUERY_CAP 1024 /* besides an update section */

struct exchange {
	struct net *net;
	struct exchange *next, **at; /* in one of the two lists */
	bool running;
	struct exchange_spec spec;
	uint8_t name[DNAME_MAX], key[DNAME_MAX];
	exchange_done_fn *done;
	void *ctx;
	struct io *io; /* NULL while it waits */
	struct tsig *tsig;
	uint16_t id;
	bool tcp;
	bool connected; /* TCP */
	unsigned tried;
	uint8_t *query; /* with length octets */
	size_t query_len, query_at;
	struct rr answer; /* of a NOTIFY; points into answer_octets */
	uint8_t *answer_octets, *update;
	uint8_t *in; /* 2 + DNS_MESSAGE_MAX */
	size_t in_len;
	char why[256]; /* what was wrong with what came last */
};

/* How many exchanges run with one server. */
struct host {
	struct addr addr;
	unsigned running;
};

struct exchanges {
	struct exchange *running, *waiting, **waiting_end;
	unsigned count;
	struct host *hosts; /* those with exchanges running */
	size_t host_count;
	struct io *kick; /* starts those that wait, out of the way of the call that ended one */
};

static void run_list(struct exchange *x)
{
	struct exchanges *all = x->net->exchanges;

	x->running = true;
	x->next = all->running;
	x->at = &all->running;
	if (x->next != NULL)
		x->next->at = &x->next;
	all->running = x;
	all->count++;
}

static void wait_list(struct exchange *x)
{
	struct exchanges *all = x->net->exchanges;

	x->at = all->waiting_end;
	*all->waiting_end = x;
	all->waiting_end = &x->next;
}

static void detach(struct exchange *x)
{
	if (!x->running && x->next == NULL)
		x->net->exchanges->waiting_end = x->at;
	*x->at = x->next;
	if (x->next != NULL)
		x->next->at = x->at;
	x->next = NULL;
}

/* Counts one more with this server; false when there are as many as allowed. */
static bool host_take(struct exchanges *all, const struct addr *addr)
{
	for (size_t i = 0; i < all->host_count; i++)
		if (addr_equal(&all->hosts[i].addr, addr)) {
			if (all->hosts[i].running >= EXCHANGES_PER_HOST)
				return false;
			all->hosts[i].running++;
			return true;
		}
	all->hosts = mem_grow(all->hosts, all->host_count + 1, sizeof(struct host));
	all->hosts[all->host_count++] = (struct host){ .addr = *addr, .running = 1 };
	return true;
}

static void host_give(struct exchanges *all, const struct addr *addr)
{
	for (size_t i = 0; i < all->host_count; i++)
		if (addr_equal(&all->hosts[i].addr, addr) && --all->hosts[i].running == 0) {
			all->hosts[i] = all->hosts[--all->host_count];
			return;
		}
}

void exchange_cancel(struct exchange *x)
{
	if (x == NULL)
		return;
	detach(x);
	if (x->running) {
		x->net->exchanges->count--;
		host_give(x->net->exchanges, &x->spec.to);
		if (x->net->exchanges->waiting != NULL)
			io_timer(x->net->exchanges->kick, 0);
	}
	io_close(x->io);
	tsig_free(x->tsig);
	free(x->answer_octets);
	free(x->update);
	free(x->query);
	free(x->in);
	free(x);
}

static void finish(struct exchange *x, enum exchange_result result, const struct dns_msg *reply,
		   const char *why)
{
	exchange_done_fn *done = x->done;
	uint8_t *in = x->in; /* holds the reply */
	void *ctx = x->ctx;
	char text[sizeof(x->why)];

	x->in = NULL;
	memcpy(text, x->why, sizeof(text));
	if (why != NULL)
		snprintf(text, sizeof(text), "%s", why);
	exchange_cancel(x);
	done(ctx, result, reply, text);
	free(in);
}

/* Builds the query; false without its TSIG key. */
static bool build(struct exchange *x)
{
	struct wr w = wr_of(x->query + 2, QUERY_CAP + x->spec.update_len);
	struct tsig_key *key;
	uint8_t record[TSIG_RR_MAX];
	size_t len;

	x->id = (uint16_t)randombytes_random();
	dns_build_header(&w, x->id,
			 (x->spec.opcode == DNS_NOTIFY ? DNS_AA : 0) | (x->spec.recursion ? DNS_RD | DNS_AD : 0),
			 x->spec.opcode, 0);
	dns_build_question(&w, x->name, x->spec.type, CLASS_IN);
	if (x->spec.answer != NULL)
		dns_build_rr(&w, DNS_ANSWER, &x->answer);
	if (x->update != NULL) {
		wr_bytes(&w, x->update, x->spec.update_len);
		w.p[DNS_AUTHORITY] = (uint8_t)(x->spec.update_count >> 8);
		w.p[DNS_AUTHORITY + 1] = (uint8_t)x->spec.update_count;
	}
	if (x->spec.edns)
		dns_build_opt(&w, DNS_UDP_SIZE, true, 0, -1);
	tsig_free(x->tsig);
	x->tsig = NULL;
	if (x->spec.has_key) {
		char text[DNAME_TEXT_MAX];

		key = keyring_newest(x->net, x->key);
		if (key == NULL) {
			snprintf(x->why, sizeof(x->why), "TSIG key %.200s is not known here",
				 dname_to_text(x->key, text));
			return false;
		}
		x->tsig = tsig_new(key);
		len = x->tsig == NULL || w.bad
			      ? 0
			      : tsig_sign(x->tsig, w.p, w.at, clock_now_s(), TSIG_NOERROR, record);
		if (len == 0) {
			snprintf(x->why, sizeof(x->why), "TSIG cannot be made");
			return false;
		}
		dns_build_raw(&w, record, len);
	}
	x->query[0] = (uint8_t)(w.at >> 8);
	x->query[1] = (uint8_t)w.at;
	x->query_len = 2 + w.at;
	x->query_at = 0;
	return !w.bad;
}

static void on_event(void *ctx, int events);
static void on_time(void *ctx);

/* Opens the socket and sends the first time; the exchange may be gone afterwards. */
static void open_and_send(struct exchange *x)
{
	struct err e;
	int fd;

	io_close(x->io);
	x->io = NULL;
	x->in_len = 0;
	x->connected = false;
	if (!build(x)) {
		finish(x, EXCHANGE_BAD, NULL, NULL);
		return;
	}
	fd = exchange_socket(x->net, &x->spec.to, x->tcp ? SOCK_STREAM : SOCK_DGRAM, &e);
	if (fd < 0) {
		finish(x, EXCHANGE_REFUSED, NULL, e.text);
		return;
	}
	x->io = io_new(&x->net->loop, fd, x, on_event, on_time);
	if (x->tcp) {
		io_want(x->io, UV_WRITABLE);
		io_timer(x->io, x->spec.tcp ? x->spec.wait_ms : 5000);
		return;
	}
	io_want(x->io, UV_READABLE);
	x->tried = 1;
	send(fd, x->query + 2, x->query_len - 2, MSG_NOSIGNAL);
	io_timer(x->io, x->spec.wait_ms);
}

static void on_time(void *ctx)
{
	struct exchange *x = ctx;

	if (!x->tcp && x->tried >= x->spec.tries && x->spec.tcp_at_last) {
		x->tcp = true;
		open_and_send(x);
		return;
	}
	if (x->tcp || x->tried >= x->spec.tries) {
		finish(x, EXCHANGE_TIMEOUT, NULL, x->why[0] != '\0' ? NULL : "no answer");
		return;
	}
	send(io_fd(x->io), x->query + 2, x->query_len - 2, MSG_NOSIGNAL);
	io_timer(x->io, x->spec.wait_ms << x->tried);
	x->tried++;
}

/* A whole message has come.  False when it is to be ignored. */
static bool take(struct exchange *x, const uint8_t *p, size_t len)
{
	struct dns_msg m;
	struct err e = { 0 };
	bool ours = false;

	if (dns_msg_read(p, len, &m, &e) == 0 &&
	    exchange_matches(&m, x->id, x->spec.opcode, x->name, x->spec.type, &e) == 0) {
		ours = true;
		if (x->tsig == NULL || tsig_verify(x->tsig, &m, clock_now_s(), &e) == 0) {
			if ((m.flags & DNS_TC) != 0 && !x->tcp) {
				x->tcp = true;
				open_and_send(x);
				return true;
			}
			finish(x, EXCHANGE_OK, &m, NULL);
			return true;
		}
	}
	/* An error without signature (RFC 8945 section 5.3.2) cannot be proven; it only makes us try again
	 * later. */
	if (x->tcp || (ours && m.rcode != RCODE_NOERROR)) {
		char text[16], why[sizeof(x->why)];

		snprintf(why, sizeof(why), "%s: %.200s", dns_rcode_text(ours ? m.rcode : 0, text), e.text);
		finish(x, EXCHANGE_BAD, NULL, ours && m.rcode != RCODE_NOERROR ? why : e.text);
		return true;
	}
	snprintf(x->why, sizeof(x->why), "%.250s", e.text);
	return false;
}

static void udp_event(struct exchange *x)
{
	for (int i = 0; i < 16; i++) {
		ssize_t n = recv(io_fd(x->io), x->in, DNS_MESSAGE_MAX, 0);

		if (n < 0) {
			if (errno == ECONNREFUSED) {
				snprintf(x->why, sizeof(x->why), "no server there (port unreachable)");
				continue;
			}
			return;
		}
		if (take(x, x->in, (size_t)n))
			return;
	}
}

/* Sends the query; true when it is all out. */
static bool tcp_write(struct exchange *x)
{
	ssize_t n = send(io_fd(x->io), x->query + x->query_at, x->query_len - x->query_at, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		finish(x, EXCHANGE_REFUSED, NULL, strerror(errno));
		return false;
	}
	if (n > 0)
		x->query_at += (size_t)n;
	if (x->query_at < x->query_len)
		return false;
	io_want(x->io, UV_READABLE);
	return true;
}

static void tcp_event(struct exchange *x)
{
	size_t want;
	ssize_t n;

	if (x->query_at < x->query_len) {
		tcp_write(x);
		return;
	}
	want = x->in_len < 2 ? 2 : 2 + (size_t)(x->in[0] << 8 | x->in[1]);
	n = recv(io_fd(x->io), x->in + x->in_len, want - x->in_len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		finish(x, EXCHANGE_BAD, NULL, n < 0 ? strerror(errno) : "server closed the connection");
		return;
	}
	x->in_len += (size_t)n;
	if (x->in_len > 2 && x->in_len == 2 + (size_t)(x->in[0] << 8 | x->in[1]))
		take(x, x->in + 2, x->in_len - 2);
}

static void on_event(void *ctx, int events)
{
	struct exchange *x = ctx;

	(void)events;
	if (x->tcp)
		tcp_event(x);
	else
		udp_event(x);
}

static void start(struct exchange *x)
{
	run_list(x);
	x->in = mem_new(1, 2 + DNS_MESSAGE_MAX);
	open_and_send(x);
}

static void kick(void *ctx)
{
	struct exchanges *all = ((struct net *)ctx)->exchanges;
	struct exchange *next;

	/* One that starts may end at once, and what it then calls may take others off the list: begin anew
	 * after each. */
	for (struct exchange *x = all->waiting; x != NULL && all->count < EXCHANGES_MAX; x = next) {
		next = x->next;
		if (!host_take(all, &x->spec.to))
			continue;
		detach(x);
		start(x);
		next = all->waiting;
	}
}

struct exchange *exchange_start(struct net *net, const struct exchange_spec *spec, exchange_done_fn *done,
				void *ctx)
{
	struct exchange *x = mem_new(1, sizeof(*x));

	x->net = net;
	x->spec = *spec;
	x->query = mem_new(1, 2 + QUERY_CAP + spec->update_len);
	x->tcp = spec->tcp;
	x->done = done;
	x->ctx = ctx;
	memcpy(x->name, spec->name, dname_len(spec->name));
	x->spec.name = x->name;
	if (spec->has_key)
		memcpy(x->key, spec->key, dname_len(spec->key));
	if (spec->update != NULL)
		x->update = mem_dup(spec->update, spec->update_len);
	if (spec->answer != NULL) {
		struct wr w;
		struct rd r;
		size_t len = rr_wire_len(spec->answer);

		x->answer_octets = mem_new(1, len);
		w = wr_of(x->answer_octets, len);
		rr_write(&w, spec->answer);
		r = rd_of(x->answer_octets, len);
		if (rr_read(&r, &x->answer, NULL) != 1)
			x->spec.answer = NULL;
	}
	/* Never from here: done must not be called before the caller has the exchange. */
	wait_list(x);
	io_timer(net->exchanges->kick, 0);
	return x;
}

void exchanges_init(struct net *net)
{
	net->exchanges = mem_new(1, sizeof(*net->exchanges));
	net->exchanges->waiting_end = &net->exchanges->waiting;
	net->exchanges->kick = io_new(&net->loop, -1, net, NULL, kick);
}

void exchanges_fini(struct net *net)
{
	struct exchanges *all = net->exchanges;

	while (all->running != NULL)
		finish(all->running, EXCHANGE_TIMEOUT, NULL, "net ends");
	while (all->waiting != NULL)
		finish(all->waiting, EXCHANGE_TIMEOUT, NULL, "net ends");
	io_close(all->kick);
	free(all->hosts);
	free(all);
	net->exchanges = NULL;
}
