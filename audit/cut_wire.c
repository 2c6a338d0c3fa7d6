/* SPDX-License-Identifier: BSD-3-Clause */
/* cut_wire: the messages of an AXFR (RFC 5936 section 2.2), each behind its length in two octets, cut into
 * batches. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/reading.h"

#define TYPE_SOA 6

static size_t read_some(int fd, uint8_t *to, size_t want, struct err *e, bool *failed)
{
	size_t got = 0;

	while (got < want && !*failed) {
		ssize_t n = read(fd, to + got, want - got);

		if (n == 0)
			break;
		if (n > 0)
			got += (size_t)n;
		else if (errno != EINTR)
			*failed = err_errno(e, "reading") != 0;
	}
	return got;
}

static bool skip_name(const uint8_t *m, size_t len, size_t *at)
{
	while (*at < len) {
		uint8_t n = m[*at];

		if (n >= 0xc0) {
			*at += 2;
			return *at <= len;
		}
		if (n > 63)
			return false;
		*at += 1u + n;
		if (n == 0)
			return *at <= len;
	}
	return false;
}

/* Where in the transfer a message is. */
struct transfer {
	size_t messages, soas;
	bool ended; /* the closing SOA was its message's last record */
};

/* Follows the SOAs.  Sets incomplete when the message cannot be part of a whole transfer. */
static void follow(struct transfer *t, const uint8_t *m, size_t len, struct zone_source *s)
{
	size_t at = 12, questions = (size_t)(m[4] << 8 | m[5]), answers = (size_t)(m[6] << 8 | m[7]);

	for (size_t i = 0; i < questions + answers; i++) {
		unsigned type;

		if (t->ended && i >= questions)
			snprintf(s->incomplete, sizeof(s->incomplete), "records follow the closing SOA");
		if (!skip_name(m, len, &at) || at + (i < questions ? 4 : 10) > len) {
			snprintf(s->incomplete, sizeof(s->incomplete), "message %zu is damaged", t->messages);
			return;
		}
		type = (unsigned)(m[at] << 8 | m[at + 1]);
		if (i < questions) {
			at += 4;
			continue;
		}
		if (t->messages == 1 && i == questions && type != TYPE_SOA)
			snprintf(s->incomplete, sizeof(s->incomplete), "the first record is no SOA");
		if (type == TYPE_SOA && ++t->soas == 2)
			t->ended = true;
		at += 10u + (size_t)(m[at + 8] << 8 | m[at + 9]);
	}
	if ((m[3] & 15) != 0)
		snprintf(s->incomplete, sizeof(s->incomplete), "the server answers with rcode %u",
			 m[3] & 15u);
}

/* One message into the batch; 1, 0 at the end of the transfer, -1. */
static int read_message(struct zone_source *s, struct transfer *t, struct batch *b, struct err *e)
{
	uint8_t *to = b->data + b->len;
	bool failed = false;
	size_t got = read_some(s->fd, to, 2, e, &failed), len;

	if (failed)
		return -1;
	if (got == 0)
		return 0;
	len = got == 2 ? (size_t)(to[0] << 8 | to[1]) : 0;
	if (got == 2)
		got = read_some(s->fd, to + 2, len, e, &failed);
	if (failed)
		return -1;
	if (len < 12 || got != len) {
		snprintf(s->incomplete, sizeof(s->incomplete), "the last message is cut short");
		return 0;
	}
	t->messages++;
	follow(t, to + 2, len, s);
	if (s->incomplete[0] != '\0')
		return 0;
	b->len += 2 + len;
	return 1;
}

int cut_wire(struct reading *r, struct zone_source *source, const uint8_t *zone, struct err *e)
{
	struct transfer t = { 0 };
	struct batch *b = batch_new(source, BATCH_OCTETS + 65537);
	int more = 1;

	(void)zone;
	while (more > 0) {
		/* A server leaves the connection open; what a descriptor brings is read to its end. */
		more = t.ended && !source->to_its_end ? 0 : read_message(source, &t, b, e);
		if (b->len >= BATCH_OCTETS || (more <= 0 && b->len > 0)) {
			if (reading_push(r, b) != 0)
				return 0;
			b = batch_new(source, BATCH_OCTETS + 65537);
		}
	}
	batch_free(b);
	if (more == 0 && source->incomplete[0] == '\0' && !t.ended)
		snprintf(source->incomplete, sizeof(source->incomplete), "%s",
			 t.messages == 0 ? "it is empty" : "the closing SOA is missing");
	return more;
}
