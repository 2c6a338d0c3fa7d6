/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_LOOK_IMPL_H
#define DUET_LOOK_IMPL_H

#include "signer/engine/look.h"

/* look_impl - what the files of look share, and nobody else sees. */

enum look_step { LOOK_IDLE, LOOK_SOA, LOOK_DNSKEY, LOOK_CDS, LOOK_SOA_AGAIN, LOOK_DS };

/* One server of one zone. */
struct look_server {
	struct look_zone *of;
	struct observed_server server;
	bool there;    /* still on the list */
	int64_t next_ms;
	unsigned looks, tries;
	enum look_step step;
	struct arena *arena;  /* of the look that runs */
	struct observed *look;
};

struct look_zone {
	struct zwork *z;
	struct agenda_item due;
	bool keys, ds;
	struct look_server **server;
	size_t servers, cap;
	struct ds_list ds_shown;      /* by the parent's servers */
	int64_t began_ms;
	struct observed_servers said; /* what keydist was told */
	int64_t said_ms;              /* 0: never */
};

/* The questions that wait for an answer, and all zones that are looked at. */
struct looker_question {
	uint64_t id;
	look_answer_fn *fn;
	void *ctx;
};
struct lookers {
	struct agenda agenda;
	uv_timer_t timer;
	size_t running;
	int64_t second_ms; /* LOOKS_PER_S: begun since */
	size_t begun;
	struct looker_question *question;
	size_t questions, question_cap;
	struct parent_zone *parents;
	json_t *looks, *servers; /* to be told */
};

/* look_server.c: one look begins.  Ends with look_done, or with look_end when nobody wants it any more. */
void look_begin(struct look_server *s);
void look_end(struct look_server *s);
/* look.c: s->look is whole; keydist is told, the next one set. */
void look_done(struct look_server *s);

#endif
