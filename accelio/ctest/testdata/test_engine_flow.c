/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_flow.c - flow control between two ends of ours: windows in
 * messages and bytes, and that nothing waits for ever (accelio-api 5.9,
 * accelio-wire 6.4).
 */

#include "windows.h"

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

/* Requests that are taken back give their credits back, in no answer. */
static int cancelled;

static int count_cancel(struct xio_session *ses, struct xio_msg *m,
			enum xio_status result, void *user)
{
	(void)ses;
	(void)user;
	CHECK_EQ(result, XIO_E_MSG_CANCELED);
	cancelled++;
	msg_free(m);
	return 0;
}

static int grant_cancel(struct xio_session *ses, struct xio_msg *m,
			void *user)
{
	(void)ses;
	(void)user;
	CHECK_EQ(xio_cancel(m, XIO_E_MSG_CANCELED), 0);
	return 0;
}

static void cancel_returns_credits(void)
{
	struct xio_msg *m[4];
	int i;

	set_window(4, 64u * MIB);
	cancelled = 0;
	app_open(&c, "client");
	app_open(&s, "server");
	s.ops.on_cancel_request = grant_cancel;
	app_listen(&s);
	c.ops.on_cancel = count_cancel;
	app_connect(&c, s.port);
	s.hold = true;
	for (i = 0; i < 4; i++) {
		m[i] = msg_new(0, 10, 1, 1);
		CHECK_EQ(xio_send_request(c.conn, m[i]), 0);
	}
	WAIT_FOR(&c, &s, s.held_nr == 4);
	requests(&c, 4, 10);
	for (i = 0; i < 4; i++)
		CHECK_EQ(xio_cancel_request(c.conn, m[i]), 0);
	WAIT_FOR(&c, &s, cancelled == 4 && s.requests == 8);
	CHECK_EQ(free_msgs(&c), 1020);
	memmove(s.held, s.held + 4, 4 * sizeof(*s.held));
	s.held_nr = 4;
	let_go(&s, 4, 0);
	WAIT_FOR(&c, &s, c.responses == 4);
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
	RUN(cancel_returns_credits);
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
