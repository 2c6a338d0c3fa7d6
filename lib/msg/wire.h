/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_MSG_WIRE_H
#define DUET_MSG_WIRE_H

#include <jansson.h>

#include "err/err.h"

/* For lib/msg only: the octets of a message, to be freed; NULL when there is no text of it. */
char *msg_octets(const char *type, const json_t *body, size_t *len);
/* One message out of a socket that has room, ERR_NOTNOW else.  route (may be NULL) goes in
 * front. */
int wire_send(void *z, const void *route, size_t route_len, const char *type, json_t *body, struct err *e);

#endif
