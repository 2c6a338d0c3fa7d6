/* SPDX-License-Identifier: BSD-3-Clause */
/* rec: one record as the sorter keeps it. */
#include <string.h>

#include "audit/sorter.h"

size_t rec_size(size_t key_len, size_t rdlen)
{
	return (sizeof(struct rec) + key_len + 2 + rdlen + 7) & ~(size_t)7;
}

void rec_put(struct rec *at, const uint8_t *key, size_t key_len, uint16_t type, uint16_t rclass, uint32_t ttl,
	     const uint8_t *rdata, size_t rdlen)
{
	size_t size = rec_size(key_len, rdlen), used = sizeof(*at) + key_len + 2 + rdlen;

	at->size = (uint32_t)size;
	at->ttl = ttl;
	at->key_len = (uint16_t)key_len;
	at->rdlen = (uint16_t)rdlen;
	at->type = type;
	at->rclass = rclass;
	memcpy(at->octets, key, key_len);
	at->octets[key_len] = (uint8_t)(type >> 8);
	at->octets[key_len + 1] = (uint8_t)type;
	if (rdlen > 0)
		memcpy(at->octets + key_len + 2, rdata, rdlen);
	memset((uint8_t *)at + used, 0, size - used);
}

int rec_cmp(const struct rec *a, const struct rec *b)
{
	size_t a_len = a->key_len + 2u + a->rdlen, b_len = b->key_len + 2u + b->rdlen;
	int c = memcmp(a->octets, b->octets, a_len < b_len ? a_len : b_len);

	return c != 0 ? c : a_len < b_len ? -1 : a_len > b_len;
}
