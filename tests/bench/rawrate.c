/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rawrate [-t THREADS] [-s SECONDS] [-o OCTETS] [-w WAY] [-v] [-r] [-i] ALGORITHM
 *
 * How many signatures a second this machine makes, or with -v verifies, by DNSSEC algorithm number, when
 * nothing else is done: the yardstick of a signer and an auditor.  Each thread has a key and contexts of its own
 * and the same octets over and over.  Without -w each public call that does it is tried in turn, TRIALS times,
 * and the one with the best median counts.  Random octets are the kernel's, as in the programs that sign; -r:
 * those of OpenSSL's generators.  The secure heap is OpenSSL's, as in the programs.
 *
 * One line for each way: cpu_us is the processor's time for one signature, which other programs disturb less than
 * the rate.  With -i, then one line with the best way's rate in SECONDS for each line of standard input: slices
 * between those of a program that is stopped meanwhile.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "key/key.h"
#include "secret/secret.h"

#define OCTETS_MAX 65536
#define TRIALS 3

struct state; /* what one thread has: key, contexts, a signature that verifies */

struct way {
	int algorithm;
	const char *name, *type, *group, *md;
	bool (*sign)(struct state *s);
	bool (*verify)(struct state *s);
};

struct state {
	const struct way *way;
	EVP_PKEY *key;
	EC_KEY *ec;	/* the same key, for the deprecated call */
	EVP_MD *md;
	EVP_MD_CTX *digester;
	EVP_PKEY_CTX *ctx;
	ECDSA_SIG *pair;
	uint8_t pub[crypto_sign_ed25519_PUBLICKEYBYTES], secret[crypto_sign_ed25519_SECRETKEYBYTES];
	uint8_t sig[1024];
	size_t sig_len;
};

static uint8_t octets[OCTETS_MAX];
static size_t octets_n = 200;

static bool digest_to(struct state *s, uint8_t *digest, unsigned *len)
{
	return EVP_DigestInit_ex2(s->digester, s->md, NULL) && EVP_DigestUpdate(s->digester, octets, octets_n) &&
	       EVP_DigestFinal_ex(s->digester, digest, len);
}

static bool set_up(struct state *s, int (*init)(EVP_PKEY_CTX *))
{
	return init(s->ctx) > 0 && EVP_PKEY_CTX_set_signature_md(s->ctx, s->md) > 0 &&
	       (s->way->group != NULL || EVP_PKEY_CTX_set_rsa_padding(s->ctx, RSA_PKCS1_PADDING) > 0);
}

/* A context that lasts: digest, then EVP_PKEY_sign. */
static bool evp_sign(struct state *s)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	s->sig_len = sizeof(s->sig);
	return digest_to(s, digest, &len) && EVP_PKEY_sign(s->ctx, s->sig, &s->sig_len, digest, len) > 0;
}

static bool evp_verify(struct state *s)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	return digest_to(s, digest, &len) && EVP_PKEY_verify(s->ctx, s->sig, s->sig_len, digest, len) == 1;
}

/* EVP_DigestSign, with a new context each time. */
static bool once_sign(struct state *s)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	s->sig_len = sizeof(s->sig);
	ok = EVP_DigestSignInit_ex(ctx, NULL, s->way->md, NULL, NULL, s->key, NULL) > 0 &&
	     EVP_DigestSign(ctx, s->sig, &s->sig_len, octets, octets_n) > 0;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool once_verify(struct state *s)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = EVP_DigestVerifyInit_ex(ctx, NULL, s->way->md, NULL, NULL, s->key, NULL) > 0 &&
		  EVP_DigestVerify(ctx, s->sig, s->sig_len, octets, octets_n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* ECDSA_do_sign, which is deprecated and goes not through DER. */
static bool ecdsa_sign(struct state *s)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	ECDSA_SIG_free(s->pair);
	s->pair = NULL;
	return digest_to(s, digest, &len) && (s->pair = ECDSA_do_sign(digest, (int)len, s->ec)) != NULL;
}

static bool ecdsa_verify(struct state *s)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	return digest_to(s, digest, &len) && ECDSA_do_verify(digest, (int)len, s->pair, s->ec) == 1;
}

static bool sodium_sign(struct state *s)
{
	return crypto_sign_ed25519_detached(s->sig, NULL, octets, octets_n, s->secret) == 0;
}

static bool sodium_verify(struct state *s)
{
	return crypto_sign_ed25519_verify_detached(s->sig, octets, octets_n, s->pub) == 0;
}

static const struct way ways[] = {
	{ 8, "EVP_PKEY", "RSA", NULL, "SHA256", evp_sign, evp_verify },
	{ 10, "EVP_PKEY", "RSA", NULL, "SHA512", evp_sign, evp_verify },
	{ 13, "EVP_Digest-new", "EC", "prime256v1", "SHA256", once_sign, once_verify },
	{ 13, "EVP_PKEY", "EC", "prime256v1", "SHA256", evp_sign, evp_verify },
	{ 13, "ECDSA_do", "EC", "prime256v1", "SHA256", ecdsa_sign, ecdsa_verify },
	{ 14, "EVP_PKEY", "EC", "secp384r1", "SHA384", evp_sign, evp_verify },
	{ 14, "ECDSA_do", "EC", "secp384r1", "SHA384", ecdsa_sign, ecdsa_verify },
	{ 15, "EVP_Digest-new", "ED25519", NULL, NULL, once_sign, once_verify },
	{ 15, "libsodium", NULL, NULL, NULL, sodium_sign, sodium_verify },
	{ 16, "EVP_Digest-new", "ED448", NULL, NULL, once_sign, once_verify },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static EVP_PKEY *make_key(const struct way *w)
{
	if (strcmp(w->type, "RSA") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, w->type, (size_t)2048);
	if (w->group != NULL)
		return EVP_PKEY_Q_keygen(NULL, NULL, w->type, w->group);
	return EVP_PKEY_Q_keygen(NULL, NULL, w->type);
}

static void fail(const char *what)
{
	fprintf(stderr, "rawrate: %s\n", what);
	exit(1);
}

static struct state *state_new(const struct way *w, bool verify)
{
	struct state *s = calloc(1, sizeof(*s));
	bool ok = true;

	s->way = w;
	if (w->type == NULL)
		crypto_sign_ed25519_keypair(s->pub, s->secret);
	else
		ok = (s->key = make_key(w)) != NULL;
	if (ok && w->md != NULL) {
		s->md = EVP_MD_fetch(NULL, w->md, NULL);
		s->digester = EVP_MD_CTX_new();
		s->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, s->key, NULL);
		s->ec = w->group != NULL ? EVP_PKEY_get1_EC_KEY(s->key) : NULL;
		ok = set_up(s, EVP_PKEY_sign_init);
	}
	ok = ok && w->sign(s);
	if (ok && verify && s->ctx != NULL)
		ok = set_up(s, EVP_PKEY_verify_init);
	if (!ok)
		fail(w->name);
	return s;
}

static void state_free(struct state *s)
{
	ECDSA_SIG_free(s->pair);
	EC_KEY_free(s->ec);
	EVP_PKEY_CTX_free(s->ctx);
	EVP_MD_CTX_free(s->digester);
	EVP_MD_free(s->md);
	EVP_PKEY_free(s->key);
	free(s);
}

struct options {
	unsigned threads;
	double seconds;
	bool verify;
};

struct worker {
	const struct options *o;
	const struct way *way;
	struct state *state;
	pthread_t thread;
	double seconds, cpu; /* since begin() */
	unsigned long made;
	bool failed;
};

struct rate {
	double a_second, cpu_us;
};

static atomic_bool stop;
static atomic_uint ready;

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < w->o->threads)
		usleep(100);
	w->seconds = now(CLOCK_MONOTONIC);
	w->cpu = now(CLOCK_THREAD_CPUTIME_ID);
	while (!w->failed && !atomic_load_explicit(&stop, memory_order_relaxed)) {
		w->failed = !(w->o->verify ? w->way->verify : w->way->sign)(w->state);
		w->made++;
	}
	w->seconds = now(CLOCK_MONOTONIC) - w->seconds;
	w->cpu = now(CLOCK_THREAD_CPUTIME_ID) - w->cpu;
	return NULL;
}

/* All threads at once, for o->seconds; states: one a thread. */
static struct rate measure(const struct options *o, const struct way *way, struct state **states)
{
	struct worker *w = calloc(o->threads, sizeof(*w));
	struct rate r = { 0, 0 };
	unsigned long made = 0;

	atomic_store(&stop, false);
	atomic_store(&ready, 0);
	for (unsigned i = 0; i < o->threads; i++) {
		w[i] = (struct worker){ .o = o, .way = way, .state = states[i] };
		if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
			fail("no thread");
	}
	while (atomic_load(&ready) < o->threads)
		usleep(100);
	usleep((useconds_t)(o->seconds * 1e6));
	atomic_store(&stop, true);
	for (unsigned i = 0; i < o->threads; i++) {
		pthread_join(w[i].thread, NULL);
		if (w[i].failed)
			fail(way->name);
		r.a_second += (double)w[i].made / w[i].seconds;
		r.cpu_us += w[i].cpu * 1e6;
		made += w[i].made;
	}
	r.cpu_us /= (double)made;
	free(w);
	return r;
}

static void say(const struct options *o, const struct way *way, struct rate r)
{
	printf("algorithm=%d way=%s threads=%u octets=%zu %s=%.0f cpu_us=%.2f\n", way->algorithm, way->name,
	       o->threads, octets_n, o->verify ? "verifications_s" : "signatures_s", r.a_second, r.cpu_us);
	fflush(stdout);
}

static int by_rate(const void *a, const void *b)
{
	const struct rate *x = a, *y = b;

	return (x->a_second > y->a_second) - (x->a_second < y->a_second);
}

static struct state **states_of(const struct options *o, const struct way *way)
{
	struct state **s = calloc(o->threads, sizeof(struct state *));

	for (unsigned i = 0; i < o->threads; i++)
		s[i] = state_new(way, o->verify);
	return s;
}

/* The n ways in turn, so that a slow moment hits them alike; slices of the best one after that. */
static int compare(const struct options *o, const struct way **of, size_t n, bool slices)
{
	struct state ***states = calloc(n, sizeof(*states));
	struct rate got[WAYS][TRIALS];
	size_t best = 0;
	char line[80];

	for (size_t i = 0; i < n; i++)
		states[i] = states_of(o, of[i]);
	for (size_t t = 0; t < TRIALS; t++)
		for (size_t i = 0; i < n; i++)
			got[i][t] = measure(o, of[i], states[i]);
	for (size_t i = 0; i < n; i++) {
		qsort(got[i], TRIALS, sizeof(got[i][0]), by_rate);
		say(o, of[i], got[i][TRIALS / 2]);
		if (got[i][TRIALS / 2].a_second > got[best][TRIALS / 2].a_second)
			best = i;
	}
	if (slices)
		say(o, of[best], got[best][TRIALS / 2]);
	while (slices && fgets(line, sizeof(line), stdin) != NULL)
		say(o, of[best], measure(o, of[best], states[best]));
	for (size_t i = 0; i < n; i++) {
		for (unsigned t = 0; t < o->threads; t++)
			state_free(states[i][t]);
		free(states[i]);
	}
	free(states);
	return 0;
}

static int misused(void)
{
	fputs("usage: rawrate [-t THREADS] [-s SECONDS] [-o OCTETS] [-w WAY] [-v] [-r] [-i] ALGORITHM\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct options o = { .threads = 1, .seconds = 1 };
	bool slices = false, kernel = true;
	const struct way *chosen[WAYS];
	const char *only = NULL;
	struct err e;
	size_t n = 0;
	int c;

	while ((c = getopt(argc, argv, "t:s:o:w:vri")) != -1) {
		switch (c) {
		case 't': o.threads = (unsigned)atoi(optarg); break;
		case 's': o.seconds = atof(optarg); break;
		case 'o': octets_n = (size_t)atol(optarg); break;
		case 'w': only = optarg; break;
		case 'v': o.verify = true; break;
		case 'r': kernel = false; break;
		case 'i': slices = true; break;
		default: return misused();
		}
	}
	if (o.threads < 1 || octets_n > OCTETS_MAX || o.seconds <= 0 || optind + 1 != argc)
		return misused();
	if (secret_init(&e) != 0 || (kernel && key_random_init(&e) != 0))
		fail(e.text);
	for (size_t i = 0; i < WAYS; i++)
		if (ways[i].algorithm == atoi(argv[optind]) && (o.verify ? ways[i].verify : ways[i].sign) != NULL &&
		    (only == NULL || strcmp(only, ways[i].name) == 0))
			chosen[n++] = &ways[i];
	return n == 0 ? misused() : compare(&o, chosen, n, slices);
}
