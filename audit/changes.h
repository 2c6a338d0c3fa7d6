/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_CHANGES_H
#define DUET_AUDIT_CHANGES_H

#include <jansson.h>

#include "audit/audit.h"

/*
 * changes - a version that shares pages with one that passed: only its other pages are audited, with what stands beside
 * them.
 *
 * The descriptor has, where there is new content, its sum (audit/sum.h), then messages: the SOA with its RRSIGs, that of the
 * version before, then pages.  "tags" has a letter a page: c a page of names that both versions have, n one of the new version,
 * o one of the old; k, m, p the same of NSEC3 records.  Those of the new version come in order of transfer; one behind a gap, where
 * pages that both have are left out, has a capital letter.  Old pages follow.  There are: every page that only one version has;
 * its neighbours in its chain; whole owners; the apex; and the pages where names above the first owner of a run would be, since
 * they may be cuts.  Where the job says "digested", all that stands behind its length in four octets, and before all messages of
 * the new version as AXFR has them.
 *
 * An owner that both versions have alike, at the same kind of place, has passed.  Of a page of names that both have, only the
 * borders are read (audit/borders.h).  What parts cannot tell is an error, so that the whole is asked for: a ZONEMD without all
 * messages, another NSEC3PARAM, or an NSEC that is another beside pages of names without one.  The digest is made over all
 * messages, and nothing else is looked at in them.
 */

/* Reads fd; job has tags, last, closed3, and for new content sum: true.  To be freed by changes_free. */
int changes_read(struct audit *a, const json_t *job, int fd, struct facts *facts, struct err *e);
void changes_free(struct changes *c);

enum denial changes_denial(const struct audit *a);
/* Whether each NSEC3 record of the zone has the opt-out flag: those that passed had it, and those of the parts have it. */
bool changes_all_optout(const struct audit *a);
/* An owner of the parts: o->zone is what it has, o->input what it had. */
int changes_owner(struct audit *a, struct owner *o, struct err *e);
int changes_end(struct audit *a, struct err *e);
/* Signatures of parts that both versions have, once those of the others are known.  ERR_REFUSED: they may end too soon. */
int changes_check_ends(struct audit *a, struct err *e);

#endif
