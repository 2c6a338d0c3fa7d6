/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_IDENTITY_H
#define DUET_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err/err.h"
#include "secret/secret.h"

/*
 * identity - who a node is (DESIGN section 3).
 *
 * A node has an Ed25519 pair that signs facts, an X25519 pair that receives sealed keys, and a CURVE pair for
 * transport.  Its public half is one line of text, `duet1...`: base64url without padding of the three public
 * keys and the first 4 octets of SHA-256 over "duet1" and them, so that a slip of the hand is noticed.  Its
 * id, used in facts and status, is the first 8 octets of SHA-256 over its Ed25519 public key.
 *
 * Files (each one line of text, mode 0600):
 *   identity          the secret halves, the flag `first`, and the public halves of the local signer's pairs.
 * The X25519 secret in it is wrapped under the wrap key, so that neither the identity nor any copy of the
 *                     sealed boxes opens a zone's key without it.
 *   identity.wrap     the wrap key, 32 octets; may be kept as a systemd credential instead
 *   identity.signer   the local signer's own CURVE and X25519 secrets, readable by its user alone
 */
#define NODE_ID_LEN        8
#define NODE_ID_TEXT       17  /* 16 hex digits and NUL */
#define NODE_LINE_TEXT     140 /* room for a duet1 line and NUL */
#define RECOVERY_LINE_TEXT 64  /* room for a duetR1 line and NUL */
#define RECOVERY_ID_TEXT   17
#define PUBLIC_LEN         32
#define WRAP_KEY_LEN       32

struct node_line {
	uint8_t sign_pk[PUBLIC_LEN];  /* Ed25519 */
	uint8_t box_pk[PUBLIC_LEN];   /* X25519 */
	uint8_t curve_pk[PUBLIC_LEN]; /* CURVE */
};

/* "duet1..." of a node; surrounding white space is allowed.  ERR_SYNTAX says what is wrong. */
int node_line_parse(const char *text, struct node_line *out, struct err *e);
char *node_line_text(const struct node_line *line, char out[NODE_LINE_TEXT]);
void node_id_of(const uint8_t sign_pk[PUBLIC_LEN], uint8_t id[NODE_ID_LEN]);
char *node_id_text(const uint8_t id[NODE_ID_LEN], char out[NODE_ID_TEXT]);
int node_id_parse(const char *text, uint8_t id[NODE_ID_LEN], struct err *e);

/* "duetR1..." of a recovery key.  Its id is the first 8 octets of SHA-256 over the public key, in hex. */
int recovery_line_parse(const char *text, uint8_t box_pk[PUBLIC_LEN], struct err *e);
char *recovery_line_text(const uint8_t box_pk[PUBLIC_LEN], char out[RECOVERY_LINE_TEXT]);
char *recovery_id_text(const uint8_t box_pk[PUBLIC_LEN], char out[RECOVERY_ID_TEXT]);

/* Secrets of a keydist or backupd.  Opaque handles inside; identity_fini wipes. */
struct identity {
	struct node_line line;
	uint8_t id[NODE_ID_LEN];
	char id_text[NODE_ID_TEXT];
	bool first;
	struct secret *sign_sk;  /* libsodium's 64 octets: seed and public key */
	struct secret *box_sk;   /* X25519; NULL when loaded without wrap key (backupd needs none) */
	struct secret *curve_sk; /* CURVE, 32 octets */
	uint8_t engine_curve_pk[PUBLIC_LEN]; /* the local signer's; all zero on a backup */
	uint8_t engine_box_pk[PUBLIC_LEN];
};

/* Secrets of the local signer's engine. */
struct engine_identity {
	uint8_t node_id[NODE_ID_LEN];
	char node_id_text[NODE_ID_TEXT];
	uint8_t keydist_curve_pk[PUBLIC_LEN];
	uint8_t curve_pk[PUBLIC_LEN];
	uint8_t box_pk[PUBLIC_LEN];
	struct secret *curve_sk;
	struct secret *box_sk;
};

/*
 * identity_create - makes a node and writes its files, none of which may exist yet (ERR_EXISTS).
 *
 * path         identity file
 * engine_path  the local signer's file; NULL on a backup
 * wrap_path    the wrap key's file; NULL: path with ".wrap" behind it
 * first        this node is the first signer of its cluster
 * line_out     the public line
 *
 * What was written is removed again when a later file fails.
 */
int identity_create(const char *path, const char *engine_path, const char *wrap_path, bool first,
		    char line_out[NODE_LINE_TEXT], struct err *e);
/* wrap may be NULL: then box_sk is NULL.  A wrong wrap key is ERR_CRYPTO. */
int identity_load(const char *path, struct secret *wrap, struct identity *out, struct err *e);
/* Wipes; an identity of zeroes is fine. */
void identity_fini(struct identity *id);

int engine_identity_load(const char *path, struct engine_identity *out, struct err *e);
void engine_identity_fini(struct engine_identity *id);

/* Reads the wrap key where configuration says: "file:/path" or "systemd-credential:NAME"
 * ($CREDENTIALS_DIRECTORY). */
struct secret *wrap_key_load(const char *where, struct err *e);

/* Makes a recovery pair.  secret_line: the text "duetR1SECRET...", without newline, to be shown once or
 * written by secret_write; the caller frees it. */
int recovery_create(struct secret **secret_line, char line_out[RECOVERY_LINE_TEXT], struct err *e);
/* Reads a secret line (white space at the end is allowed) from a file of mode 0600; gives both halves. */
int recovery_load(const char *path, struct secret **box_sk, uint8_t box_pk[PUBLIC_LEN], struct err *e);

/* One of these lines from any text: for tests and fuzzing. 0 when it is a well-formed public line of either
 * kind. */
int identity_line_check(const char *text, struct err *e);

#endif
