/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_CLOCK_H
#define DUET_CLOCK_H

#include <stdint.h>

/*
 * clock - the only place that asks what time it is.  Rules take the instant as an argument; loops ask here.
 *
 * In test builds (DUET_TEST) the file that the environment variable DUET_TEST_CLOCK names is mapped at
 * clock_init: 8 octets, an int64_t in host order, seconds added to the real-time clock from then on, so that a
 * test moves the time of a running daemon by writing the file.
 */

/* Call once, before threads and sandboxes.  Returns 0, or -1 when the test file cannot be mapped. */
int clock_init(void);
/* Seconds since 1970 UTC. */
int64_t clock_now_s(void);
/* Microseconds since 1970 UTC, for log lines. */
int64_t clock_now_us(void);
/* Milliseconds that never jump and never go back; not counted during suspend. */
int64_t clock_mono_ms(void);
/* Microseconds of processor time that the calling thread has taken. */
int64_t clock_thread_us(void);

#define CLOCK_TEXT_LEN 32
/* RFC 3339 in UTC, "2026-03-01T04:05:00Z"; returns out. */
char *clock_text(int64_t at_s, char out[CLOCK_TEXT_LEN]);

#endif
