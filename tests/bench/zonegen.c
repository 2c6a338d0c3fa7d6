/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zonegen - writes zones for benchmarks and tests: the same arguments give the same octets.
 *
 *   zonegen tld  [-n DELEGATIONS] [-d DS_PERCENT] [-s SEED] [-o ORIGIN] [-S SERIAL]
 *   zonegen host [-n NAMES]       [-s SEED] [-o ORIGIN] [-S SERIAL]
 *   zonegen farm [-n ZONES]       [-s SEED] [-o PARENT] [-S SERIAL] -D FOLDER
 *
 * tld and host write one zone to standard output, farm writes FOLDER/<zone>.zone for each zone and
 * FOLDER/zones.txt with their names.  One record a line, names in full, owners in no order, as an export from
 * a database has them.
 *
 * tld: each delegation has 2 to 4 NS; 80 % at providers elsewhere, few of which hold most; 10 % below
 * themselves, with glue; 10 % at the glue of another one.  -d percent have a DS. host: addresses, aliases,
 * MX, TXT with every kind of escape, SRV and deep names over empty non-terminals, wildcards, CAA. farm: small
 * zones of 19 to 23 records: mail, web, SPF, DKIM, DMARC.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN 300
#define APEX     ""

struct zonegen {
	FILE *out;
	char origin[NAME_LEN]; /* without final dot */
	uint64_t seed;
	uint32_t serial;
	unsigned ds_percent;
	uint64_t entries;
	uint64_t records, delegations, ds, glue;
};

/* Every draw is a function of seed, entry and purpose alone, so entries do not depend on each other's order.
 */
enum draw {
	DRAW_KIND,
	DRAW_COUNT,
	DRAW_OTHER,
	DRAW_PROVIDER,
	DRAW_BASE,
	DRAW_SUFFIX,
	DRAW_SUFFIX_WHICH,
	DRAW_HAS_DS,
	DRAW_TAG,
	DRAW_ALGORITHM,
	DRAW_DEEP,
	DRAW_AAAA,
	DRAW_MX,
	DRAW_TXT,
	DRAW_TXT_KIND,
	DRAW_SRV,
	DRAW_BELOW,
	DRAW_CAA,
	DRAW_TARGET,
	DRAW_OPTION,
	DRAW_ADDRESS = 32,
	DRAW_ADDRESS6 = 48,
	DRAW_OCTETS = 64,
};

static uint64_t scramble(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

static uint64_t draw(const struct zonegen *g, uint64_t entry, unsigned purpose)
{
	return scramble(scramble(scramble(g->seed + 1) + entry + 1) + purpose + 1);
}

static unsigned draw_below(const struct zonegen *g, uint64_t entry, unsigned purpose, unsigned n)
{
	return (unsigned)(draw(g, entry, purpose) % n);
}

/* An entry's label: syllables of a number that no other entry has (a bijection of 32 bits), some with a word
 * behind. */
static const char *label(const struct zonegen *g, uint64_t entry, char to[48])
{
	static const char *const words[] = { "shop", "online", "web", "24", "group", "x1" };
	uint32_t n = (uint32_t)entry;
	size_t at = 0;

	n = (n ^ (uint32_t)scramble(g->seed)) * UINT32_C(0x9e3779b1);
	n = (n ^ n >> 15) * UINT32_C(0x85ebca6b);
	n ^= n >> 13;
	do {
		to[at++] = "bcdfghjklmnprstv"[n % 16];
		to[at++] = "aeiou"[n / 16 % 5];
		n /= 80;
	} while (n > 0);
	to[at] = '\0';
	/* No label has '-' but these. */
	if (draw_below(g, entry, DRAW_SUFFIX, 5) == 0)
		snprintf(to + at, 48 - at, "-%s", words[draw_below(g, entry, DRAW_SUFFIX_WHICH, 6)]);
	return to;
}

__attribute__((format(printf, 5, 6))) static void record(struct zonegen *g, const char *owner, unsigned ttl,
							 const char *type, const char *rdata, ...)
{
	va_list ap;

	fprintf(g->out, "%s%s%s.\t%u\tIN\t%s\t", owner, owner[0] != '\0' ? "." : "", g->origin, ttl, type);
	va_start(ap, rdata);
	vfprintf(g->out, rdata, ap);
	va_end(ap);
	fputc('\n', g->out);
	g->records++;
}

static void address4(struct zonegen *g, const char *owner, unsigned ttl, uint64_t r)
{
	record(g, owner, ttl, "A", "%u.%u.%u.%u", (unsigned)(11 + r % 200), (unsigned)(r >> 16 & 255),
	       (unsigned)(r >> 24 & 255), (unsigned)(r >> 32 & 255));
}

static void address6(struct zonegen *g, const char *owner, unsigned ttl, uint64_t r)
{
	record(g, owner, ttl, "AAAA", "2001:db8:%x:%x::%x", (unsigned)(r % 65535 + 1),
	       (unsigned)((r >> 16) % 65535 + 1), (unsigned)((r >> 32) % 65535 + 1));
}

static void apex(struct zonegen *g, unsigned soa_ttl, unsigned servers)
{
	char host[32];

	record(g, APEX, soa_ttl, "SOA", "ns1.nic.%s. hostmaster.nic.%s. %" PRIu32 " 1800 900 604800 3600",
	       g->origin, g->origin, g->serial);
	for (unsigned i = 1; i <= servers; i++) {
		record(g, APEX, 86400, "NS", "ns%u.nic.%s.", i, g->origin);
		snprintf(host, sizeof(host), "ns%u.nic", i);
		address4(g, host, 86400, draw(g, i, DRAW_ADDRESS));
		address6(g, host, 86400, draw(g, i, DRAW_ADDRESS6));
	}
}

/* tld */

#define NS_TTL 172800
#define DS_TTL 86400

enum place { ELSEWHERE, BELOW_ITSELF, AT_ANOTHER };

static enum place servers_of(const struct zonegen *g, uint64_t entry)
{
	unsigned p = draw_below(g, entry, DRAW_KIND, 100);

	return p < 80 ? ELSEWHERE : p < 90 ? BELOW_ITSELF : AT_ANOTHER;
}

static unsigned server_count(const struct zonegen *g, uint64_t entry)
{
	unsigned p = draw_below(g, entry, DRAW_COUNT, 100);

	return p < 55 ? 2 : p < 80 ? 3 : 4;
}

static void provider_servers(struct zonegen *g, uint64_t entry, const char *me)
{
	static const char *const top[] = { "net", "com", "org", "example" };
	uint64_t providers = g->entries < 1000 ? 10 : g->entries / 100, provider;
	unsigned base = 4 * draw_below(g, entry, DRAW_BASE, 3);
	double u = (double)(draw(g, entry, DRAW_PROVIDER) >> 11) / 9007199254740992.0;

	provider = (uint64_t)((double)providers * u * u * u); /* cubed: small numbers are drawn most */
	for (unsigned i = 1; i <= server_count(g, entry); i++)
		record(g, me, NS_TTL, "NS", "ns%u.dns-provider%" PRIu64 ".%s.", base + i, provider,
		       top[provider % 4]);
}

/* The entry whose glue this one uses, itself when there is none near. */
static uint64_t glue_owner(const struct zonegen *g, uint64_t entry)
{
	uint64_t other = draw(g, entry, DRAW_OTHER) % g->entries;

	for (unsigned tries = 0; tries < 200; tries++, other = (other + 1) % g->entries)
		if (servers_of(g, other) == BELOW_ITSELF)
			return other;
	return entry;
}

static void own_servers(struct zonegen *g, uint64_t entry, const char *me)
{
	for (unsigned i = 1; i <= server_count(g, entry); i++) {
		char host[80];

		snprintf(host, sizeof(host), "ns%u.%s", i, me);
		record(g, me, NS_TTL, "NS", "%s.%s.", host, g->origin);
		address4(g, host, NS_TTL, draw(g, entry, DRAW_ADDRESS + i));
		g->glue++;
		if (draw(g, entry, DRAW_ADDRESS6 + i) % 2 == 0)
			continue;
		address6(g, host, NS_TTL, draw(g, entry, DRAW_ADDRESS6 + i));
		g->glue++;
	}
}

static void delegation(struct zonegen *g, uint64_t entry)
{
	char me[48], whose[48];
	enum place place = servers_of(g, entry);
	uint64_t owner = place == AT_ANOTHER ? glue_owner(g, entry) : entry;

	label(g, entry, me);
	g->delegations++;
	if (place == BELOW_ITSELF) {
		own_servers(g, entry, me);
	} else if (owner != entry) {
		label(g, owner, whose);
		for (unsigned i = 1; i <= server_count(g, owner); i++)
			record(g, me, NS_TTL, "NS", "ns%u.%s.%s.", i, whose, g->origin);
	} else {
		provider_servers(g, entry, me);
	}
	if (draw_below(g, entry, DRAW_HAS_DS, 100) >= g->ds_percent)
		return;
	g->ds++;
	unsigned p = draw_below(g, entry, DRAW_ALGORITHM, 100);
	record(g, me, DS_TTL, "DS", "%u %u 2 %016" PRIX64 "%016" PRIX64 "%016" PRIX64 "%016" PRIX64,
	       draw_below(g, entry, DRAW_TAG, 65536),
	       p < 60   ? 13
	       : p < 95 ? 8
			: 15,
	       draw(g, entry, DRAW_OCTETS), draw(g, entry, DRAW_OCTETS + 1), draw(g, entry, DRAW_OCTETS + 2),
	       draw(g, entry, DRAW_OCTETS + 3));
}

static void tld(struct zonegen *g)
{
	apex(g, 900, 4);
	record(g, APEX, 3600, "TXT", "\"generated zone\" \"seed %" PRIu64 "\"", g->seed);
	for (uint64_t i = 0; i < g->entries; i++)
		delegation(g, i);
}

/* host */

static void text(struct zonegen *g, const char *owner, uint64_t entry)
{
	uint64_t r = draw(g, entry, DRAW_OCTETS);

	switch (draw_below(g, entry, DRAW_TXT_KIND, 4)) {
	case 0:
		record(g, owner, 3600, "TXT", "\"v=spf1 ip4:192.0.2.%u include:_spf.example.net -all\"",
		       (unsigned)(r & 255));
		return;
	case 1:
		record(g, owner, 3600, "TXT", "\"k=v; id=%" PRIx64 "\" \"say \\\"hi\\\"\" \"\"", r);
		return;
	case 2:
		record(g, owner, 3600, "TXT", "\"bin\\000\\127\\255%08" PRIx32 "\"", (uint32_t)r);
		return;
	default:
		break;
	}
	char key[8 * 16 + 1];

	for (unsigned i = 0; i < 8; i++)
		snprintf(key + 16 * i, 17, "%016" PRIx64, draw(g, entry, DRAW_OCTETS + i));
	record(g, owner, 3600, "TXT", "\"v=DKIM1; k=rsa; p=%s\"", key);
}

static void alias(struct zonegen *g, uint64_t entry, const char *me)
{
	uint64_t r = draw(g, entry, DRAW_TARGET);
	char other[48];

	if (r % 2 == 0)
		record(g, me, 3600, "CNAME", "%s.%s.", label(g, r / 2 % g->entries, other), g->origin);
	else
		record(g, me, 3600, "CNAME", "cdn%u.edge.example.net.", (unsigned)(r / 2 % 1000));
}

static void addresses(struct zonegen *g, uint64_t entry, const char *owner)
{
	unsigned p = draw_below(g, entry, DRAW_COUNT, 100), count = p < 85 ? 1 : p < 93 ? 2 : 3;

	for (unsigned i = 0; i < count; i++)
		address4(g, owner, 3600, draw(g, entry, DRAW_ADDRESS + i));
	if (draw_below(g, entry, DRAW_AAAA, 100) < 40)
		address6(g, owner, 3600, draw(g, entry, DRAW_ADDRESS6));
}

/* What only names right below the apex have: a service, a wildcard below them, CAA. */
static void extras(struct zonegen *g, uint64_t entry, const char *me)
{
	uint64_t r = draw(g, entry, DRAW_OPTION);
	char owner[160];

	if (draw_below(g, entry, DRAW_SRV, 100) < 5) {
		snprintf(owner, sizeof(owner), "_%s._tcp.%s", r % 2 == 0 ? "sip" : "xmpp-server", me);
		record(g, owner, 7200, "SRV", "%u 5 %u %s.%s.", (unsigned)(r >> 8 & 15),
		       (unsigned)(1024 + (r >> 16) % 60000), me, g->origin);
	}
	if (draw_below(g, entry, DRAW_BELOW, 100) < 2) {
		snprintf(owner, sizeof(owner), "*.%s", me);
		record(g, owner, 300, "CNAME", "%s.%s.", me, g->origin);
	}
	if (draw_below(g, entry, DRAW_CAA, 100) < 1)
		record(g, me, 3600, "CAA", "0 issue \"ca%u.example.net\"", (unsigned)(r >> 32) % 10);
}

static void host_entry(struct zonegen *g, uint64_t entry)
{
	unsigned kind = draw_below(g, entry, DRAW_KIND, 100);
	uint64_t deep = draw(g, entry, DRAW_DEEP);
	char me[48], other[48], owner[160];

	label(g, entry, me);
	if (kind < 10) {
		alias(g, entry, me);
		return;
	}
	if (kind < 13)
		snprintf(owner, sizeof(owner), "h%u.rack%u.row%u.dc%u.%s", (unsigned)(deep % 40),
			 (unsigned)(deep >> 8) % 20, (unsigned)(deep >> 16) % 10, (unsigned)(deep >> 24) % 4,
			 me);
	else
		snprintf(owner, sizeof(owner), "%s%s", kind < 15 ? "*." : "", me);
	addresses(g, entry, owner);
	if (draw_below(g, entry, DRAW_MX, 100) < 12) {
		uint64_t r = draw(g, entry, DRAW_OTHER);

		record(g, owner, 3600, "MX", "10 %s.%s.", label(g, r % g->entries, other), g->origin);
		record(g, owner, 3600, "MX", "20 mx%u.mail.example.net.", (unsigned)(r >> 40) % 100);
	}
	if (draw_below(g, entry, DRAW_TXT, 100) < 15)
		text(g, owner, entry);
	if (kind >= 15)
		extras(g, entry, me);
}

static void host(struct zonegen *g)
{
	apex(g, 3600, 2);
	record(g, APEX, 3600, "MX", "10 mx1.mail.example.net.");
	record(g, APEX, 3600, "TXT", "\"generated zone\" \"seed %" PRIu64 "\"", g->seed);
	for (uint64_t i = 0; i < g->entries; i++)
		host_entry(g, i);
}

/* farm */

static void farm_zone(struct zonegen *g, uint64_t entry)
{
	uint64_t r = draw(g, entry, DRAW_OPTION);

	apex(g, 3600, 2);
	address4(g, APEX, 3600, draw(g, entry, DRAW_ADDRESS));
	address6(g, APEX, 3600, draw(g, entry, DRAW_ADDRESS6));
	record(g, APEX, 3600, "MX", "10 mail.%s.", g->origin);
	record(g, APEX, 3600, "MX", "20 mx%u.mail.example.net.", (unsigned)(r >> 8) % 100);
	record(g, APEX, 3600, "TXT", "\"v=spf1 mx -all\"");
	record(g, APEX, 3600, "CAA", "0 issue \"ca%u.example.net\"", (unsigned)(r >> 16) % 10);
	record(g, "www", 3600, "CNAME", "%s.", g->origin);
	record(g, "ftp", 3600, "CNAME", "www.%s.", g->origin);
	address4(g, "mail", 3600, draw(g, entry, DRAW_ADDRESS + 1));
	address6(g, "mail", 3600, draw(g, entry, DRAW_ADDRESS6 + 1));
	record(g, "_dmarc", 3600, "TXT", "\"v=DMARC1; p=reject\"");
	text(g, "s1._domainkey", entry);
	if (r & 1)
		record(g, "_imaps._tcp", 3600, "SRV", "0 1 993 mail.%s.", g->origin);
	if (r & 2)
		address4(g, "api", 300, draw(g, entry, DRAW_ADDRESS + 2));
	if (r & 4)
		address4(g, "*.apps", 300, draw(g, entry, DRAW_ADDRESS + 3));
	if (r & 8)
		record(g, "shop", 300, "CNAME", "store%u.example.net.", (unsigned)(r >> 24) % 100);
}

static int failed(const char *what)
{
	fprintf(stderr, "zonegen: %s: %s\n", what, strerror(errno));
	return 1;
}

static int farm(struct zonegen *g, const char *folder)
{
	char parent[NAME_LEN], path[4096], me[48];
	FILE *list;

	snprintf(parent, sizeof(parent), "%s", g->origin);
	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		return failed(folder);
	snprintf(path, sizeof(path), "%s/zones.txt", folder);
	if ((list = fopen(path, "w")) == NULL)
		return failed(path);
	for (uint64_t i = 0; i < g->entries; i++) {
		label(g, i, me);
		snprintf(g->origin, sizeof(g->origin), "%s.%.*s", me, NAME_LEN / 2, parent);
		snprintf(path, sizeof(path), "%s/%s.zone", folder, g->origin);
		if ((g->out = fopen(path, "w")) == NULL) {
			fclose(list);
			return failed(path);
		}
		farm_zone(g, i);
		fprintf(list, "%s\n", g->origin);
		if (fclose(g->out) != 0) {
			fclose(list);
			return failed(path);
		}
	}
	return fclose(list) == 0 ? 0 : failed("zones.txt");
}

static int misuse(void)
{
	fputs("usage: zonegen tld|host|farm [-n COUNT] [-d DS_PERCENT] [-s SEED] [-o ORIGIN] [-S SERIAL] [-D "
	      "FOLDER]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct zonegen g = {
		.out = stdout, .seed = 1, .serial = 2024010100, .ds_percent = 30, .entries = 1000
	};
	const char *kind = argc > 1 ? argv[1] : "", *origin = NULL, *folder = NULL;
	int option, rc = 0;

	while ((option = getopt(argc - (argc > 1), argv + (argc > 1), "n:d:s:o:S:D:")) != -1)
		switch (option) {
		case 'n':
			g.entries = strtoull(optarg, NULL, 10);
			break;
		case 'd':
			g.ds_percent = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			g.seed = strtoull(optarg, NULL, 10);
			break;
		case 'S':
			g.serial = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'o':
			origin = optarg;
			break;
		case 'D':
			folder = optarg;
			break;
		default:
			return misuse();
		}
	if (g.entries == 0 || g.entries > UINT32_MAX || (origin != NULL && strlen(origin) > NAME_LEN / 3))
		return misuse();
	bool is_tld = strcmp(kind, "tld") == 0, is_host = strcmp(kind, "host") == 0;
	if (!is_tld && !is_host && (strcmp(kind, "farm") != 0 || folder == NULL))
		return misuse();
	snprintf(g.origin, sizeof(g.origin), "%s",
		 origin != NULL ? origin
		 : is_tld       ? "bench"
		 : is_host      ? "hosts.example"
				: "farm.example");
	if (is_tld)
		tld(&g);
	else if (is_host)
		host(&g);
	else
		rc = farm(&g, folder);
	if (fflush(stdout) != 0 || ferror(stdout))
		return failed("standard output");
	fprintf(stderr,
		"zonegen: %s n=%" PRIu64 " seed=%" PRIu64 " records=%" PRIu64 " delegations=%" PRIu64
		" ds=%" PRIu64 " glue=%" PRIu64 "\n",
		kind, g.entries, g.seed, g.records, g.delegations, g.ds, g.glue);
	return rc;
}
