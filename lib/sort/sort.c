/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sort: collects records, and spills them as sorted runs when the budget is used up.
 *
 * Beside a thread there are two parts.  While one is filled the other is sorted, and spilled once the first is nearly
 * full, so that what would fit the budget is not.
 */
#include "sort/sort.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "arena/arena.h"
#include "sort/sort_impl.h"

#define SPILL_BEFORE 3 /* the other part is spilled when this part of the limit is left, which takes longer to fill */
#define LOOKS        64 /* so often in filling a part, whether the other is sorted */

enum helper { IDLE, SORTS, SPILLS };

struct sorter {
	struct sorted *out;
	char *dir;
	struct part *p;    /* that is filled: of out */
	size_t limit;      /* of a part, index included */
	size_t look_at;    /* size of the part at which something is to be done: below the limit, spilling the other */
	bool beside;
	/* The thread: what it does with the other part, which nobody else looks at meanwhile, nor at the runs. */
	enum helper helper;
	bool joinable;     /* it has a thread; without one the work was done at once */
	atomic_bool done;  /* that work */
	pthread_t thread;
	struct err err;    /* of its spilling */
	int rc;
};

struct sorter *sorter_new(size_t budget, const char *dir, struct sort_memory *memory)
{
	struct sorter *s = mem_new(1, sizeof(*s));
	const char *tmp = getenv("TMPDIR");

	s->out = mem_new(1, sizeof(*s->out));
	s->out->fd = -1;
	s->out->budget = budget;
	s->out->memory = memory;
	for (int i = 0; i < PARTS; i++)
		s->out->part[i].in_order = true;
	s->p = &s->out->part[0];
	s->dir = mem_strdup(dir != NULL ? dir : tmp != NULL && *tmp != '\0' ? tmp : "/var/tmp");
	s->limit = s->look_at = budget;
	return s;
}

void sorter_beside(struct sorter *s)
{
	assert(s->out->count == 0);
	s->beside = true;
	s->limit = s->look_at = s->out->budget / PARTS;
}

static struct part *other_part(const struct sorter *s)
{
	return s->p == &s->out->part[0] ? &s->out->part[1] : &s->out->part[0];
}

static void *help(void *arg)
{
	struct sorter *s = arg;
	struct part *other = other_part(s);

	if (s->helper == SORTS)
		part_sort(other, s->out->memory);
	else
		s->rc = part_spill(other, s->out, s->dir, &s->err);
	atomic_store(&s->done, true);
	return NULL;
}

/* Signals are for the threads that the program has made itself. */
static void start_helper(struct sorter *s, enum helper what)
{
	sigset_t all, before;

	s->helper = what;
	atomic_store(&s->done, false);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	s->joinable = pthread_create(&s->thread, NULL, help, s) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!s->joinable)
		help(s);
}

static int end_helper(struct sorter *s, struct err *e)
{
	if (s->joinable)
		pthread_join(s->thread, NULL);
	s->joinable = false;
	s->helper = IDLE;
	return s->rc == 0 ? 0 : err_set(e, s->err.code, "%s", s->err.text);
}

static void end_parts(struct sorted *s)
{
	area_end(&s->part[0].octets, AREA_OCTETS, s->memory);
	area_end(&s->part[1].octets, AREA_OCTETS_2, s->memory);
	area_end(&s->part[0].entries, AREA_ENTRIES, s->memory);
	area_end(&s->part[1].entries, AREA_ENTRIES_2, s->memory);
}

void sorter_free(struct sorter *s)
{
	if (s == NULL)
		return;
	end_helper(s, NULL);
	sorted_free(s->out);
	free(s->dir);
	free(s);
}

void sorted_free(struct sorted *s)
{
	if (s == NULL)
		return;
	if (s->fd >= 0)
		close(s->fd);
	end_parts(s);
	free(s->runs);
	free(s);
}

size_t sorted_count(const struct sorted *s)
{
	return s->count;
}

bool sorted_in_memory(const struct sorted *s)
{
	return s->fd < 0;
}

/* ---- a part that is full ---- */

static int spill_other(struct sorter *s, struct err *e)
{
	if (end_helper(s, e) != 0)
		return -1;
	if (other_part(s)->n > 0)
		start_helper(s, SPILLS);
	return 0;
}

/* The other part is filled next. */
static int turn(struct sorter *s, struct err *e)
{
	if ((s->helper != SPILLS && spill_other(s, e) != 0) || end_helper(s, e) != 0)
		return -1;
	s->p = other_part(s);
	start_helper(s, SORTS);
	s->look_at = s->limit - s->limit / SPILL_BEFORE;
	return 0;
}

static int look(struct sorter *s, size_t size, struct err *e)
{
	if (!s->beside) {
		part_sort(s->p, s->out->memory);
		return part_spill(s->p, s->out, s->dir, e);
	}
	if (size > s->limit)
		return turn(s, e);
	if (s->helper == SORTS && !atomic_load(&s->done)) { /* not waited for as long as there is room */
		s->look_at = size + s->limit / LOOKS;
		s->look_at = s->look_at < s->limit ? s->look_at : s->limit;
		return 0;
	}
	s->look_at = s->limit;
	return spill_other(s, e);
}

/* ---- records ---- */

static unsigned index_of(const struct sorter *s)
{
	return s->p == &s->out->part[1];
}

uint8_t *sorter_more(struct sorter *s, size_t used, size_t room)
{
	struct part *p = s->p;
	size_t there = used == 0 ? p->used : p->used + HEADER_LEN + used;
	size_t want = p->used + HEADER_LEN + used + room + KEY_PAD;

	if (p->octets.room < want)
		area_grow(&p->octets, AREA_OCTETS + index_of(s), there, want, s->limit + 2 * room, s->out->memory);
	return p->octets.p + p->used + HEADER_LEN;
}

uint8_t *sorter_begin(struct sorter *s, size_t room, struct err *e)
{
	/* two entries for each record: the order is made beside the entries */
	const size_t size = s->p->used + 2 * (s->p->n + 1) * sizeof(struct entry);

	if (size > s->look_at && s->p->n > 0 && look(s, size, e) != 0)
		return NULL;
	return sorter_more(s, 0, room);
}

static bool is_in_order(const struct part *p, const uint8_t *key, size_t key_len)
{
	struct sort_record last = record_at(p->octets.p + p->last);

	return key_cmp(last.key, last.key_len, key, key_len) <= 0;
}

void sorter_commit(struct sorter *s, size_t key_len, size_t len)
{
	struct part *p = s->p;
	uint8_t *at = p->octets.p + p->used;
	size_t entries = (p->n + 1) * sizeof(struct entry);

	assert(key_len <= SORT_KEY_MAX && len <= UINT32_MAX &&
	       HEADER_LEN + key_len + len <= p->octets.room - p->used);
	if (p->n > 0 && p->in_order)
		p->in_order = is_in_order(p, at + HEADER_LEN, key_len);
	if (entries > p->entries.room)
		area_grow(&p->entries, AREA_ENTRIES + index_of(s), entries - sizeof(struct entry), entries, s->limit / 2,
			  s->out->memory);
	part_entries(p)[p->n] = (struct entry){ .head = head_of(at + HEADER_LEN, key_len), .at = p->used };
	memcpy(at, &(uint32_t){ (uint32_t)len }, 4);
	memcpy(at + 4, &(uint16_t){ (uint16_t)key_len }, 2);
	p->last = p->used;
	p->used += HEADER_LEN + key_len + len;
	p->n++;
	s->out->count++;
}

int sorter_add(struct sorter *s, const void *key, size_t key_len, const void *data, size_t len, struct err *e)
{
	uint8_t *p = sorter_begin(s, key_len + len, e);

	if (p == NULL)
		return -1;
	if (key_len > 0)
		memcpy(p, key, key_len);
	if (len > 0)
		memcpy(p + key_len, data, len);
	sorter_commit(s, key_len, len);
	return 0;
}

int sorter_end(struct sorter *s, struct sorted **out, struct err *e)
{
	struct sorted *sorted = s->out;

	if (s->helper == SPILLS) /* two that sort would need twice the room for it */
		part_sort(s->p, sorted->memory);
	if (end_helper(s, e) != 0) {
		sorter_free(s);
		return -1;
	}
	part_sort(s->p, sorted->memory);
	for (unsigned i = 0; i < PARTS; i++) {
		area_fit(&sorted->part[i].octets, sorted->part[i].used + KEY_PAD);
		area_fit(&sorted->part[i].entries, sorted->part[i].n * sizeof(struct entry));
	}
	sorted->newest = index_of(s);
	s->out = NULL;
	*out = sorted;
	sorter_free(s);
	return 0;
}
