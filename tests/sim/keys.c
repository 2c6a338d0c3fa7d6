/* SPDX-License-Identifier: BSD-3-Clause */
/* keys: DNSKEYs that look real and are the same each time; their signatures are hashes, which the simulator's
 * own key_verify knows. */
#include "tests/sim/sim.h"

#include "key/key.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

const uint8_t sim_zone[] = "\7example\3org";

#define POOL (SIM_KEYS_MAX * 2 * 3)
static struct sim_key pool[POOL];
static size_t place[256][256]; /* the first key with these last octets; POOL: none */
#define UNLUCKY_MAX 12 /* keys of a history whose tags may meet; those after it avoid it, or rivals never end */
#define PER_KIND (POOL / 6)

/* Another key with the same tag: two of its words change places. */
static void make_twin(struct sim_key *k, const struct sim_key *of)
{
	const size_t at = of->len / 2 & ~(size_t)1;

	memcpy(k->rdata, of->rdata, of->len);
	memcpy(k->rdata + at, of->rdata + at + 2, 2);
	memcpy(k->rdata + at + 2, of->rdata + at, 2);
}

/* By algorithm and role, so that any history may take what it needs. */
void keys_make(void)
{
	static const unsigned algs[] = { ALG_RSASHA256, ALG_ED25519 };
	static const char *const roles[] = { "csk", "ksk", "zsk" };

	for (size_t i = 0; i < 65536; i++)
		place[i / 256][i % 256] = POOL;
	for (size_t i = 0; i < POOL; i++) {
		struct sim_key *k = &pool[i];
		const size_t kind = i / PER_KIND;
		uint8_t seed[32] = { 0 };

		memcpy(seed, &i, sizeof(i));
		k->alg = algs[kind / 3];
		k->sep = strcmp(roles[kind % 3], "zsk") != 0;
		k->zone_signing = strcmp(roles[kind % 3], "ksk") != 0;
		k->rdata[0] = 1;
		k->rdata[1] = k->sep;
		k->rdata[2] = 3;
		k->rdata[3] = (uint8_t)k->alg;
		if (k->alg == ALG_RSASHA256) {
			memcpy(k->rdata + 4, "\3\1\0\1", 4);
			randombytes_buf_deterministic(k->rdata + 8, 256, seed);
			k->rdata[8] |= 0x80;
			k->rdata[8 + 255] |= 1;
			k->len = 8 + 256;
		} else {
			randombytes_buf_deterministic(k->rdata + 4, 32, seed);
			k->len = 4 + 32;
		}
		if (i % 2 == 1)
			make_twin(k, &pool[i - 1]);
		dnskey_hash(k->rdata, k->len, k->hash);
		k->tags = dnskey_tags(k->rdata, k->len);
		k->next = place[k->rdata[k->len - 2]][k->rdata[k->len - 1]];
		place[k->rdata[k->len - 2]][k->rdata[k->len - 1]] = i;
	}
}

bool keys_clash(const struct sim_key *a, const struct sim_key *b)
{
	return dnskey_tags_clash(a->tags, b->tags);
}

/* Its tag is that of a key which the node knows, as production looks before it makes one. */
static bool tag_is_taken(const struct sim *s, const struct node *n, const struct sim_key *k)
{
	const struct zone_state *z = node_zone(n);

	for (int i = 0; i < s->keys && z != NULL; i++) {
		const struct key_state *known = zone_key(z, s->key[i]->hash);

		if (known != NULL && known->created && keys_clash(k, s->key[i]))
			return true;
	}
	return false;
}

/* The tag is that of a key of which the node has not heard. */
static bool tag_is_unlucky(const struct sim *s, const struct sim_key *k)
{
	for (int i = 0; i < s->keys; i++)
		if (keys_clash(k, s->key[i]))
			return true;
	return false;
}

/* A key that this history has not had yet; its index, -1 when there is none.  Tags meet as often as they can. */
int keys_take(struct sim *s, const struct node *n, unsigned alg, const char *role)
{
	const size_t start = chance_below(&s->chance, PER_KIND);
	const bool many = s->keys >= UNLUCKY_MAX, unlucky = chance_of(&s->chance, 50) && !many;
	const struct sim_key *best = NULL;

	for (size_t i = 0; i < PER_KIND * 6; i++) {
		const struct sim_key *k = &pool[(i / PER_KIND) * PER_KIND + (i + start) % PER_KIND];

		if (k->alg != alg || k->sep != (strcmp(role, "zsk") != 0) ||
		    k->zone_signing != (strcmp(role, "ksk") != 0) || keys_find(s, k->hash) >= 0 || tag_is_taken(s, n, k))
			continue;
		if (best == NULL || (unlucky && tag_is_unlucky(s, k)) || (many && !tag_is_unlucky(s, k)))
			best = k;
		if (!unlucky && (!many || !tag_is_unlucky(s, best)))
			break;
	}
	if (best == NULL || s->keys == SIM_KEYS_MAX)
		return -1;
	s->key[s->keys] = best;
	return s->keys++;
}

int keys_find(const struct sim *s, const uint8_t hash[32])
{
	for (int i = 0; i < s->keys; i++)
		if (memcmp(s->key[i]->hash, hash, 32) == 0)
			return i;
	return -1;
}

uint32_t keys_mask(const struct sim *s, const struct key_set *set)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < set->n; i++) {
		const int at = keys_find(s, set->hash[i]);

		if (at >= 0)
			mask |= UINT32_C(1) << at;
	}
	return mask;
}

uint32_t keys_seps(const struct sim *s, uint32_t mask)
{
	for (int i = 0; i < s->keys; i++)
		if (!s->key[i]->sep)
			mask &= ~(UINT32_C(1) << i);
	return mask;
}

char *mask_text(const struct sim *s, uint32_t mask, char out[96])
{
	size_t at = 0;

	out[0] = '\0';
	for (int i = 0; i < s->keys; i++)
		if ((mask >> i & 1) != 0 && at < 80)
			at += (size_t)snprintf(out + at, 96 - at, "%sk%d", at > 0 ? "," : "", i);
	if (mask == 0)
		strcpy(out, "none");
	return out;
}

/* ---- in place of OpenSSL and libsodium, by --wrap ---- */

void keys_probe(const struct sim_key *k, const uint8_t *data, size_t len, uint8_t sig[32])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, 32);
	crypto_generichash_update(&st, k->hash, 32);
	crypto_generichash_update(&st, data, len);
	crypto_generichash_final(&st, sig, 32);
}

int __wrap_key_verify(const struct key *k, const uint8_t *data, size_t len, const uint8_t *sig,
		      size_t sig_len, struct err *e);
int __wrap_key_verify(const struct key *k, const uint8_t *data, size_t len, const uint8_t *sig,
		      size_t sig_len, struct err *e)
{
	struct sim_key as = { .len = 0 };
	uint8_t want[32];

	(void)e;
	memcpy(as.hash, key_hash(k), 32);
	keys_probe(&as, data, len, want);
	return sig_len == 32 && memcmp(sig, want, 32) == 0 ? 0 : -1;
}

/* OpenSSL's part of a key is made once for all histories, and never freed. */
static struct key *made[POOL];

/* Where the one of this rdata is, or is to be; NULL: it is none of the pool. */
static struct key **made_of(const uint8_t *rdata, size_t len)
{
	for (size_t i = len < 6 ? POOL : place[rdata[len - 2]][rdata[len - 1]]; i < POOL; i = pool[i].next)
		if (pool[i].len == len && memcmp(pool[i].rdata, rdata, len) == 0)
			return &made[i];
	return NULL;
}

int __real_key_from_dnskey(const uint8_t *rdata, size_t len, struct key **out, struct err *e);
int __wrap_key_from_dnskey(const uint8_t *rdata, size_t len, struct key **out, struct err *e);
int __wrap_key_from_dnskey(const uint8_t *rdata, size_t len, struct key **out, struct err *e)
{
	struct key **known = made_of(rdata, len);

	if (known == NULL)
		return __real_key_from_dnskey(rdata, len, out, e);
	if (*known == NULL && __real_key_from_dnskey(rdata, len, known, e) != 0)
		return -1;
	*out = *known;
	return 0;
}

void __real_key_free(struct key *k);
void __wrap_key_free(struct key *k);
void __wrap_key_free(struct key *k)
{
	size_t len;
	const uint8_t *rdata = k == NULL ? NULL : key_rdata(k, &len);

	if (k != NULL && made_of(rdata, len) == NULL)
		__real_key_free(k);
}

/* Signatures of facts are not what is simulated: log.c verifies them before anything else sees a fact. */
int __wrap_crypto_sign_detached(unsigned char *sig, unsigned long long *len, const unsigned char *m,
				unsigned long long mlen, const unsigned char *sk);
int __wrap_crypto_sign_detached(unsigned char *sig, unsigned long long *len, const unsigned char *m,
				unsigned long long mlen, const unsigned char *sk)
{
	(void)m;
	(void)mlen;
	(void)sk;
	memset(sig, 0x5a, crypto_sign_BYTES);
	if (len != NULL)
		*len = crypto_sign_BYTES;
	return 0;
}

/* No node has a private half: nothing would be proven by it here. */
const void *__wrap_secret_open(struct secret *s);
void __wrap_secret_close(struct secret *s);
const void *__wrap_secret_open(struct secret *s)
{
	static const uint8_t none[64];

	(void)s;
	return none;
}

void __wrap_secret_close(struct secret *s)
{
	(void)s;
}

/* Once for each key of the pool. */
int __real_dnskey_check(const uint8_t *rdata, size_t len, struct err *e);
int __wrap_dnskey_check(const uint8_t *rdata, size_t len, struct err *e);
int __wrap_dnskey_check(const uint8_t *rdata, size_t len, struct err *e)
{
	static bool good[POOL];
	const struct key *const *known = (const struct key *const *)made_of(rdata, len);
	const size_t i = known == NULL ? POOL : (size_t)(known - (const struct key *const *)made);

	if (i < POOL && good[i])
		return 0;
	if (__real_dnskey_check(rdata, len, e) != 0)
		return -1;
	if (i < POOL)
		good[i] = true;
	return 0;
}

/* The same few lines are parsed for every history. */
int __real_node_line_parse(const char *text, struct node_line *out, struct err *e);
int __wrap_node_line_parse(const char *text, struct node_line *out, struct err *e);
int __wrap_node_line_parse(const char *text, struct node_line *out, struct err *e)
{
	static struct {
		char text[NODE_LINE_TEXT];
		struct node_line line;
	} known[NODES_MAX];

	for (size_t i = 0; i < NODES_MAX; i++) {
		if (strcmp(known[i].text, text) == 0) {
			*out = known[i].line;
			return 0;
		}
		if (known[i].text[0] == '\0' && strlen(text) < NODE_LINE_TEXT) {
			if (__real_node_line_parse(text, out, e) != 0)
				return -1;
			strcpy(known[i].text, text);
			known[i].line = *out;
			return 0;
		}
	}
	return __real_node_line_parse(text, out, e);
}

/* A fact's body stands in front of its octets (node_say), parsed once for all nodes. */
json_t *__wrap_fact_body(const struct fact *f);
json_t *__wrap_fact_body(const struct fact *f)
{
	json_t *body;

	memcpy(&body, f->octets - sizeof(body), sizeof(body));
	return json_incref(body);
}

/* Its text is read by nobody, and only has to be another for each. */
unsigned keys_body;

char *__wrap_json_dumps(const json_t *body, size_t flags);
char *__wrap_json_dumps(const json_t *body, size_t flags)
{
	(void)body;
	(void)flags;
	return mem_printf("{\"nr\":%u}", keys_body);
}

/* What libsodium does in constant time takes a twentieth of a history; nothing is secret here, and all of it was written by msg_json_hex
 * and msg_json_base64. */
int __real_msg_hex(const json_t *o, const char *field, uint8_t *out, size_t len, struct err *e);
int __wrap_msg_hex(const json_t *o, const char *field, uint8_t *out, size_t len, struct err *e);
int __wrap_msg_hex(const json_t *o, const char *field, uint8_t *out, size_t len, struct err *e)
{
	const json_t *v = json_object_get(o, field);
	const char *text = json_string_value(v);

	if (text == NULL || json_string_length(v) != 2 * len)
		return __real_msg_hex(o, field, out, len, e);
	for (size_t i = 0; i < 2 * len; i += 2) {
		const int high = text[i] > '9' ? text[i] - 'a' + 10 : text[i] - '0';
		const int low = text[i + 1] > '9' ? text[i + 1] - 'a' + 10 : text[i + 1] - '0';

		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static uint32_t six_bits(char c)
{
	return (uint32_t)(c >= 'a' ? c - 'a' + 26 : c >= 'A' ? c - 'A' : c >= '0' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : 0);
}

int __real_sodium_base642bin(unsigned char *out, size_t max, const char *text, size_t len, const char *ignore, size_t *out_len,
			     const char **end, int variant);
int __wrap_sodium_base642bin(unsigned char *out, size_t max, const char *text, size_t len, const char *ignore, size_t *out_len,
			     const char **end, int variant);
int __wrap_sodium_base642bin(unsigned char *out, size_t max, const char *text, size_t len, const char *ignore, size_t *out_len,
			     const char **end, int variant)
{
	const size_t padding = len < 4 ? 0 : (size_t)(text[len - 1] == '=') + (size_t)(text[len - 2] == '=');
	const size_t n = len / 4 * 3 - padding;

	if (variant != sodium_base64_VARIANT_ORIGINAL || len % 4 != 0 || n > max)
		return __real_sodium_base642bin(out, max, text, len, ignore, out_len, end, variant);
	for (size_t i = 0; i < n; i++) {
		const char *four = text + i / 3 * 4;

		out[i] = (uint8_t)(six_bits(four[i % 3]) << (2 + 2 * (i % 3)) | six_bits(four[i % 3 + 1]) >> (4 - 2 * (i % 3)));
	}
	*out_len = n;
	return 0;
}
