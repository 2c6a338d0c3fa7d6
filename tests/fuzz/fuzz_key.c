/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_key: what lib/key reads from others.  The first octet says which: 'd' DNSKEY rdata and a signature
 * over it, 'k' a .key file, 'p' a .private file beside the .key file of an algorithm, 's' RRSIG rdata, 'n' an
 * NSEC3 label.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz_main.h"
#include "nsec/nsec.h"
#include "sign/rrsig.h"

static const uint8_t zone[] = "\007example\003net";
static char dir[64];

static void begin(void)
{
	struct err e;

	if (dir[0] != '\0')
		return;
	strcpy(dir, "/tmp/duet-fuzz-key-XXXXXX");
	if (secret_init(&e) != 0 || mkdtemp(dir) == NULL)
		abort();
}

static void put(const char *name, const uint8_t *data, size_t len)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert(f != NULL && fwrite(data, 1, len, f) == len && fclose(f) == 0);
	assert(chmod(path, 0600) == 0);
}

static void read_dir(void)
{
	struct key *keys[2];
	uint8_t sig[KEY_SIG_MAX];
	size_t n = 0, sig_len;
	struct err e = { .code = ERR_NONE };

	if (key_read_bind(dir, zone, keys, 2, &n, &e) != 0) {
		assert(e.code != ERR_NONE && e.text[0] != '\0');
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (key_has_private(keys[i])) {
			assert(key_sign(keys[i], zone, sizeof(zone), sig, &sig_len, &e) == 0);
			assert(key_verify(keys[i], zone, sizeof(zone), sig, sig_len, &e) == 0);
		}
		key_free(keys[i]);
	}
}

static void dnskey(const uint8_t *data, size_t len)
{
	struct key *k = NULL;
	struct err e = { .code = ERR_NONE };
	uint8_t ds[4 + 48];
	size_t back;

	if (key_from_dnskey(data, len, &k, &e) != 0) {
		assert(e.code != ERR_NONE && k == NULL);
		return;
	}
	assert(memcmp(key_rdata(k, &back), data, len) == 0 && back == len);
	assert(key_sig_len(k) <= KEY_SIG_MAX && key_tag(k) == dnskey_tag(data, len));
	key_ds(k, zone, 2, ds);
	key_verify(k, data, len, data, len < key_sig_len(k) ? len : key_sig_len(k), &e);
	key_free(k);
}

static void rrsig(const uint8_t *data, size_t len)
{
	/* RFC 8080 section 6.1 */
	static const uint8_t rdata[] = { 1,    1,    3,    15,   0x97, 0x4d, 0x96, 0xa2, 0x2d,
					 0x22, 0x4b, 0xc0, 0x1a, 0xdb, 0x91, 0x50, 0x91, 0x47,
					 0x7d, 0x44, 0xcc, 0xd9, 0x1c, 0x9a, 0x41, 0xa1, 0x14,
					 0x30, 0x01, 0x01, 0x17, 0xd5, 0x2c, 0x59, 0x24, 0x0e };
	static const uint8_t owner[] = "\001*\003WWW\007example\003net";
	const struct rr rr = { .owner = owner, .type = TYPE_A, .ttl = 5, .rdata = data, .rdlen = 4 };
	const struct rr sig = {
		.owner = owner, .type = TYPE_RRSIG, .ttl = 5, .rdata = data, .rdlen = (uint16_t)len
	};
	struct key *k = NULL;
	struct err e;

	if (len < 4 || len > UINT16_MAX)
		return;
	assert(key_from_dnskey(rdata, sizeof(rdata), &k, &e) == 0);
	rrsig_verify(&rr, 1, &sig, zone, k, &e);
	key_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char key_file[] =
		"example.net. IN DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF6"
		"4cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==\n";
	uint8_t hash[NSEC3_HASH_LEN], label[NSEC3_LABEL_LEN];

	begin();
	if (len == 0)
		return 0;
	if (data[0] == 'd') {
		dnskey(data + 1, len - 1);
	} else if (data[0] == 's') {
		rrsig(data + 1, len - 1);
	} else if (data[0] == 'n' && len > NSEC3_LABEL_LEN) {
		if (nsec3_unlabel(data + 1, hash) == 0) {
			nsec3_label(hash, label);
			assert(strncasecmp((const char *)label, (const char *)data + 1, sizeof(label)) == 0);
		}
	} else if (data[0] == 'k') {
		put("Kexample.net.+013+55648.key", data + 1, len - 1);
		put("Kexample.net.+013+55648.private", (const uint8_t *)"", 0);
		read_dir();
	} else if (data[0] == 'p' && len > 2) {
		put("Kexample.net.+013+55648.key", (const uint8_t *)key_file, sizeof(key_file) - 1);
		put("Kexample.net.+013+55648.private", data + 1, len - 1);
		read_dir();
	}
	return 0;
}

__attribute__((destructor)) static void end(void)
{
	char path[128];

	if (dir[0] == '\0')
		return;
	snprintf(path, sizeof(path), "%s/Kexample.net.+013+55648.key", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/Kexample.net.+013+55648.private", dir);
	unlink(path);
	rmdir(dir);
}
