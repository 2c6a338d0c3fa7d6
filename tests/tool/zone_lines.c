/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zone_lines ORIGIN FILE [signed]: reads each line of a file as the one line of a zone behind "$TTL 60", an SOA and an NS, and
 * prints for each "LINE ok TTL TYPE RDATA OWNER" for every record that it makes, rdata in hexadecimal, or "LINE no REFUSAL".
 * Plain lines are read twice, in one pass and by tokens, which must give the same.
 * signed: as a zone that is signed already, so that no type is left out, and what may stand together is not looked at.
 * zone_lines --types: "NUMBER NAME" of every type that has a row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/arena.h"
#include "zone/zone_text.h"

static const char head[] = "$TTL 60\n@ SOA . . 1 2 3 4 5\n@ NS .\n";

static void print(unsigned number, const struct zone *z)
{
	char owner[DNAME_TEXT_MAX];
	struct zone_cursor *c = NULL;
	struct zone_owner o;

	if (zone_cursor_open(z, &c, NULL) != 0)
		abort();
	while (zone_cursor_next(c, &o, NULL) == 1) {
		for (size_t i = 0; i < o.n && !dname_equal(o.name, z->apex); i++) {
			printf("%u ok %u %u ", number, o.rr[i].ttl, o.rr[i].type);
			for (size_t k = 0; k < o.rr[i].rdlen; k++)
				printf("%02x", o.rr[i].rdata[k]);
			printf(" %s\n", dname_to_text(o.name, owner));
		}
	}
	zone_cursor_close(c);
}

static void read_line(unsigned number, const char *line, size_t len, const uint8_t *apex, bool with_dnssec)
{
	struct zone_limits limits = ZONE_LIMITS_DEFAULT;
	struct err e = { .code = ERR_NONE }, other = { .code = ERR_NONE };
	struct zone *z = NULL, *same = NULL;
	char *text = mem_printf("%s%.*s", head, (int)len, line);
	int rc;

	limits.with_dnssec = with_dnssec;
	rc = zone_read_text(text, strlen(text), apex, &limits, &z, &e);

	if (zone_read_tokens(text, strlen(text), apex, &limits, &same, &other) != rc ||
	    (rc == 0 ? memcmp(z->digest, same->digest, sizeof(z->digest)) : strcmp(e.text, other.text)) != 0) {
		printf("%u differs by tokens: %s\n", number, rc == 0 ? other.text : e.text);
	} else if (rc != 0) {
		printf("%u no %s\n", number, e.text);
	} else {
		print(number, z);
	}
	zone_free(z);
	zone_free(same);
	free(text);
}

static int types(void)
{
	for (uint16_t type = type_next(0); type != 0; type = type_next(type))
		printf("%u %s\n", type, type_info(type)->name);
	return 0;
}

int main(int argc, char **argv)
{
	FILE *f = argc == 3 || argc == 4 ? fopen(argv[2], "r") : NULL;
	uint8_t apex[DNAME_MAX];
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (argc == 2 && strcmp(argv[1], "--types") == 0)
		return types();
	if (f == NULL || dname_from_text(argv[1], apex, NULL) != 0) {
		fputs("usage: zone_lines ORIGIN FILE [signed], or --types\n", stderr);
		return 2;
	}
	for (unsigned number = 1; (len = getline(&line, &room, f)) > 0; number++)
		read_line(number, line, (size_t)len, apex, argc == 4);
	free(line);
	fclose(f);
	return 0;
}
