/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * axfrsink - fetches a zone by AXFR, counts what comes and throws it away.
 *
 *   axfrsink [-q] [-p PORT] [-r RUNS] [-y NAME:BASE64] ADDRESS ZONE
 *
 * -q: looks only at the first message, at the header of each, and at octets that may be the closing SOA, so that the
 * server is what is measured; counts no records then.  -y: signs the query with hmac-sha256; the TSIGs of the answer are
 * stepped over, not verified.
 * Each run prints one line of name=value; exit 0 when every run ended with the SOA that it began with.
 */
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "dname/dname.h"
#include "dns/tsig.h"
#include "rrset/rr.h"
#include "wire/wire.h"

#define READ_S 60 /* a server that is silent for so long has failed */

struct tally {
	uint64_t messages, records, rrsigs, octets;
	uint32_t serial[2]; /* of the SOA that begins and of the one that ends */
	unsigned soas;
	uint8_t soa_numbers[20]; /* of the first: serial to minimum */
	double first_s, all_s;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static bool quick;
static struct tsig_key *key; /* NULL: none */
static size_t tsig_len;      /* octets of the record that it makes */

/* Messages are taken from what was read: large reads, and yet what is copied stays in the cache of the core. */
#define READ_OCTETS (1 << 17)
static struct {
	uint8_t octets[READ_OCTETS];
	size_t from, to;
} in;

/* Makes n octets lie at in.from; -1 at the end of the connection. */
static int fill(int fd, size_t n)
{
	if (in.to - in.from >= n)
		return 0;
	memmove(in.octets, in.octets + in.from, in.to - in.from);
	in.to -= in.from;
	in.from = 0;
	while (in.to < n) {
		ssize_t got = recv(fd, in.octets + in.to, sizeof(in.octets) - in.to, 0);

		if (got <= 0)
			return -1;
		in.to += (size_t)got;
	}
	return 0;
}

static void skip_name(struct rd *r)
{
	for (;;) {
		uint8_t n = rd_u8(r);

		if (n >= 0xc0)
			rd_u8(r);
		if (n == 0 || n >= 0xc0)
			return;
		rd_bytes(r, n);
	}
}

static void count_record(struct rd *r, struct tally *t)
{
	uint16_t type, len;
	size_t end;

	skip_name(r);
	type = rd_u16(r);
	rd_bytes(r, 6);
	len = rd_u16(r);
	end = r->at + len;
	t->records++;
	t->rrsigs += type == TYPE_RRSIG;
	if (type == TYPE_SOA && t->soas < 2) {
		skip_name(r);
		skip_name(r);
		const uint8_t *numbers = rd_bytes(r, 20);

		if (numbers != NULL && t->soas == 0)
			memcpy(t->soa_numbers, numbers, 20);
		t->serial[t->soas++] = numbers == NULL ? 0 : (uint32_t)numbers[0] << 24 | (uint32_t)numbers[1] << 16 |
								    (uint32_t)numbers[2] << 8 | numbers[3];
	} else {
		rd_bytes(r, len);
	}
	if (r->at != end)
		r->bad = true;
}

/* Whether this message may end with the SOA: the numbers of the first are its last octets, a TSIG apart. */
static bool may_end(const uint8_t *p, size_t len, const struct tally *t)
{
	size_t tail = 20 + (p[11] != 0 ? tsig_len : 0);

	return len > 12 + tail && memcmp(p + len - tail, t->soa_numbers, 20) == 0;
}

/* One message; NULL, or what is wrong with it. */
static const char *count_message(const uint8_t *p, size_t len, struct tally *t)
{
	struct rd r = rd_of(p, len);
	uint16_t flags, questions, answers;

	rd_u16(&r);
	flags = rd_u16(&r);
	questions = rd_u16(&r);
	answers = rd_u16(&r);
	rd_u32(&r);
	if (r.bad)
		return "a message without a header";
	if (quick && t->soas > 0 && !may_end(p, len, t))
		return (flags & 15) != 0 ? "an error code" : NULL;
	if ((flags & 15) != 0)
		return (flags & 15) == 5 ? "refused" : (flags & 15) == 2 ? "SERVFAIL" : "an error code";
	while (questions-- > 0) {
		skip_name(&r);
		rd_u32(&r);
	}
	while (answers-- > 0 && !r.bad)
		count_record(&r, t);
	return r.bad ? "a malformed message" : NULL;
}

static int dial(const char *address, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV },
			*to;
	struct timeval limit = { .tv_sec = READ_S };
	int fd, on = 1;

	if (getaddrinfo(address, port, &hints, &to) != 0) {
		fprintf(stderr, "axfrsink: %s port %s: no address\n", address, port);
		return -1;
	}
	fd = socket(to->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
		perror("axfrsink: connect");
		if (fd >= 0)
			close(fd);
		fd = -1;
	} else {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	}
	freeaddrinfo(to);
	return fd;
}

static int ask(int fd, const uint8_t *zone)
{
	uint8_t query[2 + 12 + DNAME_MAX + 4 + TSIG_RR_MAX], record[TSIG_RR_MAX];
	struct wr w = wr_of(query + 2, sizeof(query) - 2);

	dns_build_header(&w, 0x1234, 0, DNS_QUERY, 0);
	dns_build_question(&w, zone, TYPE_AXFR, CLASS_IN);
	if (key != NULL) {
		struct tsig *t = tsig_new(key);

		tsig_len = tsig_sign(t, w.p, w.at, time(NULL), TSIG_NOERROR, record);
		tsig_free(t);
		dns_build_raw(&w, record, tsig_len);
	}
	query[0] = (uint8_t)(w.at >> 8);
	query[1] = (uint8_t)w.at;
	return send(fd, query, 2 + w.at, MSG_NOSIGNAL) == (ssize_t)(2 + w.at) ? 0 : -1;
}

/* One transfer; NULL, or why it failed. */
static const char *transfer(int fd, const uint8_t *zone, struct tally *t)
{
	double start = seconds();
	const char *wrong = NULL;

	in.from = in.to = 0;
	if (ask(fd, zone) != 0)
		return "cannot send the query";
	while (t->soas < 2 && wrong == NULL) {
		size_t len;

		if (fill(fd, 2) != 0)
			return "the connection ended";
		len = (size_t)in.octets[in.from] << 8 | in.octets[in.from + 1];
		if (fill(fd, 2 + len) != 0)
			return "the connection ended";
		if (t->messages++ == 0)
			t->first_s = seconds() - start;
		wrong = count_message(in.octets + in.from + 2, len, t);
		in.from += 2 + len;
		t->octets += 2 + len;
	}
	t->all_s = seconds() - start;
	if (wrong == NULL && t->serial[0] != t->serial[1])
		wrong = "the SOA at the end is not the one at the beginning";
	return wrong;
}

static int one_run(const char *address, const char *port, const uint8_t *zone)
{
	struct tally t = { 0 };
	double cpu = cpu_seconds();
	int fd = dial(address, port);
	const char *wrong;

	if (fd < 0)
		return 1;
	wrong = transfer(fd, zone, &t);
	close(fd);
	if (wrong != NULL) {
		fprintf(stderr, "axfrsink: %s after %" PRIu64 " messages, %" PRIu64 " records\n", wrong,
			t.messages, t.records);
		return 1;
	}
	printf("serial=%" PRIu32 " messages=%" PRIu64 " records=%" PRIu64 " rrsigs=%" PRIu64
	       " octets=%" PRIu64 " first_s=%.4f wall_s=%.4f MB/s=%.1f records/s=%.0f client_cpu_s=%.3f\n",
	       t.serial[0], t.messages, t.records, t.rrsigs, t.octets, t.first_s, t.all_s,
	       (double)t.octets / 1e6 / t.all_s, (double)t.records / t.all_s, cpu_seconds() - cpu);
	fflush(stdout);
	return 0;
}

static int misuse(void)
{
	fputs("usage: axfrsink [-q] [-p PORT] [-r RUNS] [-y NAME:BASE64] ADDRESS ZONE\n", stderr);
	return 2;
}

/* NAME:BASE64 */
static int take_key(char *text)
{
	char *colon = strchr(text, ':');
	uint8_t name[DNAME_MAX], secret[TSIG_SECRET_MAX];
	size_t len;

	if (colon == NULL || secret_init(NULL) != 0)
		return -1;
	*colon = '\0';
	if (dname_from_text(text, name, NULL) != 0 ||
	    sodium_base642bin(secret, sizeof(secret), colon + 1, strlen(colon + 1), NULL, &len, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		return -1;
	key = tsig_key_new(name, TSIG_HMAC_SHA256, secret_from(secret, len));
	return 0;
}

int main(int argc, char **argv)
{
	const char *port = "53";
	uint8_t zone[DNAME_MAX];
	int option, runs = 1, rc = 0;
	struct err e;

	while ((option = getopt(argc, argv, "qp:r:y:")) != -1) {
		if (option == 'q')
			quick = true;
		else if (option == 'p')
			port = optarg;
		else if (option == 'r')
			runs = atoi(optarg);
		else if (option != 'y' || take_key(optarg) != 0)
			return misuse();
	}
	if (argc - optind != 2 || runs < 1)
		return misuse();
	if (dname_from_text(argv[optind + 1], zone, &e) != 0) {
		fprintf(stderr, "axfrsink: %s\n", e.text);
		return 2;
	}
	while (runs-- > 0)
		rc |= one_run(argv[optind], port, zone);
	tsig_key_unref(key);
	return rc;
}
