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
#define KNOWN_MAX  (NODES_MAX + 1 + SECONDARIES_MAX)

int64_t serve_clock(const struct sim *s, const struct node *n)
{
	return SIM_EPOCH + s->now + n->clock_off;
}

/* ---- content ---- */

static void digest_of(int source, uint8_t digest[CONTENT_DIGEST_LEN])
{
	memset(digest, 1 + source * 37 % 251, CONTENT_DIGEST_LEN); /* larger or smaller than the one before */
}

static void number(const struct sim *s, const struct node *n, int source, struct content_decision *d)
{
	struct content_id known[PAST_MAX + NODES_MAX];
	uint8_t digest[CONTENT_DIGEST_LEN];
	struct content_view view = { .order = s->content_order, .epoch = 1, .input_serial = (uint32_t)source,
				     .digest = digest, .known = known };

	digest_of(source, digest);
	if (n->disk.version != NULL)
		view.mine = &n->disk.mine;
	for (size_t i = 0; i < n->disk.others.n; i++)
		known[view.known_count++] = n->disk.others.v[i].content;
	for (int i = 0; i < s->nodes; i++)
		if (n->heard_of[i] != NULL)
			known[view.known_count++] = n->heard_of[i]->word.content;
	content_decide(&view, d);
}

/* The source gives what it has; what is older than this node's own is not taken. */
static void take_source(struct sim *s, struct node *n)
{
	struct content_decision d;

	number(s, n, s->source, &d);
	if (d.result == CONTENT_OLDER)
		return;
	n->disk.taken.epoch = 1;
	n->disk.taken.number = d.number;
	digest_of(s->source, n->disk.taken.digest);
	n->disk.source = s->source;
}

/* Others have given a higher number to the same. */
static void renumber(const struct sim *s, struct node *n)
{
	const bool published = n->disk.version != NULL && content_cmp(&n->disk.taken, &n->disk.mine) == 0;
	struct content_decision d;

	for (int i = 0; i < s->nodes; i++) {
		const struct version *v = n->heard_of[i];

		if (v == NULL || v->word.content.number <= n->disk.taken.number ||
		    memcmp(v->word.content.digest, n->disk.taken.digest, CONTENT_DIGEST_LEN) != 0)
			continue;
		number(s, n, n->disk.source, &d);
		if (d.number < v->word.content.number)
			continue;
		n->disk.taken.number = d.number;
		if (published) {
			struct past_version mine = n->disk.version->word;

			n->disk.mine.number = mine.content.number = d.number;
			past_add(&n->disk.own, &mine);
		}
	}
}

static void on_source(struct sim *s, const struct event *ev);

static void ask_source(struct sim *s, struct node *n, int64_t least, int64_t most)
{
	if (n->asking)
		return;
	n->asking = true;
	sim_later(s, chance_between(&s->chance, least, most), on_source, n->i, 0, 0, NULL);
}

static void on_source(struct sim *s, const struct event *ev)
{
	struct node *n = &s->node[ev->a];

	n->asking = false;
	if (n->gone)
		return;
	if (!n->up || !n->compared || n->source_off > 0) {
		ask_source(s, n, 10 * MINUTE, 2 * HOUR);
		return;
	}
	take_source(s, n);
	serve_step(s, n);
}

/* It reads its source. */
void serve_starts(struct sim *s, struct node *n)
{
	n->asking = false;
	if (!n->backup)
		ask_source(s, n, 1, MINUTE);
}

void serve_source_changes(struct sim *s)
{
	s->source++;
	s->source_at = s->now;
	sim_say(s, "the source has content %d", s->source);
	for (int i = 0; i < s->signers; i++)
		ask_source(s, &s->node[i], 1, chance_of(&s->chance, 70) ? MINUTE : 6 * HOUR);
}

/* ---- what is known ---- */

void serve_first(struct sim *s, struct node *n)
{
	n->disk.own = (struct past){ .v = n->disk.own_v, .room = PAST_MAX };
	n->disk.others = (struct past){ .v = n->disk.others_v, .room = PAST_MAX };
	n->disk.taken = (struct content_id){ .epoch = 1, .number = 1 };
	n->disk.source = s->source;
	digest_of(s->source, n->disk.taken.digest);
	serial_watch_init(&n->watch);
}

static const struct past_version *explained(const struct node *n, const struct version *v)
{
	const struct past_version *p = past_find(&n->disk.own, v->word.serial, v->word.id);

	return p != NULL ? p : past_find(&n->disk.others, v->word.serial, v->word.id);
}

bool serve_explains(struct sim *s, const struct node *n, const struct version *v)
{
	const struct past_version *p = explained(n, v);

	if (p != NULL && memcmp(p->id, v->word.id, VERSION_ID_LEN) != 0)
		sim_fail(s, "wrong version", "signer %d takes serial %u of signer %d for another version", n->i, v->word.serial,
			 v->signer);
	return p != NULL;
}

/* A version of its own that others have, and it has not: an old copy was put back. */
static void hears_of_itself(struct node *n, const struct version *v)
{
	if (past_find(&n->disk.own, v->word.serial, v->word.id) != NULL || !serial_set_back(n->disk.last, v->word.serial))
		return;
	n->set_back = true;
	if (n->self.serial == 0 || serial_gt(v->word.serial, n->self.serial))
		n->self = v->word;
	past_add(&n->disk.others, &v->word);
}

void serve_hears(struct node *n, const struct version *v)
{
	if (v == NULL || (n->heard_of[v->signer] != NULL && n->heard_of[v->signer]->nr >= v->nr))
		return;
	n->heard_of[v->signer] = v;
	if (v->signer == n->i)
		hears_of_itself(n, v);
	else
		past_add(&n->disk.others, &v->word);
}

static void hear_peers(const struct sim *s, struct node *n)
{
	for (int i = 0; i < s->nodes; i++) {
		const bool silent = !node_reaches(s, i, n->i);

		if (n->silent[i] && !silent && n->heard_of[i] != NULL && i != n->i)
			serial_watch_heard(&n->watch);
		n->silent[i] = silent;
	}
}

static size_t gather(const struct sim *s, const struct node *n, struct serial_version known[KNOWN_MAX])
{
	size_t count = 0;

	for (int i = 0; i < s->nodes; i++) {
		const struct version *v = n->heard_of[i];

		if (v != NULL && i != n->i)
			known[count++] = (struct serial_version){ .from = SERIAL_FROM_SIGNER, .serial = v->word.serial,
				.explained = true, .silent = n->silent[i], .content = v->word.content,
				.earliest = v->word.earliest };
	}
	if (n->self.serial != 0)
		known[count++] = (struct serial_version){ .from = SERIAL_FROM_SELF, .serial = n->self.serial,
			.explained = true, .content = n->self.content, .earliest = INT64_MAX };
	for (int i = 0; i < s->secondaries; i++) {
		const struct secondary *sec = &s->secondary[i];
		const struct past_version *why;

		if ((sec->primaries >> n->i & 1) == 0 || sec->version == NULL || s->secondary_off[i] > 0)
			continue;
		why = explained(n, sec->version);
		known[count] = (struct serial_version){ .from = SERIAL_FROM_SECONDARY, .serial = sec->version->word.serial,
							.explained = why != NULL, .earliest = INT64_MAX };
		if (why != NULL) {
			known[count].content = why->content;
			known[count].earliest = why->earliest;
		}
		count++;
	}
	return count;
}

/* ---- publishing ---- */

static void note_ttls(const struct sim *s, struct node *n, struct version *v)
{
	for (int i = 0; i < s->nodes; i++) { /* what the dead published, and this node before it was set back, is in caches */
		const struct node_state *other = state_node(n->state, s->node[i].id.id);

		if (i != n->i && (other == NULL || !other->retired))
			continue;
		if (n->disk.dnskey_ttl < n->disk.heard_dnskey_ttl[i])
			n->disk.dnskey_ttl = n->disk.heard_dnskey_ttl[i];
		if (n->disk.zone_ttl < n->disk.heard_zone_ttl[i])
			n->disk.zone_ttl = n->disk.heard_zone_ttl[i];
	}
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
	v->nr = ++s->versions;
	v->at = s->now;
	v->source = content_cmp(content, &n->disk.taken) == 0 ? n->disk.source : n->disk.version->source;
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		v->mask[r] = keys_mask(s, &v->published.record[r]);
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
	if (n->self.serial != 0 && !serial_gt(n->self.serial, serial))
		n->self.serial = 0;
}

static void tell_story(struct sim *s, const struct node *n, const struct version *v, enum serial_why why)
{
	static const char *const whys[] = { "", "change", "renewal", "renewal below", "overtaking" };
	char a[96], b[96], c[96];

	if (!s->story)
		return;
	sim_say(s, "signer %d publishes serial %u (%s, content %d): DNSKEY %s, RRSIGs by %s, CDS %s", n->i, v->word.serial,
		whys[why], v->source, mask_text(s, v->mask[RECORD_DNSKEY], a), mask_text(s, v->mask[RECORD_ZONE], b),
		v->published.cds_delete ? "DELETE" : mask_text(s, v->mask[RECORD_DS], c));
}

static void publish(struct sim *s, struct node *n, const struct timeline_published *next,
		    const struct serial_decision *d, const struct serial_view *view)
{
	struct version *v = arena_alloc(s->arena, 1, sizeof(*v));

	v->published = *next;
	serials_check_new(s, n, d, view);
	publishes(s, n, v, d->serial, &view->want);
	serial_watch_published(&n->watch, view->now, d->why);
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
	struct timeline t;

	n->disk.version = v;
	node_view(s, n, &in, &t);
	n->disk.version = NULL;
	n->disk.taken.steps = timeline_steps(&in, &t);
	publishes(s, n, v, serial, &n->disk.taken);
	v->word.earliest -= chance_between(&s->chance, 0, MARGIN_S - DAY); /* each has renewed at a time of its own */
	past_add(&n->disk.own, &v->word);
	n->highest_serial = serial;
	s->top_serial = serial;
	for (int j = 0; j < s->nodes; j++)
		serve_hears(&s->node[j], v);
}

/* ---- deciding ---- */

static bool clock_ok(const struct sim *s, const struct node *n)
{
	int64_t heard[NODES_MAX];
	struct clock_view view = { .now = serve_clock(s, n), .heard = heard, .kernel = n->clock_off == 0,
				   .ever = true, .drift_s = n->clock_off };

	for (int i = 0; i < s->nodes; i++)
		if (i != n->i && node_reaches(s, i, n->i))
			heard[view.heard_count++] = serve_clock(s, &s->node[i]);
	view.within_half = n->disk.version != NULL && n->disk.version->word.earliest - MARGIN_S / 2 <= view.now;
	return clock_vouched(&view, NULL) != CLOCK_DOUBT || FAULT(CLOCK_TRUSTED);
}

/* next: the keys' next version is ready. */
static void decide(const struct sim *s, struct node *n, bool next, struct serial_view *view, struct serial_decision *d)
{
	const struct version *v = n->disk.version;

	renumber(s, n);
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
	hear_peers(s, n);
	view->known_count = gather(s, n, (struct serial_version *)view->known);
	serial_watch_look(&n->watch, view);
	serial_decide(view, d);
}

static bool may_step(const struct node *n)
{
	return n->up && n->compared && !n->gone && !n->backup && state_zone(n->state, sim_zone) != NULL &&
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
	if (d->act == SERIAL_CATCH_UP && n->disk.source != s->source)
		ask_source(s, n, 1, MINUTE);
	if (d->until != INT64_MAX)
		step_later(s, n, d->until > view->now ? d->until - view->now : 1);
}

void serve_step(struct sim *s, struct node *n)
{
	struct serial_version known[KNOWN_MAX];
	struct serial_view view = { .known = known };
	struct serial_decision d;
	struct timeline_in in;
	struct timeline t;

	if (!may_step(n) || n->disk.version == NULL || !clock_ok(s, n))
		return;
	decide(s, n, false, &view, &d);
	if (d.act != SERIAL_PUBLISH) {
		look_again(s, n, &view, &d);
		return;
	}
	node_view(s, n, &in, &t);
	if (t.stale && !FAULT(STALE_RENEWED))
		return; /* its next version is made from facts */
	publish(s, n, &n->disk.version->published, &d, &view);
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
	struct serial_version known[KNOWN_MAX];
	struct serial_view view = { .known = known };
	struct serial_decision d = { .act = SERIAL_NOTHING };

	if (!n->making || n->making_id != ev->value || !n->up || n->gone)
		return;
	if (n->halted > 0) {
		sim_later(s, chance_between(&s->chance, HOUR, 12 * HOUR), on_publish, ev->a, 0, ev->value, NULL);
		return;
	}
	if (clock_ok(s, n))
		decide(s, n, true, &view, &d);
	if (d.act != SERIAL_PUBLISH) {
		look_again(s, n, &view, &d);
		sim_later(s, chance_between(&s->chance, MINUTE, HOUR), on_publish, ev->a, 0, ev->value, NULL);
		return;
	}
	n->making = false;
	publish(s, n, &n->next, &d, &view);
	node_wake(s, n);
}

/* The keys' next version, if there is one: signed and audited by and by. */
void serve_next(struct sim *s, struct node *n, const struct timeline_in *in, const struct timeline *t)
{
	const uint64_t steps = timeline_steps(in, t);

	if (n->making || (!timeline_changes(t, in->published) && (!in->published->any || steps <= n->disk.mine.steps)))
		return;
	timeline_next(t, in->published, &n->next);
	n->next_steps = steps;
	n->making = true;
	sim_later(s,
		  chance_of(&s->chance, 80) ? chance_between(&s->chance, 1, 2 * MINUTE)
					    : chance_between(&s->chance, 1, HOUR),
		  on_publish, n->i, 0, ++n->making_id, NULL);
}
