/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_audit_zone: a signed zone for the auditor, as text or as the messages of an AXFR, all the way through.
 * The first octet says which; the zone is "example.". */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/audit.h"
#include "fuzz_main.h"

static int file_of(const uint8_t *data, size_t len)
{
	int fd = memfd_create("zone", MFD_CLOEXEC);

	assert(fd >= 0 && write(fd, data, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static void audit_zone(const uint8_t *data, size_t len, enum form form)
{
	struct audit a = { .now = 1767225600, .threads = 1, .spill_dir = "/tmp", .report = report_new() };
	struct zone_source s = { .label = "zone", .form = form, .to_its_end = true };
	struct err e;

	limits_none(&a.limits);
	a.zone_len = name_from_text("example.", a.zone, &e);
	name_text(a.zone, a.zone_text);
	s.fd = file_of(data, len);
	s.sorter = a.zone_sorter = sorter_new(400000, "/tmp");
	s.facts.ends = a.ends = ends_new(a.now);
	a.facts = &s.facts;
	a.input_facts = &s.facts;
	if (reading_run(&s, 1, a.zone, 1, &e) == 0 && audit_run(&a, &e) == 0) {
		json_t *j = json_object();

		report_json(a.report, j);
		json_decref(j);
	}
	close(s.fd);
	audit_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > 0)
		audit_zone(data + 1, len - 1, data[0] == 't' ? FORM_TEXT : FORM_WIRE);
	return 0;
}
