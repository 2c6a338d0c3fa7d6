/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_AUDIT_READING_H
#define DUET_AUDIT_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/directives.h"
#include "audit/ends.h"
#include "audit/name.h"
#include "audit/sorter.h"
#include "err/err.h"

/*
 * reading - zones into sorters: one thread a zone cuts the octets into batches of whole messages or of whole
 * lines of text, a pool turns batches into records with ldns.  Memory is bounded by the batches in flight.
 */

/* NSEC3 parameters as they stand in the rdata: algorithm, iterations, salt length, salt. */
#define CHAIN_MAX 260
struct chain_params {
	uint8_t octets[CHAIN_MAX]; /* algorithm, iterations (2), salt length, salt */
	size_t len;
	uint64_t count; /* NSEC3 records that have them */
};
#define CHAINS_KEPT 4

/* What is known of a zone once it has been read. */
struct facts {
	uint64_t records, rrsigs, nsec, nsec3, dnskey;
	uint64_t optout; /* NSEC3 records with the flag (RFC 5155 section 3.1.2.1) */
	uint64_t content, content_octets; /* records that signing does not make; theirs of owner, type, class, TTL and rdata */
	uint32_t largest_ttl, signed_ttl; /* signed: of what RRSIGs are over, as they have it */
	struct ends *ends;                /* of the RRSIGs; borrowed; NULL: nobody counts */
	struct chain_params chain[CHAINS_KEPT]; /* different ones that were met; the rest is not kept */
	size_t chains;
	struct chain_params param; /* of the NSEC3PARAM met last; len 0: none */
};

enum form { FORM_TEXT, FORM_WIRE };

struct zone_source {
	const char *label; /* for messages */
	int fd;            /* borrowed */
	enum form form;
	bool to_its_end;       /* wire: until end of file, not until the closing SOA */
	struct sorter *sorter; /* borrowed; gets the records, sorter_end() included */
	struct facts facts;
	char incomplete[256]; /* why the zone is cut short; "" when it is whole */
};

/*
 * reading_run - reads all sources at once.
 *
 * zone: wire name.  0, or -1 when a source could not be read or understood: the sentence names it, and the
 * line of a text.  A zone that ends too early is no failure, see incomplete.
 */
int reading_run(struct zone_source *sources, size_t n, const uint8_t *zone, unsigned threads, struct err *e);

/* ---- shared by the files that make up reading ---- */

struct batch {
	struct batch *next;
	struct zone_source *source;
	uint8_t *data; /* owned */
	size_t len;
	size_t line;            /* text: number of its first line */
	struct directives said; /* text: before it */
};
#define BATCH_OCTETS (192u * 1024)

void facts_merge(struct facts *to, const struct facts *from);

struct reading;
/* Hands a batch to the pool, waits while too many are in flight; with one thread it is converted at once.  -1 when reading has failed. */
int reading_push(struct reading *r, struct batch *b);
struct batch *batch_new(struct zone_source *source, size_t capacity);
void batch_free(struct batch *b);

/* Octets up to the first one that means something for where a record of a text ends: \ " ; ( ) CR LF, and NUL. */
size_t text_run(const uint8_t *p, size_t len);

/* The cutters: whole zone from source->fd. */
int cut_text(struct reading *r, struct zone_source *source, const uint8_t *zone, struct err *e);
int cut_wire(struct reading *r, struct zone_source *source, const uint8_t *zone, struct err *e);

#endif
