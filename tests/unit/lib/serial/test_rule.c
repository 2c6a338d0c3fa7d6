/* SPDX-License-Identifier: BSD-3-Clause */
/* The serial rule of DESIGN section 6, sentence by sentence, in rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serial/serial.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW    INT64_C(1772366400) /* 2026-03-01T12:00:00Z */
#define TODAY  2026030100u
#define DAY    86400
#define MARGIN (7 * DAY)
#define FRESH  (NOW + 13 * DAY)
#define DUE    (NOW + 6 * DAY) /* within the margin */
#define LATE   (NOW + 3 * DAY) /* within half of it */

/* Content as short as a row can say it: number and steps; the digest follows from the number unless given. */
#define C(number_, steps_) { .epoch = 1, .number = (number_), .steps = (steps_), .digest = { 1, (number_) } }
#define D(number_, digest_) { .epoch = 1, .number = (number_), .digest = { 1, (digest_) } }

#define SIGNER(serial_, content_, earliest_) \
	{ .from = SERIAL_FROM_SIGNER, .serial = (serial_), .content = content_, .earliest = (earliest_), .explained = true }
#define SHOWN(serial_, content_, earliest_) \
	{ .from = SERIAL_FROM_SECONDARY, .serial = (serial_), .content = content_, .earliest = (earliest_), \
	  .explained = true }
#define UNKNOWN(serial_) { .from = SERIAL_FROM_SECONDARY, .serial = (serial_), .earliest = INT64_MAX }
#define UNKNOWN_SAME(serial_) { .from = SERIAL_FROM_SECONDARY, .serial = (serial_), .same_keys = true, .earliest = INT64_MAX }
#define SELF(serial_, content_) \
	{ .from = SERIAL_FROM_SELF, .serial = (serial_), .content = content_, .earliest = FRESH, .explained = true }

#define BASE(last_, mine_, want_, earliest_) \
	.now = NOW, .last = (last_), .serving = true, .mine = mine_, .want = want_, .mine_earliest = (earliest_), \
	.margin_s = MARGIN
#define FIRST(want_) \
	.now = NOW, .want = want_, .mine_earliest = INT64_MAX, .margin_s = MARGIN

#define LIST(...) \
	.known = (const struct serial_version[]){ __VA_ARGS__ }, \
	.known_count = sizeof((const struct serial_version[]){ __VA_ARGS__ }) / sizeof(struct serial_version)

#define ANY         0
#define STALE       -1 /* no fresh word yet */
#define UNCONFIRMED -2 /* the source does not answer */

struct row {
	const char *what;
	struct serial_view view;
	enum serial_act act;
	enum serial_why why;
	uint32_t serial;
	unsigned alarms;
	int64_t until; /* what the decision must say, ANY, or how the row is run */
};

static void run(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct serial_view view = rows[i].view;
		struct serial_decision d;

		view.fresh = rows[i].until != STALE;
		view.confirmed = rows[i].until != UNCONFIRMED;
		view.overtake_at = view.overtake_at == 0 ? INT64_MAX : view.overtake_at;
		serial_decide(&view, &d);
		if (d.act != rows[i].act || d.why != rows[i].why || d.serial != rows[i].serial ||
		    d.alarms != rows[i].alarms || (rows[i].until > 0 && d.until != rows[i].until))
			fail_msg("%s: act %d why %d serial %u alarms %u until %lld", rows[i].what, d.act, d.why,
				 d.serial, d.alarms, (long long)d.until);
	}
}

#define PUB(why_, serial_) SERIAL_PUBLISH, SERIAL_WHY_##why_, (serial_)
#define IDLE SERIAL_NOTHING, SERIAL_WHY_NONE, 0

static void the_first_version(void **state)
{
	const struct row rows[] = {
		{ "is the date's", { FIRST(C(1, 0)) }, PUB(CHANGE, TODAY), 0, 0 },
		{ "is the floor where that is higher", { FIRST(C(1, 0)), .floor = TODAY + 5000 },
		  PUB(CHANGE, TODAY + 5000), SERIAL_ALARM_DAY | SERIAL_ALARM_AHEAD, 0 },
		{ "is the date's where the floor is lower", { FIRST(C(1, 0)), .floor = 17 }, PUB(CHANGE, TODAY), 0, 0 },
		{ "takes a peer's serial for the same content",
		  { FIRST(C(1, 0)), LIST(SIGNER(TODAY + 3, C(1, 0), FRESH)) }, PUB(CHANGE, TODAY + 3), 0, 0 },
		{ "goes above a peer's older content", { FIRST(C(2, 0)), LIST(SIGNER(TODAY + 3, C(1, 0), FRESH)) },
		  PUB(CHANGE, TODAY + 4), 0, 0 },
		{ "goes above a peer's serial that is no date", { FIRST(C(2, 0)), LIST(SIGNER(77, C(1, 0), FRESH)) },
		  PUB(CHANGE, 78), 0, 0 },
		{ "waits for newer content of a peer", { FIRST(C(1, 0)), LIST(SIGNER(TODAY, C(2, 0), FRESH)) },
		  SERIAL_CATCH_UP, SERIAL_WHY_NONE, 0, 0, INT64_MAX },
		{ "goes above what a secondary shows", { FIRST(C(1, 0)), LIST(UNKNOWN(TODAY + 9)) },
		  PUB(CHANGE, TODAY + 10), 0, 0 },
		{ "goes above the last one when the zone was removed and came again",
		  { FIRST(C(1, 0)), .last = TODAY + 8 }, PUB(CHANGE, TODAY + 9), 0, 0 },
	};

	(void)state;
	run(rows, COUNT(rows));
}

static void nothing_happens_without_a_reason(void **state)
{
	const struct row rows[] = {
		{ "until renewal is due", { BASE(TODAY, C(1, 0), C(1, 0), FRESH) }, IDLE, 0, FRESH - MARGIN },
		{ "a peer with the same content and serial", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  LIST(SIGNER(TODAY, C(1, 0), FRESH)) }, IDLE, 0, FRESH - MARGIN },
		{ "a peer with the same content above", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  LIST(SIGNER(TODAY + 7, C(1, 0), FRESH)) }, IDLE, 0, 0 },
		{ "a peer with older content below", { BASE(TODAY + 2, C(2, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY + 1, C(1, 0), FRESH)) }, IDLE, 0, 0 },
		{ "an unsigned version never wants renewal", { BASE(TODAY, C(1, 0), C(1, 0), INT64_MAX) }, IDLE, 0, INT64_MAX },
		{ "an input older than what is served is no change", { BASE(TODAY, C(2, 0), C(1, 0), FRESH) }, IDLE, 0, 0 },
	};

	(void)state;
	run(rows, COUNT(rows));
}

static void catch_up_comes_before_everything(void **state)
{
	const struct row rows[] = {
		{ "newer content at a peer", { BASE(TODAY, C(1, 0), C(1, 0), FRESH), LIST(SIGNER(TODAY + 1, C(2, 0), FRESH)) },
		  SERIAL_CATCH_UP, SERIAL_WHY_NONE, 0, 0, FRESH - MARGIN / 2 },
		{ "newer than a change of ours", { BASE(TODAY, C(1, 0), C(2, 0), FRESH), LIST(SIGNER(TODAY + 1, C(3, 0), FRESH)) },
		  SERIAL_CATCH_UP, SERIAL_WHY_NONE, 0, 0, 0 },
		{ "holds a renewal that has time", { BASE(TODAY, C(1, 0), C(1, 0), DUE), LIST(SIGNER(TODAY + 1, C(2, 0), FRESH)) },
		  SERIAL_CATCH_UP, SERIAL_WHY_NONE, 0, 0, DUE - MARGIN / 2 },
		{ "newer content explained at a secondary", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  LIST(SHOWN(TODAY + 1, C(2, 0), FRESH)) }, SERIAL_CATCH_UP, SERIAL_WHY_NONE, 0, 0, 0 },
		{ "a renewal without time goes below newer content", { BASE(TODAY, C(1, 0), C(1, 0), LATE),
		  LIST(SIGNER(TODAY + 2, C(2, 0), FRESH)) }, PUB(RENEWAL_BELOW, TODAY + 1), 0, 0 },
		{ "and above with an alarm where there is no room", { BASE(TODAY, C(1, 0), C(1, 0), LATE),
		  LIST(SIGNER(TODAY + 1, C(2, 0), FRESH)) }, PUB(RENEWAL, TODAY + 2), SERIAL_ALARM_BEHIND, 0 },
		{ "nor is a peer's version that ends let be where secondaries have it", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  LIST(SIGNER(TODAY, C(1, 0), LATE), SIGNER(TODAY + 5, C(2, 0), FRESH)) }, PUB(RENEWAL_BELOW, TODAY + 1), 0, 0 },
		{ "also without room", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  LIST(SIGNER(TODAY, C(1, 0), LATE), SIGNER(TODAY + 1, C(2, 0), FRESH)) }, PUB(RENEWAL, TODAY + 2), SERIAL_ALARM_BEHIND, 0 },
		{ "until it ends it is", { BASE(TODAY, C(1, 0), C(1, 0), FRESH), LIST(SIGNER(TODAY, C(1, 0), DUE),
		  SIGNER(TODAY + 1, C(2, 0), FRESH)) }, SERIAL_CATCH_UP, SERIAL_WHY_NONE, 0, 0, DUE - MARGIN / 2 },
		{ "not below a version of ours that others remember", { BASE(TODAY, C(1, 0), C(1, 0), LATE),
		  LIST(SIGNER(TODAY + 9, C(2, 0), FRESH), SELF(TODAY + 5, C(1, 0))) }, PUB(RENEWAL_BELOW, TODAY + 6), 0, 0 },
		{ "which may be the newer one", { BASE(TODAY, C(1, 0), C(1, 0), LATE), LIST(SELF(TODAY + 5, C(2, 0))) },
		  PUB(RENEWAL, TODAY + 6), SERIAL_ALARM_BEHIND, 0 },
		{ "newer key steps hold a change for a moment", { BASE(TODAY, C(1, 0), C(2, 0), FRESH), .behind_since = NOW - 59,
		  LIST(SIGNER(TODAY + 1, C(2, 1), FRESH)) }, SERIAL_CATCH_UP, SERIAL_WHY_NONE, 0, 0, NOW + 1 },
		{ "and not longer", { BASE(TODAY, C(1, 0), C(2, 0), FRESH), .behind_since = NOW - 60,
		  LIST(SIGNER(TODAY + 1, C(2, 1), FRESH)) }, PUB(CHANGE, TODAY + 2), 0, 0 },
		{ "but never a renewal", { BASE(TODAY, C(2, 0), C(2, 0), DUE), .behind_since = NOW,
		  LIST(SIGNER(TODAY + 1, C(2, 1), FRESH)) }, PUB(RENEWAL, TODAY + 2), 0, 0 },
		{ "the same number with the larger digest is newer", { BASE(TODAY, D(2, 5), D(2, 5), FRESH),
		  LIST(SIGNER(TODAY, D(2, 6), FRESH)) }, SERIAL_CATCH_UP, SERIAL_WHY_NONE, 0, SERIAL_ALARM_DIGEST, 0 },
		{ "with the smaller digest it is overtaken", { BASE(TODAY, D(2, 5), D(2, 5), FRESH),
		  LIST(SIGNER(TODAY, D(2, 4), FRESH)) }, PUB(OVERTAKING, TODAY + 1), SERIAL_ALARM_DIGEST, 0 },
	};

	(void)state;
	run(rows, COUNT(rows));
}

static void a_change_takes_t_or_goes_above_it(void **state)
{
	const struct row rows[] = {
		{ "above my last on the same day", { BASE(TODAY + 4, C(1, 0), C(2, 0), FRESH) }, PUB(CHANGE, TODAY + 5), 0, 0 },
		{ "today00 on a new day", { BASE(TODAY - 96, C(1, 0), C(2, 0), FRESH) }, PUB(CHANGE, TODAY), 0, 0 },
		{ "T with the same content is taken", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY + 1, C(2, 0), FRESH)) }, PUB(CHANGE, TODAY + 1), 0, 0 },
		{ "also where a secondary shows it, explained", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY + 1, C(2, 0), FRESH), SHOWN(TODAY + 1, C(2, 0), FRESH)) }, PUB(CHANGE, TODAY + 1), 0, 0 },
		{ "also where T lies far in tomorrow", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY + 5000, C(2, 0), FRESH)) }, PUB(CHANGE, TODAY + 5000),
		  SERIAL_ALARM_DAY | SERIAL_ALARM_AHEAD, 0 },
		{ "not with other content", { BASE(TODAY, C(1, 0), C(2, 0), FRESH), LIST(SIGNER(TODAY + 1, C(1, 0), FRESH)) },
		  PUB(CHANGE, TODAY + 2), 0, 0 },
		{ "not with other key steps", { BASE(TODAY, C(1, 0), C(2, 1), FRESH), LIST(SIGNER(TODAY + 1, C(2, 0), FRESH)) },
		  PUB(CHANGE, TODAY + 2), 0, 0 },
		{ "not where it ends within half the margin", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY + 1, C(2, 0), LATE)) }, PUB(CHANGE, TODAY + 2), 0, 0 },
		{ "not where anything at T is unexplained", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY + 1, C(2, 0), FRESH), UNKNOWN(TODAY + 1)) }, PUB(CHANGE, TODAY + 2), 0, 0 },
		{ "not where T is not above my last", { BASE(TODAY + 1, C(1, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY + 1, C(2, 0), FRESH)) }, PUB(CHANGE, TODAY + 2), 0, 0 },
		{ "T is the highest of all known", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY + 1, C(1, 0), FRESH), UNKNOWN(TODAY + 9), SIGNER(TODAY + 4, C(1, 0), FRESH)) },
		  PUB(CHANGE, TODAY + 10), 0, 0 },
		{ "my own past as others remember it counts", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SELF(TODAY + 3, C(1, 0))) }, PUB(CHANGE, TODAY + 4), 0, 0 },
		{ "and is never published again, though it has the same content", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SELF(TODAY + 3, C(2, 0))) }, PUB(CHANGE, TODAY + 4), 0, 0 },
		{ "key steps alone are a change", { BASE(TODAY, C(1, 0), C(1, 1), FRESH) }, PUB(CHANGE, TODAY + 1), 0, 0 },
		{ "so is an operator's word", { BASE(TODAY, C(1, 0), C(1, 0), FRESH), .forced = true }, PUB(CHANGE, TODAY + 1), 0, 0 },
		{ "fresh word comes first", { BASE(TODAY, C(1, 0), C(2, 0), FRESH) }, SERIAL_ASK, SERIAL_WHY_CHANGE, TODAY + 1,
		  0, STALE },
		{ "serial 0 of a peer is none", { BASE(TODAY, C(1, 0), C(2, 0), FRESH), LIST(SIGNER(0, C(9, 0), FRESH)) },
		  PUB(CHANGE, TODAY + 1), 0, 0 },
		{ "0 is skipped", { BASE(UINT32_MAX, C(1, 0), C(2, 0), FRESH) }, PUB(CHANGE, 1), 0, 0 },
		{ "over the wrap T is still higher", { BASE(UINT32_MAX, C(1, 0), C(2, 0), FRESH),
		  LIST(SIGNER(7, C(1, 0), FRESH)) }, PUB(CHANGE, 8), 0, 0 },
	};

	(void)state;
	run(rows, COUNT(rows));
}

static void known_serials_have_bounds(void **state)
{
	const struct row rows[] = {
		{ "a secondary alone may claim 1000 above today00", { BASE(TODAY - 5000, C(1, 0), C(2, 0), FRESH),
		  LIST(UNKNOWN(TODAY + 1000)) }, PUB(CHANGE, TODAY + 1001), SERIAL_ALARM_DAY | SERIAL_ALARM_AHEAD, 0 },
		{ "and not one more", { BASE(TODAY - 5000, C(1, 0), C(2, 0), FRESH), LIST(UNKNOWN(TODAY + 1001)) },
		  PUB(CHANGE, TODAY), SERIAL_ALARM_CLAIM, 0 },
		{ "or 1000 above the highest signer's", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY + 500, C(1, 0), FRESH), UNKNOWN(TODAY + 1500)) }, PUB(CHANGE, TODAY + 1501),
		  SERIAL_ALARM_DAY | SERIAL_ALARM_AHEAD, 0 },
		{ "and not one more than that", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY + 500, C(1, 0), FRESH), UNKNOWN(TODAY + 1501)) }, PUB(CHANGE, TODAY + 501),
		  SERIAL_ALARM_CLAIM | SERIAL_ALARM_DAY | SERIAL_ALARM_AHEAD, 0 },
		{ "a claim beyond the window is one too", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(UNKNOWN(TODAY + (1u << 30) + 1)) }, PUB(CHANGE, TODAY + 1), SERIAL_ALARM_CLAIM, 0 },
		{ "a peer's serial is never refused", { BASE(100, C(1, 0), C(2, 0), FRESH), LIST(SIGNER(TODAY, C(2, 0), FRESH)) },
		  PUB(CHANGE, TODAY), SERIAL_ALARM_FAR, 0 },
		{ "the date is not followed beyond the window", { BASE(100, C(1, 0), C(2, 0), FRESH) }, PUB(CHANGE, 101), 0, 0 },
		{ "what a secondary explains may be anywhere", { BASE(TODAY, C(1, 0), C(2, 0), FRESH),
		  LIST(SHOWN(TODAY + 5000, C(1, 0), FRESH)) }, PUB(CHANGE, TODAY + 5001),
		  SERIAL_ALARM_DAY | SERIAL_ALARM_AHEAD, 0 },
		{ "the floor raises", { BASE(TODAY, C(1, 0), C(1, 0), FRESH), .floor = TODAY + 40 }, PUB(CHANGE, TODAY + 40), 0, 0 },
		{ "the floor of all is taken together", { BASE(TODAY, C(1, 0), C(1, 0), FRESH), .floor = TODAY + 40,
		  LIST(SIGNER(TODAY + 40, C(1, 0), FRESH)) }, PUB(CHANGE, TODAY + 40), 0, 0 },
		{ "the floor that is reached is silent", { BASE(TODAY, C(1, 0), C(1, 0), FRESH), .floor = TODAY }, IDLE, 0, 0 },
		{ "T below the floor is not taken", { BASE(TODAY, C(1, 0), C(2, 0), FRESH), .floor = TODAY + 40,
		  LIST(SIGNER(TODAY + 30, C(2, 0), FRESH)) }, PUB(CHANGE, TODAY + 40), 0, 0 },
		{ "a floor beyond the window is not followed", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  .floor = TODAY + (1u << 30) + 1 }, IDLE, SERIAL_ALARM_FAR, 0 },
		{ "the 70th change of a day warns", { BASE(TODAY + 69, C(1, 0), C(2, 0), FRESH) }, PUB(CHANGE, TODAY + 70),
		  SERIAL_ALARM_DAY, 0 },
		{ "the 69th does not", { BASE(TODAY + 68, C(1, 0), C(2, 0), FRESH) }, PUB(CHANGE, TODAY + 69), 0, 0 },
		{ "the 101st runs into tomorrow", { BASE(TODAY + 99, C(1, 0), C(2, 0), FRESH) }, PUB(CHANGE, TODAY + 100),
		  SERIAL_ALARM_DAY, 0 },
	};

	(void)state;
	run(rows, COUNT(rows));
}

static void renewal_goes_above_what_expires(void **state)
{
	const struct row rows[] = {
		{ "within the margin", { BASE(TODAY, C(1, 0), C(1, 0), NOW + MARGIN) }, PUB(RENEWAL, TODAY + 1), 0, 0 },
		{ "not a second before", { BASE(TODAY, C(1, 0), C(1, 0), NOW + MARGIN + 1) }, IDLE, 0, NOW + 1 },
		{ "takes a peer's renewed version", { BASE(TODAY, C(1, 0), C(1, 0), DUE), LIST(SIGNER(TODAY + 1, C(1, 0), FRESH)) },
		  PUB(RENEWAL, TODAY + 1), 0, 0 },
		{ "a peer's at my serial within half the margin", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  LIST(SIGNER(TODAY, C(1, 0), LATE)) }, PUB(RENEWAL, TODAY + 1), 0, 0 },
		{ "a peer's above mine within half the margin", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  LIST(SIGNER(TODAY + 3, C(1, 0), LATE)) }, PUB(RENEWAL, TODAY + 4), 0, 0 },
		{ "a peer's within the margin alone is the peer's", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  LIST(SIGNER(TODAY, C(1, 0), DUE)) }, IDLE, 0, DUE - MARGIN / 2 },
		{ "one that a peer renewed and a secondary still has", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  LIST(SIGNER(TODAY + 1, C(1, 0), FRESH), SHOWN(TODAY, C(1, 0), LATE)) }, PUB(RENEWAL, TODAY + 1), 0, 0 },
		{ "a peer's below mine is no matter", { BASE(TODAY + 1, C(1, 0), C(1, 0), FRESH),
		  LIST(SIGNER(TODAY, C(1, 0), LATE)) }, IDLE, 0, 0 },
		{ "below an unexplained serial", { BASE(TODAY, C(1, 0), C(1, 0), DUE), LIST(UNKNOWN(TODAY + 2)) },
		  PUB(RENEWAL_BELOW, TODAY + 1), 0, 0 },
		{ "waits without room", { BASE(TODAY, C(1, 0), C(1, 0), DUE), LIST(UNKNOWN(TODAY + 1)) }, SERIAL_WAIT,
		  SERIAL_WHY_RENEWAL, 0, 0, DUE - MARGIN / 2 },
		{ "not longer than to half the margin", { BASE(TODAY, C(1, 0), C(1, 0), LATE), LIST(UNKNOWN(TODAY + 1)) },
		  PUB(RENEWAL, TODAY + 2), SERIAL_ALARM_FORCED_UP, 0 },
		{ "and not longer than until a peer's version ends", { BASE(TODAY, C(1, 0), C(1, 0), NOW + MARGIN),
		  LIST(SIGNER(TODAY, C(1, 0), DUE), UNKNOWN(TODAY + 1)) }, SERIAL_WAIT, SERIAL_WHY_RENEWAL, 0, 0, DUE - MARGIN / 2 },
		{ "nor where a peer's version ends", { BASE(TODAY, C(1, 0), C(1, 0), FRESH),
		  LIST(SIGNER(TODAY, C(1, 0), LATE), UNKNOWN(TODAY + 1)) }, PUB(RENEWAL, TODAY + 2), SERIAL_ALARM_FORCED_UP, 0 },
		{ "with room it goes below also when it is late", { BASE(TODAY, C(1, 0), C(1, 0), LATE), LIST(UNKNOWN(TODAY + 5)) },
		  PUB(RENEWAL_BELOW, TODAY + 1), 0, 0 },
		{ "above explained ones below the unexplained", { BASE(TODAY, C(1, 0), C(1, 0), DUE),
		  LIST(SIGNER(TODAY + 2, C(1, 0), NOW + DAY), UNKNOWN(TODAY + 9)) }, PUB(RENEWAL_BELOW, TODAY + 3), 0, 0 },
		{ "takes an explained one below the unexplained", { BASE(TODAY, C(1, 0), C(1, 0), DUE),
		  LIST(SIGNER(TODAY + 2, C(1, 0), FRESH), UNKNOWN(TODAY + 9)) }, PUB(RENEWAL_BELOW, TODAY + 2), 0, 0 },
		{ "an unexplained one at my serial does not matter", { BASE(TODAY, C(1, 0), C(1, 0), DUE), LIST(UNKNOWN(TODAY)) },
		  PUB(RENEWAL, TODAY + 1), 0, 0 },
		{ "asks first", { BASE(TODAY, C(1, 0), C(1, 0), DUE) }, SERIAL_ASK, SERIAL_WHY_RENEWAL,
		  TODAY + 1, 0, STALE },
	};

	(void)state;
	run(rows, COUNT(rows));
}

static void the_newest_content_overtakes(void **state)
{
	const struct row rows[] = {
		{ "an older version at my serial", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), LIST(SIGNER(TODAY, C(1, 0), FRESH)) },
		  PUB(OVERTAKING, TODAY + 1), 0, 0 },
		{ "an older version above", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), LIST(SIGNER(TODAY + 6, C(1, 0), FRESH)) },
		  PUB(OVERTAKING, TODAY + 7), 0, 0 },
		{ "one with fewer key steps", { BASE(TODAY, C(2, 1), C(2, 1), FRESH), LIST(SIGNER(TODAY, C(2, 0), FRESH)) },
		  PUB(OVERTAKING, TODAY + 1), 0, 0 },
		{ "a dead signer's version at a secondary", { BASE(TODAY, C(2, 0), C(2, 0), FRESH),
		  LIST(SHOWN(TODAY + 1, C(1, 0), FRESH)) }, PUB(OVERTAKING, TODAY + 2), 0, 0 },
		{ "above all that is known, not only that one", { BASE(TODAY, C(2, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY, C(1, 0), FRESH), SIGNER(TODAY + 5, C(2, 0), FRESH)) }, PUB(OVERTAKING, TODAY + 6), 0, 0 },
		{ "an unexplained version is let be at first", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), .overtake_at = NOW + 600,
		  LIST(UNKNOWN(TODAY + 1)) }, IDLE, 0, NOW + 600 },
		{ "and overtaken when its time has come", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), .overtake_at = NOW,
		  LIST(UNKNOWN(TODAY + 1)) }, PUB(OVERTAKING, TODAY + 2), 0, 0 },
		{ "at my serial too", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), .overtake_at = NOW, LIST(UNKNOWN(TODAY)) },
		  PUB(OVERTAKING, TODAY + 1), 0, 0 },
		{ "not below it", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), .overtake_at = NOW, LIST(UNKNOWN(TODAY - 1)) },
		  IDLE, 0, 0 },
		{ "not while the source does not confirm", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), .overtake_at = NOW,
		  LIST(UNKNOWN(TODAY + 1)) }, IDLE, 0, UNCONFIRMED },
		{ "a claim that is not followed is not overtaken", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), .overtake_at = NOW,
		  LIST(UNKNOWN(TODAY + 1001)) }, IDLE, SERIAL_ALARM_CLAIM, 0 },
		{ "newer content elsewhere forbids it", { BASE(TODAY, C(2, 0), C(2, 0), FRESH),
		  LIST(SIGNER(TODAY, C(1, 0), FRESH), SIGNER(TODAY + 1, C(3, 0), FRESH)) }, SERIAL_CATCH_UP, SERIAL_WHY_NONE,
		  0, 0, 0 },
	};

	(void)state;
	run(rows, COUNT(rows));
}

/* Who may have been set back may lack key steps that what nobody explains has. */
static void the_unsure_go_above_nothing_that_is_unexplained(void **state)
{
	const struct row rows[] = {
		{ "it is not overtaken", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), .overtake_at = NOW, .unsure = true,
		  LIST(UNKNOWN(TODAY + 1)) }, IDLE, SERIAL_ALARM_UNSURE, 0 },
		{ "nor is it at my serial", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), .overtake_at = NOW, .unsure = true,
		  LIST(UNKNOWN(TODAY)) }, IDLE, SERIAL_ALARM_UNSURE, 0 },
		{ "a change waits", { BASE(TODAY, C(1, 0), C(2, 0), FRESH), .unsure = true, LIST(UNKNOWN(TODAY + 1)) },
		  IDLE, SERIAL_ALARM_UNSURE, 0 },
		{ "a renewal goes below it", { BASE(TODAY, C(1, 0), C(1, 0), DUE), .unsure = true, LIST(UNKNOWN(TODAY + 2)) },
		  PUB(RENEWAL_BELOW, TODAY + 1), SERIAL_ALARM_UNSURE, 0 },
		{ "or waits", { BASE(TODAY, C(1, 0), C(1, 0), DUE), .unsure = true, LIST(UNKNOWN(TODAY)) }, SERIAL_WAIT,
		  SERIAL_WHY_RENEWAL, 0, SERIAL_ALARM_UNSURE, DUE - MARGIN / 2 },
		{ "as long as there is time", { BASE(TODAY, C(1, 0), C(1, 0), LATE), .unsure = true, LIST(UNKNOWN(TODAY)) },
		  PUB(RENEWAL, TODAY + 1), SERIAL_ALARM_UNSURE | SERIAL_ALARM_FORCED_UP, 0 },
		{ "with our keys nobody has come further", { BASE(TODAY, C(2, 0), C(2, 0), FRESH), .overtake_at = NOW, .unsure = true,
		  LIST(UNKNOWN_SAME(TODAY + 1)) }, PUB(OVERTAKING, TODAY + 2), 0, 0 },
		{ "what is explained is no matter", { BASE(TODAY, C(1, 0), C(2, 0), FRESH), .unsure = true,
		  LIST(SIGNER(TODAY + 1, C(1, 0), FRESH)) }, PUB(CHANGE, TODAY + 2), 0, 0 },
		{ "nor what lies below", { BASE(TODAY, C(1, 0), C(2, 0), FRESH), .unsure = true, LIST(UNKNOWN(TODAY - 1)) },
		  PUB(CHANGE, TODAY + 1), 0, 0 },
		{ "nor that there is nothing to publish", { BASE(TODAY, C(1, 0), C(1, 0), FRESH), .unsure = true,
		  .overtake_at = NOW + 600, LIST(UNKNOWN(TODAY + 1)) }, IDLE, 0, NOW + 600 },
	};

	(void)state;
	run(rows, COUNT(rows));
}

/* Two signers that hear each other, in all orders of news: they end at one serial and one content, and stop. */
static void two_signers_settle(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 64; order++) {
		struct { uint32_t last; struct content_id mine; } node[2] = { { TODAY, C(1, 0) }, { TODAY + (order & 3), C(1, 0) } };
		const struct content_id want = C(2, 0);
		unsigned published = 0;

		for (unsigned round = 0; round < 40; round++) {
			unsigned me = round < 6 ? (order >> round) & 1 : round & 1, peer = !me;
			struct serial_version known = SIGNER(node[peer].last, C(1, 0), FRESH);
			struct serial_view view = { BASE(node[me].last, C(1, 0), C(1, 0), FRESH), .confirmed = true,
				.fresh = true, .overtake_at = INT64_MAX, .known = &known, .known_count = 1 };
			struct serial_decision d;

			known.content = node[peer].mine;
			view.mine = node[me].mine;
			view.want = want;
			serial_decide(&view, &d);
			if (d.act != SERIAL_PUBLISH)
				continue;
			assert_true(serial_gt(d.serial, node[me].last));
			node[me].last = d.serial;
			node[me].mine = want;
			published++;
		}
		assert_int_equal(node[0].last, node[1].last);
		assert_int_equal(published, 2);
	}
}

static void signatures_about_to_expire_are_ours_or_a_peers_that_secondaries_have(void **state)
{
	const struct {
		const char *what;
		struct serial_view view;
		bool within;
	} cases[] = {
		{ "nothing is served", { FIRST(C(5, 0)), LIST(SIGNER(TODAY, C(5, 0), LATE)) }, false },
		{ "all are fresh", { BASE(TODAY, C(5, 0), C(5, 0), FRESH), LIST(SIGNER(TODAY + 1, C(5, 0), FRESH)) }, false },
		{ "ours are due, not late", { BASE(TODAY, C(5, 0), C(5, 0), DUE) }, false },
		{ "ours are late", { BASE(TODAY, C(5, 0), C(5, 0), LATE) }, true },
		{ "unsigned", { BASE(TODAY, C(5, 0), C(5, 0), INT64_MAX) }, false },
		{ "a peer's above ours are late", { BASE(TODAY, C(5, 0), C(5, 0), FRESH), LIST(SIGNER(TODAY + 1, C(5, 0), LATE)) },
		  true },
		{ "a peer's at our serial are late", { BASE(TODAY, C(5, 0), C(5, 0), FRESH), LIST(SIGNER(TODAY, C(5, 0), LATE)) },
		  true },
		{ "a peer's are due, not late", { BASE(TODAY, C(5, 0), C(5, 0), FRESH), LIST(SIGNER(TODAY, C(5, 0), DUE)) }, false },
		{ "a peer's below ours are late", { BASE(TODAY, C(5, 0), C(5, 0), FRESH), LIST(SIGNER(TODAY - 1, C(5, 0), LATE)) },
		  false },
		{ "what a secondary shows is late", { BASE(TODAY, C(5, 0), C(5, 0), FRESH), LIST(SHOWN(TODAY, C(5, 0), LATE)) },
		  true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (serial_within_half(&cases[i].view) != cases[i].within)
			fail_msg("%s", cases[i].what);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_version),
		cmocka_unit_test(nothing_happens_without_a_reason),
		cmocka_unit_test(catch_up_comes_before_everything),
		cmocka_unit_test(a_change_takes_t_or_goes_above_it),
		cmocka_unit_test(known_serials_have_bounds),
		cmocka_unit_test(renewal_goes_above_what_expires),
		cmocka_unit_test(the_newest_content_overtakes),
		cmocka_unit_test(the_unsure_go_above_nothing_that_is_unexplained),
		cmocka_unit_test(two_signers_settle),
		cmocka_unit_test(signatures_about_to_expire_are_ours_or_a_peers_that_secondaries_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
