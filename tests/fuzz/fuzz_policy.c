/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_policy: policies as YAML and as JSON; what is accepted in one form is accepted, and the same, in the
 * other. */
#include "policy/policy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_main.h"

static void as_yaml(const struct policy *p)
{
	struct conf_errors errors, warnings;
	struct policy q;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	policy_print(p, f);
	fclose(f);
	assert(policy_read_text("f", text, len, &q, &errors, &warnings) == 0);
	q.rev = p->rev;
	assert(memcmp(p, &q, sizeof(q)) == 0);
	conf_errors_free(&warnings);
	free(text);
}

static void as_json(const struct policy *p)
{
	json_t *j = policy_to_json(p);
	struct policy q;
	struct err e;

	assert(policy_from_json(j, &q, &e) == 0);
	assert(memcmp(p, &q, sizeof(q)) == 0);
	json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conf_errors errors, warnings;
	json_t *j = json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, NULL);
	struct policy p;
	struct err e;

	if (policy_read_text("f", (const char *)data, len, &p, &errors, &warnings) == 0) {
		as_json(&p);
		as_yaml(&p);
	}
	conf_errors_free(&errors);
	conf_errors_free(&warnings);
	if (j != NULL && policy_from_json(j, &p, &e) == 0) {
		as_json(&p);
		as_yaml(&p);
	}
	json_decref(j);
	return 0;
}
