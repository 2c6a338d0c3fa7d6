/* SPDX-License-Identifier: BSD-3-Clause */
/* order: which record of a key comes after which, by method (RFC 7583 section 3, RFC 6781 section 4.1). */
#include "timeline/order.h"

#include "fail/fault.h"

#define NOTHING 0
#define DNSKEY  BIT(RECORD_DNSKEY)
#define ZONE    BIT(RECORD_ZONE)
#define DS      BIT(RECORD_DS)

/* clang-format off */
/* One row per method: what must be omnipresent before the record may come in. */
static const unsigned before[KEY_METHODS][KEY_RECORDS] = {
	/*                             DNSKEY   RRSIG    DS                */
	[METHOD_FIRST]            = {  NOTHING, NOTHING, DNSKEY | ZONE },
	[METHOD_PREPUBLICATION]   = {  NOTHING, DNSKEY,  DNSKEY        },	/* RFC 7583 section 3.2.1 */
	[METHOD_DOUBLE_SIGNATURE] = {  NOTHING, DNSKEY,  DNSKEY        },	/* RFC 7583 section 3.3.1, Double-KSK */
	[METHOD_DOUBLE_DS]        = {  DS,      DNSKEY,  NOTHING       },	/* RFC 7583 section 3.3.2 */
	[METHOD_CONSERVATIVE]     = {  ZONE,    NOTHING, DNSKEY | ZONE },	/* RFC 6781 section 4.1.4 */
	[METHOD_LIBERAL]          = {  NOTHING, NOTHING, DNSKEY | ZONE },
};
/* clang-format on */

unsigned order_before(enum key_method method, enum key_record record)
{
	if (FAULT(DS_BEFORE_DNSKEY) && record == RECORD_DS)
		return NOTHING;
	if (FAULT(SIGNS_BEFORE_DNSKEY) && record == RECORD_ZONE)
		return NOTHING;
	if (FAULT(CONSERVATIVE_DNSKEY_AT_ONCE) && method == METHOD_CONSERVATIVE && record == RECORD_DNSKEY)
		return NOTHING;
	if (FAULT(DS_BEFORE_SIGNATURES) && record == RECORD_DS)
		return before[method][record] & ~ZONE;
	return before[method][record];
}

bool order_has(const struct timeline_key *k, enum key_record record)
{
	return record == RECORD_DNSKEY || (record == RECORD_ZONE ? k->zone_signing : k->sep);
}

enum by { BY_ALL, BY_SELF, BY_ANY };

static bool said(const struct record_view *r, enum by by)
{
	return by == BY_ALL ? r->all_seen : by == BY_SELF ? r->seen : r->any_seen;
}

static bool ready(const struct timeline *t, const struct timeline_key *k, enum key_record record, enum by by)
{
	const unsigned need = order_before(k->key->method, record);
	bool zone = false;

	/* of a key that can be found, too, where DNSKEYs are asked for: it may be another than this one */
	for (size_t i = 0; i < t->n; i++)
		zone |= t->key[i].alg == k->alg && t->key[i].zone_signing &&
			said(&t->key[i].record[RECORD_ZONE], by) && !t->key[i].record[RECORD_ZONE].all_gone &&
			((need & DNSKEY) == 0 || said(&t->key[i].record[RECORD_DNSKEY], by));
	if ((need & ZONE) != 0 && !zone)
		return false;
	if ((need & DNSKEY) != 0 && !said(&k->record[RECORD_DNSKEY], by))
		return false;
	/* a key without DS has nothing to wait for there */
	return (need & DS) == 0 || !k->sep || said(&k->record[RECORD_DS], by);
}

bool order_all_ready(const struct timeline *t, const struct timeline_key *k, enum key_record record)
{
	return ready(t, k, record, FAULT(OWN_SEEN_IS_ENOUGH) ? BY_SELF : BY_ALL);
}

bool order_may_be_shown(const struct timeline *t, const struct timeline_key *k, enum key_record record)
{
	return k->held && ready(t, k, record, BY_ANY);
}
