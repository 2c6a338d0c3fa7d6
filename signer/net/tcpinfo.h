/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_NET_TCPINFO_H
#define DUET_NET_TCPINFO_H

#include <stdint.h>

/* Octets of a TCP connection that the other side's kernel has taken; 0 when it cannot be told. */
uint64_t tcpinfo_acked(int fd);

#endif
