/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * start: the comparison after a start, incarnations, and being set back (DESIGN section 4).
 *
 * A node that starts may be an old copy of itself.  So it says nothing until it holds all that one other node
 * holds, words on zones too, and what it then says belongs to an incarnation that is above every one it found of itself.
 */
#include "cluster/impl.h"

#include "clock/clock.h"
#include "fact/own.h"
#include "log/log.h"

#include <sodium.h>
#include <string.h>

#define WORDS_DUE_MS 5000 /* who does not answer by then holds nobody up */

/* Some peer that has told holds what this node does not. */
static bool lacks_some(struct cluster *c)
{
	for (size_t i = 0; i < c->peers; i++)
		if (c->peer[i].has_told && sync_peer_has_more(c, &c->peer[i]))
			return true;
	return false;
}

void start_compare(struct cluster *c, struct cluster_peer *p)
{
	const bool before = cluster_compared(c);

	p->level = p->has_told && p->got_any && !sync_peer_has_more(c, p);
	if (!p->level)
		return;
	p->vouches |= p->has_compared || p->peer.role == MSG_BACKUP;
	if (!p->vouches && !p->compared && !before)
		log_event(LOG_INFO, "compare-waits",
			  "peer=%s msg=all that it has is here, but it has started, too, and compared with nobody: another is waited for",
			  p->peer.name);
	p->compared = true;
	/* What another peer knows of this node may be more, and speaking before it is here would make it a second one. */
	if (c->set_back && !c->held_for_good && c->hold[0] != '\0' && !lacks_some(c)) {
		c->hold[0] = '\0';
		c->inc.number = 0; /* the next fact takes a new incarnation */
		log_event(LOG_NOTICE, "caught-up",
			  "peer=%s msg=this node has its own facts again and goes on in a new incarnation",
			  p->peer.name);
	}
	if (!before && cluster_compared(c)) {
		log_event(LOG_NOTICE, "compared", "peer=%s facts=%zu", p->peer.name, fact_log_count(c->log));
		c->changed = true;
		sync_soon(c);
	}
}

/* A peer knows facts of ours that we lack(ed): an old copy of this node runs, or a newer one runs elsewhere.
 */
void start_own_facts(struct cluster *c, const struct incarnation *inc, const char *peer)
{
	if (own_fact(&c->inc, inc) == OWN_ELSEWHERE) {
		start_in_use(c, "a newer incarnation of this node is known elsewhere");
		return;
	}
	if (!c->set_back)
		log_event(LOG_ERROR, "set-back",
			  "peer=%s msg=an old copy of this node's state is in use; it holds until it has "
			  "caught up",
			  peer);
	c->set_back = true;
	if (c->hold[0] == '\0')
		snprintf(c->hold, sizeof(c->hold), "set back: %s knows facts of this node that it lacks",
			 peer);
}

void start_in_use(struct cluster *c, const char *how)
{
	if (c->held_for_good)
		return;
	c->held_for_good = true;
	c->set_back = true;
	snprintf(c->hold, sizeof(c->hold), "%s: this identity is in use elsewhere, or an old copy ran", how);
	log_event(LOG_ERROR, "identity-in-use",
		  "msg=%s; this node holds until a person has looked and restarted it", c->hold);
}

/* A peer knows a status of ours from a start that we have not counted. */
void start_own_status(struct cluster *c, const struct cluster_peer *from, uint32_t start)
{
	if (own_status(&c->inc, from != NULL && from->compared) == OWN_ELSEWHERE) {
		start_in_use(c, "a status from a later start of this node is known elsewhere");
		return;
	}
	log_event(LOG_ERROR, "set-back",
		  "starts=%u known=%u msg=an old copy of this node's state is in use", c->start.number, start);
	c->set_back = true;
	c->start.number = start + 1;
	if (c->db != NULL) {
		sqlite3_stmt *st;

		if (sql_prepare(c->db, "UPDATE meta SET value = ? WHERE name = 'starts'", &st, NULL) == 0) {
			sqlite3_bind_int64(st, 1, c->start.number);
			sql_run(st, NULL);
		}
	}
}

struct incarnation start_incarnation(const struct cluster *c)
{
	struct incarnation inc = c->inc;

	if (inc.number == 0) {
		inc.number = own_number(&c->inc, fact_log_highest(c->log, c->self->id));
		randombytes_buf(inc.random, sizeof(inc.random));
	}
	return inc;
}

/*
 * Two that have started, both from old copies, know nothing of what both have forgotten: so a signer that has itself compared with
 * nobody is not enough, unless all peers were met.
 */
bool cluster_compared(const struct cluster *c)
{
	size_t compared = 0, vouch = 0;

	for (size_t i = 0; i < c->peers; i++) {
		compared += c->peer[i].compared;
		vouch += c->peer[i].vouches;
	}
	return own_may_speak(c->peers, compared == c->peers ? compared : vouch, c->go_alone);
}

/* All that it had is here, by itself or by one that had it: hearing it is not enough, its facts may still be on their way. */
static bool is_met(const struct cluster *c, const uint8_t id[NODE_ID_LEN])
{
	for (size_t i = 0; i < c->peers; i++) {
		const struct cluster_peer *p = &c->peer[i];

		if ((p->compared && memcmp(p->peer.id, id, NODE_ID_LEN) == 0) || (p->level && sync_peer_is_level(p, id)))
			return true;
	}
	return false;
}

/* but: not asked for. */
static bool has_met_others(struct cluster *c, const uint8_t *but)
{
	struct own_others others = { 0 };

	for (size_t i = 0; i < c->state->nodes; i++) {
		const struct node_state *n = &c->state->node[i];

		if (n->dead || memcmp(n->id, c->self->id, NODE_ID_LEN) == 0 || memcmp(n->id, but, NODE_ID_LEN) == 0)
			continue;
		others.signers += node_is_signer(n);
		others.backups += node_is_backup(n);
		others.signers_met += node_is_signer(n) && is_met(c, n->id);
		others.backups_met += node_is_backup(n) && is_met(c, n->id);
	}
	return own_is_sure(&others, c->go_alone);
}

bool cluster_sure_but(struct cluster *c, const uint8_t id[NODE_ID_LEN])
{
	return cluster_compared(c) && (c->sure || has_met_others(c, id));
}

bool cluster_sure(struct cluster *c)
{
	const bool sure = cluster_sure_but(c, c->self->id);

	c->sure |= sure;
	return sure;
}

bool cluster_words_due(const struct cluster *c)
{
	for (size_t i = 0; i < c->peers; i++) {
		const struct cluster_peer *p = &c->peer[i];

		if (p->words_due_ms != 0 && clock_mono_ms() - p->words_due_ms < WORDS_DUE_MS)
			return true;
	}
	return false;
}

bool cluster_alone(const struct cluster *c)
{
	for (size_t i = 0; i < c->peers; i++)
		if (c->peer[i].heard_ms != 0)
			return false;
	return true;
}

bool cluster_set_back(const struct cluster *c)
{
	return c->set_back;
}

const char *cluster_hold(const struct cluster *c)
{
	return c->hold[0] == '\0' ? NULL : c->hold;
}

void cluster_go_alone(struct cluster *c)
{
	if (!cluster_compared(c))
		log_event(LOG_WARNING, "alone",
			  "msg=an operator said that this node goes on without comparing");
	c->go_alone = true;
	c->changed = true;
	sync_soon(c);
}
