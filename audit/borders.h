/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_BORDERS_H
#define DUET_AUDIT_BORDERS_H

#include <stddef.h>
#include <stdint.h>

/*
 * borders - of a page that two versions have alike, the records that its neighbours are held against.
 *
 * Those are the names at its beginning and at its end, each with all that shares its label below the apex, since one of those
 * may be a cut above what follows, or exist because of what came before; and the name behind the first of them, which tells
 * that these are all.  What lies between them has passed, and nothing beside the page hangs on it.
 */
struct stretch {
	size_t from, to; /* octets of the message, of whole records */
};

/*
 * m: a message without question, its length len; labels: of the apex.
 * Returns how many stretches there are, 1 or 2: a gap between them leaves out whole owners.  What cannot be read is one, up to
 * the end of the message.
 */
size_t borders_find(const uint8_t *m, size_t len, unsigned labels, struct stretch out[2]);

#endif
