/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_queue.c - limits of the send queue with flow control, and chains
 * of messages (accelio-api 5.8, 5.9).
 */

#include "windows.h"

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
