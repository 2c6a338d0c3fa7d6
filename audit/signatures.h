/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_SIGNATURES_H
#define DUET_AUDIT_SIGNATURES_H

#include "audit/audit.h"

/*
 * signatures - every RRSIG of the zone, verified by a pool of threads.
 *
 * The pass hands over one owner after the other; what is missing or should not be there is found at once, the
 * fields and the signature itself in the pool.
 */

/* Starts the threads, once the keys are known; NULL when that fails. */
struct signatures *signatures_new(struct audit *a);
/* The authoritative RRsets of an owner with their RRSIGs.  was: NULL, or the owner in a version that passed under the same
 * DNSKEY RRset: an RRset and RRSIGs that stand there, too, verified then, and are not verified again; but the SOA is, which
 * tells which keys sign the zone, and the DNSKEY RRset where a tag alone does not tell who signed it. */
void signatures_check(struct audit *a, const struct owner *o, const struct owner *was);
/* Waits for the pool and sets the results in the audit.  After it no finding is added. */
void signatures_end(struct audit *a);
void signatures_free(struct signatures *s);

#endif
