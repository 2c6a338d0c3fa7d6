/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_ERR_H
#define DUET_ERR_H

/*
 * err - why something failed: a code for the program, a sentence for the person.
 *
 * A function that can fail takes `struct err *e` last, returns 0 or -1 (or a pointer or NULL) and sets *e on
 * failure only.  Each level may add its context in front with err_ctx().  The sentence names object, rule and
 * value; it never holds a secret.
 */
enum err_code {
	ERR_NONE,
	ERR_SYNTAX,   /* bytes or text that do not follow their format */
	ERR_LIMIT,    /* larger or more than a bound allows */
	ERR_IO,       /* the operating system said no */
	ERR_CRYPTO,   /* a signature, seal or key that is wrong, or a library that failed */
	ERR_NOTFOUND, /* what was named is not there */
	ERR_EXISTS,   /* what was to be made is there already */
	ERR_REFUSED,  /* not allowed, by role, policy or rule */
	ERR_NOTNOW,    /* not possible now; it may be later */
	ERR_TIMEOUT,  /* waited as long as was allowed */
	ERR_DAMAGE,   /* stored data is not what was written */
	ERR_INTERNAL, /* a library's failure that has no other name */
};

struct err {
	enum err_code code;
	char text[1024];
};

/* Sets code and sentence.  Returns -1, so that `return err_set(...)` reads well.  e may be NULL. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set with ERR_IO, and ": " and the sentence of errno behind it. */
int err_errno(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "<fmt>: " in front of the sentence, keeps the code.  Returns -1. */
int err_ctx(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The word for a code, as the HTTP API shows it: "syntax", "limit", ... */
const char *err_word(enum err_code code);

#endif
