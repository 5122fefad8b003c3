/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bystander.h"

#define DATA	20000	/* beyond what travels inline */

static struct {
	struct xio_connection *conn;
	void (*on_end)(void);
	bool closing;
	long left;
	long done;
	struct xio_msg msg;
	char hdr[4];
	char out[DATA];
	char in[DATA];
} by;

static void die(const char *what)
{
	printf("FAILED bystander: %s: %s\n", what, xio_strerror(xio_errno()));
	fflush(stdout);
	exit(3);
}

static void send_one(void)
{
	struct xio_msg *m = &by.msg;
	size_t i;

	memset(m, 0, sizeof(*m));
	memcpy(by.hdr, &by.done, sizeof(by.hdr));
	for (i = 0; i < DATA; i++)
		by.out[i] = (char)(i * 7 + (size_t)by.done);
	memset(by.in, 0, sizeof(by.in));
	m->out.header.iov_base = by.hdr;
	m->out.header.iov_len = sizeof(by.hdr);
	m->out.sgl_type = XIO_SGL_TYPE_IOV;
	m->out.data_iov.max_nents = XIO_IOVLEN;
	m->out.data_iov.nents = 1;
	m->out.data_iov.sglist[0].iov_base = by.out;
	m->out.data_iov.sglist[0].iov_len = DATA;
	m->in.sgl_type = XIO_SGL_TYPE_IOV;
	m->in.data_iov.max_nents = XIO_IOVLEN;
	m->in.data_iov.nents = 1;
	m->in.data_iov.sglist[0].iov_base = by.in;
	m->in.data_iov.sglist[0].iov_len = DATA;
	if (xio_send_request(by.conn, m))
		die("send_request");
}

static int on_msg(struct xio_session *s, struct xio_msg *m, int last,
		  void *user)
{
	(void)s;
	(void)last;
	(void)user;
	if (m != &by.msg || m->in.header.iov_len != sizeof(by.hdr) ||
	    memcmp(m->in.header.iov_base, by.hdr, sizeof(by.hdr)) != 0 ||
	    m->in.data_iov.sglist[0].iov_len != DATA ||
	    memcmp(by.in, by.out, DATA) != 0)
		die("a wrong answer");
	xio_release_response(m);
	by.done++;
	if (--by.left > 0) {
		send_one();
		return 0;
	}
	printf("bystander echoed\n");
	fflush(stdout);
	return 0;
}

static int on_msg_error(struct xio_session *s, enum xio_status error,
			enum xio_msg_direction dir, struct xio_msg *m,
			void *user)
{
	(void)s;
	(void)error;
	(void)dir;
	(void)m;
	(void)user;
	die("a request failed");
	return 0;
}

static int on_session_event(struct xio_session *s,
			    struct xio_session_event_data *d, void *user)
{
	(void)user;
	switch (d->event) {
	case XIO_SESSION_CONNECTION_ESTABLISHED_EVENT:
		printf("bystander established\n");
		fflush(stdout);
		break;
	case XIO_SESSION_CONNECTION_TEARDOWN_EVENT:
		if (!by.closing)
			die(xio_session_event_str(d->event));
		xio_connection_destroy(d->conn);
		break;
	case XIO_SESSION_TEARDOWN_EVENT:
		xio_session_destroy(s);
		by.on_end();
		break;
	default:
		if (!by.closing)
			die(xio_session_event_str(d->event));
		break;
	}
	return 0;
}

static struct xio_session_ops ops = {
	.on_session_event = on_session_event,
	.on_msg = on_msg,
	.on_msg_error = on_msg_error,
};

void bystander_open(struct xio_context *ctx, const char *uri,
		    void (*on_end)(void))
{
	struct xio_connection_params cp = { .ctx = ctx };
	struct xio_session_params sp = {
		.type = XIO_SESSION_CLIENT,
		.ses_ops = &ops,
		.uri = uri,
	};

	by.on_end = on_end;
	cp.session = xio_session_create(&sp);
	if (!cp.session)
		die("session_create");
	by.conn = xio_connect(&cp);
	if (!by.conn)
		die("connect");
}

void bystander_echo(long n)
{
	by.left = n;
	send_one();
}

void bystander_close(void)
{
	by.closing = true;
	if (xio_disconnect(by.conn))
		die("disconnect");
}
