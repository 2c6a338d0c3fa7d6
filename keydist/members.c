/* SPDX-License-Identifier: BSD-3-Clause */
/* members: who is admitted and who counts (DESIGN section 4, "Who counts"), as far as the first set-up goes.
 */
#include "keydist/keydist.h"

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

static bool any_key(const struct fact_state *s)
{
	for (size_t i = 0; i < s->zones; i++)
		for (size_t j = 0; j < s->zone[i].keys; j++)
			if (s->zone[i].key[j].created)
				return true;
	return false;
}

int members_add(struct keydist *k, const char *text, const char *name, const char *role, struct err *e)
{
	struct fact_state *s = cluster_state(k->cluster);
	struct node_line line;
	uint8_t id[NODE_ID_LEN], other[NODE_ID_LEN];
	char normal[NODE_LINE_TEXT];
	const struct node_state *n;
	const bool backup = strcmp(role, "backup") == 0;

	if (!backup && strcmp(role, "signer") != 0)
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
	if (!backup && any_key(s))
		return err_set(
			e, ERR_REFUSED,
			"a signer can only be added while no zone has a key; joining a running cluster is "
			"not possible yet");
	node_line_text(&line, normal);
	return keydist_say(k, "admitted", NULL, admission(normal, name, role), e);
}
