/* SPDX-License-Identifier: BSD-3-Clause */
/* hold: what a signer says of a key that was made: that it holds it, or that it declines it for its tag. */
#include "timeline/timeline.h"

#include "fail/fault.h"
#include "key/key.h"

#include <string.h>

/* served: of those alone that are shown, by whoever it is, and that nobody has given up. */
static bool clashes_with_held(const struct zone_state *z, const struct key_state *k, const uint8_t self[NODE_ID_LEN], bool served)
{
	for (size_t i = 0; i < z->keys; i++) {
		const struct key_state *o = &z->key[i];
		const struct record_state *r = &o->record[RECORD_DNSKEY];

		if (o != k && o->created && key_said_held(o, self) && !id_set_has(&o->declined, self) &&
		    (!served || (r->serves.n > 0 && r->stopped.n == 0)) &&
		    dnskey_tags_clash(o->tags, k->tags))
			return !FAULT(HELD_TWICE);
	}
	return false;
}

/* An old copy was put back, this node held another key with the tag, and then heard of its own word for this one. */
static bool gives_way(const struct zone_state *z, const struct key_state *k, const uint8_t self[NODE_ID_LEN])
{
	return k->record[RECORD_DNSKEY].serves.n == 0 && clashes_with_held(z, k, self, true);
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
	return clashes_with_held(z, k, self, false) ? HOLD_WORD_DECLINED : HOLD_WORD_HELD;
}
