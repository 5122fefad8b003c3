/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends each request's own data back, from where the library put it; takes
 * one-way messages and counts them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/*
 * A real libxio tells of sent responses 64 at a time, so more of them are
 * needed than requests can be in flight.
 */
#define SPARE		128

static struct xio_msg **free_rsp;
static unsigned int free_rsp_nr;
static char **free_buf;		/* for requests beyond the inline limit */
static unsigned int free_buf_nr;
static uint64_t next_stamp;	/* of one-way messages */

static void make_pools(void)
{
	unsigned int n = 2 * params.depth + SPARE + params.connections, i;
	struct xio_msg *rsp = calloc(n, sizeof(*rsp));
	char *data = NULL;

	free_rsp = calloc(n, sizeof(*free_rsp));
	free_buf = calloc(n, sizeof(*free_buf));
	if (!rsp || !free_rsp || !free_buf)
		fail("no memory for %u responses", n);
	if (params.size > INLINE_MAX)
		data = pages(n * params.size);
	for (i = n; i-- > 0;) {
		free_rsp[free_rsp_nr++] = &rsp[i];
		if (data)
			free_buf[free_buf_nr++] = data + i * params.size;
	}
}

static int on_request(struct xio_session *s, struct xio_msg *req, int last,
		      void *user)
{
	struct xio_iovec_ex *in = vmsg_sglist(&req->in);
	struct xio_msg *rsp;

	(void)s;
	(void)last;
	(void)user;
	stamp_get(&req->in, params.size);
	if (free_rsp_nr == 0)
		fail("more responses are unsent than requests were");
	rsp = free_rsp[--free_rsp_nr];
	rsp->request = req;
	rsp->flags = params.imm ? XIO_MSG_FLAG_IMM_SEND_COMP : 0;
	one_entry(&rsp->out, in[0].iov_base, in[0].iov_len);
	if (xio_send_response(rsp))
		fail("response: %s", xio_strerror(xio_errno()));
	atomic_store_explicit(&shared->received,
			      atomic_load_explicit(&shared->received,
						   memory_order_relaxed) + 1,
			      memory_order_relaxed);
	return 0;
}

static int on_sent(struct xio_session *s, struct xio_msg *rsp, void *user)
{
	(void)s;
	(void)user;
	if (params.size > INLINE_MAX)
		free_buf[free_buf_nr++] =
			rsp->out.data_iov.sglist[0].iov_base;
	free_rsp[free_rsp_nr++] = rsp;
	return 0;
}

static int on_large(struct xio_msg *m, void *user)
{
	struct xio_iovec_ex *in = vmsg_sglist(&m->in);

	(void)user;
	if (free_buf_nr == 0 || vmsg_sglist_nents(&m->in) != 1 ||
	    in[0].iov_len != params.size)
		fail("a buffer of %zu bytes is asked for, %u are free",
		     in[0].iov_len, free_buf_nr);
	in[0].iov_base = free_buf[--free_buf_nr];
	in[0].mr = NULL;
	return 0;
}

static int on_one_way(struct xio_session *s, struct xio_msg *m, int last,
		      void *user)
{
	uint64_t stamp = stamp_get(&m->in, params.size);

	(void)s;
	(void)last;
	(void)user;
	if (stamp != next_stamp)
		fail("one-way message %llu came instead of %llu",
		     (unsigned long long)stamp, (unsigned long long)next_stamp);
	next_stamp++;
	atomic_store_explicit(&shared->received, next_stamp,
			      memory_order_relaxed);
	if (xio_release_msg(m))
		fail("release: %s", xio_strerror(xio_errno()));
	return 0;
}

static int on_error(struct xio_session *s, enum xio_status err,
		    enum xio_msg_direction dir, struct xio_msg *m, void *user)
{
	(void)s;
	(void)dir;
	(void)m;
	(void)user;
	if (!atomic_load(&shared->finished))
		fail("responder: %s", xio_strerror(err));
	return 0;
}

static int on_new_session(struct xio_session *s, struct xio_new_session_req *r,
			  void *user)
{
	(void)r;
	(void)user;
	return xio_accept(s, NULL, 0, NULL, 0);
}

static int on_event(struct xio_session *s, struct xio_session_event_data *e,
		    void *user)
{
	(void)user;
	if (e->event == XIO_SESSION_CONNECTION_TEARDOWN_EVENT)
		xio_connection_destroy(e->conn);
	else if (e->event == XIO_SESSION_TEARDOWN_EVENT)
		xio_session_destroy(s);
	return 0;
}

void responder(void)
{
	static struct xio_session_ops ops;
	unsigned int listeners = params.mode == MODE_CONNECTIONS ? LISTENERS : 1;
	static const bool never;
	struct xio_context *ctx;
	unsigned int i;

	ops.on_new_session = on_new_session;
	ops.on_session_event = on_event;
	ops.on_msg = params.mode == MODE_ONE_WAY ? on_one_way : on_request;
	ops.on_msg_send_complete = on_sent;
	ops.on_msg_error = on_error;
	if (params.size > INLINE_MAX)
		ops.assign_data_in_buf = on_large;
	make_pools();
	library_options();
	ctx = new_context();
	for (i = 0; i < listeners; i++)
		if (!xio_bind(ctx, &ops, "tcp://127.0.0.1:0", &shared->port[i],
			      0, NULL))
			fail("bind: %s", xio_strerror(xio_errno()));
	atomic_store(&shared->ports, listeners);
	drive(ctx, &never);
	fail("the responder's loop ended");
}
