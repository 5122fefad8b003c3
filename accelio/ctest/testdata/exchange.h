/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - a client and a server in one process, and one exchange with
 * given sizes between them: what the message tests have in common.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <errno.h>

#include "check.h"
#include "engine.h"

#define MIB	1048576u

static struct app c, s;

/* What the server answers, and what it expects. */
static struct {
	size_t hdr, data;		/* of the request */
	unsigned int nents;		/* as received; 0: any */
	size_t rsp_hdr, rsp_data;
	bool ok;
} plan;

static void serve(struct app *a, struct xio_msg *m)
{
	(void)a;
	plan.ok = msg_is(m, plan.hdr, plan.data, 7) &&
		  (plan.nents == 0 ||
		   vmsg_sglist_nents(&m->in) == plan.nents);
	if (m->type == XIO_MSG_TYPE_REQ)
		answer(m, plan.rsp_hdr, plan.rsp_data, 9);
	else
		xio_release_msg(m);
}

static inline void keep_response(struct app *a, struct xio_msg *m)
{
	if (a->held_nr < APP_MSGS)
		a->held[a->held_nr++] = m;
}

/* Sends m and waits for its end; the response, or NULL after an error. */
static inline struct xio_msg *call(struct xio_msg *m)
{
	int errors = c.errors;

	c.held_nr = 0;
	plan.ok = false;
	CHECK_EQ(xio_send_request(c.conn, m), 0);
	WAIT_FOR(&c, &s, c.held_nr == 1 || c.errors > errors);
	return c.held_nr ? c.held[0] : NULL;
}

static void done_with(struct xio_msg *m)
{
	CHECK_EQ(xio_release_response(m), 0);
	CHECK_EQ(xio_release_response(m), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	msg_free(m);
}

/* One exchange with these sizes; room is offered for the response. */
static inline void exchange(size_t hdr, size_t data, unsigned int nr,
			    size_t rsp_hdr, size_t rsp_data, size_t room)
{
	struct xio_msg *m = msg_new(hdr, data, nr, 7);

	if (room)
		msg_offer(m, &room, 1, false);
	plan.hdr = hdr;
	plan.data = data;
	plan.nents = data == 0 ? 0 : data <= 8192 ? 1 : nr;
	plan.rsp_hdr = rsp_hdr;
	plan.rsp_data = rsp_data;
	m = call(m);
	CHECK(m != NULL);
	if (!m)
		return;
	CHECK(plan.ok);
	CHECK(msg_is(m, rsp_hdr, rsp_data, 9));
	done_with(m);
}

static inline void open_pair(void)
{
	memset(&plan, 0, sizeof(plan));
	pair_open(&c, &s);
	c.quiet = true;
	s.quiet = true;
	c.on_msg = keep_response;
	s.on_msg = serve;
}

#endif
