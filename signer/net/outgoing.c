/* SPDX-License-Identifier: BSD-3-Clause */
/* outgoing: what all our own queries need: a socket with our address, and a look at whether an answer is one.
 */
#include "signer/net/exchange.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int exchange_matches(const struct dns_msg *m, uint16_t id, uint8_t opcode, const uint8_t *name, uint16_t type,
		     struct err *e)
{
	if ((m->flags & DNS_QR) == 0 || m->opcode != opcode)
		return err_set(e, ERR_SYNTAX, "message is no answer to our opcode");
	if (m->id != id)
		return err_set(e, ERR_SYNTAX, "answer has ID %u, not ours", m->id);
	/* A server that cannot read us may leave the question out. */
	if (m->qdcount == 0 && m->rcode != RCODE_NOERROR)
		return 0;
	if (m->qdcount != 1 || m->qtype != type || m->qclass != CLASS_IN || !dname_equal(m->qname, name))
		return err_set(e, ERR_SYNTAX, "answer is to another question");
	return 0;
}

int exchange_socket(const struct net *net, const struct addr *to, int type, struct err *e)
{
	const struct net_config *config = net->config;
	int fd = socket(to->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char text[ADDR_TEXT_LEN];

	if (fd < 0)
		return err_errno(e, "socket");
	for (size_t i = 0; i < config->listener_count; i++) {
		struct addr from = config->listeners[i].addr;

		if (from.sa.sa_family != to->sa.sa_family)
			continue;
		if (from.sa.sa_family == AF_INET)
			from.in4.sin_port = 0;
		else
			from.in6.sin6_port = 0;
		if (bind(fd, &from.sa, addr_len(&from)) != 0) {
			err_errno(e, "binding to %s", addr_text(&config->listeners[i].addr, text));
			close(fd);
			return -1;
		}
		break;
	}
	if (connect(fd, &to->sa, addr_len(to)) != 0 && errno != EINPROGRESS) {
		err_errno(e, "%s", addr_text(to, text));
		close(fd);
		return -1;
	}
	return fd;
}
