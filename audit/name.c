/* SPDX-License-Identifier: BSD-3-Clause */
/* name: wire names, their sort keys and their text. */
#include "audit/name.h"

#include <assert.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

size_t name_key(const uint8_t *wire, uint8_t key[NAME_KEY_MAX])
{
	uint8_t starts[128];
	size_t n = 0, at = 0, len = 0;

	while (wire[at] != 0 && n < sizeof(starts)) {
		starts[n++] = (uint8_t)at;
		at += 1u + wire[at];
	}
	while (n > 0) {
		const uint8_t *label = wire + starts[--n];

		for (size_t i = 1; i <= label[0]; i++) {
			uint8_t c = lower(label[i]);

			if (c <= 1) {
				key[len++] = 1;
				c++;
			}
			key[len++] = c;
		}
		key[len++] = 0;
	}
	key[len++] = 0;
	return len;
}

size_t name_from_key(const uint8_t *key, size_t key_len, uint8_t wire[NAME_MAX_OCTETS])
{
	uint8_t turned[2 * NAME_KEY_MAX], label[64];
	size_t at = sizeof(turned), from = 0, len;

	turned[--at] = 0;
	while (from < key_len && key[from] != 0) {
		size_t octets = 0;

		for (; key[from] != 0 && octets < 63; octets++) {
			label[octets] = key[from] == 1 ? (uint8_t)(key[from + 1] - 1) : key[from];
			from += key[from] == 1 ? 2 : 1;
		}
		at -= octets;
		memcpy(turned + at, label, octets);
		turned[--at] = (uint8_t)octets;
		from++;
	}
	len = sizeof(turned) - at;
	assert(len <= NAME_MAX_OCTETS);
	memcpy(wire, turned + at, len);
	return len;
}

unsigned name_labels(const uint8_t *wire)
{
	unsigned n = 0;

	for (; *wire != 0; wire += 1 + *wire)
		n++;
	return n;
}

size_t name_length(const uint8_t *wire, size_t len)
{
	size_t at = 0;

	while (at < len && wire[at] != 0) {
		if (wire[at] > 63)
			return 0;
		at += 1u + wire[at];
	}
	return at < len && at < NAME_MAX_OCTETS ? at + 1 : 0;
}

void name_lower(uint8_t *wire, size_t len)
{
	for (size_t i = 0; i < len; i++) /* lengths are below 'A' */
		wire[i] = lower(wire[i]);
}

bool name_is_wildcard(const uint8_t *wire)
{
	return wire[0] == 1 && wire[1] == '*';
}

char *name_text(const uint8_t *wire, char out[NAME_TEXT_MAX])
{
	size_t len = 0;

	if (wire[0] == 0)
		return strcpy(out, ".");
	for (; *wire != 0; wire += 1 + *wire) {
		for (unsigned i = 1; i <= *wire; i++) {
			uint8_t c = wire[i];

			if (c <= ' ' || c >= 127)
				len += (size_t)snprintf(out + len, 5, "\\%03u", c);
			else if (strchr(".\\\"();@$", c) != NULL)
				len += (size_t)snprintf(out + len, 3, "\\%c", c);
			else
				out[len++] = (char)c;
		}
		out[len++] = '.';
	}
	out[len] = '\0';
	return out;
}

size_t name_from_text(const char *text, uint8_t wire[NAME_MAX_OCTETS], struct err *e)
{
	ldns_rdf *rdf = *text != '\0' ? ldns_dname_new_frm_str(text) : NULL;
	size_t len = rdf != NULL ? ldns_rdf_size(rdf) : 0;

	if (len == 0 || len > NAME_MAX_OCTETS) {
		ldns_rdf_deep_free(rdf);
		err_set(e, ERR_SYNTAX, "%.200s is not a domain name", text);
		return 0;
	}
	memcpy(wire, ldns_rdf_data(rdf), len);
	ldns_rdf_deep_free(rdf);
	return len;
}

bool name_at_or_below(const uint8_t *key, size_t key_len, const uint8_t *above, size_t above_len)
{
	return key_len >= above_len && memcmp(key, above, above_len - 1) == 0;
}
