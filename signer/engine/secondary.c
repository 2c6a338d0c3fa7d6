/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * secondary: what each configured secondary shows.  It is asked for its SOA with RRSIGs after it has acknowledged a NOTIFY, often
 * while it is not in step, seldom when it is.  net asks; the id of the version is the hash of the RRSIGs that come.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "signer/engine/look.h"
#include "log/log.h"
#include "msg/msg.h"

#define TIMEOUT_MS    1500
#define IN_STEP_MS    300000
#define NOTIFY_TRIES  4    /* polls after which one that is still behind is told again */
#define NOTIFY_AGAIN_MS 5000
#define SIGS_MAX      16
#define KEYS_MAX      32
#define ANSWER_MAX    65535

/* Waits between polls while not in step, by the number of polls since the publication. */
static const int64_t wait_ms[] = { 500, 1000, 1000, 2000, 2000, 5000, 5000, 10000, 10000, 30000, 60000 };

static bool covers(const struct conf_secondary *c, const char *zone)
{
	for (size_t i = 0; i < c->zone_count; i++)
		if (strcmp(c->zones[i], "*") == 0 || strcasecmp(c->zones[i], zone) == 0)
			return true;
	return false;
}

static struct shown *find(struct zwork *z, const char *address)
{
	for (size_t i = 0; i < z->shown_count; i++)
		if (strcmp(z->shown[i].address, address) == 0)
			return &z->shown[i];
	return NULL;
}

void secondary_configure(struct zwork *z)
{
	const struct conf_signer *c = &z->engine->conf->signer;
	char address[ADDR_TEXT_LEN];

	for (size_t i = 0; i < z->shown_count; i++)
		z->shown[i].configured = false;
	for (size_t i = 0; i < c->secondary_count; i++) {
		struct shown *s;

		if (!covers(&c->secondaries[i], z->name))
			continue;
		addr_text(&c->secondaries[i].address, address);
		if ((s = find(z, address)) == NULL) {
			if (z->shown_count == SHOWN_MAX)
				continue;
			z->shown = mem_grow(z->shown, z->shown_count + 1, sizeof(*z->shown));
			s = &z->shown[z->shown_count++];
			*s = (struct shown){ .poll_mono_ms = clock_mono_ms() };
			memcpy(s->address, address, sizeof(s->address));
		}
		free(s->key);
		s->key = c->secondaries[i].key == NULL ? NULL : mem_strdup(c->secondaries[i].key);
		s->notify = c->secondaries[i].notify;
		s->configured = true;
	}
}

const struct past_version *secondary_explained(const struct zwork *z, const struct shown *s)
{
	return known_explains(&z->kept.own, &z->others, &s->now);
}

static bool in_step(const struct zwork *z, const struct shown *s)
{
	const struct past_version *v = secondary_explained(z, s);

	return s->now.ok && z->version != NULL && v != NULL && serial_distance(z->kept.last, s->now.serial) >= 0 &&
	       content_cmp_steps(&v->content, &z->kept.mine) >= 0;
}

static void plan_next(struct shown *s)
{
	size_t n = sizeof(wait_ms) / sizeof(wait_ms[0]);

	s->poll_mono_ms = clock_mono_ms() +
			  (s->in_step ? IN_STEP_MS : wait_ms[s->tries < n ? s->tries : n - 1]);
	s->tries++;
}

static void poll(struct zwork *z, struct shown *s)
{
	if (s->query != 0 || !s->configured)
		return;
	s->query = netlink_query(z->engine->net, z, s->address, s->key, "soa", TIMEOUT_MS);
	plan_next(s);
}

void secondary_tick(struct zwork *z)
{
	int64_t now_ms = clock_mono_ms();

	for (size_t i = 0; i < z->shown_count; i++)
		if (z->version != NULL && z->shown[i].poll_mono_ms <= now_ms)
			poll(z, &z->shown[i]);
}

int64_t secondary_next(const struct zwork *z)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < z->shown_count && z->version != NULL; i++) {
		const struct shown *s = &z->shown[i];

		if (s->configured && s->query == 0 && s->poll_mono_ms < at)
			at = s->poll_mono_ms;
	}
	return at;
}

void secondary_published(struct zwork *z)
{
	for (size_t i = 0; i < z->shown_count; i++) {
		struct shown *s = &z->shown[i];

		s->tries = 0;
		s->in_step = false;
		s->poll_mono_ms = clock_mono_ms() + wait_ms[0];
	}
	look_soon(z, NULL);
}

void secondary_ask(struct zwork *z)
{
	for (size_t i = 0; i < z->shown_count; i++)
		poll(z, &z->shown[i]);
}

bool secondary_fresh(const struct zwork *z, int64_t since_ms)
{
	for (size_t i = 0; i < z->shown_count; i++) {
		const struct shown *s = &z->shown[i];

		if (s->configured && s->seen_mono_ms < since_ms)
			return false;
	}
	return true;
}

static int sig_cmp(const void *a, const void *b)
{
	const struct rr *x = a, *y = b;
	size_t n = x->rdlen < y->rdlen ? x->rdlen : y->rdlen;
	int c = memcmp(x->rdata, y->rdata, n);

	return c != 0 ? c : (int)x->rdlen - (int)y->rdlen;
}

bool secondary_version(const uint8_t *apex, const uint8_t *octets, size_t len, uint32_t *serial,
		       uint8_t id[VERSION_ID_LEN])
{
	struct rd r = rd_of(octets, len);
	crypto_hash_sha256_state st;
	struct rr rr, sigs[SIGS_MAX];
	bool soa = false;
	size_t n = 0;
	int rc;

	while ((rc = rr_read(&r, &rr, NULL)) == 1) {
		if (!dname_equal(rr.owner, apex))
			continue;
		if (rr.type == TYPE_SOA) {
			*serial = soa_serial(rr.rdata, rr.rdlen);
			soa = true;
		} else if (rr.type == TYPE_RRSIG && rr.rdlen > 2 && n < SIGS_MAX &&
			   (rr.rdata[0] << 8 | rr.rdata[1]) == TYPE_SOA) {
			sigs[n++] = rr;
		}
	}
	if (rc != 0 || !soa)
		return false;
	memset(id, 0, VERSION_ID_LEN);
	if (n == 0)
		return true;
	qsort(sigs, n, sizeof(sigs[0]), sig_cmp);
	crypto_hash_sha256_init(&st);
	for (size_t i = 0; i < n; i++)
		crypto_hash_sha256_update(&st, sigs[i].rdata, sigs[i].rdlen);
	crypto_hash_sha256_final(&st, id);
	return true;
}

static void took(struct zwork *z, struct shown *s, uint32_t serial, const uint8_t id[VERSION_ID_LEN])
{
	const bool changed = known_answer(&s->now, serial, id);
	char hex[2 * VERSION_ID_LEN + 1];

	s->seen_at = clock_now_s();
	s->error[0] = '\0';
	s->in_step = in_step(z, s);
	if (!changed)
		return;
	sodium_bin2hex(hex, sizeof(hex), id, VERSION_ID_LEN);
	log_event(LOG_NOTICE, "secondary", "zone=%s address=%s serial=%u id=%.16s explained=%s in-step=%s", z->name, s->address,
		  serial, hex, secondary_explained(z, s) != NULL ? "yes" : "no", s->in_step ? "yes" : "no");
	zwork_tell(z);
}

static void lost(struct zwork *z, struct shown *s, const char *why)
{
	if (s->now.ok || s->error[0] == '\0') {
		log_event(LOG_WARNING, "secondary", "zone=%s address=%s result=%s msg=asked again by and by", z->name, s->address, why);
		zwork_tell(z);
	}
	if (s->in_step) { /* its next poll was to be late */
		s->tries = 0;
		s->poll_mono_ms = clock_mono_ms() + wait_ms[0];
	}
	s->now.ok = false;
	s->in_step = false;
	snprintf(s->error, sizeof(s->error), "%s", why);
}

/* It was away, or did not listen: told again, as often as it is polled by itself. */
static void tell_again(struct zwork *z, struct shown *s)
{
	int64_t now_ms = clock_mono_ms();

	if (!s->notify || !s->now.ok || s->tries < NOTIFY_TRIES || z->version == NULL || now_ms - s->told_ms < NOTIFY_AGAIN_MS)
		return;
	s->told_ms = now_ms;
	netlink_notify(z->engine->net, z->name, s->address);
}

static bool plan_has_keyset(const struct plan *p, const uint8_t keyset[32])
{
	uint8_t planned[32];

	for (size_t i = 0; p != NULL && i < p->ready_count; i++)
		if (p->ready[i].n > 0 && p->ready[i].rrs[0].type == TYPE_DNSKEY &&
		    key_set_hash(p->ready[i].rrs, p->ready[i].n, planned, NULL) == 0)
			return memcmp(keyset, planned, sizeof(planned)) == 0;
	return false;
}

bool secondary_has_our_keys(const struct zwork *z, const struct shown *s)
{
	if (z->version == NULL || !s->now.ok || s->key_serial != s->now.serial)
		return false;
	return memcmp(s->keyset, version_info(z->version)->keyset, sizeof(s->keyset)) == 0 || plan_has_keyset(z->plan, s->keyset);
}

/* Its DNSKEY RRset, once for each version that it has taken, or that may be by who has come further than this node. */
static void look_at_keys(struct zwork *z, struct shown *s)
{
	const bool taken = s->in_step && version_info(z->version)->soa_sig_count > 0;
	const bool unsure = s->now.ok && engine_unsure(z->engine) && secondary_explained(z, s) == NULL;

	if (s->key_query == 0 && s->key_serial != s->now.serial && (taken || unsure))
		s->key_query = netlink_query(z->engine->net, z, s->address, s->key, "dnskey", TIMEOUT_MS);
}

static void keys_answered(struct zwork *z, struct shown *s, const json_t *msg)
{
	struct rr rr, keys[KEYS_MAX];
	uint8_t *octets, keyset[32] = { 0 };
	size_t len, n = 0;
	struct rd r;

	s->key_query = 0;
	if ((octets = msg_base64(msg, "rrs", ANSWER_MAX, &len, NULL)) == NULL)
		return;
	for (r = rd_of(octets, len); n < KEYS_MAX && rr_read(&r, &rr, NULL) == 1;)
		if (rr.type == TYPE_DNSKEY && dname_equal(rr.owner, z->apex))
			keys[n++] = rr;
	if (n == 0 || key_set_hash(keys, n, keyset, NULL) == 0) {
		s->key_serial = s->now.serial;
		if (memcmp(s->keyset, keyset, sizeof(keyset)) != 0)
			zwork_tell(z);
		memcpy(s->keyset, keyset, sizeof(keyset));
	}
	free(octets);
	zwork_poke(z); /* a change may wait for what its version shows */
}

static void answered(struct zwork *z, struct shown *s, const json_t *msg)
{
	const char *result = json_string_value(json_object_get(msg, "result"));
	uint8_t id[VERSION_ID_LEN], *octets;
	uint32_t serial;
	size_t len;

	s->query = 0;
	s->seen_mono_ms = clock_mono_ms();
	if (result == NULL || strcmp(result, "ok") != 0) {
		lost(z, s, result == NULL ? "bad" : result);
	} else if ((octets = msg_base64(msg, "rrs", ANSWER_MAX, &len, NULL)) == NULL) {
		lost(z, s, "empty");
	} else {
		if (secondary_version(z->apex, octets, len, &serial, id))
			took(z, s, serial, id);
		else
			lost(z, s, "no SOA");
		free(octets);
	}
	if (s->in_step)
		s->poll_mono_ms = s->seen_mono_ms + IN_STEP_MS;
	else
		tell_again(z, s);
	look_at_keys(z, s);
	zwork_poke(z);
}

void secondary_answer(struct zwork *z, const json_t *msg)
{
	uint64_t id;

	if (msg_uint(msg, "id", INT64_MAX, &id, NULL) != 0 || id == 0)
		return;
	for (size_t i = 0; i < z->shown_count; i++)
		if (z->shown[i].query == id)
			answered(z, &z->shown[i], msg);
		else if (z->shown[i].key_query == id)
			keys_answered(z, &z->shown[i], msg);
}

static struct shown *named(struct zwork *z, const json_t *msg)
{
	const char *address = json_string_value(json_object_get(msg, "address"));
	struct addr from;

	if (address == NULL)
		return NULL;
	if (find(z, address) != NULL)
		return find(z, address);
	/* A query comes from another port of the secondary's host. */
	if (addr_parse(address, 53, &from, NULL) != 0)
		return NULL;
	for (size_t i = 0; i < z->shown_count; i++) {
		struct addr a;

		if (addr_parse(z->shown[i].address, 53, &a, NULL) == 0 && addr_same_host(&a, &from))
			return &z->shown[i];
	}
	return NULL;
}

void secondary_notified(struct zwork *z, const json_t *msg)
{
	const char *result = json_string_value(json_object_get(msg, "result"));
	struct shown *s = named(z, msg);

	log_event(result != NULL && strcmp(result, "ok") == 0 ? LOG_INFO : LOG_WARNING, "notify",
		  "zone=%s address=%s result=%s", z->name, s == NULL ? "?" : s->address, result == NULL ? "?" : result);
	if (s == NULL || result == NULL || strcmp(result, "ok") != 0)
		return;
	s->poll_mono_ms = clock_mono_ms() + 200;
	look_soon(z, s->address);
	zwork_poke(z);
}

void secondary_asked(struct zwork *z, const json_t *msg)
{
	struct shown *s = named(z, msg);
	uint64_t serial;

	if (s == NULL || !json_is_true(json_object_get(msg, "authenticated")) ||
	    msg_uint(msg, "serial", UINT32_MAX, &serial, NULL) != 0)
		return;
	if (s->now.ok && s->now.serial == (uint32_t)serial)
		return;
	/* It says a serial that it did not show: ask for the version itself. */
	s->poll_mono_ms = clock_mono_ms() + 200;
	look_soon(z, s->address);
	zwork_poke(z);
}

void secondary_transferred(struct zwork *z, const json_t *msg)
{
	struct shown *s = named(z, msg);

	log_event(LOG_INFO, "transferred", "zone=%s address=%s serial=%" JSON_INTEGER_FORMAT " octets=%" JSON_INTEGER_FORMAT
		  " ms=%" JSON_INTEGER_FORMAT, z->name, json_string_value(json_object_get(msg, "address")),
		  json_integer_value(json_object_get(msg, "serial")), json_integer_value(json_object_get(msg, "octets")),
		  json_integer_value(json_object_get(msg, "ms")));
	if (s == NULL)
		return;
	s->tries = 0;
	s->poll_mono_ms = clock_mono_ms() + 200;
	look_soon(z, s->address);
	zwork_poke(z);
}
