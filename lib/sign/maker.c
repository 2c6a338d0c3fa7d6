/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * maker: one thread's means to sign, and RRsets with their signatures.
 */
#include "sign/maker.h"

#include <sodium.h>
#include <stdlib.h>

#include "sign/oldsigs.h"

int range_maker_new(const struct signing *s, struct range_maker **out, struct err *e)
{
	struct range_maker *m = mem_new(1, sizeof(*m));

	m->s = s;
	m->arena = arena_new();
	m->build = page_build_new();
	m->signers = mem_new(s->p->key_count, sizeof(struct key_signer *));
	for (size_t i = 0; i < s->p->key_count; i++)
		if (key_signer_new(s->p->keys[i], &m->signers[i], e) != 0)
			goto fail;
	*out = m;
	return 0;
fail:
	range_maker_free(m);
	return -1;
}

void range_maker_free(struct range_maker *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->s->p->key_count; i++)
		key_signer_free(m->signers[i]);
	free(m->signers);
	page_build_free(m->build);
	arena_free(m->arena);
	free(m->rrs);
	free(m->ends);
	free(m);
}

static void *make_tool(void *ctx, struct err *e)
{
	struct range_maker *m = NULL;

	return range_maker_new(ctx, &m, e) == 0 ? m : NULL;
}

static void free_tool(void *tool)
{
	range_maker_free(tool);
}

struct pool_tools maker_tools(struct signing *s)
{
	return (struct pool_tools){ .ctx = s, .make = make_tool, .free = free_tool };
}

void maker_add(struct range_maker *m, const struct rr *rr)
{
	if (m->rr_count == m->rr_room) {
		m->rr_room = m->rr_room * 2 + 256;
		m->rrs = mem_grow(m->rrs, m->rr_room, sizeof(*m->rrs));
	}
	m->rrs[m->rr_count++] = *rr;
}

int maker_add_signed(struct range_maker *m, const struct rr *rrs, size_t n, struct err *e)
{
	const struct sign_params *p = m->s->p;
	const struct rr *old;
	struct rr sig;

	for (size_t i = 0; i < n; i++)
		maker_add(m, &rrs[i]);
	for (size_t i = 0; i < p->key_count; i++) {
		old = m->old == NULL ? NULL : oldsigs_find(m->old, rrs, n, p->keys[i]);
		if (old != NULL) {
			sig = *old;
			sig.owner = rrs[0].owner;
			sig.ttl = rrs[0].ttl;
		} else if (rrsig_make_by(m->signers[i], rrs, n, m->s->apex, m->window, m->arena, &sig, e) != 0) {
			return -1;
		} else {
			m->made++;
		}
		maker_add(m, &sig);
	}
	return 0;
}

void maker_begin(struct range_maker *m, const struct oldsigs *old)
{
	const struct sign_params *p = m->s->p;
	int64_t end = old == NULL ? 0 : oldsigs_end(old);

	arena_reset(m->arena);
	m->old = old;
	m->window.inception = p->now - p->inception_offset_s;
	m->window.expiration = p->now + p->validity_s;
	if (end != 0)
		m->window.expiration = end;
	else if (p->jitter_s > 0)
		m->window.expiration -= randombytes_uniform(p->jitter_s);
}
