/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * axfrsource - answers every query with the same messages out of memory: how fast a transfer could be if the server had
 * nothing to do but to send.
 *
 *   axfrsource [-n MEGABYTES] ADDRESS PORT ZONE
 *
 * One thread; connections take turns, a buffer of 1 MiB each time, and are not paced, as those of net on loopback are not.
 * Serves until it is killed.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/message.h"
#include "rrset/rr.h"

#define BUFFER      (1 << 20)
#define MESSAGE     16384
#define CONNECTIONS 64

static uint8_t body[BUFFER], soa[2 + 512];
static size_t body_len, soa_len;

struct client {
	size_t left;   /* octets still to be sent, the two SOAs apart */
	size_t at;     /* in the piece that is being sent */
	int soas;      /* sent */
	bool sending;
};

static struct pollfd polls[1 + CONNECTIONS];
static struct client clients[1 + CONNECTIONS];

static void seal(struct wr *w, uint8_t *p)
{
	p[0] = (uint8_t)(w->at >> 8);
	p[1] = (uint8_t)w->at;
}

/* The message with the SOA, and as many full ones of TXT records as the buffer holds. */
static void build(const uint8_t *zone)
{
	static const uint8_t numbers[22] = { 0, 0, 0, 0, 0, 1 }, text[222] = { 221 };
	struct rr rr = { .owner = zone, .type = TYPE_SOA, .rdata = numbers, .rdlen = sizeof(numbers) };
	struct wr w = wr_of(soa + 2, sizeof(soa) - 2);

	dns_build_header(&w, 0x1234, DNS_QR | DNS_AA, DNS_QUERY, 0);
	dns_build_question(&w, zone, TYPE_AXFR, CLASS_IN);
	dns_build_rr(&w, DNS_ANSWER, &rr);
	seal(&w, soa);
	soa_len = 2 + w.at;
	rr = (struct rr){ .owner = zone, .type = TYPE_TXT, .rdata = text, .rdlen = sizeof(text) };
	while (body_len + 2 + MESSAGE <= BUFFER) {
		w = wr_of(body + body_len + 2, MESSAGE);
		dns_build_header(&w, 0x1234, DNS_QR | DNS_AA, DNS_QUERY, 0);
		while (w.cap - w.at >= dname_len(zone) + 10 + sizeof(text))
			dns_build_rr(&w, DNS_ANSWER, &rr);
		seal(&w, body + body_len);
		body_len += 2 + w.at;
	}
}

/* Sends one piece as far as it goes; -1 when the connection is to be closed. */
static int go_on(int fd, struct client *c)
{
	bool in_soa = c->soas == 0 || c->left == 0;
	const uint8_t *piece = in_soa ? soa : body;
	size_t len = in_soa ? soa_len : body_len;
	ssize_t n = send(fd, piece + c->at, len - c->at, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	c->at += (size_t)n;
	if (c->at < len)
		return 0;
	c->at = 0;
	if (!in_soa)
		c->left -= len;
	else if (++c->soas == 2)
		c->sending = false;
	return 0;
}

static int listen_on(const char *address, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *at;
	int fd = -1, on = 1;

	if (getaddrinfo(address, port, &hints, &at) != 0)
		return -1;
	fd = socket(at->ai_family, SOCK_STREAM, 0);
	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
			bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, CONNECTIONS) != 0)) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(at);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", sizeof("reno") - 1);
	return fd;
}

static void take_new(size_t *n)
{
	int fd = accept(polls[0].fd, NULL, NULL);

	if (fd >= 0 && *n < CONNECTIONS) {
		polls[++*n] = (struct pollfd){ .fd = fd, .events = POLLIN };
		clients[*n] = (struct client){ 0 };
	} else if (fd >= 0) {
		close(fd);
	}
}

static void serve(size_t octets)
{
	uint8_t query[4096];

	for (size_t n = 0;;) {
		if (poll(polls, n + 1, -1) < 0)
			return;
		for (size_t i = n; i > 0; i--) {
			struct client *c = &clients[i];
			int rc = 0;

			if ((polls[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
				if ((rc = recv(polls[i].fd, query, sizeof(query), MSG_DONTWAIT) > 0 ? 0 : -1) == 0)
					*c = (struct client){ .left = octets - octets % body_len, .sending = true };
			} else if (c->sending && (polls[i].revents & POLLOUT) != 0) {
				rc = go_on(polls[i].fd, c);
			}
			polls[i].events = (short)(c->sending ? POLLIN | POLLOUT : POLLIN);
			if (rc == 0)
				continue;
			close(polls[i].fd);
			polls[i] = polls[n];
			clients[i] = clients[n--];
		}
		if ((polls[0].revents & POLLIN) != 0)
			take_new(&n);
	}
}

int main(int argc, char **argv)
{
	size_t megabytes = 270;
	uint8_t zone[DNAME_MAX];
	int option;

	while ((option = getopt(argc, argv, "n:")) != -1)
		megabytes = option == 'n' ? strtoul(optarg, NULL, 10) : 0;
	if (argc - optind != 3 || megabytes == 0 || dname_from_text(argv[optind + 2], zone, NULL) != 0) {
		fputs("usage: axfrsource [-n MEGABYTES] ADDRESS PORT ZONE\n", stderr);
		return 2;
	}
	build(zone);
	polls[0] = (struct pollfd){ .fd = listen_on(argv[optind], argv[optind + 1]), .events = POLLIN };
	if (polls[0].fd < 0) {
		perror("axfrsource");
		return 1;
	}
	serve(megabytes * 1000000);
	return 1;
}
