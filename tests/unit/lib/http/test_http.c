/* SPDX-License-Identifier: BSD-3-Clause */
/* The server runs in a thread of its own on a real unix socket; the client asks from the test. */
#include "http/http.h"
#include "http/path.h"
#include "log/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 60000 /* what has an answer has it by then, on a busy machine too */

static struct {
	uv_loop_t loop;
	uv_async_t stop;
	uv_timer_t soon;
	struct http_server *server;
	struct http_later *later;
	pthread_t thread;
	char dir[64], path[96];
	atomic_int streams_done;
} t;

static int on_echo(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	const char *text;

	assert_ptr_equal(ctx, &t);
	if (http_text(q->body, "text", &text, e) != 0)
		return -1;
	assert_int_equal(q->uid, getuid());
	a->body = json_pack("{s:s, s:s, s:s*, s:i}", "text", text, "zone", q->segment[0], "query",
			    http_query(q, "q"), "pid", (int)q->pid);
	return 0;
}

static int on_refuse(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	(void)ctx;
	(void)a;
	return err_set(e, ERR_NOTNOW, "zone %s waits for \"%s\"", q->segment[0], "its key \xff");
}

static ssize_t stream_read(void *stream, char *buf, size_t cap)
{
	size_t *left = stream, n = *left < cap ? *left : cap;

	memset(buf, 'x', n);
	*left -= n;
	return (ssize_t)n;
}

static ssize_t stream_fail(void *stream, char *buf, size_t cap)
{
	size_t *left = stream;

	(void)cap;
	if (*left == 0)
		return -1;
	*left = 0;
	memset(buf, 'y', 10);
	return 10;
}

static void stream_done(void *stream)
{
	free(stream);
	atomic_fetch_add(&t.streams_done, 1);
}

static int on_stream(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	size_t *left = malloc(sizeof(*left));

	(void)ctx;
	(void)e;
	*left = 10u * 1000 * 1000;
	a->read = http_query(q, "fail") != NULL ? stream_fail : stream_read;
	a->done = stream_done;
	a->stream = left;
	return 0;
}

static void on_soon(uv_timer_t *timer)
{
	struct err why = { .code = ERR_TIMEOUT, .text = "the node did not answer" };

	http_finish(t.later, json_pack("{s:b}", "late", 1), timer->data != NULL ? &why : NULL);
	t.later = NULL;
}

static int on_later(void *ctx, const struct http_request *q, struct http_answer *a, struct err *e)
{
	(void)ctx;
	(void)a;
	(void)e;
	t.later = http_later(q);
	if (http_query(q, "never") != NULL)
		return HTTP_LATER;
	if (http_query(q, "now") != NULL) {
		on_soon(&t.soon);
		return HTTP_LATER;
	}
	t.soon.data = (void *)(size_t)(http_query(q, "fail") != NULL);
	uv_timer_start(&t.soon, on_soon, 20, 0);
	return HTTP_LATER;
}

static const struct http_route routes[] = {
	{ "POST", "/v1/zones/{zone}/echo", 1000, on_echo },
	{ "GET", "/v1/zones/{zone}/refuse", 0, on_refuse },
	{ "GET", "/v1/stream", 0, on_stream },
	{ "GET", "/v1/later", 0, on_later },
};

static void on_stop(uv_async_t *async)
{
	http_server_close(t.server);
	uv_close((uv_handle_t *)async, NULL);
	uv_close((uv_handle_t *)&t.soon, NULL);
}

static void *run(void *arg)
{
	(void)arg;
	uv_run(&t.loop, UV_RUN_DEFAULT);
	return NULL;
}

static int start(void **state)
{
	struct err e;

	(void)state;
	memset(&t, 0, sizeof(t));
	log_init("test", LOG_ERROR);
	strcpy(t.dir, "/tmp/duet-http.XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	snprintf(t.path, sizeof(t.path), "%s/sock", t.dir);
	uv_loop_init(&t.loop);
	uv_async_init(&t.loop, &t.stop, on_stop);
	uv_timer_init(&t.loop, &t.soon);
	assert_int_equal(http_server_open(&t.loop, t.path, routes, 4, &t, &t.server, &e), 0);
	return pthread_create(&t.thread, NULL, run, NULL);
}

static int stop(void **state)
{
	(void)state;
	uv_async_send(&t.stop);
	pthread_join(t.thread, NULL);
	assert_int_equal(uv_loop_close(&t.loop), 0);
	assert_int_equal(access(t.path, F_OK), -1);
	rmdir(t.dir);
	return 0;
}

static void a_request_reaches_its_handler_and_back(void **state)
{
	json_t *body = json_pack("{s:s}", "text", "gr\xc3\xbc\xc3\x9f"), *out = NULL;
	char *path = http_path("/v1/zones/%s/echo?q=%s", "0/25.2.0.192.in-addr.arpa.", "a b&c+d%");
	struct stat st;
	struct err e;

	(void)state;
	assert_int_equal(http_call(t.path, "POST", path, body, LONG_MS, &out, &e), 0);
	assert_string_equal(json_string_value(json_object_get(out, "text")), "gr\xc3\xbc\xc3\x9f");
	assert_string_equal(json_string_value(json_object_get(out, "zone")), "0/25.2.0.192.in-addr.arpa.");
	assert_string_equal(json_string_value(json_object_get(out, "query")), "a b&c+d%");
	assert_int_equal(json_integer_value(json_object_get(out, "pid")), getpid());
	assert_int_equal(stat(t.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	json_decref(out);
	json_decref(body);
	free(path);
}

static void a_refusal_keeps_code_and_sentence(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(http_call(t.path, "GET", "/v1/zones/example.org./refuse", NULL, LONG_MS, NULL, &e), -1);
	assert_int_equal(e.code, ERR_NOTNOW);
	assert_string_equal(e.text, "zone example.org. waits for \"its key ?\"");
}

/* Sends octets as they are and gives the status of the answer. */
static int raw(const char *request, size_t len)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 5 };
	char answer[4096] = "";
	size_t used = 0;
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sa.sun_path, t.path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	while (len > 0 && (n = send(fd, request, len, MSG_NOSIGNAL)) > 0) {
		request += n;
		len -= (size_t)n;
	}
	while (used < sizeof(answer) - 1 && strstr(answer, "\r\n\r\n") == NULL &&
	       (n = read(fd, answer + used, sizeof(answer) - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static void bad_requests_are_refused_with_their_status(void **state)
{
#define POST(path, body, len) "POST " path " HTTP/1.1\r\nHost: d\r\nContent-Length: " len "\r\n\r\n" body
	static const struct {
		const char *request;
		int status;
	} cases[] = {
		{ POST("/v1/zones/a./echo", "{\"text\":\"x\"}", "12"), 200 },
		{ POST("/v1/zones/a./echo", "{\"text\":\"x\"", "11"), 400 },
		{ POST("/v1/zones/a./echo", "{\"text\":\"x\",\"text\":\"y\"}", "23"), 400 },
		{ POST("/v1/zones/a./echo", "[1]", "3"), 400 },
		{ POST("/v1/zones/a./echo", "{\"text\":17}", "11"), 400 },
		{ POST("/v1/zones/a./echo", "", "0"), 400 },
		{ POST("/v1/zones/%zz/echo", "{}", "2"), 404 },
		{ POST("/v1/zones/a%00b/echo", "{}", "2"), 404 },
		{ POST("/v1/zones//echo", "{}", "2"), 404 },
		{ POST("/v1/zones/a./echo/more", "{}", "2"), 404 },
		{ POST("/v1/zones/a./refuse", "{}", "2"), 405 },
		{ "GET /v1/zones/a./echo HTTP/1.1\r\nHost: d\r\n\r\n", 405 },
		{ "GET /v1/nothing HTTP/1.1\r\nHost: d\r\n\r\n", 404 },
		{ "GET /v1/zones/a./refuse HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\nabc", 413 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = raw(cases[i].request, strlen(cases[i].request));

		if (status != cases[i].status)
			print_error("%d: %s\n", status, cases[i].request);
		assert_int_equal(status, cases[i].status);
	}
}

static void an_oversized_body_is_refused(void **state)
{
	static const char declared[] =
		"POST /v1/zones/a./echo HTTP/1.1\r\nHost: d\r\nContent-Length: 1001\r\n\r\n";
	static const char chunked[] =
		"POST /v1/zones/a./echo HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n";
	size_t len = 100000, head;
	char *request = calloc(1, len + 200);

	(void)state;
	head = (size_t)sprintf(request, "%s", declared);
	memset(request + head, ' ', 1001);
	assert_int_equal(raw(request, head + 1001), 413);
	head = (size_t)sprintf(request, "%s%zx\r\n", chunked, len);
	memset(request + head, ' ', len);
	memcpy(request + head + len, "\r\n0\r\n\r\n", 7);
	assert_int_equal(raw(request, head + len + 7), 413);
	free(request);
}

static int count_octets(void *ctx, const char *octets, size_t len)
{
	(void)octets;
	*(size_t *)ctx += len;
	return 0;
}

static void a_stream_comes_whole_or_not_at_all(void **state)
{
	size_t got = 0;
	struct err e;

	(void)state;
	assert_int_equal(http_fetch(t.path, "/v1/stream", LONG_MS, count_octets, &got, &e), 0);
	assert_int_equal(got, 10u * 1000 * 1000);
	assert_int_equal(http_fetch(t.path, "/v1/stream?fail=1", LONG_MS, count_octets, &got, &e), -1);
	for (int i = 0; i < 12000 && atomic_load(&t.streams_done) < 2; i++)
		usleep(5000);
	assert_int_equal(atomic_load(&t.streams_done), 2);
}

static void an_answer_may_come_later(void **state)
{
	json_t *out = NULL;
	struct err e;

	(void)state;
	assert_int_equal(http_call(t.path, "GET", "/v1/later", NULL, LONG_MS, &out, &e), 0);
	assert_true(json_is_true(json_object_get(out, "late")));
	json_decref(out);
	assert_int_equal(http_call(t.path, "GET", "/v1/later?now=1", NULL, LONG_MS, &out, &e), 0);
	json_decref(out);
	assert_int_equal(http_call(t.path, "GET", "/v1/later?fail=1", NULL, LONG_MS, NULL, &e), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_string_equal(e.text, "the node did not answer");
}

static void on_waiting(void *ctx, int64_t waited_ms)
{
	*(int64_t *)ctx = waited_ms;
}

static void a_long_wait_is_told(void **state)
{
	int64_t told_ms = -1;
	struct err e;

	(void)state;
	assert_int_equal(http_call_watched(t.path, "GET", "/v1/later?never=1", NULL, 1500, on_waiting,
					   &told_ms, NULL, &e),
			 -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_in_range(told_ms, 500, LONG_MS);
}

/* The client gives up; stop() then closes the server with that request still open. */
static void a_client_that_waits_too_long_gives_up(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(http_call(t.path, "GET", "/v1/later?never=1", NULL, 200, NULL, &e), -1);
	assert_int_equal(e.code, ERR_TIMEOUT);
}

static void nobody_there_and_somebody_there(void **state)
{
	struct http_server *second = NULL;
	uv_loop_t loop;
	struct err e;
	char path[128];
	FILE *f;

	(void)state;
	assert_int_equal(http_call("/nonexistent/sock", "GET", "/", NULL, 1000, NULL, &e), -1);
	assert_int_equal(e.code, ERR_NOTNOW);
	uv_loop_init(&loop);
	assert_int_equal(http_server_open(&loop, t.path, routes, 4, &t, &second, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	snprintf(path, sizeof(path), "%s/file", t.dir);
	f = fopen(path, "w");
	fclose(f);
	assert_int_equal(http_server_open(&loop, path, routes, 4, &t, &second, &e), -1);
	unlink(path);
	uv_loop_close(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_request_reaches_its_handler_and_back, start, stop),
		cmocka_unit_test_setup_teardown(a_refusal_keeps_code_and_sentence, start, stop),
		cmocka_unit_test_setup_teardown(bad_requests_are_refused_with_their_status, start, stop),
		cmocka_unit_test_setup_teardown(an_oversized_body_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(a_stream_comes_whole_or_not_at_all, start, stop),
		cmocka_unit_test_setup_teardown(an_answer_may_come_later, start, stop),
		cmocka_unit_test_setup_teardown(a_long_wait_is_told, start, stop),
		cmocka_unit_test_setup_teardown(a_client_that_waits_too_long_gives_up, start, stop),
		cmocka_unit_test_setup_teardown(nobody_there_and_somebody_there, start, stop),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
