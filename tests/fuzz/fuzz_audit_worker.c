/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_audit_worker: a job of a signer, JSON up to the first zero octet, then what its descriptor brings: by changes, the
 * whole, or two halves that are compared. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/worker.h"
#include "fuzz_main.h"

static int memory_of(const uint8_t *stream, size_t len)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);

	assert(fd >= 0 && write(fd, stream, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static void run(const json_t *job, const uint8_t *stream, size_t len)
{
	bool two = json_object_get(job, "cross") != NULL;
	size_t half = two ? len / 2 : len;
	int fd = memory_of(stream, half), other = two ? memory_of(stream + half, len - half) : -1;
	const char *result;
	json_t *answer;

	answer = worker_run(job, fd, other, 1);
	result = json_string_value(json_object_get(answer, "result"));
	assert(result != NULL);
	/* Only what passes is to be remembered. */
	assert(strcmp(result, "fine") == 0 || json_object_get(answer, "past") == NULL);
	json_decref(answer);
	close(fd);
	if (other >= 0)
		close(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = len > 0 ? memchr(data, 0, len) : NULL;
	json_t *job = end == NULL ? NULL : json_loadb((const char *)data, (size_t)(end - data), JSON_REJECT_DUPLICATES, NULL);

	if (job != NULL)
		run(job, end + 1, len - (size_t)(end + 1 - data));
	json_decref(job);
	return 0;
}
