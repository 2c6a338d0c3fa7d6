/* SPDX-License-Identifier: BSD-3-Clause */
/* netmsg: sealed memfds, and the packet of TSIG keys. */
#include "signer/netmsg.h"

#include "msg/packet.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <unistd.h>

/* A packet of TSIG keys: magic, flags, then keys of name (wire form), algorithm, newest, length, secret. */
#define TSIG_MAGIC 0x54534731u /* "TSG1" */
#define TSIG_FIRST 1u
#define TSIG_LAST  2u

int netmsg_send(int sock, const void *packet, size_t len, const int *fds, size_t fd_count, struct err *e)
{
	if (len > NETMSG_MAX)
		return err_set(e, ERR_LIMIT, "packet of %zu octets, at most %d", len, NETMSG_MAX);
	return packet_send(sock, packet, len, fds, fd_count, e) == 0 ? 0 : err_ctx(e, "between engine and net");
}

long netmsg_recv(int sock, void *packet, size_t cap, int fds[NETMSG_FDS], size_t *fd_count, struct err *e)
{
	long len = packet_recv(sock, packet, cap, fds, fd_count, e);

	return len >= 0 ? len : err_ctx(e, "between engine and net");
}

int netmsg_memfd_seal(int fd, struct err *e)
{
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return err_errno(e, "sealing a memfd");
	return 0;
}

int netmsg_memfd(const char *name, const void *octets, size_t len, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t put = 0;

	if (fd < 0)
		return err_errno(e, "memfd %s", name);
	while (put < len) {
		ssize_t n = write(fd, (const uint8_t *)octets + put, len - put);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err_errno(e, "memfd %s", name);
			close(fd);
			return -1;
		}
		put += (size_t)n;
	}
	if (netmsg_memfd_seal(fd, e) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int netmsg_map(int fd, const void **octets, size_t *len, struct err *e)
{
	const int want = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	off_t size;
	void *map;

	if (seals < 0 || (seals & want) != want)
		return err_set(e, ERR_REFUSED, "descriptor is not a sealed memfd");
	if ((size = lseek(fd, 0, SEEK_END)) < 0)
		return err_errno(e, "memfd size");
	*octets = NULL;
	*len = (size_t)size;
	if (size == 0)
		return 0;
	map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(e, "mapping a memfd of %jd octets", (intmax_t)size);
	*octets = map;
	return 0;
}

void netmsg_unmap(const void *octets, size_t len)
{
	if (octets != NULL && len > 0)
		munmap((void *)(uintptr_t)octets, len);
}

struct secret *netmsg_tsig_pack(const struct tsig_key *const *keys, const bool *newest, size_t n, size_t *at)
{
	struct secret *s = secret_new(SECRET_MAX);
	struct wr w = wr_of(secret_open_rw(s), SECRET_MAX);
	size_t start = *at;

	wr_u32(&w, TSIG_MAGIC);
	wr_u8(&w, 0);
	for (; *at < n; ++*at) {
		const struct tsig_key *k = keys[*at];
		size_t len = secret_len(k->secret);

		if (w.cap - w.at < dname_len(k->name) + 4 + len)
			break;
		wr_bytes(&w, k->name, dname_len(k->name));
		wr_u8(&w, (uint8_t)k->alg);
		wr_u8(&w, newest[*at] ? 1 : 0);
		wr_u16(&w, (uint16_t)len);
		wr_bytes(&w, secret_open(k->secret), len);
		secret_close(k->secret);
	}
	assert(!w.bad && (*at > start || n == 0)); /* one key of TSIG_SECRET_MAX always fits */
	w.p[4] = (uint8_t)((start == 0 ? TSIG_FIRST : 0) | (*at == n ? TSIG_LAST : 0));
	secret_close(s);
	secret_shrink(s, w.at);
	return s;
}

bool netmsg_tsig_is(const void *packet, size_t len)
{
	struct rd r = rd_of(packet, len);

	return rd_u32(&r) == TSIG_MAGIC && !r.bad;
}

int netmsg_tsig_read(const void *packet, size_t len, netmsg_tsig_fn *fn, void *ctx, bool *first, bool *last,
		     struct err *e)
{
	struct rd r = rd_of(packet, len);
	uint8_t flags;

	if (rd_u32(&r) != TSIG_MAGIC)
		return err_set(e, ERR_SYNTAX, "no packet of TSIG keys");
	flags = rd_u8(&r);
	*first = (flags & TSIG_FIRST) != 0;
	*last = (flags & TSIG_LAST) != 0;
	while (!r.bad && rd_left(&r) > 0) {
		const uint8_t *name = dname_read(&r);
		uint8_t alg = rd_u8(&r);
		bool newest = rd_u8(&r) != 0;
		uint16_t secret_octets = rd_u16(&r);
		const uint8_t *octets = rd_bytes(&r, secret_octets);

		if (r.bad || alg < TSIG_HMAC_SHA256 || alg > TSIG_HMAC_SHA512 || secret_octets == 0 ||
		    secret_octets > TSIG_SECRET_MAX)
			return err_set(e, ERR_SYNTAX, "packet of TSIG keys is malformed");
		fn(ctx, tsig_key_new(name, (enum tsig_alg)alg, secret_from(octets, secret_octets)), newest);
	}
	return r.bad ? err_set(e, ERR_SYNTAX, "packet of TSIG keys is malformed") : 0;
}
