/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_alloc_sessions.c - the n-th allocation fails, for every n that
 * a session with two connections needs: to one listener, to portals, or after
 * a redirect. Each time all that was begun comes to its end, and nothing is
 * left.
 */
#include "portals.h"

#include "failing.h"

static bool all_gone(void)
{
	return xe_registry_count(XE_HANDLE_CONNECTION) == 0 &&
	       xe_registry_count(XE_HANDLE_SESSION) == 0;
}

/* Returns how many requests were answered. */
static int session(void)
{
	struct xio_session *s = c[0].session;
	int i, up = 0, sent = 0, ended = 0;

	for (i = 0; i < 2; i++) {
		c[i].responses = 0;
		c[i].errors = 0;
		c[i].torn_down = 0;
		if (!seat_connect(&c[i], &c[0])) {
			c[i].conn = NULL;
			continue;
		}
		up++;
		sent += seat_send(&c[i]);
	}
	UNTIL(c[0].responses + c[0].errors + c[1].responses + c[1].errors ==
	      sent);
	for (i = 0; i < 2; i++) {
		if (c[i].conn)
			CHECK_EQ(xio_disconnect(c[i].conn), 0);
		ended += c[i].responses;
	}
	if (up == 0)
		CHECK_EQ(xio_session_destroy(s), 0);
	UNTIL(all_gone());
	return ended;
}

static void session_with_failure(long n, enum deed deed, size_t targets)
{
	int i;

	open_seats(2);
	for (i = 0; i < 3; i++) {
		p[i].poor = true;
		p[i].quiet = true;
	}
	m.poor = true;
	if (targets)
		seat_offer(&m, deed, portals, targets);
	/* Nobody may come to the portals: not to be waited for. */
	first_hello_within(50);
	failed = 0;
	fail_at = n;
	session();
	/* They are as good as new. */
	fail_at = 0;
	first_hello_within(60000);
	seat_session(&c[0], m.uri);
	CHECK_EQ(session(), 2);
	close_seats();
}

static void every_allocation(enum deed deed, size_t targets)
{
	long n;

	for (n = 1; n < 2000; n++) {
		int was = check_failures;

		xio_init();
		session_with_failure(n, deed, targets);
		xio_shutdown();
		CHECK_EQ(live, 0);
		if (check_failures != was) {
			fprintf(stderr, "  ^ allocation %ld\n", n);
			break;
		}
		if (!failed)
			break;
	}
	printf("%ld allocations\n", n - 1);
	CHECK(n > 20 && n < 2000);
}

static void one_listener(void)
{
	every_allocation(ACCEPT, 0);
}

static void accept_with_portals(void)
{
	every_allocation(ACCEPT, 2);
}

static void redirect(void)
{
	every_allocation(REDIRECT, 2);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	hooks_install();
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_LOG_LEVEL, -1);
	RUN(one_listener);
	RUN(accept_with_portals);
	RUN(redirect);
	return check_done();
}
