/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_VERSION_ZONE_H
#define DUET_VERSION_ZONE_H

#include "store/store.h"
#include "zone/zone_diff.h"

/*
 * version_zone - the unsigned content of a published version, with a difference applied (NULL: none), as a zone to sign:
 * for when all of its pages are to be made anew while its source is not read.  Page after page is read; memory is that of
 * the zone's sort.
 *
 * ERR_REFUSED where the difference does not fit, ERR_DAMAGE, ERR_IO.
 */
int version_zone(struct store *s, const struct version *v, const struct zone_diff *d, struct zone **out, struct err *e);

#endif
