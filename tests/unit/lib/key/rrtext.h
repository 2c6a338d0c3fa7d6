/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TEST_RRTEXT_H
#define DUET_TEST_RRTEXT_H

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "rrset/rr.h"

/* A record from its text, read by ldns; memory from the arena. */
static inline struct rr rr_of_text(struct arena *a, const char *text)
{
	ldns_rr *rr = NULL;
	uint8_t *wire = NULL;
	size_t len = 0;
	struct rr out = { 0 };

	if (ldns_rr_new_frm_str(&rr, text, 0, NULL, NULL) != LDNS_STATUS_OK ||
	    ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &len) != LDNS_STATUS_OK)
		abort();
	out.owner = arena_dup(a, wire, len);
	out.rdata = out.owner + dname_len(out.owner) + 10;
	out.rdlen = (uint16_t)(len - dname_len(out.owner) - 10);
	out.type = (uint16_t)ldns_rr_get_type(rr);
	out.ttl = ldns_rr_ttl(rr);
	free(wire);
	ldns_rr_free(rr);
	return out;
}

/* The same record as ldns has it; free with ldns_rr_free. */
static inline ldns_rr *rr_to_ldns(const struct rr *rr)
{
	uint8_t buf[65536 + 300];
	struct wr w = wr_of(buf, sizeof(buf));
	ldns_rr *out = NULL;
	size_t at = 0;

	rr_write(&w, rr);
	if (w.bad || ldns_wire2rr(&out, buf, w.at, &at, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
		abort();
	return out;
}

#endif
