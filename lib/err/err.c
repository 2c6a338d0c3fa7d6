/* SPDX-License-Identifier: BSD-3-Clause */
/* err: formats and prefixes the sentence of a failure. */
#include "err/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

int err_errno(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t used;

	if (e == NULL)
		return -1;
	e->code = ERR_IO;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	used = strlen(e->text);
	snprintf(e->text + used, sizeof(e->text) - used, ": %s", strerror(saved));
	return -1;
}

int err_ctx(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->text)];
	va_list ap;
	size_t used;

	if (e == NULL)
		return -1;
	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	used = strlen(e->text);
	snprintf(e->text + used, sizeof(e->text) - used, ": %s", old);
	return -1;
}

const char *err_word(enum err_code code)
{
	switch (code) {
	case ERR_NONE:
		return "none";
	case ERR_SYNTAX:
		return "syntax";
	case ERR_LIMIT:
		return "limit";
	case ERR_IO:
		return "io";
	case ERR_CRYPTO:
		return "crypto";
	case ERR_NOTFOUND:
		return "not-found";
	case ERR_EXISTS:
		return "exists";
	case ERR_REFUSED:
		return "refused";
	case ERR_NOTNOW:
		return "not-now";
	case ERR_TIMEOUT:
		return "timeout";
	case ERR_DAMAGE:
		return "damage";
	case ERR_INTERNAL:
		return "internal";
	}
	return "unknown";
}
