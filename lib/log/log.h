/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_LOG_H
#define DUET_LOG_H

/*
 * log - one event, one line, on standard error, which is the journal under systemd:
 *
 *   <5>2026-03-01T04:05:00.123456Z notice duet-signer event=published zone=example. serial=2026030100
 *
 * error: a person must act.  warning: degraded, still serving.  notice: the history of a zone.  info: routine.
 * debug: off unless asked for.  Event names are stable: tests and operators wait for them.  Free text comes last,
 * as msg=.  Nothing secret, ever.
 */
enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* program: borrowed for good, the word after the level.  Lines above max are dropped. */
void log_init(const char *program, enum log_level max);

/* fmt: "zone=%s serial=%u ... msg=%s"; control characters in the result become '?', so a line stays one line. */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
