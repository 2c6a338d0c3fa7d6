/* SPDX-License-Identifier: BSD-3-Clause */
/* fields: a line whose fields were read one by one says what it says to ldns as a whole; others are left to ldns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>

#include "audit/convert.h"
#include "audit/fields.h"

#define HASH "2t7b4g4vsa5smi47k61mv5bv1a22bojr"
#define B64  "kJ+fNRTZ09Eo7bhSL0d7uCYSbBn6s0u6TyIFsVuWWkmXCb4pP5p2fC4bGUlJTnlLQBJzYGrmTF3zIl6lIZrqcQ=="

static const char *const taken[] = {
	"example. 3600 IN A 192.0.2.1",
	"\t 3600 IN A 192.0.2.2",
	"WWW.Example.\t300\tin\taaaa\t2001:db8::1",
	". 5 IN NS a.root-servers.NET.",
	" NS b.Root-Servers.net.",
	"a.example. NS ns.example.",
	"a.example. IN CNAME .",
	"a.example. 86400 PTR *.b.example.",
	"example. 0 IN MX 10 Mail.example.",
	"_x._tcp.example. 999999999 IN SRV 1 2 65535 Host.example.",
	"example. 1 IN DS 60485 5 1 2BB183AF5F22588179A53B0A 98631FAD1A292118",
	"example. 1 IN DS 60485 RSASHA1 1 2bb183af5f22588179a53b0a98631fad1a292118",
	"example. 1 IN RRSIG A 13 1 3600 20261206123915 20261123004047 46849 Example. " B64,
	"example. 1 IN RRSIG TYPE65280 ECDSAP256SHA256 1 3600 1800000000 1790000000 46849 example. kJ+f NRTZ09Eo7bhSL0d7",
	"example.\t1\tIN RRSIG\tA 13 1 3600  \t\t20261206123915 20261123004047\t46849 example.  \t\tkJ+f \t NRTZ09Eo\t7bhSL0d7",
	"example. 1 IN DS 60485 5 1 \t2BB183AF5F22588179A53B0A\t\t98631FAD1A292118",
	"example. 1 IN RRSIG DNSKEY 8 1 3600 20380119031408 19700101000000 0 . AAAA",
	"example. 1 IN NSEC Next.Example. A NS SOA  MX TXT RRSIG NSEC DNSKEY TYPE1234 CAA",
	"example. 1 IN NSEC example. NSEC",
	HASH ".example. 1 IN NSEC3 1 1 12 aabbccdd " HASH " A RRSIG",
	HASH ".example. 1 IN NSEC3 1 0 0 - " HASH " NS DS RRSIG",
	"example. 1 IN TYPE1 192.0.2.3",
	"a.very-long-name-that-is-not-kept-since-it-is-longer-than-that.example. 1 IN NS b.very-long-name-that-is-not-kept-since-it"
	"-is-longer.example.",
};

/* For ldns: what depends on $ORIGIN, is of another type, or is not right. */
static const char *const left[] = {
	"",
	"example.",
	"example. 3600",
	"example. 3600 IN",
	"www 3600 IN A 192.0.2.1",
	"@ 3600 IN A 192.0.2.1",
	"example. 3600 IN NS ns",
	"example. 3600 IN NS @",
	"example. 3600 IN NS @.example.",
	"example. 3600 IN NS",
	"example. 3600 CH A 192.0.2.1",
	"example. IN 3600 A 192.0.2.1",
	"example. 1h IN A 192.0.2.1",
	"example. 4294967296 IN A 192.0.2.1",
	"example. 3600 IN A 192.0.2.1 2",
	"example. 3600 IN A 192.0.2",
	"example. 3600 IN AAAA 192.0.2.1",
	"example. 3600 IN TXT a",
	"example. 3600 IN NSAP-PTR a.",
	"example. 3600 IN NOSUCHTYPE a.",
	"example. 3600 IN MX ten a.",
	"a..example. 3600 IN A 192.0.2.1",
	".example. 3600 IN A 192.0.2.1",
	"a12345678901234567890123456789012345678901234567890123456789012345.example. 3600 IN A 192.0.2.1",
	"example. 1 IN NSEC b.example.\tA\tNS",
	"example. 1 IN RRSIG A 13 1 3600 20261306123915 20261123004047 46849 example. " B64,
	"example. 1 IN RRSIG A 13 1 3600 20261206123915 20261123004047 46849 example. ****",
	"example. 1 IN DS 60485 5 1 XYZ",
	HASH ".example. 1 IN NSEC3 1 0 0 - " HASH,
};

static void set_owner(struct fields_record *r)
{
	static const uint8_t root[] = "\7earlier";

	memcpy(r->owner, root, r->owner_len = sizeof(root));
}

/* The line as a whole, which ldns takes and reads as r. */
static void assert_same(const char *line, const struct fields_record *r)
{
	struct fields_record before;
	uint8_t rdata[FIELDS_RDATA];
	size_t n = 0;
	ldns_rdf *origin = ldns_dname_new_frm_str("origin."), *prev;
	ldns_rr *rr = NULL;

	set_owner(&before);
	prev = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, before.owner_len, before.owner);
	if (ldns_rr_new_frm_str(&rr, line, TTL_UNKNOWN, origin, &prev) != LDNS_STATUS_OK)
		fail_msg("ldns does not take it: %s", line);
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *f = ldns_rr_rdf(rr, i);

		memcpy(rdata + n, ldns_rdf_data(f), ldns_rdf_size(f));
		if (ldns_rdf_get_type(f) == LDNS_RDF_TYPE_DNAME && ldns_rr_get_type(rr) != LDNS_RR_TYPE_NSEC)
			name_lower(rdata + n, ldns_rdf_size(f));
		n += ldns_rdf_size(f);
	}
	if (ldns_rr_get_type(rr) != r->type || ldns_rr_ttl(rr) != r->ttl || ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN ||
	    ldns_rdf_size(ldns_rr_owner(rr)) != r->owner_len || memcmp(ldns_rdf_data(ldns_rr_owner(rr)), r->owner, r->owner_len) != 0 ||
	    n != r->rdlen || memcmp(rdata, r->rdata, n) != 0)
		fail_msg("ldns reads something else: %s", line);
	ldns_rr_free(rr);
	ldns_rdf_deep_free(origin);
	ldns_rdf_deep_free(prev);
}

static bool read_line(struct fields *f, const char *line, struct fields_record *r)
{
	set_owner(r);
	return fields_read(f, line, strlen(line), r);
}

/* Twice: what is kept of the first time is the same. */
static void plain_lines_are_read_as_ldns_reads_them(void **state)
{
	struct fields *f = fields_new();
	struct fields_record r;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(taken) / sizeof(*taken); i++) {
		const char *line = taken[i / 2];

		if (!read_line(f, line, &r))
			fail_msg("not taken: %s", line);
		assert_same(line, &r);
	}
	fields_free(f);
}

static void other_lines_are_left_to_ldns(void **state)
{
	struct fields *f = fields_new();
	struct fields_record r, before;

	(void)state;
	set_owner(&before);
	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
		if (read_line(f, left[i], &r))
			fail_msg("taken: %s", left[i]);
		assert_int_equal(r.owner_len, before.owner_len);
		assert_memory_equal(r.owner, before.owner, before.owner_len);
	}
	fields_free(f);
}

static uint32_t chance(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Octets of good lines exchanged, taken out and put in: whatever is taken still is what ldns reads, with a table that knows
 * much of what is like it. */
static void lines_at_random_are_read_as_ldns_reads_them(void **state)
{
	static const char octets[] = " \t.-*@+/=:,#0123456789abfzAFZ\x7f\xc3";
	struct fields *f = fields_new();
	struct fields_record r;
	uint32_t seed = 1;
	size_t took = 0;
	char line[512];

	(void)state;
	for (size_t round = 0; round < 40000; round++) {
		int len = snprintf(line, sizeof(line), "%s", taken[chance(&seed) % (sizeof(taken) / sizeof(*taken))]);

		for (uint32_t n = chance(&seed) % 4; n > 0 && len > 1; n--) {
			size_t at = chance(&seed) % (uint32_t)len;
			char c = octets[chance(&seed) % (sizeof(octets) - 1)];

			switch (chance(&seed) % 3) {
			case 0:
				line[at] = c;
				break;
			case 1:
				memmove(line + at, line + at + 1, (size_t)len-- - at);
				break;
			case 2:
				memmove(line + at + 1, line + at, (size_t)++len - at);
				line[at] = c;
				break;
			}
		}
		while (len > 0 && strchr(" \t", line[len - 1]) != NULL)
			line[--len] = '\0';
		if (!read_line(f, line, &r))
			continue;
		took++;
		assert_same(line, &r);
	}
	assert_true(took > 10000);
	fields_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines_are_read_as_ldns_reads_them),
		cmocka_unit_test(other_lines_are_left_to_ldns),
		cmocka_unit_test(lines_at_random_are_read_as_ldns_reads_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
