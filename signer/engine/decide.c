/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * decide: what is to be done with a zone now.  Gathers what is known, asks the serial rule (lib/serial), and takes the next
 * step: ask for fresh word, sign, publish, wait.  Called whenever something has changed, and at the instant that the last
 * call named; calling it once more is harmless.
 */
#include <inttypes.h>
#include <string.h>

#include "clock/clock.h"
#include "signer/engine/api.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/look.h"
#include "signer/engine/netlink.h"
#include "signer/engine/withheld.h"
#include "fail/fail.h"
#include "log/log.h"

#define FRESH_MS        5000
#define ASK_MS          2000
#define CATCH_UP_MS     5000   /* between two looks at the source for newer content that others have */
#define SAYS_MAX        1536   /* what is waited for, with two names of nodes and that of a zone, escaped */
#define RENEW_AGAIN_MS  600000 /* a renewal that did not help is not tried again at once */
#define KNOWN_MAX       (PEER_WORDS_MAX + SHOWN_MAX + 1)

static bool peers_fresh(const struct zwork *z, int64_t now_ms)
{
	const struct engine *e = z->engine;

	if (e->nodes_mono_ms == 0 || now_ms - e->nodes_mono_ms > FRESH_MS)
		return false;
	for (size_t i = 0; i < e->node_count; i++) {
		const struct engine_node *n = &e->node[i];

		if (!n->self && strcmp(n->role, "signer") == 0 && (n->heard_ms < 0 || n->heard_ms > FRESH_MS))
			return false;
	}
	return true;
}

static bool all_explained(const struct zwork *z)
{
	for (size_t i = 0; i < z->shown_count; i++) {
		const struct shown *s = &z->shown[i];

		if (s->configured && s->now.ok && secondary_explained(z, s) == NULL)
			return false;
	}
	return true;
}

static bool fresh(struct zwork *z)
{
	int64_t now_ms = clock_mono_ms(), since = now_ms - FRESH_MS;

	if (z->ask_until_ms != 0 && now_ms >= z->ask_until_ms && now_ms - z->ask_until_ms < FRESH_MS)
		return true; /* 2 s of asking are over: who has not answered is not waited for */
	/* What a secondary shows and nobody explains yet may be a peer's version of this second: its word is on its way. */
	return source_confirmed(z, since) && peers_fresh(z, now_ms) && secondary_fresh(z, since) && all_explained(z);
}

static void ask(struct zwork *z)
{
	int64_t now_ms = clock_mono_ms();

	if (z->ask_until_ms == 0 || now_ms - z->ask_until_ms >= FRESH_MS) {
		z->ask_until_ms = now_ms + ASK_MS;
		z->asked_ms = now_ms;
		source_refresh(z);
		secondary_ask(z);
	}
	z->look_ms = z->ask_until_ms < z->look_ms ? z->ask_until_ms : z->look_ms;
}

static size_t gather(const struct zwork *z, struct serial_version known[KNOWN_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < z->peer_count; i++)
		known[n++] = known_signer(&z->peer[i].v, z->peer[i].silent);
	if (z->self_serial != 0)
		known[n++] = known_self(z->self_serial, &z->self_content);
	for (size_t i = 0; i < z->shown_count; i++) {
		const struct shown *s = &z->shown[i];

		if (s->now.ok && s->configured)
			known[n++] = known_secondary(&s->now, secondary_explained(z, s), engine_unsure(z->engine) && secondary_has_our_keys(z, s));
	}
	return n;
}

bool zwork_hears(const struct engine *e, const char *node)
{
	for (size_t i = 0; i < e->node_count; i++)
		if (strcmp(e->node[i].id, node) == 0)
			return e->node[i].heard_ms >= 0 && e->node[i].heard_ms <= FRESH_MS;
	return false;
}

/* "Hearing a peer starts that anew." */
static void watch_peers(struct zwork *z)
{
	for (size_t i = 0; i < z->peer_count; i++) {
		const bool silent = !zwork_hears(z->engine, z->peer[i].node);

		if (z->peer[i].silent && !silent)
			serial_watch_heard(&z->watch);
		z->peer[i].silent = silent;
	}
}

/* What is known, all but whether word of it is fresh.  The plan is there. */
static struct serial_view view_of(struct zwork *z, int64_t now, struct serial_version known[KNOWN_MAX])
{
	const struct version_info *info = z->version == NULL ? NULL : version_info(z->version);
	int64_t now_ms = clock_mono_ms();
	struct serial_view view = {
		.now = now, .last = z->kept.last, .serving = info != NULL, .mine = z->kept.mine,
		.mine_earliest = info == NULL ? INT64_MAX : info->earliest,
		.want = review_lets(z) ? *review_content(z) : z->kept.mine,
		.confirmed = source_confirmed(z, z->source.kind == SOURCE_FILE ? now_ms - FRESH_MS : now_ms - 3600000),
		.forced = z->forced && z->hold == NULL, .floor = z->plan->floor,
		.margin_s = (uint32_t)z->plan->policy->renewal_margin_s, .known = known,
	};

	view.unsure = engine_unsure(z->engine);
	view.want.steps = z->plan->steps;
	watch_peers(z);
	view.known_count = gather(z, known);
	return view;
}

static void look_at_serials(struct zwork *z, int64_t now, struct serial_decision *d, bool signed_now)
{
	struct serial_version known[KNOWN_MAX];
	struct serial_view view = view_of(z, now, known);

	/* Not where it is asked whether to go on uncompared, or with a clock in doubt: an old copy least of all. */
	if (withheld_is_late(z, clock_mono_ms()))
		view.mine_earliest = now;
	/* A renewal that could not help (keydist has no fresh DNSKEY signatures) is not repeated at once. */
	if (z->renewed_ms != 0 && clock_mono_ms() - z->renewed_ms < RENEW_AGAIN_MS && !signed_now)
		view.mine_earliest = INT64_MAX;
	view.fresh = fresh(z);
	serial_watch_look(&z->watch, &view);
	serial_decide(&view, d);
	d->cause = NULL; /* it points into this frame */
}

static const struct {
	enum serial_alarm alarm;
	enum log_level level;
	const char *text;
} alarm_texts[] = {
	{ SERIAL_ALARM_CLAIM, LOG_ERROR, "a secondary alone claims a serial that is too high: it is not followed" },
	{ SERIAL_ALARM_FAR, LOG_ERROR, "a signer's serial or the floor is more than 2^30 away" },
	{ SERIAL_ALARM_FORCED_UP, LOG_ERROR, "renewed above a serial that nobody explains: signatures were about to expire" },
	{ SERIAL_ALARM_BEHIND, LOG_ERROR, "renewed content that is older than another signer's: the source does not give the newer" },
	{ SERIAL_ALARM_DIGEST, LOG_ERROR, "another signer has other content under the same number: the larger digest counts" },
	{ SERIAL_ALARM_DAY, LOG_WARNING, "70 or more of today's 100 serials are used" },
	{ SERIAL_ALARM_UNSURE, LOG_ERROR, "a secondary shows a version that nobody explains, with another DNSKEY RRset, and since its start "
					  "this signer has not met all other signers and a backup: it goes above that version when it has, "
					  "or by: duetctl zone resume --alone" },
	{ SERIAL_ALARM_AHEAD, LOG_WARNING, "serials are more than a day ahead of the date" },
};

static void show_alarms(struct zwork *z, unsigned alarms)
{
	for (size_t i = 0; i < sizeof(alarm_texts) / sizeof(alarm_texts[0]); i++)
		if ((alarms & alarm_texts[i].alarm) != 0 && (z->alarms & alarm_texts[i].alarm) == 0)
			log_event(alarm_texts[i].level, "serial-alarm", "zone=%s alarm=%d msg=%s", z->name,
				  (int)alarm_texts[i].alarm, alarm_texts[i].text);
	if (alarms != z->alarms)
		zwork_tell(z);
	z->alarms = alarms;
}

const char *decide_alarm_text(unsigned alarm)
{
	for (size_t i = 0; i < sizeof(alarm_texts) / sizeof(alarm_texts[0]); i++)
		if (alarm_texts[i].alarm == (enum serial_alarm)alarm)
			return alarm_texts[i].text;
	return "";
}

/* Why nothing new may be made now; NULL: it may.  *quiet: no matter for people. */
static const char *obstacle(struct zwork *z, int64_t now, bool *quiet)
{
	struct engine *e = z->engine;
	struct serial_version known[KNOWN_MAX];
	struct serial_view view;
	const char *why;
	bool half;

	*quiet = true;
	if (z->plan == NULL)
		return "keydist has not given a plan yet";
	if (z->plan->state == PLAN_KEEP)
		return "keydist cannot say which keys to use: going on with what is published";
	if (z->plan->state == PLAN_HELD)
		return "no key yet, and policy holds an unsigned zone back: duetctl key create";
	if (z->plan->state == PLAN_SIGNED && z->plan->ready_until <= now)
		return "keydist's signatures of the DNSKEY RRset have expired: waiting for new ones";
	if (z->damage != NULL && (z->input == NULL || z->hold != NULL))
		return z->hold != NULL ? "what is published is damaged, and is made again once the zone is resumed"
				       : "what is published is damaged: the source must give the zone again";
	if (z->version == NULL && z->input == NULL && z->review.stage == REVIEW_NONE)
		return z->source.error != NULL ? "the source has given nothing that could be published" : "the source is read";
	if (z->version == NULL && z->review.halt != NULL && !review_lets(z))
		return z->review.halt;
	if (z->version == NULL && look_ds_awaited(z) != 0) {
		z->look_ms = look_ds_awaited(z);
		return "the parent is asked for the DS that it has";
	}
	if (z->version == NULL && audit_input_waits(z))
		return z->error != NULL ? z->error : "refused: the next try is due later";
	*quiet = false;
	if (e->leaving)
		return "this signer is to leave the cluster, and serves nothing any more";
	if (e->hold != NULL && !e->alone)
		return e->hold;
	if (z->plan->hold)
		return "keydist holds this zone";
	view = view_of(z, now, known);
	half = serial_within_half(&view);
	if (!engine_may_make(e) && !half)
		return "not yet compared with another node since the start: duetctl zone resume --alone goes without";
	return engine_clock_ok(e, half, &why) ? NULL : why;
}

static void held(struct zwork *z, const char *why, bool quiet)
{
	z->held_quiet = quiet;
	if (z->held_shown == NULL || strcmp(z->held_shown, why) != 0) {
		zwork_say(&z->held_shown, "%s", why);
		if (!quiet)
			log_event(LOG_WARNING, "held", "zone=%s msg=%s", z->name, why);
		zwork_tell(z);
	}
}

/* A signer that has newer content than what is published: rather one that is heard. */
static const struct peer_word *newer_signer(const struct zwork *z)
{
	const struct peer_word *found = NULL;

	for (size_t i = 0; i < z->peer_count; i++) {
		const struct peer_word *p = &z->peer[i];

		if (p->v.serial != 0 && content_cmp(&p->v.content, &z->kept.mine) > 0 && (found == NULL || found->silent))
			found = p;
	}
	return found;
}

/* Who has what is waited for, and what ends it. */
static void say_newer(const struct zwork *z, const struct serial_version *known, size_t known_count, char out[SAYS_MAX])
{
	static const char asked[] = "this node's source is asked for it";
	const struct peer_word *p = newer_signer(z);
	bool content = false;

	for (size_t i = 0; i < known_count; i++)
		content |= known[i].explained && content_cmp(&known[i].content, &z->kept.mine) > 0;
	if (borrow_says(z) != NULL)
		snprintf(out, SAYS_MAX, "%s", borrow_says(z));
	else if (p != NULL && !p->silent)
		snprintf(out, SAYS_MAX, "signer %s has newer content: %s", p->name, asked);
	else if (p != NULL)
		snprintf(out, SAYS_MAX, "signer %s, which is silent, has newer content: %s; if %s is gone for good, and the source is right: "
			 "duetctl zone accept-serial %s", p->name, asked, p->name, z->name);
	else if (z->self_serial != 0 && content_cmp(&z->self_content, &z->kept.mine) > 0)
		snprintf(out, SAYS_MAX, "this node was set back, and its version %u, which it has lost, had newer content: %s; if the source is "
			 "right: duetctl zone accept-serial %s", z->self_serial, asked, z->name);
	else if (content)
		snprintf(out, SAYS_MAX, "a secondary shows newer content: %s; if the source is right: duetctl zone accept-serial %s", asked,
			 z->name);
	else
		snprintf(out, SAYS_MAX, "another signer's keys are a step ahead: word of them is waited for, for %d s at most",
			 SERIAL_STEPS_WAIT_S);
}

static void catch_up(struct zwork *z)
{
	int64_t now_ms = clock_mono_ms();
	struct serial_version known[KNOWN_MAX];
	char says[SAYS_MAX];

	say_newer(z, known, gather(z, known), says);
	held(z, says, z->catch_up_ms == 0);
	z->held_quiet = false; /* the source is asked again by and by */
	if (z->catch_up_ms == 0 || now_ms - z->catch_up_ms >= CATCH_UP_MS) {
		z->catch_up_ms = now_ms;
		source_refresh(z);
	}
}

static void sooner(struct zwork *z, int64_t until)
{
	z->look_s = until < z->look_s ? until : z->look_s;
}

/* A renewal below a version that nobody explains, or beside newer content that the source does not give, is one in need. */
static void audit_as(struct zwork *z, const struct serial_decision *d)
{
	z->made->forced = d->why == SERIAL_WHY_RENEWAL_BELOW ||
			  (d->why == SERIAL_WHY_RENEWAL && (d->alarms & (SERIAL_ALARM_BEHIND | SERIAL_ALARM_FORCED_UP)) != 0);
	audit_start(z, d->serial - (uint32_t)fail_number("serial-back"));
}

static void act(struct zwork *z, const struct serial_decision *d)
{
	int64_t now_ms = clock_mono_ms();

	sooner(z, d->until);
	if (d->act != SERIAL_CATCH_UP)
		z->catch_up_ms = 0;
	switch (d->act) {
	case SERIAL_NOTHING:
		pipeline_drop(z);
		z->ask_until_ms = 0;
		zwork_say(&z->held_shown, NULL);
		break;
	case SERIAL_CATCH_UP:
		pipeline_drop(z);
		catch_up(z);
		break;
	case SERIAL_ASK:
		ask(z);
		break;
	case SERIAL_WAIT:
		pipeline_drop(z);
		held(z, "a serial above ours is not explained: renewal waits for room", false);
		break;
	case SERIAL_PUBLISH:
		if (z->retry_ms != 0 && now_ms < z->retry_ms) {
			z->look_ms = z->retry_ms < z->look_ms ? z->retry_ms : z->look_ms;
			break;
		}
		zwork_say(&z->held_shown, NULL);
		if (z->made == NULL && review_publishes(z))
			pipeline_candidate(z);
		else if (z->made == NULL)
			pipeline_sign(z);
		else if (!audit_passed(z->made, d->serial))
			audit_as(z, d);
		else if (review_wanted(z, z->made))
			review_candidate(z);
		else
			pipeline_publish(z, (int)d->why);
		break;
	}
}

void zwork_step(struct zwork *z)
{
	int64_t now = clock_now_s();
	struct serial_decision d;
	const char *why;
	bool quiet;

	z->look_s = INT64_MAX;
	z->look_ms = audit_input_waits(z) ? z->verdict.input_until_ms : INT64_MAX;
	if (z->gone) {
		if (!z->busy && !z->loading)
			pipeline_remove(z);
		return;
	}
	source_step(z);
	borrow_step(z);
	review_plan(z);
	agree_look(z);
	if (z->busy || zwork_save_step(z))
		return;
	if (z->loaded != NULL && (z->loaded->of_peer || source_settled(z))) {
		struct content *loaded = z->loaded;

		z->loaded = NULL;
		input_taken(z, loaded);
	}
	input_renumber(z);
	if (zwork_save_step(z))
		return;
	if (z->made != NULL && (z->made->plan != z->plan || z->stale))
		pipeline_drop(z);
	z->stale = false;
	if ((why = obstacle(z, now, &quiet)) != NULL) {
		pipeline_drop(z);
		held(z, why, quiet);
		if (!z->loading && z->loaded == NULL)
			waiter_failed(z, ERR_NOTNOW, why);
		return;
	}
	if (review_step(z))
		return;
	if (z->version == NULL && !review_lets(z)) {
		held(z, z->review.stage == REVIEW_NONE ? "the input was refused" : "the first version waits for its review", false);
		return;
	}
	if (z->made != NULL && made_is_new(z->made) && !review_lets(z))
		pipeline_drop(z);
	look_at_serials(z, now, &d, z->made != NULL);
	show_alarms(z, d.alarms);
	act(z, &d);
}
