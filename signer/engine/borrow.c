/* SPDX-License-Identifier: BSD-3-Clause */
/* borrow: takes a peer's input in place of what this node's own source does not give. */
#include "signer/engine/borrow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "log/log.h"
#include "msg/msg.h"
#include "signer/engine/kdlink.h"
#include "signer/engine/zwork.h"
#include "submission/submission.h"

#define ASK_MS    8000 /* keydist itself says after 5 s that nobody answers */
#define RETRY_MS  2000
#define RETRY_IO_MS 30000 /* of what is wrong here, a full disk for one */
#define WAIT_MS   500
#define BAR_MS    60000 /* who gave something else is not asked again for so long, doubling */
#define BARS_MOST 6

struct borrow {
	int64_t since_ms; /* monotonic: a peer has newer content */
	bool getting;     /* counts among BORROWS_MAX */
	struct content_id want;
	char node[NODE_ID_TEXT], name[64]; /* who is asked for it */
	char failed[NODE_ID_TEXT]; /* who did not answer last: another is asked first */
	struct assembly a; /* fd -1: nothing was asked for yet */
	uint8_t digest[SUBMISSION_DIGEST_LEN]; /* of the text, and its size, as its first chunk said */
	uint64_t size;
	bool ready;        /* it is whole */
	int64_t asked_ms;  /* 0: no answer is waited for */
	int64_t next_ms;   /* not before */
	char *says;
};

/* ---- what is newer ---- */

/* Two contents under one number are a matter for people: an alarm says so on both nodes. */
static bool above(const struct content_id *c, const struct content_id *ours)
{
	return content_cmp(c, ours) > 0 && !content_differs(c, ours);
}

static bool is_newer(const struct zwork *z, const struct content_id *c)
{
	static const uint8_t unknown[CONTENT_DIGEST_LEN];

	if (c->epoch != z->plan->epoch || memcmp(c->digest, unknown, sizeof(unknown)) == 0)
		return false;
	if ((z->input != NULL && !above(c, &z->input_id)) || (z->review.stage != REVIEW_NONE && !above(c, &z->review.content)))
		return false;
	if (z->damage != NULL && content_cmp(c, &z->kept.mine) == 0)
		return true; /* what is damaged is made again from the same */
	return (z->version == NULL && z->damage == NULL) || above(c, &z->kept.mine);
}

static bool any_newer(const struct zwork *z)
{
	for (size_t i = 0; i < z->peer_count; i++)
		if (z->peer[i].v.serial != 0 && is_newer(z, &z->peer[i].v.content))
			return true;
	return false;
}

/* Who has the newest, is heard, and did not fail just now if there is another; NULL: nobody. */
static const struct peer_word *whom(const struct zwork *z)
{
	const struct peer_word *best = NULL;
	int order;

	for (size_t i = 0; i < z->peer_count; i++) {
		const struct peer_word *p = &z->peer[i];

		if (p->v.serial == 0 || clock_mono_ms() < p->bar_ms || !zwork_hears(z->engine, p->node) || !is_newer(z, &p->v.content))
			continue;
		order = best == NULL ? 1 : content_cmp(&p->v.content, &best->v.content);
		if (order > 0 || (order == 0 && strcmp(best->node, z->borrow->failed) == 0))
			best = p;
	}
	return best;
}

/* ---- asking ---- */

static void begin_anew(struct borrow *b)
{
	assembly_close(&b->a);
	b->ready = false;
}

static void rest(struct zwork *z)
{
	struct borrow *b = z->borrow;

	if (b->getting)
		z->engine->borrows--;
	b->getting = false;
	b->asked_ms = 0;
}

void borrow_end(struct zwork *z)
{
	if (z->borrow == NULL)
		return;
	rest(z);
	assembly_close(&z->borrow->a);
	free(z->borrow->says);
	free(z->borrow);
	z->borrow = NULL;
}

static void trouble(struct zwork *z, const char *why)
{
	struct borrow *b = z->borrow;
	char *says = mem_printf("%s is asked for its input: %s; it is asked again", b->name, why);

	if (b->says == NULL || strcmp(b->says, says) != 0)
		log_event(LOG_WARNING, "peer-input-waits", "zone=%s peer=%s at=%" PRIu64 " msg=%s", z->name, b->name, b->a.at, why);
	free(b->says);
	b->says = says;
	rest(z);
	snprintf(b->failed, sizeof(b->failed), "%s", b->node);
	b->next_ms = clock_mono_ms() + RETRY_MS;
	zwork_poke(z);
}

/* What the peer gives is not what its status says. */
static void lied(struct zwork *z, const char *why)
{
	struct borrow *b = z->borrow;

	for (size_t i = 0; i < z->peer_count; i++) {
		struct peer_word *p = &z->peer[i];

		if (strcmp(p->node, b->node) != 0)
			continue;
		p->bar_ms = clock_mono_ms() + ((int64_t)BAR_MS << p->bars) / (1 + fail_number("hasten"));
		p->bars += p->bars < BARS_MOST;
	}
	log_event(LOG_ERROR, "peer-input-refused", "zone=%s peer=%s content=%" PRIu64 " msg=%s; this peer is not asked again for a while",
		  z->name, b->name, b->want.number, why);
	begin_anew(b);
	trouble(z, why);
}

static bool begin(struct zwork *z)
{
	struct borrow *b = z->borrow;
	const struct peer_word *p = z->engine->borrows < BORROWS_MAX ? whom(z) : NULL;
	int fd;

	if (p == NULL) {
		b->next_ms = clock_mono_ms() + RETRY_MS;
		return false;
	}
	if (b->a.fd >= 0 && memcmp(b->want.digest, p->v.content.digest, CONTENT_DIGEST_LEN) != 0)
		begin_anew(b);
	b->want = p->v.content;
	snprintf(b->node, sizeof(b->node), "%s", p->node);
	snprintf(b->name, sizeof(b->name), "%s", p->name);
	if (b->a.fd < 0) {
		if ((fd = source_nameless(z)) < 0) {
			trouble(z, strerror(errno));
			return false;
		}
		assembly_open(&b->a, fd);
	}
	b->getting = true;
	z->engine->borrows++;
	if (b->says == NULL)
		zwork_say(&b->says, "%s is asked for its input", b->name);
	log_event(LOG_NOTICE, "peer-input-wanted", "zone=%s peer=%s content=%" PRIu64 " there=%" PRIu64 " msg=this node's own source does "
		  "not give it: %s", z->name, b->name, b->want.number, b->a.at, z->source.text == NULL ? "none" : z->source.text);
	return true;
}

static void ask(struct zwork *z)
{
	struct borrow *b = z->borrow;
	struct input_wish wish = { .offset = b->a.at };

	memcpy(wish.zone, z->apex, dname_len(z->apex));
	memcpy(wish.content, b->want.digest, sizeof(wish.content));
	b->asked_ms = clock_mono_ms();
	kdlink_input(z->engine->keydist, b->node, input_wish_json(&wish));
}

/* The own source is on its way to giving something. */
static bool source_gives(const struct zwork *z)
{
	return z->loading || z->loaded != NULL || z->source.stream != NULL;
}

void borrow_step(struct zwork *z)
{
	const int64_t after_ms = 1000 * z->engine->conf->signer.peer_input_after_s;
	struct borrow *b = z->borrow;
	int64_t at;

	if (z->plan == NULL || z->gone || z->engine->leaving || z->source.kind == SOURCE_SUBMIT || !any_newer(z)) {
		borrow_end(z);
		return;
	}
	if (b == NULL) {
		b = z->borrow = mem_new(1, sizeof(*b));
		b->a.fd = -1;
		b->since_ms = clock_mono_ms();
	}
	if (b->ready || source_gives(z))
		return;
	if (b->getting && !is_newer(z, &b->want)) { /* something newer than that came, and there is newer still */
		rest(z);
		begin_anew(b);
	}
	at = b->since_ms + after_ms;
	at = b->next_ms > at ? b->next_ms : at;
	at = b->asked_ms != 0 ? b->asked_ms + ASK_MS : at;
	if (clock_mono_ms() >= at && (b->getting || begin(z))) {
		ask(z);
		at = b->asked_ms + ASK_MS;
	} else if (clock_mono_ms() >= at) {
		at = b->next_ms;
	}
	z->look_ms = at < z->look_ms ? at : z->look_ms;
}

/* ---- what comes ---- */

static void add(struct zwork *z, const struct chunk *c)
{
	const uint64_t most = (uint64_t)z->engine->conf->signer.fetch_max_mib << 20;
	struct borrow *b = z->borrow;
	struct err e;

	if (c->offset != b->a.at)
		return; /* said twice */
	if (b->a.at == 0) {
		memcpy(b->digest, c->digest, sizeof(b->digest));
		b->size = c->size;
	}
	if (c->size > most) {
		err_set(&e, ERR_LIMIT, "its text has %" PRIu64 " octets, and signer.fetch-max-mib is %" PRIu64, c->size, most >> 20);
		lied(z, e.text);
	} else if (c->size != b->size || memcmp(c->digest, b->digest, sizeof(b->digest)) != 0) {
		begin_anew(b); /* another peer, or this one after a start, has written it otherwise */
		trouble(z, "its text is another one now: it is taken from its beginning");
	} else if (assembly_add(&b->a, c->offset, c->octets, c->len, b->size, &e) != 0) {
		begin_anew(b);
		trouble(z, e.text);
	} else if (b->a.at < b->size) {
		b->asked_ms = 0;
		fail_point("borrow-got-chunk");
		ask(z);
	} else if (!assembly_is(&b->a, b->digest)) {
		lied(z, "what came is not what it said: its SHA-256 is another one");
	} else {
		rest(z);
		b->ready = true;
	}
}

void borrow_hear(struct zwork *z, const json_t *msg)
{
	const char *why = json_string_value(json_object_get(msg, "error"));
	uint8_t content[INPUT_CONTENT_LEN];
	struct borrow *b = z->borrow;
	struct chunk c = { .octets = NULL };
	struct err e;
	bool wait;

	if (b == NULL || !b->getting || b->asked_ms == 0 || msg_hex(msg, "content", content, sizeof(content), NULL) != 0 ||
	    memcmp(content, b->want.digest, sizeof(content)) != 0)
		return;
	if (why != NULL) {
		trouble(z, why);
	} else if (input_answer_read(json_object_get(msg, "result"), &wait, &c, &e) != 0) {
		lied(z, e.text);
	} else if (wait) {
		b->asked_ms = 0;
		b->next_ms = clock_mono_ms() + WAIT_MS;
	} else {
		add(z, &c);
	}
	free(c.octets);
	zwork_poke(z);
}

bool borrow_has_text(const struct zwork *z)
{
	return z->borrow != NULL && z->borrow->ready;
}

int borrow_take(struct zwork *z, struct content_id *there)
{
	struct borrow *b = z->borrow;
	const int fd = b->a.fd;

	*there = b->want;
	b->a.fd = -1;
	b->ready = false;
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Whether it is that which was asked for last: another may have been taken meanwhile. */
static bool is_wanted(const struct zwork *z, const struct content_id *there)
{
	return z->borrow != NULL && memcmp(z->borrow->want.digest, there->digest, CONTENT_DIGEST_LEN) == 0 && is_newer(z, there);
}

void borrow_refused(struct zwork *z, enum err_code code, const char *why)
{
	if (z->borrow != NULL && code != ERR_IO) {
		lied(z, why);
	} else if (z->borrow != NULL) {
		trouble(z, why);
		z->borrow->next_ms = clock_mono_ms() + RETRY_IO_MS;
	}
}

bool borrow_fits(struct zwork *z, const struct content *c)
{
	if (z->plan == NULL || !is_wanted(z, &c->there) || !content_fits(c, z->version))
		return false;
	if (memcmp(content_digest(c), c->there.digest, CONTENT_DIGEST_LEN) == 0)
		return true;
	lied(z, "its text is not the content that its status names: the digest is another one");
	return false;
}

void borrow_taken(struct zwork *z, const struct content_id *there, const uint8_t *own)
{
	const struct borrow *b = z->borrow;

	for (size_t i = 0; i < z->peer_count; i++)
		if (strcmp(z->peer[i].node, b->node) == 0)
			z->peer[i].bars = 0;
	log_event(LOG_WARNING, "peer-input", "zone=%s peer=%s content=%" PRIu64 " msg=the input was taken from %s, since this node's own "
		  "source does not give it: %s", z->name, b->name, there->number, b->name, z->source.text == NULL ? "none" : z->source.text);
	/* Else what was damaged is made again, and the own source had given that. */
	if (z->lag != NULL || own == NULL || memcmp(own, there->digest, CONTENT_DIGEST_LEN) != 0)
		lag_begin(z, there, b->name, own);
	zwork_tell(z);
}

const char *borrow_says(const struct zwork *z)
{
	return z->borrow == NULL ? NULL : z->borrow->says;
}
