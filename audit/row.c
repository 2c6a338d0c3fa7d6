/* SPDX-License-Identifier: BSD-3-Clause */
/* row: the table of rows.h as an array. */
#include "audit/row.h"

#include <strings.h>

const struct row rows[ROW_COUNT] = {
#define ROW(id, text, severity, lower, sentence, why) { text, SEVERITY_##severity, lower, sentence, why },
#include "policy/rows.h"
#undef ROW
};

enum row_id row_find(const char *id)
{
	size_t i = 0;

	while (i < ROW_COUNT && strcasecmp(rows[i].id, id) != 0)
		i++;
	return (enum row_id)i;
}
