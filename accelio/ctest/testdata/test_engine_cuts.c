/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_cuts.c - a long exchange in both directions whose TCP
 * connections are cut at random points. Each request ends exactly once, and
 * the application at the other end sees it exactly once.
 */
#include "cut.h"

static unsigned int seed = 1;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % n;
}

#define ROUNDS	3000
#define WINDOW	24

/* Numbers of requests stand in their headers. */
static unsigned char seen[ROUNDS], ended[ROUNDS];
static int sent, answered, discarded;

static struct xio_msg *numbered(int i)
{
	size_t data = rnd(6) ? rnd(600) : rnd(20000);
	struct xio_msg *m = msg_new(4, data, 1, 7);

	memcpy(m->out.header.iov_base, &i, 4);
	m->user_context = (void *)(intptr_t)i;
	if (rnd(4) == 0)
		m->flags = XIO_MSG_FLAG_REQUEST_READ_RECEIPT;
	return m;
}

static void send_numbered(struct app *a)
{
	struct xio_msg *m;

	if (sent >= ROUNDS)
		return;
	m = numbered(sent++);
	if (rnd(2)) {
		static const size_t room = 70000;

		msg_offer(m, &room, 1, false);
	}
	CHECK_EQ(xio_send_request(a->conn, m), 0);
}

static void end_of(struct app *a, struct xio_msg *m)
{
	int i = (int)(intptr_t)m->user_context;

	CHECK(seen[i] == 1);
	CHECK(!ended[i]);
	ended[i] = 1;
	answered++;
	send_numbered(a);
}

static void soak_msg(struct app *a, struct xio_msg *m)
{
	int i;

	if (m->type == XIO_MSG_TYPE_RSP) {
		CHECK(vmsg_sglist_nents(&m->in) == 0 ||
		      msg_is(m, 0, vmsg_sglist(&m->in)[0].iov_len, 9));
		end_of(a, m);
		xio_release_response(m);
		msg_free(m);
		return;
	}
	memcpy(&i, m->in.header.iov_base, 4);
	CHECK(i >= 0 && i < ROUNDS && !seen[i]);
	seen[i] = 1;
	if (rnd(3) == 0 && a->held_nr < APP_MSGS) {
		a->held[a->held_nr++] = m;
		return;
	}
	answer(m, 0, vmsg_sglist_nents(&m->out) ? rnd(70000) : rnd(8000), 9);
}

static void answer_one(struct app *a)
{
	if (a->held_nr == 0)
		return;
	answer(a->held[0], 0, rnd(8000), 9);
	a->held[0] = a->held[--a->held_nr];
}

/* One error only is allowed: of a request that was seen once. */
static int soak_error(struct xio_session *ses, enum xio_status error,
		      enum xio_msg_direction dir, struct xio_msg *m,
		      void *user)
{
	(void)ses;
	CHECK_EQ(error, XIO_E_MSG_DISCARDED);
	CHECK_EQ(dir, XIO_MSG_DIRECTION_IN);
	discarded++;
	xio_release_response(m);
	end_of(user, m);
	msg_free(m);
	return 0;
}

static void next_cut(void)
{
	static int early;

	/* Never so often in a row that the attempts run out. */
	if (rnd(4) == 0 && early < 2) {
		early++;
		f.cut_after = rnd(400);
	} else {
		early = 0;
		f.cut_after = 3000 + rnd(rnd(2) ? 40000 : 600000);
	}
}

static void soak(void)
{
	long long end = clock_ms() + 60000;
	int i, cuts = 0, failures = check_failures;

	memset(seen, 0, sizeof(seen));
	memset(ended, 0, sizeof(ended));
	sent = answered = discarded = 0;
	reconnecting = reconnected = 0;
	waits(2);
	app_open(&c, "client");
	app_open(&s, "server");
	c.on_event = on_event;
	c.ops.on_msg_error = soak_error;
	s.ops.on_msg_error = soak_error;
	c.on_msg = soak_msg;
	s.on_msg = soak_msg;
	c.quiet = true;
	s.quiet = true;
	app_listen(&s);
	fwd_open(&f, s.port);
	app_connect(&c, f.port);
	UNTIL(c.established == 1);
	for (i = 0; i < WINDOW; i++)
		send_numbered(i % 3 ? &c : &s);
	next_cut();
	while (answered < ROUNDS && check_failures == failures &&
	       clock_ms() < end) {
		turn();
		if (rnd(2))
			answer_one(rnd(2) ? &c : &s);
		if (f.cuts == cuts)
			continue;
		cuts = f.cuts;
		next_cut();
	}
	CHECK_EQ(answered, ROUNDS);
	f.cut_after = -1;
	if (reconnected < reconnecting)
		UNTIL(reconnected == reconnecting);
	CHECK(reconnected > 20);
	/* Few answers are on their way at any time. */
	CHECK(discarded < reconnected * WINDOW);
	printf("     %d requests, %d cuts, %d answers lost\n", sent, f.cuts,
	       discarded);
	close_all();
}

int main(void)
{
	int before, dual;

	setvbuf(stdout, NULL, _IOLBF, 0);
	xio_init();
	pair_open(&c, &s);
	pair_close(&c, &s);
	before = open_fds();
	set_int_opt(XIO_OPTLEVEL_ACCELIO, XIO_OPTNAME_ENABLE_RECONNECT, 1);
	for (dual = 1; dual >= 0; dual--) {
		set_int_opt(XIO_OPTLEVEL_TCP, XIO_OPTNAME_TCP_DUAL_STREAM,
			    dual);
		RUN(soak);
	}
	CHECK_EQ(open_fds(), before);
	xio_shutdown();
	return check_done();
}
