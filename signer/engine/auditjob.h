/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDITJOB_H
#define DUET_AUDITJOB_H

#include "signer/engine/zwork.h"

/*
 * auditjob - what an auditor is given: words on what is to be published, and its messages.
 */

/*
 * auditparts - what an auditor needs to judge a version by its changes: pages that only one of two versions has, and those
 * around them that both have (audit/changes.h).
 */
struct auditparts {
	char *tags;
	const struct page_row **row; /* one for each tag; borrowed from the tables */
	size_t n;
	bool last, closed3;
	bool digested; /* all of the version follows, for its ZONEMD */
	struct table *was, *now;
};
/* -1: there is so much of it that the whole is looked at.  References to both tables are kept until auditparts_fini. */
int auditparts_make(struct table *was, struct table *now, struct auditparts *out);
void auditparts_fini(struct auditparts *p);
/* Rdata as text that needs no type known (RFC 3597 section 5). */
json_t *auditjob_rdata(const uint8_t *rdata, size_t len);
/* Of z->made with its SOA; parts: what of it is to be looked at, NULL: all; nice: how much nicer the auditor becomes for it.
 * free(). */
char *auditjob_text(const struct zwork *z, const struct auditparts *parts, unsigned threads, int nice, int64_t timeout_s);
/* What the audit of m takes from outside of it: the plan and the policy, the parent's DS, what the peers have, what was
 * published before.  As long as that is equal, so is the verdict, but for the time that has gone by.  A new reference. */
json_t *auditjob_outside(const struct zwork *z, const struct made *m);
/* What of it is another, in words; NULL: nothing. */
const char *auditjob_other(const json_t *was, const json_t *is);
/* The job of auditing what is published again: m is it, as if it had been made (base). */
char *auditjob_whole_text(const struct zwork *z, const struct made *m, int nice, int64_t timeout_s);

/* What follows is written into a pipe that does not block, until a monotonic instant: ERR_TIMEOUT. */

/* Writes them, behind the sum of new content and the SOAs of both versions. */
int auditjob_feed_parts(struct store *s, const struct made *m, const struct auditparts *p, int fd, int64_t until_ms,
			struct err *e);

/* Writes the version as AXFR has it: SOA and its RRSIGs, the pages of the table, the SOA. */
int auditjob_feed(struct store *s, const struct version_info *info, const struct table *t, int fd, int64_t until_ms,
		  struct err *e);

#endif
