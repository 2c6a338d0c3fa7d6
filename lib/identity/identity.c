/* SPDX-License-Identifier: BSD-3-Clause */
/* identity: makes and reads the files of a node's secrets. */
#include "identity/identity.h"

#include "arena/arena.h"
#include "identity/line.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NODE_SECRET     "duet1SECRET"
#define ENGINE_SECRET   "duetE1SECRET"
#define RECOVERY_SECRET "duetR1SECRET"

/* The payload of an identity file, octet for octet. */
struct node_payload {
	uint8_t flags; /* 1: first */
	uint8_t sign_seed[crypto_sign_SEEDBYTES];
	uint8_t curve_sk[PUBLIC_LEN];
	uint8_t box_nonce[crypto_secretbox_NONCEBYTES];
	uint8_t box_wrapped[crypto_secretbox_MACBYTES + PUBLIC_LEN];
	uint8_t engine_curve_pk[PUBLIC_LEN];
	uint8_t engine_box_pk[PUBLIC_LEN];
};
_Static_assert(sizeof(struct node_payload) == 201, "the identity file has no padding");

struct engine_payload {
	uint8_t node_id[NODE_ID_LEN];
	uint8_t keydist_curve_pk[PUBLIC_LEN];
	uint8_t curve_sk[PUBLIC_LEN];
	uint8_t box_sk[PUBLIC_LEN];
};
_Static_assert(sizeof(struct engine_payload) == 104, "the engine's file has no padding");

int line_read_secret(const char *prefix, struct secret *text, size_t len, struct secret **payload,
		     struct err *e)
{
	struct secret *s = secret_new(len);
	int rc = line_read(prefix, (const char *)secret_open(text), secret_len(text), secret_open_rw(s), len,
			   e);

	secret_close(s);
	secret_close(text);
	if (rc != 0) {
		secret_free(s);
		return -1;
	}
	*payload = s;
	return 0;
}

struct secret *line_write_secret(const char *prefix, struct secret *payload)
{
	struct secret *s = secret_new(LINE_TEXT_MAX);
	char *text = (char *)secret_open_rw(s);
	size_t len;

	line_write(prefix, secret_open(payload), secret_len(payload), text, LINE_TEXT_MAX);
	len = strlen(text);
	secret_close(payload);
	secret_close(s);
	secret_shrink(s, len);
	return s;
}

static int write_line_file(const char *path, const char *prefix, struct secret *payload, struct err *e)
{
	struct secret *text = line_write_secret(prefix, payload);
	int rc = secret_write(path, text, e);

	secret_free(text);
	return rc;
}

static struct secret *make_engine(struct node_payload *node, const uint8_t curve_pk[PUBLIC_LEN],
				  const uint8_t id[NODE_ID_LEN])
{
	struct secret *s = secret_new(sizeof(struct engine_payload));
	struct engine_payload *p = (void *)secret_open_rw(s);

	memcpy(p->node_id, id, NODE_ID_LEN);
	memcpy(p->keydist_curve_pk, curve_pk, PUBLIC_LEN);
	crypto_box_keypair(node->engine_curve_pk, p->curve_sk);
	crypto_box_keypair(node->engine_box_pk, p->box_sk);
	secret_close(s);
	return s;
}

/* Fills p and line from fresh random octets; the X25519 secret leaves only wrapped. */
static void make_node(struct node_payload *p, struct secret *wrap, bool first, struct node_line *line)
{
	struct secret *tmp = secret_new(crypto_sign_SECRETKEYBYTES);
	uint8_t *octets = secret_open_rw(tmp);

	p->flags = first ? 1 : 0;
	randombytes_buf(p->sign_seed, sizeof(p->sign_seed));
	crypto_sign_seed_keypair(line->sign_pk, octets, p->sign_seed);
	crypto_box_keypair(line->curve_pk, p->curve_sk);
	crypto_box_keypair(line->box_pk, octets);
	randombytes_buf(p->box_nonce, sizeof(p->box_nonce));
	crypto_secretbox_easy(p->box_wrapped, octets, PUBLIC_LEN, p->box_nonce, secret_open(wrap));
	secret_close(wrap);
	secret_close(tmp);
	secret_free(tmp);
}

int identity_create(const char *path, const char *engine_path, const char *wrap_path, bool first,
		    char line_out[NODE_LINE_TEXT], struct err *e)
{
	char *wrap_file = wrap_path != NULL ? mem_strdup(wrap_path) : mem_printf("%s.wrap", path);
	struct secret *wrap = secret_random(WRAP_KEY_LEN), *engine = NULL;
	struct secret *node = secret_new(sizeof(struct node_payload));
	struct node_payload *p = (void *)secret_open_rw(node);
	uint8_t id[NODE_ID_LEN];
	struct node_line line;
	int rc = -1;

	make_node(p, wrap, first, &line);
	node_id_of(line.sign_pk, id);
	if (engine_path != NULL)
		engine = make_engine(p, line.curve_pk, id);
	secret_close(node);
	if (write_line_file(path, NODE_SECRET, node, e) != 0)
		goto out;
	if (secret_write(wrap_file, wrap, e) != 0)
		goto no_wrap;
	if (engine != NULL && write_line_file(engine_path, ENGINE_SECRET, engine, e) != 0)
		goto no_engine;
	node_line_text(&line, line_out);
	rc = 0;
	goto out;
no_engine:
	unlink(wrap_file);
no_wrap:
	unlink(path);
out:
	secret_free(node);
	secret_free(engine);
	secret_free(wrap);
	free(wrap_file);
	return rc;
}

static int unwrap_box(const struct node_payload *p, struct secret *wrap, struct identity *out, struct err *e)
{
	int rc;

	if (secret_len(wrap) != WRAP_KEY_LEN)
		return err_set(e, ERR_CRYPTO, "the wrap key has %zu octets, must be %d", secret_len(wrap),
			       WRAP_KEY_LEN);
	out->box_sk = secret_new(PUBLIC_LEN);
	rc = crypto_secretbox_open_easy(secret_open_rw(out->box_sk), p->box_wrapped, sizeof(p->box_wrapped),
					p->box_nonce, secret_open(wrap));
	if (rc == 0)
		crypto_scalarmult_base(out->line.box_pk, secret_open(out->box_sk));
	if (rc == 0)
		secret_close(out->box_sk);
	secret_close(out->box_sk);
	secret_close(wrap);
	return rc == 0 ? 0 : err_set(e, ERR_CRYPTO, "the wrap key does not open this identity");
}

int identity_load(const char *path, struct secret *wrap, struct identity *out, struct err *e)
{
	struct secret *text = NULL, *payload = NULL;
	const struct node_payload *p;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if ((text = secret_read(path, LINE_TEXT_MAX + 8, e)) == NULL)
		return -1;
	if (line_read_secret(NODE_SECRET, text, sizeof(*p), &payload, e) != 0)
		goto out;
	p = (const void *)secret_open(payload);
	out->first = (p->flags & 1) != 0;
	out->sign_sk = secret_new(crypto_sign_SECRETKEYBYTES);
	crypto_sign_seed_keypair(out->line.sign_pk, secret_open_rw(out->sign_sk), p->sign_seed);
	secret_close(out->sign_sk);
	out->curve_sk = secret_from(p->curve_sk, PUBLIC_LEN);
	crypto_scalarmult_base(out->line.curve_pk, p->curve_sk);
	memcpy(out->engine_curve_pk, p->engine_curve_pk, PUBLIC_LEN);
	memcpy(out->engine_box_pk, p->engine_box_pk, PUBLIC_LEN);
	node_id_of(out->line.sign_pk, out->id);
	node_id_text(out->id, out->id_text);
	rc = wrap == NULL ? 0 : unwrap_box(p, wrap, out, e);
	secret_close(payload);
out:
	secret_free(payload);
	secret_free(text);
	if (rc != 0) {
		identity_fini(out);
		return err_ctx(e, "%s", path);
	}
	return 0;
}

void identity_fini(struct identity *id)
{
	secret_free(id->sign_sk);
	secret_free(id->box_sk);
	secret_free(id->curve_sk);
	memset(id, 0, sizeof(*id));
}

int engine_identity_load(const char *path, struct engine_identity *out, struct err *e)
{
	struct secret *text = NULL, *payload = NULL;
	const struct engine_payload *p;

	memset(out, 0, sizeof(*out));
	if ((text = secret_read(path, LINE_TEXT_MAX + 8, e)) == NULL)
		return -1;
	if (line_read_secret(ENGINE_SECRET, text, sizeof(*p), &payload, e) != 0) {
		secret_free(text);
		return err_ctx(e, "%s", path);
	}
	p = (const void *)secret_open(payload);
	memcpy(out->node_id, p->node_id, NODE_ID_LEN);
	node_id_text(out->node_id, out->node_id_text);
	memcpy(out->keydist_curve_pk, p->keydist_curve_pk, PUBLIC_LEN);
	out->curve_sk = secret_from(p->curve_sk, PUBLIC_LEN);
	out->box_sk = secret_from(p->box_sk, PUBLIC_LEN);
	crypto_scalarmult_base(out->curve_pk, p->curve_sk);
	crypto_scalarmult_base(out->box_pk, p->box_sk);
	secret_close(payload);
	secret_free(payload);
	secret_free(text);
	return 0;
}

void engine_identity_fini(struct engine_identity *id)
{
	secret_free(id->curve_sk);
	secret_free(id->box_sk);
	memset(id, 0, sizeof(*id));
}

struct secret *wrap_key_load(const char *where, struct err *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	struct secret *s = NULL;
	char *path;

	if (strncmp(where, "file:", 5) == 0) {
		path = mem_strdup(where + 5);
	} else if (strncmp(where, "systemd-credential:", 19) == 0) {
		if (dir == NULL) {
			err_set(e, ERR_NOTFOUND, "%s: systemd gave no credentials", where);
			return NULL;
		}
		path = mem_printf("%s/%s", dir, where + 19);
	} else {
		err_set(e, ERR_SYNTAX, "%s: a wrap key is at file:PATH or systemd-credential:NAME", where);
		return NULL;
	}
	s = secret_read(path, WRAP_KEY_LEN, e);
	if (s != NULL && secret_len(s) != WRAP_KEY_LEN) {
		err_set(e, ERR_SYNTAX, "%s: %zu octets, a wrap key has %d", path, secret_len(s),
			WRAP_KEY_LEN);
		secret_free(s);
		s = NULL;
	}
	free(path);
	return s;
}

int recovery_create(struct secret **secret_line, char line_out[RECOVERY_LINE_TEXT], struct err *e)
{
	struct secret *sk = secret_new(PUBLIC_LEN);
	uint8_t pk[PUBLIC_LEN];

	(void)e;
	crypto_box_keypair(pk, secret_open_rw(sk));
	secret_close(sk);
	*secret_line = line_write_secret(RECOVERY_SECRET, sk);
	recovery_line_text(pk, line_out);
	secret_free(sk);
	return 0;
}

int recovery_load(const char *path, struct secret **box_sk, uint8_t box_pk[PUBLIC_LEN], struct err *e)
{
	struct secret *text = secret_read(path, LINE_TEXT_MAX, e);
	int rc;

	if (text == NULL)
		return -1;
	rc = line_read_secret(RECOVERY_SECRET, text, PUBLIC_LEN, box_sk, e);
	secret_free(text);
	if (rc != 0)
		return err_ctx(e, "%s", path);
	crypto_scalarmult_base(box_pk, secret_open(*box_sk));
	secret_close(*box_sk);
	return 0;
}
