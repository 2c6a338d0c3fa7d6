/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ZONE_OWNER_H
#define DUET_ZONE_OWNER_H

#include "zone/zone.h"

/* What an owner has: the index of the first record of each type, or TRAIT_NONE, and how many. */
#define TRAIT_NONE SIZE_MAX
struct owner_traits {
	size_t types;
	size_t cname, dname, ns, ds;
	size_t cnames, dnames;
	bool apex;
};
struct owner_traits owner_traits_of(const struct zone_owner *o, bool apex);

/*
 * zone_owner_check - what may stand together at one owner: CNAME, DNAME, NS and DS (RFC 1034 sections 3.6.2 and 4.2.1,
 * RFC 2181 section 10.1, RFC 6672 section 2, RFC 4035 section 2.4, RFC 4592 section 4.2), and how large an RRset may be.
 *
 * at   may be NULL; on failure the index of the record that is wrong, TRAIT_NONE where it is one that is missing
 *
 * Returns 0, or -1 with ERR_REFUSED or ERR_LIMIT.
 */
int zone_owner_check(const struct zone_owner *o, const struct owner_traits *t, const struct zone_limits *limits,
		     size_t *at, struct err *e);

#endif
