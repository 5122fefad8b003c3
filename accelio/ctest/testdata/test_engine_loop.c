/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_loop.c - the loop of a context as applications use it
 * (accelio-api 6), and contexts of several threads at work together.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base.h"
#include "check.h"
#include "engine.h"
#include "loop.h"

static struct xio_context *ctx;

static void open_ctx(void)
{
	ctx = xio_context_create(NULL, 0, -1);
	if (!ctx)
		exit(2);
}

static int event_fd(unsigned int value)
{
	int fd = eventfd(value, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		exit(2);
	return fd;
}

/* ---- running and stopping --------------------------------------------- */

static void timeouts(void)
{
	long long t = clock_ms();

	open_ctx();
	CHECK_EQ(xio_context_run_loop(ctx, 0), 0);
	t = clock_ms();
	CHECK_EQ(xio_context_run_loop(ctx, 100), 0);
	CHECK(clock_ms() - t >= 100);
	t = clock_ms();
	CHECK_EQ(xio_context_poll_wait(ctx, 50), 0);
	CHECK(clock_ms() - t >= 50);
	CHECK_EQ(xio_context_poll_completions(ctx, 1000), 0);
	xio_context_destroy(ctx);
	xio_context_destroy(NULL);
}

static void stop_before_run(void)
{
	struct pollfd p;
	long long t;

	open_ctx();
	p.fd = xio_context_get_poll_fd(ctx);
	p.events = POLLIN;
	CHECK_EQ(poll(&p, 1, 0), 0);
	xio_context_stop_loop(ctx);
	xio_context_stop_loop(ctx);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(xio_context_run_loop(ctx, XIO_INFINITE), 0);
	/* Once. */
	t = clock_ms();
	CHECK_EQ(xio_context_run_loop(ctx, 30), 0);
	CHECK(clock_ms() - t >= 30);
	CHECK_EQ(poll(&p, 1, 0), 0);
	xio_context_destroy(ctx);
}

/* ---- looking for input before sleeping --------------------------------- */

static struct {
	struct xe_loop loop;
	struct xe_ev hot;
	int looks;
	int64_t takes;			/* ns */
	int64_t now;			/* 0: the real clock */
	bool input;
} look;

/* A busy machine takes time from a look, so here looks alone make time pass. */
int64_t __real_xe_now_ns(void);
int64_t __wrap_xe_now_ns(void);

int64_t __wrap_xe_now_ns(void)
{
	return look.now ? look.now : __real_xe_now_ns();
}

static void on_look(struct xe_ev *ev, uint32_t events)
{
	(void)ev;
	(void)events;
	look.looks++;
	look.now += look.takes;
	look.loop.input = look.input;
}

/* A pass behind one with input; how often the socket was looked at. */
static int looks_of_a_pass(bool fed)
{
	look.looks = 0;
	look.loop.fed = fed;
	xe_loop_pass(&look.loop, 1);
	return look.looks;
}

static void looks_before_it_sleeps(void)
{
	struct xe_loop *l = &look.loop;
	int i, n;

	CHECK_EQ(xe_loop_init(l), 0);
	look.now = xe_now_ns();
	look.hot.fn = on_look;
	l->hot = &look.hot;
	CHECK_EQ(looks_of_a_pass(false), 0);
	/* Nothing comes: it looks more and more rarely. */
	n = looks_of_a_pass(true);
	CHECK_EQ(n, XE_LOOP_LINGER_LOOKS);
	for (i = n = 0; i < 200; i++)
		n += looks_of_a_pass(true) > 0;
	CHECK(n > 0 && n < 12);
	/* Input comes: it looks again, until the first of it. */
	look.input = true;
	look.takes = 2 * XE_LOOP_LINGER_SOON_NS;
	l->rest = 0;
	l->vain = XE_LOOP_REST_VAIN;
	CHECK_EQ(looks_of_a_pass(true), 1);
	CHECK(l->fed);
	l->rest = 0;
	CHECK_EQ(looks_of_a_pass(true), 1);
	/* Somebody else has the processor: it stays away for long. */
	look.takes = 2 * XE_LOOP_LINGER_LOST_NS;
	l->rest = 0;
	n = (int)l->lost;
	CHECK_EQ(looks_of_a_pass(true), 1);
	CHECK_EQ(l->rest, n);
	CHECK_EQ(l->lost, 2 * n);
	/* And comes back in small steps. */
	look.takes = 2 * XE_LOOP_LINGER_SOON_NS;
	for (i = 0; i < 100000 && l->lost > XE_LOOP_REST_LEAST; i++) {
		l->rest = 0;
		looks_of_a_pass(true);
	}
	CHECK_EQ(l->lost, XE_LOOP_REST_LEAST);
	l->hot = NULL;
	xe_loop_fini(l);
	look.now = 0;
}

static int calls;

static void count_and_stop(int fd, int events, void *data)
{
	uint64_t n;

	CHECK(events & XIO_POLLIN);
	CHECK(data == &calls);
	CHECK(read(fd, &n, sizeof(n)) == sizeof(n));
	calls++;
	xio_context_stop_loop(ctx);
	/* Not from inside itself. */
	CHECK_EQ(xio_context_run_loop(ctx, 0), -1);
	CHECK_EQ(xio_context_poll_wait(ctx, 0), -1);
}

static void stop_from_handler(void)
{
	int fd = event_fd(1);

	open_ctx();
	calls = 0;
	CHECK_EQ(xio_context_add_ev_handler(ctx, fd, XIO_POLLIN,
					    count_and_stop, &calls), 0);
	CHECK_EQ(xio_context_run_loop(ctx, XIO_INFINITE), 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(xio_context_del_ev_handler(ctx, fd), 0);
	close(fd);
	xio_context_destroy(ctx);
}

#define STOPS		100000
#define STOPS_MS	4000	/* a busy machine hands over slowly */

static atomic_int stops_wanted;
static atomic_bool stops_over;

static void *stopper(void *arg)
{
	volatile int pause_;
	int i;

	(void)arg;
	for (i = 0; ; i++) {
		while (atomic_load(&stops_wanted) <= i) {
			if (atomic_load(&stops_over))
				return NULL;
			sched_yield();
		}
		/* The second meets the loop on its way out or in again. */
		xio_context_stop_loop(ctx);
		for (pause_ = (i % 50) * 20; pause_ > 0; pause_--)
			;
		xio_context_stop_loop(ctx);
	}
}

/* Every stop ends a run; a lost one would be an endless wait. */
static void stop_from_thread(void)
{
	long long end = clock_ms() + STOPS_MS;
	pthread_t t;
	int i;

	open_ctx();
	atomic_store(&stops_wanted, 0);
	atomic_store(&stops_over, false);
	if (pthread_create(&t, NULL, stopper, NULL))
		exit(2);
	for (i = 0; i < STOPS && clock_ms() < end; i++) {
		atomic_fetch_add(&stops_wanted, 1);
		if (xio_context_run_loop(ctx, XIO_INFINITE))
			break;
	}
	CHECK(i == STOPS || (i > 100 && clock_ms() >= end));
	printf("     %d stops\n", i);
	atomic_store(&stops_over, true);
	pthread_join(t, NULL);
	xio_context_destroy(ctx);
}

/* ---- handlers ---------------------------------------------------------- */

static int fds[4];
static int seen[4];

static void drain(int fd)
{
	uint64_t n;

	CHECK(read(fd, &n, sizeof(n)) == sizeof(n));
}

static void count(int fd, int events, void *data)
{
	(void)events;
	(*(int *)data)++;
	drain(fd);
}

static void wrong_handlers(void)
{
	int fd = event_fd(0);

	open_ctx();
	CHECK_EQ(xio_context_add_ev_handler(ctx, fd, XIO_POLLIN, count,
					    &seen[0]), 0);
	CHECK_EQ(xio_context_add_ev_handler(ctx, fd, XIO_POLLIN, count,
					    &seen[0]), -1);
	CHECK_EQ(xio_errno(), EEXIST);
	CHECK_EQ(xio_context_add_ev_handler(ctx, 12345, XIO_POLLIN, count,
					    NULL), -1);
	CHECK_EQ(xio_errno(), EBADF);
	CHECK_EQ(xio_context_modify_ev_handler(ctx, 12345, XIO_POLLIN), -1);
	CHECK_EQ(xio_errno(), ENOENT);
	CHECK_EQ(xio_context_del_ev_handler(ctx, 12345), -1);
	CHECK_EQ(xio_errno(), ENOENT);
	/* One that is left behind is not called, and not leaked. */
	xio_context_destroy(ctx);
	close(fd);
}

static void oneshot(void)
{
	int fd = event_fd(1);
	int n = 0;

	open_ctx();
	CHECK_EQ(xio_context_add_ev_handler(ctx, fd, XIO_POLLIN | XIO_ONESHOT,
					    count, &n), 0);
	CHECK_EQ(xio_context_run_loop(ctx, 0), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(eventfd_write(fd, 1), 0);
	CHECK_EQ(xio_context_run_loop(ctx, 0), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(xio_context_modify_ev_handler(ctx, fd,
					       XIO_POLLIN | XIO_ONESHOT), 0);
	CHECK_EQ(xio_context_run_loop(ctx, 0), 0);
	CHECK_EQ(n, 2);
	CHECK_EQ(xio_context_del_ev_handler(ctx, fd), 0);
	close(fd);
	xio_context_destroy(ctx);
}

static int hup_events;

static void on_hup(int fd, int events, void *data)
{
	(void)data;
	hup_events |= events;
	CHECK_EQ(xio_context_del_ev_handler(ctx, fd), 0);
	close(fd);
}

static void hang_up(void)
{
	int p[2];

	if (pipe(p))
		exit(2);
	open_ctx();
	CHECK_EQ(xio_context_add_ev_handler(ctx, p[0], XIO_POLLIN, on_hup,
					    NULL), 0);
	close(p[1]);
	CHECK_EQ(xio_context_run_loop(ctx, 0), 0);
	CHECK(hup_events & XIO_POLLHUP);
	xio_context_destroy(ctx);
}

/* The first of a batch deletes all others: they must not be called. */
static void on_first(int fd, int events, void *data)
{
	int i;

	(void)events;
	(void)data;
	for (i = 0; i < 4; i++) {
		if (fds[i] == fd)
			seen[i]++;
		CHECK_EQ(xio_context_del_ev_handler(ctx, fds[i]), 0);
		close(fds[i]);
	}
}

static void delete_others(void)
{
	int i;

	open_ctx();
	for (i = 0; i < 4; i++) {
		seen[i] = 0;
		fds[i] = event_fd(1);
		CHECK_EQ(xio_context_add_ev_handler(ctx, fds[i], XIO_POLLIN,
						    on_first, NULL), 0);
	}
	CHECK_EQ(xio_context_run_loop(ctx, 0), 0);
	CHECK_EQ(seen[0] + seen[1] + seen[2] + seen[3], 1);
	xio_context_destroy(ctx);
}

/* A deletion must not cost an edge-triggered neighbour its event. */
static void on_deleter(int fd, int events, void *data)
{
	(void)events;
	(void)data;
	CHECK_EQ(xio_context_del_ev_handler(ctx, fd), 0);
	close(fd);
}

static void edge_survives_deletion(void)
{
	int round;

	for (round = 0; round < 2; round++) {
		int edge = event_fd(0), other = event_fd(1), n = 0;

		open_ctx();
		if (round == 0)
			CHECK_EQ(xio_context_add_ev_handler(ctx, other,
				XIO_POLLIN, on_deleter, NULL), 0);
		CHECK_EQ(xio_context_add_ev_handler(ctx, edge,
			XIO_POLLIN | XIO_POLLET, count, &n), 0);
		if (round == 1)
			CHECK_EQ(xio_context_add_ev_handler(ctx, other,
				XIO_POLLIN, on_deleter, NULL), 0);
		CHECK_EQ(eventfd_write(edge, 1), 0);
		CHECK_EQ(xio_context_run_loop(ctx, 0), 0);
		CHECK_EQ(n, 1);
		CHECK_EQ(xio_context_del_ev_handler(ctx, edge), 0);
		close(edge);
		xio_context_destroy(ctx);
	}
}

static void destroy_in_handler(int fd, int events, void *data)
{
	(void)events;
	(void)data;
	drain(fd);
	xio_context_destroy(ctx);
	xio_context_destroy(ctx);
}

static void context_destroyed_in_handler(void)
{
	int before = open_fds();
	int fd = event_fd(1);

	open_ctx();
	CHECK_EQ(xio_context_add_ev_handler(ctx, fd, XIO_POLLIN,
					    destroy_in_handler, NULL), 0);
	CHECK_EQ(xio_context_run_loop(ctx, XIO_INFINITE), 0);
	close(fd);
	CHECK_EQ(open_fds(), before);
}

/* ---- an outer loop ------------------------------------------------------ */

/* Progress through the poll fd alone, timers included. */
static void outer_loop(void)
{
	struct app c, s;
	struct pollfd p[2];
	long long end = clock_ms() + 10000;
	int idle = 0;

	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT,
		    200);
	app_open(&c, "client");
	app_open(&s, "server");
	app_listen(&s);
	app_connect(&c, s.port);
	xio_context_poll_wait(c.ctx, 0);
	p[0].fd = xio_context_get_poll_fd(c.ctx);
	p[1].fd = xio_context_get_poll_fd(s.ctx);
	p[0].events = p[1].events = POLLIN;
	while (clock_ms() < end && c.over == 0) {
		/* Before the poll: nothing else may be to come. */
		if (c.responses == 50 && c.conn)
			xio_disconnect(c.conn);
		if (poll(p, 2, 8000) <= 0)
			break;
		if (p[0].revents)
			xio_context_poll_wait(c.ctx, 0);
		if (p[1].revents)
			xio_context_poll_wait(s.ctx, 0);
		if (c.established && c.requests == 0) {
			int i;

			c.requests = 1;
			for (i = 0; i < 50; i++)
				CHECK_EQ(xio_send_request(c.conn, msg_new(
					0, 20000, 1, 1)), 0);
			xio_context_poll_wait(c.ctx, 0);
		}
	}
	CHECK_EQ(c.responses, 50);
	CHECK_EQ(c.over, 1);
	/* The idle link goes after its time, by the fd's word. */
	CHECK_EQ(poll(p, 2, 2000) > 0, 1);
	while (poll(p, 2, 400) > 0 && clock_ms() < end) {
		xio_context_poll_wait(c.ctx, 0);
		xio_context_poll_wait(s.ctx, 0);
		idle++;
	}
	CHECK(idle < 20);
	app_close(&c);
	app_close(&s);
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_TRANSPORT_CLOSE_TIMEOUT,
		    60000);
}

/* A session on a link that is up already: its first frame needs no event. */
static void outer_loop_again(void)
{
	struct app c, s;
	struct pollfd p[2];

	pair_open(&c, &s);
	CHECK_EQ(xio_disconnect(c.conn), 0);
	WAIT_FOR(&c, &s, c.over == 1 && s.over == 1);
	p[0].fd = xio_context_get_poll_fd(c.ctx);
	p[1].fd = xio_context_get_poll_fd(s.ctx);
	p[0].events = p[1].events = POLLIN;
	app_connect(&c, s.port);
	while (c.established < 2 && poll(p, 2, 8000) > 0) {
		if (p[0].revents)
			xio_context_poll_wait(c.ctx, 0);
		if (p[1].revents)
			xio_context_poll_wait(s.ctx, 0);
	}
	CHECK_EQ(c.established, 2);
	CHECK_EQ(xio_disconnect(c.conn), 0);
	WAIT_FOR(&c, &s, c.over == 2 && s.over == 2);
	app_close(&c);
	app_close(&s);
}

/* ---- threads ------------------------------------------------------------ */

#define CLIENTS		3
#define MESSAGES	3000

struct worker {
	struct app app;
	uint16_t port;
	int sent;
	int verified;
	bool failed;
	pthread_t thread;
};

static struct worker workers[CLIENTS];
static struct app server;
static atomic_int server_over;

static void send_next(struct worker *w)
{
	/* The counters of CHECK belong to the main thread. */
	if (xio_send_request(w->app.conn, msg_new(
		8, (size_t)(w->sent % 40) * 500, 1, (unsigned int)w->sent)))
		w->failed = true;
	w->sent++;
}

static void echo(struct app *a, struct xio_msg *m)
{
	(void)a;
	answer(m, m->in.header.iov_len, 64, 5);
}

static void on_reply(struct app *a, struct xio_msg *m)
{
	struct worker *w = (struct worker *)(void *)a;

	w->verified += msg_is(m, 8, 64, 5);
	xio_release_response(m);
	msg_free(m);
	if (w->sent < MESSAGES)
		send_next(w);
}

static void on_client_event(struct app *a, struct xio_session_event_data *d)
{
	if (d->event == XIO_SESSION_TEARDOWN_EVENT)
		xio_context_stop_loop(a->ctx);
}

static void *client_thread(void *arg)
{
	struct worker *w = arg;
	int i;

	app_open(&w->app, "client");
	w->app.quiet = true;
	w->app.on_msg = on_reply;
	w->app.on_event = on_client_event;
	app_connect(&w->app, w->port);
	for (i = 0; i < 8; i++)
		send_next(w);
	while (w->app.over == 0) {
		xio_context_run_loop(w->app.ctx, w->app.responses < MESSAGES ?
				     20 : XIO_INFINITE);
		/* Twice, so that the second is without effect. */
		if (w->app.responses == MESSAGES && w->app.conn) {
			xio_disconnect(w->app.conn);
			xio_disconnect(w->app.conn);
		}
	}
	app_close(&w->app);
	return NULL;
}

static void on_server_event(struct app *a, struct xio_session_event_data *d)
{
	(void)a;
	if (d->event == XIO_SESSION_TEARDOWN_EVENT &&
	    atomic_fetch_add(&server_over, 1) == CLIENTS - 1)
		xio_context_stop_loop(a->ctx);
}

static void *server_thread(void *arg)
{
	(void)arg;
	while (atomic_load(&server_over) < CLIENTS)
		xio_context_run_loop(server.ctx, XIO_INFINITE);
	return NULL;
}

static void several_threads(void)
{
	pthread_t t;
	int i;

	app_open(&server, "server");
	server.quiet = true;
	server.on_msg = echo;
	server.on_event = on_server_event;
	app_listen(&server);
	atomic_store(&server_over, 0);
	if (pthread_create(&t, NULL, server_thread, NULL))
		exit(2);
	for (i = 0; i < CLIENTS; i++) {
		workers[i].port = server.port;
		workers[i].sent = 0;
		workers[i].verified = 0;
		workers[i].failed = false;
		if (pthread_create(&workers[i].thread, NULL, client_thread,
				   &workers[i]))
			exit(2);
	}
	for (i = 0; i < CLIENTS; i++) {
		pthread_join(workers[i].thread, NULL);
		CHECK_EQ(workers[i].verified, MESSAGES);
		CHECK(!workers[i].failed);
	}
	pthread_join(t, NULL);
	CHECK_EQ(server.requests, CLIENTS * MESSAGES);
	app_close(&server);
}

/* xio_disconnect is the one call on a connection that others may make. */
static atomic_bool may_disconnect, stop_driver;

static void *driver(void *arg)
{
	struct app *a = arg;

	while (!atomic_load(&stop_driver)) {
		xio_context_run_loop(a->ctx, 20);
		if (a->established)
			atomic_store(&may_disconnect, true);
		if (a->over)
			break;
	}
	return NULL;
}

static void disconnect_from_another_thread(void)
{
	int round;

	for (round = 0; round < 20; round++) {
		struct app c, s;
		pthread_t t;

		app_open(&c, "client");
		app_open(&s, "server");
		app_listen(&s);
		app_connect(&c, s.port);
		c.on_event = on_client_event;
		c.keep_conn = false;
		atomic_store(&may_disconnect, false);
		atomic_store(&stop_driver, false);
		{
			struct xio_connection *conn = c.conn;

			if (pthread_create(&t, NULL, driver, &c))
				exit(2);
			WAIT_FOR(&s, NULL, atomic_load(&may_disconnect));
			CHECK_EQ(xio_disconnect(conn), 0);
		}
		WAIT_FOR(&s, NULL, s.over == 1);
		pthread_join(t, NULL);
		CHECK_EQ(c.over, 1);
		app_close(&c);
		app_close(&s);
	}
}

int main(void)
{
	int before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	xio_init();
	before = open_fds();
	RUN(timeouts);
	RUN(stop_before_run);
	RUN(looks_before_it_sleeps);
	RUN(stop_from_handler);
	RUN(stop_from_thread);
	RUN(wrong_handlers);
	RUN(oneshot);
	RUN(hang_up);
	RUN(delete_others);
	RUN(edge_survives_deletion);
	RUN(context_destroyed_in_handler);
	RUN(outer_loop);
	RUN(outer_loop_again);
	RUN(several_threads);
	RUN(disconnect_from_another_thread);
	CHECK_EQ(open_fds(), before);
	xio_shutdown();
	return check_done();
}
