/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * primary: SOA timers of one zone's primaries.
 *
 *   waiting --timer, NOTIFY--> checking (SOA query) --serial above ours--> fetching (IXFR, AXFR)
 *                                 |  same serial, failure                      | given, failure
 *                                 +---> the next primary; none left: waiting <-+
 *
 * All are asked each time, in their order, so that one which lags behind keeps nothing newer from us, and one that fails
 * is passed over at once.  It has failed when each of them has.
 *
 * A NOTIFY that names a serial above ours leads to fetching at once.  IXFR is asked for where engine can apply
 * differences; whatever the primary answers that is none leads to AXFR at once.
 *
 * After a success the timer is SOA refresh.  After a failure it is 5 s, doubling up to SOA retry (or 5
 * minutes while no SOA is known), with a fifth of jitter.
 */
#include "signer/net/primary.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"
#include "serial/serial.h"
#include "signer/net/exchange.h"
#include "signer/net/fetch.h"
#include "signer/net/link.h"
#include "signer/net/refresh.h"
#include "zone/zone.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_RETRY_S 5
#define RETRY_MAX_S   300 /* while no SOA is known */
#define REFRESH_MIN_S 1
#define REFRESH_MAX_S 86400
#define WHY_MAX       512
#define NOTIFIED_MS   1000 /* checks that NOTIFY brings are so far apart at least */

struct primary {
	struct net *net;
	struct net_zone *zone;
	struct primaries sources;
	size_t at, left; /* which of them is asked; how many are to be asked, it among them */
	bool good;       /* one of them has confirmed what we have, or given more */
	bool same;       /* confirmed it, and none gave more */
	char why[WHY_MAX]; /* what is wrong with those that were asked */
	struct primary_have have; /* what engine has taken, or what we gave it last */
	bool has_soa;
	struct soa_timers soa;
	struct agenda_item due;
	struct exchange *check;
	struct fetch *fetch;
	bool again;      /* a NOTIFY came while we were busy */
	bool again_now;  /* from one that knows a key */
	bool fetch_diff; /* fetch is an IXFR */
	unsigned failures;
	int64_t confirmed_ms;
	int64_t checked_ms; /* when the last check began */
	bool expired_said;
};

/* Jitter keeps zones that failed together from asking together. */
static int64_t jittered_ms(int64_t s)
{
	int64_t ms = s * 1000;

	return ms - (int64_t)randombytes_uniform((uint32_t)(ms / 5) + 1);
}

/* How long a check that somebody asks for has to wait. */
static int64_t soon_ms(const struct primary *p)
{
	int64_t due = p->checked_ms + NOTIFIED_MS - clock_mono_ms();

	return p->checked_ms == 0 || due < 0 || p->again_now ? 0 : due;
}

static int64_t expire_left_ms(const struct primary *p)
{
	return p->confirmed_ms + (int64_t)p->soa.expire_s * 1000 - clock_mono_ms();
}

static const struct primary_source *asked(const struct primary *p)
{
	return &p->sources.v[p->at];
}

static void say_expired(struct primary *p)
{
	char from[ADDR_TEXT_LEN];

	if (!p->has_soa || p->expired_said || expire_left_ms(p) > 0)
		return;
	p->expired_said = true;
	log_event(LOG_ERROR, "input-expired", "zone=%s primary=%s expire_s=%u", p->zone->text,
		  addr_text(&asked(p)->addr, from), p->soa.expire_s);
	link_send(p->net, "input-expired",
		  json_pack("{s:s, s:s, s:I}", "zone", p->zone->text, "primary", from, "expire_s",
			    (json_int_t)p->soa.expire_s),
		  -1, false);
}

static int64_t bounded_s(int64_t s)
{
	return s < REFRESH_MIN_S ? REFRESH_MIN_S : s > REFRESH_MAX_S ? REFRESH_MAX_S : s;
}

/* None of them did as it should. */
static void all_failed(struct primary *p)
{
	int64_t most = bounded_s(p->has_soa ? p->soa.retry_s : RETRY_MAX_S);
	int64_t retry_s = (int64_t)FIRST_RETRY_S << (p->failures < 10 ? p->failures : 10);
	char from[ADDR_TEXT_LEN];

	if (retry_s > most)
		retry_s = most;
	p->failures++;
	addr_text(&asked(p)->addr, from);
	log_event(LOG_WARNING, "input-failed", "zone=%s primary=%s retry_s=%jd msg=%s", p->zone->text, from,
		  (intmax_t)retry_s, p->why);
	link_send(p->net, "input-failed",
		  json_pack("{s:s, s:s, s:s, s:I}", "zone", p->zone->text, "primary", from, "why", p->why,
			    "retry_s", (json_int_t)retry_s),
		  -1, false);
	say_expired(p);
	refresh_set(p->net, &p->due, jittered_ms(retry_s));
}

static void check_one(struct primary *p);

/* All were asked. */
static void asked_all(struct primary *p)
{
	if (!p->good) {
		all_failed(p);
		return;
	}
	if (p->same)
		link_send(p->net, "input-same",
			  json_pack("{s:s, s:I}", "zone", p->zone->text, "serial", (json_int_t)p->have.serial), -1, false);
	refresh_set(p->net, &p->due, p->again ? soon_ms(p) : jittered_ms(bounded_s(p->soa.refresh_s)));
	p->again = false;
	p->again_now = false;
}

/* This one was asked. */
static void on(struct primary *p)
{
	if (--p->left == 0) {
		asked_all(p);
		return;
	}
	p->at = (p->at + 1) % p->sources.n;
	check_one(p);
}

static void failed(struct primary *p, const char *why)
{
	char from[ADDR_TEXT_LEN];
	size_t len = strlen(p->why);

	addr_text(&asked(p)->addr, from);
	if (p->sources.n == 1) {
		snprintf(p->why, sizeof(p->why), "%s", why);
	} else {
		snprintf(p->why + len, sizeof(p->why) - len, "%s%s: %s", len > 0 ? "; " : "", from, why);
		log_event(LOG_WARNING, "primary-failed", "zone=%s primary=%s msg=%s; %s", p->zone->text, from, why,
			  p->left > 1 ? "the next one is asked" : "it was the last one to be asked");
	}
	on(p);
}

/* The primary has shown that what we have is current, or made it so. */
static void confirmed(struct primary *p, const uint8_t *soa, size_t soa_len)
{
	p->soa = soa_timers(soa, soa_len);
	p->has_soa = true;
	p->failures = 0;
	p->expired_said = false;
	p->confirmed_ms = clock_mono_ms();
	p->good = true;
	on(p);
}

static void start_fetch(struct primary *p, bool diff);

static void same(struct primary *p, const uint8_t *soa, size_t len)
{
	p->same = true;
	confirmed(p, soa, len);
}

/* Hands it to engine. */
static void give(struct primary *p, const struct fetch_result *result)
{
	const char *kind = result->form == INBOUND_DIFF ? "ixfr" : "axfr";
	char from[ADDR_TEXT_LEN];
	json_t *msg;

	addr_text(&asked(p)->addr, from);
	log_event(LOG_NOTICE, "input", "zone=%s serial=%u primary=%s kind=%s octets=%ju", p->zone->text,
		  result->serial, from, kind, (uintmax_t)result->octets);
	msg = json_pack("{s:s, s:I, s:s, s:s, s:I}", "zone", p->zone->text, "serial", (json_int_t)result->serial,
			"primary", from, "kind", kind, "octets", (json_int_t)result->octets);
	if (result->form == INBOUND_DIFF)
		json_object_set_new(msg, "from", json_integer(result->from));
	link_send(p->net, "input", msg, result->memfd, false);
	p->have.known = true;
	p->have.serial = result->serial;
	p->same = false;
	confirmed(p, result->soa, result->soa_len);
}

static void fetched(void *ctx, const struct fetch_result *result)
{
	struct primary *p = ctx;
	char from[ADDR_TEXT_LEN], why[128];

	p->fetch = NULL;
	if (result->why != NULL && p->fetch_diff && result->answered) {
		log_event(LOG_NOTICE, "ixfr-failed", "zone=%s primary=%s msg=%s; asking for the whole zone", p->zone->text,
			  addr_text(&asked(p)->addr, from), result->why);
		start_fetch(p, false);
	} else if (result->why != NULL) {
		failed(p, result->why);
	} else if (p->have.known && serial_distance(p->have.serial, result->serial) < 0) {
		close(result->memfd);
		snprintf(why, sizeof(why), "transfer has serial %u, which lies below %u that we have",
			 result->serial, p->have.serial);
		failed(p, why);
	} else if (result->form == INBOUND_SAME) {
		same(p, result->soa, result->soa_len);
	} else {
		give(p, result);
	}
}

static void start_fetch(struct primary *p, bool diff)
{
	struct err e;

	p->fetch_diff = diff && p->have.known && p->have.diff;
	p->fetch = fetch_start(p->net, p->zone->apex, asked(p), p->fetch_diff ? &p->have.serial : NULL, -1, fetched, p, &e);
	if (p->fetch != NULL)
		return;
	if (e.code == ERR_NOTNOW)
		refresh_set(p->net, &p->due, jittered_ms(2));
	else
		failed(p, e.text);
}

/* The apex SOA of an answer: its rdata in out, its length; -1 when there is none. */
static long find_soa(const struct primary *p, const struct dns_msg *m, uint8_t *out)
{
	struct rd r = rd_of(m->p, m->len);
	struct dns_rr rr;

	r.at = m->question_end;
	for (unsigned i = 0; i < m->ancount && dns_rr_read(&r, &rr, NULL) == 0; i++)
		if (rr.type == TYPE_SOA && rr.class == CLASS_IN && dname_equal(rr.owner, p->zone->apex))
			return dns_rdata_read(m, &rr, out, NULL);
	return -1;
}

/* What the primary's SOA says. */
static void on_soa(struct primary *p, const uint8_t *soa, size_t len)
{
	uint32_t serial = soa_serial(soa, len);
	int32_t ahead = serial_distance(p->have.serial, serial);
	char why[160];

	if (!p->have.known || ahead > 0) {
		start_fetch(p, true);
	} else if (ahead == 0) {
		same(p, soa, len);
	} else {
		snprintf(why, sizeof(why),
			 "primary's serial %u lies below %u that we have (RFC 1982); `zone accept-serial` "
			 "takes it",
			 serial, p->have.serial);
		failed(p, why);
	}
}

static void checked(void *ctx, enum exchange_result result, const struct dns_msg *m, const char *why)
{
	struct primary *p = ctx;
	uint8_t *soa;
	char text[64], rcode[16];
	long len;

	p->check = NULL;
	if (result != EXCHANGE_OK) {
		failed(p, why);
		return;
	}
	if (m->rcode != RCODE_NOERROR) {
		snprintf(text, sizeof(text), "primary answers %s to a SOA query",
			 dns_rcode_text(m->rcode, rcode));
		failed(p, text);
		return;
	}
	soa = mem_new(1, DNS_MESSAGE_MAX);
	len = find_soa(p, m, soa);
	if (len > 0 && (m->flags & DNS_AA) != 0)
		on_soa(p, soa, (size_t)len);
	else
		failed(p, len > 0 ? "primary's answer is not authoritative"
				  : "primary's answer has no SOA of the zone");
	free(soa);
}

static void check_one(struct primary *p)
{
	const struct primary_source *to = asked(p);
	struct exchange_spec spec = { .to = to->addr,
				      .name = p->zone->apex,
				      .type = TYPE_SOA,
				      .opcode = DNS_QUERY,
				      .has_key = to->has_key,
				      .key = to->key,
				      .tries = 3,
				      .wait_ms = 1000,
				      .tcp_at_last = true };

	p->check = exchange_start(p->net, &spec, checked, p);
}

/* Begins to ask all of them, this one first. */
static void begin(struct primary *p, size_t first)
{
	p->checked_ms = clock_mono_ms();
	p->at = first;
	p->left = p->sources.n;
	p->good = p->same = false;
	p->why[0] = '\0';
}

void primary_look(void *primary)
{
	struct primary *p = primary;

	if (p->check != NULL || p->fetch != NULL)
		return;
	say_expired(p);
	begin(p, 0);
	check_one(p);
}

void primary_set(struct net *net, struct net_zone *zone, struct primaries *sources, bool refresh, struct primary_have have)
{
	struct primary *p = zone->primary;
	bool changed = p == NULL || !primaries_equal(&p->sources, sources);

	if (changed) {
		primary_free(p);
		p = zone->primary = mem_new(1, sizeof(*p));
		p->net = net;
		p->zone = zone;
		p->sources = *sources;
		p->due.of = p;
		p->confirmed_ms = clock_mono_ms();
		/* Until a primary answers: a restart does not make an input fresher, but when it was confirmed is forgotten. */
		p->has_soa = have.timers;
		p->soa = (struct soa_timers){ .retry_s = have.retry_s, .expire_s = have.expire_s };
	} else {
		primaries_fini(sources);
	}
	p->have = have;
	if (!changed && !refresh)
		return;
	if (p->check != NULL || p->fetch != NULL)
		p->again = true;
	else
		refresh_set(p->net, &p->due, 0);
}

void primary_free(struct primary *p)
{
	if (p == NULL)
		return;
	exchange_cancel(p->check);
	fetch_cancel(p->fetch);
	refresh_drop(p->net, &p->due);
	primaries_fini(&p->sources);
	free(p);
}

/* Which of them it is; as many as there are: none. */
static size_t find(const struct primary *p, const struct addr *from)
{
	size_t i = 0;

	while (i < p->sources.n && !addr_same_host(&p->sources.v[i].addr, from))
		i++;
	return i;
}

bool primary_is(const struct primary *p, const struct addr *from, const struct tsig_key *key)
{
	/* Without a key too, as BIND sends it unless told otherwise: it is a hint, and the query that follows
	 * is signed. */
	for (size_t i = p == NULL ? 0 : find(p, from); p != NULL && i < p->sources.n; i++) {
		const struct primary_source *s = &p->sources.v[i];

		if (addr_same_host(&s->addr, from) && (key == NULL || !s->has_key || dname_equal(s->key, key->name)))
			return true;
	}
	return false;
}

void primary_notified(struct primary *p, const struct addr *from, bool has_shown_key, const uint32_t *serial)
{
	int64_t wait_ms = has_shown_key ? 0 : soon_ms(p);

	if (p->check != NULL || p->fetch != NULL) {
		p->again = true;
		p->again_now |= has_shown_key;
	} else if (wait_ms > 0 || serial == NULL || !p->have.known ||
		   serial_distance(p->have.serial, *serial) <= 0) {
		refresh_set(p->net, &p->due, wait_ms);
	} else {
		begin(p, find(p, from));
		start_fetch(p, true);
	}
}
