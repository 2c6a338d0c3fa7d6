/* SPDX-License-Identifier: BSD-3-Clause */
/* fetch: connects, asks, reads message by message, and writes records to a memfd through a buffer, or messages to a file. */
#include "signer/net/fetch.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "signer/net/exchange.h"
#include "zone/zone.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MS  20000   /* without a whole message */
#define TOTAL_MS 7200000 /* for all of it */
#define BUF_LEN  (256u << 10)
#define READS    32 /* messages per turn */
#define VERSION_MAX 32768 /* so that it fits a packet in base64 */

struct fetch {
	struct net *net;
	struct fetch *next, **at; /* the others that run */
	struct io *io;
	uint8_t apex[DNAME_MAX];
	struct primary_source source;
	fetch_done_fn *done;
	void *ctx;
	struct inbound in;
	struct tsig *tsig;
	uint8_t query[2 + 1024];
	size_t query_len, query_at;
	uint8_t *msg; /* 2 + DNS_MESSAGE_MAX */
	size_t msg_len;
	uint8_t *buf;
	size_t buf_len;
	int memfd, into; /* one of them; -1: not that */
	int64_t deadline_ms;
};

static void link_fetch(struct fetch *f)
{
	f->next = f->net->fetches;
	f->at = &f->net->fetches;
	if (f->next != NULL)
		f->next->at = &f->next;
	f->net->fetches = f;
}

static void unlink_fetch(struct fetch *f)
{
	*f->at = f->next;
	if (f->next != NULL)
		f->next->at = f->at;
}

/* Whether one more may come from this host. */
static bool is_free(const struct net *net, const struct addr *host, struct err *e)
{
	unsigned n = 0, from_host = 0;

	for (const struct fetch *f = net->fetches; f != NULL; f = f->next, n++)
		from_host += addr_same_host(&f->source.addr, host) ? 1 : 0;
	if (n >= FETCHES_MAX)
		err_set(e, ERR_NOTNOW, "%d transfers from primaries run already", FETCHES_MAX);
	else if (from_host >= FETCHES_PER_HOST)
		err_set(e, ERR_NOTNOW, "%d transfers from this primary run already", FETCHES_PER_HOST);
	return n < FETCHES_MAX && from_host < FETCHES_PER_HOST;
}

void fetch_cancel(struct fetch *f)
{
	if (f == NULL)
		return;
	unlink_fetch(f);
	io_close(f->io);
	inbound_fini(&f->in);
	tsig_free(f->tsig);
	if (f->memfd >= 0)
		close(f->memfd);
	free(f->msg);
	free(f->buf);
	free(f);
}

static void fail(struct fetch *f, const char *why)
{
	fetch_done_fn *done = f->done;
	void *ctx = f->ctx;
	char text[sizeof(((struct err *)0)->text)];
	struct fetch_result result = { .why = text, .memfd = -1, .answered = f->in.messages > 0 || f->msg_len > 0 };

	snprintf(text, sizeof(text), "%s", why);
	fetch_cancel(f);
	done(ctx, &result);
}

static int write_all(int fd, const uint8_t *p, size_t len, const char *what, struct err *e)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(e, "%s", what);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int flush(struct fetch *f, struct err *e)
{
	const size_t len = f->buf_len;

	f->buf_len = 0;
	return write_all(f->memfd, f->buf, len, "memory for the transfer", e);
}

/* Into a file go the messages; of the records those are kept that say which version it is. */
static int keep_version(struct fetch *f, const struct rr *rr, struct err *e)
{
	struct wr w = wr_of(f->buf + f->buf_len, BUF_LEN - f->buf_len);

	if (!dname_equal(rr->owner, f->apex) ||
	    (rr->type != TYPE_SOA && (rr->type != TYPE_RRSIG || rr->rdlen < 2 || (rr->rdata[0] << 8 | rr->rdata[1]) != TYPE_SOA)))
		return 0;
	rr_write(&w, rr);
	if (w.bad || f->buf_len + w.at > VERSION_MAX)
		return err_set(e, ERR_LIMIT, "the SOA and its RRSIGs are above %d octets", VERSION_MAX);
	f->buf_len += w.at;
	return 0;
}

static int put(void *ctx, const struct rr *rr, struct err *e)
{
	struct fetch *f = ctx;
	struct wr w;

	if (f->into >= 0)
		return keep_version(f, rr, e);
	if (BUF_LEN - f->buf_len < rr_wire_len(rr) && flush(f, e) != 0)
		return -1;
	w = wr_of(f->buf + f->buf_len, BUF_LEN - f->buf_len);
	rr_write(&w, rr);
	f->buf_len += w.at;
	return 0;
}

static void succeed(struct fetch *f)
{
	bool same = f->in.form == INBOUND_SAME, records = !same && f->into < 0;
	struct fetch_result result = { .answered = true,
				       .form = f->in.form,
				       .from = f->in.have,
				       .memfd = records ? f->memfd : -1,
				       .version_len = f->into < 0 ? 0 : f->buf_len,
				       .serial = inbound_serial(&f->in),
				       .octets = f->in.octets,
				       .soa_len = f->in.soa_len };
	fetch_done_fn *done = f->done;
	void *ctx = f->ctx;
	uint8_t *soa, *version;
	struct err e;

	if (records && (flush(f, &e) != 0 || netmsg_memfd_seal(f->memfd, &e) != 0)) {
		fail(f, e.text);
		return;
	}
	soa = mem_dup(f->in.soa, f->in.soa_len);
	result.soa = soa;
	version = result.version_len > 0 ? mem_dup(f->buf, result.version_len) : NULL;
	result.version = version;
	if (records)
		f->memfd = -1;
	fetch_cancel(f);
	done(ctx, &result);
	free(soa);
	free(version);
}

/* One whole message.  False when the fetch is gone. */
static bool take(struct fetch *f)
{
	struct dns_msg m;
	struct err e;
	int rc;

	if (dns_msg_read(f->msg + 2, f->msg_len - 2, &m, &e) != 0) {
		err_ctx(&e, "message %u", f->in.messages + 1);
		fail(f, e.text);
		return false;
	}
	/* An RCODE says more than a missing TSIG, and both end the transfer. */
	if (f->tsig != NULL && tsig_verify(f->tsig, &m, clock_now_s(), &e) != 0) {
		char text[16];

		if (m.rcode != RCODE_NOERROR)
			err_ctx(&e, "primary answers %s", dns_rcode_text(m.rcode, text));
		fail(f, e.text);
		return false;
	}
	rc = inbound_message(&f->in, &m, &e);
	if (rc >= 0 && f->into >= 0 && write_all(f->into, f->msg, f->msg_len, "file for the transfer", &e) != 0)
		rc = -1;
	if (rc > 0 && f->tsig != NULL)
		rc = tsig_verify_end(f->tsig, &e) == 0 ? 1 : -1;
	if (rc < 0)
		fail(f, e.text);
	if (rc > 0)
		succeed(f);
	return rc == 0;
}

static void read_some(struct fetch *f)
{
	for (int i = 0; i < 2 * READS; i++) {
		size_t want = f->msg_len < 2 ? 2 : 2 + (size_t)(f->msg[0] << 8 | f->msg[1]);
		ssize_t n = f->msg_len == want
				    ? 0
				    : recv(io_fd(f->io), f->msg + f->msg_len, want - f->msg_len, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			fail(f, strerror(errno));
			return;
		}
		if (n == 0 && f->msg_len != want) {
			char why[128];

			snprintf(why, sizeof(why),
				 "transfer is cut off: the connection ended after %u messages and %ju "
				 "records, before the last SOA",
				 f->in.messages, (uintmax_t)f->in.records);
			fail(f, why);
			return;
		}
		f->msg_len += (size_t)n;
		if (f->msg_len < 2 || f->msg_len < 2 + (size_t)(f->msg[0] << 8 | f->msg[1]))
			continue;
		if (clock_mono_ms() > f->deadline_ms) {
			fail(f, "transfer takes more than two hours");
			return;
		}
		if (!take(f))
			return;
		f->msg_len = 0;
		io_timer(f->io, IDLE_MS);
	}
}

static void on_event(void *ctx, int events)
{
	struct fetch *f = ctx;
	ssize_t n;

	(void)events;
	if (f->query_at == f->query_len) {
		read_some(f);
		return;
	}
	n = send(io_fd(f->io), f->query + f->query_at, f->query_len - f->query_at, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		fail(f, strerror(errno));
		return;
	}
	if (n > 0)
		f->query_at += (size_t)n;
	if (f->query_at == f->query_len)
		io_want(f->io, UV_READABLE);
}

static void on_time(void *ctx)
{
	struct fetch *f = ctx;
	char why[128];

	if (f->query_at < f->query_len)
		snprintf(why, sizeof(why), "no connection within %d s", IDLE_MS / 1000);
	else
		snprintf(why, sizeof(why), "nothing came for %d s, after %u messages", IDLE_MS / 1000,
			 f->in.messages);
	fail(f, why);
}

/* The SOA of what we have; of it a primary needs the serial (RFC 1995 section 3). */
static void build_have(struct wr *w, const uint8_t *apex, uint32_t serial)
{
	uint8_t rdata[1 + 1 + 20] = { 0 };

	soa_set_serial(rdata, sizeof(rdata), serial);
	dns_build_rr(w, DNS_AUTHORITY,
		     &(struct rr){ .owner = apex, .type = TYPE_SOA, .rdata = rdata, .rdlen = sizeof(rdata) });
}

static int build(struct fetch *f, struct err *e)
{
	struct wr w = wr_of(f->query + 2, sizeof(f->query) - 2);
	uint8_t record[TSIG_RR_MAX];
	char text[DNAME_TEXT_MAX];

	f->in.id = (uint16_t)randombytes_random();
	dns_build_header(&w, f->in.id, 0, DNS_QUERY, 0);
	dns_build_question(&w, f->apex, f->in.ixfr ? TYPE_IXFR : TYPE_AXFR, CLASS_IN);
	if (f->in.ixfr)
		build_have(&w, f->apex, f->in.have);
	if (f->source.has_key) {
		struct tsig_key *key = keyring_newest(f->net, f->source.key);
		size_t len;

		if (key == NULL)
			return err_set(e, ERR_NOTFOUND, "TSIG key %s is not known here",
				       dname_to_text(f->source.key, text));
		f->tsig = tsig_new(key);
		len = f->tsig == NULL ? 0
				      : tsig_sign(f->tsig, w.p, w.at, clock_now_s(), TSIG_NOERROR, record);
		if (len == 0)
			return err_set(e, ERR_CRYPTO, "TSIG cannot be made");
		dns_build_raw(&w, record, len);
	}
	f->query[0] = (uint8_t)(w.at >> 8);
	f->query[1] = (uint8_t)w.at;
	f->query_len = 2 + w.at;
	return 0;
}

struct fetch *fetch_start(struct net *net, const uint8_t *apex, const struct primary_source *source,
			  const uint32_t *have, int into, fetch_done_fn *done, void *ctx, struct err *e)
{
	struct fetch *f;
	int fd = -1;

	if (!is_free(net, &source->addr, e))
		return NULL;
	f = mem_new(1, sizeof(*f));
	f->net = net;
	memcpy(f->apex, apex, dname_len(apex));
	f->source = *source;
	link_fetch(f);
	f->done = done;
	f->ctx = ctx;
	f->in = (struct inbound){
		.apex = f->apex, .ixfr = have != NULL, .have = have == NULL ? 0 : *have, .max_octets = net->config->max_input_octets, .put = put, .ctx = f
	};
	inbound_init(&f->in);
	f->msg = mem_new(1, 2 + DNS_MESSAGE_MAX);
	f->buf = mem_new(1, BUF_LEN);
	f->deadline_ms = clock_mono_ms() + TOTAL_MS;
	f->into = into;
	f->memfd = into >= 0 ? -1 : memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (f->memfd < 0 && into < 0) {
		err_errno(e, "memory for the transfer");
		goto fail;
	}
	if (build(f, e) != 0 || (fd = exchange_socket(net, &source->addr, SOCK_STREAM, e)) < 0)
		goto fail;
	f->io = io_new(&net->loop, fd, f, on_event, on_time);
	io_want(f->io, UV_WRITABLE);
	io_timer(f->io, IDLE_MS);
	return f;
fail:
	fetch_cancel(f);
	return NULL;
}
