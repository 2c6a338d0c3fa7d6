/* SPDX-License-Identifier: BSD-3-Clause */
/* volumes: the files that engine passed, by number, and how many refer to each. */
#include "signer/net/state.h"

#include "arena/arena.h"

#include <stdlib.h>
#include <unistd.h>

struct volume *net_volume_ref(struct volume *v)
{
	v->refs++;
	return v;
}

void net_volume_unref(struct net *net, struct volume *v)
{
	struct volume **at = &net->volumes;

	if (--v->refs > 0)
		return;
	while (*at != NULL && *at != v)
		at = &(*at)->next;
	if (*at == v)
		*at = v->next;
	close(v->fd);
	free(v);
}

struct volume *net_volume_find(const struct net *net, uint32_t number)
{
	for (struct volume *v = net->volumes; v != NULL; v = v->next)
		if (v->number == number)
			return v;
	return NULL;
}

int net_volume_add(struct net *net, uint32_t number, int fd, struct err *e)
{
	struct volume *v = net_volume_find(net, number);

	if (fd < 0)
		return err_set(e, ERR_SYNTAX, "volume %u without a descriptor", number);
	if (v != NULL) {
		close(fd);
		return err_set(e, ERR_EXISTS, "volume %u is here already", number);
	}
	v = mem_new(1, sizeof(*v));
	v->number = number;
	v->fd = fd;
	v->refs = 1;
	v->next = net->volumes;
	net->volumes = v;
	return 0;
}

void net_volume_gone(struct net *net, uint32_t number)
{
	struct volume **at = &net->volumes;

	/* Out of the list at once: the number is free again, and tables keep the descriptor that they know. */
	for (; *at != NULL; at = &(*at)->next) {
		struct volume *v = *at;

		if (v->number != number)
			continue;
		*at = v->next;
		net_volume_unref(net, v);
		return;
	}
}
