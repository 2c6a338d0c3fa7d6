/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dnskey: the DNSKEY, CDS and CDNSKEY RRsets of a zone, signed by every KSK and CSK that stands in the DNSKEY
 * RRset; CDS and CDNSKEY, like all that the zone has, also by keys that sign without standing there.  What a lost key would
 * sign stays as it was.
 *
 * What was signed is kept under a digest of what it was made from, so a restart makes no signature, and is
 * made anew well before the engine would have to renew (DESIGN section 6).
 */
#include "keydist/lost.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "log/log.h"
#include "rrset/rr.h"
#include "sign/rrsig.h"
#include "wire/wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define RRS_MAX    (2 * TIMELINE_KEYS_MAX)
#define STREAM_MAX (256u << 10)

static int by_rr(const void *a, const void *b)
{
	return rr_cmp(a, b);
}

static void add(struct rr *rrs, size_t *n, uint16_t type, const struct zone_state *z, uint32_t ttl,
		const uint8_t *rdata, size_t len)
{
	rrs[(*n)++] = (struct rr){
		.owner = z->name, .rdata = rdata, .ttl = ttl, .type = type, .rdlen = (uint16_t)len
	};
}

/* The records of one type, in canonical order. */
static size_t collect(uint16_t type, const struct life *l, struct arena *a, struct rr rrs[RRS_MAX])
{
	/* CDS 0 0 0 00 and CDNSKEY 0 3 0 AA== (RFC 8078 section 4) */
	static const uint8_t cds_delete[] = { 0, 0, 0, 0, 0 }, cdnskey_delete[] = { 0, 0, 3, 0, 0 };
	const struct zone_state *z = l->in.zone;
	const uint32_t ttl = (uint32_t)l->p.dnskey_ttl_s;
	size_t count = 0;

	if (type != TYPE_DNSKEY && l->t.cds_delete) {
		add(rrs, &count, type, z, ttl, type == TYPE_CDS ? cds_delete : cdnskey_delete, sizeof(cds_delete));
		return count;
	}
	for (size_t i = 0; i < l->t.n; i++) {
		const struct timeline_key *k = &l->t.key[i];
		const struct key_state *ks = k->key;
		uint8_t ds[4 + 48];

		if (!k->record[type == TYPE_DNSKEY ? RECORD_DNSKEY : RECORD_DS].show)
			continue;
		if (type != TYPE_CDS) {
			add(rrs, &count, type, z, ttl, ks->dnskey, ks->dnskey_len);
		} else {
			for (unsigned d = 0; d < DS_DIGESTS; d++) {
				const size_t len = dnskey_ds_by(&l->p, z, ks, d, ds);

				if (len > 0)
					add(rrs, &count, type, z, ttl, arena_dup(a, ds, len), len);
			}
		}
	}
	qsort(rrs, count, sizeof(*rrs), by_rr);
	return count;
}

size_t dnskey_ds_by(const struct policy *p, const struct zone_state *z, const struct key_state *ks, unsigned number,
		    uint8_t out[4 + 48])
{
	static const struct {
		enum policy_ds bit;
		unsigned type;
	} digests[DS_DIGESTS] = { { POLICY_DS_SHA256, 2 }, { POLICY_DS_SHA384, 4 } };

	return (p->ds_digest & (int)digests[number].bit) == 0
		       ? 0
		       : dnskey_ds(ks->dnskey, ks->dnskey_len, z->name, digests[number].type, out);
}

bool dnskey_names_ds(const struct life *l)
{
	return l->p.cds && (l->p.cds_when == POLICY_CDS_ALWAYS || timeline_ds_moves(&l->t));
}

/* Whether the key signs the apex RRset of this type; who has another signer's key makes no signatures by it. */
static bool signs(const struct timeline_key *k, uint16_t type)
{
	if (k->foreign)
		return false;
	if (k->record[RECORD_DNSKEY].show)
		return k->sep;
	return type != TYPE_DNSKEY && k->record[RECORD_ZONE].show;
}

/* Whoever relies on its DS has another key's, too, which signs the same: so the chain holds without its signature. */
static bool can_do_without(struct keydist *k, const struct life *l, const struct timeline_key *lost)
{
	if (lost->record[RECORD_DS].phase == PHASE_HIDDEN)
		return true;
	for (size_t i = 0; i < l->t.n; i++) {
		const struct timeline_key *o = &l->t.key[i];

		if (o != lost && o->alg == lost->alg && signs(o, TYPE_DNSKEY) && !lost_here(k, o->key) &&
		    o->record[RECORD_DS].phase == PHASE_OMNIPRESENT)
			return true;
	}
	return false;
}

bool dnskey_left_out(struct keydist *k, const struct life *l, const struct timeline_key *key)
{
	return signs(key, TYPE_DNSKEY) && lost_here(k, key->key) && can_do_without(k, l, key);
}

/*
 * Those that sign the RRset.  One that is lost is left out where the chain holds without it; else it is among them, and the
 * RRset stays as it was.  CDS and CDNSKEY name what a parent is to have, and hold up no chain: where all that should sign
 * them are lost, the zone's other keys do, so that it stays valid and the new DS can be given by hand.
 */
static size_t signers_of(struct keydist *k, const struct life *l, uint16_t type, const struct timeline_key *out[TIMELINE_KEYS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < l->t.n; i++) {
		const struct timeline_key *key = &l->t.key[i];

		if (signs(key, type) && (type == TYPE_DNSKEY ? !dnskey_left_out(k, l, key) : !lost_here(k, key->key)))
			out[n++] = key;
	}
	for (size_t i = 0; i < l->t.n && n == 0 && type != TYPE_DNSKEY; i++)
		if (l->t.key[i].record[RECORD_ZONE].show && !l->t.key[i].foreign)
			out[n++] = &l->t.key[i];
	return n;
}

static void digest_of(const struct rr *rrs, size_t count, const struct life *l, const struct timeline_key **by, size_t bys,
		      uint8_t out[32])
{
	crypto_hash_sha256_state st;
	uint8_t buf[16];
	struct wr w = wr_of(buf, sizeof(buf));

	crypto_hash_sha256_init(&st);
	wr_u16(&w, rrs[0].type);
	wr_u32(&w, rrs[0].ttl);
	wr_u64(&w, (uint64_t)l->p.validity_s);
	crypto_hash_sha256_update(&st, buf, w.at);
	crypto_hash_sha256_update(&st, rrs[0].owner, dname_len(rrs[0].owner));
	for (size_t i = 0; i < count; i++)
		crypto_hash_sha256_update(&st, rrs[i].rdata, rrs[i].rdlen);
	for (size_t i = 0; i < bys; i++)
		crypto_hash_sha256_update(&st, by[i]->key->hash, 32);
	crypto_hash_sha256_final(&st, out);
}

/* Signs with all of them; earliest is set. */
static int sign_all(struct keydist *k, const struct life *l, const struct timeline_key **by, size_t bys, const struct rr *rrs,
		    size_t count, struct arena *a, struct wr *w, int64_t *earliest, struct err *e)
{
	const struct zone_state *z = l->in.zone;
	const int64_t now = clock_now_s();
	const struct window window = { now - l->p.inception_offset_s, now + l->p.validity_s };

	for (size_t i = 0; i < bys; i++) {
		struct key *key = NULL;
		struct rr sig;

		if (keys_open(k, z, by[i]->key, &key, e) != 0) {
			zone_ctx(k, z->name, true)->look_for_lost = true;
			return err_ctx(e, "key %u/%u", dnskey_tag(by[i]->key->dnskey, by[i]->key->dnskey_len), by[i]->alg);
		}
		if (rrsig_make(rrs, count, z->name, key, window, a, &sig, e) != 0)
			return -1;
		rr_write(w, &sig);
	}
	if (bys == 0)
		return err_set(e, ERR_NOTFOUND, "no key signs the DNSKEY RRset");
	*earliest = window.expiration;
	return w->bad ? err_set(e, ERR_LIMIT, "the apex RRset does not fit %u octets", STREAM_MAX) : 0;
}

int64_t dnskey_renew_before(const struct policy *p)
{
	return p->renewal_margin_s + (p->validity_s - p->renewal_margin_s) / 4;
}

static int make_one(struct keydist *k, const struct life *l, uint16_t type, struct arena *a, struct apex_rrset *out,
		    struct err *e)
{
	const char *zone = l->in.zone->text;
	struct rr rrs[RRS_MAX];
	size_t count = collect(type, l, a, rrs), len = 0;
	const int64_t renew_at = dnskey_renew_before(&l->p);
	const struct timeline_key *by[TIMELINE_KEYS_MAX];
	const size_t bys = signers_of(k, l, type, by);
	uint8_t digest[32], *old, *fresh;
	int64_t earliest = 0;
	bool in_time;
	struct wr w;
	int rc;

	out->rrset = NULL;
	if (count == 0)
		return 0;
	digest_of(rrs, count, l, by, bys, digest);
	old = store_ready_get(k, digest, &len, &earliest);
	/* Those that end later than any made now began in the future: the clock was ahead when they were made. */
	in_time = earliest > clock_now_s() + renew_at && earliest <= clock_now_s() + l->p.validity_s;
	if (old != NULL && (in_time || !k->clock_good)) {
		out->rrset = msg_json_base64(old, len);
		out->earliest = earliest;
		free(old);
		return 0;
	}
	if (!k->clock_good)
		return err_set(e, ERR_NOTNOW, "the clock is not vouched for: %s", k->clock_why);
	if (cluster_words_due(k->cluster)) { /* the engine is not to begin below a serial that was used */
		k->words_due = true; /* they may be here before the next second, which then looks at the zone again */
		return err_set(e, ERR_NOTNOW, "what other nodes last served is being asked for");
	}
	fresh = mem_new(STREAM_MAX, 1);
	w = wr_of(fresh, STREAM_MAX);
	for (size_t i = 0; i < count; i++)
		rr_write(&w, &rrs[i]);
	rc = sign_all(k, l, by, bys, rrs, count, a, &w, &earliest, e);
	if (rc == 0)
		rc = store_ready_put(k, digest, zone, fresh, w.at, earliest, e);
	if (rc == 0) {
		out->rrset = msg_json_base64(fresh, w.at);
		out->earliest = earliest;
	} else if (old != NULL && earliest > clock_now_s()) {
		/* A private key that is missing never removes its DNSKEY: the old signatures stay while they
		 * last. */
		log_event(LOG_ERROR, "apex-not-renewed", "zone=%s msg=%s", zone, e->text);
		out->rrset = msg_json_base64(old, len);
		out->earliest = earliest;
		rc = 0;
	}
	free(old);
	free(fresh);
	return rc;
}

int dnskey_make(struct keydist *k, const struct life *l, struct apex_rrset out[3], size_t *count, struct err *e)
{
	static const struct {
		uint16_t type;
		const char *text;
	} types[] = { { TYPE_DNSKEY, "DNSKEY" }, { TYPE_CDS, "CDS" }, { TYPE_CDNSKEY, "CDNSKEY" } };
	struct arena *a = arena_new();
	int rc = 0;

	*count = 0;
	for (size_t i = 0; i < 3 && rc == 0; i++) {
		struct apex_rrset *o = &out[*count];

		if (i > 0 && !dnskey_names_ds(l))
			break;
		o->type = types[i].text;
		rc = make_one(k, l, types[i].type, a, o, e);
		if (rc == 0 && o->rrset != NULL)
			(*count)++;
	}
	if (rc != 0)
		for (size_t i = 0; i < *count; i++)
			json_decref(out[i].rrset);
	arena_free(a);
	return rc;
}
