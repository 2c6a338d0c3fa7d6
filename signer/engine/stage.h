/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_STAGE_H
#define DUET_STAGE_H

#include "rrset/rr.h"
#include "store/store.h"

/*
 * stage - the versions of a zone that there are, by what an operator calls them:
 *
 * published         what is served
 * signed            the signed candidate where one waits, else what is published
 * unsigned, loaded  the same, or the unsigned candidate where one waits, without what signing adds
 * a number          whatever of these has this serial
 */
struct zwork;
struct stage {
	struct version *version; /* a reference */
	bool unsigned_only;      /* records of rr_type_is_signing do not count */
};

/* ERR_NOTFOUND says which there are. */
int stage_find(const struct zwork *z, const char *word, struct stage *out, struct err *e);
/* The SOA as a line, of the unsigned zone with the input's serial; free(). */
char *stage_soa_text(const struct version_info *info, bool unsigned_only);

#endif
