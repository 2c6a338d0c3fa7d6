/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PLAN_H
#define DUET_PLAN_H

#include <jansson.h>

#include "addr/addr.h"
#include "identity/identity.h"
#include "key/key.h"
#include "msg/observed.h"
#include "policy/policy.h"
#include "serial/serial.h"
#include "sign/zonesign.h"
#include "signer/engine/keyring.h"

/*
 * plan - what keydist says about one zone, checked: RRsets at the apex that come signed, zone-signing keys that were opened
 * and matched to the DNSKEY RRset.  Immutable and reference counted (in the loop only); a task holds a reference.
 */
enum plan_state {
	PLAN_HELD,     /* no key, and policy says not to serve the zone unsigned */
	PLAN_UNSIGNED,
	PLAN_SIGNED,
	PLAN_KEEP,     /* keydist cannot say now: go on with what there is */
};

/* An operator's word on one version, at any node: the last one of the zone. */
struct plan_override {
	uint64_t rev;        /* 0: there was none */
	const char *node;    /* where; id as text */
	uint32_t serial;
	uint8_t digest[CONTENT_DIGEST_LEN];
	const char *reason;
};

struct plan {
	unsigned refs;
	bool gone;
	uint64_t rev;
	char *source;
	const struct policy *policy; /* sharedpolicy.h; NULL where the zone is gone */
	enum plan_state state;
	struct ready_rrset *ready;
	size_t ready_count;
	int64_t ready_until;  /* earliest expiration of the ready RRSIGs; INT64_MAX without */
	json_t *seeds;        /* what others publish and published, as the auditor reads it, while nothing is published here; NULL */
	json_t *foreign;      /* DNSKEYs of another signer, in presentation format; NULL: none */
	json_t *lost;         /* the same of keys whose private halves are lost, and without whose signatures the chain holds */
	struct key **keys;    /* borrowed from `held`; they sign only between plan_keys_use and plan_keys_done */
	struct ring_key **held; /* shared by plans that follow each other */
	bool *unpublished;    /* of keys: signs, and its DNSKEY is not in the RRset (a conservative algorithm roll) */
	size_t key_count;
	struct plan_stream {  /* what `ready` was read from */
		const uint8_t *octets;
		size_t len;
	} *stream;
	bool set_back; /* what is published here is older than what this node once published */
	uint64_t steps;
	uint32_t floor;
	struct plan_override override;
	uint64_t epoch;
	bool hold;
	bool look_keys, look_ds; /* secondaries, or the parent, are to be looked at */
	bool look_ns;            /* with secondaries, the zone's name servers */
	struct addr *watch; /* secondaries of other signers, that are to be looked at besides */
	size_t watches;
	struct zone_given *given; /* DS of zones below that this cluster signs, too; for input-order: seen alone */
	size_t given_count;
	uint8_t given_hash[32];
	char *shows;          /* what a version made by it shows, in keydist's words: kept with the version, and said back */
	uint8_t hash[32];     /* over all that a version is made of, RRSIGs aside */
	struct arena *arena;  /* owns ready */
	json_t *audit_words;  /* auditjob's, the loop's alone; NULL: none are kept */
};

/*
 * plan_read - reads and checks a `plan` message.  now: ready RRSIGs must not have expired.  Refusals name what is wrong; the
 * caller goes on with the plan before.
 *
 * before  the zone's plan before, or NULL: what is the same octet by octet was checked then, and keys stay open
 *
 * Any thread may call it.
 */
int plan_read(const json_t *msg, const uint8_t *apex, const struct engine_identity *id, const struct plan *before,
	      int64_t now, struct plan **out, struct err *e);
struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan *p); /* NULL does nothing */
/* Opens its keys where they are closed, until plan_keys_done; any thread may call it. */
int plan_keys_use(struct plan *p, struct err *e);
void plan_keys_done(struct plan *p);
const char *plan_state_text(enum plan_state state);

#endif
