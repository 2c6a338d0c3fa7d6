/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * facts: facts on their way.
 *
 * A peer is sent what its vector lacks, many to a message, up to a window ahead of what it has told to hold; what is on
 * its way is not sent again before some seconds have passed without any of it having come.  Facts of a node that the
 * peer hears itself are left to that node, unless they do not come.
 */
#include "cluster/impl.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_OCTETS (256u << 10) /* of facts in one message */
#define BATCH_FACTS  256
#define CUT_FACTS    64   /* room for a row of cut facts at the end of a batch */
#define WINDOW       2048 /* facts */
#define AGAIN_MS     3000
#define RELAY_MS     2000 /* facts of a node that the peer hears, and that do not come */

/* ---- out ---- */

/* How far the peer holds one incarnation: 0 when not at all. */
static uint64_t seq_at_peer(const struct cluster_peer *p, const struct fact_head *h)
{
	for (size_t i = 0; i < p->rows; i++)
		if (memcmp(p->row[i].origin, h->origin, NODE_ID_LEN) == 0 &&
		    incarnation_cmp(&p->row[i].inc, &h->inc) == 0)
			return p->row[i].seq;
	return 0;
}

/* What of this incarnation is on its way to the peer, which holds it up to `seq`. */
static struct cluster_sent *sent_of(struct cluster_peer *p, const struct fact_head *h, uint64_t seq)
{
	const int64_t now = clock_mono_ms();
	struct cluster_sent *s = NULL;

	for (size_t i = 0; i < p->sents && s == NULL; i++)
		if (memcmp(p->sent[i].origin, h->origin, NODE_ID_LEN) == 0 &&
		    incarnation_cmp(&p->sent[i].inc, &h->inc) == 0)
			s = &p->sent[i];
	if (s == NULL) {
		p->sent = mem_grow(p->sent, p->sents + 1, sizeof(*p->sent));
		s = &p->sent[p->sents++];
		*s = (struct cluster_sent){ .inc = h->inc, .held = seq, .moved_ms = now };
		memcpy(s->origin, h->origin, NODE_ID_LEN);
	}
	if (s->held != seq || seq >= h->seq) {
		s->held = seq;
		s->moved_ms = now;
	}
	if (s->upto > seq && now - s->moved_ms >= AGAIN_MS) { /* it was lost */
		s->moved_ms = now;
		s->upto = seq;
	}
	if (s->upto < seq)
		s->upto = seq;
	return s;
}

struct batch {
	struct cluster *c;
	struct cluster_peer *p;
	struct wr w;
	size_t n;
	uint64_t seq, limit; /* the newest one; of this incarnation not beyond */
	bool cut, failed;    /* the newest one is; the peer's queue is full */
};

static int send_batch(struct batch *b)
{
	json_t *body = json_object();

	msg_set_tail(body, b->w.p, b->w.at);
	if (b->n > 0)
		b->failed = msg_send(b->c->hub, b->p->peer.id, b->p->peer.role, "facts", body, NULL) != 0;
	json_decref(body);
	b->w.at = b->n = 0;
	return b->failed ? -1 : 0;
}

static int add_to_batch(void *ctx, const struct fact *f)
{
	struct batch *b = ctx;

	/* A cut fact goes with the one that vouches for it. */
	if (((b->w.at >= BATCH_OCTETS || b->n >= BATCH_FACTS - CUT_FACTS) && (!b->cut || b->n >= BATCH_FACTS)) &&
	    send_batch(b) != 0)
		return 1;
	if ((f->seq > b->limit && !b->cut) || fact_state_closed(b->c->state, f) != NULL)
		return 1; /* nobody wants what is void */
	if (b->w.cap - b->w.at < f->len + 4) {
		b->w.cap = 2 * b->w.cap + f->len + 4;
		b->w.p = mem_grow(b->w.p, b->w.cap, 1);
	}
	wr_u32(&b->w, (uint32_t)f->len);
	wr_bytes(&b->w, f->octets, f->len);
	b->n++;
	b->seq = f->seq;
	b->cut = f->cut;
	return 0;
}

/* Facts of one incarnation; false when there are more than may be on their way. */
static bool send_head(struct batch *b, const struct fact_head *h)
{
	const uint64_t seq = seq_at_peer(b->p, h);
	struct cluster_sent *s = sent_of(b->p, h, seq);

	if (seq >= h->seq)
		return true;
	if (memcmp(h->origin, b->c->self->id, NODE_ID_LEN) != 0 && sync_peer_hears(b->p, h->origin) &&
	    clock_mono_ms() - s->moved_ms < RELAY_MS)
		return true;
	b->limit = seq + WINDOW;
	b->seq = s->upto;
	b->cut = false;
	if (s->upto < h->seq && s->upto < b->limit)
		fact_log_walk_from(b->c->log, h->origin, &h->inc, s->upto, add_to_batch, b, NULL);
	if (send_batch(b) != 0)
		return false;
	s->upto = b->seq;
	return s->upto >= h->seq || s->upto < b->limit;
}

/* Its own first and ours next, in the order in which they came, so that who is admitted is known before it speaks. */
void facts_send(struct cluster *c, struct cluster_peer *p)
{
	struct batch b = { .c = c, .p = p };
	size_t n;
	const struct fact_head *h = fact_log_heads(c->log, &n);
	bool more = p->has_told;

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < n && more; i++)
			if ((memcmp(h[i].origin, c->self->id, NODE_ID_LEN) == 0) == (round == 0))
				more = send_head(&b, &h[i]);
	free(b.w.p);
}

/* ---- in ---- */

static void refused(struct cluster *c, const struct msg_peer *from, const struct fact *f,
		    const struct fact_verdict *v)
{
	char origin[NODE_ID_TEXT], what[300];

	node_id_text(f->origin, origin);
	snprintf(what, sizeof(what), "%s/%u/%s", origin, f->inc.number, v->why);
	if (!cluster_tell_once(c, what))
		return;
	log_event(v->result == FACT_FORK ? LOG_ERROR : LOG_WARNING,
		  v->result == FACT_FORK ? "fact-fork" : "fact-refused",
		  "peer=%s origin=%s incarnation=%u seq=%llu kind=%s msg=%s", from->name, origin,
		  f->inc.number, (unsigned long long)f->seq, f->kind, v->why);
	if (v->result == FACT_FORK && memcmp(f->origin, c->self->id, NODE_ID_LEN) == 0)
		start_in_use(c, "another fact is known under a number that this node used");
}

/* Adds facts; those of unknown origin are looked at once more when others of the same message were taken,
 * which may have said who that is. */
static void take_facts(struct cluster *c, const struct msg_peer *from, struct fact *facts, size_t n)
{
	struct fact_verdict *v = mem_new(n, sizeof(*v));
	struct fact_rules rules;
	bool again = true, any = false;
	struct err e;

	sync_rules(c, &rules);
	while (again && n > 0) {
		size_t kept = 0, taken = 0;

		if (fact_log_add(c->log, &rules, facts, n, v, &e) != 0) {
			if (cluster_tell_once(c, e.text))
				log_event(LOG_ERROR, "facts-not-stored",
					  "msg=%s; they are asked for again every second", e.text);
			break;
		}
		for (size_t i = 0; i < n; i++)
			if (v[i].result == FACT_NEW) {
				if (memcmp(facts[i].origin, c->self->id, NODE_ID_LEN) == 0)
					start_own_facts(c, &facts[i].inc, from->name);
				sync_applied(c, &facts[i]);
				taken++;
			}
		any |= taken > 0;
		again = taken > 0;
		for (size_t i = 0; i < n; i++) {
			if (v[i].result == FACT_UNKNOWN && again)
				facts[kept++] = facts[i];
			else if (v[i].result == FACT_UNKNOWN || v[i].result == FACT_REFUSED ||
				 v[i].result == FACT_FORK)
				refused(c, from, &facts[i], &v[i]);
		}
		n = kept;
	}
	free(v);
	if (any && sync_after(c, &e) != 0)
		log_event(LOG_ERROR, "state-not-made", "msg=%s", e.text);
}

void sync_on_facts(void *ctx, const struct msg_peer *from, json_t *msg)
{
	struct cluster *c = ctx;
	struct fact *facts = mem_new(BATCH_FACTS, sizeof(*facts));
	size_t len, n = 0;
	const uint8_t *tail = msg_tail(msg, &len);
	struct rd r = rd_of(tail, len);
	struct err e;

	for (size_t i = 0; i < BATCH_FACTS && rd_left(&r) > 0; i++) {
		const size_t one = rd_u32(&r);
		const uint8_t *octets = rd_bytes(&r, one);

		if (octets != NULL && fact_read(octets, one, &facts[n], &e) == 0)
			n++;
		else if (octets != NULL && cluster_tell_once(c, e.text))
			log_event(LOG_WARNING, "fact-refused", "peer=%s msg=%s", from->name, e.text);
	}
	if (n > 0)
		take_facts(c, from, facts, n);
	free(facts);
}
