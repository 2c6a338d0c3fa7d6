/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PAGE_H
#define DUET_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "err/err.h"
#include "rrset/rr.h"

/*
 * page - a DNS message that AXFR sends as it is: octets 0-1 its length as TCP wants it (RFC 1035 section 4.2.2), then
 * a header (ID 0, QR and AA set, QDCOUNT 0, ANCOUNT) and the answer section with compressed names.  Compression
 * offsets count from the header.  A message has at most 16,384 octets, more only when a single record needs it.
 */
#define PAGE_MSG_MAX   16384 /* octets of the message, without the two of the length */
#define PAGE_FILL      14336 /* bulk loads fill to about here */
#define PAGE_MSG_LIMIT 65000 /* a single record larger than this with its header is refused at load */

#define PAGE_HEADER_LEN 12
#define PAGE_FLAGS      0x8400 /* QR, AA */

#define PAGE_OCTETS_MAX (2 + 65535) /* of any page, length octets included */

struct page_build; /* builds one page; reused for many */

struct page_build *page_build_new(void);
void page_build_free(struct page_build *b);
void page_build_reset(struct page_build *b);
/* -1 with ERR_LIMIT for a record that fits no page (PAGE_MSG_LIMIT). */
int page_rr_check(const struct rr *rr, struct err *e);
/* Adds a record.  Returns 0, or 1 when it does not fit (nothing added; a first record always fits up to PAGE_MSG_LIMIT),
 * or -1 with ERR_LIMIT when it can never fit. */
int page_build_add(struct page_build *b, const struct rr *rr, struct err *e);
/* The page so far, length octets included; valid until the next call on b. */
const uint8_t *page_build_octets(struct page_build *b, size_t *len);
size_t page_build_count(const struct page_build *b);

/* Reads a page back: calls fn for each record with uncompressed owner and rdata, valid during the call.  fn's non-zero
 * return ends the walk and is returned.  -1 with ERR_DAMAGE when the page is not well formed. */
int page_walk(const uint8_t *page, size_t len, int (*fn)(void *ctx, const struct rr *rr), void *ctx, struct err *e);

#endif
