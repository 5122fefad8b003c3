/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_flow.c - flow control between two ends of ours: limits of the
 * send queue, windows in messages and bytes, chains, and that nothing waits
 * for ever (accelio-api 5.8, 5.9; accelio-wire 6.4).
 */

#include "exchange.h"

#define A	XIO_OPTLEVEL_ACCELIO

static void set_depth(int name, uint64_t value)
{
	CHECK_EQ(xio_set_opt(NULL, A, name, &value, sizeof(value)), 0);
}

static void set_flow(int on)
{
	set_int_opt(A, XIO_OPTNAME_ENABLE_FLOW_CONTROL, on);
}

static void set_window(uint64_t msgs, uint64_t bytes)
{
	set_depth(XIO_OPTNAME_RCV_QUEUE_DEPTH_MSGS, msgs);
	set_depth(XIO_OPTNAME_RCV_QUEUE_DEPTH_BYTES, bytes);
}

static void set_queue(uint64_t msgs, uint64_t bytes)
{
	set_depth(XIO_OPTNAME_SND_QUEUE_DEPTH_MSGS, msgs);
	set_depth(XIO_OPTNAME_SND_QUEUE_DEPTH_BYTES, bytes);
}

static void defaults(void)
{
	set_window(1024, 64u * MIB);
	set_queue(1024, 64u * MIB);
	set_flow(1);
}

/* Opens both ends; their records are quiet. */
static void flow_pair(void)
{
	pair_open(&c, &s);
	c.quiet = true;
	s.quiet = true;
}

static void turns(int n)
{
	while (n-- > 0)
		pump(&c, &s, 1);
}

static int free_msgs(struct app *a)
{
	int v = -1, len = sizeof(v);

	CHECK_EQ(xio_connection_ioctl(a->conn, XIO_CONNECTION_FIONWRITE_MSGS,
				      &v, &len), 0);
	CHECK_EQ(len, sizeof(v));
	return v;
}

static uint64_t free_bytes(struct app *a)
{
	uint64_t v = 0;
	int len = sizeof(v);

	CHECK_EQ(xio_connection_ioctl(a->conn, XIO_CONNECTION_FIONWRITE_BYTES,
				      &v, &len), 0);
	CHECK_EQ(len, sizeof(v));
	return v;
}

static void requests(struct app *a, int n, size_t size)
{
	while (n-- > 0)
		CHECK_EQ(xio_send_request(a->conn, msg_new(0, size, 1, 1)), 0);
}

static void one_ways(struct app *a, int n, size_t size)
{
	while (n-- > 0)
		CHECK_EQ(xio_send_msg(a->conn, msg_new(0, size, 1, 1)), 0);
}

static void refused(struct app *a, bool one_way, size_t size)
{
	struct xio_msg *m = msg_new(0, size, 1, 1);

	CHECK_EQ(one_way ? xio_send_msg(a->conn, m) :
			   xio_send_request(a->conn, m), -1);
	CHECK_EQ(xio_errno(), XIO_E_TX_QUEUE_OVERFLOW);
	msg_free(m);
}

/* The first n of what a keeps: answers them, or releases them. */
static void let_go(struct app *a, int n, size_t rsp)
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

/* ---- the send queue --------------------------------------------------- */

/* A depth of three takes four, until they are released or complete. */
static void queue_depth(void)
{
	set_queue(3, 10000);
	flow_pair();
	s.hold = true;
	c.keep = true;
	CHECK_EQ(free_msgs(&c), 3);
	requests(&c, 2, 100);
	CHECK_EQ(free_msgs(&c), 1);
	CHECK_EQ(free_bytes(&c), 9800);
	requests(&c, 2, 50);
	CHECK_EQ(free_msgs(&c), 0);
	CHECK_EQ(free_bytes(&c), 9700);
	refused(&c, false, 1);
	refused(&c, true, 1);
	WAIT_FOR(&c, &s, s.held_nr == 4);
	refused(&c, false, 1);
	let_go(&s, 4, 10);
	WAIT_FOR(&c, &s, c.held_nr == 4);
	refused(&c, false, 1);
	let_go(&c, 1, 0);
	CHECK_EQ(free_msgs(&c), 0);
	CHECK_EQ(free_bytes(&c), 9800);
	requests(&c, 1, 100);
	refused(&c, false, 1);
	WAIT_FOR(&c, &s, s.held_nr == 1);
	let_go(&s, 1, 10);
	WAIT_FOR(&c, &s, c.held_nr == 4);
	let_go(&c, 4, 0);
	CHECK_EQ(free_msgs(&c), 3);
	CHECK_EQ(free_bytes(&c), 10000);
	/* One-ways, of both sizes, until they are complete. */
	one_ways(&c, 1, 9000);
	one_ways(&c, 3, 100);
	refused(&c, true, 1);
	CHECK_EQ(free_bytes(&c), 700);
	WAIT_FOR(&c, &s, c.ow_completed == 4);
	CHECK_EQ(free_msgs(&c), 3);
	CHECK_EQ(free_bytes(&c), 10000);
	pair_close(&c, &s);
	CHECK_EQ(c.errors, 0);
	defaults();
}

static void queue_bytes(void)
{
	set_queue(1024, 1000);
	flow_pair();
	s.hold = true;
	refused(&c, false, 1001);
	CHECK_EQ(free_bytes(&c), 1000);
	requests(&c, 2, 400);
	refused(&c, false, 201);
	requests(&c, 1, 200);
	CHECK_EQ(free_bytes(&c), 0);
	refused(&c, true, 1);
	/* No data, no bytes. */
	requests(&c, 1, 0);
	WAIT_FOR(&c, &s, s.held_nr == 4);
	let_go(&s, 4, 0);
	WAIT_FOR(&c, &s, c.responses == 4);
	CHECK_EQ(free_bytes(&c), 1000);
	CHECK_EQ(free_msgs(&c), 1024);
	pair_close(&c, &s);
	defaults();
}

/* Without flow control nothing is counted; one message has its limit. */
static void queue_without_flow_control(void)
{
	set_flow(0);
	set_queue(3, 1000);
	flow_pair();
	requests(&c, 50, 1000);
	CHECK_EQ(free_msgs(&c), 3);
	CHECK_EQ(free_bytes(&c), 1000);
	refused(&c, false, 1001);
	refused(&c, true, 1001);
	WAIT_FOR(&c, &s, c.responses == 50);
	pair_close(&c, &s);
	defaults();
}

/* What is flushed leaves the queue before the application hears of it. */
static int free_at_error;

static int note_free(struct xio_session *ses, enum xio_status e,
		     enum xio_msg_direction dir, struct xio_msg *m,
		     void *user)
{
	(void)ses;
	(void)dir;
	CHECK_EQ(e, XIO_E_MSG_FLUSHED);
	free_at_error = free_msgs(user);
	c.errors++;
	msg_free(m);
	return 0;
}

static void queue_after_flush(void)
{
	set_queue(3, 1000);
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	c.ops.on_msg_error = note_free;
	app_connect(&c, s.port);
	WAIT_FOR(&c, &s, c.established == 1);
	s.hold = true;
	requests(&c, 4, 10);
	WAIT_FOR(&c, &s, s.held_nr == 4);
	xio_disconnect(s.conn);
	WAIT_FOR(&c, &s, c.errors == 4);
	CHECK_EQ(free_at_error, 3);
	pair_close(&c, &s);
	defaults();
}

/* ---- chains ----------------------------------------------------------- */

static struct xio_msg *chain(struct xio_msg **m, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		m[i] = msg_new(0, 10, 1, (unsigned int)i);
		m[i]->next = NULL;
		if (i > 0)
			m[i - 1]->next = m[i];
	}
	return m[0];
}

/* One too many for the queue, or a bad one: none is taken, none is lost. */
static void chain_fails(void)
{
	struct xio_msg *m[6];
	int i, kind;

	set_queue(3, 1000);
	flow_pair();
	for (kind = 0; kind < 2; kind++) {
		chain(m, 6);
		CHECK_EQ((kind ? xio_send_msg : xio_send_request)(c.conn,
								  m[0]), -1);
		CHECK_EQ(xio_errno(), XIO_E_TX_QUEUE_OVERFLOW);
		CHECK_EQ(free_msgs(&c), 3);
		CHECK_EQ(free_bytes(&c), 1000);
		for (i = 0; i < 5; i++)
			CHECK(m[i]->next == m[i + 1]);
		/* A bad one in the middle of what would fit. */
		m[3]->next = NULL;
		m[2]->out.pdata_iov.nents = 77;
		CHECK_EQ((kind ? xio_send_msg : xio_send_request)(c.conn,
								  m[0]), -1);
		CHECK_EQ(xio_errno(), EINVAL);
		CHECK_EQ(free_msgs(&c), 3);
		m[2]->out.pdata_iov.nents = 1;
		/* The same without it goes, in its order. */
		CHECK_EQ((kind ? xio_send_msg : xio_send_request)(c.conn,
								  m[0]), 0);
		CHECK_EQ(m[1]->sn, m[0]->sn + 1);
		CHECK_EQ(m[3]->sn, m[0]->sn + 3);
		CHECK(m[0]->next == NULL && m[2]->next == NULL);
		CHECK_EQ(free_msgs(&c), 0);
		msg_free(m[4]);
		msg_free(m[5]);
		WAIT_FOR(&c, &s, kind ? c.ow_completed == 4 :
			 c.responses == 4);
	}
	WAIT_FOR(&c, &s, s.one_ways == 4);
	CHECK_EQ(s.requests, 4);
	pair_close(&c, &s);
	defaults();
}

static unsigned int next_seed;

static void in_order(struct app *a, struct xio_msg *m)
{
	(void)a;
	CHECK(msg_is(m, 0, 10, next_seed++));
	CHECK_EQ(xio_release_msg(m), 0);
}

/* A chain longer than the window arrives in its order. */
static void chain_over_window(void)
{
	struct xio_msg *m[40];

	set_window(4, 64u * MIB);
	flow_pair();
	s.on_msg = in_order;
	next_seed = 0;
	CHECK_EQ(xio_send_msg(c.conn, chain(m, 40)), 0);
	WAIT_FOR(&c, &s, c.ow_completed == 40);
	CHECK_EQ(next_seed, 40);
	pair_close(&c, &s);
	defaults();
}

/* Responses before a bad one go out; from it on the caller has them all. */
static void chain_of_responses(void)
{
	struct xio_msg *m[5];
	int i;

	set_window(2, 64u * MIB);
	flow_pair();
	s.hold = true;
	requests(&c, 5, 10);
	WAIT_FOR(&c, &s, s.held_nr == 2);
	chain(m, 5);
	m[0]->request = s.held[0];
	m[1]->request = s.held[1];
	m[2]->request = NULL;
	CHECK_EQ(xio_send_response(m[0]), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK(m[0]->next == NULL && m[1]->next == NULL);
	CHECK(m[2]->next == m[3]);
	s.held_nr = 0;
	WAIT_FOR(&c, &s, c.responses == 2 && s.held_nr == 2);
	m[2]->request = s.held[0];
	m[3]->request = s.held[1];
	m[3]->next = NULL;
	s.held_nr = 0;
	CHECK_EQ(xio_send_response(m[2]), 0);
	WAIT_FOR(&c, &s, c.responses == 4 && s.held_nr == 1);
	m[4]->request = s.held[0];
	s.held_nr = 0;
	CHECK_EQ(xio_send_response(m[4]), 0);
	WAIT_FOR(&c, &s, c.responses == 5);
	/* Released as a chain, which gives all credits. */
	s.hold = false;
	c.on_msg = keep_response;
	requests(&c, 2, 1);
	WAIT_FOR(&c, &s, c.held_nr == 2);
	c.held[0]->next = c.held[1];
	c.held[1]->next = NULL;
	CHECK_EQ(xio_release_response(c.held[0]), 0);
	for (i = 0; i < 2; i++)
		msg_free(c.held[i]);
	c.on_msg = NULL;
	requests(&c, 3, 1);
	WAIT_FOR(&c, &s, c.responses == 10);
	pair_close(&c, &s);
	defaults();
}

/* ---- windows ---------------------------------------------------------- */

/* Requests wait while the server holds as many as it announced. */
static void window_of_requests(void)
{
	set_window(8, 64u * MIB);
	flow_pair();
	s.hold = true;
	requests(&c, 20, 10);
	WAIT_FOR(&c, &s, s.requests == 8);
	turns(30);
	CHECK_EQ(s.requests, 8);
	let_go(&s, 1, 0);
	WAIT_FOR(&c, &s, s.requests == 9);
	turns(30);
	CHECK_EQ(s.requests, 9);
	let_go(&s, 8, 0);
	WAIT_FOR(&c, &s, s.requests == 17);
	let_go(&s, 8, 0);
	WAIT_FOR(&c, &s, s.requests == 20);
	let_go(&s, s.held_nr, 0);
	WAIT_FOR(&c, &s, c.responses == 20);
	pair_close(&c, &s);
	defaults();
}

/* Responses wait while the client holds as many. */
static void window_of_responses(void)
{
	set_window(4, 64u * MIB);
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	app_connect(&c, s.port);
	set_window(1024, 64u * MIB);	/* the server's, made later */
	c.on_msg = keep_response;
	c.quiet = true;
	requests(&c, 10, 10);
	WAIT_FOR(&c, &s, c.held_nr == 4 && s.requests == 10);
	turns(30);
	CHECK_EQ(c.held_nr, 4);
	CHECK_EQ(s.completed, 4);
	let_go(&c, 2, 0);
	WAIT_FOR(&c, &s, c.responses == 6);
	turns(30);
	CHECK_EQ(c.responses, 6);
	let_go(&c, 4, 0);
	WAIT_FOR(&c, &s, c.responses == 10 && s.completed == 10);
	let_go(&c, 4, 0);
	pair_close(&c, &s);
	defaults();
}

static void window_of_one_ways(void)
{
	set_window(8, 64u * MIB);
	flow_pair();
	s.on_msg = keep_response;
	one_ways(&c, 20, 10);
	WAIT_FOR(&c, &s, s.one_ways == 8);
	turns(30);
	CHECK_EQ(s.one_ways, 8);
	/* Half a window of credits is on its way at once. */
	let_go(&s, 4, 0);
	WAIT_FOR(&c, &s, s.one_ways == 12);
	turns(30);
	CHECK_EQ(s.one_ways, 12);
	let_go(&s, 8, 0);
	WAIT_FOR(&c, &s, s.one_ways == 20);
	let_go(&s, 8, 0);
	pair_close(&c, &s);
	defaults();
}

static void window_of_bytes(void)
{
	set_window(1024, 100000);
	flow_pair();
	s.on_msg = keep_response;
	/* Header and data: the third would be one byte too much. */
	one_ways(&c, 2, 40000);
	CHECK_EQ(xio_send_msg(c.conn, msg_new(1, 20000, 1, 1)), 0);
	WAIT_FOR(&c, &s, s.one_ways == 2);
	turns(30);
	CHECK_EQ(s.one_ways, 2);
	let_go(&s, 2, 0);
	WAIT_FOR(&c, &s, s.one_ways == 3);
	let_go(&s, 1, 0);
	/* A whole window at once, and again. */
	one_ways(&c, 2, 100000);
	WAIT_FOR(&c, &s, s.one_ways == 4);
	turns(30);
	CHECK_EQ(s.one_ways, 4);
	let_go(&s, 1, 0);
	WAIT_FOR(&c, &s, s.one_ways == 5);
	let_go(&s, 1, 0);
	pair_close(&c, &s);
	defaults();
}

/* The peer keeps less than half to itself: a large one goes all the same. */
static void window_of_bytes_withheld(void)
{
	/* Inline: nothing comes back, not even a receipt. */
	set_window(1024, 10000);
	flow_pair();
	one_ways(&c, 1, 4999);
	WAIT_FOR(&c, &s, s.one_ways == 1);
	one_ways(&c, 1, 8000);
	WAIT_FOR(&c, &s, s.one_ways == 2);
	pair_close(&c, &s);
	defaults();
}

/* Every size, inline and not, through a window that one of them fills. */
static void sizes_through_window(void)
{
	static const size_t sizes[] = { 0, 3, 8192, 8193, 65536, MIB };
	size_t i;

	set_window(2, MIB + 512);
	open_pair();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		exchange(0, sizes[i], 1, 256, 9, 0);
		exchange(256, sizes[i], 3, 0, sizes[i], MIB);
		exchange(256, 9, 1, 256, sizes[i], MIB);
	}
	pair_close(&c, &s);
	defaults();
}

/* ---- larger than the window -------------------------------------------- */

static void larger_than_window(void)
{
	set_window(1024, 1000);
	flow_pair();
	requests(&c, 2, 100);
	one_ways(&c, 1, 1001);
	requests(&c, 1, 1001);
	requests(&c, 2, 100);
	WAIT_FOR(&c, &s, c.responses == 4 && c.errors == 2);
	CHECK_EQ(c.last_error, XIO_E_PEER_QUEUE_SIZE_MISMATCH);
	CHECK_EQ(free_msgs(&c), 1024);
	CHECK_EQ(free_bytes(&c), 64u * MIB);
	one_ways(&c, 1, 1000);
	WAIT_FOR(&c, &s, s.one_ways == 1);
	pair_close(&c, &s);
	/* Sent before the other side's window is known. */
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	app_connect(&c, s.port);
	requests(&c, 1, 1001);
	requests(&c, 1, 1000);
	WAIT_FOR(&c, &s, c.responses == 1 && c.errors == 1);
	CHECK_EQ(c.last_error, XIO_E_PEER_QUEUE_SIZE_MISMATCH);
	pair_close(&c, &s);
	defaults();
}

/* The responder is told inside the call, the requester with a status. */
static void response_larger_than_window(void)
{
	set_window(1024, 1000);
	flow_pair();
	s.hold = true;
	requests(&c, 2, 10);
	WAIT_FOR(&c, &s, s.held_nr == 2);
	answer(s.held[0], 0, 1001, 1);
	CHECK_EQ(s.errors, 1);
	CHECK_EQ(s.last_error, XIO_E_PEER_QUEUE_SIZE_MISMATCH);
	answer(s.held[1], 0, 1000, 1);
	WAIT_FOR(&c, &s, c.responses == 1 && c.errors == 1);
	CHECK_EQ(c.last_error, XIO_E_PEER_QUEUE_SIZE_MISMATCH);
	pair_close(&c, &s);
	defaults();
}

/* ---- nothing waits for ever -------------------------------------------- */

/* Both sides send all they can, in all kinds, through a small window. */
static void both_full(void)
{
	static const uint64_t windows[] = { 1, 2, 3, 8 };
	size_t i;

	for (i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		set_window(windows[i], 30000);
		flow_pair();
		requests(&c, 100, 100);
		requests(&s, 100, 20000);
		one_ways(&c, 100, 10000);
		one_ways(&s, 100, 100);
		WAIT_FOR(&c, &s, c.responses == 100 && s.responses == 100 &&
			 c.ow_completed == 100 && s.ow_completed == 100 &&
			 c.one_ways == 100 && s.one_ways == 100);
		CHECK_EQ(c.errors + s.errors, 0);
		pair_close(&c, &s);
	}
	defaults();
}

static void answer_with_data(struct app *a, struct xio_msg *m)
{
	(void)a;
	if (m->type == XIO_MSG_TYPE_REQ) {
		answer(m, 0, 8000, 3);
		return;
	}
	CHECK_EQ(xio_release_response(m), 0);
	msg_free(m);
}

/*
 * More data than a window waits to be answered: the credits for the answers
 * come behind still more of it on the same link.
 */
static void credits_behind_data(void)
{
	set_window(8, 50000);
	flow_pair();
	s.hold = true;
	c.on_msg = answer_with_data;
	requests(&c, 2, 25000);
	WAIT_FOR(&c, &s, s.held_nr == 2);
	/* Credited, and answered in vain: the server's window is full. */
	requests(&s, 20, 20000);
	WAIT_FOR(&c, &s, c.requests >= 6);
	CHECK_EQ(s.responses, 0);
	let_go(&s, 2, 8000);
	WAIT_FOR(&c, &s, c.responses == 2 && s.responses == 20);
	CHECK_EQ(c.errors + s.errors, 0);
	pair_close(&c, &s);
	defaults();
}

/* Both hold a window full of requests and answer at the same time. */
static void both_answer(void)
{
	set_window(8, 64u * MIB);
	flow_pair();
	c.hold = true;
	s.hold = true;
	requests(&c, 8, 10);
	requests(&s, 8, 10);
	WAIT_FOR(&c, &s, c.held_nr == 8 && s.held_nr == 8);
	let_go(&c, 8, 10);
	let_go(&s, 8, 10);
	WAIT_FOR(&c, &s, c.responses == 8 && s.responses == 8);
	/* And with few credits to give: the rest is held. */
	requests(&c, 8, 10);
	requests(&s, 8, 10);
	WAIT_FOR(&c, &s, c.held_nr == 8 && s.held_nr == 8);
	let_go(&c, 1, 10);
	let_go(&s, 1, 10);
	WAIT_FOR(&c, &s, c.responses == 9 && s.responses == 9);
	let_go(&c, 7, 10);
	let_go(&s, 7, 10);
	WAIT_FOR(&c, &s, c.responses == 16 && s.responses == 16);
	pair_close(&c, &s);
	defaults();
}

/* One at a time through a window of one, sent outside callbacks. */
static void window_of_one(void)
{
	int i;

	set_window(1, 64u * MIB);
	flow_pair();
	for (i = 1; i <= 20; i++) {
		requests(&c, 1, 10);
		WAIT_FOR(&c, &s, c.responses == i);
		one_ways(&c, 1, 10);
		WAIT_FOR(&c, &s, s.one_ways == i);
		requests(&s, 1, 10);
		WAIT_FOR(&c, &s, s.responses == i);
	}
	pair_close(&c, &s);
	defaults();
}

/* ---- the end ----------------------------------------------------------- */

/* What waits for credits goes out before the closing frame. */
static void close_with_waiting(void)
{
	set_window(4, 64u * MIB);
	flow_pair();
	s.on_msg = keep_response;
	one_ways(&c, 10, 10);
	requests(&c, 2, 10);
	WAIT_FOR(&c, &s, s.one_ways == 4);
	turns(30);
	CHECK_EQ(s.one_ways, 4);
	xio_disconnect(c.conn);
	WAIT_FOR(&c, &s, c.over == 1 && s.one_ways == 10 && s.requests == 2);
	CHECK_EQ(c.ow_completed, 10);
	CHECK_EQ(c.errors, 2);		/* never answered */
	let_go(&s, 10, 0);
	pair_close(&c, &s);
	defaults();
}

/* The other side closes: answers that wait for credits still arrive. */
static void closed_with_waiting(void)
{
	set_window(4, 64u * MIB);
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	app_connect(&c, s.port);
	set_window(1024, 64u * MIB);
	c.on_msg = keep_response;
	c.quiet = true;
	requests(&c, 10, 10);
	WAIT_FOR(&c, &s, s.requests == 10 && c.held_nr == 4);
	one_ways(&s, 3, 10);		/* wait as well, and are flushed */
	xio_disconnect(c.conn);
	WAIT_FOR(&c, &s, c.responses == 10 && s.completed == 10);
	WAIT_FOR(&c, &s, c.torn_down == 1 && s.torn_down == 1);
	CHECK_EQ(s.errors, 3);
	CHECK_EQ(s.last_error, XIO_E_MSG_FLUSHED);
	CHECK_EQ(c.errors, 0);
	let_go(&c, 10, 0);
	pair_close(&c, &s);
	defaults();
}

/* The link goes: what waits is flushed, each message once. */
static void lost_with_waiting(void)
{
	set_window(4, 64u * MIB);
	flow_pair();
	s.hold = true;
	requests(&c, 10, 10);
	one_ways(&c, 10, 10);
	WAIT_FOR(&c, &s, s.requests == 4);
	app_close(&s);
	WAIT_FOR(&c, &s, c.over == 1);
	CHECK_EQ(c.errors, 20);
	CHECK_EQ(c.last_error, XIO_E_MSG_FLUSHED);
	CHECK_EQ(xio_connection_destroy(s.conn), 0);
	xio_session_destroy(s.session);
	app_close(&c);
	defaults();
}

/* ---- the option --------------------------------------------------------- */

/* Read when the connection is made, not later. */
static void option_at_creation(void)
{
	set_window(4, 64u * MIB);
	set_queue(6, 64u * MIB);
	flow_pair();
	set_flow(0);
	set_queue(100, 64u * MIB);
	s.hold = true;
	requests(&c, 7, 10);
	refused(&c, false, 10);
	WAIT_FOR(&c, &s, s.requests == 4);
	turns(30);
	CHECK_EQ(s.requests, 4);
	let_go(&s, 4, 0);
	WAIT_FOR(&c, &s, s.requests == 7);
	let_go(&s, 3, 0);
	pair_close(&c, &s);
	flow_pair();
	set_flow(1);
	s.hold = true;
	requests(&c, 20, 10);
	WAIT_FOR(&c, &s, s.requests == 20);
	CHECK_EQ(free_msgs(&c), 100);
	let_go(&s, 20, 0);
	WAIT_FOR(&c, &s, c.responses == 20);
	pair_close(&c, &s);
	defaults();
}

/* On at the client alone: it stops after the window, and can still leave. */
static void on_at_one_side(void)
{
	set_window(8, 64u * MIB);
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	app_connect(&c, s.port);
	set_flow(0);
	c.quiet = true;
	s.quiet = true;
	requests(&c, 20, 10);
	WAIT_FOR(&c, &s, c.responses == 8);
	turns(30);
	CHECK_EQ(s.requests, 8);
	/* Its ACK_REQs have their numbers: requests go on behind them. */
	requests(&s, 5, 10);
	WAIT_FOR(&c, &s, c.requests == 5);
	xio_disconnect(c.conn);
	WAIT_FOR(&c, &s, s.requests == 20);
	pair_close(&c, &s);
	defaults();
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(queue_depth);
	RUN(queue_bytes);
	RUN(queue_without_flow_control);
	RUN(queue_after_flush);
	RUN(chain_fails);
	RUN(chain_over_window);
	RUN(chain_of_responses);
	RUN(window_of_requests);
	RUN(window_of_responses);
	RUN(window_of_one_ways);
	RUN(window_of_bytes);
	RUN(window_of_bytes_withheld);
	RUN(sizes_through_window);
	RUN(larger_than_window);
	RUN(response_larger_than_window);
	RUN(both_full);
	RUN(credits_behind_data);
	RUN(both_answer);
	RUN(window_of_one);
	RUN(close_with_waiting);
	RUN(closed_with_waiting);
	RUN(lost_with_waiting);
	RUN(option_at_creation);
	RUN(on_at_one_side);
}

int main(void)
{
	int before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	xio_init();
	defaults();
	pair_open(&c, &s);
	pair_close(&c, &s);
	before = open_fds();
	in_mode(1);
	in_mode(0);
	CHECK_EQ(open_fds(), before);
	xio_shutdown();
	return check_done();
}
