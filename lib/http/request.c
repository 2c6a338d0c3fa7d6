/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * request: one request from its headers to the end of its answer.
 *
 * This is the owner of the requests, so it logs them, once each: event=http with who asked, and
 * event=http-refused.
 */
#include "http/server_impl.h"

#include "http/path.h"
#include "log/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define STREAM_BLOCK 65536
#define DROPPED_MAX  (16u * 1024 * 1024)
#define JSON_TYPE    "application/json"

static unsigned status_of(enum err_code code)
{
	switch (code) {
	case ERR_SYNTAX:
		return MHD_HTTP_BAD_REQUEST;
	case ERR_LIMIT:
		return MHD_HTTP_CONTENT_TOO_LARGE;
	case ERR_NOTFOUND:
		return MHD_HTTP_NOT_FOUND;
	case ERR_EXISTS:
		return MHD_HTTP_CONFLICT;
	case ERR_REFUSED:
		return MHD_HTTP_FORBIDDEN;
	case ERR_NOTNOW:
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	case ERR_TIMEOUT:
		return MHD_HTTP_GATEWAY_TIMEOUT;
	case ERR_NONE:
	case ERR_IO:
	case ERR_CRYPTO:
	case ERR_DAMAGE:
	case ERR_INTERNAL:
		break;
	}
	return MHD_HTTP_INTERNAL_SERVER_ERROR;
}

/* ---- answers ---- */

static enum MHD_Result queue(struct http_impl *r, unsigned status, struct MHD_Response *response,
			     const char *type)
{
	enum MHD_Result rc;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", type);
	r->status = status;
	rc = MHD_queue_response(r->connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result queue_json(struct http_impl *r, unsigned status, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(body);
	if (text == NULL)
		return MHD_NO;
	return queue(r, status, MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE),
		     JSON_TYPE);
}

static enum MHD_Result queue_error(struct http_impl *r, unsigned status, const struct err *e)
{
	json_t *body = json_object();

	json_object_set_new(body, "error", json_string(err_word(e->code)));
	/* a sentence may quote foreign octets; json_string refuses what is no UTF-8 */
	json_t *message = json_string(e->text);

	if (message == NULL) {
		char plain[sizeof(e->text)];

		memcpy(plain, e->text, sizeof(plain));
		for (char *p = plain; *p != '\0'; p++)
			if ((unsigned char)*p >= 0x80)
				*p = '?';
		message = json_string(plain);
	}
	json_object_set_new(body, "message", message);
	if (e != &r->why)
		r->why = *e;
	return queue_json(r, status, body);
}

struct stream {
	struct http_answer answer;
};

static ssize_t stream_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct stream *s = cls;
	ssize_t n = s->answer.read(s->answer.stream, buf, max);

	(void)pos;
	if (n == 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return n < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : n;
}

static void stream_done(void *cls)
{
	struct stream *s = cls;

	if (s->answer.done != NULL)
		s->answer.done(s->answer.stream);
	free(s);
}

static enum MHD_Result queue_answer(struct http_impl *r, struct http_answer *a)
{
	if (a->read != NULL) {
		struct stream *s = mem_new(1, sizeof(*s));

		json_decref(a->body);
		s->answer = *a;
		return queue(r, MHD_HTTP_OK,
			     MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, s,
							       stream_done),
			     a->content_type != NULL ? a->content_type : "text/plain; charset=utf-8");
	}
	return queue_json(r, MHD_HTTP_OK, a->body != NULL ? a->body : json_object());
}

/* ---- requests ---- */

static void peer_credentials(struct http_impl *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred cred;
	socklen_t len = sizeof(cred);

	r->q.uid = (uid_t)-1;
	r->q.pid = -1;
	if (info != NULL && getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		r->q.uid = cred.uid;
		r->q.pid = cred.pid;
	}
}

static struct http_impl *request_new(struct http_server *s, struct MHD_Connection *c, const char *method,
				     const char *url)
{
	struct http_impl *r = mem_new(1, sizeof(*r));

	r->server = s;
	r->connection = c;
	r->q.arena = arena_new();
	r->q.method = arena_strdup(r->q.arena, method);
	r->q.path = arena_strdup(r->q.arena, url);
	r->q.impl = r;
	peer_credentials(r);
	return r;
}

static void later_unlink(struct http_later *l)
{
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		l->impl->server->later = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	free(l);
}

void http_on_end(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how)
{
	struct http_impl *r = *state;

	(void)cls;
	(void)c;
	if (r == NULL)
		return;
	if (r->status >= 400)
		log_event(LOG_INFO, "http-refused", "uid=%ld pid=%ld method=%s path=%.200s status=%u msg=%s",
			  (long)r->q.uid, (long)r->q.pid, r->q.method, r->q.path, r->status, r->why.text);
	else
		log_event(strcmp(r->q.method, "GET") == 0 ? LOG_DEBUG : LOG_INFO, "http",
			  "uid=%ld pid=%ld method=%s path=%.200s status=%u%s", (long)r->q.uid, (long)r->q.pid,
			  r->q.method, r->q.path, r->status,
			  how == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "" : " cut=yes");
	assert(r->later == NULL); /* suspended connections do not end */
	json_decref(r->q.body);
	if (r->finished)
		json_decref(r->answer.body);
	free(r->body);
	arena_free(r->q.arena);
	free(r);
	*state = NULL;
}

/* Finds the row when the headers have come.  Returns 0, or -1 with status and *e. */
static int request_route(struct http_impl *r, unsigned *status, struct err *e)
{
	const char *length;

	switch (path_find(r->server->routes, r->server->route_count, r->q.method, r->q.path, r->q.arena,
			  &r->route, r->q.segment)) {
	case PATH_NO:
		*status = MHD_HTTP_NOT_FOUND;
		return err_set(e, ERR_NOTFOUND, "%.200s: this daemon has no such path", r->q.path);
	case PATH_OTHER_METHOD:
		*status = MHD_HTTP_METHOD_NOT_ALLOWED;
		return err_set(e, ERR_REFUSED, "%s %.200s: this path does not take %s", r->q.method,
			       r->q.path, r->q.method);
	case PATH_YES:
		break;
	}
	length = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Content-Length");
	if (length != NULL && strtoull(length, NULL, 10) > r->route->max_body) {
		*status = MHD_HTTP_CONTENT_TOO_LARGE;
		return err_set(e, ERR_LIMIT, "the body has %.20s octets, at most %zu are allowed", length,
			       r->route->max_body);
	}
	return 0;
}

static int body_add(struct http_impl *r, const char *data, size_t len, struct err *e)
{
	if (len > r->route->max_body - r->body_len)
		return err_set(e, ERR_LIMIT, "the body has more than %zu octets", r->route->max_body);
	if (r->body == NULL)
		r->body = mem_new(r->route->max_body, 1);
	memcpy(r->body + r->body_len, data, len);
	r->body_len += len;
	return 0;
}

static int body_parse(struct http_impl *r, struct err *e)
{
	json_error_t why;

	if (r->body_len == 0) {
		r->q.body = json_object();
		return 0;
	}
	r->q.body = json_loadb(r->body, r->body_len, JSON_REJECT_DUPLICATES, &why);
	if (r->q.body == NULL)
		return err_set(e, ERR_SYNTAX, "the body is no JSON: line %d: %s", why.line, why.text);
	if (!json_is_object(r->q.body))
		return err_set(e, ERR_SYNTAX, "the body is no JSON object");
	return 0;
}

/* The whole request is there: calls the handler. */
static enum MHD_Result request_run(struct http_impl *r)
{
	struct http_answer a = { .body = NULL };
	struct err e = { .code = ERR_INTERNAL, .text = "refused without a reason" };
	int rc;

	r->called = true;
	if (body_parse(r, &e) != 0)
		return queue_error(r, status_of(e.code), &e);
	rc = r->route->handler(r->server->ctx, &r->q, &a, &e);
	if (rc == HTTP_LATER)
		return MHD_YES;
	if (rc != 0) {
		json_decref(a.body);
		return queue_error(r, status_of(e.code), &e);
	}
	return queue_answer(r, &a);
}

/* libmicrohttpd calls this when the headers are there, for each piece of the body, at its end, and after a
 * resume. */
enum MHD_Result http_on_access(void *cls, struct MHD_Connection *c, const char *url, const char *method,
			       const char *version, const char *data, size_t *len, void **state)
{
	struct http_impl *r = *state;

	(void)version;
	if (r == NULL) {
		*state = r = request_new(cls, c, method, url);
		r->refused = request_route(r, &r->status, &r->why) != 0;
		return MHD_YES;
	}
	if (r->finished) {
		r->finished = false;
		if (r->why.code != ERR_NONE)
			return queue_error(r, status_of(r->why.code), &r->why);
		return queue_answer(r, &r->answer);
	}
	if (*len > 0) {
		if (!r->refused && body_add(r, data, *len, &r->why) != 0) {
			r->refused = true;
			r->status = status_of(r->why.code);
		}
		/* what is refused is still read, else the client sees a broken pipe instead of the reason */
		r->dropped += r->refused ? *len : 0;
		*len = 0;
		return r->dropped > DROPPED_MAX ? MHD_NO : MHD_YES;
	}
	if (r->refused && !r->called) {
		r->called = true;
		return queue_error(r, r->status, &r->why);
	}
	if (r->called)
		return MHD_YES;
	return request_run(r);
}

struct http_later *http_later(const struct http_request *q)
{
	struct http_impl *r = q->impl;
	struct http_later *l = mem_new(1, sizeof(*l));

	assert(r->later == NULL);
	l->impl = r;
	l->next = r->server->later;
	if (l->next != NULL)
		l->next->prev = l;
	r->server->later = l;
	r->later = l;
	MHD_suspend_connection(r->connection);
	return l;
}

void http_finish(struct http_later *later, json_t *body, const struct err *why)
{
	struct http_impl *r = later->impl;
	struct http_server *s = r->server;

	r->later = NULL;
	later_unlink(later);
	r->finished = true;
	r->why = why != NULL ? *why : (struct err){ .code = ERR_NONE };
	if (why != NULL) {
		json_decref(body);
		body = NULL;
	}
	r->answer = (struct http_answer){ .body = body };
	MHD_resume_connection(r->connection);
	http_wake(s);
}

const char *http_query(const struct http_request *q, const char *name)
{
	const char *value = MHD_lookup_connection_value(q->impl->connection, MHD_GET_ARGUMENT_KIND, name);

	return value == NULL ? NULL : path_decode(q->arena, value, strlen(value));
}
