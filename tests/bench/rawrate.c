/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rawrate [-t THREADS] [-s SECONDS] [-o OCTETS] [-e] ALGORITHM...
 *
 * How many signatures a second this machine makes, by DNSSEC algorithm number, when nothing else is done: the yardstick
 * of a signer.  Each thread has a key and contexts of its own and signs the same octets over and over: digest and
 * EVP_PKEY_sign with one context for RSA and ECDSA, libsodium for Ed25519 (-e: OpenSSL), EVP_DigestSign for Ed448.
 * -H takes OpenSSL's secure heap, as the programs do.  cpu_us is the processor's time for one signature, which other
 * programs on the machine disturb less than the rate.
 */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OCTETS_MAX 65536

static const struct algorithm {
	int number;
	const char *type, *group, *md;
} algorithms[] = {
	{ 8, "RSA", NULL, "SHA256" },
	{ 10, "RSA", NULL, "SHA512" },
	{ 13, "EC", "prime256v1", "SHA256" },
	{ 14, "EC", "secp384r1", "SHA384" },
	{ 15, "ED25519", NULL, NULL },
	{ 16, "ED448", NULL, NULL },
};

struct options {
	unsigned threads;
	double seconds;
	size_t octets;
	bool openssl_ed25519;
};

struct worker {
	const struct algorithm *alg;
	const struct options *o;
	pthread_t thread;
	double seconds, cpu; /* since begin() */
	unsigned long made;
	bool failed;
};

static atomic_bool stop;
static atomic_uint ready;

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static EVP_PKEY *make_key(const struct algorithm *a)
{
	if (strcmp(a->type, "RSA") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, a->type, (size_t)2048);
	if (a->group != NULL)
		return EVP_PKEY_Q_keygen(NULL, NULL, a->type, a->group);
	return EVP_PKEY_Q_keygen(NULL, NULL, a->type);
}

static void begin(struct worker *w)
{
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < w->o->threads)
		usleep(100);
	w->seconds = now(CLOCK_MONOTONIC);
	w->cpu = now(CLOCK_THREAD_CPUTIME_ID);
}

static bool by_digest(struct worker *w, EVP_PKEY *key, const uint8_t *data)
{
	EVP_MD *md = EVP_MD_fetch(NULL, w->alg->md, NULL);
	EVP_MD_CTX *digester = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	uint8_t digest[EVP_MAX_MD_SIZE], sig[1024];
	bool ok = EVP_PKEY_sign_init(ctx) > 0 && EVP_PKEY_CTX_set_signature_md(ctx, md) > 0;
	unsigned len;

	if (w->alg->group == NULL)
		ok = ok && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
	begin(w);
	while (ok && !atomic_load_explicit(&stop, memory_order_relaxed)) {
		size_t sig_len = sizeof(sig);

		ok = EVP_DigestInit_ex2(digester, md, NULL) && EVP_DigestUpdate(digester, data, w->o->octets) &&
		     EVP_DigestFinal_ex(digester, digest, &len) &&
		     EVP_PKEY_sign(ctx, sig, &sig_len, digest, len) > 0;
		w->made++;
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_MD_CTX_free(digester);
	EVP_MD_free(md);
	return ok;
}

static bool by_sodium(struct worker *w, const uint8_t *data)
{
	uint8_t pub[crypto_sign_ed25519_PUBLICKEYBYTES], secret[crypto_sign_ed25519_SECRETKEYBYTES];
	uint8_t sig[crypto_sign_ed25519_BYTES];

	crypto_sign_ed25519_keypair(pub, secret);
	begin(w);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		crypto_sign_ed25519_detached(sig, NULL, data, w->o->octets, secret);
		w->made++;
	}
	return true;
}

static bool by_eddsa(struct worker *w, EVP_PKEY *key, const uint8_t *data)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[128];
	bool ok = true;

	begin(w);
	while (ok && !atomic_load_explicit(&stop, memory_order_relaxed)) {
		size_t sig_len = sizeof(sig);

		ok = EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) > 0 &&
		     EVP_DigestSign(ctx, sig, &sig_len, data, w->o->octets) > 0;
		w->made++;
	}
	EVP_MD_CTX_free(ctx);
	return ok;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint8_t *data = calloc(1, OCTETS_MAX);
	EVP_PKEY *key = make_key(w->alg);

	if (key == NULL || data == NULL)
		w->failed = true;
	else if (w->alg->md != NULL)
		w->failed = !by_digest(w, key, data);
	else if (w->alg->number == 15 && !w->o->openssl_ed25519)
		w->failed = !by_sodium(w, data);
	else
		w->failed = !by_eddsa(w, key, data);
	w->seconds = now(CLOCK_MONOTONIC) - w->seconds;
	w->cpu = now(CLOCK_THREAD_CPUTIME_ID) - w->cpu;
	EVP_PKEY_free(key);
	free(data);
	return NULL;
}

static int measure(const struct algorithm *a, const struct options *o)
{
	struct worker *w = calloc(o->threads, sizeof(*w));
	double rate = 0, cpu = 0;
	unsigned long made = 0;
	bool failed = false;

	atomic_store(&stop, false);
	atomic_store(&ready, 0);
	for (unsigned i = 0; i < o->threads; i++) {
		w[i].alg = a;
		w[i].o = o;
		if (pthread_create(&w[i].thread, NULL, work, &w[i]) != 0)
			abort();
	}
	while (atomic_load(&ready) < o->threads)
		usleep(1000);
	usleep((useconds_t)(o->seconds * 1e6));
	atomic_store(&stop, true);
	for (unsigned i = 0; i < o->threads; i++) {
		pthread_join(w[i].thread, NULL);
		rate += (double)w[i].made / w[i].seconds;
		cpu += w[i].cpu;
		made += w[i].made;
		failed |= w[i].failed;
	}
	free(w);
	if (failed)
		return 1;
	printf("algorithm=%d threads=%u octets=%zu signatures_s=%.0f cpu_us=%.2f\n", a->number, o->threads, o->octets,
	       rate, cpu * 1e6 / (double)made);
	fflush(stdout);
	return 0;
}

static int misused(void)
{
	fputs("usage: rawrate [-t THREADS] [-s SECONDS] [-o OCTETS] [-e] [-H] ALGORITHM...\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct options o = { .threads = 1, .seconds = 1, .octets = 200 };
	int c, rc = 0;

	while ((c = getopt(argc, argv, "t:s:o:eH")) != -1) {
		if (c == 't')
			o.threads = (unsigned)atoi(optarg);
		else if (c == 's')
			o.seconds = atof(optarg);
		else if (c == 'o')
			o.octets = (size_t)atol(optarg);
		else if (c == 'e')
			o.openssl_ed25519 = true;
		else if (c != 'H' || CRYPTO_secure_malloc_init(4u << 20, 32) == 0)
			return misused();
	}
	if (o.threads < 1 || o.octets > OCTETS_MAX || o.seconds <= 0 || optind == argc || sodium_init() < 0)
		return misused();
	for (; optind < argc; optind++)
		for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
			if (algorithms[i].number == atoi(argv[optind]))
				rc |= measure(&algorithms[i], &o);
	return rc;
}
