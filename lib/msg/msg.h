/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_MSG_H
#define DUET_MSG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "err/err.h"
#include "identity/identity.h"

/*
 * msg - messages between nodes, and between a keydist and its local engine: ZeroMQ over CURVE.
 *
 * Each message is one frame of at most MSG_MAX octets: a JSON object with "v":1 and "t":type, and, where much is
 * sent, NUL and a tail of octets behind it, which is neither made text nor read as such.  A node binds
 * one ROUTER and opens a DEALER to each peer; an engine opens one DEALER to its keydist.  The sender is known
 * from its CURVE key, as the ZAP handler found it in the list of peers, never from what a message says.  A
 * message of a type that has no row for the sender's role, that is larger than its row allows or that is no
 * such object, is refused and reported once.
 *
 * Everything runs in the thread of the given loop.  Messages may be lost (a peer is down, a queue is full):
 * whoever sends repeats.
 */
#define MSG_MAX (4u << 20)

enum msg_role {
	MSG_SIGNER = 1,
	MSG_BACKUP = 2,
	MSG_ENGINE = 4,
};

struct msg_peer {
	char name[64];
	uint8_t id[NODE_ID_LEN]; /* of the engine: that of its node */
	enum msg_role role;
	uint8_t curve_pk[PUBLIC_LEN];
	char endpoint[128]; /* "" for who only connects to us (the engine) */
};

struct msg_hub;

/* One row per type: who may send it, how large, and who takes it.  Rows end with a NULL type. */
typedef void msg_handler(void *ctx, const struct msg_peer *from, json_t *msg);
struct msg_row {
	const char *type;
	unsigned roles; /* MSG_SIGNER | ... */
	size_t max;     /* octets, at most MSG_MAX */
	msg_handler *handler;
};

struct msg_hub_config {
	const char *listen; /* tcp://address:port */
	const uint8_t *curve_pk;
	struct secret *curve_sk;
	const struct msg_row *rows;
	void *ctx;
	/* Something was refused, told once for each who and why (bounded). who: a name, or a CURVE key in
	 * Z85. */
	void (*on_refused)(void *ctx, const char *who, const char *why);
};

/* Binds; nobody is known yet.  Aborts the process if libzmq refuses to enforce the ZAP domain, since it would
 * then let every key in. */
int msg_hub_open(uv_loop_t *loop, const struct msg_hub_config *config, struct msg_hub **out, struct err *e);
/* Replaces the list of peers: connects to new ones, lets go of those that are gone. */
int msg_hub_peers(struct msg_hub *h, const struct msg_peer *peers, size_t n, struct err *e);
/* Gives everything back; the loop must run once more afterwards, to close its handles. */
void msg_hub_close(struct msg_hub *h);

/* Sends to the peer with this id and role, adding "v" and "t".  body is borrowed and may be NULL.  ERR_NOTNOW
 * when the peer is not connected or its queue is full, ERR_NOTFOUND when there is no such peer. */
int msg_send(struct msg_hub *h, const uint8_t id[NODE_ID_LEN], enum msg_role role, const char *type,
	     json_t *body, struct err *e);

/*
 * msg_client - the engine's side: one connection to the local keydist.
 *
 * on_up is called whenever a connection has been made (send `hello` then), on_message for every message with
 * its type; msg is borrowed.  A message that is no JSON object with "v":1 and "t" is dropped.
 */
struct msg_client;
struct msg_client_config {
	const char *endpoint;
	const struct engine_identity *identity;
	void *ctx;
	void (*on_up)(void *ctx);
	void (*on_message)(void *ctx, const char *type, json_t *msg);
};
int msg_client_open(uv_loop_t *loop, const struct msg_client_config *config, struct msg_client **out,
		    struct err *e);
int msg_client_send(struct msg_client *c, const char *type, json_t *body, struct err *e);
/* The loop must run once more afterwards.  NULL does nothing. */
void msg_client_close(struct msg_client *c);

/*
 * Reading fields of a message.  Each sets *e (ERR_SYNTAX, ERR_LIMIT) and returns -1 (or NULL) when the field
 * is absent or not what it must be.
 */
json_t *msg_parse(const void *octets, size_t len, const char **type, struct err *e); /* new reference */
const char *msg_text(const json_t *o, const char *field, size_t max,
		     struct err *e); /* borrowed; 0 to max octets */
int msg_uint(const json_t *o, const char *field, uint64_t max, uint64_t *out, struct err *e);
int msg_bool(const json_t *o, const char *field, bool *out, struct err *e);
int msg_hex(const json_t *o, const char *field, uint8_t *out, size_t len,
	    struct err *e); /* exactly len octets */
int msg_name(const json_t *o, const char *field, uint8_t out[255],
	     struct err *e); /* domain name, wire form */
uint8_t *msg_base64(const json_t *o, const char *field, size_t max, size_t *len,
		    struct err *e); /* free() it */

/* What came behind the object, borrowed from it; NULL: nothing. */
const uint8_t *msg_tail(const json_t *o, size_t *len);

/* Writing. */
/* Adds a tail; sent behind the object. */
void msg_set_tail(json_t *o, const void *octets, size_t len);
json_t *msg_json_hex(const void *octets, size_t len);
json_t *msg_json_base64(const void *octets, size_t len);

#endif
