/* SPDX-License-Identifier: BSD-3-Clause */
/* word: words on zones, as octets and back. */
#include "msg/word.h"

#include "arena/arena.h"

#include <stdlib.h>
#include <string.h>

#define FIXED (NODE_ID_LEN + 4 + 8 + 8 + 1 + 2 + 4)

void msg_words_add(struct msg_words *l, const struct msg_word *w)
{
	const size_t name = strlen(w->name), zone = strlen(w->zone), need = FIXED + name + zone + w->status_len;
	struct wr out;

	if (l->cap - l->len < need) {
		l->cap = 2 * l->cap + need;
		l->octets = mem_grow(l->octets, l->cap, 1);
	}
	out = wr_of(l->octets + l->len, l->cap - l->len);
	wr_bytes(&out, w->node, NODE_ID_LEN);
	wr_u32(&out, w->start);
	wr_bytes(&out, w->random, sizeof(w->random));
	wr_u64(&out, w->counter);
	wr_u8(&out, (uint8_t)name);
	wr_bytes(&out, w->name, name);
	wr_u16(&out, (uint16_t)zone);
	wr_bytes(&out, w->zone, zone);
	wr_u32(&out, (uint32_t)w->status_len);
	wr_bytes(&out, w->status, w->status_len);
	l->len += out.at;
	l->n++;
}

void msg_words_clear(struct msg_words *l)
{
	l->len = l->n = 0;
}

void msg_words_fini(struct msg_words *l)
{
	free(l->octets);
	*l = (struct msg_words){ 0 };
}

/* A text of n octets without NUL, into out of `size`. */
static void read_text(struct rd *r, size_t n, char *out, size_t size)
{
	const uint8_t *p = rd_bytes(r, n);

	r->bad |= p == NULL || n >= size || memchr(p, 0, n) != NULL;
	if (!r->bad)
		memcpy(out, p, n);
	out[r->bad ? 0 : n] = '\0';
}

bool msg_word_read(struct rd *r, struct msg_word *w)
{
	const uint8_t *p;

	if (rd_left(r) == 0)
		return false;
	if ((p = rd_bytes(r, NODE_ID_LEN)) != NULL)
		memcpy(w->node, p, NODE_ID_LEN);
	w->start = rd_u32(r);
	if ((p = rd_bytes(r, sizeof(w->random))) != NULL)
		memcpy(w->random, p, sizeof(w->random));
	w->counter = rd_u64(r);
	read_text(r, rd_u8(r), w->name, sizeof(w->name));
	read_text(r, rd_u16(r), w->zone, sizeof(w->zone));
	w->status_len = rd_u32(r);
	w->status = (const char *)rd_bytes(r, w->status_len);
	return !r->bad;
}
