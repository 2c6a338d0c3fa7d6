/* SPDX-License-Identifier: BSD-3-Clause */
/* field_svcb: the rdata of SVCB and HTTPS (RFC 9460). */
#include "rrset/field_svcb.h"

#include <string.h>

#include "dname/dname.h"

static bool is_utf8(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned more = p[i] < 0x80                    ? 0
				: p[i] >= 0xc2 && p[i] <= 0xdf ? 1
				: (p[i] & 0xf0) == 0xe0        ? 2
				: p[i] >= 0xf0 && p[i] <= 0xf4 ? 3
							       : 4;

		if (more == 4 || len - i <= more)
			return false;
		if ((p[i] == 0xe0 && p[i + 1] < 0xa0) || (p[i] == 0xed && p[i + 1] > 0x9f) ||
		    (p[i] == 0xf0 && p[i + 1] < 0x90) || (p[i] == 0xf4 && p[i + 1] > 0x8f))
			return false;
		while (more-- > 0) {
			if ((p[++i] & 0xc0) != 0x80)
				return false;
		}
	}
	return true;
}

/* RFC 9461 section 5: a template in UTF-8 with the variable "dns" */
static bool is_dohpath(const char *p, size_t len)
{
	const char *at = memchr(p, '{', len), *end = p + len;

	if (!is_utf8((const uint8_t *)p, len) || at == NULL || p[0] != '/')
		return false;
	while ((at = memmem(at, (size_t)(end - at), "dns", 3)) != NULL) { /* behind an operator or a comma */
		if (strchr("{+#./;?&,", at[-1]) != NULL && at + 3 < end && strchr(",:*}", at[3]) != NULL &&
		    memchr(at, '}', (size_t)(end - at)) != NULL)
			return true;
		at += 3;
	}
	return false;
}

static bool svcb_value(uint16_t key, struct rd v)
{
	switch (key) {
	case 0: { /* mandatory: keys in order, without itself */
		uint16_t last = 0;

		if (v.len == 0)
			return false;
		while (rd_left(&v) > 0) {
			uint16_t k = rd_u16(&v);

			if (k <= last)
				return false;
			last = k;
		}
		return !v.bad;
	}
	case 1: /* alpn: character-strings that are not empty */
		if (v.len == 0)
			return false;
		while (rd_left(&v) > 0) {
			if (rd_bytes(&v, v.p[v.at] + 1u) == NULL || v.p[v.at - 1] == 0)
				return false;
		}
		return true;
	case 2: /* no-default-alpn */
		return v.len == 0;
	case 3: /* port */
		return v.len == 2;
	case 4: /* ipv4hint */
		return v.len > 0 && v.len % 4 == 0;
	case 6: /* ipv6hint */
		return v.len > 0 && v.len % 16 == 0;
	case 7: /* dohpath */
		return is_dohpath((const char *)v.p, v.len);
	default:
		return true;
	}
}

/* RFC 9460 section 7.1.1: without the default there must be another protocol. */
static bool svcb_alpn_there(const uint8_t *p, size_t left)
{
	struct rd r = rd_of(p, left);
	bool alpn = false;

	rd_u16(&r);
	dname_read(&r);
	while (rd_left(&r) > 0) {
		uint16_t key = rd_u16(&r);

		alpn = alpn || key == 1;
		if (key == 2 && !alpn)
			return false;
		rd_bytes(&r, rd_u16(&r));
	}
	return true;
}

/* Each key that `mandatory` lists is there (RFC 9460 section 8); p is of the right form otherwise. */
static bool svcb_mandatory_there(const uint8_t *p, size_t left)
{
	struct rd r = rd_of(p, left), list = { .len = 0 };
	uint16_t key, len;

	rd_u16(&r);
	dname_read(&r);
	if (rd_left(&r) == 0 || rd_u16(&r) != 0)
		return true;
	len = rd_u16(&r);
	list = rd_of(rd_bytes(&r, len), len);
	while (rd_left(&list) > 0) {
		uint16_t want = rd_u16(&list);

		do {
			if (rd_left(&r) == 0)
				return false;
			key = rd_u16(&r);
			rd_bytes(&r, rd_u16(&r));
		} while (key < want);
		if (key != want)
			return false;
	}
	return true;
}

/* RFC 9460 section 2.2 */
size_t field_svcb_len(const uint8_t *p, size_t left)
{
	struct rd r = rd_of(p, left);
	uint16_t priority = rd_u16(&r);
	int last = -1;

	(void)priority; /* parameters behind 0, the alias form, are to be ignored (section 2.4.2) */
	if (dname_read(&r) == NULL)
		return SIZE_MAX;
	while (rd_left(&r) > 0) {
		uint16_t key = rd_u16(&r), len = rd_u16(&r);
		const uint8_t *value = rd_bytes(&r, len);

		if (value == NULL || key <= last || !svcb_value(key, rd_of(value, len)))
			return SIZE_MAX;
		last = key;
	}
	return r.bad || !svcb_mandatory_there(p, left) || !svcb_alpn_there(p, left) ? SIZE_MAX : left;
}
