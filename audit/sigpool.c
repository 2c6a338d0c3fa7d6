/* SPDX-License-Identifier: BSD-3-Clause */
/* sigpool: batches of RRsets in canonical wire form, a queue, threads that verify.  Where one thread is to do all, the pass
 * verifies each batch itself. */
#include "audit/sigpool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"

#define ITEMS       128
#define BATCH_LARGE (512u * 1024)
#define BATCHES_MAX 64

struct sigbatch {
	struct sigbatch *next;
	uint8_t *buf;
	size_t used, cap, n;
	struct sigitem item[ITEMS];
};

struct sigthread {
	struct signatures *s;
	pthread_t thread;
	bool started;
	struct verifier *verifier;
	struct scratch scratch;
	struct sigstats stats;
};

struct signatures {
	struct audit *a;
	pthread_mutex_t lock; /* first to ended */
	pthread_cond_t changed;
	struct sigbatch *first, **last, *spare;
	size_t in_flight;
	bool ended;
	struct sigbatch *filling; /* of the pass */
	struct sigthread *thread;
	unsigned threads;
};

static struct sigbatch *pop(struct signatures *s)
{
	struct sigbatch *b;

	pthread_mutex_lock(&s->lock);
	while (s->first == NULL && !s->ended)
		pthread_cond_wait(&s->changed, &s->lock);
	if ((b = s->first) != NULL && (s->first = b->next) == NULL)
		s->last = &s->first;
	pthread_mutex_unlock(&s->lock);
	return b;
}

/* The batch is spare then. */
static void check(struct sigthread *t, struct sigbatch *b)
{
	struct signatures *s = t->s;

	for (size_t i = 0; i < b->n; i++)
		sigcheck_item(s->a, t->verifier, &b->item[i], b->buf, &t->scratch, &t->stats);
	if (b->cap > BATCH_LARGE) {
		free(b->buf);
		b->buf = NULL;
		b->cap = 0;
	}
	pthread_mutex_lock(&s->lock);
	b->next = s->spare;
	s->spare = b;
	s->in_flight--;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static void *work(void *arg)
{
	struct sigthread *t = arg;
	struct sigbatch *b;

	while ((b = pop(t->s)) != NULL)
		check(t, b);
	return NULL;
}

struct signatures *signatures_new(struct audit *a)
{
	struct signatures *s = mem_new(1, sizeof(*s));

	s->a = a;
	s->last = &s->first;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->thread = mem_new(a->threads, sizeof(*s->thread));
	for (; s->threads < a->threads; s->threads++) {
		struct sigthread *t = &s->thread[s->threads];

		t->s = s;
		t->verifier = verifier_new(&a->keys);
		t->started = a->threads > 1;
		if (t->started && pthread_create(&t->thread, NULL, work, t) != 0) {
			verifier_free(t->verifier);
			break;
		}
	}
	if (s->threads > 0)
		return s;
	signatures_free(s);
	return NULL;
}

static void push(struct signatures *s)
{
	struct sigbatch *b = s->filling;

	s->filling = NULL;
	pthread_mutex_lock(&s->lock);
	while (s->in_flight >= BATCHES_MAX)
		pthread_cond_wait(&s->changed, &s->lock);
	s->in_flight++;
	if (s->thread[0].started) {
		b->next = NULL;
		*s->last = b;
		s->last = &b->next;
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->lock);
	if (!s->thread[0].started)
		check(&s->thread[0], b);
}

static struct sigbatch *fresh(struct signatures *s)
{
	struct sigbatch *b;

	pthread_mutex_lock(&s->lock);
	if ((b = s->spare) != NULL)
		s->spare = b->next;
	pthread_mutex_unlock(&s->lock);
	if (b == NULL)
		b = mem_new(1, sizeof(*b));
	b->used = b->n = 0;
	return b;
}

static uint8_t *put(uint8_t *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	return to + n;
}

size_t sigpool_body_size(const struct owner *o, const struct rrset *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += o->wire_len + 10 + set->rec[i]->rdlen;
	return n;
}

/* Owner | type | class | original TTL | length | rdata, one record behind the other. */
uint8_t *sigpool_body(uint8_t *p, const struct owner *o, const struct rrset *set, uint32_t ttl)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct rec *r = set->rec[i];
		uint8_t fixed[10] = { (uint8_t)(r->type >> 8),   (uint8_t)r->type,
				      (uint8_t)(r->rclass >> 8), (uint8_t)r->rclass,
				      (uint8_t)(ttl >> 24),      (uint8_t)(ttl >> 16),
				      (uint8_t)(ttl >> 8),       (uint8_t)ttl,
				      (uint8_t)(r->rdlen >> 8),  (uint8_t)r->rdlen };

		p = put(put(put(p, o->wire, o->wire_len), fixed, sizeof(fixed)), rec_rdata(r), r->rdlen);
	}
	return p;
}

void sigpool_add(struct signatures *s, const struct owner *o, const struct rrset *set, const struct rrset *sigs,
		 bool verified)
{
	size_t body = sigpool_body_size(o, set), need = o->wire_len + body;
	struct sigbatch *b;
	struct sigitem *item;
	uint8_t *p;

	for (size_t i = 0; i < sigs->n; i++)
		need += 8u + sigs->rec[i]->rdlen;
	if (s->filling == NULL)
		s->filling = fresh(s);
	b = s->filling;
	if (b->used + need > b->cap) {
		b->cap = b->used + need + b->cap / 2 + 65536;
		b->buf = mem_grow(b->buf, b->cap, 1);
	}
	item = &b->item[b->n++];
	p = put(b->buf + b->used, o->wire, o->wire_len);
	*item = (struct sigitem){ .at = o->at,
				  .type = set->type,
				  .owner_len = (uint8_t)o->wire_len,
				  .verified = verified,
				  .ttl = set->rec[0]->ttl,
				  .owner = b->used,
				  .body = b->used + o->wire_len,
				  .body_len = body,
				  .sigs = b->used + o->wire_len + body,
				  .sig_count = sigs->n };
	p = sigpool_body(p, o, set, set->rec[0]->ttl);
	for (size_t i = 0; i < sigs->n; i++) {
		const struct rec *r = sigs->rec[i];

		p = put(put(put(p, &(uint32_t){ r->rdlen }, 4), &r->ttl, 4), rec_rdata(r), r->rdlen);
	}
	b->used = (size_t)(p - b->buf);
	if (b->n == ITEMS || b->used >= BATCH_LARGE / 2)
		push(s);
}

static void merge(struct audit *a, const struct sigstats *t)
{
	a->verified += t->verified;
	if (t->earliest == 0)
		return;
	if (a->earliest_expiration == 0 || t->earliest < a->earliest_expiration ||
	    (t->earliest == a->earliest_expiration && strcmp(t->earliest_owner, a->earliest_owner) < 0)) {
		a->earliest_expiration = t->earliest;
		snprintf(a->earliest_owner, sizeof(a->earliest_owner), "%s", t->earliest_owner);
	}
}

static void stop(struct signatures *s)
{
	pthread_mutex_lock(&s->lock);
	s->ended = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->threads; i++) {
		if (s->thread[i].started)
			pthread_join(s->thread[i].thread, NULL);
		verifier_free(s->thread[i].verifier);
		free(s->thread[i].scratch.p);
	}
	s->threads = 0;
}

void signatures_end(struct audit *a)
{
	struct signatures *s = a->signatures;
	uint64_t most, all;
	unsigned threads;

	if (s == NULL)
		return;
	if (s->filling != NULL)
		push(s);
	threads = s->threads;
	stop(s);
	for (unsigned i = 0; i < threads; i++)
		merge(a, &s->thread[i].stats);
	ends_sum(a->facts->ends, &all, &most);
	if (a->limits.together > 0 && most * 100 > all * (uint64_t)a->limits.together)
		report_add(a->report, RRSIG_TOGETHER, 0, "%s: %llu of %llu", a->zone_text,
			   (unsigned long long)most, (unsigned long long)all);
}

static void free_list(struct sigbatch *b)
{
	while (b != NULL) {
		struct sigbatch *next = b->next;

		free(b->buf);
		free(b);
		b = next;
	}
}

void signatures_free(struct signatures *s)
{
	if (s == NULL)
		return;
	stop(s);
	free_list(s->first);
	free_list(s->spare);
	free_list(s->filling);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s->thread);
	free(s);
}
