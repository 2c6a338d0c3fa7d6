/* SPDX-License-Identifier: BSD-3-Clause */
/* learn: what a signer knows of its source, of the others' versions and of what its secondaries show, as signer/engine does. */
#include "tests/sim/sim.h"

#include <string.h>

/* ---- content ---- */

static void digest_of(int source, uint8_t digest[CONTENT_DIGEST_LEN])
{
	memset(digest, 1 + source * 37 % 251, CONTENT_DIGEST_LEN); /* larger or smaller than the one before */
}

/* As many as `zone accept-serial` was said. */
static uint64_t epoch(const struct node *n)
{
	const struct fact_reg *r = node_zone(n) == NULL ? NULL : &node_zone(n)->epoch;

	return r == NULL || !r->set ? 1 : (uint64_t)json_integer_value(json_object_get(r->body, "epoch"));
}

static void number(const struct sim *s, const struct node *n, int source, struct content_decision *d)
{
	struct content_id known[PAST_MAX + NODES_MAX];
	uint8_t digest[CONTENT_DIGEST_LEN];
	struct content_view view = { .order = s->content_order, .epoch = epoch(n), .input_serial = (uint32_t)source,
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
	n->disk.taken.epoch = epoch(n);
	n->disk.taken.number = d.number;
	digest_of(s->source, n->disk.taken.digest);
	n->disk.source = s->source;
}

/* Others have given a higher number to the same. */
void learn_numbers(const struct sim *s, struct node *n)
{
	const bool published = n->disk.version != NULL && content_cmp(&n->disk.taken, &n->disk.mine) == 0;
	struct content_decision d;

	for (int i = 0; i < s->nodes; i++) {
		const struct version *v = n->heard_of[i];

		if (v == NULL || v->word.content.epoch != n->disk.taken.epoch || v->word.content.number <= n->disk.taken.number ||
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

/* Newer content than its source gives is with the dead alone: an operator, who sees that it is waited for, says
 * `zone accept-serial` by and by. */
void learn_waits(struct sim *s, struct node *n)
{
	bool lives = n->source_off > 0 || n->disk.source != s->source;

	for (int i = 0; i < s->nodes; i++)
		lives |= !s->node[i].gone && s->node[i].disk.version != NULL && content_cmp(&s->node[i].disk.taken, &n->disk.taken) > 0;
	if (lives || n->behind_at == 0)
		n->behind_at = lives ? 0 : s->now;
	if (lives || s->now < n->behind_at + 10 * DAY)
		return;
	n->behind_at = 0;
	node_say(s, n, "epoch", true, json_pack("{s:I}", "epoch", (json_int_t)epoch(n) + 1));
}

static void on_source(struct sim *s, const struct event *ev);

void learn_from_source(struct sim *s, struct node *n, int64_t least, int64_t most)
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
		learn_from_source(s, n, 10 * MINUTE, 2 * HOUR);
		return;
	}
	take_source(s, n);
	serve_step(s, n);
}

/* It reads its source. */
void learn_starts(struct sim *s, struct node *n)
{
	n->asking = false;
	if (!n->backup)
		learn_from_source(s, n, 1, MINUTE);
}

void learn_source_changes(struct sim *s)
{
	s->source++;
	s->source_at = s->now;
	sim_say(s, "the source has content %d", s->source);
	for (int i = 0; i < s->signers; i++)
		learn_from_source(s, &s->node[i], 1, chance_of(&s->chance, 70) ? MINUTE : 6 * HOUR);
}

/* ---- what is known ---- */

void learn_first(struct sim *s, struct node *n)
{
	n->disk.own = (struct past){ .v = n->disk.own_v, .room = PAST_MAX };
	n->disk.others = (struct past){ .v = n->disk.others_v, .room = PAST_MAX };
	n->disk.taken = (struct content_id){ .epoch = 1, .number = 1 };
	n->disk.source = s->source;
	digest_of(s->source, n->disk.taken.digest);
	serial_watch_init(&n->watch);
}

/* What the secondary shows now.  A claim has an id that nobody knows. */
static void look_at(const struct secondary *sec, struct known_shown *shown)
{
	uint8_t id[VERSION_ID_LEN];

	memset(id, 0xff, sizeof(id));
	if (sec->claim != 0)
		known_answer(shown, sec->claim, id);
	else
		known_answer(shown, sec->version->word.serial, sec->version->word.id);
}

bool learn_explains(struct sim *s, const struct node *n, const struct secondary *sec)
{
	struct known_shown shown = { .ok = false };
	const struct past_version *p;

	look_at(sec, &shown);
	p = known_explains(&n->disk.own, &n->disk.others, &shown);
	if (p != NULL && memcmp(p->id, shown.id, VERSION_ID_LEN) != 0)
		sim_fail(s, "wrong version", "signer %d takes serial %u of signer %d for another version", n->i, shown.serial,
			 sec->version->signer);
	return p != NULL;
}

/* A version of its own that others have, and it has not: an old copy was put back. */
static void hears_of_itself(struct node *n, const struct version *v)
{
	if (!known_set_back(&n->disk.own, n->disk.last, &v->word))
		return;
	n->set_back = true;
	if (n->disk.self.serial == 0 || serial_gt(v->word.serial, n->disk.self.serial))
		n->disk.self = v->word;
	past_add(&n->disk.others, &v->word);
}

void learn_hears(struct node *n, const struct version *v)
{
	if (v == NULL || (n->heard_of[v->who] != NULL && n->heard_of[v->who]->nr >= v->nr))
		return;
	n->heard_of[v->who] = v;
	if (v->who == n->who)
		hears_of_itself(n, v);
	else
		past_add(&n->disk.others, &v->word);
}

/* Wherever that one runs. */
static bool hears(const struct sim *s, const struct node *n, int who)
{
	for (int i = 0; i < s->nodes; i++)
		if (s->node[i].who == who && node_reaches(s, i, n->i))
			return true;
	return false;
}

void learn_of_peers(const struct sim *s, struct node *n)
{
	for (int i = 0; i < s->nodes; i++) {
		const bool silent = !hears(s, n, i);

		if (n->silent[i] && !silent && n->heard_of[i] != NULL && i != n->who)
			serial_watch_heard(&n->watch);
		n->silent[i] = silent;
	}
}

/* Its DNSKEY RRset is that of our version, or of the next one, where that is about to be published. */
static bool has_our_keys(const struct sim *s, const struct node *n, bool next, const struct version *v)
{
	const struct version *ours = n->disk.version;

	return ours != NULL && (v->mask[RECORD_DNSKEY] == ours->mask[RECORD_DNSKEY] ||
				(next && v->mask[RECORD_DNSKEY] == keys_mask(s, &n->next.record[RECORD_DNSKEY])));
}

size_t learn_known(const struct sim *s, struct node *n, bool next, struct serial_version known[LEARN_MAX])
{
	size_t count = 0;

	for (int i = 0; i < s->nodes; i++)
		if (n->heard_of[i] != NULL && i != n->who)
			known[count++] = known_signer(&n->heard_of[i]->word, n->silent[i]);
	if (n->disk.self.serial != 0)
		known[count++] = known_self(n->disk.self.serial, &n->disk.self.content);
	for (int i = 0; i < s->secondaries; i++) {
		const struct secondary *sec = &s->secondary[i];
		struct known_shown *shown = &n->shown[i];

		if ((sec->primaries >> n->i & 1) == 0 || sec->version == NULL || s->secondary_off[i] > 0)
			continue;
		look_at(sec, shown);
		known[count++] = known_secondary(shown, known_explains(&n->disk.own, &n->disk.others, shown),
						 !n->sure && has_our_keys(s, n, next, sec->version));
	}
	return count;
}
