/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AGENDA_H
#define DUET_AGENDA_H

#include <stddef.h>
#include <stdint.h>

/*
 * agenda - which zone is to be looked at when: a heap, so that a tick costs what is due, and not what there is.
 *
 * An item lies in what it is about (struct zwork, for one), and is on one agenda at most.
 */
struct agenda_item {
	int64_t at;
	size_t place; /* in the heap, from 1 on; 0: not on the agenda */
	void *of;
};

struct agenda {
	struct agenda_item **heap;
	size_t n, cap;
};

/* Puts it there, moves it, or (INT64_MAX) takes it off. */
void agenda_set(struct agenda *a, struct agenda_item *item, int64_t at);
/* When the first is due; INT64_MAX: there is none. */
int64_t agenda_first(const struct agenda *a);
/* Takes off and returns one that is due, or NULL. */
struct agenda_item *agenda_due(struct agenda *a, int64_t now);
void agenda_fini(struct agenda *a);

#endif
