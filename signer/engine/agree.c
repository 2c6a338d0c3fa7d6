/* SPDX-License-Identifier: BSD-3-Clause */
/* agree: whether the signers have the same content under the same number; one look at all words, each time that one comes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "signer/engine/zwork.h"

/* What this node has of new and of published content, as far as it has any. */
static size_t own(const struct zwork *z, const struct content_id *out[2])
{
	size_t n = 0;

	if (z->input != NULL)
		out[n++] = &z->input_id;
	if (z->version != NULL)
		out[n++] = &z->kept.mine;
	return n;
}

/* The number under which the peer has another content, or NULL. */
static const struct content_id *other_content(const struct zwork *z, const struct peer_word *p)
{
	const struct content_id *mine[2], *theirs[2] = { &p->taken, &p->v.content };
	const size_t n = own(z, mine);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < (p->v.serial != 0 ? 2 : 1); k++)
			if (content_differs(theirs[k], mine[i]))
				return theirs[k];
	return NULL;
}

void agree_look(struct zwork *z)
{
	const struct content_id *c = NULL;
	char *text = NULL;

	for (size_t i = 0; i < z->peer_count && c == NULL; i++)
		if ((c = other_content(z, &z->peer[i])) != NULL)
			text = mem_printf("%s has other content under the same number, %" PRIu64 ": the sources are not the same; the "
					  "larger digest counts as newer", z->peer[i].name, c->number);
	if (text == NULL && z->disagrees == NULL)
		return;
	if (text == NULL)
		log_event(LOG_NOTICE, "content-agrees", "zone=%s msg=all signers that are heard have the same content again", z->name);
	else if (z->disagrees == NULL || strcmp(text, z->disagrees) != 0)
		log_event(LOG_ERROR, "content-differs", "zone=%s content=%" PRIu64 " msg=%s", z->name, c->number, text);
	if (text == NULL || z->disagrees == NULL || strcmp(text, z->disagrees) != 0)
		zwork_tell(z);
	free(z->disagrees);
	z->disagrees = text;
}
