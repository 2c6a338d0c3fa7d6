/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_identity_line: public lines; what is read is written again as it was. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_main.h"
#include "identity/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), out[NODE_LINE_TEXT], recovery[RECOVERY_LINE_TEXT];
	struct node_line line, again;
	uint8_t pk[PUBLIC_LEN], id[NODE_ID_LEN];

	memcpy(text, data, len);
	text[len] = '\0';
	identity_line_check(text, NULL);
	if (node_line_parse(text, &line, NULL) == 0) {
		assert(node_line_parse(node_line_text(&line, out), &again, NULL) == 0);
		assert(memcmp(&line, &again, sizeof(line)) == 0);
	}
	if (recovery_line_parse(text, pk, NULL) == 0)
		assert(recovery_line_parse(recovery_line_text(pk, recovery), pk, NULL) == 0);
	node_id_parse(text, id, NULL);
	free(text);
	return 0;
}
