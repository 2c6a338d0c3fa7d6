/* SPDX-License-Identifier: BSD-3-Clause */
/* policies: the policy of a zone, as facts have it, and as plans have it; each is read, and made, once. */
#include "keydist/keydist.h"

#include "arena/arena.h"
#include "conf/option.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* The policy that a fact set, read once. */
static const struct policy *policy_of(struct keydist *k, const struct fact_reg *r)
{
	struct known_policy *known;
	struct policy p;

	for (size_t i = 0; i < k->policies; i++)
		if (memcmp(k->policy[i].hash, r->hash, FACT_HASH_LEN) == 0)
			return &k->policy[i].policy;
	if (policy_from_json(json_object_get(r->body, "policy"), &p, NULL) != 0)
		return NULL;
	k->policy = mem_grow(k->policy, k->policies + 1, sizeof(*k->policy));
	known = &k->policy[k->policies++];
	memcpy(known->hash, r->hash, FACT_HASH_LEN);
	known->policy = p;
	known->policy.rev = (int64_t)r->rev;
	return &known->policy;
}

struct policy zone_policy(struct keydist *k, const struct zone_state *z)
{
	const struct fact_state *s = cluster_state(k->cluster);
	const struct add_state *a = zone_addition(z);
	const char *name = a == NULL ? "default" : json_string_value(json_object_get(a->body, "policy"));

	for (size_t i = 0; i < s->policies; i++)
		if (strcmp(s->policy[i].name, name) == 0 && s->policy[i].reg.set) {
			const struct policy *p = policy_of(k, &s->policy[i].reg);

			if (p != NULL)
				return *p;
		}
	return policy_default();
}

static int64_t zone_expire(const struct keydist *k, const struct zone_state *z)
{
	const struct fact_state *s = cluster_state(k->cluster);
	int64_t most = 0;

	for (size_t i = 0; i < s->nodes; i++) {
		json_t *status = node_is_signer(&s->node[i]) && !s->node[i].retired
					 ? cluster_status_get(k->cluster, s->node[i].id, z->text) : NULL;
		const char *keyset = json_string_value(json_object_get(status, "keyset"));
		const int64_t expire = keyset == NULL || *keyset == '\0' ? 0
				       : json_integer_value(json_object_get(status, "soa_expire"));

		most = expire > most ? expire : most;
		json_decref(status);
	}
	return most;
}

char *expire_trouble(const struct keydist *k, const struct zone_state *z, const struct policy *p)
{
	char margin[OPTION_DURATION_LEN], expire[OPTION_DURATION_LEN];
	const int64_t expire_s = zone_expire(k, z);

	if (p->renewal_margin_s >= expire_s)
		return NULL;
	return mem_printf("renewal-margin %s is below the SOA expire %s of %s: a secondary that hears no signer would serve RRSIGs "
			  "that have ended, and should expire before; make renewal-margin %s or more, or the SOA's expire %s or less",
			  option_duration_text(p->renewal_margin_s, margin), option_duration_text(expire_s, expire), z->text,
			  expire, margin);
}

int policy_fits(const struct keydist *k, const struct policy *p, struct err *e)
{
	const struct fact_state *s = cluster_state(k->cluster);
	char *first = NULL;
	size_t more = 0;
	int rc = 0;

	for (size_t i = 0; i < s->zones; i++) {
		const struct add_state *a = zone_addition(&s->zone[i]);
		char *why;

		if (a == NULL || strcmp(json_string_value(json_object_get(a->body, "policy")), p->name) != 0 ||
		    (why = expire_trouble(k, &s->zone[i], p)) == NULL)
			continue;
		if (first == NULL) {
			first = why;
			continue;
		}
		more++;
		free(why);
	}
	if (first != NULL && more > 0)
		rc = err_set(e, ERR_REFUSED, "%s; so it is for %zu more; --force applies it all the same", first, more);
	else if (first != NULL)
		rc = err_set(e, ERR_REFUSED, "%s; --force applies it all the same", first);
	free(first);
	return rc;
}

json_t *shared_policy(struct keydist *k, const struct policy *p, const char *source, bool given)
{
	/* What is put into a primary's zone here makes another content of it, which the primary's serial does not number. */
	const bool seen = (given && p->input_order == POLICY_ORDER_AUTO) || policy_order(p, source) == POLICY_ORDER_SEEN;
	struct shared_policy *s;
	char *text;

	for (size_t i = 0; i < SHARED_MAX; i++) {
		s = &k->shared[i];
		if (s->json != NULL && s->seen == seen && memcmp(&s->policy, p, sizeof(*p)) == 0)
			return s->json;
	}
	s = &k->shared[k->shared_at++ % SHARED_MAX];
	json_decref(s->json);
	s->policy = *p;
	s->seen = seen;
	s->json = policy_to_json(p);
	json_object_set_new(s->json, "input_order", json_string(seen ? "seen" : "serial"));
	text = json_dumps(s->json, JSON_COMPACT);
	crypto_generichash(s->digest, sizeof(s->digest), (const uint8_t *)text, strlen(text), NULL, 0);
	free(text);
	return s->json;
}

const uint8_t *shared_policy_digest(const struct keydist *k, const json_t *policy)
{
	for (size_t i = 0; i < SHARED_MAX && policy != NULL; i++)
		if (k->shared[i].json == policy)
			return k->shared[i].digest;
	return NULL;
}

void policies_free(struct keydist *k)
{
	for (size_t i = 0; i < SHARED_MAX; i++)
		json_decref(k->shared[i].json);
	free(k->policy);
}
