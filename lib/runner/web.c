/* SPDX-License-Identifier: BSD-3-Clause */
/* web: one HTTP request in a thread of the pool. */
#include "runner/web.h"

#include "log/log.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HEADER_OCTETS 1024
#define CONNECT_MS    30000
#define REDIRECTS     5L

struct transfer {
	uv_work_t work;
	struct web *web;
	struct serve_job *job;
	atomic_bool stopped;
	CURLcode rc;
	long status;
	bool too_large;
	int write_errno;
	uint8_t *octets; /* without out_fd: the beginning of the body */
	size_t len;
	uint64_t total;
	char etag[HEADER_OCTETS], last_modified[128], why[CURL_ERROR_SIZE + 64];
};

int web_init(struct err *e)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : err_set(e, ERR_INTERNAL, "libcurl cannot be used");
}

/* ---- in the pool ---- */

static int write_all(struct transfer *t, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(t->job->request.out_fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			t->write_errno = errno;
			return -1;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	const struct runner_request *q = &t->job->request;
	const size_t len = size * n;
	size_t take = len;

	t->total += len;
	if (q->output_max > 0 && t->total > q->output_max) {
		t->too_large = true;
		return 0;
	}
	if (q->out_fd >= 0)
		return write_all(t, data, len) == 0 ? len : 0;
	if (take > RUNNER_BODY_MAX - t->len)
		take = RUNNER_BODY_MAX - t->len;
	memcpy(t->octets + t->len, data, take);
	t->len += take;
	return len;
}

/* The value of a header, printable; "" when it is too long. */
static void value_of(const char *line, size_t len, char *out, size_t cap)
{
	size_t n = 0;

	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' '))
		len--;
	for (; n < len && n < cap && line[n] >= 0x20 && line[n] < 0x7f; n++)
		;
	if (n < len || n >= cap)
		n = 0;
	memcpy(out, line, n);
	out[n] = '\0';
}

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	const size_t len = size * n;

	if (len > 5 && strncasecmp(line, "HTTP/", 5) == 0) /* another answer begins: of a redirection */
		t->etag[0] = t->last_modified[0] = '\0';
	else if (len > 5 && strncasecmp(line, "etag:", 5) == 0)
		value_of(line + 5, len - 5, t->etag, sizeof(t->etag));
	else if (len > 14 && strncasecmp(line, "last-modified:", 14) == 0)
		value_of(line + 14, len - 14, t->last_modified, sizeof(t->last_modified));
	return len;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *t = user;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(&t->stopped) ? 1 : 0;
}

static size_t on_read(char *buf, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	ssize_t got;

	do
		got = read(t->job->request.in_fd, buf, size * n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static void set_method(CURL *curl, struct transfer *t)
{
	const struct runner_request *q = &t->job->request;
	const bool sends = q->body != NULL || q->in_fd >= 0;

	if (q->in_fd >= 0) {
		const off_t size = lseek(q->in_fd, 0, SEEK_END);

		lseek(q->in_fd, 0, SEEK_SET);
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(curl, CURLOPT_READDATA, t);
	} else if (sends || (q->method != NULL && strcmp(q->method, "POST") == 0)) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body == NULL ? "" : (const char *)q->body);
	} else {
		curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
		curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS);
		curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
	}
	if (q->method != NULL)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
}

static void set_options(CURL *curl, struct transfer *t, struct curl_slist *headers)
{
	const struct runner_request *q = &t->job->request;
	const bool tls = strncmp(q->what, "https://", 8) == 0;

	curl_easy_setopt(curl, CURLOPT_URL, q->what);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)q->limit_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(q->limit_ms < CONNECT_MS ? q->limit_ms : CONNECT_MS));
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "duet-fetch/" DUET_VERSION);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (t->web->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, t->web->ca_file);
	set_method(curl, t);
}

static void run(uv_work_t *work)
{
	struct transfer *t = work->data;
	const struct runner_request *q = &t->job->request;
	/* Without this libcurl asks first whether it may send. */
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	CURL *curl = curl_easy_init();

	for (size_t i = 0; i < q->word_count; i++)
		headers = curl_slist_append(headers, q->words[i]);
	if (curl == NULL) {
		t->rc = CURLE_FAILED_INIT;
	} else {
		set_options(curl, t, headers);
		t->rc = curl_easy_perform(curl);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &t->status);
		curl_easy_cleanup(curl);
	}
	curl_slist_free_all(headers);
}

/* ---- in the loop ---- */

static enum runner_outcome outcome_of(const struct transfer *t)
{
	if (t->rc == CURLE_OK)
		return RUNNER_DONE;
	if (t->too_large || t->write_errno != 0)
		return RUNNER_TOO_LARGE;
	if (t->rc == CURLE_OPERATION_TIMEDOUT)
		return RUNNER_TIMEOUT;
	return atomic_load(&t->stopped) ? RUNNER_KILLED : RUNNER_NOT_STARTED;
}

static void on_done(uv_work_t *work, int status)
{
	struct transfer *t = work->data;
	struct runner_result r = { .outcome = outcome_of(t), .status = (int)t->status, .output = t->octets,
				   .output_len = t->len, .output_octets = t->total, .etag = t->etag,
				   .last_modified = t->last_modified, .why = t->why };
	const char *what = t->job->request.what;
	const size_t shown = strcspn(what, "?"); /* what is behind may be a secret */

	if (status != 0)
		r.outcome = RUNNER_KILLED;
	if (r.outcome == RUNNER_DONE)
		r.why = "";
	else if (t->write_errno != 0)
		r.why = strerror(t->write_errno);
	else if (t->why[0] == '\0')
		r.why = curl_easy_strerror(t->rc);
	log_event(r.outcome == RUNNER_DONE ? LOG_INFO : LOG_WARNING, "fetched",
		  "%s url=%.*s outcome=%s status=%d octets=%llu msg=%s", t->job->request.label, (int)shown, what,
		  runner_outcome_text(r.outcome), r.status, (unsigned long long)r.output_octets, r.why);
	serve_done(t->job, &r);
	free(t->octets);
	free(t);
}

static void start(void *ctx, struct serve_job *job)
{
	struct web *web = ctx;
	const char *what = job->request.what;
	struct transfer *t;

	if (strncmp(what, "https://", 8) != 0 && strncmp(what, "http://", 7) != 0) {
		serve_refuse(job, "neither http:// nor https://");
		return;
	}
	t = mem_new(1, sizeof(*t));
	t->web = web;
	t->job = job;
	t->octets = mem_new(1, RUNNER_BODY_MAX);
	t->work.data = t;
	job->work = t;
	uv_queue_work(web->loop, &t->work, run, on_done);
}

static void stop(void *ctx, struct serve_job *job)
{
	struct transfer *t = job->work;

	(void)ctx;
	atomic_store(&t->stopped, true); /* libcurl asks at least once a second */
}

struct serve_worker web_worker(struct web *w)
{
	return (struct serve_worker){ .kind = RUNNER_HTTP, .start = start, .stop = stop, .ctx = w };
}
