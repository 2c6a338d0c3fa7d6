/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONE_OWNER_H
#define DUET_ZONE_OWNER_H

#include "zone/zone.h"

/*
 * zone_owner_check - what may stand together at one owner: CNAME, DNAME, NS and DS (RFC 1034 section 3.6.2, RFC 2181
 * section 10.1, RFC 6672 section 2, RFC 4035 section 2.4, RFC 4592 section 4.2), and how large an RRset may be.
 *
 * Returns 0, or -1 with ERR_REFUSED or ERR_LIMIT.
 */
int zone_owner_check(const struct zone_owner *o, bool apex, const struct zone_limits *limits, struct err *e);

#endif
