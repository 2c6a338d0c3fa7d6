/* SPDX-License-Identifier: BSD-3-Clause */
/* reading: a thread for each zone, a pool of converters, a queue between them.  Where one thread is to do all, of one zone,
 * each batch is converted where it was cut. */
#include "audit/convert.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

#define IN_FLIGHT 24

struct reading {
	pthread_mutex_t lock; /* all below, and the facts of sources */
	pthread_cond_t changed;
	struct batch *first, **last;
	size_t queued, cutters;
	bool failed;
	struct err why;
	const uint8_t *zone;
	struct converter *alone; /* NULL: there is a pool */
};

struct cutter {
	struct reading *r;
	struct zone_source *source;
	pthread_t thread;
	bool started;
};

struct batch *batch_new(struct zone_source *source, size_t capacity)
{
	struct batch *b = mem_new(1, sizeof(*b));

	b->source = source;
	b->data = mem_grow(NULL, 1, capacity);
	return b;
}

void batch_free(struct batch *b)
{
	if (b == NULL)
		return;
	free(b->data);
	free(b);
}

static void fail(struct reading *r, const struct err *e)
{
	pthread_mutex_lock(&r->lock);
	if (!r->failed)
		r->why = *e;
	r->failed = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static struct batch *pop(struct reading *r)
{
	struct batch *b = NULL;

	pthread_mutex_lock(&r->lock);
	while (r->first == NULL && r->cutters > 0 && !r->failed)
		pthread_cond_wait(&r->changed, &r->lock);
	if (!r->failed && (b = r->first) != NULL) {
		if ((r->first = b->next) == NULL)
			r->last = &r->first;
		r->queued--;
		pthread_cond_broadcast(&r->changed);
	}
	pthread_mutex_unlock(&r->lock);
	return b;
}

void facts_merge(struct facts *to, const struct facts *from)
{
	to->records += from->records;
	to->rrsigs += from->rrsigs;
	to->nsec += from->nsec;
	to->nsec3 += from->nsec3;
	to->optout += from->optout;
	to->dnskey += from->dnskey;
	to->content += from->content;
	to->content_octets += from->content_octets;
	if (from->largest_ttl > to->largest_ttl)
		to->largest_ttl = from->largest_ttl;
	if (from->signed_ttl > to->signed_ttl)
		to->signed_ttl = from->signed_ttl;
	if (from->param.len > 0)
		to->param = from->param;
	for (size_t i = 0; i < from->chains; i++) {
		const struct chain_params *c = &from->chain[i];
		size_t k = 0;

		while (k < to->chains &&
		       (to->chain[k].len != c->len || memcmp(to->chain[k].octets, c->octets, c->len) != 0))
			k++;
		if (k < to->chains)
			to->chain[k].count += c->count;
		else if (k < CHAINS_KEPT)
			to->chain[to->chains++] = *c;
	}
}

/* A batch into its sorter; it is freed. */
static void convert_batch(struct reading *r, struct converter *c, struct batch *b)
{
	struct facts facts = { .ends = b->source->facts.ends };
	struct err e = { 0 };

	converter_begin(c, b->source->sorter, NULL, &facts);
	if ((b->source->form == FORM_TEXT ? convert_text(c, b, &e) : convert_wire(c, b, &e)) != 0) {
		err_ctx(&e, "%s", b->source->label);
		fail(r, &e);
	} else {
		pthread_mutex_lock(&r->lock);
		facts_merge(&b->source->facts, &facts);
		pthread_mutex_unlock(&r->lock);
	}
	batch_free(b);
}

static void *convert(void *arg)
{
	struct reading *r = arg;
	struct converter *c = converter_new();
	struct batch *b;

	while ((b = pop(r)) != NULL)
		convert_batch(r, c, b);
	converter_free(c);
	return NULL;
}

int reading_push(struct reading *r, struct batch *b)
{
	bool failed;

	if (r->alone != NULL) {
		convert_batch(r, r->alone, b);
		return r->failed ? -1 : 0;
	}
	pthread_mutex_lock(&r->lock);
	while (r->queued >= IN_FLIGHT && !r->failed)
		pthread_cond_wait(&r->changed, &r->lock);
	failed = r->failed;
	if (!failed) {
		b->next = NULL;
		*r->last = b;
		r->last = &b->next;
		r->queued++;
		pthread_cond_broadcast(&r->changed);
	}
	pthread_mutex_unlock(&r->lock);
	if (failed)
		batch_free(b);
	return failed ? -1 : 0;
}

static void *cut(void *arg)
{
	struct cutter *c = arg;
	struct err e = { 0 };
	int rc;

	if (c->source->form == FORM_TEXT)
		rc = cut_text(c->r, c->source, c->r->zone, &e);
	else
		rc = cut_wire(c->r, c->source, c->r->zone, &e);
	if (rc != 0) {
		err_ctx(&e, "%s", c->source->label);
		fail(c->r, &e);
	}
	pthread_mutex_lock(&c->r->lock);
	c->r->cutters--;
	pthread_cond_broadcast(&c->r->changed);
	pthread_mutex_unlock(&c->r->lock);
	return NULL;
}

static int start_all(struct reading *r, struct cutter *cutters, size_t n, pthread_t *pool, unsigned threads,
		     unsigned *started, struct err *e)
{
	r->cutters = n;
	if (threads == 1 && n == 1) {
		r->alone = converter_new();
		cut(&cutters[0]);
		converter_free(r->alone);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (pthread_create(&cutters[i].thread, NULL, cut, &cutters[i]) != 0)
			return err_set(e, ERR_LIMIT, "no thread");
		cutters[i].started = true;
	}
	for (; *started < threads; (*started)++)
		if (pthread_create(&pool[*started], NULL, convert, r) != 0)
			return err_set(e, ERR_LIMIT, "no thread");
	return 0;
}

int reading_run(struct zone_source *sources, size_t n, const uint8_t *zone, unsigned threads, struct err *e)
{
	struct reading r = { .lock = PTHREAD_MUTEX_INITIALIZER,
			     .changed = PTHREAD_COND_INITIALIZER,
			     .last = &r.first,
			     .zone = zone };
	struct cutter *cutters = mem_new(n, sizeof(*cutters));
	pthread_t *pool = mem_new(threads, sizeof(*pool));
	unsigned started = 0;
	struct err failure = { 0 };

	for (size_t i = 0; i < n; i++)
		cutters[i] = (struct cutter){ .r = &r, .source = &sources[i] };
	if (start_all(&r, cutters, n, pool, threads, &started, &failure) != 0)
		fail(&r, &failure);
	for (size_t i = 0; i < n; i++)
		if (cutters[i].started)
			pthread_join(cutters[i].thread, NULL);
	for (unsigned i = 0; i < started; i++)
		pthread_join(pool[i], NULL);
	while (r.first != NULL) {
		struct batch *b = r.first;

		r.first = b->next;
		batch_free(b);
	}
	for (size_t i = 0; !r.failed && i < n; i++)
		if (sorter_end(sources[i].sorter, &r.why) != 0)
			r.failed = true;
	free(cutters);
	free(pool);
	if (r.failed)
		*e = r.why;
	return r.failed ? -1 : 0;
}
