/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SERIAL_H
#define DUET_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * serial - serial arithmetic (RFC 1982), the order of content, and the serial rule of DESIGN section 6.
 *
 * Everything here is pure: what is known and an instant go in, a decision comes out.  Any thread.
 * Serial 0 means "none" and is never published.
 */

static inline uint32_t serial_add(uint32_t serial, uint32_t n)
{
	return serial + n;
}

/* How far `to` lies above `from` (RFC 1982 section 3.2): negative when it lies below.  INT32_MIN: cannot be compared. */
static inline int32_t serial_distance(uint32_t from, uint32_t to)
{
	return (int32_t)(to - from);
}

static inline bool serial_gt(uint32_t a, uint32_t b)
{
	return serial_distance(b, a) > 0;
}

/* The serial behind this one: 0 is skipped. */
uint32_t serial_next(uint32_t serial);
/* YYYYMMDD00 of the instant, in UTC. */
uint32_t serial_today(int64_t now);

/*
 * What a version says: the input's content under its epoch, and how many steps the zone's keys have taken.  The same
 * input has the same epoch and number on all nodes.
 */
#define CONTENT_DIGEST_LEN 48
struct content_id {
	uint64_t epoch;  /* raised by `zone accept-serial` */
	uint64_t number;
	uint8_t digest[CONTENT_DIGEST_LEN]; /* all zero: not known, equal to any */
	uint64_t steps;
};

/* By epoch, number, digest: >0 when a is newer.  Key steps are left out. */
int content_cmp(const struct content_id *a, const struct content_id *b);
/* The same, then by key steps. */
int content_cmp_steps(const struct content_id *a, const struct content_id *b);
/* Same epoch and number, other digest. */
bool content_differs(const struct content_id *a, const struct content_id *b);

/*
 * content_decide - the number of an input.
 *
 * CONTENT_SEEN    files and submissions: the number that somebody gave to this digest, or one above the highest known
 * CONTENT_SERIAL  the source's own SOA serial, carried on past 2^32 by RFC 1982 distance from the highest known
 *
 * known  statuses of now and those remembered, own past included; entries of other epochs are passed over
 */
enum content_order { CONTENT_SEEN, CONTENT_SERIAL };

enum content_result {
	CONTENT_SAME,     /* the content that `mine` is; the number may be higher: others gave a higher one to this digest */
	CONTENT_NEWER,    /* newer than mine */
	CONTENT_OLDER,    /* the source's serial went back, or equal serial with the smaller digest: not taken */
};

struct content_view {
	enum content_order order;
	uint64_t epoch;
	uint32_t input_serial;
	const uint8_t *digest; /* CONTENT_DIGEST_LEN octets */
	const struct content_id *mine; /* what this node took last; NULL: nothing ever */
	const struct content_id *known;
	size_t known_count;
};

struct content_decision {
	enum content_result result;
	uint64_t number;
	bool differs; /* somebody has this number with another digest: alarm */
};

void content_decide(const struct content_view *view, struct content_decision *out);

/* One version that is known of. */
enum serial_from {
	SERIAL_FROM_SELF,      /* published by this node before, as its past or others remember */
	SERIAL_FROM_SIGNER,    /* newest status of another signer, heard now or not */
	SERIAL_FROM_SECONDARY, /* what an authenticated secondary shows now */
};

struct serial_version {
	enum serial_from from;
	uint32_t serial;   /* 0: passed over */
	bool explained;    /* its id is our own or was in a status; SELF and SIGNER always are */
	bool silent;       /* SIGNER: it is not heard now */
	bool same_keys;    /* SECONDARY: it shows the DNSKEY RRset of this node's version */
	struct content_id content; /* when explained */
	int64_t earliest;  /* earliest RRSIG expiration; INT64_MAX: none or not known */
};

/* A secondary alone may claim this much above the larger of today00 and the highest signer's serial. */
#define SERIAL_SECONDARY_MAX 1000
/* Serials further than this from the last published are not followed, or alarm where they must be. */
#define SERIAL_WINDOW (1 << 30)
/* Newer key steps elsewhere hold a change (never a renewal) so long: the plan follows within seconds. */
#define SERIAL_STEPS_WAIT_S 60
/* Back-off of overtaking an unexplained version: first and last. */
#define SERIAL_OVERTAKE_FIRST_S 600
#define SERIAL_OVERTAKE_LAST_S 86400

struct serial_view {
	int64_t now;
	uint32_t last;          /* the last that this node published, 0: none ever; outlives the zone */
	bool serving;           /* a version of ours is published: mine and mine_earliest are set */
	struct content_id mine;
	int64_t mine_earliest;  /* INT64_MAX: unsigned */
	struct content_id want; /* what would be published now */
	bool confirmed;         /* the source confirms that `want` is current */
	bool forced;            /* an operator or a new plan asks for a new version of the same content */
	uint32_t floor;         /* of `zone floor`; 0: none */
	uint32_t margin_s;      /* renewal margin */
	bool unsure;            /* since its start this node has not met all others (own_is_sure): it may have been set back, and
				   lack steps of keys that those took who made what nobody explains */
	bool fresh;             /* word of source, peers and secondaries is fresh, or 2 s of asking are over */
	int64_t overtake_at;    /* when an unexplained version may be overtaken; INT64_MAX: not counted yet */
	int64_t behind_since;   /* since when newer key steps are known elsewhere; 0: not */
	const struct serial_version *known;
	size_t known_count;
};

enum serial_act {
	SERIAL_NOTHING,  /* look again at `until` */
	SERIAL_CATCH_UP, /* `cause` is newer: take it from the source first; look again at `until` */
	SERIAL_ASK,      /* something is to be published: get fresh word, 2 s at most, and decide again */
	SERIAL_PUBLISH,  /* at `serial` */
	SERIAL_WAIT,     /* a renewal has no room below an unexplained serial: until `until` */
};

enum serial_why {
	SERIAL_WHY_NONE,
	SERIAL_WHY_CHANGE,
	SERIAL_WHY_RENEWAL,
	SERIAL_WHY_RENEWAL_BELOW, /* below an unexplained or newer version */
	SERIAL_WHY_OVERTAKING,
};

enum serial_alarm {
	SERIAL_ALARM_CLAIM = 1,     /* a secondary alone claims too high a serial: not followed */
	SERIAL_ALARM_FAR = 2,       /* a signer's serial or the floor is further than SERIAL_WINDOW away */
	SERIAL_ALARM_FORCED_UP = 4, /* renewal above an unexplained serial, for want of room and time */
	SERIAL_ALARM_BEHIND = 8,    /* renewal of older content above a newer one's serial, for want of room and time */
	SERIAL_ALARM_DIGEST = 16,   /* same content number, other digest */
	SERIAL_ALARM_DAY = 32,      /* warning: 70 or more of today's 100 serials are used */
	SERIAL_ALARM_AHEAD = 64,    /* warning: more than a day ahead of the date */
	SERIAL_ALARM_UNSURE = 128,  /* what is to be published would go above what nobody explains, and this node is unsure */
};

struct serial_decision {
	enum serial_act act;
	enum serial_why why;
	uint32_t serial;
	int64_t until; /* INT64_MAX: no instant, only news */
	unsigned alarms; /* enum serial_alarm */
	const struct serial_version *cause; /* into view->known, or NULL */
};

void serial_decide(const struct serial_view *view, struct serial_decision *out);

/*
 * serial_within_half - whether signatures are about to expire: ours, or a peer's at our serial or above, which secondaries
 * have in place of ours, are within half the renewal margin.  Then what else would wait (a clock that nobody vouches for,
 * the comparison after a start) is not waited for: rule 3 renews.
 */
bool serial_within_half(const struct serial_view *view);

/*
 * serial_watch - what a node remembers of a zone from one decision to the next; not kept over a start.
 *
 * serial_watch_look       before each serial_decide: overtake_at and behind_since of the view, from all else in it
 * serial_watch_published  a version was published, for this reason
 * serial_watch_heard      a signer that was silent is heard again: the back-off of overtaking starts anew
 */
struct serial_watch {
	int64_t overtake_at, overtake_wait_s, behind_since;
};

void serial_watch_init(struct serial_watch *w);
void serial_watch_look(struct serial_watch *w, struct serial_view *view);
void serial_watch_published(struct serial_watch *w, int64_t now, enum serial_why why);
void serial_watch_heard(struct serial_watch *w);

/* A version of our own that others remember and that lies above all that we know of: an old copy was put back. */
bool serial_set_back(uint32_t last, uint32_t remembered);

/*
 * clock_vouched - whether a node may sign now (DESIGN section 6, "Clock").
 */
#define CLOCK_AGREE_S 600

enum clock_verdict {
	CLOCK_VOUCHED,
	CLOCK_LATE,   /* nobody vouches, but a version is within half the margin and wall and monotonic clock agree */
	CLOCK_DOUBT,  /* make nothing, alarm */
};

struct clock_view {
	bool trust;            /* `clock: trust` */
	int64_t now;
	const int64_t *heard;  /* what the clocks of the nodes heard in the last hour show at this instant */
	size_t heard_count;
	bool kernel;           /* the kernel or timesyncd says synchronised */
	bool within_half;      /* serial_within_half */
	bool ever;             /* was vouched for before, in this run */
	int64_t drift_s;       /* wall against monotonic clock since then */
};

enum clock_verdict clock_vouched(const struct clock_view *view, const char **why);

#endif
