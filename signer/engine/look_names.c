/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * look_names: addresses of name servers by the first of signer.resolvers, each name once for all zones that have it.  A name is
 * asked for again when its TTL ends, within bounds; so few at a time that thousands of zones are no burden to the resolver.
 */
#include "signer/engine/look_impl.h"

#include "clock/clock.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE   16      /* names */
#define LEAST_MS  10000   /* a TTL that is smaller */
#define MOST_MS   3600000 /* one that is larger */
#define NONE_MS   30000   /* there was none */
#define FAILED_MS 10000
#define STALE_MS  3600000 /* while the resolver gives no answer, what was found stays true for so long */
#define SWEEP_MS  600000
#define ADDRS_MAX 16      /* of one name */

struct sought {
	const struct server_names *s;
	uint8_t name[DNAME_MAX];
};

static bool same_name(const void *ctx, size_t at)
{
	const struct sought *x = ctx;

	return dname_equal(x->s->name[at]->name, x->name);
}

static uint64_t hash_of(const uint8_t *lower)
{
	return index_hash(lower, dname_len(lower), 0);
}

static void name_free(struct server_name *n)
{
	look_ask_forget(n->engine, n);
	free(n->addr);
	free(n->fresh);
	free(n);
}

static int by_address(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct addr));
}

static int64_t ttl_ms(const struct server_name *n)
{
	const int64_t ms = (int64_t)n->ttl * 1000;

	return ms < LEAST_MS ? LEAST_MS : ms > MOST_MS ? MOST_MS : ms;
}

/* What was said when nothing was found. */
static void none(struct server_name *n)
{
	n->state = NAME_NONE;
	n->addrs = 0;
	if (n->absent)
		snprintf(n->why, sizeof(n->why), "it does not exist (NXDOMAIN)");
	else if (n->alias)
		snprintf(n->why, sizeof(n->why), "it is an alias (CNAME), which no name server may be (RFC 2181 section 10.3)");
	else
		snprintf(n->why, sizeof(n->why), "it has no address (%s)", look_family_here(n->engine, AF_INET6) ? "A, AAAA" : "A");
}

/* All answers have come. */
static void settle(struct server_name *n)
{
	struct lookers *l = n->engine->looks;
	const int64_t now_ms = clock_mono_ms();
	const enum name_state was = n->state;
	const size_t addrs = n->addrs;
	char text[DNAME_TEXT_MAX];

	if (n->failed) {
		agenda_set(&l->names.agenda, &n->due, now_ms + FAILED_MS);
		if (was == NAME_FOUND && now_ms - n->found_ms < STALE_MS)
			return;
		n->state = NAME_FAILED;
		n->addrs = 0;
	} else if (n->freshes == 0) {
		none(n);
		agenda_set(&l->names.agenda, &n->due, now_ms + NONE_MS);
	} else {
		free(n->addr);
		n->addr = n->fresh;
		n->addrs = n->freshes;
		n->fresh = NULL;
		qsort(n->addr, n->addrs, sizeof(*n->addr), by_address);
		n->state = NAME_FOUND;
		n->why[0] = '\0';
		n->found_ms = now_ms;
		agenda_set(&l->names.agenda, &n->due, now_ms + ttl_ms(n));
	}
	if (n->state != was || n->addrs != addrs)
		log_event(n->state == NAME_FOUND ? LOG_INFO : LOG_WARNING, "name-server", "name=%s addresses=%zu msg=%s",
			  dname_to_text(n->name, text), n->addrs, n->why);
}

static void take(struct server_name *n, const json_t *msg)
{
	uint8_t *octets;
	struct rd r;
	struct rr rr;
	size_t len;
	int rc;

	n->absent |= json_integer_value(json_object_get(msg, "rcode")) == 3;
	n->alias |= json_is_true(json_object_get(msg, "cname"));
	octets = look_octets(msg, "rrs", &len);
	for (r = rd_of(octets, len); (rc = rr_read(&r, &rr, NULL)) == 1;) {
		struct addr a;

		if (!look_address(&rr, &a))
			continue;
		if (n->freshes == ADDRS_MAX) {
			rc = -1;
			break;
		}
		n->ttl = n->freshes == 0 || rr.ttl < n->ttl ? rr.ttl : n->ttl;
		n->fresh = mem_grow(n->fresh, n->freshes + 1, sizeof(*n->fresh));
		n->fresh[n->freshes++] = a;
	}
	free(octets);
	if (rc != 0) {
		n->failed = true;
		snprintf(n->why, sizeof(n->why), "an answer with more than %d addresses, or with records that are none", ADDRS_MAX);
	}
}

static void on_address(void *ctx, const json_t *msg)
{
	struct server_name *n = ctx;
	char why[128];

	n->open--;
	if (look_answered(msg)) {
		take(n, msg);
	} else {
		look_failed(msg, why, sizeof(why));
		n->failed = true;
		if (why[0] == '\0')
			snprintf(why, sizeof(why), "RCODE %d", (int)json_integer_value(json_object_get(msg, "rcode")));
		snprintf(n->why, sizeof(n->why), "no answer of the resolver: %.60s", why);
	}
	if (n->open > 0)
		return;
	n->engine->looks->names.open--;
	settle(n);
}

static void ask(struct server_name *n)
{
	static const struct {
		sa_family_t family;
		const char *what;
	} kinds[] = { { AF_INET, "a" }, { AF_INET6, "aaaa" } };
	char text[DNAME_TEXT_MAX], address[ADDR_TEXT_LEN];
	struct netlink_question q = { .zone = dname_to_text(n->name, text),
				      .address = addr_text(&n->engine->conf->signer.resolvers[0], address),
				      .recursion = true, .timeout_ms = LOOK_TIMEOUT_MS };

	free(n->fresh);
	n->fresh = NULL;
	n->freshes = 0;
	n->failed = n->absent = n->alias = false;
	n->engine->looks->names.open++;
	n->open = 1; /* until all are asked */
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (look_family_here(n->engine, kinds[i].family)) {
			q.what = kinds[i].what;
			n->open++;
			look_ask(n->engine, &q, on_address, n);
		}
	if (--n->open == 0) {
		n->engine->looks->names.open--;
		settle(n);
	}
}

/* Those that no zone has any more. */
static void sweep(struct engine *e)
{
	struct server_names *s = &e->looks->names;
	const int64_t since_ms = clock_mono_ms() - SWEEP_MS - 2000 * e->conf->signer.look_interval_s;
	size_t kept = 0;

	index_fini(&s->index);
	for (size_t i = 0; i < s->n; i++) {
		struct server_name *n = s->name[i];

		if (n->open == 0 && n->used_ms < since_ms) {
			agenda_set(&s->agenda, &n->due, INT64_MAX);
			name_free(n);
			continue;
		}
		s->name[kept] = n;
		index_add(&s->index, hash_of(n->name), kept++);
	}
	s->n = kept;
	s->swept_ms = clock_mono_ms();
}

void names_tick(struct engine *e)
{
	struct server_names *s = &e->looks->names;
	struct agenda_item *item;

	if (clock_mono_ms() - s->swept_ms >= SWEEP_MS)
		sweep(e);
	while (s->open < AT_ONCE && (item = agenda_due(&s->agenda, clock_mono_ms())) != NULL)
		ask(item->of);
}

const struct server_name *names_of(struct engine *e, const uint8_t *name)
{
	struct server_names *s = &e->looks->names;
	struct sought key = { .s = s };
	struct server_name *n;
	size_t at;

	dname_lower(name, key.name);
	at = index_find(&s->index, hash_of(key.name), same_name, &key);
	if (at != INDEX_NONE) {
		s->name[at]->used_ms = clock_mono_ms();
		return s->name[at];
	}
	n = mem_new(1, sizeof(*n));
	n->engine = e;
	memcpy(n->name, key.name, sizeof(n->name));
	n->due.of = n;
	n->used_ms = clock_mono_ms();
	snprintf(n->why, sizeof(n->why), "its addresses are being looked for");
	if (s->n == s->cap) {
		s->cap = 2 * s->cap + 16;
		s->name = mem_grow(s->name, s->cap, sizeof(struct server_name *));
	}
	s->name[s->n] = n;
	index_add(&s->index, hash_of(n->name), s->n++);
	agenda_set(&s->agenda, &n->due, n->used_ms);
	return n;
}

void names_free(struct engine *e)
{
	struct server_names *s = &e->looks->names;

	for (size_t i = 0; i < s->n; i++)
		name_free(s->name[i]);
	free(s->name);
	index_fini(&s->index);
	agenda_fini(&s->agenda);
	memset(s, 0, sizeof(*s));
}
