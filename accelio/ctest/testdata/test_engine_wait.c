/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_wait.c - sessions that are accepted with portals live until
 * somebody comes, or the time for it is up (accelio-wire 9, Q30); and a
 * thousand of them leave nothing behind.
 */
#include "portals.h"

#include "context.h"
#include "failing.h"

/* ---- nobody comes to the portals -------------------------------------------- */

static bool watched(void)
{
	return !xe_list_empty(&m.ctx->waiting_sessions);
}

static void nobody_comes(void)
{
	struct seat *const list[] = { &dead };

	first_hello_within(30);
	open_seats(1);
	seat_offer(&m, ACCEPT, list, 1);
	connect_all(1);
	UNTIL(c[0].over == 1 && m.over == 1);
	CHECK_STR(c[0].log, "established REF[connect] flushed cTD[connect] "
		  "sTD[connect]");
	CHECK_STR(m.log, MOVED " sTD[timeout]");
	close_seats();

	/* The first connection is still there when the time is up. */
	open_seats(1);
	m.keep_conn = true;
	seat_offer(&m, ACCEPT, list, 1);
	connect_all(1);
	UNTIL(c[0].over == 1 && m.torn_down == 1 && !watched());
	CHECK_STR(m.log, MOVED);
	CHECK_EQ(xio_connection_destroy(m.conn), 0);
	UNTIL(m.over == 1);
	CHECK_STR(m.log, MOVED " sTD[timeout]");
	close_seats();
	first_hello_within(60000);
}

static void they_come_in_time(void)
{
	first_hello_within(500);
	open_seats(1);
	seat_offer(&m, ACCEPT, portals, 1);
	connect_all(1);
	UNTIL(answered() == 1 && m.torn_down == 1);
	/* The watch ends with the first hello. */
	UNTIL(!watched());
	CHECK(seat_send(&c[0]));
	UNTIL(answered() == 2);
	CHECK_EQ(m.over, 0);
	disconnect_all(1);
	UNTIL(m.over == 1);
	CHECK_STR(m.log, MOVED " sTD[lost]");
	close_seats();
	first_hello_within(60000);
}

static void they_come_too_late(void)
{
	long long end = clock_ms() + 10000;

	first_hello_within(20);
	open_seats(1);
	seat_offer(&m, ACCEPT, portals, 1);
	connect_all(1);
	while (m.connected == 0 && clock_ms() < end) {
		xio_context_run_loop(c[0].ctx, 0);
		xio_context_run_loop(m.ctx, 1);
	}
	/* The client does not move meanwhile. */
	while (watched() && clock_ms() < end)
		xio_context_run_loop(m.ctx, 1);
	CHECK(!watched());
	UNTIL(c[0].over == 1 && m.over == 1);
	CHECK_STR(c[0].log, "established ERR[connect] flushed cTD[connect] "
		  "sTD[connect]");
	CHECK_STR(p[0].log, "");
	CHECK_STR(m.log, MOVED " sTD[timeout]");
	close_seats();
	first_hello_within(60000);
}

static void the_session_is_destroyed_meanwhile(void)
{
	struct seat *const list[] = { &dead };

	open_seats(1);
	seat_offer(&m, ACCEPT, list, 1);
	connect_all(1);
	UNTIL(m.torn_down == 1 && c[0].over == 1);
	CHECK(watched());
	CHECK_EQ(xio_session_destroy(m.session), 0);
	UNTIL(!watched());
	CHECK_STR(m.log, MOVED);
	/* A handle that is gone. */
	CHECK_EQ(xio_accept(m.session, NULL, 0, NULL, 0), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	close_seats();
}

static void the_context_is_destroyed_meanwhile(void)
{
	struct seat *const list[] = { &dead };
	int early;

	for (early = 0; early < 2; early++) {
		open_seats(1);
		seat_offer(&m, ACCEPT, list, 1);
		connect_all(1);
		if (early)
			UNTIL(m.connected == 1);
		else
			UNTIL(m.torn_down == 1 && c[0].over == 1);
		CHECK(watched());
		seat_close(&m);
		CHECK_EQ(xio_session_destroy(m.session), 0);
		UNTIL(c[0].over == 1);
		close_seats();
	}
	/* The portals carry on without it. */
	open_seats(2);
	seat_offer(&m, ACCEPT, portals, 2);
	connect_all(2);
	UNTIL(answered() == 2);
	seat_close(&m);
	CHECK(seat_send(&c[0]) && seat_send(&c[1]));
	UNTIL(answered() == 4);
	disconnect_all(2);
	UNTIL(m.over == 1);
	close_seats();
}

/* ---- again and again, a thousand times in both modes --------------------------------------------------- */

static void one_round(int clients)
{
	int i;

	for (i = 0; i < clients; i++) {
		c[i].log[0] = 0;
		c[i].over = 0;
		c[i].responses = 0;
	}
	m.log[0] = 0;
	m.over = 0;
	p[0].log[0] = p[1].log[0] = p[2].log[0] = 0;
	seat_session(&c[0], m.uri);
	connect_all(clients);
	UNTIL(answered() == clients);
	disconnect_all(clients);
	UNTIL(m.over == 1 && !watched());
}

static void many_rounds(void)
{
	unsigned int conns, sessions;
	long was;
	int i, fds;

	open_seats(2);
	xio_session_destroy(c[0].session);
	seat_offer(&m, ACCEPT, portals, 3);
	for (i = 0; i < 20; i++)
		one_round(2);
	was = live;
	fds = open_fds();
	conns = xe_registry_count(XE_HANDLE_CONNECTION);
	sessions = xe_registry_count(XE_HANDLE_SESSION);
	for (i = 0; i < 500 && check_failures == 0; i++)
		one_round(2);
	CHECK_EQ(xe_registry_count(XE_HANDLE_CONNECTION), conns);
	CHECK_EQ(xe_registry_count(XE_HANDLE_SESSION), sessions);
	CHECK_EQ(open_fds(), fds);
	CHECK_EQ(live, was);
	close_seats();
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(nobody_comes);
	RUN(they_come_in_time);
	RUN(they_come_too_late);
	RUN(the_session_is_destroyed_meanwhile);
	RUN(the_context_is_destroyed_meanwhile);
	RUN(many_rounds);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	hooks_install();
	xio_init();
	in_mode(1);
	in_mode(0);
	xio_shutdown();
	CHECK_EQ(live, 0);
	return check_done();
}
