/* SPDX-License-Identifier: BSD-3-Clause */
/* line: public keys as lines that people copy, and the ids made from them. */
#include "identity/line.h"

#include <ctype.h>
#include <sodium.h>
#include <string.h>

#define NODE_PREFIX     "duet1"
#define RECOVERY_PREFIX "duetR1"

void line_checksum(const char *prefix, const uint8_t *payload, size_t len, uint8_t out[LINE_CHECK_LEN])
{
	crypto_hash_sha256_state st;
	uint8_t sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, (const uint8_t *)prefix, strlen(prefix));
	crypto_hash_sha256_update(&st, payload, len);
	crypto_hash_sha256_final(&st, sum);
	memcpy(out, sum, LINE_CHECK_LEN);
	sodium_memzero(sum, sizeof(sum));
}

int line_read(const char *prefix, const char *text, size_t text_len, uint8_t *payload, size_t len,
	      struct err *e)
{
	uint8_t raw[LINE_PAYLOAD_MAX + LINE_CHECK_LEN], sum[LINE_CHECK_LEN];
	size_t plen = strlen(prefix), got = 0;
	int rc = -1;

	while (text_len > 0 && isspace((unsigned char)text[0])) {
		text++;
		text_len--;
	}
	while (text_len > 0 && isspace((unsigned char)text[text_len - 1]))
		text_len--;
	if (text_len < plen || memcmp(text, prefix, plen) != 0)
		return err_set(e, ERR_SYNTAX, "a line that must begin with %s does not", prefix);
	if (sodium_base642bin(raw, sizeof(raw), text + plen, text_len - plen, NULL, &got, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
		err_set(e, ERR_SYNTAX, "%s line: not base64url", prefix);
		goto out;
	}
	if (got != len + LINE_CHECK_LEN) {
		err_set(e, ERR_SYNTAX, "%s line: %zu octets, must be %zu; part of it is missing or too much",
			prefix, got, len + LINE_CHECK_LEN);
		goto out;
	}
	line_checksum(prefix, raw, len, sum);
	if (sodium_memcmp(sum, raw + len, LINE_CHECK_LEN) != 0) {
		err_set(e, ERR_SYNTAX, "%s line: its checksum is wrong, so it was not copied exactly",
			prefix);
		goto out;
	}
	memcpy(payload, raw, len);
	rc = 0;
out:
	sodium_memzero(raw, sizeof(raw));
	return rc;
}

void line_write(const char *prefix, const uint8_t *payload, size_t len, char *out, size_t cap)
{
	uint8_t raw[LINE_PAYLOAD_MAX + LINE_CHECK_LEN];
	size_t plen = strlen(prefix);

	memcpy(raw, payload, len);
	line_checksum(prefix, payload, len, raw + len);
	memcpy(out, prefix, plen);
	/* aborts by itself when the room is too small, which is our own mistake */
	sodium_bin2base64(out + plen, cap - plen, raw, len + LINE_CHECK_LEN,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(raw, sizeof(raw));
}

int node_line_parse(const char *text, struct node_line *out, struct err *e)
{
	uint8_t raw[3 * PUBLIC_LEN];

	if (line_read(NODE_PREFIX, text, strlen(text), raw, sizeof(raw), e) != 0)
		return -1;
	if (crypto_core_ed25519_is_valid_point(raw) != 1)
		return err_set(e, ERR_SYNTAX, NODE_PREFIX " line: its Ed25519 key is no point of the curve");
	memcpy(out->sign_pk, raw, PUBLIC_LEN);
	memcpy(out->box_pk, raw + PUBLIC_LEN, PUBLIC_LEN);
	memcpy(out->curve_pk, raw + 2 * PUBLIC_LEN, PUBLIC_LEN);
	return 0;
}

char *node_line_text(const struct node_line *line, char out[NODE_LINE_TEXT])
{
	uint8_t raw[3 * PUBLIC_LEN];

	memcpy(raw, line->sign_pk, PUBLIC_LEN);
	memcpy(raw + PUBLIC_LEN, line->box_pk, PUBLIC_LEN);
	memcpy(raw + 2 * PUBLIC_LEN, line->curve_pk, PUBLIC_LEN);
	line_write(NODE_PREFIX, raw, sizeof(raw), out, NODE_LINE_TEXT);
	return out;
}

void node_id_of(const uint8_t sign_pk[PUBLIC_LEN], uint8_t id[NODE_ID_LEN])
{
	uint8_t sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(sum, sign_pk, PUBLIC_LEN);
	memcpy(id, sum, NODE_ID_LEN);
}

char *node_id_text(const uint8_t id[NODE_ID_LEN], char out[NODE_ID_TEXT])
{
	return sodium_bin2hex(out, NODE_ID_TEXT, id, NODE_ID_LEN);
}

int node_id_parse(const char *text, uint8_t id[NODE_ID_LEN], struct err *e)
{
	size_t got = 0, len = strlen(text);

	if (len != 2 * NODE_ID_LEN || sodium_hex2bin(id, NODE_ID_LEN, text, len, NULL, &got, NULL) != 0 ||
	    got != NODE_ID_LEN)
		return err_set(e, ERR_SYNTAX, "a node id has 16 hex digits");
	return 0;
}

int recovery_line_parse(const char *text, uint8_t box_pk[PUBLIC_LEN], struct err *e)
{
	return line_read(RECOVERY_PREFIX, text, strlen(text), box_pk, PUBLIC_LEN, e);
}

char *recovery_line_text(const uint8_t box_pk[PUBLIC_LEN], char out[RECOVERY_LINE_TEXT])
{
	line_write(RECOVERY_PREFIX, box_pk, PUBLIC_LEN, out, RECOVERY_LINE_TEXT);
	return out;
}

char *recovery_id_text(const uint8_t box_pk[PUBLIC_LEN], char out[RECOVERY_ID_TEXT])
{
	uint8_t sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(sum, box_pk, PUBLIC_LEN);
	return sodium_bin2hex(out, RECOVERY_ID_TEXT, sum, NODE_ID_LEN);
}

int identity_line_check(const char *text, struct err *e)
{
	struct node_line line;
	uint8_t pk[PUBLIC_LEN];

	if (node_line_parse(text, &line, e) == 0)
		return 0;
	return recovery_line_parse(text, pk, e);
}
