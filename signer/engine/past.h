/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_PAST_H
#define DUET_PAST_H

#include <jansson.h>

#include "serial/serial.h"

/*
 * past - versions of one zone that this node published, or that were in a peer's status: they explain what a secondary shows.
 */
#define PAST_MAX 16
#define VERSION_ID_LEN 32

struct past_version {
	uint32_t serial;
	uint8_t id[VERSION_ID_LEN]; /* zero: unsigned */
	struct content_id content;
	int64_t earliest;
};

struct past {
	struct past_version *v; /* room grows with n: most zones have few */
	size_t n, room;
	size_t next;
};

void past_fini(struct past *p);
/* Its own memory for the same versions. */
struct past past_copy(const struct past *p);

/* The same serial and id: replaced; else it takes the place of the oldest. */
void past_add(struct past *p, const struct past_version *v);
/* The newest with this serial and id; id NULL: any id.  NULL: not explained. */
const struct past_version *past_find(const struct past *p, uint32_t serial, const uint8_t *id);

/* The text of the JSON that past_from_json reads; the caller frees it.  It is made with each publication: json_t would take
 * ten times as long. */
char *past_text(const struct past *p);
void past_from_json(struct past *p, const json_t *list);

json_t *content_to_json(const struct content_id *c);
/* Absent members are 0. */
void content_from_json(struct content_id *c, const json_t *o);

/* Exactly len octets of hex; false when it is none. */
bool hex_read(const char *hex, uint8_t *out, size_t len);

#endif
