/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_RDATA_PLAIN_H
#define DUET_RDATA_PLAIN_H

#include "dname/plain.h"
#include "rrset/types.h"

/*
 * rdata_plain - rdata from plain text (plain.h), driven by the same rows of the table of types as rdata_text, for the
 * fields that most records have.  What it takes rdata_text takes too, with the same result; what it leaves may be right.
 */
#define RDATA_PLAIN_ROOM (65536 + 512) /* octets that it may write to */

/* Types by mnemonic: an open hash table of words of up to 8 octets. */
#define TYPE_WORDS 512
struct type_words {
	struct type_word {
		uint64_t word; /* 0: free */
		const struct type_info *info;
		uint16_t type;
		bool plain;    /* rdata_plain knows all its fields */
		bool ruled;    /* type_has_rule */
		bool dropped;  /* rr_type_is_signing, and nobody looks at its rdata */
	} slot[TYPE_WORDS];
};

void type_words_init(struct type_words *t);
/* The type that the word of len octets at p names, or NULL; 16 octets of p can be read. */
const struct type_word *type_words_find(const struct type_words *t, const char *p, size_t len);

/* A decimal number up to most at p, white space behind it; returns its end, or NULL. */
const char *number_from_plain(const char *p, uint64_t most, uint64_t *out);

/* The rdata of a type whose word is plain, up to the end of the line, from p on; newlines end everything, so one must
 * follow.  Returns the newline, or NULL where the text is not plain or not right. */
const char *rdata_from_plain(const struct type_info *info, const char *p, const uint8_t *origin, size_t origin_len,
			     uint8_t *out, size_t *out_len);

#endif
