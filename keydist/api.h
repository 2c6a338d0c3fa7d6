/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_API_H
#define DUET_KEYDIST_API_H

#include "keydist/keydist.h"

/* What the api_*.c files share. */

/* A zone by the name in a path; ERR_NOTFOUND.  live: it must not have been removed. */
const struct zone_state *api_zone(struct keydist *k, const char *text, bool live, struct err *e);
json_t *api_keys_json(struct keydist *k, const struct zone_state *z);
/* Hash, tag, algorithm and role. */
json_t *api_key_brief(const struct key_state *ks);
/* Has keys of one zone made and answers the request with them and `keys`, which are there already and are taken over.  Returns
 * HTTP_LATER; or -1, and keys that were given still belong to the caller. */
int api_keys_order(struct keydist *k, const struct http_request *q, const struct zone_state *z, struct wanted_key *list,
		   size_t n, json_t *keys, struct err *e);
/* Whether these are its tag, or the first 8 or more hex digits of its hash; NULL: any key. */
bool api_key_is(const struct key_state *ks, const char *digits);
/* The key whose hash begins with these hex digits, or whose tag this is; NULL and *e. */
const struct timeline_key *api_find_key(const struct life *l, const char *digits, struct err *e);
/* Whether the zone is to be signed; nothing is said where it is so already. */
int api_secure(struct keydist *k, const struct zone_state *z, bool secure, struct err *e);
/* "held", "unsigned", "signed" or "keep", as the plan says. */
const char *api_zone_state(struct keydist *k, const struct zone_state *z);
/* By enum record_phase. */
extern const char *const api_phase_names[];
/* The steps of a roll of the key that begins now, as an array of {"after_s","what"}; a new reference. */
json_t *api_calendar(const struct life *l, const struct timeline_key *key, unsigned alg, bool now, enum key_hold hold);
/* What adds the zone of {"zone","source","policy"?}; out->body NULL: it is there just so.  name: room for its name. */
int api_zone_add(struct keydist *k, const json_t *o, struct cluster_word *out, uint8_t name[DNAME_MAX], struct err *e);
const char *api_zone_member(const struct zone_state *z, const char *member);

#endif
