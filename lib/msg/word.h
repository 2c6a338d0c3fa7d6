/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_MSG_WORD_H
#define DUET_MSG_WORD_H

#include "dname/dname.h"
#include "msg/msg.h"
#include "wire/wire.h"

/*
 * word - a node's word on a zone (its status) in the tail of a message, among many: thousands go round, so what they say
 * is passed on as the text that it is.
 *
 *   node (8) | number and random octets of its start (4, 8) | counter (8) | name (1 + n) | zone (2 + n) | status (4 + n)
 */
struct msg_word {
	uint8_t node[NODE_ID_LEN];
	uint32_t start;
	uint8_t random[8];
	uint64_t counter;
	char name[64]; /* of the node, for people; may be "" */
	char zone[DNAME_TEXT_MAX];
	const char *status; /* JSON; borrowed */
	size_t status_len;
};

/* Many words on their way out; of zeroes it is empty. */
struct msg_words {
	uint8_t *octets;
	size_t len, cap;
	size_t n;
};

void msg_words_add(struct msg_words *l, const struct msg_word *w);
/* Empty again; keeps its memory. */
void msg_words_clear(struct msg_words *l);
void msg_words_fini(struct msg_words *l);

/* The next word of a tail; false at the end, and behind one that is none. */
bool msg_word_read(struct rd *r, struct msg_word *w);

#endif
