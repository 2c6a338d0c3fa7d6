/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_SERVICE_H
#define DUET_SERVICE_H

/* service - what a daemon tells its supervisor: one datagram to $NOTIFY_SOCKET (sd_notify(3)), nothing when
 * there is none. */
void service_tell(const char *state); /* "READY=1", "STOPPING=1", "RELOADING=1" */

#endif
