/* SPDX-License-Identifier: BSD-3-Clause */
/* tcpinfo: alone in its file, since the kernel's header and libc's cannot be included together. */
#include "signer/net/tcpinfo.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

uint64_t tcpinfo_acked(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return 0;
	return info.tcpi_bytes_acked;
}
