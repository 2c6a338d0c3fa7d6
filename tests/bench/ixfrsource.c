/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ixfrsource - a primary for benchmarks: gives a zone of any size by AXFR, and each change of one record by IXFR.
 *
 *   ixfrsource ADDRESS PORT ZONE FILE SECONDARY...
 *
 * SIGUSR1 adds a delegation, raises the serial and sends NOTIFY with the new SOA to the secondaries' port 5300.  SIGUSR2 does
 * the same for the first of them alone: the others are shown the zone as it was, until the next SIGUSR2 tells them.  A whole
 * zone is given by a process of its own, which sees the zone as it was when it began; a difference is not, since what it costs
 * to fork grows with the zone.  Serves until it is killed.
 */
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/message.h"
#include "zone/zone.h"

#define MESSAGE     16384
#define SECONDARIES 16
#define CONNECTIONS 64
#define WAIT_S      2 /* for the rest of a query, and for a reader */

static struct zone *zone;
static uint8_t apex[DNAME_MAX];
static uint32_t first_serial, serial;
static struct sockaddr_storage secondary[SECONDARIES];
static socklen_t secondary_len[SECONDARIES];
static size_t secondaries;
static bool held; /* the newest change, before all but the first secondary */
static volatile sig_atomic_t changes_wanted, halves_wanted;

static void on_signal(int signal_number)
{
	if (signal_number == SIGUSR1)
		changes_wanted = changes_wanted + 1;
	else
		halves_wanted = halves_wanted + 1;
}

/* Which serial the client is shown. */
static uint32_t serial_for(const struct sockaddr_storage *client)
{
	const struct sockaddr_in *a = (const struct sockaddr_in *)client, *b = (const struct sockaddr_in *)&secondary[0];
	bool first = secondaries > 0 && a->sin_family == AF_INET && a->sin_addr.s_addr == b->sin_addr.s_addr;

	return held && !first ? serial - 1 : serial;
}

/* The SOA with a serial; rdata has DNS_MESSAGE_MAX octets and takes what it points to. */
static struct rr soa_of(uint32_t with, uint8_t *rdata)
{
	memcpy(rdata, zone->soa.rdata, zone->soa.rdlen);
	soa_set_serial(rdata, zone->soa.rdlen, with);
	return (struct rr){ .owner = apex, .type = TYPE_SOA, .ttl = zone->soa.ttl, .rdata = rdata, .rdlen = zone->soa.rdlen };
}

/* The delegation that came with change i. */
static struct rr added(uint32_t i, uint8_t owner[DNAME_MAX])
{
	char label[32];
	int len = snprintf(label, sizeof(label), "changed%u", i);

	owner[0] = (uint8_t)len;
	memcpy(owner + 1, label, (size_t)len);
	memcpy(owner + 1 + len, apex, dname_len(apex));
	return (struct rr){ .owner = owner, .type = TYPE_NS, .ttl = 3600, .rdata = (const uint8_t *)"\3ns1\7example\3net", .rdlen = 17 };
}

/* ---- one connection ---- */

struct answer {
	int fd;
	uint16_t id, qtype;
	uint32_t serial; /* that the client is shown */
	uint8_t octets[2 + MESSAGE];
	struct wr w;
	bool failed;
};

static void begin(struct answer *a)
{
	a->w = wr_of(a->octets + 2, MESSAGE);
	dns_build_header(&a->w, a->id, DNS_QR | DNS_AA, DNS_QUERY, 0);
	dns_build_question(&a->w, apex, a->qtype, CLASS_IN);
}

static void flush(struct answer *a)
{
	size_t at = 0, len = 2 + a->w.at;
	ssize_t n;

	a->octets[0] = (uint8_t)(a->w.at >> 8);
	a->octets[1] = (uint8_t)a->w.at;
	for (; at < len && !a->failed; at += (size_t)n)
		a->failed = (n = send(a->fd, a->octets + at, len - at, MSG_NOSIGNAL)) <= 0;
	begin(a);
}

static void put(struct answer *a, const struct rr *rr)
{
	if (a->w.cap - a->w.at < DNAME_MAX + 10u + rr->rdlen)
		flush(a);
	dns_build_rr(&a->w, DNS_ANSWER, rr);
}

static void put_whole(struct answer *a)
{
	struct zone_cursor *c;
	struct zone_owner o;
	uint8_t owner[DNAME_MAX];
	struct rr rr;
	struct err e;

	if (zone_cursor_open(zone, &c, &e) != 0)
		_exit(1);
	while (!a->failed && zone_cursor_next(c, &o, &e) == 1)
		for (size_t i = 0; i < o.n; i++)
			if (o.rr[i].type != TYPE_SOA)
				put(a, &o.rr[i]);
	for (uint32_t i = 1; i <= a->serial - first_serial; i++) {
		rr = added(i, owner);
		put(a, &rr);
	}
}

static bool wants_diff(const struct dns_msg *q, uint32_t shown)
{
	return q->qtype == TYPE_IXFR && q->has_serial && q->serial == shown - 1;
}

static bool wants_whole(const struct dns_msg *q, uint32_t shown)
{
	return q->qtype != TYPE_SOA && !wants_diff(q, shown) && !(q->qtype == TYPE_IXFR && q->has_serial && q->serial == shown);
}

static bool answer(int fd, const struct dns_msg *q, uint32_t shown)
{
	struct answer a = { .fd = fd, .id = q->id, .qtype = q->qtype, .serial = shown };
	uint8_t owner[DNAME_MAX], soa_new[DNS_MESSAGE_MAX], soa_old[DNS_MESSAGE_MAX];
	struct rr now = soa_of(shown, soa_new), before = soa_of(shown - 1, soa_old), rr;

	begin(&a);
	put(&a, &now);
	if (wants_diff(q, shown)) {
		rr = added(shown - first_serial, owner);
		put(&a, &before);
		put(&a, &now);
		put(&a, &rr);
		put(&a, &now);
	} else if (wants_whole(q, shown)) {
		put_whole(&a);
		put(&a, &now);
	}
	flush(&a);
	return !a.failed;
}

static bool read_all(int fd, uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = recv(fd, p + at, len - at, 0);

		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* One query and its answer; false when the connection is to be closed. */
static bool converse(int fd)
{
	uint8_t head[2], query[DNS_MESSAGE_MAX];
	struct sockaddr_storage client = { .ss_family = AF_UNSPEC };
	socklen_t client_len = sizeof(client);
	struct dns_msg q;
	uint32_t shown;

	if (!read_all(fd, head, 2) || !read_all(fd, query, (size_t)(head[0] << 8 | head[1])) ||
	    dns_msg_read(query, (size_t)(head[0] << 8 | head[1]), &q, NULL) != 0)
		return false;
	getpeername(fd, (struct sockaddr *)&client, &client_len);
	shown = serial_for(&client);
	if (!wants_whole(&q, shown))
		return answer(fd, &q, shown);
	if (fork() == 0)
		_exit(answer(fd, &q, shown) ? 0 : 1);
	return false;
}

/* ---- all ---- */

static void answer_udp(int fd)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	uint8_t query[DNS_MESSAGE_MAX], octets[512], soa_new[DNS_MESSAGE_MAX];
	ssize_t n = recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);
	struct rr now = soa_of(serial_for(&from), soa_new);
	struct wr w = wr_of(octets, sizeof(octets));
	struct dns_msg q;

	if (n <= 0 || dns_msg_read(query, (size_t)n, &q, NULL) != 0 || (q.flags & DNS_QR) != 0)
		return;
	dns_build_header(&w, q.id, DNS_QR | DNS_AA, DNS_QUERY, 0);
	dns_build_question(&w, q.qname, q.qtype, CLASS_IN);
	if (q.qtype == TYPE_SOA)
		dns_build_rr(&w, DNS_ANSWER, &now);
	sendto(fd, octets, w.at, 0, (struct sockaddr *)&from, from_len);
}

/* NOTIFY to the secondaries from `first` on, up to `end`. */
static void tell(int fd, size_t first, size_t end)
{
	uint8_t octets[512], soa_new[DNS_MESSAGE_MAX];
	struct wr w = wr_of(octets, sizeof(octets));
	struct rr now = soa_of(serial, soa_new);

	dns_build_header(&w, (uint16_t)serial, DNS_AA, DNS_NOTIFY, 0);
	dns_build_question(&w, apex, TYPE_SOA, CLASS_IN);
	dns_build_rr(&w, DNS_ANSWER, &now);
	for (size_t i = first; i < end && i < secondaries; i++)
		sendto(fd, octets, w.at, 0, (struct sockaddr *)&secondary[i], secondary_len[i]);
}

static void change(int fd)
{
	serial++;
	tell(fd, 0, secondaries);
}

static void half_a_change(int fd)
{
	held = !held;
	if (held) {
		serial++;
		tell(fd, 0, 1);
	} else {
		tell(fd, 1, secondaries);
	}
}

static int open_socket(const char *address, const char *port, int type)
{
	struct addrinfo hints = { .ai_socktype = type, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *at;
	int fd, on = 1;

	if (getaddrinfo(address, port, &hints, &at) != 0)
		return -1;
	fd = socket(at->ai_family, type, 0);
	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
			bind(fd, at->ai_addr, at->ai_addrlen) != 0 || (type == SOCK_STREAM && listen(fd, 64) != 0))) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(at);
	return fd;
}

static int add_secondary(const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *at;

	if (secondaries == SECONDARIES || getaddrinfo(address, "5300", &hints, &at) != 0)
		return -1;
	memcpy(&secondary[secondaries], at->ai_addr, at->ai_addrlen);
	secondary_len[secondaries++] = at->ai_addrlen;
	freeaddrinfo(at);
	return 0;
}

static int take(int tcp)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	int fd = accept(tcp, NULL, NULL);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	}
	return fd;
}

static void serve(int udp, int tcp)
{
	struct pollfd polls[2 + CONNECTIONS] = { { .fd = udp, .events = POLLIN }, { .fd = tcp, .events = POLLIN } };
	sigset_t told, before;
	nfds_t n = 2;
	int fd;

	sigemptyset(&told);
	sigaddset(&told, SIGUSR1);
	sigaddset(&told, SIGUSR2);
	sigprocmask(SIG_BLOCK, &told, &before);
	for (;;) {
		for (; changes_wanted > 0; changes_wanted = changes_wanted - 1)
			change(udp);
		for (; halves_wanted > 0; halves_wanted = halves_wanted - 1)
			half_a_change(udp);
		if (ppoll(polls, n, NULL, &before) <= 0)
			continue;
		if ((polls[0].revents & POLLIN) != 0)
			answer_udp(udp);
		for (nfds_t i = n - 1; i >= 2; i--)
			if (polls[i].revents != 0 && !converse(polls[i].fd)) {
				close(polls[i].fd);
				polls[i] = polls[--n];
			}
		if ((polls[1].revents & POLLIN) != 0 && n < 2 + CONNECTIONS && (fd = take(tcp)) >= 0)
			polls[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
}

int main(int argc, char **argv)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct err e = { 0 };
	int udp, tcp;

	if (argc < 5 || dname_from_text(argv[3], apex, NULL) != 0) {
		fputs("usage: ixfrsource ADDRESS PORT ZONE FILE SECONDARY...\n", stderr);
		return 2;
	}
	limits.without_sum = true;
	for (int i = 5; i < argc; i++)
		if (add_secondary(argv[i]) != 0)
			return 2;
	if (zone_read_file(argv[4], apex, &limits, &zone, &e) != 0) {
		fprintf(stderr, "ixfrsource: %s\n", e.text);
		return 1;
	}
	first_serial = serial = zone->serial;
	signal(SIGCHLD, SIG_IGN);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	if ((udp = open_socket(argv[1], argv[2], SOCK_DGRAM)) < 0 || (tcp = open_socket(argv[1], argv[2], SOCK_STREAM)) < 0) {
		perror("ixfrsource");
		return 1;
	}
	serve(udp, tcp);
}
