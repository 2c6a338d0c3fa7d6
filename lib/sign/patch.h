/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PATCH_H
#define DUET_PATCH_H

#include "sign/zonesign.h"
#include "zone/zone_diff.h"

/*
 * patch - the next version of a zone from the one before, at a cost that is the change's: only the pages that a
 * difference concerns are read and made anew, with the signatures that are still right.
 */

/*
 * patch_since - the difference that leads from what a version holds to a whole zone, found while the zone is read; only
 * pages of ranges that differ are decoded.
 *
 * patch_since_new    most: records of a difference
 * patch_since_owner  ctx: it; the next owner in canonical order (zone_limits.seen)
 * patch_since_end    z, of which all owners were seen, need not have a sum.  Returns 0; *out is NULL where they differ in
 *                    more, or too much for pages to be compared: then signing the whole costs no more.  -1 with ERR_DAMAGE,
 *                    ERR_IO
 * patch_since_free   also where the zone was refused, in the middle of it
 *
 * One thread; the comparison is made by others.
 */
struct patch_since;
struct patch_since *patch_since_new(struct store *s, struct version *v, const uint8_t *apex, unsigned threads,
				    size_t most);
void patch_since_owner(void *ctx, const struct zone_owner *o);
int patch_since_end(struct patch_since *s, const struct zone *z, struct zone_diff **out, struct err *e);
void patch_since_free(struct patch_since *s);

/* What a difference makes of a version's content. */
struct patch_read;
struct patch_content {
	struct zone_sum sum;
	uint8_t digest[48];
	/* Not below that of any record; of a version that was patched it does not fall.  It makes waits of rollovers longer
	 * than they need be at most, and is exact again once the whole is signed: as soon as another key signs, or with
	 * `zone sign --full`. */
	uint32_t largest_ttl;
	/* Pages that were read for it, with the version, for zone_patch of the same difference; NULL: none (any more). */
	struct patch_read *read;
};

/*
 * patch_content - applies the difference to the owners that it names, and checks them.
 *
 * sum     of the version's content
 * limits  max_rrset_octets counts
 *
 * ERR_REFUSED where it does not fit the version or what comes of it may not stand together, ERR_LIMIT, ERR_DAMAGE,
 * ERR_IO.
 *
 * patch_content_unread lets go of out->read, which points into d.
 */
int patch_content(struct store *s, struct version *v, const struct zone_sum *sum, const struct zone_diff *d,
		  const struct zone_limits *limits, struct patch_content *out, struct err *e);
void patch_content_unread(struct patch_content *c);

/*
 * patch_zonemd - whether what the difference leads to is what the ZONEMD says that comes with it (RFC 8976 section 4), where
 * that can be told: it is of the new serial, by a known scheme and hash, and the source is not signed itself.
 *
 * All pages are read and hashed: the cost is the zone's; memory for one page.  ERR_REFUSED, ERR_DAMAGE, ERR_IO, ERR_CRYPTO.
 */
int patch_zonemd(struct store *s, const struct version *v, const struct zone_diff *d, struct err *e);

/* Whether zone_patch can make the next version: soa and p lead to signatures like those of the version's pages.  Else the
 * whole zone is to be signed. */
bool patch_is_possible(const struct version *v, const struct rr *soa, const struct sign_params *p);

/*
 * zone_patch - puts the pages of the next version into `change` (not published).
 *
 * v       the version that was current when the change began; patch_is_possible
 * d       the difference in its content, or NULL for none
 * change  gets every page: those that stay, and those made anew because the content of their range, what their last name
 *         points to, or the apex's ready RRsets are others, or because they are due (as zone_sign has it)
 * c       of d; what was read for it is used up.  NULL for d NULL
 * info    as zone_sign sets it; of content_digest and largest_ttl with c, or with c NULL as the version has them
 * stats   may be NULL; records, rrsigs and octets are those of new pages
 *
 * The result is what zone_sign makes of the same content, but for page borders and signatures that were kept.
 * Returns 0, or -1 with ERR_REFUSED (the difference does not fit), ERR_DAMAGE, ERR_CRYPTO, ERR_LIMIT, ERR_IO.
 */
int zone_patch(struct store *s, struct version *v, const struct zone_diff *d, struct patch_content *c,
	       const struct sign_params *p, struct change *change, struct version_info *info, struct sign_stats *stats,
	       struct err *e);

/*
 * patch_signs - whether the version's signatures over this RRset can be made anew by a patch, with those of its page, since
 * all of a page end together.
 *
 * ERR_NOTFOUND: there is no such RRset; ERR_REFUSED: it has none, or they are made elsewhere.  ERR_DAMAGE, ERR_IO.
 */
int patch_signs(struct store *s, const struct version *v, const uint8_t *name, uint16_t type, struct err *e);

#endif
