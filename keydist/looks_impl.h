/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_KEYDIST_LOOKS_IMPL_H
#define DUET_KEYDIST_LOOKS_IMPL_H

#include "keydist/looks.h"

/* looks_impl - what the files of looks share, and nobody else sees. */

/* The newest look at one server. */
struct seen {
	struct observed_server server;
	char *name;      /* of a name server; NULL */
	bool there, looked, answered; /* answered: at least once, and shows holds */
	enum observed_outcome outcome;
	enum observed_trust trust;
	uint32_t serial, ttl;
	size_t ds, keys;
	uint8_t shows[32]; /* digest of its DS or DNSKEY RRset */
	int64_t at;
	char why[64];
	char *unknown_ds; /* one that names no key of the zone, for people; NULL: none */
	struct timeline_look *fresh; /* not in the zone's memory yet */
};

struct zone_looks {
	bool name_servers, children_whole, parents_whole;
	bool agreed;       /* all servers of the parent show the same */
	char why[128];
	char *missing, *children_why; /* struct observed_servers */
	struct seen *seen;
	size_t n;
};

#endif
