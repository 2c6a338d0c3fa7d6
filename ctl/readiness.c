/* SPDX-License-Identifier: BSD-3-Clause */
/* readiness: the rule behind drill readiness; one function per check. */
#include "ctl/readiness.h"

#include "arena/arena.h"
#include "ctl/command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LIVE_MS 10000

/* What the checks of one zone see. */
struct scene {
	const json_t *status, *zone;
	const char *node;     /* X */
	const json_t *mine;   /* X's word on the zone; NULL: none */
	const json_t *others; /* entries of the other signers that live and have a word on the zone */
	json_int_t now;
	json_t *checks;
	bool failed;
};

enum result { OK, WARNING, FAILED };

static void say(struct scene *s, const char *check, enum result result, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void say(struct scene *s, const char *check, enum result result, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warning", "failed" };
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(s->checks, json_pack("{s:s, s:s, s:s}", "check", check, "result", words[result],
						   "message", text));
	s->failed |= result == FAILED;
}

static const json_t *find_named(const json_t *list, const char *member, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) if (strcmp(jtext(item, member), name) == 0) return item;
	return NULL;
}

bool readiness_lives(const json_t *status, const char *node)
{
	const json_t *n = find_named(jlist(status, "nodes"), "name", node);
	json_int_t heard = jint(n, "heard_ms", -1);

	if (n == NULL || strcmp(jtext(n, "role"), "signer") != 0 || jbool(n, "retired") ||
	    !jbool(n, "counted"))
		return false;
	return jbool(n, "self") || (heard >= 0 && heard <= LIVE_MS);
}

const json_t *readiness_entry(const json_t *zone, const char *node)
{
	return find_named(jlist(zone, "nodes"), "name", node);
}

static const json_t *word_of(const json_t *entry)
{
	return json_object_get(entry, "status");
}

/* ---- checks ---- */

static void check_signers(struct scene *s)
{
	const json_t *n;
	size_t i;

	json_array_foreach(jlist(s->status, "nodes"), i, n)
	{
		const char *name = jtext(n, "name");

		if (strcmp(name, s->node) == 0 || strcmp(jtext(n, "role"), "signer") != 0 ||
		    jbool(n, "retired") || !jbool(n, "admitted"))
			continue;
		if (!readiness_lives(s->status, name))
			say(s, "signers", WARNING, "%s is not heard, so it does not count here", name);
	}
	if (json_array_size(s->others) == 0)
		say(s, "signers", FAILED, "no other signer that is heard serves this zone");
	else
		say(s, "signers", OK, "%zu other signer%s", json_array_size(s->others),
		    json_array_size(s->others) == 1 ? "" : "s");
}

/* Below 0: a has older content than b; 0: the same; above 0: newer.  *differ: same numbers, other content. */
static int content_cmp(const json_t *a, const json_t *b, bool *differ)
{
	static const char *const numbers[] = { "epoch", "content", "steps" };

	*differ = false;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		json_int_t x = jint(a, numbers[i], 0), y = jint(b, numbers[i], 0);

		if (x != y)
			return x < y ? -1 : 1;
		if (i == 1 && strcmp(jtext(a, "digest"), jtext(b, "digest")) != 0) {
			*differ = true;
			return -1;
		}
	}
	return 0;
}

static void check_content(struct scene *s)
{
	size_t i, bad = 0;
	const json_t *o;

	json_array_foreach(s->others, i, o)
	{
		bool differ;

		if (content_cmp(word_of(o), s->mine, &differ) >= 0)
			continue;
		bad++;
		say(s, "content", FAILED,
		    "%s has %s content (number %lld with %lld key steps, %s has %lld with %lld)",
		    jtext(o, "name"), differ ? "other" : "older", (long long)jint(word_of(o), "content", 0),
		    (long long)jint(word_of(o), "steps", 0), s->node, (long long)jint(s->mine, "content", 0),
		    (long long)jint(s->mine, "steps", 0));
	}
	if (bad == 0 && json_array_size(s->others) > 0)
		say(s, "content", OK, "the others have content %lld too",
		    (long long)jint(s->mine, "content", 0));
}

static void check_keys(struct scene *s)
{
	const char *mine = jtext(s->mine, "keyset");
	size_t i, bad = 0;
	const json_t *o;

	json_array_foreach(s->others, i, o)
	{
		if (strcmp(jtext(word_of(o), "keyset"), mine) == 0)
			continue;
		bad++;
		say(s, "keys", FAILED, "%s serves another set of keys (%.8s, %s has %.8s)", jtext(o, "name"),
		    jtext(word_of(o), "keyset"), s->node, mine);
	}
	if (bad == 0 && json_array_size(s->others) > 0)
		say(s, "keys", OK, "all serve the key set %.8s", mine);
}

static void check_backups(struct scene *s)
{
	json_int_t wanted = jint(s->zone, "require_backups", 1);
	size_t i, bad = 0, keys = 0;
	const json_t *k;

	json_array_foreach(jlist(s->zone, "keys"), i, k)
	{
		size_t stored = json_array_size(jlist(k, "stored"));

		if (jbool(k, "declined"))
			continue;
		keys++;
		if ((json_int_t)stored >= wanted && stored > 0)
			continue;
		bad++;
		say(s, "backups", wanted == 0 ? WARNING : FAILED,
		    "key %lld/%lld is stored by %zu backups, the policy wants %lld",
		    (long long)jint(k, "tag", 0), (long long)jint(k, "algorithm", 0), stored,
		    (long long)wanted);
	}
	if (bad == 0)
		say(s, "backups", OK, "every key (%zu) is stored", keys);
}

/* RFC 1982: a is below b. */
static bool serial_below(json_int_t a, json_int_t b)
{
	uint32_t distance = (uint32_t)b - (uint32_t)a;

	return distance != 0 && distance < 0x80000000u;
}

static void check_serials(struct scene *s)
{
	json_int_t mine = jint(s->mine, "serial", 0);
	size_t i, bad = 0;
	const json_t *o;

	json_array_foreach(s->others, i, o)
	{
		json_int_t serial = jint(word_of(o), "serial", 0);

		if (!serial_below(serial, mine))
			continue;
		bad++;
		say(s, "serials", WARNING,
		    "%s has %lld, below %lld of %s: secondaries keep the latter's until the next version",
		    jtext(o, "name"), (long long)serial, (long long)mine, s->node);
	}
	if (bad == 0 && json_array_size(s->others) > 0)
		say(s, "serials", OK, "no other serial is below %lld", (long long)mine);
}

/* How many other living signers list this address, and whether it answered one of them. */
static size_t listed_by_others(const struct scene *s, const char *address, bool *answers)
{
	size_t i, n = 0;
	const json_t *o;

	*answers = false;
	json_array_foreach(s->others, i, o)
	{
		const json_t *other = find_named(jlist(word_of(o), "secondaries"), "address", address);

		n += other != NULL;
		*answers |= jbool(other, "ok");
	}
	return n;
}

static bool any_other_secondary(const struct scene *s)
{
	const json_t *o, *second;
	size_t i, k;

	json_array_foreach(s->others, i, o) json_array_foreach(jlist(word_of(o), "secondaries"), k,
							       second) if (jbool(second, "ok")) return true;
	return false;
}

/* A secondary that asks X alone: it keeps its version until its SOA expires or the first RRSIG ends. */
static void only_mine(struct scene *s, const char *address, bool covered)
{
	json_int_t expire = jint(s->mine, "soa_expire", 0), earliest = jint(s->mine, "earliest", 0) - s->now;
	char a[CTL_WHEN_LEN], b[CTL_WHEN_LEN];

	say(s, "secondaries", covered ? WARNING : FAILED,
	    "%s asks %s alone: it would serve its version until its SOA expires (%s) or the first RRSIG ends "
	    "(%s)%s",
	    address, s->node, expire > 0 ? ctl_span(expire, a) : "unknown",
	    earliest > 0 ? ctl_span(earliest, b) : "now",
	    covered ? "" : "; no secondary that answers asks another signer");
}

static void check_secondaries(struct scene *s)
{
	const json_t *list = jlist(s->mine, "secondaries"), *second;
	bool covered = any_other_secondary(s), answers;
	size_t i, fine = 0;

	json_array_foreach(list, i, second)
	{
		const char *address = jtext(second, "address");

		if (listed_by_others(s, address, &answers) == 0)
			only_mine(s, address, covered);
		else if (!answers)
			say(s, "secondaries", covered ? WARNING : FAILED, "%s does not answer", address);
		else
			fine++;
	}
	if (json_array_size(list) == 0 && !covered)
		say(s, "secondaries", WARNING, "no signer names a secondary that answers");
	else if (covered)
		say(s, "secondaries", OK, "%zu of %s's %zu ask another signer too", fine, s->node,
		    json_array_size(list));
}

static void check_signatures(struct scene *s)
{
	json_int_t margin = jint(s->zone, "renewal_margin_s", 0);
	const json_t *o;
	size_t i;

	json_array_foreach(s->others, i, o)
	{
		json_int_t left = jint(word_of(o), "earliest", 0) - s->now;
		char a[CTL_WHEN_LEN], b[CTL_WHEN_LEN];

		if (left <= margin / 2)
			say(s, "signatures", FAILED,
			    "the first RRSIG of %s ends in %s, half the renewal margin is %s",
			    jtext(o, "name"), left > 0 ? ctl_span(left, a) : "no time",
			    ctl_span(margin / 2, b));
		else
			say(s, "signatures", OK, "the first RRSIG of %s ends in %s", jtext(o, "name"),
			    ctl_span(left, a));
	}
}

/* ---- zones ---- */

static json_t *live_others(const json_t *status, const json_t *zone, const char *node)
{
	json_t *others = json_array(), *entry;
	size_t i;

	json_array_foreach(jlist(zone, "nodes"), i, entry)
	{
		const char *name = jtext(entry, "name");

		if (strcmp(name, node) != 0 && readiness_lives(status, name) &&
		    jint(json_object_get(entry, "status"), "serial", 0) > 0)
			json_array_append(others, entry);
	}
	return others;
}

static json_t *zone_readiness(const json_t *status, const json_t *zone, const char *node)
{
	json_t *others = live_others(status, zone, node);
	struct scene s = {
		.status = status,
		.zone = zone,
		.node = node,
		.mine = word_of(readiness_entry(zone, node)),
		.others = others,
		.now = jint(status, "now", 0),
		.checks = json_array(),
	};
	bool is_signed = strcmp(jtext(zone, "state"), "signed") == 0 || *jtext(s.mine, "keyset") != '\0';

	if (jint(s.mine, "serial", 0) == 0) {
		say(&s, "signers", OK, "%s does not serve this zone", node);
	} else {
		check_signers(&s);
		check_content(&s);
		if (is_signed) {
			check_keys(&s);
			check_backups(&s);
		}
		check_serials(&s);
		check_secondaries(&s);
		if (is_signed)
			check_signatures(&s);
	}
	json_decref(others);
	return json_pack("{s:s, s:b, s:o}", "zone", jtext(zone, "zone"), "ready", !s.failed, "checks",
			 s.checks);
}

json_t *readiness_of(const json_t *status, const char *node, const char *zone)
{
	json_t *zones = json_array();
	const json_t *z;
	bool ready = true;
	size_t i;

	json_array_foreach(jlist(status, "zones"), i, z)
	{
		if (zone != NULL && strcmp(jtext(z, "zone"), zone) != 0)
			continue;
		json_array_append_new(zones, zone_readiness(status, z, node));
		ready &= jbool(json_array_get(zones, json_array_size(zones) - 1), "ready");
	}
	return json_pack("{s:s, s:b, s:o}", "node", node, "ready", ready, "zones", zones);
}
