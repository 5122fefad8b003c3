/* SPDX-License-Identifier: Apache-2.0 */
/*
 * portals.h - one listener, three more that it may send its clients to, an
 * address where nobody listens, and up to four contexts of one client: what
 * the tests of decisions have in common. All are driven by one thread.
 */
#ifndef PORTALS_H
#define PORTALS_H

#include <errno.h>
#include <stdio.h>

#include "check.h"
#include "engine.h"
#include "registry.h"
#include "seats.h"
#include "session.h"

#define CLOSED		" CLOSED[closed] cTD[closed]"
#define CLOSED_BY_PEER	" CLOSED[lost] cTD[lost]"
/* The first server, when the session goes on elsewhere. */
#define MOVED		"new NEW[ok] CLOSED[ok] cTD[closed]"

static struct seat m, p[3], c[4], dead;
static struct seat *const portals[] = { &p[0], &p[1], &p[2] };
static int before;

static inline void open_seats(int clients)
{
	static const char *const names[] = { "c0", "c1", "c2", "c3" };
	int i;

	before = open_fds();
	memset(c, 0, sizeof(c));
	strcpy(dead.uri, NOWHERE);
	seat_listen(&m, "server");
	seat_listen(&p[0], "p0");
	seat_listen(&p[1], "p1");
	seat_listen(&p[2], "p2");
	for (i = 0; i < clients; i++)
		seat_open(&c[i], names[i]);
	seat_session(&c[0], m.uri);
}

static inline void close_seats(void)
{
	seats_close();
	CHECK_EQ(surprises, 0);
	CHECK_EQ(xe_registry_count(XE_HANDLE_CONNECTION), 0);
	CHECK_EQ(xe_registry_count(XE_HANDLE_SESSION), 0);
	CHECK_EQ(open_fds(), before);
}

static inline void connect_all(int clients)
{
	int i;

	for (i = 0; i < clients; i++)
		CHECK(seat_connect(&c[i], &c[0]) && seat_send(&c[i]));
}

static inline int answered(void)
{
	return c[0].responses + c[1].responses + c[2].responses +
	       c[3].responses;
}

static inline void disconnect_all(int clients)
{
	int i;

	for (i = 0; i < clients; i++)
		if (c[i].conn)
			CHECK_EQ(xio_disconnect(c[i].conn), 0);
	UNTIL(c[0].over == 1);
}

#endif
