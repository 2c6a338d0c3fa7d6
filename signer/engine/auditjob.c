/* SPDX-License-Identifier: BSD-3-Clause */
/* auditjob: the plan in the auditor's words, and a transfer through a descriptor. */
#include "signer/engine/auditjob.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock/clock.h"
#include "fail/fail.h"
#include "msg/msg.h"
#include "signer/engine/look.h"

json_t *auditjob_rdata(const uint8_t *rdata, size_t len)
{
	char *hex = mem_new(2 * len + 1, 1);
	json_t *j;

	sodium_bin2hex(hex, 2 * len + 1, rdata, len);
	j = json_sprintf("\\# %zu %s", len, hex);
	free(hex);
	return j;
}

static json_t *ready_set(const struct plan *p, uint16_t type)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->ready_count; i++)
		for (size_t k = 0; p->ready[i].rrs[0].type == type && k < p->ready[i].n; k++)
			json_array_append_new(list, auditjob_rdata(p->ready[i].rrs[k].rdata, p->ready[i].rrs[k].rdlen));
	return list;
}

/* The algorithms of the keys that sign the zone, those of them that have SEP, and those that the DNSKEY RRset lacks. */
static void set_keys(json_t *o, const struct plan *p)
{
	json_t *algorithms = json_array(), *csk = json_array(), *signing = json_array();

	for (size_t i = 0; i < p->key_count; i++) {
		size_t len;
		const uint8_t *rdata = key_rdata(p->keys[i], &len);

		json_array_append_new(algorithms, json_integer(key_alg(p->keys[i])));
		if ((key_flags(p->keys[i]) & DNSKEY_FLAG_SEP) != 0)
			json_array_append_new(csk, auditjob_rdata(rdata, len));
		if (p->unpublished[i])
			json_array_append_new(signing, auditjob_rdata(rdata, len));
	}
	json_object_set_new(o, "algorithms", algorithms);
	json_object_set_new(o, "csk", csk);
	json_object_set_new(o, "signing", signing);
}

/* Most zones have the policy of the one before, and the loop alone asks. */
static json_t *limits(const struct policy *policy)
{
	static struct policy last;
	static json_t *words;

	if (words == NULL || memcmp(&last, policy, sizeof(last)) != 0) {
		json_decref(words);
		words = policy_to_json(policy);
		memcpy(&last, policy, sizeof(last));
	}
	return json_incref(words);
}

/* The DS of zones below that were put into this content: an older one has what it was given then. */
static json_t *children(const struct plan *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->given_count; i++) {
		char name[DNAME_TEXT_MAX];
		json_t *ds = json_array();

		for (size_t k = 0; k < p->given[i].n; k++)
			json_array_append_new(ds, auditjob_rdata(p->given[i].rr[k].rdata, p->given[i].rr[k].rdlen));
		json_array_append_new(list, json_pack("{s:s,s:o}", "zone", dname_to_text(p->given[i].owner, name), "ds", ds));
	}
	return list;
}

static void set_content(json_t *o, const struct content_id *c)
{
	json_object_set_new(o, "content", json_integer((json_int_t)c->number));
	json_object_set_new(o, "epoch", json_integer((json_int_t)c->epoch));
	if (!sodium_is_zero(c->digest, sizeof(c->digest)))
		json_object_set_new(o, "digest", msg_json_hex(c->digest, sizeof(c->digest)));
}

static void add_known(json_t *list, const char *who, uint32_t serial, const struct content_id *content, bool served, bool self)
{
	json_t *o;

	if (serial == 0)
		return;
	o = json_pack("{s:s,s:I,s:b,s:b}", "who", who, "serial", (json_int_t)serial, "served", (int)served, "self", (int)self);
	set_content(o, content);
	json_array_append_new(list, o);
}

/* What the serial rule knows, but for what nobody explains: of that the content is not known. */
static json_t *known(const struct zwork *z)
{
	json_t *list = json_array();

	for (size_t i = 0; i < z->peer_count; i++) {
		struct content_id content = z->peer[i].v.content;

		content.number += (uint64_t)fail_number("peer-ahead");
		add_known(list, z->peer[i].name, z->peer[i].v.serial, &content, true, false);
	}
	add_known(list, "this node", z->self_serial, &z->self_content, false, true);
	for (size_t i = 0; i < z->shown_count; i++) {
		const struct shown *s = &z->shown[i];
		const struct past_version *v = s->configured && s->now.ok ? secondary_explained(z, s) : NULL;

		if (v != NULL)
			add_known(list, s->address, s->now.serial, &v->content, false, false);
	}
	return list;
}

/* What was published before, by all: what a new version is held against, and one that is published is not. */
static void set_beside(json_t *o, const struct zwork *z, const struct made *m)
{
	json_object_set_new(o, "known", known(z));
	if (z->kept.audit == NULL && m->plan->seeds != NULL)
		json_object_set(o, "seeds", m->plan->seeds);
}

/* What each version made by the plan is held against. */
static json_t *lasting_words(const struct plan *p)
{
	json_t *o = json_pack("{s:b,s:o}", "observed", 1, "policy", limits(p->policy));

	if (p->set_back)
		json_object_set_new(o, "set_back", json_true());
	if (p->state != PLAN_SIGNED) {
		json_object_set_new(o, "unsigned", json_true());
		return o;
	}
	json_object_set_new(o, "dnskey", ready_set(p, TYPE_DNSKEY));
	json_object_set_new(o, "cds", ready_set(p, TYPE_CDS));
	json_object_set_new(o, "cdnskey", ready_set(p, TYPE_CDNSKEY));
	set_keys(o, p);
	if (p->foreign != NULL)
		json_object_set(o, "foreign", p->foreign);
	if (p->lost != NULL)
		json_object_set(o, "lost", p->lost);
	return o;
}

static json_t *plan_words(const struct zwork *z, const struct made *m)
{
	const uint8_t *digest = made_is_new(m) ? made_content(z, m)->digest : version_info(m->base)->content_digest;
	const struct content *content = m->candidate ? z->input : m->content; /* that of a candidate is the input (review_step) */
	struct plan *p = m->plan;
	json_t *o, *ds = look_ds(z);

	/* Kept from a zone's second version on: of thousands of zones most have one for long. */
	if (p->audit_words == NULL && m->base != NULL)
		p->audit_words = lasting_words(p);
	o = p->audit_words != NULL ? json_copy(p->audit_words) : lasting_words(p);
	set_content(o, made_content(z, m));
	json_object_set_new(o, "digest", msg_json_hex(digest, CONTENT_DIGEST_LEN));
	if (ds != NULL)
		json_object_set_new(o, "ds", ds);
	if (content != NULL && content->plan != NULL)
		json_object_set_new(o, "children", children(content->plan));
	return o;
}

/* What is published is due for renewal and ends no later: even a version that ends soon is better. */
static bool ends_no_sooner(const struct zwork *z)
{
	const int64_t earliest = z->version == NULL ? INT64_MAX : version_info(z->version)->earliest;

	return earliest <= clock_now_s() + z->plan->policy->renewal_margin_s && earliest <= z->made->info.earliest;
}

static const struct zone_sum *new_sum(const struct made *m)
{
	return made_is_new(m) ? m->info.sum : NULL;
}

static json_t *changes_words(const struct made *m, const struct auditparts *p)
{
	json_t *o = json_pack("{s:s,s:b,s:b,s:b}", "tags", p->tags, "last", (int)p->last, "closed3", (int)p->closed3, "sum",
			      new_sum(m) != NULL);

	if (p->digested)
		json_object_set_new(o, "digested", json_true());
	return o;
}

char *auditjob_text(const struct zwork *z, const struct auditparts *parts, unsigned threads, int nice, int64_t timeout_s)
{
	const struct made *m = z->made;
	json_t *o = json_pack("{s:s,s:I,s:I,s:i,s:I,s:o,s:s,s:b}", "zone", z->name, "now", (json_int_t)clock_now_s(), "threads",
			      (json_int_t)threads, "nice", nice, "timeout_s", (json_int_t)timeout_s, "plan", plan_words(z, m),
			      "past", z->kept.audit != NULL ? z->kept.audit : "", "expiring", (int)ends_no_sooner(z));
	char *text;

	if (parts != NULL)
		json_object_set_new(o, "changes", changes_words(m, parts));
	set_beside(json_object_get(o, "plan"), z, m);
	if (m->forced)
		json_object_set_new(json_object_get(o, "plan"), "forced", json_true());
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

json_t *auditjob_outside(const struct zwork *z, const struct made *m)
{
	json_t *o = plan_words(z, m);

	set_beside(o, z, m);
	json_object_set_new(o, "past", json_string(z->kept.audit != NULL ? z->kept.audit : ""));
	return o;
}

const char *auditjob_other(const json_t *was, const json_t *is)
{
	static const struct {
		const char *member, *text;
	} rows[] = {
		{ "ds", "the parent's DS have changed" },
		{ "policy", "the policy has changed" },
		{ "known", "others have published" },
		{ "past", "something else was published here" },
		{ "children", "the DS of zones below have changed" },
	};

	if (was != NULL && json_equal(was, is))
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const json_t *a = json_object_get(was, rows[i].member), *b = json_object_get(is, rows[i].member);

		if (a != b && !json_equal(a, b))
			return rows[i].text;
	}
	return "what it was held against has changed";
}

char *auditjob_whole_text(const struct zwork *z, const struct made *m, int nice, int64_t timeout_s)
{
	json_t *o = json_pack("{s:s,s:I,s:i,s:i,s:I,s:o,s:s,s:b}", "zone", z->name, "now", (json_int_t)clock_now_s(), "threads", 1, "nice",
			      nice, "timeout_s", (json_int_t)timeout_s, "plan", plan_words(z, m), "past",
			      z->kept.audit != NULL ? z->kept.audit : "", "again", 1);
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return text;
}

/* ---- messages ---- */

/* Where messages go. */
struct feed {
	int fd;        /* -1: they are counted and go nowhere */
	size_t octets; /* so far */
	int64_t until_ms;
	struct err *e;
};

static int wait_room(const struct feed *f)
{
	const int64_t left_ms = f->until_ms - clock_mono_ms();
	struct pollfd p = { .fd = f->fd, .events = POLLOUT };

	if (left_ms <= 0)
		return err_set(f->e, ERR_TIMEOUT, "the auditor does not read");
	poll(&p, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
	return 0;
}

static int write_all(struct feed *f, const uint8_t *p, size_t len)
{
	f->octets += len;
	while (f->fd >= 0 && len > 0) {
		ssize_t n = write(f->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (wait_room(f) != 0)
				return -1;
			continue;
		}
		if (n < 0)
			return err_errno(f->e, "feeding the auditor");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int feed_page(void *ctx, const struct page_row *row, const uint8_t *page)
{
	return write_all(ctx, page, row->len);
}

/* A message with the SOA, and what is made with it where that is to be sent. */
static int feed_soa(struct feed *f, const struct version_info *info, size_t with)
{
	size_t len = 2 + 12 + rr_wire_len(&info->soa);
	struct wr w;
	uint8_t *m;
	int rc;

	for (size_t i = 0; i < with; i++)
		len += rr_wire_len(&info->with_soa[i]);
	m = mem_new(1, len);
	w = wr_of(m, len);
	wr_u16(&w, (uint16_t)(len - 2));
	wr_u16(&w, 0);
	wr_u16(&w, 0x8400); /* QR, AA */
	wr_u16(&w, 0);
	wr_u16(&w, (uint16_t)(1 + with));
	wr_u32(&w, 0);
	rr_write(&w, &info->soa);
	for (size_t i = 0; i < with; i++)
		rr_write(&w, &info->with_soa[i]);
	rc = write_all(f, m, w.at);
	free(m);
	return rc;
}

int auditjob_feed(struct store *s, const struct version_info *info, const struct table *t, int fd, int64_t until_ms, struct err *e)
{
	struct feed f = { .fd = fd, .until_ms = until_ms, .e = e };

	if (feed_soa(&f, info, info->with_soa_count) != 0 || store_each_page(s, t, feed_page, &f, e) != 0)
		return -1;
	return feed_soa(&f, info, 0);
}

static int feed_length(struct feed *f, size_t len)
{
	const uint8_t octets[4] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };

	return write_all(f, octets, sizeof(octets));
}

static int feed_sum(struct feed *f, const struct zone_sum *sum)
{
	uint8_t octets[2 * ZONE_SUM_LANES];

	for (size_t i = 0; i < ZONE_SUM_LANES; i++) {
		octets[2 * i] = (uint8_t)sum->lane[i];
		octets[2 * i + 1] = (uint8_t)(sum->lane[i] >> 8);
	}
	return write_all(f, octets, sizeof(octets));
}

static int feed_row(struct feed *f, struct store *s, const struct page_row *row, uint8_t page[PAGE_OCTETS_MAX])
{
	if (f->fd >= 0 && store_read(s, row, page, f->e) != 0)
		return -1;
	return write_all(f, page, row->len);
}

static int feed_parts(struct feed *f, struct store *s, const struct made *m, const struct auditparts *p)
{
	const struct version_info *info = &m->info, *was = version_info(m->base);
	uint8_t *page = mem_new(1, PAGE_OCTETS_MAX);
	int rc = new_sum(m) != NULL ? feed_sum(f, new_sum(m)) : 0;

	if (rc == 0)
		rc = feed_soa(f, info, info->with_soa_count);
	if (rc == 0)
		rc = feed_soa(f, was, was->with_soa_count);
	for (size_t i = 0; i < p->n && rc == 0; i++)
		rc = feed_row(f, s, p->row[i], page);
	free(page);
	return rc;
}

int auditjob_feed_parts(struct store *s, const struct made *m, const struct auditparts *p, int fd, int64_t until_ms,
			struct err *e)
{
	struct feed count = { .fd = -1, .e = e }, f = { .fd = fd, .until_ms = until_ms, .e = e };

	/* The whole zone follows the parts: where they end is said first. */
	if (p->digested && (feed_parts(&count, s, m, p) != 0 || feed_length(&f, count.octets) != 0))
		return -1;
	return feed_parts(&f, s, m, p);
}
