/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zone_dump ORIGIN FILE [INCLUDE-ROOT [MAX-TTL [text]]]: reads a zone file as the signer does and prints each record as
 * "owner ttl type rdata", owner as text and rdata in hexadecimal, or as rr_text writes it; notices to stderr.  Exit 1
 * with the refusal.
 */
#include <stdio.h>
#include <stdlib.h>

#include "zone/zone.h"

int main(int argc, char **argv)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct err e = { .code = ERR_NONE };
	uint8_t apex[DNAME_MAX];
	char name[DNAME_TEXT_MAX];
	struct zone *z;

	if (argc < 3 || argc > 6) {
		fputs("usage: zone_dump ORIGIN FILE [INCLUDE-ROOT [MAX-TTL [text]]]\n", stderr);
		return 2;
	}
	if (argc > 3 && argv[3][0] != '\0')
		limits.include_root = argv[3];
	if (argc > 4)
		limits.max_ttl_s = (uint32_t)strtoul(argv[4], NULL, 10);
	if (dname_from_text(argv[1], apex, &e) != 0 || zone_read_file(argv[2], apex, &limits, &z, &e) != 0) {
		fprintf(stderr, "%s: %s\n", err_word(e.code), e.text);
		return 1;
	}
	for (size_t i = 0; i < z->notice_count; i++)
		fprintf(stderr, "notice: %s\n", z->notices[i]);
	for (size_t i = 0; i < z->n; i++) {
		if (argc > 5) {
			char *text = rr_text(&z->rr[i]);

			puts(text == NULL ? "?" : text);
			free(text);
			continue;
		}
		printf("%s %u %u ", dname_to_text(z->rr[i].owner, name), z->rr[i].ttl, z->rr[i].type);
		for (size_t k = 0; k < z->rr[i].rdlen; k++)
			printf("%02x", z->rr[i].rdata[k]);
		putchar('\n');
	}
	zone_free(z);
	return 0;
}
