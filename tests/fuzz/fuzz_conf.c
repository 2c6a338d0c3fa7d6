/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_conf: configuration files; what is accepted prints as a file that is accepted and prints the same. */
#include "conf/conf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_main.h"

static char *printed(const struct conf *c, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	conf_print(c, f);
	fclose(f);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conf *c = NULL, *again = NULL;
	struct conf_errors errors;
	char *first, *second;
	size_t first_len, second_len;

	if (conf_parse("f", (const char *)data, len, &c, &errors) != 0) {
		assert(errors.n > 0 && errors.n <= CONF_ERRORS_MAX);
		conf_errors_free(&errors);
		return 0;
	}
	assert(errors.n == 0);
	first = printed(c, &first_len);
	assert(conf_parse("f", first, first_len, &again, &errors) == 0);
	second = printed(again, &second_len);
	assert(strcmp(first, second) == 0);
	free(first);
	free(second);
	conf_free(c);
	conf_free(again);
	return 0;
}
