/* SPDX-License-Identifier: BSD-3-Clause */
/* update: builds the update section, and reads the answer. */
#include "signer/engine/update.h"

#include "dns/message.h"
#include "msg/msg.h"
#include "signer/engine/look.h"

#include <stdlib.h>
#include <string.h>

#define DS_MAX     32
#define DS_OCTETS  256
#define TIMEOUT_MS 10000

struct update {
	update_done_fn *done;
	void *ctx;
};

static void on_answer(void *ctx, const json_t *msg)
{
	const json_int_t rcode = json_integer_value(json_object_get(msg, "rcode"));
	struct update *u = ctx;
	char why[128], text[16];
	struct err e;

	if (look_failed(msg, why, sizeof(why)) != OBSERVED_ANSWERED)
		err_set(&e, ERR_NOTNOW, "%s", why);
	else if (rcode != 0)
		err_set(&e, ERR_REFUSED, "%s", dns_rcode_text((unsigned)rcode, text));
	else
		e.code = ERR_NONE;
	u->done(u->ctx, e.code == ERR_NONE ? NULL : &e);
	free(u);
}

/* RFC 2136 section 2.5.2: class ANY without rdata deletes the RRset. */
static int section(struct wr *w, const uint8_t *zone, uint32_t ttl, const json_t *ds, struct err *e)
{
	wr_bytes(w, zone, dname_len(zone));
	wr_u16(w, TYPE_DS);
	wr_u16(w, CLASS_ANY);
	wr_u32(w, 0);
	wr_u16(w, 0);
	for (size_t i = 0; i < json_array_size(ds); i++) {
		json_t *o = json_pack("{s:O}", "ds", json_array_get(ds, i));
		uint8_t *rdata;
		size_t len;

		rdata = msg_base64(o, "ds", DS_OCTETS, &len, e);
		json_decref(o);
		if (rdata == NULL)
			return -1;
		rr_write(w, &(struct rr){ .owner = zone, .rdata = rdata, .ttl = ttl, .type = TYPE_DS,
					  .rdlen = (uint16_t)len });
		free(rdata);
	}
	return w->bad ? err_set(e, ERR_LIMIT, "too many DS records") : 0;
}

int update_start(struct engine *e, const json_t *args, update_done_fn *done, void *ctx, struct err *err)
{
	const char *parent = msg_text(args, "parent", DNAME_TEXT_MAX, err);
	const char *address = parent == NULL ? NULL : msg_text(args, "address", ADDR_TEXT_LEN, err);
	const char *zone = address == NULL ? NULL : msg_text(args, "zone", DNAME_TEXT_MAX, err);
	const json_t *ds = json_object_get(args, "ds");
	uint8_t name[DNAME_MAX], octets[DS_MAX * (DNAME_MAX + 10 + DS_OCTETS)];
	struct wr w = wr_of(octets, sizeof(octets));
	struct update *u;
	json_t *packed;
	uint64_t ttl;

	if (zone == NULL || msg_name(args, "zone", name, err) != 0 || msg_uint(args, "ttl", INT32_MAX, &ttl, err) != 0)
		return -1;
	if (!json_is_array(ds) || json_array_size(ds) >= DS_MAX)
		return err_set(err, ERR_SYNTAX, "ds: a list of less than %d", DS_MAX);
	if (section(&w, name, (uint32_t)ttl, ds, err) != 0)
		return -1;
	u = mem_new(1, sizeof(*u));
	u->done = done;
	u->ctx = ctx;
	packed = msg_json_base64(octets, w.at);
	look_ask(e, &(struct netlink_question){ .zone = zone, .name = parent, .address = address,
						.key = json_string_value(json_object_get(args, "key")), .what = "update",
						.timeout_ms = TIMEOUT_MS, .update = packed,
						.update_count = 1 + (unsigned)json_array_size(ds) },
		 on_answer, u);
	json_decref(packed);
	return 0;
}
