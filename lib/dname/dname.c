/* SPDX-License-Identifier: BSD-3-Clause */
/* dname: names in wire form - reading, text, order. */
#include "dname/dname.h"
#include "dname/plain.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#define LABEL_MAX  63
#define LABELS_MAX 127

static inline uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

size_t dname_len(const uint8_t *name)
{
	size_t at = 0;

	while (name[at] != 0)
		at += name[at] + 1u;
	return at + 1;
}

unsigned dname_labels(const uint8_t *name)
{
	unsigned n = 0;

	for (; name[0] != 0; name += name[0] + 1u)
		n++;
	return n;
}

const uint8_t *dname_parent(const uint8_t *name)
{
	assert(name[0] != 0);
	return name + name[0] + 1;
}

const uint8_t *dname_suffix(const uint8_t *name, unsigned n)
{
	unsigned labels = dname_labels(name);

	assert(n <= labels);
	for (; labels > n; labels--)
		name = dname_parent(name);
	return name;
}

bool dname_is_wildcard(const uint8_t *name)
{
	return name[0] == 1 && name[1] == '*';
}

const uint8_t *dname_read(struct rd *r)
{
	size_t start = r->at;
	uint8_t len;

	do {
		len = rd_u8(r);
		if (len > LABEL_MAX)
			r->bad = true;
		rd_bytes(r, len);
		if (r->bad || r->at - start > DNAME_MAX) {
			r->bad = true;
			return NULL;
		}
	} while (len != 0);
	return r->p + start;
}

size_t dname_read_compressed(struct rd *r, uint8_t out[DNAME_MAX])
{
	size_t at = r->at, limit = r->at, used = 0, behind = 0;
	unsigned jumps = 0;

	/* Each pointer leads before the place where the part that holds it began, so the walk ends; no name
	 * needs more pointers than labels, and without that bound a message could be all pointers to
	 * pointers. */
	while (!r->bad && at < r->len) {
		uint8_t len = r->p[at];

		if ((len & 0xc0) == 0xc0 && r->len - at >= 2) {
			size_t to = (size_t)(len & 0x3f) << 8 | r->p[at + 1];

			if (jumps == 0)
				behind = at + 2;
			if (to >= limit || ++jumps > LABELS_MAX)
				break;
			at = limit = to;
			continue;
		}
		if (len > LABEL_MAX || r->len - at < len + 1u || used + len + 1u > DNAME_MAX)
			break;
		memcpy(out + used, r->p + at, len + 1u);
		used += len + 1u;
		at += len + 1u;
		if (len == 0) {
			r->at = jumps > 0 ? behind : at;
			return used;
		}
	}
	r->bad = true;
	return 0;
}

/* One character of a label, escapes resolved (RFC 1035 section 5.1); returns what it took of the text, 0 if
 * wrong. */
static size_t text_octet(const char *text, size_t len, uint8_t *out)
{
	if (text[0] != '\\') {
		*out = (uint8_t)text[0];
		return 1;
	}
	if (len >= 2 && !isdigit((unsigned char)text[1])) {
		*out = (uint8_t)text[1];
		return 2;
	}
	if (len < 4 || !isdigit((unsigned char)text[2]) || !isdigit((unsigned char)text[3]))
		return 0;

	unsigned v =
		(unsigned)(text[1] - '0') * 100 + (unsigned)(text[2] - '0') * 10 + (unsigned)(text[3] - '0');

	*out = (uint8_t)v;
	return v <= 255 ? 4 : 0;
}

static int append_origin(const uint8_t *origin, uint8_t *out, size_t used, struct err *e)
{
	static const uint8_t root[1] = { 0 };
	const uint8_t *tail = origin == NULL ? root : origin;
	size_t len = dname_len(tail);

	if (used + len > DNAME_MAX)
		return err_set(e, ERR_SYNTAX, "name above 255 octets (RFC 1035 section 2.3.4)");
	memcpy(out + used, tail, len);
	return 0;
}

int dname_from_text_at(const char *text, size_t len, const uint8_t *origin, uint8_t out[DNAME_MAX],
		       struct err *e)
{
	size_t at = 0, label = 0, used = 1, took;

	if (len == 1 && text[0] == '.')
		return append_origin(NULL, out, 0, e);
	if (len == 0)
		return err_set(e, ERR_SYNTAX, "empty name");
	for (;;) {
		/* out[label] is the length octet of the label being read, used is behind its last octet */
		if (at == len || text[at] == '.') {
			if (used == label + 1)
				return err_set(e, ERR_SYNTAX, "empty label in name \"%.*s\"", (int)len, text);
			out[label] = (uint8_t)(used - label - 1);
			if (at == len)
				return append_origin(origin, out, used, e);
			if (++at == len)
				return append_origin(NULL, out, used, e);
			label = used++;
		} else {
			uint8_t octet;

			if ((took = text_octet(text + at, len - at, &octet)) == 0)
				return err_set(e, ERR_SYNTAX,
					       "bad escape in name \"%.*s\" (RFC 1035 section 5.1)", (int)len,
					       text);
			if (used - label - 1 == LABEL_MAX)
				return err_set(e, ERR_SYNTAX,
					       "label above 63 octets (RFC 1035 section 2.3.4)");
			if (used >= DNAME_MAX - 1)
				return err_set(e, ERR_SYNTAX,
					       "name above 255 octets (RFC 1035 section 2.3.4)");
			out[used++] = octet;
			at += took;
		}
		if (used > DNAME_MAX - 1)
			return err_set(e, ERR_SYNTAX, "name above 255 octets (RFC 1035 section 2.3.4)");
	}
}

int dname_from_text(const char *text, uint8_t out[DNAME_MAX], struct err *e)
{
	return dname_from_text_at(text, strlen(text), NULL, out, e);
}

char *dname_to_text(const uint8_t *name, char out[DNAME_TEXT_MAX])
{
	char *p = out;

	if (name[0] == 0)
		*p++ = '.';
	for (; name[0] != 0; name += name[0] + 1u) {
		for (unsigned i = 1; i <= name[0]; i++) {
			uint8_t c = name[i];

			if (c <= 0x20 || c >= 0x7f) {
				*p++ = '\\';
				*p++ = (char)('0' + c / 100);
				*p++ = (char)('0' + c / 10 % 10);
				*p++ = (char)('0' + c % 10);
				continue;
			}
			if (strchr(".\\\"();@$", c) != NULL)
				*p++ = '\\';
			*p++ = (char)c;
		}
		*p++ = '.';
	}
	*p = '\0';
	return out;
}

/* Where each label begins, first label first. */
static unsigned label_starts(const uint8_t *name, uint8_t starts[LABELS_MAX])
{
	unsigned n = 0;

	for (size_t at = 0; name[at] != 0; at += name[at] + 1u)
		starts[n++] = (uint8_t)at;
	return n;
}

static int label_cmp(const uint8_t *a, const uint8_t *b)
{
	unsigned len = a[0] < b[0] ? a[0] : b[0];

	for (unsigned i = 1; i <= len; i++) {
		int d = lower(a[i]) - lower(b[i]);

		if (d != 0)
			return d;
	}
	return a[0] - b[0];
}

int dname_cmp(const uint8_t *a, const uint8_t *b)
{
	uint8_t as[LABELS_MAX], bs[LABELS_MAX];
	unsigned an = label_starts(a, as), bn = label_starts(b, bs);

	while (an > 0 && bn > 0) {
		int d = label_cmp(a + as[--an], b + bs[--bn]);

		if (d != 0)
			return d;
	}
	return (int)an - (int)bn;
}

bool dname_equal(const uint8_t *a, const uint8_t *b)
{
	size_t len = dname_len(a);

	/* Length octets are below 64, so lower() leaves them alone and the first difference ends the walk in
	 * time. */
	for (size_t i = 0; i < len; i++) {
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

bool dname_is_within(const uint8_t *name, const uint8_t *ancestor)
{
	unsigned n = dname_labels(name), m = dname_labels(ancestor);

	return n >= m && dname_equal(dname_suffix(name, m), ancestor);
}

size_t dname_lower(const uint8_t *name, uint8_t *out)
{
	size_t len = dname_len(name), i = 0;

	for (; len - i >= 16; i += 16)
		plain_lower(name + i, out + i);
	for (; i < len; i++)
		out[i] = lower(name[i]);
	return len;
}

size_t dname_key_of(const uint8_t *name, size_t len, uint8_t out[DNAME_KEY_MAX])
{
	uint8_t starts[LABELS_MAX];
	unsigned n = 0;
	size_t used = 0;

	for (size_t at = 0; at < len; at += name[at] + 1u)
		starts[n++] = (uint8_t)at;
	while (n > 0) {
		const uint8_t *label = name + starts[--n];

		for (unsigned i = 1; i <= label[0]; i++) {
			uint8_t c = lower(label[i]);

			if (c <= 1) {
				out[used++] = 1;
				out[used++] = (uint8_t)(c + 1);
			} else {
				out[used++] = c;
			}
		}
		out[used++] = 0;
	}
	return used;
}

size_t dname_key(const uint8_t *name, uint8_t out[DNAME_KEY_MAX])
{
	return dname_key_of(name, dname_len(name) - 1, out);
}
