/* SPDX-License-Identifier: BSD-3-Clause */
/* hold: what a signer says of a key that was made: that it holds it, or that it declines it for its tag. */
#include "timeline/timeline.h"

#include "fail/fault.h"
#include "key/key.h"

#include <string.h>

/* By its method a key may be named in CDS, or sign, before its DNSKEY is there. */
static bool was_shown(const struct key_state *k)
{
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		if (k->record[r].serves.n > 0)
			return true;
	return false;
}

/* By whoever it is; and nobody has given it up. */
static bool is_shown(const struct key_state *k)
{
	for (enum key_record r = 0; r < KEY_RECORDS; r++)
		if (k->record[r].serves.n > 0 && k->record[r].stopped.n == 0)
			return true;
	return false;
}

/* This node holds another one that validators could not tell from it. */
static bool clashes(const struct key_state *o, const struct key_state *k, const uint8_t self[NODE_ID_LEN])
{
	return o != k && o->created && key_said_held(o, self) && !id_set_has(&o->declined, self) &&
	       dnskey_tags_clash(o->tags, k->tags) && !FAULT(HELD_TWICE);
}

/* An old copy was put back, this node held another key with the tag, and then heard of its own word for this one.  Where neither
 * has been shown one must go before both are, and all choose alike. */
static bool gives_way(const struct zone_state *z, const struct key_state *k, const uint8_t self[NODE_ID_LEN])
{
	for (size_t i = 0; i < z->keys && !was_shown(k); i++) {
		const struct key_state *o = &z->key[i];

		if (clashes(o, k, self) &&
		    (is_shown(o) || (!was_shown(o) && o->declined.n == 0 && memcmp(o->hash, k->hash, 32) < 0)))
			return true;
	}
	return false;
}

static bool tag_is_held(const struct zone_state *z, const struct key_state *k, const uint8_t self[NODE_ID_LEN])
{
	for (size_t i = 0; i < z->keys; i++)
		if (clashes(&z->key[i], k, self))
			return true;
	return false;
}

/* A key of this node that was declined for its tag is made again, once. */
static bool to_make_again(const struct zone_state *z, const struct key_state *k, const uint8_t self[NODE_ID_LEN])
{
	if (k->foreign || memcmp(k->creator, self, NODE_ID_LEN) != 0 || k->declined.n == 0 ||
	    k->record[RECORD_DNSKEY].serves.n > 0 || zone_addition(z) == NULL)
		return false;
	for (size_t i = 0; i < z->keys; i++)
		if (z->key[i].created && memcmp(z->key[i].instead, k->hash, 32) == 0)
			return false;
	return true;
}

enum hold_word timeline_hold(const struct zone_state *z, const struct key_state *k, const uint8_t self[NODE_ID_LEN])
{
	if (!k->created)
		return HOLD_WORD_NOTHING;
	if (to_make_again(z, k, self))
		return HOLD_WORD_MAKE_AGAIN;
	if (id_set_has(&k->declined, self))
		return HOLD_WORD_NOTHING;
	if (key_said_held(k, self))
		return gives_way(z, k, self) ? HOLD_WORD_DECLINED : HOLD_WORD_SAID;
	if (!k->foreign && !key_has_box(k, self))
		return HOLD_WORD_NOTHING;
	return tag_is_held(z, k, self) ? HOLD_WORD_DECLINED : HOLD_WORD_HELD;
}
