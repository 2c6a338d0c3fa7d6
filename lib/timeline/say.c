/* SPDX-License-Identifier: BSD-3-Clause */
/* say: the facts that this node may add now. */
#include "timeline/order.h"

#include "fail/fault.h"

#include <stdio.h>
#include <string.h>

struct says {
	const struct timeline_in *in;
	const struct timeline *t;
	const struct timeline_memory *m;
	struct timeline_say *out;
	size_t n, max;
};

static struct timeline_say *add(struct says *s, enum timeline_say_kind kind, const struct timeline_key *k,
				enum key_record r)
{
	struct timeline_say *say = &s->out[s->n++];

	memset(say, 0, sizeof(*say));
	say->kind = kind;
	say->key = k;
	say->record = r;
	return say;
}

/*
 * All of this node's published version, where something of it was not said yet; or, while a DS moves, the parent has shown a longer
 * TTL than any signer has said: an RRset that others have not seen may be in caches for so long.
 */
static void say_serves(struct says *s)
{
	bool fresh = s->in->published->any && s->m->ds_ttl > s->in->zone->ds_ttl && timeline_ds_moves(s->t);

	for (size_t i = 0; i < s->t->n; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			fresh |= s->t->key[i].record[r].shown && !s->t->key[i].record[r].serves;
	if (fresh && s->n < s->max)
		add(s, SAY_SERVES, NULL, RECORD_DNSKEY);
}

static void say_stopped(struct says *s, const struct timeline_key *k, enum key_record r)
{
	const struct record_view *v = &k->record[r];
	struct timeline_say *say;

	if (!v->retiring || v->stopped || v->gone || v->show)
		return;
	if (v->shown)
		return;
	if (s->in->making != NULL && key_set_has(&s->in->making->record[r], k->key->hash))
		return; /* a promise binds what is on its way, too */
	if (r == RECORD_ZONE && !v->serves && !s->t->secure && !chain_no_ds(s->t))
		return; /* whoever joins has to sign with a key that nobody has given up, as long as anybody asks */
	say = add(s, SAY_STOPPED, k, r);
	say->insecure = !s->t->secure;
	say->ttl = r == RECORD_DS ? s->m->ds_ttl :
		   r == RECORD_DNSKEY ? s->in->published->dnskey_ttl : s->in->published->zone_ttl;
	/* with what that signer signed its DNSKEY RRset leaves the caches, too: it is signed by its keys alone */
	if (r == RECORD_ZONE && k->foreign && say->ttl < s->in->published->dnskey_ttl && !FAULT(FOREIGN_DNSKEY_TTL))
		say->ttl = s->in->published->dnskey_ttl;
}

static bool is_over(const struct says *s, const struct timeline_key *k, enum key_record r,
		    enum wait_kind kind)
{
	const struct timeline_wait *w = timeline_wait_find(s->m, k->key->hash, r, kind);

	return w != NULL && w->complete && (r != RECORD_DS || w->confirmed) && w->ran_ms >= w->need_ms;
}

static void say_of(struct says *s, const struct timeline_key *k, enum key_record r)
{
	const struct record_view *v = &k->record[r];

	if (s->n + 4 > s->max || !order_has(k, r))
		return;
	/* What was over for all others before this node came is over for it.  Not so where it has promised: they wait for what it
	 * sees at its own secondaries. */
	if (v->others_gone && !v->gone && !v->serves && !v->shown && !v->stopped)
		add(s, SAY_GONE, k, r);
	if (!s->in->published->any && !FAULT(JOINER_PROMISES))
		return; /* who serves nothing yet has nothing to say of it */
	say_stopped(s, k, r);
	if (is_over(s, k, r, WAIT_IN))
		add(s, SAY_SEEN, k, r)->ttl = r == RECORD_DS ? s->m->ds_ttl : 0;
	if (is_over(s, k, r, WAIT_OUT))
		add(s, SAY_GONE, k, r)->ttl = r == RECORD_DS ? s->m->ds_ttl : 0;
}

static void say_create(struct says *s)
{
	const struct timeline_key *rolled = NULL;
	struct timeline_create create[2];
	const size_t n = create_wanted(s->in, s->t, create, &rolled);
	const struct timeline_wait *w =
		n == 0 ? NULL : timeline_wait_find(s->m, rolled->key->hash, RECORD_DNSKEY, WAIT_CREATE);
	struct timeline_say *say;

	if (w == NULL || w->ran_ms < w->need_ms || s->n == s->max)
		return;
	say = add(s, SAY_CREATE, rolled, RECORD_DNSKEY);
	memcpy(say->create, create, sizeof(create));
	say->creates = n;
}

size_t timeline_says(const struct timeline_in *in, const struct timeline *t, const struct timeline_memory *m,
		     struct timeline_say *out, size_t max)
{
	struct says s = { in, t, m, out, 0, max };

	say_serves(&s);
	for (size_t i = 0; i < t->n; i++)
		for (enum key_record r = 0; r < KEY_RECORDS; r++)
			say_of(&s, &t->key[i], r);
	say_create(&s);
	return s.n;
}
