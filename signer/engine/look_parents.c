/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * look_parents: for the zones above ours: which they are, all addresses of all their name servers, and their validated keys.
 * Servers are configured, or found through a resolver together with what follows from that; addresses of families that this
 * node does not listen on are left out, since it could not ask them.
 */
#include "signer/engine/look_impl.h"

#include "clock/clock.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS  3600000 /* found: found anew then */
#define FAILED_MS 10000

static const struct conf_parent *row_of(const struct engine *e, const uint8_t *apex)
{
	const struct conf_signer *c = &e->conf->signer;
	const struct conf_parent *best = NULL;
	unsigned labels = 0;

	for (size_t i = 0; i < c->parent_count; i++) {
		uint8_t name[DNAME_MAX];

		if (dname_from_text(c->parents[i].zone, name, NULL) == 0 && dname_is_within(apex, name) &&
		    !dname_equal(apex, name) && (best == NULL || dname_labels(name) > labels)) {
			best = &c->parents[i];
			labels = dname_labels(name);
		}
	}
	return best;
}

static void ask_resolver(struct parent_zone *p, const uint8_t *name, const char *what, look_answer_fn *fn)
{
	char text[DNAME_TEXT_MAX], address[ADDR_TEXT_LEN];
	const struct netlink_question q = { .zone = dname_to_text(name, text),
					    .address = addr_text(&p->engine->conf->signer.resolvers[0], address),
					    .what = what, .recursion = true, .timeout_ms = LOOK_TIMEOUT_MS };

	p->open++;
	look_ask(p->engine, &q, fn, p);
}

static void failed(struct parent_zone *p, const char *what, const json_t *msg)
{
	char why[128];

	look_failed(msg, why, sizeof(why));
	snprintf(p->why, sizeof(p->why), "%.40s: %.60s", what, why[0] == '\0' ? "no answer" : why);
	p->next_ms = clock_mono_ms() + FAILED_MS;
	log_event(LOG_WARNING, "parent", "msg=%s", p->why);
}

/* ---- keys ---- */

static void on_keys(void *ctx, const json_t *msg)
{
	struct parent_zone *p = ctx;

	p->open--;
	if (!look_answered(msg)) {
		p->trust = OBSERVED_UNCHECKED;
		failed(p, "its keys", msg);
		return;
	}
	free(p->keys);
	p->keys = look_octets(msg, "rrs", &p->keys_len);
	p->trust = json_is_true(json_object_get(msg, "ad")) ? OBSERVED_SECURE : OBSERVED_INSECURE;
}

static void find_trust(struct parent_zone *p)
{
	if (p->row != NULL && !p->row->validate)
		p->trust = OBSERVED_INSECURE;
	else if (p->engine->conf->signer.resolver_count > 0)
		ask_resolver(p, p->name, "dnskey", on_keys);
	else
		snprintf(p->why, sizeof(p->why), "no signer.resolvers to validate by, and not validate: no");
}

/* ---- servers ---- */

static void server_add(struct parent_zone *p, const struct addr *a, enum observed_role role)
{
	for (size_t i = 0; i < p->founds; i++)
		if (addr_equal(&p->found[i].addr, a))
			return;
	if (p->founds == OBSERVED_SERVERS_MAX)
		p->found_all = false;
	else
		p->found[p->founds++] = (struct observed_server){ .addr = *a, .role = role };
}

static void found(struct parent_zone *p)
{
	char text[DNAME_TEXT_MAX];

	if (p->open > 0)
		return;
	memcpy(p->server, p->found, sizeof(p->server));
	p->servers = p->founds;
	p->whole = p->found_all && p->founds > 0;
	if (p->whole && p->trust != OBSERVED_UNCHECKED)
		p->why[0] = '\0';
	else if (p->why[0] == '\0')
		snprintf(p->why, sizeof(p->why), "not all addresses of the parent's servers are known");
	log_event(p->whole ? LOG_INFO : LOG_WARNING, "parent", "parent=%s servers=%zu whole=%s trust=%d msg=%s",
		  dname_to_text(p->name, text), p->servers, p->whole ? "yes" : "no", (int)p->trust, p->why);
}

static void on_address(void *ctx, const json_t *msg)
{
	struct parent_zone *p = ctx;
	uint8_t *octets;
	struct rd r;
	struct rr rr;
	size_t len;
	int rc;

	p->open--;
	if (!look_answered(msg)) {
		failed(p, "addresses of its servers", msg);
		p->found_all = false;
	} else {
		octets = look_octets(msg, "rrs", &len);
		for (r = rd_of(octets, len); (rc = rr_read(&r, &rr, NULL)) == 1;) {
			struct addr a;

			if (look_address(&rr, &a))
				server_add(p, &a, OBSERVED_PARENT);
		}
		p->found_all &= rc == 0;
		free(octets);
	}
	found(p);
}

static void find_by_name(struct parent_zone *p, const uint8_t *name);

static void on_ns(void *ctx, const json_t *msg)
{
	struct parent_zone *p = ctx;
	uint8_t *octets;
	struct rr rr;
	struct rd r;
	size_t len;
	int rc;

	p->open--;
	if (!look_answered(msg)) {
		failed(p, "its name servers", msg);
		return;
	}
	octets = look_octets(msg, "rrs", &len);
	p->targets = 0;
	for (r = rd_of(octets, len); (rc = rr_read(&r, &rr, NULL)) == 1;) {
		if (rr.type != TYPE_NS)
			continue;
		if (p->targets == sizeof(p->target) / sizeof(p->target[0]))
			p->found_all = false; /* a server that is not looked at never counts as having shown anything */
		else
			memcpy(p->target[p->targets++], rr.rdata, dname_len(rr.rdata));
	}
	p->found_all &= rc == 0;
	free(octets);
	if (rc == 0 && p->targets == 0 && dname_labels(p->name) > 0) { /* no zone begins here: one label up */
		find_by_name(p, dname_parent(p->name));
		return;
	}
	p->named = true;
	find_trust(p);
	for (size_t i = 0; i < p->targets; i++) {
		if (look_family_here(p->engine, AF_INET))
			ask_resolver(p, p->target[i], "a", on_address);
		if (look_family_here(p->engine, AF_INET6))
			ask_resolver(p, p->target[i], "aaaa", on_address);
	}
}

static void find_by_name(struct parent_zone *p, const uint8_t *name)
{
	uint8_t copy[DNAME_MAX];

	memcpy(copy, name, dname_len(name));
	memcpy(p->name, copy, dname_len(copy));
	ask_resolver(p, p->name, "ns", on_ns);
}

static void find(struct parent_zone *p)
{
	p->next_ms = clock_mono_ms() + AGAIN_MS;
	p->founds = 0;
	p->found_all = true;
	p->why[0] = '\0';
	if (p->row == NULL || (p->row->server_count == 0 && !p->row->resolver)) {
		if (p->engine->conf->signer.resolver_count > 0)
			find_by_name(p, p->row != NULL ? p->name : p->below);
		else
			snprintf(p->why, sizeof(p->why), "neither signer.parents nor signer.resolvers say where the parent is");
		return;
	}
	p->named = true;
	if (p->row->resolver)
		server_add(p, &p->engine->conf->signer.resolvers[0], OBSERVED_RESOLVER);
	for (size_t i = 0; i < p->row->server_count && !p->row->resolver; i++)
		server_add(p, &p->row->servers[i], OBSERVED_PARENT);
	find_trust(p);
	memcpy(p->server, p->found, sizeof(p->server));
	p->servers = p->founds;
	p->whole = p->found_all;
}

struct parent_zone *parents_of(struct engine *e, const uint8_t *apex)
{
	const struct conf_parent *row = row_of(e, apex);
	struct parent_zone *p;

	if (dname_labels(apex) == 0)
		return NULL; /* the root has none */
	for (p = e->looks->parents; p != NULL; p = p->next)
		if (row != NULL ? p->row == row : p->row == NULL && dname_equal(p->below, dname_parent(apex)))
			return p;
	p = mem_new(1, sizeof(*p));
	p->engine = e;
	p->row = row;
	p->trust = OBSERVED_UNCHECKED;
	dname_lower(dname_parent(apex), p->below);
	if (row != NULL)
		dname_from_text(row->zone, p->name, NULL);
	p->next = e->looks->parents;
	e->looks->parents = p;
	find(p);
	return p;
}

void parents_tick(struct engine *e)
{
	for (struct parent_zone *p = e->looks->parents; p != NULL; p = p->next)
		if (p->open == 0 && p->next_ms <= clock_mono_ms())
			find(p);
}

void parents_free(struct engine *e)
{
	struct parent_zone *p;

	while ((p = e->looks->parents) != NULL) {
		e->looks->parents = p->next;
		look_ask_forget(e, p);
		free(p->keys);
		free(p);
	}
}
