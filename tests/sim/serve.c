/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve: what signers publish, and under which serial, as signer/engine does it: what is known goes to the serial rule of
 * lib/serial, and its answer is done.
 */
#include "tests/sim/sim.h"

#include "fail/fault.h"

#include <string.h>

#define VALIDITY_S (14 * DAY)
#define JITTER_S   DAY
#define MARGIN_S   (7 * DAY)

int64_t serve_clock(const struct sim *s, const struct node *n)
{
	return SIM_EPOCH + s->now + n->clock_off;
}

/* ---- publishing ---- */

/* What the dead published, and this node before it was set back, is in caches. */
static void note_heard_ttls(const struct sim *s, struct node *n)
{
	for (int i = 0; i < s->nodes; i++) {
		const uint32_t dnskey = n->disk.heard_dnskey_ttl[i], zone = n->disk.heard_zone_ttl[i];
		const struct node_state *other;

		if (dnskey <= n->disk.dnskey_ttl && zone <= n->disk.zone_ttl)
			continue;
		other = state_node(n->state, s->node[i].id.id);
		if (i != n->who && (other == NULL || !other->retired))
			continue;
		n->disk.dnskey_ttl = n->disk.dnskey_ttl < dnskey ? dnskey : n->disk.dnskey_ttl;
		n->disk.zone_ttl = n->disk.zone_ttl < zone ? zone : n->disk.zone_ttl;
	}
}

const struct timeline_published *serve_shows(const struct sim *s, struct node *n)
{
	static const struct timeline_published nothing;
	const struct timeline_published *p = n->disk.version == NULL ? &nothing : &n->disk.version->published;

	if (n->disk.version == NULL)
		return p;
	note_heard_ttls(s, n);
	if (n->disk.dnskey_ttl <= p->dnskey_ttl && n->disk.zone_ttl <= p->zone_ttl)
		return p;
	n->shows = *p;
	n->shows.dnskey_ttl = n->disk.dnskey_ttl;
	n->shows.zone_ttl = n->disk.zone_ttl;
	return &n->shows;
}

static void note_ttls(const struct sim *s, struct node *n, struct version *v)
{
	note_heard_ttls(s, n);
	v->dnskey_ttl = s->dnskey_ttl;
	v->zone_ttl = s->zone_ttl;
	if (n->disk.dnskey_ttl < v->dnskey_ttl)
		n->disk.dnskey_ttl = v->dnskey_ttl;
	if (n->disk.zone_ttl < v->zone_ttl)
		n->disk.zone_ttl = v->zone_ttl;
	v->published.dnskey_ttl = n->disk.dnskey_ttl;
	v->published.zone_ttl = n->disk.zone_ttl;
}

/* Signatures that have more than the margin left are kept, unless other keys sign. */
static int64_t ends(struct sim *s, const struct node *n, const struct version *v)
{
	const struct version *old = n->disk.version;
	const int64_t now = serve_clock(s, n);

	if (old != NULL && old->mask[RECORD_ZONE] == v->mask[RECORD_ZONE] && old->word.earliest - MARGIN_S > now)
		return old->word.earliest;
	return now + VALIDITY_S - chance_between(&s->chance, 0, JITTER_S);
}

static void publishes(struct sim *s, struct node *n, struct version *v, uint32_t serial, const struct content_id *content)
{
	v->signer = n->i;
	v->who = n->who;
	v->start = n->disk.starts;
	v->boot = n->boot;
	v->nr = ++s->versions;
	v->at = s->now;
	v->source = content_cmp(content, &n->disk.taken) == 0 ? n->disk.source : n->disk.version->source;
	for (enum key_record r = 0; r < KEY_RECORDS; r++) {
		v->mask[r] = keys_mask(s, &v->published.record[r]);
		s->given_up[r] |= n->disk.version == NULL ? 0 : n->disk.version->mask[r] & ~v->mask[r];
	}
	v->signed_by = keys_seps(s, v->mask[RECORD_DNSKEY]) & ~s->move.keys;
	note_ttls(s, n, v);
	v->word.serial = serial;
	memcpy(v->word.id, &v->nr, sizeof(v->nr));
	v->word.content = *content;
	v->word.earliest = ends(s, n, v);
	if (n->disk.version == NULL || content_cmp_steps(content, &n->disk.version->word.content) != 0)
		n->newest_at = s->now;
	if (n->disk.version == NULL)
		n->first_at = s->now;
	n->disk.version = v;
	n->disk.last = serial;
	n->disk.mine = *content;
	past_add(&n->disk.own, &v->word);
	if (n->disk.self.serial != 0 && !serial_gt(n->disk.self.serial, serial))
		n->disk.self.serial = 0;
}

static void tell_story(struct sim *s, const struct node *n, const struct version *v, enum serial_why why)
{
	static const char *const whys[] = { "", "change", "renewal", "renewal below", "overtaking" };
	char a[96], b[96], c[96];

	if (!s->story)
		return;
	sim_say(s, "signer %d publishes serial %u (%s, content %d): DNSKEY %s, RRSIGs by %s, CDS %s", n->i, v->word.serial,
		whys[why], v->source, mask_text(s, v->mask[RECORD_DNSKEY], a), mask_text(s, v->mask[RECORD_ZONE], b),
		!v->cds ? "none" : v->published.cds_delete ? "DELETE" : mask_text(s, v->mask[RECORD_DS], c));
}

/* A validator tries every key that has the tag of a signature. */
static void check_tags(struct sim *s, const struct node *n, uint32_t dnskey)
{
	for (int i = 0; i < s->keys; i++)
		for (int j = 0; j < i; j++)
			if ((dnskey >> i & 1) != 0 && (dnskey >> j & 1) != 0 && keys_clash(s->key[i], s->key[j]))
				sim_fail(s, "same tag", "signer %d publishes k%d and k%d, which have one tag", n->i, j, i);
}

static void publish(struct sim *s, struct node *n, const struct timeline_published *next, bool cds,
		    const struct serial_decision *d, const struct serial_view *view)
{
	const uint32_t signed_before = n->disk.version == NULL ? 0 : n->disk.version->mask[RECORD_ZONE];
	struct version *v = arena_alloc(s->arena, 1, sizeof(*v));

	clone_check(s, n);
	v->published = *next;
	v->cds = cds;
	serials_check_new(s, n, d, view);
	publishes(s, n, v, d->serial, &view->want);
	serial_watch_published(&n->watch, view->now, d->why);
	check_tags(s, n, v->mask[RECORD_DNSKEY]);
	if ((v->mask[RECORD_ZONE] & s->move.keys) != 0)
		sim_fail(s, "foreign key", "signer %d signs with a key whose private half it does not have", n->i);
	truth_of_signing(s, n, v->mask[RECORD_ZONE] & ~signed_before);
	node_check_held(s, v->mask[RECORD_DNSKEY] | v->mask[RECORD_ZONE] | v->mask[RECORD_DS]);
	tell_story(s, n, v, d->why);
	for (int i = 0; i < s->secondaries; i++)
		if ((s->secondary[i].primaries >> n->i & 1) != 0)
			secondary_notify(s, i);
	exchange_push(s, n); /* status */
}

/* The cluster as it was set up: all serve the same. */
void serve_set_up(struct sim *s, struct node *n, struct version *v)
{
	const uint32_t serial = serial_today(serve_clock(s, n)) + (uint32_t)n->i;
	struct timeline_in in;
	const struct timeline *t;

	n->disk.version = v;
	t = node_view(s, n, &in);
	n->disk.version = NULL;
	n->disk.taken.steps = timeline_steps(&in, t);
	publishes(s, n, v, serial, &n->disk.taken);
	v->word.earliest -= chance_between(&s->chance, 0, MARGIN_S - DAY); /* each has renewed at a time of its own */
	past_add(&n->disk.own, &v->word);
	n->highest_serial = serial;
	s->top_serial = serial;
	for (int j = 0; j < s->nodes; j++) {
		learn_hears(&s->node[j], v);
		s->node[j].disk.heard_dnskey_ttl[n->i] = n->disk.dnskey_ttl;
		s->node[j].disk.heard_zone_ttl[n->i] = n->disk.zone_ttl;
	}
}

/* ---- deciding ---- */

static bool clock_ok(const struct sim *s, const struct node *n, const struct serial_view *known)
{
	int64_t heard[NODES_MAX];
	struct clock_view view = { .now = serve_clock(s, n), .heard = heard, .kernel = n->clock_off == 0,
				   .ever = true, .drift_s = n->clock_off };

	for (int i = 0; i < s->nodes; i++)
		if (i != n->i && node_reaches(s, i, n->i))
			heard[view.heard_count++] = serve_clock(s, &s->node[i]);
	if (clock_vouched(&view, NULL) != CLOCK_DOUBT)
		return true;
	view.within_half = serial_within_half(known); /* only looked at where nobody vouches */
	return clock_vouched(&view, NULL) != CLOCK_DOUBT;
}

/* Its version is of an old copy, and no other one has taken its place in ten minutes. */
static bool withheld_for_long(const struct sim *s, struct node *n)
{
	const bool withheld = n->set_back && n->disk.version != NULL && n->viewed.told == n->told && n->view.stale;

	if (!withheld || n->withheld_at == 0)
		n->withheld_at = withheld ? s->now : 0;
	return withheld && s->now >= n->withheld_at + 10 * MINUTE;
}

/* next: the keys' next version is ready. */
static void decide(const struct sim *s, struct node *n, bool next, struct serial_view *view, struct serial_decision *d)
{
	const struct version *v = n->disk.version;

	learn_numbers(s, n);
	view->now = serve_clock(s, n);
	view->last = n->disk.last;
	view->serving = v != NULL;
	view->mine = n->disk.mine;
	view->mine_earliest = v == NULL ? INT64_MAX : v->word.earliest;
	view->want = n->halted > 0 ? n->disk.mine : n->disk.taken;
	view->want.steps = n->disk.mine.steps; /* keys may wait, and what is published is renewed */
	if (next && n->next_steps > view->want.steps)
		view->want.steps = n->next_steps;
	view->forced = next;
	view->confirmed = n->source_off == 0;
	view->margin_s = MARGIN_S;
	view->fresh = true;
	n->sure = n->sure || start_is_sure(s, n);
	view->unsure = !n->sure;
	learn_of_peers(s, n);
	view->known_count = learn_known(s, n, next, (struct serial_version *)view->known);
	*d = (struct serial_decision){ .act = SERIAL_NOTHING, .until = INT64_MAX };
	if (!clock_ok(s, n, view))
		return;
	if (withheld_for_long(s, n))
		view->mine_earliest = view->now;
	serial_watch_look(&n->watch, view);
	serial_decide(view, d);
}

static bool may_step(const struct node *n)
{
	return n->up && n->compared && !n->gone && !n->backup && !node_leaves(n) && node_zone(n) != NULL &&
	       node_is_signer(state_node(n->state, n->id.id));
}

static void on_step(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];

	if (n->step_at != s->now)
		return;
	n->step_at = 0;
	serve_step(s, n);
}

static void step_later(struct sim *s, struct node *n, int64_t delay)
{
	if (n->step_at > s->now && n->step_at <= s->now + delay)
		return;
	n->step_at = s->now + delay;
	sim_later(s, delay, on_step, n->i, 0, 0, NULL);
}

static void look_again(struct sim *s, struct node *n, const struct serial_view *view, const struct serial_decision *d)
{
	if (d->act == SERIAL_CATCH_UP)
		learn_waits(s, n);
	else
		n->behind_at = 0;
	if (d->act == SERIAL_CATCH_UP && n->disk.source != s->source)
		learn_from_source(s, n, 1, MINUTE);
	else if (d->act == SERIAL_CATCH_UP) /* which gives the same, and by now that may be newer than what is known */
		learn_from_source(s, n, HOUR, 12 * HOUR);
	if (d->until != INT64_MAX)
		step_later(s, n, d->until > view->now ? d->until - view->now : 1);
}

void serve_step(struct sim *s, struct node *n)
{
	struct serial_version known[LEARN_MAX];
	struct serial_view view = { .known = known };
	struct serial_decision d;
	struct timeline_in in;
	const struct timeline *t;

	if (!may_step(n) || n->disk.version == NULL)
		return;
	decide(s, n, false, &view, &d);
	if (d.act != SERIAL_PUBLISH) {
		look_again(s, n, &view, &d);
		return;
	}
	t = node_view(s, n, &in);
	if (t->stale)
		return; /* its next version is made from facts */
	publish(s, n, &n->disk.version->published, n->disk.version->cds, &d, &view);
	step_later(s, n, 1);
}

void serve_soon(struct sim *s, int node)
{
	step_later(s, &s->node[node], chance_between(&s->chance, 1, 5 * MINUTE));
}

void serve_tick(struct sim *s, const struct event *ev)
{
	if (s->node[ev->a].gone)
		return;
	serve_step(s, &s->node[ev->a]);
	sim_later(s, chance_between(&s->chance, HOUR, 12 * HOUR), serve_tick, ev->a, 0, 0, NULL);
}

static void on_publish(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];
	struct serial_version known[LEARN_MAX];
	struct serial_view view = { .known = known };
	struct serial_decision d;

	if (!n->making || n->making_id != ev->value || !n->up || n->gone)
		return;
	if (node_leaves(n)) {
		n->making = false;
		return;
	}
	if (n->halted > 0) {
		sim_later(s, chance_between(&s->chance, HOUR, 12 * HOUR), on_publish, ev->a, 0, ev->value, NULL);
		return;
	}
	decide(s, n, true, &view, &d);
	if (d.act != SERIAL_PUBLISH) {
		look_again(s, n, &view, &d);
		sim_later(s, chance_between(&s->chance, MINUTE, HOUR), on_publish, ev->a, 0, ev->value, NULL);
		return;
	}
	n->making = false;
	publish(s, n, &n->next, n->next_cds, &d, &view);
	node_wake(s, n);
}

static bool signs(const struct timeline *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->key[i].record[RECORD_ZONE].show)
			return true;
	return false;
}

/* The keys' next version, if there is one: signed and audited by and by. */
void serve_next(struct sim *s, struct node *n, const struct timeline_in *in, const struct timeline *t)
{
	const uint64_t steps = timeline_steps(in, t);
	const bool cds = s->cds_when == CDS_ALWAYS || (s->cds_when == CDS_AROUND_ROLLS && timeline_ds_moves(t));

	if (!in->published->any && t->secure && !signs(t))
		return; /* held until it has keys */
	if (n->making || (!timeline_changes(t, in->published) &&
			  (!in->published->any || (steps <= n->disk.mine.steps && cds == n->disk.version->cds))))
		return;
	timeline_next(t, in->published, &n->next);
	n->next_steps = steps;
	n->next_cds = cds;
	n->making = true;
	sim_later(s,
		  chance_of(&s->chance, 80) ? chance_between(&s->chance, 1, 2 * MINUTE)
					    : chance_between(&s->chance, 1, HOUR),
		  on_publish, n->i, 0, ++n->making_id, NULL);
}
