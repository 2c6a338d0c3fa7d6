/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SPOIL_H
#define DUET_SPOIL_H

#include "signer/engine/zwork.h"

/*
 * spoil_version - somebody else breaks what this signer has just signed, in builds for tests (fail.h); others have none of it.
 *
 * Where there is a socket `spoil` in the folder that DUET_TEST_NUMBERS names, it is given z->made as AXFR has it, SOA and RRSIGs
 * included, and answers with what stands in its place from then on, as if that had been signed; an empty answer leaves it as
 * it is.  Numbers are in network order:
 *
 *   u32 octets, and in them a record stream (rr.h): the SOA and its RRSIGs
 *   for each page u8 chain, u32 records, u32 RRSIGs, u64 earliest expiration (INT64_MAX: no RRSIG), and the page, whose first
 *   owner is not compressed
 *
 * Pages that the published version has stay that version's.  The loop stands still until the answer is there.
 *
 * Returns 0, or -1: there was no answer, or it makes no version, and z->made is gone.
 */
#ifdef DUET_TEST
int spoil_version(struct zwork *z);
#else
static inline int spoil_version(struct zwork *z)
{
	(void)z;
	return 0;
}
#endif

#endif
