/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * block: reads pages for transfers.
 *
 * Invariants: 1. a block that is ready, without a bad page, holds what was written, whole: xxh3-64 and length octets of
 * each page are right.  2. while `reading` is set, octets, messages, bad and err are who reads', the loop or a thread; they change at no other time.
 * 3. `pages` lives, since its version forgets its blocks before it goes, and `reading` is a reference.
 */
#include "signer/net/block.h"

#include "arena/arena.h"
#include "signer/net/unsigned.h"
#include "store/page_sum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define KEPT_BUSY 16 /* blocks without references while transfers run: how far apart two may be and still share */
#define KEPT_IDLE 2  /* and while none does: first touch of memory is what costs */
#define AHEAD     (4u << 20) /* octets */

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

/* With one transfer, which shares with nobody, the one that was used last, whose octets are in the core's cache.  With more
 * of them the one that has not been used for longest, if as many as allowed wait; else a new one. */
static struct block *take_unused(struct net *net)
{
	struct block *found = NULL;
	unsigned unused = 0;

	for (struct block *b = net->blocks; b != NULL; b = b->next) {
		if (b->refs > 0)
			continue;
		found = b;
		unused++;
		if (b->pages == NULL || net->transfers < 2)
			break;
	}
	if (found == NULL || (found->pages != NULL && net->transfers > 1 && unused < KEPT_BUSY)) {
		found = mem_grow(NULL, 1, sizeof(*found)); /* its octets stay untouched until pages are read */
	} else {
		unlink_block(net, found);
	}
	memset(found, 0, offsetof(struct block, octets));
	found->net = net;
	put_first(net, found);
	return found;
}

/* flags: of preadv2; with RWF_NOWAIT ERR_NOTNOW when the disk would have to be waited for, or the file system cannot tell. */
static int read_at(const struct page *p, uint8_t *to, size_t octets, int flags, struct err *e)
{
	size_t got = 0;

	while (got < octets) {
		struct iovec part = { .iov_base = to + got, .iov_len = octets - got };
		ssize_t n = preadv2(p->volume->fd, &part, 1, (off_t)(p->offset + got), flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EOPNOTSUPP))
			return err_set(e, ERR_NOTNOW, "volume %u", p->volume->number);
		if (n < 0)
			return err_errno(e, "volume %u", p->volume->number);
		if (n == 0)
			return err_set(e, ERR_DAMAGE, "volume ends before its page");
		got += (size_t)n;
	}
	return 0;
}

/* Reads pages that lie behind each other at once: [from, to) of them are wanted.  How many it took; 0 on failure. */
static size_t read_run(const struct page *const *page, size_t from, size_t to, uint8_t *octets, int flags, struct err *e)
{
	const struct page *first = page[from];
	size_t len = 0, n = from;

	while (n < to && page[n]->volume == first->volume && page[n]->offset == first->offset + len)
		len += page[n++]->len;
	return read_at(first, octets, len, flags, e) == 0 ? n - from : 0;
}

static int check(const struct page *p, const uint8_t *octets, struct err *e)
{
	if (page_sum(octets, p->len) != p->xxh)
		return err_set(e, ERR_DAMAGE, "xxh3-64 differs");
	if ((size_t)(octets[0] << 8 | octets[1]) != p->len - 2)
		return err_set(e, ERR_DAMAGE, "length octets differ");
	return 0;
}

/* Has the kernel read these pages and those behind them, AHEAD octets together, while we send: the disk is asked for all of
 * them at once, wherever small changes have scattered them. */
static void ask_ahead(const struct pages *pages, size_t first)
{
	size_t count = pages_count(pages), octets = 0, len = 0, behind;
	const struct page *from = NULL;

	for (size_t i = first; i < count && octets < AHEAD; i++) {
		const struct page *p = pages_at(pages, i, &behind);

		if (from == NULL || p->volume != from->volume || p->offset != from->offset + len) {
			if (from != NULL)
				posix_fadvise(from->volume->fd, (off_t)from->offset, (off_t)len, POSIX_FADV_WILLNEED);
			from = p;
			len = 0;
		}
		len += p->len;
		octets += p->len;
	}
	if (from != NULL)
		posix_fadvise(from->volume->fd, (off_t)from->offset, (off_t)len, POSIX_FADV_WILLNEED);
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

/* Sets octets, messages, bad and err.  In any thread. */
static void read_pages(struct block *b, int flags)
{
	const struct page *page[BLOCK_PAGES];
	size_t n = choose(b->reading, b->first, page), at = 0, took;

	for (size_t done = 0; done < n; done += took) {
		b->bad = page[done];
		if ((took = read_run(page, done, n, b->octets + at, flags, &b->err)) == 0)
			return;
		for (size_t i = done; i < done + took; at += page[i++]->len) {
			b->bad = page[i];
			if (check(page[i], b->octets + at, &b->err) != 0)
				return;
		}
	}
	b->bad = page[0];
	if (!pages_unsigned(b->reading))
		b->messages = n;
	else if (unsigned_pages(b->octets, n, &b->messages, &b->err) != 0)
		return;
	b->bad = NULL;
}

/* In a thread. */
static struct job *read_from_disk(struct job *job)
{
	struct block *b = block_of(job);

	ask_ahead(b->reading, b->first);
	read_pages(b, 0);
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

/* A block that nobody has yet, with references for who asked and for who is to read it. */
static struct block *new_block(struct net *net, struct pages *pages, size_t first)
{
	const struct page *page[BLOCK_PAGES];
	struct block *b = take_unused(net);

	b->refs = 2;
	b->pages = pages;
	b->first = first;
	b->count = choose(pages, first, page);
	b->reading = pages_ref(pages);
	b->job = (struct job){ .run = read_from_disk, .done = block_read };
	return b;
}

/* A block of these pages that somebody has asked for before, or NULL. */
static struct block *shared_block(struct net *net, const struct pages *pages, size_t first)
{
	struct block *b = net->blocks;

	while (b != NULL && (b->pages != pages || b->first != first))
		b = b->next;
	return b;
}

struct block *block_get(struct net *net, struct pages *pages, size_t first)
{
	struct block *b = shared_block(net, pages, first);

	if (b != NULL) {
		unlink_block(net, b);
		put_first(net, b);
		b->refs++;
		return b;
	}
	b = new_block(net, pages, first);
	if (!pages_unsigned(pages)) /* which is work for a thread */
		read_pages(b, RWF_NOWAIT);
	if (pages_unsigned(pages) || (b->bad != NULL && b->err.code == ERR_NOTNOW))
		crew_queue(net->readers, &b->job);
	else
		block_read(&b->job);
	return b;
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
