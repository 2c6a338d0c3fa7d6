/* SPDX-License-Identifier: BSD-3-Clause */
/* type_words: types by their mnemonics, and which of them rdata_plain reads. */
#include <endian.h>

#include "rrset/rdata_plain.h"
#include "rrset/rr.h"

static bool field_is_plain(enum field f)
{
	switch (f) {
	case F_NAME_PACK:
	case F_NAME_LOWER:
	case F_NAME:
	case F_U8:
	case F_U16:
	case F_U32:
	case F_TTL:
	case F_ALG:
	case F_CERT_TYPE:
	case F_IP4:
	case F_IP6:
	case F_STR:
	case F_STRS:
	case F_TAG:
	case F_TEXT:
	case F_TEXT_SOME:
	case F_HEX:
	case F_DS:
		return true;
	default:
		return false;
	}
}

static bool type_is_plain(const struct type_info *info)
{
	for (unsigned i = 0; info->fields[i] != F_END; i++) {
		if (!field_is_plain((enum field)info->fields[i]))
			return false;
	}
	return true;
}

static size_t slot_of(uint64_t word)
{
	return (size_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> 55);
}

void type_words_init(struct type_words *t)
{
	memset(t, 0, sizeof(*t));
	for (uint16_t type = type_next(0); type != 0; type = type_next(type)) {
		const struct type_info *info = type_info(type);
		uint64_t word = 0;
		size_t i;

		if (rr_type_is_meta(type) || strlen(info->name) > sizeof(word))
			continue;
		memcpy(&word, info->name, strlen(info->name));
		word = le64toh(word);
		for (i = slot_of(word); t->slot[i].word != 0; i = (i + 1) % TYPE_WORDS)
			;
		t->slot[i] = (struct type_word){
			.word = word,
			.info = info,
			.type = type,
			.plain = type_is_plain(info),
			.ruled = type_has_rule(type),
			.dropped = rr_type_is_signing(type) && type != TYPE_ZONEMD,
		};
	}
}

static const struct type_word *find(const struct type_words *t, uint64_t word)
{
	size_t i = slot_of(word);

	for (; t->slot[i].word != word; i = (i + 1) % TYPE_WORDS) {
		if (t->slot[i].word == 0)
			return NULL;
	}
	return &t->slot[i];
}

const struct type_word *type_words_find(const struct type_words *t, const char *p, size_t len)
{
	const struct type_word *found;
	uint64_t word, letters;

	if (len - 1 >= sizeof(word))
		return NULL;
	memcpy(&word, p, sizeof(word));
	word = le64toh(word) & (UINT64_MAX >> (64 - 8 * len));
	if ((found = find(t, word)) != NULL)
		return found;
	/* top bit of each octet from "a" to "z"; octets above 127 are in no mnemonic */
	letters = (word + UINT64_C(0x1f1f1f1f1f1f1f1f)) & ~(word + UINT64_C(0x0505050505050505)) & UINT64_C(0x8080808080808080);
	if (letters == 0 || (word & UINT64_C(0x8080808080808080)) != 0)
		return NULL;
	return find(t, word - (letters >> 2));
}
