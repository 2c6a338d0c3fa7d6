/* SPDX-License-Identifier: BSD-3-Clause */
/* say: facts of this node: signed, durable, applied, and only then told. */
#include "cluster/impl.h"

#include "arena/arena.h"
#include "clock/clock.h"

#include <stdlib.h>
#include <string.h>

static int make_facts(struct cluster *c, const struct cluster_word *words, size_t n,
		      const struct incarnation *inc, struct fact *facts, uint8_t **octets, struct err *e)
{
	const struct fact_head *at = fact_log_head(c->log, c->self->id, inc);
	struct fact head = { .inc = *inc, .seq = at == NULL ? 0 : at->seq };
	size_t len;

	if (at != NULL)
		memcpy(head.prev, at->hash, FACT_HASH_LEN);
	for (size_t i = 0; i < n; i++) {
		head.seq++;
		head.time = clock_now_s();
		snprintf(head.kind, sizeof(head.kind), "%s", words[i].kind);
		head.zone_len = words[i].zone == NULL ? 0 : dname_lower(words[i].zone, head.zone);
		if (fact_make(&head, words[i].body, c->self, &octets[i], &len, e) != 0 ||
		    fact_read(octets[i], len, &facts[i], e) != 0)
			return -1;
		memcpy(head.prev, facts[i].hash, FACT_HASH_LEN);
	}
	return 0;
}

int cluster_say(struct cluster *c, const struct cluster_word *words, size_t n, struct err *e)
{
	struct fact *facts;
	struct fact_verdict *verdicts;
	struct fact_rules rules;
	struct incarnation inc;
	uint8_t **octets;
	int rc = -1;

	if (n == 0)
		return 0;
	if (c->hold[0] != '\0')
		return err_set(e, ERR_NOTNOW, "this node holds: %s", c->hold);
	if (state_node(c->state, c->self->id) != NULL && state_node(c->state, c->self->id)->retired)
		return err_set(e, ERR_REFUSED, "this node was retired, which is final");
	if (!cluster_compared(c))
		return err_set(
			e, ERR_NOTNOW,
			"since its start this node has compared its facts with no other node: start one of "
			"them, or say `zone resume --alone`");
	facts = mem_new(n, sizeof(*facts));
	verdicts = mem_new(n, sizeof(*verdicts));
	octets = mem_new(n, sizeof(*octets));
	inc = start_incarnation(c);
	sync_rules(c, &rules);
	rules.made_here = true;
	secret_open(c->self->sign_sk); /* once for all of them: each time interrupts every core */
	rc = make_facts(c, words, n, &inc, facts, octets, e);
	secret_close(c->self->sign_sk);
	if (rc != 0 || (rc = fact_log_add(c->log, &rules, facts, n, verdicts, e)) != 0)
		goto out;
	c->inc = inc;
	for (size_t i = 0; i < n; i++) {
		if (verdicts[i].result != FACT_NEW) {
			rc = err_set(e, ERR_REFUSED, "%s: %s", words[i].kind, verdicts[i].why);
			continue;
		}
		sync_applied(c, &facts[i]);
	}
	if (sync_after(c, e) != 0)
		rc = -1;
out:
	for (size_t i = 0; i < n; i++)
		free(octets[i]);
	free(octets);
	free(verdicts);
	free(facts);
	return rc;
}

int cluster_cut(struct cluster *c, fact_which_fn *which, void *ctx, size_t *n, struct err *e)
{
	if (fact_log_cut(c->log, which, ctx, n, e) != 0)
		return -1;
	c->rebuild |= *n > 0;
	return c->rebuild ? sync_after(c, e) : 0;
}
