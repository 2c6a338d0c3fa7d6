/* SPDX-License-Identifier: BSD-3-Clause */
/* sharedpolicy: a list of those that plans have, found by what they say. */
#include "signer/engine/sharedpolicy.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "arena/arena.h"

struct shared {
	struct policy p; /* first: what plans point to */
	size_t refs;
	LIST_ENTRY(shared) entry;
};

static LIST_HEAD(shareds, shared) list = LIST_HEAD_INITIALIZER(list);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list, and all refs */

/* Two that say the same and differ between their members are shared less, no more. */
static struct shared *find(const struct policy *p)
{
	struct shared *s;

	LIST_FOREACH(s, &list, entry)
		if (memcmp(&s->p, p, sizeof(*p)) == 0)
			return s;
	s = mem_new(1, sizeof(*s));
	memcpy(&s->p, p, sizeof(*p));
	LIST_INSERT_HEAD(&list, s, entry);
	return s;
}

const struct policy *policy_share(const struct policy *p)
{
	struct shared *s;

	pthread_mutex_lock(&lock);
	s = find(p);
	s->refs++;
	pthread_mutex_unlock(&lock);
	return &s->p;
}

void policy_unshare(const struct policy *p)
{
	struct shared *s = (struct shared *)(uintptr_t)p;

	if (p == NULL)
		return;
	pthread_mutex_lock(&lock);
	if (--s->refs == 0) {
		LIST_REMOVE(s, entry);
		free(s);
	}
	pthread_mutex_unlock(&lock);
}
