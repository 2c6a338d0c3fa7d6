/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TSIG_H
#define DUET_TSIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname/dname.h"
#include "dns/message.h"
#include "err/err.h"
#include "secret/secret.h"

/*
 * tsig - transaction signatures (RFC 8945) with hmac-sha256, hmac-sha384 and hmac-sha512, over single
 * messages and over streams of messages, in both directions.
 */
enum tsig_alg { TSIG_HMAC_SHA256 = 1, TSIG_HMAC_SHA384 = 2, TSIG_HMAC_SHA512 = 3 };

enum tsig_error {
	TSIG_NOERROR = 0,
	TSIG_BADSIG = 16,
	TSIG_BADKEY = 17,
	TSIG_BADTIME = 18,
	TSIG_BADTRUNC = 22
};

#define TSIG_SECRET_MAX 512
#define TSIG_MAC_MAX    64
#define TSIG_FUDGE_S    300
/* Room for the TSIG record that any key makes: name, fixed part, algorithm name, rdata with MAC and other
 * data. */
#define TSIG_RR_MAX (DNAME_MAX + 10 + 16 + 16 + TSIG_MAC_MAX + 6)

struct tsig_key {
	uint8_t name[DNAME_MAX]; /* lower case */
	enum tsig_alg alg;
	struct secret *secret; /* owned */
	unsigned refs;
};

/* name is copied; secret (1..TSIG_SECRET_MAX octets) belongs to the key from now on.  One reference. */
struct tsig_key *tsig_key_new(const uint8_t *name, enum tsig_alg alg, struct secret *secret);
struct tsig_key *tsig_key_ref(struct tsig_key *key);
void tsig_key_unref(struct tsig_key *key); /* NULL does nothing */

/* "hmac-sha256" and its kin, with or without a final dot, any case; 0 when it is none of ours. */
enum tsig_alg tsig_alg_from_text(const char *text);
const char *tsig_alg_text(enum tsig_alg alg);
size_t tsig_mac_len(enum tsig_alg alg);

/*
 * tsig - the state of one transaction on one side: a query and its answer of one or many messages.
 *
 * Client: tsig_new, tsig_sign(query), tsig_verify(each answer).  Server: tsig_new, tsig_verify_query,
 * tsig_sign(each answer). The first answer covers the query's MAC; each later one covers the MAC before it
 * and the messages since (RFC 8945 section 5.3.1).
 */
struct tsig;

/* NULL when OpenSSL fails.  Takes its own reference to the key. */
struct tsig *tsig_new(struct tsig_key *key);
void tsig_free(struct tsig *t); /* NULL does nothing */
struct tsig_key *tsig_used_key(const struct tsig *t);

/*
 * tsig_sign - the TSIG record for a message that is to be sent; message is complete but for the TSIG, which
 * the caller appends, adding one to ARCOUNT.  out has room for TSIG_RR_MAX.  error: TSIG_NOERROR, or
 * TSIG_BADTIME or TSIG_BADTRUNC in an answer.  Returns the record's length, or 0 when OpenSSL fails.
 */
size_t tsig_sign(struct tsig *t, const uint8_t *message, size_t len, int64_t now_s, enum tsig_error error,
		 uint8_t out[TSIG_RR_MAX]);

/* The same for a message in two pieces; the first has DNS_HEADER_LEN octets or more. */
size_t tsig_sign_parts(struct tsig *t, const uint8_t *head, size_t head_len, const uint8_t *rest, size_t rest_len,
		       int64_t now_s, enum tsig_error error, uint8_t out[TSIG_RR_MAX]);

/*
 * tsig_verify_query - checks the TSIG of a query (m->tsig.present) and makes the transaction's state.
 *
 * keys: candidates, all with any name; those that fit by name and algorithm are tried in turn.
 * Returns TSIG_NOERROR, or the error to be answered with NOTAUTH.  *out is the state to sign the answer with,
 * NULL for TSIG_BADKEY and TSIG_BADSIG, whose answer must not be signed (see tsig_error_rr).  A MAC length
 * against RFC 8945 section 5.2.2.1 is FORMERR: *formerr is set and the value returned means nothing.
 */
enum tsig_error tsig_verify_query(const struct dns_msg *m, struct tsig_key *const *keys, size_t n,
				  int64_t now_s, struct tsig **out, bool *formerr);

/* The unsigned TSIG record of a BADKEY or BADSIG answer (RFC 8945 section 5.3.2).  Returns its length. */
size_t tsig_error_rr(const struct dns_msg *query, enum tsig_error error, int64_t now_s,
		     uint8_t out[TSIG_RR_MAX * 2]);

/*
 * tsig_verify - checks one message of an answer.  Messages of a stream may come without TSIG, at most 99 in a
 * row (RFC 8945 section 5.3.1), but not the first; tsig_verify_end says whether the last one had it.
 */
int tsig_verify(struct tsig *t, const struct dns_msg *m, int64_t now_s, struct err *e);
int tsig_verify_end(const struct tsig *t, struct err *e);

#endif
