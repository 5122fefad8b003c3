/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_reconnect.c - connections that outlive their TCP connections
 * (accelio-wire 4.3): what both applications see, and what becomes of
 * messages at every stage.
 */
#include "cut.h"

#define MIB	1048576u

/* A client and a server with the forwarder between them. */
static void open_all(void)
{
	reconnecting = 0;
	reconnected = 0;
	waits(2);
	xe_reconnect_keep_ns = 106 * XE_NS_PER_SEC;
	app_open(&c, "client");
	app_open(&s, "server");
	c.on_event = on_event;
	app_listen(&s);
	fwd_open(&f, s.port);
	app_connect(&c, f.port);
	UNTIL(c.established == 1);
	c.log[0] = 0;
	s.log[0] = 0;
}

static void cut_and_wait(void)
{
	int n = reconnected;

	fwd_cut(&f);
	UNTIL(reconnected == n + 1);
}

static struct xio_msg *ask(size_t data)
{
	struct xio_msg *m = msg_new(4, data, 1, 7);

	CHECK_EQ(xio_send_request(c.conn, m), 0);
	return m;
}

/* ---- what the applications see ----------------------------------------- */

static void idle_link(void)
{
	int i;

	open_all();
	for (i = 0; i < 5; i++)
		cut_and_wait();
	ask(100);
	UNTIL(c.responses == 1);
	CHECK_STR(c.log, "RECONNECTING[lost] RECONNECTED[ok] "
		  "RECONNECTING[lost] RECONNECTED[ok] "
		  "RECONNECTING[lost] RECONNECTED[ok] "
		  "RECONNECTING[lost] RECONNECTED[ok] "
		  "RECONNECTING[lost] RECONNECTED[ok] rsp");
	CHECK(strncmp(c.log, s.log, strlen(c.log) - 3) == 0);
	CHECK_STR(s.log + strlen(s.log) - 3, "req");
	close_all();
}

static void switched_off(void)
{
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_ENABLE_RECONNECT, 0);
	open_all();
	fwd_cut(&f);
	UNTIL(c.over == 1 && s.over == 1);
	CHECK_STR(c.log, "DISC[lost] cTD[lost] sTD[lost]");
	CHECK_STR(s.log, "DISC[lost] cTD[lost] sTD[lost]");
	close_apps();
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_ENABLE_RECONNECT, 1);
}

/* Credits on their way would be lost: not together with flow control. */
static void with_flow_control(void)
{
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_ENABLE_FLOW_CONTROL, 1);
	open_all();
	fwd_cut(&f);
	UNTIL(c.over == 1 && s.over == 1);
	CHECK_STR(c.log, "DISC[lost] cTD[lost] sTD[lost]");
	close_apps();
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_ENABLE_FLOW_CONTROL, 0);
}

/* Nobody listens: one attempt at once and three after a while. */
static void no_way_back(void)
{
	open_all();
	s.hold = true;
	ask(10);
	UNTIL(s.held_nr == 1);
	ask(10);
	fwd_close(&f);
	UNTIL(c.over == 1);
	CHECK_STR(c.log, "RECONNECTING[lost] DISC[lost] err[flushed] "
		  "err[flushed] cTD[lost] sTD[lost]");
	CHECK_EQ(s.over, 0);	/* it still waits */
	app_close(&c);
	app_close(&s);
	xio_session_destroy(s.session);
}

/* It takes four attempts. */
static void late_way_back(void)
{
	int before;

	open_all();
	before = f.accepted;
	f.target = 1;		/* refused, but for the forwarder */
	fwd_cut(&f);
	UNTIL(f.accepted >= before + 3);
	f.target = s.port;
	UNTIL(reconnected == 1);
	CHECK_EQ(reconnecting, 1);
	close_all();
}

/* The server is another one now: the answer is final, and comes at once. */
static void unknown_to_the_server(void)
{
	struct app old;

	open_all();
	waits(60000);
	old = s;
	app_open(&s, "another");
	app_listen(&s);
	f.target = s.port;
	fwd_cut(&f);
	UNTIL(c.over == 1);
	CHECK_STR(c.log, "RECONNECTING[lost] DISC[lost] cTD[lost] sTD[lost]");
	close_apps();
	xio_context_destroy(old.ctx);
	xio_session_destroy(old.session);
}

static void server_loses_patience(void)
{
	open_all();
	waits(60000);
	xe_reconnect_keep_ns = 20 * XE_NS_PER_MS;
	s.hold = true;
	ask(10);
	UNTIL(s.held_nr == 1);
	f.stopped = true;
	fwd_cut(&f);
	UNTIL(s.over == 1);
	CHECK_STR(s.log, "req RECONNECTING[lost] DISC[lost] "
		  "cTD[lost] sTD[lost]");
	f.stopped = false;
	UNTIL(c.over == 1);
	CHECK_STR(c.log, "RECONNECTING[lost] DISC[lost] err[flushed] "
		  "cTD[lost] sTD[lost]");
	close_apps();
}

static void closed_while_it_waits(void)
{
	open_all();
	s.hold = true;
	ask(10);
	UNTIL(s.held_nr == 1);
	c.log[0] = 0;
	s.log[0] = 0;
	f.stopped = true;
	fwd_cut(&f);
	UNTIL(reconnecting == 1);
	xio_disconnect(c.conn);
	UNTIL(c.over == 1);
	CHECK_STR(c.log, "RECONNECTING[lost] CLOSED[closed] err[flushed] "
		  "cTD[closed] sTD[closed]");
	answer(s.held[0], 0, 10, 9);
	xio_disconnect(s.conn);
	UNTIL(s.over == 1);
	CHECK_STR(s.log, "RECONNECTING[lost] CLOSED[closed] err[flushed] "
		  "cTD[closed] sTD[closed]");
	close_apps();

	/* By the server, and the client finds nobody. */
	open_all();
	f.stopped = true;
	fwd_cut(&f);
	UNTIL(reconnecting == 1);
	xio_disconnect(s.conn);
	UNTIL(s.over == 1);
	f.stopped = false;
	UNTIL(c.over == 1);
	CHECK_STR(c.log, "RECONNECTING[lost] DISC[lost] cTD[lost] sTD[lost]");
	close_apps();
}

static void contexts_go(void)
{
	struct xio_msg *m, *a;

	open_all();
	s.hold = true;
	m = ask(10);
	UNTIL(s.held_nr == 1);
	f.stopped = true;
	a = answer(s.held[0], 0, 10, 9);
	fwd_cut(&f);
	UNTIL(reconnecting == 1);
	/* What waits is dropped without a word, as ever. */
	app_close(&c);
	app_close(&s);
	msg_free(m);
	msg_free(a);
	xio_session_destroy(c.session);
	xio_session_destroy(s.session);
	fwd_close(&f);
}

/* Before the session is open there is nothing to carry over. */
static void during_setup(void)
{
	app_open(&c, "client");
	app_open(&s, "server");
	s.no_decision = true;
	app_listen(&s);
	fwd_open(&f, s.port);
	app_connect(&c, f.port);
	UNTIL(strcmp(s.log, "new NEW[ok]") == 0);
	fwd_cut(&f);
	UNTIL(c.over == 1 && s.over == 1);
	CHECK_STR(c.log, "ERR[connect] cTD[connect] sTD[connect]");
	close_apps();
}

/* ---- messages at every stage --------------------------------------------- */

static void request_is_held(void)
{
	static const size_t sizes[] = { 0, 100, 8193, 2 * MIB };
	size_t i;

	open_all();
	s.hold = true;
	c.keep = true;
	for (i = 0; i < 4; i++) {
		ask(sizes[i]);
		UNTIL(s.held_nr == (int)i + 1);
		cut_and_wait();
	}
	/* All have come again when one behind them has come. */
	ask(1);
	UNTIL(s.held_nr == 5);
	/* Answered in another order. */
	for (i = 5; i-- > 0;)
		answer(s.held[i], 0, i * 2000, (unsigned int)i);
	UNTIL(c.held_nr == 5);
	for (i = 0; i < 5; i++) {
		struct xio_msg *m = c.held[i];

		CHECK_EQ(m->request->sn, 4 - i);
		CHECK(msg_is(m, 0, (4 - i) * 2000, 4 - (unsigned int)i));
		xio_release_response(m);
		msg_free(m);
	}
	CHECK_EQ(s.requests, 5);
	CHECK_EQ(s.completed, 5);
	close_all();
}

/* Answers that did not leave are sent later, in their order. */
static void answered_while_it_waits(void)
{
	static const size_t room = MIB;
	struct xio_msg *m;
	int i;

	open_all();
	s.hold = true;
	for (i = 0; i < 10; i++) {
		m = msg_new(4, 10, 1, 7);
		msg_offer(m, &room, 1, false);
		CHECK_EQ(xio_send_request(c.conn, m), 0);
	}
	UNTIL(s.held_nr == 10);
	f.stopped = true;
	fwd_cut(&f);
	UNTIL(reconnecting == 1);
	for (i = 0; i < 5; i++)
		answer(s.held[i], 0, i % 2 ? MIB : 10, 9);
	for (i = 0; i < 20; i++)
		pump(&c, &s, 1);
	CHECK_EQ(s.completed, 0);
	CHECK_EQ(s.errors, 0);
	f.stopped = false;
	UNTIL(c.responses == 5 && s.completed == 5);
	for (i = 5; i < 10; i++)
		answer(s.held[i], 0, 10, 9);
	UNTIL(c.responses == 10 && s.completed == 10);
	CHECK_EQ(c.errors + s.errors, 0);
	CHECK_EQ(s.requests, 10);
	close_all();
}

/* The answer was sent and never came: the requester is told. */
static void answer_is_lost(void)
{
	open_all();
	c.log[0] = 0;
	f.to_server_only = true;
	ask(10);
	UNTIL(s.completed == 1);
	turn();
	f.to_server_only = false;
	cut_and_wait();
	UNTIL(c.errors == 1);
	CHECK_STR(c.log, "RECONNECTING[lost] RECONNECTED[ok] "
		  "err-in[discarded]");
	CHECK_EQ(s.requests, 1);
	ask(10);
	UNTIL(c.responses == 1);
	close_all();
}

/* Sent while there is no link, and cut in the middle of a large one. */
static void requests_wait(void)
{
	int i;

	open_all();
	f.stopped = true;
	fwd_cut(&f);
	UNTIL(reconnecting == 1);
	for (i = 0; i < 8; i++)
		ask((size_t)i * 3000);
	f.stopped = false;
	UNTIL(c.responses == 8);
	f.cut_after = 300000;
	f.passed = 0;
	ask(MIB);
	UNTIL(reconnecting == 2);
	f.cut_after = -1;
	UNTIL(c.responses == 9);
	CHECK_EQ(s.requests, 9);
	CHECK_EQ(c.errors, 0);
	close_all();
}

static void from_the_server(void)
{
	struct xio_msg *m = msg_new(4, 9000, 1, 7);

	open_all();
	c.hold = true;
	CHECK_EQ(xio_send_request(s.conn, m), 0);
	UNTIL(c.held_nr == 1);
	cut_and_wait();
	answer(c.held[0], 0, 10, 9);
	UNTIL(s.responses == 1);
	CHECK_EQ(c.requests, 1);
	close_all();
}

static void receipts(void)
{
	struct xio_msg *m;
	int i;

	/* Got before, and lost. */
	for (i = 0; i < 2; i++) {
		open_all();
		s.hold = true;
		f.to_server_only = i;
		m = msg_new(4, 10, 1, 7);
		m->flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
		CHECK_EQ(xio_send_request(c.conn, m), 0);
		if (i == 0)
			UNTIL(c.delivered == 1);
		else
			UNTIL(s.held_nr == 1);
		turn();
		f.to_server_only = false;
		cut_and_wait();
		UNTIL(c.delivered == 1);
		answer(s.held[0], 0, 1, 9);
		UNTIL(c.responses == 1);
		CHECK_EQ(c.delivered, 1);
		close_all();
	}
	/* The answer has waited and carries it. */
	open_all();
	s.hold = true;
	f.to_server_only = true;
	m = msg_new(4, 10, 1, 7);
	m->flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	CHECK_EQ(xio_send_request(c.conn, m), 0);
	UNTIL(s.held_nr == 1);
	turn();
	f.to_server_only = false;
	f.stopped = true;
	fwd_cut(&f);
	UNTIL(reconnecting == 1);
	c.log[0] = 0;
	answer(s.held[0], 0, 1, 9);
	f.stopped = false;
	UNTIL(c.responses == 1);
	CHECK_STR(c.log, "RECONNECTED[ok] delivered rsp");
	close_all();
	/* A one-way message whose receipt is lost. */
	open_all();
	f.to_server_only = true;
	m = msg_new(4, 10, 1, 7);
	m->flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	CHECK_EQ(xio_send_msg(c.conn, m), 0);
	CHECK_EQ(xio_send_msg(c.conn, msg_new(0, 300000, 1, 7)), 0);
	UNTIL(s.one_ways == 2);
	turn();
	f.to_server_only = false;
	cut_and_wait();
	UNTIL(c.delivered == 1 && c.ow_completed == 1);
	CHECK_EQ(s.one_ways, 2);
	close_all();
}

/* ---- cancel ---------------------------------------------------------------- */

static int cancel_result, cancel_nr;
static struct xio_msg *asked;

static int on_cancel(struct xio_session *ses, struct xio_msg *m,
		     enum xio_status result, void *user)
{
	(void)ses;
	(void)m;
	(void)user;
	cancel_result = (int)result;
	cancel_nr++;
	return 0;
}

static int on_cancel_request(struct xio_session *ses, struct xio_msg *m,
			     void *user)
{
	(void)ses;
	(void)user;
	asked = m;
	return 0;
}

/* It has failed; the responder may still give up the request. */
static void cancel_is_out(void)
{
	int granted;

	for (granted = 0; granted < 2; granted++) {
		struct xio_msg *m;

		cancel_nr = 0;
		asked = NULL;
		reconnecting = 0;
		reconnected = 0;
		app_open(&c, "client");
		app_open(&s, "server");
		c.on_event = on_event;
		c.ops.on_cancel = on_cancel;
		s.ops.on_cancel_request = on_cancel_request;
		s.hold = true;
		app_listen(&s);
		fwd_open(&f, s.port);
		app_connect(&c, f.port);
		UNTIL(c.established == 1);
		m = ask(10);
		UNTIL(s.held_nr == 1);
		CHECK_EQ(xio_cancel_request(c.conn, m), 0);
		UNTIL(asked);
		f.stopped = true;
		fwd_cut(&f);
		UNTIL(cancel_nr == 1);
		CHECK_EQ(cancel_result, XIO_E_MSG_CANCEL_FAILED);
		/* Sent once, and to be sent again: not simply queued. */
		CHECK_EQ(xio_cancel_request(c.conn, m), 0);
		CHECK_EQ(cancel_nr, 1);
		UNTIL(cancel_nr == 2);
		CHECK_EQ(cancel_result, XIO_E_MSG_CANCEL_FAILED);
		c.log[0] = 0;
		CHECK_EQ(xio_cancel(asked, granted ? XIO_E_MSG_CANCELED :
				    XIO_E_MSG_CANCEL_FAILED), 0);
		f.stopped = false;
		UNTIL(reconnected == 1);
		if (!granted)
			answer(asked, 0, 10, 9);
		UNTIL(c.responses + c.errors == 1);
		CHECK_STR(c.log, granted ?
			  "RECONNECTED[ok] err-in[canceled]" :
			  "RECONNECTED[ok] rsp");
		close_all();
	}
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(idle_link);
	RUN(switched_off);
	RUN(with_flow_control);
	RUN(no_way_back);
	RUN(late_way_back);
	RUN(unknown_to_the_server);
	RUN(server_loses_patience);
	RUN(closed_while_it_waits);
	RUN(contexts_go);
	RUN(during_setup);
	RUN(request_is_held);
	RUN(answered_while_it_waits);
	RUN(answer_is_lost);
	RUN(requests_wait);
	RUN(from_the_server);
	RUN(receipts);
	RUN(cancel_is_out);
}

int main(void)
{
	int before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	xio_init();
	pair_open(&c, &s);
	pair_close(&c, &s);
	before = open_fds();
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_ENABLE_RECONNECT, 1);
	in_mode(1);
	in_mode(0);
	CHECK_EQ(open_fds(), before);
	xio_shutdown();
	return check_done();
}
