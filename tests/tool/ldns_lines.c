/* SPDX-License-Identifier: BSD-3-Clause */
/* ldns_lines ORIGIN FILE: what ldns makes of each line of a file, in the form of zone_lines.
 * ldns_lines --types: "NUMBER NAME" of every type that it has a name for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

static void print(unsigned number, const ldns_rr *rr)
{
	ldns_buffer *wire = ldns_buffer_new(LDNS_MAX_PACKETLEN);

	if (ldns_rr_rdata2buffer_wire(wire, rr) != LDNS_STATUS_OK) {
		printf("%u no wire form\n", number);
	} else {
		printf("%u ok %u %u ", number, ldns_rr_ttl(rr), (unsigned)ldns_rr_get_type(rr));
		for (size_t i = 0; i < ldns_buffer_position(wire); i++)
			printf("%02x", *ldns_buffer_at(wire, i));
		putchar(' ');
		ldns_rdf_print(stdout, ldns_rr_owner(rr));
		putchar('\n');
	}
	ldns_buffer_free(wire);
}

static int types(void)
{
	for (unsigned type = 1; type <= UINT16_MAX; type++) {
		char *name = ldns_rr_type2str((ldns_rr_type)type);

		if (name != NULL && strncmp(name, "TYPE", 4) != 0)
			printf("%u %s\n", type, name);
		free(name);
	}
	return 0;
}

int main(int argc, char **argv)
{
	FILE *f = argc == 3 ? fopen(argv[2], "r") : NULL;
	ldns_rdf *origin = f == NULL ? NULL : ldns_dname_new_frm_str(argv[1]);
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (argc == 2 && strcmp(argv[1], "--types") == 0)
		return types();
	if (origin == NULL) {
		fputs("usage: ldns_lines ORIGIN FILE, or --types\n", stderr);
		return 2;
	}
	for (unsigned number = 1; (len = getline(&line, &room, f)) > 0; number++) {
		ldns_rr *rr = NULL;
		ldns_status status;

		line[strcspn(line, "\n")] = '\0';
		status = ldns_rr_new_frm_str(&rr, line, 60, origin, NULL);
		if (status == LDNS_STATUS_OK)
			print(number, rr);
		else
			printf("%u no %s\n", number, ldns_get_errorstr_by_id(status));
		ldns_rr_free(rr);
	}
	free(line);
	ldns_rdf_deep_free(origin);
	fclose(f);
	return 0;
}
