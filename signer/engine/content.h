/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_CONTENT_H
#define DUET_CONTENT_H

#include "serial/serial.h"
#include "sign/patch.h"
#include "store/store.h"

/*
 * content - what a zone is to hold next: as a whole, or as a difference from what its published version holds.
 */
struct content {
	struct zone *zone;      /* NULL: a difference */
	struct zone_diff *diff; /* NULL: a whole */
	uint8_t *stream;        /* that the difference was read from; NULL: it was found between a whole and the version */
	size_t stream_len;
	size_t records, dropped; /* of what came in */
	uint64_t rev;           /* of a submission, which is its number; 0: it is none */
	uint8_t base[48];            /* digest of the content that it leads from */
	struct patch_content patched; /* of the difference */
	bool of_peer;           /* a peer gave it, for content of this name (borrow.h): */
	struct content_id there;
	struct plan *plan;      /* whose DS of zones below were put in; NULL: none were */
};

/* Compares with v while a zone is read with these limits, which are set for it; NULL for v NULL.  patch_since_free. */
struct patch_since *content_since(struct store *s, struct version *v, const uint8_t *apex, struct zone_limits *limits);

/*
 * content_of_zone - of a zone: the difference from what v holds where that is small and its sum is known, else the zone
 * itself, with its sum.
 *
 * v       NULL: nothing to compare with
 * since   of content_since, which has seen z; stays the caller's
 * z       belongs to the content where content->zone is z, else to the caller
 * limits  that z was read with; without_sum where v is given, since a difference needs none
 */
int content_of_zone(struct store *s, struct version *v, struct patch_since *since, struct zone *z,
		    const struct zone_limits *limits, struct content **out, struct err *e);
/* Reads a difference (zone_diff.h), and applies it to the version's content, to see that it fits and what comes of it.
 * Takes over stream, in any case. */
int content_of_diff(struct store *s, struct version *v, uint8_t *stream, size_t len,
		    const struct zone_limits *limits, struct content **out, struct err *e);
/* NULL does nothing. */
void content_free(struct content *c);
/* It is not signed soon on the version that it was made for: it does not keep that one, nor pages of it.  NULL does nothing. */
void content_unread(struct content *c);

uint32_t content_serial(const struct content *c); /* of the input's SOA */
const struct rr *content_soa(const struct content *c);
const uint8_t *content_digest(const struct content *c);
const struct zone_sum *content_sum(const struct content *c);
/* Of the whole zone, or of the difference. */
size_t content_records(const struct content *c);
/* Whether it came as a whole zone. */
bool content_is_whole(const struct content *c);
/* Whether the version has what a difference leads from; true for a whole. */
bool content_fits(const struct content *c, const struct version *v);

/* Whether content_sign of the same takes many cores' work rather than a moment of one. */
bool content_is_much(const struct version *v, const struct content *c, const struct sign_params *p);

/*
 * content_sign - puts the pages of the next version into `change`, with as little work as there can be: those that stay
 * stay.
 *
 * v  the version that was current when the change began, NULL: none
 * c  what it is to hold; NULL: what v holds
 *
 * Sets what zone_sign sets of info, and its sum.
 */
int content_sign(struct store *s, struct version *v, struct content *c, const struct sign_params *p,
		 struct change *change, struct version_info *info, struct sign_stats *stats, struct err *e);

/*
 * content_unsigned - the next version before it is signed, for a review; it cannot be published, since the pages that do not
 * change are those of v, with what signing added to them: records of rr_type_is_signing do not count.
 *
 * All else as content_sign.
 */
int content_unsigned(struct store *s, struct version *v, struct content *c, const struct sign_params *p,
		     struct change *change, struct version_info *info, struct sign_stats *stats, struct err *e);

#endif
