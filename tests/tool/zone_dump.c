/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zone_dump ORIGIN FILE [INCLUDE-ROOT [MAX-TTL [text]]]: reads a zone file as the signer does and prints each record as
 * "owner ttl type rdata", owner as text and rdata in hexadecimal, or as rr_text writes it; notices to stderr.  Exit 1
 * with the refusal.
 */
#include <stdio.h>
#include <stdlib.h>

#include "zone/zone.h"

static void print(const struct rr *rr, bool as_text)
{
	char name[DNAME_TEXT_MAX], *text;

	if (as_text) {
		text = rr_text(rr);
		puts(text == NULL ? "?" : text);
		free(text);
		return;
	}
	printf("%s %u %u ", dname_to_text(rr->owner, name), rr->ttl, rr->type);
	for (size_t k = 0; k < rr->rdlen; k++)
		printf("%02x", rr->rdata[k]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct err e = { .code = ERR_NONE };
	uint8_t apex[DNAME_MAX];
	struct zone_cursor *c = NULL;
	struct zone_owner owner;
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
	if (zone_cursor_open(z, &c, &e) != 0)
		return 1;
	while (zone_cursor_next(c, &owner, &e) == 1) {
		for (size_t i = 0; i < owner.n; i++)
			print(&owner.rr[i], argc > 5);
	}
	zone_cursor_close(c);
	zone_free(z);
	return 0;
}
