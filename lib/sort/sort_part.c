/* SPDX-License-Identifier: BSD-3-Clause */
/* sort_part: a part of the records is brought into order, and spilled as a run into a file without a name. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "arena/arena.h"
#include "sort/sort_impl.h"

#define WRITE_OCTETS ((size_t)1 << 20)
#define AHEAD        8

void part_sort(struct part *p, struct sort_memory *m)
{
	struct area spare = { .p = NULL };
	size_t len = p->n * sizeof(struct entry);

	if (p->in_order)
		return;
	area_grow(&spare, AREA_SPARE, 0, len, len, m);
	entries_sort(part_entries(p), (struct entry *)(void *)spare.p, p->n, p->octets.p);
	area_end(&spare, AREA_SPARE, m);
	p->in_order = true;
}

static int open_file(struct sorted *out, const char *dir, struct err *e)
{
	char *path;

	out->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (out->fd >= 0)
		return 0;
	path = mem_printf("%s/sort-XXXXXX", dir); /* for file systems that do not know O_TMPFILE */
	out->fd = mkostemp(path, O_CLOEXEC);
	if (out->fd >= 0)
		unlink(path);
	free(path);
	return out->fd >= 0 ? 0 : err_errno(e, "%s: no file for sorting", dir);
}

static int write_all(int fd, const uint8_t *p, size_t len, off_t at, struct err *e)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(e, "file for sorting");
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_run(const struct part *p, int fd, struct run *run, struct err *e)
{
	uint8_t *buffer = mem_grow(NULL, WRITE_OCTETS, 1), *octets = p->octets.p;
	const struct entry *entries = part_entries(p);
	size_t used = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		struct sort_record r = record_at(octets + entries[i].at);
		size_t len = HEADER_LEN + r.key_len + r.len;

		if (i + AHEAD < p->n)
			__builtin_prefetch(octets + entries[i + AHEAD].at);
		if (WRITE_OCTETS - used < len) {
			rc = write_all(fd, buffer, used, run->at + (off_t)run->len, e);
			run->len += used;
			used = 0;
		}
		if (WRITE_OCTETS < len) {
			rc = rc != 0 ? rc : write_all(fd, r.key - HEADER_LEN, len, run->at + (off_t)run->len, e);
			run->len += len;
		} else {
			memcpy(buffer + used, r.key - HEADER_LEN, len);
			used += len;
		}
	}
	if (rc == 0)
		rc = write_all(fd, buffer, used, run->at + (off_t)run->len, e);
	run->len += used;
	free(buffer);
	return rc;
}

int part_spill(struct part *p, struct sorted *out, const char *dir, struct err *e)
{
	struct run *run;

	if (out->fd < 0 && open_file(out, dir, e) != 0)
		return -1;
	out->runs = mem_grow(out->runs, out->run_count + 1, sizeof(*out->runs));
	run = &out->runs[out->run_count];
	*run = (struct run){ .at = 0 };
	if (out->run_count > 0)
		run->at = run[-1].at + (off_t)run[-1].len;
	if (write_run(p, out->fd, run, e) != 0)
		return -1;
	out->run_count++;
	p->n = p->used = 0;
	p->in_order = true;
	return 0;
}
