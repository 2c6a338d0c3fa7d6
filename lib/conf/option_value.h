/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_OPTION_VALUE_H
#define DUET_OPTION_VALUE_H

#include "conf/option.h"

/* option_value - the types of options: one value read, defaulted, printed, freed.  Used by option.c alone. */

/* 0, or -1 with the mistake reported; the field is set on success only. */
int value_read(const struct option *o, const struct yaml_node *n, const char *name, void *base,
	       struct option_report *r);
/* The table's default, which must be valid (asserted). */
void value_default(const struct option *o, void *base);
void value_print(const struct option *o, const void *base, FILE *out);
void value_free(const struct option *o, void *base);

#endif
