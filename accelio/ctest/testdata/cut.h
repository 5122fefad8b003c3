/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut.h - a client and a server in one process with a forwarder between
 * them, that can be cut: what the reconnect tests have in common.
 */
#ifndef CUT_H
#define CUT_H

#include <errno.h>

#include "base.h"
#include "check.h"
#include "engine.h"
#include "forwarder.h"
#include "reconnect.h"

static struct app c, s;
static struct forwarder f;
static int reconnecting, reconnected;

static void turn(void)
{
	int i;

	for (i = 0; i < 4; i++)
		fwd_step(&f);
	pump(&c, &s, 1);
}

#define UNTIL(cond)							\
	do {								\
		long long end_ = clock_ms() + 10000;			\
		while (!(cond) && clock_ms() < end_)			\
			turn();						\
		CHECK(cond);						\
	} while (0)

static void on_event(struct app *a, struct xio_session_event_data *d)
{
	(void)a;
	reconnecting += d->event == XIO_SESSION_CONNECTION_RECONNECTING_EVENT;
	reconnected += d->event == XIO_SESSION_CONNECTION_RECONNECTED_EVENT;
}

static void waits(int64_t ms)
{
	int i;

	for (i = 0; i < XE_RECONNECT_WAITS; i++)
		xe_reconnect_wait_ns[i] = ms * XE_NS_PER_MS;
}

static void close_apps(void)
{
	app_close(&c);
	app_close(&s);
	fwd_close(&f);
}

static void close_all(void)
{
	xio_disconnect(c.conn);
	UNTIL(c.over == 1 && s.over == 1);
	close_apps();
}

#endif
