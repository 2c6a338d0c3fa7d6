/* SPDX-License-Identifier: BSD-3-Clause */
/* members: who is admitted, who counts and who is retired (DESIGN section 4, "Who counts"). */
#include "keydist/leave.h"

#include "arena/arena.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>

bool members_self(const struct keydist *k)
{
	return node_is_signer(state_node(cluster_state(k->cluster), k->self.id));
}

static bool anybody_admitted(const struct fact_state *s)
{
	for (size_t i = 0; i < s->nodes; i++)
		if (s->node[i].admitted.set)
			return true;
	return false;
}

static json_t *admission(const char *line, const char *name, const char *role)
{
	return json_pack("{s:s,s:s,s:s}", "line", line, "name", name, "role", role);
}

static void admit_self(struct keydist *k)
{
	char line[NODE_LINE_TEXT];
	struct err e;

	node_line_text(&k->self.line, line);
	if (keydist_say(k, "node.first", NULL, admission(line, k->conf->node.name, "signer"), &e) != 0)
		log_event(LOG_ERROR, "node-first", "msg=%s", e.text);
	else
		log_event(LOG_NOTICE, "node-first", "node=%s msg=the first signer of this cluster",
			  k->conf->node.name);
}

void members_step(struct keydist *k)
{
	struct fact_state *s = cluster_state(k->cluster);
	const struct node_state *me;

	if (!cluster_compared(k->cluster) || cluster_hold(k->cluster) != NULL)
		return;
	if (k->self.first && !anybody_admitted(s) &&
	    (state_node(s, k->self.id) == NULL || !state_node(s, k->self.id)->retired))
		admit_self(k);
	for (size_t i = 0; i < (s = cluster_state(k->cluster))->nodes; i++) {
		const struct node_state *n = &s->node[i];
		char id[NODE_ID_TEXT];
		struct err e;

		me = state_node(s, k->self.id);
		if (!node_is_signer(me))
			return;
		if (n == me || !node_is_signer(n) || id_set_has(&me->counts, n->id))
			continue;
		node_id_text(n->id, id);
		if (keydist_say(k, "counts", NULL, json_pack("{s:s}", "node", id), &e) != 0) {
			log_event(LOG_ERROR, "counts", "node=%s msg=%s", id, e.text);
			return;
		}
		log_event(LOG_NOTICE, "counts", "node=%s",
			  cluster_name(k->cluster, state_node(cluster_state(k->cluster), n->id)->id));
	}
}

int members_add(struct keydist *k, const char *text, const char *name, const char *role, struct err *e)
{
	struct fact_state *s = cluster_state(k->cluster);
	struct node_line line;
	uint8_t id[NODE_ID_LEN], other[NODE_ID_LEN];
	char normal[NODE_LINE_TEXT];
	const struct node_state *n;

	if (strcmp(role, "backup") != 0 && strcmp(role, "signer") != 0)
		return err_set(e, ERR_SYNTAX, "role: %s, must be signer or backup", role);
	if (name[0] == '\0' || strlen(name) > 63)
		return err_set(e, ERR_SYNTAX, "name: must have 1 to 63 octets");
	if (node_line_parse(text, &line, e) != 0)
		return -1;
	node_id_of(line.sign_pk, id);
	if (!members_self(k) && k->self.first && !anybody_admitted(s) && cluster_hold(k->cluster) == NULL)
		return err_set(e, ERR_NOTNOW,
			       "this node, the first of its cluster, has just started and looks for others before it "
			       "admits anybody");
	if (!members_self(k))
		return err_set(e, ERR_REFUSED,
			       "this node is not an admitted signer itself: say it to one that is");
	if ((n = state_node(s, id)) != NULL && n->retired)
		return err_set(e, ERR_REFUSED, "this identity was retired, which is final: make a new one");
	if (n != NULL && n->admitted.set)
		return err_set(e, ERR_EXISTS, "this node is admitted already, as %s",
			       cluster_name(k->cluster, id));
	if (cluster_find(k->cluster, name, other, NULL) == 0 && memcmp(other, id, NODE_ID_LEN) != 0)
		return err_set(e, ERR_EXISTS, "another node is called %s", name);
	node_line_text(&line, normal);
	return keydist_say(k, "admitted", NULL, admission(normal, name, role), e);
}

/* ---- retirement ---- */

/* Largest TTL of what a signer publishes, by its last word on each zone: so long caches keep it. */
static int64_t longest_ttl(struct keydist *k, const uint8_t id[NODE_ID_LEN])
{
	const struct fact_state *s = cluster_state(k->cluster);
	int64_t longest = 0;

	for (size_t i = 0; i < s->zones; i++) {
		json_t *status = cluster_status_get(k->cluster, id, s->zone[i].text);
		uint64_t ttl = 0;

		if (msg_uint(status, "zone_ttl", UINT32_MAX, &ttl, NULL) == 0 && (int64_t)ttl > longest)
			longest = (int64_t)ttl;
		if (msg_uint(status, "dnskey_ttl", UINT32_MAX, &ttl, NULL) == 0 && (int64_t)ttl > longest)
			longest = (int64_t)ttl;
		json_decref(status);
	}
	return longest;
}

/* Keys that no backup but this one keeps. */
static size_t kept_by_alone(const struct fact_state *s, const uint8_t id[NODE_ID_LEN])
{
	size_t alone = 0;

	for (size_t i = 0; i < s->zones; i++)
		for (size_t j = 0; zone_addition(&s->zone[i]) != NULL && j < s->zone[i].keys; j++) {
			const struct key_state *ks = &s->zone[i].key[j];
			bool by_it = false;

			for (size_t b = 0; b < ks->storeds; b++)
				by_it |= memcmp(ks->stored[b].by, id, NODE_ID_LEN) == 0 && key_stored_by(ks, id, ks->stored[b].to);
			alone += by_it && key_stored_count(s, ks) <= 1;
		}
	return alone;
}

/* Whether a signer would be left that stays. */
static bool another_stays(const struct fact_state *s, const struct node_state *n)
{
	for (size_t i = 0; i < s->nodes; i++)
		if (&s->node[i] != n && node_is_signer(&s->node[i]) && !s->node[i].leaving)
			return true;
	return false;
}

static int check_signer_goes(struct keydist *k, const struct node_state *n, const char *name, enum retire_how how, struct err *e)
{
	const int64_t heard_ms = cluster_heard_ms(k->cluster, n->id);
	const bool heard = heard_ms >= 0 && heard_ms < HEARD_MS, self = memcmp(n->id, k->self.id, NODE_ID_LEN) == 0;

	if (!another_stays(cluster_state(k->cluster), n))
		return err_set(e, ERR_REFUSED, "%s: no signer would be left", name);
	if (leave_self(k))
		return err_set(e, ERR_REFUSED, "this node is to leave itself: say it to another signer");
	if (how == RETIRE_ASKED && n->leaving && !n->dead && !heard && !self)
		return err_set(e, ERR_EXISTS,
			       "%s is to leave already, and is not heard: if it does not run any more, say so (--dead), or swear that "
			       "nobody serves or caches anything of it (--fenced)", name);
	if (how == RETIRE_ASKED && n->leaving)
		return err_set(e, ERR_EXISTS, "%s is to leave already: duetctl node list shows what it waits for", name);
	if (how == RETIRE_ASKED && !heard && !self)
		return err_set(e, ERR_REFUSED,
			       "%s is not heard and cannot say when nothing of it is served: if it does not run any more, say so (--dead), "
			       "and its secondaries are looked at; or wait %lld s, the largest TTL that it published, and swear that "
			       "nobody serves or caches anything of it (--fenced)", name, (long long)longest_ttl(k, n->id));
	if (how != RETIRE_ASKED && self)
		return err_set(e, ERR_REFUSED, "%s is this node: say it to another signer", name);
	if (how != RETIRE_ASKED && heard)
		return err_set(e, ERR_REFUSED, "%s was heard %lld.%lld s ago: stop it for good before you swear that it is dead",
			       name, (long long)heard_ms / 1000, (long long)heard_ms % 1000 / 100);
	if (how == RETIRE_FENCED && !cluster_sure_but(k->cluster, n->id))
		return err_set(e, ERR_REFUSED,
			       "since its start this signer has not met all others and a backup: what %s said last, and others know, "
			       "would be void; say it to another signer, or when they are back; if they are gone for good, too: "
			       "duetctl zone resume --alone", name);
	return 0;
}

static int say_retiring(struct keydist *k, const struct node_state *n, enum retire_how how, struct err *e)
{
	char id[NODE_ID_TEXT];

	return keydist_say(k, "retiring", NULL,
			   json_pack("{s:s,s:b}", "node", node_id_text(n->id, id), "dead", (int)(how == RETIRE_DEAD)), e);
}

int members_retire(struct keydist *k, const char *name, enum retire_how how, bool *leaves, struct err *e)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const struct node_state *n;
	uint8_t id[NODE_ID_LEN];
	size_t alone;

	if (!members_self(k))
		return err_set(e, ERR_REFUSED, "this node is not an admitted signer itself: say it to one that is");
	if (cluster_find(k->cluster, name, id, e) != 0)
		return -1;
	*leaves = false;
	if ((n = state_node(s, id)) == NULL || !n->admitted.set)
		return err_set(e, ERR_NOTFOUND, "%s was never admitted", name);
	if (n->retired)
		return err_set(e, ERR_EXISTS, "%s is retired already", name);
	if (n->role == NODE_SIGNER && check_signer_goes(k, n, name, how, e) != 0)
		return -1;
	if (n->role == NODE_SIGNER && how != RETIRE_FENCED) {
		*leaves = true;
		return say_retiring(k, n, how, e);
	}
	if (n->role == NODE_BACKUP && (alone = kept_by_alone(s, id)) > 0)
		return err_set(e, ERR_REFUSED,
			       "%zu keys are kept by no backup but %s: admit another one and wait until it has stored them "
			       "(duetctl backup list)", alone, name);
	return keydist_say(k, "retired", NULL, cluster_retirement(k->cluster, n, "fenced"), e);
}
