/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_LOOK_IMPL_H
#define DUET_LOOK_IMPL_H

#include "index/index.h"
#include "signer/engine/look.h"

/* look_impl - what the files of look share, and nobody else sees. */

enum look_step { LOOK_IDLE, LOOK_SOA, LOOK_DNSKEY, LOOK_CDS, LOOK_SOA_AGAIN, LOOK_DS };

/* One server of one zone. */
struct look_server {
	struct look_zone *of;
	struct observed_server server;
	char *name;    /* of a name server; else NULL */
	bool there;    /* still on the list */
	int64_t next_ms;
	unsigned looks, tries;
	enum look_step step;
	struct arena *arena;  /* of the look that runs */
	struct observed *look;
	struct {
		enum observed_outcome outcome;
		uint32_t serial;
		bool explained;
		int64_t at;   /* wall clock; 0: none has ended yet */
	} last;               /* look, for people */
};

/* The NS RRset of the published version. */
struct zone_ns_name {
	uint8_t *name;
	char *text;
	struct addr *addr;    /* that the version has */
	size_t addrs;
};
struct zone_ns {
	bool read;
	uint32_t serial;      /* of the version that it was read from */
	const char *trouble;  /* why there is nothing of it; NULL: it is known */
	struct zone_ns_name *name;
	size_t names;
};

struct look_zone {
	struct zwork *z;
	struct agenda_item due;
	bool keys, ds, ns;
	struct look_server **server;
	size_t servers, cap;
	struct ds_list ds_shown;      /* by the parent's servers */
	struct zone_ns name_servers;
	char *missing;                /* what is missing of them, for people; NULL: nothing is */
	int64_t began_ms;
	uint8_t said[OBSERVED_ID_LEN]; /* digest of the list that keydist was told */
	int64_t said_ms;              /* 0: never */
	int64_t list_ms;              /* the list is made anew then; INT64_MAX: when something happens */
};

/* A name server's name whose addresses are found by a resolver (look_names.c). */
struct server_name {
	struct engine *engine;
	struct agenda_item due;
	uint8_t name[DNAME_MAX]; /* lower case */
	enum name_state {
		NAME_ASKED,  /* nothing is known yet */
		NAME_FOUND,
		NAME_NONE,   /* the resolver says that there is none */
		NAME_FAILED, /* it gives no answer */
	} state;
	char why[96];        /* a sentence; "": it is found */
	struct addr *addr;   /* in order */
	size_t addrs;
	int64_t found_ms, used_ms;
	/* What has come since it was asked for last. */
	unsigned open;       /* questions that run */
	struct addr *fresh;
	size_t freshes;
	uint32_t ttl;
	bool failed, absent, alias;
};
struct server_names {
	struct server_name **name;
	size_t n, cap;
	struct index index;
	struct agenda agenda;
	size_t open;         /* names that are being asked for */
	int64_t swept_ms;
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
	struct server_names names;
	json_t *looks, *servers; /* to be told */
};

/* look_server.c: one look begins.  Ends with look_done, or with look_end when nobody wants it any more. */
void look_begin(struct look_server *s);
void look_end(struct look_server *s);
/* look.c: s->look is whole; keydist is told, the next one set. */
void look_done(struct look_server *s);

/* look_names.c: that of a name, which is looked for as long as it is asked for.  Borrowed, for the turn of the loop. */
const struct server_name *names_of(struct engine *e, const uint8_t *name);
void names_tick(struct engine *e);
void names_free(struct engine *e);

/* look_ns.c: puts every address of every name server of the published version on the list, unless it is there already; what
 * is missing is said there.  False: some addresses are still being looked for. */
bool look_ns_add(struct look_zone *lz, struct observed_servers *out);
void look_ns_fini(struct zone_ns *ns);

#endif
