/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * block: reads pages for transfers.
 *
 * Invariants: 1. a block with `pages` set holds what was written, whole: xxh3-64 and length octets of each page are right.
 * 2. it changes only while nobody refers to it.  3. `pages` lives, since its version forgets its blocks before it goes.
 */
#include "signer/net/block.h"

#include "arena/arena.h"
#include "store/page_sum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT_BUSY 8 /* blocks without references while transfers run: how far apart two may be and still share */
#define KEPT_IDLE 2 /* and while none does: first touch of memory is what costs */

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
		if (b->pages == NULL)
			return b;
		last = b;
		unused++;
	}
	if (unused >= KEPT_BUSY)
		return last;
	last = mem_grow(NULL, 1, sizeof(*last)); /* its octets stay untouched until pages are read */
	last->refs = 0;
	last->pages = NULL;
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

static int fill(struct block *b, const struct pages *pages, size_t first, const struct page **bad, struct err *e)
{
	const struct page *page[BLOCK_PAGES];
	size_t n = choose(pages, first, page), done = 0, at = 0, took;

	for (; done < n; done += took) {
		*bad = page[done];
		if ((took = read_run(page, done, n, b->octets + at, e)) == 0)
			return -1;
		if (done == 0 && took < n)
			hint(pages, first);
		for (size_t i = done; i < done + took; at += page[i++]->len) {
			*bad = page[i];
			if (check(page[i], b->octets + at, e) != 0)
				return -1;
		}
	}
	b->pages = pages;
	b->first = first;
	b->count = n;
	return 0;
}

struct block *block_get(struct net *net, const struct pages *pages, size_t first, const struct page **bad, struct err *e)
{
	struct block *b = net->blocks;

	while (b != NULL && (b->pages != pages || b->first != first))
		b = b->next;
	if (b == NULL) {
		b = take_unused(net);
		b->pages = NULL;
		if (fill(b, pages, first, bad, e) != 0)
			return NULL;
	}
	unlink_block(net, b);
	put_first(net, b);
	b->refs++;
	return b;
}

void block_unref(struct block *b)
{
	if (b != NULL)
		b->refs--;
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
