/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_audit_plan: plans and pasts of the auditor, JSON. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "audit/past.h"
#include "audit/plan.h"
#include "fuzz_main.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err e;
	struct plan *plan = plan_parse((const char *)data, len, &e);
	struct past *past = past_parse((const char *)data, len, &e);

	for (size_t i = 0; plan != NULL && i < plan->dnskey.n; i++)
		assert(plan->dnskey.item[i].len >= 5);
	if (past != NULL && past->candidate.there)
		assert(past_published(past, past->candidate.serial, 1, &e) == 0 && !past->candidate.there);
	plan_free(plan);
	past_free(past);
	return 0;
}
