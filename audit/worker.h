/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_WORKER_H
#define DUET_AUDIT_WORKER_H

#include <jansson.h>

/*
 * worker - one zone after the other for a signer, over a stream socket with frames (lib/frame): a frame with a job,
 * a frame with what was found, and so on until the socket ends.
 *
 * A job is JSON with a descriptor, the messages of the signed zone to their end; with "cross" there is a second one, a file
 * with those of another signer's version:
 *
 *   zone       name
 *   now        seconds since 1970
 *   threads    at most those of the command line
 *   timeout_s  the worker is ended by SIGALRM when it takes longer
 *   plan       as a plan file (docs/audit.md)
 *   past       text of a past as the answer before gave it; "": it has none; absent: its rows are skipped
 *   changes    only what is not in the version that passed last is there (changes.h)
 *   cross      {"same":bool, "step":text|null, "sample":N, "seed":N}: the two are compared (cross.h), by no other of these words
 *   expiring   true: what is published is about to end.  A signature that ends too soon is warned of, where the past says so, too,
 *              and that it ends no later: this version is no worse
 *
 * The answer is that of --json, and for a version that passes "past", the text to keep once it is published; for one that does
 * not, "past_overruled", the same should an operator have it published nevertheless.  Where
 * nothing could be told "result" is "unknown", and "why" says why.
 */
int worker_main(int sock, unsigned threads);

/* One job: the answer, a new object.  Descriptors are borrowed; other: -1 when there is none. */
json_t *worker_run(const json_t *job, int fd, int other, unsigned threads);

#endif
