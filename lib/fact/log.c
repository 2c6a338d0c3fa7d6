/* SPDX-License-Identifier: BSD-3-Clause */
/* log: facts on disk and the version vector in memory. */
#include "fact/log.h"

#include "arena/arena.h"
#include "clock/clock.h"
#include "sql/sql.h"
#include "fail/fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const migrations[] = {
	"CREATE TABLE fact (id INTEGER PRIMARY KEY, origin BLOB NOT NULL, number INTEGER NOT NULL, random "
	"BLOB NOT NULL,"
	" seq INTEGER NOT NULL, hash BLOB NOT NULL, octets BLOB NOT NULL, UNIQUE (origin, number, random, "
	"seq)) STRICT",
};

struct fact_log {
	sqlite3 *db;
	sqlite3_stmt *insert, *hash; /* kept, as they run most */
	struct fact_head *head;
	size_t heads;
	size_t count;
	bool loading; /* the hashes of the heads are not known yet */
};

static struct fact_head *find(const struct fact_log *l, const uint8_t *origin, const struct incarnation *inc)
{
	for (size_t i = 0; i < l->heads; i++)
		if (memcmp(l->head[i].origin, origin, NODE_ID_LEN) == 0 &&
		    incarnation_cmp(&l->head[i].inc, inc) == 0)
			return &l->head[i];
	return NULL;
}

static void advance(struct fact_log *l, const struct fact *f)
{
	struct fact_head *h = find(l, f->origin, &f->inc);

	if (h == NULL) {
		l->head = mem_grow(l->head, l->heads + 1, sizeof(*l->head));
		h = &l->head[l->heads++];
		memcpy(h->origin, f->origin, NODE_ID_LEN);
		h->inc = f->inc;
	}
	h->seq = f->seq;
	memcpy(h->hash, f->hash, FACT_HASH_LEN);
	l->count++;
}

/* The newest of each incarnation. */
static int load_heads(struct fact_log *l, struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	if (sql_prepare(l->db,
			"SELECT origin, number, random, max(seq), count(*) FROM fact GROUP BY origin, number, random",
			&st, e) != 0)
		return -1;
	while ((rc = sql_step(st, e)) == 1) {
		struct fact_head *h;

		l->head = mem_grow(l->head, l->heads + 1, sizeof(*l->head));
		h = &l->head[l->heads++];
		memset(h, 0, sizeof(*h));
		if (sqlite3_column_bytes(st, 0) != NODE_ID_LEN || sqlite3_column_bytes(st, 2) != 8) {
			rc = err_set(e, ERR_DAMAGE, "a stored fact is damaged");
			break;
		}
		memcpy(h->origin, sqlite3_column_blob(st, 0), NODE_ID_LEN);
		h->inc.number = (uint32_t)sqlite3_column_int64(st, 1);
		memcpy(h->inc.random, sqlite3_column_blob(st, 2), 8);
		h->seq = (uint64_t)sqlite3_column_int64(st, 3);
		l->count += (size_t)sqlite3_column_int64(st, 4);
	}
	sqlite3_finalize(st);
	l->loading = true;
	for (size_t i = 0; i < l->heads && rc == 0; i++)
		rc = fact_log_hash(l, l->head[i].origin, &l->head[i].inc, l->head[i].seq, l->head[i].hash, e);
	l->loading = false;
	return rc;
}

int fact_log_open(const char *path, struct fact_log **out, struct err *e)
{
	struct fact_log *l = mem_new(1, sizeof(*l));

	if (sql_open(path, migrations, sizeof(migrations) / sizeof(migrations[0]), &l->db, e) != 0 ||
	    load_heads(l, e) != 0) {
		fact_log_close(l);
		return -1;
	}
	*out = l;
	return 0;
}

void fact_log_close(struct fact_log *l)
{
	if (l == NULL)
		return;
	sqlite3_finalize(l->insert);
	sqlite3_finalize(l->hash);
	sql_close(l->db);
	free(l->head);
	free(l);
}

static int insert(struct fact_log *l, const struct fact *f, struct err *e)
{
	sqlite3_stmt *st = l->insert;
	int rc;

	if (st == NULL &&
	    sql_prepare(l->db,
			"INSERT INTO fact (origin, number, random, seq, hash, octets) VALUES (?,?,?,?,?,?)",
			&l->insert, e) != 0)
		return -1;
	st = l->insert;
	sqlite3_bind_blob(st, 1, f->origin, NODE_ID_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, f->inc.number);
	sqlite3_bind_blob(st, 3, f->inc.random, sizeof(f->inc.random), SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, (int64_t)f->seq);
	sqlite3_bind_blob(st, 5, f->hash, FACT_HASH_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(st, 6, f->octets, (int)f->len, SQLITE_STATIC);
	rc = sql_step(st, e);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

int fact_log_hash(struct fact_log *l, const uint8_t origin[NODE_ID_LEN], const struct incarnation *inc,
		  uint64_t seq, uint8_t hash[FACT_HASH_LEN], struct err *e)
{
	const struct fact_head *head = find(l, origin, inc);
	sqlite3_stmt *st;
	int rc;

	if (head != NULL && head->seq == seq && !l->loading) {
		memcpy(hash, head->hash, FACT_HASH_LEN);
		return 0;
	}
	if (l->hash == NULL &&
	    sql_prepare(l->db, "SELECT hash FROM fact WHERE origin=? AND number=? AND random=? AND seq=?", &l->hash,
			e) != 0)
		return -1;
	st = l->hash;
	sqlite3_bind_blob(st, 1, origin, NODE_ID_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, inc->number);
	sqlite3_bind_blob(st, 3, inc->random, sizeof(inc->random), SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, (int64_t)seq);
	rc = sql_step(st, e);
	if (rc == 1 && sqlite3_column_bytes(st, 0) == FACT_HASH_LEN)
		memcpy(hash, sqlite3_column_blob(st, 0), FACT_HASH_LEN);
	sqlite3_reset(st);
	return rc == 1 ? 0 : rc == 0 ? err_set(e, ERR_NOTFOUND, "no such fact") : -1;
}

/* Facts of one message whose signatures are known to be right: places from .. upto. */
struct run {
	size_t from, upto;
};

static void verdict(struct fact_verdict *v, enum fact_result result, const char *why)
{
	v->result = result;
	snprintf(v->why, sizeof(v->why), "%.159s", why);
}

/* Whether a retirement by the same node comes behind it: it must be heard although what lies between is void,
 * or of two that retire each other each would know one half only. */
static bool leads_to_retirement(const struct fact *facts, size_t n, const struct fact *f)
{
	for (size_t i = (size_t)(f - facts) + 1; i < n; i++)
		if (strcmp(facts[i].kind, "retired") == 0 && facts[i].seq > f->seq &&
		    memcmp(facts[i].origin, f->origin, NODE_ID_LEN) == 0 &&
		    incarnation_cmp(&facts[i].inc, &f->inc) == 0)
			return true;
	return false;
}

/* A cut fact is believed for the fact behind it, in the same message, that is signed and names its hash. */
static bool is_vouched_for(const struct fact *facts, size_t n, const struct fact *f, const uint8_t *pk)
{
	for (size_t i = (size_t)(f - facts) + 1; i < n; i++) {
		const struct fact *next = &facts[i];

		if (next->seq != f->seq + 1 || memcmp(next->origin, f->origin, NODE_ID_LEN) != 0 ||
		    incarnation_cmp(&next->inc, &f->inc) != 0)
			continue;
		if (memcmp(next->prev, f->hash, FACT_HASH_LEN) != 0)
			return false;
		if (!next->cut)
			return fact_verify(next, pk, NULL) == 0;
		f = next;
	}
	return false;
}

/*
 * Whether somebody who has the origin's key has said this fact.  Of facts that follow each other in one message only the
 * last is verified: its signature is over the hash of the one before, signature and all, and so on down.
 */
static bool is_signed(const struct fact_rules *rules, const struct fact *facts, size_t n, const struct fact *f,
		      const uint8_t *pk, struct run *run, struct err *why)
{
	const size_t at = (size_t)(f - facts);
	size_t last = at;

	if (rules->made_here || (at >= run->from && at <= run->upto))
		return true;
	while (last + 1 < n && !facts[last + 1].cut && facts[last + 1].seq == facts[last].seq + 1 &&
	       memcmp(facts[last + 1].origin, f->origin, NODE_ID_LEN) == 0 &&
	       incarnation_cmp(&facts[last + 1].inc, &f->inc) == 0 &&
	       memcmp(facts[last + 1].prev, facts[last].hash, FACT_HASH_LEN) == 0)
		last++;
	if (last > at && fact_verify(&facts[last], pk, NULL) == 0) {
		*run = (struct run){ at, last };
		return true;
	}
	return fact_verify(f, pk, why) == 0;
}

/* What is to be done with facts[at].  -1: the disk failed. */
static int judge(struct fact_log *l, const struct fact_rules *rules, const struct fact *facts, size_t n, size_t at,
		 struct run *run, struct fact_verdict *v, struct err *e)
{
	const struct fact *f = &facts[at];
	static const uint8_t none[FACT_HASH_LEN];
	const struct fact_head *h = find(l, f->origin, &f->inc);
	const uint8_t *pk = rules->key_of(rules->ctx, f->origin);
	uint8_t held[FACT_HASH_LEN];
	const uint64_t seq = h == NULL ? 0 : h->seq;
	const char *closed;
	struct err why;

	if (f->seq <= seq) {
		if (fact_log_hash(l, f->origin, &f->inc, f->seq, held, e) != 0)
			return -1;
		if (memcmp(held, f->hash, FACT_HASH_LEN) == 0)
			return verdict(v, FACT_HAVE, ""), 0;
	}
	if (pk == NULL)
		return verdict(v, FACT_UNKNOWN, "its origin is unknown"), 0;
	if (f->cut && !is_vouched_for(facts, n, f, pk))
		return verdict(v, FACT_GAP, "it was cut, and what vouches for it is missing"), 0;
	if (!f->cut && !is_signed(rules, facts, n, f, pk, run, &why))
		return verdict(v, FACT_REFUSED, why.text), 0;
	if (f->seq <= seq)
		return verdict(v, FACT_FORK, "another fact is held under its number"), 0;
	if ((closed = rules->closed(rules->ctx, f)) != NULL && !leads_to_retirement(facts, n, f))
		return verdict(v, FACT_REFUSED, closed), 0;
	if (f->seq != seq + 1)
		return verdict(v, FACT_GAP, "facts before it are missing"), 0;
	if (memcmp(f->prev, h == NULL ? none : h->hash, FACT_HASH_LEN) != 0)
		return verdict(v, FACT_FORK, "it names another fact before it than the one held"), 0;
	return verdict(v, FACT_NEW, ""), 0;
}

int fact_log_add(struct fact_log *l, const struct fact_rules *rules, const struct fact *facts, size_t n,
		 struct fact_verdict *verdicts, struct err *e)
{
	struct fact_head *before = mem_new(l->heads + 1, sizeof(*before));
	const size_t heads = l->heads, count = l->count;
	struct run run = { n, n };

	if (l->heads > 0)
		memcpy(before, l->head, l->heads * sizeof(*before));
	if (sql_exec(l->db, "BEGIN IMMEDIATE", e) != 0) {
		free(before);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (judge(l, rules, facts, n, i, &run, &verdicts[i], e) != 0)
			goto fail;
		if (verdicts[i].result != FACT_NEW)
			continue;
		if (insert(l, &facts[i], e) != 0)
			goto fail;
		advance(l, &facts[i]);
	}
	fail_point("fact-before-commit");
	if (sql_exec(l->db, "COMMIT", e) != 0)
		goto fail;
	fail_point("fact-after-commit");
	free(before);
	return 0;
fail:
	sql_exec(l->db, "ROLLBACK", NULL);
	free(l->head);
	l->head = before;
	l->heads = heads;
	l->count = count;
	return -1;
}

static int walk(struct fact_log *l, sqlite3_stmt *st, fact_fn *fn, void *ctx, struct err *e)
{
	struct fact f;
	int rc;

	(void)l;
	while ((rc = sql_step(st, e)) == 1) {
		if (fact_read(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0), &f, e) != 0) {
			rc = err_set(e, ERR_DAMAGE, "a stored fact is damaged");
			break;
		}
		if ((rc = fn(ctx, &f)) != 0)
			break;
	}
	sqlite3_finalize(st);
	return rc;
}

int fact_log_walk(struct fact_log *l, fact_fn *fn, void *ctx, struct err *e)
{
	sqlite3_stmt *st;

	if (sql_prepare(l->db, "SELECT octets FROM fact ORDER BY id", &st, e) != 0)
		return -1;
	return walk(l, st, fn, ctx, e);
}

int fact_log_walk_from(struct fact_log *l, const uint8_t origin[NODE_ID_LEN], const struct incarnation *inc,
		       uint64_t after, fact_fn *fn, void *ctx, struct err *e)
{
	sqlite3_stmt *st;

	if (sql_prepare(
		    l->db,
		    "SELECT octets FROM fact WHERE origin=? AND number=? AND random=? AND seq>? ORDER BY seq",
		    &st, e) != 0)
		return -1;
	sqlite3_bind_blob(st, 1, origin, NODE_ID_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, inc->number);
	sqlite3_bind_blob(st, 3, inc->random, sizeof(inc->random), SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, (int64_t)after);
	return walk(l, st, fn, ctx, e);
}

/* Cuts one row, if it is to be. */
static int cut_row(struct fact_log *l, sqlite3_stmt *update, int64_t id, const struct fact *f, fact_which_fn *which,
		   void *ctx, size_t *n, struct err *e)
{
	const struct fact_head *h = find(l, f->origin, &f->inc);
	uint8_t *octets;
	size_t len;
	int rc;

	if (!fact_has_boxes(f) || f->seq == h->seq || !which(ctx, f))
		return 0;
	if (fact_cut(f, &octets, &len, e) != 0)
		return -1;
	sqlite3_bind_blob(update, 1, octets, (int)len, SQLITE_STATIC);
	sqlite3_bind_int64(update, 2, id);
	rc = sql_step(update, e);
	sqlite3_reset(update);
	free(octets);
	(*n)++;
	return rc;
}

static int cut_all(struct fact_log *l, fact_which_fn *which, void *ctx, size_t *n, struct err *e)
{
	sqlite3_stmt *st = NULL, *update = NULL;
	struct fact f;
	int rc;

	if (sql_prepare(l->db, "SELECT id, octets FROM fact ORDER BY id", &st, e) != 0)
		return -1;
	if ((rc = sql_prepare(l->db, "UPDATE fact SET octets = ? WHERE id = ?", &update, e)) == 0)
		while ((rc = sql_step(st, e)) == 1) {
			if (fact_read(sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1), &f, e) != 0)
				rc = err_set(e, ERR_DAMAGE, "a stored fact is damaged");
			else
				rc = cut_row(l, update, sqlite3_column_int64(st, 0), &f, which, ctx, n, e);
			if (rc != 0)
				break;
		}
	sqlite3_finalize(st);
	sqlite3_finalize(update);
	return rc;
}

int fact_log_cut(struct fact_log *l, fact_which_fn *which, void *ctx, size_t *n, struct err *e)
{
	*n = 0;
	if (sql_exec(l->db, "PRAGMA secure_delete=ON", e) != 0 || sql_exec(l->db, "BEGIN IMMEDIATE", e) != 0)
		return -1;
	if (cut_all(l, which, ctx, n, e) != 0 || sql_exec(l->db, "COMMIT", e) != 0) {
		sql_exec(l->db, "ROLLBACK", NULL);
		return -1;
	}
	/* what was overwritten is to go from the write-ahead log, too */
	return sql_exec(l->db, "PRAGMA wal_checkpoint(TRUNCATE)", e);
}

const struct fact_head *fact_log_heads(const struct fact_log *l, size_t *n)
{
	*n = l->heads;
	return l->head;
}

const struct fact_head *fact_log_head(const struct fact_log *l, const uint8_t origin[NODE_ID_LEN],
				      const struct incarnation *inc)
{
	return find(l, origin, inc);
}

uint32_t fact_log_highest(const struct fact_log *l, const uint8_t origin[NODE_ID_LEN])
{
	uint32_t highest = 0;

	for (size_t i = 0; i < l->heads; i++)
		if (memcmp(l->head[i].origin, origin, NODE_ID_LEN) == 0 && l->head[i].inc.number > highest)
			highest = l->head[i].inc.number;
	return highest;
}

size_t fact_log_count(const struct fact_log *l)
{
	return l->count;
}
