/* SPDX-License-Identifier: BSD-3-Clause */
/* sort_memory: areas that grow.  A large one is taken at its full size at once, since its pages come as they are touched,
 * and is left to the next sort with the pages that it has. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "arena/arena.h"
#include "sort/sort_impl.h"

#define ROOM_FIRST  ((size_t)16 << 10)
#define SMALL_MOST  ((size_t)1 << 20)
#define HUGE_OCTETS ((size_t)2 << 20) /* a huge page: the order jumps about, and fewer are easier to find */

struct sort_memory {
	pthread_mutex_t mutex; /* guards kept */
	struct area kept[AREA_ROLES];
};

struct sort_memory *sort_memory_new(void)
{
	struct sort_memory *m = mem_new(1, sizeof(*m));

	pthread_mutex_init(&m->mutex, NULL);
	return m;
}

void sort_memory_trim(struct sort_memory *m)
{
	pthread_mutex_lock(&m->mutex);
	for (int i = 0; i < AREA_ROLES; i++) {
		free(m->kept[i].p);
		m->kept[i] = (struct area){ .p = NULL };
	}
	pthread_mutex_unlock(&m->mutex);
}

void sort_memory_free(struct sort_memory *m)
{
	if (m == NULL)
		return;
	sort_memory_trim(m);
	pthread_mutex_destroy(&m->mutex);
	free(m);
}

/* What was kept for the role, if it is large enough. */
static bool take_kept(struct sort_memory *m, enum area_role role, size_t want, struct area *out)
{
	bool fits;

	if (m == NULL)
		return false;
	pthread_mutex_lock(&m->mutex);
	fits = m->kept[role].room >= want;
	if (fits) {
		*out = m->kept[role];
		m->kept[role] = (struct area){ .p = NULL };
	}
	pthread_mutex_unlock(&m->mutex);
	return fits;
}

static struct area large(size_t len)
{
	struct area a = { .room = (len + HUGE_OCTETS - 1) & ~(HUGE_OCTETS - 1) };

	a.p = aligned_alloc(HUGE_OCTETS, a.room);
	if (a.p == NULL)
		a.p = mem_grow(NULL, a.room, 1);
	madvise(a.p, a.room, MADV_HUGEPAGE);
	return a;
}

void area_grow(struct area *a, enum area_role role, size_t used, size_t want, size_t whole, struct sort_memory *m)
{
	struct area now;

	assert(want > a->room);
	if (want <= SMALL_MOST) {
		a->room = a->room * 2 < ROOM_FIRST ? ROOM_FIRST : a->room * 2;
		a->room = a->room < want ? want : a->room;
		a->p = mem_grow(a->p, a->room, 1);
		return;
	}
	if (!take_kept(m, role, want, &now))
		now = large(want < whole ? whole : want * 2);
	if (used > 0)
		memcpy(now.p, a->p, used);
	free(a->p);
	*a = now;
}

void area_fit(struct area *a, size_t used)
{
	if (a->room <= SMALL_MOST)
		*a = (struct area){ .p = mem_grow(a->p, used, 1), .room = used };
}

void area_end(struct area *a, enum area_role role, struct sort_memory *m)
{
	if (m != NULL && a->room > SMALL_MOST) {
		pthread_mutex_lock(&m->mutex);
		if (a->room > m->kept[role].room) {
			struct area less = m->kept[role];

			m->kept[role] = *a;
			*a = less;
		}
		pthread_mutex_unlock(&m->mutex);
	}
	free(a->p);
	*a = (struct area){ .p = NULL };
}
