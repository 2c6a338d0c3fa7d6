/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_VERSION_NAME_H
#define DUET_VERSION_NAME_H

#include "arena/arena.h"
#include "store/store.h"

/*
 * version_name - the records of one name in a version, as the input had them: glue and what lies below a cut, too; nothing that
 * signing adds.  Reads the one page where the name is, or would be, or all pages of a name that spans several.
 *
 * arena  receives the records
 * *n     0: the name has none
 *
 * -1 with ERR_DAMAGE, ERR_IO.  Any thread.
 */
int version_name(struct store *s, const struct version *v, const uint8_t *name, struct arena *arena, const struct rr **out,
		 size_t *n, struct err *e);

#endif
