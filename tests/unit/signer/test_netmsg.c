/* SPDX-License-Identifier: BSD-3-Clause */
#include "signer/netmsg.h"

#include "arena/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static int pair[2];

static int open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void packets_keep_their_bounds_and_descriptors(void **state)
{
	char in[NETMSG_MAX], first[] = "first", text[6] = "";
	int fds[NETMSG_FDS], memfd;
	size_t n;
	struct err e;

	(void)state;
	memfd = netmsg_memfd("test", "hello", 5, &e);
	assert_true(memfd >= 0);
	assert_int_equal(netmsg_send(pair[0], first, 5, &memfd, 1, &e), 0);
	assert_int_equal(netmsg_send(pair[0], "second", 6, NULL, 0, &e), 0);
	close(memfd);
	assert_int_equal(netmsg_recv(pair[1], in, sizeof(in), fds, &n, &e), 5);
	assert_int_equal(n, 1);
	assert_int_equal(pread(fds[0], text, 5, 0), 5);
	assert_string_equal(text, "hello");
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	close(fds[0]);
	assert_int_equal(netmsg_recv(pair[1], in, sizeof(in), fds, &n, &e), 6);
	assert_int_equal(n, 0);
	assert_int_equal(netmsg_recv(pair[1], in, sizeof(in), fds, &n, &e), -1);
	assert_int_equal(e.code, ERR_NOTNOW);
	shutdown(pair[0], SHUT_RDWR);
	assert_int_equal(netmsg_recv(pair[1], in, sizeof(in), fds, &n, &e), 0);
}

static void a_full_socket_says_not_now(void **state)
{
	static char big[NETMSG_MAX];
	struct err e;
	int sent = 0, rc;

	(void)state;
	while ((rc = netmsg_send(pair[0], big, sizeof(big), NULL, 0, &e)) == 0 && sent < 100)
		sent++;
	assert_true(sent >= 2);
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_NOTNOW);
	assert_int_equal(netmsg_send(pair[0], big, sizeof(big) + 1, NULL, 0, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

static void too_large_a_packet_is_refused_and_its_descriptors_closed(void **state)
{
	char in[10];
	int fds[NETMSG_FDS], memfd, next;
	size_t n;
	struct err e;

	(void)state;
	memfd = netmsg_memfd("test", "", 0, &e);
	assert_int_equal(netmsg_send(pair[0], "0123456789abc", 13, &memfd, 1, &e), 0);
	assert_int_equal(netmsg_recv(pair[1], in, sizeof(in), fds, &n, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(n, 0);
	next = dup(memfd);
	assert_int_equal(next, memfd + 1); /* nothing was left open */
	close(next);
	close(memfd);
}

static void only_sealed_memory_is_mapped(void **state)
{
	int sealed, open_fd;
	const void *map;
	size_t len;
	struct err e;

	(void)state;
	sealed = netmsg_memfd("test", "hello", 5, &e);
	assert_int_equal(netmsg_map(sealed, &map, &len, &e), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(map, "hello", 5);
	netmsg_unmap(map, len);
	assert_int_equal(ftruncate(sealed, 0), -1);
	assert_int_equal(errno, EPERM);
	open_fd = memfd_create("test", MFD_ALLOW_SEALING);
	assert_int_equal(netmsg_map(open_fd, &map, &len, &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(netmsg_memfd_seal(open_fd, &e), 0);
	assert_int_equal(netmsg_map(open_fd, &map, &len, &e), 0);
	assert_null(map);
	close(open_fd);
	close(sealed);
}

#define KEYS 600

struct got {
	struct tsig_key *keys[KEYS];
	bool newest[KEYS];
	size_t n;
};

static void take(void *ctx, struct tsig_key *key, bool newest)
{
	struct got *g = ctx;

	assert_true(g->n < KEYS);
	g->newest[g->n] = newest;
	g->keys[g->n++] = key;
}

static void keys_travel_in_as_many_packets_as_they_need(void **state)
{
	struct tsig_key *keys[KEYS];
	bool newest[KEYS];
	struct got got = { 0 };
	size_t at = 0, packets = 0;
	struct err e;

	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		uint8_t name[8] = { 5,
				    'k',
				    (uint8_t)('a' + i / 676),
				    (uint8_t)('a' + i / 26 % 26),
				    (uint8_t)('a' + i % 26),
				    'x' };

		keys[i] = tsig_key_new(name, (enum tsig_alg)(1 + i % 3),
				       secret_random(1 + i % TSIG_SECRET_MAX));
		newest[i] = i % 5 == 0;
	}
	while (at < KEYS) {
		struct secret *s = netmsg_tsig_pack((const struct tsig_key *const *)keys, newest, KEYS, &at);
		bool first, last;

		assert_true(netmsg_tsig_is(secret_open(s), secret_len(s)));
		assert_int_equal(
			netmsg_tsig_read(secret_open(s), secret_len(s), take, &got, &first, &last, &e), 0);
		secret_close(s);
		secret_close(s);
		secret_free(s);
		assert_int_equal(first, packets == 0);
		assert_int_equal(last, at == KEYS);
		packets++;
	}
	assert_true(packets > 1);
	assert_int_equal(got.n, KEYS);
	for (size_t i = 0; i < KEYS; i++) {
		assert_true(dname_equal(got.keys[i]->name, keys[i]->name));
		assert_int_equal(got.keys[i]->alg, keys[i]->alg);
		assert_int_equal(got.newest[i], newest[i]);
		assert_true(secret_equal(got.keys[i]->secret, keys[i]->secret));
		tsig_key_unref(got.keys[i]);
		tsig_key_unref(keys[i]);
	}
}

static void an_empty_list_of_keys_is_one_packet(void **state)
{
	struct got got = { 0 };
	size_t at = 0;
	struct secret *s = netmsg_tsig_pack(NULL, NULL, 0, &at);
	bool first, last;

	(void)state;
	assert_int_equal(netmsg_tsig_read(secret_open(s), secret_len(s), take, &got, &first, &last, NULL), 0);
	secret_close(s);
	secret_free(s);
	assert_true(first && last);
	assert_int_equal(got.n, 0);
}

static int start(void **state)
{
	(void)state;
	return secret_init(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(packets_keep_their_bounds_and_descriptors, open_pair,
						close_pair),
		cmocka_unit_test_setup_teardown(a_full_socket_says_not_now, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(too_large_a_packet_is_refused_and_its_descriptors_closed,
						open_pair, close_pair),
		cmocka_unit_test(only_sealed_memory_is_mapped),
		cmocka_unit_test(keys_travel_in_as_many_packets_as_they_need),
		cmocka_unit_test(an_empty_list_of_keys_is_one_packet),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
