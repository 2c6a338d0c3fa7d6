/* SPDX-License-Identifier: BSD-3-Clause */
/* agenda: a binary heap whose items know their place. */
#include "agenda/agenda.h"

#include <stdlib.h>

#include "arena/arena.h"

static void put(struct agenda *a, size_t place, struct agenda_item *item)
{
	a->heap[place] = item;
	item->place = place;
}

static void up(struct agenda *a, struct agenda_item *item)
{
	size_t place = item->place;

	for (; place > 1 && a->heap[place / 2]->at > item->at; place /= 2)
		put(a, place, a->heap[place / 2]);
	put(a, place, item);
}

static void down(struct agenda *a, struct agenda_item *item)
{
	size_t place = item->place, child;

	for (; (child = 2 * place) <= a->n; place = child) {
		if (child < a->n && a->heap[child + 1]->at < a->heap[child]->at)
			child++;
		if (a->heap[child]->at >= item->at)
			break;
		put(a, place, a->heap[child]);
	}
	put(a, place, item);
}

static void take_off(struct agenda *a, struct agenda_item *item)
{
	struct agenda_item *last = a->heap[a->n--];

	if (last != item) {
		put(a, item->place, last);
		up(a, last);
		down(a, last);
	}
	item->place = 0;
}

void agenda_set(struct agenda *a, struct agenda_item *item, int64_t at)
{
	item->at = at;
	if (at == INT64_MAX) {
		if (item->place != 0)
			take_off(a, item);
		return;
	}
	if (item->place == 0) {
		if (a->n + 1 >= a->cap) {
			a->cap = a->cap * 2 + 64;
			a->heap = mem_grow(a->heap, a->cap, sizeof(struct agenda_item *));
		}
		put(a, ++a->n, item);
	}
	up(a, item);
	down(a, item);
}

int64_t agenda_first(const struct agenda *a)
{
	return a->n > 0 ? a->heap[1]->at : INT64_MAX;
}

struct agenda_item *agenda_due(struct agenda *a, int64_t now)
{
	struct agenda_item *first = a->n > 0 ? a->heap[1] : NULL;

	if (first == NULL || first->at > now)
		return NULL;
	take_off(a, first);
	return first;
}

void agenda_fini(struct agenda *a)
{
	free(a->heap);
	a->heap = NULL;
	a->n = a->cap = 0;
}
