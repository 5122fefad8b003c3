/* SPDX-License-Identifier: Apache-2.0 */
/*
 * windows.h - two ends with flow control, the depths of their queues, and
 * traffic between them: what the tests of flow control have in common.
 */
#ifndef WINDOWS_H
#define WINDOWS_H

#include "exchange.h"

#define A	XIO_OPTLEVEL_ACCELIO

static inline void set_depth(int name, uint64_t value)
{
	CHECK_EQ(xio_set_opt(NULL, A, name, &value, sizeof(value)), 0);
}

static inline void set_flow(int on)
{
	set_int_opt(A, XIO_OPTNAME_ENABLE_FLOW_CONTROL, on);
}

static inline void set_window(uint64_t msgs, uint64_t bytes)
{
	set_depth(XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS, msgs);
	set_depth(XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES, bytes);
}

static inline void set_queue(uint64_t msgs, uint64_t bytes)
{
	set_depth(XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, msgs);
	set_depth(XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES, bytes);
}

static inline void defaults(void)
{
	set_window(1024, 64u * MIB);
	set_queue(1024, 64u * MIB);
	set_flow(1);
}

/* Opens both ends; their records are quiet. */
static inline void flow_pair(void)
{
	pair_open(&c, &s);
	c.quiet = true;
	s.quiet = true;
}

static inline void turns(int n)
{
	while (n-- > 0)
		pump(&c, &s, 1);
}

static inline int free_msgs(struct app *a)
{
	int v = -1, len = sizeof(v);

	CHECK_EQ(xio_connection_ioctl(a->conn, XIO_CONNECTION_FIONWRITE_MSGS,
				      &v, &len), 0);
	CHECK_EQ(len, sizeof(v));
	return v;
}

static inline uint64_t free_bytes(struct app *a)
{
	uint64_t v = 0;
	int len = sizeof(v);

	CHECK_EQ(xio_connection_ioctl(a->conn, XIO_CONNECTION_FIONWRITE_BYTES,
				      &v, &len), 0);
	CHECK_EQ(len, sizeof(v));
	return v;
}

static inline void requests(struct app *a, int n, size_t size)
{
	while (n-- > 0)
		CHECK_EQ(xio_send_request(a->conn, msg_new(0, size, 1, 1)), 0);
}

static inline void one_ways(struct app *a, int n, size_t size)
{
	while (n-- > 0)
		CHECK_EQ(xio_send_msg(a->conn, msg_new(0, size, 1, 1)), 0);
}

static inline void refused(struct app *a, bool one_way, size_t size)
{
	struct xio_msg *m = msg_new(0, size, 1, 1);

	CHECK_EQ(one_way ? xio_send_msg(a->conn, m) :
			   xio_send_request(a->conn, m), -1);
	CHECK_EQ(xio_errno(), XIO_E_TX_QUEUE_OVERFLOW);
	msg_free(m);
}

/* The first n of what a keeps: answers them, or releases them. */
static inline void let_go(struct app *a, int n, size_t rsp)
{
	int i;

	CHECK(n <= a->held_nr);
	for (i = 0; i < n && i < a->held_nr; i++) {
		struct xio_msg *m = a->held[i];

		if (m->type == XIO_MSG_TYPE_REQ) {
			answer(m, 0, rsp, 3);
		} else if (m->type == XIO_MSG_TYPE_RSP) {
			CHECK_EQ(xio_release_response(m), 0);
			msg_free(m);
		} else {
			CHECK_EQ(xio_release_msg(m), 0);
		}
	}
	a->held_nr -= i;
	memmove(a->held, a->held + i, (size_t)a->held_nr * sizeof(*a->held));
}

#endif
