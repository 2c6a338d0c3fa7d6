/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_ZONEMD_H
#define DUET_AUDIT_ZONEMD_H

#include "audit/audit.h"

/*
 * zonemd - the digest of the zone (RFC 8976), scheme SIMPLE, SHA-384 and SHA-512.  Costs nothing for a zone
 * without one.
 */
struct zonemd *zonemd_new(void);
void zonemd_free(struct zonemd *z);
/* The owner's records; the apex, which comes first, says whether there is a ZONEMD. */
void zonemd_note(struct zonemd *z, const struct owner *o);
/* Whether that apex had the same ZONEMD RRset as this one. */
bool zonemd_same(const struct zonemd *z, const struct owner *apex);
void zonemd_end(struct audit *a);

#endif
