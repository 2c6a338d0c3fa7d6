/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PAGER_H
#define DUET_PAGER_H

#include "sign/signing.h"

/*
 * pager - for the files of lib/sign only: the pages of one range of names.  A range fills one page; more only
 * where one owner does not fit, and then they are parts with the same key.  All signatures that the pager
 * makes end together.
 */
struct pager {
	struct signing *s;
	struct window window;
	struct page_row row; /* of the page that is being filled */
	uint8_t key[DNAME_KEY_MAX];
	bool measure; /* only tries whether everything fits one page, without signing */
	bool full;    /* it does not */
};

/* Begins a range whose first name has this sort key and whose content has this digest. */
void pager_begin(struct pager *pg, struct signing *s, enum page_chain chain, const uint8_t *key,
		 size_t key_len, const uint8_t digest[16]);
/* Begins a trial of the same: nothing is put, signatures are blanks of their length.  See full in the end. */
void pager_measure(struct pager *pg, struct signing *s);
/* Adds one record, as it is. */
int pager_add(struct pager *pg, const struct rr *rr, struct err *e);
/* Adds an RRset, and its RRSIG by every key. */
int pager_add_signed(struct pager *pg, const struct rr *rrs, size_t n, struct err *e);
/* Puts the last page of the range. */
int pager_end(struct pager *pg, struct err *e);

#endif
