/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_DIFFTEXT_H
#define DUET_DIFFTEXT_H

#include <stdio.h>

#include "store/store.h"

/*
 * difftext - what leads from one version to another as text: the lines that go, with "-", and those that come, with "+", in
 * canonical order of their owners.  Pages that both have are not read.
 */
struct difftext;
/* Takes references.  was: NULL: nothing; unsigned_only: without what signing adds, of both. */
struct difftext *difftext_open(struct store *s, struct version *was, struct version *is, bool unsigned_only);
/* Prints what there is of the next owner.  Returns 1, 0 at the end, or -1 with ERR_DAMAGE, ERR_IO. */
int difftext_next(struct difftext *d, FILE *f, struct err *e);
/* NULL does nothing. */
void difftext_close(struct difftext *d);

#endif
