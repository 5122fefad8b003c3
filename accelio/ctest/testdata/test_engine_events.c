/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_events.c - what applications are told about sessions and
 * connections, in which order and with which reasons (accelio-api 4).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "engine.h"

#define OPENED		"established EST[ok]"
#define ACCEPTED	"new NEW[ok]"
#define CLOSED_BY_US	" CLOSED[closed] cTD[closed] sTD[closed]"
#define CLOSED_BY_PEER	" CLOSED[lost] cTD[lost] sTD[lost]"

static struct app c, s;

static void send_one(struct app *a)
{
	CHECK_EQ(xio_send_request(a->conn, msg_new(4, 10, 1, 1)), 0);
}

/* ---- opening --------------------------------------------------------- */

static void connect_and_accept(void)
{
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	app_connect(&c, s.port);
	send_one(&c);			/* queued until it is open */
	WAIT_FOR(&c, &s, c.responses == 1);
	pair_close(&c, &s);
	CHECK_STR(c.log, OPENED " rsp" CLOSED_BY_US);
	CHECK_STR(s.log, ACCEPTED " req" CLOSED_BY_PEER);
}

static void automatic_accept(void)
{
	app_open(&c, "client");
	app_open(&s, "server");
	s.ops.on_new_session = NULL;
	app_listen(&s);
	app_connect(&c, s.port);
	WAIT_FOR(&c, &s, c.established == 1);
	pair_close(&c, &s);
	CHECK_STR(c.log, OPENED CLOSED_BY_US);
	CHECK_STR(s.log, "NEW[ok]" CLOSED_BY_PEER);
}

static void late_accept(void)
{
	app_open(&c, "client");
	app_open(&s, "server");
	s.no_decision = true;
	app_listen(&s);
	app_connect(&c, s.port);
	send_one(&c);
	WAIT_FOR(&c, &s, s.conn != NULL);
	CHECK_STR(s.log, ACCEPTED);
	CHECK_STR(c.log, "");
	CHECK_EQ(xio_accept(s.session, NULL, 0, NULL, 0), 0);
	/* There is one decision. */
	CHECK_EQ(xio_accept(s.session, NULL, 0, NULL, 0), -1);
	CHECK_EQ(xio_reject(s.session, XIO_E_SESSION_REFUSED, NULL, 0), -1);
	WAIT_FOR(&c, &s, c.responses == 1);
	pair_close(&c, &s);
	CHECK_STR(c.log, OPENED " rsp" CLOSED_BY_US);
	CHECK_STR(s.log, ACCEPTED " req" CLOSED_BY_PEER);
}

static void client_leaves_before_decision(void)
{
	app_open(&c, "client");
	app_open(&s, "server");
	s.no_decision = true;
	app_listen(&s);
	app_connect(&c, s.port);
	WAIT_FOR(&c, &s, s.conn != NULL);
	CHECK_EQ(xio_connection_destroy(c.conn), 0);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	CHECK_STR(c.log, "sTD[ok]");
	CHECK_STR(s.log, ACCEPTED " DISC[lost] cTD[lost] sTD[lost]");
	app_close(&c);
	app_close(&s);
}

/* The reason and private data of a rejection reach the client here. */
static char reject_data[8];
static int reject_reason;

static void note_reject(struct app *a, struct xio_session_event_data *d)
{
	(void)a;
	if (d->event != XIO_SESSION_REJECT_EVENT)
		return;
	reject_reason = (int)d->reason;
	if (d->private_data_len == 3)
		memcpy(reject_data, d->private_data, 3);
}

static void rejected(void)
{
	app_open(&c, "client");
	app_open(&s, "server");
	c.on_event = note_reject;
	s.reject = true;
	app_listen(&s);
	app_connect(&c, s.port);
	send_one(&c);
	send_one(&c);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	CHECK_STR(c.log, "REJECT[refused] CLOSED[rejected] err[flushed] "
		  "err[flushed] cTD[rejected] sTD[rejected]");
	CHECK_STR(s.log, ACCEPTED
		  " CLOSED[rejected] cTD[rejected] sTD[rejected]");
	CHECK_EQ(reject_reason, XIO_E_SESSION_REFUSED);
	CHECK_STR(reject_data, "no");
	app_close(&c);
	app_close(&s);
}

/* libxio leaves such a client hanging; here it is told. */
static void refused_by_return_value(void)
{
	app_open(&c, "client");
	app_open(&s, "server");
	s.refuse = true;
	app_listen(&s);
	app_connect(&c, s.port);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	CHECK_STR(c.log, "REJECT[refused] CLOSED[rejected] cTD[rejected] "
		  "sTD[rejected]");
	app_close(&c);
	app_close(&s);
}

/* ---- peers that are none --------------------------------------------- */

/* A listening socket of the test's own. */
static int listen_raw(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(fd, 16) || getsockname(fd, (struct sockaddr *)&a, &n))
		exit(2);
	*port = ntohs(a.sin_port);
	return fd;
}

/* Accepts what comes, says something or nothing, and keeps or closes it. */
static void bad_peer(const char *says, bool closes, const char *want)
{
	int fds[4], nr = 0, listener;
	uint16_t port;
	long long end = clock_ms() + 10000;

	listener = listen_raw(&port);
	app_open(&c, "client");
	app_connect(&c, port);
	send_one(&c);
	while (c.over == 0 && clock_ms() < end) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0 && says)
			CHECK(write(fd, says, strlen(says)) > 0);
		if (fd >= 0 && closes)
			close(fd);
		else if (fd >= 0 && nr < 4)
			fds[nr++] = fd;
		pump(&c, NULL, 2);
	}
	CHECK_STR(c.log, want);
	app_close(&c);
	while (nr > 0)
		close(fds[--nr]);
	close(listener);
}

static void nobody_listens(void)
{
	app_open(&c, "client");
	app_connect(&c, 1);	/* tcpmux: no program has that */
	send_one(&c);
	WAIT_FOR(&c, NULL, c.over == 1);
	CHECK_STR(c.log, "REF[connect] err[flushed] cTD[connect] "
		  "sTD[connect]");
	app_close(&c);
}

static void accepts_and_closes(void)
{
	bad_peer(NULL, true, "ERR[connect] err[flushed] cTD[connect] "
		 "sTD[connect]");
}

static void answers_garbage(void)
{
	bad_peer("HTTP/1.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
		 "and enough of it to be a frame, were it one of ours\r\n",
		 false, "ERR[proto] err[flushed] cTD[proto] sTD[proto]");
}

static void says_nothing(void)
{
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LIMIT_SETUP_TIME, 100);
	bad_peer(NULL, false, "ERR[timeout] err[flushed] cTD[timeout] "
		 "sTD[timeout]");
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LIMIT_SETUP_TIME, 30000);
}

static int connect_raw(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_port = htons(port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		exit(2);
	return fd;
}

/* Sockets that stop at some point of the opening are not kept for ever. */
static void server_gives_up_on_silence(void)
{
	static const uint8_t hello[8] = { 0, 0, 0, 1 };
	static const size_t said[] = { 0, 1, 7, 8 };
	size_t i;
	int before;

	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LIMIT_PENDING_TIME, 50);
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LIMIT_SETUP_TIME, 50);
	app_open(&s, "server");
	app_listen(&s);
	pump(&s, NULL, 0);
	before = open_fds();
	for (i = 0; i < 4; i++) {
		int fd = connect_raw(s.port);

		if (said[i])
			CHECK(write(fd, hello, said[i]) == (ssize_t)said[i]);
		WAIT_FOR(&s, NULL, open_fds() == before + 2);
		WAIT_FOR(&s, NULL, open_fds() == before + 1);
		close(fd);
	}
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LIMIT_PENDING_TIME,
		    10000);
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LIMIT_SETUP_TIME, 30000);
	app_close(&s);
}

/* ---- closing --------------------------------------------------------- */

static void close_by_server(void)
{
	pair_open(&c, &s);
	CHECK_EQ(xio_disconnect(s.conn), 0);
	CHECK_EQ(xio_disconnect(s.conn), 0);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	CHECK_STR(s.log, ACCEPTED CLOSED_BY_US);
	CHECK_STR(c.log, OPENED CLOSED_BY_PEER);
	app_close(&c);
	app_close(&s);
}

static void close_by_both(void)
{
	pair_open(&c, &s);
	CHECK_EQ(xio_disconnect(s.conn), 0);
	CHECK_EQ(xio_disconnect(c.conn), 0);
	/* Each sends its FIN_REQ before it can have read the other's. */
	xio_context_poll_wait(s.ctx, 0);
	xio_context_poll_wait(c.ctx, 0);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	CHECK_STR(s.log, ACCEPTED CLOSED_BY_US);
	CHECK(strcmp(c.log, OPENED CLOSED_BY_US) == 0 ||
	      strcmp(c.log, OPENED CLOSED_BY_PEER) == 0);
	app_close(&c);
	app_close(&s);
}

/* Both are told only that they closed: FIN_REQ crosses FIN_REQ. */
static void close_by_both_inside_callbacks(void)
{
	pair_open(&c, &s);
	s.hold = true;
	send_one(&c);
	WAIT_FOR(&c, &s, s.held_nr == 1);
	CHECK_EQ(xio_disconnect(c.conn), 0);
	CHECK_EQ(xio_disconnect(s.conn), 0);
	CHECK_EQ(xio_send_request(c.conn, NULL), -1);
	answer(s.held[0], 0, 0, 0);
	CHECK_EQ(s.last_error, XIO_E_MSG_DISCARDED);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	CHECK_EQ(c.errors, 1);
	CHECK_EQ(c.last_error, XIO_E_MSG_FLUSHED);
	app_close(&c);
	app_close(&s);
}

static void close_before_established(void)
{
	struct xio_msg *m = msg_new(0, 0, 0, 0);

	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	app_connect(&c, s.port);
	CHECK_EQ(xio_disconnect(c.conn), 0);
	CHECK_EQ(xio_send_request(c.conn, m), -1);
	CHECK_EQ(xio_errno(), ESHUTDOWN);
	msg_free(m);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	CHECK_STR(c.log, "established" CLOSED_BY_US);
	CHECK_STR(s.log, ACCEPTED CLOSED_BY_PEER);
	app_close(&c);
	app_close(&s);
}

/* Unanswered requests come back in order, after CLOSED, before teardown. */
static void flush_order(void)
{
	struct xio_msg *m[3];
	int i;

	pair_open(&c, &s);
	s.hold = true;
	for (i = 0; i < 3; i++) {
		m[i] = msg_new(1, 1, 1, (unsigned int)i);
		CHECK_EQ(xio_send_request(c.conn, m[i]), 0);
	}
	WAIT_FOR(&c, &s, s.held_nr == 3);
	xio_disconnect(c.conn);
	WAIT_FOR(&c, &s, strstr(s.log, "CLOSED"));
	/* After CLOSED an answer is discarded inside the call. */
	for (i = 0; i < 3; i++) {
		answer(s.held[i], 0, 0, 0);
		CHECK_EQ(s.errors, i + 1);
		CHECK_EQ(s.last_error, XIO_E_MSG_DISCARDED);
		CHECK_EQ(xio_errno(), ESHUTDOWN);
	}
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	CHECK_STR(c.log, OPENED " CLOSED[closed] err[flushed] err[flushed] "
		  "err[flushed] cTD[closed] sTD[closed]");
	app_close(&c);
	app_close(&s);
}

static void answer_in_teardown(struct app *a, struct xio_session_event_data *d)
{
	if (d->event != XIO_SESSION_CONNECTION_TEARDOWN_EVENT)
		return;
	while (a->held_nr > 0)
		answer(a->held[--a->held_nr], 0, 0, 0);
}

static void answers_inside_teardown(void)
{
	pair_open(&c, &s);
	s.hold = true;
	s.on_event = answer_in_teardown;
	send_one(&c);
	send_one(&c);
	WAIT_FOR(&c, &s, s.held_nr == 2);
	pair_close(&c, &s);
	CHECK_STR(s.log, ACCEPTED " req req CLOSED[lost] cTD[lost] "
		  "err[discarded] err[discarded] sTD[lost]");
}

/* Flushed requests of a peer that closes: the passive side's own. */
static void passive_side_is_flushed(void)
{
	pair_open(&c, &s);
	c.hold = true;
	CHECK_EQ(xio_send_request(s.conn, msg_new(1, 1, 1, 1)), 0);
	WAIT_FOR(&c, &s, c.held_nr == 1);
	xio_disconnect(c.conn);
	answer(c.held[0], 0, 0, 0);
	pair_close(&c, &s);
	CHECK_STR(s.log, ACCEPTED
		  " CLOSED[lost] err[flushed] cTD[lost] sTD[lost]");
}

static void peer_is_lost(void)
{
	pair_open(&c, &s);
	s.hold = true;
	send_one(&c);
	send_one(&c);
	WAIT_FOR(&c, &s, s.held_nr == 2);
	/* 4.12: no event here; the other side sees the sockets close. */
	s.log[0] = 0;
	xio_context_destroy(s.ctx);
	s.ctx = NULL;
	xio_session_destroy(s.session);
	WAIT_FOR(&c, NULL, c.over == 1);
	CHECK_STR(s.log, "");
	CHECK_STR(c.log, OPENED " DISC[lost] err[flushed] err[flushed] "
		  "cTD[lost] sTD[lost]");
	app_close(&c);
}

/* 4.11 with one second each: time + probes * interval. */
static void keepalive_gives_up(void)
{
	struct xio_options_keepalive k = { 1, 1, 1 }, was;
	long long start;
	int n = sizeof(was);

	CHECK_EQ(xio_get_opt(NULL, XIO_OPTLEVEL_ACCELIO,
			     XIO_OPTNAME_CONFIG_KEEPALIVE, &was, &n), 0);
	CHECK_EQ(xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
			     XIO_OPTNAME_CONFIG_KEEPALIVE, &k, sizeof(k)), 0);
	pair_open(&c, &s);
	s.hold = true;
	send_one(&c);
	WAIT_FOR(&c, &s, s.held_nr == 1);
	start = clock_ms();
	/* From now on the server is frozen. */
	WAIT_FOR(&c, NULL, c.over == 1);
	CHECK(clock_ms() - start > 1000);
	CHECK_STR(c.log, OPENED " ERR[timeout] CLOSED[timeout] err[flushed] "
		  "cTD[timeout] sTD[timeout]");
	CHECK_EQ(xio_set_opt(NULL, XIO_OPTLEVEL_ACCELIO,
			     XIO_OPTNAME_CONFIG_KEEPALIVE, &was,
			     sizeof(was)), 0);
	s.on_event = answer_in_teardown;
	WAIT_FOR(&s, NULL, s.over == 1);
	app_close(&c);
	app_close(&s);
}

/* ---- destroying ------------------------------------------------------ */

static void destroy_in_init(void)
{
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	app_connect(&c, s.port);
	CHECK_EQ(xio_connection_destroy(c.conn), 0);
	CHECK_EQ(xio_connection_destroy(c.conn), -1);
	CHECK_EQ(xio_errno(), XIO_E_USER_OBJ_NOT_FOUND);
	WAIT_FOR(&c, &s, c.over == 1);
	CHECK_STR(c.log, "sTD[ok]");
	CHECK_STR(s.log, "");
	app_close(&c);
	app_close(&s);
}

/* A wrong call does no lasting harm, unlike in libxio. */
static void destroy_online(void)
{
	pair_open(&c, &s);
	CHECK_EQ(xio_connection_destroy(c.conn), -1);
	CHECK_EQ(xio_errno(), EPERM);
	CHECK_EQ(xio_connection_destroy(s.conn), -1);
	CHECK_EQ(xio_errno(), EPERM);
	CHECK_EQ(xio_connection_destroy(NULL), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	send_one(&c);
	WAIT_FOR(&c, &s, c.responses == 1);
	pair_close(&c, &s);
	CHECK_STR(c.log, OPENED " rsp" CLOSED_BY_US);
}

static void destroy_late(void)
{
	pair_open(&c, &s);
	c.keep_conn = true;
	c.keep_session = true;
	xio_disconnect(c.conn);
	WAIT_FOR(&c, &s, c.torn_down == 1 && s.over == 1);
	CHECK_EQ(c.over, 0);
	CHECK_EQ(xio_session_destroy(c.session), 0);
	CHECK_EQ(xio_errno(), EBUSY);
	CHECK_EQ(xio_disconnect(c.conn), 0);
	CHECK_EQ(xio_connection_destroy(c.conn), 0);
	CHECK_EQ(xio_connection_destroy(c.conn), -1);
	CHECK_EQ(xio_errno(), XIO_E_USER_OBJ_NOT_FOUND);
	WAIT_FOR(&c, &s, c.over == 1);
	CHECK_EQ(xio_session_destroy(c.session), 0);
	app_close(&c);
	app_close(&s);
}

static void unbind(void)
{
	struct xio_server *server;

	pair_open(&c, &s);
	server = s.server;
	CHECK_EQ(xio_unbind(server), 0);
	CHECK_EQ(xio_unbind(server), -1);
	CHECK_EQ(xio_errno(), XIO_E_USER_OBJ_NOT_FOUND);
	CHECK_EQ(xio_unbind(NULL), -1);
	s.server = NULL;
	/* The session lives on. */
	send_one(&c);
	WAIT_FOR(&c, &s, c.responses == 1);
	pair_close(&c, &s);
	CHECK_STR(c.log, OPENED " rsp" CLOSED_BY_US);
}

static void destroy_context_in_event(struct app *a,
				     struct xio_session_event_data *d)
{
	(void)d;
	xio_context_destroy(a->ctx);
}

static void destroy_context_in_callback(void)
{
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	app_connect(&c, s.port);
	c.on_event = destroy_context_in_event;
	while (c.log[0] == 0)
		pump(NULL, &s, 0), xio_context_run_loop(c.ctx, 1);
	CHECK_STR(c.log, OPENED);
	c.ctx = NULL;
	xio_session_destroy(c.session);
	WAIT_FOR(NULL, &s, s.over == 1);
	CHECK_STR(s.log, ACCEPTED " DISC[lost] cTD[lost] sTD[lost]");
	app_close(&s);
}

/* Two sessions, one after the other, over the link that lingers. */
static void link_is_reused(void)
{
	int before;

	pair_open(&c, &s);
	xio_disconnect(c.conn);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	before = open_fds();
	app_connect(&c, s.port);
	WAIT_FOR(&c, &s, c.established == 2);
	CHECK_EQ(open_fds(), before);
	send_one(&c);
	WAIT_FOR(&c, &s, c.responses == 1);
	xio_disconnect(c.conn);
	WAIT_FOR(&c, &s, c.over == 2 && s.over == 2);
	app_close(&c);
	app_close(&s);
}

static void idle_link_closes(void)
{
	int before = open_fds();

	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT,
		    50);
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	pump(&c, &s, 0);
	before = open_fds();
	app_connect(&c, s.port);
	WAIT_FOR(&c, &s, c.established == 1);
	CHECK_EQ(open_fds(), before + 4);
	xio_disconnect(c.conn);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	WAIT_FOR(&c, &s, open_fds() == before);
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT,
		    60000);
	app_close(&c);
	app_close(&s);
}

#define FDS	1024

static void close_on_exec(void)
{
	static bool before[FDS];
	int fd, seen = 0;

	for (fd = 0; fd < FDS; fd++)
		before[fd] = fcntl(fd, F_GETFD) >= 0;
	pair_open(&c, &s);
	for (fd = 0; fd < FDS; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags >= 0 && !before[fd]) {
			seen++;
			CHECK(flags & FD_CLOEXEC);
		}
	}
	CHECK_EQ(seen, 11);	/* 3 per context, listener, 4 sockets */
	pair_close(&c, &s);
}

static void wrong_calls(void)
{
	struct xio_connection_params cp = { 0 };
	struct xio_session *session;

	app_open(&c, "client");
	CHECK(xio_connect(NULL) == NULL);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK(xio_connect(&cp) == NULL);
	CHECK_EQ(xio_errno(), EINVAL);
	cp.ctx = c.ctx;

	session = app_session(&c, "tcp://127.0.0.1");
	cp.session = session;
	CHECK(xio_connect(&cp) == NULL);
	CHECK_EQ(xio_errno(), XIO_E_ADDR_ERROR);
	CHECK_EQ(xio_session_destroy(session), 0);

	session = app_session(&c, "smtp://127.0.0.1:25");
	cp.session = session;
	CHECK(xio_connect(&cp) == NULL);
	CHECK_EQ(xio_errno(), ENOPROTOOPT);
	CHECK_EQ(xio_session_destroy(session), 0);

	CHECK_EQ(xio_disconnect(NULL), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK(xio_bind(c.ctx, &c.ops, "tcp://127.0.0.1", NULL, 0, NULL) ==
	      NULL);
	CHECK_EQ(xio_errno(), XIO_E_ADDR_ERROR);
	app_close(&c);

	/* The port of somebody else. */
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	{
		char uri[64];

		snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%u",
			 (unsigned int)s.port);
		CHECK(xio_bind(c.ctx, &c.ops, uri, NULL, 0, NULL) == NULL);
		CHECK_EQ(xio_errno(), EADDRINUSE);
	}
	app_close(&c);
	app_close(&s);
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(connect_and_accept);
	RUN(automatic_accept);
	RUN(late_accept);
	RUN(client_leaves_before_decision);
	RUN(rejected);
	RUN(refused_by_return_value);
	RUN(nobody_listens);
	RUN(accepts_and_closes);
	RUN(answers_garbage);
	RUN(says_nothing);
	RUN(close_by_server);
	RUN(close_by_both);
	RUN(close_by_both_inside_callbacks);
	RUN(close_before_established);
	RUN(flush_order);
	RUN(answers_inside_teardown);
	RUN(passive_side_is_flushed);
	RUN(peer_is_lost);
	RUN(destroy_in_init);
	RUN(destroy_online);
	RUN(destroy_late);
	RUN(unbind);
	RUN(destroy_context_in_callback);
	RUN(link_is_reused);
}

int main(void)
{
	int before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	xio_init();
	in_mode(1);
	before = open_fds();
	in_mode(0);
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, 1);
	RUN(server_gives_up_on_silence);
	RUN(idle_link_closes);
	RUN(close_on_exec);
	RUN(wrong_calls);
	RUN(keepalive_gives_up);
	CHECK_EQ(open_fds(), before);
	xio_shutdown();
	return check_done();
}
