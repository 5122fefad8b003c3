/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_alloc.c - the n-th allocation fails, for every n that a whole
 * session needs: each time the call in question says so, or the connection
 * ends in good order; nothing hangs and nothing is left.
 *
 * Both sides live in one process and share the allocator.
 */
#include <errno.h>

#include "check.h"
#include "engine.h"
#include "failing.h"

/* ---- an application that expects the worst ------------------------------ */

struct side {
	struct xio_context *ctx;
	struct xio_server *server;
	struct xio_session *session;
	struct xio_connection *conn;
	uint16_t port;
	bool established;
	int new_sessions;
	int torn_down;
	int over;
	int out;		/* requests that have no end yet */
	int good;		/* responses */
	int errors;
};

static struct side c, s;
static bool never_accept;	/* the engine has to reject */
static bool automatic;		/* the engine accepts by itself */

static int on_session_event(struct xio_session *ses,
			    struct xio_session_event_data *d, void *user)
{
	struct side *a = user;

	switch (d->event) {
	case XIO_SESSION_NEW_CONNECTION_EVENT:
		a->conn = d->conn;
		if (automatic)
			a->new_sessions++;
		break;
	case XIO_SESSION_CONNECTION_ESTABLISHED_EVENT:
		a->established = true;
		break;
	case XIO_SESSION_CONNECTION_TEARDOWN_EVENT:
		a->torn_down++;
		a->conn = NULL;
		CHECK_EQ(xio_connection_destroy(d->conn), 0);
		break;
	case XIO_SESSION_TEARDOWN_EVENT:
		a->over++;
		a->session = NULL;
		xio_session_destroy(ses);
		break;
	default:
		break;
	}
	return 0;
}

static int on_new_session(struct xio_session *ses,
			  struct xio_new_session_req *req, void *user)
{
	struct side *a = user;

	(void)req;
	a->new_sessions++;
	a->session = ses;
	if (never_accept)
		return -1;
	/* Without memory for the answer there is memory a moment later. */
	if (xio_accept(ses, NULL, 0, NULL, 0) &&
	    xio_accept(ses, NULL, 0, NULL, 0))
		return -1;
	return 0;
}

static int on_msg(struct xio_session *ses, struct xio_msg *m, int last,
		  void *user)
{
	struct side *a = user;

	(void)ses;
	(void)last;
	if (m->type == XIO_MSG_TYPE_REQ) {
		answer(m, 8, vmsg_sglist_nents(&m->out) ? 50000 : 100, 3);
		return 0;
	}
	a->out--;
	a->good++;
	CHECK(msg_is(m, 8, m->user_context ? 50000 : 100, 3));
	CHECK_EQ(xio_release_response(m), 0);
	msg_free(m);
	return 0;
}

static int on_msg_send_complete(struct xio_session *ses, struct xio_msg *m,
				void *user)
{
	(void)ses;
	(void)user;
	msg_free(m);
	return 0;
}

static int on_msg_error(struct xio_session *ses, enum xio_status error,
			enum xio_msg_direction dir, struct xio_msg *m,
			void *user)
{
	struct side *a = user;

	(void)ses;
	(void)error;
	a->errors++;
	if (m->type == XIO_MSG_TYPE_REQ || dir == XIO_MSG_DIRECTION_IN)
		a->out--;
	if (dir == XIO_MSG_DIRECTION_IN)
		xio_release_response(m);
	msg_free(m);
	return 0;
}

static struct xio_session_ops ops = {
	.on_session_event = on_session_event,
	.on_new_session = on_new_session,
	.on_msg = on_msg,
	.on_msg_send_complete = on_msg_send_complete,
	.on_msg_error = on_msg_error,
};

static void turn(void)
{
	if (s.ctx)
		xio_context_poll_wait(s.ctx, 0);
	if (c.ctx)
		xio_context_poll_wait(c.ctx, 1);
}

static void send_one(size_t data, unsigned int nr, size_t room)
{
	struct xio_msg *m = msg_new(200, data, nr, 1);

	if (room) {
		msg_offer(m, &room, 1, false);
		m->user_context = &c;
	}
	if (!c.conn || xio_send_request(c.conn, m)) {
		msg_free(m);
		return;
	}
	c.out++;
}

static bool try_connect(void)
{
	struct xio_session_params sp = {
		.type = XIO_SESSION_CLIENT,
		.ses_ops = &ops,
		.user_context = &c,
	};
	struct xio_connection_params cp = {
		.ctx = c.ctx,
		.conn_user_context = &c,
	};
	char uri[64];

	snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%u",
		 (unsigned int)s.port);
	sp.uri = uri;
	cp.session = xio_session_create(&sp);
	if (!cp.session) {
		CHECK_EQ(xio_errno(), ENOMEM);
		return false;
	}
	c.conn = xio_connect(&cp);
	if (!c.conn) {
		CHECK_EQ(xio_errno(), ENOMEM);
		xio_session_destroy(cp.session);
		return false;
	}
	c.session = cp.session;
	return true;
}

/* All of it, wherever it breaks off. */
static void session_with_failure(long n)
{
	long long end = clock_ms() + 20000;

	memset(&c, 0, sizeof(c));
	memset(&s, 0, sizeof(s));
	fail_at = n;
	failed = 0;
	c.ctx = xio_context_create(NULL, 0, -1);
	s.ctx = xio_context_create(NULL, 0, -1);
	if (c.ctx && s.ctx)
		s.server = xio_bind(s.ctx, &ops, "tcp://127.0.0.1:0", &s.port,
				    0, &s);
	if (s.server && try_connect()) {
		send_one(10, 1, 0);
		send_one(8000, 3, 0);
		send_one(100000, 2, 0);
		send_one(10, 1, 60000);
		while (c.out > 0 && c.over == 0 && clock_ms() < end)
			turn();
		CHECK_EQ(c.out, 0);
		if (c.conn)
			xio_disconnect(c.conn);
		while ((c.over == 0 || s.new_sessions != s.over) &&
		       clock_ms() < end)
			turn();
		CHECK_EQ(c.over, 1);
		CHECK_EQ(s.over, s.new_sessions);
		if (!failed)
			CHECK_EQ(c.good, never_accept ? 0 : 4);
		/* The server is as good as new. */
		end = clock_ms() + 20000;
		fail_at = 0;
		c.over = 0;
		c.good = 0;
		c.out = 0;
		CHECK(try_connect());
		send_one(100000, 2, 60000);
		while (c.out > 0 && c.over == 0 && clock_ms() < end)
			turn();
		CHECK_EQ(c.good, never_accept ? 0 : 1);
		if (c.conn)
			xio_disconnect(c.conn);
		while (c.over == 0 && clock_ms() < end)
			turn();
		CHECK_EQ(c.over, 1);
	} else {
		CHECK_EQ(failed, 1);
	}
	fail_at = 0;
	if (s.server)
		CHECK_EQ(xio_unbind(s.server), 0);
	/* Other than the server's sessions, if the client's end came first. */
	end = clock_ms() + 20000;
	while (s.ctx && s.conn && clock_ms() < end)
		turn();
	if (c.ctx)
		xio_context_destroy(c.ctx);
	if (s.ctx)
		xio_context_destroy(s.ctx);
}

static void every_allocation(void)
{
	long n;
	int before;

	session_with_failure(0);
	before = open_fds();
	for (n = 1; n < 2000; n++) {
		int was = check_failures;

		xio_init();
		session_with_failure(n);
		xio_shutdown();
		if (check_failures != was) {
			fprintf(stderr, "  ^ allocation %ld\n", n);
			break;
		}
		CHECK_EQ(open_fds(), before);
		if (!failed)
			break;
	}
	printf("%ld allocations\n", n - 1);
	CHECK(n > 20 && n < 2000);
}

static void every_allocation_automatic_accept(void)
{
	ops.on_new_session = NULL;
	automatic = true;
	every_allocation();
	automatic = false;
	ops.on_new_session = on_new_session;
}

static void every_allocation_rejected(void)
{
	never_accept = true;
	every_allocation();
	never_accept = false;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	hooks_install();
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LOG_LEVEL, -1);
	xio_init();
	RUN(every_allocation);
	RUN(every_allocation_automatic_accept);
	RUN(every_allocation_rejected);
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, 0);
	RUN(every_allocation);
	xio_shutdown();
	CHECK_EQ(live, 0);
	return check_done();
}
