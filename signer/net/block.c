/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * block: reads pages for transfers.
 *
 * Invariants: 1. a block that is ready, without a bad page, holds what was written, whole: xxh3-64 and length octets of
 * each page are right.  2. while `reading` is set, octets, bad and err are the thread's; they change at no other time.
 * 3. `pages` lives, since its version forgets its blocks before it goes, and `reading` is a reference.
 */
#include "signer/net/block.h"

#include "arena/arena.h"
#include "store/page_sum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT_BUSY 32/* blocks without references while transfers run: how far apart two may be and still share */
#define KEPT_IDLE 4 /* and while none does: first touch of memory is what costs */

static struct block *block_of(struct job *job)
{
	return (struct block *)((uint8_t *)job - offsetof(struct block, job));
}

static void unlink_block(struct net *net, struct block *b)
{
	*(b->previous == NULL ? &net->blocks : &b->previous->next) = b->next;
	if (b->next != NULL)
		b->next->previous = b->previous;
}

static void put_first(struct net *net, struct block *b)
{
	b->previous = NULL;
	b->next = net->blocks;
	if (b->next != NULL)
		b->next->previous = b;
	net->blocks = b;
}

/* The one that has not been used for longest, if as many as allowed wait; else a new one. */
static struct block *take_unused(struct net *net)
{
	struct block *last = NULL;
	unsigned unused = 0;

	for (struct block *b = net->blocks; b != NULL; b = b->next) {
		if (b->refs > 0)
			continue;
		last = b;
		unused++;
		if (b->pages == NULL)
			break;
	}
	if (last == NULL || (last->pages != NULL && unused < KEPT_BUSY)) {
		last = mem_grow(NULL, 1, sizeof(*last)); /* its octets stay untouched until pages are read */
	} else {
		unlink_block(net, last);
	}
	memset(last, 0, offsetof(struct block, octets));
	last->net = net;
	put_first(net, last);
	return last;
}

static int read_at(const struct page *p, uint8_t *to, size_t octets, struct err *e)
{
	size_t got = 0;

	while (got < octets) {
		ssize_t n = pread(p->volume->fd, to + got, octets - got, (off_t)(p->offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "volume %u", p->volume->number);
		if (n == 0)
			return err_set(e, ERR_DAMAGE, "volume ends before its page");
		got += (size_t)n;
	}
	return 0;
}

/* Reads pages that lie behind each other at once: [from, to) of them are wanted.  How many it took; 0 on failure. */
static size_t read_run(const struct page *const *page, size_t from, size_t to, uint8_t *octets, struct err *e)
{
	const struct page *first = page[from];
	size_t len = 0, n = from;

	while (n < to && page[n]->volume == first->volume && page[n]->offset == first->offset + len)
		len += page[n++]->len;
	return read_at(first, octets, len, e) == 0 ? n - from : 0;
}

static int check(const struct page *p, const uint8_t *octets, struct err *e)
{
	if (page_sum(octets, p->len) != p->xxh)
		return err_set(e, ERR_DAMAGE, "xxh3-64 differs");
	if ((size_t)(octets[0] << 8 | octets[1]) != p->len - 2)
		return err_set(e, ERR_DAMAGE, "length octets differ");
	return 0;
}

/* Pages that small changes have scattered: the kernel reads those of the next block while we send this one's. */
static void hint(const struct pages *pages, size_t first)
{
	size_t count = pages_count(pages), end = count - first < 2 * BLOCK_PAGES ? count : first + 2 * BLOCK_PAGES, behind;

	for (size_t i = first; i < end; i++) {
		const struct page *p = pages_at(pages, i, &behind);

		posix_fadvise(p->volume->fd, (off_t)p->offset, p->len, POSIX_FADV_WILLNEED);
	}
}

/* Chooses the pages: as many as fit, at least one. */
static size_t choose(const struct pages *pages, size_t first, const struct page *page[BLOCK_PAGES])
{
	size_t count = pages_count(pages), octets = 0, n = 0, behind;

	for (; n < BLOCK_PAGES && first + n < count; n++) {
		page[n] = pages_at(pages, first + n, &behind);
		if (page[n]->len > BLOCK_OCTETS - octets)
			break;
		octets += page[n]->len;
	}
	return n;
}

/* In a thread. */
static struct job *read_block(struct job *job)
{
	struct block *b = block_of(job);
	const struct page *page[BLOCK_PAGES];
	size_t n = choose(b->reading, b->first, page), at = 0, took;

	for (size_t done = 0; done < n; done += took) {
		b->bad = page[done];
		if ((took = read_run(page, done, n, b->octets + at, &b->err)) == 0)
			return NULL;
		if (done == 0 && took < n)
			hint(b->reading, b->first);
		for (size_t i = done; i < done + took; at += page[i++]->len) {
			b->bad = page[i];
			if (check(page[i], b->octets + at, &b->err) != 0)
				return NULL;
		}
	}
	b->bad = NULL;
	return NULL;
}

static void block_read(struct job *job)
{
	struct block *b = block_of(job);
	struct pages *pages = b->reading;
	struct block_waiter *w;

	b->reading = NULL;
	if (b->bad != NULL)
		b->pages = NULL;
	while ((w = b->waiting) != NULL) {
		b->waiting = w->next;
		w->ready(w);
	}
	block_unref(b);
	pages_unref(b->net, pages);
}

/* A block that nobody has yet, with references for who asked and for the job that is to read it. */
static struct block *new_block(struct net *net, struct pages *pages, size_t first)
{
	const struct page *page[BLOCK_PAGES];
	struct block *b = take_unused(net);

	b->refs = 2;
	b->pages = pages;
	b->first = first;
	b->count = choose(pages, first, page);
	b->reading = pages_ref(pages);
	b->job = (struct job){ .run = read_block, .done = block_read };
	return b;
}

/* A block of these pages that somebody has asked for before, with a reference; or NULL. */
static struct block *shared_block(struct net *net, const struct pages *pages, size_t first)
{
	struct block *b = net->blocks;

	while (b != NULL && (b->pages != pages || b->first != first))
		b = b->next;
	if (b != NULL) {
		unlink_block(net, b);
		put_first(net, b);
		b->refs++;
	}
	return b;
}

struct block *block_get(struct net *net, struct pages *pages, size_t first)
{
	struct block *b = shared_block(net, pages, first);

	if (b != NULL)
		return b;
	b = new_block(net, pages, first);
	if (b->count == pages_count(pages) && b->count <= BLOCK_FEW) {
		read_block(&b->job);
		block_read(&b->job);
	} else {
		crew_queue(net->readers, &b->job);
	}
	return b;
}

bool block_hurry(struct block *b)
{
	return crew_hurry(b->net->readers, &b->job) != JOB_RUNS;
}

struct block *block_again(struct block *b)
{
	struct net *net = b->net;
	struct block *again;

	b->pages = NULL; /* who looks for these pages finds the one that is read now */
	again = shared_block(net, b->reading, b->first);
	if (again == NULL) {
		again = new_block(net, b->reading, b->first);
		crew_here(net->readers, &again->job);
	}
	block_unref(b);
	return again;
}

void block_unref(struct block *b)
{
	if (b != NULL)
		b->refs--;
}

void block_wait(struct block *b, struct block_waiter *w)
{
	w->next = b->waiting;
	b->waiting = w;
}

void block_unwait(struct block *b, struct block_waiter *w)
{
	struct block_waiter **at = &b->waiting;

	while (*at != NULL && *at != w)
		at = &(*at)->next;
	if (*at == w)
		*at = w->next;
}

void blocks_forget(struct net *net, const struct pages *pages)
{
	for (struct block *b = net->blocks; b != NULL; b = b->next)
		if (b->pages == pages)
			b->pages = NULL;
}

static void keep(struct net *net, unsigned most)
{
	struct block *next;
	unsigned n = 0;

	for (struct block *b = net->blocks; b != NULL; b = next) {
		next = b->next;
		if (b->refs > 0 || n++ < most)
			continue;
		unlink_block(net, b);
		free(b);
	}
}

void blocks_idle(struct net *net)
{
	keep(net, KEPT_IDLE);
	for (struct block *b = net->blocks; b != NULL; b = b->next)
		b->pages = NULL;
}

void blocks_free(struct net *net)
{
	keep(net, 0);
}
