/* SPDX-License-Identifier: BSD-3-Clause */
/* Transfers out of blocks that the loop or threads read: every message as it was written, whoever is slow, ends early or goes. */
#include "signer/net/xfrout.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"
#include "signer/net/block.h"
#include "signer/net/crew.h"
#include "signer/net/link.h"
#include "signer/netpages.h"
#include "store/page_sum.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <cmocka.h>

#define PAGES 150 /* of up to 15,000 octets: many blocks */
#define ID    0x4711

static const uint8_t apex[] = "\007example\004test", key_name[] = "\001k";
static const uint8_t soa[] =
	"\007example\004test\000\000\006\000\001\000\000\001\054\000\026\000\000\000\000\000\007"
	"\000\000\000\001\000\000\000\002\000\000\000\003\000\000\000\004";

static struct net_config config = NET_CONFIG_DEFAULT;
static struct net *net;
static struct served *version;
static struct tsig_key *key;
static int engine, volume;
static uint8_t *file; /* what the volume has */
static size_t file_len;

static struct transfer {
	struct xfrout *x;
	struct tsig *client;
	int ours, theirs;
	uint8_t *got;
	size_t len;
	bool may_go_on, ended, cut;
} transfers[8];

/* The pages into the file, and the table of them as engine says it. */
static size_t build(uint8_t *table, size_t cap)
{
	static uint8_t rdata[14592]; /* 57 strings of 255 */
	struct wr t = wr_of(table, cap);

	netpages_put_splice(&t, &(struct netpages_splice){ .added = PAGES });
	for (size_t i = 0; i < sizeof(rdata); i++)
		rdata[i] = i % 256 == 0 ? 255 : (uint8_t)(i * 7);
	for (size_t i = 0; i < PAGES; i++) {
		struct rr rr = { .owner = apex, .type = TYPE_TXT, .rdata = rdata, .rdlen = (uint16_t)(256 * (i * 37 % 57 + 1)) };
		uint8_t *p = file + file_len;
		struct wr w = wr_of(p + 2, DNS_MESSAGE_MAX);

		rr.ttl = (uint32_t)i;
		dns_build_header(&w, 0, DNS_QR | DNS_AA, DNS_QUERY, RCODE_NOERROR);
		dns_build_rr(&w, DNS_ANSWER, &rr);
		p[0] = (uint8_t)(w.at >> 8);
		p[1] = (uint8_t)w.at;
		netpages_put_page(&t, &(struct netpages_page){
			.offset = file_len, .xxh = page_sum(p, 2 + w.at), .volume = 1, .len = (uint32_t)(2 + w.at) });
		file_len += 2 + w.at;
	}
	assert_false(t.bad);
	return t.at;
}

/* Whether the file system says what would have to be waited for. */
static bool tells(int fd)
{
	struct iovec part = { .iov_base = (uint8_t[1]){ 0 }, .iov_len = 1 };

	return preadv2(fd, &part, 1, 0, RWF_NOWAIT) >= 0 || errno != EOPNOTSUPP;
}

/* A memfd cannot tell what would have to be waited for, so that threads read it; of what was just written to a disk's file
 * the kernel has all in memory, so that the loop does. */
static int volume_of(bool on_disk)
{
	const char *const folders[] = { getenv("TMPDIR"), "/tmp", "/var/tmp", "." }; /* some may be in memory, too */
	char path[256];
	int fd = -1;

	if (!on_disk)
		return memfd_create("volume", MFD_CLOEXEC);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && (fd < 0 || !tells(fd)); i++) {
		if (folders[i] == NULL)
			continue;
		if (fd >= 0)
			close(fd);
		snprintf(path, sizeof(path), "%s/volume.XXXXXX", folders[i]);
		fd = mkstemp(path);
		unlink(path);
	}
	return fd;
}

static int start_with(bool on_disk)
{
	uint8_t *table = mem_new(PAGES + 1, NETPAGES_PAGE);
	struct err e = { 0 };
	int pair[2];
	size_t len;

	file = mem_new(PAGES, 16384);
	file_len = 0;
	net = mem_new(1, sizeof(*net));
	net->config = &config;
	if (uv_loop_init(&net->loop) != 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0 ||
	    crew_new(&net->loop, &net->readers, &e) != 0 || crew_new(&net->loop, &net->crew, &e) != 0)
		return -1;
	engine = pair[0];
	link_start(net, pair[1]);
	key = tsig_key_new(key_name, TSIG_HMAC_SHA256, secret_random(32));
	len = build(table, (PAGES + 1) * NETPAGES_PAGE);
	volume = volume_of(on_disk);
	if (pwrite(volume, file, file_len, 0) != (ssize_t)file_len || net_volume_add(net, 1, dup(volume), &e) != 0)
		return -1;
	version = served_new(net, apex, 7, soa, sizeof(soa) - 1, pages_splice(net, NULL, table, len, PAGES, &e), &e);
	free(table);
	return version == NULL ? -1 : 0;
}

static int start(void **state)
{
	(void)state;
	return start_with(false);
}

static int start_on_disk(void **state)
{
	(void)state;
	return start_with(true);
}

/* Jobs that keep every thread which reads from doing so, as a slow disk does. */
static sem_t disk;
static struct job waiting[8];
static bool disk_waits;

static struct job *wait_for_disk(struct job *job)
{
	(void)job;
	while (sem_wait(&disk) != 0)
		;
	return NULL;
}

static void nothing_more(struct job *job)
{
	(void)job;
}

static void stop_disk(void)
{
	sem_init(&disk, 0, 0);
	disk_waits = true;
	for (size_t i = 0; i < 8; i++) {
		waiting[i] = (struct job){ .run = wait_for_disk, .done = nothing_more };
		crew_queue(net->readers, &waiting[i]);
	}
}

static void go_on_disk(void)
{
	for (size_t i = 0; i < 8 && disk_waits; i++)
		sem_post(&disk);
	disk_waits = false;
}

static int end(void **state)
{
	(void)state;
	go_on_disk();
	for (size_t i = 0; i < 8; i++) {
		struct transfer *t = &transfers[i];

		xfrout_free(t->x);
		tsig_free(t->client);
		free(t->got);
		if (t->ours > 0)
			close(t->ours);
		if (t->theirs > 0)
			close(t->theirs);
		*t = (struct transfer){ 0 };
	}
	served_unref(net, version);
	crew_free(net->crew);
	crew_free(net->readers);
	assert_int_equal(net->transfers, 0);
	for (const struct block *b = net->blocks; b != NULL; b = b->next)
		assert_int_equal(b->refs, 0);
	while (net->volumes != NULL)
		net_volume_gone(net, net->volumes->number);
	link_stop(net);
	blocks_free(net);
	uv_run(&net->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&net->loop), 0);
	tsig_key_unref(key);
	close(engine);
	close(volume);
	free(net);
	free(file);
	return 0;
}

static void on_ready(void *ctx)
{
	((struct transfer *)ctx)->may_go_on = true;
}

/* A query with a TSIG; the state of both sides. */
static void query(struct transfer *t, struct answer *a)
{
	uint8_t q[512], record[TSIG_RR_MAX];
	struct wr w = wr_of(q, sizeof(q));
	struct dns_msg m;
	bool formerr;
	size_t len;

	dns_build_header(&w, ID, 0, DNS_QUERY, 0);
	dns_build_question(&w, apex, TYPE_AXFR, CLASS_IN);
	t->client = tsig_new(key);
	len = tsig_sign(t->client, w.p, w.at, clock_now_s(), TSIG_NOERROR, record);
	dns_build_raw(&w, record, len);
	assert_int_equal(dns_msg_read(q, w.at, &m, NULL), 0);
	assert_int_equal(tsig_verify_query(&m, &key, 1, clock_now_s(), &a->tsig, &formerr), TSIG_NOERROR);
}

static void begin(struct transfer *t, bool with_key)
{
	struct answer a = { .version = served_ref(version), .id = ID, .qtype = TYPE_AXFR };
	struct addr to;
	int pair[2];

	memcpy(a.qname, apex, sizeof(apex));
	if (with_key)
		query(t, &a);
	assert_int_equal(addr_parse("192.0.2.1#53", 53, &to, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	t->ours = pair[0];
	t->theirs = pair[1];
	t->got = mem_new(1, 2 * file_len);
	t->may_go_on = true;
	t->x = xfrout_new(net, &a, &to, on_ready, t);
	assert_non_null(t->x);
}

/* One step, if it can make one. */
static void step(struct transfer *t)
{
	enum xfrout_step s;

	if (!t->may_go_on || t->ended || t->cut)
		return;
	s = xfrout_step(t->x, t->ours);
	t->may_go_on = s != XFROUT_PENDING;
	t->ended = s == XFROUT_DONE;
	t->cut = s == XFROUT_CUT;
}

static void take(struct transfer *t, size_t most)
{
	ssize_t n = recv(t->theirs, t->got + t->len, most, MSG_DONTWAIT);

	t->len += n > 0 ? (size_t)n : 0;
}

/* A turn of the loop, which waits for the threads when all transfers do: who only looked would keep them from their work. */
static void turn(void)
{
	bool waits = false, goes = false;

	for (size_t i = 0; i < 8; i++) {
		const struct transfer *t = &transfers[i];
		bool runs = t->x != NULL && !t->ended && !t->cut;

		goes = goes || (runs && t->may_go_on);
		waits = waits || (runs && !t->may_go_on);
	}
	uv_run(&net->loop, waits && !goes ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

/* Octets of engine's packets are nobody's here. */
static void forget_words(void)
{
	uint8_t packet[4096];

	while (recv(engine, packet, sizeof(packet), MSG_DONTWAIT) > 0)
		;
}

static const uint8_t *next_message(struct transfer *t, size_t *at, struct dns_msg *m)
{
	const uint8_t *p = t->got + *at;
	size_t len = (size_t)p[0] << 8 | p[1];
	struct err e;

	assert_true(*at + 2 + len <= t->len);
	if (dns_msg_read(p + 2, len, m, &e) != 0)
		fail_msg("message at %zu: %s", *at, e.text);
	assert_int_equal(m->id, ID);
	if (t->client != NULL && tsig_verify(t->client, m, clock_now_s(), &e) != 0)
		fail_msg("message at %zu: %s", *at, e.text);
	*at += 2 + len;
	return p + 2;
}

/* SOA, each page but for its ID and TSIG, SOA. */
static void check(struct transfer *t)
{
	struct dns_msg m;
	size_t at = 0, from = 0;

	next_message(t, &at, &m);
	assert_true(m.qdcount == 1 && m.ancount == 1);
	while (from < file_len) {
		size_t len = (size_t)file[from] << 8 | file[from + 1];
		const uint8_t *p = next_message(t, &at, &m);

		assert_memory_equal(p + 2, file + from + 4, 8);
		assert_memory_equal(p + 12, file + from + 14, len - 12);
		assert_int_equal(m.tsig.present ? m.tsig.at : m.len, len);
		from += 2 + len;
	}
	next_message(t, &at, &m);
	assert_true(m.qdcount == 0 && m.ancount == 1);
	assert_int_equal(at, t->len);
	if (t->client != NULL)
		assert_int_equal(tsig_verify_end(t->client, NULL), 0);
}

/* All, with a key every second, at their own pace, begun one behind the other. */
static void transfers_side_by_side_are_whole(void **state)
{
	size_t begun = 0, ended = 0;

	(void)state;
	for (unsigned round = 0; ended < 8; round++) {
		if (begun < 8 && round % 40 == 0) {
			begin(&transfers[begun], begun % 2 == 1);
			begun++;
		}
		turn();
		ended = 0;
		for (size_t i = 0; i < begun; i++) {
			step(&transfers[i]);
			assert_false(transfers[i].cut);
			take(&transfers[i], 4000 << i);
			ended += transfers[i].ended && transfers[i].len > 0;
		}
		forget_words();
	}
	for (size_t i = 0; i < 8; i++) {
		for (size_t before = 0; before != transfers[i].len;) {
			before = transfers[i].len;
			take(&transfers[i], file_len);
		}
		check(&transfers[i]);
	}
}

/* Whatever a transfer was about when its connection closed, the others go on and nothing is left. */
static void one_that_ends_early_leaves_nothing(void **state)
{
	(void)state;
	begin(&transfers[0], true);
	for (unsigned round = 0; round < 300; round++) {
		struct transfer *t = &transfers[1 + round % 7];

		if (t->x != NULL) {
			xfrout_free(t->x);
			tsig_free(t->client);
			free(t->got);
			close(t->ours);
			close(t->theirs);
			*t = (struct transfer){ 0 };
		}
		begin(t, round % 3 != 0);
		for (size_t i = 0; i < 8; i++) {
			for (unsigned k = 0; transfers[i].x != NULL && k <= round % 4; k++)
				step(&transfers[i]);
			if (transfers[i].x != NULL)
				take(&transfers[i], file_len / 8);
			assert_false(transfers[i].cut);
		}
		turn();
		forget_words();
	}
	while (!transfers[0].ended) {
		turn();
		step(&transfers[0]);
		assert_false(transfers[0].cut);
		take(&transfers[0], file_len);
	}
	take(&transfers[0], file_len);
	check(&transfers[0]);
}

static void what_is_in_memory_waits_for_no_disk(void **state)
{
	(void)state;
	if (!tells(volume))
		skip();
	stop_disk();
	begin(&transfers[0], false);
	begin(&transfers[1], true);
	begin(&transfers[2], false);
	for (size_t i = 0; i < 3; i++)
		while (!transfers[i].ended) {
			turn();
			for (size_t k = i; k < 3; k++) {
				step(&transfers[k]);
				take(&transfers[k], file_len);
			}
			assert_false(transfers[i].cut);
			assert_true(transfers[i].may_go_on || transfers[i].client != NULL); /* a MAC is made by a thread */
			forget_words();
		}
	go_on_disk();
	for (size_t i = 0; i < 3; i++) {
		take(&transfers[i], file_len);
		check(&transfers[i]);
	}
}

/* Of two, who is behind is told so, until the other has gone. */
static void who_is_further_is_known_while_it_runs(void **state)
{
	(void)state;
	begin(&transfers[0], false);
	begin(&transfers[1], false);
	while (transfers[0].len < file_len / 2) {
		turn();
		step(&transfers[0]);
		take(&transfers[0], file_len);
	}
	assert_true(xfrout_behind(transfers[1].x));
	assert_false(xfrout_behind(transfers[0].x));
	xfrout_free(transfers[0].x);
	transfers[0].x = NULL;
	assert_false(xfrout_behind(transfers[1].x));
}

/* The version is another's, and its volume gone, while blocks of it are read. */
static void a_version_lives_as_long_as_it_is_read(void **state)
{
	(void)state;
	begin(&transfers[0], false);
	begin(&transfers[1], true);
	step(&transfers[0]);
	step(&transfers[1]);
	served_unref(net, version);
	version = NULL;
	net_volume_gone(net, 1);
	xfrout_free(transfers[1].x);
	transfers[1].x = NULL;
	while (!transfers[0].ended) {
		turn();
		step(&transfers[0]);
		take(&transfers[0], file_len);
	}
	take(&transfers[0], file_len);
	check(&transfers[0]);
}

/* A page that is not what was written cuts every transfer that comes to it, and no octet of it is sent. */
static void a_damaged_page_cuts_all_that_come_to_it(void **state)
{
	size_t at = 0, page = 0;
	uint8_t octet;

	(void)state;
	for (; page < 100; page++)
		at += 2 + ((size_t)file[at] << 8 | file[at + 1]);
	octet = file[at + 40] ^ 1;
	assert_int_equal(pwrite(volume, &octet, 1, (off_t)at + 40), 1);
	for (size_t i = 0; i < 4; i++)
		begin(&transfers[i], i % 2 == 1);
	for (size_t cut = 0; cut < 4;) {
		turn();
		cut = 0;
		for (size_t i = 0; i < 4; i++) {
			step(&transfers[i]);
			assert_false(transfers[i].ended);
			take(&transfers[i], file_len);
			cut += transfers[i].cut;
		}
	}
	for (size_t i = 0; i < 4; i++) {
		const struct transfer *t = &transfers[i];
		struct dns_msg m;

		for (size_t from = 0; from + 2 <= t->len && from + 2 + (t->got[from] << 8 | t->got[from + 1]) <= t->len;)
			next_message(&transfers[i], &from, &m);
		assert_true(transfers[i].len < at + 4000 + PAGES * TSIG_RR_MAX);
	}
}

int main(void)
{
#define TEST(name)    cmocka_unit_test_setup_teardown(name, start, end)
#define ON_DISK(name) { #name " on disk", name, start_on_disk, end, NULL }
	const struct CMUnitTest tests[] = {
		TEST(transfers_side_by_side_are_whole),
		ON_DISK(transfers_side_by_side_are_whole),
		TEST(one_that_ends_early_leaves_nothing),
		ON_DISK(one_that_ends_early_leaves_nothing),
		ON_DISK(what_is_in_memory_waits_for_no_disk),
		ON_DISK(who_is_further_is_known_while_it_runs),
		TEST(a_version_lives_as_long_as_it_is_read),
		ON_DISK(a_version_lives_as_long_as_it_is_read),
		TEST(a_damaged_page_cuts_all_that_come_to_it),
		ON_DISK(a_damaged_page_cuts_all_that_come_to_it),
	};

	log_init("test", LOG_ERROR);
	if (secret_init(NULL) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
