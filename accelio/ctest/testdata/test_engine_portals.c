/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_portals.c - the same with threads: a listener and three portals,
 * and a client with four connections of one session, each on a thread of its
 * own (accelio-api 1.2, 4.5). Worth most under a thread sanitizer.
 */
#include <errno.h>
#include <poll.h>

#include "check.h"
#include "engine.h"
#include "registry.h"
#include "seats.h"
#include "session.h"

#define CLIENTS		4
#define PORTALS		3
#define REQUESTS	40
#define PATIENCE	20000

/* What a client's thread does with its connection. */
enum plan {
	TRAFFIC,		/* requests, then closes */
	CLOSED_FROM_MAIN,	/* requests, and another thread closes */
	HASTY,			/* closes before it is up */
	ABORT,			/* destroys it before it is up, if it can */
	GO			/* destroys the context */
};

static struct seat m, p[PORTALS], c[CLIENTS];
static enum plan plans[CLIENTS];
static bool together;			/* all are up before one closes */
static struct seat *const portals[] = { &p[0], &p[1], &p[2] };
static pthread_barrier_t serving;	/* all servers run */
static pthread_barrier_t barrier;	/* between the steps of a round */
static pthread_t threads[1 + PORTALS + CLIENTS];
static bool rounds;			/* there is another one */
static atomic_int failed_connects;
static atomic_int acted;		/* clients that are done with a round */
static int before;

static void wait_all(void)
{
	pthread_barrier_wait(&barrier);
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	atomic_fetch_add(&surprises, 1);
}

/* ---- threads --------------------------------------------------------------- */

static void *serve(void *arg)
{
	struct seat *s = arg;

	s->thread = pthread_self();
	pthread_barrier_wait(&serving);
	xio_context_run_loop(s->ctx, XIO_INFINITE);
	return NULL;
}

/* Until cond, in the loop of s. */
#define LOOP_UNTIL(s, cond)						\
	do {								\
		long long end_ = clock_ms() + PATIENCE;			\
		while (!(cond) && clock_ms() < end_)			\
			xio_context_run_loop((s)->ctx, 2);		\
		need(cond, #cond);					\
	} while (0)

static void exchange(struct seat *s)
{
	int i, sent = 0;

	for (i = 0; i < 4; i++)
		sent += seat_send(s);
	while (s->responses < REQUESTS && !s->torn_down && sent > 0) {
		int had = s->responses;

		LOOP_UNTIL(s, s->responses > had || s->torn_down);
		if (s->responses == had)
			return;
		for (; had < s->responses && sent < REQUESTS; had++)
			sent += seat_send(s);
	}
}

static void act(struct seat *s, enum plan plan)
{
	bool joined = seat_connect(s, &c[0]);

	/*
	 * A server's session ends with its last connection, and does not know
	 * of one that is still to come.
	 */
	if (together) {
		wait_all();
		if (joined && plan != HASTY)
			LOOP_UNTIL(s, s->connected || s->torn_down);
		wait_all();
	}
	if (!joined) {
		/* The session was over before it came. */
		failed_connects++;
		return;
	}
	switch (plan) {
	case TRAFFIC:
		exchange(s);
		if (s->conn)
			xio_disconnect(s->conn);
		break;
	case CLOSED_FROM_MAIN:
		exchange(s);
		break;
	case HASTY:
		xio_disconnect(s->conn);
		break;
	case ABORT:
		xio_context_run_loop(s->ctx, 0);
		if (s->conn && xio_connection_destroy(s->conn) == 0)
			return;
		if (s->conn)
			xio_disconnect(s->conn);
		break;
	case GO:
		xio_context_run_loop(s->ctx, 0);
		seat_close(s);
		return;
	}
	LOOP_UNTIL(s, s->torn_down);
}

static void *client(void *arg)
{
	struct seat *s = arg;
	int i = (int)(s - c);

	for (;;) {
		wait_all();		/* the session is there */
		if (!rounds)
			break;
		s->thread = pthread_self();
		act(s, plans[i]);
		acted++;
		/* The end is due in the loop of one of them, if anywhere. */
		if (s->ctx) {
			LOOP_UNTIL(s, c[0].over || acted == CLIENTS);
			xio_context_run_loop(s->ctx, 0);
		}
		wait_all();
	}
	return NULL;
}

/* ---- rounds ------------------------------------------------------------------ */

static void start(void)
{
	int i;

	before = open_fds();
	pthread_barrier_init(&serving, NULL, 1 + PORTALS + 1);
	pthread_barrier_init(&barrier, NULL, CLIENTS + 1);
	memset(c, 0, sizeof(c));
	seat_listen(&m, "server");
	for (i = 0; i < PORTALS; i++)
		seat_listen(&p[i], "portal");
}

static void start_threads(void)
{
	int i;

	m.quiet = true;
	pthread_create(&threads[0], NULL, serve, &m);
	for (i = 0; i < PORTALS; i++) {
		p[i].quiet = true;
		pthread_create(&threads[1 + i], NULL, serve, &p[i]);
	}
	pthread_barrier_wait(&serving);
	rounds = true;
	for (i = 0; i < CLIENTS; i++)
		pthread_create(&threads[1 + PORTALS + i], NULL, client, &c[i]);
}

static bool is_thread_of(pthread_t t, const struct seat *s, int nr)
{
	while (nr-- > 0)
		if (pthread_equal(t, s[nr].thread))
			return true;
	return false;
}

#define MAIN_UNTIL(cond)						\
	do {								\
		long long end_ = clock_ms() + PATIENCE;			\
		while (!(cond) && clock_ms() < end_)			\
			poll(NULL, 0, 1);				\
		CHECK(cond);						\
	} while (0)

/* One session, from its creation to its end on both sides. */
static void one_round(enum plan a, enum plan b, enum plan d, enum plan e)
{
	const enum plan all[CLIENTS] = { a, b, d, e };
	bool may_go = false;
	int i;

	failed_connects = 0;
	together = a == b && b == d && d == e;
	for (i = 0; i < CLIENTS; i++) {
		if (c[i].ctx)
			seat_close(&c[i]);
		seat_open(&c[i], "client");
		c[i].quiet = true;
		c[i].conn_idx = (uint32_t)i;
		plans[i] = all[i];
		may_go = may_go || all[i] == GO;
	}
	/* One may come when the others are done: the session must be there. */
	c[0].keep_session = true;
	acted = 0;
	seat_session(&c[0], m.uri);
	wait_all();
	if (together) {
		wait_all();
		wait_all();
	}
	for (i = 0; i < CLIENTS; i++) {
		if (all[i] != CLOSED_FROM_MAIN)
			continue;
		MAIN_UNTIL(c[i].responses == REQUESTS || c[i].torn_down);
		if (c[i].responses == REQUESTS)
			CHECK_EQ(xio_disconnect(c[i].conn), 0);
	}
	wait_all();
	CHECK(!together || failed_connects == 0);
	/* 4.12: none when the last one went with its context. */
	CHECK(c[0].over == 1 || (may_go && c[0].over == 0));
	CHECK(!c[0].over || is_thread_of(c[0].over_on, c, CLIENTS));
	CHECK_EQ(xio_session_destroy(c[0].session), 0);
}

static int served(void)
{
	return p[0].connected + p[1].connected + p[2].connected;
}

static int portals_down(void)
{
	return p[0].torn_down + p[1].torn_down + p[2].torn_down;
}

static void stop(void)
{
	int i;

	rounds = false;
	wait_all();
	for (i = 0; i < CLIENTS; i++)
		pthread_join(threads[1 + PORTALS + i], NULL);
	/* With what the library itself still closes there. */
	for (i = 0; i < CLIENTS; i++)
		seat_close(&c[i]);
	MAIN_UNTIL(xe_registry_count(XE_HANDLE_CONNECTION) == 0 &&
		   xe_registry_count(XE_HANDLE_SESSION) == 0);
	xio_context_stop_loop(m.ctx);
	for (i = 0; i < PORTALS; i++)
		xio_context_stop_loop(p[i].ctx);
	for (i = 0; i < 1 + PORTALS; i++)
		pthread_join(threads[i], NULL);
	seats_close();
	pthread_barrier_destroy(&barrier);
	pthread_barrier_destroy(&serving);
	CHECK_EQ(surprises, 0);
	CHECK_EQ(open_fds(), before);
}

/* ---- tests ------------------------------------------------------------------- */

static void threads_and_portals(void)
{
	int i, round;

	start();
	seat_offer(&m, ACCEPT, portals, PORTALS);
	start_threads();
	for (round = 1; round <= 10; round++) {
		one_round(TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC);
		for (i = 0; i < CLIENTS; i++) {
			CHECK_EQ(c[i].responses, REQUESTS);
			CHECK_EQ(c[i].errors, 0);
			CHECK_STR(c[i].log, i ? "EST[ok] CLOSED[closed] "
				  "cTD[closed]" : c[i].log);
		}
		CHECK_EQ(served(), CLIENTS * round);
		MAIN_UNTIL(m.over == round);
		CHECK(is_thread_of(m.over_on, p, PORTALS) ||
		      is_thread_of(m.over_on, &m, 1));
		CHECK_EQ(m.torn_down, round);
	}
	/* conn_idx 1 to 3 have their places, 0 takes them in turn. */
	CHECK_EQ(p[1].requests + p[2].requests + p[0].requests,
		 10 * CLIENTS * REQUESTS);
	CHECK(p[1].connected >= 10 && p[2].connected >= 10);
	stop();
}

static void threads_and_one_listener(void)
{
	int round;

	start();
	start_threads();
	for (round = 1; round <= 10; round++) {
		one_round(TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC);
		MAIN_UNTIL(m.over == round);
		CHECK_EQ(m.connected, CLIENTS * round);
		CHECK_EQ(m.requests, CLIENTS * REQUESTS * round);
	}
	stop();
}

static void closed_by_another_thread(void)
{
	int round;

	start();
	seat_offer(&m, ACCEPT, portals, PORTALS);
	start_threads();
	for (round = 0; round < 5; round++)
		one_round(CLOSED_FROM_MAIN, CLOSED_FROM_MAIN,
			  CLOSED_FROM_MAIN, CLOSED_FROM_MAIN);
	CHECK_EQ(served(), 5 * CLIENTS);
	stop();
}

static void threads_and_redirect(void)
{
	struct seat *const last[] = { &p[1], &p[2] };
	int round;

	start();
	seat_offer(&m, REDIRECT, portals, 1);
	seat_offer(&p[0], ACCEPT, last, 2);
	start_threads();
	for (round = 1; round <= 5; round++) {
		one_round(TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC);
		CHECK_EQ(p[1].connected + p[2].connected, CLIENTS * round);
		MAIN_UNTIL(m.over == round && p[0].over == round);
	}
	stop();
}

/* The lead and others give up at whatever moment it is. */
static void they_leave_in_the_middle(void)
{
	static const enum plan mix[][CLIENTS] = {
		{ ABORT, TRAFFIC, TRAFFIC, TRAFFIC },
		{ GO, TRAFFIC, HASTY, TRAFFIC },
		{ HASTY, TRAFFIC, ABORT, GO },
		{ TRAFFIC, ABORT, HASTY, TRAFFIC },
		{ ABORT, ABORT, ABORT, TRAFFIC },
		{ GO, GO, TRAFFIC, ABORT },
		{ HASTY, HASTY, HASTY, HASTY },
	};
	unsigned int i, how;

	for (how = 0; how < 3; how++) {
		/* Sessions of those that went are not waited for. */
		first_hello_within(200);
		start();
		if (how)
			seat_offer(&m, how == 1 ? ACCEPT : REDIRECT, portals,
				   how == 1 ? PORTALS : 1);
		start_threads();
		for (i = 0; i < 3 * sizeof(mix) / sizeof(mix[0]); i++) {
			const enum plan *x = mix[i % (sizeof(mix) /
						      sizeof(mix[0]))];

			one_round(x[0], x[1], x[2], x[3]);
		}
		MAIN_UNTIL(portals_down() == served() &&
			   m.torn_down == m.connected);
		stop();
	}
	first_hello_within(60000);
}

/* The time limit meets the first hello. */
static void they_come_at_the_last_moment(void)
{
	int i, round, came;

	for (i = 0; i < 4; i++) {
		first_hello_within(i + 1);
		start();
		seat_offer(&m, ACCEPT, portals, PORTALS);
		start_threads();
		for (round = 1; round <= 8; round++)
			one_round(HASTY, HASTY, HASTY, HASTY);
		came = served();
		CHECK(came <= 8 * CLIENTS);
		MAIN_UNTIL(m.over == 8 && portals_down() == served());
		stop();
	}
	first_hello_within(60000);
}

/* All fail the same way. */
static void threads_and_rejection(void)
{
	int i, round;

	start();
	m.deed = REJECT;
	start_threads();
	for (round = 0; round < 5; round++) {
		one_round(TRAFFIC, TRAFFIC, TRAFFIC, TRAFFIC);
		for (i = 0; i < CLIENTS; i++)
			CHECK_EQ(c[i].responses, 0);
	}
	stop();
}

static void in_mode(int dual)
{
	set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM, dual);
	RUN(threads_and_portals);
	RUN(threads_and_one_listener);
	RUN(closed_by_another_thread);
	RUN(threads_and_redirect);
	RUN(they_leave_in_the_middle);
	RUN(they_come_at_the_last_moment);
	RUN(threads_and_rejection);
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
