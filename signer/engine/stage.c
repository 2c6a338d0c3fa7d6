/* SPDX-License-Identifier: BSD-3-Clause */
/* stage: which version is meant. */
#include "signer/engine/stage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "signer/engine/zwork.h"

char *stage_soa_text(const struct version_info *info, bool unsigned_only)
{
	uint8_t rdata[2 * DNAME_MAX + 20];
	struct rr soa = info->soa;

	if (unsigned_only && soa.rdlen <= sizeof(rdata)) {
		memcpy(rdata, soa.rdata, soa.rdlen);
		soa_set_serial(rdata, soa.rdlen, info->input_serial);
		soa.rdata = rdata;
	}
	return rr_text(&soa);
}

static struct version *candidate(const struct zwork *z, enum review_stage stage)
{
	return z->review.stage == stage ? z->review.version : NULL;
}

static struct version *by_serial(const struct zwork *z, const char *word, bool *unsigned_only, struct err *e)
{
	const struct version *waits = z->review.stage == REVIEW_NONE ? NULL : z->review.version;
	unsigned long long serial;
	char *end;

	errno = 0;
	serial = strtoull(word, &end, 10);
	if (*word < '0' || *word > '9' || *end != '\0' || errno != 0 || serial > UINT32_MAX) {
		err_set(e, ERR_SYNTAX, "%.40s: neither published, signed, unsigned, loaded nor a serial", word);
		return NULL;
	}
	*unsigned_only = false;
	if (z->version != NULL && version_info(z->version)->serial == serial)
		return z->version;
	if (waits != NULL && version_info(waits)->serial == serial) {
		*unsigned_only = z->review.stage == REVIEW_LOAD;
		return z->review.version;
	}
	err_set(e, ERR_NOTFOUND, "zone %s: there is no version %llu: published is %u, and %s", z->name, serial,
		z->version == NULL ? 0 : version_info(z->version)->serial,
		waits == NULL ? "nothing waits" : "another one waits");
	return NULL;
}

int stage_find(const struct zwork *z, const char *word, struct stage *out, struct err *e)
{
	struct version *v, *best = candidate(z, REVIEW_SIGN) != NULL ? candidate(z, REVIEW_SIGN) : z->version;

	*out = (struct stage){ .version = NULL };
	if (strcmp(word, "published") == 0) {
		v = z->version;
	} else if (strcmp(word, "signed") == 0) {
		v = best;
	} else if (strcmp(word, "unsigned") == 0 || strcmp(word, "loaded") == 0) {
		v = candidate(z, REVIEW_LOAD) != NULL ? candidate(z, REVIEW_LOAD) : best;
		out->unsigned_only = true;
	} else if ((v = by_serial(z, word, &out->unsigned_only, e)) == NULL) {
		return -1;
	}
	if (v == NULL)
		return err_set(e, ERR_NOTFOUND, "zone %s: nothing is published", z->name);
	out->version = version_ref(v);
	return 0;
}
