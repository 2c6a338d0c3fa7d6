/* SPDX-License-Identifier: BSD-3-Clause */
/* sigcheck: the fields of an RRSIG (RFC 4034 section 3.1, RFC 4035 section 5.3) and its signature. */
#include "audit/sigpool.h"

#include <stdio.h>
#include <string.h>

#include "arena/arena.h"
#include "audit/past.h"
#include "clock/clock.h"

/* Where and what, for messages; "www.example. A, key 12345/13". */
#define WHERE_MAX (NAME_TEXT_MAX + 64)

/* A 32-bit time to the instant nearest to now (RFC 4034 section 3.1.5). */
static int64_t instant(uint32_t t, int64_t now)
{
	return now + (int32_t)(t - (uint32_t)now);
}

bool sig_parse(const uint8_t *rdata, size_t len, uint32_t ttl, int64_t now, struct sig *s)
{
	size_t signer;

	if (len <= SIG_FIXED || (signer = name_length(rdata + SIG_FIXED, len - SIG_FIXED)) == 0)
		return false;
	*s = (struct sig){ .rdata = rdata,
			   .len = len,
			   .signer_len = signer,
			   .ttl = ttl,
			   .algorithm = rdata[2],
			   .labels = rdata[3],
			   .original_ttl = get32(rdata + 4),
			   .expiration = instant(get32(rdata + 8), now),
			   .inception = instant(get32(rdata + 12), now),
			   .tag = get16(rdata + 16) };
	return true;
}

unsigned sig_labels(const uint8_t *owner)
{
	return name_labels(owner) - (name_is_wildcard(owner) ? 1 : 0);
}

static char *where(const struct sigitem *item, const uint8_t *buf, const struct sig *s, char out[WHERE_MAX])
{
	char type[24];
	size_t len;

	name_text(buf + item->owner, out);
	len = strlen(out);
	snprintf(out + len, WHERE_MAX - len, " %s, key %u/%u", type_text(item->type, type), s->tag,
		 s->algorithm);
	return out;
}

/* Whoever signs is not believed that nothing better can be had: what was published is remembered here. */
bool sigcheck_is_no_worse(const struct audit *a, int64_t expiration, int64_t needed)
{
	const struct past_version *last = a->past == NULL ? NULL : &a->past->last;

	return a->expiring && last != NULL && last->there && last->earliest_expiration != 0 &&
	       last->earliest_expiration < needed && expiration >= last->earliest_expiration;
}

static void check_times(struct audit *a, const struct sigitem *item, const uint8_t *buf, const struct sig *s)
{
	const struct limits *l = &a->limits;
	int64_t needed = a->now + l->propagation_s + a->facts->signed_ttl;
	char w[WHERE_MAX], t[CLOCK_TEXT_LEN], u[CLOCK_TEXT_LEN];

	if (s->inception > a->now - l->inception_offset_s)
		report_add(a->report, RRSIG_INCEPTION, item->at, "%s: inception %s", where(item, buf, s, w),
			   clock_text(s->inception, t));
	if (s->expiration < needed)
		(sigcheck_is_no_worse(a, s->expiration, needed) ? report_warn : report_add)(
			a->report, RRSIG_EXPIRATION, item->at, "%s: expires %s, needed until %s", where(item, buf, s, w),
			clock_text(s->expiration, t), clock_text(needed, u));
	else if (a->has_soa && s->expiration < needed + a->soa_expire)
		report_add(a->report, RRSIG_EXPIRE, item->at, "%s: expires %s", where(item, buf, s, w),
			   clock_text(s->expiration, t));
	if (s->expiration <= s->inception ||
	    (l->validity_s >= 0 &&
	     s->expiration - s->inception > l->validity_s + l->jitter_s + l->inception_offset_s)) {
		/* What was made under a longer policy, and has no more time left than one of now, can be replayed no longer. */
		const bool of_before = s->expiration > s->inception && s->expiration <= a->now + l->validity_s;

		(of_before ? report_warn : report_add)(a->report, RRSIG_LIFETIME, item->at, "%s: from %s to %s",
						       where(item, buf, s, w), clock_text(s->inception, t),
						       clock_text(s->expiration, u));
	}
}

static void check_fields(struct audit *a, const struct sigitem *item, const uint8_t *buf, const struct sig *s)
{
	const uint8_t *owner = buf + item->owner;
	const unsigned labels = sig_labels(owner);
	char w[WHERE_MAX];

	if (s->signer_len != a->zone_len || memcmp(s->rdata + SIG_FIXED, a->zone, a->zone_len) != 0)
		report_add(a->report, RRSIG_SIGNER, item->at, "%s", where(item, buf, s, w));
	if (s->labels != labels)
		report_add(a->report, RRSIG_LABELS, item->at, "%s: %u, must be %u", where(item, buf, s, w),
			   s->labels, labels);
	if (s->ttl != item->ttl || s->original_ttl != item->ttl)
		report_add(a->report, TTL_RRSIG, item->at, "%s: TTL %u, original TTL %u, the RRset has %u",
			   where(item, buf, s, w), s->ttl, s->original_ttl, item->ttl);
}

/* A DNSKEY RRset may be signed by its keys with SEP; CDS and CDNSKEY are signed with the KSK by some signers.
 */
static bool is_key_type(uint16_t type)
{
	return type == TYPE_DNSKEY || type == TYPE_CDS || type == TYPE_CDNSKEY;
}

/* Of a key with SEP: as the plan says, else the policy; without either see apex.c. */
static bool may_sign_data(const struct audit *a, const struct dnskey *k)
{
	if (a->plan != NULL && a->plan->csk.given)
		return plan_is_csk(a->plan, k->rdata, k->rdlen);
	return a->limits.keys != LIMITS_KSK_ZSK;
}

static void check_role(struct audit *a, const struct sigitem *item, const uint8_t *buf, const struct sig *s,
		       struct dnskey *k)
{
	char w[WHERE_MAX];

	if ((k->flags & FLAG_ZONE) == 0)
		report_add(a->report, RRSIG_FLAGS, item->at, "%s: flags %u", where(item, buf, s, w),
			   k->flags);
	else if ((k->flags & FLAG_REVOKE) != 0 && item->type != TYPE_DNSKEY)
		report_add(a->report, RRSIG_FLAGS, item->at, "%s: the key is revoked",
			   where(item, buf, s, w));
	else if ((k->flags & FLAG_SEP) != 0 && !is_key_type(item->type) && !may_sign_data(a, k))
		report_add(a->report, RRSIG_ROLE, item->at, "%s", where(item, buf, s, w));
	if (item->type == TYPE_DNSKEY)
		atomic_store_explicit(&k->signs_dnskey, true, memory_order_relaxed);
	else if (!is_key_type(item->type) && !atomic_load_explicit(&k->signs_data, memory_order_relaxed))
		atomic_store_explicit(&k->signs_data, true, memory_order_relaxed);
}

/* The records with another TTL, which is what was signed when the original TTL is not that of the RRset. */
static const uint8_t *with_ttl(const struct sigitem *item, const uint8_t *body, uint32_t ttl,
			       struct scratch *scratch)
{
	if (scratch->cap < item->body_len) {
		scratch->cap = item->body_len;
		scratch->p = mem_grow(scratch->p, scratch->cap, 1);
	}
	memcpy(scratch->p, body, item->body_len);
	for (size_t at = 0; at < item->body_len;) {
		uint8_t *p = scratch->p + at + item->owner_len;

		p[4] = (uint8_t)(ttl >> 24);
		p[5] = (uint8_t)(ttl >> 16);
		p[6] = (uint8_t)(ttl >> 8);
		p[7] = (uint8_t)ttl;
		at += item->owner_len + 10u + get16(p + 8);
	}
	return scratch->p;
}

static void check_signature(struct audit *a, struct verifier *v, const struct sigitem *item,
			    const uint8_t *buf, const struct sig *s, struct scratch *scratch)
{
	const uint8_t *body = buf + item->body;
	size_t head = SIG_FIXED + s->signer_len, tried = 0;
	char w[WHERE_MAX];

	if (s->original_ttl != item->ttl)
		body = with_ttl(item, body, s->original_ttl, scratch);
	for (size_t i = 0; i < a->keys.n; i++) {
		struct dnskey *k = &a->keys.key[i];

		if (k->tag != s->tag || k->algorithm != s->algorithm ||
		    (item->type == TYPE_DNSKEY && i >= a->published_keys) || tried == SIGPOOL_KEYS_TRIED)
			continue;
		tried++;
		if (verifier_check(v, i, s->rdata, head, body, item->body_len, s->rdata + head,
				   s->len - head)) {
			check_role(a, item, buf, s, k);
			return;
		}
	}
	if (tried > 0)
		report_add(a->report, RRSIG_BOGUS, item->at, "%s", where(item, buf, s, w));
	else
		report_add(a->report, RRSIG_KEY, item->at, "%s", where(item, buf, s, w));
}

/* The DNSKEY RRset has passed with this RRSIG: who signed is known where only one of its keys has the tag. */
static bool signed_before(struct audit *a, const struct sigitem *item, const uint8_t *buf, const struct sig *s)
{
	struct dnskey *by = NULL;

	for (size_t i = 0; i < a->published_keys; i++) {
		struct dnskey *k = &a->keys.key[i];

		if (k->tag != s->tag || k->algorithm != s->algorithm)
			continue;
		if (by != NULL)
			return false;
		by = k;
	}
	if (by != NULL)
		check_role(a, item, buf, s, by);
	return by != NULL;
}

static void count(const struct sigitem *item, const uint8_t *buf, const struct sig *s, struct sigstats *stats)
{
	char type[24], name[NAME_TEXT_MAX];

	stats->verified += !item->verified;
	if (stats->earliest != 0 && s->expiration >= stats->earliest)
		return;
	stats->earliest = s->expiration;
	snprintf(stats->earliest_owner, sizeof(stats->earliest_owner), "%s %s",
		 name_text(buf + item->owner, name), type_text(item->type, type));
}

void sigcheck_item(struct audit *a, struct verifier *v, const struct sigitem *item, const uint8_t *buf,
		   struct scratch *scratch, struct sigstats *stats)
{
	const uint8_t *p = buf + item->sigs;
	char name[NAME_TEXT_MAX], type[24];

	for (size_t i = 0; i < item->sig_count; i++) {
		uint32_t len, ttl;
		struct sig s;

		memcpy(&len, p, 4);
		memcpy(&ttl, p + 4, 4);
		if (sig_parse(p + 8, len, ttl, a->now, &s)) {
			check_fields(a, item, buf, &s);
			check_times(a, item, buf, &s);
			if (!item->verified || (item->type == TYPE_DNSKEY && !signed_before(a, item, buf, &s)))
				check_signature(a, v, item, buf, &s, scratch);
			count(item, buf, &s, stats);
		} else {
			report_add(a->report, RRSIG_BOGUS, item->at, "%s %s: RRSIG of %u octets",
				   name_text(buf + item->owner, name), type_text(item->type, type), len);
		}
		p += 8 + len;
	}
}
