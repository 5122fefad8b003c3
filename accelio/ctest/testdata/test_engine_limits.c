/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_limits.c - limits of sessions that go elsewhere: accepted with
 * portals, or redirected. hostile_limits_test.go has the others.
 */
#include <stdio.h>

#include "check.h"
#include "engine.h"

static struct app c, s;
static int asked;
static struct xio_session *waiting[8];

static void limit(int option, int value)
{
	set_int_opt(XIO_OPTLEVEL_ACCELIO, option, value);
}

/* The session goes to a portal where nobody is. */
static int accept_nowhere(struct xio_session *session,
			  struct xio_new_session_req *req, void *user)
{
	const char *portal = "tcp://127.0.0.1:1";

	(void)req;
	(void)user;
	waiting[asked++] = session;
	return xio_accept(session, &portal, 1, NULL, 0);
}

/* It comes back to where it was. */
static int redirect_to_itself(struct xio_session *session,
			      struct xio_new_session_req *req, void *user)
{
	struct app *a = user;
	char portal[64];
	const char *list = portal;

	(void)req;
	asked++;
	snprintf(portal, sizeof(portal), "tcp://127.0.0.1:%u",
		 (unsigned int)a->port);
	return xio_redirect(session, &list, 1);
}

static void open_both(int (*decide)(struct xio_session *,
				    struct xio_new_session_req *, void *))
{
	asked = 0;
	app_open(&c, "client");
	app_open(&s, "server");
	s.ops.on_new_session = decide;
	app_listen(&s);
}

static void session_without_a_connection(void)
{
	limit(XIO_OPTNAME_LIMIT_HELLO_TIME, 50);
	open_both(accept_nowhere);
	app_connect(&c, s.port);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	CHECK(strstr(s.log, "sTD[timeout]") != NULL);
	app_close(&c);
	app_close(&s);
	limit(XIO_OPTNAME_LIMIT_HELLO_TIME, 60000);
}

/* What waits counts: otherwise a client could open any number. */
static void sessions_that_wait(void)
{
	int i;

	limit(XIO_OPTNAME_LIMIT_SESSIONS_PER_SERVER, 3);
	open_both(accept_nowhere);
	for (i = 1; i <= 4; i++) {
		app_connect(&c, s.port);
		WAIT_FOR(&c, &s, c.over == i);
	}
	CHECK_EQ(asked, 3);
	app_close(&c);
	app_close(&s);
	/* Without their context they have nobody else to end them. */
	for (i = 0; i < 3; i++)
		xio_session_destroy(waiting[i]);

	/* And no longer when they have waited in vain. */
	limit(XIO_OPTNAME_LIMIT_SESSIONS_PER_SERVER, 1);
	limit(XIO_OPTNAME_LIMIT_HELLO_TIME, 20);
	open_both(accept_nowhere);
	for (i = 1; i <= 3; i++) {
		app_connect(&c, s.port);
		WAIT_FOR(&c, &s, c.over == i && s.over == i);
	}
	CHECK_EQ(asked, 3);
	app_close(&c);
	app_close(&s);
	limit(XIO_OPTNAME_LIMIT_SESSIONS_PER_SERVER, 65536);
	limit(XIO_OPTNAME_LIMIT_HELLO_TIME, 60000);
}

static void redirects(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		limit(XIO_OPTNAME_LIMIT_REDIRECTS, i);
		open_both(redirect_to_itself);
		app_connect(&c, s.port);
		WAIT_FOR(&c, &s, c.over == 1);
		CHECK_EQ(asked, i + 1);
		CHECK_EQ(c.established, 0);
		WAIT_FOR(&c, &s, s.over == i + 1);
		app_close(&c);
		app_close(&s);
	}
	limit(XIO_OPTNAME_LIMIT_REDIRECTS, 8);
}

int main(void)
{
	xio_init();
	RUN(session_without_a_connection);
	RUN(sessions_that_wait);
	RUN(redirects);
	xio_shutdown();
	return check_done();
}
