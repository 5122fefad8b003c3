/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_redirect.c - sessions that are sent elsewhere (accelio-api 4.4),
 * and clients and servers that go away in the middle of it.
 */
#include "portals.h"

/* ---- redirect -------------------------------------------------------------- */

static void redirected(void)
{
	struct xio_session_attr a = { 0 };

	open_seats(1);
	seat_offer(&m, REDIRECT, portals, 1);
	connect_all(1);
	CHECK(seat_send(&c[0]));
	UNTIL(answered() == 2 && m.over == 1);
	CHECK_STR(m.log, MOVED " sTD[closed]");
	CHECK_STR(p[0].log, "new NEW[ok] req req");
	CHECK_STR(p[0].priv, "hi");
	CHECK_STR(p[0].asked, p[0].uri);
	CHECK_EQ(xio_query_session(c[0].session, &a, XIO_SESSION_ATTR_URI), 0);
	CHECK_STR(a.uri, p[0].uri);
	disconnect_all(1);
	UNTIL(p[0].over == 1);
	CHECK_STR(c[0].log, "established EST[ok] rsp rsp" CLOSED
		  " sTD[closed]");
	close_seats();
}

/* Those that wait follow the lead, in a chain of three. */
static void redirected_again_and_again(void)
{
	open_seats(3);
	seat_offer(&m, REDIRECT, &portals[0], 1);
	seat_offer(&p[0], REDIRECT, &portals[1], 1);
	seat_offer(&p[1], REDIRECT, &portals[2], 1);
	connect_all(3);
	UNTIL(answered() == 3 && m.over + p[0].over + p[1].over == 3);
	CHECK_EQ(p[2].connected, 3);
	CHECK_STR(p[1].log, MOVED " sTD[closed]");
	CHECK_STR(p[1].asked, p[1].uri);
	CHECK_STR(p[2].priv, "hi");
	disconnect_all(3);
	UNTIL(p[2].over == 1);
	CHECK_STR(c[1].log, "EST[ok] rsp" CLOSED);
	close_seats();
}

static void redirected_in_circles(void)
{
	struct seat *const self[] = { &m }, *const other[] = { &p[0] };
	int i;

	for (i = 0; i < 2; i++) {
		open_seats(2);
		seat_offer(&m, REDIRECT, i ? other : self, 1);
		seat_offer(&p[0], REDIRECT, self, 1);
		connect_all(2);
		UNTIL(c[0].over == 1);
		CHECK_STR(c[0].log, "ERR[redirected] flushed cTD[redirected] "
			  "sTD[redirected]");
		CHECK_STR(c[1].log, "ERR[redirected] flushed cTD[redirected]");
		UNTIL(m.over + p[0].over == m.connected + p[0].connected);
		CHECK(m.over + p[0].over > 3);
		close_seats();
	}
}

static void redirect_list(const char *a, const char *b, const char *want,
			  int served)
{
	open_seats(2);
	m.deed = REDIRECT;
	m.list[0] = a;
	m.list[1] = b;
	m.list_nr = b ? 2 : 1;
	connect_all(2);
	if (served) {
		UNTIL(answered() == 2);
		disconnect_all(2);
		UNTIL(m.over == 1 && p[served].over == 1);
	} else {
		UNTIL(c[0].over == 1 && m.over == 1);
	}
	CHECK_STR(c[0].log, want);
	close_seats();
}

static void redirect_targets(void)
{
	static const char good[] = "established EST[ok] rsp" CLOSED
				   " sTD[closed]";
	static const char refused[] = "REF[connect] flushed cTD[connect] "
				      "sTD[connect]";
	static const char *const bad[] = {
		"smtp://127.0.0.1:25", "tcp://127.0.0.1", "x",
		"tcp://127.0.0.1:99999", "tcp://256.256.256.256:1",
	};
	char text[64];
	size_t i;

	/* The addresses are known when the seats are open. */
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "ERR[%s] flushed cTD[%s] sTD[%s]",
			 i ? "address" : "92", i ? "address" : "92",
			 i ? "address" : "92");
		redirect_list(bad[i], NULL, text, 0);
		redirect_list(bad[i], p[1].uri, good, 1);
	}
	redirect_list(dead.uri, NULL, refused, 0);
	redirect_list(dead.uri, dead.uri, refused, 0);
	redirect_list(dead.uri, bad[0], "ERR[92] flushed cTD[92] sTD[92]", 0);
	redirect_list(dead.uri, p[2].uri, good, 2);
}

static void redirected_to_portals(void)
{
	open_seats(3);
	seat_offer(&m, REDIRECT, &portals[0], 1);
	seat_offer(&p[0], ACCEPT, &portals[1], 2);
	connect_all(3);
	UNTIL(answered() == 3 && m.over == 1 && p[0].torn_down == 1);
	CHECK_STR(p[0].log, MOVED);
	CHECK_EQ(p[1].connected + p[2].connected, 3);
	disconnect_all(3);
	UNTIL(p[0].over == 1);
	CHECK_STR(c[0].log, "established EST[ok] rsp" CLOSED " sTD[closed]");
	close_seats();
}

static void redirected_to_a_rejection(void)
{
	open_seats(2);
	seat_offer(&m, REDIRECT, &portals[0], 2);
	p[0].deed = REJECT;
	connect_all(2);
	UNTIL(c[0].over == 1 && m.over == 1 && p[0].over == 1);
	CHECK_STR(c[0].log, "REJECT[refused] CLOSED[rejected] flushed "
		  "cTD[rejected] sTD[rejected]");
	CHECK_STR(c[1].log, "CLOSED[rejected] flushed cTD[rejected]");
	CHECK_EQ(p[1].connected, 0);
	close_seats();
}

static void disconnected_before_the_redirect(void)
{
	open_seats(1);
	seat_offer(&m, REDIRECT, portals, 1);
	CHECK(seat_connect(&c[0], &c[0]) != NULL);
	CHECK_EQ(xio_disconnect(c[0].conn), 0);
	UNTIL(c[0].over == 1 && p[0].over == 1);
	CHECK_STR(c[0].log, "established" CLOSED " sTD[closed]");
	CHECK_STR(p[0].log, "new NEW[ok]" CLOSED_BY_PEER " sTD[lost]");
	close_seats();
}

/* ---- somebody goes at some moment ------------------------------------------ */

enum leaver { LEAD, CONTEXT_OF_THE_LEAD, SERVER };

/* All come to an end that they hear of, whatever it is. */
static void leave_after(int turns, enum deed deed, enum leaver who)
{
	int i;

	open_seats(2);
	seat_offer(&m, deed, portals, 2);
	/* No requests: 4.12. */
	CHECK(seat_connect(&c[0], &c[0]) && seat_connect(&c[1], &c[0]));
	for (i = 0; i < turns; i++)
		turn(1);
	if (who == CONTEXT_OF_THE_LEAD)
		seat_close(&c[0]);
	else if (who == SERVER)
		seat_close(&m);
	else if (xio_connection_destroy(c[0].conn))
		CHECK_EQ(xio_disconnect(c[0].conn), 0);
	UNTIL(who != SERVER || c[0].connected || c[0].torn_down);
	UNTIL(c[1].connected || c[1].torn_down);
	for (i = who == SERVER ? 0 : 1; i < 2; i++)
		if (c[i].conn)
			CHECK_EQ(xio_disconnect(c[i].conn), 0);
	UNTIL(c[0].over == 1);
	for (i = 0; i < 3; i++)
		UNTIL(p[i].torn_down == p[i].connected);
	if (who != SERVER)
		UNTIL(m.over == m.connected);
	else if (m.session && m.over == 0)
		xio_session_destroy(m.session);
	close_seats();
}

static void leave_at_any_moment(void)
{
	static const enum leaver who[] = {
		LEAD, CONTEXT_OF_THE_LEAD, SERVER
	};
	int turns, i;

	first_hello_within(100);
	for (turns = 0; turns < 12; turns++)
		for (i = 0; i < 3; i++) {
			leave_after(turns, ACCEPT, who[i]);
			leave_after(turns, REDIRECT, who[i]);
		}
	first_hello_within(60000);
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(redirected);
	RUN(redirected_again_and_again);
	RUN(redirected_in_circles);
	RUN(redirect_targets);
	RUN(redirected_to_portals);
	RUN(redirected_to_a_rejection);
	RUN(disconnected_before_the_redirect);
	RUN(leave_at_any_moment);
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
