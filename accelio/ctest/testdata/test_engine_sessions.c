/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_sessions.c - several connections of one session to one
 * listener, each on a context of its own, driven in turns: who opens the
 * session, who waits, and what becomes of those that wait.
 */
#include <errno.h>
#include <stdio.h>

#include "check.h"
#include "engine.h"
#include "registry.h"
#include "seats.h"

#define CLIENTS		4

#define CLOSED		" CLOSED[closed] cTD[closed]"
#define CLOSED_BY_PEER	" CLOSED[lost] cTD[lost]"

static struct seat m, c[CLIENTS];
static int before;

static void open_seats(int clients)
{
	char names[CLIENTS][3] = { "c0", "c1", "c2", "c3" };
	int i;

	before = open_fds();
	memset(c, 0, sizeof(c));
	seat_listen(&m, "server");
	for (i = 0; i < clients; i++)
		seat_open(&c[i], names[i]);
	seat_session(&c[0], m.uri);
}

static void close_seats(void)
{
	seats_close();
	CHECK_EQ(surprises, 0);
	CHECK_EQ(xe_registry_count(XE_HANDLE_CONNECTION), 0);
	CHECK_EQ(xe_registry_count(XE_HANDLE_SESSION), 0);
	CHECK_EQ(open_fds(), before);
}

static void connect_all(int clients)
{
	int i;

	for (i = 0; i < clients; i++) {
		CHECK(seat_connect(&c[i], &c[0]) != NULL);
		CHECK(seat_send(&c[i]));
	}
}

static void disconnect_all(int clients)
{
	int i;

	for (i = 0; i < clients; i++)
		CHECK_EQ(xio_disconnect(c[i].conn), 0);
	UNTIL(c[0].over == 1 && m.over == 1);
}

static int answered(int clients)
{
	int n = 0;

	while (clients-- > 0)
		n += c[clients].responses;
	return n;
}

/* ---- all goes well ---------------------------------------------------- */

static void they_wait_for_the_lead(void)
{
	int i;

	open_seats(4);
	connect_all(4);
	UNTIL(answered(4) == 4);
	CHECK_EQ(m.connected, 4);
	disconnect_all(4);
	CHECK_STR(c[0].log, "established EST[ok] rsp" CLOSED " sTD[closed]");
	for (i = 1; i < 4; i++)
		CHECK_STR(c[i].log, "EST[ok] rsp" CLOSED);
	CHECK_EQ(m.torn_down, 4);
	CHECK_STR(m.priv, "hi");
	CHECK_STR(m.asked, m.uri);
	close_seats();
}

static bool inside_ok;

static void connect_others(struct seat *s)
{
	(void)s;
	inside_ok = seat_connect(&c[1], &c[0]) && seat_send(&c[1]);
}

static void they_come_inside_established(void)
{
	open_seats(2);
	c[0].on_established = connect_others;
	CHECK(seat_connect(&c[0], &c[0]) != NULL);
	UNTIL(c[0].connected == 1);
	CHECK(inside_ok);
	CHECK_STR(c[0].log, "established EST[ok]");
	UNTIL(answered(2) == 1);
	disconnect_all(2);
	CHECK_STR(c[1].log, "EST[ok] rsp" CLOSED);
	close_seats();
}

static void they_come_later(void)
{
	open_seats(3);
	connect_all(1);
	UNTIL(answered(1) == 1);
	CHECK(seat_connect(&c[1], &c[0]) != NULL);
	CHECK(seat_send(&c[1]));
	UNTIL(answered(2) == 2);
	/* The lead may go: the session stays. */
	CHECK_EQ(xio_disconnect(c[0].conn), 0);
	UNTIL(c[0].torn_down == 1 && m.torn_down == 1);
	CHECK_EQ(c[0].over + m.over, 0);
	CHECK(seat_connect(&c[2], &c[0]) != NULL);
	CHECK(seat_send(&c[2]));
	UNTIL(answered(3) == 3);
	/* And so may its context be used again. */
	CHECK(seat_connect(&c[0], &c[0]) != NULL);
	CHECK(seat_send(&c[0]));
	UNTIL(answered(3) == 4);
	disconnect_all(3);
	CHECK_STR(c[0].log, "established EST[ok] rsp" CLOSED
		  " EST[ok] rsp" CLOSED " sTD[closed]");
	CHECK_STR(c[2].log, "EST[ok] rsp" CLOSED);
	close_seats();
}

/* One numbering for the requests of all connections, and one for each. */
static void serials_are_shared(void)
{
	uint64_t seen[64] = { 0 };
	struct xio_session_params sp = { 0 };
	struct xio_msg *msg;
	int i, k, n = 0;

	open_seats(3);
	xio_session_destroy(c[0].session);
	sp.uri = m.uri;
	sp.ses_ops = &c[0].ops;
	sp.user_context = &c[0];
	sp.initial_sn = 1000;
	c[0].session = xio_session_create(&sp);
	connect_all(3);
	UNTIL(answered(3) == 3);
	for (i = 0; i < 12; i++) {
		k = (i * 7) % 3;
		msg = msg_new(4, 10, 1, 1);
		CHECK_EQ(xio_send_request(c[k].conn, msg), 0);
		CHECK_EQ(msg->sn, 1003 + i);
	}
	UNTIL(answered(3) == 15);
	for (i = 0; i < 15; i++)
		if (m.serials[i] >= 1000 && m.serials[i] < 1015)
			seen[m.serials[i] - 1000]++;
	for (i = 0; i < 15; i++)
		n += seen[i] == 1;
	CHECK_EQ(n, 15);
	disconnect_all(3);
	close_seats();
}

static void requests_of_the_server(void)
{
	struct xio_connection *conns[2];

	open_seats(2);
	connect_all(1);
	UNTIL(answered(1) == 1);
	conns[0] = m.conn;
	CHECK(seat_connect(&c[1], &c[0]) != NULL);
	UNTIL(m.connected == 2);
	conns[1] = m.conn;
	CHECK(conns[0] != conns[1]);
	m.conn = conns[0];
	CHECK(seat_send(&m));
	m.conn = conns[1];
	CHECK(seat_send(&m) && seat_send(&m));
	UNTIL(m.responses == 3);
	CHECK_EQ(c[0].requests, 1);
	CHECK_EQ(c[1].requests, 2);
	/* It closes one of them. */
	CHECK_EQ(xio_disconnect(conns[0]), 0);
	UNTIL(c[0].torn_down == 1 && m.torn_down == 1);
	CHECK_EQ(c[0].over + m.over, 0);
	CHECK_EQ(xio_disconnect(conns[1]), 0);
	UNTIL(c[0].over == 1 && m.over == 1);
	CHECK_STR(c[0].log, "established EST[ok] rsp req" CLOSED_BY_PEER
		  " sTD[lost]");
	CHECK_STR(c[1].log, "EST[ok] req req" CLOSED_BY_PEER);
	close_seats();
}

static void late_accept(void)
{
	open_seats(3);
	m.deed = LATER;
	connect_all(3);
	UNTIL(m.connected == 1);
	turn(20);
	CHECK_STR(m.log, "new NEW[ok]");
	m.deed = ACCEPT;
	seat_decide(&m);
	UNTIL(answered(3) == 3);
	disconnect_all(3);
	CHECK_STR(c[2].log, "EST[ok] rsp" CLOSED);
	close_seats();
}

/* ---- no second connection on a context, none after the end ------------- */

static void wrong_connects(void)
{
	open_seats(2);
	CHECK(seat_connect(&c[0], &c[0]) != NULL);
	CHECK(seat_connect(&c[0], &c[0]) == NULL);
	UNTIL(c[0].connected == 1);
	CHECK(seat_connect(&c[0], &c[0]) == NULL);
	c[0].keep_session = true;
	xio_disconnect(c[0].conn);
	UNTIL(c[0].over == 1);
	/* Closed. */
	CHECK(seat_connect(&c[1], &c[0]) == NULL);
	CHECK_EQ(xio_session_destroy(c[0].session), 0);
	/* Of a server. */
	c[0].session = m.session;
	UNTIL(m.over == 1);
	CHECK(seat_connect(&c[1], &c[0]) == NULL);
	CHECK_EQ(xio_errno(), EINVAL);
	close_seats();
}

static void connect_after_a_rejection(void)
{
	open_seats(2);
	m.deed = REJECT;
	c[0].keep_session = true;
	CHECK(seat_connect(&c[0], &c[0]) != NULL);
	UNTIL(c[0].torn_down == 1);
	CHECK(seat_connect(&c[1], &c[0]) == NULL);
	UNTIL(c[0].over == 1 && m.over == 1);
	CHECK(seat_connect(&c[1], &c[0]) == NULL);
	CHECK_EQ(xio_session_destroy(c[0].session), 0);
	close_seats();
}

static void connect_after_a_refusal(void)
{
	open_seats(2);
	CHECK_EQ(xio_session_destroy(c[0].session), 0);
	seat_session(&c[0], NOWHERE);
	c[0].keep_session = true;
	CHECK(seat_connect(&c[0], &c[0]) != NULL);
	UNTIL(c[0].torn_down == 1);
	CHECK(seat_connect(&c[1], &c[0]) == NULL);
	UNTIL(c[0].over == 1);
	CHECK(seat_connect(&c[1], &c[0]) == NULL);
	CHECK_EQ(xio_session_destroy(c[0].session), 0);
	close_seats();
}

/* ---- the lead fails ---------------------------------------------------- */

static void all_are_refused(void)
{
	open_seats(3);
	CHECK_EQ(xio_session_destroy(c[0].session), 0);
	seat_session(&c[0], NOWHERE);
	connect_all(3);
	CHECK(seat_send(&c[2]));
	UNTIL(c[0].over == 1);
	CHECK_STR(c[0].log, "REF[connect] flushed cTD[connect] sTD[connect]");
	CHECK_STR(c[1].log, "REF[connect] flushed cTD[connect]");
	CHECK_STR(c[2].log, "REF[connect] flushed flushed cTD[connect]");
	close_seats();
}

static void all_are_rejected(void)
{
	open_seats(3);
	m.deed = REJECT;
	connect_all(3);
	CHECK(seat_send(&c[2]));
	UNTIL(c[0].over == 1 && m.over == 1);
	CHECK_STR(c[0].log, "REJECT[refused] CLOSED[rejected] flushed "
		  "cTD[rejected] sTD[rejected]");
	CHECK_STR(c[1].log, "CLOSED[rejected] flushed cTD[rejected]");
	CHECK_STR(c[2].log, "CLOSED[rejected] flushed flushed cTD[rejected]");
	CHECK_STR(m.log, "new NEW[ok] CLOSED[rejected] cTD[rejected] "
		  "sTD[rejected]");
	close_seats();
}

static void the_server_goes_while_they_wait(void)
{
	open_seats(3);
	m.deed = LATER;
	connect_all(3);
	UNTIL(m.connected == 1);
	seat_close(&m);
	CHECK_EQ(xio_session_destroy(m.session), 0);
	UNTIL(c[0].over == 1);
	CHECK_STR(c[0].log, "ERR[connect] flushed cTD[connect] sTD[connect]");
	CHECK_STR(c[2].log, "ERR[connect] flushed cTD[connect]");
	close_seats();
}

/* Those that come when it has failed already, and those before. */
static void the_server_goes(void)
{
	open_seats(3);
	connect_all(3);
	UNTIL(answered(3) == 3);
	m.hold = true;
	CHECK(seat_send(&c[1]));
	UNTIL(m.requests == 4);
	seat_close(&m);
	CHECK_EQ(xio_session_destroy(m.session), 0);
	UNTIL(c[0].over == 1);
	CHECK_STR(c[0].log, "established EST[ok] rsp DISC[lost] cTD[lost] "
		  "sTD[lost]");
	CHECK_STR(c[1].log, "EST[ok] rsp DISC[lost] flushed cTD[lost]");
	CHECK_STR(c[2].log, "EST[ok] rsp DISC[lost] cTD[lost]");
	close_seats();
}

/* ---- they go before they are up ---------------------------------------- */

static void a_waiting_one_disconnects(void)
{
	open_seats(3);
	m.deed = LATER;
	connect_all(3);
	UNTIL(m.connected == 1);
	CHECK_EQ(xio_disconnect(c[1].conn), 0);
	CHECK(!seat_send(&c[1]));
	CHECK_EQ(xio_errno(), ESHUTDOWN);
	turn(20);
	CHECK_STR(c[1].log, "");
	m.deed = ACCEPT;
	seat_decide(&m);
	/* 4.9: it comes up, and closes. */
	UNTIL(c[0].responses + c[2].responses == 2 && c[1].torn_down == 1);
	CHECK_EQ(c[1].connected, 0);
	UNTIL(m.torn_down == 1);
	CHECK_EQ(m.connected, 3);
	xio_disconnect(c[0].conn);
	xio_disconnect(c[2].conn);
	UNTIL(c[0].over == 1 && m.over == 1);
	/* What it had queued went out before, or came back; not both. */
	CHECK_EQ(c[1].responses + c[1].errors, 1);
	close_seats();
}

static void a_waiting_one_is_destroyed(void)
{
	open_seats(3);
	m.deed = LATER;
	connect_all(3);
	UNTIL(m.connected == 1);
	CHECK_EQ(xio_connection_destroy(c[1].conn), 0);
	CHECK_STR(c[1].log, "flushed");
	m.deed = ACCEPT;
	seat_decide(&m);
	UNTIL(c[0].responses + c[2].responses == 2);
	CHECK_EQ(m.connected, 2);
	xio_disconnect(c[0].conn);
	xio_disconnect(c[2].conn);
	UNTIL(c[0].over == 1 && m.over == 1);
	CHECK_STR(c[1].log, "flushed");
	close_seats();
}

/* Aborted while its hello is under way, however far that is. */
static void a_joining_one_is_destroyed(void)
{
	int turns, i;

	for (turns = 0; turns < 8; turns++) {
		open_seats(2);
		connect_all(1);
		UNTIL(answered(1) == 1);
		CHECK(seat_connect(&c[1], &c[0]) != NULL);
		for (i = 0; i < turns && !c[1].connected; i++)
			turn(1);
		if (!c[1].connected)
			CHECK_EQ(xio_connection_destroy(c[1].conn), 0);
		else
			CHECK_EQ(xio_disconnect(c[1].conn), 0);
		xio_disconnect(c[0].conn);
		UNTIL(c[0].over == 1 && m.over == 1);
		close_seats();
	}
}

/* The lead is destroyed at some moment of its way: another one leads. */
static void the_lead_is_destroyed(void)
{
	int turns, i, saved = 0;

	for (turns = 0; turns < 10; turns++) {
		open_seats(3);
		connect_all(3);
		for (i = 0; i < turns && !c[0].connected; i++)
			turn(1);
		if (c[0].connected) {
			disconnect_all(3);
			close_seats();
			continue;
		}
		saved++;
		CHECK_EQ(xio_connection_destroy(c[0].conn), 0);
		UNTIL(answered(3) == 2);
		xio_disconnect(c[1].conn);
		xio_disconnect(c[2].conn);
		UNTIL(c[0].over == 1 && m.torn_down == m.connected);
		CHECK_STR(c[0].log, "flushed established sTD[closed]");
		CHECK_STR(c[1].log, "EST[ok] rsp" CLOSED);
		CHECK_STR(c[2].log, "EST[ok] rsp" CLOSED);
		close_seats();
	}
	CHECK(saved >= 2);
}

static void the_lead_is_destroyed_undecided(void)
{
	open_seats(3);
	m.deed = LATER;
	connect_all(3);
	UNTIL(m.connected == 1);
	CHECK_EQ(xio_connection_destroy(c[0].conn), 0);
	UNTIL(m.connected == 2 && m.over == 1);
	seat_decide(&m);
	m.deed = ACCEPT;
	seat_decide(&m);
	UNTIL(answered(3) == 2);
	xio_disconnect(c[1].conn);
	xio_disconnect(c[2].conn);
	UNTIL(c[0].over == 1 && m.over == 2);
	CHECK_STR(c[0].log, "flushed established sTD[closed]");
	close_seats();
}

static void they_are_all_destroyed(void)
{
	open_seats(3);
	connect_all(3);
	turn(1);
	CHECK_EQ(xio_connection_destroy(c[1].conn), 0);
	CHECK_EQ(xio_connection_destroy(c[0].conn), 0);
	CHECK_EQ(xio_connection_destroy(c[2].conn), 0);
	UNTIL(c[0].over == 1);
	CHECK_STR(c[0].log, "flushed sTD[ok]");
	CHECK_STR(c[1].log, "flushed");
	close_seats();
}

/* ---- contexts are destroyed under them ---------------------------------- */

static void the_context_of_the_lead_goes(void)
{
	open_seats(3);
	m.deed = LATER;
	/* Without requests: nobody would give them back (4.12). */
	CHECK(seat_connect(&c[0], &c[0]) != NULL);
	CHECK(seat_connect(&c[1], &c[0]) && seat_send(&c[1]));
	CHECK(seat_connect(&c[2], &c[0]) && seat_send(&c[2]));
	UNTIL(m.connected == 1);
	CHECK_EQ(xio_session_destroy(c[0].session), 0);
	CHECK_EQ(xio_errno(), EBUSY);
	seat_close(&c[0]);
	m.deed = ACCEPT;
	UNTIL(c[1].responses + c[2].responses == 2);
	xio_disconnect(c[1].conn);
	xio_disconnect(c[2].conn);
	/* The shell of the first one does not stand in the way. */
	UNTIL(c[0].over == 1);
	CHECK_STR(c[0].log, "established sTD[closed]");
	UNTIL(m.torn_down == m.connected);
	close_seats();
}

static void the_context_of_a_waiting_one_goes(void)
{
	struct xio_msg *msg = msg_new(0, 0, 0, 0);

	open_seats(3);
	m.deed = LATER;
	CHECK(seat_connect(&c[0], &c[0]) && seat_send(&c[0]));
	CHECK(seat_connect(&c[1], &c[0]) != NULL);
	CHECK_EQ(xio_send_request(c[1].conn, msg), 0);
	CHECK(seat_connect(&c[2], &c[0]) && seat_send(&c[2]));
	UNTIL(m.connected == 1);
	seat_close(&c[1]);
	msg_free(msg);			/* 4.12: nobody gives it back */
	m.deed = ACCEPT;
	seat_decide(&m);
	UNTIL(c[0].responses + c[2].responses == 2);
	/* An empty shell is left, and may be destroyed. */
	CHECK_EQ(xio_disconnect(c[1].conn), 0);
	CHECK(!seat_send(&c[1]));
	CHECK_EQ(xio_errno(), ESHUTDOWN);
	CHECK_EQ(xio_connection_destroy(c[1].conn), 0);
	CHECK_EQ(xio_connection_destroy(c[1].conn), -1);
	CHECK_EQ(xio_errno(), XIO_E_USER_OBJ_NOT_FOUND);
	xio_disconnect(c[0].conn);
	xio_disconnect(c[2].conn);
	UNTIL(c[0].over == 1 && m.over == 1);
	close_seats();
}

static void all_contexts_go(void)
{
	open_seats(3);
	connect_all(3);
	UNTIL(answered(3) == 3);
	seat_close(&c[0]);
	seat_close(&c[2]);
	seat_close(&c[1]);
	CHECK_EQ(c[0].over, 0);		/* 4.12: nobody is left to tell */
	CHECK_EQ(xio_session_destroy(c[0].session), 0);
	UNTIL(m.over == 1);
	CHECK_EQ(m.torn_down, 3);
	close_seats();
}

/* ---- links ---------------------------------------------------------------- */

static struct seat other;
static char address[64];

static void connect_when_closed(struct seat *s, struct xio_session *ses,
				struct xio_session_event_data *d)
{
	(void)ses;
	if (d->event != XIO_SESSION_CONNECTION_CLOSED_EVENT)
		return;
	seat_session(s, address);
	CHECK(seat_connect(s, s) && seat_send(s));
	s->on_event = NULL;
}

/*
 * The end of an idle link and a close arrive together, and the application
 * connects to where the link led.
 */
static void a_link_at_its_end_is_not_taken(void)
{
	open_seats(1);
	seat_listen(&other, "other");
	connect_all(1);
	UNTIL(answered(1) == 1);
	disconnect_all(1);
	seat_session(&c[0], other.uri);
	CHECK(seat_connect(&c[0], &c[0]) != NULL);
	UNTIL(c[0].connected == 2);
	c[0].on_event = connect_when_closed;
	memcpy(address, m.uri, sizeof(address));
	seat_close(&m);
	seat_open(&m, "again");
	m.server = xio_bind(m.ctx, &m.ops, address, NULL, 0, &m);
	CHECK(m.server != NULL);
	CHECK_EQ(xio_disconnect(other.conn), 0);
	CHECK_EQ(xio_context_run_loop(other.ctx, 0), 0);
	UNTIL(c[0].responses == 2 && other.over == 1);
	CHECK_EQ(xio_disconnect(c[0].conn), 0);
	UNTIL(c[0].over == 3 && m.over == 1);
	CHECK_STR(c[0].log, "established EST[ok] rsp" CLOSED " sTD[closed] "
		  "established EST[ok]" CLOSED_BY_PEER " sTD[lost] "
		  "established EST[ok] rsp" CLOSED " sTD[closed]");
	close_seats();
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(they_wait_for_the_lead);
	RUN(they_come_inside_established);
	RUN(they_come_later);
	RUN(serials_are_shared);
	RUN(requests_of_the_server);
	RUN(late_accept);
	RUN(wrong_connects);
	RUN(connect_after_a_rejection);
	RUN(connect_after_a_refusal);
	RUN(all_are_refused);
	RUN(all_are_rejected);
	RUN(the_server_goes_while_they_wait);
	RUN(the_server_goes);
	RUN(a_waiting_one_disconnects);
	RUN(a_waiting_one_is_destroyed);
	RUN(a_joining_one_is_destroyed);
	RUN(the_lead_is_destroyed);
	RUN(the_lead_is_destroyed_undecided);
	RUN(they_are_all_destroyed);
	RUN(the_context_of_the_lead_goes);
	RUN(the_context_of_a_waiting_one_goes);
	RUN(all_contexts_go);
	RUN(a_link_at_its_end_is_not_taken);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	xio_init();
	in_mode(1);
	in_mode(0);
	xio_shutdown();
	return check_done();
}
