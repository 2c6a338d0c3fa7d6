/* SPDX-License-Identifier: BSD-3-Clause */
/* serial: arithmetic, dates, and the order and numbering of content. */
#include "serial/serial.h"

#include <string.h>

uint32_t serial_next(uint32_t serial)
{
	return serial_add(serial, 1) == 0 ? 1 : serial_add(serial, 1);
}

uint32_t serial_today(int64_t now)
{
	/* Years here begin in March, so a leap day is the last of its year; days are of eras of 400 years, from 0000-03-01. */
	const int64_t days = (now >= 0 ? now : now - 86399) / 86400 + 719468;
	const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	const int64_t day = days - era * 146097;
	const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	const int64_t of_year = day - (365 * year + year / 4 - year / 100);
	const int64_t month = (5 * of_year + 2) / 153; /* 0: March */
	const int64_t of_month = of_year - (153 * month + 2) / 5 + 1;

	return (uint32_t)((((year + era * 400 + (month > 9)) * 100 + (month > 9 ? month - 9 : month + 3)) * 100 + of_month) * 100);
}

bool serial_set_back(uint32_t last, uint32_t remembered)
{
	return remembered != 0 && (last == 0 || serial_gt(remembered, last));
}

static bool digest_known(const uint8_t *digest)
{
	static const uint8_t zero[CONTENT_DIGEST_LEN];

	return memcmp(digest, zero, CONTENT_DIGEST_LEN) != 0;
}

static int digest_cmp(const uint8_t *a, const uint8_t *b)
{
	const int order = memcmp(a, b, CONTENT_DIGEST_LEN);

	return order != 0 && digest_known(a) && digest_known(b) ? order : 0;
}

int content_cmp(const struct content_id *a, const struct content_id *b)
{
	if (a->epoch != b->epoch)
		return a->epoch > b->epoch ? 1 : -1;
	if (a->number != b->number)
		return a->number > b->number ? 1 : -1;
	return digest_cmp(a->digest, b->digest);
}

int content_cmp_steps(const struct content_id *a, const struct content_id *b)
{
	int order = content_cmp(a, b);

	if (order != 0)
		return order;
	return a->steps == b->steps ? 0 : a->steps > b->steps ? 1 : -1;
}

bool content_differs(const struct content_id *a, const struct content_id *b)
{
	return a->epoch == b->epoch && a->number == b->number && digest_cmp(a->digest, b->digest) != 0;
}

/* Among mine and known of the view's epoch: the highest number, and the highest that this digest has. */
struct numbers {
	bool any;
	uint64_t highest;
	uint64_t of_digest; /* 0: none */
};

static void numbers_add(struct numbers *n, const struct content_view *view, const struct content_id *id)
{
	if (id->epoch != view->epoch)
		return;
	if (!n->any || id->number > n->highest)
		n->highest = id->number;
	n->any = true;
	if (digest_known(id->digest) && memcmp(id->digest, view->digest, CONTENT_DIGEST_LEN) == 0 &&
	    id->number > n->of_digest)
		n->of_digest = id->number;
}

/*
 * Remembered numbers of this digest count only above mine: an operator who takes a change back makes content that is newer
 * than the change, although its digest was seen before.
 */
static uint64_t number_seen(const struct numbers *n, const struct content_view *view, bool same_digest)
{
	uint64_t mine = view->mine != NULL && view->mine->epoch == view->epoch ? view->mine->number : 0;

	if (same_digest)
		return n->of_digest > mine ? n->of_digest : mine;
	return n->of_digest > mine ? n->of_digest : n->highest + 1;
}

static uint64_t number_serial(const struct numbers *n, const struct content_view *view)
{
	int64_t number;

	if (!n->any)
		return view->input_serial;
	number = (int64_t)n->highest + serial_distance((uint32_t)n->highest, view->input_serial);
	return number < 0 ? view->input_serial : (uint64_t)number;
}

void content_decide(const struct content_view *view, struct content_decision *out)
{
	struct content_id input = { .epoch = view->epoch };
	struct numbers n = { 0 };
	bool same_epoch = view->mine != NULL && view->mine->epoch == view->epoch;
	bool same_digest = same_epoch && memcmp(view->mine->digest, view->digest, CONTENT_DIGEST_LEN) == 0;
	int order;

	memcpy(input.digest, view->digest, CONTENT_DIGEST_LEN);
	if (view->mine != NULL)
		numbers_add(&n, view, view->mine);
	for (size_t i = 0; i < view->known_count; i++)
		numbers_add(&n, view, &view->known[i]);
	input.number = view->order == CONTENT_SEEN ? number_seen(&n, view, same_digest) : number_serial(&n, view);
	*out = (struct content_decision){ .number = input.number };
	out->differs = view->mine != NULL && content_differs(view->mine, &input);
	for (size_t i = 0; i < view->known_count; i++)
		out->differs = out->differs || content_differs(&view->known[i], &input);
	order = view->mine == NULL ? 1 : content_cmp(&input, view->mine);
	out->result = order < 0 ? CONTENT_OLDER : same_digest && order >= 0 ? CONTENT_SAME : CONTENT_NEWER;
}
