/* SPDX-License-Identifier: BSD-3-Clause */
/* client: one request over a unix socket with libcurl; refusals become the daemon's own sentence. */
#include "http/http.h"

#include "clock/clock.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_BODY_MAX 65536

/* What comes: a JSON answer or an error body is kept, a stream goes to the sink. */
struct incoming {
	CURL *curl;
	char *octets;
	size_t len, cap, max;
	int (*sink)(void *ctx, const char *octets, size_t len);
	void *ctx;
	bool too_large;
};

static size_t on_octets(char *data, size_t size, size_t n, void *user)
{
	struct incoming *in = user;
	size_t len = size * n;
	long status = 0;

	curl_easy_getinfo(in->curl, CURLINFO_RESPONSE_CODE, &status);
	if (in->sink != NULL && status == 200)
		return in->sink(in->ctx, data, len) == 0 ? len : 0;
	if (len > (status == 200 ? in->max : ERROR_BODY_MAX) - in->len) {
		in->too_large = true;
		return 0;
	}
	if (in->len + len > in->cap) {
		in->cap = (in->len + len) * 2;
		in->octets = mem_grow(in->octets, in->cap, 1);
	}
	memcpy(in->octets + in->len, data, len);
	in->len += len;
	return len;
}

static enum err_code code_of_word(const char *word)
{
	for (int code = ERR_SYNTAX; code <= ERR_INTERNAL; code++)
		if (strcmp(err_word((enum err_code)code), word) == 0)
			return (enum err_code)code;
	return ERR_INTERNAL;
}

/* The refusal in a body, or the bare status where it is none. */
static int refusal(const struct incoming *in, long status, const char *socket, struct err *e)
{
	json_t *body = json_loadb(in->octets != NULL ? in->octets : "", in->len, 0, NULL);
	const char *word = json_string_value(json_object_get(body, "error"));
	const char *message = json_string_value(json_object_get(body, "message"));

	if (word != NULL && message != NULL)
		err_set(e, code_of_word(word), "%s", message);
	else
		err_set(e, ERR_INTERNAL, "%s answered with status %ld", socket, status);
	json_decref(body);
	return -1;
}

static int transport_error(const struct incoming *in, CURLcode rc, const char *socket, struct err *e)
{
	if (in->too_large)
		return err_set(e, ERR_LIMIT, "%s: the answer has more than %zu octets", socket, in->max);
	if (rc == CURLE_COULDNT_CONNECT)
		return err_set(e, ERR_NOTNOW,
			       "%s: nobody answers there; is the daemon running, and may you use the socket?",
			       socket);
	if (rc == CURLE_OPERATION_TIMEDOUT)
		return err_set(e, ERR_TIMEOUT, "%s: no answer in time", socket);
	return err_set(e, ERR_IO, "%s: %s", socket, curl_easy_strerror(rc));
}

static CURL *handle_new(const char *socket, const char *path, struct incoming *in)
{
	CURL *curl = curl_easy_init();
	char *url;

	if (curl == NULL)
		return NULL;
	url = mem_printf("http://duet%s", path);
	in->curl = curl;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_octets);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, in);
	free(url);
	return curl;
}

/* Sends the request and turns everything but status 200 into an error. */
static int perform(CURL *curl, struct incoming *in, const char *socket, struct err *e)
{
	CURLcode rc = curl_easy_perform(curl);
	long status = 0;

	if (rc != CURLE_OK)
		return transport_error(in, rc, socket, e);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status == 200 ? 0 : refusal(in, status, socket, e);
}

/* Whom to tell how long the answer takes. */
struct watcher {
	void (*waiting)(void *ctx, int64_t waited_ms);
	void *ctx;
	int64_t began_ms;
};

static int on_progress(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	const struct watcher *w = user;

	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	w->waiting(w->ctx, clock_mono_ms() - w->began_ms);
	return 0;
}

int http_call(const char *socket, const char *method, const char *path, const json_t *body,
	      unsigned timeout_ms, json_t **out, struct err *e)
{
	return http_call_watched(socket, method, path, body, timeout_ms, NULL, NULL, out, e);
}

int http_call_watched(const char *socket, const char *method, const char *path, const json_t *body,
		      unsigned timeout_ms, void (*waiting)(void *ctx, int64_t waited_ms), void *ctx,
		      json_t **out, struct err *e)
{
	struct watcher watcher = { .waiting = waiting, .ctx = ctx, .began_ms = clock_mono_ms() };
	struct incoming in = { .max = HTTP_ANSWER_MAX };
	struct curl_slist *headers = NULL;
	CURL *curl = handle_new(socket, path, &in);
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	json_error_t why;
	json_t *answer = NULL;
	int rc = -1;

	if (curl == NULL || (body != NULL && text == NULL)) {
		err_set(e, ERR_INTERNAL, "%s: cannot make a request", socket);
		goto out;
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	if (text != NULL) {
		headers = curl_slist_append(headers, "Content-Type: application/json");
		headers = curl_slist_append(headers, "Expect:");
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
	}
	if (waiting != NULL) {
		curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &watcher);
	}
	if (perform(curl, &in, socket, e) != 0)
		goto out;
	if ((answer = json_loadb(in.octets != NULL ? in.octets : "", in.len, 0, &why)) == NULL) {
		err_set(e, ERR_SYNTAX, "%s: the answer is no JSON: %s", socket, why.text);
		goto out;
	}
	if (out != NULL) {
		*out = answer;
		answer = NULL;
	}
	rc = 0;
out:
	json_decref(answer);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	free(in.octets);
	free(text);
	return rc;
}

int http_fetch(const char *socket, const char *path, unsigned idle_timeout_ms,
	       int (*sink)(void *ctx, const char *octets, size_t len), void *ctx, struct err *e)
{
	struct incoming in = { .max = HTTP_ANSWER_MAX, .sink = sink, .ctx = ctx };
	CURL *curl = handle_new(socket, path, &in);
	int rc = -1;

	if (curl == NULL) {
		err_set(e, ERR_INTERNAL, "%s: cannot make a request", socket);
		goto out;
	}
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)((idle_timeout_ms + 999) / 1000));
	rc = perform(curl, &in, socket, e);
out:
	curl_easy_cleanup(curl);
	free(in.octets);
	return rc;
}
