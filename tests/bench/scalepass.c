/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scalepass - one pass of the key engine over all zones of a fact log.
 *
 *   scalepass FILE NODE
 *
 * Reads the facts, then looks at every zone as the node NODE, which publishes what it said to serve: what each zone is to show
 * next, and what may be said.  The first pass verifies the proofs of all keys; the ones after that are what a node does when
 * something changed that concerns every zone.  Prints name=value lines; CPU seconds of this one thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena/arena.h"
#include "fact/log.h"
#include "fact/state.h"
#include "secret/secret.h"
#include "timeline/timeline.h"

#define PASSES 6 /* the first one proves */

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const struct err *e)
{
	fprintf(stderr, "scalepass: %s\n", e->text);
	exit(1);
}

/* What a node that has said this publishes. */
static void publish(const struct zone_state *z, const uint8_t *self, struct timeline_published *p)
{
	memset(p, 0, sizeof(*p));
	p->dnskey_ttl = p->zone_ttl = (uint32_t)z->largest_ttl;
	for (size_t i = 0; i < z->keys; i++)
		for (int r = 0; r < KEY_RECORDS; r++)
			if (id_set_has(&z->key[i].record[r].serves, self)) {
				key_set_add(&p->record[r], z->key[i].hash);
				p->any = true;
			}
}

struct count {
	size_t changes, says, distributed;
};

static void look(struct fact_state *s, struct zone_state *z, const uint8_t *self, struct timeline_memory *m, struct count *n)
{
	static const struct timeline_policy policy = { .algorithm = 13, .split = true, .ksk_method = METHOD_DOUBLE_SIGNATURE,
						       .parent_delay_s = 3600, .require_backups = 1 };
	static const struct timeline_observer observer[] = { { 1, OBSERVER_SECONDARY }, { 2, OBSERVER_PARENT } };
	static struct timeline_published published;
	struct timeline_say says[64];
	static struct timeline t;
	const struct timeline_in in = { .facts = s, .zone = z, .self = self, .policy = &policy, .published = &published,
					.memory = m, .observer = observer, .observers = 2 };

	publish(z, self, &published);
	timeline_view(&in, &t);
	timeline_tend(&in, &t, m);
	n->says += timeline_says(&in, &t, m, says, sizeof(says) / sizeof(says[0]));
	n->changes += timeline_changes(&t, &published);
	for (size_t i = 0; i < t.n; i++)
		n->distributed += t.key[i].distributed;
}

int main(int argc, char **argv)
{
	struct timeline_memory *memory;
	uint8_t self[NODE_ID_LEN];
	struct fact_state *s;
	struct fact_log *l = NULL;
	double since;
	struct err e;

	if (argc != 3) {
		fprintf(stderr, "usage: scalepass FILE NODE\n");
		return 2;
	}
	if (secret_init(&e) != 0 || node_id_parse(argv[2], self, &e) != 0 || fact_log_open(argv[1], &l, &e) != 0)
		die(&e);
	since = cpu_seconds();
	if (fact_state_load(l, &s, &e) != 0)
		die(&e);
	printf("zones=%zu\nload_s=%.3f\n", s->zones, cpu_seconds() - since);
	memory = mem_new(s->zones + 1, sizeof(*memory));
	for (int pass = 0; pass < PASSES; pass++) {
		struct count n = { 0, 0, 0 };

		since = cpu_seconds();
		for (size_t i = 0; i < s->zones; i++)
			look(s, &s->zone[i], self, &memory[i], &n);
		printf("%s_s=%.6f\n", pass == 0 ? "first" : "pass", cpu_seconds() - since);
		if (pass == PASSES - 1)
			printf("changes=%zu\nsays=%zu\ndistributed=%zu\n", n.changes, n.says, n.distributed);
	}
	for (size_t i = 0; i < s->zones; i++)
		timeline_memory_fini(&memory[i]);
	free(memory);
	fact_state_free(s);
	fact_log_close(l);
	return 0;
}
