/* SPDX-License-Identifier: BSD-3-Clause */
/* log: formats one line and writes it with one write(2), so that lines of several threads do not mix. */
#include "log/log.h"

#include "clock/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
	const char *word;
	int priority; /* as in syslog(3), for the journal's "<n>" prefix */
} levels[] = {
	[LOG_ERROR] = { "error", 3 }, [LOG_WARNING] = { "warning", 4 }, [LOG_NOTICE] = { "notice", 5 },
	[LOG_INFO] = { "info", 6 },   [LOG_DEBUG] = { "debug", 7 },
};

static const char *program_name = "duet";
static enum log_level max_level = LOG_INFO;

void log_init(const char *program, enum log_level max)
{
	program_name = program;
	max_level = max;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	int64_t us = clock_now_us();
	time_t at = (time_t)(us / 1000000);
	char line[2048], when[24] = "?";
	struct tm tm;
	va_list ap;
	size_t len;
	ssize_t done;

	if (level > max_level)
		return;
	if (gmtime_r(&at, &tm) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(line, sizeof(line) - 1, "<%d>%s.%06dZ %s %s event=%s ", levels[level].priority, when,
		 (int)(us % 1000000), levels[level].word, program_name, event);
	len = strlen(line);
	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - 1 - len, fmt, ap);
	va_end(ap);
	len = strlen(line);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	done = write(STDERR_FILENO, line, len);
	(void)done; /* a log that cannot be written must not stop the signer */
}
