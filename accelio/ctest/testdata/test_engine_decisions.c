/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_decisions.c - a server accepts with portals, late or at once,
 * or says what it must not: who is told what (accelio-api 4.2, 4.5).
 */
#include "portals.h"

/* ---- accept with portals ------------------------------------------------- */

static void one_portal(void)
{
	open_seats(1);
	seat_offer(&m, ACCEPT, portals, 1);
	connect_all(1);
	UNTIL(answered() == 1 && m.torn_down == 1);
	CHECK_STR(m.log, MOVED);
	CHECK_STR(p[0].log, "NEW[ok] req");
	CHECK_STR(c[0].log, "established EST[ok] rsp");
	/* Both ways. */
	CHECK(seat_send(&p[0]));
	UNTIL(p[0].responses == 1);
	disconnect_all(1);
	UNTIL(m.over == 1);
	CHECK_STR(m.log, MOVED " sTD[lost]");
	CHECK_STR(p[0].log, "NEW[ok] req rsp" CLOSED_BY_PEER);
	CHECK_STR(c[0].log, "established EST[ok] rsp req" CLOSED
		  " sTD[closed]");
	close_seats();
}

/* Requests go to the callbacks of the portal, not of the first listener. */
static void callbacks_of_the_portal(void)
{
	open_seats(1);
	CHECK_EQ(xio_unbind(m.server), 0);
	m.ops.on_msg = NULL;
	m.server = xio_bind(m.ctx, &m.ops, m.uri, NULL, 0, &m);
	CHECK(m.server != NULL);
	seat_offer(&m, ACCEPT, portals, 2);
	c[0].conn_idx = 1;
	connect_all(1);
	UNTIL(answered() == 1);
	CHECK_STR(p[1].log, "NEW[ok] req");
	disconnect_all(1);
	UNTIL(m.over == 1);
	close_seats();
}

static void in_turn_or_by_index(void)
{
	int i;

	open_seats(4);
	seat_offer(&m, ACCEPT, portals, 3);
	connect_all(4);
	UNTIL(answered() == 4);
	CHECK_EQ(p[0].connected, 2);
	CHECK_EQ(p[1].connected, 1);
	CHECK_EQ(p[2].connected, 1);
	disconnect_all(4);
	UNTIL(m.over == 1);
	close_seats();

	open_seats(4);
	seat_offer(&m, ACCEPT, portals, 3);
	for (i = 0; i < 4; i++)
		c[i].conn_idx = (uint32_t)i + 1;
	c[3].conn_idx = UINT32_MAX;	/* a multiple of 3 */
	connect_all(4);
	UNTIL(answered() == 4);
	CHECK_EQ(p[0].connected, 2);
	CHECK_EQ(p[1].connected, 1);
	CHECK_EQ(p[2].connected, 1);
	CHECK_STR(c[3].log, "EST[ok] rsp");
	disconnect_all(4);
	UNTIL(m.over == 1);
	close_seats();
}

static void server_closes_portal_connections(void)
{
	open_seats(2);
	seat_offer(&m, ACCEPT, portals, 2);
	c[1].conn_idx = 1;
	connect_all(2);
	UNTIL(answered() == 2 && m.torn_down == 1);
	CHECK_EQ(xio_disconnect(p[1].conn), 0);
	UNTIL(c[1].torn_down == 1 && p[1].torn_down == 1);
	CHECK_EQ(m.over, 0);
	CHECK(seat_send(&c[0]));
	UNTIL(answered() == 3);
	CHECK_EQ(xio_disconnect(p[0].conn), 0);
	UNTIL(m.over == 1 && c[0].over == 1);
	CHECK_STR(m.log, MOVED " sTD[closed]");
	CHECK_STR(p[0].log, "NEW[ok] req req" CLOSED);
	CHECK_STR(c[0].log, "established EST[ok] rsp rsp" CLOSED_BY_PEER
		  " sTD[lost]");
	close_seats();
}

static void portals_from_inside_established(struct seat *s)
{
	(void)s;
	CHECK(seat_connect(&c[1], &c[0]) && seat_send(&c[1]));
}

static void others_come_inside_established_and_later(void)
{
	open_seats(3);
	seat_offer(&m, ACCEPT, portals, 3);
	c[0].on_established = portals_from_inside_established;
	connect_all(1);
	UNTIL(answered() == 2);
	CHECK(seat_connect(&c[2], &c[0]) && seat_send(&c[2]));
	CHECK(seat_connect(&c[2], &c[0]) == NULL);
	UNTIL(answered() == 3);
	disconnect_all(3);
	UNTIL(m.over == 1);
	CHECK_STR(c[0].log, "established EST[ok] rsp" CLOSED " sTD[closed]");
	CHECK_STR(c[2].log, "EST[ok] rsp" CLOSED);
	close_seats();
}

static void destroy_the_lead(struct seat *s)
{
	CHECK_EQ(xio_connection_destroy(s->conn), 0);
	s->conn = NULL;
}

static void lead_is_destroyed_inside_established(void)
{
	open_seats(2);
	seat_offer(&m, ACCEPT, portals, 1);
	c[0].on_established = destroy_the_lead;
	CHECK(seat_connect(&c[0], &c[0]) != NULL);
	CHECK(seat_connect(&c[1], &c[0]) && seat_send(&c[1]));
	UNTIL(answered() == 1);
	CHECK_EQ(xio_disconnect(c[1].conn), 0);
	UNTIL(c[0].over == 1 && m.over == 1);
	CHECK_STR(c[0].log, "established sTD[closed]");
	CHECK_STR(c[1].log, "EST[ok] rsp" CLOSED);
	CHECK_STR(m.log, MOVED " sTD[lost]");
	close_seats();

	/* And when it was alone. */
	open_seats(1);
	first_hello_within(20);
	seat_offer(&m, ACCEPT, portals, 1);
	c[0].on_established = destroy_the_lead;
	CHECK(seat_connect(&c[0], &c[0]) != NULL);
	UNTIL(c[0].over == 1 && m.over == 1);
	CHECK_STR(c[0].log, "established sTD[ok]");
	CHECK_STR(m.log, MOVED " sTD[timeout]");
	first_hello_within(60000);
	close_seats();
}

static void send_in_new(struct seat *s, struct xio_session *ses,
			struct xio_session_event_data *d)
{
	struct xio_msg *msg = msg_new(4, 4, 1, 1);

	(void)s;
	(void)ses;
	if (d->event != XIO_SESSION_NEW_CONNECTION_EVENT) {
		msg_free(msg);
		return;
	}
	CHECK_EQ(xio_send_request(d->conn, msg), -1);
	CHECK_EQ(xio_errno(), ESHUTDOWN);
	CHECK_EQ(xio_send_msg(d->conn, msg), -1);
	CHECK_EQ(xio_errno(), ESHUTDOWN);
	/* It closes anyway. */
	CHECK_EQ(xio_disconnect(d->conn), 0);
	msg_free(msg);
}

static void no_messages_on_the_first_connection(void)
{
	open_seats(1);
	seat_offer(&m, ACCEPT, portals, 1);
	m.on_event = send_in_new;
	connect_all(1);
	UNTIL(answered() == 1 && m.torn_down == 1);
	CHECK_STR(m.log, MOVED);
	disconnect_all(1);
	UNTIL(m.over == 1);
	close_seats();
}

/* Late, with messages of the server that waited for the decision. */
static void late(enum deed deed, const char *want)
{
	open_seats(2);
	m.deed = LATER;
	connect_all(2);
	UNTIL(m.connected == 1);
	CHECK(seat_send(&m) && seat_send(&m));
	turn(10);
	CHECK_STR(m.log, "new NEW[ok]");
	if (deed == REJECT)
		m.deed = REJECT;
	else
		seat_offer(&m, deed, portals, 2);
	seat_decide(&m);
	CHECK(!seat_send(&m));
	CHECK_EQ(xio_errno(), ESHUTDOWN);
	/* There is one decision. */
	CHECK_EQ(xio_accept(m.session, NULL, 0, NULL, 0), -1);
	CHECK_EQ(xio_redirect(m.session, m.list, 1), -1);
	CHECK_EQ(xio_reject(m.session, XIO_E_SESSION_REFUSED, NULL, 0), -1);
	UNTIL(m.torn_down == 1 && (deed == REJECT || answered() == 2));
	disconnect_all(2);
	UNTIL(m.over == 1 && (deed != REDIRECT || p[0].over == 1));
	CHECK_STR(m.log, want);
	close_seats();
}

static void late_decisions(void)
{
	late(ACCEPT, "new NEW[ok] CLOSED[ok] flushed flushed cTD[closed] "
	     "sTD[lost]");
	late(REJECT, "new NEW[ok] CLOSED[rejected] flushed flushed "
	     "cTD[rejected] sTD[rejected]");
	late(REDIRECT, "new NEW[ok] CLOSED[ok] flushed flushed cTD[closed] "
	     "sTD[closed]");
}

static int try_accept(const char *const *list, size_t nr, size_t priv)
{
	static char data[5000] = "yes";
	const char *copy[SEAT_LIST];
	size_t i;

	for (i = 0; i < nr; i++)
		copy[i] = list[i];
	return xio_accept(m.session, copy, nr, data, priv);
}

static int try_redirect(const char *const *list, size_t nr)
{
	const char *copy[SEAT_LIST];
	size_t i;

	for (i = 0; i < nr; i++)
		copy[i] = list[i];
	return xio_redirect(m.session, copy, nr);
}

/* What is wrong is refused, and a right decision may follow. */
static void wrong_decisions(void)
{
	static char longs[8][600];
	const char *list[SEAT_LIST];
	size_t i;

	open_seats(1);
	m.deed = LATER;
	connect_all(1);
	UNTIL(m.connected == 1);
	for (i = 0; i < SEAT_LIST; i++)
		list[i] = p[i % 3].uri;
	CHECK_EQ(xio_accept(m.session, NULL, 1, NULL, 0), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_redirect(m.session, NULL, 0), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_redirect(m.session, NULL, 1), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(try_redirect(list, 0), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_accept(NULL, NULL, 0, NULL, 0), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(xio_redirect(NULL, NULL, 0), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	list[2] = NULL;
	CHECK_EQ(try_accept(list, 3, 0), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	CHECK_EQ(try_redirect(list, 3), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	list[2] = "";
	CHECK_EQ(try_accept(list, 3, 0), -1);
	CHECK_EQ(xio_errno(), EINVAL);
	list[2] = p[2].uri;
	CHECK_EQ(try_accept(list, XE_PORTALS_MAX + 1, 0), -1);
	CHECK_EQ(xio_errno(), EMSGSIZE);
	CHECK_EQ(try_redirect(list, XE_PORTALS_MAX + 1), -1);
	CHECK_EQ(xio_errno(), EMSGSIZE);
	CHECK_EQ(try_accept(list, 1, 3840), -1);
	CHECK_EQ(xio_errno(), EMSGSIZE);
	CHECK_EQ(try_accept(list, 0, 5000), -1);
	CHECK_EQ(xio_errno(), EMSGSIZE);
	for (i = 0; i < 8; i++) {
		snprintf(longs[i], sizeof(longs[i]), "%s/%0480d", p[0].uri, 0);
		list[i] = longs[i];
	}
	CHECK_EQ(try_accept(list, 8, 0), -1);
	CHECK_EQ(xio_errno(), EMSGSIZE);
	CHECK_EQ(try_redirect(list, 8), -1);
	CHECK_EQ(xio_errno(), EMSGSIZE);
	CHECK_STR(m.log, "new NEW[ok]");
	CHECK_STR(c[0].log, "");
	p[0].owner = &m;
	CHECK_EQ(try_accept(list, 7, 4), 0);
	UNTIL(c[0].connected + c[0].torn_down == 1);
	disconnect_all(1);
	UNTIL(m.over == 1);
	close_seats();
}

/* As many as there may be, and the last of them is taken. */
static void most_portals(void)
{
	size_t i;

	open_seats(1);
	seat_offer(&m, ACCEPT, portals, 3);
	m.list_nr = XE_PORTALS_MAX;
	for (i = 0; i < m.list_nr; i++)
		m.list[i] = "tcp://1:1";
	m.list[m.list_nr - 1] = p[1].uri;
	c[0].conn_idx = XE_PORTALS_MAX - 1;
	connect_all(1);
	UNTIL(answered() == 1);
	CHECK_EQ(p[1].connected, 1);
	disconnect_all(1);
	UNTIL(m.over == 1);
	close_seats();
}

static void nobody_listens_on_one(void)
{
	struct seat *const list[] = { &p[0], &dead, &p[2] };
	int i;

	open_seats(3);
	seat_offer(&m, ACCEPT, list, 3);
	for (i = 0; i < 3; i++)
		c[i].conn_idx = (uint32_t)i + 3;
	connect_all(3);
	UNTIL(answered() == 2 && c[1].torn_down == 1);
	CHECK_STR(c[1].log, "REF[connect] flushed cTD[connect]");
	/* It may try again: conn_idx 0 takes them in turn. */
	c[1].conn_idx = 0;
	CHECK(seat_connect(&c[1], &c[0]) && seat_send(&c[1]));
	UNTIL(answered() == 3);
	disconnect_all(3);
	UNTIL(m.over == 1);
	CHECK_STR(c[0].log, "established EST[ok] rsp" CLOSED " sTD[closed]");
	CHECK_STR(c[2].log, "EST[ok] rsp" CLOSED);
	close_seats();
}

/* libxio takes 63 characters. */
static void long_portals(void)
{
	static char longer[3][600];

	open_seats(3);
	seat_offer(&m, ACCEPT, portals, 3);
	snprintf(longer[0], sizeof(longer[0]), "%s/%0300d?x=y", p[0].uri, 0);
	snprintf(longer[1], sizeof(longer[1]), "tcp://0x%060x:%u", 0x7f000001,
		 (unsigned int)p[1].port);
	/* Longer than a portal can be. */
	snprintf(longer[2], sizeof(longer[2]), "tcp://%0300d:%u", 1,
		 (unsigned int)p[2].port);
	m.list[0] = longer[0];
	m.list[1] = longer[1];
	m.list[2] = longer[2];
	c[0].conn_idx = 3;
	c[1].conn_idx = 1;
	c[2].conn_idx = 2;
	connect_all(3);
	UNTIL(answered() == 2 && c[2].torn_down == 1);
	CHECK_STR(c[2].log, "ERR[address] flushed cTD[address]");
	disconnect_all(3);
	UNTIL(m.over == 1);
	close_seats();
}

/* Q19: the first listener is a portal too. */
static void portal_is_the_first_listener(void)
{
	struct seat *const list[] = { &m, &p[0] };

	open_seats(2);
	seat_offer(&m, ACCEPT, list, 2);
	c[1].conn_idx = 2;
	connect_all(2);
	UNTIL(answered() == 2 && m.torn_down == 1);
	CHECK(m.connected >= 2);
	CHECK(seat_send(&c[0]) && seat_send(&c[1]));
	UNTIL(answered() == 4);
	disconnect_all(2);
	UNTIL(m.over == 1);
	CHECK_EQ(m.torn_down, m.connected);
	close_seats();
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(one_portal);
	RUN(callbacks_of_the_portal);
	RUN(in_turn_or_by_index);
	RUN(server_closes_portal_connections);
	RUN(others_come_inside_established_and_later);
	RUN(lead_is_destroyed_inside_established);
	RUN(no_messages_on_the_first_connection);
	RUN(late_decisions);
	RUN(wrong_decisions);
	RUN(most_portals);
	RUN(nobody_listens_on_one);
	RUN(long_portals);
	RUN(portal_is_the_first_listener);
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
