/* SPDX-License-Identifier: BSD-3-Clause */
/* zap: libzmq asks here who may come in (ZeroMQ RFC 27).  Only CURVE keys in the list of peers are let in. */
#include "msg/hub.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum { ZAP_VERSION, ZAP_ID, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_IDENTITY, ZAP_MECHANISM, ZAP_KEY, ZAP_FRAMES };

struct frame {
	uint8_t p[256];
	size_t len;
};

/* Takes one request whole; frames that are too long or too many make it a bad one. */
static bool zap_recv(void *z, struct frame *frames)
{
	bool good = true;
	int more = 1;

	for (size_t i = 0; more; i++) {
		size_t more_len = sizeof(more);
		uint8_t drop[256];
		int n = i < ZAP_FRAMES ? zmq_recv(z, frames[i].p, sizeof(frames[i].p), ZMQ_DONTWAIT)
				       : zmq_recv(z, drop, sizeof(drop), ZMQ_DONTWAIT);

		if (n < 0)
			return false;
		if (i >= ZAP_FRAMES || n > 256)
			good = false;
		else
			frames[i].len = (size_t)n;
		zmq_getsockopt(z, ZMQ_RCVMORE, &more, &more_len);
		if (!more && i + 1 < ZAP_FRAMES)
			good = false;
	}
	return good;
}

static bool frame_is(const struct frame *f, const char *text)
{
	return f->len == strlen(text) && memcmp(f->p, text, f->len) == 0;
}

static void on_zap(struct zsock *s)
{
	struct msg_hub *h = s->owner;
	struct frame f[ZAP_FRAMES];
	char key[KEY_HEX] = "", z85[41] = "?", why[400];
	bool good, ok;

	memset(f, 0, sizeof(f));
	good = zap_recv(s->z, f) && frame_is(&f[ZAP_VERSION], "1.0") &&
	       frame_is(&f[ZAP_DOMAIN], HUB_DOMAIN) && frame_is(&f[ZAP_MECHANISM], "CURVE") &&
	       f[ZAP_KEY].len == PUBLIC_LEN;
	if (good) {
		sodium_bin2hex(key, sizeof(key), f[ZAP_KEY].p, PUBLIC_LEN);
		zmq_z85_encode(z85, f[ZAP_KEY].p, PUBLIC_LEN);
	}
	ok = good && hub_link_by_key(h, key) != NULL;
	if (!ok) {
		snprintf(why, sizeof(why), "unknown CURVE key, from %.*s", (int)f[ZAP_ADDRESS].len,
			 f[ZAP_ADDRESS].p);
		hub_refuse(h, z85, why);
	}
	zmq_send(s->z, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(s->z, f[ZAP_ID].p, f[ZAP_ID].len, ZMQ_SNDMORE);
	zmq_send(s->z, ok ? "200" : "400", 3, ZMQ_SNDMORE);
	zmq_send(s->z, "", 0, ZMQ_SNDMORE);
	zmq_send(s->z, key, ok ? strlen(key) : 0, ZMQ_SNDMORE);
	zmq_send(s->z, "", 0, 0);
}

int zap_open(struct msg_hub *h, struct err *e)
{
	void *z = zmq_socket(h->zctx, ZMQ_REP);

	if (z == NULL || zsock_set_int(z, ZMQ_LINGER, 0, e) != 0 ||
	    zmq_bind(z, "inproc://zeromq.zap.01") != 0) {
		zmq_close(z);
		return err_set(e, ERR_INTERNAL, "the ZAP handler cannot be bound: %s",
			       zmq_strerror(zmq_errno()));
	}
	return zsock_watch(h->loop, z, h, on_zap, &h->zap, e);
}
